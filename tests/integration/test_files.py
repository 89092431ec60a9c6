# SPDX-License-Identifier: Apache-2.0
"""Gated writes and path changes: as if nobody stood between, where no rule refuses them. Attacks: tools/prove."""

import difflib
import json
import os
import pathlib
import shutil
import time
import unittest

from cordon_testing import CORDON, SLOWER, TRACE, CordonTest
from lite_testing import LANDLOCK_ABI
from mcp_client import Client

BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
CALLS = 8


def rule(when, kinds=("file.open", "file.change"), verdict="deny", **more):
    """A rule on files that matches in /denied; its examples are of the last kind."""
    def example(path, provenance):
        action = {"kind": kinds[-1], "path": path, "write": True, "provenance": provenance}
        if kinds[-1] == "file.change":
            action.update(target=path, op="rename")
        return [{"action": action}]

    return {"id": "t." + verdict, "category": "test", "severity": "high", "on": list(kinds),
            "when": when, "verdict": verdict, "because": "Not here.",
            "match": example("/w/denied/x", "host-bound"),
            "not_match": example("/w/x", "session"), **more}


DENIED = [rule("action.write && glob(action.path, '**/denied/**')", errno="EROFS"),
          rule("glob(action.target, '**/denied/**') && action.op in ['rename', 'link']",
               ["file.change"], errno="EROFS", id="t.target")]


class FilesTest(CordonTest):
    def policy(self, *rules):
        """The options for a policy of these rules."""
        path = self.dir / "policy.json"
        path.write_text(json.dumps({"policy": "test", "version": 1, "rules": list(rules)}))
        return ["--policy", path]

    def gated(self, *command, rules=DENIED, options=(), **kw):
        return self.run_in(*command, options=[*self.policy(*rules), *options], **kw)

    def program(self, name):
        shutil.copy(BUILD / "tests" / name, self.dir / name)
        return ["--bind", f"{self.dir / name}:/opt/{name}"], f"/opt/{name}"

    def start_event(self):
        return next(e for e in self.events() if e["kind"] == "session.start")["fields"]

    def events(self, kind=None):
        lines = map(json.loads, self.record.read_text().splitlines())
        return [e for e in lines if kind in (None, e.get("kind"))]


