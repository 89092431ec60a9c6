#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""UDP through the relay: what a program sees of a server outside, and what gets through of what nobody approved."""

import base64
import os
import shutil
import socket
import threading
import unittest

import net_testing
from approver_testing import rule
from net_testing import OTHER, SERVER, SERVER6, NameServer, NetTest


class DatagramServer:
    """Answers each datagram with itself in capitals, and keeps it."""

    def __init__(self, address=SERVER, port=0):
        self.socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((address, port))
        self.port = self.socket.getsockname()[1]
        self.got = []
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            data, who = self.socket.recvfrom(1 << 16)
            if data == b"end of test" and who[0] == self.socket.getsockname()[0]:
                self.socket.close()
                return
            self.got.append(data)
            self.socket.sendto(data.upper(), who)

    def close(self):
        with socket.socket(self.socket.family, socket.SOCK_DGRAM) as end:
            end.bind((self.socket.getsockname()[0], 0))
            end.sendto(b"end of test", self.socket.getsockname())


SOCKET = """
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
to = (sys.argv[1], int(sys.argv[2]))
"""


class UdpTest(NetTest):
    def datagrams(self, **kw):
        server = DatagramServer(**kw)
        self.addCleanup(server.close)
        return server


class Udp(UdpTest):
    def test_messages_with_an_address(self):
        server = self.datagrams()
        done = self.python(SOCKET + """
for i in range(100):
    assert s.sendto(b"message %d" % i, to) > 0
    got, who = s.recvfrom(100)
    assert (got, who) == (b"MESSAGE %d" % i, to), (got, who)
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(server.got), 100)
        close, = self.closes()
        self.assertEqual((close["host"], close["port"], close["bytes_out"], close["bytes_in"]),
                         (SERVER, server.port, 990, 990))

    def test_connected(self):
        server = self.datagrams()
        done = self.python(SOCKET + """
s.connect(to)
for size in (0, 1, 1200, 9000, 60000):
    s.send(b"x" * size)
    got = s.recv(1 << 16)
    assert got == b"X" * size, (size, len(got))
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([len(d) for d in server.got], [0, 1, 1200, 9000, 60000])

    def test_v6(self):
        server = self.datagrams(address=SERVER6)
        done = self.python(SOCKET + """
s.connect(to)
s.send(b"six")
assert s.recv(10) == b"SIX"
""", SERVER6, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.closes()[0]["address"], SERVER6)

    def test_v4_by_a_socket_of_v6(self):
        server = self.datagrams()
        done = self.python("""
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.settimeout(20)
to = ("::ffff:" + sys.argv[1], int(sys.argv[2]))
s.sendto(b"mapped", to)
assert s.recvfrom(10)[0] == b"MAPPED"
s.connect(to)
s.send(b"again")
assert s.recv(10) == b"AGAIN"
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(server.got, [b"mapped", b"again"])

    def test_many_in_one_call(self):
        """One that the kernel cuts into datagrams (UDP_SEGMENT), by an option and by a control message."""
        server = self.datagrams()
        done = self.python(SOCKET + """
s.sendmsg([b"a" * 1000 + b"b" * 1000 + b"c"], [(socket.IPPROTO_UDP, 103, struct.pack("H", 1000))], 0, to)
s.setsockopt(socket.IPPROTO_UDP, 103, 1000)
s.sendto(b"d" * 1000 + b"e", to)
assert {s.recv(1 << 16)[:1] for _ in range(5)} == set(b"%c" % c for c in b"ABCDE")
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual([(d[:1], len(d)) for d in server.got],
                         [(b"a", 1000), (b"b", 1000), (b"c", 1), (b"d", 1000), (b"e", 1)])

    def test_a_socket_that_is_another_port_now(self):
        """Dissolved, its port is free; connected anew it has another, and answers go there."""
        server = self.datagrams()
        done = self.python(SOCKET + """
import ctypes
s.connect(to)
s.send(b"first")
assert s.recv(10) == b"FIRST"
port = s.getsockname()[1]
assert ctypes.CDLL(None).connect(s.fileno(), bytes(16), 16) == 0
blocks = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
blocks.bind(("0.0.0.0", port))
s.connect(to)
assert s.getsockname()[1] != port
s.send(b"second")
assert s.recv(10) == b"SECOND"
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(server.got, [b"first", b"second"])

    def test_several_at_once(self):
        server, other = self.datagrams(), self.datagrams(address=OTHER)
        done = self.python(SOCKET + """
other = (sys.argv[3], int(sys.argv[4]))
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(20)]
for i, one in enumerate(sockets):
    one.settimeout(20)
    one.sendto(b"a%d" % i, to)
    one.sendto(b"b%d" % i, other)
for i, one in enumerate(sockets):
    got = {one.recvfrom(10) for _ in range(2)}
    assert got == {(b"A%d" % i, to), (b"B%d" % i, other)}, got
""", SERVER, server.port, OTHER, other.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.closes()), 40)

    def test_by_name(self):
        server = self.datagrams()
        names = NameServer({"udp.example": [SERVER]})
        self.addCleanup(names.close)
        done = self.run_in("python3", "-c", """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(20)
address = socket.getaddrinfo("udp.example", int(sys.argv[1]), socket.AF_INET, socket.SOCK_DGRAM)[0][4]
s.connect(address)
s.send(b"named")
assert s.recv(10) == b"NAMED"
assert s.getpeername() == address
""", str(server.port), options=(*self.net(), f"--resolver={names.address}"))
        self.assertEqual(done.returncode, 0, done.stderr)
        close, = self.closes()
        self.assertEqual((close["host"], close["address"]), ("udp.example", SERVER))

    def test_a_socket_that_sends_nothing_asks_nothing(self):
        names = NameServer({"udp.example": [SERVER]})
        self.addCleanup(names.close)
        done = self.run_in("python3", "-c", """
import socket
address = socket.getaddrinfo("udp.example", 443, socket.AF_INET, socket.SOCK_DGRAM)[0][4]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(address)
assert s.getsockname()[1]
""", options=(*self.net(), f"--resolver={names.address}"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(names.asked, [])
        self.assertEqual(self.closes(), [])

    def test_what_may_not_be_dialled(self):
        server = self.datagrams()
        done = self.python(SOCKET + """
s.settimeout(1)
s.sendto(b"private", to)
try:
    s.recv(10)
except TimeoutError:
    sys.exit(7)
""", SERVER, server.port, private=())
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertEqual(server.got, [])
        close, = self.closes()
        self.assertEqual((close["reason"], close["bytes_out"]), ("not connected", 0))

    def test_refused_by_policy(self):
        server = self.datagrams()
        self.rules = self.policy(defaults={"net.connect": "allow", "net.send": "deny"})
        done = self.python(SOCKET + """
try:
    s.sendto(b"refused", to)
except PermissionError:
    sys.exit(7)
""", SERVER, server.port)
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertEqual(server.got, [])

    def test_whose_turn_it_is_not_waits(self):
        server = self.datagrams()
        slow = rule("slow.request", "action.port != 1", ("net.request",), verdict="throttle",
                    throttle={"per_second": 1}, match={"kind": "net.request", "port": 2},
                    not_match={"kind": "net.request", "port": 1})
        self.rules = self.policy(slow, defaults={"net.send": "allow"})
        done = self.python(SOCKET + """
sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(3)]
began = time.monotonic()
for i, one in enumerate(sockets):
    one.settimeout(20)
    one.sendto(b"message %d" % i, to)
for i, one in enumerate(sockets): assert one.recv(100) == b"MESSAGE %d" % i
assert time.monotonic() - began > 1
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(server.got), [b"message 0", b"message 1", b"message 2"])

    def test_nobody_else_gets_the_port_of_a_flow(self):
        """The program's socket is how its datagrams are known: when it is closed, nobody else may be taken for it."""
        server = self.datagrams()
        done = self.python(SOCKET + """
s.sendto(b"approved", to)
assert s.recv(20) == b"APPROVED"
port = s.getsockname()[1]
s.close()
try:
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).bind(("0.0.0.0", port))
except OSError as e:
    assert e.errno == errno.EADDRINUSE, e
else:
    sys.exit("the port can be had by somebody else")
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)

    RACE = """
import ctypes, os, socket, struct, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
def sockaddr(host, port):
    return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(int(port)), socket.inet_aton(host))
