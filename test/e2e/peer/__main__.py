#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Linux end of the tests: clients and servers on plain sockets.

    python3 peer COMMAND HOST PORT [NUMBER...]

A command is a function of a module here."""
import sys

import bulk
import datagram
import echo
import ends
import link
import many
import slow
from stream import lab

MODULES = bulk, many, ends, slow, link, datagram, echo


def wait(host, port):
    """Until somebody listens there."""
    lab.connect(host, port, 0.2, patience=10).close()


def command(name):
    for module in MODULES:
        f = getattr(module, name, None)
        if getattr(f, "__module__", None) == module.__name__:
            return f
    return {"wait": wait}[name]


def main():
    name, host, port, *rest = sys.argv[1:]
    try:
        command(name)(host, int(port), *map(int, rest))
    except (AssertionError, OSError) as e:
        sys.exit(f"{name}: {e or type(e).__name__}")


main()
