# SPDX-License-Identifier: Apache-2.0
"""Isolation lite where it cannot hold what it promises: refused, with the reason and the way out."""

import json
import os
import subprocess
import unittest

from cordon_testing import CORDON, TRACE, CordonTest


class Refusals(CordonTest):
    def refusal(self, *options, **kw):
        done = self.cordon("run", "--isolation=lite", "--trace", TRACE, *options, "--", "true", **kw)
        self.assertEqual(done.returncode, 125)
        return done.stderr.decode()

    def test_what_it_cannot_hold(self):
        self.assertIn("needs a mount namespace", self.refusal("-w", f"{self.work}:cow"))
        self.assertIn("leave the second path out", self.refusal("-w", self.work, "--bind", f"{self.work}:/elsewhere"))

    def test_an_unknown_one(self):
        done = self.cordon("run", "--isolation=medium", "--", "true")
        self.assertIn(b"must be full or lite", done.stderr)

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_a_root_that_can_be_nobody_else(self):
        done = subprocess.run(["setpriv", "--bounding-set=-setuid", "--inh-caps=-setuid", CORDON, "run",
                               "--isolation=lite", "-w", self.work, "--", "true"], capture_output=True, env=self.env)
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"run as an ordinary user", done.stderr)
        said = subprocess.run(["setpriv", "--bounding-set=-setuid", "--inh-caps=-setuid", CORDON, "doctor", "--json"],
                              capture_output=True, env=self.env)
        row = [r for r in json.loads(said.stdout)["layers"] if r["layer"] == "lite"][0]
        self.assertEqual(row["state"], "missing")
        self.assertIn("run as an ordinary user", row["detail"])

    @unittest.skipUnless(os.geteuid() == 0, "needs root: an ordinary user's session is himself")
    def test_a_workspace_of_somebody_else(self):
        os.chmod(self.dir, 0o755)
        self.assertIn("start cordon as the owner", self.refusal("-w", f"{self.work}:live"))


if __name__ == "__main__":
    unittest.main()
