/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.c - a record of a system call as values: one pass, whoever makes text
 * of them.
 *
 * The row of the call (syscall.h) tells what each argument is; the captures in
 * the record hold what was behind the pointers.  A value that was not captured,
 * or not wholly, is shown as far as it goes, or as its address: nothing here
 * fails.  Lengths come from the capture, never from the arguments alone: the
 * arguments are the target's, and the record may come from a ring that lies.
 *
 * Memory: one arena a decoder, used anew for each record.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "syscall.h"

#define ARENA_BYTES (512U << 10)
#define MAX_CAPS 16
#define MAX_FLAGS 72
#define MAX_ELEMENTS 64

struct ctl_decoder {
	unsigned flags;
	size_t used;
	unsigned char *arena;
	/* the record being decoded */
	const struct ctl_rec_syscall *rec;
	int abi;
	const struct ctl_cap *cap[MAX_CAPS];
	unsigned ncap;
};

/* What is captured of something: bytes, and what is known of the rest. */
struct bytes {
	const unsigned char *p;
	size_t len;
	uint8_t flags; /* CTL_VALF_* */
};

CTL_EXPORT int ctl_decoder_new(struct ctl_decoder **dp, unsigned flags)
{
	struct ctl_decoder *d = calloc(1, sizeof(*d));

	if (d)
		d->arena = malloc(ARENA_BYTES);
	if (!d || !d->arena) {
		free(d);
		return ctl_failno(-ENOMEM);
	}
	d->flags = flags;
	*dp = d;
	return 0;
}

CTL_EXPORT void ctl_decoder_free(struct ctl_decoder *d)
{
	if (!d)
		return;
	free(d->arena);
	free(d);
}

/* NULL when the arena is full: then there is less to see. */
static void *take(struct ctl_decoder *d, size_t size)
{
	void *p = d->arena + d->used;

	size = (size + 7) & ~(size_t)7;
	if (size > ARENA_BYTES - d->used)
		return NULL;
	d->used += size;
	memset(p, 0, size);
	return p;
}

static struct ctl_val *take_vals(struct ctl_decoder *d, unsigned n)
{
	return take(d, n * sizeof(struct ctl_val));
}

/* -- captures ------------------------------------------------------------- */

static void find_caps(struct ctl_decoder *d)
{
	const struct ctl_cap *cap = NULL;

	d->ncap = 0;
	while (d->ncap < MAX_CAPS && ctl_cap_next(d->rec, &cap) == 1)
		if (cap->op != CTL_CAP_STACK) /* of no argument */
			d->cap[d->ncap++] = cap;
}

static bool capture(const struct ctl_decoder *d, unsigned arg, unsigned when,
		    unsigned op, struct bytes *b)
{
	unsigned i;

	for (i = 0; i < d->ncap; i++) {
		const struct ctl_cap *c = d->cap[i];

		if (c->arg != arg || c->when != when || (op && c->op != op))
			continue;
		b->p = (const unsigned char *)(c + 1);
		b->len = c->len;
		b->flags = (c->flags & CTL_CAPF_CUT ? CTL_VALF_CUT : 0) |
			   (c->flags & CTL_CAPF_FAULT ? CTL_VALF_FAULT : 0) |
			   (when == CTL_AT_EXIT ? CTL_VALF_OUT : 0);
		return true;
	}
	return false;
}

/* -- numbers -------------------------------------------------------------- */

static void set_int(struct ctl_val *v, int64_t n)
{
	v->kind = CTL_VAL_INT;
	v->value = n;
}

static void set_num(struct ctl_val *v, uint8_t kind, uint64_t n)
{
	v->kind = kind;
	v->value = n;
}

static void set_name(struct ctl_val *v, uint64_t n, const char *name)
{
	v->kind = CTL_VAL_NAME;
	v->value = n;
	v->str = name;
	v->len = strlen(name);
}

static void set_pointer(struct ctl_val *v, uint64_t n)
{
	set_num(v, n ? CTL_VAL_PTR : CTL_VAL_NULL, n);
}

static uint64_t read_num(const unsigned char *p, unsigned size)
{
	uint64_t v = 0;

	memcpy(&v, p, size <= 8 ? size : 8);
	return v;
}

static int64_t sign_extend(uint64_t v, unsigned size)
{
	unsigned unused = size < 8 ? 64 - 8 * size : 0;

	return (int64_t)(v << unused) >> unused;
}

