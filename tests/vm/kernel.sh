#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kernel.sh - get a Debian kernel with its headers, without installing it.
#
#	kernel.sh 5.10|6.1|6.12|7.2|7.3|SUITE:PACKAGE|debug|/path
#
# Prints the folder it was unpacked in: boot/vmlinuz-*, lib/modules/*,
# usr/src/linux-headers-*.  "debug" is Debian's source of 6.12, built by
# debug-kernel.sh; there, and in a /path, the folder is a built source tree.  The packages come through an apt of its own (its
# lists, its cache, its sources), so the machine's apt is neither read nor
# changed; all of it lies in $CTL_CACHE (default ~/.cache/ctltools) and is
# reused.  CTL_MIRROR names another mirror than deb.debian.org.
set -eu

usage()
{
	echo "usage: kernel.sh 5.10|6.1|6.12|7.2|7.3|SUITE:PACKAGE|debug|/path" >&2
	exit 64
}

[ $# -eq 1 ] || usage
here=$(cd "$(dirname "$0")" && pwd)
cache=${CTL_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ctltools}
mirror=${CTL_MIRROR:-http://deb.debian.org}
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# The metapackages: what they depend on is the kernel of the day.
case $1 in
/*)	echo "$1"; exit 0 ;;
5.10)	suite=bullseye meta=cloud-amd64 ;;
6.1)	suite=bookworm meta=cloud-amd64 ;;
6.12)	suite=bookworm meta=6.12-cloud-amd64 ;;
7.2)	suite=sid meta=cloud-amd64 ;;
7.3)	suite=trixie-backports meta=cloud-amd64 ;;
debug)	suite=bookworm meta=debug ;;
*:*)	suite=${1%%:*} meta=${1#*:} ;;
*)	usage ;;
esac

dir=$cache/kernel/$suite-$meta
# Done already?  The stamp is written last, and says of what.
stamp=
[ "$meta" != debug ] || stamp=$(cksum <"$here/debug.config")
if [ -e "$dir/stamp" ] &&
	{ [ -z "$stamp" ] || [ "$(cat "$dir/stamp")" = "$stamp" ]; }; then
	echo "$dir"
	exit 0
fi

apt=$cache/apt/$suite
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$apt/parts" \
	"$apt/debs"
signed="[arch=amd64 signed-by=$keyring]"
{
	echo "deb $signed $mirror/debian $suite main"
	case $suite in
	sid | experimental) ;;
	*-backports)
		echo "deb $signed $mirror/debian ${suite%-backports} main" ;;
	*)	echo "deb $signed $mirror/debian-security $suite-security main" ;;
	esac
} >"$apt/sources.list"
: >"$apt/status"
opts="-o Dir::Etc::sourcelist=$apt/sources.list -o Dir::Etc::sourceparts=$apt/parts
	-o Dir::Etc::preferencesparts=$apt/parts -o Dir::Etc::preferences=/dev/null
	-o Dir::State::lists=$apt/lists -o Dir::State::status=$apt/status
	-o Dir::Cache=$apt/cache -o APT::Architecture=amd64
	-o APT::Sandbox::User= -o Acquire::Languages=none
	-o Acquire::Check-Valid-Until=false -o Dpkg::Use-Pty=0"

depends()
{
	# The first alternative of each dependency of package $1 that matches $2.
	# shellcheck disable=SC2086
	apt-cache $opts show --no-all-versions "$1" |
		sed -n 's/^Depends: //p' | tr ',' '\n' |
		sed 's/^ *//; s/[ (|].*//' | grep -E "$2" | sort -u
}

# The source, but for what a kernel without drivers does not look at.
if [ "$meta" = debug ]; then
	echo "kernel.sh: fetching the source of 6.12" >&2
	# shellcheck disable=SC2086
	apt-get $opts -qq update >&2
	# shellcheck disable=SC2086
	(cd "$apt/debs" && rm -f linux-source-6.12_* &&
		apt-get $opts -qq download linux-source-6.12 >&2)
	rm -rf "$dir"
	mkdir -p "$dir"
	dpkg-deb --fsys-tarfile "$apt"/debs/linux-source-6.12_*.deb |
		tar -xO ./usr/src/linux-source-6.12.tar.xz |
		tar -xJ -C "$dir" --strip-components=1 \
			--exclude='*/Documentation/*.rst' --exclude='*.dts*' \
			--exclude='*/drivers/gpu/*.[ch]' \
			--exclude='*/drivers/media/*.[ch]' \
			--exclude='*/drivers/net/ethernet/*.[ch]' \
			--exclude='*/drivers/net/wireless/*.[ch]' \
			--exclude='*/sound/*.[ch]'
	"$here/debug-kernel.sh" "$dir" >&2
	echo "$stamp" >"$dir/stamp"
	echo "$dir"
	exit 0
fi

# shellcheck disable=SC2086
{
	echo "kernel.sh: fetching $meta of $suite" >&2
	apt-get $opts -qq update >&2
	case $suite in
	*-backports) release=$suite ;;
	*) release= ;;
	esac
	[ -z "$release" ] || opts="$opts -t $release"
	image=$(depends "linux-image-$meta" '^linux-image-')
	headers=$(depends "linux-headers-$meta" '^linux-headers-')
	common=$(depends "$headers" '^linux-(headers|kbuild)-')
	# Newer kernels come in pieces.
	extra=$(depends "$image" '^linux-(binary|modules)-' || :)
	(cd "$apt/debs" &&
		apt-get $opts -qq download "$image" "$headers" $common $extra >&2)
}

rm -rf "$dir"
mkdir -p "$dir"
for p in $image $headers $common $extra; do
	for deb in "$apt/debs/${p}"_*.deb; do
		dpkg -x "$deb" "$dir"
	done
done
# The headers name their other half by its installed place.
sed -i "s|/usr/src/|$dir/usr/src/|g" "$dir"/usr/src/linux-headers-*-amd64/Makefile
# Programs of the headers are linked with the C library of their own suite,
# which can be newer than ours: let these run with what they were made for.
find "$dir"/usr/lib/linux-kbuild-* "$dir"/usr/src/linux-headers-*-amd64/tools \
	"$dir"/usr/src/linux-headers-*-amd64/scripts -type f -perm -1 2>/dev/null |
	while read -r f; do
		[ "$(head -c 4 "$f" | tail -c 3)" = ELF ] || continue
		"$f" --help 2>&1 </dev/null | grep -q "GLIBC_.*not found" || continue
		if ! [ -e "$dir/host" ]; then
			# shellcheck disable=SC2086
			(cd "$apt/debs" && apt-get $opts -qq download libc6 >&2)
			for deb in "$apt/debs"/libc6_*.deb; do
				dpkg -x "$deb" "$dir/host"
			done
		fi
		mv "$f" "$f.elf"
		lib=$dir/host/usr/lib/x86_64-linux-gnu
		printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
			"$lib/ld-linux-x86-64.so.2" "$lib" "$f.elf" >"$f"
		chmod 755 "$f"
	done
date >"$dir/stamp"
echo "$dir"
