/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * trace.c - the ptrace engine: see ptrace(2), "Attaching and detaching",
 * "Stopped states".
 *
 * SVR4 has directed stops and events; ptrace has one kind of stop, of one
 * thread, for the tracer to make sense of.  A thread here is in one of five
 * states (enum lwp_state).  Every wait4(2) result finds it running and leaves
 * it held (LWP_STOPPED), parked until its record fits (LWP_PARKED), in a group
 * stop of its own (LWP_LISTEN), or running again: settle() decides.
 *
 * What makes a thread stop:
 *   - an event of interest: hold() it, and direct its siblings to stop;
 *   - a directed stop: PTRACE_INTERRUPT, and whatever stop comes next.  The
 *     kernel forgets a pending interrupt at any other ptrace stop
 *     (ptrace_stop() in kernel/signal.c clears JOBCTL_TRAP_STOP), so the next
 *     stop has to do, but for a signal's: that one is delivered first, with
 *     the interrupt sent again, because a signal we hold would be lost if the
 *     keeper were killed.
 *
 * Attached is not disturbed: PTRACE_SEIZE stops nothing, a thread runs with
 * PTRACE_CONT unless someone traces its calls, and the keeper detaches only from
 * newborn children that nobody follows: when it exits the kernel lets every
 * tracee go without waking those that sleep, where PTRACE_DETACH would need them
 * stopped first.
 */
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keeper.h"
#include "source.h"
#include "uprobe.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP 128
#endif

/* Without CHILDREN: of those whose children are left alone (afar.c). */
#define CHILDREN \
	(PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE)
#define OPTIONS                                                     \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | CHILDREN |   \
	 PTRACE_O_TRACEEXEC)

struct list procs = { &procs, &procs };

static bool tied;
static struct ctl_sysset filtered; /* tied: what the filter tells of */

#define HASH 1024U
#define MANY 128U /* threads: see collect() and retrace_few() */
static struct list buckets[HASH];

static uint64_t nearlies; /* so many struct early there have been */

static bool syscalls_wanted(struct proc *p);
static void settle(struct lwp *l);
static void hold(struct lwp *l, unsigned why, unsigned what);

static long pt(int request, pid_t tid, unsigned long addr, unsigned long data)
{
	return ptrace(request, tid, (void *)addr, (void *)data);
}

/* -- tables --------------------------------------------------------------- */

static struct list *bucket(pid_t tid)
{
	struct list *b = &buckets[(unsigned)tid % HASH];

	if (!b->next)
		list_init(b);
	return b;
}

static unsigned nlwps; /* in all */

bool trace_single(void)
{
	return nlwps - nafar == 1;
}

static struct lwp *lwp_find(pid_t tid)
{
	struct lwp *l;

	list_for_each(l, bucket(tid), hash)
		if (l->tid == tid)
			return l;
	return NULL;
}

struct lwp *lwp_new(struct proc *p, pid_t tid)
{
	struct lwp *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->proc = p;
	l->tid = tid;
	l->guard = -1;
	list_init(&l->drafts);
	list_init(&l->helds);
	list_add_tail(&l->hash, bucket(tid));
	list_add_tail(&l->link, &p->lwps);
	p->threaded |= p->nlwp++ > 0;
	nlwps++;
	return l;
}

void lwp_free(struct lwp *l)
{
	record_forget(l);
	probe_thread_gone(l);
	guard_remove(l->guard);
	list_del(&l->hash);
	list_del(&l->link);
	l->proc->nlwp--;
	l->proc->ndead -= l->state == LWP_DEAD;
	nafar -= l->state == LWP_AFAR;
	nlwps--;
	free(l);
}

void lwp_renumber(struct lwp *l, pid_t tid)
{
	list_del(&l->hash);
	l->tid = tid;
	list_add_tail(&l->hash, bucket(tid));
}

static struct proc *proc_new(pid_t pid, uint64_t start)
{
	struct proc *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->pid = pid;
	p->start = start;
	p->memfd = -1;
	p->pidfd = -1;
	list_init(&p->lwps);
	list_init(&p->clients);
	list_init(&p->covers);
	list_add_tail(&p->link, &procs);
	return p;
}

struct proc *proc_find(pid_t pid, uint64_t start)
{
	struct proc *p;

	list_for_each(p, &procs, link)
		if (p->pid == pid && proc_start(p) == start)
			return p;
	return NULL;
}

uint64_t proc_start(struct proc *p)
{
	/* Until we know of its death the number is its own. */
	if (!p->start && !p->gone)
		ctl_proc_start(p->pid, &p->start);
	return p->start;
}

void proc_unref(struct proc *p)
{
	struct cover *cv, *tmp;
	struct proc *q;

	if (p->nlwp || !list_empty(&p->clients))
		return;
	list_for_each_safe(cv, tmp, &p->covers, by_proc)
		cover_free(cv);
	probe_death(p);
	list_for_each(q, &procs, link)
		if (q->from == p)
			q->from = p->from;
	if (p->link_path[0])
		unlink(p->link_path);
	if (p->memfd >= 0)
		close(p->memfd);
	if (p->pidfd >= 0)
		close(p->pidfd);
	list_del(&p->link);
	free(p->fatal);
	free(p);
}

int proc_pidfd(struct proc *p)
{
	if (p->pidfd < 0 && !p->gone)
		p->pidfd = syscall(SYS_pidfd_open, p->pid, 0);
	return p->pidfd;
}

struct lwp *lwp_of(pid_t tid)
{
	return lwp_find(tid);
}

struct lwp *proc_lwp(struct proc *p, pid_t tid)
{
	struct lwp *l = lwp_find(tid);

	return l && l->proc == p ? l : NULL;
}

/* First to stop on an event of interest, else the main thread, else any. */
struct lwp *proc_representative(struct proc *p)
{
	struct lwp *l, *best = NULL;
	int rank, best_rank = -1;

	list_for_each(l, &p->lwps, link) {
		if (l->state == LWP_STOPPED && l->istop &&
		    l->why != PR_REQUESTED)
			rank = 4;
		else if (l->state == LWP_STOPPED && l->tid == p->pid)
			rank = 3;
		else if (l->state == LWP_STOPPED)
			rank = 2;
		else if (l->tid == p->pid && !l->zombie)
			rank = 1;
		else
			rank = 0;
		if (rank > best_rank ||
		    (rank == best_rank && rank == 4 &&
		     l->stop_time < best->stop_time)) {
			best = l;
			best_rank = rank;
		}
	}
	return best;
}

/* -- memory and registers ------------------------------------------------- */

void regs_args(const struct ctl_regs *r, int abi, uint64_t arg[6])
{
	if (abi == CTL_ABI_COMPAT) {
		uint64_t a[6] = { r->rbx, r->rcx, r->rdx,
				  r->rsi, r->rdi, r->rbp };
		int i;

		for (i = 0; i < 6; i++)
			arg[i] = (uint32_t)a[i];
	} else {
		arg[0] = r->rdi;
		arg[1] = r->rsi;
		arg[2] = r->rdx;
		arg[3] = r->r10;
		arg[4] = r->r8;
		arg[5] = r->r9;
	}
}

int lwp_getregs(struct lwp *l, struct ctl_regs *r)
{
	_Static_assert(sizeof(struct ctl_regs) ==
			       sizeof(struct user_regs_struct), "registers");
	return pt(PTRACE_GETREGS, l->tid, 0, (unsigned long)r) < 0 ? -errno : 0;
}

int lwp_setregs(struct lwp *l, const struct ctl_regs *r)
{
	return pt(PTRACE_SETREGS, l->tid, 0, (unsigned long)r) < 0 ? -errno : 0;
}

