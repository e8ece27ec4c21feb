#!/bin/bash
# SPDX-License-Identifier: MIT
# Two elastic threads. veth does not hash as we do, nor does TAP where no program
# may be loaded, as in a user namespace: packets come to the wrong thread, are
# forwarded, and nothing is lost or mixed up.
. "$(dirname "$0")/lib.sh"

[ "$(nproc)" -ge 2 ] || skip "needs two cores"
topology 2
# How many of its threads let others on their cores go on until they wait: they
# are SCHED_BATCH (field 41; the name has no blanks).
patient() {
	awk '$41 == 3' /proc/$server/task/*/stat | wc -l
}
soon() {
	for i in $(seq 100); do
		[ "$(patient)" = "$1" ] && return
		sleep 0.1
	done
	return 1
}
serve 5001 --cores 0,1 -- "$xfer"
ok "others on their cores may go on" soon 2
ok "Linux to IX" peer send $ip_ix 5001 50000000
ok "IX to Linux" peer recv $ip_ix 5001 50000000
# Somebody who wants a core that is asked for work all the time.
shared_core() {
	taskset -c 0 sh -c 'while :; do :; done' &
	hog=$!
	jobs="$jobs $hog"
	"${on_b[@]}" ping -q -i 0.002 $ip_ix >/dev/null &
	jobs="$jobs $!"
	said "thread 0: others run on core 0, too" && sleep 2.5
	kill $hog $!
	[ "$(grep -c "others run on core 0" "$tmp/server")" = 1 ]
}
ok "a core that others want is said once" shared_core
many_both() {
	for i in 1 2 3 4 5 6; do
		peer both $ip_ix 5001 10000000 &
	done
	for i in 1 2 3 4 5 6; do
		wait -n || return 1
	done
}
ok "six both ways at once" many_both
# Flow groups move meanwhile: every byte comes once and in order.
moves() {
	python3 - "$tmp"/*.sock <<'EOF'
import json, socket, sys, time
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
f = s.makefile("rw")
for i in range(40):
    f.write(json.dumps({"do": "cores", "n": 1 + i % 2}) + "\n")
    f.flush()
    answer = f.readline()
    if "error" in answer:
        sys.exit(answer)
    time.sleep(0.05)
EOF
}
many_moving() {
	moves &
	mover=$!
	many_both && wait $mover
}
ok "six both ways, moving" many_moving
ok "connections have moved" test "$(stat moved_in)" -gt 0
ok "none was lost" test "$(stat move_lost)" = 0
ok "ends of connections" peer abort $ip_ix 5001 20
ok "forwarding was needed" test "$(stat forwarded)" -gt 0
ok "nothing leaked" at_rest
stop_server

serve 7 --cores 0,1 --idle block -- "$echo" --port 7 --udp
ok "they may not where they are not known" test "$(patient)" = 0
opened=$(stat tcp_passive_opens)
ok "1000 connections" peer churn $ip_ix 7 1000 100
ok "none lost, none twice" reaches tcp_passive_opens $((opened + 1000))
ok "UDP" peer udp $ip_ix 7
ok "ping" on_b ping -q -c 20 -i 0.02 -W 2 $ip_ix
ok "nothing leaked" at_rest
both_worked() {
	"$ix" stat --dir "$tmp" --json $server | python3 -c '
import json, sys
opens = [t["tcp_passive_opens"] for t in json.load(sys.stdin)]
print(opens)
sys.exit(min(opens) < 100)'
}
ok "both threads had connections" both_worked
# Until few packets of these connections are forwarded: half of them are at
# first, and some stay that have no counterpart.
fewer_forwarded() {
	python3 - "$ix" stat --dir "$tmp" --json $server <<'EOF'
import json, subprocess, sys, time

def look():
    threads = json.loads(subprocess.check_output(sys.argv[1:]))
    return [sum(t[name] for t in threads)
            for name in ("forwarded", "rx_packets", "moves", "move_lost")]

before = look()
for _ in range(7):
    time.sleep(1)
    now = look()
    forwarded, packets = (b - a for a, b in zip(before, now[:2]))
    before = now
    print(f"{forwarded} of {packets} packets, {now[2]} moves")
    if now[2] and packets > 1000 and forwarded < packets / 3:
        sys.exit(now[3])
sys.exit("as many as before")
EOF
}
# By which queue a connection comes veth's other end chooses, at random.
follows() {
	"$ix" set --dir "$tmp" $server follow_queues=true
	"${on_b[@]}" "$ixload" --json --quiet --conns 32 --warmup 0 \
		--duration 8 $ip_ix:7 >"$tmp/load" &
	load=$!
	fewer_forwarded
	status=$?
	wait $load && [ $status = 0 ] && grep '"peer_closed":0,' "$tmp/load"
}
# ... but not what somebody places by hand.
by_hand() {
	"$ix" move --dir "$tmp" $server 0 1 &&
		says '^follow_queues.*false' "$ix" set --dir "$tmp" $server
}
if [ "$nic" = xdp ]; then
	ok "connections follow their queues" follows
	ok "whoever moves them by hand switches that off" by_hand
	ok "nothing leaked" at_rest
fi
stop_server

ip6_ix=fd00:81::10
serve 7 --cores 0,1 --ip $ip_ix/24,$ip6_ix/64 -- "$echo" --port 7 --udp
ip_b -6 addr add fd00:81::2/64 dev ix0 nodad
opened=$(stat tcp_passive_opens)
ok "1000 connections, by IPv6" peer churn $ip6_ix 7 1000 100
ok "none lost, none twice" reaches tcp_passive_opens $((opened + 1000))
ok "UDP, by IPv6" peer udp $ip6_ix 7
ok "ping, by IPv6" on_b ping -6 -q -c 20 -i 0.02 -W 2 $ip6_ix
ok "nothing leaked" at_rest
ok "both threads had connections" both_worked
stop_server

peer_start serve 0.0.0.0 5002 4
for i in 1 2 3 4; do
	ok "opened by IX" on_a "$ix" run $(run_options) --cores 0,1 -- \
		"$xfer" --dial $ip_peer:5002 both 10000000
done
ok "Linux is content" peer_ends
exit $failed
