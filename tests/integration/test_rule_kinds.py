# SPDX-License-Identifier: Apache-2.0
"""Rules that look at more than one action, held against what real processes do."""

import json
import unittest

from cordon_testing import NO_TRACE, TRACE
from policy_testing import rule
from rule_testing import CONNECT, EPERM, REFUSED, RuleKindsTest, act, step


class Sequence(RuleKindsTest):
    def setUp(self):
        super().setUp()
        (self.work / "key").write_text("k")
        (self.work / "connect.py").write_text(CONNECT)

    def after(self, *steps, before, on="net.connect", when="true", verdict="deny", action=None, **sequence):
        return rule("after", on, when, verdict, [{"before": before, **(action or act(on))}], [action or act(on)],
                    sequence={"steps": steps, **sequence})

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_a_read_and_then_a_program_and_then_a_connection(self):
        key = str(self.work / "key")
        policy = self.write("p", self.after(
            step("file.open", f"action.path == '{key}' && action.result >= 0"), step("exec", "action.name == 'base64'"),
            before=[act("file.open", path=key, result=3), act("exec", path="/usr/bin/base64")], within="1h"))
        out = self.run_by(policy, "python3 connect.py; base64 connect.py > /dev/null; cat key > /dev/null; python3 connect.py;"
                                  "base64 key > /dev/null; python3 connect.py")
        self.assertEqual(out, [REFUSED, REFUSED, EPERM], "a program before the read is no step")
        refused = [e for e in self.events() if e.get("rule") == "after"]
        self.assertEqual([(e["kind"], e["verdict"]) for e in refused], [("net.connect", "deny")])
        self.assertEqual((refused[0]["sequence"]["by"], refused[0]["sequence"]["within_ms"]), ("session", 3600000))
        self.assertGreaterEqual(refused[0]["sequence"]["began_ms_ago"], 0)
        self.replays_the_same(policy)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_a_lineage_goes_through_forks_and_not_to_others(self):
        policy = self.write("p", self.after(
            step("exec", "action.name == 'marked'"), before=[act("exec", path="/w/marked")], by="lineage"))
        marked = self.work / "marked"
        marked.write_text("#!/bin/sh\n(python3 connect.py)\nsh -c 'python3 connect.py; :'\n")
        marked.chmod(0o755)
        self.assertEqual(self.run_by(policy, "python3 connect.py; ./marked; python3 connect.py"),
                         [REFUSED, EPERM, EPERM, REFUSED])
        self.replays_the_same(policy)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_a_file_is_the_same_after_a_rename(self):
        policy = self.write("p", self.after(
            step("file.open", "action.write"), on="exec", before=[act("file.open", path="/w/x", write=True)],
            action=act("exec", path="/w/x"), by="file"))
        out = self.run_by(policy, "cp /bin/echo made; cp /bin/echo two; mv made moved; ln two linked;"
                                  "for f in ./moved ./two ./linked /bin/echo; do $f ran || echo no; done 2> /dev/null")
        self.assertEqual(out, ["no", "no", "no", "ran"])
        self.replays_the_same(policy)

    def test_what_must_be_missing_and_since_when(self):
        """No commit unless the tests ran after the last edit: all of it is seen before it happens."""
        policy = self.write("p", rule(
            "untested", "exec", "action.name == 'id'", "deny",
            [{"before": [act("exec", path="/bin/touch")], **act("exec", path="/bin/id")}],
            [act("exec", path="/bin/id"),
             {"before": [act("exec", path="/bin/touch"), act("exec", path="/bin/true")], **act("exec", path="/bin/id")}],
            sequence={"steps": [step("exec", "action.name == 'true'", missing=True)],
                      "since": step("exec", "action.name == 'touch'")}))
        out = self.run_by(policy, "id -u; touch a; id -u || echo no; env true; id -u; touch a; id -u || echo no")
        self.assertEqual(out, ["1000", "no", "1000", "no"])
        self.replays_the_same(policy)

    def test_without_a_trace_what_cannot_be_seen_counts_as_done(self):
        key = str(self.work / "key")
        policy = self.write("p", self.after(
            step("file.open", f"action.path == '{key}'"), step("exec", "action.name == 'base64'"),
            before=[act("file.open", path=key, result=3), act("exec", path="/usr/bin/base64")]))
        r = self.sh("python3 connect.py; base64 connect.py > /dev/null; python3 connect.py",
                    options=["--policy", policy, "--trace", "off"])
        self.assertEqual(r.stdout.decode().split(), [REFUSED, EPERM])
        self.assertIn("Nobody can see all that this session does", r.stderr.decode())
        self.replays_the_same(policy)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_more_than_there_is_room_for_is_a_loss(self):
        for verdict, on_loss, told, last in (("deny", "deny_new", "deny", "no"), ("deny", "log", "log", REFUSED),
                                             ("log", "deny_new", "log", REFUSED)):
            policy = self.write("p", self.after(
                step("file.open", "action.path.startsWith('/tmp/f')"), on="exec", before=[act("file.open", path="/tmp/f1")],
                action=act("exec", path="/tmp/f1"), by="file", verdict=verdict), on_loss=on_loss)
            out = self.run_by(policy, "i=0; while [ $i -lt 5000 ]; do i=$((i + 1)); : > /tmp/f$i; done;"
                                      "python3 connect.py || echo no")
            self.assertEqual(out, [last], (verdict, on_loss))
            evicted = [e for e in self.events() if e["kind"] == "state.evicted"]
            self.assertGreater(len(evicted), 0)
            self.assertEqual((evicted[0]["fields"]["of_rule"], evicted[0]["fields"]["on_loss"]), ("after", on_loss))
            self.assertEqual({e["verdict"] for e in evicted}, {told})
            self.assertEqual({"new session" in e["because"] for e in evicted}, {told == "deny"})
            if last == "no":
                refused = [e for e in self.events() if e.get("rule") == "on_loss.state.evicted" and e["kind"] == "exec"]
                self.assertGreater(len(refused), 0)
            self.replays_the_same(policy)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_what_only_excuses_may_be_forgotten(self):
        """Without it the rule is stricter than it need be, and nothing goes past it: no reason to refuse the rest."""
        policy = self.write("p", rule(
            "unread", "exec", "action.path.startsWith('/tmp/f')", "deny", [act("exec", path="/tmp/f1")],
            [{"before": [act("file.open", path="/tmp/f1")], **act("exec", path="/tmp/f1")}],
            sequence={"by": "file", "steps": [step("file.open", "action.path.startsWith('/tmp/f')", missing=True)]}))
        out = self.run_by(policy, "i=0; while [ $i -lt 5000 ]; do i=$((i + 1)); : > /tmp/f$i; done; echo echo ran >/tmp/f5000;"
                                  "chmod +x /tmp/f1 /tmp/f5000; /tmp/f5000; /tmp/f1 || echo no")
        self.assertEqual(out, ["ran", "no"])
        evicted = [e for e in self.events() if e["kind"] == "state.evicted"]
        self.assertEqual({(e["verdict"], e["fields"]["of_rule"]) for e in evicted}, {("log", "unread")})
        self.replays_the_same(policy)


