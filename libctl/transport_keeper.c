/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * transport_keeper.c - the backend that is a keeper: find it or start it, and
 * carry messages over its socket (keeper/proto.h).
 *
 * Finding.  The socket of a process's keeper has the process's number and
 * start time as its name, in a directory that only its owner can write.  A
 * root user's command may meet a process that an ordinary user's keeper holds,
 * in that user's directory: there the tracer of the process, when it is a
 * keeper, tells its socket by its command line.  Any other tracer is an error
 * that names it.
 *
 * Starting.  Two commands may both find no keeper.  They look and start under
 * a lock on a file in the directory; a keeper that is just leaving is waited
 * for.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper/proto.h"
#include "private.h"

/* How long to wait for a keeper that is leaving, or starting elsewhere. */
#define LEAVE_MS 2000
#define LEAVE_STEP_MS 2

struct keeper {
	uint32_t seq;
	int notify; /* eventfd: the answer to KEEP_POLL may have changed */
	int epoll;  /* notify and the socket, for the caller's poll(2) */
	int bits;   /* last known CTL_POLL_* */
	bool fresh; /* bits were asked for since the last notification */
};

static struct keeper *keeper_of(struct ctl *h)
{
	return h->priv;
}

/* -- the directory -------------------------------------------------------- */

/* Ours, a directory, and nobody else may write it. */
static bool dir_good(const char *dir)
{
	struct stat st;

	return lstat(dir, &st) == 0 && S_ISDIR(st.st_mode) &&
	       st.st_uid == geteuid() && !(st.st_mode & 077);
}

/* Else errno is mkdir()'s, or EEXIST: it is there, but not good. */
static bool dir_make(const char *dir)
{
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return false;
	if (dir_good(dir))
		return true;
	errno = EEXIST;
	return false;
}

/* $XDG_RUNTIME_DIR/ctl, if that can be */
static bool dir_xdg(char *dir, size_t size)
{
	const char *xdg = secure_getenv("XDG_RUNTIME_DIR");

	if (!xdg || *xdg != '/' || strlen(xdg) >= size - 8)
		return false;
	snprintf(dir, size, "%s/ctl", xdg);
	return dir_make(dir);
}

/*
 * Root may have the variable from whom it was before, so it comes second.  A root
 * that is none outside of its user namespace cannot write in /run.
 */
static int dir_find(char *dir, size_t size)
{
	struct stat st;
	bool root = geteuid() == 0;

	if (!root && dir_xdg(dir, size))
		return 0;
	if (root) {
		snprintf(dir, size, "/run/ctl");
		if (dir_make(dir) || dir_xdg(dir, size))
			return 0;
	}
	snprintf(dir, size, "/run/user/%u", geteuid());
	if (stat(dir, &st) == 0) {
		snprintf(dir, size, "/run/user/%u/ctl", geteuid());
		if (dir_make(dir))
			return 0;
	}
	snprintf(dir, size, "/tmp/ctl-%u", geteuid());
	if (dir_make(dir))
		return 0;
	if (errno != EEXIST)
		return ctl_fail(-errno,
				"%s: %s: no place for the keeper's socket (set XDG_RUNTIME_DIR)",
				dir, strerror(errno));
	return ctl_fail(-EACCES,
			"%s: not a directory of mode 0700 of this user: no place for the keeper's socket (set XDG_RUNTIME_DIR)",
			dir);
}

/* -- requests ------------------------------------------------------------- */

static int bad_reply(void)
{
	return ctl_fail(-EPROTO, "the keeper speaks another protocol");
}

static int lost(void)
{
	return ctl_fail(-EPIPE, "the keeper is gone; the process runs on");
}

/*
 * Whoever only looks shall not wait for ever: the keeper may be stopped, or
 * another user's who means ill.
 */
#define PATIENCE_S 10
/* The same of who asks a keeper for a process that is most likely not its own. */
#define ASKING_S 1
#define ASKING 0x40000000 /* among the flags of an open */

