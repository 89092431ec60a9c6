#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names, what is said first, and how much: what the relay looks at before anything of it is sent."""

import json
import ssl
import subprocess
import unittest

import approver_testing
import net_testing
from cordon_testing import wait_for
from net_testing import ROUTED, SERVER, UNREACHABLE, NetTest


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

    def test_name_of_an_address_that_is_routed_to_this_host(self):
        """As that of a load balancer may be: no interface has it."""
        web = self.server(self.answer, address=ROUTED, port=self.web.port)
        self.names.names["own.example"] = [ROUTED]
        done = self.curl("http://own.example:{port}/")
        self.assertEqual(done.returncode, 7, done.stderr)
        self.assertIn(b"is an address of this host", done.stderr)
        self.assertEqual(web.count, 0)
        done = self.run_in("curl", "-sS", "--max-time", "40", f"http://own.example:{web.port}/",
                           options=(*self.net(), f"--allow-private={ROUTED}"))
        self.assertEqual((done.stdout, done.returncode), (b"yes", 0), done.stderr)

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
    def replay(self, policy):
        """Of the record: the kinds of the events whose verdict changes."""
        r = self.cordon("log", "replay", "--json", "--policy", policy, self.record)
        self.assertIn(r.returncode, (0, 1), r.stderr)
        return [event["kind"] for event in json.loads(r.stdout)["changed"]]

    def test_a_flow_that_kills(self):
        server = self.server(lambda connection: [None for _ in iter(lambda: connection.recv(1 << 16), b"")])
        self.rules = self.policy(
            {"id": "t.bytes", "category": "exfiltration", "severity": "low", "on": ["net.connect"], "when": "true",
             "verdict": "kill", "because": "Enough was sent.", "budget": {"of": "bytes_out", "per": "session", "limit": 5},
             "match": [{"action": {"kind": "net.connect"}, "bytes_out": 6}],
             "not_match": [{"action": {"kind": "net.connect"}, "bytes_out": 5}]}, defaults={"net.connect": "allow"})
        self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"\\0 too much")
time.sleep(60)
""", SERVER, server.port)
        self.assertEqual([e["verdict"] for e in self.events("net.stopped")], ["kill"])
        self.assertEqual([e["fields"]["killed"] for e in self.events("session.end")], [1])

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
        self.assertEqual(self.replay(self.rules), [])
        weaker = self.dir / "weaker.json"
        weaker.write_text(self.rules.read_text().replace(str(limit), "99000000").replace(str(limit + 1), "99000001"))
        self.assertEqual(self.replay(weaker), ["net.close", "net.connect"])
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

    def test_other_name_behind_what_servers_pass_over(self):
        """OpenSSL an empty change of cipher; Go, BoringSSL and Java a warning, Java an empty record and any version."""
        sent = ssl.MemoryBIO()
        with self.assertRaises(ssl.SSLWantReadError):
            ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), sent, server_hostname="other.example").do_handshake()
        hello = sent.read()
        for what in (b"\x14\3\3\0\0" + hello, b"\x15\3\1\0\2\1\x5a" + hello, b"\x16\x7f\0" + hello[3:],
                     b"\x16\2\0\0\0" + hello):
            self.assertEqual(self.say(what), ["ECONNRESET"], what[:8])
            self.assertEqual(self.got, [])
            self.assertEqual([e["rule"] for e in self.events("net.refused")], ["net.broken"])
            self.assertEqual(self.events("net.request")[0]["fields"]["protocol"], "tls")

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

    def test_text_protocols(self):
        """Their words may be methods of HTTP too; what a server could take for a request does not get by."""
        for first, then in ((b"GET key\r\n", b"DELETE key\r\n"), (b"get key\r\n", b"quit\r\n"), (b"EHLO me\r\n", b"QUIT\r\n")):
            del self.got[:]
            self.assertEqual(self.say(first, then=then), ["answered", "answered"])
            self.assertEqual(b"".join(self.got), first + then)
            self.assertEqual([e["fields"]["protocol"] for e in self.events("net.request")], ["other"])
        for what in (b"GET /x\r\n", b"GET\x0b/x\x0bHTTP/1.1\r\nHost: other.example\r\n\r\n", b"GET http://other.example/\r\n",
                     b"\xa0GET / HTTP/1.1\r\nHost: other.example\r\n\r\n"):
            del self.got[:]
            self.assertEqual(self.say(what), ["ECONNRESET"], what)
            self.assertEqual(self.got, [])
            self.assertEqual([e["rule"] for e in self.events("net.refused")], ["net.broken"])
        self.assertEqual(self.say(b"GET key\r\n", then=b"Host: other.example\r\n\r\n"), ["answered", "ECONNRESET"])
        self.assertNotIn(b":", b"".join(self.got))

    def test_other_protocols_pass(self):
        self.assertEqual(self.say(b"\x00\x01binary\xff", then=b"more"), ["answered", "answered"])
        self.assertEqual(b"".join(self.got), b"\x00\x01binary\xffmore")
        self.assertEqual(self.events("net.request")[0]["fields"]["protocol"], "other")


class Asked(NetTest):
    """The verdict ask: what was said is held until somebody agrees, and nobody else waits."""

    # Several connections at once: each says its method, and prints the answer.
    SAY = """
