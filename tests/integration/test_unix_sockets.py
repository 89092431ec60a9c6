# SPDX-License-Identifier: Apache-2.0
"""UNIX sockets in folders that host and session share: whose they are decides, not where they lie."""

import json
import os
import pathlib
import socket
import unittest

from cordon_testing import TRACE, CordonTest

SOURCE = pathlib.Path(os.environ.get("SOURCE", "."))

# Connects to each path named, or serves one itself and connects to that.
CLIENT = """
import socket, sys
def reach(path, kind=socket.SOCK_STREAM):
    try:
        with socket.socket(socket.AF_UNIX, kind) as s:
            s.connect(path)
            print(path.rsplit('/', 1)[1], 'reached')
    except OSError as e:
        print(path.rsplit('/', 1)[1], e.errno)
work = sys.argv[1]
own = socket.socket(socket.AF_UNIX)
own.bind(work + '/own')
own.listen()
for name in ('own', 'host', 'gone'):
    reach(f'{work}/{name}')
reach(work + '/datagrams', socket.SOCK_DGRAM)
for path in sys.argv[2:]:
    reach(path)
"""


# Sends one message to each path, all with one call: how many went out, or the error.
MANY = """
import ctypes, os, socket, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
base = sys.argv[1]
here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
here.bind('/tmp/here')
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
for paths in (['/tmp/here', '/tmp/gone', '/tmp/here'], ['/tmp/gone', '/tmp/here'], ['/tmp/here', '/tmp/here'],
              ['/tmp/here', '/tmp/none/gone'], ['/tmp/here', base + '/gone'], ['/tmp/here', '/usr/gone']):
    text = ctypes.create_string_buffer(b'x')
    part = (ctypes.c_uint64 * 2)(ctypes.addressof(text), 1)
    names = [ctypes.create_string_buffer(struct.pack('<H', socket.AF_UNIX) + p.encode()) for p in paths]
    packed = b''.join(struct.pack('<QIxxxxQQQQIxxxxIxxxx', ctypes.addressof(n), len(n), ctypes.addressof(part), 1, 0, 0, 0, 0) for n in names)
    n = libc.sendmmsg(s.fileno(), packed, len(paths), 0)
    print(n if n >= 0 else -ctypes.get_errno(), end=' ')
"""

# Goes down to a folder whose path has as many bytes as each argument says; from there binds a name, starts a program.
DEEP = """
import os, socket, sys
def descend(left):
    while left:
        step = left if left < 202 else min(200, left - 2)
        os.makedirs('n' * (step - 1), exist_ok=True)
        os.chdir('n' * (step - 1))
        left -= step
for depth in map(int, sys.argv[2:]):
    os.chdir(sys.argv[1])
    descend(depth - len(sys.argv[1]))
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind('s')
        print('bound', end=' ')
    except OSError as e:
        print(e.errno, end=' ')
    try:
        os.waitpid(os.posix_spawn('/bin/true', ['true'], {}), 0)
        print('ran')
    except OSError as e:
        print(e.errno)
"""


# Binds to each path: what getsockname(2) says and how the file is protected, or the error.
BIND = """
import os, socket, sys
os.makedirs('d', exist_ok=True)
os.makedirs('/dev/shm/d')
os.symlink('d', '/dev/shm/link')
os.umask(0o27)
fd = os.open('/dev/shm/d', os.O_PATH)
for path in sys.argv[1:]:
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.bind(path.replace('FD', str(fd)))
            print(path, oct(os.stat(path.replace('FD', str(fd))).st_mode), s.getsockname().replace(f'/{fd}/', '/FD/'))
        except OSError as e:
            print(path, e.errno)
"""


