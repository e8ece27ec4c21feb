# SPDX-License-Identifier: MIT
"""Bugs for `./run mutants`: in the gate, in lives and limits, in TCP, at the
start, in pace."""

from collections import namedtuple

# In @file, @old, which is there once, becomes @new: one of @tests must fail.
Mutant = namedtuple("Mutant", "name file old new tests")

GATE = [
    Mutant("a range may end behind the arena", "dp/gate.h",
           "len > a->len - off", "len > a->len", ["t_syscall"]),
    Mutant("a range may begin below the arena", "dp/gate.h",
           "if (unlikely(off > a->len || len > a->len - off)) {",
           "if (unlikely(len > a->len - off)) {", ["t_syscall"]),
    Mutant("a list may end behind the array", "dp/gate.h",
           "n > IX_MAX_SGS - first", "n > IX_MAX_SGS", ["t_syscall"]),
    Mutant("a handle's generation is not looked at", "dp/gate.h",
           "handle != c->handle", "handle_index(handle) != "
           "handle_index(c->handle)", ["t_syscall"]),
    Mutant("a knocking connection can be written to", "dp/gate.h",
           "if (likely(c && c->flags & (TCP_F_ACCEPTED | TCP_F_ACTIVE)))",
           "if (likely(c))", ["t_syscall"]),
    Mutant("a UDP handle's generation is not looked at", "dp/gate.h",
           "!handle_fits(handle, HANDLE_UDP, s->gen) || ", "",
           ["t_syscall"]),
    Mutant("the number of calls is believed", "dp/syscall.c",
           "if (unlikely(n > IX_MAX_CALLS)) {", "if (0) {", ["t_syscall"]),
    Mutant("the number of a call is believed", "dp/syscall.c",
           "if (unlikely(c.op >= IX_NR_CALLS))", "if (0)", ["t_syscall"]),
    Mutant("a received datagram may lie behind the buffers", "dp/syscall.c",
           "if (off >= (u64)dp->pool.total * MBUF_SIZE)", "if (0)",
           ["t_syscall"]),
    Mutant("a SENDV overtakes a short one", "net/tcp_fast.c",
           "return was_short(net, c) ? 0 : tcp_send(net, c, addr, len);",
           "return tcp_send(net, c, addr, len);", ["t_syscall"]),
    Mutant("a short SENDV is never forgotten", "net/tcp_fast.c",
           "if (c->short_at != (u16)net->stat->crossings)", "if (0)",
           ["t_syscall"]),
    Mutant("a list's range is fetched twice", "dp/gate.h",
           "\t\ttotal += out[i].len;",
           "\t\tout[i].len = in[first + i].len;\n\t\ttotal += out[i].len;",
           ["t_gate_step"]),
    Mutant("a single range is fetched twice", "dp/syscall.c",
           "\tdata = (const u8 *)(uintptr_t)addr;\n\tif (unlikely(more))",
           "\tdata = (const u8 *)(uintptr_t)addr;\n"
           "\tlen = READ_ONCE(shared->len);\n\tif (unlikely(more))",
           ["t_gate_step"]),
    Mutant("a handle is fetched twice", "dp/syscall.c",
           "\tif (unlikely(!conn))\n\t\treturn err;\n\targ = ",
           "\tif (unlikely(!conn))\n\t\treturn err;\n\tconn = &dp->net.tcp."
           "conns[handle_index(READ_ONCE(shared->handle))];\n"
           "\targ = ", ["t_gate_step"]),
    Mutant("what a call does not use may be anything", "dp/syscall.c",
           "if (unlikely(!rest_is_zero(&c, call_uses[c.op])))", "if (0)",
           ["t_syscall"]),
    Mutant("a SENDV's port may be anything", "dp/syscall.c",
           "if (unlikely(head != sendv_of_one))",
           "if (unlikely((u16)head != IX_SENDV || head >> 32 != 1))",
           ["t_syscall"]),
    Mutant("a range's pad may be anything", "dp/gate.h",
           "return READ_ONCE(*(const u64 *)&sg->len);",
           "return READ_ONCE(sg->len);", ["t_syscall"]),
]

