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
	slept=$(sed -n '/sleeping/d; s/^ *\([0-9.]*\)	clock_nanosleep.*/\1/p' "$tmp/o")
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

# One call and then none is shown at once.
testLoneCallIsShown()
{
	mkfifo "$tmp/hold"
	for source in $(event_sources); do
		use_source "$source"
		rm -f "$tmp/o"
		spawn ptruss -t kill -o "$tmp/o" sh -c "kill -0 \$\$
			read -r line <'$tmp/hold'"
		wait_until grep -qs '^kill(' "$tmp/o" ||
			fail "$source: the call is held back"
		echo >"$tmp/hold"
		reap "$pid"
	done
	use_source default
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
		ptruss -j -p "$pid" >"$tmp/unread" 2>"$tmp/e" &
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

# In the background sh ignores SIGINT for its children.  A command that is traced
# shall find it so; but kill -INT is how a script ends a trace.
testInterruptFromAScript()
{
	ptruss -o "$tmp/o" grep SigIgn /proc/self/status >"$tmp/ignored" &
	wait $!
	assertEquals "SIGINT is ignored" "2" \
		"$(sed -n 's/.*\(.\)$/\1/p' "$tmp/ignored" | tr '367abef' '2222222')"
	busy
	ptruss -o "$tmp/trace" -p "$pid" &
	tracer=$!
	wait_until test -s "$tmp/trace"
	kill -INT "$tracer"
	wait_until gone "$tracer" || fail "it goes on"
	kill -9 "$tracer" 2>/dev/null
	wait "$tracer"
	assertEquals "status" 0 $?
	assert_untouched "$pid"
}

# In write(2) to the standard output: messages to the module are writes, too.
waits_to_write()
{
	read -r call fd rest <"/proc/$1/syscall" && [ "$call $fd" = "1 0x1" ]
}

# -- JSON -----------------------------------------------------------------

# The fields that the page has, "TYPE FIELD" a line; "* FIELD" of all types.
fields_of_page()
{
	awk '/^\.Sh/ { on = /JSON/; type = "*" }
		on && /^\.It (Cm|Va) / { type = $3 }
		on && /^\.El/ { type = "*" }
		on && /^\.Va / {
			for (i = 2; i <= NF; i++)
				if ($i ~ /^[a-z_]+$/)
					print type, $i
		}' "$CTL_SRC/man/ptruss.1" | sort -u
}

# The same of records.
fields_of_records()
{
	jq -r '.type as $t | (keys[] | "\($t) \(.)"),
		(.args[]? | objects | keys[] | "args \(.)"),
		(.stack[]? | keys[] | "stack \(.)"),
		(.times[]? | keys[] | "times \(.)")' "$1" | sort -u
}

# Each record is one of these.
valid='
def number: type == "number"; def string: type == "string";
def or_null(f): . == null or f;
def has_head: (.time | number) and .time > 1500000000000000000 and
	(.pid | number) and (.tid | number);
def arg: type == "object" and (.value | number) and (.text | string) and (.name | or_null(string));
def result: .entry == true or
	((.ret | or_null(number)) and (.errno | or_null(string)) and
	has("ret") and has("errno") and (.elapsed | number) and
	(.errno == null or .ret == -1));
def event: (.signal | number) and (.code | number) and (.pc | number);
{
	syscall: ((.name | string) and (.args | type == "array") and
		all(.args[]; arg) and result),
	signal: ((.name | or_null(string)) and event),
	fault: ((.name | string) and event),
	fork: ((.kind | IN("fork", "vfork", "thread")) and (.child | number) and
		(.thread | number)),
	exec: (.path | or_null(string)),
	exit: ((.process | type == "boolean") and (.status | or_null(number)) and
		(.signal | or_null(string)) and (.status == null) != (.signal == null)),
	lost: (.count | number),
	count: ((.name | string) and (.calls | number) and (.errors | number) and
		(.elapsed | number)),
	function: ((.name | string) and (.object | string) and (.depth | number) and
		(if .event == "call" then (.caller | number) and
			(.args | length == 3 and all(.[]; number))
		else .event == "return" and (.ret | number) end)),
	functions: ((.name | string) and (.count | number)),
	signals: ((.name | string) and (.count | number))
}[.type] == true and ((.type | IN("count", "functions", "signals")) or has_head) | not'

testJsonIsWhatThePageSays()
{
	if [ ! -e "$CTL_SRC/man/ptruss.1" ]; then
		skip "needs the source tree"
		return 0
	fi
	{
		ptruss -j -f -o /dev/stdout sh -c 'true & cat /etc/hostname >/dev/null
			wait; kill -USR1 $$' 2>/dev/null
		ptruss -j -f -y -o /dev/stdout "$TRACEES/odd" threads 2 2
		ptruss -j -f -o /dev/stdout "$TRACEES/odd" vfork 1
		ptruss -j -t none -o /dev/stdout "$TRACEES/odd" segv 2>/dev/null
		ptruss -j -t close --inject=close:retval=7:when=3+ -o /dev/stdout \
			"$TRACEES/odd" calls 1
		ptruss -j --stack -t write -o /dev/stdout "$TRACEES/odd" what 2>/dev/null
		ptruss -j --histogram -o /dev/stdout "$TRACEES/odd" calls 9
		ptruss -j -t none -u a.out:leaf -o /dev/stdout "$TRACEES/funcs" sum 1
		ptruss -j -k -t none -u a.out:leaf -o /dev/stdout "$TRACEES/funcs" \
			sum 1 2>/dev/null
		ptruss -j -c -t none -u a.out:leaf -o /dev/stdout "$TRACEES/funcs" sum 1
		ptruss -j -c -o /dev/stdout sh -c 'kill -USR1 $$' 2>/dev/null
		"$TRACEES/odd" int80 >/dev/null 2>&1 &&
			ptruss -j -t getpid -o /dev/stdout "$TRACEES/odd" int80
		ptruss -j -o /dev/stdout "$TRACEES/odd" wait
	} | grep '^{' >"$tmp/records"
	ptruss -j -T getppid -o "$tmp/o" "$TRACEES/caller" 1 2>"$tmp/e"
	cat "$tmp/o" >>"$tmp/records"
	prun "$(sed -n 's/^ptruss: \([0-9]*\) stopped: .*/\1/p' "$tmp/e")"
	# A reader that comes late: then records are lost, and it is told.
	mkfifo "$tmp/late"
	ptruss --drop -j -o "$tmp/late" "$TRACEES/odd" calls 300000 &
	tracer=$!
	exec 7<"$tmp/late"
	wait_until all_made "$tracer" || fail "it made its calls"
	cat <&7 >"$tmp/o"
	exec 7<&-
	wait "$tracer"
	grep '"lost"' "$tmp/o" >"$tmp/losses"
	cat "$tmp/losses" >>"$tmp/records"
	# What is there and what is told to be lost is all that there was: the
	# calls, what comes before them in any program, and its end.
	assertEquals "calls, and those lost" "$(ptruss -j -o /dev/stdout \
		"$TRACEES/odd" calls 1 | wc -l)" $(($(grep -vc '"lost"' "$tmp/o") +
		$(jq -s 'map(.count) | add // 0' "$tmp/losses") -
		299999))
	assertEquals "types" \
		"count exec exit fault fork function functions lost signal signals syscall " \
		"$(jq -r .type "$tmp/records" | sort -u | tr '\n' ' ')"
	assertEquals "not as it should be" "" \
		"$(jq -c "select($valid)" "$tmp/records" | head -n 3)"
	fields_of_page >"$tmp/page"
	fields_of_records "$tmp/records" >"$tmp/seen"
	assertEquals "fields that the page does not have" "" "$(
		while read -r type field; do
			grep -qx -e "$type $field" -e "\* $field" "$tmp/page" ||
				echo "$type $field"
		done <"$tmp/seen")"
	# Where there is no debug information and no cut stack, or (with
	# sanitizers) none at all: these.
	stacks=
	ptruss -k -o /dev/null true 2>/dev/null && stacks=yes
	assertEquals "fields that no record has" "" "$(
		while read -r type field; do
			case "$type $field" in
			stack\ * | syscall\ stack_end | syscall\ abi) continue ;;
			*\ stack) [ "$stacks" ] || continue ;;
			esac
			[ "$type" = '*' ] && type='[a-z]*'
			grep -qx -e "$type $field" "$tmp/seen" || echo "$type $field"
		done <"$tmp/page")"
}

