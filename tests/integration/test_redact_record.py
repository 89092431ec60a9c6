# SPDX-License-Identifier: Apache-2.0
"""What is protected is neither in the record, nor in what an agent is told of a refusal, nor in what is exported."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from approver_testing import ask_for  # noqa: E402
from cordon_testing import CORDON, TRACE  # noqa: E402
from mcp_client import Client  # noqa: E402
from policy_testing import PolicyTest, rule  # noqa: E402

CANARY = "heron-4f1c-do-not-tell"
TOKEN = "tok_" + "a1B2" * 6
OTHER = "tok_" + "Zz90" * 6
MARK = r"\[redacted:token:[0-9a-f]{8}\]"
PATTERNS = [{"name": "token", "pattern": "tok_[A-Za-z0-9]{20,}"}]
NO_MATCH = [{"path": "/nothing"}]


# Asks the session's name server with EDNS, and shows the text behind the last option's head.
QUERY = """
import socket, struct, sys
name = b"".join(bytes([len(p)]) + p for p in sys.argv[1].encode().split(b".")) + b"\\0"
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(30)
s.sendto(struct.pack("!6H", 7, 0x100, 1, 0, 0, 1) + name + struct.pack("!HH", 1, 1) + b"\\0" +
         struct.pack("!HHIH", 41, 1232, 0, 0), ("198.18.0.1", 53))
print(ascii(s.recv(2000).split(b"Look")[-1].decode()).replace("'", "'Look", 1))
"""


class Record(PolicyTest):
    def patterns(self, *rules, name="r", **more):
        return self.write(name, *rules, **{"redact": PATTERNS, **more})

    def client(self, policy, *options):
        self.record.unlink(missing_ok=True)
        client = Client([os.path.abspath(CORDON), "mcp", "--trace", TRACE, "-w", str(self.work), "--record",
                         str(self.record), f"-p{policy}", f"--canary=heron={CANARY}", "--net=relay", *options],
                        self.env, self.dir)
        self.addCleanup(client.abandon)
        client.open()
        return client

    def assert_nothing_in(self, text):
        text = text.decode() if isinstance(text, bytes) else text
        for protected in (TOKEN, OTHER, CANARY):
            self.assertNotIn(protected, text)

    def ended(self, client):
        client.process.stdin.close()
        client.process.wait(60)
        self.assertEqual(self.verified()[0], 0)
        text = self.record.read_text()
        self.assert_nothing_in(text)
        return text


class InTheRecord(Record):
    def test_argv_paths_and_the_chain(self):
        script = f"/bin/true {TOKEN} --key={TOKEN} {OTHER} {CANARY}; echo > {TOKEN}.txt; cat /none/{TOKEN}"
        r = self.run_in("sh", "-c", script, options=[f"-p{self.patterns()}", f"--canary=heron={CANARY}"])
        self.assertEqual(self.verified()[0], 0, r.stderr)
        text = self.record.read_text()
        self.assert_nothing_in(text)
        true = next(e for e in self.events("exec") if e["fields"]["path"].endswith("/true"))
        argv = true["fields"]["argv"]
        self.assertRegex(argv[1], f"^{MARK}$")
        self.assertEqual(argv[2], "--key=" + argv[1], "the same text has the same mark")
        self.assertRegex(argv[3], f"^{MARK}$")
        self.assertNotEqual(argv[3], argv[1])
        self.assertRegex(argv[4], r"^\[redacted:heron:[0-9a-f]{8}\]$")
        self.assertGreaterEqual(true["masked"], 4)
        # What has nothing of it is as ever.
        self.assertTrue(any("masked" not in e for e in self.events("exec") + self.events("session.start")))
        # In another session of this host it is known again; with another key, by nobody.
        again = self.run_in("/bin/true", TOKEN, options=[f"-p{self.patterns()}"])
        self.assertEqual(again.returncode, 0, again.stderr)
        self.assertIn(argv[1], self.record.read_text())
        self.env["CORDON_STATE_DIR"] = str(self.dir / "another")
        self.run_in("/bin/true", TOKEN, options=[f"-p{self.patterns()}"])
        self.assertRegex(self.record.read_text(), MARK)
        self.assertNotIn(argv[1], self.record.read_text())

    def test_without_patterns(self):
        self.run_in("/bin/true", TOKEN)
        self.assertIn(TOKEN, self.record.read_text())
        self.assertNotIn('"masked"', self.record.read_text())

    def test_a_mark_of_the_agents_own(self):
        fake = "[redacted:token:12345678]"
        self.run_in("/bin/true", fake, options=[f"-p{self.patterns()}"])
        event = next(e for e in self.events("exec") if fake in e["fields"].get("argv", []))
        self.assertNotIn("masked", event)

    def test_a_pattern_that_matches_everything(self):
        """The record stays one: what readers go by is kept."""
        policy = self.patterns(rule("r.all", "exec", "action.path != '/nothing'", "log", [{"path": "/x"}], NO_MATCH),
                               redact=[{"name": "all", "pattern": "(?s).+"}])
        self.run_in("/bin/true", "x", options=[f"-p{policy}"])
        self.assertEqual(self.verified()[0], 0)
        event = next(e for e in self.events("exec"))
        self.assertEqual((event["verdict"], event["rule"]), ("log", "r.all"))
        self.assertRegex(event["fields"]["path"], r"^\[redacted:all:[0-9a-f]{8}\]$")
        self.assertEqual(self.cordon("log", "show", self.record).returncode, 0)

    def test_arguments_of_a_tool(self):
        """Also where JSON's escapes hide it, and of a call too large for a line."""
        c = self.client(self.patterns())
        c.call("bash", command=f"echo {TOKEN} '\"{OTHER}\"' > /dev/null")
        escaped = TOKEN.replace("t", "\\u0074").replace("B", "\\u0042")
        c.process.stdin.write(json.dumps({"jsonrpc": "2.0", "id": 77, "method": "tools/call", "params": {
            "name": "bash", "arguments": {"command": "true XX"}}}).replace("XX", escaped).encode() + b"\n")
        c.process.stdin.flush()
        self.assertEqual(c.answer()["id"], 77)
        c.call("write_file", path="large", content=f"begin {TOKEN} " + "x" * 300000 + f" {OTHER}")
        text = self.ended(c)
        calls = self.events("tool.call")
        self.assertEqual(len(calls), 3)
        self.assertTrue(all(e["masked"] for e in calls))
        self.assertEqual(len(re.findall(MARK, calls[0]["fields"]["args"])), 2)
        self.assertEqual(len(re.findall(MARK, calls[1]["fields"]["args"])), 1)
        self.assertIn("oversize", calls[2]["fields"])
        self.assertRegex(calls[2]["fields"]["head"], MARK)
        self.assertNotIn("u0074ok", text)

    def test_the_verdict_is_on_what_is_really_there(self):
        when = f"action.argv.exists(a, a == '{TOKEN}')"
        policy = self.patterns(rule("r.deny", "exec", when, "deny", [{"path": "/x", "argv": ["x", TOKEN]}],
                                    [{"path": "/x", "argv": ["x"]}]))
        r = self.sh(f"/bin/true {TOKEN}", options=[f"-p{policy}"])
        self.assertNotEqual(r.returncode, 0)
        event = next(e for e in self.events("exec") if e["verdict"] == "deny")
        self.assertEqual(event["rule"], "r.deny")
        self.assertRegex(json.dumps(event["matched"]), MARK)
        self.assert_nothing_in(self.record.read_text())


