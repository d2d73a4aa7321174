#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss -u, -U: calls of functions, and returns from them.
#
# ROUNDS=n: so many kills; SEED=n repeats the random choices of a run.
# shellcheck disable=SC2154 # set by lib.sh
. "${CTL_SRC:-.}/tests/lib.sh"

ROUNDS=${ROUNDS:-6}
SEED=${SEED:-$(date +%s)}
random_state=$SEED

funcs=$TRACEES/funcs

# What is traced, without numbers that differ from run to run.
lines()
{
	sed -n 's/(0x[^)]*)/()/; s/(0[^)]*)/()/; /[<-][->] funcs:/p' "$1"
}

# count PATTERN FILE
count()
{
	grep -c -e "$1" "$2"
}

# The program computes what it does without us.
assert_result()
{
	assertEquals "the result" "$("$funcs" "$@" | grep result)" \
		"$(grep result "$tmp/stdout")"
}

testNesting()
{
	run ptruss -t none -o "$tmp/o" -u a.out:factorial "$funcs" recursion 3
	assertEquals 0 "$status"
	assert_result recursion 3
	cat >"$tmp/expected" <<-EOF
	-> funcs:factorial()
	  -> funcs:factorial()
	    -> funcs:factorial()
	    <- funcs:factorial() = 0x1
	  <- funcs:factorial() = 0x2
	<- funcs:factorial() = 0x6
	EOF
	lines "$tmp/o" >"$tmp/have"
	assertEquals "" "$(diff "$tmp/expected" "$tmp/have")"
	assertTrue "the argument: $(cat "$tmp/o")" \
		"grep -q -e '^-> funcs:factorial(0x3, ' '$tmp/o'"
}

# A name that is no UTF-8.
testOddNameInJson()
{
	LC_ALL=C sed "s/factorial/factori$(printf '\351')l/g" "$funcs" \
		>"$tmp/odd"
	chmod +x "$tmp/odd"
	run ptruss -j -t none -o "$tmp/o" --timeline="$tmp/t" -u 'a.out:factori*' \
		"$tmp/odd" recursion 3
	assertEquals "calls: $(stderr)" 3 \
		"$(grep -c '"name":"factori\\\\351l".*"event":"call"' "$tmp/o")"
	assertFalse "UTF-8" \
		"LC_ALL=C grep -q '$(printf '\351')' '$tmp/o' '$tmp/t'"
}

# middle jumps to inner: both return at once, inner first.
testTailCalls()
{
	run ptruss -t none -o "$tmp/o" -u a.out:outer,middle,inner "$funcs" tail 5
	assert_result tail 5
	cat >"$tmp/expected" <<-EOF
	-> funcs:outer()
	  -> funcs:middle()
	    -> funcs:inner()
	    <- funcs:inner() = 0xb
	  <- funcs:middle() = 0xb
	<- funcs:outer() = 0xc
	EOF
	lines "$tmp/o" >"$tmp/have"
	assertEquals "" "$(diff "$tmp/expected" "$tmp/have")"
}

# Without privileges it is the same.
testAsUser()
{
	needs_root "to become another user" || return 0
	needs_keeper "the keeper's breakpoints" || return 0
	user_dir
	cp "$tmp/expected" "$tmp/expected.tail"
	as_user ptruss -t none -u a.out:outer,middle,inner "$funcs" tail 5 \
		>"$tmp/stdout" 2>"$tmp/o"
	assert_result tail 5
	lines "$tmp/o" >"$tmp/have"
	assertEquals "" "$(diff "$tmp/expected.tail" "$tmp/have")"
}

# Behind the call is an instruction that has to be stepped over.
testStep()
{
	run ptruss -t none -o "$tmp/o" -u a.out:series "$funcs" step 6
	assert_result step 6
	assertEquals "calls" 7 "$(count '-> funcs:series' "$tmp/o")"
	assertEquals "returns" 7 "$(count '<- funcs:series' "$tmp/o")"
	assertEquals "the last one is the first's" 1 \
		"$(count '^<- funcs:series' "$tmp/o")"
}

# Calls that longjmp() ends have no return, and the next begin where they did.
testLongjmp()
{
	run ptruss -t none -o "$tmp/o" -u a.out:leaper,sink,factorial \
		"$funcs" jump 4
	assert_result jump 4
	assertEquals "rounds" 4 "$(count '^-> funcs:leaper' "$tmp/o")"
	assertEquals "calls" 12 "$(count '-> funcs:leaper' "$tmp/o")"
	assertEquals "no return" 0 "$(count '<- funcs:leaper' "$tmp/o")"
	assertEquals "sink" 4 "$(count '^      -> funcs:sink' "$tmp/o")"
	assertEquals "then" 1 "$(count '^-> funcs:factorial' "$tmp/o")"
	assertEquals "and back" 1 "$(count '^<- funcs:factorial() = 0x6' "$tmp/o")"
}

