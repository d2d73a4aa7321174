/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guard.c - what is to be put right if the keeper is killed (P7).
 *
 * When a tracer dies the kernel sets its tracees running.  Two things it does
 * not know of: a breakpoint or semaphore that we wrote into their memory, and
 * a signal that we hold back from a stopped thread, which would be lost.  So
 * before either is done it is written down in a table that is shared with a
 * second process, the guardian, which does nothing but wait for the keeper's
 * end, and then undoes what the table says.
 *
 * The guardian shares the descriptors, too (CLONE_FILES): /proc/PID/mem has to
 * be open already where an LSM lets only the tracer open it.  And what takes
 * long to close, as uprobes do, is closed by the guardian: it stays until the
 * keeper is dead, and the tracees run, for a thread closes what it has before it
 * lets its tracees go.  It is started when the first entry is made.
 *
 * The tracees run on as soon as the tracer's thread is gone, and a breakpoint
 * kills, a child's copy of one as well.  So the guardian is the tracer of that
 * thread: killed by whatever, it stops on its way out (PTRACE_EVENT_EXIT), with
 * its tracees still its own, and goes on when all is undone.  What is left is a
 * thread that was inside a breakpoint's trap: its SIGTRAP is delivered.
 *
 * Where the keeper is traced already, by somebody who debugs it, the guardian
 * waits for a robust futex instead, that the thread holds.  The kernel releases
 * those when a thread begins to exit, before it lets the tracees go; then it is
 * a race.  (A pidfd tells only when the last thread of the process is dead.)
 *
 * Where only a tracer may write to a process's code (proc_mem.force_override), the
 * guardian cannot as long as the keeper is.  There it sends each thread of the
 * tracees a SIGSTOP while all of them still wait for the keeper: let go of, each
 * stops before it executes an instruction.  The guardian then is the tracer of
 * one of them for as long as it takes to write, and continues the process.
 *
 * When the guardian is killed, which the tracer's thread hears of as of any
 * child, another takes its place, with the same table.
 *
 * Whoever writes an entry makes it valid last, and invalid first: at any
 * moment the table says no more than the truth, but for the instant between
 * an entry and its deed, which is why the guardian looks before it writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/futex.h>

#include "keeper.h"

enum guard_kind { GUARD_FREE, GUARD_BYTE, GUARD_COUNT, GUARD_SIGNAL };

struct guard_entry {
	uint32_t kind; /* enum guard_kind; written last */
	int32_t pid, tid;
	int32_t memfd;
	uint64_t addr;
	uint8_t old, new;
	siginfo_t info;
};

#define ENTRIES 16384U

/* What passes between the two while the guardian takes up its post. */
enum guard_post { POST_WAIT, POST_TAKE, POST_TAKEN, POST_LEAVE };

/* Shared with the guardian. */
static struct guard_shared {
	pthread_mutex_t life; /* held by the tracer's thread as long as it is */
	pid_t tracer;	      /* that thread */
	uint32_t post;	      /* enum guard_post, a futex */
	uint32_t used;	      /* of the table: no entry from here on */
	struct guard_entry table[ENTRIES];
} *shared;
static struct guard_entry *table; /* of that; NULL: no guardian yet */
static unsigned first_free;       /* no free entry below */
static pid_t guardian_pid;        /* 0: none */
static int keeper_pidfd = -1;
static bool no_text;              /* guard_try() */
static bool by_tracing;           /* the same: code is written by its tracer */

/* -- the guardian: async-signal-safe calls only --------------------------- */

static void put_byte_back(const struct guard_entry *e, int fd)
{
	uint8_t now;

	if (pread(fd, &now, 1, e->addr) == 1 && now == e->new &&
	    pwrite(fd, &e->old, 1, e->addr) != 1)
		return; /* the mapping is gone */
}

static void count_down(const struct guard_entry *e)
{
	uint16_t now;

	if (pread(e->memfd, &now, 2, e->addr) != 2 || !now)
		return;
	now--;
	if (pwrite(e->memfd, &now, 2, e->addr) != 2)
		return;
}