class Same(FilesTest):
    """A gated session against an ungated one."""

    maxDiff = None

    def both(self, *command, options=()):
        out = []
        for rules in ([], DENIED):
            shutil.rmtree(self.work)
            self.work.mkdir()
            r = self.run_in(*command, options=["-q", *self.policy(*rules), *options])
            self.assertTrue(self.record.exists(), r.stderr)
            out.append((r.returncode, r.stdout.decode(), r.stderr.decode()))
            self.assertEqual(self.start_event()["file_gate"], "on" if rules else "off")
        return out

    def test_every_call_gives_the_same(self):
        bind, program = self.program("files_calls")
        for mode in ("cow", "live"):
            with self.subTest(workspace=mode):
                plain, gated = self.both(program, options=[*bind, "-w", f"{self.work}:{mode}"])
                self.assertGreater(len(plain[1].splitlines()), 200)
                self.assertEqual([], [d for d in difflib.ndiff(plain[1].splitlines(), gated[1].splitlines())
                                      if d[0] in "+-"])
                self.assertEqual(plain, gated)

    @unittest.skipIf(LANDLOCK_ABI < 1, "needs Landlock")
    def test_a_wall_of_its_own(self):
        """Landlock of the program's own would not hold what is carried out for it: there it has none."""
        script = """
import ctypes, os, struct
libc = ctypes.CDLL(None, use_errno=True)
os.truncate(os.open("there", os.O_WRONLY | os.O_CREAT), 0)
libc.prctl(38, 1, 0, 0, 0)
rules = libc.syscall(444, struct.pack("Q", 0x1fff), 8, 0)
print(rules >= 0, rules < 0 and ctypes.get_errno(), libc.syscall(446, rules, 0))
for call in (lambda: os.open("file", os.O_WRONLY | os.O_CREAT), lambda: os.unlink("there"), lambda: os.mkdir("folder")):
    try:
        print(call() and None)
    except OSError as e:
        print(e.errno)
"""
        plain, gated = self.both("python3", "-c", script)
        self.assertEqual(plain[1].split("\n"), ["True False 0", "13", "13", "13", ""], plain)
        self.assertEqual(gated[1].split("\n"), ["False 95 -1", "None", "None", "None", ""], gated)

    def test_git(self):
        script = ("set -e; export HOME=$PWD GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000';"
                  "git init -q -b main r; cd r; git config user.name n; git config user.email e@x;"
                  "for i in $(seq 1 20); do echo $i >f$i; git add f$i; git commit -qm c$i; done;"
                  "git checkout -qb side HEAD~5; echo s >s; git add s; git commit -qm s;"
                  "git rebase -q main; git gc -q; git log --format=%H | head -1; git fsck")
        plain, gated = self.both("sh", "-c", script)
        self.assertEqual(plain[0], 0, plain)
        self.assertEqual(plain, gated)

    @unittest.skipUnless(shutil.which("make") and shutil.which("cc"), "there is no make or no compiler here")
    def test_make(self):
        script = ("set -e; for i in $(seq 1 30); do echo \"int f$i(void) { return $i; }\" >f$i.c; done;"
                  "printf 'int main(void) { return 0; }\n' >main.c;"
                  "printf 'O = $(patsubst %%.c,%%.o,$(wildcard *.c))\nall: $O\n\tcc -o all $O\n"
                  "\tar rcs lib.a $O\n' >Makefile; make -s -j4; ./all; ls -1; make -q && echo done")
        plain, gated = self.both("sh", "-c", script)
        self.assertEqual(plain[0], 0, plain)
        self.assertEqual(plain, gated)

    def test_threads_and_sqlite(self):
        script = ("import concurrent.futures as c, os, sqlite3, shutil, tempfile\n"
                  "def one(i):\n"
                  "    with tempfile.TemporaryDirectory(dir='.') as d:\n"
                  "        for k in range(20): open(f'{d}/{k}', 'w').write(str(k))\n"
                  "        os.rename(f'{d}/0', f'{d}/zero'); shutil.copytree(d, f'tree{i}')\n"
                  "    return sorted(os.listdir(f'tree{i}'))\n"
                  "with c.ThreadPoolExecutor(8) as p: print(list(p.map(one, range(40))))\n"
                  "db = sqlite3.connect('db'); db.execute('pragma journal_mode=wal')\n"
                  "db.execute('create table t (n)')\n"
                  "for i in range(100):\n"
                  "    with db: db.execute('insert into t values (?)', (i,))\n"
                  "print(db.execute('select sum(n) from t').fetchall())\n"
                  "db.close(); print(sorted(os.listdir('.')))\n")
        plain, gated = self.both("python3", "-c", script)
        self.assertEqual(plain[0], 0, plain)
        self.assertEqual(plain, gated)

    def test_tar(self):
        script = ("set -e; mkdir -p t/a/b; for i in 1 2 3 4 5; do echo $i >t/a/b/$i; ln t/a/b/$i t/h$i;"
                  "ln -s a/b/$i t/s$i; chmod 60$i t/a/b/$i; touch -d @$i t/a/b/$i; done;"
                  "tar cf t.tar t; mkdir out; tar xpf t.tar -C out; cd out;"
                  "find t | sort | xargs stat -c '%n %a %F %h' && stat -c %Y t/a/b/*; rm -r t; ls")
        plain, gated = self.both("sh", "-c", script)
        self.assertEqual(plain[0], 0, plain)
        self.assertEqual(plain, gated)


