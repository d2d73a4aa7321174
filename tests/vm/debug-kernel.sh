#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# debug-kernel.sh - configure and build a kernel that looks for mistakes, in a
# source tree: KASAN, lockdep, RCU and sleep checks, kmemleak.  kernel.sh, which
# fetches the source, calls it.
#
#	debug-kernel.sh SOURCE
#
# tinyconfig plus debug.config: some 800 options instead of Debian's 8000; half
# an hour on one core.  CTL_JOBS (1) says how many compilers at a time.
set -eu

[ $# -eq 1 ] || { echo "usage: debug-kernel.sh SOURCE" >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"

make -s tinyconfig >&2
scripts/kconfig/merge_config.sh -m .config "$here/debug.config" >/dev/null
make -s olddefconfig >&2
# An option that depends on what we did not say is left out without a word.
bad=
while read -r line; do
	case $line in
	CONFIG_*=*) grep -qxF "$line" .config || bad="$bad $line" ;;
	"# CONFIG_"*" is not set")
		option=${line#\# }
		! grep -q "^${option%% *}=" .config || bad="$bad $line" ;;
	esac
done <"$here/debug.config"
[ -z "$bad" ] || { echo "debug-kernel.sh: not taken:$bad" >&2; exit 2; }

# The module probes a function of procfs that is else inlined into its callers.
echo 'CFLAGS_base.o += -fno-inline' >>fs/proc/Makefile

echo "debug-kernel.sh: building $(make -s kernelrelease) in $PWD" >&2
nice -n 15 make -s -j"${CTL_JOBS:-1}" KBUILD_BUILD_USER=ctltools \
	KBUILD_BUILD_HOST=debug bzImage modules >&2
# What modules are built with stays.
find . -name '*.o' ! -path './scripts/*' ! -path './tools/*' -delete
