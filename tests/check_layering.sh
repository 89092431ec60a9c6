#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Includes must follow the direction of ARCHITECTURE.md:
#	common <- sandbox, monitor <- tools/toolkit <- scenarios, tools/cordon
# and each third-party library has its one place.
set -u
cd "${1:-$(dirname "$0")/..}" || exit 1
rc=0

# bad WHERE PATTERN WHY [EXCEPT]: no #include below WHERE may match PATTERN.
bad() {
	[ -d "$1" ] || return 0
	found=$(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]+$2" "$1" --include='*.[ch]' |
		grep -vE "^${4:-nothing-is-excepted}:")
	[ -n "$found" ] || return 0
	echo "$found"
	echo "  -> $3"
	rc=1
}

bad common '"(sandbox|monitor|tools|scenarios|tests)/' "common knows nobody above it"
bad sandbox '"(monitor|tools|scenarios|tests)/' "sandbox may use common only"
bad monitor '"(sandbox|tools|scenarios|tests)/' "monitor may use common only"
bad tools/toolkit '"(tools/cordon|scenarios|tests)/' "tools/toolkit joins sandbox and monitor"
bad scenarios '"(tools/cordon|tests)/' "scenarios may use tools/toolkit and below"
bad tools '"tests/' "no product code includes test code"

for part in common sandbox monitor tools scenarios; do
	bad $part '<cjson/|<cJSON' "cJSON is known to common/json*.c only" 'common/json[a-z_]*\.c'
	bad $part '<bpf/' "libbpf is known to monitor/trace and monitor/bpf only" \
		'monitor/(trace|bpf)/[A-Za-z0-9_.]+'
	bad $part '<seccomp\.h>' "libseccomp is known to sandbox only" 'sandbox/[A-Za-z0-9_./]+'
	bad $part '<openssl/' "OpenSSL is known to monitor/net/decoy only" \
		'monitor/net/decoy/[A-Za-z0-9_.]+'
	bad $part '<nghttp2/' "nghttp2 is known to monitor/net/decoy/http2.c only" \
		'monitor/net/decoy/http2\.c'
	bad $part '<sodium' "libsodium is known to monitor and tools only" \
		'(monitor|tools)/[A-Za-z0-9_./]+'
done
for part in common sandbox; do
	bad $part '<uv\.h>' "libuv is known to monitor, tools and scenarios only"
done

[ $rc -eq 0 ] && echo "layering holds"
exit $rc