# A thread that ends unwinds its stack, which has to be as the program made it.
testUnwinding()
{
	run ptruss -t none -o "$tmp/o" -u a.out:around,leave,inner \
		"$funcs" unwound 5
	assert_result unwound 5
	assertEquals "calls" 10 "$(count '-> funcs:around' "$tmp/o")"
	assertEquals "returns" 5 "$(count '<- funcs:around' "$tmp/o")"
	assertEquals "of the inner one" 5 "$(count '^  <- funcs:leave' "$tmp/o")"
	assertEquals "inner's" 5 "$(count '<- funcs:inner' "$tmp/o")"
}

testThreads()
{
	run ptruss -l -t none -o "$tmp/o" -u a.out:leaf,factorial \
		"$funcs" threads 200
	assert_result threads 200
	assertEquals "leaf" 800 "$(count '-> funcs:leaf' "$tmp/o")"
	assertEquals "leaf's returns" 800 "$(count '<- funcs:leaf' "$tmp/o")"
	assertEquals "factorial" 12 "$(count '-> funcs:factorial' "$tmp/o")"
	assertEquals "factorial's returns" 12 \
		"$(count '<- funcs:factorial' "$tmp/o")"
	assertEquals "four threads" 4 \
		"$(sed -n 's/:.*-> funcs:leaf.*//p' "$tmp/o" | sort -u | wc -l)"
}

testChildren()
{
	run ptruss -f -t none -o "$tmp/o" -u a.out:leaf,factorial \
		"$funcs" children 7
	assert_result children 7
	assertEquals "leaf: twice, in a fork, in a vfork" 4 \
		"$(count '-> funcs:leaf' "$tmp/o")"
	assertEquals "returns" 4 "$(count '<- funcs:leaf' "$tmp/o")"
	assertEquals "factorial" 3 "$(count '-> funcs:factorial' "$tmp/o")"
	assertEquals "processes" 3 \
		"$(sed -n 's/:.*-> funcs:leaf.*//p' "$tmp/o" | sort -u | wc -l)"
	run ptruss -t none -o "$tmp/o" -u a.out:leaf,factorial \
		"$funcs" children 7
	assert_result children 7
	assertEquals "not followed" 2 "$(count '-> funcs:leaf' "$tmp/o")"
	assertEquals "nor this" 0 "$(count '-> funcs:factorial' "$tmp/o")"
}

# A new program has functions of its own.
testExec()
{
	run ptruss -f -t none -o "$tmp/o" -u a.out:leaf \
		sh -c "'$funcs' sum 3; exec '$funcs' sum 4"
	assertEquals "status: $(stderr)" 0 "$status"
	assertEquals "leaf" 7 "$(count '-> funcs:leaf' "$tmp/o")"
	assertEquals "returns" 7 "$(count '<- funcs:leaf' "$tmp/o")"
}

testLaterObjects()
{
	target opener "$CTL_BUILD/tests/objects/later.so" 5
	target_pid=$pid target_out=$out
	spawn ptruss -t none -o "$tmp/o" -u later:pass -p "$target_pid"
	wait_until is_watched "$target_pid"
	kill -USR1 "$target_pid"
	assert_soon grep -q done "$target_out"
	reap "$pid"
	assertEquals "status: $(cat "$err")" 0 "$status"
	assertEquals "calls" 10 "$(count '-> later:pass' "$tmp/o")"
	assertEquals "returns" 10 "$(count '<- later:pass' "$tmp/o")"
}

# A probe tells of what is mapped.
is_watched()
{
	pusdt status -j "$1" 2>/dev/null | grep -q .
}

# One colon: from outside.  printf() calls write() inside the library.
testInside()
{
	run ptruss -t none -o "$tmp/o" -u libc:write "$funcs" sum 2
	assertEquals "from outside" 0 "$(count '-> libc:write' "$tmp/o")"
	run ptruss -t none -o "$tmp/o" -u libc::write "$funcs" sum 2
	assertEquals "inside" 2 "$(count '-> libc:write' "$tmp/o")"
	run ptruss -t none -o "$tmp/o" -u 'libc:p*,!x' -u 'libc:put[sx]' \
		"$funcs" sum 2
	assertEquals "a pattern" 1 "$(count '-> libc:puts(' "$tmp/o")"
	run ptruss -t none -o "$tmp/o" -u 'libc:!puts' "$funcs" sum 2
	assertEquals "all but it" 0 "$(count '-> libc:puts(' "$tmp/o")"
	assertTrue "others" "[ $(count '-> libc:' "$tmp/o") -gt 2 ]"
}

