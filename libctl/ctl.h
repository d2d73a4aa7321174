/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl.h - libctl: control, trace and probe a live process.
 *
 *     struct ctl *h;
 *     if (ctl_open(&h, pid, 0, 0) < 0)
 *         errx(1, "cannot control %d: %s", pid, ctl_error());
 *     ctl_stop(h, 0);              // stopped, and known to be
 *     ctl_run(h, 0);
 *     ctl_close(h);
 *
 * Every function that can fail returns 0 (or a count) or -errno; results come
 * through pointers, which a failing call leaves untouched.  ctl_error() then
 * has a sentence for people.  The library never prints and never exits; what
 * it has to say besides goes to the log callback.  Handles may be used from
 * any thread, each handle by one thread at a time.
 *
 * The numbers, sets and structures are those of the protocol (dtrace_ctl.h):
 * PR_*, PC*, FLT*, struct ctl_status, struct ctl_rec ...  The errors common to
 * all calls on a handle:
 *   -ENOENT  the process is gone        -EAGAIN  invalidated by exec, P5
 *   -EBUSY   not stopped                -EINTR   a signal came while waiting
 *   -EPIPE   the server went away (it was killed)
 */
#ifndef CTL_H
#define CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/types.h>

#include <dtrace_ctl.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CTL_VERSION "0.1.0"

struct ctl;

/* -- errors, log ---------------------------------------------------------- */

/*
 * A sentence, without full stop, on why the last libctl call in this thread
 * failed; "" if none did.  Names the remedy where there is one.  Valid until
 * the next call in this thread.  Since: 0.1
 */
const char *ctl_error(void);

enum ctl_log_level { CTL_LOG_ERROR, CTL_LOG_WARN, CTL_LOG_INFO, CTL_LOG_DEBUG };
typedef void ctl_log_fn(void *arg, enum ctl_log_level level, const char *msg);
/*
 * Where messages go, of all threads; NULL (the start value): nowhere.  msg is
 * one line, without a newline, and valid during the call only; names in it are
 * anybody's bytes.  Since: 0.1
 */
void ctl_log_set(ctl_log_fn *fn, void *arg);

/* -- targets: the operand grammar of every command (target.c) ------------- */

/*
 * "PID", "/proc/PID", either with "/LWPS": a comma list of n, n-m, n-, -n.
 * ("/proc/PID/", as a shell completes it, is the process.)
 */
struct ctl_target {
	pid_t pid;
	char lwps[128]; /* "" for the whole process, else the checked list   */
};
/* -EINVAL: not an operand.  Since: 0.1 */
int ctl_target_parse(const char *arg, struct ctl_target *t);
/* Is tid in the list?  An empty list has every thread.  Since: 0.1 */
bool ctl_target_has(const struct ctl_target *t, pid_t tid);
/*
 * The threads that t names and that exist now, in order; *tids is malloc'ed,
 * the caller frees it.  Returns their number, -ENOENT when the process is gone
 * or none is there.  Since: 0.1
 */
int ctl_target_threads(const struct ctl_target *t, pid_t **tids);

/* -- handles -------------------------------------------------------------- */

#define CTL_OPEN_EXCL 1   /* -EBUSY if another handle for control is open    */
#define CTL_OPEN_RDONLY 2 /* status only: never starts a server, needs no
			     permission to control; works on any process     */

/*
 * Open process pid for control, or with tid != 0 the one thread tid of it.
 * Which backend: the module when it is loaded, else the keeper, unless
 * CTL_BACKEND in the environment says "module" or "keeper".
 * *h is the caller's to close.  Errors: -ENOENT no such process or thread;
 * -EPERM, -EACCES not allowed; -EBUSY another tracer has it (ctl_error() names
 * it) or CTL_OPEN_EXCL; -ENODEV CTL_BACKEND asks for a backend that is not there,
 * or /proc is that of another pid namespace; -EINVAL a number below 1, or
 * CTL_BACKEND or CTL_EVENTS has no such value; with CTL_OPEN_RDONLY -ETIMEDOUT
 * the server has not answered for ten seconds.  Follows proc(5) of illumos; the
 * permission needed is that of ptrace(2) attach.  Since: 0.1
 */
