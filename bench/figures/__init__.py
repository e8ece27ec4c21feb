# SPDX-License-Identifier: MIT
"""What bench/run measures.

    bench.py    the two sides, and clients
    servers.py  the contenders
    real.py     two machines instead
    turns.py    median, ratio and spread of what ran in turns
    veth.py     over a veth pair, against Linux and a bare NIC
    latency.py  one message to and fro, of all sizes
    netpipe.py  whether that is what NetPIPE measures
    rate.py     messages on a connection, and their size
    connections.py  many of them
    watched.py  while somebody looks at counters and connections
    moves.py    flow groups between threads, under load
    memcached.py    key-value servers, open loop
    batch.py    ... by the batch bound
    cpu.py      processor time of a request, and of none
    protection.py   each domain, by the batch bound
    process.py  what wall 2 costs
    designs.py  in a microkernel's server, in the kernel, in a dataplane
    trace.py    what a server does for it, counted
    tuning.py   with the Linux side's knobs turned
    cores.py    1, 2, ... of them, the stack alone
    elastic.py  as many as the load wants
    daemon.py   who gives them: what it costs, how soon it does
    beside.py   other work on cores that it leaves; ten times the load at once
    policy.py   what would be given on eight cores of one's own
    path.py     over a path that loses, against Linux
    flood.py    under a flood of SYNs
    load.py     thousands of connections, values of 1 and 20 KB
    http.py     web servers, the same
    shared.py   a server's cores that clients use, too
    frames.py   large values against a bare NIC, and what a byte costs
    counts.py   instructions and bytes: exact, whatever else the machine does
    facts.py    the machine
    results.py  bench/out/results.json
    report.py   the table, sections of pages
    page.py     bench/out/report.html
    story.py    what it says of each scenario; the original's numbers
    plot.py     its pictures
    doc.py      doc/performance.md

A scenario is a function of a Bench; the first line of its docstring says
what it measures. It returns {"unit": ..., "values": ..., "rows": [...]}: of
each contender median and samples, and what follows from them (turns.Row)."""

from figures import (batch, beside, connections, cores, counts, cpu, daemon,
                     designs, elastic, flood, frames, http, latency, load,
                     memcached, moves, netpipe, path, policy, process,
                     protection, rate, shared, tuning, veth, watched)

# In the order of doc/performance.md.
SCENARIOS = {
    "echo": veth.echo,
    "pingpong": veth.pingpong,
    "churn": veth.churn,
    "churn_rst": veth.churn_rst,
    "tuning": tuning.tuning,
    "wire": veth.wire,
    "cores": cores.cores,
    "insns": counts.instructions,
    "lines": counts.lines,
    "memory": counts.memory,
    "batch": veth.batch,
    "latency": latency.latency,
    "netpipe": netpipe.netpipe,
    "messages": rate.messages,
    "sizes": rate.sizes,
    "connections": connections.connections,
    "moves": moves.moves,
    "resize": moves.resize,
    "watched": watched.watched,
    "etc": memcached.etc,
    "usr": memcached.usr,
    "batch_sla": batch.batch_sla,
    "shares": memcached.shares,
    "cpu": cpu.cpu,
    "idle": cpu.idle,
    "protection": protection.protection,
    "loss": path.loss,
    "answers": path.answers,
    "syn_flood": flood.syn_flood,
    "many_4000": load.many_4000,
    "many_9000": load.many_9000,
    "shared": shared.shared,
    "values_1k": load.values_1k,
    "values_16": load.values_16,
    "large": load.large,
    "large_9000": load.large_9000,
    "kv_ix": load.kv_ix,
    "frames": frames.frames,
    "http": http.http,
    "fairness": path.fairness,
    "process_echo": process.echo,
    "process_pingpong": process.pingpong,
    "designs": designs.designs,
    "asleep": daemon.asleep,
    "react": daemon.react,
    "beside": beside.beside,
    "tenfold": beside.tenfold,
    "elastic": elastic.elastic,
    "policy": policy.policy,
}
