/* SPDX-License-Identifier: GPL-2.0-or-later */
/* count.c - ptruss -c: how often, how long, how many failed. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ptruss.h"

#define KINDS (3 * CTL_SYSSET_BITS) /* by ABI */

struct kind {
	int abi;
	unsigned nr;
	uint64_t calls, errors, ns;
	struct cmd_histogram times; /* ns, for --histogram */
};

struct counts {
	struct kind kind[KINDS];
	uint64_t signals[65];
};

struct counts *counts_new(void)
{
	return calloc(1, sizeof(struct counts));
}

void counts_free(struct counts *c)
{
	free(c);
}

void counts_add(struct counts *c, const struct ctl_rec *rec)
{
	const struct ctl_rec_syscall *r = (const void *)rec;
	const struct ctl_rec_signal *g = (const void *)rec;
	unsigned nr;
	struct kind *k;

	if (rec->type == CTL_REC_SIGNAL && g->signo > 0 && g->signo <= 64)
		c->signals[g->signo]++;
	if (rec->type != CTL_REC_SYSCALL || r->abi > CTL_ABI_X32)
		return;
	nr = r->nr < CTL_SYSSET_BITS ? r->nr : CTL_SYSSET_BITS - 1;
	k = &c->kind[r->abi * CTL_SYSSET_BITS + nr];
	k->abi = r->abi;
	k->nr = r->nr;
	k->calls++;
	k->errors += r->ret < 0 && r->ret >= -4095;
	k->ns += r->elapsed;
	cmd_histogram_add(&k->times, r->elapsed, false);
}

static int more_first(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_time(const void *a, const void *b)
{
	const struct kind *const *x = a, *const *y = b;

	return (*x)->ns != (*y)->ns ? more_first((*x)->ns, (*y)->ns) :
				      more_first((*x)->calls, (*y)->calls);
}

static int by_calls(const void *a, const void *b)
{
	const struct kind *const *x = a, *const *y = b;
	int r = more_first((*x)->calls, (*y)->calls);

	return r ? r : by_time(a, b);
}

static int by_errors(const void *a, const void *b)
{
	const struct kind *const *x = a, *const *y = b;
	int r = more_first((*x)->errors, (*y)->errors);

	return r ? r : by_time(a, b);
}

static int by_name(const void *a, const void *b)
{
	const struct kind *const *x = a, *const *y = b;
	const char *m = ctl_syscall_name((*x)->abi, (*x)->nr);
	const char *n = ctl_syscall_name((*y)->abi, (*y)->nr);

	return strcmp(m ? m : "~", n ? n : "~");
}

static int (*const orders[])(const void *, const void *) = {
	[SORT_TIME] = by_time,
	[SORT_CALLS] = by_calls,
	[SORT_ERRORS] = by_errors,
	[SORT_NAME] = by_name,
};

static const char *kind_name(const struct kind *k, char *buf, size_t size)
{
	const char *name = ctl_syscall_name(k->abi, k->nr);

	if (!name)
		snprintf(buf, size, "syscall_%u", k->nr);
	else
		snprintf(buf, size, "%s%s", name,
			 k->abi == CTL_ABI_COMPAT ? " (32-bit)" : "");
	return buf;
}

static void print_json(const struct counts *c, const struct session *s,
		       const struct kind **v, unsigned n)
{
	struct json_object *list;
	char name[64];
	unsigned i;

	for (i = 0; i < n; i++) {
		fprintf(s->out,
			"{\"type\":\"count\",\"name\":\"%s\",\"calls\":%" PRIu64
			",\"errors\":%" PRIu64 ",\"elapsed\":%" PRIu64,
			kind_name(v[i], name, sizeof(name)), v[i]->calls,
			v[i]->errors, v[i]->ns);
		if (s->opt->histogram) {
			list = cmd_histogram_json(&v[i]->times);
			fprintf(s->out, ",\"times\":%s",
				json_object_to_json_string_ext(
					list, JSON_C_TO_STRING_PLAIN));
			json_object_put(list);
		}
		fputs("}\n", s->out);
	}
	for (i = 1; i <= 64; i++)
		if (c->signals[i])
			fprintf(s->out,
				"{\"type\":\"signals\",\"name\":\"%s\",\"count\":%" PRIu64
				"}\n",
				ctl_signal_name(i), c->signals[i]);
}

void counts_print(const struct counts *c, const struct session *s)
{
	const struct kind *v[KINDS];
	uint64_t calls = 0, errors = 0, ns = 0;
	unsigned n = 0, i;
	char name[64];

	for (i = 0; i < KINDS; i++)
		if (c->kind[i].calls)
			v[n++] = &c->kind[i];
	qsort(v, n, sizeof(v[0]), orders[s->opt->sort]);
	if (s->opt->format == &format_json) {
		print_json(c, s, v, n);
		func_counts_print(s);
		return;
	}
	fprintf(s->out, "%-24s %12s %10s %10s\n", "syscall", "seconds", "calls",
		"errors");
	for (i = 0; i < n; i++) {
		fprintf(s->out, "%-24s %12.6f %10" PRIu64,
			kind_name(v[i], name, sizeof(name)), v[i]->ns / 1e9,
			v[i]->calls);
		if (v[i]->errors)
			fprintf(s->out, " %10" PRIu64, v[i]->errors);
		putc('\n', s->out);
		calls += v[i]->calls;
		errors += v[i]->errors;
		ns += v[i]->ns;
	}
	fprintf(s->out, "%-24s %12s %10s %10s\n", "", "--------", "------",
		"----");
	fprintf(s->out, "%-24s %12.6f %10" PRIu64 " %10" PRIu64 "\n",
		"sys totals:", ns / 1e9, calls, errors);
	for (i = 1; i <= 64; i++)
		if (c->signals[i])
			fprintf(s->out, "%-24s %12s %10" PRIu64 "\n",
				ctl_signal_name(i), "", c->signals[i]);
	func_counts_print(s);
	for (i = 0; i < n && s->opt->histogram; i++) {
		fprintf(s->out, "\n%s, ns\n", kind_name(v[i], name, sizeof(name)));
		cmd_histogram_print(&v[i]->times, s->out);
	}
}
