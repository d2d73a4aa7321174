/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * client.c - the keeper's connections (proto.h).
 *
 * A request is carried out at once, but for a batch that comes to a wait: the
 * rest of it is kept in the client and goes on when clients_dispatch() finds
 * the stop, the process gone, or the time up.  Nothing here blocks; a client
 * that does not read its replies is closed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "keeper.h"
#include "source.h"
#include "uprobe.h"

struct list clients = { &clients, &clients };

static void run_batch(struct client *c);

/* How long afar_strict() waits before it looks again. */
#define TOGETHER_NS 1000000U

/* -- replies -------------------------------------------------------------- */

static void reply_fds(struct client *c, uint32_t seq, int err, uint64_t value,
		      const void *data, size_t len, const int *fds, int nfd)
{
	struct keep_rep rep = { .seq = seq,
				.err = err,
				.value = value,
				.len = len };
	struct iovec iov[2] = { { &rep, sizeof(rep) }, { (void *)data, len } };
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(2 * sizeof(int))];
	} u;
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = len ? 2 : 1 };
	struct cmsghdr *cm;

	if (nfd) {
		memset(&u, 0, sizeof(u));
		m.msg_control = u.buf;
		m.msg_controllen = CMSG_SPACE(nfd * sizeof(int));
		cm = CMSG_FIRSTHDR(&m);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(nfd * sizeof(int));
		memcpy(CMSG_DATA(cm), fds, nfd * sizeof(int));
	}
	if (sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		c->dead = true;
}

static void reply(struct client *c, uint32_t seq, int err, uint64_t value,
		  const void *data, size_t len)
{
	reply_fds(c, seq, err, value, data, len, NULL, 0);
}

void client_wake(struct client *c)
{
	uint64_t one = 1;

	if (write(c->notify, &one, sizeof(one)) < 0)
		return; /* EAGAIN: it is readable already */
}

/* -- the target of a handle ----------------------------------------------- */

static int target_error(const struct client *c)
{
	if (!c->proc || c->proc->gone)
		return -ENOENT;
	if (c->invalid)
		return -EAGAIN;
	if (c->tid && !proc_lwp(c->proc, c->tid))
		return -ENOENT;
	return 0;
}

/* The thread that a message to the process means: the representative. */
static struct lwp *target_lwp(struct client *c)
{
	return c->tid ? proc_lwp(c->proc, c->tid) :
			proc_representative(c->proc);
}

static bool target_stopped(struct client *c)
{
	struct lwp *l;

	if (!c->tid)
		return proc_istopped(c->proc);
	l = proc_lwp(c->proc, c->tid);
	return l && lwp_stopped(l);
}

/* How often it was stopped: a wait that sees the number change is over, even
 * if somebody has set the target running again before we looked. */
static uint64_t target_stops(struct client *c)
{
	struct lwp *l;

	if (!c->tid)
		return c->proc->stops;
	l = proc_lwp(c->proc, c->tid);
	return l ? l->stops : 0;
}

static unsigned poll_bits(struct client *c)
{
	unsigned bits = 0;

	if (!c->proc || c->proc->gone ||
	    (c->tid && !proc_lwp(c->proc, c->tid)))
		return CTL_POLL_GONE;
	if (c->invalid)
		return CTL_POLL_INVALID;
	if (target_stopped(c))
		bits |= CTL_POLL_STOPPED;
	return bits;
}

/* -- messages ------------------------------------------------------------- */

static int64_t operand64(const struct ctl_message *m)
{
	int64_t v;

	memcpy(&v, m->operand, sizeof(v));
	return v;
}

static struct lwp *stopped_lwp(struct client *c)
{
	struct lwp *l = target_lwp(c);

	return l && l->state == LWP_STOPPED ? l : NULL;
}

