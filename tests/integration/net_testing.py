# SPDX-License-Identifier: Apache-2.0
"""A network of the test's own: the test runs in a namespace where it is all of the outside."""

import ctypes
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading

import cordon_testing

INSIDE = "CORDON_TEST_NETWORK"
# Of the outside: what no session has by itself, so that only the relay leads there.
SERVER = "10.91.0.1"
OTHER = "10.91.0.2"
THIRD = "10.91.0.3"
UNREACHABLE = "10.92.0.1"
NOWHERE = "10.93.0.1"
SERVER6 = "fd91::1"
# This host's own, though no interface has it: its routes deliver the whole network here.
ROUTED = "11.91.0.7"


def enter():
    """Runs this script once more in a network namespace; returns there. An ordinary user gets one too."""
    if os.environ.get(INSIDE):
        set_up()
        return
    unshare = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-U", "-c", "-n", "--keep-caps"]
    probe = subprocess.run([*unshare, "true"], capture_output=True)
    if not shutil.which("ip") or probe.returncode:
        print(f"skipped: needs ip(8) and a network namespace: {probe.stderr.decode().strip()}")
        sys.exit(77)
    os.execvpe("unshare", [*unshare, sys.executable, *sys.argv], dict(os.environ, **{INSIDE: "1"}))


def drop_ambient_capabilities():
    """They were for the set-up; what is tested has none."""
    PR_CAP_AMBIENT, CLEAR_ALL = 47, 4
    ctypes.CDLL(None).prctl(PR_CAP_AMBIENT, CLEAR_ALL, 0, 0, 0)


def set_up():
    for command in ("link set lo up", *(f"addr add {a}/32 dev lo" for a in (SERVER, OTHER, THIRD)),
                    f"-6 addr add {SERVER6}/128 dev lo", "route add local 11.91.0.0/24 dev lo",
                    f"route add unreachable {UNREACHABLE}/32"):
        subprocess.run(["ip", *command.split()], check=True)
    drop_ambient_capabilities()


class Server:
    """A TCP server of the outside: each connection in a thread of its own, by serve(connection)."""

    def __init__(self, serve, address=SERVER, port=0):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.socket.listen(1024)
        self.port = self.socket.getsockname()[1]
        self.serve = serve
        self.count = 0
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.count += 1
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        with connection:
            try:
                self.serve(connection)
            except OSError:
                pass

    def close(self):
        # A thread in accept() keeps the socket open.
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()


class NameServer:
    """Of the outside: answers A for the names that it has (a list of addresses each), NXDOMAIN for others."""

    def __init__(self, names):
        self.names = names
        self.asked = []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((SERVER, 0))
        self.address = f"{SERVER}:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            query, who = self.socket.recvfrom(4096)
            if not query:
                self.socket.close()
                return
            self.socket.sendto(self.answer(query), who)

    def answer(self, query):
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode().lower())
            at += 1 + query[at]
        name, kind = ".".join(labels), struct.unpack("!H", query[at + 1:at + 3])[0]
        self.asked.append(name)
        found = self.names.get(name)
        records = [socket.inet_aton(a) for a in found or () if kind == 1]
        head = query[:2] + struct.pack("!HHHHH", 0x8180 if found else 0x8183, 1, len(records), 0, 0)
        return head + query[12:at + 5] + b"".join(
            b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + address for address in records)

    def close(self):
        self.socket.sendto(b"", self.socket.getsockname())


def echo(connection):
    while data := connection.recv(1 << 16):
        connection.sendall(data)


def reset(connection):
    """Closes with RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class NetTest(cordon_testing.CordonTest):
    ALLOWED = (f"{SERVER}/32", f"{OTHER}/32", f"{UNREACHABLE}/32", f"{NOWHERE}/32", f"{SERVER6}/128")

    def setUp(self):
        super().setUp()
        self.rules = self.policy(defaults={"net.connect": "allow", "net.send": "allow"})

    def server(self, serve=echo, **kw):
        server = Server(serve, **kw)
        self.addCleanup(server.close)
        return server

    def net(self, private=ALLOWED):
        return ("-p", self.rules, "--net=relay", *(f"--allow-private={one}" for one in private))

    def python(self, script, *args, private=ALLOWED, options=(), **kw):
        """A Python program in a session with a relayed network."""
        head = "import errno, os, select, socket, struct, sys, threading, time\n"
        return self.run_in("python3", "-c", head + script, *map(str, args),
                           options=[*self.net(private), *options], **kw)

    def closes(self):
        return [e["fields"] for e in self.events("net.close")]
