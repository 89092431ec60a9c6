#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names in a relayed network: what programs are answered, what is asked outside, and when."""

import os
import shutil
import socket
import struct
import threading
import unittest

import net_testing
from approver_testing import Approver, rule
from net_testing import OTHER, SERVER, NetTest

RESOLVE_MUSL = os.path.join(os.environ.get("BUILD", "build"), "tests/resolve_musl")

# Inside: a query as bytes, and what comes back.
CLIENT = """
def name(text): return b"".join(bytes([len(l)]) + l.encode() for l in text.split(".") if l) + b"\\0"
def query(text, qtype=1, ident=0x1234, edns=False):
    opt = b"\\0" + struct.pack("!HHIH", 41, 1232, 0, 0) if edns else b""
    return struct.pack("!6H", ident, 0x100, 1, 0, 0, bool(edns)) + name(text) + struct.pack("!HH", qtype, 1) + opt
def udp(server, data):
    s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(30)
    s.connect((server, 53))
    s.send(data)
    return s.recv(4096)
def stream(server):
    s = socket.create_connection((server, 53))
    s.settimeout(30)
    return s
def whole(s, n):
    got = b""
    while len(got) < n:
        part = s.recv(n - len(got))
        assert part, "the end"
        got += part
    return got
def tcp(server, *queries):
    s = stream(server)
    s.sendall(b"".join(struct.pack("!H", len(q)) + q for q in queries))
    return [whole(s, *struct.unpack("!H", whole(s, 2))) for _ in queries]
def rcode(reply): return reply[3] & 15
def addresses(reply):
    at = 12 + reply.index(b"\\0", 12) - 12 + 5
    count = struct.unpack("!H", reply[6:8])[0]
    found = []
    for _ in range(count):
        n = struct.unpack("!H", reply[at + 10:at + 12])[0]
        found.append(socket.inet_ntop(socket.AF_INET if n == 4 else socket.AF_INET6, reply[at + 12:at + 12 + n]))
        at += 12 + n
    return found
"""


class Outside:
    """A name server of the outside, which remembers what it was asked."""

    def __init__(self, answers):
        self.answers = answers
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((SERVER, 0))
        self.address = "%s:%d" % self.socket.getsockname()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                query, peer = self.socket.recvfrom(4096)
            except OSError:
                return
            if query:
                self.socket.sendto(self.answer(query), peer)

    def answer(self, query):
        end = query.index(b"\0", 12) + 1
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode())
            at += 1 + query[at]
        name = ".".join(labels)
        qtype, = struct.unpack("!H", query[end:end + 2])
        self.asked.append(name)
        found = self.answers.get(name.lower())
        v4 = [found] if found and qtype == 1 else []
        head = query[:2] + struct.pack("!5H", 0x8180 | (3 if found is None else 0), 1, len(v4), 0, 0)
        return head + query[12:end + 4] + b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + socket.inet_aton(a) for a in v4)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class DnsTest(NetTest):
    def client(self, script, *args, **kw):
        return self.python(CLIENT + script, *args, **kw)

    def lines(self, script, *args, **kw):
        done = self.client(script, *args, **kw)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode().splitlines()

    def names(self):
        return [e["fields"]["host"] for e in self.events("net.dns")]


