# SPDX-License-Identifier: Apache-2.0
"""Signed policies: keys, signatures, what is refused without, and attacks on all of that."""

import base64
import ctypes
import ctypes.util
import json
import os
import pathlib
import shutil
import subprocess
import threading
import unittest

from cordon_testing import CORDON, TRACE
from policy_testing import PolicyTest, rule

# Made by minisign 0.11 (-G -W, -S), so that its formats are what we read.
MINISIGN_PUBLIC = """untrusted comment: minisign public key DC618B702FE0D7BF
RWS/1+AvcIth3GC7iZU7+dTitO7wVVvopra6cPJyOq56iap21BfFn1lz
"""
MINISIGN_SECRET = """untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAv9fgL3CLYdz6elWiNcCAZQsvWsyl7hwi/af0sz8mX0DBoezvMwLNK2C7iZU7+dTitO7wVVvopra6cPJyOq56iap21BfFn1lzAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
"""
MINISIGN_TEXT = '{"policy":"p","version":1}\n'
MINISIGN_SIGNATURE = """untrusted comment: signature from minisign secret key
RUS/1+AvcIth3KBFiSWAIRoY1vVNOJaDDdHJkl97LkX9jrpIXwxL3d5yP8Bksy5aDcrR/pagMWjPjzxQ8xnvvC6YSc/rzsaHrww=
trusted comment: timestamp:1795780269\tfile:p.json\thashed
iNKN4Uf0nkzJoSDusV6rZdZmv5UXmlCark6cNVrJwRuhDs1O3cfxRKRxt+1c98qQjJjJ5AQbz964TVUZRsDhBw==
"""


def sibling(path):
    return pathlib.Path(f"{path}.minisig")


class SignedTest(PolicyTest):
    def setUp(self):
        super().setUp()
        self.key = self.new_key("key")
        self.public = pathlib.Path(f"{self.key}.pub")
        self.policy_file = self.write("p", rule("p.no-ssh", "exec", "action.name == 'ssh'", "deny",
                                                [{"path": "/usr/bin/ssh"}], [{"path": "/usr/bin/scp"}]))

    def new_key(self, name):
        path = self.dir / name
        r = self.policy("keygen", str(path))
        self.assertEqual(r.returncode, 0, r.stderr)
        return path

    def sign(self, path, key=None):
        r = self.policy("sign", "--key", str(key or self.key), str(path))
        self.assertEqual(r.returncode, 0, r.stderr)

    def run_signed(self, *paths, key=None, command=("true",), more=()):
        policies = [f"--policy={p}" for p in paths or (self.policy_file,)]
        return self.cordon("run", f"--trace={TRACE}", "-q", f"--policy-key={key or self.public}", *policies,
                           *more, "--", *command)

    def refused(self, *words, **kw):
        r = self.run_signed(**kw)
        self.assertNotEqual(r.returncode, 0)
        for word in (str(self.policy_file), *words):
            self.assertIn(word, r.stderr.decode())
        self.assertEqual(r.stdout, b"")
        return r

    def refused_by_both(self, *words):
        """A session, and who only asks."""
        self.refused(*words, command=("echo", "ran"))
        r = self.policy("verify", "--policy-key", str(self.public), str(self.policy_file))
        self.assertEqual((r.returncode, r.stdout), (1, b""), r.stderr)
        self.assertIn(words[0], r.stderr.decode())


