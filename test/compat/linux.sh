#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs in the original's manner, on IX, with clients on Linux: the picture
# is in ../e2e/lib.sh.
. "$(dirname "$0")/../e2e/lib.sh"
compat=$build/test/compat/compat_

topology
for program in ops_echo zc_echo "echoserver 1000"; do
	serve 7 --port 7 -- $compat$program
	ok "$program: bytes of every number" peer echo_sizes $ip_ix 7
	ok "$program: 60 at once" peer echo_many $ip_ix 7 60 100000
	ok "$program: clients that vanish" peer echo_vanish $ip_ix 7 40
	ok "$program: one after the other" peer echo_churn $ip_ix 7 200
	ok "$program: nothing leaked" at_rest
	ok "$program: ends well" stop_server
done
serve 7 --port 7 -- ${compat}ops_echo
ok "FIN first, then the answer" peer echo_half_close $ip_ix 7 2000000
stop_server
for how in pool place; do
	serve 0 --port 7 -- ${compat}udp_echo $how
	ok "UDP $how, 0 to 1472 bytes" peer udp $ip_ix 7
	ok "UDP $how, 50 ports at once" peer datagrams $ip_ix 7 50 40
	ok "ignored connections make room" peer ignored $ip_ix 7 300
	ok "UDP still answers" peer datagrams $ip_ix 7 1 10
	ok "ends well" stop_server
done
exit $failed
