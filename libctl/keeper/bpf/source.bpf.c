/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * source.bpf.c - system calls recorded by the kernel itself.
 *
 * Two programs on the raw tracepoints sys_enter and sys_exit, which every call
 * of every process passes.  Those of processes whose bit the keeper has set in
 * "traced" are recorded: the entry notes the arguments in the thread's slot and
 * carries out the entry part of the call's capture program, the exit completes
 * the record and puts it into the ring, in the format of dtrace_ctl.h, ready to
 * be handed on.  The target is never stopped.
 *
 * Nothing here waits.  A page that is not in memory cannot be read at entry:
 * it is tried again at exit, when the call itself has brought it in
 * (CTL_CAPF_LATE).
 *
 * There is one instance of this for each handle that records (source.c).  It is
 * loaded while somebody waits, so it has to be small for the verifier (what
 * captures is one program, to which the two others jump) and asks for nothing
 * of the kernel's BTF, which takes 10 ms to read.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include <dtrace_ctl.h>

#include "ring.h"

char LICENSE[] SEC("license") = "GPL";

/* uapi: struct pt_regs of x86-64 is what the tracepoint points to. */
struct regs {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	__u64 orig_ax, ip, cs, flags, sp, ss;
};

/* Comes and goes with the thread, zeroed. */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct src_slot);
} slots SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SRC_PROGRAMS);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, struct src_program);
} programs SEC(".maps");

/* Set by the keeper. */
struct ctl_sysset calls;
__u32 want_entry, want_exit;

static bool selected(int abi, __u32 nr)
{
	__u32 n = nr >= CTL_SYSSET_BITS ? CTL_SYSSET_BITS - 1 : nr, i = n / 64;

	HIDE(i);
	i &= 7;
	return (abi == CTL_ABI_COMPAT ? calls.compat[i] : calls.native[i]) >>
		       (n % 64) & 1;
}

/*
 * By which way it came.  SYSCALL leaves the address behind it and the flags in
 * rcx and r11 (not with FRED, hence the last look); a 32-bit process has another
 * code segment; int $0x80 can be made by any.
 */
static int abi_of(const struct regs *g, __u64 nr)
{
	__u16 insn = 0;

	if (g->cs == 0x23)
		return CTL_ABI_COMPAT;
	if ((g->cx != g->ip || g->r11 != g->flags) &&
	    bpf_probe_read_user(&insn, 2, (void *)(g->ip - 2)) == 0 &&
	    insn == 0x80cd)
		return CTL_ABI_COMPAT;
	return nr & 0x40000000 ? CTL_ABI_X32 : CTL_ABI_NATIVE;
}

static void copy_args(struct src_slot *s, const struct regs *g, int abi)
{
	__u64 *arg = s->arg;

	if (abi == CTL_ABI_COMPAT) {
		arg[0] = (__u32)g->bx;
		arg[1] = (__u32)g->cx;
		arg[2] = (__u32)g->dx;
		arg[3] = (__u32)g->si;
		arg[4] = (__u32)g->di;
		arg[5] = (__u32)g->bp;
	} else {
		arg[0] = g->di;
		arg[1] = g->si;
		arg[2] = g->dx;
		arg[3] = g->r10;
		arg[4] = g->r8;
		arg[5] = g->r9;
	}
	__builtin_memcpy(s->rec.arg, arg, sizeof(s->rec.arg));
}

static void emit(struct src_slot *s, __u32 type)
{
	__u32 len = AT_MOST((s->used + 7) & ~7U, SRC_DATA);

	s->rec.h.len = sizeof(s->rec) + len;
	s->rec.h.type = type;
	s->rec.ncap = s->ncap;
	put(&s->rec, sizeof(s->rec) + len, SRC_RESERVE);
}

/* -- captures --------------------------------------------------------------
 *
 * A capture's bytes go to data[used ..], behind its struct ctl_cap at data[cap].
 * Offsets are SRC_AT at most and lengths SRC_LEN, and data has room for both: that
 * is how the verifier knows that they lie inside.  The functions without "static"
 * are verified once each instead of once a call, and have to ask whether they
 * got a pointer.
 */

#define OFFSET(v) AT_MOST(v, SRC_AT)
#define LENGTH(v)            \
	({                   \
		__u32 l_ = v; \
		HIDE(l_);    \
		l_ & SRC_LEN; \
	})