/* A main thread that has left before the others has no memory any more. */
static pid_t live_tid(struct proc *p)
{
	struct ctl_procinfo pi;
	struct lwp *l;

	if (ctl_proc_info(p->pid, p->pid, &pi) == 0 && pi.state == 'Z')
		list_for_each(l, &p->lwps, link)
			if (l->tid != p->pid && !l->zombie)
				return l->tid;
	return p->pid;
}

void proc_mem_path(struct proc *p, char *path, size_t size)
{
	snprintf(path, size, "/proc/%d/task/%d/mem", p->pid, live_tid(p));
}

int proc_mem_open(struct proc *p)
{
	char path[64];

	if (p->memfd < 0) {
		proc_mem_path(p, path, sizeof(path));
		p->memfd = open(path, O_RDWR | O_CLOEXEC);
	}
	return p->memfd < 0 ? -errno : 0;
}

/*
 * As the process itself may.  The kernel stops at the first bad iovec, not at the
 * first bad page of one: cut at the first page boundary so that a short buffer at
 * the end of a mapping comes whole.
 */
static ssize_t read_as_itself(struct proc *p, uint64_t addr, void *buf,
			      size_t len)
{
	size_t first = 4096 - (addr & 4095);
	struct iovec local = { buf, len }, remote[2];

	remote[0].iov_base = (void *)addr;
	remote[0].iov_len = len < first ? len : first;
	remote[1].iov_base = (void *)(addr + remote[0].iov_len);
	remote[1].iov_len = len - remote[0].iov_len;
	return process_vm_readv(live_tid(p), &local, 1, remote,
				remote[1].iov_len ? 2 : 1, 0);
}

size_t proc_read_some(struct proc *p, uint64_t addr, void *buf, size_t len)
{
	ssize_t n;

	if (addr + len < addr)
		return 0;
	/*
	 * Not by process_vm_readv(2) if it can be helped: where a page is missing
	 * that a thread of the target is to bring (userfaultfd(2)) that waits for
	 * it, and the thread for us.
	 */
	if (p->as_itself)
		n = read_as_itself(p, addr, buf, len);
	else
		n = proc_mem_open(p) < 0 ? 0 : pread(p->memfd, buf, len, addr);
	return n < 0 ? 0 : n;
}

int proc_read(struct proc *p, uint64_t addr, void *buf, size_t len)
{
	size_t done = 0, n;

	while (done < len) {
		n = proc_read_some(p, addr + done, (char *)buf + done,
				   len - done);
		if (!n)
			return -EFAULT;
		done += n;
	}
	return 0;
}

/* /proc/PID/mem also writes where the page is read-only, as ptrace does. */
int proc_write(struct proc *p, uint64_t addr, const void *buf, size_t len)
{
	size_t done = 0;
	ssize_t n;
	int err = proc_mem_open(p);

	if (err)
		return err == -ENOENT ? err : -EFAULT;
	while (done < len) {
		n = pwrite(p->memfd, (const char *)buf + done, len - done,
			   addr + done);
		if (n <= 0)
			return -EFAULT;
		done += n;
	}
	return 0;
}

/* -- running -------------------------------------------------------------- */

bool sysset_empty(const struct ctl_sysset *s)
{
	static const struct ctl_sysset none;

	return !memcmp(s, &none, sizeof(none));
}

static bool within(const struct ctl_sysset *s, const struct ctl_sysset *all)
{
	for (unsigned i = 0; i < CTL_SYSSET_BITS / 64; i++)
		if (s->native[i] & ~all->native[i] ||
		    s->compat[i] & ~all->compat[i])
			return false;
	return true;
}

/* The filter tells of every call that somebody wants. */
static bool filter_suffices(struct proc *p)
{
	struct cover *cv;

	if (!tied || !within(&p->sysentry, &filtered) ||
	    !within(&p->sysexit, &filtered))
		return false;
	list_for_each(cv, &p->covers, by_proc)
		if (!within(&cv->client->record.calls, &filtered))
			return false;
	return true;
}

static bool syscalls_wanted(struct proc *p)
{
	return !sysset_empty(&p->sysentry) || !sysset_empty(&p->sysexit) ||
	       proc_records(p, CTL_REC_SYSCALL) ||
	       proc_records(p, CTL_REC_SYSENTRY);
}

/* Of this thread, too, if it will not be for long. */
static bool calls_wanted(const struct lwp *l)
{
	return l->heir || syscalls_wanted(l->proc);
}

void lwp_guard(struct lwp *l)
{
	siginfo_t si = l->info;

	guard_remove(l->guard);
	l->guard = -1;
	if (!l->cursig || (l->state != LWP_STOPPED && l->state != LWP_PARKED))
		return;
	if (si.si_signo != l->cursig) {
		memset(&si, 0, sizeof(si));
		si.si_signo = l->cursig;
	}
	l->guard = guard_signal(l->proc, l->tid, &si);
}

static unsigned long options(bool few)
{
	return (few ? OPTIONS & ~CHILDREN : OPTIONS) |
	       (tied ? PTRACE_O_EXITKILL | PTRACE_O_TRACESECCOMP : 0);
}

/* Of a ptrace-stopped thread: is the kernel to attach us to its children? */
static void set_options(struct lwp *l)
{
	bool few = afar_children(l->proc);

	if (l->few != few &&
	    pt(PTRACE_SETOPTIONS, l->tid, 0, options(few)) == 0)
		l->few = few;
}

int lwp_seize(struct lwp *l)
{
	bool few = afar_children(l->proc);

	if (pt(PTRACE_SEIZE, l->tid, 0, options(few)) < 0)
		return -errno;
	l->few = few;
	return 0;
}

/* Let a ptrace-stopped thread go.  It may have died: then wait4() tells. */
static void lwp_resume(struct lwp *l)
{
	bool calls = l->repair.watching || l->repair.rewound || l->aborted ||
		     (filter_suffices(l->proc) ? l->insys : calls_wanted(l));
	int request, sig = 0;

	if (l->npending || (l->proc->throttled && !l->vforking)) {
		l->state = LWP_PARKED;
		lwp_guard(l);
		if (l->dstop)
			hold(l, PR_REQUESTED, 0);
		return;
	}
	guard_remove(l->guard);
	l->guard = -1;
	set_options(l);
	repair_run(l);
	if (l->kind == STOP_SIGNAL)
		sig = l->cursig;
	else if (l->cursig && l->cursig != SIGKILL)
		/* PCSSIG away from a signal's stop: queue it. */
		syscall(SYS_tgkill, l->proc->pid, l->tid, l->cursig);
	if (l->kind == STOP_GROUP) {
		request = PTRACE_LISTEN;
		l->state = LWP_LISTEN;
	} else if (l->stepping || l->over) {
		probe_step(l);
		request = PTRACE_SINGLESTEP;
		l->state = LWP_RUNNING;
	} else {
		request = calls ? PTRACE_SYSCALL : PTRACE_CONT;
		l->state = LWP_RUNNING;
	}
	l->syscalls = request == PTRACE_SYSCALL;
	l->resumed = nearlies;
	if (request == PTRACE_CONT)
		l->told_restart = false;
	l->cursig = l->curflt = 0;
	l->why = l->what = 0;
	l->istop = false;
	if (request == PTRACE_LISTEN) {
		/* Not ours, but a stop all the same. */
		l->why = PR_JOBCONTROL;
		l->what = l->group_signal;
		l->stop_time = now_ns();
	} else {
		l->kind = STOP_NONE;
	}
	if (pt(request, l->tid, 0, sig) < 0 && errno != ESRCH)
		klog("%d: resume: %s", l->tid, strerror(errno));
}

void lwp_unpark(struct lwp *l)
{
	if (l->state == LWP_PARKED)
		settle(l);
}

