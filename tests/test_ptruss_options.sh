#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss, option by option, on each source of events: what the other scripts do
# not look at.
# shellcheck disable=SC2154 # set by lib.sh
. "${CTL_SRC:-.}/tests/lib.sh"

suite() { suite_by_source; }

tearDown()
{
	use_source default
	end_targets
}

# On one line, with a blank behind each
words()
{
	tr '\n' ' '
}

# trace_until PATTERN OPTION...: the process $pid, into $tmp/o, till that is there
trace_until()
{
	until=$1
	shift
	: >"$tmp/o"
	ptruss "$@" -o "$tmp/o" -p "$pid" 2>"$tmp/e" &
	tracer=$!
	assert_soon grep -q -e "$until" "$tmp/o"
	kill -TERM "$tracer"
	wait "$tracer"
	assertEquals "status of $*: $(cat "$tmp/e")" 0 $?
}

# stop_with OPTION...: the process $pid is left stopped; what is told
stop_with()
{
	run timeout 60 ptruss -t none -o "$tmp/o" -p "$pid" "$@"
	assertEquals "status of $*: $(stderr)" 0 "$status"
	assert_stopped "$pid"
	stderr | sed -n "s/^ptruss: $pid stopped: \(.*\); .*/\1/p"
}

# -- what is traced --------------------------------------------------------------

received()
{
	ptruss "$@" -t none -o "$tmp/o" sh -c 'trap : USR1 USR2 HUP
		kill -USR1 $$; kill -HUP $$; kill -USR2 $$'
	sed -n 's/^    Received signal #[0-9]*, SIG\([A-Z0-9]*\) .*/\1/p' "$tmp/o" |
		words
}

testSignalsOfAList()
{
	assertEquals "USR1 HUP USR2 " "$(received)"
	assertEquals "USR1 USR2 " "$(received -s USR1,12)"
	assertEquals "HUP " "$(received -s '!SIGUSR1,USR2')"
	assertEquals "USR1 USR2 " "$(received --signal='all,!HUP')"
	assertEquals "" "$(received -s none)"
}

# faults_of WANT WHAT OPTION...: those that are told; the program goes on
faults_of()
{
	want=$1
	target fault "$2"
	shift 2
	: >"$tmp/o"
	ptruss "$@" -t write -o "$tmp/o" -p "$pid" &
	tracer=$!
	assert_soon has_faulted_twice
	kill "$tracer"
	wait "$tracer"
	assertEquals "$*" "$want" "$(sed -n \
		's/^    Incurred fault #[0-9]*, FLT\([A-Z]*\)  pc = 0x.*/\1/p' "$tmp/o" |
		sort -u)"
}

# It has told of two, on the record: the second was, too.
has_faulted_twice()
{
	kill -USR1 "$pid"
	[ "$(grep -c '^write(1, "fault' "$tmp/o")" -ge 2 ]
}

testFaultsOfAList()
{
	faults_of IZDIV izdiv
	faults_of BOUNDS bounds -m BOUNDS,IZDIV
	faults_of ILL ill --fault='!FLTBOUNDS,FLTIZDIV'
	faults_of '' izdiv -m '!IZDIV'
	faults_of '' access -m none
}

# What is printed of a class is what --list says that it is.
testClasses()
{
	ptruss --list >"$tmp/list"
	cd "$tmp" || return
	ptruss -j -o all "$TRACEES/calls" >/dev/null 2>&1
	classes='file desc process network signal memory ipc creds clock pure stat lstat
		fstat statx statfs fstatfs'
	[ "${CTL_SLOW:-}" ] && classes='file signal stat'
	for class in $classes; do
		grep " %$class\( \|$\)" list | sed 's/(.*//' | sort -u >members
		jq -r 'select(.type == "syscall") | .name' all | sort -u |
			comm -12 - members >expected
		ptruss -t %$class -j -o o "$TRACEES/calls" >/dev/null 2>&1
		assertEquals "%$class" "$(words <expected)" "$(jq -r \
			'select(.type == "syscall") | .name' o | sort -u | words)"
	done
	assertTrue "members" "[ $(grep -c %memory list) -gt 20 ]"
	ptruss -t '%%stat' -j -o o "$TRACEES/calls" >/dev/null 2>&1
	assertEquals "%%stat" "newfstatat " "$(jq -r \
		'select(.type == "syscall") | .name' o | sort -u | words)"
	ptruss -t '%file,!openat,readlink' -j -o o "$TRACEES/calls" >/dev/null 2>&1
	assertTrue "some" "grep -q '\"name\":\"readlink\"' o"
	assertFalse "openat" "grep -q '\"name\":\"openat\"' o"
	cd "$OLDPWD" || return
}

testPath()
{
	echo one >"$tmp/named"
	echo two >"$tmp/other"
	for style in truss strace json; do
		ptruss -f --path="$tmp/named" -t openat,read,close,dup2,execve \
			--style=$style -o "$tmp/o" \
			sh -c 'cat "$1/named" "$1/other"; dd if="$1/named"' sh "$tmp" \
			>/dev/null 2>&1
		assertEquals "$style" \
			"openat read read close openat dup2 close read read close " \
			"$(grep -o '\(openat\|read\|dup2\|close\|execve\)\((\|",\)' \
				"$tmp/o" | tr -d '",(' | words)"
	done
}

