# SPDX-License-Identifier: Apache-2.0
"""The verdict ask: who is asked, what an answer holds for, and that everything but a clear yes is a no."""

import contextlib
import json
import os
import pathlib
import socket
import unittest

from approver_testing import Approver, ask_for, rule
from cordon_testing import CORDON, SLOWER, TRACE, CordonTest, wait_for
from mcp_client import Client


class AskTest(CordonTest):
    def answers(self):
        return self.events("ask.answer")

    def script(self, text):
        path = self.dir / "approve.sh"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o700)
        return f"--approver=command:{path}"

    def asked(self, *command, approver, policy=None, options=()):
        policy = policy or self.policy(ask_for("id", "uname"))
        return self.run_in(*command, options=["-p", policy, approver, *options])


class Command(AskTest):
    def test_its_status_is_the_answer(self):
        for text, verdict, reason in (("exit 0", "allow", None), ("exit 1", "deny", "refused"),
                                      ("exit 7", "deny", "status 7"), ("kill -9 $$", "deny", "signal 9"),
                                      ("echo yes", "deny", "none"), ("echo '{\"verdict\":\"deny\"}'", "deny", "refused")):
            with self.subTest(text):
                done = self.asked("id", "-u", approver=self.script(text))
                self.assertEqual(done.stdout, b"1000\n" if verdict == "allow" else b"", done.stderr)
                answer = self.answers()[0]
                self.assertEqual((answer["verdict"], answer["rule"]), (verdict, "ask.name"))
                self.assertIn(f"approve.sh, uid {os.getuid()}", answer["fields"]["by"])
                self.assertIn(reason or "", answer["fields"].get("reason", ""))
                self.assertEqual(self.verified()[0], 0)

    def test_it_has_the_question_on_its_input(self):
        question = self.dir / "question"
        self.asked("id", "-u", approver=self.script(f"cat > {question}"))
        asked = json.loads(question.read_text())
        self.assertEqual(asked["fields"]["argv"], ["id", "-u"])
        self.assertEqual((asked["kind"], asked["rule"], asked["matched"]), ("exec", "ask.name", {"name": "id"}))
        self.assertEqual((asked["call"], asked["labels"]), ("c1", []))

    def test_one_that_hangs_is_ended(self):
        pid = self.dir / "pid"
        done = self.asked("id", approver=self.script(f"echo $$ > {pid}; exec sleep 1000"),
                          options=["--approver-timeout", "5"])
        self.assertEqual(done.stdout, b"")
        self.assertIn("within 5000 ms", self.answers()[0]["fields"]["reason"])
        gone = lambda: not os.path.exists(f"/proc/{int(pid.read_text())}")
        self.assertTrue(wait_for(gone))

    def test_nobody(self):
        for options in ([], ["--approver=none"], ["--approver=console"]):
            with self.subTest(options):
                done = self.run_in("id", options=["-p", self.policy(ask_for("id")), *options], start_new_session=True)
                self.assertEqual((done.returncode, done.stdout), (126, b""))
                self.assertIn(b"ask.name", done.stderr)

    def test_one_that_cannot_be_reached(self):
        """Who runs it is told, once: an agent asks as often as it likes."""
        broken = self.dir / "broken"
        broken.write_text("#!/no/such/interpreter\n")
        broken.chmod(0o755)
        for who in (f"command:{broken} now", f"unix:{self.dir}/nobody"):
            with self.subTest(who):
                done = self.run_in("sh", "-c", "id; id; id", options=["-p", self.policy(ask_for("id")), f"--approver={who}"])
                self.assertEqual((done.returncode, done.stdout), (126, b""))
                said = [line for line in done.stderr.decode().splitlines() if "warning: --approver" in line]
                if who.startswith("unix:"):  # it may come later, but a slip of the pen never does
                    early = said.pop(0)
                    self.assertIn(f"--approver {who}: nobody is there yet (No such file or directory); ", early)
                self.assertEqual(len(said), 1, done.stderr)
                self.assertRegex(said[0], f"--approver {who}: .+; what it is to be asked is refused$")

    def test_words_that_name_nobody(self):
        for word in ("person", "unix:", "command:", "unix:" + "x" * 108, "command:" + "a " * 65):
            done = self.cordon("run", f"--approver={word}", "--", "true")
            self.assertEqual(done.returncode, 125, word)
            self.assertIn(b"--approver", done.stderr)

    def test_programs_that_cannot_be_run(self):
        """It is told before anything runs, not when the first question comes."""
        (self.dir / "data").touch(0o644)
        for word, name, why in (("/nonexistent now", "/nonexistent", "No such file"), ("no-such-approver", "no-such-approver", "No such file"),
                                (f"  {self.dir}/data", f"{self.dir}/data", "Permission denied"), (str(self.dir), str(self.dir), "Permission denied")):
            with self.subTest(word):
                done = self.run_in("true", options=["--approver", f"command:{word}"])
                self.assertEqual((done.returncode, done.stdout), (125, b""))
                self.assertIn(f"--approver command:{word}: {name}, which is to be asked, cannot be run: {why}", done.stderr.decode())
                self.assertFalse(self.record.exists())


