#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py: programs in domain vm, on a wire.
#
#	processor 0: ix run --domain vm -- PROGRAM ==wire== ixload: processor 1
#	                                           s0=veth=c0 nc, ixload on Linux, in
#	                                                      namespace c
#
# inside.sh BUILD: exit 0 or 1
. "${0%/*}/lib.sh"

# A step that hangs is a failure, and ends.
load() { # ixload's arguments
	timeout 60 "$ix" run --domain inline --nic wire:/dev/shm/w --ip 10.0.0.2/24 \
		--cores 1 --idle spin $small -- "$build/bench/ixload" \
		10.0.0.1:7 "$@"
}

rmmod kvm_amd
insmod /modules/kvm-amd.ko npt=0
"$ix" run --domain vm --nic wire:/dev/shm/w --ip 10.0.0.1/24 -- /bin/bash >/tmp/out 2>&1
[ $? = 1 ] && grep -q 'no nested page tables' /tmp/out &&
	ok "shadow page tables are refused" || bad "shadow: $(cat /tmp/out)"
rmmod kvm_amd
insmod /modules/kvm-amd.ko

"$build/test/vm/hold" &
sleep 2

# What is said, and the exit status.
rm -f /dev/shm/w
"$ix" run --nic wire:/dev/shm/w --ip 10.0.0.1/24 --mbufs 2048 --arena 16M \
	--tcp.max_conns 256 -- /bin/bash -c 'exit 7' >/tmp/out 2>&1
[ $? = 7 ] && grep -q 'wall 2: guest page tables (vm)' /tmp/out &&
	ok "auto is vm, the program's status is ix's" || {
	bad "auto"
	cat /tmp/out
}
# As the vCPU's registers say.
grep -q 'in force in the guest: WP, NX, SMEP, SMAP, UMIP$' /tmp/out &&
	ok "protections are in force, and said" || {
	bad "protections"
	cat /tmp/out
}
try 126 "a static program is refused" /bin/busybox true
grep -q 'dynamically linked' /tmp/out || bad "no reason for it"
try 126 "so is one at fixed addresses" "$build/test/vm/fixed"
grep -q 'position-independent' /tmp/out || bad "no reason for it"

# Every byte of every answer is compared.
serve --idle spin -- "$build/app/echo" --port 7
before=$(counter exits)
load --conns 4 --duration 3 >/tmp/out 2>&1 && ok "echo" || bad "echo"
tail -4 /tmp/out
messages=$(counter calls)
i=0
while [ "$messages" -lt 3000 ] && [ $i -lt 5 ]; do # a busy machine
	load --conns 4 --duration 5 >/tmp/out 2>&1 || bad "more load"
	messages=$(counter calls)
	i=$((i + 1))
done
exits=$(($(counter exits) - before))
echo "$messages calls, $exits exits"
# What is left are those of chores, one a second.
[ "$messages" -ge 3000 ] && [ $((50 * exits)) -le "$messages" ] &&
	ok "no exit for a message" || bad "exits for messages"
[ "$(counter tcp_established)" = 4 ] || bad "connections"
leave 0 "echo leaves when told to"

serve -- "$build/app/echo" --port 7
load --conns 2 --size 20000 --duration 2 >/tmp/out 2>&1 &&
	ok "long messages, blocking when idle" || {
	bad "long messages"
	cat /tmp/out
}
[ "$(counter sleeps)" -gt 0 ] || bad "it never slept"
leave 0 "and leaves"

# Packets of ring 0, while it is at work.
serve --idle spin -- "$build/app/echo" --port 7
load --conns 4 --duration 5 >/tmp/out 2>&1 &
loading=$!
sleep 2
timeout 60 "$ix" pcap --count 50 --write /tmp/pcap echo tcp port 7 >/tmp/said 2>&1 &&
	grep -q '^ix: 50 packets written of' /tmp/said &&
	[ "$(wc -c </tmp/pcap)" -gt 5000 ] && ok "ix pcap" || bad "ix pcap"
cat /tmp/said
wait $loading && ok "... and it serves on" || bad "load beside ix pcap"
leave 0 "and leaves"

serve --cores 0,1 -- "$build/app/echo" --port 7
load --conns 8 --duration 2 >/tmp/out 2>&1 && ok "two vCPUs" || {
	bad "two vCPUs"
	cat /tmp/out
}
leave 0 "and leave"

