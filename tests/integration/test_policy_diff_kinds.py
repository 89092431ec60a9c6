# SPDX-License-Identifier: Apache-2.0
"""cordon policy diff on policies of a few rules: each kind of action that it tries is what alone shows a change."""

import json
import unittest

from policy_testing import SHIPPED, PolicyTest, rule


class Diff(PolicyTest):
    ALLOW = {"defaults": {"net.connect": "allow", "net.send": "allow"}}

    def diff(self, old, new, *expected, on_loss=None, **kw):
        """What is weaker, as (kind, rule that refused, rule that lets it pass) or (label); each example is shown to hold."""
        weaker = expected or on_loss
        said = self.answer("diff", old, new, status=1 if weaker else 0, **kw)
        self.assertEqual([f["label"] or (f["kind"], f["was"]["rule"], f["now"]["rule"]) for f in said["weaker"]],
                         list(expected))
        if on_loss:
            self.assertEqual(tuple(said["on_loss"].values()), on_loss)
        for f in said["weaker"]:
            example = json.dumps(f["example"])
            was = json.loads(self.policy("explain", "--json", "--policy", old, example).stdout)
            now = json.loads(self.policy("explain", "--json", "--policy", new, example).stdout)
            if f["label"]:
                self.assertIn(f["label"], was["labels"] + was["labels_set"])
                self.assertNotIn(f["label"], now["labels"] + now["labels_set"])
            else:
                self.assertEqual([was["verdict"], was["rule"], now["verdict"], now["rule"]],
                                 [*f["was"].values(), *f["now"].values()])
        return [f["example"]["action"] for f in said["weaker"]]

    def port(self, name, when, verdict="deny", in_rule=None, **more):
        return self.write(name, rule("r", "net.connect", when, verdict, [{"port": 1}], [{"port": 9}], **in_rule or {}), **self.ALLOW, **more)

    def test_nothing_is_weaker_than_itself(self):
        self.diff(SHIPPED, SHIPPED, timeout=900)  # as many as it tries

    def test_a_stricter_policy_allows_nothing_new(self):
        self.diff(self.port("old", "action.port == 1"), self.port("new", "action.port in [1, 2]"))
        self.diff(self.port("old", "action.port == 1"), self.port("new", "action.port == 1", "kill"))

    def test_a_constant_that_no_example_names(self):
        changed = ("net.connect", "r", "default")
        [action] = self.diff(self.port("old", "action.port in [1, 2]"), self.port("new", "action.port == 1"), changed)
        self.assertEqual(action["port"], 2)
        for old, new in (("hostMatches(action.host, ['*.example.org'])", "false"), ("glob(action.path, '**/*.sock')", "false"),
                         ("action.host.startsWith('mail')", "false"),
                         ("true", "action.host != 'x'"), ("!action.loopback", "false")):
            self.diff(self.port("old", f"action.port == 1 || action.port != 9 && {old}"),
                      self.port("new", f"action.port == 1 || action.port != 9 && {new}"), changed)

    def test_an_address_is_one_with_all_that_follows_from_it(self):
        for net, address, family, loopback in (("10.0.0.0/8", "10.0.0.0", "inet", False), ("fd00::/8", "fd00::", "inet6", False),
                                               ("127.0.0.0/8", "127.0.0.0", "inet", True)):
            [action] = self.diff(self.port("old", f"action.port == 1 || inCIDR(action.address, '{net}') && action.port != 9"),
                                 self.port("new", "action.port == 1"), ("net.connect", "r", "default"))
            self.assertEqual((action["address"], action["host"], action["family"], action["loopback"]),
                             (address, address, family, loopback))

    def test_programs(self):
        def tools(name, *items):
            return self.write(name, rule("r", "exec", "action.name == 'a' || command(action.argv) in lists.tools", "deny",
                                         [{"path": "/a"}], [{}]), lists={"tools": items})
        self.diff(tools("old", "b", "c"), tools("new", "b"), ("exec", "r", "default"))

    def test_a_kind_that_no_example_is_of(self):
        def written(name, *on):
            return self.write(name, rule("r", list(on), "action.write", "deny", [{"path": "/a", "write": True}], [{"path": "/a"}]))
        [action] = self.diff(written("old", "file.open", "file.change"), written("new", "file.open"),
                             ("file.change", "r", "default"))
        self.assertEqual(action["kind"], "file.change")

    def test_the_time_that_a_count_or_a_sequence_takes(self):
        def counted(name, window):
            return self.write(name, rule("r", "exec", "action.name == 'a'", "deny",
                                         [{"action": {"kind": "exec", "path": "/a"}, "repeat": 3}], [{"path": "/a"}],
                                         count={"window": window, "at_least": 3}))

        def after(name, program, **within):
            steps = [{"on": ["exec"], "when": f"action.name in {program}"}]
            before = [{"action": {"kind": "exec", "path": "/b"}}]
            return self.write(name, rule("r", "exec", "action.name == 'a'", "deny",
                                         [{"before": before, "action": {"kind": "exec", "path": "/a"}}], [{"path": "/a"}],
                                         sequence={"steps": steps, **within}))
        changed = ("exec", "r", "default")
        self.diff(counted("old", "10s"), counted("new", "9s"), changed)
        self.diff(counted("old", "9s"), counted("new", "10s"))
        self.diff(after("old", ["b"], within="5s"), after("new", ["b"], within="4s"), changed)
        self.diff(after("old", ["b"]), after("new", ["b"], within="1h"), changed)
        self.diff(after("old", ["b"], within="4s"), after("new", ["b"], within="5s"))
        self.diff(after("old", ["b", "c"]), after("new", ["b"]), changed)
        self.diff(after("old", ["b"]), after("new", ["b", "c"]))

    def test_verdicts_rules_and_defaults(self):
        self.diff(self.port("old", "action.port == 1"), self.port("new", "action.port == 1", "log"), ("net.connect", "r", "r"))
        empty = self.write("empty", **self.ALLOW)
        self.diff(self.port("old", "action.port == 1"), empty, ("net.connect", "r", "default"))
        self.diff(self.write("none"), empty, ("net.connect", "default", "default"), ("net.send", "default", "default"))
        self.diff(self.write("strict", defaults={"exec": "deny"}), self.write("none"), ("exec", "default", "default"))

    def test_counts(self):
        def often(name, at_least):
            many = {"action": {"kind": "exec", "path": "/a"}, "repeat": at_least, "every": "1s"}
            return self.write(name, rule("r", "exec", "action.name == 'a'", "deny", [many], [{}],
                                         count={"window": "60s", "at_least": at_least}))
        self.diff(often("old", 3), often("new", 5), ("exec", "r", "default"))
        self.diff(often("old", 5), often("new", 3))

    def test_labels_that_are_not_set_any_more(self):
        def labelled(name, *paths):
            return self.write(name, after, labels=[{"label": "k", "paths": paths}] if paths else [])
        after = rule("r", "exec", "'k' in session.labels", "deny", [{"action": {"kind": "exec"}, "labels": ["k"]}], [{}])
        [action] = self.diff(labelled("old", "/a", "**/b/*"), labelled("new", "/a"), "k")
        self.assertRegex(action["path"], "/b/[^/]+$")
        self.diff(labelled("old", "/a"), labelled("new", "/a", "/b"))
        seen = {"old": ["k"], "new": []}
        old, new = (self.write(n, after, rule("s", "exec", "action.name == 'a'", "log", [{"path": "/a"}], [{}], label=l))
                    for n, l in seen.items())
        self.diff(old, new, "k")

    def test_on_loss(self):
        self.diff(self.write("old", on_loss="kill"), self.write("new"), on_loss=("kill", "deny_new"))
        self.diff(self.write("old"), self.write("new", on_loss="kill"))

    def test_for_people_and_bad_input(self):
        old, new = self.port("old", "action.port in [1, 2]"), self.port("new", "action.port == 1")
        r = self.policy("diff", old, new)
        self.assertEqual(r.returncode, 1)
        self.assertIn("newly allowed: net.connect, was deny by r, is allow by default:\n    {\"action\":", r.stdout.decode())
        self.assertIn("nothing newly allowed is found", self.policy("diff", new, old).stdout.decode())
        self.refuses("diff", old, text="an OLD and a NEW")
        self.refuses("diff", old, new, new, text="an OLD and a NEW")
        self.refuses("diff", old, self.dir / "none", text="cannot open policy")
        self.refuses("diff", self.port("bad", "action.prot == 1"), old, text="unknown field")

    # Of what follows nothing but the examples has it: no constant leads there.
    HIDDEN = "action.path.size() == 7"

    def test_each_verdict_that_refuses_and_each_that_does_not(self):
        slow = {"throttle": {"delay": "1s"}}
        refuses = [self.port(v, "action.port == 1", v) for v in ("ask", "decoy", "deny", "kill")]
        goes_on = [self.port(v, "action.port == 1", v, in_rule=slow if v == "throttle" else {}) for v in ("allow", "log", "throttle")]
        for old in refuses:
            for new in goes_on:
                self.diff(old, new, ("net.connect", "r", "r"))
                self.diff(new, old)
        for old in refuses:
            for new in refuses:
                self.diff(old, new)
        for old in goes_on:
            for new in goes_on:
                self.diff(old, new)

    def test_each_rule_that_refused_and_each_that_lets_go(self):
        def rules(*verdicts):
            return [rule(f"{v}-{port}", "net.connect", f"action.port == {port}", v, [{"port": port}], [{}])
                    for port, v in enumerate(verdicts, 1)]
        two = self.write("two", *rules("deny", "deny"), **self.ALLOW)
        one = self.write("one", rule("r", "net.connect", "action.port in [1, 2]", "deny", [{"port": 1}], [{}]), **self.ALLOW)
        logs = self.write("logs", *rules("log", "log"), **self.ALLOW)
        self.diff(two, self.write("none", **self.ALLOW), ("net.connect", "deny-1", "default"), ("net.connect", "deny-2", "default"))
        self.diff(one, logs, ("net.connect", "r", "log-1"), ("net.connect", "r", "log-2"))

    def test_examples_of_both_sides_that_match_and_that_do_not(self):
        def files(name, when, example, member):
            three = {"match": [{"argv": ["1", "2", "3"], "path": "/n"}], "not_match": [{"argv": ["1", "2", "3"]}]}
            match, not_match = [{"path": "/n"}], [{}]
            return self.write(name, rule("s", "exec", when, "deny", [{"path": "/aaaaaa"}], [{}]),
                              rule("n", "exec", "action.path == '/n'", "log", *(
                                  [three["match"], not_match] if example and member == "match" else
                                  [match, three["not_match"]] if example else [match, not_match])))
        wide, narrow = f"{self.HIDDEN} || action.argv.size() == 3", self.HIDDEN
        for member, lets_go in (("match", "n"), ("not_match", "default")):
            self.diff(files("old", wide, True, member), files("new", narrow, False, member), ("exec", "s", lets_go))
            self.diff(files("old", wide, False, member), files("new", narrow, True, member), ("exec", "s", lets_go))
            self.diff(files("old", wide, False, member), files("new", narrow, False, member))

    def test_another_kind_with_all_of_an_example(self):
        def written(name, *on):
            return self.write(name, rule("r", list(on), f"action.write && {self.HIDDEN}", "deny",
                                         [{"path": "/aaaaaa", "write": True}], [{"path": "/a"}]))
        self.diff(written("old", "file.open", "file.change"), written("new", "file.open"), ("file.change", "r", "default"))

    def test_a_constant_in_examples_of_others_and_as_one_of_a_list(self):
        def hosts(name, ports):
            return self.write(name, rule("r", "net.connect", f"action.port in {ports} && action.host.size() == 5 || action.port == 3",
                                         "deny", [{"port": 3}], [{}]),
                              rule("o", "net.connect", "action.host.size() == 5", "log", [{"host": "abcde"}], [{}]), **self.ALLOW)

        def flags(name, words):
            return self.write(name, rule("r", "exec", f"action.argv.exists(a, a in {words}) && action.argv.size() == 3", "deny",
                                         [{"argv": ["p", "--bad", "q"]}], [{}]))
        self.diff(hosts("old", [1, 2]), hosts("new", [1]), ("net.connect", "r", "o"))
        self.diff(flags("old", ["--bad", "--worse"]), flags("new", ["--bad"]), ("exec", "r", "default"))

    def test_just_inside_and_just_outside_of_a_window(self):
        def counted(name, window, repeat=4):
            return self.write(name, rule("r", "exec", self.HIDDEN, "deny", [{"action": {"kind": "exec", "path": "/aaaaaa"}, "repeat": repeat}],
                                         [{}], count={"window": window, "at_least": 4}))

        def after(name, within, *more):
            before = [{"action": {"kind": "exec", "path": "/b"}}]
            return self.write(name, rule("r", "exec", "action.path in ['/a', '/c']" if more else "action.path == '/a'", "deny",
                                         [{"before": before, "action": {"kind": "exec", "path": more[0] if more else "/a"}}], [{}],
                                         sequence={"within": within, "steps": [{"on": ["exec"], "when": "action.path == '/b'"}]}))
        changed = ("exec", "r", "default")
        self.diff(counted("old", "10s"), counted("new", "9998ms"), changed)  # what is outside of one is outside of the other
        self.diff(counted("old", "10s", 300), counted("new", "9s"), changed)  # what is inside of one is inside of the other
        self.diff(after("old", "5s"), after("new", "4s", "/c"), changed)  # only the old example is refused
        self.diff(after("old", "5s"), after("new", "4s"), changed)

    def test_as_often_as_either_side_takes(self):
        def often(name, at_least, verdict, **more):
            many = {"action": {"kind": "exec", "path": "/a"}, "repeat": 300}
            return self.write(name, rule("r", "exec", "action.name == 'a'", verdict, [many], [{}],
                                         count={"window": "60s", "at_least": at_least}), **more)
        self.diff(often("old", 3, "deny"), often("new", 5, "deny"), ("exec", "r", "default"))
        self.diff(often("old", 5, "deny"), often("new", 3, "deny"))
        closed = {"defaults": {"exec": "deny"}}
        self.diff(often("old", 5, "allow", **closed), often("new", 3, "allow", **closed), ("exec", "default", "r"))

    def test_as_much_of_each_budget_as_either_side_bears(self):
        host = {"kind": "net.connect", "host": "h"}
        forks = {"before": [{"action": {"kind": "proc.fork"}, "repeat": 1000}], "action": {"kind": "exec", "path": "/a"}}
        rows = (("cpu_seconds", "tool.call", "deny", {"action": {"kind": "tool.call"}, "cpu_seconds": 1000}, {}),
                ("cpu_seconds", "proc.usage", "kill", {"cpu_ms": 1000000}, {}),
                ("memory", "proc.usage", "kill", {"memory_bytes": 1000}, {}),
                ("bytes_written", "proc.usage", "kill", {"written_bytes": 1000}, {}),
                ("bytes_out", "net.connect", "deny", {"action": host, "bytes_out": 1000}, {}),
                ("spend", "tool.call", "deny", {"cost": 1000, "unit": "cents"}, {"unit": "cents"}),
                ("tool_calls", "tool.call", "deny", {"action": {"kind": "tool.call"}, "repeat": 1000}, {}),
                ("processes_created", "exec", "deny", forks, {}))
        for of, on, verdict, match, more in rows:
            with self.subTest(of=of, on=on):
                old, new = (self.write(name, rule("r", on, "true", verdict, [match], [{}], budget={
                    "of": of, "per": "session", "limit": limit, **more}), **self.ALLOW) for name, limit in (("old", 100), ("new", 200)))
                self.diff(old, new, (on, "r", "default"))
                self.diff(new, old)

    def test_a_step_less_and_what_takes_the_others_back(self):
        steps = [{"on": ["exec"], "when": f"action.path.size() == {n}"} for n in (2, 3)]
        before = [{"action": {"kind": "exec", "path": path}} for path in ("/a", "/bb")]

        def after(name, verdict, count=2, defaults=None, **more):
            return self.write(name, rule("r", "net.connect", "action.port == 7", verdict,
                                         [{"before": before, "action": {"kind": "net.connect", "port": 7}}], [{}],
                                         sequence={"steps": steps[:count], **more}), defaults={"net.connect": defaults or "deny"})
        self.diff(after("old", "allow"), after("new", "allow", 1), ("net.connect", "default", "r"))
        self.diff(after("old", "allow", 1), after("new", "allow"))
        opened = {"until": {"on": ["file.open"], "when": "true"}}
        self.diff(after("old", "deny", defaults="allow"), after("new", "deny", defaults="allow", **opened), ("net.connect", "r", "default"))
        self.diff(after("old", "deny", defaults="allow", **opened), after("new", "deny", defaults="allow"))

    def test_labels_are_told_by_name(self):
        def labelled(name, *labels, **more):
            return self.write(name, rule("r", "exec", "'k' in session.labels && !('k' in process.labels)", "deny", [
                {"action": {"kind": "exec", "path": "/a"}, "labels": ["k"], "process_labels": []}], [{}]), labels=[
                    {"label": label, "paths": [f"/{label}"]} for label in labels], **more)
        self.diff(labelled("old", "a", "k"), labelled("new", "k", "a"))
        new = self.write("new", rule("r", "exec", "'k' in session.labels && 'k' in process.labels", "deny",
                                     [{"action": {"kind": "exec", "path": "/a"}, "labels": ["k"]}], [{}]),
                         labels=[{"label": "k", "paths": ["/k"]}])
        self.diff(labelled("old", "a", "k"), new, ("exec", "r", "default"), "a")

    def test_what_was_taken_away_before_is_no_news(self):
        def scrubs(name, when):
            return self.write(name, rule("r", "exec", when, "log", [{"action": {"kind": "exec", "path": "/a"}, "labels": ["k"]}], [{}],
                                         declassify=["k"]), labels=[{"label": "k", "paths": ["/k"]}])
        self.diff(scrubs("old", "action.path == '/a'"), scrubs("new", "action.path in ['/a']"))

    def test_a_macro_and_a_list_of_a_step_that_differ(self):
        def named(name, ports):
            return self.write(name, rule("r", "net.connect", "macros.ports", "deny", [{"port": 1}], [{"port": 9}]),
                              macros={"ports": f"action.port in {ports}"}, **self.ALLOW)

        def after(name, *tools):
            return self.write(name, rule("r", "net.connect", "action.port == 1", "deny", [
                {"before": [{"action": {"kind": "exec", "path": "/b"}}], "action": {"kind": "net.connect", "port": 1}}], [{}],
                sequence={"steps": [{"on": ["exec"], "when": "action.name in lists.tools"}]}), lists={"tools": tools}, **self.ALLOW)
        self.diff(named("old", [1, 2]), named("new", [1]), ("net.connect", "r", "default"))
        self.diff(after("old", "b", "c"), after("new", "b"), ("net.connect", "r", "default"))
        self.diff(after("old", "b"), after("new", "b", "c"))

    def test_what_is_told_of_is_not_told_as_removed(self):
        def refusing(name, *rules):
            return self.write(name, *(rule(n, "net.connect", f"action.port in {ports}", "deny", [{"port": 1}], [{}], severity=severity)
                                      for n, ports, severity in rules), **self.ALLOW)
        both = refusing("both", ("r", [1, 2], "high"), ("s", [1], "low"))
        for left, weaker in ((refusing("s-left", ("s", [1], "low")), ["r"]), (refusing("none", ), ["r"])):
            said = self.answer("diff", both, left, status=1)
            self.assertEqual([f["was"]["rule"] for f in said["weaker"]], weaker)
            self.assertEqual(said["removed"], [])
        twice = self.write("twice", *(rule(n, "exec", "action.path != ''", "deny", [{"path": "/a"}, {"path": "/b"}], [{}]) for n in ("r", "s")))
        said = self.answer("diff", twice, self.write("s", rule("s", "exec", "action.path != ''", "deny", [{"path": "/a"}], [{}])))
        self.assertEqual(said["removed"], [{"rule": "r", "was": "deny", "refused_by": ["s"]}])

    def test_more_than_can_be_tried_is_said(self):
        ports, hosts = list(range(1, 301)), [f"h{i}" for i in range(300)]
        many = rule("many", "net.connect", f"action.path == '' && (action.port in {ports} || action.host in {hosts})", "deny",
                    [{"port": i} for i in range(1, 16)], [{}])
        other = rule("other", "net.connect", "action.path == ''", "deny", [{}], [{"path": "/a"}])
        old, new = self.write("old", many, other, **self.ALLOW), self.write("new", other, **self.ALLOW)
        said = self.answer("diff", old, new)
        self.assertEqual((said["tried"], said["all_tried"]), (400000, False))
        self.assertIn("too many changes to try all", self.policy("diff", old, new).stdout.decode())

    def test_what_people_are_told(self):
        def says(old, new, *lines):
            said = self.policy("diff", old, new).stdout.decode()
            for line in lines:
                self.assertIn(line, said)
        def labels(name, **more):
            return self.write(name, rule("a", "exec", "action.name == 'x'", "log", [{"path": "/x"}], [{}], **more), labels=[
                {"label": "k", "paths": ["/k"]}])
        says(labels("sets", label=["k"]), labels("new"), "no longer sets the label k (exec):\n    {\"action\":")
        given = self.write("given", rule("a", "exec", "action.name == 'x'", "log", [
            {"action": {"kind": "exec", "path": "/x"}, "labels": ["k"]}], [{}], declassify=["k"]))
        says(labels("old"), given, "newly takes away the label k (exec):\n    {\"action\":")
        says(self.write("old", on_loss="kill"), self.write("new"), "on_loss is weaker: was kill, is deny_new\n")


if __name__ == "__main__":
    unittest.main()
