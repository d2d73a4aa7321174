#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh disable=SC2154
#
# test_cmds.sh - the commands by themselves: each message of pctl and its
# operand in shell form, what pflags and pwait print, operands and exit codes.

. "${CTL_SRC:-.}/tests/lib.sh"

# printed PATTERN: the last command printed a line that matches
printed()
{
	stdout | grep -q -e "$1" || fail "no '$1' in: $(stdout)"
}

# -- pctl: messages -----------------------------------------------------------

# at_write: a target that is about to write "got USR1 1"; sets buf
at_write()
{
	target handlers
	ok pctl "$pid" PCSENTRY write
	kill -USR1 "$pid"
	ok pctl "$pid" PCTWSTOP 20000
	printed 'why = PR_SYSENTRY write$'
	buf=$(stdout | sed -n 's/.*in write(0x1, \(0x[0-9a-f]*\), .*/\1/p')
	[ "$buf" ] || fail "no address in: $(stdout)"
}

let_go()
{
	ok pctl "$pid" PCSENTRY none PCSEXIT none PCRUN
}

testReadMemory()
{
	at_write
	ok pctl "$pid" PCREAD "$buf,10"
	printed '67 6f 74 20 55 53 52 31  *20 31  .*|got USR1 1|$'
	let_go
	assert_soon grep -q '^got USR1 1$' "$out"
}

testWriteMemory()
{
	at_write
	ok pctl "$pid" PCWRITE "$buf,\"GOT\"" PCWRITE "$((buf + 4)),757372"
	let_go
	assert_soon grep -q '^GOT usr1 1$' "$out"
}

testReadOfNoMemoryFails()
{
	target spin
	fails 2 "^pctl: cannot PCREAD $pid: " pctl "$pid" PCREAD 0,1
	# What could be said is said all the same.
	printed 'flags = .*ATTACHED'
}

# Registers that are not named stay.
testSetRegisters()
{
	at_write
	pflags -r "$pid" | grep -o '[a-z0-9_]* = [0-9a-f]\{16\}' |
		grep -v '^rdx' >"$tmp/before"
	ok pctl "$pid" PCSREG rdx=4
	pflags -r "$pid" | grep -o '[a-z0-9_]* = [0-9a-f]\{16\}' >"$tmp/after"
	grep -q 'rdx = 0000000000000004' "$tmp/after" || fail "rdx"
	grep -v '^rdx' "$tmp/after" >"$tmp/others"
	assertEquals "27 registers" 26 "$(wc -l <"$tmp/others" | tr -d ' ')"
	assertEquals "the others" "$(cat "$tmp/before")" "$(cat "$tmp/others")"
	let_go
	assert_soon grep -q '^got ' "$out"
}

testSetFloatingPointRegisters()
{
	target spin
	ok pstop "$pid"
	ok pctl "$pid" PCSFPREG xmm3=0x0102030405060708090a0b0c0d0e0f10
	fails 64 'PCSFPREG takes registers' pctl "$pid" PCSFPREG xmm16=0
	fails 64 'PCSFPREG takes registers' pctl "$pid" PCSFPREG mxcsr=0x100000000
	ok prun "$pid"
	assert_runs "$pid"
}

testExitOfACall()
{
	at_write
	ok pctl "$pid" PCSENTRY none PCSEXIT write PCRUN PCTWSTOP 20000
	printed 'why = PR_SYSEXIT write$'
	printed 'in write(0x1, .*) = 0xb$'
	let_go
}

testExchangedSignal()
{
	target handlers
	ok pctl "$pid" PCSTRACE USR1
	kill -USR1 "$pid"
	ok pctl "$pid" PCTWSTOP 20000
	printed 'why = PR_SIGNALLED SIGUSR1$'
	printed 'cursig = SIGUSR1$'
	ok pctl "$pid" PCSTRACE none PCSSIG HUP PCRUN
	assert_soon grep -q '^got HUP 1$' "$out"
	assertFalse "USR1 was taken away" "grep -q USR1 '$out'"
}

testClearedSignal()
{
	target handlers
	ok pctl "$pid" PCSTRACE USR1,USR2
	kill -USR1 "$pid"
	ok pctl "$pid" PCTWSTOP 20000 PCCSIG PCRUN
	kill -USR2 "$pid"
	ok pctl "$pid" PCTWSTOP 20000 PCSTRACE none PCRUN PRCSIG
	kill -HUP "$pid"
	assert_soon grep -q '^got HUP 1$' "$out"
	assertFalse "neither came through: $(cat "$out")" "grep -q USR '$out'"
}

