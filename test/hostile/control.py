# SPDX-License-Identifier: MIT
"""What the machine itself takes: a process that only wants to look at the clock,
and how long threads have waited for a core."""

import glob
import mmap
import os
import signal
import time

STEP = 0.001       # of the control process
SLOTS = 1 << 20    # its record: a latest lateness per STEP


class Control:
    """Sleeps for STEP on the core, again and again, and notes how much too
    late it wakes up."""

    def __init__(self, core):
        self.page = mmap.mmap(-1, (SLOTS + 1) * 8)
        self.late = memoryview(self.page).cast("d")
        self.began = time.monotonic()
        self.pid = os.fork()
        if not self.pid:
            os.sched_setaffinity(0, {core})
            self.run()

    def slot(self, t):
        return int((t - self.began) / STEP) % SLOTS

    def run(self):
        parent = os.getppid()
        while os.getppid() == parent:
            due = self.late[SLOTS] = time.monotonic() + STEP
            time.sleep(STEP)
            now = time.monotonic()
            # Up to the moment it was the lateness of all that time.
            for i in range(self.slot(due), self.slot(now) + 1):
                self.late[i] = max(now - due, self.late[i])
        os._exit(0)

    def worst(self, since, until):
        """... in that time. It may be late now: until @until at least."""
        first, last = self.slot(since), self.slot(until)
        return max(0, until - self.late[SLOTS], *self.late[first:last + 1])

    def end(self):
        """It ends by itself, too, when we have: its end is not waited for
        longer than it takes where the core is free."""
        os.kill(self.pid, signal.SIGKILL)
        until = time.monotonic() + 2
        while not os.waitpid(self.pid, os.WNOHANG)[0]:
            if time.monotonic() > until:
                print("the control process is slow to end", flush=True)
                return
            time.sleep(0.01)


def delays(pids):
    """Seconds that this process and the threads of @pids were kept from
    running."""
    total = 0
    for path in glob.glob("/proc/self/schedstat") + \
            [t for p in pids for t in glob.glob(f"/proc/{p}/task/*/schedstat")]:
        try:
            with open(path) as f:
                total += int(f.read().split()[1])
        except OSError:  # it has ended
            pass
    return total / 1e9
