# SPDX-License-Identifier: MIT
"""ixcpd with dataplanes that are none (plane.c), for the tests beside."""

import atexit
import os
import socket
import subprocess
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                             "..", "..", "tool"))
from lab import Process, ask, wait_for  # noqa: E402


class Cpd:
    """@planes: {name: {setting: value}}, and @machine's settings."""

    def __init__(self, lab, ixcpd, plane, planes, **machine):
        self.lab, self.ixcpd, self.plane = lab, ixcpd, plane
        self.dir = lab.directory()
        self.conf = os.path.join(self.dir, "ixcpd.conf")
        self.sock = os.path.join(self.dir, "ixcpd.sock")
        self.process, self.before = None, []
        self.pids = set()
        self.write(planes, **machine)
        atexit.register(self.end)

    def write(self, planes, **machine):
        machine = {"cores": "0-7", "memory": "64G", "ix": self.plane, **machine}
        n = 0
        text = "".join(f"{k} = {value(v)};\n" for k, v in machine.items())
        text += "dataplanes: {\n"
        for name, settings in planes.items():
            n += 1
            settings = {"program": ["serve"], "nic": f"tap:{name}",
                        "ip": f"10.9.{n}.1/24", **settings}
            text += f"{name}: {{\n" + "".join(
                f"{k} = {value(v)};\n" for k, v in settings.items()) + "};\n"
        with open(self.conf, "w") as f:
            f.write(text + "};\n")

    def start(self, ready=True):
        self.process = Process(self.lab, [
            *self.before, self.ixcpd, "--conf", self.conf, "--dir", self.dir])
        if ready:
            self.process.wait_ready(self.answers, 10)
        return self

    def answers(self):
        try:
            return "ok" in self.ask(do="status")
        except OSError:
            return False

    def connect(self):
        s = socket.socket(socket.AF_UNIX)
        s.connect(self.sock)
        s.settimeout(5)
        return s

    def ask(self, **request):
        return ask(self.sock, **request)

    def planes(self):
        found = {p["name"]: p for p in self.ask(do="status")["dataplanes"]}
        self.pids |= {p["pid"] for p in found.values() if p["pid"]}
        return found

    def state(self, name):
        return self.planes()[name]["state"]

    def all_up(self, *names, seconds=10):
        def up():
            try:
                planes = self.planes()
            except OSError:
                return False
            return all(planes[n]["state"] == "up" for n in names)
        return wait_for(up, seconds)

    def load(self, name, mcores):
        with open(os.path.join(self.dir, name + ".new"), "w") as f:
            f.write(str(mcores))
        os.rename(f.name, os.path.join(self.dir, name + ".load"))

    def starts(self, name=None):
        try:
            with open(os.path.join(self.dir, "starts")) as f:
                return [x for x in f.read().split("\n")
                        if x and name in (None, x.split()[0])]
        except FileNotFoundError:
            return []

    def kill(self):
        self.process.kill()
        self.process.wait()

    def end(self):
        """All of it; dataplanes are nobody's children."""
        atexit.unregister(self.end)
        self.pids |= {int(x.split()[1]) for x in self.starts()}
        if self.process and self.process.poll() is None:
            self.process.end()
        for pid in self.pids:
            if runs(pid, self.plane):
                os.kill(pid, 9)


def value(v):
    if isinstance(v, bool):
        return str(v).lower()
    if isinstance(v, dict):
        return "{ " + "".join(f"{k} = {value(x)}; " for k, x in v.items()) + "}"
    if isinstance(v, list):
        return "[" + ", ".join(value(x) for x in v) + "]"
    return str(v) if isinstance(v, int) else f'"{v}"'


def runs(pid, program):
    """... and is that program."""
    try:
        return os.path.realpath(f"/proc/{pid}/exe") == \
            os.path.realpath(program)
    except OSError:
        return False


def cores(text):
    """ "1-3,5": {1, 2, 3, 5} """
    found = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        found |= set(range(int(first), int(last or first) + 1))
    return found


def sh(*argv, **options):
    return subprocess.run(argv, text=True, capture_output=True, **options)
