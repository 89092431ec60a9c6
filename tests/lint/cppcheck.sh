#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# cppcheck.sh BUILD: cppcheck over the product's and the tests' sources.
set -eu
cd "$(dirname "$0")/../.."
build=${1:-build-clang}
cache=$build/cppcheck
mkdir -p "$cache"
folders=
for folder in common sandbox monitor tools scenarios tests; do
	[ -d "$folder" ] && folders="$folders $folder"
done
# missingInclude: system headers are not followed. unknownMacro: cleanup macros of ours are given by
# their header; those of cmocka are not. normalCheckLevelMaxBranches is only told, not a finding.
# shellcheck disable=SC2086 # a list of words
cppcheck --quiet --error-exitcode=1 -j "$(nproc)" --cppcheck-build-dir="$cache" \
	--enable=warning,performance,portability --inline-suppr --std=c11 --language=c \
	--suppress=missingInclude --suppress=missingIncludeSystem --suppress=unknownMacro \
	--suppress=normalCheckLevelMaxBranches -D_GNU_SOURCE -D__x86_64__ -I. \
	--include=tests/lint/utlist.h \
	--template='{file}:{line}: {severity}: {id}: {message}' $folders
echo "cppcheck: clean"
