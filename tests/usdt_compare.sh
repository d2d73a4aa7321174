#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# usdt_compare.sh FILE... - compare what pusdt and readelf say of the SystemTap
# notes of each file: provider, name, address, semaphore, arguments, by site.
# PUSDT: the command.  Prints a line a difference; its last line is a count.
set -u
: "${PUSDT:=pusdt}"
export LC_ALL=C
tmp=$(mktemp -d) || exit 2
trap 'rm -rf "$tmp"' EXIT

hex16() { # addresses to sixteen digits
	sed 's/\<0x0*\([0-9a-f]*\)\>/0000000000000000\1/g
	     s/\<0*\([0-9a-f]\{16\}\)\>/\1/g'
}

# readelf does not move what prelink moved: it prints the note as it is.
from_readelf() {
	readelf -n "$1" 2>/dev/null | awk '
	$1 == "stapsdt" { inside = 1 }
	inside && $1 == "Provider:" { provider = $2 }
	inside && $1 == "Name:" { name = $2 }
	inside && $1 == "Location:" {
		gsub(",", ""); pc = $2; semaphore = $6
	}
	inside && $1 == "Arguments:" {
		sub(/^ *Arguments: ?/, "")
		if ($0 == ":") $0 = ""
		print provider ":" name, pc, semaphore, $0
		inside = 0
	}'
}

from_pusdt() {
	"$PUSDT" list -j "$1" | jq -r 'select(.kind == "stapsdt") | . as $p |
		.sites[] | "\($p.provider):\($p.name) \(.address) " +
		"\($p.semaphore // "0x0") \([.args[].spec] | join(" "))"'
}

sites=0 files=0 bad=0
for f; do
	from_readelf "$f" | hex16 | sed 's/ *$//' | sort >"$tmp/readelf"
	from_pusdt "$f" | hex16 | sed 's/ *$//' | sort >"$tmp/pusdt"
	n=$(wc -l <"$tmp/readelf")
	[ "$n" -eq 0 ] && [ ! -s "$tmp/pusdt" ] && continue
	files=$((files + 1))
	sites=$((sites + n))
	if ! diff "$tmp/readelf" "$tmp/pusdt" >"$tmp/diff"; then
		bad=$((bad + 1))
		echo "$f:"
		cat "$tmp/diff"
	fi
done
echo "$files files with notes, $sites sites, $bad files differ"
[ "$bad" -eq 0 ]