int ctl_open(struct ctl **h, pid_t pid, pid_t tid, int flags);
/* NULL is fine.  The last close acts on PR_RLC, PR_KLC.  Since: 0.1 */
void ctl_close(struct ctl *h);
/*
 * After -EAGAIN: the same process anew, if the new image allows it.  Sets of
 * the old handle are gone, a ring of it is closed.  Errors: those of ctl_open(),
 * which leave the handle as it is.  Since: 0.1
 */
int ctl_reopen(struct ctl *h);
/*
 * Start argv[0] (looked up in PATH) and open it, stopped before the first user
 * instruction of the new image.  The child is the caller's: wait for it.
 * PR_RLC is set: if the caller dies the child runs.
 * Errors: those of execvp(3) and of ctl_open(), with the child reaped; -EINVAL no
 * argv[0].  Since: 0.1
 */
int ctl_spawn(struct ctl **h, char *const argv[]);
/*
 * The same, without PR_RLC, for a program that shall outlive the caller: its
 * parent will be init (or a subreaper), not the caller.  Since: 0.1
 */
int ctl_spawn_detached(struct ctl **h, char *const argv[]);
/*
 * As ctl_spawn(), and ties the program to the handle: it and the children it
 * makes are killed when the handle is closed or its owner dies.  In exchange
 * only the calls of the set cost anything when they are traced (seccomp(2),
 * SECCOMP_RET_TRACE); others may be traced too, then all cost as they do
 * otherwise.  Sets PR_KLC and PR_FORK.  Since: 0.1
 */
int ctl_spawn_tied(struct ctl **h, char *const argv[],
		   const struct ctl_sysset *calls);

/*
 * A hint: this program is going to record system calls.  A server that is
 * started for it from now on gets ready for that beside everything else.  Never
 * fails.  Since: 0.1
 */
void ctl_will_record(void);

/* The same, of a program that is going to have children followed and recorded.
 * Since: 0.1 */
void ctl_will_follow(void);

/*
 * What a handle is of; tid 0: the whole process.  The backend is "module",
 * "keeper" or, of a process that nothing controls, "none".  Never fail.
 * Since: 0.1
 */
pid_t ctl_pid(const struct ctl *h);
pid_t ctl_tid(const struct ctl *h);
const char *ctl_backend(const struct ctl *h);
/*
 * Into buf, of size bytes, terminated and cut if it has to be: a line on both
 * backends, which would be used and why, and one on where it has system calls
 * from ("events: bpf").  Returns 0.  Since: 0.1
 */
int ctl_backend_describe(char *buf, size_t size);

/* -- control -------------------------------------------------------------- */

/*
 * Messages as they are (dtrace_ctl.h), of len bytes; *done, if not NULL, gets
 * the bytes carried out, also on failure.  PCREAD and PCWRITE: base is the
 * caller's memory.  -EINVAL no message, or half of one; -EOPNOTSUPP not provided;
 * -EBADF, as of all that send messages: the handle is CTL_OPEN_RDONLY.  See
 * ctl(4).  Since: 0.1
 */
int ctl_write(struct ctl *h, const void *msgs, size_t len, size_t *done);

/*
 * PCSTOP; PCDSTOP, which does not wait; PCWSTOP or PCTWSTOP.  Time-outs are in
 * ms, 0 or less: none.  -ETIME: still not stopped; the directive stays.
 * Since: 0.1
 */
int ctl_stop(struct ctl *h, int timeout_ms);
int ctl_dstop(struct ctl *h);
int ctl_wstop(struct ctl *h, int timeout_ms);
/* PCRUN, flags PR[CSIG..].  -EBUSY: not stopped.  Since: 0.1 */
int ctl_run(struct ctl *h, uint64_t flags);
/*
 * PCSET and PCUNSET, of modes PR_FORK ..; PCKILL; PCSTRACE, PCSFAULT, PCSENTRY
 * and PCSEXIT, whose sets take the place of what was set.  -EINVAL: no such mode
 * or signal.  Since: 0.1
 */
int ctl_mode_set(struct ctl *h, uint64_t modes);
int ctl_mode_unset(struct ctl *h, uint64_t modes);
int ctl_kill(struct ctl *h, int sig);
int ctl_trace_signals(struct ctl *h, uint64_t set);
int ctl_trace_faults(struct ctl *h, uint64_t set);
int ctl_trace_sysentry(struct ctl *h, const struct ctl_sysset *set);
int ctl_trace_sysexit(struct ctl *h, const struct ctl_sysset *set);

