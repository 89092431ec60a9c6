#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Isolation lite, attacked: each attempt is made inside a session and outside of one, by the same user.

Without a wall both succeed. As root everything is tried twice: as root, whose session gets ids of its own, and as an
ordinary user, whose session has his.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time
import unittest

from lite_testing import OnThisKernel, needs_lite  # noqa: F401
from mcp_client import Client
from cordon_testing import CORDON, SLOWER, TRACE, CordonTest, cgroups_of, descendants, living, stat_of, wait_for

ATTACKS = pathlib.Path(CORDON).resolve().parent / "tests/lite_attacks"
NOBODY = 65534
SIG0 = "0"


@needs_lite
class LiteTest(CordonTest):
    """A workspace that holds the attacker's program, and folders that are not for the session."""

    maxDiff = None
    as_user = False

    def setUp(self):
        super().setUp()
        if self.as_user and os.geteuid() != 0:
            self.skipTest("this whole run is one of an ordinary user")
        self.who = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if self.as_user else {}
        self.trace = "off" if self.as_user else TRACE
        self.attacks = self.work / "attacks"
        shutil.copy(ATTACKS, self.attacks)
        self.outside = self.dir / "outside"
        self.outside.mkdir()
        self.secret = self.outside / "secret"
        self.secret.write_text("secret\n")
        self.inner = self.work / "file"
        self.inner.write_text("work\n")
        # Root's session is another user: what is its own must not rest on the modes of files.
        os.chmod(self.dir, 0o755)
        if os.geteuid() == 0:
            for path in (self.outside, self.secret, self.inner, self.work):
                os.chmod(path, 0o777)
        if self.as_user:
            for path in (self.dir, *self.dir.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
            done = self.plainly(CORDON, "--version")
            if done.returncode != 0:
                self.skipTest(f"uid {NOBODY} cannot get at {CORDON}")

    def plainly(self, *command, **kw):
        return subprocess.run([*map(str, command)], capture_output=True, timeout=60 * SLOWER, **self.who, **kw)

    def lite(self, *command, options=(), mode="live", **kw):
        if self.record.exists():
            self.record.unlink()
        return self.cordon("run", "--isolation=lite", "--trace", self.trace, "-w", f"{self.work}:{mode}",
                           "--record", self.record, *options, "--", *command, **self.who, **kw)

    def start_lite(self, *command, options=(), **kw):
        self.record.unlink(missing_ok=True)
        return self.start(*command, options=["--isolation=lite", "--trace", self.trace, "-w", f"{self.work}:live",
                                             *options], **self.who, **kw)

    def inside(self, *attempt, **kw):
        """What each attempt came to, inside."""
        done = self.lite(self.attacks, *attempt, **kw)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode().split()

    def control(self, *attempt, **kw):
        done = self.plainly(self.attacks, *attempt, **kw)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode().split()

    def bystander(self, *command):
        """A process of the same user outside."""
        process = subprocess.Popen(command or ["sleep", "1000"], **self.who)
        self.addCleanup(self.end, process)
        return process

    # ---- files

    def test_files_outside(self):
        s, new = self.secret, self.outside / "new"
        refused = {("read", s): "EACCES", ("list", self.outside): "EACCES", ("write", s): "EACCES",
                   ("create", new): "EACCES", ("truncate", s): "EACCES", ("chmod", s): "EPERM",
                   ("fchmod", s): "EACCES", ("chmod-fd", s): "EPERM", ("chown", s): "EPERM", ("utime", s): "EPERM",
                   ("setxattr", s): "EPERM", ("link", s, self.work / "linked"): "EXDEV",
                   ("rename", s, self.work / "moved"): "EACCES", ("unlink", s): "EACCES"}
        words = [word for attempt in refused for word in attempt]
        before = s.stat()
        said = self.inside(*words)
        self.assertEqual(dict(zip(refused, said)), refused)
        self.assertEqual((s.read_text(), s.stat().st_mode, s.stat().st_mtime_ns),
                         ("secret\n", before.st_mode, before.st_mtime_ns))
        self.assertFalse(new.exists())
        # Without the session nothing stands in the way of any of them; setxattr is the file system's to refuse.
        said = self.control(*words[:-2])
        self.assertEqual([w for w in said if w not in ("ok", "EOPNOTSUPP", "ENOENT")], [])
        self.assertEqual(said.count("ok") + said.count("EOPNOTSUPP"), len(said))

    def test_a_workspace_that_is_read_only(self):
        f = self.inner
        attempts = [("write", f), ("create", self.work / "new"), ("chmod", f), ("fchmod", f), ("utime", f),
                    ("setxattr", f)]
        words = [word for attempt in attempts for word in attempt]
        before = f.stat()
        self.assertEqual(self.inside("read", f, *words, mode="ro"),
                         ["ok", "EACCES", "EACCES", "EPERM", "EPERM", "EPERM", "EPERM"])
        self.assertEqual((f.read_text(), f.stat().st_mode), ("work\n", before.st_mode))
        if os.geteuid() == 0 and not self.as_user:
            os.chown(f, 12345, -1)  # its mode is nobody's to change but its owner's; not the wall's doing
        else:
            said = self.inside(*words)
            self.assertEqual([w for w in said if w not in ("ok", "EOPNOTSUPP")], [])

    def test_flags_of_files_need_no_writing(self):
        outside = self.control("flags", self.inner)
        if outside != ["ok"]:
            self.skipTest(f"this file system has no such flags: {outside}")
        self.assertEqual(self.inside("flags", self.inner, mode="ro"), ["ENOTTY"])

    def test_names_cannot_be_watched(self):
        self.assertEqual(self.inside("inotify", self.outside), ["ENOSYS"])
        self.assertEqual(self.control("inotify", self.outside), ["ok"])

    def test_what_is_the_sessions_own(self):
        script = ('set -e; for f in "$HOME/a" "$TMPDIR/b"; do echo x >"$f"; chmod 700 "$f"; touch -d 2001-01-01 "$f"; '
                  'mv "$f" "$f.2"; ln "$f.2" "$f"; stat -c "%a %Y" "$f"; done; echo "$HOME"')
        done = self.lite("sh", "-c", script)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.decode().split("\n")
        self.assertEqual(lines[0][:6], "700 97")
        home = pathlib.Path(lines[2])
        self.assertTrue(str(home).startswith("/tmp/cordon-"))
        self.assertTrue(wait_for(lambda: not home.parent.exists()), f"{home.parent} is left")

    def test_what_is_hard_to_remove(self):
        # Deeper than a process may have descriptors.
        script = ('ulimit -n; cd "$HOME"; python3 -c "import os\nfor i in range(1500): os.mkdir(\'d\'); os.chdir(\'d\')"; '
                  'mkdir shut; touch shut/in; chmod 0 shut; ln -s "$1" away; echo "$HOME"')
        done = self.lite("sh", "-ec", script, "-", self.outside)
        self.assertEqual(done.returncode, 0, done.stderr)
        home = pathlib.Path(done.stdout.decode().split()[1])
        self.assertTrue(wait_for(lambda: not home.parent.exists()), f"{home.parent} is left")
        self.assertEqual(self.secret.read_text(), "secret\n")

    # ---- the network

    def test_no_socket(self):
        families = {socket.AF_UNIX: 1, socket.AF_INET: 1, socket.AF_INET6: 2, socket.AF_NETLINK: 3,
                    socket.AF_PACKET: 3, 40: 1}  # 40: vsock
        words = [str(w) for family, kind in families.items() for w in ("socket", int(family), kind)]
        self.assertEqual(self.inside(*words), ["EAFNOSUPPORT"] * len(families))
        self.assertEqual(self.control(*words)[:2], ["ok", "ok"])

    def test_no_way_to_a_listener(self):
        listener = socket.create_server(("127.0.0.1", 0))
        stream, datagrams = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        for s, name in ((stream, "stream"), (datagrams, "datagrams")):
            s.bind(str(self.work / name))
            os.chmod(self.work / name, 0o777)
        stream.listen()
        for s in (listener, stream, datagrams):
            self.addCleanup(s.close)
        port = listener.getsockname()[1]
        to = self.work / "datagrams"
        attempts = ["tcp", port, "unix", self.work / "stream", "pair", to, 2, "pair-message", to, 2]
        self.assertEqual(self.inside(*attempts), ["EAFNOSUPPORT"] * 4)
        self.assertEqual(self.control(*attempts), ["ok"] * 4)
        # Pairs of streams are there for programs to talk to their children; a name given is not heard.
        self.assertEqual(self.inside("pair", to, 1, "pair", to, 5), ["EPERM", "EPERM"])
        datagrams.setblocking(False)
        datagrams.recv(1), datagrams.recv(1)
        self.inside("pair-message", to, 1, "pair-message", to, 5)
        with self.assertRaises(BlockingIOError):
            datagrams.recv(1)

    def test_a_socket_that_was_handed_in(self):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        port = listener.getsockname()[1]
        for where, expected in ((self.inside, "EPERM"), (self.control, "ok")):
            with socket.socket() as idle:
                self.assertEqual(where("connect-stdin", port, stdin=idle), [expected])

    # ---- processes

    def test_processes_outside(self):
        other = str(self.bystander().pid)
        attempts = {("kill", other, SIG0): "EPERM", ("kill", other, "15"): "EPERM", ("queue", other, "15"): "EPERM",
                    ("pidfd", other, "15"): "EPERM", ("ptrace", other): "EPERM", ("vm", other): "EPERM",
                    ("proc", other, "environ"): "EACCES", ("proc", other, "cmdline"): "EACCES",
                    ("proc", other, "mem"): "EACCES", ("proc", other, "maps"): "EACCES", ("prlimit", other): "EPERM",
                    ("priority", other, "0"): "EPERM", ("ioprio", other, "1"): "EPERM", ("affinity", other): "EPERM",
                    ("scheduler", other): "EPERM"}
        self.assertEqual(dict(zip(attempts, self.inside(*[w for a in attempts for w in a]))), attempts)
        self.assertIsNotNone(stat_of(int(other)))
        # The same without a session, what ends it last.
        harmless = [a for a in attempts if a[2:] != ("15",)]
        self.assertEqual(self.control(*[w for a in harmless for w in a]), ["ok"] * len(harmless))
        for way in ("kill", "queue", "pidfd"):
            process = self.bystander()
            self.assertEqual(self.control(way, str(process.pid), "15"), ["ok"])
            self.assertEqual(process.wait(60), -signal.SIGTERM)

    def test_all_of_a_users_processes(self):
        other = self.bystander()
        self.assertEqual(self.inside("priority", "0", "2", "ioprio", "0", "3"), ["EPERM", "EPERM"])
        self.lite(self.attacks, "kill", "-1", "9")
        self.assertNotEqual(stat_of(other.pid)[2], "Z")
        self.assertIsNone(other.poll())
        # It slows down all that its user runs, for good: only for one who runs nothing else.
        if os.geteuid() == 0:
            done = subprocess.run([self.attacks, "priority", "0", "2"], capture_output=True, user=NOBODY - 1,
                                  group=NOBODY - 1, extra_groups=[], timeout=60 * SLOWER)
            self.assertEqual(done.stdout.decode().split(), ["ok"], done.stderr)

    def test_its_own_keepers(self):
        """Neither leaf nor init nor keeper can be signalled from inside, though they are of the same user."""
        script = "echo here; read pids; for p in $PPID $pids; do kill -9 $p; echo $?; done; sleep 0.2; echo alive"
        run = self.start_lite("sh", "-c", script, options=["-q"], stdin=subprocess.PIPE)
        self.assertEqual(run.stdout.readline(), b"here\n")  # before, it is itself one of cordon's processes
        keepers = self.keepers(run)
        self.assertGreaterEqual(len(keepers), 3)
        said, errors = run.communicate(" ".join(map(str, [*keepers, run.pid])).encode() + b"\n", timeout=60 * SLOWER)
        self.assertEqual(said.decode().split(), ["1"] * (len(keepers) + 2) + ["alive"], errors)
        self.assertEqual(errors.count(b"not permitted"), len(keepers) + 2, errors)

    def keepers(self, run):
        """P, C and the leaves, from the outside in."""
        found = []
        for pid in descendants(run.pid):
            try:
                if pathlib.Path(f"/proc/{pid}/comm").read_text().strip() == "cordon-launch":
                    found.append(pid)
            except OSError:
                pass
        depth = {}
        for pid in found:
            at, n = pid, 0
            while at and at != run.pid:
                at, n = (stat_of(at) or (0,))[0], n + 1
            depth[pid] = n
        return sorted(found, key=depth.get)

    def test_ipc_objects(self):
        libc = __import__("ctypes").CDLL(None, use_errno=True)
        segment = libc.shmget(0, 4096, 0o1666)
        self.assertGreaterEqual(segment, 0)
        self.addCleanup(libc.shmctl, segment, 0, None)
        self.assertEqual(self.inside("shm", segment, "mq", "/none"), ["ENOSYS", "ENOSYS"])
        self.assertEqual(self.control("shm", segment, "mq", "/none"), ["ok", "ENOENT"])

    def test_ids_and_capabilities(self):
        done = self.lite("sh", "-c", "id -u; id -G; grep -E '^(Cap(Inh|Prm|Eff|Amb)|NoNewPrivs|Seccomp):' /proc/self/status")
        uid, groups = done.stdout.decode().split("\n")[:2]
        if os.geteuid() == 0 and not self.as_user:
            self.assertGreater(int(uid), 0x60000000)
            self.assertEqual(groups, uid)
        else:
            self.assertEqual(int(uid), NOBODY if self.as_user else os.getuid())
        run = self.start_lite("sleep", "1000", options=["-q", *self.mark])
        inside = wait_for(self.marked)
        status = pathlib.Path(f"/proc/{inside[0]}/status").read_text()
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        self.assertEqual([fields[f"Cap{c}"] for c in ("Inh", "Prm", "Eff", "Amb")], ["0" * 16] * 4)
        self.assertEqual((fields["NoNewPrivs"], fields["Seccomp"]), ("1", "2"))
        self.end(run)

    def test_signals_of_descriptors(self):
        for where, survives in ((self.inside, True), (self.control, False)):
            other = self.bystander()
            self.assertEqual(where("sigio", str(other.pid)), ["ok"])
            if survives:
                time.sleep(0.1)
                self.assertIsNone(other.poll())
            else:
                self.assertEqual(other.wait(60), -signal.SIGIO)

    # ---- the end

    def expect_nobody(self, why):
        self.assertTrue(wait_for(lambda: not self.marked()), f"{why}: {self.marked()} are left")

    def test_nothing_outlives_its_call(self):
        for attempt in (("daemon",), ("roll", "8"), ("daemon", "daemon", "roll", "3")):
            done = self.lite(self.attacks, *attempt, options=self.mark)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.marked(), [], attempt)

    def client(self, *options):
        become = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if self.as_user else []
        client = Client([*become, pathlib.Path(CORDON).resolve(), "mcp", "--isolation=lite", "--trace", self.trace, "-w", f"{self.work}:live",
                         *self.mark, *options], self.env, self.work)
        self.addCleanup(client.abandon)
        client.open()
        return client

    def test_nothing_outlives_its_call_while_the_session_lives(self):
        client = self.client()
        for attempt in ("daemon", "roll 4", "daemon daemon roll 2"):
            client.call("bash", command=f"{self.attacks} {attempt}")
            self.assertEqual(self.marked(), [], attempt)
        said = client.text("bash", command="echo more")
        self.assertTrue(said.startswith("more"), said)

    def test_a_call_that_is_ended(self):
        client = self.client()
        client.call("bash", command=f"{self.attacks} daemon roll 2; sleep 1000", timeout_seconds=1)
        self.assertEqual(self.marked(), [])
        said = client.text("bash", command="echo more")
        self.assertTrue(said.startswith("more"), said)

    def test_a_leaf_that_is_killed(self):
        client = self.client()
        client.send({"id": 77, "method": "tools/call",
                     "params": {"name": "bash", "arguments": {"command": f"{self.attacks} daemon; sleep 1000"}}})
        self.assertTrue(wait_for(lambda: len(self.marked()) >= 3))
        parents = {(stat_of(p) or (0,))[0] for p in self.marked()}
        leaf = parents & set(self.keepers(client.process))
        self.assertEqual(len(leaf), 1)
        os.kill(leaf.pop(), signal.SIGKILL)
        self.assertEqual(client.answer()["id"], 77)
        self.assertEqual(self.marked(), [])
        said = client.text("bash", command="echo more")
        self.assertTrue(said.startswith("more"), said)

    def test_the_control_of_that(self):
        """Without a session the daemon stays: the attempt is a real one."""
        self.plainly(self.attacks, "daemon", env={"MARK": self.dir.name})
        found = self.marked()
        self.assertEqual(len(found), 2)
        for pid in found:
            os.kill(pid, signal.SIGKILL)

    def test_a_bomb_ends_with_its_call(self):
        done = self.lite(self.attacks, "bomb", options=[*self.mark, "--pids", "300"], timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.marked(), [])

    def test_time_runs_out(self):
        done = self.lite("sh", "-c", f"{self.attacks} daemon; exec sleep 1000", options=[*self.mark, "--timeout", "1"])
        self.assertEqual(done.returncode, 124)
        self.assertEqual(self.marked(), [])

    def busy_session(self):
        run = self.start_lite("sh", "-c", f"{self.attacks} daemon roll 2; exec sleep 1000",
                              options=["-q", "--pids", "300", *self.mark])
        if not wait_for(lambda: len(self.marked()) >= 4):
            self.fail(f"{self.marked()}; {run.poll()}: {run.poll() is not None and run.stderr.read()}")
        # Keeper, init, leaf, and one that may stand ready.
        return run, self.keepers(run)

    def test_each_keeper_is_killed(self):
        for victim in range(3):
            run, keepers = self.busy_session()
            below = descendants(run.pid)
            os.kill(keepers[victim], signal.SIGKILL)
            self.expect_nobody(f"keeper {victim} of {keepers} was killed")
            run.wait(60)
            self.assertTrue(wait_for(lambda: not living(below)), f"{victim}: {living(below)} are left")
            self.end(run)

    def test_the_supervisor_is_killed(self):
        run, _ = self.busy_session()
        below = descendants(run.pid)
        run.kill()
        run.wait()
        self.expect_nobody("the supervisor was killed")
        self.assertTrue(wait_for(lambda: not living(below)))

    def test_keeper_and_init_are_killed_at_once(self):
        """The leaf ends what runs, and a later start removes the private folder, also where the supervisor saw
        its keeper die before it was killed itself."""
        for saw in (False, True):
            with self.subTest(supervisor_saw_it=saw):
                self.kill_keeper_and_init(saw)

    def kill_keeper_and_init(self, saw):
        run = self.start_lite("sh", "-c", f"{self.attacks} daemon; exec sleep 1000",
                              options=["-q", "--session", f"left-{self.dir.name}", *self.mark])
        self.assertTrue(wait_for(lambda: len(self.marked()) >= 3))
        private = pathlib.Path(f"/tmp/cordon-left-{self.dir.name}")
        self.assertTrue(wait_for(private.exists))
        keepers = wait_for(lambda: k if len(k := self.keepers(run)) >= 2 else None)
        for pid in keepers[:2]:
            os.kill(pid, signal.SIGKILL)
        if saw:
            run.wait(60)
        run.kill()
        run.wait()
        self.expect_nobody("keeper and init were killed")

        def swept():
            self.lite("true")
            return not private.exists() and not cgroups_of(f"left-{self.dir.name}")

        self.assertTrue(wait_for(swept))

    # ---- what is said

    def test_what_is_said_of_it(self):
        done = self.lite("true")
        self.assertIn(b"isolation is lite", done.stderr)
        self.assertEqual(done.stderr.count(b"isolation is lite"), 1)
        start = self.events("session.start")[0]["fields"]
        self.assertEqual((start["isolation"], start["file_gate"]), ("lite", "on"))
        self.assertNotIn(b"isolation is lite", self.lite("true", options=["-q"]).stderr)
        dry = self.cordon("run", "--isolation=lite", "--dry-run", "-w", self.work, **self.who)
        spec = json.loads(dry.stdout)
        self.assertEqual(spec["isolation"], "lite")
        bound = [m for m in spec["mounts"] if m["target"] == str(self.work)]
        self.assertNotIn("writable", bound[0])

    def test_what_doctor_says(self):
        rows = {r["layer"]: r for r in json.loads(self.cordon("doctor", "--json", **self.who).stdout)["layers"]}
        self.assertEqual((rows["lite"]["state"], rows["lite"]["needed"]), ("holds", False), rows["lite"])
        if rows["trace"]["state"] == "missing" and rows["namespaces"]["state"] == "holds":
            self.assertEqual(rows["session"]["state"], "missing")
            self.assertIn("`cordon run --trace=auto` starts one here", rows["session"]["how"])

    def test_full_is_full(self):
        if self.as_user:
            self.skipTest("nothing of it depends on the user")
        done = self.run_in("true", options=["--isolation=full"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.events("session.start")[0]["fields"]["isolation"], "full")

    def test_provenance(self):
        """Programs of the host count as the image's, those that could be written as the session's."""
        self.lite("sh", "-c", f'cp /bin/true "$HOME/t"; "$HOME/t"; {self.attacks} read {self.inner}; /bin/true')
        found = {e["fields"]["path"].rsplit("/", 1)[1]: e["fields"]["provenance"] for e in self.events("exec")}
        self.assertEqual((found["t"], found["attacks"], found["true"]), ("session", "workspace", "image"))

    def test_ordinary_work(self):
        script = ("set -e; git init -q r; cd r; git config user.email a@b; git config user.name a; echo x >f; git add f; "
                  "git commit -qm m; git log --oneline | wc -l; python3 -c 'import asyncio, tempfile, subprocess;"
                  'asyncio.run(asyncio.sleep(0)); tempfile.mkdtemp(); print(subprocess.check_output(["echo", "sub"]).decode())\''
                  "; cat <(echo piped); ls | sort | head -1; tar cf ../t.tar . ; mkdir ../u; tar xf ../t.tar -C ../u; "
                  "cp -a ../u ../v; install -m 755 f ../g; chmod +x ../g")
        done = self.lite("bash", "-c", script, options=["--policy", self.policy()])
        self.assertEqual((done.returncode, done.stdout.decode().split()), (0, ["1", "sub", "piped", "f"]), done.stderr)

    def test_a_rule_on_files_decides(self):
        rule = {"id": "t.keep", "category": "destruction", "severity": "low", "on": ["file.change"],
                "when": "action.path.endsWith('/kept')", "verdict": "deny", "because": "kept"}
        kept = self.work / "kept"
        kept.write_text("x")
        os.chmod(kept, 0o666)
        self.lite("sh", "-c", "rm -f kept", options=["--policy", self.policy(rule)])
        self.assertTrue(kept.exists())
        self.lite("sh", "-c", "rm -f kept", options=["--policy", self.policy()])
        self.assertFalse(kept.exists())

    def test_over_mcp(self):
        if self.as_user:
            self.skipTest("nothing of it depends on the user")
        calls = [{"jsonrpc": "2.0", "id": 1, "method": "initialize",
                  "params": {"protocolVersion": "2025-03-26", "capabilities": {},
                             "clientInfo": {"name": "t", "version": "1"}}},
                 {"jsonrpc": "2.0", "method": "notifications/initialized"},
                 {"jsonrpc": "2.0", "id": 2, "method": "tools/call",
                  "params": {"name": "bash", "arguments": {
                      "command": f"{self.attacks} daemon read {self.secret} socket 2 1; echo y > $HOME/y; cat $HOME/y"}}}]
        done = self.cordon("mcp", "--isolation=lite", "--trace", self.trace, "-w", f"{self.work}:live", *self.mark,
                           stdin=None, input="".join(json.dumps(c) + "\n" for c in calls).encode())
        answer = [json.loads(line) for line in done.stdout.splitlines()][-1]
        text = answer["result"]["content"][0]["text"]
        self.assertEqual(text.split()[:4], ["ok", "EACCES", "EAFNOSUPPORT", "y"], text)
        self.assertIn(b"isolation is lite", done.stderr)
        self.assertEqual(self.marked(), [])

    def test_by_the_resident_supervisor(self):
        if self.as_user:
            self.skipTest("the same for any user")
        self.use_resident()
        done = self.lite(self.attacks, "daemon", "chmod", self.secret, "read", self.secret, options=self.mark)
        self.assertEqual(done.stdout.decode().split(), ["ok", "EPERM", "EACCES"], done.stderr)
        self.assertEqual(self.marked(), [])
        self.assertEqual(self.events("session.start")[0]["fields"]["isolation"], "lite")


class AsOrdinaryUser(LiteTest):
    as_user = True


if __name__ == "__main__":
    unittest.main()
