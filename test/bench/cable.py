#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Nothing is lost between the two ends of the laboratory's veth pair when Linux
sends a burst: thousands of delayed ACKs, of answers that nobody reads for a
while, leave together. cable.py SOURCE_DIR IX ECHO"""
import os
import subprocess
import sys

SOURCE, IX, ECHO = sys.argv[1:4]
sys.path.insert(0, os.path.join(SOURCE, "tool"))
from lab import (Cannot, Lab, Veth, check, finish, run_command,  # noqa: E402
                 skip, user_option)

ADDRESS, CONNS = "10.84.0.1", 3000
SINCE = 6, 16  # Linux from there on holds a sender up whose cable is full
CLIENT = f"""
import resource, socket, time
resource.setrlimit(resource.RLIMIT_NOFILE, ({CONNS + 100},) * 2)
conns = [socket.create_connection(({ADDRESS!r}, 7)) for _ in range({CONNS})]
for _ in range(5):
    for c in conns:
        c.send(b"x")
    time.sleep(0.5)
    print(sum(len(c.recv(9)) for c in conns))
"""


def main():
    release = os.uname().release.split(".")
    if tuple(map(int, release[:2])) < SINCE:
        skip("Linux 6.16 made veth wait for its peer")
    lab = Lab(limit=100)
    try:
        net = Veth(lab, ADDRESS, "10.84.0.2")
    except Cannot as why:
        skip(why)
    lab.start(net.on("s") + run_command(
        IX, "xdp:ix0", ADDRESS, [ECHO, "--port", "7"], "--domain", "inline",
        *user_option(ECHO)), r"ix: domain \w+ \(")
    r = subprocess.run([*net.on("c"), sys.executable, "-c", CLIENT], text=True,
                       capture_output=True, timeout=80)
    check("all is echoed", r.stdout.split() == [str(CONNS)] * 5,
          r.stdout + r.stderr[-300:])
    check("nothing is lost in the cable", not net.lost("c"), net.lost("c"))
    finish()


main()
