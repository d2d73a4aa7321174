/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.h - inside libctl: how probe descriptions become the model of ctl.h.
 *
 * The parsers below take (pointer, length), touch nothing outside, keep no
 * state and are what the fuzz targets call.  What they return points into the
 * bytes they were given.
 */
#ifndef CTL_PROBE_H
#define CTL_PROBE_H

#include <gelf.h>
#include <libelf.h>
#include <string.h>

#include "private.h"

/* ---------------------------------------------------------------- memory -- */

/* Everything of a struct ctl_usdt is freed at once. */
struct arena {
	struct arena_block *blocks;
};
void *arena_alloc(struct arena *a, size_t size); /* zeroed; NULL: no memory */
char *arena_strndup(struct arena *a, const char *s, size_t len);
void arena_free(struct arena *a);

/* ----------------------------------------------------------------- notes -- */

struct note {
	uint32_t type;
	const char *name; /* namesz bytes, the terminator included */
	size_t namesz;
	const unsigned char *desc;
	size_t descsz;
};
/*
 * The note at *pos of a section; moves *pos.  1, 0 at the end, -EBADMSG when
 * the rest cannot be told into notes.
 */
int note_next(const void *section, size_t len, size_t align, size_t *pos,
	      struct note *n);
bool note_is(const struct note *n, const char *owner, uint32_t type);

struct text { /* not terminated */
	const char *s;
	size_t len;
};
static inline bool text_is(struct text t, const char *s)
{
	return strlen(s) == t.len && !memcmp(t.s, s, t.len);
}

struct stapsdt_note {
	uint64_t pc, base, semaphore;
	struct text provider, name, args;
};
/* addrsize: 4 or 8.  0 or -EBADMSG. */
int stapsdt_parse(const void *desc, size_t len, unsigned addrsize,
		  struct stapsdt_note *n);

/* DTrace 2: a probe or an is-enabled site. */
#define USDT_NOTE_PROBE 1
#define USDT_NOTE_ENABLED 2
struct usdt_note {
	uint64_t pc, function; /* addresses: of the site, of a string */
	struct text provider, name, args;
	unsigned nargs;
};
int usdt_note_parse(const void *desc, size_t len, struct usdt_note *n);

/* DTrace 2: what a provider declares. */
struct usdt_decl {
	const unsigned char *p, *end, *start;
	uint32_t left; /* probes */
	struct text provider;
};
struct usdt_decl_probe {
	struct text name;
	unsigned nargs, nxargs;
	/* What usdt_decl_native() and _translated() walk. */
	const unsigned char *native, *translated, *end;
};
int usdt_decl_parse(const void *desc, size_t len, struct usdt_decl *d);
/* 1 with the next probe, 0 at the end, -EBADMSG. */
int usdt_decl_next(struct usdt_decl *d, struct usdt_decl_probe *p);
/* The native type of argument i, or -ENOENT. */
int usdt_decl_native(const struct usdt_decl_probe *p, unsigned i,
		     struct text *type);
/* The translated argument i: its type and which native one it is made of. */
int usdt_decl_translated(const struct usdt_decl_probe *p, unsigned i,
			 struct text *type, unsigned *from);

/* ------------------------------------------------------------------- DOF -- */

struct dof_bytes {
	const unsigned char *p;
	size_t len;
};
struct dof {
	const unsigned char *p;
	size_t len; /* of this one; more may follow */
	uint64_t secoff;
	uint32_t secsize, secnum, next;
	unsigned version;
};
struct dof_provider {
	struct text name;
	struct dof_bytes strings, probes, offsets, enabled, mapping;
	size_t next;
};
struct dof_probe_entry { /* as in the file */
	uint64_t addr;
	uint32_t func, name, nargv, xargv, argidx, offidx;
	uint8_t nargc, xargc;
	uint16_t noffs;
	uint32_t enoffidx;
	uint16_t nenoffs, pad1;
	uint32_t pad2;
};
struct dof_probe {
	struct dof_probe_entry e; /* its ranges lie inside the tables */
	struct text name, function;
};
/* 0, -EBADMSG, -EOPNOTSUPP */
int dof_open(const void *bytes, size_t len, struct dof *d);
/* 1 with the next one, 0 at the end, -EBADMSG. */
int dof_provider_next(struct dof *d, struct dof_provider *p);
int dof_probe_next(struct dof_provider *p, struct dof_probe *pr);
/* i below e.noffs, e.nenoffs */
uint64_t dof_site(const struct dof_provider *p, const struct dof_probe *pr,
		  unsigned i);
uint64_t dof_enabled_site(const struct dof_provider *p,
			  const struct dof_probe *pr, unsigned i);
/* As usdt_decl_native(), usdt_decl_translated(). */
int dof_native(const struct dof_provider *p, const struct dof_probe *pr,
	       unsigned i, struct text *type);
int dof_translated(const struct dof_provider *p, const struct dof_probe *pr,
		   unsigned i, struct text *type, unsigned *from);

/* ------------------------------------------------------------- arguments -- */

/* What an argument's text means depends on these. */
struct arg_context {
	bool is_32bit; /* i386: %eax is whole and 4 is the size of a long */
	bool other_machine;
	/*
	 * The run-time address of a symbol: 0, or -errno with *problem set to
	 * a constant text.  NULL: no symbols.
	 */
	int (*symbol)(void *arg, const char *name, size_t len, uint64_t *addr,
		      const char **problem);
	void *arg;
};
/* The next argument's text in a list: 1, or 0 at the end. */
int arg_next(const char *list, size_t len, size_t *pos, struct text *arg);
/*
 * Always fills *a; what is not understood becomes CTL_ARG_UNKNOWN with the
 * reason (a constant text).  Leaves a->spec alone.
 */
