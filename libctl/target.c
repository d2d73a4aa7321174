/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * target.c - the operand grammar of every command.
 *
 *     operand = PID ["/" LWPS] | "/proc/" PID ["/" [LWPS]]
 *     LWPS    = range {"," range}
 *     range   = n | n "-" m | n "-" | "-" n
 *
 * n, m and PID are decimal and positive.  Nothing else is taken: "12x",
 * " 12", "+12" and "3-2" are errors, because a command that controls the wrong
 * process is worse than one that refuses; "12/" is what a script writes whose
 * variable is empty.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* What is left to read. */
struct cursor {
	const char *p, *end;
};

static bool take(struct cursor *c, char ch)
{
	if (c->p == c->end || *c->p != ch)
		return false;
	c->p++;
	return true;
}

/* A positive number: 1, 0 when there is no digit, or -EINVAL. */
static int take_id(struct cursor *c, pid_t *id)
{
	const char *start = c->p;
	int v = 0;

	while (c->p < c->end && *c->p >= '0' && *c->p <= '9') {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, *c->p - '0', &v))
			return -EINVAL;
		c->p++;
	}
	if (c->p == start)
		return 0;
	if (v == 0)
		return -EINVAL;
	*id = v;
	return 1;
}

static int take_range(struct cursor *c, pid_t *lo, pid_t *hi)
{
	int first, last;

	*lo = 1;
	*hi = INT_MAX;
	first = take_id(c, lo);
	if (first < 0)
		return first;
	if (!take(c, '-')) {
		*hi = *lo;
		return first ? 0 : -EINVAL;
	}
	last = take_id(c, hi);
	if (last < 0)
		return last;
	return (first || last) && *lo <= *hi ? 0 : -EINVAL;
}

/* Is the list well formed, and is tid in it? */
static int scan_list(const char *s, size_t len, pid_t tid, bool *has)
{
	struct cursor c = { s, s + len };
	bool found = false;
	pid_t lo, hi;

	do {
		int r = take_range(&c, &lo, &hi);

		if (r < 0)
			return r;
		found |= tid >= lo && tid <= hi;
	} while (take(&c, ','));
	if (c.p != c.end)
		return -EINVAL;
	*has = found;
	return 0;
}

int ctl_target_parse_mem(const char *s, size_t len, struct ctl_target *t)
{
	static const char proc[] = "/proc/";
	struct cursor c = { s, s + len };
	struct ctl_target result = { 0 };
	size_t listlen;
	bool path, has;

	path = len >= sizeof(proc) - 1 && !memcmp(s, proc, sizeof(proc) - 1);
	if (path)
		c.p += sizeof(proc) - 1;
	if (take_id(&c, &result.pid) != 1)
		return ctl_fail(-EINVAL, "not a process ID");
	if (c.p == c.end) {
		*t = result;
		return 0;
	}
	if (!take(&c, '/'))
		return ctl_fail(-EINVAL, "not a process ID");
	listlen = c.end - c.p;
	if (listlen >= sizeof(result.lwps))
		return ctl_fail(-EINVAL, "list of threads too long");
	if (!(path && !listlen) && scan_list(c.p, listlen, 0, &has) < 0)
		return ctl_fail(-EINVAL, "not a list of threads (n, n-m, n-, "
					 "-n, with commas)");
	memcpy(result.lwps, c.p, listlen);
	*t = result;
	return 0;
}

CTL_EXPORT int ctl_target_parse(const char *arg, struct ctl_target *t)
{
	return ctl_target_parse_mem(arg, strlen(arg), t);
}

CTL_EXPORT bool ctl_target_has(const struct ctl_target *t, pid_t tid)
{
	size_t len = strnlen(t->lwps, sizeof(t->lwps));
	bool has = false;

	if (len == 0)
		return true;
	return scan_list(t->lwps, len, tid, &has) == 0 && has;
}

CTL_EXPORT int ctl_target_threads(const struct ctl_target *t, pid_t **tids)
{
	pid_t *v;
	int n, kept = 0;

	n = ctl_proc_tids(t->pid, &v);
	if (n == -ENOENT)
		return ctl_fail(n, "No such process");
	if (n < 0)
		return ctl_failno(n);
	for (int i = 0; i < n; i++)
		if (ctl_target_has(t, v[i]))
			v[kept++] = v[i];
	if (kept == 0) {
		free(v);
		return ctl_fail(-ENOENT, "No such thread");
	}
	*tids = v;
	return kept;
}
