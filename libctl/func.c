/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * func.c - the functions of a process, and probes on them.
 *
 * A function is a symbol of code: of the dynamic table, which every object has,
 * of the full one, which may have been stripped off, or of the full one in a
 * separate debug file.  Where several names have one address the plainest of
 * those that were asked for is taken.
 *
 * Not every symbol of code is a function that is called:
 *
 *   foo.cold   is a part of foo that was moved away; it is jumped to, with foo's
 *              frame on the stack and no return address at its end.
 *   _start     where a program begins: argc lies where others have a return
 *              address.
 *   an ifunc   (STT_GNU_IFUNC) is the address of what chooses the function at
 *              run time.  What was chosen has a name of its own, if any.
 *
 * The specification is that of SVR4's truss(1); its comment in ctl.h has it.
 */
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maps.h"

/* ------------------------------------------------------------- what is meant -- */

struct list { /* words, one behind the other, each with its terminator */
	const char *words;
	unsigned n; /* 0: any */
	bool not;
};

struct ctl_func_spec {
	struct list objects, functions;
	bool inside;
	char text[];
};

static bool split(struct list *l, char *text)
{
	if (*text == '!') {
		l->not = true;
		text++;
	}
	l->words = text;
	if (!*text)
		return !l->not;
	for (l->n = 1; *text; text++)
		if (*text == ',') {
			*text = '\0';
			l->n++;
		}
	text = (char *)l->words;
	for (unsigned i = 0; i < l->n; i++, text += strlen(text) + 1)
		if (!*text)
			return false;
	return true;
}

CTL_EXPORT int ctl_func_spec_parse(struct ctl_func_spec **spec,
				   const char *text)
{
	struct ctl_func_spec *s;
	char *functions;
	bool good;

	s = calloc(1, sizeof(*s) + strlen(text) + 1);
	if (!s)
		return ctl_failno(-ENOMEM);
	strcpy(s->text, text);
	functions = strchr(s->text, ':');
	if (functions) {
		*functions++ = '\0';
		s->inside = *functions == ':';
		functions += s->inside;
	} else {
		functions = s->text + strlen(s->text);
	}
	good = *text && !strchr(functions, ':') && split(&s->objects, s->text) &&
	       split(&s->functions, functions);
	if (!good) {
		free(s);
		return ctl_fail(-EINVAL, "not [!]LIB,...:[:][!]FUNCTION,...");
	}
	*spec = s;
	return 0;
}

CTL_EXPORT void ctl_func_spec_free(struct ctl_func_spec *spec)
{
	free(spec);
}

static bool in_list(const struct list *l, const char *name, bool globs)
{
	const char *w = l->words;

	for (unsigned i = 0; i < l->n; i++, w += strlen(w) + 1)
		if (globs ? fnmatch(w, name, 0) == 0 : strcmp(w, name) == 0)
			return true;
	return false;
}

enum role { LIBRARY, PROGRAM, LINKER };

static const char *base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* The program and the dynamic linker have to be meant by name. */
static bool object_in_list(const struct list *l, const char *path,
			   enum role role)
{
	struct ctl_object_names names;

	ctl_object_names(&names, path);
	for (unsigned i = 0; i < names.n; i++)
		if (in_list(l, names.v[i], role == LIBRARY))
			return true;
	if (role == PROGRAM)
		return in_list(l, "a.out", false);
	if (role != LINKER)
		return false;
	/* musl's is the C library, too. */
	return in_list(l, "ld", false) ||
	       (!strncmp(base_of(path), "ld-musl", 7) &&
		in_list(l, "libc", false));
}

static bool selects_object(const struct ctl_func_spec *s, const char *path,
			   enum role role)
{
	const struct list *l = &s->objects;

	if (role != LIBRARY && (l->not || !l->n))
		return false;
	return !l->n || object_in_list(l, path, role) != l->not;
}

static bool selects_function(const struct ctl_func_spec *s, const char *name)
{
	const struct list *l = &s->functions;

	return !l->n || in_list(l, name, true) != l->not;
}

/* ---------------------------------------------------------------- the tables -- */

struct ctl_funcs {
	struct arena arena;
	struct ctl_func *v;
	size_t n, room;
	unsigned problems;
	uint64_t loader;
};

/* An object while its symbols are read. */
struct object {
	struct ctl_funcs *all;
	struct elf_file *f;
	const char *path; /* in the arena */
	struct ctl_func_spec *const *specs;
	unsigned nspecs;
	enum role role;
	bool meant[CTL_FUNC_SPECS];
	const struct mapping_place *place;
};

static void problem(struct ctl_funcs *all, const char *path, const char *why)
{
	all->problems++;
	ctl_log(CTL_LOG_WARN, "%s: %s", path, why);
}

