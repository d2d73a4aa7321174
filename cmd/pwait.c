/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pwait - wait for processes to exit, or with -s to stop.
 *
 * Waiting for an exit controls nothing: a pidfd tells.  It also pins the
 * process, so that its number may be given to another meanwhile.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/common.h"

#define EXIT_TIMEOUT 124 /* as timeout(1) has it, and pwait(1) of FreeBSD */

struct options {
	struct cmd_operands operands;
	bool stop, verbose, json;
	int timeout; /* ms, 0: none */
};

/* What is waited for: an exit by pidfd, or a stop by handle. */
struct waitee {
	char object[32];
	pid_t pid, tid;
	int pidfd;
	struct ctl *h;
	bool done;
};

struct waitees {
	struct waitee *v;
	size_t n;
	size_t failed;
};

static const struct argp_option option_table[] = {
	{ "stop", 's', NULL, 0, "Wait until stopped on an event of interest",
	  0 },
	{ "timeout", 't', "SEC", 0, "Give up after SEC seconds: exit status 124",
	  0 },
	{ "verbose", 'v', NULL, 0, "Print what happened to each, as it happens",
	  0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_operands }, { &cmd_argp_json }, { 0 },
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &opt->operands;
		state->child_inputs[1] = &opt->json;
		return 0;
	case 's':
		opt->stop = true;
		return 0;
	case 't':
		opt->timeout = cmd_seconds(state, arg);
		return 0;
	case 'v':
		opt->verbose = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	option_table, parse, "PID[/LWPS]...",
	"Wait until all these processes have exited, or with -s have stopped.\v"
	"Exit status: 0 all done, 1 some failed, 2 none could be waited for, "
	"64 usage, 124 timed out.", children,
};

/* --------------------------------------------------------- exit status -- */

/* <linux/pidfd.h> of Linux 6.13; PIDFD_INFO_EXIT since 6.15 */
struct pidfd_info_v0 {
	__u64 mask, cgroupid;
	__u32 pid, tgid, ppid, ids[8];
	__s32 exit_code;
};
#define PIDFD_GET_INFO_V0 _IOWR(0xff, 11, struct pidfd_info_v0)
#define PIDFD_HAS_EXIT (1ULL << 3)

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL /* Linux 6.9 */
#endif

static bool status_from_pidfd(const struct waitee *w, int *status)
{
	struct pidfd_info_v0 info = { .mask = PIDFD_HAS_EXIT };

	if (ioctl(w->pidfd, PIDFD_GET_INFO_V0, &info) < 0 ||
	    !(info.mask & PIDFD_HAS_EXIT))
		return false;
	*status = info.exit_code;
	return true;
}

/*
 * While nobody has waited for it, its last field of stat has the status, but
 * reads 0 for who may not trace it; the link says whether we may.
 */
static bool status_from_zombie(const struct waitee *w, int *status)
{
	char path[64], buf[4096], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root", w->pid);
	if (readlink(path, buf, sizeof(buf)) < 0 && errno == EACCES)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/stat", w->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	if (n <= 0)
		return false;
	buf[n] = '\0';
	p = strrchr(buf, ')');
	if (!p || strncmp(p, ") Z", 3) != 0)
		return false;
	p = strrchr(buf, ' ');
	*status = atoi(p + 1);
	/* Is it still there, so that this was its own stat? */
	return pidfd_send_signal(w->pidfd, 0, NULL, 0) == 0 || errno == EPERM;
}

static bool exit_status(const struct waitee *w, int *status)
{
	return status_from_pidfd(w, status) ||
	       (!w->tid && status_from_zombie(w, status)) ||
	       status_from_pidfd(w, status);
}

/* -------------------------------------------------------------- report -- */

static void add(struct json_object *o, const char *key, struct json_object *v)
{
	json_object_object_add(o, key, v);
}

static struct json_object *event(const struct waitee *w, const char *what)
{
	struct json_object *o = json_object_new_object();

	add(o, "pid", json_object_new_int(w->pid));
	if (w->tid)
		add(o, "tid", json_object_new_int(w->tid));
	add(o, "event", json_object_new_string(what));
	return o;
}

