/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uprobe.c - probes by the kernel: the keeper's side of bpf/uprobe.bpf.c.
 *
 * A breakpoint of ours costs two switches of context for each hit, and if the
 * keeper is killed just then the hit kills.  Where BPF may be used and the
 * kernel has multi-uprobes (6.6), a program in the kernel records the hit in the
 * thread that made it, and the kernel takes the breakpoints out when we are
 * gone, however that comes.
 *
 * Not every probe can be had this way: one that stops the thread, one on a
 * longer nop (the kernel would step over it, or worse, make a call of it that
 * writes below the stack pointer), one with arguments in vector registers, one
 * of a function whose return is asked for, too.  Those keep their breakpoints
 * (probe.c).
 *
 * Semaphores are counted by us, as for breakpoints: the kernel's counter would
 * stay up in a forked child for ever.
 *
 * Taking one link apart waits for all processors, some 20 ms.  A wildcard may
 * have five hundred: a thread does that, but for the last few.
 */
#ifdef HAVE_BPF
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "insn.h"
#include "source.h"
#include "uprobe.h"

#include "bpf/uprobe.h"
#include "uprobe.skel.h"

/* linux/bpf.h of 6.6; the headers here may be older. */
#define ATTACH_UPROBE_MULTI 48
struct link_create_attr {
	uint32_t prog_fd, target_fd, attach_type, flags;
	uint64_t path, offsets, ref_ctr_offsets, cookies;
	uint32_t cnt, multi_flags, pid, pad;
};

#define MARK_BYTES (512U << 10)
#define FLUSH_NS 20000000ULL

struct uprobes {
	struct list link; /* attached */
	struct proc *proc;
	void *owner;
	uint32_t first, n; /* numbers of its sites */
	int fd;		   /* of the link */
};

static struct list attached = { &attached, &attached };
static struct uprobe_bpf *skel;
static struct ring_buffer *ring;
static enum { UNTRIED, WORKS, FAILED } state;
static uint32_t next_site = 1;
static uint64_t next_look, handed_on;
static uint64_t told_lost;
static bool draining_all, throttling;

/* -- taking links apart, elsewhere --------------------------------------------- */

#define AT_ONCE 4U
static int graves[2] = { -1, -1 }; /* a pipe of descriptors to be closed */
static atomic_uint buried;	   /* how many are in there */
static pthread_mutex_t digging = PTHREAD_MUTEX_INITIALIZER; /* held to close */
static unsigned nattached;

static void *bury(void *arg)
{
	int fd;

	(void)arg;
	while (read(graves[0], &fd, sizeof(fd)) == sizeof(fd)) {
		pthread_mutex_lock(&digging);
		close(fd);
		pthread_mutex_unlock(&digging);
		atomic_fetch_sub(&buried, 1);
	}
	return NULL;
}

/*
 * The end of the process kills that thread, and the kernel cannot take a
 * breakpoint out for one that is being killed: it would stay, with a warning in
 * the log.  What is in the pipe still is closed with all the rest, by whoever
 * is last to have these descriptors.
 */
void uprobe_end(void)
{
	pthread_mutex_lock(&digging);
}

static void close_link(int fd, bool at_once)
{
	if (!at_once && nattached >= AT_ONCE) {
		atomic_fetch_add(&buried, 1);
		if (write(graves[1], &fd, sizeof(fd)) == sizeof(fd))
			return;
		atomic_fetch_sub(&buried, 1);
	}
	close(fd);
}

bool uprobe_wait(void)
{
	if (!atomic_load(&buried))
		return false;
	usleep(5000);
	return true;
}

static bool start_burying(void)
{
	sigset_t all, old;
	pthread_t t;
	int err;

	if (pipe2(graves, O_CLOEXEC) < 0)
		return false;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&t, NULL, bury, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err == 0;
}

/* -- hits ---------------------------------------------------------------------- */

static struct uprobes *of_site(uint32_t site)
{
	struct uprobes *u;

	list_for_each(u, &attached, link)
		if (site - u->first < u->n)
			return u;
	return NULL;
}

void *uprobe_tag(void)
{
	return &skel;
}

