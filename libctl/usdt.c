/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * usdt.c - the probes that a program says it has.
 *
 * A statically defined probe costs the program one nop.  Where the source says
 *
 *     DTRACE_PROBE2(orders, received, id, customer);
 *
 * the compiler emits that nop, keeps the two values alive somewhere, and
 * writes a note into the file, which is never loaded: "at this address is
 * orders:received, its first argument is 4 signed bytes in ebx, its second 8
 * bytes in memory at rbp + 16".  To enable the probe is to put something in
 * the place of the nop that reports where it was and what the arguments are.
 * Nothing of the program's help is needed and nothing was prepared in it.
 *
 * Collecting the arguments may cost more than the nop.  A program can ask
 * whether anybody cares before it does so, in two ways:
 *
 *   semaphore   a 16-bit counter in the program's data.  Whoever enables the
 *               probe adds one; the program skips all of it while it is 0.
 *   is-enabled  a second kind of site, which stores "no" where its argument
 *   site        points, unless a tracer stores "yes" there.
 *
 * Three generations of descriptions exist, all of them read here into one
 * model (ctl.h):
 *
 *   .note.stapsdt  <sys/sdt.h> of SystemTap; nearly everything on Linux
 *                  (usdt_note.c).  Addresses in it are as linked.  prelink
 *                  moves a file's sections but does not know these notes, so
 *                  each has the address that the section .stapsdt.base had
 *                  when it was written: how far that is off is how far the
 *                  others are.
 *   .note.usdt     dtrace -G of DTrace 2 (usdt_note.c): the same grammar of
 *                  arguments, is-enabled sites, and a declaration of the types
 *                  that the provider gives its arguments.
 *   .SUNW_dof      dtrace -G before that, and libraries that make probes up
 *                  at run time (dof.c).
 *
 * One probe may have many sites, each with arguments in other places: inlining
 * and unrolling copy the nop, its note and all.  Nothing but provider and name
 * ties them together.
 *
 * A site has three addresses: linked, as the note has it; in the file, for
 * uprobes; and in a process, which is the linked one plus the bias of that
 * mapping of the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probe.h"

void usdt_problem(struct ctl_usdt *u, const char *object, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	u->problems++;
	ctl_log(CTL_LOG_WARN, "%s: %s", object, text);
}

/* ------------------------------------------------------------- arguments -- */

static void open_debug(struct usdt_object *o)
{
	int fd;

	if (o->debug_tried)
		return;
	o->debug_tried = true;
	fd = debug_file_open(o->file, o->path);
	if (fd >= 0 && elf_file_open(&o->debug, fd) < 0)
		o->debug.elf = NULL;
}

/* A stripped file's static variables are in its debug file's table only. */
static int object_symbol(void *arg, const char *name, size_t len,
			 uint64_t *addr, const char **problem)
{
	struct usdt_object *o = arg;
	const char *ignored;
	int r;

	r = elf_symbol(o->file, name, len, addr, problem);
	if (r < 0) {
		open_debug(o);
		if (o->debug.elf)
			r = elf_symbol(&o->debug, name, len, addr, &ignored);
	}
	if (r == 0)
		*addr += o->bias;
	return r;
}

static int read_args(struct ctl_usdt *u, struct usdt_object *o,
		     struct raw_site *raw, struct text args)
{
	struct arg_context c = {
		.is_32bit = o->file->ehdr.e_machine == EM_386,
		.other_machine = o->file->other_machine,
		.symbol = object_symbol,
		.arg = o,
	};
	struct ctl_usdt_arg *a;
	unsigned n = 0;
	struct text t;

	for (size_t pos = 0; arg_next(args.s, args.len, &pos, &t);)
		n++;
	raw->site.argtext = arena_strndup(&u->arena, args.s, args.len);
	raw->args = a = arena_alloc(&u->arena, n * sizeof(*a));
	if (!raw->site.argtext || !a)
		return -ENOMEM;
	for (size_t pos = 0; arg_next(args.s, args.len, &pos, &t); a++) {
		a->spec = arena_strndup(&u->arena, t.s, t.len);
		if (!a->spec)
			return -ENOMEM;
		arg_parse(t.s, t.len, &c, a);
	}
	raw->site.args = raw->args;
	raw->site.nargs = n;
	return 0;
}

