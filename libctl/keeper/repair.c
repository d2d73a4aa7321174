/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * repair.c - calls that a ptrace stop would break.
 *
 * To stop a thread that sleeps in a system call, ptrace wakes it as a signal
 * would.  Most calls notice that there was no signal for them and are made
 * again by the kernel (-ERESTARTSYS and its kin).  A few return -EINTR to the
 * program at once: epoll_wait and the others in the table below.  signal(7)
 * lists them for SIGCONT; strace, gdb and SIGSTOP all break them.
 *
 * The tracer knows better than the kernel: it sees -EINTR in the stopped
 * thread's registers and knows whether it has a signal to deliver.  If not, it
 * puts the instruction pointer back in front of the trap instruction, with the
 * call's number in rax, and the call is made again when the thread runs.
 *
 *   - This is done at the stop, not at the run: a thread whose tracer is
 *     killed while it is held makes its call again, too.
 *   - When a signal that will be handled arrives before the call was made
 *     again, the step back is undone: then -EINTR is right.
 *   - A time-out must not start anew.  Since when the thread slept is in
 *     /proc/PID/task/TID/sched, which has to be read before it is woken
 *     (repair_prepare).  The call is then made again as it was, with its full
 *     time-out, and the keeper ends it at its true deadline by another
 *     interrupt and puts the time-out's result in.  Neither registers nor
 *     memory of the program are changed, and if the keeper is killed the call
 *     merely waits longer.
 *   - ppoll, pselect6 and select are made again by the kernel with what was
 *     left of the time-out, which it wrote to the program's memory; the time
 *     spent stopped is taken off there.
 *
 * The same is done where a signal that the program ignores interrupts such a
 * call: it would not have without a tracer.  And where nothing does: of a signal
 * for the process several threads may be woken, and another one takes it
 * (repair_uncaused).
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"
#include "source.h"

enum timeout_kind {
	T_NONE,   /* waits for ever */
	T_MS,     /* argument arg: int milliseconds, negative: for ever */
	T_TS,     /* argument arg: pointer to a timespec, NULL: for ever */
	T_TS32,   /* the same with 32-bit fields (i386) */
	T_RCV,    /* SO_RCVTIMEO of the socket that is argument 0 */
	T_SND,    /* SO_SNDTIMEO */
	T_URING,  /* io_uring_enter: in struct io_uring_getevents_arg */
	T_SELECT, /* restarted by the kernel; argument arg: a timeval */
	T_PSELECT /* restarted by the kernel; argument arg: a timespec */
};

struct row {
	int abi;
	unsigned nr;
	enum timeout_kind kind;
	int arg;
	int expired; /* the result when the time is up */
};

#define N64(name) CTL_ABI_NATIVE, SYS_##name
#define N32(nr) CTL_ABI_COMPAT, nr