LIVES = [
    Mutant("ix can be traced", "cp/ix.c", "prctl(PR_SET_DUMPABLE, 0);", "",
           ["tenants"]),
    Mutant("buffers can be mapped writable", "dom/host/hugemem.c",
           "int err = seal(&m->frames, FUTURE_WRITE);",
           "int err = seal(&m->frames, 0);", ["t_hugemem"]),
    Mutant("the next life has the old memory", "dom/host/hugemem.c",
           "int err = renew_part(&m->frames);\n\n\tif (!err)\n"
           "\t\terr = renew_part(&m->arena);",
           "int err = 0;", ["t_hugemem"]),
    Mutant("no pid namespace", "dom/process/fence.c",
           "enum { OWN = CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNS };",
           "enum { OWN = CLONE_NEWIPC | CLONE_NEWNS };", ["tenants"]),
    Mutant("no Landlock", "dom/process/fence.c",
           "if (f->landlock <= 0)", "if (f->landlock <= 99)", ["tenants"]),
    Mutant("a user that does not answer is believed", "dom/process/user.c",
           "!WIFEXITED(status))\n\t\treturn UNKNOWN;",
           "!WIFEXITED(status))\n\t\treturn YES;", ["tenants"]),
    Mutant("a user namespace of its own", "dom/process/deny.c",
           "CLONE_NEWUSER, CLONE_NEWPID,", "CLONE_NEWPID,",
           ["hostile_same"]),
    Mutant("clone3() has its way", "dom/process/deny.c",
           "SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3)",
           "SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(swapon)", ["hostile_same"]),
    Mutant("one process may have children", "dom/process/deny.c",
           "int err = no_children(f);", "int err = 0;\n\t(void)no_children;",
           ["tenants"]),
    Mutant("one process may signal others", "dom/process/start.c",
           "err = proc_seccomp_self();", "err = 0;", ["tenants"]),
    Mutant("as many processes as it likes", "dom/process/cgroup.c",
           'struct limit l = { "pids",', 'struct limit l = { "pidx",',
           ["tenants"]),
    Mutant("capabilities are kept", "dom/process/start.c",
           "f.err = drop_rights(&p->user);", "(void)drop_rights;",
           ["hostile_same"]),
]

LIMITS = [
    Mutant("wakes put off the look at the network", "dom/process/thread.c",
           "\treturn host_clock_os() + (s->due - now);",
           "\ts->due = now + t->limit_ns;\n"
           "\treturn host_clock_os() + (s->due - now);", ["t_proc_turn"]),
    Mutant("the dataplane's threads may write anywhere",
           "dom/process/confine.c", "\tSCMP_SYS(futex),\n\tSCMP_SYS(ppoll),",
           "\tSCMP_SYS(futex),\n\tSCMP_SYS(write),\n\tSCMP_SYS(ppoll),",
           ["t_proc_confine"]),
    Mutant("counter pages of others are believed", "dom/host/statread.c",
           "(!user || uid == user)", "true", ["t_statfile"]),
    Mutant("ports_only: any port can be had", "dp/syscall.c",
           "ports_has(&conf->ports, port) ? 0 : -EACCES", "1 ? 0 : -EACCES",
           ["t_syscall"]),
    Mutant("a listener that is free has port 0", "net/tcp_call.c",
           "for (u32 i = 0; port && i < net->conf.tcp.max_listeners; i++) {\n"
           "\t\tstruct tcp_listener *l",
           "for (u32 i = 0; i < net->conf.tcp.max_listeners; i++) {\n"
           "\t\tstruct tcp_listener *l", ["t_tcp_conn"]),
    Mutant("a UDP socket may hold all buffers", "net/udp.c",
           "\tif (held >= net->conf.udp.rcv_queue)\n\t\treturn false;",
           "\tif (held >= 0)\n\t\treturn true;", ["t_udp"]),
    Mutant("the reserve for replies is for datagrams, too", "net/udp_out.c",
           "net->pool->nfree <= net->pool->kept / 2", "!net->pool->nfree",
           ["t_udp"]),
    Mutant("packets for invented neighbours pin all buffers", "net/arp.c",
           "return all < 2 * limit;", "return true;", ["t_arp"]),
    Mutant("many sources take the last connections", "net/tcp_admit.c",
           "left - min(left, kept)", "left", ["t_tcp_admit"]),
    Mutant("a want comes round with the ticks", "net/tcp_share.c",
           "w->counts && tick_before(tick, w->until)",
           "w->until - tick - 1 < 2 * t->patience", ["t_tcp_share"]),
    Mutant("how many ICMP errors are sent is known", "net/net.h",
           "(mean + 1) / 2 + (u32)((u64)random * (mean + 1ull) >> 32)",
           "mean + (u32)(random & 0)", ["t_icmp"]),
    Mutant("who finds no memory to send is forgotten", "lib/ixev/send.c",
           "\tixev_starve(t, ctx);\n", "", ["t_ixev_send"]),
    Mutant("an application that is away is blamed on its peers",
           "net/tcp_share.c", " &&\n\t       tick - t->app_away >= "
           "t->patience;", ";", ["t_tcp_share"]),
]

