# SPDX-License-Identifier: Apache-2.0
"""cordon policy check: what it finds, what it must not find, and where rules take hold."""

import json
import unittest

from cordon_testing import TRACE
from policy_testing import SHIPPED, PolicyTest, rule


class Check(PolicyTest):
    def check(self, *paths, trace="on", status=0):
        return self.answer("check", "--trace", trace, *paths, status=status)

    def findings(self, *rules, status=1, **more):
        """Of one file: (finding, rule, column text) by rule; notes left out."""
        file = self.write("p", *rules, **more)
        said = self.check(file, status=status)
        lines = file.read_text().splitlines()
        for f in said["findings"]:
            self.assertEqual(f["file"], str(file))
            f["at"] = lines[f["line"] - 1][f["column"] - 1:]
        return [f for f in said["findings"] if f["level"] == "warning"]

    def finds(self, rules, *expected, **more):
        found = self.findings(*rules, status=1 if expected else 0, **more)
        self.assertEqual([(f["finding"], f["rule"]) for f in found], list(expected))
        return found

    @staticmethod
    def port(name, when, verdict="deny", **more):
        match = more.pop("match", [{"port": 1}])
        return rule(name, more.pop("on", "net.connect"), when, verdict, match, [{"port": 9}], **more)

    def pair(self, a, b, *expected, verdicts=("log", "deny"), **more):
        self.finds([self.port("a", a, verdicts[0]), self.port("b", b, verdicts[1], **more)], *expected)

    def test_shadowed(self):
        shadowed = ("shadowed", "a")
        self.pair("action.port == 1", "action.port == 1 || action.port == 2", shadowed)
        self.pair("action.port == 1", "action.port in [2, 1]", shadowed)
        self.pair("action.port == 1 && action.host != 'x'", "action.port == 1", shadowed)
        self.pair("action.port == 1 && action.host != 'x'", "action.port == 1", shadowed, on=["net.connect", "net.bind"])
        self.pair("action.port == 1 && !hostMatches(action.host, ['a', 'b'])",
                  "action.port != 9 && !hostMatches(action.host, 'a')", shadowed)
        self.pair("action.port == 1", "action.port != 9", shadowed, verdicts=("deny", "deny"), severity="high")

    def test_shadowed_where_an_example_has_labels_or_is_repeated(self):
        keyed = {"action": {"kind": "net.connect", "port": 1}, "labels": ["k"]}
        label = [{"label": "k", "paths": ["/k"]}]
        for verdict, severity in (("kill", "low"), ("deny", "high")):
            self.finds([self.port("a", "'k' in session.labels && action.port == 1", match=[keyed]),
                        self.port("b", "'k' in session.labels", verdict, match=[keyed], severity=severity)],
                       ("shadowed", "a"), labels=label)
        self.finds([self.port("a", "action.port in [11, 12]", count={"window": "1s", "at_least": 2},
                              match=[{"action": {"kind": "net.connect", "port": 11}, "repeat": 2, "vary": "port"}]),
                    self.port("b", "action.port != 9", "kill")], ("shadowed", "a"))

    def test_what_is_never_seen_often_enough(self):
        many = {"action": {"kind": "net.connect", "port": 1}, "repeat": 60000}
        for window, never in (("59ms", True), ("60ms", False)):
            found = self.finds([self.port("a", "action.port == 1", count={"window": window, "at_least": 60000}, match=[many])],
                               *[("unreachable", "a")] * never)
            self.assertTrue(not never or found[0]["at"].startswith('"59ms"'), found)
        fork = {"action": {"kind": "proc.fork", "parent": 1}, "repeat": 60000}  # seen by many processors at once
        self.finds([rule("a", "proc.fork", "action.parent == 1", "log", [fork], [{}], count={"window": "1ms", "at_least": 60000})])

    def test_what_is_never_used_up(self):
        def budget(name, on, limit, verdict, match, when="true", **more):
            return rule(name, on, when, verdict, [match], [{"action": {"kind": "proc.exit"}}] if "proc.exit" in on else
                        [{"action": {"kind": "tool.call", "call_id": "x"}}],
                        budget={"of": "tool_calls", "per": "session", "limit": limit}, **more)

        calls = {"kind": "tool.call"}
        for limit, when, verdict, never in ((5, "true", "log", False), (6, "true", "log", True), (9, "true", "deny", True)):
            found = self.findings(budget("a", ["tool.call"], limit, verdict, {"action": calls, "repeat": limit + 1}, when),
                                  budget("b", ["tool.call"], 5, "deny", {"action": calls, "repeat": 6}), status=1 if never else 0)
            self.assertEqual([(f["finding"], f["rule"]) for f in found], [("unreachable", "a")] * never)
            self.assertTrue(not never or found[0]["at"].startswith(f'{limit}'), found)
        # What refuses only some, only asks, or only watches, caps nothing.
        for other in ({"when": "action.tool != 'x'"}, {"verdict": "ask"}, {"mode": "observe"}):
            more = {"verdict": "deny", **other}
            verdict, when = more.pop("verdict"), more.pop("when", "true")
            self.finds([budget("a", ["tool.call"], 9, "log", {"action": calls, "repeat": 10}),
                        budget("b", ["tool.call"], 5, verdict, {"action": calls, "repeat": 6}, when, **more)])
        # Of another kind nothing is used by the action itself.
        before = {"before": [{"action": calls, "repeat": 6}], "action": {"kind": "exec"}}
        a = rule("a", "exec", "true", "log", [before], [{}], budget={"of": "tool_calls", "per": "session", "limit": 5})
        self.finds([a, budget("b", ["tool.call"], 5, "deny", {"action": calls, "repeat": 6})], ("unreachable", "a"))
        a["budget"] = {**a["budget"], "limit": 4}
        self.finds([a, budget("b", ["tool.call"], 5, "deny", {"action": calls, "repeat": 6})])

    def test_what_is_about_no_file(self):
        def by_file(when, step):
            before = [{"action": {"kind": "file.open", "path": "/x", "write": True}}]
            return rule("a", "net.connect", when, "deny", [{"before": before, "action": {
                "kind": "net.connect", "path": "/x", "address": "198.51.100.1" if "family" in when else ""}}], [{"port": 9}],
                sequence={"by": "file", "steps": [{"on": [step], "when": "action.write"}]})

        found = self.finds([by_file("action.family == 'inet' && action.port != 9", "file.open")], ("unreachable", "a"))
        self.assertTrue(found[0]["at"].startswith('"file"'), found)
        self.finds([by_file("action.family != 'inet' || action.port != 9", "file.open")])

    def test_why_an_example_does_not_match(self):
        """What can never match is refused when it is loaded: it has no example. The reason is told."""
        def step(when, **more):
            return {"on": ["exec"], "when": f"action.name == '{when}'", **more}

        def run(*names):
            return [{"action": {"kind": "exec", "name": n}} for n in names]

        for more, match, why in (
                ({"sequence": {"steps": [step("a"), step("b")], "until": step("b")}}, {"before": run("a", "b")},
                 "does not come past $.sequence.steps[0]"),
                ({"sequence": {"steps": [step("a", repeat=3)]}}, {"before": run("a", "a")}, "steps[0], which is not done often enough"),
                ({"sequence": {"steps": [step("a")], "within": "1s"}}, {"before": run("a"), "after": "2s"}, "longer ago than"),
                ({"sequence": {"steps": [step("a", missing=True)]}}, {"before": run("a")}, "what must be missing has been"),
                ({"count": {"window": "1s", "at_least": 5}}, {"repeat": 4}, "counted 4 times of 5"),
                ({"budget": {"of": "tool_calls", "per": "session", "limit": 2}}, {}, "0 are used, and its limit is 2")):
            with self.subTest(why):
                p = self.write("p", rule("r", "exec", "action.name == 'x'", "deny", [{"action": {"kind": "exec", "name": "x"}, **match}],
                                         [{}], **more))
                self.refuses("check", p, text=why)
        self.refuses("check", self.write("p", rule("r", "file.change", "true", "log", [{}], [{}], count={
            "window": "1s", "at_least": 3, "distinct": "action.write"})), text="no more than 2 different values")

    def test_not_shadowed(self):
        self.pair("action.port == 1 || action.port == 2", "action.port == 1")
        self.pair("action.port == 1", "action.port == 1 && action.host != 'x'")
        self.pair("action.port == 1", "action.port in [1, 2]", verdicts=("allow", "log"))
        self.pair("action.port == 1", "action.port != 9", verdicts=("deny", "log"))
        self.finds([self.port("a", "action.port == 1", "log", label=["seen"]), self.port("b", "action.port != 9")])
        self.finds([self.port("a", "action.port == 1", on=["net.connect", "net.bind"]),
                    self.port("b", "action.port != 9", "kill")])
        self.finds([self.port("a", "action.port == 1"),
                    self.port("b", "action.port != 9", "kill", count={"window": "1s", "at_least": 1})])

    def test_contradictory(self):
        contradictory = ("contradictory", "a")
        self.pair("action.port == 1 && action.host != 'x'", "action.host != 'x' && action.port == 1", contradictory,
                  verdicts=("allow", "deny"))
        self.pair("action.port == 1", "action.port == 1", contradictory)

    def part(self, when, *expected, **more):
        """A part of a rule that matches port 1 and not port 9."""
        found = self.finds([self.port("a", f"action.port == 1 || ({when})", **more)], *expected)
        return found[0]["at"] if found else None

    def test_parts_that_never_match(self):
        never = ("unreachable", "a")
        self.assertTrue(self.part("action.port == 2 && action.port == 3", never).startswith("== 3"))
        self.part("action.port in [2, 3] && action.host == 'x' && action.port in [4, 5]", never)
        self.part("action.host == 'x' && action.host != 'x'", never)
        self.part("action.loopback && action.host == 'x' && !action.loopback", never)
        self.part("glob(action.path, '/a') && !glob(action.path, ['/a', '/b'])", never)
        self.part("action.family == 'ipv4'", never)
        for when in ("action.port == 70000", "action.port < 0", "action.port in [65536, 70000]", "action.port > 65535"):
            self.part(when, never)
        for when in ("action.port == 0", "action.port == 65535", "action.port >= 65535", "action.port in [443, 70000]"):
            self.part(f"{when} && action.host == 'x'")
        size = {"memory_bytes": 2}
        self.finds([rule("a", "proc.usage", "action.memory_bytes > 1 || action.memory_bytes < 0", "kill", [size], [{}])], never)
        self.part("action.protocol in ['TCP', 'icmp']", never)
        self.part("action.host == 'x' && action.provenance == 'host'", never)

    def test_texts_that_there_never_are(self):
        never = ("unreachable", "a")
        for when in ("action.host == 'API.example.com'", "action.host in ['A.b', 'C.d']", "action.host in lists.capitals",
                     "action.host.endsWith('.Com')", "action.path == 'run/x.sock'", "action.path.startsWith('run/')",
                     "action.path.lowerAscii().contains('X')", "action.host in []", "hostMatches(action.host, [])",
                     "glob(action.path, [])", "action.host.matches('a^b')", "action.host.matches('a$b')",
                     "action.host.matches(r'[^\\x00-\\x{10ffff}]')"):
            with self.subTest(when):
                lists = {"capitals": ["A.b"]} if "lists." in when else {}
                self.finds([self.port("a", f"action.port == 1 || ({when})")], never, lists=lists)
        self.part("action.host != 'A.b' && action.loopback", ("redundant", "a"))
        self.finds([rule("a", "exec", "action.name == 'a' || action.name == '/bin/b' || action.cwd == 'src'", "deny", [{"name": "a"}],
                         [{"name": "c"}])], never)
        self.finds([rule("a", "exec", "action.argv.exists(x, x == 'a' || x.lowerAscii() == 'B')", "deny", [{"argv": ["a"]}], [{}])], never)

    def test_texts_that_there_can_be(self):
        for when in ("action.host == 'api.example.com'", "hostMatches(action.host, 'API.example.com')", "action.host in ['A.b', 'c.d']",
                     "action.path == '/run/x'", "action.path.startsWith('@')", "action.path.startsWith('')", "action.path == ''",
                     "action.path.endsWith('X')", "action.host.matches('^a$')", "action.host.matches('(^|a)b(c|$)')",
                     "action.host.matches('a(?m:^)b')", "action.host.matches('[^a]')", "action.host.matches('')",
                     "action.host in lists.none", "glob(action.path, '**/Run')"):
            with self.subTest(when):
                lists = {"none": []} if "lists." in when else {}
                self.finds([self.port("a", f"action.port == 1 || action.loopback && ({when})")], lists=lists)

    def test_parts_that_can_match(self):
        for when in ("action.port == 2 && action.host == 'x'", "action.port in [2, 3] && action.port in [3, 4]",
                     "action.host == 'x' && action.path != '/x'", "action.family == 'inet6'",
                     "action.port == 2 && (action.port == 3 || action.host == 'x')",
                     "glob(action.path, ['/a', '/b']) && !glob(action.path, '/a')",
                     "inCIDR(action.host, '10.0.0.0/8') && !inCIDR(action.host, '10.0.0.0/8')",
                     "hostMatches(action.host, lists.none)"):
            self.finds([self.port("a", f"action.port == 1 || ({when})")],
                       lists={"none": []} if "lists.none" in when else {})

    def test_parts_that_always_hold(self):
        always = ("redundant", "a")
        self.finds([self.port("a", "action.port == 1 && (action.host != 'x' || action.host != 'y')")], always)
        self.finds([self.port("a", "action.port == 1 && (action.loopback || !action.loopback)")], always)
        self.finds([self.port("a", "action.port == 1 && (action.host != 'x' || action.host == 'y')")])

    def test_kinds_that_never_match(self):
        write = {"path": "/a", "write": True}
        self.finds([rule("a", ["file.open", "file.change"], "!action.write", "log", [{"path": "/a"}], [write])],
                   ("unreachable", "a"))
        self.finds([rule("a", ["exec", "file.open"], "action.provenance == 'host-bound'", "log",
                         [{"provenance": "host-bound"}], [{}])], ("unreachable", "a"))

    def test_unused(self):
        found = self.finds([self.port("a", "action.host in lists.used || action.port == 1")],
                           ("unused", None), lists={"used": [], "idle": ["x"]})
        self.assertTrue(found[0]["at"].startswith('["x"]'))

    def test_a_macro_is_as_if_written_out(self):
        macros = {"one": "action.port == 1", "idle": "true", "never": "action.port == 1 && action.port == 2"}
        found = self.finds([self.port("a", "macros.one")], ("unused", None), ("unused", None), macros=macros)
        self.assertTrue(found[0]["at"].startswith('"true"'))
        del macros["idle"]
        found = self.finds([self.port("a", "macros.one || macros.never")], ("unreachable", "a"), macros=macros)
        self.assertTrue(found[0]["at"].startswith('== 2"}'), found[0]["at"])
        del macros["never"]
        self.finds([self.port("a", "macros.one", "log"), self.port("b", "action.port == 1 || action.port == 2")],
                   ("shadowed", "a"), macros=macros)
        step = {"on": ["net.connect"], "when": "macros.one"}
        before = {"action": {"kind": "net.connect", "port": 1}}
        late = self.port("a", "action.port == 1")
        late |= {"sequence": {"steps": [step]}, "match": [late["match"][0] | {"before": [before]}]}
        self.finds([late], macros=macros)
        lists = {"ports": [], "hosts": ["x"]}
        self.finds([self.port("a", "macros.far || action.port == 1")], ("unused", None),
                   macros={"far": "action.host in lists.hosts"}, lists=lists)

    def notes(self, *rules, **more):
        return [(f["finding"], f["rule"]) for f in self.check(self.write("p", *rules, **more))["findings"]]

    def test_labels_that_nobody_sets_or_reads_are_notes(self):
        read = {"action": {"kind": "net.connect", "port": 1}, "labels": ["l"]}
        reader = rule("r", "net.connect", "'l' in session.labels", "deny", [read], [{}])
        self.assertEqual(self.notes(reader), [("unset", "r")])
        self.assertEqual(self.notes(reader, labels=[{"label": "l", "paths": ["/k"]}]), [])
        self.assertEqual(self.notes(reader, self.port("s", "action.port == 1", "log", label=["l"])), [])
        self.assertEqual(self.notes(labels=[{"label": "l", "paths": ["/k"]}]), [("unread", None)])
        every = rule("r", "net.connect", "session.labels.exists(x, x.startsWith('l'))", "deny", [read], [{}])
        self.assertEqual(self.notes(every, labels=[{"label": "l", "paths": ["/k"]}]), [])

    def test_who_cannot_wait_is_a_note(self):
        on = ["net.connect", "net.dns", "net.request", "tool.result", "tool.call"]
        waits = rule("w", on, "call.tool == 'x'", "ask", [{"call_tool": "x"}], [{}])
        self.assertEqual(self.notes(waits), [("unasked", "w")])
        self.assertEqual(self.notes({**waits, "verdict": "throttle", "throttle": {"delay": "1s"}}), [("unasked", "w")])
        self.assertEqual(self.notes({**waits, "verdict": "deny"}), [])
        self.assertEqual(self.notes({**waits, "on": ["net.connect", "net.dns", "net.request"]}), [])

    def holds(self, *rules, trace="on"):
        """{rule: [(kind, access, where, where beside a bound folder)]}"""
        said = self.check(self.write("p", *rules), trace=trace)
        return {r["rule"]: [tuple(h.values()) for h in r["enforced"]] for r in said["rules"]}

    def test_where_rules_take_hold(self):
        read = rule("read", "file.open", "!action.write && action.path == '/a'", "log", [{"path": "/a"}], [{}])
        both = rule("both", "file.open", "action.path == '/b'", "log", [{"path": "/b"}], [{}])
        write = rule("write", ["file.open", "file.change"], "action.write && action.path == '/c'", "log",
                     [{"path": "/c", "write": True}], [{}])
        fork = rule("fork", "proc.fork", "action.result > 1", "log", [{"result": 2}], [{}])
        run = rule("run", ["exec", "tool.call"], "call.tool == 'x'", "deny", [{"call_tool": "x"}], [{}])
        after, none = ("after", "after"), ("not at all", "not at all")
        traced = {
            "read": [("file.open", "reading", *after)],
            "both": [("file.open", "reading", *after), ("file.open", "writing", *after)],
            "write": [("file.open", "writing", *after), ("file.change", None, *after)],
            "fork": [("proc.fork", None, *after)],
            "run": [("tool.call", None, "before", "before"), ("exec", None, "verified", "verified")]}
        self.assertEqual(self.holds(read, both, write, fork, run), traced)
        untraced = {name: [(*h[:2], *none) for h in rows] for name, rows in traced.items()}
        untraced["run"] = [("tool.call", None, "before", "before"), ("exec", None, "before", "before")]
        self.assertEqual(self.holds(read, both, write, fork, run, trace="off"), untraced)
        # A rule that refuses writes brings all of them to the gate.
        gate = rule("gate", "file.change", "action.op == 'chmod'", "deny", [{"op": "chmod"}], [{}])
        gated = self.holds(read, both, write, gate, trace="off")
        self.assertEqual(gated["both"], [("file.open", "reading", *none), ("file.open", "writing", "before", "before")])
        self.assertEqual(gated["write"][1], ("file.change", None, "before", "before"))
        bound = rule("bound", "file.change", "action.provenance == 'host-bound'", "deny",
                     [{"provenance": "host-bound"}], [{}])
        gated = self.holds(write, bound)
        self.assertEqual(gated["bound"], [("file.change", None, "not at all", "before")])
        self.assertEqual(gated["write"], [("file.open", "writing", "after", "before"),
                                          ("file.change", None, "after", "before")])

    def test_this_host_is_tried(self):
        said = self.answer("check", SHIPPED)
        self.assertEqual(said["trace"], "on" if TRACE == "on" else said["trace"])
        self.assertEqual(self.answer("check", "--trace", "off")["trace"], "off")

    def test_shipped_policies_have_nothing_to_mend(self):
        said = self.check(SHIPPED)
        self.assertEqual({f["finding"] for f in said["findings"]}, {"unset"})
        shipped = [rule for file in SHIPPED.glob("*.json") for rule in json.loads(file.read_text())["rules"]]
        self.assertEqual(len(said["rules"]), len(shipped))
        self.assertTrue(all(rule["maturity"] and len(rule["match"]) >= 2 and len(rule["not_match"]) >= 2 for rule in shipped))

    def test_for_people(self):
        file = self.write("p", self.port("a", "action.port == 1", "log"), self.port("b", "action.port != 9"))
        r = self.policy("check", "--trace", "off", file)
        self.assertEqual(r.returncode, 1)
        for part in (f"{file}:1:", "warning: a (log) never decides: b (deny)", "[shadowed]", "net.connect before",
                     "2 rules in 1 file: 1 to mend, 0 notes", "There is no trace"):
            self.assertIn(part, r.stdout.decode())

    def sarif(self, *paths, status):
        r = self.policy("check", "--sarif", "--trace", "off", *paths)
        self.assertEqual(r.returncode, status)
        doc = json.loads(r.stdout)
        self.assertEqual((doc["version"], len(doc["runs"])), ("2.1.0", 1))
        run = doc["runs"][0]
        known = {x["id"] for x in run["tool"]["driver"]["rules"]}
        self.assertLessEqual({x["ruleId"] for x in run["results"]}, known)
        return run["results"]

    def test_sarif(self):
        file = self.write("odd name", self.port("a", "action.port == 1", "log"), self.port("b", "action.port != 9"))
        [result] = self.sarif(file, status=1)
        self.assertEqual((result["ruleId"], result["level"]), ("shadowed", "warning"))
        place = result["locations"][0]["physicalLocation"]
        self.assertEqual(place["artifactLocation"]["uri"], file.as_uri())
        column = file.read_text().index('"action.port == 1"') + 1
        self.assertEqual(place["region"], {"startLine": 1, "startColumn": column})
        self.assertEqual(self.sarif(SHIPPED / "persistence.json", status=0), [])

    def test_what_cannot_be_loaded(self):
        file = self.write("p", self.port("a", "action.prot == 1"))
        self.refuses("check", file, text="unknown field action.prot")
        self.assertRegex(self.policy("check", file).stderr.decode(), r'\A.*unknown field action.prot\n .*"action.prot == 1".*\n +\^\n\Z')
        [result] = self.sarif(file, status=2)
        self.assertEqual((result["ruleId"], result["level"]), ("invalid", "error"))
        self.assertIn("unknown field action.prot", result["message"]["text"])
        self.assertEqual(result["locations"][0]["physicalLocation"]["region"]["startLine"], 1)
        r = self.policy("check", "--json", file)
        self.assertEqual(r.returncode, 2)
        self.assertEqual(json.loads(r.stdout)["findings"][0]["finding"], "invalid")
        [result] = self.sarif(self.dir / "none.json", status=2)
        self.assertEqual(result["locations"], [])
        self.refuses("check", "--trace", "maybe", text="auto, on or off")


if __name__ == "__main__":
    unittest.main()
