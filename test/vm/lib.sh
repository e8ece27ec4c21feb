# SPDX-License-Identifier: MIT
# Sourced by tests in the machine of bed.py, each called as NAME.sh BUILD: exit
# 0 or 1.
build=$1
ix=$build/cp/ix
failed=0
small="--mbufs 2048 --arena 16M --tcp.max_conns 256 --quiet"

ok() { echo "ok: $*"; }
bad() {
	echo "FAILED: $*"
	failed=1
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
