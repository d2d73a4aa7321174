#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss and programs that tracers stumble over (tests/tracees/odd.c): they end
# as they do without one, and no call of theirs is missing.

. "${CTL_SRC:-.}/tests/lib.sh"

odd=$TRACEES/odd

# What a test chose is not the next one's.
tearDown()
{
	use_source default
	end_targets
}

oneTimeSetUp()
{
	SOURCES=$(event_sources)
	assertNotNull "no source of events" "$SOURCES"
}

# Calls that only "odd" makes: close(2) of such a descriptor.
# traced STATUS OPTION... -- WORD...: trace "odd WORD..." into $tmp/o
traced()
{
	want=$1
	shift
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	# shellcheck disable=SC2086
	timeout 120 ptruss $options -j -o "$tmp/o" "$odd" "$@" \
		>"$tmp/stdout" 2>"$tmp/stderr" </dev/null
	assertEquals "$source: status of odd $*: $(stderr)" "$want" $?
	assertEquals "$source: stderr of odd $*" "" "$(stderr)"
}

# marks N: how often
marks()
{
	grep -c "\"name\":\"close\",\"args\":\[{\"name\":\"fd\",\"value\":$1," \
		"$tmp/o"
}

# count FILTER: how many records are so
count()
{
	jq -c "select($1) | 1" "$tmp/o" | wc -l
}

assert_marks()
{
	assertEquals "$source: marks $2" "$1" "$(marks "$2")"
}

assert_count()
{
	assertEquals "$source: $2" "$1" "$(count "$2")"
}

testExecOfAnotherThread()
{
	for source in $SOURCES; do
		use_source "$source"
		traced 0 -f -- exec
		assert_marks 1 7001
		assert_marks 1 7000
		assert_count 1 '.type == "exec"'
		assert_count 1 '.type == "exit" and .process and .status == 0'
		# Behind it the only thread has the process's number.
		assert_count 1 '.name == "close" and .args[0].value == 7000
			and .tid == .pid'
		assert_count 1 '.name == "close" and .args[0].value == 7001
			and .tid != .pid'
		# The call is the caller's; the first thread dies in its own.
		assert_count 1 '.name == "execve" and .ret == 0 and .tid != .pid'
		assert_count 1 '.name == "pause" and .tid == .pid and
			(.ret == null or .errno == "ERESTART")'
		traced 0 -f -- exec-many
		assert_marks 1 7001
		assert_marks 1 7000
		assert_count 9 '.type == "fork"'
	done
}

testVfork()
{
	for source in $SOURCES; do
		use_source "$source"
		traced 0 -f -- vfork 20
		assert_marks 20 7002
		assert_marks 20 7003
		assert_marks 20 7000
		assert_count 20 '.type == "fork"'
		assert_count 21 '.type == "exit" and .process'
		traced 0 -- vfork 20
		assert_marks 0 7002
		assert_marks 20 7003
		assert_marks 0 7000
	done
}

testCloneWithOddFlags()
{
	for source in $SOURCES; do
		use_source "$source"
		traced 0 -f -- clone
		for n in 0 1 2 3 4 5; do
			assert_marks 1 710$n
		done
		assert_count 6 '.type == "fork"'
		assert_count 7 '.type == "exit" and .process'
	done
}

# Who says so may be left alone, but nobody hangs.
testCloneUntraced()
{
	for source in $SOURCES; do
		use_source "$source"
		traced 0 -f -- untraced
		assert_marks 1 7201
	done
}

