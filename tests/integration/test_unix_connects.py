# SPDX-License-Identifier: Apache-2.0
"""Connections that are made for a session, where the host's sockets may be in its view: as outside, and told of."""

import errno
import json
import socket
import subprocess
import unittest

from cordon_testing import CORDON, TRACE, CordonTest
from slower import SLOWER

# Every way to begin a conversation, one line each: the same where the hands do it and where nobody does.
WAYS = """
import array, errno, os, select, signal, socket, struct, sys, threading, time
U, T = socket.AF_UNIX, socket.AF_INET
def said(what, f):
    try:
        print(what, f(), flush=True)
    except OSError as e:
        print(what, errno.errorcode[e.errno], flush=True)
def server(family, name, kind=socket.SOCK_STREAM, backlog=8):
    s = socket.socket(family, kind)
    s.bind(name)
    s.listen(backlog)
    return s
def client(family, to, kind=socket.SOCK_STREAM, prepare=lambda s: None):
    s = socket.socket(family, kind)
    prepare(s)
    s.connect(to)
    return s
def talk(family, name, kind=socket.SOCK_STREAM):
    s = server(family, name, kind)
    c = client(family, s.getsockname(), kind)
    a, _ = s.accept()
    c.send(b'ping')
    return a.recv(9), c.getpeername() == s.getsockname(), c.getsockname() == a.getpeername(), c.getblocking()
os.mkdir('/tmp/d'); os.chdir('/tmp/d')
said('path', lambda: talk(U, '/tmp/d/a'))
said('relative', lambda: talk(U, './b'))
said('abstract', lambda: talk(U, '\\0name'))
said('packets', lambda: talk(U, '/tmp/d/c', socket.SOCK_SEQPACKET))
said('tcp', lambda: talk(T, ('127.0.0.1', 0)))
said('tcp6', lambda: talk(socket.AF_INET6, ('::1', 0)))
said('udp', lambda: client(T, ('127.0.0.1', 9), socket.SOCK_DGRAM).getpeername())
def dissolve():
    s = client(T, ('127.0.0.1', 9), socket.SOCK_DGRAM)
    import ctypes
    r = ctypes.CDLL(None).connect(s.fileno(), struct.pack('<H14x', 0), 16)
    try:
        s.getpeername()
    except OSError as e:
        return r, e.errno
said('dissolved', dissolve)
def udp(address, family=T, kind=socket.SOCK_DGRAM, prepare=lambda s: None):
    heard = socket.socket(T, socket.SOCK_DGRAM)
    heard.bind(('127.0.0.1', 0))
    c = client(family, (address, heard.getsockname()[1]), kind, prepare)
    c.send(b'ping')
    return heard.recv(9), c.getblocking()
said('udp arrives', lambda: udp('127.0.0.1'))
said('udp arrives, not waiting', lambda: udp('127.0.0.1', kind=socket.SOCK_DGRAM | socket.SOCK_NONBLOCK))
said('udp6 to an address of IPv4', lambda: udp('::ffff:127.0.0.1', socket.AF_INET6))
said('udp6 alone', lambda: udp('::ffff:127.0.0.1', socket.AF_INET6, prepare=lambda s: s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)))
said('broadcast', lambda: client(T, ('127.255.255.255', 9), socket.SOCK_DGRAM))
os.symlink('/tmp/d/a', 'link')
a = server(U, '/tmp/d/e')
os.symlink('e', 'to-e')
said('link', lambda: client(U, 'to-e').getpeername())
said('self', lambda: client(U, '/proc/self/cwd/e').getpeername())
fd = os.open('/tmp/d', os.O_PATH)
said('descriptor', lambda: client(U, f'/proc/self/fd/{fd}/e').getpeername())
said('thread', lambda: client(U, '/proc/thread-self/root/tmp/d/e').getpeername())
def twice():
    c = client(U, 'e')
    c.connect('e')
said('twice', twice)
said('another kind', lambda: client(U, 'e', socket.SOCK_SEQPACKET))
open('file', 'w').close()
said('file', lambda: client(U, 'file'))
said('nobody', lambda: client(U, 'a'))
said('nothing', lambda: client(U, 'nothing'))
said('nowhere', lambda: client(U, 'none/nothing'))
said('through a file', lambda: client(U, 'file/x'))
said('refused', lambda: client(T, ('127.0.0.1', 1)))
def unix_on_inet():
    import ctypes
    s = socket.socket(T)
    name = struct.pack('<H', U) + b'/tmp/d/e' + bytes(1)
    libc = ctypes.CDLL(None, use_errno=True)
    return libc.connect(s.fileno(), name, len(name)), errno.errorcode[ctypes.get_errno()]
said('unix on inet', unix_on_inet)
def no_socket():
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    name = struct.pack('<H', U) + b'/tmp/d/e' + bytes(1)
    return [(libc.connect(n, name, len(name)), errno.errorcode[ctypes.get_errno()]) for n in (fd, 999)]
said('no socket', no_socket)
os.mkdir('shut'); b = server(U, 'shut/s'); os.chmod('shut', 0)
said('shut folder', lambda: client(U, 'shut/s'))
os.chmod('shut', 0o700); os.chmod('shut/s', 0)
said('shut socket', lambda: client(U, 'shut/s'))
def passed():
    s = server(U, 'fds')
    c = client(U, 'fds')
    a, _ = s.accept()
    r, w = os.pipe()
    socket.send_fds(c, [b'here'], [w])
    _, fds, _, _ = socket.recv_fds(a, 9, 1)
    os.write(fds[0], b'through')
    return os.read(r, 9)
said('descriptors', passed)
def who():
    s = server(U, 'who')
    s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    c = client(U, 'who')
    a, _ = s.accept()
    c.send(b'x')
    _, more, _, _ = a.recvmsg(9, 100)
    pid, uid, gid = struct.unpack('3i', a.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    cred = struct.unpack('3i', more[0][2])
    back = struct.unpack('3i', c.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return (uid, gid) == (os.getuid(), os.getgid()), cred == back == (os.getpid(), os.getuid(), os.getgid())
said('who', who)
# A queue that is full: one that does not wait is told so, others wait, for as long as they said or until there is room.
full = server(U, 'full', backlog=0)
first = client(U, 'full')
said('full', lambda: client(U, 'full', prepare=lambda s: s.setblocking(False)))
begun = time.monotonic()
said('not for long', lambda: client(U, 'full', prepare=lambda s: s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 0, 300000))))
print('waited', 0.2 < time.monotonic() - begun < 20)
waiting = threading.Thread(target=lambda: said('room', lambda: client(U, 'full').getpeername()))
waiting.start()
time.sleep(0.3)
said('meanwhile', lambda: (client(U, 'e').getpeername(), os.rename('file', 'file2')))
full.accept()
waiting.join()
full.accept()
# The caller is killed while it waits: nobody else is kept.
third = client(U, 'full')
child = os.fork()
if not child:
    client(U, 'full')
    os._exit(1)
time.sleep(0.3)
os.kill(child, signal.SIGKILL)
said('killed', lambda: os.waitpid(child, 0)[1])
said('after', lambda: client(U, 'e').getpeername())
def begins():
    s = server(T, ('127.0.0.1', 0))
    c = socket.socket(T)
    c.setblocking(False)
    r = c.connect_ex(s.getsockname())
    select.select([], [c], [], 20)
    return errno.errorcode.get(r), c.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR), c.getblocking()
said('begins', begins)
"""

