#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Budgets of what leaves a session: bytes, hosts and connections, held against servers outside of it."""

import socket
import threading
import unittest

import net_testing
from cordon_testing import NO_TRACE, TRACE, wait_for
from net_testing import OTHER, SERVER, THIRD, NameServer, Server
from policy_testing import rule
from rule_testing import RuleKindsTest, act

CHUNK = 65536
LIMIT = 10 * CHUNK
# Inside: each chunk is told back before the next is sent, so that what is counted is known when it breaks.
HEAD = f"""
import errno, select, socket, sys
CHUNK, END = {CHUNK}, (ConnectionResetError, BrokenPipeError)
def flow(to):
    s = socket.create_connection(to)
    s.settimeout(60)
    return s
def push(s, chunks):
    for done in range(chunks):
        try:
            s.sendall(bytes(CHUNK))
            if s.recv(1) != b".": return done, "closed"
        except END as e: return done, type(e).__name__
    return chunks, "sent"
def knock(to, kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as s: return errno.errorcode.get(s.connect_ex(to), "in")
"""
BROKEN = ("ConnectionResetError", "BrokenPipeError", "closed")


def tells_chunks(connection):
    """A server that says one byte for each whole chunk."""
    got = 0
    while data := connection.recv(CHUNK):
        told, got = got // CHUNK, got + len(data)
        connection.sendall(b"." * (got // CHUNK - told))


def said(client, code):
    """What a call of the tool prints last: what was refused to it is told before."""
    return client.text("python", code=code).splitlines()[-1]


def out(name, match, not_match, on="net.connect", when="true", **budget):
    return rule(name, on, when, "deny", match, not_match, budget={"of": "bytes_out", **budget})


class NetBudget(RuleKindsTest):
    ALLOWED = {"defaults": {"net.connect": "allow", "net.send": "allow"}}

    def setUp(self):
        super().setUp()
        self.options = ["--net=relay", *(f"--allow-private={a}/32" for a in (SERVER, OTHER, THIRD))]

    def server(self, address, serve=tells_chunks):
        server = Server(serve, address=address)
        self.addCleanup(server.close)
        return server

    def at(self, *addresses):
        """Servers, as code that names A, B, C."""
        return HEAD + "".join(f"{name} = ({address!r}, {self.server(address).port})\n"
                              for name, address in zip("ABC", addresses))

    def python(self, policy, code):
        """What a program in a session of its own prints."""
        done = self.run_in("python3", "-c", code, options=["--policy", policy, *self.options])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode().split("\n")[:-1]

    def events_of(self, kind):
        return [e for e in self.events() if e["kind"] == kind]

    def bytes_to(self, address):
        return sum(e["fields"]["bytes_out"] for e in self.events_of("net.close") if e["fields"]["host"] == address)


class BytesOut(NetBudget):
    """A flow is cut by the chunk that is too much, which was on its way."""

    def rule_of(self, **budget):
        return out("much", [{**act("net.connect", host="h"), "bytes_out": LIMIT + 1}],
                   [{**act("net.connect", host="h"), "bytes_out": LIMIT}], limit=LIMIT, **budget)

    def used(self, per, **by):
        """Of what was stopped: what the budget says, without how far it went over."""
        stopped = self.events_of("net.stopped")
        for e in stopped:
            self.assertEqual((e["rule"], e["verdict"]), ("much", "deny"))
            self.assertGreater(e["budget"].pop("used"), LIMIT)
            self.assertEqual(e["budget"], {"of": "bytes_out", "per": per, "limit": LIMIT, **by})
        return [e["fields"]["host"] for e in stopped]

    def test_of_all_hosts(self):
        policy = self.write("p", self.rule_of(per="session"), **self.ALLOWED)
        said = self.python(policy, self.at(SERVER, OTHER) + """
a, b = flow(A), flow(B)
print(push(a, 6), push(b, 4))
done, how = push(b, 5)
print(done, how in %r)
done, how = push(a, 5)
print(done, how in %r)
print(knock(A), knock(B))
""" % (BROKEN, BROKEN))
        # What one has used is missing to the other; and of the first, too, nothing goes on.
        self.assertEqual(said, ["(6, 'sent') (4, 'sent')", "0 True", "0 True", "EPERM EPERM"])
        self.assertEqual(self.used("session"), [OTHER, SERVER])
        self.assertLessEqual(self.bytes_to(SERVER) + self.bytes_to(OTHER), LIMIT + 2 * CHUNK)
        self.assertEqual([e["fields"]["reason"] for e in self.events_of("net.close")], ["over a budget"] * 2)

    def test_of_each_host(self):
        policy = self.write("p", self.rule_of(per="session", by="host"), **self.ALLOWED)
        said = self.python(policy, self.at(SERVER, OTHER) + """
a, b = flow(A), flow(B)
print(push(a, 10), push(b, 10))
done, how = push(a, 5)
print(done, how in %r)
print(knock(A), knock(B))
""" % (BROKEN,))
        self.assertEqual(said, ["(10, 'sent') (10, 'sent')", "0 True", "EPERM in"])
        self.assertEqual(self.used("session", by="host"), [SERVER])
        self.assertLessEqual(self.bytes_to(SERVER), LIMIT + CHUNK)
        self.assertEqual(self.bytes_to(OTHER), LIMIT)
        self.replays_the_same(policy)

    def test_of_each_name(self):
        """What a host is, is what it was asked for by: an address has a budget, and each of its names."""
        names = NameServer({"one.example": [SERVER], "two.example": [SERVER]})
        self.addCleanup(names.close)
        self.options.append(f"--resolver={names.address}")
        policy = self.write("p", self.rule_of(per="session", by="host"), **self.ALLOWED)
        said = self.python(policy, self.at(SERVER) + """
for host in "one.example", "ONE.example.", "two.example", A[0]:
    try: print(push(flow((host, A[1])), 6)[0])
    except OSError as e: print(errno.errorcode[e.errno])
""")
        self.assertEqual(said, ["6", "4", "6", "6"])
        self.assertEqual(self.used("session", by="host"), ["one.example"])

    def calls(self, client, *codes):
        return [said(client, code) for code in codes]

    def test_of_each_call(self):
        policy = self.write("p", self.rule_of(per="call"), **self.ALLOWED)
        at = self.at(SERVER, OTHER)
        client = self.client(policy, *self.options)
        over = at + "a, b = flow(A), flow(B)\nprint(push(a, 6), push(b, 4), push(a, 5)[0], knock(A), knock(B))"
        told = self.calls(client, at + "print(push(flow(A), 10))", over, at + "print(push(flow(A), 10))")
        self.assertEqual(told, ["(10, 'sent')", "(6, 'sent') (4, 'sent') 0 EPERM EPERM", "(10, 'sent')"])
        self.assertEqual(client.close()[0], 0)
        self.assertEqual(self.used("call"), [SERVER])

    def test_of_each_host_of_a_call(self):
        policy = self.write("p", self.rule_of(per="call", by="host"), **self.ALLOWED)
        at = self.at(SERVER, OTHER)
        client = self.client(policy, *self.options)
        over = at + "a, b = flow(A), flow(B)\nprint(push(a, 10), push(b, 10), push(a, 5)[0], knock(A), knock(B))"
        told = self.calls(client, at + "print(push(flow(A), 10))", over, at + "print(push(flow(A), 10))")
        self.assertEqual(told, ["(10, 'sent')", "(10, 'sent') (10, 'sent') 0 EPERM in", "(10, 'sent')"])
        self.assertEqual(client.close()[0], 0)
        self.assertEqual(self.used("call", by="host"), [SERVER])

    def datagrams(self):
        """A server of datagrams that tells each one's length; returns the code that knows its address."""
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((SERVER, 0))
        self.got = []

        def serve():
            while (heard := server.recvfrom(2048))[0]:
                self.got.append(len(heard[0]))
                server.sendto(b"%d" % len(heard[0]), heard[1])
            server.close()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()

        def end():
            server.sendto(b"", server.getsockname())
            thread.join()
        self.addCleanup(end)
        return HEAD + f"""
A = {server.getsockname()!r}
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(60)
"""

    def datagram_rule(self, on):
        return out("much", [{**act(on, host="h", protocol="udp"), "bytes_out": 5001}],
                   [{**act(on, host="h", protocol="udp"), "bytes_out": 5000}], on=on, per="session", limit=5000)

    def test_datagrams_to_an_address(self):
        policy = self.write("p", self.datagram_rule("net.send"), **self.ALLOWED)
        said = self.python(policy, self.datagrams() + """
for i in range(8):
    try:
        s.sendto(bytes(1000), A)
        if i < 5: s.recv(10)
        else: select.select([s], [], [], 0.5) # its answer, if there is one: what it says is counted
    except OSError as e: print(i, errno.errorcode[e.errno])
""")
        self.assertEqual(said, ["6 EPERM", "7 EPERM"])
        self.assertTrue(wait_for(lambda: len(self.got) == 6))

    def test_datagrams_of_a_connected_socket(self):
        """It was let through once; what it sends then is no action, and a rule on either kind holds for it."""
        for on in "net.connect", "net.send":
            for first in "s.connect(A); s.send(bytes(1000))", "s.sendto(bytes(1000), A); s.connect(A)":
                with self.subTest(on=on, first=first):
                    policy = self.write("p", self.datagram_rule(on), **self.ALLOWED)
                    said = self.python(policy, self.datagrams() + f"""
{first}
s.recv(10)
for i in range(1, 20):
    s.send(bytes(1000))
    if i < 5: s.recv(10)
    elif select.select([s], [], [], 0.1)[0]: s.recv(10)
print("done")
""")
                    self.assertEqual((said, self.got), (["done"], [1000] * 6))
                    self.assertEqual([e["rule"] for e in self.events_of("net.stopped")], ["much"])

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_of_whoever_has_read_a_secret(self):
        """A label that came after the connection: the flow, which asks for nothing more, is held to the rule too."""
        (self.work / "secret").write_text("s")
        for whose in "session", "process":
            with self.subTest(whose):
                had = {"labels": ["secret"]}
                policy = self.write("p", out(
                    "much", [{**act("net.connect"), **had, "bytes_out": LIMIT + 1}],
                    [{**act("net.connect"), **had, "bytes_out": LIMIT}, {**act("net.connect"), "bytes_out": LIMIT + 1}],
                    when=f"'secret' in {whose}.labels", per="session", limit=LIMIT),
                    labels=[{"label": "secret", "paths": ["/**/secret"]}], **self.ALLOWED)
                said = self.python(policy, self.at(SERVER) + """
a = flow(A)
print(push(a, 12))
open("secret").read()
done, how = push(a, 5)
print(done, how in %r)
""" % (BROKEN,))
                self.assertEqual(said, ["(12, 'sent')", "0 True"])
                self.assertEqual([e["rule"] for e in self.events_of("net.stopped")], ["much"])
                self.replays_the_same(policy)


class Hosts(NetBudget):
    def rule_of(self, **budget):
        return rule("many", ["net.connect", "net.send"], "true", "deny",
                    [{**act("net.connect", host="h"), "repeat": 3, "vary": "host"}],
                    [{**act("net.connect", host="h"), "repeat": 9}, {**act("net.connect", address="127.0.0.1"), "repeat": 9}],
                    budget={"of": "hosts", "limit": 2, **budget})

    def refused(self, per):
        refused = [e for e in self.events() if e.get("rule") == "many"]
        self.assertEqual([e["budget"] for e in refused], [{"of": "hosts", "per": per, "limit": 2, "used": 3}] * len(refused))
        return [(e["kind"], e["fields"]["host"]) for e in refused]

    def test_of_a_session(self):
        policy = self.write("p", self.rule_of(per="session"), **self.ALLOWED)
        servers = self.at(SERVER, OTHER, THIRD)
        said = self.python(policy, servers + """
inside = socket.create_server(("127.0.0.1", 0))
print(knock(A), knock(A), knock(inside.getsockname()), knock((A[0], 9)), knock(B), knock(C), knock(A), knock(B))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for to in A, C:
    try: print(u.sendto(b"x", to))
    except OSError as e: print(errno.errorcode[e.errno])
""")
        # The third is refused, which does not count: the two that are known stay open.
        self.assertEqual(said, ["in in in ECONNREFUSED in EPERM in in", "1", "EPERM"])
        self.assertEqual(self.refused("session"), [("net.connect", THIRD), ("net.send", THIRD)])
        self.replays_the_same(policy)

    def test_of_names(self):
        """Many names of one address are many hosts; one name in two spellings is one."""
        names = NameServer({f"{n}.example": [SERVER] for n in ("one", "two", "three")})
        self.addCleanup(names.close)
        self.options.append(f"--resolver={names.address}")
        policy = self.write("p", self.rule_of(per="session"), **self.ALLOWED)
        said = self.python(policy, self.at(SERVER) + """
for host in "one.example", "ONE.Example.", "two.example", "three.example", A[0], "two.example":
    try: flow((host, A[1])).close(); print("in")
    except OSError as e: print(errno.errorcode[e.errno])
""")
        self.assertEqual(said, ["in", "in", "in", "EPERM", "EPERM", "in"])

    def test_of_each_call(self):
        policy = self.write("p", self.rule_of(per="call"), **self.ALLOWED)
        at = self.at(SERVER, OTHER, THIRD)
        client = self.client(policy, *self.options)
        told = [said(client, at + f"print({','.join(f'knock({k})' for k in what)})") for what in ("AB", "CA", "ABCA", "CB")]
        self.assertEqual(told, ["in in", "in in", "in in EPERM in", "in in"])
        self.assertEqual(client.close()[0], 0)
        self.assertEqual(self.refused("call"), [("net.connect", THIRD)])
        self.replays_the_same(policy)


class Connections(NetBudget):
    def test_of_a_session_and_of_each_call(self):
        for per, then in ("session", ["in in", "in EPERM", "EPERM EPERM"]), ("call", ["in in", "in in", "in in"]):
            with self.subTest(per):
                policy = self.write("p", rule(
                    "many", "net.connect", "true", "deny", [{**act("net.connect", host="h"), "repeat": 4}],
                    [{**act("net.connect", host="h"), "repeat": 3}], budget={"of": "connections", "per": per, "limit": 3}),
                    **self.ALLOWED)
                at = self.at(SERVER, OTHER)
                self.record.unlink(missing_ok=True)
                client = self.client(policy, *self.options)
                told = [said(client, at + f"print(knock(A), knock(B){more})") for more in ("", "", "")]
                self.assertEqual(told, then)
                self.assertEqual(client.close()[0], 0)
                self.replays_the_same(policy)


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