# Ports that threads pass round: whoever crosses is in ring 3, nobody else.
for row in "0 3 5 0" "0,1 4 1 1"; do # cores, threads, crossings, last port
	set -- $row
	serve --cores $1 -- "$build/test/e2e/pass" $2 $3 >/tmp/said 2>&1
	soon 100 grep -q "released: $4" /tmp/said
	load --conns 12 --size 900 --duration 3 >/tmp/out 2>&1 &&
		ok "ports passed round: cores $1, $2 threads" || {
		bad "ports passed round"
		cat /tmp/out
	}
	leave 0 "... and leave"
	cat /tmp/said
done

serve --restart true -- "$build/app/echo" --port 7
kill -9 "$(pidof ix-vmload | awk '{ print $1 }')"
sleep 3
load --conns 2 --duration 1 >/tmp/out 2>&1 && ok "a second life" || {
	bad "a second life"
	cat /tmp/out
}
leave 0 "and leaves"

serve -- "$build/app/kv" -p 7 -m 8
load --conns 2 --proto etc --records 100 --duration 2 >/tmp/out 2>&1 && ok "kv" || {
	bad "kv"
	cat /tmp/out
}
kill -9 "$server"
wait "$server"

# NICs whose fast path D runs: an impaired wire; TAP, asked by Linux.
serve --nic wire:/dev/shm/w,loss=0.02,delay=1ms -- "$build/app/echo" --port 7
load --conns 2 --size 4000 --duration 3 >/tmp/out 2>&1 && ok "an impaired wire" || {
	bad "an impaired wire"
	cat /tmp/out
}
[ "$(counter tcp_retransmits)" -gt 0 ] && ok "packets were lost" ||
	bad "nothing was lost"
leave 0 "and leaves"

serve --nic tap:t0,10.78.0.1/24 --ip 10.78.0.9/24 --mbufs 4096 --arena 32M \
	-- "$build/app/kv" -p 7 -m 8
printf 'set a 0 0 5\r\nhello\r\nget a\r\nquit\r\n' |
	timeout 20 nc 10.78.0.9 7 >/tmp/out
[ "$(tr -d '\r' </tmp/out | tr '\n' ' ')" = "STORED VALUE a 0 5 hello END " ] &&
	ok "kv on TAP, asked by Linux" || bad "kv on TAP: $(cat /tmp/out)"
timeout 60 "$build/bench/ixload" 10.78.0.9:7 --conns 4 --proto usr \
	--records 100 --duration 3 --warmup 0 >/tmp/out 2>&1 &&
	ok "under load" || bad "under load: $(cat /tmp/out)"
iterations=$(counter iterations)
packets=$(counter rx_packets)
sleeps=$(counter sleeps)
exits=$(counter exits)
echo "$packets packets, $iterations iterations, $exits exits, $sleeps sleeps"
[ "$exits" -le $((2 * iterations + sleeps + 50)) ] &&
	ok "an exit a batch and direction" || bad "exits"
leave 0 "kv leaves"

# A client on Linux, over veth.
veth 10.77.0.1/24
xdp="--nic xdp:s0 --ip 10.77.0.9/24 --mbufs 4096"

"$ix" run --domain vm $xdp --arena 16M --cores 0 --ring_size 2048 \
	-- /bin/bash >/tmp/out 2>&1
[ $? = 1 ] && grep -q 'rings of one page only: --ring_size 128' /tmp/out &&
	ok "rings that this Linux cannot give away" ||
	bad "large rings: $(cat /tmp/out)"

serve $xdp --arena 32M -- "$build/app/kv" -p 7 -m 8
printf 'set a 0 0 5\r\nhello\r\nget a\r\nquit\r\n' |
	timeout 20 $far nc 10.77.0.9 7 >/tmp/out
[ "$(tr -d '\r' </tmp/out | tr '\n' ' ')" = "STORED VALUE a 0 5 hello END " ] &&
	ok "kv on AF_XDP, asked by Linux" || bad "kv on AF_XDP: $(cat /tmp/out)"
timeout 60 $far "$build/bench/ixload" 10.77.0.9:7 --conns 4 \
	--proto usr --records 100 --duration 3 --warmup 0 >/tmp/out 2>&1 &&
	ok "under load" || bad "under load"
tail -3 /tmp/out
iterations=$(counter iterations)
kicks=$(counter kicks)
sleeps=$(counter sleeps)
exits=$(counter exits)
echo "$iterations iterations, $exits exits: $kicks kicks, $sleeps sleeps"
[ "$kicks" -le "$iterations" ] &&
	[ "$exits" -le $((iterations + sleeps + 50)) ] &&
	ok "at most one exit a batch" || bad "exits"
leave 0 "kv leaves"
exit $failed
