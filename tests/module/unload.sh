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
reload() { insmod "$ko" || complain "cannot be loaded again"; }

# A handle is open: no.
sleep 1000 &
pid=$!
exec 3<>"/proc/$pid/ctl"
rmmod dtrace_ctl 2>/dev/null && complain "unloaded with a handle open"
exec 3>&-

# Stopped, and nobody holds a handle: it runs.
(while :; do :; done) &
spin=$!
# PCSTOP
printf '\001\0\0\0\0\0\0\0' >"/proc/$spin/ctl" || complain "no stop"
printf '\001\0\0\0\0\0\0\0' >"/proc/$pid/ctl" || complain "no stop of a sleeper"
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

note look-ups
# Look-ups and listings all the time, from many, some of them opening.
reload
n=0
lookers=
while [ $n -lt "${LOOKERS:-12}" ]; do
	(while :; do
		for p in /proc/self/ctl /proc/1/ctl /proc/self/task/*/lwpctl; do
			[ -e "$p" ] || :
		done
		[ $((n % 20)) = 0 ] && : 3<>/proc/self/ctl
		set -- /proc/self/* /proc/1/task/1/*
	done) 2>/dev/null &
	lookers="$lookers $!"
	n=$((n + 1))
done
n=0
while [ $n -lt "${RELOADS:-3}" ]; do
	tries=0
	note "unload under load, round $n"
	until rmmod dtrace_ctl 2>/dev/null; do
		tries=$((tries + 1))
		[ $tries -gt 200 ] && { complain "cannot be unloaded"; break; }
	done
	note "unloaded after $tries refusals"
	[ -e /proc/self/ctl ] && complain "/proc/self/ctl without the module"
	reload
	[ -e /proc/self/ctl ] || complain "no /proc/self/ctl"
	n=$((n + 1))
done
kill -9 $lookers
wait 2>/dev/null
exit $bad
