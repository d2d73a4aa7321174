/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * keeper.h - inside the keeper.
 *
 * The keeper is "the module in user space": a process that holds the ptrace(2)
 * attachment of one process (and of the children it follows), keeps its state
 * between the commands, and leaves when there is nothing left to keep.
 *
 *   main.c     start, socket, the wait loop, the end
 *   client.c   connections: requests, batches, waits
 *   trace.c    the ptrace engine: threads, events, stop and run
 *   repair.c   calls that a ptrace stop would break with EINTR
 *   record.c   records and rings
 *   capture.c  capture programs
 *   status.c   struct ctl_status of what is held
 *   source.c   system calls recorded by BPF instead (bpf/)
 *   afar.c     children that BPF tells of, and nobody is attached to
 *   btf.c      where the kernel has what BPF looks at
 *   follow.c   keeps the tracer on its tracee's CPU
 *   guard.c    the guardian: undoes what a killed keeper leaves behind
 *   probe.c    probes: breakpoints at their sites
 *   uprobe.c   or the kernel's uprobes instead (bpf/)
 *
 * Everything runs in one thread, the tracer, as ptrace wants it.  Another one
 * watches descriptors and interrupts the tracer's wait (main.c), and a third
 * closes what takes long to close (uprobe.c).
 *
 * Ownership: a proc owns its lwps and lives as long as it has one or a client
 * points to it (proc_unref).  Clients do not point to lwps; they keep a tid.
 */
#ifndef CTL_KEEPER_H
#define CTL_KEEPER_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <operand.h>

#include "../private.h"
#include "proto.h"

/* -- lists: a ring of struct list with a head --------------------------- */

struct list {
	struct list *next, *prev;
};
static inline void list_init(struct list *l)
{
	l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}
static inline void list_add_tail(struct list *l, struct list *head)
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}
static inline void list_del(struct list *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	list_init(l);
}
#define list_entry(p, type, member) \
	((type *)(void *)((char *)(p)-offsetof(type, member)))