/* 0: for ever */
static void be_patient(int fd, int seconds)
{
	const struct timeval limit = { .tv_sec = seconds };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

static int silent(int fd)
{
	struct ucred cred = { 0 };
	socklen_t len = sizeof(cred);

	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	return ctl_fail(-ETIMEDOUT, "its keeper, process %d, does not answer",
			cred.pid);
}

static int send_request(struct ctl *h, enum keep_kind kind, int32_t arg,
			const void *a, size_t alen, const void *b, size_t blen,
			int flags)
{
	struct keep_req q = { .kind = kind,
			      .seq = ++keeper_of(h)->seq,
			      .arg = arg,
			      .len = alen + blen };
	struct iovec iov[3] = { { &q, sizeof(q) },
				{ (void *)a, alen },
				{ (void *)b, blen } };
	struct msghdr m = { .msg_iov = iov, .msg_iovlen = 3 };

	while (sendmsg(h->fd, &m, MSG_NOSIGNAL | flags) < 0)
		if (errno == EAGAIN)
			return flags & MSG_DONTWAIT ? -EAGAIN :
						      silent(h->fd);
		else if (errno != EINTR)
			return lost();
	return 0;
}

static void take_fds(struct msghdr *m, int *fds, int nfd, int *got)
{
	struct cmsghdr *cm;
	int v[4], i, n;

	for (cm = CMSG_FIRSTHDR(m); cm; cm = CMSG_NXTHDR(m, cm)) {
		if (cm->cmsg_level != SOL_SOCKET || cm->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cm->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(v, CMSG_DATA(cm), n * sizeof(int));
		for (i = 0; i < n; i++)
			if (*got < nfd)
				fds[(*got)++] = v[i];
			else
				close(v[i]);
	}
}

/* Nobody else closes them. */
static void close_fds(int *fds, int n)
{
	while (n) {
		close(fds[--n]);
		fds[n] = -1;
	}
}

/*
 * The reply to the last request: its payload into buf (of size bytes, *len
 * gets how many), and nfd descriptors.  Replies to older requests, whose wait
 * was interrupted, are skipped.  With waits a signal is -EINTR, else we go on
 * waiting: the keeper answers at once.  Else the server's error (without text),
 * -EPIPE, -EPROTO, or of a handle for the status -ETIMEDOUT.
 */
static int get_reply(struct ctl *h, struct keep_rep *rep, void *buf,
		     size_t size, size_t *len, int *fds, int nfd, bool waits)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(4 * sizeof(int))];
	} u;
	struct iovec iov[2] = { { rep, sizeof(*rep) }, { buf, size } };
	struct msghdr m;
	ssize_t n;
	int got;

	for (;;) {
		memset(&m, 0, sizeof(m));
		m.msg_iov = iov;
		m.msg_iovlen = 2;
		m.msg_control = u.buf;
		m.msg_controllen = sizeof(u.buf);
		got = 0;
		n = recvmsg(h->fd, &m, MSG_CMSG_CLOEXEC);
		if (n < 0 && errno == EINTR) {
			if (!waits)
				continue;
			return ctl_failno(-EINTR);
		}
		if (n < 0 && errno == EAGAIN)
			return silent(h->fd);
		if (n <= 0)
			return lost();
		take_fds(&m, fds, nfd, &got);
		if ((size_t)n < sizeof(*rep) || (m.msg_flags & MSG_TRUNC) ||
		    rep->len != n - sizeof(*rep))
			goto bad;
		if (rep->seq != keeper_of(h)->seq) {
			close_fds(fds, got);
			continue;
		}
		if (rep->err > 0 || rep->err < -4095)
			goto bad;
		if (got < nfd && (m.msg_flags & MSG_CTRUNC)) {
			/* No room for a descriptor of ours. */
			close_fds(fds, got);
			return ctl_failno(-EMFILE);
		}
		if (got != (rep->err ? 0 : nfd))
			goto bad;
		*len = rep->len;
		return rep->err;
	}
bad:
	close_fds(fds, got);
	return bad_reply();
}

/* The text for a server's error; our own have theirs. */
static int server_error(struct ctl *h, int err)
{
	switch (err) {
	case 0:
	case -EPIPE:
	case -EPROTO:
	case -EINTR:
	case -ETIMEDOUT:
		return err;
	case -EFBIG:
		return ctl_fail(err,
				"the limit of file sizes leaves no room for a ring (ulimit -f)");
	}
	return ctl_failh(h, err);
}

static int request(struct ctl *h, enum keep_kind kind, int32_t arg,
		   const void *a, size_t alen, const void *b, size_t blen,
		   struct keep_rep *rep, void *buf, size_t size, size_t *len)
{
	int r = send_request(h, kind, arg, a, alen, b, blen, 0);

	if (r == 0)
		r = get_reply(h, rep, buf, size, len, NULL, 0, false);
	return server_error(h, r);
}

/* -- connecting ----------------------------------------------------------- */

/* Ours, or root's: it could do to us whatever it likes anyway. */
static bool peer_trusted(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 &&
	       (cred.uid == geteuid() || cred.uid == 0);
}

static bool peer_good(int fd)
{
	return peer_trusted(fd) || geteuid() == 0;
}

/* What the caller's poll(2) waits for: notify, and that the keeper goes. */
static int watch_keeper(struct keeper *k, int fd)
{
	struct epoll_event notified = { .events = EPOLLIN };
	struct epoll_event closed = { .events = EPOLLRDHUP };

	k->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (k->epoll < 0 ||
	    epoll_ctl(k->epoll, EPOLL_CTL_ADD, k->notify, &notified) < 0 ||
	    epoll_ctl(k->epoll, EPOLL_CTL_ADD, fd, &closed) < 0)
		return -errno;
	return 0;
}

