# SPDX-License-Identifier: Apache-2.0
"""Locked policies, and that a session's policy is what it was at its start, for whatever runs in it."""

import json
import os
import shutil
import unittest

from cordon_testing import CORDON, TRACE, wait_for
from policy_testing import PolicyTest, rule

CONNECT = {"address": "203.0.113.7", "port": 443}


def no_ssh(name, verdict="deny", **more):
    return rule(name, "exec", "action.name == 'ssh'", verdict, [{"path": "/usr/bin/ssh"}],
                [{"path": "/usr/bin/scp"}], **more)


def allow(name, on="net.connect", fields=None, verdict="allow"):
    fields = fields or CONNECT
    field, value = next(iter(fields.items()))
    return rule(name, on, f"action.{field} == '{value}'", verdict, [fields], [{field: "192.0.2.1"}])


class Locked(PolicyTest):
    def refuses_to_load(self, *paths, text, where):
        self.refuses("check", *map(str, paths), text=text)
        self.assertIn(where, self.policy("check", *map(str, paths)).stderr.decode())
        # A session says the same, and runs nothing.
        r = self.cordon("run", f"--trace={TRACE}", "-w", self.work, *(f"-p{p}" for p in paths), "--", "echo", "ran")
        self.assertEqual((r.returncode, r.stdout), (125, b""))
        self.assertIn(text, r.stderr.decode())

    def loads(self, *paths):
        r = self.policy("check", *map(str, paths))
        self.assertLess(r.returncode, 2, r.stderr)

    def pair(self, locked, other):
        """Both ways round, as the order does not matter; and that it is the lock that refuses."""
        a = self.write("a", *locked.pop("rules", ()), locked=True, **locked)
        b = self.write("b", *other.pop("rules", ()), **other)
        z = self.dir / "z.json"
        shutil.copy(a, z)
        unlocked = json.loads(a.read_text())
        for value in (False, None):
            unlocked["locked"] = value
            if value is None:
                del unlocked["locked"]
            (self.dir / "u.json").write_text(json.dumps(unlocked))
            self.loads(self.dir / "u.json", b)
        other_locked = {**json.loads(b.read_text()), "locked": True}
        (self.dir / "l.json").write_text(json.dumps(other_locked))
        self.loads(a, self.dir / "l.json")
        return (a, b), (b, z)

    def test_nobody_adds_to_its_lists(self):
        uses = rule("a.hosts", "net.connect", "!hostMatches(action.host, lists.known)", "deny",
                    [{"host": "evil.example"}], [{"host": "files.example.org"}])
        for paths in self.pair({"lists": {"known": ["files.example.org"]}, "rules": [uses]},
                               {"lists": {"known": ["other.example"], "mine": ["x"]}}):
            self.refuses_to_load(*paths, text="nothing may be added to its list known", where=f"{self.dir}/b.json:1:")

    def test_a_list_that_it_leaves_open(self):
        uses = rule("a.hosts", "net.connect", "!hostMatches(action.host, lists.known)", "deny",
                    [{"host": "evil.example"}], [{"host": "files.example.org"}])
        self.loads(self.write("a", uses, locked=True), self.write("b", lists={"known": ["files.example.org"]}))

    def test_nobody_allows_what_its_default_refuses(self):
        for verdict in ("allow", "ask", "decoy"):
            for paths in self.pair({"defaults": {"net.connect": "deny"}}, {"rules": [allow("b.x", verdict=verdict)]}):
                self.refuses_to_load(*paths, text="has the default deny for net.connect, which the rule b.x may not",
                                     where=f"{self.dir}/b.json:1:")
        a = self.write("a", locked=True, defaults={"net.connect": "deny"})
        # What decides nothing, or is as strict, or is of another kind, takes nothing from it.
        for more in (allow("b.x", verdict="log"), allow("b.x", verdict="deny"), allow("b.x", verdict="kill"),
                     allow("b.x", "net.dns", {"host": "a.example"})):
            self.loads(a, self.write("b", more))
        self.loads(a, self.write("b", {**allow("b.x", verdict="ask"), "mode": "observe"}))

    def test_an_option_allows_no_more_than_a_file(self):
        a = self.write("a", locked=True, defaults={"net.connect": "deny"})
        r = self.cordon("run", f"--trace={TRACE}", "-w", self.work, f"-p{a}", "--allow-host=example.org", "--",
                        "echo", "ran")
        self.assertEqual((r.returncode, r.stdout), (125, b""))
        self.assertIn(f"{a} is locked", r.stderr.decode())

    def test_nobody_takes_its_labels_away(self):
        clear = rule("b.clear", "tool.call", "action.tool == 'clear'", "allow", [{"tool": "clear"}], [{"tool": "x"}],
                     declassify=["secret"])
        after = rule("a.after", "net.connect", "'secret' in session.labels", "deny",
                     [{"action": {"kind": "net.connect", **CONNECT}, "labels": ["secret"]}], [CONNECT])
        gives = rule("a.gives", "exec", "action.name == 'ssh'", "log", [{"path": "/usr/bin/ssh"}],
                     [{"path": "/usr/bin/scp"}], label=["secret"])
        for locked in ({"rules": [after]}, {"rules": [gives]},
                       {"labels": [{"label": "secret", "paths": ["/w/key"]}]}):
            for paths in self.pair(locked, {"rules": [clear]}):
                self.refuses_to_load(*paths, text="b.clear takes away",
                                     where=f"{self.dir}/b.json:1:")
        self.loads(self.write("a", no_ssh("a.x"), locked=True), self.write("b", clear))

    def test_it_is_not_only_observed(self):
        a = self.write("a", no_ssh("a.x"), locked=True)
        for option in ("--mode=observe", "--mode=learn", "--profile=observe", "--profile=eval"):
            r = self.cordon("run", f"--trace={TRACE}", "-w", self.work, f"-p{a}", option, "--", "echo", "ran")
            self.assertEqual((r.returncode, r.stdout), (125, b""), option)
            self.assertIn(f"policy {a} is locked", r.stderr.decode())
        r = self.cordon("mcp", f"--trace={TRACE}", "-w", self.work, f"-p{a}", "--mode=observe")
        self.assertNotEqual(r.returncode, 0)
        self.assertIn(f"policy {a} is locked", r.stderr.decode())
        b = self.write("b", no_ssh("a.x"))
        r = self.cordon("run", f"--trace={TRACE}", "-w", self.work, f"-p{b}", "--mode=observe", "--", "echo", "ran")
        self.assertEqual((r.returncode, r.stdout), (0, b"ran\n"))
        r = self.cordon("run", f"--trace={TRACE}", "-w", self.work, f"-p{a}", "--", "echo", "ran")
        self.assertEqual((r.returncode, r.stdout), (0, b"ran\n"))

    def test_resident_says_the_same(self):
        self.use_resident()
        a = self.write("a", no_ssh("a.x"), locked=True)
        for _ in range(3):
            r = self.cordon("run", f"--trace={TRACE}", "-w", self.work, f"-p{a}", "--", "echo", "ran")
            self.assertEqual((r.returncode, r.stdout), (0, b"ran\n"))
            r = self.cordon("run", f"--trace={TRACE}", "-w", self.work, f"-p{a}", "--mode=observe", "--", "echo", "ran")
            self.assertEqual((r.returncode, r.stdout), (125, b""))
            self.assertIn(f"policy {a} is locked", r.stderr.decode())

    def test_locked_is_true_or_false(self):
        self.refuses("check", str(self.write("a", locked="yes")), text="locked")


