/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pusdt count - how often, by what, and how the values are spread.
 *
 * Where only the numbers of hits are asked for, the server counts: it is asked
 * now and then, and tells the last number of a probe in a record when that
 * goes away.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pusdt.h"

enum by { BY_PROBE, BY_TID, BY_ARG, BY_STACK };

struct row {
	char *key;
	uint64_t count;
	uint64_t over; /* where the server counts: by probes that are gone */
};

struct options {
	pid_t pid;
	struct pusdt_specs specs;
	struct pusdt_hits which;
	struct pusdt_reading how;
	bool json;
	enum by by;
	unsigned arg;
	int hist; /* argument, -1: none */
	int interval; /* ms, 0: only at the end */
	int duration; /* ms, 0: no limit */
	/* what came of it */
	struct row *rows;
	size_t nrows, room;
	uint64_t total;
	struct cmd_histogram spread;
};

static const struct argp_option option_table[] = {
	{ "interval", 'i', "SEC", 0, "Print a table every SEC seconds", 0 },
	{ "time", 't', "SEC", 0, "Stop after SEC seconds", 0 },
	{ "by", 'b', "argN|tid|stack", 0, "Count by this as well", 0 },
	{ "hist", 'H', "argN", 0,
	  "At the end, how the argument's values are spread", 0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_json }, { &pusdt_argp_hits },
	{ &pusdt_argp_reading }, { &cmd_argp_verbose }, { 0 },
};

static int parse_arg_name(const char *s, unsigned *n)
{
	uint64_t v;

	if (strncmp(s, "arg", 3) != 0 ||
	    cmd_parse_u64(s + 3, CTL_PROBE_ARGS - 1, &v) < 0)
		return -EINVAL;
	*n = v;
	return 0;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;
	unsigned n = 0;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &opt->json;
		state->child_inputs[1] = &opt->which;
		state->child_inputs[2] = &opt->how;
		return 0;
	case 'i':
		opt->interval = cmd_seconds(state, arg);
		if (!arg[strspn(arg, "0.")])
			argp_error(state, "no time between tables: %s", arg);
		return 0;
	case 't':
		opt->duration = cmd_seconds(state, arg);
		return 0;
	case 'b':
		if (!strcmp(arg, "tid"))
			opt->by = BY_TID;
		else if (!strcmp(arg, "stack"))
			opt->by = BY_STACK;
		else if (parse_arg_name(arg, &opt->arg) == 0)
			opt->by = BY_ARG;
		else
			argp_error(state, "--by %s: not argN, tid or stack", arg);
		return 0;
	case 'H':
		if (parse_arg_name(arg, &n) < 0)
			argp_error(state, "--hist %s: not argN", arg);
		opt->hist = n;
		return 0;
	case ARGP_KEY_ARG:
		pusdt_operand(&opt->pid, &opt->specs, arg);
		return 0;
	case ARGP_KEY_END:
		if (!opt->pid || !opt->specs.n)
			argp_error(state, "a PID and a SPEC are needed");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	option_table, parse, "PID SPEC...",
	"Count the hits of probes until interrupted or the process exits.\v"
	CMD_EXIT_DOC,
	children,
};

/* --------------------------------------------------------------- counting -- */

