#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py: NICs as QEMU makes them, with Debian's drivers, and
# Linux at their other ends, outside: far COMMAND runs there.
#
#	processors 0, 1: ix run -- echo     n0, n1 ==== n0, n1  ixload on Linux
#	                 ix run -- ixload               echo on Linux
#
#	steering  n0: virtio_net, which has an indirection table, applied by QEMU. So
#	          what is done by `ethtool -X` is seen: packets come to the queues of
#	          flow groups' owners, and where groups move to, they follow.
#	models    n0: the same without a table. n1 and so on: other drivers.
#
# nic.sh BUILD steering|models: exit 0 or 1
. "${0%/*}/lib.sh"

# Takes the place of its shell: (run ...), or run ... &
run() { # NIC OPTIONS... -- PROGRAM...
	on=$1
	shift
	exec "$ix" run --domain inline --nic "xdp:$on" --name served --mbufs 4096 \
		--arena 32M --tcp.max_conns 256 "$@" >/tmp/server 2>&1
}

serve() { # NIC OPTIONS... -- PROGRAM...
	nic=$1
	run "$@" &
	started
}

said() {
	grep -q "$1" /tmp/server && ok "$nic: said: $1" ||
		bad "$nic: not said: $1: $(cat /tmp/server)"
}

leave() {
	kill $server
	wait $server
	[ $? = 0 ] && ok "$nic: it leaves" || bad "$nic: $(tail -3 /tmp/server)"
}

load() { # ADDRESS ixload's options...
	to=$1
	shift
	far timeout 60 "$build/bench/ixload" -b linux "$to" --json --warmup 0 \
		--timeout 30 --connect-timeout 30 "$@" >/tmp/load &
	load=$!
}

# Every byte of every answer is compared.
no_complaint() { # WHAT
	wait $load && grep -q '"peer_closed":0,' /tmp/load &&
		grep -q '"wrong":0,' /tmp/load && ok "$nic: $1" ||
		bad "$nic: $1: $(cat /tmp/load)"
}

none() { # COUNTER...
	"$ix" stat served --all >/tmp/stat
	for c; do
		n=$(sum $c </tmp/stat)
		[ "$n" = 0 ] && ok "$nic: no $c" || bad "$nic: $c: $n"
	done
}

# What `ethtool` says of a table, and of what is hashed.
table() {
	ethtool -x n0
	ethtool -n n0 rx-flow-hash udp4
}

queues_of_table() { # each once
	ethtool -x n0 | awk '/^ *[0-9]+: / { for (i = 2; i <= NF; i++) print $i }' |
		sort -u | xargs
}

more_of() { # COUNTER
	echo $(($(sum $1 </tmp/after) - $(sum $1 </tmp/before)))
}

# Where packets come to their owners' queues none is forwarded.
follows() { # QUEUES WHAT
	out=$(queues_of_table)
	[ "$out" = "$1" ] && ok "$2: queues $1 in the table" ||
		bad "$2: queues $out in the table instead of $1"
	"$ix" stat served --all >/tmp/before
	sleep 0.5
	"$ix" stat served --all >/tmp/after
	forwarded=$(more_of forwarded)
	packets=$(more_of rx_packets)
	[ $forwarded = 0 ] && [ $packets -gt 100 ] &&
		ok "$2: of $packets packets none is forwarded" ||
		bad "$2: of $packets packets $forwarded are forwarded"
}

# A thread of an emulated processor may be away for long.
insist() { # ix's arguments
	i=0
	until "$ix" "$@" >/tmp/out 2>&1 || [ $i = 10 ]; do
		i=$((i + 1))
	done
	[ $i -lt 10 ] || bad "ix $*: $(cat /tmp/out)"
}

has_all() { [ "$(total served tcp_conns)" = 24 ]; }

linux() { # COUNTER of TcpExt, at the other end
	far cat /proc/net/netstat | awk -v name="$1" '
		$1 == "TcpExt:" && !n { n = split($0, names); next }
		$1 == "TcpExt:" { split($0, v)
			for (i in names) if (names[i] == name) print v[i] }'
}

