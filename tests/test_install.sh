#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# What make install puts where, and that a stranger can use it.
. "${CTL_SRC:-.}/tests/lib.sh"

# A program of somebody else's: stop and run the process given.
oneTimeSetUp()
{
	cat >"$tmp/user.c" <<-'END'
		#include <ctl.h>
		#include <stdio.h>
		#include <stdlib.h>

		int main(int argc, char **argv)
		{
			struct ctl *h;

			if (argc != 2 || ctl_open(&h, atoi(argv[1]), 0, 0) < 0 ||
			    ctl_stop(h, 0) < 0 || ctl_run(h, 0) < 0) {
				fprintf(stderr, "%s\n", ctl_error());
				return 1;
			}
			printf("%s\n", ctl_backend(h));
			ctl_close(h);
			return 0;
		}
	END
}

needs_source()
{
	[ -e "$CTL_SRC/Makefile" ] && [ -w "$CTL_SRC" ] &&
		needs_command make && needs_command cc && return
	skip "needs the source and a compiler"
	return 1
}

# The version that the header has.
version()
{
	sed -n 's/^#define CTL_VERSION "\(.*\)"/\1/p' "$CTL_SRC/libctl/ctl.h"
}

# The tree's own build, put somewhere by make install.
install_to()
{
	# Not the make that runs the tests: its variables are not ours.
	env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -j 2 -C "$CTL_SRC" \
		O="$tmp/build" CFLAGS=-O0 "$@" >"$tmp/make" 2>&1 ||
		fail "make $*: $(tail -n 5 "$tmp/make")"
}

testInstalled()
{
	needs_source || return 0
	dest=$tmp/dest
	install_to install DESTDIR="$dest" prefix=/usr
	for file in bin/pstop bin/prun lib/libctl.so.0 lib/libctl.a \
		libexec/ctltools/ctlkeeper include/ctl.h include/dtrace_ctl.h \
		lib/pkgconfig/libctl.pc; do
		[ -e "$dest/usr/$file" ] || fail "no $file"
	done
	for page in "$CTL_SRC"/man/*.[1-8]; do
		[ -e "$page" ] || continue
		[ -e "$dest/usr/share/man/man${page##*.}/${page##*/}" ] ||
			fail "no ${page##*/}"
	done
	# No path of the build in what is installed.
	grep -rl "$tmp/build" "$dest" >"$tmp/paths"
	assertEquals "" "$(cat "$tmp/paths")"

	# Found where it lies, by pkg-config, as shared library ...
	PKG_CONFIG_PATH=$dest/usr/lib/pkgconfig
	PKG_CONFIG_SYSROOT_DIR=$dest
	export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR
	assertEquals "$(version)" "$(pkg-config --modversion libctl)"
	# shellcheck disable=SC2046 # flags
	cc -Wall -Werror -o "$tmp/shared" "$tmp/user.c" \
		$(pkg-config --cflags --libs libctl) >"$tmp/cc" 2>&1 ||
		fail "shared: $(cat "$tmp/cc")"
	target spin
	run env LD_LIBRARY_PATH="$dest/usr/lib" "$tmp/shared" "$pid"
	assertEquals "$(stderr)" 0 "$status"
	assertEquals "$CTL_BACKEND" "$(stdout)"
	assert_untouched "$pid"
	# ... and as archive, all of it.
	# shellcheck disable=SC2046 # flags
	cc -Wall -Werror -o "$tmp/static" "$tmp/user.c" \
		$(pkg-config --cflags libctl) -Wl,--whole-archive \
		"$dest/usr/lib/libctl.a" -Wl,--no-whole-archive \
		$(pkg-config --libs-only-l --static libctl | sed 's/-lctl//') \
		>"$tmp/cc" 2>&1 || fail "static: $(cat "$tmp/cc")"
	run env CTL_KEEPER="$dest/usr/libexec/ctltools/ctlkeeper" \
		"$tmp/static" "$pid"
	assertEquals "$(stderr)" 0 "$status"
	assert_untouched "$pid"
	unset PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR

	# The commands find their library and keeper beside them.
	ok "$dest/usr/bin/pstop" "$pid"
	assert_stopped "$pid"
	# Only root may ask what an undumpable keeper was made from.
	exe=$(readlink "/proc/$(tracer "$pid")/exe") &&
		assertEquals "$(readlink -f "$dest/usr/libexec/ctltools/ctlkeeper")" \
			"$exe"
	ok "$dest/usr/bin/prun" "$pid"
	assert_untouched "$pid"

	install_to uninstall DESTDIR="$dest" prefix=/usr
	assertEquals "nothing is left" "" "$(find "$dest" ! -type d)"
	[ ! -e "$dest/usr/libexec/ctltools" ] || fail "our folder is left"
}