testUnkilledSignal()
{
	target handlers
	ok pstop "$pid"
	kill -USR1 "$pid"
	ok pctl "$pid" PCUNKILL USR1 PCKILL HUP PCRUN
	assert_soon grep -q '^got HUP 1$' "$out"
	assertFalse "grep -q USR1 '$out'"
	fails 2 "^pctl: cannot PCUNKILL $pid: " pctl "$pid" PCUNKILL KILL
}

# A process in many groups has what /proc says of its signals far behind them.
testSignalsOfOneInManyGroups()
{
	needs_root "many groups" || return 0
	target grouped "$TRACEES/handlers"
	ok pstop "$pid"
	kill -USR1 "$pid"
	ok pflags "$pid"
	printed 'sigpend = USR1$'
	ok pctl "$pid" PCUNKILL USR1 PCKILL HUP PCRUN
	assert_soon grep -q '^got HUP 1$' "$out"
	assertFalse "grep -q USR1 '$out'"
}

testHeldSignal()
{
	target spin
	ok pctl "$pid" PCSTOP PCSHOLD TERM
	printed 'sigmask = TERM$'
	ok pctl "$pid" PCRUN
	kill -TERM "$pid"
	assert_runs "$pid"
	ok pflags "$pid"
	printed 'sigpend = TERM$'
	ok pctl "$pid" PCSTOP PCSHOLD none PCRUN
	assert_soon gone "$pid"
}

testAMessageMayBeTheEnd()
{
	target spin
	ok pctl "$pid" PCSTOP PCKILL KILL
	assert_soon gone "$pid"
	fails 2 "^pctl: cannot control $pid: " pctl "$pid"
}

testModes()
{
	target spin
	# A set, so that there is something to outlive the handle.
	ok pctl "$pid" PCSTRACE USR1 PCSET PR_FORK,BPTADJ
	printed 'modes = FORK|BPTADJ '
	ok pctl "$pid" pcunset fork
	printed 'modes = BPTADJ '
	fails 64 'PCSET takes modes' pctl "$pid" PCSET PR_FROK
	ok pctl "$pid" PCUNSET BPTADJ PCSTRACE none
	printed 'modes = 0 '
}

testStoppedIsNeeded()
{
	target spin
	for m in PCRUN 'PCSHOLD TERM' 'PCSREG rax=0' 'PCSVADDR 0' 'PCSSIG TERM'; do
		# shellcheck disable=SC2086
		fails 2 "^pctl: cannot ${m%% *} $pid: .*stopped" pctl "$pid" $m
	done
	assert_runs "$pid"
}

# The first that fails ends the batch and is the one that is named.
testBatchEndsAtAnError()
{
	target spin
	fails 2 "^pctl: cannot PCRUN $pid: " \
		pctl "$pid" PCSTRACE USR1 PCRUN PCSTRACE USR2
	printed 'signals = USR1$'
	ok pctl "$pid" PCSTRACE none
}

testMessagesOfSvr4ThatAreNotProvided()
{
	target spin
	fails 2 "^pctl: cannot PCNICE $pid: not provided" pctl "$pid" PCNICE 1
	for m in PCWATCH PCAGENT PCSCRED; do
		fails 2 "^pctl: cannot $m $pid: not provided" pctl "$pid" $m
	done
}

# Found before anything is done: nothing is started for them.
testWrongMessages()
{
	target spin
	for m in PCFOO '12' 'PCRUN PRFOO' PCTWSTOP 'PCTWSTOP -1' 'PCTWSTOP 1x' \
		'PCKILL FOO' 'PCSTRACE TERM,FOO' 'PCSTRACE ,' 'PCSENTRY opne' \
		'PCSFAULT FLTFOO' 'PCREAD 1' 'PCREAD 0,-1' 'PCWRITE 0,abc' \
		'PCWRITE 0,zz' 'PCSREG rip' 'PCSREG foo=1' 'PCSVADDR 1g' \
		'PCRING 1,lose' 'PCRECORD foo' 'PCCAPTURE foo:str,0,entry,1' \
		'PCSTRACE TERM PCFOO'; do
		# shellcheck disable=SC2086
		fails 64 '^pctl: ' pctl "$pid" $m
		assertEquals "$m: nothing on stdout" "" "$(stdout)"
	done
	assertEquals 0 "$(tracer "$pid")"
	fails 64 "^pctl: PCSENTRY: .*'opne'" pctl "$pid" PCSENTRY read,opne,close
}