# -- which processes ----------------------------------------------------------------

# With -f the children of a process that runs already; and only then.
testChildrenOfOneThatRuns()
{
	target /bin/sh -c 'echo ready
		while :; do /bin/sh -c "cat /etc/hostname; exit 4"; sleep 0.05; done'
	trace_until 'exited with status 4' -f -t openat
	trace_until '^[0-9]*:	openat(.*/etc/hostname' --exec='c?t' -t openat
	assertFalse "by cat only: $(cat "$tmp/o")" "grep -q 'status 4' '$tmp/o'"
	trace_until Received
	assertFalse "without -f" "grep -q 'status 4' '$tmp/o'"
	assert_untouched "$pid"
}

# From the exec of such a program on, till that of another.
testOnlyWhatSuchAProgramDoes()
{
	ptruss --exec='*sh' -t openat -o "$tmp/o" \
		sh -c 'read -r line </etc/passwd; exec cat /etc/hostname' >/dev/null
	assertTrue "sh: $(cat "$tmp/o")" "grep -q /etc/passwd '$tmp/o'"
	assertFalse "cat: $(cat "$tmp/o")" "grep -q /etc/hostname '$tmp/o'"
}

testNumbersOfThreads()
{
	ptruss -l -t getppid -o "$tmp/o" "$TRACEES/caller" 3 4
	sed -n 's/^\([0-9]*\)\/\([0-9]*\):	getppid.*/\1 \2/p' "$tmp/o" | sort |
		uniq -c >"$tmp/who"
	assertEquals "four threads" 4 "$(wc -l <"$tmp/who")"
	assertEquals "3 calls each, one process" 1 \
		"$(awk '{ print $1, $2 }' "$tmp/who" | sort -u | grep -c '^3 ')"
}

# -- leaving it stopped ---------------------------------------------------------------

testStopOnFault()
{
	target fault izdiv
	(wait_until stops_at_faults "$pid" && kill -USR1 "$pid") &
	assertEquals "PR_FAULTED FLTIZDIV" "$(stop_with -M '!BPT,ILL')"
	wait $!
	assertFalse "not yet" "grep -q fault '$out'"
	ok prun "$pid"
	assert_soon grep -q '^fault FPE' "$out"
	assert_untouched "$pid"
}

stops_at_faults()
{
	pflags "$1" | grep -q '^	faults ='
}

testStopOnSignalOfAList()
{
	target server "$tmp"
	assertEquals "PR_SIGNALLED SIGINT" "$(stop_with -S '!HUP,SEGV')"
	ok prun "$pid"
	assertEquals "PR_SIGNALLED SIGHUP" "$(stop_with --stop-signal=HUP)"
	ok prun "$pid"
	assert_runs "$pid" sleeps
}

testStopAtCallsOfAList()
{
	target server "$tmp"
	assertEquals "PR_SYSENTRY getsockname" "$(stop_with -T '%network,!socket')"
	ok prun "$pid"
	assertEquals "PR_SYSENTRY unlink" "$(stop_with --stop-call='%file,!%desc')"
	ok prun "$pid"
	assert_runs "$pid" sleeps
}

