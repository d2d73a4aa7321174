#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Each fuzz target on its seeds and some thousand mutations of them.

. "${CTL_SRC:-.}/tests/lib.sh"

testReplay()
{
	for seeds in "${CTL_SRC:-.}"/tests/fuzz/corpus/*; do
		name=${seeds##*/}
		# shellcheck disable=SC2086 # no number is no word
		"$CTL_BUILD/tests/fuzz/$name" ${CTL_SLOW:+-n 20} "$seeds"/* >/dev/null 2>"$tmp/err"
		assertEquals "$name: $(tail -n 5 "$tmp/err")" 0 $?
	done
}

. shunit2
