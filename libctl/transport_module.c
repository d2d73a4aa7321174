/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * transport_module.c - the backend that is a kernel module.
 *
 * The module's protocol is dtrace_ctl.h itself, so nothing is translated
 * here: messages go through write(2), status through ioctl(2), the ring
 * through mmap(2).  A handle is one open of /dev/dtrace_ctl, bound to its
 * process by the pidfd in struct ctl, so that a number which changed hands
 * between the caller's look and our open is never followed; where only
 * /proc/PID/ctl exists (a container without the device), that is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "private.h"

#define DEVICE "/dev/dtrace_ctl"

static int module_available(void)
{
	if (access(DEVICE, F_OK) == 0 || access("/proc/self/ctl", F_OK) == 0)
		return 0;
	return ctl_fail(-ENODEV,
			"the kernel module dtrace_ctl is not loaded (modprobe dtrace_ctl)");
}

/* The text for an errno of the module. */
static int module_fail(const struct ctl *h, int err)
{
	switch (err) {
	case ESRCH:
		return ctl_failh(h, -ENOENT);
	case EOPNOTSUPP:
		return ctl_fail(-err,
				"not provided by the kernel module (CTL_BACKEND=keeper may)");
	case ENOSYS:
		return ctl_fail(-err,
				"the running kernel lacks what this needs (dmesg has the reason)");
	}
	return ctl_failh(h, -err);
}

static int open_fail(const struct ctl *h, int err)
{
	switch (err) {
	case EPERM:
	case EACCES:
		return ctl_proc_denied(h->pid);
	case EBUSY:
		return ctl_fail(-err, "somebody else has it open for control");
	case ENOENT:
	case ESRCH:
		return ctl_fail(-ENOENT, "No such process");
	case EPROTONOSUPPORT:
		return ctl_fail(-err,
				"the loaded dtrace_ctl speaks another version of the protocol");
	default:
		return ctl_failno(-err);
	}
}

