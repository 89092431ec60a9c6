# SPDX-License-Identifier: Apache-2.0
"""The addresses and names of the test's internet.

All lie in ranges for documentation (RFC 5737, RFC 3849) or are special (private, metadata), and exist only in the
namespaces of the test.
"""

HOST = "198.51.100.1"           # the supervisor's side of the link
HOST6 = "2001:db8:ffff::1"
GATEWAY = "198.51.100.2"        # the internet's side
GATEWAY6 = "2001:db8:ffff::2"
DOCUMENTATION = ("203.0.113.0/24", "2001:db8:113::/48")

DNS = "203.0.113.53"
GOOD, GOOD6 = "203.0.113.10", "2001:db8:113::10"
MIRROR, MIRROR6 = "203.0.113.20", "2001:db8:113::20"
GIT = "203.0.113.30"
LAB, LAB6 = "203.0.113.40", "2001:db8:113::40"
EVIL, EVIL6 = "203.0.113.66", "2001:db8:113::66"
# Where nothing answers, and where a router says that there is nobody.
SILENT, SILENT_NET = "203.0.113.200", "203.0.113.192/27"
UNREACHABLE, UNREACHABLE_NET = "203.0.113.230", "203.0.113.224/28"
METADATA = "169.254.169.254"
PRIVATE = "10.0.0.5"

# name: its addresses; a list of tuples is answered one after the other, the last for good.
ZONE = {
    "good.test": (GOOD, GOOD6),
    "good4.test": (GOOD,),
    "good6.test": (GOOD6,),
    "also.test": (GOOD,),               # another name of the same address: domain fronting
    "mirror.test": (MIRROR, MIRROR6),
    "git.test": (GIT,),
    "lab.test": (LAB, LAB6),
    "evil.test": (EVIL, EVIL6),
    "silent.test": (SILENT,),
    "unreachable.test": (UNREACHABLE,),
    "several.test": (UNREACHABLE, GOOD),
    "metadata.test": (METADATA,),
    "private.test": (PRIVATE,),
    "loopback.test": ("127.0.0.1", "::1"),
    "host.test": (HOST, HOST6),
    "mapped.test": ("::ffff:127.0.0.1", "::ffff:10.0.0.5"),
    "any.test": ("0.0.0.0", "::"),
    "mixed.test": (PRIVATE, GOOD),      # one address that may be dialled, one that may not
    "rebind.test": [(GOOD,), (PRIVATE,)],
}
# Every name below is answered: what a tunnel would use.
WILDCARD, WILDCARD_ADDRESS = "exfil.test", EVIL

HTTP, HTTPS, SSH = 80, 443, 22
# Ports of lab.py, on every address.
ECHO, SOURCE, SINK, STALL, RESET, RESET_LATER, LIE, DRIP, HALF_CLOSE = range(7001, 7010)
PLAIN_TLS = 7010                # a TLS server that says something else
NAMED = 7011                    # a TLS server that tells which names it was asked for
DNS_TLS = 853
CLOSED = 7099                   # nobody listens there
MARK = 9999                     # capture.py
FAST = 5201                     # netload.c
CERTIFIED = [name for name in ZONE if name.count(".") == 1] + ["dns.test", f"a.{WILDCARD}"]
