#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bpf_stack.py OBJDUMP OBJECT: fails when the frames of one way through the functions of OBJECT take
more stack than kernels up to 6.12 allow in sum (512 bytes, MAX_BPF_STACK; each frame counts in
steps of 32, check_max_stack_depth() of kernel/bpf/verifier.c). Newer kernels count programs that
are compiled otherwise, so they do not show it."""

import collections
import re
import subprocess
import sys

MOST = 512


def functions(objdump, path):
    """By name: its frame in bytes, and the functions that it calls or hands to a helper."""
    frames, calls = collections.defaultdict(int), collections.defaultdict(set)
    starts, jumps = {}, []
    section = name = held = number = None
    out = subprocess.run([objdump, "-d", "-r", "--no-show-raw-insn", path], check=True, capture_output=True, text=True).stdout
    for line in out.splitlines():
        if m := re.match(r"Disassembly of section (\S+):", line):
            section = m[1]
        elif m := re.match(r"[0-9a-f]+ <(\w+)>:", line):
            if not m[1].startswith("LBB"):
                name = m[1]
        elif name:
            if m := re.match(r"\s*(\d+):", line):
                starts.setdefault((section, int(m[1])), name)
            for offset in re.findall(r"r10 - (0x[0-9a-f]+|\d+)", line):
                frames[name] = max(frames[name], int(offset, 0))
            # The register that holds the frame's address, until it gets another value.
            if m := re.match(r"\s*\d+:\s+[rw](\d) = (.*)$", line):
                held = m[1] if m[2] == "r10" else None if m[1] == held else held
            elif m := re.match(r"\s*\d+:\s+r(\d) \+= -(\d+)", line):
                if held == m[1]:
                    frames[name] = max(frames[name], int(m[2]))
            elif held and held < "6" and re.match(r"\s*\d+:\s+call ", line):
                held = None
            if m := re.match(r"\s*\d+:\s+call (-?\d+)$", line):
                number = int(m[1])  # of a helper, or where to, which a relocation then tells
            elif m := re.match(r"\s*\d+:\s+r\d = (0x[0-9a-f]+|\d+) ll$", line):
                number = int(m[1], 0) // 8 - 1
            elif m := re.search(r"R_BPF_64_(?:32|64)\s+(\S+)", line):
                jumps.append((name, (".text", number + 1) if m[1] == ".text" else m[1]))
    for caller, target in jumps:
        if target in frames or target in starts.values():
            calls[caller].add(target)
        elif target in starts:
            calls[caller].add(starts[target])
    return frames, calls, set(starts.values())


def deepest(name, frames, calls):
    own = max(1, (max(frames[name], 1) + 31) // 32) * 32
    below = max((deepest(c, frames, calls) for c in calls[name] if c and c != name), default=(0, []))
    return own + below[0], [f"{name} ({own})"] + below[1]


def main():
    objdump, path = sys.argv[1:3]
    frames, calls, names = functions(objdump, path)
    depth, way = max(deepest(n, frames, calls) for n in names)
    if "--show" in sys.argv or depth > MOST:
        print(f"{path}: {depth} bytes of stack, and {MOST} may be: {' > '.join(way)}", file=sys.stderr)
    return depth > MOST


if __name__ == "__main__":
    sys.exit(main())
