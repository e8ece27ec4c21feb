#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Work in the background beside a server, all of it real: ixcpd that owns two
cores, a dataplane of two threads on the wire under policy background, a client,
and a control group of Linux's whose programs use what is left.

    core 0      thread 0
    core 1      thread 1 under load, the group without; the client

    beside.py IXCPD IX ECHO IXLOAD"""

import os
import time

from cpd import Cpd, cores
from lab import (Burner, Cannot, Group, begin, check, finish, run_command, skip,
                 user_option, wait_for)

SERVER, CLIENT = "10.91.0.1", "10.91.0.2"
WORK = "20000"  # multiplications before an answer: 20 us
LOOK = 0.3  # seconds


def works(burner):
    before = burner.done()
    time.sleep(LOOK)
    return burner.done() > before


class Test:
    def __init__(self, args):
        self.args, self.lab, self.group = args, args.lab, Group(args.lab)
        self.both = sorted(os.sched_getaffinity(0))[:2]
        self.nic = self.lab.wire()
        self.burner = Burner(self.lab, self.group, 2)
        self.cpd = Cpd(
            self.lab, args.ixcpd, args.ix, {"echo": {
                "program": [args.echo, "--work", WORK], "nic": self.nic,
                "ip": SERVER + "/24", "port": "7", "domain": "process",
                "min_cores": 1, "max_cores": 2, "policy": "background",
                "arena": "64M", "mbufs": 4096, **self.user(args.echo)}},
            cores=",".join(map(str, self.both)), background=self.group.dir)

    @staticmethod
    def user(program):
        user = user_option(program)
        return {"user": user[1]} if user else {}

    def load(self, seconds):
        """All that the server can do."""
        return self.lab.start([
            "taskset", "-c", str(self.both[1]), *run_command(
                self.args.ix, self.nic, CLIENT, [
                    self.args.ixload, "--json", "--conns", "64", "--warmup", "0",
                    "--duration", str(seconds), SERVER + ":7"], "--cores",
                str(self.both[1]), *user_option(self.args.ixload))])

    def held(self):
        return cores(self.cpd.planes()["echo"]["cores"])

    def apart(self):
        """Nobody has a core that another one has, and none is idle."""
        return not self.held() & self.given() and \
            self.held() | self.given() == set(self.both)

    def given(self):
        return cores(self.group.cores())

    def idle(self):
        check("an idle server leaves a core to the group", wait_for(
            lambda: self.given() == {self.both[1]} and self.apart(), 10),
            f"{self.held()} {self.given()}")
        check("... whose programs go on", works(self.burner))

    def loaded(self):
        load = self.load(6)
        check("under load it has both", wait_for(
            lambda: len(self.held()) == 2 and not self.given(), 10),
            f"{self.held()} {self.given()}")
        check("... and the group's programs stand still", not works(self.burner))
        cpd, before = self.cpd, self.burner.done()
        cpd.kill()
        time.sleep(LOOK)
        cpd.start()
        check("... without a daemon, and with the next one", cpd.all_up("echo")
              and len(self.held()) == 2 and not self.given() and
              self.burner.done() == before)
        check("all is answered rightly", load.wait(30) == 0, load.said()[-300:])

    def all_back(self):
        self.cpd.ask(do="down", name="echo")
        check("who ends leaves all to the group", wait_for(
            lambda: self.given() == set(self.both), 10), str(self.given()))
        check("... whose programs go on", works(self.burner))


def main():
    if len(os.sched_getaffinity(0)) < 2:
        skip("needs two cores")
    args = begin("ixcpd", "ix", "echo", "ixload", limit=110)
    try:
        test = Test(args)
    except Cannot as e:
        skip(e)
    test.cpd.start()
    check("it is up", test.cpd.all_up("echo", seconds=20),
          test.cpd.process.said()[-300:])
    test.idle()
    test.loaded()
    test.idle()
    test.all_back()
    test.cpd.end()
    test.group.end()
    finish()


main()