static int send_signal(struct client *c, int64_t sig)
{
	long r;

	if (sig < 1 || sig > 64)
		return -EINVAL;
	if (c->tid)
		r = syscall(SYS_tgkill, c->proc->pid, c->tid, (int)sig);
	else
		r = syscall(SYS_pidfd_send_signal, proc_pidfd(c->proc), (int)sig,
			    NULL, 0);
	return r < 0 ? (errno == ESRCH ? -ENOENT : -errno) : 0;
}

/* ptrace cannot take a pending signal away: it is dropped when it comes. */
static int unkill(struct client *c, int64_t sig)
{
	struct ctl_procinfo pi;

	if (sig < 1 || sig > 64 || sig == SIGKILL)
		return -EINVAL;
	if (ctl_proc_info(c->proc->pid, c->tid, &pi) == 0 &&
	    ((pi.sigpend | pi.shdpend) & CTL_SIGBIT(sig)))
		c->proc->discard |= CTL_SIGBIT(sig);
	return 0;
}

static int set_signal(struct client *c, const struct ctl_message *m)
{
	struct lwp *l = stopped_lwp(c);
	siginfo_t si;

	if (!l)
		return -EBUSY;
	memcpy(&si, m->operand, sizeof(si));
	if (si.si_signo < 0 || si.si_signo > 64)
		return -EINVAL;
	if (si.si_signo == SIGKILL)
		return send_signal(c, SIGKILL);
	if (si.si_signo && l->kind == STOP_SIGNAL &&
	    ptrace(PTRACE_SETSIGINFO, l->tid, NULL, &si) < 0)
		return -errno;
	l->cursig = si.si_signo;
	l->info = si;
	lwp_guard(l);
	return 0;
}

static int set_regs(struct client *c, const struct ctl_message *m)
{
	struct lwp *l = stopped_lwp(c);
	struct ctl_fpregs fp;
	struct ctl_regs r;
	int err;

	if (!l)
		return -EBUSY;
	switch (m->code) {
	case PCSREG:
		memcpy(&r, m->operand, sizeof(r));
		break;
	case PCSVADDR:
		err = lwp_getregs(l, &r);
		if (err)
			return err;
		r.rip = operand64(m);
		break;
	case PCSFPREG:
		memcpy(&fp, m->operand, sizeof(fp));
		return ptrace(PTRACE_SETFPREGS, l->tid, NULL, &fp) < 0 ? -errno :
									 0;
	}
	err = lwp_setregs(l, &r);
	if (!err)
		memset(&l->repair, 0, sizeof(l->repair));
	return err;
}

static bool source_forced(void)
{
	const char *want = getenv("CTL_EVENTS");

	return want && !strcmp(want, "bpf");
}

static int set_record(struct client *c, const struct ctl_message *m)
{
	struct ctl_record r;
	struct cover *cv;
	int err = 0;

	memcpy(&r, m->operand, sizeof(r));
	if (!c->ring.user || r.reserved ||
	    (r.events & ~((2U << CTL_REC_MAX) - 2) & ~(1U << CTL_REC_COUNT)))
		return -EINVAL;
	/* Nothing shall stop at its calls for an empty set. */
	if (sysset_empty(&r.calls))
		r.events &= ~(1U << CTL_REC_SYSCALL | 1U << CTL_REC_SYSENTRY);
	c->record = r;
	cover_add(c, c->proc);
	uprobe_select();
	if (c->source)
		source_select(c);
	else if (r.events & (1U << CTL_REC_SYSCALL | 1U << CTL_REC_SYSENTRY) &&
		 !trace_tied() && (source_forced() || !source_await(c)))
		err = source_open(c);
	if (err && source_forced())
		return -EOPNOTSUPP;
	afar_begin(c);
	list_for_each(cv, &c->covers, by_client)
		proc_retrace(cv->proc);
	return 0;
}