static const struct row table[] = {
	{ N64(epoll_wait), T_MS, 3, 0 },
	{ N64(epoll_pwait), T_MS, 3, 0 },
	{ N64(epoll_pwait2), T_TS, 3, 0 },
	{ N64(semop), T_NONE, 0, 0 },
	{ N64(semtimedop), T_TS, 3, -EAGAIN },
	{ N64(rt_sigtimedwait), T_TS, 2, -EAGAIN },
	{ N64(io_getevents), T_TS, 4, 0 },
	{ N64(io_pgetevents), T_TS, 4, 0 },
	{ N64(io_uring_enter), T_URING, 4, -ETIME },
	{ N64(read), T_RCV, 0, -EAGAIN },
	{ N64(readv), T_RCV, 0, -EAGAIN },
	{ N64(recvfrom), T_RCV, 0, -EAGAIN },
	{ N64(recvmsg), T_RCV, 0, -EAGAIN },
	{ N64(recvmmsg), T_RCV, 0, -EAGAIN },
	{ N64(accept), T_RCV, 0, -EAGAIN },
	{ N64(accept4), T_RCV, 0, -EAGAIN },
	{ N64(write), T_SND, 0, -EAGAIN },
	{ N64(writev), T_SND, 0, -EAGAIN },
	{ N64(sendto), T_SND, 0, -EAGAIN },
	{ N64(sendmsg), T_SND, 0, -EAGAIN },
	{ N64(sendmmsg), T_SND, 0, -EAGAIN },
	{ N64(connect), T_SND, 0, -EINPROGRESS },
	{ N64(select), T_SELECT, 4, 0 },
	{ N64(pselect6), T_PSELECT, 4, 0 },
	{ N64(ppoll), T_PSELECT, 2, 0 },
	/* i386: asm/unistd_32.h */
	{ N32(256), T_MS, 3, 0 },        /* epoll_wait */
	{ N32(319), T_MS, 3, 0 },        /* epoll_pwait */
	{ N32(441), T_TS, 3, 0 },        /* epoll_pwait2 */
	{ N32(177), T_TS32, 2, -EAGAIN }, /* rt_sigtimedwait */
	{ N32(421), T_TS, 2, -EAGAIN },  /* rt_sigtimedwait_time64 */
	{ N32(247), T_TS32, 4, 0 },      /* io_getevents */
	{ N32(420), T_TS, 3, -EAGAIN },  /* semtimedop_time64 */
	{ N32(426), T_URING, 4, -ETIME }, /* io_uring_enter */
	{ N32(3), T_RCV, 0, -EAGAIN },   /* read */
	{ N32(371), T_RCV, 0, -EAGAIN }, /* recvfrom */
	{ N32(372), T_RCV, 0, -EAGAIN }, /* recvmsg */
	{ N32(364), T_RCV, 0, -EAGAIN }, /* accept4 */
	{ N32(345), T_SND, 0, -EAGAIN }, /* sendmmsg */
};

static const struct row *find(int abi, unsigned nr)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].abi == abi && table[i].nr == nr)
			return &table[i];
	return NULL;
}

static bool by_kernel(const struct row *row)
{
	return row->kind == T_SELECT || row->kind == T_PSELECT;
}

bool repair_hides(const struct lwp *l, int64_t ret)
{
	const struct row *row;

	/* ERESTARTSYS, -NOINTR, -NOHAND, -_RESTARTBLOCK */
	if (ret == -512 || ret == -513 || ret == -514 || ret == -516)
		return true;
	row = ret == -EINTR ? find(l->abi, l->nr) : NULL;
	return row && !by_kernel(row);
}

/* -- how long did it sleep ------------------------------------------------ */

static int read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n <= 0)
		return -EIO;
	buf[n] = '\0';
	return 0;
}

/* The scheduler's time of when the thread last ran, in its own clock. */
static uint64_t exec_start(const char *path)
{
	char buf[1024], *p;
	unsigned long long ms, ns;

	if (read_file(path, buf, sizeof(buf)) < 0)
		return 0;
	p = strstr(buf, "se.exec_start");
	p = p ? strchr(p, ':') : NULL;
	if (!p || sscanf(p + 1, "%llu.%llu", &ms, &ns) != 2)
		return 0;
	return ms * 1000000ULL + ns;
}

/*
 * CLOCK_MONOTONIC minus the scheduler's clock of a CPU, by looking at ourselves
 * there.  Each CPU has its own: the scheduler leaves out the time that
 * interrupts and a hypervisor took.  The difference only grows, so that what
 * is computed with a fresh one is never too early: a time-out may come late,
 * not before its time.
 */
#define OFFSET_NS 5000000ULL /* how long one is fresh */

