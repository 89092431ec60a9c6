#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""internet.py FOLDER: the test's internet, pid 1 of namespaces of its own; world.py starts it and makes its link.

Every address that is not the supervisor's is here, and the same servers answer on all of them. What it sees goes to
FOLDER/seen.jsonl, a line written before the answer to it.
"""

import asyncio
import ipaddress
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import dns_testing
import git_testing
import lab
import servers
import zone

FOLDER = pathlib.Path(sys.argv[1])


def ip(line):
    subprocess.run(["ip", *line.split()], check=True)


def take_all_addresses():
    for name, value in (("ipv4/ip_unprivileged_port_start", 0), ("ipv4/ip_forward", 1),
                        ("ipv4/tcp_fastopen", 3), ("ipv6/conf/all/forwarding", 1),
                        ("ipv6/ip_nonlocal_bind", 1), ("ipv4/icmp_ratelimit", 0)):
        pathlib.Path("/proc/sys/net", name).write_text(str(value))
    ip("link set lo up")
    ip(f"addr add {zone.GATEWAY}/24 dev eth0")
    ip(f"-6 addr add {zone.GATEWAY6}/64 dev eth0 nodad")
    ip("link set eth0 up")
    # The table of what is local is asked first; the way back has to stand in it, too.
    ip(f"route add {zone.HOST}/32 dev eth0 table local")
    ip(f"-6 route add {zone.HOST6}/128 dev eth0 table local")
    ip("-6 route add fe80::/64 dev eth0 table local")
    ip("route add local 0.0.0.0/0 dev lo table local")
    ip("-6 route add local ::/0 dev lo table local")
    ip(f"route add blackhole {zone.SILENT_NET} table local")
    ip(f"route add unreachable {zone.UNREACHABLE_NET} table local")


async def serve(log):
    names = dns_testing.Names(log)
    v4 = [zone.DNS, "8.8.8.8", zone.GOOD, zone.EVIL]
    await dns_testing.serve(names, v4)
    await dns_testing.serve(names, [zone.EVIL6])
    await lab.serve(log, FOLDER)
    print("ready", flush=True)
    await asyncio.Event().wait()


def main():
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a ^C ends the test, which ends this
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    seen = open(FOLDER / "seen.jsonl", "a", buffering=1)

    def log(**fields):
        seen.write(json.dumps({"ts": time.monotonic(), **fields}) + "\n")

    print("there", flush=True)
    assert sys.stdin.readline() == "linked\n"
    take_all_addresses()
    git_testing.start(FOLDER)
    servers.start(FOLDER)
    asyncio.run(serve(log))


if __name__ == "__main__":
    assert os.getpid() == 1 and ipaddress.ip_address(zone.HOST)
    main()
