#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install_packages.sh build|test: installs what is missing of the Debian packages that building
# cordon (build) or testing it as well (test) needs. Does nothing, and needs no privilege, when all
# are there.
set -eu

build="gcc make cmake pkg-config clang-14 llvm-14 bpftool libbpf-dev libseccomp-dev libuv1-dev
	libcjson-dev libsodium-dev libc-ares-dev libssl-dev libnghttp2-dev uthash-dev zlib1g-dev scdoc
	linux-libc-dev musl-tools python3"
# Those whose work tests/compat compares; a JDK and Go (480 MB), which the tests use too, are left to
# whoever has them.
compat="python3-venv tar gzip rsync openssh-client gdb sqlite3 perl tmux bsdutils dpkg-dev"
# The servers of tests/network's own internet, its link and its witness; beside whom the bench measures.
network="iproute2 tcpdump nginx openssh-server openssl curl wget passt slirp4netns dnsmasq-base"
tests="libcmocka-dev libjansson-dev node-llhttp libclang-rt-14-dev clang-format-14 clang-tidy-14 cppcheck
	shellcheck bubblewrap runc git util-linux procps qemu-system-x86 busybox-static e2fsprogs
	$compat $network"

case "${1:-}" in
build) wanted=$build ;;
test) wanted="$build $tests" ;;
*)
	echo "usage: install_packages.sh build|test" >&2
	exit 2
	;;
esac

missing=
for package in $wanted; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$state" = installed ] || missing="$missing $package"
done
# Node may come from elsewhere than Debian; its npm package would not install beside that one.
if [ "$1" = test ] && ! command -v npm >/dev/null 2>&1; then
	missing="$missing nodejs npm"
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
	echo "These packages are missing, and there is no apt-get to install them:$missing" >&2
	exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null 2>&1 || ! sudo -n true 2>/dev/null; then
		echo "These packages are missing:$missing" >&2
		echo "Install them as root:  apt-get install --no-install-recommends$missing" >&2
		exit 1
	fi
	as_root="sudo -n"
fi

# The tests start servers where they need them: none is to run because its package was installed.
if [ ! -e /usr/sbin/policy-rc.d ]; then
	trap '$as_root rm -f /usr/sbin/policy-rc.d' EXIT
	printf '#!/bin/sh\nexit 101\n' | $as_root tee /usr/sbin/policy-rc.d >/dev/null
	$as_root chmod 755 /usr/sbin/policy-rc.d
fi

echo "installing:$missing"
export DEBIAN_FRONTEND=noninteractive
# The lists may be old or absent (fresh images ship none); a failing update is told by the install.
$as_root apt-get -o DPkg::Lock::Timeout=300 -qq update || true
# shellcheck disable=SC2086 # a list of words
$as_root apt-get -o DPkg::Lock::Timeout=300 -qq -y install --no-install-recommends $missing \
	>/dev/null || {
	echo "apt-get could not install:$missing" >&2
	exit 1
}
