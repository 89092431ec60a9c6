#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Started with less than a program has: hardly any descriptors, no standard ones. An error, or none; no crash."""

import os
import pathlib
import resource
import shutil
import subprocess
import unittest

from cordon_testing import CORDON, CordonTest, SLOWER, TRACE

SCENARIO = pathlib.Path(os.environ.get("SOURCE", ".")) / "scenarios/persistence/pe-git-hook.json"


class PoorStart(CordonTest):
    def start_with(self, args, prepare, **kw):
        kw = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **kw}
        return subprocess.run([CORDON, *map(str, args)], preexec_fn=prepare, env=self.env, timeout=120 * SLOWER, **kw)

    def test_few_descriptors(self):
        """Each number of them, whatever it is that has none left; with more than ten something may work."""
        commands = (["run", "-q", "--resident=off", "--trace", TRACE, "-w", self.work, "--", "true"], ["mcp", "--trace", TRACE, "-w", self.work],
                    ["scenario", "run", "-q", "--trace", TRACE, SCENARIO], ["serve", "--idle=1"])
        for args in commands:
            for count in (3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 20):
                with self.subTest(args[0], count=count):
                    done = self.start_with(args, lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count)))
                    self.assertIn(done.returncode, (0, 1, 2, 125, 127))
                    self.assertTrue(done.returncode or count > 10)
                    if done.returncode:
                        self.assertRegex(done.stderr, b"Too many open files|No file descriptors|cannot open shared object")

    def test_lite_needs_some_to_end(self):
        """Its leaf lists and signals what is left by descriptors: without one it looked for them without end."""
        for count in (12, 16, 24, 63):
            with self.subTest(count):
                done = self.start_with(["run", "-q", "--resident=off", "--isolation=lite", "--trace=off", "-w", f"{self.work}:ro", "--", "true"],
                                       lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count)))
                self.assertEqual(done.returncode, 125)
                self.assertRegex(done.stderr, b"isolation lite needs 64|Too many open files|No file descriptors")
        self.assertIn(b"isolation lite needs 64", done.stderr)

    def test_scenarios_without_standard_files(self):
        for number, status in ((0, 0), (1, 125), (2, 0)):
            with self.subTest(number):
                done = self.start_with(["scenario", "run", "-q", "--trace", TRACE, SCENARIO], lambda: os.close(number))
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertEqual(done.stderr, b"cordon: cannot write the output\n" if number == 1 else b"")

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "needs root to have a /dev of its own")
    def test_no_dev_null(self):
        """Nobody takes the number of a standard descriptor that is closed, though there is nothing to hold it with."""
        script = 'mount -t tmpfs none /dev && exec "$@" <&- >&- 2>&-'
        for args in (["run", "-q", "--resident=off", "--trace", "off", "-w", self.work, "--", "true"], ["scenario", "run", "-q", "--trace", TRACE, SCENARIO]):
            with self.subTest(args[0]):
                done = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", CORDON, *map(str, args)], env=self.env,
                                      timeout=120 * SLOWER, check=False)
                self.assertIn(done.returncode, (0, 1, 2, 125))


if __name__ == "__main__":
    unittest.main()
