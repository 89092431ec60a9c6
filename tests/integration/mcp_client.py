# SPDX-License-Identifier: Apache-2.0
"""A client of a real `cordon mcp` process, for tests: exact bytes in, answers by their id out."""

import json
import os
import select
import subprocess
import time

from slower import SLOWER


class Client:
    def __init__(self, argv, env, cwd):
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=env, cwd=cwd)
        self.buffer = b""
        self.last_id = 0

    def raw(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, message):
        self.raw(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def line(self, timeout=60):
        """The next line, None at the end of stdout."""
        end = time.monotonic() + timeout * SLOWER
        while b"\n" not in self.buffer:
            if not select.select([self.process.stdout], [], [], max(0, end - time.monotonic()))[0]:
                raise TimeoutError("no answer")
            more = os.read(self.process.stdout.fileno(), 1 << 20)
            if not more:
                return None
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def answer(self, timeout=60):
        line = self.line(timeout)
        return None if line is None else json.loads(line)

    def ask(self, method, params=None, timeout=60):
        self.last_id += 1
        self.send({"id": self.last_id, "method": method, "params": params or {}})
        answer = self.answer(timeout)
        assert answer["id"] == self.last_id, answer
        return answer

    def open(self, revision="2025-11-25"):
        answer = self.ask("initialize", {"protocolVersion": revision, "capabilities": {},
                                         "clientInfo": {"name": "test", "version": "1"}})
        self.send({"method": "notifications/initialized"})
        return answer["result"]

    def call(self, tool, timeout=60, **arguments):
        answer = self.ask("tools/call", {"name": tool, "arguments": arguments}, timeout)
        assert "result" in answer, answer
        return answer["result"]

    def text(self, tool, **arguments):
        return self.call(tool, **arguments)["content"][0]["text"]

    def close(self, timeout=60):
        """Return: the exit status, what was left on stdout, stderr."""
        out, err = self.process.communicate(timeout=timeout * SLOWER)
        return self.process.returncode, self.buffer + out, err.decode()

    def abandon(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            try:
                pipe.close()
            except BrokenPipeError:
                pass
