#!/bin/bash
# SPDX-License-Identifier: MIT
# UDP of every size that fits, pings, and who says that nobody is there.
. "$(dirname "$0")/lib.sh"

topology
serve 7 -- "$echo" --port 7 --udp
ok "UDP, 0 to 1472 bytes" peer udp $ip_ix 7
for size in 0 1 56 1472; do
	ok "ping of $size bytes" on_b ping -q -c 5 -i 0.05 -W 2 -s $size $ip_ix
done
ok "many pings" on_b ping -q -c 500 -i 0.002 -W 2 $ip_ix
ok "UDP port closed: ICMP unreachable" peer udp_refused $ip_ix 8
ok "TCP port closed: RST" peer refused $ip_ix 8
ok "nothing leaked" at_rest
stop_server
serve 7 --icmp_echo false -- "$echo"
ok "pings refused when told so" fails on_b ping -q -c 1 -W 1 $ip_ix
exit $failed
