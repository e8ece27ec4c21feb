#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""/metrics of a running dataplane: each counter is there, under its name, and
between what `ix stat` said before and after.
	metrics_check.py URL IX DIR [PROMTOOL]"""
import json
import subprocess
import sys
import urllib.request

import prom


def get(url):
    with urllib.request.urlopen(url, timeout=10) as r:
        assert r.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return r.read().decode("ascii")


def stat(ix, where):
    out = subprocess.run([ix, "stat", "--json", "--dir", where], check=True,
                         capture_output=True, timeout=10).stdout
    return {(t["pid"], t["thread"]): t for t in json.loads(out)}


def values(families, name, page, **more):
    """The sample of this thread."""
    want = {"dataplane": page["name"], "pid": str(page["pid"]),
            "thread": str(page["thread"]), **more}
    found = [v for n, labels, v in families[name].samples if labels == want]
    assert len(found) == 1, f"{name} {want}: {found}"
    return found[0]


def sample(families, counter, page):
    if counter.startswith("drop_"):
        return values(families, "ix_drops_total", page, reason=counter[5:])
    if counter.endswith("_ns"):
        return values(families, f"ix_{counter[:-3]}_seconds_total", page) * 1e9
    for name in (f"ix_{counter}_total", f"ix_{counter}",
                 f"ix_{counter.removesuffix('_total')}"):
        if name in families:
            return values(families, name, page)
    raise AssertionError(f"no metric for {counter}")


def compare(families, before, after):
    n = 0
    for key, page in before.items():
        for counter, low in page.items():
            if counter in ("pid", "user", "thread", "core", "name", "about",
                           "rx_batch", "rx_delay"):
                continue
            high = after[key][counter]
            value = sample(families, counter, page)
            assert min(low, high) - 1 <= value <= max(low, high) + 1, \
                f"{counter}: {low} <= {value} <= {high}"
            n += 1
        batches = [v for name, labels, v in
                   families["ix_rx_batch_packets"].samples
                   if name.endswith("_count") and
                   labels["pid"] == str(page["pid"]) and
                   labels["thread"] == str(page["thread"])]
        assert len(batches) == 1
        assert sum(page["rx_batch"]) <= batches[0] <= \
            sum(after[key]["rx_batch"])
    return n


def main():
    url, ix, where = sys.argv[1:4]
    before = stat(ix, where)
    text = get(url + "metrics")
    after = stat(ix, where)
    families = prom.parse(text)
    n = compare(families, before, after)
    assert n >= 80 * len(before) and len(before) and before.keys() == after.keys()
    if len(sys.argv) > 4:
        subprocess.run([sys.argv[4], "check", "metrics"], check=True,
                       input=text.encode(), timeout=30)
    print(f"{n} counters in {len(families)} families")


if __name__ == "__main__":
    main()