void proc_throttle(struct proc *p)
{
	bool on = source_throttles(p) || uprobe_throttles(p);
	struct lwp *l;

	if (p->throttled == on)
		return;
	p->throttled = on;
	list_for_each(l, &p->lwps, link)
		if (on && l->state == LWP_RUNNING)
			lwp_interrupt(l);
		else if (on && l->state == LWP_AFAR)
			afar_summon(p);
		else if (!on && !l->npending)
			lwp_unpark(l);
}

/*
 * Will it stop without another interrupt?  At the stop of a call's entry that
 * is not to be told: an interrupt sent just before was eaten by it, one sent
 * just after was not.  In the call one more is better than none: it does no
 * harm.
 */
static bool interrupt_pending(const struct lwp *l)
{
	return l->interrupted && !l->insys;
}

void lwp_interrupt(struct lwp *l)
{
	if (interrupt_pending(l))
		return;
	repair_prepare(l);
	if (pt(PTRACE_INTERRUPT, l->tid, 0, 0) == 0)
		l->interrupted = true;
}

/* Hold a ptrace-stopped thread: PR_STOPPED from here on. */
static void hold(struct lwp *l, unsigned why, unsigned what)
{
	struct proc *p = l->proc;

	l->state = LWP_STOPPED;
	l->dstop = false;
	l->istop = true;
	l->why = why;
	l->what = what;
	l->stop_time = now_ns();
	lwp_guard(l);
	/* Who sees it stopped has seen what it did before. */
	record_catch_up(p);
	if (why != PR_REQUESTED && !(p->modes & PR_ASYNC))
		proc_dstop(p);
	clients_update(p);
}

/* After a stop that nothing else wants: run on, or hold if so directed. */
static void settle(struct lwp *l)
{
	if (!l->dstop) {
		lwp_resume(l);
		return;
	}
	if (l->kind == STOP_SIGNAL && l->cursig) {
		pt(PTRACE_INTERRUPT, l->tid, 0, 0);
		l->interrupted = true;
		lwp_resume(l);
		return;
	}
	hold(l, PR_REQUESTED, 0);
}

/*
 * BPF tells when the child has a program of its own, but no sooner than it is read,
 * and the thread may be running since.  If it still waits, it will be stopped
 * before it runs: it was interrupted.
 */
void lwp_check_vfork(struct lwp *l)
{
	struct ctl_procinfo pi;

	if (l->vforking && l->few &&
	    ctl_proc_info(l->proc->pid, l->tid, &pi) == 0 && pi.state != 'D')
		l->vforking = false;
}

void lwp_dstop(struct lwp *l)
{
	switch (l->state) {
	case LWP_STOPPED:
		return;
	case LWP_PARKED:
		hold(l, PR_REQUESTED, 0);
		return;
	case LWP_NEW:
		l->dstop = true;
		return;
	case LWP_AFAR:
		l->dstop = true;
		afar_summon(l->proc);
		return;
	case LWP_RUNNING:
	case LWP_LISTEN:
		l->dstop = true;
		lwp_interrupt(l);
		lwp_check_vfork(l);
		return;
	case LWP_DEAD:
		return;
	}
}

void proc_dstop(struct proc *p)
{
	struct lwp *l;

	if (p->stopping) {
		/* Being done further up the stack, or all are directed. */
		list_for_each(l, &p->lwps, link)
			if (l->state != LWP_STOPPED && !l->dstop)
				lwp_dstop(l);
		return;
	}
	p->stopping = true;
	p->collect = p->nlwp >= MANY;
	/* First all of the looking (repair_prepare), then all of the stopping:
	 * they shall stop as close to each other as can be. */
	list_for_each(l, &p->lwps, link)
		if (l->state == LWP_RUNNING && !interrupt_pending(l))
			repair_prepare(l);
	list_for_each(l, &p->lwps, link)
		lwp_dstop(l);
}

pid_t trace_wait(pid_t tid, int *status, int flags)
{
	struct lwp *l;
	siginfo_t si;

	flags |= __WALL;
	if (!probe_any())
		return wait4(tid, status, flags, NULL);
	si.si_pid = 0;
	if (waitid(tid < 0 ? P_ALL : P_PID, tid < 0 ? 0 : tid, &si,
		   flags | WEXITED | WSTOPPED | WNOWAIT) < 0)
		return -1;
	if (!si.si_pid)
		return 0;
	l = si.si_code == CLD_TRAPPED && si.si_status == SIGTRAP ?
		    lwp_find(si.si_pid) : NULL;
	if (l)
		probe_undo(l);
	/* (It may have been killed just now: then it will be heard of.) */
	return wait4(si.si_pid, status, __WALL | WNOHANG, NULL);
}

/* It has stopped, or will be heard of by wait4(-1). */
static void take(pid_t tid)
{
	int status;

	if (trace_wait(tid, &status, WNOHANG) == tid)
		trace_event(tid, status);
}

/*
 * wait4(-1) looks at every tracee until it finds one with news: n of them cost
 * n * n / 2 looks.  When a large process was just directed to stop, ask for
 * each thread by its number instead.
 */
static void collect(struct proc *p)
{
	unsigned n = 0, i;
	struct lwp *l;
	pid_t *tids;

	p->collect = false;
	/* By number: an event may free threads, or the process. */
	tids = malloc(p->nlwp * sizeof(*tids));
	if (!tids)
		return;
	list_for_each(l, &p->lwps, link)
		if (l->interrupted)
			tids[n++] = l->tid;
	for (i = 0; i < n; i++)
		take(tids[i]);
	free(tids);
}

/* Has it to be stopped once, to stop at its calls? */
static bool untraced(const struct lwp *l)
{
	return l->state == LWP_RUNNING && !l->syscalls && !l->interrupted;
}

/*
 * Make a few threads of a large process stop at calls: each of them stands
 * still until it is taken, so they are not all interrupted first.
 */
#define FEW 32U

static void retrace_few(struct proc *p)
{
	pid_t tids[FEW];
	unsigned n = 0, i;
	struct lwp *l;

	if (!syscalls_wanted(p)) {
		p->retrace = false;
		return;
	}
	list_for_each(l, &p->lwps, link)
		if (untraced(l)) {
			if (n == FEW)
				break;
			tids[n++] = l->tid;
			lwp_interrupt(l);
		}
	p->retrace = n == FEW;
	for (i = 0; i < n; i++)
		take(tids[i]);
}

bool trace_collect(void)
{
	struct proc *p, *stopped = NULL, *traced = NULL;
	bool more;

	list_for_each(p, &procs, link) {
		if (p->collect)
			stopped = p;
		if (p->retrace)
			traced = p;
	}
	more = traced;
	if (stopped)
		collect(stopped);
	else if (traced)
		retrace_few(traced);
	return more;
}

bool lwp_stopped(const struct lwp *l)
{
	return l->state == LWP_STOPPED || (l->vforking && l->dstop);
}

bool proc_stopped(struct proc *p)
{
	bool any = false;
	struct lwp *l;

	list_for_each(l, &p->lwps, link) {
		if (lwp_stopped(l))
			any = true;
		else if (!l->zombie)
			return false;
	}
	return any;
}

bool proc_istopped(struct proc *p)
{
	struct lwp *l;

	if (!(p->modes & PR_ASYNC))
		return proc_stopped(p);
	list_for_each(l, &p->lwps, link)
		if (l->state == LWP_STOPPED && l->istop)
			return true;
	return false;
}

void proc_find_zombies(struct proc *p)
{
	struct ctl_procinfo pi;
	struct lwp *l;

	list_for_each(l, &p->lwps, link)
		if (!l->zombie && !lwp_stopped(l) &&
		    ctl_proc_info(p->pid, l->tid, &pi) == 0 &&
		    (pi.state == 'Z' || pi.state == 'X'))
			l->zombie = true;
}

