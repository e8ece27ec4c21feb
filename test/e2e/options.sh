#!/bin/bash
# SPDX-License-Identifier: MIT
# Over a bad path, against Linux, by both families: every byte both ways though
# one side has not got one of TCP's options, each option of each side in turn.
. "$(dirname "$0")/lib.sh"

SIZE=100000
. "$here/path_lib.sh"
# What comes at once does not fit.
slow=,rate=20m,queue=15000,mark=5000,delay=2ms

unmarked() { # NAME PATH LINUX OPTIONS...: a round
	round "$@"
	ok "$1: nothing is marked" grep '"marked":0,.*"marked":0,' "$tmp/fate"
}

bad_topology
round "Linux without SACK" $bad sack=0
round "IX without SACK" $bad "" --tcp.sack=false
round "Linux without timestamps" $bad timestamps=0
round "IX without timestamps" $bad "" --tcp.timestamps=false
round "Linux without scaling" $bad window_scaling=0
round "IX without scaling" $bad "" --tcp.wscale=false --tcp.rcv_buf 65535
unmarked "Linux without ECN" $slow ecn=0
unmarked "IX without ECN" $slow "" --tcp.ecn=off
exit $failed
