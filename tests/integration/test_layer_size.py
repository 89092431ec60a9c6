#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a session may take of the host's disk: attacks on it, none of which writes more than 64 MiB, and who must not be hit."""

import errno
import json
import os
import subprocess
import sys
import time
import unittest

from cordon_testing import CORDON, TRACE, CordonTest, wait_for
from mcp_client import Client

MIB = 1 << 20
SIZE = 16 * MIB
MOST = 48  # MiB that an attack takes if nothing stops it

# Takes a mebibyte at a time, slowly enough for any machine to notice.
ATTACK = """
import ctypes, os, socket, sys, time
how, most = sys.argv[1], int(sys.argv[2])
held, ends = [], socket.socketpair()
ends[0].setblocking(False)

def nameless(flags=os.O_RDWR):
    fd = os.open("x", os.O_CREAT | flags, 0o600)
    os.unlink("x")
    return fd

def fill(fd):
    os.write(fd, b"x" * (1 << 20))
    return fd

def map_and_close(fd):
    libc = ctypes.CDLL(None)  # mmap.mmap() would keep a descriptor
    libc.mmap.restype = ctypes.c_void_p
    assert libc.mmap(None, ctypes.c_size_t(4096), 1, 1, fd, ctypes.c_long(0)) != ctypes.c_void_p(-1).value
    os.close(fd)

def send(fd):
    socket.send_fds(ends[0], [b"x"], [fd])
    os.close(fd)

def deep():
    for _ in range(300):
        os.mkdir("d")
        os.chdir("d")
        held.append(os.open(".", os.O_RDONLY))
    files = [os.open(f"f{i}", os.O_CREAT | os.O_WRONLY, 0o600) for i in range(most)]
    for fd in reversed(held):
        os.fchmod(fd, 0)
    held[:] = files

ways = {
    "files": lambda i: os.close(fill(os.open(f"f{i}", os.O_CREAT | os.O_WRONLY, 0o600))),
    "nameless": lambda i: held.append(fill(nameless())),
    "mapped": lambda i: map_and_close(fill(nameless())),
    "in-flight": lambda i: send(fill(nameless())),
    "deep": lambda i: fill(held[i]),
    "empty": lambda i: [os.close(os.open(f"{i}-{k}", os.O_CREAT | os.O_WRONLY, 0o600)) for k in range(256)],
}
if how == "not-dumpable":
    ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
    how = "nameless"
if how == "deep":
    deep()
for i in range(most):
    ways[how](i)
    time.sleep(0.02)
time.sleep(2)
print("took it all", flush=True)
"""

FALLOCATE = """
import ctypes, errno, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
fd = os.open("f", os.O_CREAT | os.O_RDWR, 0o600)

def fallocate(mode, offset, length):
    r = libc.syscall(285 if os.uname().machine == "x86_64" else 47, fd, mode, ctypes.c_long(offset), ctypes.c_long(length))
    return errno.errorcode[ctypes.get_errno()] if r else "ok"

def ioctl(number, length):
    r = libc.ioctl(fd, ctypes.c_ulong(number), struct.pack("hhiqqii16x", 1, 0, 0, 0, length, 0, 0))
    return errno.errorcode[ctypes.get_errno()] if r else "ok"

"""


class LayerTest(CordonTest):
    SIZE = ("--layer-size", SIZE)

    def attack(self, how, *options):
        script = self.work / "attack.py"
        script.write_text(ATTACK)
        r = self.run_in("python3", "attack.py", how, MOST, options=[*options, "--json"])
        return r, json.loads(r.stderr.decode().splitlines()[-1])

    def hits(self):
        return [(e["fields"]["limit"], e["fields"].get("op")) for e in self.events("limit.hit")]