testStopAtFunctionInside()
{
	ptruss -t none -U libc:write -o "$tmp/o" "$TRACEES/funcs" sum 1 \
		>"$tmp/command" 2>"$tmp/e"
	assertEquals "called from inside: $(cat "$tmp/e")" 0 \
		"$(grep -c stopped: "$tmp/e")"
	ptruss -t none -U libc::write -o "$tmp/o" "$TRACEES/funcs" sum 1 \
		>"$tmp/command" 2>"$tmp/e"
	pid=$(sed -n 's/^ptruss: \([0-9]*\) stopped: PR_PROBE libc:write; .*/\1/p' \
		"$tmp/e")
	assertTrue "stopped: $(cat "$tmp/e")" "all_stopped '${pid:-0}'"
	prun "${pid:-0}"
	assert_soon gone "${pid:-0}"
	assertTrue "$(cat "$tmp/command")" "grep -q result '$tmp/command'"
}

# Interrupted before it stopped, or while it injects: nothing of it stays, and what
# others want does.
testEndBeforeTheStop()
{
	target spin 1
	pctl "$pid" PCSENTRY getpgid PCSTRACE WINCH PCSFAULT ILL >/dev/null
	before=$(wants "$pid")
	signals='INT TERM'
	while read -r options; do
		case $options in
		*-k*) ! without_stacks || continue ;;
		esac
		# Where an interrupt takes a second, each by one of them.
		[ "${CTL_SLOW:-}" ] && case $signals in
		INT) signals=TERM ;;
		*) signals=INT ;;
		esac
		for signal in $signals; do
			: >"$tmp/o"
			# shellcheck disable=SC2086
			ptruss -t getppid $options -o "$tmp/o" -p "$pid" &
			tracer=$!
			assert_soon is_recorded "$pid"
			sleep 0.1
			kill -$signal $tracer
			wait $tracer
			assertEquals "$options" 0 $?
			assertEquals "$options" "$before" "$(wants "$pid")"
			assert_runs "$pid"
		done
	done <<-END
		-T exit_group
		-S TERM
		-M BPT
		-U libc::abort
		-k -T exit_group
		--inject=getppid:error=EIO
		--inject=getppid:retval=3:delay_exit=100s
		--inject=getppid:delay=100s
	END
	pctl "$pid" PCSENTRY none PCSTRACE none PCSFAULT none >/dev/null
	target /bin/sh -c 'echo ready
		while :; do (read -r line </etc/hostname); done'
	for option in '-T fsync' --inject=openat,read:delay=10ms; do
		# shellcheck disable=SC2086
		ptruss -f -t openat $option -o "$tmp/o" -p "$pid" &
		tracer=$!
		assert_soon grep -qs hostname "$tmp/o"
		kill $tracer
		wait $tracer
		assert_runs "$pid"
		assert_untouched "$pid"
		rm "$tmp/o"
	done
}

# What it stops on, and how.
wants()
{
	pflags "$1" | sed -n 's/  handles.*//; s/.*\(modes =\)/\1/p
		/^	\(entry\|exit\|signals\|faults\) =/p'
}

# -- what is printed -----------------------------------------------------------------

testLengthOfStrings()
{
	printf '%050d' 0 >"$tmp/zeros"
	for n in 1 5 50; do
		ptruss --string=$n -t write -o "$tmp/o" cat "$tmp/zeros" >/dev/null
		dots=...
		[ $n = 50 ] && dots=
		assertTrue "$n: $(cat "$tmp/o")" \
			"grep -q '^write(1, \"0\{$n\}\"$dots, 50) ' '$tmp/o'"
	done
	ptruss -t write -o "$tmp/o" cat "$tmp/zeros" >/dev/null
	assertTrue "as said" "grep -q '^write(1, \"0\{32\}\"\.\.\., 50) ' '$tmp/o'"
	ptruss --string=0 -t write -o "$tmp/o" cat "$tmp/zeros" >/dev/null
	assertTrue "where it is" "grep -q '^write(1, 0x[0-9a-f]*, 50) ' '$tmp/o'"
	while read -r n string; do
		ptruss --string="$n" -t memfd_create -o "$tmp/o" "$TRACEES/absent" write
		assertTrue "$n: $(cat "$tmp/o")" \
			"grep -qF 'memfd_create($string, ' '$tmp/o'"
	done <<-'END'
		0 ""...
		3 "abs"...
		5 "absen"...
		6 "absent"
	END
}

