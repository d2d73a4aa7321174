/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dof.c - DOF, in which DTrace described probes before it had notes.
 *
 * A header, then a table of sections, each with a type, an offset and a size
 * from the start of the header.  Those of interest:
 *
 *   strtab    strings, by offset
 *   provider  a name, and the numbers of the sections that have its probes,
 *             their offsets and those of its is-enabled sites, and how
 *             translated arguments come from native ones
 *   probes    48 bytes each: an address, the names of function and probe,
 *             ranges of the tables above
 *
 * A site's address is the probe's plus an offset.  In a file it is as linked;
 * where that is left to the dynamic linker, a relocation has it.
 *
 * The arguments are not described, for they are where a function call has them:
 * the site was one, until dtrace -G made nops of it.  Is-enabled sites were
 * calls too; what is left of them clears eax.
 *
 * Offsets and numbers are the file's word and each is checked before its use.
 * Nothing keeps providers from having the same probes, and probes from naming the
 * same offsets and texts again and again: there are no more probes and sites than
 * fit into the file, and texts are not of any length.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "probe.h"

#define NAME_MAX_LEN 255U /* DTrace itself takes less */
#define TEXT_MAX_LEN 4096U /* of types and functions, which are cut */

enum { STRTAB = 8, PROVIDER = 15, PROBES = 16, PRARGS = 17, PROFFS = 18,
       PRENOFFS = 26 };

struct dof_header {
	uint8_t ident[16]; /* 7f 'D' 'O' 'F', model, encoding, version .. */
	uint32_t flags, hdrsize, secsize, secnum;
	uint64_t secoff, loadsz, filesz, pad;
};

struct dof_section {
	uint32_t type, align, flags, entsize;
	uint64_t offset, size;
};

struct provider {
	uint32_t strtab, probes, prargs, proffs;
	uint32_t name, attributes[5];
	uint32_t prenoffs; /* from version 2 on */
};
#define PROVIDER_V1 40U

_Static_assert(sizeof(struct dof_header) == 64, "DOF header");
_Static_assert(sizeof(struct dof_section) == 32, "DOF section");
_Static_assert(sizeof(struct provider) == 44, "DOF provider");
_Static_assert(sizeof(struct dof_probe_entry) == 48, "DOF probe");

int dof_open(const void *bytes, size_t len, struct dof *d)
{
	struct dof_header h;

	if (len < sizeof(h))
		return -EBADMSG;
	memcpy(&h, bytes, sizeof(h));
	if (memcmp(h.ident, "\177DOF", 4) != 0)
		return -EBADMSG;
	/* Little-endian, versions 1 to 3; the model is that of the file. */
	if (h.ident[5] != 1 || h.ident[6] < 1 || h.ident[6] > 3)
		return -EOPNOTSUPP;
	if (h.filesz < sizeof(h) || h.filesz > len)
		return -EBADMSG;
	if (h.secsize < sizeof(struct dof_section) || h.secoff > h.filesz ||
	    h.secnum > (h.filesz - h.secoff) / h.secsize)
		return -EBADMSG;
	*d = (struct dof){ .p = bytes,
			   .len = h.filesz,
			   .secoff = h.secoff,
			   .secsize = h.secsize,
			   .secnum = h.secnum,
			   .version = h.ident[6] };
	return 0;
}

/* The bytes of section i, if it is of that type. */
static bool section(const struct dof *d, uint32_t i, uint32_t type,
		    struct dof_bytes *b)
{
	struct dof_section s;

	if (i >= d->secnum)
		return false;
	memcpy(&s, d->p + d->secoff + (size_t)i * d->secsize, sizeof(s));
	if (s.type != type || s.offset > d->len || s.size > d->len - s.offset)
		return false;
	b->p = d->p + s.offset;
	b->len = s.size;
	return true;
}

static bool string_at(const struct dof_bytes *b, uint64_t at, struct text *t)
{
	const unsigned char *nul;
	size_t left;

	if (at >= b->len)
		return false;
	left = b->len - at;
	nul = memchr(b->p + at, '\0', left < TEXT_MAX_LEN ? left : TEXT_MAX_LEN);
	if (!nul)
		return false;
	t->s = (const char *)b->p + at;
	t->len = nul - (b->p + at);
	return true;
}

