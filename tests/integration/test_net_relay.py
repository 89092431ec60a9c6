#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""TCP through the relay: what a program sees of a server outside, and what the record says of it."""

import hashlib
import pathlib
import resource
import socket
import subprocess
import threading
import time
import unittest

import net_testing
from cordon_testing import wait_for
from net_testing import NOWHERE, OTHER, SERVER, SERVER6, UNREACHABLE, NetTest, reset


class Connects(NetTest):
    def test_bytes_both_ways_are_counted(self):
        server = self.server()
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
assert s.getpeername() == (sys.argv[1], int(sys.argv[2])), s.getpeername()
s.sendall(b"x" * 1000)
s.shutdown(socket.SHUT_WR)
got = b""
while d := s.recv(4096): got += d
assert got == b"x" * 1000
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        close, = self.closes()
        self.assertEqual((close["host"], close["port"], close["bytes_out"], close["bytes_in"], close["reason"]),
                         (SERVER, server.port, 1000, 1000, "closed"))
        connect, = (e for e in self.events("net.connect") if e["fields"]["family"] == "inet")
        self.assertEqual((connect["fields"]["host"], connect["verdict"]), (SERVER, "allow"))
        self.assertEqual(self.verified()[0], 0)

    def test_v6(self):
        server = self.server(address=SERVER6)
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"six\\n")
assert s.recv(10) == b"six\\n"
""", SERVER6, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.closes()[0]["address"], SERVER6)

    def test_v4_mapped_is_v4(self):
        server = self.server()
        done = self.python("""
