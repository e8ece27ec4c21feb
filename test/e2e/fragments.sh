#!/bin/bash
# SPDX-License-Identifier: MIT
# Datagrams that Linux has to cut up, at an MTU of 1500. On xdp with two threads,
# where fragments come to whatever queue the kernel chooses; TAP without root has
# one.
. "$(dirname "$0")/lib.sh"

sums=$build/test/e2e/sums cores=
ip6_ix=fd00:81::10
both="--ip $ip_ix/24,$ip6_ix/64"
[ "$nic" = tap ] || cores="--cores 0,1"

topology 2
[ "$nic" = xdp ] || ip tuntap add ix0 mode tap vnet_hdr # stays, with its address
ip_b -6 addr add fd00:81::2/64 dev ix0 nodad
serve 0 $cores $both -- "$sums" 9
so_far=0
for to in $ip_ix $ip6_ix; do
	ok "UDP, up to 65507 bytes, $to" peer udp_sums $to 9 65507
	ok "from many ports" peer udp_sums_ports $to 9 8000
	now=$(stat ip_reassembled)
	ok "put together" test $((now - so_far)) -ge 100
	so_far=$now
done
ok "none is left" reaches ip_frag_timeouts+ip_frag_cut 0
ok "nothing leaked" at_rest
stop_server
serve 0 $cores --frag.timeout 300ms -- "$sums" 9
ok "the server is there" peer udp_sums $ip_ix 9 100
ok "half a datagram is given up" peer udp_half $ip_ix 9
ok "... and counted" reaches ip_frag_timeouts 1
ok "nothing leaked" at_rest
stop_server
exit $failed
