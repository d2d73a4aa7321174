/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unwind.c - user stacks, unwound from what a record holds.
 *
 * The server does no more at an event than copy the registers and the end of
 * the stack; the target goes on at once.  The rest happens here, later, in the
 * command's own process: from the registers and the unwind tables (.eh_frame)
 * of the file that the program counter lies in follows where the return address
 * was saved, the copy has it, and so on outwards.  elfutils' libdw does that
 * for us, given three things: the registers, a function that reads the target's
 * memory, and which file is mapped where.
 *
 * Memory is the copy and nothing else.  What lies on the stack now, or lay there
 * a moment after, is not what lay there then: a stack that was copied too
 * shortly ends early, and says so, rather than continue with other frames.
 *
 * Mappings are read from /proc/PID/maps and outlive the process: its records
 * may be read when it has gone.  An image is what one process has mapped; it
 * grows when an address turns up that lies in nothing known, is shared with
 * forked children, and is replaced by a new one at exec or when something else
 * lies where something lay before.  The files are opened, and their ELF headers
 * read, as soon as they are seen.
 *
 * libdw is found at run time: most commands have no use for it, and it exports
 * functions of the same names as libdwarf, which dwarf.c uses: with
 * RTLD_DEEPBIND and RTLD_LOCAL neither gets to see the other's.
 */
#include <dlfcn.h>
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "maps.h"

/* ----------------------------------------------------------------- libdw -- */

#define LIBDW_FUNCTIONS(F)              \
	F(dwfl_begin)                   \
	F(dwfl_end)                     \
	F(dwfl_report_begin_add)        \
	F(dwfl_report_module)           \
	F(dwfl_report_end)              \
	F(dwfl_module_info)             \
	F(dwfl_module_getelf)           \
	F(dwfl_attach_state)            \
	F(dwfl_getthread_frames)        \
	F(dwfl_thread_state_registers)  \
	F(dwfl_frame_pc)                \
	F(dwfl_addrmodule)              \
	F(dwfl_module_addrinfo)         \
	F(dwfl_module_addrdie)          \
	F(dwfl_module_nextcu)           \
	F(dwarf_haspc)                  \
	F(dwarf_getsrc_die)             \
	F(dwarf_linesrc)                \
	F(dwarf_lineno)                 \
	F(dwarf_getscopes)              \
	F(dwarf_getscopes_die)          \
	F(dwarf_tag)                    \
	F(dwarf_diename)                \
	F(dwarf_attr)                   \
	F(dwarf_formudata)              \
	F(dwarf_getsrcfiles)            \
	F(dwarf_filesrc)                \
	F(dwfl_standard_find_debuginfo) \
	F(dwfl_errmsg)

static struct {
#define F(name) __typeof__(name) *name;
	LIBDW_FUNCTIONS(F)
#undef F
	char problem[256]; /* "" when it is there */
} dw;

static int find_elf(Dwfl_Module *mod, void **userdata, const char *name,
		    Dwarf_Addr base, char **file_name, Elf **elf);

static Dwfl_Callbacks module_callbacks = { .find_elf = find_elf };

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static void *open_libdw(void)
{
	int flags = RTLD_NOW | RTLD_LOCAL;

#ifdef SANITIZED
	/* They refuse RTLD_DEEPBIND. */
	if (dlsym(RTLD_DEFAULT, "dwarf_formstring")) {
		snprintf(dw.problem, sizeof(dw.problem),
			 "a build with sanitizers cannot have it next to libdwarf");
		return NULL;
	}
#else
	flags |= RTLD_DEEPBIND;
#endif
	return dlopen("libdw.so.1", flags);
}