static void tell_lost(void)
{
	uint64_t lost = __atomic_load_n(&skel->bss->lost, __ATOMIC_RELAXED);
	struct client *c;

	if (lost == told_lost)
		return;
	list_for_each(c, &clients, link)
		if (c->ring.user && c->record.events >> CTL_REC_PROBE & 1)
			record_lost(c, lost - told_lost);
	told_lost = lost;
}

static bool somebody_waits(void)
{
	struct client *c;

	list_for_each(c, &clients, link)
		if (!list_empty(&c->backlog))
			return true;
	return false;
}

/* As much as half of our ring, taken out of it for the sake of order. */
static bool much_waits(void)
{
	struct client *c;

	list_for_each(c, &clients, link)
		if (c->backlog_len >= UP_RING_BYTES / 2)
			return true;
	return false;
}

static int on_record(void *ctx, void *data, size_t size)
{
	static uint64_t copy[(sizeof(struct up_rec) + 2 * UP_DATA) / 8];
	struct up_rec *r = (void *)copy;
	struct uprobes *u;

	(void)ctx;
	if (size < sizeof(*r) || size > sizeof(copy) ||
	    ((struct up_rec *)data)->r.h.len != size - offsetof(struct up_rec, r))
		return 0;
	/* The ring is mapped for reading only. */
	memcpy(copy, data, size);
	handed_on++;
	u = of_site(r->site);
	if (u)
		probe_hit(u->owner, u->proc, &r->r);
	return !draining_all && somebody_waits() ? -EAGAIN : 0;
}

static void throttle(bool on)
{
	struct uprobes *u;

	throttling = on;
	list_for_each(u, &attached, link)
		proc_throttle(u->proc);
}

bool uprobe_throttles(const struct proc *p)
{
	struct uprobes *u;

	list_for_each(u, &attached, link)
		if (throttling && u->proc == p)
			return true;
	return false;
}

void uprobe_drain(bool all)
{
	if (!ring || list_empty(&attached))
		return;
	draining_all = all;
	if (all || !somebody_waits())
		ring_buffer__consume(ring);
	draining_all = false;
	tell_lost();
	if (somebody_waits()) {
		if (skel->bss->full || much_waits())
			throttle(true);
	} else if (skel->bss->full || throttling) {
		skel->bss->full = 0;
		throttle(false);
	}
}

/* Woken: from now on look from time to time, until nothing comes. */
static void look(void)
{
	handed_on = 0;
	uprobe_drain(false);
	if (handed_on || somebody_waits()) {
		skel->data->wake_mark = MARK_BYTES;
		next_look = now_ns() + FLUSH_NS;
		keeper_timer(next_look);
	} else {
		skel->data->wake_mark = 1;
		next_look = 0;
		/* One may have come between the two. */
		uprobe_drain(false);
	}
}

void uprobe_ready(void)
{
	if (ring)
		look();
}

uint64_t uprobe_timers(uint64_t now)
{
	if (next_look && next_look <= now)
		look();
	return next_look;
}

void uprobe_select(void)
{
	struct client *c;
	bool wanted = false;

	if (!skel)
		return;
	list_for_each(c, &clients, link)
		wanted |= c->record.events >> CTL_REC_PROBE & 1;
	skel->bss->wanted = wanted;
}

void uprobe_thread_died(pid_t tid)
{
	uint32_t key = tid;

	if (skel)
		bpf_map_delete_elem(bpf_map__fd(skel->maps.slots), &key);
}

/* -- set-up -------------------------------------------------------------------- */

static int load(void)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET,
				  .data.ptr = uprobe_tag() };
	int err;

	skel = uprobe_bpf__open();
	if (!skel)
		return -errno;
	bpf_program__set_expected_attach_type(skel->progs.hit,
					      ATTACH_UPROBE_MULTI);
	err = uprobe_bpf__load(skel);
	if (err)
		return err;
	ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), on_record, NULL,
				NULL);
	if (!ring)
		return -errno;
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, ring_buffer__epoll_fd(ring),
		      &ev) < 0 ||
	    !start_burying())
		return -errno;
	err = guard_start();
	if (err)
		return err;
	keeper_hurry();
	uprobe_select();
	return 0;
}

