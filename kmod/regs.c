// SPDX-License-Identifier: GPL-2.0-only
/*
 * regs.c - registers and memory of a target.
 *
 * Registers go through the kernel's own register sets, those that ptrace(2) and
 * core dumps use, in their 64-bit shape for every target.  They may be read of
 * any thread that is not on a processor; they are written only while a thread
 * is held.  A thread in a virtual stop may wake at any moment and is the owner
 * of its registers: what it is given is kept, and put in place by the thread
 * itself on its way back (ctl_regs_apply()).
 *
 * Memory is that of the process as it was when the handle was opened, or as it
 * became by an exec that the handle survived.  In the moment between an exec's
 * change of memory and the hook that judges it (life.c) the opener's right is
 * looked at again, under the lock that exec holds meanwhile.
 */
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/elf.h>
#include <linux/mm.h>
#include <linux/ptrace.h>
#include <linux/rwsem.h>
#include <linux/sched/mm.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "control.h"

static const struct user_regset_view *view;

int ctl_regs_init(void)
{
	view = ctl_sym.regset_view(current);
	if (view->e_machine != EM_X86_64 || view->n < 2) {
		pr_err("load the module with a 64-bit program\n");
		return -ENOSYS;
	}
	return 0;
}

/*
 * Let a thread get off its processor.  One that is held is about to sleep,
 * whatever its state says yet; one that was asleep may have woken, and wait for
 * the lock that we have.
 */
void ctl_lwp_off_cpu(struct ctl_lwp *lwp)
{
	int spins = 0;

	lockdep_assert_held(&lwp->proc->lock);
	while (ctl_task_on_cpu(lwp->task) &&
	       (lwp->held || ctl_task_asleep(lwp->task)) && ++spins < 100000)
		cpu_relax();
}

static int set_get(struct task_struct *t, int n, void *buf, size_t size)
{
	const struct user_regset *rs = &view->regsets[n];
	struct membuf to = { .p = buf, .left = size };
	int left;

	memset(buf, 0, size);
	left = rs->regset_get(t, rs, to);
	return left < 0 ? left : 0;
}

int ctl_regs_get(struct task_struct *t, struct ctl_regs *r)
{
	BUILD_BUG_ON(sizeof(struct ctl_regs) != 27 * 8);
	return set_get(t, 0, r, sizeof(*r));
}

int ctl_fpregs_get(struct task_struct *t, struct ctl_fpregs *r)
{
	return set_get(t, 1, r, sizeof(*r));
}

static int set_set(struct task_struct *t, int n, const void *buf, size_t size)
{
	const struct user_regset *rs = &view->regsets[n];
	int err;

	err = rs->set(t, rs, 0, size, buf, NULL);
	return err == -EIO ? -EINVAL : err;
}

/* What the kernel refuses, before anything is written. */
static bool bad_segment(u64 sel)
{
	return sel > 0xffff || (sel && (sel & 3) != 3);
}

int ctl_regs_check(const struct ctl_regs *r)
{
	if (bad_segment(r->ds) || bad_segment(r->es) || bad_segment(r->fs) ||
	    bad_segment(r->gs) || (r->cs & 3) != 3 || (r->ss & 3) != 3 || r->cs > 0xffff ||
	    r->ss > 0xffff || r->fs_base >= TASK_SIZE_MAX ||
	    r->gs_base >= TASK_SIZE_MAX)
		return -EINVAL;
	return 0;
}

int ctl_regs_set(struct task_struct *t, const struct ctl_regs *r)
{
	return set_set(t, 0, r, sizeof(*r));
}

int ctl_fpregs_set(struct task_struct *t, const struct ctl_fpregs *r)
{
	return set_set(t, 1, r, sizeof(*r));
}

#define USER_FLAGS                                                         \
	(X86_EFLAGS_CF | X86_EFLAGS_PF | X86_EFLAGS_AF | X86_EFLAGS_ZF |   \
	 X86_EFLAGS_SF | X86_EFLAGS_TF | X86_EFLAGS_DF | X86_EFLAGS_OF |   \
	 X86_EFLAGS_RF | X86_EFLAGS_NT | X86_EFLAGS_AC)

void ctl_regs_apply(const struct ctl_regs *r)
{
	struct pt_regs *regs = task_pt_regs(current);

	/* Segments and their bases stay: they are not in these registers. */
	regs->r15 = r->r15;
	regs->r14 = r->r14;
	regs->r13 = r->r13;
	regs->r12 = r->r12;
	regs->bp = r->rbp;
	regs->bx = r->rbx;
	regs->r11 = r->r11;
	regs->r10 = r->r10;
	regs->r9 = r->r9;
	regs->r8 = r->r8;
	regs->ax = r->rax;
	regs->cx = r->rcx;
	regs->dx = r->rdx;
	regs->si = r->rsi;
	regs->di = r->rdi;
	regs->ip = r->rip;
	regs->sp = r->rsp;
	regs->flags = (regs->flags & ~USER_FLAGS) | (r->eflags & USER_FLAGS);
	/* No call is to be made again on top of this. */
	regs->orig_ax = -1;
}

