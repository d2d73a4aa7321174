/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * capture.c - capture programs (dtrace_ctl.h): what to copy out of the target
 * at a system call.  The programs come from the client and the addresses from
 * the target; neither is trusted.  Copying is done with process_vm_readv(2),
 * which faults pages in as the call itself would.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "keeper.h"
#include "source.h"

int capture_upload(struct client *c, const unsigned char *p, size_t len)
{
	struct ctl_capture h;
	struct capture *cap;
	struct cover *cv;
	int i, k;

	memcpy(&h, p, sizeof(h));
	k = ctl_capture_index(h.abi, h.nr);
	if (k < 0)
		return k;
	if (h.nop > CTL_CAP_OPS || len - sizeof(h) < h.nop * sizeof(cap->op[0]))
		return -EINVAL;
	cap = calloc(1, sizeof(*cap));
	if (!cap)
		return -ENOMEM;
	cap->nop = h.nop;
	memcpy(cap->op, p + sizeof(h), h.nop * sizeof(cap->op[0]));
	for (i = 0; i < h.nop; i++)
		if (!ctl_capop_valid(&cap->op[i])) {
			free(cap);
			return -EINVAL;
		}
	if (!c->captures)
		c->captures = calloc(CTL_CAPTURES, sizeof(*c->captures));
	if (!c->captures) {
		free(cap);
		return -ENOMEM;
	}
	free(c->captures[k]);
	c->captures[k] = cap;
	if (!h.nop) {
		free(cap);
		c->captures[k] = NULL;
	}
	/* What BPF cannot do, ptrace can. */
	if (c->source && source_program(c, k) < 0) {
		source_close(c);
		list_for_each(cv, &c->covers, by_client)
			proc_retrace(cv->proc);
	}
	return 0;
}

void capture_free(struct client *c)
{
	size_t i;

	for (i = 0; c->captures && i < CTL_CAPTURES; i++)
		free(c->captures[i]);
	free(c->captures);
	c->captures = NULL;
}

/* Where the next bytes of a draft go, and how many may. */
struct sink {
	struct proc *p;
	unsigned char *at;
	size_t room;
	struct ctl_cap *cap;
};

/* Copy len bytes from addr; false when not all were readable or had room. */
static bool take(struct sink *s, uint64_t addr, size_t len)
{
	size_t n = len < s->room ? len : s->room;
	size_t got = n ? proc_read_some(s->p, addr, s->at, n) : 0;

	s->at += got;
	s->room -= got;
	s->cap->len += got;
	if (got < n)
		s->cap->flags |= CTL_CAPF_FAULT;
	else if (n < len)
		s->cap->flags |= CTL_CAPF_CUT;
	return got == len;
}

/* A string with its NUL, at most limit bytes. */
static bool take_string(struct sink *s, uint64_t addr, size_t limit)
{
	while (limit) {
		/* Never further than the page: what lies behind may be absent. */
		size_t n = 256 - (addr & 255), got;
		unsigned char *nul;

		if (n > limit)
			n = limit;
		if (n > s->room)
			n = s->room;
		if (!n)
			break;
		got = proc_read_some(s->p, addr, s->at, n);
		nul = memchr(s->at, 0, got);
		if (nul)
			got = nul + 1 - s->at;
		s->at += got;
		s->room -= got;
		s->cap->len += got;
		if (nul)
			return true;
		if (got < n) {
			s->cap->flags |= CTL_CAPF_FAULT;
			return false;
		}
		addr += n;
		limit -= n;
	}
	s->cap->flags |= CTL_CAPF_CUT;
	return false;
}

void capture_string(struct proc *p, uint64_t addr, unsigned char *to,
		    size_t limit, struct ctl_cap *cap)
{
	struct sink s = { p, to, limit, cap };

	cap->len = cap->flags = 0;
	take_string(&s, addr, limit);
}

void capture_stack(struct proc *p, const struct ctl_regs *regs, size_t limit,
		   unsigned char *to, size_t room, struct ctl_cap *cap)
{
	struct sink s = { p, to + sizeof(*regs), room, cap };

	cap->len = cap->flags = 0;
	if (room < sizeof(*regs)) {
		cap->flags = CTL_CAPF_CUT;
		return;
	}
	memcpy(to, regs, sizeof(*regs));
	cap->len = sizeof(*regs);
	s.room -= sizeof(*regs);
	/* Where the stack ends, memory does: CTL_CAPF_FAULT there. */
	take(&s, regs->rsp, limit);
}

