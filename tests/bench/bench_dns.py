#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names asked for in a session, each with a verdict and an event; dnsmasq with one answer for all names."""

import os
import shutil
import subprocess

from samples import count, rounds, row, skip
from sandboxes import PAYLOAD, Place, payload_us

PAYLOAD_DNS = PAYLOAD + "_dns"
DNSMASQ = shutil.which("dnsmasq", path=os.environ.get("PATH", "") + ":/usr/sbin")
UNSHARE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-Urn"]
# In a network of its own; the name server ends with the shell.
PEER = """
ip link set lo up && ip addr add 198.18.0.1/32 dev lo || exit 1
"$0" --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --bind-interfaces --user= --group= \
    --listen-address=198.18.0.1 --address=/#/192.0.2.1 --pid-file= --port=53 >/dev/null &
server=$!
trap 'kill $server' EXIT
"$@"
"""
# questions on their way at a time, batches, questions in a batch, what the row is called
LOADS = [
    (1, 11, 300, "a name asked for, one after the other"),
    (32, 11, 1000, "a name asked for, 32 at a time"),
]


def compare(place, window, batches, queries, what):
    payload = [PAYLOAD_DNS, str(window), str(count(batches, 3)), str(count(queries, 50))]
    peer = [*UNSHARE, "sh", "-c", PEER, DNSMASQ, *payload]
    s = rounds(count(15, 2), {
        "cordon": lambda: payload_us(place.cordon(*payload, options=["--net=relay", f"--policy={place.policies}"]),
                                     place.env),
        "dnsmasq": lambda: payload_us(peer, place.env)})
    row(what, "us", s["cordon"], "dnsmasq", s["dnsmasq"])


with Place() as place:
    os.chdir(place.work)
    for load in LOADS:
        if not DNSMASQ:
            skip(load[-1], "dnsmasq (dnsmasq-base) is not installed")
        elif subprocess.run([*UNSHARE, "ip", "link"], capture_output=True).returncode:
            skip(load[-1], "needs ip(8) and a network namespace for the peer")
        else:
            compare(place, *load)
