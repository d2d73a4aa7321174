#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The tests of pusdt trace once more, where uprobes might be used but are not.

if [ "$(id -u)" = 0 ] && [ "$CTL_BACKEND" = keeper ]; then
	CTL_EVENTS=ptrace exec "${CTL_SRC:-.}/tests/test_usdt_trace.sh"
fi

. "${CTL_SRC:-.}/tests/lib.sh"

testBreakpoints()
{
	skip "needs root and the keeper: elsewhere test_usdt_trace has them"
}

. shunit2
