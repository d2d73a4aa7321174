/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ring.c - the reader's side of the event ring (dtrace_ctl.h, "ring").
 *
 * The server writes records from tail to head; we take them at next, which
 * lies between, and give their room back in ctl_ring_release().  Nothing in
 * the ring is believed: it is memory that another process writes, and a keeper
 * serves whoever may control the target.  A length is read once, checked
 * against what is left of the ring, and the record's own lengths against it.
 * Root may have the ring of another user's keeper, who could gain by changing a
 * record that was checked: such records are copied first.
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "private.h"

#define RING_DEFAULT (4U << 20)

CTL_EXPORT int ctl_ring_open(struct ctl *h, size_t size, uint32_t flags)
{
	struct ctl_ring_setup s = { .flags = flags };

	if (!h->t)
		return ctl_fail(-EBADF, "the handle is for reading the status");
	if (h->ring.user)
		return ctl_fail(-EBUSY, "the handle has a ring");
	if (!size)
		size = RING_DEFAULT;
	if (size > CTL_RING_MAX)
		return ctl_fail(-EINVAL, "a ring has at most %u MiB",
				CTL_RING_MAX >> 20);
	for (s.size = CTL_RING_MIN; s.size < size;)
		s.size *= 2;
	return h->t->ring(h, &s);
}

CTL_EXPORT int ctl_ring_record(struct ctl *h, const struct ctl_record *what)
{
	struct {
		int64_t code;
		struct ctl_record r;
	} m = { PCRECORD, *what };
	const char *source = getenv("CTL_EVENTS");
	int r = ctl_write(h, &m, sizeof(m), NULL);

	if (r == -EOPNOTSUPP && source && !strcmp(source, "bpf"))
		return ctl_fail(r, "BPF, which CTL_EVENTS asks for, cannot record that here");
	return r;
}

CTL_EXPORT int ctl_ring_capture(struct ctl *h, int abi, unsigned nr,
				const struct ctl_capop *ops, unsigned n)
{
	struct {
		int64_t code;
		struct ctl_capture c;
		struct ctl_capop op[CTL_CAP_OPS];
	} m = { PCCAPTURE, { .nr = nr, .abi = abi, .nop = n } };

	if (n > CTL_CAP_OPS)
		return ctl_fail(-EINVAL, "a capture program has at most %d operations",
				CTL_CAP_OPS);
	memcpy(m.op, ops, n * sizeof(*ops));
	return ctl_write(h, &m, 16 + n * sizeof(*ops), NULL);
}

/* -- records -------------------------------------------------------------- */

/* Does the next capture lie inside?  1, 0 at the end, -EPROTO. */
static int cap_step(const unsigned char *end, const struct ctl_cap **cap,
		    const unsigned char *at)
{
	const struct ctl_cap *c = (const void *)at;
	size_t left = end - at;

	if (left < sizeof(*c) || c->len > left - sizeof(*c))
		return -EPROTO;
	*cap = c;
	return 1;
}

/* first: where the captures of rec begin. */
static int cap_next(const struct ctl_rec *rec, const void *first,
		    const struct ctl_cap **cap)
{
	const unsigned char *at = first;
	const unsigned char *end =
		(const unsigned char *)rec + (rec->len & CTL_REC_LENMASK);

	if (*cap)
		at = (const unsigned char *)(*cap + 1) +
		     (((*cap)->len + 7) & ~7ULL);
	if (at >= end)
		return 0;
	return cap_step(end, cap, at) == 1;
}

CTL_EXPORT int ctl_cap_next(const struct ctl_rec_syscall *rec,
			    const struct ctl_cap **cap)
{
	return cap_next(&rec->h, rec + 1, cap);
}

CTL_EXPORT const uint64_t *ctl_probe_args(const struct ctl_rec_probe *rec)
{
	return (const void *)(rec + 1);
}

CTL_EXPORT int ctl_probe_cap_next(const struct ctl_rec_probe *rec,
				  const struct ctl_cap **cap)
{
	return cap_next(&rec->h, ctl_probe_args(rec) + rec->nargs, cap);
}

/* Do ncap captures from first on fill the record? */
static bool caps_fit(const struct ctl_rec *r, size_t len, const void *first,
		     unsigned ncap)
{
	const unsigned char *at = first;
	const unsigned char *end = (const unsigned char *)r + len;
	const struct ctl_cap *c;
	unsigned i;

	for (i = 0; i < ncap; i++) {
		if (at > end || cap_step(end, &c, at) != 1)
			return false;
		at = (const unsigned char *)(c + 1) + ((c->len + 7) & ~7ULL);
	}
	return at == end;
}

