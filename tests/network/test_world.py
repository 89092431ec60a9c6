#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The world itself: what the other tests rely on, shown without cordon. Each attack works here, and the capture sees it."""

import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import world as worlds  # noqa: E402

if __name__ == "__main__":
    worlds.enter()

import capture  # noqa: E402
import network_testing  # noqa: E402
import zone  # noqa: E402
from cordon_testing import wait_for  # noqa: E402
from network_testing import NetworkTest, tcp  # noqa: E402

tearDownModule = network_testing.end_of_world


def talk(address, port, said=b"", family=socket.AF_INET):
    with socket.create_connection((address, port), timeout=60) as s:
        s.sendall(said)
        s.shutdown(socket.SHUT_WR)
        answer = b""
        while data := s.recv(65536):
            answer += data
        return answer


def frame(port, said):
    """A datagram to good.test as it stands in the file."""
    udp = struct.pack("!HHHH", 1, port, 8 + len(said), 0) + said
    ip = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0)
    ip += socket.inet_aton(zone.GATEWAY) + socket.inet_aton(zone.GOOD)
    whole = bytes(12) + b"\x08\0" + ip + udp
    return struct.pack("<IIII", 0, 0, len(whole), len(whole)) + whole


class Played(capture.Capture):
    """A capture of what the test writes: what comes with each mark."""

    def __init__(self, folder, start, *marks):
        super().__init__(folder)
        self.socket.close()
        self.socket, self.with_marks = self, iter(marks)
        self.path.write_bytes(bytes(24) + start)

    def start(self, interface):
        pass

    def sendto(self, number, _):
        before, behind = next(self.with_marks)
        with open(self.path, "ab") as f:
            f.write(before + frame(zone.MARK, number) + behind)


