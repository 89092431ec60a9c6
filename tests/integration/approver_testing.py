# SPDX-License-Identifier: Apache-2.0
"""An approver on a UNIX socket that a test answers for, question by question."""

import json
import queue
import socket
import threading

from slower import SLOWER


def rule(name, when, on=("exec",), verdict="ask", match=None, not_match=None, **more):
    """A rule with the examples that a program of this name or none makes."""
    return {"id": name, "category": "test", "severity": "low", "on": list(on), "when": when, "verdict": verdict,
            "because": f"{name} is why.", "match": [{"action": match}],
            "not_match": [{"action": not_match or {"kind": on[0]}}], **more}


def ask_for(*names, verdict="ask", **more):
    """A rule that asks for programs of these names."""
    return rule("ask.name", f"action.name in {list(names)}", verdict=verdict,
                match={"kind": "exec", "name": names[0]}, **more)


class Approver:
    """Listens; each question is in `questions`, with the connection that it came by."""

    def __init__(self, test, name="approver.sock"):
        self.path = test.dir / name
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()
        self.questions = queue.Queue()
        self.asked = []
        self.peers = []
        self.unread = None
        threading.Thread(target=self.accept, daemon=True).start()
        test.addCleanup(self.close)

    @property
    def option(self):
        return f"--approver=unix:{self.path}"

    def close(self):
        for s in [self.listener, *self.peers]:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            s.close()

    def deaf(self):
        """From now on it reads nothing; its connections, as they come."""
        self.unread = queue.Queue()
        return self.unread

    def accept(self):
        while True:
            try:
                peer = self.listener.accept()[0]
            except OSError:
                return
            self.peers.append(peer)
            if self.unread is not None:
                self.unread.put(peer)
                continue
            threading.Thread(target=self.read, args=(peer,), daemon=True).start()

    def read(self, peer):
        with peer.makefile("rb") as lines:
            try:
                for line in lines:
                    self.questions.put((json.loads(line), peer))
            except OSError:
                pass

    def next(self, seconds=60):
        question, peer = self.questions.get(timeout=seconds * SLOWER)
        self.asked.append(question)
        return question, peer

    @staticmethod
    def answer(question, peer, verdict, **more):
        peer.sendall(json.dumps({"id": question["id"], "verdict": verdict, **more}).encode() + b"\n")

    def answer_all(self, decide):
        """From now on each is answered by decide(question): a verdict, or (verdict, more members)."""
        def loop():
            while True:
                question, peer = self.questions.get()
                self.asked.append(question)
                said = decide(question)
                verdict, more = said if isinstance(said, tuple) else (said, {})
                try:
                    self.answer(question, peer, verdict, **more)
                except OSError:
                    return
        threading.Thread(target=loop, daemon=True).start()
