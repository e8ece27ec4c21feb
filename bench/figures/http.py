# SPDX-License-Identifier: MIT
"""An HTTP server of 80 lines on ixev (example/http.c), behind the wall, against
nginx with one process that answers from its configuration; wrk on Linux asks
both, over connections that stay."""

import math
import os
import re
import shutil

from figures.bench import NotYet
from figures.process import need_process
from figures.servers import IP, PORT, Server
from figures.turns import ratio
from lab import Failed

CONNS = 1000
TIMEOUT = "10s"  # of wrk for an answer; more is an error


def need_packages(bench):
    bench.need_installed("wrk")
    if not shutil.which("nginx") and not os.access("/usr/sbin/nginx", os.X_OK):
        raise NotYet("nginx is not installed")


def rate(text):
    """Of what wrk says; an error of any kind fails the run."""
    found = re.search(r"^Requests/sec:\s+([0-9.]+)", text, re.M)
    wrong = re.search(r"Socket errors:.*|Non-2xx.*", text)
    if wrong or not found:
        raise Failed(f"wrk: {wrong[0] if wrong else 'no rate'}")
    return float(found[1])


def http(bench):
    """HTTP server on ixev against nginx, wrk, 1,000 connections: requests/s"""
    need_process(bench)
    need_packages(bench)
    client = ["wrk", "-t", "1", "-c", str(CONNS), "--timeout", TIMEOUT, "-d",
              f"{math.ceil(bench.seconds)}s", f"http://{IP['s']}:{PORT}/"]

    def run(kind):
        extra = ["--port", str(PORT)] if kind == "http" else []
        with Server(bench, kind, domain="process", extra=extra, one_core=True):
            return rate(bench.output(client))

    v = bench.compare(run, "http", "nginx")
    return {"unit": "requests/s", "values": v, "rows": [
        ratio(v, f"HTTP, wrk, {CONNS:,} connections: example/http on IX / "
              "nginx on one core", "http", "nginx", 1.5, ">=")]}
