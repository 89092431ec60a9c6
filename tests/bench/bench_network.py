#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench_network.py [OPERATION...]: TCP from a relayed network to a server behind a veth link.

Beside no sandbox at all, pasta and slirp4netns. An operation is named as netload names it; without one, all of them.
Bytes are measured by the time that they take, so that less is better in every row.
"""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "network"))
os.environ.setdefault("BUILD", str(pathlib.Path(os.environ.get("CORDON", "build/cordon")).resolve().parent))

import world as worlds  # noqa: E402

if __name__ == "__main__" and not worlds.why_not():
    worlds.enter()

import zone  # noqa: E402
from samples import count, rounds, row, skip  # noqa: E402
from sandboxes import CORDON, TRACE, Place  # noqa: E402

NETLOAD = os.path.join(os.environ["BUILD"], "tests", "netload")
SERVER = (zone.LAB, str(zone.FAST))
# Where a sample lands on two processors is chance: many short ones tell more than a few long ones.
ROUNDS = count(41, 2)
# netload's name, how much of it, what the row is called, its unit, and a sample from what netload prints
OPERATIONS = [
    ("stream", count(100, 4), "download", "us/MiB", lambda mib_s: 1e6 / mib_s),
    ("upload", count(100, 4), "upload", "us/MiB", lambda mib_s: 1e6 / mib_s),
    ("latency", count(1000, 50), "round trip", "us", lambda us: us),
    ("connects", count(300, 10), "connection, round trip, close", "us", lambda a_second: 1e6 / a_second),
    ("first-byte", count(300, 10), "connect to first byte", "us", lambda us: us),
    ("flood", count(300, 10), "connect to first byte of a flood", "us", lambda us: us),
]
PEERS = ["direct", "pasta", "slirp4netns"]
# A closed connection keeps its port for a minute. Thousands to one destination would use up half of them, and the
# kernel's search for one that is free would soon be most of each connection, of a peer's as of ours.
MANY_PORTS = {"ip_local_port_range": "10000 65000", "tcp_tw_reuse": "1"}


def give_ports():
    """In the network namespace that we are in, and made."""
    for name, value in MANY_PORTS.items():
        try:
            pathlib.Path("/proc/sys/net/ipv4", name).write_text(value)
        except OSError as e:
            print(f"   (later rounds are slower for everybody: {e})", file=sys.stderr)


class Slirp:
    """A network namespace that slirp4netns connects; commands join it.

    Made anew for each sample, as a supervisor of ours and pasta are: on which processor a process comes to lie decides
    a lot and stays so, and all samples of one alone would tell of one such lot.
    """

    def __init__(self):
        unshare = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", "echo there; exec sleep 100000"]
        self.holder = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *unshare], stdout=subprocess.PIPE, text=True)
        self.holder.stdout.readline()
        ready_fd, given_fd = os.pipe()
        self.process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "slirp4netns", "--configure", "--mtu=65520", "--disable-host-loopback",
             f"--ready-fd={given_fd}", str(self.holder.pid), "tap0"],
            pass_fds=(given_fd,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(given_fd)
        if os.read(ready_fd, 1) != b"1":
            raise RuntimeError("slirp4netns does not come up")
        os.close(ready_fd)

    def command(self, *command):
        return ["nsenter", "--preserve-credentials", "-U", "-n", "-t", str(self.holder.pid), *command]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in (self.process, self.holder):
            process.kill()
            process.communicate()


def number(argv, env, tries):
    for left in reversed(range(tries)):
        done = subprocess.run([str(a) for a in argv], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        if done.returncode == 0:
            return float(done.stdout.split()[-1])
        told = f"{' '.join(map(str, argv[:4]))} ...: exit status {done.returncode}\n{done.stderr[-2000:]}"
        if not left:
            raise RuntimeError(told)
        print(f"   (once more: {told.strip().splitlines()[-1]}, by {argv[0]})")


def number_in_slirp(argv, env, tries):
    with Slirp() as slirp:
        return number(slirp.command(*argv), env, tries)


def compare(sandboxes, operation, amount, what, unit, sample):
    command = [NETLOAD, operation, *SERVER, str(amount)]
    s = rounds(ROUNDS, {name: lambda run=run: sample(run(command)) for name, run in sandboxes.items()})
    for peer in PEERS:
        if peer in s:
            row(f"{what}, beside {peer}", unit, s["cordon"], peer, s[peer])
        else:
            skip(f"{what}, beside {peer}", f"{peer} is not installed")


def main():
    if os.environ.get(worlds.INSIDE) != str(os.getpid()):
        for *_, what, _, _ in OPERATIONS:
            skip(what, worlds.why_not())
        return
    world = worlds.World(watched=False)
    try:
        give_ports()
        with Place() as place:
            os.chdir(place.work)
            options = ["--net=relay", f"--allow-host={zone.LAB}", *(f"--allow-private={c}" for c in zone.DOCUMENTATION)]
            cordon = [*worlds.PLAIN, CORDON, "run", "-q", "--resident=off", "--trace", TRACE, "--discard", "-w",
                      place.work, f"--bind={NETLOAD}", f"--policy={place.policies}", *options, "--"]
            # That a peer breaks off a connection, as pasta was seen to, ends no benchmark of ours.
            sandboxes = {"cordon": lambda command: number([*cordon, *command], place.env, 1),
                         "direct": lambda command: number(command, place.env, 3)}
            if shutil.which("pasta"):
                as_root = ["--runas", "0"] if os.geteuid() == 0 else []
                pasta = [*worlds.PLAIN, "pasta", "-q", *as_root, "--config-net", "--"]
                sandboxes["pasta"] = lambda command: number([*pasta, *command], place.env, 3)
            if shutil.which("slirp4netns"):
                sandboxes["slirp4netns"] = lambda command: number_in_slirp(command, place.env, 3)
            for operation in OPERATIONS:
                if operation[0] in (sys.argv[1:] or operation):
                    compare(sandboxes, *operation)
    finally:
        world.end()


if __name__ == "__main__":
    main()