static bool syscall_fits(const struct ctl_rec *r, size_t len)
{
	const struct ctl_rec_syscall *s = (const void *)r;

	return len >= sizeof(*s) && caps_fit(r, len, s + 1, s->ncap);
}

static bool probe_fits(const struct ctl_rec *r, size_t len)
{
	const struct ctl_rec_probe *p = (const void *)r;

	return len >= sizeof(*p) && p->nargs <= CTL_PROBE_ARGS &&
	       len - sizeof(*p) >= p->nargs * sizeof(uint64_t) &&
	       caps_fit(r, len, ctl_probe_args(p) + p->nargs, p->ncap);
}

static bool record_fits(const struct ctl_rec *r, size_t len)
{
	switch (r->type) {
	case CTL_REC_SYSCALL:
	case CTL_REC_SYSENTRY:
		return syscall_fits(r, len);
	case CTL_REC_PROBE:
		return probe_fits(r, len);
	case CTL_REC_SIGNAL:
	case CTL_REC_FAULT:
		return len >= sizeof(struct ctl_rec_signal);
	case CTL_REC_FORK:
		return len >= sizeof(struct ctl_rec_fork);
	case CTL_REC_EXEC: {
		const struct ctl_rec_exec *e = (const void *)r;
		const char *path = (const char *)(e + 1);

		return len >= sizeof(*e) && e->pathlen <= len - sizeof(*e) &&
		       (!e->pathlen || !path[e->pathlen - 1]);
	}
	case CTL_REC_EXIT:
		return len >= sizeof(struct ctl_rec_exit);
	case CTL_REC_LOST:
		return len >= sizeof(struct ctl_rec_lost);
	case CTL_REC_COUNT:
		return len >= sizeof(struct ctl_rec_count);
	default:
		return len >= sizeof(struct ctl_rec);
	}
}

CTL_EXPORT int ctl_ring_next(struct ctl *h, const struct ctl_rec **rec)
{
	struct ctl_ring *r = &h->ring;
	const struct ctl_rec *p;
	uint64_t head, at;
	uint32_t word, len;

	if (!r->user)
		return ctl_fail(-EINVAL, "the handle has no ring");
	for (;;) {
		head = __atomic_load_n(&r->info->head, __ATOMIC_ACQUIRE);
		if (head == r->next)
			return 0;
		at = r->next & (r->size - 1);
		if (head - r->tail > r->size || head - r->next > r->size ||
		    (head & 7))
			goto lie;
		p = (const void *)(r->data + at);
		word = __atomic_load_n(&p->len, __ATOMIC_ACQUIRE);
		if (word & CTL_REC_BUSY)
			return 0;
		len = word & CTL_REC_LENMASK;
		/* A pad may have no more than the length and the type. */
		if (len < 8 || (len & 7) || len > r->size - at ||
		    len > head - r->next)
			goto lie;
		if (r->own) {
			memcpy(r->own + at, p, len);
			memcpy(r->own + at, &word, sizeof(word));
			p = (const void *)(r->own + at);
		}
		if (p->type == CTL_REC_PAD) {
			r->next += len;
			continue;
		}
		if (len < sizeof(*p) || !record_fits(p, len))
			goto lie;
		r->next += len;
		*rec = p;
		return 1;
	}
lie:
	return ctl_fail(-EPROTO, "the event ring is damaged");
}

CTL_EXPORT void ctl_ring_release(struct ctl *h)
{
	struct ctl_ring *r = &h->ring;

	if (!r->user || r->tail == r->next)
		return;
	r->tail = r->next;
	__atomic_store_n(&r->user->tail, r->tail, __ATOMIC_RELEASE);
	atomic_thread_fence(memory_order_seq_cst);
	if (__atomic_load_n(&r->info->blocked, __ATOMIC_RELAXED))
		h->t->consumed(h);
}

CTL_EXPORT bool ctl_ring_wake(struct ctl *h, size_t bytes)
{
	struct ctl_ring *r = &h->ring;

	if (!r->user)
		return false;
	__atomic_store_n(&r->user->wake, bytes, __ATOMIC_RELAXED);
	atomic_thread_fence(memory_order_seq_cst);
	return bytes && __atomic_load_n(&r->info->head, __ATOMIC_ACQUIRE) -
					r->tail >= bytes;
}

CTL_EXPORT uint64_t ctl_ring_lost(const struct ctl *h)
{
	return h->ring.user ?
		       __atomic_load_n(&h->ring.info->lost, __ATOMIC_RELAXED) :
		       0;
}

CTL_EXPORT uint64_t ctl_ring_epoch(const struct ctl *h)
{
	return h->ring.user ? h->ring.info->epoch : 0;
}
