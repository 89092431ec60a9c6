# SPDX-License-Identifier: Apache-2.0
"""An installed tree, wherever it lies: the command finds its helpers and its policies, not those of the build."""

import os
import shutil
import subprocess
import unittest

from cordon_testing import CORDON, SLOWER, TRACE, CordonTest

BUILD = os.path.dirname(os.path.abspath(CORDON))


class Install(CordonTest):
    def setUp(self):
        super().setUp()
        done = subprocess.run(["cmake", "--install", BUILD, "--prefix", self.dir / "first"], capture_output=True, text=True,
                              timeout=120 * SLOWER, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.prefix = self.dir / "moved"
        (self.dir / "first").rename(self.prefix)

    def installed(self, *args):
        return subprocess.run([self.prefix / "bin/cordon", *args], capture_output=True, text=True, timeout=120 * SLOWER, check=False,
                              env=dict(self.env, CORDON_RESIDENT="off"), cwd=self.work)

    def run_true(self):
        return self.installed("run", "--trace", TRACE, "-w", str(self.work), "--", "true")

    def test_a_run_with_what_was_installed(self):
        r = self.run_true()
        self.assertEqual(r.returncode, 0, r.stderr)
        shutil.rmtree(self.prefix / "share/cordon/policies")
        r = self.run_true()
        self.assertEqual(r.returncode, 125)
        self.assertIn("policies that ship with cordon", r.stderr)
        self.assertIn("--policy", r.stderr)

    def test_without_the_launcher(self):
        (self.prefix / "libexec/cordon/cordon-launch").unlink()
        r = self.run_true()
        self.assertEqual(r.returncode, 125)
        self.assertIn(f"cordon-launch is neither beside the cordon binary ({self.prefix}/bin)", r.stderr)

    def test_the_prover(self):
        r = self.installed("doctor", "--prove", "--list")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("view.", r.stdout)

    def test_the_pages(self):
        for page in ("man1/cordon.1", "man5/cordon-policy.5"):
            self.assertGreater((self.prefix / "share/man" / page).stat().st_size, 1000)

    def test_what_the_command_and_the_pages_refer_to(self):
        for name in ("LICENSE", "README.md", "SECURITY.md"):
            self.assertGreater((self.prefix / "share/doc/cordon" / name).stat().st_size, 1000)


if __name__ == "__main__":
    unittest.main()
