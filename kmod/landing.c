// SPDX-License-Identifier: GPL-2.0-only
/*
 * landing.c - the returns of functions.
 *
 * The kernel's own way is to put another return address on the stack; a program
 * that looks for its own there ends by it: an exception of C++, pthread_exit(3),
 * an unwinder.  So the stack stays as it is, and where a call will return to
 * there is a uprobe more, a landing.  The thread that finds none there yet puts
 * it in, in its task work, before it has left the function's first instruction
 * behind by more than a step.  Landings stay as long as their probe: calls come
 * from few places, many times.
 *
 * Which call it is that returns is told by the stack pointer.  What lies deeper
 * in the same stack was left by longjmp(3) or an exception.
 */
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "hit.h"
#include "insn.h"

struct landing {
	struct hlist_node link; /* probe->landings */
	struct ctl_uprobe up;
	struct file *file;
	struct probe *probe;
	struct ctl_proc *home;
	u64 address;
	u8 old;
	bool in; /* false: there can be none */
};
#define MAX_LANDINGS 16384U

/* A call whose return is to be reported; of the thread itself, no lock. */
struct call {
	struct list_head link; /* lwp->calls, the latest first */
	u32 id;
	u64 address; /* of the function */
	unsigned long sp, ret;
	bool landed; /* a landing was seen to */
};
#define MAX_CALLS 1024U
#define SAME_STACK (1UL << 20)

/* -- calls ---------------------------------------------------------------- */

static void call_free(struct ctl_lwp *lwp, struct call *c)
{
	list_del(&c->link);
	lwp->ncalls--;
	kfree(c);
}

void ctl_calls_drop(struct ctl_lwp *lwp)
{
	struct call *c, *tmp;

	list_for_each_entry_safe(c, tmp, &lwp->calls, link)
		call_free(lwp, c);
}

static struct landing *find(struct probe *q, u64 address)
{
	struct landing *l;

	hash_for_each_possible_rcu(q->landings, l, link, address)
		if (l->address == address)
			return l;
	return NULL;
}

/*
 * Calls whose return address was where, or below where, sp points to now, on
 * the same stack: they are over.  Another call with its return address in the
 * same place is not, if it returns to the same: it ended by a jump to this one,
 * and both return at once.
 */
static void drop_left(struct ctl_lwp *lwp, const struct call *new)
{
	struct call *c, *tmp;

	list_for_each_entry_safe(c, tmp, &lwp->calls, link) {
		if (c->sp > new->sp && c->sp - new->sp < SAME_STACK)
			break;
		if (c->sp == new->sp) {
			if (c->ret == new->ret &&
			    (c->id != new->id || c->address != new->address))
				break;
			call_free(lwp, c);
		} else if (c->sp < new->sp && new->sp - c->sp < SAME_STACK) {
			call_free(lwp, c);
		}
	}
}

/* In a handler. */
void ctl_call_begin(struct ctl_lwp *lwp, struct site *s,
		    const struct pt_regs *regs)
{
	size_t width = regs->cs == __USER32_CS ? 4 : 8;
	struct call new = { .id = s->part->op->id,
			    .address = s->s->address,
			    .sp = regs->sp },
		    *c;
	const struct landing *l;

	if (copy_from_user(&new.ret, (void __user *)regs->sp, width))
		return;
	drop_left(lwp, &new);
	rcu_read_lock();
	l = find(s->part->probe, new.ret);
	new.landed = l;
	if (l && !l->in) {
		rcu_read_unlock();
		return;
	}
	rcu_read_unlock();
	if (lwp->ncalls >= MAX_CALLS)
		call_free(lwp,
			  list_last_entry(&lwp->calls, struct call, link));
	c = kmalloc(sizeof(*c), GFP_KERNEL);
	if (!c)
		return;
	*c = new;
	list_add(&c->link, &lwp->calls);
	lwp->ncalls++;
	if (!c->landed) {
		WRITE_ONCE(lwp->unlanded, true);
		ctl_kick(lwp);
	}
}

/*
 * Current returned to address: from calls of q, the inner ones first.  The return
 * took its address off the stack, and in 32-bit code sometimes arguments.
 */
static void calls_end(struct ctl_lwp *lwp, struct probe *q, u64 address,
		      const struct pt_regs *regs)
{
	unsigned long sp = regs->sp, most = regs->cs == __USER32_CS ? 68 : 8;
	struct call *c, *tmp;

	list_for_each_entry_safe(c, tmp, &lwp->calls, link) {
		if (c->sp >= sp && c->sp - sp < SAME_STACK)
			break;
		if (c->sp >= sp || sp - c->sp > SAME_STACK)
			continue;
		if (sp - c->sp <= most && c->ret == address) {
			/* Another probe's is for another landing to tell of. */
			if (c->id != q->id)
				continue;
			ctl_emit_return(lwp, q, c->address, regs->ax);
		}
		call_free(lwp, c);
	}
}

static int on_landing(struct uprobe_consumer *uc,
		      struct pt_regs *regs CTL_UPROBE_DATA)
{
	struct landing *l = container_of(uc, struct landing, up.uc);
	struct ctl_lwp *lwp;

