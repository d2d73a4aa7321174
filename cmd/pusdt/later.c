/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * later.c - who enables the probes of objects that are mapped after "pusdt
 * enable" is over?
 *
 * A control server knows addresses and no files.  So the command leaves a
 * process behind, a copy of itself, that holds a handle with one probe of its
 * own: on the function that the dynamic linker calls for debuggers whenever it
 * has mapped or unmapped something.  The target stops there for as long as it
 * takes to look, the new probes are enabled for the process, as the others
 * were, and it runs on.
 *
 * The process ends with the target, when nothing of what pusdt enabled is left,
 * and when it is killed, which is no harm: the probe of its handle goes, what
 * is enabled stays, and only what is mapped from then on is not covered.
 * "pusdt disable" finds it by the label of that probe.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <unistd.h>

#include "pusdt.h"

/* How often it looks whether it is needed any more: only --once and a server
 * that drops probes by itself need this. */
#define LOOK_MS 1000

bool pusdt_any_left(struct ctl *h)
{
	const struct ctl_probe_info *i;
	struct ctl_probe_info *v;
	bool any = false;
	int n;

	n = ctl_probe_list(h, &v);
	if (n < 0)
		return false;
	i = v;
	for (int k = 0; k < n && !any; k++, i = ctl_probe_info_next(i))
		any = !(i->flags & CTL_PROBE_HANDLE);
	free(v);
	return any;
}

static void watch_over(struct pusdt_session *s)
{
	struct pollfd p;
	int bits;

	for (;;) {
		bits = ctl_poll_check(s->h);
		if (bits < 0 || bits & (CTL_POLL_GONE | CTL_POLL_INVALID |
					CTL_POLL_DEAD))
			return;
		if (bits & CTL_POLL_STOPPED && pusdt_look_at_stop(s) < 0)
			return;
		p.fd = ctl_poll_fd(s->h, &p.events);
		if (poll(&p, 1, LOOK_MS) == 0 && !pusdt_any_left(s->h))
			return;
	}
}

/* The caller's, which may be locked or somebody's end of a pipe, and those of
 * the command's handle.  Returns fd, as it is then. */
static int close_others(int fd)
{
	if (fd != 3 && dup3(fd, 3, O_CLOEXEC) < 0)
		return fd;
	if (syscall(SYS_close_range, 4, ~0U, 0) < 0)
		for (int i = 4; i < 65536; i++) /* before Linux 5.9 */
			close(i);
	return 3;
}

static void detach(void)
{
	int null = open("/dev/null", O_RDWR);

	setsid();
	prctl(PR_SET_NAME, "pusdt-later");
	if (chdir("/") < 0 || null < 0)
		return;
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
}

int pusdt_stay(pid_t pid, const struct pusdt_specs *specs,
	       const struct ctl_probe_options *o)
{
	struct pusdt_session s;
	int ready[2], r;
	pid_t child;
	char c;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return cmd_fail(-errno, "watch", "the dynamic linker");
	child = fork();
	if (child < 0) {
		r = -errno;
		close(ready[0]);
		close(ready[1]);
		return cmd_fail(r, "watch", "the dynamic linker");
	}
	if (child > 0) {
		close(ready[1]);
		/* From when we return it has to be in force. */
		while (read(ready[0], &c, 1) < 0 && errno == EINTR)
			;
		close(ready[0]);
		return 0;
	}
	ready[1] = close_others(ready[1]);
	if (pusdt_open(&s, pid) == 0) {
		r = pusdt_take_enabled(&s);
		if (r == 0) {
			pusdt_watch_loader(&s, specs, o);
			if (s.loader) {
				close(ready[1]);
				detach();
				watch_over(&s);
			}
		}
		pusdt_close(&s);
	}
	_exit(0);
}

/* Is this process one of those?  A number in a label proves nothing. */
static bool is_watcher(pid_t pid)
{
	char path[48], text[32] = "";
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	return n > 0 && !strcmp(text, "pusdt-later\n");
}

static void end_watcher(pid_t pid)
{
	struct pollfd p = { .events = POLLIN };

	p.fd = syscall(SYS_pidfd_open, pid, 0);
	if (p.fd < 0)
		return;
	if (is_watcher(pid) &&
	    syscall(SYS_pidfd_send_signal, p.fd, SIGTERM, NULL, 0) == 0)
		poll(&p, 1, 5000);
	close(p.fd);
}

void pusdt_leave(struct ctl *h)
{
	const char *provider, *name, *object;
	const struct ctl_probe_info *i;
	struct ctl_probe_info *v;
	int n;

	n = ctl_probe_list(h, &v);
	if (n < 0)
		return;
	i = v;
	for (int k = 0; k < n; k++, i = ctl_probe_info_next(i))
		if (i->flags & CTL_PROBE_HANDLE &&
		    ctl_probe_names(i, &provider, &name, &object) &&
		    !strcmp(provider, PUSDT_LATER) &&
		    !strcmp(name, "later"))
			end_watcher(atoi(object));
	free(v);
}
