# SPDX-License-Identifier: MIT
"""`ix run`, from outside."""

import json
import os
import re

from lab.process import Process, sh

READY = "ix: domain"  # what it says then
HERE = os.path.dirname(os.path.abspath(__file__))


def run_command(ix, nic, ip, program, *options):
    """@ip: an address, its network a /24, or all of what --ip takes"""
    ip = ip if "/" in ip else ip + "/24"
    return [ix, "run", "--nic", nic, "--ip", ip, *options, "--", *program]


def user_option(program):
    """The tree may be open to root alone."""
    return sh(os.path.join(HERE, "..", "user-option"), program).split()


def counters(ix, stat_dir):
    """Of each thread that has any there, a dictionary."""
    return json.loads(sh(ix, "stat", "--dir", stat_dir, "--json", error=None)
                      or "[]")


def child(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return int(f.read().split()[0])


class Ix(Process):
    """@before: a command that becomes another one, as `ip netns exec`"""

    def __init__(self, lab, ix, nic, ip, program, *options, before=(), **popen):
        self.ix, self.stat_dir = ix, lab.directory()
        super().__init__(lab, [*before, *run_command(
            ix, nic, ip, program, "--stat_dir", self.stat_dir, *options)],
            **popen)

    def serves(self, seconds=10):
        """Waits for that."""
        self.wait_ready(READY, seconds)
        return self

    def facts(self):
        """What it has said to be in force: {"domain": ..., "nic": ..., ...}"""
        line = re.search(r"^ix: (domain .*)$", self.said(), re.M)
        parts = line.group(1).split("; ") if line else []
        return dict(p.partition(" ")[::2] for p in parts)

    def stat(self):
        """The first thread's counters; {} if there are none."""
        return next(iter(counters(self.ix, self.stat_dir)), {})

    def app(self):
        """The application's pid, or None between two lives: ix's child is the
        keeper."""
        try:
            return child(child(self.pid))
        except (FileNotFoundError, ProcessLookupError, IndexError):
            return None
