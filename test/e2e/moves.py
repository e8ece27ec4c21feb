#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Flow groups move between the threads of an echo server while it is loaded as
far as the machine can, over a wire: nothing is lost, nothing comes twice or out
of order, and whoever moves them is told the truth.

    moves.py BUILD DOMAIN"""

import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

build, domain = sys.argv[1:3]
SECONDS = 6
if (os.cpu_count() or 1) < 2:
    print("skipped: needs two cores")
    sys.exit(77)


def bin(name):
    return os.path.join(build, name)


class Control:
    def __init__(self, path):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(20)
        self.s.connect(path)
        self.f = self.s.makefile("rw")

    def ask(self, **request):
        self.f.write(json.dumps(request) + "\n")
        self.f.flush()
        return json.loads(self.f.readline())


def groups(answer):
    return [t["groups"] for t in answer["threads"]]


def expect(what, is_so):
    print(("ok: " if is_so else "FAILED: ") + what, flush=True)
    if not is_so:
        expect.failed = True


expect.failed = False


def moves(control, until):
    """Back and forth; how many cores() were answered."""
    n = 0
    while time.monotonic() < until:
        for cores, share in ((1, [128, 0]), (2, [64, 64])):
            a = control.ask(do="cores", n=cores)
            if a.get("error") or groups(a) != share:
                raise SystemExit(f"FAILED: cores {cores}: {a}")
            if [t["parked"] for t in a["threads"]] != [s == 0 for s in share]:
                raise SystemExit(f"FAILED: parked: {a}")
            n += 1
            time.sleep(0.03)
    return n


def requests(control):
    """One by one, and those that make no sense."""
    for bad in ({"from": 0, "to": 0}, {"from": 0, "to": 2}, {"from": 0},
                {"from": 0, "to": 1, "groups": "7-3"},
                {"from": 0, "to": 1, "groups": "128"},
                {"from": 0, "to": 1, "groups": "0-127"}):
        expect(f"refused: {bad}", "error" in control.ask(do="move", **bad))
    a = control.ask(do="move", **{"from": 0, "to": 1})
    expect("all of a thread's", groups(a) == [0, 128])
    expect("the last one is not parked",
           "error" in control.ask(do="park", thread=1))
    a = control.ask(do="park", thread=0, parked=False)
    expect("back again", groups(a) == [64, 64])


def counters(directory):
    out = subprocess.run([bin("cp/ix"), "stat", "--dir", directory, "--json"],
                         capture_output=True, text=True, timeout=10)
    return json.loads(out.stdout)


def run(tmp, wire):
    common = ["--stat_dir", tmp, "--idle", "block"]
    server = subprocess.Popen(
        [bin("cp/ix"), "run", "--domain", domain, "--nic", f"wire:{wire},end=a",
         "--ip", "10.9.0.1/24", "--cores", "0,1", *common, "--",
         bin("app/echo"), "--port", "7"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(100):
            socks = glob.glob(tmp + "/*.sock")
            if socks or server.poll() is not None:
                break
            time.sleep(0.1)
        if not socks:
            print("FAILED: it does not start:", server.stderr.read())
            return False
        control = Control(socks[0])
        load = subprocess.Popen(
            [bin("cp/ix"), "run", "--domain", "inline", "--nic",
             f"wire:{wire},end=b", "--ip", "10.9.0.2/24", "--cores", "0",
             *common, "--", bin("bench/ixload"), "-c", "200", "-j", "-q", "-d",
             str(SECONDS), "10.9.0.1:7"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        time.sleep(2)
        n = moves(control, time.monotonic() + SECONDS - 2)
        out, _ = load.communicate(timeout=60)
        expect("ixload has no complaint", load.returncode == 0)
        print(f"{n} moves; {out.strip()[:200]}")
        expect("there were some", n >= 4)
        requests(control)
        for t in counters(tmp):
            for name in ("tcp_out_of_order", "drop_early", "move_lost",
                         "drop_forward", "drop_no_buffer", "tcp_rst_out",
                         "drop_tcp_no_conn", "calls_failed"):
                expect(f"thread {t['thread']}: {name} is 0", t[name] == 0)
            expect("... connections came and went",
                   t["moved_in"] > 0 and t["moved_out"] > 0)
        return server.poll() is None
    finally:
        server.terminate()
        server.wait(20)


tmp = tempfile.mkdtemp(prefix="ix-moves-")
wire = f"/dev/shm/ix-moves-{os.getpid()}"
try:
    expect("it goes on", run(tmp, wire))
finally:
    shutil.rmtree(tmp, ignore_errors=True)
    if os.path.exists(wire):
        os.unlink(wire)
sys.exit(expect.failed)