static bool clock_offset(int cpu, int64_t *offset)
{
	static struct {
		int64_t offset;
		uint64_t when;
	} known[CPU_SETSIZE];
	struct timespec nap = { 0, 1000 };
	cpu_set_t old, one;
	uint64_t own, now = now_ns();
	bool ok = false;

	if (cpu < 0 || cpu >= CPU_SETSIZE)
		return false;
	if (known[cpu].when && now - known[cpu].when < OFFSET_NS) {
		*offset = known[cpu].offset;
		return true;
	}
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	if (sched_getaffinity(0, sizeof(old), &old) < 0 ||
	    sched_setaffinity(0, sizeof(one), &one) < 0)
		return false;
	nanosleep(&nap, NULL); /* so that we were scheduled just now */
	now = now_ns();
	own = exec_start("/proc/thread-self/sched");
	if (own) {
		known[cpu].offset = *offset = now - own;
		known[cpu].when = now;
		ok = true;
	}
	sched_setaffinity(0, sizeof(old), &old);
	return ok;
}

void repair_prepare(struct lwp *l)
{
	struct ctl_lwpstatus s;
	const struct row *row;
	char path[64];
	uint64_t start, now;
	int64_t offset;

	if (l->state != LWP_RUNNING || l->repair.watching)
		return;
	l->repair.began = 0;
	if (l->insys && l->syscalls) {
		l->repair.began = l->entry_time;
		return;
	}
	/* What it is blocked in, without touching it. */
	if (ctl_proc_syscall(l->proc->pid, l->tid, &s) < 0)
		return;
	row = find(s.sysabi, s.syscall);
	if (!row || row->kind == T_NONE || by_kernel(row))
		return;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/sched", l->proc->pid,
		 l->tid);
	start = exec_start(path);
	if (!start ||
	    !clock_offset(ctl_proc_cpu(l->proc->pid, l->tid), &offset))
		return;
	start += offset;
	now = now_ns();
	l->repair.began = start < now ? start : now;
}

/* -- time-outs ------------------------------------------------------------ */

static uint64_t socket_timeout(const struct lwp *l, int fd, int option)
{
	struct timeval tv = { 0, 0 };
	socklen_t len = sizeof(tv);
	int copy;

	copy = syscall(SYS_pidfd_getfd, proc_pidfd(l->proc), fd, 0);
	if (copy < 0)
		return 0;
	if (getsockopt(copy, SOL_SOCKET, option, &tv, &len) < 0)
		tv.tv_sec = tv.tv_usec = 0;
	close(copy);
	return tv.tv_sec * 1000000000ULL + tv.tv_usec * 1000ULL;
}

/* connect(2) of a unix socket times out with another error than TCP's. */
static bool is_unix_socket(const struct lwp *l, int fd)
{
	socklen_t len = sizeof(int);
	int copy, domain = AF_UNSPEC;

	copy = syscall(SYS_pidfd_getfd, proc_pidfd(l->proc), fd, 0);
	if (copy < 0)
		return false;
	if (getsockopt(copy, SOL_SOCKET, SO_DOMAIN, &domain, &len) < 0)
		domain = AF_UNSPEC;
	close(copy);
	return domain == AF_UNIX;
}

/* ns, 0: none (or it cannot be known) */
static uint64_t timeout_of(const struct lwp *l, const struct row *row,
			   const uint64_t arg[6])
{
	struct {
		uint64_t sigmask;
		uint32_t sigmask_sz, pad;
		uint64_t ts;
	} uring;
	uint64_t at = arg[row->arg];
	int64_t ts[2];
	int32_t ts32[2];

	switch (row->kind) {
	case T_MS:
		return (int)at > 0 ? (int)at * 1000000ULL : 0;
	case T_RCV:
		return socket_timeout(l, arg[0], SO_RCVTIMEO);
	case T_SND:
		return socket_timeout(l, arg[0], SO_SNDTIMEO);
	case T_URING:
		/* flags bit 3: IORING_ENTER_EXT_ARG */
		if (!(arg[3] & 8) || arg[5] < sizeof(uring) ||
		    proc_read(l->proc, at, &uring, sizeof(uring)) < 0)
			return 0;
		at = uring.ts;
		/* fall through */
	case T_TS:
		if (!at || proc_read(l->proc, at, ts, sizeof(ts)) < 0)
			return 0;
		break;
	case T_TS32:
		if (!at || proc_read(l->proc, at, ts32, sizeof(ts32)) < 0)
			return 0;
		ts[0] = ts32[0];
		ts[1] = ts32[1];
		break;
	default:
		return 0;
	}
	if (ts[0] < 0 || ts[0] > 1000000000LL || ts[1] < 0 ||
	    ts[1] > 999999999LL)
		return 0;
	return ts[0] * 1000000000ULL + ts[1];
}

