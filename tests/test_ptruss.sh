#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss: what it prints, what it leaves behind.

. "${CTL_SRC:-.}/tests/lib.sh"

testCommand()
{
	ptruss -o "$tmp/o" sh -c 'exit 3'
	assertEquals "exit status" 3 $?
	assertTrue "first call" "grep -q '^brk(' '$tmp/o'"
	assertTrue "exit" "grep -q '^exit_group(' '$tmp/o'"
}

testKilledCommand()
{
	ptruss -o "$tmp/o" sh -c 'kill -9 $$'
	assertEquals "exit status" 137 $?
	assertTrue "told" "grep -q 'killed by SIGKILL' '$tmp/o'"
}

# An interrupt is the command's, and a second one, when the trace goes to a
# file; to a pipe the second one ends the trace, and the command runs on.
testInterrupts()
{
	cat >"$tmp/catches" <<-'E'
	trap 'n=$((n + 1)); echo $n' INT
	echo ready
	while [ "${n:-0}" -lt 3 ]; do sleep 0.05; done
	exit 9
	E
	spawn env --default-signal=INT ptruss -t kill -o "$tmp/o" sh "$tmp/catches"
	assert_soon grep -q ready "$out"
	for n in 1 2 3; do
		kill -INT "$pid"
		# (The terminal tells both.)
		kill -INT "$(cat "/proc/$pid/task/$pid/children")"
		assert_soon grep -q "^$n$" "$out"
	done
	reap "$pid"
	assertEquals "the command's status" 9 "$status"
	rm -f "$tmp/fifo"
	: >"$tmp/e"
	mkfifo "$tmp/fifo"
	cat "$tmp/fifo" >/dev/null &
	reader=$!
	env --default-signal=INT ptruss -j -t kill sh "$tmp/catches" \
		>"$tmp/fifo" 2>"$tmp/e" &
	tracer=$!
	assert_soon grep -q ready "$tmp/e"
	child=$(tr -d ' ' <"/proc/$tracer/task/$tracer/children")
	kill -INT "$tracer"
	kill -INT "$child"
	assert_soon grep -q '^1$' "$tmp/e"
	assert_soon gone_when_interrupted "$tracer"
	wait "$tracer"
	assertEquals "ended by the second" 130 $?
	wait "$reader"
	assert_untouched "$child"
	kill -9 "$child"
}

# Also one that comes before the command is there: its server may take its time.
testInterruptAtTheStart()
{
	needs_keeper "a server that is slow to start" || return 0
	cat >"$tmp/keeper" <<-E
		#!/bin/sh
		: >"$tmp/starting"
		while [ ! -e "$tmp/start" ]; do sleep 0.01; done
		exec "$CTL_BUILD/libexec/ctltools/ctlkeeper" "\$@"
	E
	chmod 755 "$tmp/keeper"
	spawn env --default-signal=INT CTL_KEEPER="$tmp/keeper" \
		ptruss -o "$tmp/o" sleep 1000
	assert_soon [ -e "$tmp/starting" ]
	child=$(tr -d ' ' <"/proc/$pid/task/$pid/children")
	kill -INT "$pid"
	kill -INT "$child"
	assert_soon gone "$child"
	: >"$tmp/start"
	reap "$pid"
	assertEquals "status: $(cat "$err")" 130 "$status"
	assertEquals "" "$(cat "$err")"
}

# What ptruss has open is not the command's.
testNothingIsInherited()
{
	plain=$(sh -c 'ls /proc/self/fd | wc -l')
	assertEquals "descriptors" "$plain" \
		"$(ptruss -o "$tmp/o" sh -c 'ls /proc/self/fd | wc -l')"
	assertEquals "descriptors, -j" "$plain" "$(ptruss -j -t none \
		sh -c 'ls /proc/self/fd | wc -l' 2>&1 >/dev/null)"
}

# (Two signals that come at once are one.)
gone_when_interrupted()
{
	kill -INT "$1" 2>/dev/null
	gone "$1"
}

testNoCommand()
{
	run ptruss "$tmp/no-such-command"
	assertEquals 2 "$status"
	assertTrue "why" "grep -q 'cannot start .*: No such file' '$tmp/stderr'"
	run ptruss
	assertEquals 64 "$status"
	run ptruss -p 1x
	assertEquals 64 "$status"
}

