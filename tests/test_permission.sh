#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# P5: who may control what; and who is in the way.
. "${CTL_SRC:-.}/tests/lib.sh"

DENIED='Permission denied\|Operation not permitted'

oneTimeSetUp()
{
	user_dir 2>/dev/null
	# What another user is to execute lies where he can reach it.
	cp "$TRACEES/whoami" "$TRACEES/execer" "$TRACEES/spin" "$tmp/"
}

testOthersProcess()
{
	needs_root "to become another user" || return 0
	target spin
	for command in pstop 'pwait -s' 'pctl'; do
		# shellcheck disable=SC2086 # command and option
		fails 2 "$DENIED" as_user $command "$pid"
		stderr | grep -q "cannot control $pid: " || fail "$(stderr)"
	done
	# Why, and what helps.
	fails 2 "$DENIED: it runs as user 0; be root, or that user" \
		as_user ptruss -p "$pid"
	assert_untouched "$pid"
}

# Without root, a process of root's is always there: number 1.
testInit()
{
	[ "$(id -u)" != 0 ] || { skip "root may control init"; return 0; }
	fails 2 "$DENIED" pstop 1
	fails 2 "$DENIED" pctl 1
}

testOneself()
{
	sh -c 'exec pstop $$' 2>"$tmp/self" &
	pid=$!
	started="$started $pid"
	assert_soon gone "$pid"
	grep -q 'cannot' "$tmp/self" || fail "$(cat "$tmp/self")"
}

testKernelThread()
{
	[ "$(field 2 PPid)" = 0 ] || { skip "no kernel thread to be seen"; return 0; }
	fails 2 'cannot control 2: .*: it is a kernel thread$' pstop 2
}

