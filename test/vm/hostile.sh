#!/bin/sh
# SPDX-License-Identifier: MIT
# In the machine of bed.py: the hostile suite of domain process, in domain vm.
#
# hostile.sh SOURCE BUILD [TEST...]: exit 0 or 1
source=$1 build=$2
shift 2
[ $# -gt 0 ] || set -- lies wire life start tenants
# An emulated machine stops for seconds where its host is busy: a silence is one
# only if it is longer.
export IX_DOMAIN=vm IX_SLOW=10 IX_GRACE=10
export PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
ix=$build/cp/ix
echo=$build/app/echo
failed=0
# busybox has some of these, but not all their options.
export PATH=/usr/bin:/usr/sbin:$PATH
ip=/usr/sbin/ip
mkdir -p /run/netns
chmod 666 /dev/kvm # some start ix as an ordinary user
echo "+cpu +memory +pids" >/sys/fs/cgroup/cgroup.subtree_control

try() { # NAME ARGUMENTS...
	name=$1
	shift
	timeout 700 /usr/bin/python3 "$source/test/hostile/$name.py" "$@"
	status=$?
	echo "$name: $status"
	# Here all that it needs can be had: what is skipped is not tested.
	[ $status = 0 ] || failed=1
}

"$build/test/vm/hold" &
sleep 1
for test in "$@"; do
	case $test in
	lies) try lies "$ix" "$build/test/hostile/hostile" nobody ;;
	wire) try wire "$ix" "$echo" ;;
	life) try life "$ix" "$echo" --kills 5 ;;
	start | tenants) try $test "$ix" "$echo" "$build/test/hostile/spy" ;;
	esac
done
exit $failed