/* Must all be attached to for it, that are and that will be? */
static bool needs_all(const struct client *c, const struct ctl_message *m)
{
	struct ctl_sysset set;
	struct ctl_record r;

	switch (m->code) {
	case PCSTRACE:
	case PCSFAULT:
		return operand64(m) != 0;
	case PCSENTRY:
	case PCSEXIT:
		memcpy(&set, m->operand, sizeof(set));
		return !sysset_empty(&set);
	case PCSET:
		return operand64(m) & (PR_KLC | PR_FORK);
	case PCRECORD:
		memcpy(&r, m->operand, sizeof(r));
		return !afar_is(c) || r.events & (1U << CTL_REC_PROBE |
						  1U << CTL_REC_COUNT);
	case PCCAPTURE:
	case PCPROBE:
		return true;
	}
	return false;
}

/* PCCSIG, PCCFAULT */
static int clear_current(struct client *c, long code)
{
	struct lwp *l = stopped_lwp(c);

	if (!l)
		return -EBUSY;
	if (code == PCCSIG || l->why == PR_FAULTED)
		l->cursig = 0;
	if (code == PCCFAULT)
		l->curflt = 0;
	lwp_guard(l);
	return 0;
}

static int hold_signals(struct client *c, uint64_t set)
{
	struct lwp *l = stopped_lwp(c);

	if (!l)
		return -EBUSY;
	return ptrace(PTRACE_SETSIGMASK, l->tid, (void *)8, &set) < 0 ? -errno :
								       0;
}

/* PCSET, PCUNSET */
static int change_modes(struct proc *p, bool set, uint64_t modes)
{
	if (modes & ~PR_MODES)
		return -EINVAL;
	if (set)
		p->modes |= modes;
	else
		p->modes &= ~modes;
	return 0;
}

/* 1: has to wait.  2: to be done again.  0: done.  -errno */
static int do_message(struct client *c, const struct ctl_message *m)
{
	struct proc *p = c->proc;
	uint64_t v;
	int64_t ms;
	int err;

	err = target_error(c);
	if (err)
		return err;
	if (needs_all(c, m) && !afar_strict())
		return 2;
	switch (m->code) {
	case PCNULL:
		return 0;
	case PCSTOP:
	case PCDSTOP:
		if (c->tid)
			lwp_dstop(proc_lwp(p, c->tid));
		else
			proc_dstop(p);
		clients_update(p);
		if (m->code == PCDSTOP)
			return 0;
		/* fall through */
	case PCWSTOP:
		c->wait_deadline = 0;
		return target_stopped(c) ? 0 : 1;
	case PCTWSTOP:
		ms = operand64(m);
		if (ms < 0)
			return -EINVAL;
		c->wait_deadline = 0;
		if (ms && ms < INT64_MAX / 1000000)
			c->wait_deadline = now_ns() + ms * 1000000;
		return target_stopped(c) ? 0 : 1;
	case PCRUN:
		v = operand64(m);
		if (v & ~PR_RUN_FLAGS)
			return -EINVAL;
		return c->tid ? lwp_run(proc_lwp(p, c->tid), v) :
				proc_run(p, v);
	case PCCSIG:
	case PCCFAULT:
		return clear_current(c, m->code);
	case PCSSIG:
		return set_signal(c, m);
	case PCKILL:
		return send_signal(c, operand64(m));
	case PCUNKILL:
		return unkill(c, operand64(m));
	case PCSHOLD:
		return hold_signals(c, operand64(m));
	case PCSTRACE:
		p->sigtrace = operand64(m) & ~CTL_SIGBIT(SIGKILL);
		return 0;
	case PCSFAULT:
		p->flttrace = operand64(m) & (CTL_FLTBIT(CTL_FAULT_MAX) * 2 - 1);
		return 0;
	case PCSENTRY:
		memcpy(&p->sysentry, m->operand, sizeof(p->sysentry));
		proc_retrace(p);
		return 0;
	case PCSEXIT:
		memcpy(&p->sysexit, m->operand, sizeof(p->sysexit));
		proc_retrace(p);
		return 0;
	case PCSET:
	case PCUNSET:
		return change_modes(p, m->code == PCSET, operand64(m));
	case PCSREG:
	case PCSFPREG:
	case PCSVADDR:
		return set_regs(c, m);
	case PCRECORD:
		return set_record(c, m);
	case PCCAPTURE:
		return capture_upload(c, m->operand, m->size);
	case PCPROBE:
		return probe_enable(c, m->operand, m->size);
	case PCUNPROBE:
		return probe_disable(c, operand64(m));
	}
	return -EINVAL; /* PCREAD, PCWRITE, PCRING have their own requests */
}

