// SPDX-License-Identifier: GPL-2.0-only
/*
 * floor.c - what no module that records system calls can undercut.
 *
 * insmod floor.ko: two handlers on the tracepoints of system calls, which do
 * nothing.  insmod floor.ko copy=1: at the end of a call a record of the size
 * that ours have is copied into a buffer of the processor, which nobody reads.
 */
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <linux/vmalloc.h>

#include "dtrace_ctl.h"

#define RECORDS 4096U /* of one processor: more than its caches hold */

static bool copy;
module_param(copy, bool, 0444);
MODULE_PARM_DESC(copy, "copy a record at the end of each call");

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

static void on_leave(void *data, struct pt_regs *regs, long ret)
{
}

static void on_leave_copy(void *data, struct pt_regs *regs, long ret)
{
	struct bin *b = &get_cpu_var(bins);

	memcpy(&b->to[b->next++ % RECORDS], &b->rec, sizeof(b->rec));
	put_cpu_var(bins);
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
	err = tracepoint_probe_register(enter, on_enter, NULL);
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
	tracepoint_probe_unregister(enter, on_enter, NULL);
	tracepoint_probe_unregister(leave, leave_probe(), NULL);
	tracepoint_synchronize_unregister();
	free_bins();
}

module_init(floor_init);
module_exit(floor_exit);
MODULE_DESCRIPTION("the least that a module on the tracepoints of calls costs");
MODULE_LICENSE("GPL");
