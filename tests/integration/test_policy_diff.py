# SPDX-License-Identifier: Apache-2.0
"""cordon policy diff on the policies that ship: an edit that weakens them is told, with an action that shows it."""

import concurrent.futures
import json
import os
import shutil
import unittest

from policy_testing import SHIPPED, PolicyTest, example, rule

HOST = {"kind": "net.connect", "host": "api.example.com", "port": 443}


class Shipped(PolicyTest):
    def setUp(self):
        super().setUp()
        self.old, self.new = self.dir / "old", self.dir / "new"
        for folder in (self.old, self.new):
            folder.mkdir()
            for path in SHIPPED.glob("*.json"):
                (folder / path.name).write_bytes(path.read_bytes())
        self.hosts = self.write("hosts", rule(
            "hosts", ["net.connect", "net.send"], "hostMatches(action.host, lists.trusted_hosts)", "allow",
            [HOST], [{**HOST, "host": "b.example.com"}]), lists={"trusted_hosts": ["api.example.com"]})

    def edit(self, name, change, folder=None):
        """Of the rule of this name, or of the file."""
        for path in (folder or self.new).glob("*.json"):
            policy = json.loads(path.read_text())
            for r in [policy] if path.stem == name else [r for r in policy["rules"] if r["id"] == name]:
                change(r, policy)
                path.write_text(json.dumps(policy))
                return
        self.fail(name)

    def told(self, kind, was, now):
        """It is found in less than all that may be tried, and explain says the same."""
        said = self.answer("diff", "--with", self.hosts, self.old, self.new, status=1)
        self.assertTrue(said["all_tried"])
        found = [f for f in said["weaker"] if (f["kind"], f["label"] or f["was"]["rule"]) == (kind, was)]
        self.assertIn(now, [f["label"] and f["taken"] or f["now"]["rule"] for f in found], said["weaker"])
        for f in found:
            answers = [json.loads(self.policy("explain", "--json", "--policy", p, "--policy", self.hosts, json.dumps(f["example"])).stdout)
                       for p in (self.old, self.new)]
            if f["label"]:
                self.assertEqual([f["label"] in a["labels"] + a["labels_set"] for a in answers], [True, True])
            else:
                self.assertEqual([(a["verdict"], a["rule"]) for a in answers],
                                 [tuple(f["was"].values()), tuple(f["now"].values())])
                self.assertIn(answers[0]["verdict"], ("ask", "deny", "kill"))
                self.assertIn(answers[1]["verdict"], ("allow", "log"))

    def test_a_rule_is_removed(self):
        self.edit("ex.canary-then-egress", lambda r, p: p["rules"].remove(r))
        self.told("net.connect", "ex.canary-then-egress", "hosts")

    def test_what_is_removed_and_still_refused(self):
        def same(name, verdict):
            return rule(name, "exec", "action.name == 'id'", verdict, [{"path": "/bin/id"}], [{"path": "/bin/ls"}])
        old = self.write("was", same("a", "deny"), same("b", "kill"), same("c", "ask"), same("l", "log"), same("o", "deny") | {"mode": "observe"})
        for left, removed in ((("b", "c"), [("a", "deny", ["b"])]), (("a", "b"), [("c", "ask", ["b"])]), (("a", "c"), [("b", "kill", ["a"])]),
                              (("c",), [("a", "deny", ["c"]), ("b", "kill", ["c"])]), (("a", "b", "c", "l"), [])):
            verdicts = {"a": "deny", "b": "kill", "c": "ask", "l": "log"}
            said = self.answer("diff", old, self.write("is", *(same(n, verdicts[n]) for n in left)))
            self.assertEqual([tuple(r.values()) for r in said["removed"]], removed)
        said = self.answer("diff", old, self.write("is", defaults={"exec": "deny"}))
        self.assertEqual([r["refused_by"] for r in said["removed"]], [["default"]] * 3)
        said = self.policy("diff", old, self.write("is", same("a", "deny"), same("b", "kill")))
        self.assertIn("removed: c (ask); its examples are still refused by b\n", said.stdout.decode())

    def without(self, name):
        """What is said where this rule is gone, in a folder of its own: several are asked at once."""
        new = self.dir / name
        shutil.copytree(self.old, new)
        self.edit(name, lambda r, p: p["rules"].remove(r), new)
        return self.policy("diff", "--json", "--with", self.hosts, self.old, new)

    def test_every_rule_that_refuses_is_told_of(self):
        """Removed one by one, each is told of: what is newly allowed, or who still refuses."""
        names = [r["id"] for path in sorted(self.old.glob("*.json")) for r in json.loads(path.read_text())["rules"]
                 if r["verdict"] in ("ask", "decoy", "deny", "kill") and r.get("mode") != "observe"]
        self.assertGreater(len(names), 20)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            answers = list(pool.map(self.without, names))
        silent = []
        for name, r in zip(names, answers):
            if r.returncode > 1:
                silent.append((name, r.stderr.decode()))
                continue
            said = json.loads(r.stdout)
            if name not in [f["was"]["rule"] for f in said["weaker"] if not f["label"]] + [f["rule"] for f in said["removed"]]:
                silent.append((name, said["weaker"]))
        self.assertEqual(silent, [])

    def test_an_entry_is_added_to_a_list(self):
        self.edit("exfiltration", lambda r, p: p["lists"]["trusted_hosts"].append("drop.example.net"))
        self.told("net.connect", "ex.undeclared-egress", "hosts")

    def test_a_condition_is_narrowed(self):
        def narrow(r, _):
            r["when"] = f"({r['when']}) && action.port != 8081"
        self.edit("ex.canary-then-egress", narrow)
        self.told("net.connect", "ex.canary-then-egress", "hosts")

    def test_a_verdict_is_weakened(self):
        self.edit("ra.credential-sweep", lambda r, p: r.update(verdict="log"))
        self.told("file.open", "ra.credential-sweep", "ra.credential-sweep")

    def test_a_window_is_shortened(self):
        self.edit("ra.process-limit", lambda r, p: r["count"].update(window="8s"))
        self.told("proc.call", "ra.process-limit", "ra.process-limit-reached")

    def test_more_is_borne(self):
        def more(r, _):
            r["count"]["at_least"] += 2
            for e in r["match"]:
                e["repeat"] += 40
        self.edit("ra.process-limit", more)
        self.told("proc.call", "ra.process-limit", "ra.process-limit-reached")

    def test_a_budget_is_raised(self):
        for folder, limit in ((self.old, 100), (self.new, 200)):
            (folder / "own.json").write_bytes(self.write("own", rule(
                "own.memory", "proc.usage", "true", "kill", [{"memory_bytes": 1000}], [{}],
                budget={"of": "memory", "per": "session", "limit": limit})).read_bytes())
        self.told("proc.usage", "own.memory", "default")

    def test_until_is_added(self):
        # The rule's own examples go where other rules let nothing go.
        for folder in (self.old, self.new):
            self.edit("ra.metadata-then-egress", lambda r, p: r["match"].append({**r["match"][0], "action": HOST}), folder)
        self.edit("ra.metadata-then-egress", lambda r, p: r["sequence"].update(
            until={"on": ["file.open"], "when": "action.path == '/tmp/again'"}))
        self.told("net.connect", "ra.metadata-then-egress", "hosts")

    def test_a_step_is_removed(self):
        # What allows after two steps, and then after one.
        steps = [{"on": ["exec"], "when": f"action.name == '{n}'"} for n in "ab"]
        for folder, count in ((self.old, 2), (self.new, 1)):
            before = [example({"path": f"/{n}"}, ["exec"]) for n in "ab"]
            (folder / "own.json").write_bytes(self.write("own", rule(
                "own.after", "net.connect", "action.port == 7", "allow", [{"before": before, "action": {"kind": "net.connect", "port": 7}}],
                [{"port": 7}], sequence={"steps": steps[:count]}), defaults={"net.connect": "deny"}).read_bytes())
            (folder / "exfiltration.json").unlink()  # it refuses both
        self.told("net.connect", "default", "own.after")

    def test_a_label_is_taken_away(self):
        name, label = next((r["id"], r["label"][0]) for path in self.old.glob("*.json") for r in json.loads(path.read_text())["rules"]
                           if r.get("label") and r["verdict"] in ("allow", "log"))
        self.edit(name, lambda r, p: (r.pop("label"), r.update(declassify=[label])))
        said = self.answer("diff", self.old, self.new, status=1)
        self.assertIn((label, False), [(f["label"], f.get("taken")) for f in said["weaker"]])

    def test_what_decides_nothing_costs_nothing(self):
        self.edit("ex.canary-then-egress", lambda r, p: r.update(because="Another text.", severity="low"))
        said = self.answer("diff", self.old, self.new)
        self.assertEqual(said["weaker"], [])
        self.assertEqual(said["tried"], self.answer("diff", self.old, self.old)["tried"])


if __name__ == "__main__":
    unittest.main()
