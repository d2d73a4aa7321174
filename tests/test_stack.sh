#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# User stacks: ptruss --stack, pusdt --stack, pusdt count --by stack.

. "${CTL_SRC:-.}/tests/lib.sh"

nested=$TRACEES/nested

testThereAreStacks()
{
	[ ! "$sanitized" ] || { skip "a build with sanitizers has no stacks"; return 0; }
	ok ptruss -k -t getppid -o "$tmp/o" "$nested" plain
}

sanitized=
if without_stacks; then
	sanitized=yes
	suite() { suite_addTest testThereAreStacks; }
fi

# functions FILE: the functions of its frames, those of libc left out, on a line
functions()
{
	sed -n 's/^        \([^ ]*\).*/\1/p' "$1" | grep -v '^lib\(c\|pthread\)[.-]' |
		sed 's/.*`//; s/+0x[0-9a-f]*$//' | tr '\n' ' ' | sed 's/ $//'
}

# stacks_of MODE WANT: the one getppid() of a mode comes from there
stacks_of()
{
	ok ptruss -k -t getppid -s none -o "$tmp/o" "$nested" "$1"
	assertEquals "$1: calls" 1 "$(grep -c '^getppid(' "$tmp/o")"
	assertEquals "$1" "$2" "$(functions "$tmp/o")"
}

testNestedAndStaticFunctions()
{
	stacks_of plain "inner middle outer do_mode main _start"
	stacks_of signal "inner middle outer handler loiter do_mode main _start"
	stacks_of thread "inner middle outer thread"
	grep -q '`start_thread+0x\|libc.so.6`0x' "$tmp/o" ||
		fail "no frame of libc: $(cat "$tmp/o")"
}

testSourceLines()
{
	source=$CTL_SRC/tests/tracees/nested.c
	[ -f "$source" ] || { skip "needs the source tree"; return 0; }
	ok ptruss -k -t getppid -o "$tmp/o" "$nested" plain
	grep -q 'nested`inner' "$tmp/o" || fail "no inner"
	if ! grep -q 'nested`inner.*(' "$tmp/o"; then
		skip "the test program has no debug information"
		return 0
	fi
	want=$(grep -n '/\* the call \*/' "$source" | cut -d : -f 1)
	got=$(sed -n 's/.*nested`inner+0x[0-9a-f]* (nested.c:\([0-9]*\))$/\1/p' "$tmp/o")
	assertTrue "line $got, it is $want" "[ $((want - got)) -ge -1 -a $((want - got)) -le 1 ]"
}

testInlinedFunctions()
{
	ok ptruss -k -t getppid -o "$tmp/o" "$nested" inline
	if ! grep -q 'nested`inner.*(' "$tmp/o"; then
		skip "the test program has no debug information"
		return 0
	fi
	assertEquals "inner middle outer within around inlining do_mode main _start" \
		"$(functions "$tmp/o")"
	assertEquals "marked" 2 "$(grep -c 'nested`[a-z]* \[inlined\] (nested.c:[0-9]*)$' "$tmp/o")"
	ok ptruss -j -k -t getppid -o "$tmp/o" "$nested" inline
	assertEquals "json" "within around" "$(jq -r 'select(.name == "getppid") |
		.stack[] | select(.inlined) | .symbol' "$tmp/o" | tr '\n' ' ' | sed 's/ $//')"
}

testCodeOfNoFile()
{
	ok ptruss -k -t getppid -o "$tmp/o" "$nested" jit
	assertEquals "an address, then the caller" 1 \
		"$(sed -n '/^getppid/,/^[^ ]/p' "$tmp/o" | sed -n '2p' | grep -c '^        0x[0-9a-f]*$')"
	sed -n 3p "$tmp/o" | grep -q 'nested`jit+0x' || fail "jit: $(cat "$tmp/o")"
}

# Whatever the stack is, the trace goes on, and what is printed says that it is
# not all.
testBrokenStacks()
{
	ok ptruss -k -t getppid -o "$tmp/o" "$nested" wild circle plain
	assertEquals "calls" 3 "$(grep -c '^getppid(' "$tmp/o")"
	assertEquals "ends told" 2 "$(grep -c '^        ?$' "$tmp/o")"
	assertTrue "wild" "grep -q 'nested.wild+0x' '$tmp/o'"
	assertTrue "plain" "grep -q 'nested.inner+0x' '$tmp/o'"
}

