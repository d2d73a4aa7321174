// SPDX-License-Identifier: GPL-2.0-only
/*
 * main.c - load and unload.
 *
 * dtrace_ctl gives Linux the control interface of SVR4's /proc: a file for each
 * process, through which another process stops it, runs it, and is told of its
 * system calls, signals and faults.  dtrace_ctl.h is the protocol, control.h
 * the map of the source, control.c explains the stop.
 *
 * The module can go while processes are stopped: nobody may hold a handle then
 * (the module's own reference count sees to that), so whatever is still stopped
 * is stopped for nobody, and runs.
 */
#include <linux/init.h>
#include <linux/module.h>

#include "control.h"

struct workqueue_struct *ctl_wq;
DEFINE_MUTEX(ctl_mutex);

static int __init dtrace_ctl_init(void)
{
	int err;

	err = ctl_symbols_find();
	if (err)
		return err;
	err = ctl_regs_init();
	if (err)
		return err;
	ctl_wq = alloc_workqueue("dtrace_ctl", WQ_UNBOUND, 0);
	if (!ctl_wq)
		return -ENOMEM;
	err = ctl_signal_init();
	if (err)
		goto free_wq;
	err = ctl_events_init();
	if (err)
		goto exit_signal;
	err = ctl_file_init();
	if (err)
		goto exit_events;
	/* Without it there is still the device. */
	ctl_proc_hook_init();
	return 0;

exit_events:
	ctl_events_exit();
exit_signal:
	ctl_signal_exit();
free_wq:
	destroy_workqueue(ctl_wq);
	return err;
}

static void __exit dtrace_ctl_exit(void)
{
	ctl_proc_hook_exit();
	ctl_file_exit();
	ctl_probes_exit();
	ctl_events_exit();
	ctl_control_exit();
	ctl_signal_exit();
	/* Handles that were closed just now are freed through it. */
	rcu_barrier();
	destroy_workqueue(ctl_wq);
	ctl_ring_exit();
	/* kfree_rcu() and friends of the last ones. */
	rcu_barrier();
}

module_init(dtrace_ctl_init);
module_exit(dtrace_ctl_exit);
MODULE_DESCRIPTION("SVR4 process control: /proc/PID/ctl");
MODULE_AUTHOR("the ctltools authors");
MODULE_LICENSE("GPL");