class Answers(DnsTest):
    def test_any_server_and_both_ways(self):
        """Whoever is asked answers, from the address that was asked; a name keeps its address."""
        got = self.lines("""
for server in ("198.18.0.1", "8.8.8.8", "203.0.113.1", "2001:4860:4860::8888", "fd00::1"):
    print(*addresses(udp(server, query("a.example"))), *addresses(tcp(server, query("a.example", 28))[0]))
""")
        self.assertEqual(set(got), {"198.18.1.0 fd5c:6f72:646f:6e00::100"})

    def test_libc(self):
        self.assertEqual(self.lines("""
def ask(): return sorted({a[4][0] for a in socket.getaddrinfo("www.example.org", 443)})
print(*ask())
print(socket.gethostbyaddr("198.18.1.0")[0], socket.gethostbyaddr("fd5c:6f72:646f:6e00::100")[0])
for bad in ("no host", "a..b", "-a.example", "x" * 64 + ".example", "printer.local"):
    try: print(socket.getaddrinfo(bad, 1))
    except (OSError, UnicodeError): print("none")
"""), ["198.18.1.0 fd5c:6f72:646f:6e00::100", "www.example.org www.example.org"] + ["none"] * 5)

    def test_libc_over_tcp(self):
        done = self.run_in("env", "RES_OPTIONS=use-vc", "getent", "ahosts", "vc.example", options=self.net())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"198.18.1.0", done.stdout)

    @unittest.skipUnless(os.path.exists(RESOLVE_MUSL), "needs musl-gcc (musl-tools)")
    def test_musl(self):
        shutil.copy(RESOLVE_MUSL, self.work)
        done = self.run_in("./resolve_musl", "musl.example", options=self.net())
        self.assertEqual(sorted(done.stdout.split()), [b"198.18.1.0", b"fd5c:6f72:646f:6e00::100"], done.stderr)
        done = self.run_in("./resolve_musl", "printer.local", options=self.net())
        self.assertEqual(done.returncode, 1)

    @unittest.skipUnless(shutil.which("node"), "needs node, whose dns.resolve() is c-ares")
    def test_c_ares(self):
        done = self.run_in("node", "-e", """
const dns = require('dns').promises;
Promise.all([dns.resolve4('ares.example'), dns.resolve6('ares.example'), dns.resolveTxt('ares.example').catch(e => e.code)])
    .then(r => console.log(JSON.stringify(r)));
""", options=self.net())
        self.assertEqual(done.stdout.strip(), b'[["198.18.1.0"],["fd5c:6f72:646f:6e00::100"],"ENODATA"]', done.stderr)

    def test_case_is_echoed(self):
        got = self.lines("""
q = query("wWw.ExAmPlE", edns=True)
r = udp("198.18.0.1", q)
print(r[12:12 + 17] == q[12:12 + 17], *addresses(r))
print(*addresses(udp("198.18.0.1", query("WWW.EXAMPLE"))))
""")
        self.assertEqual(got, ["True 198.18.1.0", "198.18.1.0"])

    def test_parallel_from_one_socket(self):
        got = self.lines("""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(30)
for i in range(100):
    s.sendto(query("n%d.example" % (i // 2), 28 if i % 2 else 1, i), ("198.18.0.1", 53))
seen = {}
for i in range(100):
    r = s.recv(4096)
    seen[struct.unpack("!H", r[:2])[0]] = addresses(r)[0]
print(len(seen), len(set(seen.values())))
""")
        self.assertEqual(got, ["100 100"])

    def test_pipelined(self):
        got = self.lines("""
replies = tcp("9.9.9.9", *(query("p%d.example" % i, 1, i) for i in range(500)))
print([struct.unpack("!H", r[:2])[0] for r in replies] == list(range(500)), len({addresses(r)[0] for r in replies}))
""")
        self.assertEqual(got, ["True 500"])

    def test_nothing_else_is_there(self):
        got = self.lines("""
for qtype in (65, 64, 16, 15, 255): print(rcode(udp("198.18.0.1", query("a.example", qtype))), end=" ")
print(rcode(udp("198.18.0.1", query("1.1.1.1.in-addr.arpa", 12))))
print(socket.gethostbyname("localhost"), *addresses(udp("198.18.0.1", query("localhost", 28))))
""")
        self.assertEqual(got, ["0 0 0 0 0 3", "127.0.0.1 ::1"])

    def test_a_flood_of_names(self):
        """The table has an end, which is told once; names that are in it go on."""
        got = self.lines("""
s = stream("198.18.0.1")
full = 0
for start in range(0, 16500, 50):
    for i in range(start, start + 50):
        q = query("f%d.example" % i)
        s.sendall(struct.pack("!H", len(q)) + q)
    for i in range(50): full += rcode(whole(s, *struct.unpack("!H", whole(s, 2)))) == 2
print(full, *addresses(udp("198.18.0.1", query("f7.example"))))
""")
        self.assertEqual(got, ["116 198.18.1.7"])
        told, = self.events("net.names_full")
        self.assertEqual(told["fields"]["names"], 16384)

    def test_port_is_taken(self):
        got = self.lines("""
for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
    for port in (53, 5353):
        try: socket.socket(socket.AF_INET, kind).bind(("127.0.0.1", port)); print("bound")
        except OSError as e: print(errno.errorcode[e.errno])
""")
        self.assertEqual(got, ["EADDRINUSE", "bound"] * 2)

    def test_slow_clients(self):
        got = self.lines("""
held = [stream("198.18.0.1") for _ in range(200)]
for s in held:
    try: s.sendall(b"\\0")
    except OSError: pass
print(*addresses(tcp("198.18.0.1", query("a.example"))[0]))
""")
        self.assertEqual(got, ["198.18.1.0"])