/* What the site before it had, or a copy. */
static const char *same_or_copy(struct ctl_usdt *u, const char *last,
				struct text t)
{
	return last && text_is(t, last) ? last :
					  arena_strndup(&u->arena, t.s, t.len);
}

struct raw_site *usdt_add_site(struct ctl_usdt *u, struct usdt_object *o,
			       int kind, struct text provider, struct text name,
			       uint64_t pc, struct text args)
{
	struct raw_site *raw = arena_alloc(&u->arena, sizeof(*raw));

	if (!raw)
		return NULL;
	raw->object = o;
	raw->kind = kind;
	raw->provider = same_or_copy(u, u->raw ? u->raw->provider : NULL,
				     provider);
	raw->name = same_or_copy(u, u->raw ? u->raw->name : NULL, name);
	if (!raw->provider || !raw->name || read_args(u, o, raw, args) < 0)
		return NULL;
	raw->pc = pc;
	raw->site.address = pc + o->bias;
	raw->site.has_offset = elf_offset_of(o->file, pc, &raw->site.offset);
	raw->next = u->raw;
	u->raw = raw;
	u->nraw++;
	return raw;
}

/* ----------------------------------------------------------------- notes -- */

static int add_stapsdt(struct ctl_usdt *u, struct usdt_object *o,
		       const struct note *n, const GElf_Shdr *base)
{
	struct stapsdt_note s;
	struct raw_site *raw;
	uint64_t moved = 0;

	if (stapsdt_parse(n->desc, n->descsz, o->file->is_32bit ? 4 : 8, &s) <
	    0) {
		usdt_problem(u, o->path, "a stapsdt note is damaged");
		return 0;
	}
	if (base)
		moved = base->sh_addr - s.base;
	if (o->file->is_32bit)
		moved = (uint32_t)moved;
	raw = usdt_add_site(u, o, CTL_USDT_STAPSDT, s.provider, s.name,
			    s.pc + moved, s.args);
	if (!raw)
		return -ENOMEM;
	if (s.semaphore)
		raw->semaphore = s.semaphore + moved;
	return 0;
}

/* DTrace 2 says which function it is in, with or without debug information. */
static int set_function(struct ctl_usdt *u, struct usdt_object *o,
			struct raw_site *raw, uint64_t function)
{
	struct ctl_usdt_frame *frame;
	char name[256];

	if (!elf_string_at(o->file, function, name, sizeof(name)))
		return 0;
	frame = arena_alloc(&u->arena, sizeof(*frame));
	if (!frame)
		return -ENOMEM;
	frame->function = arena_strndup(&u->arena, name, strlen(name));
	if (!frame->function)
		return -ENOMEM;
	raw->site.frames = frame;
	raw->site.nframes = 1;
	return 0;
}

static int add_usdt(struct ctl_usdt *u, struct usdt_object *o,
		    const struct note *n)
{
	struct usdt_note s;
	struct raw_site *raw;

	if (usdt_note_parse(n->desc, n->descsz, &s) < 0) {
		usdt_problem(u, o->path, "a usdt note is damaged");
		return 0;
	}
	raw = usdt_add_site(u, o, CTL_USDT_NOTE, s.provider, s.name, s.pc,
			    s.args);
	if (!raw)
		return -ENOMEM;
	raw->site.is_enabled = n->type == USDT_NOTE_ENABLED;
	if (raw->site.nargs != s.nargs)
		usdt_problem(u, o->path, "%s:%s has %u arguments and says %u",
			     raw->provider, raw->name, raw->site.nargs,
			     s.nargs);
	return set_function(u, o, raw, s.function);
}