class UnixSockets(CordonTest):
    def serve(self, name, kind=socket.SOCK_STREAM):
        s = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(s.close)
        s.bind(str(self.work / name))
        (self.work / name).chmod(0o777)
        if kind == socket.SOCK_STREAM:
            s.listen()
            s.settimeout(0)
        return s

    def reach(self, *args, paths=()):
        r = self.cordon("run", "-q", f"--trace={TRACE}", f"--record={self.record}", *args, "--", "python3", "-c", CLIENT, str(self.work),
                        *paths, timeout=120)
        self.assertEqual(r.returncode, 0, r.stderr)
        return dict(line.split() for line in r.stdout.decode().splitlines())

    def test_whose_it_is(self):
        host = self.serve("host")
        self.serve("datagrams", socket.SOCK_DGRAM)
        self.serve("gone").close()
        got = self.reach(f"--workspace={self.work}:live")
        self.assertEqual(got, {"own": "reached", "host": "1", "gone": "1", "datagrams": "13"})
        with self.assertRaises(BlockingIOError):
            host.accept()
        told = {e["fields"]["path"].rsplit("/", 1)[1]: e for e in map(json.loads, self.record.read_text().splitlines()) if e["kind"] == "net.connect"}
        self.assertEqual(told["host"]["rule"], "ex.host-socket")
        self.assertEqual(told["host"]["fields"]["provenance"], "host-bound")
        self.assertEqual(told["own"]["fields"]["provenance"], "workspace")

    def test_binding_is_as_outside(self):
        """Carried out in a live folder, and there alone with a name that is the last component (cordon(1))."""
        def bound(mode, *paths):
            r = self.run_in("python3", "-c", BIND, *paths, options=["-q", "-w", f"{self.work}:{mode}"])
            self.assertEqual(r.returncode, 0, r.stderr)
            return r.stdout.decode().splitlines()

        here = ("here", "/dev/shm/d/a", "/dev/shm/d/a", "/dev/shm/link/b", "/dev/shm/none/a", "/dev/shm/d", "/dev/shm/d/",
                "/dev/shm/" + "n" * 98, "/usr/a", "\u20ac", "here")
        outside = bound("cow", *here)
        self.assertEqual(len(outside), len(here))
        self.assertEqual(bound("live", *here), outside)
        self.assertEqual(bound("live", "./a", f"{self.work}/b"), ["./a 0o140750 a", f"{self.work}/b 0o140750 b"])
        path = "/proc/self/fd/FD/c"
        self.assertEqual(bound("cow", path), [f"{path} 0o140750 {path}"])
        self.assertEqual(bound("live", path), [f"{path} 0o140750 c"])

    def test_a_rule_on_binds_alone_has_them_carried_out(self):
        def example(path):
            return [{"action": {"kind": "net.bind", "family": "unix", "path": path, "provenance": "host-bound"}}]

        policy = self.dir / "policy.json"
        policy.write_text(json.dumps({"policy": "test", "version": 1, "rules": [{
            "id": "t.bind", "category": "test", "severity": "high", "on": ["net.bind"], "verdict": "deny", "because": "Not here.",
            "when": "action.provenance == 'host-bound' && glob(action.path, '**/no')",
            "match": example("/w/no"), "not_match": example("/w/yes")}]}))
        for mode, gate, said in ("live", "on", ["no 1"]), ("cow", "off", ["no 0o140750 no"]):
            with self.subTest(mode=mode):
                r = self.run_in("python3", "-c", BIND, "no", options=["-q", "-w", f"{self.work}:{mode}", "--policy", policy])
                self.assertEqual(r.stdout.decode().splitlines(), said, r.stderr)
                start = json.loads(self.record.read_text().splitlines()[0])
                self.assertEqual(start["fields"]["file_gate"], gate)

    def test_what_was_refused_is_told_once(self):
        """How a connect went is told of one that was let through; of one that was refused, the refusal says it."""
        self.serve("host")
        got = self.reach(f"--workspace={self.work}:live")
        self.assertEqual((got["own"], got["host"]), ("reached", "1"))
        events = [json.loads(line) for line in self.record.read_text().splitlines()]
        judged = [e["verdict"] for e in events if e["kind"] == "net.connect"]
        self.assertGreater(judged.count("deny"), 0)
        self.assertEqual(judged.count("allow"), len([e for e in events if e["kind"] == "connect.done"]))

    def test_what_is_not_there_is_judged(self):
        """Who looks for a container engine is told of, though none is here: in a folder, and below none."""
        engine, absent = f"{self.work}/docker.sock", f"{self.work}/absent"
        got = self.reach(f"--workspace={self.work}:live", paths=[absent, engine, "/nowhere/podman.sock"])
        self.assertEqual((got["absent"], got["docker.sock"], got["podman.sock"]), ("2", "1", "1"))
        told = {e["fields"]["path"]: e for e in map(json.loads, self.record.read_text().splitlines()) if e["kind"] == "net.connect"}
        self.assertEqual(told[absent]["verdict"], "allow")
        self.assertNotIn("provenance", told[absent]["fields"])
        self.assertEqual({told[p]["rule"] for p in (engine, "/nowhere/podman.sock")}, {"ra.container-socket"})

    def test_a_list_is_sent_up_to_what_is_not_there(self):
        """As the kernel does it; where a socket of the host could be there by then, none of it is."""
        r = self.cordon("run", "-q", f"--trace={TRACE}", f"--record={self.record}", f"--workspace={self.work}", "--discard", "--",
                        "python3", "-c", MANY, str(self.work), timeout=120)
        self.assertEqual(r.stdout.split(), [b"1", b"-2", b"2", b"-2", b"1", b"-2"], r.stderr)

    def test_a_deep_one_is_judged_by_its_whole_path(self):
        """The kernel tells paths of up to 4095 bytes; below a folder that has none no rule could be asked."""
        inside, outside = f"{self.work}/s", "/tmp/s"
        rules = [{"id": f"deep.{kind[-4:]}", "category": "persistence", "severity": "low", "on": [kind], "verdict": "deny",
                  "errno": "ENETUNREACH", "because": "test", "when": when,
                  "match": [{"action": {"kind": kind, field: inside}}] * 2, "not_match": [{"action": {"kind": kind, field: outside}}] * 2}
                 for kind, field, when in (
                     ("net.bind", "path", f"action.path.startsWith('{self.work}/') && action.path.endsWith('/s')"),
                     ("exec", "cwd", f"action.cwd.startsWith('{self.work}/')"))]
        policy = self.dir / "deep.json"
        policy.write_text(json.dumps({"policy": "deep", "version": 1, "rules": rules}))
        r = self.cordon("run", "-q", f"--trace={TRACE}", f"--record={self.record}", f"--workspace={self.work}:live", f"--policy={policy}", "--",
                        "python3", "-c", DEEP, str(self.work), "1000", "4081", "4082", "4090", "4095", "4096", timeout=120)
        self.assertEqual(r.stdout.split(), [b"101"] * 10 + [b"36"] * 2, r.stderr)
        paths = [e["fields"]["path"] for e in map(json.loads, self.record.read_text().splitlines()) if e["kind"] == "net.bind"]
        self.assertEqual([len(p) for p in paths], [1002, 4083, 4084, 4092, 4097])

    def test_a_socket_that_policy_shares(self):
        """The control: without the rule, or with the path in its list, the host's socket is reached."""
        host = self.serve("host")
        more = self.dir / "more.json"
        more.write_text(json.dumps({"policy": "more", "version": 1, "lists": {"shared_sockets": [str(self.work / "host")]}, "rules": []}))
        got = self.reach(f"--workspace={self.work}:live", f"--policy={SOURCE / 'policies'}", f"--policy={more}")
        self.assertEqual(got["host"], "reached")
        host.settimeout(10)
        host.accept()[0].close()


if __name__ == "__main__":
    unittest.main()