s = socket.socket(socket.AF_INET6)
s.connect(("::ffff:" + sys.argv[1], int(sys.argv[2])))
s.sendall(b"mapped\\n")
assert s.recv(10) == b"mapped\\n"
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.closes()[0]["address"], SERVER)

    def test_without_blocking(self):
        server = self.server()
        done = self.python("""
import asyncio
async def one(i):
    r, w = await asyncio.open_connection(sys.argv[1], int(sys.argv[2]))
    w.write(b"%d\\n" % i)
    assert await r.readline() == b"%d\\n" % i
    w.close()
    await w.wait_closed()
async def main():
    await asyncio.gather(*(one(i) for i in range(100)))
asyncio.run(main())
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.closes()), 100)

    def test_what_nobody_reads_stays_outside(self):
        def flood(connection):
            try:
                while True:
                    connection.sendall(bytes(1 << 16))
            except OSError:
                pass  # the program closed without having read
        server = self.server(flood)
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
assert len(s.recv(1)) == 1
time.sleep(0.5)
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        close, = self.closes()
        self.assertEqual(close["reason"], "reset")
        self.assertLess(close["bytes_in"], 1 << 20)

    def test_server_that_speaks_first(self):
        server = self.server(lambda c: (c.sendall(b"220 hello\r\n"), c.recv(100)))
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
assert s.recv(100) == b"220 hello\\r\\n"
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_no_pacing_inside(self):
        done = self.python("""
print(socket.socket().getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\\0").decode())
""")
        self.assertEqual((done.stdout, done.returncode), (b"reno\n", 0), done.stderr)

    def test_curl(self):
        def serve(connection):
            connection.recv(1 << 16)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nyes")
        server = self.server(serve)
        done = self.run_in("curl", "-sS", f"http://{SERVER}:{server.port}/", options=self.net())
        self.assertEqual((done.stdout, done.returncode), (b"yes", 0), done.stderr)


class Errors(NetTest):
    CONNECT = """
s = socket.socket()
if sys.argv[3] == "no": s.setblocking(False)
r = s.connect_ex((sys.argv[1], int(sys.argv[2])))
print(errno.errorcode.get(r, r))
"""

    def errno_of(self, address, port=9, blocking="yes", **kw):
        return self.python(self.CONNECT, address, port, blocking, **kw).stdout.decode().strip()

    def test_refused(self):
        closed = self.server()
        closed.close()
        for blocking in ("yes", "no"):
            self.assertEqual(self.errno_of(SERVER, closed.port, blocking), "ECONNREFUSED")
        self.assertEqual(self.closes()[0]["reason"], "not connected")

    def test_unreachable(self):
        self.assertEqual(self.errno_of(UNREACHABLE), "EHOSTUNREACH")
        self.assertEqual(self.errno_of(NOWHERE), "ENETUNREACH")

    def test_policy(self):
        server = self.server()
        self.rules = self.policy(defaults={"net.connect": "deny"})
        self.assertEqual(self.errno_of(SERVER, server.port), "EPERM")
        self.assertEqual((server.count, self.closes()), (0, []))

    def test_private_address(self):
        server = self.server()
        done = self.python(self.CONNECT, SERVER, server.port, "yes", private=())
        self.assertEqual(done.stdout.strip(), b"EPERM")
        self.assertIn(b"--allow-private", done.stderr)
        self.assertEqual(server.count, 0)
        refused, = self.events("net.refused")
        self.assertEqual((refused["verdict"], refused["rule"]), ("deny", "net.address"))

    def test_fast_open(self):
        server = self.server()
        done = self.python("""
s = socket.socket()
try: s.sendto(b"out", socket.MSG_FASTOPEN, (sys.argv[1], int(sys.argv[2])))
except OSError as e: print(e.errno == errno.EOPNOTSUPP)
""", SERVER, server.port)
        self.assertEqual((done.stdout.strip(), server.count), (b"True", 0), done.stderr)


class Flows(NetTest):
    def test_half_close(self):
        def serve(connection):
            got = hashlib.sha256()
            while data := connection.recv(1 << 16):
                got.update(data)
            connection.sendall(got.hexdigest().encode())
        server = self.server(serve)
        done = self.python("""
import hashlib
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
data = b"not text\\0" + os.urandom(1 << 20) * 32
s.sendall(data)
s.shutdown(socket.SHUT_WR)
got = b""
while d := s.recv(100): got += d
assert got.decode() == hashlib.sha256(data).hexdigest(), got
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.closes()[0]["bytes_out"], (32 << 20) + 9)

    def test_long_download(self):
        block = bytes(range(256)) * 4096
        server = self.server(lambda c: [c.sendall(block) for _ in range(64)])
        done = self.python("""
import hashlib
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
h, n = hashlib.sha256(), 0
while d := s.recv(1 << 16): h.update(d); n += len(d)
print(n, h.hexdigest())
""", SERVER, server.port)
        self.assertEqual(done.stdout.decode().split(),
                         [str(64 << 20), hashlib.sha256(block * 64).hexdigest()], done.stderr)

    def test_reset_by_the_server(self):
        server = self.server(lambda c: (c.recv(1), reset(c)))
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"x\\n")
try: print(s.recv(10))
except OSError as e: print(errno.errorcode[e.errno])
""", SERVER, server.port)
        self.assertEqual(done.stdout.strip(), b"ECONNRESET", done.stderr)
        self.assertEqual(self.closes()[0]["reason"], "reset")

    def test_reset_by_the_program(self):
        seen = []

        def serve(connection):
            try:
                seen.append(connection.recv(10))
                connection.sendall(b"heard")
                seen.append(connection.recv(10))
            except ConnectionResetError:
                seen.append("reset")
        server = self.server(serve)
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"x\\n")
assert s.recv(10) == b"heard"
s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
s.close()
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(wait_for(lambda: len(seen) == 2))
        self.assertEqual(seen, [b"x\n", "reset"])

    def test_who_does_not_read_is_not_read_for(self):
        let_go = threading.Event()
        self.addCleanup(let_go.set)
        server = self.server(lambda c: let_go.wait(60))
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.setblocking(False)
sent, last = 0, time.monotonic()
while time.monotonic() < last + 2:
    try: sent += s.send(bytes(1 << 16)); last = time.monotonic()
    except BlockingIOError: time.sleep(0.01)
    if sent > 256 << 20: break
print(sent)
""", SERVER, server.port)
        self.assertLess(int(done.stdout), 64 << 20, done.stderr)

    def test_last_words_arrive(self):
        got = []

        def serve(connection):
            while data := connection.recv(1 << 16):
                got.append(data)
            got.append("end")
        server = self.server(serve)
        done = self.python("""
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.sendall(b"x" * 50000)
os._exit(0)
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(wait_for(lambda: got and got[-1] == "end"))
        self.assertEqual(b"".join(got[:-1]), b"x" * 50000)

    def test_the_end_of_the_session_ends_its_flows(self):
        ended = threading.Event()

        def serve(connection):
            connection.sendall(b"hello")
            try:
                while connection.recv(100):
                    pass
            except OSError:
                pass
            ended.set()
        server = self.server(serve)
        process = self.start("python3", "-c", "import socket, sys, time\n"
                             f"s = socket.create_connection(({SERVER!r}, {server.port}))\n"
                             "print(s.recv(5), flush=True)\ntime.sleep(1000)", options=self.net())
        self.assertEqual(process.stdout.readline().strip(), b"b'hello'")
        process.kill()
        self.assertTrue(ended.wait(60))


class Bounds(NetTest):
    AT_ONCE = 1000

    def test_stays_inside(self):
        outside = self.server(address="127.0.0.1")
        done = self.python("""
r = socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1])))
print(errno.errorcode[r])
l = socket.create_server(("0.0.0.0", 8080))
s = socket.create_connection(("127.0.0.1", 8080))
c, _ = l.accept()
c.sendall(b"inside")
assert s.recv(10) == b"inside"
""", outside.port)
        self.assertEqual((done.stdout.strip(), done.returncode, outside.count), (b"ECONNREFUSED", 0, 0), done.stderr)

    def test_port_is_the_programs_own_when_it_wants_it(self):
        server = self.server(address=SERVER, port=8099)
        done = self.python("""
