/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * afar.c - children that are followed without being attached to.
 *
 * Of a child, ptrace(2) costs its maker a stop, the child one before it runs, one
 * for each exec and each signal, and its parent's wait for the keeper's.  Where
 * all that is wanted is a record, BPF makes that as it makes those of the calls
 * (bpf/family.bpf.c), and the keeper learns of a child when it reads
 * of its birth, which may be after its death.  Its threads are LWP_AFAR: known,
 * recorded, not attached.
 *
 * That is done where root's handle is the only one that records, and nothing is
 * set that children would inherit and only ptrace could do.  The process that the
 * keeper was started for stays attached, so that it is nobody else's, but its
 * threads' options no longer have the kernel attach their children
 * (set_options() in trace.c).
 *
 * Attached is who has to be: because the ring fills up and its threads have to
 * wait (P6), because somebody opens a handle on it, or because something is set
 * that needs it (afar_strict()).  It stays so; its children are left alone again.
 *
 * Two tell of a process then, and no event may be told twice or not at all.
 * Attached without a stop, a thread may be anywhere, in the middle of an event,
 * too.  What BPF has recorded of it before its first stop counts (lwp.fresh), what
 * comes later is ptrace's to tell.  Of births BPF always tells first, since it does
 * so before the child runs: a ptrace event of one that is known already only says
 * that it is attached.
 *
 * Here one is called from the middle of anything that hands on what BPF has
 * recorded.  So nothing is freed, and nobody attached to, before afar_serve(), or
 * what asks for it by name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper.h"
#include "source.h"

static struct client *family; /* whose source tells of children, or NULL */
static bool ever;	      /* there was one */
static bool strict;	      /* no more children are left alone */
static bool summons;	      /* some are proc.summoned */
unsigned nafar;
static unsigned ndead;

/* -- may they be left alone? ---------------------------------------------- */

/*
 * Times and paths come as the kernel has them: is that as we see them?  (Where
 * our root directory is not that of a file system, paths begin elsewhere.)
 */
static bool sees_all(void)
{
	struct statx root;

	return statx(AT_FDCWD, "/", 0, STATX_INO, &root) == 0 &&
	       root.stx_attributes & STATX_ATTR_MOUNT_ROOT &&
	       source_same_time();
}

static bool probed(const struct proc *p)
{
	return p->probes || p->mm_of;
}

/* Nothing is wanted of it, or of its children, that is ptrace's. */
static bool plain(const struct proc *p)
{
	return !(p->modes & PR_KLC) && !p->sigtrace && !p->flttrace &&
	       sysset_empty(&p->sysentry) && sysset_empty(&p->sysexit) &&
	       !probed(p);
}

static bool records(const struct client *c)
{
	return c->record.events && !c->dead && !c->invalid;
}

static bool told_of(const struct proc *p)
{
	const struct cover *cv;

	list_for_each(cv, &p->covers, by_proc)
		if (cv->client == family)
			return true;
	return false;
}

bool afar_is(const struct client *c)
{
	return c == family;
}

bool afar_children(struct proc *p)
{
	return family && !strict && plain(p) && told_of(p);
}

bool afar_tells(struct proc *p)
{
	return family && told_of(p);
}

bool afar_ever(void)
{
	return ever;
}

void afar_begin(struct client *c)
{
	struct client *o;
	struct proc *p;

	if (family || !c->source || c->tid || c->uid != 0 || geteuid() != 0 ||
	    trace_tied() || !(c->proc->modes & PR_FORK) ||
	    c->record.events &
		    (1U << CTL_REC_PROBE | 1U << CTL_REC_COUNT))
		return;
	list_for_each(o, &clients, link)
		if (o != c && records(o))
			return;
	list_for_each(p, &procs, link)
		if (!p->gone && !plain(p))
			return;
	if (!sees_all() || !source_family(c))
		return;
	family = c;
	ever = true;
	strict = false;
}