# What is typed by those who know another tracer.
testHabits()
{
	fails 64 "unknown system call 'file' (say %file)" ptruss -t file ls
	fails 64 "; --string=N is the length" ptruss -s 200 ls
	fails 64 "; -d is the time since the start" ptruss -tt ls
	fails 64 "; -d is the time since the start" ptruss -t ls
	fails 64 "; -E is the time spent" ptruss -T ls
	fails 64 "; -D is the time since the line before" ptruss -r ls
	fails 64 "; --sort=KEY is the order" ptruss -c -S calls ls
	fails 64 "unknown system call 'opna'$" ptruss -T opna ls
	fails 64 "-e takes no argument; -t CALLS" ptruss -e trace=open ls
	fails 64 "-e takes no argument; -t CALLS" ptruss -e open,close ls
	fails 64 "-v takes no argument" ptruss -v all ls
	fails 64 "-x takes no argument" ptruss -x open,read ls
	fails 64 "-c and --path: not both" ptruss -c --path=/ ls
	ok ptruss -o "$tmp/o" -v -x -e -- env A=B true
}

# An argument that will not do: what would?
testWrongArguments()
{
	fails 64 "one of time, calls, errors, name" ptruss -c --sort=x ls
	fails 64 "one of truss, strace, json" ptruss --style=x ls
	fails 64 "bytes from 1 to 32768: 99999" ptruss -k99999 ls
	fails 64 "bytes below 32768: 99999" ptruss --string=99999 ls
	fails 64 "numbers below [0-9]*, or all): 70000$" ptruss -w 70000 ls
	fails 64 "--ok and --failed: not both" ptruss --ok --failed ls
}

testCountOfFailures()
{
	: >"$tmp/there"
	for only in failed ok; do
		ptruss -c -j --$only -t openat -o "$tmp/$only" \
			cat "$tmp/there" "$tmp/none1" "$tmp/none2" 2>/dev/null
	done
	assertTrue "$(cat "$tmp/failed")" "jq -se 'length == 1 and
		(.[0] | .calls >= 2 and .calls == .errors)' '$tmp/failed'"
	assertTrue "$(cat "$tmp/ok")" "jq -se 'length == 1 and
		(.[0] | .calls >= 1 and .errors == 0)' '$tmp/ok'"
}

testPipeline()
{
	ptruss -j ls / 2>/dev/null | jq -r .name | sort | uniq -c >"$tmp/names"
	assertTrue "openat is among them" "grep -q ' openat$' '$tmp/names'"
	assertFalse "a bad line" "grep -q 'null$' '$tmp/names'"
}

testSelection()
{
	ptruss -t openat,close -o "$tmp/o" ls / >/dev/null
	assertTrue "openat" "grep -q '^openat(' '$tmp/o'"
	assertFalse "read" "grep -q '^read(' '$tmp/o'"
	ptruss -t '!openat' -o "$tmp/o" ls / >/dev/null
	assertFalse "not openat" "grep -q '^openat(' '$tmp/o'"
	assertTrue "read" "grep -q '^read(' '$tmp/o'"
}

testFollow()
{
	ptruss -f -j -o "$tmp/o" sh -c 'sh -c "exit 4"; /bin/true; exit 5'
	assertEquals 5 $?
	assertEquals "processes" 3 "$(jq -r 'select(.type == "exit" and .process) | .pid' "$tmp/o" | sort -u | wc -l)"
	assertEquals "statuses" "0 4 5" "$(jq -r 'select(.type == "exit" and .process) | .status' "$tmp/o" | sort | tr '\n' ' ' | sed 's/ $//')"
	assertEquals "without -f" 1 "$(ptruss -j -o /dev/stdout sh -c '/bin/true; exit 5' | jq -r .pid | sort -u | wc -l)"
}

# The totals of -c are the number of records.
testCount()
{
	ptruss -c -j -o "$tmp/c" ls / >/dev/null
	ptruss -j -o "$tmp/o" ls / >/dev/null
	assertEquals "calls" "$(jq 'select(.type == "syscall")' "$tmp/o" | jq -s length)" \
		"$(jq -s 'map(select(.type == "count") | .calls) | add' "$tmp/c")"
}

