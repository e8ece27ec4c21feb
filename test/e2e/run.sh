#!/bin/bash
# SPDX-License-Identifier: MIT
# `ix run` on AF_XDP between two namespaces: what it says, shares, counts and
# leaves behind.
#
#	a 10.77.0.1 Linux's, ix0 ======== ix0 b 10.77.0.2, Linux
#	  10.77.0.9 IX's
#
#	run.sh IX ECHO
XDP_RAW=none
. "$(dirname "$0")/nic_lib.sh"
ix=$1 echo=$2
log=/tmp/$tag.log
IX_RUN_OPTIONS="${IX_RUN_OPTIONS:-} $("$(dirname "$0")/../../tool/user-option" \
	"$echo")"
trap 'finish; rm -f $log' EXIT

[ "$(id -u)" = 0 ] || skip "needs root"
veth_pair 2 2>/dev/null || skip "no network namespaces here"

# start OPTIONS...: echo in a; $server
start() {
	ip netns exec $tag-a "$ix" run --nic xdp:ix0 ${IX_RUN_OPTIONS:-} \
		"$@" >$log 2>&1 &
	server=$!
	pids="$pids $server"
	for _ in $(seq 100); do
		grep -q 'ix: domain' $log && sleep 0.2 && return
		kill -0 $server 2>/dev/null || break
		sleep 0.1
	done
	echo "FAILED: ix run $*"
	sed 's/^/    /' $log
	exit 1
}

# stop [SIGNAL]: sends it; the server's exit status
stop() {
	kill -${1:-TERM} $server
	wait $server 2>/dev/null
}

# echoes ADDRESS PORT TEXT: comes back
echoes() {
	in_ns $tag-b timeout 5 bash -c 'exec 3<>/dev/tcp/$0/$1 &&
		echo "$2" >&3 && read -r -t 3 line <&3 && [ "$line" = "$2" ]' \
		"$1" "$2" "$3"
}

pings() {
	in_ns $tag-b ping -q -c 10 -i 0.01 -W 2 "$1"
}

says_in_log() {
	cat $log
	grep -q -e "$1" $log
}

counter() {
	echo $(($("$ix" stat --json $server | grep -o "\"$1\": [0-9]*" |
		grep -o '[0-9]*$' | paste -sd+)))
}

counts() {
	n=$(counter "$1")
	echo "$1 is $n"
	[ "$n" -ge "$2" ]
}

# Ticks of 10 ms that the server has used.
cpu() {
	echo $(($(cut -d' ' -f14,15 /proc/$server/stat | tr ' ' +)))
}

idles() {
	before=$(cpu)
	sleep 2
	after=$(cpu)
	echo "$((after - before)) ticks in 2 s"
	[ $((after - before)) -lt 10 ]
}

no_program() {
	ip -n $tag-a link show ix0
	! ip -n $tag-a link show ix0 | grep -q xdp
}

no_page() {
	! "$ix" stat $server
}

# The whole of an address that Linux does not have, two threads.
start --ip 10.77.0.9/24 --port 7 --cores 0,1 --name e2e -- "$echo"
ok "names the wall" says_in_log 'wall 2: separate processes'
ok "names NIC and mode" says_in_log 'AF_XDP, driver mode, copy, 2 queues'
ok "names the pages" says_in_log 'pages \(2 MB\|4 KB\)'
ok "ping" pings 10.77.0.9
for i in 1 2 3 4 5 6 7 8; do
	ok "echo $i" echoes 10.77.0.9 7 "hello $i"
done
ok "Linux keeps its own address" pings 10.77.0.1
ok "counts connections" counts tcp_passive_opens 8
ok "found by name" "$ix" stat e2e
ok "no CPU when idle" idles
ok "a second one is told who has it" \
	says "another dataplane of IX (XDP program id [0-9]*, process $server, ix)" \
	ip netns exec $tag-a "$ix" run --nic xdp:ix0 --ip 10.77.0.9/24 \
	--cores 0,1 -- "$echo"
ok "SIGTERM ends it in order" stop
ok "the interface is given back" no_program
ok "the counter page is gone" no_page

# Killed without a chance: the next one starts all the same.
start --ip 10.77.0.9/24 --port 7 --cores 0,1 -- "$echo"
stop KILL
start --ip 10.77.0.9/24 --port 7 --cores 0,1 -- "$echo"
ok "echo after kill -9 and restart" echoes 10.77.0.9 7 again
ok "and ends" stop

# Some ports of Linux's address.
start --ports_only --port 7 --cores 0,1 -- "$echo"
ok "says that it shares" says_in_log '10.77.0.1/24[^;]* shared with Linux'
ok "our port" echoes 10.77.0.1 7 shared
ok "Linux answers pings" pings 10.77.0.1
ok "Linux refuses other ports" refused $tag-b 10.77.0.1 8
ok "ends" stop

# Refused.
other() {
	in_ns $tag-a "$ix" run "$@" -- "$echo"
}
ok "an MTU above the link's" says "mtu: 9000 is above the link's, 1500" \
	other --nic xdp:ix0 --ip 10.77.0.9/24 --cores 0,1 --mtu 9000
ok "loopback" says "lo is the loopback interface" \
	other --nic xdp:lo --ip 10.77.0.9/24
ok "a gateway off the host's link" says "gateway: not on the link" \
	other --nic xdp:ix0 --ports_only --port 7 --gateway 10.78.0.1
ok "the host's address as gateway" says "gateway: our own address" \
	other --nic xdp:ix0 --ports_only --port 7 --gateway 10.77.0.1

exit $failed