# Connects that end in different ways, one line each: canonical place and result.
OUTCOMES = """
import json, os, socket
U, T = socket.AF_UNIX, socket.AF_INET
os.mkdir('/tmp/d'); os.chdir('/tmp/d'); os.symlink('served', 'link')
def server(family, name, backlog=8):
    s = socket.socket(family)
    s.bind(name)
    s.listen(backlog)
    return s
def reach(family, to, place, kind=socket.SOCK_STREAM):
    s = socket.socket(family, kind)
    s.settimeout(None if family == T else 0)
    try:
        s.connect(to)
        result = 0
    except OSError as e:
        result = -e.errno
    print(json.dumps([place, result]), flush=True)
    return s
served, full, name = server(U, 'served'), server(U, 'full', 0), server(U, '\\0name')
tcp = server(T, ('127.0.0.1', 0))
port = tcp.getsockname()[1]
gone = server(U, 'gone'); gone.close()
reach(U, 'served', '/tmp/d/served')
reach(U, 'link', '/tmp/d/served')
reach(U, 'gone', '/tmp/d/gone')
reach(U, './none', '/tmp/d/none')
first = reach(U, 'full', '/tmp/d/full')
reach(U, 'full', '/tmp/d/full')
reach(T, ('127.0.0.1', port), port)
reach(T, ('127.0.0.1', 1), 1)
reach(U, 'served', '/tmp/d/served', socket.SOCK_SEQPACKET)
"""

