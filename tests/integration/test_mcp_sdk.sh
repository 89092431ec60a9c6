#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The official MCP client (npm) against cordon mcp. Installed into the build folder, once; skipped with
# the reason where there is no npm or it cannot reach its registry.
set -eu
: "${CORDON:?}" "${BUILD:?}" "${SOURCE:?}"
work=$BUILD/tests/mcp_sdk

skip() {
	echo "skipped: $1"
	exit 77
}

command -v node >/dev/null || skip "node is not installed"
command -v npm >/dev/null || skip "npm is not installed"
mkdir -p "$work"
if ! cmp -s "$SOURCE/tests/integration/mcp_sdk/package-lock.json" "$work/installed-lock.json"; then
	cp "$SOURCE/tests/integration/mcp_sdk/package.json" \
		"$SOURCE/tests/integration/mcp_sdk/package-lock.json" "$work"
	cd "$work"
	npm view --silent @modelcontextprotocol/sdk version --fetch-retries=0 --fetch-timeout=10000 \
		>/dev/null 2>&1 || skip "npm cannot reach its registry"
	npm ci --ignore-scripts --no-audit --no-fund
	cp package-lock.json installed-lock.json
fi
cp "$SOURCE/tests/integration/mcp_sdk/client.mjs" "$work"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
mkdir "$dir/work"
trace=auto
[ "$(id -u)" != 0 ] || trace=on
CORDON_STATE_DIR=$dir/state timeout 60 node "$work/client.mjs" "$CORDON" "$dir/work" "$trace"
