#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# P4: a handle is bound to a process, not to its number.
. "${CTL_SRC:-.}/tests/lib.sh"

assert_all_gone()
{
	tried "$1" "$2" || fail "no answer"
	for operation in status threads regs mem dstop run kill set; do
		grep -q "^$operation=ENOENT$" "$2" ||
			fail "after the exit: $(grep "^$operation=" "$2")"
	done
}

testEveryOperationSaysGone()
{
	target spin
	hold "$pid" stop
	kill -9 "$pid"
	reap "$pid"
	assert_all_gone "$holder" "$held"
}

testAZombieIsGone()
{
	target spin
	hold "$pid"
	kill -9 "$pid"
	assert_soon gone "$pid"
	tried "$holder" "$held"
	for operation in dstop run set; do
		grep -q "^$operation=ENOENT$" "$held" ||
			fail "of a zombie: $(grep "^$operation=" "$held")"
	done
	fails 2 'No such process' pstop "$pid"
}

testExitDuringAWait()
{
	target spin
	pctl "$pid" PCWSTOP >"$tmp/pctl" 2>&1 &
	waiter=$!
	wait_until eval '[ "$CTL_BACKEND" = module ] || [ "$(tracer $pid)" != 0 ]'
	kill -9 "$pid"
	wait "$waiter"
	assertEquals "$(cat "$tmp/pctl")" 2 $?
	grep -q 'No such process' "$tmp/pctl" || fail "$(cat "$tmp/pctl")"
}

# The new process with the old number: none of the old handles touches it, and
# nothing that was kept for the old one holds for it.
testReusedNumber()
{
	needs_root "to choose a process number" || return 0
	target spin
	old=$pid
	hold "$old" stop
	assert_stopped "$old"
	kill -9 "$old"
	reap "$old"
	target as_pid "$old" "$TRACEES/spin"
	grep -q clone3 "$err" && { skip "clone3: $(cat "$err")"; return 0; }
	assertEquals spin "$(cat "/proc/$old/comm")"
	assert_runs "$old"
	assert_all_gone "$holder" "$held"
	assert_untouched "$old"
	ok pflags "$old"
	stdout | grep -q 'not controlled' || fail "$(stdout)"
	# And it can be controlled beside the handle on the other one.
	ok pstop "$old"
	assert_stopped "$old"
	kill -9 "$holder"
	reap "$holder"
	sleep 0.2
	assert_stopped "$old"
	ok prun "$old"
	assert_untouched "$old"
	kill -9 "$old"
	reap "$pid"
}

# With the outer /proc a number is one process there, another to ptrace(2).
testProcOfAnotherPidNamespace()
{
	needs_root "for a pid namespace" || return 0
	needs_command unshare || return 0
	run unshare -p -f true
	[ "$status" = 0 ] || { skip "no namespaces: $(stderr)"; return 0; }
	for command in pstop pflags prun 'ptruss -p'; do
		run unshare -p -f sh -c "'$TRACEES/spin' & $command \$!; kill -9 \$!"
		stderr | grep -q 'another pid namespace' ||
			fail "$command: $(stderr)"
	done
}

# In a pid namespace numbers come round soon: stop, kill and start anew until
# the same number is there again, all while the keepers of the dead leave.
testNumbersComeRoundInAPidNamespace()
{
	needs_root "for a pid namespace" || return 0
	needs_command unshare || return 0
	run unshare -p -f -m true
	[ "$status" = 0 ] || { skip "no namespaces: $(stderr)"; return 0; }
	cat >"$tmp/ns.sh" <<-'EOF2'
		mount -t proc proc /proc || exit 77
		# Of this namespace alone since Linux 6.14: look.
		outer=$(cat /proc/sys/kernel/pid_max)
		echo 400 >/proc/sys/kernel/pid_max || exit 77
		last= same=0 i=0
		seen=" "
		while [ $same -lt 3 ] && [ $i -lt 300 ]; do
			"$1" >/dev/null &
			pid=$!
			# Use up numbers, so that they come round.
			n=$((i % 5))
			while [ $n -lt 5 ]; do /bin/true; n=$((n + 1)); done
			case $seen in
			*" $pid "*) same=$((same + 1)) ;;
			esac
			seen="$seen$pid "
			pflags $pid | grep -q 'not controlled' ||
				{ echo "new process $pid is controlled"; exit 1; }
			pstop $pid || exit 1
			pflags $pid | grep -q 'STOPPED' || exit 1
			kill -9 $pid
			wait $pid
			i=$((i + 1))
		done
		echo "reused $same"
		echo $outer >/proc/sys/kernel/pid_max
	EOF2
	if ! linux_since 6 14; then
		skip "pid_max is the whole system's before Linux 6.14"
		return 0
	fi
	run unshare -p -f -m sh "$tmp/ns.sh" "$TRACEES/spin"
	[ "$status" = 77 ] && { skip "no /proc in a pid namespace"; return 0; }
	assertEquals "$(stdout) $(stderr)" 0 "$status"
	reused=$(sed -n 's/^reused //p' "$tmp/stdout")
	[ "${reused:-0}" -gt 0 ] || fail "no number was reused: $(stdout)"
	# The namespace took its last keeper along, and its socket stayed: the
	# next start of a keeper sweeps it.
	target spin
	ok pstop "$pid"
	ok prun "$pid"
}

. shunit2
