#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""QUIC through the relay: which server a ClientHello names, what is held until that is known, and who is asked."""

import os
import subprocess
import unittest

import approver_testing
import net_testing
from cordon_testing import wait_for
from net_testing import SERVER, NameServer, NetTest
from test_net_udp import DatagramServer

# The datagrams go at once; after so many answers others follow, of which none is answered.
SAY = """
kinds = socket.AF_INET, socket.SOCK_DGRAM
to = socket.getaddrinfo(sys.argv[1], int(sys.argv[2]), *kinds)[0][4]
s = socket.socket(*kinds)
s.connect(to)
for what in eval(sys.argv[3]): s.send(what)
s.settimeout(60)
for _ in range(int(sys.argv[4])): s.recv(1 << 16)
s.settimeout(0.5)
for what in eval(sys.argv[5]): s.send(what)
try:
    s.recv(1 << 16)
    print("more")
except OSError:
    print("silence")
"""


def initials(sni, pieces=1, version=1, connection="a-client"):
    """Of a client that names @sni, or nobody; its hello in so many datagrams."""
    made = subprocess.run([os.path.join(os.environ["BUILD"], "tests", "quic_initials"), str(version), connection, sni,
                           str(pieces)], check=True, capture_output=True, text=True)
    return [bytes.fromhex(line) for line in made.stdout.split()]


class QuicTest(NetTest):
    NAMES = {"good.example": [SERVER], "other.example": [SERVER]}

    def setUp(self):
        super().setUp()
        self.outside = DatagramServer()
        self.addCleanup(self.outside.close)
        self.names = NameServer(self.NAMES)
        self.addCleanup(self.names.close)

    def net(self, *args):
        return (*super().net(*args), f"--resolver={self.names.address}")

    def say(self, host, datagrams, passed=None, then=(), options=()):
        """Of the datagrams those that are `passed` (all) arrive, in that order, and no other."""
        passed = datagrams if passed is None else passed
        del self.outside.got[:]
        done = self.python(SAY, host, self.outside.port, repr(datagrams), len(passed), repr(then), options=options)
        self.assertEqual(done.stdout, b"silence\n", done.stderr)
        self.assertEqual(self.outside.got, passed)
        return done.stderr.decode()

    def requests(self):
        return [(e["fields"]["protocol"], e["fields"].get("sni", ""), e["verdict"]) for e in self.events("net.request")]