testExec()
{
	ptruss --exec='ca*' -t openat,execve -o "$tmp/o" \
		sh -c 'ls / >/dev/null; cat /etc/passwd >/dev/null; sh -c "cat /etc/group; :"' >/dev/null
	assertEquals "both cats" 2 "$(grep -c 'openat.*"/etc/\(passwd\|group\)"' "$tmp/o")"
	assertFalse "nobody else" "grep -q 'openat.*, \"/\",' '$tmp/o'"
	assertFalse "ls" "grep -q 'executes.*/ls ' '$tmp/o'"
	ptruss --exec='*/sh' -t dup2 -o "$tmp/o" "$(command -v dash || echo sh)" -c 'exit 3'
	assertEquals 3 $?
}

testPager()
{
	ptruss --pager-friendly -C -t openat ls / 2>&1 >/dev/null | head -n 1 >"$tmp/o"
	assertTrue "colours" "grep -q '\[1mopenat' '$tmp/o'"
	ptruss -C -t openat ls / 2>"$tmp/o" >/dev/null
	assertFalse "not in a file" "grep -q '\[1m' '$tmp/o'"
	target /bin/sh -c 'echo ready; while :; do :</dev/null; done'
	timeout 20 ptruss --pager-friendly -p "$pid" 2>&1 | head -n 2 >"$tmp/o"
	assertEquals "head has its lines" 2 "$(wc -l <"$tmp/o")"
	assert_soon untouched "$pid"
	ptruss -t write -o "$tmp/o" ptruss --pager-friendly -t getppid \
		"$TRACEES/caller" 50 2>/dev/null
	assertEquals "each line as it comes" 50 \
		"$(grep -c '^write(2, "getppid' "$tmp/o")"
}

# The same descriptor, one file after the other, and a copy of it.
testDescriptors()
{
	echo one >"$tmp/one"
	echo two >"$tmp/two"
	ptruss -f -y -t openat,read,close,dup2,fcntl -o "$tmp/o" \
		sh -c 'cd "$1"; cat one two; cat <"$1/two"' sh "$tmp" >/dev/null
	for f in one two; do
		assertEquals "read of $f" "$([ $f = one ] && echo 1 || echo 2)" \
			"$(grep -c "read([0-9]*<.*/*$f>, \"$f.n\"" "$tmp/o")"
		assertTrue "close of $f" "grep -q 'close([0-9]*<.*/*$f>)' '$tmp/o'"
	done
	assertTrue "the copy" "grep -q 'read(0<$tmp/two>, \"two' '$tmp/o'"
	# Where it was, though it is gone when that is printed.
	mkdir -p "$tmp/deep/er"
	ptruss -f -y -t openat,chdir,fchdir -o "$tmp/o" sh -c \
		'cd "$1"; cd deep; cd er; cat ../../one; cd ..; cat ../two' sh "$tmp" >/dev/null
	for line in "$tmp/deep/er>, \"../../one" "$tmp/deep>, \"../two"; do
		assertTrue "$line: $(cat "$tmp/o")" \
			"grep -q 'openat(AT_FDCWD<$line\"' '$tmp/o'"
	done
}

testSockets()
{
	needs_command python3 || return 0
	# ptruss has to look while the sockets are there: till it has written.
	ptruss -y -t %network -o "$tmp/o" python3 -c '
import socket, sys, time
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(1)
c = socket.socket(); time.sleep(0.3) # it has no addresses yet, and is looked at
c.connect(s.getsockname()); a, _ = s.accept()
c.send(b"x")
u = socket.socket(socket.AF_UNIX); u.bind(sys.argv[1]); u.listen(1)
print(s.getsockname()[1], c.getsockname()[1], flush=True)
end = time.time() + 60
while open(sys.argv[2]).read().count("listen(") < 2 and time.time() < end:
    time.sleep(0.05)' "$tmp/sock" "$tmp/o" >"$tmp/ports" 2>/dev/null
	read server client <"$tmp/ports"
	assertTrue "TCP $server $client: $(cat "$tmp/o")" "grep -q 'sendto([0-9]*<TCP:.127.0.0.1:$client->127.0.0.1:$server.>' '$tmp/o'"
	assertTrue "UNIX: $(cat "$tmp/o")" "grep -q 'listen([0-9]*<UNIX-STREAM:.[0-9]*,\"$tmp/sock\".>' '$tmp/o'"
}

