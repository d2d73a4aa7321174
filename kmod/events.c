// SPDX-License-Identifier: GPL-2.0-only
/*
 * events.c - the hooks in the kernel.
 *
 * Three hooks are always there, because they cost a look into a hash at events
 * that are rare and dear anyway: a task is born, executes a file, exits.
 *
 * The others are switched on while somebody needs them:
 *   sys_enter, sys_exit   as long as they are on every process of the machine
 *                         takes the slower way into and out of the kernel (this
 *                         is how these tracepoints work)
 *   get_signal()          a kprobe: no tracepoint says "is about to take a
 *                         signal" (signal.c)
 *   dequeue_signal()      a kprobe: not one that came just now
 *   complete_signal()     a kretprobe: fatal signals are not received
 *   signal_deliver
 *   signal_generate       those that are ignored get no farther
 *
 * A kernel without one of them refuses what needs it: ENOSYS.
 */
#include <linux/kprobes.h>
#include <linux/tracepoint.h>

#include "control.h"

static bool sys_on, sig_on, entry_on; /* ctl_mutex */
static bool leaving;		      /* the same: nothing is switched on again */

static int get_signal_pre(struct kprobe *p, struct pt_regs *regs)
{
	ctl_on_get_signal();
	return 0;
}
static struct kprobe get_signal_probe;

static int dequeue_signal_pre(struct kprobe *p, struct pt_regs *regs)
{
	ctl_on_dequeue_signal(ctl_dequeue_mask(regs));
	return 0;
}
static struct kprobe dequeue_signal_probe;

static int sys_switch(bool on)
{
	int err;

	if (on) {
		if (!ctl_sym.sys_enter || !ctl_sym.sys_exit)
			return -ENOSYS;
		/* The exit first: it copes with an entry that it did not see. */
		err = tracepoint_probe_register(ctl_sym.sys_exit,
						ctl_on_sys_exit, NULL);
		if (err)
			return err;
		err = tracepoint_probe_register(ctl_sym.sys_enter,
						ctl_on_sys_enter, NULL);
		if (err)
			tracepoint_probe_unregister(ctl_sym.sys_exit,
						    ctl_on_sys_exit, NULL);
		return err;
	}
	tracepoint_probe_unregister(ctl_sym.sys_enter, ctl_on_sys_enter, NULL);
	tracepoint_probe_unregister(ctl_sym.sys_exit, ctl_on_sys_exit, NULL);
	return 0;
}

/* A signal that ends a process at once, in its sender: signal.c. */
struct completion_of {
	struct task_struct *p;
	int sig;
};

static int complete_entry(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct completion_of *c = (void *)ri->data;

	c->sig = regs->di;
	c->p = (void *)regs->si;
	return !ctl_on_complete(c->p, c->sig);
}

static int complete_ret(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct completion_of *c = (void *)ri->data;

	ctl_on_completed(c->p, c->sig);
	return 0;
}
static struct kretprobe complete_probe;
static bool complete_on;

static void complete_switch(bool on)
{
	if (!on && complete_on)
		unregister_kretprobe(&complete_probe);
	complete_on = false;
	if (!on)
		return;
	memset(&complete_probe, 0, sizeof(complete_probe));
	complete_probe.kp.symbol_name = "complete_signal";
	complete_probe.entry_handler = complete_entry;
	complete_probe.handler = complete_ret;
	complete_probe.data_size = sizeof(struct completion_of);
	complete_on = !register_kretprobe(&complete_probe);
	if (!complete_on)
		pr_warn_once("signals that end a process cannot be traced on this kernel\n");
}

static int probe_on(struct kprobe *kp, const char *name, kprobe_pre_handler_t fn)
{
	memset(kp, 0, sizeof(*kp));
	kp->symbol_name = name;
	kp->pre_handler = fn;
	return register_kprobe(kp);
}

static int sig_switch(bool on)
{
	int err;

	if (on) {
		if (!ctl_sym.signal_deliver || !ctl_sym.signal_generate)
			return -ENOSYS;
		err = probe_on(&get_signal_probe, "get_signal", get_signal_pre);
		if (err)
			return err;
		err = probe_on(&dequeue_signal_probe, "dequeue_signal",
			       dequeue_signal_pre);
		if (err)
			goto off_get;
		err = tracepoint_probe_register(ctl_sym.signal_deliver,
						ctl_on_signal_deliver, NULL);
		if (err)
			goto off_dequeue;
		err = tracepoint_probe_register(ctl_sym.signal_generate,
						ctl_on_signal_generate, NULL);
		if (err)
			goto off_deliver;
		complete_switch(true);
		return 0;
	}
	complete_switch(false);
	err = 0;
	tracepoint_probe_unregister(ctl_sym.signal_generate,
				    ctl_on_signal_generate, NULL);
off_deliver:
	tracepoint_probe_unregister(ctl_sym.signal_deliver,
				    ctl_on_signal_deliver, NULL);
off_dequeue:
	unregister_kprobe(&dequeue_signal_probe);
off_get:
	unregister_kprobe(&get_signal_probe);
	return err;
}