/*
 * Say hello.  0, the server's error, or -ECONNREFUSED when nobody listens
 * there, -EPIPE when the keeper left while we talked.
 */
static int hello(struct ctl *h, const char *path, int flags)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct keep_hello hi = {
		.version = KEEP_VERSION,
		.pid = h->pid,
		.tid = h->tid,
		.start = h->start,
		.flags = (flags & CTL_OPEN_RDONLY ? KEEP_HELLO_RDONLY : 0) |
			 (flags & CTL_OPEN_EXCL ? KEEP_HELLO_EXCL : 0),
	};
	struct keeper *k;
	struct keep_rep rep;
	size_t len;
	int r;

	if (strlen(path) >= sizeof(sa.sun_path))
		return -ENAMETOOLONG;
	strcpy(sa.sun_path, path);
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->notify = k->epoll = -1;
	h->priv = k;
	h->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (h->fd < 0) {
		r = -errno;
		goto fail;
	}
	if (flags & (ASKING | CTL_OPEN_RDONLY))
		be_patient(h->fd, flags & ASKING ? ASKING_S : PATIENCE_S);
	while ((r = connect(h->fd, (struct sockaddr *)&sa, sizeof(sa))) < 0 &&
	       errno == EINTR)
		;
	if (r < 0) {
		r = errno == ENOENT ? -ECONNREFUSED :
		    errno == EAGAIN ? silent(h->fd) : -errno;
		goto fail;
	}
	if (!peer_good(h->fd)) {
		r = -EACCES;
		goto fail;
	}
	r = send_request(h, KEEP_HELLO, 0, &hi, sizeof(hi), NULL, 0, 0);
	if (r == 0)
		r = get_reply(h, &rep, NULL, 0, &len, &k->notify, 1, false);
	if (r < 0)
		goto fail;
	if (flags & ASKING)
		be_patient(h->fd, flags & CTL_OPEN_RDONLY ? PATIENCE_S : 0);
	r = watch_keeper(k, h->fd);
	if (r == 0)
		return 0;
fail:
	if (h->fd >= 0)
		close(h->fd);
	if (k->notify >= 0)
		close(k->notify);
	if (k->epoll >= 0)
		close(k->epoll);
	free(k);
	h->priv = NULL;
	h->fd = -1;
	return r;
}

/* -- starting ------------------------------------------------------------- */

/* The keeper's file: beside the library or program we are part of, so that a
 * build tree uses its own; else where it was installed. */
static int keeper_path(char *path, size_t size)
{
	const char *env = secure_getenv("CTL_KEEPER");
	char self[PATH_MAX];
	Dl_info info;
	ssize_t n;
	int i;

	if (env && *env) {
		snprintf(path, size, "%s", env);
		if (access(path, X_OK) == 0)
			return 0;
		return ctl_fail(-ENODEV, "CTL_KEEPER: %s: %s", path,
				strerror(errno));
	}
	for (i = 0; i < 2; i++) {
		char *slash;

		if (i == 0) {
			if (!dladdr((void *)(uintptr_t)keeper_path, &info) ||
			    !info.dli_fname || !realpath(info.dli_fname, self))
				continue;
		} else {
			n = readlink("/proc/self/exe", self, sizeof(self) - 1);
			if (n < 0)
				continue;
			self[n] = '\0';
		}
		slash = strrchr(self, '/');
		if (!slash)
			continue;
		*slash = '\0';
		if (snprintf(path, size, "%s/../libexec/ctltools/" KEEP_NAME,
			     self) < (int)size && access(path, X_OK) == 0)
			return 0;
	}
	snprintf(path, size, "%s/" KEEP_NAME, LIBEXECDIR);
	if (access(path, X_OK) == 0)
		return 0;
	return ctl_fail(-ENODEV,
			"cannot find the keeper, %s: install ctltools, or set CTL_KEEPER",
			path);
}

/* What becomes the keeper shares our memory until it executes it. */
struct launch {
	const char *file;
	char *const *argv;
	int ready;
	char *stack; /* of the second of two children, LAUNCH_STACK bytes */
};
#define LAUNCH_STACK 32768

/*
 * vfork() without an exit signal, so that neither a SIGCHLD nor a wait() of the
 * program that uses the library meets our child, and without fork handlers,
 * which might wait for a lock of another thread.  A fork of a program with much
 * memory takes longer than all the rest.  The caller sleeps until the child has
 * executed or exited; signals are blocked, so no handler runs in it.
 */
