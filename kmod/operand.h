/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * operand.h - what both servers check and compute in the same way: operands of
 * PCCAPTURE and PCPROBE, and predicates.
 *
 * An operand comes from somebody who may be hostile.  What these functions let
 * through can be carried out without looking at it again.
 */
#ifndef CTL_OPERAND_H
#define CTL_OPERAND_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#endif

#include "dtrace_ctl.h"

/* -------------------------------------------------------------- captures -- */

/* Programs are kept in a table of so many, by ABI and system call. */
#define CTL_CAPTURES (2 * CTL_SYSSET_BITS)

static inline int ctl_capture_index(__u32 abi, __u32 nr)
{
	if (abi > CTL_ABI_COMPAT || nr >= CTL_SYSSET_BITS)
		return -EINVAL;
	return abi * CTL_SYSSET_BITS + nr;
}

static inline bool ctl_capop_valid(const struct ctl_capop *op)
{
	return op->op >= CTL_CAP_STR && op->op <= CTL_CAP_STACK &&
	       op->arg < 6 && op->len < 6 && op->when <= CTL_AT_EXIT &&
	       !(op->flags & ~(CTL_CAPOP_ONERR | CTL_CAPOP_WHOLE)) &&
	       op->limit > 0 && op->limit <= CTL_CAP_LIMIT && !op->reserved &&
	       !(op->op == CTL_CAP_RET && op->when != CTL_AT_EXIT) &&
	       !(op->op == CTL_CAP_STACK && op->when != CTL_AT_ENTRY);
}

/* ---------------------------------------------------------------- probes -- */

static inline bool ctl_fetch_valid(const struct ctl_fetch *f)
{
	if (f->op == CTL_FETCH_NONE)
		return true;
	return f->op <= CTL_FETCH_MEM &&
	       (f->size == 1 || f->size == 2 || f->size == 4 || f->size == 8) &&
	       !(f->flags & ~(CTL_FETCH_SIGNED | CTL_FETCH_STRING |
			      CTL_FETCH_32BIT)) &&
	       (f->base < 16 || (f->base == CTL_FETCH_NOREG &&
				 f->op != CTL_FETCH_REG &&
				 f->op != CTL_FETCH_XMM)) &&
	       (f->index < 16 || f->index == CTL_FETCH_NOREG) &&
	       (f->seg == CTL_FETCH_NOREG || f->seg == CTL_FETCH_FS ||
		f->seg == CTL_FETCH_GS) &&
	       f->shift < 64 && f->scale <= 8;
}

/* Never more on the stack than fits, never taken from an empty one. */
static inline bool ctl_pred_valid(const struct ctl_pred *v, __u32 n)
{
	unsigned int depth = 0;
	__u32 i;

	for (i = 0; i < n; i++) {
		if (v[i].op < CTL_PRED_CONST || v[i].op > CTL_PRED_BITAND ||
		    v[i].reserved)
			return false;
		if (v[i].op <= CTL_PRED_PID) {
			if (v[i].op == CTL_PRED_ARG &&
			    (v[i].value < 0 || v[i].value >= CTL_PROBE_ARGS))
				return false;
			if (++depth > CTL_PRED_DEPTH)
				return false;
		} else if (v[i].op == CTL_PRED_NOT) {
			if (depth < 1)
				return false;
		} else if (depth-- < 2) {
			return false;
		}
	}
	return n == 0 || depth == 1;
}

/* What a predicate looks at. */
struct ctl_pred_in {
	const __u64 *arg;
	__u64 valid; /* as in ctl_rec_probe */
	__s32 pid, tid;
};

static inline __s64 ctl_pred_binary(__u32 op, __s64 a, __s64 b)
{
	switch (op) {
	case CTL_PRED_EQ:
		return a == b;
	case CTL_PRED_NE:
		return a != b;
	case CTL_PRED_LT:
		return a < b;
	case CTL_PRED_LE:
		return a <= b;
	case CTL_PRED_GT:
		return a > b;
	case CTL_PRED_GE:
		return a >= b;
	case CTL_PRED_AND:
		return a && b;
	case CTL_PRED_OR:
		return a || b;
	default:
		return a & b;
	}
}