static void set_flags(struct ctl_decoder *d, struct ctl_val *v,
		      const struct ctl_table *t, uint64_t n)
{
	struct ctl_val *c;
	uint64_t left = n, named = 0;
	unsigned i, k = 0;

	v->kind = CTL_VAL_HEX;
	v->value = n;
	c = take_vals(d, MAX_FLAGS);
	if (!c)
		return;
	/* First what stands for several bits together, zero included; of two
	 * for the same bits the one that comes first. */
	for (i = 0; i < t->n && k < MAX_FLAGS - 1; i++)
		if (t->name[i].mask && !(t->name[i].mask & named) &&
		    (n & t->name[i].mask) == t->name[i].value &&
		    !(t->name[i].value == 0 && t->name[i].mask == ~0ULL)) {
			set_name(&c[k++], t->name[i].value, t->name[i].name);
			left &= ~t->name[i].mask;
			named |= t->name[i].mask;
		}
	/* Wide ones before the bits that they are made of. */
	for (i = 0; i < t->n && k < MAX_FLAGS - 1; i++) {
		uint64_t bit = t->name[i].value;

		if (t->kind & TAB_BITS)
			bit = 1ULL << (bit & 63);
		if (t->name[i].mask || !bit || (bit & (bit - 1)) == 0)
			continue;
		if ((left & bit) == bit) {
			set_name(&c[k++], bit, t->name[i].name);
			left &= ~bit;
		}
	}
	for (i = 0; i < t->n && k < MAX_FLAGS - 1; i++) {
		uint64_t bit = t->name[i].value;

		if (t->kind & TAB_BITS)
			bit = 1ULL << (bit & 63);
		if (t->name[i].mask || !bit || (left & bit) != bit)
			continue;
		set_name(&c[k++], bit, t->name[i].name);
		left &= ~bit;
	}
	if (!k && !left) {
		const char *zero = ctl_table_name(t, 0);

		if (zero && !(t->kind & TAB_BITS))
			set_name(&c[k++], 0, zero);
		else
			set_num(&c[k++], CTL_VAL_INT, 0);
	}
	if (left)
		set_num(&c[k++], t->kind & TAB_OCTAL ? CTL_VAL_OCT : CTL_VAL_HEX,
			left);
	d->used -= (MAX_FLAGS - k) * sizeof(*c);
	v->kind = CTL_VAL_FLAGS;
	v->child = c;
	v->nchild = k;
}

static void set_enum(struct ctl_val *v, const struct ctl_table *t, uint64_t n)
{
	const char *name = ctl_table_name(t, n);

	if (name)
		set_name(v, n, name);
	else if ((int32_t)n < 0 && n <= UINT32_MAX)
		set_int(v, (int32_t)n);
	else
		set_num(v, n < 256 ? CTL_VAL_UINT : CTL_VAL_HEX, n);
}

/* S_IFREG|0644 */
static void set_file_mode(struct ctl_decoder *d, struct ctl_val *v, uint64_t n)
{
	static const char *const types[16] = {
		[1] = "S_IFIFO", [2] = "S_IFCHR",  [4] = "S_IFDIR",
		[6] = "S_IFBLK", [8] = "S_IFREG",  [10] = "S_IFLNK",
		[12] = "S_IFSOCK",
	};
	const char *type = types[n >> 12 & 15];
	struct ctl_val *c;

	set_num(v, CTL_VAL_OCT, n & 0xffff);
	if (!type || !(c = take_vals(d, 2)))
		return;
	set_name(&c[0], n & 0170000, type);
	set_num(&c[1], CTL_VAL_OCT, n & 07777);
	v->kind = CTL_VAL_FLAGS;
	v->child = c;
	v->nchild = 2;
}

/*
 * A signal set has a name of its own, as all know it: "[INT QUIT]", and "~[]"
 * with what is not in it when that is shorter.
 */
static void set_sigset(struct ctl_decoder *d, struct ctl_val *v, uint64_t set)
{
	bool most = __builtin_popcountll(set) > 32;
	uint64_t shown = most ? ~set : set;
	char text[64 * 12];
	unsigned i, n = 0;
	char *p;

	n += snprintf(text, sizeof(text), most ? "~[" : "[");
	for (i = 1; i <= 64; i++) {
		const char *name = ctl_signal_name(i);
		const char *space = text[n - 1] == '[' ? "" : " ";

		if (!(shown & CTL_SIGBIT(i)))
			continue;
		/* At most 11 bytes each: " RTMIN+30". */
		if (name)
			n += snprintf(text + n, sizeof(text) - n, "%s%s", space,
				      strncmp(name, "SIG", 3) ? name : name + 3);
		else
			n += snprintf(text + n, sizeof(text) - n, "%s%u", space,
				      i);
	}
	text[n++] = ']';
	text[n++] = 0;
	p = take(d, n);
	v->kind = CTL_VAL_HEX;
	v->value = set;
	if (p)
		set_name(v, set, memcpy(p, text, n));
}

/* A device number, as the call that makes one. */
static void set_dev(struct ctl_decoder *d, struct ctl_val *v, uint64_t dev)
{
	char text[48];
	char *p;
	int n;

	n = snprintf(text, sizeof(text), "makedev(%#x, %#x)", major(dev),
		     minor(dev));
	p = take(d, n + 1);
	v->kind = CTL_VAL_HEX;
	v->value = dev;
	if (p)
		set_name(v, dev, memcpy(p, text, n + 1));
}

