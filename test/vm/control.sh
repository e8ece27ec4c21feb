#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py: the control socket of a dataplane in domain vm, whose
# elastic thread is asked while it idles, while it is busy in ring 0, and while
# the application keeps it in ring 3.
#
#	processor 0: ix run --domain vm -- PROGRAM ==wire== ixload: processor 1
#
# control.sh BUILD: exit 0 or 1
. "${0%/*}/lib.sh"
"$build/test/vm/hold" &

serve() { # OPTIONS... -- PROGRAM...
	begin 200 --name served "$@" &
	started
}

end() {
	kill "$server"
	wait "$server"
	kill "$(pidof ix-vmload)" 2>/dev/null
}

ask() { # WHAT: asked ten times, and changed
	for i in 1 2 3 4 5 6 7 8 9 10; do
		out=$("$ix" flows served --json 2>&1) || break
	done
	[ "$i" = 10 ] && [ -z "${out##\[*}" ] && ok "$1: flows" || bad "$1: flows: $out"
	out=$("$ix" set served batch=$2 2>&1) && ok "$1: set" || bad "$1: set: $out"
}

serve --port 7 -- "$build/app/echo"
ask "idle, asleep" 31
timeout 60 "$ix" run --domain inline --nic wire:/dev/shm/w --ip 10.0.0.2/24 \
	--cores 1 $small -- "$build/bench/ixload" 10.0.0.1:7 --conns 4 \
	--duration 20 >/tmp/load 2>&1 &
load=$!
i=0
until "$ix" flows served --state established | grep -q ':7 ' || [ $i = 20 ]; do
	i=$((i + 1))
done
[ $i -lt 20 ] && ok "flows: the load's connections" ||
	bad "flows: $("$ix" flows served)"
ask "under load" 32
wait "$load" && ok "the load goes on" || bad "load: $(tail -3 /tmp/load)"
end

serve --idle spin --port 7 -- "$build/app/echo"
ask "idle, spinning in ring 0" 33
end

# It never crosses again: only the vCPU's stop helps.
serve --app_timeout 10s -- "$build/test/vm/trial" keep
ask "the application keeps ring 3" 34
end
exit $failed
