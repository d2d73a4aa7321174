/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * follow.c - the tracer runs where its tracee runs.
 *
 * A traced system call is two stops, each of them two switches between target
 * and tracer.  On one CPU a switch costs 2 us.  On two it costs whatever waking
 * an idle CPU does, which in a virtual machine is 30 us and more; and two it is,
 * because the scheduler looks for an idle CPU whenever it wakes somebody.
 *
 * So the tracer binds itself to the CPU that its tracee was last on.  That
 * alone does nothing: waking the tracee, the scheduler sees that CPU busy with
 * the tracer, and moves the tracee away.  Except when the tracer's policy is
 * SCHED_IDLE: a CPU that runs only such tasks counts as idle (sched_idle_cpu()
 * in kernel/sched/fair.c, since 5.4), the tracee stays, and preempts the tracer
 * at once.
 *
 * A SCHED_IDLE task has next to no weight against others, and would starve on a
 * busy machine, its tracee with it.  Not so if it is alone in an autogroup
 * (sched(7)), as a session leader's child is: between groups all that counts is
 * the weight of the group, and that is an ordinary one.  Where there are no
 * autogroups, because the CPU controller of cgroups shares out the time, the
 * tracer stays as it is.
 *
 * It cannot be undone by an ordinary user (RLIMIT_NICE), so it is not done
 * before stops come in quick succession; and it concerns the tracer only, not
 * the thread that watches the descriptors.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keeper.h"
#include "source.h"

#define WINDOW 64U /* stops; a decision is taken after so many */
#define QUICK_NS 1000000ULL /* a stop, on average: quick succession */
#define LOOK 8U /* stops between two looks where the tracee is */

static enum { UNKNOWN, NEVER, ALLOWED, ON } mode;
static cpu_set_t home; /* where the tracer was allowed to run */
static int bound = -1; /* the CPU it is bound to, or -1 */

static bool file_has(const char *path, const char *word)
{
	char line[512];
	bool found = false;
	FILE *f = fopen(path, "re");

	while (f && !found && fgets(line, sizeof(line), f))
		found = strstr(line, word) != NULL;
	if (f)
		fclose(f);
	return found;
}

/* Is our share of the CPU that of our session?  See autogroup_task_group(). */
static bool in_autogroup(void)
{
	char line[512], *path;
	struct stat st;
	bool root = true;
	FILE *f;

	/* In a cgroup namespace of its own everything looks like the root. */
	if (stat("/proc/self/ns/cgroup", &st) < 0 ||
	    st.st_ino != 0xeffffffbU || /* PROC_CGROUP_INIT_INO */
	    !file_has("/proc/sys/kernel/sched_autogroup_enabled", "1"))
		return false;
	f = fopen("/proc/self/cgroup", "re");
	if (!f)
		return false;
	while (root && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		path = strrchr(line, ':');
		if (!path || !strcmp(path, ":/"))
			continue;
		if (!strncmp(line, "0::", 3))
			root = access("/sys/fs/cgroup/cgroup.subtree_control",
				      R_OK) == 0 &&
			       !file_has("/sys/fs/cgroup/cgroup.subtree_control",
					 "cpu ") &&
			       !file_has("/sys/fs/cgroup/cgroup.subtree_control",
					 "cpu\n");
		else if (strstr(line, ":cpu:") || strstr(line, ":cpu,") ||
			 strstr(line, ",cpu:") || strstr(line, ",cpu,"))
			root = false;
	}
	fclose(f);
	return root;
}

static void bind_to(int cpu)
{
	cpu_set_t set;

	if (cpu == bound)
		return;
	CPU_ZERO(&set);
	if (cpu >= 0 && cpu < CPU_SETSIZE && CPU_ISSET(cpu, &home))
		CPU_SET(cpu, &set);
	else
		set = home, cpu = -1;
	if (sched_setaffinity(0, sizeof(set), &set) == 0)
		bound = cpu;
}

static bool switch_on(void)
{
	struct sched_param sp = { 0 };

	if (mode == UNKNOWN) {
		/* Whoever gave us another policy knows why. */
		mode = sched_getscheduler(0) == SCHED_OTHER &&
				       sched_getaffinity(0, sizeof(home), &home) == 0 &&
				       CPU_COUNT(&home) > 1 && in_autogroup() ?
			       ALLOWED :
			       NEVER;
	}
	if (mode == ALLOWED)
		mode = sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK,
					  &sp) == 0 ?
			       ON :
			       NEVER;
	return mode == ON;
}

/* The CPU that a stopped thread was on: its C library has the kernel keep the
 * number in its memory (rseq(2)), else /proc tells.  -1: not known. */
static int cpu_of(struct lwp *l)
{
#ifdef PTRACE_GET_RSEQ_CONFIGURATION
	struct __ptrace_rseq_configuration c;
	uint32_t cpu;

	if (ptrace(PTRACE_GET_RSEQ_CONFIGURATION, l->tid, sizeof(c), &c) ==
		    (long)sizeof(c) &&
	    c.rseq_abi_pointer &&
	    proc_read_some(l->proc, c.rseq_abi_pointer + 4, &cpu, 4) == 4 &&
	    cpu < CPU_SETSIZE)
		return cpu;
#endif
	return ctl_proc_cpu(l->proc->pid, l->tid);
}

/* Nothing is in a hurry: run anywhere. */
void follow_rest(void)
{
	if (bound >= 0)
		bind_to(-1);
}

void follow_never(void)
{
	follow_rest();
	mode = NEVER;
}

/* A thread has stopped and is about to be handled. */
void follow_stop(struct lwp *l)
{
	static uint64_t since;
	static unsigned n, others;
	static pid_t last, before;
	uint64_t now;

	/* (Who makes BPF ready is in our group, and takes its time.) */
	if (mode == NEVER || source_awaited())
		return;
	/* Whose stops are these?  One bound tracer serves two threads well. */
	if (l->tid != last) {
		others += l->tid != before;
		before = last;
		last = l->tid;
	}
	if (++n < WINDOW) {
		if (bound >= 0 && n % LOOK == 0)
			bind_to(cpu_of(l));
		return;
	}
	now = now_ns();
	if (now - since > WINDOW * QUICK_NS || others > WINDOW / 4)
		follow_rest();
	else if (switch_on())
		bind_to(cpu_of(l));
	since = now;
	n = others = 0;
}
