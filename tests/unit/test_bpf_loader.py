# SPDX-License-Identifier: Apache-2.0
"""cmake/bpf_loader.py: what it makes of a loader that it knows, and that it takes no other."""

import importlib.util
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "cmake/bpf_loader.py"
SPEC = importlib.util.spec_from_file_location("bpf_loader", SCRIPT)
bpf_loader = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(bpf_loader)

RETURN = struct.pack("<BBhi", 0x95, 0, 0, 0)


def load(offset):
    """r1 = *(u32 *)(r10 + offset): within the stack below 0, beyond it from 0 on."""
    return struct.pack("<BBhi", 0x61, 0xA1, offset, 0)


def place(offset):
    return load(offset) + bpf_loader.SKIP + bpf_loader.CLOSE


def skeleton(code, programs=2, head='opts.insns = (void *)"'):
    progs = "".join(f"\t\tstruct bpf_prog_desc p{i};\n" for i in range(programs))
    return f"struct s {{\n{progs}}};\n\t{head}{bpf_loader.text_of(code)}\";\n\topts.more = 1;\n"


class Loader(unittest.TestCase):
    def convert(self, text):
        """What becomes of a skeleton: the program's run, and the file that it made, if any."""
        with tempfile.TemporaryDirectory() as folder:
            made, ready = pathlib.Path(folder, "made"), pathlib.Path(folder, "ready")
            made.write_text(text)
            r = subprocess.run([sys.executable, SCRIPT, made, ready], capture_output=True, text=True)
            return r, ready.read_text() if ready.exists() else None

    def refused(self, text, says):
        r, ready = self.convert(text)
        self.assertNotEqual(r.returncode, 0)
        self.assertIn(says, r.stderr)
        self.assertIsNone(ready)

    def test_only_what_reads_beyond_the_stack_is_changed(self):
        inside, beyond = place(-8), place(0) + place(124)
        r, ready = self.convert(skeleton(inside + beyond + RETURN))
        self.assertEqual(r.returncode, 0, r.stderr)
        gone = (bpf_loader.NONE + bpf_loader.SKIP + bpf_loader.CLOSE) * 2
        self.assertEqual(ready, skeleton(inside + gone + RETURN))

    def test_a_loader_that_is_as_it_must_be_stays(self):
        for head in ('opts.insns = (void *)"', 'static const char opts_insn[] __attribute__((__aligned__(8))) = "'):
            text = skeleton(place(-128) + RETURN, programs=bpf_loader.PLACES, head=head)
            self.assertEqual(self.convert(text)[1], text)

    def test_another_way_beyond_the_stack(self):
        into_r2, eight_bytes = struct.pack("<BBhi", 0x61, 0xA2, 8, 0), struct.pack("<BBhi", 0x79, 0xA1, 8, 0)
        store, store_number = struct.pack("<BBhi", 0x63, 0x1A, 8, 0), struct.pack("<BBhi", 0x62, 0x0A, 8, 1)
        for code in (into_r2 + bpf_loader.SKIP + bpf_loader.CLOSE, eight_bytes + bpf_loader.SKIP + bpf_loader.CLOSE,
                     store + RETURN, store_number + RETURN, load(0) + RETURN, load(8) + bpf_loader.SKIP + RETURN,
                     load(8) + bpf_loader.CLOSE + bpf_loader.SKIP, load(0)):
            self.refused(skeleton(code), "the loader goes beyond its stack where no known one does")

    def test_more_programs_than_places(self):
        self.refused(skeleton(place(0) + RETURN, programs=bpf_loader.PLACES + 1), "33 programs, and the loader holds 32")

    def test_no_skeleton(self):
        for text in ("", "int main(void) { return 0; }\n", skeleton(RETURN, programs=0),
                     skeleton(RETURN).replace("opts.insns", "opts.words")):
            self.refused(text, "no light skeleton as bpftool is known to make them")

    def test_code_that_is_written_otherwise(self):
        for text in (skeleton(RETURN).replace("\\x95", "\\225"), skeleton(RETURN).replace("\\x95", "\\x95\\n")):
            self.refused(text, "the loader's code cannot be read")

    def test_code_that_is_cut(self):
        """Instructions have eight bytes each."""
        self.refused(skeleton(place(0) + RETURN + b"\x95"), "the loader ends within an instruction")


if __name__ == "__main__":
    unittest.main()
