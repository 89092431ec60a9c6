# SPDX-License-Identifier: Apache-2.0
"""Budgets, held against what real processes use."""

import unittest

from cordon_testing import NO_TRACE, TRACE
from policy_testing import rule
from rule_testing import RuleKindsTest, act


class Budget(RuleKindsTest):
    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_processes(self):
        policy = self.write("p", rule(
            "many", "exec", "action.name == 'id'", "deny",
            [{"before": [{**act("proc.fork"), "repeat": 21}], **act("exec", path="/bin/id")}], [act("exec", path="/bin/id")],
            budget={"of": "processes_created", "per": "session", "limit": 20}))
        # The shell is one process, each id two: that of the pipe's side, and the shell's own.
        out = self.run_by(policy, "i=0; while [ $i -lt 30 ]; do i=$((i + 1)); id -u 2> /dev/null || echo no; done")
        self.assertEqual(out, ["1000"] * 19 + ["no"] * 11)
        refused = [e for e in self.events() if e.get("rule") == "many"]
        self.assertEqual(refused[0]["budget"], {"of": "processes_created", "per": "session", "limit": 20, "used": 21})
        self.replays_the_same(policy)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_processes_alive(self):
        policy = self.write("p", rule(
            "many", "exec", "action.name == 'id'", "deny",
            [{"before": [{**act("proc.fork"), "repeat": 6}], **act("exec", path="/bin/id")}], [act("exec", path="/bin/id")],
            budget={"of": "processes_alive", "per": "session", "limit": 5}))
        out = self.run_by(policy, "for i in 1 2 3 4 5 6 7 8; do env true; done; id -u || echo no;"
                                  "for i in 1 2 3 4; do sleep 600 > /dev/null & last=$!; done; id -u 2> /dev/null || echo no;"
                                  "kill $last; wait $last; id -u")
        self.assertEqual(out, ["1000", "no", "1000"])
        self.replays_the_same(policy)

    def test_files_written(self):
        policy = self.write("p", rule(
            "many", "file.open", "action.write && action.path.startsWith('/tmp/')", "deny",
            [{**act("file.open", write=True, path="/tmp/x"), "repeat": 4, "vary": "path"}],
            [{**act("file.open", write=True, path="/tmp/x"), "repeat": 9}],
            budget={"of": "files_written", "per": "session", "limit": 3}))
        out = self.run_by(policy, "for f in a a b a c d a e; do (echo > /tmp/$f) 2> /dev/null && echo $f || echo no; done; cd /tmp; ls -d ?")
        self.assertEqual(out[:8], ["a", "a", "b", "a", "c", "no", "a", "no"])
        self.assertEqual(out[8:], ["a", "b", "c"])
        self.replays_the_same(policy)

    def each_call(self, of, on, when, limit, example, code, then, **more):
        """A rule per call, in two calls of a session: what each prints last; nothing is left of the first in the second."""
        policy = self.write("p", rule("many", on, when, "deny", [{**example, "repeat": limit + 1, **more}],
                                      [{**example, "repeat": limit, **more}], budget={"of": of, "per": "call", "limit": limit}))
        client = self.client(policy)
        for _ in range(2):
            self.assertEqual(client.text("bash", command=code).splitlines()[-1], then)
        self.assertEqual(client.close()[0], 0)
        refused = [e for e in self.events() if e.get("rule") == "many"]
        self.assertEqual([(e["call"], e["budget"]) for e in refused],
                         [(call, {"of": of, "per": "call", "limit": limit, "used": limit + 1}) for call in
                          dict.fromkeys(e["call"] for e in refused)])
        self.assertEqual(len(refused), 2)
        self.replays_the_same(policy)

    def test_files_written_of_each_call(self):
        self.each_call("files_written", "file.open", "action.write && action.path.startsWith('/tmp/')", 3,
                       act("file.open", write=True, path="/tmp/x"),
                       "for f in a b a c d a; do (echo > /tmp/$f) 2> /dev/null && printf $f || printf -; done", "abac-a", vary="path")

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_processes_of_each_call(self):
        # The shell and two subshells of each: the third is one too many, and so is what it would run.
        policy = self.write("p", rule(
            "many", "exec", "action.name == 'id'", "deny",
            [{"before": [{**act("proc.fork"), "repeat": 11}], **act("exec", path="/bin/id")}],
            [{"before": [{**act("proc.fork"), "repeat": 10}], **act("exec", path="/bin/id")},
             {"before": [{**act("proc.fork", call_id="other"), "repeat": 11}], **act("exec", path="/bin/id")}],
            budget={"of": "processes_created", "per": "call", "limit": 10}))
        client = self.client(policy)
        for _ in range(2):
            out = client.text("bash", command="for i in 1 2 3 4 5 6 7 8 9 10 11 12; do id -u 2> /dev/null || echo no; done").split()
            self.assertEqual([word for word in out if word in ("1000", "no")], ["1000"] * 9 + ["no"] * 3)
        self.assertEqual(client.close()[0], 0)
        self.replays_the_same(policy)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_processes_alive_of_each_call(self):
        """What another call has running is not this one's."""
        policy = self.write("p", rule(
            "many", "exec", "action.name == 'id'", "deny",
            [{"before": [{**act("proc.fork"), "repeat": 6}], **act("exec", path="/bin/id")}], [act("exec", path="/bin/id")],
            budget={"of": "processes_alive", "per": "call", "limit": 5}))
        client = self.client(policy)
        code = ("id -u; for i in 1 2 3 4; do sleep 600 > /dev/null & last=$!; done; id -u 2> /dev/null || echo no;"
                "kill $last; wait $last; id -u")
        for _ in range(2):
            self.assertEqual([word for word in client.text("bash", command=code).split() if word in ("1000", "no")],
                             ["1000", "no", "1000"])
        self.assertEqual(client.close()[0], 0)
        self.replays_the_same(policy)

    def test_calls_and_processor_time(self):
        spin = "import time\nwhile time.process_time() < 1.2: pass\nprint('done')"
        policy = self.write(
            "p", rule("calls", "tool.call", "action.tool == 'bash'", "deny",
                      [{**act("tool.call", tool="bash"), "repeat": 4}], [{**act("tool.call", tool="bash"), "repeat": 3}],
                      budget={"of": "tool_calls", "per": "session", "limit": 3}),
            rule("cpu", "tool.call", "action.tool == 'python'", "deny",
                 [{**act("tool.call", tool="python"), "cpu_seconds": 2}], [act("tool.call", tool="python")],
                 budget={"of": "cpu_seconds", "per": "session", "limit": 0}))
        client = self.client(policy)
        self.assertEqual(client.text("python", code=spin), "done\n")
        self.assertIn("Denied by cpu", client.text("python", code=spin))
        self.assertEqual([client.text("bash", command="echo ok") for _ in range(2)], ["ok\n"] * 2)
        self.assertIn("Denied by calls", client.text("bash", command="echo ok"))
        self.assertEqual(client.text("list_directory", path="."), client.text("list_directory", path="."))
        self.assertEqual(client.close()[0], 0)
        self.replays_the_same(policy)


    def kills(self, of, limit, over, script):
        """What a program has used so far ends it: of its session, and of its call."""
        for per in "session", "call":
            with self.subTest(per=per):
                self.kills_per(per, of, limit, over, script)

    def kills_per(self, per, of, limit, over, script):
        policy = self.write("p", rule("used", "proc.usage", "true", "kill", [act("proc.usage", **over)], [act("proc.usage")],
                                      budget={"of": of, "per": per, "limit": limit}))
        r = self.sh(script, options=["--policy", policy])
        self.assertNotIn(b"finished", r.stdout)
        self.assertIn(b"started", r.stdout)
        used = [e for e in self.events() if e.get("rule") == "used" and e["verdict"] == "kill"]
        self.assertEqual((used[0]["kind"], used[0]["budget"]["of"]), ("proc.usage", of))
        self.assertGreater(used[0]["budget"]["used"], limit)
        self.assertIn("why used", r.stderr.decode())
        self.replays_the_same(policy)

    def test_processor_time_while_it_runs(self):
        # A child of a child burns it, and is gone before its parent.
        self.kills("cpu_seconds", 0, {"cpu_ms": 1000},
                   "echo started; while :; do sh -c 'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done'; done; echo finished")

    def test_memory_while_it_is_held(self):
        (self.work / "hold.py").write_text(
            "import time, mmap\nprint('started', flush=True)\nm = mmap.mmap(-1, 64 << 20)\nm.write(b'x' * (64 << 20))\n"
            "time.sleep(600)\nprint('finished')")
        self.kills("memory", 60 << 20, {"memory_bytes": 61 << 20}, "python3 hold.py & wait")

    def test_bytes_that_are_written(self):
        self.kills("bytes_written", 1 << 20, {"written_bytes": 2 << 20},
                   "echo started; (while :; do head -c 100000 /dev/zero > /tmp/x; done); echo finished")

    def test_what_another_call_has_used(self):
        """Each call may use nearly all of its limit; together they are over it, which is what a session's ends by."""
        write = "echo started; head -c 700000 /dev/zero > /tmp/x; sleep 1; echo finished"
        spin = "echo started; python3 -c 'import time\nwhile time.process_time() < 0.7: pass'; sleep 1; echo finished"
        for of, limit, over, code in (("bytes_written", 1 << 20, {"written_bytes": 2 << 20}, write),
                                      ("cpu_seconds", 0, {"cpu_ms": 1000}, spin)):
            for per in "call", "session":
                with self.subTest(of=of, per=per):
                    self.record.unlink(missing_ok=True)
                    policy = self.write("p", rule("used", "proc.usage", "true", "kill", [act("proc.usage", **over)],
                                                  [act("proc.usage")], budget={"of": of, "per": per, "limit": limit}))
                    client = self.client(policy)
                    self.assertIn("finished", client.text("bash", command=code))
                    self.assertEqual("finished" in client.text("bash", command=code), per == "call")
                    self.assertEqual(client.close()[0], 0)

    def test_nobody_asks_nobody_looks(self):
        policy = self.write("p")
        self.sh("sleep 1", options=["--policy", policy])
        self.assertEqual([e for e in self.events() if e["kind"] == "proc.usage"], [])

    def test_what_calls_say_that_they_cost(self):
        policy = self.write("p", rule("spent", "tool.call", "true", "deny",
                                      [act("tool.call", cost=101, unit="cents")], [act("tool.call", cost=101, unit="tokens")],
                                      budget={"of": "spend", "unit": "cents", "per": "session", "limit": 100}))
        client = self.client(policy)

        def call(cost):
            return client.ask("tools/call", {"name": "bash", "arguments": {"command": "echo ok"}, "_meta": {"cordon/cost": cost}})

        self.assertFalse(call({"amount": 60, "unit": "cents"})["result"]["isError"])
        self.assertFalse(call({"amount": 9000, "unit": "tokens"})["result"]["isError"])
        self.assertIn("Denied by spent", call({"amount": 41, "unit": "cents"})["result"]["content"][0]["text"])
        self.assertFalse(call({"amount": 40, "unit": "cents"})["result"]["isError"])
        for bad in ({"amount": -1, "unit": "cents"}, {"amount": 1.5, "unit": "cents"}, {"amount": 1}, {"unit": "cents"},
                    {"amount": 1, "unit": "US $"}, "12"):
            self.assertEqual(call(bad)["error"]["code"], -32602, bad)
        self.assertEqual(client.close()[0], 0)
        refused = [e for e in self.events() if e.get("rule") == "spent"]
        self.assertEqual([e["budget"] for e in refused],
                         [{"of": "spend", "per": "session", "limit": 100, "unit": "cents", "used": 101}])
        self.replays_the_same(policy)


    def test_what_a_command_says_that_it_costs(self):
        policy = self.write("p", rule("spent", "tool.call", "true", "deny",
                                      [act("tool.call", cost=101, unit="cents")], [act("tool.call", cost=101, unit="tokens")],
                                      budget={"of": "spend", "unit": "cents", "per": "session", "limit": 100}))
        for resident in ("off", "auto"):
            for cost, is_run in (("100:cents", True), ("101:cents", False), ("101:tokens", True)):
                with self.subTest(resident=resident, cost=cost):
                    done = self.sh("echo ok", options=["--policy", policy, "--cost", cost, "--resident", resident])
                    self.assertEqual(done.stdout, b"ok\n" if is_run else b"", done.stderr)
                    call, = [e for e in self.events() if e["kind"] == "tool.call"]
                    self.assertEqual(f"{call['fields']['cost']}:{call['fields']['unit']}", cost)
        for bad in ("12", "-1:cents", "1.5:cents", "1:", ":cents", "1:US $", "99999999999999999999:cents"):
            done = self.sh("true", options=["--cost", bad])
            self.assertEqual((done.returncode, b"--cost " + bad.encode() in done.stderr), (125, True), done.stderr)


if __name__ == "__main__":
    unittest.main()