class Distinct(RuleKindsTest):
    def setUp(self):
        super().setUp()
        (self.work / "connect.py").write_text(CONNECT.replace("9)", "int(__import__('sys').argv[1]))"))

    def test_ports_that_differ(self):
        policy = self.write("p", rule(
            "scan", "net.connect", "true", "deny", [{**act("net.connect", port=1), "repeat": 4, "vary": "port"}],
            [{**act("net.connect", port=1), "repeat": 99}], count={"window": "1h", "at_least": 4, "distinct": "action.port"}))
        out = self.run_by(policy, "for p in 1 2 1 2 1 3 4 5 1; do python3 connect.py $p; done")
        self.assertEqual(out, [REFUSED] * 6 + [EPERM] * 3)
        self.replays_the_same(policy)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_files_that_differ_and_then_a_connection(self):
        for name in "abc":
            (self.work / f"secret-{name}").write_text(name)
        policy = self.write(
            "p", rule("many", "file.open", "action.result >= 0 && action.path.contains('/secret-')", "log",
                      [{**act("file.open", path="/w/secret-", result=3), "repeat": 3, "vary": "path"}],
                      [{**act("file.open", path="/w/secret-", result=3), "repeat": 3}], label=["many-secrets"],
                      count={"window": "1h", "at_least": 3, "distinct": "action.path"}),
            rule("no-net", "net.connect", "'many-secrets' in session.labels", "deny",
                 [{**act("net.connect"), "labels": ["many-secrets"]}], [act("net.connect")]))
        out = self.run_by(policy, "cat secret-a secret-b secret-a secret-b > /dev/null; python3 connect.py 9;"
                                  "cat secret-c > /dev/null; python3 connect.py 9")
        self.assertEqual(out, [REFUSED, EPERM])
        self.replays_the_same(policy)


