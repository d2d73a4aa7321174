#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# P7: whatever is killed, and whenever, nothing is harmed and nothing left.
#
# SEED=n repeats the random choices of a run, though not its timing.
. "${CTL_SRC:-.}/tests/lib.sh"

SEED=${SEED:-$(date +%s)}
random_state=$SEED

# random N: sets r to 0 .. N-1
random()
{
	random_state=$(((random_state * 1103515245 + 12345) & 0x7fffffff))
	r=$((random_state / 65536 % $1))
}

# Sleep up to 70 ms.
random_nap()
{
	random 8
	sleep 0.0$r
}

# A dead keeper's socket is swept when the next keeper starts.
sweep()
{
	target spin
	ok pstop "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

testKeeperKilledDuringAStop()
{
	needs_keeper "the module cannot be killed" || return 0
	target threads 50 work
	ok pstop "$pid"
	keeper=$(tracer "$pid")
	kill -9 "$keeper"
	assert_soon gone "$keeper"
	assert_runs "$pid"
	assert_untouched "$pid"
	ok pflags "$pid"
	stdout | grep -q 'not controlled' || fail "$(stdout)"
	ok pstop "$pid"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

testKeeperKilledUnderAHandle()
{
	needs_keeper "the module cannot be killed" || return 0
	target spin 1
	hold "$pid" calls stop
	kill -9 "$(tracer "$pid")"
	assert_untouched "$pid"
	assert_runs "$pid"
	tried "$holder" "$held"
	for operation in regs mem dstop run kill set; do
		grep -q "^$operation=EPIPE$" "$held" ||
			fail "$(grep "^$operation=" "$held")"
	done
	ok pstop "$pid"
	ok prun "$pid"
}

testKeeperKilledWhileSomebodyWaits()
{
	needs_keeper "the module cannot be killed" || return 0
	target spin
	pctl "$pid" PCWSTOP >"$tmp/pctl" 2>&1 &
	waiter=$!
	started="$started $waiter"
	assert_soon eval '[ "$(tracer $pid)" != 0 ]'
	kill -9 "$(tracer "$pid")"
	reap "$waiter"
	assertEquals "$(cat "$tmp/pctl")" 2 "$status"
	assert_untouched "$pid"
}

# The name of a child's socket is a link to its parent's: it outlives the keeper,
# and the parent's next one does not know the child.
testChildOfAKilledKeeper()
{
	needs_keeper "the module cannot be killed" || return 0
	# shellcheck disable=SC2016 # for the other shell
	target /bin/sh -c 'trap "sleep 1000 & echo child \$!" USR1; echo ready
		while :; do sleep 0.1; done'
	ok pctl "$pid" PCSET PR_FORK PCSENTRY reboot
	kill -USR1 "$pid"
	assert_soon grep -q '^child ' "$out"
	child=$(sed -n 's/^child //p' "$out")
	started="$started $child"
	keeper=$(tracer "$pid")
	assert_soon eval '[ "$(tracer $child)" = "$keeper" ]'
	kill -9 "$keeper"
	assert_untouched "$child"
	ok pstop "$pid"
	ok pflags "$child"
	stdout | grep -q 'not controlled' || fail "$(stdout)"
	ok pstop "$child/$child"
	assert_stopped "$child"
	ok prun "$pid" "$child"
	assert_untouched "$child"
	assert_untouched "$pid"
}

testKeeperTerminatesPolitely()
{
	needs_keeper "the module cannot be killed" || return 0
	target threads 5 work
	ok pstop "$pid"
	keeper=$(tracer "$pid")
	kill -TERM "$keeper"
	assert_soon gone "$keeper"
	assert_runs "$pid"
	assert_untouched "$pid"
}

testKeeperIsStoppedByAnybody()
{
	needs_keeper "the module cannot be stopped" || return 0
	target spin
	ok pstop "$pid"
	keeper=$(tracer "$pid")
	# Ours is not harmed by a stopped keeper; it goes on when that does.
	kill -STOP "$keeper"
	kill -CONT "$keeper"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

testTargetKilledDuringAStop()
{
	target threads 20 work
	ok pstop "$pid"
	pwait -v "$pid" >"$tmp/pwait" 2>&1 &
	waiter=$!
	started="$started $waiter"
	assert_soon eval 'readlink /proc/$waiter/fd/* | grep -q pidfd'
	keeper=$(tracer "$pid")
	kill -9 "$pid"
	reap "$waiter"
	assertEquals "$(cat "$tmp/pwait")" 0 "$status"
	reap "$pid"
	assertEquals "killed by SIGKILL" 137 "$status"
	fails 2 'No such process' pstop "$pid"
	[ "$CTL_BACKEND" = module ] || assert_soon gone "$keeper"
}

# Somebody else's SIGKILL, and a plain end, of a process whose every system
# call stops.
testTargetEndsWhileEveryCallIsTraced()
{
	for i in 1 2 3 4 5; do
		target spin 1
		hold "$pid" rlc calls
		sleep 0.0$i
		kill -9 "$pid"
		reap "$pid"
		assertEquals 137 "$status"
		kill -9 "$holder"
		reap "$holder"
	done
}

# Commands are killed at any moment: what they began is either done or not,
# but the target can always be had again.
testCommandsKilledAtRandom()
{
	echo "seed $SEED"
	target threads 8 work
	i=0
	while [ $i -lt 40 ]; do
		random 5
		case $r in
		0) pstop "$pid" ;;
		1) prun "$pid" ;;
		2) pctl "$pid" PCSET PR_RLC PCSTOP PCRUN PCWSTOP ;;
		3) pflags "$pid" ;;
		4) pctl "$pid" PCDSTOP PCRUN PCSTOP ;;
		esac >/dev/null 2>&1 &
		victim=$!
		random_nap
		kill -9 "$victim" 2>/dev/null
		wait "$victim" 2>/dev/null
		i=$((i + 1))
	done
	ok pctl "$pid" PCUNSET PR_RLC PCSENTRY none
	run prun "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
}

