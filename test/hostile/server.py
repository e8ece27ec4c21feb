# SPDX-License-Identifier: MIT
"""A server behind wall 2, for the tests of this directory:

    program on IX 10.81.0.10 ====== TAP ====== 10.81.0.2 Linux, peers here
"""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tool"))
import lab  # noqa: E402

IX_ADDRESS, PORT = "10.81.0.10", 7
DOMAIN = os.environ.get("IX_DOMAIN", "process")
# On a machine that is emulated everything takes longer.
SLOW = float(os.environ.get("IX_SLOW", "1"))
BEGIN = 60 * SLOW  # seconds to begin, on however loaded a machine


def enter(flags="-Urn"):
    try:
        lab.enter(flags)
    except lab.Cannot as e:
        lab.skip(e)


def soon(condition, seconds=10):
    return lab.wait_for(condition, seconds * SLOW)


def connect(timeout=2, address=IX_ADDRESS):
    return lab.connect(address, PORT, timeout)


class Server(lab.Ix):
    """ix run --domain DOMAIN ... -- echo, or another program; @ready: what
    is waited for"""

    def __init__(self, args, *options, program=None, ready="answers",
                 number=0, **popen):
        self.address = f"10.81.{number}.10"
        program = program or [args.echo]
        super().__init__(args.lab, args.ix, f"tap:ix{number},"
                         f"10.81.{number}.2/24", self.address, program,
                         "--domain", DOMAIN, "--port", str(PORT),
                         *lab.user_option(program[0]), *options, **popen)
        if ready:
            self.wait_ready(getattr(self, ready), BEGIN)

    def answers(self):
        try:
            s = connect(0.3, self.address)
            s.sendall(b"?")
            ok = s.recv(1) == b"?"
            s.close()
            return ok
        except OSError:
            return False

    def pings(self, n=1):
        """Are @n of them answered, each within a second?"""
        out = lab.sh("ping", "-n", "-i", "0.2", "-W", str(int(SLOW)), "-c", str(n),
                     self.address, error=None)
        return out.count("bytes from") == n


NOBODY = 65534
AS_NOBODY = ("setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY),
             "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")
class Watch(lab.Process):
    """watch.py beside @server, from when it is made until ends()."""

    def __init__(self, lab_, server, address=IX_ADDRESS, cores="0",
                 questions="pings,bytes"):
        self.stop = lab_.path(f"watch{lab_.started}")
        super().__init__(lab_, [
            sys.executable, os.path.join(HERE, "watch.py"), address, cores,
            str(90 * SLOW), self.stop, server.ix, server.stat_dir, questions])
        self.wait_ready("watching", BEGIN)

    def ends(self, what):
        open(self.stop, "w").close()
        status = self.wait(30 * SLOW)
        said = self.said().removeprefix("watching\n").strip()
        lab.check(f"{what}: it is there all the time", status == 0,
                  f"(status {status}) {said}")


LIBRARIES = ("lib/libix.so.0", "dom/libix-process.so")


def open_tree(args):
    """A copy of what @args names of the build, where everybody may look, if
    that is not so: an application is a user of its own."""
    names = [n for n in ("ix", "echo", "spy", "hostile") if hasattr(args, n)]
    r = subprocess.run([*AS_NOBODY, "test", "-x", os.path.realpath(args.ix)],
                       stderr=subprocess.DEVNULL)
    if r.returncode == 0:
        return
    build = os.path.dirname(os.path.dirname(os.path.realpath(args.ix)))
    tmp = args.lab.directory()
    of = {n: os.path.relpath(os.path.realpath(getattr(args, n)), build)
          for n in names}
    for path in (*of.values(), *LIBRARIES):
        os.makedirs(os.path.join(tmp, os.path.dirname(path)), exist_ok=True)
        shutil.copy(os.path.join(build, path), os.path.join(tmp, path))
    for name, path in of.items():
        setattr(args, name, os.path.join(tmp, path))
