/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * probe.c - probes by breakpoint.
 *
 * A probe's site is a nop.  Enabled, its first byte is an int3, and the thread
 * that comes by stops with SIGTRAP just behind that byte.  Nothing has to be
 * stepped over and no other thread has to be kept from passing meanwhile: the nop
 * is skipped by moving the instruction pointer.  So the byte is never taken out
 * while the probe is enabled, and no hit is missed.
 *
 * One byte is written whole or not at all, so threads need not be stopped for
 * it either.  Taking it out needs care: a thread may have run into it and not
 * have told us yet.  Such a trap finds its breakpoint here still, without
 * users, and is made undone by going back to the address; and the keeper does
 * not leave before every thread that could be in that state has been heard
 * of (probe_quiesce).
 *
 * When a tracer dies, the kernel delivers the signals of which it has not heard
 * yet, and drops the others.  A thread whose trap was dropped would go on in the
 * middle of an instruction.  So the trap is undone before it is heard of
 * (probe_undo): from then on the thread makes the instruction that was there.
 *
 * A function's first instruction may be anything.  It is done here, on the
 * thread's registers and memory (emulate.c), so that its breakpoint stays, too;
 * a function that begins with one we cannot do is refused.  The return from a
 * call is a breakpoint where it leads to, for as long as it is awaited, and
 * counts when the stack pointer is that of the call: of each thread a list is
 * kept (struct frame).  Nothing on the stack is changed, as uretprobes do, so
 * exceptions, longjmp() and debuggers find it as it is.  Such a breakpoint may
 * lie on any instruction: one that cannot be done here is stepped over while
 * the breakpoint is out, when others wait for it still.
 *
 * Text belongs to an address space, not to a process: a vforked child runs on
 * its parent's breakpoints and is kept attached until it has its own memory
 * (a guest, if nobody follows it); a forked one gets a copy, from which they
 * are taken out before it runs its first instruction, or, if it is followed,
 * taken over.
 *
 * Where the kernel can do it all (uprobe.c) it does; the first byte of such a
 * site is kept here so that our own reads do not show its int3.
 *
 * What was changed in a process is known to the guardian (guard.c) from before
 * it is changed until after it is undone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/kcmp.h>

#include "../emulate.h"
#include "insn.h"
#include "keeper.h"
#include "uprobe.h"

#define INT3 CTL_INT3
#define BUCKETS 1024U

/* Structures in the operand have to be aligned for us, and are: message.c. */
struct site {
	struct list by_bp;
	struct probe *probe;
	struct bp *bp;
	const struct ctl_probe_site *s; /* in part->op */
	uint8_t old; /* part->up: what the kernel has replaced */
};

/* One PCPROBE. */
struct part {
	struct list link; /* probe->parts */
	struct ctl_probe *op; /* our copy */
	const struct ctl_pred *pred; /* in op */
	struct site *sites;
	unsigned nsites; /* of these patched */
	struct uprobes *up; /* or all are the kernel's */
	bool kernels;	    /* are, or are about to be */
	bool taken;	 /* from the kernel, by take_from_kernel() */
	bool counted;	 /* the semaphore was incremented */
	int guard;	 /* of that */
};

struct probe {
	struct list link; /* probes->list, by id */
	struct probes *home;
	struct client *owner; /* NULL: the process */
	uint32_t id, flags, nsites;
	uint64_t hits, lost;
	struct list parts;
};

struct bp {
	struct list hash;
	struct list users; /* struct site; no user and no frame: taken out */
	unsigned nframes;  /* calls that return to here */
	uint64_t addr;
	uint8_t old, len;
	bool clears_rax; /* an is-enabled site of DOF: xor %eax, %eax */
	bool returns;	 /* the dynamic linker's hook: an empty function */
	bool emulated;	 /* any other instruction that can be done here */
	bool stepped;	 /* one that cannot */
	bool in; /* the byte is an int3 now; but for a step of somebody's */
	unsigned steps; /* so many are stepping over it */
	int guard;
};

/* What a breakpoint is for. */
enum purpose { FOR_NOP, FOR_ENABLED, FOR_FUNCTION, FOR_RETURN };

/* A call of a function whose return is wanted. */
struct frame {
	uint64_t slot; /* where its return address is */
	uint64_t ret;
	struct site *site;
};
#define MOST_FRAMES 65536U /* of a thread */

struct range {
	uint64_t start, end;
};

struct probes {
	struct proc *proc; /* NULL: its memory is gone */
	pid_t pid;
	struct list list;
	struct range *text; /* what could be returned to, as of the last look */
	unsigned ntext;
	struct list bps[BUCKETS];
};

/* The table of the address space that p runs in; NULL: there is none. */
static struct probes *table_of(struct proc *p)
{
	return p->mm_of ? p->mm_of->probes : p->probes;
}

static struct list *bucket(struct probes *t, uint64_t addr)
{
	return &t->bps[addr % BUCKETS];
}

static struct bp *bp_find(struct probes *t, uint64_t addr)
{
	struct bp *b;

	list_for_each(b, bucket(t, addr), hash)
		if (b->addr == addr)
			return b;
	return NULL;
}

static unsigned ntables;

bool probe_any(void)
{
	return ntables != 0;
}

static struct probes *table_new(struct proc *p)
{
	struct probes *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	ntables++;
	t->proc = p;
	t->pid = p->pid;
	list_init(&t->list);
	for (unsigned i = 0; i < BUCKETS; i++)
		list_init(&t->bps[i]);
	return t;
}

static struct probe *probe_find(struct probes *t, uint32_t id)
{
	struct probe *q;

	list_for_each(q, &t->list, link)
		if (q->id == id)
			return q;
	return NULL;
}

static int examine(struct proc *p, struct bp *b, enum purpose what)
{
	uint8_t code[EMULATE_BYTES];
	unsigned n;

	b->clears_rax = b->returns = b->emulated = b->stepped = false;
	do {
		n = proc_read_some(p, b->addr, code, sizeof(code));
		if (!n)
			return -EFAULT;
	} while (code[0] == INT3 && uprobe_wait());
	b->old = code[0];
	if (code[0] == INT3)
		return -EBUSY;
	b->len = ctl_nop_len(code, n);
	if (b->len)
		return 0;
	if (what == FOR_ENABLED) {
		b->len = ctl_xor_len(code, n);
		b->clears_rax = b->len != 0;
	}
	/* All there is of a function that debuggers put breakpoints on. */
	if (!b->len && ctl_ret_len(code, n)) {
		b->len = 1;
		b->returns = true;
	}
	if (!b->len && what >= FOR_FUNCTION) {
		b->len = emulate_length(code, n);
		b->emulated = b->len != 0;
		b->stepped = !b->len && what == FOR_RETURN;
	}
	return b->len || b->stepped ? 0 : -EOPNOTSUPP;
}

