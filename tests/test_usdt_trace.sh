#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# pusdt enable, disable, status, trace, count, run.
# shellcheck disable=SC2154 # set by lib.sh
. "${CTL_SRC:-.}/tests/lib.sh"

oneTimeSetUp()
{
	needs_command jq || exit 0
}

# clean PID: every site is the byte of the file, every semaphore is 0
clean()
{
	pusdt list -j "$1" test: python: orders: 2>/dev/null >"$tmp/list"
	jq -r '. as $p | .sites[] | "\($p.object) \(.offset) \(.address)"' \
		"$tmp/list" | while read -r object offset address; do
		file=$(dd if="$object" bs=1 count=1 skip=$((offset)) \
			2>/dev/null | od -An -tx1)
		memory=$(dd if="/proc/$1/mem" bs=1 count=1 \
			skip=$((address)) 2>/dev/null | od -An -tx1)
		[ "$file" = "$memory" ] || return 1
	done || return 1
	for address in $(jq -r '.semaphore // empty' "$tmp/list"); do
		[ "$(dd if="/proc/$1/mem" bs=1 count=2 skip=$((address)) \
			2>/dev/null | od -An -tu2 | tr -d ' ')" = 0 ] ||
			return 1
	done
}

assert_clean()
{
	kill -0 "$1" || fail "$1 is gone"
	wait_until clean "$1" || fail "$1 is as it was"
}

# counts KEY: of the last line of pusdt count -j
counts()
{
	tail -n 1 "$tmp/stdout" | jq -r ".counts[\"$1\"] // 0"
}

# Enabled before the first pass: the target waits for SIGUSR1.
# count_all OPTIONS -- ARGS of probed
count_all()
{
	options=
	while [ "$1" != -- ]; do
		options="$options $1"
		shift
	done
	shift
	PROBED_WAIT=1 target probed "$@"
	# shellcheck disable=SC2086
	pusdt count -j $options "$pid" test:hit test:wide test:ten test:imm \
		test:global test:lost test:guarded test:child \
		>"$tmp/stdout" 2>"$tmp/stderr" </dev/null &
	counter=$!
	wait_until is_enabled "$pid" 8 || fail "not enabled: $(stderr)"
	kill -USR1 "$pid"
	reap "$pid"
	assertEquals "the target's status" 0 "$status"
	wait $counter
	status=$?
	assertEquals "pusdt count: $(stderr)" 0 "$status"
	passed=$(sed -n 's/^done \([0-9]*\) .*/\1/p' "$out" | head -n 1)
}

is_enabled()
{
	[ "$(pusdt status -j "$1" 2>/dev/null | wc -l)" -ge "${2:-1}" ]
}

# reports PID NAME: that probe is, and not only what tells of new objects
reports()
{
	pusdt status -j "$1" 2>/dev/null | grep -q "\"name\":\"$2\""
}

needs_python()
{
	[ -x /usr/bin/python3 ] && return
	skip "needs /usr/bin/python3"
	return 1
}

testFiveSteps()
{
	needs_python || return 0
	target /usr/bin/python3 -c '
import time, itertools
def work(n): return n + 1
print("ready", flush=True)
for n in itertools.count():
    list(map(work, [n]))
    time.sleep(0.002)'
	ok pstop "$pid"
	assert_stopped "$pid"
	ok pusdt list "$pid" 'python:*'
	grep -q '^python:function__entry  *1  */usr/bin/python3' "$tmp/stdout" ||
		fail "$(stdout)"
	# Python 3.11 looks at its probes of functions only while that of lines
	# is enabled, and has none in calls from Python to Python.
	ok pusdt enable "$pid" python:function__entry python:line
	is_enabled "$pid" || fail "stays enabled"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_runs "$pid"
	run timeout 60 pusdt trace -n 40 "$pid"
	assertEquals "$(stderr)" 0 "$status"
	grep -q 'python:function__entry("<string>", "work", 3)$' "$tmp/stdout" ||
		fail "$(stdout)"
	is_enabled "$pid" || fail "trace leaves it as it is"
	ok pusdt disable "$pid"
	is_enabled "$pid" && fail "disabled"
	assert_clean "$pid"
	assert_untouched "$pid"
}

