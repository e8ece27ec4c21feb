#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py: flow groups move between the elastic threads of a
# dataplane in domain vm while it is loaded, and threads are parked.
#
#	processors 0, 1: ix run --domain vm -- echo ==wire== ixload: processor 1
#	                                            ==veth== ixload, Linux
#
# Over veth, AF_XDP with two queues: a program at the other end chooses them as
# a NIC does that is never told of a move. So what has moved is forwarded.
#
# moves.sh BUILD: exit 0 or 1
. "${0%/*}/lib.sh"
"$build/test/vm/hold" &

serve() { # OPTIONS...
	begin 200 --name served --cores 0,1 "$@" -- "$build/app/echo" --port 7 \
		>/tmp/server 2>&1 &
	started
}

load() { # ixload's arguments
	timeout 100 "$ix" run --domain inline --nic wire:/dev/shm/w \
		--ip 10.0.0.2/24 --cores 1 --name load $small -- \
		"$build/bench/ixload" 10.0.0.1:7 --json "$@" >/tmp/load 2>&1 &
	load=$!
}

# A thread of an emulated processor may be away for long.
insist() { # ix's arguments
	i=0
	until "$ix" "$@" >/tmp/out 2>&1 || [ $i = 10 ]; do
		i=$((i + 1))
	done
	[ $i -lt 10 ] || bad "ix $*: $(cat /tmp/out)"
}

groups() { # FIRST SECOND: what each thread has
	out=$(awk 'NR > 1 { printf "%s%s ", $3, $4 }' /tmp/out)
	[ "$out" = "$1 $2 " ] || bad "groups: $out instead of $1 $2"
}

back_and_forth() {
	insist cores served 1
	groups 128 0parked
	insist cores served 2
	groups 64 64
	insist move served 0 1
	groups 0parked 128
	insist park --back served 0
	groups 64 64
}

none() { # NAME COUNTER...: of that dataplane
	who=$1
	shift
	for c; do
		n=$(total $who $c)
		[ "$n" = 0 ] && ok "$who: no $c" || bad "$who: $c $n"
	done
}

has_all() { [ "$(total served tcp_conns)" = 24 ]; }

# Every byte of every answer is compared.
move_all() { # of 24 connections
	soon 100 has_all
	for round in 1 2; do
		back_and_forth
	done
	moved=$(total served moved_in)
	[ "$moved" -ge 24 ] && [ "$moved" = "$(total served moved_out)" ] &&
		ok "$moved connections have moved" || bad "moved: $moved"
	has_all && ok "all connections are there" ||
		bad "connections: $(total served tcp_conns)"
	none served drop_early move_lost drop_forward drop_no_buffer \
		calls_failed tcp_out_of_order tcp_rst_out
}

no_complaint() {
	wait $load && grep -q '"peer_closed":0,' /tmp/load &&
		grep -q '"wrong":0,' /tmp/load && ok "the load has no complaint" ||
		bad "load: $(tail -3 /tmp/load)"
}

serve
load --conns 24 --duration 40
move_all
none load tcp_out_of_order tcp_rst_in
no_complaint

# What is left to do for a connection that comes later.
insist cores served 1
load --conns 4 --duration 1
wait $load && ok "new connections on one thread" ||
	bad "load: $(tail -3 /tmp/load)"
kill $server
wait $server
[ $? = 0 ] && ok "it leaves" || bad "it leaves: $(tail -3 /tmp/server)"

# A thread without flow groups sleeps, also one that is never to sleep.
serve --idle spin
insist cores served 1
sleep 3
before=$(total served sleeps)
sleep 2
after=$(total served sleeps)
[ "$after" -gt "$before" ] && ok "a parked thread sleeps" ||
	bad "a parked thread: $before to $after sleeps"
insist cores served 2
sleep 3
before=$(total served sleeps)
sleep 2
after=$(total served sleeps)
[ "$after" = "$before" ] && ok "... and spins again afterwards" ||
	bad "a thread that is to spin: $before to $after sleeps"
kill $server
wait $server

# Of the other end, which is Linux.
linux() { # COUNTER of TcpExt
	$far cat /proc/net/netstat | awk -v name="$1" '
		$1 == "TcpExt:" && !n { n = split($0, names); next }
		$1 == "TcpExt:" { split($0, v)
			for (i in names) if (names[i] == name) print v[i] }'
}

veth 10.0.0.2/24 numrxqueues 2 numtxqueues 2
$far /usr/sbin/tc qdisc add dev c0 clsact &&
	$far /usr/sbin/tc filter add dev c0 egress bpf da \
		obj "$build/test/lab/veth_rss.o" sec tc || bad "tc"
serve --nic xdp:s0
timeout 100 $far "$build/bench/ixload" 10.0.0.1:7 --json --conns 24 \
	--duration 40 >/tmp/load 2>&1 &
load=$!
soon 100 has_all
n=$(total served forwarded)
[ "$n" -le 4 ] && ok "packets come to the right thread: $n do not" ||
	bad "$n packets are forwarded before anything moves"
move_all
n=$(total served forwarded)
[ "$n" -gt 24 ] && ok "... and are forwarded: $n" || bad "forwarded: $n"
n=$(linux TCPOFOQueue)
[ "$n" = 0 ] && ok "Linux gets all in order" || bad "Linux: out of order: $n"
no_complaint
kill $server
wait $server
[ $? = 0 ] && ok "it leaves" || bad "it leaves: $(tail -3 /tmp/server)"
exit $failed