# all_made PID: the command of the ptruss PID has ended
all_made()
{
	gone "$1" || grep -qs "^[0-9]* (odd) Z $1 " /proc/[0-9]*/stat
}

# Whatever the bytes are: one line, valid JSON and UTF-8, and the bytes again.
testJsonOfAllBytes()
{
	n=1
	while [ $n -lt 256 ]; do
		# shellcheck disable=SC2059
		printf "\\$(printf %03o $n)x"
		n=$((n + 1))
	done >"$tmp/bytes"
	# Bytes that look like UTF-8 and are none: cut, too long, a surrogate.
	printf '\303\251\342\202\254\360\237\230\200\300\257\355\240\200\342\202\377\\n1\0018' \
		>>"$tmp/bytes"
	ptruss -t write --string=4096 -j -o "$tmp/o" cat "$tmp/bytes" >/dev/null
	assertEquals "a line" 1 "$(grep -c '"name":"write"' "$tmp/o")"
	if command -v iconv >/dev/null; then
		assertTrue "UTF-8" "iconv -f UTF-8 -t UTF-8 '$tmp/o' >/dev/null"
	fi
	jq -j 'select(.name == "write") | .args[1].text' "$tmp/o" >"$tmp/text"
	assertTrue "what is UTF-8 is left so" \
		"grep -q '$(printf '\303\251\342\202\254')' '$tmp/text'"
	awk 'BEGIN {
		split("a 7 b 8 f 12 n 10 r 13 t 9 v 11 \" 34 \\ 92", w, " ")
		for (i = 1; i < 18; i += 2)
			code[w[i]] = w[i + 1]
	}
	{
		s = substr($0, 2, length($0) - 2)
		while (s != "") {
			c = substr(s, 1, 1)
			s = substr(s, 2)
			if (c != "\\") {
				printf "%s", c
				continue
			}
			c = substr(s, 1, 1)
			s = substr(s, 2)
			if (c in code) {
				printf "%c", code[c] + 0
				continue
			}
			v = c
			for (n = 1; n < 3 && substr(s, 1, 1) ~ /^[0-7]/; n++) {
				v = v * 8 + substr(s, 1, 1)
				s = substr(s, 2)
			}
			printf "%c", v + 0
		}
	}' "$tmp/text" >"$tmp/back"
	assertTrue "the same bytes: $(cat "$tmp/text")" \
		"cmp '$tmp/bytes' '$tmp/back'"
}

. shunit2
