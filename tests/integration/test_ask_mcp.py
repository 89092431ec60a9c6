# SPDX-License-Identifier: Apache-2.0
"""--approver=mcp: the client of cordon mcp is asked, by elicitation."""

import unittest

from approver_testing import ask_for, rule
from cordon_testing import CORDON, TRACE, CordonTest, wait_for
from mcp_client import Client


class OfTheClient(CordonTest):
    def client(self, capabilities, *options, policy=None):
        self.record.unlink(missing_ok=True)
        client = Client([CORDON, "mcp", "--trace", TRACE, "-w", str(self.work), "--record", str(self.record), "--approver", "mcp",
                         "-p", str(policy or self.policy(ask_for("id", "uname"))), *options], self.env, self.dir)
        self.addCleanup(client.abandon)
        client.ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": capabilities,
                                  "clientInfo": {"name": "test", "version": "1"}})
        client.send({"method": "notifications/initialized"})
        return client

    @staticmethod
    def begin(client, command):
        client.last_id += 1
        client.send({"id": client.last_id, "method": "tools/call", "params": {"name": "bash", "arguments": {"command": command}}})

    def text(self, client, command, answer):
        """The result of a call in which one question is answered so."""
        self.begin(client, command)
        question = client.answer()
        self.assertEqual(question.get("method"), "elicitation/create", question)
        client.send({"id": question["id"], **answer})
        done = client.answer()
        self.assertEqual(done["id"], client.last_id)
        return question["params"], done["result"]["content"][0]["text"]

    @staticmethod
    def accept(**content):
        return {"result": {"action": "accept", "content": content}}

    def end(self, client):
        self.assertEqual(client.close()[0], 0)
        return self.events("ask.answer")

    def test_what_it_is_asked(self):
        client = self.client({"elicitation": {}})
        params, text = self.text(client, "id -u 'a\x1b[31mb'", self.accept(verdict="deny"))
        self.assertIn("Denied by ask.name", text)
        self.assertEqual(params["requestedSchema"]["required"], ["verdict"])
        self.assertEqual(params["requestedSchema"]["properties"]["scope"]["enum"], ["once", "session", "pattern"])
        for part in ("Action: exec", "Rule: ask.name", "ask.name is why.", '"id"', "Call: c1"):
            self.assertIn(part, params["message"])
        self.assertNotIn("\x1b", params["message"])

    def test_answers_and_scopes(self):
        client = self.client({"elicitation": {"form": {}, "url": {}}})
        self.assertEqual(self.text(client, "id -u", self.accept(verdict="allow"))[1], "1000\n")
        self.assertEqual(self.text(client, "id -u", self.accept(verdict="allow", scope="session"))[1], "1000\n")
        self.assertEqual(client.text("bash", command="id -u"), "1000\n", "not asked again")
        self.assertEqual(self.text(client, "uname -s", self.accept(verdict="allow", scope="pattern"))[1], "Linux\n")
        self.assertEqual(client.text("bash", command="uname -s"), "Linux\n")
        no = ({"result": {"action": "decline"}}, {"result": {"action": "cancel"}}, self.accept(), self.accept(verdict="yes"),
              self.accept(verdict="allow", scope="ever"), self.accept(verdict="allow", more=1), {"result": {"action": "accept"}},
              {"result": {"action": "accept", "content": ["allow"]}},
              {"result": {}}, {"result": "allow"}, {"error": {"code": -32601, "message": "what?"}})
        for answer in no:
            self.assertIn("Denied by ask.name", self.text(client, "uname -m", answer)[1], answer)
        answers = self.end(client)
        self.assertEqual([a["verdict"] for a in answers], ["allow"] * 3 + ["deny"] * len(no))
        self.assertEqual({a["fields"]["by"] for a in answers}, {"the MCP client"})
        self.assertIn("error", answers[-1]["fields"]["reason"])

    def test_one_that_cannot_be_asked(self):
        for capabilities in ({}, {"elicitation": {"url": {}}}, {"elicitation": True}):
            with self.subTest(capabilities):
                client = self.client(capabilities)
                self.assertIn("does not say that it can be asked", client.text("bash", command="id -u"))
                self.assertIn("elicitation", self.end(client)[0]["fields"]["reason"])

    def test_no_answer(self):
        client = self.client({"elicitation": {}}, "--approver-timeout", "0.2")
        self.begin(client, "id -u")
        question = client.answer()
        seen = [client.answer(), client.answer()]
        cancelled, = [m for m in seen if m.get("method") == "notifications/cancelled"]
        self.assertEqual(cancelled["params"]["requestId"], question["id"])
        done, = [m for m in seen if "result" in m]
        self.assertIn("Denied by ask.name", done["result"]["content"][0]["text"])
        # Too late, to nothing, and from nowhere: nobody waits.
        for late in (question["id"], "cordon-ask-0", "cordon-ask-99", 1):
            client.send({"id": late, **self.accept(verdict="allow")})
        self.assertEqual(client.text("bash", command="echo on"), "on\n")
        self.end(client)

    def test_a_client_that_reads_nothing(self):
        """What a session can have it asked, and withdraw, takes no more of the server's memory."""
        client = self.client({"elicitation": {}}, "--approver-timeout", "0.01")
        self.begin(client, "word=$(printf %09000d 0); for i in $(seq 600); do (exec /usr/bin/id $word) 2>/dev/null; done; true")
        self.assertTrue(wait_for(lambda: self.record.exists() and b'"kind":"tool.result"' in self.record.read_bytes()))
        left = 0
        while (line := client.line()) and b'"result"' not in line:
            left += len(line)
        self.assertGreater(left, 4 << 20)
        self.assertLess(left, 6 << 20)
        self.assertEqual(client.text("bash", command="echo on"), "on\n")
        self.end(client)
        self.assertIn(b"cannot be reached", self.record.read_bytes())

    def test_many_at_once(self):
        client = self.client({"elicitation": {}})
        for _ in range(5):
            self.begin(client, "id -u")
        questions = [client.answer() for _ in range(5)]
        self.assertEqual(len({q["id"] for q in questions}), 5)
        for n, question in enumerate(reversed(questions)):
            client.send({"id": question["id"], **self.accept(verdict="deny" if n % 2 else "allow")})
        texts = [client.answer()["result"]["content"][0]["text"] for _ in range(5)]
        self.assertEqual(texts.count("1000\n"), 3)
        self.end(client)

    def test_calls_that_are_asked_about(self):
        policy = self.policy(rule("ask.call", "action.tool == 'bash'", ("tool.call",), match={"kind": "tool.call", "tool": "bash"}))
        client = self.client({"elicitation": {}}, policy=policy)
        self.assertEqual(self.text(client, "echo yes", self.accept(verdict="allow", scope="pattern"))[1], "yes\n")
        self.assertEqual(client.text("bash", command="echo more"), "more\n")
        self.end(client)

    def test_the_end_with_an_open_question(self):
        client = self.client({"elicitation": {}}, "--approver-timeout", "600")
        self.begin(client, "id -u")
        client.answer()
        client.process.terminate()
        self.assertEqual(client.close()[0], 0)
        self.assertEqual(self.verified()[0], 0)

    def test_it_is_for_cordon_mcp(self):
        done = self.sh("true", options=["--approver=mcp"])
        self.assertEqual(done.returncode, 125)
        self.assertIn(b"client of cordon mcp", done.stderr)


if __name__ == "__main__":
    unittest.main()