testStackThatIsCopiedTooShortly()
{
	ok ptruss -k1024 -t getppid -o "$tmp/o" "$nested" deep
	assertTrue "begins" "grep -q 'nested.inner+0x' '$tmp/o'"
	assertFalse "no further" "grep -q 'nested.main' '$tmp/o'"
	assertEquals "told" 1 "$(grep -c '^        \.\.\.$' "$tmp/o")"
	ok ptruss --stack=32768 -t getppid -o "$tmp/o" "$nested" deep
	assertTrue "all" "grep -q 'nested.main' '$tmp/o'"
	assertEquals "frames" 101 "$(grep -c 'nested.recurse+0x' "$tmp/o")"
	assertFalse "nothing to tell" "grep -q '^        \.\.\.$' '$tmp/o'"
	fails 64 'not a number of bytes from 1 to 32768: 0' ptruss -k0 true
	fails 64 'not a number of bytes from 1 to 32768: 32769' ptruss -k32769 true
}

testStackJson()
{
	ptruss -k -j -t getppid "$nested" plain >"$tmp/o" 2>"$tmp/err"
	assertEquals "inner middle outer do_mode main" \
		"$(jq -r 'select(.name == "getppid") | .stack[1:6][] | .symbol' "$tmp/o" | tr '\n' ' ' | sed 's/ $//')"
	assertEquals "the object" "$(readlink -f "$nested")" \
		"$(jq -r 'select(.name == "getppid") | .stack[1].object' "$tmp/o")"
	assertEquals "no end" null "$(jq -r 'select(.name == "getppid") | .stack_end' "$tmp/o")"
	ptruss -k512 -j -t getppid "$nested" deep >"$tmp/o" 2>"$tmp/err"
	assertEquals "cut" cut "$(jq -r 'select(.name == "getppid") | .stack_end' "$tmp/o")"
	# Offset and address in the file, from the symbol table.
	needs_command nm || return 0
	ptruss -k -j -t getppid "$nested" plain >"$tmp/o" 2>"$tmp/err"
	start=$(nm "$nested" | sed -n 's/^\([0-9a-f]*\) t middle$/\1/p')
	assertEquals "where middle begins" "$((0x$start))" \
		"$(jq -r 'select(.name == "getppid") | .stack[] | select(.symbol == "middle") | .linked - .offset' "$tmp/o")"
}

testStackStraceStyle()
{
	ok ptruss -k --style=strace -t getppid -o "$tmp/o" "$nested" plain
	grep -q "^ > $(readlink -f "$nested")(middle+0x[0-9a-f]*) \[0x[0-9a-f]*\]$" "$tmp/o" ||
		fail "$(cat "$tmp/o")"
}

# Without a symbol table there is the address in the file.
testStrippedProgram()
{
	needs_command objcopy && needs_command nm || return 0
	objcopy -S -R .debug_info "$nested" "$tmp/stripped"
	chmod 755 "$tmp/stripped"
	ok ptruss -k -t getppid -o "$tmp/o" "$tmp/stripped" plain
	assertFalse "no names" "grep -q 'stripped.middle' '$tmp/o'"
	at=$(sed -n '/^getppid/,/^[^ ]/p' "$tmp/o" | sed -n '4s/.*stripped`\(0x[0-9a-f]*\)$/\1/p')
	start=$(nm "$nested" | sed -n 's/^\([0-9a-f]*\) t middle$/\1/p')
	assertTrue "$at is in middle, at 0x$start" \
		"[ $((${at:-0} - 0x$start)) -gt 0 -a $((${at:-0} - 0x$start)) -lt 32 ]"
}

# A library that is mapped, used and gone before anybody looked.
testMappedShortly()
{
	for i in 1 2 3; do
		spawn ptruss -k -f -t getppid -o "$tmp/all" sh -c \
			"'$TRACEES/opener' '$CTL_BUILD/tests/objects/hidden.so' 1 keep; :"
		assert_soon grep -q ready "$out"
		kill -USR1 "$(child_of "$(child_of "$pid")")"
		reap "$pid"
		assertEquals "run $i: $(cat "$err")" "0 " "$status $(cat "$err")"
		# sh may ask, too, before it forks.
		awk '/getppid\(/ { text = "" } { text = text $0 "\n" }
			END { printf "%s", text }' "$tmp/all" >"$tmp/o"
		assertEquals "run $i" "hidden pass main _start" "$(functions "$tmp/o")"
	done
}

child_of()
{
	tr -d ' ' <"/proc/$1/task/$1/children"
}

# Short processes, one after the other, executed and exited: each waits until its
# mappings are known, and none for ever.
testManyShortProcesses()
{
	ok ptruss -k -f -o "$tmp/o" sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true; done; exit 0'
	assertEquals "processes" 11 "$(grep -c '\*\*\* exited with' "$tmp/o")"
	assertEquals "frames in nothing: $(grep -B 3 '^        0x' "$tmp/o" | head -n 8)" \
		0 "$(grep -c '^        0x' "$tmp/o")"
	assertEquals "exits" 11 "$(grep -c 'exit_group(0)  *(no return)' "$tmp/o")"
}

