#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tidy.sh BUILD [FILE...]: clang-tidy over every source that BUILD's compile commands name, or over
# those of them that are named, on all CPUs. BUILD must have been configured with clang, so that no
# option is unknown to clang-tidy, and built: that makes the headers it generates. A file that was
# clean is not looked at again before it, a file it includes, its command or the checks change.
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build-clang}
[ $# -eq 0 ] || shift
[ -f "$build/compile_commands.json" ] || {
	echo "$build/compile_commands.json is not there; configure first: cmake --preset clang" >&2
	exit 1
}
work=$(mktemp -d /tmp/cordon-tidy.XXXXXX)
trap 'rm -rf "$work"' EXIT
mkdir -p "$build/clang-tidy"
python3 - "$build" "$work" "$@" <<'PY' >"$work/todo"
import functools, hashlib, json, os, sys

build, work = map(os.path.realpath, sys.argv[1:3])
only = set(map(os.path.realpath, sys.argv[3:]))


@functools.cache
def digest(file):
    with open(file, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


def stamp(command):
    """Named by all that the result depends on; the build knows what a file includes."""
    words = command["command"].split()
    depends = os.path.join(command["directory"], words[words.index("-o") + 1] + ".d")
    if not os.path.exists(depends):
        sys.exit(depends + " is not there; build first: cmake --build --preset clang")
    with open(depends) as f:
        files = f.read().replace("\\\n", " ").split(":", 1)[1].split()
    files = [os.path.join(command["directory"], file) for file in files]
    parts = [command["command"], *map(digest, [".clang-tidy", *files])]
    return os.path.join(build, "clang-tidy", hashlib.sha256("\n".join(parts).encode()).hexdigest())


# A file in two targets has two commands; one is enough, and with two of them in one process the
# analyzer of clang-tidy 14 reports every va_list as uninitialized.
commands = {}
with open(os.path.join(build, "compile_commands.json")) as f:
    for command in json.load(f):
        file = os.path.realpath(os.path.join(command["directory"], command["file"]))
        # Generated files are not ours to write better.
        if file.endswith(".c") and not file.startswith(build + os.sep):
            commands.setdefault(file, command)
if unknown := only - set(commands):
    sys.exit("no compile command for " + ", ".join(sorted(unknown)))
with open(os.path.join(work, "compile_commands.json"), "w") as f:
    json.dump(list(commands.values()), f)
for file in sorted(only or commands, key=os.path.getsize, reverse=True):
    done = stamp(commands[file])
    if not os.path.exists(done):
        sys.stdout.write(os.path.relpath(file) + "\0" + done + "\0")
PY
# shellcheck disable=SC2016 # the words are those of the inner shell
xargs -0 -r -n 2 -P "$(nproc)" sh -c 'clang-tidy-14 -p "$0" --quiet "$1" && : >"$2"' "$work" \
	<"$work/todo"
echo "clang-tidy: clean"
