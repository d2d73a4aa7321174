/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * family.bpf.c - children that nobody is attached to: what ptrace(2) would tell.
 *
 * Their births, execs, signals and ends, put into the ring among the calls that
 * source.bpf.c records, so that all is in order.  A child is traced before it has
 * run, and no more once it is dead, without anybody having to wait.
 *
 * The kernel's structures are read by the offsets that the keeper has looked up
 * (btf.c).
 */
#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

#include <bpf/bpf_helpers.h>

#include <dtrace_ctl.h>

#include "ring.h"

char LICENSE[] SEC("license") = "GPL";

/* Set by the keeper. */
struct src_offsets offsets;
__u32 family; /* 0: say nothing */

#define CLONE_VFORK 0x00004000
#define CLONE_THREAD 0x00010000
#define CLONE_UNTRACED 0x00800000
#define SIGKILL 9
#define SIGNAL_GROUP_EXIT 4
#define TRACE_SIGNAL_IGNORED 1
#define SI_USER 0
#define SI_KERNEL 0x80
#define SIGACTION_FLAGS 8
#define SA_IMMUTABLE 0x00800000
#define REGS_IP 128 /* of struct pt_regs */
#define KERNEL_SIGINFO 48 /* bytes of siginfo_t that the kernel has */

/* siginfo_t as it begins. */
struct siginfo_head {
	__s32 signo, error, code, pad;
	__s32 pid, uid;
};

static __u64 load(__u64 base, __u32 offset)
{
	__u64 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), (void *)(base + offset));
	return v;
}

static __u32 load32(__u64 base, __u32 offset)
{
	__u32 v = 0;

	bpf_probe_read_kernel(&v, sizeof(v), (void *)(base + offset));
	return v;
}

static void head(struct ctl_rec *h, __u32 type, __u32 len, __u64 id)
{
	h->len = len;
	h->type = type;
	h->flags = 0;
	h->pid = id >> 32;
	h->tid = id;
	h->time = bpf_ktime_get_ns();
}

/* By hand: for what the compiler makes of the atomic functions it wants to know
 * the kernel's generation. */
static void set_traced(__u32 tgid, bool on)
{
	__u64 *word = traced_word(tgid), bit = 1ULL << (tgid % 64);

	if (!word)
		return;
	if (on)
		__asm__ volatile("lock *(u64 *)(%0 + 0) |= %1"
				 : : "r"(word), "r"(bit) : "memory");
	else
		__asm__ volatile("lock *(u64 *)(%0 + 0) &= %1"
				 : : "r"(word), "r"(~bit) : "memory");
}

/* The maker's word, before the child has run. */
SEC("raw_tp/task_newtask")
int born(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 task = ctx->args[0], flags = ctx->args[1];
	struct src_birth b = {};

	if (!family || !is_traced(bpf_get_current_pid_tgid() >> 32) || flags & CLONE_UNTRACED)
		return 0;
	head(&b.r.h, CTL_REC_FORK, sizeof(b), bpf_get_current_pid_tgid());
	b.r.child_pid = load32(task, offsets.tgid);
	b.r.child_tid = load32(task, offsets.pid);
	b.start = load(task, offsets.start);
	b.vfork = !!(flags & CLONE_VFORK);
	b.r.kind = flags & CLONE_THREAD ? CTL_FORK_THREAD :
		   b.vfork		? CTL_FORK_VFORK :
					  CTL_FORK_FORK;
	if (!(flags & CLONE_THREAD))
		set_traced(b.r.child_pid, true);
	put(&b, sizeof(b), 0);
	return 0;
}

/* As wait(2) will tell it. */
SEC("raw_tp/sched_process_exit")
int gone(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid(), task = ctx->args[0], sig;
	struct ctl_rec_exit x = {};

	if (!family || !is_traced(id >> 32))
		return 0;
	sig = load(task, offsets.signal);
	head(&x.h, CTL_REC_EXIT, sizeof(x), id);
	if (load32(sig, offsets.signal_flags) & SIGNAL_GROUP_EXIT) {
		x.h.flags = SRC_EXIT_GROUP;
		x.status = load32(sig, offsets.group_code);
	} else {
		x.status = load32(task, offsets.exit_code);
	}
	/* Its number may be another's from now on. */
	if (!load32(sig, offsets.live))
		set_traced(id >> 32, false);
	put(&x, sizeof(x), 0);
	return 0;
}

/* Of id's thread; where it is can be told if that is the one that runs. */
static void tell_signal(__u32 sig, __u64 info, __u64 id, __u32 flags)
{
	__u64 me = bpf_get_current_pid_tgid();
	struct ctl_rec_signal r = {};
	struct siginfo_head *si = (void *)r.info;

	head(&r.h, CTL_REC_SIGNAL, sizeof(r), id);
	r.h.flags = flags;
	r.signo = sig;
	if (id == me)
		r.pc = load(bpf_task_pt_regs(bpf_get_current_task_btf()),
			    REGS_IP);
	if (info > 1) {
		bpf_probe_read_kernel(r.info, KERNEL_SIGINFO, (void *)info);
	} else {
		/* SEND_SIG_NOINFO, SEND_SIG_PRIV */
		si->signo = sig;
		si->code = info ? SI_KERNEL : SI_USER;
		if (!info) {
			si->pid = me >> 32;
			si->uid = bpf_get_current_uid_gid();
		}
	}
	put(&r, sizeof(r), 0);
}

