# SPDX-License-Identifier: Apache-2.0
"""Somebody else gets at the file of a record while its session runs: status 0 means that it is whole."""

import os
import subprocess
import unittest

from cordon_testing import CORDON, SLOWER, TRACE, CordonTest
from mcp_client import Client


class RecordFile(CordonTest):
    def run_while(self, change):
        """What a run ends with if the file is changed in the middle of it."""
        self.record.unlink(missing_ok=True)
        run = self.start("sh", "-c", "echo up; read x; /bin/true", stdin=subprocess.PIPE)
        self.assertEqual(run.stdout.readline(), b"up\n")
        change()
        _, err = run.communicate(b"\n", timeout=60 * SLOWER)
        return run.returncode, err.decode()

    def expect_told(self, change):
        status, said = self.run_while(change)
        self.assertEqual(status, 125, said)
        self.assertIn(f"the record {self.record} was removed, cut or written to by somebody else", said)

    def test_nothing_is_changed(self):
        status, said = self.run_while(lambda: None)
        self.assertEqual(status, 0, said)
        self.assertNotIn("record", said)
        self.assertEqual(self.verified()[0], 0)

    def test_removed(self):
        self.expect_told(self.record.unlink)
        self.assertFalse(self.record.exists())

    def test_replaced(self):
        def replace():
            (self.dir / "other").write_text("forged\n")
            os.rename(self.dir / "other", self.record)
        self.expect_told(replace)
        self.assertEqual(self.record.read_text(), "forged\n")

    def test_cut(self):
        for size in (lambda: 0, lambda: self.record.stat().st_size // 2):
            self.expect_told(lambda: os.truncate(self.record, size()))
            self.assertEqual(self.verified()[0], 1)

    def test_written_to(self):
        def write():
            with open(self.record, "a") as f:
                f.write("{}\n")
        self.expect_told(write)
        self.assertEqual(self.verified()[0], 1)

    def test_another_name(self):
        """It is the same file, and goes on there."""
        moved = self.dir / "moved.jsonl"
        status, said = self.run_while(lambda: os.rename(self.record, moved))
        self.assertEqual(status, 0, said)
        self.assertEqual(self.verified(moved)[0], 0)

    def test_of_mcp(self):
        client = Client([os.path.abspath(CORDON), "mcp", "--trace", TRACE, "-w", str(self.work), "--record", str(self.record)],
                        self.env, self.dir)
        self.addCleanup(client.abandon)
        client.open()
        client.call("bash", command="true")
        self.record.unlink()
        client.process.stdin.close()
        self.assertEqual(client.process.wait(timeout=60 * SLOWER), 125)
        self.assertIn(b"was removed", client.process.stderr.read())


if __name__ == "__main__":
    unittest.main()
