# SPDX-License-Identifier: Apache-2.0
"""cordon run against the real kernel: what a user and a shell script rely on."""

import ctypes
import json
import os
import pathlib
import pty
import shutil
import subprocess
import unittest

from cordon_testing import CORDON, NO_TRACE, SLOWER, TRACE, CordonTest, mounts, wait_for


class ExitStatus(CordonTest):
    def test_status_is_the_commands(self):
        for status in (0, 1, 3, 255):
            self.assertEqual(self.sh(f"exit {status}").returncode, status)

    def test_signal_death_is_128_plus_n(self):
        self.assertEqual(self.sh("kill -9 $$").returncode, 128 + 9)
        self.assertEqual(self.sh("kill -TERM $$").returncode, 128 + 15)

    def test_missing_command_is_127(self):
        r = self.run_in("no-such-command")
        self.assertEqual(r.returncode, 127)
        self.assertIn(b"no-such-command", r.stderr)

    def test_not_executable_is_126(self):
        (self.work / "data").write_text("text")
        self.assertEqual(self.run_in("./data").returncode, 126)

    def test_usage_error_is_125(self):
        for args in (["run"], ["run", "--memory", "lots", "--", "true"], ["run", "--nonsense"]):
            r = self.cordon(*args)
            self.assertEqual(r.returncode, 125, args)
            self.assertTrue(r.stderr)

    def test_timeout_is_124_and_kills_what_ignores_term(self):
        r = self.sh("trap '' TERM INT HUP; (trap '' TERM; sleep 1000) & sleep 1000",
                    options=["--timeout", "1"])
        self.assertEqual(r.returncode, 124)


class Stdio(CordonTest):
    def test_streams_pass_through(self):
        r = subprocess.run([CORDON, "run", "-q", "--trace", TRACE, "-w", self.work, "--", "sh", "-c",
                            "cat; echo err >&2"], input=b"hello\0\xff\n", capture_output=True,
                           env=self.env, timeout=60 * SLOWER)
        self.assertEqual(r.stdout, b"hello\0\xff\n")
        self.assertEqual(r.stderr, b"err\n")

    def test_the_summary_is_a_line_of_its_own(self):
        """What the command wrote last need not be a line, and may look like a summary's beginning."""
        for last in ("", "line\n", '{"exit_status": 0, "x": "'):
            r = self.cordon("run", "-q", "--json", "--trace", TRACE, "-w", self.work, "--", "sh", "-c",
                            'printf %s "$1" >&2; exit 3', "-", last)
            own, summary, end = r.stderr.decode().rsplit("\n", 2)
            self.assertEqual((own, json.loads(summary)["exit_status"], end), (last, 3, ""))

    def test_quiet_says_nothing_of_a_home_folder(self):
        """stderr is the command's then, or the summary's alone."""
        env = dict(self.env, HOME=str(self.work))
        for quiet in ([], ["-q"]):
            r = subprocess.run([os.path.abspath(CORDON), "run", *quiet, "--json", "--trace", TRACE, "--", "true"], capture_output=True,
                               env=env, cwd=self.work, timeout=60 * SLOWER)
            self.assertEqual(r.returncode, 0, r.stderr)
            *said, before, summary = r.stderr.decode().splitlines()
            self.assertEqual(before, "")
            self.assertEqual(json.loads(summary)["exit_status"], 0)
            self.assertEqual([line for line in said if "is no workspace by itself" in line] == [], bool(quiet), said)
            if quiet:
                self.assertEqual(said, [])

    def test_much_output(self):
        r = self.sh("head -c 100000000 /dev/zero | tr '\\0' x")
        self.assertEqual(len(r.stdout), 100000000)

    def test_many_arguments_of_one_program(self):
        r = self.sh("seq 1 20000 | xargs sh -c 'echo $#'")
        self.assertEqual(r.stdout, b"19999\n", r.stderr)

    def test_only_three_descriptors(self):
        r = self.sh("ls /proc/self/fd")
        self.assertEqual(set(r.stdout.split()) - {b"3"}, {b"0", b"1", b"2"})  # 3: ls reads the folder

    def on_terminal(self, *command, options=(), **env):
        """What is seen of the command on a terminal."""
        pid, master = pty.fork()
        if pid == 0:
            os.execve(CORDON, [CORDON, "run", "-q", "--trace", TRACE, "-w", str(self.work), *options, "--", *command],
                      {**self.env, **env})
        out = b""
        try:
            while chunk := os.read(master, 4096):
                out += chunk
        except OSError:
            pass
        os.close(master)
        _, status = os.waitpid(pid, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), 0, out)
        return out

    def test_a_terminal_is_one_of_the_sessions_own(self):
        out = self.on_terminal("sh", "-c", "tty; test -t 0 && test -t 1 && echo is-tty; stty size")
        self.assertIn(b"/dev/pts/", out)
        self.assertIn(b"is-tty", out)

    def test_its_kind_is_known_inside(self):
        show = ("sh", "-c", "echo kind=${TERM-none}.")
        self.assertIn(b"kind=vt220.", self.on_terminal(*show, TERM="vt220"))
        self.assertIn(b"kind=dumb.", self.on_terminal(*show, options=["--env", "TERM=dumb"], TERM="vt220"))
        for odd in ("", "a b", "../x", "x" * 100):
            self.assertIn(b"kind=none.", self.on_terminal(*show, TERM=odd))
        self.env["TERM"] = "vt220"
        self.assertEqual(self.run_in(*show).stdout, b"kind=none.\n")


