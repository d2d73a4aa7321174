#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# pusdt killed at random moments, whatever it is doing: the target's text and
# semaphores are as they were, and it runs.
#
# ROUNDS=n: so many kills of each subcommand (200 for a release).  SEED=n
# repeats the random choices of a run, though not its timing.
# shellcheck disable=SC2154 # set by lib.sh
. "${CTL_SRC:-.}/tests/lib.sh"

ROUNDS=${ROUNDS:-6}
SEED=${SEED:-$(date +%s)}
random_state=$SEED

oneTimeSetUp()
{
	needs_command jq || exit 0
	needs_command cmp || exit 0
}

# random N: sets r to 0 .. N-1
random()
{
	random_state=$(((random_state * 1103515245 + 12345) & 0x7fffffff))
	r=$((random_state / 65536 % $1))
}

# Up to 80 ms: the commands take 5 to 40.
random_nap()
{
	random 80
	if [ "$r" -lt 10 ]; then
		sleep "0.00$r"
	else
		sleep "0.0$r"
	fi
}

# picture PID FILE: its program's text and the semaphore, as they are
picture()
{
	grep "r-xp.*/probed\$" "/proc/$1/maps" 2>/dev/null |
		head -n 1 >"$tmp/range"
	read -r range _ <"$tmp/range" || return
	from=$((0x${range%-*} / 4096)) to=$((0x${range#*-} / 4096))
	dd if="/proc/$1/mem" bs=4096 skip=$from count=$((to - from)) \
		2>/dev/null >"$2"
	dd if="/proc/$1/mem" bs=1 skip=$((semaphore)) count=2 \
		2>/dev/null >>"$2"
}

same_picture()
{
	picture "$1" "$tmp/now" && cmp -s "$tmp/before" "$tmp/now"
}

# It is as it was and on its own, or lost.
settled()
{
	gone "$1" || { same_picture "$1" && untouched "$1"; }
}

begin()
{
	echo "seed $SEED, $ROUNDS rounds"
	target probed 4 0 500
	semaphore=$(pusdt list -j "$pid" test:guarded | jq -r .semaphore)
	picture "$pid" "$tmp/before"
	assertTrue "a picture" "[ $(wc -c <"$tmp/before") -gt 4096 ]"
}

# A killed command: its process group is it alone, the target's is ours.
kill_at_random()
{
	"$@" >/dev/null 2>&1 &
	victim=$!
	random_nap
	kill -9 $victim 2>/dev/null
	wait $victim 2>/dev/null
}

# What may stay: what enable enabled.  disable takes that away, too.
killed()
{
	begin
	i=0
	while [ $i -lt "$ROUNDS" ]; do
		kill_at_random "$@" "$pid" 'test:*'
		pusdt disable "$pid" >/dev/null 2>&1
		if ! wait_until same_picture "$pid"; then
			fail "round $i: something is left"
			return
		fi
		i=$((i + 1))
	done
	assert_untouched "$pid"
	assert_runs "$pid"
	kill "$pid"
	reap "$pid"
	assertEquals "it ends as ever" 0 "$status"
}

testListKilled()
{
	killed pusdt list -l
}

testEnableKilled()
{
	killed pusdt enable
}

testTraceKilled()
{
	killed pusdt trace
}

testCountKilled()
{
	killed pusdt count
}

# who FILE: the processes that print into it
who()
{
	for p in /proc/[0-9]*; do
		[ "$(readlink "$p/fd/1" 2>/dev/null)" = "$1" ] &&
			echo "${p#/proc/}"
	done
}

# The program that it ran never began, or goes on and is not harmed.
testRunKilled()
{
	echo "seed $SEED, $ROUNDS rounds"
	survived=0 i=0
	while [ $i -lt "$ROUNDS" ]; do
		pusdt run -o /dev/null 'test:*' -- "$TRACEES/probed" 4 0 500 \
			>"$tmp/run.$i" 2>/dev/null &
		victim=$!
		random_nap
		kill -9 $victim
		wait $victim 2>/dev/null
		pid=$(who "$tmp/run.$i")
		i=$((i + 1))
		[ "$pid" ] || continue
		if ! grep -q probed "/proc/$pid/cmdline" 2>/dev/null; then
			# Killed with the command before it became the program.
			assert_soon gone "$pid" || return
			continue
		fi
		if ! wait_until untouched "$pid"; then
			# On its way to the entry point it goes with us.
			gone "$pid" && continue
			fail "round $i: $(states "$pid")"
			return
		fi
		survived=$((survived + 1))
		assert_runs "$pid"
		clean "$pid" || fail "round $i: $(cat "$tmp/list")"
		kill "$pid"
		assert_soon gone "$pid" || return
	done
	echo "$survived of $ROUNDS had begun"
}

# guardian KEEPER: the process that puts right what a dead keeper left
guardian()
{
	for p in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" = ctlguard ] && echo "$p"
	done
}

# Another one than before, or the keeper is gone.
guarded_anew()
{
	gone "$keeper" && return
	now=$(guardian "$keeper")
	[ "$now" ] && [ "$now" != "$guard" ]
}

# began FILE: the program that prints into it and is the one that was asked for
began()
{
	for p in $(who "$1"); do
		[ "$(cat "/proc/$p/comm" 2>/dev/null)" = probed ] && echo "$p"
	done | head -n 1
}

# start_victim SUBCOMMAND: it, at work on a target; run starts that itself
start_victim()
{
	if [ "$1" = run ]; then
		pusdt run -o /dev/null 'test:*' -- "$TRACEES/probed" 2 0 20000 \
			>"$tmp/ran" 2>/dev/null &
		victim=$!
		return
	fi
	pusdt "$1" "$pid" 'test:*' >/dev/null 2>&1 &
	victim=$!
}

# Its keeper, its guardian, or one after the other; then the command, too.
kill_servers()
{
	keeper=$(tracer "$pid")
	[ "${keeper:-0}" != 0 ] || return
	random 3
	if [ "$r" -gt 0 ]; then
		guard=$(guardian "$keeper")
		if [ "$guard" ]; then
			# shellcheck disable=SC2086
			kill -9 $guard 2>/dev/null
			guards=$((guards + 1))
			assert_soon guarded_anew
		fi
	fi
	[ "$r" = 1 ] || kill -9 "$keeper" 2>/dev/null
}

# The keeper and the guardian are killed as well.  What is inside a trap at that
# moment is lost, as the page says, and with ten probes in two threads there
# often is one; what is not lost is clean.
servers_killed()
{
	lost=0 i=0 guards=0
	while [ $i -lt "$ROUNDS" ]; do
		if [ "$1" = run ]; then
			start_victim run
			random_nap
			pid=$(began "$tmp/ran")
		else
			target probed 2 0 20000
			semaphore=$(pusdt list -j "$pid" test:guarded |
				jq -r .semaphore)
			picture "$pid" "$tmp/before"
			start_victim "$1"
			random_nap
		fi
		[ -z "$pid" ] || kill_servers
		kill -9 $victim 2>/dev/null
		wait $victim 2>/dev/null
		i=$((i + 1))
		[ "$pid" ] || pid=$(began "$tmp/ran")
		[ "$pid" ] || continue
		pusdt disable "$pid" >/dev/null 2>&1
		if [ "$1" = run ]; then
			wait_until clean "$pid" || {
				fail "round $i: something is left"
				return
			}
			kill -9 "$pid" 2>/dev/null
			assert_soon gone "$pid"
		elif ! wait_until settled "$pid"; then
			fail "round $i: something is left: $(cmp -l \
				"$tmp/before" "$tmp/now" | head -n 3)"
			return
		fi
		[ "$1" = run ] || sleep 0.05
		gone "$pid" && [ "$1" != run ] && lost=$((lost + 1))
		end_targets
	done
	echo "$lost of $ROUNDS targets were lost, $guards guardians killed"
	assertTrue "$lost of $ROUNDS lost" "[ $((lost * 4)) -le $((ROUNDS + 8)) ]"
}

# What run started: on its own, its text that of the file, or gone.
clean()
{
	gone "$1" && return
	untouched "$1" || return
	pusdt list -j "$1" 'test:*' >"$tmp/list" 2>/dev/null || return
	for address in $(jq -r '.sites[].address' "$tmp/list"); do
		[ "$(dd if="/proc/$1/mem" bs=1 count=1 skip=$((address)) \
			2>/dev/null | od -An -tx1)" != " cc" ] || return
	done
	semaphore=$(jq -r '.semaphore // empty' "$tmp/list")
	[ -z "$semaphore" ] || [ "$(dd if="/proc/$1/mem" bs=1 count=2 \
		skip=$((semaphore)) 2>/dev/null | od -An -tu2 | tr -d ' ')" = 0 ]
}

testServersOfTraceKilled()
{
	needs_keeper "its death" || return 0
	servers_killed trace
}

testServersOfEnableKilled()
{
	needs_keeper "its death" || return 0
	servers_killed enable
}

testServersOfCountKilled()
{
	needs_keeper "its death" || return 0
	servers_killed count
}

testServersOfRunKilled()
{
	needs_keeper "its death" || return 0
	servers_killed run
}

# A keeper that is told to go loses nothing, and leaves nothing, also when the
# kernel has not done with the probes of another command yet.
testKeeperTerminated()
{
	needs_keeper "its end" || return 0
	echo "seed $SEED, $ROUNDS rounds"
	target probed 2 0 500
	semaphore=$(pusdt list -j "$pid" test:guarded | jq -r .semaphore)
	picture "$pid" "$tmp/before"
	i=0
	while [ $i -lt "$ROUNDS" ]; do
		pusdt count "$pid" 'test:*' >/dev/null 2>&1 &
		first=$!
		random_nap
		pusdt count "$pid" 'test:*' >/dev/null 2>&1 &
		victim=$!
		random_nap
		keeper=$(tracer "$pid")
		[ "${keeper:-0}" = 0 ] || kill "$keeper"
		random_nap
		kill -9 $first $victim 2>/dev/null
		wait $first $victim 2>/dev/null
		if gone "$pid" || ! wait_until settled "$pid"; then
			fail "round $i: it died, or something is left: $(cmp -l \
				"$tmp/before" "$tmp/now" | head -n 3)"
			return
		fi
		i=$((i + 1))
	done
	assert_runs "$pid"
}

# Stop the keeper: now a thread is stopped where it has made a child, and has
# fork's lock.  Else it waits for a child that is.
stopped_at_a_birth()
{
	kill -STOP "$keeper"
	for nap in 1 2 3 4 5; do
		states "$pid" | grep -q t && return
		sleep 0.0$nap
	done
	kill -CONT "$keeper"
	return 1
}

# The keeper dies when a child has just been born, and was not looked after: it
# has a copy of the breakpoints.  A parent whose child dies of one ends.
# killed_at_a_birth THREADS
killed_at_a_birth()
{
	target probed "$1" 0 500 fork
	CTL_EVENTS=ptrace ok pusdt enable "$pid" test:child
	keeper=$(tracer "$pid")
	assert_soon stopped_at_a_birth
	kill -9 "$keeper"
	assert_untouched "$pid"
	kill "$pid"
	reap "$pid"
	assertEquals "no child died: $(cat "$out")" 0 "$status"
}

testKeeperKilledAtABirth()
{
	needs_keeper "its death" || return 0
	killed_at_a_birth 32
}

# One of many children: more than fit a page of numbers.
testKeeperKilledAtABirthInALargeFamily()
{
	needs_keeper "its death" || return 0
	PROBED_BROOD=900 killed_at_a_birth 1
}

passed()
{
	grep -c '^passed$' "$out"
}

# The same, and its one child has not been looked after: it is where it was born.
stopped_with_a_child()
{
	stopped_at_a_birth || return
	child=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
	child=${child% }
	[ "$child" ] && [ "$(states "$pid")" = t ] && [ "$(state "$child")" = t ] &&
		read -r call rest <"/proc/$pid/syscall" && [ "$call" = 56 ] &&
		return
	kill -CONT "$keeper"
	return 1
}

# A child whose parent was killed before it was heard of is as well as others.
testTargetKilledAtABirth()
{
	needs_keeper "its breakpoints" || return 0
	target probed 1 0 500 forktell
	CTL_EVENTS=ptrace ok pusdt enable "$pid" test:child
	keeper=$(tracer "$pid")
	assert_soon stopped_with_a_child
	n=$(passed)
	kill -9 "$pid"
	kill -CONT "$keeper"
	reap "$pid"
	assert_soon eval '[ "$(passed)" -gt $n ]'
	assert_soon gone "$keeper"
}

# One without privileges has breakpoints, and a guardian for them.
testKeeperOfAnOrdinaryUserKilled()
{
	needs_keeper "its death" || return 0
	needs_root "to become an ordinary user" || return 0
	needs_command setpriv || return 0
	user_dir
	user_spawn "$TRACEES/probed" 2 0 300000
	wait_until grep -q '^ready$' "$out"
	semaphore=$(pusdt list -j "$pid" test:guarded | jq -r .semaphore)
	picture "$pid" "$tmp/before"
	ok as_user pusdt enable "$pid" test:wide test:guarded
	same_picture "$pid" && fail "nothing was enabled"
	kill -9 "$(tracer "$pid")"
	wait_until settled "$pid" || fail "something is left"
	ok as_user pusdt status "$pid"
}

# A dead keeper's socket is swept when the next one starts.
testSocketsAreSwept()
{
	needs_keeper "its death" || return 0
	target spin
	ok pstop "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

. shunit2