/* It is there: will it do for this, too? */
static bool bp_serves(const struct bp *b, enum purpose what)
{
	if (what == FOR_RETURN)
		return true;
	if (what == FOR_FUNCTION)
		return !b->stepped && !b->clears_rax;
	return !b->stepped && !b->emulated;
}

/* ------------------------------------------------------------ breakpoints -- */

static void bp_free(struct bp *b)
{
	if (b->in)
		guard_remove(b->guard);
	list_del(&b->hash);
	free(b);
}

/* Put the byte in, if it is not. */
static int bp_insert(struct probes *t, struct bp *b)
{
	const uint8_t int3 = INT3;
	int r;

	if (b->in)
		return 0;
	r = proc_mem_open(t->proc);
	if (r < 0)
		return r;
	b->guard = guard_byte(t->proc, b->addr, b->old, INT3);
	if (b->guard < 0)
		return b->guard;
	r = proc_write(t->proc, b->addr, &int3, 1);
	if (r < 0)
		guard_remove(b->guard);
	else
		b->in = true;
	return r;
}

/* Nobody needs it. */
static void bp_restore(struct proc *p, struct bp *b)
{
	uint8_t now;

	if (!b->in)
		return;
	/* Unmapped meanwhile, or written over: then it is not ours. */
	if (p && proc_read(p, b->addr, &now, 1) == 0 && now == INT3)
		proc_write(p, b->addr, &b->old, 1);
	guard_remove(b->guard);
	b->in = false;
}

static int bp_get(struct probes *t, uint64_t addr, enum purpose what,
		  struct bp **result)
{
	struct bp *b = bp_find(t, addr), again;
	int r;

	if (b && b->in) {
		if (!bp_serves(b, what))
			return -EOPNOTSUPP;
		*result = b;
		return 0;
	}
	if (b) {
		/* Taken out before: the text may have changed. */
		again = *b;
		r = examine(t->proc, &again, what);
		if (r < 0)
			return r;
		b->old = again.old;
		b->len = again.len;
		b->clears_rax = again.clears_rax;
		b->returns = again.returns;
		b->emulated = again.emulated;
		b->stepped = again.stepped;
		*result = b;
		return 0;
	}
	b = calloc(1, sizeof(*b));
	if (!b)
		return -ENOMEM;
	b->addr = addr;
	r = examine(t->proc, b, what);
	if (r < 0) {
		free(b);
		return r;
	}
	list_init(&b->users);
	list_add_tail(&b->hash, bucket(t, addr));
	*result = b;
	return 0;
}

static void bp_drop(struct proc *p, struct bp *b)
{
	if (list_empty(&b->users) && !b->nframes)
		bp_restore(p, b);
}

static void site_drop(struct site *s)
{
	struct proc *p = s->probe->home->proc;

	list_del(&s->by_bp);
	bp_drop(p, s->bp);
}

static void sites_drop(struct part *part)
{
	while (part->nsites)
		site_drop(&part->sites[--part->nsites]);
}

/* ----------------------------------------------------------------- returns -- */

static void frame_drop(struct lwp *l, unsigned i)
{
	struct probes *t = table_of(l->proc);
	struct bp *b = t ? bp_find(t, l->frames[i].ret) : NULL;

	memmove(&l->frames[i], &l->frames[i + 1],
		(--l->nframes - i) * sizeof(l->frames[0]));
	if (b && b->nframes) {
		b->nframes--;
		bp_drop(t->proc, b);
	}
}

void probe_thread_gone(struct lwp *l)
{
	probe_stepped(l);
	while (l->nframes)
		frame_drop(l, l->nframes - 1);
	free(l->frames);
	l->frames = NULL;
	l->frame_room = 0;
}

/* The calls of sites that are about to go, in all that run in t's memory. */
static void frames_drop_sites(struct probes *t, const struct site *sites,
			      unsigned n)
{
	struct proc *p;
	struct lwp *l;

	list_for_each(p, &procs, link) {
		if (table_of(p) != t)
			continue;
		list_for_each(l, &p->lwps, link)
			for (unsigned i = l->nframes; i-- > 0;)
				if (l->frames[i].site >= sites &&
				    l->frames[i].site < sites + n)
					frame_drop(l, i);
	}
}

/* Private text that is not written to: what a compiler or linker made. */
static int read_text(struct probes *t)
{
	char file[64], line[512], perms[5];
	unsigned long long start, end;
	struct range *v;
	FILE *f;

	t->ntext = 0;
	snprintf(file, sizeof(file), "/proc/%d/maps", t->proc->pid);
	f = fopen(file, "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%llx-%llx %4s", &start, &end, perms) != 3 ||
		    strcmp(perms, "r-xp") != 0)
			continue;
		v = reallocarray(t->text, t->ntext + 1, sizeof(*v));
		if (!v)
			break;
		t->text = v;
		v[t->ntext++] = (struct range){ start, end };
	}
	fclose(f);
	return 0;
}

static bool in_text(const struct probes *t, uint64_t addr)
{
	for (unsigned i = 0; i < t->ntext; i++)
		if (addr >= t->text[i].start && addr < t->text[i].end)
			return true;
	return false;
}

/*
 * Does it lie behind a call?  Not everything that a symbol of code names is
 * called: the dynamic linker's resolver is jumped to, with something else on
 * the stack, and a breakpoint where that points to could be in data.
 */
static bool is_return_address(struct probes *t, uint64_t addr)
{
	uint8_t p[8];

	if (bp_find(t, addr))
		return true; /* was looked at before */
	if (!in_text(t, addr) && (read_text(t) < 0 || !in_text(t, addr)))
		return false;
	if (addr < sizeof(p) ||
	    proc_read(t->proc, addr - sizeof(p), p, sizeof(p)) < 0)
		return false;
	probe_hide(t->proc, addr - sizeof(p), p, sizeof(p));
	return ctl_ends_in_call(p, sizeof(p));
}

