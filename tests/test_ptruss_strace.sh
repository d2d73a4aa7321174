#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ptruss --style=strace against strace itself: the same command, traced by
# each, gives the same lines, thread by thread, call by call and argument by
# argument.

. "${CTL_SRC:-.}/tests/lib.sh"
# In a VM: strace has seen these, not what stands in for them there.
PATH=${HOST_BIN:+$HOST_BIN:}$PATH
# Packages that are not installed: what is not compared for their sake.
missing=
: >"$tmp/commands"
: >"$tmp/calls"

# What differs and may; all else must be the same.
#
# It differs from run to run, whoever traces:
#  * signals of timers, when all is slow
#  * addresses (of mappings that a command reads, too), ids, random bytes,
#    temporary names, ports, what time it is, times used, free blocks
#  * when the end of a child is told, and calls that this breaks off
#  * in an emulated machine, whether the vDSO can tell the time, or a call has to:
#    the kernel may find its clock unstable meanwhile
# strace 6.1 tells more:
#  * getdents64: it reads the entries and tells their number
#  * messages of netlink sockets: they are bytes for ptruss, for what they are
#    depends on what the socket is, which the call does not tell
#  * sendmmsg, recvmmsg: ptruss shows what the first message points to; shmctl,
#    semctl, msgctl, io_submit, io_uring_register, keyctl, ptrace, move_pages and
#    the like: it shows what their last arguments point to
#  * socketcall and ipc of 32-bit programs: the call that they stand for
#  * pselect6: the set behind the pointer in its last argument
#  * constants without a name: which table they are not in, in a comment
#  * requests of ioctl: all that have this number ("SNDCTL_TMR_TIMEBASE or TCGETS")
#  * the call that restart_syscall goes on with
#  * times of files: also as a date, in a comment; numbers without a name, too
#  * envp: how many; argv: ptruss shows whole strings
#  * recvmsg: the name's length before, too
#  * rt_sigreturn: the mask in the signal's frame; clone3: what it wrote
#  * FICLONE: two names
# ptruss tells more:
#  * arrays: 64 elements, strace 32; what more ioctl requests and families of
#    socket addresses point to; msgrcv: the text that came, without what is
#    behind it
#  * names of newer kernels: of calls, flags, constants
# ptruss differs:
#  * the execve that starts the command: ptruss begins behind it
#  * wait4: WUNTRACED, as wait4(2) has it, where strace says WSTOPPED
#  * kill(SIGKILL) of itself: the result; no line for stops by job control
#  * pselect6: no time that is left; a program of captures has no room for it
normalized()
{
	awk -v any="$any" -v without="$without" -v sigchld="$sigchld" \
		-f "$CTL_SRC/tests/strace_lines.awk" "$1" |
		sed -E -e "${CTL_SLOW:+/ (clock_gettime|gettimeofday|time)\(/d}" -e '
	s/^([^ ]+) [0-9]+ /\1 /
	/ execve\(.* = 0$/d
	/ --- SIGALRM .*SI_KERNEL/d
	/ (getrandom|set_tid_address|getpid|getppid|gettid|sysinfo)\(/d
	/ (stopped by SIG|rt_sigreturn\()/d
	/ execve\(/s/\(("[^"]*").*\) = /(\1) = /
	s/0x[0-9a-f]{6,}/ADDR/g
	/ read\(/s/"[0-9a-f]+-[0-9a-f]+ [^"]*"/"MAPS"/
	/ (read|write)\(/s/"([^"\\]|\\.)*"(, (4|8|20)\))/"RANDOM"\2/
	/ write\(/s/"DIRC.*"/"INDEX"/
	/ kill\(.*, SIGKILL\) = /s/= (0|\?)$/= N/
	/ (clock_gettime|gettimeofday)\(/s/tv_(u?n?sec)=[0-9]+/tv_\1=T/g
	/ (getrusage|getitimer|utimensat)\(/s/tv_(u?n?sec)=[0-9]+/tv_\1=T/g
	/ clock_nanosleep\(.*TIMER_ABSTIME/s/tv_(n?sec)=[0-9]+/tv_\1=T/g
	/ epoll_/s/u64=[0-9]+/u64=N/g
	/AF_NETLINK/s/nl_pid=[1-9][0-9]*/nl_pid=N/
	s/msg_namelen=[0-9]+ => /msg_namelen=/
	s/\.java_pid[0-9]+/.java_pidN/
	/ times\(/s/=? ?-?[0-9]+/ N/g
	/ clock_getres\(-?[A-Z0-9]+( |,)/s/\(-?[A-Z0-9]*[0-9R][^,]*/(CLOCK/
	s/si_([us])time=[0-9]+/si_\1time=T/g
	s/f_(bfree|bavail|ffree)=[0-9]+/f_\1=N/g
	s/ (htons\([0-9]+\)|sin_port=htons\([0-9]+\))/ PORT/g
	/ poll\(/s/, [0-9]+\) = /, T) = /
	s/tmp_obj_[A-Za-z0-9]{6}/tmp_obj_X/g
	s/\/cc[A-Za-z0-9]{6}\./\/ccX./g
	s/\/\.git\/t[A-Za-z0-9]{6}"/\/.git\/tX"/g
	s/"\.\/sed[A-Za-z0-9]{6}"/"sedX"/g
	s/(PostgreSQL|xlogtemp)\.[0-9]+/\1.N/g
	s/, left \{tv_sec=[0-9]+, tv_nsec=[0-9]+\}\)/)/
	s/ => \{parent_tid=\[[^]]*\]\}//
	s/WSTOPPED/WUNTRACED/
	s/ \/\* [^*]* \*\///g
	s/[A-Z0-9_]+ or (TC[A-Z]+)/\1/
	/ (shm|sem|msg)get\(/s/ = [0-9]+$/ = ID/
	/ (shm|sem|msg)[a-z]+\([0-9]/s/\([0-9]+/(ID/
	s/BTRFS_IOC_CLONE or //'
}

oneTimeSetUp()
{
	SOURCES=$(event_sources)
}

# What the commands below make; each finds it as it was.  They run there.
fresh()
{
	rm -rf "$tmp/work"
	mkdir "$tmp/work"
	# From there, for OLDPWD.
	cd "$tmp" && cd work || return
	echo one >one
	eval "$prepare"
}

# Whether a large piece of memory is of the heap or mapped depends on what else
# is there: on addresses, that is on chance.
export MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TOP_PAD_=4194304

# What the next commands need; what may come at any time, what is left out, what
# only is traced: see strace_lines.awk.
prepare= any= without= only= sigchld=

# same COMMAND...
same()
{
	# strace that cannot trace here has nothing to compare with.
	needs_command strace || return 0
	if ! strace -o "$tmp/probe" true 2>/dev/null; then
		skip "strace does not work here"
		missing="$missing strace"
		return 0
	fi
	fresh >/dev/null 2>&1
	strace -f ${only:+--seccomp-bpf -e "trace=$only"} -o "$tmp/strace" "$@" \
		>/dev/null 2>&1 </dev/null
	theirs=$?
	normalized "$tmp/strace" >"$tmp/expected"
	assertTrue "nothing to compare: $*" \
		"[ \$(wc -l <'$tmp/expected') -gt 15 ]"
	echo "${1##*/}" >>"$tmp/commands"
	sed -n 's/^[^ ]* \([a-z0-9_]*\)(.*/\1/p' "$tmp/expected" >>"$tmp/calls"
	for source in $SOURCES; do
		fresh >/dev/null 2>&1
		use_source "$source"
		ptruss -f ${only:+-t "$only"} --style=strace \
			-o "$tmp/ptruss" "$@" >/dev/null 2>&1 </dev/null
		assertEquals "$source: exit status: $*" $theirs $?
		use_source default
		normalized "$tmp/ptruss" >"$tmp/actual"
		assertEquals "$source: $*" "" \
			"$(diff "$tmp/expected" "$tmp/actual" | head -n 40)"
	done
	cd "$tmp" || return
}

# has COMMAND: else what is compared is not all
has()
{
	needs_command "$1" && return
	missing="$missing $1"
	return 1
}

setUp()
{
	prepare='' any='' without='' only='' sigchld=''
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
	same ls -l /etc
	same find /usr/share/man -maxdepth 1
	same readlink -f /etc/hosts
	same stat /etc/passwd /
	same df /
	same sort -r /etc/passwd
}

testFilesThatAreMade()
{
	same cp one two
	same mkdir -p dir/dir
	same ln -sf one link
	same rm one
	same rm -f none
	same mv one two
	same chmod 4711 one
	same touch -d 2001-01-01 one two
	same dd if=/dev/zero of=two bs=512 count=3 status=none
	same tar cf two.tar one
	same truncate -s 100 two
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
	# It looks for its child once, and waits if that has not ended yet.
	same timeout 10 sleep 0.5
	same nice -n 5 true
}

# More than one process.
testPipesAndChildren()
{
	prepare='mkdir d; echo a >d/a; echo b >d/b'
	same find d -type f -exec wc -l '{}' ';'
	same sh -c 'echo one | cat; (exit 3); kill -9 $$'
	has gzip && same tar --mtime=@0 --sort=name -czf d.tar.gz d
	prepare='seq 2000 >f'
	same gzip -9n f
	same sed -i s/one/two/ one
	prepare="$prepare; gzip -n f"
	same gzip -dn f.gz
}

testBash()
{
	has bash || return 0
	# Its handler of SIGCHLD waits for children, or what it does next.
	without='wait4'
	cat >"$tmp/script" <<-'E'
	trap 'echo hup' HUP
	x=$(echo one | cat)
	for i in 1 2 3; do (exit $i); done
	cat <<E2
	here $x
	E2
	while read -r l; do :; done </etc/hosts
	kill -HUP $$
	# (made before: to others of the pipeline it is there, or not yet)
	: >out
	printf '%s\n' b a | sort | head -n 1 >out
	[[ -e out && ! -L out ]] && test -s out
	exit 4
	E
	same bash "$tmp/script"
}

testGit()
{
	has git || return 0
	export GIT_CONFIG_NOSYSTEM=1 GIT_PAGER=cat HOME="$tmp"
	export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a
	export GIT_COMMITTER_EMAIL=a@b GIT_AUTHOR_DATE='2026-01-01T00:00:00Z'
	export GIT_COMMITTER_DATE='2026-01-01T00:00:00Z'
	# Where the heap ends is a matter of chance.
	without=brk
	same git --version
	same git init -q repo
	# A file as young as the index would be read again.
	prepare='git init -q; touch -d 2001-01-01 one'
	same git add one
	prepare="$prepare; git add one"
	same git commit -q -m first
	prepare="$prepare; git commit -q -m first"
	same git log -p
}

testCompiler()
{
	has gcc || return 0
	prepare='echo "int x;" >x.c'
	same gcc -c x.c
	has make || return 0
	same make x.o
}

testInterpreters()
{
	# Where the heap begins, and how far it reaches, is a matter of chance.
	without='brk|mmap|munmap|mprotect|madvise'
	prepare='printf "b 1\na 2\n" >f'
	same awk '{ print $2 >"out"; "echo 1" | getline y }
		END { close("out"); system("exit 2") }' f
	has perl && PERL_HASH_SEED=0 same perl -we 'open(F, "<", "f");
		@x = sort <F>; print @x; my $p = fork(); exit 3 unless $p;
		waitpid($p, 0); mkdir "d", 01755; chmod 06755, "d"; rmdir "d";
		utime 1, 2, "f"; unlink "f"; print `echo hi`'
	python=$(PATH=/usr/bin:$PATH command -v python3) || {
		has python3
		return 0
	}
	same "$python" -I -B -c 'import os, signal, subprocess, sys
os.mkdir("d", 0o1777); os.mkfifo("p"); os.rename("p", "q")
os.symlink("one", "link"); os.stat("d"); os.listdir("/etc")
r, w = os.pipe(); os.write(w, b"x\n\xff"); os.read(r, 9)
signal.signal(signal.SIGUSR1, lambda *a: 0)
os.kill(os.getpid(), signal.SIGUSR1)
signal.setitimer(signal.ITIMER_REAL, 100); signal.alarm(0)
subprocess.run(["true"]); sys.exit(5)'
}

# Arguments of every kind, of 64- and of 32-bit programs.
testManyCalls()
{
	same "$TRACEES/calls"
	if [ ! -x "$CTL_BUILD/tests/i386/calls" ]; then
		skip "the compiler makes no 32-bit programs"
		missing="$missing 32-bit"
		return 0
	fi
	same "$CTL_BUILD/tests/i386/calls"
}

testXz()
{
	has xz || return 0
	# busybox has one that only unpacks.
	xz --version >/dev/null 2>&1 || return 0
	without='brk|mmap|munmap|mprotect|madvise|futex'
	prepare='seq 2000 >f'
	same xz -T2 f
}

testWaiting()
{
	needs_command python3 && has strace || return 0
	python=$(PATH=/usr/bin:$PATH command -v python3)
	# The module tells of one that is ignored when it is sent, within the call.
	[ "$CTL_BACKEND" != keeper ] || sigchld=1
	without='brk|mmap|munmap|mprotect|madvise'
	same "$python" -I -B -c 'import os, select, signal, time
r, w = os.pipe()
p = select.poll(); p.register(r, select.POLLIN); p.register(w, select.POLLIN)
print(p.poll(0)); os.write(w, b"x"); print(p.poll(1000))
select.select([r], [w], [], 0); select.select([], [], [r], 0)
e = select.epoll(); e.register(r, select.EPOLLIN); e.poll(0)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR2, 40])
os.kill(os.getpid(), 40); signal.sigtimedwait([40], 1)
c = os.fork()
if c == 0: os.kill(os.getpid(), signal.SIGSTOP); time.sleep(0.5); os._exit(9)
os.waitpid(c, os.WUNTRACED); os.kill(c, signal.SIGCONT); os.waitpid(c, 0)
c = os.fork()
if c == 0: os.kill(os.getpid(), signal.SIGKILL)
os.waitid(os.P_PID, c, os.WEXITED | os.WNOWAIT); os.waitpid(c, 0)
try: os.waitpid(-1, os.WNOHANG)
except ChildProcessError: pass
os.sched_setaffinity(0, os.sched_getaffinity(0))
time.sleep(0.01)'
}

testSockets()
{
	needs_command /usr/bin/python3 || return 0
	cat >"$tmp/sockets.py" <<-'EOP'
	import array, socket
	s = socket.socket()
	s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
	s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
	s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\2\0\0\0")
	s.bind(("127.0.0.1", 0)); s.listen(1); s.getsockname()
	c = socket.create_connection(s.getsockname()); p, _ = s.accept()
	c.getpeername(); c.shutdown(socket.SHUT_WR); p.recv(1)
	socket.socket(socket.AF_UNIX).connect_ex("none")
	try: socket.create_connection(("::1", 1))
	except OSError: pass
	socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).bind((0, 0))
	a, b = socket.socketpair()
	a.sendmsg([b"hi"])
	a.sendmsg([b"one", b"more"])
	b.recv(20)
	a.sendmsg([b"fd"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
		array.array("i", [1]))])
	b.recvmsg(9, 100)
	EOP
	only=%network
	same /usr/bin/python3 -I -B "$tmp/sockets.py"
}

# curl speaks to a server; the server is not traced.
testCurl()
{
	has curl && needs_command /usr/bin/python3 || return 0
	mkdir "$tmp/www"
	echo hello >"$tmp/www/x"
	spawn /usr/bin/python3 -I -u -m http.server --bind 127.0.0.1 -d "$tmp/www" 0
	wait_until grep -q 'port [0-9]' "$out" || fail "no server: $(cat "$err")"
	port=$(sed -n 's/.*port \([0-9]*\).*/\1/p' "$out")
	# How often it has to wait is a matter of chance.
	any='recvfrom|rt_sigaction'
	without='brk|mmap|munmap|mprotect|futex|poll'
	same curl -sI "http://127.0.0.1:$port/x"
}

# Many threads do as they like: what they do with files is their main thread's.
files=openat,access,readlink,newfstatat,statfs,mkdir,unlink,getcwd,execve,pipe2
files=$files,eventfd2,epoll_create1,prlimit64,clone,vfork,clone3,socket,connect,uname

testNode()
{
	has node || return 0
	only=$files any=clone3
	same node -e 'require("fs").writeFileSync("f", "x")'
}

testJava()
{
	has java || return 0
	only=$files any='clone3|openat|newfstatat|unlink|mkdir'
	same java -Xint -XX:+UseSerialGC -XX:-UsePerfData -version
}

testPostgres()
{
	initdb=$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb \
		2>/dev/null | head -n 1)
	[ "$initdb" ] || has initdb || return 0
	needs_root "initdb must not be root, and gets a folder" || return 0
	prepare='chown 65534:65534 .; chmod 755 .'
	only=$files,rename,fsync,ftruncate,wait4,link,chmod,symlink
	TZ=UTC same setpriv --reuid=65534 --regid=65534 --clear-groups \
		"$initdb" -N --locale=C -D pg
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

# The last: were that enough?
testEnoughWasCompared()
{
	# (Without ours, that make all kinds of calls.)
	commands=$(grep -vx calls "$tmp/commands" | sort -u | wc -l)
	calls=$(sort "$tmp/calls" | uniq -c | sort -rn | wc -l)
	if [ "$missing" ]; then
		skip "not compared, not installed:$missing"
		return 0
	fi
	assertTrue "40 commands, not $commands" "[ $commands -ge 40 ]"
	assertTrue "60 calls, not $calls" "[ $calls -ge 60 ]"
}

. shunit2
