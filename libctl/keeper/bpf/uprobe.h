/* SPDX-License-Identifier: GPL-2.0-only */
/* uprobe.h - what the BPF program of probes and the keeper (uprobe.c) share. */
#ifndef CTL_BPF_UPROBE_H
#define CTL_BPF_UPROBE_H

#define UP_RING_BYTES (8U << 20)
#define UP_DATA 8192U /* arguments and strings of one record; a power of two */
#define UP_SITES 65536

/* Threads on different processors do not count in one place; a power of two. */
#define UP_COUNTS 8
struct up_count {
	__u64 hits, lost;
	__u64 pad[6]; /* a cache line */
};

/* A site; its number is the cookie of its uprobe. */
struct up_site {
	__u64 address;
	__u32 tgid; /* whose hits count */
	__u32 nargs, npred, strlimit;
	struct up_count count[UP_COUNTS];
	struct ctl_fetch fetch[CTL_PROBE_ARGS];
	struct ctl_pred pred[CTL_PRED_OPS];
	__u32 id, pad; /* of the probe */
};

/* What the ring holds. */
struct up_rec {
	__u32 site, pad;
	struct ctl_rec_probe r;
	/* as behind any ctl_rec_probe */
};

/* A thread: the hit it is in. */
struct up_slot {
	__u64 reg[16]; /* by DWARF's numbers */
	__u64 arg[CTL_PROBE_ARGS];
	__s64 stack[CTL_PRED_DEPTH * 2];
	__u32 used, pad;
	struct up_rec rec;
	__u8 data[2 * UP_DATA];
};

#endif