/*
 * st->size is set by the caller, to the size that it was compiled with: so many
 * bytes are filled in, with zeroes where the library knows less.  Of a
 * CTL_OPEN_RDONLY handle on a process that nothing controls it is filled from
 * /proc, as far as that can be read.
 *   -EINVAL size is below CTL_STATUS_SIZE_V1   -ENOENT it has exited
 * Since: 0.1
 */
int ctl_status(struct ctl *h, struct ctl_status *st);
/*
 * Every thread, in order of tid; *v is malloc'ed, the caller frees it.  Returns
 * the number.  Since: 0.1
 */
int ctl_threads(struct ctl *h, struct ctl_lwpstatus **v);
/*
 * The registers of the handle's thread, or of the process's representative
 * thread.  -EBUSY: not stopped.  Since: 0.1
 */
int ctl_regs_get(struct ctl *h, struct ctl_regs *r);
int ctl_regs_set(struct ctl *h, const struct ctl_regs *r);
int ctl_fpregs_get(struct ctl *h, struct ctl_fpregs *r);
int ctl_fpregs_set(struct ctl *h, const struct ctl_fpregs *r);
/* All len bytes or -EFAULT.  Need not be stopped.  Since: 0.1 */
int ctl_mem_read(struct ctl *h, uint64_t addr, void *buf, size_t len);
int ctl_mem_write(struct ctl *h, uint64_t addr, const void *buf, size_t len);

/* -- waiting on several handles ------------------------------------------- */

#define CTL_POLL_STOPPED 1 /* stopped on an event of interest                */
#define CTL_POLL_EVENTS 2  /* records in the ring                            */
#define CTL_POLL_GONE 4    /* the process is gone; the ring may hold records */
#define CTL_POLL_INVALID 8 /* invalidated: ctl_reopen() or close             */
#define CTL_POLL_DEAD 16   /* the server is gone; the process runs           */
/*
 * A descriptor for poll(2) and the events to ask for (*events).  When it is
 * ready, or just before waiting, ask ctl_poll_check(): it returns the
 * CTL_POLL_* bits that hold now, or -errno, and never blocks.  Since: 0.1
 */
int ctl_poll_fd(struct ctl *h, short *events);
int ctl_poll_check(struct ctl *h);

/* -- event ring ----------------------------------------------------------- */

/*
 * Give the handle a ring of size bytes (0: 4 MiB; rounded up to a power of
 * two), flags CTL_RING_DROP.  It lives as long as the handle.  -EBUSY it has one;
 * -EINVAL more than CTL_RING_MAX; -EBADF the handle is for the status.
 * Since: 0.1
 */
int ctl_ring_open(struct ctl *h, size_t size, uint32_t flags);
/* PCRECORD.  -EOPNOTSUPP: by BPF alone, which CTL_EVENTS asks for, that cannot be
 * recorded here.  Since: 0.1 */
int ctl_ring_record(struct ctl *h, const struct ctl_record *what);
/* PCCAPTURE: n operations for one call; -EINVAL more than CTL_CAP_OPS, or no such
 * operation.  Since: 0.1 */
int ctl_ring_capture(struct ctl *h, int abi, unsigned nr,
		     const struct ctl_capop *ops, unsigned n);
/*
 * The next record: 1 and *rec (checked: len, type and every length within lie
 * inside it), 0 when there is none now, -EPROTO when the ring lies, -EINVAL when
 * the handle has none.  *rec points into the ring and is valid, but for a
 * hostile server unchanging, until ctl_ring_release().  Since: 0.1
 */
int ctl_ring_next(struct ctl *h, const struct ctl_rec **rec);
/* Give back the room of every record taken so far.  Since: 0.1 */
void ctl_ring_release(struct ctl *h);
/*
 * Wake ctl_poll_fd() when the ring holds at least bytes; 0: do not.  Returns
 * whether it holds as much already (then do not wait).  Since: 0.1
 */
bool ctl_ring_wake(struct ctl *h, size_t bytes);
/*
 * Records dropped so far, with CTL_RING_DROP; and what, added to a record's
 * time, makes it ns since 1970.  Since: 0.1
 */
