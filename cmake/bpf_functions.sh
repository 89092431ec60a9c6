#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# bpf_functions.sh NM OBJECT: fails when OBJECT has more functions than the loader that bpftool makes holds
# (libbpf 1.1: 32). With one more the kernel refuses the loader itself, and says nothing of the reason.
count=$("$1" "$2" | grep -E ' [Tt] ' | grep -vc ' LBB')
[ "$count" -le 32 ] && exit
echo "$2: $count functions, and the loader holds 32: make one __always_inline" >&2
exit 1