static void batch_end(struct client *c, int err)
{
	uint64_t done = c->batch_done;

	c->waiting = false;
	free(c->batch);
	c->batch = NULL;
	c->batch_len = c->batch_done = c->batch_step = 0;
	reply(c, c->seq, err, done, NULL, 0);
}

static void run_batch(struct client *c)
{
	struct ctl_message m;
	int r;

	while (c->batch_done < c->batch_len) {
		r = ctl_message_next(c->batch + c->batch_done,
				     c->batch_len - c->batch_done, &m);
		if (r == 0)
			r = do_message(c, &m);
		if (r < 0) {
			batch_end(c, r);
			return;
		}
		if (r > 0) {
			c->waiting = true;
			c->wait_together = r == 2;
			if (r == 2) {
				keeper_timer(now_ns() + TOGETHER_NS);
				return;
			}
			c->wait_directed = m.code == PCSTOP;
			c->wait_stops = target_stops(c);
			c->wait_runs = c->proc->runs;
			c->batch_step = m.total;
			if (c->wait_deadline)
				keeper_timer(c->wait_deadline);
			/* A zombie never stops: look for one in a while. */
			if (c->proc->stopping)
				keeper_timer(now_ns() + 20000000);
			return;
		}
		c->batch_done += m.total;
	}
	batch_end(c, 0);
}

/* What a waiting client waits for has come, or never will. */
static void check_wait(struct client *c, uint64_t now)
{
	int err = target_error(c);

	if (err) {
		batch_end(c, err);
	} else if (c->wait_together) {
		c->waiting = false;
		run_batch(c);
	} else if (target_stopped(c) || c->wait_stops != target_stops(c) ||
		   (c->wait_directed && c->wait_runs != c->proc->runs) ||
		   (c->wait_deadline && now >= c->wait_deadline)) {
		c->waiting = false;
		c->batch_done += c->batch_step;
		run_batch(c);
	}
}

void clients_update(struct proc *p)
{
	p->dirty = true;
}

void clients_dispatch(void)
{
	struct client *c, *tmp;
	struct proc *p;
	unsigned bits;
	bool again;

	do {
		again = false;
		list_for_each(p, &procs, link) {
			if (!p->dirty)
				continue;
			p->dirty = false;
			again = true;
			list_for_each_safe(c, tmp, &p->clients, proc_link) {
				if (c->dead)
					continue;
				if (c->waiting)
					check_wait(c, now_ns());
				bits = poll_bits(c);
				if (bits != c->told) {
					c->told = bits;
					client_wake(c);
				}
			}
		}
	} while (again);
}

uint64_t client_timers(uint64_t now)
{
	struct client *c;
	uint64_t next = 0;

	list_for_each(c, &clients, link) {
		if (!c->waiting)
			continue;
		if (c->proc->stopping)
			proc_find_zombies(c->proc);
		check_wait(c, now);
		if (!c->waiting)
			continue;
		if (c->wait_together) {
			if (!next || now + TOGETHER_NS < next)
				next = now + TOGETHER_NS;
			continue;
		}
		if (c->wait_deadline && (!next || c->wait_deadline < next))
			next = c->wait_deadline;
		if (c->proc->stopping && (!next || now + 100000000 < next))
			next = now + 100000000;
	}
	return next;
}

/* -- requests ------------------------------------------------------------- */

