#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Services of a session that are published on the host."""

import socket
import subprocess
import threading
import unittest

import net_testing
from cordon_testing import wait_for
from net_testing import SERVER, SERVER6, NetTest

SERVICE = """
import socket, sys
s = socket.socket()
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen(100)
for _ in range(int(sys.argv[2])):
    c, who = s.accept()
    assert who[0] == "127.0.0.1", who
    data = b""
    while d := c.recv(1 << 16): data += d
    c.sendall(data.upper())
    c.close()
"""


def free_port(address="127.0.0.1"):
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as s:
        s.bind((address, 0))
        return s.getsockname()[1]


class Publish(NetTest):
    def serve(self, count, *options, port=8000):
        """Runs the service in a session, in a thread; returns what to wait for it by."""
        done = []
        thread = threading.Thread(target=lambda: done.append(self.run_in(
            "python3", "-c", SERVICE, str(port), str(count), options=("-p", self.policy(), *options))))
        thread.start()
        return lambda: (thread.join(), done[0])[1]

    def ask(self, address, port, text):
        """Until somebody answers: the service needs its time to start, and is refused before."""
        def once():
            try:
                with socket.create_connection((address, port), 120) as s:
                    s.sendall(text)
                    s.shutdown(socket.SHUT_WR)
                    got = b""
                    while data := s.recv(1 << 16):
                        got += data
                return got
            except OSError:
                return b""
        return wait_for(once)

    def test_is_reached(self):
        port = free_port()
        # The session ends with its service, and nobody waits for what is on its way then: the last answer is a short one.
        wait = self.serve(3, f"--publish={port}:8000")
        self.assertEqual(self.ask("127.0.0.1", port, b"hello"), b"HELLO")
        self.assertEqual(self.ask("127.0.0.1", port, b"x" * 3000000), b"X" * 3000000)
        self.assertEqual(self.ask("127.0.0.1", port, b"end"), b"END")
        done = wait()
        self.assertEqual(done.returncode, 0, done.stderr)
        closed = [e["fields"] for e in self.events("net.inbound") if e["fields"]["reason"] == "closed"]
        self.assertEqual([(e["host_port"], e["port"], e["bytes_in"], e["bytes_out"], e["from"]) for e in closed[:2]],
                         [(port, 8000, 5, 5, "127.0.0.1"), (port, 8000, 3000000, 3000000, "127.0.0.1")])
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

    def test_beside_a_relayed_network_at_other_addresses(self):
        port = free_port(SERVER)
        wait = self.serve(2, "--net=relay", f"--publish={SERVER}:{port}:8000", f"--publish=[{SERVER6}]:{port}:8000")
        self.assertEqual(self.ask(SERVER, port, b"four"), b"FOUR")
        self.assertEqual(self.ask(SERVER6, port, b"six"), b"SIX")
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))
        self.assertEqual(wait().returncode, 0)

    def test_nobody_listens_inside(self):
        port = free_port()
        run = self.start("sh", "-c", "echo up; read end", stdin=subprocess.PIPE,
                         options=("-p", self.policy(), f"--publish={port}:8000"))
        self.assertEqual(run.stdout.readline(), b"up\n")
        with socket.create_connection(("127.0.0.1", port), 120) as s:
            try:
                self.assertEqual(s.recv(1), b"")
            except ConnectionResetError:
                pass
        run.communicate(b"\n", timeout=120)
        self.assertTrue(self.events("net.inbound"))

    def test_port_that_is_taken(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            done = self.run_in("true", options=("-p", self.policy(), f"--publish={port}:8000"))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(f"publish port 8000 of the session at 127.0.0.1 port {port}: Address already in use",
                      done.stderr.decode())

    def test_words(self):
        for text in ("8000", "0:80", "80:0", "80:65536", "a:80", "1.2.3:80:80", "::1:80:80", "[127.0.0.1]:80:80", ":80:80"):
            done = self.run_in("true", options=("-p", self.policy(), f"--publish={text}"))
            self.assertNotEqual(done.returncode, 0, text)
            self.assertIn("HOSTPORT:PORT", done.stderr.decode(), text)


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
