#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The status page in headless Chromium, over its DevTools pipe.
	status.py URL BROWSER IX STATDIR OUT NAME SERVER_PID METRICS_PID"""
import json
import os
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "tool"))
from lab.browser import Browser  # noqa: E402

URL, BROWSER, IX, WHERE, OUT, NAME = sys.argv[1:7]
SERVER, METRICS = map(int, sys.argv[7:9])
failed = 0


def ok(what, true, detail=""):
    global failed
    print(f"{'ok' if true else 'FAILED'}: {what}" + (f": {detail}" if detail
                                                     != "" else ""))
    failed += not true


def stat():
    out = subprocess.run([IX, "stat", "--json", "--dir", WHERE], check=True,
                         capture_output=True, timeout=20).stdout
    return {t["thread"]: t for t in json.loads(out)}


COUNTERS = """[...document.querySelectorAll("[data-counter]")].map(c =>
    [c.dataset.counter, +c.dataset.thread, +c.textContent])"""


def live(b):
    """What the page shows is between what it was before and after."""
    b.js("document.querySelector('details').open = true")
    before = stat()
    time.sleep(2.5)  # it looks once a second
    shown = b.js(COUNTERS)
    after = stat()
    for counter, thread, value in shown:
        ends = sorted((before[thread][counter], after[thread][counter]))
        if not counter.startswith(("tcp_", "mbufs_")) and \
                not ends[0] <= value <= ends[1]:
            return False, f"{counter}: {value} is not in {ends}"
    received = sum(v for c, _, v in shown if c == "rx_packets")
    return len(shown) >= 80 * len(after) and received > 0, \
        f"{len(shown)} counters, {received} packets"


def charts(b):
    b.wait("""Math.min(...[...document.querySelectorAll("path.plot")].map(p =>
        p.getAttribute("d").split("L").length)) >= 3""")
    points = b.js("""[...document.querySelectorAll("path.plot")].map(p =>
        p.getAttribute("d").split("L").length)""")
    bars = b.js("""[...document.querySelectorAll("rect")].filter(r =>
        +r.getAttribute("height") > 0).length""")
    rate = b.js("""document.querySelector("[data-tile=rx]").textContent""")
    threads = len(stat())
    ok("a line for each thread and way", len(points) == 3 * threads and
       min(points) >= 3, f"points {points}")
    ok("batches", bars >= 1, f"{bars} bars")
    ok("packets per second", rate not in ("–", "0"), rate)


def groups(b):
    shown = b.js("""[...document.querySelectorAll(".map span")].map(c =>
        +c.textContent)""")
    threads = set(stat())
    ok("128 flow groups, each with a thread that is there",
       len(shown) == 128 and set(shown) <= threads, sorted(set(shown)))
    b.js("""(() => { const p = [...planes.values()][0], g = [...p.groups];
        for (let i = 0, n = 0; n < 3; i++)
            if (g[i] === 0) { g[i] = 7; n++; }
        p.showMap(g); })()""")
    moves = b.js("document.querySelector('ul').textContent")
    ok("a move is seen", "thread 0 → 7: 3 (" in moves, moves)


def names(b):
    ok("a name is text", b.js("document.querySelector('h2').textContent") ==
       NAME and b.js("document.querySelector('img')") is None)


def looks(b):
    b.size(390, 844, True)
    dark = b.scheme("dark")
    time.sleep(1.5)
    wide = b.js("[document.documentElement.scrollWidth, innerWidth]")
    ok("fits a phone", wide[0] <= wide[1], wide)
    ok("picture", True, b.picture("phone-dark.png"))
    b.size(1280, 900, False)
    light = b.scheme("light")
    time.sleep(1.5)
    ok("light and dark", light != dark, f"{light} {dark}")
    path, size = b.picture("desk-light.png")
    ok("picture", size > 20000, (path, size))


def alone(b):
    urls = b.requests()
    others = [u for u in urls if not u.startswith(URL)]
    ok("nothing from elsewhere", len(urls) > 3 and not others, others or
       f"{len(urls)} requests")
    bad = [e for e in b.errors() if not
           e.get("entry", {}).get("url", "").endswith("favicon.ico")]
    ok("no error", not bad, bad[:2] or "")


def ends(b):
    os.kill(SERVER, signal.SIGTERM)
    ok("a dataplane that has ended goes", b.wait(
        "state.textContent == 'no dataplane is running' && !planes.size"))
    os.kill(METRICS, signal.SIGTERM)
    ok("no server: said", b.wait("state.textContent.startsWith('no answer')"))


def main():
    b = Browser(BROWSER, os.environ["HOME"], OUT)
    try:
        b.open()
        b.size(1280, 900, False)
        b.call("Page.navigate", url=URL)
        ok("live", b.wait("""document.querySelectorAll("path.plot").length &&
            [...planes.values()][0].batches && state.textContent"""),
           b.js("state.textContent"))
        ok("all counters", *live(b))
        charts(b)
        names(b)
        looks(b)
        groups(b)
        alone(b)
        ends(b)
    finally:
        b.close()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
