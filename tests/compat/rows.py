# SPDX-License-Identifier: Apache-2.0
"""The table: what is run outside and inside, and what of it has to be the same."""

import dataclasses

import programs


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    needs: dict           # {program: the Debian package that has it}
    script: str           # for bash, in a workspace of its own
    status: int = 0       # what it returns, outside and inside
    files: tuple = ()     # (name, text) that lie in the workspace
    refused: tuple = ()   # ends inside with this status and this in its output, and without what it prints outside
    project: bool = False  # wants the fetched source in project/


GIT = """export GIT_AUTHOR_DATE='2020-01-01 00:00 +0000' GIT_COMMITTER_DATE='2020-01-01 00:00 +0000'
git init -q -b main r && cd r && git config user.name a && git config user.email a@b &&
for i in 1 2 3; do echo $i >f$i; git add .; git commit -qm "c$i"; done
git checkout -qb side HEAD~1; echo s >s; git add s; git commit -qm side; git rebase -q main
git log --stat --format='%H %s'; git gc -q; git fsck; cd ..
git clone -q r c && cd c && git log --oneline | cat; git status --short
git config user.name b; git config user.email b@b; echo more >>f1; git commit -qam more; git push -q origin HEAD:refs/heads/back
git -C ../r log --format=%s back | cat; git worktree add -q ../w back && cat ../w/f1
echo conflict >f1; git commit -qam theirs; git checkout -qb other HEAD~1; echo mine >f1; git commit -qam mine
git rebase -q side 2>/dev/null; echo "rebase $?"; git diff --name-only --diff-filter=U; git rebase --abort; git log --format=%s -n 1
git clone -q --no-hardlinks file://$PWD/../r d && git -C d rev-parse HEAD
echo s >>f2; git stash -q; git stash list | cat; git stash pop -q; git diff --stat"""

CMAKE = """cmake -S project -B b -DCMAKE_BUILD_TYPE=Debug -DENABLE_CJSON_UTILS=On -DENABLE_CUSTOM_COMPILER_FLAGS=Off >log 2>&1; echo configured $?
make -s -C b -j2 >log 2>&1; echo built $?; find b -name '*.so.*' -type f | sort | xargs sha256sum
ctest --test-dir b -j2 2>&1 | sed -n 's/^ *[0-9]*\\/[0-9]* Test.*: \\([a-z_]*\\) .*\\(Passed\\|Failed\\).*/\\1 \\2/p' | sort
make -s -C b >log 2>&1; echo again $?; touch project/test.c; make -C b 2>&1 | grep -c Building
DESTDIR=$PWD/i make -s -C b install >log 2>&1; (cd i && find . -printf '%P %y %l %m\\n' | sort)"""

VENV = """/usr/bin/python3 -m venv v && . v/bin/activate && python work.py && pip --version | cut -d' ' -f1,2
pip install -q --no-index --no-build-isolation --disable-pip-version-check ./package 2>/dev/null; echo installed $?
said-by-package; pip list --disable-pip-version-check 2>/dev/null | grep -c '^said'
pip uninstall -qy said; said-by-package 2>/dev/null; echo gone $?"""

NODE = """node -e '
const cp = require("child_process"), fs = require("fs"), net = require("net");
console.log(cp.execSync("echo hi | cat").toString(), cp.spawnSync("sh", ["-c", "exit 5"]).status);
fs.writeFileSync("f", "x".repeat(100000)); console.log(fs.readFileSync("f").length);
let n = 0; for (let i = 0; i < 20; i++) cp.exec("echo " + i, (e, out) => { n += Number(out); if (++done == 20) next(); });
let done = 0; function next() { console.log(n);
  const s = net.createServer(c => c.end("bye")).listen(0, "127.0.0.1", () =>
    net.connect(s.address().port, "127.0.0.1").on("data", d => { console.log(String(d)); process.exit(6); })); }'"""

NPM = """(cd package && npm pack --silent) && mkdir app && cd app && echo '{"name":"app","version":"1.0.0"}' >package.json
npm install --offline --no-audit --no-fund --silent ../package/said-1.0.0.tgz; echo installed $?
node -e 'console.log(require("said")())'; node_modules/.bin/said; npm ls --silent | tail -n +2; cat package.json
npm install --offline --silent no-such-package 2>/dev/null; echo refused $?
npm uninstall --silent --no-audit said; ls node_modules | wc -l"""

TAR = """mkdir d; for i in $(seq 300); do echo $i >d/f$i; done; ln -s f1 d/l; ln d/f2 d/h; chmod 640 d/f3; touch -d 2020-01-01 d/f4
tar cf a.tar --sort=name --owner=0 --group=0 --mtime=2020-01-01 d && sha256sum a.tar && gzip -kn a.tar && sha256sum a.tar.gz
mkdir o && tar xzf a.tar.gz -C o && diff -r d o/d && find o -type f | sort | xargs -P 4 -n 50 cat | sort -n | md5sum
mv d e; rm -r o; cp -a e g; find g -name 'f1*' -exec sh -c 'wc -l "$@"' sh {} + | tail -n 1; du -a g | wc -l
stat -c '%a %h %F' g/f3 g/h g/l; sed -i s/1/one/ g/f1; cat g/f1; rm -rf g e; ls; df . >/dev/null; flock f.lock echo locked"""

