# SPDX-License-Identifier: Apache-2.0
"""nginx and sshd of the test's internet, and what they serve; prepare() runs before, start() in its namespaces."""

import base64
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import tarfile
import zipfile

import git_testing
import zone

BIG = 32 << 20
SBIN = "/usr/local/sbin:/usr/sbin:/sbin:" + os.environ["PATH"]

NGINX = """{user}daemon off; worker_processes 1; pid {dir}/nginx.pid; error_log {dir}/nginx.error;
events {{ worker_connections 8192; }}
http {{
  client_body_temp_path {dir}/tmp/1; proxy_temp_path {dir}/tmp/2; fastcgi_temp_path {dir}/tmp/3;
  uwsgi_temp_path {dir}/tmp/4; scgi_temp_path {dir}/tmp/5;
  log_format seen escape=json '{{"kind":"http","host":"$host","path":"$request_uri","method":"$request_method",'
    '"sni":"$ssl_server_name","to":"$server_addr","port":$server_port,"length":"$request_length","status":$status}}';
  access_log {dir}/http.jsonl seen;
  ssl_certificate {dir}/server.pem; ssl_certificate_key {dir}/server.key;
  types {{ text/html html; }} default_type application/octet-stream;
  server_names_hash_bucket_size 128; client_max_body_size 1g; sendfile on; server_tokens off; keepalive_requests 100000;
  server {{
    listen 0.0.0.0:80 default_server backlog=2048; listen [::]:80 default_server;
    listen 0.0.0.0:443 ssl default_server backlog=2048; listen [::]:443 ssl default_server; listen 0.0.0.0:8443 ssl;
    location = /hello {{ return 200 "hello from $host\\n"; }}
    location = /to-good {{ return 302 $scheme://good.test/hello; }}
    location = /to-evil {{ return 302 $scheme://evil.test/stolen; }}
    location = /to-address {{ return 302 http://{evil}/stolen; }}
    location = /stolen {{ return 200 "stolen\\n"; }}
    location = /latest/meta-data/ {{ return 200 "credentials\\n"; }}
    location = /dns-query {{ return 200 "an answer\\n"; }}
    location = /drip {{ limit_rate 4k; root {dir}/www; }}
    location /upload {{ proxy_pass http://127.0.0.1:8082; proxy_http_version 1.1; }}
    location /git/ {{ proxy_pass http://127.0.0.1:{git}/; }}
    location / {{ root {dir}/www; autoindex off; }}
  }}
  server {{ listen 127.0.0.1:8082; access_log off; return 200 "taken\\n"; }}
}}
"""

SSHD = """Port 22
ListenAddress 0.0.0.0
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/client_key.pub
PidFile {dir}/sshd.pid
PermitRootLogin yes
PasswordAuthentication no
StrictModes no
UsePAM no
"""


def run(*argv, **kw):
    done = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **kw)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, argv))}: {done.stderr}")
    return done.stdout


def make_certificates(folder):
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    run("openssl", "req", "-x509", *key, "-subj", "/CN=CA of the test", "-keyout", folder / "ca.key",
        "-out", folder / "ca.pem", "-addext", "keyUsage=critical,keyCertSign")
    names = ",".join(f"DNS:{name}" for name in zone.CERTIFIED)
    run("openssl", "req", *key, "-subj", "/CN=good.test", "-keyout", folder / "server.key", "-out", folder / "server.csr")
    (folder / "extensions").write_text(f"subjectAltName={names},IP:{zone.GOOD},IP:{zone.EVIL}\nbasicConstraints=CA:FALSE\n")
    run("openssl", "x509", "-req", "-in", folder / "server.csr", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key",
        "-CAcreateserial", "-days", "2", "-extfile", folder / "extensions", "-out", folder / "server.pem")


def make_git(folder):
    env = dict(os.environ, GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null", HOME=str(folder),
               GIT_AUTHOR_DATE="2020-01-01 00:00 +0000", GIT_COMMITTER_DATE="2020-01-01 00:00 +0000")
    for name in ("work", "git/repo.git"):
        (folder / name).mkdir(parents=True)
    work, bare = folder / "work", folder / "git/repo.git"
    run("git", "init", "-q", "-b", "main", work, env=env)
    for i in range(20):
        (work / f"f{i}").write_text(f"{i}\n" * 1000)
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    run("git", "-C", work, "add", ".", env=env)
    run("git", *who, "-C", work, "commit", "-qm", "first", env=env)
    bare.rmdir()
    run("git", "clone", "-q", "--bare", work, bare, env=env)
    run("git", "-C", bare, "config", "http.receivepack", "true", env=env)
    # Programs of the server whose home and owner are others than the test's.
    run("git", "-C", bare, "config", "core.sharedRepository", "world", env=env)