static pid_t launch(int (*child)(void *), char *stack, struct launch *l)
{
	return clone(child, stack + LAUNCH_STACK, CLONE_VM | CLONE_VFORK, l);
}

/* In the child: become the keeper. */
static int become(void *arg)
{
	struct launch *l = arg;
	sigset_t none;
	int null, i;

	for (i = 1; i < 65; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	null = open("/dev/null", O_RDWR);
	if (null < 0 ||
	    (l->ready != KEEP_READY_FD && dup2(l->ready, KEEP_READY_FD) < 0))
		_exit(127);
	if (l->ready == KEEP_READY_FD)
		fcntl(l->ready, F_SETFD, 0);
	for (i = 0; i < 3; i++)
		dup2(null, i);
	if (syscall(SYS_close_range, KEEP_READY_FD + 1, ~0U, 0) < 0)
		for (i = KEEP_READY_FD + 1; i < 65536; i++)
			close(i);
	if (chdir("/") < 0)
		_exit(127);
	execv(l->file, l->argv);
	_exit(127);
}

/* The keeper is not the caller's child, so that no wait() of its own meets it. */
static int detach(void *arg)
{
	struct launch *l = arg;

	setsid();
	_exit(launch(become, l->stack, l) < 0 ? 127 : 0);
}

static const char *intention; /* KEEP_RECORDS, KEEP_FOLLOWS or NULL */

CTL_EXPORT void ctl_will_record(void)
{
	if (!intention)
		intention = KEEP_RECORDS;
}

CTL_EXPORT void ctl_will_follow(void)
{
	intention = KEEP_FOLLOWS;
}

static int start_keeper(struct ctl *h, const char *socket_path)
{
	struct keep_ready r = { 0 };
	char file[PATH_MAX], pid[16], start[24], tied[2 * sizeof(*h->tied) + 1];
	char *argv[] = { (char *)KEEP_NAME, pid, start, (char *)socket_path,
			 h->tied ? tied : (char *)"-",
			 (char *)intention, NULL };
	sigset_t all, mask;
	int fds[2], err, status;
	size_t got = 0;
	char *stacks;
	ssize_t n;
	pid_t child;

	err = keeper_path(file, sizeof(file));
	if (err)
		return err;
	snprintf(pid, sizeof(pid), "%d", h->pid);
	snprintf(start, sizeof(start), "%" PRIu64, h->start);
	for (size_t i = 0; h->tied && i < sizeof(*h->tied); i++)
		sprintf(tied + 2 * i, "%02x", ((unsigned char *)h->tied)[i]);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return ctl_failno(-errno);
	stacks = mmap(NULL, 2 * LAUNCH_STACK, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	err = -errno;
	child = -1;
	if (stacks != MAP_FAILED) {
		struct launch l = { file, argv, fds[1], stacks + LAUNCH_STACK };

		sigfillset(&all);
		pthread_sigmask(SIG_SETMASK, &all, &mask);
		child = launch(detach, stacks, &l);
		err = -errno;
		pthread_sigmask(SIG_SETMASK, &mask, NULL);
		munmap(stacks, 2 * LAUNCH_STACK);
	}
	close(fds[1]);
	if (child < 0) {
		close(fds[0]);
		return ctl_fail(err, "cannot start the keeper: %s",
				strerror(-err));
	}
	while (waitpid(child, &status, __WCLONE) < 0 && errno == EINTR)
		;
	while (got < sizeof(r)) {
		n = read(fds[0], (char *)&r + got, sizeof(r) - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += n;
	}
	close(fds[0]);
	if (got != sizeof(r))
		return ctl_fail(-EIO, "the keeper %s did not start", file);
	r.text[sizeof(r.text) - 1] = '\0';
	if (!r.err)
		ctl_log(CTL_LOG_INFO, "%d: started %s", h->pid, file);
	return r.err ? ctl_fail(r.err, "%s", r.text) : 0;
}

/* -- finding -------------------------------------------------------------- */

/* The socket of the keeper that traces it: the command line's third word. */
static int socket_of_tracer(pid_t tracer, char *path, size_t size)
{
	char file[64], buf[512], *p, *end;
	struct ctl_procinfo pi;
	ssize_t n;
	int fd, i;

	if (ctl_proc_info(tracer, 0, &pi) < 0)
		return -ENOENT;
	if (strcmp(pi.comm, KEEP_NAME) ||
	    (geteuid() != 0 && pi.uid[1] != geteuid() && pi.uid[1] != 0))
		return -EBUSY;
	snprintf(file, sizeof(file), "/proc/%d/cmdline", tracer);
	fd = open(file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -ENOENT;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return -ENOENT;
	buf[n] = '\0';
	end = buf + n;
	for (p = buf, i = 0; i < 3 && p < end; i++)
		p += strlen(p) + 1;
	if (i < 3 || p >= end || *p != '/' || strlen(p) >= size)
		return -EBUSY;
	strcpy(path, p);
	return 0;
}

static void nap(void)
{
	struct timespec ts = { 0, LEAVE_STEP_MS * 1000000L };

	nanosleep(&ts, NULL);
}

/* PID.START: is it the name of a socket? */
static bool parse_socket_name(const char *name, pid_t *pid, uint64_t *start)
{
	int end;

	return sscanf(name, "%d.%" SCNu64 "%n", pid, start, &end) == 2 &&
	       !name[end] && *pid > 0;
}

static bool anybody_listens(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd, r;

	if (strlen(path) >= sizeof(sa.sun_path))
		return false;
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return true;
	r = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	if (r < 0)
		r = errno == ECONNREFUSED || errno == ENOENT ? -1 : 0;
	close(fd);
	return r == 0;
}

/*
 * Sockets in the directory whose keeper was killed.  That their process is
 * gone does not tell: its keeper may go on with children that it follows.
 */
static void sweep(const char *dir)
{
	uint64_t start, real;
	char path[PATH_MAX];
	struct dirent *d;
	DIR *dp = opendir(dir);
	pid_t pid;

	if (!dp)
		return;
	while ((d = readdir(dp))) {
		if (!parse_socket_name(d->d_name, &pid, &start))
			continue;
		if (ctl_proc_start(pid, &real) == 0 && real == start)
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		if (!anybody_listens(path))
			unlink(path);
	}
	closedir(dp);
}

static int lock_dir(const char *dir)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return ctl_fail(-errno, "%s: %s", path, strerror(errno));
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR) {
			close(fd);
			return ctl_failno(-errno);
		}
	return fd;
}

static int busy_with(pid_t tracer)
{
	struct ctl_procinfo pi;

	if (ctl_proc_info(tracer, 0, &pi) < 0)
		return ctl_fail(-EBUSY, "traced by pid %d", tracer);
	return ctl_fail(-EBUSY, "traced by %s (pid %d)", pi.comm, tracer);
}

static int hello_error(struct ctl *h, int r)
{
	if (r == -EBUSY)
		return ctl_fail(r, "somebody else has it open for control");
	return server_error(h, r);
}

/* Leads this name to a socket that may be another process's keeper's? */
static bool is_link(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/*
 * Root's keepers know children that they have not attached to (keeper/afar.c),
 * from their birth on: ask each.  -ECONNREFUSED: it is nobody's.
 */
static int ask_others(struct ctl *h, const char *socket_path, int flags)
{
	const char *slash = strrchr(socket_path, '/');
	int r = -ECONNREFUSED;
	struct ctl_procinfo pi;
	char path[PATH_MAX];
	struct dirent *d;
	uint64_t start;
	pid_t pid;
	DIR *dp;

	if (geteuid() != 0 || !slash)
		return r;
	snprintf(path, sizeof(path), "%.*s", (int)(slash - socket_path),
		 socket_path);
	dp = opendir(path);
	if (!dp)
		return r;
	while (r == -ECONNREFUSED && (d = readdir(dp))) {
		if (!parse_socket_name(d->d_name, &pid, &start) ||
		    !strcmp(d->d_name, slash + 1))
			continue;
		snprintf(path, sizeof(path), "%.*s/%s",
			 (int)(slash - socket_path), socket_path, d->d_name);
		r = hello(h, path, flags | ASKING);
		if (r == -ENOENT || r == -EPIPE || r == -ETIMEDOUT ||
		    r == -EACCES)
			r = -ECONNREFUSED;
	}
	closedir(dp);
	/* It knows the process, but somebody else traces it. */
	if (r == -EBUSY && ctl_proc_info(h->pid, 0, &pi) == 0 && pi.tracer)
		return busy_with(pi.tracer);
	return r == -ECONNREFUSED ? r : hello_error(h, r);
}

/*
 * One look at who has the process.  0: connected.  -ECONNREFUSED: nobody.
 * -EPIPE, -ESRCH: a keeper that is leaving or not listening yet: look again.
 */
static int look(struct ctl *h, const char *socket_path, int flags)
{
	char path[128];
	struct ctl_procinfo pi;
	int r;

	r = hello(h, socket_path, flags);
	/* A killed keeper has left the link of a child that it followed, and
	 * the parent's next keeper knows nothing of the child. */
	if (r == -ENOENT && is_link(socket_path))
		r = -ECONNREFUSED;
	if (r != -ECONNREFUSED)
		return hello_error(h, r);
	r = ctl_proc_info(h->pid, 0, &pi);
	if (r < 0)
		return ctl_fail(-ENOENT, "No such process");
	if (!pi.tracer)
		return ask_others(h, socket_path, flags);
	r = socket_of_tracer(pi.tracer, path, sizeof(path));
	if (r == -EBUSY)
		return busy_with(pi.tracer);
	if (r < 0 || !strcmp(path, socket_path))
		return -ESRCH;
	r = hello(h, path, flags);
	if (r == -EACCES || r == -EPERM)
		return ctl_fail(-EPERM,
				"controlled by the keeper of another user (pid %d)",
				pi.tracer);
	/* Or it has to do with a child just born, for a moment. */
	return r == -ECONNREFUSED || r == -ENOENT ? -ESRCH : hello_error(h, r);
}

/* What the keeper says of its source of events; empty: it says nothing. */
void ctl_keeper_events(char *buf, size_t size)
{
	char path[PATH_MAX], *argv[] = { path, (char *)"--events", NULL };
	posix_spawn_file_actions_t actions;
	int fds[2], err;
	size_t got = 0;
	ssize_t n;
	pid_t pid;

	buf[0] = '\0';
	if (keeper_path(path, sizeof(path)) < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	err = posix_spawn(&pid, path, &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	while (!err && got < size - 1) {
		n = read(fds[0], buf + got, size - 1 - got);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		got += n;
	}
	close(fds[0]);
	buf[got] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	while (!err && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int keeper_available(void)
{
	char path[PATH_MAX];

	return keeper_path(path, sizeof(path));
}

static int keeper_open(struct ctl *h, int flags)
{
	char dir[96], path[128];
	struct ctl_procinfo pi;
	int lock = -1, r, tries;

	if (h->pid == getpid() && !(flags & CTL_OPEN_RDONLY))
		return ctl_fail(-EBUSY,
				"a process cannot wait for itself to stop");
	r = dir_find(dir, sizeof(dir));
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/%d.%" PRIu64, dir, h->pid, h->start);
	if (strlen(path) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		return ctl_fail(-ENAMETOOLONG,
				"XDG_RUNTIME_DIR is too long for a socket's path");
	for (tries = 0; tries < LEAVE_MS / LEAVE_STEP_MS; tries++) {
		r = look(h, path, flags);
		if (r == -EPIPE || r == -ESRCH) {
			/* It is leaving, or has just come. */
			nap();
			continue;
		}
		if (r != -ECONNREFUSED)
			break;
		if (flags & CTL_OPEN_RDONLY) {
			r = ctl_fail(-ENODEV, "nothing controls it");
			break;
		}
		if (lock < 0) {
			lock = lock_dir(dir);
			if (lock < 0) {
				r = lock;
				break;
			}
			continue; /* somebody may have been faster */
		}
		sweep(dir);
		r = start_keeper(h, path);
		/* Another user's command was faster, or one that was killed
		 * while it held the lock: talk to its keeper. */
		if (r == -EBUSY && ctl_proc_info(h->pid, 0, &pi) == 0 &&
		    pi.tracer && ctl_proc_info(pi.tracer, 0, &pi) == 0 &&
		    !strcmp(pi.comm, KEEP_NAME)) {
			nap();
			continue;
		}
		if (r < 0)
			break;
	}
	if (lock >= 0)
		close(lock);
	if (r == -EPIPE || r == -ESRCH || r == -ECONNREFUSED)
		r = ctl_fail(-EBUSY, "its keeper neither answers nor leaves");
	return r;
}

static void keeper_close(struct ctl *h)
{
	struct keeper *k = keeper_of(h);

	if (h->ring.user) {
		munmap(h->ring.user, 4096);
		munmap((void *)h->ring.info, 4096 + h->ring.size);
		free(h->ring.own);
	}
	if (!k)
		return;
	close(k->epoll);
	close(k->notify);
	close(h->fd);
	free(k);
}

/* -- messages ------------------------------------------------------------- */

static int write_memory(struct ctl *h, const struct ctl_message *m)
{
	unsigned char *base;
	struct keep_mem mem;
	struct ctl_iovec v;
	struct keep_rep rep;
	size_t len, n, at;
	int r;

	memcpy(&v, m->operand, sizeof(v));
	if (v.len > INT64_MAX)
		return server_error(h, -EINVAL);
	base = (void *)(uintptr_t)v.base;
	for (at = 0; at < v.len; at += n) {
		n = v.len - at;
		if (n > KEEP_DATA / 2)
			n = KEEP_DATA / 2;
		mem = (struct keep_mem){ .addr = v.offset + at, .len = n };
		if (m->code == PCREAD) {
			r = request(h, KEEP_READ, 0, &mem, sizeof(mem), NULL, 0,
				    &rep, base + at, n, &len);
			if (r == 0 && len != n)
				r = bad_reply();
		} else {
			r = request(h, KEEP_WRITE, 0, &mem, sizeof(mem),
				    base + at, n, &rep, NULL, 0, &len);
		}
		if (r < 0)
			return r == -EFAULT ?
				       ctl_fail(r, "no such memory in the process: %#llx",
						(unsigned long long)v.offset + at) :
				       r;
	}
	return 0;
}

static int keeper_ring(struct ctl *h, const struct ctl_ring_setup *setup);

/* Messages that the keeper takes as they are, in one packet. */
static int write_batch(struct ctl *h, const unsigned char *p, size_t len,
		       bool waits, size_t *done)
{
	struct keep_rep rep;
	size_t got;
	int r;

	r = send_request(h, KEEP_CTL, 0, p, len, NULL, 0, 0);
	if (r < 0)
		return r;
	rep.value = 0;
	r = get_reply(h, &rep, NULL, 0, &got, NULL, 0, waits);
	if (r != -EINTR && r != -EPIPE && r != -EPROTO)
		*done += rep.value < len ? rep.value : len;
	return server_error(h, r);
}

static int keeper_write(struct ctl *h, const void *msgs, size_t len,
			size_t *donep)
{
	const unsigned char *p = msgs;
	size_t done = 0, end, next;
	struct ctl_ring_setup setup;
	struct ctl_message m;
	bool waits;
	int r = 0;

	while (done < len && r == 0) {
		waits = false;
		/* As many plain messages as fit a packet. */
		for (end = done; end < len; end = next) {
			r = ctl_message_next(p + end, len - end, &m);
			if (r < 0 || m.code == PCREAD || m.code == PCWRITE ||
			    m.code == PCRING)
				break;
			next = end + m.total;
			if (next - done > KEEP_DATA)
				break;
			waits |= m.code == PCSTOP || m.code == PCWSTOP ||
				 m.code == PCTWSTOP;
		}
		if (end > done) {
			r = write_batch(h, p + done, end - done, waits, &done);
			continue;
		}
		if (r < 0) {
			r = r == -EOPNOTSUPP ?
				    ctl_fail(r, "not provided: see ctl(4)") :
				    ctl_fail(r, "not a control message");
			break;
		}
		if (m.code == PCRING) {
			memcpy(&setup, m.operand, sizeof(setup));
			r = keeper_ring(h, &setup);
		} else {
			r = write_memory(h, &m);
		}
		if (r == 0)
			done += m.total;
	}
	if (donep)
		*donep = done;
	return r;
}

static int keeper_status(struct ctl *h, struct ctl_status *st)
{
	struct keep_rep rep;
	struct ctl_status s;
	size_t len;
	int r;

	r = request(h, KEEP_STATUS, 0, NULL, 0, NULL, 0, &rep, &s, sizeof(s),
		    &len);
	if (r == 0 && len != sizeof(s))
		return bad_reply();
	if (r == 0)
		*st = s;
	return r;
}

/* More numbers of processes there are not. */
#define MOST_THREADS (4U << 20)

static int keeper_threads(struct ctl *h, struct ctl_lwpstatus *v, unsigned n)
{
	unsigned have = 0, room = KEEP_DATA / sizeof(*v), got, want;
	struct ctl_lwpstatus *page;
	struct keep_rep rep;
	pid_t after = 0;
	size_t len;
	int r;

	page = malloc(room * sizeof(*page));
	if (!page)
		return ctl_failno(-ENOMEM);
	for (;;) {
		r = request(h, KEEP_THREADS, after, NULL, 0, NULL, 0, &rep,
			    page, room * sizeof(*page), &len);
		if (r < 0)
			break;
		got = len / sizeof(*page);
		if (len % sizeof(*page) || rep.value > MOST_THREADS ||
		    (got && page[got - 1].tid <= after)) {
			r = bad_reply();
			break;
		}
		if (!got) {
			r = have; /* the end, whatever the number was before */
			break;
		}
		after = page[got - 1].tid;
		want = got < n - have ? got : n - have;
		memcpy(v + have, page, want * sizeof(*v));
		have += want;
		if (want < got || (have == n && rep.value > n)) {
			r = rep.value > have ? rep.value : have + 1;
			break;
		}
		if (got < room) {
			r = have;
			break;
		}
	}
	free(page);
	return r;
}

static int keeper_fpregs(struct ctl *h, struct ctl_fpregs *fp)
{
	struct ctl_fpregs tmp;
	struct keep_rep rep;
	size_t len;
	int r;

	r = request(h, KEEP_FPREGS, 0, NULL, 0, NULL, 0, &rep, &tmp,
		    sizeof(tmp), &len);
	if (r == 0 && len != sizeof(tmp))
		return bad_reply();
	if (r == 0)
		*fp = tmp;
	return r;
}

static int keeper_probes(struct ctl *h, uint32_t after, void *buf, size_t size)
{
	struct keep_rep rep;
	size_t len;
	int r;

	r = request(h, KEEP_PROBES, after, NULL, 0, NULL, 0, &rep, buf, size,
		    &len);
	return r < 0 ? r : (int)len;
}

/* -- waiting -------------------------------------------------------------- */

static int keeper_poll_fd(struct ctl *h, short *events)
{
	*events = POLLIN;
	return keeper_of(h)->epoll;
}

static int keeper_poll_check(struct ctl *h)
{
	struct keeper *k = keeper_of(h);
	struct pollfd p = { .fd = h->fd, .events = POLLRDHUP };
	struct keep_rep rep;
	uint64_t count;
	size_t len;
	int r;

	if (poll(&p, 1, 0) == 1 && (p.revents & (POLLRDHUP | POLLHUP)))
		return (k->bits & CTL_POLL_GONE) | CTL_POLL_DEAD;
	if (read(k->notify, &count, sizeof(count)) == sizeof(count))
		k->fresh = false;
	if (k->fresh)
		return k->bits;
	r = request(h, KEEP_POLL, 0, NULL, 0, NULL, 0, &rep, NULL, 0, &len);
	if (r == -EPIPE)
		return (k->bits & CTL_POLL_GONE) | CTL_POLL_DEAD;
	if (r < 0)
		return r;
	k->bits = rep.value & (CTL_POLL_STOPPED | CTL_POLL_GONE |
			       CTL_POLL_INVALID);
	k->fresh = true;
	return k->bits;
}

/* -- ring ----------------------------------------------------------------- */

/* A file that became shorter would be SIGBUS for us: the keeper's are sealed. */
static bool file_good(int fd, uint64_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	return seals >= 0 && (seals & F_SEAL_SHRINK) && fstat(fd, &st) == 0 &&
	       st.st_size >= 0 && (uint64_t)st.st_size >= size;
}

static int keeper_ring(struct ctl *h, const struct ctl_ring_setup *setup)
{
	bool trusted = peer_trusted(h->fd);
	unsigned char *own = NULL;
	struct keep_rep rep;
	void *user, *info;
	int fds[2], r;
	size_t len;

	r = send_request(h, KEEP_RING, 0, setup, sizeof(*setup), NULL, 0, 0);
	if (r == 0)
		r = get_reply(h, &rep, NULL, 0, &len, fds, 2, false);
	if (r == -EBUSY)
		return ctl_fail(r, "the handle has a ring");
	if (r == -EINVAL)
		return ctl_fail(r, "a ring's size is a power of two, %u to %u",
				CTL_RING_MIN, CTL_RING_MAX);
	if (r < 0)
		return server_error(h, r);
	user = info = MAP_FAILED;
	if (file_good(fds[0], 4096) && file_good(fds[1], 4096 + setup->size)) {
		user = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED,
			    fds[0], 0);
		info = mmap(NULL, 4096 + setup->size, PROT_READ, MAP_SHARED,
			    fds[1], 0);
		r = -errno;
	} else {
		r = -EPROTO;
	}
	close(fds[0]);
	close(fds[1]);
	if (!trusted && r != -EPROTO) {
		own = malloc(setup->size);
		if (!own)
			r = -ENOMEM;
	}
	if (user == MAP_FAILED || info == MAP_FAILED || (!trusted && !own)) {
		free(own);
		if (user != MAP_FAILED)
			munmap(user, 4096);
		if (info != MAP_FAILED)
			munmap(info, 4096 + setup->size);
		return ctl_fail(r, "cannot map the ring: %s", strerror(-r));
	}
	h->ring.user = user;
	h->ring.info = info;
	h->ring.data = (unsigned char *)info + 4096;
	h->ring.size = setup->size;
	h->ring.own = own;
	return 0;
}

/* There is room again.  A full socket means that the keeper has not read the
 * last one yet: that will do. */
static void keeper_consumed(struct ctl *h)
{
	send_request(h, KEEP_CONSUMED, 0, NULL, 0, NULL, 0, MSG_DONTWAIT);
}

const struct ctl_transport ctl_transport_keeper = {
	.name = "keeper",
	.filters = true,
	.available = keeper_available,
	.open = keeper_open,
	.close = keeper_close,
	.write = keeper_write,
	.status = keeper_status,
	.threads = keeper_threads,
	.fpregs = keeper_fpregs,
	.probes = keeper_probes,
	.poll_fd = keeper_poll_fd,
	.poll_check = keeper_poll_check,
	.ring = keeper_ring,
	.consumed = keeper_consumed,
};
