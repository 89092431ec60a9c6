#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tidy.sh BUILD [FILE...]: clang-tidy over every source that BUILD's compile commands name, or over
# those of them that are named, on all CPUs. BUILD must have been configured with clang, so that no
# option is unknown to clang-tidy, and built, so that generated headers are there.
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build-clang}
[ $# -eq 0 ] || shift
[ -f "$build/compile_commands.json" ] || {
	echo "$build/compile_commands.json is not there; configure first: cmake --preset clang" >&2
	exit 1
}
commands=$(mktemp -d /tmp/cordon-tidy.XXXXXX)
trap 'rm -rf "$commands"' EXIT
# A file in two targets has two commands; one is enough, and with two of them in one process the
# analyzer of clang-tidy 14 reports every va_list as uninitialized.
python3 - "$build" "$commands" "$@" <<'PY' >"$commands/files"
import json, os, sys

build, commands = map(os.path.realpath, sys.argv[1:3])
only = set(map(os.path.realpath, sys.argv[3:]))
first = {}
for command in json.load(open(os.path.join(build, "compile_commands.json"))):
    file = os.path.realpath(os.path.join(command["directory"], command["file"]))
    # Generated files are not ours to write better.
    if file.endswith(".c") and not file.startswith(build + os.sep) and (not only or file in only):
        first.setdefault(file, command)
with open(os.path.join(commands, "compile_commands.json"), "w") as out:
    json.dump(list(first.values()), out)
# The largest first, so that no CPU is left alone with one at the end.
files = sorted(first, key=lambda file: (-os.path.getsize(file), file))
sys.stdout.write("".join(os.path.relpath(file) + "\0" for file in files))
PY
xargs -0 -r -n 1 -P "$(nproc)" clang-tidy-14 -p "$commands" --quiet <"$commands/files"
echo "clang-tidy: $(tr -cd '\0' <"$commands/files" | wc -c) files are clean"
