#!/bin/bash
# SPDX-License-Identifier: MIT
# ix pcap: what tshark says of it: all that travels, both ways, once; by a
# filter; to a file and to a pipe. It harms neither the dataplane nor the next
# one who looks.
. "$(dirname "$0")/lib.sh"

command -v tshark >/dev/null || skip "tshark is missing"
topology
[ "$nic" = tap ] || for n in a b; do
	ip netns exec $tag-$n sysctl -qw net.ipv6.conf.all.disable_ipv6=1
done
serve 7 -- "$echo" --port 7

# begin FILE OPTIONS...: in the background, until it captures; $pcap
begin() {
	rm -f "$1"
	file=$1
	shift
	timeout -k 1 $limit "$ix" pcap --dir "$tmp" --write "$file" echo "$@" \
		2>"$tmp/said" &
	pcap_job=$!
	jobs="$jobs $!"
	for i in $(seq 100); do
		[ -s "$file" ] && break
		sleep 0.05
	done
	pcap=$(pgrep -P $pcap_job)
}

# It ends by SIGINT, and well.
end() {
	sleep 0.3
	kill -INT $pcap
	wait $pcap_job
}

fields() { # FILTER FIELD...
	filter=$1
	shift
	tshark -r "$file" -Y "$filter" -T fields $(printf -- '-e %s ' "$@") \
		2>/dev/null
}

count() {
	fields "$1" frame.number | wc -l
}

is() { # NUMBER FILTER
	got=$(count "$2")
	echo "$got"
	[ "$got" = "$1" ]
}

pings() { # NUMBER [OPTIONS]
	n=$1
	shift
	on_b ping -q -c $n -i 0.02 "$@" $ip_ix
}

# The line that it ends with: WRITTEN SEEN LOST
summary() {
	sed -n 's/^ix: \([0-9]*\) packets written of \([0-9]*\) seen, \([0-9]*\) lost$/\1 \2 \3/p' \
		"$tmp/said"
}

none_lost() {
	read -r written seen lost <<<"$(summary)"
	echo "$(summary)"
	[ "$written" = "$seen" ] && [ "$lost" = 0 ] && [ "$(count frame)" = "$seen" ]
}

begin "$tmp/all"
ok "pings while it looks" pings 5 -s 1000
ok "connections" peer wait $ip_ix 7
ok "ends by SIGINT" end
ok "all that it has seen is there" none_lost
ok "5 requests from the NIC" is 5 \
	"icmp.type == 8 && frame.packet_flags_direction == 1"
ok "5 answers to the NIC" is 5 \
	"icmp.type == 0 && frame.packet_flags_direction == 2"
ok "... each to its own" is 5 "icmp.resp_to"
ok "whole" is 10 "icmp && frame.cap_len == 1042 && frame.len == 1042"
ok "a handshake" is 1 "tcp.flags.syn == 1 && tcp.flags.ack == 1"
ok "nothing is malformed" is 0 "_ws.malformed"
ok "the thread's name" is 10 'icmp && frame.interface_name == "echo.0"'
ok "the time is now" test $(($(date +%s) - $(fields icmp frame.time_epoch |
	head -1 | cut -d. -f1))) -le 60

begin "$tmp/few" --json icmp and greater 500
ok "pings" pings 3 -s 1000
ok "small pings" pings 3
ok "a connection" peer wait $ip_ix 7
ok "ends" end
ok "says how many, to programs" says '^{"written": 6, "seen": [0-9]*, "lost": 0}$' \
	cat "$tmp/said"
ok "what the filter takes" is 6 icmp
ok "nothing else" is 6 frame

begin "$tmp/short" --snap 50 icmp
ok "pings" pings 2 -s 1000
ok "ends" end
ok "cut short" is 4 "frame.cap_len == 50 && frame.len == 1042"