/* -- the step back -------------------------------------------------------- */

static bool same_call(const struct repair *k, const struct ctl_regs *r,
		      const uint64_t arg[6])
{
	return k->rip == r->rip && k->rsp == r->rsp &&
	       k->nr == (unsigned)r->orig_rax &&
	       !memcmp(k->arg, arg, sizeof(k->arg));
}

static bool at_rewound(const struct repair *k, const struct ctl_regs *r)
{
	return k->rewound && r->rip == k->rip - 2 && r->rsp == k->rsp &&
	       r->rax == k->nr;
}

/* The registers' call was cut short with -EINTR and is one of ours. */
static const struct row *broken_call(const struct ctl_regs *r, int *abi)
{
	const struct row *row;

	if ((int64_t)r->orig_rax < 0 || r->rax != (uint64_t)-EINTR)
		return NULL;
	*abi = r->cs == 0x23 ? CTL_ABI_COMPAT : CTL_ABI_NATIVE;
	row = find(*abi, r->orig_rax);
	return row && !by_kernel(row) ? row : NULL;
}

static void rewind_call(struct lwp *l, struct ctl_regs *r,
			const struct row *row, int abi)
{
	struct repair *k = &l->repair;
	uint64_t arg[6], timeout, now = now_ns();

	source_hold(l);
	regs_args(r, abi, arg);
	if (!(k->watching && k->deadline && same_call(k, r, arg))) {
		timeout = timeout_of(l, row, arg);
		k->deadline = !timeout ? 0 :
			      k->began ? k->began + timeout : now + timeout;
		k->expired = row->expired;
		if (row->expired == -EINPROGRESS && is_unix_socket(l, arg[0]))
			k->expired = -EAGAIN;
		k->nr = r->orig_rax;
		k->abi = abi;
		k->rip = r->rip;
		k->rsp = r->rsp;
		memcpy(k->arg, arg, sizeof(arg));
	}
	r->rip -= 2; /* syscall, int $0x80: as the kernel does */
	r->rax = r->orig_rax;
	r->orig_rax = -1;
	k->watching = false;
	k->rewound = lwp_setregs(l, r) == 0;
}

void repair_stopped(struct lwp *l)
{
	struct repair *k = &l->repair;
	const struct row *row;
	struct ctl_regs r;
	uint64_t arg[6];
	int abi;

	k->ts_addr = 0;
	if (lwp_getregs(l, &r) < 0)
		return;
	if (k->rewound) {
		if (!at_rewound(k, &r))
			k->rewound = false;
		return;
	}
	row = broken_call(&r, &abi);
	if (row) {
		regs_args(&r, abi, arg);
		if (k->watching && k->deadline && now_ns() >= k->deadline &&
		    same_call(k, &r, arg)) {
			/* Its time is up: what it would have returned. */
			r.rax = k->expired;
			r.orig_rax = -1;
			lwp_setregs(l, &r);
			k->watching = false;
			if (l->hidden) {
				record_exit(l, k->expired, 0);
				l->hidden = l->insys = false;
			}
			return;
		}
		rewind_call(l, &r, row, abi);
		return;
	}
	k->watching = false;
	if ((int64_t)r.orig_rax >= 0 && r.rax == (uint64_t)-514 &&
	    r.cs != 0x23) {
		row = find(CTL_ABI_NATIVE, r.orig_rax);
		if (row && by_kernel(row)) {
			regs_args(&r, CTL_ABI_NATIVE, arg);
			k->ts_addr = arg[row->arg];
			k->ts_micro = row->kind == T_SELECT;
			k->ts_since = now_ns();
		}
	}
}

