#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# pstop, prun, pwait, pflags: the daily use, and what they say when they can't.
. "${CTL_SRC:-.}/tests/lib.sh"

testStopOutlivesPstop()
{
	target spin
	ok pstop "$pid"
	assertEquals "" "$(stdout)"
	assert_stopped "$pid"
	before=$(work "$pid")
	sleep 0.3
	assertEquals "a stopped process does nothing" "$before" "$(work "$pid")"
	ok prun "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
}

testStopsEveryThread()
{
	target threads 20 work
	ok pstop "$pid"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_runs "$pid"
}

testStopTwiceIsOneStop()
{
	target spin
	ok pstop "$pid"
	ok pstop "$pid"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

testRunOfARunningProcessIsFine()
{
	target spin
	ok prun "$pid"
	assert_untouched "$pid"
}

testStopsAProcessThatIgnoresEverything()
{
	target stubborn
	ok pstop "$pid"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

testStopOfVforkParentAndChild()
{
	target vforker
	child=$(sed -n 's/^child //p' "$out")
	ok pstop "$child"
	assert_stopped "$child"
	ok prun "$child"
	# The parent sleeps in vfork(): uninterruptible but for a kill.
	run pstop -t 1 "$pid"
	ok prun "$pid"
	kill -USR1 "$child"
	assert_soon grep -q '^vfork 7$' "$out"
	assert_untouched "$pid"
}

testOneThreadAlone()
{
	target threads 3 work
	set -- "/proc/$pid/task/"*
	tid=${2##*/}
	ok pstop "$pid/$tid"
	if [ "$CTL_BACKEND" = keeper ]; then
		assertEquals t "$(state "$pid/task/$tid")"
		assertNotEquals "the main thread goes on" t "$(state "$pid")"
	fi
	ok prun "$pid/$tid"
	assert_untouched "$pid"
}

testOperandForms()
{
	target spin
	for form in "$pid" "/proc/$pid" "/proc/$pid/" "$pid/$pid" "$pid/-" \
		"$pid/1-"; do
		run pstop "$form"
		if [ "$form" = "$pid/-" ]; then
			assertEquals "$form" 64 "$status"
			continue
		fi
		assertEquals "$form: $(stderr)" 0 "$status"
		assert_stopped "$pid"
		ok prun "$form"
		assert_runs "$pid"
	done
}

testWrongOperands()
{
	target spin
	for bad in 12x x 0 -5 1.5 '' 99999999999999999999 "$pid/x" "$pid/1,,2" \
		/proc/self/; do
		for command in pstop prun pwait pflags; do
			run "$command" -- "$bad"
			assertEquals "$command '$bad': $(stderr)" 64 "$status"
			stderr | grep -q "^$command: " ||
				fail "$command '$bad' says who: $(stderr)"
		done
	done
	# Nothing was tried when one operand is nonsense.
	fails 64 'not a' pstop "$pid" 12x
	assert_untouched "$pid"
	for command in pstop prun pwait pflags pctl; do
		run "$command"
		assertEquals "$command without an operand" 64 "$status"
		run "$command" --no-such-option 1
		assertEquals "$command --no-such-option" 64 "$status"
	done
}

# A number that no process has: above the greatest there is.
nobody()
{
	cat /proc/sys/kernel/pid_max
}

testNoSuchProcess()
{
	n=$(nobody)
	fails 2 "^pstop: cannot control $n: No such process$" pstop "$n"
	fails 2 "^pflags: cannot examine $n: No such process$" pflags "$n"
	fails 2 "^prun: cannot run $n: No such process$" prun "$n"
	fails 2 "^pwait: cannot wait for $n: No such process$" pwait "$n"
	fails 2 "^pctl: cannot control $n: No such process$" pctl "$n" PCNULL
}

testOneFailingDoesNotStopTheOthers()
{
	target spin
	one=$pid
	target spin
	two=$pid
	n=$(nobody)
	fails 1 "^pstop: cannot control $n: No such process$" \
		pstop "$one" "$n" "$two"
	assert_stopped "$one"
	assert_stopped "$two"
	fails 1 "$n" prun "$one" "$n" "$two"
	assert_untouched "$one"
	assert_untouched "$two"
}

testPipelineFromPgrep()
{
	needs_command pgrep || return 0
	cp "$TRACEES/spin" "$tmp/ctlspinner"
	target "$tmp/ctlspinner"
	one=$pid
	target "$tmp/ctlspinner"
	pgrep -x ctlspinner -P $$ | xargs pstop
	assert_stopped "$one"
	assert_stopped "$pid"
	pgrep -x ctlspinner -P $$ | xargs prun
	assert_untouched "$one"
	assert_untouched "$pid"
}

testRunAlsoUndoesSigstop()
{
	target spin
	kill -STOP "$pid"
	wait_until eval '[ "$(state $pid)" = T ]'
	ok prun "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
}

# What stops it may have hardly a file to open; what runs it on has its own limits.
testLimitsOfWhoStopsIt()
{
	needs_keeper "limits that a server inherits" || return 0
	target spin
	for limit in "n 10" "n 33" "f 1"; do
		# shellcheck disable=SC2016 # that sh's
		run sh -c 'ulimit -$1 $2 && pstop "$3"' sh "${limit% *}" "${limit#* }" "$pid"
		if [ "$status" = 0 ]; then
			assert_stopped "$pid"
		else
			stderr | grep -q 'limit of open files is too low: ulimit -n 32$' ||
				fail "$limit: $(stderr)"
		fi
		ok prun "$pid"
		assert_untouched "$pid"
	done
}

# A ring is a file, too: no reason for the keeper to die.
testLimitOfFileSizes()
{
	needs_keeper "limits that a server inherits" || return 0
	# (Through a pipe: what is a file now would end ptruss itself.)
	sh -c 'ulimit -f 1 && ptruss -t none true 2>&1' </dev/null |
		cat >"$tmp/limited"
	grep -q -e 'exited with status 0' -e 'limit of file sizes.*(ulimit -f)$' \
		"$tmp/limited" || fail "$(cat "$tmp/limited")"
}

testStopOfASigstoppedProcess()
{
	target spin
	kill -STOP "$pid"
	assert_soon eval '[ "$(state $pid)" = T ]'
	ok pstop "$pid"
	ok prun "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
}

testSigstopDuringAStopHoldsAfterwards()
{
	target spin
	ok pstop "$pid"
	kill -STOP "$pid"
	ok pctl "$pid" PCRUN
	assert_soon eval '[ "$(state $pid)" = T ]'
	kill -CONT "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
}

testSignalsWaitForTheRun()
{
	target handlers
	ok pstop "$pid"
	kill -USR1 "$pid"
	kill -USR2 "$pid"
	sleep 0.2
	assertEquals "no handler ran" "ready" "$(cat "$out")"
	ok prun "$pid"
	assert_soon grep -q '^got USR1 1$' "$out"
	assert_soon grep -q '^got USR2 1$' "$out"
	assertEquals 3 "$(wc -l <"$out")"
}

testAStopSendsNoSignal()
{
	target handlers
	for _ in 1 2 3 4 5; do
		ok pstop "$pid"
		ok prun "$pid"
	done
	kill -USR1 "$pid"
	assert_soon grep -q '^got USR1 1$' "$out"
	assertEquals "SIGUSR1 alone arrived" 2 "$(wc -l <"$out")"
}

testRunWithASignal()
{
	target handlers
	ok pstop "$pid"
	ok prun -s USR2 "$pid"
	assert_soon grep -q '^got USR2 1$' "$out"
	assert_untouched "$pid"
	ok prun -s HUP "$pid"
	assert_soon grep -q '^got HUP 1$' "$out"
	fails 64 '' prun -s NOSUCH "$pid"
}

testSingleStep()
{
	target spin
	ok pstop "$pid"
	rip()
	{
		pflags -r "$pid" | sed -n 's/.* rip = \([0-9a-f]*\).*/\1/p' |
			head -n 1
	}
	before=$(rip)
	assertNotNull "a register is shown" "$before"
	ok prun -1 "$pid"
	assert_stopped "$pid"
	assertNotEquals "one instruction on" "$before" "$(rip)"
	ok prun -1 "$pid"
	ok prun "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
}

# A breakpoint of the program's own is no step.
testStepOverABreakpoint()
{
	target breaks
	ok pstop "$pid"
	# more than once around
	for i in 1 2 3 4 5; do
		step='PCRUN PRSTEP PCWSTOP'
		step="$step $step $step $step $step"
		# shellcheck disable=SC2086 # a list
		ok pctl "$pid" $step $step $step
	done
	ok prun "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
	assertFalse "a breakpoint was taken for a step" "grep -q lost '$out'"
}

# waits PWAIT: it has got hold of its process
waits()
{
	for fd in "/proc/$1/fd/"*; do
		case $(readlink "$fd") in
		*pidfd*) return 0 ;;
		esac
	done
	return 1
}

# A thread that has to wait for room when it is run is as good as stopped.
testRunAndStopWhileARingIsFull()
{
	needs_keeper "its way to wait" || return 0
	spawn dd if=/dev/zero of=/dev/null bs=16k
	CTL_EVENTS=ptrace ptruss -r all -o "$tmp/calls" -p "$pid" &
	stand_still $! "$tmp/calls"
	ok pstop "$pid"
	ok pctl "$pid" PCRUN PRSTOP
	ok timeout 30 pctl "$pid" PCWSTOP
	kill -9 "$reader"
	reap "$reader"
	ok prun "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
}

# What has to be taken from BPF for each signal's sake waits somewhere, too.
testSignalsWhileARingIsFull()
{
	needs_bpf || return 0
	target odd numbered 1000
	CTL_EVENTS=bpf ptruss --style=strace -s none -t close -o "$tmp/numbers" \
		-p "$pid" &
	stand_still $! "$tmp/numbers"
	read_on
	# None is missing, unless it says so.
	assertEquals "" "$(awk -F '[()]' '
		/lost/ { next_one = 0 }
		/^close/ && next_one && $2 != next_one { print; exit }
		/^close/ { next_one = $2 + 1 }' "$tmp/numbers")"
}

testCreateStopped()
{
	run pstop -c -- "$TRACEES/spin"
	assertEquals "$(stderr)" 0 "$status"
	pid=$(stdout)
	started="$started $pid"
	assert_stopped "$pid"
	# Before its first instruction: the vDSO and the loader are mapped, no
	# library is.
	grep -q 'libc[.-]' "/proc/$pid/maps" && fail "it has run already"
	assertEquals spin "$(cat "/proc/$pid/comm")"
	ok prun "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
	kill -9 "$pid"
}

testCreateTakesOptionsOfTheCommand()
{
	run pstop -c sh -c 'exit 3'
	assertEquals "$(stderr)" 0 "$status"
	pid=$(stdout)
	pwait -v "$pid" >"$tmp/pwait" 2>&1 &
	waiter=$!
	wait_until waits "$waiter"
	ok prun "$pid"
	wait "$waiter"
	assertEquals "$(cat "$tmp/pwait")" 0 $?
}

testCreateOfNothing()
{
	fails 2 'pstop: cannot start /no/such/file: No such file' \
		pstop -c -- /no/such/file
	fails 2 'Permission denied' pstop -c -- /etc/passwd
}

testPwaitForAnExit()
{
	# Its parent never asks how it ended: that stays to be seen.
	spawn sh -c '"$0" >/dev/null & echo $!; exec sleep 1000' "$TRACEES/spin"
	assert_soon test -s "$out"
	read -r child <"$out"
	pwait -v "$child" >"$tmp/pwait" 2>&1 &
	waiter=$!
	wait_until waits "$waiter"
	kill -TERM "$child"
	wait "$waiter"
	assertEquals "$(cat "$tmp/pwait")" 0 $?
	grep -q "$child.*TERM" "$tmp/pwait" ||
		fail "how it ended: $(cat "$tmp/pwait")"
}

testPwaitDoesNotTouch()
{
	target spin
	pwait "$pid" &
	waiter=$!
	assert_runs "$pid"
	assertEquals 0 "$(tracer "$pid")"
	kill -9 "$pid"
	wait "$waiter"
	assertEquals 0 $?
}

testPwaitTimesOut()
{
	target spin
	run pwait -t 0.2 "$pid"
	assertEquals 124 "$status"
	run pwait -s -t 0.2 "$pid"
	assertEquals 124 "$status"
	assert_untouched "$pid"
}

testPwaitForAStop()
{
	target spin
	pwait -s -v "$pid" >"$tmp/pwait" 2>&1 &
	waiter=$!
	ok pstop "$pid"
	wait "$waiter"
	assertEquals "$(cat "$tmp/pwait")" 0 $?
	assert_stopped "$pid"
	ok prun "$pid"
}

testPwaitStopFailsWhenTheTargetDies()
{
	target spin
	pwait -s "$pid" >"$tmp/pwait" 2>&1 &
	waiter=$!
	wait_until eval '[ "$(tracer $pid)" != 0 ]'
	kill -9 "$pid"
	wait "$waiter"
	assertNotEquals "$(cat "$tmp/pwait")" 0 $?
}

testPflagsOfAnUncontrolledProcess()
{
	target spin
	ok pflags "$pid"
	stdout | grep -q 'not controlled' || fail "$(stdout)"
	assertEquals "looking starts nothing" 0 "$(tracer "$pid")"
}

testPflagsTellsWhoHoldsIt()
{
	target spin
	ok pstop "$pid"
	ok pflags "$pid"
	stdout | grep -q 'STOPPED|ISTOP' || fail "flags: $(stdout)"
	stdout | grep -q 'REQUESTED' || fail "why: $(stdout)"
	if [ "$CTL_BACKEND" = keeper ]; then
		stdout | grep -q "keeper $(tracer "$pid")" || fail "$(stdout)"
	fi
	ok prun "$pid"
}

testPflagsJson()
{
	needs_command jq || return 0
	target threads 3
	ok pstop "$pid"
	assertEquals "$pid 4 4" "$(pflags -j "$pid" |
		jq -r '"\(.pid) \(.nthreads) \(.nstopped)"')"
	assertEquals 4 "$(pflags -j "$pid" |
		jq '[.threads[] | select(.flags | index("PR_STOPPED"))] | length')"
	ok prun "$pid"
}

. shunit2
