#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who ends what: a call's own work, and what stands beside the agent, by what both processes come from."""

import json
import os
import pathlib
import shutil
import unittest

from cordon_testing import NO_TRACE, TRACE
from rule_testing import RuleKindsTest

SHIPPED = pathlib.Path(__file__).parents[2] / "policies/oversight-tampering.json"
ALARM, NOTED = "ov.foreign-process", "ov.foreign-signal"
PYTHON = "import os, pathlib, subprocess as s\n"
OWN = 'until grep -q sleep "/proc/$(cat pid)/comm"; do :; done\n'


@unittest.skipUnless(TRACE == "on", NO_TRACE)
class OwnWork(RuleKindsTest):
    def setUp(self):
        super().setUp()
        self.program("start", f"#!/bin/sh\nsleep 100 &\necho $! >pid\n{OWN}")
        # Two shells deep, so that nobody is anybody's sibling.
        self.program("stop", "#!/bin/sh\nsh -c 'kill $(cat pid); :'\n")
        self.program("agent", f"#!/usr/bin/env python3\n{PYTHON}s.run('./start')\ns.run('./stop')\n")

    def program(self, name, text):
        (self.work / name).write_text(text)
        (self.work / name).chmod(0o755)

    def signals(self):
        return [e for e in self.events() if e["kind"] == "proc.signal" and e["fields"]["relation"] == "other"]

    def by(self, rule, *command, options=()):
        done = self.run_in(*command, options=options)
        self.assertEqual(done.returncode, 0, done.stderr)
        found = self.signals()
        self.assertEqual([e.get("rule") for e in found], [rule])
        return found[0]["fields"]

    def test_of_a_call_of_shells_alone(self):
        fields = self.by(NOTED, "sh", "-c", f"sleep 100 & echo $! >pid; {OWN} sh -c './stop; :'; wait")
        self.assertEqual(fields["forebears"], [])
        self.assertEqual(set(fields["branch"]), {os.path.realpath("/bin/sh")})

    def test_a_daemon_that_a_script_has_left(self):
        """Its parent is the call's first process, as everybody's is who has lost his own."""
        fields = self.by(NOTED, "sh", "-c", "./start; ./stop; :")
        self.assertNotEqual(fields["receiver"], 0)

    def test_of_an_agent_s_command(self):
        self.program("command", "#!/bin/sh\n./start\n./stop\n")
        fields = self.by(NOTED, "python3", "-c", f"{PYTHON}s.run('./command')")
        self.assertEqual([path.rpartition("/")[2][:6] for path in fields["forebears"]], ["python"])

    def test_of_a_test_runner_below_an_agent(self):
        self.by(NOTED, "sh", "-c", "python3 -c 'import os; os.system(\"cp agent runner; ./runner; :\")'; :")

    def test_what_the_agent_s_program_has_started(self):
        """A harness starts a watchdog, and its agent's commands."""
        for command in ("./stop", "(./stop &); sleep 1", "python3 -c 'import os; os.system(\"./stop; :\")'", "setsid ./stop; sleep 1"):
            with self.subTest(command):
                fields = self.by(ALARM, "python3", "-c",
                                 f"{PYTHON}s.run('./start')\ns.run(['sh', '-c', {command!r} + '; :'])")
                self.assertEqual(fields["forebears"], [])

    def test_what_was_started_beside_the_agent(self):
        self.program("agent", f"#!/usr/bin/env python3\n{PYTHON}s.run('./stop')\n")
        self.by(ALARM, "sh", "-c", "./start; ./agent; :")
        shutil.copy("/bin/sh", self.work / "own_agent")
        self.by(ALARM, "sh", "-c", "./start; ./own_agent -c './stop; :'; :")

    def test_what_has_a_watcher_s_name(self):
        shutil.copy("/bin/sleep", self.work / "watchdog")
        self.program("start", "#!/bin/sh\n./watchdog 100 &\necho $! >pid\n" + OWN.replace("sleep", "watchdog"))
        self.assertEqual(self.by(ALARM, "sh", "-c", "./start; ./stop; :")["target"], "watchdog")

    def test_of_a_tool_s_call(self):
        """Who calls is outside of it: all that is in it is its own."""
        client = self.client(SHIPPED)
        client.text("bash", command="./agent")
        self.assertEqual(client.close()[0], 0)
        self.assertEqual([e.get("rule") for e in self.signals()], [NOTED])

    def test_a_record_says_it_again(self):
        for rule, script in ((NOTED, "./start; ./stop; :"), (ALARM, "./agent; :")):
            self.by(rule, "sh", "-c", script, options=["--policy", SHIPPED])
            self.replays_the_same(SHIPPED)
            lines = self.record.read_text().splitlines()
            self.assertTrue(any('"receiver":' in line and json.loads(line)["fields"]["receiver"] for line in lines))


if __name__ == "__main__":
    unittest.main()
