// SPDX-License-Identifier: GPL-2.0-only
/*
 * capture.c - capture programs (dtrace_ctl.h): what to copy out of the target
 * at a system call.  The programs come from a controller and the addresses
 * from the target; neither is trusted.
 *
 * A program runs in the thread that makes the call, so the target's memory is
 * simply ours.  In a tracepoint pages cannot be brought in: an operation of the
 * entry that meets a missing page is left for the exit (CTL_CAPF_LATE), one of
 * the exit makes the whole record wait for the task work, where they can.
 *
 * Late reading has one exception: a call that replaced the memory it points
 * into.  After an exec what is missing stays missing (CTL_CAPF_FAULT).
 */
#include <linux/slab.h>
#include <linux/socket.h>
#include <linux/uaccess.h>

#include "control.h"

int ctl_capture_upload(struct ctl_handle *h, const struct ctl_capture *c,
		       const struct ctl_capop *op)
{
	struct ctl_program *p = NULL, *old;
	struct ctl_program __rcu **table;
	int i, k;

	lockdep_assert_held(&h->mutex);
	k = ctl_capture_index(c->abi, c->nr);
	if (k < 0)
		return k;
	if (c->nop > CTL_CAP_OPS)
		return -EINVAL;
	for (i = 0; i < c->nop; i++)
		if (!ctl_capop_valid(&op[i]))
			return -EINVAL;
	if (!h->programs) {
		table = kvcalloc(CTL_CAPTURES, sizeof(*table),
				 GFP_KERNEL_ACCOUNT);
		if (!table)
			return -ENOMEM;
		smp_store_release(&h->programs, table);
	}
	if (c->nop) {
		p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
		if (!p)
			return -ENOMEM;
		p->nop = c->nop;
		memcpy(p->op, op, c->nop * sizeof(*op));
	}
	old = rcu_dereference_protected(h->programs[k],
					lockdep_is_held(&h->mutex));
	rcu_assign_pointer(h->programs[k], p);
	if (old)
		kfree_rcu(old, rcu);
	return 0;
}

/* The handle is nobody's any more. */
void ctl_capture_free(struct ctl_handle *h)
{
	int i;

	for (i = 0; h->programs && i < CTL_CAPTURES; i++)
		kfree(rcu_dereference_protected(h->programs[i], true));
	kvfree(h->programs);
}

/* A copy: the operations may sleep.  Returns their number. */
static unsigned int program(struct ctl_handle *h, int abi, u32 nr,
			    struct ctl_capop *op)
{
	struct ctl_program __rcu **table = smp_load_acquire(&h->programs);
	const struct ctl_program *p;
	unsigned int n = 0;
	int k = ctl_capture_index(abi, nr);

	if (k < 0 || !table)
		return 0;
	rcu_read_lock();
	p = rcu_dereference(table[k]);
	if (p) {
		n = p->nop;
		memcpy(op, p->op, n * sizeof(*op));
	}
	rcu_read_unlock();
	return n;
}

bool ctl_capture_any(struct ctl_handle *h, int abi, u32 nr)
{
	struct ctl_program __rcu **table = smp_load_acquire(&h->programs);
	int k = ctl_capture_index(abi, nr);

	return k >= 0 && table && rcu_access_pointer(table[k]);
}

/* -- fetching ------------------------------------------------------------- */

/* One operation: where its bytes go, what became of it. */
struct fetch {
	struct ctl_sink *s;
	const struct ctl_lwp *lwp;
	u32 len;
	u8 flags;
	bool missing; /* a page was not there, and we may not wait for it */
};

/* As many bytes as are readable from addr on. */
static size_t copy_some(struct fetch *f, void *to, u64 addr, size_t n)
{
	const void __user *from = (const void __user *)(unsigned long)addr;
	unsigned long left;

	if (!access_ok(from, n)) {
		/* Up to the end of user space there may still be something. */
		if (addr >= TASK_SIZE_MAX)
			return 0;
		n = min_t(u64, n, TASK_SIZE_MAX - addr);
		if (!access_ok(from, n))
			return 0;
	}
	if (f->s->may_sleep) {
		left = copy_from_user(to, from, n);
	} else {
		pagefault_disable();
		left = __copy_from_user_inatomic(to, from, n);
		pagefault_enable();
		if (left)
			f->missing = true;
	}
	return n - left;
}