class Signing(SignedTest):
    def test_signed_is_loaded_and_recorded(self):
        self.sign(self.policy_file)
        record = self.dir / "r.jsonl"
        r = self.run_signed(more=[f"--record={record}"])
        self.assertEqual(r.returncode, 0, r.stderr)
        key_id = self.public.read_text().split()[5]
        start = json.loads(record.read_text().splitlines()[0])
        self.assertEqual(start["fields"]["policy_signed_by"], [key_id])
        self.assertEqual(len(start["fields"]["policy"]), 64)
        r = self.policy("verify", "--policy-key", str(self.public), str(self.policy_file))
        self.assertEqual((r.returncode, r.stdout.decode()),
                         (0, f"{self.policy_file}: signed by the key {key_id}\n"))

    def test_nobody_asks_for_a_signature_by_default(self):
        record = self.dir / "r.jsonl"
        r = self.cordon("run", f"--trace={TRACE}", "-q", f"--record={record}", f"--policy={self.policy_file}",
                        "--", "true")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertNotIn("policy_signed_by", record.read_text())

    def test_folder(self):
        folder = self.dir / "folder"
        folder.mkdir()
        for name in "ab":
            shutil.copy(self.policy_file, folder / f"{name}.json")
            text = (folder / f"{name}.json").read_text().replace("p.no-ssh", f"{name}.no-ssh")
            (folder / f"{name}.json").write_text(text)
        self.sign(folder)
        self.assertEqual(self.run_signed(folder).returncode, 0)
        sibling(folder / "b.json").unlink()
        r = self.run_signed(folder)
        self.assertIn(f"{folder}/b.json: is not signed", r.stderr.decode())
        self.assertNotEqual(r.returncode, 0)

    def test_key_files(self):
        self.assertEqual(self.key.stat().st_mode & 0o777, 0o600)
        before = self.key.read_bytes()
        r = self.policy("keygen", str(self.key))
        self.assertEqual(r.returncode, 2)
        self.assertIn("is there already", r.stderr.decode())
        self.assertEqual(self.key.read_bytes(), before)
        self.key.chmod(0o640)
        r = self.policy("sign", "--key", str(self.key), str(self.policy_file))
        self.assertEqual(r.returncode, 2)
        self.assertIn("chmod 600", r.stderr.decode())
        r = self.policy("sign", str(self.policy_file))
        self.assertEqual(r.returncode, 2)
        self.assertIn("--key is missing", r.stderr.decode())

    def test_what_minisign_made(self):
        path = self.dir / "m.json"
        path.write_text(MINISIGN_TEXT)
        sibling(path).write_text(MINISIGN_SIGNATURE)
        public = self.dir / "m.pub"
        public.write_text(MINISIGN_PUBLIC)
        r = self.policy("verify", "--policy-key", str(public), str(path))
        self.assertEqual((r.returncode, r.stdout.decode()), (0, f"{path}: signed by the key DC618B702FE0D7BF\n"))
        # Its key signs here, too; the two signatures differ in nothing but the comment's time.
        secret = self.dir / "m.key"
        secret.write_text(MINISIGN_SECRET)
        secret.chmod(0o600)
        self.sign(path, secret)
        self.assertEqual(sibling(path).read_text().splitlines()[1], MINISIGN_SIGNATURE.splitlines()[1])
        # Above the trusted comment nothing is signed but the file; the comment itself is.
        sibling(path).write_text(MINISIGN_SIGNATURE.replace("file:p.json", "file:q.json"))
        r = self.policy("verify", "--policy-key", str(public), str(path))
        self.assertEqual(r.returncode, 1)

    @unittest.skipUnless(shutil.which("minisign"), "minisign is not installed")
    def test_minisign_takes_ours(self):
        self.sign(self.policy_file)
        subprocess.run(["minisign", "-V", "-p", self.public, "-m", self.policy_file], check=True,
                       stdout=subprocess.DEVNULL)
        subprocess.run(["minisign", "-S", "-s", self.key, "-m", self.policy_file], check=True,
                       stdout=subprocess.DEVNULL)
        self.assertEqual(self.run_signed().returncode, 0)

    def test_key_with_a_password(self):
        raw = bytearray(base64.b64decode(MINISIGN_SECRET.splitlines()[1]))
        raw[2:4] = b"Sc"
        locked = self.dir / "locked.key"
        locked.write_text("untrusted comment: x\n" + base64.b64encode(raw).decode() + "\n")
        locked.chmod(0o600)
        r = self.policy("sign", "--key", str(locked), str(self.policy_file))
        self.assertEqual(r.returncode, 2)
        self.assertIn("has a password; sign with minisign -S", r.stderr.decode())

    def test_several_keys(self):
        """So keys can be replaced: both are good for a while."""
        other = self.new_key("other")
        both = self.dir / "both.pub"
        both.write_text(self.public.read_text() + pathlib.Path(f"{other}.pub").read_text())
        for key in (self.key, other):
            self.sign(self.policy_file, key)
            self.assertEqual(self.run_signed(key=both).returncode, 0)


