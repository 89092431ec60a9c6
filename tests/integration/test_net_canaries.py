#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Canaries: texts that are planted, and searched for in what a program sends before any of it is sent."""

import base64
import gzip
import os
import pathlib
import unittest
import zlib

import net_testing
from cordon_testing import NO_TRACE, TRACE
from net_testing import SERVER, NetTest


class Canaries(NetTest):
    """A text that was named with --canary is found in what is sent, before the bytes that complete it leave."""

    CANARY = "blue-heron-7731-of-the-north"
    HEAD = "{method} /in HTTP/1.1\r\nHost: " + SERVER + "\r\n{more}\r\n"
    # Sends each piece once the one before has arrived outside, which answers with its length.
    SAY = """
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
s.settimeout(60)
try:
    for what in eval(open('say').read()):
        s.sendall(what)
        left = len(what)
        while left:
            got = s.recv(left)
            if not got: break
            left -= len(got)
        print("passed" if not left else "ended")
except OSError as e: print(errno.errorcode[e.errno])
"""

    def setUp(self):
        super().setUp()
        self.got = []
        self.outside = self.server(self.listen)
        self.given = (f"--canary=heron={self.CANARY}", "--canary=other=no-such-text-is-sent")
        self.rules = self.policy(
            {"id": "t.canary", "category": "exfiltration", "severity": "critical", "on": ["net.request"],
             "when": "size(action.canaries) > 0", "verdict": "deny", "because": "This text stays here.",
             "match": [{"action": {"kind": "net.request", "canaries": ["heron"]}}],
             "not_match": [{"action": {"kind": "net.request"}}]},
            defaults={"net.connect": "allow"})

    def net(self, private=NetTest.ALLOWED):
        return (*super().net(private), *self.given)

    def listen(self, connection):
        while data := connection.recv(1 << 16):
            self.got.append(data)
            connection.sendall(data)

    def say(self, *what):
        del self.got[:]
        (self.work / "say").write_text(repr(what))
        self.said = self.python(self.SAY, SERVER, self.outside.port)
        self.assertEqual(self.said.returncode, 0, self.said.stderr)
        return self.said.stdout.decode().split()

    def post(self, body, more=""):
        return self.HEAD.format(method="POST", more=f"Content-Length: {len(body)}\r\n{more}").encode() + body

    def check_found(self, *what, passed=0, canary=b""):
        """All before the last piece passes, the last does not, and the canary's name is on record."""
        self.assertEqual(self.say(*what), ["passed"] * passed + ["ECONNRESET"])
        self.assertEqual(b"".join(self.got), b"".join(what[:passed]))
        found = [e for e in self.events("net.request") if e["fields"].get("canaries")]
        self.assertEqual([(e["fields"]["canaries"], e["verdict"], e["rule"]) for e in found],
                         [(["heron"], "deny", "t.canary")])
        self.assertEqual(self.closes()[0]["reason"], "refused by policy")
        self.assertIn(b"This text stays here.", self.said.stderr)

    def test_in_a_header(self):
        self.check_found(self.HEAD.format(method="GET", more=f"X-Note: {self.CANARY}\r\n").encode())

    def test_base64(self):
        for before in range(3):
            text = base64.b64encode(b"x" * before + self.CANARY.encode() + b"more")
            self.check_found(self.HEAD.format(method="GET", more=f"Cookie: k={text.decode()}\r\n").encode())

    def test_body_of_gzip(self):
        body = gzip.compress(b"some lines before\n" * 40 + self.CANARY.encode() + b"\nand after\n" * 40)
        whole = self.post(body, "Content-Encoding: gzip\r\n")
        head = len(whole) - len(body)
        self.check_found(whole[:head], whole[head:], passed=1)

    def test_body_of_raw_deflate(self):
        packer = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = packer.compress(b"lines " * 20 + self.CANARY.encode() + b" more " * 20) + packer.flush()
        whole = self.post(body, "Content-Encoding: deflate\r\n")
        head = len(whole) - len(body)
        self.check_found(whole[:head], whole[head:], passed=1)

    def test_body_over_two_sends(self):
        whole = self.post(b"x" * 5000 + self.CANARY.encode() + b"y" * 5000)
        half = len(whole) - 5000 - len(self.CANARY) // 2
        self.check_found(whole[:half], whole[half:], passed=1)

    def test_body_after_many_bytes(self):
        """Long after the head was let go."""
        whole = self.post(b"0123456789abcdef" * 20000 + self.CANARY.encode())
        pieces = [whole[at:at + 16384] for at in range(0, len(whole) - 100, 16384)]
        pieces[-1] = whole[(len(pieces) - 1) * 16384:]
        self.check_found(*pieces, passed=len(pieces) - 1)

    def test_second_request(self):
        self.check_found(self.post(b"harmless"), self.HEAD.format(method="GET", more="").encode(),
                         self.HEAD.format(method=f"GET /{self.CANARY}", more="").encode().replace(b" /in ", b" "),
                         passed=2)

    def test_another_protocol(self):
        self.check_found(b"\x00\x01binary", b"more of it", b"\xff" + self.CANARY.encode(), passed=2)

    def test_what_has_none_passes_unchanged(self):
        body = gzip.compress(os.urandom(50000)) + self.CANARY[:-1].encode() + b"\x1f\x8b\x78\x9c" * 10
        whole = self.post(body)
        what = [whole[:100], whole[100:30000], whole[30000:], self.HEAD.format(method="GET", more="").encode()]
        self.assertEqual(self.say(*what), ["passed"] * len(what))
        self.assertEqual(b"".join(self.got), b"".join(what))
        self.assertEqual([e["fields"].get("canaries", []) for e in self.events("net.request")], [[], []])

    # Streams of gzip that do not end, one more than are followed at a time.
    TOO_MANY = bytes.fromhex("1f8b080000000000000300ffff0000") * 5

    def test_what_is_not_searched_is_on_the_record(self):
        what = [b"\x00\x01binary", self.TOO_MANY, self.CANARY.encode()[:-1]]
        self.assertEqual(self.say(*what), ["passed"] * 3)
        self.assertEqual(b"".join(self.got), b"".join(what))
        self.assertEqual([e["fields"].get("unsearched") for e in self.events("net.request")],
                         [None, "too many compressed streams at once"])

    UNSEARCHED = {"id": "t.unsearched", "category": "exfiltration", "severity": "low", "on": ["net.request"],
                  "when": "action.unsearched != ''", "verdict": "deny", "because": "Nobody could read this.",
                  "match": [{"action": {"kind": "net.request", "unsearched": "it inflates to too much"}}],
                  "not_match": [{"action": {"kind": "net.request"}}]}

    def frames(self):
        """What a client of a WebSocket sends, and one of HTTP/2 that cuts its text in two."""
        text, mask = self.CANARY.encode(), b"\x5a\xa5\x3c\xc3"
        masked = b"\x81" + bytes([0x80 | len(text)]) + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(text))
        parts = (text[:9], text[9:])
        cut = b"".join(len(part).to_bytes(3, "big") + b"\0\0\0\0\0\1" + part for part in parts)
        return masked, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + cut

    UPGRADE = "Connection: Upgrade\r\nUpgrade: {}\r\n"
    FRAMES = ("it follows an upgrade, and may be masked or cut", "HTTP/2 packs and cuts what it carries")

    def test_frames_are_not_searched_which_is_on_the_record(self):
        masked, cut = self.frames()
        head = self.HEAD.format(method="GET", more=self.UPGRADE.format("websocket")).encode()
        self.assertEqual(self.say(head, masked), ["passed"] * 2)
        self.assertEqual([e["fields"].get("unsearched") for e in self.events("net.request")], [None, self.FRAMES[0]])
        self.assertEqual(self.say(cut), ["passed"])
        self.assertEqual([e["fields"].get("unsearched") for e in self.events("net.request")], [self.FRAMES[1]])
        # One that is offered an upgrade, and goes on as before, is read as before.
        self.assertEqual(self.say(head, head), ["passed"] * 2)
        self.assertEqual([e["fields"].get("unsearched") for e in self.events("net.request")], [None, None])

    def test_frames_can_be_refused(self):
        self.rules = self.policy(self.UNSEARCHED, defaults={"net.connect": "allow"})
        masked, cut = self.frames()
        websocket, h2c = (self.HEAD.format(method="GET", more=self.UPGRADE.format(to)).encode()
                          for to in ("websocket", "h2c"))
        for passed, what in ((websocket, masked), (h2c, cut), (None, cut)):
            sent = [one for one in (passed, what) if one]
            self.assertEqual(self.say(*sent), ["passed"] * (len(sent) - 1) + ["ECONNRESET"])
            self.assertEqual(b"".join(self.got), passed or b"")

    def test_what_is_not_searched_can_be_refused(self):
        self.rules = self.policy(self.UNSEARCHED, defaults={"net.connect": "allow"})
        bomb = gzip.compress(bytes(8 << 20))
        for body, more, why in ((bomb, "Content-Encoding: gzip\r\n", "it inflates to too much"),
                                (b"12345", "Content-Encoding: br\r\n", "its Content-Encoding is none that is read")):
            self.assertEqual(self.say(self.post(body, more)), ["ECONNRESET"])
            self.assertEqual([e["fields"]["unsearched"] for e in self.events("net.request")
                              if e.get("rule") == "t.unsearched"], [why])
            self.assertEqual(self.closes()[0]["reason"], "refused by policy")

    @unittest.skipUnless(TRACE == "on", NO_TRACE)  # else the families take all that they label as read, and refuse before
    def test_shipped_rule_and_text_of_a_file(self):
        path = self.work / "canary"
        path.write_text(self.CANARY + "\n")
        self.given = (f"--canary=planted=@{path}", f"--allow-host={SERVER}")
        self.rules = str(pathlib.Path(__file__).resolve().parents[2] / "policies")
        self.assertEqual(self.say(self.post(self.CANARY.encode())), ["ECONNRESET"])
        self.assertIn("ex.canary-sent", [e["rule"] for e in self.events("net.request") if e["fields"].get("canaries")])
        self.assertNotIn(self.CANARY.encode(), b"".join(self.got))

    def test_watched_without_the_resident(self):
        self.given = (*self.given, "--resident=off")
        self.check_found(self.post(self.CANARY.encode()))

    def test_what_cannot_be_one(self):
        big = self.work / "big"
        big.write_bytes(b"x" * 1000)
        nul = self.work / "nul"
        nul.write_bytes(b"12345678\x00")
        for given, says in ((("key=short",), b"at least 8 bytes"), (("=12345678",), b"NAME=TEXT"),
                            (("no text",), b"NAME=TEXT"), ((f"k=@{big}",), b"at most 256"),
                            ((f"k=@{nul}",), b"NUL byte"), ((f"k=@{self.work}/none",), b"No such file"),
                            (("a=12345678", "a=87654321"), b"already"),
                            ([f"n{i}=12345678" for i in range(33)], b"at most 32")):
            self.given = [f"--canary={one}" for one in given]
            done = self.python("")
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(says, done.stderr)


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