s = socket.create_connection((sys.argv[1], 8099))
s.sendall(b"x\\n"); s.recv(1); s.close()
l = socket.create_server(("0.0.0.0", 8099))
""", SERVER)
        self.assertEqual((done.returncode, server.count), (0, 1), done.stderr)

    def test_many_one_after_the_other(self):
        server = self.server()
        done = self.python("""
for i in range(500):
    s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
    s.sendall(b"%d\\n" % i)
    assert s.recv(10) == b"%d\\n" % i
    s.close()
""", SERVER, server.port)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual((len(self.closes()), server.count), (500, 500))

    def settled(self, folder):
        """How many entries it has once their number stays for a second: ends of connections take their time."""
        last, since = None, time.monotonic()
        deadline = since + 60
        while time.monotonic() < min(since + 1, deadline):
            count = len(list(folder.iterdir()))
            if count != last:
                last, since = count, time.monotonic()
            time.sleep(0.02)
        return last

    def test_a_thousand_at_once_and_what_is_left(self):
        """All are there at one time, and afterwards the supervisor has no descriptor more than before."""
        usual, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # the server is in this process
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (usual, most))
        server = self.server()
        process = self.start("python3", "-c", f"""
import asyncio, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
async def one(i):
    r, w = await asyncio.open_connection({SERVER!r}, {server.port})
    w.write(b"%d\\n" % i)
    assert await r.readline() == b"%d\\n" % i
    return w
async def main():
    for round in range(2):
        all = await asyncio.gather(*(one(i) for i in range({self.AT_ONCE})))
        print("there", flush=True)
        sys.stdin.readline()
        for w in all: w.close()
        await asyncio.gather(*(w.wait_closed() for w in all))
        print("closed", flush=True)
        sys.stdin.readline()
asyncio.run(main())
""", options=self.net(), stdin=subprocess.PIPE)
        fds = pathlib.Path(f"/proc/{process.pid}/fd")
        left = None
        for _ in range(2):
            self.assertEqual(process.stdout.readline(), b"there\n", process.poll())
            self.assertGreater(len(list(fds.iterdir())), 2 * self.AT_ONCE)
            process.stdin.write(b"\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), b"closed\n")
            if left is None:
                left = self.settled(fds)
            else:
                self.assertTrue(wait_for(lambda: len(list(fds.iterdir())) <= left + 2), (left, list(fds.iterdir())))
            process.stdin.write(b"\n")
            process.stdin.flush()
        self.assertEqual((process.wait(60), server.count), (0, 2 * self.AT_ONCE))

    def test_socket_from_outside(self):
        """One that somebody outside hands in is of a network that leads somewhere: it is not to be connected."""
        server = self.server()
        share = self.work / "share"
        giver = socket.socket(socket.AF_UNIX)
        self.addCleanup(giver.close)
        giver.bind(str(share))
        share.chmod(0o777)
        self.work.chmod(0o777)
        giver.listen(1)

        def give():
            connection, _ = giver.accept()
            with connection, socket.socket() as foreign:
                socket.send_fds(connection, [b"x"], [foreign.fileno()])
        threading.Thread(target=give, daemon=True).start()
        done = self.run_in("python3", "-c", f"""
import errno, socket
with socket.socket(socket.AF_UNIX) as taker:
    taker.connect("share")
    _, fds, _, _ = socket.recv_fds(taker, 1, 1)