testEveryHitIsCounted()
{
	count_all -- 8 400 0
	assertEquals "passed" 3200 "$passed"
	for p in hit ten imm global lost guarded; do
		assertEquals "$p" "$passed" "$(counts test:$p)"
	done
	# The second site of it is passed by odd numbers.
	assertEquals 4800 "$(counts test:wide)"
}

testArguments()
{
	PROBED_WAIT=1 target probed 1 3 0
	pusdt trace -j "$pid" test:hit test:wide test:imm test:global \
		test:lost test:guarded >"$tmp/stdout" 2>"$tmp/stderr" &
	tracer=$!
	wait_until is_enabled "$pid" 6
	kill -USR1 "$pid"
	wait $tracer
	assertEquals 0 $?
	assertEquals '["hit",0,"ada",0.0]
["wide",0]
["imm",-5,9223372036854775807]
["global",77]
["lost",0,null,0]
["guarded",0]
["hit",1,"brian",0.5]
["wide",1]
["wide",1]
["imm",-5,9223372036854775807]
["global",77]
["lost",1,null,1]
["guarded",-1]
["hit",2,"dennis",1.0]
["wide",2]
["imm",-5,9223372036854775807]
["global",77]
["lost",2,null,2]
["guarded",-2]' "$(jq -c '[.name] + .args' "$tmp/stdout" |
		sed 's/"ada",0\]/"ada",0.0]/; s/"dennis",1\]/"dennis",1.0]/
		     s/9223372036854776000/9223372036854775807/')"
}

testFixtureAsksWhetherItIsEnabled()
{
	cp "$CTL_SRC/tests/fixtures/usdt-note/orders" "$tmp/orders"
	chmod +x "$tmp/orders"
	run pusdt run -j -o "$tmp/hits" 'orders:*' -- "$tmp/orders" 30 0
	assertEquals "$(stderr)" 0 "$status"
	assertEquals "30 10 30" "$(for p in received shipped idle; do
		jq -r "select(.name == \"$p\") | .name" "$tmp/hits" | wc -l
	done | tr '\n' ' ' | sed 's/ $//')"
	assertEquals '[4,"ada",499]' "$(jq -c 'select(.name == "received" and
		.args[0] == 4) | .args' "$tmp/hits")"
}

testDof()
{
	run pusdt run -j -o "$tmp/hits" 'old:*' -- "$TRACEES/doffed" 4 0
	assertEquals "$(stderr)" 0 "$status"
	assertEquals "it was told yes" "done 4 4" "$(grep done "$tmp/stdout")"
	assertEquals '["tick",0,"ada"] ["tock"] ["tick",-1,"brian"] ["tock"] ["tick",-2,"dennis"] ["tock"] ["tick",-3,"ken"] ["tock"]' \
		"$(jq -c '[.name] + .args' "$tmp/hits" | tr '\n' ' ' |
		sed 's/ $//')"
}

testRunExitsAsTheCommand()
{
	needs_python || return 0
	fails 3 'shell:hit' pusdt run -o "$tmp/hits" 'python:*' -- \
		/usr/bin/python3 -c 'import sys; print("shell:hit", file=sys.stderr)
sys.exit(3)'
	[ -s "$tmp/hits" ] || fail "no hits"
	fails 2 'cannot run /nonexistent' pusdt run a:b -- /nonexistent
	fails 0 '/bin/true has no such probe' pusdt run a:b -- /bin/true
	fails 64 'no command' pusdt run a:b
	fails 64 'no SPEC' pusdt run -- /bin/true
	fails 64 'no time between tables: 0' pusdt count -i 0 $$ a:b
}