good, bad = sockaddr(*sys.argv[1:3]), sockaddr(*sys.argv[3:5])
name = ctypes.create_string_buffer(good, 16)
stop = False
def swap():
    while not stop:
        ctypes.memmove(name, bad, 16)
        ctypes.memmove(name, good, 16)
threading.Thread(target=swap, daemon=True).start()
sent, tries = 0, 0
while tries < 300 or sent < 10 and tries < 6000:  # some go as the good one, on a busy machine too
    tries += 1
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    if tries % 2:
        sent += libc.sendto(s.fileno(), b"race", 4, 0, name, 16) == 4
    elif libc.connect(s.fileno(), name, 16) == 0:
        try: sent += s.send(b"race") == 4
        except OSError: pass
    s.close()
stop = True
"""

    def deny_python(self, address):
        return self.policy({
            "id": "t.other", "category": "t", "severity": "high", "on": ["net.connect", "net.send"],
            "when": f"action.address == '{address}' && action.exe.contains('python')", "verdict": "deny",
            "because": "Not there.", "refs": ["t"],
            "match": [{"action": {"kind": "net.send", "address": address, "port": 9, "exe": "/usr/bin/python3"}}],
            "not_match": [{"action": {"kind": "net.send", "address": address, "port": 9, "exe": "/bin/sh"}}],
        }, defaults={"net.connect": "allow", "net.send": "allow"})

    def test_address_changed_after_the_verdict(self):
        """A thread rewrites the address while the call is checked: what gets out is what was approved.

        In a live workspace the supervisor connects the socket itself.
        """
        server, other = self.datagrams(), self.datagrams(address=OTHER)
        self.rules = self.deny_python(OTHER)
        for mode in ("cow", "live"):
            with self.subTest(mode=mode):
                del server.got[:]
                done = self.python(self.RACE, SERVER, server.port, OTHER, other.port, options=["-w", f"{self.work}:{mode}"])
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(other.got, [])
                self.assertTrue(server.got)

    def test_changed_to_where_another_program_may_send(self):
        """The same, where the other destination stands: the shell is connected with it, and has sent nothing."""
        server, other = self.datagrams(), self.datagrams(address=OTHER)
        self.rules = self.deny_python(OTHER)
        done = self.run_in("bash", "-c", 'exec 3<>"/dev/udp/$3/$4"; python3 -c "$0" "$@" && echo shell >&3 '
                                         '&& [ "$(dd bs=100 count=1 <&3 2>/dev/null)" = SHELL ]',
                           self.RACE, SERVER, str(server.port), OTHER, str(other.port), options=self.net())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(other.got, [b"shell\n"])
        self.assertTrue(server.got)

    # Of a socket at 127.0.0.9, or at the very place of the other: what it sends has the other's address and port.
    SPOOF = """
