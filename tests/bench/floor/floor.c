// SPDX-License-Identifier: GPL-2.0-only
/*
 * floor.c - what no module that records system calls can undercut.
 *
 * insmod floor.ko: two handlers on the tracepoints of system calls, which do
 * nothing.  insmod floor.ko copy=1: at the end of a call a record of the size
 * that ours have is copied into a buffer of the processor, which nobody reads.
 * copy=2: and it says when the call began and how long it took.
 */
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>

#include "dtrace_ctl.h"

#define RECORDS 4096U /* of one processor: more than its caches hold */

static unsigned int copy;
module_param(copy, uint, 0444);
MODULE_PARM_DESC(copy, "1: a record at the end of each call; 2: with its times");

struct bin {
	struct ctl_rec_syscall rec; /* what is copied */
	struct ctl_rec_syscall *to;
	u32 next;
};
static DEFINE_PER_CPU(struct bin, bins);

static struct tracepoint *enter, *leave;

static void on_enter(void *data, struct pt_regs *regs, long nr)
{
}

static void on_enter_time(void *data, struct pt_regs *regs, long nr)
{
	struct bin *b = &get_cpu_var(bins);

	b->rec.h.time = ktime_get_ns();
	put_cpu_var(bins);
}

static void on_leave(void *data, struct pt_regs *regs, long ret)
{
}

static void on_leave_copy(void *data, struct pt_regs *regs, long ret)
{
	struct bin *b = &get_cpu_var(bins);

	if (copy > 1)
		b->rec.elapsed = ktime_get_ns() - b->rec.h.time;
	memcpy(&b->to[b->next++ % RECORDS], &b->rec, sizeof(b->rec));
	put_cpu_var(bins);
}

static void *enter_probe(void)
{
	return copy > 1 ? (void *)on_enter_time : (void *)on_enter;
}

static void *leave_probe(void)
{
	return copy ? (void *)on_leave_copy : (void *)on_leave;
}

static void match(struct tracepoint *tp, void *arg)
{
	if (!strcmp(tp->name, "sys_enter"))
		enter = tp;
	else if (!strcmp(tp->name, "sys_exit"))
		leave = tp;
}

static void free_bins(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		vfree(per_cpu(bins, cpu).to);
}

static int __init floor_init(void)
{
	int cpu, err;

	for_each_kernel_tracepoint(match, NULL);
	if (!enter || !leave)
		return -ENOSYS;
	for_each_possible_cpu(cpu) {
		struct bin *b = &per_cpu(bins, cpu);

		b->to = vzalloc(RECORDS * sizeof(*b->to));
		if (!b->to) {
			err = -ENOMEM;
			goto free;
		}
	}
	err = tracepoint_probe_register(leave, leave_probe(), NULL);
	if (err)
		goto free;
	err = tracepoint_probe_register(enter, enter_probe(), NULL);
	if (err)
		goto unregister;
	return 0;
unregister:
	tracepoint_probe_unregister(leave, leave_probe(), NULL);
	tracepoint_synchronize_unregister();
free:
	free_bins();
	return err;
}

static void __exit floor_exit(void)
{
	tracepoint_probe_unregister(enter, enter_probe(), NULL);
	tracepoint_probe_unregister(leave, leave_probe(), NULL);
	tracepoint_synchronize_unregister();
	free_bins();
}

module_init(floor_init);
module_exit(floor_exit);
MODULE_DESCRIPTION("the least that a module on the tracepoints of calls costs");
MODULE_LICENSE("GPL");
