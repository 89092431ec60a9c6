# SPDX-License-Identifier: Apache-2.0
"""git's own CGI program behind nginx: repositories that are cloned and pushed over HTTP."""

import http.server
import os
import subprocess
import threading

PORT = 8081


class Backend(http.server.BaseHTTPRequestHandler):
    folder = None

    def do_GET(self):
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        env = dict(os.environ, GIT_PROJECT_ROOT=str(self.folder), GIT_HTTP_EXPORT_ALL="1", PATH_INFO=path,
                   REQUEST_METHOD=self.command, QUERY_STRING=query, REMOTE_USER="agent", REMOTE_ADDR="192.0.2.1",
                   CONTENT_TYPE=self.headers.get("Content-Type", ""), CONTENT_LENGTH=str(len(body)),
                   HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""),
                   GIT_PROTOCOL=self.headers.get("Git-Protocol", ""))
        out = subprocess.run(["git", "http-backend"], input=body, env=env, capture_output=True).stdout
        head, _, body = out.partition(b"\r\n\r\n")
        fields = [line.split(": ", 1) for line in head.decode().split("\r\n") if ": " in line]
        self.send_response(next((int(v.split()[0]) for k, v in fields if k == "Status"), 200))
        for key, value in fields:
            if key != "Status":
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def start(folder):
    Backend.folder = folder / "git"
    server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Backend)
    threading.Thread(target=server.serve_forever, daemon=True).start()