static bool is_code(struct object *o, uint64_t addr)
{
	uint64_t offset, back;

	return elf_offset_of(o->f, addr, &offset) &&
	       elf_address_of(o->f, offset, PF_X, &back) && back == addr &&
	       addr + o->place->bias >= o->place->low &&
	       addr + o->place->bias < o->place->high;
}

static int add_symbol(struct object *o, const GElf_Sym *sym, const char *name)
{
	struct ctl_funcs *all = o->all;
	struct ctl_func *v;
	unsigned i;

	for (i = 0; i < o->nspecs; i++)
		if (o->meant[i] && selects_function(o->specs[i], name))
			break;
	if (i == o->nspecs || !is_code(o, sym->st_value))
		return 0;
	if (all->n == all->room) {
		all->room = all->room ? 2 * all->room : 256;
		v = reallocarray(all->v, all->room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		all->v = v;
	}
	v = &all->v[all->n];
	*v = (struct ctl_func){
		.name = arena_strndup(&all->arena, name, strlen(name)),
		.object = o->path,
		.address = sym->st_value + o->place->bias,
		.low = o->place->low,
		.high = o->place->high,
		.spec = i,
		.inside = o->specs[i]->inside || o->role == PROGRAM,
		.chosen = GELF_ST_TYPE(sym->st_info) == STT_GNU_IFUNC,
	};
	if (!v->name)
		return -ENOMEM;
	all->n++;
	return 0;
}

static int read_table(struct object *o, struct elf_file *f, Elf_Scn *scn,
		      const GElf_Shdr *sh)
{
	Elf_Data *data = elf_getdata(scn, NULL);
	const char *name;
	GElf_Ehdr eh;
	GElf_Sym sym;
	int type, r = 0;

	if (!gelf_getehdr(f->elf, &eh))
		return 0;
	for (int i = 0; data && r == 0 && gelf_getsym(data, i, &sym); i++) {
		type = GELF_ST_TYPE(sym.st_info);
		if ((type != STT_FUNC && type != STT_GNU_IFUNC) ||
		    sym.st_shndx == SHN_UNDEF || !sym.st_value ||
		    sym.st_value == eh.e_entry)
			continue;
		name = elf_strptr(f->elf, sh->sh_link, sym.st_name);
		if (name && *name && !strstr(name, ".cold"))
			r = add_symbol(o, &sym, name);
	}
	return r;
}

/* What tables f has: bit 0 the dynamic one, bit 1 the full one. */
static int read_tables(struct object *o, struct elf_file *f, unsigned *found)
{
	Elf_Scn *scn = NULL;
	const char *name;
	GElf_Shdr sh;
	int r = 0;

	while (r == 0 && elf_section_next(f, &scn, &sh, &name)) {
		if ((sh.sh_type != SHT_SYMTAB && sh.sh_type != SHT_DYNSYM) ||
		    sh.sh_flags & SHF_COMPRESSED)
			continue;
		*found |= sh.sh_type == SHT_SYMTAB ? 2 : 1;
		r = read_table(o, f, scn, &sh);
	}
	return r;
}

static int read_object(struct object *o)
{
	struct elf_file debug;
	unsigned found = 0;
	int fd, r = read_tables(o, o->f, &found);

	if (r < 0 || found & 2)
		return r;
	fd = debug_file_open(o->f, o->path);
	if (fd < 0 || elf_file_open(&debug, fd) < 0)
		return 0;
	r = read_tables(o, &debug, &found);
	elf_file_close(&debug);
	return r;
}

/* -------------------------------------------------------------- the process -- */

static enum role role_of(const char *path, const char *exe)
{
	const char *base = base_of(path);

	if (!strcmp(path, exe))
		return PROGRAM;
	return !strncmp(base, "ld", 2) && strstr(base, ".so") &&
			       (base[2] == '-' || base[2] == '.' ||
				!strncmp(base + 2, "64.", 3)) ?
		       LINKER :
		       LIBRARY;
}

/* Once for each place where the file of all->v[first] is mapped. */
static int read_places(struct object *o, const struct mappings *all,
		       size_t first)
{
	struct mapping_place *places = NULL;
	ssize_t n = mapping_places(o->f, all, first, &places);
	int r = n < 0 ? n : 0;

	for (ssize_t i = 0; i < n && r == 0; i++) {
		o->place = &places[i];
		if (o->role == LINKER)
			o->all->loader = elf_loader_hook(o->f, o->path,
							 o->place->bias);
		r = read_object(o);
	}
	free(places);
	return r;
}

static int read_mapped(struct object *o, int proc, const struct mappings *all,
		       size_t first, const char *exe)
{
	const struct mapping *m = &all->v[first];
	struct elf_file f;
	bool any = false;
	int r;

	o->path = m->path;
	o->role = role_of(m->path, exe);
	for (unsigned i = 0; i < o->nspecs; i++) {
		o->meant[i] = selects_object(o->specs[i], m->path, o->role);
		any |= o->meant[i];
	}
	if (!any && o->role != LINKER)
		return 0;
	r = mapping_file(proc, m, &f);
	if (r == -ENOEXEC)
		return 0;
	if (r < 0) {
		problem(o->all, m->path, ctl_error());
		return r == -ENOMEM ? r : 0;
	}
	if (f.is_32bit || f.other_machine) {
		if (any)
			problem(o->all, m->path, "not x86-64");
	} else {
		o->f = &f;
		r = read_places(o, all, first);
	}
	elf_file_close(&f);
	return r;
}

/* By address; of one address first the name to be taken. */
static int compare(const void *a, const void *b)
{
	const struct ctl_func *x = a, *y = b;
	size_t under_x, under_y, len_x, len_y;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	if (x->spec != y->spec)
		return x->spec < y->spec ? -1 : 1;
	under_x = strspn(x->name, "_");
	under_y = strspn(y->name, "_");
	if (under_x != under_y)
		return under_x < under_y ? -1 : 1;
	len_x = strlen(x->name);
	len_y = strlen(y->name);
	if (len_x != len_y)
		return len_x < len_y ? -1 : 1;
	return strcmp(x->name, y->name);
}

static void sort(struct ctl_funcs *all)
{
	size_t to = 0;

	if (!all->n)
		return;
	qsort(all->v, all->n, sizeof(*all->v), compare);
	for (size_t i = 1; i < all->n; i++) {
		if (all->v[i].address == all->v[to].address)
			all->v[to].chosen |= all->v[i].chosen;
		else
			all->v[++to] = all->v[i];
	}
	all->n = to + 1;
}

static int read_process(struct ctl_funcs *u, int proc,
			struct ctl_func_spec *const *specs, unsigned nspecs)
{
	struct object o = { .all = u, .specs = specs, .nspecs = nspecs };
	struct mappings all = { 0 };
	char exe[4096];
	ssize_t len;
	int r;

	len = readlinkat(proc, "exe", exe, sizeof(exe) - 1);
	exe[len < 0 ? 0 : len] = '\0';
	r = mappings_read(&u->arena, proc, &all);
	for (size_t i = 0; i < all.n && r == 0; i++)
		if (all.v[i].is_first)
			r = read_mapped(&o, proc, &all, i, exe);
	free(all.v);
	sort(u);
	return r;
}

CTL_EXPORT int ctl_funcs_process(struct ctl_funcs **result, pid_t pid,
				 struct ctl_func_spec *const *specs,
				 unsigned nspecs)
{
	struct ctl_funcs *u;
	int proc, r;

	if (nspecs > CTL_FUNC_SPECS)
		return ctl_fail(-EINVAL, "too many specifications");
	proc = mappings_open(pid);
	if (proc < 0)
		return ctl_fail(proc, "No such process");
	u = calloc(1, sizeof(*u));
	r = u ? read_process(u, proc, specs, nspecs) : -ENOMEM;
	close(proc);
	if (r < 0) {
		ctl_funcs_free(u);
		if (r == -ENOENT || r == -ESRCH)
			return ctl_fail(-ENOENT, "No such process");
		return ctl_failno(r);
	}
	*result = u;
	return 0;
}

CTL_EXPORT void ctl_funcs_free(struct ctl_funcs *u)
{
	if (!u)
		return;
	free(u->v);
	arena_free(&u->arena);
	free(u);
}

CTL_EXPORT int ctl_funcs_next(struct ctl_funcs *u, const struct ctl_func **func)
{
	size_t i = *func ? (size_t)(*func - u->v) + 1 : 0;

	if (i >= u->n)
		return 0;
	*func = &u->v[i];
	return 1;
}

CTL_EXPORT uint64_t ctl_funcs_loader(const struct ctl_funcs *u)
{
	return u->loader;
}

CTL_EXPORT unsigned ctl_funcs_problems(const struct ctl_funcs *u)
{
	return u->problems;
}

/* ---------------------------------------------------------------- enabling -- */

#define ARGS (CTL_FUNC_ARG + CTL_FUNC_ARGS)

/* One PCPROBE with n sites. */
struct message {
	struct ctl_probe p;
	struct {
		struct ctl_probe_site site;
		struct ctl_fetch fetch[ARGS];
	} v[];
};
#define PRED 7
#define MOST                                                             \
	((CTL_PROBE_SIZE - sizeof(struct message) -                      \
	  PRED * sizeof(struct ctl_pred)) /                              \
	 sizeof(((struct message *)0)->v[0]))

struct enabling {
	struct ctl *h;
	const struct ctl_func *const *v;
	const struct ctl_probe_options *o;
	ctl_func_refused_fn *refused;
	void *arg;
	unsigned done;
};

static void describe_args(struct ctl_fetch *f)
{
	static const uint8_t regs[CTL_FUNC_ARGS] = { CTL_R_RDI, CTL_R_RSI,
						     CTL_R_RDX };
	const struct ctl_fetch reg = { .op = CTL_FETCH_REG, .size = 8,
				       .index = CTL_FETCH_NOREG,
				       .seg = CTL_FETCH_NOREG };

	for (unsigned i = 0; i < ARGS; i++)
		f[i] = reg;
	f[CTL_FUNC_SP].base = CTL_R_RSP;
	f[CTL_FUNC_CALLER].op = CTL_FETCH_MEM;
	f[CTL_FUNC_CALLER].base = CTL_R_RSP;
	for (unsigned i = 0; i < CTL_FUNC_ARGS; i++)
		f[CTL_FUNC_ARG + i].base = regs[i];
}

/* The caller lies outside of the object. */
static void describe_caller(struct ctl_pred *p, const struct ctl_func *f)
{
	const struct ctl_pred v[PRED] = {
		{ .op = CTL_PRED_ARG, .value = CTL_FUNC_CALLER },
		{ .op = CTL_PRED_CONST, .value = f->low },
		{ .op = CTL_PRED_LT },
		{ .op = CTL_PRED_ARG, .value = CTL_FUNC_CALLER },
		{ .op = CTL_PRED_CONST, .value = f->high },
		{ .op = CTL_PRED_GE },
		{ .op = CTL_PRED_OR },
	};

	memcpy(p, v, sizeof(v));
}

static int send(struct enabling *e, unsigned from, unsigned n)
{
	bool outside = !e->v[from]->inside;
	struct message *m;
	size_t size;
	int r;

	size = sizeof(*m) + n * sizeof(m->v[0]) +
	       (outside ? PRED * sizeof(struct ctl_pred) : 0);
	m = calloc(1, size);
	if (!m)
		return ctl_failno(-ENOMEM);
	m->p = (struct ctl_probe){
		.size = size,
		.id = e->o->id,
		.flags = e->o->flags | (e->done ? CTL_PROBE_MORE : 0),
		.nsites = n,
		.npred = outside ? PRED : 0,
		.stack = e->o->stack,
	};
	for (unsigned i = 0; i < n; i++) {
		m->v[i].site = (struct ctl_probe_site){
			.address = e->v[from + i]->address,
			.kind = CTL_SITE_FUNC,
			.nargs = ARGS,
		};
		describe_args(m->v[i].fetch);
	}
	if (outside)
		describe_caller((struct ctl_pred *)(void *)&m->v[n],
				e->v[from]);
	r = ctl_probe_enable_raw(e->h, &m->p);
	free(m);
	return r;
}

/*
 * A message is carried out wholly or not at all: halve it until those that
 * cannot be had are alone.
 */
static int enable(struct enabling *e, unsigned from, unsigned n)
{
	int r = send(e, from, n);

	if (r == 0) {
		e->done += n;
		return 0;
	}
	if (r != -EOPNOTSUPP && r != -EBUSY && r != -EFAULT && r != -ENOSPC)
		return r;
	if (n > 1) {
		r = enable(e, from, n / 2);
		return r < 0 ? r : enable(e, from + n / 2, n - n / 2);
	}
	if (e->refused)
		e->refused(e->arg, e->v[from], r);
	return 0;
}

CTL_EXPORT int ctl_func_enable(struct ctl *h, const struct ctl_func *const *v,
			       unsigned n, const struct ctl_probe_options *o,
			       ctl_func_refused_fn *refused, void *arg)
{
	struct enabling e = { h, v, o, refused, arg, 0 };
	unsigned most = MOST < CTL_PROBE_SITES ? MOST : CTL_PROBE_SITES, k;
	int r = 0;

	for (unsigned i = 0; i < n && r == 0; i += k) {
		for (k = 1; i + k < n && k < most; k++)
			if (v[i + k]->inside != v[i]->inside ||
			    v[i + k]->low != v[i]->low)
				break;
		r = enable(&e, i, k);
	}
	if (r < 0 && e.done)
		ctl_probe_disable(h, o->id);
	return r < 0 ? r : (int)e.done;
}
