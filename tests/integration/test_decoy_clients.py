# SPDX-License-Identifier: Apache-2.0
"""The decoy's servers with ordinary programs as their clients: curl, git, python, openssl, ssh.

All of it happens in a network namespace made for it, which has its own loopback and nothing else.
"""

import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import smtplib
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import unittest

SERVER = pathlib.Path(os.environ["BUILD"]) / "tests/decoy_server"
PORTS = {80: "www.example", 443: "www.example", 25: "mail.example", 22: "host.example", 465: "mail.example"}


def enter_namespace():
    if os.environ.get("CORDON_TEST_NAMESPACE") != "inside":
        flags = "-n" if os.geteuid() == 0 else "-rn"
        probe = subprocess.run(["unshare", flags, "true"], capture_output=True, check=False)
        if probe.returncode:
            print(f"no network namespace can be made here: {probe.stderr.decode().strip()}")
            sys.exit(77)
        os.environ["CORDON_TEST_NAMESPACE"] = "inside"
        os.execvp("unshare", ["unshare", flags, sys.executable, *sys.argv])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        up = 0x1 | 0x40
        fcntl.ioctl(s, 0x8914, struct.pack("16sh22x", b"lo", up))


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="decoy-clients-"))
        cls.server = subprocess.Popen([SERVER, cls.folder, *(f"{p}={h}" for p, h in PORTS.items())],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert cls.server.stdout.readline() == "ready\n"
        cls.ca = cls.folder / "ca.pem"

    @classmethod
    def tearDownClass(cls):
        cls.server.stdin.close()
        cls.server.wait(timeout=30)
        cls.server.stdout.close()
        shutil.rmtree(cls.folder)

    def told(self):
        """The next request that the decoy tells of."""
        return json.loads(self.server.stdout.readline())

    def curl(self, *args, host="www.example"):
        for port in (80, 443):
            args = ("--resolve", f"{host}:{port}:127.0.0.1", *args)
        done = subprocess.run(["curl", "-sS", "--fail", "--max-time", "60", "--noproxy", "*", "--cacert", self.ca,
                               *args], capture_output=True, check=False, timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def evidence(self, told):
        return (self.folder / told["file"]).read_bytes()

    def test_curl_over_tls(self):
        self.assertIn(b"It works", self.curl("https://www.example/"))
        told = self.told()
        self.assertEqual((told["protocol"], told["service"], told["path"]), ("https", "web", "/"))

    def test_curl_needs_the_authority(self):
        done = subprocess.run(["curl", "-sS", "--max-time", "60", "--noproxy", "*", "--resolve",
                               "www.example:443:127.0.0.1", "https://www.example/"],
                              capture_output=True, check=False, timeout=90)
        self.assertEqual(done.returncode, 60, done.stderr)
        self.assertEqual(self.told()["protocol"], "tls")

    def test_curl_uploads(self):
        data = os.urandom(3 << 20)
        path = self.folder / "upload.bin"
        path.write_bytes(data)
        out = self.curl("-T", path, "https://drop.example/", host="drop.example")
        self.assertRegex(out.decode(), r"^https://drop\.example/d0*\w+/upload\.bin\n$")
        told = self.told()
        self.assertEqual((told["method"], told["bytes"], told["sha256"]),
                         ("PUT", len(data), hashlib.sha256(data).hexdigest()))
        self.assertEqual(self.evidence(told), data)

    def test_curl_uploads_what_it_is_piped(self):
        done = subprocess.run(["curl", "-sS", "--fail", "--noproxy", "*", "--max-time", "60", "--resolve",
                               "s3.example:80:127.0.0.1", "-T", "-", "http://s3.example/bucket/piped"],
                              input=b"p" * 300000, capture_output=True, check=False, timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr)
        told = self.told()
        self.assertEqual((told["service"], told["bytes"]), ("object-store", 300000))
        self.assertEqual(self.curl("http://s3.example/bucket/piped", host="s3.example"), b"p" * 300000)
        self.told()

    def test_curl_sends_a_form(self):
        path = self.folder / "form.txt"
        path.write_text("in a form")
        self.assertIn(b"https://paste.example/d", self.curl("-F", f"file=@{path}", "https://paste.example/",
                                                            host="paste.example"))
        told = self.told()
        self.assertIn(b"in a form", self.evidence(told))

    def test_many_requests_on_one_connection(self):
        self.curl(*(f"https://www.example/{i}" for i in range(20)))
        self.assertEqual([self.told()["path"] for _ in range(20)], [f"/{i}" for i in range(20)])

    def version_of(self, *args):
        """Of HTTP, that curl says it spoke."""
        return self.curl("-o", "/dev/null", "-w", "%{http_version}", *args).decode()

    def test_versions_of_http(self):
        for expected, option in (("1.1", "--http2"), ("1.1", "--http1.1")):
            self.assertEqual(self.version_of(option, "https://www.example/"), expected)
            told = self.told()
            self.assertEqual((told["protocol"], told["method"], told["path"]), ("https", "GET", "/"))
        # Who offers nothing else gets it.
        context = ssl.create_default_context(cafile=str(self.ca))
        context.set_alpn_protocols(["h2"])
        with socket.create_connection(("127.0.0.1", 443)) as plain, \
                context.wrap_socket(plain, server_hostname="www.example") as s:
            self.assertEqual(s.selected_alpn_protocol(), "h2")
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0)))
            self.assertEqual(s.recv(4)[3], 4, "SETTINGS")
        # In plain there is nothing that would say so, but a program may know.
        self.assertEqual(self.version_of("--http2-prior-knowledge", "http://www.example/a?b"), "2")
        told = self.told()
        self.assertEqual((told["protocol"], told["method"], told["path"]), ("http", "GET", "/a?b"))
        self.assertEqual(self.version_of("--http2", "http://www.example/"), "1.1")
        self.told()

    def test_http2_brings_much_back(self):
        data = os.urandom(900 << 10)
        path = self.folder / "object.bin"
        path.write_bytes(data)
        url = "http://s3.example/bucket/much"
        self.curl("--http2-prior-knowledge", "-T", path, url, host="s3.example")
        self.assertEqual(self.told()["sha256"], hashlib.sha256(data).hexdigest())
        self.assertEqual(self.curl("--http2-prior-knowledge", url, host="s3.example"), data)
        self.told()

    def test_grpc(self):
        """What a client of gRPC sends: it speaks HTTP/2 alone."""
        message = b"\0\0\0\0\5\x0a\x03abc"
        path = self.folder / "message.bin"
        path.write_bytes(message)
        said = self.curl("--http2-prior-knowledge", "-D", "-", "-H", "content-type: application/grpc", "-H", "te: trailers",
                         "--data-binary", f"@{path}", "http://rpc.example/package.Service/Method", host="rpc.example")
        self.assertIn(b"\r\ngrpc-status: 12\r\n", said)
        told = self.told()
        self.assertEqual((told["method"], told["path"]), ("POST", "/package.Service/Method"))
        self.assertEqual(self.evidence(told), message)

    def git(self, *args, cwd):
        env = {"PATH": os.environ["PATH"], "HOME": str(cwd), "GIT_SSL_CAINFO": str(self.ca), "GIT_TERMINAL_PROMPT": "0",
               "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
               "GIT_COMMITTER_EMAIL": "a@b"}
        done = subprocess.run(["git", *args], cwd=cwd, env=env, capture_output=True, text=True, check=False,
                              timeout=90)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout + done.stderr

    def push(self, size, expected_posts):
        with tempfile.TemporaryDirectory() as work:
            self.git("init", "-q", "-b", "main", cwd=work)
            pathlib.Path(work, "weights.bin").write_bytes(os.urandom(size))
            self.git("add", ".", cwd=work)
            self.git("commit", "-qm", "x", cwd=work)
            # As if its name led here.
            self.git("config", "http.curloptResolve", "git.example:443:127.0.0.1", cwd=work)
            url = f"https://git.example/o/r{size}.git"
            self.assertIn("new branch", self.git("push", url, "main", cwd=work))
            told = [self.told() for _ in range(1 + expected_posts)]
            self.assertEqual([t["service"] for t in told], ["git"] * len(told))
            self.assertEqual(told[-1]["detail"], "1 ref (refs/heads/main), pack of 3 objects")
            self.assertGreater(told[-1]["bytes"], size)
            self.assertIn(b"PACK", self.evidence(told[-1])[:400])
            self.assertIn("up-to-date", self.git("push", url, "main", cwd=work))
            self.told()
            listed = self.git("ls-remote", url, cwd=work)
            self.assertEqual(listed, "")
            self.told()

    def test_git_pushes(self):
        self.push(1000, 1)

    def test_git_pushes_much(self):
        # Over http.postBuffer: it asks first, then sends in chunks.
        self.push(2 << 20, 2)

    def test_git_clones(self):
        with tempfile.TemporaryDirectory() as work:
            self.assertIn("empty repository",
                          self.git("-c", "http.curloptResolve=git.example:443:127.0.0.1", "clone",
                                   "https://git.example/o/none.git", cwd=work))
        self.told()

    def test_python_trusts_it(self):
        code = ("import http.client, ssl; c = http.client.HTTPSConnection('www.example', 443);"
                "import socket; s = socket.create_connection(('127.0.0.1', 443));"
                "c.sock = ssl.create_default_context().wrap_socket(s, server_hostname='www.example');"
                "c.request('POST', '/x', b'{}', {'Content-Type': 'application/json'});"
                "print(c.getresponse().read().decode())")
        done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "SSL_CERT_FILE": str(self.ca)},
                              capture_output=True, text=True, check=False, timeout=90)
        self.assertRegex(done.stdout, r'^\{"id":"d\d+","status":"ok"\}\n$', done.stderr)
        self.told()

    def test_versions_of_tls(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = ssl.create_default_context(cafile=str(self.ca))
            context.minimum_version = context.maximum_version = version
            with socket.create_connection(("127.0.0.1", 443)) as plain, \
                    context.wrap_socket(plain, server_hostname="www.example") as s:
                s.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
                self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 200"))
            self.told()

    def test_mail(self):
        context = ssl.create_default_context(cafile=str(self.ca))
        context.check_hostname = False
        with smtplib.SMTP("127.0.0.1", 25, timeout=60) as smtp:
            smtp.starttls(context=context)
            smtp.login("me", "secret")
            smtp.sendmail("a@b.example", ["c@d.example"], "Subject: x\n\nbody\n")
        with smtplib.SMTP_SSL("127.0.0.1", 465, timeout=60, context=context) as smtp:
            smtp.sendmail("a@b.example", ["c@d.example"], "Subject: y\n\nbody\n")
        told = [self.told() for _ in range(3)]
        self.assertEqual([t["method"] for t in told], ["AUTH", "DATA", "DATA"])
        self.assertIn(b"Subject: x", self.evidence(told[1]))

    @unittest.skipUnless(shutil.which("ssh"), "no ssh")
    def test_ssh(self):
        done = subprocess.run(["ssh", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o",
                               "UserKnownHostsFile=/dev/null", "-F", "/dev/null", "a@127.0.0.1", "true"],
                              capture_output=True, text=True, check=False, timeout=90)
        self.assertEqual(done.returncode, 255)
        self.assertIn("closed", done.stderr)
        told = self.told()
        self.assertEqual(told["service"], "ssh")
        self.assertTrue(told["path"].startswith("SSH-2.0-OpenSSH"))


if __name__ == "__main__":
    enter_namespace()
    unittest.main()
