# SPDX-License-Identifier: MIT
"""The laboratory: what starts programs on IX, and their peers, for the figures
(bench/) and for the tests.

    process.py  Lab: processes, namespaces and files, and their end
    net.py      network namespaces, veth pairs, being root of a namespace
    ix.py       `ix run`: its command, when it serves, its counters, its parts
    sock.py     the Linux end: sockets
    beside.py   work in the background: a control group, and who burns its cores
    check.py    what a test says
    cost.py     what something costs, counted
    browser.py  a browser without a screen

Whoever uses it makes one Lab first. That takes over SIGINT, SIGTERM, SIGHUP
and SIGALRM, and all that has been started or made through it is gone when the
program ends, whichever way."""

from lab import cost
from lab.beside import Burner, Group
from lab.check import begin, check, finish, skip
from lab.ix import Ix, counters, run_command, user_option
from lab.net import Veth, enter, inside, napi_threads
from lab.process import (Cannot, Ended, Failed, Interrupted, Lab, Process,
                         last_line, sh, wait_for)
from lab.sock import (Ping, ask, connect, family, receive, reset_on_close,
                      unacked)

__all__ = [
    "Burner", "Cannot", "Ended", "Failed", "Group", "Interrupted", "Ix", "Lab", "Ping",
    "Process", "Veth", "ask", "begin", "check", "connect", "cost", "counters", "enter",
    "family", "finish", "inside", "last_line", "napi_threads", "receive",
    "reset_on_close", "run_command", "sh", "skip", "unacked", "user_option", "wait_for"]
