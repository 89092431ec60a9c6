# SPDX-License-Identifier: Apache-2.0
"""What tests of rules over more than one action share: examples, and sessions under a policy."""

import json

from cordon_testing import CORDON, TRACE
from mcp_client import Client
from policy_testing import PolicyTest

CONNECT = "import socket; print(socket.socket().connect_ex(('127.0.0.1', 9)))"
REFUSED, EPERM = "111", "1"  # nothing listens there; a rule


def act(kind, **fields):
    return {"action": {"kind": kind, **fields}}


def step(on, when, **more):
    return {"on": on if isinstance(on, list) else [on], "when": when, **more}


class RuleKindsTest(PolicyTest):
    def events(self):
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def run_by(self, policy, script, *options):
        r = self.sh(script, options=["--policy", policy, *options])
        return r.stdout.decode().split()

    def client(self, policy, *options):
        client = Client([CORDON, "mcp", "--trace", TRACE, "-w", str(self.work), "--record", str(self.record), "--policy",
                         str(policy), *options], self.env, self.dir)
        self.addCleanup(client.abandon)
        client.open()
        return client

    def replays_the_same(self, policy):
        r = self.cordon("log", "replay", "--json", "--policy", policy, self.record)
        self.assertEqual((r.returncode, r.stderr.decode()), (0, ""), r.stdout.decode())
        self.assertEqual(json.loads(r.stdout)["other_rule"], 0)