class View(CordonTest):
    def test_cow_keeps_changes_apart(self):
        (self.work / "a").write_text("host")
        r = self.sh("cat a; echo session > a; mkdir -p d/e; echo new > d/e/f; cat a")
        self.assertEqual(r.stdout, b"host\nsession\n".replace(b"host\n", b"host"), r.stderr)
        self.assertEqual((self.work / "a").read_text(), "host")
        self.assertFalse((self.work / "d").exists())
        self.assertIn(b"changes are kept in", r.stderr)
        upper = r.stderr.decode().split("changes are kept in ")[1].split("\n")[0]
        with open(os.path.join(upper, "d/e/f")) as f:
            self.assertEqual(f.read(), "new\n")

    def test_discard(self):
        r = self.sh("echo x > f", options=["--discard"])
        self.assertEqual(r.returncode, 0)
        self.assertNotIn(b"kept", r.stderr)

    def test_ro_refuses(self):
        r = self.cordon("run", "--trace", TRACE, "-w", f"{self.work}:ro", "--", "sh", "-c", "echo x > f")
        self.assertNotEqual(r.returncode, 0)
        self.assertFalse((self.work / "f").exists())

    def test_live_writes_as_the_owner(self):
        r = self.cordon("run", "--trace", TRACE, "-w", f"{self.work}:live", "--", "sh", "-c", "echo x > f")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual((self.work / "f").read_text(), "x\n")
        self.assertEqual((self.work / "f").stat().st_uid, os.geteuid())

    def test_setuid_bits_cannot_be_left_behind(self):
        r = self.cordon("run", "--trace", TRACE, "-w", f"{self.work}:live", "--", "sh", "-c",
                        "cp /bin/true t && chmod 4755 t; chmod 755 t && echo plain-ok")
        self.assertIn(b"plain-ok", r.stdout, r.stderr)
        self.assertEqual((self.work / "t").stat().st_mode & 0o7000, 0)

    def test_host_is_not_there(self):
        r = self.sh("ls -d /root /home/* /var/lib /sys /boot /opt /var/run/* 2>/dev/null; "
                    "cat /etc/shadow; id -u; ls / | tr '\\n' ' '")
        self.assertNotIn(b"/root", r.stdout)
        self.assertNotIn(b"/sys", r.stdout.split(b"1000")[0])
        self.assertIn(b"shadow", r.stderr)
        self.assertIn(b"1000\n", r.stdout)

    def test_bind(self):
        extra = self.dir / "extra"
        extra.mkdir()
        (extra / "f").write_text("bound")
        r = self.sh(f"cat {extra}/f; echo x > {extra}/g", options=["--bind", extra])
        self.assertEqual(r.stdout, b"bound")
        self.assertFalse((extra / "g").exists())
        r = self.sh("echo x > /mnt/in/g", options=["--bind", f"{extra}:/mnt/in:rw"])
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertTrue((extra / "g").exists())

    def test_bad_workspaces_are_refused_with_a_reason(self):
        for path in ("/", "/usr", str(self.dir / "missing"), "/etc/passwd"):
            r = self.cordon("run", "--trace", TRACE, "-w", path, "--", "true")
            self.assertEqual(r.returncode, 125, path)
            self.assertIn(path.encode(), r.stderr)


