/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * uprobe.bpf.c - hits of probes recorded by the kernel itself.
 *
 * One program for all sites: the cookie of a uprobe is the number of its site
 * in "sites", which says how to get the arguments and when a hit counts.  It is
 * a sleepable program, so a page that is not in memory is brought in.  The
 * record is that of dtrace_ctl.h; nothing is stopped.
 *
 * Kernels from 6.13 on may give a program a stack for each CPU, where two threads
 * would meet when one sleeps; and one that may sleep cannot have a jump against
 * it, as source.bpf.c has.  Functions with less than 64 bytes of variables are
 * left on the thread's stack: bpf.mk sees to it.
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include <operand.h>

#include "uprobe.h"

char LICENSE[] SEC("license") = "GPL";

/* struct pt_regs of x86-64 */
struct regs {
	__u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	__u64 orig_ax, ip, cs, flags, sp, ss;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, UP_SITES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct up_site);
} sites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 65536);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct up_slot);
} slots SEC(".maps");

/* What a new slot is copied from: it is too large for the stack. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct up_slot);
} blank SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, UP_RING_BYTES);
} ring SEC(".maps");

/* Set by the keeper. */
__u64 wake_mark = 1; /* bytes in the ring at which the keeper is woken */
__u32 wanted;	     /* somebody reads hits; else they are counted only */
/* Set here. */
__u64 lost;
__u32 full; /* the ring was half full; cleared by the keeper */

#define HIDE(v) __asm__ volatile("" : "+r"(v))
#define MASK (UP_DATA - 1)
#define BOUND(v)              \
	({                    \
		__u32 v_ = v; \
		HIDE(v_);     \
		v_ & MASK;    \
	})

static long read_user(void *to, __u32 size, __u64 from)
{
	return bpf_copy_from_user(to, size, (void *)from);
}

static bool read_value(__u64 *v, __u32 size, __u64 from)
{
	*v = 0;
	switch (size) {
	case 1:
		return read_user(v, 1, from) == 0;
	case 2:
		return read_user(v, 2, from) == 0;
	case 4:
		return read_user(v, 4, from) == 0;
	default:
		return read_user(v, 8, from) == 0;
	}
}

/* Argument i of the site. */
__attribute__((noinline)) int take_argument(struct up_slot *s,
					    const struct up_site *u, __u32 i)
{
	const struct ctl_fetch *f;
	__u64 v = 0, addr;

	if (!s || !u)
		return 0;
	HIDE(i);
	i &= CTL_PROBE_ARGS - 1;
	f = &u->fetch[i];
	s->arg[i] = 0;
	switch (f->op) {
	case CTL_FETCH_CONST:
		v = f->value;
		break;
	case CTL_FETCH_REG:
		v = s->reg[f->base & 15] >> (f->shift & 63);
		break;
	case CTL_FETCH_MEM:
		addr = f->value;
		if (f->base != CTL_FETCH_NOREG)
			addr += s->reg[f->base & 15];
		if (f->index != CTL_FETCH_NOREG)
			addr += s->reg[f->index & 15] * f->scale;
		if (f->flags & CTL_FETCH_32BIT)
			addr = (__u32)addr;
		if (!read_value(&v, f->size, addr))
			return 0;
		break;
	default:
		return 0;
	}
	s->arg[i] = ctl_fetch_extend(v, f->size, f->flags & CTL_FETCH_SIGNED);
	s->rec.r.valid |= 1ULL << i;
	return 0;
}

/* Operation i with d values on the stack: how many there are then; -1: no. */
__attribute__((noinline)) int step(struct up_slot *s, const struct up_site *u,
				   __u32 i, __u32 d)
{
	const struct ctl_pred *p;
	__u32 at, top, arg;

	if (!s || !u)
		return -1;
	HIDE(i);
	p = &u->pred[i & (CTL_PRED_OPS - 1)];
	HIDE(d);
	at = d & (2 * CTL_PRED_DEPTH - 1);
	top = (d - 1) & (2 * CTL_PRED_DEPTH - 1);
	switch (p->op) {
	case CTL_PRED_CONST:
		s->stack[at] = p->value;
		return d + 1;
	case CTL_PRED_ARG:
		arg = p->value & (CTL_PROBE_ARGS - 1);
		if (!(s->rec.r.valid >> arg & 1))
			return -1;
		s->stack[at] = s->arg[arg];
		return d + 1;
	case CTL_PRED_TID:
		s->stack[at] = (__u32)bpf_get_current_pid_tgid();
		return d + 1;
	case CTL_PRED_PID:
		s->stack[at] = u->tgid;
		return d + 1;
	case CTL_PRED_NOT:
		s->stack[top] = !s->stack[top];
		return d;
	}
	at = (d - 2) & (2 * CTL_PRED_DEPTH - 1);
	s->stack[at] = ctl_pred_binary(p->op, s->stack[at], s->stack[top]);
	return d - 1;
}

/* 1: the hit counts. */
__attribute__((noinline)) int holds(struct up_slot *s, const struct up_site *u)
{
	int d = 0;

	if (!u || !s)
		return 0;
	for (__u32 i = 0; i < CTL_PRED_OPS; i++) {
		if (i >= u->npred)
			break;
		d = step(s, u, i, d);
		if (d < 0)
			return 0;
	}
	return s->stack[0] != 0;
}

