#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""--record-sync: that the disk has the record is waited for where it is asked for, and a disk that has not is told."""

import contextlib
import ctypes
import errno
import os
import struct
import subprocess
import unittest

from cordon_testing import CORDON, SLOWER, TRACE, CordonTest, wait_for

SYS_FDATASYNC, SYS_FSYNC = 75, 74


def refuse(number):
    """From here on, for this process and all that it starts, that system call fails as on a disk that is broken."""
    def instruction(code, jt, jf, k):
        return struct.pack("HBBI", code, jt, jf, k)

    # ld nr; jeq number; ret ERRNO | EIO; ret ALLOW
    code = (instruction(0x20, 0, 0, 0) + instruction(0x15, 0, 1, number)
            + instruction(0x06, 0, 0, 0x00050000 | errno.EIO) + instruction(0x06, 0, 0, 0x7fff0000))
    bytes_of = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", 4, ctypes.addressof(bytes_of)))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid():
        libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    if libc.prctl(22, 2, program, 0, 0):  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
        raise OSError(ctypes.get_errno(), "seccomp")


class RecordSync(CordonTest):
    def flags(self, pid):
        """Those that the record is open with, in that process."""
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
                if os.readlink(f"/proc/{pid}/fd/{fd}") == str(self.record):
                    with open(f"/proc/{pid}/fdinfo/{fd}") as info:
                        return int(info.read().split("flags:")[1].split()[0], 8)
        return None

    def test_the_record_is_as_without(self):
        for how in ("never", "end", "write"):
            with self.subTest(how):
                r = self.run_in("sh", "-c", "/bin/true; exit 3", options=[f"--record-sync={how}"])
                self.assertEqual((r.returncode, r.stderr), (3, r.stderr))
                self.assertEqual(self.verified()[0], 0)

    def test_who_asks_is_told_that_the_disk_has_it_not(self):
        for number in (SYS_FDATASYNC, SYS_FSYNC):
            for how, status in (("never", 0), ("end", 125), ("write", 125)):
                with self.subTest(how=how, number=number):
                    r = self.run_in("true", options=[f"--record-sync={how}"], preexec_fn=lambda n=number: refuse(n))
                    self.assertEqual(r.returncode, status, r.stderr)
                    said = f"have the disk take the record {self.record}: Input/output error" in r.stderr.decode()
                    self.assertEqual(said, status != 0, r.stderr)

    def test_each_write_waits_where_it_is_asked_for(self):
        for how, waits in (("end", False), ("write", True)):
            with self.subTest(how):
                self.record.unlink(missing_ok=True)
                p = self.start("sh", "-c", "echo started; exec sleep 1000", options=[f"--record-sync={how}"])
                self.assertEqual(p.stdout.readline(), b"started\n")
                self.assertTrue(wait_for(lambda: self.flags(p.pid) is not None))
                self.assertEqual(bool(self.flags(p.pid) & os.O_DSYNC), waits)
                self.end(p)

    def test_another_word_is_refused(self):
        for face in ("run", "mcp"):
            r = self.cordon(face, "--record-sync=always")
            self.assertEqual(r.returncode, 125, r.stderr)
            self.assertIn("must be never, end or write", r.stderr.decode())


class Mcp(RecordSync):
    """The server's one session, whose end the server waits for."""

    def serve(self, how, **options):
        return self.cordon("mcp", "--trace", TRACE, "-w", self.work, "--record", self.record, f"--record-sync={how}", stdin=None,
                           input=b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}\n',
                           **options)

    def test_the_record_is_as_without(self):
        for how in ("never", "end", "write"):
            with self.subTest(how):
                self.record.unlink(missing_ok=True)
                r = self.serve(how)
                self.assertEqual(r.returncode, 0, r.stderr)
                self.assertEqual(self.verified()[0], 0)

    def test_who_asks_is_told_that_the_disk_has_it_not(self):
        for how, status in (("never", 0), ("end", 125), ("write", 125)):
            with self.subTest(how):
                self.record.unlink(missing_ok=True)
                r = self.serve(how, preexec_fn=lambda: refuse(SYS_FDATASYNC))
                self.assertEqual(r.returncode, status, r.stderr)
                said = f"have the disk take the record {self.record}: Input/output error" in r.stderr.decode()
                self.assertEqual(said, status != 0, r.stderr)

    def test_each_write_waits_where_it_is_asked_for(self):
        for how, waits in (("end", False), ("write", True)):
            with self.subTest(how):
                self.record.unlink(missing_ok=True)
                p = subprocess.Popen([CORDON, "mcp", "--trace", TRACE, "-w", self.work, "--record", self.record, f"--record-sync={how}"],
                                     stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=self.env)
                self.addCleanup(self.end, p)
                self.assertTrue(wait_for(lambda: self.flags(p.pid) is not None))
                self.assertEqual(bool(self.flags(p.pid) & os.O_DSYNC), waits)
                p.stdin.close()
                self.assertEqual(p.wait(60 * SLOWER), 0)


if __name__ == "__main__":
    unittest.main()
