#!/bin/bash
# SPDX-License-Identifier: MIT
# IX takes some ports of the host's address: all else there stays Linux's.
. "$(dirname "$0")/lib.sh"

[ "$nic" = xdp ] || skip "AF_XDP only"
topology
ip_ix=10.81.0.1 ip6_ix=fd00:81::1 ip6_peer=fd00:81::2
ip -n $tag-a -6 addr add $ip6_ix/64 dev ix0 nodad
ip -n $tag-b -6 addr add $ip6_peer/64 dev ix0 nodad
run_options() {
	echo "--nic xdp:ix0 --ports_only --port 7,5001 --cores 0" \
		"--stat_dir $tmp ${IX_RUN_OPTIONS:-}"
}
serve 5001 -- "$xfer"
on_b=("${on_a[@]}") # a service of Linux, beside IX
peer_start serve $ip_ix 5002 3
peer6_start() {
	"${on_a[@]}" python3 "$here/peer" serve $ip6_ix 5002 2 >"$tmp/peer6" 2>&1 &
	peer6=$!
	jobs="$jobs $peer6"
	until grep -q ready "$tmp/peer6"; do sleep 0.1; done
}
peer6_start
on_b[3]=$tag-b
ok "IX's port" peer send $ip_ix 5001 10000000
ok "Linux's service" peer send $ip_ix 5002 10000000
ok "IX's port" peer both $ip_ix 5001 10000000
both_at_once() {
	peer recv $ip_ix 5001 50000000 &
	peer recv $ip_ix 5002 50000000 && wait $!
}
ok "both at once" both_at_once
ok "Linux's service" peer both $ip_ix 5002 10000000
ok "Linux's service is content" peer_ends
ok "IX's port, by IPv6" peer send $ip6_ix 5001 10000000
ok "... the other way" peer recv $ip6_ix 5001 10000000
ok "Linux's service, by IPv6" peer both $ip6_ix 5002 10000000
both_at_once6() {
	peer recv $ip6_ix 5001 50000000 &
	peer recv $ip6_ix 5002 50000000 && wait $!
}
ok "both at once, by IPv6" both_at_once6
ok "Linux's service is content" wait $peer6
# The peer moves to another card: Linux hears of it, and so IX.
ip -n $tag-b link set ix0 address 02:00:00:00:77:01
ok "Linux hears of it" on_b ping -q -c 1 -W 2 $ip_ix
sleep 1.5
ok "IX follows" peer both $ip_ix 5001 1000000
ok "Linux answers pings" on_b ping -q -c 5 -i 0.1 -W 2 $ip_ix
ok "Linux refuses other ports" peer refused $ip_ix 6
ok "IPv6: Linux hears of it" on_b ping -6 -q -c 1 -W 2 $ip6_ix
sleep 1.5
ok "... IX follows" peer both $ip6_ix 5001 1000000
ok "... Linux answers pings, in fragments, too" \
	on_b ping -6 -q -c 5 -i 0.1 -W 2 -s 4000 $ip6_ix
ok "... Linux refuses other ports" peer refused $ip6_ix 6
ok "neither asks nor advertises for itself" reaches drop_nd 0
ok "nothing leaked" at_rest
stop_server
ok "IX gone: Linux refuses its port, too" peer refused $ip_ix 5001
ok "... by IPv6 as well" peer refused $ip6_ix 5001
serve 7 -- "$echo"
ok "SYNs of an impostor change nothing" peer forge $ip_ix 7 100
stop_server

# What Linux has, or may choose, IX does not take; nor has its application
# what is not IX's.
: >"$tmp/peer" # what the last one said counts no more
"${on_a[@]}" python3 -c 'import socket, time
t = socket.create_server(("", 5003))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
u.bind(("", 5004))
t6 = socket.create_server(("'$ip6_ix'", 5005), family=socket.AF_INET6)
print("ready", flush=True)
time.sleep(60)' >"$tmp/peer" &
service=$!
jobs="$jobs $service"
until grep -q ready "$tmp/peer"; do sleep 0.1; done
no_start() { # PATTERN OPTIONS...: ix run says so and ends
	pattern=$1
	shift
	on_a "$ix" run --nic xdp:ix0 --ports_only --cores 0 --stat_dir "$tmp" \
		${IX_RUN_OPTIONS:-} "$@" >"$tmp/says" 2>&1 && return 1
	cat "$tmp/says"
	grep -q -e "$pattern" "$tmp/says"
}
ok "a port of Linux's is refused" \
	no_start "Linux has TCP port 5003" --port 7,5003 -- "$echo"
ok "UDP's as well" no_start "Linux has UDP port 5004" --port 5004 -- "$echo"
ok "IPv6's as well" no_start "Linux has TCP port 5005" --port 5005 -- "$echo"
ok "one among those of our choice" no_start "Linux has TCP port 5003" \
	--port 7 --tcp.port_min 5000 --tcp.port_max 5010 -- "$echo"
ok "one that Linux may choose" \
	no_start "may choose port 40000" --port 40000 -- "$echo"
ok "no application speaks for DHCP" no_start "Permission denied" --port 7 -- \
	"$echo" --udp --port 67
kill $service
all_ports() { # what a hostile application gets of all that it asks for
	on_a "$ix" run $(run_options) --quiet --tcp.port_min 20000 \
		--tcp.port_max 20009 -- "$build/test/hostile/hostile" ports
}
ok "an application has no other port" says "^udp 7 5001 20000-20009$" all_ports
ok "... of TCP, either" grep "^tcp 7 5001 20000-20009$" "$tmp/says"

# With ports of its own choice.
dials() { # ADDRESS
	on_a "$ix" run $(run_options) --tcp.port_min 20000 \
		--tcp.port_max 20009 -- "$xfer" --dial "$1:5001" both 1000000
}
for to in 10.81.0.2 $ip6_peer; do
	: >"$tmp/peer"
	peer_start serve $to 5001 1
	ip -n $tag-a neigh flush dev ix0
	ok "connects to $to from ports of its own, unknown to Linux" dials $to
	ok "to the peer's content" peer_ends
done
exit $failed