uint64_t ctl_ring_lost(const struct ctl *h);
uint64_t ctl_ring_epoch(const struct ctl *h);
/*
 * Walk the captures of a SYSCALL or SYSENTRY record: *cap NULL at first.
 * Returns 1 with the next one, 0 at the end.  Since: 0.1
 */
int ctl_cap_next(const struct ctl_rec_syscall *rec, const struct ctl_cap **cap);

/* -- USDT probes (usdt.c) -------------------------------------------------- */

/*
 * What is known of the probes of a file, or of every object that a process has
 * mapped.  It is a picture of the moment it was taken; what it points to lives
 * until ctl_usdt_free().
 */
struct ctl_usdt;

#define CTL_USDT_STAPSDT 1 /* .note.stapsdt: <sys/sdt.h>                     */
#define CTL_USDT_NOTE 2	   /* .note.usdt: dtrace -G of DTrace 2              */
#define CTL_USDT_DOF 3	   /* .SUNW_dof: dtrace -G before that               */

/* How an argument is had; the number of bytes is size. */
#define CTL_ARG_UNKNOWN 0 /* it cannot be; problem says why                  */
#define CTL_ARG_CONST 1	  /* it is value                                     */
#define CTL_ARG_REG 2	  /* register base, shifted right by shift bits      */
#define CTL_ARG_MEM 3	  /* memory at seg + base + index * scale + value    */

/* Registers: the numbers that DWARF gives them on x86-64, and three of ours. */
enum ctl_usdt_reg {
	CTL_R_RAX, CTL_R_RDX, CTL_R_RCX, CTL_R_RBX, CTL_R_RSI, CTL_R_RDI,
	CTL_R_RBP, CTL_R_RSP, CTL_R_R8, CTL_R_R9, CTL_R_R10, CTL_R_R11,
	CTL_R_R12, CTL_R_R13, CTL_R_R14, CTL_R_R15, CTL_R_RIP,
	CTL_R_XMM0, /* .. XMM31 */
	CTL_R_ST0 = CTL_R_XMM0 + 32, /* .. ST7 */
	CTL_R_MM0 = CTL_R_ST0 + 8,   /* .. MM7 */
	CTL_R_FS = CTL_R_MM0 + 8, /* the segment's base */
	CTL_R_GS,
	CTL_R_NONE = 255,
};

struct ctl_usdt_arg {
	const char *spec;    /* as the file has it                           */
	const char *problem; /* CTL_ARG_UNKNOWN                              */
	const char *type;    /* of the C source or the declaration, or NULL  */
	const char *xtype;   /* what a DTrace translator makes of it, or NULL */
	const char *name;    /* of the variable, or NULL                     */
	uint8_t how;	     /* CTL_ARG_*                                    */
	uint8_t size;	     /* bytes; 0 when the description has none       */
	bool is_signed;
	bool is_float;
	uint8_t base, index, seg; /* enum ctl_usdt_reg                       */
	uint8_t scale, shift;
	int64_t value;
};

struct ctl_usdt_frame { /* where a site is in the source */
	const char *function;
	const char *file; /* of the site, or of the call that was inlined; or NULL */
	unsigned line;	  /* 0: not known                                    */
};

struct ctl_usdt_site {
	uint64_t address; /* in the process, or as the file was linked       */
	uint64_t offset;  /* in the file                                     */
	bool has_offset;  /* debug files have the notes and not the code     */
	bool is_enabled;  /* no hit: asks whether the probe is enabled       */
	unsigned nargs;
	const struct ctl_usdt_arg *args; /* of an is-enabled site: where to
					    store 1                          */
	const char *argtext; /* all of them as the file has it               */
	/* CTL_USDT_SOURCE: inner to outer, all but the last were inlined */
	unsigned nframes;
	const struct ctl_usdt_frame *frames;
};

struct ctl_usdt_probe {
	const char *provider, *name;
	const char *object;   /* path as the process sees it, or as opened   */
	const char *build_id; /* hexadecimal, or NULL                        */
	int kind;	      /* CTL_USDT_*                                  */
	bool is_32bit;
	bool is_deleted; /* the object's file has no name any more           */
	bool has_semaphore, has_semaphore_offset;
	uint64_t semaphore;	   /* address of the u16, as of the sites    */
	uint64_t semaphore_offset; /* in the file                            */
	unsigned nsites;
	const struct ctl_usdt_site *sites; /* in order of address            */
};

