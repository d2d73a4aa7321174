#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Many threads, threads that come and go, processes that do, and exec.
. "${CTL_SRC:-.}/tests/lib.sh"

testFiveHundredThreads()
{
	target threads 500 work
	for _ in 1 2 3; do
		ok pstop "$pid"
		assert_stopped "$pid"
		ok pflags "$pid"
		stdout | grep -q 'threads = 501  stopped = 501' ||
			fail "$(stdout | head -n 4)"
		assertEquals 501 "$(stdout | grep -c '^ /[0-9]*:')"
		ok prun "$pid"
		assert_runs "$pid"
	done
	assert_untouched "$pid"
}

testKill9UnderFiveHundredThreads()
{
	target threads 500 work
	hold "$pid" rlc stop
	assert_stopped "$pid"
	kill -9 "$holder"
	assert_untouched "$pid"
	assert_runs "$pid"
}

testThreadsThatComeAndGo()
{
	target threads 20 churn
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		ok pstop "$pid"
		assert_stopped "$pid"
		# Stopped means that no new thread is born either.
		set -- "/proc/$pid/task/"*
		before="$*"
		sleep 0.05
		set -- "/proc/$pid/task/"*
		assertEquals "$before" "$*"
		ok prun "$pid"
		assert_runs "$pid"
	done
	assert_untouched "$pid"
}