class Socket(AskTest):
    def setUp(self):
        super().setUp()
        self.approver = Approver(self)

    def run_asked(self, *command, **kw):
        return self.asked(*command, approver=self.approver.option, **kw)

    def start_asked(self, *command, policy=None, options=(), **kw):
        policy = policy or self.policy(ask_for("id", "uname"))
        return self.start(*command, options=["-p", policy, self.approver.option, *options], **kw)

    def test_who_answered_is_on_record(self):
        self.approver.answer_all(lambda q: "allow")
        self.assertEqual(self.run_asked("id", "-u").stdout, b"1000\n")
        answer = self.answers()[0]
        self.assertIn(f"uid {os.getuid()}, pid {os.getpid()}", answer["fields"]["by"])
        self.assertEqual(answer["fields"]["question"], self.approver.asked[0]["id"])
        execs = [e for e in self.events("exec") if e.get("question") == 1]
        self.assertEqual([e["verdict"] for e in execs], ["ask"])
        shown = self.cordon("log", "show", self.record)
        self.assertIn(b"ask.answer", shown.stdout)

    def test_once_is_once(self):
        self.approver.answer_all(lambda q: "allow")
        self.assertEqual(self.run_asked("sh", "-c", "id -u; id -u").stdout, b"1000\n1000\n")
        self.assertEqual(len(self.approver.asked), 2)

    def test_a_session_is_the_same_action(self):
        self.approver.answer_all(lambda q: ("allow", {"scope": "session"}))
        self.run_asked("sh", "-c", "id -u; id -u; id -g; cd /; id -u")
        self.assertEqual([(q["fields"]["argv"][1], q["fields"]["cwd"]) for q in self.approver.asked],
                         [("-u", str(self.work)), ("-g", str(self.work)), ("-u", "/")])
        self.assertEqual([e["approval"] for e in self.events("exec") if "approval" in e], [1])

    def test_a_no_for_the_session(self):
        self.approver.answer_all(lambda q: ("deny", {"scope": "session"}))
        self.assertEqual(self.run_asked("sh", "-c", "id -u; id -u; true").stdout, b"")
        self.assertEqual(len(self.approver.asked), 1)

    def test_a_yes_is_to_what_the_program_was(self):
        """Whoever is asked about a file of the session's agrees to what is in it; a no needs no second one."""
        (self.work / "tool").write_text("#!/bin/sh\necho agreed\n")
        (self.work / "tool").chmod(0o755)
        again = "./tool; ./tool; echo '#!/bin/sh\necho STOLEN' > tool; ./tool; true"
        policy = self.policy(ask_for("tool"))
        asked = self.approver.asked
        answers = []
        self.approver.answer_all(lambda q: answers.pop(0))
        yes, no = ("allow", {"scope": "session"}), ("deny", {"scope": "session"})
        for first in (yes, ("allow", {"scope": "pattern", "pattern": {"argv": ["./tool"]}}), no):
            with self.subTest(first):
                asked.clear()
                answers[:] = [first, no]
                done = self.run_in("sh", "-c", again, options=["-p", policy, self.approver.option])
                self.assertEqual((done.stdout, len(asked)), (b"", 1) if first is no else (b"agreed\nagreed\n", 2), done.stderr)

    def test_a_pattern_of_arguments(self):
        pattern = {"scope": "pattern", "pattern": {"argv": ["id", "-u"]}}
        self.approver.answer_all(lambda q: ("allow", pattern) if q["fields"]["argv"][:2] == ["id", "-u"] else "deny")
        done = self.run_asked("sh", "-c", "id -u; id -u -r; id -g; id; uname")
        self.assertEqual(done.stdout, b"1000\n1000\n")
        refused = [q["fields"]["argv"] for q in self.approver.asked[1:]]
        self.assertTrue(refused and all(a[:2] != ["id", "-u"] for a in refused), refused)

    def test_a_pattern_is_of_that_program(self):
        """argv[0] is the caller's word."""
        self.approver.answer_all(lambda q: ("allow", {"scope": "pattern", "pattern": {"argv": ["id"]}})
                                 if q["fields"]["name"] == "id" else "deny")
        done = self.run_asked("python3", "-c", """
import os
for program in ("/usr/bin/id", "/usr/bin/uname"):
    pid = os.fork()
    if not pid:
        try: os.execv(program, ["id", "-s" if program.endswith("uname") else "-u"])
        except OSError: os._exit(9)
    os.waitpid(pid, 0)
""")
        self.assertEqual(done.stdout, b"1000\n", done.stderr)
        self.assertEqual([q["fields"]["name"] for q in self.approver.asked], ["id", "uname"])

    def test_a_pattern_that_is_of_something_else(self):
        for pattern in ({"argv": ["uname"]}, {"argv": []}, {"path": "/usr/bin/*"}, {"host": "**"}, {"argv": ["id"], "x": 1}, {}):
            with self.subTest(pattern):
                self.approver.answer_all(lambda q, p=pattern: ("allow", {"scope": "pattern", "pattern": p}))
                done = self.run_asked("id", "-u")
                self.assertEqual(done.stdout, b"")
                self.assertIn("pattern", self.events("exec")[-1]["reason"])

    def test_answers_that_are_none(self):
        for text in (b"yes\n", b"[]\n", b"{\"id\":1}\n", b"{\"id\":1,\"verdict\":\"maybe\"}\n",
                     b"{\"id\":1,\"verdict\":\"allow\",\"scope\":\"ever\"}\n",
                     b"{\"id\":1,\"verdict\":\"allow\",\"verdict\":\"deny\"}\n",
                     b"{\"id\":1,\"verdict\":\"allow\",\"who\":1}\n", b"\n", b"\0\n", b"x" * 40000, b""):
            with self.subTest(text[:50]):
                self.record.unlink(missing_ok=True)
                run = self.start_asked("id", "-u")
                _, peer = self.approver.next()
                with contextlib.suppress(BrokenPipeError):  # one that is too long need not be read to its end
                    peer.sendall(text)
                    peer.shutdown(socket.SHUT_RDWR)
                out, err = run.communicate(timeout=60 * SLOWER)
                self.assertEqual((run.returncode, out), (126, b""), err)
                self.assertEqual(self.answers()[0]["verdict"], "deny")

    def test_the_first_of_two_answers_holds(self):
        for first, second, said in (("allow", "deny", b"1000\n"), ("deny", "allow", b"")):
            with self.subTest(first):
                self.record.unlink(missing_ok=True)
                run = self.start_asked("id", "-u")
                question, peer = self.approver.next()
                both = [json.dumps({"id": question["id"], "verdict": v}) for v in (first, second)]
                peer.sendall("\n".join([*both, ""]).encode())
                out, err = run.communicate(timeout=60 * SLOWER)
                self.assertEqual(out, said, err)
                self.assertEqual([a["verdict"] for a in self.answers()], [first])

    def test_an_answer_to_another_question(self):
        run = self.start_asked("id", "-u", options=["--approver-timeout", "5"])
        question, peer = self.approver.next()
        self.approver.answer({"id": question["id"] + 1}, peer, "allow")
        out, err = run.communicate(timeout=60 * SLOWER)
        self.assertEqual(out, b"", err)

    def test_one_that_hangs(self):
        run = self.start_asked("id", "-u", options=["--approver-timeout", "1"])
        question, peer = self.approver.next()
        self.assertEqual(run.wait(timeout=60 * SLOWER), 126)
        self.assertIn("within 1000 ms", self.answers()[0]["fields"]["reason"])
        self.assertGreaterEqual(self.answers()[0]["fields"]["waited_ms"], 1000)

    def test_one_that_reads_nothing(self):
        """What a session can make it be asked, and withdraw, takes no more of the supervisor's memory."""
        peer = self.approver.deaf()
        run = self.start_asked("sh", "-c", "word=$(printf %09000d 0); for i in $(seq 200); do (exec /usr/bin/id $word) 2>/dev/null; done;"
                               "echo over; read x", options=["--approver-timeout", "0.01"], stdin=-1)
        self.assertEqual(run.stdout.readline(), b"over\n")
        held, socket_ = 0, peer.get(timeout=60)
        socket_.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while some := socket_.recv(1 << 20):
                held += len(some)
        self.assertGreater(held, 500000)
        self.assertLess(held, 2 << 20)
        _, err = run.communicate(timeout=60 * SLOWER)
        self.assertEqual(err.count(b"does not read what it is asked"), 1, err)
        self.assertIn(b"cannot be reached", self.record.read_bytes())

    def test_after_one_died_the_next_is_asked(self):
        run = self.start_asked("sh", "-c", "id -u; echo between; uname -s")
        _, peer = self.approver.next()
        peer.shutdown(socket.SHUT_RDWR)
        while True:
            question, peer = self.approver.next()
            if question["fields"]["name"] == "uname":
                break
            self.approver.answer(question, peer, "deny")
        self.approver.answer(question, peer, "allow")
        out, err = run.communicate(timeout=60 * SLOWER)
        self.assertEqual(out, b"between\nLinux\n", err)

    def test_the_call_ends_while_it_is_asked(self):
        run = self.start_asked("id", options=["--timeout", "5"])
        question, peer = self.approver.next()
        self.assertEqual(run.wait(timeout=60 * SLOWER), 124)
        self.assertIn("ended", self.answers()[0]["fields"]["reason"])

    def test_who_asked_was_killed(self):
        run = self.start_asked("sh", "-c", "id & read x; kill -9 $!; wait $!; echo killed; read x; echo on",
                               stdin=-1)
        question, peer = self.approver.next()
        run.stdin.write(b"\n")
        run.stdin.flush()
        self.assertEqual(run.stdout.readline(), b"killed\n")
        self.approver.answer(question, peer, "allow")
        self.assertTrue(wait_for(lambda: b"ask.answer" in self.record.read_bytes(), 30))
        run.stdin.write(b"\n")
        out, err = run.communicate(timeout=60 * SLOWER)
        self.assertEqual(out, b"on\n", err)
        self.assertEqual(self.answers()[0]["fields"]["reason"], "Its caller was gone by then.")

    def test_what_nobody_waits_for_is_not_asked(self):
        """The place of a question whose caller was killed is free at once, and its approver told."""
        run = self.start_asked("sh", "-c", "for i in $(seq 16); do (exec /usr/bin/id -u) & p=\"$p $!\"; done; read x; kill -9 $p; "
                               "wait; (exec /usr/bin/id -u); read x", stdin=-1)
        first = [self.approver.next() for _ in range(16)]
        run.stdin.write(b"\n")
        run.stdin.flush()
        question, peer = self.approver.next()
        self.approver.answer(question, peer, "allow")
        self.assertEqual(run.stdout.readline(), b"1000\n")
        gone = lambda: [a["fields"] for a in self.answers() if a["fields"].get("reason") == "Its caller was gone by then."]
        self.assertTrue(wait_for(lambda: len(gone()) == 16, 30))
        self.assertEqual({f["question"] for f in gone()}, {q["id"] for q, _ in first})
        run.communicate(b"\n", timeout=60 * SLOWER)

    def test_a_question_ends_with_its_caller(self):
        """Also if nothing else is asked."""
        run = self.start_asked("sh", "-c", "id & read x; kill -9 $!; wait $!; read x", stdin=-1)
        self.approver.next()
        run.stdin.write(b"\n")
        run.stdin.flush()
        self.assertTrue(wait_for(lambda: self.answers(), 30))
        self.assertEqual(self.answers()[0]["fields"]["reason"], "Its caller was gone by then.")
        self.assertIsNone(run.poll())
        run.communicate(b"\n", timeout=60 * SLOWER)

    def test_others_go_on_meanwhile(self):
        run = self.start_asked("sh", "-c", "id -u & for i in 1 2 3 4 5; do expr $i; done; wait")
        question, peer = self.approver.next()
        self.assertEqual([run.stdout.readline() for _ in range(5)], [b"%d\n" % i for i in range(1, 6)])
        self.approver.answer(question, peer, "allow")
        self.assertEqual(run.communicate(timeout=60 * SLOWER)[0], b"1000\n")

    def test_another_session_goes_on_meanwhile(self):
        """Of one supervisor, where there is a resident one."""
        run = self.start_asked("id", "-u")
        question, peer = self.approver.next()
        done = self.cordon("run", "--trace=auto", "-w", self.work, "--", "sh", "-c", "expr 1; expr 2")
        self.assertEqual(done.stdout, b"1\n2\n", done.stderr)
        self.assertIsNone(run.poll())
        self.approver.answer(question, peer, "allow")
        self.assertEqual(run.communicate(timeout=60 * SLOWER)[0], b"1000\n")

    def test_a_flood(self):
        run = self.start_asked("sh", "-c", "for i in $(seq 60); do (exec /usr/bin/id -u 2>/dev/null) & done; wait; echo over")
        open_ones = [self.approver.next() for _ in range(16)]
        refused = lambda: self.record.read_bytes().count(b"too many questions") >= 44
        self.assertTrue(wait_for(refused, 60))
        self.assertTrue(self.approver.questions.empty())
        for question, peer in open_ones:
            self.approver.answer(question, peer, "allow")
        out, err = run.communicate(timeout=60 * SLOWER)
        self.assertEqual(out, b"1000\n" * 16 + b"over\n", err)

    def test_too_long_to_be_shown(self):
        done = self.run_asked("sh", "-c", "exec id -u $(seq 10000)")
        self.assertIn(b"too long", done.stderr)
        self.assertTrue(self.approver.questions.empty())

    def test_a_yes_weakens_no_deny(self):
        """What the session has read while it was asked counts."""
        (self.work / "secret").write_text("s")
        policy = self.policy(ask_for("id"), rule(
            "deny.secret", "action.name == 'id' && 'secret' in session.labels", verdict="deny",
            match={"kind": "exec", "name": "id"}, not_match={"kind": "exec"}),
            labels=[{"label": "secret", "paths": ["/**/secret"]}])
        text = json.loads(policy.read_text())
        text["rules"][1]["match"][0]["labels"] = ["secret"]
        policy.write_text(json.dumps(text))
        run = self.start_asked("sh", "-c", "id -u & read x; read y < secret; echo read; wait", policy=policy, stdin=-1)
        if self.cordon("run", "--trace=on", "--", "true").returncode:
            question, peer = None, None
        else:
            question, peer = self.approver.next()
        run.stdin.write(b"\n")
        run.stdin.flush()
        self.assertEqual(run.stdout.readline(), b"read\n")
        if question:
            self.approver.answer(question, peer, "allow")
        self.assertEqual(run.communicate(timeout=60 * SLOWER)[0], b"")
        self.assertEqual(self.events("exec")[-1]["rule"], "deny.secret")

    def test_another_rule_asks_for_itself(self):
        policy = self.policy(ask_for("id"), rule("ask.more", "action.argv.exists(a, a == '-g')",
                                                 match={"kind": "exec", "argv": ["x", "-g"]}))
        text = json.loads(policy.read_text())
        text["rules"][1]["severity"] = "high"
        policy.write_text(json.dumps(text))
        allow = ("allow", {"scope": "pattern", "pattern": {"argv": ["id"]}})
        self.approver.answer_all(lambda q: allow if q["rule"] == "ask.name" else "deny")
        done = self.run_asked("sh", "-c", "id -u; id -u; id -g; true", policy=policy)
        self.assertEqual(done.stdout, b"1000\n1000\n")
        self.assertEqual({q["rule"] for q in self.approver.asked}, {"ask.name", "ask.more"})

    def test_not_for_other_sessions(self):
        self.approver.answer_all(lambda q: ("allow", {"scope": "pattern", "pattern": {"argv": ["id"]}}))
        self.run_asked("sh", "-c", "id -u; id -g")
        self.run_asked("sh", "-c", "id -u; id -g")
        self.assertEqual(len(self.approver.asked), 2)

    def test_a_tool_call(self):
        policy = self.policy(rule("ask.call", "action.tool == 'run'", ("tool.call",),
                                  match={"kind": "tool.call", "tool": "run"}))
        for verdict, status, said in (("allow", 0, b"ran\n"), ("deny", 126, b"")):
            with self.subTest(verdict):
                run = self.start_asked("echo", "ran", policy=policy)
                question, peer = self.approver.next()
                self.assertEqual((question["kind"], question["fields"]["tool"]), ("tool.call", "run"))
                self.assertIsNone(run.poll())
                self.approver.answer(question, peer, verdict)
                out, err = run.communicate(timeout=60 * SLOWER)
                self.assertEqual((run.returncode, out), (status, said), err)
                self.record.unlink()

    def test_a_tool_call_is_interrupted_while_it_is_asked(self):
        policy = self.policy(rule("ask.call", "action.tool == 'run'", ("tool.call",),
                                  match={"kind": "tool.call", "tool": "run"}))
        run = self.start_asked("echo", "ran", policy=policy)
        self.approver.next()
        run.terminate()
        self.assertEqual(run.wait(timeout=60 * SLOWER), 128 + 15)
        self.assertEqual(self.answers()[0]["verdict"], "deny")

    def test_observe_asks_nobody(self):
        self.assertEqual(self.run_asked("id", "-u", options=["--mode=observe"]).stdout, b"1000\n")
        self.assertTrue(self.approver.questions.empty())

    def test_connections(self):
        policy = self.policy(rule("ask.net", "action.port == 7", ("net.connect",),
                                  match={"kind": "net.connect", "port": 7}))
        self.approver.answer_all(lambda q: ("allow", {"scope": "pattern", "pattern": {"host": "127.0.0.1"}})
                                 if q["fields"]["address"] == "127.0.0.1" else "deny")
        done = self.run_asked("python3", "-c", """
import socket
for host in ("127.0.0.1", "127.0.0.1", "127.0.0.2"):
    try: socket.create_connection((host, 7))
    except OSError as e: print(type(e).__name__)
""", policy=policy)
        self.assertEqual(done.stdout.split(), [b"ConnectionRefusedError"] * 2 + [b"PermissionError"], done.stderr)
        self.assertEqual(len(self.approver.asked), 2)


