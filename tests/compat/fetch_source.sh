#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fetch_source.sh FOLDER: puts the source of Debian's package cjson, patches applied, into
# FOLDER/compat/project: the real project that tests/compat builds. With lists of its own, since an
# image seldom has those of sources, and no privilege; apt checks the signatures. Does nothing where it is there already; exit
# status 77 where it cannot be had.
set -eu

into=$(realpath -m "$1")/compat
[ ! -d "$into/project" ] || exit 0
for program in apt-get dpkg-source; do
	command -v "$program" >/dev/null 2>&1 || {
		echo "skipped: $program is not installed" >&2
		exit 77
	}
done

# "deb-src ADDRESS SUITE main" of the mirror and the suite that this machine's own apt uses.
# shellcheck disable=SC2016 # apt's variables
source=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) deb-src $(REPO_URI) $(RELEASE) main' \
	'Created-By: Packages' | sed -n '/-\(updates\|security\|backports\) main$/d; s/^Debian main //p' | head -n 1)
[ -n "$source" ] || {
	echo "skipped: apt's sources name no mirror of Debian's main archive" >&2
	exit 77
}
mkdir -p "$into"
work=$(mktemp -d "$into/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial"
cd "$work"
echo "$source" >sources.list
apt() {
	apt-get -q -o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
		-o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o APT::Sandbox::User= "$@" >log 2>&1
}
{ apt update && apt source cjson; } || {
	tail -n 5 log >&2
	echo "skipped: the source package cjson cannot be fetched" >&2
	exit 77
}
mv cjson-*/ "$into/project"