static inline bool ctl_pred_true(const struct ctl_pred *v, __u32 n,
				 const struct ctl_pred_in *in)
{
	__s64 stack[CTL_PRED_DEPTH + 1];
	unsigned int d = 0;
	__u32 i;

	for (i = 0; i < n; i++) {
		switch (v[i].op) {
		case CTL_PRED_CONST:
			stack[d++] = v[i].value;
			break;
		case CTL_PRED_ARG:
			if (!(in->valid >> v[i].value & 1))
				return false;
			stack[d++] = in->arg[v[i].value];
			break;
		case CTL_PRED_TID:
			stack[d++] = in->tid;
			break;
		case CTL_PRED_PID:
			stack[d++] = in->pid;
			break;
		case CTL_PRED_NOT:
			stack[d - 1] = !stack[d - 1];
			break;
		default:
			d--;
			stack[d - 1] = ctl_pred_binary(v[i].op, stack[d - 1],
						       stack[d]);
		}
	}
	return n == 0 || stack[0];
}

/*
 * The parts of a PCPROBE operand: its sites begin behind op, each is followed
 * by its fetches; then predicate and label.
 */
static inline const struct ctl_probe_site *
ctl_probe_first(const struct ctl_probe *op)
{
	return (const void *)(op + 1);
}

static inline const struct ctl_fetch *
ctl_site_fetch(const struct ctl_probe_site *s)
{
	return (const void *)(s + 1);
}

static inline const struct ctl_probe_site *
ctl_site_next(const struct ctl_probe_site *s)
{
	return (const void *)(ctl_site_fetch(s) + s->nargs);
}

/*
 * Check all of it.  len: bytes there are.  pred: where the predicate begins;
 * the label lies behind it.
 */
static inline int ctl_probe_check(const struct ctl_probe *op, __u32 len,
				  const struct ctl_pred **pred)
{
	const struct ctl_probe_site *s;
	const char *end = (const char *)op + len;
	__u32 i, k;

	if (len < sizeof(*op) || op->size != len || len > CTL_PROBE_SIZE ||
	    !op->id || op->flags & ~CTL_PROBE_FLAGS || !op->nsites ||
	    op->nsites > CTL_PROBE_SITES || op->npred > CTL_PRED_OPS ||
	    op->strlimit > 4096 || op->stack > CTL_CAP_LIMIT)
		return -EINVAL;
	s = ctl_probe_first(op);
	for (i = 0; i < op->nsites; i++) {
		if ((__u64)(end - (const char *)s) < sizeof(*s) ||
		    s->kind > CTL_SITE_FUNC || s->nargs > CTL_PROBE_ARGS ||
		    s->reserved ||
		    (__u64)(end - (const char *)(s + 1)) <
			    s->nargs * sizeof(struct ctl_fetch))
			return -EINVAL;
		for (k = 0; k < s->nargs; k++)
			if (!ctl_fetch_valid(&ctl_site_fetch(s)[k]))
				return -EINVAL;
		s = ctl_site_next(s);
	}
	*pred = (const void *)s;
	if ((__u64)(end - (const char *)s) <
		    op->npred * sizeof(struct ctl_pred) ||
	    !ctl_pred_valid(*pred, op->npred) ||
	    op->label_len > (__u64)(end - (const char *)(*pred + op->npred)))
		return -EINVAL;
	return 0;
}

static inline __u64 ctl_fetch_extend(__u64 v, unsigned int size, bool is_signed)
{
	unsigned int unused = 64 - 8 * size;

	if (!unused)
		return v;
	v <<= unused;
	return is_signed ? (__u64)((__s64)v >> unused) : v >> unused;
}

#endif /* CTL_OPERAND_H */