class Refused(LayerTest):
    """At once, whatever file it is for."""

    def python(self, code, *options):
        r = self.run_in("python3", "-c", FALLOCATE + code, options=options)
        self.assertEqual(r.returncode, 0, r.stderr.decode())
        return r.stdout.decode().split()

    def test_fallocate(self):
        code = """
for mode in 0, 1, 16, 17:  # KEEP_SIZE is not asked for RLIMIT_FSIZE by the kernel
    print(fallocate(mode, 0, 40 << 20))
print(ioctl(0x40305828, 40 << 20), ioctl(0x4030582a, 40 << 20), ioctl(0x40305839, 40 << 20))
print(os.fstat(fd).st_blocks)
"""
        self.assertEqual(self.python(code, *self.SIZE), ["ENOSPC"] * 4 + ["ENOTTY"] * 3 + ["0"])
        self.assertIn(("disk", "fallocate"), self.hits())
        if os.environ.get("CORDON_RESIDENT"):
            return
        # With the wall away all of it is there.
        self.assertEqual(self.python(code.replace("1, 16, 17", "1"), "--layer-size=1G")[:2], ["ok", "ok"])

    def test_many_pieces(self):
        """Between two looks of the keeper, too."""
        code = """
told = [fallocate(1, i << 20, 1 << 20) for i in range(60)]
print(told.count("ok"), os.fstat(fd).st_blocks // 2048)
"""
        allowed, taken = self.python(code, *self.SIZE)
        self.assertLessEqual(int(allowed), SIZE // MIB)
        self.assertLessEqual(int(taken), SIZE // MIB + 1)

    def test_one_file_is_no_larger_than_all(self):
        r = self.sh("trap '' XFSZ; head -c 24M /dev/zero > f; echo $?", options=self.SIZE)
        if r.returncode == 0:  # or it was ended just before
            self.assertEqual(r.stdout, b"1\n")
            self.assertIn("File too large", r.stderr.decode())

    def test_what_makes_holes_is_never_refused(self):
        self.assertEqual(self.python("""
os.write(fd, bytes(1 << 20))
print(fallocate(3, 0, 1 << 40), fallocate(0, 0, 1 << 20), fallocate(0, 0, 0))
""", *self.SIZE), ["ok", "ok", "EINVAL"])


class Ended(LayerTest):
    """While it goes on."""

    def each(self, how, *options):
        r, summary = self.attack(how, *self.SIZE, *options)
        self.assertEqual((r.returncode, r.stdout), (137, b""), r.stderr.decode())
        self.assertEqual(summary["disk_ends"], 1)
        self.assertIn(("disk", None), self.hits())
        self.assertEqual(self.events("exec.end")[0]["fields"]["disk_ends"], 1)
        self.assertEqual(self.events("session.start")[0]["fields"]["layers"]["limit.layer"], str(SIZE))

    def test_many_files(self):
        self.each("files")
        r, _ = self.attack("files", "--layer-size=1G", "--session=free")
        self.assertEqual((r.returncode, r.stdout), (0, b"took it all\n"), "without the wall it gets through")

    def test_is_told(self):
        r = self.sh("for i in 1 2 3 4 5 6 7 8 9 10; do head -c 2M /dev/zero > f$i; sleep 0.1; done; sleep 2", options=self.SIZE)
        self.assertIn("out of room: the session may have %d bytes of the host's disk (--layer-size)" % SIZE, r.stderr.decode())
        self.assertIn("1 ended for want of room", self.cordon("log", "show", self.record).stdout.decode())

    def test_many_empty_files(self):
        self.each("empty")

    def test_files_without_a_name(self):
        self.each("nameless")
        r, _ = self.attack("nameless", "--layer-size=1G", "--session=free")
        self.assertEqual((r.returncode, r.stdout), (0, b"took it all\n"), "without the wall it gets through")

    def test_of_a_process_that_may_not_be_looked_at(self):
        self.each("not-dumpable")

    def test_that_are_mapped_only(self):
        self.each("mapped")

    def test_that_are_on_their_way_through_a_socket(self):
        self.each("in-flight")

    def test_deep_in_folders_that_their_owner_shut(self):
        self.each("deep")

    def test_a_killed_client_kept_its_layer(self):
        """What a session of the same name left counts."""
        self.sh(f"head -c 12M /dev/zero > old", options=[*self.SIZE, "--session=again"])
        wait_for(lambda: not self.holders())
        r = self.sh("for i in 1 2 3 4 5 6 7 8; do head -c 1M /dev/zero > f$i; sleep 0.3; done; echo won",
                    options=[*self.SIZE, "--session=again"])
        self.assertEqual((r.returncode, r.stdout), (137, b""), r.stderr.decode())


class Session(LayerTest):
    """One of several calls."""

    def client(self, *options):
        client = Client([CORDON, "mcp", "--trace", TRACE, "-w", str(self.work), "--record", str(self.record),
                         *map(str, options)], self.env, self.dir)
        self.addCleanup(client.abandon)
        client.open()
        return client

    FILL = "for i in 1 2 3 4 5 6 7 8 9 10 11 12; do head -c 2M /dev/zero > %s$i; sleep 0.1; done; sleep 1; echo won"

    def test_later_calls_can_delete(self):
        client = self.client(*self.SIZE)
        self.assertNotIn("won", client.text("bash", command=self.FILL % "a"))
        self.assertIn("deleted", client.text("bash", command="rm -f a* && sleep 1 && echo deleted"))
        self.assertIn("wrote", client.text("bash", command="head -c 8M /dev/zero > b && sleep 1 && echo wrote"))
        self.assertEqual(client.close()[0], 0)
        self.assertEqual([h[0] for h in self.hits()], ["disk"])

    def test_all_that_are_ended_together_are_told(self):
        client = self.client(*self.SIZE)
        for number, command in enumerate(("sleep 20", self.FILL % "t")):
            client.send({"id": f"both{number}", "method": "tools/call",
                         "params": {"name": "bash", "arguments": {"command": command}}})
        answers = [client.answer() for _ in range(2)]
        for answer in answers:
            self.assertIn("out of room", json.dumps(answer))
        self.assertEqual(client.close()[0], 0)
        self.assertEqual([e["fields"]["hits"] for e in self.events("limit.hit")], [1, 1])

    def test_who_adds_to_it_again_is_ended_again_and_the_session_at_last(self):
        client = self.client(*self.SIZE)
        texts = [client.text("bash", command=self.FILL % f"n{i}-") for i in range(10)]
        self.assertEqual([t for t in texts if "won" in t], [])
        self.assertIn("out of room", texts[0])
        self.assertIn("its calls were ended 9 times for that", texts[-1])
        layer = next((self.dir / "state/sessions").glob("*/layers/upper"))
        taken = sum(p.stat().st_blocks * 512 for p in layer.rglob("*"))
        self.assertLess(taken, SIZE + SIZE // 4 + 64 * MIB + 16 * MIB)


@unittest.skipIf(os.geteuid(), "needs root to mount a small file system")
class Reserve(LayerTest):
    """On a file system that is nobody else's. When it has hardly anything left, its last space goes to nobody."""

    def setUp(self):
        super().setUp()
        state = self.dir / "state"
        state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64M,mode=755", "none", state], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", state], check=True)

    def test_who_grows_then_is_ended(self):
        state = self.dir / "state"
        # Beside a session that does nothing, which is not to be ended.
        writes = """
import os, time
print("ready", flush=True)
input()
try:
    os.posix_fallocate(os.open("space", os.O_CREAT | os.O_WRONLY), 0, 1 << 20)
except OSError as e:
    print(e.errno, flush=True)
for i in range(%d):
    with open(f"f{i}", "wb") as f:
        f.write(bytes(1 << 16))
    time.sleep(0.05)
time.sleep(2)
print("done", flush=True)
"""
        grows, rests = (self.begin(writes % n, i) for i, n in enumerate((30, 1)))
        for process in grows, rests:
            if not process.stdout.readline():
                self.skipTest(process.communicate()[1].decode())  # no layer on such a file system
        with open(state / "filler", "wb") as f:
            stat = os.statvfs(state)
            f.write(bytes(stat.f_bavail * stat.f_frsize - (2500 << 10)))
        time.sleep(1)  # the keepers look twice a second
        told = [process.communicate(b"\n", timeout=60) for process in (grows, rests)]
        self.assertEqual((grows.returncode, rests.returncode), (137, 0), told)
        self.assertEqual(told[1][0], b"%d\ndone\n" % errno.ENOSPC)

    def test_a_neighbour_of_who_holds_what_cannot_be_measured(self):
        """What others write and delete again counts once for that, not each time."""
        holds = self.begin("""
import os, socket, time
ends = socket.socketpair()
fd = os.open("x", os.O_CREAT | os.O_RDWR)
os.write(fd, bytes(1 << 20))
os.unlink("x")
socket.send_fds(ends[0], [b"x"], [fd])
os.close(fd)
print("ready", flush=True)
input()
print("done", flush=True)
""", 0, size="16M")
        self.assertEqual(holds.stdout.readline(), b"ready\n")
        filler = self.dir / "state/filler"
        for most in (9, *[1] * 8) * 6:  # so that measurements find much of it, then little
            with open(filler, "wb") as f:
                for _ in range(most):
                    f.write(bytes(MIB))
                    f.flush()
                    time.sleep(0.03)
            filler.unlink()
            time.sleep(0.03)
        told = holds.communicate(b"\n", timeout=60)
        self.assertEqual((holds.returncode, told[0]), (0, b"done\n"), told[1].decode())

    def begin(self, code, i, size="48M"):
        self.record = self.dir / f"{i}.jsonl"
        return self.start("python3", "-c", code, options=[f"--layer-size={size}", f"--session=s{i}"], stdin=subprocess.PIPE)


@unittest.skipIf(os.geteuid(), "needs root to mount a small file system")
class NearlyFull(LayerTest):
    """Where a session would be ended for the first that it writes, it does not begin, unless somebody says how much it may have."""

    def small(self, options):
        state = self.dir / "state"
        state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{options},mode=755", "none", state], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", state], check=True)

    def check(self):
        r = self.run_in("true")
        self.assertEqual((r.returncode, r.stdout), (125, b""), r.stderr.decode())
        self.assertRegex(r.stderr.decode(), "the disk of .*/state.* is nearly full.*--layer-size")
        self.assertEqual(self.sh("echo x > f && echo done", options=self.SIZE).stdout, b"done\n")

    def test_no_bytes(self):
        self.small("size=6M")
        self.check()

    def test_no_names(self):
        self.small("size=64M,nr_inodes=1500")
        self.check()