class Verdicts(DnsTest):
    RULE = {"id": "t.no-name", "category": "exfiltration", "severity": "low", "on": ["net.dns"],
            "when": "action.host == 'no.example' && action.qtype in ['A', 'AAAA'] || action.label_max > 50 || "
                    "action.label_max > 20 && action.entropy > 3500",
            "verdict": "deny", "because": "Not this name.",
            "match": [{"action": {"kind": "net.dns", "host": "no.example", "qtype": "A"}}],
            "not_match": [{"action": {"kind": "net.dns", "host": "yes.example", "qtype": "A"}}]}

    def test_denied(self):
        self.rules = self.policy(self.RULE, defaults={"net.connect": "allow"})
        got = self.lines("""
for host in ("no.example", "yes.example", "x" * 60 + ".example", "0123456789abcdefghijkl.example", "a" * 30 + ".example"):
    try: print(socket.gethostbyname(host)[:7])
    except OSError as e: print("none")
r = udp("198.18.0.1", query("no.example", edns=True))
print(rcode(r), r[-14:].decode())
""")
        self.assertEqual(got, ["none", "198.18.", "none", "none", "198.18.", "3 Not this name."])
        denied = [e for e in self.events("net.dns") if e["verdict"] == "deny"]
        self.assertEqual({e["rule"] for e in denied}, {"t.no-name"})
        self.assertEqual({e["fields"]["host"][:5] for e in denied}, {"no.ex", "xxxxx", "01234"})
        self.assertEqual(self.verified()[0], 0)

    def test_asked(self):
        """Who has to be asked is asked while other names are answered; a no, and no answer, are no such name."""
        approver = Approver(self)
        self.rules = self.policy(rule("ask.name", "action.host.endsWith('.asked.example')", ("net.dns",),
                                      match={"kind": "net.dns", "host": "a.asked.example"}),
                                 defaults={"net.connect": "allow"})
        done = []
        client = threading.Thread(target=lambda: done.append(self.client("""
import sys, threading
def of(server, name):
    try: print(name, udp(server, query(name))[3] & 15, flush=True)
    except OSError: print(name, "silent", flush=True)
first = threading.Thread(target=of, args=("198.18.0.1", "yes.asked.example"))
first.start()
print("tcp", [rcode(r) for r in tcp("198.18.0.1", query("no.asked.example"), query("b.example"))])
first.join()
of("198.18.0.1", "yes.asked.example")
of("198.18.0.1", "yes.asked.example")
""", options=[approver.option])))
        client.start()
        asked = dict((q["fields"]["host"], (q, p)) for q, p in (approver.next(), approver.next()))
        self.assertEqual({q["rule"] for q, _ in asked.values()}, {"ask.name"})
        # Nobody has answered yet, and the session goes on.
        approver.answer(*asked["no.asked.example"], "deny")
        approver.answer(*asked["yes.asked.example"], "allow")
        again = approver.next()
        approver.answer(*again, "allow", scope="session")
        client.join()
        self.assertEqual(sorted(done[0].stdout.decode().splitlines()),
                         ["tcp [3, 0]"] + ["yes.asked.example 0"] * 3, done[0].stderr)
        self.assertEqual([e["verdict"] for e in self.events("ask.answer")].count("allow"), 2)
        self.assertEqual(self.verified()[0], 0)

    def test_nobody_answers(self):
        approver = Approver(self)
        self.rules = self.policy(rule("ask.name", "action.host == 'a.example'", ("net.dns",),
                                      match={"kind": "net.dns", "host": "a.example"}))
        got = self.lines("""print(udp("198.18.0.1", query("a.example"))[3] & 15)""",
                         options=[approver.option, "--approver-timeout", "1"])
        self.assertEqual(got, ["3"])
        self.assertIn("within 1000 ms", self.events("ask.answer")[0]["fields"]["reason"])

    def test_slowed(self):
        """What finds no place to wait in is not let go at once: 16 datagrams wait, the others are no such name."""
        self.rules = self.policy(rule("slow.name", "action.host.endsWith('.slow.example')", ("net.dns",),
                                      verdict="throttle", throttle={"delay": "60s"},
                                      match={"kind": "net.dns", "host": "a.slow.example"}))
        got = self.lines("""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.connect(("198.18.0.1", 53))
for i in range(40): s.send(query(f"n{i}.slow.example", ident=i))
s.settimeout(30)
print(*{rcode(s.recv(4096)) for i in range(24)})
print(rcode(udp("198.18.0.1", query("b.example"))))
""")
        self.assertEqual(got, ["3", "0"])
        self.assertEqual([e for e in self.events("net.dns") if e["verdict"] == "throttle" and "delay_ms" not in e
                          and "wait for their turn" not in e.get("reason", "")], [])

    def test_whose_question_it_is(self):
        self.lines("""socket.gethostbyname("mine.example")""")
        event = next(e for e in self.events("net.dns") if e["fields"]["host"] == "mine.example")
        self.assertEqual((event["call"], event["exec_id"]), ("c1", 1))
        self.assertEqual((event["fields"]["label_max"], event["fields"]["qtype"]), (7, "A"))

    def test_odd_names_are_seen(self):
        self.lines("""
udp("198.18.0.1", query("x.example")[:12] + b"\\4a\\0.\\xff\\0\\0\\x0a\\0\\1")
""")
        event, = self.events("net.dns")
        self.assertEqual((event["fields"]["host"], event["fields"]["qtype"]), ("a\\000\\046\\255", "NULL"))