/*
 * May this client open this process now (P5)?  The keeper got in with its own
 * credentials, which are the client's unless that is root; the process may
 * have changed since.  Opening mem makes the kernel ask the same question as
 * PTRACE_ATTACH.
 */
static int check_access(const struct client *c, struct proc *p)
{
	char path[64];
	int fd;

	if (c->rdonly || c->uid == 0)
		return 0;
	proc_mem_path(p, path, sizeof(path));
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT || errno == ESRCH ? -ENOENT : -EPERM;
	close(fd);
	return 0;
}

static int do_hello(struct client *c, const struct keep_hello *h)
{
	struct client *o;
	struct proc *p;
	int err;

	if (c->proc || h->version != KEEP_VERSION)
		return -EINVAL;
	afar_catch_up();
	p = proc_find(h->pid, h->start);
	if (!p || p->gone)
		return -ENOENT;
	if (h->tid && !proc_lwp(p, h->tid))
		return -ENOENT;
	c->rdonly = h->flags & KEEP_HELLO_RDONLY;
	err = check_access(c, p);
	if (!err && !c->rdonly)
		err = afar_attach(p);
	if (err)
		return err;
	if (!c->rdonly)
		afar_regain();
	if (h->flags & KEEP_HELLO_EXCL)
		list_for_each(o, &p->clients, proc_link)
			if (!o->rdonly && !o->dead)
				return -EBUSY;
	c->notify = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->notify < 0)
		return -errno;
	c->tid = h->tid;
	c->proc = p;
	list_add_tail(&c->proc_link, &p->clients);
	c->told = poll_bits(c);
	return 0;
}

/* Registers and arguments are for those who may open the process (P5), which
 * a handle for the status alone was not asked for. */
static bool may_see(const struct client *c)
{
	return !c->invalid &&
	       (!c->rdonly || proc_may_control(c->proc, c->uid));
}

static void do_threads(struct client *c, const struct keep_req *q)
{
	struct ctl_lwpstatus *v;
	struct lwp *l;
	pid_t tids[KEEP_DATA / sizeof(*v)], t;
	unsigned n = 0, i, room = KEEP_DATA / sizeof(*v);

	/* The lowest tids above q->arg, in order: lwps are nearly so. */
	list_for_each(l, &c->proc->lwps, link) {
		if (l->tid <= q->arg || (c->tid && l->tid != c->tid))
			continue;
		if (n == room && l->tid > tids[n - 1])
			continue;
		if (n < room)
			n++;
		t = l->tid;
		for (i = n - 1; i > 0 && tids[i - 1] > t; i--)
			tids[i] = tids[i - 1];
		tids[i] = t;
	}
	v = calloc(n ? n : 1, sizeof(*v));
	if (!v) {
		reply(c, q->seq, -ENOMEM, 0, NULL, 0);
		return;
	}
	for (i = 0; i < n; i++) {
		status_lwp(proc_lwp(c->proc, tids[i]), &v[i]);
		if (!may_see(c))
			status_withhold(&v[i]);
	}
	reply(c, q->seq, 0, c->tid ? 1 : c->proc->nlwp, v, n * sizeof(*v));
	free(v);
}

static void do_memory(struct client *c, const struct keep_req *q,
		      const unsigned char *data)
{
	unsigned char buf[KEEP_DATA];
	struct keep_mem m;
	int err;

	if (q->len < sizeof(m)) {
		reply(c, q->seq, -EINVAL, 0, NULL, 0);
		return;
	}
	memcpy(&m, data, sizeof(m));
	if (m.len > sizeof(buf) ||
	    (q->kind == KEEP_WRITE && q->len - sizeof(m) != m.len)) {
		reply(c, q->seq, -EINVAL, 0, NULL, 0);
		return;
	}
	if (q->kind == KEEP_READ) {
		err = proc_read(c->proc, m.addr, buf, m.len);
		probe_hide(c->proc, m.addr, buf, m.len);
		reply(c, q->seq, err, 0, buf, err ? 0 : m.len);
	} else {
		memcpy(buf, data + sizeof(m), m.len);
		probe_keep(c->proc, m.addr, buf, m.len);
		err = proc_write(c->proc, m.addr, buf, m.len);
		if (!err)
			probe_written(c->proc, m.addr, data + sizeof(m),
				      m.len);
		reply(c, q->seq, err, 0, NULL, 0);
	}
}

