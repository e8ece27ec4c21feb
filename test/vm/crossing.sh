#!/bin/sh
# SPDX-License-Identifier: MIT
# What one crossing and back costs in ring 0 beyond the work itself, dp_step():
# the instructions of run_io's way through guest_syscall, which is straight on,
# and all of guest_run_io(), as if it took every branch. Waiting is not in it.
# And exceptions of ring 3 leave ring 0 none of its flags: AC opens SMAP; what
# run_io and an entry do not preserve is cleared.
#
# crossing.sh GUEST: exit 0 or 1
at_most=150
count() { # FROM TO: instructions from a symbol to an instruction
	objdump -d --no-show-raw-insn "$guest" |
		awk -v from="<$1>:" -v to="$2" '
			$2 == from { on = 1; next }
			on && NF { n++ }
			on && $2 ~ to { print n; exit }'
}
guest=$1
entry=$(count guest_syscall '^sysret')
work=$(objdump -d --no-show-raw-insn "$guest" | awk '
	$2 == "<guest_run_io>:" { on = 1; next }
	on && !NF { exit }
	on { n++ }
	END { print n }')
echo "guest_syscall: $entry, guest_run_io: at most $work (all of it)"
[ "$entry" -gt 20 ] && [ $((entry + work)) -le $at_most ] || {
	echo "more than $at_most instructions"
	exit 1
}
objdump -d --no-show-raw-insn "$guest" | awk '
	$2 == "<exception>:" { on = 1; next }
	on && $2 ~ /^call/ { exit }
	on && $2 == "push" && $3 == "$0x2" { two = 1; next }
	on && $2 ~ /^popf/ && two { found = 1 }
	{ two = 0 }
	END { exit !found }' || {
	echo "an exception: ring 0 runs with flags of ring 3"
	exit 1
}
cleared() { # FROM TO: all vector registers, on the way
	objdump -d --no-show-raw-insn "$guest" |
		awk -v from="<$1>:" -v to="$2" '
			$2 == from { on = 1; next }
			on && $2 == "pxor" {
				split($3, r, ",")
				if (r[1] == r[2] && !seen[r[1]]++)
					n++
			}
			on && $2 ~ to { exit }
			END { exit n != 16 }'
}
cleared guest_syscall '^sysret' || {
	echo "run_io: vector registers of ring 0 are left to ring 3"
	exit 1
}
cleared guest_enter '^iretq' || {
	echo "entering ring 3: vector registers are not cleared"
	exit 1
}
