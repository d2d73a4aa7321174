/* SPDX-License-Identifier: GPL-2.0-only */
/* shared.h - what the BPF programs and the keeper (source.c) share. */
#ifndef CTL_BPF_SHARED_H
#define CTL_BPF_SHARED_H

#define SRC_RING_BYTES (8U << 20)
/* Of these, kept free of calls: births and ends shall find room. */
#define SRC_RESERVE (SRC_RING_BYTES / 16)
#define SRC_PIDS (1U << 22)	   /* process numbers are below */
#define SRC_PROGRAMS (2 * CTL_SYSSET_BITS) /* native, then compat */
/*
 * Captures of one record: each begins at SRC_AT at most and has SRC_LEN bytes at
 * most (a mask: a power of two, less one).  A slot with what the kernel adds to it
 * has to fit 8 KiB, the most that kernels from 6.19 on allocate for one.
 */
#define SRC_AT 3328U
#define SRC_LEN 4095U
#define SRC_DATA (SRC_AT + SRC_LEN + 1 + 64)
#define SRC_VECTOR 64  /* strings of a vector */
#define SRC_IOVECS 16  /* iovecs whose data is copied */

/* Its operations, and a bit for each of those for an end of the call. */
struct src_program {
	__u32 at_entry;
	__u32 at_exit;
	struct ctl_capop op[CTL_CAP_OPS];
};

/* A thread: the call it is in. */
struct src_slot {
	__u32 active; /* rec is of a call that goes on */
	__u32 seen;   /* an entry was seen: an exit without one is no news */
	__u32 used, ncap;
	__u32 retry; /* operations that have to be tried again at exit */
	__u32 limit; /* of the operation being carried out */
	__u32 at_exit; /* which end of the call it is */
	__u32 entered; /* an entry was seen, its exit not yet */
	__u32 execed;  /* its memory is another's than at the entry */
	__u32 pad;
	__u64 done; /* what the call returned, when it has and it is a number */
	__u64 arg[8]; /* 6, in a form that the verifier can index */
	struct ctl_rec_syscall rec;
	__u8 data[SRC_DATA];
};

/*
 * Where the kernel keeps what a family's records are made of: offsets, and of a
 * member of a member the sum.
 */
struct src_offsets {
	/* task_struct, signal_struct */
	__u32 pid, tgid, exit_code, start, signal;
	__u32 signal_flags, group_code, live;
	/* linux_binprm, file */
	__u32 bprm_file, file_mnt, file_dentry;
	/* dentry, vfsmount, mount */
	__u32 parent, name, pprev;
	__u32 mnt_root, mount_mnt, mount_parent, mountpoint;
};

struct src_birth {
	struct ctl_rec_fork r;
	__u64 start; /* CLOCK_BOOTTIME ns */
	__u32 vfork; /* the maker waits for it */
	__u32 pad;
};

/* struct ctl_rec_exit's h.flags: the status is the whole process's. */
#define SRC_EXIT_GROUP 1

/* struct ctl_rec_signal's h.flags: the process ends of it, and it was not
 * delivered first. */
#define SRC_SIGNAL_FATAL 1

/*
 * The names on the way from the file up to the root, each with its NUL:
 * r.pathlen bytes.
 */
#define SRC_PATH 4096U
#define SRC_NAME 256U
struct src_exec {
	struct ctl_rec_exec r;
	__u8 names[SRC_PATH + SRC_NAME];
};
/* Its h.flags. */
#define SRC_EXEC_DELETED 1
#define SRC_EXEC_CUT 2 /* there are more */

#endif