testListOfNames()
{
	ok pctl --list
	printed '^PCSTOP$'
	printed "^PCSENTRY	a list of system calls$"
	ok pctl --list=signals
	assertEquals 64 "$(stdout | wc -l | tr -d ' ')"
	ok pctl --list=syscalls
	printed '^openat$'
	ok pctl --list=modes
	printed '^PR_RLC$'
	fails 64 'cannot list foo' pctl --list=foo
}

# -- pflags -------------------------------------------------------------------

# What pflags prints of a set, pctl takes: the same set comes out again.
testSetsComeBack()
{
	target spin
	for set in openat,read '!openat,read' all 0,511 %file; do
		ok pctl "$pid" PCSENTRY "$set"
		shown=$(stdout | sed -n 's/^	entry = //p')
		[ "$shown" ] || fail "no set shown for $set: $(stdout)"
		ok pctl "$pid" PCSENTRY none PCSEXIT "$shown"
		assertEquals "$set" "$shown" \
			"$(stdout | sed -n 's/^	exit = //p')"
		ok pctl "$pid" PCSEXIT none
	done
	for set in TERM,INT '!INT,RTMIN+1' all; do
		ok pctl "$pid" PCSTRACE "$set"
		shown=$(stdout | sed -n 's/^	signals = //p')
		ok pctl "$pid" PCSTRACE none PCSTRACE "$shown"
		assertEquals "$set" "$shown" \
			"$(stdout | sed -n 's/^	signals = //p')"
	done
	ok pctl "$pid" PCSTRACE none PCSFAULT BPT,FLTIZDIV
	printed 'faults = BPT,IZDIV$'
	ok pctl "$pid" PCSFAULT none
}

# no_control_bytes stdout|stderr
no_control_bytes()
{
	if LC_ALL=C grep -q '[^[:print:][:space:]]' "$tmp/$1"; then
		fail "control bytes: $(od -c "$tmp/$1" | head -5)"
	fi
}

# A process chooses its name: it must not drive the terminal, nor break JSON.
testHostileNames()
{
	name=$tmp/$(printf 'a\033]0;\007\377"b')
	ln -s "$(command -v sleep)" "$name"
	spawn "$name" 100
	wait_until grep -q sleep "/proc/$pid/maps"
	ok pflags "$pid"
	no_control_bytes stdout
	fails 2 'x1b]0;' pusdt list "$name.not"
	no_control_bytes stderr
	needs_command jq || return 0
	ok pflags -j "$pid"
	jq -e '.threads[0].name | startswith("a\u001b]0;\u0007")' "$tmp/stdout" \
		>/dev/null || fail "JSON: $(stdout)"
}

# 64-bit code may lie below 4 GiB; call 34 of 32-bit code is another.
testCallFromLowCode()
{
	target low
	in_pause() { pflags "$1" | grep -q '	in pause('; }
	assert_soon in_pause "$pid"
	ok pstop "$pid"
	ok pflags "$pid"
	printed '	in pause('
	ok prun "$pid"
	kill "$pid"
}

testPflagsOfSomeThreads()
{
	target threads 3
	ok pflags "$pid/$pid"
	assertEquals "threads shown" 1 "$(stdout | grep -c '^ /')"
	ok pflags "$pid/1-"
	assertEquals "threads shown" 4 "$(stdout | grep -c '^ /')"
	fails 2 "cannot examine $pid/1: No such thread" pflags "$pid/1"
}