int dof_provider_next(struct dof *d, struct dof_provider *p)
{
	struct provider v = { 0 };
	struct dof_bytes b;

	while (d->next < d->secnum) {
		if (!section(d, d->next++, PROVIDER, &b))
			continue;
		if (b.len < PROVIDER_V1)
			return -EBADMSG;
		memcpy(&v, b.p, b.len < sizeof(v) ? PROVIDER_V1 : sizeof(v));
		*p = (struct dof_provider){ 0 };
		if (!section(d, v.strtab, STRTAB, &p->strings) ||
		    !section(d, v.probes, PROBES, &p->probes) ||
		    !section(d, v.proffs, PROFFS, &p->offsets) ||
		    !string_at(&p->strings, v.name, &p->name) ||
		    p->name.len > NAME_MAX_LEN)
			return -EBADMSG;
		/* A provider may have neither of these. */
		section(d, v.prargs, PRARGS, &p->mapping);
		if (d->version > 1 && b.len >= sizeof(v))
			section(d, v.prenoffs, PRENOFFS, &p->enabled);
		return 1;
	}
	return 0;
}

int dof_probe_next(struct dof_provider *p, struct dof_probe *pr)
{
	struct dof_probe_entry *e = &pr->e;

	if (p->probes.len - p->next < sizeof(*e))
		return p->probes.len == p->next ? 0 : -EBADMSG;
	memcpy(e, p->probes.p + p->next, sizeof(*e));
	p->next += sizeof(*e);
	if (!string_at(&p->strings, e->name, &pr->name) ||
	    !string_at(&p->strings, e->func, &pr->function) ||
	    pr->name.len > NAME_MAX_LEN ||
	    e->offidx > p->offsets.len / 4 ||
	    e->noffs > p->offsets.len / 4 - e->offidx)
		return -EBADMSG;
	if (e->nenoffs && (e->enoffidx > p->enabled.len / 4 ||
			   e->nenoffs > p->enabled.len / 4 - e->enoffidx))
		return -EBADMSG;
	/* More of them cannot be had from a hit. */
	if (e->nargc > CTL_PROBE_ARGS)
		e->nargc = CTL_PROBE_ARGS;
	if (e->xargc > CTL_PROBE_ARGS)
		e->xargc = CTL_PROBE_ARGS;
	return 1;
}

static uint64_t entry(const struct dof_bytes *b, uint64_t i)
{
	uint32_t v;

	memcpy(&v, b->p + 4 * i, sizeof(v));
	return v;
}

uint64_t dof_site(const struct dof_provider *p, const struct dof_probe *pr,
		  unsigned i)
{
	return pr->e.addr + entry(&p->offsets, (uint64_t)pr->e.offidx + i);
}

uint64_t dof_enabled_site(const struct dof_provider *p,
			  const struct dof_probe *pr, unsigned i)
{
	return pr->e.addr + entry(&p->enabled, (uint64_t)pr->e.enoffidx + i);
}

static int nth_string(const struct dof_provider *p, uint32_t at, unsigned n,
		      struct text *t)
{
	uint64_t pos = at;

	do {
		if (!string_at(&p->strings, pos, t))
			return -EBADMSG;
		pos += t->len + 1;
	} while (n--);
	return 0;
}

int dof_native(const struct dof_provider *p, const struct dof_probe *pr,
	       unsigned i, struct text *type)
{
	return i < pr->e.nargc ? nth_string(p, pr->e.nargv, i, type) : -ENOENT;
}

int dof_translated(const struct dof_provider *p, const struct dof_probe *pr,
		   unsigned i, struct text *type, unsigned *from)
{
	uint64_t at = (uint64_t)pr->e.argidx + i;

	if (i >= pr->e.xargc)
		return -ENOENT;
	if (at >= p->mapping.len)
		return -EBADMSG;
	*from = p->mapping.p[at];
	return nth_string(p, pr->e.xargv, i, type);
}

/* ----------------------------------------------------------- into the model -- */

/* The calling convention, as the text of notes. */
static size_t arg_text(char *buf, size_t size, unsigned n, bool is_32bit)
{
	static const char *const regs[] = { "rdi", "rsi", "rdx",
					    "rcx", "r8",  "r9" };
	size_t len = 0;

	for (unsigned i = 0; i < n && len < size; i++) {
		const char *sep = i ? " " : "";

		if (is_32bit)
			len += snprintf(buf + len, size - len, "%s4@%u(%%esp)",
					sep, 4 * i);
		else if (i < 6)
			len += snprintf(buf + len, size - len, "%s8@%%%s", sep,
					regs[i]);
		else
			len += snprintf(buf + len, size - len, "%s8@%u(%%rsp)",
					sep, 8 * (i - 6));
	}
	return len < size ? len : size - 1;
}

