# SPDX-License-Identifier: MIT
"""A server behind wall 2, for the tests of this directory:

    program on IX 10.81.0.10 ====== TAP ====== 10.81.0.2 Linux, peers here
"""

import atexit
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

IX_ADDRESS, PORT = "10.81.0.10", 7
BEGIN = 60  # seconds to begin, on however loaded a machine
failed = False
born = time.monotonic()


def check(what, ok, detail=""):
    global failed
    failed |= not ok
    print(f"{'ok' if ok else 'FAILED'} {time.monotonic() - born:5.1f} s: "
          f"{what} {detail}", flush=True)


def finish():
    sys.exit(1 if failed else 0)


class Server:
    """ix run --domain process ... -- echo, or another program; @ready: what
    is waited for"""

    def __init__(self, args, *options, program=None, ready="answers",
                 number=0):
        self.ix, self.dir = args.ix, tempfile.mkdtemp(prefix="ix-life-")
        os.chmod(self.dir, 0o755)
        self.address = f"10.81.{number}.10"
        self.log = open(os.path.join(self.dir, "log"), "w+")
        self.d = subprocess.Popen(
            [args.ix, "run", "--domain", "process", "--nic",
             f"tap:ix{number},10.81.{number}.2/24", "--ip",
             self.address + "/24", "--port", str(PORT), "--stat_dir", self.dir,
             *options, "--", *(program or [args.echo])],
            stdout=self.log, stderr=self.log)
        atexit.register(self.d.kill)
        if ready and not wait_for(getattr(self, ready), BEGIN):
            print("FAILED: it does not begin:", self.said())
            self.end()
            sys.exit(1)

    def answers(self):
        try:
            s = connect(0.3, self.address)
            s.sendall(b"?")
            ok = s.recv(1) == b"?"
            s.close()
            return ok
        except OSError:
            return False

    def app(self):
        """A's pid, or None between two lives: D's child is the keeper."""
        try:
            return child(child(self.d.pid))
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return None

    def stat(self):
        out = subprocess.run([self.ix, "stat", "--dir", self.dir, "--json"],
                             capture_output=True, text=True).stdout
        threads = json.loads(out)
        return threads[0].get("counters", threads[0])

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def pings(self, n=1):
        """Are @n of them answered, each within a second?"""
        out = subprocess.run(["ping", "-n", "-i", "0.2", "-W", "1", "-c",
                              str(n), self.address], capture_output=True,
                             text=True).stdout
        return out.count("bytes from") == n

    def end(self, sig=signal.SIGTERM):
        if self.d.poll() is None:
            self.d.send_signal(sig)
        try:
            status = self.d.wait(10)
        except subprocess.TimeoutExpired:
            self.d.kill()
            status = "does not end"
        shutil.rmtree(self.dir, ignore_errors=True)
        return status


def child(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return int(f.read().split()[0])


def wait_for(condition, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False


def connect(timeout=2, address=IX_ADDRESS):
    s = socket.create_connection((address, PORT), timeout=timeout)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def receive(s, n):
    data = b""
    while len(data) < n:
        piece = s.recv(n - len(data))
        if not piece:
            raise OSError("closed")
        data += piece
    return data


def unacked(s):
    """Segments in flight: tcpi_unacked."""
    info = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return struct.unpack_from("I", info, 24)[0]


TREE = ("cp/ix", "lib/libix.so.0", "dom/libix-process.so", "app/echo",
        "test/hostile/spy")


def open_tree(args):
    """A copy of the build where everybody may look, if it is not there: an
    application is a user of its own."""
    r = subprocess.run(["setpriv", "--reuid", "65534", "--clear-groups",
                        "test", "-x", os.path.realpath(args.echo)],
                       stderr=subprocess.DEVNULL)
    if r.returncode == 0:
        return
    build = os.path.dirname(os.path.dirname(os.path.realpath(args.ix)))
    tmp = tempfile.mkdtemp(prefix="ix-tree-")
    os.chmod(tmp, 0o755)
    atexit.register(shutil.rmtree, tmp)
    for path in TREE:
        os.makedirs(os.path.join(tmp, os.path.dirname(path)), exist_ok=True)
        shutil.copy(os.path.join(build, path), os.path.join(tmp, path))
    args.ix, args.echo, args.spy = (os.path.join(tmp, p) for p in
                                    ("cp/ix", "app/echo", "test/hostile/spy"))


def enter(flags="-Urn"):
    """Into a network namespace, and a user namespace unless told."""
    if os.environ.get("LIFE_INSIDE"):
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        return
    if not os.access("/dev/net/tun", os.W_OK):
        print("skipped: no /dev/net/tun")
        sys.exit(77)
    if subprocess.run(["unshare", flags, "true"]).returncode:
        print(f"skipped: unshare {flags} is not allowed here")
        sys.exit(77)
    os.environ["LIFE_INSIDE"] = "1"
    os.execvp("unshare", ["unshare", flags, sys.executable, *sys.argv])