class Hands(FilesTest):
    """The process that carries operations out is none of the program's."""

    FIND = ": >/tmp/up; h=$(grep -l cordon-hands /proc/[0-9]*/comm | cut -d/ -f3); "

    def test_nobody_gets_at_them(self):
        script = (self.FIND + "test -n \"$h\" || exit 9; for f in mem fd fd/0 root/etc environ maps; do"
                  " (cat /proc/$h/$f || ls /proc/$h/$f/ ) >/dev/null 2>&1 && echo got $f; done;"
                  "(echo x >/proc/$h/mem) 2>/dev/null && echo wrote; grep -E 'Cap...:.*[1-9a-f]' /proc/$h/status;"
                  "grep -c 'NoNewPrivs:.1' /proc/$h/status")
        r = self.gated("sh", "-c", script, options=["-q"])
        self.assertEqual((r.returncode, r.stdout), (0, b"1\n"), r.stderr)

    def test_without_them_nothing_is_written(self):
        r = self.gated("sh", "-c", self.FIND + "echo a >a; kill -9 $h; while test -d /proc/$h; do :; done;"
                       "echo b >b; rm a; cat a; ls", options=["-q"])
        self.assertEqual(r.stdout, b"a\na\n")
        self.assertEqual(r.stderr.count(b"Input/output error"), 2, r.stderr)

    def until_there(self, *names):
        end = time.monotonic() + 60 * SLOWER
        while not all((self.work / name).exists() for name in names):
            self.assertLess(time.monotonic(), end, names)
            time.sleep(0.02)

    def test_losing_them_is_no_matter_of_other_calls(self):
        """The numbers of descriptors are used again: what one call gives up must not be another's by then."""
        for name in ("go", "go-on"):
            os.mkfifo(self.work / name)
        calls = range(CALLS)
        client = Client([os.path.abspath(CORDON), "mcp", "--trace", TRACE, "-w", f"{self.work}:live",
                         *map(str, self.policy(*DENIED))], self.env, self.dir)

        def start(number, command):
            client.send({"id": number, "method": "tools/call", "params": {"name": "bash", "arguments": {"command": command}}})

        def release(name, *ids):
            fifo = os.open(self.work / name, os.O_RDWR)
            os.write(fifo, b"\n" * CALLS)
            self.assertEqual(sorted(client.answer()["id"] for _ in calls), sorted(ids))
            os.close(fifo)

        try:
            client.open()
            for n in calls:
                start(n, self.FIND + f": >armed{n}; kill -9 $h; read x <go")
            self.until_there(*(f"armed{n}" for n in calls))
            time.sleep(0.5)
            for n in calls:
                start(CALLS + n, f": >begun{n}; read x <go-on; echo x >done{n}")
            self.until_there(*(f"begun{n}" for n in calls))
            release("go", *calls)
            release("go-on", *(CALLS + n for n in calls))
            self.until_there(*(f"done{n}" for n in calls))
        finally:
            client.abandon()

    def test_a_stopped_one_holds_up_nobody_else(self):
        """The call that waits for it ends with the execution; policy and supervisor go on."""
        r = self.gated("sh", "-c", self.FIND + "kill -STOP $h; (echo a >a) & sleep 0.2; /bin/true; cat /dev/null;"
                       "kill -CONT $h; wait; cat a", options=["-q"])
        self.assertEqual((r.returncode, r.stdout), (0, b"a\n"), r.stderr)
        r = self.gated("sh", "-c", self.FIND + "kill -STOP $h; (echo a >b) & exec /bin/true", options=["-q"])
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_stopped_and_continued_at_any_time_they_lose_nothing(self):
        """The signal breaks off their wait for the next message, told of it or not."""
        r = self.gated("sh", "-c", self.FIND + "(n=0; while [ $n -lt 2000 ]; do kill -STOP $h; kill -CONT $h; n=$((n+1)); done) &"
                       "i=0; while [ $i -lt 300 ]; do echo $i >a; i=$((i+1)); done; wait; cat a", options=["-q"])
        self.assertEqual((r.returncode, r.stdout), (0, b"299\n"), r.stderr)

    def test_writers_wait_for_readers_and_nobody_waits_with_them(self):
        script = ("mkfifo p q; (echo one >p) & (echo two >q) & for i in 1 2 3 4 5 6 7 8; do echo $i >f; done;"
                  "cat q; cat p; cat f; (exec 3>p) & kill -9 $! ; wait; echo end")
        r = self.gated("sh", "-c", script, options=["-q"])
        self.assertEqual((r.returncode, r.stdout), (0, b"two\none\n8\nend\n"), r.stderr)

    def test_signals_change_nothing(self):
        """With SA_RESTART nothing at all is seen; without it EINTR says that nothing has been done."""
        script = ("import os, signal\nn = 0\n"
                  "def on(*_):\n    global n; n += 1\n"
                  "signal.signal(signal.SIGALRM, on); signal.siginterrupt(signal.SIGALRM, restart == 0)\n"
                  "def do(call, *args):\n"
                  "    while True:\n"
                  "        try: return call(*args)\n"
                  "        except InterruptedError:\n            if restart: raise\n"
                  "signal.setitimer(signal.ITIMER_REAL, .0005, .0005)\n"
                  "for i in range(500):\n"
                  "    open(f'f{i}', 'w').write(str(i)); do(os.rename, f'f{i}', f'g{i}'); do(os.unlink, f'g{i}')\n"
                  "signal.setitimer(signal.ITIMER_REAL, 0); print(os.listdir('.'), n > 10)\n")
        for restart in (0, 1):
            r = self.gated("python3", "-c", f"restart = {restart}\n" + script, options=["-q"])
            self.assertEqual((r.returncode, r.stdout), (0, b"[] True\n"), r.stderr)

    def test_the_hands_own_are_not_the_programs(self):
        """What /proc has of a process the kernel gives to that process: here a program of the host, and what it holds."""
        script = ("import errno, os\n"
                  "hands = next(f'/proc/{p}' for p in os.listdir('/proc') if p.isdigit() and open(f'/proc/{p}/comm').read() == 'cordon-hands\\n')\n"
                  "ways = [(os.chmod, 'exe', 0o777), (os.utime, 'exe', (1, 1)), (os.setxattr, 'exe', 'user.x', b'x'), (os.chmod, 'fd/0', 0o777),\n"
                  "        (os.open, 'cwd/tmp/x', os.O_RDWR | os.O_CREAT), (os.truncate, 'exe', 0), (os.open, 'ns/mnt', os.O_RDONLY | os.O_CREAT)]\n"
                  "for call, name, *more in ways:\n"
                  "    for at in (hands, f'{hands}/task/{hands[6:]}'):\n"
                  "        try: call(f'{at}/{name}', *more); print('done')\n"
                  "        except OSError as e: print(errno.errorcode[e.errno])\n"
                  "os.chmod('/proc/self/fd/%d' % os.open('own', os.O_RDWR | os.O_CREAT), 0o640); print(oct(os.stat('own').st_mode))\n")
        launcher = pathlib.Path(CORDON).with_name("cordon-launch")
        before = launcher.stat()
        r = self.gated("python3", "-c", script, options=["-q"])
        self.assertEqual((r.returncode, r.stdout.decode().split()), (0, ["EACCES"] * 14 + ["0o100640"]), r.stderr)
        after = launcher.stat()
        self.assertEqual((after.st_mode, after.st_mtime_ns), (before.st_mode, before.st_mtime_ns))

    def test_limits_are_the_callers(self):
        script = ("import os, resource\n"
                  "resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20)); got = []\n"
                  "try:\n    while True: got.append(os.open('f', os.O_RDWR | os.O_CREAT, 0o600))\n"
                  "except OSError as e: print(e.errno, max(got))\n")
        r = self.gated("python3", "-c", script, options=["-q"])
        self.assertEqual((r.returncode, r.stdout), (0, b"24 19\n"), r.stderr)


