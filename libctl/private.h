/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * private.h - inside libctl: the handle, and what a backend has to provide.
 *
 * A backend is one file with one const struct ctl_transport; open.c chooses
 * among them, and nothing else asks which one is in use.
 */
#ifndef CTL_PRIVATE_H
#define CTL_PRIVATE_H

#include "ctl.h"

#define CTL_EXPORT __attribute__((visibility("default")))

struct ctl_transport {
	const char *name;
	/*
	 * Is this backend there at all?  0, or -errno with the reason set by
	 * ctl_fail().  Must be cheap and change nothing.
	 */
	int (*available)(void);
	/* Fill h->t_* (h->pid, h->tid are set).  Flags as ctl_open(). */
	int (*open)(struct ctl *h, int flags);
	/* Calls are made known by a seccomp filter, if h->tied. */
	bool filters;
	/* Undo open() and ring(); never fails. */
	void (*close)(struct ctl *h);
	/* As ctl_write(). */
	int (*write)(struct ctl *h, const void *msgs, size_t len, size_t *done);
	int (*status)(struct ctl *h, struct ctl_status *st);
	/* As ioctl CTL_IOC_LWPSTATUS: stores up to n, returns how many are. */
	int (*threads)(struct ctl *h, struct ctl_lwpstatus *v, unsigned n);
	int (*fpregs)(struct ctl *h, struct ctl_fpregs *r);
	int (*poll_fd)(struct ctl *h, short *events);
	/* CTL_POLL_STOPPED, _GONE, _INVALID, _DEAD; open.c adds _EVENTS. */
	int (*poll_check)(struct ctl *h);
	/*
	 * Set up the ring and map it: h->ring.{user,info,data,size}.  Unmapping
	 * is done by close().
	 */
	int (*ring)(struct ctl *h, const struct ctl_ring_setup *setup);
	/*
	 * As CTL_IOC_PROBES: returns the bytes stored.  NULL: not provided.
	 */
	int (*probes)(struct ctl *h, uint32_t after, void *buf, size_t size);
	/* Tell the server that there is room (CTL_IOC_CONSUMED). */
	void (*consumed)(struct ctl *h);
};

/* open.c: ctl_open(); tied: calls that a filter of the target tells of. */
int ctl_open_new(struct ctl **h, pid_t pid, pid_t tid, int flags,
		 const struct ctl_sysset *tied);
/* What that filter says with SECCOMP_RET_TRACE: another one says something else. */
#define CTL_TIE_DATA 0x637fU
/* Is a filter of any use to the server that would be asked? */
bool ctl_can_filter(void);

extern const struct ctl_transport ctl_transport_module;
extern const struct ctl_transport ctl_transport_keeper;
/* Which source of events a keeper would have; empty: not known. */
void ctl_keeper_events(char *buf, size_t size);

struct ctl_ring {
	struct ctl_ring_user *user; /* NULL: no ring */
	const struct ctl_ring_info *info;
	const unsigned char *data;
	uint64_t size; /* our own copy: the mapped one may lie */
	uint64_t tail; /* given back */
	uint64_t next; /* taken */
	/* Another user's server: our copies of its records, in the same places.
	 * It could change one after we have looked at it.  Else NULL. */
	unsigned char *own;
};

struct ctl {
	const struct ctl_transport *t; /* NULL: read-only, filled from /proc */
	pid_t pid, tid;
	uint64_t start; /* with pid, the process's identity (P4) */
	int pidfd;
	int flags;
	const struct ctl_sysset *tied; /* while it is opened: see spawn.c */
	int fd;     /* the transport's */
	void *priv; /* the transport's */
	struct ctl_ring ring;
};

/*
 * Set the text for ctl_error() and return err (negative), so that a failing
 * path can say "return ctl_fail(-EBUSY, ...)".
 */
int ctl_fail(int err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The same with strerror(-err) as the text. */
int ctl_failno(int err);
/*
 * The texts, the same by either backend, for errors that ctl.h has for every
 * call on a handle: ENOENT, EAGAIN, EBUSY (of a message); else ctl_failno().
 */
int ctl_failh(const struct ctl *h, int err);
/* Is there anybody who is told? */
bool ctl_logs(void);
void ctl_log(enum ctl_log_level level, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * usdt_spec.c: what users may call a file: its path, the last part of that, and
 * the latter up to ".so", if it has that.
 */
struct ctl_object_names {
	const char *v[3];
	unsigned n;
	char stem[256];
};
void ctl_object_names(struct ctl_object_names *names, const char *path);

/* target.c: ctl_target_parse() on any bytes. */
int ctl_target_parse_mem(const char *s, size_t len, struct ctl_target *t);
/*
 * names.c: a list of words ("a,!b", "!a,b", "all", "none") into a set of up to
 * 64 bits, bit (n - 1) for the word whose value is n; what: for the error text.
 */
int ctl_set_parse(const char *list, size_t len, uint64_t all,
		  int64_t (*value)(const char *, size_t), const char *what,
		  uint64_t *set);

/* message.c: one message of a batch */
struct ctl_message {
	long code;
	const unsigned char *operand; /* not aligned */
	size_t size;  /* of the operand */
	size_t total; /* code and operand: where the next message starts */
};
/*
 * The message at buf, of which len bytes are there.  -EINVAL unknown or
 * truncated, -EOPNOTSUPP of SVR4 but not provided.
 */
int ctl_message_next(const void *buf, size_t len, struct ctl_message *m);

/* proc.c: what /proc tells; each takes a pid, returns 0 or -errno */
struct ctl_procinfo {
	pid_t pid, ppid, tgid, tracer;
	uid_t uid[4]; /* real, effective, saved, fs */
	gid_t gid[4];
	char state; /* R S D T t Z X ..*/
	char comm[16];
	uint64_t start; /* field 22 of stat */
	unsigned nlwp;
	int cpu; /* where it runs, or ran last */
	bool is_kernel;
	uint64_t sigpend, shdpend, sigblk, sigign, sigcgt;
};
int ctl_proc_info(pid_t pid, pid_t tid, struct ctl_procinfo *pi);
/* It may not be controlled: ctl_fail(-EPERM) with why, and what helps. */
int ctl_proc_denied(pid_t pid);
/* May this process trace what is its user's and not its descendant?  (Yama) */
bool ctl_may_trace_others(void);
/* The start time alone. */
int ctl_proc_start(pid_t pid, uint64_t *start);
/* The CPU that a thread runs on, or ran on last; -errno. */
int ctl_proc_cpu(pid_t pid, pid_t tid);
/* Threads of pid, in order; malloc'ed. Returns the number. */
int ctl_proc_tids(pid_t pid, pid_t **tids);
/* The call that a thread sleeps in, into s->{syscall,sysabi,sysarg}; -EBUSY
 * when it runs, or sleeps for another reason.  See proc(5), syscall. */
int ctl_proc_syscall(pid_t pid, pid_t tid, struct ctl_lwpstatus *s);

#endif
