# SPDX-License-Identifier: Apache-2.0
"""TCP and UDP servers that echo, stall, reset, lie and drip, on every address; each connection is written down."""

import asyncio
import socket
import ssl
import struct

import zone

CHUNK = bytes(range(256)) * 256


def reset(writer):
    """Ends a connection with RST."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def echo(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


async def source(reader, writer):
    """As many bytes as a line asks for."""
    left = int(await reader.readline())
    while left > 0:
        writer.write(CHUNK[:left])
        left -= len(CHUNK)
        await writer.drain()


async def sink(reader, writer):
    """Tells how many bytes came until the other side had sent all."""
    count = 0
    while data := await reader.read(65536):
        count += len(data)
    writer.write(b"%d\n" % count)


async def stall(reader, writer):
    """Takes nothing and says nothing until the other side goes."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    writer.transport.pause_reading()
    await asyncio.sleep(3600)


async def reset_at_once(reader, writer):
    reset(writer)


async def reset_later(reader, writer):
    writer.write(b"half of ")
    await writer.drain()
    await reader.read(1)
    reset(writer)


async def lie(reader, writer):
    """A response that is shorter than it says."""
    await reader.readline()
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort")


async def drip(reader, writer):
    """Twenty bytes, one by one."""
    for byte in b"slowly but surely...":
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0.05)


async def half_close(reader, writer):
    """Says all it has to say, and then listens on."""
    writer.write(b"said\n")
    writer.write_eof()
    data = await reader.read()
    return {"got": data.decode("latin-1")}


async def plain(reader, writer):
    """Where TLS is expected."""
    writer.write(b"This is no TLS.\r\n")


SERVERS = {zone.ECHO: echo, zone.SOURCE: source, zone.SINK: sink, zone.STALL: stall, zone.RESET: reset_at_once,
           zone.RESET_LATER: reset_later, zone.LIE: lie, zone.DRIP: drip, zone.HALF_CLOSE: half_close,
           zone.PLAIN_TLS: plain}


class Echo(asyncio.DatagramProtocol):
    def __init__(self, log):
        self.log = log

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.log(kind="udp", got=data.decode("latin-1"))
        self.transport.sendto(data, address)


def connected(server, log):
    async def serve_one(reader, writer):
        to = writer.get_extra_info("sockname")
        log(kind="tcp", port=to[1], to=to[0])
        try:
            if said := await server(reader, writer):
                log(kind="told", port=to[1], **said)
            if writer.can_write_eof():
                await writer.drain()
        except (ConnectionError, ValueError, OSError):
            pass
        finally:
            writer.close()
    return serve_one


async def named(reader, writer):
    """Behind the handshake."""
    await reader.readline()
    writer.write(b"HTTP/1.0 200 OK\r\n\r\nnamed\n")


def naming(folder, log):
    """TLS with the test's certificate. Each name that a ClientHello is understood to name is written down; one that brings
    no key of the only group here, as clients do, is asked for a second."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    context.set_ecdh_curve("prime256v1")
    context.sni_callback = lambda connection, name, same: log(kind="named", name=name)
    return context


async def serve(log, folder):
    loop = asyncio.get_running_loop()
    for port, server in SERVERS.items():
        # One socket for both families would see v4 addresses as mapped ones.
        for address in ("0.0.0.0", "::"):
            await asyncio.start_server(connected(server, log), address, port, backlog=1024)
    for address in ("0.0.0.0", "::"):
        await asyncio.start_server(connected(named, log), address, zone.NAMED, ssl=naming(folder, log))
    for address in (zone.EVIL, zone.GOOD, zone.LAB, zone.EVIL6, zone.GOOD6, zone.LAB6, zone.GATEWAY):
        await loop.create_datagram_endpoint(lambda: Echo(log), (address, zone.ECHO))
