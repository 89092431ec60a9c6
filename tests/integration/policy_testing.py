# SPDX-License-Identifier: Apache-2.0
"""What the tests of the policy tools share: policies of a few rules, and what a tool answers."""

import json
import os
import pathlib

from cordon_testing import CordonTest

SHIPPED = pathlib.Path(os.environ.get("SOURCE", ".")) / "policies"


def rule(name, on, when, verdict, match, not_match, **more):
    on = on if isinstance(on, list) else [on]
    return {"id": name, "category": "test", "severity": "low", "on": on, "when": when, "verdict": verdict,
            "because": f"why {name}", "match": [example(e, on) for e in match],
            "not_match": [example(e, on) for e in not_match], **more}


def example(fields, on):
    return fields if "action" in fields else {"action": {"kind": on[0], **fields}}


class PolicyTest(CordonTest):
    def write(self, name, *rules, **more):
        path = self.dir / f"{name}.json"
        path.write_text(json.dumps({"policy": name, "version": 1, "rules": rules, **more}))
        return path

    def policy(self, *args, **kw):
        return self.cordon("policy", *args, **kw)

    def answer(self, *args, status=0, **kw):
        """The one document of --json."""
        r = self.policy(args[0], "--json", *args[1:], **kw)
        self.assertEqual((r.stderr.decode(), r.returncode), ("", status))
        return json.loads(r.stdout)

    def refuses(self, *args, text, **kw):
        """No answer: exit status 2, nothing on stdout, and a reason that holds the text."""
        r = self.policy(*args, **kw)
        self.assertEqual((r.returncode, r.stdout), (2, b""))
        self.assertIn(text, r.stderr.decode())