# All of the C library, of the program and of the dynamic linker.
testEverything()
{
	run ptruss -t none -o "$tmp/o" -u '*::' -u a.out -u ld "$funcs" sum 3
	assertEquals 0 "$status"
	assert_result sum 3
	# 70 where libc has no debug file, several hundred with it.
	assertTrue "much" "[ $(count '-> ' "$tmp/o") -gt 50 ]"
	assertEquals "leaf" 3 "$(count '-> funcs:leaf' "$tmp/o")"
	assertTrue "main" "grep -q -e '-> funcs:main(' '$tmp/o'"
}

# One that begins with a vector instruction has no breakpoint, and a reason.
testRefused()
{
	needs_keeper "the module steps" || return 0
	run ptruss -t none -o "$tmp/o" -u a.out:vector,leaf "$funcs" mixed 4
	assert_result mixed 4
	assertEquals "leaf" 1 "$(count '-> funcs:leaf' "$tmp/o")"
	assertEquals "vector" 0 "$(count '-> funcs:vector' "$tmp/o")"
	assertTrue "why: $(stderr)" \
		"grep -q 'ptruss: 1 function of funcs is not traced, .*: vector' '$tmp/stderr'"
}

testWrong()
{
	fails 64 'not \[!\]LIB' ptruss -u '' ls
	fails 64 'not \[!\]LIB' ptruss -u a:b:c ls
	fails 64 'not both' ptruss -u libc --inject=read:error=EIO ls
	run ptruss -t none -o "$tmp/o" -u a.out:nosuchthing "$funcs" sum 1
	assertEquals 0 "$status"
	assertTrue "$(stderr)" "grep -q 'no such function was found$' '$tmp/stderr'"
	needs_keeper "the module steps" || return 0
	run ptruss -t none -o "$tmp/o" -u a.out:vector "$funcs" mixed 4
	assertEquals "refused, and so found" 1 "$(stderr | grep -c '^ptruss: ')"
	[ -x "$CTL_BUILD/tests/i386/calls" ] || return 0
	# (It makes files where it is.)
	run sh -c 'cd "$1" && exec ptruss -t none -o "$1/o" -u a.out:main "$2"' \
		sh "$tmp" "$CTL_BUILD/tests/i386/calls"
	assertTrue "$(stderr)" "grep -q 'could be read (32-bit' '$tmp/stderr'"
}

testCounts()
{
	run ptruss -c -o "$tmp/o" -u a.out:leaf,factorial "$funcs" threads 100
	assert_result threads 100
	assertTrue "leaf: $(cat "$tmp/o")" \
		"grep -q '^funcs:leaf  *400$' '$tmp/o'"
	assertTrue "factorial" "grep -q '^funcs:factorial  *12$' '$tmp/o'"
}

# Calls that are only counted are the kernel's business: nothing waits for the
# keeper, and nothing dies of its end.
testKeeperKilledWhileItCounts()
{
	needs_kernels_probes || return 0
	target funcs loop 20
	for i in 1 2 3; do
		ptruss -c -t none -o "$tmp/o" -u a.out:leaf,factorial \
			-p "$pid" 2>/dev/null &
		wait_until kernel_records "$pid" || fail "no uprobes"
		sleep 0.1
		kill -9 "$(tracer "$pid")"
		wait $!
		assert_untouched "$pid"
	done
	kill "$pid"
	reap "$pid"
	assertEquals "result 0" "$(grep result "$out")"
}

testJson()
{
	needs_command jq || return 0
	ptruss -j -t none -u a.out:factorial "$funcs" recursion 3 \
		>"$tmp/j" 2>/dev/null
	jq -r 'select(.type == "function") | "\(.event) \(.name) \(.depth) " +
		if .event == "call" then "\(.args[0]) \(.caller > 4096)"
		else "\(.ret)" end' "$tmp/j" >"$tmp/have"
	cat >"$tmp/expected" <<-EOF
	call factorial 0 3 true
	call factorial 1 2 true
	call factorial 2 1 true
	return factorial 2 1
	return factorial 1 2
	return factorial 0 6
	EOF
	assertEquals "" "$(diff "$tmp/expected" "$tmp/have")"
	assertEquals "the object" "$(readlink -f "$funcs")" \
		"$(jq -r 'select(.type == "function") | .object' "$tmp/j" | sort -u)"
	ptruss -t none --timeline="$tmp/t" -u a.out:factorial "$funcs" \
		recursion 3 >/dev/null
	assertEquals "bars" "3 3" "$(jq -r '.traceEvents |
		"\(map(select(.ph == "B")) | length) " +
		"\(map(select(.ph == "E")) | length)"' "$tmp/t")"
}