static __u32 room(const struct src_slot *s)
{
	return s->used > SRC_AT ? 0 : SRC_LEN;
}

static struct ctl_cap *cap_at(struct src_slot *s, __u32 cap)
{
	return (void *)&s->data[OFFSET(cap)];
}

/* Copy n bytes; as many as there are up to a page that is not there. */
__attribute__((noinline)) int take(struct src_slot *s, __u32 cap, __u64 addr, __u64 want)
{
	__u32 n = want, first, at;
	struct ctl_cap *c;

	if (!s)
		return 0;
	c = cap_at(s, cap);
	at = OFFSET(s->used);
	if (want > room(s)) {
		n = room(s);
		c->flags |= CTL_CAPF_CUT;
	}
	n = LENGTH(n);
	if (!n)
		return 0;
	if (bpf_probe_read_user(&s->data[at], n, (void *)addr) < 0) {
		c->flags |= CTL_CAPF_FAULT;
		first = 4096 - (addr & 4095);
		if (first >= n)
			return 0;
		n = LENGTH(first);
		if (bpf_probe_read_user(&s->data[at], n, (void *)addr) < 0)
			return 0;
	}
	s->used += n;
	c->len += n;
	return n;
}

/* A string with its NUL; 1: whole. */
__attribute__((noinline)) int take_string(struct src_slot *s, __u32 cap, __u64 addr,
					  __u32 limit)
{
	struct ctl_cap *c;
	__u32 at, end, n = limit;
	char last = 0;
	long got;

	if (!s)
		return 0;
	c = cap_at(s, cap);
	at = OFFSET(s->used);
	if (n > room(s))
		n = room(s);
	n = LENGTH(n);
	if (!n) {
		c->flags |= CTL_CAPF_CUT;
		return 0;
	}
	got = bpf_probe_read_user_str(&s->data[at], n, (void *)addr);
	if (got < 0) {
		/* No NUL up to a page that is not there. */
		take(s, cap, addr, n);
		c->flags |= CTL_CAPF_FAULT;
		return 0;
	}
	if (!got) /* kernels before 6.10: an empty string */
		s->data[at] = got++;
	s->used += got;
	c->len += got;
	if (got < n)
		return 1;
	/* It ends with a NUL in any case: was there one? */
	if (bpf_probe_read_user(&last, 1, (void *)(addr + n - 1)) < 0 || !last)
		return 1;
	end = at + n - 1;
	HIDE(end);
	if (end >= SRC_DATA - 1)
		return 0;
	s->data[end] = last;
	/* A path of 4096 bytes is one more than a length may be here. */
	if (n < limit && bpf_probe_read_user(&last, 1, (void *)(addr + n)) == 0 &&
	    !last) {
		s->data[end + 1] = 0;
		s->used++;
		c->len++;
		return 1;
	}
	c->flags |= CTL_CAPF_CUT;
	return 0;
}

static bool pointer(__u64 addr, bool narrow, __u64 *v)
{
	__u32 v32 = 0;
	long r;

	*v = 0;
	if (!narrow)
		return bpf_probe_read_user(v, 8, (void *)addr) == 0;
	r = bpf_probe_read_user(&v32, 4, (void *)addr);
	*v = v32;
	return r == 0;
}

/* The string that the pointer at addr points to; 1: there may be another. */
__attribute__((noinline)) int vector_step(struct src_slot *s, __u32 cap, __u64 addr,
					  __u32 limit, __u32 more)
{
	struct ctl_cap *c;
	__u64 ptr;

	if (!s)
		return 0;
	c = cap_at(s, cap);
	if (!pointer(addr, s->rec.abi == CTL_ABI_COMPAT, &ptr)) {
		c->flags |= CTL_CAPF_FAULT;
		return 0;
	}
	if (!ptr)
		return 0;
	if (!more || c->len >= limit) {
		c->flags |= CTL_CAPF_CUT;
		return 0;
	}
	return take_string(s, cap, ptr, limit - c->len) == 1;
}

/* Loops by bpf_loop(): the verifier looks at one round. */
struct vector {
	struct src_slot *s;
	__u64 addr;
	__u32 cap, width, count, limit;
};

