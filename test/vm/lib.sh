# SPDX-License-Identifier: MIT
# Sourced by tests in the machine of bed.py, each called as NAME.sh BUILD: exit
# 0 or 1.
build=$1
ix=$build/cp/ix
failed=0
small="--mbufs 2048 --arena 16M --tcp.max_conns 256 --quiet"
ip=/usr/sbin/ip

ok() { echo "ok: $*"; }
bad() {
	echo "FAILED: $*"
	failed=1
}

# veth ADDRESS/BITS OPTIONS...: s0 ==== c0, which is in a network namespace of
# its own with that address: $far COMMAND... runs there. @OPTIONS: of both ends.
veth() {
	far="$ip netns exec c" to=$1
	shift
	mkdir -p /run/netns
	$ip netns add c
	$ip link add s0 "$@" type veth peer name c0 "$@" netns c
	$ip link set s0 up
	$far $ip addr add "$to" dev c0
	$far $ip link set c0 up
}

# begin SECONDS OPTIONS... -- PROGRAM...: in domain vm, on a new wire. It takes
# the place of its shell: begin ... &, or (begin ...).
begin() {
	seconds=$1
	shift
	rm -f /dev/shm/w
	exec timeout "$seconds" "$ix" run --domain vm --nic wire:/dev/shm/w \
		--ip 10.0.0.1/24 --cores 0 $small "$@"
}

# soon TRIES COMMAND...: until it succeeds, a try each 0.2 s
soon() {
	tries=$1
	shift
	until "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.2
	done
}

has_counters() { "$ix" stat 2>/dev/null | grep -q '^  thread'; }

# What has just been begun in the background is there: $server.
started() {
	server=$!
	soon 100 has_counters
	sleep 1
}

# serve OPTIONS... -- PROGRAM...: in the background
serve() {
	begin 150 "$@" &
	started
}

counter() {
	"$ix" stat | awk -v name="$1" '$1 == name { n = $2 } END { print n + 0 }'
}

# total NAME COUNTER: of all its threads; ?: it does not run, or has none
total() {
	"$ix" stat "$1" --all | sum "$2"
}

sum() { # COUNTER: of what ix stat says
	awk -v name="$1" '
		$1 == "thread" { n = NF - 2 }
		$1 == name { for (i = 2; i < 2 + n / 2; i++) sum += $i }
		END { print sum == "" ? "?" : sum }'
}

reaches() { # COUNTER VALUE: waits for that, and prints what it is
	i=0
	n=$(counter "$1")
	until [ "$n" -ge "$2" ] || [ $i = 20 ]; do
		sleep 0.3
		i=$((i + 1))
		n=$(counter "$1")
	done
	echo "$n"
}

leave() { # STATUS WHAT: the server ends with it, when told to
	kill "$server"
	wait "$server"
	got=$?
	[ $got = "$1" ] && ok "$2" || bad "$2: exit $got"
}

try() { # STATUS WHAT PROGRAM...
	want=$1 what=$2
	shift 2
	(begin 100 -- "$@") >/tmp/out 2>&1
	got=$?
	[ $got = "$want" ] && ok "$what" || bad "$what: exit $got"
	cat /tmp/out
}
