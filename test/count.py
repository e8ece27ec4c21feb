#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Reads testlog.json of `meson test`.

count.py LOG [SECOND]  "passed failed skipped", and "again" where SECOND, the
                       log of a second try of those that failed, has them pass
count.py --retry LOG   the names of those that are worth a second try
count.py --failed LOG [SECOND]  those that failed to the last, and the ends of
                       what they said
"""
import json
import sys

# These run beside whatever else the machine does, with its kernel and its
# clock. All other tests are the same each time: there a failure is one.
DISTURBED = {"e2e", "cp", "hostile", "vm", "waits"}
# More than these have a common reason.
TRIES = 3
# Lines of a failed test.
END = 20


def results(path):
    """Yields name, suites, how it ended, the lines that it said."""
    with open(path, encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            where, name = test["name"].split(" / ")  # ix:SUITE+SUITE / NAME
            passed = test["result"] in ("OK", "EXPECTEDFAIL")
            yield name, set(where.split(":")[-1].split("+")), \
                "passed" if passed else \
                "skipped" if test["result"] == "SKIP" else "failed", \
                (test.get("stdout", "") + test.get("stderr", "")).splitlines()


def retry(path):
    failed = [(name, suites) for name, suites, how, _ in results(path)
              if how == "failed"]
    if len(failed) > TRIES or not all(s <= DISTURBED for _, s in failed):
        return []
    return [name for name, _ in failed]


def judge(path, second=None):
    """Yields name, how it ended, whether that took the second try, lines."""
    better = {name: how for name, _, how, _ in results(second)} \
        if second else {}
    for name, _, how, lines in results(path):
        again = how == "failed" and better.get(name) == "passed"
        yield name, "passed" if again else how, again, lines


def failed(path, second=None):
    return ["\n".join("\n    ".join([f"failed: {name}", *lines[-END:]])
                      for name, how, _, lines in judge(path, second)
                      if how == "failed")]


def count(path, second=None):
    n = {"passed": 0, "failed": 0, "skipped": 0}
    twice = []
    for name, how, again, _ in judge(path, second):
        n[how] += 1
        if again:
            twice.append(name)
    return [*n.values(), *twice]


if __name__ == "__main__":
    VERBS = {"--retry": retry, "--failed": failed}
    verb = VERBS.get(sys.argv[1])
    print(*(verb(*sys.argv[2:]) if verb else count(*sys.argv[1:])))