# A path of 108 bytes, of which each is shown as four.
testSocketWithLongName()
{
	needs_command python3 || return 0
	ptruss -y -t listen -o "$tmp/o" python3 -c '
import os, socket, sys, time
os.chdir(sys.argv[1])
u = socket.socket(socket.AF_UNIX); u.bind(b"\xff" * 100); u.listen(1)
end = time.time() + 60
while "listen(" not in open("o").read() and time.time() < end:
    time.sleep(0.05)' "$tmp" 2>/dev/null
	grep -q 'listen([0-9]*<UNIX-STREAM:.[0-9]*,"\(.377\)\{100\}".>' "$tmp/o" ||
		fail "$(cat "$tmp/o")"
}

testHistogram()
{
	ptruss --histogram -j -o "$tmp/c" ls / >/dev/null
	assertTrue "each call is in a bucket" "jq -se 'map(select(.type == \"count\")
		| .calls == (.times | map(.count) | add)) | all and length > 5' '$tmp/c'"
	ptruss --histogram -t openat -o "$tmp/o" ls / >/dev/null
	assertTrue "bars" "grep -q '^ *[0-9]* *[0-9]* |\**\$' '$tmp/o'"
	assertEquals "as many as calls" "$(sed -n 's/^openat *[0-9.]* *\([0-9]*\).*/\1/p' "$tmp/o")" \
		"$(awk '/ \|/ { n += $2 } END { print n }' "$tmp/o")"
}

testEveryCallIsSeen()
{
	# As many reads as there are bytes, and one for the end.
	head -c 20000 /dev/zero >"$tmp/zeros"
	assertEquals 20001 "$(ptruss -t read -j -o /dev/stdout \
		dd if="$tmp/zeros" of=/dev/null bs=1 2>/dev/null |
		grep -c '{"name":"fd","value":0,.*{"name":"count","value":1,')"
}

testAttached()
{
	target spin 1
	ptruss -o "$tmp/o" -p "$pid" &
	tracer=$!
	wait_until grep -qs getppid "$tmp/o"
	kill -TERM "$tracer"
	wait "$tracer"
	assertEquals 0 $?
	assert_untouched "$pid"
	assert_runs "$pid"
}

# What strace prints of the same calls.
testDecoded()
{
	cd "$tmp" || return
	ptruss -o o -t openat,newfstatat,write,access,mmap sh -c 'echo "a	b\001\"" >f; cat f' >/dev/null
	assertTrue "flags" 'grep -q "openat(AT_FDCWD, \"/etc/ld.so.cache\", O_RDONLY|O_CLOEXEC) *= [0-9]" o'
	assertTrue "created" 'grep -q "openat(AT_FDCWD, \"f\", O_WRONLY|O_CREAT|O_TRUNC, 0666) *= [0-9]" o'
	assertTrue "struct" 'grep -q "newfstatat([0-9]*, \"\", {st_mode=S_IFREG|0[0-7]*, st_size=[0-9]*, ...}, AT_EMPTY_PATH) *= 0" o'
	assertTrue "error" 'grep -q "access(\"/etc/ld.so.preload\", R_OK) *Err#2 ENOENT" o'
	assertTrue "bytes" 'grep -qF "write(1, \"a\\tb" o'
	assertTrue "mmap" 'grep -q "mmap(NULL, [0-9]*, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x" o'
	cd "$OLDPWD" || return
}

# What cannot be used shall not go unseen, for everything works without it.
testWhereEventsComeFrom()
{
	needs_keeper "where events come from" || return 0
	CTL_EVENTS=ptrace ptruss --version >"$tmp/o"
	assertEquals "events: ptrace (CTL_EVENTS)" "$(tail -n 1 "$tmp/o")"
	fails 2 'CTL_EVENTS is "ptraec": it takes ptrace or bpf$' \
		env CTL_EVENTS=ptraec ptruss true
	event=$(ptruss --version | sed -n 's/^events: //p')
	# (A container may have the capabilities, and not the call.)
	if linux_since 5 12 && PATH=$PATH:/usr/sbin bpftool prog >/dev/null 2>&1; then
		assertNotEquals "ptrace: the kernel's BPF is too old, or has no BTF" \
			"$event"
	fi
	if unshare -Ur true 2>/dev/null; then
		assertEquals "events: ptrace: BPF needs CAP_BPF and CAP_PERFMON, in the first user namespace" \
			"$(unshare -Ur ptruss --version | tail -n 1)"
	fi
	[ "$event" = bpf ] && return
	run env CTL_EVENTS=bpf ptruss -o "$tmp/o" true
	assertEquals 2 "$status"
	assertTrue "why: $(stderr)" "grep -q 'CTL_EVENTS asks for' '$tmp/stderr'"
}