testJsonIsJson()
{
	needs_command jq || return 0
	at_write
	ok pctl -rj "$pid" PCREAD "$buf,4"
	assertEquals '67' "$(stdout | jq -r '.reads[0].hex[0:2]')"
	assertEquals 'PR_SYSENTRY write write' "$(stdout |
		jq -r '.threads[0] | "\(.why) \(.what) \(.syscall.name)"')"
	assertEquals '0x1' "$(stdout | jq -r '.threads[0].regs.rdi')"
	assertEquals '["write"]' "$(stdout | jq -c .sysentry)"
	fields_told "$tmp/stdout" pctl.1 pflags.1
	let_go
	ok pflags -j "$pid" $$
	assertEquals "an object a line" 2 "$(stdout | jq -c .pid | wc -l)"
	fields_told "$tmp/stdout" pflags.1
	assertEquals 'PCSTOP 1 null' "$(pctl -j --list |
		jq -r 'select(.number == 1) | "\(.name) \(.number) \(.operand)"')"
}

# -- pwait --------------------------------------------------------------------

# Does a pwait hold what it waits with?
waits()
{
	for fd in "/proc/$1/fd/"*; do
		case $(readlink "$fd") in
		*pidfd*) return 0 ;;
		esac
	done
	return 1
}

testPwaitForMany()
{
	spawn sleep 100
	first=$pid
	spawn sleep 100
	pwait "$first" "$pid" 4194305 2>"$tmp/stderr" &
	waiter=$!
	wait_until grep -q 4194305 "$tmp/stderr"
	kill -9 "$first"
	reap "$first"
	assertTrue "waits for the other" "kill -0 $waiter"
	kill -9 "$pid"
	reap "$pid"
	wait $waiter
	assertEquals "one was not there" 1 $?
	stderr | grep -q 'cannot wait for 4194305: No such process' ||
		fail "stderr: $(stderr)"
}

testPwaitForAThread()
{
	target threads 1
	for t in "/proc/$pid/task"/*; do
		tid=${t##*/}
	done
	fails 2 "$tid is a thread of process $pid, say $pid/$tid" pwait "$tid"
	run pwait -t 0.1 "$pid/$tid"
	if stderr | grep -q 'needs Linux'; then
		skip "$(stderr)"
		return 0
	fi
	assertEquals 124 "$status"
	pwait -v "$pid/$tid" >"$tmp/pwait" &
	waiter=$!
	wait_until waits $waiter
	kill -9 "$pid"
	wait $waiter
	assertEquals 0 $?
	grep -q "^$pid/$tid: " "$tmp/pwait" || fail "$(cat "$tmp/pwait")"
}

testPwaitTellsHowItStopped()
{
	needs_command jq || return 0
	target handlers
	ok pctl "$pid" PCSTRACE USR1
	pwait -s -j "$pid" >"$tmp/pwait" &
	waiter=$!
	kill -USR1 "$pid"
	wait $waiter
	assertEquals 0 $?
	assertEquals "$pid stop PR_SIGNALLED SIGUSR1" \
		"$(jq -r '"\(.pid) \(.event) \(.why) \(.what)"' "$tmp/pwait")"
	ok pctl "$pid" PCSTRACE none PCRUN PRCSIG
}

testWrongSeconds()
{
	for s in '' x 1x -1 .5 1. 1e3 99999999999; do
		fails 64 'not a number of seconds' pwait -t "$s" $$
		fails 64 'not a number of seconds' pstop -t "$s" $$
	done
}

# -- pstop, prun --------------------------------------------------------------

# The shell reads a pipe until nobody has it any more.
testCommandSubstitution()
{
	p=$(pstop -c sleep 100 2>/dev/null)
	started="$started $p"
	assert_stopped "$p"
	ok prun "$p"
	assert_soon untouched "$p"
	kill -9 "$p"
}

# A process that is stopped and that nobody knows of would be there for ever.
testCreateTellsWhomWhateverItsOutputIs()
{
	[ -w /dev/full ] || { skip "no /dev/full"; return 0; }
	pstop -c sleep 100 >/dev/full 2>"$tmp/stderr"
	assertEquals 1 $?
	p=$(sed -n 's/^pstop: sleep is left stopped, as process //p' "$tmp/stderr")
	[ "$p" ] || { fail "$(stderr)"; return 0; }
	started="$started $p"
	assert_stopped "$p"
	kill -9 "$p"
}

