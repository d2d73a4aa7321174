/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * open.c - handles: which process, which backend, and the calls on them.
 *
 * A handle is bound to a process by a pidfd and its start time, taken together
 * so that the number cannot have changed hands between the two (P4).  This is
 * the one place where a backend is chosen; every call below then goes through
 * its struct ctl_transport.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "private.h"

/* -- which backend -------------------------------------------------------- */

static int keeper(const struct ctl_transport **t)
{
	const char *events = getenv("CTL_EVENTS");

	*t = &ctl_transport_keeper;
	if (events && *events && strcmp(events, "bpf") &&
	    strcmp(events, "ptrace"))
		return ctl_fail(-EINVAL,
				"CTL_EVENTS is \"%s\": it takes ptrace or bpf",
				events);
	return (*t)->available();
}

static int choose(const struct ctl_transport **t)
{
	const char *want = getenv("CTL_BACKEND");

	if (want && *want) {
		if (!strcmp(want, "keeper"))
			return keeper(t);
		if (strcmp(want, "module"))
			return ctl_fail(-EINVAL,
					"CTL_BACKEND is \"%s\": it takes module or keeper",
					want);
		*t = &ctl_transport_module;
		return (*t)->available();
	}
	if (ctl_transport_module.available() == 0) {
		*t = &ctl_transport_module;
		return 0;
	}
	return keeper(t);
}

CTL_EXPORT int ctl_backend_describe(char *buf, size_t size)
{
	const struct ctl_transport *t;
	char module[256], keeper[256], events[128] = "module";

	snprintf(module, sizeof(module), "%s",
		 ctl_transport_module.available() ? ctl_error() : "loaded");
	snprintf(keeper, sizeof(keeper), "%s",
		 ctl_transport_keeper.available() ? ctl_error() : "ready");
	if (choose(&t) < 0) {
		snprintf(buf, size, "backend: none: %s; module: %s; keeper: %s",
			 ctl_error(), module, keeper);
	} else {
		if (t == &ctl_transport_keeper)
			ctl_keeper_events(events, sizeof(events));
		snprintf(buf, size,
			 "backend: %s%s; module: %s; keeper: %s\nevents: %s",
			 t->name,
			 getenv("CTL_BACKEND") ? " (CTL_BACKEND)" : "", module,
			 keeper, *events ? events : "unknown");
	}
	return 0;
}

/* -- open ----------------------------------------------------------------- */