/* Rows are in order of their keys. */
static struct row *find_row(struct options *opt, const char *key)
{
	size_t lo = 0, hi = opt->nrows, mid, room;
	struct row *v;
	char *own;
	int c;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = strcmp(key, opt->rows[mid].key);
		if (!c)
			return &opt->rows[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	if (opt->nrows == opt->room) {
		room = opt->room ? 2 * opt->room : 64;
		v = reallocarray(opt->rows, room, sizeof(*v));
		if (!v)
			return NULL;
		opt->rows = v;
		opt->room = room;
	}
	own = strdup(key);
	if (!own)
		return NULL;
	memmove(&opt->rows[lo + 1], &opt->rows[lo],
		(opt->nrows - lo) * sizeof(*v));
	opt->rows[lo] = (struct row){ .key = own };
	opt->nrows++;
	return &opt->rows[lo];
}

/* A value as text, as trace prints it. */
static void value_key(char *buf, size_t size, const struct ctl_rec_probe *r,
		      const struct ctl_usdt_site *site, unsigned i)
{
	const struct ctl_usdt_arg *a = NULL;
	uint64_t v;
	const char *s;
	size_t len;
	bool cut;

	if (i >= r->nargs || !(r->valid >> i & 1)) {
		snprintf(buf, size, "?");
		return;
	}
	if (site && i < site->nargs)
		a = &site->args[i];
	v = ctl_probe_args(r)[i];
	s = pusdt_hit_string(r, a, i, &len, &cut);
	if (s)
		snprintf(buf, size, "%.*s", (int)len, s);
	else
		pusdt_value_text(buf, size, v, a);
}

/* What a float has before the point, as far as that is a number. */
static bool whole_part(double d, uint64_t *magnitude)
{
	if (d != d)
		return false;
	if (d < 0)
		d = -d;
	*magnitude = d < 0x1p64 ? (uint64_t)d : UINT64_MAX;
	return true;
}

static void spread_value(struct options *opt, const struct ctl_rec_probe *r,
			 const struct ctl_usdt_site *site)
{
	const struct ctl_usdt_arg *a;
	unsigned i = opt->hist;
	bool negative;
	uint64_t v;
	double d;

	if (i >= r->nargs || !(r->valid >> i & 1))
		return;
	a = site && i < site->nargs ? &site->args[i] : NULL;
	v = ctl_probe_args(r)[i];
	if (a && a->is_float) {
		d = pusdt_float_value(v, a->size);
		if (!whole_part(d, &v))
			return;
		negative = d <= -1;
	} else {
		negative = a && a->is_signed && (int64_t)v < 0;
		if (negative)
			v = -v;
	}
	cmd_histogram_add(&opt->spread, v, negative);
}

/* The probe, then a frame a line. */
static char *stack_key(const char *probe, const struct ctl_stack *st)
{
	char text[CMD_FRAME_TEXT], *key = NULL;
	size_t size;
	FILE *f = open_memstream(&key, &size);

	if (!f)
		return NULL;
	fputs(probe, f);
	for (unsigned i = 0; st && i < st->n; i++) {
		cmd_frame_text(&st->frame[i], text, sizeof(text));
		fputc('\n', f);
		/* Names are anybody's: a line is ours to end. */
		for (const char *s = text; *s; s++)
			fputc(*s == '\n' ? ' ' : *s, f);
	}
	if (st && cmd_stack_end(st))
		fprintf(f, "\n%s", cmd_stack_end(st));
	if (fclose(f) != 0) {
		free(key);
		return NULL;
	}
	return key;
}

static struct row *row_of(struct pusdt_session *s, struct options *opt,
			  const char *key)
{
	struct row *row = NULL;
	char *whole;

	if (opt->by != BY_STACK)
		return find_row(opt, key);
	whole = stack_key(key, s->stack);
	if (whole)
		row = find_row(opt, whole);
	free(whole);
	return row;
}

static struct row *row_of_probe(struct pusdt_session *s, struct options *opt,
				uint32_t id)
{
	const struct pusdt_watched *w = pusdt_find(s, id);
	char key[1024];

	if (!w)
		return NULL;
	snprintf(key, sizeof(key), "%s:%s", w->provider, w->name);
	return find_row(opt, key);
}

/* A probe is gone: that is what it came to. */
static void count_last(struct pusdt_session *s, struct options *opt,
		       const struct ctl_rec_count *r)
{
	struct row *row = r->hits ? row_of_probe(s, opt, r->id) : NULL;

	if (row)
		row->over += r->hits;
}

/* Those that are gone; the total, too. */
static void count_over(struct options *opt)
{
	opt->total = 0;
	for (size_t i = 0; i < opt->nrows; i++) {
		opt->rows[i].count = opt->rows[i].over;
		opt->total += opt->rows[i].over;
	}
}

/* And the others, so far. */
static void ask_server(struct pusdt_session *s, struct options *opt)
{
	struct ctl_probe_info *v;
	int n = ctl_probe_list(s->h, &v);
	struct row *row;

	if (n < 0)
		return; /* it is just going: count_last() has it next */
	count_over(opt);
	for (const struct ctl_probe_info *p = v; n > 0;
	     n--, p = ctl_probe_info_next(p)) {
		row = p->hits && p->flags & CTL_PROBE_HANDLE ?
			      row_of_probe(s, opt, p->id) : NULL;
		if (row) {
			row->count += p->hits;
			opt->total += p->hits;
		}
	}
	free(v);
}

static bool count_record(struct pusdt_session *s, const struct ctl_rec *rec,
			 void *arg)
{
	const struct ctl_rec_probe *r = (const void *)rec;
	const struct ctl_usdt_site *site;
	const struct pusdt_watched *w;
	struct options *opt = arg;
	char key[1024], value[512] = "";
	struct row *row;

	if (rec->type == CTL_REC_COUNT)
		count_last(s, opt, (const void *)rec);
	if (rec->type != CTL_REC_PROBE)
		return true;
	w = pusdt_find(s, r->id);
	site = pusdt_hit_site(w, r);
	if (opt->by == BY_TID)
		snprintf(value, sizeof(value), "  %d", r->h.tid);
	else if (opt->by == BY_ARG) {
		strcpy(value, "  ");
		value_key(value + 2, sizeof(value) - 2, r, site, opt->arg);
	}
	snprintf(key, sizeof(key), "%s:%s%s", w ? w->provider : "?",
		 w ? w->name : "?", value);
	row = row_of(s, opt, key);
	if (row)
		row->count++;
	opt->total++;
	if (opt->hist >= 0)
		spread_value(opt, r, site);
	return true;
}

/* ---------------------------------------------------------------- printing -- */

static int by_count(const void *va, const void *vb)
{
	const struct row *a = *(struct row *const *)va;
	const struct row *b = *(struct row *const *)vb;

	if (a->count != b->count)
		return a->count < b->count ? 1 : -1;
	return strcmp(a->key, b->key);
}

/* The lines of a key behind its first. */
static struct json_object *json_frames(const char *key)
{
	struct json_object *list = json_object_new_array();
	const char *s = strchr(key, '\n');
	size_t n;