static void send_again(const struct guard_entry *e)
{
	siginfo_t si = e->info;

	/* A faulting instruction is made again, and faults again. */
	switch (ctl_fault_of(si.si_signo, si.si_code)) {
	case 0:
	case FLTBPT:
	case FLTTRACE:
		break;
	default:
		return;
	}
	if (si.si_code >= 0 || si.si_code == SI_TKILL)
		syscall(SYS_tgkill, e->pid, e->tid, si.si_signo);
	else
		syscall(SYS_rt_tgsigqueueinfo, e->pid, e->tid, si.si_signo, &si);
}

/*
 * A child that was born just before the end has a copy of the breakpoints, and
 * is stopped still, as the tracer is.  from: the first entry of its parent.
 */
static void undo_in_child(unsigned from, pid_t child)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", child);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	for (unsigned i = from; i < shared->used; i++)
		if (table[i].kind == GUARD_BYTE &&
		    table[i].pid == table[from].pid)
			put_byte_back(&table[i], fd);
	close(fd);
}

/* Each thread has children of its own. */
static void each_child(unsigned from, pid_t pid, const char *thread,
		       void (*fn)(unsigned from, pid_t child))
{
	char path[80], buf[4096];
	ssize_t n, i;
	pid_t child = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%s/children", pid, thread);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	/* Each number has a space behind it. */
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (i = 0; i < n; i++) {
			if (buf[i] >= '0' && buf[i] <= '9') {
				child = child * 10 + buf[i] - '0';
				continue;
			}
			if (child)
				fn(from, child);
			child = 0;
		}
	close(fd);
}

static void undo_in_children(unsigned from, pid_t pid, const char *thread)
{
	each_child(from, pid, thread, undo_in_child);
}

/* Call fn(from, number) for each thread.  readdir(3) would allocate. */
static void each_thread(pid_t pid, unsigned from,
			void (*fn)(unsigned from, pid_t pid, const char *thread))
{
	struct {
		uint64_t ino;
		int64_t off;
		uint16_t len;
		uint8_t type;
		char name[];
	} *d;
	_Alignas(8) char buf[4096];
	char path[64];
	long n, at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
		for (at = 0; at < n; at += d->len) {
			d = (void *)(buf + at);
			if (d->name[0] != '.')
				fn(from, pid, d->name);
		}
	close(fd);
}

/* Is this entry the first of a process's breakpoints? */
static bool is_first(unsigned at)
{
	for (unsigned i = 0; i < at; i++)
		if (table[i].kind == GUARD_BYTE && table[i].pid == table[at].pid)
			return false;
	return true;
}

static void undo_all(void)
{
	unsigned i;

	/* Bytes first: they kill. */
	for (i = 0; i < shared->used; i++)
		if (table[i].kind == GUARD_BYTE)
			put_byte_back(&table[i], table[i].memfd);
	for (i = 0; i < shared->used; i++)
		if (table[i].kind == GUARD_BYTE && is_first(i))
			each_thread(table[i].pid, i, undo_in_children);
		else if (table[i].kind == GUARD_COUNT)
			count_down(&table[i]);
		else if (table[i].kind == GUARD_SIGNAL)
			send_again(&table[i]);
}

/* -- where only a tracer may write code ----------------------------------- */

/* A thread that was sent a SIGSTOP. */
static struct held {
	unsigned from; /* the first entry of its, or its parent's, breakpoints */
	pid_t pid, tid;
} held[4096];
static unsigned nheld;

static char state_of(const struct held *h)
{
	char path[64], buf[512], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", h->pid, h->tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	buf[n] = 0;
	p = strrchr(buf, ')');
	return p && p[1] ? p[2] : 0;
}

static void hold_thread(unsigned from, pid_t pid, const char *thread)
{
	struct held *h = &held[nheld];
	pid_t tid = atoi(thread);

	for (unsigned i = 0; i < nheld; i++)
		if (held[i].tid == tid)
			return;
	if (nheld == sizeof(held) / sizeof(*held))
		return;
	*h = (struct held){ .from = from, .pid = pid, .tid = tid };
	if (syscall(SYS_tgkill, pid, tid, SIGSTOP) == 0)
		nheld++;
}

