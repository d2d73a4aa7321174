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
#include "ctl.h"

#define NAMES "\0.shstrtab\0.SUNW_dof"

/* An ELF file: body, which n sections of that type and name have in common. */
static int write_elf(const void *body, size_t size, unsigned n, uint32_t type,
		     unsigned name)
{
	Elf64_Ehdr eh = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB,
			     EV_CURRENT },
		.e_type = ET_DYN,
		.e_machine = EM_X86_64,
		.e_version = EV_CURRENT,
		.e_shoff = sizeof(eh) + size + sizeof(NAMES),
		.e_ehsize = sizeof(eh),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = n + 2,
		.e_shstrndx = 1,
	};
	Elf64_Shdr *sh = calloc(n + 2, sizeof(*sh));
	int fd = memfd_create("elf", MFD_CLOEXEC);

	if (!sh || fd < 0)
		abort();
	sh[1] = (Elf64_Shdr){ .sh_name = 1, .sh_type = SHT_STRTAB,
			      .sh_offset = sizeof(eh) + size,
			      .sh_size = sizeof(NAMES) };
	for (unsigned i = 0; i < n; i++)
		sh[i + 2] = (Elf64_Shdr){ .sh_name = name, .sh_type = type,
					  .sh_offset = sizeof(eh),
					  .sh_size = size,
					  .sh_addralign = 4 };
	if (write(fd, &eh, sizeof(eh)) != sizeof(eh) ||
	    write(fd, body, size) != (ssize_t)size ||
	    write(fd, NAMES, sizeof(NAMES)) != sizeof(NAMES) ||
	    write(fd, sh, (n + 2) * sizeof(*sh)) !=
		    (ssize_t)((n + 2) * sizeof(*sh)))
		abort();
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

/* A note of SystemTap: p:n, without arguments. */
struct note {
	uint32_t namesz, descsz, type;
	char owner[8];
	uint64_t pc, base, semaphore;
	char text[8];
} __attribute__((packed));

static void test_sections(void)
{
	static struct note v[1000];
	struct ctl_usdt *u;
	int r;

	for (int i = 0; i < 1000; i++)
		v[i] = (struct note){ 8, 29, 3, "stapsdt", i, 0, 0,
				      "p\0n\0" };
	/* (There is one section, and its name's.) */
	r = read_probes(write_elf(v, sizeof(v), 1, SHT_NOTE, 0), &u);
	CHECK(r == 0 && ctl_usdt_problems(u) == 0, "%d: %s", r, ctl_error());
	ctl_usdt_free(u);
	r = read_probes(write_elf(v, sizeof(v), 1000, SHT_NOTE, 0), &u);
	CHECK(r == -EBADMSG, "%d", r);
	ctl_usdt_free(u);
}

/* DOF: each of many providers has the same probes, which have no sites. */
struct dof {
	uint8_t ident[16];
	uint32_t flags, hdrsize, secsize, secnum;
	uint64_t secoff, loadsz, filesz, pad;
	char strings[8];
	uint32_t provider[11];
	uint32_t offsets[1];
	struct {
		uint64_t addr;
		uint32_t func, name, nargv, xargv, argidx, offidx;
		uint8_t nargc, xargc;
		uint16_t noffs;
		uint32_t enoffidx;
		uint16_t nenoffs, pad1;
		uint32_t pad2;
	} probe[2000];
	struct {
		uint32_t type, align, flags, entsize;
		uint64_t offset, size;
	} section[3 + 2000];
};

#define PART(i, t, what)                                          \
	d.section[i].type = t;                                    \
	d.section[i].offset = offsetof(struct dof, what);         \
	d.section[i].size = sizeof(d.what)

static void test_dof(void)
{
	static struct dof d = {
		.ident = "\177DOF\2\1\2", .hdrsize = 64, .secsize = 32,
		.secnum = 3 + 2000, .secoff = offsetof(struct dof, section),
		.loadsz = sizeof(d), .filesz = sizeof(d),
		.strings = "\0p\0n\0f",
		/* strtab, probes, prargs, proffs, name, attributes, prenoffs */
		.provider = { 0, 1, ~0U, 2, 1, 0, 0, 0, 0, 0, ~0U },
	};
	struct ctl_usdt *u;
	int r;

	PART(0, 8, strings);
	PART(1, 16, probe);
	PART(2, 18, offsets);
	for (int i = 0; i < 2000; i++) {
		PART(3 + i, 15, provider);
		d.probe[i].name = 3;
		d.probe[i].func = 5;
	}
	r = read_probes(write_elf(&d, sizeof(d), 1, SHT_PROGBITS,
				  sizeof("\0.shstrtab")), &u);
	CHECK(r == 0 && ctl_usdt_problems(u) == 1, "%d, %u problems", r,
	      r == 0 ? ctl_usdt_problems(u) : 0);
	ctl_usdt_free(u);
}

int main(void)
{
	test_sections();
	test_dof();
	return check_result();
}
