# SPDX-License-Identifier: Apache-2.0
"""Programs that the rows of the table run: sources only."""

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

THREADS = r"""
import os, queue, sys, threading, sysconfig

lock, done, work = threading.Lock(), [], queue.Queue()
def run():
    while (n := work.get()) is not None:
        with open(f"t{n % 7}", "a") as f: f.write("x")
        with lock: done.append(n * n)
for n in range(2000): work.put(n)
threads = [threading.Thread(target=run) for _ in range(12)]
for t in threads: work.put(None)
for t in threads: t.start()
for t in threads: t.join()
print(sum(done), len(done), sum(os.path.getsize(f"t{i}") for i in range(7)))
print(os.path.relpath(sys.prefix), sys.prefix != sys.base_prefix, os.path.relpath(sysconfig.get_path("purelib")))
"""

MADE = "#include <stdio.h>\n" + "".join(f"int m{i}(void);\n" for i in range(12)) + \
    "int main(void) { printf(\"%d\\n\", " + " + ".join(f"m{i}()" for i in range(12)) + "); return 0; }\n"
MAKEFILE = "p: main.o " + " ".join(f"m{i}.o" for i in range(12)) + "\n\t$(CC) -o $@ $^\nbad:\n\tfalse\n"

TRACED = """
#include <stdio.h>
static int twice(int n) { return 2 * n; }
int main(int argc, char **argv) { (void)argv; printf("ran %d\\n", twice(argc)); return 0; }
"""

JAVA = """
import java.nio.file.*;
import java.util.stream.*;

public class Work {
	public static void main(String[] args) throws Exception {
		Path dir = Files.createTempDirectory(Path.of("."), "j");
		Thread[] threads = new Thread[8];
		for (int i = 0; i < threads.length; i++) {
			final int n = i;
			threads[i] = new Thread(() -> {
				try { Files.writeString(dir.resolve("f" + n), "x".repeat(n)); } catch (Exception e) { throw new RuntimeException(e); }
			});
			threads[i].start();
		}
		for (Thread t : threads) t.join();
		try (Stream<Path> files = Files.list(dir)) {
			System.out.println(files.map(f -> f.getFileName() + "=" + f.toFile().length()).sorted().collect(Collectors.joining(",")));
		}
		Process child = new ProcessBuilder("sh", "-c", "cat; exit 5").redirectErrorStream(true).start();
		child.getOutputStream().write("to a child".getBytes());
		child.getOutputStream().close();
		System.out.println(new String(child.getInputStream().readAllBytes()) + " " + child.waitFor());
		System.out.println(IntStream.range(0, 100000).parallel().mapToLong(i -> i).sum());
		System.exit(7);
	}
}
"""