static void load_libdw(void)
{
	void *lib = open_libdw();
	const char *why;

	if (!lib)
		goto fail;
#define F(name)                                                   \
	dw.name = (__typeof__(name) *)(uintptr_t)dlsym(lib, #name); \
	if (!dw.name)                                             \
		goto fail;
	LIBDW_FUNCTIONS(F)
#undef F
	module_callbacks.find_debuginfo = dw.dwfl_standard_find_debuginfo;
	return;
fail:
	why = dlerror();
	if (!*dw.problem)
		snprintf(dw.problem, sizeof(dw.problem), "%s",
			 why ? why : "libdw.so.1");
	if (lib)
		dlclose(lib);
}

/* ----------------------------------------------------------------- images -- */

/* What is known of files is kept longer than images: many processes run the
 * same program, and reading its debug information takes its time. */
struct origin {
	struct origin *next;
	dev_t dev;
	uint64_t inode, size; /* inode 0: the vDSO of this size */
	struct timespec changed;
};

/* A function and where in it; names are in the arena. */
struct place {
	const char *symbol, *file;
	unsigned line;
};

#define MAX_INLINED 6

/* An address in a file. */
struct known {
	const struct origin *origin; /* NULL: nothing */
	uint64_t linked, offset;
	bool activation;
	unsigned n; /* places before the last that were inlined */
	struct place place[MAX_INLINED + 1]; /* inner to outer */
};
#define CACHE_SIZE 8192U /* a power of two */

/* A file that is mapped; libdw's view of it is a module. */
struct object {
	struct object *next;
	const struct origin *origin;
	dev_t dev;
	uint64_t inode, bias, low, high;
	struct elf_file file; /* until libdw has taken it */
	char *path;
	void *bytes; /* of the vDSO, which is no file */
	Dwfl_Module *module;
};

/* An executable mapping. */
struct range {
	uint64_t start, end, offset;
	dev_t dev;
	uint64_t inode;
	struct object *object; /* NULL: no ELF file, or it cannot be opened */
	char *path;
};

struct image {
	struct ctl_unwinder *u;
	unsigned refs;
	Dwfl *dwfl;
	bool attached, is_32bit;
	struct object *objects;
	struct range *v; /* in order of address; none overlaps another */
	size_t n, room;
	struct walk *walk; /* that goes on */
};

struct task {
	struct task *next;
	pid_t pid;
	uint64_t start; /* 0: not known */
	struct image *image;
	struct image *before; /* of before exec: the record of that is to come */
	uint64_t exec_time;
	unsigned misses, skip; /* looks that found nothing new */
};

struct ctl_unwinder {
	struct task *tasks; /* the one last asked for first */
	struct origin *origins;
	struct known *cache; /* CACHE_SIZE */
	struct arena arena;
	const char **names; /* a hash table; at most half of it is used */
	size_t nnames, names_room;
	struct ctl_frame frame[CTL_STACK_FRAMES];
};

/* What is captured of a stack, and how far we got with it. */
struct walk {
	struct ctl_regs regs;
	const unsigned char *stack;
	size_t len;
	bool whole;   /* there was no more stack than that */
	bool outside; /* something was looked for that was not copied */
	struct {
		uint64_t pc;
		bool activation;
	} v[CTL_STACK_FRAMES];
	unsigned n;
	bool full;
};

static void object_free(struct object *o)
{
	elf_file_close(&o->file);
	free(o->bytes);
	free(o->path);
	free(o);
}

static struct image *image_get(struct image *im)
{
	im->refs++;
	return im;
}

static void image_put(struct image *im)
{
	struct object *o;

	if (!im || --im->refs)
		return;
	/* First: it has the objects' ELF handles. */
	if (im->dwfl)
		dw.dwfl_end(im->dwfl);
	while ((o = im->objects)) {
		im->objects = o->next;
		object_free(o);
	}
	for (size_t i = 0; i < im->n; i++)
		free(im->v[i].path);
	free(im->v);
	free(im);
}

static struct image *image_new(struct ctl_unwinder *u)
{
	struct image *im = calloc(1, sizeof(*im));

	if (!im)
		return NULL;
	im->u = u;
	im->refs = 1;
	im->dwfl = dw.dwfl_begin(&module_callbacks);
	if (im->dwfl)
		return im;
	image_put(im);
	return NULL;
}

/* The number of the first range that ends behind addr; im->n: there is none. */
static size_t range_behind(const struct image *im, uint64_t addr)
{
	size_t lo = 0, hi = im->n, mid;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (im->v[mid].end > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

static const struct range *range_of(const struct image *im, uint64_t addr)
{
	size_t i = range_behind(im, addr);

	return i < im->n && im->v[i].start <= addr ? &im->v[i] : NULL;
}

/* ------------------------------------------------------------- what is new -- */

/* Is m part of r, or (of what is in no file) more of it? */
static bool continues(const struct range *r, const struct mapping *m)
{
	return r->inode == m->inode && r->dev == m->dev &&
	       !strcmp(r->path, m->path) &&
	       (!m->inode || m->start - m->offset == r->start - r->offset);
}

enum news { NEWS_NONE, NEWS_MORE, NEWS_OTHER };

static enum news compare(const struct image *im, const struct mapping *m)
{
	size_t i = range_behind(im, m->start);
	const struct range *r;

	for (; i < im->n && im->v[i].start < m->end; i++) {
		r = &im->v[i];
		if (!continues(r, m))
			return NEWS_OTHER;
		if (m->start >= r->start && m->end <= r->end)
			return NEWS_NONE;
	}
	return NEWS_MORE;
}

/* How libdw computes what a module spans. */
static bool set_span(struct object *o)
{
	bool any = false;
	GElf_Phdr ph;
	uint64_t end;
	size_t n;

	if (elf_getphdrnum(o->file.elf, &n) < 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (!gelf_getphdr(o->file.elf, (int)i, &ph) ||
		    ph.p_type != PT_LOAD)
			continue;
		if (!any)
			o->low = o->bias +
				 (ph.p_vaddr & -(ph.p_align ? ph.p_align : 1));
		any = true;
		if (__builtin_add_overflow(ph.p_vaddr, ph.p_memsz, &end))
			return false;
		end = ((o->bias + end) + 4095) & ~4095ULL;
		if (end > o->high)
			o->high = end;
	}
	return any && o->low < o->high;
}

static int vdso_open(struct object *o, int proc, const struct mapping *m)
{
	size_t size = m->end - m->start;
	int fd, r = 0;

	/* Two pages, nowadays; never many. */
	if (size > 1U << 20)
		return -E2BIG;
	o->bytes = malloc(size);
	if (!o->bytes)
		return -ENOMEM;
	fd = openat(proc, "mem", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (pread(fd, o->bytes, size, m->start) != (ssize_t)size)
		r = -EIO;
	close(fd);
	return r < 0 ? r : elf_file_memory(&o->file, o->bytes, size);
}

static const struct origin *origin_of(struct ctl_unwinder *u,
				      const struct object *o,
				      const struct mapping *m)
{
	struct origin *g, new = { .dev = m->dev, .inode = m->inode,
				  .size = m->end - m->start };
	struct stat st;

	if (m->inode) {
		if (fstat(o->file.fd, &st) < 0)
			return NULL;
		new.size = st.st_size;
		new.changed = st.st_mtim;
	}
	for (g = u->origins; g; g = g->next)
		if (g->dev == new.dev && g->inode == new.inode &&
		    g->size == new.size &&
		    g->changed.tv_sec == new.changed.tv_sec &&
		    g->changed.tv_nsec == new.changed.tv_nsec)
			return g;
	g = arena_alloc(&u->arena, sizeof(*g));
	if (!g)
		return NULL;
	*g = new;
	g->next = u->origins;
	u->origins = g;
	return g;
}

/* The file of a mapping; NULL: it is no ELF file, or cannot be had. */
static struct object *object_open(struct image *im, int proc,
				  const struct mapping *m)
{
	struct object *o = calloc(1, sizeof(*o));
	int r = -ENOEXEC;

	if (!o)
		return NULL;
	o->file.fd = -1;
	if (m->inode)
		r = mapping_file(proc, m, &o->file);
	else if (!strcmp(m->path, "[vdso]"))
		r = vdso_open(o, proc, m);
	o->dev = m->dev;
	o->inode = m->inode;
	o->path = strdup(m->path);
	if (r == 0)
		o->origin = origin_of(im->u, o, m);
	if (o->origin && o->path && !o->file.other_machine &&
	    mapping_bias(&o->file, m, &o->bias) && set_span(o))
		return o;
	if (r < 0 && r != -ENOEXEC)
		ctl_log(CTL_LOG_INFO, "no symbols of %s: %s", m->path,
			strerror(-r));
	object_free(o);
	return NULL;
}

static struct object *object_of(struct image *im, int proc,
				const struct mapping *m)
{
	struct object *o;

	for (o = im->objects; o; o = o->next)
		if (m->inode && o->inode == m->inode && o->dev == m->dev &&
		    m->start >= o->low && m->end <= o->high)
			return o;
	o = object_open(im, proc, m);
	if (!o)
		return NULL;
	/* A file that lies about its size must not get into another's way. */
	for (struct object *q = im->objects; q; q = q->next)
		if (o->low < q->high && q->low < o->high) {
			object_free(o);
			return NULL;
		}
	o->next = im->objects;
	im->objects = o;
	return o;
}

/* m is more of what im->v[i] begins with, and maybe of those behind it. */
static void range_grow(struct image *im, size_t i, const struct mapping *m)
{
	struct range *r = &im->v[i];
	size_t behind = i + 1;

	if (m->start < r->start) {
		r->offset -= r->start - m->start;
		r->start = m->start;
	}
	if (m->end > r->end)
		r->end = m->end;
	for (; behind < im->n && im->v[behind].start < r->end; behind++) {
		if (im->v[behind].end > r->end)
			r->end = im->v[behind].end;
		free(im->v[behind].path);
	}
	memmove(r + 1, &im->v[behind], (im->n - behind) * sizeof(*r));
	im->n -= behind - (i + 1);
}

static int range_add(struct image *im, int proc, const struct mapping *m)
{
	size_t i = range_behind(im, m->start), room;
	struct range *v;
	char *path;

	/* JIT compilers extend what they have. */
	if (i < im->n && im->v[i].start < m->end) {
		range_grow(im, i, m);
		return 0;
	}
	if (im->n == im->room) {
		room = im->room ? 2 * im->room : 32;
		v = reallocarray(im->v, room, sizeof(*v));
		if (!v)
			return -ENOMEM;
		im->v = v;
		im->room = room;
	}
	path = strdup(m->path);
	if (!path)
		return -ENOMEM;
	memmove(&im->v[i + 1], &im->v[i], (im->n - i) * sizeof(*v));
	im->n++;
	im->v[i] = (struct range){
		.start = m->start, .end = m->end, .offset = m->offset,
		.dev = m->dev, .inode = m->inode, .path = path,
		.object = object_of(im, proc, m),
	};
	return 0;
}

/* -------------------------------------------------- libdw's view of an image -- */

static int find_elf(Dwfl_Module *mod, void **userdata, const char *name,
		    Dwarf_Addr base, char **file_name, Elf **elf)
{
	struct object *o = *userdata;
	int fd;

	(void)mod;
	(void)name;
	(void)base;
	*file_name = o ? strdup(o->path) : NULL;
	if (!o || !o->file.elf || !*file_name)
		return -1;
	fd = o->file.fd;
	*elf = o->file.elf;
	o->file.elf = NULL;
	o->file.fd = -1;
	return fd;
}

/* We ask for one thread, never for all. */
static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	(void)dwfl;
	(void)arg;
	(void)thread_arg;
	return 0;
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl;
	(void)tid;
	*thread_arg = arg;
	return true;
}

/* A word of the stack, as it was. */
static bool read_memory(Dwfl *dwfl, Dwarf_Addr addr, Dwarf_Word *result,
			void *arg)
{
	const struct image *im = arg;
	struct walk *w = im->walk;
	size_t size = im->is_32bit ? 4 : 8;
	uint64_t at = addr - w->regs.rsp;
	uint32_t narrow;

	(void)dwfl;
	if (at > w->len || w->len - at < size) {
		w->outside |= addr > w->regs.rsp;
		return false;
	}
	if (im->is_32bit) {
		memcpy(&narrow, w->stack + at, sizeof(narrow));
		*result = narrow;
	} else {
		memcpy(result, w->stack + at, sizeof(*result));
	}
	return true;
}

static bool set_registers(Dwfl_Thread *thread, void *arg)
{
	const struct image *im = arg;
	const struct ctl_regs *r = &im->walk->regs;
	/* In the order of DWARF's numbers for the architecture. */
	const Dwarf_Word wide[] = { r->rax, r->rdx, r->rcx, r->rbx, r->rsi,
				    r->rdi, r->rbp, r->rsp, r->r8,  r->r9,
				    r->r10, r->r11, r->r12, r->r13, r->r14,
				    r->r15, r->rip };
	const Dwarf_Word narrow[] = { r->rax, r->rcx, r->rdx, r->rbx, r->rsp,
				      r->rbp, r->rsi, r->rdi, r->rip };

	if (im->is_32bit)
		return dw.dwfl_thread_state_registers(
			thread, 0, sizeof(narrow) / sizeof(narrow[0]), narrow);
	return dw.dwfl_thread_state_registers(
		thread, 0, sizeof(wide) / sizeof(wide[0]), wide);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = read_memory,
	.set_initial_registers = set_registers,
};

/* Tell libdw of the objects that it does not know. */
static int report(struct image *im, pid_t pid)
{
	void **userdata;
	struct object *o;
	GElf_Addr bias;

	dw.dwfl_report_begin_add(im->dwfl);
	for (o = im->objects; o; o = o->next) {
		if (o->module)
			continue;
		o->module = dw.dwfl_report_module(im->dwfl, o->path, o->low,
						  o->high);
		if (!o->module)
			return -ENOMEM;
		dw.dwfl_module_info(o->module, &userdata, NULL, NULL, NULL,
				    NULL, NULL, NULL);
		*userdata = o;
	}
	if (dw.dwfl_report_end(im->dwfl, NULL, NULL) != 0)
		return -ENOMEM;
	/* Now, while the process is there to be asked for its files. */
	for (o = im->objects; o; o = o->next) {
		if (!o->file.elf)
			continue;
		im->is_32bit = o->file.is_32bit;
		if (!dw.dwfl_module_getelf(o->module, &bias))
			ctl_log(CTL_LOG_INFO, "no symbols of %s: %s", o->path,
				dw.dwfl_errmsg(-1));
	}
	if (!im->attached && im->objects)
		im->attached = dw.dwfl_attach_state(im->dwfl, NULL, pid,
						    &thread_callbacks, im);
	return 0;
}

/* ------------------------------------------------------------------ tasks -- */

static struct task *task_find(struct ctl_unwinder *u, pid_t pid)
{
	struct task **at, *t;

	for (at = &u->tasks; (t = *at); at = &t->next)
		if (t->pid == pid) {
			*at = t->next;
			t->next = u->tasks;
			u->tasks = t;
			return t;
		}
	return NULL;
}

static struct task *task_get(struct ctl_unwinder *u, pid_t pid)
{
	struct task *t = task_find(u, pid);

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->pid = pid;
	t->next = u->tasks;
	u->tasks = t;
	return t;
}

static void task_drop(struct ctl_unwinder *u, pid_t pid)
{
	struct task *t = task_find(u, pid);

	if (!t)
		return;
	u->tasks = t->next;
	image_put(t->image);
	image_put(t->before);
	free(t);
}

static int update(struct ctl_unwinder *u, struct task *t, int proc,
		  const struct mappings *all, bool *changed)
{
	enum news news, most = NEWS_NONE;
	struct image *im = t->image;
	int r = 0;

	for (size_t i = 0; im && i < all->n; i++) {
		news = compare(im, &all->v[i]);
		if (news > most)
			most = news;
	}
	if (im && most == NEWS_NONE)
		return 0;
	if (!im || most == NEWS_OTHER) {
		im = image_new(u);
		if (!im)
			return -ENOMEM;
		image_put(t->image);
		t->image = im;
	}
	for (size_t i = 0; i < all->n && r == 0; i++)
		if (compare(im, &all->v[i]) == NEWS_MORE)
			r = range_add(im, proc, &all->v[i]);
	if (r == 0)
		r = report(im, t->pid);
	*changed = true;
	return r;
}

/* Look at what it has mapped now.  -ENOENT: it is gone. */
static int task_refresh(struct ctl_unwinder *u, struct task *t, bool *changed)
{
	struct mappings all = { 0 };
	struct arena arena = { 0 };
	uint64_t start = 0;
	int proc, r;

	proc = mappings_open(t->pid);
	if (proc < 0)
		return proc;
	r = ctl_proc_start(t->pid, &start);
	if (r == 0)
		r = mappings_read(&arena, proc, &all);
	/* A zombie has none. */
	if (r == 0 && !all.n)
		r = -ENOENT;
	if (r == 0 && t->start && t->start != start) {
		image_put(t->image);
		t->image = NULL;
	}
	if (r == 0) {
		t->start = start;
		r = update(u, t, proc, &all, changed);
	}
	free(all.v);
	arena_free(&arena);
	close(proc);
	return r;
}

CTL_EXPORT int ctl_unwinder_new(struct ctl_unwinder **result)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct ctl_unwinder *u;

	pthread_once(&once, load_libdw);
	if (*dw.problem)
		return ctl_fail(-ENOSYS, "stacks need elfutils' libdw: %s",
				dw.problem);
	u = calloc(1, sizeof(*u));
	if (u)
		u->cache = calloc(CACHE_SIZE, sizeof(*u->cache));
	if (!u || !u->cache) {
		free(u);
		return ctl_failno(-ENOMEM);
	}
	elf_version(EV_CURRENT);
	*result = u;
	return 0;
}

CTL_EXPORT void ctl_unwinder_free(struct ctl_unwinder *u)
{
	if (!u)
		return;
	while (u->tasks)
		task_drop(u, u->tasks->pid);
	free(u->cache);
	free(u->names);
	arena_free(&u->arena);
	free(u);
}

CTL_EXPORT int ctl_unwinder_process(struct ctl_unwinder *u, pid_t pid)
{
	struct task *t = task_get(u, pid);
	bool changed = false;
	int r;

	r = t ? task_refresh(u, t, &changed) : -ENOMEM;
	return r < 0 ? ctl_failno(r) : 0;
}

/* ------------------------------------------------------------------- walk -- */

static int on_frame(Dwfl_Frame *f, void *arg)
{
	struct walk *w = arg;
	bool activation;
	Dwarf_Addr pc;

	if (!dw.dwfl_frame_pc(f, &pc, &activation))
		return DWARF_CB_ABORT;
	if (w->n == CTL_STACK_FRAMES) {
		w->full = true;
		return DWARF_CB_ABORT;
	}
	w->v[w->n].pc = pc;
	w->v[w->n++].activation = activation;
	return DWARF_CB_OK;
}

/* Returns the flags of the stack. */
static unsigned walk_stack(struct image *im, pid_t pid, struct walk *w)
{
	int r = -1;

	w->n = 0;
	w->full = w->outside = false;
	if (im && im->attached) {
		im->walk = w;
		r = dw.dwfl_getthread_frames(im->dwfl, pid, on_frame, w);
		im->walk = NULL;
	}
	if (!w->n) {
		w->v[0].pc = w->regs.rip;
		w->v[0].activation = true;
		w->n = 1;
	}
	if (w->full)
		return CTL_STACK_CUT;
	/* For libdw a return address that cannot be read is none. */
	if (w->outside)
		return w->whole ? CTL_STACK_BROKEN : CTL_STACK_CUT;
	return r == 0 ? 0 : CTL_STACK_BROKEN;
}

/* The address to be looked up: a call may be a function's last instruction. */
static uint64_t inside(uint64_t pc, bool activation)
{
	return pc - (activation || !pc ? 0 : 1);
}

static const char **name_slot(const struct ctl_unwinder *u, const char *name,
			      size_t len)
{
	uint64_t h = 14695981039346656037ULL;
	const char **slot;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)name[i]) * 1099511628211ULL;
	for (;; h++) {
		slot = &u->names[h & (u->names_room - 1)];
		if (!*slot || (!strncmp(*slot, name, len) && !(*slot)[len]))
			return slot;
	}
}

