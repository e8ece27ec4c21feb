#!/bin/bash
# SPDX-License-Identifier: MIT
# Datagrams that Linux has to cut up, at an MTU of 1500. On xdp with two threads,
# where fragments come to whatever queue the kernel chooses; TAP without root has
# one.
. "$(dirname "$0")/lib.sh"

sums=$build/test/e2e/sums cores=
[ "$nic" = tap ] || cores="--cores 0,1"

topology 2
serve 0 $cores -- "$sums" 9
ok "UDP, up to 65507 bytes" peer udp_sums $ip_ix 9 65507
ok "from many ports" peer udp_sums_ports $ip_ix 9 8000
ok "put together" test "$(stat ip_reassembled)" -ge 100
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
