#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TCP through the relay: what a program sees of a server outside, and what the record says of it."""

import hashlib
import pathlib
import socket
import subprocess
import threading
import time
import unittest

import net_testing
from cordon_testing import wait_for
from net_testing import NOWHERE, OTHER, SERVER, SERVER6, UNREACHABLE, NetTest, reset


class Connects(NetTest):
    def test_bytes_both_ways_are_counted(self):
        server = self.server()
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
assert s.getpeername() == (sys.argv[1], int(sys.argv[2])), s.getpeername()
s.sendall(b"x" * 1000)
s.shutdown(socket.SHUT_WR)
got = b""
while d := s.recv(4096): got += d
assert got == b"x" * 1000
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        close, = self.closes()
        self.assertEqual((close["host"], close["port"], close["bytes_out"], close["bytes_in"], close["reason"]),
                         (SERVER, server.port, 1000, 1000, "closed"))
        connect, = (e for e in self.events("net.connect") if e["fields"]["family"] == "inet")
        self.assertEqual((connect["fields"]["host"], connect["verdict"]), (SERVER, "allow"))
        self.assertEqual(self.verified()[0], 0)

    def test_v6(self):
        server = self.server(address=SERVER6)
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"six\\n")
assert s.recv(10) == b"six\\n"
""", SERVER6, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.closes()[0]["address"], SERVER6)

    def test_v4_mapped_is_v4(self):
        server = self.server()
        done = self.python("""