test32BitCalls()
{
	if ! "$odd" int80 >/dev/null 2>&1; then
		skip "no 32-bit calls here"
		return 0
	fi
	for source in $SOURCES; do
		use_source "$source"
		traced 0 -f -- int80
		assertEquals "$source: done" thirty-two "$(stdout)"
		assert_count 3 '.abi == "i386"'
		assert_count 1 '.abi == "i386" and .name == "getpid" and .ret == .pid'
		assert_count 1 '.abi == "i386" and .name == "write" and .ret == 11 and
			.args[1].text == "\"thirty-two\\n\""'
		assert_count 1 '.abi == "i386" and .name == "close" and
			.args[0].value == 7301 and .errno == "EBADF"'
		assert_count 2 '.abi == null and .name == "close" and
			(.args[0].value == 7300 or .args[0].value == 7302)'
	done
}

testRestartSyscall()
{
	for source in $SOURCES; do
		use_source "$source"
		traced 0 -f -- restart
		assert_marks 1 7400
		assert_count 1 '.name == "clock_nanosleep" and .errno == "ERESTART"
			and .args[2].text == "{tv_sec=1, tv_nsec=0}"'
		assert_count 1 '.name == "restart_syscall" and .ret == 0'
		assert_count 1 '.type == "signal" and .name == "SIGSTOP"'
		assert_count 1 '.type == "signal" and .name == "SIGCONT"'
	done
}

testSeccomp()
{
	for source in $SOURCES; do
		use_source "$source"
		traced 159 -f -- seccomp kill
		assert_marks 1 7500
		assert_count 1 '.type == "exit" and .process and .signal == "SIGSYS"'
		traced 0 -f -- seccomp kill-thread
		assert_marks 1 7500
		assert_marks 1 7501
		assert_count 1 '.type == "exit" and (.process | not) and
			.signal == "SIGSYS"'
		traced 159 -f -- seccomp trap
		assert_count 1 '.type == "signal" and .name == "SIGSYS"'
		traced 0 -f -- seccomp errno
		assert_marks 1 7501
		assert_count 1 '.name == "getppid" and .errno == "EDOM"'
	done
}

# A call that the program's own filter refuses is a call.
testStopAtRefusedCall()
{
	for source in $SOURCES; do
		use_source "$source"
		for how in errno trap; do
			timeout 120 ptruss -T getppid -o "$tmp/o" "$odd" seccomp $how \
				>"$tmp/stdout" 2>"$tmp/stderr" </dev/null
			assertEquals "$source: $how: $(stderr)" 0 $?
			pid=$(sed -n 's/^ptruss: \([0-9]*\) stopped: .*/\1/p' "$tmp/stderr")
			assertTrue "$source: $how: held: $(stderr)" "all_stopped '$pid'"
			assertTrue "$source: $how: $(pflags "$pid")" \
				"pflags '$pid' | grep -q 'PR_SYSE.* getppid'"
			prun "$pid"
			assert_soon gone "$pid"
		done
	done
}

# A tracer with a tracer.  What it traces cannot be traced twice: with -f its
# child says so, where it is attached to.
testTracer()
{
	for source in $SOURCES; do
		use_source "$source"
		traced 0 -- ptrace
		[ "$CTL_BACKEND" = keeper ] || continue
		if [ "$source" = bpf ]; then
			traced 0 -f -- ptrace
			continue
		fi
		traced 3 -f -- ptrace
		assert_count 1 '.name == "ptrace" and .errno == "EPERM"'
	done
}

testOneThatIgnoresEverySignal()
{
	for source in $SOURCES; do
		use_source "$source"
		target odd deaf
		: >"$tmp/o"
		ptruss -j -o "$tmp/o" -p "$pid" &
		tracer=$!
		wait_until grep -q '"value":7800' "$tmp/o" ||
			fail "$source: no call is seen"
		kill -TERM "$tracer"
		wait "$tracer"
		assertEquals "$source: status" 0 $?
		assert_untouched "$pid"
		assert_runs "$pid"
		kill -9 "$pid"
		reap "$pid"
	done
}

