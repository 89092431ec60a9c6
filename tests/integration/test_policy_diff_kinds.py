# SPDX-License-Identifier: Apache-2.0
"""cordon policy diff on policies of a few rules, each of one change."""

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

    def port(self, name, when, verdict="deny", **more):
        return self.write(name, rule("r", "net.connect", when, verdict, [{"port": 1}], [{"port": 9}]), **self.ALLOW, **more)

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


if __name__ == "__main__":
    unittest.main()
