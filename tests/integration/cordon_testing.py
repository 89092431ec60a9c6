# SPDX-License-Identifier: Apache-2.0
"""What the integration tests share: the binary under test, a state folder of their own, leak checks."""

import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

CORDON = os.environ.get("CORDON", "build/cordon")
# An ordinary user has no BPF; there the trace is auto and what needs it is skipped with this reason.
TRACE = "on" if os.geteuid() == 0 else "auto"
NO_TRACE = "needs the BPF trace, which needs root (or CAP_BPF and CAP_PERFMON)"


class CordonTest(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cordon-test-"))
        self.work = self.dir / "work"
        self.work.mkdir()
        self.record = self.dir / "record.jsonl"
        self.env = dict(os.environ, CORDON_STATE_DIR=str(self.dir / "state"))
        self.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)

    def cordon(self, *args, stdin=subprocess.DEVNULL, timeout=60, **kw):
        return subprocess.run([CORDON, *map(str, args)], stdin=stdin, capture_output=True,
                              timeout=timeout, env=self.env, **kw)

    def run_in(self, *command, options=(), **kw):
        """cordon run in the test's workspace, with the record at self.record."""
        if self.record.exists():
            self.record.unlink()
        return self.cordon("run", "--trace", TRACE, "-w", self.work, "--record", self.record,
                           *options, "--", *command, **kw)

    def sh(self, script, **kw):
        return self.run_in("sh", "-c", script, **kw)

    def events(self, kind=None):
        found = [json.loads(line) for line in self.record.read_text().splitlines()]
        return [e for e in found if kind is None or e["kind"] == kind]

    def policy(self, *rules, **top):
        """A policy file of the test's own."""
        path = self.dir / "policy.json"
        path.write_text(json.dumps({"policy": "test", "version": 1, "rules": rules, **top}))
        return path
