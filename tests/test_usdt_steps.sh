#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The walk that pusdt is for, each step a process of its own that ends before
# the next: stop, list, enable, run, trace into a pipe that closes, disable.
# shellcheck disable=SC2154 # set by lib.sh
. "${CTL_SRC:-.}/tests/lib.sh"

oneTimeSetUp()
{
	needs_command jq || exit 0
}

# picture FILE: the bytes at every site, then every semaphore
picture()
{
	pusdt list -j "$pid" "$provider:" >"$tmp/list"
	for address in $(jq -r '.sites[].address, .semaphore // empty' \
		"$tmp/list"); do
		dd if="/proc/$pid/mem" bs=1 count=2 skip=$((address)) \
			2>/dev/null
	done >"$1"
	[ -s "$1" ] || fail "no picture of $pid"
}

same()
{
	picture "$tmp/now"
	cmp -s "$tmp/before" "$tmp/now"
}

# But for the one by which objects mapped later are seen.
enabled()
{
	pusdt status -j "$pid" |
		jq -s 'map(select(.command | not)) | length'
}

# steps PROVIDER PATTERN SPEC...: of the target; PATTERN is in what is traced
steps()
{
	provider=$1 pattern=$2
	shift 2
	picture "$tmp/before"
	ok pstop "$pid"
	assert_stopped "$pid"
	for spec; do
		ok pusdt list "$pid" "$spec"
		grep -q "^$spec " "$tmp/stdout" || fail "$spec: $(stdout)"
	done
	ok pusdt enable "$pid" "$@"
	assertEquals "they outlive the command" $# "$(enabled)"
	assert_stopped "$pid"
	ok prun "$pid"
	assert_runs "$pid"
	# head has its ten lines and goes; so does pusdt, not the probes.
	run timeout 60 sh -c "pusdt trace $pid | head"
	assertEquals "$(stderr)" 0 "$status"
	assertEquals "ten hits" 10 "$(stdout | grep -c "$provider:")"
	stdout | grep -q "$pattern" || fail "no $pattern: $(stdout)"
	assertEquals "trace changes nothing" $# "$(enabled)"
	assert_runs "$pid"
	ok pusdt disable "$pid"
	assertEquals "none is left" 0 "$(enabled)"
	assert_soon same
	assert_untouched "$pid"
	assert_runs "$pid"
}

testOfPython()
{
	if [ ! -x /usr/bin/python3 ]; then
		skip "needs /usr/bin/python3"
		return 0
	fi
	target /usr/bin/python3 -c '
import time, itertools
def work(n): return n + 1
print("ready", flush=True)
for n in itertools.count():
    list(map(work, [n]))
    time.sleep(0.002)'
	# Python 3.11 looks at its probes of functions only while that of lines
	# is enabled.
	steps python 'python:function__entry("<string>", "work", 3)' \
		python:function__entry python:line
}

testOfThreads()
{
	target probed 4 0 2000
	steps test 'test:guarded(l=-[0-9]' test:hit test:guarded
	kill "$pid"
	reap "$pid"
	assertEquals "it ends as ever" 0 "$status"
}

. shunit2