s = socket.socket(socket.AF_INET6)
s.connect(("::ffff:" + sys.argv[1], int(sys.argv[2])))
s.sendall(b"mapped\\n")
assert s.recv(10) == b"mapped\\n"
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.closes()[0]["address"], SERVER)

    def test_without_blocking(self):
        server = self.server()
        done = self.python("""
import asyncio
async def one(i):
    r, w = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    w.write(b"%d\\n" % i)
    assert await r.readline() == b"%d\\n" % i
    w.close()
    await w.wait_closed()
async def main():
    await asyncio.gather(*(one(i) for i in range(100)))
asyncio.run(main())
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.closes()), 100)

    def test_server_that_speaks_first(self):
        server = self.server(lambda c: (c.sendall(b"220 hello\r\n"), c.recv(100)))
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
assert s.recv(100) == b"220 hello\\r\\n"
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_curl(self):
        def serve(connection):
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes")
        server = self.server(serve)
        done = self.run_in("curl", "-sS", f"http://{SERVER}:{server.port}/", options=self.net())
        self.assertEqual((done.stdout, done.returncode), (b"yes", 0), done.stderr)


class Errors(NetTest):
    CONNECT = """
s = socket.socket()
if sys.argv[3] == "no": s.setblocking(False)
r = s.connect_ex((sys.argv[1], int(sys.argv[2])))
print(errno.errorcode.get(r, r))
"""

    def errno_of(self, address, port=9, blocking="yes", **kw):
        return self.python(self.CONNECT, address, port, blocking, **kw).stdout.decode().strip()

    def test_refused(self):
        closed = self.server()
        closed.close()
        for blocking in ("yes", "no"):
            self.assertEqual(self.errno_of(SERVER, closed.port, blocking), "ECONNREFUSED")
        self.assertEqual(self.closes()[0]["reason"], "not connected")

    def test_unreachable(self):
        self.assertEqual(self.errno_of(UNREACHABLE), "EHOSTUNREACH")
        self.assertEqual(self.errno_of(NOWHERE), "ENETUNREACH")

    def test_policy(self):
        server = self.server()
        self.rules = self.policy(defaults={"net.connect": "deny"})
        self.assertEqual(self.errno_of(SERVER, server.port), "EPERM")
        self.assertEqual((server.count, self.closes()), (0, []))

    def test_private_address(self):
        server = self.server()
        done = self.python(self.CONNECT, SERVER, server.port, "yes", private=())
        self.assertEqual(done.stdout.strip(), b"EPERM")
        self.assertIn(b"--allow-private", done.stderr)
        self.assertEqual(server.count, 0)
        refused, = self.events("net.refused")
        self.assertEqual((refused["verdict"], refused["rule"]), ("deny", "net.address"))

    def test_udp_does_not_leave(self):
        outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(outside.close)
        outside.bind((SERVER, 0))
        outside.setblocking(False)
        done = self.python("""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
to = (sys.argv[1], int(sys.argv[2]))
try: s.sendto(b"out", to)
except OSError as e: print(errno.errorcode[e.errno])
s.connect(to)
try:
    s.send(b"out"); s.send(b"out")
except OSError as e: print(errno.errorcode[e.errno])
""", SERVER, outside.getsockname()[1])
        self.assertEqual(done.stdout.split(), [b"EPERM", b"ECONNREFUSED"], done.stderr)
        self.assertRaises(BlockingIOError, outside.recv, 10)

    def test_fast_open(self):
        server = self.server()
        done = self.python("""
s = socket.socket()
try: s.sendto(b"out", socket.MSG_FASTOPEN, (sys.argv[1], int(sys.argv[2])))
except OSError as e: print(e.errno == errno.EOPNOTSUPP)
""", SERVER, server.port)
        self.assertEqual((done.stdout.strip(), server.count), (b"True", 0), done.stderr)


class Flows(NetTest):
    def test_half_close(self):
        def serve(connection):
            got = hashlib.sha256()
            while data := connection.recv(1 << 16):
                got.update(data)
            connection.sendall(got.hexdigest().encode())
        server = self.server(serve)
        done = self.python("""
import hashlib
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
data = os.urandom(1 << 20) * 32
s.sendall(data)
s.shutdown(socket.SHUT_WR)
got = b""
while d := s.recv(100): got += d
assert got.decode() == hashlib.sha256(data).hexdigest(), got
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.closes()[0]["bytes_out"], 32 << 20)

    def test_long_download(self):
        block = bytes(range(256)) * 4096
        server = self.server(lambda c: [c.sendall(block) for _ in range(64)])
        done = self.python("""
import hashlib
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
h, n = hashlib.sha256(), 0
while d := s.recv(1 << 16): h.update(d); n += len(d)
print(n, h.hexdigest())
""", SERVER, server.port)
        self.assertEqual(done.stdout.decode().split(),
                         [str(64 << 20), hashlib.sha256(block * 64).hexdigest()], done.stderr)

    def test_reset_by_the_server(self):
        server = self.server(lambda c: (c.recv(1), reset(c)))
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"x\\n")
try: print(s.recv(10))
except OSError as e: print(errno.errorcode[e.errno])
""", SERVER, server.port)
        self.assertEqual(done.stdout.strip(), b"ECONNRESET", done.stderr)
        self.assertEqual(self.closes()[0]["reason"], "reset")

    def test_reset_by_the_program(self):
        seen = []

        def serve(connection):
            try:
                seen.append(connection.recv(10))
                seen.append(connection.recv(10))
            except ConnectionResetError:
                seen.append("reset")
        server = self.server(serve)
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"x\\n")
time.sleep(0.2)
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
time.sleep(0.2)
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(wait_for(lambda: len(seen) == 2))
        self.assertEqual(seen, [b"x\n", "reset"])

    def test_who_does_not_read_is_not_read_for(self):
        let_go = threading.Event()
        self.addCleanup(let_go.set)
        server = self.server(lambda c: let_go.wait(60))
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.setblocking(False)
sent, last = 0, time.monotonic()
while time.monotonic() < last + 2:
    try: sent += s.send(bytes(1 << 16)); last = time.monotonic()
    except BlockingIOError: time.sleep(0.01)
    if sent > 256 << 20: break
print(sent)
""", SERVER, server.port)
        self.assertLess(int(done.stdout), 64 << 20, done.stderr)

    def test_last_words_arrive(self):
        got = []

        def serve(connection):
            while data := connection.recv(1 << 16):
                got.append(data)
            got.append("end")
        server = self.server(serve)
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"x" * 50000)
os._exit(0)
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(wait_for(lambda: got and got[-1] == "end"))
        self.assertEqual(b"".join(got[:-1]), b"x" * 50000)

    def test_the_end_of_the_session_ends_its_flows(self):
        ended = threading.Event()

        def serve(connection):
            connection.sendall(b"hello")
            try:
                while connection.recv(100):
                    pass
            except OSError:
                pass
            ended.set()
        server = self.server(serve)
        process = self.start("python3", "-c", "import socket, sys, time\n"
                             f"s = socket.create_connection(({SERVER!r}, {server.port}))\n"
                             "print(s.recv(5), flush=True)\ntime.sleep(1000)", options=self.net())
        self.assertEqual(process.stdout.readline().strip(), b"b'hello'")
        process.kill()
        self.assertTrue(ended.wait(60))


