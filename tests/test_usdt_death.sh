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
		# Its text is the file's.
		pusdt list -j "$pid" 'test:*' >"$tmp/list"
		for address in $(jq -r '.sites[].address' "$tmp/list"); do
			byte=$(dd if="/proc/$pid/mem" bs=1 count=1 \
				skip=$((address)) 2>/dev/null | od -An -tx1)
			[ "$byte" != " cc" ] ||
				fail "round $i: a breakpoint at $address"
		done
		semaphore=$(jq -r '.semaphore // empty' "$tmp/list")
		assertEquals "round $i: semaphore" 0 "$(dd \
			if="/proc/$pid/mem" bs=1 count=2 \
			skip=$((semaphore)) 2>/dev/null | od -An -tu2 |
			tr -d ' ')"
		kill "$pid"
		assert_soon gone "$pid" || return
	done
	echo "$survived of $ROUNDS had begun"
}

# The keeper is killed as well.  What is inside a trap at that moment is lost, as
# the page says, and with ten probes in two threads there often is one; what is
# not lost is clean.
testKeeperKilled()
{
	needs_keeper "its death" || return 0
	lost=0 i=0
	while [ $i -lt "$ROUNDS" ]; do
		target probed 2 0 20000
		semaphore=$(pusdt list -j "$pid" test:guarded |
			jq -r .semaphore)
		picture "$pid" "$tmp/before"
		pusdt trace "$pid" 'test:*' >/dev/null 2>&1 &
		victim=$!
		random_nap
		keeper=$(tracer "$pid")
		[ "${keeper:-0}" = 0 ] || kill -9 "$keeper"
		kill -9 $victim 2>/dev/null
		wait $victim 2>/dev/null
		if ! wait_until settled "$pid"; then
			fail "round $i: something is left: $(cmp -l \
				"$tmp/before" "$tmp/now" | head -n 3)"
			return
		fi
		sleep 0.05
		gone "$pid" && lost=$((lost + 1))
		end_targets
		i=$((i + 1))
	done
	# A dead keeper's socket is swept when the next one starts.
	target spin
	ok pstop "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
	echo "$lost of $ROUNDS targets were lost"
	assertTrue "$lost of $ROUNDS lost" "[ $((lost * 4)) -le $((ROUNDS + 8)) ]"
}

. shunit2
