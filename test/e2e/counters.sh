#!/bin/bash
# SPDX-License-Identifier: MIT
# The counter page, read while the program runs: it agrees with what was sent
# and with what Linux counts at the other end of the link.
. "$(dirname "$0")/lib.sh"

link() { # tx_packets|rx_packets|tx_bytes|rx_bytes, as Linux counts
	on_b cat /sys/class/net/ix0/statistics/$1
}

topology
[ "$nic" = tap ] || for n in a b; do
	ip netns exec $tag-$n sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
serve 7 -- "$echo" --port 7 --udp
at_rest
sleep 0.5
rx0=$(link rx_packets) tx0=$(stat tx_packets)
rxb0=$(link rx_bytes) txb0=$(stat tx_bytes)
opens=$(stat tcp_passive_opens) in0=$(stat rx_packets)

ok "200 connections" peer churn $ip_ix 7 200 10
ok "100 pings" on_b ping -q -c 100 -i 0.01 -W 2 $ip_ix
ok "UDP" peer udp $ip_ix 7
ok "a closed UDP port" peer udp_refused $ip_ix 8
ok "a closed TCP port" peer refused $ip_ix 8
sleep 0.5

sent=$(($(stat tx_packets) - tx0)) got=$(($(link rx_packets) - rx0))
ok "packets sent: IX $sent, Linux received $got" test $sent = $got
sent=$(($(stat tx_bytes) - txb0)) got=$(($(link rx_bytes) - rxb0))
ok "bytes sent: IX $sent, Linux received $got" test $sent = $got
ok "packets received, at least" test $(($(stat rx_packets) - in0)) -gt 1500
ok "connections" reaches tcp_passive_opens $((opens + 200))
ok "established" reaches tcp_established $((opens + 200))
ok "ended" reaches tcp_closed $((opens + 200))
ok "resets received" reaches tcp_rst_in $((200 / 3))
ok "closed ports: UDP" reaches drop_udp_no_port 1
ok "closed ports: TCP" reaches drop_tcp_no_conn 1
ok "nothing damaged" reaches drop_checksum 0
ok "no retransmission" reaches tcp_retransmits 0
ok "readable for people, too" grep -q tcp_passive_opens \
	<("$ix" stat --dir "$tmp" $server)
ok "nothing leaked" no_leak
exit $failed