testManyThreads()
{
	n=500
	[ "${CTL_SLOW:-}" ] && n=50
	for source in $SOURCES; do
		use_source "$source"
		traced 0 -f -- threads $n 20
		assert_marks $((n * 20)) 7700
		assert_count $n '.type == "fork" and .kind == "thread"'
		assert_count $((n + 1)) '.type == "exit"'
		assertEquals "$source: threads" $n "$(jq -r 'select(.name == "close"
			and .args[0].value == 7700) | .tid' "$tmp/o" | sort -u | wc -l)"
	done
}

# ... that are there already.
testManyThreadsAttached()
{
	n=500
	[ "${CTL_SLOW:-}" ] && n=50
	target threads $n work
	for source in $SOURCES; do
		use_source "$source"
		: >"$tmp/o"
		ptruss -j -t clock_nanosleep -o "$tmp/o" -p "$pid" &
		tracer=$!
		wait_until longer_than $((100 * n)) || fail "$source: too few calls"
		kill -TERM "$tracer"
		wait "$tracer"
		assertEquals "$source: status" 0 $?
		assertEquals "$source: threads" $n "$(sed -n \
			's/.*"tid":\([0-9]*\),"type":"syscall".*/\1/p' "$tmp/o" |
			sort -u | wc -l)"
		assert_untouched "$pid"
	done
	assert_runs "$pid"
}

longer_than()
{
	[ "$(wc -l <"$tmp/o")" -gt "$1" ]
}

# Killed between entry and exit of a call, or just about there.
testDyingInCalls()
{
	for source in $SOURCES; do
		use_source "$source"
		traced 0 -f -- dying
		assert_count 40 '.type == "fork"'
		assert_count 40 '.type == "exit" and .process and .signal == "SIGKILL"'
		assert_count 0 '.type == "lost"'
		# Those that read: killed in it, or before they got there.
		assertTrue "$source: died in read" \
			"[ $(count '.name == "read" and .pid != null and
				(.ret == null or .errno == "ERESTART")') -gt 0 ]"
		# No process makes a call behind its end.
		assertEquals "$source: after death" "" "$(jq -r \
			'select(.process or .type == "syscall") | "\(.pid) \(.type)"' \
			"$tmp/o" | awk '$2 == "exit" { gone[$1] = 1; next }
				$1 in gone { print }')"
	done
}

# Its numbers are not ours.
testAnotherPidNamespace()
{
	if ! unshare --fork --pid true 2>/dev/null; then
		skip "no namespaces here"
		return 0
	fi
	for source in $SOURCES; do
		use_source "$source"
		ptruss -f -j -o "$tmp/o" unshare --fork --pid \
			sh -c "'$odd' vfork; sh -c 'exit 4'; exit 5"
		assertEquals "$source: status" 5 $?
		# unshare, sh, odd, its child, sh
		assert_count 5 '.type == "exit" and .process'
		assert_count 4 '.type == "fork"'
		assertEquals "$source: each has a number of its own" 5 "$(jq -r \
			'select(.type == "exit" and .process) | .pid' "$tmp/o" |
			sort -u | wc -l)"
		assertEquals "$source: children are known by our numbers" "" "$(jq -r \
			'select(.type == "fork" or .type == "exit") |
			"\(.type) \(.child // .pid)"' "$tmp/o" | sort -r |
			awk '$1 == "fork" { born[$2] = 1; next }
				!($2 in born) { print }' | sed 1d)"
		# What the program sees are its own: the first child is 2.
		assert_count 1 '.name == "vfork" and .ret == 3'
	done
}

