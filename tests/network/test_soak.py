#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Many connections through one supervisor, to hosts that answer, stall, reset and lie: it neither grows nor leaks.

SOAK=N makes N times as many; 10 is ten thousand connections to each, a thousand at once.
"""

import json
import os
import pathlib
import shutil
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import world as worlds  # noqa: E402

if __name__ == "__main__":
    worlds.enter()

import subprocess  # noqa: E402

import network_testing  # noqa: E402
import zone  # noqa: E402
from cordon_testing import TRACE, wait_for  # noqa: E402
from network_testing import BUILD, CORDON, DEFAULTS, TRUSTED, NetworkTest, requires_network  # noqa: E402

tearDownModule = network_testing.end_of_world
SOAK = int(os.environ.get("SOAK", "1"))
COUNT, AT_ONCE = 1000 * SOAK, min(1000, 250 * SOAK)
# port: how many of them, patience in ms, and what may become of each
UPSTREAMS = {
    zone.FAST: (COUNT, 60000, {"echoed"}),
    zone.STALL: (COUNT // 10, 500, {"silent"}),
    zone.RESET: (COUNT, 60000, {"reset", "failed", "ended"}),
    zone.LIE: (COUNT, 60000, {"ended"}),
    zone.CLOSED: (COUNT, 60000, {"failed", "reset"}),
}
ROUNDS = 3


def resources(pid):
    """(descriptors, KiB of memory that is the process's own)"""
    status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines())
    return len(os.listdir(f"/proc/{pid}/fd")), int(status["RssAnon"].split()[0])


@requires_network
class Soak(NetworkTest):
    def setUp(self):
        super().setUp()
        shutil.copy(BUILD / "tests/netload", self.work / "netload")

    def supervisor(self):
        """A session whose shell takes lines; the process is its supervisor, as there is no resident one."""
        policy = self.policy(TRUSTED, defaults=DEFAULTS, lists={"trusted_hosts": []})
        # Sanitizers keep freed memory back, and would look like a leak.
        self.env["ASAN_OPTIONS"] = ":".join(filter(None, [os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=1"]))
        argv = [*worlds.PLAIN, CORDON, "run", "-q", "--discard", "--trace", TRACE, "-w", self.work, "-p", policy, "--record",
                self.record, *self.options((zone.LAB,)), "--", "bash"]
        process = subprocess.Popen([str(a) for a in argv], cwd=self.work, env=self.env, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, process)
        return process

    def ask(self, process, line):
        process.stdin.write(line + "\n")
        process.stdin.flush()
        said = process.stdout.readline()
        self.assertTrue(said, process.stderr.read() if process.poll() is not None else "the session says nothing")
        return said

    def load(self, process):
        for port, (count, patience, may_be) in UPSTREAMS.items():
            became = json.loads(self.ask(process, f"./netload parallel {zone.LAB} {port} {count} {AT_ONCE} {patience}"))
            became.pop("a_second")
            self.assertEqual(sum(became.values()), count, (port, became))
            self.assertLessEqual({k for k, v in became.items() if v}, may_be, (port, became))

    def settled(self, pid, limit):
        """Resources once all flows are over."""
        wait_for(lambda: resources(pid)[0] <= limit, seconds=120)
        return resources(pid)

    def test_nothing_grows(self):
        process = self.supervisor()
        self.ask(process, "echo there")
        fds = resources(process.pid)[0]
        history = []
        for _ in range(ROUNDS):
            start = time.monotonic()
            self.load(process)
            history.append(resources(process.pid))
            print(f"({history[-1][0]} fds, {history[-1][1]} KiB, {time.monotonic() - start:.1f} s) ", end="", file=sys.stderr, flush=True)
        # Whose upstream stalls ends when the program is found to be gone; a listener in use may stay for a while.
        left = self.settled(process.pid, fds + 4)
        print(f"(at last {left[0]} fds, {left[1]} KiB) ", end="", file=sys.stderr, flush=True)
        process.stdin.close()
        self.assertEqual(process.wait(60), 0)
        # The first round takes memory that the others use again.
        self.assertLessEqual(left[0], fds + 4, history)
        self.assertLessEqual(left[1], history[0][1] * 1.25 + 1024, history)
        self.assertEqual(self.verified()[0], 0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
