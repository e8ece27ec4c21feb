#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py: what honest and hostile programs (trial.h) do in
# ring 3 of domain vm.
#
# trial.sh BUILD: exit 0 or 1
. "${0%/*}/lib.sh"
"$build/test/vm/hold" &
sleep 2

try 0 "an ordinary program's work" "$build/test/vm/trial" work

# ... which is told where D has memory.
rm -f /tmp/mapped
serve -- "$build/test/vm/trial" lies /tmp/mapped >/tmp/lies 2>&1
for pid in $(pidof ix); do # D, and not the keeper
	grep -q "^PPid:[[:space:]]*$server\$" "/proc/$pid/status" &&
		awk '{ sub("-.*", "", $1); print $1 }' "/proc/$pid/maps" \
			>/tmp/found && mv /tmp/found /tmp/mapped
done
wait "$server" && ok "a hostile one's lies" || bad "lies: $?"
cat /tmp/lies
try 134 "abort() is abort()" "$build/test/vm/trial" abort

try 134 "a thread is not here and in ring 3" "$build/test/vm/trial" leap
grep -q 'left by siglongjmp() while its thread ran in ring 3' /tmp/out &&
	! grep -q FAILED /tmp/out && ok "... and why" || bad "no reason for it"

# What a core dump has: the program's data, and not 16 GB.
echo /tmp/core.%e >/proc/sys/kernel/core_pattern
ulimit -c unlimited
try 139 "a crash is a crash" "$build/test/vm/trial" crash
size=$(stat -c %b /tmp/core.ix-vmload)
[ "$(grep -ac 'mark of this program' /tmp/core.ix-vmload)" -gt 0 ] &&
	grep -aq 'and of its data' /tmp/core.ix-vmload && [ "$size" -lt 400000 ] &&
	ok "its core dump: $size blocks" || bad "core: $(ls -l /tmp/core*)"
rm -f /tmp/core*
ulimit -c 0

serve -- "$build/test/vm/trial" time
exits=$(reaches exits 1)
[ "$exits" -gt 0 ] && [ "$exits" -lt 1000 ] &&
	ok "100000 times the time: $exits exits" || bad "time: $exits exits"
leave 0 "SIGTERM wakes it from a sleep in Linux"

serve --app_timeout 1ms -- "$build/test/vm/trial" spin
over=$(reaches app_overruns 1)
wait "$server" && ok "after some seconds of its own" || bad "spin: $?"
[ "$over" -gt 0 ] && ok "$over overruns seen" || bad "no overrun"

# What it has waited is not time that it has kept the core.
serve -- "$build/test/vm/trial" idle 2>/tmp/said
sleep 16
leave 0 "idle, then told to end"
grep 'kept its core for \([5-9]\|1[0-9]\)' /tmp/said && bad "it has waited"

# Who keeps ring 0 busy does not keep it from the network: D looks after it, by
# an exit each time.
for how in flush calls; do
	serve --app_timeout 1ms -- "$build/test/vm/trial" $how
	exits=$(reaches exits 51)
	wait "$server" && [ "$exits" -gt 50 ] &&
		ok "$how: $exits exits" || bad "$how: $exits exits"
done
exit $failed
