/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usdt_proc.c - the probes of a running process.
 *
 * Descriptions are not loaded, so the files that are mapped must be read:
 * maps.c finds them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maps.h"

/* Once for each place where the file of all->v[first] is mapped. */
static int read_file(struct ctl_usdt *u, struct elf_file *f, const char *path,
		     const struct mappings *all, size_t first)
{
	struct mapping_place *places = NULL;
	ssize_t n = mapping_places(f, all, first, &places);
	uint64_t hook;
	int r = n < 0 ? n : 0;

	for (ssize_t i = 0; i < n && r == 0; i++) {
		r = usdt_read_object(u, f, path, places[i].bias);
		hook = elf_loader_hook(f, path, places[i].bias);
		if (hook)
			u->loader = hook;
	}
	free(places);
	return r;
}

static int read_mapped(struct ctl_usdt *u, int proc,
		       const struct mappings *all, size_t first)
{
	static const char deleted[] = " (deleted)";
	const struct mapping *m = &all->v[first];
	size_t len = strlen(m->path), tail = sizeof(deleted) - 1;
	struct elf_file f;
	char *path;
	int r;

	r = mapping_file(proc, m, &f);
	if (r == -ENOEXEC)
		return 0; /* code that is not in an ELF file */
	if (r < 0) {
		usdt_problem(u, m->path, "%s", ctl_error());
		return r == -ENOMEM ? r : 0;
	}
	path = strdup(m->path);
	if (path && f.is_deleted && len > tail &&
	    !strcmp(path + len - tail, deleted))
		path[len - tail] = '\0';
	r = path ? read_file(u, &f, path, all, first) : -ENOMEM;
	free(path);
	elf_file_close(&f);
	return r;
}

static int read_process(struct ctl_usdt *u, int proc)
{
	struct mappings all = { 0 };
	int r;

	r = mappings_read(&u->arena, proc, &all);
	for (size_t i = 0; i < all.n && r == 0; i++)
		if (all.v[i].is_first)
			r = read_mapped(u, proc, &all, i);
	free(all.v);
	if (r == 0)
		r = usdt_group(u);
	return r;
}

CTL_EXPORT int ctl_usdt_process(struct ctl_usdt **result, pid_t pid, int flags)
{
	struct ctl_procinfo pi;
	struct ctl_usdt *u;
	int proc, r;

	proc = mappings_open(pid);
	if (proc < 0)
		return ctl_fail(proc, "No such process");
	/* They map nothing: that is not to look like "no probes". */
	if (ctl_proc_info(pid, 0, &pi) == 0 &&
	    (pi.is_kernel || (pi.state == 'Z' && pi.nlwp <= 1))) {
		close(proc);
		return pi.is_kernel ?
			       ctl_fail(-EOPNOTSUPP, "it is a kernel thread") :
			       ctl_fail(-ENOENT, "the process has exited");
	}
	u = calloc(1, sizeof(*u));
	if (u)
		u->flags = flags;
	r = u ? read_process(u, proc) : -ENOMEM;
	close(proc);
	if (r < 0) {
		ctl_usdt_free(u);
		if (r == -ENOENT || r == -ESRCH)
			return ctl_fail(-ENOENT, "No such process");
		return ctl_failno(r);
	}
	*result = u;
	return 0;
}