static bool names_grow(struct ctl_unwinder *u)
{
	const char **old = u->names;
	size_t n = u->names_room;

	u->names = calloc(n ? 2 * n : 1024, sizeof(*old));
	if (!u->names) {
		u->names = old;
		return false;
	}
	u->names_room = n ? 2 * n : 1024;
	for (size_t i = 0; i < n; i++)
		if (old[i])
			*name_slot(u, old[i], strlen(old[i])) = old[i];
	free(old);
	return true;
}

/* A copy that lives as long as u does, one of each. */
static const char *keep(struct ctl_unwinder *u, const char *name, size_t len)
{
	const char **slot;

	if (2 * u->nnames >= u->names_room && !names_grow(u))
		return NULL;
	slot = name_slot(u, name, len);
	if (!*slot) {
		*slot = arena_strndup(&u->arena, name, len);
		u->nnames += *slot != NULL;
	}
	return *slot;
}

static const char *keep_text(struct ctl_unwinder *u, const char *text)
{
	return text ? keep(u, text, strlen(text)) : NULL;
}

/* The unit that an address is compiled in.  Not every compiler writes a table
 * of them. */
static Dwarf_Die *unit_of(Dwfl_Module *mod, uint64_t at, Dwarf_Addr *bias)
{
	Dwarf_Die *unit = dw.dwfl_module_addrdie(mod, at, bias);

	if (unit)
		return unit;
	while ((unit = dw.dwfl_module_nextcu(mod, unit, bias)))
		if (dw.dwarf_haspc(unit, at - *bias) == 1)
			break;
	return unit;
}

