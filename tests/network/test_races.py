#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Races: what a call names is swapped while it is looked at. However often it is won, nothing reaches the other host.

RACE_SECONDS=N takes N seconds for each, instead of one.
"""

import os
import pathlib
import shutil
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import world as worlds  # noqa: E402

if __name__ == "__main__":
    worlds.enter()

import network_testing  # noqa: E402
import zone  # noqa: E402
from network_testing import BUILD, NetworkTest, has_network, tcp  # noqa: E402

tearDownModule = network_testing.end_of_world
SECONDS = float(os.environ.get("RACE_SECONDS", "1"))
ALIVE = "; curl -sS -m 30 http://good.test/hello"
STREAMS, DATAGRAMS = ("blocking", "nonblocking", "process", "fastopen", "dup2"), ("sendto", "sendmsg")


class Races(NetworkTest):
    def setUp(self):
        super().setUp()
        shutil.copy(BUILD / "tests/net_races", self.work / "net_races")

    def hold(self, name, allowed, port):
        script = f"./net_races {name} {SECONDS} {allowed} {port} {zone.EVIL} {zone.ECHO}"
        reached = set()
        for _ in range(30):  # on a busy machine one thread may have all of a short time
            outside = self.outside(script.replace(f" {SECONDS} ", " 0.2 "))
            reached |= {p.to for p in self.world.crossed() if p.outward()}
            if reached >= {allowed, zone.EVIL}:
                break
        self.assertGreaterEqual(reached, {allowed, zone.EVIL}, outside)
        if not has_network():
            self.skipTest("this build of cordon has no --net")
        self.world.quiet()
        done = self.inside(script + ALIVE, allow=("good.test", zone.GOOD), timeout=200 + 20 * SECONDS)
        self.assertTrue(done.stdout.endswith("hello from good.test\n"), done)
        packets = self.world.crossed()
        self.assert_only(packets, tcp((zone.GOOD, zone.GOOD6), 80, zone.ECHO) | {("udp", zone.GOOD, zone.ECHO)}, ("good.test",))
        print(f"(outside {outside.stdout.strip()}; inside {done.stdout.splitlines()[0]}, {len(packets)} packets) ", end="",
              file=sys.stderr)
        return packets

    def test_address(self):
        for name in STREAMS:
            with self.subTest(race=name):
                self.hold(name, zone.GOOD, zone.ECHO)

    def test_address_of_datagrams(self):
        """Between a host that may be sent to, or a name server, which may always, and a host that may not."""
        for name in DATAGRAMS:
            # What is sent to the name server is no question that could be asked further.
            for allowed, port in ((zone.GOOD, zone.ECHO), (zone.DNS, 53)):
                with self.subTest(race=name, allowed=allowed):
                    self.hold(name, allowed, port)


if __name__ == "__main__":
    unittest.main(verbosity=2)