# More of them at a time than a process may have open files by default.
testManyProcessesAtATime()
{
	n=40 files=128
	# An emulated machine would take long.
	[ "${CTL_SLOW:-}" ] && n=12 files=48
	(
		ulimit -Sn $files
		ptruss -k -f -t write -o "$tmp/o" sh -c 'i=0
			while [ $i -lt $1 ]; do
				sh -c "ulimit -n; sleep 1" >>"$0" &
				i=$((i + 1))
			done
			wait' "$tmp/limits" $n
	)
	assertEquals "status" 0 $?
	assertEquals "exits" $((2 * n + 1)) "$(grep -c '\*\*\* exited with' "$tmp/o")"
	assertEquals "the limit is as it was" "$n $files" \
		"$(sort "$tmp/limits" | uniq -c | sed 's/^ *//')"
	assertEquals "stacks" $n "$(grep -c 'libc.so.6.*write+0x' "$tmp/o")"
}

testOneThread()
{
	target "$nested" ready forever
	ptruss -k -t getppid -o "$tmp/o" -p "$pid/$pid" &
	tracer=$!
	wait_until grep -q 'nested.inner+0x' "$tmp/o" || fail "no stack"
	kill -TERM $tracer
	wait $tracer
	assertEquals 0 $?
	assert_untouched "$pid"
	return 0
}

# The tracer dies: nobody waits for it.
testStackAndADeadTracer()
{
	target "$nested" ready forever
	ptruss -k -f -o "$tmp/o" -p "$pid" &
	tracer=$!
	wait_until traced_now "$pid" || fail "not traced"
	kill -9 $tracer
	wait $tracer 2>/dev/null
	assert_untouched "$pid"
	spawn sh -c 'while :; do /bin/true; done'
	ptruss -k -f -o "$tmp/o" -p "$pid" &
	tracer=$!
	wait_until grep -q 'executes' "$tmp/o" || fail "no child"
	kill -9 $tracer
	wait $tracer 2>/dev/null
	assert_runs "$pid"
}

# To be stopped at exit is one thing, to wait there for the stacks another.
testStackAndStop()
{
	target "$nested" ready pause
	ptruss -k -T exit_group -o "$tmp/o" -p "$pid" &
	tracer=$!
	wait_until traced_now "$pid" || fail "not traced"
	kill -9 $tracer
	wait $tracer 2>/dev/null
	assert_untouched "$pid"
	ptruss -k -T exit_group -o "$tmp/o" "$nested" plain 2>"$tmp/err"
	stopped=$(sed -n 's/.* \([0-9]*\) stopped: PR_SYSENTRY exit_group.*/\1/p' "$tmp/err")
	[ "$stopped" ] || fail "not stopped: $(cat "$tmp/err")"
	assert_stopped "$stopped"
	grep -q 'nested.inner+0x' "$tmp/o" || fail "no stack: $(cat "$tmp/o")"
	ok prun "$stopped"
	wait_until gone "$stopped" || fail "did not exit"
}

testStackAndCount()
{
	ok ptruss -k -c -j -t getppid -o "$tmp/o" "$nested" plain
	assertEquals "no stack" 0 "$(grep -c stack "$tmp/o")"
	ok ptruss -k --drop -t getppid -o "$tmp/o" "$nested" plain
	assertTrue "with --drop" "grep -q '^getppid' '$tmp/o'"
}

traced_now()
{
	pflags "$1" | grep -q 'rings = 1'
}

probed_now()
{
	pusdt status -j "$1" 2>/dev/null | grep -q '"id"'
}

testAttachedAndDetached()
{
	target "$nested" ready pause
	ptruss -k -o "$tmp/o" -p "$pid" &
	tracer=$!
	wait_until traced_now "$pid" || fail "not traced"
	kill -TERM $tracer
	wait $tracer
	assertEquals 0 $?
	assert_untouched "$pid"
	return 0
}

# -- pusdt --------------------------------------------------------------------

deepest="inner middle outer do_mode do_mode main _start"

