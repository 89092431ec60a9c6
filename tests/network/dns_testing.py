# SPDX-License-Identifier: Apache-2.0
"""A DNS server, on UDP and TCP, that writes down every question before it answers."""

import asyncio
import ipaddress
import struct

from zone import WILDCARD, WILDCARD_ADDRESS, ZONE

A, AAAA = 1, 28
NXDOMAIN = 3


def question(message):
    """(name, type) of a query, and where it ends. A name is told as it came: with its NULs and dots in labels."""
    labels, at = [], 12
    while length := message[at]:
        labels.append(message[at + 1:at + 1 + length].decode("latin-1"))
        at += 1 + length
    return ".".join(labels), struct.unpack_from("!H", message, at + 1)[0], at + 5


class Names:
    """The zone, and what was asked of it."""

    def __init__(self, log):
        self.log = log
        self.turns = {}

    def addresses(self, name, kind):
        """None: there is no such name."""
        found = ZONE.get(name)
        if name == WILDCARD or name.endswith("." + WILDCARD):
            found = (WILDCARD_ADDRESS,)
        if found is None:
            return None
        if isinstance(found, list):
            turn = self.turns.get((name, kind), 0)
            self.turns[name, kind] = turn + 1
            found = found[min(turn, len(found) - 1)]
        version = {A: 4, AAAA: 6}.get(kind)
        return [ip for ip in map(ipaddress.ip_address, found) if ip.version == version]

    def answer(self, message, over):
        try:
            name, kind, end = question(message)
        except (IndexError, struct.error):
            return b""
        self.log(kind="dns", name=name, type=kind, over=over)
        found = self.addresses(name.lower(), kind)
        records = b"".join(b"\xc0\x0c" + struct.pack("!HHIH", kind, 1, 0, len(ip.packed)) + ip.packed
                           for ip in found or ())
        flags = 0x8180 | (NXDOMAIN if found is None else 0)
        return message[:2] + struct.pack("!5H", flags, 1, len(found or ()), 0, 0) + message[12:end] + records


class Datagrams(asyncio.DatagramProtocol):
    def __init__(self, names):
        self.names = names

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(self.names.answer(data, "udp"), address)


async def serve_stream(names, reader, writer):
    try:
        while True:
            length, = struct.unpack("!H", await reader.readexactly(2))
            answer = names.answer(await reader.readexactly(length), "tcp")
            writer.write(struct.pack("!H", len(answer)) + answer)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def serve(names, addresses, port=53):
    loop = asyncio.get_running_loop()
    for address in addresses:
        # One socket an address: the answer has to come from where it was asked.
        await loop.create_datagram_endpoint(lambda: Datagrams(names), (address, port))
        await asyncio.start_server(lambda r, w: serve_stream(names, r, w), address, port)