/*
 * Read what path, or the objects mapped in pid, describe.  A file that is no
 * ELF file, that is damaged or that cannot be read is -ENOEXEC, -EBADMSG or the
 * error of open(2); in a process it is skipped with a word to the log, as is
 * a bad note in a good file (ctl_usdt_problems() counts them).  A process
 * needs what ptrace(2) attach needs; -ENOENT it is gone, -EOPNOTSUPP a kernel
 * thread.  *u is the caller's to free.  Since: 0.1
 */
#define CTL_USDT_SOURCE 1 /* frames, names and types from debug information */
int ctl_usdt_file(struct ctl_usdt **u, const char *path, int flags);
int ctl_usdt_process(struct ctl_usdt **u, pid_t pid, int flags);
void ctl_usdt_free(struct ctl_usdt *u);
/*
 * Of a process: the address of an empty function that its dynamic linker calls
 * when it has mapped or unmapped an object; 0: there is none.  Since: 0.1
 */
uint64_t ctl_usdt_loader(const struct ctl_usdt *u);
unsigned ctl_usdt_problems(const struct ctl_usdt *u);
/*
 * The probes in order of object, provider and name: *probe is NULL at first.
 * Returns 1 with the next that spec (NULL: every) selects, 0 at the end.
 * Since: 0.1
 */
struct ctl_usdt_spec;
int ctl_usdt_next(struct ctl_usdt *u, const struct ctl_usdt_spec *spec,
		  const struct ctl_usdt_probe **probe);
/*
 * "[OBJECT:]PROVIDER:NAME", each with the wildcards of fnmatch(3) and empty for
 * any; OBJECT is a path, its last part, or that up to ".so".  Also taken:
 * "usdt:" in front, as bpftrace has it, and DTrace's PROVIDER:OBJECT::NAME with
 * "-" for "__".  *spec is the caller's to free; it needs text no more.  -EINVAL.
 * Since: 0.1
 */
int ctl_usdt_spec_parse(struct ctl_usdt_spec **spec, const char *text);
void ctl_usdt_spec_free(struct ctl_usdt_spec *spec);
bool ctl_usdt_match(const struct ctl_usdt_spec *spec,
		    const struct ctl_usdt_probe *probe);

/* -- enabling probes (probe.c) -------------------------------------------- */

/*
 * PCPROBE as it is: op is the operand, of op->size bytes.  The other is one of a
 * single site, without arguments.  Errors as of ctl_probe_enable().  Since: 0.1
 */
int ctl_probe_enable_raw(struct ctl *h, const struct ctl_probe *op);
int ctl_probe_enable_address(struct ctl *h, uint64_t addr, uint32_t id,
			     uint32_t flags);
/* PCUNPROBE; id 0: every probe that no handle owns.  -EINVAL: there is none.
 * Since: 0.1 */
int ctl_probe_disable(struct ctl *h, uint32_t id);
/*
 * Enable every site of p under this number; flags CTL_PROBE_HANDLE ..;
 * predicate: npred operations or NULL; strlimit 0: no strings.  The label that
 * CTL_IOC_PROBES keeps is "PROVIDER\0NAME\0OBJECT\0".
 *   -EEXIST the number is taken   -EBUSY a breakpoint of another tracer
 *   -EOPNOTSUPP a site is no nop  -EINVAL it has no site that can be hit, or
 *                                 the condition, or a name, is too long
 * Of several sites all are enabled or none.  Since: 0.1
 */
struct ctl_probe_options {
	uint32_t id, flags, strlimit;
	const struct ctl_pred *pred;
	unsigned npred;
	uint32_t stack; /* bytes of the user stack with each hit, 0: none    */
};
int ctl_probe_enable(struct ctl *h, const struct ctl_usdt_probe *p,
		     const struct ctl_probe_options *o);
/*
 * What is enabled, one struct ctl_probe_info with its label behind the other, in
 * order of id: *v is malloc'ed, the caller frees it.  Returns the number;
 * -EOPNOTSUPP: nothing controls the process.  Since: 0.1
 */
int ctl_probe_list(struct ctl *h, struct ctl_probe_info **v);
/* The next one in *v. */
static inline const struct ctl_probe_info *
ctl_probe_info_next(const struct ctl_probe_info *i)
{
	return (const struct ctl_probe_info *)(const void *)((const char *)i +
							     i->len);
}
/* Of a label that ctl_probe_enable() made; else false.  Since: 0.1 */
bool ctl_probe_names(const struct ctl_probe_info *i, const char **provider,
		     const char **name, const char **object);