testJsonIsWhatThePageSays()
{
	target probed 1 0
	ok pusdt list -lj "$pid"
	cp "$tmp/stdout" "$tmp/json"
	pusdt enable "$pid" test:hit
	pusdt status -j "$pid" >>"$tmp/json"
	pusdt disable "$pid"
	pusdt count -j -t 1 -b arg0 -H arg0 "$pid" test:hit >>"$tmp/json"
	fields="inlined_into hits final counts buckets"
	run pusdt count -j -t 2 -b stack "$pid" test:hit
	if ! grep -q 'build with sanitizers' "$tmp/stderr"; then
		cat "$tmp/stdout" >>"$tmp/json"
		fields="$fields stacks"
	fi
	for field in $fields; do
		assertTrue "$field" "grep -q '\"$field\":' '$tmp/json'"
	done
	fields_told "$tmp/json" pusdt.1
	assert_clean "$pid"
}

testCondition()
{
	target probed 1 0
	run pusdt trace -j -n 3 "$pid" test:hit --if 'arg0 & 7 == 5 && tid == pid'
	assertEquals "$(stderr)" 0 "$status"
	assertEquals 3 "$(jq -r '.args[0] % 8' "$tmp/stdout" | grep -c '^5$')"
	fields_told "$tmp/stdout" pusdt.1
	# Nanoseconds, as ptruss has them
	assertTrue "time" "grep -q '^{\"time\":$(date +%s | cut -c 1-8)[0-9]\{11\},' '$tmp/stdout'"
	run pusdt trace -n 1 "$pid" test:imm --if \
		'arg0 == 0xfffffffffffffffb && arg0 == -5 && arg1 != 0xffffffffffffffff'
	assertEquals "$(stderr)" 0 "$status"
	fails 64 'too large' pusdt trace "$pid" test:imm --if \
		'arg0 == 0x10000000000000000'
	for bad in 'arg0 >' 'arg99' 'x' '(arg0' 'arg0 1' '' '1 + 2' '12x'; do
		fails 64 'if ' pusdt trace "$pid" test:hit --if "$bad"
	done
	assert_clean "$pid"
}

testOnce()
{
	target probed 4 0 100
	ok pusdt enable --once "$pid" test:hit
	wait_until sh -c "! pusdt status '$pid' | grep -q ." ||
		fail "disabled by its first hit"
	assert_clean "$pid"
	assert_untouched "$pid"
}

testStop()
{
	target probed 2 0
	ok pusdt enable --stop "$pid" test:hit
	wait_until all_stopped "$pid" || fail "stops at the probe"
	ok pusdt status "$pid"
	grep -q 'test:hit.*stop$' "$tmp/stdout" || fail "$(stdout)"
	ok pusdt disable "$pid"
	if command -v prun >/dev/null; then
		ok prun "$pid"
		assert_runs "$pid"
		assert_clean "$pid"
	fi
}

# Opened after the command began, closed, and opened again: from the first hit.
testObjectsOpenedLater()
{
	target opener "$CTL_BUILD/tests/objects/later.so" 20
	fails 2 'no such probe' pusdt count "$pid" 'later:*'
	pusdt count -j --wait "$pid" 'later:*' >"$tmp/stdout" \
		2>"$tmp/stderr" &
	counter=$!
	wait_until is_enabled "$pid"
	# The C++ run time's probes or none at all: something to begin with.
	kill -USR1 "$pid"
	reap "$pid"
	assertEquals "the target's status" 0 "$status"
	wait $counter
	[ "$(counts later:pass)" = 40 ] || fail "pass: $(cat "$tmp/stdout")"
	[ "$(counts later:constructed)" = 2 ] || fail "constructors"
}

needs_python_probes()
{
	pusdt list /usr/bin/python3 python:line >/dev/null 2>&1 && return
	skip "needs a python3 with probes"
	return 1
}

hits_of()
{
	pusdt status -j "$pid" "$1" | jq -s 'map(.hits) | add // 0'
}