class Modes(FilesTest):
    """What is no matter of rules: which modes there are."""

    def test_a_folder_may_say_whose_group_its_files_get(self):
        script = ("mkdir a b c; chmod g+s a; chmod 2775 b; mkdir -m 2750 d; ln -s c to-c; chmod g+s to-c; mkdir a/x; "
                  "stat -c '%A %n' a b c d a/x; chmod g-s a; stat -c %A a")
        for mode in ("cow", "live"):
            with self.subTest(workspace=mode):
                r = self.gated("sh", "-c", script, options=["-q", "-w", f"{self.work}:{mode}"])
                self.assertEqual(r.stdout.decode().splitlines(),
                                 ["drwxr-sr-x a", "drwxrwsr-x b", "drwxr-sr-x c", "drwxr-s--- d", "drwxr-sr-x a/x",
                                  "drwxr-xr-x"], r.stderr)

    def test_git_shares_a_repository(self):
        r = self.gated("sh", "-c", "git init -q --bare --shared=group r && stat -c %A r", options=["-q"])
        self.assertEqual((r.returncode, r.stdout), (0, b"drwxrwsr-x\n"), r.stderr)

    def test_nothing_else_gets_a_set_id_bit(self):
        script = ("mkdir d; : >f; mkfifo p; ln -s f l; for m in u+s 4755 6755; do chmod $m d; done; "
                  "for m in u+s g+s ug+s 2755 4755 6755; do chmod $m f; done; chmod g+s p; chmod g+s l; "
                  "stat -c '%A %n' d f p")
        r = self.gated("sh", "-c", script, options=["-q"])
        self.assertEqual(r.stdout.decode().splitlines(), ["drwxr-xr-x d", "-rw-r--r-- f", "prw-r--r-- p"])
        self.assertEqual(r.stderr.count(b"Operation not permitted"), 11, r.stderr)

    def test_a_race_gives_no_file_the_bit(self):
        bind, program = self.program("setgid_races")
        for mode in ("cow", "live"):
            with self.subTest(workspace=mode):
                r = self.gated(program, options=["-q", *bind, "-w", f"{self.work}:{mode}"])
                lines = [line.split() for line in r.stdout.decode().splitlines()]
                self.assertEqual(len(lines), 8, r.stderr)
                for name, given, refused, end in lines:
                    self.assertEqual(end, "held", name)
                    self.assertTrue(int(given) and int(refused), (name, given, refused))  # something was exchanged