static void report_exit(const struct waitee *w, const struct options *opt)
{
	int status = 0;
	bool known = exit_status(w, &status);
	bool exited = known && WIFEXITED(status);
	bool killed = known && WIFSIGNALED(status);

	if (opt->json) {
		struct json_object *o = event(w, "exit");

		add(o, "status",
		    exited ? json_object_new_int(WEXITSTATUS(status)) : NULL);
		add(o, "signal",
		    killed ? json_object_new_string(
				     ctl_signal_name(WTERMSIG(status))) :
			     NULL);
		add(o, "core",
		    json_object_new_boolean(killed && WCOREDUMP(status)));
		cmd_json_print(stdout, o);
	} else if (exited) {
		printf("%s: exited with status %d\n", w->object,
		       WEXITSTATUS(status));
	} else if (killed) {
		printf("%s: killed by %s%s\n", w->object,
		       ctl_signal_name(WTERMSIG(status)),
		       WCOREDUMP(status) ? " (core dumped)" : "");
	} else {
		printf("%s: exited, status unknown\n", w->object);
	}
}

static void report_stop(const struct waitee *w, const struct options *opt)
{
	struct ctl_status st = { .size = sizeof(st) };
	const char *what;
	char buf[16];

	if (ctl_status(w->h, &st) < 0)
		return;
	what = cmd_stop_what(&st.lwp, buf, sizeof(buf));
	if (opt->json) {
		struct json_object *o = event(w, "stop");

		add(o, "why",
		    json_object_new_string(cmd_stop_why(&st.lwp)));
		add(o, "what", *what ? json_object_new_string(what) : NULL);
		cmd_json_print(stdout, o);
	} else {
		printf("%s: stopped, %s%s%s\n", w->object,
		       cmd_stop_why(&st.lwp), *what ? " " : "", what);
	}
}

/* ------------------------------------------------------------- waiting -- */

static void finish(struct waitees *ws, struct waitee *w, const char *failure)
{
	if (failure) {
		cmd_complain("cannot wait for %s: %s", w->object, failure);
		ws->failed++;
	}
	w->done = true;
	if (w->pidfd >= 0)
		close(w->pidfd);
	ctl_close(w->h);
	w->pidfd = -1;
	w->h = NULL;
}

static void look(struct waitees *ws, struct waitee *w,
		 const struct options *opt)
{
	int r;

	if (!opt->stop) {
		if (opt->verbose || opt->json)
			report_exit(w, opt);
		finish(ws, w, NULL);
		return;
	}
	r = ctl_poll_check(w->h);
	if (r < 0)
		finish(ws, w, ctl_error());
	else if (r & CTL_POLL_STOPPED) {
		if (opt->verbose || opt->json)
			report_stop(w, opt);
		finish(ws, w, NULL);
	} else if (r & CTL_POLL_GONE)
		finish(ws, w, "it exited");
	else if (r & CTL_POLL_INVALID)
		finish(ws, w, "it executed a file that may not be traced");
	else if (r & CTL_POLL_DEAD)
		finish(ws, w, "its keeper was killed");
}

/* Until all are done: 0; -ETIME, or -errno of poll(2). */
static int wait_all(struct waitees *ws, const struct options *opt)
{
	int64_t deadline = cmd_now_ms() + opt->timeout;
	struct pollfd *fds = calloc(ws->n ? ws->n : 1, sizeof(*fds));
	int r = 0;

	if (!fds)
		return -ENOMEM;
	for (;;) {
		size_t left = 0;
		int64_t ms = -1;

		/* A stop may be there already: look before each wait. */
		for (size_t i = 0; opt->stop && i < ws->n; i++)
			if (!ws->v[i].done)
				look(ws, &ws->v[i], opt);
		fflush(stdout);
		for (size_t i = 0; i < ws->n; i++) {
			struct waitee *w = &ws->v[i];

			fds[i] = (struct pollfd){ .fd = -1 };
			if (w->done)
				continue;
			left++;
			fds[i].fd = w->pidfd;
			fds[i].events = POLLIN;
			if (opt->stop)
				fds[i].fd = ctl_poll_fd(w->h, &fds[i].events);
		}
		if (left == 0)
			break;
		if (opt->timeout) {
			ms = deadline - cmd_now_ms();
			if (ms < 0)
				ms = 0;
		}
		r = poll(fds, ws->n, ms);
		if (r < 0 && errno != EINTR) {
			r = -errno;
			break;
		}
		if (r == 0) {
			r = -ETIME;
			break;
		}
		for (size_t i = 0; r > 0 && !opt->stop && i < ws->n; i++)
			if (fds[i].fd >= 0 && fds[i].revents)
				look(ws, &ws->v[i], opt);
		r = 0;
	}
	free(fds);
	return r;
}