testReadOfOneDescriptor()
{
	echo one >"$tmp/one"
	echo two >"$tmp/two"
	ptruss -t read -r 0,1,2 -o "$tmp/o" cat "$tmp/one" - <"$tmp/two" >/dev/null
	assertEquals "two" "t w o . " \
		"$(sed -n 's/^      000000 .*  \(....\)$/\1/p' "$tmp/o" | sed 's/./& /g')"
	ptruss -t read --read=all -o "$tmp/o" cat "$tmp/one" - <"$tmp/two" >/dev/null
	assertEquals "both" 2 "$(grep -c '^      000000 .*  \(one\|two\)\.$' "$tmp/o")"
}

testTimeSinceTheLineBefore()
{
	ptruss -d -D -t clock_nanosleep,getppid -o "$tmp/o" \
		sh -c 'sleep 0.2; exec sleep 0.3'
	assertTrue "lines: $(cat "$tmp/o")" "[ $(wc -l <"$tmp/o") -ge 3 ]"
	assertEquals "not the difference" "" "$(awk -F '\t' '
		NR > 1 && ($2 - ($1 - last) > 0.0002 || $2 - ($1 - last) < -0.0002)
		{ last = $1 }' "$tmp/o")"
}

testEnvironmentOfAChild()
{
	ptruss -f -e -t execve -o "$tmp/o" sh -c 'GREEK=omega sleep 0.5; :'
	assertTrue "$(cat "$tmp/o")" "grep -q '^    envp: .*GREEK=omega' '$tmp/o'"
	ptruss -f -t execve -o "$tmp/o" sh -c 'GREEK=omega sleep 0.1; :'
	assertFalse "not asked for" "grep -q 'envp:\|argv:' '$tmp/o'"
}

testNumbersAsTheyAre()
{
	for style in truss strace json; do
		ptruss -x --style=$style -t lseek,close -o "$tmp/o" \
			"$TRACEES/odd" calls 1
		grep -q 'close(0x1edc)\|"value":7900,"text":"0x1edc"' "$tmp/o" ||
			fail "$style: $(cat "$tmp/o")"
	done
}

# -- -c ----------------------------------------------------------------------------

testOrders()
{
	run_it="cat $tmp/none $tmp/none; cat /etc/hostname; sleep 0.1"
	for by in time calls errors; do
		ptruss -f -c --sort=$by -j -o "$tmp/o" sh -c "$run_it" \
			>/dev/null 2>&1
		jq "select(.type == \"count\") | .$by // .elapsed" "$tmp/o" >"$tmp/by"
		assertTrue "$by: $(words <"$tmp/by")" "sort -c -n -r '$tmp/by'"
		assertTrue "$by" "[ $(sort -u "$tmp/by" | wc -l) -gt 1 ]"
	done
	ptruss -f -c -j -o "$tmp/o" sh -c "$run_it" >/dev/null 2>&1
	jq 'select(.type == "count") | .elapsed' "$tmp/o" >"$tmp/by"
	assertTrue "time, if not said" "sort -c -n -r '$tmp/by'"
}

testTableOfCounts()
{
	ptruss -c -o "$tmp/o" sh -c 'trap : USR1; kill -USR1 $$; cd /none' 2>"$tmp/e"
	assertTrue "head" \
		"head -n 1 '$tmp/o' | grep -q '^syscall  *seconds  *calls  *errors$'"
	assertTrue "signals" "grep -q '^SIGUSR1  *1$' '$tmp/o'"
	assertTrue "one error" "grep -q '^chdir  *0.[0-9]*  *1  *1$' '$tmp/o'"
	assertEquals "the sums are not those of the lines" "" "$(awk '
		NR == 1 { next }
		/^sys totals:/ {
			if ($4 != calls || $5 != errors || $3 - s > 0.00005 ||
			    s - $3 > 0.00005)
				print
			exit
		}
		NF >= 3 { s += $2; calls += $3; errors += $4 }' "$tmp/o")"
}

# -- --inject ------------------------------------------------------------------------

