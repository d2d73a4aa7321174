#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# pusdt against readelf and bpftrace, on Debian's own programs.
#
# CTL_DEBS=DIR: packages are downloaded into DIR (once), unpacked there and never
# installed.  Without it, what the machine has is looked at.
# shellcheck disable=SC2154 # set by lib.sh
. "${CTL_SRC:-.}/tests/lib.sh"

packages='python3.11-minimal libpython3.11 postgresql-15 openjdk-17-jre-headless
	libruby3.1 php8.2-cli libvirt0 libvirt-daemon sssd-common libstdc++6
	systemtap'

oneTimeSetUp()
{
	needs_command jq || exit 0
	needs_command readelf || exit 0
}

unpack()
{
	mkdir -p "$CTL_DEBS" || return
	for p in $packages; do
		[ -d "$CTL_DEBS/$p" ] && continue
		(cd "$CTL_DEBS" && apt-get -o APT::Sandbox::User=root \
			download "$p" >/dev/null 2>&1) || {
			echo "cannot download $p"
			continue
		}
		dpkg -x "$CTL_DEBS/${p}"_*.deb "$CTL_DEBS/$p"
	done
}

# elf_files DIR...: all that have notes of SystemTap
elf_files()
{
	find "$@" -xdev -type f \( -perm -u=x -o -name '*.so*' \) \
		-size +4k 2>/dev/null | while read -r f; do
		grep -q -a -m 1 stapsdt "$f" && echo "$f"
	done
}

testAgreesWithReadelfOnEveryFile()
{
	dirs=
	if [ "${CTL_DEBS:-}" ]; then
		unpack
		dirs=$CTL_DEBS
	elif [ "${CTL_HEAVY:-}" ]; then
		dirs='/usr/bin /usr/sbin /usr/lib /usr/libexec'
	else
		skip "CTL_DEBS or CTL_HEAVY is not set"
		return 0
	fi
	# shellcheck disable=SC2086
	elf_files $dirs >"$tmp/files"
	[ -s "$tmp/files" ] || fail "no file has notes"
	PUSDT=pusdt xargs "$CTL_SRC/tests/usdt_compare.sh" <"$tmp/files" \
		>"$tmp/compare"
	tail -n 1 "$tmp/compare"
	tail -n 1 "$tmp/compare" | grep -q ' 0 files differ$' ||
		fail "$(cat "$tmp/compare")"
}

# What bpftrace counts, by a program in the kernel, while pusdt does: each in a
# run of its own, as a breakpoint and a uprobe cannot share a site.
bpftrace_count()
{
	needs_root "bpftrace" || return 1
	needs_command bpftrace || return 1
	bpftrace -e 'BEGIN { exit() }' >/dev/null 2>&1 && return
	skip "bpftrace does not work here"
	return 1
}

testHitsEqualBpftraces()
{
	bpftrace_count || return 0
	for threads in 1 8; do
		run timeout 60 bpftrace -q -c "$TRACEES/probed $threads 300 0" -e "
			usdt:$TRACEES/probed:test:hit { @hit = count(); }
			usdt:$TRACEES/probed:test:imm { @imm = count(); }"
		grep -o '@[a-z]*: [0-9]*' "$tmp/stdout" | sort |
			sed 's/@//; s/: / /' >"$tmp/theirs"
		each_source hits_equal_bpftraces
	done
}

hits_equal_bpftraces()
{
	PROBED_WAIT=1 target probed "$threads" 300 0
	count_hits test:hit test:imm
	kill -USR1 "$pid"
	reap "$pid"
	counting_ended
	tail -n 1 "$tmp/stdout" | jq -r '.counts | to_entries[] |
		"\(.key) \(.value)"' | sed 's/test://' | sort >"$tmp/ours"
	assertEquals "$source, $threads threads" "$(cat "$tmp/theirs")" \
		"$(cat "$tmp/ours")"
	assertEquals "hit $((threads * 300))" "$(head -n 1 "$tmp/ours")"
}

# each_source FUNCTION: by uprobes and by breakpoints, where there are both
each_source()
{
	for source in $(event_sources); do
		use_source "$source"
		"$1"
	done
	use_source default
}

# count_hits SPEC...: begin to count; the process is told to go on by the caller
count_hits()
{
	# shellcheck disable=SC2086 # -f or nothing
	pusdt count -j ${follow:-} "$pid" "$@" >"$tmp/stdout" 2>"$tmp/stderr" \
		9>&- &
	counter=$!
	wait_until sh -c "[ \$(pusdt status -j $pid 2>/dev/null | wc -l) -gt $# ]" ||
		fail "$source: $(stderr)"
}

# counting_ended: as the process has; nothing was lost
counting_ended()
{
	wait "$counter"
	assertEquals "$source: status, $(stderr)" 0 $?
	assertEquals "$source: nothing is lost" "" "$(stderr)"
	echo "$source: $(tail -n 1 "$tmp/stdout" | jq -c .counts)"
}

# counted SPEC...: how many there were of each
counted()
{
	for spec; do
		tail -n 1 "$tmp/stdout" | jq --arg s "$spec" '.counts[$s] // 0'
	done | paste -s -d ' ' -
}

testExceptionsInEightThreads()
{
	if [ ! -x "$CTL_BUILD/tests/thrower" ]; then
		skip "there was no C++ compiler"
		return 0
	fi
	each_source exceptions_in_eight_threads
}

exceptions_in_eight_threads()
{
	target "$CTL_BUILD/tests/thrower" 8 250
	count_hits libstdcxx:throw libstdcxx:catch
	kill -USR1 "$pid"
	reap "$pid"
	assertEquals 0 "$status"
	counting_ended
	assertEquals "$source" "2000 2000" \
		"$(counted libstdcxx:throw libstdcxx:catch)"
}