static bool number_of(Dwarf_Die *die, unsigned name, Dwarf_Word *value)
{
	Dwarf_Attribute attr;

	return dw.dwarf_attr(die, name, &attr) &&
	       dw.dwarf_formudata(&attr, value) == 0;
}

/* Where a function was inlined. */
static void call_site(struct ctl_unwinder *u, Dwarf_Die *unit, Dwarf_Die *die,
		      struct place *p)
{
	Dwarf_Word file, line;
	Dwarf_Files *files;
	size_t n;

	if (number_of(die, DW_AT_call_line, &line))
		p->line = line;
	if (number_of(die, DW_AT_call_file, &file) &&
	    dw.dwarf_getsrcfiles(unit, &files, &n) == 0 && file < n)
		p->file = keep_text(u, dw.dwarf_filesrc(files, file, NULL,
							NULL));
}

/* The functions that were inlined where at is; place[0] has file and line. */
static void inlined(struct ctl_unwinder *u, Dwarf_Die *unit, uint64_t at,
		    struct known *k)
{
	Dwarf_Die *scopes = NULL, *dies = NULL;
	struct place *p = k->place;
	int n = dw.dwarf_getscopes(unit, at, &scopes), tag;

	if (n > 0)
		n = dw.dwarf_getscopes_die(&scopes[0], &dies);
	for (int i = 0; i < n && k->n < MAX_INLINED; i++) {
		tag = dw.dwarf_tag(&dies[i]);
		if (tag == DW_TAG_subprogram)
			break;
		if (tag != DW_TAG_inlined_subroutine)
			continue;
		p->symbol = keep_text(u, dw.dwarf_diename(&dies[i]));
		if (!p->symbol)
			break;
		k->n++;
		call_site(u, unit, &dies[i], ++p);
	}
	free(dies);
	free(scopes);
}