/* A number of this kind, of an argument or of a field.  false: not a number. */
static bool set_number(struct ctl_decoder *d, struct ctl_val *v, unsigned kind,
		       const void *ref, uint64_t n, unsigned size)
{
	uint64_t u = size < 8 ? n & ((1ULL << 8 * size) - 1) : n;
	int64_t s = sign_extend(n, size);
	const char *name;

	switch (kind) {
	case K_INT:
	case K_LONG:
	case K_OFF:
	case K_PID:
	case K_STSIZE:
		set_int(v, s);
		return true;
	case K_UINT:
	case K_ULONG:
	case K_SIZE:
		set_num(v, CTL_VAL_UINT, u);
		return true;
	case K_HEX:
	case K_HEXL:
		set_num(v, CTL_VAL_HEX, u);
		return true;
	case K_DEV:
	case K_STRDEV:
		set_dev(d, v, u);
		return true;
	case K_PTR:
	case K_RESTORER:
		set_pointer(v, u);
		return true;
	case K_HANDLER:
		if (u < 2)
			set_name(v, u, u ? "SIG_IGN" : "SIG_DFL");
		else
			set_pointer(v, u);
		return true;
	case K_DFD:
		if ((int32_t)n == -100) {
			set_name(v, (uint64_t)(int64_t)-100, "AT_FDCWD");
			return true;
		}
		/* fall through */
	case K_FD:
		set_num(v, CTL_VAL_FD, (int64_t)(int32_t)n);
		return true;
	case K_UID:
	case K_GID:
		if ((uint32_t)n == UINT32_MAX)
			set_int(v, -1);
		else
			set_num(v, CTL_VAL_UINT, (uint32_t)n);
		return true;
	case K_UID16:
	case K_GID16:
		if ((uint16_t)n == UINT16_MAX)
			set_int(v, -1);
		else
			set_num(v, CTL_VAL_UINT, (uint16_t)n);
		return true;
	case K_MODE:
		set_num(v, CTL_VAL_OCT, u & 0xffffffff);
		return true;
	case K_STMODE:
		set_file_mode(d, v, u);
		return true;
	case K_SIG:
		name = ctl_signal_name(u < 65 ? (int)u : 0);
		if (u && name)
			set_name(v, u, name);
		else
			set_int(v, s);
		return true;
	case K_FLAGS:
		set_flags(d, v, ref, u & 0xffffffff);
		return true;
	case K_FLAGSL:
		set_flags(d, v, ref, u);
		return true;
	case K_ENUM:
		set_enum(v, ref, size < 4 ? u : u & 0xffffffff);
		return true;
	case K_RLIM:
		if (u == (size == 4 ? UINT32_MAX : UINT64_MAX))
			set_name(v, u, "RLIM_INFINITY");
		else
			set_num(v, CTL_VAL_UINT, u);
		return true;
	case K_BE16:
		set_num(v, CTL_VAL_UINT, ntohs(n));
		return true;
	case K_SIGSET:
		set_sigset(d, v, u);
		return true;
	case K_WSTATUS:
		set_num(v, CTL_VAL_HEX, u);
		return true;
	}
	return false;
}

/* -- bytes ---------------------------------------------------------------- */

static void set_bytes(struct ctl_val *v, uint8_t kind, const struct bytes *b,
		      uint64_t addr)
{
	v->kind = kind;
	v->value = addr;
	v->str = (const char *)b->p;
	v->len = b->len;
	v->flags |= b->flags;
}

static void set_string(struct ctl_val *v, const struct bytes *b, uint64_t addr)
{
	const void *nul = memchr(b->p, 0, b->len);
	struct bytes s = *b;

	if (!b->len && (b->flags & CTL_VALF_FAULT)) {
		set_pointer(v, addr);
		v->flags |= CTL_VALF_FAULT;
		return;
	}
	if (nul) {
		s.len = (const unsigned char *)nul - s.p;
		s.flags &= ~CTL_VALF_CUT;
	}
	set_bytes(v, CTL_VAL_STR, &s, addr);
}

/* -- structures ----------------------------------------------------------- */

static void set_struct(struct ctl_decoder *d, struct ctl_val *v,
		       const struct ctl_struct *st, const struct bytes *b,
		       uint64_t addr, unsigned depth);

static void set_field(struct ctl_decoder *d, struct ctl_val *v,
		      const struct ctl_field *f, const struct bytes *b,
		      unsigned depth)
{
	struct bytes in = { b->p + f->off, f->size, 0 };

	if (f->kind == K_STRUCT) {
		set_struct(d, v, f->ref, &in, 0, depth + 1);
	} else if (f->kind == K_CHARS) {
		set_string(v, &in, 0);
	} else if (!set_number(d, v, f->kind, f->ref,
			       read_num(in.p, f->size), f->size)) {
		set_num(v, CTL_VAL_HEX, read_num(in.p, f->size));
	}
}

