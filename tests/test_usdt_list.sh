#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# pusdt list: files and processes.
# shellcheck disable=SC2154 # set by lib.sh
. "${CTL_SRC:-.}/tests/lib.sh"

probed=$TRACEES/probed
fixture=$CTL_SRC/tests/fixtures/usdt-note/orders

# sites: of what pusdt list -j printed, a line each
sites()
{
	jq -r '. as $p | .sites[] | "\($p.provider):\($p.name) \(.address) " +
		([.args[].spec] | join(" "))' "$tmp/stdout"
}

testAgreesWithReadelf()
{
	needs_command jq || return 0
	needs_command readelf || return 0
	files=$probed
	for f in /usr/bin/python3.* /usr/lib/*/libstdc++.so.6 \
		/usr/lib/*/libpython3.*.so.1.0 /usr/lib/*/libc.so.6; do
		[ -f "$f" ] && [ ! -L "$f" ] && files="$files $f"
	done
	# shellcheck disable=SC2086
	PUSDT=pusdt "$CTL_SRC/tests/usdt_compare.sh" $files >"$tmp/compare" ||
		fail "they differ: $(cat "$tmp/compare")"
	grep -q '^[1-9].* files with notes, [0-9]* sites, 0 files differ$' \
		"$tmp/compare" || fail "$(cat "$tmp/compare")"
}

# What prelink(8) does: everything is elsewhere but for what the notes say, which
# have the base of then.
testPrelinked()
{
	needs_command jq || return 0
	needs_command objcopy || return 0
	needs_command python3 || return 0
	ok pusdt list -j "$probed"
	jq '.sites, .semaphore' "$tmp/stdout" >"$tmp/before"
	objcopy --dump-section ".note.stapsdt=$tmp/notes" "$probed" "$tmp/moved" ||
		fail "objcopy"
	python3 - "$tmp/notes" <<'END' || fail "python3"
import struct, sys
b = bytearray(open(sys.argv[1], "rb").read())
at = 0
while at < len(b):
    name, desc, kind = struct.unpack_from("<3I", b, at)
    at += 12 + (name + 3 & ~3)
    for i, v in enumerate(struct.unpack_from("<3Q", b, at)):
        if v:
            struct.pack_into("<Q", b, at + 8 * i, v + 0x123000)
    at += desc + 3 & ~3
open(sys.argv[1], "wb").write(b)
END
	objcopy --update-section ".note.stapsdt=$tmp/notes" "$tmp/moved" ||
		fail "objcopy"
	ok pusdt list -j "$tmp/moved"
	jq '.sites, .semaphore' "$tmp/stdout" >"$tmp/after"
	cmp "$tmp/before" "$tmp/after" || fail "moved: $(cat "$tmp/after")"
	target "$tmp/moved" 1 0
	run timeout 60 pusdt trace -n 3 "$pid" test:guarded
	assertEquals "$(stderr)" 0 "$status"
}

testFixtureOfDtrace()
{
	needs_command jq || return 0
	ok pusdt list -j "$fixture"
	assertEquals "orders:idle 0x12a0 
orders:received 0x12ba 8@%r15
orders:received 0x12c8 -4@%ebx 8@0(%rbp,%rax,8) 8@%r12
orders:shipped 0x12fb -4@%ebx -1@%al" "$(sites)"
	assertEquals "kinds" usdt "$(jq -r .kind "$tmp/stdout" | sort -u)"
	assertEquals "declared types" "int,char *,uint64_t" "$(jq -r '
		select(.name == "received") | .sites[1].args | map(.type) |
		join(",")' "$tmp/stdout")"
	assertEquals "is-enabled" "true false" "$(jq -r '
		select(.name == "received") | [.sites[].is_enabled] |
		map(tostring) | join(" ")' "$tmp/stdout")"
	ok pusdt list -l "$fixture" 'orders:shipped'
	grep -q 'arg1  -1@%al  int8_t' "$tmp/stdout" || fail "$(stdout)"
}

testDof()
{
	needs_command jq || return 0
	ok pusdt list -j "$TRACEES/doffed"
	assertEquals dof "$(jq -r .kind "$tmp/stdout" | sort -u)"
	# The program's own symbol says where the sites have to be.
	work=$(nm "$TRACEES/doffed" | sed -n 's/ T work$//p')
	assertEquals "tick $((0x$work + 6)) true 
tick $((0x$work + 20)) false int,char *>string
tock $((0x$work + 26)) false " "$(jq -r '.name as $n | .sites[] |
		"\($n) \(.address) \(.is_enabled) " + ([.args[] | .type +
		if .translated then ">" + .translated else "" end] |
		join(","))' "$tmp/stdout" | while read -r name address rest; do
		echo "$name $((address)) $rest"
	done | sed 's/true$/true /; s/^tock.*false$/& /')"
}

# elf_with SECTION TYPE FILE: a file that has nothing but what FILE has
elf_with()
{
	python3 - "$@" <<'END' >"$tmp/elf"
import struct, sys
body = open(sys.argv[3], "rb").read()
names = b"\0" + sys.argv[1].encode() + b"\0.shstrtab\0"
def section(name, kind, at, size):
    return struct.pack("<IIQQQQIIQQ", name, kind, 0, 0, at, size, 0, 0, 4, 0)
at = 64 + len(body)
sys.stdout.buffer.write(struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1",
    2, 62, 1, 0, 0, at + len(names), 0, 64, 56, 0, 64, 3, 2) + body + names +
    section(0, 0, 0, 0) + section(1, int(sys.argv[2]), 64, len(body)) +
    section(len(sys.argv[1]) + 2, 3, at, len(names)))
END
}

# 1000 probes that have all 4500 offsets each, and 255 arguments.
testDofWithOverlappingProbes()
{
	[ "${CTL_SLOW:-}" ] && { skip "takes long where a machine is emulated"; return 0; }
	needs_command python3 || return 0
	python3 - <<'END' >"$tmp/dof"
import struct, sys
strings = b"\0p\0n\0" + b"int\0" * 255
probe = struct.pack("<Q6IBBHIHHI", 0x1000, 0, 3, 5, 5, 0, 0, 255, 255, 4500, 0,
                    0, 0, 0)
parts = [(8, strings), (16, probe * 1000), (17, bytes(range(255))),
         (18, bytes(4 * 4500)), (15, struct.pack("<11I", 0, 1, 2, 3, 1, *[0] * 6))]
at = 64 + 32 * len(parts)
table = body = b""
for kind, b in parts:
    b += bytes(-len(b) % 8)
    size = len(probe) * 1000 if kind == 16 else len(b)
    table += struct.pack("<4I2Q", kind, 8, 1, 0, at + len(body), size)
    body += b
size = at + len(body)
sys.stdout.buffer.write(struct.pack("<16s4I4Q", b"\x7fDOF\2\1\2\2\x08\x08", 0,
    64, 32, len(parts), 64, size, size, 0) + table + body)
END
	elf_with .SUNW_dof 1 "$tmp/dof"
	fails 2 'DOF is damaged' timeout 60 pusdt list "$tmp/elf"
	# Of those before that, no more than there is room for in the file.
	sites=$(awk '{ n += $2 } END { print n }' "$tmp/stdout")
	assertTrue "sites: $sites" \
		"[ '$sites' -ge 4500 ] && [ $sites -le $(($(wc -c <"$tmp/elf") / 4)) ]"
}

# As many declarations of one probe as it has sites.
testManyDeclarationsOfOneProbe()
{
	[ "${CTL_SLOW:-}" ] && { skip "takes long where a machine is emulated"; return 0; }
	needs_command python3 || return 0
	needs_command jq || return 0
	python3 - <<'END' >"$tmp/notes"
import struct, sys
def note(owner, kind, b):
    return (struct.pack("<3I", len(owner), len(b), kind) + owner +
            bytes(-len(owner) % 4) + b + bytes(-len(b) % 4))
site = note(b"usdt\0", 1, struct.pack("<QQ", 0x1000, 0) + b"p\0n\0\x02" +
            b"8@%rdi 8@%rsi\0")
says = note(b"prov\0", 1, b"p\0\0\0" + bytes(20) + struct.pack("<I", 1) +
            b"n\0\2int\0char *\0\2string\0\1long\0\0")
sys.stdout.buffer.write(site * 16000 + says * 16000)
END
	elf_with .note.usdt 7 "$tmp/notes"
	run timeout 60 pusdt list -j "$tmp/elf"
	assertEquals "$(stderr)" 0 "$status"
	assertEquals 'int>long char *>string 16000' "$(jq -r '.sites |
		"\(.[0].args | map(.type + ">" + .translated) | join(" ")) " +
		"\(map(select(.args[1].type == "char *")) | length)"' "$tmp/stdout")"
}

testTextHasOneLineAProbe()
{
	ok pusdt list "$fixture"
	assertEquals 4 "$(wc -l <"$tmp/stdout")"
	ok pusdt list "$fixture" 'orders:s*'
	assertEquals 2 "$(wc -l <"$tmp/stdout")"
}

testUnresolvableArgumentLeavesTheOthers()
{
	needs_command jq || return 0
	ok pusdt list -j "$probed" test:lost
	assertEquals "null true null" "$(jq -r '.sites[0].args |
		map(if .problem then true else null end | tostring) |
		join(" ")' "$tmp/stdout")"
	ok pusdt list -l "$probed" test:lost
	grep -q 'cannot be had: a label of the assembler' "$tmp/stdout" ||
		fail "$(stdout)"
}

testSpecs()
{
	for spec in test:hit 'te*:h?t' :hit probed:test:hit 'pro*:test:hit' \
		"$probed:test:hit" "usdt:$probed:test:hit" usdt:test:hit \
		test:::hit 'test:probed::hit'; do
		ok pusdt list "$probed" "$spec"
		assertEquals "$spec" 2 "$(wc -l <"$tmp/stdout")"
	done
	fails 1 'no such probe' pusdt list "$probed" test:nothing
	fails 1 'no such probe' pusdt list "$probed" other:test:hit
	fails 64 'not \[OBJECT:\]PROVIDER:NAME' pusdt list "$probed" a:b:c:d:e
	fails 64 'not selected by function' pusdt list "$probed" test::main:hit
	fails 1 'no probe matches x:y' pusdt list /usr/bin/python3 \
		'python:function-entry' 'x:y'
	assertEquals 2 "$(wc -l <"$tmp/stdout")"
}

testProcessHasAddressesInIt()
{
	needs_command jq || return 0
	target probed 1 0
	ok pusdt list -j "$pid" probed:test:hit
	address=$(jq -r '.sites[0].address' "$tmp/stdout")
	offset=$(jq -r '.sites[0].offset' "$tmp/stdout")
	assertEquals "a nop" 90 "$(dd if="/proc/$pid/mem" bs=1 count=1 \
		skip=$((address)) 2>/dev/null | od -An -tx1 | tr -d ' ')"
	while read -r range _ start _; do
		lo=0x${range%-*} hi=0x${range#*-} start=0x$start
		[ $((address >= lo && address < hi)) = 1 ] && break
	done <"/proc/$pid/maps"
	assertEquals "where the mapping has it" $((offset)) \
		$((address - lo + start))
	assertEquals "$pid" "$(jq -r .pid "$tmp/stdout")"
	# A variable of the program, wherever it was put.
	ok pusdt list -j "$pid" test:guarded
	semaphore=$(jq -r .semaphore "$tmp/stdout")
	assertEquals "its semaphore" 0 "$(dd if="/proc/$pid/mem" bs=1 count=2 \
		skip=$((semaphore)) 2>/dev/null | od -An -tu2 | tr -d ' ')"
}

# Each is looked at once, however many there are.
testManyMappings()
{
	target odd mapped 40000
	ok timeout $((PATIENCE / 10)) pusdt list "$pid"
}

testDeletedProgram()
{
	cp "$probed" "$tmp/short-lived"
	target "$tmp/short-lived" 1 0
	rm "$tmp/short-lived"
	ok pusdt list -l "$pid" test:hit
	grep -q "^test:hit  $tmp/short-lived  deleted" "$tmp/stdout" ||
		fail "$(stdout)"
	# Another file of its name is not it.
	cp /bin/true "$tmp/short-lived"
	ok pusdt list "$pid" test:hit
}

testOrdinaryUser()
{
	needs_root "becomes another user" || return 0
	user_dir
	target probed 1 0
	fails 2 "cannot list $pid: Permission denied" as_user pusdt list "$pid"
}

# Through setpriv: target wants one command.
as_user_target()
{
	XDG_RUNTIME_DIR=$tmp/user spawn setpriv --reuid=65534 --regid=65534 \
		--clear-groups "$@"
	wait_until grep -q '^ready$' "$out"
}

testDeletedProgramOfAnOrdinaryUser()
{
	needs_root "becomes another user" || return 0
	user_dir
	cp "$probed" "$tmp/user/mine"
	chmod 755 "$tmp/user/mine"
	as_user_target "$tmp/user/mine" 1 0
	rm "$tmp/user/mine"
	ok as_user pusdt list "$pid" test:hit
	assertEquals 2 "$(wc -l <"$tmp/stdout")"
}

test32Bit()
{
	needs_command jq || return 0
	if ! ${CC:-cc} -m32 -msse2 -O2 -pthread -I"$CTL_SRC/tests/tracees" \
		-o "$tmp/probed32" "$CTL_SRC/tests/tracees/probed.c" \
		2>/dev/null; then
		skip "no compiler for i386 here"
		return 0
	fi
	PUSDT=pusdt "$CTL_SRC/tests/usdt_compare.sh" "$tmp/probed32" \
		>"$tmp/compare" || fail "$(cat "$tmp/compare")"
	run pusdt run -j -o "$tmp/hits" test:imm test:wide -- "$tmp/probed32" 1 2 0
	assertEquals "$(stderr)" 0 "$status"
	assertEquals "0,-5,1,1,-5" "$(jq -r '.args[0]' "$tmp/hits" | paste -sd ,)"
	target "$tmp/probed32" 1 0
	ok pusdt list -j "$pid" test:hit
	address=$(jq -r '.sites[0].address' "$tmp/stdout")
	assertEquals "a nop" 90 "$(dd if="/proc/$pid/mem" bs=1 count=1 \
		skip=$((address)) 2>/dev/null | od -An -tx1 | tr -d ' ')"
}

# file:line of the inner function, and the functions from in to out
testSourceAgreesWithAddr2line()
{
	needs_command jq || return 0
	needs_command addr2line || return 0
	for f in "$probed" "$fixture"; do
		ok pusdt list -l -j "$f"
		jq -r '.sites[] | "\(.address) \(.function) " +
			([.inlined_into[].function] | join(" ")) +
			" \(.file):\(.line)"' "$tmp/stdout" |
			sed 's/  */ /g' | sort >"$tmp/ours"
		assertTrue "$f has sites" "[ -s '$tmp/ours' ]"
		while read -r address _; do
			addr2line -i -f -e "$f" "$address" |
				sed 's/ (discriminator.*//' | awk -v a="$address" '
				NR == 2 { line = $1 }
				NR % 2 { chain = chain " " $1 }
				END { print a chain " " line }'
		done <"$tmp/ours" | sort >"$tmp/theirs"
		diff "$tmp/theirs" "$tmp/ours" >"$tmp/diff" ||
			fail "$f: $(cat "$tmp/diff")"
	done
}

