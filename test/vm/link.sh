#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py: the link of a dataplane in domain vm is down for a
# while, and up again; then its interface is removed. As test/e2e/link.sh.
#
#	processor 0: ix run --domain vm -- echo  TAP ix0 === ixload on Linux
#	                                         s0=veth=c0 the same, in namespace c
#
# link.sh BUILD: exit 0 or 1
. "${0%/*}/lib.sh"
"$build/test/vm/hold" &

serve() { # NIC OPTIONS...
	nic=$1
	shift
	"$ix" run --domain vm --nic "$nic" --name served --cores 0 --mbufs 4096 \
		--arena 32M --tcp.max_conns 256 "$@" -- "$build/app/echo" \
		--port 7 >/tmp/server 2>&1 &
	started
}

counts() { [ "$(counter "$1")" -gt 0 ]; }

counted() { # COUNTER
	soon 50 counts "$1" && ok "$nic: counted: $1" || bad "$nic: no $1"
}

said() { # WHAT: once
	soon 50 grep -q "$1" /tmp/server
	[ "$(grep -c "$1" /tmp/server)" = 1 ] && ok "$nic: said: $1" ||
		bad "$nic: $1: $(cat /tmp/server)"
}

# Iterations in two seconds: those of a thread that sleeps.
sleeps() {
	before=$(($(counter iterations) + $(counter polls_empty)))
	sleep 2
	n=$(($(counter iterations) + $(counter polls_empty) - before))
	[ $n -lt 2000 ] && ok "$nic: it sleeps: $n iterations" ||
		bad "$nic: $n iterations"
}

has_all() { [ "$(counter tcp_conns)" = 4 ]; }

# Answers that are late are waited for; every byte of them is compared.
load() { # ADDRESS
	timeout 100 $on "$build/bench/ixload" -b linux "$1:7" --conns 4 --json \
		--timeout 60 --warmup 0 --duration 14 >/tmp/load 2>&1 &
	load=$!
	soon 50 has_all
	sleep 1
}

load_ends() {
	wait $load && grep -q '"peer_closed":0,' /tmp/load &&
		grep -q '"wrong":0,' /tmp/load && ok "$nic: $1" ||
		bad "$nic: $1: $(tail -3 /tmp/load)"
}

down_and_up() { # INTERFACE ADDRESS
	load $2
	$ip link set $1 down
	said "the link is down"
	counted link_downs
	sleep 1
	sleeps
	$ip link set $1 up
	said "the link is up again"
	load_ends "connections go on"
	[ "$(counter link_downs)" = 1 ] || bad "$nic: $(counter link_downs) downs"
}

gone() { # INTERFACE
	$ip link del $1
	said "the interface is gone"
	wait $server
	[ $? = 1 ] && ok "$nic: that is its end" || bad "$nic: exit $?"
}

on=
serve tap:ix0,10.78.0.1/24 --ip 10.78.0.9/24
down_and_up ix0 10.78.0.9
counted drop_link
gone ix0

veth 10.77.0.1/24
on=$far
serve xdp:s0 --ip 10.77.0.9/24
down_and_up s0 10.77.0.9
gone s0
exit $failed