class Rules(FilesTest):
    def test_no_rule_no_gate(self):
        log = rule("action.write && glob(action.path, '**/denied/**')", verdict="log")
        kill_reads = rule("glob(action.path, '/w/denied/x')", ["file.open"], verdict="kill")
        bound = rule("action.provenance == 'host-bound' && glob(action.path, '**/denied/**')", ["file.change"])
        for rules, mode, gate in (([], "live", "off"), ([log, kill_reads], "live", "off"),
                                  ([bound], "cow", "off"), ([bound], "ro", "off"),
                                  ([bound], "live", "on"), (DENIED, "cow", "on")):
            with self.subTest(mode=mode, rules=[r["id"] for r in rules]):
                r = self.gated("sh", "-c", ": >/tmp/up; grep -c cordon-hands /proc/[0-9]*/comm | grep -c :1; grep Seccomp_ /proc/self/status",
                               rules=rules, options=["-q", "-w", f"{self.work}:{mode}"])
                helper, filters = r.stdout.split(b"\n", 1)
                self.assertEqual(self.start_event()["file_gate"], gate)
                self.assertEqual(helper, b"1" if gate == "on" else b"0")
                self.assertEqual(filters.split(), [b"Seccomp_filters:", b"2" if gate == "on" else b"1"])

    def test_kill_happens_before(self):
        (self.work / "denied").mkdir()
        r = self.gated("sh", "-c", "echo before; mkdir denied/x; echo after",
                       rules=[rule("glob(action.path, '**/denied/**')", ["file.change"], "kill")],
                       options=["-q", "-w", f"{self.work}:live"])
        self.assertEqual(r.stdout, b"before\n")
        self.assertNotEqual(r.returncode, 0)
        self.assertEqual(os.listdir(self.work / "denied"), [])

    def test_observe_lets_it_happen_and_says_so(self):
        r = self.gated("sh", "-c", "mkdir denied && echo x >denied/f && cat denied/f",
                       options=["-q", "--mode", "observe"])
        self.assertEqual(r.stdout, b"x\n", r.stderr)
        refused = [e for e in self.events("file.open") if e.get("verdict") == "deny"]
        self.assertEqual([e["enforced"] for e in refused], [False])

    def test_the_agent_is_told(self):
        r = self.gated("sh", "-c", "mkdir -p denied/x")
        self.assertIn(b"Read-only file system", r.stderr)
        self.assertIn(b"Not here.", r.stderr)

    def test_each_refusal_is_on_the_record(self):
        """That all of them are refused is shown by `cordon doctor --prove file`."""
        (self.work / "denied").mkdir()
        (self.work / "denied/f").write_text("x")
        script = ("echo y >denied/f; echo y >>./denied/../denied/g; mkdir denied/d; rm -f denied/f; mv denied/f f;"
                  "ln denied/f f; ln -s x denied/l; chmod 777 denied/f; touch -d @1 denied/f; mkfifo denied/p")
        self.gated("sh", "-c", script, options=["-q", "-w", f"{self.work}:live"])
        denied = [e["fields"] for e in self.events() if e.get("verdict") == "deny"]
        self.assertEqual([f.get("op", "open") for f in denied],
                         ["open", "open", "mkdir", "unlink", "rename", "link", "symlink", "chmod",
                          "open", "utime", "mknod"])
        self.assertEqual({f["provenance"] for f in denied}, {"host-bound"})
        self.assertEqual((self.work / "denied/f").read_text(), "x")

    def test_who_made_a_file_is_known_before(self):
        removed = {**rule("action.op == 'unlink' && glob(action.path, '**/*.db')", ["file.change"], "log"),
                   "sequence": {"by": "file", "steps": [{"missing": True, "on": ["file.open"], "when": "action.created"}]},
                   "match": [{"action": {"kind": "file.change", "op": "unlink", "path": "/w/x.db", "write": True}}]}
        (self.work / "old.db").write_text("x")
        self.gated("sh", "-c", "echo x >new.db; echo y >>new.db; echo y >>old.db; ln -s far.db link; echo x >link;"
                               "rm new.db old.db far.db",
                   rules=[*DENIED, removed], options=["-q", "-w", f"{self.work}:live"])
        opened = [e["fields"] for e in self.events("file.open") if e["fields"]["path"].startswith(str(self.work))]
        self.assertEqual([(pathlib.Path(f["path"]).name, f["created"]) for f in opened if f["write"]],
                         [("new.db", True), ("new.db", False), ("old.db", False), ("far.db", True)])
        told = [e["fields"]["path"] for e in self.events("file.change") if e.get("rule") == "t.log"]
        self.assertEqual(told, [str(self.work / "old.db")])

    def test_the_record_tells_how_it_went(self):
        self.gated("sh", "-c", "echo x >file; mv file other")
        asked = [e["fields"] for e in self.events("file.change") if e["fields"]["op"] == "rename"]
        self.assertEqual(len(asked), 1)
        self.assertTrue(asked[0]["path"].endswith("/file") and asked[0]["target"].endswith("/other"))
        if self.start_event()["trace"] == "on":
            done = [e["fields"] for e in self.events("file.change.done")]
            self.assertEqual([(e["op"], e["result"]) for e in done], [("rename", 0)])