/*
 * Calls that have not returned and never will, as far as it can be told: they
 * were deeper in the stack that this one is made on.
 */
#define SAME_STACK (1U << 20)

static void drop_left(struct lwp *l, uint64_t slot)
{
	while (l->nframes && l->frames[l->nframes - 1].slot < slot &&
	       slot - l->frames[l->nframes - 1].slot < SAME_STACK)
		frame_drop(l, l->nframes - 1);
}

static bool same_call(const struct frame *a, const struct frame *b)
{
	return a->site == b->site || a->ret != b->ret;
}

/* At the entry: wait for the return. */
static void frame_push(struct lwp *l, const struct ctl_regs *r, struct site *s)
{
	struct frame new = { .slot = r->rsp, .site = s }, *v;
	struct probes *t = table_of(l->proc);
	struct bp *b;

	drop_left(l, new.slot);
	if (proc_read(l->proc, new.slot, &new.ret, sizeof(new.ret)) < 0)
		return;
	/*
	 * Another call with its return address in the same place: a tail call
	 * made this one, and both return at once; unless the address is another
	 * or the function the same.  Then the older one was left otherwise.
	 */
	for (unsigned i = l->nframes; i-- > 0 && l->frames[i].slot == new.slot;)
		if (same_call(&l->frames[i], &new))
			while (l->nframes > i)
				frame_drop(l, l->nframes - 1);
	if (l->nframes == MOST_FRAMES || !is_return_address(t, new.ret) ||
	    bp_get(t, new.ret, FOR_RETURN, &b) < 0)
		return;
	if (l->nframes == l->frame_room) {
		v = reallocarray(l->frames, l->frame_room * 2 + 16, sizeof(*v));
		if (!v)
			return;
		l->frames = v;
		l->frame_room = l->frame_room * 2 + 16;
	}
	if (bp_insert(t, b) < 0)
		return;
	b->nframes++;
	l->frames[l->nframes++] = new;
}

/* It goes on at b: is that the return of a call?  Of several, after a tail
 * call: the inner ones first. */
static bool frame_pop(struct lwp *l, const struct ctl_regs *r,
		      const struct bp *b, struct site **site)
{
	uint64_t slot = r->rsp - sizeof(uint64_t);

	if (!b->nframes)
		return false;
	drop_left(l, slot);
	if (!l->nframes || l->frames[l->nframes - 1].slot != slot ||
	    l->frames[l->nframes - 1].ret != b->addr)
		return false;
	*site = l->frames[l->nframes - 1].site;
	frame_drop(l, l->nframes - 1);
	return true;
}

/* ------------------------------------------------------------- semaphores -- */

static int semaphore_add(struct proc *p, uint64_t addr, int n)
{
	uint16_t v;

	if (proc_read(p, addr, &v, sizeof(v)) < 0)
		return -EFAULT;
	if (n < 0 && !v)
		return 0; /* somebody took it back */
	v += n;
	return proc_write(p, addr, &v, sizeof(v));
}

static int semaphore_get(struct proc *p, struct part *part)
{
	int r;

	if (!part->op->semaphore)
		return 0;
	r = proc_mem_open(p);
	if (r < 0)
		return r;
	part->guard = guard_count(p, part->op->semaphore);
	if (part->guard < 0)
		return part->guard;
	r = semaphore_add(p, part->op->semaphore, 1);
	if (r < 0)
		guard_remove(part->guard);
	else
		part->counted = true;
	return r;
}

static void semaphore_put(struct proc *p, struct part *part)
{
	if (!part->counted)
		return;
	if (p)
		semaphore_add(p, part->op->semaphore, -1);
	guard_remove(part->guard);
	part->counted = false;
}

/* --------------------------------------------------------- enable, disable -- */

static void part_free(struct proc *p, struct probe *q, struct part *part)
{
	semaphore_put(p, part);
	if (part->up)
		uprobe_detach(part->up, &q->hits, &q->lost, false);
	if (q->flags & CTL_PROBE_RETURN && part->nsites)
		frames_drop_sites(part->sites[0].probe->home, part->sites,
				  part->nsites);
	sites_drop(part);
	list_del(&part->link);
	free(part->sites);
	free(part->op);
	free(part);
}

static void probe_free(struct probe *q)
{
	struct part *part, *tmp;

	list_for_each_safe(part, tmp, &q->parts, link)
		part_free(q->home->proc, q, part);
	if (q->owner && q->nsites)
		record_count(q->home->pid, q->owner, q->id, q->hits);
	list_del(&q->link);
	free(q);
}

static const char *label_of(const struct part *part)
{
	return (const char *)(part->pred + part->op->npred);
}

/* Fill part->sites from part->op, len bytes. */
static int part_parse(struct part *part, size_t len)
{
	const struct ctl_probe *op = part->op;
	const struct ctl_probe_site *site;
	int r = ctl_probe_check(op, len, &part->pred);

	if (r < 0)
		return r;
	part->sites = calloc(op->nsites, sizeof(*part->sites));
	if (!part->sites)
		return -ENOMEM;
	site = ctl_probe_first(op);
	for (uint32_t i = 0; i < op->nsites; i++, site = ctl_site_next(site))
		part->sites[i].s = site;
	return 0;
}

static enum purpose purpose_of(const struct ctl_probe_site *s)
{
	return s->kind == CTL_SITE_FUNC	   ? FOR_FUNCTION :
	       s->kind == CTL_SITE_ENABLED ? FOR_ENABLED :
					     FOR_NOP;
}

static int insert_breakpoints(struct probes *t, struct probe *q,
			      struct part *part)
{
	struct site *s;
	int r;