# -c against the kernel's own count of a program that makes a million calls:
# ours has the execve, too, which began before the count.
testCountOfAMillionCalls()
{
	needs_root "perf's tracepoints" || return 0
	for source in $SOURCES; do
		use_source "$source"
		n=1000000
		# Two stops a call.
		[ "$source" = bpf ] && [ -z "${CTL_SLOW:-}" ] || n=50000
		rm -f "$tmp/count"
		ptruss --exec=odd -c -j -o "$tmp/o" \
			"$TRACEES/counted" "$tmp/count" "$odd" calls $n
		status=$?
		if [ $status = 77 ]; then
			skip "no tracepoint raw_syscalls:sys_enter here"
			return 0
		fi
		assertEquals "$source: status" 0 $status
		assertTrue "$source: at least $n" "[ $(cat "$tmp/count") -gt $n ]"
		assertEquals "$source: calls" $(($(cat "$tmp/count") + 1)) \
			"$(jq -s 'map(select(.type == "count") | .calls) | add' "$tmp/o")"
	done
}

# A 32-bit program is no set-id one: its vector has narrower words.
testExecsOf32Bit()
{
	if [ ! -x "$CTL_BUILD/tests/i386/probed32" ]; then
		skip "the compiler makes no 32-bit programs"
		return 0
	fi
	for source in $SOURCES; do
		use_source "$source"
		spawn ptruss -t execve,write -o "$tmp/o" \
			sh -c "exec '$CTL_BUILD/tests/i386/probed32'"
		assert_soon grep -q ready "$out"
		assert_soon grep -q '^write(1, .* = 6' "$tmp/o"
		assertFalse "$source: it ended" "gone $pid"
		for child in $(cat "/proc/$pid/task/$pid/children"); do
			[ "$(cat "/proc/$child/comm")" != probed32 ] ||
				kill -9 "$child"
		done
		reap "$pid"
		assertEquals "$source: $(cat "$err")" 137 "$status"
	done
}

# make_set_id FILE: $tmp/set-id, a copy that runs as another user
make_set_id()
{
	rm -f "$tmp/set-id"
	cp "$1" "$tmp/set-id"
	chown 65534 "$tmp/set-id"
	chmod 4755 "$tmp/set-id"
}

# Root may go on with a set-id program, as the command and as a child of it, and
# with its children.
testSetIdForRoot()
{
	needs_root "of another user" || return 0
	make_set_id "$(readlink -f "$(command -v dash)")"
	for source in $SOURCES; do
		use_source "$source"
		while read -r calls command; do
			run timeout 60 ptruss --style=strace -f -t exit_group \
				-o "$tmp/o" sh -c "$command"
			assertEquals "$source: $(stderr)" "" "$(stderr)"
			assertEquals "$source" 0 "$status"
			assertEquals "$source, $command: $(cat "$tmp/o")" \
				"$calls" "$(grep -c exit_group "$tmp/o")"
		done <<-EOT
			1 exec '$tmp/set-id' -pc :
			2 '$tmp/set-id' -pc :; exit 0
			3 '$tmp/set-id' -pc '(exit 3); exit 0'; exit 0
		EOT
	done
}

# What was lost before a set-id program is told, though what follows comes by
# another handle; and what is lost after it, too.
testDropBeforeASetIdProgram()
{
	needs_root "may go on with one" || return 0
	use_source default
	make_set_id "$TRACEES/whoami"
	mkfifo "$tmp/late"
	ptruss --drop --style=strace -t close -o "$tmp/late" \
		"$TRACEES/odd" calls 200000 "$tmp/set-id" &
	tracer=$!
	started="$started $tracer"
	exec 7<"$tmp/late"
	wait_until executes set-id "$tracer" || fail "it waits"
	started="$started $child"
	cat <&7 >"$tmp/o" &
	reader=$!
	exec 7<&-
	wait_until grep -q '+++ [0-9]* events lost' "$tmp/o" ||
		fail "$(tail -n 3 "$tmp/o")"
	kill -9 "$child"
	reap "$tracer"
	wait "$reader"
	lost=$(sed -n 's/^+++ \([0-9]*\) events lost +++$/\1/p' "$tmp/o" |
		awk '{ n += $1 } END { print n + 0 }')
	seen=$(grep -c 'close(7900)' "$tmp/o")
	assertTrue "$seen and $lost" \
		"[ $((seen + lost)) -ge 200000 -a $((seen + lost)) -le 200020 ]"
	rm "$tmp/late"
}

