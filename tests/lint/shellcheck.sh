#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Checks every shell script of the tree, and a syntax check of every Python script.
set -eu
cd "$(dirname "$0")/../.."
scripts=$(git ls-files --cached --others --exclude-standard 2>/dev/null | while read -r file; do
	[ -f "$file" ] || continue
	head -n 1 "$file" | grep -aqE '^#!.*\b(ba)?sh\b' && echo "$file"
done || true)
[ -n "$scripts" ] || {
	echo "no scripts found: not a git checkout?" >&2
	exit 1
}
# shellcheck disable=SC2086 # a list of words
shellcheck -x $scripts
git ls-files --cached --others --exclude-standard '*.py' | while read -r file; do
	[ -f "$file" ] || continue
	python3 -c 'import ast, sys; ast.parse(open(sys.argv[1]).read(), sys.argv[1])' "$file"
done
echo "shellcheck: clean"