/* Ask libdw, which may have to read debug information. */
static void look_up(struct ctl_unwinder *u, Dwfl_Module *mod, uint64_t at,
		    struct known *k)
{
	Dwarf_Addr bias = 0;
	const char *name;
	GElf_Off offset = 0;
	Dwarf_Line *line;
	Dwarf_Die *unit;
	int number = 0;
	GElf_Sym sym;

	unit = unit_of(mod, at, &bias);
	line = unit ? dw.dwarf_getsrc_die(unit, at - bias) : NULL;
	if (line) {
		k->place[0].file =
			keep_text(u, dw.dwarf_linesrc(line, NULL, NULL));
		if (dw.dwarf_lineno(line, &number) == 0 && number > 0)
			k->place[0].line = number;
	}
	if (unit)
		inlined(u, unit, at - bias, k);
	name = dw.dwfl_module_addrinfo(mod, at, &offset, &sym, NULL, NULL,
				       NULL);
	if (!name)
		return;
	/* "fclose@@GLIBC_2.2.5" is fclose. */
	k->place[k->n].symbol =
		keep(u, name, *name ? 1 + strcspn(name + 1, "@") : 0);
	k->offset = offset;
}

static const struct known *known_of(struct ctl_unwinder *u,
				    const struct object *o, uint64_t pc,
				    bool activation)
{
	uint64_t linked = pc - o->bias, at = inside(pc, activation);
	uint64_t key = (linked ^ (uintptr_t)o->origin >> 4) *
		       0x9e3779b97f4a7c15ULL;
	struct known *k = &u->cache[(key >> 40) & (CACHE_SIZE - 1)];

	if (k->origin == o->origin && k->linked == linked &&
	    k->activation == activation)
		return k;
	*k = (struct known){ .origin = o->origin, .linked = linked,
			     .activation = activation };
	look_up(u, o->module, at, k);
	k->offset += pc - at;
	return k;
}

