# SPDX-License-Identifier: Apache-2.0
"""process.labels: which processes of a session count as having what was read, and which do not."""

import json
import os
import unittest

from cordon_testing import NO_TRACE, TRACE
from policy_testing import PolicyTest, rule

CONNECT = "import socket; print(socket.socket().connect_ex(('127.0.0.1', 9)))"
REFUSED, EPERM = "111", "1"  # nothing listens there; a rule
# With the back end lsm a kernel of these may skip a program, after which every process has what its session has (cordon-policy(5)).
MAY_SKIP = int(os.uname().release.split(".")[0]) >= 7


def connect(**more):
    return {"action": {"kind": "net.connect"}, **more}


class ProcessLabels(PolicyTest):
    def setUp(self):
        super().setUp()
        self.key = self.work / "key"
        self.key.write_text("k" * 100)
        (self.work / "connect.py").write_text(CONNECT)
        self.policy = self.write("p", rule(
            "own", "net.connect", "'key' in process.labels", "deny", [connect(labels=["key"])],
            [connect(labels=["key"], process_labels=[])]))

    def outcomes(self, script, *options, policy=None):
        r = self.sh(script, options=["--policy", policy or self.policy, *(options or ["--label", f"{self.key}=key"])])
        return r.stdout.decode().split()

    def events(self):
        return [json.loads(line) for line in self.record.read_text().splitlines()]

    def session_start(self):
        return next(e for e in self.events() if e["kind"] == "session.start")["fields"]

    def expect(self, out, expected):
        """Outcomes of connections; where the kernel skipped a program, that none has less than its labels, and that it is told."""
        kinds = [e["kind"] for e in self.events()]
        if not MAY_SKIP or self.session_start().get("trace_backend") != "lsm" or "label.everywhere" not in kinds:
            self.assertEqual(out, expected)
            self.assertNotIn("label.everywhere", kinds)
            return
        later = [e for e in self.events()[kinds.index("label.everywhere"):] if e["kind"] == "net.connect"]
        self.assertEqual([(e.get("process_labels"), e["verdict"]) for e in later], [(["key"], "deny")] * len(later))
        self.assertEqual([got for got, want in zip(out, expected, strict=True) if want == EPERM], [EPERM] * expected.count(EPERM))
        self.skipTest("the kernel skipped a program: every process has what its session has, and the record says so")


@unittest.skipUnless(TRACE == "on", NO_TRACE)
class Traced(ProcessLabels):
    def test_a_hard_link_in_a_layer_counts_as_a_read(self):
        """To the kernel it is another file there."""
        for script in ("ln key other; cat other >/dev/null", "ln key other; rm key; cat other >/dev/null",
                       "ln key other; cat other >/dev/null; rm other", "ln -P key a; mv a key; cat key >/dev/null",
                       "chmod 640 key; ln connect.py c; ln key d; mv d e; rm key; cat e >/dev/null"):
            with self.subTest(script):
                self.assertEqual(self.outcomes(f"{script}; python3 -c \"{CONNECT}\""), [EPERM])
        for script in ("ln connect.py c", "chmod 640 key"):
            with self.subTest(script):
                self.expect(self.outcomes(f"{script}; python3 connect.py"), [REFUSED])

    def test_who_read_is_refused_and_a_sibling_is_not(self):
        out = self.outcomes("cat key > /dev/null; python3 connect.py; (read x < key; python3 connect.py); python3 connect.py")
        self.assertEqual(self.session_start()["process_labels"], "on")
        self.expect(out, [REFUSED, EPERM, REFUSED])
        asked = [e for e in self.events() if e["kind"] == "net.connect"]
        self.assertEqual([e.get("process_labels") for e in asked], [None, ["key"], None])
        self.assertEqual(asked[1]["matched"], {"process.labels": ["key"]})
        replayed = self.cordon("log", "replay", "--json", "--policy", self.policy, self.record)
        self.assertEqual((replayed.returncode, replayed.stderr.decode()), (0, ""), replayed.stdout.decode())

    def test_the_session_has_it_all_the_same(self):
        policy = self.write("s", rule("all", "net.connect", "'key' in session.labels", "deny", [connect(labels=["key"])],
                                      [connect()]))
        self.assertEqual(self.outcomes("python3 connect.py; cat key > /dev/null; python3 connect.py", policy=policy),
                         [REFUSED, EPERM])

    def test_labels_of_paths_are_of_every_process(self):
        policy = json.loads(self.policy.read_text())
        policy["labels"] = [{"label": "key", "paths": [str(self.key)]}]
        self.policy.write_text(json.dumps(policy))
        self.assertEqual(self.outcomes("python3 connect.py; cat key > /dev/null; python3 connect.py", "--trace", "on"),
                         [REFUSED, EPERM])

    def test_it_goes_on_through_pipes_files_and_programs(self):
        out = self.outcomes("cat key | base64 > f; python3 connect.py; python3 -c 'open(\"f\").read(); exec(open(\"connect.py\").read())';"
                            "cp f g; mv g h; ln h i; (read x < i; python3 connect.py); "
                            "cp key /tmp/k; rm /tmp/k; echo > /tmp/k; (read x < /tmp/k; python3 connect.py);"
                            "(cat key; echo) | (read x; python3 connect.py)")
        self.expect(out, [REFUSED, EPERM, EPERM, REFUSED, EPERM])

    def test_a_later_call_reads_what_an_earlier_one_wrote(self):
        (self.work / "first.sh").write_text("cat key > f &\nwait\npython3 connect.py\n")
        out = self.outcomes("sh first.sh; setsid sh -c 'cat f > /dev/null; python3 connect.py' ; sh -c 'read x < f; exec python3 connect.py'")
        self.expect(out, [REFUSED, REFUSED, EPERM])

    def test_shared_memory_is_of_every_process_and_told(self):
        (self.work / "shares.py").write_text("import mmap\nm = mmap.mmap(-1, 4096)\nopen('key').read()\n")
        self.assertEqual(self.outcomes("python3 connect.py; python3 shares.py; python3 connect.py"), [REFUSED, EPERM])
        told = [e["fields"]["labels"] for e in self.events() if e["kind"] == "label.everywhere"]
        self.assertEqual(told, [["key"]])


class Untraced(ProcessLabels):
    def test_without_a_trace_every_process_has_all(self):
        self.assertEqual(self.outcomes("python3 connect.py", "--trace", "off", "--label", f"{self.key}=key"), [EPERM])

    def test_what_nothing_is_labelled_with_nobody_has(self):
        self.assertNotEqual(self.outcomes("python3 connect.py", "--trace", "off"), [EPERM])


if __name__ == "__main__":
    unittest.main()