/*
 * Where a hook's new number is not looked at (CTL_ENTRY_PROBE): replace what
 * the function that calls the hooks returns.  Dear, hence only there.
 */
static int trace_enter_ret(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct ctl_lwp *lwp;

	rcu_read_lock();
	lwp = ctl_lwp_find(current);
	if (lwp && READ_ONCE(lwp->entry_hold))
		regs->ax = -1;
	rcu_read_unlock();
	return 0;
}
static struct kretprobe trace_enter_probe;

static int entry_switch(bool on)
{
	/* The compiler may have made a copy for its only caller. */
	static const char *const names[] = {
		"syscall_trace_enter",
		"syscall_trace_enter.constprop.0",
		"syscall_trace_enter.isra.0",
	};
	int i, err = -ENOENT;

	if (!on) {
		unregister_kretprobe(&trace_enter_probe);
		return 0;
	}
	for (i = 0; i < ARRAY_SIZE(names) && err; i++) {
		memset(&trace_enter_probe, 0, sizeof(trace_enter_probe));
		trace_enter_probe.kp.symbol_name = names[i];
		trace_enter_probe.handler = trace_enter_ret;
		trace_enter_probe.maxactive = 1024;
		err = register_kretprobe(&trace_enter_probe);
	}
	return err;
}

static int switch_to(bool *now, bool on, int (*sw)(bool), const char *what)
{
	int err;

	if (*now == on)
		return 0;
	err = sw(on);
	if (err) {
		pr_warn_once("%s cannot be traced on this kernel: %d\n", what,
			     err);
		return -ENOSYS;
	}
	*now = on;
	return 0;
}

/* ctl_mutex held.  -ENOSYS: the kernel lacks what is wanted. */
int ctl_events_sync(void)
{
	struct ctl_proc *proc;
	u32 want = 0;
	int e0 = 0, e1, e2;

	lockdep_assert_held(&ctl_mutex);
	if (leaving)
		return -ENOSYS;
	spin_lock_irq(&ctl_procs_lock);
	list_for_each_entry(proc, &ctl_all, all)
		want |= READ_ONCE(proc->want);
	spin_unlock_irq(&ctl_procs_lock);
	if (CTL_ENTRY_PROBE)
		e0 = switch_to(&entry_on, want & CTL_WANT_ENTRY, entry_switch,
			       "the entry of system calls");
	e1 = switch_to(&sys_on, want & CTL_WANT_SYS, sys_switch,
		       "system calls");
	e2 = switch_to(&sig_on, want & CTL_WANT_SIG, sig_switch, "signals");
	return e0 ? e0 : e1 ? e1 : e2;
}

static const struct {
	struct tracepoint **tp;
	void *probe;
} always[] = {
	{ &ctl_sym.newtask, ctl_on_newtask },
	{ &ctl_sym.exec, ctl_on_exec },
	{ &ctl_sym.exit, ctl_on_exit },
};

int ctl_events_init(void)
{
	int i, err;

	for (i = 0; i < ARRAY_SIZE(always); i++) {
		err = tracepoint_probe_register(*always[i].tp, always[i].probe,
						NULL);
		if (err)
			goto undo;
	}
	return 0;
undo:
	while (--i >= 0)
		tracepoint_probe_unregister(*always[i].tp, always[i].probe,
					    NULL);
	tracepoint_synchronize_unregister();
	return err;
}

void ctl_events_exit(void)
{
	int i;

	mutex_lock(&ctl_mutex);
	/* Processes go later, and the work that looks for idle ones is about. */
	leaving = true;
	if (sys_on)
		sys_switch(false);
	if (sig_on)
		sig_switch(false);
	if (entry_on)
		entry_switch(false);
	sys_on = sig_on = entry_on = false;
	mutex_unlock(&ctl_mutex);
	for (i = 0; i < ARRAY_SIZE(always); i++)
		tracepoint_probe_unregister(*always[i].tp, always[i].probe,
					    NULL);
	tracepoint_synchronize_unregister();
}
