# SPDX-License-Identifier: Apache-2.0
"""The verdict redact: what is protected in a tool's result is cut out; what cannot be cut is withheld."""

import base64
import gzip
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from cordon_testing import CORDON, TRACE  # noqa: E402
from mcp_client import Client  # noqa: E402
from policy_testing import PolicyTest, rule  # noqa: E402

CANARY = "heron-4f1c-do-not-tell"
TOKEN = "tok_" + "a1B2" * 6
PATTERNS = [{"name": "token", "pattern": "tok_[A-Za-z0-9]{20,}"},
            {"name": "key-block", "pattern": "(?s)-----BEGIN KEY-----.*?-----END KEY-----"}]


def redact_rule(when="action.tool != 'never'", match="bash", no="never", verdict="redact", **more):
    return rule("r.cut", "tool.result", when, verdict, [{"tool": match}], [{"tool": no}], **more)


class Redact(PolicyTest):
    def client(self, *options, policy=None, canary=True):
        policy = policy or self.write("r", redact_rule(), redact=PATTERNS)
        self.record.unlink(missing_ok=True)
        canaries = [f"--canary=heron={CANARY}", "--net=relay"] if canary else []
        client = Client([os.path.abspath(CORDON), "mcp", "--trace", TRACE, "-w", str(self.work), "--record",
                         str(self.record), f"-p{policy}", *canaries, *map(str, options)], self.env, self.dir)
        self.addCleanup(client.abandon)
        client.open()
        return client

    def results(self, client):
        client.process.stdin.close()
        client.process.wait(60)
        self.assertEqual(self.verified()[0], 0)
        return self.events("tool.result")

    def shown(self, client, text, tool="bash", **arguments):
        """All that the agent gets of a result, which is the same in each of its parts."""
        if tool == "bash":
            (self.work / "text").write_bytes(text if isinstance(text, bytes) else text.encode())
        result = client.call(tool, **(arguments or {"command": "cat text"}))
        whole = json.dumps(result)
        content = [item["text"] for item in result["content"]]
        self.assertEqual(content, [result["structuredContent"]["output"]])
        return content[0], whole, result


class Cut(Redact):
    def test_what_is_protected_is_cut_and_the_rest_goes_on(self):
        c = self.client("-w", f"{self.work}:live")
        text, whole, result = self.shown(c, f"user=me key={CANARY}; {TOKEN} and {TOKEN}, {CANARY}{TOKEN}!\nbye\n")
        self.assertEqual(text, "user=me key=[redacted:heron]; [redacted:token] and [redacted:token], "
                               "[redacted:heron][redacted:token]!\nbye\n")
        self.assertNotIn(CANARY, whole)
        self.assertNotIn(TOKEN, whole)
        self.assertFalse(result["isError"])
        text, _, _ = self.shown(c, "a -----BEGIN KEY-----\nx\ny\n-----END KEY----- b\n")
        self.assertEqual(text, "a [redacted:key-block] b\n")
        text, _, _ = self.shown(c, "nothing is protected here, tok_short\n")
        self.assertEqual(text, "nothing is protected here, tok_short\n")
        events = self.results(c)
        self.assertEqual([e["verdict"] for e in events], ["redact"] * 3)
        self.assertEqual([e["redacted"] for e in events],
                         [[{"name": "heron", "count": 2}, {"name": "token", "count": 3}],
                          [{"name": "key-block", "count": 1}], []])
        self.assertEqual([e["rule"] for e in events], ["r.cut"] * 3)

    def test_many(self):
        c = self.client("-w", f"{self.work}:live")
        many = (TOKEN + " ") * 3000
        text, _, _ = self.shown(c, many)
        self.assertEqual(text, "[redacted:token] " * 3000)

    def test_of_a_refusal_that_is_told_with_it(self):
        """The subject of what was refused is beside the text, and goes to the agent as well."""
        policy = self.write("r", redact_rule(),
                            rule("r.deny", "exec", "action.path.contains('heron')", "deny", [{"path": "/x/heron"}],
                                 [{"path": "/x/y"}]), redact=PATTERNS)
        c = self.client(policy=policy)
        result = c.call("bash", command=f"cp /bin/true ./{CANARY}; ./{CANARY}")
        whole = json.dumps(result)
        self.assertEqual(len(result["structuredContent"]["denied"]), 1)
        self.assertNotIn(CANARY, whole)
        self.assertIn("[redacted:heron]", result["structuredContent"]["denied"][0]["subject"])

    def test_without_canaries_and_network(self):
        c = self.client("-w", f"{self.work}:live", canary=False)
        self.assertEqual(self.shown(c, f"a {TOKEN} b")[0], "a [redacted:token] b")


