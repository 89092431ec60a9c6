#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Labels of what comes over the network: files that were downloaded are told from others when they are run."""

import io
import os
import pathlib
import shutil
import socket
import tarfile
import threading
import unittest

import net_testing
from cordon_testing import NO_TRACE, TRACE
from net_testing import SERVER, SERVER6, NetTest
from policy_testing import SHIPPED, rule

SCRIPT = b"#!/bin/sh\n/bin/true\n"
TRUE = pathlib.Path(shutil.which("true")).read_bytes()
LABEL = [{"label": "downloaded", "from": "network"}]
# With the back end lsm a kernel of these may skip a program, after which every process has what its session has (cordon-policy(5)).
MAY_SKIP = int(os.uname().release.split(".")[0]) >= 7


def run(**more):
    return {"action": {"kind": "exec", "path": "/w/x", **more}}


def of_file(verdict="log", kind="exec"):
    action = {"kind": kind, "path": "/w/x"}
    return rule("of-file", kind, "'downloaded' in action.file_labels", verdict,
                [{"action": {**action, "file_labels": ["downloaded"]}}], [{"action": action}])


def of_process():
    return rule("of-process", "exec", "'downloaded' in process.labels", "log",
                [run() | {"process_labels": ["downloaded"]}], [run()])


def tar():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in (("run", SCRIPT), ("bin", TRUE)):
            info = tarfile.TarInfo(name)
            info.size, info.mode = len(content), 0o755
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


class Downloads(NetTest):
    def setUp(self):
        super().setUp()
        self.use(of_file(), of_process())

    def use(self, *rules, labels=LABEL):
        self.rules = self.policy(*rules, labels=labels, defaults={"net.connect": "allow", "net.send": "allow", "exec": "allow"})

    def web(self, content, **kw):
        def serve(connection):
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(content) + content)
        return self.server(serve, **kw).port

    def sh(self, script, *options, status=0):
        done = self.run_in("sh", "-c", script, options=[*self.net(), *options])
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def execs(self, name):
        """The exec events of what has that name at the end of its path."""
        return [e for e in self.events("exec") if e["fields"]["path"].endswith("/" + name)]

    def matched(self, event):
        return {r for r in [event.get("rule"), *(a["rule"] for a in event.get("also", []))] if r}

    def is_downloaded(self, name):
        return {e["fields"].get("file_labels", []) == ["downloaded"] for e in self.execs(name)}

    def expect_none(self, *names):
        """None of these is taken for one that was downloaded; where the kernel skipped a program, that is told."""
        kinds = [e["kind"] for e in self.events()]
        if MAY_SKIP and "label.everywhere" in kinds:
            self.skipTest("the kernel skipped a program: every process has what its session has, and the record says so")
        for name in names:
            self.assertEqual(self.is_downloaded(name), {False}, name)