static long vector_round(__u32 i, void *arg)
{
	struct vector *v = arg;

	return vector_step(v->s, v->cap, v->addr + i * v->width, v->limit,
			   i < v->count) != 1;
}

__attribute__((noinline)) int take_vector(struct src_slot *s, __u32 cap,
					  __u64 addr, __u32 count, __u32 limit)
{
	struct vector v = { .s = s, .addr = addr, .cap = cap, .limit = limit };

	if (!s)
		return 0;
	v.width = s->rec.abi == CTL_ABI_COMPAT ? 4 : 8;
	v.count = !count || count > SRC_VECTOR ? SRC_VECTOR : count;
	bpf_loop(v.count + 1, vector_round, &v, 0);
	return 0;
}

/* What the iovec at addr points to, at most total; -1: no further. */
__attribute__((noinline)) int iov_step(struct src_slot *s, __u32 cap, __u64 addr,
				       __u32 total)
{
	struct ctl_cap *c;
	__u64 base, len;
	bool narrow;

	if (!s)
		return -1;
	c = cap_at(s, cap);
	narrow = s->rec.abi == CTL_ABI_COMPAT;
	if (!pointer(addr, narrow, &base) ||
	    !pointer(addr + (narrow ? 4 : 8), narrow, &len)) {
		c->flags |= CTL_CAPF_FAULT;
		return -1;
	}
	if (len > total)
		len = total;
	if (len && take(s, cap, base, len) != len)
		return -1;
	return len;
}

struct iovecs {
	struct src_slot *s;
	__u64 addr;
	__u32 cap, width, left, failed;
};

static long iov_round(__u32 i, void *arg)
{
	struct iovecs *v = arg;
	int n = iov_step(v->s, v->cap, v->addr + i * v->width, v->left);

	if (n < 0)
		v->failed = 1;
	else
		v->left -= n;
	return v->failed || !v->left;
}

__attribute__((noinline)) int take_iovdata(struct src_slot *s, __u32 cap,
					   __u64 addr, __u64 count, __u64 total)
{
	struct iovecs v = { .s = s, .addr = addr, .cap = cap, .left = total };

	if (!s)
		return 0;
	v.width = s->rec.abi == CTL_ABI_COMPAT ? 8 : 16;
	if (total > s->limit) {
		v.left = s->limit;
		cap_at(s, cap)->flags |= CTL_CAPF_CUT;
	}
	if (v.left)
		bpf_loop(count < SRC_IOVECS ? count : SRC_IOVECS, iov_round,
			 &v, 0);
	if (count > SRC_IOVECS && v.left && !v.failed)
		cap_at(s, cap)->flags |= CTL_CAPF_CUT;
	return 0;
}

static __u32 pad8(struct src_slot *s, struct ctl_cap *c, __u32 before)
{
	__u32 got = c->len - before, n = -c->len & 7;

	s->used += n;
	c->len += n;
	return got;
}

/* A part of a message's header; returns how much of it. */
__attribute__((noinline)) int take_part(struct src_slot *s, __u32 cap,
					__u64 addr, __u32 len)
{
	struct ctl_cap *c;
	__u32 before;

	if (!s)
		return 0;
	c = cap_at(s, cap);
	before = c->len;
	if (addr && len)
		take(s, cap, addr, len);
	return pad8(s, c, before);
}