RSYNC = """mkdir -p a/b; for i in $(seq 50); do echo $i >a/b/f$i; done; ln -s b/f1 a/l; ln a/b/f2 a/h; chmod 640 a/b/f3; touch -d @1000 a/b/f*
rsync -aH --itemize-changes a/ c/ | sort; diff -r a c && stat -c '%n %a %h %Y' c/b/f3 c/h
echo changed >a/b/f5; rm a/b/f6; rsync -aHi --delete a/ c/ | grep f; rsync -ac --stats a/ c/ | grep 'files transferred'
rsync -a nowhere/ c/ 2>/dev/null; echo $?"""

SSH_KEYGEN = """ssh-keygen -q -t ed25519 -N '' -C me -f k && stat -c %a k k.pub && ssh-keygen -lf k.pub | cut -d' ' -f1,3-
ssh-keygen -q -t rsa -b 2048 -N secret -C me -f r && ssh-keygen -y -P wrong -f r >/dev/null 2>&1; echo wrong $?
ssh-keygen -y -P secret -f r | cut -d' ' -f1; ssh-keygen -q -p -P secret -N '' -f r; echo changed $?
echo text >t; ssh-keygen -q -Y sign -n file -f k t 2>/dev/null; echo "me $(cat k.pub)" >allowed
ssh-keygen -Y verify -f allowed -I me -n file -s t.sig <t | cut -d' ' -f1-6; echo other | ssh-keygen -Y verify -f allowed -I me -n file -s t.sig 2>&1
ssh-keygen -q -s k -I id -n me r.pub; ssh-keygen -Lf r-cert.pub | grep -c 'Key ID'"""

SQLITE = """sqlite3 x.db 'pragma journal_mode=wal; create table t(a integer primary key, b text unique); begin;
with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) insert into t select i, hex(i) from n; commit; select count(*), sum(a) from t;'
for i in 1 2 3 4; do (for k in $(seq 10); do sqlite3 -cmd '.timeout 20000' x.db "insert into t(b) values('w$i-$k')"; done) & done; wait
sqlite3 x.db 'select count(*) from t; pragma integrity_check; vacuum; delete from t where a > 10;' '.dump' | sha256sum
sqlite3 x.db '.backup y.db' && sqlite3 y.db 'select a, b from t' | head -n 3; sqlite3 x.db "insert into t values(1, 'x')" 2>&1; echo $?; ls"""

PERL = r"""perl -e 'print join(",", map {$_ * 2} 1..9), "\n"; for (1..50) { my $o = `echo $_`; $s += $o } print "$s\n"'
perl -MSocket -MPOSIX -MFile::Temp=tempdir -MFile::Find -MIO::Select -e '
my @k; for my $i (1..5) { my $p = fork; if (!$p) { exit $i } push @k, $p } print join(" ", map { waitpid $_, 0; $? >> 8 } @k), "\n";
socketpair(my $a, my $b, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die; if (!fork) { syswrite $b, "through"; exit } sysread $a, my $t, 9; print "$t\n"; wait;
$SIG{ALRM} = sub { print "alarm\n" }; alarm 1; select undef, undef, undef, 5;
my $d = tempdir(CLEANUP => 1); open my $f, ">", "$d/x"; print $f "1\n" x 100; close $f; my $n = 0; find(sub { $n++ }, $d); print "$n ", -s "$d/x", "\n";
open my $pipe, "-|", "sh", "-c", "seq 3; exit 9"; my @l = <$pipe>; close $pipe; print scalar(@l), " ", $? >> 8, "\n"; exit 11'"""

TMUX = r"""export TERM=xterm; t() { tmux -f /dev/null -S ./sock "$@"; }
shows() { for i in $(seq 300); do t capture-pane -pt one | grep -q "$1" && return; sleep 0.1; done; echo "no $1"; }
t new-session -d -s one -x 80 -y 24 'echo in tmux: $((6*7)); stty size; read line; echo "read $line"; exec cat'
shows '^24 80'; t send-keys -t one 'some words' Enter; shows '^read some words'; t capture-pane -pt one | grep .
t split-window -d -t one 'sleep 100'; t list-panes -t one -F '#{pane_width}x#{pane_height}'; t has-session -t two 2>/dev/null; echo $?
t kill-server; for i in $(seq 100); do t has-session 2>/dev/null || break; sleep 0.1; done; t has-session 2>/dev/null; echo $?"""

TERMINALS = """script -qec 'stty -onlcr; test -t 0 && echo tty; stty size; sh -c "exit 3"' /dev/null; echo $?
/usr/bin/python3 -c 'import os, pty, sys
out = b""
def read(fd):
    global out
    d = os.read(fd, 1024); out += d
    return d
print(os.waitstatus_to_exitcode(pty.spawn(["sh", "-c", "stty -onlcr; echo in-pty; exit 4"], read)), out)'"""

