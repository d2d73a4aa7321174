#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss --tied: a filter spares the program the stops at calls that are not
# traced, and program and tracer live and die together.

. "${CTL_SRC:-.}/tests/lib.sh"

# What a run prints of its calls, without what differs from run to run.
calls()
{
	ptruss -f -j "$@" 2>/dev/null |
		jq -r 'select(.type == "syscall") | "\(.name) \(.errno)"'
}

# Left out is what depends on when things happen: the reads of a pipe, and
# how a shell waits for its children (wait4, and the handler of SIGCHLD).
testSameCalls()
{
	for set in openat,dup2,clone,execve \
		'!read,write,mmap,brk,wait4,rt_sigreturn,rt_sigsuspend,rt_sigprocmask' \
		exit_group
	do
		calls -t "$set" sh -c 'cd /; cat /etc/passwd /no; ls / | wc -l' \
			>"$tmp/plain"
		calls --tied -t "$set" \
			sh -c 'cd /; cat /etc/passwd /no; ls / | wc -l' \
			>"$tmp/tied"
		assertTrue "something was traced ($set)" "[ -s '$tmp/plain' ]"
		# Two processes of a pipeline run side by side.
		sort "$tmp/plain" >"$tmp/plain.sorted"
		sort "$tmp/tied" >"$tmp/tied.sorted"
		assertEquals "the same calls ($set)" "" \
			"$(diff "$tmp/plain.sorted" "$tmp/tied.sorted")"
	done
}

testStatus()
{
	ptruss --tied -t openat -o "$tmp/o" sh -c 'exit 3'
	assertEquals 3 $?
	ptruss --tied -t openat -o "$tmp/o" sh -c 'kill -9 $$'
	assertEquals 137 $?
}

testRefused()
{
	run ptruss --tied -p $$
	assertEquals 64 "$status"
	assertTrue "why" "grep -q 'needs a command' '$tmp/stderr'"
	run ptruss --tied -T openat ls
	assertEquals 64 "$status"
}

# Its own filter wants a call traced: nobody does, so the call is not made.
testOwnFilter()
{
	for set in getppid getsid all; do
		run ptruss --tied -t $set -o "$tmp/o" "$TRACEES/filtered"
		assertEquals "$set: $(stderr)" 0 "$status"
		assertEquals "$set" "getsid ENOSYS" "$(stdout)"
	done
	grep -q 'getsid(0) *Err#38 ENOSYS' "$tmp/o" || fail "$(cat "$tmp/o")"
}

two_lines() { [ "$(cat "$tmp/pids" 2>/dev/null | wc -l)" = 2 ]; }

# The program and its children go when the tracer is killed.
testKilled()
{
	ptruss --tied -t openat -o "$tmp/o" sh -c \
		"echo \$\$ >'$tmp/pids'; sleep 1000 & echo \$! >>'$tmp/pids'; wait" &
	tracer=$!
	assert_soon two_lines
	kill -9 $tracer
	wait $tracer 2>/dev/null
	for pid in $(cat "$tmp/pids"); do
		assert_soon gone "$pid"
	done
}

# A second tracer sees what the filter does not tell of.
testSecondTracer()
{
	ptruss --tied -t getppid -o "$tmp/o" sh -c \
		"echo \$\$ >'$tmp/pid'; while :; do read x </etc/hostname; done" &
	tracer=$!
	assert_soon test -s "$tmp/pid"
	pid=$(cat "$tmp/pid")
	timeout 10 ptruss -j -t openat -p "$pid" 2>/dev/null |
		head -n 20 >"$tmp/second"
	assertEquals "its calls" 20 \
		"$(jq -r .name "$tmp/second" | grep -c openat)"
	ok pstop "$pid"
	ok prun "$pid"
	kill "$pid"
	wait $tracer 2>/dev/null
	assertEquals "as the command ended" 143 $?
}

. shunit2