# executes NAME PTRUSS: its command does; sets child
executes()
{
	child=$(sed -n "s/^\([0-9]*\) ($1) [^ ]* $2 .*/\1/p" \
		/proc/[0-9]*/stat 2>/dev/null)
	[ -n "$child" ]
}

# A page that a thread of the target is to bring is not waited for.
testMemoryThatTheTargetBrings()
{
	run "$TRACEES/lazy"
	[ "$status" = 77 ] && { skip "userfaultfd"; return 0; }
	for source in $SOURCES; do
		use_source "$source"
		run timeout -s KILL 30 ptruss -o "$tmp/o" "$TRACEES/lazy"
		assertEquals "$source: $(stderr)" 0 "$status"
		assertEquals "$source" "opened 20" "$(stdout)"
	done
}

# What is recorded goes on where it was when BPF has to give way to ptrace.
testCapturesThatBpfCannotMake()
{
	needs_keeper "where its events come from" || return 0
	for source in $SOURCES; do
		use_source "$source"
		target odd numbered
		hold "$pid" rlc captures
		assertEquals "$source: $(cat "$held")" 0 $?
		end_targets
	done
}

# As many iovecs as a program says that it has are not looked at.
testMoreIovecsThanThereMayBe()
{
	if ! "$odd" int80-many 2>/dev/null; then
		skip "no 32-bit calls here"
		return 0
	fi
	for source in $SOURCES; do
		use_source "$source"
		timeout 20 ptruss -t sendmsg -o "$tmp/o" "$odd" int80-many
		assertEquals "$source" 0 $?
		assertTrue "$source: $(cat "$tmp/o")" \
			"grep -q 'sendmsg(.*EBADF' '$tmp/o'"
	done
}

# absent_shows WHAT CALL GREP-OPTION PATTERN: ptruss of "absent WHAT"
absent_shows()
{
	for source in $SOURCES; do
		use_source "$source"
		ptruss --style=strace -t "$2" -o "$tmp/o" "$TRACEES/absent" "$1"
		assertEquals "$source" 0 $?
		grep "$3" -e "$4" "$tmp/o" || fail "$source: $(cat "$tmp/o")"
	done
}

# A call that takes less than it was given: all of it is shown, also where it
# was not in memory at the entry.
testPartOfWhatIsNotInMemory()
{
	absent_shows write writev -qF \
		'[{iov_base="twenty-two bytes long.", iov_len=22}], 1) = 10'
}

# Of what execve(2) was given nothing is left when it ends: what lies there then
# is not shown in its place.
testExecOfWhatIsNotInMemory()
{
	random=$(cat /proc/sys/kernel/randomize_va_space)
	# Our VM boots without, to be faster.
	[ "${HOST_BIN:-}" ] && echo 2 >/proc/sys/kernel/randomize_va_space
	if [ "$(cat /proc/sys/kernel/randomize_va_space)" = 0 ]; then
		skip "needs the place where stacks are not"
		return 0
	fi
	for source in $SOURCES; do
		use_source "$source"
		ptruss --style=strace -f -t execve -o "$tmp/o" "$TRACEES/absent" exec
		assertEquals "$source" 0 $?
		assertEquals "$source: $(cat "$tmp/o")" 1 \
			"$(grep -cE 'execve\((0x|"/.*/absent").*\) = 0' "$tmp/o")"
	done
	[ "${HOST_BIN:-}" ] && echo "$random" >/proc/sys/kernel/randomize_va_space
	:
}

testNameThatMemoryEndsIn()
{
	absent_shows end access -q \
		"access(\"no end\"\.\.\., F_OK) *= -1 EFAULT"
}

testLongestPath()
{
	absent_shows path access -q \
		"access(\"//*here\", F_OK) *= -1 ENOENT"
}

. shunit2