class Attacks(SignedTest):
    def setUp(self):
        super().setUp()
        self.sign(self.policy_file)

    def test_missing(self):
        sibling(self.policy_file).unlink()
        self.refused_by_both("is not signed", "cordon policy sign")

    def test_each_byte_counts(self):
        text = self.policy_file.read_bytes()
        for at in (0, len(text) // 2, len(text) - 1):
            changed = bytearray(text)
            changed[at] ^= 1
            self.policy_file.write_bytes(changed)
            self.refused_by_both("does not fit")
        for longer in (text + b" ", text + b"\n", b" " + text, text[:-1]):
            self.policy_file.write_bytes(longer)
            self.refused_by_both("does not fit")
        self.policy_file.write_bytes(text)
        self.assertEqual(self.run_signed().returncode, 0)

    def test_each_part_of_the_signature_counts(self):
        lines = sibling(self.policy_file).read_text().splitlines()
        for number in (1, 3):
            raw = base64.b64decode(lines[number])
            for at in range(0, len(raw), 7):
                changed = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:]
                forged = list(lines)
                forged[number] = base64.b64encode(changed).decode()
                sibling(self.policy_file).write_text("\n".join(forged) + "\n")
                r = self.policy("verify", "--policy-key", str(self.public), str(self.policy_file))
                self.assertEqual((r.returncode, r.stdout), (1, b""), (number, at))

    def test_other_key(self):
        other = self.new_key("other")
        self.sign(self.policy_file, other)
        self.refused_by_both("which is none of", str(self.public))

    def test_other_key_with_the_name_of_ours(self):
        """Only an id was taken over: it is not what is trusted."""
        other = self.new_key("other")
        ours = base64.b64decode(self.public.read_text().splitlines()[1])
        lines = other.read_text().splitlines()
        raw = bytearray(base64.b64decode(lines[1]))
        raw[54:62] = ours[2:10]
        other.write_text(lines[0] + "\n" + base64.b64encode(raw).decode() + "\n")
        self.sign(self.policy_file, other)
        self.refused_by_both("does not fit")

    def test_signature_of_another_file(self):
        other = self.write("q", rule("q.no-ssh", "exec", "action.name == 'ssh'", "log",
                                     [{"path": "/usr/bin/ssh"}], [{"path": "/usr/bin/scp"}]))
        self.sign(other)
        shutil.copy(sibling(other), sibling(self.policy_file))
        self.refused_by_both("does not fit", "another file's")

    def test_malformed(self):
        good = sibling(self.policy_file).read_text()
        for text in ("", "\n", good[:-30], good + "x\n", good.replace("trusted", "trusty"), good.replace("\n", "\r\n"),
                     good + "\0", "\0" + good, good.replace("\nRU", "\nR!"), good * 2):
            sibling(self.policy_file).write_text(text)
            self.refused_by_both("is no signature")
        # Of the old kind, over the file itself: whoever can have a file signed could have another's digest signed.
        lines = good.splitlines()
        raw = base64.b64decode(lines[1])
        lines[1] = base64.b64encode(b"Ed" + raw[2:]).decode()
        sibling(self.policy_file).write_text("\n".join(lines) + "\n")
        self.refused_by_both("old or unknown kind")

    def test_oversized(self):
        sibling(self.policy_file).write_bytes(b"untrusted comment: " + b"x" * 10_000_000)
        self.refused("more than 8192 bytes")
        sibling(self.policy_file).unlink()
        sibling(self.policy_file).symlink_to("/dev/zero")
        self.refused("neither a file nor a pipe")
        sibling(self.policy_file).unlink()
        os.mkfifo(sibling(self.policy_file))
        self.refused("pipe")
        self.public.write_text("untrusted comment: x\n" * 1000)
        r = self.run_signed()
        self.assertNotEqual(r.returncode, 0)
        self.assertIn("more than 8192 bytes", r.stderr.decode())

    def test_keys_that_are_none(self):
        for text, word in (("", "no key in it"), ("hello\n", "something else"),
                           (self.key.read_text(), "something else"),
                           (self.public.read_text() * 20, None)):
            self.public.write_text(text)
            r = self.run_signed()
            self.assertEqual(r.returncode == 0, word is None, r.stderr)
            if word:
                self.assertIn(word, r.stderr.decode())
        r = self.run_signed(key=self.dir / "nowhere.pub")
        self.assertNotEqual(r.returncode, 0)
        self.assertIn("nowhere.pub", r.stderr.decode())
        self.public.chmod(0o666)
        self.assertIn("others than its owner may write it", self.run_signed().stderr.decode())

    def test_swapped_between_check_and_load(self):
        """What is checked is what is parsed: of two texts that take turns, only the signed one is ever in force."""
        signed = self.policy_file.read_bytes()
        evil = signed.replace(b'"deny"', b'"log"  ')
        self.assertEqual(len(signed), len(evil) - 1)
        over = threading.Event()

        def swap():
            texts = (signed, evil)
            n = 0
            while not over.is_set():
                draft = self.dir / f"draft{n % 2}"
                draft.write_bytes(texts[n % 2])
                os.replace(draft, self.policy_file)
                n += 1

        thread = threading.Thread(target=swap)
        thread.start()
        try:
            seen = set()
            for n in range(30):
                record = self.dir / f"swap{n}.jsonl"
                r = self.run_signed(more=[f"--record={record}"])
                seen.add(r.returncode == 0)
                if r.returncode == 0:
                    seen.add(json.loads(record.read_text().splitlines()[0])["fields"]["policy"])
                else:
                    self.assertIn("does not fit", r.stderr.decode())
        finally:
            over.set()
            thread.join()
        self.policy_file.write_bytes(signed)
        record = self.dir / "signed.jsonl"
        self.assertEqual(self.run_signed(more=[f"--record={record}"]).returncode, 0)
        hashes = {s for s in seen if isinstance(s, str)}
        self.assertLessEqual(hashes, {json.loads(record.read_text().splitlines()[0])["fields"]["policy"]})

    def test_resident_looks_anew(self):
        """What a resident supervisor has loaded once is no way around a signature."""
        self.use_resident()
        for change in (lambda: sibling(self.policy_file).unlink(),
                       lambda: sibling(self.policy_file).write_text("gone\n"),
                       lambda: self.policy_file.write_text(self.policy_file.read_text() + " ")):
            self.policy_file.write_text(self.policy_file.read_text().strip())
            self.sign(self.policy_file)
            for _ in range(3):
                self.assertEqual(self.run_signed().returncode, 0)
            r = self.cordon("run", f"--trace={TRACE}", "-q", f"--policy={self.policy_file}", "--", "true")
            self.assertEqual(r.returncode, 0)
            change()
            self.assertNotEqual(self.run_signed().returncode, 0)
        # Loaded without a key, it is not signed for who has one.
        sibling(self.policy_file).unlink()
        for _ in range(2):
            self.cordon("run", f"--trace={TRACE}", "-q", f"--policy={self.policy_file}", "--", "true")
        self.assertNotEqual(self.run_signed().returncode, 0)


