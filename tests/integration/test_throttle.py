# SPDX-License-Identifier: Apache-2.0
"""The verdict throttle: actions wait for their turn, and nobody else does."""

import unittest

from approver_testing import ask_for, rule
from cordon_testing import SLOWER, CordonTest, wait_for


def slow(name, **throttle):
    return ask_for(name, verdict="throttle", throttle=throttle)


class Throttle(CordonTest):
    def execs(self, name):
        return [e for e in self.events("exec") if e["fields"]["name"] == name]

    def starts(self, name):
        """When they were let go, by the kernel's own word: {pid: time}. Empty without a trace."""
        return {e["pid"]: e["ts"] for e in self.events("exec.done") if e["fields"]["path"].endswith(f"/{name}")}

    def test_a_rate(self):
        done = self.sh("for i in 1 2 3 4; do id -u & done; wait", options=["-p", self.policy(slow("id", per_second=1))])
        self.assertEqual(done.stdout, b"1000\n" * 4, done.stderr)
        execs = self.execs("id")
        self.assertEqual({(e["verdict"], e["rule"]) for e in execs}, {("throttle", "ask.name")})
        turns = [e["ts"] + e.get("delay_ms", 0) * 1e6 for e in execs]
        self.assertGreater(turns[-1], execs[-1]["ts"], "the last one waits")
        for turn, following in zip(turns, turns[1:]):
            self.assertGreaterEqual(following - turn, 1e9 - 3e6 * SLOWER)
        for event, turn in zip(execs, turns):
            self.assertGreaterEqual(self.starts("id").get(event["pid"], turn), turn - 3e6 * SLOWER)
        self.assertEqual(self.verified()[0], 0)

    def test_a_delay(self):
        self.sh("id -u; id -u", options=["-p", self.policy(slow("id", delay="300ms"))])
        self.assertTrue(all(e["delay_ms"] >= 300 for e in self.execs("id")))
        for event in self.execs("id"):
            self.assertGreaterEqual(self.starts("id").get(event["pid"], event["ts"] + 3e8) - event["ts"], 3e8)

    def test_others_do_not_wait(self):
        run = self.start("sh", "-c", "id -u & for i in 1 2 3; do expr $i; done; kill -9 $!",
                         options=["-p", self.policy(slow("id", delay="60s"))])
        out, err = run.communicate(timeout=50 * SLOWER)
        self.assertEqual(out, b"1\n2\n3\n", err)

    def test_the_limit_of_the_call_holds(self):
        done = self.run_in("id", options=["-p", self.policy(slow("id", delay="60s")), "--timeout", "1"])
        self.assertEqual((done.returncode, done.stdout), (124, b""))

    def test_so_many_wait_and_no_more(self):
        run = self.start("sh", "-c", "for i in $(seq 80); do (exec /usr/bin/id 2>&1) & done; wait",
                         options=["-p", self.policy(slow("id", delay="60s"))])
        self.assertTrue(wait_for(lambda: self.record.exists() and len(self.refused()) == 16), self.refused())
        run.kill()

    def refused(self):
        lines = self.record.read_text().splitlines()
        return [line for line in lines if "wait for their turn" in line]

    def test_it_weakens_no_default(self):
        policy = self.policy(slow("id", delay="1ms"), defaults={"exec": "deny"})
        self.assertEqual(self.run_in("id", options=["-p", policy]).returncode, 126)

    def test_files(self):
        policy = self.policy(rule("slow.file", "action.write", ("file.open",), verdict="throttle",
                                  throttle={"delay": "200ms"}, match={"kind": "file.open", "write": True}))
        done = self.sh("echo a > a; echo b > b; cat a b", options=["-p", policy])
        self.assertEqual(done.stdout, b"a\nb\n", done.stderr)
        first, second = [e for e in self.events("file.open") if e["verdict"] == "throttle"]
        self.assertGreaterEqual(second["ts"] - first["ts"], 200e6)

    def test_a_tool_call(self):
        policy = self.policy(rule("slow.call", "action.tool == 'run'", ("tool.call",), verdict="throttle",
                                  throttle={"delay": "500ms"}, match={"kind": "tool.call", "tool": "run"}))
        done = self.run_in("echo", "ran", options=["-p", policy])
        self.assertEqual(done.stdout, b"ran\n", done.stderr)
        call, = self.events("tool.call")
        start, = self.events("exec.start")
        self.assertGreaterEqual(start["ts"] - call["ts"], 500e6)

    def test_observed(self):
        """By the session, or by the rule."""
        policy = self.policy(slow("id", delay="60s"))
        self.assertEqual(self.run_in("id", "-u", options=["-p", policy, "--mode=observe"], timeout=50).stdout, b"1000\n")
        self.assertEqual(self.execs("id")[0]["enforced"], False)
        policy = self.policy(ask_for("id", verdict="deny", mode="observe"))
        self.assertEqual(self.run_in("id", "-u", options=["-p", policy]).stdout, b"1000\n")
        event, = self.execs("id")
        self.assertEqual((event["verdict"], event["would"]["verdict"], event["would"]["rule"]), ("allow", "deny", "ask.name"))
        self.assertIn("ask.name is why.", event["would"]["because"])


if __name__ == "__main__":
    unittest.main()