static inline const char *ctl_probe_label(const struct ctl_probe_info *i)
{
	return (const char *)(i + 1);
}
/* The arguments of a hit, rec->nargs of them; and the strings, as
 * ctl_cap_next().  Since: 0.1 */
const uint64_t *ctl_probe_args(const struct ctl_rec_probe *rec);
int ctl_probe_cap_next(const struct ctl_rec_probe *rec,
		       const struct ctl_cap **cap);
/* How to get an argument, as the server wants it.  Since: 0.1 */
void ctl_usdt_fetch(const struct ctl_usdt_probe *p,
		    const struct ctl_usdt_arg *a, struct ctl_fetch *f);

/* -- functions (func.c) ----------------------------------------------------- */

/*
 * "[!]LIB,...:[:][!]FUNCTION,...", as SVR4's truss(1) has it.  Names may have the
 * wildcards of fnmatch(3); LIB is a path, its last part, or that up to ".so".
 * An empty list is any, "!" makes it all but those.  The program and the
 * dynamic linker are not meant by wildcards and "!", but only by their names,
 * or as "a.out" and "ld".  "::" means calls from inside the object, too; of the
 * program these are always meant.  *spec is the caller's to free; it needs text
 * no more.  -EINVAL.  Since: 0.1
 */
struct ctl_func_spec;
int ctl_func_spec_parse(struct ctl_func_spec **spec, const char *text);
void ctl_func_spec_free(struct ctl_func_spec *spec);

struct ctl_func {
	const char *name;   /* as the symbol table has it                    */
	const char *object; /* path as the process sees it                   */
	uint64_t address;   /* in the process                                */
	uint64_t low, high; /* where the object's code is: low <= x < high   */
	unsigned spec;	    /* the number of the first spec that selects it  */
	bool inside;	    /* calls from inside the object are meant, too   */
	bool chosen;	    /* no function, but what chooses one (an ifunc)  */
};

/*
 * The functions that specs select, of what process pid has mapped now; x86-64
 * only.  What cannot be read is skipped with a word to the log
 * (ctl_funcs_problems() counts).  Needs what ptrace(2) attach needs.  *f is the
 * caller's to free.  -ENOENT it is gone; -EINVAL more than CTL_FUNC_SPECS.
 * Since: 0.1
 */
#define CTL_FUNC_SPECS 64
struct ctl_funcs;
int ctl_funcs_process(struct ctl_funcs **f, pid_t pid,
		      struct ctl_func_spec *const *specs, unsigned nspecs);
void ctl_funcs_free(struct ctl_funcs *f);
/* In order of address: *func is NULL at first; 1, or 0 at the end. */
int ctl_funcs_next(struct ctl_funcs *f, const struct ctl_func **func);
unsigned ctl_funcs_problems(const struct ctl_funcs *f);
uint64_t ctl_funcs_loader(const struct ctl_funcs *f); /* ctl_usdt_loader() */

/*
 * Enable a probe at the n functions v, in order of address, under the number
 * o->id; o->flags CTL_PROBE_RETURN ..; o->pred is not looked at.  Those that the
 * server cannot have a probe at are told to refused: -EOPNOTSUPP its first
 * instruction, -EBUSY a breakpoint of another tracer, -ENOSPC too many.
 * Returns how many are enabled; -EEXIST the number is taken.  Since: 0.1
 *
 * A hit's arguments are these; the return's one argument is the result.
 */
#define CTL_FUNC_SP 0	  /* stack pointer: it points to ...                 */
#define CTL_FUNC_CALLER 1 /* the return address                             */
#define CTL_FUNC_ARG 2	  /* the first arguments, if they are integers       */
#define CTL_FUNC_ARGS 3
typedef void ctl_func_refused_fn(void *arg, const struct ctl_func *f, int err);
int ctl_func_enable(struct ctl *h, const struct ctl_func *const *v, unsigned n,
		    const struct ctl_probe_options *o,
		    ctl_func_refused_fn *refused, void *arg);

/* -- user stacks (unwind.c) ------------------------------------------------ */

