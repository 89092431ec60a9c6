# SPDX-License-Identifier: Apache-2.0
"""What tests of cordon scenario share: a scenario to change, and runs of it."""

import json
import os
import pathlib

from cordon_testing import TRACE, CordonTest

SCENARIOS = pathlib.Path(os.environ.get("SOURCE", ".")) / "scenarios"


class ScenarioTest(CordonTest):
    def setUp(self):
        super().setUp()
        self.env["TMPDIR"] = str(self.dir / "tmp")
        (self.dir / "tmp").mkdir()

    def scenario(self, name="s", **changes):
        """A scenario that comes as expected, but for the changes; None takes a member out."""
        doc = {"id": name, "title": "a test", "category": "resource-acquisition", "refs": ["RA3"],
               "setup": {"files": [{"path": "agent", "content": "#!/bin/sh\ntouch machines\n", "mode": "0755"}]},
               "steps": [self.step("echo hello; echo 1 > made", output_contains="hello"),
                         self.step("./agent --yolo", "denied", rule="sr.unattended-agent", kind="exec")],
               "finally": {"files": [{"path": "machines", "exists": False}, {"path": "made", "contains": "1"}],
                           "rules": [{"rule": "sr.unattended-agent", "times": 1}]}}
        doc.update(changes)
        path = self.dir / "work" / f"{name}.json"
        path.write_text(json.dumps({k: v for k, v in doc.items() if v is not None}))
        return path

    @staticmethod
    def step(command, verdict="allowed", **expect):
        return {"title": "a step", "tool": "bash", "arguments": {"command": command}, "expect": {"verdict": verdict, **expect}}

    def run_scenarios(self, *args, trace=TRACE, **kw):
        return self.cordon("scenario", "run", "--trace", trace, *args, timeout=1000, **kw)

    def result(self, *args, **kw):
        """The exit status and the one document of --json."""
        r = self.run_scenarios("--json", "-q", *args, **kw)
        self.assertEqual(r.stderr, b"")
        return r.returncode, json.loads(r.stdout)

    def sessions(self):
        folder = self.dir / "state" / "sessions"
        return sorted(folder.iterdir()) if folder.exists() else []

    def assert_clean(self):
        self.assertEqual(list((self.dir / "tmp").iterdir()), [])
