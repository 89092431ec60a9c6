# SPDX-License-Identifier: Apache-2.0
"""The table: clients that have to find a relayed network as they find any other."""

import dataclasses

import client_programs


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    allow: tuple          # what the session may reach
    needs: dict           # {program: the Debian package that has it}
    script: str           # for bash, in a workspace of its own
    says: tuple           # what has to be in its output: that it did something
    files: tuple = ()
    status: int = 0


CURL = """curl -sS https://good.test/hello http://good.test/hello http://203.0.113.10/hello
for v in -4 -6 --http1.1 --tls-max\\ 1.2; do curl -sS $v https://good.test/hello; done
curl -sSL https://good.test/to-good -w '%{url_effective} %{num_connects} %{remote_port}\\n'
curl -sS -o big https://mirror.test/big && sha256sum big; curl -sS -r 1000-99999 http://mirror.test/big | sha256sum
curl -sS -T big http://mirror.test/upload; curl -sS -F f=@big https://mirror.test/upload
curl -sS -Z --parallel-max 20 $(for i in $(seq 100); do echo https://good.test/hello?$i; done) 2>/dev/null | sort | uniq -c
curl -sS http://mirror.test/drip | wc -c
curl -sS http://good.test:7099/ >/dev/null 2>&1; echo refused $?
curl -sS https://lab.test:7010/ 2>/dev/null; echo no TLS $?; curl -sS http://lab.test:7007/ 2>/dev/null; echo cut $?
curl -sS https://lab.test:7011/ https://lab.test:7011/
curl -sS -m 1 http://lab.test:7004/ 2>/dev/null; echo stalled $?; curl -sS http://unreachable.test/ 2>/dev/null; echo unreachable $?"""

WGET = """wget -q --ca-certificate=ca.pem -O- https://good.test/hello http://good.test/hello https://good.test/to-good
wget -q --ca-certificate=ca.pem https://mirror.test/big && sha256sum big; head -c 1000000 big >part; mv part big
wget -q -c --ca-certificate=ca.pem https://mirror.test/big && sha256sum big; wget -q -O- http://good.test/nothing; echo $?
wget -q -t 1 -O- http://good.test:7099/; echo refused $?"""

GIT = """export GIT_AUTHOR_DATE='2020-01-01 00:00 +0000' GIT_COMMITTER_DATE='2020-01-01 00:00 +0000'
git ls-remote --heads URL; git clone -q URL c; cd c; git log --format='%H %s'; git fsck; git config user.name b; git config user.email b@b
for i in $(seq 30); do seq $i 30000 >more$i; done; git add .; git commit -qm more; git checkout -q -b pushed-$MARK; git push -q origin HEAD; echo pushed $?
git ls-remote URL refs/heads/pushed-$MARK | cut -f1; git fetch -q; git push -q origin :pushed-$MARK; echo removed $?
git clone -q --depth 1 URL ../d && git -C ../d rev-list --count HEAD; git ls-remote URLx >/dev/null 2>&1; echo $?"""

# pip from its wheel, which Debian's venv has; unpacked, so that it is compiled once.
PIP = """/usr/bin/python3 -m zipfile -e /usr/share/python-wheels/pip-*.whl pip && cd pip
/usr/bin/python3 -m pip install -q --no-compile --no-cache-dir --index-url https://mirror.test/simple --target t said; echo $?
PYTHONPATH=t /usr/bin/python3 -c 'import said; said.main()'
/usr/bin/python3 -m pip download -q --no-cache-dir --index-url https://mirror.test/simple no-such-package 2>/dev/null; echo $?"""

NPM = """npm install --silent --no-audit --no-fund --no-update-notifier --registry https://mirror.test/npm/ --prefix p said; echo $?
cd p && node -e 'console.log(require("said")())'; npm view --silent --registry https://mirror.test/npm/ said version
npm view --silent --registry https://mirror.test/npm/ no-such-package >/dev/null 2>&1; echo $?"""

