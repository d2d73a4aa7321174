/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exec.c - --exec=GLOB: only processes that run a program of such a name.
 *
 * All are followed, since who executes it cannot be told before.
 */
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ptruss.h"

struct process {
	struct process *next;
	pid_t pid;
	bool matches;
};
static struct process *processes;

static bool is_one(const char *pattern, const char *path)
{
	const char *slash = strrchr(path, '/');

	return fnmatch(pattern, path, 0) == 0 ||
	       (slash && fnmatch(pattern, slash + 1, 0) == 0);
}

static struct process *find(pid_t pid)
{
	struct process *p;

	for (p = processes; p; p = p->next)
		if (p->pid == pid)
			return p;
	return NULL;
}

static void add(pid_t pid, bool matches)
{
	struct process *p = malloc(sizeof(*p));

	if (!p)
		return;
	*p = (struct process){ processes, pid, matches };
	processes = p;
}

static void drop(pid_t pid)
{
	struct process **at, *p;

	for (at = &processes; (p = *at); at = &p->next)
		if (p->pid == pid) {
			*at = p->next;
			free(p);
			return;
		}
}

void exec_meet(const struct options *opt, pid_t pid)
{
	char link[64], path[4096];
	ssize_t n;

	if (!opt->exec || find(pid))
		return;
	snprintf(link, sizeof(link), "/proc/%d/exe", pid);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	add(pid, is_one(opt->exec, path));
}

bool exec_matches(const struct options *opt, const struct ctl_rec *rec)
{
	const struct ctl_rec_fork *f = (const void *)rec;
	const struct ctl_rec_exec *e = (const void *)rec;
	const struct ctl_rec_exit *x = (const void *)rec;
	struct process *p;
	bool matches;

	if (!opt->exec)
		return true;
	p = find(rec->pid);
	if (!p)
		return false;
	if (rec->type == CTL_REC_EXEC && e->pathlen)
		p->matches = is_one(opt->exec, (const char *)(e + 1));
	matches = p->matches;
	if (rec->type == CTL_REC_FORK && f->kind != CTL_FORK_THREAD &&
	    !find(f->child_pid))
		add(f->child_pid, matches);
	if (rec->type == CTL_REC_EXIT && x->process)
		drop(rec->pid);
	return matches;
}
