#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# probes.sh - ask the compiler what this kernel looks like; writes config.h.
#
#	probes.sh OUTPUT COMPILER FLAGS...
#
# Each question is a line of C that compiles or does not (compat.h has why).
# One thing must compile in any case; when it does not, the flags are wrong,
# every answer would be "no", and the module would be built for a kernel that
# does not exist.
set -eu

out=$1
shift

cc=$1
shift
tmp=$out.tmp
log=$out.log
: >"$tmp"
: >"$log"

probe()
{
	name=$1
	code=$2
	{
		echo '#include <linux/module.h>'
		echo '#include <linux/mm.h>'
		echo '#include <linux/sched/signal.h>'
		echo '#include <linux/file.h>'
		echo '#include <linux/freezer.h>'
		echo '#include <linux/task_work.h>'
		echo '#include <linux/time_namespace.h>'
		echo '#include <linux/uprobes.h>'
		echo "$code"
	} >"$out.probe.c"
	shift 2
	echo "== $name" >>"$log"
	if "$cc" "$@" -Wno-missing-prototypes -Wno-missing-declarations \
		-Werror=incompatible-pointer-types -Werror=int-conversion \
		-c -o "$out.probe.o" "$out.probe.c" 2>>"$log"; then
		echo "#define $name 1" >>"$tmp"
		return 0
	fi
	return 1
}

if ! probe CTL_HAVE_KERNEL 'int f(void) { return current->pid; }' "$@"; then
	echo "probes.sh: the kernel's headers do not compile:" >&2
	cat "$log" >&2
	exit 1
fi
probe CTL_HAVE_TASK_STATE_ \
	'long f(struct task_struct *t) { return t->__state; }' "$@" || :
probe CTL_HAVE_TASK_FREEZABLE \
	'int f(void) { return TASK_FREEZABLE; }' "$@" || :
probe CTL_HAVE_DEQUEUE_CURRENT \
	'int f(sigset_t *m, kernel_siginfo_t *i, enum pid_type *t)
	{ return dequeue_signal(m, i, t); }' "$@" || :
probe CTL_HAVE_DEQUEUE_TYPE \
	'int f(struct task_struct *p, sigset_t *m, kernel_siginfo_t *i, enum pid_type *t)
	{ return dequeue_signal(p, m, i, t); }' "$@" || :
probe CTL_HAVE_VM_FLAGS_MOD \
	'void f(struct vm_area_struct *v) { vm_flags_mod(v, VM_DONTCOPY, VM_MAYWRITE); }' "$@" || :
probe CTL_HAVE_TASK_WORK_CANCEL_FUNC \
	'void *f(struct task_struct *t, task_work_func_t g)
	{ return task_work_cancel_func(t, g); }' "$@" || :
probe CTL_HAVE_TIMENS_NS \
	'u64 f(u64 t) { return timens_add_boottime_ns(t); }' "$@" || :
probe CTL_HAVE_EXEC_STATE \
	'#include <linux/sched/exec_state.h>
	void *f(struct task_struct *t)
	{ return rcu_dereference_check(t->exec_state, true)->user_ns; }' "$@" || :
probe CTL_HAVE_UPROBE_HANDLE \
	'struct uprobe *f(struct inode *i, struct uprobe_consumer *c)
	{ return uprobe_register(i, 0, 0, c); }' "$@" || :
probe CTL_HAVE_UPROBE_REFCTR \
	'int f(struct inode *i, struct uprobe_consumer *c)
	{ return uprobe_register_refctr(i, 0, 0, c); }' "$@" || :
probe CTL_HAVE_UPROBE_NOSYNC \
	'void f(struct uprobe *u, struct uprobe_consumer *c)
	{ uprobe_unregister_nosync(u, c); uprobe_unregister_sync(); }' "$@" || :
probe CTL_HAVE_UPROBE_FILTER_CTX \
	'bool f(struct uprobe_consumer *c, struct mm_struct *m)
	{ return c->filter(c, UPROBE_FILTER_REGISTER, m); }' "$@" || :
probe CTL_HAVE_UPROBE_DATA \
	'int f(struct uprobe_consumer *c, struct pt_regs *r)
	{ __u64 d; return c->handler(c, r, &d); }' "$@" || :
probe CTL_HAVE_UPROBE_OPTIMIZE \
	'void f(void)
	{ set_bit(ARCH_UPROBE_FLAG_OPTIMIZE_FAIL, &current->utask->auprobe->flags); }' "$@" || :

rm -f "$out.probe.c" "$out.probe.o"
mv "$tmp" "$out"