	while (part->nsites < part->op->nsites) {
		s = &part->sites[part->nsites];
		s->probe = q;
		r = bp_get(t, s->s->address, purpose_of(s->s), &s->bp);
		if (r < 0)
			return r;
		list_add_tail(&s->by_bp, &s->bp->users);
		part->nsites++;
		r = bp_insert(t, s->bp);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_site(const struct part *part, uint64_t addr)
{
	for (uint32_t i = 0; i < part->op->nsites; i++)
		if (part->sites[i].s->address == addr)
			return true;
	return false;
}

static bool shares_site(const struct part *a, const struct part *b)
{
	for (uint32_t i = 0; i < a->op->nsites; i++)
		if (has_site(b, a->sites[i].s->address))
			return true;
	return false;
}

static int give_to_kernel(struct probes *t, struct probe *q, struct part *part)
{
	struct site *s;

	for (uint32_t i = 0; !part->kernels && i < part->op->nsites; i++) {
		s = &part->sites[i];
		if (proc_read(t->proc, s->s->address, &s->old, 1) < 0)
			return -EFAULT;
		probe_hide(t->proc, s->s->address, &s->old, 1);
	}
	part->up = uprobe_attach(t->proc, part->op, part->pred, q);
	part->kernels = part->up;
	return part->up ? 0 : -EOPNOTSUPP;
}

static void detach_sharers(struct probes *t, const struct part *of)
{
	struct probe *q;
	struct part *part;

	list_for_each(q, &t->list, link)
		list_for_each(part, &q->parts, link) {
			if (!part->up || !shares_site(part, of))
				continue;
			uprobe_detach(part->up, &q->hits, &q->lost, true);
			part->up = NULL;
			part->taken = true;
			detach_sharers(t, part);
		}
}

/*
 * A breakpoint and a uprobe at one place break each other: where new needs
 * breakpoints, those of others have to be breakpoints, too.  First all are
 * detached, or the int3 of one would be in the other's way.
 */
static int take_from_kernel(struct probes *t, const struct part *new)
{
	struct probe *q;
	struct part *part;
	int r = 0;

	detach_sharers(t, new);
	list_for_each(q, &t->list, link)
		list_for_each(part, &q->parts, link)
			if (part->taken && r == 0)
				r = insert_breakpoints(t, q, part);
	list_for_each(q, &t->list, link)
		list_for_each(part, &q->parts, link) {
			if (!part->taken)
				continue;
			part->taken = false;
			part->kernels = r < 0;
			if (r < 0) {
				sites_drop(part);
				give_to_kernel(t, q, part);
			}
		}
	return r;
}

static bool has_breakpoint(struct probes *t, const struct part *part)
{
	struct bp *b;

	for (uint32_t i = 0; i < part->op->nsites; i++) {
		b = bp_find(t, part->sites[i].s->address);
		if (b && b->in)
			return true;
	}
	return false;
}

static int part_insert(struct probes *t, struct probe *q, struct part *part)
{
	int r = -EOPNOTSUPP;

	if (!has_breakpoint(t, part))
		r = give_to_kernel(t, q, part);
	if (r < 0) {
		r = take_from_kernel(t, part);
		if (r == 0)
			r = insert_breakpoints(t, q, part);
	}
	return r < 0 ? r : semaphore_get(t->proc, part);
}

static void part_discard(struct part *part)
{
	free(part->sites);
	free(part->op);
	free(part);
}

static int part_new(const unsigned char *operand, size_t len,
		    struct part **result)
{
	struct part *part = calloc(1, sizeof(*part));
	int r = -ENOMEM;

	if (!part)
		return r;
	list_init(&part->link);
	part->op = malloc(len);
	if (part->op) {
		memcpy(part->op, operand, len);
		r = part_parse(part, len);
	}
	if (r < 0)
		part_discard(part);
	else
		*result = part;
	return r;
}

static struct probe *probe_new(struct probes *t, struct client *c,
			       const struct ctl_probe *op)
{
	struct probe *q = calloc(1, sizeof(*q)), *after;

	if (!q)
		return NULL;
	q->home = t;
	q->owner = op->flags & CTL_PROBE_HANDLE ? c : NULL;
	q->id = op->id;
	q->flags = op->flags & ~CTL_PROBE_MORE;
	list_init(&q->parts);
	list_for_each(after, &t->list, link)
		if (after->id > q->id)
			break;
	list_add_tail(&q->link, &after->link);
	return q;
}

int probe_enable(struct client *c, const unsigned char *operand, size_t len)
{
	struct proc *p = c->proc;
	struct part *part;
	struct probe *q;
	int r;

	/* Its memory is another's: that one has the probes. */
	if (p->mm_of)
		return -EBUSY;
	r = part_new(operand, len, &part);
	if (r < 0)
		return r;
	if (!p->probes)
		p->probes = table_new(p);
	if (!p->probes) {
		part_discard(part);
		return -ENOMEM;
	}
	q = probe_find(p->probes, part->op->id);
	if (part->op->flags & CTL_PROBE_MORE) {
		if (!q || (q->owner && q->owner != c) ||
		    (part->op->flags & ~CTL_PROBE_MORE) != q->flags)
			r = -EINVAL;
	} else if (q) {
		r = -EEXIST;
	} else {
		q = probe_new(p->probes, c, part->op);
		r = q ? 0 : -ENOMEM;
	}
	if (r < 0) {
		part_discard(part);
		return r;
	}
	list_add_tail(&part->link, &q->parts);
	r = part_insert(p->probes, q, part);
	if (r < 0)
		part_free(p, q, part);
	else
		q->nsites += part->op->nsites;
	if (list_empty(&q->parts))
		probe_free(q);
	if (r < 0)
		probe_quiesce(p);
	return r;
}

int probe_disable(struct client *c, uint64_t id)
{
	struct proc *p = c->proc;
	struct probe *q, *tmp;

	if (id > UINT32_MAX)
		return -EINVAL;
	if (!p->probes)
		return id ? -EINVAL : 0;
	if (!id) {
		list_for_each_safe(q, tmp, &p->probes->list, link)
			if (!q->owner)
				probe_free(q);
		probe_quiesce(p);
		return 0;
	}
	q = probe_find(p->probes, id);
	if (!q || (q->owner && q->owner != c))
		return -EINVAL;
	probe_free(q);
	probe_quiesce(p);
	return 0;
}

void probe_release(struct proc *p)
{
	struct probe *q, *tmp;

	if (!p->probes)
		return;
	list_for_each_safe(q, tmp, &p->probes->list, link)
		if (!q->owner)
			probe_free(q);
	probe_quiesce(p);
}

/* Is a thread held at this probe? */
static bool held_by(struct proc *p, uint32_t id)
{
	struct lwp *l;

	list_for_each(l, &p->lwps, link)
		if (l->state == LWP_STOPPED && l->why == PR_PROBE &&
		    l->what == id)
			return true;
	return false;
}

void probe_drop_client(struct client *c)
{
	struct probe *q, *tmp;
	bool any, stopped;
	struct proc *p;

	list_for_each(p, &procs, link) {
		if (!p->probes)
			continue;
		any = stopped = false;
		list_for_each_safe(q, tmp, &p->probes->list, link)
			if (q->owner == c) {
				stopped |= held_by(p, q->id);
				probe_free(q);
				any = true;
			}
		if (any)
			probe_quiesce(p);
		/* It stopped for nobody now. */
		if (stopped)
			proc_run(p, 0);
	}
}

bool probe_active(const struct proc *p)
{
	return p->probes && !list_empty(&p->probes->list);
}

/* ---------------------------------------------------------- address spaces -- */

static struct proc *sharer_of(const struct proc *p)
{
	struct proc *q;

	list_for_each(q, &procs, link)
		if (q->mm_of == p && !q->gone)
			return q;
	return NULL;
}

/*
 * Forget the table.  in: a process whose memory has the bytes; NULL: it is
 * gone, and what is at those addresses now is not to be touched.
 */
static void table_free(struct probes *t, struct proc *in)
{
	struct probe *q, *tmp;
	struct bp *b, *btmp;

	t->proc = in;
	list_for_each_safe(q, tmp, &t->list, link)
		probe_free(q);
	for (unsigned i = 0; i < BUCKETS; i++)
		list_for_each_safe(b, btmp, &t->bps[i], hash) {
			bp_restore(in, b);
			bp_free(b);
		}
	free(t->text);
	free(t);
	ntables--;
}

/* Its address space goes: exec, or death. */
static void leave_memory(struct proc *p)
{
	struct proc *q, *heir = sharer_of(p);
	struct probes *t = p->probes;
	struct lwp *l;

	list_for_each(l, &p->lwps, link) {
		/* Nothing of its own memory is to be touched. */
		if (t) {
			l->nframes = 0;
			l->lifted = false;
		}
		probe_thread_gone(l);
	}
	p->mm_of = NULL;
	if (!t)
		return;
	p->probes = NULL;
	table_free(t, heir);
	list_for_each(q, &procs, link)
		if (q->mm_of == p)
			q->mm_of = NULL;
}

void probe_exec(struct proc *p)
{
	leave_memory(p);
}

void probe_death(struct proc *p)
{
	leave_memory(p);
}

static bool shares_memory(pid_t a, pid_t b)
{
	return syscall(SYS_kcmp, a, b, KCMP_VM, 0, 0) == 0;
}

/* A forked child that is not followed: it has copies of what we did. */
static void clean_copy(struct probes *t, pid_t pid)
{
	struct proc child = { .pid = pid, .memfd = -1 };
	struct probe *q;
	struct part *part;
	struct bp *b;
	uint8_t now;

	list_init(&child.lwps);
	list_for_each(q, &t->list, link)
		list_for_each(part, &q->parts, link)
			if (part->counted)
				semaphore_add(&child, part->op->semaphore, -1);
	for (unsigned i = 0; i < BUCKETS; i++)
		list_for_each(b, &t->bps[i], hash)
			if (b->in &&
			    proc_read(&child, b->addr, &now, 1) == 0 &&
			    now == INT3)
				proc_write(&child, b->addr, &b->old, 1);
	if (child.memfd >= 0)
		close(child.memfd);
}

/* The bytes are in the copy already: examine() would find them. */
static int adopt_part(struct probes *t, struct probe *q, const struct part *old)
{
	const uint8_t int3 = INT3;
	struct part *part;
	struct site *s;
	struct bp *b;
	int r;

	r = part_new((const void *)old->op, old->op->size, &part);
	if (r < 0)
		return r;
	list_add_tail(&part->link, &q->parts);
	if (old->up) {
		for (unsigned i = 0; i < part->op->nsites; i++)
			part->sites[i].old = old->sites[i].old;
		part->kernels = true;
		r = give_to_kernel(t, q, part);
		if (r < 0)
			return r;
	}
	for (unsigned i = 0; i < old->nsites; i++) {
		const struct bp *was = old->sites[i].bp;

		s = &part->sites[i];
		s->probe = q;
		b = bp_find(t, was->addr);
		if (!b) {
			b = calloc(1, sizeof(*b));
			if (!b)
				return -ENOMEM;
			*b = *was;
			b->nframes = 0;
			list_init(&b->users);
			list_add_tail(&b->hash, bucket(t, b->addr));
			b->guard = guard_byte(t->proc, b->addr, b->old, INT3);
			/* It was born during somebody's step. */
			if (b->steps)
				proc_write(t->proc, b->addr, &int3, 1);
			b->steps = 0;
		}
		s->bp = b;
		list_add_tail(&s->by_bp, &b->users);
		part->nsites++;
	}
	part->counted = old->counted;
	if (part->counted)
		part->guard = guard_count(t->proc, part->op->semaphore);
	q->nsites += part->op->nsites;
	return 0;
}

static int inherit(struct proc *parent, struct proc *p)
{
	struct probe *old, *q;
	struct part *part;
	struct bp *b;
	int r = 0;

	p->probes = table_new(p);
	if (!p->probes)
		return -ENOMEM;
	r = proc_mem_open(p);
	if (r < 0)
		return r;
	list_for_each(old, &parent->probes->list, link) {
		/* Its owner looks at the parent: nobody would run the child. */
		if (old->owner && old->flags & CTL_PROBE_STOP)
			continue;
		part = list_entry(old->parts.next, struct part, link);
		q = probe_new(p->probes, old->owner, part->op);
		if (!q)
			return -ENOMEM;
		list_for_each(part, &old->parts, link) {
			r = adopt_part(p->probes, q, part);
			if (r < 0)
				return r;
		}
	}
	/* What was not taken over. */
	for (unsigned i = 0; i < BUCKETS; i++)
		list_for_each(b, &parent->probes->bps[i], hash)
			if (b->in && !bp_find(p->probes, b->addr))
				proc_write(p, b->addr, &b->old, 1);
	return 0;
}

bool probe_birth_unfollowed(struct proc *parent, pid_t tid)
{
	struct probes *t = table_of(parent);

	if (!t)
		return false;
	if (shares_memory(parent->pid, tid))
		return true;
	clean_copy(t, tid);
	return false;
}

bool probe_patched(const struct proc *p)
{
	const struct bp *b;

	for (unsigned i = 0; p->probes && i < BUCKETS; i++)
		list_for_each(b, &p->probes->bps[i], hash)
			if (b->in)
				return true;
	return false;
}

void probe_birth_followed(struct proc *parent, struct proc *p)
{
	struct probes *t = table_of(parent);

	if (!t)
		return;
	if (shares_memory(parent->pid, p->pid)) {
		p->mm_of = t->proc;
		return;
	}
	if (inherit(t->proc, p) < 0) {
		/* Out of memory: better none than stray ones. */
		clean_copy(t, p->pid);
		if (p->probes) {
			struct probes *half = p->probes;

			p->probes = NULL;
			table_free(half, NULL);
		}
	}
}

/* ------------------------------------------------------------- arguments -- */

struct hit {
	struct lwp *l;
	struct ctl_regs regs;
	bool have_fp, fp_failed;
	struct ctl_fpregs fp;
	__u64 arg[CTL_PROBE_ARGS], valid;
};

/* In the order of the numbers of DWARF. */
static uint64_t reg_value(const struct ctl_regs *r, unsigned n)
{
	const uint64_t v[] = { r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi,
			       r->rbp, r->rsp, r->r8,  r->r9,  r->r10, r->r11,
			       r->r12, r->r13, r->r14, r->r15, r->fs_base,
			       r->gs_base };

	return n < sizeof(v) / sizeof(v[0]) ? v[n] : 0;
}

static bool xmm_value(struct hit *h, unsigned n, uint64_t *v)
{
	if (!h->have_fp && !h->fp_failed) {
		h->have_fp = ptrace(PTRACE_GETFPREGS, h->l->tid, NULL,
				    &h->fp) == 0;
		h->fp_failed = !h->have_fp;
	}
	if (!h->have_fp)
		return false;
	memcpy(v, h->fp.fxsave + 160 + 16 * n, sizeof(*v));
	return true;
}

static bool fetch(struct hit *h, const struct ctl_fetch *f, __u64 *value)
{
	uint64_t v = 0, addr;

	switch (f->op) {
	case CTL_FETCH_CONST:
		v = f->value;
		break;
	case CTL_FETCH_REG:
		v = reg_value(&h->regs, f->base) >> f->shift;
		break;
	case CTL_FETCH_XMM:
		if (!xmm_value(h, f->base, &v))
			return false;
		break;
	case CTL_FETCH_MEM:
		addr = f->value;
		if (f->base != CTL_FETCH_NOREG)
			addr += reg_value(&h->regs, f->base);
		if (f->index != CTL_FETCH_NOREG)
			addr += reg_value(&h->regs, f->index) * f->scale;
		if (f->flags & CTL_FETCH_32BIT)
			addr = (uint32_t)addr;
		if (f->seg != CTL_FETCH_NOREG)
			addr += reg_value(&h->regs, f->seg);
		if (proc_read(h->l->proc, addr, &v, f->size) < 0)
			return false;
		break;
	default:
		return false;
	}
	*value = ctl_fetch_extend(v, f->size, f->flags & CTL_FETCH_SIGNED);
	return true;
}

static void fetch_all(struct hit *h, const struct site *s)
{
	h->valid = 0;
	for (unsigned i = 0; i < s->s->nargs; i++) {
		h->arg[i] = 0;
		if (fetch(h, &ctl_site_fetch(s->s)[i], &h->arg[i]))
			h->valid |= 1ULL << i;
	}
}

static bool predicate(const struct hit *h, const struct part *part)
{
	struct ctl_pred_in in = { .arg = h->arg,
				  .valid = h->valid,
				  .pid = h->l->proc->pid,
				  .tid = h->l->tid };

	return ctl_pred_true(part->pred, part->op->npred, &in);
}

/* ------------------------------------------------------------------- hits -- */

static unsigned char record_buf[CTL_REC_BYTES] __attribute__((aligned(8)));

static unsigned add_string(struct proc *p, unsigned at, unsigned arg,
			   uint64_t addr, size_t limit)
{
	struct ctl_cap *cap = (void *)(record_buf + at);
	unsigned char *to = record_buf + at + sizeof(*cap);
	size_t room = sizeof(record_buf) - 8 - at - sizeof(*cap);

	*cap = (struct ctl_cap){ .op = CTL_CAP_STR, .arg = arg };
	capture_string(p, addr, to, limit < room ? limit : room, cap);
	memset(to + cap->len, 0, -cap->len % 8);
	return at + sizeof(*cap) + cap->len + -cap->len % 8;
}

static unsigned add_stack(const struct hit *h, unsigned at, size_t limit)
{
	struct ctl_cap *cap = (void *)(record_buf + at);
	unsigned char *to = record_buf + at + sizeof(*cap);

	*cap = (struct ctl_cap){ .op = CTL_CAP_STACK };
	capture_stack(h->l->proc, &h->regs, limit, to,
		      sizeof(record_buf) - 8 - at - sizeof(*cap), cap);
	memset(to + cap->len, 0, -cap->len % 8);
	return at + sizeof(*cap) + cap->len + -cap->len % 8;
}

static void emit(const struct hit *h, const struct site *s,
		 const struct part *part)
{
	struct ctl_rec_probe *r = (void *)record_buf;
	unsigned n = s->s->nargs, at = sizeof(*r) + n * sizeof(uint64_t);
	struct probe *q = s->probe;

	*r = (struct ctl_rec_probe){ .id = q->id,
				     .nargs = n,
				     .pc = s->s->address,
				     .valid = h->valid };
	memcpy(r + 1, h->arg, n * sizeof(uint64_t));
	for (unsigned i = 0; i < n; i++) {
		if (!(ctl_site_fetch(s->s)[i].flags & CTL_FETCH_STRING) ||
		    !(h->valid >> i & 1) || !part->op->strlimit ||
		    at + 64 > sizeof(record_buf))
			continue;
		at = add_string(h->l->proc, at, i, h->arg[i],
				part->op->strlimit);
		r->ncap++;
	}
	if (part->op->stack && at + 64 <= sizeof(record_buf)) {
		at = add_stack(h, at, part->op->stack);
		r->ncap++;
	}
	q->hits++;
	q->lost += record_probe(h->l, q->owner, r, at, 0);
}

static void emit_return(const struct hit *h, const struct site *s)
{
	struct {
		struct ctl_rec_probe r;
		__u64 result;
	} rec = {
		.r = { .id = s->probe->id,
		       .nargs = 1,
		       .pc = s->s->address,
		       .valid = 1 },
		.result = h->regs.rax,
	};
	struct probe *q = s->probe;

	q->lost += record_probe(h->l, q->owner, &rec.r, sizeof(rec),
				CTL_RECF_RETURN);
}

static const struct part *part_of(const struct site *s)
{
	struct part *part;

	list_for_each(part, &s->probe->parts, link)
		if (s >= part->sites && s < part->sites + part->nsites)
			return part;
	return NULL;
}

/* "Yes": an int where the argument points. */
static void answer(struct hit *h, const struct site *s)
{
	const int32_t yes = 1;
	__u64 addr;

	if (s->s->nargs && fetch(h, ctl_site_fetch(s->s), &addr))
		proc_write(h->l->proc, addr, &yes, sizeof(yes));
}

/* All that one passing of b means; stop: the probe to stop for, or 0. */
static void pass(struct hit *h, struct bp *b, bool *enabled, uint32_t *stop)
{
	const struct part *part;
	struct site *s, *tmp;
	struct proc *home = table_of(h->l->proc)->proc;
	struct probe *once[8];
	unsigned nonce = 0;

	while (frame_pop(h->l, &h->regs, b, &s))
		emit_return(h, s);
	list_for_each_safe(s, tmp, &b->users, by_bp) {
		part = part_of(s);
		if (!part || (s->probe->owner && s->probe->owner->dead))
			continue;
		if (s->s->kind == CTL_SITE_ENABLED) {
			*enabled = true;
			answer(h, s);
			continue;
		}
		if ((s->probe->flags & CTL_PROBE_ONCE) && s->probe->hits)
			continue;
		fetch_all(h, s);
		if (!predicate(h, part))
			continue;
		emit(h, s, part);
		if (s->probe->flags & CTL_PROBE_RETURN &&
		    s->s->kind == CTL_SITE_FUNC)
			frame_push(h->l, &h->regs, s);
		if (s->probe->flags & CTL_PROBE_STOP)
			*stop = s->probe->id;
		if ((s->probe->flags & CTL_PROBE_ONCE) && nonce < 8)
			once[nonce++] = s->probe;
	}
	if (!nonce)
		return;
	while (nonce)
		probe_free(once[--nonce]);
	/* Others may have run into it just now. */
	probe_quiesce(home);
}

/* What a "ret" does. */
static void do_return(struct lwp *l, struct ctl_regs *r)
{
	unsigned size = r->cs == 0x23 ? 4 : 8; /* __USER32_CS */

	r->rip = 0;
	if (proc_read(l->proc, r->rsp, &r->rip, size) < 0)
		klog("%d: cannot return from a probe", l->tid);
	r->rsp += size;
}

/* ------------------------------------------------- the instruction itself -- */

static bool target_read(void *arg, uint64_t addr, void *buf, size_t n)
{
	const struct lwp *l = arg;
	struct iovec local = { buf, n }, remote = { (void *)addr, n };

	return process_vm_readv(l->tid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

/* Not /proc/PID/mem, which writes to what the target could not. */
static bool target_write(void *arg, uint64_t addr, const void *buf, size_t n)
{
	const struct lwp *l = arg;
	struct iovec local = { (void *)buf, n }, remote = { (void *)addr, n };

	return process_vm_writev(l->tid, &local, 1, &remote, 1, 0) ==
	       (ssize_t)n;
}

#define USER_CS 0x33 /* of 64-bit code */

static bool emulate_at(struct lwp *l, const struct bp *b, struct ctl_regs *r)
{
	const struct emulate_memory m = { target_read, target_write, l };
	uint8_t code[EMULATE_BYTES];
	size_t n = proc_read_some(l->proc, b->addr, code, sizeof(code));

	if (!n || r->cs != USER_CS)
		return false;
	code[0] = b->old;
	return emulate(code, n, r, &m) == 0;
}

void probe_step(struct lwp *l)
{
	struct probes *t = table_of(l->proc);
	struct bp *b = t ? bp_find(t, l->over) : NULL;

	if (!b || l->lifted)
		return;
	l->lifted = true;
	if (!b->steps++ && b->in)
		proc_write(t->proc, b->addr, &b->old, 1);
}

void probe_stepped(struct lwp *l)
{
	struct probes *t = table_of(l->proc);
	struct bp *b = t && l->lifted ? bp_find(t, l->over) : NULL;
	const uint8_t int3 = INT3;

	l->over = 0;
	l->lifted = false;
	if (b && b->steps && !--b->steps && b->in)
		proc_write(t->proc, b->addr, &int3, 1);
}

/* At b->addr, with the breakpoint there still. */
static enum probe_trap leave(struct lwp *l, struct bp *b, struct ctl_regs *r,
			     bool enabled)
{
	if (b->stepped || (b->emulated && !emulate_at(l, b, r))) {
		l->over = b->addr;
		if (lwp_setregs(l, r) < 0)
			klog("%d: cannot go on at a probe", l->tid);
		return PROBE_AGAIN;
	}
	if (!b->emulated)
		r->rip += b->len;
	if (b->clears_rax)
		r->rax = enabled;
	if (b->returns)
		do_return(l, r);
	if (lwp_setregs(l, r) < 0)
		klog("%d: cannot leave a probe", l->tid);
	return PROBE_PASSED;
}

/* The breakpoint that it has run into and stands behind, and its registers. */
static struct bp *trapped_at(struct lwp *l, struct ctl_regs *r)
{
	struct probes *t = table_of(l->proc);
	struct bp *b;
	siginfo_t si;

	if (!t || lwp_getregs(l, r) < 0)
		return NULL;
	b = bp_find(t, r->rip - 1);
	if (!b)
		return NULL;
	/* Somebody may have sent a SIGTRAP just here. */
	if (ptrace(PTRACE_GETSIGINFO, l->tid, NULL, &si) < 0 ||
	    si.si_code <= 0 || ctl_fault_of(SIGTRAP, si.si_code) != FLTBPT)
		return NULL;
	return b;
}

void probe_undo(struct lwp *l)
{
	struct ctl_regs r;
	struct bp *b = trapped_at(l, &r);

	if (!b)
		return;
	r.rip = b->addr;
	l->undone = lwp_setregs(l, &r) == 0;
}

enum probe_trap probe_trap(struct lwp *l, uint32_t *stop)
{
	struct probes *t = table_of(l->proc);
	enum probe_trap result = PROBE_AGAIN;
	bool enabled = false, was_in, undone = l->undone;
	struct hit h = { .l = l };
	struct bp *b;

	*stop = 0;
	l->undone = false;
	if (!undone)
		b = trapped_at(l, &h.regs);
	else if (t && lwp_getregs(l, &h.regs) == 0)
		b = bp_find(t, h.regs.rip);
	else
		b = NULL;
	if (!b)
		return undone ? PROBE_AGAIN : PROBE_NOT_OURS;
	was_in = b->in;
	h.regs.rip = b->addr;
	if (was_in && !l->proc->guest)
		pass(&h, b, &enabled, stop);
	if (was_in && (b->in || b->clears_rax))
		result = leave(l, b, &h.regs, enabled);
	else
		lwp_setregs(l, &h.regs); /* what was there before */
	return *stop ? PROBE_STOP : result;
}

bool probe_trap_pending(struct lwp *l)
{
	struct probes *t = table_of(l->proc);
	struct ctl_procinfo pi;
	struct ctl_regs r;

	return t && lwp_getregs(l, &r) == 0 && bp_find(t, r.rip - 1) &&
	       ctl_proc_info(l->proc->pid, l->tid, &pi) == 0 &&
	       (pi.sigpend & CTL_SIGBIT(SIGTRAP));
}

void probe_quiesce(struct proc *p)
{
	struct ctl_procinfo pi;
	struct proc *q;
	struct lwp *l;

	/* One that sleeps in a call is not in a trap. */
	list_for_each(q, &procs, link)
		if (q == p || q->mm_of == p)
			list_for_each(l, &q->lwps, link)
				if (l->state == LWP_RUNNING &&
				    ctl_proc_info(q->pid, l->tid, &pi) == 0 &&
				    pi.state != 'S' && pi.state != 'D')
					lwp_interrupt(l);
}

/* -------------------------------------------------------- what others see -- */

/* The first byte of a site of the kernel's in addr .. addr + len - 1, one
 * after the other; NULL at the end. */
static struct site *kernels_site(struct probes *t, uint64_t addr, size_t len,
				 struct site *after)
{
	bool seen = !after;
	struct probe *q;
	struct part *part;

	list_for_each(q, &t->list, link)
		list_for_each(part, &q->parts, link)
			for (uint32_t i = 0; part->kernels && i < part->op->nsites;
			     i++) {
				struct site *s = &part->sites[i];

				if (seen && s->s->address - addr < len)
					return s;
				seen |= s == after;
			}
	return NULL;
}

void probe_hide(struct proc *p, uint64_t addr, void *buf, size_t len)
{
	struct probes *t = table_of(p);
	struct site *s = NULL;
	uint8_t *byte;
	struct bp *b;

	while (t && (s = kernels_site(t, addr, len, s))) {
		byte = (uint8_t *)buf + (s->s->address - addr);
		if (*byte == INT3)
			*byte = s->old;
	}
	for (size_t i = 0; t && len < BUCKETS && i < len; i++) {
		b = bp_find(t, addr + i);
		if (b && b->in)
			((uint8_t *)buf)[i] = b->old;
	}
	for (unsigned i = 0; t && len >= BUCKETS && i < BUCKETS; i++)
		list_for_each(b, &t->bps[i], hash)
			if (b->in && b->addr - addr < len)
				((uint8_t *)buf)[b->addr - addr] = b->old;
}

void probe_keep(struct proc *p, uint64_t addr, void *buf, size_t len)
{
	struct probes *t = table_of(p);
	struct site *s = NULL;
	struct bp *b;

	/* The kernel executes what it found there, whatever is written. */
	while (t && (s = kernels_site(t, addr, len, s)))
		((uint8_t *)buf)[s->s->address - addr] = INT3;
	for (unsigned i = 0; t && i < BUCKETS; i++)
		list_for_each(b, &t->bps[i], hash)
			if (b->in && b->addr - addr < len)
				((uint8_t *)buf)[b->addr - addr] = INT3;
}

void probe_written(struct proc *p, uint64_t addr, const void *buf, size_t len)
{
	struct probes *t = table_of(p);
	struct bp *b;

	for (unsigned i = 0; t && i < BUCKETS; i++)
		list_for_each(b, &t->bps[i], hash) {
			if (!b->in || b->addr - addr >= len)
				continue;
			b->old = ((const uint8_t *)buf)[b->addr - addr];
			guard_remove(b->guard);
			b->guard = guard_byte(t->proc, b->addr, b->old, INT3);
		}
}

void probe_hit(void *owner, struct proc *p, const struct ctl_rec_probe *r)
{
	struct probe *q = owner;

	if (!q->owner || !q->owner->dead)
		q->lost += record_uprobe(p, q->owner, r);
}

static void counts_of(const struct probe *q, uint64_t *hits, uint64_t *lost)
{
	const struct part *part;

	*hits = q->hits;
	*lost = q->lost;
	list_for_each(part, &q->parts, link)
		if (part->up)
			uprobe_counts(part->up, hits, lost);
}

size_t probe_list(struct proc *p, uint32_t after, void *buf, size_t size)
{
	struct ctl_probe_info info;
	const struct part *part;
	size_t used = 0, len;
	uint64_t hits, lost;
	struct probe *q;

	if (!p->probes)
		return 0;
	list_for_each(q, &p->probes->list, link) {
		if (q->id <= after)
			continue;
		part = list_entry(q->parts.next, struct part, link);
		len = sizeof(info) + part->op->label_len;
		counts_of(q, &hits, &lost);
		info = (struct ctl_probe_info){
			.len = (len + 7) & ~7U,
			.id = q->id,
			.flags = q->flags,
			.nsites = q->nsites,
			.hits = hits,
			.lost = lost,
			.label_len = part->op->label_len,
		};
		if (info.len > size - used)
			break;
		memcpy((char *)buf + used, &info, sizeof(info));
		memcpy((char *)buf + used + sizeof(info), label_of(part),
		       info.label_len);
		memset((char *)buf + used + len, 0, info.len - len);
		used += info.len;
	}
	return used;
}
