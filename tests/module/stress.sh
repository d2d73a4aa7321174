#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# stress.sh - random messages and deaths, then the module goes and comes again,
# several times.  STRESS: seconds in all (30); SEED.
set -u
ko=${CTL_KO:-/dtrace_ctl.ko}
rounds=3
each=$((${STRESS:-30} / rounds))
seed=${SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
n=0
while [ $n -lt $rounds ]; do
	echo "seed $((seed + n)), $each s"
	"$CTL_BUILD/tests/stress/ctlstress" -s $((seed + n)) -t $each || exit 1
	rmmod dtrace_ctl || exit 1
	# Whoever it left stopped would still be.
	for f in /proc/[0-9]*/stat; do
		read -r line <"$f" || continue
		case $line in
		*'(ctlstress) '[DI]*) echo "left behind: $line"; exit 1 ;;
		esac
	done 2>/dev/null
	insmod "$ko" || exit 1
	n=$((n + 1))
done
