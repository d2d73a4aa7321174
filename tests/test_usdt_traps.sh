#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What other tools stumble over.  Elsewhere are: the size before "@" and every
# form of operand (unit/usdt_arg); prelinked and 32-bit files, labels that are in
# no table of symbols, stripped files and notes in debug files (test_usdt_list); a
# breakpoint that is there already, stalled readers and exact losses
# (test_usdt_trace); the death of a tracer while probes are enabled
# (test_usdt_death); names of arguments in a C library with debug information of
# its own (testLibc of test_usdt_list, with CTL_LIBC).
# shellcheck disable=SC2154 # set by lib.sh
. "${CTL_SRC:-.}/tests/lib.sh"

oneTimeSetUp()
{
	needs_command jq || exit 0
}

# hits FILE: "name arguments" of what pusdt trace -j printed, each once
hits()
{
	jq -rc '[.name] + .args' "$1"
}

# traced SPEC...: of a program that passes its probes once
traced()
{
	run pusdt run -j -o "$tmp/hits" "$@" -- "${program:-$TRACEES/probed}" 1 1 0
	assertEquals "$(stderr)" 0 "$status"
}

# A uprobe on a nop of five or ten bytes may become a call, or never fire.
testLongNops()
{
	traced test:wide test:ten
	assertEquals '["wide",0]
["ten"]' "$(hits "$tmp/hits")"
	# And in a process that runs.
	target probed 1 0
	run timeout 60 pusdt trace -j -n 2000 "$pid" test:ten test:wide
	assertEquals "$(stderr)" 0 "$status"
	assertEquals "ten
wide" "$(jq -r .name "$tmp/stdout" | sort -u)"
	assert_runs "$pid"
}

# Such a call writes below the stack pointer, where a leaf function keeps what it
# likes: the argument, for one.
testRedZone()
{
	cat >"$tmp/red.c" <<'END'
#include <stdio.h>
#include "sdt.h"
static __attribute__((noinline)) int pass(long i)
{
	volatile long a[12];
	int bad = 0;

	for (int k = 0; k < 12; k++)
		a[k] = i + k;
	SDT_SITE(".byte 0x0f,0x1f,0x44,0x00,0x00", "red", "zone", "0", "-8@%0",
		 "m"(a[11]));
	for (int k = 0; k < 12; k++)
		bad += a[k] != i + k;
	return bad;
}
int main(void)
{
	int bad = 0;

	for (long i = 0; i < 500; i++)
		bad += pass(i);
	printf("bad %d\n", bad);
	return bad != 0;
}
END
	for cc in ${CC:-cc} clang; do
		if ! $cc -O2 -I"$CTL_SRC/tests/tracees" -o "$tmp/red" \
			"$tmp/red.c" 2>/dev/null; then
			echo "$cc does not work here"
			continue
		fi
		compiled=$cc
		ok pusdt list -j "$tmp/red"
		jq -r '.sites[].args[].spec' "$tmp/stdout" |
			grep -q '^-8@-[0-9]*(%rsp)$' ||
			fail "$cc: not in the red zone: $(stdout)"
		run pusdt run -j -o "$tmp/hits" red:zone -- "$tmp/red"
		assertEquals "$cc: $(stderr)" 0 "$status"
		assertEquals "$cc: nothing written over" "bad 0" "$(stdout)"
		assertEquals "$cc: arguments" "500 $((500 * 499 / 2 + 5500))" \
			"$(jq -rs '"\(length) \(map(.args[0]) | add)"' \
				"$tmp/hits")"
	done
	[ "${compiled:-}" ] || skip "no compiler here"
}

# One of them makes others lose every argument of the probe.
testFloatArgument()
{
	traced test:hit
	assertEquals '["hit",0,"ada",0]' "$(hits "$tmp/hits" | sed 's/0\.0/0/')"
}

testConstantArguments()
{
	traced test:imm
	assertEquals -5 "$(jq '.args[0]' "$tmp/hits")"
}

testUnresolvableArgument()
{
	traced test:lost
	assertEquals '["lost",0,null,0]' "$(hits "$tmp/hits")"
}

# The second site has its argument in memory.
testSitesDiffer()
{
	run pusdt run -j -o "$tmp/hits" test:wide -- "$TRACEES/probed" 1 2 0
	assertEquals '["wide",0]
["wide",1]
["wide",1]' "$(hits "$tmp/hits")"
}

testDeletedProgramIsTraced()
{
	cp "$TRACEES/probed" "$tmp/gone"
	target "$tmp/gone" 1 0
	rm "$tmp/gone"
	run timeout 60 pusdt trace -j -n 5 "$pid" test:hit
	assertEquals "$(stderr)" 0 "$status"
	assertEquals 5 "$(wc -l <"$tmp/stdout")"
	assert_untouched "$pid"
	assert_runs "$pid"
}