__attribute__((noinline)) int take_msghdr(struct src_slot *s, __u32 cap, __u64 addr,
					  __u64 total)
{
	struct ctl_cap_msg m = {};
	struct {
		__u64 name;
		__u32 namelen, pad;
		__u64 iov, niov, control, controllen;
		__u32 flags, pad2;
	} h = {};
	struct {
		__u32 name, namelen, iov, niov, control, controllen, flags;
	} h32 = {};
	struct ctl_cap *c;
	__u32 before;
	bool narrow;

	if (!s)
		return 0;
	c = cap_at(s, cap);
	narrow = s->rec.abi == CTL_ABI_COMPAT;
	if (room(s) < sizeof(m) + 64) {
		c->flags |= CTL_CAPF_CUT;
		return 0;
	}
	if (narrow) {
		if (bpf_probe_read_user(&h32, sizeof(h32), (void *)addr) < 0)
			goto fault;
		m.name = h32.name;
		m.namelen = h32.namelen;
		m.iov = h32.iov;
		m.niov = h32.niov > 1024 ? 1024 : h32.niov;
		m.control = h32.control;
		m.controllen = h32.controllen;
		m.flags = h32.flags;
	} else {
		if (bpf_probe_read_user(&h, 52, (void *)addr) < 0)
			goto fault;
		m.name = h.name;
		m.namelen = h.namelen;
		m.iov = h.iov;
		m.niov = h.niov > 1024 ? 1024 : h.niov;
		m.control = h.control;
		m.controllen = h.controllen > 0xffffffffU ? 0xffffffffU :
							     h.controllen;
		m.flags = h.flags;
	}
	s->used += sizeof(m);
	c->len += sizeof(m);
	m.got_name = take_part(s, cap, m.name,
			       m.namelen < 128 ? m.namelen : 128);
	m.got_iov = take_part(s, cap, m.iov,
			      (m.niov < 64 ? m.niov : 64) * (narrow ? 8 : 16));
	m.got_control = take_part(s, cap, m.control,
				  m.controllen < 1024 ? m.controllen : 1024);
	before = c->len;
	if (m.iov && m.niov)
		take_iovdata(s, cap, m.iov, m.niov, total);
	m.got_data = pad8(s, c, before);
	*(struct ctl_cap_msg *)(c + 1) = m;
	return 0;
fault:
	c->flags |= CTL_CAPF_FAULT;
	return 0;
}

/* count elements of unit bytes, at most the operation's limit */
__attribute__((noinline)) int take_array(struct src_slot *s, __u32 cap,
					 __u64 addr, __u64 count, __u32 unit)
{
	__u32 limit;

	if (!s)
		return 0;
	limit = s->limit;
	if (!unit)
		unit = 1;
	if (count > limit / unit) {
		if (count > limit || count * unit > limit)
			cap_at(s, cap)->flags |= CTL_CAPF_CUT;
		count = limit / unit;
	}
	return take(s, cap, addr, count * unit);
}

__attribute__((noinline)) int run_op(struct src_slot *s, __u32 cap,
				     const struct ctl_capop *op)
{
	__u32 unit, n32 = 0, limit;
	__u64 addr, count, done;
	struct ctl_cap *c;

	if (!s || !op)
		return 0;
	addr = s->arg[op->arg & 7];
	count = s->arg[op->len & 7];
	/* What went in was there whole, however late it is read. */
	done = op->when == CTL_AT_EXIT ? s->done : ~0ULL;
	unit = op->unit;
	limit = op->limit;
	c = cap_at(s, cap);
	s->limit = limit;
	switch (op->op) {
	case CTL_CAP_STR:
		take_string(s, cap, addr, limit);
		return 0;
	case CTL_CAP_VEC:
		take_vector(s, cap, addr, op->unit, limit);
		return 0;
	case CTL_CAP_MSG:
		take_msghdr(s, cap, addr,
			    op->flags & CTL_CAPOP_WHOLE ? ~0ULL : done);
		return 0;
	case CTL_CAP_IOVDATA:
		take_iovdata(s, cap, addr, count, done);
		return 0;
	case CTL_CAP_MEM:
		count = limit;
		unit = 1;
		break;
	case CTL_CAP_RET:
		if (s->rec.ret < 0)
			return 0;
		count = s->rec.ret;
		break;
	case CTL_CAP_BUFP:
		if (bpf_probe_read_user(&n32, 4, (void *)count) < 0) {
			c->flags |= CTL_CAPF_FAULT;
			return 0;
		}
		count = n32;
		unit = 1;
		break;
	case CTL_CAP_IOV:
		unit = s->rec.abi == CTL_ABI_COMPAT ? 8 : 16;
		if (count > 64) {
			count = 64;
			c->flags |= CTL_CAPF_CUT;
		}
		break;
	}
	take_array(s, cap, addr, count, unit);
	return 0;
}

