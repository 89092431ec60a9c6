#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ordinary work prints and returns inside what it does outside."""

import re
import shutil
import subprocess
import unittest

from cordon_testing import CORDON, TRACE, CordonTest

ENV = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "USER": "agent",
       "LOGNAME": "agent", "SHELL": "/bin/sh", "TMPDIR": "/tmp"}

STORM = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static volatile sig_atomic_t hits;
static volatile int over;
static pthread_t worker;
static void on_signal(int n) { (void)n; hits++; }

/* A Go runtime preempts like this: SIGURG at whichever thread runs, thousands of times a second. */
static void *preempt(void *arg)
{
	(void)arg;
	while (!over) {
		pthread_kill(worker, SIGURG);
		usleep(50);
	}
	return NULL;
}

static int spawn_one(int how)
{
	char *argv[] = {"true", NULL};
	pid_t pid;
	int status;

	if (how == 0) {
		if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ))
			return 1;
	} else {
		pid = how == 1 ? vfork() : fork();
		if (pid < 0)
			return 1;
		if (!pid) {
			execv("/bin/true", argv);
			_exit(126);
		}
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return 1;
	return status;
}

static int refused(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	r = connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno == ECONNREFUSED;
	close(fd);
	return r;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct itimerval often = {{0, 300}, {0, 300}};
	pthread_t thread;
	int bad = 0, rounds = argc > 2 ? atoi(argv[2]) : 300;

	worker = pthread_self();
	sigaction(SIGURG, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGCHLD, &action, NULL);
	sigaction(SIGWINCH, &action, NULL);
	if (!strcmp(argv[1], "alarm"))
		setitimer(ITIMER_REAL, &often, NULL);
	else
		pthread_create(&thread, NULL, preempt, NULL);
	for (int i = 0; i < rounds; i++)
		bad += spawn_one(i % 3) != 0 || !refused();
	over = 1;
	printf("bad %d, signals %s\n", bad, hits > rounds / 10 ? "came" : "did not come");
	return bad ? 1 : 0;
}
"""

PYTHON = r"""
import concurrent.futures, multiprocessing, os, socket, sqlite3, subprocess, sys, tempfile, threading

if __name__ == "__main__":
    print(sorted(concurrent.futures.ThreadPoolExecutor(8).map(
        lambda i: subprocess.run(["sh", "-c", f"echo {i}; exit {i % 5}"], capture_output=True).stdout, range(80))))
    print(subprocess.run("echo a | tr a b; exit 4", shell=True, capture_output=True))
    print([os.waitstatus_to_exitcode(os.waitpid(os.posix_spawn("/bin/sh", ["sh", "-c", f"exit {i}"], {}), 0)[1]) for i in range(40)])
    with multiprocessing.get_context("spawn").Pool(3) as pool: print(pool.map(abs, range(-9, 0)))
    with multiprocessing.get_context("fork").Pool(3) as pool: print(pool.map(abs, range(-9, 0)))
    db = sqlite3.connect("x.db"); db.execute("pragma journal_mode=wal"); db.execute("create table t(a)")
    db.executemany("insert into t values(?)", [(i,) for i in range(1000)]); db.commit(); print(db.execute("select sum(a) from t").fetchall())
    server = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=lambda: server.accept()[0].sendall(b"hello"), daemon=True).start()
    print(socket.create_connection(server.getsockname()).recv(9))
    u = socket.socket(socket.AF_UNIX); u.bind("u.sock"); u.listen(1)
    c = socket.socket(socket.AF_UNIX); c.connect("u.sock"); print(u.accept()[0].getpeername())
    with tempfile.TemporaryDirectory() as d: os.mkfifo(d + "/f"); p = subprocess.Popen(["cat", d + "/f"]); open(d + "/f", "w").write("fifo\\n"); p.wait()
    sys.stdout.flush(); os.execvp("echo", ["echo", "end"])
