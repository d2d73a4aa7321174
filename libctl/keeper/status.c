/* SPDX-License-Identifier: GPL-2.0-or-later */
/* status.c - struct ctl_status of a process that the keeper holds. */
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include "keeper.h"

static void copy_call(struct ctl_lwpstatus *s, unsigned nr, int abi,
		      const uint64_t arg[6])
{
	int i;

	s->syscall = nr;
	s->sysabi = abi;
	for (i = 0; i < 6; i++)
		s->sysarg[i] = arg[i];
}

void status_lwp(struct lwp *l, struct ctl_lwpstatus *s)
{
	struct proc *p = l->proc;
	struct ctl_procinfo pi;
	uint64_t mask;

	memset(s, 0, sizeof(*s));
	s->tid = l->tid;
	s->flags = PR_ATTACHED | (l->dstop ? PR_DSTOP : 0) |
		   (l->stepping ? PR_STEP : 0) | (l->vforking ? PR_VFORKP : 0);
	s->syscall = CTL_NO_SYSCALL;
	if (ctl_proc_info(p->pid, l->tid, &pi) == 0) {
		memcpy(s->comm, pi.comm, sizeof(s->comm));
		s->sighold = pi.sigblk;
		s->sigpend = pi.sigpend;
		if (pi.state == 'S' || pi.state == 'D')
			s->flags |= PR_ASLEEP;
	}
	if (l->state == LWP_LISTEN) {
		s->flags |= PR_STOPPED;
		s->why = l->why;
		s->what = l->what;
		s->stop_time = l->stop_time;
		return;
	}
	if (l->insys)
		copy_call(s, l->nr, l->abi, l->arg);
	else if (l->state == LWP_RUNNING || l->state == LWP_AFAR)
		ctl_proc_syscall(p->pid, l->tid, s);
	if (l->state != LWP_STOPPED)
		return;
	s->flags |= PR_STOPPED | (l->istop ? PR_ISTOP : 0);
	s->why = l->why;
	s->what = l->what;
	s->cursig = l->cursig;
	s->curflt = l->curflt;
	s->stop_time = l->stop_time;
	if (l->cursig && l->info.si_signo == l->cursig)
		memcpy(s->info, &l->info, sizeof(s->info));
	if (l->why == PR_SYSENTRY || l->why == PR_SYSEXIT)
		copy_call(s, l->nr, l->abi, l->arg);
	if (l->why == PR_SYSEXIT)
		s->sysret = l->ret;
	if (lwp_getregs(l, &s->reg) == 0) {
		/* It was asleep in a call when it was stopped, which it will
		 * make again: the kernel says so by -ERESTART*, we too. */
		repair_show(l, &s->reg);
		if (l->kind != STOP_ENTRY && (int64_t)s->reg.orig_rax >= 0 &&
		    ((int64_t)s->reg.rax == -EINTR ||
		     ((int64_t)s->reg.rax <= -512 &&
		      (int64_t)s->reg.rax >= -516))) {
			int abi = s->reg.cs == 0x23 ? CTL_ABI_COMPAT :
						      CTL_ABI_NATIVE;
			uint64_t arg[6];

			s->flags |= PR_ASLEEP;
			regs_args(&s->reg, abi, arg);
			copy_call(s, s->reg.orig_rax, abi, arg);
		}
	}
	if (ptrace(PTRACE_GETSIGMASK, l->tid, (void *)8, &mask) == 0)
		s->sighold = mask;
}

void status_withhold(struct ctl_lwpstatus *s)
{
	s->syscall = CTL_NO_SYSCALL;
	s->sysret = 0;
	memset(s->sysarg, 0, sizeof(s->sysarg));
	memset(s->info, 0, sizeof(s->info));
	memset(&s->reg, 0, sizeof(s->reg));
}

void status_fill(struct client *c, struct ctl_status *st)
{
	struct proc *p = c->proc;
	struct ctl_procinfo pi;
	struct client *o;
	struct lwp *l;

	memset(st, 0, sizeof(*st));
	st->size = sizeof(*st);
	st->version = CTL_ABI_VERSION;
	st->pid = p->pid;
	st->start_time = proc_start(p);
	st->holder = getpid();
	st->modes = p->modes;
	st->nlwp = p->nlwp;
	st->sigtrace = p->sigtrace;
	st->flttrace = p->flttrace;
	st->sysentry = p->sysentry;
	st->sysexit = p->sysexit;
	list_for_each(o, &p->clients, proc_link)
		if (!o->rdonly && !o->dead) {
			st->nhandles++;
			st->nrings += o->ring.user != NULL;
		}
	if (c->ring.user)
		st->source = c->source ? CTL_SOURCE_BPF : CTL_SOURCE_PTRACE;
	if (ctl_proc_info(p->pid, 0, &pi) == 0) {
		st->ppid = pi.ppid;
		st->sigpend = pi.shdpend;
	}
	list_for_each(l, &p->lwps, link)
		st->nstopped += l->state == LWP_STOPPED;
	l = c->tid ? proc_lwp(p, c->tid) : proc_representative(p);
	if (l) {
		status_lwp(l, &st->lwp);
		st->flags = st->lwp.flags;
		/* PR_ISTOP of a process: as PCWSTOP sees it. */
		if (!c->tid && !proc_istopped(p))
			st->flags &= ~(PR_ISTOP | PR_STOPPED);
		if (!c->tid && p->stopping && !proc_stopped(p))
			st->flags |= PR_DSTOP;
		if (!c->tid && st->lwp.why == PR_JOBCONTROL)
			st->flags |= PR_STOPPED;
	}
	st->flags |= PR_ATTACHED | (c->invalid ? PR_INVALID : 0);
}
