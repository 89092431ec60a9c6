#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cordon mcp, a real process with a real session: the tools, what they refuse, how it ends."""

import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(__file__))
from cordon_testing import CORDON, NO_TRACE, SLOWER, TRACE, CordonTest, wait_for  # noqa: E402
from mcp_client import Client  # noqa: E402


class McpTest(CordonTest):
    def client(self, *options, opened=True):
        client = Client([os.path.abspath(CORDON), "mcp", "--trace", TRACE, "-w", str(self.work),
                         "--record", str(self.record), *map(str, options)], self.env, self.dir)
        self.addCleanup(client.abandon)
        if opened:
            client.open()
        return client

    def rss_kib(self, client):
        for line in pathlib.Path(f"/proc/{client.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
        self.fail("no VmRSS")


class Tools(McpTest):
    def test_bash(self):
        c = self.client()
        result = c.call("bash", command="echo out; echo err >&2; echo out2")
        self.assertEqual(result["content"][0]["text"], "out\nerr\nout2\n")
        self.assertFalse(result["isError"])
        self.assertEqual(result["structuredContent"],
                         {"output": "out\nerr\nout2\n", "exit_code": 0, "timed_out": False,
                          "denied_count": 0, "denied": []})
        result = c.call("bash", command="echo x; exit 7")
        self.assertEqual(result["content"][0]["text"], "x\n[exit status 7]\n")
        self.assertTrue(result["isError"])
        self.assertEqual(result["structuredContent"]["exit_code"], 7)

    def test_stdin_is_empty(self):
        self.assertEqual(self.client().text("bash", command="cat; echo end"), "end\n")

    def test_files_stay_processes_do_not(self):
        c = self.client()
        c.call("bash", command="echo kept > kept; sleep 300 & disown")
        self.assertEqual(c.text("bash", command="cat kept"), "kept\n")
        self.assertNotIn("sleep", c.text("bash", command="cat /proc/[0-9]*/comm"))

    def test_python(self):
        c = self.client()
        self.assertEqual(c.text("python", code="import sys\nprint(6 * 7)"), "42\n")
        text = c.text("python", code="\n\nraise ValueError('third line')")
        self.assertIn("line 3", text)
        self.assertIn("ValueError: third line", text)

    def test_write_and_read(self):
        c = self.client()
        for name in ("plain.txt", "a/b/c.txt", "-n", "--help", "line\nbreak", "$(id) `id` ;'\"", " "):
            with self.subTest(name):
                content = f"content of {name}\nsecond\nthird\n"
                self.assertIn("(new file)", c.text("write_file", path=name, content=content))
                self.assertEqual(c.text("read_file", path=name), content)
                self.assertEqual(c.text("bash", command="cat -- " + "'" + name.replace("'", "'\\''") + "'"),
                                 content)
        lines = "".join(f"{i}\n" for i in range(1, 101))
        self.assertNotIn("new", c.text("write_file", path="plain.txt", content=lines))
        self.assertEqual(c.text("read_file", path="plain.txt", offset=3, limit=2), "3\n4\n")
        self.assertEqual(c.text("read_file", path="plain.txt", offset=100), "100\n")
        self.assertEqual(c.text("read_file", path="plain.txt", limit=1), "1\n")
        self.assertIn("no line there", c.text("read_file", path="plain.txt", offset=101))

    def test_write_keeps_mode_and_links_and_leaves_nothing(self):
        c = self.client()
        c.call("bash", command="echo old > f; chmod 751 f; mkdir d; ln -s ../f d/link")
        c.call("write_file", path="d/link", content="new\n")
        self.assertEqual(c.text("bash", command="stat -c %a f; cat f; readlink d/link; ls -A . d"),
                         "751\nnew\n../f\n.:\nd\nf\n\nd:\nlink\n")
        c.call("write_file", path="empty", content="")
        self.assertEqual(c.text("bash", command="stat -c %s empty"), "0\n")

    def test_large_file(self):
        c = self.client()
        content = "0123456789abcde\n" * (5 << 16)  # 5 MiB
        self.assertIn(f"Wrote {len(content)} bytes", c.text("write_file", path="big", content=content))
        self.assertEqual(c.text("bash", command="stat -c %s big; tail -n 1 big"),
                         f"{len(content)}\n0123456789abcde\n")
        text = c.text("read_file", path="big")
        self.assertIn(f"[output cut here: {len(content) - (1 << 20)} bytes left out]", text)

    def test_path_errors(self):
        c = self.client()
        c.call("bash", command="mkdir d; mkfifo pipe; printf 'a\\0b' > bin; echo x > shut; chmod 0 shut;"
                               "printf 'caf\\351\\n' > latin; ln -s loop loop")
        for tool, path, text in (
                ("read_file", "none", "none: No such file or directory"),
                ("read_file", "d", "d: Is a directory"),
                ("read_file", "pipe", "pipe: not a regular file"),
                ("read_file", "bin/x", "bin/x: Not a directory"),
                ("read_file", "loop", "loop: Too many levels of symbolic links"),
                ("read_file", "bin", "bin: binary data"),
                ("read_file", "shut", "shut: Permission denied"),
                ("list_directory", "none", "none: No such file or directory"),
                ("list_directory", "bin", "bin: Not a directory")):
            with self.subTest(f"{tool} {path}"):
                result = c.call(tool, path=path)
                self.assertIn(text, result["content"][0]["text"])
                self.assertTrue(result["isError"])
        for path, text in (("d", "Is a directory"), ("bin/x", "Not a directory"), ("new/", "Is a directory"),
                           ("pipe", "not a regular file"), ("/usr/bin/x", "Read-only file system")):
            with self.subTest(f"write_file {path}"):
                result = c.call("write_file", path=path, content="x")
                self.assertIn(text, result["content"][0]["text"])
                self.assertTrue(result["isError"])
        self.assertIn("caf\ufffd", c.text("read_file", path="latin"))

    def test_list(self):
        c = self.client()
        c.call("bash", command="mkdir d; echo 12345 > f; ln -s f l; touch -- -rf $'a\\nb'")
        self.assertEqual(c.text("list_directory", path="."),
                         "file            0  -rf\nfile            0  a\\nb\ndir             -  d/\n"
                         "file            6  f\nlink            -  l -> f\n")
        self.assertIn("is empty", c.text("list_directory", path="d"))

    def test_bytes_that_are_no_text(self):
        self.assertEqual(self.client().text("bash", command="printf 'a\\377\\0z'"), "a\ufffd\ufffdz")

    def test_timeout(self):
        c = self.client()
        result = c.call("bash", command="trap '' TERM; echo before; sleep 1000", timeout_seconds=2)
        self.assertIn("before\n[timed out", result["content"][0]["text"])
        self.assertTrue(result["structuredContent"]["timed_out"])
        self.assertIsNone(result["structuredContent"]["exit_code"])
        self.assertEqual(c.text("bash", command="echo alive"), "alive\n")

    def test_session_limit_is_the_most(self):
        c = self.client("--timeout", "1")
        self.assertIn("[timed out", c.text("bash", command="sleep 1000", timeout_seconds=900))

    def test_a_gigabyte_of_output(self):
        c = self.client()
        before = self.rss_kib(c)
        text = c.call("bash", timeout=120, command="echo first; head -c 1G /dev/zero | tr '\\0' x; echo last")
        text = text["content"][0]["text"]
        self.assertTrue(text.startswith("first\n"))
        self.assertTrue(text.endswith("xlast\n"))
        self.assertIn("[output cut here: 1072693259 bytes left out]", text)
        self.assertLess(self.rss_kib(c) - before, 64 << 10)

    def test_own_rights_are_never_used(self):
        c = self.client()
        self.assertIn("denied", c.text("read_file", path="/etc/shadow").lower() + " "
                      + c.text("read_file", path="/proc/1/environ").lower())
        self.assertIn("No such file", c.text("read_file", path=str(self.dir / "record.jsonl")))


class Denials(McpTest):
    def test_action(self):
        c = self.client()
        result = c.call("bash", command="echo start; exec 3<>/dev/tcp/169.254.169.254/80 || true; echo on")
        text = result["content"][0]["text"]
        self.assertTrue(result["isError"])
        # Without a trace every label counts as set, and a rule on labels may be the one that is told.
        self.assertRegex(text, r"^Denied by (ra|ex)\.[a-z-]+: net\.connect 169\.254\.169\.254 port 80 was refused\. \S")
        self.assertIn("The command's own output follows.\nstart\n", text)
        denied = result["structuredContent"]["denied"][0]
        self.assertEqual(denied["kind"], "net.connect")
        self.assertEqual(denied["verdict"], "deny")
        self.assertGreater(result["structuredContent"]["denied_count"], 0)
        c.close()
        event = [e for e in self.events() if e["seq"] == denied["event"]][0]
        self.assertEqual((event["rule"], event["call"], event["verdict"]), (denied["rule"], "c1", "deny"))

    def test_call(self):
        policy = self.policy({"id": "t.no-rm", "category": "destruction", "severity": "high", "on": ["tool.call"],
                              "when": "action.command.contains('rm -rf')", "verdict": "deny",
                              "because": "Nothing is removed here; move it to ./trash.",
                              "match": [{"action": {"kind": "tool.call", "tool": "bash", "command": "rm -rf /"}}],
                              "not_match": [{"action": {"kind": "tool.call", "tool": "bash", "command": "ls"}}]},
                             defaults={"exec": "allow", "tool.call": "allow"})
        c = self.client("--policy", policy)
        result = c.call("bash", command="rm -rf ./x")
        self.assertEqual(result["content"][0]["text"],
                         "Denied by t.no-rm: the call was refused before anything ran. "
                         "Nothing is removed here; move it to ./trash.\n")
        self.assertTrue(result["isError"])
        self.assertIsNone(result["structuredContent"]["exit_code"])
        self.assertEqual(c.text("bash", command="echo fine"), "fine\n")
        c.close()
        self.assertEqual([e["call"] for e in self.events("exec.start")], ["c2"])

    @unittest.skipIf(TRACE != "on", NO_TRACE)
    def test_label_stays_with_the_session(self):
        (self.work / "key").write_text("made up\n")
        os.chmod(self.work / "key", 0o644)
        c = self.client("--label", f"{self.work}/key=secret", "--label", f"{self.work}/key=secrte")
        self.assertEqual(c.text("read_file", path="key"), "made up\n")
        result = c.call("bash", command="exec 3<>/dev/tcp/93.184.216.34/443")
        self.assertRegex(result["content"][0]["text"], r"^Denied by ex\.")
        said = c.close()[2]
        self.assertIn('=secrte: no rule reads the label "secrte"', said)
        self.assertNotIn("=secret:", said)


class Protocol(McpTest):
    def test_revisions(self):
        for asked, got in (("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"),
                           ("2024-11-05", "2025-11-25"), ("2026-07-28", "2025-11-25")):
            with self.subTest(asked):
                self.record.unlink(missing_ok=True)
                c = self.client(opened=False)
                self.assertEqual(c.open(asked)["protocolVersion"], got)
                self.assertEqual(c.close()[0], 0)

    def test_order_and_errors(self):
        c = self.client(opened=False)

        def error_of(data):
            c.raw(data + b"\n")
            answer = c.answer()
            return answer["error"]["code"], answer["id"]

        self.assertEqual(error_of(b'{"jsonrpc":"2.0","id":"d","method":"server/discover"}'), (-32601, "d"))
        self.assertEqual(error_of(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'), (-32600, 1))
        self.assertEqual(c.ask("ping")["result"], {})
        self.assertEqual(error_of(b'{"jsonrpc":"2.0","id":5,"method":"initialize","params":{}}'), (-32602, 5))
        c.open()
        big = 9223372036854775807
        for data, expected in (
                (b'{"jsonrpc":"2.0","id":7,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}',
                 (-32600, 7)),
                (b'{"jsonrpc":"2.0","id":%d,"method":"none"}' % big, (-32601, big)),
                (b'{"jsonrpc":"2.0","id":8,"method":"tools/call","params":{"name":"none"}}', (-32602, 8)),
                (b'{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"bash","arguments":[]}}',
                 (-32602, 9)),
                (b'[{"jsonrpc":"2.0","id":1,"method":"ping"}]', (-32600, None)),
                (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', (-32600, None)),
                (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', (-32600, None)),
                (b'not json', (-32700, None)),
                (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', (-32700, None)),
                (b'{"jsonrpc":"2.0","id":1e999,"method":"ping"}', (-32700, None)),
                (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', (-32700, None)),
                (b'[' * 100000, (-32700, None))):
            with self.subTest(data[:80]):
                self.assertEqual(error_of(data), expected)
        c.raw(b'\n \r\n{"jsonrpc":"2.0","method":"none"}\n{"jsonrpc":"2.0","id":4,"result":{}}\n')
        self.assertEqual(c.ask("ping")["result"], {})

    def test_bad_arguments_are_a_result(self):
        c = self.client()
        for tool, arguments, named in (("bash", {}, '"command"'), ("bash", {"command": 1}, "arguments.command"),
                                       ("read_file", {"path": ""}, "arguments.path"),
                                       ("bash", {"command": "id", "x": 1}, '"x"'),
                                       ("bash", {"command": ":" * 200000}, "arguments.command")):
            result = c.call(tool, **arguments)
            self.assertTrue(result["isError"])
            self.assertIn(named, result["content"][0]["text"])

    def test_a_line_without_end(self):
        c = self.client()
        before = self.rss_kib(c)
        chunk = b"x" * (1 << 20)
        for _ in range(400):
            c.raw(chunk)
        # Of 400 MiB not a quarter, also with what a sanitizer holds back of freed memory.
        self.assertLess(self.rss_kib(c) - before, 96 << 10)
        c.raw(b"\n")
        answer = c.answer()
        self.assertEqual((answer["error"]["code"], answer["id"]), (-32700, None))
        self.assertEqual(c.ask("ping")["result"], {})

    def test_calls_run_side_by_side(self):
        c = self.client()
        c.send({"id": "slow", "method": "tools/call",
                "params": {"name": "bash", "arguments": {"command": "until [ -e go ]; do sleep 0.02; done; echo slow"}}})
        c.send({"id": "fast", "method": "tools/call", "params": {"name": "bash", "arguments": {"command": "touch go"}}})
        self.assertEqual({c.answer()["id"], c.answer()["id"]}, {"slow", "fast"})

    def test_many_calls(self):
        c = self.client()
        for i in range(100):
            c.send({"id": i, "method": "tools/call", "params": {"name": "bash", "arguments": {"command": f"echo {i}"}}})
        seen = {}
        for _ in range(100):
            answer = c.answer()
            seen[answer["id"]] = answer["result"]["content"][0]["text"]
        self.assertEqual(seen, {i: f"{i}\n" for i in range(100)})

    def test_cancelled_call_gets_no_answer(self):
        c = self.client()
        for request_id in (5, "five"):
            c.send({"id": request_id, "method": "tools/call",
                    "params": {"name": "bash", "arguments": {"command": "touch begun; sleep 60"}}})
            c.last_id = 100
            c.call("bash", command="until [ -e begun ]; do sleep 0.02; done; rm begun")
            c.send({"method": "notifications/cancelled", "params": {"requestId": request_id, "reason": "test"}})
        self.assertEqual(c.text("bash", command="echo on"), "on\n")
        self.assertEqual(c.close()[:2], (0, b""))

    def test_id_in_use(self):
        c = self.client()
        c.send({"id": 50, "method": "tools/call", "params": {"name": "bash", "arguments": {"command": "sleep 60"}}})
        c.send({"id": 50, "method": "tools/call", "params": {"name": "bash", "arguments": {"command": "id"}}})
        self.assertEqual(c.answer()["error"]["code"], -32600)
        c.process.terminate()
        self.assertEqual(c.close()[0], 0)

    def test_a_client_that_does_not_read(self):
        c = self.client()
        for i in range(40):
            c.send({"id": i, "method": "tools/call",
                    "params": {"name": "bash", "arguments": {"command": "head -c 900000 /dev/zero | tr '\\0' x"}}})
        time.sleep(1)
        self.assertLess(self.rss_kib(c), 400 << 10)
        self.assertEqual({c.answer(60)["id"] for _ in range(40)}, set(range(40)))


class End(McpTest):
    def finish(self, client, status=0):
        pid = client.process.pid
        result = client.close()
        self.assertEqual(result[0], status, result[2])
        verify = self.cordon("log", "verify", self.record)
        self.assertEqual(verify.returncode, 0, verify.stdout + verify.stderr)
        self.assertFalse(pathlib.Path(f"/proc/{pid}").exists())
        return result

    def test_piped_requests_are_answered(self):
        requests = [{"id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18"}},
                    {"id": 2, "method": "tools/list"},
                    {"id": 3, "method": "tools/call",
                     "params": {"name": "bash", "arguments": {"command": "sleep 1; echo late"}}}]
        text = "\n".join(json.dumps({"jsonrpc": "2.0", **r}) for r in requests)  # no newline at the end
        argv = [CORDON, "mcp", "--trace", TRACE, "-w", str(self.work)]
        for how in ("pipe", "file"):
            with self.subTest(how):
                if how == "pipe":
                    done = subprocess.run(argv, input=text.encode(), capture_output=True, timeout=60 * SLOWER, env=self.env)
                    out = done.stdout
                else:
                    (self.dir / "in").write_text(text)
                    with open(self.dir / "in") as stdin, open(self.dir / "out", "wb") as stdout:
                        done = subprocess.run(argv, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, timeout=60 * SLOWER,
                                              env=self.env)
                    out = (self.dir / "out").read_bytes()
                self.assertEqual(done.returncode, 0, done.stderr)
                answers = {json.loads(line)["id"]: json.loads(line) for line in out.splitlines()}
                self.assertEqual(set(answers), {1, 2, 3})
                self.assertEqual(answers[3]["result"]["content"][0]["text"], "late\n")
                self.assertIn(b"record ", done.stderr)

    def test_end_of_stdin(self):
        c = self.client()
        c.call("bash", command="true")
        self.assertEqual(self.finish(c)[1], b"")

    def test_signals(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(number):
                self.record.unlink(missing_ok=True)
                c = self.client()
                c.call("bash", command="true")
                c.send({"id": 9, "method": "tools/call", "params": {"name": "bash", "arguments": {"command": "sleep 1000"}}})
                time.sleep(0.2)
                c.process.send_signal(number)
                self.assertEqual(self.finish(c)[1], b"")

    def test_reader_gone(self):
        c = self.client()
        c.send({"id": 9, "method": "tools/call", "params": {"name": "bash", "arguments": {"command": "sleep 60"}}})
        c.call("bash", command="true")
        c.process.stdout.close()
        c.process.stdin.close()
        self.assertEqual(c.process.wait(timeout=60 * SLOWER), 0)

    def test_killed_takes_all_along(self):
        c = self.client()
        sleep = f"sleep 4242.{os.getpid()}"  # no other run on this machine has the same
        c.call("bash", command="true")
        c.send({"id": 9, "method": "tools/call",
                "params": {"name": "bash", "arguments": {"command": f"exec {sleep}"}}})

        def sleepers():
            return subprocess.run(["pgrep", "-f", f"^{sleep}$"], capture_output=True).stdout.split()

        self.assertTrue(wait_for(sleepers))
        c.process.kill()
        self.assertTrue(wait_for(lambda: not sleepers()))

    def test_cannot_start(self):
        for options, text in ((("--policy", self.dir / "none.json"), "none.json"),
                              (("-w", self.dir / "none"), "none")):
            with self.subTest(text):
                done = self.cordon("mcp", "--trace", TRACE, *options)
                self.assertEqual((done.returncode, done.stdout), (125, b""))
                self.assertIn(text, done.stderr.decode())


if __name__ == "__main__":
    unittest.main(verbosity=2)
