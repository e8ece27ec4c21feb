#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Becomes COMMAND, with a terminal as stderr; what is said there goes to FILE.

    on_tty.py FILE COMMAND..."""

import os
import pty
import sys

master, slave = pty.openpty()
if not os.fork():
    os.close(slave)
    with open(sys.argv[1], "wb", buffering=0) as f:
        try:
            while data := os.read(master, 4096):
                f.write(data)
        except OSError:  # it has been closed by all
            pass
    os._exit(0)
os.close(master)
os.dup2(slave, 2)
os.close(slave)
os.execvp(sys.argv[2], sys.argv[2:])