static bool copy_all(struct fetch *f, void *to, u64 addr, size_t n)
{
	return copy_some(f, to, addr, n) == n;
}

/* Copy len bytes from addr; false when not all were readable or had room. */
static bool take(struct fetch *f, u64 addr, size_t len)
{
	size_t n = min(len, f->s->room), got;

	got = n ? copy_some(f, f->s->at, addr, n) : 0;
	f->s->at += got;
	f->s->room -= got;
	f->len += got;
	if (got < n)
		f->flags |= CTL_CAPF_FAULT;
	else if (n < len)
		f->flags |= CTL_CAPF_CUT;
	return got == len;
}

/* A string with its NUL, at most limit bytes. */
static bool take_string(struct fetch *f, u64 addr, size_t limit)
{
	while (limit) {
		/* Never further than the page: what lies behind may be absent. */
		size_t n = 256 - (addr & 255), got;
		u8 *nul;

		n = min3(n, limit, f->s->room);
		if (!n)
			break;
		got = copy_some(f, f->s->at, addr, n);
		nul = memchr(f->s->at, 0, got);
		if (nul)
			got = nul + 1 - f->s->at;
		f->s->at += got;
		f->s->room -= got;
		f->len += got;
		if (nul)
			return true;
		if (got < n) {
			f->flags |= CTL_CAPF_FAULT;
			return false;
		}
		addr += n;
		limit -= n;
	}
	f->flags |= CTL_CAPF_CUT;
	return false;
}

static size_t pointer_size(const struct fetch *f)
{
	return f->lwp->abi == CTL_ABI_COMPAT ? 4 : 8;
}

static bool read_pointer(struct fetch *f, u64 addr, u64 *v)
{
	*v = 0;
	return copy_all(f, v, addr, pointer_size(f));
}

static void take_vector(struct fetch *f, u64 addr, unsigned int count,
			size_t limit)
{
	u64 ptr;

	if (!count)
		count = 256;
	for (;; addr += pointer_size(f)) {
		if (!read_pointer(f, addr, &ptr)) {
			f->flags |= CTL_CAPF_FAULT;
			return;
		}
		if (!ptr)
			return;
		if (!count-- || f->len >= limit) {
			f->flags |= CTL_CAPF_CUT;
			return;
		}
		if (!take_string(f, ptr, limit - f->len))
			return;
	}
}

/* What count iovecs at addr point to, at most total bytes. */
static void take_iovdata(struct fetch *f, u64 addr, u64 count, u64 total,
			 size_t limit)
{
	size_t w = pointer_size(f);
	u64 base, len;

	if (total > limit) {
		total = limit;
		f->flags |= CTL_CAPF_CUT;
	}
	for (; count && total; count--, addr += 2 * w) {
		if (!read_pointer(f, addr, &base) ||
		    !read_pointer(f, addr + w, &len)) {
			f->flags |= CTL_CAPF_FAULT;
			return;
		}
		len = min(len, total);
		if (len && !take(f, base, len))
			return;
		total -= len;
	}
}

static void pad8(struct fetch *f)
{
	while ((f->len & 7) && f->s->room) {
		*f->s->at++ = 0;
		f->s->room--;
		f->len++;
	}
}

union any_msghdr {
	struct {
		u64 name;
		u32 namelen, pad;
		u64 iov, niov, control, controllen;
		u32 flags;
	} w64;
	struct {
		u32 name, namelen, iov, niov, control, controllen, flags;
	} w32;
};

/* The kernel takes no more in one call. */
#define MOST_IOVECS 1024U

static void widen(struct ctl_cap_msg *m, const union any_msghdr *u, bool narrow)
{
	if (narrow) {
		m->name = u->w32.name;
		m->namelen = u->w32.namelen;
		m->iov = u->w32.iov;
		m->niov = min(u->w32.niov, MOST_IOVECS);
		m->control = u->w32.control;
		m->controllen = u->w32.controllen;
		m->flags = u->w32.flags;
	} else {
		m->name = u->w64.name;
		m->namelen = u->w64.namelen;
		m->iov = u->w64.iov;
		m->niov = min_t(u64, u->w64.niov, MOST_IOVECS);
		m->control = u->w64.control;
		m->controllen = min_t(u64, u->w64.controllen, U32_MAX);
		m->flags = u->w64.flags;
	}
}