	for (; s && *s; s += n) {
		n = strcspn(++s, "\n");
		json_object_array_add(list, cmd_json_text(s, n));
	}
	return list;
}

static struct json_object *json_stacks(struct row *const *v, size_t n)
{
	struct json_object *list = json_object_new_array(), *o;

	for (size_t i = 0; i < n; i++) {
		if (!v[i]->count)
			continue;
		o = json_object_new_object();
		json_object_object_add(o, "probe",
				       cmd_json_text(v[i]->key,
						     strcspn(v[i]->key, "\n")));
		json_object_object_add(o, "count",
				       json_object_new_int64(v[i]->count));
		json_object_object_add(o, "stack", json_frames(v[i]->key));
		json_object_array_add(list, o);
	}
	return list;
}

static void print_key(const char *key, bool lines)
{
	for (size_t n;; key += n + 1) {
		n = lines ? strcspn(key, "\n") : strlen(key);
		cmd_text_print(stdout, key, n);
		putchar('\n');
		if (!key[n])
			return;
		fputs("                ", stdout);
	}
}

static struct json_object *json_rows(struct row *const *v, size_t n)
{
	struct json_object *rows = json_object_new_object(), *key, *same;
	const char *text;

	for (size_t i = 0; i < n; i++) {
		if (!v[i]->count)
			continue;
		/* Two may be the same when one of them is no UTF-8. */
		key = cmd_json_text(v[i]->key, strlen(v[i]->key));
		text = json_object_get_string(key);
		if (json_object_object_get_ex(rows, text, &same))
			json_object_int_inc(same, v[i]->count);
		else
			json_object_object_add(
				rows, text,
				json_object_new_int64(v[i]->count));
		json_object_put(key);
	}
	return rows;
}

static void json_table(struct row *const *v, const struct options *opt,
		       bool final)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "type", json_object_new_string("count"));
	json_object_object_add(o, "final", json_object_new_boolean(final));
	json_object_object_add(o, "total", json_object_new_int64(opt->total));
	if (opt->by == BY_STACK)
		json_object_object_add(o, "stacks", json_stacks(v, opt->nrows));
	else
		json_object_object_add(o, "counts", json_rows(v, opt->nrows));
	cmd_json_print(stdout, o);
}