def say(method):
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.sendall(f"{method} / HTTP/1.1\\r\\nHost: {sys.argv[1]}\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
    try: what = "answered" if s.recv(100) else "ended"
    except OSError as e: what = errno.errorcode[e.errno]
    print(method, what)
threads = [threading.Thread(target=say, args=(m,)) for m in sys.argv[3].split()]
for t in threads: t.start()
for t in threads: t.join()
"""

    def setUp(self):
        super().setUp()
        self.approver = approver_testing.Approver(self)
        self.got = []
        self.outside = self.server(self.listen)
        self.rules = self.policy(
            approver_testing.rule("t.post", "action.method != 'GET'", ("net.request",),
                                  match={"kind": "net.request", "method": "POST"},
                                  not_match={"kind": "net.request", "method": "GET"}),
            defaults={"net.connect": "allow"})

    def listen(self, connection):
        while data := connection.recv(1 << 16):
            self.got.append(data.split()[0].decode())
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    def net(self, *args):
        return (*super().net(*args), self.approver.option, *self.more)

    def say(self, methods, *more):
        self.more = more
        done = self.python(self.SAY, SERVER, self.outside.port, methods)
        self.assertEqual(done.returncode, 0, done.stderr)
        return sorted(done.stdout.decode().splitlines())

    def test_a_yes_and_a_no(self):
        sent = []

        def decide(question):
            # GET goes through while others wait.
            wait_for(lambda: "GET" in self.got)
            sent.append((question["fields"]["method"], sorted(self.got)))
            return "allow" if question["fields"]["method"] == "POST" else "deny"
        self.approver.answer_all(decide)
        self.assertEqual(self.say("GET POST PUT"),
                         ["GET answered", "POST answered", "PUT ECONNRESET"])
        self.assertEqual(sorted(self.got), ["GET", "POST"])
        self.assertIn(sent[0], (("POST", ["GET"]), ("PUT", ["GET"])))
        self.assertEqual(sorted((q["fields"]["host"], q["fields"]["url_path"]) for q in self.approver.asked), [(SERVER, "/")] * 2)
        asked = {e["fields"]["method"]: (e["verdict"], "question" in e) for e in self.events("net.request")}
        self.assertEqual(asked, {"GET": ("allow", False), "POST": ("ask", True), "PUT": ("ask", True)})
        self.assertEqual(sorted(e["verdict"] for e in self.events("ask.answer")), ["allow", "deny"])
        self.assertEqual(sorted(c["reason"] for c in self.closes()), ["closed", "closed", "refused by policy"])
        self.assertEqual(self.verified()[0], 0)

    def test_an_answer_that_holds_on(self):
        self.approver.answer_all(lambda question: ("allow", {"scope": "pattern", "pattern": question["pattern"]}))
        self.assertEqual([line.split()[1] for line in self.say("POST POST")], ["answered"] * 2)
        self.assertLessEqual(len(self.approver.asked), 2)

    def test_nobody_answers(self):
        self.assertEqual(self.say("POST", "--approver-timeout", "2"), ["POST ECONNRESET"])
        self.assertEqual(self.got, [])
        self.assertIn("within 2000 ms", self.events("ask.answer")[0]["fields"]["reason"])

    def test_a_session_that_ends_meanwhile(self):
        self.more = ()
        run = self.start("python3", "-c", f"""
import os, socket, sys
s = socket.create_connection(({SERVER!r}, {self.outside.port}))
s.sendall(b"POST / HTTP/1.1\\r\\nHost: {SERVER}\\r\\nContent-Length: 0\\r\\n\\r\\n")
sys.stdin.readline()
os._exit(0)
""", options=self.net(), stdin=subprocess.PIPE)
        self.approver.next()
        _, err = run.communicate(b"\n", timeout=120)
        self.assertEqual(run.returncode, 0, err)
        self.assertEqual(self.got, [])
        self.assertIn("while it was asked about", self.events("ask.answer")[0]["fields"]["reason"])
        self.assertEqual(self.verified()[0], 0)


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