testNamesAndTypes()
{
	needs_command jq || return 0
	ok pusdt list -l -j "$fixture" orders:shipped
	assertEquals "int id" "$(jq -r '.sites[0].args[0] |
		"\(.type) \(.name)"' "$tmp/stdout")"
	ok pusdt list -l "$probed" test:global
	grep -q 'a_global(%rip)  int a_global$' "$tmp/stdout" ||
		fail "$(stdout)"
	# In a process it is somewhere else.
	target probed 1 0
	ok pusdt list -l "$pid" test:global
	grep -q 'a_global(%rip)  int a_global$' "$tmp/stdout" ||
		fail "$(stdout)"
}

# No variable is in these registers, for all that the debug information says; the
# code shows whose value is there, if it is anybody's.
testNamesOfCopies()
{
	needs_command jq || return 0
	[ "$(uname -m)" = x86_64 ] || {
		skip "x86-64 only"
		return 0
	}
	cat >"$tmp/copies.c" <<'END'
#include "sdt.h"
struct pair { long one, two; };
void other(void);
#define MOVE(what, v, ...) \
	__asm__ volatile(what :: "r"(v) : "rbx", "memory", ##__VA_ARGS__)
#define SITE(name, args) SDT_SITE("nop", "copies", name, "0", args, "i"(0))
__attribute__((noinline)) long pass(long first, struct pair *second, int third)
{
	MOVE("mov %0, %%rbx", first);
	SITE("kept", "8@%%rbx");
	MOVE("mov %0, %%rbx", second);
	SITE("pointer", "8@%%rbx 8@8(%%rbx) 8@16(%%rbx)");
	MOVE("mov %0, %%ebx", third);
	SITE("narrow", "-4@%%ebx 8@%%rbx");
	MOVE("mov %0, %%rbx\n\tadd $1, %%rbx", first);
	SITE("changed", "8@%%rbx");
	MOVE("mov %0, %%rbx\n\tcall other", first, "rax", "rcx", "rdx", "rsi",
	     "rdi", "r8", "r9", "r10", "r11");
	SITE("over_call", "8@%%rbx 8@%%r11");
	MOVE("mov %0, %%rbx\n\ttest %0, %0\n\tjns 1f\n\txor %%ebx, %%ebx\n1:",
	     first);
	SITE("one_way", "8@%%rbx");
	return first + second->two + third;
}
void other(void)
{
}
int main(int argc, char **argv)
{
	struct pair p = { argc, 2 };

	return pass(argc, &p, argv[0][0]) == 0;
}
END
	compiled=
	for cc in ${CC:-cc} clang; do
		$cc -g -O2 -no-pie -mno-red-zone -I"$CTL_SRC/tests/tracees" \
			-o "$tmp/copies" "$tmp/copies.c" 2>/dev/null || continue
		compiled=$cc
		ok pusdt list -lj "$tmp/copies"
		assertEquals "$cc" "kept long first
pointer struct pair * second
pointer long second->two
pointer null null
narrow int third
narrow null null
changed null null
over_call long first
over_call null null
one_way null null" "$(jq -r '.name as $n | .sites[].args[] |
			"\($n) \(.type) \(.name)"' "$tmp/stdout" |
			sed 's/long int/long/' |
			sort -s -k 1,1 | awk '
			{ a[$1] = a[$1] $0 "\n" }
			END { printf "%s%s%s%s%s%s", a["kept"], a["pointer"],
				a["narrow"], a["changed"], a["over_call"],
				a["one_way"] }')"
	done
	[ "$compiled" ] || skip "no compiler here"
}

testSeparateDebugFile()
{
	needs_command objcopy || return 0
	cp "$probed" "$tmp/stripped"
	objcopy --only-keep-debug "$tmp/stripped" "$tmp/stripped.debug"
	objcopy --strip-all --add-gnu-debuglink="$tmp/stripped.debug" \
		"$tmp/stripped"
	ok pusdt list -l "$tmp/stripped" test:hit
	grep -q '  pass at .*/probed.c:[1-9]' "$tmp/stdout" || fail "$(stdout)"
	# A variable whose symbol was stripped: its table is there, too.
	ok pusdt list -l "$tmp/stripped" test:global
	grep -q 'a_global(%rip)  int a_global$' "$tmp/stdout" ||
		fail "$(stdout)"
	mkdir "$tmp/.debug"
	mv "$tmp/stripped.debug" "$tmp/.debug"
	ok pusdt list -l "$tmp/stripped" test:hit
	grep -q "arg0  .*  int i\$" "$tmp/stdout" || fail "$(stdout)"
	# Another build's is none of its business.
	cp "$fixture" "$tmp/.debug/stripped.debug"
	ok pusdt list -l "$tmp/stripped" test:hit
	grep -q ' at ' "$tmp/stdout" && fail "$(stdout)"
	# The debug file lists the same probes: their notes are in it.
	objcopy --only-keep-debug "$probed" "$tmp/only.debug"
	ok pusdt list -j "$tmp/only.debug" test:hit
	assertEquals "not in this file" null \
		"$(jq -r '.sites[0].offset' "$tmp/stdout")"
}

# What dwz(1) finds in several files it moves to one of its own.
testDwzSupplement()
{
	needs_command dwz || return 0
	for i in 1 2; do
		if ! ${CC:-cc} -gdwarf-4 -O2 -pthread -Wl,--build-id=sha1 \
			-I"$CTL_SRC/tests/tracees" -o "$tmp/dwz$i" \
			"$CTL_SRC/tests/tracees/probed.c" 2>/dev/null; then
			skip "no compiler here"
			return 0
		fi
	done
	ok pusdt list -l "$tmp/dwz1"
	cp "$tmp/stdout" "$tmp/before"
	(cd "$tmp" && dwz -m common.debug -r dwz1 dwz2) || fail "dwz"
	readelf -S -W "$tmp/dwz1" | grep -q gnu_debugaltlink ||
		fail "nothing was moved"
	ok pusdt list -l "$tmp/dwz1"
	cmp "$tmp/before" "$tmp/stdout" || fail "$(stdout)"
	# Not there: fewer names, and no wrong ones.
	rm "$tmp/common.debug"
	ok pusdt list -l "$tmp/dwz1"
	grep -q 'DW_FORM' "$tmp/stdout" && fail "$(stdout)"
	grep -q ' at .*probed.c:[1-9]' "$tmp/stdout" || fail "$(stdout)"
}

# The C library of Debian's next release has probes; 2.43-7 was compared with its
# source.  CTL_LIBC: a copy of its libc.so.6 with libc6-dbg's file for it in
# .debug beside it.
testLibc()
{
	needs_command jq || return 0
	if [ ! -f "${CTL_LIBC:-}" ]; then
		skip "CTL_LIBC names no libc.so.6 with probes"
		return 0
	fi
	ok pusdt list -lj "$CTL_LIBC"
	assertEquals "function, file and line of every site" 0 "$(jq -s '
		[.[].sites[] | select((.function and .file and .line) | not)] |
		length' "$tmp/stdout")"
	assertEquals "names and types: 72 of 100 arguments" true "$(jq -s '
		[.[].sites[].args[]] |
		([.[] | select(.name and .type)] | length) * 100 >= length * 72
		' "$tmp/stdout")"
}

testErrors()
{
	fails 2 'cannot list /nonexistent: No such file' \
		pusdt list /nonexistent
	fails 2 'cannot list /etc/passwd: not an ELF file' \
		pusdt list /etc/passwd
	fails 2 'cannot list /: Is a directory' pusdt list /
	mkfifo "$tmp/fifo"
	fails 2 'not an ELF file' pusdt list "$tmp/fifo"
	: >"$tmp/empty"
	fails 2 'not an ELF file' pusdt list "$tmp/empty"
	fails 2 'cannot list 4194304: No such process' pusdt list 4194304
	fails 1 'nonexistent' pusdt list /nonexistent "$probed"
	fails 64 'no PID and no file' pusdt list
	fails 64 'one or the other' pusdt list --all 1
	fails 64 'no subcommand' pusdt
	fails 64 'no such subcommand' pusdt lists
}

zombie_of()
{
	zombie=$(cat "/proc/$1/task/$1/children")
	zombie=${zombie% }
	[ "$zombie" ] && [ "$(state "$zombie")" = Z ]
}

# Cut anywhere, a file gives an error, and never a signal.
testTruncatedFiles()
{
	size=$(wc -c <"$probed")
	for part in 1 7 13 31 47 63 71 83 97; do
		head -c $((size * part / 100)) "$probed" >"$tmp/cut"
		run pusdt list -l "$tmp/cut"
		assertEquals "$part%" 2 "$status"
		stderr | grep -q 'truncated\|not an ELF\|damaged' || fail "$part%: $(stderr)"
	done
	# A process that maps nothing is not one without probes.
	fails 2 'it is a kernel thread' pusdt list 2
	spawn sh -c 'sleep 0 & exec sleep 1000'
	assert_soon zombie_of "$pid"
	fails 2 'the process has exited' pusdt list "$zombie"
}

# The libdwarf of Debian 12 frees twice what belongs to a damaged second table.
testDamagedLists()
{
	needs_command objcopy || return 0
	objcopy --dump-section ".debug_rnglists=$tmp/lists" "$fixture" \
		"$tmp/damaged" || fail "objcopy"
	first=$(od -An -tu4 -N4 "$tmp/lists" | tr -d ' ')
	assertTrue "two tables" "[ $(wc -c <"$tmp/lists") -gt $((first + 16)) ]"
	printf '\003' | dd of="$tmp/lists" bs=1 seek=$((first + 8)) \
		conv=notrunc 2>/dev/null
	objcopy --update-section ".debug_rnglists=$tmp/lists" "$tmp/damaged" ||
		fail "objcopy"
	run pusdt list -l "$tmp/damaged"
	assertTrue "status $status" "[ $status -le 2 ]"
	stderr | grep -q 'damaged debug information' || fail "$(stderr)"
	grep -q 'orders:shipped' "$tmp/stdout" || fail "$(stdout)"
}

testAllProcesses()
{
	needs_command jq || return 0
	target probed 1 0
	run pusdt list --all -j test:hit
	assertEquals "$(stderr)" 0 "$status"
	assertEquals "$pid" "$(jq -r "select(.pid == $pid) | .pid" \
		"$tmp/stdout")"
}

. shunit2
