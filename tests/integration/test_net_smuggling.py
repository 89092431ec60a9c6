#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real servers behind the relay: what they take for a request is one that policy has seen.

A session may read below /public of one host of a server that has several. Each attack is bytes on a connection of its own; what a
server makes of them stands in its own log. The same attacks outside of a session, at the same server, show which are any.
"""

import http.server
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import unittest
import urllib.parse

import net_testing
from cordon_testing import wait_for
from net_testing import OTHER, SERVER, NetTest

SBIN = "/usr/local/sbin:/usr/sbin:/sbin:" + os.environ["PATH"]
NGINX = """{user}daemon off; master_process off; pid {dir}/pid; error_log {dir}/error;
events {{ worker_connections 512; }}
http {{
  client_body_temp_path {dir}/1; proxy_temp_path {dir}/2; fastcgi_temp_path {dir}/3; uwsgi_temp_path {dir}/4; scgi_temp_path {dir}/5;
  log_format acted "$request_method|$host|$uri";
  access_log {dir}/log acted;
  server {{ listen {address}:{port} default_server; server_name other.example; location / {{ return 200 "other\\n"; }} }}
  server {{ listen {address}:{port}; server_name good.example; location / {{ return 200 "good\\n"; }} }}
}}
"""
GOOD = "GET /public/a HTTP/1.1\r\nHost: good.example\r\n"
EVIL = "GET /secret HTTP/1.1\r\nHost: other.example\r\n\r\n"
SECRET = "GET /secret HTTP/1.1\r\nHost: good.example\r\n\r\n"


def chunked(text, extension=""):
    return f"{len(text):x}{extension}\r\n{text}\r\n0\r\n\r\n"


def length(text):
    return f"Content-Length: {len(text)}\r\n"


POST = "POST /public/a HTTP/1.1\r\nHost: good.example\r\n"
TE = "Transfer-Encoding: chunked\r\n"
LONG = "/public/" + "x" * 3000
SILENCE = "{silence}"  # as long as the relay lets a first word go

ATTACKS = {
    # two readers of a body's length
    "cl.te": POST + length("0\r\n\r\n" + EVIL) + TE + "\r\n0\r\n\r\n" + EVIL,
    "te.cl": POST + "Content-Length: 4\r\n" + TE + "\r\n" + chunked(EVIL),
    "cl twice": POST + "Content-Length: 0\r\n" + length(EVIL) + "\r\n" + EVIL,
    "cl twice in one": POST + f"Content-Length: 0, {len(EVIL)}\r\n\r\n" + EVIL,
    "cl with sign": POST + f"Content-Length: +{len(EVIL)}\r\n\r\n" + EVIL,
    "cl too large": POST + "Content-Length: 18446744073709551616\r\n\r\n" + EVIL,
    "te with tab": POST + length(EVIL) + "Transfer-Encoding:\tchunked\r\n\r\n0\r\n\r\n" + EVIL,
    "te with vertical tab": POST + "Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n" + EVIL,
    "te twice": POST + TE + "Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + EVIL,
    "te identity": POST + length(EVIL) + "Transfer-Encoding: identity\r\n\r\n" + EVIL,
    "te list": POST + "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n" + EVIL,
    "te space before colon": POST + length(EVIL) + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + EVIL,
    "te folded": POST + "Transfer-Encoding:\r\n chunked\r\n" + length(EVIL) + "\r\n0\r\n\r\n" + EVIL,
    "te of 1.0": POST.replace("1.1", "1.0") + TE + "Connection: keep-alive\r\n\r\n0\r\n\r\n" + EVIL,
    "underscore": POST + "Content_Length: 0\r\n" + length(EVIL) + "\r\n" + EVIL,
    # chunks
    "chunk extension": POST + TE + "\r\n" + f"1;a=\n\r\nx\r\n0\r\n\r\n{EVIL}",
    "chunk extension quoted": POST + TE + "\r\n" + '1;a="\r\nx\r\n0\r\n\r\n' + EVIL + '"\r\n',
    "chunk bare lf": POST + TE + "\r\n1\nx\n0\n\n" + EVIL,
    "chunk size 0x": POST + TE + "\r\n0x1\r\nx\r\n0\r\n\r\n" + EVIL,
    "chunk size wraps": POST + TE + "\r\n10000000000000001\r\nx\r\n0\r\n\r\n" + EVIL,
    "chunk size blank": POST + TE + "\r\n1 \r\nx\r\n0\r\n\r\n" + EVIL,
    "trailer": POST + TE + "\r\n0\r\nHost: other.example\r\n\r\n" + EVIL,
    "last chunk without end": POST + TE + "\r\n0\r\n" + EVIL,
    # lines
    "obs-fold host": "GET /public/a HTTP/1.1\r\nHost: good.example\r\n .other.example\r\n\r\n",
    "bare lf": GOOD + "X: a\n\n" + EVIL,
    "bare cr": GOOD + "X: a\r\r" + EVIL,
    "host behind bare lf": "GET /public/a HTTP/1.1\r\nX: a\nHost: other.example\r\nHost: good.example\r\n\r\n",
    "empty lines before": "\r\n\r\n" + EVIL,
    "lf before": "\n" + EVIL,
    "cr before": "\r" + EVIL,
    "empty line and blank before": "\r\n " + EVIL,
    "empty line before another protocol": "\r\nx\r\n\r\n" + EVIL,
    "empty line before words": "\r\nGET key\r\nHost: other.example\r\n\r\n",
    "many empty lines before": "\r\n" * 100 + EVIL,
    "empty line, 0.9": "\r\nGET /secret\r\n",
    "empty line, silence": "\r\n" + SILENCE + EVIL,
    "empty line, silence, a method, silence": "\r\n" + SILENCE + "GET" + SILENCE + EVIL[3:],
    "blank before": " " + EVIL,
    "0.9": "GET /secret\r\n",
    "0.9 bare lf": "GET /secret\n",
    "1.0 without a host": "GET /secret HTTP/1.0\r\n\r\n",
    "version 1.2": EVIL.replace("1.1", "1.2"),
    "nul": "GET /public/a HTTP/1.1\r\nHost: good.example\0.other.example\r\n\r\n",
    # whom
    "host twice": GOOD + "Host: other.example\r\n\r\n",
    "absolute": "GET http://other.example/secret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "absolute https": "GET https://other.example/secret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "absolute with user": "GET http://good.example@other.example/secret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "absolute without a host": "GET http:///secret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "host with user": "GET /public/a HTTP/1.1\r\nHost: good.example@other.example\r\n\r\n",
    "host with another port": "GET /public/a HTTP/1.1\r\nHost: good.example:1\r\n\r\n",
    "host as a list": "GET /public/a HTTP/1.1\r\nHost: other.example, good.example\r\n\r\n",
    "host idn": "GET /public/a HTTP/1.1\r\nHost: g\u00f6\u00f6d.example\r\n\r\n",
    "host of two dots": "GET /public/a HTTP/1.1\r\nHost: good.example..\r\n\r\n",
    # another request behind a seen one
    "pipelined": GOOD + "\r\n" + EVIL,
    "pipelined path": GOOD + "\r\n" + SECRET,
    "connect": "CONNECT good.example:{port} HTTP/1.1\r\nHost: good.example:{port}\r\n\r\n" + EVIL,
    "connect with a body": "CONNECT good.example:{port} HTTP/1.1\r\nHost: good.example:{port}\r\n" + length(EVIL) + "\r\n" + EVIL,
    "connect later": GOOD + "\r\nCONNECT other.example:{port} HTTP/1.1\r\nHost: other.example:{port}\r\n\r\n",
    "upgrade h2c": GOOD + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n" + EVIL,
    "upgrade, blank": GOOD + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n " + EVIL,
    "upgrade, empty line": GOOD + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\r\n" + EVIL,
    "upgrade, banner": GOOD + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nSSH-2.0-x\r\n" + EVIL,
    "upgrade, binary": GOOD + "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x16\x03" + EVIL,
    "expect": POST + length(EVIL) + "Expect: 100-continue\r\n\r\n" + EVIL,
    "expect of get": GOOD + length(EVIL) + "Expect: 100-continue\r\n\r\n" + EVIL,
    "expect something": GOOD + length(EVIL) + "Expect: y 100-continue\r\n\r\n" + EVIL,
    "body of get": GOOD + length(EVIL) + "\r\n" + EVIL,
    "body of get, chunked": GOOD + TE + "\r\n" + chunked(EVIL),
    "body of head": GOOD.replace("GET", "HEAD") + length(EVIL) + "\r\n" + EVIL,
    "body of post": POST + length(EVIL) + "\r\n" + EVIL,
    "words": "GET key\r\nHost: other.example\r\n\r\n",
    "long head": GOOD + "X: " + "a" * 40000 + "\r\n\r\n" + EVIL,
    "many fields": GOOD + "X: a\r\n" * 3000 + "\r\n" + EVIL,
    # the same path, otherwise written
    "dots": "GET /public/../secret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "dots at the end": "GET /public/a/../.. HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "encoded dots": "GET /public/%2e%2E/secret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "encoded slash": "GET /public/..%2fsecret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "encoded all": "GET /public%2f%2e%2e%2fsecret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "dots in an absolute form": "GET http://good.example/public/../secret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "dots behind a long path": f"GET {LONG}/../../secret HTTP/1.1\r\nHost: good.example\r\n\r\n",
    "fragment": "GET /public/a#/../../secret HTTP/1.1\r\nHost: good.example\r\n\r\n",
}


# Each on a connection of its own, up to the end of the answers or some silence.
PROGRAM = """
import json, socket, sys, time
for attack in json.load(open(sys.argv[3])):
    with socket.create_connection((sys.argv[1], int(sys.argv[2]))) as s:
        try:
            for i, piece in enumerate(attack.split("{silence}")):
                if i: time.sleep(0.5)
                s.sendall(piece.encode("latin-1"))
            s.settimeout(0.3)
            while s.recv(1 << 16): pass
        except OSError: pass