# Both ways to have a UNIX socket that sends without a connection; what else there is goes on.
DATAGRAMS = """
import errno, socket
for kind in (socket.SOCK_DGRAM, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, socket.SOCK_RAW):
    for make in (socket.socket, socket.socketpair):
        try:
            make(socket.AF_UNIX, kind)
            print('made', end=' ')
        except OSError as e:
            print(errno.errorcode[e.errno], end=' ')
socket.socketpair()
socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))
"""


class UnixConnects(CordonTest):
    def ways(self, mode, *options):
        discard = ["--discard"] if mode == "cow" else []
        r = self.run_in("python3", "-c", WAYS, options=["-q", "-w", f"{self.work}:{mode}", *discard, *options])
        self.assertEqual(r.returncode, 0, r.stderr)
        return r.stdout.decode().splitlines()

    def test_connecting_is_as_outside(self):
        """By the hands, where a folder of the host is bound and could hold its sockets; elsewhere by the kernel."""
        live = self.ways("live")
        self.assertEqual(self.events("session.start")[0]["fields"]["file_gate"], "on")
        self.assertEqual(live, self.ways("cow"))
        self.assertEqual(self.events("session.start")[0]["fields"]["file_gate"], "off")
        told = dict(line.split(" ", 1) for line in live)
        self.assertEqual((told["full"], told["waited"], told["killed"]), ("EAGAIN", "True", "9"))
        self.assertIn("room full", live)
        self.assertIn("who (True, True)", live)

    def places(self):
        """Of the host, shown to a session: with options, and whether sockets of the host may be there."""
        shown, file = self.dir / "shown", self.dir / "file"
        shown.mkdir(exist_ok=True)
        file.touch()
        served = socket.socket(socket.AF_UNIX)
        self.addCleanup(served.close)
        served.bind(str(self.dir / "served"))
        return ((("-w", f"{self.work}:live"), True), (("-w", f"{self.work}:ro"), True), (("--bind", shown), True),
                (("--bind", self.dir / "served"), True), ((), False), (("--bind", file), False), (("--bind", "/usr/share:/srv/share"), False))

    def test_no_datagrams_where_the_host_has_sockets(self):
        for options, has_sockets in self.places():
            with self.subTest(options=options):
                r = self.run_in("python3", "-c", DATAGRAMS, options=["-q", *options])
                self.assertEqual(r.stdout.decode().split(), ["EACCES" if has_sockets else "made"] * 6, r.stderr)

    def test_connecting_is_as_outside_where_sockets_are_shown(self):
        (self.dir / "shown").mkdir()
        self.assertEqual(self.ways("cow", "--bind", self.dir / "shown"), self.ways("cow"))

    def test_no_datagrams_are_handed_in_there(self):
        """Each message through it names its destination in memory that another thread may change."""
        for options, has_sockets in self.places():
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                here, there = socket.socketpair(socket.AF_UNIX, kind)
                with self.subTest(options=options, kind=kind), here, there:
                    refused = has_sockets and kind == socket.SOCK_DGRAM
                    r = self.run_in("true", options=["-q", *options], stdin=there)
                    self.assertEqual((r.returncode, b"input is a UNIX datagram socket" in r.stderr), (125 if refused else 0, refused))
        here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        with here, there:
            command = [CORDON, "run", "-q", "--trace", TRACE, "-w", f"{self.work}:ro", "--", "true"]
            r = subprocess.run(command, stdout=there, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=self.env, timeout=120 * SLOWER)
            self.assertIn(b"output is a UNIX datagram socket", r.stderr)

    def test_only_where_a_rule_holds_for_connections(self):
        """By itself a folder of the host takes nothing away, nor does the gate on files; nor is that paid for with it."""
        for kind, word, files in ("net.connect", "EACCES", "off"), ("net.send", "EACCES", "off"), ("net.bind", "made", "on"):
            def example(family, kind=kind):
                return [{"action": {"kind": kind, "family": family, "path": "/w/x", "provenance": "host-bound"}}]

            policy = self.dir / "policy.json"
            policy.write_text(json.dumps({"policy": "test", "version": 1, "rules": [{
                "id": "t.one", "category": "test", "severity": "high", "on": [kind], "verdict": "deny", "because": "Not there.",
                "when": "action.family == 'unix' && action.provenance == 'host-bound'",
                "match": example("unix"), "not_match": example("inet")}]}))
            with self.subTest(kind=kind):
                r = self.run_in("python3", "-c", DATAGRAMS, options=["-q", "-w", f"{self.work}:live", "--policy", policy])
                self.assertEqual(r.stdout.decode().split(), [word] * 6, r.stderr)
                self.assertEqual(self.events("session.start")[0]["fields"]["file_gate"], files)
                if files == "off":
                    self.assertEqual(self.ways("live", "--policy", policy), self.ways("cow"))

    def outcomes(self, mode):
        """Where each connect led and how it went: what the program saw, what was let through, and what the record tells of that."""
        r = self.run_in("python3", "-c", OUTCOMES, options=["-q", "-w", f"{self.work}:{mode}"])
        self.assertEqual(r.returncode, 0, r.stderr)
        made = [json.loads(line) for line in r.stdout.decode().splitlines()]

        def where(event):
            return event["fields"].get("path") or event["fields"].get("port")

        allowed = [where(e) for e in self.events("net.connect") if e["verdict"] == "allow"]
        return made, allowed, [[where(e), e["fields"].get("result")] for e in self.events("connect.done")]

    def test_how_each_that_was_made_went(self):
        """Told by who made it, with whatever trace and with none, by the name that was judged."""
        made, allowed, told = self.outcomes("live")
        self.assertEqual(told, made)
        self.assertEqual(allowed, [place for place, _ in made])
        self.assertEqual([-result for _, result in made], [0, 0, errno.ECONNREFUSED, errno.ENOENT, 0, errno.EAGAIN, 0, errno.ECONNREFUSED, errno.EPROTOTYPE])
        self.assertEqual({e["fields"].get("comm") for e in self.events("connect.done")}, {None})

    def test_each_that_the_kernel_made_is_told_once(self):
        _, allowed, told = self.outcomes("cow")
        if self.events("session.start")[0]["fields"]["trace"] != "on":
            self.skipTest("without a trace nobody tells how a connect went that was not carried out")
        named = [[str(place).rsplit("/", 1)[-1].replace("link", "served"), result] for place, result in told]
        self.assertEqual([name for name, _ in named], [str(place).rsplit("/", 1)[-1] for place in allowed])
        self.assertEqual(named[3], ["none", -errno.ENOENT])


if __name__ == "__main__":
    unittest.main()