class Intent(RuleKindsTest):
    def test_a_command_that_does_not_do_what_it_declares(self):
        policy = self.write(
            "p", rule("wrote", ["file.open", "file.change"], "'read-only' in call.declared && action.write &&"
                      "!action.path.startsWith('/dev/')", "deny",
                      [act("file.open", write=True, path="/w/x", declared=["read-only"])], [act("file.open", write=True, path="/w/x")]),
            rule("went-out", "net.connect", "'closed-world' in action.declared", "deny",
                 [act("net.connect", declared=["closed-world"])], [act("net.connect", declared=["read-only"])]))
        (self.work / "connect.py").write_text(CONNECT)
        script = "(echo > made) 2> /dev/null && echo wrote || echo no; cat connect.py > /dev/null; python3 connect.py"
        self.assertEqual(self.run_by(policy, script), ["wrote", REFUSED])
        self.assertEqual(self.run_by(policy, script, "--declare", "read-only"), ["no", REFUSED])
        self.assertEqual(self.run_by(policy, script, "--declare", "closed-world"), ["wrote", EPERM])
        self.assertEqual(self.run_by(policy, script, "--declare", "closed-world", "--declare", "read-only"), ["no", EPERM])
        started = [e for e in self.events() if e["kind"] == "tool.call"]
        self.assertEqual(started[0]["fields"]["declared"], ["read-only", "closed-world"])
        self.replays_the_same(policy)

    def test_a_word_that_is_none(self):
        r = self.sh("true", options=["--declare", "harmless"])
        self.assertEqual(r.returncode, 125)
        self.assertIn("must be read-only or closed-world", r.stderr.decode())


class Result(RuleKindsTest):
    @unittest.skipUnless(TRACE == "on", NO_TRACE)  # without one the label counts as set from the start
    def test_a_canary_is_withheld_and_marks_the_session(self):
        (self.work / "connect.py").write_text(CONNECT)
        (self.work / "notes").write_text("the key is CANARY-7f3d\n")
        policy = self.write(
            "p", rule("canary", "tool.result", "action.text.contains('CANARY-7f3d')", "deny",
                      [act("tool.result", text="a CANARY-7f3d b")], [act("tool.result", text="CANARY")], label=["canary"]),
            rule("after", "net.connect", "'canary' in session.labels", "deny",
                 [{**act("net.connect"), "labels": ["canary"]}], [act("net.connect")]))
        client = self.client(policy)
        self.assertEqual(client.text("bash", command="python3 connect.py").strip(), REFUSED)
        result = client.call("read_file", path="notes")
        self.assertTrue(result["isError"])
        self.assertEqual(result["content"][0]["text"], "Denied by canary: what the call returned is withheld. why canary\n")
        self.assertNotIn("CANARY", json.dumps(result))
        denied = result["structuredContent"]
        self.assertEqual((denied["denied_count"], denied["denied"][0]["kind"], denied["denied"][0]["subject"]),
                         (1, "tool.result", "read_file"))
        self.assertEqual(client.text("bash", command="python3 connect.py").strip().splitlines()[-1], EPERM)
        self.assertEqual(client.close()[0], 0)
        results = [e for e in self.events() if e["kind"] == "tool.result"]
        self.assertEqual([e["verdict"] for e in results], ["allow", "deny", "allow"])
        self.assertEqual(results[1]["fields"], {"call_tool": "read_file", "declared": ["read-only", "closed-world"],
                                                "tool": "read_file", "text_bytes": 23, "is_error": False})
        self.assertEqual(results[1]["matched"], {"text_bytes": 23})
        self.assertNotIn("CANARY", self.record.read_text())
        r = self.cordon("log", "replay", "--json", "--policy", policy, self.record)
        self.assertIn("what a tool returned is not on the record", r.stderr.decode())

    def test_what_a_tool_declares_binds_its_own_program(self):
        policy = self.write("p", rule(
            "wrote", ["file.open", "file.change", "exec"], "'read-only' in call.declared", "log",
            [act("exec", path="/bin/cat", declared=["read-only"])], [act("exec", path="/bin/cat")]))
        client = self.client(policy)
        client.text("write_file", path="a", content="x")
        client.text("bash", command="cat a")
        self.assertEqual(client.text("read_file", path="a"), "x")
        self.assertEqual(client.close()[0], 0)
        self.assertEqual({e["fields"]["call_tool"] for e in self.events() if e.get("rule") == "wrote"}, {"read_file"})