static void abort_call(struct lwp *l)
{
	struct ctl_regs r;

	/* No call has this number; what it returns is replaced at exit. */
	if (lwp_getregs(l, &r) < 0)
		return;
	r.orig_rax = -1;
	if (lwp_setregs(l, &r) == 0)
		l->aborted = true;
}

static void release_lwp(struct lwp *l, uint64_t flags)
{
	if (flags & (PRCSIG | PRCFAULT)) {
		bool drop = (flags & PRCSIG) || l->why == PR_FAULTED;

		if (drop)
			l->cursig = 0;
	}
	/* The fault is let through: now it is a signal like any. */
	if (l->why == PR_FAULTED && l->cursig && l->kind == STOP_SIGNAL &&
	    (l->proc->sigtrace & CTL_SIGBIT(l->cursig))) {
		l->curflt = 0;
		hold(l, PR_SIGNALLED, l->cursig);
		return;
	}
	if ((flags & PRSABORT) && l->kind == STOP_ENTRY && !l->aborted)
		abort_call(l);
	l->stepping = flags & PRSTEP;
	l->unstep = false;
	l->dstop = false;
	if (flags & PRSTOP) {
		l->dstop = true;
		if (pt(PTRACE_INTERRUPT, l->tid, 0, 0) == 0)
			l->interrupted = true;
	}
	lwp_resume(l);
}

/* It is set running: one who waits for the stop shall learn that there was
 * one, even if he is asked later. */
static void count_stop(struct proc *p)
{
	struct lwp *l;

	p->runs++;
	if (proc_istopped(p))
		p->stops++;
	list_for_each(l, &p->lwps, link)
		l->stops += lwp_stopped(l);
}

int lwp_run(struct lwp *l, uint64_t flags)
{
	if (l->state != LWP_STOPPED) {
		if (!l->dstop)
			return -EBUSY;
		l->dstop = false; /* takes the directive back */
		l->proc->runs++;
		clients_update(l->proc);
		return 0;
	}
	count_stop(l->proc);
	l->proc->stopping = false;
	release_lwp(l, flags);
	clients_update(l->proc);
	return 0;
}

int proc_run(struct proc *p, uint64_t flags)
{
	struct lwp *l, *tmp, *rep = proc_representative(p);
	bool any = p->stopping;

	list_for_each(l, &p->lwps, link)
		if (l->state == LWP_STOPPED || l->dstop)
			any = true;
	if (!any)
		return -EBUSY;
	count_stop(p);
	p->stopping = false;
	list_for_each_safe(l, tmp, &p->lwps, link) {
		l->dstop = false;
		if (l->state == LWP_STOPPED)
			release_lwp(l, l == rep ? flags : flags & PRSTOP);
	}
	/* One may have stopped again at once, on the signal of its fault. */
	list_for_each(l, &p->lwps, link)
		if (l->state == LWP_STOPPED && !(p->modes & PR_ASYNC)) {
			proc_dstop(p);
			break;
		}
	clients_update(p);
	return 0;
}

/*
 * Threads that run without PTRACE_SYSCALL while calls are wanted have to be
 * stopped once to be resumed differently.  The other way round takes care of
 * itself at the next call.
 */
void proc_retrace(struct proc *p)
{
	struct lwp *l;

	p->retrace = false;
	if (!syscalls_wanted(p) || filter_suffices(p))
		return;
	if (p->nlwp >= MANY) {
		p->retrace = true; /* trace_collect() */
		return;
	}
	list_for_each(l, &p->lwps, link)
		if (untraced(l))
			lwp_interrupt(l);
}

void proc_release(struct proc *p)
{
	struct lwp *l;

	memset(&p->sysentry, 0, sizeof(p->sysentry));
	memset(&p->sysexit, 0, sizeof(p->sysexit));
	p->sigtrace = p->flttrace = p->discard = p->modes = 0;
	probe_release(p);
	proc_run(p, 0);
	list_for_each(l, &p->lwps, link)
		l->unstep = l->stepping;
}

/* -- birth ---------------------------------------------------------------- */

/*
 * A newborn's first stop and its parent's event come in any order.  A tid that
 * was seen first waits here; if the parent dies without a word it is looked up
 * in /proc (early_timers).
 */
struct early {
	struct list link;
	pid_t tid;
	int status;
	uint64_t number; /* of nearlies */
	uint64_t since;
};
static struct list earlies = { &earlies, &earlies };
#define EARLY_NS 50000000ULL

static void let_go(pid_t tid)
{
	pt(PTRACE_DETACH, tid, 0, 0);
}

/* l: NULL, if there was no memory for it. */
static void take_early(struct lwp *l, pid_t tid)
{
	struct early *e, *tmp;
	int status = 0;

	list_for_each_safe(e, tmp, &earlies, link) {
		if (e->tid != tid)
			continue;
		status = e->status;
		list_del(&e->link);
		free(e);
		if (l)
			trace_event(tid, status);
		else
			let_go(tid); /* out of memory: at least not stuck */
		return;
	}
}

static void adopt(struct proc *p, pid_t tid)
{
	struct lwp *l = lwp_new(p, tid);

	if (l) {
		l->state = LWP_NEW;
		l->dstop = p->stopping;
		/* As its maker's, which we do not know; set it at its stop. */
		l->few = !afar_children(p);
	}
	take_early(l, tid);
}

/* It runs in the memory of its parent, where our breakpoints are. */
static void take_guest(struct proc *parent, pid_t pid)
{
	struct proc *p = proc_new(pid, 0);

	if (!p)
		return;
	p->from = parent;
	p->guest = true;
	p->mm_of = parent->mm_of ? parent->mm_of : parent;
	adopt(p, pid);
}

struct proc *proc_follow(struct proc *parent, pid_t pid, uint64_t start,
			 bool afar)
{
	struct proc *p = proc_new(pid, start);
	struct cover *cv;
	const char *slash = strrchr(socket_path, '/');

	if (!p)
		return NULL;
	p->afar = afar;
	p->from = parent;
	p->modes = parent->modes;
	p->sigtrace = parent->sigtrace;
	p->flttrace = parent->flttrace;
	p->sysentry = parent->sysentry;
	p->sysexit = parent->sysexit;
	list_for_each(cv, &parent->covers, by_proc)
		cover_add(cv->client, p);
	/*
	 * The keeper of a process is also found by who traces it, but with
	 * hidepid (proc(5)) an ordinary user's is not to be seen.
	 */
	if (slash && geteuid() != 0) {
		snprintf(p->link_path, sizeof(p->link_path), "%.*s/%d.%llu",
			 (int)(slash - socket_path), socket_path, pid,
			 (unsigned long long)proc_start(p));
		unlink(p->link_path);
		if (symlink(slash + 1, p->link_path) < 0)
			p->link_path[0] = '\0';
	}
	return p;
}

static void follow(struct proc *parent, pid_t pid)
{
	struct proc *p = proc_follow(parent, pid, 0, false);

	if (!p)
		return;
	probe_birth_followed(parent, p);
	adopt(p, pid);
}

/* Children that are not followed are attached by the kernel all the same,
 * because options cannot be changed while a thread runs. */
struct shy {
	struct list link;
	pid_t tid;
};
static struct list shies = { &shies, &shies };

void trace_shun(pid_t tid)
{
	struct early *e, *tmp;
	struct shy *s;

	list_for_each_safe(e, tmp, &earlies, link)
		if (e->tid == tid) {
			if (WIFSTOPPED(e->status))
				let_go(tid);
			list_del(&e->link);
			free(e);
			return;
		}
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->tid = tid;
	list_add_tail(&s->link, &shies);
}

static bool is_thread_of(pid_t pid, pid_t tid)
{
	return syscall(SYS_tgkill, pid, tid, 0) == 0 || errno != ESRCH;
}