static void hold_child(unsigned from, pid_t child)
{
	struct held h = { .pid = child, .tid = child };

	/* A tracee that was born just now; others have been seen to. */
	if (state_of(&h) == 't')
		each_thread(child, from, hold_thread);
}

static void hold_children(unsigned from, pid_t pid, const char *thread)
{
	each_child(from, pid, thread, hold_child);
}

static void nap(void)
{
	static const struct timespec ms = { .tv_nsec = 1000000 };

	nanosleep(&ms, NULL);
}

/* All threads with breakpoints wait for the keeper, with a SIGSTOP; 500 ms. */
static void hold_all(void)
{
	unsigned before = 0, i, waiting = 1;

	for (int tries = 0; tries < 500 && (waiting || nheld != before); tries++) {
		before = nheld;
		for (i = 0; i < shared->used; i++)
			if (table[i].kind == GUARD_BYTE && is_first(i)) {
				each_thread(table[i].pid, i, hold_thread);
				each_thread(table[i].pid, i, hold_children);
			}
		nap();
		waiting = 0;
		for (i = 0; i < nheld; i++)
			switch (state_of(&held[i])) {
			case 'R':
			case 'S':
				waiting++;
			}
	}
}

static void poke(pid_t tid, const struct guard_entry *e)
{
	uint64_t at = e->addr & ~7ULL;
	unsigned shift = (e->addr & 7) * 8;
	uint64_t word;

	errno = 0;
	word = ptrace(PTRACE_PEEKDATA, tid, at, 0L);
	if (errno || (uint8_t)(word >> shift) != e->new)
		return;
	word = (word & ~(0xffULL << shift)) | (uint64_t)e->old << shift;
	ptrace(PTRACE_POKEDATA, tid, at, word);
}

/* The keeper lets go of it: be its tracer, until it has stopped; 1 s. */
static bool seized(pid_t tid)
{
	int status;

	for (int tries = 0; ptrace(PTRACE_SEIZE, tid, 0L, 0L) < 0; tries++) {
		if (errno != EPERM || tries == 1000)
			return false;
		nap();
	}
	for (int tries = 0; tries < 1000; tries++) {
		if (waitpid(tid, &status, __WALL | WNOHANG) == tid)
			return WIFSTOPPED(status);
		if (tries == 20)
			ptrace(PTRACE_INTERRUPT, tid, 0L, 0L);
		nap();
	}
	return false;
}

static void let_go_of_all(void)
{
	unsigned i, j;

	for (i = 0; i < nheld; i++) {
		if (!held[i].pid || !seized(held[i].tid))
			continue; /* gone: another thread of it will do */
		for (j = held[i].from; j < shared->used; j++)
			if (table[j].kind == GUARD_BYTE &&
			    table[j].pid == table[held[i].from].pid)
				poke(held[i].tid, &table[j]);
		ptrace(PTRACE_DETACH, held[i].tid, 0L, 0L);
		kill(held[i].pid, SIGCONT);
		for (j = i + 1; j < nheld; j++)
			if (held[j].pid == held[i].pid)
				held[j].pid = 0;
	}
	/* None could be had: it shall not stay stopped. */
	for (i = 0; i < nheld; i++)
		if (held[i].pid)
			kill(held[i].pid, SIGCONT);
}

/* -- the guardian's post -------------------------------------------------- */

/* The word of a robust mutex, as the kernel knows it: glibc's first member. */
static int *life_word(void)
{
	return &shared->life.__data.__lock;
}

