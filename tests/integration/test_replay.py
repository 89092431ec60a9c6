# SPDX-License-Identifier: Apache-2.0
"""cordon log replay: records of real sessions, judged anew."""

import json
import unittest

from cordon_testing import NO_TRACE, TRACE, CordonTest

CONNECT = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"


def rule(name, on, when, verdict="deny", match=None, not_match=None, **more):
    return {"id": name, "category": "test", "severity": "low", "on": [on], "when": when, "verdict": verdict,
            "because": f"why {name}", "match": [match or {"action": {"kind": on}}],
            "not_match": [not_match or {"action": {"kind": on}}], **more}


def named(name, program, verdict="deny", **more):
    return rule(name, "exec", f"action.name == '{program}'", verdict, {"action": {"kind": "exec", "path": f"/{program}"}},
                **more)


def after_label(label, name="after"):
    return rule(name, "net.connect", f"'{label}' in session.labels", match={"action": {"kind": "net.connect"}, "labels": [label]})


class ReplayTest(CordonTest):
    def write(self, name, *rules, **more):
        path = self.dir / f"{name}.json"
        path.write_text(json.dumps({"policy": name, "version": 1, "rules": rules, **more}))
        return path

    def session(self, script, policy, *options):
        self.sh(script, options=["--policy", policy, *options])

    def replay(self, policy, status, notes=None, warning=""):
        """The changed events as (kind, was, now, rule), with the report at self.report."""
        r = self.cordon("log", "replay", "--json", "--policy", policy, self.record)
        self.assertEqual(r.returncode, status, r.stderr)
        self.assertIn(warning, r.stderr.decode())
        if status == 2:
            return None
        self.report = json.loads(r.stdout)
        if notes is not None:
            self.assertEqual(len(self.report["notes"]), notes, self.report["notes"])
        return [(c["kind"], c["was"]["verdict"], c["now"]["verdict"], c["now"]["rule"]) for c in self.report["changed"]]

    def events(self):
        return [json.loads(line) for line in self.record.read_text().splitlines()]


