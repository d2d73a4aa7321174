// SPDX-License-Identifier: GPL-2.0-only
/*
 * symbols.c - the functions that the kernel has but does not export.
 *
 * A module is linked against exported symbols only, and much of what process
 * control needs is not among them: no driver needs it.  Each such name is
 * looked up once, here, when the module is loaded, and called through
 * ctl_sym from then on.  kallsyms_lookup_name(), which does the looking up, is
 * itself not exported; but a kprobe may be put on it, and a registered kprobe
 * knows its address.
 *
 * A kernel that lacks a name that everything depends on makes the load fail
 * with a line that says which.  A name that one feature depends on leaves that
 * feature out (proc_hook.c, signal.c).
 *
 * With CONFIG_X86_KERNEL_IBT a function begins with ENDBR64, a kprobe is put
 * behind it, and an indirect call has to land on it: go back to it.
 */
#include <linux/kprobes.h>
#include <linux/tracepoint.h>

#include "control.h"

struct ctl_symbols ctl_sym;

#define ENDBR64 0xfa1e0ff3U

static unsigned long function_start(unsigned long addr)
{
	if (!IS_ENABLED(CONFIG_X86_KERNEL_IBT))
		return addr;
	if (*(u32 *)(addr - 4) == ENDBR64)
		return addr - 4;
	return addr;
}

static int noop_pre(struct kprobe *p, struct pt_regs *regs)
{
	return 0;
}

static unsigned long kprobe_lookup(const char *name)
{
	struct kprobe kp = { .symbol_name = name, .pre_handler = noop_pre };
	unsigned long addr;

	if (register_kprobe(&kp) < 0)
		return 0;
	addr = function_start((unsigned long)kp.addr);
	unregister_kprobe(&kp);
	return addr;
}

unsigned long ctl_symbol(const char *name)
{
	return ctl_sym.kallsyms_lookup_name(name);
}

static void match_tracepoint(struct tracepoint *tp, void *priv)
{
	static const struct {
		const char *name;
		struct tracepoint **where;
	} wanted[] = {
		{ "sys_enter", &ctl_sym.sys_enter },
		{ "sys_exit", &ctl_sym.sys_exit },
		{ "signal_deliver", &ctl_sym.signal_deliver },
		{ "signal_generate", &ctl_sym.signal_generate },
		{ "task_newtask", &ctl_sym.newtask },
		{ "sched_process_exec", &ctl_sym.exec },
		{ "sched_process_exit", &ctl_sym.exit },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(wanted); i++)
		if (!strcmp(tp->name, wanted[i].name))
			*wanted[i].where = tp;
}

int ctl_symbols_find(void)
{
	static const struct {
		const char *name;
		void *where;
	} wanted[] = {
		{ "task_work_add", &ctl_sym.task_work_add },
#ifdef CTL_HAVE_TASK_WORK_CANCEL_FUNC
		{ "task_work_cancel_func", &ctl_sym.task_work_cancel },
#else
		{ "task_work_cancel", &ctl_sym.task_work_cancel },
#endif
		{ "ptrace_may_access", &ctl_sym.ptrace_may_access },
		{ "pidfd_pid", &ctl_sym.pidfd_pid },
		{ "access_remote_vm", &ctl_sym.access_remote_vm },
		{ "task_user_regset_view", &ctl_sym.regset_view },
	};
	unsigned long addr;
	int i;

	ctl_sym.kallsyms_lookup_name =
		(void *)kprobe_lookup("kallsyms_lookup_name");
	if (!ctl_sym.kallsyms_lookup_name) {
		pr_err("kprobes do not work here, and nothing can be found without them\n");
		return -ENOSYS;
	}
	for (i = 0; i < ARRAY_SIZE(wanted); i++) {
		addr = ctl_symbol(wanted[i].name);
		if (!addr) {
			pr_err("this kernel has no %s()\n", wanted[i].name);
			return -ENOSYS;
		}
		*(unsigned long *)wanted[i].where = addr;
	}
	for_each_kernel_tracepoint(match_tracepoint, NULL);
	if (!ctl_sym.newtask || !ctl_sym.exec || !ctl_sym.exit) {
		pr_err("this kernel lacks the tracepoints task_newtask, sched_process_exec, sched_process_exit\n");
		return -ENOSYS;
	}
	return 0;
}