# The same when no command is there any more.
testEnableCoversObjectsOpenedLater()
{
	needs_python_probes || return 0
	cp "$CTL_BUILD/tests/objects/later.so" "$tmp/later.so"
	spawn /usr/bin/python3 -c '
import ctypes, signal, sys, time
signal.signal(signal.SIGUSR1, lambda *a: None)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
for i in (1, 2):
    signal.sigwait([signal.SIGUSR1])
    lib = ctypes.CDLL(sys.argv[i])
    for n in range(25): getattr(lib, "pass")(n)
    print("passed", i, flush=True)
time.sleep(600)' "$tmp/later.so" "$tmp/later2.so"
	wait_until grep -q ready "$out"
	cp "$tmp/later.so" "$tmp/later2.so"
	fails 0 'no probe matches later:\*$' \
		pusdt enable "$pid" python:line 'later:*'
	kill -USR1 "$pid"
	wait_until grep -q 'passed 1' "$out"
	assertEquals 25 "$(hits_of later:pass)"
	assertEquals 1 "$(hits_of later:constructed)"
	# Killed, it does no harm; what is enabled stays, what is mapped from
	# now on is not covered.
	watcher=$(pusdt status "$pid" |
		sed -n 's/.*pusdt:later  \([0-9]*\).*/\1/p')
	kill -9 "$watcher"
	assert_soon gone "$watcher"
	kill -USR1 "$pid"
	wait_until grep -q 'passed 2' "$out"
	assertEquals 25 "$(hits_of later:pass)"
	is_enabled "$pid" 3 || fail "stays enabled"
	ok pusdt disable "$pid"
	assert_clean "$pid"
	assert_untouched "$pid"
}

testWatcherEndsWithWhatIsEnabled()
{
	target probed 1 0
	ok pusdt enable "$pid" test:hit test:wide
	watcher=$(pusdt status "$pid" |
		sed -n 's/.*pusdt:later  \([0-9]*\).*/\1/p')
	[ "$watcher" ] || fail "$(pusdt status "$pid")"
	ok pusdt disable "$pid" test:hit
	gone "$watcher" && fail "one is left"
	ok pusdt disable "$pid" test:wide
	gone "$watcher" || fail "none is left"
	assert_untouched "$pid"
	ok pusdt enable "$pid" test:hit
	watcher=$(pusdt status "$pid" |
		sed -n 's/.*pusdt:later  \([0-9]*\).*/\1/p')
	kill -9 "$pid"
	reap "$pid"
	assert_soon gone "$watcher"
}