STATUSES = """true; echo $?; false; echo $?; (exit 7); echo $?; sh -c 'kill -9 $$'; echo $?; sh -c 'kill -PIPE $$' | cat
echo ${PIPESTATUS[@]}; timeout 0.2 sleep 5; echo $?; nosuch 2>/dev/null; echo $?; ./data 2>/dev/null; echo $?
yes | head -n 1; echo ${PIPESTATUS[@]}; exit 42"""

# A child that was not sleep yet would run the trap, too.
JOBS = """set -m; sleep 0.2 & sleep 0.1 & wait; jobs; (trap 'echo term; exit 3' TERM; kill -TERM $BASHPID; sleep 1); echo $?
coproc cat; echo x >&${COPROC[1]}; read -u ${COPROC[0]} y; echo $y; kill $COPROC_PID; wait $COPROC_PID 2>/dev/null; echo $?
sleep 100 & kill -STOP $!; kill -CONT $!; kill $!; wait $! 2>/dev/null; echo $?; trap 'echo bye' EXIT; ulimit -c; echo <(true) | wc -l"""

TEXT = """seq 200000 | sort -R --random-source=/bin/ls | sort -n | awk '{s += $1} END {print s}'
echo 'a b' | xargs -n1 echo; printf '%s\\n' {1..5} | paste -sd+; find /etc -maxdepth 1 -name passwd; seq 5 | tee x | tac | nl; split -n 3 x; cat xa?"""

PYTHON_PACKAGE = (("work.py", programs.THREADS), ("package/said.py", "def main():\n    print('said')\n"),
                  ("package/setup.py", "from setuptools import setup\nsetup(name='said', version='1.0', py_modules=['said'],"
                   " entry_points={'console_scripts': ['said-by-package=said:main']})\n"))
NPM_PACKAGE = (("package/package.json", '{"name": "said", "version": "1.0.0", "main": "m.js", "bin": {"said": "b.js"}}\n'),
               ("package/m.js", "module.exports = () => 'said by npm';\n"),
               ("package/b.js", "#!/usr/bin/env node\nconsole.log('said by bin', process.argv.length);\n"))
MADE = (("main.c", programs.MADE), ("Makefile", programs.MAKEFILE),
        *((f"m{i}.c", f"int m{i}(void) {{ return {i}; }}\n") for i in range(12)))

ROWS = (
    Row("git", {"git": "git"}, GIT),
    Row("cmake-project", {"cmake": "cmake", "gcc": "gcc", "make": "make"}, CMAKE, project=True),
    Row("make", {"gcc": "gcc", "make": "make"},
        "make -s -j4 p && ./p && sha256sum *.o && make -s p && touch m3.c && make -n p | wc -l; make -s bad; exit 3", 3, MADE),
    Row("python", {"python3": "python3"}, "exec /usr/bin/python3 work.py", files=(("work.py", programs.PYTHON),)),
    Row("python-venv", {"python3": "python3-venv"}, VENV, files=PYTHON_PACKAGE),
    Row("node", {"node": "nodejs"}, NODE, 6),
    Row("npm", {"node": "nodejs", "npm": "npm"}, NPM, files=NPM_PACKAGE),
    Row("tar", {"tar": "tar", "gzip": "gzip"}, TAR),
    Row("rsync", {"rsync": "rsync"}, RSYNC),
    Row("ssh-keygen", {"ssh-keygen": "openssh-client"}, SSH_KEYGEN),
    Row("gdb-looks", {"gdb": "gdb", "gcc": "gcc"},
        "gcc -g -O0 -o p p.c && gdb -nx -batch -ex 'list twice' -ex 'info line main' -ex 'print twice' p | sed 's/0x[0-9a-f]*/X/g'",
        files=(("p.c", programs.TRACED),)),
    Row("gdb-runs", {"gdb": "gdb", "gcc": "gcc"},
        "gcc -g -O0 -o p p.c && timeout 60 gdb -nx -batch -return-child-result -ex 'set startup-with-shell off'"
        " -ex 'break twice' -ex run -ex 'print n' -ex continue p 2>&1", files=(("p.c", programs.TRACED),),
        refused=(1, "ptrace: Operation not permitted", "ran 2")),
    Row("sqlite3", {"sqlite3": "sqlite3"}, SQLITE),
    Row("perl", {"perl": "perl"}, PERL, 11),
    Row("tmux", {"tmux": "tmux"}, TMUX),
    Row("java", {"java": "default-jre-headless", "javac": "default-jdk-headless"}, "javac Work.java && java -Xmx128m Work", 7,
        (("Work.java", programs.JAVA),)),
    Row("pipelines", {}, "set -o pipefail; for i in $(seq 1000); do seq $i | /bin/grep -c . | /bin/cat; done"),
    Row("statuses", {}, STATUSES, 42, (("data", "x"),)),
    Row("text-tools", {}, TEXT),
    Row("terminals", {"script": "bsdutils"}, TERMINALS),
    Row("jobs-and-traps", {}, JOBS),
    Row("signal-storms", {"gcc": "gcc"}, "gcc -O1 -pthread -o storm storm.c; ./storm alarm 300; ./storm preempt 300",
        files=(("storm.c", programs.STORM),)),
)
