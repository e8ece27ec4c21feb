#!/bin/bash
# SPDX-License-Identifier: MIT
# IPv6 against Linux: neighbour discovery, ping, TCP and UDP both ways, both
# families at one listener, several addresses of each, under load.
. "$(dirname "$0")/lib.sh"

ip6_ix=fd00:81::10 ip6_peer=fd00:81::2 ip6_far=fd00:99::1
both="--ip $ip_ix/24,$ip6_ix/64"
size=50000000

ping6() {
	on_b ping -6 -c 3 -i 0.2 -W 2 "$@"
}

unreachable() {
	fails on_b ping -6 -c 1 -W 1 "$@"
}

# IPv4 packets that Linux has received.
ip4_in() {
	on_b awk '/^Ip: [0-9]/ { print $4 }' /proc/net/snmp
}

topology
[ "$nic" = xdp ] || ip tuntap add ix0 mode tap vnet_hdr # stays, with its address
ip_b -6 addr add $ip6_peer/64 dev ix0 nodad
serve 5001 $both --icmp_echo true -- "$xfer"
if [ "$nic" = xdp ]; then
	ok "the interface lets through who asks for us" \
		on_a grep -q 3333ff000010 /proc/net/dev_mcast
fi
ok "ping" ping6 $ip6_ix
ok "ping, 1400 bytes" ping6 -s 1400 $ip6_ix
ok "Linux to IX" peer send $ip6_ix 5001 $size
ok "IX to Linux" peer recv $ip6_ix 5001 $size
ok "both at once" peer both $ip6_ix 5001 $((size / 5))
ok "the same listener, by IPv4" peer both $ip_ix 5001 100000
ok "a port that nobody has" peer refused $ip6_ix 5999
ok "neighbours ask again" on_b ip -6 neigh flush dev ix0
ok "... and go on" peer send $ip6_ix 5001 100000
ok "nothing leaked" at_rest
ok "nothing dropped as damaged" reaches "drop_checksum + drop_nd" 0
stop_server

peer_start serve $ip6_peer 5002 3
for command in send recv both; do
	ok "IX opens: $command" on_a "$ix" run $(run_options) $both -- \
		"$xfer" --dial "$ip6_peer:5002" $command $((size / 5))
done
ok "Linux is content" peer_ends

serve 7 $both -- "$echo" --port 7 --udp
ok "UDP echo" peer udp $ip6_ix 7
ok "a UDP port that nobody has" peer udp_refused $ip6_ix 9
ok "many connections" peer churn $ip6_ix 7 300 20
ok "nothing leaked" at_rest
stop_server

# Behind the peer, from when on it says that it is a router, and until then.
serve 7 $both --icmp_echo true -- "$echo" --port 7
ip_b -6 addr add $ip6_far/128 dev lo
ok "nobody leads there" unreachable -I $ip6_far $ip6_ix
leads() { # within two seconds: IX hears of it once a second
	for i in 1 2 3 4; do
		ping6 -I $ip6_far $ip6_ix && return
		sleep 0.5
	done
	return 1
}
ok "a router says so" peer router ff02::1%ix0 0 6
ok "... and leads there" leads
ip_b -6 route add $ip6_ix/128 dev ix0 src $ip6_far
ok "TCP from there" peer churn $ip6_ix 7 20 5
ip_b -6 route del $ip6_ix/128 dev ix0
sleep 6
ok "... until its time is over" unreachable -I $ip6_far $ip6_ix
ok "nothing leaked" at_rest
stop_server

# Several addresses of each family.
more="--ip $ip_ix/24,10.81.0.11/24,10.82.0.10/24,$ip6_ix/64,fd00:81::11/64"
serve 7 $more --icmp_echo true -- "$echo" --port 7 --udp
ip_b addr add 10.82.0.2/24 dev ix0
for to in $ip_ix 10.81.0.11 10.82.0.10 $ip6_ix fd00:81::11; do
	ok "one of several: $to" peer churn $to 7 20 5
	ok "... ping" on_b ping -q -c 2 -i 0.1 -W 2 $to
done
# An answer comes from the first address of a network.
for to in $ip_ix 10.82.0.10 $ip6_ix; do
	ok "UDP, $to" peer udp $to 7
done
ok "nothing leaked" at_rest
stop_server

# Under load.
serve 0 $both -- "$kv" -p 11211
load() {
	says '"wrong":0' on_b "$ixload" --json --quiet --duration 0.5 \
		--warmup 0.1 --conns 8 --proto get --records 100 "$1"
}
ok "ixload, by IPv6" load "[$ip6_ix]:11211"
ok "ixload, by IPv4" load "$ip_ix:11211"
stop_server

# Nothing but IPv6.
serve 0 --ip $ip6_ix/64 -- "$xfer" --port 5001
ok "IPv6 alone" peer wait $ip6_ix 5001
ok "... Linux to IX" peer send $ip6_ix 5001 1000000
ok "... IX to Linux" peer recv $ip6_ix 5001 1000000
stop_server
serve 0 --ip $ip6_ix/64 -- "$echo" --port 7
before=$(ip4_in)
ok "... and answers" peer churn $ip6_ix 7 30 5
ok "... by IPv6" [ "$before" = "$(ip4_in)" ]
ok "nothing leaked" at_rest
stop_server

# Somebody else has the address: IX notices, and leaves it alone.
if [ "$nic" = xdp ]; then
	ip_b -6 addr add $ip6_ix/64 dev ix0 nodad
	serve 7 $both -- "$echo"
	ok "an address that somebody has is given up" reaches nd_taken 1
	stop_server
fi
exit $failed
