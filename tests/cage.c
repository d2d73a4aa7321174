/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cage.c - run a test script, and see that it leaves nothing behind.
 *
 *	cage [-t SECONDS] COMMAND [ARG...]
 *
 * Every descendant of the script, a daemon included, becomes our child when
 * its parent goes, because we are a subreaper; so at the end what is left is
 * found by asking who our descendants are, whoever else uses the machine.  A
 * keeper may take a moment to notice that it is not needed: it gets one.
 * What then is still there is told as "STRAY ..." on standard output, and
 * killed.
 *
 * As root the keepers' folder is a private, empty one; an ordinary user's is
 * in $XDG_RUNTIME_DIR, which tests/run chooses.
 *
 * Exit status: the script's; 124: it took longer than SECONDS; 125: it left
 * something behind.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* On a busy machine the kernel takes its time to take uprobes out, and whoever
 * has them last waits for it. */
#define GRACE_S 60
#define ROOT_DIR "/run/ctl"
#define MAX_PROCS 8192

static pid_t script = -1;
static int script_status = -1;

struct proc {
	pid_t pid, ppid;
	char state;
	char comm[64];
	bool ours;
};
static struct proc procs[MAX_PROCS];
static size_t nprocs;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static bool isolate(void)
{
	if (geteuid() != 0)
		return false;
	if (mkdir(ROOT_DIR, 0700) < 0 && errno != EEXIST)
		return false;
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("cage", ROOT_DIR, "tmpfs", 0, "mode=0700") == 0;
}

/* True while there are children. */
static bool reap(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | __WALL)) > 0)
		if (pid == script)
			script_status = status;
	return pid == 0;
}

static bool read_proc(pid_t pid, struct proc *p)
{
	char path[64], buf[1024], *open, *close;
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "r");
	if (!f)
		return false;
	n = fread(buf, 1, sizeof(buf) - 1, f);
	fclose(f);
	buf[n] = '\0';
	open = strchr(buf, '(');
	close = strrchr(buf, ')');
	if (!open || !close || sscanf(close + 1, " %c %d", &p->state, &p->ppid) != 2)
		return false;
	*close = '\0';
	snprintf(p->comm, sizeof(p->comm), "%s", open + 1);
	p->pid = pid;
	p->ours = false;
	return true;
}

/* Fill procs[], and mark our descendants; returns their number. */
static size_t descendants(void)
{
	struct dirent *e;
	size_t n = 0;
	bool more;
	DIR *d;

	nprocs = 0;
	d = opendir("/proc");
	while (d && (e = readdir(d)) && nprocs < MAX_PROCS)
		if (isdigit((unsigned char)e->d_name[0]) &&
		    read_proc(atoi(e->d_name), &procs[nprocs]))
			nprocs++;
	if (d)
		closedir(d);
	do {
		more = false;
		for (size_t i = 0; i < nprocs; i++) {
			bool ours = procs[i].ppid == getpid();

			if (procs[i].ours)
				continue;
			for (size_t j = 0; j < nprocs && !ours; j++)
				ours = procs[j].ours &&
				       procs[j].pid == procs[i].ppid;
			if (ours) {
				procs[i].ours = more = true;
				n++;
			}
		}
	} while (more);
	return n;
}

static void tell(const struct proc *p)
{
	char path[64], args[512];
	size_t n = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/cmdline", p->pid);
	f = fopen(path, "r");
	if (f) {
		n = fread(args, 1, sizeof(args) - 1, f);
		fclose(f);
	}
	for (size_t i = 0; i < n; i++)
		if (!isprint((unsigned char)args[i]))
			args[i] = ' ';
	args[n] = '\0';
	printf("STRAY process %d (%s), state %c, parent %d: %s\n", p->pid,
	       p->comm, p->state, p->ppid, args);
}

static int kill_rest(bool say)
{
	int found = 0;

	/* What is killed may have had children: look again. */
	for (int round = 0; round < 100 && descendants(); round++) {
		for (size_t i = 0; i < nprocs; i++) {
			if (!procs[i].ours)
				continue;
			if (say && round == 0)
				tell(&procs[i]);
			found++;
			kill(procs[i].pid, SIGKILL);
		}
		usleep(20000);
		reap();
	}
	return found;
}

static int stray_sockets(const char *dir)
{
	struct dirent *e;
	int found = 0;
	DIR *d;

	d = opendir(dir);
	while (d && (e = readdir(d)))
		if (e->d_type == DT_SOCK || e->d_type == DT_LNK) {
			printf("STRAY socket %s/%s\n", dir, e->d_name);
			found++;
		}
	if (d)
		closedir(d);
	return found;
}

int main(int argc, char **argv)
{
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	struct timespec tick = { .tv_nsec = 100000000 };
	double limit = 600, end;
	bool isolated, timed_out = false;
	int strays, opt, sig;
	sigset_t set;
	char dir[4096];

	while ((opt = getopt(argc, argv, "+t:")) != -1) {
		if (opt != 't')
			return 64;
		limit = atof(optarg);
	}
	if (optind == argc)
		return 64;
	isolated = isolate();
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	script = fork();
	if (script < 0) {
		perror("cage: fork");
		return 2;
	}
	if (script == 0) {
		sigprocmask(SIG_UNBLOCK, &set, NULL);
		execvp(argv[optind], argv + optind);
		fprintf(stderr, "cage: %s: %s\n", argv[optind], strerror(errno));
		_exit(127);
	}
	end = now() + limit;
	while (script_status == -1) {
		sig = sigtimedwait(&set, NULL, &tick);
		if (sig == SIGINT || sig == SIGTERM) {
			kill_rest(false);
			return 128 + sig;
		}
		reap();
		if (script_status == -1 && now() > end) {
			printf("TIMEOUT after %.0f s\n", limit);
			timed_out = true;
			break;
		}
	}
	end = now() + GRACE_S;
	while (!timed_out && reap() && now() < end)
		usleep(10000);
	strays = kill_rest(true);
	if (isolated)
		strays += stray_sockets(ROOT_DIR);
	if (xdg) {
		snprintf(dir, sizeof(dir), "%s/ctl", xdg);
		strays += stray_sockets(dir);
	}
	fflush(stdout);
	if (timed_out)
		return 124;
	if (strays)
		return 125;
	return WIFEXITED(script_status) ? WEXITSTATUS(script_status) :
					  128 + WTERMSIG(script_status);
}