@unittest.skipUnless(TRACE == "on", NO_TRACE)
class Files(Downloads):
    def fetch(self, content, name="x", address=SERVER):
        host = f"[{address}]" if ":" in address else address
        return f"curl -sSg -o {name} http://{host}:{self.web(content, address=address)}/ && chmod +x {name}"

    def test_a_script_and_a_program(self):
        for content in (SCRIPT, TRUE):
            with self.subTest(content[:4]):
                self.sh(f"{self.fetch(content)}; cp x y; mv y z; ln z v; ./x; ./z; ./v; cp /bin/true own; ./own")
                for name in "xzv":
                    self.assertEqual(self.is_downloaded(name), {True}, name)
                    self.assertIn("of-file", self.matched(self.execs(name)[0]))
                self.expect_none("own")

    def test_it_is_refused_before_it_runs(self):
        self.use(of_file("deny"))
        done = self.sh(f"{self.fetch(TRUE)}; ./x && echo ran", status=126)
        self.assertNotIn(b"ran", done.stdout)
        self.assertEqual([e["verdict"] for e in self.execs("x")], ["deny"])

    def test_who_runs_what_it_is_sent(self):
        self.sh(f"curl -sS http://{SERVER}:{self.web(SCRIPT)}/ | sh; /bin/echo")
        self.assertEqual([self.matched(e) for e in self.execs("true")], [{"of-process"}])
        self.expect_none("echo", "true")
        self.assertEqual([self.matched(e) for e in self.execs("echo")], [set()])

    def test_archives(self):
        for unpack in (f"curl -sS http://{SERVER}:{self.web(tar())}/ | tar x", self.fetch(tar(), "a") + "; cat a | tar x",
                       self.fetch(tar(), "a") + "; tar xf a"):
            with self.subTest(unpack):
                self.sh(f"mkdir d; cd d; {unpack}; ./run; ./bin; cp /bin/true own; ./own; cd ..; rm -r d")
                for name in "run", "bin":
                    self.assertEqual(self.is_downloaded(name), {True}, name)
                self.expect_none("own")

    def test_over_ipv6(self):
        self.sh(f"{self.fetch(TRUE, address=SERVER6)}; ./x; cp /bin/true own; ./own")
        self.assertEqual(self.is_downloaded("x"), {True})
        self.expect_none("own")

    def test_what_was_built_here(self):
        if not shutil.which("cc"):
            self.skipTest("needs cc")
        self.sh(f"{self.fetch(TRUE)}; echo 'int main(void) {{ return 0; }}' > own.c; cc -o own own.c; ./own; ./x")
        self.assertEqual(self.is_downloaded("x"), {True})
        self.expect_none("own")

    def test_servers_of_the_session_are_not_the_network(self):
        serve = "import http.server as h; s = h.HTTPServer((A, 0), h.SimpleHTTPRequestHandler); open('port', 'w').write(str(s.server_port)); s.serve_forever()"
        for address in "127.0.0.1", "::1":
            with self.subTest(address):
                family = "h.HTTPServer.address_family = 10; " if ":" in address else ""
                host = f"[{address}]" if ":" in address else address
                code = serve.replace("; s =", f"; {family}s =").replace("A,", f"'{address}',")
                self.sh(f"cp /bin/true t; python3 -c \"{code}\" 2>/dev/null & until [ -s port ]; do sleep 0.1; done;"
                        f"curl -sSg -o x http://{host}:$(cat port)/t; chmod +x x; ./x; kill $!; rm port")
                self.assertEqual(len(self.execs("x")), 1)
                self.expect_none("x")

    def test_no_socket_hides_it(self):
        """Bound to the very address that it connects to, mapped into IPv6, read in each way that there is."""
        head = ("import os, socket, sys\nA, P = sys.argv[1], int(sys.argv[2])\nout = os.open('x', os.O_WRONLY | os.O_CREAT, 0o755)\n"
                "def get(s):\n    s.sendall(b'get')\n    return s\n")
        connect = "s = get(socket.create_connection((A, P)))\n"
        ways = {
            "bound": "s = socket.socket(); s.bind((A, 0)); s.connect((A, P)); os.write(out, get(s).recv(1 << 20))\n",
            "mapped": "s = socket.socket(socket.AF_INET6); s.connect(('::ffff:' + A, P)); os.write(out, get(s).recv(1 << 20))\n",
            "read": connect + "os.write(out, os.read(s.fileno(), 1 << 20))\n",
            "readv": connect + "b = bytearray(1 << 20); n = os.readv(s.fileno(), [b]); os.write(out, b[:n])\n",
            "recvmsg": connect + "os.write(out, s.recvmsg(1 << 20)[0])\n",
            "splice": connect + "r, w = os.pipe(); n = os.splice(s.fileno(), w, 1 << 20); os.splice(r, out, n)\n",
            "forked": connect + "p = os.fork()\nif p: os.waitpid(p, 0); sys.exit()\nos.write(out, s.recv(1 << 20))\n",
        }
        for name, way in ways.items():
            with self.subTest(name):
                (self.work / "way.py").write_text(head + way)
                port = self.server(lambda c: (c.recv(10), c.sendall(SCRIPT), c.shutdown(socket.SHUT_WR), c.recv(1))).port
                self.sh(f"rm -f x; python3 way.py {SERVER} {port}; ./x; cp /bin/true own; ./own")
                self.assertEqual(self.is_downloaded("x"), {True})
                self.expect_none("own")

    def test_datagrams(self):
        """Of a socket without a peer, bound to loopback all the same; only who reads from it has the label."""
        server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        server.bind((SERVER, 0))
        self.addCleanup(server.close)

        def serve():
            while True:
                try:
                    _, who = server.recvfrom(100)
                except OSError:
                    return
                server.sendto(SCRIPT, who)
        threading.Thread(target=serve, daemon=True).start()
        for bound in "", "s.bind((A, 0))", "s.bind(('127.0.0.1', 0))":
            with self.subTest(bound):
                (self.work / "way.py").write_text(
                    "import os, socket, sys\nA, P = sys.argv[1], int(sys.argv[2])\ns = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                    f"s.settimeout(3)\n{bound}\ntry: s.sendto(b'get', (A, P)); got = s.recvfrom(100)[0]\n"
                    "except OSError as e: print(e); sys.exit(9)\nos.write(os.open('x', os.O_WRONLY | os.O_CREAT, 0o755), got)\n")
                done = self.run_in("sh", "-c", f"rm -f x; python3 way.py {SERVER} {server.getsockname()[1]} && ./x", options=self.net())
                if done.returncode != 9:  # what nothing was got by hides nothing
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertEqual(self.is_downloaded("x"), {True})
                self.assertTrue(done.returncode == 0 or bound)

    def test_a_library(self):
        self.use(of_file(kind="mem.exec"))
        library = next(line.split()[2] for line in os.popen("ldd /bin/ls") if "=>" in line and "libc.so" not in line)
        self.sh(f"{self.fetch(pathlib.Path(library).read_bytes(), 'l.so')}; cp {library} own.so;"
                "python3 -c \"import ctypes; ctypes.CDLL('./own.so'); ctypes.CDLL('./l.so')\"")
        maps = {e["fields"]["path"].rsplit("/", 1)[1]: e for e in self.events("mem.exec") if e["fields"].get("path")}
        self.assertEqual(maps["l.so"]["fields"].get("file_labels"), ["downloaded"])
        self.assertEqual(maps["l.so"].get("rule"), "of-file")
        self.assertNotIn("file_labels", maps["own.so"]["fields"])

    def test_labels_of_files_that_were_not_downloaded(self):
        """Those of a labelled file, of a path, and of what was written by who had read one."""
        (self.work / "key").write_bytes(TRUE)
        (self.work / "key").chmod(0o755)
        self.use(rule("secret", "exec", "'secret' in action.file_labels", "log",
                      [run(file_labels=["secret"])], [run()]),
                 rule("named", "exec", "'named' in action.file_labels", "log",
                      [run(file_labels=["named"])], [run()]),
                 labels=[{"label": "named", "paths": ["**/odd"]}])
        self.sh("cp /bin/true own; ./own; cp key copy; ./copy; cp /bin/true odd; ./odd; ./key",
                "--label", f"{self.work / 'key'}=secret")
        got = {n: self.execs(n)[0]["fields"].get("file_labels") for n in ("own", "copy", "odd", "key")}
        self.assertEqual(got, {"own": None, "copy": ["secret"], "odd": ["named"], "key": ["secret"]})

    def test_nobody_asks(self):
        """Where no rule reads it there is no such label."""
        self.use()
        self.sh(f"{self.fetch(TRUE)}; ./x")
        self.assertEqual(self.events("label.set"), [])
        self.assertNotIn("file_labels", self.execs("x")[0]["fields"])

    def test_the_record_is_replayed(self):
        self.sh(f"{self.fetch(TRUE)}; ./x")
        replayed = self.cordon("log", "replay", "--json", "--policy", self.rules, self.record)
        self.assertEqual((replayed.returncode, replayed.stderr.decode()), (0, ""), replayed.stdout.decode())