class Replay(ReplayTest):
    def setUp(self):
        super().setUp()
        self.nothing = self.write("nothing")
        (self.work / "key").write_text("k")

    def test_the_same_policy_comes_to_the_same(self):
        policy = self.write(
            "all", named("ls", "ls"), named("id", "id", "log", label=["seen"]), after_label("seen"),
            rule("often", "exec", "action.name == 'true'", "deny", {"action": {"kind": "exec", "path": "/true"}, "repeat": 3},
                 {"action": {"kind": "exec", "path": "/true"}, "repeat": 2}, count={"window": "60s", "at_least": 3}),
            labels=[{"label": "key", "paths": [str(self.work / "key")]}])
        self.session(f"ls; id; for i in 1 2 3 4; do env true; done; cat key; python3 -c \"{CONNECT}\"; :", policy)
        self.assertEqual(self.replay(policy, 0, notes=0), [])
        events = self.events()
        refused = {e.get("rule") for e in events if e.get("verdict") == "deny"}
        self.assertEqual(refused, {"ls", "often", "after"}, "the session has something to compare")
        self.assertEqual(self.report["judged"], sum("verdict" in e for e in events))
        self.assertEqual((self.report["same_policy"], self.report["other_rule"], self.report["not_judged"]), (True, 0, 0))

    def test_the_shipped_policies_come_to_the_same(self):
        self.run_in("sh", "-c", "ssh h; mkdir -p .aws; echo > .aws/credentials; cat .aws/credentials; :")
        r = self.cordon("log", "replay", self.record)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertIn("by the policy that the session had: 0 verdicts change", r.stdout.decode())

    def test_stricter_and_weaker(self):
        old = self.write("old", named("ls", "ls"))
        new = self.write("new", named("id", "id", "kill"))
        self.session("ls; id; cat key", old)
        self.assertEqual(sorted(set(self.replay(new, 1))),
                         [("exec", "allow", "kill", "id"), ("exec", "deny", "allow", "default")])
        self.assertEqual(self.report["stricter"], 1)
        self.assertFalse(self.report["same_policy"])
        renamed = self.write("renamed", named("other", "ls"))
        self.assertEqual(self.replay(renamed, 0), [])
        self.assertGreaterEqual(self.report["other_rule"], 1)

    def test_for_people(self):
        self.session("id", self.nothing)
        r = self.cordon("log", "replay", "--policy", self.write("new", named("no-id", "id")), self.record)
        self.assertEqual(r.returncode, 1)
        self.assertIn("now deny, by no-id: why no-id", r.stdout.decode())
        self.assertIn("1 verdict changes (1 stricter)", r.stdout.decode())

    def test_counters_count_anew(self):
        self.session("for i in 1 2 3 4 5; do env true; done", self.nothing)
        for window, times in (("60s", 3), ("1ms", 0)):
            new = self.write("new", rule(
                "often", "exec", "action.name == 'true'", "deny", {"action": {"kind": "exec", "path": "/true"}, "repeat": 3},
                {"action": {"kind": "exec", "path": "/true"}, "repeat": 2}, count={"window": window, "at_least": 3}))
            self.assertEqual(len(self.replay(new, 1 if times else 0)), times, window)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_labels_that_rules_set(self):
        self.session(f"id; python3 -c \"{CONNECT}\"", self.nothing)
        new = self.write("new", named("id", "id", "log", label=["seen"]), after_label("seen"))
        self.assertIn(("net.connect", "allow", "deny", "after"), self.replay(new, 1, notes=0))
        self.session(f"id; python3 -c \"{CONNECT}\"", new)
        other = self.write("other", named("never", "never", "log", label=["seen"]), after_label("seen"))
        self.assertIn(("net.connect", "deny", "allow", "default"), self.replay(other, 1, notes=1))

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_labels_of_paths(self):
        script = f"cat key; python3 -c \"{CONNECT}\""
        label = [{"label": "key", "paths": [str(self.work / "key")]}]
        self.session(script, self.nothing)
        new = self.write("new", after_label("key"), labels=label)
        self.assertIn(("net.connect", "allow", "deny", "after"), self.replay(new, 1, notes=0))
        self.session(script, new)
        elsewhere = self.write("elsewhere", after_label("key"), labels=[{"label": "key", "paths": ["/elsewhere"]}])
        self.assertEqual(self.replay(elsewhere, 1, notes=1), [("net.connect", "deny", "allow", "default")])
        self.assertIn("label key", self.report["notes"][0])
        self.assertEqual(self.replay(self.write("all", after_label("key"), named("id", "id")), 0, notes=0), [],
                         "a label that no path carries is taken as recorded")

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_labels_of_the_session_are_facts(self):
        self.session(f"cat key; python3 -c \"{CONNECT}\"", self.write("old", after_label("k", "old")),
                     "--label", f"{self.work}/key=k")
        self.assertIn(("net.connect", "deny", "kill", "new"), self.replay(
            self.write("new", {**after_label("k", "new"), "verdict": "kill"}), 1, notes=0))

    def test_without_a_trace_labels_count_as_set(self):
        self.run_in("python3", "-c", CONNECT, options=["--policy", self.nothing, "--trace", "off"])
        self.assertIn(("net.connect", "allow", "deny", "after"), self.replay(self.write("new", after_label("key")), 1))

    def test_writes_that_were_seen_after_they_happened(self):
        self.session("echo > made", self.nothing)
        gate = self.write("gate", rule("no", "file.open", "action.write && action.path == '/x'",
                                       match={"action": {"kind": "file.open", "path": "/x", "write": True}}))
        self.replay(gate, 0, notes=1 if TRACE == "on" else None)

    def test_what_is_not_on_the_record_is_not_guessed(self):
        self.session("env true $(seq 1 20000) || :", self.nothing)
        big = [e for e in self.events() if "oversize" in e.get("fields", {})]
        self.assertTrue(big, "an event too large for the record")
        self.assertIsNone(self.replay(self.nothing, 2, warning="cannot be judged: its fields were too large"))
        self.assertTrue(self.replay(self.write("new", named("no-env", "env"), named("no-seq", "seq")), 1))
        self.assertGreaterEqual(self.report["not_judged"], 1)

    def test_broken_and_cut_records(self):
        self.session("id", self.nothing)
        whole = self.record.read_text()
        lines = whole.splitlines(keepends=True)
        self.record.write_text("".join(lines[:-1]))
        self.assertEqual(self.replay(self.nothing, 0, warning="no signed end"), [])
        for broken in (whole.replace("/id\"", "/ls\"", 1), "".join(lines[:2] + lines[3:])):
            self.record.write_text(broken)
            self.replay(self.nothing, 2, warning="what is not proven is not judged")

    def refuses(self, *args, text):
        r = self.cordon("log", "replay", *args)
        self.assertEqual((r.returncode, r.stdout), (2, b""))
        self.assertIn(text, r.stderr.decode())

    def test_bad_input(self):
        self.session("id", self.nothing)
        self.refuses(text="which record")
        self.refuses(self.record, self.record, text="one record at a time")
        self.refuses(self.dir / "none", text="none")
        self.refuses("--policy", self.dir / "none", self.record, text="cannot open policy")
        self.refuses("--policy", self.write("bad", named("x", "x", "maybe")), self.record, text="a verdict is")


if __name__ == "__main__":
    unittest.main()
