/* SPDX-License-Identifier: GPL-2.0-or-later */
/* number.c - numbers from users: all of the word or nothing. */
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common.h"

int cmd_parse_u64(const char *s, uint64_t max, uint64_t *value)
{
	bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
	unsigned long long v;
	char *end;

	/* strtoull() would take blanks and signs. */
	if (hex ? !isxdigit((unsigned char)s[2]) : !isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &end, hex ? 16 : 10);
	if (errno || *end || v > max)
		return -EINVAL;
	*value = v;
	return 0;
}

static int parse_seconds(const char *s, int *ms)
{
	const char *dot = strchr(s, '.');
	size_t whole = dot ? (size_t)(dot - s) : strlen(s);
	int64_t v = 0, scale = 100;

	if (whole == 0 || (dot && !dot[1]))
		return -EINVAL;
	for (size_t i = 0; i < whole; i++) {
		if (!isdigit((unsigned char)s[i]))
			return -EINVAL;
		v = 10 * v + s[i] - '0';
		if (v > INT_MAX / 1000 - 1)
			return -EINVAL;
	}
	v *= 1000;
	for (const char *p = dot ? dot + 1 : ""; *p; p++) {
		if (!isdigit((unsigned char)*p))
			return -EINVAL;
		v += scale * (*p - '0');
		scale /= 10;
	}
	*ms = v ? v : 1;
	return 0;
}

int cmd_seconds(struct argp_state *state, const char *arg)
{
	int ms = 0;

	if (parse_seconds(arg, &ms) < 0)
		argp_error(state, "not a number of seconds: %s", arg);
	return ms;
}

uint64_t cmd_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * UINT64_C(1000000000) + t.tv_nsec;
}

int64_t cmd_now_ms(void)
{
	return cmd_now_ns() / 1000000;
}