"""


class Lazy(http.server.BaseHTTPRequestHandler):
    """Keeps connections and reads no bodies, as a simple server may."""
    protocol_version = "HTTP/1.1"

    def act(self):
        self.server.acted.append("|".join((self.command, self.headers.get("Host", ""), urllib.parse.unquote(self.path))))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_HEAD = act

    def handle(self):
        try:
            super().handle()
        except OSError:
            pass

    def log_message(self, *_):
        pass


ALLOWED = ("action.protocol == 'http' && action.http_host == 'good.example' && action.url_path.startsWith('/public/') && "
           "action.method in ['GET', 'HEAD', 'POST', 'CONNECT']")


class Smuggling(NetTest):
    def setUp(self):
        super().setUp()
        self.names = net_testing.NameServer({"good.example": [SERVER], "other.example": [SERVER]})
        self.addCleanup(self.names.close)
        seen = {"kind": "net.request", "protocol": "http", "method": "GET", "http_host": "good.example"}
        self.rules = self.policy(
            {"id": "t.public", "category": "exfiltration", "severity": "low", "on": ["net.request"], "when": f"!({ALLOWED})",
             "verdict": "deny", "because": "Only what lies below /public.",
             "match": [{"action": {**seen, "url_path": "/"}}], "not_match": [{"action": {**seen, "url_path": "/public/"}}]},
            defaults={"net.connect": "allow"})

    def net(self, private=NetTest.ALLOWED):
        return (*super().net(private), f"--resolver={self.names.address}")

    def attack(self, port, acted):
        """What the server acted on and nobody allowed, by who asked it: we ourselves, a session."""
        def forbidden():
            return {line for line in acted() if not re.fullmatch(r"(GET|HEAD|POST)\|good\.example\|/public/(?!.*\.\.).*", line)}

        # So that what was acted on tells by which attack.
        texts = [attack.replace("{port}", str(port)).replace("/secret", f"/secret/{name.replace(' ', '-')}")
                 for name, attack in ATTACKS.items()]
        (self.work / "attacks").write_text(json.dumps(texts))
        subprocess.run([sys.executable, "-c", PROGRAM, SERVER, str(port), self.work / "attacks"], check=True)
        control = forbidden()
        done = self.run_in("python3", "-c", PROGRAM, "good.example", str(port), "attacks", options=self.net())
        self.assertEqual(done.returncode, 0, done.stderr)
        return control, forbidden()

    def nginx(self):
        nginx = shutil.which("nginx", path=SBIN)
        if not nginx:
            self.skipTest("needs nginx")
        folder = self.dir / "nginx"
        folder.mkdir()
        with socket.socket() as s:
            s.bind((SERVER, 0))
            port = s.getsockname()[1]
        config = folder / "conf"
        config.write_text(NGINX.format(dir=folder, address=SERVER, port=port, user="" if os.geteuid() else "user root; "))
        server = subprocess.Popen([nginx, "-e", f"{folder}/error", "-c", config], stderr=subprocess.DEVNULL)
        self.addCleanup(self.end, server)
        self.assertTrue(wait_for(lambda: server.poll() is not None or (folder / "pid").exists() and (folder / "pid").read_text()))
        return port, folder / "log"

    def test_nginx(self):
        port, log = self.nginx()

        def acted():
            lines = log.read_text().splitlines()
            log.write_text("")
            return lines
        control, session = self.attack(port, acted)
        self.assertGreater(len(control), 20)
        self.assertEqual(session, set())

    def test_server_that_reads_no_bodies(self):
        server = http.server.ThreadingHTTPServer((SERVER, 0), Lazy)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        server.acted = []
        threading.Thread(target=server.serve_forever, daemon=True).start()

        def acted():
            lines, server.acted = server.acted, []
            return lines
        control, session = self.attack(server.server_address[1], acted)
        self.assertGreater(len(control), 20)
        self.assertEqual(session, set())


if __name__ == "__main__":
    net_testing.enter()
    unittest.main()