class Names(NetTest):
    """A name is looked up outside when a connection to it was allowed, and is what the first bytes must say."""

    def setUp(self):
        super().setUp()
        self.web = self.server(self.answer)
        self.names = net_testing.NameServer({"good.example": [SERVER], "two.example": [UNREACHABLE, SERVER],
                                             "bad.example": [SERVER], "local.example": ["127.0.0.1"],
                                             "metadata.example": ["169.254.169.254"]})
        self.addCleanup(self.names.close)
        self.rules = self.policy(
            {"id": "t.bad", "category": "exfiltration", "severity": "low", "on": ["net.connect"],
             "when": "action.host == 'bad.example'", "verdict": "deny", "because": "no",
             "match": [{"action": {"kind": "net.connect", "host": "bad.example"}}],
             "not_match": [{"action": {"kind": "net.connect", "host": "good.example"}}]},
            defaults={"net.connect": "allow"})

    def net(self, private=NetTest.ALLOWED):
        return (*super().net(private), f"--resolver={self.names.address}")

    def answer(self, connection):
        while connection.recv(1 << 16):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")

    def curl(self, url, *args):
        return self.run_in("curl", "-sS", "--max-time", "40", *args, url.format(port=self.web.port),
                           options=self.net())

    def test_by_name(self):
        for name in ("good.example", "two.example"):
            done = self.curl(f"http://{name}:{{port}}/")
            self.assertEqual((done.stdout, done.returncode), (b"yes", 0), done.stderr)
            connect, = (e["fields"] for e in self.events("net.connect") if e["fields"]["protocol"] == "tcp")
            self.assertEqual(connect["host"], name)
            close, = self.closes()
            self.assertEqual((close["host"], close["address"], close["reason"]), (name, SERVER, "closed"))
            self.assertIn(name, [e["fields"]["host"] for e in self.events("net.request")])
            if self.events("connect.done"):
                self.assertIn(name, [e["fields"].get("host") for e in self.events("connect.done")])

    def test_denied_name_is_not_looked_up(self):
        done = self.curl("http://bad.example:{port}/")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn(b"net.connect bad.example port", done.stderr)
        self.assertEqual((self.names.asked, self.web.count), ([], 0))

    def test_name_of_a_forbidden_address(self):
        for name in ("local.example", "metadata.example"):
            done = self.curl(f"http://{name}:{{port}}/")
            self.assertEqual(done.returncode, 7, done.stderr)
            self.assertIn(b"where nothing is dialled", done.stderr)
        self.assertEqual(self.web.count, 0)

    def test_name_that_does_not_exist(self):
        done = self.python("""
try: socket.create_connection(("nowhere.example", 80))
except OSError as e: print(errno.errorcode[e.errno])
""")
        self.assertEqual(done.stdout.strip(), b"EHOSTUNREACH", done.stderr)

    def test_host_of_another(self):
        done = self.curl("http://good.example:{port}/", "-H", "Host: bad.example")
        self.assertEqual((done.stdout, done.returncode), (b"", 56), done.stderr)
        self.assertEqual(self.closes()[0]["reason"], "names differ")


