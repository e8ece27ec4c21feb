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
exit $failed