static bool usable(void)
{
	int err;

	if (state == UNTRIED) {
		err = source_allowed();
		if (!err)
			err = load();
		state = err ? FAILED : WORKS;
		if (err)
			klog("uprobes: not used: %s", strerror(-err));
	}
	return state == WORKS;
}

/* The file that is mapped at addr, and where in it. */
static bool locate(struct proc *p, uint64_t addr, char *path, size_t size,
		   uint64_t *offset)
{
	char file[64], line[512], perms[5];
	uint64_t start, end, off, inode;
	bool found = false;
	FILE *f;

	snprintf(file, sizeof(file), "/proc/%d/maps", p->pid);
	f = fopen(file, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		if (sscanf(line,
			   "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %*x:%*x %" SCNu64,
			   &start, &end, perms, &off, &inode) != 5 ||
		    addr < start || addr >= end)
			continue;
		/* What is written to the file would be seen by all. */
		if (!inode || perms[3] != 'p' || perms[1] == 'w')
			break;
		snprintf(path, size, "/proc/%d/map_files/%" PRIx64 "-%" PRIx64,
			 p->pid, start, end);
		*offset = addr - start + off;
		found = true;
	}
	if (f)
		fclose(f);
	return found;
}

/* The byte that p's file has at addr; CTL_INT3 if that cannot be told. */
static uint8_t byte_of_file(struct proc *p, uint64_t addr)
{
	uint8_t byte = CTL_INT3;
	uint64_t offset;
	char path[96];
	int fd;

	if (!locate(p, addr, path, sizeof(path), &offset))
		return byte;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && pread(fd, &byte, 1, offset) != 1)
		byte = CTL_INT3;
	if (fd >= 0)
		close(fd);
	return byte;
}

/*
 * A probe's: a nop of one byte, which the kernel knows how to pass.  A function's:
 * anything that no nop of five bytes may be.
 *
 * A breakpoint that the file does not have is a uprobe of another tool, with which
 * ours shares the place: it is no debugger's, for the process is traced by us.
 */
static bool code_suits(struct proc *p, const struct ctl_probe_site *s)
{
	uint8_t code[2];

	if (proc_read(p, s->address, code, sizeof(code)) < 0)
		return false;
	probe_hide(p, s->address, code, sizeof(code));
	if (code[0] == CTL_INT3)
		code[0] = byte_of_file(p, s->address);
	if (s->kind == CTL_SITE_FUNC)
		return code[0] != CTL_INT3 && code[0] != 0x0f;
	return code[0] == 0x90 || (code[0] == 0x66 && code[1] == 0x90);
}

static bool site_suits(struct proc *p, const struct ctl_probe_site *s)
{
	const struct ctl_fetch *f = ctl_site_fetch(s);

	if (s->kind != CTL_SITE_HIT && s->kind != CTL_SITE_FUNC)
		return false;
	while (!code_suits(p, s))
		if (!uprobe_wait())
			return false;
	for (unsigned i = 0; i < s->nargs; i++)
		if (f[i].op == CTL_FETCH_XMM || (f[i].op == CTL_FETCH_MEM &&
						 f[i].seg != CTL_FETCH_NOREG))
			return false;
	return true;
}

static bool probe_suits(struct proc *p, const struct ctl_probe *op)
{
	const struct ctl_probe_site *s = ctl_probe_first(op);

	if (op->flags & (CTL_PROBE_STOP | CTL_PROBE_ONCE | CTL_PROBE_RETURN) ||
	    op->stack || op->strlimit >= UP_DATA)
		return false;
	for (uint32_t i = 0; i < op->nsites; i++, s = ctl_site_next(s))
		if (!site_suits(p, s))
			return false;
	return true;
}

