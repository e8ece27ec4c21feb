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
from figures.turns import ratio, row, summary
from lab import Failed

CONNS = 1000
TIMEOUT = "10s"  # of wrk for an answer; more is an error
MS = {"us": 1e-3, "ms": 1, "s": 1e3}  # units that wrk writes


def need_packages(bench):
    bench.need_installed("wrk")
    if not shutil.which("nginx") and not os.access("/usr/sbin/nginx", os.X_OK):
        raise NotYet("nginx is not installed")


def said(text):
    """What wrk --latency says: requests a second, and which time 99 % of them
    are answered in, ms. An error of any kind fails the run."""
    found = re.search(r"^Requests/sec:\s+([0-9.]+)", text, re.M)
    late = re.search(r"^\s+99%\s+([0-9.]+)(us|ms|s)$", text, re.M)
    wrong = re.search(r"Socket errors:.*|Non-2xx.*", text)
    if wrong or not found or not late:
        raise Failed(f"wrk: {wrong[0] if wrong else 'no rate, or no p99'}")
    return float(found[1]), float(late[1]) * MS[late[2]]


def http(bench):
    """HTTP server on ixev against nginx, wrk, 1,000 connections: requests/s, p99"""
    need_process(bench)
    need_packages(bench)
    client = ["wrk", "-t", "1", "-c", str(CONNS), "--timeout", TIMEOUT,
              "--latency", "-d", f"{math.ceil(bench.seconds)}s",
              f"http://{IP['s']}:{PORT}/"]
    late = {"http": [], "nginx": []}

    def run(kind):
        extra = ["--port", str(PORT)] if kind == "http" else []
        with Server(bench, kind, domain="process", extra=extra, one_core=True):
            requests, p99 = said(bench.output(client))
        late[kind].append(p99)
        return requests

    v = bench.compare(run, "http", "nginx")
    p99 = {k: summary(ms) for k, ms in late.items()}
    return {"unit": "requests/s", "values": v, "p99_ms": p99, "rows": [
        ratio(v, f"HTTP, wrk, {CONNS:,} connections: example/http on IX / "
              "nginx on one core", "http", "nginx", 1.5, ">="),
        ratio(p99, "... p99 of the answers: nginx / IX", "nginx", "http"),
        row(p99, "... p99 of the answers on IX, ms", lambda m: m["http"])]}
