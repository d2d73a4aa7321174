#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Children that ptruss -f follows: as long as nothing but BPF is needed they are
# not attached to (libctl/keeper/afar.c).  They are told of as by ptrace(2), can be
# stopped, have to wait when nobody reads, and none is lost.

. "${CTL_SRC:-.}/tests/lib.sh"

odd=$TRACEES/odd

tearDown()
{
	use_source default
	end_targets
}

needs_afar()
{
	needs_keeper "children that are not attached" || return
	needs_root "only its keeper leaves children alone" || return
	needs_bpf
}

# lives: what $tmp/o tells but for calls, each process's in order, by names that
# are the same the next time; of threads how many.
lives()
{
	jq -r 'select(.type | IN("fork", "exec", "signal", "fault", "exit")) |
		[.pid, .type, .kind // "-", .child // 0, .path // .name // "-",
		 .code // 0, .process // false, .status // "-",
		 if .type == "exit" then .signal // "-" else "-" end] | @tsv' \
		"$tmp/o" | awk -F '\t' '
		!($1 in name) { name[$1] = "p" }
		{ p = name[$1] }
		$2 == "fork" && $3 == "thread" { born[p]++; next }
		$2 == "exit" && $7 != "true" { died[p " " $8 " " $9]++; next }
		$2 == "fork" { name[$4] = p "." ++children[p] }
		$2 == "fork" { print p ": " $3 " " name[$4]; next }
		$2 == "exit" { print p ": ends " $8 " " $9; next }
		{ print p ": " $2 " " $5 " " $6 }
		END {
			for (p in born) print p ": threads " born[p]
			for (p in died) print p ": dead threads " died[p]
		}' | sort -s -t : -k 1,1
}

# family COMMAND...: told by both alike, and by one after the other
family()
{
	for source in ptrace bpf default; do
		use_source $source
		timeout 60 ptruss -f -j -o "$tmp/o" "$@" >/dev/null 2>&1
		echo "status $?" >"$tmp/$source"
		lives >>"$tmp/$source"
	done
	assertTrue "$*: something is told" "[ $(wc -l <"$tmp/bpf") -gt 4 ]"
	assertEquals "$*" "$(cat "$tmp/ptrace")" "$(cat "$tmp/bpf")"
	assertEquals "$*: handed over" "$(cat "$tmp/ptrace")" \
		"$(cat "$tmp/default")"
}

testToldAsByPtrace()
{
	needs_afar || return 0
	cp /bin/true "$tmp/name with space"
	ln -s "name with space" "$tmp/link"
	# shellcheck disable=SC2016
	family sh -c 'ulimit -c 0
		/bin/true; /bin/false
		(sh -c "exit 3"; exit 4)
		sh -c "kill -TERM \$\$"
		sh -c "kill -SEGV \$\$"
		sh -c "kill -KILL \$\$"
		sh -c "trap : USR1; kill -USR1 \$\$; exit 5"
		sh -c "trap \"\" USR1; kill -USR1 \$\$; kill -WINCH \$\$; exit 6"
		sh -c "kill -WINCH \$\$; kill -CONT \$\$; exit 7"
		cd "$1"; ./link; "./name with space"
		exit 8' sh "$tmp"
	for what in exec exec-many vfork clone untraced segv "threads 4 10" \
		"seccomp kill" "seccomp kill-thread" "seccomp trap"; do
		family sh -c "ulimit -c 0; $odd $what; $odd $what; :"
	done
	if unshare -p -f true 2>/dev/null; then
		# shellcheck disable=SC2016
		family sh -c 'unshare -p -f sh -c "/bin/true; kill -TERM \$\$; exit 9"; :'
	fi
}

# tracer_of_child OPTION...: what a child sees with it
tracer_of_child()
{
	ptruss "$@" -o /dev/null sh -c 'sed -n "s/^TracerPid:.//p" /proc/self/status; :'
}

# It is all about this.
testNobodyIsAttached()
{
	needs_afar || return 0
	use_source bpf
	assertEquals "calls" 0 "$(tracer_of_child -f)"
	assertEquals "counted" 0 "$(tracer_of_child -f -c)"
	assertNotEquals "what stops" 0 "$(tracer_of_child -f -T reboot)"
	assertNotEquals "tied" 0 "$(tracer_of_child --tied -t reboot)"
	use_source ptrace
	assertNotEquals "ptrace" 0 "$(tracer_of_child -f)"
	# Nor when it has threads.
	use_source bpf
	rm -f "$tmp/child"
	# shellcheck disable=SC2016
	ptruss -f -t fork,clone -o "$tmp/o" sh -c '
		"$1" 4 work >/dev/null & echo $! >"$2/c"; mv "$2/c" "$2/child"
		wait' sh "$TRACEES/threads" "$tmp" &
	reader=$!
	started="$started $reader"
	child
	assert_soon sh -c "[ \$(ls /proc/$child/task | wc -l) -gt 4 ]"
	assert_soon grep -q "new process $child" "$tmp/o"
	pflags "$child" >"$tmp/flags"
	assertTrue "known: $(cat "$tmp/flags")" "grep -q 'threads = 5' '$tmp/flags'"
	assertEquals "threads" 0 "$(tracer "$child")"
	pstop "$child"
	assert_stopped "$child"
	prun "$child"
	kill -9 "$child"
	reap "$reader"
}

testManyShortChildren()
{
	needs_afar || return 0
	use_source bpf
	ptruss -f -j -o "$tmp/o" sh -c '
		for a in 0 1 2 3; do
			(i=0; while [ $i -lt 150 ]; do /bin/true; i=$((i + 1)); done) &
		done; wait'
	assertEquals "status" 0 $?
	assertEquals "forks" 604 "$(grep -c '"type":"fork"' "$tmp/o")"
	assertEquals "ends" 605 "$(grep -c '"type":"exit"' "$tmp/o")"
	assertEquals "programs" 600 "$(grep -c '"type":"exec"' "$tmp/o")"
	assertEquals "calls" 600 "$(grep -c '"name":"execve"' "$tmp/o")"
	assertEquals "lost" 0 "$(grep -c '"type":"lost"' "$tmp/o")"
	# Nobody does anything before it is born, or after its end.
	assertEquals "order" "" "$(jq -r '[.pid, .type, .child // 0] | @tsv' \
		"$tmp/o" | awk -F '\t' '
		NR == 1 { live[$1] = 1 }
		!live[$1] { print }
		$2 == "fork" { live[$3] = 1 }
		$2 == "exit" { live[$1] = 0 }')"
}

# child: sets it to the number that $tmp/child tells
child()
{
	assert_soon [ -s "$tmp/child" ]
	child=$(cat "$tmp/child")
	started="$started $child"
}

# Its calls have numbers: each comes once, whoever attaches when.
assert_none_missing()
{
	assertEquals "$1" "" "$(awk -F '[()]' '
		/close\([0-9]{7}\)/ && next_one && $2 != next_one { print; exit }
		/close\([0-9]{7}\)/ { next_one = $2 + 1 }' "$tmp/o")"
	assertTrue "$1: there are calls" "grep -q 'close(1000100)' '$tmp/o'"
}

trace_numbered()
{
	rm -f "$tmp/child"
	use_source bpf
	# shellcheck disable=SC2016
	ptruss --style=strace -f -t close -s USR1,ALRM -o "$tmp/o" sh -c '
		"$1" numbered 2000 >/dev/null & echo $! >"$2/c"; mv "$2/c" "$2/child"
		wait' sh "$odd" "$tmp" &
	reader=$!
	started="$started $reader"
	child
	assert_soon grep -q 'close(1000010)' "$tmp/o"
}

# end_numbered WHAT [READER...]: end the child by a signal, which is told once, as
# are its calls; the other readers end, too
end_numbered()
{
	what=$1
	shift
	kill -USR1 "$child"
	for r in "$@" "$reader"; do
		reap "$r"
	done
	assertEquals "told once" 1 "$(grep -c -e '--- SIGUSR1' "$tmp/o")"
	assert_none_missing "$what"
}

testStopOfAChild()
{
	needs_afar || return 0
	trace_numbered
	assertEquals "before" 0 "$(tracer "$child")"
	pflags "$child" >"$tmp/flags"
	assertTrue "known: $(cat "$tmp/flags")" "grep -q 'controlled by keeper' '$tmp/flags'"
	assertEquals "a look" 0 "$(tracer "$child")"
	pstop "$child"
	assertEquals "pstop" 0 $?
	assert_stopped "$child"
	assertNotEquals "stopped" 0 "$(tracer "$child")"
	prun "$child"
	assert_runs "$child"
	end_numbered "stopped"
	assertEquals "its end" 1 "$(grep -c 'killed by SIGUSR1' "$tmp/o")"
}

# A child is found, however young it is.
testStopOfANewbornChild()
{
	needs_afar || return 0
	use_source bpf
	for i in 1 2 3 4 5; do
		# shellcheck disable=SC2016
		ptruss -f -o "$tmp/o" sh -c '
			sleep 60 & pstop $!
			sed -n "s/^TracerPid:.//p" /proc/$!/status
			sed -n "s/^TracerPid:.//p" /proc/$$/status
			kill -9 $!; wait; :' >"$tmp/tracers"
		assertEquals "one keeper: $(cat "$tmp/tracers")" 1 \
			"$(sort -u "$tmp/tracers" | wc -l)"
	done
}

# Whoever does not read makes all of them wait: attached to, and nothing is lost.
testReaderThatStandsStill()
{
	needs_afar || return 0
	use_source bpf
	rm -f "$tmp/child"
	mkfifo "$tmp/slow"
	# shellcheck disable=SC2016
	ptruss --style=strace -f -t close -o "$tmp/slow" sh -c '
		"$1" calls 400000 & "$1" calls 400000 & echo $! >"$2/c"
		mv "$2/c" "$2/child"
		(i=0; while [ $i -lt 300 ]; do /bin/true; i=$((i + 1)); done) &
		wait' sh "$odd" "$tmp" &
	tracer=$!
	started="$started $tracer"
	exec 7<"$tmp/slow"
	child
	assert_soon parked "$child"
	cat <&7 >"$tmp/o"
	exec 7<&-
	wait "$tracer"
	assertEquals 0 $?
	assertEquals "calls" 800000 "$(grep -c 'close(7900)' "$tmp/o")"
	assertEquals "ends" 305 "$(grep -c 'exited with' "$tmp/o")"
	assertEquals "lost" 0 "$(grep -c 'lost' "$tmp/o")"
	rm -f "$tmp/slow"
}

testKilledKeeperHarmsNobody()
{
	needs_afar || return 0
	trace_numbered
	kill -9 "$(tracer "$(field "$child" PPid)")"
	assert_untouched "$child"
	assert_runs "$child"
	kill -9 "$child"
	reap "$reader"
	assert_none_missing "killed"
}

# What is asked for later holds for the children, too, from then on.
testAnotherWhoRecords()
{
	needs_afar || return 0
	trace_numbered
	parent=$(field "$child" PPid)
	: >"$tmp/o2"
	ptruss --style=strace -t close -o "$tmp/o2" -p "$child" &
	second=$!
	started="$started $second"
	assert_soon grep -q 'close(1[0-9]*)' "$tmp/o2"
	assertEquals "one keeper" "$(tracer "$parent")" "$(tracer "$child")"
	end_numbered "two" "$second"
	assertEquals "to both" 1 "$(grep -c -e '--- SIGUSR1' "$tmp/o2")"
}

# The end of one that outlived all others is not missed.
testTheLastOne()
{
	needs_afar || return 0
	use_source bpf
	for i in 1 2 3 4 5 6 7 8; do
		ptruss -f -o "$tmp/o" sh -c 'sh -c "sleep 0.0$1; exit 5" sh "$1" & exit 0' sh "$i"
		assertTrue "the last one's end" "grep -q 'exited with status 5' '$tmp/o'"
	done
}

# A process that makes children all the time is attached to and left.
testAttachAndLeave()
{
	needs_afar || return 0
	use_source bpf
	spawn sh -c 'while :; do /bin/true; done'
	for i in 1 2 3; do
		: >"$tmp/o"
		ptruss -f -j -o "$tmp/o" -p "$pid" &
		tracer=$!
		assert_soon sh -c "[ \$(grep -c '\"type\":\"exec\"' '$tmp/o') -gt 20 ]"
		kill "$tracer"
		wait "$tracer"
		assert_untouched "$pid"
	done
	assert_runs "$pid"
}

. shunit2