"${on_b[@]}" ping -q -i 0.05 $ip_ix >/dev/null 2>&1 &
jobs="$jobs $!"
live() {
	timeout 30 "$ix" pcap --dir "$tmp" --count 6 "$server" icmp 2>"$tmp/said" |
		tshark -r - 2>/dev/null >"$tmp/live"
	cat "$tmp/live" "$tmp/said"
	[ "$(grep -c 'Echo (ping)' "$tmp/live")" = 6 ]
}
ok "a pipe to tshark, by pid" live
gone() {
	timeout 30 "$ix" pcap --dir "$tmp" echo 2>"$tmp/said" | head -c 100 |
		wc -c
}
ok "a pipe that nobody reads any more ends it" says '^100$' gone

# Memory of the rings that is there, KB; by who may see that.
ring_kb() {
	awk '/memfd:ix-capture/ { here = 1 } here && /^Rss:/ { n += $2; here = 0 }
		END { print n + 0 }' /proc/$server/smaps
}

begin "$tmp/first"
[ ! -r /proc/$server/smaps ] || ok "memory for it" test "$(ring_kb)" -ge 16384
ok "two at once: refused" exits 1 already \
	"$ix" pcap --dir "$tmp" --write "$tmp/second" echo
kill -KILL $pcap
wait $pcap_job 2>/dev/null
again() {
	for i in $(seq 20); do
		timeout 20 "$ix" pcap --dir "$tmp" --count 2 --write "$tmp/second" \
			echo && return
		sleep 0.1
	done
	return 1
}
ok "killed: the next one may look" again

given_back() {
	for i in $(seq 20); do
		[ "$(ring_kb)" = 0 ] && return
		sleep 0.1
	done
	ring_kb
	return 1
}
[ ! -r /proc/$server/smaps ] || ok "... is given back" given_back

# Nobody takes the packets: they are lost, and counted, and nothing waits.
deaf() {
	mkfifo "$tmp/fifo"
	{ sleep 8; cat; } <"$tmp/fifo" >"$tmp/deaf" &
	reader=$!
	timeout -k 1 60 "$ix" pcap --dir "$tmp" --buffer 1 echo >"$tmp/fifo" \
		2>"$tmp/said" &
	pcap_job=$!
	jobs="$jobs $reader $pcap_job"
	sleep 1
	on_b ping -q -f -c 4000 -s 1400 $ip_ix >"$tmp/ping" || return 1
	grep -q ' 0% packet loss' "$tmp/ping" || return 1
	kill -INT $(pgrep -P $pcap_job)
	wait $pcap_job $reader
	file=$tmp/deaf
	read -r written seen lost <<<"$(summary)"
	echo "written $written, seen $seen, lost $lost, in the file $(count frame)"
	[ "$lost" -gt 0 ] && [ $((written + lost)) = "$seen" ] &&
		[ "$written" = "$(count frame)" ] && [ "$seen" -ge 8000 ]
}
ok "who does not read loses, and delays nobody" deaf

ok "no such dataplane" exits 1 "no dataplane" \
	"$ix" pcap --dir "$tmp" nosuch --write "$tmp/x"
ok "no filter" exits 2 "syntax error" \
	"$ix" pcap --dir "$tmp" --write "$tmp/x" echo "tcp prot 80"
ok "no number" exits 2 "from 1 to 65535" "$ix" pcap --snap 0 echo
ok "not to a terminal" exits 2 "terminal" \
	script -qec "$ix pcap --dir $tmp echo" /dev/null
if [ "$nic" = xdp ]; then
	chmod 755 "$tmp"
	ok "another user may not" exits 1 "only root" setpriv --reuid 65534 \
		--regid 65534 --clear-groups "$ix" pcap --dir "$tmp" \
		echo --write /dev/null
fi
begin "$tmp/last"
stop_server
ends_by_itself() {
	wait $pcap_job && [ "$(summary)" ]
}
ok "ends with the dataplane" ends_by_itself
exit $failed
