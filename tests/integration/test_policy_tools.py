# SPDX-License-Identifier: Apache-2.0
"""cordon policy: what the tools say of policies, and of what is none."""

import json
import os
import pathlib
import unittest

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


class Explain(PolicyTest):
    CONNECT = {"kind": "net.connect", "address": "192.0.2.1", "port": 25}

    def setUp(self):
        super().setUp()
        self.file = self.write(
            "p",
            rule("no-mail", "net.connect", "action.port == 25", "deny", [{"port": 25}], [{"port": 26}],
                 errno="ECONNREFUSED"),
            rule("note-far", "net.connect", "!action.loopback", "log", [{"port": 1}], [{"loopback": True}],
                 label=["far"]),
            rule("after-key", "net.connect", "'key' in session.labels", "kill",
                 [{"action": {"kind": "net.connect"}, "labels": ["key"]}], [{}]),
            rule("few", "exec", "action.name != 'x'", "deny",
                 [{"action": {"kind": "exec", "path": "/y"}, "repeat": 3}], [{"path": "/y"}],
                 count={"window": "10s", "at_least": 3}),
            labels=[{"label": "key", "paths": ["/k/**"]}], defaults={"net.connect": "allow"})

    def explain(self, action, *options, **kw):
        return self.answer("explain", "--policy", self.file, *options,
                           action if isinstance(action, str) else json.dumps(action), **kw)

    def test_the_strictest_rule_decides_and_all_that_were_asked_are_told(self):
        said = self.explain(self.CONNECT, status=1)
        self.assertEqual((said["verdict"], said["errno"], said["rule"]), ("deny", "ECONNREFUSED", "no-mail"))
        self.assertEqual(said["because"], "why no-mail")
        self.assertEqual(said["matched"], {"port": 25})
        self.assertEqual({a["rule"]: a["answer"] for a in said["asked"]},
                         {"no-mail": "matched", "note-far": "matched"})
        self.assertEqual(said["not_asked"], 1, "after-key looks for a label that is not there")
        self.assertEqual(said["labels_set"], ["far"])
        self.assertEqual(said["labels"], [])

    def test_an_action_that_goes_on_is_status_0(self):
        self.assertEqual(self.explain({**self.CONNECT, "port": 80})["verdict"], "log")
        said = self.explain({**self.CONNECT, "port": 80, "loopback": True})
        self.assertEqual((said["verdict"], said["rule"], said["errno"]), ("allow", "default", None))

    def test_labels_count(self):
        said = self.explain(self.CONNECT, "--label", "key", status=1)
        self.assertEqual((said["verdict"], said["rule"]), ("kill", "after-key"))
        self.assertEqual(said["matched"], {"session.labels": ["key"]})
        inside = {"action": self.CONNECT, "labels": ["key"]}
        self.assertEqual(self.explain(inside, status=1)["rule"], "after-key")

    def test_a_read_before_sets_the_labels_of_its_path(self):
        read = {"kind": "file.open", "path": "/k/id", "result": 3}
        for action, verdict in ((read, "kill"), ({**read, "result": -2}, "deny"), ({**read, "write": True}, "deny"),
                                ({**read, "path": "/other"}, "deny")):
            said = self.explain(self.CONNECT, "--before", json.dumps(action), status=1)
            self.assertEqual(said["verdict"], verdict, action)

    def test_actions_before_are_counted(self):
        run = {"kind": "exec", "path": "/bin/y"}
        before = {"action": run, "repeat": 2, "every": "4s"}
        said = self.explain(run, "--before", json.dumps({"action": run}))
        self.assertEqual([a["answer"] for a in said["asked"]], ["below count"])
        self.assertEqual((said["asked"][0]["at_least"], said["asked"][0]["window_ms"]), (3, 10000))
        self.assertEqual(self.explain(run, "--before", json.dumps(before), status=1)["rule"], "few")
        before["every"] = "6s"
        self.assertEqual(self.explain(run, "--before", json.dumps(before))["verdict"], "allow")
        self.assertEqual(self.explain({"action": run, "repeat": 3}, status=1)["rule"], "few")

    def test_from_a_file_and_from_stdin(self):
        path = self.dir / "action.json"
        path.write_text(json.dumps(self.CONNECT))
        self.assertEqual(self.explain(f"@{path}", status=1)["rule"], "no-mail")
        with path.open() as stdin:
            self.assertEqual(self.explain("-", stdin=stdin, status=1)["rule"], "no-mail")

    def test_two_lists_of_one_action_are_kept_apart(self):
        file = self.write("lists", rule("both", "exec", "'a' in action.argv && 'LD_X=1' in action.startup_env", "deny",
                                        [{"argv": ["p", "a"], "startup_env": ["B=2", "LD_X=1"]}],
                                        [{"argv": ["p", "b"], "startup_env": ["B=2", "LD_X=1"]}]))
        said = self.answer("explain", "--policy", file, json.dumps(
            {"kind": "exec", "argv": ["p", "a"], "startup_env": ["LD_X=1", "C=3"]}), status=1)
        self.assertEqual(said["matched"], {"argv": ["p", "a"], "startup_env": ["LD_X=1", "C=3"]})

    def test_the_shipped_policies_answer_if_none_is_named(self):
        said = self.answer("explain", '{"kind": "exec", "path": "/usr/bin/ssh", "argv": ["ssh", "h"]}', status=1)
        self.assertEqual(said["rule"], "sr.remote-shell")

    def test_for_people(self):
        r = self.policy("explain", "--policy", self.file, json.dumps(self.CONNECT))
        text = r.stdout.decode()
        self.assertEqual(r.returncode, 1)
        for part in ("deny (ECONNREFUSED) by no-mail", "why no-mail", "action.port = 25", "sets the labels: far",
                     "1 other rule on net.connect had no need to be asked"):
            self.assertIn(part, text)
        self.assertNotIn("\033", text)

    def test_what_an_action_says_cannot_steer_the_terminal(self):
        r = self.policy("explain", "--policy", self.file, json.dumps({"kind": "exec", "path": "/a\033[2J\u009b"}))
        self.assertEqual(r.returncode, 0)
        self.assertNotIn(b"\033", r.stdout)
        self.assertNotIn("\u009b".encode(), r.stdout)

    def test_bad_input(self):
        ask = ("explain", "--policy", self.file)
        self.refuses("explain", text="which ACTION")
        self.refuses(*ask, "{}", "{}", text="one ACTION")
        self.refuses(*ask, "", text="ACTION:1:1")
        self.refuses(*ask, "[1]", text="needs a \"kind\" that exists")
        self.refuses(*ask, '{"kind": "nothing"}', text="needs a \"kind\" that exists")
        self.refuses(*ask, '{"kind": "exec", "port": 1}', text="ACTION:1:26: actions of this kind have no such field")
        self.refuses(*ask, '{"kind": "exec", "path": 1}', text="expected string")
        self.refuses(*ask, '{"kind": "exec", "argv": ["a", 1]}', text="expected an array of strings")
        self.refuses(*ask, '{"action": {"kind": "exec"}, "times": 2}', text="unknown member \"times\"")
        self.refuses(*ask, '{"action": {"kind": "exec"}, "repeat": 0}', text="1 to 262144")
        self.refuses(*ask, "--label", "nosuch", '{"kind": "exec"}', text="no rule sets or reads it")
        self.refuses(*ask, "--before", "{", '{"kind": "exec"}', text="ACTION:1:2")
        self.refuses(*ask, "@/nonexistent", text="/nonexistent")
        self.refuses("explain", "--policy", self.dir / "none", '{"kind": "exec"}', text="cannot open policy")
        self.refuses(*ask, "--bogus", text="--bogus")

    def test_dispatcher(self):
        self.refuses(text="explain")
        self.refuses("nosuch", text="no command \"nosuch\"")
        self.assertEqual(self.policy("--help").returncode, 0)


if __name__ == "__main__":
    unittest.main()
