# SPDX-License-Identifier: MIT
"""Two machines and their NICs instead of two namespaces and a veth pair:

     HOST                                this machine
    +----------+                        +----------+
    | server   o IFACE ======== IFACE   o client   |
    +----------+                        +----------+

The tree is built in the same place on both. What comes to a NIC's address goes
to IX while that runs: ssh needs another interface. Nothing is set on a real
NIC: what needs that, and what looks at the server's processes, is left out."""

import json
import os
import re

from lab import Cannot, Failed, sh

ON = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))),
                  "on")
WHERE = re.compile(r"xdp:(?P<c>[\w.-]+) (?P<host>[\w.@-]+):(?P<s>[\w.-]+)")


def parse(words):
    """`xdp:IFACE HOST:IFACE`: interfaces by side, host."""
    found = WHERE.fullmatch(" ".join(words))
    if not found:
        raise ValueError("--real wants xdp:IFACE HOST:IFACE")
    return {k: found[k] for k in "sc"}, found["host"]


class Real:
    """What Veth is in the laboratory."""

    def __init__(self, interfaces, host):
        self.interfaces, self.host = interfaces, host

    def on(self, k):
        return [ON, self.host] if k == "s" else []

    def address(self, k):
        """Of IPv4, the interface's first."""
        text = sh(*self.on(k), "ip", "-j", "-4", "addr", "show", "dev",
                  self.interfaces[k])
        found = [a["local"] for link in json.loads(text)
                 for a in link.get("addr_info", ()) if "local" in a]
        if not found:
            raise Failed(f"{self.interfaces[k]} has no IPv4 address")
        return found[0]

    def ip(self, k, *args):
        raise Cannot("nothing is set on a real NIC")
