/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hit.c - a hit as text and as JSON.
 *
 * Where no type is known, a value of a pointer's size may point to a string,
 * and the server has tried.  What is printable text up to its NUL is shown as
 * that; anything else is a number.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "pusdt.h"

/* An is-enabled site, which has no hits, may be at the same address. */
const struct ctl_usdt_site *pusdt_hit_site(const struct pusdt_watched *w,
					   const struct ctl_rec_probe *r)
{
	const struct ctl_usdt_probe *p = w ? w->probe : NULL;
	unsigned lo = 0, hi = p ? p->nsites : 0, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (p->sites[mid].address < r->pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; p && lo < p->nsites && p->sites[lo].address == r->pc; lo++)
		if (!p->sites[lo].is_enabled)
			return &p->sites[lo];
	return NULL;
}

static bool is_text(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 && s[i] != '\n' && s[i] != '\t')
			return false;
	return len > 0;
}

const char *pusdt_hit_string(const struct ctl_rec_probe *r,
			     const struct ctl_usdt_arg *a, unsigned i,
			     size_t *len, bool *cut)
{
	const struct ctl_cap *cap = NULL;
	const char *s;

	while (ctl_probe_cap_next(r, &cap) == 1)
		if (cap->op == CTL_CAP_STR && cap->arg == i)
			break;
	if (!cap || cap->op != CTL_CAP_STR || cap->arg != i ||
	    (cap->flags & CTL_CAPF_FAULT))
		return NULL;
	s = (const char *)(cap + 1);
	*len = strnlen(s, cap->len);
	*cut = cap->flags & CTL_CAPF_CUT;
	/* What is declared to be a string is one, empty or odd. */
	if (a && a->type && strstr(a->type, "char"))
		return s;
	return is_text(s, *len) ? s : NULL;
}

double pusdt_float_value(uint64_t v, unsigned size)
{
	uint32_t narrow = v;
	double d;
	float f;

	if (size == 4) {
		memcpy(&f, &narrow, sizeof(f));
		return f;
	}
	memcpy(&d, &v, sizeof(d));
	return d;
}

static bool is_pointer(const struct ctl_usdt_arg *a)
{
	return a && a->type && strchr(a->type, '*');
}

void pusdt_value_text(char *buf, size_t size, uint64_t v,
		      const struct ctl_usdt_arg *a)
{
	if (a && a->is_float)
		snprintf(buf, size, "%g", pusdt_float_value(v, a->size));
	else if (a && a->is_signed)
		snprintf(buf, size, "%" PRId64, (int64_t)v);
	else if (is_pointer(a) || v > 0xffffffffU)
		snprintf(buf, size, "%#" PRIx64, v);
	else
		snprintf(buf, size, "%" PRIu64, v);
}

static void print_value(FILE *out, uint64_t v, const struct ctl_usdt_arg *a)
{
	char text[32];

	pusdt_value_text(text, sizeof(text), v, a);
	fputs(text, out);
}

static void print_string(FILE *out, const char *s, size_t len, bool cut)
{
	putc('"', out);
	for (size_t n; len; s += n, len -= n) {
		/* One that was cut has no NUL. */
		for (n = 0; n < len && !memchr("\"\\\n\t", s[n], 4);)
			n++;
		cmd_text_print(out, s, n);
		if (n == len)
			break;
		fprintf(out, "\\%c",
			s[n] == '\n' ? 'n' : s[n] == '\t' ? 't' : s[n]);
		n++;
	}
	fputs(cut ? "\"..." : "\"", out);
}

static void print_args(FILE *out, const struct ctl_usdt_site *site,
		       const struct ctl_rec_probe *r)
{
	const uint64_t *v = ctl_probe_args(r);
	const struct ctl_usdt_arg *a;
	const char *s;
	size_t len;
	bool cut;

	for (unsigned i = 0; i < r->nargs; i++) {
		a = site && i < site->nargs ? &site->args[i] : NULL;
		if (i)
			fputs(", ", out);
		if (a && a->name) {
			cmd_text_print(out, a->name, strlen(a->name));
			putc('=', out);
		}
		if (!(r->valid >> i & 1))
			putc('?', out);
		else if ((s = pusdt_hit_string(r, a, i, &len, &cut)))
			print_string(out, s, len, cut);
		else
			print_value(out, v[i], a);
	}
}

static uint64_t wall_ns(const struct pusdt_session *s, const struct ctl_rec *r)
{
	return r->time + ctl_ring_epoch(s->h);
}

void pusdt_print_hit(FILE *out, const struct pusdt_session *s,
		     const struct ctl_rec_probe *r)
{
	const struct pusdt_watched *w = pusdt_find(s, r->id);
	uint64_t ns = wall_ns(s, &r->h);
	time_t sec = ns / 1000000000U;
	struct tm tm;

	localtime_r(&sec, &tm);
	fprintf(out, "%02d:%02d:%02d.%06u %d/%d ", tm.tm_hour, tm.tm_min,
		tm.tm_sec, (unsigned)(ns % 1000000000U / 1000), r->h.pid,
		r->h.tid);
	if (w) {
		cmd_text_print(out, w->provider, strlen(w->provider));
		putc(':', out);
		cmd_text_print(out, w->name, strlen(w->name));
	} else {
		fprintf(out, "probe %u", r->id);
	}
	putc('(', out);
	print_args(out, pusdt_hit_site(w, r), r);
	fputs(")\n", out);
	if (s->stack)
		cmd_stack_print(out, s->stack, "        ");
}

/* JSON has no number for these. */
static struct json_object *json_float(double d)
{
	if (isnan(d))
		return json_object_new_string("nan");
	if (isinf(d))
		return json_object_new_string(d < 0 ? "-inf" : "inf");
	return json_object_new_double(d);
}

static struct json_object *json_value(const struct ctl_rec_probe *r,
				      const struct ctl_usdt_arg *a, unsigned i)
{
	uint64_t v = ctl_probe_args(r)[i];
	const char *s;
	size_t len;
	bool cut;

	if (!(r->valid >> i & 1))
		return NULL;
	s = pusdt_hit_string(r, a, i, &len, &cut);
	if (s)
		return cmd_json_text(s, len);
	if (a && a->is_float)
		return json_float(pusdt_float_value(v, a->size));
	if ((a && a->is_signed) || v <= INT64_MAX)
		return json_object_new_int64((int64_t)v);
	return json_object_new_uint64(v);
}

struct json_object *pusdt_json_hit(const struct pusdt_session *s,
				   const struct ctl_rec_probe *r)
{
	const struct pusdt_watched *w = pusdt_find(s, r->id);
	const struct ctl_usdt_site *site = pusdt_hit_site(w, r);
	struct json_object *o = json_object_new_object(), *args;

	json_object_object_add(o, "time",
			       json_object_new_uint64(wall_ns(s, &r->h)));
	json_object_object_add(o, "pid", json_object_new_int(r->h.pid));
	json_object_object_add(o, "tid", json_object_new_int(r->h.tid));
	json_object_object_add(o, "type", json_object_new_string("probe"));
	json_object_object_add(o, "provider",
			       pusdt_json_text(w ? w->provider : NULL));
	json_object_object_add(o, "name", pusdt_json_text(w ? w->name : NULL));
	args = json_object_new_array();
	for (unsigned i = 0; i < r->nargs; i++)
		json_object_array_add(
			args, json_value(r, site && i < site->nargs ?
						    &site->args[i] : NULL, i));
	json_object_object_add(o, "args", args);
	if (s->stack)
		cmd_stack_json(o, s->stack);
	return o;
}
