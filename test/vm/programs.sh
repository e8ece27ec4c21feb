#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py: the programs of app/ and example/ in domain vm, on
# TAP. Each is asked one thing by Linux, some of them by IPv6.
#
# programs.sh BUILD: exit 0 or 1
. "${0%/*}/lib.sh"
here=10.78.0.1 there=10.78.0.9 here6=fd78::1 there6=fd78::9

serve() { # OPTIONS... -- PROGRAM...: in the background, $server
	begin 60 --nic tap:t0,$here/24 --ip $there/24,$there6/64 \
		--ip6_detect false --mbufs 4096 --arena 32M "$@" &
	started
	/usr/sbin/ip -6 addr add $here6/64 dev t0 nodad
}

leave() { # WHAT
	kill "$server"
	wait "$server" || bad "$1: exit $?"
}

# One question, and the first lines of the answer, or its first datagram. The
# program may still be on its way to its port.
ask() { # tcp|udp ADDRESS PORT LINES QUESTION
	timeout 20 /bin/bash -c '
		until { exec 3<>"/dev/$1/$2/$3"; } 2>/dev/null; do
			sleep 0.5
		done
		if [ $1 = udp ]; then
			until [ "$answer" ]; do
				printf "$5" >&3
				answer=$(timeout 1 dd bs=2000 count=1 <&3)
			done 2>/dev/null
			echo "$answer"
		else
			printf "$5" >&3
			for ((i = 0; i < $4; i++)); do
				read -r line <&3 && echo "$line"
			done
		fi
	' bash "$@" 2>&1 | tr -d '\r'
}

answers() { # ANSWER QUESTION, as ask() has it
	want=$1
	shift
	got=$(ask "$@" | tr '\n' ' ')
	[ "$got" = "$want " ] && ok "$name: $1 $2" || bad "$name: $1 $2: $got"
}

volley() {
	timeout 30 "$build/app/pingpong" --linux --client $there --size 1,4000 \
		--iters 20 >/tmp/out 2>&1
}

"$build/test/vm/hold" &
sleep 2

name="echo"
serve -- "$build/app/echo" --port 7 --udp
answers "hello" udp $there 7 1 'hello\n'
answers "hello again" udp $there6 7 1 'hello again\n'
answers "one two" tcp $there6 7 2 'one\ntwo\n'
leave $name

name="pingpong"
serve -- "$build/app/pingpong" --server
soon 50 volley && ok "$name" || bad "$name: $(cat /tmp/out)"
leave $name

for name in echo echo_ix; do
	serve --port 7 -- "$build/test/vm/example_$name"
	answers "one two" tcp $there 7 2 'one\ntwo\n'
	leave $name
done

name="http"
serve --port 80 -- "$build/test/vm/example_http"
answers "HTTP/1.1 200 OK Content-Type: text/plain" tcp $there6 80 2 \
	'GET / HTTP/1.1\r\nHost: there\r\n\r\n'
leave $name

name="proxy"
serve --port 8000 -- "$build/test/vm/example_proxy" $here 9000
echo "from behind" | timeout 40 nc -l -p 9000 >/tmp/behind &
behind=$!
sleep 1
answers "from behind" tcp $there 8000 1 'to there\n'
sleep 1
grep -qx 'to there' /tmp/behind && ok "$name: both ways" ||
	bad "$name: $(cat /tmp/behind)"
wait $behind
leave $name

name="udp"
serve --port 53 -- "$build/test/vm/example_udp"
got=$(ask udp $there6 53 1 'who am I?')
[ "${got% *}" = $here6 ] && [ "${got#* }" -gt 0 ] && ok "$name: $got" ||
	bad "$name: $got"
leave $name

name="clock"
serve --port 37 -- "$build/test/vm/example_clock"
got=$(ask tcp $there 37 3 '' | sed 's/^[0-9]*\.[0-9]$/tick/' | tr '\n' ' ')
[ "$got" = "tick tick tick " ] && ok "$name" || bad "$name: $got"
leave $name

(begin 60 --port 7 -- "$build/test/e2e/early" before) >/tmp/out 2>&1 &&
	ok "told to end while it begins" ||
	bad "told to end while it begins: $?: $(cat /tmp/out)"
exit $failed