/*
 * How a thread came to where a record was made.  The server copies registers
 * and the end of the stack into the record (ctl_capture_upload(), or
 * ctl_probe_options.stack); here these become frames, behind the target's
 * back.  Symbols come from the files that the process has mapped, and from
 * their debug files.
 *
 * An unwinder remembers what processes have mapped, so that records which are
 * read after the exit find it: show it every record, in order.  Calls with one
 * unwinder come from one thread at a time.
 */
struct ctl_unwinder;

struct ctl_frame {
	uint64_t address;   /* the instruction, or where a call returns to   */
	const char *object; /* path of the file; "[vdso]"; NULL: in none     */
	uint64_t linked;    /* address in that file, as addr2line(1) wants it */
	const char *symbol; /* NULL: none is known                           */
	uint64_t offset;    /* from the symbol                               */
	const char *file;   /* source file, or NULL                          */
	unsigned line;
	bool inlined; /* into the next frame's function, at the same address:
			 the symbol is a name, there is no offset            */
};
#define CTL_STACK_CUT 1    /* there are more: outside what was copied, or more
			      than CTL_STACK_FRAMES                          */
#define CTL_STACK_BROKEN 2 /* there may be more: the way there is unknown    */
#define CTL_STACK_FRAMES 256
struct ctl_stack {
	unsigned n, flags; /* CTL_STACK_*                                    */
	const struct ctl_frame *frame; /* inner to outer                     */
};

/* -ENOSYS: libdw, which does the work, is not installed.  Since: 0.1 */
int ctl_unwinder_new(struct ctl_unwinder **u);
void ctl_unwinder_free(struct ctl_unwinder *u);
/*
 * Look at what pid has mapped now.  To be called while it is alive; when it is
 * stopped by us, nothing that it mapped is missed.  -ENOENT.  Since: 0.1
 */
int ctl_unwinder_process(struct ctl_unwinder *u, pid_t pid);
/*
 * The stack of a record; and what FORK, EXEC and EXIT mean for what is
 * remembered.  Returns 1 with *st, valid until the next call with u; 0: the
 * record has none; -ENOMEM.  Since: 0.1
 */
int ctl_unwind(struct ctl_unwinder *u, const struct ctl_rec *rec,
	       struct ctl_stack *st);

/* -- names (one table each; names.c, syscall.c) --------------------------- */

/*
 * The name, or NULL for a number without one.  Parsers take a name with or
 * without its prefix (SIGTERM, TERM, 15; FLTBPT, BPT), any case, or a number,
 * and return the number or -EINVAL.  Since: 0.1
 */
const char *ctl_signal_name(int sig);
int ctl_signal_parse(const char *s);
const char *ctl_fault_name(int flt);
int ctl_fault_parse(const char *s);
const char *ctl_errno_name(int err);
const char *ctl_why_name(unsigned why);
const char *ctl_flag_name(unsigned bit_value); /* one PR_* bit of flags     */
const char *ctl_mode_name(uint64_t bit_value); /* one PR_* bit of modes     */
int64_t ctl_mode_parse(const char *s);
const char *ctl_message_name(long code);
long ctl_message_parse(const char *s);
const char *ctl_syscall_name(int abi, unsigned nr);
int ctl_syscall_parse(int abi, const char *s);
/*
 * Lists "a,b,!c,all,none" of signals, faults, system calls into a set; system
 * call lists also take %classes.  "!" first means all but.  -EINVAL, and
 * ctl_error() names the word.  Since: 0.1
 */
int ctl_sigset_parse(const char *list, uint64_t *set);
int ctl_fltset_parse(const char *list, uint64_t *set);
int ctl_sysset_parse(const char *list, struct ctl_sysset *set);
static inline bool ctl_sysset_has(const struct ctl_sysset *s, int abi,
				  unsigned nr)
{
	const __u64 *w = abi == CTL_ABI_COMPAT ? s->compat : s->native;

	if (nr >= CTL_SYSSET_BITS)
		nr = CTL_SYSSET_BITS - 1;
	return w[nr / 64] >> (nr % 64) & 1;
}

/* -- decoding of system calls (syscall.c, decode.c) ----------------------- */

