# SPDX-License-Identifier: Apache-2.0
"""What the tests of the network share: one world a program, a command inside and outside, and what the link saw of it."""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))

import world as worlds  # noqa: E402
import zone  # noqa: E402
import cordon_testing  # noqa: E402
from cordon_testing import TRACE, CordonTest  # noqa: E402

CORDON = os.path.abspath(cordon_testing.CORDON)
SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build")).resolve()
DEFAULTS = {kind: "allow" for kind in ("exec", "net.connect", "net.bind", "net.listen", "net.send")}
# As the family that ships says it; --allow-host fills the list.
TRUSTED = {"id": "t.trusted", "category": "test", "severity": "low", "on": ["net.connect", "net.send"],
           "when": "!action.loopback && !hostMatches(action.host, lists.trusted_hosts)", "verdict": "deny",
           "because": "No host of the task.",
           "match": [{"action": {"kind": "net.connect", "host": "evil.test", "loopback": False}}],
           "not_match": [{"action": {"kind": "net.connect", "host": "127.0.0.1", "loopback": True}}]}
LIMIT_S = 200
_world = None


def the_world():
    global _world
    _world = _world or worlds.World()
    return _world


def end_of_world():
    """For tearDownModule: what the capture missed would be no proof."""
    if _world:
        lost = _world.end()
        if lost:
            raise AssertionError(f"tcpdump lost {lost} packets")


def has_network():
    """Does this cordon know --net?"""
    text = subprocess.run([CORDON, "run", "--help"], capture_output=True, text=True).stdout
    return "--net" in text and "--allow-host" in text


class NetworkTest(CordonTest):
    """A command runs inside or outside in the same folder, with the same variables."""

    maxDiff = None

    def setUp(self):
        self.world = the_world()
        super().setUp()
        for name in ("ca.pem", "client_key", "known_hosts"):
            shutil.copy(self.world.dir / name, self.work / name)
        (self.work / "client_key").chmod(0o600)
        self.world.crossed()
        self.world.seen()

    @property
    def variables(self):
        """Those that make a program trust the test's CA, and git and ssh the test's keys."""
        ca = f"{self.work}/ca.pem"
        ssh = (f"ssh -F none -i {self.work}/client_key -o UserKnownHostsFile={self.work}/known_hosts -o BatchMode=yes"
               " -o UpdateHostKeys=no -o LogLevel=ERROR")
        return {**dict.fromkeys(("SSL_CERT_FILE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "PIP_CERT",
                                 "REQUESTS_CA_BUNDLE", "npm_config_cafile"), ca),
                "GIT_SSH_COMMAND": ssh, "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", "MARK": self.dir.name}

    def options(self, allow=(), private=zone.DOCUMENTATION):
        return ["--net=relay", f"--resolver={zone.DNS}", *(f"--allow-host={host}" for host in allow),
                *(f"--allow-private={cidr}" for cidr in private)]

    def inside(self, script, *args, allow=(), private=zone.DOCUMENTATION, options=(), rules=(), lists=(), mode="cow", **kw):
        """bash in a session with a relayed network."""
        policy = self.policy(TRUSTED, *rules, defaults=DEFAULTS, lists={"trusted_hosts": [], **dict(lists)})
        self.record.unlink(missing_ok=True)
        bound = "--discard" if mode == "cow" else "-q"
        variables = [f"--env={k}={v}" for k, v in self.variables.items()]
        argv = [*worlds.PLAIN, CORDON, "run", "-q", bound, "--trace", TRACE, "-w", f"{self.work}:{mode}", "-p", policy,
                "--record", self.record, *variables, *self.options(allow, private), *options, "--",
                "bash", "-c", script, "bash", *args]
        return self.plain(argv, self.env, **kw)

    def outside(self, script, *args, **kw):
        """The same without cordon: in the namespace where its supervisor would be."""
        home = self.dir / "home"
        home.mkdir(exist_ok=True)
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "USER": "agent",
               "LOGNAME": "agent", "SHELL": "/bin/sh", "TMPDIR": "/tmp", "HOME": str(home), **self.variables}
        return self.plain([*kw.pop("prefix", worlds.PLAIN), "bash", "-c", script, "bash", *args], env, **kw)

    def plain(self, argv, env, **kw):
        kw = {"stdin": subprocess.DEVNULL, "timeout": LIMIT_S, **kw}
        return subprocess.run([str(a) for a in argv], cwd=self.work, env=env, capture_output=True, text=True,
                              errors="replace", **kw)

    def assert_only(self, packets, allowed, names=()):
        """The proof: not one packet but of these far ends (protocol, address, port), and questions for these names.

        Answers of the far end count to it; so does what a router says of it, which quotes it.
        """
        for packet in packets:
            if packet.far == ("udp", zone.DNS, 53):
                if packet.outward():
                    self.assertIn((packet.question or "").lower(), names, f"not to be asked: {packet}")
            elif packet.protocol in ("icmp", "icmp6"):
                self.assertFalse(packet.outward() and packet.flags in (8, 128), f"a ping left: {packet}")
            else:
                self.assertIn(packet.far, allowed, f"not allowed: {packet}")


def tcp(addresses, *ports):
    return {("tcp", address, port) for address in addresses for port in ports}


def main():
    """Of a test program: in its world, or skipped with the reason."""
    unittest.main(verbosity=2)


def requires_network(test):
    return unittest.skipUnless(has_network(), "this build of cordon has no --net")(test)