class Budgets(NetTest):
    def test_a_flow_is_stopped_in_its_middle(self):
        limit, got = 3 << 20, []

        def serve(connection):
            while data := connection.recv(1 << 16):
                got.append(len(data))
        server = self.server(serve)
        self.rules = self.policy(
            {"id": "t.bytes", "category": "exfiltration", "severity": "low", "on": ["net.connect"], "when": "true",
             "verdict": "deny", "because": "Enough was sent.", "budget": {"of": "bytes_out", "per": "session", "limit": limit},
             "match": [{"action": {"kind": "net.connect"}, "bytes_out": limit + 1}],
             "not_match": [{"action": {"kind": "net.connect"}, "bytes_out": limit}]},
            defaults={"net.connect": "allow"})
        script = """
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
try:
    for _ in range(int(sys.argv[3])): s.sendall(b"\\0" * 1024)
except OSError as e: print(errno.errorcode[e.errno])
s.close()
print(errno.errorcode.get(socket.socket().connect_ex((sys.argv[1], int(sys.argv[2])))))
"""
        done = self.python(script, SERVER, server.port, 64 << 10)
        self.assertEqual(done.stdout.split(), [b"ECONNRESET", b"EPERM"], done.stderr)
        self.assertIn(b"Enough was sent.", done.stderr)
        # One turn of the relay may go over.
        self.assertLessEqual(sum(got), limit + (1 << 20) + (1 << 18))
        self.assertEqual(self.closes()[0]["reason"], "over a budget")
        stopped, = self.events("net.stopped")
        self.assertEqual((stopped["rule"], stopped["verdict"]), ("t.bytes", "deny"))
        del got[:]
        done = self.python(script, SERVER, server.port, limit >> 10)
        self.assertEqual(done.stdout.split(), [b"None"], done.stderr)
        self.assertTrue(wait_for(lambda: sum(got) == limit))