#define list_for_each(pos, head, member)                               \
	for (pos = list_entry((head)->next, __typeof__(*pos), member); \
	     &pos->member != (head);                                   \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_safe(pos, tmp, head, member)                        \
	for (pos = list_entry((head)->next, __typeof__(*pos), member),    \
	    tmp = list_entry(pos->member.next, __typeof__(*pos), member); \
	     &pos->member != (head);                                      \
	     pos = tmp,                                                   \
	    tmp = list_entry(tmp->member.next, __typeof__(*tmp), member))

/* -- a controlled process ------------------------------------------------ */

struct proc {
	struct list link; /* procs */
	pid_t pid;
	uint64_t start; /* proc_start() */
	int pidfd; /* proc_pidfd() */
	int memfd; /* /proc/PID/mem, or -1; anew after exec */
	bool root; /* the one the keeper was started for */
	bool gone; /* reaped or let go: every operation says ENOENT */
	bool throttled; /* its threads park until there is room */
	bool collect, retrace; /* for trace_collect() */
	bool stopping; /* directed to stop as a whole: newborn threads too */
	bool threaded; /* has or had more than one thread */
	bool as_itself; /* proc_read_some(): only what it may read itself */
	struct proc *from; /* a followed child: its parent, or NULL */
	char link_path[160]; /* a followed child's symbolic link, or "" */

	uint64_t stops, runs; /* how often it was stopped, and set running */
	struct list lwps; /* in order of birth */
	unsigned nlwp;

	/* control: SVR4's, shared by all handles */
	uint64_t modes;
	uint64_t sigtrace, flttrace;
	struct ctl_sysset sysentry, sysexit;
	uint64_t discard; /* PCUNKILL: drop these when they come */

	struct probes *probes; /* probe.c; NULL: never had any */
	struct proc *mm_of;    /* it runs in that one's memory, or NULL */
	bool guest; /* kept attached for its memory's sake, followed by nobody */
	/* afar.c */
	bool afar;     /* it was born unattached: BPF knows it already */
	bool summoned; /* those of its threads who are not attached are to be */
	pid_t maker;   /* LWP_AFAR, in vfork(2) until it has a program, or 0 */
	unsigned ndead; /* of its lwps */
	struct ctl_rec_signal *fatal; /* to be told before its end, or NULL */

	bool dirty; /* clients_dispatch() has something to tell */
	struct list clients; /* handles on this process */
	struct list covers;  /* struct cover: whose rings get its events */
};

/* -- one of its threads -------------------------------------------------- */

enum lwp_state {
	LWP_NEW,     /* attached by the kernel for us; first stop not seen */
	LWP_RUNNING,
	LWP_STOPPED, /* held: PR_STOPPED */
	LWP_PARKED,  /* ptrace-stopped while its record waits for room */
	LWP_LISTEN,  /* in a group stop of its own, which we let be */
	LWP_AFAR,    /* not attached: afar.c */
	LWP_DEAD,    /* it was afar; freed by afar_serve() */
};

/* How the kernel sees the ptrace stop that a thread is in. */
enum stop_kind {
	STOP_NONE,
	STOP_TRAP,   /* PTRACE_EVENT_STOP and the other events */
	STOP_SIGNAL, /* signal-delivery-stop: a signal can be passed on */
	STOP_ENTRY,
	STOP_EXIT,
	STOP_GROUP,
};

/* repair.c: a call stepped back over, to be made again */
struct repair {
	bool rewound;  /* registers are at the call again */
	bool watching; /* it was made again: its end is awaited */
	unsigned nr;
	int abi;
	uint64_t rip;  /* behind the call */
	uint64_t rsp, arg[6];
	uint64_t deadline; /* CLOCK_MONOTONIC ns, 0: none */
	int64_t expired;   /* the result when the deadline has come */
	uint64_t began;    /* when it went to sleep in the call; 0: not known */
	/* a time-out in memory, which the kernel has just updated */
	uint64_t ts_addr; /* 0: none */
	bool ts_micro;    /* a timeval */
	uint64_t ts_since;
	/* repair_uncaused() */
	unsigned uncaused;
	uint64_t uncaused_last;
};

/* A system call being made, for one recorder. */
struct draft {
	struct list link; /* lwp->drafts */
	struct client *client;
	unsigned len, ncap;
	unsigned char *buf; /* CTL_REC_BYTES */
};

/*
 * A finished record that waits for room in a lossless ring.  Its thread is
 * parked until the last of its records is stored; when the thread dies first
 * the record stays.
 */
struct pending {
	struct list link; /* client->backlog, in order */
	struct lwp *owner; /* NULL: it died */
	unsigned len;
	unsigned char buf[];
};

struct lwp {
	struct list link; /* proc->lwps */
	struct list hash; /* by tid */
	struct proc *proc;
	pid_t tid;
	enum lwp_state state;
	enum stop_kind kind;

	bool dstop;       /* directed to stop, not there */
	bool interrupted; /* PTRACE_INTERRUPT sent, its stop not seen */
	bool stepping;    /* PTRACE_SINGLESTEP on its way */
	bool unstep;      /* which nobody waits for any more */
	bool vforking;    /* waits for its vforked child: runs no user code */
	bool zombie;      /* dead but not reaped: never stops */
	bool syscalls;    /* last resumed with PTRACE_SYSCALL */
	bool newborn;     /* has not left the call that made it */
	bool few;         /* the kernel does not attach us to its children */
	bool fresh;       /* was afar, and has not stopped since */
	bool denied;      /* cannot be attached: another's, or about to die */
	bool left;        /* LWP_AFAR: a main thread that died before others, */
	int status;       /* of this, by its own account */

	/* why it is held */
	bool istop;
	unsigned why, what;
	uint64_t stop_time;
	uint64_t stops; /* how often it was set running after one */
	uint64_t resumed; /* when, in births seen early: trace.c */
	int cursig, curflt;
	siginfo_t info;
	int group_signal;
	int guard; /* slot of the signal held back, or -1 */

	/* the call it is in, once its entry was seen */
	bool insys, aborted, hidden; /* hidden: its end is our doing */
	bool told_restart; /* its last call returned -ERESTART_RESTARTBLOCK, and
			    * that was told */
	unsigned nr;
	int abi;
	uint64_t arg[6];
	uint64_t entry_time;
	int64_t ret; /* at STOP_EXIT, or hidden */

	struct repair repair;
	/* probe.c */
	struct frame *frames; /* calls whose return is awaited, inner last */
	unsigned nframes, frame_room;
	uint64_t over; /* it is to step over this breakpoint; 0: none */
	bool lifted;   /* which is out for that */
	bool undone;   /* it stands at a breakpoint again: probe_undo() */

	struct list drafts;
	struct list helds; /* source.c */
	struct client *heir; /* whose source has come, but ptrace has its call */
	uint64_t since; /* when that was over: what BPF told before is ptrace's */
	unsigned npending; /* its records in backlogs */
};

/* -- a client: one connection, one handle -------------------------------- */

struct ring {
	struct ctl_ring_user *user; /* NULL: none.  Not to be trusted */
	struct ctl_ring_info *info;
	unsigned char *data;
	uint64_t size, head, tail;
	uint32_t flags;
	uint64_t unreported; /* lost since the last CTL_REC_LOST */
	uint64_t woken_tail, woken_mark;
};

struct capture {
	unsigned nop;
	struct ctl_capop op[CTL_CAP_OPS];
};

struct client {
	struct list link;      /* clients */
	struct list proc_link; /* proc->clients */
	int fd, notify;
	uid_t uid;
	struct proc *proc; /* NULL before hello */
	pid_t tid;
	bool rdonly, invalid;
	bool dead;     /* to be freed by clients_reap() */
	unsigned told; /* CTL_POLL_* as of the last notification */

	/* a batch that waits */
	bool waiting;
	uint32_t seq;
	uint64_t wait_deadline; /* 0: none */
	uint64_t wait_stops, wait_runs; /* of the target, at its start */
	bool wait_directed; /* PCSTOP: ends when its directive is taken back */
	bool wait_together; /* for afar_strict(); then the message again */
	unsigned char *batch;
	size_t batch_len, batch_done;
	size_t batch_step; /* bytes of the message that waits */

	struct ring ring;
	struct source *source; /* BPF records its calls; NULL: ptrace does */
	struct ctl_record record;
	struct list covers;        /* struct cover: the processes recorded */
	struct list backlog;       /* struct pending */
	size_t backlog_len;        /* bytes of them */
	struct capture **captures; /* CTL_CAPTURES, made when first needed */
};

/* The client's ring gets the events of proc. */
struct cover {
	struct list by_proc;   /* proc->covers */
	struct list by_client; /* client->covers */
	struct proc *proc;
	struct client *client;
};

/* -- main.c -------------------------------------------------------------- */
extern struct list procs, clients;
extern int epoll_fd;
extern char socket_path[108];
uint64_t now_ns(void); /* CLOCK_MONOTONIC */
/* Have trace_timers() and client_timers() called at this time. */
void keeper_timer(uint64_t when);

/*
 * From now on somebody fills a ring who does not wait for us (P6): be there in
 * time, however busy the machine is.
 */
void keeper_hurry(void);

/* In an epoll event's data: the pointer is a client's, its source is ready. */
#define IO_SOURCE 1UL

#define klog(...) ctl_log(CTL_LOG_DEBUG, __VA_ARGS__)

/* -- trace.c ------------------------------------------------------------- */
/*
 * The process has a seccomp filter that tells of these calls (a struct
 * ctl_sysset in hexadecimal), and dies with us: libctl/spawn.c.  Before
 * trace_attach().
 */
bool trace_tie(const char *calls);
bool trace_tied(void);
bool sysset_empty(const struct ctl_sysset *s);
/* Attach to every thread.  0, or -errno with ctl_fail()'s text. */
int trace_attach(pid_t pid, uint64_t start);
/*
 * What is to be done to the many threads of a large process, bit by bit.  Is
 * there more of it?
 */
bool trace_collect(void);
/* One result of wait4(2). */
void trace_event(pid_t tid, int status);
/* As wait4(2), for one (-1: any); breakpoints are undone before. */
pid_t trace_wait(pid_t tid, int *status, int flags);
struct proc *proc_find(pid_t pid, uint64_t start);
/* When it was started, as in /proc/PID/stat; 0: it was gone before we looked. */
uint64_t proc_start(struct proc *p);
void proc_unref(struct proc *p);
/* Could this user open the process as it is now (P5)? */
bool proc_may_control(struct proc *p, uid_t uid);
struct lwp *lwp_of(pid_t tid);
struct lwp *proc_lwp(struct proc *p, pid_t tid);
struct lwp *proc_representative(struct proc *p);
void lwp_dstop(struct lwp *l);
void lwp_interrupt(struct lwp *l);
void proc_dstop(struct proc *p);
/* Is it stopped in the sense of PCWSTOP? */
bool lwp_stopped(const struct lwp *l);
bool proc_stopped(struct proc *p);
bool proc_istopped(struct proc *p); /* ... on an event of interest */
/* 0 or -EBUSY */
int lwp_run(struct lwp *l, uint64_t flags);
int proc_run(struct proc *p, uint64_t flags);
/* The sets or recorders changed: make running threads stop at calls. */
void proc_retrace(struct proc *p);
/* Clear everything and run: PR_RLC, and exec of a set-id file. */
void proc_release(struct proc *p);
/* source_throttles() or uprobe_throttles() may have changed: interrupt and park
 * every thread, or let them go on. */
void proc_throttle(struct proc *p);
/* Its last waiting record was stored (or given up). */
void lwp_unpark(struct lwp *l);
/* Its current signal changed while it is held. */
void lwp_guard(struct lwp *l);
/* Signals that do nothing unless they are caught: signal(7). */
bool ignored_by_nature(int sig);
/* The arguments of the call that the registers are those of. */
void regs_args(const struct ctl_regs *r, int abi, uint64_t arg[6]);
int lwp_getregs(struct lwp *l, struct ctl_regs *r);
int lwp_setregs(struct lwp *l, const struct ctl_regs *r);
/* All or -EFAULT. */
int proc_read(struct proc *p, uint64_t addr, void *buf, size_t len);
int proc_write(struct proc *p, uint64_t addr, const void *buf, size_t len);
/* A pidfd, or -1: opened when first asked for, since a process that is traced
 * keeps its number. */
int proc_pidfd(struct proc *p);
/* Its file of memory: a live thread's. */
void proc_mem_path(struct proc *p, char *path, size_t size);
/* p->memfd, opened: 0 or -errno */
int proc_mem_open(struct proc *p);
/* As many bytes as are readable, from addr on. */
size_t proc_read_some(struct proc *p, uint64_t addr, void *buf, size_t len);
/* Deadlines of repaired calls; returns the next one due, 0: none. */
uint64_t trace_timers(uint64_t now);
/* Nothing is kept for its own sake. */
bool trace_idle(void);
/* There is just one thread to wait for. */
bool trace_single(void);
/* For afar.c: what is to be known of a process, a thread. */
struct lwp *lwp_new(struct proc *p, pid_t tid);
void lwp_free(struct lwp *l);
/* It has another number now. */
void lwp_renumber(struct lwp *l, pid_t tid);
/* A child of parent's that is followed, without its thread yet; 0: start is to be
 * looked up. */
struct proc *proc_follow(struct proc *parent, pid_t pid, uint64_t start,
			 bool afar);
/* It was interrupted: is it still in vfork(2)? */
void lwp_check_vfork(struct lwp *l);
/* Attach to one that is afar: 0, or -errno. */
int lwp_seize(struct lwp *l);
/* One that is none of ours was attached: let go of it when it stops. */
void trace_shun(pid_t tid);
/* A thread that became a zombie never stops: find those (see lwp.zombie). */
void proc_find_zombies(struct proc *p);

/* -- afar.c -------------------------------------------------------------- */
/* c records: may its processes' children be left alone from now on? */
void afar_begin(struct client *c);
/* Is it c by whose source that is done? */
bool afar_is(const struct client *c);
/* c records no more. */
void afar_end(struct client *c);
extern unsigned nafar; /* threads in state LWP_AFAR */
/* Are p's children left alone? */
bool afar_children(struct proc *p);
/* Does BPF tell of all of them, those who are attached, too? */
bool afar_tells(struct proc *p);
/* Was that ever so, of anybody? */
bool afar_ever(void);
/* Have all that BPF has told so far been taken notice of. */
void afar_catch_up(void);
/* Do what could not be done where it turned out to be needed. */
void afar_serve(void);
/* Have those threads of p attached that are not: afar_serve(). */
void afar_summon(struct proc *p);
/* Nobody records any more: have the kernel attach us to children again. */
void afar_regain(void);
/* Attach to those threads of p that are not: 0 or -EBUSY. */
int afar_attach(struct proc *p);
/*
 * Something is about to be wanted that only ptrace gives: attach to all, and
 * leave no more children alone.  false: not all have heard of it yet; ask again.
 */
bool afar_strict(void);
/* The kernel has attached us to it, after all. */
void afar_attached(struct lwp *l);
/* BPF's words.  Those of who is attached are not heeded: ptrace tells. */
void afar_birth(struct client *c, const struct ctl_rec_fork *r, uint64_t start,
		bool vfork);
void afar_exec(const struct ctl_rec_exec *r);
void afar_exit(struct client *c, struct ctl_rec_exit *r, bool group);
/* fatal: it was sent, and is the end; else it was delivered, or ignored. */
void afar_signal(struct ctl_rec_signal *r, bool fatal);
/* The end of one of p's threads is about to be recorded: the signal's first. */
void afar_last_words(struct proc *p);

/* -- follow.c ------------------------------------------------------------ */
/* A thread has stopped at a call or a probe: be where it is. */
void follow_stop(struct lwp *l);
/* Run anywhere: nothing is being traced, or a process is about to be made. */
void follow_rest(void);
/* From now on it is more urgent to be anywhere at once. */
void follow_never(void);

/* -- repair.c ------------------------------------------------------------ */
/* Before PTRACE_INTERRUPT: since when does it sleep? */
void repair_prepare(struct lwp *l);
/* At the stop that an interrupt caused: step back over the call. */
void repair_stopped(struct lwp *l);
/* A signal is about to be delivered: undo, or hide it if it is ignored. */
void repair_signal(struct lwp *l, int sig);
/* Just before it runs. */
void repair_run(struct lwp *l);
/* A call was entered; is it one that is made again? */
bool repair_entry(struct lwp *l);
/* The end of a call was seen. */
void repair_exit(struct lwp *l);
/* Would this result of the call it is in be made undone, by us or by the
 * kernel, when it comes of our interrupt? */
bool repair_hides(const struct lwp *l, int64_t ret);
/* At the end of a call that repair_hides(): is there no signal it could be for? */
bool repair_uncaused(struct lwp *l);
/* What the target's owner should see instead of rewound registers. */
void repair_show(const struct lwp *l, struct ctl_regs *r);

/* -- guard.c: each returns a slot for guard_remove(), or -errno ----------- */
/* Before new is written over old at addr, and after it was put back. */
int guard_byte(struct proc *p, uint64_t addr, uint8_t old, uint8_t new);
/* Before the 16-bit counter at addr is incremented. */
int guard_count(struct proc *p, uint64_t addr);
int guard_signal(struct proc *p, pid_t tid, const siginfo_t *si);
/*
 * How can a guardian put a byte of text back?  With proc_mem.force_override set to
 * ptrace (6.12) only a tracer can, which it is not: as we are not of ourselves.
 * Before we are not dumpable any more.
 */
void guard_try(void);
/* Have a guardian, even if there is nothing to put right. */
int guard_start(void);
/* A child has ended: was it the guardian?  Then there is another one. */
bool guard_ended(pid_t pid);
/* The keeper is about to end of itself: the guardian lets it. */
void guard_end(void);
void guard_remove(int slot); /* negative: nothing */

/* -- record.c ------------------------------------------------------------ */
int ring_setup(struct client *c, const struct ctl_ring_setup *s, int fds[2]);
void ring_free(struct client *c);
bool proc_records(struct proc *p, unsigned type);
/* What BPF has recorded so far comes before what is told next. */
void record_catch_up(struct proc *p);
void record_entry(struct lwp *l);
void record_exit(struct lwp *l, int64_t ret, unsigned flags);
void record_signal(struct lwp *l, const siginfo_t *si, int flt, uint64_t pc);
void record_fork(struct lwp *l, pid_t pid, pid_t tid, unsigned kind);
void record_exec(struct lwp *l, pid_t old);
void record_death(struct lwp *l, int status, bool last);
/* A record of l (NULL: it is gone) that c's source has made. */
void record_raw(struct client *c, struct lwp *l, const void *rec, unsigned len);
/* A record that is complete, for all who want such of p. */
void record_told(struct proc *p, const struct ctl_rec *r);
/* n records were lost before they reached us. */
void record_lost(struct client *c, uint64_t n);
/* Store what waits, as far as there is room; runs threads so freed. */
void record_flush(struct client *c);
/* The thread is gone. */
void record_forget(struct lwp *l);
/* The client is going: its drafts and backlog with it. */
void record_drop_client(struct client *c);
void cover_add(struct client *c, struct proc *p);
void cover_free(struct cover *cv);
/*
 * The rest of r's header is filled in.  owner: whose ring alone, or NULL.
 * Returns how many rings it was lost from.
 */
unsigned record_probe(struct lwp *l, struct client *owner,
		      struct ctl_rec_probe *r, unsigned len, unsigned flags);
/* The same of one that BPF made: complete, of a thread that does not wait. */
unsigned record_uprobe(struct proc *p, struct client *owner,
		       const struct ctl_rec_probe *r);

/* c's probe in process pid is gone, after so many hits. */
void record_count(pid_t pid, struct client *c, uint32_t id, uint64_t hits);

/* -- capture.c ----------------------------------------------------------- */
int capture_upload(struct client *c, const unsigned char *p, size_t len);
void capture_free(struct client *c);
/* Run the program of l's call for when; appends to the draft. */
void capture_run(struct lwp *l, struct draft *d, int when, int64_t ret);

/* The string at addr, at most limit bytes of it; fills cap's len and flags. */
void capture_string(struct proc *p, uint64_t addr, unsigned char *to,
		    size_t limit, struct ctl_cap *cap);
/* The same of CTL_CAP_STACK: limit bytes of stack, at most room in all. */
void capture_stack(struct proc *p, const struct ctl_regs *regs, size_t limit,
		   unsigned char *to, size_t room, struct ctl_cap *cap);

/* -- probe.c -------------------------------------------------------------- */
/* PCPROBE, PCUNPROBE */
int probe_enable(struct client *c, const unsigned char *operand, size_t len);
int probe_disable(struct client *c, uint64_t id);
void probe_release(struct proc *p); /* those that no handle owns */
void probe_drop_client(struct client *c);
bool probe_active(const struct proc *p);
/* What the kernel recorded of a probe: owner is uprobe_attach()'s. */
void probe_hit(void *owner, struct proc *p, const struct ctl_rec_probe *r);
/* As CTL_IOC_PROBES; returns the bytes stored. */
size_t probe_list(struct proc *p, uint32_t after, void *buf, size_t size);
/* Is there any breakpoint?  Then a thread that has stopped with SIGTRAP, which
 * has not been taken notice of by wait4(2), is to be given to probe_undo(). */
bool probe_any(void);
void probe_undo(struct lwp *l);
/*
 * A SIGTRAP: was it one of ours?  Then it is dealt with, but for the stop.
 * PROBE_PASSED: the instruction was done, too; PROBE_AGAIN: it comes now.
 */
enum probe_trap { PROBE_NOT_OURS, PROBE_PASSED, PROBE_AGAIN, PROBE_STOP };
enum probe_trap probe_trap(struct lwp *l, uint32_t *stop);
/* The thread is about to step over l->over; it has stopped again. */
void probe_step(struct lwp *l);
void probe_stepped(struct lwp *l);
/* The thread is gone, or its program is. */
void probe_thread_gone(struct lwp *l);
/* A thread stopped by an interrupt has run into a breakpoint just before. */
bool probe_trap_pending(struct lwp *l);
/* Breakpoints were taken out: hear of every thread that may be in one. */
void probe_quiesce(struct proc *p);
/*
 * A child was born, stopped before its first instruction.  unfollowed: is it
 * in its parent's memory, and has to be kept as a guest?
 */
bool probe_birth_unfollowed(struct proc *parent, pid_t tid);
void probe_birth_followed(struct proc *parent, struct proc *p);
/* Are there breakpoints in its memory? */
bool probe_patched(const struct proc *p);
void probe_exec(struct proc *p);
void probe_death(struct proc *p);
/* What was read shows no breakpoints; what is to be written keeps them; and what
 * was written, without them, is what they stand for from now on. */
void probe_hide(struct proc *p, uint64_t addr, void *buf, size_t len);
void probe_keep(struct proc *p, uint64_t addr, void *buf, size_t len);
void probe_written(struct proc *p, uint64_t addr, const void *buf, size_t len);

/* -- status.c ------------------------------------------------------------ */
void status_fill(struct client *c, struct ctl_status *st);
void status_lwp(struct lwp *l, struct ctl_lwpstatus *s);
/* Leave out what is for those alone who may control the process. */
void status_withhold(struct ctl_lwpstatus *s);

/* -- client.c ------------------------------------------------------------ */
void client_accept(int listen_fd);
void client_ready(struct client *c); /* readable, or hung up */
void clients_close_all(void);
/* State changed: clients_dispatch() will finish waits and notify. */
void clients_update(struct proc *p);
void clients_dispatch(void);
void client_wake(struct client *c); /* the ring reached its mark */
uint64_t client_timers(uint64_t now);
void clients_reap(void);

#endif
