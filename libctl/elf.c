/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * elf.c - ELF files as the probe readers need them.
 *
 * Nothing in a file is believed: libelf checks what it reads, and what is
 * computed here from headers goes through overflow-checked arithmetic.  The
 * file is read, not mapped: a file that is cut short while it is looked at
 * then is an error and not a SIGBUS.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe.h"

int elf_open_regular(int dirfd, const char *path)
{
	struct stat st;
	int fd;

	/* O_NONBLOCK: opening a FIFO or a modem must not hang. */
	fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOEXEC;
	}
	return fd;
}

int elf_reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int is_build_id(const char *name)
{
	return !strcmp(name, ".note.gnu.build-id");
}

static void read_build_id(struct elf_file *f)
{
	const unsigned char *bytes;
	Elf_Scn *scn = NULL;
	GElf_Shdr sh;
	struct note n;
	size_t len, pos;
	const char *name;

	while (elf_section_next(f, &scn, &sh, &name)) {
		if (sh.sh_type != SHT_NOTE)
			continue;
		bytes = elf_section_bytes(scn, &sh, &len);
		if (!bytes)
			continue;
		for (pos = 0;
		     note_next(bytes, len, sh.sh_addralign, &pos, &n) == 1;) {
			if (!note_is(&n, "GNU", NT_GNU_BUILD_ID) ||
			    n.descsz > (sizeof(f->build_id) - 1) / 2)
				continue;
			for (size_t i = 0; i < n.descsz; i++)
				sprintf(f->build_id + 2 * i, "%02x", n.desc[i]);
			/* Others may follow in files put together oddly. */
			if (is_build_id(name))
				return;
		}
	}
}

/*
 * Sections have a part of the file each.  Where many have the same one, reading
 * all of them would take more time and memory than the file is large.
 */
static bool sections_share(struct elf_file *f, uint64_t size)
{
	uint64_t left = 2 * size, n; /* some tools make a few overlap */
	Elf_Scn *scn = NULL;
	const char *name;
	GElf_Shdr sh;

	while (elf_section_next(f, &scn, &sh, &name)) {
		if (sh.sh_type == SHT_NOBITS || sh.sh_offset >= size)
			continue;
		n = size - sh.sh_offset;
		if (sh.sh_size < n)
			n = sh.sh_size;
		if (n > left)
			return true;
		left -= n;
	}
	return false;
}

static int examine(struct elf_file *f, uint64_t size)
{
	const char *ident;
	size_t len;

	if (!f->elf)
		return ctl_fail(-ENOEXEC, "not an ELF file");
	ident = elf_getident(f->elf, &len);
	if (elf_kind(f->elf) != ELF_K_ELF || !ident || len < EI_NIDENT)
		return ctl_fail(-ENOEXEC, "not an ELF file");
	if (ident[EI_DATA] != ELFDATA2LSB)
		return ctl_fail(-EOPNOTSUPP, "a big-endian file");
	if (!gelf_getehdr(f->elf, &f->ehdr))
		return ctl_fail(-EBADMSG, "damaged: %s", elf_errmsg(-1));
	if (f->ehdr.e_type == ET_CORE)
		return ctl_fail(-EOPNOTSUPP, "a core dump");
	f->is_32bit = ident[EI_CLASS] == ELFCLASS32;
	f->other_machine = f->ehdr.e_machine != EM_X86_64 &&
			   f->ehdr.e_machine != EM_386;
	/* No section names: nothing to be found, and nothing wrong. */
	if (elf_getshdrstrndx(f->elf, &f->shstrndx) < 0)
		f->shstrndx = SHN_UNDEF;
	if (sections_share(f, size))
		return ctl_fail(-EBADMSG, "damaged: sections overlap");
	read_build_id(f);
	return 0;
}

int elf_file_open(struct elf_file *f, int fd)
{
	struct stat st;
	bool known = fstat(fd, &st) == 0;
	int r;

	memset(f, 0, sizeof(*f));
	f->fd = fd;
	f->is_deleted = known && st.st_nlink == 0;
	elf_version(EV_CURRENT);
	f->elf = elf_begin(fd, ELF_C_READ, NULL);
	r = examine(f, known ? st.st_size : 0);
	if (r < 0)
		elf_file_close(f);
	return r;
}

int elf_file_whole(struct elf_file *f)
{
	const char *name;
	Elf_Scn *scn = NULL;
	struct stat st;
	GElf_Shdr sh;
	uint64_t end = f->ehdr.e_shoff, size;

	if (f->fd < 0 || fstat(f->fd, &st) < 0)
		return 0;
	size = st.st_size;
	if (end)
		end += (uint64_t)f->ehdr.e_shnum * f->ehdr.e_shentsize;
	if (end <= size)
		while (elf_section_next(f, &scn, &sh, &name))
			if (sh.sh_type != SHT_NOBITS && sh.sh_type != SHT_NULL &&
			    sh.sh_offset + sh.sh_size > end)
				end = sh.sh_offset + sh.sh_size;
	if (end > size)
		return ctl_fail(-EBADMSG, "truncated: it has %" PRIu64 " of %" PRIu64 " bytes",
				size, end);
	return 0;
}