static unsigned put_field(struct ctl_decoder *d, struct ctl_val *out,
			  const struct ctl_field *f, const struct bytes *b,
			  unsigned depth)
{
	struct ctl_field one = *f;
	struct ctl_val *c;
	unsigned i;

	out->name = f->name;
	if (f->count <= 1) {
		set_field(d, out, f, b, depth);
		return 1;
	}
	c = take_vals(d, f->count);
	if (!c)
		return 0;
	one.count = 1;
	for (i = 0; i < f->count; i++) {
		one.off = f->off + i * f->size;
		if (one.off + one.size > b->len)
			break;
		set_field(d, &c[i], &one, b, depth);
	}
	out->kind = CTL_VAL_ARRAY;
	out->child = c;
	out->nchild = i;
	return 1;
}

static bool is_shown(const struct ctl_decoder *d, const struct ctl_struct *st,
		     const struct ctl_field *f, const struct bytes *b)
{
	const struct ctl_field *m;
	uint64_t restorer = 0;
	unsigned i, type = 0;

	if (f->verbose && !(d->flags & CTL_DECODE_VERBOSE))
		return false;
	if (f->kind == K_RESTORER) {
		for (i = 0; i < st->nfields; i++) {
			m = &st->field[i];
			if (m->ref == &ctl_tab_sigact &&
			    m->off + m->size <= b->len)
				restorer = read_num(b->p + m->off, m->size) &
					   0x04000000; /* SA_RESTORER */
		}
		return restorer;
	}
	if (f->kind != K_STSIZE && f->kind != K_STRDEV)
		return true;
	/* A device has a number, anything else a size. */
	for (i = 0; i < st->nfields; i++) {
		m = &st->field[i];
		if (m->kind == K_STMODE && m->off + m->size <= b->len)
			type = read_num(b->p + m->off, m->size) & 0170000;
	}
	return (type == 0020000 || type == 0060000) == (f->kind == K_STRDEV);
}

static void set_struct(struct ctl_decoder *d, struct ctl_val *v,
		       const struct ctl_struct *st, const struct bytes *b,
		       uint64_t addr, unsigned depth)
{
	struct ctl_val *c;
	unsigned i, n = 0;

	set_pointer(v, addr);
	v->flags |= b->flags;
	if (depth > 4)
		return;
	c = take_vals(d, st->nfields);
	if (!c)
		return;
	for (i = 0; i < st->nfields; i++) {
		const struct ctl_field *f = &st->field[i];

		if (f->off + f->size > b->len) {
			v->flags |= CTL_VALF_FAULT;
			continue;
		}
		if (is_shown(d, st, f, b))
			n += put_field(d, &c[n], f, b, depth);
		else if (f->verbose)
			v->flags |= CTL_VALF_CUT;
	}
	if (!n)
		return; /* nothing of it could be read */
	v->value = addr;
	v->child = c;
	v->nchild = n;
	if (st->nfields == 1 && st->field[0].kind == K_SIGSET) {
		/* It has brackets of its own. */
		const char *name = v->name;

		*v = c[0];
		v->name = name;
		v->flags |= b->flags;
	} else if (st->nfields == 1 && !st->field[0].name) {
		/* A plain number behind a pointer: "[16]". */
		if (c[0].kind == CTL_VAL_ARRAY) {
			v->child = c[0].child;
			v->nchild = c[0].nchild;
		}
		v->kind = CTL_VAL_ARRAY;
	} else {
		v->kind = CTL_VAL_STRUCT;
	}
}

static void set_array(struct ctl_decoder *d, struct ctl_val *v,
		      const struct ctl_struct *st, const struct bytes *b,
		      uint64_t addr)
{
	unsigned n = st->size ? b->len / st->size : 0, i;
	bool bare = st->nfields == 1 && !st->field[0].name;
	struct ctl_val *c;

	set_pointer(v, addr);
	v->flags |= b->flags;
	if (!n && (b->flags & CTL_VALF_FAULT))
		return;
	if (n > MAX_ELEMENTS) {
		n = MAX_ELEMENTS;
		v->flags |= CTL_VALF_CUT;
	}
	c = take_vals(d, n ? n : 1);
	if (!c)
		return;
	for (i = 0; i < n; i++) {
		struct bytes e = { b->p + i * st->size, st->size, 0 };

		if (bare && st->field[0].count <= 1)
			set_field(d, &c[i], &st->field[0], &e, 0);
		else
			set_struct(d, &c[i], st, &e, 0, 1);
	}
	/* pipe(2): one pair is two numbers. */
	if (bare && n == 1 && st->field[0].count > 1) {
		v->child = c[0].child;
		v->nchild = c[0].nchild;
	} else {
		v->child = c;
		v->nchild = n;
	}
	v->kind = CTL_VAL_ARRAY;
}

/* -- socket addresses ----------------------------------------------------- */

static void set_text(struct ctl_decoder *d, struct ctl_val *v, const char *text)
{
	size_t len = strlen(text);
	char *p = take(d, len + 1);

	v->kind = CTL_VAL_STR;
	if (!p)
		return;
	memcpy(p, text, len);
	v->str = p;
	v->len = len;
}