static void do_probes(struct client *c, const struct keep_req *q)
{
	unsigned char buf[KEEP_DATA];
	size_t len = probe_list(c->proc, q->arg, buf, sizeof(buf));

	reply(c, q->seq, 0, 0, buf, len);
}

static void do_fpregs(struct client *c, const struct keep_req *q)
{
	struct ctl_fpregs fp;
	struct lwp *l = stopped_lwp(c);

	if (!l)
		reply(c, q->seq, -EBUSY, 0, NULL, 0);
	else if (ptrace(PTRACE_GETFPREGS, l->tid, NULL, &fp) < 0)
		reply(c, q->seq, -errno, 0, NULL, 0);
	else
		reply(c, q->seq, 0, 0, &fp, sizeof(fp));
}

static void do_ring(struct client *c, const struct keep_req *q,
		    const unsigned char *data)
{
	struct ctl_ring_setup s;
	int fds[2], err;

	if (q->len != sizeof(s)) {
		reply(c, q->seq, -EINVAL, 0, NULL, 0);
		return;
	}
	memcpy(&s, data, sizeof(s));
	err = ring_setup(c, &s, fds);
	if (err) {
		reply(c, q->seq, err, 0, NULL, 0);
		return;
	}
	reply_fds(c, q->seq, 0, 0, NULL, 0, fds, 2);
	close(fds[0]);
	close(fds[1]);
}

static void do_request(struct client *c, const struct keep_req *q,
		       const unsigned char *data)
{
	struct ctl_status st;
	struct keep_hello hello;
	int err;

	if (q->kind == KEEP_HELLO) {
		if (q->len != sizeof(hello)) {
			reply(c, q->seq, -EINVAL, 0, NULL, 0);
			return;
		}
		memcpy(&hello, data, sizeof(hello));
		err = do_hello(c, &hello);
		reply_fds(c, q->seq, err, getpid(), NULL, 0, &c->notify,
			  err ? 0 : 1);
		return;
	}
	if (!c->proc) {
		c->dead = true; /* does not know the protocol */
		return;
	}
	if (q->kind == KEEP_CONSUMED) {
		record_flush(c);
		source_drain(c, false);
		return;
	}
	if (q->kind == KEEP_POLL) {
		c->told = poll_bits(c);
		reply(c, q->seq, 0, c->told, NULL, 0);
		return;
	}
	if (c->proc->gone) {
		/* What is still to come of it, and of its children. */
		source_drain(c, false);
		reply(c, q->seq, -ENOENT, 0, NULL, 0);
		return;
	}
	if (q->kind == KEEP_STATUS) {
		status_fill(c, &st);
		if (!may_see(c))
			status_withhold(&st.lwp);
		reply(c, q->seq, 0, 0, &st, sizeof(st));
		return;
	}
	err = target_error(c);
	if (!err && c->rdonly && q->kind != KEEP_THREADS &&
	    q->kind != KEEP_PROBES)
		err = -EBADF;
	if (err) {
		reply(c, q->seq, err, 0, NULL, 0);
		return;
	}
	switch (q->kind) {
	case KEEP_CTL:
		c->batch = malloc(q->len ? q->len : 1);
		if (!c->batch) {
			reply(c, q->seq, -ENOMEM, 0, NULL, 0);
			return;
		}
		memcpy(c->batch, data, q->len);
		c->batch_len = q->len;
		c->batch_done = 0;
		c->seq = q->seq;
		run_batch(c);
		return;
	case KEEP_READ:
	case KEEP_WRITE:
		do_memory(c, q, data);
		return;
	case KEEP_THREADS:
		do_threads(c, q);
		return;
	case KEEP_FPREGS:
		do_fpregs(c, q);
		return;
	case KEEP_PROBES:
		do_probes(c, q);
		return;
	case KEEP_RING:
		do_ring(c, q, data);
		return;
	}
	reply(c, q->seq, -EINVAL, 0, NULL, 0);
}

