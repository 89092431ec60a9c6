# SPDX-License-Identifier: Apache-2.0
"""What ./quickstart shows: the scripted agent's honest work goes through, and each of its dangers is denied."""

import pathlib
import subprocess
import sys
import unittest

from cordon_testing import CORDON, SLOWER, TRACE, CordonTest

AGENT = pathlib.Path(__file__).resolve().parents[2] / "scenarios/demo/agent.py"


@unittest.skipUnless(TRACE == "on", "the demo wants the trace, which an ordinary user has not")
class Demo(CordonTest):
    def test_each_call_is_as_it_must_be(self):
        r = subprocess.run([sys.executable, "-B", AGENT, "--cordon", CORDON], capture_output=True, env=self.env, timeout=120 * SLOWER)
        self.assertEqual(r.returncode, 0, r.stdout.decode() + r.stderr.decode())
        self.assertIn(b"17 calls, 8 denied; each as it must be", r.stdout)


if __name__ == "__main__":
    unittest.main()
