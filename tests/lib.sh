# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# lib.sh - what the test scripts share.  A script is
#
#	. "${CTL_SRC:-.}/tests/lib.sh"
#	testSomething() { target spin; pstop "$pid"; assert_stopped "$pid"; }
#	. shunit2
#
# and is run by tests/run, which sets CTL_SRC, CTL_BUILD, CTL_BACKEND and PATH.
# They run in a VM with busybox too: no bash, no option that only GNU has.
#
# Nothing here waits for a fixed time and then hopes; wait_until looks again
# and again, for as long as a busy machine may need.

: "${CTL_BUILD:?start tests with tests/run}"
TRACEES=$CTL_BUILD/tests/tracees
# How long something that has to happen may take, in tenths of a second.
PATIENCE=${PATIENCE:-300}
started=
tmp=$(mktemp -d "${TMPDIR:-/tmp}/t.XXXXXX") || exit 2
# Tests run some commands as another user.
chmod 755 "$tmp"

# -- saying that a test cannot be run here ------------------------------------

# skip REASON: the test counts as skipped; use as: needs ... || return 0
skip()
{
	echo "SKIP: $*"
	startSkipping
}

needs_root()
{
	[ "$(id -u)" = 0 ] && return
	skip "needs root: $1"
	return 1
}

needs_command()
{
	command -v "$1" >/dev/null && return
	skip "needs the command $1"
	return 1
}

# The keeper's own matters: its death, its folder, other tracers in its way.
needs_keeper()
{
	[ "$CTL_BACKEND" = keeper ] && return
	skip "only of the keeper: $1"
	return 1
}

# event_sources: what CTL_EVENTS can be here, of which each is to be tested:
# the keeper's two when it may use both, else "default".
event_sources()
{
	if [ "$CTL_BACKEND" != keeper ] || [ "$(id -u)" != 0 ]; then
		echo default
		return
	fi
	for s in bpf ptrace; do
		CTL_EVENTS=$s ptruss -o "$tmp/probe" true 2>/dev/null && echo $s
	done
}

# Each test once a source: testX is testXOn_SOURCE.  BPF as it comes: ptrace takes
# its place for what it cannot do.
suite_by_source()
{
	for source in $(event_sources); do
		use=$source
		[ "$use" = bpf ] && use=default
		# shellcheck disable=SC2013 # a name a line
		for f in $(sed -n 's/^\(test[A-Za-z]*\)()$/\1/p' "$0"); do
			eval "${f}On_$source() { use_source $use; $f; }"
			suite_addTest "${f}On_$source"
		done
	done
}

# linux_since MAJOR MINOR: is the kernel that, or newer?
linux_since()
{
	release=$(uname -r)
	major=${release%%.*}
	minor=${release#*.}
	minor=${minor%%[!0-9]*}
	[ "$major" -gt "$1" ] || { [ "$major" = "$1" ] && [ "$minor" -ge "$2" ]; }
}

# libdw and libdwarf do not go together in a sanitized build.
without_stacks()
{
	ptruss -k true 2>&1 | grep -q 'build with sanitizers'
}

# is_recorded PID: has a tracer of it begun?
is_recorded()
{
	pflags "$1" 2>/dev/null | grep -q 'rings = 1'
}

needs_bpf()
{
	event_sources | grep -q bpf && return
	skip "BPF, which root's keeper has on newer kernels"
	return 1
}

# kernel_records PID: are its probes the kernel's, and not breakpoints?
kernel_records()
{
	grep -qs uprobe_multi /proc/"$(tracer "$1")"/fdinfo/*
}

# needs_kernels_probes: where the keeper may have them, it has to
needs_kernels_probes()
{
	needs_keeper "probes by BPF" || return
	[ "${CTL_EVENTS:-bpf}" = bpf ] && linux_since 6 6 &&
		event_sources | grep -q bpf && return
	skip "probes by BPF: root, and Linux 6.6"
	return 1
}

# use_source SOURCE: the commands behind it have their events from there
use_source()
{
	if [ "$1" = default ]; then
		unset CTL_EVENTS
	else
		export CTL_EVENTS="$1"
	fi
}

# -- waiting ------------------------------------------------------------------

# wait_until COMMAND...: till it succeeds; fails when patience ends.
wait_until()
{
	tries=$PATIENCE
	# Most things happen at once: look often in the beginning.
	for nap in 0.01 0.01 0.02 0.02 0.05; do
		"$@" && return
		sleep $nap
	done
	while ! "$@"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

assert_soon()
{
	wait_until "$@" || fail "did not come true: $*"
}

# -- processes ----------------------------------------------------------------

# target NAME [ARG...]: start a test program, or any command in PATH that
# prints "ready"; sets pid, out (what it prints) and err.
target()
{
	case $1 in
	*/*) program=$1 ;;
	*) program=$TRACEES/$1 ;;
	esac
	shift
	spawn "$program" "$@"
	wait_until grep -q '^ready$' "$out" && return
	fail "$program did not get ready: $(cat "$err")"
	return 1
}

