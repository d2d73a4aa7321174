#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=sh
#
# test_cmds_lint.sh - what is said in several places is the same in all: options in
# --help, man page and completions; messages in pctl and the pages; how errors
# look.

. "${CTL_SRC:-.}/tests/lib.sh"

commands()
{
	for c in "$CTL_SRC"/cmd/*.c; do
		basename "$c" .c
	done
}

needs_source()
{
	[ -d "$CTL_SRC/man" ] && [ -d "$CTL_SRC/cmd" ] && return
	skip "needs the source tree"
	return 1
}

# page_has PAGE SHORT LONG: does it explain this option? "-" for none
page_has()
{
	[ "$2" = - ] || grep -q "^\.It Fl $2\( \|$\)" "$1" ||
		return 1
	[ "$3" = - ] || grep -q "^\.It .*\(Fl\|,\) -$3\( \|$\)" "$1"
}

tab=$(printf '\t')

testEveryOptionIsInTheManPage()
{
	needs_source || return 0
	for c in $(commands); do
		page=$CTL_SRC/man/$c.1
		if [ ! -e "$page" ]; then
			fail "$c has no man page"
			continue
		fi
		"$CTL_SRC/scripts/completions" -b "$CTL_BUILD" -l "$c" >"$tmp/options"
		[ -s "$tmp/options" ] || fail "$c has no options"
		while IFS=$tab read -r short long _; do
			# Every command has these three; the page may say so or not.
			case $long in
			help | usage | version) continue ;;
			esac
			page_has "$page" "$short" "$long" ||
				fail "$c.1 does not explain -$short --$long"
		done <"$tmp/options"
	done
}

# What --help has no room for is known from the source: by one way only.
testHiddenOptionsAreRare()
{
	needs_source || return 0
	run grep -rn OPTION_HIDDEN "$CTL_SRC/cmd"
	assertEquals "hidden options that scripts/completions does not see" 1 \
		"$(stdout | grep -v '/\*\|^[^:]*:[0-9]*: \*' | wc -l)"
	"$CTL_SRC/scripts/completions" -b "$CTL_BUILD" -l ptruss >"$tmp/options"
	assertEquals "RARE rows" "$(grep -c '^	RARE(' "$CTL_SRC/cmd/ptruss/options.c")" \
		"$(ptruss --help | sed -n 's/^  .*--\([a-z-]*\).*/\1/p' |
			sort >"$tmp/shown"; cut -f 2 "$tmp/options" | sort |
			comm -23 - "$tmp/shown" | wc -l)"
}

# Each option of ptruss, whose page has most of them, is in an example.
testEveryOptionHasAnExample()
{
	needs_source || return 0
	"$CTL_SRC/scripts/completions" -b "$CTL_BUILD" -l ptruss >"$tmp/options"
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/p' "$CTL_SRC/man/ptruss.1" |
		grep -v '^\.' | tr ' ' '\n' | grep '^-' >"$tmp/used"
	while IFS=$tab read -r short long _; do
		case $long in
		help | usage) continue ;;
		esac
		grep -q -e "^-$short\$" -e "^--$long\(=\|\$\)" "$tmp/used" ||
			fail "ptruss.1 has no example of -$short --$long"
	done <"$tmp/options"
	# What their arguments can be.
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh [^E]/p' "$CTL_SRC/man/ptruss.1" |
		grep '^ptruss\|^ ' >"$tmp/used"
	for form in "'!" ',!' '[ ,]%' '4242/4242' '::' error= retval= signal= delay= \
		when= style=strace; do
		grep -q -e "$form" "$tmp/used" || fail "ptruss.1 has no example of $form"
	done
}

testEveryClassIsInTheManPage()
{
	needs_source || return 0
	ptruss --list | tr ' ' '\n' | grep '^%' | sort -u >"$tmp/classes"
	[ "$(wc -l <"$tmp/classes")" -gt 10 ] || fail "classes: $(cat "$tmp/classes")"
	sed -n 's/^\.\(It \)*Cm %/%/p' "$CTL_SRC/man/ptruss.1" | tr -d ' ' | tr , '\n' |
		grep '^%' | sort -u >"$tmp/told"
	assertEquals "classes that ptruss.1 does not have" "" \
		"$(comm -23 "$tmp/classes" "$tmp/told")"
	while read -r class; do
		ok ptruss -t "$class" -o /dev/null true
	done <"$tmp/told"
}