void client_ready(struct client *c)
{
	/* Aligned for the request; data behind it is copied before use. */
	static union {
		struct keep_req q;
		unsigned char bytes[KEEP_PACKET];
	} u;
	ssize_t n;

	n = recv(c->fd, &u, sizeof(u), MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < (ssize_t)sizeof(u.q) || u.q.len != n - sizeof(u.q)) {
		c->dead = true; /* hung up, or speaks something else */
		return;
	}
	if (c->waiting) {
		/* Its wait was interrupted; the directive stays. */
		c->waiting = false;
		free(c->batch);
		c->batch = NULL;
	}
	do_request(c, &u.q, u.bytes + sizeof(u.q));
}

/* -- coming and going ----------------------------------------------------- */

void client_accept(int listen_fd)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct ucred cred;
	socklen_t len = sizeof(cred);
	struct client *c;
	int fd;

	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0) {
		/* It will be tried again, and again. */
		if (errno == EMFILE || errno == ENFILE)
			usleep(1000);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) < 0 ||
	    (cred.uid != 0 && cred.uid != geteuid())) {
		close(fd);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	c->fd = fd;
	c->notify = -1;
	c->uid = cred.uid;
	list_init(&c->proc_link);
	list_init(&c->covers);
	list_init(&c->backlog);
	list_add_tail(&c->link, &clients);
	ev.data.ptr = c;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		c->dead = true;
}

static bool has_handle(struct proc *p)
{
	struct client *o;

	list_for_each(o, &p->clients, proc_link)
		if (!o->rdonly && !o->dead)
			return true;
	return !list_empty(&p->covers);
}

static bool descends(const struct proc *p, const struct proc *from)
{
	for (; p; p = p->from)
		if (p == from)
			return true;
	return false;
}

/* The last handle went: PR_RLC, PR_KLC.  For a followed child that nobody
 * opened, its ancestor's handles are its own. */
static void last_close(struct proc *top)
{
	struct proc *p;

	list_for_each(p, &procs, link) {
		if (p->gone || !descends(p, top) || has_handle(p))
			continue;
		if (p->modes & PR_KLC)
			syscall(SYS_pidfd_send_signal, proc_pidfd(p), SIGKILL, NULL,
				0);
		if (p->modes & (PR_RLC | PR_KLC))
			proc_release(p);
	}
}

static void client_free(struct client *c)
{
	struct proc *p = c->proc;
	bool was_writer = p && !c->rdonly && !c->invalid;

	epoll_ctl(epoll_fd, EPOLL_CTL_DEL, c->fd, NULL);
	close(c->fd);
	if (c->notify >= 0)
		close(c->notify);
	memset(&c->record, 0, sizeof(c->record));
	uprobe_select();
	probe_drop_client(c);
	record_drop_client(c);
	ring_free(c);
	capture_free(c);
	free(c->batch);
	list_del(&c->proc_link);
	list_del(&c->link);
	free(c);
	if (!p)
		return;
	if (was_writer && !has_handle(p))
		last_close(p);
	else if (!p->gone && (p->modes & PR_RLC) && !has_handle(p))
		last_close(p); /* an invalidated one was the last: P5 */
	proc_unref(p);
}

void clients_reap(void)
{
	struct client *c, *tmp;

	list_for_each_safe(c, tmp, &clients, link)
		if (c->dead)
			client_free(c);
}

void clients_close_all(void)
{
	struct client *c;

	list_for_each(c, &clients, link)
		c->dead = true;
	clients_reap();
}