/* Operation i of the call's program; late: at entry the page was not there. */
__attribute__((noinline)) int run_one(struct src_slot *s,
				      const struct src_program *p, __u32 i,
				      __u32 late)
{
	const struct ctl_capop *op;
	struct ctl_cap *c;
	bool at_exit;
	__u32 at;

	if (!s || !p)
		return 0;
	at_exit = s->at_exit;
	HIDE(i);
	op = &p->op[i & (CTL_CAP_OPS - 1)];
	if (at_exit && !late && s->rec.ret < 0 &&
	    !(op->flags & CTL_CAPOP_ONERR))
		return 0;
	if (!s->arg[op->arg & 7])
		return 0;
	at = (s->used + 7) & ~7U;
	if (at > SRC_AT) {
		/* No room for anything of it: that it was left out. */
		HIDE(at);
		if (at > SRC_DATA - sizeof(*c))
			return 0;
		c = (void *)&s->data[at];
		c->op = op->op;
		c->arg = op->arg;
		c->when = op->when;
		c->flags = CTL_CAPF_CUT;
		c->len = 0;
		s->used = at + sizeof(*c);
		s->ncap++;
		return 0;
	}
	c = cap_at(s, at);
	c->op = op->op;
	c->arg = op->arg;
	c->when = op->when;
	c->flags = late ? CTL_CAPF_LATE : 0;
	c->len = 0;
	s->used = at + sizeof(*c);
	/* What is at its address now is the new program's. */
	if (late && s->execed)
		c->flags |= CTL_CAPF_FAULT;
	else
		run_op(s, at, op);
	if ((c->flags & CTL_CAPF_FAULT) && !at_exit) {
		/* Not in memory yet?  Again at exit. */
		s->retry |= 1 << i;
		s->used = at;
		return 0;
	}
	s->ncap++;
	s->used = (s->used + 7) & ~7U;
	return 0;
}

/* -- the programs --------------------------------------------------------- */

/* The thread's own.  flags: BPF_LOCAL_STORAGE_GET_F_CREATE */
static struct src_slot *slot(__u64 flags)
{
	return bpf_task_storage_get(&slots, bpf_get_current_task_btf(), NULL,
				    flags);
}

static bool makes_tasks(int abi, __u32 nr)
{
	if (abi == CTL_ABI_COMPAT)
		return nr == 2 || nr == 190 || nr == 120 || nr == 435;
	return nr == 56 || nr == 57 || nr == 58 || nr == 435;
}

/* execve, execveat */
static bool executes(const struct src_slot *s)
{
	if (s->rec.abi == CTL_ABI_COMPAT)
		return s->rec.nr == 11 || s->rec.nr == 358;
	return s->rec.nr == 59 || s->rec.nr == 322;
}

/*
 * The call begins whose registers are at addr, if it is selected: s->active.
 * late: this is its end, and it returns ret.
 */
__attribute__((noinline)) int begin(struct src_slot *s, __u64 addr, __u32 late,
				    __u64 ret)
{
	__u64 id = bpf_get_current_pid_tgid();
	struct regs g;
	int abi;

	if (!s)
		return 0;
	s->active = 0;
	s->seen = 1;
	if (bpf_probe_read_kernel(&g, sizeof(g), (void *)addr) < 0)
		return 0;
	abi = abi_of(&g, g.orig_ax);
	if (!selected(abi, g.orig_ax) ||
	    (late && ((__s64)g.orig_ax < 0 ||
		      (makes_tasks(abi, g.orig_ax) && !ret))))
		return 0;
	s->active = 1;
	s->used = s->ncap = s->retry = s->at_exit = 0;
	s->done = ~0ULL;
	s->rec.h.flags = 0;
	s->rec.h.pid = id >> 32;
	s->rec.h.tid = id;
	s->rec.h.time = bpf_ktime_get_ns();
	s->rec.nr = g.orig_ax;
	s->rec.abi = abi;
	copy_args(s, &g, abi);
	s->rec.ret = 0;
	s->rec.elapsed = 0;
	return 0;
}

/* All of the entry or the exit that is left when its captures are made. */
__attribute__((noinline)) int finish(struct src_slot *s)
{
	if (!s)
		return 0;
	if (s->at_exit) {
		emit(s, CTL_REC_SYSCALL);
		return 0;
	}
	if (want_entry)
		emit(s, CTL_REC_SYSENTRY);
	if (s->rec.abi == CTL_ABI_COMPAT ?
		    s->rec.nr == 1 || s->rec.nr == 252 :
		    s->rec.nr == 60 || s->rec.nr == 231) {
		/* exit, exit_group */
		s->rec.h.flags |= CTL_RECF_NORETURN;
		if (want_exit)
			emit(s, CTL_REC_SYSCALL);
		s->active = 0;
	}
	return 0;
}