# Both sources of events give the same.
testSources()
{
	needs_bpf || return 0
	for source in bpf ptrace; do
		CTL_EVENTS=$source ptruss -j -f -o "$tmp/$source" \
			sh -c 'ls -l /etc >/dev/null; cat /etc/passwd >/dev/null'
		jq -c 'select(.type == "syscall") | [.name, [.args[] |
			select(.name != "arg" and .value < 4096) | .text], .errno]' \
			"$tmp/$source" | sort >"$tmp/$source.sorted"
	done
	assertTrue "there is something" "[ $(wc -l <"$tmp/bpf.sorted") -gt 100 ]"
	assertEquals "" "$(diff "$tmp/bpf.sorted" "$tmp/ptrace.sorted" | head -n 20)"
}

# There is room for one long path in a record of BPF's: the other shows as cut.
testTwoLongPaths()
{
	needs_bpf || return 0
	long=$(printf '%01700d' 0 | sed 's|0|x/|g')
	for source in $(event_sources); do
		use_source "$source"
		ptruss -t symlinkat -o "$tmp/o" ln -s "/$long" "/no/$long" 2>/dev/null
		second=no/$long
		[ "$source" = bpf ] && second=...
		tr -d '"' <"$tmp/o" >"$tmp/unquoted"
		assertTrue "$source: $(cut -c -40 "$tmp/o")" \
			"grep -q '^symlinkat(/$long, AT_FDCWD, /*$second) ' '$tmp/unquoted'"
	done
	use_source default
}

# A call now and then is printed when it is made, not when the trace ends.
testFewCallsAreNotHeldBack()
{
	sh -c 'while :; do sleep 0.2; done' &
	slow=$!
	ptruss -f -o "$tmp/o" -p "$slow" &
	tracer=$!
	wait_until grep -q wait4 "$tmp/o" || fail "nothing was printed"
	before=$(wc -l <"$tmp/o")
	for i in 1 2 3; do
		wait_until more_than "$before" || fail "no more was printed"
		before=$(wc -l <"$tmp/o")
	done
	kill "$tracer"
	wait "$tracer"
	kill "$slow"
	wait "$slow" 2>/dev/null
	return 0
}

more_than()
{
	[ "$(wc -l <"$tmp/o")" -gt "$1" ]
}

# Where no call is asked for none of them stops.
testNoCallsNoStops()
{
	needs_keeper "its stops" || return 0
	spawn "$TRACEES/caller" 1000000000
	for source in $(event_sources); do
		use_source "$source"
		ptruss -t none -o /dev/null -p "$pid" &
		tracer=$!
		wait_until traced "$pid" || fail "$source: not traced"
		keeper=$(tracer "$pid")
		sleep 0.3
		before=$(field "$keeper" voluntary_ctxt_switches)
		sleep 0.5
		more=$(($(field "$keeper" voluntary_ctxt_switches) - before))
		assertTrue "$source: $more stops" "[ $more -lt 50 ]"
		kill "$tracer"
		wait "$tracer"
	done
	use_source default
	kill -9 "$pid"
	reap "$pid"
}

traced()
{
	[ "$(tracer "$1")" != 0 ]
}

testKilledTracerHarmsNobody()
{
	target threads 4 work
	for i in 1 2 3 4 5 6 7 8 9 10; do
		ptruss -f -o /dev/null -p "$pid" &
		tracer=$!
		sleep 0.0$i
		kill -9 "$tracer"
		wait "$tracer" 2>/dev/null
		assert_untouched "$pid"
	done
	assert_runs "$pid"
}