class Declassify(RuleKindsTest):
    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_a_label_goes_and_comes_again(self):
        (self.work / "connect.py").write_text(CONNECT)
        for name in ("key", "other"):
            (self.work / name).write_text(name)
        policy = self.write(
            "p", rule("scrubbed", "exec", "action.name == 'true'", "log", [act("exec", path="/bin/true")], [act("exec")],
                      declassify=["key", "other"]),
            rule("after", "net.connect", "'key' in session.labels || 'other' in session.labels", "deny",
                 [{**act("net.connect"), "labels": ["key"]}], [act("net.connect")]),
            labels=[{"label": "key", "paths": [str(self.work / "key")]}])
        for name in ("key", "other"):  # one by its path, one by its inode, which the kernel keeps
            out = self.run_by(policy, f"python3 connect.py; cat {name} > /dev/null; python3 connect.py; env true;"
                                      f"python3 connect.py; cat {name} > /dev/null; python3 connect.py",
                              "--label", f"{self.work}/other=other")
            self.assertEqual(out, [REFUSED, EPERM, REFUSED, EPERM], name)
            told = [e["kind"] for e in self.events() if e["kind"].startswith("label.")]
            self.assertEqual(told, ["label.set", "label.cleared", "label.set"], name)
            self.replays_the_same(policy)

    def test_without_a_trace_nothing_takes_labels_away(self):
        (self.work / "connect.py").write_text(CONNECT)
        policy = self.write(
            "p", rule("scrubbed", "exec", "action.name == 'true'", "log", [act("exec", path="/bin/true")], [act("exec")],
                      declassify=["key"]),
            rule("after", "net.connect", "'key' in session.labels", "deny",
                 [{**act("net.connect"), "labels": ["key"]}], [act("net.connect")]),
            labels=[{"label": "key", "paths": [str(self.work / "key")]}])
        self.assertEqual(self.run_by(policy, "env true; python3 connect.py", "--trace", "off"), [EPERM])
        self.replays_the_same(policy)