/* Fill f, which has room for so many; returns how many it is. */
static unsigned describe(struct image *im, uint64_t pc, bool activation,
			 struct ctl_frame *f, unsigned room)
{
	struct ctl_frame base = { .address = pc };
	const struct known *k = NULL;
	const struct range *r;
	unsigned i, n;

	r = im ? range_of(im, inside(pc, activation)) : NULL;
	if (r && *r->path) {
		base.object = r->path;
		base.linked = pc - r->start + r->offset;
		if (r->object && r->object->module) {
			k = known_of(im->u, r->object, pc, activation);
			base.linked = k->linked;
		}
	}
	n = k ? k->n + 1 : 1;
	for (i = 0; i < n && i < room; i++) {
		f[i] = base;
		if (!k)
			continue;
		f[i].symbol = k->place[i].symbol;
		f[i].file = k->place[i].file;
		f[i].line = k->place[i].line;
		f[i].inlined = i < k->n;
		if (!f[i].inlined && f[i].symbol)
			f[i].offset = k->offset;
	}
	return i;
}

/* Is there an address in nothing that we know? */
static bool any_unknown(const struct image *im, const struct walk *w)
{
	for (unsigned i = 0; i < w->n; i++)
		if (!im || !range_of(im, inside(w->v[i].pc,
						w->v[i].activation)))
			return true;
	return false;
}

