# SPDX-License-Identifier: Apache-2.0
"""Whether this kernel has what isolation lite needs; where it has not, the refusal is what is tested."""

import ctypes
import unittest

from cordon_testing import CordonTest

SYS_LANDLOCK_CREATE_RULESET, VERSION = 444, 1
LANDLOCK_ABI = ctypes.CDLL(None).syscall(SYS_LANDLOCK_CREATE_RULESET, None, 0, VERSION)
NEEDED_ABI = 6  # with the signal scope
needs_lite = unittest.skipIf(LANDLOCK_ABI < NEEDED_ABI, f"lite needs Landlock ABI {NEEDED_ABI} (Linux 6.12)")


class OnThisKernel(CordonTest):
    @unittest.skipIf(LANDLOCK_ABI >= NEEDED_ABI, "this kernel has what lite needs")
    def test_it_is_refused(self):
        done = self.cordon("run", "--isolation=lite", "--trace=off", "--", "true")
        self.assertEqual(done.returncode, 125)
        self.assertIn(f"needs Landlock ABI {NEEDED_ABI} and this host has {max(LANDLOCK_ABI, 0)}", done.stderr.decode())
