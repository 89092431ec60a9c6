# SPDX-License-Identifier: Apache-2.0
"""What is changed while a question is open is not what was agreed to."""

import unittest

from approver_testing import Approver, ask_for, rule
from cordon_testing import SLOWER, CordonTest

# A thread is stopped in a call that is asked about; when told to, by a line on standard input, the main thread
# changes what that call was about, says so, and waits for its end.
RACE = """
import ctypes, os, sys, threading
libc = ctypes.CDLL(None, use_errno=True)
SYS_execve = 59 if os.uname().machine == "x86_64" else 221
def strings(*texts):
    return (ctypes.c_char_p * (len(texts) + 1))(*texts, None)
def race(call, change):
    pid = os.fork()
    if pid:
        os.waitpid(pid, 0)
        print("over", flush=True)
        return
    def caller():
        call()
        print("failed", os.strerror(ctypes.get_errno()), flush=True)
        os._exit(1)
    thread = threading.Thread(target=caller)
    thread.start()
    sys.stdin.buffer.raw.read(1)
    change()
    print("changed", flush=True)
    thread.join()
"""


class Attacks(CordonTest):
    def setUp(self):
        super().setUp()
        self.approver = Approver(self)

    def race(self, script, policy, options=(), change=True):
        """Agrees to the first question, after the change, and to no other. What was said inside then."""
        run = self.start("python3", "-c", RACE + script, stdin=-1,
                         options=["-p", policy, self.approver.option, *options])
        first, peer = self.approver.next()
        run.stdin.write(b"x")
        run.stdin.flush()
        self.assertEqual(run.stdout.readline(), b"changed\n")
        self.approver.answer_all(lambda q: "deny")
        self.approver.answer(first, peer, "allow")
        out, err = run.communicate(timeout=60 * SLOWER)
        return first, self.approver.asked[1:], out.decode() + err.decode()

    def expect_asked_anew(self, first, others, said):
        self.assertNotIn("STOLEN", said)
        self.assertIn("failed Operation not permitted", said)
        self.assertTrue(others, said)
        answers = [(e["verdict"], e["fields"]["question"]) for e in self.events("ask.answer")]
        self.assertEqual(answers[0], ("allow", first["id"]))
        self.assertEqual({v for v, _ in answers[1:]}, {"deny"})
        self.assertEqual(self.verified()[0], 0)

    def test_nothing_is_changed(self):
        """Or the other tests would show nothing."""
        _, others, said = self.race("""
argv = strings(b"id", b"-u")
race(lambda: libc.syscall(SYS_execve, b"/usr/bin/id", argv, None), lambda: None)
""", self.policy(ask_for("id", "uname")))
        self.assertIn("1000\n", said)
        self.assertEqual(others, [])

    def test_the_path(self):
        first, others, said = self.race("""
path = ctypes.create_string_buffer(b"/usr/bin/id", 64)
argv = strings(b"echo", b"STOLEN")
def change(): path.value = b"/usr/bin/echo"
race(lambda: libc.syscall(SYS_execve, path, argv, None), change)
""", self.policy(ask_for("id", "echo")))
        self.expect_asked_anew(first, others, said)
        self.assertEqual(others[0]["fields"]["path"], "/usr/bin/echo")

    def test_the_path_to_what_needs_no_question(self):
        """It is judged as if it had been this from the start."""
        _, others, said = self.race("""
path = ctypes.create_string_buffer(b"/usr/bin/id", 64)
argv = strings(b"x", b"free")
def change(): path.value = b"/usr/bin/echo"
race(lambda: libc.syscall(SYS_execve, path, argv, None), change)
""", self.policy(ask_for("id")))
        self.assertEqual((others, "free\n" in said), ([], True))
        self.assertEqual([e["verdict"] for e in self.events("exec") if e["fields"]["name"] == "echo"], ["allow"])

    def test_the_path_to_what_is_denied(self):
        _, others, said = self.race("""
path = ctypes.create_string_buffer(b"/usr/bin/id", 64)
argv = strings(b"x", b"STOLEN")
def change(): path.value = b"/usr/bin/echo"
race(lambda: libc.syscall(SYS_execve, path, argv, None), change)
""", self.policy(ask_for("id"), {**ask_for("echo", verdict="deny"), "id": "deny.echo"}))
        self.assertNotIn("STOLEN", said)
        self.assertEqual(others, [])
        self.assertEqual(self.events("exec")[-1]["rule"], "deny.echo")

    def test_an_argument(self):
        first, others, said = self.race("""
word = ctypes.create_string_buffer(b"agreed", 64)
argv = (ctypes.c_void_p * 3)(ctypes.cast(ctypes.c_char_p(b"echo"), ctypes.c_void_p), ctypes.addressof(word), None)
def change(): word.value = b"STOLEN"
race(lambda: libc.syscall(SYS_execve, b"/usr/bin/echo", argv, None), change)
""", self.policy(ask_for("echo")))
        self.expect_asked_anew(first, others, said)
        self.assertEqual([q["fields"]["argv"][1] for q in (first, others[0])], ["agreed", "STOLEN"])

    def test_the_environment(self):
        """Which is not even shown."""
        first, others, said = self.race("""
word = ctypes.create_string_buffer(b"X=agreed", 64)
env = (ctypes.c_void_p * 2)(ctypes.addressof(word), None)
def change(): word.value = b"X=STOLEN"
race(lambda: libc.syscall(SYS_execve, b"/usr/bin/env", strings(b"env"), env), change)
""", self.policy(ask_for("env")))
        self.expect_asked_anew(first, others, said)

    def test_a_link(self):
        first, others, said = self.race("""
os.symlink("/usr/bin/id", "link")
argv = strings(b"link", b"STOLEN")
def change():
    os.symlink("/usr/bin/echo", "other")
    os.rename("other", "link")
race(lambda: libc.syscall(SYS_execve, b"link", argv, None), change)
""", self.policy(ask_for("id", "echo")))
        self.expect_asked_anew(first, others, said)

    def test_another_file_of_the_same_name(self):
        first, others, said = self.race("""
import shutil
shutil.copy("/usr/bin/id", "tool")
shutil.copy("/usr/bin/echo", "other")
argv = strings(b"tool", b"STOLEN")
race(lambda: libc.syscall(SYS_execve, b"./tool", argv, None), lambda: os.rename("other", "tool"))
""", self.policy(ask_for("tool")))
        self.expect_asked_anew(first, others, said)
        self.assertEqual(first["fields"], others[0]["fields"])

    def test_what_a_script_says(self):
        first, others, said = self.race("""
with open("run.sh", "w") as f: f.write("#!/bin/sh\\necho agreed\\n")
os.chmod("run.sh", 0o755)
def change():
    with open("run.sh", "r+") as f: f.write("#!/bin/sh\\necho STOLEN\\n")
race(lambda: libc.syscall(SYS_execve, b"./run.sh", strings(b"run.sh"), None), change)
""", self.policy(ask_for("run.sh")))
        self.expect_asked_anew(first, others, said)

    def written(self):
        """Rules that ask for files below the workspace's folders."""
        return self.policy(rule("ask.file", "action.write && glob(action.path, '/**/asked/**')",
                                ("file.open", "file.change"),
                                match={"kind": "file.open", "write": True, "path": "/w/asked/x"},
                                not_match={"kind": "file.open", "write": True, "path": "/w/x"}))

    def folders(self):
        for name in ("asked/a", "asked/b"):
            (self.work / name).mkdir(parents=True)
        return ["-w", f"{self.work}:live"]

    def test_a_folder_on_the_way_of_a_file(self):
        options = self.folders()
        first, others, said = self.race("""
os.symlink("asked/a", "way")
def change():
    os.symlink("asked/b", "other")
    os.rename("other", "way")
def call(): libc.open(b"way/file", os.O_WRONLY | os.O_CREAT, 0o644) >= 0 and os._exit(0)
race(call, change)
""", self.written(), options)
        self.expect_asked_anew(first, others, said)
        self.assertEqual([q["fields"]["path"][-8:] for q in (first, others[0])], ["d/a/file", "d/b/file"])
        self.assertEqual(list((self.work / "asked").rglob("file")), [])

    def test_another_file_under_the_name(self):
        """All that policy sees is the same; the file is one that nobody agreed to."""
        options = self.folders()
        (self.work / "precious").write_text("precious")
        (self.work / "asked/a/file").write_text("agreed")
        policy = self.policy(rule("ask.cut", "action.op == 'truncate'", ("file.change",),
                                  match={"kind": "file.change", "op": "truncate"}))
        first, others, said = self.race("""
def call(): libc.truncate(b"asked/a/file", 0) == 0 and os._exit(0)
race(call, lambda: os.rename("precious", "asked/a/file"))
""", policy, options)
        self.expect_asked_anew(first, others, said)
        self.assertEqual(first["fields"], others[0]["fields"])
        self.assertEqual((self.work / "asked/a/file").read_text(), "precious")

    def test_a_file_that_is_agreed_to(self):
        options = self.folders()
        self.approver.answer_all(lambda q: "allow")
        run = self.start("sh", "-c", "echo yes > asked/a/file; mv asked/a/file asked/b/file; cat asked/b/file",
                         options=["-p", self.written(), self.approver.option, *options])
        out, err = run.communicate(timeout=60 * SLOWER)
        self.assertEqual(out, b"yes\n", err)
        self.assertEqual([q["kind"] for q in self.approver.asked], ["file.open", "file.change"])

    def test_files_that_others_write_meanwhile(self):
        """The hands are free while somebody is asked."""
        options = self.folders()
        run = self.start("sh", "-c", "echo asked > asked/a/file & for i in 1 2 3; do echo $i > $i; cat $i; done; wait",
                         options=["-p", self.written(), self.approver.option, *options])
        question, peer = self.approver.next()
        self.assertEqual([run.stdout.readline() for _ in range(3)], [b"1\n", b"2\n", b"3\n"])
        self.approver.answer(question, peer, "allow")
        out, err = run.communicate(timeout=60 * SLOWER)
        self.assertEqual((self.work / "asked/a/file").read_text(), "asked\n", err)

    def test_messages_to_several(self):
        """One call, two destinations: both are asked about, and one no refuses both."""
        policy = self.policy(rule("ask.net", "action.port in [7, 8]", ("net.send",),
                                  match={"kind": "net.send", "port": 7}))
        script = """
import ctypes, os, socket, struct
libc = ctypes.CDLL(None, use_errno=True)
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
class iovec(ctypes.Structure): _fields_ = [("at", ctypes.c_char_p), ("len", ctypes.c_size_t)]
class mmsghdr(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("namelen", ctypes.c_uint), ("iov", ctypes.POINTER(iovec)),
                ("iovlen", ctypes.c_size_t), ("control", ctypes.c_void_p), ("controllen", ctypes.c_size_t),
                ("flags", ctypes.c_int), ("pad", ctypes.c_int), ("len", ctypes.c_uint)]
iov = iovec(b"x", 1)
names = [struct.pack("=H", socket.AF_INET) + struct.pack("!H", p) + socket.inet_aton("127.0.0.1") + bytes(8) for p in (7, 8)]
m = (mmsghdr * 2)(*[mmsghdr(n, 16, ctypes.pointer(iov), 1) for n in names])
print(libc.sendmmsg(s.fileno(), m, 2, 0), os.strerror(ctypes.get_errno()))
"""
        for second, said in (("allow", b"2 Success\n"), ("deny", b"-1 Operation not permitted\n")):
            with self.subTest(second):
                self.record.unlink(missing_ok=True)
                run = self.start("python3", "-c", script, options=["-p", policy, self.approver.option])
                for verdict in ("allow", second):
                    question, peer = self.approver.next()
                    self.approver.answer(question, peer, verdict)
                out, err = run.communicate(timeout=60 * SLOWER)
                self.assertEqual(out, said, err)
                self.assertEqual(len(self.events("ask.answer")), 2)


class Command(CordonTest):
    def test_what_it_starts_with(self):
        """No descriptor of the supervisor's (sessions, listeners, the record), and nothing of the session's environment."""
        found, approve = self.dir / "found", self.dir / "approve.sh"
        approve.write_text(f"#!/bin/sh\nls -l /proc/self/fd > {found}\nenv >> {found}\n")
        approve.chmod(0o700)
        self.run_in("id", options=["-p", self.policy(ask_for("id")), f"--approver=command:{approve}",
                                   "--env=OF_THE_SESSION=1"])
        lines = found.read_text().splitlines()
        numbers = [line.split(" -> ")[0].split()[-1] for line in lines if " -> " in line]
        self.assertEqual(numbers, ["0", "1", "2", "3"], lines)  # the last is the folder that ls reads
        self.assertIn(f"PATH={self.env['PATH']}", lines)
        self.assertNotIn("OF_THE_SESSION=1", lines)


if __name__ == "__main__":
    unittest.main()