/* -- their end ------------------------------------------------------------ */

static unsigned alive(const struct proc *p)
{
	return p->nlwp - p->ndead;
}

/* Nobody finds it any more. */
static void bury(struct lwp *l)
{
	nafar -= l->state == LWP_AFAR;
	list_del(&l->hash);
	l->state = LWP_DEAD;
	l->zombie = true;
	l->proc->ndead++;
	ndead++;
}

static void end_if_empty(struct proc *p)
{
	if (alive(p))
		return;
	p->gone = true;
	clients_update(p);
}

static void reap(void)
{
	struct proc *p, *ptmp;
	struct lwp *l, *tmp;

	if (!ndead)
		return;
	ndead = 0;
	list_for_each_safe(p, ptmp, &procs, link) {
		if (!p->ndead)
			continue;
		list_for_each_safe(l, tmp, &p->lwps, link)
			if (l->state == LWP_DEAD)
				lwp_free(l);
		if (p->gone)
			proc_unref(p);
	}
}

void afar_end(struct client *c)
{
	struct client *o;
	struct proc *p;
	struct lwp *l;

	if (c != family)
		return;
	source_family_end(c);
	family = NULL;
	list_for_each(p, &procs, link) {
		if (p->gone)
			continue;
		list_for_each(l, &p->lwps, link)
			if (l->state == LWP_AFAR)
				bury(l);
		end_if_empty(p);
	}
	list_for_each(o, &clients, link)
		if (o != c && !o->dead) {
			afar_regain();
			break;
		}
}

void afar_regain(void)
{
	struct proc *p;
	struct lwp *l;

	if (family && !strict)
		return;
	list_for_each(p, &procs, link)
		list_for_each(l, &p->lwps, link)
			if (l->few && l->state == LWP_RUNNING && !l->zombie)
				lwp_interrupt(l);
}

/* -- attaching ------------------------------------------------------------ */

void afar_catch_up(void)
{
	if (family)
		source_drain(family, true);
}

void afar_attached(struct lwp *l)
{
	nafar--;
	l->state = LWP_NEW;
	l->dstop |= l->proc->stopping;
	l->few = !afar_children(l->proc);
}

static void seize(struct lwp *l)
{
	struct ctl_procinfo pi;
	pid_t tid = l->tid;
	int err = lwp_seize(l);

	if (err == -EPERM && ctl_proc_info(l->proc->pid, tid, &pi) == 0 &&
	    pi.tracer == getpid()) {
		/* By the kernel, at its birth: its first stop comes. */
		afar_attached(l);
		return;
	}
	if (err) {
		/* Another's; or it is dying, and we shall hear of that. */
		l->denied = true;
		return;
	}
	/* Was it still the one that was meant? */
	afar_catch_up();
	if (l->state != LWP_AFAR || l->tid != tid) {
		trace_shun(tid);
		ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
		return;
	}
	nafar--;
	l->state = LWP_RUNNING;
	l->fresh = true;
	if (l->dstop || l->proc->throttled)
		lwp_interrupt(l);
	lwp_check_vfork(l);
}

static void attach_threads(struct proc *p)
{
	struct lwp *l;

	list_for_each(l, &p->lwps, link) {
		if (l->state != LWP_AFAR || l->denied)
			continue;
		/* A zombie cannot be attached to; the last one tells for it. */
		if (l->left)
			bury(l);
		else
			seize(l);
	}
}

void afar_summon(struct proc *p)
{
	p->summoned = summons = true;
}

/* Threads and children are born meanwhile: until there are none. */
static void attach_summoned(void)
{
	struct proc *p;

	while (summons) {
		summons = false;
		list_for_each(p, &procs, link)
			if (p->summoned) {
				p->summoned = false;
				attach_threads(p);
			}
		afar_catch_up();
	}
}

