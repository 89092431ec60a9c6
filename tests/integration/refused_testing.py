# SPDX-License-Identifier: Apache-2.0
"""Commands that must be refused."""

from cordon_testing import TRACE, CordonTest, all_below, wait_for


class BadInputTest(CordonTest):
    def refused(self, *args, says=(), status=125, **kw):
        """cordon ends with the status, says all of these, nothing on stdout, and leaves nothing."""
        before = self.files()
        r = self.cordon(*args, **kw)
        text = r.stderr.decode(errors="replace")
        self.assertEqual(r.returncode, status, text)
        self.assertEqual(r.stdout, b"")
        for part in says:
            self.assertIn(str(part), text)
        self.assertNotIn("assert", text)
        self.assertTrue(wait_for(lambda: not self.holders()))
        self.assertEqual(self.files() - before, set())
        return text

    def files(self):
        """All below the test's folder, but what any first start makes."""
        found = {str(p.relative_to(self.dir)) for p in all_below(self.dir)}
        return found - {"state", "state/sessions", "state/live", "state/record.key"}

    def run_args(self, *options, command=("true",)):
        return ["run", "--trace", TRACE, "-w", self.work, "--record", self.record, *options, "--", *command]