APT_CONF = """Acquire::Languages "none"; Acquire::http::Proxy "false"; APT::Sandbox::User ""; Dir "DIR"; Dir::State::status "DIR/status";
Dir::Etc "DIR/etc"; Dir::Cache "DIR/cache"; Dir::State "DIR"; Dir::Log "DIR";
"""
APT = """mkdir -p a/lists/partial a/cache/archives/partial a/etc/preferences.d a/etc/apt.conf.d a/etc/sources.list.d a/etc/trusted.gpg.d
echo 'deb [trusted=yes] http://mirror.test/apt ./' >a/etc/sources.list; touch a/status; sed -i "s,DIR,$PWD/a,g" apt.conf
export APT_CONFIG=$PWD/apt.conf
apt-get -qq update; echo updated $?; apt-cache policy said | sed -n 1,3p; cd a && apt-get -qq download said; echo $?
dpkg-deb -x said_1.0_all.deb x && cat x/usr/share/said/said"""

# Its own resolver, and the C library's.
GO = """export HOME=$PWD GO111MODULE=off; go build -o work work.go
for by in go cgo; do GODEBUG=netdns=$by ./work; echo by $by $?; done"""

GOOD, LAB = ("good.test", "203.0.113.10"), ("lab.test", "203.0.113.40", "2001:db8:113::40")
ROWS = (
    Row("curl", (*GOOD, "mirror.test", "lab.test", "unreachable.test"), {"curl": "curl"}, CURL,
        ("hello from good.test", "refused 7", "stalled 28", "unreachable 7", "taken", "10000", "named")),
    Row("wget", (*GOOD, "mirror.test"), {"wget": "wget"}, WGET, ("hello from good.test", "refused 4")),
    Row("git-https", ("git.test",), {"git": "git"}, GIT.replace("URL", "https://git.test/git/repo.git"),
        ("refs/heads/main", "pushed 0", "removed 0")),
    Row("git-ssh", ("git.test",), {"git": "git", "ssh": "openssh-client"},
        GIT.replace("URL", "git@git.test:git/repo.git"), ("refs/heads/main", "pushed 0", "removed 0")),
    Row("pip", ("mirror.test",), {"python3": "python3-venv"}, PIP, ("said",)),
    Row("npm", ("mirror.test",), {"npm": "npm"}, NPM, ("said by npm", "1.0.0")),
    Row("apt", ("mirror.test",), {"apt-get": "apt", "dpkg-deb": "dpkg"}, APT, ("updated 0", "Candidate: 1.0", "said by apt"),
        (("apt.conf", APT_CONF),)),
    Row("python", (*GOOD, *LAB, "several.test", "unreachable.test"), {"python3": "python3"}, "/usr/bin/python3 work.py",
        ("closed ECONNREFUSED unreachable EHOSTUNREACH", "reset later ECONNRESET", "sink 3000000", "echo True", "HTTP 404"),
        (("work.py", client_programs.PYTHON),)),
    Row("asyncio", (*GOOD, *LAB), {"python3": "python3"}, "/usr/bin/python3 work.py", ("sum 499500", "ConnectionRefusedError"),
        (("work.py", client_programs.ASYNCIO),)),
    Row("node", (*GOOD, "mirror.test", "203.0.113.40"), {"node": "nodejs"}, "node work.js",
        ("hello from good.test", "ECONNREFUSED", "one connection true", "closed false"), (("work.js", client_programs.NODE),)),
    Row("java", (*GOOD, "203.0.113.40"), {"java": "default-jdk-headless", "javac": "default-jdk-headless"},
        "javac Fetch.java && java -Xmx256m Fetch", ("200 https://good.test/hello", "10000", "Connection refused"),
        (("Fetch.java", client_programs.JAVA),)),
    Row("go", (*GOOD, *LAB), {"go": "golang-go"}, GO,
        ("200 https://good.test/hello", "4950", "connection refused", "by go 0", "by cgo 0"), (("work.go", client_programs.GO),)),
)
