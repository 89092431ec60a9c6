#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ctest.sh BUILD JOBS RESULTS [ctest arguments]: one ctest run; RESULTS.xml is its JUnit file.
#
# Tests of real processes can fail for want of a processor on a busy machine. What may have failed for
# that reason is run once more, alone, into RESULTS.again.xml; results.py says which those are, and names
# each that passed only then. A wall that fell once has fallen: no such test is run again.
build=$1 jobs=$2 results=$3
shift 3
rm -f "$results.xml" "$results.again.xml"
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$jobs" \
	--test-output-size-passed 65536 --output-junit "$results.xml" "$@"
[ -s "$results.xml" ] || exit 1
again=$(python3 "$(dirname "$0")/results.py" again "$results.xml")
[ -z "$again" ] || ctest --test-dir "$build" --output-on-failure -j 1 \
	--output-junit "$results.again.xml" -R "$again"