static void on_birth(struct lwp *l, int event)
{
	struct proc *p = l->proc;
	unsigned long msg = 0;
	unsigned kind = event == PTRACE_EVENT_VFORK ? CTL_FORK_VFORK :
						      CTL_FORK_FORK;
	struct ctl_procinfo pi;
	struct lwp *born;
	pid_t tid;

	if (pt(PTRACE_GETEVENTMSG, l->tid, 0, (unsigned long)&msg) < 0)
		return;
	tid = msg;
	if (event == PTRACE_EVENT_VFORK)
		l->vforking = true;
	/* BPF was first, and thought that it would be left alone? */
	afar_catch_up();
	born = lwp_find(tid);
	if (born) {
		if (born->state == LWP_AFAR)
			afar_attached(born);
		take_early(born, tid);
		return;
	}
	if (afar_ever()) {
		/* It did not wait for its maker to tell of it, and is dead. */
		if (ctl_proc_info(tid, 0, &pi) < 0 ||
		    pi.tracer != getpid() || pi.state == 'Z' || pi.state == 'X')
			return;
		/* Told, and nothing else. */
		if (afar_tells(p) && !(p->modes & PR_FORK)) {
			trace_shun(tid);
			return;
		}
	}
	/* The kernel calls it by its flags and exit signal, whatever it is. */
	if (is_thread_of(p->pid, tid)) {
		record_fork(l, p->pid, tid, CTL_FORK_THREAD);
		adopt(p, tid);
		return;
	}
	record_fork(l, tid, tid, kind);
	if (p->modes & PR_FORK)
		follow(p, tid);
	else if (probe_birth_unfollowed(p, tid))
		take_guest(p, tid);
	else
		trace_shun(tid);
}

static void on_unknown(pid_t tid, int status)
{
	struct early *e;
	struct shy *s;

	list_for_each(s, &shies, link)
		if (s->tid == tid) {
			list_del(&s->link);
			free(s);
			if (WIFSTOPPED(status))
				let_go(tid);
			return;
		}
	/* Its death, too, may come before its birth. */
	list_for_each(e, &earlies, link)
		if (e->tid == tid) {
			e->status = status;
			return;
		}
	e = calloc(1, sizeof(*e));
	if (!e) {
		if (WIFSTOPPED(status))
			let_go(tid);
		return;
	}
	e->tid = tid;
	e->status = status;
	e->number = ++nearlies;
	e->since = now_ns();
	list_add_tail(&e->link, &earlies);
	keeper_timer(e->since + EARLY_NS);
}

/* One whose time has come; NULL.  next: when that of another comes. */
static struct early *early_due(uint64_t now, uint64_t *next)
{
	struct early *e;

	*next = 0;
	list_for_each(e, &earlies, link) {
		if (now >= e->since + EARLY_NS)
			return e;
		if (!*next || e->since + EARLY_NS < *next)
			*next = e->since + EARLY_NS;
	}
	return NULL;
}

/*
 * Is the one that made it still to tell?  On a busy machine it may wait long for
 * a CPU, or for us.  It was set running before, has not stopped since, and is
 * not asleep.  child: NULL, if that is dead; else its parent is the maker, or
 * the maker's (CLONE_PARENT).
 */
static bool early_awaited(const struct early *e,
			  const struct ctl_procinfo *child)
{
	struct ctl_procinfo pi;
	struct proc *p;
	struct lwp *l;

	list_for_each(p, &procs, link)
		list_for_each(l, &p->lwps, link)
			if (l->state == LWP_RUNNING && l->resumed < e->number &&
			    ctl_proc_info(p->pid, l->tid, &pi) == 0 &&
			    (pi.state == 'R' || pi.state == 't') &&
			    (!child || p->pid == child->tgid ||
			     p->pid == child->ppid || pi.ppid == child->ppid))
				return true;
	return false;
}

static uint64_t early_timers(uint64_t now)
{
	struct ctl_procinfo pi;
	struct proc *p, *home;
	struct early *e;
	uint64_t next;
	bool alive;

	/* From the start again each time: adopting one may adopt others. */
	while ((e = early_due(now, &next))) {
		alive = ctl_proc_info(e->tid, 0, &pi) == 0;
		if (early_awaited(e, alive ? &pi : NULL)) {
			e->since = now;
			continue;
		}
		home = NULL;
		if (alive)
			list_for_each(p, &procs, link)
				if (p->pid == pi.tgid && !p->gone)
					home = p;
		if (home) {
			adopt(home, e->tid); /* frees e */
		} else {
			if (WIFSTOPPED(e->status))
				let_go(e->tid);
			list_del(&e->link);
			free(e);
		}
	}
	return next;
}

/*
 * p is dead, maybe killed in fork(2), before it could tell of the child: that is
 * ours, has a copy of the breakpoints, and will be let go by early_timers().
 */
static void clean_orphans(struct proc *p, int status)
{
	struct ctl_procinfo pi;
	struct dirent *d;
	pid_t pid;
	DIR *dir;

	if ((!WIFSIGNALED(status) && !p->threaded) || !probe_patched(p))
		return;
	dir = opendir("/proc");
	while (dir && (d = readdir(dir))) {
		pid = atoi(d->d_name);
		if (pid > 0 && !lwp_find(pid) &&
		    ctl_proc_info(pid, 0, &pi) == 0 && pi.tracer == getpid())
			probe_birth_unfollowed(p, pid);
	}
	if (dir)
		closedir(dir);
}

/* -- exec ----------------------------------------------------------------- */

/*
 * Its memory's file belongs to root when the process is not dumpable.  The
 * directory itself always belongs to the user: task_dump_owner() in
 * fs/proc/base.c.
 */
bool proc_may_control(struct proc *p, uid_t uid)
{
	struct ctl_procinfo pi;
	char path[64];
	struct stat st;
	int i;

	if (uid == 0)
		return true;
	if (ctl_proc_info(p->pid, 0, &pi) < 0)
		return false;
	for (i = 0; i < 3; i++)
		if (pi.uid[i] != uid)
			return false;
	proc_mem_path(p, path, sizeof(path));
	return stat(path, &st) == 0 && st.st_uid == uid;
}

/* AT_SECURE of a vector of pairs of words; -1: it is none of this width. */
static int aux_secure(const void *aux, size_t n, size_t width)
{
	uint64_t v[2];
	int secure = -1;
	bool pages = false;

	for (size_t at = 0; at + 2 * width <= n; at += 2 * width) {
		v[0] = v[1] = 0;
		memcpy(&v[0], (const char *)aux + at, width);
		memcpy(&v[1], (const char *)aux + at + width, width);
		if (v[0] == AT_SECURE)
			secure = v[1] != 0;
		pages |= v[0] == AT_PAGESZ && v[1] == 4096;
	}
	return pages ? secure : -1;
}

/*
 * AT_SECURE, or not dumpable: a set-id or an unreadable file.  The directory's
 * owner is the effective user; the files in it are root's when it is not
 * dumpable.
 */
