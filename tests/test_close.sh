#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# P1: run on last close, and what else happens when handles go.
. "${CTL_SRC:-.}/tests/lib.sh"

testRlcRunsOnClose()
{
	target spin
	ok pctl "$pid" PCSET PR_RLC PCSTOP
	stdout | grep -q REQUESTED || fail "it was stopped: $(stdout)"
	assert_runs "$pid"
	assert_untouched "$pid"
}

testWithoutRlcItStays()
{
	target spin
	ok pctl "$pid" PCSTOP
	assert_stopped "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

testRlcSetLaterCounts()
{
	target spin
	ok pstop "$pid"
	assert_stopped "$pid"
	ok pctl "$pid" PCSET PR_RLC
	assert_untouched "$pid"
	assert_runs "$pid"
}

testRlcUnsetAgain()
{
	target spin
	ok pctl "$pid" PCSET PR_RLC PCSTOP PCUNSET PR_RLC
	assert_stopped "$pid"
	ok prun "$pid"
}

testKlcKills()
{
	target spin
	ok pctl "$pid" PCSET PR_KLC
	reap "$pid"
	assertEquals "killed by SIGKILL" 137 "$status"
}

testRlcWinsOverStop()
{
	target threads 20 work
	hold "$pid" rlc stop
	assert_stopped "$pid"
	kill -9 "$holder"
	assert_untouched "$pid"
	assert_runs "$pid"
}

testKill9OfAHolderThatTracesEverything()
{
	target spin 1
	hold "$pid" rlc calls sigs
	wait_until all_stopped "$pid" || fail "it stops at a call"
	kill -9 "$holder"
	assert_untouched "$pid"
	assert_runs "$pid"
	# Nothing of the sets is left.
	ok pstop "$pid"
	ok pflags "$pid"
	stdout | grep -q 'sysentry\|sigtrace\|RLC' && fail "$(stdout)"
	ok prun "$pid"
	assert_untouched "$pid"
}

# The end of a step, in a call that takes long, is waited for by nobody.
testCloseDuringAStep()
{
	needs_keeper "its way to step" || return 0
	mkfifo "$tmp/fifo"
	# shellcheck disable=SC2016 # for the other shell
	target /bin/sh -c 'exec 3<>$0; echo ready
		while read -r line <&3; do echo "$line"; done' "$tmp/fifo"
	hold "$pid" rlc
	assert_soon eval '[ "$(state "$pid")" = S ]'
	ok pstop "$pid"
	ok pctl "$pid" PCRUN PRSTEP
	assert_soon eval '[ "$(state "$pid")" = S ]'
	kill -9 "$holder"
	reap "$holder"
	for line in one two; do
		echo $line >"$tmp/fifo"
		assert_soon grep -q $line "$out"
	done
	assert_untouched "$pid"
}

testOnlyTheLastCloseCounts()
{
	target spin
	hold "$pid" rlc stop
	first=$holder
	hold "$pid"
	kill -9 "$first"
	reap "$first"
	assert_stopped "$pid"
	kill -9 "$holder"
	assert_untouched "$pid"
}

testSetsOutliveTheirSetter()
{
	target spin 1
	ok pctl "$pid" PCSENTRY getppid
	assert_soon all_stopped "$pid"
	ok pflags "$pid"
	stdout | grep -q SYSENTRY || fail "$(stdout)"
	stdout | grep -q 'getppid' || fail "$(stdout)"
	# It stops again and again.
	ok pctl "$pid" PCRUN PCWSTOP
	assert_stopped "$pid"
	ok pctl "$pid" PCSENTRY none PCRUN
	assert_runs "$pid"
	assert_untouched "$pid"
}

testExclusiveOpen()
{
	target spin
	hold "$pid"
	run "$CTL_BUILD/tests/hold" "$pid" excl
	assertEquals 2 "$status"
	assertEquals open=EBUSY "$(stdout)"
	kill -9 "$holder"
	reap "$holder"
	# Its connection may be seen to be closed a moment later.
	excl()
	{
		"$CTL_BUILD/tests/hold" "$pid" excl nothing >/dev/null 2>&1
		[ $? = 64 ]
	}
	assert_soon excl
	assert_untouched "$pid"
}

testSeveralClientsShareOneState()
{
	target spin
	hold "$pid"
	first=$holder
	hold "$pid"
	assertEquals "two and pflags itself not" 1 \
		"$(pflags "$pid" | grep -c 'handles = 2\|handles = 3')"
	ok pstop "$pid"
	ok pstop "$pid"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_runs "$pid"
	kill -9 "$first" "$holder"
	assert_untouched "$pid"
}

# Ten stoppers and ten runners at once; the last word has prun.
testManyClientsAtOnce()
{
	target threads 5 work
	i=0 pids=
	while [ $i -lt 10 ]; do
		pstop "$pid" 2>>"$tmp/errors" &
		pids="$pids $!"
		prun "$pid" 2>>"$tmp/errors" &
		pids="$pids $!"
		pflags "$pid" >/dev/null 2>>"$tmp/errors" &
		pids="$pids $!"
		i=$((i + 1))
	done
	for p in $pids; do
		wait "$p"
		assertEquals "$(cat "$tmp/errors")" 0 $?
	done
	ok prun "$pid"
	assert_runs "$pid"
	assert_untouched "$pid"
}

. shunit2
