#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# A command that ptruss starts does not wait for BPF: ptrace records until that is
# there, and then each thread is handed over (libctl/keeper/source.c).  No call may
# be lost, or told twice, or out of its thread's order.

. "${CTL_SRC:-.}/tests/lib.sh"

tearDown()
{
	use_source default
	end_targets
}

needs_handover()
{
	needs_keeper "the handover" || return
	needs_root "only its keeper has BPF" || return
	needs_bpf
}

# wrong: what is wrong with the trace in $tmp/o of what said $tmp/said.  FOLLOWED:
# 1, children are in it.
wrong()
{
	awk -v followed="$1" '
	function field(name,	at)
	{
		at = index($0, "\"" name "\":")
		return at ? substr($0, at + length(name) + 3) + 0 : ""
	}
	function bad(what) { if (nbad++ < 10) print what ": " $0 }
	FNR == NR {
		if ($1 == "calls") said[$2] = $3
		if ($1 == "sleeps") sleeps[$2] = $3
		next
	}
	{ pid = field("pid"); tid = field("tid") }
	/"type":"lost"/ { bad("lost") }
	/"type":"fork"/ {
		t = field("thread")
		if (t in home) bad("born twice")
		home[t] = field("child")
		next
	}
	/"type":"exec"/ {
		for (t in home)
			if (home[t] == pid)
				last[t] = 0
		last[pid] = 0
		execed[pid]++
		next
	}
	/"type":"exit"/ {
		if (gone[tid]++) bad("dead twice")
		if (/"process":true/) ended[pid]++
		next
	}
	!/"type":"syscall"/ { next }
	!root { root = home[pid] = pid }
	!(tid in home) { bad("not born"); home[tid] = pid }
	gone[tid] { bad("dead already") }
	/"name":"execve".*"ret":0,/ { executed[pid]++ }
	/"name":"close"/ {
		n = field("value")
		if (n <= 1000000) next
		if (n != 1000000 + ++last[tid]) bad("not the next one")
		last[tid] = n - 1000000
		next
	}
	# One that a signal interrupts is told by ptrace as such, and what goes on is
	# restart_syscall, or itself.
	last[tid] == 1 && index($0, "\"name\":\"" sleeps[tid] "\"") {
		told[tid] = 1
		if (!/"errno":"ERESTART/) slept[tid]++
	}
	END {
		for (t in said)
			if ((followed || home[t] == root) &&
			    last[t] != said[t])
				print t " made " said[t] " calls, told: " last[t] + 0
		for (t in sleeps)
			if (!told[t] || slept[t] > 1)
				print t " slept once, told: " slept[t] + 0
		for (p in execed)
			if (executed[p] != execed[p])
				print p " executed " execed[p] ", told: " executed[p] + 0
		for (t in home) {
			if (!followed && home[t] != root)
				continue
			if (ended[home[t]] != 1)
				print home[t] " ended " ended[home[t]] + 0 " times"
			if (!gone[t] && !(home[t] in execed))
				print t " did not end"
		}
	}' "$tmp/said" "$tmp/o"
}

# traced_well FOLLOWED OPTION...
traced_well()
{
	t_followed=$1
	shift
	timeout 60 ptruss "$@" -j -t close,read,nanosleep,execve -o "$tmp/o" \
		"$TRACEES/handed" 150 >"$tmp/said" 2>"$tmp/stderr"
	assertEquals "$*: $(cat "$tmp/stderr")" 0 $?
	assertTrue "$*: it ended" "grep -q ready '$tmp/said'"
	assertTrue "$*: it was traced" "[ -s '$tmp/o' ]"
	t_wrong=$(wrong "$t_followed")
	assertEquals "$*" "" "$t_wrong"
}

testEachCallOnceAndInOrder()
{
	needs_handover || return 0
	handed=0
	for _ in 1 2 3 4 5 6 7 8; do
		traced_well 1 -f
		# Begun by ptrace, which attaches to children, and ended by BPF.
		grep -q 'first [^0]' "$tmp/said" && grep -q 'last 0' "$tmp/said" &&
			handed=$((handed + 1))
	done
	assertTrue "there was a handover" "[ $handed -gt 0 ]"
}

testWithoutChildren()
{
	needs_handover || return 0
	for _ in 1 2 3; do
		traced_well 0
	done
}

# What stops is ptrace's all the time; its calls are not.
testWithStops()
{
	needs_handover || return 0
	for _ in 1 2 3; do
		traced_well 1 -f -T reboot
	done
}

# What BPF tells of such a call has the number that the thread had before.
testExecByAnotherThread()
{
	needs_handover || return 0
	for _ in 1 2 3 4 5 6 7 8; do
		timeout 60 ptruss -f -j -t execve -o "$tmp/o" \
			"$TRACEES/handed" execs 80 >"$tmp/said" 2>"$tmp/stderr"
		assertEquals "$(cat "$tmp/stderr")" 0 $?
		assertEquals "$(grep -c '"type":"exec"' "$tmp/o")" \
			"$(grep -c '"name":"execve"' "$tmp/o")"
	done
}

# At the end of such a command there is no BPF yet.
testShortCommands()
{
	needs_handover || return 0
	for n in 1 2 3 4 5 6 7 8; do
		run ptruss -f -o "$tmp/o" sh -c "exit $n"
		assertEquals "$(stderr)" "$n" "$status"
		assertTrue "its end is told: $(tail -n 1 "$tmp/o")" \
			"tail -n 1 '$tmp/o' | grep -q 'exited with status $n'"
	done
}

# killed WHOM NAP: so long after the command has begun.  It ends as if nothing had
# been.
killed()
{
	: >"$tmp/said"
	ptruss -f -o /dev/null "$TRACEES/handed" 60 >"$tmp/said" 2>/dev/null &
	reader=$!
	started="$started $reader"
	until [ -s "$tmp/said" ]; do :; done
	read -r _ pid <"$tmp/said"
	[ "$1" = keeper ] && keeper=$(tracer "$pid")
	[ "$2" = 0 ] || sleep "$2"
	if [ "$1" = command ]; then
		kill -9 $reader
	elif [ "${keeper:-0}" != 0 ]; then
		kill -9 "$keeper" 2>/dev/null
	fi
	wait $reader 2>/dev/null
	wait_until grep -q ready "$tmp/said" || fail "$1 killed after $2: it ended"
}

testKilledAtAnyMoment()
{
	needs_handover || return 0
	for nap in 0 0.001 0.002 0.004 0.006 0.008 0.01 0.012 0.015 0.02 0.03; do
		killed keeper $nap
		killed command $nap
	done
	# It sweeps up the sockets.
	run ptruss -o /dev/null true
}

. shunit2