# With system calls and stacks between them.
testTogether()
{
	run ptruss -t write -o "$tmp/o" -u libc:fflush "$funcs" sum 1
	assertEquals "inside" "-> libc:fflush( write( <- libc:fflush(" \
		"$(sed -n 's/(.*/(/; /fflush\|write/p' "$tmp/o" | head -n 3 |
			tr -d '\t' | tr '\n' ' ' | sed 's/ $//')"
	run ptruss -k -t none -o "$tmp/o" -u a.out:leaf "$funcs" sum 1
	if grep -q 'cannot print stacks' "$tmp/stderr"; then
		skip "libdw is not there"
		return 0
	fi
	assertTrue "who called: $(cat "$tmp/o")" \
		"grep -A 4 -e '-> funcs:leaf' '$tmp/o' | grep -q main"
}

testStop()
{
	target funcs loop 10
	run ptruss -t none -o "$tmp/o" -U a.out:factorial -p "$pid"
	assertEquals "status: $(stderr)" 0 "$status"
	assertTrue "it says so: $(stderr)" \
		"grep -q 'stopped: PR_PROBE funcs:factorial; ' '$tmp/stderr'"
	assertEquals "the call" 1 "$(count '-> funcs:factorial' "$tmp/o")"
	assert_stopped "$pid"
	assertEquals "at the first instruction" \
		"$(entry_of "$pid" factorial)" "$(rip_of "$pid")"
	ok prun "$pid"
	assert_untouched "$pid"
	kill "$pid"
	reap "$pid"
	assertEquals "result 0" "$(grep result "$out")"
	# It runs on when ptruss has ended: a file of its own.
	run ptruss -t none -o "$tmp/o" -U a.out:inner \
		sh -c "exec '$funcs' tail 5 >'$tmp/command'"
	assertTrue "a command" "grep -q 'funcs:inner; ' '$tmp/stderr'"
	pid=$(sed -n 's/^ptruss: \([0-9]*\) stopped.*/\1/p' "$tmp/stderr")
	assert_stopped "$pid"
	ok prun "$pid"
	assert_soon gone "$pid"
	assertEquals "result 12" "$(grep -a -o 'result.*' "$tmp/command")"
}

# The address of a function of the program, in decimal
entry_of()
{
	base=$(sed -n 's/^\([0-9a-f]*\)-.* 00000000 .*funcs$/\1/p' \
		"/proc/$1/maps" | head -n 1)
	offset=$(nm "$funcs" | sed -n "s/ [Tt] $2\$//p")
	echo $((0x$base + 0x$offset))
}

rip_of()
{
	rip=$(pflags -r "$1" | sed -n 's/.* rip = \([0-9a-f]*\) .*/\1/p' |
		head -n 1)
	echo $((0x${rip:-0}))
}

# -- what is left --------------------------------------------------------------

# picture PID FILE: the text of the program and of the C library
picture()
{
	grep 'r-xp.*/\(funcs\|libc[.-].*\)$' "/proc/$1/maps" \
		2>/dev/null >"$tmp/ranges" || return
	: >"$2"
	while read -r range _; do
		from=$((0x${range%-*} / 4096)) to=$((0x${range#*-} / 4096))
		dd if="/proc/$1/mem" bs=4096 skip=$from count=$((to - from)) \
			2>/dev/null >>"$2"
	done <"$tmp/ranges"
}

same_picture()
{
	picture "$1" "$tmp/now" && cmp -s "$tmp/before" "$tmp/now"
}

# random N: sets r to 0 .. N-1
random()
{
	random_state=$(((random_state * 1103515245 + 12345) & 0x7fffffff))
	r=$((random_state / 65536 % $1))
}

begin()
{
	echo "seed $SEED, $ROUNDS rounds"
	target funcs loop 20
	picture "$pid" "$tmp/before"
	assertTrue "a picture" "[ $(wc -c <"$tmp/before") -gt 4096 ]"
}

finish()
{
	assert_untouched "$pid"
	kill "$pid"
	reap "$pid"
	assertEquals "it ends as ever" 0 "$status"
	assertEquals "result 0" "$(grep result "$out")"
}

# ptruss killed in the middle, or told to end: nothing is left.
ended_by()
{
	needs_command cmp || return 0
	begin
	i=0
	while [ $i -lt "$ROUNDS" ]; do
		ptruss -t none -o /dev/null -u a.out -u libc:: -p "$pid" \
			>/dev/null 2>&1 &
		victim=$!
		random 400
		sleep "$(printf '0.%03d' "$r")"
		kill "$1" $victim 2>/dev/null
		wait $victim 2>/dev/null
		if ! wait_until same_picture "$pid"; then
			fail "round $i: something is left"
			return
		fi
		i=$((i + 1))
	done
	finish
}

testKilled()
{
	ended_by -9
}

testTerminated()
{
	ended_by -15
}

testDisk()
{
	begin
	run ptruss -t none -o /dev/full -u a.out -p "$pid"
	assertEquals "a full disk" 2 "$status"
	assert_soon same_picture "$pid"
	finish
}

. shunit2
