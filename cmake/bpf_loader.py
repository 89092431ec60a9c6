#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bpf_loader.py MADE SKELETON: makes room in the loader of a light skeleton for any number of functions.

The loader keeps the descriptor of each program that it loads in one of 32 places on its stack (MAX_USED_PROGS of libbpf's
gen_loader.c), and begins with code that closes them all when something fails. Of that code it has three instructions for
each program and each function of the object, though functions get no place: with more than 32 of both it reads beyond its
stack, and the kernel refuses it without saying so. A place that is not there holds nothing: what reads one is made to say
so. Fails when there are more programs than places.
"""

import pathlib
import re
import struct
import sys

PLACES = 32
BYTES = re.compile(r'(?P<head>opts\.insns = \(void \*\)"|opts_insn\[\][^"]*")(?P<text>(?:[^"\\]|\\.|\\\n)*)"', re.S)
LOAD = 0x61, 0xA1  # r1 = *(u32 *)(r10 + offset)
LDX, ST, STX = 1, 2, 3  # classes of instructions: what reads memory, what writes there
FRAME = 10  # r10: the stack ends where it points to
NONE = struct.pack("<BBhi", 0xB7, 0x01, 0, 0)  # r1 = 0
SKIP = struct.pack("<BBhi", 0xD5, 0x01, 1, 0)  # if r1 s<= 0 goto +1
CLOSE = struct.pack("<BBhi", 0x85, 0, 0, 168)  # call bpf_sys_close


def bytes_of(text):
    """Of a C string as bpftool writes it: NUL as \\0, all else in hexadecimal, lines joined."""
    text = text.replace("\\\n", "")
    return bytes(int(code[2:], 16) if code[1] == "x" else 0 for code in re.findall(r"\\x[0-9a-f]{2}|\\0", text))


def text_of(data):
    codes = ["\\0" if b == 0 else f"\\x{b:02x}" for b in data]
    return "\\\n" + "\\\n".join("".join(codes[i : i + 24]) for i in range(0, len(codes), 24))


def is_beyond_stack(op, registers, offset):
    base = {LDX: registers >> 4, ST: registers & 0xF, STX: registers & 0xF}.get(op & 7)
    return base == FRAME and offset >= 0


def with_room(code):
    """The loader's code with nothing in the places beyond the stack."""
    code = bytearray(code)
    if len(code) % 8:
        sys.exit("the loader ends within an instruction")
    for at in range(0, len(code), 8):
        op, registers, offset, _ = struct.unpack_from("<BBhi", code, at)
        if not is_beyond_stack(op, registers, offset):
            continue
        if (op, registers) != LOAD or code[at + 8 : at + 24] != SKIP + CLOSE:
            sys.exit("the loader goes beyond its stack where no known one does")
        code[at : at + 8] = NONE
    return bytes(code)


def main():
    path = sys.argv[1]
    text = pathlib.Path(path).read_text()
    programs = len(re.findall(r"^\s*struct bpf_prog_desc \w+;", text, re.M))
    found = BYTES.search(text)
    if not found or not programs:
        sys.exit(f"{path}: no light skeleton as bpftool is known to make them")
    if programs > PLACES:
        sys.exit(f"{path}: {programs} programs, and the loader holds {PLACES}")
    code = bytes_of(found["text"])
    if text_of(code).replace("\\\n", "") != found["text"].replace("\\\n", ""):
        sys.exit(f"{path}: the loader's code cannot be read")
    text = text[: found.start()] + found["head"] + text_of(with_room(code)) + '"' + text[found.end() :]
    pathlib.Path(sys.argv[2]).write_text(text)


if __name__ == "__main__":
    main()