/* -- memory --------------------------------------------------------------- */

/* A thread of the process that has not exited; with a reference. */
struct task_struct *ctl_handle_task(struct ctl_handle *h)
{
	struct task_struct *t = NULL;
	struct ctl_lwp *lwp;

	spin_lock_irq(&h->proc->lock);
	lwp = h->lwp ? h->lwp : ctl_proc_representative(h->proc);
	if (lwp && !lwp->dead)
		t = get_task_struct(lwp->task);
	spin_unlock_irq(&h->proc->lock);
	return t;
}

static bool opener_may(struct ctl_handle *h, struct task_struct *t)
{
	const struct cred *old = override_creds(h->cred);
	bool ok = ctl_sym.ptrace_may_access(t, PTRACE_MODE_ATTACH_REALCREDS);

	revert_creds(old);
	return ok;
}

int ctl_handle_lock(struct ctl_handle *h, struct task_struct *t)
{
	const struct mm_struct *mm;
	int err = 0;

	if (down_read_killable(&t->signal->exec_update_lock))
		return -EINTR;
	mm = READ_ONCE(t->mm);
	if (!mm)
		err = -ENOENT;
	else if (mm != READ_ONCE(h->proc->mm) && !opener_may(h, t))
		err = -EAGAIN;
	if (err)
		up_read(&t->signal->exec_update_lock);
	return err;
}

void ctl_handle_unlock(struct task_struct *t)
{
	up_read(&t->signal->exec_update_lock);
}

/* t's memory, if the opener of h may have it; with a reference. */
struct mm_struct *ctl_handle_mm(struct ctl_handle *h, struct task_struct *t)
{
	struct mm_struct *mm;
	int err = ctl_handle_lock(h, t);

	if (err)
		return ERR_PTR(err);
	mm = get_task_mm(t);
	ctl_handle_unlock(t);
	return mm ? mm : ERR_PTR(-ENOENT);
}

bool ctl_peek(struct mm_struct *mm, u64 addr, void *buf, int n)
{
	return ctl_sym.access_remote_vm(mm, addr, buf, n, FOLL_FORCE) == n;
}

bool ctl_poke(struct mm_struct *mm, u64 addr, const void *buf, int n)
{
	return ctl_sym.access_remote_vm(mm, addr, (void *)buf, n,
					FOLL_FORCE | FOLL_WRITE) == n;
}

static int copy_chunk(struct ctl_proc *proc, struct mm_struct *mm, u64 addr,
		      void *buf, int n, char __user *user, bool write)
{
	int err;

	if (write) {
		if (copy_from_user(buf, user, n))
			return -EFAULT;
		err = ctl_probe_keep(proc, addr, buf, n);
		if (err)
			return err;
		if (!ctl_poke(mm, addr, buf, n))
			return -EFAULT;
	} else {
		if (!ctl_peek(mm, addr, buf, n))
			return -EFAULT;
		ctl_probe_hide(proc, addr, buf, n);
		if (copy_to_user(user, buf, n))
			return -EFAULT;
	}
	return 0;
}

/*
 * What is written has a pointer into the writer's memory.  Whoever opened the
 * file could hand it to a program that can do more than he, as its standard
 * output say, and have that read or write itself.
 */
static bool is_deputy(const struct ctl_handle *h)
{
	const struct cred *now = current_cred(), *opener = h->cred;

	if (opener->user_ns == &init_user_ns &&
	    cap_raised(opener->cap_effective, CAP_SYS_PTRACE))
		return false;
	return now->user_ns != opener->user_ns ||
	       !uid_eq(now->euid, opener->euid) ||
	       !cap_issubset(now->cap_effective, opener->cap_effective);
}

int ctl_memory(struct ctl_handle *h, const struct ctl_iovec *v, bool write)
{
	char __user *user = (char __user *)(unsigned long)v->base;
	struct task_struct *t;
	struct mm_struct *mm;
	u64 done = 0;
	void *buf;
	int n, err = 0;

	if (v->offset + v->len < v->offset)
		return -EFAULT;
	if (is_deputy(h))
		return -EPERM;
	t = ctl_handle_task(h);
	if (!t)
		return -ENOENT;
	mm = ctl_handle_mm(h, t);
	put_task_struct(t);
	if (IS_ERR(mm))
		return PTR_ERR(mm);
	buf = (void *)__get_free_page(GFP_KERNEL);
	if (!buf)
		err = -ENOMEM;
	while (!err && done < v->len) {
		n = min_t(u64, v->len - done, PAGE_SIZE);
		err = copy_chunk(h->proc, mm, v->offset + done, buf, n,
				 user + done, write);
		if (!err && fatal_signal_pending(current))
			err = -EINTR;
		done += n;
		cond_resched();
	}
	free_page((unsigned long)buf);
	mmput(mm);
	return err;
}