TCP = [
    Mutant("RST is judged after trimming", "net/tcp_in.c",
           "\tif (check_rst(net, c, s, now) == DROP ||",
           "\ttrim(net, c, s);\n\tif (check_rst(net, c, s, now) == DROP ||",
           ["reset_with_data"]),
    Mutant("an old ACK moves the window", "net/tcp_ack.c",
           "\tif (seq_lt(s->ack, c->snd_una))", "\tif (0)",
           ["window_update_old_ack"]),
    Mutant("any FIN lengthens TIME-WAIT", "net/tcp_in.c",
           "s->seq + s->len + 1 == c->rcv_nxt && ", "",
           ["time_wait_forged_fin"]),
    Mutant("what the window cut off is a duplicate ACK", "net/tcp_in.c",
           "!s->cut && !(s->flags & TCP_FIN)", "!(s->flags & TCP_FIN)",
           ["zero_window_data_ack"]),
    Mutant("a soft ICMP error ends an opening", "net/tcp_icmp.c",
           "msg->hard && c->state == TCP_SYN_SENT",
           "c->state == TCP_SYN_SENT", ["icmp_soft"]),
    Mutant("a range more takes no shared one", "net/tcp_int.h",
           "\t\ttcp_range_count(net, c);\n", "", ["t_tcp_share"]),
    Mutant("a flag that is new does not close the fast path",
           "net/tcp_fast.c", "(c->flags & ~any) == TCP_F_TS",
           "(c->flags & ~any & 0x1ffffff) == TCP_F_TS", ["t_tcp_in"]),
    Mutant("the fast path does not say when it sent", "net/tcp_fast.c",
           "\tc->last_tx = tick_of(now);", "", ["replay_fast"]),
]

STARTS = [
    Mutant("memory is not compared with what there is", "dom/host/available.c",
           "\tif (shared + n->private <= room)", "\tif (1)",
           ["t_available"]),
    Mutant("a control group around ours does not count", "dom/host/cgroups.c",
           "\t\tif (strlen(dir) <= root)", "\t\tif (1)", ["t_available"]),
    Mutant("memory is prepared whatever signal comes", "dom/host/memory.c",
           "signalled() ? -EINTR", "0 ? -EINTR", ["t_host"]),
    Mutant("a broadcast address may be ours", "conf/check.c",
           "\tif (!(~ip & ~mask))", "\tif (0)", ["t_conf"]),
    Mutant("what we are late for is blamed on the pool", "nic/xdp_nic.h",
           "\t\tq->nr_late += lost - x->lost;",
           "\t\tq->nr_drops += lost - x->lost;", ["t_xdp_ring"]),
]

# Nothing is wrong after these, only slower.
PACE = [
    Mutant("no segment takes the fast path", "dp/rx.c",
           "\t\ti += tcp_fast_in(&dp->net, pkts + i, (u32)n - i, now);\n", "",
           ["baseline"]),
    Mutant("a segment costs some instructions more", "net/tcp_fast.c",
           "\tfor (i = 0; i < n; i++) {\n\t\tstruct mbuf *m = pkts[i];",
           "\tfor (i = 0; i < n; i++) {\n"
           "\t\tfor (volatile int j = 0; j < 4; j++)\n\t\t\t;\n"
           "\t\tstruct mbuf *m = pkts[i];", ["baseline"]),
]

MUTANTS = GATE + LIVES + LIMITS + TCP + STARTS + PACE