testSomeThreads()
{
	target threads 10
	set -- "/proc/$pid/task/"*
	a=${3##*/} b=${5##*/} c=${8##*/}
	ok pstop "$pid/$a,$b-$b,$c"
	ok pflags "$pid"
	stdout | grep -q 'stopped = 3$' || fail "$(stdout | head -n 4)"
	ok pflags "$pid/$a"
	assertEquals 1 "$(stdout | grep -c '^ /[0-9]*:')"
	ok prun "$pid/$b"
	ok pflags "$pid"
	stdout | grep -q 'stopped = 2$' || fail "$(stdout | head -n 4)"
	fails 2 'No such' pflags "$pid/1"
	ok prun "$pid"
	assert_untouched "$pid"
}

testForkStormStoppedAgainAndAgain()
{
	target forkstorm 4 120
	# Only the first process is held; what it waits for goes on.
	for _ in 1 2 3 4 5; do
		ok pstop "$pid"
		assert_stopped "$pid"
		ok prun "$pid"
	done
	kill -USR1 "$pid"
	reap "$pid"
	assertEquals "every child ended as it should: $(cat "$err")" 0 "$status"
	grep -q '^done [1-9]' "$out" || fail "$(cat "$out")"
}

# Every child, vforked ones and those that exec included, is followed.
testForkStormFollowed()
{
	target forkstorm 4 120
	hold "$pid" rlc fork
	sleep 2
	kill -USR1 "$pid"
	reap "$pid"
	assertEquals "every child ended as it should: $(cat "$err")" 0 "$status"
	grep -q '^done [1-9]' "$out" || fail "$(cat "$out")"
	kill -9 "$holder"
}

# ... and the holder is killed in the middle.
testForkStormAbandoned()
{
	for nap in 0.1 0.35 0.6; do
		target forkstorm 4 120
		hold "$pid" rlc fork
		sleep $nap
		kill -9 "$holder"
		sleep 0.5
		kill -USR1 "$pid"
		reap "$pid"
		assertEquals "every child ended as it should: $(cat "$err")" \
			0 "$status"
	done
}

# The keeper is killed in the middle.
testForkStormKeeperKilled()
{
	needs_keeper "the module cannot be killed" || return 0
	for nap in 0.1 0.35 0.6; do
		target forkstorm 4 120
		hold "$pid" rlc fork
		sleep $nap
		kill -9 "$(tracer "$pid")"
		sleep 0.5
		kill -USR1 "$pid"
		reap "$pid"
		assertEquals "every child ended as it should: $(cat "$err")" \
			0 "$status"
		kill -9 "$holder"
		reap "$holder"
	done
	target spin
	ok pstop "$pid"
	ok prun "$pid"
}

# late_keeper: the keepers from here on hear late of births (objects/late.c)
late_keeper()
{
	if grep -q __asan_init "$CTL_BUILD/libexec/ctltools/ctlkeeper"; then
		skip "nothing can be preloaded into a sanitized keeper"
		return 1
	fi
	cat >"$tmp/keeper" <<-EOF
		#!/bin/sh
		LD_PRELOAD=$CTL_BUILD/tests/objects/late.so
		export LD_PRELOAD
		exec "$CTL_BUILD/libexec/ctltools/ctlkeeper" "\$@"
	EOF
	chmod 755 "$tmp/keeper"
	export CTL_KEEPER="$tmp/keeper"
}

# A parent may be kept off its CPU before it can tell of its child, who waits.
testParentTellsLate()
{
	needs_keeper "it hears of a birth from two" || return 0
	late_keeper || return 0
	# (One that is not followed shall be forgotten; else the keeper stays.)
	for opt in -f ''; do
		# shellcheck disable=SC2086 # none, or one
		run timeout 20 ptruss $opt -o "$tmp/trace" sh -c '(exit 7); exit 8'
		assertEquals "ptruss $opt: $(stderr)" 8 "$status"
		[ -z "$opt" ] || grep -q 'exited with status 7' "$tmp/trace" ||
			fail "the child is not followed: $(cat "$tmp/trace")"
	done
	unset CTL_KEEPER
}

testParentTellsLateOfAThread()
{
	needs_keeper "it hears of a birth from two" || return 0
	late_keeper || return 0
	target cloner sigchld
	ok pctl "$pid" PCSENTRY reboot
	kill -USR1 "$pid"
	assert_soon eval '[ "$(ls "/proc/$pid/task" | wc -l)" = 2 ]'
	wait_until eval '[ "$(state "$pid")" = S ]'
	ok timeout 30 pstop "$pid"
	ok pflags "$pid"
	stdout | grep -q 'threads = 2 ' || fail "$(stdout)"
	ok pctl "$pid" PCSENTRY none PCRUN
	assert_untouched "$pid"
	unset CTL_KEEPER
}

testForkedChildIsHeldWhenItsParentIs()
{
	cat >"$tmp/fork.sh" <<-'EOF2'
		echo ready
		while [ ! -e "$1" ]; do sleep 0.05; done
		sleep 1000 &
		echo "child $!"
		wait
	EOF2
	spawn sh "$tmp/fork.sh" "$tmp/go"
	assert_soon grep -q ready "$out"
	parent=$pid
	ok pctl "$parent" PCSET PR_FORK PCSEXIT fork,vfork,clone,clone3
	: >"$tmp/go"
	# Its "sleep 0.05" is a child, too: find the one that matters.
	tries=0
	until grep -q child "$out"; do
		tries=$((tries + 1))
		[ $tries -lt 100 ] || break
		for p in $parent $(cat "/proc/$parent/task/$parent/children"); do
			prun "$p" 2>/dev/null
		done
	done
	child=$(sed -n 's/^child //p' "$out")
	assertNotNull "no child: $(cat "$out" "$err")" "$child"
	ok pflags "$child"
	[ "$CTL_BACKEND" = module ] ||
		assertEquals "one keeper for both" "$(tracer "$parent")" \
			"$(tracer "$child")"
	stdout | grep -q 'modes = .*FORK' || fail "$(stdout)"
	for p in $parent $child; do
		pctl "$p" PCUNSET PR_FORK PCSEXIT none >/dev/null
		prun "$p"
	done
	# One keeper has both, and leaves when it has nothing to keep for either.
	assert_untouched "$parent"
	assert_untouched "$child"
	kill -9 "$child"
}

testExecFromAnotherThread()
{
	target execer thread "$TRACEES/spin"
	hold "$pid" stop
	assert_stopped "$pid"
	ok prun "$pid"
	kill -USR1 "$pid"
	assert_soon eval '[ "$(cat /proc/$pid/comm)" = spin ]'
	assert_runs "$pid"
	# The handle is as good as before.
	tried "$holder" "$held"
	grep -q '^status=0$' "$held" || fail "$(cat "$held")"
	ok prun "$pid"
	ok pstop "$pid"
	assert_stopped "$pid"
	ok pflags "$pid"
	stdout | grep -q 'threads = 1 ' || fail "$(stdout)"
	ok pctl "$pid" PCUNSET PR_ASYNC PCRUN
	kill -9 "$holder"
	assert_untouched "$pid"
}

# A directed stop that meets the exec, which takes a while because of its many
# arguments, is not waited for again.
testStopDuringAnExec()
{
	long=$(printf '%0100000d' 0)
	for i in 1 2 3 4 5 6 7 8 9 10; do
		# shellcheck disable=SC2086
		target execer thread sh -c 'while :; do :; done' $long $long \
			$long $long $long $long $long $long $long $long
		hold "$pid" rlc
		pstop "$pid" &
		stopper=$!
		[ $((i % 2)) = 0 ] || sleep 0.001
		kill -USR1 "$pid"
		wait $stopper
		ok prun "$pid"
		ok timeout 30 pstop "$pid"
		end_targets
	done
}

# Not "all_stopped": a thread is in stops that are none of ours on its way.
stopped_at()
{
	pflags "$1" 2>/dev/null | grep -qi "$2"
}

testExecStoppedAtItsExit()
{
	for how in main thread; do
		target execer $how "$TRACEES/spin"
		ok pctl "$pid" PCSEXIT execve
		kill -USR1 "$pid"
		assert_soon stopped_at "$pid" 'PR_SYSEXIT execve'
		assert_stopped "$pid"
		assertEquals spin "$(cat "/proc/$pid/comm")"
		ok pctl "$pid" PCSEXIT none PCRUN
		assert_runs "$pid"
		assert_untouched "$pid"
	done
}

testVforkFollowed()
{
	target vforker
	child=$(sed -n 's/^child //p' "$out")
	hold "$pid" rlc fork
	kill -USR1 "$child"
	assert_soon grep -q '^vfork 7$' "$out"
	kill -9 "$holder"
	assert_untouched "$pid"
}

# Threads that ptrace(2) tells of as of processes.
testOddThreads()
{
	for how in vfork sigchld; do
		target cloner $how
		ok pctl "$pid" PCSENTRY reboot
		kill -USR1 "$pid"
		wait_until eval '[ "$(ls "/proc/$pid/task" | wc -l)" = 2 ]'
		ok timeout 30 pstop "$pid"
		ok pflags "$pid"
		stdout | grep -q 'threads = 2 ' || fail "$how: $(stdout)"
		for t in "/proc/$pid/task/"*; do
			t=${t##*/}
			# The one that waits for a vforked child stays asleep.
			[ "$how$t" = "vfork$pid" ] ||
				[ "$CTL_BACKEND" = module ] ||
				assertEquals "$how" t "$(state "$pid/task/$t")"
		done
		ok pctl "$pid" PCSENTRY none PCRUN
		assert_runs "$pid"
		# The one that waits would have to wake for the keeper to go.
		[ $how = vfork ] || assert_untouched "$pid"
		end_targets
	done
}

# leaderless [as_user]: its memory is that of the threads that are left
leaderless()
{
	assert_soon eval '[ "$(state "$pid")" = Z ]'
	address=$(head -n 1 "$out")
	ok "$@" pstop "$pid"
	ok "$@" pctl "$pid" PCREAD "$address",16
	stdout | grep -q "61 *2f *6c" || stdout | grep -q "leader" ||
		fail "$(stdout)"
	ok "$@" prun "$pid"
	run "$@" timeout -s INT 1 ptruss -o "$tmp/calls" -p "$pid"
	grep -q "open.*leader's/will" "$tmp/calls" || fail "$(stderr)"
	assert_untouched "$pid"
	rm -f "$tmp/calls"
}

testMainThreadHasLeft()
{
	needs_keeper "its way to the memory" || return 0
	target leaderless
	leaderless
	[ "$(id -u)" = 0 ] || return 0
	needs_command setpriv || return 0
	user_dir
	chmod 777 "$tmp"
	user_spawn "$TRACEES/leaderless"
	wait_until grep -q '^ready$' "$out"
	leaderless as_user
	chmod 755 "$tmp"
}

# -- stops on events, thread by thread -------------------------------------------

testFaultStops()
{
	for what in bpt:TRAP ill:ILL izdiv:FPE bounds:SEGV access:SEGV; do
		target fault "${what%:*}"
		ok pctl "$pid" PCSFAULT "${what%:*}"
		kill -USR1 "$pid"
		assert_soon stopped_at "$pid" "PR_FAULTED FLT${what%:*}"
		assertEquals "no handler yet" ready "$(cat "$out")"
		# Let it have its fault ...
		ok prun "$pid"
		assert_soon grep -q "^fault ${what#*:}$" "$out"
		# ... and take the next one away; what it would return to is a
		# matter of the instruction, so only where that is behind it.
		ok pctl "$pid" PCSFAULT none
		assert_untouched "$pid"
	done
}

testSignalStops()
{
	target handlers
	ok pctl "$pid" PCSTRACE USR1,HUP
	kill -USR1 "$pid"
	assert_soon stopped_at "$pid" 'PR_SIGNALLED SIGUSR1'
	# Taken away: the handler does not run.
	ok pctl "$pid" PCRUN PRCSIG
	kill -HUP "$pid"
	assert_soon stopped_at "$pid" 'PR_SIGNALLED SIGHUP'
	ok prun "$pid"
	assert_soon grep -q '^got HUP 1$' "$out"
	kill -USR2 "$pid"
	assert_soon grep -q '^got USR2 1$' "$out"
	grep -q 'USR1' "$out" && fail "SIGUSR1 was to be cleared"
	ok pctl "$pid" PCSTRACE none
	assert_untouched "$pid"
}

testAbortedCall()
{
	target spin 1
	ok pctl "$pid" PCSENTRY getppid PCSEXIT getppid PCWSTOP
	stdout | grep -q 'PR_SYSENTRY getppid' || fail "$(stdout)"
	ok pctl "$pid" PCRUN PRSABORT PCWSTOP
	stdout | grep -q 'PR_SYSEXIT getppid' || fail "$(stdout)"
	stdout | grep -q 'EINTR' || fail "$(stdout)"
	ok pctl "$pid" PCSENTRY none PCSEXIT none PCRUN
	assert_runs "$pid"
	assert_untouched "$pid"
}

. shunit2