# The other way round: nothing that was taken away is still explained.
testEveryOptionInTheManPageExists()
{
	needs_source || return 0
	for c in $(commands); do
		page=$CTL_SRC/man/$c.1
		[ -e "$page" ] || continue
		"$CTL_SRC/scripts/completions" -b "$CTL_BUILD" -l "$c" >"$tmp/options"
		sed -n '/^\.It Fl/s/.*\(Fl\|,\) -\([a-z][a-z-]*\).*/\2/p' "$page" |
			sort -u >"$tmp/explained"
		[ -s "$tmp/explained" ] || fail "$c.1 explains no option"
		while read -r long; do
			cut -f 2 "$tmp/options" | grep -qx -e "$long" &&
				continue
			# Not in --help, where there is room for the common ones.
			"$c" "--$long" </dev/null 2>&1 | grep -q 'unrecognized option' &&
				fail "$c.1 explains --$long, which $c does not have"
		done <"$tmp/explained"
	done
}

testCompletionsAreUpToDate()
{
	needs_source || return 0
	ok "$CTL_SRC/scripts/completions" -b "$CTL_BUILD" -o "$tmp/completions"
	run diff -r "$CTL_SRC/completions" "$tmp/completions"
	assertEquals "scripts/completions changes: $(stdout)" 0 "$status"
	for c in $(commands); do
		for f in bash/$c zsh/_$c fish/$c.fish; do
			[ -s "$CTL_SRC/completions/$f" ] || fail "no $f"
		done
	done
}