"""


class RealWork(CordonTest):
    def both(self, script, status=0, shell="bash", timeout=110, options=(), files=()):
        """Inside first, on a layer that is dropped; then outside, on the folder itself."""
        for name, text in files:
            (self.work / name).write_text(text)
        policy = self.policy(defaults={"exec": "allow", "net.connect": "allow", "net.bind": "allow", "net.listen": "allow",
                                       "net.send": "allow"})
        inside = self.cordon("run", "-q", "--trace", TRACE, "-w", self.work, "--discard", "-p", policy, "--record", self.record,
                             *options, "--", shell, "-c", script, timeout=timeout)
        self.assertEqual(self.verified()[0], 0)
        home = self.dir / "home"
        home.mkdir()
        outside = subprocess.run([shell, "-c", script], cwd=self.work, env=dict(ENV, HOME=str(home)), capture_output=True,
                                 stdin=subprocess.DEVNULL, timeout=timeout)
        self.assertEqual(*((done.returncode, done.stdout.decode(), self.without_pids(done.stderr.decode()))
                           for done in (inside, outside)))
        self.assertEqual(inside.returncode, status, inside.stderr)
        return inside.stdout.decode()

    def without_pids(self, text):
        """A shell that tells of a job names its process."""
        return re.sub(r"(process|line 1:) +[0-9]+", r"\1 N", text)

    def need(self, *programs):
        for program in programs:
            if not shutil.which(program, path=ENV["PATH"]):
                self.skipTest(f"{program} is not installed")

    def test_pipelines(self):
        out = self.both("set -o pipefail; for i in $(seq 1000); do seq $i | /bin/grep -c . | /bin/cat; done")
        self.assertEqual(len(out.splitlines()), 1000)

    def test_statuses(self):
        self.both("true; echo $?; false; echo $?; (exit 7); echo $?; sh -c 'kill -9 $$'; echo $?; sh -c 'kill -PIPE $$' | cat;"
                  " echo ${PIPESTATUS[@]}; timeout 0.2 sleep 5; echo $?; nosuch 2>/dev/null; echo $?; ./data 2>/dev/null; echo $?;"
                  " yes | head -n 1; echo ${PIPESTATUS[@]}; exit 42", 42, files=[("data", "x")])

    def test_git(self):
        self.need("git")
        self.both("export GIT_AUTHOR_DATE='2020-01-01 00:00 +0000' GIT_COMMITTER_DATE='2020-01-01 00:00 +0000';"
                  "git init -q -b main r && cd r && git config user.name a && git config user.email a@b && "
                  "for i in 1 2 3; do echo $i > f$i; git add .; git commit -qm \"c$i\"; done; git checkout -qb side HEAD~1;"
                  "echo s > s; git add s; git commit -qm side; git rebase -q main; git log --stat --format='%H %s'; git gc -q;"
                  "git fsck; cd ..; git clone -q r c && cd c && git log --oneline | cat; git status --short; git stash list")

    def test_make(self):
        self.need("gcc", "make")
        names = [f"m{i}" for i in range(12)]
        files = [(f"{n}.c", f"int {n}(void) {{ return {i}; }}\n") for i, n in enumerate(names)]
        files.append(("main.c", "#include <stdio.h>\n" + "".join(f"int {n}(void);\n" for n in names)
                      + "int main(void) { printf(\"%d\\n\", " + " + ".join(f"{n}()" for n in names) + "); return 0; }\n"))
        files.append(("Makefile", "p: main.o " + " ".join(f"{n}.o" for n in names) + "\n\t$(CC) -o $@ $^\nbad:\n\tfalse\n"))
        self.both("make -s -j4 p && ./p && sha256sum *.o && make -s p && touch m3.c && make -n p | wc -l; make -s bad; exit 3", 3,
                  files=files)

    def test_python(self):
        self.both("exec python3 work.py", files=[("work.py", PYTHON)])

    def test_node(self):
        self.need("node")
        self.both("""node -e '
