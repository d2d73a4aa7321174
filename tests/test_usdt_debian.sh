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
		dirs='/usr/bin /usr/sbin /usr/lib'
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
		PROBED_WAIT=1 target probed $threads 300 0
		pusdt count -j "$pid" test:hit test:imm >"$tmp/stdout" \
			2>"$tmp/stderr" &
		counter=$!
		wait_until sh -c "[ \$(pusdt status -j $pid | wc -l) -ge 3 ]"
		kill -USR1 "$pid"
		reap "$pid"
		wait $counter
		tail -n 1 "$tmp/stdout" | jq -r '.counts | to_entries[] |
			"\(.key) \(.value)"' | sed 's/test://' | sort >"$tmp/ours"
		assertEquals "$threads threads: $(stderr)" "$(cat "$tmp/theirs")" \
			"$(cat "$tmp/ours")"
		assertEquals "hit $((threads * 300))" "$(head -n 1 "$tmp/ours")"
	done
}

# exceptions FILE: a program that throws as many as its second argument says,
# in as many threads as its first
exceptions()
{
	cat >"$1.cc" <<'END'
#include <cstdio>
#include <cstdlib>
#include <csignal>
#include <thread>
#include <vector>
int main(int argc, char **argv)
{
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
	std::vector<std::thread> all;
	for (int t = 0; t < atoi(argv[1]); t++)
		all.emplace_back([&] {
			for (int i = 0; i < atoi(argv[2]); i++)
				try { throw i; } catch (int) { }
		});
	for (auto &t : all)
		t.join();
	return argc < 3;
}
END
	c++ -O1 -pthread -o "$1" "$1.cc" 2>/dev/null
}

testExceptionsInEightThreads()
{
	if ! exceptions "$tmp/thrower"; then
		skip "no C++ compiler here"
		return 0
	fi
	target "$tmp/thrower" 8 250
	pusdt count -j "$pid" libstdcxx:throw libstdcxx:catch >"$tmp/stdout" \
		2>"$tmp/stderr" &
	counter=$!
	wait_until sh -c "[ \$(pusdt status -j $pid | wc -l) -ge 3 ]"
	kill -USR1 "$pid"
	reap "$pid"
	assertEquals 0 "$status"
	wait $counter
	assertEquals "$(stderr)" "2000 2000" "$(tail -n 1 "$tmp/stdout" |
		jq -r '.counts | "\(.["libstdcxx:throw"]) \(.["libstdcxx:catch"])"')"
}

# Its own statistics are the independent count.
testPythonsCollections()
{
	target /usr/bin/python3 -c '
import gc, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
print("ready", flush=True)
signal.sigwait([signal.SIGUSR1])
begun = sum(s["collections"] for s in gc.get_stats())
for i in range(200): gc.collect(i % 3)
print("collected", sum(s["collections"] for s in gc.get_stats()) - begun,
      flush=True)
sys.stdout.flush()
import os
os._exit(0)'
	pusdt count -j "$pid" python:gc__start python:gc__done >"$tmp/stdout" \
		2>"$tmp/stderr" &
	counter=$!
	wait_until sh -c "[ \$(pusdt status -j $pid | wc -l) -ge 3 ]" ||
		fail "$(stderr)"
	kill -USR1 "$pid"
	reap "$pid"
	wait $counter
	n=$(sed -n 's/^collected //p' "$out")
	assertTrue "some" "[ ${n:-0} -ge 200 ]"
	assertEquals "$(stderr)" "$n $n" "$(tail -n 1 "$tmp/stdout" |
		jq -r '.counts | "\(.["python:gc__start"]) \(.["python:gc__done"])"')"
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
	out=$tmp/out.java
	java -XX:-UsePerfData -cp "$tmp" Threads 50 <"$tmp/go" >"$out" 2>&1 &
	pid=$!
	started="$started $pid"
	exec 9>"$tmp/go"
	wait_until grep -q ready "$out"
	if ! pusdt list "$pid" hotspot:thread__start >/dev/null 2>&1; then
		exec 9>&-
		skip "this JVM has no probes"
		return 0
	fi
	pusdt count -j -i 'arg4 == 0' "$pid" hotspot:thread__start \
		>"$tmp/stdout" 2>"$tmp/stderr" 9>&- &
	counter=$!
	wait_until sh -c "[ \$(pusdt status -j $pid | wc -l) -ge 2 ]"
	echo >&9
	exec 9>&-
	reap "$pid"
	assertEquals "$(cat "$out")" 0 "$status"
	wait $counter
	# The last of them is the one that shuts the machine down.
	n=$(tail -n 1 "$tmp/stdout" | jq '.counts["hotspot:thread__start"]')
	assertTrue "408 and its own last one: $n, $(stderr)" \
		"[ $n = 408 ] || [ $n = 409 ]"
}

# A server, its eight backends as followed children, and pgbench's own count.
testPostgresUnderPgbench()
{
	bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
	if [ ! -x "$bin/postgres" ] || ! command -v pgbench >/dev/null; then
		skip "no PostgreSQL here"
		return 0
	fi
	needs_root "becomes another user" || return 0
	user_dir
	run as_user "$bin/initdb" -D "$tmp/user/db" -A trust -U bench -N
	assertEquals "$(stderr)" 0 "$status" || return
	user_spawn "$bin/postgres" -D "$tmp/user/db" -k "$tmp/user" -F \
		-c listen_addresses= -c autovacuum=off
	wait_until grep -q 'ready to accept' "$err" || fail "$(cat "$err")"
	pusdt count -f -j "$pid" postgresql:query__start postgresql:query__done \
		>"$tmp/stdout" 2>"$tmp/stderr" &
	counter=$!
	wait_until sh -c "[ \$(pusdt status -j $pid | wc -l) -ge 3 ]" ||
		fail "$(stderr)"
	echo 'SELECT 1;' >"$tmp/user/script"
	as_user pgbench -h "$tmp/user" -U bench -n -f "$tmp/user/script" -c 8 \
		-j 2 -t 50 postgres >"$tmp/bench" 2>&1
	n=$(sed -n 's/^number of transactions actually processed: \([0-9]*\).*/\1/p' \
		"$tmp/bench")
	assertEquals "$(cat "$tmp/bench")" 400 "$n"
	kill -INT "$pid"
	reap "$pid"
	assertEquals "the server ends well" 0 "$status"
	wait $counter
	assertEquals "$(stderr)" "$n $n" "$(tail -n 1 "$tmp/stdout" | jq -r \
		'.counts | "\(.["postgresql:query__start"]) \(.["postgresql:query__done"])"')"
}

. shunit2