# Its own statistics are the independent count.
testPythonsCollections()
{
	each_source pythons_collections
}

pythons_collections()
{
	target /usr/bin/python3 -c '
import gc, os, signal, threading
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
signal.sigwait([signal.SIGUSR1])
def collected(): return sum(s["collections"] for s in gc.get_stats())
gc.disable()
begun = collected()
def work():
    for i in range(50): gc.collect(i % 3)
all = [threading.Thread(target=work) for i in range(8)]
for t in all: t.start()
for t in all: t.join()
print("collected", collected() - begun, flush=True)
os._exit(0)'
	count_hits python:gc__start python:gc__done
	kill -USR1 "$pid"
	reap "$pid"
	n=$(sed -n 's/^collected //p' "$out")
	assertTrue "some" "[ ${n:-0} -ge 200 ]"
	counting_ended
	assertEquals "$source" "$n $n" \
		"$(counted python:gc__start python:gc__done)"
}

testRubysCollections()
{
	needs_command ruby || return 0
	each_source rubys_collections
}

rubys_collections()
{
	target "$(command -v ruby)" -e '
GC.disable
all = 8.times.map { Thread.new { Thread.stop; 25.times { GC.start } } }
Thread.pass until all.all?(&:stop?)
ready, go = IO.pipe
trap("USR1") { go.write_nonblock("x") }
puts "ready"
$stdout.flush
ready.read(1)
begun = GC.count
all.each(&:wakeup)
all.each(&:join)
puts "collected #{GC.count - begun}"
$stdout.flush
exit!(0)'
	count_hits ruby:gc__mark__begin ruby:gc__sweep__begin
	kill -USR1 "$pid"
	reap "$pid"
	n=$(sed -n 's/^collected //p' "$out")
	assertTrue "some: $n" "[ ${n:-0} -ge 100 ]"
	counting_ended
	assertEquals "$source" "$n" "$(counted ruby:gc__mark__begin)"
}

# Threads that a program of eight threads starts, not the machine's own, which are
# daemons.
testJavaThreads()
{
	if ! command -v javac >/dev/null || ! command -v java >/dev/null; then
		skip "no JDK here"
		return 0
	fi
	cat >"$tmp/Threads.java" <<'END'
public class Threads {
	static void start(int n) {
		try {
			for (int i = 0; i < n; i++) {
				Thread t = new Thread(() -> {});
				t.start();
				t.join();
			}
		} catch (InterruptedException e) {
			System.exit(1);
		}
	}
	public static void main(String[] args) throws Exception {
		Thread[] all = new Thread[8];
		System.out.println("ready");
		System.in.read();
		for (int i = 0; i < 8; i++) {
			all[i] = new Thread(() -> start(Integer.parseInt(args[0])));
			all[i].start();
		}
		for (Thread t : all)
			t.join();
	}
}
END
	javac --release 17 -d "$tmp" "$tmp/Threads.java" 2>"$tmp/stderr" || {
		skip "javac: $(head -n 1 "$tmp/stderr")"
		return 0
	}
	mkfifo "$tmp/go"
	each_source java_threads
}

java_threads()
{
	out=$tmp/out.java
	: >"$out"
	java -XX:-UsePerfData -cp "$tmp" Threads 50 <"$tmp/go" >"$out" 2>&1 &
	pid=$!
	started="$started $pid"
	exec 9>"$tmp/go"
	wait_until grep -q ready "$out"
	if ! pusdt list "$pid" hotspot:thread__start >/dev/null 2>&1; then
		exec 9>&-
		skip "this JVM has no probes"
		return 1
	fi
	pusdt count -j --if 'arg4 == 0' "$pid" hotspot:thread__start \
		>"$tmp/stdout" 2>"$tmp/stderr" 9>&- &
	counter=$!
	wait_until sh -c "[ \$(pusdt status -j $pid | wc -l) -ge 2 ]"
	echo >&9
	exec 9>&-
	reap "$pid"
	assertEquals "$(cat "$out")" 0 "$status"
	counting_ended
	# The last of them is the one that shuts the machine down.
	n=$(counted hotspot:thread__start)
	assertTrue "$source: 408 and its own last one: $n, $(stderr)" \
		"[ $n = 408 ] || [ $n = 409 ]"
}

# A server, its eight backends as followed children, and pgbench's own count.
testPostgresUnderPgbench()
{
	bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
	if [ ! -x "$bin/postgres" ] || [ ! -x "$bin/pgbench" ]; then
		skip "no PostgreSQL here"
		return 0
	fi
	needs_root "becomes another user" || return 0
	user_dir
	run as_user "$bin/initdb" -D "$tmp/user/db" -A trust -U bench -N
	assertEquals "$(stderr)" 0 "$status" || return
	echo 'SELECT 1;' >"$tmp/user/script"
	follow=-f
	each_source postgres_under_pgbench
	follow=
}

postgres_under_pgbench()
{
	user_spawn "$bin/postgres" -D "$tmp/user/db" -k "$tmp/user" -F \
		-c listen_addresses= -c autovacuum=off
	wait_until grep -q 'ready to accept' "$err" || fail "$(cat "$err")"
	count_hits postgresql:query__start postgresql:query__done
	as_user "$bin/pgbench" -h "$tmp/user" -U bench -n -f "$tmp/user/script" -c 8 \
		-j 2 -t 50 postgres >"$tmp/bench" 2>&1
	n=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' \
		"$tmp/bench")
	assertEquals "$(cat "$tmp/bench")" 400 "$n"
	kill -INT "$pid"
	reap "$pid"
	assertEquals "the server ends well" 0 "$status"
	counting_ended
	assertEquals "$source" "$n $n" \
		"$(counted postgresql:query__start postgresql:query__done)"
}

. shunit2