testOwnProcessOfAnOrdinaryUser()
{
	needs_root "to become another user" || return 0
	user_spawn "$tmp/spin"
	assert_soon grep -q ready "$out"
	ok as_user pstop "$pid"
	assert_stopped "$pid"
	# Root sees it, and may run it again.
	ok pflags "$pid"
	stdout | grep -q 'STOPPED' || fail "$(stdout)"
	ok prun "$pid"
	assert_untouched "$pid"
	# The other way round he may not: it is root's keeper.
	ok pstop "$pid"
	assert_stopped "$pid"
	run as_user prun "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

testNotDumpable()
{
	needs_root "to become another user" || return 0
	cp "$TRACEES/secret" "$tmp/"
	user_spawn "$tmp/secret"
	assert_soon grep -q ready "$out"
	fails 2 "$DENIED" as_user pstop "$pid"
	ok pstop "$pid"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

# -- exec of what the owner of a handle could not have opened ------------------

# user_execs FILE: the user's process executes FILE while the user holds it
user_execs()
{
	user_spawn "$tmp/execer" main "$1"
	target=$pid executed=$out
	assert_soon grep -q ready "$executed"
	user_spawn "$CTL_BUILD/tests/hold" "$target" stop
	holder=$pid held=$out
	pid=$target
	assert_soon grep -q ready "$held"
	assert_stopped "$pid"
	ok as_user prun "$pid"
	kill -USR1 "$pid"
	assert_soon is_now "$pid" "${1##*/}"
	wait_until invalid || fail "the handle stays good: $(cat "$held")"
}

is_now()
{
	[ "$(cat "/proc/$1/comm")" = "$2" ]
}

invalid()
{
	: >"$tmp/before"
	cp "$held" "$tmp/before"
	kill -USR1 "$holder"
	wait_until eval '[ "$(grep -c "^end" "$held")" -gt \
		"$(grep -c "^end" "$tmp/before")" ]'
	tail -n 9 "$held" | grep -q '^dstop=EAGAIN$'
}

assert_invalid()
{
	for operation in threads regs mem dstop run kill set; do
		tail -n 9 "$held" | grep -q "^$operation=EAGAIN$" ||
			fail "$(tail -n 9 "$held" | grep "^$operation=")"
	done
}

reopen()
{
	kill -USR2 "$holder"
	wait_until grep -q '^reopen=' "$held"
	sed -n 's/^reopen=//p' "$held"
}

reachable()
{
	# Build trees may lie where nobody else can look.
	as_user test -x "$CTL_BUILD/tests/hold" &&
		as_user test -x "$CTL_BUILD/bin/pstop" && return
	skip "another user cannot reach $CTL_BUILD"
	return 1
}

testExecOfASetUserIdFile()
{
	needs_root "to make a set-user-ID file" || return 0
	reachable || return 0
	cp "$TRACEES/whoami" "$tmp/setuid"
	chmod 4755 "$tmp/setuid"
	user_spawn "$tmp/setuid"
	assert_soon grep -q ready "$out"
	grep -q 'euid 0' "$out" ||
		{ skip "set-user-ID has no effect in $tmp"; return 0; }
	user_execs "$tmp/setuid"
	assert_invalid
	if [ "$(field "$pid" Uid | cut -f 2)" = 0 ]; then
		# It has root's rights: the user has no hand on it any more.
		assert_untouched "$pid"
		assertEquals EPERM "$(reopen)"
		fails 2 "$DENIED" as_user pstop "$pid"
	else
		# The kernel gives no new rights to what is traced by somebody
		# who lacks them, see ctl(4).  So its owner may go on, having
		# opened it anew; it waits for that.
		assertEquals keeper "$CTL_BACKEND"
		assert_stopped "$pid"
		assertEquals 0 "$(reopen)"
		ok as_user prun "$pid"
		assert_soon grep -q 'uid 65534 euid 65534' "$executed"
	fi
	kill -9 "$holder"
	reap "$holder"
	assert_untouched "$pid"
}

testExecOfAnUnreadableFile()
{
	needs_root "to make a file that the user cannot read" || return 0
	reachable || return 0
	cp "$TRACEES/whoami" "$tmp/unread"
	chmod 711 "$tmp/unread"
	user_execs "$tmp/unread"
	assert_invalid
	# It runs, with nothing traced, though the dead handle is still open.
	assert_soon grep -q 'uid 65534' "$executed"
	assert_runs "$pid" sleeps
	assertEquals EPERM "$(reopen)"
	fails 2 "$DENIED" as_user pstop "$pid"
	kill -9 "$holder"
	reap "$holder"
	assert_untouched "$pid"
}

# Root may control the new image, too: it waits for root to open it anew.
testExecOfASetUserIdFileUnderRoot()
{
	needs_root "to make a set-user-ID file" || return 0
	cp "$TRACEES/whoami" "$tmp/setuid"
	chmod 4755 "$tmp/setuid"
	user_spawn "$tmp/execer" main "$tmp/setuid"
	executed=$out
	assert_soon grep -q ready "$executed"
	hold "$pid"
	kill -USR1 "$pid"
	assert_soon is_now "$pid" setuid
	wait_until invalid || fail "the handle stays good: $(cat "$held")"
	assert_stopped "$pid"
	assertEquals 0 "$(reopen)"
	ok prun "$pid"
	assert_soon grep -q 'euid 0' "$executed"
	kill -9 "$holder"
	reap "$holder"
	assert_untouched "$pid"
}

# Nobody opens it anew: the last close of the dead handle lets it run.
testExecUnderRootThatIsNotOpenedAnew()
{
	needs_root "to make a set-user-ID file" || return 0
	cp "$TRACEES/whoami" "$tmp/setuid"
	chmod 4755 "$tmp/setuid"
	user_spawn "$tmp/execer" main "$tmp/setuid"
	executed=$out
	assert_soon grep -q ready "$executed"
	hold "$pid"
	kill -USR1 "$pid"
	assert_soon is_now "$pid" setuid
	wait_until invalid || fail "the handle stays good: $(cat "$held")"
	kill -9 "$holder"
	assert_soon grep -q 'euid 0' "$executed"
	assert_untouched "$pid"
}

# -- another tracer ------------------------------------------------------------

# names_tracer PATTERN: pstop fails, and says who is in the way
names_tracer()
{
	fails 2 "cannot control $pid: .*$1" pstop "$pid"
	stderr | grep -q "$(tracer "$pid")" || fail "its pid: $(stderr)"
	ok pflags "$pid"
	stdout | grep -q "traced by $1" || fail "pflags: $(stdout)"
}

testUnderStrace()
{
	needs_command strace || return 0
	target threads 3 work
	spawn_pid=$pid
	strace -f -o /dev/null -p "$pid" 2>/dev/null &
	other=$!
	started="$started $other"
	wait_until eval '[ "$(tracer $pid)" != 0 ]'
	if [ "$CTL_BACKEND" = keeper ]; then
		names_tracer strace
	else
		ok pstop "$pid"
		assert_stopped "$pid"
		ok prun "$pid"
	fi
	kill -INT "$other"
	kill -TERM "$other"
	reap "$other"
	assert_untouched "$spawn_pid"
	ok pstop "$pid"
	assert_stopped "$pid"
	ok prun "$pid"
}

testUnderGdb()
{
	needs_command gdb || return 0
	target spin
	mkfifo "$tmp/gdb.in"
	gdb -nx -q -p "$pid" <"$tmp/gdb.in" >"$tmp/gdb.out" 2>&1 &
	other=$!
	started="$started $other"
	exec 9>"$tmp/gdb.in"
	assert_soon eval '[ "$(tracer $pid)" != 0 ]'
	if [ "$CTL_BACKEND" = keeper ]; then
		names_tracer gdb
	fi
	echo detach >&9
	echo quit >&9
	exec 9>&-
	reap "$other"
	assert_untouched "$pid"
	ok pstop "$pid"
	assert_stopped "$pid"
	ok prun "$pid"
}

testStraceOfAControlledProcess()
{
	needs_command strace || return 0
	needs_keeper "the kernel allows one ptrace tracer" || return 0
	target spin
	ok pstop "$pid"
	run strace -o /dev/null -p "$pid"
	assertNotEquals 0 "$status"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_untouched "$pid"
}

# Records of a keeper that is another user's.
testRootTracesBesideAUser()
{
	needs_root "to become another user" || return 0
	# shellcheck disable=SC2016 # for the other shell
	user_spawn /bin/sh -c 'echo ready; while :; do :</dev/null; done'
	assert_soon grep -q ready "$out"
	ok as_user pctl "$pid" PCSENTRY reboot
	: >"$tmp/calls"
	ptruss -t openat -o "$tmp/calls" -p "$pid" 2>"$tmp/ptruss" &
	tracing=$!
	started="$started $tracing"
	assert_soon grep -q '/dev/null' "$tmp/calls"
	kill -TERM $tracing
	reap $tracing
	assertEquals "" "$(cat "$tmp/ptruss")"
	ok as_user pctl "$pid" PCSENTRY none
	assert_untouched "$pid"
}

# Without XDG_RUNTIME_DIR and /run/user the place is /tmp, where others can be
# faster: their folder is not used.
testNoPlaceForTheSocket()
{
	needs_keeper "its folder" || return 0
	needs_root "a user that is in nobody's way" || return 0
	user='env -u XDG_RUNTIME_DIR setpriv --reuid=64999 --regid=64999'
	user="$user --clear-groups"
	# shellcheck disable=SC2086 # words
	{
		target /usr/bin/env ${user#* } "$tmp/spin"
		mkdir /tmp/ctl-64999
		fails 2 'not a directory of mode 0700 of this user' $user pstop "$pid"
		rmdir /tmp/ctl-64999
		ln -s "$tmp" /tmp/ctl-64999
		fails 2 'not a directory of mode 0700 of this user' $user pstop "$pid"
		rm /tmp/ctl-64999
		fails 2 'ctl-64999: Read-only file system' unshare -m sh -c \
			'mount --bind /tmp /tmp && mount -o remount,bind,ro /tmp &&
			exec "$@"' sh $user pstop "$pid"
		assert_untouched "$pid"
		ok $user pstop "$pid"
		assert_stopped "$pid"
		ok $user prun "$pid"
	}
	assert_untouched "$pid"
	rm -r /tmp/ctl-64999
}

# Root of a user namespace is none where /run is, and /tmp/ctl-0 may be another's.
testPlaceOfANamespacesRoot()
{
	needs_keeper "its folder" || return 0
	needs_command unshare || return 0
	user_dir
	if ! as_user unshare -U -r true 2>/dev/null; then
		skip "needs user namespaces"
		return 0
	fi
	ok as_user unshare -U -r ptruss -o /dev/null true
	[ -e "$tmp/user/ctl/lock" ] || fail "$(ls -R "$tmp/user")"
}

. shunit2
