#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# debugged.sh - a process under strace, and one under gdb, is stopped, traced
# and run; and the other way round (P3).
set -u
bad=0
tmp=$(mktemp -d)
complain()
{
	echo "$*"
	bad=1
}
soon()
{
	for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
		"$@" && return
		sleep 0.25
	done
	complain "did not come true: $*"
}
lines() { wc -l <"$1"; }
grows()
{
	a=$(lines "$1")
	sleep 0.5
	[ "$(lines "$1")" -gt "$a" ]
}
rests()
{
	a=$(lines "$1")
	sleep 0.7
	[ "$(lines "$1")" = "$a" ]
}
traced_by() { grep -q "^TracerPid:[[:space:]]*[1-9]" "/proc/$1/status"; }

# Prints a line each time round.  In parentheses the shell forks; else it makes
# children by vfork(2), and strace that is told to end just when the child has
# stopped for it waits for ever for the parent, who waits for the child.
loop='while :; do echo x; (sleep 0.05); done'

if command -v strace >/dev/null; then
	sh -c "$loop" >"$tmp/out" &
	pid=$!
	strace -f -qq -o "$tmp/strace" -p $pid &
	tracer=$!
	soon traced_by $pid
	soon grows "$tmp/out"
	pstop $pid || complain "pstop of a straced process"
	rests "$tmp/out" || complain "a straced process is not stopped"
	prun $pid || complain "prun of a straced process"
	soon grows "$tmp/out"
	soon grows "$tmp/strace"
	grep -q 'write(1, "x' "$tmp/strace" || complain "strace saw nothing"
	# stopped first, straced then
	kill -INT $tracer
	wait $tracer
	pstop $pid || complain "pstop after strace"
	strace -f -qq -o "$tmp/strace2" -p $pid &
	tracer=$!
	soon traced_by $pid
	rests "$tmp/out" || complain "strace made a stopped process run"
	prun $pid
	soon grows "$tmp/out"
	soon grows "$tmp/strace2"
	kill -KILL $tracer
	wait $tracer 2>/dev/null
	soon grows "$tmp/out"
	kill -9 $pid
	wait $pid 2>/dev/null
	# probed meanwhile: a uprobe, and a breakpoint of the module's
	"$CTL_BUILD/tests/tracees/probed" 1 0 1000 >"$tmp/out" &
	pid=$!
	strace -f -qq -o "$tmp/strace3" -p $pid &
	tracer=$!
	soon traced_by $pid
	for probe in test:hit test:ten; do
		timeout 60 pusdt trace -n 3 $pid $probe >"$tmp/hits" ||
			complain "pusdt of a straced process"
		[ "$(lines "$tmp/hits")" = 3 ] ||
			complain "$probe of a straced process: $(cat "$tmp/hits")"
	done
	soon grows "$tmp/strace3"
	grep -q SIGTRAP "$tmp/strace3" && complain "strace saw a breakpoint"
	kill -INT $tracer
	wait $tracer
	kill -9 $pid
	wait $pid 2>/dev/null
else
	echo "SKIP: no strace"
fi

if command -v gdb >/dev/null; then
	sh -c "$loop" >"$tmp/out" &
	pid=$!
	gdb -q -nx -batch -ex 'set confirm off' -p $pid -ex 'shell pstop '$pid \
		-ex 'detach' </dev/null >"$tmp/gdb" 2>&1 ||
		complain "gdb: $(cat "$tmp/gdb")"
	rests "$tmp/out" || complain "not stopped under gdb"
	prun $pid
	soon grows "$tmp/out"
	kill -9 $pid
	wait $pid 2>/dev/null
else
	echo "SKIP: no gdb"
fi
rm -rf "$tmp"
exit $bad