static int open_device(struct ctl *h, int mode, int flags)
{
	struct ctl_bind b = {
		.pidfd = h->pidfd,
		.pid = h->pid,
		.tid = h->tid,
		.flags = flags & CTL_OPEN_EXCL ? CTL_BIND_EXCL : 0,
	};
	int fd, err;

	fd = open(DEVICE, mode | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (ioctl(fd, CTL_IOC_BIND, &b) < 0) {
		err = errno;
		close(fd);
		return -err;
	}
	return fd;
}

static int open_proc(struct ctl *h, int mode, int flags)
{
	char path[64];
	int fd;

	if (h->tid)
		snprintf(path, sizeof(path), "/proc/%d/task/%d/lwpctl", h->pid,
			 h->tid);
	else
		snprintf(path, sizeof(path), "/proc/%d/ctl", h->pid);
	fd = open(path, mode | O_CLOEXEC | (flags & CTL_OPEN_EXCL ? O_EXCL : 0));
	return fd < 0 ? -errno : fd;
}

static int get_status(int fd, struct ctl_status *st)
{
	struct ctl_status s = { .size = sizeof(s) };

	if (ioctl(fd, CTL_IOC_STATUS, &s) < 0)
		return -errno;
	*st = s;
	return 0;
}

static int module_open(struct ctl *h, int flags)
{
	int mode = flags & CTL_OPEN_RDONLY ? O_RDONLY : O_RDWR;
	struct ctl_status st;
	uint32_t version;
	int fd, r;

	fd = open_device(h, mode, flags);
	if (fd == -ENOENT && access(DEVICE, F_OK) < 0)
		fd = open_proc(h, mode, flags);
	if (fd < 0)
		return open_fail(h, -fd);
	if (ioctl(fd, CTL_IOC_VERSION, &version) < 0)
		r = -errno;
	else if (version != CTL_ABI_VERSION)
		r = -EPROTONOSUPPORT;
	else
		r = get_status(fd, &st);
	/* A number instead of a pidfd: is it who the caller looked at? */
	if (r == 0 && h->start && st.start_time != h->start)
		r = -ENOENT;
	if (r < 0) {
		close(fd);
		return open_fail(h, -r);
	}
	h->start = st.start_time;
	h->fd = fd;
	return 0;
}

static void module_close(struct ctl *h)
{
	long page = sysconf(_SC_PAGESIZE);

	if (h->ring.user) {
		munmap(h->ring.user, page);
		munmap((void *)h->ring.info, page + h->ring.size);
		memset(&h->ring, 0, sizeof(h->ring));
	}
	if (h->fd >= 0)
		close(h->fd);
	h->fd = -1;
}

static int module_write(struct ctl *h, const void *msgs, size_t len,
			size_t *done)
{
	ssize_t n = 0;
	size_t at = 0;

	/* A short write: the next message failed; the rest tells its error. */
	while (at < len && (n = write(h->fd, (const char *)msgs + at,
				      len - at)) > 0)
		at += n;
	n = n < 0 ? -errno : 0;
	if (done)
		*done = at;
	return n < 0 ? module_fail(h, -n) : 0;
}

static int module_status(struct ctl *h, struct ctl_status *st)
{
	int r = get_status(h->fd, st);

	return r < 0 ? module_fail(h, -r) : 0;
}

static int module_threads(struct ctl *h, struct ctl_lwpstatus *v, unsigned n)
{
	struct ctl_lwpvec vec = {
		.size = sizeof(*v),
		.count = n,
		.addr = (uintptr_t)v,
	};

	if (ioctl(h->fd, CTL_IOC_LWPSTATUS, &vec) < 0)
		return module_fail(h, errno);
	return vec.count;
}

static int module_probes(struct ctl *h, uint32_t after, void *buf, size_t size)
{
	struct ctl_probevec v = { (uintptr_t)buf, size, after };

	if (ioctl(h->fd, CTL_IOC_PROBES, &v) < 0)
		return module_fail(h, errno);
	if (v.size > size)
		return ctl_fail(-EPROTO, "the module speaks another protocol");
	return v.size;
}

static int module_fpregs(struct ctl *h, struct ctl_fpregs *r)
{
	struct ctl_fpregs tmp;

	if (ioctl(h->fd, CTL_IOC_FPREGS, &tmp) < 0)
		return module_fail(h, errno);
	*r = tmp;
	return 0;
}

static int module_poll_fd(struct ctl *h, short *events)
{
	*events = POLLIN | POLLPRI;
	return h->fd;
}

static int module_poll_check(struct ctl *h)
{
	struct pollfd p = { .fd = h->fd, .events = POLLIN | POLLPRI };
	int bits = 0;

	if (poll(&p, 1, 0) < 0)
		return errno == EINTR ? 0 : ctl_failno(-errno);
	if (p.revents & POLLPRI)
		bits |= CTL_POLL_STOPPED;
	if (p.revents & POLLHUP)
		bits |= CTL_POLL_GONE;
	if (p.revents & POLLERR)
		bits |= CTL_POLL_INVALID;
	return bits;
}

static int module_ring(struct ctl *h, const struct ctl_ring_setup *setup)
{
	long page = sysconf(_SC_PAGESIZE);
	const struct ctl_ring_info *info;
	struct {
		int64_t code;
		struct ctl_ring_setup setup;
	} msg = { PCRING, *setup };
	void *user;
	int r;

	r = module_write(h, &msg, sizeof(msg), NULL);
	if (r < 0)
		return r == -EBUSY ? ctl_fail(r, "the handle has a ring") : r;
	user = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, h->fd, 0);
	if (user == MAP_FAILED)
		return ctl_fail(-errno, "cannot map the ring: %s", strerror(errno));
	info = mmap(NULL, page + setup->size, PROT_READ, MAP_SHARED, h->fd,
		    page);
	if (info == MAP_FAILED) {
		r = -errno;
		munmap(user, page);
		return ctl_fail(r, "cannot map the ring: %s", strerror(-r));
	}
	h->ring.user = user;
	h->ring.info = info;
	h->ring.data = (const unsigned char *)info + page;
	h->ring.size = setup->size;
	return 0;
}

static void module_consumed(struct ctl *h)
{
	ioctl(h->fd, CTL_IOC_CONSUMED);
}

const struct ctl_transport ctl_transport_module = {
	.name = "module",
	.available = module_available,
	.open = module_open,
	.close = module_close,
	.write = module_write,
	.status = module_status,
	.threads = module_threads,
	.fpregs = module_fpregs,
	.probes = module_probes,
	.poll_fd = module_poll_fd,
	.poll_check = module_poll_check,
	.ring = module_ring,
	.consumed = module_consumed,
};
