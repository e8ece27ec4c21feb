# SPDX-License-Identifier: MIT
"""The machine: what figures of another one may differ by."""

import os
import platform
import re
import shutil
import subprocess
import time

# Of Linux, and of a distribution; not what its builder calls it besides.
RELEASE = re.compile(r"[\d.]+(?:-\d+-\w+)?")
VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities"
TOOLS = {"memcached": ("memcached", "-V"),
         "redis": ("redis-server", "--version")}


def read(*path):
    """Without the last line's end; "" if there is no such file."""
    try:
        with open(os.path.join(*path)) as f:
            return f.read().strip()
    except OSError:
        return ""


def chosen(text):
    """Of `always [madvise] never`."""
    found = re.search(r"\[(\w+)\]", text)
    return found.group(1) if found else text


def cpu():
    info = read("/proc/cpuinfo")
    name = re.search(r"^model name\s*: (.*)$", info, re.M)
    return {"cpu": name.group(1) if name else platform.machine(),
            "cores": os.cpu_count(), "virtual": "hypervisor" in info,
            "governor": read("/sys/devices/system/cpu/cpu0/cpufreq"
                             "/scaling_governor"),
            "smt": read("/sys/devices/system/cpu/smt/active") == "1"}


def pages():
    info = dict(re.findall(r"^(\w+):\s+(\d+)", read("/proc/meminfo"), re.M))
    return {"memory_mb": int(info.get("MemTotal", 0)) // 1024,
            "huge_pages": f"{info.get('HugePages_Total', 0)} of "
            f"{info.get('Hugepagesize', 0)} KB",
            "transparent_huge_pages": chosen(
                read("/sys/kernel/mm/transparent_hugepage/enabled"))}


def mitigations():
    """By weakness of the processor; those that it has only."""
    if not os.path.isdir(VULNERABILITIES):
        return {}
    all_of_them = {name: read(VULNERABILITIES, name)
                   for name in sorted(os.listdir(VULNERABILITIES))}
    return {name: text for name, text in all_of_them.items()
            if text != "Not affected"}


def version(argv):
    if not shutil.which(argv[0]):
        return "not installed"
    said = subprocess.run(argv, text=True, capture_output=True).stdout
    found = re.search(r"\d+\.\d+[.\d]*", said)
    return found.group(0) if found else said.strip()


def machine():
    return {**cpu(), "kernel": RELEASE.match(platform.release())[0],
            **pages(), "mitigations": mitigations(),
            "isolated_cores": read("/sys/devices/system/cpu/isolated"),
            "kvm": os.access("/dev/kvm", os.R_OK | os.W_OK),
            "tools": {k: version(v) for k, v in TOOLS.items()},
            "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
            "load": os.getloadavg()[0]}


SAME = "cpu", "cores", "kernel"


def same_machine(a, b):
    return all(a.get(k) == b.get(k) for k in SAME)
