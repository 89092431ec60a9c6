# SPDX-License-Identifier: Apache-2.0
"""cordon policy learn: what it proposes allows the run that was recorded, and not what is beside it."""

import json
import subprocess
import unittest

from approver_testing import rule
from cordon_testing import CORDON, NO_TRACE, TRACE, CordonTest
from mcp_client import Client

CONNECT = "python3 -c 'import socket; print(socket.socket().connect_ex((\"127.0.0.1\", {})))'"
RUN = f"""mkdir -p out/a; for i in 1 2 3 4; do echo $i > out/f$i; done; mv out/f1 out/a/g; rm out/f2; echo 1 > 'out/a/[x]{{y}}*'
expr 1 + 1; expr 1 + 2; git --version >/dev/null; {CONNECT.format(9)}"""


class Untraced(CordonTest):
    def test_it_is_told(self):
        self.assertEqual(self.run_in("true", options=["--trace", "off", "-p", self.policy()]).returncode, 0)
        self.assertIn(b"without a trace", self.cordon("policy", "learn", self.record).stderr)


@unittest.skipUnless(TRACE == "on", "a record tells of writes only where they are traced: " + NO_TRACE)
class Learn(CordonTest):
    def setUp(self):
        super().setUp()
        self.empty = self.policy()

    def learn(self, *options):
        done = self.cordon("policy", "learn", *options, self.record)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode()

    def record_run(self, script, policy=None, mode="observe"):
        done = self.sh(script, options=["-p", policy or self.empty, "--mode", mode])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def replayed(self, *policies):
        """Verdicts that the policies give to what was recorded."""
        options = [word for p in policies for word in ("--policy", p)]
        done = self.cordon("log", "replay", "--json", *options, self.record)
        self.assertIn(done.returncode, (0, 1), done.stderr)
        report = json.loads(done.stdout)
        self.assertEqual(report["not_judged"], 0)
        return report

    def expect_no_refusal(self, *policies):
        report = self.replayed(*policies)
        self.assertGreater(report["judged"], 10)
        self.assertEqual([c for c in report["changed"] if c["now"]["verdict"] in ("ask", "deny", "kill")], [])

    def test_a_closed_policy(self):
        said = self.record_run(RUN)
        learned = self.dir / "learned.json"
        learned.write_text(self.learn())
        self.assertEqual(self.cordon("policy", "fmt", "--check", learned).returncode, 0)
        self.expect_no_refusal(learned)
        self.assertEqual(self.cordon("policy", "check", learned).returncode, 0)
        done = self.sh(RUN, options=["-p", learned])
        self.assertEqual((done.returncode, done.stdout), (0, said), done.stderr)
        self.assertEqual([e for e in self.events() if e.get("verdict") in ("deny", "ask", "kill")], [])

    def test_what_is_beside_it(self):
        for name in ("a", "b"):
            (self.work / name).write_text("#!/bin/sh\n")
            (self.work / name).chmod(0o755)
        # Each as the only difference to the run: the shell's own script is let pass by a pattern that is put there.
        base = "git --version; echo 1 > one; touch d/x d/y d/z; " + CONNECT.format(9)
        self.record_run("mkdir d; " + base)
        policy = json.loads(self.learn())
        self.assertEqual(policy["rules"][0]["id"], "learned.write")
        for r in policy["rules"]:
            if "/usr/bin/dash" in r["when"]:
                r["when"] = "action.name == 'dash'"
        learned = self.dir / "learned.json"
        learned.write_text(json.dumps(policy))
        for script, refused in (("git --version", None), ("git --help", "exec"), ("ls", "exec"), ("./a", "exec"),
                                ("git --version --build-options", "exec"), ("LD_PRELOAD=/x git --version", "exec"),
                                ("echo 1 > one", None), ("echo 1 > two", "file.open"), ("echo > d/other", None),
                                ("mkdir d", None), ("cd d; mkdir d", "file.change"), (CONNECT.format(9), None),
                                (CONNECT.format(10), "exec")):
            with self.subTest(script):
                self.record.unlink(missing_ok=True)
                self.sh(f"mkdir d; {script}; :" if script != "mkdir d" else "mkdir d", options=["-p", learned])
                kinds = {e["kind"] for e in self.events() if e.get("verdict") == "deny"}
                self.assertEqual(kinds, {refused} if refused else set())

    def test_arguments_in_common(self):
        self.record_run("git log --oneline 2>/dev/null; git log -n 1 2>/dev/null; git status 2>/dev/null; :")
        policy = json.loads(self.learn())
        git, = [r["when"] for r in policy["rules"] if "'/usr/bin/git'" in r["when"]]
        self.assertIn("action.argv[1] == 'log'", git)
        self.assertIn("action.argv == ['git', 'status']", git)
        self.assertNotIn("oneline", git)

    def apply(self, diff):
        done = subprocess.run(["patch", "-p0", "-d", "/"], input=diff.encode(), capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, (done.stdout, done.stderr, diff))

    def test_exceptions_of_rules(self):
        """Also of one that shows only when another has its exception; and what is beside it stays refused."""
        policy = self.policy(
            rule("deny.expr", "action.name == 'expr'", match={"kind": "exec", "name": "expr", "argv": ["expr", "9"]},
                 verdict="deny"),
            rule("deny.image", "action.provenance == 'image' && action.name != 'dash' && action.name != 'python3'",
                 match={"kind": "exec", "name": "x", "provenance": "image"}, verdict="deny"),
            rule("deny.out", "action.write && glob(action.path, '/**/out/**')", ("file.open",),
                 match={"kind": "file.open", "write": True, "path": "/x/out/y"}, verdict="deny"))
        text = json.dumps(json.loads(policy.read_text()), indent=1)
        policy.write_text(text)
        self.record_run("mkdir out; echo 1 > out/one; expr 1 + 1", policy)
        self.assertTrue(any(e.get("verdict") == "deny" for e in self.events()))
        diff = self.learn("--policy", policy)
        self.assertIn(f"+++ {policy}", diff)
        self.apply(diff)
        self.assertNotEqual(policy.read_text(), text)
        self.expect_no_refusal(policy)
        done = self.sh("mkdir out; echo 1 > out/one; expr 1 + 1; expr 1 + 2; echo 1 > out/two; :", options=["-p", policy])
        self.assertEqual(done.stdout, b"2\n", done.stderr)
        self.assertEqual({e["rule"] for e in self.events() if e.get("verdict") == "deny"}, {"deny.expr", "deny.out"})

    def test_what_defaults_refuse(self):
        policy = self.policy(defaults={"net.connect": "deny"})
        self.record_run(CONNECT.format(9), policy)
        diff = self.learn("--policy", policy)
        self.assertTrue(diff.startswith("--- /dev/null\n+++ learned.json\n"), diff)
        learned = self.dir / "learned.json"
        learned.write_text("".join(line[1:] + "\n" for line in diff.splitlines()[3:]))
        self.assertEqual(self.cordon("policy", "fmt", "--check", learned).returncode, 0)
        self.assertNotIn("defaults", json.loads(learned.read_text()))
        self.expect_no_refusal(policy, learned)
        for port, said in ((9, b"111\n"), (10, b"1\n")):
            self.record.unlink()
            done = self.sh(CONNECT.format(port), options=["-p", policy, "-p", learned])
            self.assertEqual(done.stdout, said, done.stderr)

    def test_nothing_to_propose(self):
        self.record_run("true", mode="enforce")
        done = self.cordon("policy", "learn", "--policy", self.empty, self.record)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertIn(b"nothing to propose", done.stderr)

    def test_no_proposal(self):
        """An exception that takes a rule's own example away cannot be loaded; nor a record that was changed."""
        policy = self.policy(rule("deny.true", "action.name == 'expr'", verdict="deny",
                                  match={"kind": "exec", "path": "/usr/bin/expr", "argv": ["expr", "1"], "provenance": "image"}))
        self.record_run("expr 1", policy)
        done = self.cordon("policy", "learn", "--policy", policy, self.record)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"cannot be loaded", done.stderr)
        self.record.write_text(self.record.read_text().replace("expr", "true"))
        done = self.cordon("policy", "learn", self.record)
        self.assertEqual((done.returncode, done.stdout), (2, b""))
        self.assertIn(b"not proven", done.stderr)
        for text in ("", '{"seq":1,'):  # the other broke off in its first line
            self.record.write_text(text)
            done = self.cordon("policy", "learn", self.record)
            self.assertEqual((done.returncode, done.stdout), (2, b""))
            self.assertIn(b"holds no event", done.stderr)
        for args in ((), (self.record, self.record), ("/nonexistent",)):
            self.assertEqual(self.cordon("policy", "learn", *args).returncode, 2)

    def learned_by(self, script, *options, policy):
        to = self.dir / "proposal.diff"
        done = self.sh(script, options=["-p", policy, "--mode", "learn", "--learn-to", to, *options])
        self.assertEqual(done.returncode, 0, done.stderr)
        return done, to.read_text()

    def test_a_run_that_learns(self):
        """What policies would have refused is not refused, and proposed as a change of them that allows the same run."""
        policy = self.policy(rule("deny.expr", "action.name == 'expr'", match={"kind": "exec", "name": "expr", "argv": ["expr", "9"]},
                                  verdict="deny"))
        policy.write_text(json.dumps(json.loads(policy.read_text()), indent=1))
        (self.dir / "proposal.diff").write_text("what stood there before, which is longer than nothing\n")
        done, diff = self.learned_by("expr 1 + 1; mkdir made", policy=policy)
        self.assertEqual(done.stdout, b"2\n")
        self.assertIn(b"proposal.diff", done.stderr)
        self.assertTrue(diff.startswith(f"--- {policy}"), diff)
        self.assertIn(b"refused", self.sh("expr 1 + 1 || echo refused",
                                                         options=["-p", policy]).stdout)
        self.apply(diff)
        done = self.sh("expr 1 + 1; expr 2 + 2; :", options=["-p", policy])
        self.assertEqual(done.stdout, b"2\n", "what was learned, and nothing beside it")
        self.record.unlink()
        done, diff = self.learned_by("expr 1 + 1", policy=policy)
        self.assertEqual(diff, "")
        self.assertIn(b"nothing to allow", done.stderr)

    def test_it_is_applied_as_it_says(self):
        """Wherever cordon was started, and however the policies were named; and it is enough."""
        folder = self.dir / "rules"
        folder.mkdir()
        text = json.loads(self.policy(rule("deny.expr", "action.name == 'expr'", verdict="deny",
                                           match={"kind": "exec", "name": "expr", "argv": ["expr", "9"]}),
                                      defaults={"net.connect": "deny"}).read_text())
        (folder / "one.json").write_text(json.dumps(text, indent=1))
        script = "expr 1 + 1; " + CONNECT.format(9)
        to = self.dir / "proposal.diff"
        done = self.sh(script, options=["-p", "rules", "--mode", "learn", "--learn-to", to], cwd=self.dir)
        self.assertEqual(done.returncode, 0, done.stderr)
        command = done.stderr.decode().split(": read it, then ")[1].splitlines()[0]
        done = subprocess.run(["sh", "-c", command], cwd="/usr", capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, (command, done.stdout, done.stderr))
        self.assertEqual(sorted(p.name for p in folder.iterdir()), ["learned.json", "one.json"])
        done = self.sh(script, options=["-p", folder])
        self.assertEqual(done.stdout, b"2\n111\n", done.stderr)

    def test_where_it_goes(self):
        policy = self.policy(rule("deny.expr", "action.name == 'expr'", match={"kind": "exec", "name": "expr", "argv": ["expr", "9"]},
                                  verdict="deny"))
        self.assertEqual(self.sh("expr 1", options=["-p", policy, "--mode", "learn"]).returncode, 0)
        beside = self.record.with_name(self.record.name + ".diff")
        self.assertIn("deny.expr", beside.read_text())
        self.assertEqual(beside.stat().st_mode & 0o777, 0o600)
        (self.dir / "link").symlink_to(self.dir / "elsewhere")
        for to in ("/nonexistent/x", self.dir / "link"):
            self.record.unlink(missing_ok=True)
            done = self.sh("echo ran", options=["-p", policy, "--mode", "learn", "--learn-to", to])
            self.assertEqual((done.returncode, done.stdout), (125, b""), "nothing runs that cannot be learned from")
        self.assertFalse((self.dir / "elsewhere").exists())
        done = self.sh("true", options=["-p", policy, "--learn-to", self.dir / "x"])
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"goes with --mode=learn", done.stderr)

    def test_a_server_that_learns(self):
        policy = self.policy(rule("deny.code", "action.tool in ['python', 'bash']", ("tool.call",), match={"kind": "tool.call", "tool": "bash"},
                                  verdict="deny"))
        to = self.dir / "proposal.diff"
        client = Client([CORDON, "mcp", "--trace", TRACE, "-w", str(self.work), "--record", str(self.record), "-p", str(policy),
                         "--mode", "learn", "--learn-to", str(to)], self.env, self.dir)
        self.addCleanup(client.abandon)
        client.open()
        self.assertEqual(client.text("python", code="print(1)"), "1\n")
        status, _, said = client.close()
        self.assertEqual(status, 0, said)
        self.assertIn("deny.code", to.read_text())


if __name__ == "__main__":
    unittest.main()