static void take_msghdr(struct fetch *f, u64 addr, u64 total, size_t limit)
{
	bool narrow = f->lwp->abi == CTL_ABI_COMPAT;
	struct ctl_cap_msg m = { 0 };
	union any_msghdr u = { 0 };
	u8 *head = f->s->at;
	u32 before;

	if (f->s->room < sizeof(m) ||
	    !copy_all(f, &u, addr, narrow ? sizeof(u.w32) : 52)) {
		f->flags |= CTL_CAPF_FAULT;
		return;
	}
	widen(&m, &u, narrow);
	f->s->at += sizeof(m);
	f->s->room -= sizeof(m);
	f->len += sizeof(m);
	if (m.name && m.namelen) {
		before = f->len;
		take(f, m.name, min(m.namelen, 128U));
		m.got_name = f->len - before;
		pad8(f);
	}
	if (m.iov && m.niov) {
		before = f->len;
		take(f, m.iov, min(m.niov, 64U) * 2 * pointer_size(f));
		m.got_iov = f->len - before;
		pad8(f);
	}
	if (m.control && m.controllen) {
		before = f->len;
		take(f, m.control, min(m.controllen, 1024U));
		m.got_control = f->len - before;
		pad8(f);
	}
	if (m.iov && m.niov) {
		before = f->len;
		take_iovdata(f, m.iov, m.niov, total, limit);
		m.got_data = f->len - before;
		pad8(f);
	}
	memcpy(head, &m, sizeof(m));
}

/*
 * The registers, then the stack.  What lies below the pointer's page has been
 * used by those who called, so it is there or it is not the stack any more:
 * nothing to wait for.
 */
static void take_stack(struct fetch *f, size_t limit)
{
	struct ctl_regs *r = (void *)f->s->at;
	size_t got;
	u8 *stack;

	if (f->s->room < sizeof(*r) || ctl_regs_get(current, r)) {
		f->flags |= CTL_CAPF_FAULT;
		return;
	}
	f->s->at += sizeof(*r);
	f->s->room -= sizeof(*r);
	f->len += sizeof(*r);
	stack = f->s->at;
	got = f->len;
	take(f, r->rsp, limit);
	got = f->len - got;
	if (got)
		f->missing = false;
	ctl_uprobe_returns(r->rsp, stack, got, r->cs == __USER32_CS ? 4 : 8);
}

static void fetch(struct fetch *f, const struct ctl_capop *op, bool at_exit)
{
	const struct ctl_lwp *lwp = f->lwp;
	u64 addr = lwp->arg[op->arg], count = lwp->arg[op->len];
	s64 ret = at_exit ? lwp->ret : 0;
	u64 done = op->when == CTL_AT_EXIT && ret >= 0 ? (u64)ret : U64_MAX;
	unsigned int unit = op->unit ? op->unit : 1;
	u32 n32;

	switch (op->op) {
	case CTL_CAP_STR:
		take_string(f, addr, op->limit);
		return;
	case CTL_CAP_MEM:
		take(f, addr, op->limit);
		return;
	case CTL_CAP_RET:
		if (ret < 0)
			return;
		count = ret;
		fallthrough;
	case CTL_CAP_BUF:
		/* count * unit, without overflow */
		if (count > op->limit / unit) {
			if (count > U64_MAX / unit || count * unit > op->limit)
				f->flags |= CTL_CAPF_CUT;
			count = op->limit / unit;
		}
		take(f, addr, count * unit);
		return;
	case CTL_CAP_BUFP:
		if (!copy_all(f, &n32, count, sizeof(n32))) {
			f->flags |= CTL_CAPF_FAULT;
			return;
		}
		if (n32 > op->limit) {
			n32 = op->limit;
			f->flags |= CTL_CAPF_CUT;
		}
		take(f, addr, n32);
		return;
	case CTL_CAP_IOV:
		unit = 2 * pointer_size(f);
		if (count > 64 || count * unit > op->limit) {
			count = min(op->limit / unit, 64U);
			f->flags |= CTL_CAPF_CUT;
		}
		take(f, addr, count * unit);
		return;
	case CTL_CAP_IOVDATA:
		take_iovdata(f, addr, min_t(u64, count, MOST_IOVECS), done, op->limit);
		return;
	case CTL_CAP_VEC:
		take_vector(f, addr, op->unit, op->limit);
		return;
	case CTL_CAP_MSG:
		if (op->flags & CTL_CAPOP_WHOLE)
			done = U64_MAX;
		take_msghdr(f, addr, done, op->limit);
		return;
	case CTL_CAP_STACK:
		take_stack(f, op->limit);
		return;
	}
}

