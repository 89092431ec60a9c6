# SPDX-License-Identifier: Apache-2.0
"""The resident supervisor and clients that are none of ours, or are told no: it goes on, and they do without it."""

import contextlib
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time
import unittest

from cordon_testing import SLOWER, wait_for
from resident_testing import ResidentTest


class Malformed(ResidentTest):
    def connect(self):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(client.close)
        client.settimeout(20)
        client.connect(str(next(self.place().glob("*.sock"))))
        self.greeted = client.recv(100000)
        self.assertEqual(self.greeted[:4], b"\15\0\0\0")
        return client

    def greeting(self):
        self.connect().close()
        return self.greeted

    def test_it_ends_that_connection_only(self):
        p = self.start("sh", "-c", "echo up; read x; exit 6", stdin=subprocess.PIPE)
        self.assertEqual(p.stdout.readline(), b"up\n")
        pid = self.pid()
        for kind in range(15):
            for length in (4, 76, 84, 100, 4000, 100000):
                client = self.connect()
                client.send(kind.to_bytes(4, "little") + b"\xff" * (length - 4))
                answer = client.recv(100000)
                self.assertIn(answer[:4], (b"", b"\3\0\0\0"), (kind, length))
        client = self.connect()
        null = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, null)
        for count in (1, 5, 6, 40):
            client = self.connect()
            socket.send_fds(client, [b"\1\0\0\0" + b"\0" * 200], [null] * count)
            self.assertEqual(client.recv(100000), b"", count)
        self.assertEqual(self.pid(), pid)
        self.assertEqual(self.status()["sessions"], 1)
        p.communicate(b"go\n", timeout=60 * SLOWER)
        self.assertEqual(p.returncode, 6)

    def captured(self):
        """The RUN of a client, as bytes and descriptors, for a server of its build."""
        greeting = self.greeting()
        path = next(self.place().glob("*.sock"))
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not path.exists()))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(path))
            listener.listen()
            listener.settimeout(20)
            self.start("true", options=["-q"])
            client = listener.accept()[0]
            self.addCleanup(client.close)
            client.send(greeting)
            message, fds, _, _ = socket.recv_fds(client, 200000, 16)
        for fd in fds:
            self.addCleanup(os.close, fd)
        self.assertEqual(self.cordon("serve", "--detach").returncode, 0)
        return message, fds

    def test_a_record_that_takes_its_time(self):
        """It is no file: whoever reads it would have the server, and with it every session, wait for him."""
        message, fds = self.captured()
        stuck, peer = socket.socketpair()
        reader, pipe = os.pipe()
        self.addCleanup(peer.close)
        self.addCleanup(stuck.close)
        for fd in (stuck.fileno(), pipe):
            os.set_blocking(fd, False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(fd, b"x" * 4096)
            os.set_blocking(fd, True)
        folder = os.open(self.dir, os.O_RDONLY)
        for fd in (reader, pipe, folder):
            self.addCleanup(os.close, fd)
        for record in (stuck.fileno(), pipe, folder):
            client = self.connect()
            socket.send_fds(client, [message], [fds[0], record, *fds[2:]])
            self.assertEqual(client.recv(100000)[:4], b"\7\0\0\0", "DECLINED")
            self.assertEqual(self.run_quietly("true").returncode, 0)
        self.assertEqual(self.served(), 3)

    def test_a_signal_before_it_declines(self):
        """The run watches by itself then, and heeds what it was sent: a first signal, and one more."""
        greeting = self.greeting()
        path = next(self.place().glob("*.sock"))
        self.cordon("serve", "--stop")
        self.assertTrue(wait_for(lambda: not path.exists()))
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(listener.close)
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(20)
        for signals in (1, 2):
            p = self.start("sh", "-c", "trap '' TERM; sleep 300", options=["-q", *self.mark])
            client = listener.accept()[0]
            with client:
                client.settimeout(20)
                client.send(greeting)
                self.assertEqual(client.recv(100000)[:4], b"\1\0\0\0", "a RUN")
                for _ in range(signals):
                    p.send_signal(signal.SIGTERM)
                    self.assertIn(client.recv(100000)[0], (2, 3), "SIGNAL, or KILL")
                client.send(b"\7" + greeting[1:])
                p.communicate(timeout=60 * SLOWER)
            self.assertEqual(p.returncode, 143)
            self.assertTrue(wait_for(lambda: not self.marked()))
            self.record.unlink(missing_ok=True)  # a front begins anew, and would have left none

    def test_out_of_descriptors_it_waits(self):
        """With no client whose end would tell that there are some again; the one that knocked is served then."""
        pid = self.pid()
        usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, usual[1]))
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
            client.connect(str(next(self.place().glob("*.sock"))))
            before = self.cpu_ticks(pid)
            time.sleep(3)
            self.assertLess(self.cpu_ticks(pid) - before, os.sysconf("SC_CLK_TCK") / 4)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
            client.settimeout(60 * SLOWER)
            self.assertEqual(client.recv(100000)[:4], b"\15\0\0\0", "HELLO")
        self.assertEqual(self.run_quietly("true").returncode, 0)
        self.assertEqual((self.pid(), self.served()), (pid, 1))

    def cpu_ticks(self, pid):
        return sum(map(int, pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))

    def test_one_that_says_nothing_is_let_go(self):
        client = self.connect()
        self.assertEqual(client.recv(100), b"")


if __name__ == "__main__":
    unittest.main()