class Mcp(AskTest):
    """Many calls in one session; one that is asked about holds up nobody."""

    def setUp(self):
        super().setUp()
        self.approver = Approver(self)
        policy = self.policy(ask_for("id"), rule("ask.call", "action.command == 'echo asked'", ("tool.call",),
                                                 match={"kind": "tool.call", "command": "echo asked"}))
        self.client = Client([os.path.abspath(CORDON), "mcp", "--trace", TRACE, "-w", str(self.work), "--record",
                              str(self.record), "-p", str(policy), self.approver.option], self.env, self.dir)
        self.addCleanup(self.client.abandon)
        self.client.open()

    def send(self, number, command):
        self.client.send({"id": number, "method": "tools/call",
                          "params": {"name": "bash", "arguments": {"command": command}}})

    def text(self):
        answer = self.client.answer()
        return answer["id"], answer["result"]["content"][0]["text"]

    def test_others_are_answered_meanwhile(self):
        for asked, said in (("echo asked", "asked\n"), ("id -u", "1000\n")):
            self.send(100, asked)
            question, peer = self.approver.next()
            self.assertEqual(question["tool"], "bash")
            self.send(101, "echo other")
            self.assertEqual(self.text(), (101, "other\n"))
            self.approver.answer(question, peer, "allow")
            self.assertEqual(self.text(), (100, said))

    def test_a_no_is_told_to_the_agent(self):
        self.send(100, "echo asked")
        self.approver.answer(*self.approver.next(), "deny")
        number, text = self.text()
        self.assertEqual(number, 100)
        self.assertIn("ask.call", text)
        self.assertIn("The approver refused it. ask.call is why.", text)

    def test_a_call_is_cancelled(self):
        for command in ("echo asked", "id -u"):
            self.send(100, command)
            question, peer = self.approver.next()
            self.client.send({"method": "notifications/cancelled", "params": {"requestId": 100}})
            self.send(101, "echo other")
            self.assertEqual(self.text(), (101, "other\n"))
            self.approver.answer(question, peer, "allow")
        self.assertEqual(self.client.text("bash", command="echo on"), "on\n")

    def test_the_end_while_it_is_asked(self):
        self.send(100, "echo asked")
        self.approver.next()
        self.send(101, "id -u")
        self.approver.next()
        self.client.process.terminate()
        self.assertEqual(self.client.close(60)[0], 0)
        self.assertEqual(self.verified()[0], 0)
        self.assertEqual([a["verdict"] for a in self.answers()], ["deny"] * 2)

    def test_the_session_is_killed_while_it_is_asked(self):
        self.send(100, "echo asked")
        self.approver.next()
        pid = self.client.process.pid
        os.kill(int(pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]), 9)
        answer = self.client.answer()
        self.assertEqual(answer["id"], 100)
        self.assertNotIn("asked\n", json.dumps(answer))


if __name__ == "__main__":
    unittest.main()