s = socket.socket(fileno=fds[0])
print(errno.errorcode.get(s.connect_ex(({SERVER!r}, {server.port}))))
""", options=(*self.net(), "--workspace", f"{self.work}:live"))
        self.assertEqual(done.stdout.strip(), b"EPERM", done.stderr)
        # The relay had dialled by then; the socket itself went nowhere.
        self.assertLessEqual(server.count, 1)
        self.assertEqual(self.closes()[0]["reason"], "socket of another network")

    def test_swapped_address(self):
        """What was checked is one host, what the kernel reads is now and then another."""
        good, bad = self.server(), self.server(address=OTHER)
        self.rules = self.policy(
            {"id": "t.other", "category": "exfiltration", "severity": "low", "on": ["net.connect"],
             "when": f"action.host == '{OTHER}'", "verdict": "deny", "because": "no",
             "match": [{"action": {"kind": "net.connect", "host": OTHER}}],
             "not_match": [{"action": {"kind": "net.connect", "host": SERVER}}]},
            defaults={"net.connect": "allow"})
        done = self.python("""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def name(a, p): return struct.pack("!HH4s8x", 0, p, socket.inet_aton(a))[2:]
good = struct.pack("H", socket.AF_INET) + name(sys.argv[1], int(sys.argv[2]))
bad = struct.pack("H", socket.AF_INET) + name(sys.argv[3], int(sys.argv[4]))
memory = ctypes.create_string_buffer(good, 16)
stop = False
def swap():
    while not stop:
        ctypes.memmove(memory, bad, 16)
        ctypes.memmove(memory, good, 16)
threading.Thread(target=swap).start()
through = tries = 0
while tries < 300 or not through and tries < 5000:
    tries += 1
    s = socket.socket()
    s.settimeout(5); s.setblocking(True)
    if libc.connect(s.fileno(), memory, 16) == 0:
        try:
            s.sendall(b"x\\n")
            through += s.recv(1) == b"x"
        except OSError: pass
    s.close()
stop = True
print(through)
""", SERVER, good.port, OTHER, bad.port, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(bad.count, 0)
        self.assertGreater(int(done.stdout), 0)

    @staticmethod
    def connecting(port):
        """How many wait for an answer from there."""
        SYN_SENT = "02"
        rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
        return sum(row[3] == SYN_SENT and int(row[2].split(":")[1], 16) == port for row in rows)

    def test_swapped_socket(self):
        """While the call is held, another socket takes the place of the one that was judged."""
        outside = socket.create_server((SERVER, 0), backlog=0)
        fillers = [socket.socket() for _ in range(3)]
        for one in (outside, *fillers):
            self.addCleanup(one.close)
        for one in fillers:
            one.setblocking(False)
            one.connect_ex(outside.getsockname())
        port = outside.getsockname()[1]
        before = self.connecting(port)
        process = self.start("python3", "-c", f"""
import ctypes, errno, os, socket, struct, sys, threading
x, y = socket.socket(), socket.socket()
os.dup2(x.fileno(), 100)
def swap():
    sys.stdin.readline()
    os.dup2(y.fileno(), 100)
    print("swapped", flush=True)
threading.Thread(target=swap).start()
to = struct.pack("H", socket.AF_INET) + struct.pack("!H4s8x", {port}, socket.inet_aton({SERVER!r}))
print(ctypes.CDLL(None).connect(100, to, 16), flush=True)
y.settimeout(40)
try:
    y.sendall(b"\\x01")
    print(y.recv(1), flush=True)
except OSError as e: print(errno.errorcode[e.errno], flush=True)
""", options=self.net(), stdin=subprocess.PIPE)
        # The relay dials: the call was judged, and is held.
        self.assertTrue(wait_for(lambda: self.connecting(port) > before))
        process.stdin.write(b"\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), b"swapped\n")

        def serve():
            while True:
                connection, _ = outside.accept()
                threading.Thread(target=net_testing.echo, args=(connection,), daemon=True).start()
        threading.Thread(target=serve, daemon=True).start()
        self.assertEqual(process.stdout.readline(), b"0\n")
        self.assertIn(process.stdout.readline(), (b"ECONNRESET\n", b"EPIPE\n", b"b''\n"))
        process.wait(60)
        self.assertEqual([e["rule"] for e in self.events("net.refused")], ["net.unapproved"])
        self.assertEqual(sum(c["bytes_out"] for c in self.closes()), 0)


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