# spawn COMMAND...: the same without waiting.  (A command that sh starts with
# "&" would ignore SIGINT and SIGQUIT; that does no harm here.)
spawn()
{
	n_started=$((${n_started:-0} + 1))
	out=$tmp/out.$n_started
	err=$tmp/err.$n_started
	: >"$out"
	: >"$err"
	"$@" >"$out" 2>"$err" </dev/null &
	pid=$!
	started="$started $pid"
}

# hold PID WORD...: hold a handle (tests/hold.c); sets holder and held, the
# file that it prints to.  pid stays the target's.
hold()
{
	saved="$pid $out $err"
	target "$CTL_BUILD/tests/hold" "$@"
	hold_status=$?
	holder=$pid held=$out
	pid=${saved%% *} err=${saved##* }
	saved=${saved#* }
	out=${saved% *}
	return $hold_status
}

# tried HOLDER FILE: make it try each operation, wait for the results
tried()
{
	kill -USR1 "$1"
	wait_until grep -q '^end$' "$2"
}

# gone PID: is there no such process, or a zombie only?
gone()
{
	case $(state "$1") in
	'' | Z | X) return 0 ;;
	esac
	return 1
}

# The letter of a process's, or PID/task/TID's, state; nothing when gone.
state()
{
	sed -n 's/^.*) \(.\) .*/\1/p' "/proc/$1/stat" 2>/dev/null
}

# The letters of all its threads, once each: "S", "Rt".
states()
{
	cat "/proc/$1"/task/*/stat 2>/dev/null | sed -n 's/^.*) \(.\) .*/\1/p' |
		sort -u | tr -d '\n'
}

# field PID NAME: a line of /proc/PID/status
field()
{
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" 2>/dev/null
}

tracer()
{
	field "$1" TracerPid
}

start_time()
{
	sed -n 's/^.*) //p' "/proc/$1/stat" 2>/dev/null | cut -d ' ' -f 20
}

# all_stopped PID: every thread is held.  The keeper's way is visible in /proc;
# the module holds a thread where it is, so the server is asked.
all_stopped()
{
	if [ "$CTL_BACKEND" = keeper ]; then
		[ "$(states "$1")" = t ]
	else
		threads=$(pflags "$1" 2>/dev/null |
			sed -n 's/.*threads = \([0-9]*\)  stopped = \([0-9]*\)$/\1 \2/p')
		[ -n "$threads" ] && [ "${threads% *}" = "${threads#* }" ]
	fi
}

# no_one_stopped PID: no thread is held by us, by a tracer or by job control.
no_one_stopped()
{
	case $(states "$1") in
	'' | *[tT]*) return 1 ;;
	esac
	[ "$CTL_BACKEND" = keeper ] ||
		! pflags "$1" 2>/dev/null | grep -q 'stopped = [1-9]'
}

# untouched PID: it runs, and nobody traces it
untouched()
{
	no_one_stopped "$1" && [ "$(tracer "$1")" = 0 ]
}

# What the process has done so far: grows while it runs.
work()
{
	# utime and stime, then context switches
	cat "/proc/$1"/task/*/stat "/proc/$1"/task/*/status 2>/dev/null | awk '
		/^[0-9]+ \(/ { sub(/^.*\) /, ""); sum += $12 + $13; next }
		/ctxt_switches/ { sum += $2 }
		END { print sum + 0 }'
}

worked_since()
{
	[ "$(work "$1")" -gt "$2" ]
}