class Readers(Record):
    def test_replay_does_not_guess(self):
        policy = self.patterns()
        self.sh(f"/bin/true {TOKEN}; /bin/true plain", options=[f"-p{policy}"])
        masked = sum("masked" in e and "verdict" in e for e in self.events())
        self.assertGreaterEqual(masked, 2)
        r = self.cordon("log", "replay", f"--policy={policy}", self.record)
        self.assertEqual(r.returncode, 2, r.stdout)
        self.assertIn("cannot be judged: a text in it was redacted", r.stderr.decode())
        self.assertIn(f"{masked} cannot be judged", r.stdout.decode())
        self.assertIn(f"note: texts of {masked} of the actions", r.stdout.decode())
        # One that would match the mark, or what is under it, changes nothing that is sure; what else changes is told.
        stricter = self.write("s", rule("s.deny", "exec", "action.argv.exists(a, a.contains('redacted') || a == 'plain')",
                                        "deny", [{"path": "/x", "argv": ["x", "plain"]}],
                                        [{"path": "/x", "argv": ["x"]}]))
        r = self.cordon("log", "replay", "--json", f"--policy={stricter}", self.record)
        self.assertEqual(r.returncode, 1, r.stderr)
        report = json.loads(r.stdout)
        self.assertEqual(report["not_judged"], masked)
        by_seq = {e["seq"]: e for e in self.events()}
        self.assertTrue(report["changed"])
        for change in report["changed"]:
            self.assertNotIn("masked", by_seq[change["seq"]])

    def test_learn_proposes_no_mark(self):
        self.sh(f"/bin/true {TOKEN}; echo > {TOKEN}", options=[f"-p{self.patterns()}"])
        masked = sum("masked" in e and "verdict" in e for e in self.events())
        deny = self.write("d", rule("d.deny", "exec", "action.name == 'true'", "deny", [{"path": "/bin/true"}], [{"path": "/bin/x"}]))
        for options in ([], [f"--policy={deny}"]):
            r = self.policy("learn", *options, self.record)
            self.assertNotIn(b"redacted:", r.stdout)
            said = r.stderr.decode()
            self.assertRegex(said, f"cannot be learned from: {masked}, the first in line [0-9]+: a text in it was redacted")
            self.assertEqual(said.count("cannot be learned"), 1, said)

    def test_show_and_export(self):
        c = self.client(self.patterns())
        c.call("bash", command=f"/bin/true {TOKEN} {CANARY}; cat /none/{TOKEN}")
        self.ended(c)
        for options in (["show"], ["show", "--json"], ["export", "--format=ocsf"], ["export", "--format=otel"]):
            r = self.cordon("log", *options, self.record)
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assert_nothing_in(r.stdout)
            if "--format=otel" not in options: # which has neither arguments nor paths
                self.assertRegex(r.stdout.decode(), MARK)


