#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Where a process comes from, as rules and the record have it of real ones."""

import json
import unittest

from cordon_testing import NO_TRACE, TRACE
from policy_testing import rule
from rule_testing import CONNECT, EPERM, REFUSED, RuleKindsTest, act


class Lineage(RuleKindsTest):
    def setUp(self):
        super().setUp()
        (self.work / "connect.py").write_text(CONNECT)
        self.script("marked", "python3 connect.py; (python3 connect.py); sh -c 'python3 connect.py; :'")

    def script(self, name, text):
        (self.work / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.work / name).chmod(0o755)

    def by(self, when, match, not_match, on="net.connect", verdict="deny"):
        return self.write("p", rule("l", on, when, verdict, [act(on, **match)], [act(on, **not_match)]))

    def below_marked(self):
        marked = str(self.work / "marked")
        return self.by(f"action.ancestors.exists(a, a == '{marked}')", {"ancestors": [marked]}, {"ancestors": ["/bin/sh"]})

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_below_a_script_and_nowhere_else(self):
        policy = self.below_marked()
        out = self.run_by(policy, "python3 connect.py; ./marked; python3 connect.py")
        self.assertEqual(out, [REFUSED, EPERM, EPERM, EPERM, REFUSED])
        self.replays_the_same(policy)
        denied = [e["fields"] for e in self.events() if e.get("verdict") == "deny"]
        self.assertEqual(len(denied), 3)
        for fields in denied:
            self.assertIn(str(self.work / "marked"), fields["ancestors"])
            self.assertGreaterEqual(fields["depth"], 1)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_nobody_gets_away_from_where_he_comes_from(self):
        """A double fork into another session, a copy of the shell, and more programs than are kept."""
        (self.work / "flee.py").write_text(
            "import os, sys\n"
            "if os.fork():\n    os.wait(); sys.exit()\n"
            "os.setsid()\n"
            "if os.fork():\n    os._exit(0)\n"
            "os.execvp('python3', ['python3', 'connect.py'])\n")
        (self.work / "many.sh").write_text("n=$1; [ $n = 0 ] && exec python3 connect.py\nn=$((n - 1))\n"
                                           "[ $((n % 2)) = 0 ] && exec sh many.sh $n || exec bash many.sh $n\n")
        self.script("marked", "python3 flee.py; sleep 1; cp /bin/sh own; ./own -c 'python3 connect.py; :'; sh many.sh 100")
        policy = self.below_marked()
        self.assertEqual(self.run_by(policy, "./marked; bash many.sh 10"), [EPERM, EPERM, EPERM, REFUSED])
        self.replays_the_same(policy)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_depth_lineage_and_time(self):
        policy = self.by("action.depth > 1", {"depth": 2}, {"depth": 1})
        self.assertEqual(self.run_by(policy, "python3 connect.py; sh -c 'python3 connect.py; :'"), [REFUSED, EPERM])
        connects = [e["fields"] for e in self.events() if e["kind"] == "net.connect"]
        self.assertEqual([(f["lineage"], f["depth"]) for f in connects], [("1/1", 1), ("1/2/1", 2)])
        self.assertTrue(all(f["since_exec_ms"] < 60000 for f in connects))
        self.replays_the_same(policy)
        # An exec, a fork and an end say it whatever the rules are.
        policy = self.by("action.port == 1", {"port": 1}, {"port": 2})
        self.run_by(policy, "sleep 0.3; python3 connect.py; :")
        by_kind = {}
        for event in self.events():
            by_kind.setdefault(event["kind"], []).append(event)
        self.assertTrue(all("lineage" in e["fields"] for k in ("exec", "proc.fork", "proc.exit") for e in by_kind[k]))
        self.assertTrue(all("lineage" not in e["fields"] for k in ("net.connect", "file.open") for e in by_kind[k]))
        made = {e["pid"]: e["fields"]["lineage"] for e in by_kind["proc.fork"]}
        self.assertEqual({made[e["pid"]] for e in by_kind["exec"] if e["fields"]["name"].startswith("python3")}, {"1/2"})

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_since_an_exec(self):
        """The shell has been one for a while when it starts the second."""
        policy = self.by("action.name == 'true' && action.since_exec_ms >= 1000", {"path": "/bin/true", "since_exec_ms": 1000},
                         {"path": "/bin/true", "since_exec_ms": 1}, on="exec")
        out = self.run_by(policy, "/bin/true && echo early; sleep 1.2; /bin/true 2> /dev/null || echo late")
        self.assertEqual(out, ["early", "late"])

    def test_without_a_trace_a_rule_errs_on_its_side(self):
        policy = self.below_marked()
        r = self.cordon("run", "--trace=off", "-w", self.work, "--policy", policy, "--record", self.record, "--", "python3",
                        "connect.py")
        self.assertEqual(r.stdout.decode().split(), [EPERM])
        self.replays_the_same(policy)
        report = json.loads(self.cordon("policy", "check", "--json", policy).stdout)
        self.assertTrue(report["rules"][0]["needs_trace"])
        allows = self.by("action.depth < 99", {"depth": 1}, {"depth": 100}, verdict="allow")
        self.record.unlink()
        r = self.cordon("run", "--trace=off", "-w", self.work, "--policy", allows, "--record", self.record, "--", "python3", "-c",
                        "import socket; print(socket.socket().connect_ex(('192.0.2.1', 9)))")
        self.assertEqual(r.stdout.decode().split(), [EPERM])


if __name__ == "__main__":
    unittest.main()