/*
 * Is it worth another look?  Broken stacks, and code that was unmapped, would
 * have us read all mappings at each record.
 */
static bool look_again(struct ctl_unwinder *u, struct task *t)
{
	bool changed = false;

	if (t->skip) {
		t->skip--;
		return false;
	}
	if (task_refresh(u, t, &changed) == 0 && changed) {
		t->misses = 0;
		return true;
	}
	if (t->misses < 8)
		t->misses++;
	t->skip = (1U << t->misses) - 1;
	return false;
}

static int unwind(struct ctl_unwinder *u, const struct ctl_rec *rec,
		  struct walk *w, struct ctl_stack *st)
{
	struct task *t = task_get(u, rec->pid);
	unsigned flags, i, n = 0;
	struct image *im;

	if (!t)
		return ctl_failno(-ENOMEM);
	/* The time of a system call is that of its entry: exec's own is
	 * recorded behind the exec. */
	if (t->before && rec->time >= t->exec_time) {
		image_put(t->before);
		t->before = NULL;
	}
	im = t->before ? t->before : t->image;
	flags = walk_stack(im, rec->pid, w);
	if (!t->before && any_unknown(im, w) && look_again(u, t)) {
		im = t->image;
		flags = walk_stack(im, rec->pid, w);
	}
	for (i = 0; i < w->n && n < CTL_STACK_FRAMES; i++)
		n += describe(im, w->v[i].pc, w->v[i].activation, u->frame + n,
			      CTL_STACK_FRAMES - n);
	if (i < w->n)
		flags = CTL_STACK_CUT;
	/* Not every _start says in its unwind table that it has no caller. */
	if (flags == CTL_STACK_BROKEN && u->frame[n - 1].symbol &&
	    !strcmp(u->frame[n - 1].symbol, "_start"))
		flags = 0;
	*st = (struct ctl_stack){ n, flags, u->frame };
	return 1;
}

