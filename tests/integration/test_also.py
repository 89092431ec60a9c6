# SPDX-License-Identifier: Apache-2.0
"""Rules that matched beside the one whose verdict holds: none is lost to whoever reads the record."""

import hashlib
import json
import unittest

from approver_testing import Approver
from cordon_testing import NO_TRACE, TRACE
from policy_testing import PolicyTest, rule


def exec_rule(name, *programs, verdict="log", **more):
    """A rule on programs of these names."""
    return rule(name, "exec", f"action.name in {list(programs)}", verdict, [{"path": f"/{p}"} for p in programs], [{"path": "/none"}],
                **more)


GRAVE = {"severity": "critical", "because": "Somebody asks who he is."}


class Also(PolicyTest):
    """Programs are named by their path: a shell that is refused one by its name looks for another."""

    def setUp(self):
        super().setUp()
        self.rules = [exec_rule("refuse", "id", verdict="deny"), exec_rule("grave", "id", "uname", **GRAVE),
                      exec_rule("slight", "id", "uname"), exec_rule("tried", "id", verdict="kill", mode="observe", severity="high"),
                      exec_rule("tried-ask", "id", verdict="ask", mode="observe", severity="high")]

    def run_by(self, script, *options, rules=None, **top):
        self.file = self.write("p", *(rules or self.rules), **top)
        return self.sh(script, options=["--policy", self.file, *options])

    def execs(self, name):
        return [e for e in self.events("exec") if e["fields"]["name"] == name]

    def show(self, *options, record=None, status=0):
        done = self.cordon("log", "show", *options, record or self.record)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout.decode()

    def replay(self, *rules, record=None, status=0):
        done = self.cordon("log", "replay", "--json", "--policy", self.write("q", *rules) if rules else self.file,
                           record or self.record)
        self.assertEqual(done.returncode, status, done.stderr)
        return json.loads(done.stdout)

    def test_the_event_tells_them_all(self):
        self.assertNotEqual(self.run_by("exec /usr/bin/id").returncode, 0)
        event, = self.execs("id")
        self.assertEqual((event["verdict"], event["rule"], event["severity"]), ("deny", "refuse", "low"))
        self.assertEqual([a["rule"] for a in event["also"]], ["grave", "tried-ask", "slight"])
        self.assertEqual(event["also"][0], {"rule": "grave", "category": "test", "severity": "critical", "verdict": "log",
                                            "because": GRAVE["because"]})
        self.assertEqual(event["also"][1]["mode"], "observe")
        self.assertEqual(event["would"]["rule"], "tried")
        self.assertNotIn("also_omitted", event)
        self.assertEqual(self.verified()[0], 0)
        self.assertEqual(self.events("session.start")[0]["fields"]["also"], "on")

    def test_a_rule_alone_has_none_beside_it(self):
        self.run_by("uname; true", rules=[self.rules[0], self.rules[1]])
        self.assertEqual([e["rule"] for e in self.execs("uname")], ["grave"])
        self.assertEqual([e for e in self.events() if "also" in e], [])

    def test_the_default_hides_none(self):
        connect = "python3 -c \"import socket; socket.socket().connect_ex(('192.0.2.1', 9))\""
        self.run_by(connect, rules=[rule("far", "net.connect", "action.port == 9", "log", [{"port": 9}], [{"port": 8}], severity="high")])
        event, = self.events("net.connect")
        self.assertEqual((event["verdict"], event["rule"]), ("deny", "default"))
        self.assertEqual([(a["rule"], a["severity"]) for a in event["also"]], [("far", "high")])

    def test_more_than_there_is_room_for(self):
        many = [exec_rule(f"n{i:02}", "id") for i in range(11)] + [exec_rule("z-grave", "id", **GRAVE), self.rules[0]]
        self.run_by("/usr/bin/id", rules=many)
        event, = self.execs("id")
        self.assertEqual([a["rule"] for a in event["also"]], ["z-grave", *(f"n{i:02}" for i in range(7))])
        self.assertEqual(event["also_omitted"], 4)
        self.assertIn("    and 4 more, none of them more severe\n", self.show())

    def test_show(self):
        self.run_by("uname; /usr/bin/id")
        text = self.show("--kind=exec")
        self.assertIn("    refuse: why refuse\n    only observed: tried (high, kill): why tried\n"
                      f"    also grave (critical, log): {GRAVE['because']}\n    only observed: tried-ask (high, ask): why tried-ask\n"
                      "    also slight (low, log): why slight\n", text)
        severe = [json.loads(line) for line in self.show("--json", "--severity=critical").splitlines()]
        self.assertEqual([e["fields"]["name"] for e in severe], ["uname", "id"])
        self.assertEqual(self.cordon("log", "show", "--severity=grave", self.record).returncode, 2)
        # What is only observed makes an event no more severe.
        self.run_by("/usr/bin/id", rules=[self.rules[0], *self.rules[2:]])
        self.assertEqual(self.show("--severity=medium"), "")
        self.assertEqual(len(self.show("--json", "--severity=low").splitlines()), 1)

    def test_other_systems(self):
        self.run_by("/usr/bin/id")
        events = [json.loads(line) for line in self.cordon("log", "export", self.record).stdout.splitlines()]
        refused, = [e for e in events if e.get("policy", {}).get("uid") == "refuse"]
        self.assertEqual((refused["severity_id"], refused["is_alert"], refused["action_id"]), (5, True, 2))
        self.assertEqual([a["rule"] for a in refused["unmapped"]["also"]], ["grave", "tried-ask", "slight"])
        self.assertEqual(refused["unmapped"]["would"]["rule"], "tried")
        span = json.loads(self.cordon("log", "export", "--format=otel", self.record).stdout)
        told = [{a["key"]: a["value"] for a in e["attributes"]}
                for e in span["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["events"]]
        told, = [e for e in told if e["cordon.rule"]["stringValue"] == "refuse"]
        self.assertEqual(told["cordon.severity"]["stringValue"], "critical")
        self.assertEqual(told["cordon.also"]["arrayValue"]["values"], [{"stringValue": "grave"}, {"stringValue": "slight"}])

    def test_replay(self):
        self.run_by("uname; /usr/bin/id; true")
        said = self.replay()
        self.assertEqual((said["other_rule"], said["other_also"]), (0, 0))
        # By another policy: its verdicts are the same, and what it finds is not.
        self.assertEqual(self.replay(*self.rules[:2], *self.rules[3:])["other_also"], 2)
        self.assertEqual(self.replay(*self.rules[:3], self.rules[4])["other_also"], 1)
        changed, = self.replay(*self.rules[1:], status=1)["changed"]
        self.assertEqual((changed["was"]["rule"], changed["now"]["rule"]), ("refuse", "grave"))
        self.assertEqual([a["rule"] for a in changed["now"]["also"]], ["tried-ask", "slight"])
        text = self.cordon("log", "replay", "--policy", self.file, self.record).stdout.decode()
        self.assertIn("0 beside other rules", text)

    def test_a_record_of_before_rules_were_told_beside_others(self):
        """Its chain made anew, since it was written otherwise; only its end is not signed."""
        self.run_by("uname; /usr/bin/id; true")
        old, prev = self.dir / "old.jsonl", "0" * 64
        with old.open("w") as out:
            for event in self.events()[:-1]:
                event.get("fields", {}).pop("also", None)
                for key in ("also", "hash"):
                    event.pop(key, None)
                line = json.dumps({**event, "prev": prev}, separators=(",", ":"))
                prev = hashlib.blake2b(line[:-1].encode(), digest_size=32).hexdigest()
                out.write(f'{line[:-1]},"hash":"{prev}"}}\n')
        self.assertEqual(self.cordon("log", "verify", old).returncode, 3)
        self.assertNotIn("also", self.show(record=old))
        self.assertEqual(len(self.show("--severity=high", "--json", record=old).splitlines()), 1)
        said = self.replay(record=old)
        self.assertEqual((said["other_rule"], said["other_also"]), (0, 0))
        exported = self.cordon("log", "export", old).stdout.decode()
        self.assertIn('"severity_id":2', exported)
        self.assertNotIn('"also"', exported)

    def test_explain(self):
        file = self.write("p", *self.rules)
        said = self.answer("explain", "--policy", file, '{"kind": "exec", "path": "/bin/id"}', status=1)
        self.assertEqual((said["rule"], said["would"]["rule"]), ("refuse", "tried"))
        self.assertEqual([a["rule"] for a in said["also"]], ["grave", "tried-ask", "slight"])
        text = self.policy("explain", "--policy", file, '{"kind": "exec", "path": "/bin/id"}').stdout.decode()
        self.assertIn("    only observed: tried (high, kill)\n    also grave (critical, log)\n", text)

    def test_whoever_is_asked_is_told(self):
        approver = Approver(self)
        approver.answer_all(lambda question: "allow")
        done = self.run_by("id -u", approver.option, rules=[exec_rule("asks", "id", verdict="ask"), self.rules[1]])
        self.assertEqual(done.stdout, b"1000\n", done.stderr)
        question, = approver.asked
        self.assertEqual((question["rule"], question["also"][0]["rule"], question["also"][0]["severity"]), ("asks", "grave", "critical"))

    @unittest.skipUnless(TRACE == "on", NO_TRACE)  # without one each label counts as set
    def test_a_rule_that_does_not_decide_counts_on(self):
        """Its counter and its label are those of a rule that was alone."""
        count = exec_rule("third", "id", severity="high", label=["often"])
        count.update(count={"window": "1h", "at_least": 3}, match=[{"action": {"kind": "exec", "path": "/id"}, "repeat": 3}])
        after = rule("after", "exec", "'often' in session.labels && action.name == 'uname'", "deny",
                     [{"action": {"kind": "exec", "path": "/uname"}, "labels": ["often"]}], [{"path": "/uname"}])
        done = self.run_by("i=/usr/bin/id; uname; $i; $i; uname; $i; /usr/bin/uname || echo no", rules=[self.rules[0], count, after])
        self.assertEqual(done.stdout.decode().split(), ["Linux", "Linux", "no"])
        self.assertEqual([[a["rule"] for a in e.get("also", ())] for e in self.execs("id")], [[], [], ["third"]])

    def test_a_mode_that_refuses_nothing(self):
        self.run_by("/usr/bin/id", "--mode=observe")
        event, = self.execs("id")
        self.assertEqual((event["verdict"], event["enforced"]), ("deny", False))
        self.assertEqual(event["also"][0]["rule"], "grave")


if __name__ == "__main__":
    unittest.main()