static size_t pointer_size(const struct lwp *l)
{
	return l->abi == CTL_ABI_COMPAT ? 4 : 8;
}

static bool read_pointer(struct sink *s, const struct lwp *l, uint64_t addr,
			 uint64_t *v)
{
	*v = 0;
	return proc_read(s->p, addr, v, pointer_size(l)) == 0;
}

static void take_vector(struct sink *s, const struct lwp *l, uint64_t addr,
			unsigned count, size_t limit)
{
	uint64_t ptr;

	if (!count)
		count = 256;
	for (;; addr += pointer_size(l)) {
		if (!read_pointer(s, l, addr, &ptr)) {
			s->cap->flags |= CTL_CAPF_FAULT;
			return;
		}
		if (!ptr)
			return;
		if (!count-- || s->cap->len >= limit) {
			s->cap->flags |= CTL_CAPF_CUT;
			return;
		}
		if (!take_string(s, ptr, limit - s->cap->len))
			return;
	}
}

/* The kernel takes no more in one call (UIO_MAXIOV), and a target that says so
 * shall not keep us busy. */
#define MOST_IOVECS 1024U

/* What count iovecs at addr point to, at most total bytes. */
static void take_iovdata(struct sink *s, const struct lwp *l, uint64_t addr,
			 uint64_t count, uint64_t total, size_t limit)
{
	size_t w = pointer_size(l);
	uint64_t base, len;

	if (total > limit) {
		total = limit;
		s->cap->flags |= CTL_CAPF_CUT;
	}
	for (; count && total; count--, addr += 2 * w) {
		if (!read_pointer(s, l, addr, &base) ||
		    !read_pointer(s, l, addr + w, &len)) {
			s->cap->flags |= CTL_CAPF_FAULT;
			return;
		}
		if (len > total)
			len = total;
		if (len && !take(s, base, len))
			return;
		total -= len;
	}
}

static void pad8(struct sink *s)
{
	while ((s->cap->len & 7) && s->room) {
		*s->at++ = 0;
		s->room--;
		s->cap->len++;
	}
}

static void take_msghdr(struct sink *s, const struct lwp *l, uint64_t addr,
			uint64_t total, size_t limit)
{
	struct ctl_cap_msg m = { 0 };
	unsigned char *head = s->at;
	uint32_t before;
	union {
		struct {
			uint64_t name;
			uint32_t namelen, pad;
			uint64_t iov, niov, control, controllen;
			uint32_t flags;
		} w64;
		struct {
			uint32_t name, namelen, iov, niov, control, controllen,
				flags;
		} w32;
	} u = { 0 };
	bool narrow = l->abi == CTL_ABI_COMPAT;

	if (s->room < sizeof(m) ||
	    proc_read(s->p, addr, &u, narrow ? sizeof(u.w32) : 52) < 0) {
		s->cap->flags |= CTL_CAPF_FAULT;
		return;
	}
	if (narrow) {
		m.name = u.w32.name;
		m.namelen = u.w32.namelen;
		m.iov = u.w32.iov;
		m.niov = u.w32.niov > MOST_IOVECS ? MOST_IOVECS : u.w32.niov;
		m.control = u.w32.control;
		m.controllen = u.w32.controllen;
		m.flags = u.w32.flags;
	} else {
		m.name = u.w64.name;
		m.namelen = u.w64.namelen;
		m.iov = u.w64.iov;
		m.niov = u.w64.niov > MOST_IOVECS ? MOST_IOVECS : u.w64.niov;
		m.control = u.w64.control;
		m.controllen = u.w64.controllen > UINT32_MAX ?
				       UINT32_MAX : u.w64.controllen;
		m.flags = u.w64.flags;
	}
	s->at += sizeof(m);
	s->room -= sizeof(m);
	s->cap->len += sizeof(m);
#define PART(got, statement)                  \
	do {                                  \
		before = s->cap->len;         \
		statement;                    \
		got = s->cap->len - before;   \
		pad8(s);                      \
	} while (0)
	if (m.name && m.namelen)
		PART(m.got_name,
		     take(s, m.name, m.namelen < 128 ? m.namelen : 128));
	if (m.iov && m.niov)
		PART(m.got_iov, take(s, m.iov, (m.niov < 64 ? m.niov : 64) * 2 *
						       pointer_size(l)));
	if (m.control && m.controllen)
		PART(m.got_control,
		     take(s, m.control,
			  m.controllen < 1024 ? m.controllen : 1024));
	if (m.iov && m.niov)
		PART(m.got_data,
		     take_iovdata(s, l, m.iov, m.niov, total, limit));
#undef PART
	memcpy(head, &m, sizeof(m));
}

