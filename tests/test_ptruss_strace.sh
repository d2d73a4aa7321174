#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss --style=strace against strace itself: the same command, traced by
# each, gives the same lines, call by call and argument by argument.

. "${CTL_SRC:-.}/tests/lib.sh"
# In a VM: strace has seen these, not what stands in for them there.
PATH=${HOST_BIN:+$HOST_BIN:}$PATH

# What differs and may; all else must be the same.
#  * the execve that starts the command: ptruss begins behind it
#  * addresses (of mappings that a command reads too), and what differs from run to run: ids, random bytes
#  * real-time signals: strace counts from 32, kill(1) and ptruss from 34
#  * limits: strace writes them as products, and RLIM64_INFINITY for prlimit64
#  * getdents64: strace reads the entries and tells their number
#  * results of F_GETFL and F_GETFD: strace explains them
#  * envp: strace tells how many; argv: ptruss shows whole strings
#  * FICLONE: strace names it twice
#  * what time it is, where the vDSO does not tell
#  * sched_getaffinity: ptruss shows the address
normalized()
{
	sed -E '
	/^execve\(.* = 0$/d
	/^(getrandom|set_tid_address|getpid|getppid|gettid|sysinfo)\(/d
	/^execve\(/s/\(("[^"]*").*\) = /(\1) = /
	s/0x[0-9a-f]{6,}/ADDR/g
	/^read\(/s/"[0-9a-f]+-[0-9a-f]+ [^"]*"/"MAPS"/
	s/~\[(RTMIN RT_1|32 33)\]/~[RT]/g
	/^prlimit64\(/{s/RLIM64_/RLIM_/g;s/=8192\*1024/=8388608/g}
	/^getdents64\(/s| /\* [0-9]+ entries \*/||
	/^fcntl\([0-9]+, F_GETF[LD]\)/s/ = [^-].*/ = FLAGS/
	/^sched_getaffinity\(/s/, [^,]*\) = /, MASK) = /
	/^(clock_gettime|gettimeofday)\(/s/tv_(u?n?sec)=[0-9]+/tv_\1=T/g
	s/BTRFS_IOC_CLONE or //
	s/ +/ /g' "$1"
}

# What the commands below make; each of the two finds it as it was.
fresh()
{
	rm -rf "$tmp/work"
	mkdir "$tmp/work"
	echo one >"$tmp/work/one"
}

# same COMMAND...
same()
{
	# strace that cannot trace here has nothing to compare with.
	needs_command strace || return 0
	if ! strace -o "$tmp/probe" true 2>/dev/null; then
		skip "strace does not work here"
		return 0
	fi
	fresh
	strace -o "$tmp/strace" "$@" >/dev/null 2>&1 </dev/null
	theirs=$?
	fresh
	ptruss --style=strace -o "$tmp/ptruss" "$@" >/dev/null 2>&1 </dev/null
	assertEquals "exit status: $*" $theirs $?
	normalized "$tmp/strace" >"$tmp/expected"
	normalized "$tmp/ptruss" >"$tmp/actual"
	assertTrue "nothing to compare: $*" \
		"[ \$(wc -l <'$tmp/expected') -gt 15 ]"
	assertEquals "$*" "" "$(diff "$tmp/expected" "$tmp/actual")"
}

testFilesThatAreRead()
{
	same cat /etc/passwd
	same head -n 1 /etc/passwd
	same wc /etc/passwd
	same grep root /etc/passwd
	same cut -d: -f1 /etc/passwd
	same cmp /etc/hosts /etc/passwd
	same md5sum /etc/passwd
	same ls /etc
	same find /usr/share/man -maxdepth 1
	same readlink -f /etc/hosts
}

testFilesThatAreMade()
{
	same cp "$tmp/work/one" "$tmp/work/two"
	same mkdir -p "$tmp/work/dir/dir"
	same ln -sf one "$tmp/work/link"
	same rm "$tmp/work/one"
	same rm -f "$tmp/work/none"
	same mv "$tmp/work/one" "$tmp/work/two"
	same dd if=/dev/zero of="$tmp/work/two" bs=512 count=3 status=none
	same tar cf - /etc/passwd
}

testOthers()
{
	same true
	same false
	same echo one
	same uname -a
	same id
	same sh -c 'trap "" INT; trap : TERM; exit 7'
	same env -i sh -c 'cd /; umask 022; test -r /etc/passwd'
	# In a VM there is none.
	command -v git >/dev/null && same git --version
	:
}

testSockets()
{
	needs_command strace || return 0
	needs_command /usr/bin/python3 || return 0
	cat >"$tmp/sockets.py" <<-'EOF'
	import socket
	s = socket.socket()
	s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	a, b = socket.socketpair()
	a.sendmsg([b"hi"])
	a.sendmsg([b"one", b"more"])
	b.recv(20)
	EOF
	calls=socketpair,setsockopt,sendmsg,recvfrom
	strace -e "trace=$calls" -o "$tmp/expected" /usr/bin/python3 "$tmp/sockets.py"
	ptruss -t "$calls" --style=strace -o "$tmp/actual" \
		/usr/bin/python3 "$tmp/sockets.py"
	sed -E 's/ +/ /g' "$tmp/expected" >"$tmp/strace"
	sed -E 's/ +/ /g' "$tmp/actual" >"$tmp/ptruss"
	assertEquals "lines" 7 "$(wc -l <"$tmp/strace")"
	assertEquals "" "$(diff "$tmp/strace" "$tmp/ptruss")"
}

# A command starts with the signals as its caller had them, ptruss or not:
# one that ignores SIGPIPE never ends in a pipe.
testSigpipeIsTheCallers()
{
	ptruss -t none -o "$tmp/o" sh -c 'kill -PIPE $$; exit 3'
	assertEquals "killed" 141 $?
	(
		trap '' PIPE
		ptruss -t none -o "$tmp/o" sh -c 'kill -PIPE $$; exit 3'
	)
	assertEquals "ignored" 3 $?
}

. shunit2
