#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py: a dataplane in domain vm is drained, and succeeded by
# another one on the same TAP device, or the same AF_XDP queue.
#
#	processor 0, 1: ix run --domain vm -- echo, twice ==NIC== Linux, ixload
#
# drain.sh BUILD: exit 0 or 1
. "${0%/*}/lib.sh"
"$build/test/vm/hold" &

is_there() { "$ix" stat "$1" >/dev/null 2>&1; }

serve() { # NAME CORE OPTIONS...
	name=$1 core=$2
	shift 2
	begin 300 --name "$name" --cores "$core" --port 7 --nic_shared --mbufs 4096 \
		"$@" -- "$build/app/echo" >/tmp/$name 2>&1 &
	server=$!
	soon 100 is_there "$name"
	sleep 3 # it says that it listens, once a second
}

answers() { # COUNT: new connections, one after the other
	n=0
	while [ $n -lt "$1" ]; do
		[ "$(echo hello | timeout 20 $far nc $address 7)" = hello ] ||
			return 1
		n=$((n + 1))
	done
}

has_all() { [ "$(total old tcp_conns)" = 8 ]; }

refused() { # NAME: whom has it sent away?
	n=$(($(total "$1" tcp_rst_out) + $(total "$1" drop_tcp_no_conn)))
	[ $n = 0 ] && ok "$1: nobody is refused" || bad "$1: $n are refused"
}

# The old one's connections are under load until they end.
succeed() { # WHAT OPTIONS...
	what=$1
	shift
	serve old 0 "$@"
	old=$server
	timeout 150 $far "$build/bench/ixload" $address:7 --conns 8 --json \
		--duration 60 --warmup 0 >/tmp/load 2>&1 &
	load=$!
	soon 50 has_all || bad "$what: connections: $(total old tcp_conns)"
	serve new 1 "$@"
	new=$server
	[ "$(total new tcp_passive_opens)" = 0 ] && ok "$what: a successor waits" ||
		bad "$what: $(cat /tmp/new)"
	"$ix" drain --timeout 120s old >/tmp/drain 2>&1 &
	drain=$!
	before=$(total old tcp_passive_opens)
	sleep 2
	answers 10 && [ "$(total new tcp_passive_opens)" = 10 ] &&
		[ "$(total old tcp_passive_opens)" = "$before" ] &&
		ok "$what: new connections are its own" ||
		bad "$what: new connections: $(total new tcp_passive_opens)"
	has_all && ok "$what: the old ones go on" ||
		bad "$what: old connections: $(total old tcp_conns)"
	refused old
	wait $load && grep -q '"peer_closed":0,' /tmp/load &&
		grep -q '"wrong":0,' /tmp/load &&
		ok "$what: ... until they end" || bad "$what: $(tail -3 /tmp/load)"
	wait $drain && wait $old && ok "$what: the old one has ended" ||
		bad "$what: drain: $(cat /tmp/drain /tmp/old)"
	answers 5 && ok "$what: the new one serves" || bad "$what: the new one"
	refused new
	kill $new 2>/dev/null
	wait $new
	[ $? = 0 ] && ok "$what: it leaves" || bad "$what: $(cat /tmp/new)"
}

address=10.78.0.9 far=
succeed tap --nic tap:t0,10.78.0.1/24 --ip $address/24

veth 10.77.0.1/24
$ip addr add 10.77.0.9/24 dev s0
address=10.77.0.9
succeed xdp --nic xdp:s0 --ip $address/24 --ports_only
exit $failed