static bool exited(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

/* Does /proc number processes as the system calls do? */
static bool proc_is_ours(void)
{
	char self[16];
	ssize_t n = readlink("/proc/self", self, sizeof(self) - 1);

	if (n < 0)
		return false;
	self[n] = '\0';
	return atoi(self) == getpid();
}

/* h->pidfd and h->start, of one and the same living process */
static int identify(struct ctl *h)
{
	struct ctl_procinfo pi;
	char path[64];
	int fd, r;

	if (h->pid <= 0 || h->tid < 0)
		return ctl_fail(-EINVAL, "not a process number: %d", h->pid);
	if (!proc_is_ours())
		return ctl_fail(-ENODEV,
				"/proc is not mounted, or that of another pid namespace");
	if (ctl_proc_info(h->pid, 0, &pi) == 0 && pi.tgid != h->pid)
		return ctl_fail(-ENOENT,
				"%d is a thread of process %d, say %d/%d",
				h->pid, pi.tgid, pi.tgid, h->pid);
	fd = syscall(SYS_pidfd_open, h->pid, 0);
	if (fd < 0)
		return errno == ESRCH || errno == EINVAL ?
			       ctl_fail(-ENOENT, "No such process") :
			       ctl_failno(-errno);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	r = ctl_proc_start(h->pid, &h->start);
	/* The start time is of the pidfd's process if that still exists. */
	if (r < 0 || exited(fd)) {
		close(fd);
		if (r < 0 && r != -ENOENT)
			return ctl_failno(r);
		return ctl_fail(-ENOENT, r < 0 ? "No such process" :
						 "the process has exited");
	}
	if (h->tid) {
		snprintf(path, sizeof(path), "/proc/%d/task/%d", h->pid,
			 h->tid);
		if (access(path, F_OK) < 0) {
			close(fd);
			return ctl_fail(-ENOENT, "No such thread");
		}
	}
	h->pidfd = fd;
	return 0;
}

bool ctl_can_filter(void)
{
	const struct ctl_transport *t;

	return choose(&t) == 0 && t->filters;
}

static int connect_handle(struct ctl *h)
{
	const struct ctl_transport *t;
	int r;

	r = choose(&t);
	if (r < 0)
		return r;
	r = t->open(h, h->flags);
	if (r == 0) {
		h->t = t;
		ctl_log(CTL_LOG_INFO, "%d: opened, by the %s", h->pid, t->name);
	} else if ((h->flags & CTL_OPEN_RDONLY) && r != -ENOENT &&
		   r != -ETIMEDOUT) {
		r = 0; /* nothing controls it, or we may not ask: /proc */
		ctl_log(CTL_LOG_INFO, "%d: looked at in /proc: %s", h->pid,
			ctl_error());
	}
	return r;
}

int ctl_open_new(struct ctl **hp, pid_t pid, pid_t tid, int flags,
		 const struct ctl_sysset *tied)
{
	struct ctl *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return ctl_failno(-ENOMEM);
	h->pid = pid;
	h->tid = tid;
	h->flags = flags;
	h->tied = tied;
	h->fd = -1;
	r = identify(h);
	if (r == 0) {
		r = connect_handle(h);
		if (r < 0)
			close(h->pidfd);
	}
	h->tied = NULL;
	if (r < 0) {
		free(h);
		return r;
	}
	*hp = h;
	return 0;
}

CTL_EXPORT int ctl_open(struct ctl **h, pid_t pid, pid_t tid, int flags)
{
	return ctl_open_new(h, pid, tid, flags, NULL);
}

static void disconnect(struct ctl *h)
{
	if (h->t)
		h->t->close(h);
	h->t = NULL;
	h->fd = -1;
	h->priv = NULL;
	memset(&h->ring, 0, sizeof(h->ring));
}

CTL_EXPORT void ctl_close(struct ctl *h)
{
	if (!h)
		return;
	disconnect(h);
	close(h->pidfd);
	free(h);
}

CTL_EXPORT int ctl_reopen(struct ctl *h)
{
	struct ctl old = *h;
	int r;

	if (exited(h->pidfd))
		return ctl_fail(-ENOENT, "the process has exited");
	/* The new one first: with the last handle goes what PR_RLC covers. */
	h->t = NULL;
	h->fd = -1;
	h->priv = NULL;
	memset(&h->ring, 0, sizeof(h->ring));
	r = connect_handle(h);
	if (r < 0) {
		*h = old;
		return r;
	}
	disconnect(&old);
	return 0;
}

CTL_EXPORT pid_t ctl_pid(const struct ctl *h)
{
	return h->pid;
}

CTL_EXPORT pid_t ctl_tid(const struct ctl *h)
{
	return h->tid;
}

CTL_EXPORT const char *ctl_backend(const struct ctl *h)
{
	return h->t ? h->t->name : "none";
}

/* -- messages ------------------------------------------------------------- */

static void log_messages(const struct ctl *h, const unsigned char *p,
			 size_t len)
{
	struct ctl_message m;

	for (; ctl_logs() && ctl_message_next(p, len, &m) == 0;
	     p += m.total, len -= m.total)
		ctl_log(CTL_LOG_INFO, "%d: %s", h->tid ? h->tid : h->pid,
			ctl_message_name(m.code));
}

CTL_EXPORT int ctl_write(struct ctl *h, const void *msgs, size_t len,
			 size_t *done)
{
	if (!h->t || (h->flags & CTL_OPEN_RDONLY))
		return ctl_fail(-EBADF, "the handle is for reading the status");
	log_messages(h, msgs, len);
	return h->t->write(h, msgs, len, done);
}

static int send0(struct ctl *h, int64_t code)
{
	return ctl_write(h, &code, sizeof(code), NULL);
}

static int send1(struct ctl *h, int64_t code, uint64_t operand)
{
	uint64_t m[2] = { code, operand };

	return ctl_write(h, m, sizeof(m), NULL);
}

/* PCTWSTOP calls a timeout success: did it stop? */
static int check_stopped(struct ctl *h)
{
	struct ctl_status st;
	int r = h->t->status(h, &st);

	if (r < 0 || (st.flags & PR_ISTOP))
		return r;
	return ctl_fail(-ETIME, "not stopped yet");
}

CTL_EXPORT int ctl_wstop(struct ctl *h, int timeout_ms)
{
	int r;

	if (timeout_ms <= 0)
		return send0(h, PCWSTOP);
	r = send1(h, PCTWSTOP, timeout_ms);
	return r < 0 ? r : check_stopped(h);
}

CTL_EXPORT int ctl_stop(struct ctl *h, int timeout_ms)
{
	int64_t m[3] = { PCDSTOP, PCTWSTOP, timeout_ms };
	int r;

	if (timeout_ms <= 0)
		return send0(h, PCSTOP);
	r = ctl_write(h, m, sizeof(m), NULL);
	return r < 0 ? r : check_stopped(h);
}

CTL_EXPORT int ctl_dstop(struct ctl *h)
{
	return send0(h, PCDSTOP);
}

CTL_EXPORT int ctl_run(struct ctl *h, uint64_t flags)
{
	return send1(h, PCRUN, flags);
}

CTL_EXPORT int ctl_mode_set(struct ctl *h, uint64_t modes)
{
	return send1(h, PCSET, modes);
}

CTL_EXPORT int ctl_mode_unset(struct ctl *h, uint64_t modes)
{
	return send1(h, PCUNSET, modes);
}

CTL_EXPORT int ctl_kill(struct ctl *h, int sig)
{
	return send1(h, PCKILL, sig);
}

CTL_EXPORT int ctl_trace_signals(struct ctl *h, uint64_t set)
{
	return send1(h, PCSTRACE, set);
}

CTL_EXPORT int ctl_trace_faults(struct ctl *h, uint64_t set)
{
	return send1(h, PCSFAULT, set);
}

static int send_sysset(struct ctl *h, int64_t code,
		       const struct ctl_sysset *set)
{
	struct {
		int64_t code;
		struct ctl_sysset set;
	} m = { code, *set };

	return ctl_write(h, &m, sizeof(m), NULL);
}

CTL_EXPORT int ctl_trace_sysentry(struct ctl *h, const struct ctl_sysset *set)
{
	return send_sysset(h, PCSENTRY, set);
}

CTL_EXPORT int ctl_trace_sysexit(struct ctl *h, const struct ctl_sysset *set)
{
	return send_sysset(h, PCSEXIT, set);
}

CTL_EXPORT int ctl_regs_set(struct ctl *h, const struct ctl_regs *r)
{
	struct {
		int64_t code;
		struct ctl_regs r;
	} m = { PCSREG, *r };

	return ctl_write(h, &m, sizeof(m), NULL);
}

CTL_EXPORT int ctl_fpregs_set(struct ctl *h, const struct ctl_fpregs *r)
{
	struct {
		int64_t code;
		struct ctl_fpregs r;
	} m = { PCSFPREG, *r };

	return ctl_write(h, &m, sizeof(m), NULL);
}

static int memory(struct ctl *h, int64_t code, uint64_t addr, void *buf,
		  size_t len)
{
	struct {
		int64_t code;
		struct ctl_iovec iov;
	} m = { code, { (uintptr_t)buf, len, addr } };

	return ctl_write(h, &m, sizeof(m), NULL);
}

CTL_EXPORT int ctl_mem_read(struct ctl *h, uint64_t addr, void *buf, size_t len)
{
	return memory(h, PCREAD, addr, buf, len);
}

CTL_EXPORT int ctl_mem_write(struct ctl *h, uint64_t addr, const void *buf,
			     size_t len)
{
	return memory(h, PCWRITE, addr, (void *)buf, len);
}

/* -- status --------------------------------------------------------------- */

static unsigned flags_of(const struct ctl_procinfo *pi)
{
	return (pi->state == 'S' || pi->state == 'D' ? PR_ASLEEP : 0) |
	       (pi->tracer ? PR_PTRACE : 0) |
	       (pi->state == 'T' || pi->state == 't' ? PR_STOPPED : 0);
}

/* What /proc tells of a thread that no server holds. */
static int lwp_from_proc(pid_t pid, pid_t tid, struct ctl_lwpstatus *s)
{
	struct ctl_procinfo pi;
	int r = ctl_proc_info(pid, tid, &pi);

	if (r < 0)
		return r;
	memset(s, 0, sizeof(*s));
	s->tid = tid;
	s->flags = flags_of(&pi);
	if (pi.state == 'T') {
		s->why = PR_JOBCONTROL;
		s->what = SIGSTOP;
	}
	memcpy(s->comm, pi.comm, sizeof(s->comm));
	s->sighold = pi.sigblk;
	s->sigpend = pi.sigpend;
	s->syscall = CTL_NO_SYSCALL;
	ctl_proc_syscall(pid, tid, s);
	return 0;
}

static int status_from_proc(struct ctl *h, struct ctl_status *st)
{
	struct ctl_status s = { .size = sizeof(s),
				.version = CTL_ABI_VERSION };
	struct ctl_procinfo pi;
	char path[64], exe[8];
	int r = ctl_proc_info(h->pid, 0, &pi);

	if (r == 0)
		r = lwp_from_proc(h->pid, h->tid ? h->tid : h->pid, &s.lwp);
	if (r == 0 && exited(h->pidfd))
		r = -ENOENT;
	if (r < 0)
		return r == -ENOENT ? ctl_fail(r, "No such process") :
				      ctl_failno(r);
	s.pid = h->pid;
	s.ppid = pi.ppid;
	s.nlwp = pi.nlwp;
	s.start_time = h->start;
	s.sigpend = pi.shdpend;
	s.tracer = pi.tracer;
	s.flags = s.lwp.flags;
	/* Kernel threads have no image. */
	snprintf(path, sizeof(path), "/proc/%d/exe", h->pid);
	if (readlink(path, exe, sizeof(exe)) < 0 && errno == ENOENT)
		s.flags |= PR_ISSYS;
	*st = s;
	return 0;
}

static int threads_from_proc(struct ctl *h, struct ctl_lwpstatus **v)
{
	struct ctl_lwpstatus *w;
	pid_t *tids;
	int n, i, k = 0;

	n = ctl_proc_tids(h->pid, &tids);
	if (n < 0)
		return ctl_failno(n);
	w = calloc(n, sizeof(*w));
	for (i = 0; w && i < n; i++)
		if ((!h->tid || tids[i] == h->tid) &&
		    lwp_from_proc(h->pid, tids[i], &w[k]) == 0)
			k++;
	free(tids);
	if (!w)
		return ctl_failno(-ENOMEM);
	if (!k || exited(h->pidfd)) {
		free(w);
		return ctl_fail(-ENOENT, "No such process");
	}
	*v = w;
	return k;
}

/* The caller may have been compiled with a shorter one, or with a longer. */
CTL_EXPORT int ctl_status(struct ctl *h, struct ctl_status *st)
{
	size_t size = st->size;
	struct ctl_status s;
	int err;

	if (size < CTL_STATUS_SIZE_V1)
		return ctl_fail(-EINVAL, "ctl_status.size is not set");
	err = h->t ? h->t->status(h, &s) : status_from_proc(h, &s);
	if (err < 0)
		return err;
	s.size = size; /* for the next time */
	if (size > sizeof(s))
		memset((char *)st + sizeof(s), 0, size - sizeof(s));
	memcpy(st, &s, size < sizeof(s) ? size : sizeof(s));
	return 0;
}

CTL_EXPORT int ctl_threads(struct ctl *h, struct ctl_lwpstatus **v)
{
	struct ctl_lwpstatus *w = NULL, *bigger;
	int room = 16, n;

	if (!h->t)
		return threads_from_proc(h, v);
	for (;;) {
		bigger = realloc(w, room * sizeof(*w));
		if (!bigger) {
			free(w);
			return ctl_failno(-ENOMEM);
		}
		w = bigger;
		n = h->t->threads(h, w, room);
		if (n < 0) {
			free(w);
			return n;
		}
		if (n <= room)
			break;
		room = n + 16; /* more may be born meanwhile */
	}
	*v = w;
	return n;
}

CTL_EXPORT int ctl_regs_get(struct ctl *h, struct ctl_regs *r)
{
	struct ctl_status st = { .size = sizeof(st) };
	int err = ctl_status(h, &st);

	if (err < 0)
		return err;
	if (st.flags & PR_INVALID)
		return ctl_failh(h, -EAGAIN);
	if (!h->t || !(st.lwp.flags & PR_STOPPED) ||
	    st.lwp.why == PR_JOBCONTROL)
		return ctl_failh(h, -EBUSY);
	*r = st.lwp.reg;
	return 0;
}

CTL_EXPORT int ctl_fpregs_get(struct ctl *h, struct ctl_fpregs *r)
{
	if (!h->t)
		return ctl_failh(h, -EBUSY);
	return h->t->fpregs(h, r);
}

CTL_EXPORT int ctl_poll_fd(struct ctl *h, short *events)
{
	if (h->t)
		return h->t->poll_fd(h, events);
	*events = POLLIN;
	return h->pidfd;
}

CTL_EXPORT int ctl_poll_check(struct ctl *h)
{
	const struct ctl_ring *r = &h->ring;
	int bits;

	if (!h->t)
		return exited(h->pidfd) ? CTL_POLL_GONE : 0;
	bits = h->t->poll_check(h);
	if (bits >= 0 && r->user &&
	    __atomic_load_n(&r->info->head, __ATOMIC_ACQUIRE) != r->next)
		bits |= CTL_POLL_EVENTS;
	return bits;
}