class FirstBytes(NetTest):
    """Nothing of what names another host, or of half a head, is sent."""

    def setUp(self):
        super().setUp()
        self.got = []
        self.outside = self.server(self.listen)

    def listen(self, connection):
        while data := connection.recv(1 << 16):
            self.got.append(data)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    SAY = """
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for i, what in enumerate(eval(sys.argv[3])):
    if i: time.sleep(float(sys.argv[4]))
    s.sendall(what)
try:
    s.settimeout(40)
    print("answered" if s.recv(100) else "ended")
    s.sendall(eval(sys.argv[5]))
    print("answered" if s.recv(100) else "ended")
except OSError as e: print(errno.errorcode[e.errno])
"""

    def say(self, *what, pause=0.3, then=b"", **kw):
        done = self.python(self.SAY, SERVER, self.outside.port, repr(what), pause, repr(then), **kw)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode().split()

    def head(self, host, more="", method="GET /path?q=1"):
        return f"{method} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode()

    def test_request_is_on_the_record(self):
        head = self.head(f"{SERVER}:{self.outside.port}", "Content-Length: 5\r\n", "POST /path?q=1")
        self.say(head[:20], head[20:], b"12345")
        self.assertEqual(b"".join(self.got), head + b"12345")
        request, = self.events("net.request")
        for name, value in {"host": SERVER, "protocol": "http", "method": "POST", "url_path": "/path?q=1",
                            "http_host": SERVER, "body_bytes": 5, "agrees": True}.items():
            self.assertEqual(request["fields"][name], value)

    def test_policy_on_the_request(self):
        self.rules = self.policy(
            {"id": "t.post", "category": "exfiltration", "severity": "low", "on": ["net.request"],
             "when": "action.method == 'POST'", "verdict": "deny", "because": "Only reading is allowed.",
             "match": [{"action": {"kind": "net.request", "method": "POST"}}],
             "not_match": [{"action": {"kind": "net.request", "method": "GET"}}]},
            defaults={"net.connect": "allow"})
        self.assertEqual(self.say(self.head(SERVER, "Content-Length: 0\r\n", "POST /")), ["ECONNRESET"])
        self.assertEqual(self.got, [])
        self.assertEqual(self.closes()[0]["reason"], "refused by policy")

    def test_other_host(self):
        self.assertEqual(self.say(self.head("other.example")), ["ECONNRESET"])
        self.assertEqual(self.got, [])
        self.assertEqual([e["rule"] for e in self.events("net.refused")], ["net.name"])

    def test_other_host_in_a_later_request(self):
        self.assertEqual(self.say(self.head(SERVER), then=self.head("other.example")), ["answered", "ECONNRESET"])
        self.assertNotIn(b"other.example", b"".join(self.got))

    def test_connect_through_it(self):
        self.assertEqual(self.say(self.head("other.example:443", method="CONNECT other.example:443")), ["ECONNRESET"])
        self.assertEqual(self.got, [])

    def test_two_hosts(self):
        self.assertEqual(self.say(self.head(SERVER, "Host: other.example\r\n")), ["ECONNRESET"])
        self.assertEqual(self.got, [])
        self.assertEqual([e["rule"] for e in self.events("net.refused")], ["net.broken"])

    def test_other_name_in_tls(self):
        done = self.python("""
import ssl
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
context = ssl.create_default_context()
try: context.wrap_socket(s, server_hostname="other.example")
except OSError as e: print(type(e).__name__)
""", SERVER, self.outside.port)
        self.assertEqual(done.stdout.strip(), b"ConnectionResetError", done.stderr)
        self.assertEqual(self.got, [])
        request, = self.events("net.request")
        self.assertEqual((request["fields"]["protocol"], request["fields"]["sni"], request["fields"]["agrees"]),
                         ("tls", "other.example", False))

    def test_half_a_head_does_not_leave(self):
        """Waiting does not make of it what is not looked at."""
        self.assertEqual(self.say(b"GET / HTTP/1.1\r\n"), ["ECONNRESET"])
        self.assertEqual(self.got, [])
        self.assertEqual(self.closes()[0]["reason"], "first bytes incomplete")

    def test_a_word_alone(self):
        """What is said before an answer may be one word; the rest of a request is looked at all the same."""
        self.assertEqual(self.say(b"ping", then=b"pong"), ["answered", "answered"])
        self.assertEqual(b"".join(self.got), b"pingpong")
        del self.got[:]
        self.assertEqual(self.say(b"GET", then=self.head("other.example")[3:]), ["answered", "ECONNRESET"])
        self.assertEqual(b"".join(self.got), b"GET")

    def test_other_protocols_pass(self):
        self.assertEqual(self.say(b"\x00\x01binary\xff", then=b"more"), ["answered", "answered"])
        self.assertEqual(b"".join(self.got), b"\x00\x01binary\xffmore")
        self.assertEqual(self.events("net.request")[0]["fields"]["protocol"], "other")