class Reasons(Record):
    """A refusal's text has what was refused, which may be what is protected, though no rule redacts results."""

    def deny_all(self, *more):
        return self.patterns(
            rule("r.exec", "exec", "!action.path.startsWith('/usr/') && !action.path.startsWith('/bin/')", "deny",
                 [{"path": "/home/x"}], [{"path": "/usr/bin/x"}]),
            rule("r.dns", "net.dns", "action.host != 'x.y'", "deny", [{"host": "a.b"}], [{"host": "x.y"}],
                 because=f"Look up no names with {TOKEN}, nor {CANARY}."), *more)

    def test_results_of_denials(self):
        c = self.client(self.deny_all())
        # The last one would be cut in its middle, at 511 bytes.
        long = "d" * 200 + "/" + "e" * 100 + "/" + "f" * (190 - len(str(self.work))) + "/"
        for name in (TOKEN, CANARY, long + TOKEN):
            folder = os.path.dirname(name)
            result = c.call("bash", command=f"mkdir -p ./{folder}; cp /bin/true ./{name}; ./{name} 2>/dev/null")
            denied = result["structuredContent"]["denied"]
            self.assertEqual([d["rule"] for d in denied], ["r.exec"])
            self.assert_nothing_in(json.dumps(result))
            self.assertNotIn("tok_", json.dumps(result), "nor the half of it that a text has room for")
            if not folder:
                self.assertRegex(denied[0]["subject"], r"/\[redacted:(token|heron)\]$")
        self.ended(c)

    def test_nothing_of_another_call(self):
        c = self.client(self.deny_all())
        c.call("bash", command=f"cp /bin/true ./first-program; ./first-program argument-of-the-first")
        result = c.call("bash", command="cp /bin/true ./second; ./second")
        self.assertIn("second", result["structuredContent"]["denied"][0]["subject"])
        self.assertNotIn("first", json.dumps(result))
        self.ended(c)

    def test_names(self):
        """Of a name that is looked up, in the denial and in what the name server says."""
        c = self.client(self.deny_all())
        (self.work / "ask.py").write_text(QUERY)
        result = c.call("bash", command=f"python3 ask.py {CANARY}.example")
        denied = result["structuredContent"]["denied"]
        self.assertEqual([d["rule"] for d in denied], ["r.dns"], result)
        self.assertEqual(denied[0]["subject"], "[redacted:heron].example (A)")
        self.assertIn("Look up no names with [redacted:token], nor [redacted:heron].'", result["structuredContent"]["output"])
        self.assert_nothing_in(json.dumps(result))
        self.ended(c)

    def test_what_the_network_refuses_itself(self):
        c = self.client(self.patterns(redact=[{"name": "address", "pattern": r"10\.9\.8\.[0-9]+"}],
                                      defaults={"net.connect": "allow"}))
        result = c.call("bash", command="exec 3<>/dev/tcp/10.9.8.7/80")
        denied = result["structuredContent"]["denied"][0]
        self.assertEqual((denied["rule"], denied["subject"]), ("net.address", "[redacted:address] port 80"))
        self.assertIn("--allow-private=[redacted:address] lifts that", denied["because"])
        self.assertNotIn("10.9.8.7", self.ended(c))

    def test_stderr_of_run(self):
        r = self.sh(f"cp /bin/true ./{TOKEN}; ./{TOKEN} 2>/dev/null", options=[f"-p{self.deny_all()}"])
        self.assertIn(b"[redacted:token]", r.stderr)
        self.assert_nothing_in(r.stderr)

    def test_who_decides_sees_what_is_done(self):
        """A program that knows a pattern must not hide its arguments from an approver; the record of it has marks."""
        self.record.unlink(missing_ok=True)
        policy = self.write("a", ask_for("id"), redact=PATTERNS)
        c = Client([os.path.abspath(CORDON), "mcp", "--trace", TRACE, "-w", str(self.work), "--record", str(self.record),
                    "--approver", "mcp", f"-p{policy}"], self.env, self.dir)
        self.addCleanup(c.abandon)
        c.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {"elicitation": {}},
                             "clientInfo": {"name": "test", "version": "1"}})
        c.send({"method": "notifications/initialized"})
        c.send({"id": 55, "method": "tools/call", "params": {"name": "bash", "arguments": {"command": f"id {TOKEN}"}}})
        question = c.answer()
        self.assertIn(TOKEN, question["params"]["message"])
        c.send({"id": question["id"], "result": {"action": "accept", "content": {"verdict": "deny"}}})
        done = c.answer()
        self.assertIn("Denied by ask.name", json.dumps(done))
        self.assertNotIn(TOKEN, json.dumps(done))
        self.ended(c)


if __name__ == "__main__":
    unittest.main()
