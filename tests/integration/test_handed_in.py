#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Standard streams that a session is started with: none may be a way out of it, and what is none goes on to work."""

import contextlib
import os
import socket
import subprocess
import sys
import unittest

from cordon_testing import CordonTest

# A socket keeps the network that it was made in: taken back from its peer it could be connected to what listens there.
CONNECTS_ANEW = """
import ctypes, os, sys
libc = ctypes.CDLL(None)
libc.connect(%d, bytes(16), 16)
libc.connect(%d, b"\\2\\0" + int(sys.argv[1]).to_bytes(2, "big") + bytes([127, 0, 0, 1]) + bytes(8), 16)
os.write(%d, b"out")
"""
LOOKS_AROUND = "stat -L /proc/self/fd/0/../.. >/dev/null && cd -P /proc/self/fd/0/.. && pwd"


class HandedIn(CordonTest):
    def streams(self, number, file):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        streams[("stdin", "stdout", "stderr")[number]] = file
        return streams

    def ends(self, number, file, *command, options=()):
        self.record.unlink(missing_ok=True)
        process = self.start(*command, options=["-q", *options], **self.streams(number, file))
        out, err = process.communicate(timeout=120)
        return process.returncode, out, err

    def tcp(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            client = socket.create_connection(server.getsockname())
            here = server.accept()[0]
        self.addCleanup(client.close)
        self.addCleanup(here.close)
        return here

    def test_no_network_socket_of_the_host(self):
        victim = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(victim.close)
        victim.settimeout(0.5)
        port = str(victim.getsockname()[1])
        for options in ([], ["--net=relay"]):
            for number in range(3):
                with self.subTest(number, options=options):
                    status, _, err = self.ends(number, self.tcp(), "python3", "-c", CONNECTS_ANEW % ((number,) * 3), port, options=options)
                    self.assertEqual(status, 125)
                    if number != 2:
                        self.assertIn(b"is a network socket of the host", err)
                    with self.assertRaises(TimeoutError):
                        victim.accept()

    def test_none_of_any_kind(self):
        for family, kind in ((socket.AF_INET, socket.SOCK_STREAM), (socket.AF_INET6, socket.SOCK_STREAM), (socket.AF_INET, socket.SOCK_DGRAM),
                             (socket.AF_NETLINK, socket.SOCK_RAW), (socket.AF_UNIX, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_SEQPACKET)):
            with self.subTest(family=family, kind=kind), contextlib.suppress(OSError), socket.socket(family, kind) as file:
                status, _, err = self.ends(0, file, "true")
                self.assertEqual((status, b"standard input is a" in err), (125, True), err)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.dir / "listener"))
            listener.listen()
            self.assertEqual(self.ends(1, listener, "true")[0], 125)

    def test_no_folder(self):
        for flags in (os.O_RDONLY, os.O_PATH):
            folder = os.open(self.dir, flags | os.O_DIRECTORY)
            self.addCleanup(os.close, folder)
            status, out, err = self.ends(0, folder, "sh", "-c", LOOKS_AROUND)
            self.assertEqual((status, out), (125, b""))
            self.assertIn(b"standard input is a folder", err)

    def test_what_is_no_way_out(self):
        """Files, pipes, devices, and sockets that have their peer, be it gone already."""
        for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET):
            here, there = socket.socketpair(socket.AF_UNIX, kind)
            with here, there:
                here.send(b"said")
                self.assertEqual(self.ends(0, there, "head", "-c4")[:2], (0, b"said"), kind)
                here.close()
                self.assertEqual(self.ends(0, there, "cat")[:2], (0, b""), kind)
        for path in (sys.executable, "/dev/zero"):
            with open(path, "rb") as file:
                self.assertEqual(self.ends(0, file, "head", "-c1")[0], 0, path)


if __name__ == "__main__":
    unittest.main()