class Tools(RuleKindsTest):
    def setUp(self):
        super().setUp()
        self.rules = self.write("p", rule(
            "seq", "net.connect", "true", "deny", [{"before": [act("exec", path="/x")], "after": "9s", **act("net.connect")}],
            [{"before": [act("exec", path="/x")], "after": "11s", **act("net.connect")}],
            sequence={"steps": [step("exec", "action.name == 'x'")], "within": "10s"}), defaults={"net.connect": "allow"})

    def test_explain(self):
        connect = json.dumps({"kind": "net.connect", "port": 1})
        before = json.dumps({"kind": "exec", "path": "/x"})
        a = self.answer("explain", "--policy", self.rules, connect)
        self.assertEqual((a["verdict"], a["asked"][0]["answer"], a["asked"][0]["steps"]), ("allow", "not after its steps", 1))
        a = self.answer("explain", "--policy", self.rules, "--before", before, connect, status=1)
        self.assertEqual((a["verdict"], a["rule"], a["sequence"]), ("deny", "seq", {"by": "session", "within_ms": 10000, "began_ms_ago": 0}))
        late = json.dumps({"action": {"kind": "net.connect"}, "after": "11s", "before": [{"action": {"kind": "exec", "path": "/x"}}]})
        self.assertEqual(self.answer("explain", "--policy", self.rules, late)["verdict"], "allow")

    def test_cases(self):
        def case(name, verdict, then, **more):
            return {"name": name, "verdict": verdict, "then": then, **more}
        (self.dir / "p.cases").write_text(json.dumps({"version": 1, "cases": [
            case("in time", "deny", act("net.connect"), before=[act("exec", path="/x")]),
            case("too late", "allow", {**act("net.connect"), "after": "11s"}, before=[act("exec", path="/x")]),
            case("history", "deny", {**act("net.connect"), "before": [act("exec", path="/x")]})]}))
        a = self.answer("test", self.rules)
        self.assertEqual([c["passed"] for c in a["cases"]], [True, True, True])

    def test_diff_tells_a_shorter_window(self):
        text = json.loads(self.rules.read_text())
        text["rules"][0]["sequence"]["within"] = "5s"
        text["rules"][0]["match"][0]["after"] = "1s"
        text["rules"][0]["not_match"][0]["after"] = "6s"
        new = self.dir / "new.json"
        new.write_text(json.dumps(text))
        a = self.answer("diff", self.rules, new, status=1)
        self.assertEqual((a["weaker"][0]["was"]["rule"], a["weaker"][0]["example"]["after"]), ("seq", "9000ms"))
        self.assertEqual(a["weaker"][0]["example"]["before"][0]["action"]["kind"], "exec")
        self.assertEqual(self.answer("diff", new, self.rules)["weaker"], [])

    def test_diff_tells_what_is_newly_declassified(self):
        def policy(name, **more):
            return self.write(name, rule("a", "exec", "action.name == 'x'", "log", [{**act("exec", path="/x"), "labels": ["k"]}],
                                         [act("exec", path="/y")], **more), labels=[{"label": "k", "paths": ["/k"]}])
        old, new = policy("old"), policy("new", declassify=["k"])
        a = self.answer("diff", old, new, status=1)
        self.assertEqual([(w["label"], w["taken"]) for w in a["weaker"]], [("k", True)])
        self.assertEqual(self.answer("diff", new, old)["weaker"], [])

    def test_check_tells_which_rules_need_a_trace(self):
        after = {"match": [{"before": [act("exec", path="/x")], **act("net.connect")}], "not_match": [act("net.connect")]}
        text = json.loads(self.rules.read_text())
        seen = text["rules"][0]
        lineage = {**seen, **after, "id": "lineage", "sequence": {**seen["sequence"], "by": "lineage"}}
        reads = {**seen, "id": "reads", "sequence": {"steps": [step("file.open", "true")]},
                 "match": [{"before": [act("file.open")], **act("net.connect")}], "not_match": [act("net.connect")]}
        text["rules"] += [lineage, reads]
        file = self.dir / "three.json"
        file.write_text(json.dumps(text))
        rules = self.answer("check", "--trace", "off", file)["rules"]
        self.assertEqual({r["rule"]: r["needs_trace"] for r in rules}, {"seq": False, "lineage": True, "reads": True})
        told = self.policy("check", "--trace", "off", file).stdout.decode()
        self.assertEqual(told.count("what it waits for is not seen"), 2)

    def test_check_looks_at_steps(self):
        text = json.loads(self.rules.read_text())
        text["lists"] = {"names": ["x"], "unused": ["y"]}
        text["rules"][0]["sequence"]["steps"] = [
            step("exec", "action.name in lists.names || (action.name == 'y' && action.name == 'z')"),
            step("file.change", "!action.write", missing=True)]
        bad = self.dir / "bad.json"
        bad.write_text(json.dumps(text))
        a = self.answer("check", "--trace", "on", bad, status=1)
        self.assertEqual([(f["finding"], f["rule"]) for f in a["findings"]],
                         [("unreachable", "seq"), ("unreachable", "seq"), ("unused", None)])
        line = bad.read_text()
        for finding, at in zip(a["findings"], ("== 'z')", '{"on": ["file.change"]')):
            self.assertTrue(line[finding["column"] - 1:].startswith(at), line[finding["column"] - 1:])

    def test_a_rule_with_a_sequence_hides_no_other(self):
        text = json.loads(self.rules.read_text())
        other = rule("other", "net.connect", "true", "log", [act("net.connect")], [act("exec")])
        other["not_match"] = [act("net.connect", port=7)]
        other["when"] = "action.port != 7"
        text["rules"].append(other)
        both = self.dir / "both.json"
        both.write_text(json.dumps(text))
        self.assertEqual(self.answer("check", "--trace", "on", both)["findings"], [])


if __name__ == "__main__":
    unittest.main()