static void cap_begin(struct ctl_sink *s)
{
	s->at += sizeof(struct ctl_cap);
	s->room -= sizeof(struct ctl_cap);
}

/* What f has taken, with cap before it.  false: nothing, retry later. */
static bool cap_end(struct fetch *f, struct ctl_cap *cap)
{
	struct ctl_sink *s = f->s;
	u8 *start = s->at - f->len - sizeof(*cap);

	if (f->missing) {
		s->room += s->at - start;
		s->at = start;
		return false;
	}
	cap->len = f->len;
	cap->flags |= f->flags;
	memcpy(start, cap, sizeof(*cap));
	while ((s->at - start) & 7) {
		*s->at++ = 0;
		s->room--;
	}
	s->ncap++;
	return true;
}

/* One operation into the sink.  false: nothing was left there, retry later. */
static bool run_op(struct ctl_lwp *lwp, struct ctl_sink *s,
		   const struct ctl_capop *op, bool at_exit, bool late)
{
	struct fetch f = { .s = s, .lwp = lwp };
	struct ctl_cap cap = {
		.op = op->op,
		.arg = op->arg,
		.when = op->when,
		.flags = late ? CTL_CAPF_LATE : 0,
	};

	if ((!lwp->arg[op->arg] && op->op != CTL_CAP_STACK) ||
	    s->room < sizeof(cap))
		return true;
	cap_begin(s);
	if (late && lwp->execed)
		f.flags = CTL_CAPF_FAULT;
	else
		fetch(&f, op, at_exit);
	return cap_end(&f, &cap);
}

bool ctl_capture_string(struct ctl_lwp *lwp, struct ctl_sink *s, u8 arg,
			u64 addr, u32 limit)
{
	struct fetch f = { .s = s, .lwp = lwp };
	struct ctl_cap cap = { .op = CTL_CAP_STR, .arg = arg };

	if (s->room < sizeof(cap))
		return true;
	cap_begin(s);
	take_string(&f, addr, limit);
	return cap_end(&f, &cap);
}

bool ctl_capture_stack(struct ctl_lwp *lwp, struct ctl_sink *s, u32 limit)
{
	struct fetch f = { .s = s, .lwp = lwp };
	struct ctl_cap cap = { .op = CTL_CAP_STACK };

	if (s->room < sizeof(cap))
		return true;
	cap_begin(s);
	take_stack(&f, limit);
	return cap_end(&f, &cap);
}

void ctl_capture_entry(struct ctl_handle *h, struct ctl_lwp *lwp,
		       struct ctl_sink *s)
{
	struct ctl_capop op[CTL_CAP_OPS];
	unsigned int i, n = program(h, lwp->abi, lwp->nr, op);

	for (i = 0; i < n; i++)
		if (op[i].when == CTL_AT_ENTRY &&
		    !run_op(lwp, s, &op[i], false, false))
			s->late |= 1U << i;
}

int ctl_capture_exit(struct ctl_handle *h, struct ctl_lwp *lwp,
		     struct ctl_sink *s, u32 late)
{
	struct ctl_capop op[CTL_CAP_OPS];
	unsigned int i, n = program(h, lwp->abi, lwp->nr, op);

	for (i = 0; i < n; i++) {
		if (op[i].when == CTL_AT_ENTRY) {
			if (!(late & 1U << i))
				continue;
		} else if (lwp->ret < 0 && !(op[i].flags & CTL_CAPOP_ONERR)) {
			continue;
		}
		if (!run_op(lwp, s, &op[i], true, op[i].when == CTL_AT_ENTRY))
			return -EFAULT;
	}
	return 0;
}
