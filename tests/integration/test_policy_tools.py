# SPDX-License-Identifier: Apache-2.0
"""cordon policy explain and test: what they say of policies, and of what is none."""

import json
import unittest

from policy_testing import SHIPPED, PolicyTest, rule


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

    def test_what_a_rule_waits_for_and_that_it_decides_nothing_is_told(self):
        run = {"kind": "exec", "path": "/bin/y"}
        self.file = self.write(
            "q",
            rule("seen", "exec", "action.name == 'y'", "deny", [run], [{"path": "/z"}], mode="observe"),
            rule("spent", "exec", "true", "deny",
                 [{"before": [{"action": {"kind": "tool.call", "tool": "t", "cost": 3, "unit": "cents"}}],
                   "action": run}], [run],
                 budget={"of": "spend", "per": "session", "limit": 2, "unit": "cents"}))
        asked = {a["rule"]: a for a in self.explain(run)["asked"]}
        self.assertEqual((asked["seen"]["mode"], asked["seen"]["answer"]), ("observe", "matched"))
        self.assertNotIn("budget", asked["seen"])
        self.assertEqual((asked["spent"]["mode"], asked["spent"]["answer"]), ("enforce", "within budget"))
        self.assertEqual(asked["spent"]["budget"], {"of": "spend", "per": "session", "limit": 2, "unit": "cents"})
        plain = self.policy("explain", "--policy", self.file, json.dumps(run)).stdout.decode()
        self.assertIn("seen (observed only)\n", plain)
        self.assertIn('spent (of = "spend", per = "session", limit = 2, unit = "cents")\n', plain)

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

    def test_a_host_is_of_the_internet(self):
        """Named without an address, it is still no UNIX socket; a path is."""
        for where, family in (({"host": "h.example", "port": 443}, "inet"), ({"host": "::1", "address": "::1"}, "inet6"), ({"path": "/s"}, "unix")):
            said = self.answer("explain", "--policy", self.file, json.dumps({"kind": "net.connect", **where}))
            self.assertEqual(said["action"]["family"], family)

    def test_the_shipped_policies_answer_if_none_is_named(self):
        said = self.answer("explain", '{"kind": "exec", "path": "/memfd:x", "provenance": "memfd"}', status=1)
        self.assertEqual(said["rule"], "sr.nameless-program")

    def test_a_policy_is_named_as_for_run(self):
        said = self.answer("explain", "-p", self.file, json.dumps(self.CONNECT), status=1)
        self.assertEqual(said["rule"], "no-mail")

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
        self.refuses(*ask, '{"kind": "nothing"}', text="needs a \"kind\" that exists: tool.call, exec, ")
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


