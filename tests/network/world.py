# SPDX-License-Identifier: Apache-2.0
"""The test's world: this process in a network namespace of its own, linked to one that plays the internet.

	test, cordon (host side)                      internet.py, nginx, sshd, ...
	198.51.100.1  internet0 ---- veth ---- eth0   every other address
	         ^ tcpdump

Nothing of it is connected to anything else. The servers are in a pid namespace that ends with the test, whatever
becomes of it; an ordinary user makes all of it in a user namespace.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import capture
import servers
import zone

INSIDE = "CORDON_TEST_WORLD"
NAMESPACES = ["--net", "--mount"]
if os.geteuid() != 0:
    NAMESPACES = ["--user", "--map-current-user", "--keep-caps", *NAMESPACES]
NEEDED = {"ip": "iproute2", "tcpdump": "tcpdump", "nginx": "nginx", "sshd": "openssh-server", "git": "git",
          "openssl": "openssl", "ssh-keygen": "openssh-client", "dpkg-deb": "dpkg", "setpriv": "util-linux"}
# Commands under test are an ordinary program's: what this process holds to make the world is none of theirs.
PLAIN = [] if os.geteuid() == 0 else ["setpriv", "--ambient-caps=-all", "--inh-caps=-all"]


def why_not():
    """Why no world can be made here; None if it can."""
    for program, package in NEEDED.items():
        if not shutil.which(program, path=servers.SBIN):
            return f"{program} is not installed (package {package})"
    made = subprocess.run(["unshare", *NAMESPACES, "unshare", "--pid", "--fork", "ip", "link", "add", "internet0", "type",
                           "veth", "peer", "name", "eth0"], capture_output=True, text=True)
    return None if made.returncode == 0 else f"no namespaces or no veth here: {made.stderr.strip()}"


def enter():
    """Runs the program anew in namespaces of its own; returns there. Exits with 77 where that is not possible."""
    if os.environ.get(INSIDE) == str(os.getpid()):
        os.environ["PATH"] = servers.SBIN
        return
    if why := why_not():
        print(f"skipped: {why}")
        sys.exit(77)
    # unshare without --fork: the process stays the same.
    os.execvpe("unshare", ["unshare", *NAMESPACES, sys.executable, *sys.argv],
               dict(os.environ, **{INSIDE: str(os.getpid())}))


def ip(line):
    subprocess.run(["ip", *line.split()], check=True)


class World:
    def __init__(self, watched=True):
        """watched: every packet is captured, which takes time of its own."""
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="cordon-world-"))
        self.dir.chmod(0o755)
        self.seen_at = {"seen.jsonl": 0, "http.jsonl": 0}
        self.internet = self.capture = None
        self.streams, self.over = set(), set()  # those that a server accepted, or may answer; before quiet()
        try:
            servers.prepare(self.dir)
            self.start_internet()
            if watched:
                self.capture = capture.Capture(self.dir)
                self.capture.since()
        except BaseException:
            self.end()
            raise

    def start_internet(self):
        program = pathlib.Path(__file__).parent / "internet.py"
        self.log = open(self.dir / "internet.log", "w")
        self.internet = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--pid", "--fork", "--kill-child",
             sys.executable, str(program), str(self.dir)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.expect("there")
        ip(f"link add internet0 type veth peer name eth0 netns {self.internet.pid}")
        ip("link set lo up")
        ip(f"addr add {zone.HOST}/24 dev internet0")
        ip(f"-6 addr add {zone.HOST6}/64 dev internet0 nodad")
        ip("link set internet0 up")
        # Everything would leave by the link, and so be seen.
        ip(f"route add default via {zone.GATEWAY}")
        ip(f"-6 route add default via {zone.GATEWAY6}")
        (self.dir / "resolv.conf").write_text(f"nameserver {zone.DNS}\n")
        subprocess.run(["mount", "--bind", self.dir / "resolv.conf", os.path.realpath("/etc/resolv.conf")], check=True)
        self.internet.stdin.write("linked\n")
        self.internet.stdin.flush()
        self.expect("ready")
        self.wait_for_servers()

    def expect(self, word):
        if self.internet.stdout.readline().strip() != word:
            raise RuntimeError("the internet does not come up: " + (self.dir / "internet.log").read_text()[-2000:])

    def wait_for_servers(self):
        for port in (zone.HTTP, zone.HTTPS, zone.SSH, zone.FAST):
            done = subprocess.run(["bash", "-c", f"for i in $(seq 600); do : 2>/dev/null </dev/tcp/{zone.GOOD}/{port} && exit; "
                                   "sleep 0.05; done; exit 1"], stderr=subprocess.DEVNULL)
            if done.returncode:
                texts = [p.read_text()[-1000:] for p in self.dir.glob("*.error")] + [(self.dir / "servers.log").read_text()]
                raise RuntimeError(f"nobody listens on port {port}: " + "\n".join(texts))

    def crossed(self):
        """Packets on the link since the last time, but for what is late of streams that are over."""
        packets = [p for p in self.capture.since() if not self.is_late(p)]
        self.streams |= {p.stream for p in packets if p.accepts() or p.asks()}
        return packets

    def is_late(self, packet):
        """Of a stream from before quiet(): a busy server's answer may be seconds late. Who leaves now opens a stream of
        its own, be it between the same ends, or says something. A datagram that leaves is never late, nor its answer."""
        if packet.opens() or packet.asks():
            self.over.discard(packet.stream)
        return packet.stream in self.over and not (packet.outward() and packet.payload)

    def quiet(self):
        """What the last commands left on its way has come, and is forgotten: goodbyes of streams, late answers."""
        while time.sleep(0.05) or self.crossed():
            pass
        self.over, self.streams = self.over | self.streams, set()
        self.seen()

    def seen(self, kind=None):
        """What the servers saw since the last time, as they wrote it down."""
        found = []
        for name, at in self.seen_at.items():
            path = self.dir / name
            if not path.exists():
                continue
            with open(path) as f:
                f.seek(at)
                text = f.read()
            text = text[:text.rfind("\n") + 1]
            self.seen_at[name] += len(text.encode())
            found += map(json.loads, text.splitlines())
        return [e for e in found if kind is None or e["kind"] == kind]

    def end(self):
        """Return: packets that the capture lost."""
        lost = self.capture.end() if self.capture else 0
        if self.internet:
            self.internet.kill()
            self.internet.communicate()
            self.log.close()
            subprocess.run(["umount", os.path.realpath("/etc/resolv.conf")], check=False, stderr=subprocess.DEVNULL)
            subprocess.run(["ip", "link", "del", "internet0"], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.dir, ignore_errors=True)
        return lost
