/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.c - enabling probes: from the model of ctl.h to PCPROBE.
 *
 * What the server needs at a hit is compiled here, once: for each site, for
 * each argument, one struct ctl_fetch.  An argument that the server cannot
 * fetch (x87, sizes above 8) is CTL_FETCH_NONE and the others are not
 * affected.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

/* ------------------------------------------------------------- arguments -- */

static uint8_t fetch_reg(uint8_t reg)
{
	if (reg <= CTL_R_R15)
		return reg;
	if (reg == CTL_R_FS)
		return CTL_FETCH_FS;
	if (reg == CTL_R_GS)
		return CTL_FETCH_GS;
	return CTL_FETCH_NOREG;
}

CTL_EXPORT void ctl_usdt_fetch(const struct ctl_usdt_probe *p,
			       const struct ctl_usdt_arg *a,
			       struct ctl_fetch *f)
{
	*f = (struct ctl_fetch){
		.size = a->size,
		.flags = (a->is_signed ? CTL_FETCH_SIGNED : 0) |
			 (p->is_32bit ? CTL_FETCH_32BIT : 0),
		.base = fetch_reg(a->base),
		.index = fetch_reg(a->index),
		.seg = fetch_reg(a->seg),
		.scale = a->scale,
		.shift = a->shift,
		.value = a->value,
	};
	if (a->size != 1 && a->size != 2 && a->size != 4 && a->size != 8)
		return; /* CTL_FETCH_NONE */
	switch (a->how) {
	case CTL_ARG_CONST:
		f->op = CTL_FETCH_CONST;
		break;
	case CTL_ARG_REG:
		if (a->base <= CTL_R_R15) {
			f->op = CTL_FETCH_REG;
		} else if (a->base >= CTL_R_XMM0 &&
			   a->base < CTL_R_XMM0 + 16) {
			f->op = CTL_FETCH_XMM;
			f->base = a->base - CTL_R_XMM0;
		}
		break;
	case CTL_ARG_MEM:
		f->op = CTL_FETCH_MEM;
		break;
	}
}

/*
 * A string is what the type says, or, where nothing says what it is, anything
 * that could be a pointer: whoever prints it sees whether it is text.
 */
static bool may_be_string(const struct ctl_usdt_probe *p,
			  const struct ctl_usdt_arg *a)
{
	if (a->is_float || a->is_signed ||
	    a->size != (p->is_32bit ? 4 : 8))
		return false;
	return !a->type || strstr(a->type, "char *") ||
	       !strcmp(a->type, "string");
}

/* -------------------------------------------------------------- messages -- */

struct builder {
	unsigned char *at, *end;
};

static void *grow(struct builder *b, size_t size)
{
	void *p = b->at;

	if (size > (size_t)(b->end - b->at))
		return NULL;
	b->at += size;
	return p;
}

static bool add_site(struct builder *b, const struct ctl_usdt_probe *p,
		     const struct ctl_usdt_site *s, uint32_t strlimit)
{
	unsigned n = s->nargs < CTL_PROBE_ARGS ? s->nargs : CTL_PROBE_ARGS;
	struct ctl_probe_site *site;
	struct ctl_fetch *f;

	site = grow(b, sizeof(*site) + n * sizeof(*f));
	if (!site)
		return false;
	*site = (struct ctl_probe_site){
		.address = s->address,
		.kind = s->is_enabled ? CTL_SITE_ENABLED : CTL_SITE_HIT,
		.nargs = n,
	};
	f = (struct ctl_fetch *)(site + 1);
	for (unsigned i = 0; i < n; i++) {
		ctl_usdt_fetch(p, &s->args[i], &f[i]);
		if (strlimit && !s->is_enabled && may_be_string(p, &s->args[i]))
			f[i].flags |= CTL_FETCH_STRING;
	}
	return true;
}

static bool add_label(struct builder *b, const struct ctl_usdt_probe *p,
		      uint32_t *len)
{
	const char *const text[] = { p->provider, p->name, p->object };
	unsigned char *to, *start = b->at;

	for (int i = 0; i < 3; i++) {
		to = grow(b, strlen(text[i]) + 1);
		if (!to)
			return false;
		memcpy(to, text[i], strlen(text[i]) + 1);
	}
	*len = b->at - start;
	return grow(b, -*len % 8) != NULL;
}

CTL_EXPORT int ctl_probe_enable_raw(struct ctl *h, const struct ctl_probe *op)
{
	int64_t code = PCPROBE;
	unsigned char *m;
	int r;

	if (op->size < sizeof(*op) || op->size > CTL_PROBE_SIZE)
		return ctl_fail(-EINVAL, "too large a probe");
	m = malloc(sizeof(code) + op->size);
	if (!m)
		return ctl_failno(-ENOMEM);
	memcpy(m, &code, sizeof(code));
	memcpy(m + sizeof(code), op, op->size);
	r = ctl_write(h, m, sizeof(code) + op->size, NULL);
	free(m);
	if (r == -EBUSY)
		return ctl_fail(r, "there is a breakpoint of another tracer");
	if (r == -EOPNOTSUPP)
		return ctl_fail(r, "the instruction there is no nop");
	return r;
}