# parked PID: it waits for room in a ring
parked()
{
	before=$(work "$1")
	sleep 0.2
	all_stopped "$1" && ! worked_since "$1" "$before"
}

# stand_still READER FILE: READER, which we have started and which writes to FILE,
# reads no more once it has written something, until $pid has to wait for room;
# sets reader
stand_still()
{
	reader=$1
	started="$started $reader"
	assert_soon [ -s "$2" ]
	kill -STOP "$reader"
	assert_soon parked "$pid"
}

# read_on: the reader that stood still reads, and $pid gets on; then both end
read_on()
{
	kill -CONT "$reader"
	assert_runs "$pid"
	kill -9 "$pid"
	reap "$reader"
}

assert_stopped()
{
	assertTrue "all threads of $1 stopped: $(states "$1")" \
		"all_stopped $1"
}

# It is not stopped, and (unless it just sleeps) gets on.
assert_runs()
{
	wait_until no_one_stopped "$1" ||
		fail "$1 runs: states $(states "$1")"
	[ "${2:-}" = sleeps ] && return
	wait_until worked_since "$1" "$(work "$1")" || fail "$1 gets on"
}

assert_untouched()
{
	wait_until untouched "$1" ||
		fail "$1 is left alone: states $(states "$1"), tracer $(tracer "$1")"
}

# -- commands -----------------------------------------------------------------

# run COMMAND...: sets status; what it printed is in $tmp/stdout, $tmp/stderr
run()
{
	"$@" >"$tmp/stdout" 2>"$tmp/stderr" </dev/null
	status=$?
}

stdout()
{
	cat "$tmp/stdout"
}

stderr()
{
	cat "$tmp/stderr"
}

# ok COMMAND...: it exits with 0 and says nothing on stderr
ok()
{
	run "$@"
	assertEquals "status of $*: $(stderr)" 0 "$status"
	assertEquals "stderr of $*" "" "$(stderr)"
}

# fields_told FILE PAGE...: the pages name every field of the JSON in FILE
fields_told()
{
	records=$1
	shift
	[ -d "$CTL_SRC/man" ] || return 0
	(cd "$CTL_SRC/man" && sed -n 's/^\.V[at] //p; s/^\.It V[at] //p' "$@") |
		tr -s ' ,;.:)' '\n' | sort -u >"$tmp/told"
	assertEquals "fields that $* have not" "" "$(jq -r 'paths |
		select((.[-1] | type == "string") and
			(.[:-1] | any(. == "regs" or . == "counts") | not)) |
		.[-1]' "$records" | sort -u | comm -23 - "$tmp/told")"
}

# fails STATUS STDERR COMMAND...: STDERR is a grep pattern
fails()
{
	want=$1 pattern=$2
	shift 2
	run "$@"
	assertEquals "status of $*: $(stderr)" "$want" "$status"
	stderr | grep -q -e "$pattern" ||
		fail "stderr of $*: no '$pattern' in: $(stderr)"
}

# as_user COMMAND...: as root, run it as a user without privileges
as_user()
{
	XDG_RUNTIME_DIR=$tmp/user setpriv --reuid=65534 --regid=65534 \
		--clear-groups "$@"
}

# user_spawn COMMAND...: as_user in the background, as spawn does
user_spawn()
{
	XDG_RUNTIME_DIR=$tmp/user spawn setpriv --reuid=65534 --regid=65534 \
		--clear-groups "$@"
}

# The place of that user's keepers.
user_dir()
{
	mkdir -p "$tmp/user"
	chmod 700 "$tmp/user"
	chown 65534:65534 "$tmp/user"
}

# reap PID: wait for what spawn or target started; sets status
reap()
{
	wait "$1"
	status=$?
	# The number may be another's from now on: do not kill it later.
	rest=
	for p in $started; do
		[ "$p" = "$1" ] || rest="$rest $p"
	done
	started=$rest
}

# -- cleaning up ----------------------------------------------------------------

end_targets()
{
	for p in $started; do
		# Ours only while we have not waited for it.
		kill -9 "$p" 2>/dev/null
	done
	for p in $started; do
		wait "$p" 2>/dev/null
	done
	started=
}

tearDown()
{
	end_targets
}

oneTimeTearDown()
{
	end_targets
	rm -rf "$tmp"
}
