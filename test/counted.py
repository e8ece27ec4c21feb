#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""test/count.py: what is tried again, and what that changes."""
import json
import os
import subprocess
import sys
import tempfile

COUNT = os.path.join(os.path.dirname(__file__), "count.py")
DIR = tempfile.TemporaryDirectory()


def log(*results):
    fd, path = tempfile.mkstemp(dir=DIR.name)
    with open(fd, "w", encoding="utf-8") as f:
        for name, result in results:
            f.write(json.dumps({"name": "ix:" + name, "result": result,
                                "stdout": f"it is\n{result}\n"}) + "\n")
    return path


def say(*args):
    return subprocess.run([sys.executable, COUNT, *args], check=True,
                          capture_output=True, text=True).stdout.strip()


def expect(said, wanted):
    assert said == wanted, f"{said!r}, not {wanted!r}"


kernel = log(("unit / a", "OK"), ("e2e+waits / b", "FAIL"), ("vm / c", "TIMEOUT"),
             ("cp / d", "SKIP"))
expect(say(kernel), "1 2 1")
expect(say("--retry", kernel), "b c")
expect(say("--failed", kernel), "failed: b\n    it is\n    FAIL\n"
       "failed: c\n    it is\n    TIMEOUT")
better = log(("e2e / b", "OK"), ("vm / c", "FAIL"))
expect(say(kernel, better), "2 1 1 b")
expect(say("--failed", kernel, better), "failed: c\n    it is\n    TIMEOUT")
skipped = log(("e2e / b", "SKIP"), ("vm / c", "FAIL"))
expect(say(kernel, skipped), "1 2 1")
# What is the same each time fails at once, and takes the others with it.
same = log(("e2e / b", "FAIL"), ("unit / a", "FAIL"))
expect(say("--retry", same), "")
expect(say("--retry", log(("fuzz+cp / replay_cpd", "FAIL"))), "")
expect(say("--retry", log(*((f"e2e / {i}", "FAIL") for i in range(4)))), "")
expect(say("--retry", log(("e2e / b", "OK"))), "")