class Names(QuicTest):
    def test_the_name_that_was_asked_for(self):
        for version in (1, 2):
            self.say("good.example", [*initials("good.example", version=version), b"\x40later"])
            request, = (e["fields"] for e in self.events("net.request"))
            self.assertEqual([request[f] for f in ("protocol", "host", "sni", "alpn")],
                             ["quic", "good.example", "good.example", ["h3"]])
            close, = self.closes()
            self.assertEqual((close["host"], close["bytes_out"]), ("good.example", 1206))

    def test_in_pieces_and_out_of_order(self):
        self.say("good.example", [b"first", *reversed(initials("good.example", pieces=3)), b"\x40later"])
        self.assertEqual(self.requests(), [("other", "", "allow"), ("quic", "good.example", "allow")])

    def test_another_name(self):
        for pieces in (1, 3):
            told = self.say("good.example", [*initials("other.example", pieces=pieces), b"\x40later"], [])
            self.assertIn("net.name", told)
            self.assertIn("the TLS server name is not the host that was connected to", told)
            self.assertEqual(self.requests(), [("quic", "other.example", "allow")])
            self.assertEqual([c["reason"] for c in self.closes()], ["names differ"])

    def test_another_name_behind_the_right_one(self):
        """By a second connection, and by what says the same bytes of the first one otherwise."""
        good = initials("good.example")
        for connection in ("b-client", "a-client"):
            self.say("good.example", good, then=initials("other.example", connection=connection))
        self.assertEqual([c["reason"] for c in self.closes()], ["broken first bytes"])

    def test_a_name_where_an_address_was_asked_for(self):
        self.say(SERVER, initials("good.example"), [])
        self.say(SERVER, initials(""))

    def test_half_a_hello(self):
        self.say("good.example", [*initials("good.example", pieces=3)[:2], b"\x40later"], [])
        self.assertEqual(self.requests(), [])
        self.assertEqual([c["reason"] for c in self.closes()], ["program ended"])

    def test_half_a_hello_is_not_waited_for_for_ever(self):
        done = self.python("""
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(eval(sys.argv[3]), (sys.argv[1], int(sys.argv[2])))
time.sleep(11)
""", SERVER, self.outside.port, repr(initials("", pieces=2)[0]))
        self.assertEqual((done.returncode, self.outside.got), (0, []), done.stderr)
        self.assertEqual([c["reason"] for c in self.closes()], ["first bytes incomplete"])

    def test_what_cannot_be_read(self):
        good, = initials("good.example")
        for datagram in (good[:-1] + b"x", good[:30] + bytes(1200), good[:1199],
                         b"\xc0\xff\0\0\x1d" + good[5:]):
            told = self.say("good.example", [datagram, b"\x40later"], [])
            self.assertIn("net.broken", told)
            self.assertEqual([c["reason"] for c in self.closes()], ["broken first bytes"])

    def test_observed_only(self):
        for datagrams in (initials("other.example", pieces=2), [initials("good.example")[0][:-1] + b"x"]):
            self.say("good.example", [*datagrams, b"\x40later"], options=["--mode=observe"])

    def test_nobody_is_named(self):
        """Whether that may be is the policy's."""
        self.say("good.example", initials(""))
        self.rules = self.policy(
            {"id": "t.nobody", "category": "exfiltration", "severity": "low", "on": ["net.request"],
             "when": "action.protocol == 'quic' && action.sni == ''", "verdict": "deny", "because": "Name somebody.",
             "match": [{"action": {"kind": "net.request", "protocol": "quic"}}],
             "not_match": [{"action": {"kind": "net.request", "protocol": "quic", "sni": "h.example"}}]},
            defaults={"net.connect": "allow", "net.send": "allow"})
        self.assertIn("Name somebody.", self.say("good.example", initials(""), []))
        self.say("good.example", initials("good.example", pieces=2))


class Asked(QuicTest):
    """A flow of UDP waits for the answer as a connection does."""

    def setUp(self):
        super().setUp()
        self.approver = approver_testing.Approver(self)
        self.rules = self.policy(
            approver_testing.rule("t.quic", "action.protocol == 'quic'", ("net.request",),
                                  match={"kind": "net.request", "protocol": "quic"},
                                  not_match={"kind": "net.request", "protocol": "other"}),
            defaults={"net.connect": "allow", "net.send": "allow"})

    def net(self, *args):
        return (*super().net(*args), self.approver.option)

    def answer(self, answer):
        def decide(question):
            wait_for(lambda: self.outside.got)
            self.assertEqual(self.outside.got, [b"first"])
            self.assertEqual((question["fields"]["protocol"], question["fields"]["sni"]), ("quic", "good.example"))
            return answer
        self.approver.answer_all(decide)

    def test_yes(self):
        self.answer("allow")
        self.say("good.example", [b"first", *initials("good.example", pieces=2), b"\x40later", b"\x40last"])
        self.assertEqual([e["verdict"] for e in self.events("ask.answer")], ["allow"])
        self.assertEqual(self.verified()[0], 0)

    def test_no(self):
        self.answer("deny")
        self.say("good.example", [b"first", *initials("good.example", pieces=2), b"\x40later"], [b"first"])
        self.assertEqual([c["reason"] for c in self.closes()], ["refused by policy"])

    def test_the_program_is_gone_before_the_answer(self):
        self.rules = self.policy(
            approver_testing.rule("t.other", "action.protocol == 'other'", ("net.request",),
                                  match={"kind": "net.request", "protocol": "other"},
                                  not_match={"kind": "net.request", "protocol": "quic"}),
            defaults={"net.connect": "allow", "net.send": "allow"})
        self.say("good.example", [b"first", b"second"], [])
        self.assertEqual([c["reason"] for c in self.closes()], ["program ended"])


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