# What BPF needs came with another package, since the tree was built: make check
# installs it after make demo.  All of the keeper is made anew, not just the
# files that have BPF in them.
testKeeperIsMadeAnewForBpf()
{
	needs_source || return 0
	for bpf in 0 1; do
		env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -n -C "$CTL_SRC" \
			O="$CTL_BUILD" BPF=$bpf 2>&1 |
			sed -n 's|.* libctl/keeper/\([a-z]*\)\.c$|\1|p' |
			sort >"$tmp/bpf.$bpf"
	done
	# As it was built nothing is to do: it is the other of the two.
	sort -u "$tmp"/bpf.[01] >"$tmp/remade"
	(cd "$CTL_SRC/libctl/keeper" && ls ./*.c) |
		sed 's|./\(.*\)\.c|\1|' | sort | diff - "$tmp/remade" >"$tmp/diff" ||
		fail "files of the keeper (<), and made anew (>): $(cat "$tmp/diff")"
}

testSymbols()
{
	needs_source || return 0
	run "$CTL_SRC/scripts/symbols" check "$CTL_SRC/libctl/libctl.map" \
		"$CTL_SRC/libctl/ctl.h"
	assertEquals "$(stdout)" 0 "$status"
	needs_command nm || return 0
	nm -D --defined-only "$CTL_BUILD/lib/libctl.so" |
		sed -n 's/.* T \(ctl_[^@]*\).*/\1/p' | sort >"$tmp/exported"
	"$CTL_SRC/scripts/symbols" list "$CTL_SRC/libctl/ctl.h" |
		diff - "$tmp/exported" >"$tmp/diff" ||
		fail "declared (<) and exported (>): $(cat "$tmp/diff")"
}

testVersionIsTheSameEverywhere()
{
	[ -e "$CTL_SRC/debian/changelog" ] || { skip "needs the source"; return 0; }
	assertNotEquals "" "$(version)"
	assertEquals dkms.conf "$(version)" \
		"$(sed -n 's/^PACKAGE_VERSION="\(.*\)"/\1/p' "$CTL_SRC/kmod/dkms.conf")"
	assertEquals debian/changelog "$(version)" \
		"$(sed -n '1s/^ctltools (\(.*\)).*/\1/p' "$CTL_SRC/debian/changelog")"
}

testDependenciesArePublished()
{
	[ -e "$CTL_SRC/scripts/deps.list" ] || { skip "needs the source"; return 0; }
	"$CTL_SRC/scripts/deps" markdown |
		diff - "$CTL_SRC/docs/dependencies.md" >"$tmp/diff" ||
		fail "make docs/dependencies.md: $(cat "$tmp/diff")"
}

testMissingPackageIsNamed()
{
	[ -e "$CTL_SRC/scripts/deps.list" ] || { skip "needs the source"; return 0; }
	mkdir "$tmp/scripts"
	cp "$CTL_SRC/scripts/deps" "$tmp/scripts/"
	printf 'build\tlibfoo-dev\tcmd:no-such-command\twhat foo is for\n' \
		>"$tmp/scripts/deps.list"
	run "$tmp/scripts/deps" check build
	assertEquals 2 "$status"
	stderr | grep -q 'libfoo-dev .*what foo is for' || fail "$(stderr)"
	fails 64 'no such group' "$tmp/scripts/deps" check nonsense
	printf 'build\tlibfoo-dev\tcmd:sh\twhat foo is for\n' \
		>"$tmp/scripts/deps.list"
	ok "$tmp/scripts/deps" check build
}

. shunit2
