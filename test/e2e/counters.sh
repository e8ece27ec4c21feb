#!/bin/bash
# SPDX-License-Identifier: MIT
# The counter page, read while the program runs: it agrees with what was sent
# and with what Linux counts at the other end of the link.
. "$(dirname "$0")/lib.sh"

# rx|tx packets|bytes of the peer, as Linux counts them
link() {
	ip_b -s -j link show ix0 | python3 -c '
import json, sys
print(json.load(sys.stdin)[0]["stats64"][sys.argv[1]][sys.argv[2]])' "$@"
}

# The same within 5, for what is no business of IX.
close_to() {
	[ $(($1 - $2)) -le 5 ] && [ $(($2 - $1)) -le 5 ]
}

topology
[ "$nic" = tap ] || for n in a b; do
	ip netns exec $tag-$n sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
serve 7 --tcp.rto_min 200ms -- "$echo" --port 7 --udp
sleep 0.5
link_rx=$(link rx packets) ix_tx=$(stat tx_packets)
link_rx_bytes=$(link rx bytes) ix_tx_bytes=$(stat tx_bytes)
link_tx=$(link tx packets) ix_rx=$(stat rx_packets)
opened=$(stat tcp_passive_opens) established=$(stat tcp_established)
closed=$(stat tcp_closed) resets=$(stat tcp_rst_in)

ok "200 connections" peer churn $ip_ix 7 200 10
ok "100 pings" on_b ping -q -c 100 -i 0.01 -W 2 $ip_ix
ok "UDP" peer udp $ip_ix 7
ok "a closed UDP port" peer udp_refused $ip_ix 8
ok "a closed TCP port" peer refused $ip_ix 8
sleep 0.5

sent=$(($(stat tx_packets) - ix_tx)) got=$(($(link rx packets) - link_rx))
ok "sent $sent packets, Linux received $got" close_to $sent $got
sent=$(($(link tx packets) - link_tx)) got=$(($(stat rx_packets) - ix_rx))
ok "received $got packets, Linux sent $sent" close_to $sent $got
sent=$(($(stat tx_bytes) - ix_tx_bytes))
got=$(($(link rx bytes) - link_rx_bytes))
ok "sent $sent bytes, Linux received $got" \
	test $((sent - got)) -lt 500 -a $((got - sent)) -lt 500
ok "connections" reaches tcp_passive_opens $((opened + 200))
ok "established" reaches tcp_established $((established + 200))
ok "ended" reaches tcp_closed $((closed + 200))
ok "resets received" reaches tcp_rst_in $((resets + 200 / 3))
ok "closed ports: UDP" reaches drop_udp_no_port 1
ok "closed ports: TCP" reaches drop_tcp_no_conn 1
ok "nothing damaged" reaches drop_checksum 0
ok "no retransmission" reaches tcp_retransmits 0
ok "readable for people, too" grep -q tcp_passive_opens \
	<("$ix" stat --dir "$tmp" $server)
ok "nothing leaked" at_rest
exit $failed