def wheel():
    files = {"said.py": "def main():\n    print('said')\n",
             "said-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: said\nVersion: 1.0\n",
             "said-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    record = "".join(f"{name},,\n" for name in (*files, "said-1.0.dist-info/RECORD"))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, text in (*files.items(), ("said-1.0.dist-info/RECORD", record)):
            packed.writestr(name, text)
    return out.getvalue()


def npm_package():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as packed:
        for name, text in (("package.json", '{"name": "said", "version": "1.0.0", "main": "m.js"}'),
                           ("m.js", "module.exports = () => 'said by npm';\n")):
            entry = tarfile.TarInfo("package/" + name)
            entry.size = len(text)
            packed.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


def make_mirrors(folder):
    """What pip, npm and apt ask for, as files."""
    www = folder / "www"
    for name in ("simple/said", "npm", "apt"):
        (www / name).mkdir(parents=True)
    (www / "big").write_bytes(b"".join(hashlib.sha512(bytes([i])).digest() for i in range(256)) * (BIG >> 14))
    (www / "drip").write_bytes(b"drop\n" * 2000)
    data = wheel()
    (www / "simple/said/said-1.0-py3-none-any.whl").write_bytes(data)
    (www / "simple/said/index.html").write_text('<a href="said-1.0-py3-none-any.whl#sha256='
                                                f'{hashlib.sha256(data).hexdigest()}">said-1.0-py3-none-any.whl</a>\n')
    data = npm_package()
    (www / "npm/said-1.0.0.tgz").write_bytes(data)
    integrity = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    (www / "npm/said").write_text(json.dumps({
        "name": "said", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": {
            "name": "said", "version": "1.0.0", "main": "m.js", "dist": {
                "integrity": integrity, "tarball": "https://mirror.test/npm/said-1.0.0.tgz"}}}}))
    make_apt(folder, www / "apt")


def make_apt(folder, apt):
    tree = folder / "deb"
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "usr/share/said").mkdir(parents=True)
    (tree / "usr/share/said/said").write_text("said by apt\n")
    (tree / "DEBIAN/control").write_text("Package: said\nVersion: 1.0\nArchitecture: all\nMaintainer: T <t@good.test>\n"
                                         "Description: says something\n")
    for path in (tree, tree / "DEBIAN"):
        path.chmod(0o755)
    run("dpkg-deb", "--root-owner-group", "-b", tree, apt / "said_1.0_all.deb")
    data = (apt / "said_1.0_all.deb").read_bytes()
    control = (tree / "DEBIAN/control").read_text()
    packages = control + (f"Filename: ./said_1.0_all.deb\nSize: {len(data)}\n"
                          f"SHA256: {hashlib.sha256(data).hexdigest()}\n")
    (apt / "Packages").write_text(packages)
    (apt / "Packages.gz").write_bytes(gzip.compress(packages.encode()))


def prepare(folder):
    for name in ("www", "tmp"):
        (folder / name).mkdir()
    make_certificates(folder)
    for name in ("host_key", "client_key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", folder / name)
    key = (folder / "host_key.pub").read_text().split()
    (folder / "known_hosts").write_text(f"git.test,lab.test,{zone.GIT} {key[0]} {key[1]}\n")
    make_git(folder)
    make_mirrors(folder)
    (folder / "nginx.conf").write_text(NGINX.format(dir=folder, evil=zone.EVIL, git=git_testing.PORT,
                                                    user="" if os.geteuid() else "user root; "))
    (folder / "sshd.conf").write_text(SSHD.format(dir=folder))
    # Of users that this machine need not have.
    uid, gid = os.geteuid(), os.getegid()
    (folder / "passwd").write_text(f"git:x:{uid}:{gid}:git:{folder}:/bin/sh\n" + ("root:x:0:0:root:/:/bin/sh\n" if uid else "")
                                   + "sshd:x:199:199::/run/sshd:/bin/false\n")
    (folder / "shadow").write_text("git:*:18000::::::\nsshd:*:18000::::::\n")


def start(folder):
    """In the internet's mount namespace."""
    run("mount", "-t", "tmpfs", "-o", "mode=755", "run", "/run")
    pathlib.Path("/run/sshd").mkdir(mode=0o755)
    for name in ("passwd", "shadow"):
        run("mount", "--bind", folder / name, f"/etc/{name}")
    netload = str(pathlib.Path(os.environ.get("BUILD", "build")).resolve() / "tests/netload")
    # nginx keeps all privileges that it has, to open what this user can; sshd is an ordinary program of that user.
    for argv in ([shutil.which("nginx", path=SBIN), "-e", f"{folder}/nginx.error", "-c", f"{folder}/nginx.conf"],
                 [netload, "serve", str(zone.FAST)],
                 ["setpriv", "--ambient-caps=-all", "--inh-caps=-all", shutil.which("sshd", path=SBIN), "-D", "-E",
                  f"{folder}/sshd.error", "-f", f"{folder}/sshd.conf"]):
        subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=open(folder / "servers.log", "a"),
                         stderr=subprocess.STDOUT, start_new_session=True)
