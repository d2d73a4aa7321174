/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usdt_proc.c - the probes of a running process.
 *
 * Descriptions are not loaded, so the files must be read; and it must be the
 * files that are mapped, not what has their names today or in our root:
 *
 *   /proc/PID/map_files/RANGE  is the very file, with or without a name, in any
 *                              mount namespace; it needs a capability.
 *   /proc/PID/exe              the same for the program, without one.
 *   /proc/PID/root/PATH        the name as the process sees it; taken when
 *                              device and inode are those of the mapping.
 *
 * Everything goes through one descriptor of /proc/PID, so that all of it is of
 * one process, whoever gets the number next.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "probe.h"

struct mapping {
	uint64_t start, end, offset, inode;
	dev_t dev;
	const char *path; /* in the arena */
};

struct mappings {
	struct mapping *v;
	size_t n, room;
};

/* A newline in a path is "\012" there. */
static void unescape(char *path)
{
	char *to = path;

	for (; *path; path++) {
		if (!strncmp(path, "\\012", 4)) {
			*to++ = '\n';
			path += 3;
		} else {
			*to++ = *path;
		}
	}
	*to = '\0';
}

/* 1: an executable mapping of a file. */
static int parse_mapping(struct arena *a, char *line, struct mapping *m)
{
	unsigned major, minor;
	char perms[5];
	int at = 0;

	if (sscanf(line,
		   "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
		   &m->start, &m->end, perms, &m->offset, &major, &minor,
		   &m->inode, &at) < 7 ||
	    !at)
		return 0;
	if (perms[2] != 'x' || !m->inode || line[at] != '/')
		return 0;
	line[strcspn(line, "\n")] = '\0';
	unescape(line + at);
	m->dev = makedev(major, minor);
	m->path = arena_strndup(a, line + at, strlen(line + at));
	return m->path ? 1 : -ENOMEM;
}

static int add_mapping(struct mappings *all, const struct mapping *m)
{
	struct mapping *v;

	if (all->n == all->room) {
		all->room = all->room ? 2 * all->room : 64;
		v = reallocarray(all->v, all->room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		all->v = v;
	}
	all->v[all->n++] = *m;
	return 0;
}

static int read_mappings(struct arena *a, int proc, struct mappings *all)
{
	struct mapping m;
	char *line = NULL;
	size_t size = 0;
	FILE *maps;
	int fd, r = 0;

	fd = openat(proc, "maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	maps = fdopen(fd, "r");
	if (!maps) {
		r = -errno;
		close(fd);
		return r;
	}
	errno = 0;
	while (r == 0 && getline(&line, &size, maps) > 0) {
		r = parse_mapping(a, line, &m);
		if (r == 1)
			r = add_mapping(all, &m);
	}
	if (r == 0 && ferror(maps))
		r = errno ? -errno : -EIO;
	free(line);
	fclose(maps);
	return r;
}

/* --------------------------------------------------------- the right file -- */

/*
 * On these, what maps shows as the device is not what stat(2) shows; the inode
 * alone has to do.
 */
static bool own_device(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 &&
	       (fs.f_type == OVERLAYFS_SUPER_MAGIC ||
		fs.f_type == BTRFS_SUPER_MAGIC);
}

static int open_same(int proc, const char *path, const struct mapping *m)
{
	struct stat st;
	int fd;

	/* Looked at before it is opened: opening a device does things. */
	if (fstatat(proc, path, &st, 0) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENOEXEC;
	fd = elf_open_regular(proc, path);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0 || st.st_ino != m->inode ||
	    (st.st_dev != m->dev && !own_device(fd))) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

static int open_mapping(int proc, const struct mapping *m)
{
	char name[64], *path;
	int fd;

	snprintf(name, sizeof(name), "map_files/%" PRIx64 "-%" PRIx64, m->start,
		 m->end);
	/* The link leads to the file whatever its name: nothing to compare. */
	fd = elf_open_regular(proc, name);
	if (fd >= 0 || fd == -ENOEXEC)
		return fd;
	fd = open_same(proc, "exe", m);
	if (fd >= 0)
		return fd;
	if (asprintf(&path, "root%s", m->path) < 0)
		return -ENOMEM;
	fd = open_same(proc, path, m);
	free(path);
	if (fd == -ENOENT || fd == -ESTALE)
		return -ESTALE;
	return fd;
}

/* ---------------------------------------------------------------- reading -- */

static bool same_file(const struct mapping *a, const struct mapping *b)
{
	return a->inode == b->inode && a->dev == b->dev;
}

static bool bias_of(struct elf_file *f, const struct mapping *m, uint64_t *bias)
{
	uint64_t addr;

	if (!elf_address_of(f, m->offset, PF_X, &addr))
		return false;
	*bias = m->start - addr;
	return true;
}

/* glibc and musl call the function the same. */
static void find_loader(struct ctl_usdt *u, struct elf_file *f,
			const char *path, uint64_t bias)
{
	static const char name[] = "_dl_debug_state";
	const char *slash = strrchr(path, '/'), *problem;
	uint64_t addr;

	if (slash && !strncmp(slash, "/ld", 3) &&
	    elf_symbol(f, name, sizeof(name) - 1, &addr, &problem) == 0)
		u->loader = addr + bias;
}

/* Once for each place where the file of all->v[first] is mapped. */
static int read_file(struct ctl_usdt *u, struct elf_file *f, const char *path,
		     const struct mappings *all, size_t first)
{
	uint64_t bias, before;
	bool seen;
	int r = 0;

	for (size_t i = first; i < all->n && r == 0; i++) {
		if (!same_file(&all->v[i], &all->v[first]) ||
		    !bias_of(f, &all->v[i], &bias))
			continue;
		seen = false;
		for (size_t j = first; j < i && !seen; j++)
			seen = same_file(&all->v[j], &all->v[first]) &&
			       bias_of(f, &all->v[j], &before) &&
			       before == bias;
		if (seen)
			continue;
		r = usdt_read_object(u, f, path, bias);
		find_loader(u, f, path, bias);
	}
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
	int fd, r;

	fd = open_mapping(proc, m);
	if (fd == -ENOEXEC)
		return 0; /* code that is not in an ELF file */
	if (fd == -ESTALE) {
		usdt_problem(u, m->path,
			     "deleted or replaced since it was mapped; to read "
			     "it needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN");
		return 0;
	}
	if (fd < 0) {
		usdt_problem(u, m->path, "%s", strerror(-fd));
		return fd == -ENOMEM ? fd : 0;
	}
	r = elf_file_open(&f, fd);
	if (r == -ENOEXEC)
		return 0;
	if (r < 0) {
		usdt_problem(u, m->path, "%s", ctl_error());
		return 0;
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
	bool seen;
	int r;

	r = read_mappings(&u->arena, proc, &all);
	for (size_t i = 0; i < all.n && r == 0; i++) {
		seen = false;
		for (size_t j = 0; j < i && !seen; j++)
			seen = same_file(&all.v[i], &all.v[j]);
		if (!seen)
			r = read_mapped(u, proc, &all, i);
	}
	free(all.v);
	if (r == 0)
		r = usdt_group(u);
	return r;
}

CTL_EXPORT int ctl_usdt_process(struct ctl_usdt **result, pid_t pid, int flags)
{
	struct ctl_usdt *u;
	char name[32];
	int proc, r;

	snprintf(name, sizeof(name), "/proc/%d", pid);
	proc = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (proc < 0)
		return ctl_fail(-ENOENT, "No such process");
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