/* A row of the table: what a call is. */
struct ctl_syscall_info {
	const char *name;
	uint64_t classes; /* bit n: ctl_class_name(n)                        */
	unsigned nargs;
	const char *arg[6];
};
/* -EINVAL: no such call.  Since: 0.1 */
int ctl_syscall_info(int abi, unsigned nr, struct ctl_syscall_info *out);
/* "file", "network" ...; NULL behind the last.  In lists: "%file". */
const char *ctl_class_name(unsigned i);

enum ctl_val_kind {
	CTL_VAL_INT, /* value, signed decimal                                */
	CTL_VAL_UINT,
	CTL_VAL_HEX,
	CTL_VAL_OCT,   /* modes                                              */
	CTL_VAL_NULL,  /* a NULL pointer                                     */
	CTL_VAL_PTR,   /* an address that was not followed, or could not be  */
	CTL_VAL_FD,    /* value: a descriptor                                */
	CTL_VAL_NAME,  /* value has one name: str                            */
	CTL_VAL_FLAGS, /* child[]: NAMEs, then what no name covers           */
	CTL_VAL_STR,   /* str, len: a string's bytes, without its NUL        */
	CTL_VAL_BYTES, /* the same of a buffer                               */
	CTL_VAL_STRUCT, /* child[]: fields, by name                          */
	CTL_VAL_ARRAY, /* child[], without names                             */
};
#define CTL_VALF_CUT 1   /* there was more                                   */
#define CTL_VALF_FAULT 2 /* could not be read, wholly or from here on        */
#define CTL_VALF_OUT 4   /* filled in by the call                            */
#define CTL_VALF_PATH 8  /* STR: a path                                      */
#define CTL_VALF_SET 16  /* ARRAY: a set of numbers                          */
struct ctl_val {
	const char *name; /* argument's or field's; NULL in arrays           */
	uint8_t kind;     /* enum ctl_val_kind                               */
	uint8_t flags;    /* CTL_VALF_*                                      */
	uint16_t nchild;
	uint32_t len;   /* bytes of str                                      */
	uint64_t value; /* the number or address itself                      */
	const char *str;
	const struct ctl_val *child;
};
struct ctl_decoded {
	const char *name; /* NULL: no such call is known                     */
	unsigned nargs;
	struct ctl_val arg[6];
	struct ctl_val ret; /* of success                                    */
	uint64_t classes;
	/* Where an argument went in (arg[i]) and came out as something else
	 * (out[i].kind is not INT): time left, a length, ready descriptors. */
	unsigned nout; /* none from here on                              */
	struct ctl_val out[6];
};
struct ctl_decoder;
#define CTL_DECODE_VERBOSE 1 /* every field of every structure               */
#define CTL_DECODE_RAW 2     /* numbers only                                 */
/* -ENOMEM.  Since: 0.1 */
int ctl_decoder_new(struct ctl_decoder **d, unsigned flags);
void ctl_decoder_free(struct ctl_decoder *d);
/*
 * The values of a SYSCALL or SYSENTRY record, which ctl_ring_next() has
 * checked.  *out points into d and rec and is valid until the next call with
 * d.  Never fails: what cannot be decoded is a number.  Since: 0.1
 */
void ctl_decode(struct ctl_decoder *d, const struct ctl_rec_syscall *rec,
		struct ctl_decoded *out);
/* The same of the siginfo_t of a SIGNAL or FAULT record.  Since: 0.1 */
void ctl_decode_siginfo(struct ctl_decoder *d, const void *info,
			struct ctl_val *out);
/*
 * Give the handle's ring the capture programs of the calls in set, made from
 * the table: at most string bytes of a string and data bytes of a buffer
 * (under 8192, or tracing gets slow); paths are captured whole.  stack: bytes
 * of the user stack at entry, for ctl_unwind(); 0: none.  Since: 0.1
 */
int ctl_capture_upload(struct ctl *h, const struct ctl_sysset *set,
		       size_t string, size_t data, size_t stack);
/*
 * For a thread of pid that is in a call now and has no record of it yet: put
 * behind *rec, of which number, ABI and arguments are set, what would be
 * captured at entry, read from the process as it is now; strings, structures
 * and buffers, no messages or vectors.  size: bytes that rec has room for, *rec
 * included.  What cannot be read is left out.  Since: 0.1
 */
void ctl_capture_now(pid_t pid, struct ctl_rec_syscall *rec, size_t size,
		     size_t string, size_t data);

#ifdef __cplusplus
}
#endif
#endif /* CTL_H */
