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
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "syscall.h"

#define ARENA_BYTES (512U << 10)
#define MAX_CAPS 16
#define MAX_FLAGS 72
#define MAX_ELEMENTS 64

/* fcntl(2) of 32-bit programs: with a struct flock64.  The headers' names have
 * other values here. */
#define I386_GETLK64 12
#define I386_SETLK64 13
#define I386_SETLKW64 14

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

/* The same with a name that is made here; a number when there is no room. */
static void __attribute__((format(printf, 4, 5)))
set_made_name(struct ctl_decoder *d, struct ctl_val *v, uint64_t n,
	      const char *fmt, ...)
{
	char text[160];
	va_list ap;
	size_t len;
	char *p;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	len = strlen(text);
	p = take(d, len + 1);
	set_num(v, CTL_VAL_HEX, n);
	if (p)
		set_name(v, n, memcpy(p, text, len + 1));
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

/* A number that is taken apart. */
struct parts {
	struct ctl_val *v; /* room for MAX_FLAGS */
	unsigned n;
	uint64_t left; /* what has no name yet */
};

/* Room for what is left is kept. */
static bool parts_full(const struct parts *p)
{
	return p->n >= MAX_FLAGS - 2;
}

/* What stands for several bits together, zero included; of two for the same bits
 * the one that comes first. */
static void name_fields(struct parts *p, const struct ctl_table *t, uint64_t n)
{
	const struct ctl_name *f;
	uint64_t named = 0;

	for (f = t->name; f < t->name + t->n && !parts_full(p); f++)
		if (f->mask && !(f->mask & named) &&
		    (n & f->mask) == f->value &&
		    !(f->value == 0 && f->mask == ~0ULL)) {
			set_name(&p->v[p->n++], f->value, f->name);
			p->left &= ~f->mask;
			named |= f->mask;
		}
}

/* wide: those of more than one bit. */
static void name_bits(struct parts *p, const struct ctl_table *t, bool wide)
{
	const struct ctl_name *f;
	uint64_t bits;

	for (f = t->name; f < t->name + t->n && !parts_full(p); f++) {
		bits = t->kind & TAB_BITS ? 1ULL << (f->value & 63) : f->value;
		if (f->mask || !bits || (p->left & bits) != bits ||
		    ((bits & (bits - 1)) != 0) != wide)
			continue;
		set_name(&p->v[p->n++], bits, f->name);
		p->left &= ~bits;
	}
}

static void name_rest(struct parts *p, const struct ctl_table *t)
{
	const char *zero;

	if (t->kind & TAB_OCTAL) {
		/* Permissions, none included. */
		if (p->left & ~0777ULL)
			set_num(&p->v[p->n++], CTL_VAL_HEX, p->left & ~0777ULL);
		set_num(&p->v[p->n++], CTL_VAL_OCT, p->left & 0777);
	} else if (p->left) {
		set_num(&p->v[p->n++], CTL_VAL_HEX, p->left);
	} else if (!p->n) {
		zero = ctl_table_name(t, 0);
		if (zero && !(t->kind & TAB_BITS))
			set_name(&p->v[p->n++], 0, zero);
		else
			set_num(&p->v[p->n++], CTL_VAL_INT, 0);
	}
}

static void set_flags(struct ctl_decoder *d, struct ctl_val *v,
		      const struct ctl_table *t, uint64_t n)
{
	struct parts p = { .v = take_vals(d, MAX_FLAGS), .left = n };

	set_num(v, CTL_VAL_HEX, n);
	if (!p.v)
		return;
	name_fields(&p, t, n);
	/* Before the bits that they are made of. */
	name_bits(&p, t, true);
	name_bits(&p, t, false);
	name_rest(&p, t);
	d->used -= (MAX_FLAGS - p.n) * sizeof(*p.v);
	v->kind = CTL_VAL_FLAGS;
	v->child = p.v;
	v->nchild = p.n;
}

static void set_enum(struct ctl_val *v, const struct ctl_table *t, uint64_t n)
{
	const char *name = ctl_table_name(t, n);

	/* Constants below zero, of an int: RUSAGE_CHILDREN. */
	if (!name && (int32_t)n < 0 && n <= UINT32_MAX)
		name = ctl_table_name(t, (uint64_t)(int32_t)n);
	if (name)
		set_name(v, n, name);
	else if (t == &ctl_tab_keyring) /* others are keys' numbers */
		set_int(v, (int32_t)n);
	else
		set_num(v, CTL_VAL_HEX, n);
}

/* S_IFREG|0644 */
static void set_file_mode(struct ctl_decoder *d, struct ctl_val *v, uint64_t n)
{
	static const char *const types[16] = {
		[1] = "S_IFIFO", [2] = "S_IFCHR",  [4] = "S_IFDIR",
		[6] = "S_IFBLK", [8] = "S_IFREG",  [10] = "S_IFLNK",
		[12] = "S_IFSOCK",
	};
	static const char *const bits[] = { "S_ISUID", "S_ISGID", "S_ISVTX" };
	const char *type = types[n >> 12 & 15];
	struct ctl_val *c;
	unsigned i, k = 0;

	set_num(v, CTL_VAL_OCT, n & 0xffff);
	if (!type || !(c = take_vals(d, 2 + ARRAY_SIZE(bits))))
		return;
	set_name(&c[k++], n & 0170000, type);
	for (i = 0; i < ARRAY_SIZE(bits); i++)
		if (n & 04000 >> i)
			set_name(&c[k++], 04000 >> i, bits[i]);
	set_num(&c[k++], CTL_VAL_OCT, n & 0777);
	v->kind = CTL_VAL_FLAGS;
	v->child = c;
	v->nchild = k;
}

/* What wait(2) tells, in its own macros. */
static void set_wait_status(struct ctl_decoder *d, struct ctl_val *v,
			    uint64_t n)
{
	int s = (int)n, sig = WIFSTOPPED(s) ? WSTOPSIG(s) & 0x7f : WTERMSIG(s);
	const char *name = ctl_signal_name(sig);
	char number[12];

	snprintf(number, sizeof(number), "%d", sig);
	if (!name)
		name = number;
	if (WIFEXITED(s))
		set_made_name(d, v, n, "{WIFEXITED(s) && WEXITSTATUS(s) == %d}",
			      WEXITSTATUS(s));
	else if (WIFCONTINUED(s))
		set_made_name(d, v, n, "{WIFCONTINUED(s)}");
	else if (WIFSIGNALED(s))
		set_made_name(d, v, n, "{WIFSIGNALED(s) && WTERMSIG(s) == %s%s}",
			      name, WCOREDUMP(s) ? " && WCOREDUMP(s)" : "");
	else if (WIFSTOPPED(s) && !(n >> 16))
		set_made_name(d, v, n, "{WIFSTOPPED(s) && WSTOPSIG(s) == %s%s}",
			      name, WSTOPSIG(s) & 0x80 ? " | 0x80" : "");
	else if (WIFSTOPPED(s)) /* with an event of ptrace(2) */
		set_made_name(d, v, n,
			      "{WIFSTOPPED(s) && WSTOPSIG(s) == %s} | %#x",
			      name, (unsigned)s & 0xffff0000);
	else
		set_num(v, CTL_VAL_HEX, n);
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
	set_made_name(d, v, dev, "makedev(%#x, %#x)", major(dev), minor(dev));
}

/* Of the kinds below those that are a number to see, too. */
static bool set_plain_number(struct ctl_val *v, unsigned kind, const void *ref,
			     uint64_t n, unsigned size)
{
	uint64_t u = size < 8 ? n & ((1ULL << 8 * size) - 1) : n;

	switch (kind) {
	case K_INT:
	case K_LONG:
	case K_OFF:
	case K_PID:
	case K_STSIZE:
		set_int(v, sign_extend(n, size));
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
	case K_LO:
	case K_HI: /* joined later */
		set_num(v, CTL_VAL_HEX, n);
		return true;
	case K_BIT:
		u >>= (uintptr_t)ref & 0xff;
		u &= (1U << ((uintptr_t)ref >> 8)) - 1;
		set_num(v, CTL_VAL_UINT, u);
		return true;
	case K_PTR:
	case K_RESTORER:
		set_pointer(v, u);
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
		/* The kernel takes 16 bits of it: umode_t. */
		set_num(v, CTL_VAL_OCT, size > 4 ? u : u & 0xffff);
		return true;
	case K_BE16:
		set_num(v, CTL_VAL_UINT, ntohs(n));
		return true;
	}
	return false;
}

/* A number of this kind, of an argument or of a field.  false: not a number. */
static bool set_number(struct ctl_decoder *d, struct ctl_val *v, unsigned kind,
		       const void *ref, uint64_t n, unsigned size)
{
	uint64_t u = size < 8 ? n & ((1ULL << 8 * size) - 1) : n;
	int64_t s = sign_extend(n, size);
	const char *name;

	if (set_plain_number(v, kind, ref, n, size))
		return true;
	switch (kind) {
	case K_DEV:
	case K_STRDEV:
		set_dev(d, v, u);
		return true;
	case K_HANDLER:
		name = ctl_table_name(&ctl_tab_sighandler,
				      (uint64_t)sign_extend(u, size));
		if (name)
			set_name(v, u, name);
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
	case K_SIGSET:
		set_sigset(d, v, u);
		return true;
	case K_WSTATUS:
		set_wait_status(d, v, u);
		return true;
	case K_MAC:
		set_made_name(d, v, u, "%02x:%02x:%02x:%02x:%02x:%02x",
			      (unsigned)u & 0xff, (unsigned)(u >> 8) & 0xff,
			      (unsigned)(u >> 16) & 0xff,
			      (unsigned)(u >> 24) & 0xff,
			      (unsigned)(u >> 32) & 0xff,
			      (unsigned)(u >> 40) & 0xff);
		return true;
	case K_KVER:
		set_made_name(d, v, u, "KERNEL_VERSION(%u, %u, %u)",
			      (unsigned)u >> 16, (unsigned)(u >> 8) & 0xff,
			      (unsigned)u & 0xff);
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

/* -- siginfo -------------------------------------------------------------- */

static const struct ctl_table *code_table(int sig)
{
	switch (sig) {
	case SIGCHLD:
		return &ctl_tab_si_sigchld;
	case SIGSEGV:
		return &ctl_tab_si_sigsegv;
	case SIGBUS:
		return &ctl_tab_si_sigbus;
	case SIGFPE:
		return &ctl_tab_si_sigfpe;
	case SIGILL:
		return &ctl_tab_si_sigill;
	case SIGTRAP:
		return &ctl_tab_si_sigtrap;
	case SIGPOLL:
		return &ctl_tab_si_sigpoll;
	case SIGSYS:
		return &ctl_tab_si_sigsys;
	}
	return NULL;
}

static void set_signal(struct ctl_val *v, int sig)
{
	const char *name = ctl_signal_name(sig);

	if (name)
		set_name(v, sig, name);
	else
		set_int(v, sig);
}

struct siginfo_out {
	struct ctl_val *v;
	unsigned n;
};

static struct ctl_val *siginfo_field(struct siginfo_out *o, const char *name)
{
	o->v[o->n].name = name;
	return &o->v[o->n++];
}

static void siginfo_sender(struct siginfo_out *o, const unsigned char *u)
{
	set_int(siginfo_field(o, "si_pid"), (int32_t)read_num(u, 4));
	set_num(siginfo_field(o, "si_uid"), CTL_VAL_UINT, read_num(u + 4, 4));
}

static void siginfo_value(struct siginfo_out *o, const unsigned char *u,
			  unsigned w)
{
	set_int(siginfo_field(o, "si_int"), (int32_t)read_num(u, 4));
	set_pointer(siginfo_field(o, "si_ptr"), read_num(u, w));
}

/* What lies at u, behind the first three numbers; w: bytes of a long. */
static void siginfo_rest(struct ctl_decoder *d, struct siginfo_out *o,
			 const unsigned char *u, unsigned w, int sig, int code)
{
	const struct ctl_call *call;
	int n;

	if (code == SI_USER || code == SI_TKILL) {
		siginfo_sender(o, u);
	} else if (code == SI_TIMER) {
		set_num(siginfo_field(o, "si_timerid"), CTL_VAL_HEX,
			read_num(u, 4));
		set_int(siginfo_field(o, "si_overrun"),
			(int32_t)read_num(u + 4, 4));
		siginfo_value(o, u + 8, w);
	} else if (code < 0) {
		siginfo_sender(o, u);
		siginfo_value(o, u + 8, w);
	} else if (sig == SIGCHLD) {
		siginfo_sender(o, u);
		n = (int32_t)read_num(u + 8, 4);
		if (code == CLD_EXITED)
			set_int(siginfo_field(o, "si_status"), n);
		else
			set_signal(siginfo_field(o, "si_status"), n);
		u += w == 8 ? 16 : 12;
		set_int(siginfo_field(o, "si_utime"),
			sign_extend(read_num(u, w), w));
		set_int(siginfo_field(o, "si_stime"),
			sign_extend(read_num(u + w, w), w));
	} else if (sig == SIGPOLL) {
		set_int(siginfo_field(o, "si_band"),
			sign_extend(read_num(u, w), w));
		set_int(siginfo_field(o, "si_fd"),
			(int32_t)read_num(u + w, 4));
	} else if (sig == SIGSYS) {
		set_pointer(siginfo_field(o, "si_call_addr"), read_num(u, w));
		n = (int32_t)read_num(u + w, 4);
		/* AUDIT_ARCH_I386, _X86_64 */
		call = ctl_call_of(read_num(u + w + 4, 4) == 0x40000003 ?
				   CTL_ABI_COMPAT : CTL_ABI_NATIVE, n);
		if (call)
			set_made_name(d, siginfo_field(o, "si_syscall"), n,
				      "__NR_%s", call->name);
		else
			set_int(siginfo_field(o, "si_syscall"), n);
		set_enum(siginfo_field(o, "si_arch"), &ctl_tab_audit_arch,
			 read_num(u + w + 4, 4));
	} else if (sig == SIGSEGV || sig == SIGBUS || sig == SIGILL ||
		   sig == SIGFPE || sig == SIGTRAP) {
		set_pointer(siginfo_field(o, "si_addr"), read_num(u, w));
	}
}

/* p: CTL_SIGINFO_BYTES of them, as programs of this ABI see them. */
static void set_siginfo(struct ctl_decoder *d, struct ctl_val *v,
			const unsigned char *p, int abi)
{
	unsigned w = abi == CTL_ABI_COMPAT ? 4 : 8;
	int sig = (int32_t)read_num(p, 4), err = (int32_t)read_num(p + 4, 4);
	int code = (int32_t)read_num(p + 8, 4);
	struct siginfo_out o = { take_vals(d, 10), 0 };
	const char *name = NULL;

	v->kind = CTL_VAL_HEX;
	if (!o.v)
		return;
	set_signal(siginfo_field(&o, "si_signo"), sig);
	if (code > 0 && code_table(sig))
		name = ctl_table_name(code_table(sig), code);
	if (!name)
		name = ctl_table_name(&ctl_tab_si_code, (int64_t)code);
	if (name)
		set_name(siginfo_field(&o, "si_code"), (int64_t)code, name);
	else
		set_num(siginfo_field(&o, "si_code"), CTL_VAL_HEX,
			(uint32_t)code);
	if (err) {
		name = ctl_errno_name(err);
		if (name)
			set_name(siginfo_field(&o, "si_errno"), err, name);
		else
			set_int(siginfo_field(&o, "si_errno"), err);
	}
	siginfo_rest(d, &o, p + (w == 8 ? 16 : 12), w, sig, code);
	v->kind = CTL_VAL_STRUCT;
	v->child = o.v;
	v->nchild = o.n;
}

/* -- structures ----------------------------------------------------------- */

static void set_struct(struct ctl_decoder *d, struct ctl_val *v,
		       const struct ctl_struct *st, const struct bytes *b,
		       uint64_t addr, unsigned depth);
static void set_sockaddr(struct ctl_decoder *d, struct ctl_val *v,
			 const struct bytes *b, uint64_t addr);

static void set_field(struct ctl_decoder *d, struct ctl_val *v,
		      const struct ctl_field *f, const struct bytes *b,
		      unsigned depth)
{
	struct bytes in = { b->p + f->off, f->size, 0 };

	if (f->kind == K_STRUCT) {
		set_struct(d, v, f->ref, &in, 0, depth + 1);
	} else if (f->kind == K_CHARS) {
		set_string(v, &in, 0);
	} else if (f->kind == K_SIGINFO) {
		set_siginfo(d, v, in.p, d->abi);
	} else if (f->kind == K_SOCKADDR) {
		set_sockaddr(d, v, &in, 0);
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

/* Does the caller say how long its structure is?  What it has not then is not
 * missing: bpf(2). */
static bool grows(const struct ctl_decoder *d, const struct ctl_struct *st,
		  const struct bytes *b)
{
	const struct ctl_call *call = ctl_call_of(d->abi, d->rec->nr);

	if (b->flags & CTL_VALF_FAULT)
		return false;
	return st == &ctl_st_sched_attr || st == &ctl_st_landlock_ruleset ||
	       st == &ctl_st_open_how || st == &ctl_st_mount_attr ||
	       (call && call->arg[1].kind == K_SPEC &&
		call->arg[1].sub == SP_BPF);
}

/* Others are what happened to be there. */
static bool field_counts(const struct ctl_struct *st, const struct ctl_field *f,
			 const struct bytes *b)
{
	uint64_t flags;

	if (st == &ctl_st_sigevent || st == &ctl_st_sigevent32) {
		unsigned w = st->field[0].size;

		if (f->off == 0) /* what comes along with the signal */
			return b->len < w || read_num(b->p, w);
		/* SIGEV_THREAD_ID */
		return f->kind != K_PID ||
		       (b->len >= w + 8U && read_num(b->p + w + 4, 4) == 4);
	}
	/* A mode, of a file that may be made. */
	if (st == &ctl_st_open_how && f->off == 8 && b->len >= 16)
		return read_num(b->p, 8) & (0100 | 020000000) ||
		       read_num(b->p + 8, 8);
	/* The rest is filled in by the call. */
	if (st == &ctl_st_io_uring_params)
		return (f->off >= 8 && f->off <= 16) ||
		       b->flags & CTL_VALF_OUT;
	if (st != &ctl_st_clone_args || b->len < 8)
		return true;
	flags = read_num(b->p, 8);
	switch (f->off) {
	case 8:
		return flags & CLONE_PIDFD;
	case 16:
		return flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID);
	case 24:
		return flags & CLONE_PARENT_SETTID;
	case 56:
		return flags & CLONE_SETTLS;
	case 64: /* set_tid, set_tid_size */
	case 72:
		return b->len >= 80 && read_num(b->p + 72, 8);
	case 80:
		return flags & 0x200000000ULL; /* CLONE_INTO_CGROUP */
	}
	return true;
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

		if (!field_counts(st, f, b))
			continue;
		if (f->off + f->size > b->len) {
			/* The caller's is an older one, that ends here. */
			if (!grows(d, st, b))
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
	if (st->nfields == 1 && (st->field[0].kind == K_SIGSET ||
				 st->field[0].kind == K_SIGINFO)) {
		/* It has brackets of its own. */
		const char *name = v->name;

		*v = c[0];
		v->name = name;
		v->value = st->field[0].kind == K_SIGSET ? v->value : addr;
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

/* Two structures, each with half of the bits of three sets. */
static bool set_capabilities(struct ctl_decoder *d, struct ctl_val *v,
			     const struct bytes *b, uint64_t addr)
{
	struct ctl_val *c = take_vals(d, ctl_st_capdata.nfields);
	unsigned i;

	if (!c || b->len < 24)
		return false;
	for (i = 0; i < ctl_st_capdata.nfields; i++) {
		c[i].name = ctl_st_capdata.field[i].name;
		set_flags(d, &c[i], &ctl_tab_cap,
			  read_num(b->p + 4 * i, 4) |
				  read_num(b->p + 12 + 4 * i, 4) << 32);
	}
	v->kind = CTL_VAL_STRUCT;
	v->value = addr;
	v->child = c;
	v->nchild = i;
	return true;
}

/* utimensat(2) gives two of the nanoseconds a meaning that no time has. */
static void name_time(struct ctl_val *v)
{
	if (v->nchild != 2)
		return;
	if (v->child[1].value == 0x3fffffff)
		set_name(v, v->child[1].value, "UTIME_NOW");
	else if (v->child[1].value == 0x3ffffffe)
		set_name(v, v->child[1].value, "UTIME_OMIT");
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
	if (st == &ctl_st_capdata && set_capabilities(d, v, b, addr))
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
		if (st == &ctl_st_timespec || st == &ctl_st_timespec64 ||
		    st == &ctl_st_timespec32)
			name_time(&c[i]);
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

/* A number in network order that has a name: "htons(ETH_P_ALL)". */
static void set_htons(struct ctl_decoder *d, struct ctl_val *v,
		      const struct ctl_table *t, uint16_t n)
{
	const char *name = ctl_table_name(t, ntohs(n));

	if (name)
		set_made_name(d, v, n, "htons(%s)", name);
	else
		set_made_name(d, v, n, "htons(%#x)", ntohs(n));
}

/* The device address of Bluetooth, the last byte first. */
static void set_bdaddr(struct ctl_decoder *d, struct ctl_val *v,
		       const unsigned char *p)
{
	set_made_name(d, v, 0, "%02X:%02X:%02X:%02X:%02X:%02X", p[5], p[4],
		      p[3], p[2], p[1], p[0]);
}

struct sockaddr_out {
	struct ctl_decoder *d;
	struct ctl_val *v;
	unsigned n;
	const struct bytes *b;
};

#define SOCKADDR_FIELDS 8

static struct ctl_val *sockaddr_field(struct sockaddr_out *o, const char *name)
{
	struct ctl_val *v = &o->v[o->n];

	if (o->n < SOCKADDR_FIELDS - 1)
		o->n++;
	v->name = name;
	return v;
}

static void sockaddr_number(struct sockaddr_out *o, const char *name,
			    unsigned kind, const void *ref, unsigned off,
			    unsigned size)
{
	if (off + size <= o->b->len)
		set_number(o->d, sockaddr_field(o, name), kind, ref,
			   read_num(o->b->p + off, size), size);
}

static void sockaddr_chars(struct sockaddr_out *o, const char *name,
			   unsigned off, unsigned size)
{
	struct bytes part = { o->b->p + off, size, 0 };

	if (off + size <= o->b->len)
		set_string(sockaddr_field(o, name), &part, 0);
}

static void sockaddr_unix(struct sockaddr_out *o)
{
	struct bytes path = { o->b->p + 2, o->b->len - 2, o->b->flags };

	if (!path.len)
		return;
	if (!*path.p) /* of no file */
		set_bytes(sockaddr_field(o, "sun_path"), CTL_VAL_BYTES, &path,
			  0);
	else
		set_string(sockaddr_field(o, "sun_path"), &path, 0);
}

static void sockaddr_inet(struct sockaddr_out *o, uint16_t family)
{
	bool four = family == AF_INET;
	const unsigned char *p = o->b->p;
	char text[64];

	if (o->b->len < (four ? 8U : 24U))
		return;
	sockaddr_number(o, four ? "sin_port" : "sin6_port", K_BE16, NULL, 2, 2);
	if (!four)
		set_num(sockaddr_field(o, "sin6_flowinfo"), CTL_VAL_UINT,
			ntohl(read_num(p + 4, 4)));
	if (inet_ntop(family, p + (four ? 4 : 8), text, sizeof(text)))
		set_text(o->d, sockaddr_field(o, four ? "sin_addr" :
							"sin6_addr"), text);
	if (!four)
		sockaddr_number(o, "sin6_scope_id", K_UINT, NULL, 24, 4);
}

static void sockaddr_packet(struct sockaddr_out *o)
{
	const unsigned char *p = o->b->p;
	struct bytes rest = { p + 12, 0, 0 };

	if (o->b->len < 12)
		return;
	set_htons(o->d, sockaddr_field(o, "sll_protocol"), &ctl_tab_ethertype,
		  read_num(p + 2, 2));
	sockaddr_number(o, "sll_ifindex", K_INT, NULL, 4, 4);
	sockaddr_number(o, "sll_hatype", K_ENUM, &ctl_tab_arphrd, 8, 2);
	sockaddr_number(o, "sll_pkttype", K_ENUM, &ctl_tab_pkttype, 10, 1);
	sockaddr_number(o, "sll_halen", K_UINT, NULL, 11, 1);
	rest.len = p[11] < o->b->len - 12 ? p[11] : o->b->len - 12;
	if (rest.len)
		set_bytes(sockaddr_field(o, "sll_addr"), CTL_VAL_BYTES, &rest,
			  0);
}

/* Which protocol it is the length tells. */
static void sockaddr_bluetooth(struct sockaddr_out *o)
{
	const unsigned char *p = o->b->p;

	switch (o->b->len) {
	case 6:
		sockaddr_number(o, "hci_dev", K_UINT, NULL, 2, 2);
		sockaddr_number(o, "hci_channel", K_UINT, NULL, 4, 2);
		break;
	case 8:
		set_bdaddr(o->d, sockaddr_field(o, "sco_bdaddr"), p + 2);
		break;
	case 10:
		set_bdaddr(o->d, sockaddr_field(o, "rc_bdaddr"), p + 2);
		sockaddr_number(o, "rc_channel", K_UINT, NULL, 8, 1);
		break;
	case 14:
		sockaddr_number(o, "l2_psm", K_HEX, NULL, 2, 2);
		set_bdaddr(o->d, sockaddr_field(o, "l2_bdaddr"), p + 4);
		sockaddr_number(o, "l2_cid", K_HEX, NULL, 10, 2);
		sockaddr_number(o, "l2_bdaddr_type", K_UINT, NULL, 12, 1);
		break;
	}
}

/* false: of a family of which we know no more. */
static bool sockaddr_rest(struct sockaddr_out *o, uint16_t family)
{
	switch (family) {
	case AF_UNIX:
		sockaddr_unix(o);
		return true;
	case AF_INET:
	case AF_INET6:
		sockaddr_inet(o, family);
		return true;
	case AF_NETLINK:
		sockaddr_number(o, "nl_pid", K_INT, NULL, 4, 4);
		sockaddr_number(o, "nl_groups", K_HEX, NULL, 8, 4);
		return true;
	case AF_PACKET:
		sockaddr_packet(o);
		return true;
	case AF_VSOCK:
		sockaddr_number(o, "svm_cid", K_ENUM, &ctl_tab_vm_cid, 8, 4);
		sockaddr_number(o, "svm_port", K_HEX, NULL, 4, 4);
		return true;
	case AF_ALG:
		sockaddr_chars(o, "salg_type", 2, 14);
		sockaddr_number(o, "salg_feat", K_HEX, NULL, 16, 4);
		sockaddr_number(o, "salg_mask", K_HEX, NULL, 20, 4);
		if (o->b->len > 24)
			sockaddr_chars(o, "salg_name", 24, o->b->len - 24);
		return true;
	case AF_CAN:
		sockaddr_number(o, "can_ifindex", K_INT, NULL, 4, 4);
		return true;
	case AF_XDP:
		sockaddr_number(o, "sxdp_flags", K_FLAGS, &ctl_tab_xdp_flags,
				2, 2);
		sockaddr_number(o, "sxdp_ifindex", K_INT, NULL, 4, 4);
		sockaddr_number(o, "sxdp_queue_id", K_UINT, NULL, 8, 4);
		sockaddr_number(o, "sxdp_shared_umem_fd", K_FD, NULL, 12, 4);
		return true;
	case AF_BLUETOOTH:
		sockaddr_bluetooth(o);
		return o->n > 1;
	}
	return false;
}

static void set_sockaddr(struct ctl_decoder *d, struct ctl_val *v,
			 const struct bytes *b, uint64_t addr)
{
	struct sockaddr_out o = { d, NULL, 0, b };
	uint16_t family;

	set_pointer(v, addr);
	if (b->len < 2 || !(o.v = take_vals(d, SOCKADDR_FIELDS)))
		return;
	/* More than an address of this family has is of no interest. */
	v->flags |= b->flags & ~CTL_VALF_CUT;
	family = read_num(b->p, 2);
	set_enum(sockaddr_field(&o, "sa_family"), &ctl_tab_af, family);
	if (!sockaddr_rest(&o, family)) {
		struct bytes rest = { b->p + 2, b->len - 2, b->flags };

		if (rest.len)
			set_bytes(sockaddr_field(&o, "sa_data"), CTL_VAL_BYTES,
				  &rest, 0);
	}
	v->kind = CTL_VAL_STRUCT;
	v->value = addr;
	v->child = o.v;
	v->nchild = o.n;
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
	if (!addr || (!iov->len && iov->flags & CTL_VALF_FAULT))
		return;
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

#define MAX_CMSGS 8

static void set_cmsg_data(struct ctl_decoder *d, struct ctl_val *v,
			  const struct bytes *b, int level, int type)
{
	if (level == SOL_SOCKET && type == SCM_RIGHTS && b->len >= 4)
		set_array(d, v, &ctl_st_fd, b, 0);
	else if (level == SOL_SOCKET && type == SCM_CREDENTIALS &&
		 b->len >= ctl_st_ucred.size)
		set_struct(d, v, &ctl_st_ucred, b, 0, 1);
	else
		set_bytes(v, CTL_VAL_BYTES, b, 0);
}

/* Control messages, each with its length in front. */
static void set_cmsgs(struct ctl_decoder *d, struct ctl_val *v,
		      const struct bytes *b, uint64_t addr)
{
	unsigned w = d->abi == CTL_ABI_COMPAT ? 4 : 8, n = 0;
	struct ctl_val *c = take_vals(d, MAX_CMSGS), *e;
	size_t at = 0;

	set_bytes(v, CTL_VAL_BYTES, b, addr);
	if (!c)
		return;
	while (n < MAX_CMSGS && b->len - at >= w + 8) {
		const unsigned char *p = b->p + at;
		uint64_t len = read_num(p, w);
		int level = (int32_t)read_num(p + w, 4);
		int type = (int32_t)read_num(p + w + 4, 4);
		struct bytes data = { p + w + 8, 0, 0 };

		if (len < w + 8 || len > b->len - at || !(e = take_vals(d, 4)))
			break;
		data.len = len - w - 8;
		e[0].name = "cmsg_len";
		set_num(&e[0], CTL_VAL_UINT, len);
		e[1].name = "cmsg_level";
		set_enum(&e[1], &ctl_tab_sol, (uint32_t)level);
		e[2].name = "cmsg_type";
		if (level == SOL_SOCKET)
			set_enum(&e[2], &ctl_tab_scm, (uint32_t)type);
		else
			set_num(&e[2], CTL_VAL_HEX, (uint32_t)type);
		e[3].name = "cmsg_data";
		set_cmsg_data(d, &e[3], &data, level, type);
		c[n].kind = CTL_VAL_STRUCT;
		c[n].child = e;
		c[n++].nchild = data.len ? 4 : 3;
		len = (len + w - 1) & ~(uint64_t)(w - 1);
		if (len > b->len - at)
			break;
		at += len;
	}
	if (!n)
		return;
	v->kind = CTL_VAL_ARRAY;
	v->child = c;
	v->nchild = n;
}

/* total: that many bytes of data there are at most. */
static void set_msghdr(struct ctl_decoder *d, struct ctl_val *v,
		       const struct bytes *b, uint64_t addr, uint64_t total,
		       bool out)
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
	if (data.len >= total) {
		data.len = total;
		data.flags = 0;
	}
	/* A call that failed has told nothing but, maybe, a length. */
	if (out && d->rec->ret < 0) {
		c[0].name = "msg_namelen";
		set_int(&c[0], (int32_t)m.namelen);
		v->flags &= ~CTL_VALF_FAULT;
		v->kind = CTL_VAL_STRUCT;
		v->child = c;
		v->nchild = 1;
		return;
	}
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
			set_cmsgs(d, &c[n++], &control, m.control);
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

/* One of several messages, of which there is the header only. */
static void set_mmsg_header(struct ctl_decoder *d, struct ctl_val *v,
			    const unsigned char *p)
{
	unsigned w = d->abi == CTL_ABI_COMPAT ? 4 : 8;
	struct ctl_val *c = take_vals(d, 7);

	set_pointer(v, 0);
	if (!c)
		return;
	c[0].name = "msg_name";
	set_pointer(&c[0], read_num(p, w));
	c[1].name = "msg_namelen";
	set_int(&c[1], (int32_t)read_num(p + w, 4));
	c[2].name = "msg_iov";
	set_pointer(&c[2], read_num(p + 2 * w, w));
	c[3].name = "msg_iovlen";
	set_num(&c[3], CTL_VAL_UINT, read_num(p + 3 * w, w));
	c[4].name = "msg_control";
	set_pointer(&c[4], read_num(p + 4 * w, w));
	c[5].name = "msg_controllen";
	set_num(&c[5], CTL_VAL_UINT, read_num(p + 5 * w, w));
	c[6].name = "msg_flags";
	set_flags(d, &c[6], &ctl_tab_msg, read_num(p + 6 * w, 4));
	v->kind = CTL_VAL_STRUCT;
	v->child = c;
	v->nchild = 7;
}

static void set_mmsg(struct ctl_decoder *d, struct ctl_val *v,
		     const struct bytes *first, const struct bytes *all,
		     uint64_t addr, bool out)
{
	unsigned size = d->abi == CTL_ABI_COMPAT ? 32 : 64;
	unsigned n = all ? all->len / size : 0, i;
	struct ctl_val *c = take_vals(d, n ? n : 1), *e;
	uint64_t len = UINT64_MAX;

	set_pointer(v, addr);
	if (!c)
		return;
	v->flags |= (first->flags | (all ? all->flags : 0)) & ~CTL_VALF_CUT;
	for (i = 0; i < (n ? n : 1); i++) {
		e = take_vals(d, 2);
		if (!e)
			break;
		e[0].name = "msg_hdr";
		if (n)
			len = read_num(all->p + (i + 1) * size - size / 8, 4);
		if (i)
			set_mmsg_header(d, &e[0], all->p + i * size);
		else
			set_msghdr(d, &e[0], first, 0, len, out);
		e[1].name = "msg_len";
		if (n)
			set_num(&e[1], CTL_VAL_UINT, len);
		c[i].kind = CTL_VAL_STRUCT;
		c[i].child = e;
		c[i].nchild = n ? 2 : 1;
	}
	/* Those that were not sent, or not looked at. */
	if (i < (uint32_t)d->rec->arg[2] && (!out || i < d->rec->ret))
		v->flags |= CTL_VALF_CUT;
	v->kind = CTL_VAL_ARRAY;
	v->child = c;
	v->nchild = i;
}

static void set_fdset(struct ctl_decoder *d, struct ctl_val *v,
		      const struct bytes *b, uint64_t addr)
{
	uint64_t nfds = d->rec->arg[0];
	struct ctl_val *c = take_vals(d, MAX_ELEMENTS);
	unsigned i, n = 0;

	set_pointer(v, addr);
	if (!c || (!b->len && (b->flags & CTL_VALF_FAULT)))
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
	v->flags |= (b->flags & CTL_VALF_OUT) | CTL_VALF_SET;
	v->child = c;
	v->nchild = n;
}

static void set_cpus(struct ctl_decoder *d, struct ctl_val *v,
		     const struct bytes *b, uint64_t addr)
{
	struct ctl_val *c = take_vals(d, MAX_ELEMENTS);
	unsigned i, n = 0;

	set_pointer(v, addr);
	if (!c || (!b->len && (b->flags & CTL_VALF_FAULT)))
		return;
	for (i = 0; i < 8 * b->len; i++)
		if (b->p[i / 8] >> (i % 8) & 1) {
			if (n == MAX_ELEMENTS) {
				v->flags |= CTL_VALF_CUT;
				break;
			}
			set_num(&c[n++], CTL_VAL_UINT, i);
		}
	d->used -= (MAX_ELEMENTS - n) * sizeof(*c);
	v->kind = CTL_VAL_ARRAY;
	v->flags |= b->flags | CTL_VALF_SET;
	v->child = c;
	v->nchild = n;
}

/* -- arguments that another one decides ----------------------------------- */

/* A request without a name: what it is made of. */
static void set_request(struct ctl_decoder *d, struct ctl_val *v, uint32_t cmd)
{
	static const char *const dirs[] = { "_IOC_NONE", "_IOC_WRITE",
					    "_IOC_READ",
					    "_IOC_READ|_IOC_WRITE" };
	unsigned nr = cmd & 0xff, size = cmd >> 16 & 0x3fff;

	set_made_name(d, v, cmd, "_IOC(%s, %#x, %#x, %#x)", dirs[cmd >> 30],
		      cmd >> 8 & 0xff, nr, size);
}

/* What the argument points to; NULL when that is all there is to say. */
static const struct ctl_struct *ioctl_struct(struct ctl_decoder *d,
					     struct ctl_val *v, unsigned i)
{
	const __u64 *arg = d->rec->arg;
	const char *name = ctl_table_name(&ctl_tab_ioctl, (uint32_t)arg[1]);
	const struct ctl_ioctl *io = name ? ctl_ioctl_of(name) : NULL;

	if (!io)
		return NULL;
	if (io->dir == DIR_IN || (io->dir == DIR_OUT && d->rec->ret >= 0))
		return io->ref;
	if (io->dir)
		set_pointer(v, arg[i]);
	else
		set_number(d, v, io->kind, io->ref, arg[i], 4);
	return NULL;
}

/* msgsnd(2), msgrcv(2): a type and a text, as long as the next argument or the
 * result says. */
static void set_msgbuf(struct ctl_decoder *d, struct ctl_val *v, unsigned i)
{
	unsigned w = d->abi == CTL_ABI_COMPAT ? 4 : 8;
	const __u64 *arg = d->rec->arg;
	struct bytes b, text;
	struct ctl_val *c;
	uint64_t len;
	bool sent;

	set_pointer(v, arg[i]);
	/* msgrcv has an argument more. */
	sent = ctl_call_nargs(ctl_call_of(d->abi, d->rec->nr)) == 4;
	if (!arg[i] || (!sent && d->rec->ret < 0) ||
	    !capture(d, i, sent ? CTL_AT_ENTRY : CTL_AT_EXIT, 0, &b) ||
	    b.len < w || !(c = take_vals(d, 2)))
		return;
	c[0].name = "mtype";
	set_int(&c[0], sign_extend(read_num(b.p, w), w));
	len = sent ? arg[i + 1] : (uint64_t)d->rec->ret;
	text = (struct bytes){ b.p + w, b.len - w, b.flags };
	if (text.len < len)
		text.flags |= CTL_VALF_CUT;
	else
		text.len = len;
	c[1].name = "mtext";
	set_bytes(&c[1], CTL_VAL_BYTES, &text, 0);
	v->kind = CTL_VAL_STRUCT;
	v->child = c;
	v->nchild = 2;
}

/* What the argument points to; NULL when that is all there is to say. */
static const struct ctl_struct *fcntl_struct(struct ctl_decoder *d,
					     struct ctl_val *v, unsigned i)
{
	uint64_t cmd = (uint32_t)d->rec->arg[1], n = d->rec->arg[i];

	switch (cmd) {
	case F_SETFD:
		set_flags(d, v, &ctl_tab_fdflags, n);
		return NULL;
	case F_SETFL:
		set_flags(d, v, &ctl_tab_open, n);
		return NULL;
	case F_SETLEASE:
		set_enum(v, &ctl_tab_lease, (uint32_t)n);
		return NULL;
	case F_NOTIFY:
		set_flags(d, v, &ctl_tab_dnotify, (uint32_t)n);
		return NULL;
	case F_ADD_SEALS:
		set_flags(d, v, &ctl_tab_seals, (uint32_t)n);
		return NULL;
	case F_SETSIG:
		set_number(d, v, K_SIG, NULL, n, 4);
		return NULL;
	case F_SETOWN: /* below 0: a process group */
		set_int(v, (int32_t)n);
		return NULL;
	case F_GETLK:
	case F_SETLK:
	case F_SETLKW:
		return &ctl_st_flock;
	case F_OFD_GETLK:
	case F_OFD_SETLK:
	case F_OFD_SETLKW:
	case I386_GETLK64:
	case I386_SETLK64:
	case I386_SETLKW64:
		return d->abi == CTL_ABI_COMPAT ? &ctl_st_flock64_i386 :
						  &ctl_st_flock;
	case F_GETOWN_EX:
	case F_SETOWN_EX:
		return &ctl_st_f_owner_ex;
	}
	set_int(v, (int64_t)n);
	if (n > INT32_MAX)
		set_num(v, CTL_VAL_HEX, n);
	return NULL;
}

static void set_optname(struct ctl_val *v, uint64_t level, uint32_t name)
{
	const struct ctl_table *t = level == 0 ? &ctl_tab_ip_opt :
				    level == SOL_SOCKET ? &ctl_tab_so :
				    level == IPPROTO_TCP ? &ctl_tab_tcp_opt :
				    level == IPPROTO_UDP ? &ctl_tab_udp_opt :
				    level == IPPROTO_IPV6 ? &ctl_tab_ipv6_opt :
				    level == SOL_PACKET ? &ctl_tab_packet_opt :
				    level == SOL_NETLINK ?
						  &ctl_tab_netlink_opt : NULL;

	if (t)
		set_enum(v, t, name);
	else
		set_num(v, CTL_VAL_UINT, name);
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
		st = ioctl_struct(d, v, i);
		break;
	case SP_BPF:
		st = ctl_bpf_struct((uint32_t)arg[0]);
		break;
	case SP_MOUNT:
	case SP_FSCONFIG:
		set_pointer(v, arg[i]);
		/* Of fsconfig(2) only some commands have a string. */
		if (arg[i] && (sub == SP_MOUNT || arg[1] == 1 || arg[1] == 3) &&
		    capture(d, i, CTL_AT_ENTRY, CTL_CAP_STR, &b))
			set_string(v, &b, arg[i]);
		return;
	case SP_SHMCTL:
	case SP_MSGCTL:
		set_pointer(v, arg[i]);
		return;
	case SP_MSGBUF:
		set_msgbuf(d, v, i);
		return;
	case SP_FCNTL:
		st = fcntl_struct(d, v, i);
		break;
	case SP_FUTEX:
		/* a time-out with FUTEX_WAIT and its kin, else a number */
		switch (arg[1] & 0x7f) {
		case 0:
		case 6:
		case 9:
		case 11:
		case 13:
			st = ctl_call_of(d->abi, d->rec->nr)->nr[0] < 0 ?
				     &ctl_st_timespec64 : &ctl_st_timespec;
			break;
		default:
			set_num(v, CTL_VAL_UINT, (uint32_t)arg[i]);
		}
		break;
	case SP_PROTO:
		/* What the other families have is their own. */
		if (arg[0] == AF_INET || arg[0] == AF_INET6)
			set_enum(v, &ctl_tab_ipproto, (uint32_t)arg[i]);
		else if (arg[0] == AF_NETLINK)
			set_enum(v, &ctl_tab_netlink, (uint32_t)arg[i]);
		else if (arg[0] == AF_PACKET && arg[i])
			set_htons(d, v, &ctl_tab_ethertype, arg[i]);
		else
			set_int(v, (int32_t)arg[i]);
		return;
	case SP_OPTNAME:
		set_optname(v, arg[1], (uint32_t)arg[i]);
		return;
	case SP_FUTEXVAL:
		set_num(v, CTL_VAL_UINT, (uint32_t)arg[i]);
		return;
	case SP_SETOPT:
	case SP_GETOPT:
		set_pointer(v, arg[i]);
		if (!capture(d, i, sub == SP_SETOPT ? CTL_AT_ENTRY : CTL_AT_EXIT,
			     0, &b) || !b.len)
			return;
		if (arg[1] == SOL_SOCKET && arg[2] == SO_LINGER && b.len == 8)
			set_struct(d, v, &ctl_st_linger, &b, arg[i], 0);
		else if (arg[1] == SOL_SOCKET && arg[2] == SO_ATTACH_FILTER &&
			 b.len == ctl_struct_of(&ctl_st_fprog, d->abi)->size)
			set_struct(d, v, ctl_struct_of(&ctl_st_fprog, d->abi),
				   &b, arg[i], 0);
		else if (arg[1] == SOL_SOCKET && arg[2] == SO_PEERCRED &&
			 b.len == ctl_st_ucred.size)
			set_struct(d, v, &ctl_st_ucred, &b, arg[i], 0);
		else if (b.len == 4)
			set_array(d, v, &ctl_st_int, &b, arg[i]);
		else
			set_bytes(v, CTL_VAL_BYTES, &b, arg[i]);
		return;
	}
	st = st ? ctl_struct_of(st, d->abi) : NULL;
	if (st && arg[i] &&
	    (capture(d, i, CTL_AT_EXIT, 0, &b) ||
	     capture(d, i, CTL_AT_ENTRY, 0, &b)) &&
	    (b.len >= st->size || sub == SP_BPF)) {
		if (b.len > st->size)
			b.len = st->size;
		b.flags &= CTL_VALF_OUT;
		set_struct(d, v, st, &b, arg[i], 0);
		/* Whose lock it is only F_GETLK tells. */
		if (sub == SP_FCNTL && st->field[st->nfields - 1].kind == K_PID &&
		    st != &ctl_st_f_owner_ex && arg[1] != F_GETLK &&
		    arg[1] != F_OFD_GETLK && arg[1] != I386_GETLK64 &&
		    v->nchild)
			v->nchild--;
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

/*
 * What goes in and comes out as another: times that are left, lengths, offsets,
 * sets of descriptors.  Both are of interest.
 */
static bool both(struct ctl_decoder *d, const struct ctl_arg *a, unsigned i,
		 struct bytes *in, struct bytes *out)
{
	const struct ctl_struct *st = a->ref;
	bool has;

	if (a->dir != (DIR_IN | DIR_OUT))
		return false;
	if (a->kind == K_FDSET)
		has = true;
	else
		has = a->kind == K_STRUCT &&
		      (st == &ctl_st_int || st == &ctl_st_off ||
		       st == &ctl_st_timespec || st == &ctl_st_timespec64 ||
		       st == &ctl_st_timeval || st == &ctl_st_user_desc);
	return has && capture(d, i, CTL_AT_ENTRY, 0, in) &&
	       capture(d, i, CTL_AT_EXIT, 0, out) && out->len &&
	       in->len == out->len &&
	       (a->kind == K_FDSET || memcmp(in->p, out->p, in->len));
}

/* Is the argument behind it the size of a structure that may grow? */
static bool has_size(const struct ctl_decoder *d, unsigned i)
{
	const struct ctl_call *call = ctl_call_of(d->abi, d->rec->nr);
	const struct ctl_arg *a = &call->arg[i + 1];

	return i < 5 && a->kind == K_SIZE &&
	       (strcmp(a->name, "size") == 0 || strcmp(a->name, "usize") == 0);
}

/* A structure that the call does not look at, or has not filled in. */
static bool is_unread(const struct ctl_decoder *d, const struct ctl_arg *a)
{
	int64_t ret = d->rec->ret;

	/* EPOLL_CTL_DEL, and all but SECCOMP_SET_MODE_FILTER */
	if (a->ref == &ctl_st_epoll_event && d->rec->arg[1] == 2)
		return true;
	if (a->ref == &ctl_st_fprog && d->rec->arg[0] != 1)
		return true;
	/* Time is left of a sleep that was broken off. */
	return a->dir == (DIR_OUT | DIR_ERR) && ret != -EINTR &&
	       (ret > -512 || ret < -516);
}

static void set_arg(struct ctl_decoder *d, struct ctl_val *v,
		    const struct ctl_arg *a, unsigned i, struct ctl_val *came)
{
	uint64_t n = d->rec->arg[i];
	bool wide = a->kind == K_LONG || a->kind == K_ULONG ||
		    a->kind == K_HEXL || a->kind == K_SIZE ||
		    a->kind == K_OFF || a->kind == K_PTR || a->kind == K_FLAGSL;
	const struct ctl_struct *st;
	struct bytes b, out, data;

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
			/* One byte more was asked for, which may be its end. */
			if (a->kind == K_STR && b.flags & CTL_VALF_CUT &&
			    b.len && b.p[b.len - 1])
				b.len--;
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
		else if (a->sub == SUB_cpumask)
			set_cpus(d, v, &b, n);
		else if (b.len || !(b.flags & CTL_VALF_FAULT))
			set_bytes(v, CTL_VAL_BYTES, &b, n);
		break;
	case K_STRUCT:
		st = ctl_struct_of(a->ref, d->abi);
		if (!st || is_unread(d, a))
			break;
		if (both(d, a, i, &b, &out)) {
			set_struct(d, came, st, &out, n, 0);
			set_struct(d, v, st, &b, n, 0);
		} else if (either(d, a, i, &b)) {
			/* It goes as far as the caller says: clone3(2). */
			if (has_size(d, i) && b.len > d->rec->arg[i + 1])
				b.len = d->rec->arg[i + 1];
			/* ... or the structure itself: sched_setattr(2). */
			if (a->ref == &ctl_st_sched_attr && b.len >= 48 &&
			    read_num(b.p, 4) < b.len)
				b.len = 48;
			set_struct(d, v, st, &b, n, 0);
		}
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
			set_msghdr(d, v, &b, n, UINT64_MAX, a->dir & DIR_OUT);
		break;
	case K_MMSG:
		if (capture(d, i, a->dir == DIR_IN ? CTL_AT_ENTRY : CTL_AT_EXIT,
			    CTL_CAP_MSG, &b))
			set_mmsg(d, v, &b,
				 capture(d, i, CTL_AT_EXIT, CTL_CAP_RET, &data) ?
					 &data : NULL,
				 n, a->dir == DIR_OUT);
		break;
	case K_VEC:
		if (capture(d, i, CTL_AT_ENTRY, CTL_CAP_VEC, &b))
			set_vector(d, v, &b, n);
		break;
	case K_FDSET:
		if (both(d, a, i, &b, &out))
			set_fdset(d, came, &out, n);
		if (capture(d, i, CTL_AT_ENTRY, 0, &b))
			set_fdset(d, v, &b, n);
		break;
	}
}

static bool is_fcntl(const struct ctl_call *call)
{
	return call->arg[2].kind == K_SPEC && call->arg[2].sub == SP_FCNTL;
}

static void set_ioprio(struct ctl_decoder *d, struct ctl_val *v, uint32_t n)
{
	const char *name = ctl_table_name(&ctl_tab_ioprio_class, n >> 13);

	if (name)
		set_made_name(d, v, n, "IOPRIO_PRIO_VALUE(%s, %u)", name,
			      n & 0x1fff);
	else
		set_made_name(d, v, n, "IOPRIO_PRIO_VALUE(%#x, %u)", n >> 13,
			      n & 0x1fff);
}

static const char *const dumpable[] = { "SUID_DUMP_DISABLE", "SUID_DUMP_USER",
					"SUID_DUMP_ROOT" };

/* Results that stand for something. */
static bool named_ret(struct ctl_decoder *d, struct ctl_val *v,
		      const struct ctl_call *call, int64_t n)
{
	const __u64 *arg = d->rec->arg;
	const void *timex = NULL;
	unsigned i;

	for (i = 0; i < 2; i++)
		if (call->arg[i].ref == &ctl_st_timex)
			timex = &ctl_tab_timex_state;
	if (timex) {
		set_enum(v, timex, n);
	} else if (call->arg[0].ref == &ctl_tab_ioprio &&
		   call->arg[2].kind == K_NONE) {
		set_ioprio(d, v, n);
	} else if (call->arg[0].ref == &ctl_tab_personality) {
		set_enum(v, &ctl_tab_personality, n);
	} else if (call->arg[0].ref == &ctl_tab_membarrier && !arg[0]) {
		set_flags(d, v, &ctl_tab_membarrier, n);
	} else if (strcmp(call->name, "sched_getscheduler") == 0) {
		set_flags(d, v, &ctl_tab_sched, n);
		if (v->nchild == 1)
			*v = v->child[0];
	} else if (call->arg[1].kind == K_SPEC &&
		   call->arg[1].sub == SP_PRCTL && (uint32_t)arg[0] == 3 &&
		   n < (int)ARRAY_SIZE(dumpable)) { /* PR_GET_DUMPABLE */
		set_name(v, n, dumpable[n]);
	}
	return v->kind == CTL_VAL_NAME || v->kind == CTL_VAL_FLAGS;
}

static void set_ret(struct ctl_decoder *d, struct ctl_val *v,
		    const struct ctl_call *call)
{
	int64_t n = d->rec->ret;

	if (is_fcntl(call) && n >= 0 && !(d->flags & CTL_DECODE_RAW))
		switch ((uint32_t)d->rec->arg[1]) {
		case F_DUPFD:
		case F_DUPFD_CLOEXEC:
			set_num(v, CTL_VAL_FD, n);
			return;
		case F_GETFL:
			set_flags(d, v, &ctl_tab_open, n);
			return;
		case F_GETFD:
			set_flags(d, v, &ctl_tab_fdflags, n);
			return;
		case F_GET_SEALS:
			set_flags(d, v, &ctl_tab_seals, n);
			return;
		}
	if (n >= 0 && !(d->flags & CTL_DECODE_RAW) && named_ret(d, v, call, n))
		return;
	switch (call->ret) {
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

/* -- which arguments a call looks at --------------------------------------
 *
 * Others are what happened to be in the registers.
 */

static unsigned fcntl_args(uint32_t cmd)
{
	switch (cmd) {
	case F_GETFD:
	case F_GETFL:
	case F_GETOWN:
	case F_GETSIG:
	case F_GETLEASE:
	case F_GETPIPE_SZ:
	case F_GET_SEALS:
		return 2;
	}
	return 3;
}

/* A request of ioctl(2) that has no argument. */
static bool is_bare(uint32_t cmd)
{
	const char *name = ctl_table_name(&ctl_tab_ioctl, cmd);
	const struct ctl_ioctl *io = name ? ctl_ioctl_of(name) : NULL;

	return io && io->kind == K_NONE;
}

static unsigned used_args(const struct ctl_call *call, const __u64 *arg,
			  unsigned n)
{
	unsigned i;

	/* A mode is looked at only when a file may be made: open(2), mq_open(2);
	 * O_CREAT, O_TMPFILE. */
	for (i = 1; i < n; i++)
		if (call->arg[i].kind == K_MODE &&
		    call->arg[i - 1].ref == &ctl_tab_open &&
		    !(arg[i - 1] & (0100 | 020000000)))
			return i;
	/* Only devices have numbers: mknod(2). */
	if (n >= 3 && call->arg[n - 1].kind == K_DEV &&
	    call->arg[n - 2].ref == &ctl_tab_mknod &&
	    (arg[n - 2] & 0170000) != 0020000 &&
	    (arg[n - 2] & 0170000) != 0060000)
		return n - 1;
	/* MREMAP_FIXED, MREMAP_DONTUNMAP */
	if (n == 5 && call->arg[3].ref == &ctl_tab_mremap && !(arg[3] & 6))
		return 4;
	if (n == 3 && is_fcntl(call))
		return fcntl_args(arg[1]);
	if (n == 3 && call->arg[2].kind == K_SPEC &&
	    call->arg[2].sub == SP_IOCTL && is_bare(arg[1]))
		return 2;
	/* Those that read have a buffer, and the level of the console is one. */
	if (n == 3 && call->arg[0].ref == &ctl_tab_syslog)
		return (arg[0] >= 2 && arg[0] <= 4) || arg[0] == 8 ? 3 : 1;
	/* LINUX_REBOOT_CMD_RESTART2 */
	if (n == 4 && call->arg[2].ref == &ctl_tab_reboot &&
	    (uint32_t)arg[2] != 0xa1b2c3d4)
		return 3;
	/* MEMBARRIER_CMD_FLAG_CPU */
	if (n == 3 && call->arg[0].ref == &ctl_tab_membarrier && !(arg[1] & 1))
		return 2;
	return n;
}

static void drop_arg(struct ctl_decoded *out, unsigned i)
{
	out->nargs--;
	memmove(&out->arg[i], &out->arg[i + 1],
		(out->nargs - i) * sizeof(out->arg[0]));
}

static void shape_futex(struct ctl_decoder *d, struct ctl_decoded *out)
{
	static const char *const ops[] = { "SET", "ADD", "OR", "ANDN", "XOR" };
	static const char *const cmps[] = { "EQ", "NE", "LT", "LE", "GT",
					    "GE" };
	struct ctl_val *val3 = &out->arg[5];
	uint32_t n = val3->value;

	if (out->nargs < 6)
		return;
	switch (d->rec->arg[1] & 0x7f) {
	case 1: /* FUTEX_WAKE */
	case 2: /* FUTEX_FD */
		out->nargs = 3;
		break;
	case 0: /* FUTEX_WAIT: the time-out ends it */
		out->nargs = 4;
		break;
	case 6: /* FUTEX_LOCK_PI */
	case 13: /* FUTEX_LOCK_PI2 */
		drop_arg(out, 2);
		out->nargs = 3;
		break;
	case 7: /* FUTEX_UNLOCK_PI */
	case 8: /* FUTEX_TRYLOCK_PI */
		out->nargs = 2;
		break;
	case 3: /* FUTEX_REQUEUE */
	case 11: /* FUTEX_WAIT_REQUEUE_PI */
		out->nargs = 5;
		break;
	case 4: /* FUTEX_CMP_REQUEUE, FUTEX_CMP_REQUEUE_PI */
	case 12:
		set_num(val3, CTL_VAL_UINT, n);
		break;
	case 5: /* FUTEX_WAKE_OP */
		if ((n >> 28 & 7) < ARRAY_SIZE(ops) &&
		    (n >> 24 & 15) < ARRAY_SIZE(cmps))
			set_made_name(d, val3, n, "%sFUTEX_OP_%s<<28|%#x<<12|"
				      "FUTEX_OP_CMP_%s<<24|%#x",
				      n >> 31 ? "FUTEX_OP_OPARG_SHIFT<<28|" : "",
				      ops[n >> 28 & 7], n >> 12 & 0xfff,
				      cmps[n >> 24 & 15], n & 0xfff);
		break;
	case 9: /* FUTEX_WAIT_BITSET */
	case 10: /* FUTEX_WAKE_BITSET */
		if (n == UINT32_MAX)
			set_name(val3, n, "FUTEX_BITSET_MATCH_ANY");
		drop_arg(out, 4);
		if ((d->rec->arg[1] & 0x7f) == 10)
			drop_arg(out, 3);
		break;
	}
}

static void set_captured_name(struct ctl_decoder *d, struct ctl_val *v,
			      unsigned i, unsigned when)
{
	struct bytes b;

	set_pointer(v, d->rec->arg[i]);
	if (capture(d, i, when, CTL_CAP_STR, &b))
		set_string(v, &b, d->rec->arg[i]);
}

static void set_capability(struct ctl_val *v, uint64_t n)
{
	const char *name = ctl_table_name(&ctl_tab_cap, n);

	if (name)
		set_name(v, n, name);
	else
		set_num(v, CTL_VAL_HEX, n);
}

static void shape_prctl(struct ctl_decoder *d, struct ctl_decoded *out)
{
	static const char *const ambient[] = {
		NULL, "PR_CAP_AMBIENT_IS_SET", "PR_CAP_AMBIENT_RAISE",
		"PR_CAP_AMBIENT_LOWER", "PR_CAP_AMBIENT_CLEAR_ALL",
	};
	const __u64 *arg = d->rec->arg;

	switch ((uint32_t)arg[0]) {
	case 3: /* PR_GET_DUMPABLE */
	case 7: /* PR_GET_KEEPCAPS */
	case 13: /* PR_GET_TIMING */
	case 21: /* PR_GET_SECCOMP */
	case 27: /* PR_GET_SECUREBITS */
	case 30: /* PR_GET_TIMERSLACK */
	case 31: /* PR_TASK_PERF_EVENTS_DISABLE, _ENABLE */
	case 32:
		out->nargs = 1;
		break;
	case 1: /* PR_SET_PDEATHSIG */
		set_number(d, &out->arg[1], K_SIG, NULL, arg[1], 4);
		out->nargs = 2;
		break;
	case 15: /* PR_SET_NAME */
		set_captured_name(d, &out->arg[1], 1, CTL_AT_ENTRY);
		out->nargs = 2;
		break;
	case 16: /* PR_GET_NAME */
		set_captured_name(d, &out->arg[1], 1, CTL_AT_EXIT);
		out->nargs = 2;
		break;
	case 23: /* PR_CAPBSET_READ, PR_CAPBSET_DROP */
	case 24:
		set_capability(&out->arg[1], arg[1]);
		out->nargs = 2;
		break;
	case 47: /* PR_CAP_AMBIENT */
		if (arg[1] < ARRAY_SIZE(ambient) && ambient[arg[1]])
			set_name(&out->arg[1], arg[1], ambient[arg[1]]);
		if (arg[1] < 4)
			set_capability(&out->arg[2], arg[2]);
		break;
	case 0x53564d41: /* PR_SET_VMA */
		if (arg[1] == 0)
			set_name(&out->arg[1], 0, "PR_SET_VMA_ANON_NAME");
		set_pointer(&out->arg[2], arg[2]);
		set_num(&out->arg[3], CTL_VAL_UINT, arg[3]);
		set_captured_name(d, &out->arg[4], 4, CTL_AT_ENTRY);
		break;
	case 4: /* PR_SET_DUMPABLE */
		set_num(&out->arg[1], CTL_VAL_UINT, arg[1]);
		if (arg[1] < ARRAY_SIZE(dumpable))
			set_name(&out->arg[1], arg[1], dumpable[arg[1]]);
		out->nargs = 2;
		break;
	case 22: /* PR_SET_SECCOMP */
		set_enum(&out->arg[1], &ctl_tab_seccomp_mode,
			 (uint32_t)arg[1]);
		out->nargs = arg[1] == 2 ? 3 : 2;
		break;
	case 8: /* PR_SET_KEEPCAPS */
	case 29: /* PR_SET_TIMERSLACK */
	case 36: /* PR_SET_CHILD_SUBREAPER */
		set_num(&out->arg[1], CTL_VAL_UINT, arg[1]);
		out->nargs = 2;
		break;
	case 38: /* PR_SET_NO_NEW_PRIVS; the rest has to be zero */
	case 41: /* PR_SET_THP_DISABLE */
		set_num(&out->arg[1], CTL_VAL_UINT, arg[1]);
		break;
	case 0x59616d61: /* PR_SET_PTRACER */
		set_int(&out->arg[1], (int32_t)arg[1]);
		if (arg[1] == (d->abi == CTL_ABI_COMPAT ? UINT32_MAX :
							  UINT64_MAX))
			set_name(&out->arg[1], arg[1], "PR_SET_PTRACER_ANY");
		out->nargs = 2;
		break;
	case 2: /* PR_GET_PDEATHSIG */
	case 14: /* PR_SET_TIMING */
	case 25: /* PR_GET_TSC, PR_SET_TSC */
	case 26:
	case 28: /* PR_SET_SECUREBITS */
	case 37: /* PR_GET_CHILD_SUBREAPER */
	case 40: /* PR_GET_TID_ADDRESS */
		out->nargs = 2;
		break;
	}
}

/* What each operation of keyctl(2) takes: keys, numbers with and without sign,
 * in hex, an error, pointers. */
static const char *const keyctl_args[] = {
	"ki", "p",    "kpu", "k",  "kii", "kx", "kpu", "k",    "kk",
	"kk", "kppk", "kpu", "kpuk", "kuk", "i", "ku", "k",    "kpu",
	"",   "kuek", "kpuk", "k", "ik",  "ppup", NULL, NULL,  NULL,
	NULL, NULL,   "kpp", "kkkx", "pu", "kii",
};

static void set_key_arg(struct ctl_val *v, char kind, uint64_t n)
{
	const char *name = NULL;

	switch (kind) {
	case 'k':
		n = (uint64_t)(int32_t)n;
		name = ctl_table_name(&ctl_tab_keyring, n);
		break;
	case 'e':
		name = ctl_errno_name((int32_t)n);
		break;
	case 'u':
		set_num(v, CTL_VAL_UINT, n);
		return;
	case 'x':
		set_num(v, CTL_VAL_HEX, (uint32_t)n);
		return;
	case 'p':
		set_pointer(v, n);
		return;
	}
	if (name)
		set_name(v, n, name);
	else
		set_int(v, (int32_t)n);
}

static void shape_keyctl(struct ctl_decoder *d, struct ctl_decoded *out)
{
	uint32_t op = d->rec->arg[0];
	const char *kinds = op < ARRAY_SIZE(keyctl_args) ? keyctl_args[op] :
							   NULL;
	unsigned i;

	if (!kinds)
		return;
	for (i = 1; *kinds && i < out->nargs; i++, kinds++) {
		const char *arg = out->arg[i].name;

		memset(&out->arg[i], 0, sizeof(out->arg[i]));
		out->arg[i].name = arg;
		set_key_arg(&out->arg[i], *kinds, d->rec->arg[i]);
	}
	out->nargs = i;
}

/* A command and the type of quota in one. */
static void shape_quotactl(struct ctl_decoder *d, struct ctl_decoded *out,
			   unsigned i)
{
	static const char *const types[] = { "USRQUOTA", "GRPQUOTA",
					     "PRJQUOTA" };
	uint32_t n = d->rec->arg[i], type = n & 0xff;
	const char *cmd = ctl_table_name(&ctl_tab_quotactl, n >> 8);
	char number[2][16];

	snprintf(number[0], sizeof(number[0]), "%#x", n >> 8);
	snprintf(number[1], sizeof(number[1]), "%#x", type);
	set_made_name(d, &out->arg[i], n, "QCMD(%s, %s)",
		      cmd ? cmd : number[0],
		      type < ARRAY_SIZE(types) ? types[type] : number[1]);
	/* Q_SYNC and Q_QUOTAOFF have no more than the device. */
	if (i == 0 && (n >> 8 == 0x800001 || n >> 8 == 0x800003))
		out->nargs = 2;
}

/* Two halves are one number; of a 64-bit program the low one is all of it. */
static void join_halves(struct ctl_decoder *d, const struct ctl_call *call,
			struct ctl_decoded *out)
{
	const __u64 *arg = d->rec->arg;
	unsigned i, k, low;
	uint64_t n;

	for (i = k = 0; i + 1 < ctl_call_nargs(call); i++, k++) {
		if ((call->arg[i].kind != K_LO && call->arg[i].kind != K_HI) ||
		    k + 1 >= out->nargs)
			continue;
		low = call->arg[i].kind == K_LO ? i : i + 1;
		n = arg[low];
		if (d->abi == CTL_ABI_COMPAT)
			n = (n & UINT32_MAX) | arg[2 * i + 1 - low] << 32;
		if (call->arg[i].ref)
			set_flags(d, &out->arg[k], call->arg[i].ref, n);
		else
			set_int(&out->arg[k], (int64_t)n);
		drop_arg(out, k + 1);
		i++;
	}
}

/* The thread's number is written where the flags say so. */
static void shape_clone(struct ctl_decoder *d, struct ctl_decoded *out)
{
	if (!(d->rec->arg[0] & (CLONE_PARENT_SETTID | CLONE_PIDFD)))
		set_pointer(&out->arg[2], d->rec->arg[2]);
}

/* Of the six numbers that were captured, those that this call has. */
static void shape_socketcall(struct ctl_decoder *d, struct ctl_decoded *out)
{
	/* From SYS_SOCKET, which is 1, to SYS_SENDMMSG. */
	static const uint8_t n[] = { 0, 3, 3, 3, 2, 3, 3, 3, 4, 4, 4,
				     6, 6, 2, 5, 5, 3, 3, 4, 5, 4 };
	uint64_t k = d->rec->arg[0];

	if (k > 0 && k < ARRAY_SIZE(n) && out->arg[1].kind == CTL_VAL_ARRAY &&
	    out->arg[1].nchild > n[k])
		out->arg[1].nchild = n[k];
}

static void shape(struct ctl_decoder *d, const struct ctl_call *call,
		  struct ctl_decoded *out)
{
	if (d->flags & CTL_DECODE_RAW)
		return;
	join_halves(d, call, out);
	if (call->arg[1].ref == &ctl_tab_futex)
		shape_futex(d, out);
	else if (call->arg[1].kind == K_SPEC && call->arg[1].sub == SP_PRCTL)
		shape_prctl(d, out);
	else if (call->arg[0].ref == &ctl_tab_clone)
		shape_clone(d, out);
	else if (call->arg[0].ref == &ctl_tab_keyctl)
		shape_keyctl(d, out);
	else if (call->arg[0].ref == &ctl_tab_quotactl)
		shape_quotactl(d, out, 0);
	else if (call->arg[1].ref == &ctl_tab_quotactl)
		shape_quotactl(d, out, 1);
	else if (call->arg[0].ref == &ctl_tab_socketcall)
		shape_socketcall(d, out);
	else if (strcmp(call->name, "mmap2") == 0 && out->nargs == 6)
		set_num(&out->arg[5], CTL_VAL_HEX, /* it is in pages */
			(d->rec->arg[5] & UINT32_MAX) << 12);
	else if (call->arg[0].ref == &ctl_tab_ioprio && out->nargs == 3)
		set_ioprio(d, &out->arg[2], d->rec->arg[2]);
	else if (call->arg[1].ref == &ctl_tab_ioctl &&
		 !ctl_table_name(&ctl_tab_ioctl, (uint32_t)d->rec->arg[1]))
		set_request(d, &out->arg[1], d->rec->arg[1]);
	/* Nothing was written when there was nobody: wait4(2), WNOHANG. */
	else if (call->arg[1].ref == &ctl_st_wstatus && d->rec->ret <= 0)
		set_pointer(&out->arg[1], d->rec->arg[1]);
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
		set_arg(d, &out->arg[i], &call->arg[i], i, &out->out[i]);
	for (i = 0; i < out->nargs; i++)
		if (out->out[i].kind != CTL_VAL_INT)
			out->nout = i + 1;
	shape(d, call, out);
	set_ret(d, &out->ret, call);
}

CTL_EXPORT void ctl_decode_siginfo(struct ctl_decoder *d, const void *info,
				   struct ctl_val *out)
{
	memset(out, 0, sizeof(*out));
	d->used = 0;
	set_siginfo(d, out, info, CTL_ABI_NATIVE);
}