testCompletionsParse()
{
	needs_source || return 0
	found=
	for shell in bash zsh fish; do
		command -v $shell >/dev/null || continue
		found=$found$shell
		for f in "$CTL_SRC"/completions/"$shell"/*; do
			ok $shell -n "$f"
		done
	done
	[ "$found" ] || skip "needs bash, zsh or fish"
}

# zsh takes what is behind a second colon for a function to call.
testColonsInArgumentsForZsh()
{
	needs_source || return 0
	run grep -n '[A-Z]:[A-Z]' "$CTL_SRC"/completions/zsh/*
	assertEquals "$(stdout)" 1 "$status"
}

# complete_bash WORD...: what bash offers for the last one, in $tmp/stdout
complete_bash()
{
	# shellcheck disable=SC2016
	run bash -c 'set -eu; . "$1/completions/bash/$2"; shift
		set +e
		COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
		_ctltools_"$1"
		printf "%s\n" "${COMPREPLY[@]}"' - "$CTL_SRC" "$@"
}

offers()
{
	want=$1
	shift
	complete_bash "$@"
	stdout | grep -qx -e "$want" ||
		fail "completing '$*' offers no $want: $(stdout) $(stderr)"
}

testBashCompletes()
{
	needs_source && needs_command bash || return 0
	offers --timeout= pstop --t
	offers "$$" pstop "$(echo $$ | cut -c 1)"
	offers "$$/$$" pstop "$$/"
	offers SIGTERM prun -s SIGT
	offers TERM prun -s TE
	offers SIGTERM prun --signal = SIGT
	offers PCSENTRY pctl $$ PCSE
	offers openat,write pctl $$ PCSENTRY openat,wr
	offers PR_RLC pctl $$ PCSET ''
	offers list pusdt ''
	complete_bash pstop -t ''
	assertEquals "a number of seconds is not completed" "" "$(stdout)"
}

testFishCompletes()
{
	needs_source && needs_command fish || return 0
	for line in 'pstop --t=--timeout' 'prun -s SIGT=SIGTERM' \
		'pctl 1 PCSE=PCSENTRY' 'pctl 1 PCSENTRY openat,wr=openat,write' \
		'pusdt l=list'; do
		run env HOME="$tmp" fish -c "source '$CTL_SRC/completions/fish/${line%% *}.fish'
			complete -C '${line%=*}'"
		stdout | cut -f 1 | grep -qx -e "${line##*=}" ||
			fail "fish: '${line%=*}' offers: $(stdout) $(stderr)"
	done
}

testHelpFitsOnAScreen()
{
	needs_source || return 0
	for c in $(commands); do
		ok "$c" --help
		# The prompt has a line of the 24, too.
		[ "$(stdout | wc -l)" -le 23 ] ||
			fail "$c --help has $(stdout | wc -l) lines"
		stdout | grep -q '.\{81\}' && fail "$c --help is wider than 80"
		stdout | grep -q '^Exit status: ' ||
			fail "$c --help does not tell the exit status"
	done
}

testVersionTellsTheBackend()
{
	needs_source || return 0
	for c in $(commands); do
		ok "$c" --version
		stdout | head -n 1 | grep -qx "$c (ctltools) [0-9.]*" ||
			fail "$c --version: $(stdout)"
		stdout | grep -q "^backend: $CTL_BACKEND" ||
			fail "$c --version names no backend: $(stdout)"
		stdout | grep -q "^events: [a-z]" ||
			fail "$c --version names no source of events: $(stdout)"
	done
}

testManPagesAreLintClean()
{
	needs_source && needs_command mandoc || return 0
	for page in "$CTL_SRC"/man/*.[1-8]; do
		run mandoc -Tlint -Wwarning "$page"
		assertEquals "mandoc -Tlint $page" "" "$(stdout)$(stderr)"
	done
}

testEveryMessageIsExplained()
{
	needs_source || return 0
	ok pctl --list
	cut -f 1 "$tmp/stdout" >"$tmp/messages"
	grep -q PCSENTRY "$tmp/messages" || fail "pctl --list: $(stdout)"
	while read -r m; do
		grep -qw "$m" "$CTL_SRC/man/ctl.4" || fail "ctl.4 has no $m"
	done <"$tmp/messages"
	ok pctl --list=modes
	while read -r m; do
		grep -q "^\.It Dv $m$" "$CTL_SRC/man/ctl.4" ||
			fail "ctl.4 has no $m"
	done <"$tmp/stdout"
}

# What the module says in the kernel's log is in its page.
testEveryDiagnosticIsExplained()
{
	needs_source || return 0
	cat "$CTL_SRC"/kmod/*.c | grep -o 'pr_[a-z_]*("[^"]*"' |
		sed 's/^[^"]*"//; s/\\n"$//; s/"$//; s/: %d$//; s/ (%d)$//' |
		sort -u >"$tmp/said"
	assertTrue "something is said" "[ -s '$tmp/said' ]"
	while read -r text; do
		grep -qF ".It \"$text\"" "$CTL_SRC/man/dtrace_ctl.4" ||
			fail "dtrace_ctl.4 does not have: $text"
	done <"$tmp/said"
}

testEveryFunctionOfThePageIsThere()
{
	needs_source || return 0
	sed -n 's/^\.F[no] \(ctl_[a-z_]*\) .*/\1/p; s/^\.Fo \(.*\)/\1/p' \
		"$CTL_SRC/man/libctl.3" | sort -u >"$tmp/functions"
	[ "$(wc -l <"$tmp/functions")" -gt 40 ] || fail "functions of libctl.3"
	while read -r f; do
		grep -q "[ *]$f(" "$CTL_SRC/libctl/ctl.h" ||
			fail "libctl.3 has $f, ctl.h has not"
	done <"$tmp/functions"
}

# "name: cannot ATTEMPT OBJECT: REASON", no full stop
testErrorsLookAlike()
{
	for c in pstop prun pwait pflags pctl; do
		fails 64 "^$c: cannot [a-z]* 12x: .*[^.]$" "$c" 12x
		fails 2 "^$c: cannot [a-z ]* 4194305: No such process$" \
			"$c" 4194305
		fails 64 "^$c: no operand given$" "$c"
		fails 64 "unrecognized option '--nonsense'" "$c" --nonsense
	done
}

testAFullDiskIsAnError()
{
	[ -c /dev/full ] || {
		skip "needs /dev/full"
		return 0
	}
	pflags $$ >/dev/full 2>"$tmp/stderr"
	assertEquals 1 $?
	stderr | grep -q '^pflags: cannot write standard output: No space' ||
		fail "stderr: $(stderr)"
}

# shellcheck disable=SC1091
. shunit2