int afar_attach(struct proc *p)
{
	struct lwp *l;

	list_for_each(l, &p->lwps, link)
		if (l->state == LWP_AFAR) {
			l->denied = false;
			afar_summon(p);
		}
	attach_summoned();
	list_for_each(l, &p->lwps, link)
		if (l->state == LWP_AFAR)
			return -EBUSY;
	return 0;
}

void afar_serve(void)
{
	attach_summoned();
	reap();
}

/* May it make children that the kernel does not attach us to?  It stops before it
 * is in its program again, and those who sleep in the kernel make none. */
static bool may_leave_alone(struct lwp *l)
{
	struct ctl_procinfo pi;

	if (!l->few || l->state != LWP_RUNNING || l->zombie)
		return false;
	lwp_interrupt(l);
	return ctl_proc_info(l->proc->pid, l->tid, &pi) == 0 &&
	       pi.state != 'D' && pi.state != 'Z' && pi.state != 'X';
}

bool afar_strict(void)
{
	bool done = true, left = false;
	struct proc *p;
	struct lwp *l;

	strict = true;
	afar_catch_up();
	if (nafar)
		list_for_each(p, &procs, link)
			afar_summon(p);
	attach_summoned();
	list_for_each(p, &procs, link)
		list_for_each(l, &p->lwps, link) {
			done &= !may_leave_alone(l);
			left |= l->state == LWP_AFAR;
		}
	/* Those that are another's are told of by BPF as before. */
	if (family && done && !left) {
		source_family_end(family);
		family = NULL;
	}
	return done;
}

/* -- what BPF tells ------------------------------------------------------- */

/* Is it for ptrace to tell of this one? */
static bool by_ptrace(const struct lwp *l)
{
	return l && l->state != LWP_AFAR && !l->fresh;
}

static struct proc *proc_numbered(pid_t pid)
{
	struct lwp *l = lwp_of(pid);
	struct proc *p;

	if (l)
		return l->proc;
	list_for_each(p, &procs, link)
		if (p->pid == pid && !p->gone)
			return p;
	/* Its birth was lost: as if it were the handle's own. */
	return family->proc;
}

static void born(struct proc *p, pid_t tid)
{
	struct lwp *l = lwp_new(p, tid);

	if (!l)
		return;
	l->state = LWP_AFAR;
	nafar++;
	l->dstop = p->stopping;
	if (p->stopping || p->throttled)
		afar_summon(p);
}

static void born_child(struct client *c, struct proc *parent, pid_t pid,
		       uint64_t start, const struct lwp *vforked)
{
	struct proc *p;

	if (!(parent->modes & PR_FORK)) {
		source_disown(c, pid);
		return;
	}
	p = proc_follow(parent, pid, start, true);
	if (!p)
		return;
	if (vforked)
		p->maker = vforked->tid;
	born(p, pid);
	if (!plain(p))
		afar_summon(p);
	proc_throttle(p);
}

/* CLOCK_BOOTTIME to what /proc/PID/stat has */
#define NS_PER_TICK 10000000U

void afar_birth(struct client *c, const struct ctl_rec_fork *r, uint64_t start,
		bool vfork)
{
	struct lwp *maker = lwp_of(r->h.tid), *known = lwp_of(r->child_tid);
	struct proc *p;

	if (c != family)
		return;
	p = proc_numbered(r->h.pid);
	record_told(p, &r->h);
	/* Its end was lost. */
	if (known && known->state == LWP_AFAR) {
		bury(known);
		end_if_empty(known->proc);
		known = NULL;
	}
	if (known)
		return;
	if (vfork && maker) {
		maker->vforking = true;
		if (maker->dstop)
			lwp_check_vfork(maker);
		clients_update(p);
	}
	if (r->kind != CTL_FORK_THREAD) {
		born_child(c, p, r->child_pid, start / NS_PER_TICK,
			   vfork ? maker : NULL);
		return;
	}
	born(p, r->child_tid);
	/* It is to be as the others; as a rule the kernel has seen to that. */
	if (maker && maker->state != LWP_AFAR)
		afar_summon(p);
}