SEC("raw_tp/signal_deliver")
int deliver(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 id = bpf_get_current_pid_tgid();

	/* Nobody is asked about SIGKILL. */
	if (!family || ctx->args[0] == SIGKILL || !is_traced(id >> 32))
		return 0;
	/* Nor about what the kernel insists on (seccomp(2)). */
	if (load(ctx->args[2], SIGACTION_FLAGS) & SA_IMMUTABLE)
		return 0;
	tell_signal(ctx->args[0], ctx->args[1], id, 0);
	return 0;
}

/*
 * Those that are never delivered but to one that is traced by ptrace(2): what it
 * ignores, and what has just put an end to it.
 */
SEC("raw_tp/signal_generate")
int sent(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 sig = ctx->args[0], task = ctx->args[2], ends, tgid, of;

	if (!family || sig == SIGKILL)
		return 0;
	tgid = load32(task, offsets.tgid);
	if (!is_traced(tgid))
		return 0;
	of = load(task, offsets.signal);
	ends = load32(of, offsets.signal_flags) & SIGNAL_GROUP_EXIT;
	/* (One that is about to end gets no more of them.) */
	if (ctx->args[4] == TRACE_SIGNAL_IGNORED ?
		    ends : !ends || load32(of, offsets.group_code) != sig)
		return 0;
	tell_signal(sig, ctx->args[1], tgid << 32 | load32(task, offsets.pid),
		    ends ? SRC_SIGNAL_FATAL : 0);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct src_exec);
} paths SEC(".maps");

/* The way up: d_path() in the kernel's fs/d_path.c. */
struct way {
	struct src_exec *x;
	__u64 mount, dentry;
};

static bool add_name(struct src_exec *x, __u64 dentry)
{
	__u64 used = x->r.pathlen;
	long n;

	HIDE(used);
	if (used > SRC_PATH)
		return false;
	n = bpf_probe_read_kernel_str(&x->names[used], SRC_NAME,
				      (void *)load(dentry, offsets.name));
	if (n <= 0)
		return false;
	x->r.pathlen = used + n;
	return true;
}

static long way_up(__u32 i, void *arg)
{
	struct way *w = arg;
	__u64 up;

	(void)i;
	if (w->dentry == load(w->mount, offsets.mount_mnt + offsets.mnt_root)) {
		up = load(w->mount, offsets.mount_parent);
		if (up == w->mount)
			goto end;
		w->dentry = load(w->mount, offsets.mountpoint);
		w->mount = up;
		return 0;
	}
	up = load(w->dentry, offsets.parent);
	if (up == w->dentry)
		goto end;
	if (!add_name(w->x, w->dentry))
		return 1;
	w->dentry = up;
	return 0;
end:
	w->x->r.h.flags &= ~SRC_EXEC_CUT;
	return 1;
}

#define SRC_DEPTH 512 /* names and mounts */

SEC("raw_tp/sched_process_exec")
int image(struct bpf_raw_tracepoint_args *ctx)
{
	__u64 file, mnt, len;
	struct src_exec *x;
	struct way w = {};
	__u32 zero = 0;

	if (!family || !is_traced(bpf_get_current_pid_tgid() >> 32))
		return 0;
	x = bpf_map_lookup_elem(&paths, &zero);
	if (!x)
		return 0;
	head(&x->r.h, CTL_REC_EXEC, 0, bpf_get_current_pid_tgid());
	x->r.old_tid = ctx->args[1];
	x->r.pathlen = 0;
	x->r.h.flags = SRC_EXEC_CUT;
	file = load(ctx->args[2], offsets.bprm_file);
	mnt = load(file, offsets.file_mnt);
	w.x = x;
	w.mount = mnt - offsets.mount_mnt;
	w.dentry = load(file, offsets.file_dentry);
	if (load(w.dentry, offsets.parent) == w.dentry &&
	    load(mnt, offsets.mnt_root) != w.dentry) {
		/* Of memfd_create(2): it is nowhere. */
		x->r.h.flags = SRC_EXEC_DELETED;
		add_name(x, w.dentry);
	} else {
		if (!load(w.dentry, offsets.pprev) &&
		    load(w.dentry, offsets.parent) != w.dentry)
			x->r.h.flags |= SRC_EXEC_DELETED;
		bpf_loop(SRC_DEPTH, way_up, &w, 0);
	}
	len = AT_MOST((x->r.pathlen + 7) & ~7U, SRC_PATH + SRC_NAME);
	x->r.h.len = sizeof(x->r) + len;
	put(x, sizeof(x->r) + len, 0);
	return 0;
}