testKeepersKilledAtRandom()
{
	needs_keeper "the module cannot be killed" || return 0
	echo "seed $SEED"
	target threads 8 work
	i=0
	while [ $i -lt 40 ]; do
		random 3
		case $r in
		0) pstop "$pid" ;;
		1) pctl "$pid" PCSENTRY all PCSEXIT all PCRUN ;;
		2) pctl "$pid" PCSTRACE all PCSTOP ;;
		esac >/dev/null 2>&1 &
		command=$!
		random_nap
		keeper=$(tracer "$pid")
		case $keeper in
		'' | 0) ;;
		*) kill -9 "$keeper" 2>/dev/null ;;
		esac
		# It ends, be it with an error.
		started="$started $command"
		assert_soon gone "$command"
		reap "$command"
		i=$((i + 1))
	done
	keeper=$(tracer "$pid")
	[ "$keeper" = 0 ] || kill -9 "$keeper"
	assert_runs "$pid"
	assert_untouched "$pid"
	sweep
}

testTargetsKilledAtRandom()
{
	echo "seed $SEED"
	i=0
	while [ $i -lt 40 ]; do
		target threads 8 work || return
		random 4
		case $r in
		0) pstop "$pid" ;;
		1) pctl "$pid" PCSENTRY all PCWSTOP ;;
		2) pctl "$pid" PCSET PR_FORK PCSTOP PCRUN PCSTOP ;;
		3) pwait -s "$pid" ;;
		esac >/dev/null 2>&1 &
		command=$!
		started="$started $command"
		random_nap
		kill -9 "$pid"
		reap "$pid"
		assertEquals 137 "$status"
		assert_soon gone "$command"
		reap "$command"
		i=$((i + 1))
	done
}

# All of it at once, from C: tests/stress/ctlstress.c.
testStress()
{
	[ -x "$CTL_BUILD/tests/stress/ctlstress" ] ||
		{ skip "no ctlstress"; return 0; }
	run timeout $((90 * ${CTL_STRETCH:-1})) "$CTL_BUILD/tests/stress/ctlstress" -s "$SEED" -t 10
	assertEquals "seed $SEED: $(stdout) $(stderr)" 0 "$status"
	[ "$CTL_BACKEND" = module ] || sweep
}

. shunit2
