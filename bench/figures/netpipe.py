# SPDX-License-Identifier: MIT
"""Does app/pingpong measure what NetPIPE does? Both on Linux, one after the
other, as NetPIPE cannot run on IX."""

import shutil

from figures.bench import NotYet
from figures.latency import SMALL, measure
from figures.servers import IP, PORT
from figures.turns import ratio
from lab import Failed, sh, wait_for


def listens(bench):
    return sh(*bench.veth.on("s"), "ss", "-Hltn", f"sport = :{PORT}")


def stock(bench):
    """us one way, of one run of many messages."""
    out = bench.path("netpipe")
    command = ["NPtcp", "-P", str(PORT), "-l", str(SMALL), "-u", str(SMALL),
               "-p", "0", "-n", str(int(2000 * bench.seconds)), "-o", out]
    server = bench.start(bench.side("s", True) + command)
    if not wait_for(lambda: listens(bench)):
        raise Failed("NPtcp does not listen")
    bench.output([*command, "-h", IP["s"]])
    server.end()
    bench.processes.remove(server)
    with open(out) as f:
        _, _, seconds = f.read().split()
    return float(seconds) * 1e6


def netpipe(bench):
    """stock NetPIPE and app/pingpong, 64 B, both on Linux: us one way"""
    if not shutil.which("NPtcp"):
        raise NotYet("NetPIPE is missing: apt-get install netpipe-tcp")
    run = {"NetPIPE": lambda: stock(bench),
           "pingpong": lambda: measure(bench, "linux-pingpong")[SMALL]}
    v = bench.interleave(run)
    return {"unit": f"us one way, {SMALL} B", "values": v, "rows": [
        ratio(v, "one way, 64 B, Linux: stock NetPIPE / app/pingpong",
              "NetPIPE", "pingpong")]}