class Gate(CordonTest):
    def test_connect_is_refused_and_recorded(self):
        r = self.run_in("bash", "-c", "exec 3<>/dev/tcp/93.184.216.34/80")
        self.assertNotEqual(r.returncode, 0)
        connects = [e for e in self.events("net.connect")]
        self.assertEqual([e["verdict"] for e in connects], ["deny"])
        self.assertEqual(connects[0]["fields"]["address"], "93.184.216.34")
        self.assertEqual(connects[0]["fields"]["port"], 80)
        self.assertEqual(connects[0]["call"], "c1")

    def test_posix_queues_are_the_sessions_own(self):
        libc = ctypes.CDLL(None, use_errno=True)
        name = f"/{self.dir.name}"
        host = libc.mq_open(name.encode(), os.O_RDWR | os.O_CREAT | os.O_NONBLOCK, 0o666, None)
        if host < 0:
            self.skipTest(f"the host gives no POSIX queue: {os.strerror(ctypes.get_errno())}")
        self.addCleanup(libc.mq_unlink, name.encode())
        self.addCleanup(os.close, host)
        self.assertEqual(libc.mq_send(host, b"outside", 7, 0), 0)
        r = self.run_in("python3", "-c", f"""
import ctypes, os
libc = ctypes.CDLL(None, use_errno=True)
print(libc.mq_open(b"{name}", os.O_RDWR), ctypes.get_errno())
own = libc.mq_open(b"{name}", os.O_RDWR | os.O_CREAT, 0o600, None)
print(libc.mq_send(own, b"inside", 6, 0), flush=True)
if not os.fork():
    text = ctypes.create_string_buffer(8192)
    print(libc.mq_receive(libc.mq_open(b"{name}", os.O_RDONLY), text, 8192, None), text.value, flush=True)
    os._exit(0)
os.wait()
print(os.listdir("/dev/mqueue"), libc.mq_unlink(b"{name}"))
""")
        self.assertEqual(r.stdout.decode(), f"-1 2\n0\n6 b'inside'\n{[self.dir.name]} 0\n", r.stderr)
        text = ctypes.create_string_buffer(8192)
        self.assertEqual((libc.mq_receive(host, text, 8192, None), text.value), (7, b"outside"))

    def test_a_refused_name_does_not_steer_the_terminal(self):
        name = "\x1b]0;steered\x07\ncordon: forged"
        shutil.copy2("/bin/true", self.work / name)
        path = self.policy({"id": "t.no", "category": "test", "severity": "low", "on": ["exec"],
                            "when": "action.provenance == 'workspace'", "verdict": "deny", "because": "No.", "refs": [],
                            "match": [{"action": {"kind": "exec", "path": "/w/p", "provenance": "workspace"}}],
                            "not_match": [{"action": {"kind": "exec", "path": "/w/p", "provenance": "image"}}]})
        r = self.run_in(f"./{name}", options=["-p", path])
        self.assertEqual(r.returncode, 126)
        self.assertIn(rb"\x1b]0;steered\x07\ncordon: forged", r.stderr)
        self.assertNotIn(b"\x1b", r.stderr)
        self.assertNotIn(b"\ncordon: forged", r.stderr)

    def test_observe_refuses_nothing_and_says_what_it_would_have(self):
        policy = self.policy({"id": "t.no-ls", "category": "test", "severity": "low", "on": ["exec"],
                              "when": "action.name == 'ls'", "verdict": "deny", "because": "No ls.",
                              "refs": [],
                              "match": [{"action": {"kind": "exec", "name": "ls"}}],
                              "not_match": [{"action": {"kind": "exec", "name": "cat"}}]})
        r = self.sh("ls / >/dev/null && echo ran", options=["-p", policy, "--mode", "observe"])
        self.assertEqual(r.stdout, b"ran\n", r.stderr)
        denied = [e for e in self.events("exec") if e["verdict"] == "deny"]
        self.assertEqual(len(denied), 1)
        self.assertIs(denied[0]["enforced"], False)
        r = self.sh("ls /; echo status $?", options=["-p", policy])
        self.assertIn(b"status 126", r.stdout)
        self.assertIn(b"No ls.", r.stderr)

    def test_a_session_keeps_the_policy_that_it_began_with(self):
        """What is written to the file, or that it is gone, is of the next session."""
        def with_verdict(verdict):
            return self.policy({"id": "t.id", "category": "test", "severity": "low", "on": ["exec"],
                                "when": "action.name == 'id'", "verdict": verdict, "because": "No id.", "refs": [],
                                "match": [{"action": {"kind": "exec", "name": "id"}}],
                                "not_match": [{"action": {"kind": "exec", "name": "cat"}}]})
        script = "while read x; do id > /dev/null 2>&1; echo $?; done"
        p = self.start("sh", "-c", script, options=["-p", with_verdict("deny")], stdin=subprocess.PIPE)

        def asked():
            p.stdin.write(b"\n")
            p.stdin.flush()
            return p.stdout.readline()
        self.assertEqual(asked(), b"126\n")
        path = with_verdict("allow")
        self.assertEqual(asked(), b"126\n")
        other = self.cordon("run", "-q", "--trace", TRACE, "-w", self.work, "--record", self.dir / "other.jsonl", "-p", path, "--", "id", "-u")
        self.assertEqual((other.returncode, other.stdout), (0, b"1000\n"), other.stderr)
        self.assertEqual(asked(), b"126\n")
        path.unlink()
        self.assertEqual(asked(), b"126\n")
        p.communicate(timeout=60 * SLOWER)

    def test_kill_verdict(self):
        policy = self.policy({"id": "t.kill-id", "category": "test", "severity": "low", "on": ["exec"],
                              "when": "action.name == 'id'", "verdict": "kill", "because": "No id.",
                              "refs": [],
                              "match": [{"action": {"kind": "exec", "name": "id"}}],
                              "not_match": [{"action": {"kind": "exec", "name": "cat"}}]})
        # The program must not get on between the verdict and the kill: a race, so more than once.
        for _ in range(25):
            r = self.sh("id; echo after", options=["-p", policy])
            self.assertEqual(r.returncode, 137, r.stderr)
            self.assertEqual(r.stdout, b"")
            self.assertIn(b" refused, and the command was killed; the last: exec ", r.stderr)

    def test_record_verifies_and_a_changed_one_does_not(self):
        self.sh("true")
        r = self.cordon("log", "verify", "--json", self.record)
        [whole] = json.loads(r.stdout)["records"]
        self.assertEqual((r.returncode, whole["state"], whole["trusted"]), (0, "closed", True))
        self.assertEqual(whole["events"], len(self.events()))
        shown = self.cordon("log", "show", self.record)
        self.assertIn(b"session.end", shown.stdout)
        text = self.record.read_text()
        self.record.write_text(text.replace("session.start", "session.Start", 1))
        self.assertEqual(self.cordon("log", "verify", self.record).returncode, 1)

    @unittest.skipUnless(TRACE == "on", NO_TRACE)
    def test_trace_sees_opens_and_forks(self):
        (self.work / "notes").write_text("n")
        self.sh("cat notes; (true)")
        opens = [e["fields"]["path"] for e in self.events("file.open")]
        self.assertTrue(any(p.endswith("/notes") for p in opens), opens)
        self.assertTrue(self.events("proc.fork"))
        self.assertTrue(self.events("exec.done"))
        end = self.events("session.end")[0]["fields"]
        self.assertEqual(end["trace_emitted"], end["trace_consumed"] + end["trace_lost"])
        by_lsm = self.events("session.start")[0]["fields"]["trace_backend"] == "lsm"
        self.assertEqual("syscalls" in end, not by_lsm)
        self.assertTrue(by_lsm or end["syscalls"]["openat"] > 0)

    def test_a_default_gives_one_reason(self):
        """The face, and with it the agent, is told what the record says."""
        r = self.run_in("true", options=["--json", "-p", self.policy(defaults={"exec": "deny"})])
        told = json.loads(r.stderr.splitlines()[-1])["last_denial"]
        event = [e for e in self.events("exec") if e["verdict"] == "deny"][-1]
        self.assertEqual((told["rule"], told["because"]), ("default", event["because"]))

    def test_label_then_connect(self):
        policy = self.policy({"id": "t.secret", "category": "test", "severity": "low",
                              "on": ["net.connect"], "when": "'secret' in session.labels",
                              "verdict": "deny", "errno": "EACCES", "because": "Secret was read.",
                              "refs": [],
                              "match": [{"action": {"kind": "net.connect"}, "labels": ["secret"]}],
                              "not_match": [{"action": {"kind": "net.connect"}}]},
                             defaults={"net.connect": "allow"})
        (self.work / "key").write_text("k")
        script = ("{}; exec 3<>/dev/tcp/127.0.0.1/9")
        options = ["-p", policy, "--label", f"{self.work}/key=secret"]
        if TRACE == "on":
            r = self.run_in("bash", "-c", script.format("true"), options=options)
            self.assertIn(b"Connection refused", r.stderr)
        r = self.run_in("bash", "-c", script.format("cat key"), options=options)
        self.assertIn(b"Permission denied", r.stderr)
        self.assertTrue(self.events("label.set"))
        if TRACE == "on":
            self.assertNotIn(b"Nobody can tell", r.stderr)
        r = self.run_in("bash", "-c", script.format("true"), options=[*options, "--trace", "off"])
        self.assertIn(b"Nobody can tell what this session has read", r.stderr)
        self.assertIn(b"Secret was read.", r.stderr)


