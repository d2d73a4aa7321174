/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pred.c - conditions.
 *
 *     or    = and {"||" and}
 *     and   = not {"&&" not}
 *     not   = "!" not | comparison
 *     comparison = sum [("==" | "!=" | "<" | "<=" | ">" | ">=") sum]
 *     sum   = value ["&" value]
 *     value = number | "-" number | "argN" | "tid" | "pid" | "(" or ")"
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pusdt.h"

struct reader {
	const char *p, *why;
	struct pusdt_pred *out;
	unsigned depth; /* of parentheses and "!" */
};

static bool fail(struct reader *r, const char *why)
{
	if (!r->why)
		r->why = why;
	return false;
}

static bool emit(struct reader *r, uint32_t op, int64_t value)
{
	if (r->out->n == CTL_PRED_OPS)
		return fail(r, "too long");
	r->out->v[r->out->n++] = (struct ctl_pred){ .op = op, .value = value };
	return true;
}

static bool take(struct reader *r, const char *token)
{
	while (isspace((unsigned char)*r->p))
		r->p++;
	if (strncmp(r->p, token, strlen(token)) != 0)
		return false;
	r->p += strlen(token);
	return true;
}

static bool read_or(struct reader *r);

static bool read_number(struct reader *r)
{
	char *end;
	int64_t v;

	while (isspace((unsigned char)*r->p))
		r->p++;
	errno = 0;
	/* Addresses and masks have all their 64 bits. */
	v = *r->p == '-' ? strtoll(r->p, &end, 0) :
			   (int64_t)strtoull(r->p, &end, 0);
	if (end == r->p)
		return fail(r, "a number, argN, tid or pid was expected");
	if (errno)
		return fail(r, "too large a number");
	if (isalnum((unsigned char)*end) || *end == '_')
		return fail(r, "not a number");
	r->p = end;
	return emit(r, CTL_PRED_CONST, v);
}

static bool read_value(struct reader *r)
{
	char *end;
	long n;

	if (take(r, "(")) {
		if (++r->depth > 32)
			return fail(r, "too deep");
		return read_or(r) && (take(r, ")") || fail(r, "no )"));
	}
	if (take(r, "tid"))
		return emit(r, CTL_PRED_TID, 0);
	if (take(r, "pid"))
		return emit(r, CTL_PRED_PID, 0);
	if (!take(r, "arg"))
		return read_number(r);
	if (!isdigit((unsigned char)*r->p))
		return fail(r, "arg0, arg1 ... was expected");
	n = strtol(r->p, &end, 10);
	r->p = end;
	if (n >= CTL_PROBE_ARGS)
		return fail(r, "no probe has as many arguments");
	return emit(r, CTL_PRED_ARG, n);
}

static bool read_sum(struct reader *r)
{
	if (!read_value(r))
		return false;
	while (isspace((unsigned char)*r->p))
		r->p++;
	if (r->p[0] != '&' || r->p[1] == '&')
		return true;
	r->p++;
	return read_value(r) && emit(r, CTL_PRED_BITAND, 0);
}

static bool read_comparison(struct reader *r)
{
	static const struct {
		const char *token;
		uint32_t op;
	} ops[] = {
		{ "==", CTL_PRED_EQ }, { "!=", CTL_PRED_NE },
		{ "<=", CTL_PRED_LE }, { ">=", CTL_PRED_GE },
		{ "<", CTL_PRED_LT },  { ">", CTL_PRED_GT },
	};

	if (!read_sum(r))
		return false;
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (take(r, ops[i].token))
			return read_sum(r) && emit(r, ops[i].op, 0);
	return true;
}

static bool read_not(struct reader *r)
{
	if (!take(r, "!"))
		return read_comparison(r);
	if (++r->depth > 32)
		return fail(r, "too deep");
	return read_not(r) && emit(r, CTL_PRED_NOT, 0);
}

static bool read_and(struct reader *r)
{
	if (!read_not(r))
		return false;
	while (take(r, "&&"))
		if (!read_not(r) || !emit(r, CTL_PRED_AND, 0))
			return false;
	return true;
}

static bool read_or(struct reader *r)
{
	if (!read_and(r))
		return false;
	while (take(r, "||"))
		if (!read_and(r) || !emit(r, CTL_PRED_OR, 0))
			return false;
	return true;
}

/* What the server's stack has room for. */
static bool fits_stack(const struct pusdt_pred *p)
{
	unsigned depth = 0;

	for (unsigned i = 0; i < p->n; i++) {
		if (p->v[i].op <= CTL_PRED_PID)
			depth++;
		else if (p->v[i].op != CTL_PRED_NOT)
			depth--;
		if (depth > CTL_PRED_DEPTH)
			return false;
	}
	return true;
}

int pusdt_pred_parse(const char *text, struct pusdt_pred *p, const char **why)
{
	struct reader r = { .p = text, .out = p };

	p->n = 0;
	if (read_or(&r)) {
		take(&r, "");
		if (*r.p)
			fail(&r, "something behind the end");
		else if (!fits_stack(p))
			fail(&r, "too deep");
	}
	*why = r.why;
	return r.why ? -EINVAL : 0;
}
