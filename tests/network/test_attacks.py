#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on the network: each gets out where there is no cordon, and none does from a session. The capture judges.

After each attack the same session fetches a page of a host that it is allowed: a network that was down refuses nothing.
"""

import pathlib
import re
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import world as worlds  # noqa: E402

if __name__ == "__main__":
    worlds.enter()

import network_testing  # noqa: E402
import zone  # noqa: E402
from attack_rows import ALLOWED_ADDRESSES, ATTACKS  # noqa: E402
from cordon_testing import wait_for  # noqa: E402
from network_testing import BUILD, NetworkTest, has_network, tcp  # noqa: E402

tearDownModule = network_testing.end_of_world
PROGRAM = BUILD / "tests/net_attacks"
LAB = range(zone.ECHO, zone.PLAIN_TLS + 1)
ALIVE = "; curl -sS -m 30 http://good.test/hello?alive"


class AttackTest(NetworkTest):
    def setUp(self):
        super().setUp()
        shutil.copy(PROGRAM, self.work / "net_attacks")

    def outcome(self):
        """What the link and the servers saw; waits for a line that nginx writes after its answer."""
        packets = self.world.crossed()
        return packets, self.world.seen()

    def assert_alive(self, done):
        self.assertTrue(done.stdout.endswith("hello from good.test\n"), done)

    def attacked(self, script, **kw):
        """Inside, and alive afterwards. Return: (packets, what the servers saw)."""
        self.world.quiet()
        done = self.inside("A=./net_attacks; " + script + ALIVE, **kw)
        self.assert_alive(done)
        seen = []
        wait_for(lambda: any("alive" in e.get("path", "") for e in seen) or seen.extend(self.world.seen()))
        self.last = done
        return self.world.crossed(), seen


class Attacks(AttackTest):
    def control(self, attack):
        """Outside it works, or the kernel cannot do it at all."""
        self.outcome()
        done = self.outside("A=./net_attacks; " + attack.script, **({"prefix": []} if attack.privileged else {}))
        packets, seen = self.outcome()
        if not attack.got_out(packets, seen):
            wait_for(lambda: seen.extend(self.world.seen()) or attack.got_out(packets, seen), seconds=5)
        if not attack.got_out(packets, seen):
            said = (done.stdout + done.stderr).strip()
            self.assertTrue(attack.may_lack, f"the attack does not work even without cordon: {said}")
            self.skipTest(f"{attack.may_lack}: {said}")

    def hold(self, attack):
        self.control(attack)
        if not has_network():
            self.skipTest("this build of cordon has no --net")
        packets, seen = self.attacked(attack.script, allow=attack.allow)
        self.assertFalse(attack.got_out(packets, seen), f"it got out: {seen} {[str(p) for p in packets]} {self.last}")
        allowed = tcp(ALLOWED_ADDRESSES, 80, 443, *attack.ports, *LAB)
        self.assert_only(packets, allowed | {("udp", zone.GOOD, zone.ECHO)}, attack.names)


def make_test(attack):
    return lambda self: self.hold(attack)


for number, one in enumerate(ATTACKS):
    setattr(Attacks, f"test_{number:02}_" + re.sub(r"\W", "_", one.name), make_test(one))


if __name__ == "__main__":
    unittest.main(verbosity=2)