int elf_file_memory(struct elf_file *f, const void *image, size_t size)
{
	int r;

	memset(f, 0, sizeof(*f));
	f->fd = -1;
	elf_version(EV_CURRENT);
	f->elf = elf_memory((char *)image, size);
	r = examine(f, size);
	if (r < 0)
		elf_file_close(f);
	return r;
}

/*
 * A table may have many thousand, and a file may ask for as many, one for each
 * argument: so they are put in order when the first is asked for.
 */
struct elf_symbols {
	size_t n, room;
	struct symbol { /* what is known of a name */
		const char *name; /* libelf's */
		uint64_t addr;	  /* if it is defined */
		bool dynamic;	  /* in the dynamic table, or only there */
		bool defined, ambiguous, undefined, tls;
	} *v; /* by name */
};

static void symbols_free(struct elf_symbols *all)
{
	if (all)
		free(all->v);
	free(all);
}

void elf_file_close(struct elf_file *f)
{
	symbols_free(f->symbols);
	f->symbols = NULL;
	elf_end(f->elf);
	if (f->fd >= 0)
		close(f->fd);
	f->elf = NULL;
	f->fd = -1;
}

/* -------------------------------------------------------------- sections -- */

int elf_section_next(struct elf_file *f, Elf_Scn **scn, GElf_Shdr *sh,
		     const char **name)
{
	while ((*scn = elf_nextscn(f->elf, *scn)) != NULL) {
		if (!gelf_getshdr(*scn, sh))
			continue;
		*name = f->shstrndx == SHN_UNDEF ?
				NULL :
				elf_strptr(f->elf, f->shstrndx, sh->sh_name);
		if (!*name)
			*name = "";
		return 1;
	}
	return 0;
}

Elf_Scn *elf_section_find(struct elf_file *f, const char *name, GElf_Shdr *sh)
{
	Elf_Scn *scn = NULL;
	const char *have;

	while (elf_section_next(f, &scn, sh, &have))
		if (!strcmp(have, name))
			return scn;
	return NULL;
}

const void *elf_section_bytes(Elf_Scn *scn, const GElf_Shdr *sh, size_t *len)
{
	Elf_Data *data;

	if (sh->sh_type == SHT_NOBITS || sh->sh_flags & SHF_COMPRESSED)
		return NULL;
	data = elf_rawdata(scn, NULL);
	if (!data || !data->d_buf)
		return NULL;
	*len = data->d_size;
	return data->d_buf;
}

/* ------------------------------------------------------------- addresses -- */

static bool next_load(struct elf_file *f, size_t *i, GElf_Phdr *ph)
{
	size_t n;

	if (elf_getphdrnum(f->elf, &n) < 0)
		return false;
	while (*i < n)
		if (gelf_getphdr(f->elf, (int)(*i)++, ph) &&
		    ph->p_type == PT_LOAD)
			return true;
	return false;
}

bool elf_offset_of(struct elf_file *f, uint64_t addr, uint64_t *offset)
{
	GElf_Phdr ph;

	for (size_t i = 0; next_load(f, &i, &ph);) {
		if (addr < ph.p_vaddr || addr - ph.p_vaddr >= ph.p_filesz)
			continue;
		return !__builtin_add_overflow(addr - ph.p_vaddr, ph.p_offset,
					       offset);
	}
	return false;
}

bool elf_string_at(struct elf_file *f, uint64_t addr, char *buf, size_t size)
{
	uint64_t offset;
	ssize_t n;

	if (f->fd < 0 || !elf_offset_of(f, addr, &offset))
		return false;
	n = pread(f->fd, buf, size, offset);
	return n > 0 && memchr(buf, '\0', n);
}

bool elf_address_of(struct elf_file *f, uint64_t offset, uint32_t flags,
		    uint64_t *addr)
{
	const uint64_t page = 4095;
	GElf_Phdr ph;

	for (size_t i = 0; next_load(f, &i, &ph);) {
		uint64_t first = ph.p_offset & ~page;

		if ((ph.p_flags & flags) != flags || offset < first ||
		    ph.p_offset > UINT64_MAX - ph.p_filesz ||
		    offset >= ph.p_offset + ph.p_filesz)
			continue;
		/* The mapping begins with the page; may lie below p_offset. */
		*addr = ph.p_vaddr + (offset - ph.p_offset);
		return true;
	}
	return false;
}

/* --------------------------------------------------------------- symbols -- */

