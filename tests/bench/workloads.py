# SPDX-License-Identifier: Apache-2.0
"""The workloads of bench_work.py: what is generated once in the workspace, and the shell scripts,
which put everything they make into out/ and remove it."""

import json
import os

SMALL_FILES = """
mkdir out
split -l 1 -a 4 lines out/f
find out -type f | wc -l
find out -type f -print0 | xargs -0 cat | wc
find out -name '*a' -exec wc -c {} + | tail -n 1
rm -rf out
"""

COMPILE = """
cp -r project out
make -s -C out -j2
out/program
rm -rf out
"""

GIT = """
git init -q out && cd out
git config user.name bench && git config user.email bench@localhost
i=0
while [ $i -lt COMMITS ]; do
	echo "line $i" >>file$((i % 10))
	git add .
	git commit -qm "change $i"
	i=$((i + 1))
done
git log --stat >/dev/null
git status --short
git clone -q . copy
cd .. && rm -rf out
"""

PYTHON = """
i=0
while [ $i -lt STARTS ]; do
	/usr/bin/python3 -c 'import json, re'
	i=$((i + 1))
done
/usr/bin/python3 work.py ROUNDS
"""

PYTHON_WORK = """
import json, re, sys
rows = [{"id": i, "name": f"user{i}", "tags": ["a", "b", str(i % 7)]} for i in range(2000)]
for _ in range(int(sys.argv[1])):
    text = json.dumps(rows)
    assert json.loads(text) == rows
    assert len(re.findall(r'"name": "user(\\d+)"', text)) == len(rows)
"""

TAR = """
mkdir out
tar -cf - tree | gzip >out/tree.tar.gz
tar -xzf out/tree.tar.gz -C out
rm -rf out
"""

NODE = """
cp -r package out && cd out
i=0
while [ $i -lt STARTS ]; do
	node index.js
	i=$((i + 1))
done
npm pack --offline --silent
cd .. && rm -rf out
"""

NODE_WORK = """
const rows = Array.from({length: 20000}, (_, i) => ({id: i, name: 'user' + i}));
const text = JSON.stringify(rows);
if (JSON.parse(text).length !== rows.length || (text.match(/user\\d+/g) || []).length !== rows.length)
	process.exit(1);
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def make_project(folder, files):
    """A program of some C files, each with functions that call those of the next."""
    for i in range(files):
        body = "".join(
            f"int f{i}_{k}(int x)\n{{\n\tchar text[64];\n\tint sum = 0;\n\n"
            f"\tfor (int j = 0; j < x % 50; j++)\n"
            f"\t\tsum += snprintf(text, sizeof(text), \"%d %s\", j * {k}, \"{i}\") ^ j;\n"
            f"\treturn sum + (int)strlen(text) * {i};\n}}\n\n" for k in range(12))
        write(folder / f"file{i}.c", f"#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n\n{body}")
    calls = " + ".join(f"f{i}_0({i})" for i in range(files))
    protos = "".join(f"int f{i}_0(int x);\n" for i in range(files))
    write(folder / "main.c", f"{protos}int main(void)\n{{\n\treturn ({calls}) == -1;\n}}\n")
    write(folder / "Makefile", "CFLAGS = -O1\nprogram: $(patsubst %.c,%.o,$(wildcard *.c))\n\t$(CC) -o $@ $^\n")


def make_tree(folder, files, rng):
    words = [f"word{i}" for i in range(400)]
    for i in range(files):
        write(folder / f"d{i % 40}" / f"f{i}", " ".join(rng.choices(words, k=1500)))


def make_package(folder, files):
    write(folder / "package.json", json.dumps({"name": "bench", "version": "1.0.0", "main": "index.js"}))
    write(folder / "index.js", NODE_WORK)
    for i in range(files):
        write(folder / "lib" / f"m{i}.js", f"exports.value = {i};\n" * 20)


def prepare(folder, scale, rng):
    """Return: name -> script; None for one whose programs are not there."""
    def scaled(number):
        return str(max(2, int(number * scale)))

    write(folder / "lines", "".join(f"line {i} of a small file\n" for i in range(int(scaled(20000)))))
    write(folder / "work.py", PYTHON_WORK)
    make_project(folder / "project", int(scaled(60)))
    make_tree(folder / "tree", int(scaled(1500)), rng)
    make_package(folder / "package", int(scaled(200)))

    def if_there(script, *commands):
        return script if all(os.access(f"/usr/bin/{c}", os.X_OK) for c in commands) else None

    return {
        "small files": SMALL_FILES,
        "compile": if_there(COMPILE, "gcc", "make"),
        "git": if_there(GIT.replace("COMMITS", scaled(200)), "git"),
        "python": if_there(PYTHON.replace("STARTS", scaled(50)).replace("ROUNDS", scaled(100)), "python3"),
        "tar+gzip": if_there(TAR, "tar", "gzip"),
        "node": if_there(NODE.replace("STARTS", scaled(15)), "node", "npm"),
    }
