#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# House style that a machine can check: licence lines, length of files, layout, words that do not
# belong into the tree.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1
rc=0

fail() {
	echo "$1"
	rc=1
}

# Files of the project, also those that are not committed yet; build folders are ignored ones.
if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
	files=$(git ls-files --cached --others --exclude-standard)
else
	files=$(find . -type f -not -path './build*' -not -path './.git/*' | sed 's,^\./,,')
fi
sources=
for file in $files; do
	[ -f "$file" ] || continue
	case $file in
	*.[ch] | *.sh | *.py | *.cmake | *CMakeLists.txt | *.scd | run-* | quickstart | .ci/run) ;;
	*) continue ;;
	esac
	head -n 3 "$file" | grep -q 'SPDX-License-Identifier: ' ||
		fail "$file: no SPDX-License-Identifier line at its top"
	case $file in
	*.bpf.c | *.bpf.h | monitor/bpf/*.[ch])
		head -n 1 "$file" | grep -q 'GPL-2.0-only OR BSD-2-Clause' ||
			fail "$file: BPF programs are GPL-2.0-only OR BSD-2-Clause"
		;;
	*)
		head -n 3 "$file" | grep -q 'SPDX-License-Identifier: Apache-2.0' ||
			fail "$file: the licence is Apache-2.0"
		;;
	esac
	lines=$(wc -l <"$file")
	[ "$lines" -le 500 ] || fail "$file: $lines lines; split it (the limit is 500)"
	case $file in
	*.[ch]) sources="$sources $file" ;;
	esac
	case $file in
	*.h)
		grep -q '^#pragma once' "$file" || fail "$file: no #pragma once"
		;;
	esac
done

# Left-overs, paths of somebody's machine, numbers of a tracker: nothing a reader could follow.
words='(\b(TODO|FIXME|XXX|HACK)\b)|([Ii]ssue #?[0-9])|((^|[^a-zA-Z0-9_./~-])/(root|work)/[a-z])'
words="$words|(registry\.npmjs)|(files\.pythonhosted)|(deb\.debian\.org)"
for file in $files; do
	[ -f "$file" ] || continue
	case $file in
	tests/check_style.sh | tests/fuzz/corpus/*) continue ;;
	esac
	found=$(grep -InE "$words" "$file" /dev/null) && fail "$found"
done

# Where clang-format breaks a line of a table in a comment, it joins the next ones to it and takes that
# for its work: such a comment is written anew.
# shellcheck disable=SC2086 # a list of words
found=$([ -z "$sources" ] || grep -nE '^ \*[^[:space:]/*]' $sources /dev/null) && fail "$found"

if command -v clang-format-14 >/dev/null 2>&1; then
	# shellcheck disable=SC2086 # a list of words
	[ -z "$sources" ] || clang-format-14 --dry-run --Werror $sources 2>/tmp/style.$$ || {
		grep -E 'error:' /tmp/style.$$ | cut -d: -f1 | sort | uniq -c |
			sed 's/$/: not as clang-format-14 writes it/'
		rc=1
	}
	rm -f /tmp/style.$$
else
	echo "clang-format-14 is not installed: layout was not checked"
	[ $rc -ne 0 ] || exit 77
fi

[ $rc -eq 0 ] && echo "style holds"
exit $rc