class Limits(CordonTest):
    """They hold by cgroups, or for an ordinary user by rlimits."""

    def layers(self):
        return self.events("session.start")[0]["fields"]["layers"]

    def test_memory(self):
        script = "x = bytearray(300 << 20); print('had it all')"
        r = self.run_in("python3", "-c", script, options=["--memory", "1G"])
        self.assertEqual(r.stdout, b"had it all\n", r.stderr)
        r = self.run_in("python3", "-c", script, options=["--memory", "100M"])
        self.assertNotEqual(r.returncode, 0)
        self.assertEqual(r.stdout, b"")
        self.assertNotEqual(self.layers()["limit.memory"], "none")

    def test_pids(self):
        script = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 1000 & done; echo all started"
        self.assertEqual(self.sh(script, options=["--pids", "40"]).stdout, b"all started\n")
        self.assertNotIn(b"all started", self.sh(script, options=["--pids", "10"]).stdout)
        self.assertNotEqual(self.layers()["limit.pids"], "none")

    def test_cpus_hold_or_are_refused(self):
        r = self.sh("true", options=["--cpus", "0.5"])
        if r.returncode == 0:
            self.assertIn(self.layers()["limit.cpu"], ("cgroup1", "cgroup2"))
        else:
            self.assertEqual(r.returncode, 125)
            self.assertIn(b"leave --cpus out", r.stderr)
        self.assertEqual(self.sh("true").returncode, 0)