static void set_sockaddr(struct ctl_decoder *d, struct ctl_val *v,
			 const struct bytes *b, uint64_t addr)
{
	struct ctl_val *c;
	char text[64];
	unsigned n = 1;
	uint16_t family;

	set_pointer(v, addr);
	v->flags |= b->flags;
	if (b->len < 2 || !(c = take_vals(d, 4)))
		return;
	family = read_num(b->p, 2);
	c[0].name = "sa_family";
	set_num(&c[0], CTL_VAL_UINT, family);
	if (ctl_table_name(&ctl_tab_af, family))
		set_name(&c[0], family, ctl_table_name(&ctl_tab_af, family));
	switch (family) {
	case AF_UNIX: {
		struct bytes path = { b->p + 2, b->len - 2, b->flags };

		c[n].name = "sun_path";
		if (path.len && !*path.p)
			set_bytes(&c[n++], CTL_VAL_BYTES, &path, 0);
		else if (path.len)
			set_string(&c[n++], &path, 0);
		break;
	}
	case AF_INET:
		if (b->len < 8)
			break;
		c[n].name = "sin_port";
		set_num(&c[n++], CTL_VAL_UINT, ntohs(read_num(b->p + 2, 2)));
		c[n].name = "sin_addr";
		if (inet_ntop(AF_INET, b->p + 4, text, sizeof(text)))
			set_text(d, &c[n++], text);
		break;
	case AF_INET6:
		if (b->len < 24)
			break;
		c[n].name = "sin6_port";
		set_num(&c[n++], CTL_VAL_UINT, ntohs(read_num(b->p + 2, 2)));
		c[n].name = "sin6_addr";
		if (inet_ntop(AF_INET6, b->p + 8, text, sizeof(text)))
			set_text(d, &c[n++], text);
		if (b->len >= 28) {
			c[n].name = "sin6_scope_id";
			set_num(&c[n++], CTL_VAL_UINT, read_num(b->p + 24, 4));
		}
		break;
	case AF_NETLINK:
		if (b->len < 12)
			break;
		c[n].name = "nl_pid";
		set_num(&c[n++], CTL_VAL_UINT, read_num(b->p + 4, 4));
		c[n].name = "nl_groups";
		set_num(&c[n++], CTL_VAL_HEX, read_num(b->p + 8, 4));
		break;
	default: {
		struct bytes rest = { b->p + 2, b->len - 2, b->flags };

		c[n].name = "sa_data";
		set_bytes(&c[n++], CTL_VAL_BYTES, &rest, 0);
	}
	}
	v->kind = CTL_VAL_STRUCT;
	v->value = addr;
	v->child = c;
	v->nchild = n;
}

/* -- vectors -------------------------------------------------------------- */

/* iovecs, and what they point to, one behind the other in data. */
static void set_iovecs(struct ctl_decoder *d, struct ctl_val *v,
		       const struct bytes *iov, const struct bytes *data,
		       uint64_t addr, bool out)
{
	unsigned w = d->abi == CTL_ABI_COMPAT ? 4 : 8, i, n;
	size_t at = 0;
	struct ctl_val *c, *e;

	set_pointer(v, addr);
	v->flags |= iov->flags;
	n = iov->len / (2 * w);
	if (n > MAX_ELEMENTS)
		n = MAX_ELEMENTS;
	c = take_vals(d, n ? n : 1);
	if (!c)
		return;
	for (i = 0; i < n; i++) {
		uint64_t base = read_num(iov->p + i * 2 * w, w);
		uint64_t len = read_num(iov->p + i * 2 * w + w, w);
		struct bytes part = { NULL, 0, out ? CTL_VALF_OUT : 0 };

		e = take_vals(d, 2);
		if (!e)
			break;
		e[0].name = "iov_base";
		e[1].name = "iov_len";
		set_pointer(&e[0], base);
		set_num(&e[1], CTL_VAL_UINT, len);
		if (data && at < data->len) {
			part.p = data->p + at;
			part.len = len < data->len - at ? len : data->len - at;
			/* More than was captured, or more than was read. */
			if (part.len < len && (data->flags & CTL_VALF_CUT))
				part.flags |= CTL_VALF_CUT;
			at += part.len;
			set_bytes(&e[0], CTL_VAL_BYTES, &part, base);
		}
		c[i].kind = CTL_VAL_STRUCT;
		c[i].child = e;
		c[i].nchild = 2;
	}
	v->kind = CTL_VAL_ARRAY;
	v->value = addr;
	v->child = c;
	v->nchild = i;
}

static void set_vector(struct ctl_decoder *d, struct ctl_val *v,
		       const struct bytes *b, uint64_t addr)
{
	struct ctl_val *c;
	size_t at = 0;
	unsigned n = 0;

	set_pointer(v, addr);
	v->flags |= b->flags;
	c = take_vals(d, MAX_ELEMENTS);
	if (!c)
		return;
	while (at < b->len && n < MAX_ELEMENTS) {
		size_t len = strnlen((const char *)b->p + at, b->len - at);
		struct bytes s = { b->p + at, len, 0 };

		if (at + len == b->len) /* no NUL */
			s.flags |= CTL_VALF_CUT;
		set_bytes(&c[n++], CTL_VAL_STR, &s, 0);
		at += len + 1;
	}
	d->used -= (MAX_ELEMENTS - n) * sizeof(*c);
	v->kind = CTL_VAL_ARRAY;
	v->value = addr;
	v->child = c;
	v->nchild = n;
}

