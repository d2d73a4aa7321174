// SPDX-License-Identifier: GPL-2.0-only
/*
 * hit.c - a thread has come by an enabled probe: its arguments, its record.
 *
 * All of it is done by the handler of the uprobe, in the thread that came by;
 * with a breakpoint of our own (trap.c) in the task work that follows.
 *
 * What a handler cannot do is to stop: whoever disables the probe waits for
 * the handlers.  It leaves that to the task work, as the hooks of system calls
 * do; and where the stop is to be before the instruction, all of it (trap.c).
 * And where the kernel steps over the instruction in a place of its own,
 * the thread goes to user code for that one instruction; work that is reached
 * before that does nothing and is called again by the trap that follows
 * (ctl_probe_midway()).
 */
#include <linux/mm.h>
#include <linux/pid_namespace.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>

#include "hit.h"

/* -- arguments ------------------------------------------------------------ */

struct hit {
	struct ctl_lwp *lwp;
	struct pt_regs *regs;
	u64 arg[CTL_PROBE_ARGS], valid;
};

/* In the order of the numbers of DWARF. */
static u64 reg_value(const struct pt_regs *r, unsigned int n)
{
	const unsigned long v[] = { r->ax, r->dx, r->cx,  r->bx,  r->si,  r->di,
				    r->bp, r->sp, r->r8,  r->r9,  r->r10, r->r11,
				    r->r12, r->r13, r->r14, r->r15 };

	return n < ARRAY_SIZE(v) ? v[n] : 0;
}

static noinline bool segment_base(unsigned int seg, u64 *base)
{
	struct ctl_regs r;

	if (ctl_regs_get(current, &r))
		return false;
	*base = seg == CTL_FETCH_FS ? r.fs_base : r.gs_base;
	return true;
}

static noinline bool xmm_value(unsigned int n, u64 *v)
{
	struct ctl_fpregs fp;

	if (ctl_fpregs_get(current, &fp))
		return false;
	memcpy(v, fp.fxsave + 160 + 16 * n, sizeof(*v));
	return true;
}

static bool fetch(const struct hit *h, const struct ctl_fetch *f, u64 *value)
{
	u64 v = 0, addr, base;

	switch (f->op) {
	case CTL_FETCH_CONST:
		v = f->value;
		break;
	case CTL_FETCH_REG:
		v = reg_value(h->regs, f->base) >> f->shift;
		break;
	case CTL_FETCH_XMM:
		if (!xmm_value(f->base, &v))
			return false;
		break;
	case CTL_FETCH_MEM:
		addr = f->value;
		if (f->base != CTL_FETCH_NOREG)
			addr += reg_value(h->regs, f->base);
		if (f->index != CTL_FETCH_NOREG)
			addr += reg_value(h->regs, f->index) * f->scale;
		if (f->flags & CTL_FETCH_32BIT)
			addr = (u32)addr;
		if (f->seg != CTL_FETCH_NOREG) {
			if (!segment_base(f->seg, &base))
				return false;
			addr += base;
		}
		if (copy_from_user(&v, (void __user *)(unsigned long)addr,
				   f->size))
			return false;
		break;
	default:
		return false;
	}
	*value = ctl_fetch_extend(v, f->size, f->flags & CTL_FETCH_SIGNED);
	return true;
}

static void fetch_all(struct hit *h, const struct site *s)
{
	unsigned int i;

	h->valid = 0;
	for (i = 0; i < s->s->nargs; i++) {
		h->arg[i] = 0;
		if (fetch(h, &ctl_site_fetch(s->s)[i], &h->arg[i]))
			h->valid |= 1ULL << i;
	}
}

static bool predicate(const struct hit *h, const struct part *part)
{
	const struct probe *q = part->probe;
	struct ctl_pred_in in = {
		.arg = h->arg,
		.valid = h->valid,
		.pid = task_tgid_nr_ns(current, q->ns),
		.tid = task_pid_nr_ns(current, q->ns),
	};

	return ctl_pred_true(part->pred, part->op->npred, &in);
}

/* -- records -------------------------------------------------------------- */

