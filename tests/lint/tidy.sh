#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tidy.sh BUILD: clang-tidy over every source that BUILD's compile commands name, on all CPUs.
# BUILD must have been configured with clang, so that no option is unknown to clang-tidy.
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build-clang}
[ -f "$build/compile_commands.json" ] || {
	echo "$build/compile_commands.json is not there; configure first: cmake --preset clang" >&2
	exit 1
}
python3 - "$build" <<'PY' | xargs -0 -r -n 4 -P "$(nproc)" clang-tidy-14 -p "$build" --quiet
import json, os, sys

build = os.path.realpath(sys.argv[1])
files = {os.path.realpath(os.path.join(c["directory"], c["file"]))
         for c in json.load(open(os.path.join(build, "compile_commands.json")))}
# Generated files are not ours to write better.
files = sorted(f for f in files if f.endswith(".c") and not f.startswith(build + os.sep))
sys.stdout.write("".join(os.path.relpath(f) + "\0" for f in files))
PY
echo "clang-tidy: clean"
