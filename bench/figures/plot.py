# SPDX-License-Identifier: MIT
"""Pictures of a scenario's numbers, by gnuplot, as SVG to be put into a page.

    bars    a bar for each contender: the median; each turn is a dot
    lines   a line for each contender, over "x": {"kind": "lines", "x": "bytes",
            "y": "us", "log": "xy", "lines": {"IX": [[x, y], ...], ...}}
"""

import re
import shutil
import subprocess
import textwrap

from lab import Failed, last_line

WIDTH, HEIGHT = 760, 340
LINE = r"\n"  # ends one, in gnuplot's strings
LABELS = 90  # letters, of all bars' names side by side
COLOURS = ("#0b6e99", "#d9822b", "#5b8c3a", "#a03a6b", "#6b5bb5", "#777777",
           "#b59f2a")
LOG = 30  # largest / smallest above which bars would hide the small ones

# Where a number is short, as it is; beyond, 50.0k.
SHORT = 1e5
START = """set terminal svg size {width},{height} dynamic font "sans-serif,13"
set termoption noenhanced
set border 3 lc rgb "#555555"
set tics nomirror out
set grid ytics lc rgb "#dddddd"
set ylabel "{y}"
set format y "{form}"
"""


def quoted(text):
    """Of a string of gnuplot's, between double quotes."""
    return re.sub(r"[^\w .,;:/+=<>()%&*'-]", " ", str(text))


def have():
    return shutil.which("gnuplot") is not None


def gnuplot(script, name, title):
    """An <svg> element. What it defines has names of its own, as others are on
    the same page."""
    r = subprocess.run(["gnuplot"], input=script, text=True,
                       capture_output=True, timeout=60)
    at = r.stdout.find("<svg")
    if r.returncode or at < 0 or "</svg>" not in r.stdout:
        raise Failed(f"gnuplot, figure {name}: {last_line(r.stderr)}")
    svg = r.stdout[at:].strip()
    svg = re.sub(r"<title>Gnuplot</title>\s*<desc>.*?</desc>",
                 f"<title>{title}</title>", svg, count=1)
    svg = re.sub(r"\bid=(['\"])", rf"id=\1{name}-", svg)
    svg = re.sub(r"(xlink:href=['\"]|url\()#", rf"\1#{name}-", svg)
    return svg.replace("<svg", '<svg role="img"', 1)


def start(y, most):
    """@most: the largest number on that axis."""
    return START.format(width=WIDTH, height=HEIGHT, y=quoted(y),
                        form="%g" if most < SHORT else "%.1s%c")


def label(text, bars):
    """Under one of so many bars: in lines that do not meet its neighbours'. To
    gnuplot it is a format, with a number that it does not ask for."""
    lines = textwrap.wrap(quoted(text), max(8, LABELS // bars))
    return LINE.join(lines).replace("%", "%%")


def measured(values):
    """Contenders that have samples."""
    return {k: v for k, v in values.items() if v.get("values")}


def bars(name, unit, values, title, names):
    """@names: contenders' names for readers."""
    values = measured(values)
    data = [f'{i} {v["median"]}' for i, v in enumerate(values.values())]
    labels = [label(names.get(k, k), len(values)) for k in values]
    dots = [f"{i} {x}" for i, v in enumerate(values.values())
            for x in v["values"]]
    numbers = [v["median"] for v in values.values()]
    logarithmic = min(numbers) > 0 and max(numbers) / min(numbers) > LOG
    script = start(unit + ", logarithmic" * logarithmic, max(
        max(v["values"]) for v in values.values())) + "\n".join([
        "$bars << EOD", *data, "EOD", "$dots << EOD", *dots, "EOD",
        "set style fill solid 0.85 noborder", "set boxwidth 0.6",
        "set xtics (" + ", ".join(f'"{text}" {i}' for i, text in
                                  enumerate(labels)) + ")",
        f"set bmargin {2.5 + max(text.count(LINE) for text in labels)}",
        f"set xrange [-0.6:{len(data) - 0.4}]", "unset key",
        "set logscale y" if logarithmic else "set yrange [0:*]",
        f'plot $bars using 1:2 with boxes lc rgb "{COLOURS[0]}", '
        '$dots using 1:2 with points pt 7 ps 0.5 lc rgb "#333333"', ""])
    return gnuplot(script, name, title)


def lines(name, figure, title, names):
    script = [start(figure["y"], max(
        y for points in figure["lines"].values() for _, y in points))]
    log = figure.get("log", "")
    if log:
        script.append(f"set logscale {log}")
    if "x" in log:
        script.append('set format x "%.0s%c"')
    if "y" not in log:
        script.append("set yrange [0:*]")
    script += [f'set xlabel "{quoted(figure["x"])}"', "set key outside right"]
    plots = []
    for i, (who, points) in enumerate(figure["lines"].items()):
        script += [f"$d{i} << EOD", *(f"{x} {y}" for x, y in points), "EOD"]
        plots.append(f'$d{i} using 1:2 with linespoints pt 7 ps 0.5 lw 2 '
                     f'lc rgb "{COLOURS[i % len(COLOURS)]}" title '
                     f'"{quoted(names.get(who, who))}"')
    script.append("plot " + ", ".join(plots) + "\n")
    return gnuplot("\n".join(script), name, title)


def figures(name, scenario, title, names):
    """SVGs of one scenario; none of what is exact or has no numbers."""
    drawn = scenario.get("figures")
    if drawn is None:
        drawn = [{"kind": "bars"}] if measured(scenario.get("values", {})) \
            else []
    out = []
    for i, figure in enumerate(drawn):
        one = f"{name}-{i}"
        if figure["kind"] == "lines":
            out.append(lines(one, figure, title, names))
        else:
            out.append(bars(one, scenario["unit"], scenario["values"], title,
                            names))
    return out
