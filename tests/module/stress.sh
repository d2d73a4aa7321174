#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# stress.sh - random messages and deaths, while the module is asked to go all
# the time and goes when nobody holds a handle; in rounds, between which it goes
# in any case.  STRESS: seconds in all (30); SEED.
set -u
ko=${CTL_KO:-/dtrace_ctl.ko}
seconds=${STRESS:-30}
each=$((15 * ${CTL_STRETCH:-1}))
seed=${SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
log=$(mktemp)
sums=$(mktemp)

uptime() { cut -d . -f 1 /proc/uptime; }

# Ask for it to go, at random moments that the seed $1 decides; a line for each
# time it went.  Where that takes long, as with a kernel that looks for mistakes,
# the module shall be there for longer.
reload_all_the_time()
{
	nap=$1
	trap 'over=1' TERM
	over=
	until [ "$over" ]; do
		nap=$(((nap * 1103515245 + 12345) % 2147483648))
		sleep "0.$((nap / 65536 % 10))"
		from=$(uptime)
		rmmod dtrace_ctl 2>/dev/null || continue
		echo went
		insmod "$ko" || exit 1
		sleep $((2 * ($(uptime) - from)))
	done
}

lsmod | grep -q '^dtrace_ctl ' || { echo "the module is not loaded"; exit 1; }
begin=$(uptime)
n=0
went=0
while :; do
	left=$((seconds - $(uptime) + begin))
	[ $left -gt 0 ] || break
	[ $left -lt $each ] && each=$left
	echo "seed $((seed + n)), $each s"
	reload_all_the_time $((seed + n)) >"$log" &
	reloader=$!
	"$CTL_BUILD/tests/stress/ctlstress" -s $((seed + n)) -t $each >>"$sums"
	status=$?
	tail -n 1 "$sums"
	kill $reloader
	wait $reloader || { echo "the module cannot be loaded again"; exit 1; }
	[ $status = 0 ] || exit 1
	went=$((went + $(wc -l <"$log") + 1))
	# The last handle may be on its way out.
	tries=0
	until rmmod dtrace_ctl; do
		tries=$((tries + 1))
		[ $tries -lt 20 ] || { echo "the module stays"; exit 1; }
		sleep 0.1
	done
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
awk -v rounds=$n -v seed="$seed" -v went=$went '
	/ opened, / { opened += $2; batches += $6 }
	END {
		printf "FIGURES: %d rounds from seed %s: %d handles, %d batches of messages, unloaded %d times\n",
			rounds, seed, opened, batches, went
	}' "$sums"
rm -f "$log" "$sums"