/* What the caller extended by its sign. */
static bool is_signed_type(const char *type)
{
	static const char *const names[] = { "int",	"short", "long",
					     "char",	"int8_t", "int16_t",
					     "int32_t", "int64_t", "ssize_t",
					     "long long", "pid_t" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (!strcmp(type, names[i]))
			return true;
	return false;
}

static const char *copy_text(struct ctl_usdt *u, const struct text *t)
{
	return arena_strndup(&u->arena, t->s,
			     t->len > NAME_MAX_LEN ? NAME_MAX_LEN : t->len);
}

static int set_types(struct ctl_usdt *u, const struct dof_provider *p,
		     const struct dof_probe *pr, struct raw_site *raw)
{
	struct text type;
	unsigned from;

	for (unsigned i = 0; i < raw->site.nargs; i++) {
		struct ctl_usdt_arg *a = &raw->args[i];

		if (dof_native(p, pr, i, &type) < 0)
			return 0;
		a->type = copy_text(u, &type);
		if (!a->type)
			return -ENOMEM;
		a->is_signed = is_signed_type(a->type);
	}
	for (unsigned i = 0; dof_translated(p, pr, i, &type, &from) == 0; i++) {
		if (from >= raw->site.nargs || raw->args[from].xtype ||
		    text_is(type, raw->args[from].type))
			continue;
		raw->args[from].xtype = copy_text(u, &type);
		if (!raw->args[from].xtype)
			return -ENOMEM;
	}
	return 0;
}

/* The types of another site of the probe. */
static void share_types(const struct raw_site *from, struct raw_site *to)
{
	for (unsigned i = 0; i < to->site.nargs; i++) {
		to->args[i].type = from->args[i].type;
		to->args[i].xtype = from->args[i].xtype;
		to->args[i].is_signed = from->args[i].is_signed;
	}
}

static int set_function(struct ctl_usdt *u, const struct dof_probe *pr,
			const struct ctl_usdt_frame **f, struct raw_site *raw)
{
	struct ctl_usdt_frame *own;

	if (!pr->function.len)
		return 0;
	if (!*f) {
		own = arena_alloc(&u->arena, sizeof(*own));
		if (!own)
			return -ENOMEM;
		own->function = copy_text(u, &pr->function);
		if (!own->function)
			return -ENOMEM;
		*f = own;
	}
	raw->site.frames = *f;
	raw->site.nframes = 1;
	return 0;
}

static int add_probe(struct ctl_usdt *u, struct usdt_object *o,
		     const struct dof_provider *p, const struct dof_probe *pr)
{
	struct text none = { "", 0 }, text = { NULL, 0 };
	const struct ctl_usdt_frame *frame = NULL;
	struct raw_site *raw, *first = NULL;
	char args[1024];
	int r = 0;

	text.s = args;
	text.len = arg_text(args, sizeof(args), pr->e.nargc, o->is_32bit);
	for (unsigned i = 0; i < pr->e.noffs && r == 0; i++) {
		raw = usdt_add_site(u, o, CTL_USDT_DOF, p->name, pr->name,
				    dof_site(p, pr, i), text);
		r = raw ? set_function(u, pr, &frame, raw) : -ENOMEM;
		if (r < 0)
			break;
		if (first) {
			share_types(first, raw);
		} else {
			r = set_types(u, p, pr, raw);
			first = raw;
		}
	}
	for (unsigned i = 0; i < pr->e.nenoffs && r == 0; i++) {
		raw = usdt_add_site(u, o, CTL_USDT_DOF, p->name, pr->name,
				    dof_enabled_site(p, pr, i), none);
		if (raw)
			raw->site.is_enabled = true;
		r = raw ? set_function(u, pr, &frame, raw) : -ENOMEM;
	}
	return r;
}

/* Each site has an offset of its own, of four bytes, and each probe is longer. */
static size_t most_sites(const struct usdt_object *o, const struct dof *d)
{
	struct stat st;

	if (o->file->fd >= 0 && fstat(o->file->fd, &st) == 0)
		return st.st_size / 4;
	return d->len / 4;
}

static int read_one(struct ctl_usdt *u, struct usdt_object *o, struct dof *d)
{
	size_t most = most_sites(o, d);
	struct dof_provider p;
	struct dof_probe pr;
	int r;

	while ((r = dof_provider_next(d, &p)) == 1) {
		while ((r = dof_probe_next(&p, &pr)) == 1) {
			o->dof_sites += (size_t)1 + pr.e.noffs + pr.e.nenoffs;
			if (o->dof_sites > most) {
				r = -EBADMSG;
				break;
			}
			r = add_probe(u, o, &p, &pr);
			if (r < 0)
				return r;
		}
		if (r < 0)
			break;
	}
	if (r < 0)
		usdt_problem(u, o->path, "DOF is damaged");
	return 0;
}

/* What the dynamic linker would put into the file, in order of address. */
struct dof_relocations {
	size_t n;
	struct relocation {
		uint64_t at, value;
	} v[];
};

static int by_address(const void *va, const void *vb)
{
	const struct relocation *a = va, *b = vb;

	return a->at < b->at ? -1 : a->at > b->at;
}

/* Once for all sections of DOF, of which there may be many.  0 or -ENOMEM. */
static int read_relocations(struct usdt_object *o)
{
	size_t size = gelf_fsize(o->file->elf, ELF_T_RELA, 1, EV_CURRENT);
	struct dof_relocations *all;
	Elf_Scn *scn = NULL;
	size_t room = 0;
	const char *name;
	Elf_Data *data;
	GElf_Rela rela;
	GElf_Shdr sh;

	while (elf_section_next(o->file, &scn, &sh, &name))
		if (sh.sh_type == SHT_RELA && (data = elf_getdata(scn, NULL)))
			room += data->d_size / size;
	all = calloc(1, sizeof(*all) + room * sizeof(all->v[0]));
	if (!all)
		return -ENOMEM;
	while (elf_section_next(o->file, &scn, &sh, &name)) {
		if (sh.sh_type != SHT_RELA || !(data = elf_getdata(scn, NULL)))
			continue;
		for (int i = 0; gelf_getrela(data, i, &rela); i++)
			if (GELF_R_TYPE(rela.r_info) == R_X86_64_RELATIVE &&
			    all->n < room)
				all->v[all->n++] = (struct relocation){
					rela.r_offset, rela.r_addend
				};
	}
	qsort(all->v, all->n, sizeof(all->v[0]), by_address);
	o->relocations = all;
	return 0;
}

void dof_finish(struct usdt_object *o)
{
	free(o->relocations);
	o->relocations = NULL;
}

/* With RELA the section itself has zeros where its addresses will be. */
static int relocate(struct usdt_object *o, const GElf_Shdr *sh,
		    unsigned char *bytes, size_t len)
{
	const struct relocation *v;
	size_t lo = 0, hi, mid;

	if (o->file->ehdr.e_machine != EM_X86_64 || len < 8)
		return 0;
	if (!o->relocations && read_relocations(o) < 0)
		return -ENOMEM;
	v = o->relocations->v;
	hi = o->relocations->n;
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (v[mid].at < sh->sh_addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (; lo < o->relocations->n && v[lo].at - sh->sh_addr <= len - 8; lo++)
		memcpy(bytes + (v[lo].at - sh->sh_addr), &v[lo].value, 8);
	return 0;
}

int dof_read(struct ctl_usdt *u, struct usdt_object *o, Elf_Scn *scn,
	     const GElf_Shdr *sh)
{
	size_t len, at = 0;
	const void *bytes = elf_section_bytes(scn, sh, &len);
	unsigned char *copy;
	struct dof d;
	int r = 0;

	if (!bytes) {
		if (sh->sh_type != SHT_NOBITS && sh->sh_size)
			usdt_problem(u, o->path, "DOF is damaged");
		return 0;
	}
	copy = malloc(len ? len : 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, bytes, len);
	r = relocate(o, sh, copy, len);
	/* Each object file that was linked brought its own. */
	while (r == 0 && at < len) {
		if (dof_open(copy + at, len - at, &d) < 0) {
			usdt_problem(u, o->path, "DOF is damaged");
			break;
		}
		r = read_one(u, o, &d);
		at += (d.len + 7) & ~(size_t)7;
	}
	free(copy);
	return r;
}
