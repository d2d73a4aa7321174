#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss --inject: the target gets what was asked for, and the trace says so.

. "${CTL_SRC:-.}/tests/lib.sh"

testError()
{
	ptruss -o "$tmp/o" -t openat --inject=openat:error=EACCES:when=2+ \
		cat /etc/passwd >"$tmp/out" 2>"$tmp/err"
	assertTrue "cat could not start" "[ $? != 0 ]"
	assertTrue "the first one passed" "head -n 1 '$tmp/o' | grep -q ' = [0-9]'"
	assertTrue "the second did not" \
		"sed -n 2p '$tmp/o' | grep -q '^openat(AT_FDCWD, \"/.*Err#13 EACCES (INJECTED)$'"
}

testRetval()
{
	ptruss -j -o "$tmp/o" -t getppid --inject=getppid:retval=4242 \
		sh -c 'echo $PPID' >"$tmp/out"
	assertEquals "what it saw" 4242 "$(cat "$tmp/out")"
	assertEquals "what was traced" "4242 true" \
		"$(jq -r 'select(.name == "getppid") | "\(.ret) \(.injected)"' "$tmp/o")"
}

# strace counts in the same way: FIRST[..LAST][+[STEP]]
testWhen()
{
	for when in 3 3+ 2+3 2..4 1..7+2; do
		ptruss --style=strace -o "$tmp/o" -t getppid \
			--inject=getppid:error=EIO:when=$when \
			"$TRACEES/caller" 8
		ours=$(grep -n INJECTED "$tmp/o" | cut -d: -f1 | tr '\n' ' ')
		if command -v strace >/dev/null; then
			strace -o "$tmp/s" -e trace=getppid \
				-e inject=getppid:error=EIO:when=$when \
				"$TRACEES/caller" 8
			theirs=$(grep -n INJECTED "$tmp/s" | cut -d: -f1 | tr '\n' ' ')
			assertEquals "when=$when" "$theirs" "$ours"
		fi
		[ $when = 3 ] && assertEquals "3 " "$ours"
		[ $when = 2+3 ] && assertEquals "2 5 8 " "$ours"
	done
	:
}

# In ms, also where date(1) has no nanoseconds.
now() { awk '{ printf "%d\n", $1 * 1000 }' /proc/uptime; }

testDelay()
{
	t0=$(now)
	ptruss -o "$tmp/o" -t getppid --inject=getppid:delay=150ms:when=2..4 \
		"$TRACEES/caller" 8
	t1=$(now)
	ptruss -o "$tmp/o" -t getppid --inject=getppid:delay_exit=150ms:when=8 \
		"$TRACEES/caller" 8
	t2=$(now)
	assertTrue "three at entry" "[ $((t1 - t0)) -ge 440 ]"
	assertTrue "one at exit" "[ $((t2 - t1)) -ge 140 ]"
	assertFalse "nothing failed" "grep -q Err '$tmp/o'"
}

testSignal()
{
	ptruss -o "$tmp/o" -t getppid --inject=getppid:signal=TERM:when=5 \
		"$TRACEES/caller" 8
	assertEquals 143 $?
	assertEquals "calls made" 5 "$(grep -c '^getppid' "$tmp/o")"
}

# Every thread and every child counts for itself.
testThreadsAndChildren()
{
	ptruss -f -o "$tmp/o" -t getppid --inject=getppid:error=EIO:when=1 \
		sh -c "'$TRACEES/caller' 3 4; '$TRACEES/caller' 2"
	# sh itself asks for its parent when it starts
	assertEquals 6 "$(grep -c INJECTED "$tmp/o")"
	assertEquals 15 "$(grep -c getppid "$tmp/o")"
}

# Others go on while one is kept waiting, and ptruss killed lets all go on.
testKilled()
{
	target spin
	ptruss -o "$tmp/o" -t nanosleep,clock_nanosleep \
		--inject=nanosleep,clock_nanosleep:delay=100s -p "$pid" &
	tracer=$!
	sleep 0.5
	kill -9 $tracer
	wait $tracer 2>/dev/null
	assert_soon untouched "$pid"
	assert_runs "$pid"
}

testBad()
{
	for bad in openat openat:error=EFOO openat:retval=-1 no_such:error=EIO \
		openat:signal=FOO openat:delay=1d openat:error=EIO:when=0 \
		openat:error=EIO:when=3..2 openat:when=3; do
		run ptruss --inject="$bad" true
		assertEquals "$bad" 64 "$status"
		assertTrue "$bad: said why" "grep -q -- '--inject=$bad: ' '$tmp/stderr'"
	done
	run ptruss --inject=openat:error=EIO -T close true
	assertEquals "with -T" 64 "$status"
}

. shunit2