static void post_set(enum guard_post post)
{
	__atomic_store_n(&shared->post, post, __ATOMIC_RELEASE);
	syscall(SYS_futex, &shared->post, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static enum guard_post post_get(void)
{
	return __atomic_load_n(&shared->post, __ATOMIC_ACQUIRE);
}

/* A while, or until it is not POST. */
static void post_wait(enum guard_post post)
{
	static const struct timespec while_ = { .tv_nsec = 10000000 };

	syscall(SYS_futex, &shared->post, FUTEX_WAIT, post, &while_, NULL, 0);
}

/* The tracer's thread, from now on; false: that is not allowed. */
static bool take_post(pid_t keeper)
{
	bool taken;

	while (post_get() == POST_WAIT) {
		if (getppid() != keeper)
			return false;
		post_wait(POST_WAIT);
	}
	taken = ptrace(PTRACE_SEIZE, shared->tracer, 0L,
		       (long)PTRACE_O_TRACEEXIT) == 0;
	post_set(POST_TAKEN);
	return taken;
}

/* Until it begins to exit: then it is stopped, and true is returned.  False: it
 * is not traced any more. */
static bool await_exit(void)
{
	pid_t tid = shared->tracer;
	int status, sig;

	for (;;) {
		if (waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
			return false;
		sig = WSTOPSIG(status);
		switch (status >> 16) {
		case 0: /* a signal */
			if (post_get() == POST_LEAVE) {
				ptrace(PTRACE_DETACH, tid, 0L, (long)sig);
				return false;
			}
			ptrace(PTRACE_CONT, tid, 0L, (long)sig);
			break;
		case PTRACE_EVENT_EXIT:
			return true;
		case PTRACE_EVENT_STOP:
			if (sig != SIGTRAP) { /* stopped as if by a shell */
				ptrace(PTRACE_LISTEN, tid, 0L, 0L);
				break;
			}
			/* fall through */
		default:
			ptrace(PTRACE_CONT, tid, 0L, 0L);
		}
	}
}

static void await_death(void)
{
	int *word = life_word(), v;

	for (;;) {
		v = __atomic_load_n(word, __ATOMIC_ACQUIRE);
		if (!(v & FUTEX_TID_MASK) || (v & FUTEX_OWNER_DIED))
			return;
		/* The kernel wakes only where this says that someone waits. */
		if (!(v & (int)FUTEX_WAITERS) &&
		    !__atomic_compare_exchange_n(word, &v,
						 v | (int)FUTEX_WAITERS, false,
						 __ATOMIC_ACQ_REL,
						 __ATOMIC_ACQUIRE))
			continue;
		syscall(SYS_futex, word, FUTEX_WAIT, v | (int)FUTEX_WAITERS,
			NULL, NULL, 0);
	}
}

/* Of all its threads; they take no time for it but for what they wait for. */
static void await_end(void)
{
	struct pollfd p = { .fd = keeper_pidfd, .events = POLLIN };

	if (p.fd >= 0)
		poll(&p, 1, 10000);
}

static _Noreturn void guardian(pid_t keeper)
{
	struct sched_param first = { .sched_priority = 1 };
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_NAME, "ctlguard");
	/* Where that is allowed: be first when the time comes. */
	if (sched_setscheduler(0, SCHED_FIFO, &first) < 0)
		setpriority(PRIO_PROCESS, 0, -20);
	/* Its memory is the keeper's. */
	prctl(PR_SET_DUMPABLE, 0);
	if (!take_post(keeper) || !await_exit())
		await_death();
	undo_all();
	if (by_tracing)
		hold_all();
	ptrace(PTRACE_DETACH, shared->tracer, 0L, 0L); /* it goes on */
	if (by_tracing)
		let_go_of_all();
	await_end();
	_exit(0);
}

/* -- the keeper's side ---------------------------------------------------- */

static int lock_life(pthread_mutex_t *m)
{
	pthread_mutexattr_t a;
	int err;

	pthread_mutexattr_init(&a);
	pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	err = pthread_mutex_init(m, &a);
	if (!err)
		err = pthread_mutex_lock(m);
	pthread_mutexattr_destroy(&a);
	return -err;
}

static int start_guardian(void)
{
	pid_t pid, keeper = getpid();
	siginfo_t si;

	shared->tracer = syscall(SYS_gettid);
	shared->post = POST_WAIT;
	follow_rest(); /* or it would be bound, too */
	if (keeper_pidfd < 0)
		keeper_pidfd = syscall(SYS_pidfd_open, keeper, 0);
	pid = syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, 0);
	if (pid == 0)
		guardian(keeper);
	if (pid < 0)
		return -errno;
	guardian_pid = pid;
	/*
	 * One without privileges may trace only what may dump, and where Yama
	 * is, only a child or one that says so.  For this moment.
	 */
	prctl(PR_SET_DUMPABLE, 1);
	prctl(PR_SET_PTRACER, (long)pid);
	post_set(POST_TAKE);
	while (post_get() == POST_TAKE) {
		post_wait(POST_TAKE);
		si.si_pid = 0;
		if (waitid(P_PID, pid, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    si.si_pid)
			break; /* killed already: guard_ended() will hear */
	}
	prctl(PR_SET_PTRACER, 0L);
	prctl(PR_SET_DUMPABLE, 0);
	return 0;
}

void guard_end(void)
{
	if (!guardian_pid)
		return;
	post_set(POST_LEAVE);
	raise(SIGUSR1); /* is handled: it only stops this thread */
}

bool guard_ended(pid_t pid)
{
	int err;

	if (!guardian_pid || pid != guardian_pid)
		return false;
	guardian_pid = 0;
	err = start_guardian();
	if (err)
		klog("no guardian any more: %s", strerror(-err));
	return true;
}

int guard_start(void)
{
	struct guard_shared *s;
	int err;

	if (table)
		return guardian_pid ? 0 : start_guardian();
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return -ENOMEM;
	err = lock_life(&s->life);
	if (err)
		goto unmap;
	shared = s;
	table = s->table;
	err = start_guardian();
	if (!err)
		return 0;
	pthread_mutex_unlock(&s->life);
	shared = NULL;
	table = NULL;
unmap:
	munmap(s, sizeof(*s));
	klog("no guardian: %s", strerror(-err));
	return err;
}

static int guard_add(const struct guard_entry *e, enum guard_kind kind)
{
	struct guard_entry *slot;
	unsigned i;
	int err;

	err = guard_start();
	if (err)
		return err;
	for (i = first_free; i < ENTRIES && table[i].kind != GUARD_FREE; i++)
		;
	if (i == ENTRIES)
		return -ENOSPC;
	first_free = i + 1;
	if (i >= shared->used)
		shared->used = i + 1;
	slot = &table[i];
	*slot = *e;
	slot->kind = GUARD_FREE;
	__atomic_store_n(&slot->kind, kind, __ATOMIC_RELEASE);
	return i;
}

void guard_remove(int slot)
{
	if (slot < 0 || !table || (unsigned)slot >= ENTRIES)
		return;
	__atomic_store_n(&table[slot].kind, GUARD_FREE, __ATOMIC_RELEASE);
	if ((unsigned)slot < first_free)
		first_free = slot;
}

void guard_try(void)
{
	off_t at = (uintptr_t)guard_try;
	uint8_t byte;
	int fd = open("/proc/self/mem", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return;
	if (pread(fd, &byte, 1, at) == 1 && pwrite(fd, &byte, 1, at) != 1) {
		by_tracing = ctl_may_trace_others();
		no_text = !by_tracing;
		klog("code is written by its tracer only%s",
		     no_text ? ", which the guardian cannot be: no breakpoints" :
			       "");
	}
	close(fd);
}

int guard_byte(struct proc *p, uint64_t addr, uint8_t old, uint8_t new)
{
	struct guard_entry e = { .pid = p->pid,
				 .memfd = p->memfd,
				 .addr = addr,
				 .old = old,
				 .new = new };

	if (no_text)
		return -EPERM;
	return p->memfd < 0 ? -EBADF : guard_add(&e, GUARD_BYTE);
}

int guard_count(struct proc *p, uint64_t addr)
{
	struct guard_entry e = { .pid = p->pid,
				 .memfd = p->memfd,
				 .addr = addr };

	return p->memfd < 0 ? -EBADF : guard_add(&e, GUARD_COUNT);
}

int guard_signal(struct proc *p, pid_t tid, const siginfo_t *si)
{
	struct guard_entry e = { .pid = p->pid,
				 .tid = tid,
				 .memfd = -1,
				 .info = *si };

	return guard_add(&e, GUARD_SIGNAL);
}