# Another file has its name now, with other probes.
testReplacedProgramIsTraced()
{
	cp "$TRACEES/probed" "$tmp/replaced"
	target "$tmp/replaced" 1 0
	rm "$tmp/replaced"
	cp "$TRACEES/doffed" "$tmp/replaced"
	run timeout 60 pusdt trace -j -n 5 "$pid" test:hit
	assertEquals "$(stderr)" 0 "$status"
	assertEquals 5 "$(wc -l <"$tmp/stdout")"
	fails 2 'no such probe' pusdt trace "$pid" 'old:*'
}

# container COMMAND...: in a mount namespace of its own, where $tmp/inner is not
# what it is here, and a pid namespace where it is number 1
container()
{
	mkdir -p "$tmp/inner"
	# shellcheck disable=SC2016 # for the inner shell
	spawn unshare -m -p -f --kill-child sh -c '
		mount --make-rprivate / 2>/dev/null
		mount -t tmpfs tmpfs "$0" && cp "$1" "$0/probed" &&
		mkdir "$0/bin" && shift && exec "$0/probed" "$@"' \
		"$tmp/inner" "$@"
	wait_until grep -q '^ready$' "$out" || return
	outside=$pid
	for inside in $(cat "/proc/$pid/task/$pid/children"); do :; done
}

# Its program and what is mapped later cannot be found by name from here.
testContainer()
{
	needs_root "namespaces" || return 0
	needs_command unshare || return 0
	if ! container "$TRACEES/probed" 4 0 500; then
		skip "no namespaces here: $(cat "$err")"
		return 0
	fi
	assertFalse "it is not here" "[ -e $tmp/inner/probed ]"
	ok pusdt list -lj "$inside" test:hit
	assertEquals "function, line" 'pass probed.c' "$(jq -r '
		.sites[0] | "\(.function) \(.file | sub(".*/"; ""))"' \
		"$tmp/stdout")"
	for source in $(event_sources); do
		use_source "$source"
		run timeout 60 pusdt trace -j -n 8 "$inside" test:hit
		assertEquals "$source: $(stderr)" 0 "$status"
		assertEquals "$source" 8 "$(wc -l <"$tmp/stdout")"
		assertEquals "$source: its number is ours" "$inside" \
			"$(jq -r .pid "$tmp/stdout" | sort -u)"
	done
	use_source default
	assert_untouched "$inside"
	assert_runs "$inside"
	kill "$inside"
	reap "$outside"
}

# Other sizes of registers, and of what lies where.
testProcessOf32Bits()
{
	if [ ! -x "$CTL_BUILD/tests/i386/probed32" ]; then
		skip "there was no compiler for i386"
		return 0
	fi
	target "$CTL_BUILD/tests/i386/probed32"
	semaphore=$(pusdt list -j "$pid" i386:hit | jq -r .semaphore)
	for source in $(event_sources); do
		use_source "$source"
		run timeout 60 pusdt trace -j -n 200 "$pid" i386:hit i386:guarded
		assertEquals "$source: $(stderr)" 0 "$status"
		assertEquals "$source" 'true thirty-two -1250999896491 -7' \
			"$(jq -r 'select(.name == "hit") | .args |
				"\(.[0] >= 0) \(.[1]) \(.[2]) \(.[3])"' \
				"$tmp/stdout" | sort -u)"
		grep -q '"guarded"' "$tmp/stdout" ||
			fail "$source: the semaphore is up"
		assert_soon semaphore_is 0
	done
	use_source default
	assert_untouched "$pid"
	assert_runs "$pid"
}

# clang writes no .debug_aranges, and DWARF 5 with indexed addresses.
testClangsDebugInformation()
{
	needs_command clang || return 0
	if ! clang -g -O2 -pthread -I"$CTL_SRC/tests/tracees" \
		-o "$tmp/clanged" "$CTL_SRC/tests/tracees/probed.c" \
		2>/dev/null; then
		skip "clang does not work here"
		return 0
	fi
	ok pusdt list -lj "$tmp/clanged"
	assertEquals "function and line of every site" 0 "$(jq -s '
		[.[].sites[] | select((.function and .line) | not)] |
		length' "$tmp/stdout")"
	assertEquals "some sites" true "$(jq -s '[.[].sites[]] | length > 7' \
		"$tmp/stdout")"
	program=$tmp/clanged
	traced test:hit test:imm
	program=
	assertEquals 2 "$(wc -l <"$tmp/hits")"
}

byte_is()
{
	[ "$(dd if="/proc/$pid/mem" bs=1 count=1 skip=$((site)) \
		2>/dev/null | od -An -tx1 | tr -d ' ')" = "$1" ]
}

# kernels_probes: are ours uprobes, too?
kernels_probes()
{
	linux_since 6 6 && event_sources | grep -q bpf
}

