#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""No room for the record, or for what the session writes: it ends with the reason, and nothing lies."""

import fcntl
import os
import resource
import struct
import subprocess
import sys
import unittest

from cordon_testing import CORDON, SLOWER, TRACE, CordonTest, wait_for


def in_private_mounts():
    """Root, in a mount namespace that ends with this process: file systems made here are nobody else's."""
    if os.geteuid() or os.environ.get("PRIVATE_MOUNTS"):
        return
    os.environ["PRIVATE_MOUNTS"] = "yes"
    os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])


def fill(folder, leave=0):
    fd = os.open(folder / "filler", os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        while True:
            os.write(fd, b"x" * 4096)
    except OSError:
        os.close(fd)
    if leave:
        os.truncate(folder / "filler", (folder / "filler").stat().st_size - leave)


@unittest.skipIf(os.geteuid(), "needs root to mount a small file system")
class FullDisk(CordonTest):
    def small(self, name, size):
        """A file system of so many bytes."""
        path = self.dir / name
        path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "none", path], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=True)
        return path

    def test_record_on_a_full_disk(self):
        folder = self.small("full", 65536)
        fill(folder)
        self.record = folder / "r.jsonl"
        r = self.run_in("sh", "-c", "echo ran")
        self.assertEqual((r.returncode, r.stdout), (125, b""), r.stderr)
        self.assertIn(f"write the record {self.record}: No space left on device", r.stderr.decode())
        status, text = self.verified()
        self.assertEqual(status, 3, text)

    def test_full_in_the_middle_of_a_run(self):
        """At several sizes, so that the cut falls at the start, in a line, between lines, in the end."""
        for size in range(4096, 65537, 8192):
            with self.subTest(size):
                folder = self.small(f"s{size}", 131072)
                fill(folder, size)
                self.record = folder / "r.jsonl"
                r = self.run_in("sh", "-c", "i=0; while [ $i -lt 20000 ]; do /bin/true; i=$((i + 1)); done; echo ran",
                                timeout=60)
                self.assertEqual((r.returncode, r.stdout), (125, b""), r.stderr)
                self.assertIn("No space left on device", r.stderr.decode())
                status, text = self.verified()
                self.assertEqual(status, 3, text)
                self.assertIn("cut", text)
                self.assertGreater(self.record.stat().st_size, 0)
                self.assertTrue(wait_for(lambda: not self.holders() and not self.marked()))

    def test_only_the_end_does_not_fit(self):
        """Whatever the free space is: status 0 means that the record is closed."""
        self.run_in("true")
        whole = self.record.stat().st_size
        seen = set()
        for page in range(-4, 5):
            folder = self.small(f"p{page}", 1 << 20)
            fill(folder, max(4096, (whole // 4096 + page) * 4096))
            self.record = folder / "r.jsonl"
            r = self.run_in("true")
            status, text = self.verified()
            self.assertEqual((r.returncode, status), ((0, 0) if r.returncode == 0 else (125, 3)), text)
            seen.add(r.returncode)
        self.assertEqual(seen, {0, 125})

    def test_state_folder_is_full(self):
        folder = self.small("state", 65536)
        fill(folder)
        r = self.run_in("true")
        self.assertEqual(r.returncode, 125)
        self.assertIn("No space left on device", r.stderr.decode())
        self.assertIn("state", r.stderr.decode())

    def test_layer_is_full(self):
        """The command sees ENOSPC as on any full disk, or is ended just before; what fitted is kept."""
        folder = self.small("state", 4 << 20)
        r = self.sh("echo small > small; head -c 10M /dev/zero > big; echo status $?", options=["--layer-size=1G"])
        if r.returncode == 137:
            self.assertIn(b"out of room", r.stderr)
        else:
            self.assertEqual((r.returncode, r.stdout), (0, b"status 1\n"), r.stderr)
            self.assertIn(b"No space left on device", r.stderr)
        upper = next(folder.glob("sessions/*/layers/upper"))
        self.assertEqual((upper / "small").read_text(), "small\n")
        self.assertEqual(self.verified()[0], 0)

    def test_mcp(self):
        folder = self.small("mcp", 65536)
        fill(folder, 16384)
        self.record = folder / "r.jsonl"
        calls = "".join('{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"bash","arguments":'
                        '{"command":"for i in 1 2 3 4 5 6 7 8 9; do /bin/true; done; echo end"}}}\n' % i for i in range(40))
        r = self.cordon("mcp", "--trace", TRACE, "-w", self.work, "--record", self.record, stdin=None, input=(
            '{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25"}}\n' + calls).encode())
        self.assertEqual(r.returncode, 125, r.stderr)
        self.assertIn(b"No space left on device", r.stderr)
        # Each call has an answer, those that came too late with the reason.
        self.assertEqual(r.stdout.count(b"\n"), 41, r.stdout[-2000:])
        self.assertIn(b"No space left on device", r.stdout)
        self.assertEqual(self.verified()[0], 3)


@unittest.skipIf(os.geteuid(), "needs root to mount a file system")
class FailingDisk(CordonTest):
    """Writes begin to fail with EIO: a file system of ext4 that is shut down while a session writes its record there."""

    SHUT_DOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN, of EXT4_GOING_FLAGS_NOLOGFLUSH

    def disk(self, name):
        path = self.dir / name
        path.mkdir()
        image = self.dir / f"{name}.image"
        with open(image, "wb") as f:
            f.truncate(32 << 20)
        try:
            subprocess.run(["mkfs.ext4", "-q", image], check=True)
            subprocess.run(["mount", "-o", "loop", image, path], check=True)
        except (OSError, subprocess.CalledProcessError) as e:
            self.skipTest(f"no file system of ext4 in a file: {e}")
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=True)
        return path

    def disk_that_lies(self, name):
        """It takes what is written, as the kernel's cache does, and has no room for it: the image is larger than where it lies."""
        below = self.dir / f"{name}.below"
        below.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8M", "none", below], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", below], check=True)
        image, path = below / "image", self.dir / name
        path.mkdir()
        with open(image, "wb") as f:
            f.truncate(64 << 20)
        try:
            subprocess.run(["mkfs.ext4", "-q", "-O", "^has_journal", image], check=True)
            subprocess.run(["mount", "-o", "loop", image, path], check=True)
        except (OSError, subprocess.CalledProcessError) as e:
            self.skipTest(f"no file system of ext4 in a file: {e}")
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=True)
        self.record = path / "r.jsonl"
        self.record.touch()  # its place in the folder is on the disk
        self.record.unlink()
        os.sync()
        fill(below)

    def test_what_only_waiting_tells(self):
        """A synchronised write that fails: who waits for each has nothing done, and who waits for none is told nothing."""
        for how, status, out, said in (("never", 0, b"ran\n", ""), ("end", 125, b"ran\n", "have the disk take the record"),
                                       ("write", 125, b"", "write the record")):
            with self.subTest(how):
                self.disk_that_lies(how)
                r = self.run_in("sh", "-c", "echo ran", options=[f"--record-sync={how}"])
                self.assertEqual((r.returncode, r.stdout), (status, out), r.stderr)
                if said:
                    self.assertIn(f"{said} {self.record}: No space left on device", r.stderr.decode())
                self.assertTrue(wait_for(lambda: not self.holders() and not self.marked()))

    def is_written(self):
        return self.record.exists() and self.record.stat().st_size > 65536

    def test_in_the_middle_of_a_run(self):
        """Whatever policy says of lost events: that is no loss, but the record itself."""
        never = {"id": "test.never", "category": "test", "severity": "low", "on": ["exec"], "when": "action.name == 'never'",
                 "verdict": "deny", "because": "The test forbids it.", "refs": [],
                 "match": [{"action": {"kind": "exec", "name": "never"}}], "not_match": [{"action": {"kind": "exec", "name": "x"}}]}
        for loss, how in (("log", "never"), ("deny_new", "never"), ("kill", "never"), ("log", "write"), ("kill", "write")):
            with self.subTest(loss, how=how):
                folder = self.disk(f"{loss}.{how}")
                self.record = folder / f"{loss}.jsonl"
                run = self.start("sh", "-c", "while :; do /bin/true; done 2>/dev/null",
                                 options=["-q", f"--record-sync={how}", "--policy", self.policy(never, on_loss=loss)])
                self.assertTrue(wait_for(self.is_written))
                fd = os.open(folder, os.O_RDONLY)
                fcntl.ioctl(fd, self.SHUT_DOWN, struct.pack("I", 2))
                os.close(fd)
                _, err = run.communicate(timeout=60 * SLOWER)
                self.assertEqual(run.returncode, 125, err)
                self.assertIn(f"write the record {self.record}: Input/output error", err.decode())
                self.assertTrue(wait_for(lambda: not self.holders() and not self.marked()))