/* The string that argument i points to, behind what there is. */
__attribute__((noinline)) int take_string(struct up_slot *s, __u32 i,
					  __u32 limit)
{
	__u32 at, n = limit, room;
	struct ctl_cap *c;
	__u64 addr;
	char last = 0;
	long got;

	if (!s)
		return 0;
	HIDE(i);
	addr = s->arg[i & (CTL_PROBE_ARGS - 1)];
	at = BOUND(s->used);
	room = MASK - at;
	if (room < sizeof(*c) + 16)
		return 0;
	c = (void *)&s->data[at];
	c->op = CTL_CAP_STR;
	c->arg = i;
	c->when = CTL_AT_ENTRY;
	c->flags = 0;
	c->len = 0;
	s->rec.r.ncap++;
	at += sizeof(*c);
	room -= sizeof(*c);
	s->used = at;
	if (n > room)
		n = room;
	n = BOUND(n);
	if (!n)
		return 0;
	/* Bring in the pages; the string may be shorter than the limit. */
	read_user(&last, 1, addr);
	got = bpf_probe_read_user_str(&s->data[BOUND(at)], n, (void *)addr);
	if (got < 0) {
		read_user(&last, 1, (addr | 4095) + 1);
		got = bpf_probe_read_user_str(&s->data[BOUND(at)], n,
					      (void *)addr);
	}
	if (got < 0) {
		c->flags = CTL_CAPF_FAULT;
		return 0;
	}
	if (!got) /* kernels before 6.10: an empty string */
		s->data[BOUND(at)] = got++;
	c->len = got;
	/* It ends with a NUL in any case: was there one? */
	if (got == n && read_user(&last, 1, addr + n - 1) == 0 && last) {
		s->data[(at + n - 1) & (2 * UP_DATA - 1)] = last;
		c->flags = CTL_CAPF_CUT;
	}
	s->used = (at + got + 7) & ~7U;
	return 0;
}

static struct up_count *count_of(struct up_site *u)
{
	return &u->count[bpf_get_smp_processor_id() & (UP_COUNTS - 1)];
}

static void emit(struct up_slot *s, struct up_site *u, __u32 site, __u64 id)
{
	__u64 flags = BPF_RB_NO_WAKEUP, avail;
	__u32 len = s->used;

	s->rec.site = site;
	s->rec.r.h.len = sizeof(s->rec.r) + len;
	s->rec.r.h.type = CTL_REC_PROBE;
	s->rec.r.h.flags = 0;
	s->rec.r.h.pid = id >> 32;
	s->rec.r.h.tid = id;
	s->rec.r.h.time = bpf_ktime_get_ns();
	s->rec.r.id = u->id;
	s->rec.r.nargs = u->nargs;
	s->rec.r.pc = u->address;
	/* With this one, or it would be held until another comes. */
	avail = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) +
		s->rec.r.h.len;
	if (avail >= wake_mark)
		flags = BPF_RB_FORCE_WAKEUP;
	if (avail >= UP_RING_BYTES / 2)
		full = 1;
	if (bpf_ringbuf_output(&ring, &s->rec,
			       sizeof(s->rec) + (len & (2 * UP_DATA - 1)),
			       flags) < 0) {
		__sync_fetch_and_add(&lost, 1);
		__sync_fetch_and_add(&count_of(u)->lost, 1);
	}
}

static struct up_slot *slot_of(__u32 tid)
{
	struct up_slot *s = bpf_map_lookup_elem(&slots, &tid), *b;
	__u32 zero = 0;

	if (s)
		return s;
	b = bpf_map_lookup_elem(&blank, &zero);
	if (!b)
		return NULL;
	bpf_map_update_elem(&slots, &tid, b, BPF_NOEXIST);
	return bpf_map_lookup_elem(&slots, &tid);
}

static void copy_registers(struct up_slot *s, const struct regs *g)
{
	s->reg[0] = g->ax;
	s->reg[1] = g->dx;
	s->reg[2] = g->cx;
	s->reg[3] = g->bx;
	s->reg[4] = g->si;
	s->reg[5] = g->di;
	s->reg[6] = g->bp;
	s->reg[7] = g->sp;
	s->reg[8] = g->r8;
	s->reg[9] = g->r9;
	s->reg[10] = g->r10;
	s->reg[11] = g->r11;
	s->reg[12] = g->r12;
	s->reg[13] = g->r13;
	s->reg[14] = g->r14;
	s->reg[15] = g->r15;
}

SEC("uprobe.s")
int hit(struct pt_regs *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();
	__u32 site = bpf_get_attach_cookie(ctx), tid = id, i;
	struct up_site *u = bpf_map_lookup_elem(&sites, &site);
	struct up_slot *s;

	if (!u || u->tgid != id >> 32)
		return 0;
	if (!wanted && !u->npred) {
		__sync_fetch_and_add(&count_of(u)->hits, 1);
		return 0;
	}
	s = slot_of(tid);
	if (!s) {
		__sync_fetch_and_add(&count_of(u)->lost, 1);
		__sync_fetch_and_add(&lost, 1);
		return 0;
	}
	copy_registers(s, (const struct regs *)ctx);
	s->rec.r.valid = 0;
	s->rec.r.ncap = 0;
	s->used = 0;
	for (i = 0; i < CTL_PROBE_ARGS; i++) {
		if (i >= u->nargs)
			break;
		take_argument(s, u, i);
	}
	if (u->npred && holds(s, u) != 1)
		return 0;
	__sync_fetch_and_add(&count_of(u)->hits, 1);
	if (!wanted)
		return 0;
	for (i = 0; i < CTL_PROBE_ARGS; i++) {
		if (i >= u->nargs)
			break;
		*(__u64 *)&s->data[BOUND(i * 8)] = s->arg[i];
	}
	s->used = u->nargs * 8;
	for (i = 0; i < CTL_PROBE_ARGS; i++) {
		if (i >= u->nargs)
			break;
		if (u->fetch[i].flags & CTL_FETCH_STRING && u->strlimit &&
		    s->rec.r.valid >> i & 1)
			take_string(s, i, u->strlimit);
	}
	emit(s, u, site, id);
	return 0;
}