static bool add_site(struct proc *p, const struct ctl_probe *op,
		     const struct ctl_pred *pred,
		     const struct ctl_probe_site *s, uint32_t number)
{
	struct up_site v = { .address = s->address,
			     .tgid = p->pid,
			     .nargs = s->nargs,
			     .npred = op->npred,
			     .strlimit = op->strlimit,
			     .id = op->id };

	memcpy(v.fetch, ctl_site_fetch(s), s->nargs * sizeof(v.fetch[0]));
	memcpy(v.pred, pred, op->npred * sizeof(v.pred[0]));
	return bpf_map_update_elem(bpf_map__fd(skel->maps.sites), &number, &v,
				   BPF_ANY) == 0;
}

static void drop_sites(const struct uprobes *u)
{
	for (uint32_t i = u->first; i != u->first + u->n; i++)
		bpf_map_delete_elem(bpf_map__fd(skel->maps.sites), &i);
}

static int create_link(const struct uprobes *u, const char *path,
		       const uint64_t *offsets)
{
	uint64_t cookies[CTL_PROBE_SITES];
	struct link_create_attr a = {
		.prog_fd = bpf_program__fd(skel->progs.hit),
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uintptr_t)path,
		.offsets = (uintptr_t)offsets,
		.cookies = (uintptr_t)cookies,
		.cnt = u->n,
		.pid = u->proc->pid,
	};

	for (uint32_t i = 0; i < u->n; i++)
		cookies[i] = u->first + i;
	return syscall(SYS_bpf, BPF_LINK_CREATE, &a, sizeof(a));
}

struct uprobes *uprobe_attach(struct proc *p, const struct ctl_probe *op,
			      const struct ctl_pred *pred, void *owner)
{
	const struct ctl_probe_site *s = ctl_probe_first(op);
	uint64_t offsets[CTL_PROBE_SITES];
	char path[96], other[96];
	struct uprobes *u;

	if (!probe_suits(p, op) || !usable())
		return NULL;
	u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	u->proc = p;
	u->owner = owner;
	u->first = next_site;
	for (; u->n < op->nsites; u->n++, s = ctl_site_next(s)) {
		if (!locate(p, s->address, u->n ? other : path, sizeof(path),
			    &offsets[u->n]) ||
		    (u->n && strcmp(path, other)) ||
		    !add_site(p, op, pred, s, u->first + u->n))
			goto fail;
	}
	u->fd = create_link(u, path, offsets);
	if (u->fd < 0) {
		klog("%d: uprobe: %s", p->pid, strerror(errno));
		/* No kernel for this: do not ask again.  Unless it is about
		 * the instruction. */
		if ((errno == EINVAL || errno == EOPNOTSUPP) &&
		    ctl_probe_first(op)->kind != CTL_SITE_FUNC)
			state = FAILED;
		goto fail;
	}
	next_site += u->n;
	list_add_tail(&u->link, &attached);
	nattached++;
	return u;
fail:
	drop_sites(u);
	free(u);
	return NULL;
}

static void add_counts(const struct up_site *s, uint64_t *hits, uint64_t *lost)
{
	for (unsigned i = 0; i < UP_COUNTS; i++) {
		*hits += s->count[i].hits;
		*lost += s->count[i].lost;
	}
}

void uprobe_detach(struct uprobes *u, uint64_t *hits, uint64_t *lost,
		   bool at_once)
{
	int fd = bpf_map__fd(skel->maps.sites);
	struct up_site s;

	uprobe_drain(true);
	list_del(&u->link);
	nattached--;
	if (list_empty(&attached)) {
		/* Nobody is left to find that there is room again. */
		throttling = false;
		skel->bss->full = 0;
	}
	proc_throttle(u->proc);
	/* What finds no site does not count any more. */
	for (uint32_t i = u->first; i != u->first + u->n; i++)
		if (bpf_map_lookup_and_delete_elem(fd, &i, &s) == 0)
			add_counts(&s, hits, lost);
	close_link(u->fd, at_once);
	free(u);
}

void uprobe_counts(const struct uprobes *u, uint64_t *hits, uint64_t *lost)
{
	struct up_site s;

	for (uint32_t i = u->first; i != u->first + u->n; i++)
		if (bpf_map_lookup_elem(bpf_map__fd(skel->maps.sites), &i,
					&s) == 0)
			add_counts(&s, hits, lost);
}
#endif
