# SPDX-License-Identifier: Apache-2.0
"""What really crossed the link: tcpdump's file, read packet by packet.

A mark is a datagram of the supervisor's side with a number of its own. That it is in the file shows that the capture
was alive, and that all that crossed before it is in the file as well.
"""

import collections
import dataclasses
import ipaddress
import itertools
import os
import re
import signal
import socket
import struct
import subprocess
import time

import dns_testing
import zone

PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 58: "icmp6"}
# Neighbours that look for each other, routers, and who listens to which group: the link's own talk.
SNAP = "2048"
LINK_ICMP6 = range(130, 138), (143,)
SYN, ACK = 0x02, 0x10


@dataclasses.dataclass(frozen=True)
class Packet:
    protocol: str
    source: str
    source_port: int
    to: str
    port: int
    flags: int
    payload: bytes  # its beginning: SNAP bytes are kept of a packet
    size: int       # of all of it

    def outward(self):
        return self.source in (zone.HOST, zone.HOST6) or self.to not in (zone.HOST, zone.HOST6)

    @property
    def far(self):
        """The end that is not the supervisor's side, as policy names it."""
        return (self.protocol, self.to, self.port) if self.outward() else (self.protocol, self.source, self.source_port)

    @property
    def stream(self):
        return self.protocol, frozenset({(self.source, self.source_port), (self.to, self.port)})

    def asks(self):
        """Somebody may answer this datagram."""
        return self.protocol == "udp" and self.outward()

    def opens(self):
        return self.protocol == "tcp" and self.flags & (SYN | ACK) == SYN

    def accepts(self):
        return self.protocol == "tcp" and self.flags & (SYN | ACK) == SYN | ACK

    @property
    def question(self):
        """The name that a datagram to a DNS server asks for; None for other packets."""
        if self.protocol != "udp" or self.port != 53:
            return None
        try:
            return dns_testing.question(self.payload)[0]
        except (IndexError, struct.error):
            return "(no DNS)"

    def __str__(self):
        return (f"{self.protocol} {self.source}:{self.source_port} > {self.to}:{self.port} flags {self.flags:#x} "
                f"{self.payload[:60]!r}")


def ports_and_payload(protocol, body):
    if protocol == "tcp" and len(body) >= 20:
        return (*struct.unpack_from("!HH", body), body[13], body[(body[12] >> 4) * 4:])
    if protocol == "udp" and len(body) >= 8:
        return (*struct.unpack_from("!HH", body), 0, body[8:])
    return 0, 0, body[0] if body else 0, body


def decode(frame, missing=0):
    """A Packet; missing: bytes of it that were not kept. None for the link's own talk (ARP, neighbour discovery)."""
    kind, = struct.unpack_from("!H", frame, 12)
    if kind == 0x0806:
        return None
    if kind == 0x0800:
        length, = struct.unpack_from("!H", frame, 16)
        number, source, to = frame[23], frame[26:30], frame[30:34]
        body = frame[14 + (frame[14] & 15) * 4:14 + length if length else None]
    elif kind == 0x86dd:
        number, source, to, body = frame[20], frame[22:38], frame[38:54], frame[54:]
        if number == 0 and body and body[0] == 58:  # hop-by-hop before a report of groups
            number, body = 58, body[8:]
    else:
        return Packet(f"ether-{kind:#06x}", "", 0, "", 0, 0, frame[14:], len(frame) - 14)
    protocol = PROTOCOLS.get(number, f"ip-{number}")
    if protocol == "icmp6" and body and any(body[0] in some for some in LINK_ICMP6):
        return None
    source_port, port, flags, payload = ports_and_payload(protocol, body)
    return Packet(protocol, str(ipaddress.ip_address(source)), source_port, str(ipaddress.ip_address(to)), port, flags,
                  payload, len(payload) + missing)


class Capture:
    """Of one interface, here or in the network namespace of a process."""

    def __init__(self, folder, interface="internet0"):
        self.path = folder / "link.pcap"
        self.at, self.rest = 0, b""
        self.unseen = collections.deque()
        self.marks = itertools.count(1)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
        self.process = self.start(interface)

    def start(self, interface):
        as_root = ["-Z", "root"] if os.geteuid() == 0 else []
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "tcpdump", "-i", interface, *as_root, "-n", "-U", "--immediate-mode",
             "-B", "65536", "-s", SNAP, "-w", str(self.path)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said = ""
        for line in process.stderr:
            said += line
            if "listening on" in line:
                break
        else:
            raise RuntimeError(f"tcpdump does not capture: {said}")
        return process

    def read(self):
        """Frames that are new in the file, each with the number of bytes that were not kept: all of them, for the
        next call starts behind them."""
        with open(self.path, "rb") as f:
            f.seek(self.at)
            data = self.rest + f.read()
            self.at = f.tell()
        at = 24 if self.at == len(data) and not self.rest else 0
        frames = []
        while len(data) - at >= 16 and len(data) - at - 16 >= (length := struct.unpack_from("<I", data, at + 8)[0]):
            whole, = struct.unpack_from("<I", data, at + 12)
            frames.append((data[at + 16:at + 16 + length], whole - length))
            at += 16 + length
        self.rest = data[at:]
        return frames

    def since(self, seconds=60):
        """All packets since it was called last: waits until a mark that is sent now has come through."""
        number = b"mark %d of %d" % (next(self.marks), os.getpid())
        self.socket.sendto(number, (zone.GATEWAY, zone.MARK))
        found, end = [], time.monotonic() + seconds
        while time.monotonic() < end:
            self.unseen.extend(filter(None, itertools.starmap(decode, self.read())))
            while self.unseen:
                packet = self.unseen.popleft()  # those behind the mark are for the next time
                if packet.port == zone.MARK and packet.payload == number:
                    return found
                if zone.MARK not in (packet.port, packet.source_port) and not is_answer_to_mark(packet):
                    found.append(packet)
            time.sleep(0.01)
        raise RuntimeError("the capture does not see what is sent: it proves nothing")

    def end(self):
        """Return: packets that the kernel could not hand over."""
        self.socket.close()
        self.process.send_signal(signal.SIGINT)
        said = self.process.stderr.read()
        self.process.wait()
        self.process.stderr.close()
        return int(re.search(r"(\d+) packets? dropped by kernel", said)[1])


def is_answer_to_mark(packet):
    """The mark's port is closed: that is said once for each, with the mark in it."""
    return packet.protocol == "icmp" and b"mark " in packet.payload and packet.to == zone.HOST
