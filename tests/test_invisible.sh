#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# P2: what a target in a system call that waits can see of a stop.
. "${CTL_SRC:-.}/tests/lib.sh"

# A stop that begins and ends, so often; each long enough to show in the
# time-outs that are to end on time all the same.
ROUNDS=20

report()
{
	kill -USR1 "$pid"
	wait_until grep -q '^end$' "$out"
}

# What may differ.  ctl(4) has the list: keep both alike.
exempt()
{
	[ "$CTL_BACKEND" = module ] && return 1
	case $1 in
	none-yet) return 0 ;;
	esac
	return 1
}

# check NAME KIND n=.. eintr=.. early=.. wrong=.. late_ms=..
check()
{
	exempt "$1 $2" && return
	for count in "$4" "$5" "$6"; do
		[ "${count#*=}" = 0 ] || fail "$*"
	done
	if [ "$2" = forever ]; then
		[ "$3" = n=0 ] || fail "$*"
		return
	fi
	# It came back in time, give or take a stop and a busy machine.  A
	# time-out that begins anew, or stands still, with each stop would be
	# late by all stops together: 5 s or, where stopping takes long, more.
	late=3000
	[ "$stopped" -lt 6000 ] || late=$((stopped / 2))
	[ "${7#*=}" -lt $late ] || fail "$* (stopped for $stopped ms)"
}

# Milliseconds, to the hundredth of a second.
now()
{
	read -r up _ </proc/uptime
	echo "${up%.*}${up#*.}0"
}

testNoCallNoticesTwentyStops()
{
	target sleepers 6000
	assertNotNull "$pid"
	begin=$(date +%s)
	i=0
	stopped=0
	while [ $i -lt $ROUNDS ]; do
		stopped=$((stopped - $(now)))
		run pstop "$pid"
		[ "$status" = 0 ] || fail "round $i: $(stderr)"
		assert_stopped "$pid"
		sleep 0.25
		run prun "$pid"
		[ "$status" = 0 ] || fail "round $i: $(stderr)"
		stopped=$((stopped + $(now)))
		# Run for random parts of a second: call and stop meet at
		# different points.
		sleep 0.0$((i * 7 % 10))
		i=$((i + 1))
	done
	# Until each timed call has ended once, undisturbed or not.
	left=$((begin + 8 - $(date +%s)))
	[ $left -le 0 ] || sleep $left
	report || fail "no report"
	assert_untouched "$pid"
	while read -r line; do
		case $line in
		ready | end | *missing) continue ;;
		esac
		# shellcheck disable=SC2086 # the line's words
		check $line
	done <"$out"
	timed=$(grep -c ' timed n=[1-9]' "$out")
	[ "$timed" -ge 20 ] || fail "timed calls that ended: $timed"
	kill "$pid"
	reap "$pid"
	assertEquals 0 "$status"
}

# Stops in quick succession: the stop meets the repair of the one before.
testNoCallNoticesABurst()
{
	target sleepers 3000
	i=0
	stopped=-$(now)
	while [ $i -lt 40 ]; do
		pctl "$pid" PCSTOP PCRUN PCSTOP PCRUN PCDSTOP PCWSTOP PCRUN \
			>/dev/null 2>"$tmp/stderr" || fail "$(stderr)"
		i=$((i + 1))
	done
	stopped=$((stopped + $(now)))
	sleep 4
	report || fail "no report"
	while read -r line; do
		case $line in
		ready | end | *missing) continue ;;
		esac
		# shellcheck disable=SC2086 # the line's words
		check $line
	done <"$out"
	kill "$pid"
	reap "$pid"
	assertEquals 0 "$status"
}

# A signal that the process ignores wakes a thread when it is traced, or several of
# which one takes it: the others shall not find that their calls have failed.  (With
# BPF nobody sees the ends of calls, and it happens, if hardly ever.)
noticeNoChildrenFrom()
{
	target sleepers 3 breed
	spawned=$pid report_of=$out
	use_source "$1"
	spawn ptruss -o "$tmp/trace" -p "$spawned"
	tracer=$pid pid=$spawned out=$report_of
	assert_soon eval '[ "$(grep -c "clone(" "$tmp/trace")" -gt 300 ]'
	report || fail "no report"
	kill -TERM "$tracer"
	wait "$tracer"
	while read -r line; do
		case $line in
		*eintr=[1-9]*) fail "events from $1: $line" ;;
		esac
	done <"$out"
	kill "$pid"
	reap "$pid"
	assertEquals 0 "$status"
}

testNoCallNoticesAnIgnoredSignal()
{
	needs_keeper "the module has an ignored signal wake nobody" || return 0
	for source in $(event_sources); do
		[ "$source" = bpf ] || noticeNoChildrenFrom "$source"
	done
	use_source default
}

testParentSeesNoSigchld()
{
	needs_command python3 || return 0
	cat >"$tmp/parent.py" <<-'EOF2'
		import os, signal, sys
		signal.signal(signal.SIGCHLD, lambda *a: print("got CHLD", flush=True))
		pid = os.fork()
		if pid == 0:
		    os.execv(sys.argv[1], sys.argv[1:])
		print("child", pid, flush=True)
		while True:
		    p, status = os.waitpid(pid, os.WUNTRACED | os.WCONTINUED)
		    print("wait status", status, flush=True)
		    if os.WIFEXITED(status) or os.WIFSIGNALED(status):
		        break
	EOF2
	spawn python3 "$tmp/parent.py" "$TRACEES/spin"
	assert_soon grep -q '^ready$' "$out"
	child=$(sed -n 's/^child //p' "$out")
	ok pstop "$child"
	assert_stopped "$child"
	ok prun "$child"
	assert_runs "$child"
	assertEquals "the parent saw nothing: $(cat "$out")" 2 "$(wc -l <"$out")"
	kill -9 "$child"
	reap "$pid"
}

. shunit2