# The pid of a process that stops is not waited for: "closed pipe", "full disk".
testOutputFails()
{
	[ -w /dev/full ] || { skip "no /dev/full"; return 0; }
	run ptruss -o /dev/full ls /
	assertEquals 2 "$status"
	assertTrue "why" "grep -q 'cannot write /dev/full: No space left' '$tmp/stderr'"
}

testReaderThatDoesNotReadMakesItWait()
{
	mkfifo "$tmp/slow"
	ptruss -j -o "$tmp/slow" dd if=/dev/zero of=/dev/null bs=1 count=100000 2>/dev/null &
	tracer=$!
	exec 7<"$tmp/slow"
	sleep 2
	assertEquals "nothing is lost" 100000 \
		"$(grep -c '"name":"write","args":\[{[^}]*"value":1[,}]' <&7)"
	exec 7<&-
	wait "$tracer"
	assertEquals 0 $?
}

testStyleStrace()
{
	ptruss --style=strace -t access,exit_group,openat -o "$tmp/o" cat /etc/hostname >/dev/null
	assertTrue "error" "grep -q '^access(\"/etc/ld.so.preload\", R_OK) *= -1 ENOENT (No such file or directory)$' '$tmp/o'"
	assertTrue "result" "grep -q '^openat(AT_FDCWD, \"/etc/hostname\", O_RDONLY) *= [0-9]*$' '$tmp/o'"
	assertTrue "no result" "grep -q '^exit_group(0) *= ?$' '$tmp/o'"
	assertEquals "end" "+++ exited with 0 +++" "$(tail -n 1 "$tmp/o")"
	ptruss --style=strace -f -o "$tmp/o" sh -c 'sh -c "kill -USR1 \$\$"; exit 0'
	assertTrue "signal" "grep -q -e '--- SIGUSR1 {si_signo=SIGUSR1, si_code=SI_USER, si_pid=[0-9]*, si_uid=[0-9]*} ---' '$tmp/o'"
	assertTrue "child" "grep -q -e '--- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_KILLED, si_pid=[0-9]*, si_uid=[0-9]*, si_status=SIGUSR1,' '$tmp/o'"
	assertTrue "killed" "grep -q -e '+++ killed by SIGUSR1 +++' '$tmp/o'"
	run ptruss --style=nonsense ls
	assertEquals 64 "$status"
}

testFailedAndOk()
{
	ptruss -t openat --failed -j -o "$tmp/o" cat /etc/hostname "$tmp/none" >/dev/null 2>&1
	assertEquals "an error each" ENOENT "$(jq -r 'select(.type == "syscall") | .errno' "$tmp/o" | sort -u)"
	ptruss -t openat --ok -j -o "$tmp/o" cat /etc/hostname "$tmp/none" >/dev/null 2>&1
	assertEquals "none" null "$(jq -r 'select(.type == "syscall") | .errno' "$tmp/o" | sort -u)"
}

testReadAndWrite()
{
	printf 'fourscore and seven years ago our fathers brought\0forth' >"$tmp/text"
	ptruss -t read,write -r all -w 1 -o "$tmp/o" cat "$tmp/text" >/dev/null
	# Read and written: the first and the last 16 bytes twice.
	assertEquals "first" 2 "$(grep -c '000000  66 6f 75 72 73 63 6f 72 65 20 61 6e 64 20 73 65  fourscore and se$' "$tmp/o")"
	assertEquals "last" 2 "$(grep -c '000030  74 00 66 6f 72 74 68  *t.forth$' "$tmp/o")"
	ptruss -t read,write -w 1 -o "$tmp/o" cat "$tmp/text" >/dev/null
	assertEquals "-w only" 1 "$(grep -c '000000  66' "$tmp/o")"
	run ptruss -r 1,,2 ls
	assertEquals 64 "$status"
	run ptruss -r 1x ls
	assertEquals 64 "$status"
}

testTimeline()
{
	ptruss --timeline="$tmp/t" -o "$tmp/o" cat /etc/hostname >/dev/null
	assertEquals "a bar a call" "$(grep -c '^[a-z0-9_]*(' "$tmp/o")" \
		"$(jq '[.traceEvents[] | select(.ph == "X")] | length' "$tmp/t")"
	assertEquals "names" '"/etc/hostname"' \
		"$(jq -r '.traceEvents[] | select(.name == "openat") | .args.filename' "$tmp/t" | tail -n 1)"
}

