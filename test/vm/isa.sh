#!/bin/sh
# SPDX-License-Identifier: MIT
# In a machine of bed.py whose processor lacks instructions that we are compiled
# for: each program ends at once, and says why.
#
# isa.sh BUILD: exit 0 or 1
failed=0

for program in "$1/cp/ix" "$1/app/echo"; do
	said=$("$program" --help 2>&1)
	status=$?
	case $status:$said in
	127:*"CPU ISA level is lower than required"*)
		echo "ok: ${program##*/} is refused"
		;;
	*)
		echo "FAILED: ${program##*/}: status $status: $said"
		failed=1
		;;
	esac
done
exit $failed
