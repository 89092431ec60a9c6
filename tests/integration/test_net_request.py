#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names, what is said first, and how much: what the relay looks at before anything of it is sent."""

import unittest

import net_testing
from cordon_testing import wait_for
from net_testing import SERVER, UNREACHABLE, NetTest


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
    if more := eval(sys.argv[5]):
        s.sendall(more)
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
        self.assertTrue(wait_for(lambda: b"".join(self.got) == head + b"12345"))
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


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