testSort()
{
	ptruss -c --sort=name -j -o "$tmp/o" ls / >/dev/null
	jq -r 'select(.type == "count") | .name' "$tmp/o" >"$tmp/names"
	assertTrue "by name" "sort -c '$tmp/names'"
	ptruss -c --sort=calls -j -o "$tmp/o" ls / >/dev/null
	jq -r 'select(.type == "count") | .calls' "$tmp/o" >"$tmp/calls"
	assertTrue "by calls" "sort -c -n -r '$tmp/calls'"
	run ptruss -c --sort=size ls
	assertEquals 64 "$status"
}

testList()
{
	assertEquals "%file %desc" \
		"$(ptruss --list | sed -n 's/^openat(dfd, filename, flags, mode) //p')"
	ptruss --list >"$tmp/list"
	assertTrue "all of them" "[ $(wc -l <"$tmp/list") -gt 340 ]"
}

testPath()
{
	ptruss --path=/etc/hostname -j -o "$tmp/o" cat /etc/hostname >/dev/null
	assertEquals "the open" openat "$(jq -r 'select(.type == "syscall") | .name' "$tmp/o" | head -n 1)"
	assertEquals "no other file" 1 "$(jq -r 'select(.name == "openat") | .args[1].text' "$tmp/o" | wc -l)"
}

testArgvAndEnv()
{
	ptruss -a -t execve -o "$tmp/o" -f sh -c '/bin/echo two words; :' >/dev/null
	assertTrue "command" "grep -q '^    argv: sh -c /bin/echo' '$tmp/o'"
	assertTrue "child" "grep -q '    argv: /bin/echo two words$' '$tmp/o'"
	TRUSSED=yes ptruss -e -t execve -o "$tmp/o" true
	assertTrue "environment" "grep -q '^    envp: .*TRUSSED=yes' '$tmp/o'"
}

testRawAndVerbose()
{
	ptruss -x -t openat -o "$tmp/o" cat /etc/hostname >/dev/null
	assertTrue "raw" "grep -q '^openat(0xffffff9c, 0x[0-9a-f]*, ' '$tmp/o'"
	ptruss -v -t newfstatat -o "$tmp/o" cat /etc/hostname >/dev/null
	assertTrue "all fields" "grep -q 'st_nlink=1, st_uid=.*st_blocks=' '$tmp/o'"
	ptruss -t newfstatat -o "$tmp/o" cat /etc/hostname >/dev/null
	assertFalse "some fields" "grep -q 'st_blocks=' '$tmp/o'"
}

testEveryByteComesBack()
{
	printf '\001\377\303\050"\\\303\251' >"$tmp/bytes"
	ptruss -t write -j -o "$tmp/o" cat "$tmp/bytes" >/dev/null
	jq -r 'select(.name == "write") | .args[1].text' "$tmp/o" |
		sed 's/^"//; s/"$//; s/\\"/"/g' >"$tmp/text"
	# A shell's printf knows the same escapes, octal ones with a zero.
	printf '%b' "$(sed 's/\\\([0-7]\)/\\0\1/g' "$tmp/text")" >"$tmp/back"
	assertTrue "the same: $(cat "$tmp/text")" "cmp '$tmp/bytes' '$tmp/back'"
}

testStopAndWalkAway()
{
	for source in $(event_sources); do
		use_source "$source"
		ptruss -T exit_group -o "$tmp/o" cat /etc/hostname >/dev/null 2>"$tmp/e"
		assertEquals "$source: status" 0 $?
		assertTrue "$source: where" "grep -q '^exit_group(0) (stopped)$' '$tmp/o'"
		stopped=$(sed -n 's/^ptruss: \([0-9]*\) stopped: .*/\1/p' "$tmp/e")
		assertTrue "$source: held" "pflags '$stopped' | grep -q STOPPED"
		prun "$stopped"
		assert_soon gone "$stopped"
	done
	use_source default
	ptruss -S USR1 -o "$tmp/o" sh -c 'kill -USR1 $$' 2>"$tmp/e"
	stopped=$(sed -n 's/^ptruss: \([0-9]*\) stopped: .*/\1/p' "$tmp/e")
	assertTrue "signal" "pflags '$stopped' | grep -q SIGUSR1"
	prun "$stopped"
	assert_soon gone "$stopped"
}