const cp = require("child_process"), fs = require("fs"), net = require("net");
console.log(cp.execSync("echo hi | cat").toString(), cp.spawnSync("sh", ["-c", "exit 5"]).status);
fs.writeFileSync("f", "x".repeat(100000)); console.log(fs.readFileSync("f").length);
let n = 0; for (let i = 0; i < 20; i++) cp.exec("echo " + i, (e, out) => { n += Number(out); if (++done == 20) next(); });
let done = 0; function next() { console.log(n);
  const s = net.createServer(c => c.end("bye")).listen(0, "127.0.0.1", () =>
    net.connect(s.address().port, "127.0.0.1").on("data", d => { console.log(String(d)); process.exit(6); })); }'""", 6)

    def test_files(self):
        self.both("mkdir d; for i in $(seq 300); do echo $i > d/f$i; done; ln -s f1 d/l; ln d/f2 d/h; chmod 640 d/f3; touch -d 2020-01-01 d/f4;"
                  "tar cf a.tar --sort=name --owner=0 --group=0 --mtime=2020-01-01 d && sha256sum a.tar && gzip -kn a.tar && sha256sum a.tar.gz;"
                  "mkdir o && tar xzf a.tar.gz -C o && diff -r d o/d && find o -type f | sort | xargs -P 4 -n 50 cat | sort -n | md5sum;"
                  "mv d e; rm -r o; cp -a e g; find g -name 'f1*' -exec sh -c 'wc -l \"$@\"' sh {} + | tail -n 1; du -a g | wc -l;"
                  "stat -c '%a %h %F' g/f3 g/h g/l; sed -i s/1/one/ g/f1; cat g/f1; rm -rf g e; ls; df . >/dev/null; flock f.lock echo locked")

    def test_text_tools(self):
        self.both("seq 200000 | sort -R --random-source=/bin/ls | sort -n | awk '{s += $1} END {print s}'; perl -e 'print join(\",\", map {$_ * 2} 1..9), \"\\n\"';"
                  "perl -e 'for (1..50) { my $o = `echo $_`; $s += $o } print \"$s\\n\"'; echo 'a b' | xargs -n1 echo; printf '%s\\n' {1..5} | paste -sd+ | bc 2>/dev/null || true")

    def test_signal_storms(self):
        self.need("gcc")
        (self.work / "storm.c").write_text(STORM)
        subprocess.run(["gcc", "-O1", "-pthread", "-o", self.work / "storm", self.work / "storm.c"], check=True)
        self.assertEqual(self.both("./storm alarm 300; ./storm preempt 300"), "bad 0, signals came\n" * 2)

    def test_terminals(self):
        self.need("script")
        self.both("script -qec 'stty -onlcr; test -t 0 && echo tty; stty size; sh -c \"exit 3\"' /dev/null; echo $?;"
                  """python3 -c 'import os, pty, sys
out = b""
def read(fd):
    global out
    d = os.read(fd, 1024); out += d
    return d
print(os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", "stty -onlcr; echo in-pty; exit 4"], read)), out)'""")

    def test_jobs_and_traps(self):
        self.both("set -m; sleep 0.2 & sleep 0.1 & wait; jobs; (trap 'echo term; exit 3' TERM; kill -TERM $BASHPID; sleep 1); echo $?;"
                  "coproc cat; echo x >&${COPROC[1]}; read -u ${COPROC[0]} y; echo $y; kill $COPROC_PID; wait $COPROC_PID 2>/dev/null; echo $?;"
                  # A child that was not sleep yet would run the trap, too.
                  "sleep 100 & kill -STOP $!; kill -CONT $!; kill $!; wait $! 2>/dev/null; echo $?; trap 'echo bye' EXIT; ulimit -c; echo <(true) | wc -l")


if __name__ == "__main__":
    unittest.main()