static int by_name(const void *va, const void *vb)
{
	const struct symbol *a = va, *b = vb;
	int c = strcmp(a->name, b->name);

	return c ? c : a->dynamic - b->dynamic;
}

static int read_symbols(struct elf_file *f, Elf_Scn *scn, const GElf_Shdr *sh,
			struct elf_symbols *all)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	struct symbol *v;
	const char *name;
	GElf_Sym sym;
	size_t room;

	for (int i = 0; data && gelf_getsym(data, i, &sym); i++) {
		name = elf_strptr(f->elf, sh->sh_link, sym.st_name);
		if (!name || !*name)
			continue;
		if (all->n == all->room) {
			room = all->room ? 2 * all->room : 1024;
			v = reallocarray(all->v, room, sizeof(*v));
			if (!v)
				return -ENOMEM;
			all->v = v;
			all->room = room;
		}
		v = &all->v[all->n++];
		*v = (struct symbol){
			.name = name,
			.addr = sym.st_value,
			.dynamic = sh->sh_type == SHT_DYNSYM,
		};
		v->tls = GELF_ST_TYPE(sym.st_info) == STT_TLS;
		v->undefined = !v->tls && sym.st_shndx == SHN_UNDEF;
		v->defined = !v->tls && !v->undefined;
	}
	return 0;
}

/* more, which comes behind it in order, has the same name. */
static void add_same(struct symbol *s, const struct symbol *more)
{
	/* What the full table defines is there a second time. */
	if (more->dynamic && s->defined && !s->dynamic)
		return;
	s->tls |= more->tls;
	s->undefined |= more->undefined;
	if (!more->defined)
		return;
	s->ambiguous |= s->defined && s->addr != more->addr;
	s->defined = true;
	s->dynamic = more->dynamic;
	s->addr = more->addr;
}

/* One of each name. */
static void sort_symbols(struct elf_symbols *all)
{
	size_t last = 0;

	if (!all->n)
		return;
	qsort(all->v, all->n, sizeof(all->v[0]), by_name);
	for (size_t i = 1; i < all->n; i++)
		if (!strcmp(all->v[last].name, all->v[i].name))
			add_same(&all->v[last], &all->v[i]);
		else
			all->v[++last] = all->v[i];
	all->n = last + 1;
}

/* NULL: no memory. */
static const struct elf_symbols *symbols_of(struct elf_file *f)
{
	struct elf_symbols *all;
	Elf_Scn *scn = NULL;
	const char *name;
	GElf_Shdr sh;
	int r = 0;

	if (f->symbols)
		return f->symbols;
	all = calloc(1, sizeof(*all));
	if (!all)
		return NULL;
	while (r == 0 && elf_section_next(f, &scn, &sh, &name))
		if (sh.sh_type == SHT_SYMTAB || sh.sh_type == SHT_DYNSYM)
			r = read_symbols(f, scn, &sh, all);
	if (r < 0) {
		symbols_free(all);
		return NULL;
	}
	sort_symbols(all);
	f->symbols = all;
	return all;
}

/* What is known of a name; NULL: nothing. */
static const struct symbol *find_symbol(const struct elf_symbols *all,
					const char *name, size_t len)
{
	size_t lo = 0, hi = all->n, mid;

	/* The first that begins with that is the name itself, if it is there. */
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (strncmp(all->v[mid].name, name, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < all->n && !strncmp(all->v[lo].name, name, len) &&
			       !all->v[lo].name[len] ?
		       &all->v[lo] :
		       NULL;
}

int elf_symbol(struct elf_file *f, const char *name, size_t len, uint64_t *addr,
	       const char **problem)
{
	static const struct symbol none = { .name = "" };
	const struct elf_symbols *all = symbols_of(f);
	const struct symbol *s = all ? find_symbol(all, name, len) : NULL;

	if (!s)
		s = &none;
	if (!all)
		*problem = "no memory for the file's symbols";
	else if (s->ambiguous)
		*problem = "several symbols have that name";
	else if (s->tls)
		*problem = "a thread-local variable";
	else if (s->defined)
		*addr = s->addr;
	else if (s->undefined)
		*problem = "a symbol of another object";
	else if (len && name[0] == '.')
		*problem = "a label of the assembler, in no symbol table";
	else
		*problem = "no such symbol in the file";
	return s->defined && !s->ambiguous && !s->tls ? 0 : -ENOENT;
}

/* glibc and musl call the function the same. */
uint64_t elf_loader_hook(struct elf_file *f, const char *path, uint64_t bias)
{
	static const char name[] = "_dl_debug_state";
	const char *slash = strrchr(path, '/'), *problem;
	uint64_t addr;

	if (slash && !strncmp(slash, "/ld", 3) &&
	    elf_symbol(f, name, sizeof(name) - 1, &addr, &problem) == 0)
		return addr + bias;
	return 0;
}
