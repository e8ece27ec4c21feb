#!/bin/bash
# SPDX-License-Identifier: MIT
# The NIC's link is down for a while; then the interface is removed, in its
# owner's back. It is said once and counted, and no core is kept busy.
. "$(dirname "$0")/lib.sh"

topology
serve 7 -- "$echo" --port 7

ip_a() {
	if [ "$nic" = xdp ]; then
		ip -n $tag-a "$@"
	else
		ip "$@"
	fi
}

# A peer that asks until the link is down, and once more when it is back.
"${on_b[@]}" python3 - $ip_ix "$tmp/up" >"$tmp/client" 2>&1 <<'END' &
import os, socket, sys, time
s = socket.create_connection((sys.argv[1], 7))
print("begun", flush=True)
sent = got = 0
while not os.path.exists(sys.argv[2]):
    s.settimeout(1)
    try:
        if sent - got < 100000:
            sent += s.send(b"x" * 1000)
        got += len(s.recv(100000))
    except OSError:
        time.sleep(0.1)
s.settimeout(60)
s.setblocking(True)
s.sendall(b"y" * 1000)
sent += 1000
while got < sent:
    n = len(s.recv(100000))
    if not n:
        break
    got += n
print("all" if got == sent else f"{got} of {sent}", flush=True)
END
client=$!
jobs="$jobs $client"

client_said() {
	for i in $(seq 300); do
		grep -q "$1" "$tmp/client" && return
		sleep 0.1
	done
	cat "$tmp/client"
	return 1
}

once() {
	said "$1" && [ "$(grep -c "$1" "$tmp/server")" = 1 ]
}

# Iterations in two seconds: those of a thread that sleeps. (One that does not
# makes a million.)
sleeps() {
	before=$(stat "iterations + polls_empty")
	sleep 2
	after=$(stat "iterations + polls_empty")
	echo "$((after - before)) iterations"
	[ $((after - before)) -lt 20000 ]
}

ok "a connection" client_said begun
sleep 0.5
ip_a link set ix0 down
ok "the link is down: it is said" once "the link is down"
ok "counted" reaches link_downs 1
sleep 1
ok "with packets to send, it sleeps" sleeps
lost() {
	for i in $(seq 20); do
		[ "$(stat drop_link)" = 0 ] || return 0
		sleep 0.2
	done
	return 1
}
[ "$nic" = xdp ] || ok "what is sent is lost, and counted" lost
ok "in the log" says "the link is down" "$ix" log --dir "$tmp" $server
ip_a link set ix0 up
touch "$tmp/up"
ok "the link is up: it is said" once "the link is up again"
ok "the connection goes on" client_said all
ok "others come" peer wait $ip_ix 7
kill $client 2>/dev/null
ok "nothing leaked" at_rest

if [ "$nic" = xdp ]; then
	ip netns del $tag-a
	ok "its namespace has no name any more: it goes on" \
		peer wait $ip_ix 7
	ip -n $tag-b link del ix0
else
	ip link del ix0
fi
ok "the interface is gone: it is said" once "the interface is gone"
ended() { # inline, the status is the application's
	wait $job
	status=$?
	echo "status $status"
	[ "$nic" = tap ] || [ $status = 1 ]
}
ok "that is its end" ended
exit $failed
