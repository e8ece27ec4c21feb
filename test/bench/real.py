#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""bench/run --real: a server on "another machine", which is a namespace that a
false ssh goes to, with a NIC of another name: real.py SOURCE_DIR BUILD_DIR"""
import json
import os
import subprocess
import sys

SOURCE, BUILD = sys.argv[1:3]
sys.path.insert(0, os.path.join(SOURCE, "tool"))
from lab import Lab, check, finish, sh, skip  # noqa: E402

LIMIT = 240
SSH = """#!/bin/sh
# As the real one: options, the host, and one argument for a shell there.
while [ "${1#-}" != "$1" ]; do [ "$1" = -o ] && shift; shift; done
echo "$1: $2" >>{log}
exec ip netns exec "$1" sh -c "exec $2"
"""


def machines(lab):
    """Here: eth9, there: eth5; nothing is called as in the laboratory."""
    here, there = (f"ix-real-{os.getpid()}-{k}" for k in ("here", "there"))
    for name in here, there:
        lab.netns.append(name)
        sh("ip", "netns", "add", name)
    sh("ip", "-n", here, "link", "add", "eth9", "type", "veth", "peer", "name",
       "eth5", "netns", there)
    for name, nic, ip in (here, "eth9", "10.91.0.9"), (there, "eth5",
                                                       "10.91.0.5"):
        sh("ip", "-n", name, "addr", "add", ip + "/24", "dev", nic)
        sh("ip", "-n", name, "link", "set", nic, "up")
        sh("ip", "-n", name, "link", "set", "lo", "up")
    return here, there


def false_ssh(lab):
    log = lab.path("ssh.log")
    with open(lab.path("ssh"), "w") as f:
        f.write(SSH.replace("{log}", log))
    os.chmod(lab.path("ssh"), 0o755)
    return log


def run(lab, here, there):
    out = lab.directory()
    r = subprocess.run(
        ["ip", "netns", "exec", here, os.path.join(SOURCE, "bench", "run"),
         BUILD, "--quick", "--seconds", "2", "--only", "pingpong,idle,loss",
         "--real", "xdp:eth9", f"{there}:eth5", "--out", out], text=True,
        capture_output=True, env={**os.environ, "PATH": f"{lab.dir}:" +
                                  os.environ["PATH"]})
    print(r.stdout, r.stderr)
    with open(os.path.join(out, "results.json")) as f:
        return json.load(f)["scenarios"]


def main():
    if os.geteuid():
        skip("needs root: network namespaces and AF_XDP")
    lab = Lab(limit=LIMIT)
    here, there = machines(lab)
    log = false_ssh(lab)
    # On a machine that is busy enough a run of 2 s may see no answer.
    for _ in range(3):
        found = run(lab, here, there)
        if "error" not in found["pingpong"]:
            break
    with open(log) as f:
        commands = f.read()
    check("servers ran there, on its NIC", all(
        f"{there}: taskset -c 0 {w}" in commands for w in (
            os.path.join(os.path.abspath(BUILD), "cp", "ix"),
            os.path.join(os.path.abspath(BUILD), "bench", "linux_echo"))) and
        "--nic xdp:eth5 --ip 10.91.0.5" in commands, commands[:300])
    check("IX and Linux were measured", {"ix", "linux"} <=
          set(found["pingpong"].get("values", {})), found["pingpong"].get("error"))
    check("with that NIC", any("eth5 (veth): AF_XDP" in x
                               for x in found["pingpong"]["ix"]),
          found["pingpong"]["ix"])
    for name in "idle", "loss":
        check(f"{name} is left out, and why", "real NIC" in
              found[name].get("left_out", ""), found[name])
    left = sh("ip", "netns", "pids", there)
    check("nothing runs there any more", not left.strip(), left)
    finish()


main()