/* false: a page was missing, and may_sleep is not set */
static bool build(const struct hit *h, const struct site *s, void *buf,
		  bool may_sleep, u32 *len)
{
	const struct ctl_probe *op = s->part->op;
	struct ctl_rec_probe *r = buf;
	unsigned int i, n = s->s->nargs;
	struct ctl_sink k = {
		.at = (u8 *)(r + 1) + n * sizeof(u64),
		.room = CTL_REC_BYTES - sizeof(*r) - n * sizeof(u64),
		.may_sleep = may_sleep,
	};

	memset(r, 0, sizeof(*r));
	r->id = op->id;
	r->nargs = n;
	r->pc = s->s->address;
	r->valid = h->valid;
	memcpy(r + 1, h->arg, n * sizeof(u64));
	for (i = 0; i < n; i++)
		if ((ctl_site_fetch(s->s)[i].flags & CTL_FETCH_STRING) &&
		    (h->valid >> i & 1) && op->strlimit &&
		    !ctl_capture_string(h->lwp, &k, i, h->arg[i], op->strlimit))
			return false;
	if (op->stack && !ctl_capture_stack(h->lwp, &k, op->stack))
		return false;
	r->ncap = k.ncap;
	*len = k.at - (u8 *)buf;
	return true;
}

static void emit(const struct hit *h, const struct site *s)
{
	struct probe *q = s->part->probe;
	u64 now = ktime_get_ns();
	bool done = false;
	void *buf;
	u32 len;

	atomic64_inc(&q->hits);
	if (!ctl_probe_wanted(h->lwp, q->owner_id))
		return;
	buf = ctl_scratch_get();
	if (buf) {
		done = build(h, s, buf, false, &len);
		if (done)
			atomic64_add(ctl_record_probe(h->lwp, q->owner_id,
						      buf, len, 0, now),
				     &q->lost);
	}
	ctl_scratch_put();
	if (done)
		return;
	buf = kvmalloc(CTL_REC_BYTES, GFP_KERNEL);
	if (buf && build(h, s, buf, true, &len))
		atomic64_add(ctl_record_probe(h->lwp, q->owner_id, buf, len,
					      0, now),
			     &q->lost);
	else
		atomic64_inc(&q->lost);
	kvfree(buf);
}

void ctl_emit_return(struct ctl_lwp *lwp, struct probe *q, u64 func, u64 result)
{
	struct {
		struct ctl_rec_probe r;
		u64 result;
	} rec = {
		.r = { .id = q->id,
		       .nargs = 1,
		       .pc = func,
		       .valid = 1 },
		.result = result,
	};

	if (ctl_probe_wanted(lwp, q->owner_id))
		atomic64_add(ctl_record_probe(lwp, q->owner_id, &rec.r,
					      sizeof(rec), CTL_RECF_RETURN,
					      ktime_get_ns()),
			     &q->lost);
}

/* -- handlers ------------------------------------------------------------- */

static bool wanted(struct uprobe_consumer *uc CTL_UPROBE_CTX,
		   struct mm_struct *mm)
{
	struct site *s = container_of(uc, struct site, up.uc);

	return s->part->probe->mm == mm;
}

struct ctl_lwp *ctl_probe_lwp(const struct ctl_proc *home)
{
	const struct ctl_proc *proc;
	struct ctl_lwp *lwp;

	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	for (proc = lwp ? lwp->proc : NULL; proc; proc = ctl_proc_from(proc))
		if (proc == home)
			break;
	if (!proc || !kref_get_unless_zero(&lwp->ref))
		lwp = NULL;
	rcu_read_unlock();
	return lwp;
}

void ctl_probe_lwp_put(struct ctl_lwp *lwp)
{
	/* There was no room for its record. */
	if (atomic_read(&lwp->npending))
		ctl_kick(lwp);
	ctl_lwp_put(lwp);
}

/* "Yes": an int where the argument points; or the register. */
static void answer(const struct hit *h, const struct site *s)
{
	const s32 yes = 1;
	u64 addr;

	/* Where it cannot be stored nobody will look for it. */
	if (s->s->nargs && fetch(h, ctl_site_fetch(s->s), &addr))
		addr = copy_to_user((void __user *)(unsigned long)addr, &yes,
				    sizeof(yes));
	if (s->clears_rax) {
		/* When the instruction is over. */
		WRITE_ONCE(h->lwp->answer, true);
		ctl_kick(h->lwp);
	}
}

static void stop_for(struct ctl_lwp *lwp, struct probe *q)
{
	struct ctl_proc *proc = lwp->proc;

	spin_lock_irq(&proc->lock);
	if (!q->dying) {
		lwp->probe_hold = q->id;
		ctl_lwp_kick(lwp);
	}
	spin_unlock_irq(&proc->lock);
}