static bool exec_was_secure(struct proc *p)
{
	uint64_t aux[128];
	char path[64];
	struct stat dir, file;
	bool owned;
	ssize_t n;
	int fd, secure;

	snprintf(path, sizeof(path), "/proc/%d", p->pid);
	if (stat(path, &dir) < 0)
		return true;
	snprintf(path, sizeof(path), "/proc/%d/auxv", p->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return true;
	owned = fstat(fd, &file) == 0 && file.st_uid == dir.st_uid;
	n = read(fd, aux, sizeof(aux));
	close(fd);
	if (!owned || n <= 0)
		return true;
	secure = aux_secure(aux, n, 8);
	if (secure < 0)
		secure = aux_secure(aux, n, 4); /* a 32-bit program */
	return secure > 0;
}

/* Only root records it, and nothing else is done to it: any image will do. */
static bool is_roots(const struct proc *p)
{
	struct cover *cv;

	if (!list_empty(&p->clients) || list_empty(&p->covers) ||
	    (p->modes & PR_KLC) || p->stopping || p->sigtrace ||
	    p->flttrace || p->discard || !sysset_empty(&p->sysentry) ||
	    !sysset_empty(&p->sysexit) || probe_active(p))
		return false;
	list_for_each(cv, &p->covers, by_proc)
		if (cv->client->uid != 0)
			return false;
	return true;
}

/* The process may be somebody else's now (P5): is it held for its new owner? */
static bool on_secure_exec(struct lwp *l)
{
	struct proc *p = l->proc;
	bool keep = false, follow = p->modes & PR_FORK;
	struct cover *cv, *tmp;
	struct client *c;

	list_for_each(c, &p->clients, proc_link) {
		c->invalid = true;
		keep |= !c->rdonly && proc_may_control(p, c->uid);
	}
	/* Of a followed child they are its ancestors' handles. */
	list_for_each_safe(cv, tmp, &p->covers, by_proc)
		if (cv->client->invalid ||
		    !proc_may_control(p, cv->client->uid))
			cover_free(cv);
	proc_release(p);
	l->dstop = false;
	if (keep) {
		/* Its owner opens it anew and loses nothing. */
		p->modes = PR_RLC;
		hold(l, PR_REQUESTED, 0);
	} else if (follow && !list_empty(&p->covers)) {
		/* Those who still record it record its children. */
		p->modes = PR_FORK | PR_RLC;
	}
	clients_update(p);
	return keep;
}

/* told: BPF has recorded it. */
static void on_exec(struct lwp *l, bool told)
{
	struct proc *p = l->proc;
	struct lwp *m, *tmp;
	unsigned long msg = 0;
	pid_t old;

	pt(PTRACE_GETEVENTMSG, l->tid, 0, (unsigned long)&msg);
	old = msg ? (pid_t)msg : l->tid;
	probe_exec(p);
	/*
	 * Every other thread is gone.  When a thread other than the main one
	 * called, it has the main thread's tid now, and the main thread has
	 * vanished without a status: what we know of the caller moves over.
	 */
	if (old != l->tid) {
		struct lwp *caller = proc_lwp(p, old);

		if (caller) {
			struct cover *cv;

			/* It was in a call, which ends with it. */
			if (l->insys && !l->hidden)
				record_exit(l, 0, CTL_RECF_UNFINISHED);
			list_for_each(cv, &p->covers, by_proc)
				if (cv->client->source)
					source_death(cv->client, l);
			lwp_free(l);
			source_stranger(caller);
			lwp_renumber(caller, p->pid);
			l = caller;
			l->interrupted = false; /* this stop ate it */
		}
	}
	list_for_each_safe(m, tmp, &p->lwps, link)
		if (m != l)
			lwp_free(m);
	memset(&l->repair, 0, sizeof(l->repair));
	l->vforking = false;
	if (p->memfd >= 0) {
		close(p->memfd);
		p->memfd = -1;
	}
	if (p->guest) {
		/* It has its own memory now, and no part in this any more. */
		let_go(l->tid);
		lwp_free(l);
		p->gone = true;
		clients_update(p);
		proc_unref(p);
		return;
	}
	l->kind = STOP_TRAP;
	if (!told)
		record_exec(l, old);
	if (!is_roots(p) && exec_was_secure(p) && on_secure_exec(l))
		return;
	settle(l);
}

/* exit, exit_group */
static bool is_exit(int abi, unsigned nr)
{
	return abi == CTL_ABI_COMPAT ? nr == 1 || nr == 252 :
				       nr == 60 || nr == 231;
}

/* -- death ---------------------------------------------------------------- */

static void on_death(struct lwp *l, int status)
{
	struct proc *p = l->proc;
	bool last = p->nlwp - p->ndead == 1;
	struct cover *cv;

	/* One that was held at its entry to exit was not recorded then. */
	if (l->insys && !l->hidden)
		record_exit(l, 0, WIFEXITED(status) && is_exit(l->abi, l->nr) ?
					  CTL_RECF_NORETURN :
					  CTL_RECF_UNFINISHED);
	afar_last_words(p);
	record_death(l, status, last);
	lwp_free(l);
	if (last) {
		/* Its number may be another's from now on. */
		list_for_each(cv, &p->covers, by_proc)
			if (cv->client->source)
				source_remove(cv->client, p);
		p->gone = true;
		clean_orphans(p, status);
		probe_death(p);
	}
	clients_update(p);
	if (last)
		proc_unref(p);
}

/* -- stops ---------------------------------------------------------------- */

bool ignored_by_nature(int sig)
{
	return sig == SIGCHLD || sig == SIGURG || sig == SIGWINCH ||
	       sig == SIGCONT;
}

/* It has made the step that PCRUN asked for. */
static void on_step(struct lwp *l)
{
	l->stepping = false;
	if (l->unstep) {
		l->unstep = false;
		settle(l);
		return;
	}
	l->curflt = FLTTRACE;
	hold(l, PR_FAULTED, FLTTRACE);
}

/* A breakpoint at a probe's site: the target never sees the signal. */
static bool on_probe(struct lwp *l)
{
	uint32_t id;
	enum probe_trap trap = probe_trap(l, &id);

	if (trap == PROBE_NOT_OURS)
		return false;
	l->cursig = 0;
	if (trap == PROBE_STOP) {
		l->stepping = false;
		hold(l, PR_PROBE, id);
	} else if (l->stepping && trap == PROBE_PASSED) {
		on_step(l); /* that was the instruction */
	} else {
		settle(l);
	}
	return true;
}

/*
 * Of the SIGTRAP that it stopped with: TRAP_TRACE after a step, SI_KERNEL at an
 * int3 of the program's own.  A step out of a system call is TRAP_BRKPT.
 */
static int trap_code(const struct lwp *l)
{
	siginfo_t si;

	if (pt(PTRACE_GETSIGINFO, l->tid, 0, (unsigned long)&si) < 0)
		return 0;
	return si.si_code;
}

static void on_signal(struct lwp *l, int sig)
{
	struct proc *p = l->proc;
	uint64_t bit = CTL_SIGBIT(sig), pc = 0;
	bool over = l->over;
	bool wanted = (p->sigtrace & bit) || p->flttrace || p->discard ||
		      l->stepping || proc_records(p, CTL_REC_SIGNAL) ||
		      proc_records(p, CTL_REC_FAULT);
	struct ctl_regs r;
	int flt = 0;

	l->kind = STOP_SIGNAL;
	l->cursig = sig;
	probe_stepped(l);
	if (sig == SIGTRAP && on_probe(l))
		return;
	if (over && !l->stepping && sig == SIGTRAP &&
	    trap_code(l) == TRAP_TRACE) {
		l->cursig = 0;
		settle(l);
		return;
	}
	if (l->stepping && sig == SIGTRAP && trap_code(l) != SI_KERNEL) {
		l->cursig = 0; /* ours: the target never sees it */
		on_step(l);
		return;
	}
	memset(&l->info, 0, sizeof(l->info));
	l->info.si_signo = sig;
	if (wanted) {
		pt(PTRACE_GETSIGINFO, l->tid, 0, (unsigned long)&l->info);
		flt = ctl_fault_of(sig, l->info.si_code);
	}
	repair_signal(l, sig);
	if (!l->repair.rewound && !ignored_by_nature(sig))
		source_unhold(l);
	if (l->hidden && !l->repair.rewound && !ignored_by_nature(sig)) {
		/* The call we meant to hide was interrupted in earnest. */
		record_exit(l, l->ret, 0);
		l->insys = l->hidden = false;
	}
	if (p->discard & bit) {
		p->discard &= ~bit;
		l->cursig = 0;
		settle(l);
		return;
	}
	if (wanted && lwp_getregs(l, &r) == 0)
		pc = r.rip;
	if (flt) {
		record_signal(l, &l->info, flt, pc);
		if (p->flttrace & CTL_FLTBIT(flt)) {
			l->curflt = flt;
			if (flt == FLTBPT && (p->modes & PR_BPTADJ) && pc) {
				r.rip--;
				lwp_setregs(l, &r);
			}
			hold(l, PR_FAULTED, flt);
			return;
		}
	}
	if (wanted)
		record_signal(l, &l->info, 0, pc);
	if (p->sigtrace & bit) {
		hold(l, PR_SIGNALLED, sig);
		return;
	}
	settle(l);
}

static int abi_of(uint32_t arch, uint64_t nr)
{
	if (arch == 0x40000003U) /* AUDIT_ARCH_I386 */
		return CTL_ABI_COMPAT;
	return nr & 0x40000000U ? CTL_ABI_X32 : CTL_ABI_NATIVE;
}

#define NR_RESTART_SYSCALL 219
#define NR_RESTART_SYSCALL_COMPAT 0

static void on_entry(struct lwp *l, const struct __ptrace_syscall_info *si)
{
	bool again = l->hidden, rewound = repair_entry(l);
	unsigned nr = si->entry.nr;
	int abi = abi_of(si->arch, nr), i;

	l->kind = STOP_ENTRY;
	l->hidden = l->newborn = false;
	if (again && abi == l->abi &&
	    (nr == l->nr || nr == (abi == CTL_ABI_COMPAT ?
					   NR_RESTART_SYSCALL_COMPAT :
					   NR_RESTART_SYSCALL))) {
		/* The call that our stop cut short goes on. */
		l->insys = true;
		settle(l);
		return;
	}
	if (again)
		record_exit(l, l->ret, 0);
	l->insys = true;
	l->aborted = l->told_restart = false;
	l->nr = nr;
	l->abi = abi;
	for (i = 0; i < 6; i++)
		l->arg[i] = si->entry.args[i];
	l->entry_time = now_ns();
	record_entry(l);
	if (ctl_sysset_has(&l->proc->sysentry, abi, nr) && !rewound) {
		hold(l, PR_SYSENTRY, nr);
		return;
	}
	if (is_exit(abi, nr)) {
		/* There is no other moment to tell. */
		record_exit(l, 0, CTL_RECF_NORETURN);
		l->insys = false;
	}
	settle(l);
}

static void on_exit_stop(struct lwp *l, const struct __ptrace_syscall_info *si)
{
	bool unseen = !l->insys, newborn = l->newborn;
	struct ctl_regs r;

	l->kind = STOP_EXIT;
	l->newborn = false;
	l->ret = si->exit.rval;
	if (unseen) {
		/* Followed from within the call on. */
		if (lwp_getregs(l, &r) < 0) {
			settle(l);
			return;
		}
		l->nr = r.orig_rax;
		l->abi = abi_of(si->arch, l->nr);
		l->entry_time = now_ns();
		regs_args(&r, l->abi, l->arg);
	}
	if (repair_hides(l, l->ret) &&
	    (l->interrupted || (l->ret == -EINTR && repair_uncaused(l)))) {
		l->hidden = true;
		l->interrupted = false; /* this stop ate it */
		repair_stopped(l);
		settle(l);
		return;
	}
	l->interrupted = false;
	repair_exit(l);
	if (l->aborted) {
		l->ret = -EINTR;
		if (lwp_getregs(l, &r) == 0) {
			r.rax = -EINTR;
			lwp_setregs(l, &r);
		}
	}
	if (!newborn)
		record_exit(l, l->ret, l->aborted ? CTL_RECF_ABORTED : 0);
	l->told_restart = l->ret == -516; /* -ERESTART_RESTARTBLOCK */
	l->aborted = l->insys = false;
	source_call_ended(l);
	if (ctl_sysset_has(&l->proc->sysexit, l->abi, l->nr)) {
		hold(l, PR_SYSEXIT, l->nr);
		return;
	}
	settle(l);
}

/*
 * A filter of the program's own asks for a tracer that the program does not know
 * of: without one the call is not made.
 */
static void refuse_call(struct lwp *l)
{
	struct ctl_regs r;

	if (lwp_getregs(l, &r) < 0)
		return;
	r.orig_rax = -1;
	r.rax = -ENOSYS;
	lwp_setregs(l, &r);
}

/* The filter's word, at the entry of a call.  Where PTRACE_SYSCALL tells of
 * the entries too, that has come before. */
static void on_filter(struct lwp *l)
{
	struct __ptrace_syscall_info si;
	unsigned long msg = CTL_TIE_DATA;

	pt(PTRACE_GETEVENTMSG, l->tid, 0, (unsigned long)&msg);
	memset(&si, 0, sizeof(si));
	if (pt(PTRACE_GET_SYSCALL_INFO, l->tid, sizeof(si),
	       (unsigned long)&si) < 0)
		return; /* killed meanwhile: wait4() tells */
	if (msg != CTL_TIE_DATA)
		refuse_call(l);
	if (si.op == PTRACE_SYSCALL_INFO_SECCOMP && !l->insys) {
		on_entry(l, &si);
		return;
	}
	l->kind = STOP_TRAP;
	settle(l);
}

static void on_syscall(struct lwp *l)
{
	struct __ptrace_syscall_info si;

	memset(&si, 0, sizeof(si));
	if (pt(PTRACE_GET_SYSCALL_INFO, l->tid, sizeof(si),
	       (unsigned long)&si) < 0)
		return; /* killed meanwhile: wait4() tells */
	if (si.op == PTRACE_SYSCALL_INFO_ENTRY)
		on_entry(l, &si);
	else if (si.op == PTRACE_SYSCALL_INFO_EXIT)
		on_exit_stop(l, &si);
	else
		settle(l);
}

static bool is_group_signal(int sig)
{
	return sig == SIGSTOP || sig == SIGTSTP || sig == SIGTTIN ||
	       sig == SIGTTOU;
}

/*
 * A step that ends where the thread is stopped, as one out of a system call
 * that it slept in: the SIGTRAP is pending.  It has to be taken now, for the
 * next PCRUN may be no step, and then it would kill.
 */
static bool step_trap_pending(const struct lwp *l)
{
	struct ctl_procinfo pi;

	return (l->stepping || l->over) &&
	       ctl_proc_info(l->proc->pid, l->tid, &pi) == 0 &&
	       (pi.sigpend & CTL_SIGBIT(SIGTRAP));
}

/*
 * Calls are traced from now on, and it slept in one that the kernel will make
 * again by restart_syscall(2): the one that the program made is in the
 * registers now, and only now.
 */
static void note_restart(struct lwp *l)
{
	struct ctl_regs r;

	if (l->insys || l->hidden || l->told_restart ||
	    !calls_wanted(l) || lwp_getregs(l, &r) < 0 ||
	    (int64_t)r.orig_rax < 0 || (int64_t)r.rax != -516)
		return;
	l->nr = r.orig_rax;
	l->abi = r.cs == 0x23 ? CTL_ABI_COMPAT : CTL_ABI_NATIVE;
	regs_args(&r, l->abi, l->arg);
	l->entry_time = now_ns();
	l->ret = r.rax;
	l->hidden = true;
}

static void on_trap(struct lwp *l, int sig)
{
	if (l->state == LWP_NEW) {
		/* The first stop of a newborn: before any user code. */
		l->kind = STOP_TRAP;
		l->interrupted = false;
		l->newborn = true;
		settle(l);
		return;
	}
	l->interrupted = false;
	if (is_group_signal(sig)) {
		probe_stepped(l);
		l->kind = STOP_GROUP;
		l->group_signal = sig;
		if (l->dstop) {
			hold(l, PR_REQUESTED, 0);
		} else {
			lwp_resume(l);
			clients_update(l->proc);
		}
		return;
	}
	l->kind = STOP_TRAP;
	if (probe_trap_pending(l)) {
		/*
		 * Heard of it, but not of its trap: that one comes next.  (An
		 * interrupt now would come before it again, for ever.)
		 */
		l->interrupted = true;
		lwp_resume(l);
		return;
	}
	repair_stopped(l);
	note_restart(l);
	if (step_trap_pending(l)) {
		l->interrupted = true;
		lwp_resume(l);
		return;
	}
	probe_stepped(l);
	settle(l);
}

void trace_event(pid_t tid, int status)
{
	struct lwp *l = lwp_find(tid);
	bool fresh = false;
	int sig, event;

	if (!l || l->state == LWP_AFAR || l->fresh) {
		/* What BPF told before may be of this. */
		afar_catch_up();
		l = lwp_find(tid);
	}
	if (l && l->state == LWP_AFAR)
		afar_attached(l);
	if (l) {
		fresh = l->fresh;
		l->fresh = false;
		if (l->few)
			l->vforking = false; /* it would not have stopped */
	}
	if (!l) {
		if (WIFSTOPPED(status) || !guard_ended(tid))
			on_unknown(tid, status);
		return;
	}
	if (!WIFSTOPPED(status)) {
		on_death(l, status);
		return;
	}
	sig = WSTOPSIG(status);
	event = status >> 16;
	switch (event) {
	case 0:
		break;
	case PTRACE_EVENT_STOP:
		on_trap(l, sig);
		return;
	case PTRACE_EVENT_EXEC:
		l->interrupted = false;
		on_exec(l, fresh);
		return;
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
	case PTRACE_EVENT_CLONE:
		l->interrupted = false;
		l->kind = STOP_TRAP;
		on_birth(l, event);
		settle(l);
		return;
	case PTRACE_EVENT_SECCOMP:
		follow_stop(l);
		on_filter(l);
		return;
	case PTRACE_EVENT_VFORK_DONE:
		l->vforking = false;
		/* fall through */
	default:
		l->interrupted = false;
		l->kind = STOP_TRAP;
		settle(l);
		return;
	}
	if (sig == (SIGTRAP | 0x80)) {
		follow_stop(l);
		on_syscall(l);
		return;
	}
	if (sig == SIGTRAP)
		follow_stop(l);
	l->interrupted = false;
	on_signal(l, sig);
}

/* -- attach, timers, idle ------------------------------------------------- */

static int attach_error(pid_t pid, int err)
{
	struct ctl_procinfo pi, ti;

	if (err == ESRCH)
		return ctl_failno(-ENOENT);
	if (ctl_proc_info(pid, 0, &pi) == 0) {
		if (pi.state == 'Z' || pi.state == 'X')
			return ctl_fail(-ENOENT, "the process has exited");
		if (pi.tracer && ctl_proc_info(pi.tracer, 0, &ti) == 0)
			return ctl_fail(-EBUSY, "traced by %s (pid %d)",
					ti.comm, pi.tracer);
		if (pi.tracer)
			return ctl_fail(-EBUSY, "traced by pid %d", pi.tracer);
	}
	return err == EPERM ? ctl_proc_denied(pid) : ctl_failno(-err);
}

/*
 * PTRACE_SEIZE failed: is it because the thread is dead?  A main thread that
 * has left before the others is a zombie, which cannot be attached; it is no
 * reason to give up.  But a thread that another tracer has is one, also when
 * we have others: two keepers started at once must not share a process.
 */
static bool vanished(pid_t pid, pid_t tid, int err)
{
	struct ctl_procinfo pi;

	if (err == ESRCH || ctl_proc_info(pid, tid, &pi) < 0)
		return tid != pid || err != ESRCH;
	if (pi.tracer)
		/* One born just now of a thread that we have comes by itself. */
		return pi.tracer == getpid();
	return (pi.state == 'Z' || pi.state == 'X') &&
	       (tid != pid || pi.nlwp > 1);
}

bool trace_tie(const char *calls)
{
	unsigned char *to = (unsigned char *)&filtered;
	unsigned byte;

	if (strlen(calls) != 2 * sizeof(filtered))
		return false;
	for (size_t i = 0; i < sizeof(filtered); i++) {
		if (!isxdigit((unsigned char)calls[2 * i]) ||
		    !isxdigit((unsigned char)calls[2 * i + 1]) ||
		    sscanf(calls + 2 * i, "%2x", &byte) != 1)
			return false;
		to[i] = byte;
	}
	tied = true;
	return true;
}

bool trace_tied(void)
{
	return tied;
}

int trace_attach(pid_t pid, uint64_t start)
{
	struct proc *p;
	struct lwp *l;
	uint64_t check;
	pid_t *tids;
	int n, i, err, fresh;

	p = proc_new(pid, start);
	if (!p)
		return ctl_failno(-ENOMEM);
	p->root = true;
	/* Threads are born while we look: until a round finds none new.  Those
	 * born of seized threads come by themselves. */
	do {
		fresh = 0;
		n = ctl_proc_tids(pid, &tids);
		if (n < 0)
			return p->nlwp ? 0 : ctl_failno(n);
		for (i = 0; i < n; i++) {
			if (lwp_find(tids[i]))
				continue;
			if (pt(PTRACE_SEIZE, tids[i], 0, options(false)) < 0) {
				err = errno;
				if (vanished(pid, tids[i], err))
					continue;
				free(tids);
				return attach_error(pid, err);
			}
			l = lwp_new(p, tids[i]);
			if (!l) {
				free(tids);
				return ctl_failno(-ENOMEM);
			}
			l->state = LWP_RUNNING;
			fresh++;
		}
		free(tids);
	} while (fresh);
	if (!p->nlwp)
		return attach_error(pid, EPERM);
	/* Is it still the process that was meant? */
	if (ctl_proc_start(pid, &check) < 0 || check != start)
		return ctl_failno(-ENOENT);
	return 0;
}

uint64_t trace_timers(uint64_t now)
{
	uint64_t next = early_timers(now);
	struct proc *p;
	struct lwp *l;

	list_for_each(p, &procs, link)
		list_for_each(l, &p->lwps, link) {
			uint64_t d = l->repair.deadline;

			if (!d || !l->repair.watching ||
			    l->state != LWP_RUNNING || interrupt_pending(l))
				continue;
			if (d <= now)
				lwp_interrupt(l);
			else if (!next || d < next)
				next = d;
		}
	return next;
}

/*
 * A call with a time-out that was made again is watched to its end, unless
 * that is far away: until then no debugger could attach.
 */
#define LINGER_NS 30000000000ULL

static bool watched(const struct lwp *l)
{
	return l->repair.watching &&
	       l->repair.deadline < now_ns() + LINGER_NS;
}

bool trace_idle(void)
{
	struct proc *p;
	struct lwp *l;

	if (!list_empty(&earlies) || !list_empty(&shies))
		return false;
	list_for_each(p, &procs, link) {
		if (p->gone)
			continue;
		if (p->stopping || p->sigtrace || p->flttrace || p->discard ||
		    !sysset_empty(&p->sysentry) ||
		    !sysset_empty(&p->sysexit) || probe_active(p))
			return false;
		list_for_each(l, &p->lwps, link)
			if (l->state == LWP_STOPPED || l->state == LWP_PARKED ||
			    l->state == LWP_NEW || l->interrupted || l->dstop ||
			    (l->repair.rewound && l->repair.deadline) ||
			    watched(l) || l->stepping || l->aborted)
				return false;
	}
	return true;
}