# A uprobe of somebody else's: a breakpoint of ours is refused while it is there, a
# uprobe shares the place.  It is not harmed.
testUprobeOfAnother()
{
	needs_keeper "the module's are uprobes, too" || return 0
	needs_root bpftrace || return 0
	needs_command bpftrace || return 0
	target probed 1 0 2000
	site=$(pusdt list -j "$pid" test:imm | jq -r '.sites[0].address')
	it=$pid it_out=$out
	spawn bpftrace -e "usdt:$TRACEES/probed:test:imm { @++; }"
	other=$pid other_out=$out
	pid=$it out=$it_out
	if ! wait_until eval 'byte_is cc || gone $other' || gone "$other"; then
		skip "bpftrace does not work here"
		return 0
	fi
	use_source ptrace
	fails 2 'cannot enable test:imm.*breakpoint of another tracer' \
		pusdt enable "$pid" test:imm
	use_source default
	assert_soon untouched "$pid"
	if kernels_probes; then
		run timeout 60 pusdt trace -n 300 "$pid" test:imm
		assertEquals "$(stderr)" 0 "$status"
		assertEquals "hits" 300 "$(stdout | wc -l)"
	fi
	assertTrue "the other's is still there" "byte_is cc"
	assert_soon untouched "$pid"
	kill -INT "$other"
	reap "$other"
	least=1
	kernels_probes && least=300
	assertTrue "the other's hits: $(cat "$other_out")" \
		"[ $(sed -n 's/^@: //p' "$other_out") -ge $least ]"
	assert_soon byte_is 90
	run timeout 60 pusdt trace -n 3 "$pid" test:imm
	assertEquals "$(stderr)" 0 "$status"
	assert_runs "$pid"
}

# Two that have the semaphore up: it goes down when the last of them goes.
testSemaphoreOfTwo()
{
	target probed 1 0
	semaphore=$(pusdt list -j "$pid" test:guarded | jq -r .semaphore)
	ok pusdt enable "$pid" test:guarded
	run timeout 60 pusdt trace -n 3 "$pid" test:guarded
	assertEquals "$(stderr)" 0 "$status"
	[ "$CTL_BACKEND" = module ] || assert_soon semaphore_is 1
	ok pusdt disable "$pid"
	assert_soon semaphore_is 0
}

# tracefs: where uprobes are made by hand; sets tracefs
tracefs()
{
	needs_root "uprobes by hand" || return 1
	for tracefs in /sys/kernel/tracing "$tmp/tracing"; do
		[ -e "$tracefs/uprobe_events" ] && return
	done
	mkdir -p "$tracefs"
	if mount -t tracefs tracefs "$tracefs" 2>/dev/null; then
		mounted=$tracefs
		[ -e "$tracefs/uprobe_events" ] && return
	fi
	skip "this kernel has no uprobes by hand"
	return 1
}

unmount()
{
	[ -z "${mounted:-}" ] || umount "$mounted"
	mounted=
}

# The kernel keeps one place of a semaphore for each site of a file: who comes
# second and says another one is refused.
testSemaphoreOffsetsDisagree()
{
	tracefs || {
		unmount
		return 0
	}
	cp "$TRACEES/probed" "$tmp/disagreed"
	target "$tmp/disagreed" 1 0 2000
	pusdt list -j "$pid" test:guarded >"$tmp/list"
	offset=$(jq -r '.sites[0].offset' "$tmp/list")
	site=$(jq -r '.sites[0].address' "$tmp/list")
	semaphore=$(jq -r .semaphore "$tmp/list")
	event=ctl_$$/guarded
	if ! echo "p:$event $tmp/disagreed:$offset" \
		>>"$tracefs/uprobe_events" 2>"$tmp/stderr"; then
		unmount
		skip "no uprobe by hand: $(stderr)"
		return 0
	fi
	echo 1 >"$tracefs/events/$event/enable"
	assert_soon byte_is cc
	if [ "$CTL_BACKEND" = keeper ] && kernels_probes; then
		# Where we count for ourselves there is nothing to disagree on.
		run timeout 60 pusdt trace -n 3 "$pid" test:guarded
		assertEquals "$(stderr)" 0 "$status"
	else
		fails 2 'cannot enable test:guarded.*breakpoint of another tracer' \
			pusdt enable "$pid" test:guarded
	fi
	assert_soon semaphore_is 0
	assertTrue "the other's is still there" "byte_is cc"
	assert_untouched "$pid"
	echo 0 >"$tracefs/events/$event/enable"
	echo "-:$event" >>"$tracefs/uprobe_events"
	assert_soon byte_is 90
	run timeout 60 pusdt trace -n 3 "$pid" test:guarded
	assertEquals "$(stderr)" 0 "$status"
	assert_soon semaphore_is 0
	unmount
	assert_runs "$pid"
}

semaphore_is()
{
	[ "$(dd if="/proc/$pid/mem" bs=1 count=2 skip=$((semaphore)) \
		2>/dev/null | od -An -tu2 | tr -d ' ')" = "$1" ]
}

. shunit2