@unittest.skipUnless(TRACE == "on", NO_TRACE)
class Shipped(Downloads):
    """The rules that ship, beside what allows all: what they tell, and that ordinary work is told of nowhere."""

    def setUp(self):
        super().setUp()
        self.use(labels=[])

    def told(self, script):
        self.sh(script, "--policy", SHIPPED / "optional")
        return {(e["rule"], e["fields"]["path"].rsplit("/", 1)[1]) for e in self.events()
                if e.get("rule", "").startswith("dl.") and e["verdict"] == "log"}

    def test_what_is_told(self):
        at = f"http://{SERVER}:{self.web(SCRIPT)}/"
        packed = f"http://{SERVER}:{self.web(tar())}/"
        for script, told in ((f"curl -sS -o x {at}; chmod +x x; ./x", {("dl.run", "x")}),
                             (f"curl -sS {packed} | tar x; ./bin; ./run", {("dl.run", "bin"), ("dl.run", "run")}),
                             (f"curl -sS {at} | sh", {("dl.told-shell", "true")})):
            with self.subTest(script):
                self.assertLessEqual(told, self.told(script))

    def test_ordinary_work_is_not(self):
        at = f"http://{SERVER}:{self.web(SCRIPT)}/"
        told = self.told(f"curl -sS -o data {at}; wc data; cp /bin/true own; ./own; python3 -c 'import os; os.system(\"/bin/true\")'")
        if not MAY_SKIP or not self.events("label.everywhere"):
            self.assertEqual(told, set())


class Untraced(Downloads):
    def test_without_a_trace_all_that_can_be_written_has_it(self):
        self.sh("cp /bin/true own; ./own", "--trace", "off")
        self.assertEqual(self.is_downloaded("own"), {True})
        self.assertEqual(self.is_downloaded("cp"), {False})


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