static size_t padded(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

static void set_msghdr(struct ctl_decoder *d, struct ctl_val *v,
		       const struct bytes *b, uint64_t addr, bool out)
{
	struct bytes name, iov, control, data;
	struct ctl_cap_msg m;
	struct ctl_val *c;
	unsigned n = 0;
	size_t at = sizeof(m);

	set_pointer(v, addr);
	/* What is cut is the data, which says so itself. */
	v->flags |= b->flags & ~CTL_VALF_CUT;
	if (b->len < sizeof(m) || !(c = take_vals(d, 7)))
		return;
	memcpy(&m, b->p, sizeof(m));
	if (at + padded(m.got_name) + padded(m.got_iov) +
		    padded(m.got_control) + padded(m.got_data) >
	    padded(b->len))
		return; /* it lies */
	name = (struct bytes){ b->p + at, m.got_name, 0 };
	at += padded(m.got_name);
	iov = (struct bytes){ b->p + at, m.got_iov, 0 };
	at += padded(m.got_iov);
	control = (struct bytes){ b->p + at, m.got_control, 0 };
	at += padded(m.got_control);
	data = (struct bytes){ b->p + at, m.got_data,
			       b->flags & CTL_VALF_CUT };
	if (at + m.got_data > b->len)
		data.len = at < b->len ? b->len - at : 0;
	c[n].name = "msg_name";
	if (m.got_name)
		set_sockaddr(d, &c[n++], &name, m.name);
	else
		set_pointer(&c[n++], m.name);
	c[n].name = "msg_namelen";
	set_int(&c[n++], (int32_t)m.namelen);
	c[n].name = "msg_iov";
	set_iovecs(d, &c[n++], &iov, &data, m.iov, out);
	c[n].name = "msg_iovlen";
	set_num(&c[n++], CTL_VAL_UINT, m.niov);
	if (m.controllen) {
		c[n].name = "msg_control";
		if (m.got_control)
			set_bytes(&c[n++], CTL_VAL_BYTES, &control, m.control);
		else
			set_pointer(&c[n++], m.control);
	}
	c[n].name = "msg_controllen";
	set_num(&c[n++], CTL_VAL_UINT, m.controllen);
	c[n].name = "msg_flags";
	set_flags(d, &c[n++], &ctl_tab_msg, m.flags);
	v->kind = CTL_VAL_STRUCT;
	v->value = addr;
	v->child = c;
	v->nchild = n;
}

static void set_fdset(struct ctl_decoder *d, struct ctl_val *v,
		      const struct bytes *b, uint64_t addr)
{
	uint64_t nfds = d->rec->arg[0];
	struct ctl_val *c = take_vals(d, MAX_ELEMENTS);
	unsigned i, n = 0;

	set_pointer(v, addr);
	if (!c)
		return;
	for (i = 0; i < nfds && i / 8 < b->len; i++)
		if (b->p[i / 8] >> (i % 8) & 1) {
			if (n == MAX_ELEMENTS) {
				v->flags |= CTL_VALF_CUT;
				break;
			}
			set_num(&c[n++], CTL_VAL_FD, i);
		}
	d->used -= (MAX_ELEMENTS - n) * sizeof(*c);
	v->kind = CTL_VAL_ARRAY;
	v->flags |= b->flags & CTL_VALF_OUT;
	v->child = c;
	v->nchild = n;
}

/* -- arguments that another one decides ----------------------------------- */

static const struct ctl_struct *ioctl_struct(uint64_t cmd)
{
	switch (cmd) {
	case 0x5401: /* TCGETS, TCSETS, TCSETSW, TCSETSF */
	case 0x5402:
	case 0x5403:
	case 0x5404:
		return &ctl_st_termios;
	case 0x5413: /* TIOCGWINSZ, TIOCSWINSZ */
	case 0x5414:
		return &ctl_st_winsize;
	case 0x540f: /* TIOCGPGRP, TIOCSPGRP, FIONREAD, FIONBIO */
	case 0x5410:
	case 0x541b:
	case 0x5421:
		return &ctl_st_int;
	}
	return NULL;
}

static void set_spec(struct ctl_decoder *d, struct ctl_val *v, unsigned sub,
		     unsigned i)
{
	const __u64 *arg = d->rec->arg;
	const struct ctl_struct *st = NULL;
	struct bytes b;

	set_num(v, CTL_VAL_HEX, arg[i]);
	if (!arg[i])
		set_int(v, 0);
	switch (sub) {
	case SP_IOCTL:
		st = ioctl_struct(arg[1]);
		break;
	case SP_FCNTL:
		switch (arg[1]) {
		case 2: /* F_SETFD */
			set_flags(d, v, &ctl_tab_fdflags, arg[i]);
			return;
		case 4: /* F_SETFL */
			set_flags(d, v, &ctl_tab_open, arg[i]);
			return;
		case 5: /* F_GETLK, F_SETLK, F_SETLKW and the OFD ones */
		case 6:
		case 7:
		case 36:
		case 37:
		case 38:
			st = &ctl_st_flock;
			break;
		default:
			set_int(v, (int64_t)arg[i]);
			if (arg[i] > INT32_MAX)
				set_num(v, CTL_VAL_HEX, arg[i]);
			return;
		}
		break;
	case SP_FUTEX:
		/* a time-out with FUTEX_WAIT and its kin, else a number */
		switch (arg[1] & 0x7f) {
		case 0:
		case 6:
		case 9:
		case 11:
		case 13:
			st = &ctl_st_timespec;
			break;
		}
		break;
	case SP_PROTO:
		/* What the other families have is their own. */
		if (arg[0] == AF_INET || arg[0] == AF_INET6)
			set_enum(v, &ctl_tab_ipproto, (uint32_t)arg[i]);
		else
			set_int(v, (int32_t)arg[i]);
		return;
	case SP_OPTNAME:
		switch (arg[1]) {
		case 0:
			set_enum(v, &ctl_tab_ip_opt, (uint32_t)arg[i]);
			return;
		case SOL_SOCKET:
			set_enum(v, &ctl_tab_so, (uint32_t)arg[i]);
			return;
		case 6:
			set_enum(v, &ctl_tab_tcp_opt, (uint32_t)arg[i]);
			return;
		case 17:
			set_enum(v, &ctl_tab_udp_opt, (uint32_t)arg[i]);
			return;
		case 41:
			set_enum(v, &ctl_tab_ipv6_opt, (uint32_t)arg[i]);
			return;
		case SOL_PACKET:
			set_enum(v, &ctl_tab_packet_opt, (uint32_t)arg[i]);
			return;
		case SOL_NETLINK:
			set_enum(v, &ctl_tab_netlink_opt, (uint32_t)arg[i]);
			return;
		}
		set_num(v, CTL_VAL_UINT, (uint32_t)arg[i]);
		return;
	case SP_FUTEXVAL:
		set_num(v, CTL_VAL_UINT, (uint32_t)arg[i]);
		return;
	case SP_PRCTL:
		if (arg[0] == 15 && /* PR_SET_NAME */
		    capture(d, i, CTL_AT_ENTRY, CTL_CAP_STR, &b))
			set_string(v, &b, arg[i]);
		return;
	case SP_SETOPT:
	case SP_GETOPT:
		if (capture(d, i, sub == SP_SETOPT ? CTL_AT_ENTRY : CTL_AT_EXIT,
			    0, &b) && b.len == 4)
			set_array(d, v, &ctl_st_int, &b, arg[i]);
		return;
	}
	st = st ? ctl_struct_of(st, d->abi) : NULL;
	if (st && arg[i] &&
	    (capture(d, i, CTL_AT_EXIT, CTL_CAP_MEM, &b) ||
	     capture(d, i, CTL_AT_ENTRY, CTL_CAP_MEM, &b)) &&
	    b.len >= st->size) {
		b.len = st->size;
		b.flags &= CTL_VALF_OUT;
		set_struct(d, v, st, &b, arg[i], 0);
	} else if (st) {
		set_pointer(v, arg[i]);
	}
}

/* -- one argument --------------------------------------------------------- */

/* What came out if it did, else what went in. */
static bool either(struct ctl_decoder *d, const struct ctl_arg *a, unsigned i,
		   struct bytes *b)
{
	if ((a->dir & DIR_OUT) && capture(d, i, CTL_AT_EXIT, 0, b))
		return true;
	return (a->dir & DIR_IN) && capture(d, i, CTL_AT_ENTRY, 0, b);
}

static void set_arg(struct ctl_decoder *d, struct ctl_val *v,
		    const struct ctl_arg *a, unsigned i)
{
	uint64_t n = d->rec->arg[i];
	bool wide = a->kind == K_LONG || a->kind == K_ULONG ||
		    a->kind == K_HEXL || a->kind == K_SIZE ||
		    a->kind == K_OFF || a->kind == K_PTR || a->kind == K_FLAGSL;
	const struct ctl_struct *st;
	struct bytes b, data;

	v->name = a->name;
	if (d->flags & CTL_DECODE_RAW) {
		set_num(v, CTL_VAL_HEX, n);
		return;
	}
	if (set_number(d, v, a->kind, a->ref, n,
		       wide && d->abi != CTL_ABI_COMPAT ? 8 : 4))
		return;
	set_pointer(v, n);
	if (a->kind == K_SPEC) {
		set_spec(d, v, a->sub, i);
		return;
	}
	if (!n)
		return;
	switch (a->kind) {
	case K_PATH:
	case K_STR:
		if (capture(d, i, CTL_AT_ENTRY, CTL_CAP_STR, &b)) {
			set_string(v, &b, n);
			if (a->kind == K_PATH)
				v->flags |= CTL_VALF_PATH;
		}
		break;
	case K_BUF:
		if (!either(d, a, i, &b))
			break;
		if (a->sub == SUB_cwd)
			set_string(v, &b, n);
		else if (b.len || !(b.flags & CTL_VALF_FAULT))
			set_bytes(v, CTL_VAL_BYTES, &b, n);
		break;
	case K_STRUCT:
		st = ctl_struct_of(a->ref, d->abi);
		if (st && either(d, a, i, &b))
			set_struct(d, v, st, &b, n, 0);
		break;
	case K_ARRAY:
		st = ctl_struct_of(a->ref, d->abi);
		if (st && either(d, a, i, &b))
			set_array(d, v, st, &b, n);
		break;
	case K_SOCKADDR:
		if (either(d, a, i, &b))
			set_sockaddr(d, v, &b, n);
		break;
	case K_IOVEC:
		if (capture(d, i, CTL_AT_ENTRY, CTL_CAP_IOV, &b))
			set_iovecs(d, v, &b,
				   capture(d, i,
					   a->dir & DIR_OUT ? CTL_AT_EXIT :
							      CTL_AT_ENTRY,
					   CTL_CAP_IOVDATA, &data) ?
					   &data : NULL,
				   n, a->dir & DIR_OUT);
		break;
	case K_MSGHDR:
		if (capture(d, i, a->dir & DIR_IN ? CTL_AT_ENTRY : CTL_AT_EXIT,
			    CTL_CAP_MSG, &b))
			set_msghdr(d, v, &b, n, a->dir & DIR_OUT);
		break;
	case K_VEC:
		if (capture(d, i, CTL_AT_ENTRY, CTL_CAP_VEC, &b))
			set_vector(d, v, &b, n);
		break;
	case K_FDSET:
		if (capture(d, i, CTL_AT_EXIT, 0, &b))
			set_fdset(d, v, &b, n);
		break;
	}
}

static void set_ret(struct ctl_decoder *d, struct ctl_val *v, unsigned kind)
{
	int64_t n = d->rec->ret;

	switch (kind) {
	case K_FD:
		set_num(v, CTL_VAL_FD, n);
		break;
	case K_PTR:
		set_num(v, n ? CTL_VAL_PTR : CTL_VAL_INT, n);
		break;
	case K_MODE:
		set_num(v, CTL_VAL_OCT, n);
		break;
	default:
		set_int(v, n);
	}
}

/*
 * How many of the arguments of the row this call looks at: others are what
 * happened to be in the registers.
 */
static unsigned used_args(const struct ctl_call *call, const __u64 *arg,
			  unsigned n)
{
	/* A mode is looked at only when a file may be made: open(2). */
	if (n >= 2 && call->arg[n - 1].kind == K_MODE &&
	    call->arg[n - 2].ref == &ctl_tab_open &&
	    !(arg[n - 2] & (0100 | 020000000)))
		return n - 1;
	if (n == 3 && call->arg[2].kind == K_SPEC &&
	    call->arg[2].sub == SP_FCNTL)
		switch ((uint32_t)arg[1]) {
		case F_GETFD:
		case F_GETFL:
		case F_GETOWN:
		case F_GETSIG:
		case F_GETLEASE:
		case F_GETPIPE_SZ:
		case F_GET_SEALS:
			return 2;
		}
	if (n == 6 && call->arg[1].ref == &ctl_tab_futex)
		switch (arg[1] & 0x7f) {
		case 1: /* FUTEX_WAKE */
			return 3;
		case 0: /* FUTEX_WAIT: the time-out ends it */
		case 6: /* FUTEX_LOCK_PI */
		case 13: /* FUTEX_LOCK_PI2 */
			return 4;
		case 7: /* FUTEX_UNLOCK_PI */
		case 8: /* FUTEX_TRYLOCK_PI */
			return 2;
		}
	return n;
}

CTL_EXPORT void ctl_decode(struct ctl_decoder *d,
			   const struct ctl_rec_syscall *rec,
			   struct ctl_decoded *out)
{
	const struct ctl_call *call = ctl_call_of(rec->abi, rec->nr);
	unsigned i;

	memset(out, 0, sizeof(*out));
	d->used = 0;
	d->rec = rec;
	d->abi = rec->abi;
	find_caps(d);
	if (!call) {
		out->nargs = 6;
		for (i = 0; i < 6; i++)
			set_num(&out->arg[i], CTL_VAL_HEX, rec->arg[i]);
		set_int(&out->ret, rec->ret);
		return;
	}
	out->name = call->name;
	out->classes = call->classes;
	out->nargs = used_args(call, rec->arg, ctl_call_nargs(call));
	for (i = 0; i < out->nargs; i++)
		set_arg(d, &out->arg[i], &call->arg[i], i);
	set_ret(d, &out->ret, call->ret);
}