void arg_parse(const char *s, size_t len, const struct arg_context *c,
	       struct ctl_usdt_arg *a);

/* ------------------------------------------------------------- ELF files -- */

struct elf_symbols;

struct elf_file {
	Elf *elf;
	int fd;	 /* owned; -1: memory */
	bool is_deleted;    /* the file has no name any more */
	GElf_Ehdr ehdr;
	bool is_32bit;	    /* ELFCLASS32: addresses are 4 bytes */
	bool other_machine; /* neither i386 nor x86-64 */
	size_t shstrndx;
	char build_id[2 * 64 + 1]; /* "" if there is none */
	struct elf_symbols *symbols; /* NULL: nobody has asked for one */
};

/* -ENOEXEC no ELF file, -EBADMSG damaged, -EOPNOTSUPP big-endian, core.  Takes
 * over fd, also on failure. */
int elf_file_open(struct elf_file *f, int fd);
int elf_file_memory(struct elf_file *f, const void *image, size_t size);
/* -EBADMSG: it ends before its sections do. */
int elf_file_whole(struct elf_file *f);
void elf_file_close(struct elf_file *f);
/* A regular file, without waiting for anybody who is at its other end. */
int elf_open_regular(int dirfd, const char *path);
/* The same file once more, with a file position of its own; -errno. */
int elf_reopen(int fd);
/*
 * Sections: *scn NULL at first; 1 with the header and name, 0 at the end.
 */
int elf_section_next(struct elf_file *f, Elf_Scn **scn, GElf_Shdr *sh,
		     const char **name);
/* The first of that name; NULL: there is none. */
Elf_Scn *elf_section_find(struct elf_file *f, const char *name, GElf_Shdr *sh);
/* The bytes; NULL when there are none (NOBITS, damaged). */
const void *elf_section_bytes(Elf_Scn *scn, const GElf_Shdr *sh, size_t *len);
/* Where in the file a linked address is; false: nowhere. */
bool elf_offset_of(struct elf_file *f, uint64_t addr, uint64_t *offset);
/* The linked address of a file offset, in a segment that has flags (PF_X). */
bool elf_address_of(struct elf_file *f, uint64_t offset, uint32_t flags,
		    uint64_t *addr);
/* The string at a linked address; false: there is none. */
bool elf_string_at(struct elf_file *f, uint64_t addr, char *buf, size_t size);
/* A defined, unambiguous symbol; else -errno and why. */
int elf_symbol(struct elf_file *f, const char *name, size_t len, uint64_t *addr,
	       const char **problem);
/*
 * If it is the dynamic linker: the empty function that it calls when it has
 * mapped or unmapped an object; 0: it is not.
 */
uint64_t elf_loader_hook(struct elf_file *f, const char *path, uint64_t bias);

/*
 * debugfile.c: the separate debug information of f, which was found at object.
 * A descriptor or -errno.
 */
int debug_file_open(struct elf_file *f, const char *object);
/* What dwz moved out of the debug file fd into one shared by several. */
int debug_alt_open(int fd);
/* Can libdwarf be given it? */
bool debug_file_sound(int fd);
bool debug_lists_sound(const void *section, size_t len, unsigned addrsize);

/* ----------------------------------------------------------------- model -- */

struct usdt_object {
	const char *path, *build_id; /* in the arena */
	bool is_32bit, is_deleted;
	uint64_t bias; /* how far above where it was linked it is mapped */
	/* only while it is read */
	struct elf_file *file;
	struct elf_file debug; /* for symbols; elf NULL: not open */
	bool debug_tried;
	size_t dof_sites; /* that its DOF has had so far */
	struct dof_relocations *relocations; /* NULL: not read */
};

/* A site as a reader found it; usdt_group() makes probes of these. */
struct raw_site {
	struct raw_site *next;
	struct usdt_object *object;
	int kind;
	bool is_declared; /* what .note.usdt says of its arguments is set */
	const char *provider, *name;
	uint64_t semaphore; /* linked address; 0: none */
	bool has_semaphore_offset;
	uint64_t semaphore_offset;
	uint64_t pc;	    /* linked address */
	struct ctl_usdt_site site;
	struct ctl_usdt_arg *args; /* = site.args */
};

struct ctl_usdt {
	struct arena arena;
	struct raw_site *raw; /* the last one read first */
	size_t nraw;
	struct ctl_usdt_probe *probes;
	size_t nprobes;
	unsigned problems;
	int flags; /* CTL_USDT_SOURCE */
	uint64_t loader; /* where the dynamic linker tells debuggers; 0: none */
};

/* Count and log something that is wrong with an object's description. */
void usdt_problem(struct ctl_usdt *u, const char *object, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * Read all descriptions in f.  0 or -ENOMEM; what is wrong in the file is a
 * problem and no error.
 */
int usdt_read_object(struct ctl_usdt *u, struct elf_file *f, const char *path,
		     uint64_t bias);
/*
 * A site at the linked address pc with these arguments; the reader sets the
 * rest.  NULL: no memory.
 */
struct raw_site *usdt_add_site(struct ctl_usdt *u, struct usdt_object *o,
			       int kind, struct text provider, struct text name,
			       uint64_t pc, struct text args);
/* dof.c: a section of DOF.  0 or -ENOMEM. */
int dof_read(struct ctl_usdt *u, struct usdt_object *o, Elf_Scn *scn,
	     const GElf_Shdr *sh);
/* Behind the last one. */
void dof_finish(struct usdt_object *o);
/*
 * dwarf.c: functions, lines, names and types, as far as there is debug
 * information.  0 or -ENOMEM.
 */
int dwarf_describe(struct ctl_usdt *u, struct usdt_object *o);
/* Make the probes of the sites.  0 or -ENOMEM. */
int usdt_group(struct ctl_usdt *u);

#endif