/* Its CTL_CAP_STACK, if it has one. */
static const struct ctl_cap *stack_of(const struct ctl_rec *rec)
{
	const struct ctl_cap *cap = NULL;

	switch (rec->type) {
	case CTL_REC_SYSCALL:
	case CTL_REC_SYSENTRY:
		while (ctl_cap_next((const void *)rec, &cap) == 1)
			if (cap->op == CTL_CAP_STACK)
				return cap;
		break;
	case CTL_REC_PROBE:
		while (ctl_probe_cap_next((const void *)rec, &cap) == 1)
			if (cap->op == CTL_CAP_STACK)
				return cap;
		break;
	}
	return NULL;
}

/* What fork, exec and exit mean for the images. */
static void follow(struct ctl_unwinder *u, const struct ctl_rec *rec)
{
	const struct ctl_rec_fork *f = (const void *)rec;
	const struct ctl_rec_exit *x = (const void *)rec;
	struct task *t, *child;
	bool changed = false;

	switch (rec->type) {
	case CTL_REC_FORK:
		t = f->kind == CTL_FORK_THREAD ? NULL : task_find(u, rec->pid);
		if (!t || !t->image)
			break;
		task_drop(u, f->child_pid);
		child = task_get(u, f->child_pid);
		if (child)
			child->image = image_get(t->image);
		break;
	case CTL_REC_EXEC:
		t = task_get(u, rec->pid);
		if (!t)
			break;
		image_put(t->before);
		t->before = t->image;
		t->exec_time = rec->time;
		t->image = NULL;
		t->misses = t->skip = 0;
		task_refresh(u, t, &changed);
		break;
	case CTL_REC_EXIT:
		if (x->process)
			task_drop(u, rec->pid);
		break;
	}
}

CTL_EXPORT int ctl_unwind(struct ctl_unwinder *u, const struct ctl_rec *rec,
			  struct ctl_stack *st)
{
	const struct ctl_cap *cap = stack_of(rec);
	struct walk w;

	if (!cap || cap->len < sizeof(w.regs)) {
		follow(u, rec);
		return 0;
	}
	memcpy(&w.regs, cap + 1, sizeof(w.regs));
	w.stack = (const unsigned char *)(cap + 1) + sizeof(w.regs);
	w.len = cap->len - sizeof(w.regs);
	w.whole = cap->flags & CTL_CAPF_FAULT;
	return unwind(u, rec, &w, st);
}