# What we open has to be nowhere where we print.
testClosedStandardDescriptors()
{
	[ -w /dev/full ] || { skip "no /dev/full"; return 0; }
	fails 1 'sleep is left stopped, as process' \
		sh -c 'pstop -c sleep 100 >&-'
	stderr | grep -q 'cannot write standard output: No space left' ||
		fail "$(stderr)"
	p=$(sed -n 's/^pstop: sleep is left stopped, as process //p' "$tmp/stderr")
	assert_stopped "${p:-0}"
	kill -9 "$p"
	target spin
	fails 1 'cannot write standard output' sh -c "exec pflags $pid >&-"
	run sh -c "exec pstop $pid <&- >&- 2>&-"
	assertEquals "status of pstop" 0 "$status"
	assert_stopped "$pid"
	ok prun "$pid"
	run sh -c 'exec ptruss true 2>&-'
	assertEquals "a trace that nobody can read" 2 "$status"
	# What is started is without them as we were.
	sh -c "exec ptruss -o '$tmp/o' ls -l /proc/self/fd <&-" >"$tmp/stdout"
	assertFalse "$(stdout)" "grep -q ' 0 -> /dev/null' '$tmp/stdout'"
}

# Nothing of ours is in what we start.
testCreateLeavesTheEnvironmentAlone()
{
	env | grep -v '^_=' | sort >"$tmp/env"
	p=$(pstop -c sh -c 'env' 2>"$tmp/child")
	ok pctl "$p" PCRUN
	assert_soon gone "$p"
	grep -v '^\(_\|PWD\|SHLVL\|OLDPWD\)=' "$tmp/child" | sort >"$tmp/env2"
	while read -r line; do
		grep -qxF -e "$line" "$tmp/env" || fail "new: $line"
	done <"$tmp/env2"
	[ -s "$tmp/env2" ] || fail "no environment"
}

testStepOfASleeperSaysSo()
{
	spawn sleep 100
	wait_until eval '[ "$(state $pid)" = S ]'
	ok pstop "$pid"
	fails 2 "^prun: cannot step $pid: it sleeps" prun -1 "$pid"
	# The trap of that step is nobody's but ours.
	ok pctl "$pid" PCSTOP
	# The module leaves it asleep: it steps when its call is over.
	[ "$CTL_BACKEND" = module ] || printed 'why = PR_FAULTED FLTTRACE$'
	ok pctl "$pid" PCRUN
	assert_soon untouched "$pid"
	assertEquals S "$(state "$pid")"
}

# -v and CTL_DEBUG: who opened it, and each message.
testVerboseSaysWhatIsDone()
{
	target spin
	run pstop -v "$pid"
	assertTrue "$(stderr)" "grep -q '^pstop: $pid: opened, by the ' '$tmp/stderr'"
	assertTrue "$(stderr)" "grep -q '^pstop: $pid: PCDSTOP$' '$tmp/stderr'"
	run env CTL_DEBUG=1 prun "$pid"
	assertTrue "$(stderr)" "grep -q '^prun: $pid: PCRUN$' '$tmp/stderr'"
	assert_soon untouched "$pid"
	run pflags -v "$pid"
	assertTrue "$(stderr)" "grep -q '^pflags: $pid: looked at in /proc' '$tmp/stderr'"
}

# Looking does not wait for a keeper that is stopped itself.
testLookingDoesNotWaitForEver()
{
	needs_keeper "it is no process" || return 0
	target spin
	ok pstop "$pid"
	keeper=$(tracer "$pid")
	kill -STOP "$keeper"
	fails 2 "its keeper, process $keeper, does not answer$" \
		timeout 60 pflags "$pid"
	kill -CONT "$keeper"
	ok pflags "$pid"
	ok prun "$pid"
}

testPrunTellsWhoElseHoldsIt()
{
	needs_keeper "the module does not mind" || return 0
	needs_command gdb || return 0
	target spin
	gdb -q -nx -batch -p "$pid" -ex 'shell echo attached' \
		-ex 'shell sleep 10' >"$tmp/gdb" 2>&1 &
	debugger=$!
	started="$started $debugger"
	wait_until grep -q attached "$tmp/gdb"
	fails 2 "cannot control $pid: traced by gdb (pid $debugger)" prun "$pid"
	ok pflags "$pid"
	printed "traced by gdb (pid $debugger)"
	# shellcheck disable=SC2013 # words it is
	for sleeper in $(cat "/proc/$debugger/task/$debugger/children"); do
		kill -9 "$sleeper"
	done
	assert_soon untouched "$pid"
}

# shellcheck disable=SC1091
. shunit2