static int declare_arg(struct ctl_usdt *u, const struct usdt_decl_probe *p,
		       unsigned i, struct ctl_usdt_arg *a)
{
	struct text type, xtype;
	unsigned from;

	if (usdt_decl_native(p, i, &type) < 0)
		return 0;
	a->type = arena_strndup(&u->arena, type.s, type.len);
	if (!a->type)
		return -ENOMEM;
	for (unsigned j = 0;
	     usdt_decl_translated(p, j, &xtype, &from) == 0; j++) {
		if (from != i || text_is(xtype, a->type))
			continue;
		a->xtype = arena_strndup(&u->arena, xtype.s, xtype.len);
		return a->xtype ? 0 : -ENOMEM;
	}
	return 0;
}

/* The sites that a declaration may be of, by provider and name. */
struct note_sites {
	struct raw_site **v;
	size_t n;
};

static int compare_names(const struct raw_site *s, const char *provider,
			 const char *name)
{
	int c = strcmp(s->provider, provider);

	return c ? c : strcmp(s->name, name);
}

static int by_names(const void *va, const void *vb)
{
	const struct raw_site *a = *(struct raw_site *const *)va;
	const struct raw_site *b = *(struct raw_site *const *)vb;

	return compare_names(a, b->provider, b->name);
}

static int note_sites_get(const struct ctl_usdt *u,
			  const struct usdt_object *o, struct note_sites *l)
{
	struct raw_site *s;

	l->v = calloc(u->nraw + 1, sizeof(struct raw_site *));
	if (!l->v)
		return -ENOMEM;
	for (s = u->raw; s && s->object == o; s = s->next)
		if (s->kind == CTL_USDT_NOTE && !s->site.is_enabled)
			l->v[l->n++] = s;
	qsort(l->v, l->n, sizeof(struct raw_site *), by_names);
	return 0;
}