class Withheld(Redact):
    def withheld(self, c, text, why):
        shown, whole, result = self.shown(c, text)
        self.assertTrue(shown.startswith("Denied by r.cut: what the call returned is withheld. "), shown)
        self.assertIn(why, shown)
        self.assertTrue(result["isError"])
        self.assertNotIn(CANARY, whole)
        return whole

    def test_encoded(self):
        """What is found and cannot be cut out exactly is not shown at all, though its plain form is there too."""
        c = self.client("-w", f"{self.work}:live")
        plain = CANARY.encode()
        for text in (base64.b64encode(plain), base64.b64encode(b"x" + plain), plain.hex().encode(),
                     plain + b" " + base64.b64encode(plain), plain.hex().upper().encode(),
                     base64.encodebytes(b"a" * 40 + plain * 3)):
            whole = self.withheld(c, b"begin " + text + b" end", "it is there in an encoding")
            self.assertNotIn(text.decode()[:30].strip(), whole)
        # Compressed, it is no text any more; nothing of it is shown either.
        shown, whole, _ = self.shown(c, gzip.compress(plain * 20, mtime=0))
        self.assertNotIn(CANARY, whole)
        events = self.results(c)
        self.assertEqual({e["withheld"] for e in events[:6]}, {True})
        self.assertEqual({e["verdict"] for e in events}, {"redact"})
        self.assertIn("cannot be cut out", events[0]["reason"])

    def test_a_rule_that_looks_at_the_text_matches_no_more(self):
        """What a rule was written to keep back is kept back, though no pattern covers it."""
        seen = rule("r.cut", "tool.result", "action.text.contains('SECRET-')", "redact", [{"text": "a SECRET-1"}],
                    [{"text": "nothing"}])
        c = self.client("-w", f"{self.work}:live", policy=self.write("r", seen, redact=PATTERNS))
        whole = self.withheld(c, f"{TOKEN} SECRET-77 x", "the rule would match what is left")
        self.assertNotIn("SECRET-77", whole)
        self.assertEqual(self.shown(c, f"{TOKEN} x")[0], f"{TOKEN} x")
        covered = [*PATTERNS, {"name": "secret", "pattern": "SECRET-[0-9]+"}]
        c = self.client("-w", f"{self.work}:live", policy=self.write("s", seen, redact=covered))
        self.assertEqual(self.shown(c, f"{TOKEN} SECRET-77 x")[0], "[redacted:token] [redacted:secret] x")

    def test_stricter_rules_still_hold(self):
        deny = rule("r.deny", "tool.result", "action.text.contains('forbidden')", "deny", [{"text": "forbidden"}],
                    [{"text": "nothing"}])
        c = self.client("-w", f"{self.work}:live", policy=self.write("r", redact_rule(), deny, redact=PATTERNS))
        shown, _, _ = self.shown(c, f"forbidden {TOKEN}")
        self.assertTrue(shown.startswith("Denied by r.deny"), shown)
        self.assertEqual(self.shown(c, f"fine {TOKEN}")[0], "fine [redacted:token]")

    def test_does_not_allow(self):
        c = self.client("-w", f"{self.work}:live",
                        policy=self.write("r", redact_rule(), redact=PATTERNS, defaults={"tool.result": "deny"}))
        self.assertTrue(self.shown(c, "fine")[0].startswith("Denied by default"))


class Modes(Redact):
    def test_observe(self):
        c = self.client("-w", f"{self.work}:live", "--mode=observe")
        self.assertEqual(self.shown(c, f"a {TOKEN} b")[0], f"a {TOKEN} b")
        event = self.results(c)[0]
        self.assertEqual((event["verdict"], event["enforced"]), ("redact", False))
        self.assertNotIn("redacted", event)

    def test_a_rule_that_is_only_observed(self):
        c = self.client("-w", f"{self.work}:live",
                        policy=self.write("r", redact_rule(mode="observe"), redact=PATTERNS))
        self.assertEqual(self.shown(c, f"a {TOKEN} b")[0], f"a {TOKEN} b")
        event = self.results(c)[0]
        self.assertEqual((event["verdict"], event["would"]["verdict"]), ("allow", "redact"))

    def test_run_shows_what_it_shows(self):
        """What a program writes to its own standard output is not held up; the record says that it was not redacted."""
        r = self.run_in("echo", TOKEN, options=[f"-p{self.write('r', redact_rule(match='run'), redact=PATTERNS)}"])
        self.assertEqual(r.stdout.decode(), TOKEN + "\n")
        event = self.events("tool.result")[0]
        self.assertEqual((event["verdict"], event["enforced"]), ("redact", False))