static void print_table(const struct options *opt, bool final)
{
	struct row **v = calloc(opt->nrows + 1, sizeof(*v));

	if (!v)
		return;
	for (size_t i = 0; i < opt->nrows; i++)
		v[i] = &opt->rows[i];
	qsort(v, opt->nrows, sizeof(*v), by_count);
	if (opt->json) {
		json_table(v, opt, final);
	} else {
		for (size_t i = 0; i < opt->nrows; i++) {
			if (!v[i]->count)
				continue;
			printf("%10" PRIu64 "  ", v[i]->count);
			print_key(v[i]->key, opt->by == BY_STACK);
		}
		printf("%10" PRIu64 "  in all\n", opt->total);
		if (!final)
			putchar('\n');
	}
	free(v);
}

static void json_spread(const struct options *opt)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "type", json_object_new_string("hist"));
	json_object_object_add(o, "arg", json_object_new_int(opt->hist));
	json_object_object_add(o, "buckets", cmd_histogram_json(&opt->spread));
	cmd_json_print(stdout, o);
}

/* -------------------------------------------------------------------- main -- */

static int64_t earlier(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

/* Every probe goes: the last numbers come.  false: they cannot be read. */
static bool count_all(struct pusdt_session *s, struct options *opt)
{
	bool read;

	for (size_t i = 0; i < s->n; i++)
		ctl_probe_disable(s->h, s->v[i].id);
	read = pusdt_read(s, count_record, opt, cmd_now_ms()) != PUSDT_ERROR;
	count_over(opt);
	return read;
}

static int count(struct pusdt_session *s, struct options *opt)
{
	int64_t end = opt->duration ? cmd_now_ms() + opt->duration : 0;
	int64_t next = opt->interval ? cmd_now_ms() + opt->interval : 0;
	enum pusdt_end why;
	uint64_t lost;

	do {
		why = pusdt_read(s, count_record, opt, earlier(next, end));
		if (why != PUSDT_TIME || (end && cmd_now_ms() >= end))
			break;
		if (s->numbers)
			ask_server(s, opt);
		print_table(opt, false);
		next += opt->interval;
	} while (!ferror(stdout));
	if (s->numbers && !count_all(s, opt))
		why = PUSDT_ERROR;
	print_table(opt, true);
	if (opt->hist >= 0 && opt->json) {
		json_spread(opt);
	} else if (opt->hist >= 0 && opt->total) {
		printf("\narg%d\n", opt->hist);
		cmd_histogram_print(&opt->spread, stdout);
	}
	lost = ctl_ring_lost(s->h);
	if (lost)
		cmd_complain("%" PRIu64 " hits were lost", lost);
	return why == PUSDT_ERROR || s->failed ? CMD_SOME : CMD_OK;
}

int pusdt_count(int argc, char **argv)
{
	struct options opt = { .hist = -1 };
	struct ctl_probe_options o = { .flags = CTL_PROBE_HANDLE };
	struct pusdt_session s;
	int code, r;

	cmd_log(CTL_LOG_WARN);
	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	o.strlimit = opt.by == BY_ARG ? PUSDT_STRLIMIT : 0;
	o.pred = opt.which.pred.v;
	o.npred = opt.which.pred.n;
	o.stack = opt.by == BY_STACK ? cmd_stack_bytes(NULL, NULL) : 0;
	if (pusdt_open(&s, opt.pid) < 0)
		return CMD_NONE;
	pusdt_catch_signals(true);
	s.numbers = opt.by == BY_PROBE && opt.hist < 0 && !opt.which.follow;
	r = o.stack ? pusdt_start_stacks(&s, true) : 0;
	if (r == 0)
		r = pusdt_start_ring(&s, opt.how.drop);
	if (r == 0 && opt.which.follow)
		r = pusdt_follow(&s);
	if (r == 0) {
		pusdt_watch_loader(&s, &opt.specs, &o);
		s.patient = opt.how.wait;
		r = pusdt_enable_all(&s, &opt.specs, &o);
	}
	code = r < 0 ? CMD_NONE : count(&s, &opt);
	if (opt.which.follow && s.h)
		ctl_mode_unset(s.h, PR_FORK);
	pusdt_close(&s);
	for (size_t i = 0; i < opt.nrows; i++)
		free(opt.rows[i].key);
	free(opt.rows);
	pusdt_specs_free(&opt.specs);
	return code;
}
