#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# The examples of ptruss(1) run, on each source of events, and show what it says.
# shellcheck disable=SC2154 # set by lib.sh
. "${CTL_SRC:-.}/tests/lib.sh"

suite() { suite_by_source; }

tearDown()
{
	use_source default
	end_targets
}

# The commands of its examples, a line each.
examples()
{
	awk '/^\.Sh/ { on = /EXAMPLES/ }
		/^\.Bd/ { code = on; next }
		/^\.Ed/ { code = 0 }
		code { sub(/^ +/, " "); more = /(\||,|\\e)$/; sub(/\\e$/, "")
			printf "%s%s", $0, more ? "" : "\n" }' \
		"$CTL_SRC/man/ptruss.1" | sed 's/\\e/\\/g; s/\\&//g'
}

# shown_by EXAMPLE: what it has to print, or to write to its file
shown_by()
{
	case $1 in
	*'-t %file -j ls'*) echo '^"/' ;;
	*'ptruss -c -p'*) echo '^fsync .* [1-9]' ;;
	*'-T unlink,'*) echo '^unlink("served") (stopped)$' ;;
	pflags*) echo 'STOPPED' ;;
	prun*) echo '' ;;
	*'-k -t fsync'*) echo '^        server.main+0x\|`0x' ;;
	*--style=strace*) echo '^[0-9]*  *openat(AT_FDCWD, ".*) = [0-9]' ;;
	*'-w 1 -o out ls'*) echo '^      000000  ' ;;
	*--timeline=*) echo '"ph":"X"' ;;
	*--exec=cc1*) echo '^[0-9]*:	openat(AT_FDCWD, "x.c"' ;;
	*'-y -t %network'*) echo '^sendto([0-9]*<TCP:\[127.0.0.1:' ;;
	*--histogram*) echo '^read, ns$' ;;
	*error=ENOSPC*) echo 'Err#28 ENOSPC (INJECTED)$' ;;
	*delay_exit=*) echo '^ *0\.\(0[2-9]\|[1-9]\)[0-9]*	openat(' ;;
	*'-t none -j make'*) echo '^{.*"type":"exit"' ;;
	*retval=1*) echo '^geteuid() .* = 1 (INJECTED)$' ;;
	*signal=HUP*) echo 'Received signal #1, SIGHUP' ;;
	*"-t '!read,write'"*) echo '^[0-9]*:	fsync(' ;;
	*4242/4242*) echo '^clock_nanosleep(' ;;
	*--tied*) echo '^[0-9]*:	openat(AT_FDCWD, "x.c"' ;;
	*'-l -E -f -p'*) echo "^$pid/$pid:	 *[0-9.]*	unlink(" ;;
	*'-d -o out -p'*) echo '^ *[0-9]*\.[0-9]*	unlink(' ;;
	*'-D -i -p'*) echo '^ *[0-9]*\.[0-9]*	unlink(' ;;
	*'-c --sort=calls ls'*) echo '^sys totals: ' ;;
	*'--failed -t %file'*) echo 'Err#2 ENOENT$' ;;
	*'--ok -t openat'*) echo '^openat(.* = [0-9]*$' ;;
	*'-r 0 --string'*) echo '^      000000  .*typed' ;;
	*--path=*) echo '^openat(AT_FDCWD, "/etc/passwd", ' ;;
	*'-a -e -t execve'*) echo '    argv: .*x\.c$' ;;
	*'-v -t %fstat'*) echo 'st_blocks=' ;;
	*'-x -t mmap'*) echo '^mmap(0, 0x[0-9a-f]*, ' ;;
	*'-s TERM,HUP -m'*) echo 'Received signal #1, SIGHUP' ;;
	*'-M FLTBOUNDS'*) echo 'stopped: PR_FAULTED FLTBOUNDS' ;;
	*'-S INT -p'*) echo 'stopped: PR_SIGNALLED SIGINT' ;;
	*--pager-friendly*) echo '\[1mexit_group' ;;
	*'--drop -o out'*) echo '^unlink(' ;;
	*'--list '*) echo '^mmap(.*%memory' ;;
	*'ptruss -V'*) echo '^backend: ' ;;
	*'-U libc::malloc'*) echo 'stopped: PR_PROBE libc.*:malloc' ;;
	*'-u libc::malloc'*) echo '-> libc:malloc(' ;;
	*'-u libc:malloc'*) echo '^-> libc:malloc(0x1092, ' ;;
	*'parse_\*'* | *"'a.out:parse_*'"*) echo '^  -> program:parse_request(' ;;
	*'-U a.out:parse_error'*) echo 'stopped: PR_PROBE program:parse_error' ;;
	*) echo 'nothing is known of this example' ;;
	esac
}