class TheWorld(NetworkTest):
    def test_capture_loses_nothing_behind_a_mark(self):
        """The file grows by pieces of frames, and goes on behind the mark that ends a proof."""
        first, second, third = (frame(zone.ECHO, said) for said in (b"one", b"two", b"three"))
        played = Played(self.dir, first[:20], (first[20:], second + third[:50]), (third[50:], b""))
        self.assertEqual(played.read(), [])
        self.assertEqual([p.payload for p in played.since()], [b"one"])
        self.assertEqual([p.payload for p in played.since()], [b"two", b"three"])

    def test_capture_sees_both_directions(self):
        self.assertEqual(talk(zone.LAB, zone.ECHO, b"over v4"), b"over v4")
        self.assertEqual(talk(zone.LAB6, zone.ECHO, b"over v6"), b"over v6")
        seen = self.world.crossed()
        for address, said in ((zone.LAB, b"over v4"), (zone.LAB6, b"over v6")):
            flows = [p for p in seen if p.far == ("tcp", address, zone.ECHO) and p.payload == said]
            self.assertEqual({p.outward() for p in flows}, {True, False})
        self.assert_only(seen, tcp((zone.LAB, zone.LAB6), zone.ECHO))

    def test_late_answers_are_forgotten(self):
        """The goodbyes of a stream that was open over quiet() are; what is said in it is not, nor is another."""
        with socket.create_connection((zone.EVIL, zone.ECHO), timeout=60) as s:
            self.world.quiet()
            s.shutdown(socket.SHUT_WR)
            self.assertEqual(s.recv(1), b"")
        self.assertEqual([p for p in self.world.crossed() if p.protocol == "tcp"], [])
        with socket.create_connection((zone.EVIL, zone.ECHO), timeout=60) as s:
            self.world.quiet()
            s.sendall(b"said later")
            s.recv(100)
        self.assertIn(b"said later", [p.payload for p in self.world.crossed() if p.outward()])
        self.world.quiet()
        talk(zone.EVIL, zone.ECHO)
        self.assertTrue([p for p in self.world.crossed() if p.opens()])

    def test_late_answers_to_datagrams_are_forgotten(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.settimeout(60)
            seen = []
            for word in (b"before", b"after"):
                s.sendto(word, (zone.EVIL, zone.ECHO))
                self.assertEqual(s.recv(100), word)
                while len(seen) < 2:
                    seen += [p for p in self.world.crossed() if p.protocol == "udp"]
                (_, answer), seen = seen, []
                self.assertFalse(self.world.is_late(answer))
                self.world.quiet()
                self.assertTrue(self.world.is_late(answer))

    def test_proof_can_fail(self):
        """A packet, a ping and a question too many are each found."""
        talk(zone.EVIL, zone.ECHO)
        with self.assertRaisesRegex(AssertionError, "not allowed: tcp"):
            self.assert_only(self.world.crossed(), tcp((zone.LAB,), zone.ECHO))
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as ping:
            ping.sendto(bytes([8, 0, 0xf7, 0xfd, 0, 1, 0, 1]), (zone.EVIL, 0))
        with self.assertRaisesRegex(AssertionError, "a ping left"):
            self.assert_only(self.world.crossed(), ())
        socket.getaddrinfo("evil.test", 80, socket.AF_INET)
        with self.assertRaisesRegex(AssertionError, "not to be asked"):
            self.assert_only(self.world.crossed(), (), names=("good.test",))

    def test_every_address_answers(self):
        for address in (zone.EVIL, zone.METADATA, zone.PRIVATE, "8.8.8.8", zone.EVIL6, "64:ff9b::cb00:7142"):
            self.assertEqual(talk(address, zone.ECHO, b"x"), b"x", address)
        self.assertEqual({e["to"] for e in self.world.seen("tcp")},
                         {zone.EVIL, zone.METADATA, zone.PRIVATE, "8.8.8.8", zone.EVIL6, "64:ff9b::cb00:7142"})

    def test_servers_misbehave_as_they_should(self):
        self.assertEqual(talk(zone.LAB, zone.SOURCE, b"100000\n"), (bytes(range(256)) * 400)[:100000])
        self.assertEqual(talk(zone.LAB, zone.SINK, b"x" * 100000), b"100000\n")
        self.assertEqual(talk(zone.LAB, zone.HALF_CLOSE, b"after"), b"said\n")
        self.assertTrue(wait_for(lambda: [e for e in self.world.seen("told") if e["got"] == "after"]))
        self.assertEqual(talk(zone.LAB, zone.LIE, b"GET\n")[-5:], b"short")
        self.assertEqual(talk(zone.LAB, zone.DRIP), b"slowly but surely...")
        with self.assertRaises(ConnectionResetError):
            talk(zone.LAB, zone.RESET_LATER, b"x")
        with self.assertRaises(ConnectionRefusedError):
            talk(zone.LAB, zone.CLOSED)
        with self.assertRaises(OSError) as raised:
            talk(zone.UNREACHABLE, 80)
        self.assertEqual(raised.exception.errno, 113)
        with socket.create_connection((zone.LAB, zone.STALL)) as s, self.assertRaises(TimeoutError):
            s.settimeout(0.3)
            s.recv(1)
        with socket.socket() as s, self.assertRaises(TimeoutError):
            s.settimeout(0.3)
            s.connect((zone.SILENT, 80))

    def test_names(self):
        def found(name):
            return [a[4][0] for a in socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)]
        self.assertEqual(found("good.test"), [zone.GOOD])
        self.assertEqual([found("rebind.test"), found("rebind.test"), found("rebind.test")],
                         [[zone.GOOD], [zone.PRIVATE], [zone.PRIVATE]])
        self.assertEqual(found("much-to-tell.exfil.test"), [zone.EVIL])
        with self.assertRaises(socket.gaierror):
            found("no-such-name.test")
        asked = [e["name"] for e in self.world.seen("dns")]
        self.assertEqual(asked, ["good.test"] + ["rebind.test"] * 3 + ["much-to-tell.exfil.test", "no-such-name.test"])
        questions = {p.question for p in self.world.crossed() if p.outward()}
        self.assertEqual(questions, set(asked))

    def test_ends_whatever_becomes_of_the_test(self):
        """A test that is killed leaves no process, neither server nor capture."""
        code = "import sys; sys.path.insert(0, sys.argv[1])\nimport world; world.enter(); w = world.World()\n" \
               "print(w.dir, flush=True); import time; time.sleep(600)"
        script = self.dir / "killed.py"
        script.write_text(code)
        env = {k: v for k, v in os.environ.items() if k != worlds.INSIDE}
        # In namespaces of its own, so that its link is not ours.
        process = subprocess.Popen([sys.executable, str(script), str(pathlib.Path(__file__).parent)], env=env,
                                   stdout=subprocess.PIPE, text=True)
        folder = process.stdout.readline().strip()
        self.assertTrue(pathlib.Path(folder).is_dir(), folder)

        def speak_of_it():
            found = []
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    text = pathlib.Path("/proc", pid, "cmdline").read_bytes().decode()
                except OSError:
                    continue
                if folder in text:
                    found.append(text)
            return found

        self.assertGreaterEqual(len(speak_of_it()), 4)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        wait_for(lambda: not speak_of_it())
        self.assertEqual(speak_of_it(), [])
        subprocess.run(["rm", "-r", folder], check=True)


if __name__ == "__main__":
    unittest.main(verbosity=2)
