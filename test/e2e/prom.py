#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prometheus's text exposition, read strictly: its syntax, what goes together,
and the conventions for names.  prom.py [FILE]: families and samples."""
import math
import re
import sys

NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)\Z")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(,|\Z)')
PARTS = ("_bucket", "_sum", "_count")
NOT_UNITS = {"ns", "us", "ms", "milliseconds", "microseconds", "nanoseconds",
             "kb", "mb", "minutes", "hours", "kilobytes"}


class Wrong(Exception):
    """What is wrong with it."""


def need(true, what):
    if not true:
        raise Wrong(what)


def labels_of(text):
    labels, at = {}, 0
    while text and at < len(text):
        m = LABEL.match(text, at)
        need(m, f"labels {text!r}")
        need(m.group(1) not in labels, f"label {m.group(1)} twice: {text!r}")
        labels[m.group(1)] = re.sub(
            r"\\(.)", lambda e: {"n": "\n"}.get(e.group(1), e.group(1)),
            m.group(2))
        at = m.end()
        need(m.group(3) == "" or at < len(text), f"comma ends {text!r}")
    return labels


class Family:
    def __init__(self, name, text):
        self.name, self.help, self.type = name, text, None
        self.samples = []  # (name, labels, value)

    def takes(self, name):
        if self.type == "histogram":
            return name in [self.name + p for p in PARTS]
        return name == self.name

    def check_name(self):
        words = self.name.split("_")
        need(NAME.match(self.name), f"name {self.name}")
        need(words[0] == "ix", f"{self.name} does not begin with ix_")
        need(self.help.strip(), f"{self.name}: no help")
        need(not NOT_UNITS & set(words), f"{self.name}: no base unit")
        need((self.type == "counter") == self.name.endswith("_total"),
             f"{self.name}: _total is for counters, and for all of them")
        need(self.type == "histogram" or not self.name.endswith(PARTS),
             f"{self.name}: belongs to a histogram")
        need(self.type not in words, f"{self.name}: its type is in its name")

    def check_samples(self):
        seen = set()
        for name, labels, value in self.samples:
            key = (name, tuple(sorted(labels.items())))
            need(key not in seen, f"twice: {key}")
            seen.add(key)
            need(self.type == "gauge" or (value >= 0 and value < math.inf),
                 f"{name}: a {self.type} of {value}")
            need(("le" in labels) == (self.type == "histogram" and
                                      name.endswith("_bucket")),
                 f"{name}: label le")
        if self.type == "histogram":
            self.check_histogram()

    def check_histogram(self):
        series = {}
        for name, labels, value in self.samples:
            rest = tuple(sorted((k, v) for k, v in labels.items()
                                if k != "le"))
            one = series.setdefault(rest, {"le": []})
            if "le" in labels:
                one["le"].append((float(labels["le"]), value))
            else:
                one[name[len(self.name):]] = value
        for rest, one in series.items():
            le, counts = zip(*one["le"])
            need(list(le) == sorted(set(le)) and le[-1] == math.inf,
                 f"{self.name}{rest}: le {le}")
            need(list(counts) == sorted(counts), f"{self.name}: not cumulative")
            need("_sum" in one and one["_count"] == counts[-1],
                 f"{self.name}{rest}: _sum, _count")


def parse(text):
    """All families by name; raises Wrong."""
    families, last = {}, None
    need(text.endswith("\n"), "the last line does not end")
    for line in text[:-1].split("\n"):
        if line.startswith("# HELP "):
            name, _, words = line[7:].partition(" ")
            need(name not in families, f"HELP {name} twice")
            last = families[name] = Family(name, words)
        elif line.startswith("# TYPE "):
            name, kind = line[7:].split(" ")
            need(last and name == last.name and not last.type,
                 f"TYPE {name} does not follow its HELP")
            need(kind in ("counter", "gauge", "histogram"), f"TYPE {kind}")
            last.type = kind
        else:
            m = SAMPLE.match(line)
            need(m, f"no sample: {line!r}")
            need(last and last.type and last.takes(m.group(1)),
                 f"not among its family: {line!r}")
            last.samples.append((m.group(1), labels_of(m.group(2) or ""),
                                 float(m.group(3))))
    for family in families.values():
        need(family.type, f"{family.name}: no TYPE")
        family.check_name()
        family.check_samples()
    return families


def main():
    with open(sys.argv[1] if len(sys.argv) > 1 else "/dev/stdin",
              encoding="utf-8", newline="") as f:
        families = parse(f.read())
    print(f"{len(families)} families, "
          f"{sum(len(f.samples) for f in families.values())} samples")


if __name__ == "__main__":
    main()
