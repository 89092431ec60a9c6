#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cordon mcp with calls that overlap, are cancelled, leave something behind, or print what no terminal should see."""

import json
import os
import unittest

from cordon_testing import CORDON, TRACE, CordonTest, descendants, living, wait_for
from mcp_client import Client


class McpTrouble(CordonTest):
    def client(self, *options):
        client = Client([os.path.abspath(CORDON), "mcp", "--trace", TRACE, "-w", f"{self.work}:live",
                         "--record", str(self.record), *self.mark, *map(str, options)], self.env, self.dir)
        self.addCleanup(client.abandon)
        client.open()
        return client

    def begin(self, client, request_id, command, tool="bash", **arguments):
        client.send({"id": request_id, "method": "tools/call",
                     "params": {"name": tool, "arguments": {"command": command, **arguments}}})

    def names(self):
        """What runs inside, but our own init and leaves."""
        found = []
        for pid in self.marked():
            try:
                with open(f"/proc/{pid}/cmdline") as f:
                    found.append(f.read().replace("\0", " ").strip())
            except OSError:
                pass
        return found

    def test_ids_come_back_as_they_went(self):
        c = self.client()
        for raw in (b"0", b"-1", b"9007199254740993", b"9223372036854775807", b"-9223372036854775808",
                    b"18446744073709551615", b"123456789012345678901234567890", b'""', b'"9223372036854775808"',
                    b'"\\u00e9\\n"', b'"' + b"x" * 1000 + b'"'):
            with self.subTest(raw[:40]):
                c.raw(b'{"jsonrpc":"2.0","id":%s,"method":"ping"}\n' % raw)
                self.assertIn(b'"id":' + raw + b',', c.line() + b",")
                c.raw(b'{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":"bash",'
                      b'"arguments":{"command":"echo x"}}}\n' % raw)
                self.assertIn(b'"id":' + raw + b',', c.line() + b",")

    def test_what_is_no_request_is_not_answered(self):
        c = self.client()
        for line in (b'{"jsonrpc":"2.0","method":"ping"}', b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"bash",'
                     b'"arguments":{"command":"touch ran"}}}', b'{"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"m"}}',
                     b'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
                     b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":null}}',
                     b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":4711}}',
                     b'{"jsonrpc":"2.0","method":"notifications/cancelled","params":[1]}', b"", b" \t"):
            c.raw(line + b"\n")
        self.assertEqual(c.ask("ping")["result"], {})
        self.assertFalse((self.work / "ran").exists())

    def test_malformed_calls_do_not_disturb_one_that_runs(self):
        c = self.client()
        self.begin(c, "slow", "until [ -e go ]; do sleep 0.02; done; echo fine")
        for junk in (b"[" * 50000, b'{"jsonrpc":"2.0","id":"slow","id":"slow"}', b"\xff\xfe\x00", b'{"a":1e999}',
                     b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"bash","arguments":'
                     + b'{"a":' * 40 + b"1" + b"}" * 40 + b"}}"):
            c.raw(junk + b"\n")
            self.assertIn("error", c.answer())
        c.raw(b'{"jsonrpc":"2.0","id":"big","method":"ping","params":{"x":"' + b"y" * (100 << 20) + b'"}}\n')
        self.assertEqual(c.answer()["error"]["code"], -32700)
        (self.work / "go").touch()
        answer = c.answer()
        self.assertEqual((answer["id"], answer["result"]["content"][0]["text"]), ("slow", "fine\n"))

    def test_long_and_short_side_by_side(self):
        c = self.client()
        self.begin(c, "long", "until [ -e go ]; do sleep 0.02; done; echo long")
        for i in range(20):
            self.assertEqual(c.text("bash", command=f"echo {i}"), f"{i}\n")
        (self.work / "go").touch()
        self.assertEqual(c.answer()["id"], "long")

    def test_cancelled_processes_are_gone(self):
        c = self.client()
        self.begin(c, "x", "trap '' TERM INT HUP; setsid sleep 1234 & (setsid sleep 1235 &) & touch up; sleep 1236")
        self.assertTrue(wait_for((self.work / "up").exists))
        self.assertTrue(wait_for(lambda: len([n for n in self.names() if n.startswith("sleep 123")]) == 3), self.names())
        c.send({"method": "notifications/cancelled", "params": {"requestId": "x"}})
        self.assertTrue(wait_for(lambda: not self.names()), self.names())
        self.assertEqual(c.text("bash", command="echo on"), "on\n")

    def test_background_process_neither_holds_nor_outlives(self):
        c = self.client()
        for command in ("sleep 1000 & echo out", "(setsid sleep 1000 &); echo out", "nohup sleep 1000 & echo out",
                        "setsid sh -c 'sleep 1000 & sleep 1000' & disown; echo out",
                        "exec 7>&1; sleep 1000 >&7 & echo out"):
            with self.subTest(command):
                self.assertEqual(c.text("bash", command=command).replace("nohup: ignoring input\n", ""), "out\n")
                self.assertTrue(wait_for(lambda: not self.names()), self.names())

    def test_closes_its_output(self):
        c = self.client()
        self.assertEqual(c.text("bash", command="echo out; exec >&- 2>&-; touch end; exit 0"), "out\n")
        self.assertTrue((self.work / "end").exists())
        self.assertIn("[exit status 3]", c.text("bash", command="exec >&- 2>&- <&-; exit 3"))

    def test_stops_itself(self):
        c = self.client()
        text = c.text("bash", command="echo before; kill -STOP $$; echo after", timeout_seconds=3)
        self.assertIn("before\n[timed out", text)
        self.assertNotIn("after\n", text)
        self.assertEqual(c.text("bash", command="(kill -STOP 1; kill -9 1) 2>/dev/null; echo on"), "on\n")

    def test_garbage_is_only_text(self):
        """Whatever is printed, each answer is one line of JSON in UTF-8 without control characters."""
        c = self.client()
        c.send({"id": 1, "method": "tools/call", "params": {"name": "bash", "arguments": {
            "command": "head -c 300000 /dev/urandom; printf '\\033]0;title\\007\\033[2J\\r\\n\\0\\x7f\\xc2\\x9b31m'"}}})
        line = c.line()
        text = line.decode("utf-8")  # strict
        self.assertFalse([ch for ch in text if ord(ch) < 0x20])
        got = json.loads(text)["result"]["content"][0]["text"]
        self.assertTrue(got.endswith("\x1b]0;title\x07\x1b[2J\r\n\ufffd\x7f\x9b31m"))

    def test_what_is_cut_is_said(self):
        c = self.client()
        text = c.text("bash", command="head -c 2000000 /dev/zero | tr '\\0' x")
        self.assertIn(f"[output cut here: {2000000 - (1 << 20)} bytes left out]", text)
        text = c.text("bash", command=f"head -c {1 << 20} /dev/zero | tr '\\0' x")
        self.assertEqual(text, "x" * (1 << 20))

    def test_stdin_ends_in_the_middle_of_a_call(self):
        c = self.client()
        self.begin(c, "x", "sleep 0.5; echo done")
        status, out, err = c.close()
        self.assertEqual(status, 0, err)
        answer = json.loads(out)
        self.assertEqual((answer["id"], answer["result"]["content"][0]["text"]), ("x", "done\n"))
        self.assertEqual(self.verified()[0], 0)

    def test_stdin_ends_in_the_middle_of_a_message(self):
        c = self.client()
        c.raw(b'{"jsonrpc":"2.0","id":9,"method":"too')
        status, out, err = c.close()
        self.assertEqual((status, json.loads(out)["error"]["code"]), (0, -32700), err)
        self.assertEqual(self.verified()[0], 0)

    def test_init_killed(self):
        """The session is gone: every call in flight is answered so, later ones too, and status 125."""
        c = self.client()
        self.begin(c, "x", "touch up; sleep 1000")
        self.assertTrue(wait_for((self.work / "up").exists))
        tree = descendants(c.process.pid)
        keeper = next(p for p in tree if self.parent(p) == c.process.pid)
        init = next(p for p in tree if self.parent(p) == keeper)
        os.kill(init, 9)
        answer = c.answer()
        self.assertEqual(answer["id"], "x")
        self.assertTrue(answer.get("error") or answer["result"]["isError"], answer)
        self.assertEqual(c.process.wait(60), 125)
        self.assertTrue(wait_for(lambda: not living(tree)))
        self.assertEqual(self.verified()[0], 0)

    def parent(self, pid):
        with open(f"/proc/{pid}/stat") as f:
            return int(f.read().rsplit(")", 1)[1].split()[1])


if __name__ == "__main__":
    unittest.main()
