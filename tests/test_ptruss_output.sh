#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss: what a line begins with, which threads are traced, and what happens
# when the output cannot be written or is not read.

. "${CTL_SRC:-.}/tests/lib.sh"

# A file with what a whole run prints, of calls that any program makes.
lines()
{
	ptruss "$@" -o "$tmp/o" cat /etc/hostname >/dev/null
	assertEquals "status with $*" 0 $?
	assertTrue "calls with $*: $(head -n 3 "$tmp/o")" \
		"[ $(wc -l <"$tmp/o") -gt 10 ]"
}

# Column N of each line is a time in seconds.
bad_times()
{
	awk -F '\t' -v n="$1" '$n !~ /^ *[0-9]+\.[0-9][0-9][0-9][0-9]$/ && !/\*\*\*/ {
		print; exit 1 }' "$tmp/o"
}

testTimes()
{
	lines -d
	assertEquals "-d: every line has one" "" "$(bad_times 1)"
	assertEquals "-d: from zero" 0.0000 \
		"$(sed -n '1s/^ *\([0-9.]*\)	.*/\1/p' "$tmp/o")"
	assertTrue "-d: in order" "cut -f 1 '$tmp/o' | sort -n -c"
	lines -D
	assertEquals "-D: every line has one" "" "$(bad_times 1)"
	lines -E
	assertEquals "-E: every line has one" "" \
		"$(grep '^[ 0-9.]*	[a-z0-9_]*(' "$tmp/o" >"$tmp/calls"
		mv "$tmp/calls" "$tmp/o"; bad_times 1)"
	ptruss -E -t clock_nanosleep -o "$tmp/o" sleep 0.3
	slept=$(sed -n 's/^ *\([0-9.]*\)	clock_nanosleep.*/\1/p' "$tmp/o")
	assertTrue "-E: as long as it slept: $slept" \
		"[ $(echo "$slept" | tr -d .) -ge 3000 ]"
	# The three together, in this order.
	ptruss -d -D -E -t clock_nanosleep -o "$tmp/o" sleep 0.3
	assertTrue "-dDE" "grep -q '^ *[0-9.]*	 *[0-9.]*	 *0*[0-9][0-9.]*	clock_nanosleep(' '$tmp/o'"
}

testThreadNumbers()
{
	spawn sleep 1000
	lines -l
	who=$(sed -n '1s/^\([0-9]*\/[0-9]*\):	.*/\1/p' "$tmp/o")
	assertEquals "one thread: its number is the process's" \
		"${who%/*}" "${who#*/}"
	assertFalse "on every line" "grep -v -q '^$who:	' '$tmp/o'"
}

testColours()
{
	esc=$(printf '\033')
	lines -C
	assertFalse "a file has none" "grep -q '$esc' '$tmp/o'"
	needs_command script || return 0
	script -qec "ptruss -C -t openat cat /etc/hostname '$tmp/none'" /dev/null \
		>"$tmp/o" </dev/null
	assertTrue "names in bold" "grep -q '$esc\[1mopenat$esc\[22m(' '$tmp/o'"
	assertTrue "errors in red" "grep -q '$esc\[31mErr#2 ENOENT$esc\[39m' '$tmp/o'"
	script -qec "ptruss -t openat cat /etc/hostname" /dev/null \
		>"$tmp/o" </dev/null
	assertFalse "not unless asked for" "grep -q '$esc\[1m' '$tmp/o'"
}

# traced_tids ARG...: whose records there are
traced_tids()
{
	rm -f "$tmp/o"
	ptruss -j -o "$tmp/o" "$@" &
	tracer=$!
	wait_until grep -qs '"type":"syscall"' "$tmp/o" || fail "no record: $*"
	sleep 0.5
	kill -TERM "$tracer"
	wait "$tracer"
	assertEquals "status of $*" 0 $?
	jq -r 'select(.type == "syscall") | .tid' "$tmp/o" | sort -n -u |
		tr '\n' ' ' | sed 's/ $//'
}