class Persistence(FilesTest):
    """What ships: in a folder of the host, what is run or obeyed later stays as it is."""

    def setUp(self):
        super().setUp()
        for name in (".git/hooks", "sub", "live/workflows"):
            (self.work / name).mkdir(parents=True)
        (self.work / ".git/config").write_text("[core]\n")
        (self.work / ".bashrc").write_text("ok\n")

    def attempt(self, mode, *options):
        script = ("try() { sh -c \"$1\" 2>/dev/null && echo \"$1\"; };"
                  "try 'echo x >.git/hooks/pre-commit'; try 'echo x >>.git/config'; try 'echo x >>.bashrc';"
                  "try 'mv .git old'; try 'mv .bashrc b'; try 'rm .bashrc'; try 'ln .bashrc b';"
                  "try 'ln -s ../x .git/hooks/post-commit'; try 'chmod +x .git/config'; try 'mkdir .vscode';"
                  "try 'mv live .github'; try 'mv .git/hooks .git/h'; try 'echo gitdir: x >sub/.git';"
                  "try 'ln -s live sub/.git'; try 'echo x >y && mv y .mcp.json'; try 'echo x >z && ln z .envrc';"
                  "try 'mkdir -p sub/.git && echo x >sub/.git/config'; try 'ln -s .bashrc c && echo x >>c';"
                  "bind() { try \"python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\\\"$1\\\")'\"; };"
                  "try 'echo ../x >.git/commondir'; try 'echo ../x >c2 && mv c2 .git/commondir';"
                  "try 'mkdir .git/remotes && echo x >.git/remotes/origin'; try 'mkdir .git/branches';"
                  "bind .git/hooks/pre-push; bind .git/fsmonitor--daemon.ipc; bind .vscode; bind sub/.git;"
                  "try 'mkdir h && echo x >h/hgrc && mv h .hg'")
        return self.run_in("sh", "-c", script, options=["-q", "-w", f"{self.work}:{mode}", *options])

    def test_a_live_folder_is_protected(self):
        r = self.attempt("live")
        self.assertEqual(r.stdout, b"", r.stderr)
        self.assertEqual((self.work / ".git/config").read_text(), "[core]\n")
        self.assertEqual(os.listdir(self.work / ".git/hooks"), [])
        self.assertEqual(sorted(os.listdir(self.work / ".git")), ["config", "hooks"])
        self.assertEqual((self.work / ".bashrc").read_text(), "ok\n")
        rules = {e["rule"] for e in self.events() if e.get("verdict") == "deny"}
        self.assertEqual(rules, {"pe.run-later", "pe.run-later-name", "pe.run-later-folder",
                                 "pe.file-as-folder", "pe.run-later-socket"})

    def test_nothing_is_made_too_deep_to_have_a_name(self):
        """Deeper than PATH_MAX the kernel tells no path for rules; what is made there could be moved up."""
        script = """if True:
            import os, pathlib
            at = [os.open(".", os.O_PATH)]
            def write(folder, name):
                os.close(os.open(name, os.O_WRONLY | os.O_CREAT, dir_fd=folder))
            def attempt(what, *args, **more):
                try:
                    what(*args, **more)
                    print("done", args[-1][:8])
                except OSError as e:
                    if e.errno not in (2, 36):
                        print(e)
            try:
                for _ in range(20):
                    os.mkdir("n" * 250, dir_fd=at[-1])
                    at.append(os.open("n" * 250, os.O_PATH, dir_fd=at[-1]))
            except OSError as e:
                print("stopped", e.errno)
            attempt(os.mkdir, ".vscode", dir_fd=at[-1])
            attempt(write, at[-1], ".bashrc")
            for name in ("folder", "folder/.vscode"):
                attempt(os.mkdir, name, dir_fd=at[-1])
            attempt(os.rename, "folder", "folder", src_dir_fd=at[-1], dst_dir_fd=at[0])
        """
        r = self.run_in("python3", "-c", script, options=["-q", "-w", f"{self.work}:live"])
        self.assertEqual(r.stdout, b"stopped 36\n", r.stderr)
        self.assertFalse((self.work / "folder").exists())

    def test_so_is_a_bound_one(self):
        bound = self.dir / "bound"
        shutil.copytree(self.work, bound)
        r = self.run_in("sh", "-c", f"echo a >{bound}/.bashrc; echo b >{bound}/b; echo c >.bashrc; cat {bound}/b .bashrc",
                        options=["-q", "--bind", f"{bound}:rw"])
        self.assertEqual(r.stdout, b"b\nc\n", r.stderr)
        self.assertEqual((bound / ".bashrc").read_text(), "ok\n")

    def test_in_a_cow_workspace_all_of_it_works_and_costs_nothing(self):
        r = self.attempt("cow")
        self.assertGreater(len(r.stdout.splitlines()), 9)
        self.assertEqual(self.start_event()["file_gate"], "off")

    def test_work_in_a_live_repository_goes_on(self):
        shutil.rmtree(self.work / ".git")
        setup = "git init -q -b main . && git config user.email e@x && git config user.name n"
        self.assertEqual(os.system(f"cd {self.work} && {setup}"), 0)
        r = self.run_in("sh", "-c", "set -e; echo x >f; git add f; git commit -qm one; git checkout -qb side;"
                        "echo y >>f; git commit -qam two; git checkout -q main; git merge -q side; git log --oneline",
                        options=["-q", "-w", f"{self.work}:live"])
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(len(r.stdout.splitlines()), 2)


if __name__ == "__main__":
    unittest.main()
