/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps.c - what code a process has mapped, and from which files.
 *
 * It must be the files that are mapped, not what has their names today or in
 * our root:
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

#include "maps.h"

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

/* 1: an executable mapping. */
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
	if (perms[2] != 'x')
		return 0;
	if (line[at] != '/')
		m->inode = 0; /* nothing that could be opened */
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

/* ---------------------------------------------------- which are of one file -- */

/* Those of a file next to each other, in order of address. */
static int by_file(const void *va, const void *vb)
{
	const struct mapping *a = *(struct mapping *const *)va;
	const struct mapping *b = *(struct mapping *const *)vb;

	if (a->dev != b->dev)
		return a->dev < b->dev ? -1 : 1;
	if (a->inode != b->inode)
		return a->inode < b->inode ? -1 : 1;
	return a < b ? -1 : a > b;
}

/* Programs that make code as they run have many thousand mappings. */
static int link_files(struct mappings *all)
{
	struct mapping **v, *m, *before = NULL;
	size_t n = 0;

	v = calloc(all->n + 1, sizeof(struct mapping *));
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i].inode)
			v[n++] = &all->v[i];
	qsort(v, n, sizeof(struct mapping *), by_file);
	for (size_t i = 0; i < n; i++, before = m) {
		m = v[i];
		m->is_first = !before || m->inode != before->inode ||
			      m->dev != before->dev;
		if (!m->is_first)
			before->next = m - all->v;
	}
	free(v);
	return 0;
}

int mappings_open(pid_t pid)
{
	char name[32];
	int fd;

	snprintf(name, sizeof(name), "/proc/%d", pid);
	fd = open(name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -ENOENT : fd;
}

int mappings_read(struct arena *a, int proc, struct mappings *all)
{
	struct mapping m = { 0 };
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
	return r < 0 ? r : link_files(all);
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

static int open_mapped(int proc, const struct mapping *m)
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
	return fd == -ENOENT ? -ESTALE : fd;
}

int mapping_file(int proc, const struct mapping *m, struct elf_file *f)
{
	int fd = open_mapped(proc, m);

	if (fd == -ESTALE)
		return ctl_fail(fd,
				"deleted or replaced since it was mapped; to read it needs CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN");
	return fd < 0 ? ctl_failno(fd) : elf_file_open(f, fd);
}

/* ------------------------------------------------------------------ places -- */

bool mapping_bias(struct elf_file *f, const struct mapping *m, uint64_t *bias)
{
	uint64_t addr;

	if (!elf_address_of(f, m->offset, PF_X, &addr))
		return false;
	*bias = m->start - addr;
	return true;
}

static int by_bias(const void *va, const void *vb)
{
	const struct mapping_place *a = va, *b = vb;

	return a->bias < b->bias ? -1 : a->bias > b->bias;
}

ssize_t mapping_places(struct elf_file *f, const struct mappings *all,
		       size_t first, struct mapping_place **places)
{
	struct mapping_place *v, *to;
	size_t i = first, n = 0;

	do
		n++;
	while ((i = all->v[i].next));
	v = calloc(n, sizeof(*v));
	if (!v)
		return -ENOMEM;
	n = 0;
	i = first;
	do
		if (mapping_bias(f, &all->v[i], &v[n].bias)) {
			v[n].low = all->v[i].start;
			v[n++].high = all->v[i].end;
		}
	while ((i = all->v[i].next));
	qsort(v, n, sizeof(*v), by_bias);
	to = v;
	for (i = 0; i < n; i++) {
		if (v[i].bias != to->bias)
			*++to = v[i];
		if (v[i].low < to->low)
			to->low = v[i].low;
		if (v[i].high > to->high)
			to->high = v[i].high;
	}
	*places = v;
	return n ? to - v + 1 : 0;
}