testSeveralProcesses()
{
	spawn sh -c 'while :; do echo >/dev/null; sleep 0.05; done'
	one=$pid
	spawn sh -c 'while :; do echo >/dev/null; sleep 0.05; done'
	two=$pid
	want=$(printf '%s\n' "$one" "$two" | sort -n | tr '\n' ' ' | sed 's/ $//')
	assertEquals "-p twice" "$want" "$(traced_tids -p "$one" -p "$two")"
	assertEquals "operands" "$want" "$(traced_tids -p "$one" "/proc/$two")"
	assert_untouched "$one"
	assert_untouched "$two"
	# One that is not there does not stop the others.
	rm -f "$tmp/o"
	ptruss -o "$tmp/o" -p "$one" -p 4194303 2>"$tmp/e" &
	tracer=$!
	wait_until grep -qs write "$tmp/o" || fail "the other one is traced"
	kill -TERM "$tracer"
	wait "$tracer"
	assertEquals "some" 1 $?
	assertTrue "which" "grep -q '4194303: No such process' '$tmp/e'"
}

testThreadsOfAList()
{
	target threads 4 work
	all=$(ls "/proc/$pid/task" | sort -n)
	second=$(echo "$all" | sed -n 2p)
	third=$(echo "$all" | sed -n 3p)
	assertEquals "a list" "$second $third" \
		"$(traced_tids -p "$pid/$second,$third")"
	assertEquals "a range" "$second $third" \
		"$(traced_tids -p "$pid/$second-$third")"
	assert_untouched "$pid"
	assert_runs "$pid"
}

# -- the output cannot be written -----------------------------------------

busy()
{
	spawn sh -c 'while :; do echo >/dev/null; done'
}

testFullDiskEndsTheTraceAlone()
{
	[ -w /dev/full ] || { skip "no /dev/full"; return 0; }
	busy
	run ptruss -o /dev/full -p "$pid"
	assertEquals "status" 2 "$status"
	assertEquals "why, once" \
		"ptruss: cannot write /dev/full: No space left on device" \
		"$(stderr)"
	assert_untouched "$pid"
	assert_runs "$pid"
}

testClosedPipeEndsTheTraceAlone()
{
	busy
	{
		ptruss -j -p "$pid" 2>"$tmp/e"
		echo $? >"$tmp/status"
	} | head -n 3 >"$tmp/o"
	assertEquals "what was read" 3 "$(wc -l <"$tmp/o")"
	assertEquals "status" 2 "$(cat "$tmp/status")"
	assertEquals "why, once" "ptruss: cannot write the trace: Broken pipe" \
		"$(cat "$tmp/e")"
	assert_untouched "$pid"
	assert_runs "$pid"
}

# The target waits for the reader; whoever types Ctrl-C does not.
testInterruptWhileNobodyReads()
{
	mkfifo "$tmp/unread"
	busy
	exec 8<>"$tmp/unread"
	for sig in INT TERM; do
		# In the background sh ignores SIGINT for its children.
		env --default-signal=INT ptruss -j -p "$pid" \
			>"$tmp/unread" 2>"$tmp/e" &
		tracer=$!
		wait_until waits_to_write "$tracer" || fail "it does not wait"
		kill -"$sig" "$tracer"
		wait_until gone "$tracer" || kill -9 "$tracer"
		wait "$tracer"
		assertEquals "$sig: status" 2 $?
		assertEquals "$sig: why, once" "ptruss: interrupted while nobody read the trace: its end is missing" \
			"$(cat "$tmp/e")"
		assert_untouched "$pid"
		assert_runs "$pid"
	done
	exec 8<&-
}

# In write(2), of a descriptor that takes no more.
waits_to_write()
{
	read -r call rest <"/proc/$1/syscall" && [ "$call" = 1 ]
}

. shunit2
