/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * maps.h - inside libctl: the executable mappings of a process, and the very
 * files that are mapped.
 */
#ifndef CTL_MAPS_H
#define CTL_MAPS_H

#include "probe.h"

struct mapping {
	uint64_t start, end, offset;
	uint64_t inode; /* 0: no file */
	dev_t dev;
	const char *path; /* in the arena; "" or "[vdso]" without a file */
};

struct mappings {
	struct mapping *v; /* malloc'ed */
	size_t n, room;
};

/* proc: a descriptor of /proc/PID.  0 or -errno; all->v is the caller's. */
int mappings_read(struct arena *a, int proc, struct mappings *all);
/* The file itself: a descriptor, or -errno; -ENOEXEC no regular file, -ESTALE
 * it has no name any more and its descriptor cannot be had. */
int mapping_open(int proc, const struct mapping *m);
bool mapping_same_file(const struct mapping *a, const struct mapping *b);
/* How far above where it was linked is m, a mapping of f? */
bool mapping_bias(struct elf_file *f, const struct mapping *m, uint64_t *bias);

#endif