@unittest.skipIf(os.geteuid(), "needs root to mount a small file system")
class WithoutSize(LayerTest):
    """The state folder is on a file system that does not tell how much is free."""

    def setUp(self):
        super().setUp()
        state = self.dir / "state"
        state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=0,mode=755", "none", state], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", state], check=True)

    def test_there_is_no_default(self):
        r = self.run_in("fallocate", "-l", "8M", "space")
        self.assertEqual(r.returncode, 0, r.stderr.decode())
        self.assertEqual(self.events("session.start")[0]["fields"]["layers"]["limit.layer"], "off")

    def test_what_is_asked_for_holds(self):
        r, summary = self.attack("files", *self.SIZE)
        self.assertEqual((r.returncode, r.stdout, summary["disk_ends"]), (137, b"", 1), r.stderr.decode())


class Innocent(LayerTest):
    def test_a_neighbour(self):
        """The host fills what the session's room would be, and another session is ended for its own."""
        quiet = self.start("sh", "-c", "echo here > f; sleep 4; cat f", options=["--layer-size=8M", "--session=quiet"])
        other = self.dir / "host"
        for i in range(24):
            with open(other, "ab") as f:
                f.write(bytes(MIB))
                f.flush()
        self.record = self.dir / "other.jsonl"
        r, _ = self.attack("files", *self.SIZE)
        self.assertEqual(r.returncode, 137, r.stderr.decode())
        out, err = quiet.communicate(timeout=60)
        self.assertEqual((quiet.returncode, out), (0, b"here\n"), err.decode())

    def test_work_below_the_limit(self):
        """Much more is written than is kept: over and over, to files that go, by many names of one."""
        r = self.sh("""
set -e
for i in 1 2 3 4 5 6; do head -c 4M /dev/zero > a; head -c 4M /dev/zero > b$i; rm b$i; sleep 0.05; done
for i in 1 2 3 4 5 6 7 8 9; do ln a l$i; done
python3 -c 'import tempfile, time
for _ in range(6):
    with tempfile.TemporaryFile(dir=".") as f: f.write(bytes(4 << 20)); f.flush(); time.sleep(0.05)'
sleep 1
echo done
""", options=self.SIZE)
        self.assertEqual((r.returncode, r.stdout), (0, b"done\n"), r.stderr.decode())
        self.assertEqual(self.events("limit.hit"), [])

    def test_a_build_with_the_default(self):
        r = self.sh("""
set -e
i=0
while [ $i -lt 400 ]; do mkdir -p d$((i % 20)); echo "int f$i(void) { return $i; }" > d$((i % 20))/f$i.c; i=$((i + 1)); done
fallocate -l 8M space 2>/dev/null || test $? = 1
cat d*/*.c > all.c
tar cf all.tar d*
truncate -s 1G sparse
echo done
""")
        self.assertEqual((r.returncode, r.stdout), (0, b"done\n"), r.stderr.decode())
        self.assertEqual(self.events("limit.hit"), [])
        stat = os.statvfs(self.dir)
        size = int(self.events("session.start")[0]["fields"]["layers"]["limit.layer"])
        self.assertLess(size, stat.f_bavail * stat.f_frsize)

    def test_a_kept_layer_with_many_files(self):
        """A linker reserves its output at once, before such a layer can have been measured."""
        options = ["--session=again", "--layer-size=2G"]
        self.run_in("python3", "-c", "for i in range(20000): open(f'f{i}', 'w').close()", options=options)
        for number in range(3):
            wait_for(lambda: not self.holders())
            self.record = self.dir / f"{number}.jsonl"
            r = self.run_in("fallocate", "-l", "8M", f"space{number}", options=options)
            self.assertEqual(r.returncode, 0, r.stderr.decode())
        self.assertEqual(self.events("limit.hit"), [])

    def test_large_files_that_are_not_of_the_layer(self):
        """Files with holes, and those on other disks, are bounded by no default, only by what was asked for."""
        code = "import os; os.ftruncate(os.open('sparse', os.O_CREAT | os.O_WRONLY), 1 << 40); os.ftruncate(1, 1 << 40)"
        for options, status, size in (((), 0, 1 << 40), (self.SIZE, 153, 0)):
            with self.subTest(options), open(self.dir / "out", "wb") as out:
                r = self.start("python3", "-c", "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n" + code,
                               options=["--discard", *options], stdout=out)
                self.assertEqual((r.wait(timeout=60), os.fstat(out.fileno()).st_size), (status, size))
            self.record = self.dir / "second.jsonl"

    def test_nothing_is_counted_without_a_layer(self):
        r = self.sh("fallocate -l 8M /tmp/f && echo done", options=["-w", f"{self.work}:ro"])
        self.assertEqual((r.returncode, r.stdout), (0, b"done\n"), r.stderr.decode())
        self.assertNotIn("limit.layer", self.events("session.start")[0]["fields"]["layers"])


class Lite(LayerTest):
    """The private folder is on the host's /tmp."""

    def test_many_files(self):
        script = self.work / "attack.py"
        script.write_text(ATTACK)
        self.work.chmod(0o755)
        self.dir.chmod(0o755)
        script.chmod(0o644)
        for how in "files", "nameless", "deep":
            with self.subTest(how):
                r = self.sh(f'cd "$HOME" && exec python3 {script} {how} {MOST}', options=["--isolation=lite", *self.SIZE, "--json"])
                if r.returncode == 125:
                    self.skipTest(r.stderr.decode())
                self.assertEqual((r.returncode, r.stdout), (137, b""), r.stderr.decode())
                self.assertEqual(json.loads(r.stderr.decode().splitlines()[-1])["disk_ends"], 1)


def in_private_mounts():
    """Root, in a mount namespace that ends with this process: the file system made here is nobody else's."""
    if os.geteuid() or os.environ.get("PRIVATE_MOUNTS"):
        return
    os.environ["PRIVATE_MOUNTS"] = "yes"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


if __name__ == "__main__":
    in_private_mounts()
    unittest.main()
