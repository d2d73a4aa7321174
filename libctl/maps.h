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
	bool is_first;	  /* of those of its file */
	size_t next;	  /* the next of the same file; 0: there is none */
};

struct mappings {
	struct mapping *v; /* malloc'ed */
	size_t n, room;
};

/* Where a file, as often as it is mapped anew, lies. */
struct mapping_place {
	uint64_t bias; /* how far above where it was linked */
	uint64_t low, high; /* its code: low <= address < high */
};

/* A descriptor of /proc/PID, or -ENOENT. */
int mappings_open(pid_t pid);
/* proc: such a descriptor.  In order of address.  0 or -errno; all->v is the
 * caller's. */
int mappings_read(struct arena *a, int proc, struct mappings *all);
/*
 * The ELF file itself.  0, or -errno and ctl_error(); -ENOEXEC: it is none;
 * -ESTALE: it has no name any more, and may not be read without one.
 */
int mapping_file(int proc, const struct mapping *m, struct elf_file *f);
/* How far above where it was linked is m, a mapping of f? */
bool mapping_bias(struct elf_file *f, const struct mapping *m, uint64_t *bias);
/*
 * The places of f, whose first mapping is all->v[first], in order of bias.
 * Their number, or -ENOMEM; *places is malloc'ed.
 */
ssize_t mapping_places(struct elf_file *f, const struct mappings *all,
		       size_t first, struct mapping_place **places);

#endif