/* Those of the entry that have to be made at the exit. */
static __u32 late_ops(const struct src_slot *s, const struct src_program *p)
{
	return s->at_exit ? s->retry & p->at_entry : 0;
}

static __u32 ops(const struct src_slot *s, const struct src_program *p)
{
	return s->at_exit ? p->at_exit | late_ops(s, p) : p->at_entry;
}

/* The call's program; NULL: nothing is to be captured at this end of it. */
static const struct src_program *program_of(const struct src_slot *s)
{
	const struct src_program *p;
	__u32 k = s->rec.nr;

	if (k >= CTL_SYSSET_BITS)
		return NULL;
	if (s->rec.abi == CTL_ABI_COMPAT)
		k += CTL_SYSSET_BITS;
	p = bpf_map_lookup_elem(&programs, &k);
	return p && ops(s, p) ? p : NULL;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nowhere SEC(".maps");

SEC("raw_tp")
int capture(void *ctx)
{
	struct src_slot *s = slot(0);
	__u32 todo, late, i;
	const struct src_program *p;

	if (!s) {
		/*
		 * A program with a jump has its variables on the thread's stack.
		 * Others have a stack for each CPU on kernels from 6.13 on, which
		 * is safe as long as the program is not run twice there; of one
		 * that was jumped to the kernel does not know.
		 */
		bpf_tail_call(ctx, &nowhere, 0);
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	p = program_of(s);
	if (p) {
		todo = ops(s, p);
		late = late_ops(s, p);
		for (i = 0; i < CTL_CAP_OPS; i++)
			if (todo >> i & 1)
				run_one(s, p, i, late >> i & 1);
	}
	finish(s);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, int(void *));
} jumps SEC(".maps") = { .values = { (void *)&capture } };

SEC("raw_tp/sys_enter")
int enter(struct bpf_raw_tracepoint_args *ctx)
{
	struct src_slot *s;

	if (!is_traced(bpf_get_current_pid_tgid() >> 32))
		return 0;
	s = slot(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!s) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	/*
	 * The end of its last call passed us by: the kernel runs no program for
	 * a thread that comes in between another's on the same CPU.  (A beginning
	 * that did is made up for at the end.)
	 */
	if (s->active)
		__sync_fetch_and_add(&lost, 1);
	s->entered = 1;
	begin(s, ctx->args[0], false, 0);
	if (!s->active)
		return 0;
	if (program_of(s))
		bpf_tail_call(ctx, &jumps, 0);
	finish(s);
	return 0;
}

SEC("raw_tp/sys_exit")
int leave(struct bpf_raw_tracepoint_args *ctx)
{
	struct src_slot *s;
	bool denied;

	if (!is_traced(bpf_get_current_pid_tgid() >> 32))
		return 0;
	s = slot(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!s) {
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	denied = s->seen && !s->entered;
	s->entered = 0;
	if (!s->seen || denied) {
		/*
		 * It was in the call when we came, or it was just born; or the
		 * call was not made, for a seccomp filter denied it.
		 */
		begin(s, ctx->args[0], true, ctx->args[1]);
		if (denied)
			s->retry = ~0U; /* all is as it was at its entry */
		else
			s->rec.h.flags = CTL_RECF_NOENTRY;
	}
	if (!s->active)
		return 0;
	s->active = 0;
	if (!want_exit)
		return 0;
	s->rec.ret = ctx->args[1];
	if (s->rec.ret >= 0)
		s->done = s->rec.ret;
	s->rec.elapsed = bpf_ktime_get_ns() - s->rec.h.time;
	s->at_exit = 1;
	s->execed = !s->rec.ret && !denied && executes(s);
	if (program_of(s))
		bpf_tail_call(ctx, &jumps, 0);
	finish(s);
	return 0;
}

/* The thread dies: is it in a call? */
SEC("raw_tp/sched_process_exit")
int die(void *ctx)
{
	struct src_slot *s =
		is_traced(bpf_get_current_pid_tgid() >> 32) ? slot(0) : NULL;

	if (!s || !s->active || !want_exit)
		return 0;
	s->active = 0;
	s->rec.h.flags |= CTL_RECF_UNFINISHED;
	s->rec.elapsed = bpf_ktime_get_ns() - s->rec.h.time;
	emit(s, CTL_REC_SYSCALL);
	return 0;
}
