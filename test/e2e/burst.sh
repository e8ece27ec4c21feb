#!/bin/bash
# SPDX-License-Identifier: MIT
# A packet of each of many connections while the dataplane does not run: what
# the NIC receives into is sized for that, and nothing is lost.
. "$(dirname "$0")/lib.sh"
conns=3000

[ "$(ulimit -Hn)" -gt $((conns + 100)) ] || skip "needs $conns open files"
topology
# Domain vm has smaller rings on older Linux.
serve 7 --domain process -- "$echo" --port 7
lost=$(stat "drop_late + drop_no_buffer")
ok "$conns connections speak at once" peer at_once $ip_ix 7 $conns $server
sleep 1.2 # lost packets are counted once a second
ok "none of it was lost" test "$(stat "drop_late + drop_no_buffer")" = "$lost"
ok "nothing leaked" at_rest
stop_server

# What the NIC receives into leaves room for what is not read yet, of a peer who
# is also sent more than he takes at once.
halting() {
	while kill -STOP $server; do
		sleep 0.01
		kill -CONT $server
		sleep 0.02
	done 2>/dev/null
}
serve 5001 --domain inline --mbufs 4096 --tso false -- "$xfer"
halting &
halting=$!
jobs="$jobs $halting"
ok "both at once, now and then not running" peer both $ip_ix 5001 20000000
kill $halting
wait $halting 2>/dev/null
kill -CONT $server
ok "there was room for what came" test "$(stat drop_tcp_memory)" = 0
exit $failed