class Inherited(PolicyTest):
    """Whatever a call starts is in its session."""

    def setUp(self):
        super().setUp()
        self.deny = self.write("deny", rule("deny.id", "exec", "action.name == 'id'", "deny", [{"path": "/usr/bin/id"}],
                                            [{"path": "/usr/bin/ls"}]))

    def run_script(self, script, *options, **kw):
        (self.work / "script.sh").write_text(script)
        self.record.unlink(missing_ok=True)
        return self.cordon("run", f"--trace={TRACE}", "-w", self.work, "--record", self.record, f"-p{self.deny}",
                           *options, "--", "sh", "./script.sh", **kw)

    def test_agents_below_an_agent(self):
        """A shell, a program in the background, a session of its own (setsid), and a program of the agent's own."""
        r = self.run_script("""
            sh -c 'id; echo below=$?'
            (id; echo background=$?) & wait
            setsid -w sh -c 'id; echo leader=$?'
            cp /usr/bin/env ./agent; ./agent -i /bin/sh -c '/usr/bin/id; echo own=$?'
        """)
        self.assertNotIn(b"uid=", r.stdout)
        for name in ("below", "background", "leader", "own"):
            self.assertIn(f"{name}=126", r.stdout.decode(), r.stderr)
        # A shell tries a program that it may not run again in other ways.
        denied = [e for e in self.events("exec") if e.get("rule") == "deny.id"]
        self.assertGreaterEqual(len(denied), 4)
        self.assertEqual({e["verdict"] for e in denied}, {"deny"})

    def test_a_session_inside_a_session(self):
        """A cordon that the agent starts with a policy of its own: held to the outer one, if it starts at all."""
        allow_all = self.work / "allow.json"
        allow_all.write_text(json.dumps({"policy": "allow", "version": 1, "rules": []}))
        build = os.path.dirname(os.path.abspath(CORDON))
        source = os.path.abspath(os.environ.get("SOURCE", "."))
        r = self.run_script(f"""
            export CORDON_STATE_DIR=$HOME/state CORDON_RESIDENT=off
            {build}/cordon run --trace=auto --policy=./allow.json -- id
            echo inner=$?
            {build}/cordon run --trace=auto --isolation=lite --policy=./allow.json --mode=observe -- id
            echo lite=$?
        """, f"--bind={build}", f"--bind={source}/policies")
        self.assertIn(b"inner=", r.stdout, r.stderr)
        self.assertIn(b"lite=", r.stdout, r.stderr)
        self.assertNotIn(b"inner=0", r.stdout)
        self.assertNotIn(b"lite=0", r.stdout)
        self.assertNotIn(b"uid=", r.stdout)
        # They did begin: it is not that there was nothing to start.
        self.assertIn("cordon", {e["fields"].get("name") for e in self.events("exec")})

    def test_files_changed_meanwhile_change_nothing(self):
        """While the session lives its policy file is loosened, then removed, then replaced by what is no policy."""
        live = f"{self.work}:live"
        process = None
        script = self.work / "script.sh"
        script.write_text("""
            id; echo before=$?
            : > ready
            for turn in 1 2 3; do
                while ! [ -e go$turn ]; do sleep 0.05; done
                id; echo turn$turn=$?; : > done$turn
            done
        """)
        process = self.start("sh", "./script.sh", options=["-w", live, f"-p{self.deny}"])
        self.assertTrue(wait_for(lambda: (self.work / "ready").exists()))
        changes = (lambda: self.deny.write_text(json.dumps({"policy": "deny", "version": 1, "rules": []})),
                   self.deny.unlink, lambda: self.deny.write_text("{"))
        for turn, change in enumerate(changes, 1):
            change()
            (self.work / f"go{turn}").touch()
            self.assertTrue(wait_for(lambda turn=turn: (self.work / f"done{turn}").exists()))
        out = process.communicate(timeout=60)[0].decode()
        self.assertNotIn("uid=", out)
        self.assertEqual([line for line in out.split() if "=" in line],
                         ["before=126", "turn1=126", "turn2=126", "turn3=126"])
        self.assertEqual(self.verified()[0], 0)


if __name__ == "__main__":
    unittest.main()
