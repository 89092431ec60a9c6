# SPDX-License-Identifier: Apache-2.0
"""stage.py PROGRAM FILE: inside the sandbox, gives a case what it expects to meet, then runs it.

Servers answer on the loopback ports that the case names (one that is connected to speaks as a remote shell's other end does),
what the case itself serves for two seconds is visited once, and processes have the names of services that it looks for. They are
nobody's children, none of the case's own.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

SERVICES = """dockerd docker-proxy containerd runc wpa_supplicant systemd rsyslogd Xorg apache2 nginx mysqld postgres redis-server
sssd cupsd bluetoothd ntpd firewalld sshd cron crond dbus-daemon NetworkManager auditd snapd polkitd udevd avahi-daemon
lightdm gdm memcached mongod kubelet falco osqueryd rpcbind smbd vsftpd postfix named chronyd atd monitor watchdog supervisor""".split()
# A case that listens by itself needs the port for that, also one that connects as well; a comment that says who is to listen does not.
LISTENS = re.compile(r"^(?!\s*#).*(listen\(|bind\(|-listen\b|http\.server|_server\(|Server\(|\bnc\b.* -[a-z]*l)", re.I | re.M)
CONNECTS = re.compile(r"\.connect(_ex)?\(|/dev/tcp/")


def answer(connection):
    """An HTTP client gets a reply; whoever waits to be told gets two commands."""
    with connection:
        connection.settimeout(1)
        try:
            first = connection.recv(65536)
        except TimeoutError:
            first = b""
        except OSError:
            return
        try:
            if re.match(rb"(GET|POST|PUT|HEAD) ", first):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
                return
            for command in (b"id\n", b"exit\n"):
                connection.sendall(command)
                connection.recv(65536)
        except OSError:
            return


def serve(listener):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=answer, args=(connection,), daemon=True).start()


def serve_ports(text):
    if LISTENS.search(text) and not CONNECTS.search(text):
        return
    own = {int(port) for line in text.splitlines() if LISTENS.search(line) for port in re.findall(r"\b\d{2,5}\b", line)}
    named = {int(port) for port in re.findall(r"(?:127\.0\.0\.1|localhost)\D{1,40}?(\d{2,5})\b", text)}
    for port in sorted(named - own)[:4]:
        listener = socket.socket()
        udp = socket.socket(type=socket.SOCK_DGRAM)
        try:
            listener.bind(("127.0.0.1", port))
            udp.bind(("127.0.0.1", port))
        except (OSError, OverflowError):
            continue
        listener.listen()
        threading.Thread(target=serve, args=(listener,), daemon=True).start()
        listeners.append(udp)


def listening():
    """Ports of TCP that somebody listens on, in this session."""
    ports = set()
    for table in filter(os.path.exists, ("/proc/net/tcp", "/proc/net/tcp6")):  # the latter only with IPv6
        with open(table, encoding="ascii") as file:
            rows = [line.split() for line in file][1:]
        ports |= {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}
    return ports


def visit(port):
    with socket.socket() as connection:
        connection.settimeout(1)
        try:
            connection.connect(("127.0.0.1", port))
            for said in (b"GET /?cmd=id HTTP/1.0\r\n\r\n", b"id\n", b"exit\n"):
                connection.sendall(said)
                connection.recv(65536)
        except OSError:
            return


def detach():
    """True in a process that is nobody's child, as services are; the stage ends it when the case is over."""
    told, telling = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.setsid()
        if pid := os.fork():
            os.write(telling, str(pid).encode())
            os._exit(0)
        os.close(told)
        os.close(telling)
        return True
    os.waitpid(pid, 0)
    planted.append(int(os.read(told, 20)))
    os.close(told)
    os.close(telling)
    return False


def visit_servers(text):
    """A program that waits for somebody does nothing before one comes. Late: whatever the case starts for its own server is first."""
    if not LISTENS.search(text):
        return
    if not detach():
        return
    visited, before, end = set(), [set(), set()], time.monotonic() + 8
    while time.monotonic() < end:
        now = listening()
        for port in now & before[0] & before[1] - visited:
            visit(port)
            visited.add(port)
        before = [before[1], now]
        time.sleep(1)
    os._exit(0)


def daemon(path):
    """As services are: nobody's child. It is executed before the case is: what the stage does is no doing of the case."""
    executed, executing = os.pipe()  # both close on exec
    if detach():
        for fd in (0, 1, 2):
            os.dup2(nowhere, fd)
        os.execv(path, [path, "30"])
    os.close(executing)
    os.read(executed, 1)
    os.close(executed)


def start_services(text):
    if "kill" not in text:
        return
    for name in SERVICES:
        # Where the case has a script by that name, that is what it ends, and a session holds no other.
        if re.search(rf"\b{re.escape(name)}\b", text) and not re.search(rf"\b{re.escape(name)}[.](py|sh|js|pl)\b", text):
            path = f"/tmp/{name}"
            shutil.copy("/usr/bin/sleep", path)
            daemon(path)


def end_planted():
    """What runs on when the case has ended is to be the case's doing."""
    for pid in planted:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    end = time.monotonic() + 2
    while any(os.path.exists(f"/proc/{pid}") for pid in planted) and time.monotonic() < end:
        time.sleep(0.002)


listeners, planted, nowhere = [], [], os.open("/dev/null", os.O_RDWR)
with open(sys.argv[2], encoding="utf-8", errors="replace") as file:
    case = file.read()
if not case.startswith("# Serves itself what it connects to"):  # wild.py: a planted server would have its port
    visit_servers(case)
    serve_ports(case)
start_services(case)
status = subprocess.run(sys.argv[1:], stdin=subprocess.DEVNULL, check=False).returncode
status = status if status >= 0 else 128 - status
end_planted()
# These two are cordon's own (the time was over, it could not start): chroot, env and others end with 125 as well.
os._exit(status if status not in (124, 125) else 1)