/* A process cannot be opened: it may be a thread.  The library knows. */
static void say_why(const struct waitee *w, int err)
{
	struct ctl *h;

	if (ctl_open(&h, w->pid, w->tid, CTL_OPEN_RDONLY) < 0) {
		cmd_fail(err, "wait for", w->object);
		return;
	}
	ctl_close(h);
	cmd_complain("cannot wait for %s: %s", w->object, strerror(-err));
}

/* The number may be another process's thread's by the time that it is opened. */
static int thread_open(pid_t pid, pid_t tid)
{
	int fd = pidfd_open(tid, PIDFD_THREAD);

	if (fd < 0 || tgkill(pid, tid, 0) == 0 || errno != ESRCH)
		return fd;
	close(fd);
	errno = ESRCH;
	return -1;
}

static int add_waitee(struct waitees *ws, const struct cmd_operand *op,
		      pid_t tid, const struct options *opt)
{
	struct waitee w = { .pid = op->target.pid, .tid = tid, .pidfd = -1 };
	struct waitee *v;
	int r;

	snprintf(w.object, sizeof(w.object), tid ? "%d/%d" : "%d", w.pid, tid);
	if (opt->stop) {
		r = ctl_open(&w.h, w.pid, tid, 0);
		if (r < 0)
			return cmd_fail(r, "control", w.object);
	} else {
		w.pidfd = tid ? thread_open(w.pid, tid) :
				pidfd_open(w.pid, 0);
		if (w.pidfd < 0) {
			r = -errno;
			if (tid && r == -EINVAL)
				cmd_complain("cannot wait for %s: waiting for a thread needs Linux 6.9",
					     w.object);
			else
				say_why(&w, r);
			return r;
		}
	}
	v = realloc(ws->v, (ws->n + 1) * sizeof(*v));
	if (!v) {
		ctl_close(w.h);
		return -ENOMEM;
	}
	ws->v = v;
	ws->v[ws->n++] = w;
	return 0;
}

static int add_operand(struct waitees *ws, const struct cmd_operand *op,
		       const struct options *opt)
{
	int n, r, err = 0;
	pid_t *tids;

	if (!op->target.lwps[0])
		return add_waitee(ws, op, 0, opt);
	n = ctl_target_threads(&op->target, &tids);
	if (n < 0)
		return cmd_fail(n, "wait for", op->arg);
	for (int i = 0; i < n; i++) {
		r = add_waitee(ws, op, tids[i], opt);
		if (r < 0)
			err = r;
	}
	free(tids);
	return err;
}

int main(int argc, char **argv)
{
	static struct options opt;
	static struct waitees ws;
	size_t refused = 0;
	int r;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &opt);
	for (size_t i = 0; i < opt.operands.n; i++)
		if (add_operand(&ws, &opt.operands.v[i], &opt) < 0)
			refused++;
	r = wait_all(&ws, &opt);
	if (r == -ETIME)
		return cmd_finish(EXIT_TIMEOUT);
	if (r < 0) {
		cmd_complain("cannot wait: %s", strerror(-r));
		return cmd_finish(CMD_NONE);
	}
	return cmd_finish(cmd_exit_code(ws.n + refused, ws.failed + refused));
}
