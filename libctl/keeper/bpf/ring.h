/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ring.h - the two maps that source.bpf.c and family.bpf.c have in common, and how
 * a record is put into the ring.  Each has the variables for itself.
 */
#ifndef CTL_BPF_RING_H
#define CTL_BPF_RING_H

#include "shared.h"

/* A bit for each process number. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SRC_PIDS / 64);
	__uint(map_flags, BPF_F_MMAPABLE);
	__type(key, __u32);
	__type(value, __u64);
} traced SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, SRC_RING_BYTES);
} ring SEC(".maps");

/* Set by the keeper. */
__u64 wake_mark = 1; /* bytes in the ring at which the keeper is woken */
/* Set here. */
__u64 lost;
__u32 full; /* the ring was half full; cleared by the keeper */

/* Hide a value's range from the compiler, which would drop the mask that the
 * verifier wants to see. */
#define HIDE(v) __asm__ volatile("" : "+r"(v))
/* By hand: the compiler compares a copy, of which the verifier learns nothing. */
#define AT_MOST(v, most)                                  \
	({                                                \
		__u64 v_ = v;                             \
		__asm__ volatile("if %0 <= %1 goto +1\n"  \
				 "%0 = %1"                \
				 : "+r"(v_)               \
				 : "i"(most));            \
		v_;                                       \
	})

static __u64 *traced_word(__u32 tgid)
{
	__u32 i = tgid / 64;

	return bpf_map_lookup_elem(&traced, &i);
}

static bool is_traced(__u32 tgid)
{
	const __u64 *word = traced_word(tgid);

	return word && *word >> (tgid % 64) & 1;
}

/* reserve: so many bytes of the ring are for others. */
static __always_inline void put(void *rec, __u64 len, __u64 reserve)
{
	__u64 flags = BPF_RB_NO_WAKEUP, avail;

	/* With this one, or it would be held until another comes. */
	avail = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) + len;
	if (avail >= wake_mark)
		flags = BPF_RB_FORCE_WAKEUP;
	if (avail >= SRC_RING_BYTES / 2)
		full = 1;
	if (avail > SRC_RING_BYTES - reserve ||
	    bpf_ringbuf_output(&ring, rec, len, flags) < 0)
		__sync_fetch_and_add(&lost, 1);
}

#endif