class Bounds(NetTest):
    AT_ONCE = 1000

    def test_stays_inside(self):
        outside = self.server(address="127.0.0.1")
        done = self.python("""
r = socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1])))
print(errno.errorcode[r])
l = socket.create_server(("0.0.0.0", 8080))
s = socket.create_connection(("127.0.0.1", 8080))
c, _ = l.accept()
c.sendall(b"inside")
assert s.recv(10) == b"inside"
""", outside.port)
        self.assertEqual((done.stdout.strip(), done.returncode, outside.count), (b"ECONNREFUSED", 0, 0), done.stderr)

    def test_port_is_the_programs_own_when_it_wants_it(self):
        server = self.server(address=SERVER, port=8099)
        done = self.python("""
s = socket.create_connection((sys.argv[1], 8099))
s.sendall(b"x\\n"); s.recv(1); s.close()
l = socket.create_server(("0.0.0.0", 8099))
""", SERVER)
        self.assertEqual((done.returncode, server.count), (0, 1), done.stderr)

    def test_many_one_after_the_other(self):
        server = self.server()
        done = self.python("""
for i in range(500):
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.sendall(b"%d\\n" % i)
    assert s.recv(10) == b"%d\\n" % i
    s.close()
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((len(self.closes()), server.count), (500, 500))

    def test_a_thousand_at_once_and_what_is_left(self):
        """All are there at one time, and afterwards the supervisor has no descriptor more than before."""
        server = self.server()
        process = self.start("python3", "-c", f"""
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
async def one(i):
    r, w = await asyncio.open_connection({SERVER!r}, {server.port})
    w.write(b"%d\\n" % i)
    assert await r.readline() == b"%d\\n" % i
    return w
async def main():
    for round in range(2):
        all = await asyncio.gather(*(one(i) for i in range({self.AT_ONCE})))
        print("there", flush=True)
        sys.stdin.readline()
        for w in all: w.close()
        await asyncio.gather(*(w.wait_closed() for w in all))
        print("closed", flush=True)
        sys.stdin.readline()
asyncio.run(main())
""", options=self.net(), stdin=subprocess.PIPE)
        fds = pathlib.Path(f"/proc/{process.pid}/fd")
        left = []
        for _ in range(2):
            self.assertEqual(process.stdout.readline(), b"there\n", process.poll())
            self.assertGreater(len(list(fds.iterdir())), 2 * self.AT_ONCE)
            process.stdin.write(b"\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"closed\n")
            self.assertTrue(wait_for(lambda: len(list(fds.iterdir())) < 100))
            left.append(len(list(fds.iterdir())))
            process.stdin.write(b"\n")
            process.stdin.flush()
        self.assertLessEqual(left[1], left[0] + 2)
        self.assertEqual((process.wait(60), server.count), (0, 2 * self.AT_ONCE))

    def test_swapped_address(self):
        """What was checked is one host, what the kernel reads is now and then another."""
        good, bad = self.server(), self.server(address=OTHER)
        self.rules = self.policy(
            {"id": "t.other", "category": "exfiltration", "severity": "low", "on": ["net.connect"],
             "when": f"action.host == '{OTHER}'", "verdict": "deny", "because": "no",
             "match": [{"action": {"kind": "net.connect", "host": OTHER}}],
             "not_match": [{"action": {"kind": "net.connect", "host": SERVER}}]},
            defaults={"net.connect": "allow"})
        done = self.python("""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def name(a, p): return struct.pack("!HH4s8x", 0, p, socket.inet_aton(a))[2:]
good = struct.pack("H", socket.AF_INET) + name(sys.argv[1], int(sys.argv[2]))
bad = struct.pack("H", socket.AF_INET) + name(sys.argv[3], int(sys.argv[4]))
memory = ctypes.create_string_buffer(good, 16)
stop = False
def swap():
    while not stop:
        ctypes.memmove(memory, bad, 16)
        ctypes.memmove(memory, good, 16)
threading.Thread(target=swap).start()
through = 0
for i in range(300):
    s = socket.socket()
    s.settimeout(5); s.setblocking(True)
    if libc.connect(s.fileno(), memory, 16) == 0:
        try:
            s.sendall(b"x\\n")
            through += s.recv(1) == b"x"
        except OSError: pass
    s.close()
stop = True
print(through)
""", SERVER, good.port, OTHER, bad.port, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(bad.count, 0)
        self.assertGreater(int(done.stdout), 0)

    def test_swapped_socket(self):
        """A socket that was not the one checked is not let in, though it goes to the same place."""
        server = self.server()
        done = self.python("""
stop = False
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
to = struct.pack("H", socket.AF_INET) + struct.pack("!H4s8x", int(sys.argv[2]), socket.inet_aton(sys.argv[1]))
fd = 100
def swap():
    while not stop:
        s = socket.socket(); os.dup2(s.fileno(), fd); s.close()
socket_ = socket.socket(); os.dup2(socket_.fileno(), fd)
threading.Thread(target=swap).start()
for i in range(200): libc.connect(fd, to, 16)
stop = True
""", SERVER, server.port, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr)
        joined = [c for c in self.closes() if c["reason"] not in ("not connected", "never arrived", "given up",
                                                                   "session ended")]
        self.assertGreater(len(self.events("net.connect")), 100)
        self.assertLessEqual(len(joined), server.count)


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
