# SPDX-License-Identifier: Apache-2.0
"""--profile: what observe, eval and contain let happen and what they do not."""

import json
import os
import pathlib
import re
import unittest

from cordon_testing import NO_TRACE, TRACE, CordonTest

SOURCE = pathlib.Path(os.environ.get("SOURCE", "."))


class Profiles(CordonTest):
    def run_with(self, profile, script, *args):
        """Exit status, output, and the events of the record that name a rule."""
        self.record.unlink(missing_ok=True)
        r = self.cordon("run", "-q", f"--record={self.record}", f"--trace={TRACE}", f"--profile={profile}", f"--workspace={self.work}", *args, "--",
                        "bash", "-c", script, timeout=120)
        events = [json.loads(line) for line in self.record.read_text().splitlines()] if self.record.exists() else []
        return r.returncode, (r.stdout + r.stderr).decode(), [e for e in events if "rule" in e]

    def program(self, name):
        path = self.work / name
        path.write_text("#!/bin/sh\necho rented\n")
        path.chmod(0o755)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_eval_lets_decoys_happen_and_keeps_what_is_the_hosts(self):
        self.program("miner")
        for profile in ("observe", "eval"):
            status, out, told = self.run_with(profile, "./miner --donate-level=1; rm miner; test ! -e miner")
            self.assertEqual((status, out), (0, "rented\n"))
            self.assertEqual({(e["rule"], e["verdict"], e["enforced"]) for e in told if e["kind"] == "exec"}, {("ra.mining-protocol", "deny", False)})
        self.assertTrue((self.work / "miner").exists())
        status, out, _ = self.run_with("observe", "./miner", f"--workspace={self.work}:live")
        self.assertEqual(status, 0, out)
        for args in ((f"--workspace={self.work}:live",), (f"--bind={self.dir}:/mnt:rw",)):
            status, out, _ = self.run_with("eval", "true", *args)
            self.assertNotEqual(status, 0)
            self.assertIn("no folder of the host may be writable", out)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_contain_denies_by_default(self):
        self.program("tool")
        (self.work / "shutdown.sh").write_text("stop\n")
        status, out, told = self.run_with("contain", "./tool; python3 -c 'print(6 * 7)'; echo x > shutdown.sh; mv shutdown.sh y; echo fine > other; "
                                                     "python3 -m http.server 0; cat other")
        self.assertEqual(status, 0)
        self.assertIn("42\n", out)
        self.assertIn("fine\n", out)
        self.assertNotIn("rented", out)
        denied = {e["rule"] for e in told if e["verdict"] == "deny"}
        self.assertEqual(denied, {"contain.own-program", "contain.control-file", "contain.listen"})
        # The same with policies of one's own beside it needs the lists of the families.
        status, _, told = self.run_with("contain", "./tool", f"--policy={SOURCE / 'policies'}")
        self.assertEqual((status, told[-1]["rule"]), (126, "contain.own-program"))

    def test_wrong(self):
        status, out, _ = self.run_with("open", "true")
        self.assertNotEqual(status, 0)
        self.assertIn("observe, eval or contain", out)


class Documented(unittest.TestCase):
    def test_the_page_of_the_families_names_every_rule(self):
        page = (SOURCE / "man/cordon-families.7.scd").read_text()
        named = set(re.findall(r"\b(?:ra|sr|ex|ov|pe|ce|de)\.[a-z][a-z-]+", page))
        rules = {r["id"] for f in (SOURCE / "policies").glob("*.json") for r in json.loads(f.read_text())["rules"]}
        self.assertEqual(named, rules)


if __name__ == "__main__":
    unittest.main(verbosity=1)