stopped_pids()
{
	sed -n 's/^ptruss: \([0-9]*\) stopped: .*/\1/p' "$tmp/e"
}

# walked_away OPTION... COMMAND...: it stopped, is left so, and runs on when told
walked_away()
{
	ptruss -o "$tmp/o" "$@" >"$tmp/command" 2>"$tmp/e"
	assertEquals "$source: status of $*: $(cat "$tmp/e")" 0 $?
	pid=$(stopped_pids)
	assertTrue "$source: held: $*" "all_stopped '$pid'"
	prun "$pid"
	assert_soon gone "$pid"
}

# What was done before the stop has been printed, a child's, too.
testNothingIsMissingBeforeAStop()
{
	for source in $(event_sources); do
		use_source "$source"
		for n in 1 8 5000; do
			walked_away -t getppid -T exit_group "$TRACEES/caller" $n
			assertEquals "$source: of $n" $n "$(grep -c ^getppid "$tmp/o")"
		done
		spawn ptruss -f -t getppid -T exit_group -o "$tmp/o" \
			sh -c "'$TRACEES/caller' 7; :"
		cp "$err" "$tmp/e"
		tracer=$pid
		assert_soon told_of_stops 1
		assertEquals "$source: of a child's 7" 7 \
			"$(grep -c "^$(stopped_pids):.*getppid" "$tmp/o")"
		prun "$(stopped_pids)"
		assert_soon told_of_stops 2
		prun "$(stopped_pids | tail -n 1)"
		reap "$tracer"
		assertEquals "$source" 0 "$status"
	done
	use_source default
}

told_of_stops()
{
	cp "$err" "$tmp/e"
	[ "$(stopped_pids | wc -l)" = "$1" ]
}

testSleepIsReported()
{
	spawn sleep 1000
	ptruss -o "$tmp/o" -p "$pid" &
	tracer=$!
	assert_soon grep -q '^clock_nanosleep(CLOCK_REALTIME, 0, {tv_sec=1000, tv_nsec=0}, .*) (sleeping...)$' "$tmp/o"
	kill -TERM "$tracer"
	wait "$tracer"
	ptruss -i -o "$tmp/o" -p "$pid" &
	tracer=$!
	sleep 1.5
	kill -TERM "$tracer"
	wait "$tracer"
	assertFalse "-i" "grep -q sleeping '$tmp/o'"
	ptruss -f -l -d -D -o "$tmp/o" -p "$pid" &
	tracer=$!
	# (Older kernels make it again by another call, for ptrace(2) interrupted it.)
	assert_soon grep -q "^$pid/$pid:	 *[0-9.]*	 *[0-9.]*	[cr][a-z]*_[a-z]*(.*) (sleeping...)\$" "$tmp/o"
	kill -TERM "$tracer"
	wait "$tracer"
	kill "$pid"
}

# The line of a stop is as the others are.
testStopInEachStyle()
{
	needs_command jq || return 0
	stopped_at_exit() # OPTION...
	{
		ptruss "$@" -t exit_group -T exit_group -o "$tmp/o" true 2>"$tmp/e"
		prun "$(sed -n 's/^ptruss: \([0-9]*\) stopped: .*/\1/p' "$tmp/e")"
	}
	stopped_at_exit -d
	assertTrue "$(cat "$tmp/o")" \
		"grep -q '^ *[0-9]*\.[0-9]*	exit_group(0) (stopped)$' '$tmp/o'"
	stopped_at_exit -f
	assertTrue "$(cat "$tmp/o")" \
		"grep -q '^[0-9]*:	exit_group(0) (stopped)$' '$tmp/o'"
	stopped_at_exit -f --style=strace
	assertTrue "$(cat "$tmp/o")" \
		"grep -q '^[0-9]* *exit_group(0) <unfinished \.\.\.>$' '$tmp/o'"
	before=$(date +%s)
	stopped_at_exit -j
	assertTrue "$(cat "$tmp/o")" "jq -se 'map(select(.name == \"exit_group\"))
		| .[0] | .entry and .time / 1e9 >= $before - 2' '$tmp/o'"
}

. shunit2