static void run_op(struct sink *s, struct lwp *l, const struct ctl_capop *op,
		   int64_t ret)
{
	uint64_t addr = l->arg[op->arg], count = l->arg[op->len];
	uint64_t done = op->when == CTL_AT_EXIT && ret >= 0 ? (uint64_t)ret :
							      UINT64_MAX;
	unsigned unit = op->unit ? op->unit : 1;
	struct ctl_regs regs;
	uint32_t n32;

	switch (op->op) {
	case CTL_CAP_STACK:
		if (lwp_getregs(l, &regs) < 0)
			s->cap->flags |= CTL_CAPF_FAULT;
		else
			capture_stack(s->p, &regs, op->limit, s->at, s->room,
				      s->cap);
		return;
	case CTL_CAP_STR:
		take_string(s, addr, op->limit);
		return;
	case CTL_CAP_MEM:
		take(s, addr, op->limit);
		return;
	case CTL_CAP_RET:
		if (ret < 0)
			return;
		count = ret;
		/* fall through */
	case CTL_CAP_BUF:
		/* count * unit, without overflow */
		if (count > op->limit / unit) {
			if (count > UINT64_MAX / unit ||
			    count * unit > op->limit)
				s->cap->flags |= CTL_CAPF_CUT;
			count = op->limit / unit;
		}
		take(s, addr, count * unit);
		return;
	case CTL_CAP_BUFP:
		if (proc_read(s->p, count, &n32, sizeof(n32)) < 0) {
			s->cap->flags |= CTL_CAPF_FAULT;
			return;
		}
		if (n32 > op->limit) {
			n32 = op->limit;
			s->cap->flags |= CTL_CAPF_CUT;
		}
		take(s, addr, n32);
		return;
	case CTL_CAP_IOV:
		unit = 2 * pointer_size(l);
		if (count > 64 || count * unit > op->limit) {
			count = op->limit / unit < 64 ? op->limit / unit : 64;
			s->cap->flags |= CTL_CAPF_CUT;
		}
		take(s, addr, count * unit);
		return;
	case CTL_CAP_IOVDATA:
		take_iovdata(s, l, addr,
			     count < MOST_IOVECS ? count : MOST_IOVECS, done,
			     op->limit);
		return;
	case CTL_CAP_VEC:
		take_vector(s, l, addr, op->unit, op->limit);
		return;
	case CTL_CAP_MSG:
		if (op->flags & CTL_CAPOP_WHOLE)
			done = UINT64_MAX;
		take_msghdr(s, l, addr, done, op->limit);
		return;
	}
}

void capture_run(struct lwp *l, struct draft *d, int when, int64_t ret)
{
	int k = ctl_capture_index(l->abi, l->nr);
	const struct capture *cap;
	struct sink s;
	unsigned i;

	if (k < 0 || !d->client->captures || !d->client->captures[k])
		return;
	cap = d->client->captures[k];
	for (i = 0; i < cap->nop; i++) {
		const struct ctl_capop *op = &cap->op[i];

		if (op->when != when)
			continue;
		if (when == CTL_AT_EXIT && ret < 0 &&
		    !(op->flags & CTL_CAPOP_ONERR))
			continue;
		if ((!l->arg[op->arg] && op->op != CTL_CAP_STACK) ||
		    d->len + sizeof(struct ctl_cap) > CTL_REC_BYTES)
			continue;
		s.p = l->proc;
		s.cap = (void *)(d->buf + d->len);
		s.at = d->buf + d->len + sizeof(struct ctl_cap);
		s.room = CTL_REC_BYTES - d->len - sizeof(struct ctl_cap);
		*s.cap = (struct ctl_cap){
			.op = op->op,
			.arg = op->arg,
			.when = when,
		};
		run_op(&s, l, op, ret);
		d->len += sizeof(struct ctl_cap) + ((s.cap->len + 7) & ~7U);
		d->ncap++;
	}
}