/* It has a program of its own, or is dead: its maker returns from vfork(2). */
static void leave_maker(struct proc *p)
{
	struct lwp *l = p->maker ? lwp_of(p->maker) : NULL;

	if (l && (l->state == LWP_AFAR || l->few))
		l->vforking = false;
	p->maker = 0;
}

void afar_exec(const struct ctl_rec_exec *r)
{
	struct lwp *l = lwp_of(r->h.tid), *caller = lwp_of(r->old_tid), *m;
	struct proc *p;

	if (!family)
		return;
	/* The caller has the main thread's number now. */
	if (caller && (!l || caller->proc != l->proc))
		caller = NULL;
	if (!caller)
		caller = l;
	if (by_ptrace(caller))
		return;
	p = caller ? caller->proc : proc_numbered(r->h.pid);
	if (caller)
		source_final(family, caller);
	record_told(p, &r->h);
	if (!caller || caller->state != LWP_AFAR)
		return; /* on_exec() does the rest */
	list_for_each(m, &p->lwps, link)
		if (m != caller && m->state != LWP_DEAD)
			bury(m);
	if (caller->tid != p->pid)
		lwp_renumber(caller, p->pid);
	caller->denied = false;
	leave_maker(p);
}

static void tell_signal(struct proc *p, struct ctl_rec_signal *r)
{
	siginfo_t si;

	memcpy(&si, r->info, sizeof(si));
	r->fault = ctl_fault_of(r->signo, si.si_code);
	if (r->fault) {
		r->h.type = CTL_REC_FAULT;
		record_told(p, &r->h);
		r->h.type = CTL_REC_SIGNAL;
		r->fault = 0;
	}
	record_told(p, &r->h);
}

void afar_signal(struct ctl_rec_signal *r, bool fatal)
{
	struct lwp *l = lwp_of(r->h.tid);
	struct proc *p;

	if (!family || by_ptrace(l))
		return;
	p = proc_numbered(r->h.pid);
	/* Received it would be after the call that it was in. */
	if (fatal && !p->fatal && (p->fatal = malloc(sizeof(*r)))) {
		*p->fatal = *r;
		return;
	}
	if (l && !ignored_by_nature(r->signo))
		source_final(family, l);
	tell_signal(p, r);
}

void afar_last_words(struct proc *p)
{
	if (p->fatal)
		tell_signal(p, p->fatal);
	free(p->fatal);
	p->fatal = NULL;
}

static void die(struct client *c, struct lwp *l, struct ctl_rec_exit *r, int status)
{
	struct proc *p = l->proc;

	source_final(c, l);
	afar_last_words(p);
	r->h.tid = l->tid;
	r->status = status;
	r->process = alive(p) == 1;
	record_told(p, &r->h);
	bury(l);
}

void afar_exit(struct client *c, struct ctl_rec_exit *r, bool group)
{
	struct lwp *l = lwp_of(r->h.tid), *leader;
	struct proc *p;

	if (c != family)
		return;
	if (!l) {
		/* Its birth was lost; its end is told. */
		r->process = r->h.pid == r->h.tid;
		record_told(proc_numbered(r->h.pid), &r->h);
		return;
	}
	if (l->state != LWP_AFAR)
		return;
	p = l->proc;
	if (l->tid == p->pid && alive(p) > 1) {
		/* wait(2) tells of a main thread when the others are dead. */
		l->left = l->zombie = true;
		l->status = r->status;
		return;
	}
	die(c, l, r, r->status);
	leader = lwp_of(p->pid);
	if (alive(p) == 1 && leader && leader->left)
		die(c, leader, r, group ? r->status : leader->status);
	if (!alive(p))
		leave_maker(p);
	end_if_empty(p);
}