class Connections(DnsTest):
    def setUp(self):
        super().setUp()
        self.outside = Outside({"good.example": SERVER, "evil.example": SERVER, "inner.example": "127.0.0.1",
                                "private.example": OTHER})
        self.addCleanup(self.outside.close)

    def net(self, private=None):
        return (*super().net((f"{SERVER}/32",)), f"--resolver={self.outside.address}")

    CONNECT = """
s = socket.socket()
print(errno.errorcode.get(r := s.connect_ex((socket.gethostbyname(sys.argv[1]), int(sys.argv[2]))), r))
if r == 0:
    s.sendall(b"named\\n")
    print(s.recv(100).decode().strip())
"""

    def deny(self, host):
        self.rules = self.policy(
            {"id": "t.host", "category": "exfiltration", "severity": "low", "on": ["net.connect"],
             "when": f"action.host == '{host}'", "verdict": "deny", "because": "no",
             "match": [{"action": {"kind": "net.connect", "host": host}}],
             "not_match": [{"action": {"kind": "net.connect", "host": "else.example"}}]},
            defaults={"net.connect": "allow"})

    def test_by_name(self):
        server = self.server()
        self.assertEqual(self.lines(self.CONNECT, "Good.Example", server.port), ["0", "named"])
        close, = self.closes()
        self.assertEqual((close["host"], close["address"]), ("good.example", SERVER))
        self.assertEqual(set(self.outside.asked), {"good.example"})

    def test_no_lookup_leaves(self):
        """To ask for a name is no connection to it, and one that is refused asks nobody."""
        server = self.server()
        self.deny("evil.example")
        self.lines("""
import time
for i in range(20):
    try: socket.getaddrinfo("secret-%d.evil.example" % i, 443)
    except OSError: pass
udp("8.8.8.8", query("secret.evil.example", 16)); tcp("8.8.8.8", query("secret.evil.example", 16))
""")
        self.assertEqual(self.outside.asked, [])
        self.assertEqual(self.lines(self.CONNECT, "evil.example", server.port), ["EPERM"])
        self.assertEqual((self.outside.asked, server.count), ([], 0))

    def test_no_such_name(self):
        self.assertEqual(self.lines(self.CONNECT, "gone.example", 80), ["EHOSTUNREACH"])

    def test_a_name_leads_nowhere_inside(self):
        """Whatever the owner of a name says, it is no way to the host's own addresses."""
        server = self.server(address="127.0.0.1")
        self.assertEqual(self.lines(self.CONNECT, "inner.example", server.port), ["EPERM"])
        self.assertEqual(self.lines(self.CONNECT, "private.example", 80), ["EPERM"])
        self.assertEqual(server.count, 0)
        self.assertEqual(self.events("net.refused")[0]["rule"], "net.address")


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
