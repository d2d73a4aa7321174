# SPDX-License-Identifier: GPL-2.0-or-later
#
# strace_lines.awk - what "strace -f -o" or "ptruss --style=strace -f -o" wrote,
# so that two runs can be compared:
#
#  * a thread is called by how it came to be, not by its number: 1 is the
#    first, 1.2 the second that 1 made; numbers of threads in the lines, too
#  * a call that strace broke in two, for another thread's line, is one line
#  * thread after thread; what each does is in its order
#  * what may come at any time (signals, and calls whose names match -v any=...)
#    stands last in its thread, once
#  * SIGCHLD is left out, for of two that wait to be taken one is lost, and
#    SIGCONT, which is ignored as well; not with -v sigchld=1, for a program whose
#    children end one after the other
#  * nl_pad of a netlink address, which is left as it was, is left out
#  * calls whose names match -v without=... are left out, and those that a signal
#    broke off and the kernel makes again

# Numbers in a line that are threads': where numbers of threads stand.
function renamed(line,	out, part, n) {
	out = ""
	while (match(line, /(\(| = |pid=|"\/proc\/|tid=\[|P_PID, )[0-9]+/)) {
		part = substr(line, RSTART, RLENGTH)
		n = part
		sub(/^.*[^0-9]/, "", n)
		out = out substr(line, 1, RSTART - 1)
		if (n in name)
			sub(/[0-9]+$/, "T" name[n], part)
		out = out part
		line = substr(line, RSTART + RLENGTH)
	}
	return out line
}

# A thread has this whole line.
function finish(tid, line,	child) {
	gsub(/ +/, " ", line)
	# Two bytes that nobody sets; strace shows what happens to be there.
	sub(/nl_pad=0x[0-9a-f]+, /, "", line)
	text[tid, ++lines[tid]] = line
	if (line ~ /^(clone3?|v?fork)\(.* = [0-9]+$/) {
		child = line
		sub(/.* /, "", child)
		if (!(child in parent)) {
			parent[child] = tid
			place[child] = ++children[tid]
		}
	}
}

function call_it(tid) {
	if (tid in name)
		return name[tid]
	if (tid in parent)
		name[tid] = call_it(parent[tid]) "." place[tid]
	else
		name[tid] = "?" tid
	return name[tid]
}

{
	tid = $1
	if (NR == 1)
		name[tid] = 1
	if (!(tid in seen)) {
		seen[tid] = 1
		order[++threads] = tid
	}
	line = $0
	sub(/^[0-9]+ +/, "", line)
	if (line ~ / <unfinished \.\.\.>$/) {
		sub(/ <unfinished \.\.\.>$/, "", line)
		part[tid] = line
		next
	}
	if (line ~ /^<\.\.\. [a-z0-9_]+ resumed>/) {
		sub(/^<\.\.\. [a-z0-9_]+ resumed>/, "", line)
		line = part[tid] line
		delete part[tid]
	} else if (tid in part && line ~ /^\+\+\+/) {
		finish(tid, part[tid] ") = ?")
		delete part[tid]
	}
	finish(tid, line)
}

END {
	for (i = 1; i <= threads; i++)
		call_it(order[i])
	for (i = 1; i <= threads; i++) {
		tid = order[i]
		for (k = 1; k <= lines[tid]; k++) {
			line = text[tid, k]
			called = line
			sub(/\(.*/, "", called)
			if ((without != "" && called ~ ("^(" without ")$")) ||
			    (!sigchld && line ~ /^--- SIG(CHLD|CONT) /) ||
			    line ~ /= \? ERESTART/)
				continue
			if (line ~ /^(clone|clone3|fork|vfork|wait4|waitid|kill|setpgid|getpgid|getsid|capget|capset|rt_sigqueueinfo|rt_sigtimedwait|---)[( ]/ ||
			    line ~ /"\/proc\/[0-9]/)
				line = renamed(line)
			at = sprintf("%06d", k)
			if (line ~ /^--- / || called == "rt_sigreturn" ||
			    (any != "" && called ~ ("^(" any ")$"))) {
				if ((tid, line) in had)
					continue
				had[tid, line] = 1
				at = "any"
			}
			print name[tid], at, line | "sort"
		}
	}
	close("sort")
}