CTL_EXPORT int ctl_probe_enable_address(struct ctl *h, uint64_t addr,
					uint32_t id, uint32_t flags)
{
	struct {
		struct ctl_probe p;
		struct ctl_probe_site site;
	} op = {
		.p = { .size = sizeof(op), .id = id, .flags = flags,
		       .nsites = 1 },
		.site = { .address = addr },
	};

	return ctl_probe_enable_raw(h, &op.p);
}

/*
 * Sites from *first on, as many as fit one message; the later messages add to
 * the first.
 */
static int enable_some(struct ctl *h, const struct ctl_usdt_probe *p,
		       const struct ctl_probe_options *o, unsigned *first)
{
	size_t fixed = o->npred * sizeof(struct ctl_pred);
	struct builder b, before;
	struct ctl_probe *op;
	unsigned i;
	int r;

	if (o->npred > CTL_PRED_OPS)
		return ctl_fail(-EINVAL, "too long a condition");
	op = calloc(1, CTL_PROBE_SIZE);
	if (!op)
		return ctl_failno(-ENOMEM);
	b.at = (unsigned char *)(op + 1);
	/* Room for what comes behind the sites, a long path included. */
	b.end = (unsigned char *)op + CTL_PROBE_SIZE - fixed - 8192;
	for (i = *first; i < p->nsites && i - *first < CTL_PROBE_SITES; i++) {
		before = b;
		if (!add_site(&b, p, &p->sites[i], o->strlimit)) {
			b = before;
			break;
		}
		op->nsites++;
	}
	b.end = (unsigned char *)op + CTL_PROBE_SIZE;
	if (o->npred)
		memcpy(grow(&b, fixed), o->pred, fixed);
	op->npred = o->npred;
	op->id = o->id;
	op->flags = o->flags | (*first ? CTL_PROBE_MORE : 0);
	op->semaphore = p->has_semaphore && !*first ? p->semaphore : 0;
	op->strlimit = o->strlimit;
	op->stack = o->stack;
	if (!add_label(&b, p, &op->label_len)) {
		r = ctl_fail(-EINVAL, "too long a name");
	} else {
		op->size = b.at - (unsigned char *)op;
		r = ctl_probe_enable_raw(h, op);
	}
	free(op);
	*first = i;
	return r;
}

CTL_EXPORT int ctl_probe_enable(struct ctl *h, const struct ctl_usdt_probe *p,
				const struct ctl_probe_options *o)
{
	unsigned first = 0;
	int r = 0;

	if (!p->nsites)
		return ctl_fail(-EINVAL, "no site");
	while (r == 0 && first < p->nsites) {
		bool begun = first > 0;

		r = enable_some(h, p, o, &first);
		if (r < 0 && begun) {
			char why[256];

			/* Wholly or not at all; and keep the reason. */
			strncpy(why, ctl_error(), sizeof(why) - 1);
			why[sizeof(why) - 1] = '\0';
			ctl_probe_disable(h, o->id);
			ctl_fail(r, "%s", why);
		}
	}
	return r;
}

CTL_EXPORT int ctl_probe_disable(struct ctl *h, uint32_t id)
{
	uint64_t m[2] = { PCUNPROBE, id };

	return ctl_write(h, m, sizeof(m), NULL);
}

/* --------------------------------------------------------------- listing -- */

/* Does the server tell the truth about the n bytes at v?  How many are it? */
static int check_list(const unsigned char *v, size_t n, uint32_t *after)
{
	const struct ctl_probe_info *i;
	int count = 0;

	for (size_t at = 0; at < n; at += i->len, count++) {
		i = (const void *)(v + at);
		if (n - at < sizeof(*i) || i->len % 8 || i->len > n - at ||
		    i->len < sizeof(*i) ||
		    i->label_len > i->len - sizeof(*i) || i->id <= *after ||
		    (i->label_len && ctl_probe_label(i)[i->label_len - 1]))
			return -EPROTO;
		*after = i->id;
	}
	return count;
}

CTL_EXPORT bool ctl_probe_names(const struct ctl_probe_info *i,
				const char **provider, const char **name,
				const char **object)
{
	const char *p = ctl_probe_label(i), *end = p + i->label_len;
	const char *part[3];

	for (int k = 0; k < 3; k++) {
		part[k] = p;
		p = memchr(p, '\0', end - p);
		if (!p)
			return false;
		p++;
	}
	*provider = part[0];
	*name = part[1];
	*object = part[2];
	return true;
}

CTL_EXPORT int ctl_probe_list(struct ctl *h, struct ctl_probe_info **result)
{
	const size_t chunk = 32768, most = 64U << 20;
	unsigned char *v = NULL, *bigger;
	uint32_t after = 0;
	size_t used = 0;
	int n, r, count = 0;

	if (!h->t || !h->t->probes)
		return ctl_fail(-EOPNOTSUPP, "no probes without control");
	for (;;) {
		if (used > most) {
			r = ctl_fail(-E2BIG, "more probes than there can be");
			break;
		}
		bigger = realloc(v, used + chunk);
		if (!bigger) {
			r = ctl_failno(-ENOMEM);
			break;
		}
		v = bigger;
		r = h->t->probes(h, after, v + used, chunk);
		if (r <= 0)
			break;
		n = check_list(v + used, r, &after);
		if (n <= 0) {
			r = ctl_fail(-EPROTO,
				     "the server speaks another protocol");
			break;
		}
		used += r;
		count += n;
	}
	if (r < 0) {
		free(v);
		return r;
	}
	*result = (void *)v;
	return count;
}
