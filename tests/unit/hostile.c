/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that are small, and would take an age or all memory to be read: what
 * they have is there again and again.
 */
#include <elf.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "check.h"
#include "probe.h"

/* Of sections; where each begins. */
#define NAMES "\0.shstrtab\0.SUNW_dof\0.strtab"
enum { NO_NAME = 0, SHSTRTAB = 1, SUNW_DOF = 11, STRTAB = 21 };

/* n sections, which have the bytes in common or an n-th of them each. */
struct part {
	unsigned name;
	uint32_t type;
	const void *bytes;
	size_t size;
	unsigned n, link, entsize;
	bool is_common;
};

static void append(int fd, const void *bytes, size_t size)
{
	if (write(fd, bytes, size) != (ssize_t)size)
		abort();
}

/* An ELF file.  Its first section is that of the names, number 1. */
static int write_elf(const struct part *parts, unsigned nparts)
{
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_ehsize = sizeof(eh),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shstrndx = 1,
	};
	uint64_t at = sizeof(eh) + sizeof(NAMES), size;
	int fd = memfd_create("elf", MFD_CLOEXEC);
	Elf64_Shdr *sh;
	unsigned n = 2;

	for (unsigned i = 0; i < nparts; i++)
		n += parts[i].n;
	sh = calloc(n, sizeof(*sh));
	if (!sh || fd < 0)
		abort();
	sh[1] = (Elf64_Shdr){ .sh_name = SHSTRTAB, .sh_type = SHT_STRTAB,
			      .sh_offset = sizeof(eh),
			      .sh_size = sizeof(NAMES) };
	n = 2;
	for (const struct part *p = parts; p < parts + nparts; p++) {
		size = p->is_common ? p->size : p->size / p->n;
		for (unsigned i = 0; i < p->n; i++)
			sh[n++] = (Elf64_Shdr){
				.sh_name = p->name, .sh_type = p->type,
				.sh_offset = at + (p->is_common ? 0 : i * size),
				.sh_size = size, .sh_link = p->link,
				.sh_entsize = p->entsize, .sh_addralign = 4
			};
		at += p->size;
	}
	eh.e_shnum = n;
	eh.e_shoff = at;
	append(fd, &eh, sizeof(eh));
	append(fd, NAMES, sizeof(NAMES));
	for (unsigned i = 0; i < nparts; i++)
		append(fd, parts[i].bytes, parts[i].size);
	append(fd, sh, n * sizeof(*sh));
	free(sh);
	return fd;
}

static int read_probes(int fd, struct ctl_usdt **u)
{
	char path[64];
	int r;

	*u = NULL;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = ctl_usdt_file(u, path, 0);
	close(fd);
	return r;
}

/* A note of SystemTap: p:n. */
struct stap_note {
	uint32_t namesz, descsz, type;
	char owner[8];
	uint64_t pc, base, semaphore;
	char text[200]; /* "p", "n", its arguments */
} __attribute__((packed));

static void make_note(struct stap_note *n, uint64_t pc, const char *args)
{
	*n = (struct stap_note){ 8, sizeof(*n) - offsetof(struct stap_note, pc),
				 3, "stapsdt", pc, 0, 0, "p\0n\0" };
	snprintf(n->text + 4, sizeof(n->text) - 4, "%s", args);
}

static void test_sections(void)
{
	static struct stap_note v[1000];
	struct part notes = { NO_NAME, SHT_NOTE, v, sizeof(v), 1, 0, 0, true };
	struct ctl_usdt *u;
	int r;

	for (int i = 0; i < 1000; i++)
		make_note(&v[i], i, "");
	r = read_probes(write_elf(&notes, 1), &u);
	CHECK(r == 0 && ctl_usdt_problems(u) == 0, "%d: %s", r, ctl_error());
	ctl_usdt_free(u);
	notes.n = 1000;
	r = read_probes(write_elf(&notes, 1), &u);
	CHECK(r == -EBADMSG, "%d", r);
	ctl_usdt_free(u);
}