UNSHARE = ["unshare", "-m" if os.geteuid() == 0 else "-Urm"]


@unittest.skipUnless(subprocess.run([*UNSHARE, "true"], stderr=subprocess.DEVNULL).returncode == 0,
                     "no namespaces, in which a test can have an /etc of its own")
class HostKeys(SignedTest):
    """/etc/cordon/policy.pub, in a mount namespace with an /etc of its own.

    An ordinary user is root there and has no sessions: he asks what one would find.
    """

    def inside(self, script, *args):
        """@script makes /etc/cordon; then cordon is run there."""
        whole = f"""set -e; mount -t tmpfs none /etc; mkdir /etc/cordon; {script}
                    exec "$0" "$@" """
        return subprocess.run([*UNSHARE, "sh", "-c", whole, os.path.abspath(CORDON), *args],
                              capture_output=True, env={**os.environ, **self.env, "CORDON_RESIDENT": "off"},
                              timeout=120)

    def start(self, script, *more):
        if os.geteuid() != 0:
            return self.inside(script, "policy", "verify", *more, str(self.policy_file))
        return self.inside(script, "run", "--trace=off", "-q", f"--policy={self.policy_file}",
                           f"--workspace={self.work}", *more, "--", "/bin/true")

    def expect(self, r, *words):
        self.assertNotEqual(r.returncode, 0)
        for word in words:
            self.assertIn(word, r.stderr.decode())

    def test_only_signed_policies_load(self):
        put = f"cp {self.public} /etc/cordon/policy.pub;"
        if os.geteuid() == 0:
            self.assertEqual(self.start("").returncode, 0)
        self.expect(self.start(put), "is not signed", "/etc/cordon/policy.pub")
        # Those that ship are nobody's exception.
        if os.geteuid() == 0:
            self.expect(self.inside(put, "run", "--trace=off", "-q", "--", "/bin/true"), "is not signed")
        self.sign(self.policy_file)
        r = self.start(put)
        self.assertEqual(r.returncode, 0, r.stderr)
        r = self.start(put, f"--policy-key={self.public}")
        self.assertEqual(r.returncode, 0, r.stderr)

    def test_the_option_narrows_and_never_widens(self):
        other = self.new_key("other")
        self.sign(self.policy_file, other)
        put = f"cp {self.public} /etc/cordon/policy.pub;"
        self.expect(self.start(put, f"--policy-key={other}.pub"), "none of its keys is in")
        both = f"cat {self.public} {other}.pub > /etc/cordon/policy.pub;"
        self.assertEqual(self.start(both).returncode, 0)
        self.expect(self.start(both, f"--policy-key={self.public}"), "which is none of")

    def test_a_setting_that_cannot_be_trusted_is_not_left_out(self):
        self.expect(self.start("echo hello > /etc/cordon/policy.pub;"), "something else")
        self.expect(self.start(": > /etc/cordon/policy.pub;"), "no key in it")
        self.expect(self.start("mkdir /etc/cordon/policy.pub;"), "/etc/cordon/policy.pub")
        self.expect(self.start("ln -s nowhere /etc/cordon/policy.pub;"), "/etc/cordon/policy.pub")
        self.expect(self.start("rmdir /etc/cordon; ln -s nowhere /etc/cordon;"), "/etc/cordon/policy.pub")
        self.expect(self.start(f"cp {self.public} /etc/cordon/policy.pub; chmod 666 /etc/cordon/policy.pub;"),
                    "others than its owner may write it")

    @unittest.skipUnless(os.geteuid() == 0, "needs root, to have a file of somebody else")
    def test_not_roots(self):
        script = f"""mount -t tmpfs none /etc; mkdir /etc/cordon; cp {self.public} /etc/cordon/policy.pub
                     chown 65534 /etc/cordon/policy.pub; exec "$0" "$@" """
        r = subprocess.run(["unshare", "-m", "sh", "-c", script, os.path.abspath(CORDON), "policy", "verify",
                            str(self.policy_file)], capture_output=True, env={**os.environ, **self.env})
        self.expect(r, "/etc/cordon/policy.pub", "user 65534")
        # Nor are they who starts the session: his own file says nothing for all.
        r = subprocess.run(["unshare", "-m", "sh", "-c", script.replace("exec", "exec setpriv --reuid=65534 --clear-groups"),
                            os.path.abspath(CORDON), "policy", "verify", str(self.policy_file)],
                           capture_output=True, env={**os.environ, **self.env})
        self.expect(r, "/etc/cordon/policy.pub belongs to user 65534; it says for all")


if __name__ == "__main__":
    unittest.main()