class Inside(CordonTest):
    def test_temporary_folders_are_bounded(self):
        """Filling each of them ends with ENOSPC and not with the session's death by its memory limit."""
        r = self.sh("for d in /tmp /var/tmp /run /dev/shm $HOME .; do [ -w $d ] || continue;"
                    " head -c 300M /dev/zero > $d/fill 2>/dev/null && echo $d took it all; done; echo alive",
                    options=["--memory", "256M", "--discard"])
        self.assertEqual((r.returncode, r.stdout), (0, b". took it all\nalive\n"), r.stderr)

    def test_many_files(self):
        r = self.run_in("python3", "-c", "import os\nfor d in ('/tmp', '/dev/shm'):\n i = 0\n try:\n  while i < 400000:\n"
                        "   os.close(os.open(f'{d}/{i}', os.O_CREAT)); i += 1\n  print(d, 'took it all')\n"
                        " except OSError as e: print(e.errno)\nprint('alive')", options=["--memory", "256M"], timeout=110)
        self.assertEqual((r.returncode, r.stdout), (0, b"28\n28\nalive\n"), r.stderr)


class FileSizeLimit(CordonTest):
    def test_no_session_fits(self):
        """It is the limit's doing, and no other kernel is wanted."""
        r = self.run_in("true", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192)))
        self.assertEqual(r.returncode, 125)
        self.assertIn(b"File too large", r.stderr)
        self.assertNotIn(b"way out", r.stderr)
        self.assertNotIn(b"isolation", r.stderr)

    def test_a_record_that_may_not_grow(self):
        """ulimit -f: a write that fails is told, and is no signal that ends us without a word."""
        most = 256 << 10
        r = self.sh("i=0; while [ $i -lt 20000 ]; do /bin/true; i=$((i + 1)); done; echo ran",
                    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)), timeout=60)
        self.assertEqual((r.returncode, r.stdout), (125, b""), r.stderr)
        self.assertIn(f"write the record {self.record}: File too large", r.stderr.decode())
        self.assertEqual(self.verified()[0], 3)

    def test_answers_that_find_no_room(self):
        """Of calls that wait together: the first whose answer cannot be written ends them all."""
        most = 256 << 10
        answers = self.dir / "answers"
        asked = '{"jsonrpc":"2.0","id":"i","method":"initialize","params":{"protocolVersion":"2025-11-25"}}\n' + "".join(
            '{"jsonrpc":"2.0","id":%d,"method":"tools/call","params":{"name":"bash","arguments":{"wrong":1}}}\n' % i for i in range(40))
        for left in range(1000, 4000, 300):
            answers.write_bytes(b"\n" * (most - left))
            self.record.unlink(missing_ok=True)
            with open(answers, "ab") as f:
                r = subprocess.run([CORDON, "mcp", "--trace", TRACE, "-w", self.work, "--record", self.record], input=asked.encode(),
                                   stdout=f, stderr=subprocess.PIPE, env={**self.env, "MALLOC_PERTURB_": "85"}, timeout=60 * SLOWER,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (most, most)))
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(answers.stat().st_size, most)
            self.assertEqual(self.verified()[0], 0)


if __name__ == "__main__":
    in_private_mounts()
    unittest.main()