static void end_by_hit(struct ctl_proc *proc, struct probe *q)
{
	spin_lock_irq(&proc->lock);
	if (!q->dying)
		ctl_probe_mark(proc, q);
	spin_unlock_irq(&proc->lock);
}

static void hit(struct ctl_lwp *lwp, struct site *s, struct pt_regs *regs)
{
	struct hit h = { .lwp = lwp, .regs = regs };
	struct probe *q = s->part->probe;

	if (s->s->kind == CTL_SITE_ENABLED) {
		answer(&h, s);
		return;
	}
	fetch_all(&h, s);
	if (!predicate(&h, s->part))
		return;
	if ((q->flags & CTL_PROBE_ONCE) && atomic_xchg(&q->fired, 1))
		return;
	emit(&h, s);
	if (q->flags & CTL_PROBE_RETURN && s->s->kind == CTL_SITE_FUNC)
		ctl_call_begin(lwp, s, regs);
	/* (A vforked child's stop would be nobody's: probe.c, do_adopt().) */
	if ((q->flags & CTL_PROBE_STOP) &&
	    !(q->owner && lwp->proc != s->part->home))
		stop_for(lwp, q);
	if (q->flags & CTL_PROBE_ONCE)
		end_by_hit(s->part->home, q);
}

static bool active(const struct site *s)
{
	return smp_load_acquire(&s->part->live) &&
	       !READ_ONCE(s->part->probe->dying);
}

static int on_hit(struct uprobe_consumer *uc, struct pt_regs *regs
		  CTL_UPROBE_DATA)
{
	struct site *s = container_of(uc, struct site, up.uc);
	struct ctl_lwp *lwp;

	/* A copy of ours in another process (or another tool's). */
	if (current->mm != s->part->probe->mm)
		return UPROBE_HANDLER_REMOVE;
	ctl_uprobe_keep();
	/* The file may be mapped once more. */
	if (regs->ip != s->s->address || !active(s) || s->early)
		return 0;
	lwp = ctl_probe_lwp(s->part->home);
	if (!lwp)
		return 0;
	hit(lwp, s, regs);
	ctl_probe_lwp_put(lwp);
	return 0;
}

void ctl_probe_consumer(struct ctl_uprobe *up)
{
	up->uc.handler = on_hit;
	up->uc.filter = wanted;
}

/* -- in task work --------------------------------------------------------- */

/*
 * The thread is on its way to one instruction, elsewhere, that the kernel has
 * it execute under a uprobe: this is no place to stop.  signal.c calls the work
 * again when that is over.
 */
bool ctl_probe_midway(struct ctl_lwp *lwp)
{
	bool midway = ctl_uprobe_midway();

	WRITE_ONCE(lwp->midway, midway);
	return midway;
}

/* It ran into a breakpoint of ours, and is behind it; or came early. */
void ctl_probe_trapped(struct ctl_lwp *lwp)
{
	u64 addr = lwp->trapped;
	struct ctl_proc *home;
	struct probe *q;
	struct part *part;
	struct site *s;

	if (!addr)
		return;
	WRITE_ONCE(lwp->trapped, 0);
	home = ctl_probe_home(lwp->proc, current->mm);
	/* Whoever takes one out does not wait for us: see trap.c. */
	if (!home)
		return;
	if (!mutex_lock_killable(&home->probe_mutex)) {
		list_for_each_entry(q, &home->probes, link)
			for_each_site(q, part, s)
				if ((s->trap || s->early) &&
				    s->s->address == addr && active(s))
					hit(lwp, s, task_pt_regs(current));
		mutex_unlock(&home->probe_mutex);
	}
	ctl_proc_put(home);
}

void ctl_probe_work(struct ctl_lwp *lwp)
{
	u32 id;

	if (lwp->answer) {
		WRITE_ONCE(lwp->answer, false);
		task_pt_regs(current)->ax = 1;
	}
	id = READ_ONCE(lwp->probe_hold);
	if (!id)
		return;
	ctl_signal_resume(lwp, ctl_hold(lwp, PR_PROBE, id));
	spin_lock_irq(&lwp->proc->lock);
	lwp->probe_hold = 0;
	spin_unlock_irq(&lwp->proc->lock);
}