	if (current->mm != l->probe->mm)
		return UPROBE_HANDLER_REMOVE;
	ctl_uprobe_keep();
	if (regs->ip != l->address || READ_ONCE(l->probe->dying))
		return 0;
	lwp = ctl_probe_lwp(l->home);
	if (!lwp)
		return 0;
	calls_end(lwp, l->probe, l->address, regs);
	ctl_probe_lwp_put(lwp);
	return 0;
}

static bool wanted(struct uprobe_consumer *uc CTL_UPROBE_CTX,
		   struct mm_struct *mm)
{
	return container_of(uc, struct landing, up.uc)->probe->mm == mm;
}

/* -- in ------------------------------------------------------------------- */

/*
 * Not everything that a symbol of code names is called: the dynamic linker's
 * resolver is jumped to, with something else on the stack.
 */
static bool is_behind_call(struct ctl_proc *home, struct mm_struct *mm,
			   u64 address, u8 *old)
{
	u8 code[9];

	if (address < 8 || !ctl_peek(mm, address - 8, code, sizeof(code)))
		return false;
	ctl_probe_hide(home, address - 8, code, sizeof(code));
	*old = code[8];
	return *old != CTL_INT3 && ctl_ends_in_call(code, 8);
}

static struct landing *landing_new(struct probe *q, struct ctl_proc *home,
				   u64 address)
{
	struct landing *l = kzalloc(sizeof(*l), GFP_KERNEL_ACCOUNT);

	if (!l)
		return NULL;
	l->probe = q;
	l->home = home;
	l->address = address;
	if (!is_behind_call(home, q->mm, address, &l->old) ||
	    ctl_trap_at(q->mm, address) ||
	    ctl_text_at(q->mm, address, &l->file, &l->up.offset))
		return l;
	l->up.inode = file_inode(l->file);
	l->up.uc.handler = on_landing;
	l->up.uc.filter = wanted;
	l->in = ctl_uprobe_register(&l->up, 0) == 0;
	return l;
}

struct request {
	struct ctl_proc *home;
	u64 address;
	u32 id;
	bool done;
};

static void do_land(void *arg)
{
	struct request *r = arg;
	struct landing *l;
	struct probe *q;

	mutex_lock(&r->home->probe_mutex);
	q = ctl_probe_find(r->home, r->id);
	if (!q)
		goto out;
	rcu_read_lock();
	l = find(q, r->address);
	rcu_read_unlock(); /* only we remove one */
	if (!l && q->nlandings < MAX_LANDINGS) {
		l = landing_new(q, r->home, r->address);
		if (!l)
			goto out;
		spin_lock_irq(&r->home->lock);
		hash_add_rcu(q->landings, &l->link, r->address);
		q->nlandings++;
		spin_unlock_irq(&r->home->lock);
	}
	r->done = l && l->in;
out:
	mutex_unlock(&r->home->probe_mutex);
}

/* In task work: what the latest calls will return to. */
void ctl_call_work(struct ctl_lwp *lwp)
{
	struct ctl_proc *home;
	struct call *c, *tmp;

	if (!READ_ONCE(lwp->unlanded))
		return;
	WRITE_ONCE(lwp->unlanded, false);
	home = ctl_probe_home(lwp->proc, current->mm);
	list_for_each_entry_safe(c, tmp, &lwp->calls, link) {
		struct request r = { .home = home,
				     .address = c->ret,
				     .id = c->id };

		if (c->landed)
			continue;
		if (home)
			ctl_in_worker(do_land, &r);
		c->landed = true;
		if (!r.done)
			call_free(lwp, c);
	}
	if (home)
		ctl_proc_put(home);
}

/* -- out; probe_mutex held ------------------------------------------------ */

void ctl_landings_remove(struct probe *q)
{
	struct landing *l;
	int i;

	hash_for_each(q->landings, i, l, link)
		if (l->in)
			ctl_uprobe_unregister(&l->up);
}

/* After ctl_uprobe_sync(). */
void ctl_landings_free(struct probe *q)
{
	struct hlist_node *tmp;
	struct landing *l;
	int i;

	hash_for_each_safe(q->landings, i, tmp, l, link) {
		hash_del(&l->link);
		if (l->file)
			fput(l->file);
		kfree(l);
	}
}

/* Out of a fork's copy of the memory: see probe.c. */
void ctl_landings_clean(struct probe *q, struct mm_struct *mm)
{
	struct landing *l;
	int i;

	hash_for_each(q->landings, i, l, link)
		if (l->in)
			ctl_int3_restore(mm, l->address, l->old);
}

/* As if they were not in the n bytes at buf, read at addr; proc->lock held. */
void ctl_landings_hide(struct probe *q, u64 addr, u8 *buf, u32 n)
{
	struct landing *l;
	int i;

	hash_for_each(q->landings, i, l, link)
		if (l->in)
			ctl_int3_hide(l->address, l->old, addr, buf, n);
}

/* As ctl_probe_keep(); proc->lock held. */
int ctl_landings_keep(struct probe *q, u64 addr, u8 *buf, u32 n)
{
	struct landing *l;
	int i, err = 0;

	hash_for_each(q->landings, i, l, link)
		if (l->in)
			err |= ctl_int3_keep(l->address, l->old, addr, buf, n);
	return err;
}