testSeveralThingsInjected()
{
	ptruss -j -t getppid,getpgid -o "$tmp/o" \
		--inject=getppid:error=5:when=2 --inject=getppid:error=EPERM:when=4+ \
		--inject='getppid:delay_enter=200000:when=3' \
		--inject=getppid:retval=0x2a:delay_exit=0.2s:when=1 \
		"$TRACEES/caller" 5
	assertEquals "42 EIO null EPERM EPERM " "$(jq -r 'select(.name == "getppid") |
		if .ret == 42 then .ret else .errno end' "$tmp/o" | words)"
	assertEquals "injected" "true true null true true " \
		"$(jq -r 'select(.name == "getppid") | .injected' "$tmp/o" | words)"
	assertEquals "late: after the first, before the third" "true true" \
		"$(jq -rs 'map(select(.name == "getppid") | .time / 1e6) |
		"\(.[1] - .[0] > 190) \(.[3] - .[1] > 190)"' "$tmp/o")"
	# A class of calls, the signal of a number; the call is made.
	ptruss -t %file,%desc -o "$tmp/o" --inject='%file,!execve:signal=10' \
		"$TRACEES/caller" 1
	assertEquals "SIGUSR1" 138 $?
	assertTrue "$(cat "$tmp/o")" "grep -q 'Received signal #10, SIGUSR1' '$tmp/o'"
}

# -- where it goes -------------------------------------------------------------------

testOutput()
{
	fails 2 "^ptruss: cannot write $tmp/no/o: No such file" \
		ptruss -o "$tmp/no/o" touch "$tmp/touched"
	assertFalse "not begun" "[ -e '$tmp/touched' ]"
	echo old >"$tmp/o"
	run ptruss -t exit_group --output="$tmp/o" true
	assertEquals "" "$(stderr)"
	assertFalse "from its beginning" "grep -q old '$tmp/o'"
	assertTrue "written" "grep -q ^exit_group '$tmp/o'"
	# Without it: standard error; JSON: standard output.
	run ptruss -t exit_group sh -c 'echo mine'
	assertTrue "$(stderr)" "grep -q '^exit_group(0)' '$tmp/stderr'"
	assertEquals "the command's own" mine "$(stdout)"
	for json in -j --json --style=json; do
		run ptruss $json -t exit_group sh -c 'echo mine'
		assertEquals "$json" exit_group "$(stdout |
			jq -r 'select(.type == "syscall") | .name')"
		assertEquals "$json" mine "$(stderr)"
	done
}

testTimelineIsAlone()
{
	run ptruss --timeline="$tmp/t" -t getppid "$TRACEES/caller" 3 4
	assertEquals "no lines" "" "$(stdout)$(stderr)"
	assertEquals "a row a thread" "3 3 3 3 " "$(jq -r '.traceEvents[] |
		select(.name == "getppid") | .tid' "$tmp/t" | sort | uniq -c |
		awk '{ print $1 }' | words)"
	fails 2 "^ptruss: cannot write $tmp/no/t: No such file" \
		ptruss --timeline="$tmp/no/t" true
}

# In each style a line where records are missing, with how many.
testDropTellsHowMany()
{
	mkfifo "$tmp/late"
	for style in truss strace json; do
		ptruss --drop --style=$style -t close -o "$tmp/late" \
			"$TRACEES/odd" calls 200000 &
		tracer=$!
		exec 7<"$tmp/late"
		wait_until has_ended "$tracer" || fail "$style: it waits"
		cat <&7 >"$tmp/o"
		exec 7<&-
		wait "$tracer"
		assertEquals "$style" 0 $?
		lost=$(sed -n '/lost/!d
			s/^    \*\*\* \([0-9]*\) records lost \*\*\*$/\1/p
			s/^+++ \([0-9]*\) events lost +++$/\1/p
			s/.*"type":"lost".*"count":\([0-9]*\).*/\1/p' "$tmp/o" |
			awk '{ n += $1 } END { print n + 0 }')
		assertTrue "$style: some are lost" "[ $lost -gt 0 ]"
		# The program's end may be among them.
		seen=$(grep -c 'close.*7900\|exited with' "$tmp/o")
		assertTrue "$style: $seen and $lost" \
			"[ $((seen + lost)) -ge 200000 -a $((seen + lost)) -le 200020 ]"
	done
	rm "$tmp/late"
}

# has_ended PTRUSS: its command
has_ended()
{
	gone "$1" || grep -qs "^[0-9]* (odd) Z $1 " /proc/[0-9]*/stat
}

testVersionNamesTheSource()
{
	ok ptruss -V
	assertTrue "$(stdout)" "stdout | grep -q '^backend: $CTL_BACKEND'"
	case $(stdout | sed -n 's/^events: //p') in
	module | bpf | ptrace*) ;;
	*) fail "$(stdout)" ;;
	esac
	[ "${CTL_EVENTS:-}" != ptrace ] ||
		assertTrue "$(stdout)" "stdout | grep -q '^events: ptrace'"
}

. shunit2