# Whoever waits for the end of the command's output does not wait for it.
testWatcherHasNothingOfTheCommands()
{
	target probed 1 0
	exec 9>"$tmp/held"
	ok pusdt enable "$pid" test:hit
	exec 9>&-
	watcher=$(pusdt status "$pid" |
		sed -n 's/.*pusdt:later  \([0-9]*\).*/\1/p')
	[ "$watcher" ] || fail "$(pusdt status "$pid")"
	held=$(for fd in "/proc/$watcher/fd"/*; do readlink "$fd"; done)
	case $held in
	*"$tmp"*) fail "held: $held" ;;
	esac
	assertEquals "handles: $held" 1 \
		"$(echo "$held" | grep -c 'socket:\|/dtrace_ctl$\|/ctl$')"
	ok pusdt disable "$pid"
}

# A child that is followed maps something: nobody stops it for that.
testFollowedChildMapsObjects()
{
	needs_python_probes || return 0
	cp "$CTL_BUILD/tests/objects/later.so" "$tmp/later.so"
	spawn /usr/bin/python3 -c '
import ctypes, os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
signal.sigwait([signal.SIGUSR1])
pid = os.fork()
if not pid: ctypes.CDLL(sys.argv[1]); os._exit(7)
print("child", os.waitpid(pid, 0)[1], flush=True)' "$tmp/later.so"
	wait_until grep -q ready "$out"
	pusdt count -f "$pid" python:line >"$tmp/stdout" 2>"$tmp/stderr" &
	counter=$!
	wait_until is_enabled "$pid" 2
	kill -USR1 "$pid"
	wait_until gone "$pid" || fail "the child hangs"
	wait $counter
	grep -q 'child 1792' "$out" || fail "$(cat "$out")"
}

testForkedChildrenAreLeftClean()
{
	count_all -- 1 60 0 fork
	assertEquals "hits of the parent alone" "$passed" "$(counts test:hit)"
	assertEquals "no child sees the semaphore up" \
		"done $passed $passed 0" "$(grep done "$out")"
}

testForkedChildrenAreFollowed()
{
	count_all -f -- 1 60 0 fork
	assertEquals "parent and children" $((2 * passed)) \
		"$(counts test:hit)"
	assertEquals "$passed" "$(counts test:child)"
}

testVforkedChildrenSurvive()
{
	count_all -- 1 60 0 vfork
	assertEquals "$passed" "$(counts test:hit)"
}

testExecRemovesThem()
{
	PROBED_WAIT=1 target probed 1 20 0 exec
	ok pusdt enable "$pid" test:hit test:guarded
	kill -USR1 "$pid"
	reap "$pid"
	assertEquals "the new image runs to its end" 0 "$status"
	assertEquals "ready
done 20 20 0
ready
done 50 0 0" "$(cat "$out")"
}

testNotANop()
{
	target probed 1 0
	fails 2 'cannot enable test:odd.*is no nop' pusdt enable "$pid" test:odd
	fails 1 'cannot enable test:odd' pusdt enable "$pid" test:odd test:hit
	ok pusdt disable "$pid"
	fails 2 'no such probe' pusdt enable "$pid" test:nothing
	assert_clean "$pid"
}

# What gdb, or a uprobe, leaves there.
testBreakpointOfAnotherTracer()
{
	command -v pctl >/dev/null || {
		skip "needs pctl"
		return 0
	}
	target probed 1 0
	pusdt list -j "$pid" test:hit >"$tmp/list"
	address=$(jq -r '.sites[0].address' "$tmp/list")
	ok pstop "$pid"
	run pctl "$pid" PCWRITE "$address,cc"
	fails 2 'cannot enable test:hit.*breakpoint of another tracer' \
		pusdt enable "$pid" test:hit
	run pctl "$pid" PCWRITE "$address,90"
	ok pusdt enable "$pid" test:hit
	# Who reads through the server sees no breakpoint.
	run pctl "$pid" PCREAD "$address,1"
	stdout | grep -q ' 90' || fail "hidden: $(stdout)"
	ok pusdt disable "$pid"
	ok prun "$pid"
	assert_clean "$pid"
}

testTwoCommandsShareASite()
{
	target probed 1 0
	spawn pusdt trace "$pid" test:hit
	first=$pid first_out=$out
	target_pid=$(echo "$started" | awk '{ print $1 }')
	ok pusdt enable "$target_pid" test:hit
	run pusdt trace -n 3 "$target_pid" test:hit
	assertEquals "$(stderr)" 0 "$status"
	assertEquals 3 "$(stdout | wc -l)"
	kill "$first"
	reap "$first"
	[ -s "$first_out" ] || fail "the first had its hits"
	is_enabled "$target_pid" || fail "enable's is still there"
	ok pusdt disable "$target_pid"
	assert_clean "$target_pid"
}

# What needs breakpoints takes the site from those that need none, of whom there
# are enough that the kernel is not waited for when they end.  In a file of its
# own: a uprobe in another process, as of a test before whose server takes long
# to close them, would take the breakpoint out.
testBreakpointAtASiteOfManyProbes()
{
	cp "$TRACEES/probed" "$tmp/many"
	target "$tmp/many" 1 0 500
	for i in 1 2; do
		pusdt trace -o "$tmp/many.$i" "$pid" test:imm test:global \
			test:lost test:guarded 2>"$tmp/many.e$i" &
		started="$started $!"
		wait_until grep -q test:lost "$tmp/many.$i" 2>/dev/null ||
			fail "$(cat "$tmp/many.e$i")"
	done
	server=$(tracer "$pid")
	ok pusdt enable --once "$pid" test:imm test:global test:lost
	for i in 1 2; do
		n=$(grep -c "^[^ ]* $pid/.*test:imm" "$tmp/many.$i")
		wait_until eval '[ "$(grep -c "^[^ ]* $pid/.*test:imm" \
			"$tmp/many.$i")" -gt $((n + 20)) ]' ||
			fail "$n: $(cat "$tmp/many.e$i") $(pusdt status "$pid")"
	done
	assertEquals "the same server" "$server" "$(tracer "$pid")"
	ok pusdt disable "$pid"
	kill "$pid"
	reap "$pid"
	assertEquals "$(cat "$out")" 0 "$status"
}

testKilledTraceLeavesNothing()
{
	target probed 4 0 200
	it=$pid
	for i in 1 2 3 4 5 6 7 8 9 10; do
		pusdt trace "$it" test: >/dev/null 2>&1 &
		victim=$!
		sleep 0.0$i
		kill -9 $victim
		wait $victim 2>/dev/null
		assert_clean "$it"
	done
	assert_untouched "$it"
	assert_runs "$it"
}

testKilledKeeperLeavesNothing()
{
	needs_keeper "its death" || return 0
	# Long pauses: what is inside a trap at that moment is lost.
	target probed 2 0 300000
	for i in 1 2 3; do
		ok pusdt enable "$pid" test:hit test:guarded
		kill -9 "$(tracer "$pid")"
		assert_untouched "$pid"
		assert_clean "$pid"
	done
}

testKernelRecordsHits()
{
	needs_kernels_probes || return 0
	target probed 1000 0 50000
	ok pusdt enable "$pid" test:hit test:guarded
	kernel_records "$pid" || fail "breakpoints, and no uprobes"
	ok pusdt disable "$pid"
	CTL_EVENTS=ptrace ok pusdt enable "$pid" test:hit
	kernel_records "$pid" && fail "uprobes, and no breakpoints"
	ok pusdt disable "$pid"
	assert_untouched "$pid"
}

testBlockedReaderMakesItWaitAndLosesNothing()
{
	PROBED_WAIT=1 target probed 1 60000 0
	mkfifo "$tmp/slow"
	pusdt trace -o "$tmp/slow" "$pid" test:hit 2>"$tmp/stderr" &
	reader=$!
	exec 9<"$tmp/slow"
	wait_until reports "$pid" hit
	kill -USR1 "$pid"
	sleep 0.5
	grep -q done "$out" && fail "it waits"
	n=$(wc -l <&9)
	exec 9<&-
	wait $reader
	reap "$pid"
	assertEquals "every hit" 60000 "$n"
}

# What is taken from the kernel when a child is born waits somewhere, too.
testReaderThatDoesNotReadAndChildren()
{
	needs_kernels_probes || return 0
	target brood
	pusdt trace "$pid" brood:hit >"$tmp/brood" 2>&1 &
	stand_still $! "$tmp/brood"
	read_on
	assertEquals "$(tail -n 1 "$tmp/brood")" 0 "$(grep -c lost "$tmp/brood")"
}

# Every thread waits for room in its ring when it dies.  (test:imm is one that
# the kernel's uprobes can do.)
testReaderThatDoesNotReadIsKilled()
{
	target probed 4 0 0
	pusdt trace "$pid" test:imm >/dev/null 2>&1 &
	reader=$!
	started="$started $reader"
	wait_until reports "$pid" imm
	kill -STOP $reader
	if [ "$CTL_BACKEND" = keeper ]; then
		assert_soon all_stopped "$pid"
	else
		sleep 1
	fi
	kill -9 $reader
	reap $reader
	assert_untouched "$pid"
	assert_runs "$pid"
	assert_clean "$pid"
}

testDroppedHitsAreCounted()
{
	PROBED_WAIT=1 target probed 1 60000 0
	mkfifo "$tmp/lossy"
	pusdt trace --drop -o "$tmp/lossy" "$pid" test:hit 2>"$tmp/stderr" &
	reader=$!
	exec 9<"$tmp/lossy"
	wait_until reports "$pid" hit
	kill -USR1 "$pid"
	reap "$pid"
	cat <&9 >"$tmp/hits"
	exec 9<&-
	wait $reader
	shown=$(grep -c 'test:hit(' "$tmp/hits")
	lost=$(sed -n 's/^pusdt: \([0-9]*\) hits were lost$/\1/p' "$tmp/stderr")
	assertTrue "some were lost" "[ '${lost:-0}' -gt 0 ]"
	assertEquals "the rest was shown" 60000 $((shown + ${lost:-0}))
}

# The first hit is shown when it happens, not when another follows.  A hit that
# uprobes record, where they are: a nop of one byte and no xmm.
testLoneHitIsShown()
{
	PROBED_WAIT=1 target probed 1 0 1000000000
	spawned=$pid
	spawn pusdt trace -n 1 "$pid" test:imm
	wait_until reports "$spawned" imm
	kill -USR1 "$spawned"
	assert_soon gone "$pid"
	assertEquals 1 "$(wc -l <"$out")"
	kill -KILL "$spawned"
}

# Into a file, too, and on standard error: what "run" prints on.
testHitsAreWrittenAtOnce()
{
	PROBED_WAIT=1 target probed 1 0 1000000000
	spawned=$pid
	rm -f "$tmp/o"
	spawn pusdt trace -o "$tmp/o" "$pid" test:hit
	wait_until reports "$spawned" hit
	kill -USR1 "$spawned"
	assert_soon grep -qs 'test:hit(' "$tmp/o"
	kill -KILL "$spawned"
	spawn pusdt run test:hit -- "$TRACEES/probed" 1 0 1000000000
	assert_soon grep -q 'test:hit(' "$err"
	kill -KILL "$(sed -n 's/^[^ ]* \([0-9]*\)\/.*/\1/p' "$err")"
	reap "$pid"
}

testOutputThatCannotBeWritten()
{
	[ -w /dev/full ] || { skip "no /dev/full"; return 0; }
	target probed 1 0
	fails 1 'cannot write /dev/full: No space left' \
		timeout 60 pusdt trace -o /dev/full "$pid" test:hit
	fails 1 'cannot write standard output: No space left' \
		timeout 60 sh -c "pusdt trace '$pid' test:hit >/dev/full"
	assert_clean "$pid"
	fails 1 'cannot write /dev/full: No space left' \
		pusdt run -o /dev/full test:hit -- "$TRACEES/probed" 1 3
	[ "$(stderr | wc -l)" = 1 ] || fail "once: $(stderr)"
}

# Counted by the server, asked now and then: never less than before, and all of
# them in the end, though the process is gone by then.
testNumbersOfAMoment()
{
	PROBED_WAIT=1 target probed 1 2000 200
	pusdt count -j -i 0.1 "$pid" test:hit >"$tmp/stdout" 2>"$tmp/stderr" &
	counter=$!
	wait_until reports "$pid" hit
	kill -USR1 "$pid"
	wait $counter
	assertEquals "pusdt count: $(stderr)" 0 $?
	assertTrue 'there were moments' "[ $(wc -l <"$tmp/stdout") -gt 2 ]"
	assertEquals 'never less' true \
		"$(jq -s '[.[].total] | . == sort' "$tmp/stdout")"
	assertEquals 'all of them' 2000 "$(counts test:hit)"
}

# A probe that goes before its process: its last number comes, too.
testNumbersUntilInterrupted()
{
	PROBED_WAIT=1 target probed 1 1000000 1000
	pusdt count -j "$pid" test:hit >"$tmp/stdout" 2>"$tmp/stderr" &
	counter=$!
	wait_until reports "$pid" hit
	kill -USR1 "$pid"
	hits() { [ "$(pusdt status -j "$pid" | jq -s 'map(.hits) | max')" -gt 20 ]; }
	wait_until hits || fail "no hits: $(pusdt status -j "$pid")"
	pstop "$pid"
	before=$(pusdt status -j "$pid" | jq -s 'map(.hits) | max')
	kill -TERM $counter
	wait $counter
	assertEquals 'of the moment when it was stopped' "$before" \
		"$(counts test:hit)"
	kill -KILL "$pid"
	reap "$pid"
}

testHistogram()
{
	PROBED_WAIT=1 target probed 1 64 0
	pusdt count -j -H arg0 "$pid" test:hit >"$tmp/stdout" 2>"$tmp/stderr" &
	counter=$!
	wait_until reports "$pid" hit
	kill -USR1 "$pid"
	wait $counter
	assertEquals '[0,1] [1,1] [2,2] [4,4] [8,8] [16,16] [32,32]' \
		"$(jq -rc 'select(.type == "hist") | .buckets[] |
		[.from, .count]' "$tmp/stdout" | tr '\n' ' ' | sed 's/ $//')"
}

# values_through ARG...: what pusdt prints of odd:value
values_through()
{
	target values
	pusdt "$@" "$pid" odd:value >"$tmp/stdout" 2>"$tmp/stderr" &
	reader=$!
	wait_until reports "$pid" value
	kill -USR1 "$pid"
	wait $reader
	assertEquals "$*: $(stderr)" 0 $?
}

testValuesThatJsonHasNot()
{
	values_through trace -j
	assertEquals '[1.5,1.5,"café"] [-1.5,-0.25,"café"] ["nan","nan",""] ["inf","inf","a\"b\\c"] ["-inf","-inf","cut"]' \
		"$(jq -c '.args[2] |= if length > 200 then "cut" else . end |
		.args' "$tmp/stdout" | tr '\n' ' ' | sed 's/ $//')"
	values_through trace
	grep -q '"a\\"b\\\\c")$' "$tmp/stdout" || fail "$(stdout)"
	grep -q -e '-inf, .*-inf, .*"x\{200,\}"\.\.\.)$' "$tmp/stdout" ||
		fail "$(stdout)"
}

testCountOfFloats()
{
	values_through count -j --by arg1
	assertEquals 1 "$(counts 'odd:value  -0.25')"
	assertEquals 1 "$(counts 'odd:value  inf')"
	values_through count -j --hist arg0
	assertEquals '[-9223372036854775808,1] [-1,1] [1,1] [9223372036854775808,1]' \
		"$(grep '"type":"hist"' "$tmp/stdout" | grep -o '"from":[-0-9]*,"count":[0-9]*' |
		sed 's/"from":/[/; s/"count"://; s/$/]/' | tr '\n' ' ' | sed 's/ $//')"
	# Of the two keys that JSON cannot tell apart, the sum.
	values_through count -j --by arg2
	assertEquals 2 "$(counts 'odd:value  café')"
	assertFalse "UTF-8" \
		"LC_ALL=C grep -q '$(printf '\351')' '$tmp/stdout'"
}

testSpecThatMatchesNothing()
{
	target probed 1 0
	fails 1 'no probe matches test:hti$' pusdt list "$pid" test:hit test:hti
	grep -q '^test:hit' "$tmp/stdout" || fail "$(stdout)"
	fails 1 'no probe matches test:hti$' \
		pusdt trace -n 1 "$pid" test:hti test:hit
	grep -q 'test:hit(' "$tmp/stdout" || fail "$(stdout)"
	fails 1 'no probe matches test:hti$' \
		pusdt count -t 0.1 "$pid" test:hti test:hit
	# It may come later.
	ok pusdt trace -w -n 1 "$pid" test:hti test:hit
	fails 0 'no probe matches test:hti$' pusdt enable "$pid" test:hti test:hit
	ok pusdt disable "$pid"
}

testCountBy()
{
	PROBED_WAIT=1 target probed 1 8 0
	pusdt count -j --by arg1 "$pid" test:hit >"$tmp/stdout" 2>"$tmp/stderr" &
	counter=$!
	wait_until reports "$pid" hit
	kill -USR1 "$pid"
	wait $counter
	assertEquals 2 "$(counts 'test:hit  ken')"
}

. shunit2
