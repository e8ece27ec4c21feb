#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py --count: the same batches, one call each, in all
# domains; instructions of program, libix, dataplane and Linux together. Inline
# crosses by a function call: it is about the work itself.
#
# count.sh BUILD: exit 0 or 1
build=$1
count() { # DOMAIN
	rm -f /dev/shm/w
	timeout 200 "$build/cp/ix" run --domain "$1" --nic wire:/dev/shm/w \
		--ip 10.0.0.1/24 --cores 0 --idle spin --mbufs 2048 --arena 16M \
		--tcp.max_conns 256 --quiet -- "$build/test/vm/count" 2000 \
		>/tmp/out 2>&1 || cat /tmp/out >&2
	sed "s/^/$1: /" /tmp/out >&2
	awk '/a crossing/ { print $1 }' /tmp/out
}
"$build/test/vm/hold" &
sleep 1
inline=$(count inline)
process=$(count process)
vm=$(count vm)
[ -n "$inline" ] && [ -n "$process" ] && [ -n "$vm" ] || exit 1
echo "more than inline: process $((process - inline)), vm $((vm - inline))"
[ $((vm - inline)) -le 150 ] || {
	echo "vm: a crossing takes more than 150 more than a function call"
	exit 1
}
# The work counted in, which makes it harder.
[ $((10 * vm)) -le "$process" ] || {
	echo "vm: more than a tenth of process"
	exit 1
}
