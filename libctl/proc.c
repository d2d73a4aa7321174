/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proc.c - what /proc tells about a process or thread: see proc(5), stat and
 * status.  Everything here can vanish between two reads; that is -ENOENT.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "private.h"

/* The whole of a small /proc file, NUL-terminated.  Returns its length. */
static ssize_t slurp(const char *path, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t r;
	int fd, err;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ESRCH ? -ENOENT : -errno;
	while (n < size - 1) {
		r = read(fd, buf + n, size - 1 - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0) {
			err = r < 0 ? errno : 0;
			break;
		}
		n += r;
		err = 0;
	}
	close(fd);
	if (err)
		return err == ESRCH ? -ENOENT : -err;
	if (n == 0)
		return -ENOENT;
	buf[n] = '\0';
	return n;
}

static void task_path(char *path, size_t size, pid_t pid, pid_t tid,
		      const char *file)
{
	if (tid)
		snprintf(path, size, "/proc/%d/task/%d/%s", pid, tid, file);
	else
		snprintf(path, size, "/proc/%d/%s", pid, file);
}

/* stat: "pid (comm) S ppid ..."; comm may hold anything, so find the last ). */
static int parse_stat(const char *s, struct ctl_procinfo *pi)
{
	const char *open = strchr(s, '('), *close = strrchr(s, ')');
	unsigned long long start;
	unsigned nlwp, flags;
	size_t len;
	int ppid;

	if (!open || !close || close < open)
		return -EIO;
	len = close - open - 1;
	if (len >= sizeof(pi->comm))
		len = sizeof(pi->comm) - 1;
	memcpy(pi->comm, open + 1, len);
	pi->comm[len] = '\0';
	if (sscanf(close + 1,
		   " %c %d %*d %*d %*d %*d %u %*u %*u %*u %*u %*u %*u %*d %*d"
		   " %*d %*d %u %*d %llu %*s %*s %*s %*s %*s %*s %*s %*s %*s"
		   " %*s %*s %*s %*s %*s %*s %*s %d",
		   &pi->state, &ppid, &flags, &nlwp, &start, &pi->cpu) != 6)
		return -EIO;
	pi->ppid = ppid;
	pi->nlwp = nlwp;
	pi->start = start;
	pi->is_kernel = flags & 0x200000; /* PF_KTHREAD */
	return 0;
}