import ctypes, socket, struct, sys, threading
class iovec(ctypes.Structure): _fields_ = [("at", ctypes.c_char_p), ("len", ctypes.c_size_t)]
class msghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_void_p), ("namelen", ctypes.c_uint), ("iov", ctypes.POINTER(iovec)), ("iovlen", ctypes.c_size_t),
                ("control", ctypes.c_char_p), ("controllen", ctypes.c_size_t), ("flags", ctypes.c_int)]
libc = ctypes.CDLL(None, use_errno=True)
def sockaddr(host, port):
    return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(int(port)), socket.inet_aton(host))
good, bad = sockaddr(*sys.argv[1:3]), sockaddr(*sys.argv[3:5])
own, port, option = sys.argv[5], int(sys.argv[6]), int(sys.argv[7])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if option: s.setsockopt(socket.SOL_SOCKET, option, 1)
s.bind((own if option else "127.0.0.9", port))
control = struct.pack("=QiiI4s4s4x", 28, socket.IPPROTO_IP, 8, 0, socket.inet_aton(own), bytes(4))  # IP_PKTINFO
name = ctypes.create_string_buffer(good, 16)
part = iovec(b"stolen", 6)
message = msghdr(ctypes.addressof(name), 16, ctypes.pointer(part), 1, control, len(control), 0)
stop = False
def swap():
    while not stop:
        ctypes.memmove(name, bad, 16)
        ctypes.memmove(name, good, 16)
threading.Thread(target=swap, daemon=True).start()
for _ in range(2000): libc.sendmsg(s.fileno(), ctypes.byref(message), 0)
stop = True
"""
    OWNER = SOCKET + """