testProbeStack()
{
	target "$nested" ready forever
	ok pusdt trace -k -n 3 -o "$tmp/o" "$pid" nested:hit
	assertEquals "hits" 3 "$(grep -c 'nested:hit(1)$' "$tmp/o")"
	assertEquals "$deepest $deepest $deepest" "$(functions "$tmp/o")"
	ok pusdt trace -j -k -n 1 -o "$tmp/o" "$pid" nested:hit
	assertEquals "json" "$(echo "$deepest" | cut -d ' ' -f 1-6)" \
		"$(jq -r '.stack[0:6][] | .symbol' "$tmp/o" | tr '\n' ' ' | sed 's/ $//')"
	ok pusdt trace -n 1 -o "$tmp/o" "$pid" nested:hit
	assertEquals "not asked for" 0 "$(grep -c '^ ' "$tmp/o")"
	fails 64 'needs a SPEC' pusdt trace -k "$pid"
}

testStackOfAnEnabledProbe()
{
	target "$nested" ready forever
	ok pusdt enable --stack=8192 "$pid" nested:hit
	ok pusdt trace -n 2 -o "$tmp/o" "$pid"
	assertEquals "$deepest $deepest" "$(functions "$tmp/o")"
	ok pusdt disable "$pid"
	fails 64 'not a number of bytes from 1 to 32768: 99999' pusdt enable -k99999 "$pid" nested:hit
}

testStackOfARun()
{
	run pusdt run -k -o "$tmp/o" nested:hit -- "$nested" probe
	assertEquals 0 "$status"
	assertEquals "inner middle outer do_mode main _start" "$(functions "$tmp/o")"
}

testCountByStack()
{
	target "$nested" ready forever
	ok pusdt count -j -b stack -t 0.5 "$pid" nested:hit
	stdout >"$tmp/o"
	assertEquals "one way there" 1 "$(jq '.stacks | length' "$tmp/o")"
	assertEquals "all hits" "$(jq .total "$tmp/o")" "$(jq '.stacks[0].count' "$tmp/o")"
	assertTrue "hits" "[ $(jq .total "$tmp/o") -gt 0 ]"
	assertEquals "inner" 'nested`inner' "$(jq -r '.stacks[0].stack[0]' "$tmp/o" | sed 's/+.*//')"
	ok pusdt count --by=stack -t 0.5 "$pid" nested:hit
	assertEquals "$deepest" "$(stdout | sed -n 's/^                \(nested\)/        \1/p' >"$tmp/o"; functions "$tmp/o")"
	fails 64 'not argN, tid or stack' pusdt count -b frame "$pid" nested:hit
}

# Mapped when the probe is enabled already.
testStackInALaterObject()
{
	target opener "$CTL_BUILD/tests/objects/later.so" 2
	pusdt trace -k -w -o "$tmp/o" "$pid" later:pass >/dev/null &
	tracer=$!
	wait_until probed_now "$pid"
	kill -USR1 "$pid"
	wait $tracer
	assertEquals 0 $?
	assertEquals "hits" 4 "$(grep -c 'later:pass(' "$tmp/o")"
	assertEquals "frames" 4 "$(grep -c '^        later.so.pass+0x' "$tmp/o")"
	assertEquals "callers" 4 "$(grep -c '^        opener.main+0x' "$tmp/o")"
}

# gdb's backtrace at the same call has the same functions.
testAgainstGdb()
{
	needs_command gdb || return 0
	for mode in plain signal thread inline deep; do
		HOME=$tmp gdb -nx -q -batch -ex 'handle SIGUSR1 nostop noprint' \
			-ex 'catch syscall getppid' -ex run -ex bt \
			--args "$nested" "$mode" >"$tmp/gdb" 2>"$tmp/gdb.err"
		# Signal frames, libc and addresses look otherwise there.
		sed -n 's/^#[0-9]*  *\(0x[0-9a-f]* in \)\{0,1\}\([a-z_]*\) (.*nested\.c:.*/\2/p' \
			"$tmp/gdb" | tr '\n' ' ' | sed 's/ $//' >"$tmp/want"
		[ -s "$tmp/want" ] || { skip "gdb cannot run it here"; return 0; }
		ptruss -k32768 -t getppid -s none -o "$tmp/o" "$nested" "$mode"
		assertEquals "$mode" "$(cat "$tmp/want")" \
			"$(functions "$tmp/o" | sed 's/ _start$//')"
	done
}

# A program that we did not write.
testPython()
{
	[ -x /usr/bin/python3 ] || { skip "needs python3"; return 0; }
	ok ptruss -k32768 -t getppid -o "$tmp/o" /usr/bin/python3 -c 'import os; os.getppid()'
	names=$(functions "$tmp/o")
	case $names in
	*_PyEval_EvalFrameDefault*Py_RunMain*Py_BytesMain*) ;;
	*) fail "python: $(cat "$tmp/o")" ;;
	esac
	assertTrue "getppid" "grep -q 'libc.so.6.*getppid+0x' '$tmp/o'"
	assertFalse "to its end" "grep -q '^        [?.]' '$tmp/o'"
}

. shunit2