class Trouble(CordonTest):
    def test_fork_bomb_ends_with_its_time(self):
        # Observed only: the families end it sooner.
        r = self.sh("b() { b | b & }; b; sleep 1000", options=["--mode", "observe", "--timeout", "3", "--pids", "100", *self.mark])
        self.assertEqual(r.returncode, 124, r.stderr[-500:])
        self.assert_nothing_left()

    def assert_nothing_left(self):
        """No process of a session: keeper and init hold its lock, all others have the mark."""
        self.assertTrue(wait_for(lambda: not self.holders() and not self.marked()),
                        (self.holders(), self.marked()))

    def test_daemons_do_not_outlive_the_call(self):
        r = self.sh("setsid sleep 300 >/dev/null 2>&1 & nohup sleep 301 >/dev/null 2>&1 & exit 0", options=self.mark)
        self.assertEqual(r.returncode, 0)
        self.assert_nothing_left()

    def test_its_arguments_stay_as_they_were(self):
        """ps(1) shows them."""
        (self.work / "key").write_text("made up\n")
        options = ["-w", f"{self.work}:cow", "--bind", "/usr:/mnt/usr:ro", "--label", f"{self.work}/key=secret"]
        p = self.start("sh", "-c", "echo up; read x", options=options, stdin=subprocess.PIPE)
        self.assertEqual(p.stdout.readline(), b"up\n")
        shown = pathlib.Path(f"/proc/{p.pid}/cmdline").read_bytes().decode().split("\0")
        self.assertEqual(shown[1:-1], [str(a) for a in p.args[1:]])
        p.communicate(b"\n", timeout=60)

    def test_no_mounts_or_state_left(self):
        before = mounts()
        self.sh("true")
        self.assertTrue(wait_for(lambda: mounts() == before), (before, mounts()))
        # The layers go behind the run, which does not wait for the disk.
        left = lambda: [p.name for p in (self.dir / "state/sessions").iterdir()]
        self.assertTrue(wait_for(lambda: not left()), left())

    def test_record_that_cannot_be_written(self):
        self.record = self.dir / "missing" / "r.jsonl"
        r = self.sh("true")
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"r.jsonl", r.stderr)

    def test_bad_policies(self):
        path = self.dir / "p.json"
        for text in ("", "{", '{"policy":"x","version":1,"rules":[{"id":"a"}]}', '{"a":1,"a":2}', "[" * 100):
            path.write_text(text)
            r = self.cordon("run", "--trace", TRACE, "-w", self.work, "-p", path, "--", "true")
            self.assertEqual(r.returncode, 125, text)
            self.assertIn(b"p.json", r.stderr)
        r = self.cordon("run", "-w", self.work, "-p", self.dir / "none.json", "--", "true")
        self.assertEqual(r.returncode, 125)

    def test_unknown_label_file(self):
        if TRACE != "on":
            self.skipTest(NO_TRACE)
        r = self.sh("true", options=["--label", "nowhere=secret"])
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"nowhere", r.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