/* The first of that name, or where it would be. */
static size_t first_of(const struct note_sites *l, const char *provider,
		       const char *name)
{
	size_t lo = 0, hi = l->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (compare_names(l->v[mid], provider, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* All sites of one probe: each type is looked up once. */
static int declare_probe(struct ctl_usdt *u, const struct note_sites *l,
			 const char *provider, const struct usdt_decl_probe *p)
{
	size_t first = first_of(l, provider, p->name.s), i;
	struct ctl_usdt_arg types[CTL_PROBE_ARGS] = { 0 };
	bool known[CTL_PROBE_ARGS] = { false };
	int r;

	/* The text ends with a NUL: the parser has seen it. */
	for (i = first; i < l->n && !l->v[i]->is_declared &&
			!compare_names(l->v[i], provider, p->name.s);
	     i++) {
		struct raw_site *s = l->v[i];

		s->is_declared = true;
		for (unsigned k = 0; k < s->site.nargs && k < CTL_PROBE_ARGS;
		     k++) {
			r = known[k] ? 0 : declare_arg(u, p, k, &types[k]);
			if (r < 0)
				return r;
			known[k] = true;
			if (!types[k].type)
				break;
			s->args[k].type = types[k].type;
			s->args[k].xtype = types[k].xtype;
		}
	}
	return 0;
}

static int declare(struct ctl_usdt *u, struct usdt_object *o,
		   const struct note *n, const struct note_sites *l)
{
	struct usdt_decl_probe p;
	struct usdt_decl d;
	int r;

	r = usdt_decl_parse(n->desc, n->descsz, &d);
	while (r == 0 && (r = usdt_decl_next(&d, &p)) == 1)
		r = declare_probe(u, l, d.provider.s, &p);
	if (r == -EBADMSG) {
		usdt_problem(u, o->path, "a provider's declaration is damaged");
		r = 0;
	}
	return r;
}

static int read_note(struct ctl_usdt *u, struct usdt_object *o,
		     const struct note *n, const GElf_Shdr *base)
{
	if (note_is(n, "stapsdt", 3))
		return add_stapsdt(u, o, n, base);
	if (note_is(n, "usdt", USDT_NOTE_PROBE) ||
	    note_is(n, "usdt", USDT_NOTE_ENABLED))
		return add_usdt(u, o, n);
	return 0;
}

/* What the notes of a section declare of sites that have been found. */
static int read_declarations(struct ctl_usdt *u, struct usdt_object *o,
			     const void *bytes, size_t len, size_t align)
{
	struct note_sites l = { NULL, 0 };
	size_t pos = 0;
	struct note n;
	int r = 0;

	while (r == 0 && note_next(bytes, len, align, &pos, &n) == 1) {
		if (!note_is(&n, "prov", 1))
			continue;
		if (!l.v)
			r = note_sites_get(u, o, &l);
		if (r == 0)
			r = declare(u, o, &n, &l);
	}
	free(l.v);
	return r;
}

static int read_notes(struct ctl_usdt *u, struct usdt_object *o, Elf_Scn *scn,
		      const GElf_Shdr *sh, const GElf_Shdr *base)
{
	size_t len, pos = 0;
	const void *bytes = elf_section_bytes(scn, sh, &len);
	struct note n;
	int r;

	if (!bytes) {
		if (sh->sh_type != SHT_NOBITS && sh->sh_size)
			usdt_problem(u, o->path, "a note section is damaged");
		return 0;
	}
	while ((r = note_next(bytes, len, sh->sh_addralign, &pos, &n)) == 1) {
		r = read_note(u, o, &n, base);
		if (r < 0)
			return r;
	}
	if (r < 0)
		usdt_problem(u, o->path, "a note section is damaged");
	return read_declarations(u, o, bytes, len, sh->sh_addralign);
}

/* ------------------------------------------------------------ one object -- */

static struct usdt_object *new_object(struct ctl_usdt *u, struct elf_file *f,
				      const char *path, uint64_t bias)
{
	struct usdt_object *o = arena_alloc(&u->arena, sizeof(*o));

	if (!o)
		return NULL;
	o->path = arena_strndup(&u->arena, path, strlen(path));
	if (!o->path)
		return NULL;
	if (*f->build_id) {
		o->build_id = arena_strndup(&u->arena, f->build_id,
					    strlen(f->build_id));
		if (!o->build_id)
			return NULL;
	}
	o->is_32bit = f->is_32bit;
	o->is_deleted = f->is_deleted;
	o->bias = bias;
	return o;
}

int usdt_read_object(struct ctl_usdt *u, struct elf_file *f, const char *path,
		     uint64_t bias)
{
	struct usdt_object *o = new_object(u, f, path, bias);
	GElf_Shdr sh, base;
	Elf_Scn *scn = NULL;
	const char *name;
	bool has_base;
	int r = 0;

	if (!o)
		return -ENOMEM;
	o->file = f;
	has_base = elf_section_find(f, ".stapsdt.base", &base);
	while (r == 0 && elf_section_next(f, &scn, &sh, &name))
		if (sh.sh_type == SHT_NOTE)
			r = read_notes(u, o, scn, &sh, has_base ? &base : NULL);
		else if (!strcmp(name, ".SUNW_dof"))
			r = dof_read(u, o, scn, &sh);
	for (struct raw_site *s = u->raw; s && s->object == o; s = s->next)
		if (s->semaphore)
			s->has_semaphore_offset = elf_offset_of(
				f, s->semaphore, &s->semaphore_offset);
	if (r == 0 && (u->flags & CTL_USDT_SOURCE) && u->raw &&
	    u->raw->object == o)
		r = dwarf_describe(u, o);
	if (o->debug.elf)
		elf_file_close(&o->debug);
	dof_finish(o);
	o->file = NULL;
	return r;
}

/* ---------------------------------------------------------------- groups -- */

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* Sites that are alike in this are of one probe. */
static int compare_probe(const struct raw_site *a, const struct raw_site *b)
{
	int c = strcmp(a->object->path, b->object->path);

	if (!c)
		c = compare_u64(a->object->bias, b->object->bias);
	if (!c)
		c = strcmp(a->provider, b->provider);
	if (!c)
		c = strcmp(a->name, b->name);
	if (!c)
		c = a->kind - b->kind;
	if (!c)
		c = compare_u64(a->semaphore, b->semaphore);
	return c;
}

static int compare_site(const void *va, const void *vb)
{
	const struct raw_site *a = *(struct raw_site *const *)va;
	const struct raw_site *b = *(struct raw_site *const *)vb;
	int c = compare_probe(a, b);

	if (!c)
		c = compare_u64(a->pc, b->pc);
	if (!c)
		c = a->site.is_enabled - b->site.is_enabled;
	return c;
}

static void fill_probe(struct ctl_usdt_probe *p, const struct raw_site *s,
		       const struct ctl_usdt_site *sites, unsigned n)
{
	p->provider = s->provider;
	p->name = s->name;
	p->kind = s->kind;
	p->object = s->object->path;
	p->build_id = s->object->build_id;
	p->is_32bit = s->object->is_32bit;
	p->is_deleted = s->object->is_deleted;
	p->has_semaphore = s->semaphore != 0;
	if (p->has_semaphore)
		p->semaphore = s->semaphore + s->object->bias;
	p->has_semaphore_offset = s->has_semaphore_offset;
	p->semaphore_offset = s->semaphore_offset;
	p->sites = sites;
	p->nsites = n;
}

int usdt_group(struct ctl_usdt *u)
{
	struct ctl_usdt_site *sites;
	struct raw_site **sorted, *s;
	size_t i, first = 0;

	if (!u->nraw)
		return 0;
	sorted = arena_alloc(&u->arena, u->nraw * sizeof(*sorted));
	sites = arena_alloc(&u->arena, u->nraw * sizeof(*sites));
	u->probes = arena_alloc(&u->arena, u->nraw * sizeof(*u->probes));
	if (!sorted || !sites || !u->probes)
		return -ENOMEM;
	for (i = 0, s = u->raw; s; s = s->next)
		sorted[i++] = s;
	qsort(sorted, u->nraw, sizeof(*sorted), compare_site);
	for (i = 0; i < u->nraw; i++) {
		sites[i] = sorted[i]->site;
		if (i + 1 < u->nraw && !compare_probe(sorted[i], sorted[i + 1]))
			continue;
		fill_probe(&u->probes[u->nprobes++], sorted[i], sites + first,
			   i + 1 - first);
		first = i + 1;
	}
	return 0;
}

/* ------------------------------------------------------------------ files -- */

CTL_EXPORT int ctl_usdt_file(struct ctl_usdt **result, const char *path,
			     int flags)
{
	struct elf_file f;
	struct ctl_usdt *u;
	int fd, r;

	fd = elf_open_regular(AT_FDCWD, path);
	if (fd == -ENOEXEC)
		return ctl_fail(fd, "not an ELF file");
	if (fd < 0)
		return ctl_failno(fd);
	r = elf_file_open(&f, fd);
	if (r < 0)
		return r;
	r = elf_file_whole(&f);
	if (r < 0) {
		elf_file_close(&f);
		return r;
	}
	u = calloc(1, sizeof(*u));
	if (u)
		u->flags = flags;
	r = u ? usdt_read_object(u, &f, path, 0) : -ENOMEM;
	elf_file_close(&f);
	if (r == 0)
		r = usdt_group(u);
	if (r < 0) {
		ctl_usdt_free(u);
		return ctl_failno(r);
	}
	*result = u;
	return 0;
}

CTL_EXPORT void ctl_usdt_free(struct ctl_usdt *u)
{
	if (!u)
		return;
	arena_free(&u->arena);
	free(u);
}

CTL_EXPORT uint64_t ctl_usdt_loader(const struct ctl_usdt *u)
{
	return u->loader;
}

CTL_EXPORT unsigned ctl_usdt_problems(const struct ctl_usdt *u)
{
	return u->problems;
}

CTL_EXPORT int ctl_usdt_next(struct ctl_usdt *u,
			     const struct ctl_usdt_spec *spec,
			     const struct ctl_usdt_probe **probe)
{
	const struct ctl_usdt_probe *p = *probe ? *probe + 1 : u->probes;

	for (; p && p < u->probes + u->nprobes; p++) {
		if (!ctl_usdt_match(spec, p))
			continue;
		*probe = p;
		return 1;
	}
	return 0;
}