/* Take the time spent stopped off what the kernel left of the time-out. */
static void shorten(struct lwp *l)
{
	struct repair *k = &l->repair;
	int64_t ts[2], unit = k->ts_micro ? 1000 : 1, left;

	if (proc_read(l->proc, k->ts_addr, ts, sizeof(ts)) == 0 &&
	    ts[0] >= 0 && ts[0] < 1000000000LL && ts[1] >= 0 &&
	    ts[1] < 1000000000LL) {
		left = ts[0] * 1000000000LL + ts[1] * unit -
		       (int64_t)(now_ns() - k->ts_since);
		if (left < 0)
			left = 0;
		ts[0] = left / 1000000000LL;
		ts[1] = left % 1000000000LL / unit;
		proc_write(l->proc, k->ts_addr, ts, sizeof(ts));
	}
	k->ts_addr = 0;
}

void repair_run(struct lwp *l)
{
	if (l->repair.ts_addr)
		shorten(l);
}

bool repair_entry(struct lwp *l)
{
	struct repair *k = &l->repair;
	bool again = k->rewound;

	if (again) {
		k->rewound = false;
		k->watching = k->deadline != 0;
		if (k->watching)
			keeper_timer(k->deadline);
	}
	return again;
}

void repair_exit(struct lwp *l)
{
	l->repair.watching = false;
}

/* It does nothing to this process. */
static bool harmless_there(const struct ctl_procinfo *pi, int sig)
{
	if (pi->sigign & CTL_SIGBIT(sig))
		return true;
	return ignored_by_nature(sig) && !(pi->sigcgt & CTL_SIGBIT(sig));
}

static bool harmless(const struct lwp *l, int sig)
{
	struct ctl_procinfo pi;

	return ctl_proc_info(l->proc->pid, l->tid, &pi) == 0 &&
	       harmless_there(&pi, sig);
}

/* More of them at once are the call's own doing: then the program is to see it. */
#define UNCAUSED_MOST 16U
#define UNCAUSED_NS 10000000U

bool repair_uncaused(struct lwp *l)
{
	struct repair *k = &l->repair;
	uint64_t now = now_ns(), pending;
	struct ctl_procinfo pi;

	if (ctl_proc_info(l->proc->pid, l->tid, &pi) < 0)
		return false;
	pending = (pi.sigpend | pi.shdpend) & ~pi.sigblk;
	for (int sig = 1; sig <= 64; sig++)
		if (pending & CTL_SIGBIT(sig) && !harmless_there(&pi, sig))
			return false;
	if (now - k->uncaused_last > UNCAUSED_NS)
		k->uncaused = 0;
	k->uncaused_last = now;
	if (k->uncaused++ >= UNCAUSED_MOST)
		return false;
	if (!k->watching)
		k->began = l->entry_time;
	return true;
}

void repair_signal(struct lwp *l, int sig)
{
	struct repair *k = &l->repair;
	const struct row *row;
	struct ctl_regs r;
	int abi;

	if (lwp_getregs(l, &r) < 0)
		return;
	if (k->rewound) {
		if (!at_rewound(k, &r)) {
			k->rewound = false;
			return;
		}
		if (harmless(l, sig))
			return;
		r.rip = k->rip;
		r.rax = -EINTR;
		r.orig_rax = k->nr;
		lwp_setregs(l, &r);
		k->rewound = k->watching = false;
		return;
	}
	row = broken_call(&r, &abi);
	if (row && harmless(l, sig))
		rewind_call(l, &r, row, abi);
	else
		k->watching = false;
}

void repair_show(const struct lwp *l, struct ctl_regs *r)
{
	if (at_rewound(&l->repair, r)) {
		r->rip = l->repair.rip;
		r->rax = -EINTR;
		r->orig_rax = l->repair.nr;
	}
}
