#!/bin/bash
# SPDX-License-Identifier: MIT
# Programs in the original's manner, on IX, with clients on Linux: the picture
# is in ../e2e/lib.sh.
. "$(dirname "$0")/../e2e/lib.sh"
compat=$build/test/compat/compat_

clients() { # COMMAND HOST PORT [NUMBER...]
	on_b python3 "$(dirname "$0")/clients.py" "$@"
}

topology
for program in ops_echo zc_echo "echoserver 1000"; do
	serve 7 --port 7 -- $compat$program
	ok "$program: bytes of every number" clients sizes $ip_ix 7
	ok "$program: 60 at once" clients many $ip_ix 7 60 100000
	ok "$program: clients that vanish" clients vanish $ip_ix 7 40
	ok "$program: one after the other" clients churn $ip_ix 7 200
	ok "$program: nothing leaked" at_rest
	ok "$program: ends well" stop_server
done
serve 7 --port 7 -- ${compat}ops_echo
ok "FIN first, then the answer" clients half_close $ip_ix 7 2000000
stop_server
for how in pool place; do
	serve 0 --port 7 -- ${compat}udp_echo $how
	ok "UDP $how, 0 to 1472 bytes" peer udp $ip_ix 7
	ok "UDP $how, 50 ports at once" clients datagrams $ip_ix 7 50 40
	ok "ignored connections make room" clients ignored $ip_ix 7 300
	ok "UDP still answers" clients datagrams $ip_ix 7 1 10
	ok "ends well" stop_server
done
exit $failed