class Tools(Redact):
    def test_only_on_what_can_be_changed(self):
        for kind, field in (("exec", "path"), ("tool.call", "tool"), ("file.open", "path"), ("net.connect", "address")):
            path = self.write("bad", rule("r.x", kind, f"action.{field} == '/x'", "redact", [{field: "/x"}],
                                          [{field: "/y"}]))
            self.refuses("check", path, text="redact is for tool.result, and nothing else")
            self.assertRegex(self.policy("check", path).stderr.decode(), rf"{path}:1:\d+: ")
        path = self.write("bad", redact=[], defaults={"tool.result": "redact"})
        self.refuses("check", path, text="the default of tool.result is")

    def test_patterns(self):
        for patterns, text in (([{"name": "a", "pattern": "("}], "bad.json:1:"),
                               ([{"name": "A b", "pattern": "x"}], "a name has letters"),
                               ([{"name": "a", "pattern": "x"}, {"name": "a", "pattern": "y"}], "already"),
                               ([{"name": "a"}], "pattern"), ({"a": "b"}, "array")):
            self.refuses("check", self.write("bad", redact=patterns), text=text)

    def test_explain_diff_fmt_and_cases(self):
        path = self.write("r", redact_rule(), redact=PATTERNS)
        action = json.dumps({"kind": "tool.result", "tool": "bash", "text": TOKEN})
        r = self.policy("explain", f"--policy={path}", action)
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("redact", r.stdout.decode())
        weaker = self.write("w", redact_rule(verdict="log"), redact=PATTERNS)
        r = self.policy("diff", path, weaker)
        self.assertEqual(r.returncode, 1, r.stdout)
        self.assertIn("was redact", r.stdout.decode())
        self.assertEqual(self.policy("diff", weaker, path).returncode, 0)
        self.assertEqual(self.policy("fmt", path).returncode, 0)
        self.assertLess(self.policy("check", path).returncode, 2)
        path.with_suffix(".cases").write_text(json.dumps({"version": 1, "cases": [
            {"name": "cut", "then": {"action": {"kind": "tool.result", "tool": "bash"}}, "verdict": "redact",
             "rule": "r.cut"},
            {"name": "not", "then": {"action": {"kind": "tool.result", "tool": "never"}}, "verdict": "allow"}]}))
        self.assertEqual(self.policy("test", path).returncode, 0)

    def test_diff_of_patterns(self):
        """A pattern that is gone or another is told, under whatever name it is kept; a new one is not."""
        def kept(name, *patterns):
            return self.write(name, redact_rule(), redact=[{"name": n, "pattern": p} for n, p in patterns])
        old = kept("old", ("token", "tok_[a-z0-9]{8,}"), ("key", "key_[0-9]+\u202e"))
        for new, says in ((kept("same", ("key", "tok_[a-z0-9]{8,}"), ("k", "key_[0-9]+\u202e"), ("more", "m")), []),
                          (kept("gone", ("key", "key_[0-9]+\u202e")), [("token", "tok_[a-z0-9]{8,}", None)]),
                          (kept("other", ("token", "tok_[a-z0-9]{8,}"), ("key", "key_1")), [("key", "key_[0-9]+\u202e", "key_1")])):
            r = self.policy("diff", "--json", old, new)
            self.assertEqual(r.returncode, 1 if says else 0, r.stdout)
            self.assertEqual([tuple(p.values()) for p in json.loads(r.stdout)["redact"]], says)
            text = self.policy("diff", old, new).stdout.decode()
            self.assertNotIn("\u202e", text)
            self.assertEqual("nothing newly allowed" in text, not says, text)
            for name, _, now in says:
                self.assertIn(f"redacts by another pattern: {name}" if now else f"no longer redacts: {name}", text)

    def test_replay(self):
        path = self.write("r", redact_rule(), redact=PATTERNS)
        c = self.client("-w", f"{self.work}:live", policy=path)
        self.shown(c, TOKEN)
        self.results(c)
        r = self.cordon("log", "replay", f"--policy={path}", self.record)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        r = self.cordon("log", "replay", f"--policy={self.write('w', redact_rule(verdict='log'))}", self.record)
        self.assertEqual(r.returncode, 1, r.stdout)
        self.assertIn("redact", r.stdout.decode())

    def test_learn(self):
        path = self.write("r", redact_rule(), redact=PATTERNS)
        c = self.client("-w", f"{self.work}:live", policy=path)
        self.shown(c, TOKEN)
        self.results(c)
        r = self.policy("learn", f"--policy={path}", self.record)
        self.assertEqual((r.returncode, b"redact" in r.stdout), (0, False), r.stderr)


if __name__ == "__main__":
    unittest.main()