/* Each argument is a symbol's, of whom there are many. */
static void test_symbols(void)
{
	static struct stap_note v[20000];
	static Elf64_Sym symbols[100000];
	const struct part parts[] = {
		{ STRTAB, SHT_STRTAB, "\0near\0far", 10, 1, 0, 0, false },
		{ NO_NAME, SHT_SYMTAB, symbols, sizeof(symbols), 1, 2,
		  sizeof(symbols[0]), false },
		{ NO_NAME, SHT_NOTE, v, sizeof(v), 1, 0, 0, false },
	};
	const struct ctl_usdt_probe *p = NULL;
	const struct ctl_usdt_arg *a;
	struct ctl_usdt *u;
	int r;

	for (int i = 1; i < 100000; i++)
		symbols[i] = (Elf64_Sym){ .st_name = i < 99999 ? 1 : 6,
					  .st_shndx = 1, .st_value = i };
	for (int i = 0; i < 20000; i++)
		make_note(&v[i], i, "4@far(%rip) 4@far(%rip) 4@far(%rip) "
				    "4@far(%rip) 4@far(%rip) 4@far(%rip) "
				    "4@far(%rip) 4@far(%rip) 4@far(%rip) "
				    "4@far(%rip) 4@fa(%rip) 4@near(%rip)");
	r = read_probes(write_elf(parts, 3), &u);
	CHECK(r == 0 && ctl_usdt_problems(u) == 0, "%d: %s", r, ctl_error());
	if (r < 0 || ctl_usdt_next(u, NULL, &p) != 1)
		return;
	a = p->sites[0].args;
	CHECK(p->nsites == 20000 && p->sites[0].nargs == 12, "%u, %u",
	      p->nsites, p->sites[0].nargs);
	CHECK(a[0].how == CTL_ARG_MEM && a[0].value == 99999, "%d, %lld",
	      a[0].how, (long long)a[0].value);
	CHECK(a[10].problem && strstr(a[10].problem, "no such"), "%s",
	      a[10].problem);
	CHECK(a[11].problem && strstr(a[11].problem, "several"), "%s",
	      a[11].problem);
	ctl_usdt_free(u);
}

/* DOF: each of many providers has the same probes, which have no sites. */
struct dof_file {
	uint8_t ident[16];
	uint32_t flags, hdrsize, secsize, secnum;
	uint64_t secoff, loadsz, filesz, pad;
	char strings[8];
	uint32_t provider[11];
	uint32_t offsets[1];
	struct dof_probe_entry probe[2000];
	struct {
		uint32_t type, align, flags, entsize;
		uint64_t offset, size;
	} section[3 + 2000];
};

#define SECTION(i, t, what)                                       \
	d.section[i].type = t;                                    \
	d.section[i].offset = offsetof(struct dof_file, what);    \
	d.section[i].size = sizeof(d.what)

static void test_dof(void)
{
	static struct dof_file d = {
		.ident = "\177DOF\2\1\2", .hdrsize = 64, .secsize = 32,
		.secnum = 3 + 2000,
		.secoff = offsetof(struct dof_file, section),
		.loadsz = sizeof(d), .filesz = sizeof(d),
		.strings = "\0p\0n\0f",
		/* strtab, probes, prargs, proffs, name, attributes, prenoffs */
		.provider = { 0, 1, ~0U, 2, 1, 0, 0, 0, 0, 0, ~0U },
	};
	const struct part dof = { SUNW_DOF, SHT_PROGBITS, &d, sizeof(d), 1, 0,
				  0, false };
	struct ctl_usdt *u;
	int r;

	SECTION(0, 8, strings);
	SECTION(1, 16, probe);
	SECTION(2, 18, offsets);
	for (int i = 0; i < 2000; i++) {
		SECTION(3 + i, 15, provider);
		d.probe[i].name = 3;
		d.probe[i].func = 5;
	}
	r = read_probes(write_elf(&dof, 1), &u);
	CHECK(r == 0 && ctl_usdt_problems(u) == 1, "%d, %u problems", r,
	      r == 0 ? ctl_usdt_problems(u) : 0);
	ctl_usdt_free(u);
}

/* Sections of DOF, each with all of the file's relocations. */
static void test_relocations(void)
{
	static uint8_t dof[60000][64];
	static Elf64_Rela v[200000];
	const struct part parts[] = {
		{ NO_NAME, SHT_RELA, v, sizeof(v), 1, 0, sizeof(v[0]), false },
		{ SUNW_DOF, SHT_PROGBITS, dof, sizeof(dof), 60000, 0, 0,
		  false },
	};
	struct ctl_usdt *u;
	int r;

	for (int i = 0; i < 200000; i++)
		v[i] = (Elf64_Rela){ .r_offset = 1U << 30,
				     .r_info = R_X86_64_RELATIVE };
	r = read_probes(write_elf(parts, 2), &u);
	CHECK(r == 0 && ctl_usdt_problems(u) == 60000, "%d, %u problems", r,
	      r == 0 ? ctl_usdt_problems(u) : 0);
	ctl_usdt_free(u);
}

int main(void)
{
	test_sections();
	test_symbols();
	test_dof();
	test_relocations();
	return check_result();
}
