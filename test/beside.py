#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""./run test, with a meson that only says how its tests have ended: those that run
beside each other are counted together, and end with it."""
import os
import signal
import subprocess
import sys
import tempfile
import time

RUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "run")
FALSE = {
    "dpkg-query": "echo ii",
    "ninja": ":",
    "meson": """
case "$*" in
setup*) mkdir -p "$2/meson-logs"; : >"$2/build.ninja"; exit ;;
*'--logbase second'*) name=second results='vm/d:OK' ;;
*'--logbase machines'*) name=machines results='vm/c:OK vm/d:FAIL' ;;
*'--logbase waits'*) name=waits results='e2e+waits/e:OK cp+waits/f:SKIP' ;;
*) name=testlog results='unit/a:OK e2e/b:OK' ;;
esac
case $name in machines | waits)
	echo $$ >"$TMP/$name"
	[ -z "$HANG" ] || exec sleep 60
esac
for r in $results; do
	test=${r%:*}
	echo "{\\"name\\": \\"ix:${test%/*} / ${test#*/}\\"," \\
		"\\"result\\": \\"${r#*:}\\"}"
done >"$3/meson-logs/$name.json"
case $results in *FAIL*) exit 1 ;; esac""",
}


def start(tmp, **env):
    return subprocess.Popen(
        [RUN, "test"], text=True, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, start_new_session=True,
        env={**os.environ, "PATH": f"{tmp}:{os.environ['PATH']}", "TMP": tmp,
             "BUILD": f"{tmp}/build", "SAN": f"{tmp}/san", "CI": "",
             "HANG": "", **env})


def soon(condition):
    until = time.monotonic() + 40
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def pids(tmp):
    """Of both; None: not yet."""
    found = []
    for name in "machines", "waits":
        try:
            with open(f"{tmp}/{name}") as f:
                found.append(int(f.read()))
        except (FileNotFoundError, ValueError):
            return None
    return found


def lives(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def is_ended(how, kill):
    """By @kill, and with it both."""
    with false_programs() as tmp:
        p = start(tmp, HANG="yes")
        both = []
        try:
            assert soon(lambda: pids(tmp)), f"{how}: they do not begin"
            both = pids(tmp)
            kill(p.pid)
            assert soon(lambda: p.poll() is not None), f"{how}: it goes on"
            assert p.returncode == 1, f"{how}: status {p.returncode}"
            assert not any(map(lives, both)), f"{how}: one of its tests goes on"
        finally:
            for pid in filter(lives, [p.pid, *both]):
                os.kill(pid, signal.SIGKILL)


def false_programs():
    made = tempfile.TemporaryDirectory()
    for name, text in FALSE.items():
        path = os.path.join(made.name, name)
        with open(path, "w") as f:
            f.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)
    return made


with false_programs() as made:
    run = start(made)
    said = run.communicate(timeout=60)[0]
    # Twice a and b, of two builds.
    assert "\n7 passed, 0 failed, 1 skipped\n" in said, said
    assert "\nrun: at the second try only: d\n" in said, said
    assert run.returncode == 0, run.returncode
    run = start(made, CI="true")
    said = run.communicate(timeout=60)[0]
    assert run.returncode == 1 and "skipped tests in CI" in said, said
is_ended("Ctrl-C", lambda pid: os.killpg(pid, signal.SIGINT))
is_ended("SIGTERM", lambda pid: os.kill(pid, signal.SIGTERM))
sys.exit(0)
