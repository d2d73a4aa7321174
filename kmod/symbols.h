/* SPDX-License-Identifier: GPL-2.0-only */
/* symbols.h - what the kernel has but does not export; see symbols.c. */
#ifndef CTL_SYMBOLS_H
#define CTL_SYMBOLS_H

#include <linux/regset.h>
#include <linux/task_work.h>

struct ctl_symbols {
	unsigned long (*kallsyms_lookup_name)(const char *name);
	/* needed: without one of these the module does not load */
	int (*task_work_add)(struct task_struct *t, struct callback_head *w,
			     enum task_work_notify_mode mode);
	struct callback_head *(*task_work_cancel)(struct task_struct *t,
						  task_work_func_t func);
	bool (*ptrace_may_access)(struct task_struct *t, unsigned int mode);
	struct pid *(*pidfd_pid)(const struct file *file);
	int (*access_remote_vm)(struct mm_struct *mm, unsigned long addr,
				void *buf, int len, unsigned int flags);
	const struct user_regset_view *(*regset_view)(struct task_struct *t);
	/* tracepoints, by name */
	struct tracepoint *sys_enter, *sys_exit;
	struct tracepoint *signal_deliver, *signal_generate;
	struct tracepoint *newtask, *exec, *exit;
};
extern struct ctl_symbols ctl_sym;

int ctl_symbols_find(void);
/* The address of a function or variable of the kernel, 0: there is none. */
unsigned long ctl_symbol(const char *name);

#endif
