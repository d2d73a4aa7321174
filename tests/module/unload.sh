#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# unload.sh - the module goes at any moment, and nobody is left stopped.
set -u
ko=${CTL_KO:-/dtrace_ctl.ko}
bad=0
complain()
{
	echo "$*"
	bad=1
}
note()
{
	echo "$(cut -d ' ' -f 1 /proc/uptime): $*"
}
state() { sed -n 's/^.*) \(.\) .*/\1/p' "/proc/$1/stat"; }
# Whoever had a handle just now may still be closing it.
unload()
{
	tries=0
	until rmmod dtrace_ctl 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -lt 50 ] || return 1
		sleep 0.1
	done
	[ $tries = 0 ] || note "unloaded after $tries refusals"
}
reload() { insmod "$ko" || complain "cannot be loaded again"; }

# A handle is open: no.
sleep 1000 &
pid=$!
if [ -e "/proc/$pid/ctl" ]; then
	exec 3<>"/proc/$pid/ctl"
	rmmod dtrace_ctl 2>/dev/null && complain "unloaded with a handle open"
	exec 3>&-
else
	echo "SKIP: no /proc/PID/ctl to hold open"
fi

# Stopped, and nobody holds a handle: it runs.
(while :; do :; done) &
spin=$!
if [ -e "/proc/$pid/ctl" ]; then
	# PCSTOP
	printf '\001\0\0\0\0\0\0\0' >"/proc/$spin/ctl" || complain "no stop"
	printf '\001\0\0\0\0\0\0\0' >"/proc/$pid/ctl" ||
		complain "no stop of a sleeper"
else
	pstop "$spin" "$pid" || complain "no stop"
fi
t1=$(cut -d ' ' -f 14 "/proc/$spin/stat")
sleep 0.5
t2=$(cut -d ' ' -f 14 "/proc/$spin/stat")
[ "$t1" = "$t2" ] || complain "it is not stopped"
note "unload with processes stopped"
rmmod dtrace_ctl || complain "cannot be unloaded with processes stopped"
sleep 0.5
t3=$(cut -d ' ' -f 14 "/proc/$spin/stat")
[ "$t3" -gt "$t2" ] || complain "still stopped after the module is gone"
[ "$(state $pid)" = S ] || complain "the sleeper sleeps no more"
kill -9 $spin $pid
wait 2>/dev/null
reload

# Probes enabled, uprobes and breakpoints, in a process that forks all the time:
# it and its children pass where they were, see no semaphore up, and live.
out=$(mktemp)
"$CTL_BUILD/tests/tracees/probed" 2 0 500 fork >"$out" &
pid=$!
until grep -q ready "$out"; do
	sleep 0.1
done
for i in 1 2 3; do
	pusdt enable $pid test:hit test:ten test:guarded test:child ||
		complain "cannot enable probes"
	sleep 0.3
	pusdt status $pid | grep -q 'test:ten' || complain "not enabled"
	# Who waits for objects that are mapped later has a handle.
	for c in $(grep -lx pusdt-later /proc/[0-9]*/comm 2>/dev/null); do
		c=${c#/proc/}
		kill -9 "${c%/comm}"
	done
	note "unload with probes enabled"
	unload || complain "cannot be unloaded with probes enabled"
	sleep 0.5
	reload
done
kill -TERM $pid
wait $pid || complain "it ended with $? after the module was gone"
set -- $(grep done "$out")
[ "${2:-0}" -gt 0 ] || complain "it passed nothing"
[ "${4:-1}" = 0 ] || complain "$4 children saw a semaphore up"
rm -f "$out"
exit $bad