import subprocess
option = int(sys.argv[5])
if option: s.setsockopt(socket.SOL_SOCKET, option, 1)
s.connect((sys.argv[3], int(sys.argv[4])))
s.send(b"mine")
assert s.recv(9) == b"MINE"
own, port = s.getsockname()
subprocess.run(["/usr/bin/python3", "-c", sys.argv[6], *sys.argv[1:5], own, str(port), sys.argv[5]], check=True)
s.send(b"mine")
while s.recv(9) != b"MINE": pass
"""

    def test_from_another_programs_address_and_port(self):
        """It is known by its socket: of the loopback every address is anybody's, and a port may be shared."""
        server, other = self.datagrams(), self.datagrams(address=OTHER)
        self.rules = self.deny_python(OTHER)
        shutil.copy(os.path.realpath("/usr/bin/python3"), self.work / "owner")
        for option in (0, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            with self.subTest(option=option):
                for _ in range(20):
                    del other.got[:]
                    done = self.run_in("./owner", "-c", "import errno, os, socket, sys\n" + self.OWNER, SERVER, str(server.port),
                                       OTHER, str(other.port), str(option), self.SPOOF,
                                       options=[*self.net(), "--env=PYTHONHOME=/usr"])
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(other.got, [b"mine", b"mine"])
                    # When the race was won, what was not let through has arrived where the other's goes.
                    told = [e["rule"] for e in self.events("net.refused")]
                    if "net.unapproved" in told:
                        break
                self.assertIn("net.unapproved", told)


class Content(UdpTest):
    """What is in the datagrams is looked at before they are sent."""

    CANARY = b"blue-heron-7731-of-the-north"
    # Each is sent once the one before was answered; behind those that are to be, silence is waited for, not an answer.
    SAY = SOCKET + """
s.settimeout(60)
s.connect(to)
for i, what in enumerate(eval(sys.argv[3])):
    if i >= int(sys.argv[4]): s.settimeout(3 if i == int(sys.argv[4]) else 0.1)
    try:
        s.send(what)
        s.recv(1 << 16)
        print("answered")
    except OSError:  # after a while it is refused
        print("silence")
"""

    def setUp(self):
        super().setUp()
        self.outside = self.datagrams()
        self.rules = self.policy(
            {"id": "t.content", "category": "exfiltration", "severity": "critical", "on": ["net.request"],
             "when": "size(action.canaries) > 0 || action.protocol == 'quic'", "verdict": "deny", "because": "Not this.",
             "match": [{"action": {"kind": "net.request", "canaries": ["heron"]}},
                       {"action": {"kind": "net.request", "protocol": "quic"}}],
             "not_match": [{"action": {"kind": "net.request", "protocol": "other"}}]},
            defaults={"net.connect": "allow", "net.send": "allow"})

    def net(self, private=NetTest.ALLOWED):
        return (*super().net(private), f"--canary=heron={self.CANARY.decode()}")

    def requests(self):
        return [(e["fields"]["protocol"], e["fields"].get("canaries", []), e["verdict"]) for e in self.events("net.request")]

    def check(self, what, passed, requests):
        """The first `passed` of the datagrams arrive, and no other."""
        del self.outside.got[:]
        done = self.python(self.SAY, SERVER, self.outside.port, repr(what), passed)
        self.assertEqual(done.stdout.decode().split(), ["answered"] * passed + ["silence"] * (len(what) - passed), done.stderr)
        self.assertEqual(self.outside.got, what[:passed])
        self.assertEqual(self.requests(), requests)
        if passed < len(what):
            self.assertEqual(self.closes()[0]["reason"], "refused by policy")
            self.assertIn(b"Not this.", done.stderr)

    def test_canary(self):
        found = [("other", [], "allow"), ("other", ["heron"], "deny")]
        for text in (self.CANARY, base64.b64encode(b"x" + self.CANARY), self.CANARY.hex().encode()):
            self.check([b"\0first", b"\0then" + text + b"\0", b"later"], 1, found)

    def test_canary_in_the_first_datagram(self):
        self.check([self.CANARY], 0, [("other", ["heron"], "deny")])

    def test_canary_over_two_datagrams(self):
        self.check([self.CANARY[:10], self.CANARY[10:]], 1, [("other", [], "allow"), ("other", ["heron"], "deny")])

    def test_what_has_none(self):
        self.check([b"a", b"", b"x" * 5000, self.CANARY[1:]], 4, [("other", [], "allow")])

    # An Initial of version 1 and of version 2, and one that asks which there are (RFC 9000 17.2, RFC 9369).
    INITIALS = [bytes.fromhex(head) + bytes(1200) for head in ("c000000001088394c8f03e515708000044",
                                                              "d36b3343cf088394c8f03e515708000044",
                                                              "c01a2a3a4a088394c8f03e51570800")]

    def test_quic(self):
        for initial in self.INITIALS:
            self.check([initial, b"later"], 0, [("quic", [], "deny")])

    def test_quic_behind_something_else(self):
        self.check([b"\0first", self.INITIALS[0]], 1, [("other", [], "allow"), ("quic", [], "deny")])

    def test_canary_behind_what_looks_like_quic(self):
        self.rules = self.policy(
            {"id": "t.canary", "category": "exfiltration", "severity": "critical", "on": ["net.request"],
             "when": "size(action.canaries) > 0", "verdict": "deny", "because": "Not this.",
             "match": [{"action": {"kind": "net.request", "canaries": ["heron"]}}],
             "not_match": [{"action": {"kind": "net.request", "protocol": "quic"}}]},
            defaults={"net.connect": "allow", "net.send": "allow"})
        found = [("quic", [], "allow"), ("quic", ["heron"], "deny")]
        self.check([self.INITIALS[2], b"then" + self.CANARY], 1, found)
        self.check([self.INITIALS[2], self.INITIALS[0][:20] + self.CANARY], 1, found)
        self.check([self.INITIALS[0][:20] + self.CANARY], 0, found[1:])

    def test_almost_quic(self):
        almost = [b"\x40" + self.INITIALS[0][1:],          # a short header
                  self.INITIALS[0][:4] + b"\7" + self.INITIALS[0][5:],  # of no version
                  self.INITIALS[0][:5] + b"\x15" + bytes(100),  # an id that is too long
                  self.INITIALS[0][:12]]
        self.check(almost, len(almost), [("other", [], "allow")])


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