shows()
{
	cat "$tmp"/ex/out "$tmp"/ex/files "$tmp"/ex/make.json "$tmp/shown" \
		2>/dev/null | grep -q -e "$1"
}

shows_or_ended()
{
	shows "$1" || gone "$2"
}

testExamplesOfThePage()
{
	[ -e "$CTL_SRC/man/ptruss.1" ] || { skip "needs the page"; return 0; }
	rm -rf "$tmp/ex"
	mkdir "$tmp/ex" "$tmp/ex/bin"
	# What stands for what is not everywhere.
	cp "$(readlink -f "$(command -v cat)")" "$tmp/ex/bin/cc1"
	cp "$TRACEES/server" "$tmp/ex/program"
	echo 'int x;' >"$tmp/ex/x.c"
	printf '#!/bin/sh\nfor i in 1 2 3; do echo $i; done\ncc1 x.c\nexit 0\n' \
		>"$tmp/ex/bin/make"
	printf '#!/bin/sh\ncat\n' >"$tmp/ex/bin/less"
	printf '#!/bin/sh\nexec sh "$@"\n' >"$tmp/ex/bin/bash"
	printf '#!/bin/sh\nread -r line </etc/passwd\n' >"$tmp/ex/bin/id"
	chmod +x "$tmp"/ex/bin/*
	examples >"$tmp/examples"
	assertTrue "examples" "[ $(wc -l <"$tmp/examples") -gt 30 ]"
	target server "$tmp"
	cd "$tmp/ex" || return
	saved_path=$PATH
	PATH=$tmp/ex/bin:$PATH
	while IFS= read -r example; do
		case $example in
		*' -k '*) ! without_stacks || continue ;;
		esac
		rm -f out files make.json
		pattern=$(shown_by "$example")
		echo "$example" | sed "s/4242/$pid/g" >"$tmp/example"
		# What waits for its end is an interrupt's.
		sed 's/^ptruss.*-p.*/exec &/' "$tmp/example" >"$tmp/line"
		(sleep 0.2; echo 'echo typed') |
			sh "$tmp/line" >"$tmp/shown" 2>&1 &
		tracer=$!
		case $example in
		*'-c -p '* | *--histogram*)
			wait_until is_recorded "$pid"
			sleep "${CTL_SLOW:+3}${CTL_SLOW:-1}" ;;
		*) wait_until shows_or_ended "$pattern" $tracer ;;
		esac
		case $example in
		*-p*) kill -INT $tracer 2>/dev/null ;;
		esac
		wait_until gone $tracer || fail "$example: does not end"
		wait $tracer
		status=$?
		case $example in
		# The write that fails is the program's.
		*error=*) ;;
		*) assertEquals "$example: $(head -n 5 "$tmp/shown")" 0 $status ;;
		esac
		[ -z "$pattern" ] || shows "$pattern" ||
			fail "$example: no '$pattern' in: $(cat out "$tmp/shown" \
				2>/dev/null | head -n 20)"
		case $example in
		*-[MSU]*) prun "$(sed -n 's/^ptruss: \([0-9]*\) stopped.*/\1/p' \
			"$tmp/shown")" ;;
		esac
	done <"$tmp/examples"
	PATH=$saved_path
	cd "$OLDPWD" || return
	assert_untouched "$pid"
}

. shunit2