static void parse_status(char *s, struct ctl_procinfo *pi)
{
	char *line, *save;

	for (line = strtok_r(s, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *colon = strchr(line, ':');
		const char *v;

		if (!colon)
			continue;
		*colon = '\0';
		v = colon + 1;
		if (!strcmp(line, "Tgid"))
			pi->tgid = atoi(v);
		else if (!strcmp(line, "TracerPid"))
			pi->tracer = atoi(v);
		else if (!strcmp(line, "Uid"))
			sscanf(v, "%u %u %u %u", &pi->uid[0], &pi->uid[1],
			       &pi->uid[2], &pi->uid[3]);
		else if (!strcmp(line, "Gid"))
			sscanf(v, "%u %u %u %u", &pi->gid[0], &pi->gid[1],
			       &pi->gid[2], &pi->gid[3]);
		else if (!strcmp(line, "SigPnd"))
			pi->sigpend = strtoull(v, NULL, 16);
		else if (!strcmp(line, "ShdPnd"))
			pi->shdpend = strtoull(v, NULL, 16);
		else if (!strcmp(line, "SigBlk"))
			pi->sigblk = strtoull(v, NULL, 16);
		else if (!strcmp(line, "SigIgn"))
			pi->sigign = strtoull(v, NULL, 16);
		else if (!strcmp(line, "SigCgt"))
			pi->sigcgt = strtoull(v, NULL, 16);
	}
}

/* As long as the list of groups may be: 65536 numbers. */
#define LONG_STATUS (1U << 20)

static int read_status(const char *path, struct ctl_procinfo *pi)
{
	char buf[4096], *all = buf;
	ssize_t n = slurp(path, buf, sizeof(buf));

	if (n == sizeof(buf) - 1) {
		all = malloc(LONG_STATUS);
		if (!all)
			return -ENOMEM;
		n = slurp(path, all, LONG_STATUS);
	}
	if (n >= 0)
		parse_status(all, pi);
	if (all != buf)
		free(all);
	return n < 0 ? n : 0;
}

int ctl_proc_info(pid_t pid, pid_t tid, struct ctl_procinfo *pi)
{
	struct ctl_procinfo p = { .pid = pid };
	char path[64], buf[1024];
	ssize_t n;
	int r;

	task_path(path, sizeof(path), pid, tid, "stat");
	n = slurp(path, buf, sizeof(buf));
	if (n < 0)
		return n;
	r = parse_stat(buf, &p);
	if (r < 0)
		return r;
	task_path(path, sizeof(path), pid, tid, "status");
	r = read_status(path, &p);
	if (r < 0)
		return r;
	*pi = p;
	return 0;
}

static int yama_scope(void)
{
	char buf[16];

	return slurp("/proc/sys/kernel/yama/ptrace_scope", buf,
		     sizeof(buf)) < 0 ? 0 : atoi(buf);
}

bool ctl_may_trace_others(void)
{
	return geteuid() == 0 || yama_scope() == 0;
}

/* As ptrace(2) decides, step by step: "Ptrace access mode checking". */
int ctl_proc_denied(pid_t pid)
{
	const char *denied = strerror(EPERM);
	struct ctl_procinfo pi;
	bool theirs;

	if (ctl_proc_info(pid, 0, &pi) < 0)
		return ctl_failno(-EPERM);
	if (pi.is_kernel)
		return ctl_fail(-EPERM, "%s: it is a kernel thread", denied);
	if (geteuid() == 0)
		return ctl_fail(-EPERM,
				"%s: CAP_SYS_PTRACE is missing here, or a security module says no",
				denied);
	theirs = pi.uid[0] != getuid() || pi.uid[1] != getuid() ||
		 pi.uid[2] != getuid();
	if (theirs)
		return ctl_fail(-EPERM, "%s: it runs as user %u; be root, or that user",
				denied, pi.uid[1]);
	if (yama_scope())
		return ctl_fail(-EPERM,
				"%s: kernel.yama.ptrace_scope is %d; be root, or start the program from here",
				denied, yama_scope());
	return ctl_fail(-EPERM, "%s: it has privileges, or had them; be root",
			denied);
}

/* From stat alone. */
static int stat_info(pid_t pid, pid_t tid, struct ctl_procinfo *pi)
{
	char path[64], buf[1024];
	ssize_t n;

	task_path(path, sizeof(path), pid, tid, "stat");
	n = slurp(path, buf, sizeof(buf));
	return n < 0 ? n : parse_stat(buf, pi);
}

int ctl_proc_start(pid_t pid, uint64_t *start)
{
	struct ctl_procinfo p;
	int r = stat_info(pid, 0, &p);

	if (r == 0)
		*start = p.start;
	return r;
}

int ctl_proc_cpu(pid_t pid, pid_t tid)
{
	struct ctl_procinfo p;
	int r = stat_info(pid, tid, &p);

	return r < 0 ? r : p.cpu;
}

static int compare_pid(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return x < y ? -1 : x > y;
}

int ctl_proc_tids(pid_t pid, pid_t **tids)
{
	size_t n = 0, room = 0;
	struct dirent *d;
	pid_t *v = NULL;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return errno == ESRCH ? -ENOENT : -errno;
	while ((d = readdir(dir))) {
		if (d->d_name[0] < '0' || d->d_name[0] > '9')
			continue;
		if (n == room) {
			pid_t *w;

			room = room ? 2 * room : 64;
			w = realloc(v, room * sizeof(*v));
			if (!w) {
				free(v);
				closedir(dir);
				return -ENOMEM;
			}
			v = w;
		}
		v[n++] = atoi(d->d_name);
	}
	closedir(dir);
	if (n == 0) {
		free(v);
		return -ENOENT;
	}
	qsort(v, n, sizeof(*v), compare_pid);
	*tids = v;
	return n;
}

int ctl_proc_syscall(pid_t pid, pid_t tid, struct ctl_lwpstatus *s)
{
	unsigned long long v[9];
	char path[64], buf[256], *p = buf, *end;
	ssize_t n;
	int i;

	/* "running", "-1 SP PC", or nr, six arguments, sp, pc */
	task_path(path, sizeof(path), pid, tid, "syscall");
	n = slurp(path, buf, sizeof(buf));
	if (n < 0)
		return n;
	if (buf[0] < '0' || buf[0] > '9')
		return -EBUSY;
	for (i = 0; i < 9; i++, p = end) {
		v[i] = strtoull(p, &end, 0);
		if (end == p)
			return -EBUSY;
	}
	/* Of a kernel thread nothing is known, and all of it reads 0. */
	if (v[7] == 0 && v[8] == 0)
		return -EBUSY;
	s->syscall = v[0];
	/* The file does not tell the ABI; of a 32-bit process both lie below
	 * 4 GiB, of others code may. */
	s->sysabi = v[7] <= UINT32_MAX && v[8] <= UINT32_MAX ?
			    CTL_ABI_COMPAT : CTL_ABI_NATIVE;
	for (i = 0; i < 6; i++)
		s->sysarg[i] = v[i + 1];
	return 0;
}