class Cases(PolicyTest):
    def setUp(self):
        super().setUp()
        self.file = self.write(
            "p",
            rule("mail", "net.connect", "action.port == 25", "deny", [{"port": 25}], [{"port": 26}]),
            rule("keyed", "net.connect", "'key' in session.labels && action.port == 80", "kill",
                 [{"action": {"kind": "net.connect", "port": 80}, "labels": ["key"]}], [{}]),
            labels=[{"label": "key", "paths": ["/k"]}], defaults={"net.connect": "allow"})

    @staticmethod
    def case(name, port, verdict, rule=None, **more):
        row = {"name": name, "then": {"action": {"kind": "net.connect", "port": port}}, "verdict": verdict, **more}
        return {**row, "rule": rule} if rule else row

    def cases(self, *rows, version=1, **more):
        self.file.with_suffix(".cases").write_text(json.dumps({"version": version, "cases": rows, **more}, indent=1))

    READ = {"action": {"kind": "file.open", "path": "/k"}}

    def test_cases_that_hold_and_cover(self):
        self.cases(self.case("mail", 25, "deny", "mail"),
                   self.case("after a read", 80, "kill", "keyed", before=[self.READ]),
                   self.case("before it", 80, "allow", "default"), self.case("no rule is named", 81, "allow"))
        said = self.answer("test", self.file)
        self.assertEqual([(c["name"], c["passed"]) for c in said["cases"]],
                         [("mail", True), ("after a read", True), ("before it", True), ("no rule is named", True)])
        self.assertEqual({r["rule"]: (r["matched"], r["not_matched"]) for r in said["rules"]},
                         {"mail": (1, 3), "keyed": (1, 3)})

    def test_what_cannot_be_read_is_told_as_json_too(self):
        broken = self.dir / "broken.json"
        broken.write_text('{"policy": 3}')
        good = self.case("mail", 25, "deny", "mail")
        for path, rows, text in ((broken, [], "broken.json"), (self.file, [good, {**good, "rule": "absent"}], "absent")):
            self.cases(*rows)
            r = self.policy("test", "--json", path)
            self.assertEqual(r.returncode, 2)
            said = json.loads(r.stdout)
            self.assertEqual((said["cases"], said["rules"]), ([], []))
            self.assertIn(text, said["error"])
            self.assertIn(said["error"], r.stderr.decode())

    def test_each_case_is_a_session_of_its_own(self):
        self.cases(self.case("read", 80, "kill", before=[self.READ]), self.case("not read", 80, "allow"))
        self.answer("test", "--partial", self.file)

    def test_cases_that_do_not_hold(self):
        for row in (self.case("c", 25, "allow"), self.case("c", 25, "deny", "keyed"), self.case("c", 25, "deny", "default"),
                    self.case("c", 80, "kill"), self.case("c", 24, "deny", "mail")):
            self.cases(row)
            said = self.answer("test", "--partial", self.file, status=1)
            self.assertEqual([c["passed"] for c in said["cases"]], [False], row)
        r = self.policy("test", "--partial", self.file)
        self.assertEqual(r.returncode, 1)
        self.assertIn("p.cases:4:3: FAILED: c: allow by default, should be deny by mail", r.stdout.decode())

    def test_a_rule_that_is_not_covered_fails(self):
        self.cases(self.case("mail", 25, "deny"))
        self.answer("test", self.file, status=1)
        self.answer("test", "--partial", self.file)
        text = self.policy("test", self.file).stdout.decode()
        self.assertIn("mail: no case makes it not match", text)
        self.assertIn("keyed: no case makes it match\n", text)
        self.assertIn("1 case, 0 failed; 2 rules, 2 of them not covered", text)
        self.file.with_suffix(".cases").unlink()
        self.assertIn("mail: no case makes it match or not match", self.policy("test", self.file).stdout.decode())

    def test_cases_of_all_files_see_all_rules(self):
        self.cases(self.case("c", 25, "kill", "stricter"))
        other = self.write("other", rule("stricter", "net.connect", "action.port == 25", "kill", [{"port": 25}], [{}]))
        self.answer("test", "--partial", self.file, other)
        self.refuses("test", "--partial", self.file, text="no rule of these policies has the id \"stricter\"")

    def test_the_shipped_policies_hold_and_are_covered(self):
        said = self.answer("test", SHIPPED)
        self.assertGreaterEqual(len(said["cases"]), len(said["rules"]))
        for file in SHIPPED.glob("*.json"):
            self.answer("test", file)

    def test_bad_input(self):
        good = self.case("c", 25, "deny")
        self.refuses("test", text="which policies")
        self.refuses("test", self.dir / "none.json", text="cannot open policy")
        for change, text in (({"verdict": "maybe"}, "p.cases:12:15: a verdict is"), ({"rule": "x"}, "has the id \"x\""),
                             ({"odd": 1}, "unknown member \"odd\""), ({"name": 1}, "expected string"),
                             ({"before": [{}]}, "action"), ({"then": {"action": {"kind": "x"}}}, "a \"kind\" that exists"),
                             ({"then": {**good["then"], "labels": ["x"]}}, "a label that no rule")):
            self.cases({**good, **change})
            self.refuses("test", self.file, text=text)
        self.cases(version=2)
        self.refuses("test", self.file, text="version 1")
        self.file.with_suffix(".cases").write_text("{")
        self.refuses("test", self.file, text="p.cases:1:2")


if __name__ == "__main__":
    unittest.main()