# Two threads, or one beside whose queue there is another one.
moves() {
	serve n0 --cores 0,1 --ip 10.0.0.9/24,fd00::9/64 \
		-- "$build/app/echo" --port 7
	said "(virtio_net): AF_XDP, driver mode, copy, 2 queues, MTU 1500, payload"
	load 10.0.0.9:7 --conns 24 --duration 25
	soon 100 has_all
	follows "0 1" "at first"
	insist cores served 1
	follows 0 "one thread"
	insist move served 0 1
	follows 1 "the other one"
	insist cores served 2
	follows "0 1" "both"
	insist move served 1 0 --groups 64-95
	follows "0 1" "some groups"
	none drop_early move_lost drop_forward drop_no_buffer drop_late \
		calls_failed tcp_out_of_order tcp_rst_out drop_checksum
	n=$(linux TCPOFOQueue)
	[ "$n" = 0 ] && ok "Linux gets all in order" || bad "Linux: out of order: $n"
	no_complaint "the load has no complaint"

	# To the other thread goes who the neighbour is.
	before=$(total served forwarded)
	load "[fd00::9]:7" --conns 8 --duration 1
	no_complaint IPv6
	n=$(($(total served forwarded) - before))
	[ $n -le 1 ] && ok "IPv6: none is forwarded" || bad "IPv6: $n are forwarded"

	load 10.0.0.9:7 --conns 24 --duration 10
	soon 100 has_all
	$ip link set n0 down
	sleep 0.5
	$ip link set n0 up
	sleep 1
	follows "0 1" "after the link was down"
	no_complaint "connections go on"
	leave
}

alone() {
	serve n0 --cores 1 --ip 10.0.0.9/24 -- "$build/app/echo" --port 7
	load 10.0.0.9:7 --conns 24 --duration 6
	soon 100 has_all
	follows 0 "one of two queues"
	no_complaint "nothing goes to the other one"
	leave
}

# Which thread's the answer to a SYN will be is known before it is sent.
connects() {
	far "timeout 100 $build/bench/linux_echo --port 7 >/dev/null 2>&1 & echo"
	serve n0 --cores 0,1 --ip 10.0.0.9/24 -- "$build/bench/ixload" 10.0.0.2:7 \
		--conns 24 --warmup 0 --duration 12 --json
	soon 100 has_all
	follows "0 1" "IX connects"
	wait $server && grep -q '"wrong":0,' /tmp/server && ok "IX has no complaint" ||
		bad "IX connects: $(cat /tmp/server)"
}

steering() {
	# As somebody may have left it.
	ethtool -X n0 weight 3 1
	ethtool -N n0 rx-flow-hash udp4 sd
	far ip addr add fd00::2/64 dev n0 nodad
	table >/tmp/found
	for part in moves alone; do
		$part
		table | cmp -s - /tmp/found && ok "the table is as it was found" ||
			bad "the table: $(table)"
	done
	connects
}

# Messages that are more than a packet, and so leave Linux as large ones.
model() { # NIC ADDRESS CORES SAID...
	of=$1 at=$2 cores=$3
	shift 3
	serve $of --cores $cores --ip "$at/24" -- "$build/app/echo" --port 7
	for what; do
		said "$what"
	done
	load "$at:7" --conns 4 --size 5000 --duration 1
	no_complaint echo
	none drop_checksum drop_no_buffer
	leave
}

# Two dataplanes, one who attaches the program and one who finds it.
shares() {
	share="--ports_only --nic_shared --ip 10.0.0.1/24"
	(run n0 $share --cores 0 --port 7 --tcp.port_min 20000 \
		--tcp.port_max 20009 -- "$build/app/echo") &
	started
	first=$server
	said "(virtio_net): AF_XDP, generic mode, copy, 1 queue from 0 on, shared"
	(run n0 $share --name other --cores 1 --nic_queue 1 --port 8 \
		--tcp.port_min 20010 --tcp.port_max 20019 \
		-- "$build/app/echo") &
	server=$!
	soon 100 grep -q "from 1 on" /tmp/server
	said "(virtio_net): AF_XDP, generic mode, copy, 1 queue from 1 on, shared"
	leave
	server=$first
	leave
}

models() {
	# With a program the driver would receive on more queues than there are
	# threads.
	nic=n0
	(run n0 --cores 0 --ip 10.0.0.9/24 -- "$build/app/echo" --port 7) &&
		bad "a queue too many"
	said '"ethtool -L n0 combined 1"'
	model n0 10.0.0.9 0,1 "(virtio_net): AF_XDP, generic mode, copy, 2 queues" \
		"no RSS control"
	shares
	model n1 10.0.1.9 0 "(e1000e): AF_XDP, generic mode, copy, 1 queue"
	model n2 10.0.2.9 0 "(vmxnet3): AF_XDP"
	model n3 10.0.3.9 0 "(e1000): AF_XDP"
	model n4 10.0.4.9 0 "(8139cp): AF_XDP, generic mode, copy, 1 queue"
}

for i in 0 1 2 3 4; do
	[ ! -e /sys/class/net/n$i ] || {
		$ip link set n$i up
		$ip addr add 10.0.$i.1/24 dev n$i
	}
done
$2
exit $failed
