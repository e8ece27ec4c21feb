#!/bin/bash
# SPDX-License-Identifier: MIT
# More SYNs at once than the backlog holds: nobody is lost. Those that found it
# full succeed when Linux repeats its SYN, after a second.
. "$(dirname "$0")/lib.sh"

topology
sysctl=(sysctl -qw net.ipv4.tcp_syn_retries=20
	net.ipv4.tcp_syn_linear_timeouts=20)
on_b "${sysctl[@]}" || skip "this Linux cannot repeat SYNs every second"
serve 5001 -- "$xfer" --backlog 16
ok "burst of 150" peer burst $ip_ix 5001 150 $server
ok "the backlog was full" test "$(stat drop_tcp_backlog)" -gt 0
ok "nothing leaked" at_rest
ok "goes on" peer recv $ip_ix 5001 1000
exit $failed
