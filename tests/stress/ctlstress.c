/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctlstress.c - random messages to random processes, with random deaths.
 *
 *	ctlstress [-s SEED] [-t SECONDS] [-n TARGETS] [-v]
 *
 * Targets clone, fork, vfork, exec (from any thread), sleep in all manners,
 * get signals and die, and are replaced.  Three parties act on them:
 *   - threads of this program, with every message there is, some of it garbage;
 *   - short-lived clients with PR_RLC set, which are killed at some moment;
 *   - a killer of servers (the keeper backend) and of targets.
 * At the end every target is set running, and has to show that it runs: its
 * heartbeat in shared memory goes on, and /proc says neither stopped nor
 * traced.  Exit status 0: they all do.  The same seed makes the same choices,
 * though not the same interleaving.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <ctl.h>

#define MAX_TARGETS 64
#define ACTORS 3

struct slot {
	atomic_int pid;
	atomic_ulong beat;
};
static struct slot *slots;
static int shm_fd = -1;
static unsigned ntargets = 6;
static unsigned long seed;
static bool verbose;
static atomic_bool over;
static atomic_ulong opened, refused, messages, killed;
static char self_path[4096];

/* xorshift64*: the same everywhere */
static unsigned long rnd(unsigned long *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return (*s * 2685821657736338717UL) >> 16;
}

static void note(const char *fmt, ...)
{
	va_list ap;

	if (!verbose)
		return;
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
}

static void nap_us(long us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

/* -- targets -------------------------------------------------------------- */

static struct slot *mine;
static unsigned my_slot;

static void on_signal(int sig)
{
	(void)sig;
}

static void again(unsigned long s)
{
	char a[32], b[16], c[16];

	snprintf(a, sizeof(a), "%lu", s | 1);
	snprintf(b, sizeof(b), "%u", my_slot);
	snprintf(c, sizeof(c), "%d", shm_fd);
	execl(self_path, "ctlstress", "--target", a, b, c, (char *)NULL);
	_exit(1);
}

static void idle_a_bit(unsigned long *s)
{
	struct epoll_event ev;
	int ms = rnd(s) % 20, fd, word = 0;
	struct timespec ts = { 0, ms * 1000000L };

	switch (rnd(s) % 5) {
	case 0:
		fd = epoll_create1(EPOLL_CLOEXEC);
		epoll_wait(fd, &ev, 1, ms);
		close(fd);
		break;
	case 1:
		poll(NULL, 0, ms);
		break;
	case 2:
		nanosleep(&ts, NULL);
		break;
	case 3:
		syscall(SYS_futex, &word, 0 /* FUTEX_WAIT */, 0, &ts);
		break;
	case 4:
		for (ms *= 2000; ms; ms--)
			__asm__ volatile("pause");
		break;
	}
}

static void *thread(void *arg)
{
	unsigned long s = (unsigned long)arg;
	int n;

	for (n = rnd(&s) % 20; n; n--) {
		idle_a_bit(&s);
		atomic_fetch_add(&mine->beat, 1);
	}
	if (rnd(&s) % 40 == 0)
		again(rnd(&s));
	return NULL;
}

static void fork_a_bit(unsigned long *s)
{
	char *const argv[] = { (char *)"true", NULL };
	pid_t pid;

	switch (rnd(s) % 3) {
	case 0:
		pid = fork();
		if (pid == 0) {
			idle_a_bit(s);
			_exit(0);
		}
		break;
	case 1:
		pid = fork();
		if (pid == 0) {
			execv("/bin/true", argv);
			_exit(0);
		}
		break;
	default:
		pid = vfork();
		if (pid == 0) {
			execv("/bin/true", argv);
			_exit(0);
		}
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int target(char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned long s = strtoul(argv[2], NULL, 10);
	pthread_attr_t attr;
	pthread_t t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	my_slot = atoi(argv[3]);
	shm_fd = atoi(argv[4]);
	slots = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, shm_fd, 0);
	if (slots == MAP_FAILED)
		return 1;
	mine = &slots[my_slot];
	sigaction(SIGUSR1, &sa, NULL);
	sigaction(SIGUSR2, &sa, NULL);
	sigaction(SIGCHLD, &sa, NULL);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (;;) {
		atomic_fetch_add(&mine->beat, 1);
		switch (rnd(&s) % 10) {
		case 0:
		case 1:
		case 2:
			pthread_create(&t, &attr, thread,
				       (void *)(rnd(&s) | 1));
			break;
		case 3:
			fork_a_bit(&s);
			break;
		case 4:
			kill(getpid(), rnd(&s) % 2 ? SIGUSR1 : SIGUSR2);
			break;
		case 5:
			if (rnd(&s) % 40 == 0)
				again(rnd(&s));
			break;
		case 6:
			if (rnd(&s) % 100 == 0)
				return 0;
			break;
		default:
			idle_a_bit(&s);
		}
	}
}

static void start_target(unsigned i, unsigned long s)
{
	pid_t pid = fork();

	if (pid == 0) {
		/* An aborted call (PRSABORT) makes a C library complain. */
		int null = open("/dev/null", O_RDWR);

		dup2(null, 2);
		/* And a sanitizer, which is for us and not for the targets. */
		setenv("ASAN_OPTIONS", "log_path=/dev/null", 1);
		setenv("UBSAN_OPTIONS", "log_path=/dev/null", 1);
		my_slot = i;
		again(s);
	}
	atomic_store(&slots[i].pid, pid);
}

/* -- actors --------------------------------------------------------------- */

static pid_t random_target(unsigned long *s)
{
	return atomic_load(&slots[rnd(s) % ntargets].pid);
}

static pid_t random_thread(pid_t pid, unsigned long *s)
{
	pid_t tids[256];
	struct dirent *d;
	char path[64];
	int n = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (n < 256 && (d = readdir(dir)))
		if (d->d_name[0] != '.')
			tids[n++] = atoi(d->d_name);
	closedir(dir);
	return n ? tids[rnd(s) % n] : 0;
}

static void random_sysset(struct ctl_sysset *set, unsigned long *s)
{
	int i;

	memset(set, 0, sizeof(*set));
	if (rnd(s) % 2)
		for (i = 0; i < 8; i++)
			set->native[i] = rnd(s) & rnd(s) & rnd(s);
}

static void put(unsigned char **p, const void *v, size_t len)
{
	memcpy(*p, v, len);
	*p += len;
}

static void put64(unsigned char **p, int64_t v)
{
	put(p, &v, sizeof(v));
}

static size_t random_messages(unsigned char *buf, unsigned long *s)
{
	static const uint64_t modes[] = { PR_FORK, PR_RLC, PR_ASYNC,
					  PR_BPTADJ };
	unsigned char *p = buf;
	struct ctl_sysset set;
	siginfo_t si;
	int n;

	for (n = 1 + rnd(s) % 4; n; n--)
		switch (rnd(s) % 18) {
		case 0:
			put64(&p, PCSTOP);
			break;
		case 1:
			put64(&p, PCDSTOP);
			break;
		case 2:
		case 3:
			put64(&p, PCTWSTOP);
			put64(&p, 1 + rnd(s) % 50);
			break;
		case 4:
		case 5:
		case 6:
			put64(&p, PCRUN);
			put64(&p, rnd(s) % 3 ? 0 : rnd(s) & PR_RUN_FLAGS);
			break;
		case 7:
			put64(&p, PCCSIG);
			break;
		case 8:
			memset(&si, 0, sizeof(si));
			si.si_signo = rnd(s) % 2 ? SIGUSR1 : 0;
			put64(&p, PCSSIG);
			put(&p, &si, sizeof(si));
			break;
		case 9:
			put64(&p, PCKILL);
			put64(&p, rnd(s) % 2 ? SIGUSR1 : SIGUSR2);
			break;
		case 10:
			put64(&p, PCUNKILL);
			put64(&p, SIGUSR1);
			break;
		case 11:
			put64(&p, PCSTRACE);
			put64(&p, rnd(s) & rnd(s));
			break;
		case 12:
			put64(&p, PCSFAULT);
			put64(&p, rnd(s) & 0x1fff);
			break;
		case 13:
		case 14:
			random_sysset(&set, s);
			put64(&p, rnd(s) % 2 ? PCSENTRY : PCSEXIT);
			put(&p, &set, sizeof(set));
			break;
		case 15:
			put64(&p, PCSET);
			put64(&p, modes[rnd(s) % 4]);
			break;
		case 16:
			put64(&p, PCUNSET);
			put64(&p, modes[rnd(s) % 4]);
			break;
		case 17: /* garbage */
			put64(&p, rnd(s) % 2000);
			put64(&p, rnd(s));
			break;
		}
	return p - buf;
}

static void read_ring(struct ctl *h)
{
	const struct ctl_rec *rec;
	int r;

	while ((r = ctl_ring_next(h, &rec)) > 0)
		;
	if (r == -EPROTO) {
		fprintf(stderr, "ctlstress: %s\n", ctl_error());
		abort();
	}
	ctl_ring_release(h);
}

static void act(struct ctl *h, unsigned long *s)
{
	struct ctl_record what = { .signals = ~0ULL, .faults = ~0ULL };
	struct ctl_lwpstatus *v;
	unsigned char buf[4096];
	struct ctl_status st = { .size = sizeof(st) };

	switch (rnd(s) % 8) {
	case 0:
		ctl_status(h, &st);
		break;
	case 1:
		if (ctl_threads(h, &v) > 0)
			free(v);
		break;
	case 2:
		what.events = rnd(s) & 0xfe;
		random_sysset(&what.calls, s);
		ctl_ring_open(h, 0, rnd(s) % 2 ? CTL_RING_DROP : 0);
		ctl_ring_record(h, &what);
		break;
	case 3:
		read_ring(h);
		break;
	case 4:
		if (ctl_status(h, &st) == 0)
			ctl_mem_read(h, st.lwp.reg.rsp, buf, sizeof(buf));
		break;
	case 5:
		ctl_poll_check(h);
		break;
	default:
		ctl_write(h, buf, random_messages(buf, s), NULL);
		atomic_fetch_add(&messages, 1);
	}
}

static void visit(unsigned long *s, bool rlc)
{
	static const int flags[] = { 0, 0, 0, CTL_OPEN_EXCL, CTL_OPEN_RDONLY };
	pid_t pid = random_target(s), tid = 0;
	struct ctl *h;
	int n;

	if (pid <= 0)
		return;
	if (rnd(s) % 3 == 0)
		tid = random_thread(pid, s);
	if (ctl_open(&h, pid, tid, rlc ? 0 : flags[rnd(s) % 5]) < 0) {
		note("open %d/%d: %s\n", pid, tid, ctl_error());
		atomic_fetch_add(&refused, 1);
		return;
	}
	atomic_fetch_add(&opened, 1);
	if (rlc)
		ctl_mode_set(h, PR_RLC);
	for (n = rnd(s) % 20; n && !atomic_load(&over); n--)
		act(h, s);
	if (rlc)
		for (;;)
			act(h, s); /* until killed */
	ctl_close(h);
}

static void *actor(void *arg)
{
	unsigned long s = seed + 77 * (unsigned long)arg + 1;

	while (!atomic_load(&over))
		visit(&s, false);
	return NULL;
}

/* A wait that never ends is interrupted, as it would be from a keyboard. */
static void *poker(void *arg)
{
	pthread_t *actors = arg;
	int i;

	while (!atomic_load(&over)) {
		nap_us(100000);
		for (i = 0; i < ACTORS; i++)
			pthread_kill(actors[i], SIGUSR1);
	}
	return NULL;
}

static void killed_client(unsigned long *s)
{
	unsigned long cs = rnd(s) | 1;
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		visit(&cs, true);
		_exit(0);
	}
	nap_us(rnd(s) % 100000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void kill_server(unsigned long *s)
{
	struct ctl_status st = { .size = sizeof(st) };
	struct ctl *h;
	pid_t pid = random_target(s);

	if (pid <= 0 || ctl_open(&h, pid, 0, CTL_OPEN_RDONLY) < 0)
		return;
	if (ctl_status(h, &st) == 0 && st.holder > 0) {
		note("kill server %d\n", st.holder);
		kill(st.holder, SIGKILL);
		atomic_fetch_add(&killed, 1);
	}
	ctl_close(h);
}

static void replace_dead(unsigned long *s)
{
	unsigned i;
	pid_t pid;

	for (i = 0; i < ntargets; i++) {
		pid = atomic_load(&slots[i].pid);
		if (pid > 0 && waitpid(pid, NULL, WNOHANG) == pid)
			start_target(i, rnd(s));
	}
}

/* -- the end -------------------------------------------------------------- */

static void set_running(pid_t pid)
{
	struct ctl *h;
	int tries;

	for (tries = 0; tries < 50; tries++) {
		if (ctl_open(&h, pid, 0, 0) < 0) {
			note("last open %d: %s\n", pid, ctl_error());
			if (kill(pid, 0) < 0)
				return;
			nap_us(20000);
			continue;
		}
		ctl_mode_set(h, PR_RLC);
		ctl_close(h);
		return;
	}
}

/* Targets, and what they left behind: children that were followed and are
 * stopped keep their own control.  How many there were. */
static unsigned each_of_group(void (*fn)(pid_t pid))
{
	struct dirent *d;
	char path[64], line[512], *p, state;
	unsigned n = 0;
	int pgrp;
	DIR *dir = opendir("/proc");
	FILE *f;

	while (dir && (d = readdir(dir))) {
		pid_t pid = atoi(d->d_name);

		if (pid <= 0 || pid == getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%d/stat", pid);
		f = fopen(path, "r");
		if (!f)
			continue;
		p = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
		fclose(f);
		if (p && sscanf(p + 1, " %c %*d %d", &state, &pgrp) == 2 &&
		    pgrp == getpid() && state != 'Z' && state != 'X') {
			fn(pid);
			n++;
		}
	}
	if (dir)
		closedir(dir);
	return n;
}

static void kill_it(pid_t pid)
{
	kill(pid, SIGKILL);
}

static char state_of(pid_t pid, int *tracer)
{
	char path[64], line[256], state = 'X';
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	*tracer = 0;
	if (!f)
		return state;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "State: %c", &state) != 1 &&
		    sscanf(line, "TracerPid: %d", tracer) == 1)
			break;
	fclose(f);
	return state;
}

static bool runs(unsigned i)
{
	unsigned long beat = atomic_load(&slots[i].beat);
	pid_t pid = atomic_load(&slots[i].pid);
	int tracer = 0, tries;
	char state = 0;

	for (tries = 0; tries < 200; tries++) {
		nap_us(50000);
		if (waitpid(pid, NULL, WNOHANG) == pid) {
			atomic_store(&slots[i].pid, 0);
			return true; /* it ended, as they do */
		}
		state = state_of(pid, &tracer);
		if (!tracer && atomic_load(&slots[i].beat) != beat)
			return true;
	}
	fprintf(stderr,
		"ctlstress: %d: state %c, tracer %d, %lu heartbeats in 10 s\n",
		pid, state, tracer, atomic_load(&slots[i].beat) - beat);
	return false;
}

int main(int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	unsigned long seconds = 10, i, s;
	pthread_t actors[ACTORS], pk;
	struct timespec t0, t;
	int opt, bad = 0;
	ssize_t n;

	n = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
	if (n < 0)
		return 1;
	self_path[n] = '\0';
	if (argc == 5 && !strcmp(argv[1], "--target"))
		return target(argv);
	seed = time(NULL);
	while ((opt = getopt(argc, argv, "s:t:n:v")) != -1)
		switch (opt) {
		case 's':
			seed = strtoul(optarg, NULL, 10);
			break;
		case 't':
			seconds = strtoul(optarg, NULL, 10);
			break;
		case 'n':
			ntargets = strtoul(optarg, NULL, 10);
			break;
		case 'v':
			verbose = true;
			break;
		default:
			return 64;
		}
	if (!ntargets || ntargets > MAX_TARGETS)
		return 64;
	setpgid(0, 0);
	printf("ctlstress: seed %lu, %lu s, %u targets\n", seed, seconds,
	       ntargets);
	fflush(stdout);
	shm_fd = memfd_create("ctlstress", 0);
	if (shm_fd < 0 || ftruncate(shm_fd, 4096) < 0)
		return 1;
	slots = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, shm_fd, 0);
	if (slots == MAP_FAILED)
		return 1;
	sigaction(SIGUSR1, &sa, NULL);
	s = seed | 1;
	for (i = 0; i < ntargets; i++)
		start_target(i, rnd(&s));
	for (i = 0; i < ACTORS; i++)
		pthread_create(&actors[i], NULL, actor, (void *)i);
	pthread_create(&pk, NULL, poker, actors);
	clock_gettime(CLOCK_MONOTONIC, &t0);
	do {
		replace_dead(&s);
		switch (rnd(&s) % 8) {
		case 0:
		case 1:
			killed_client(&s);
			break;
		case 2:
			kill_server(&s);
			break;
		case 3:
			if (rnd(&s) % 4 == 0) {
				pid_t pid = random_target(&s);

				if (pid > 0)
					kill(pid, SIGKILL);
			}
			break;
		default:
			nap_us(rnd(&s) % 50000);
		}
		clock_gettime(CLOCK_MONOTONIC, &t);
	} while ((unsigned long)(t.tv_sec - t0.tv_sec) < seconds);
	atomic_store(&over, true);
	pthread_join(pk, NULL);
	for (i = 0; i < ACTORS; i++) {
		while (pthread_kill(actors[i], 0) == 0) {
			struct timespec dl;

			pthread_kill(actors[i], SIGUSR1);
			clock_gettime(CLOCK_REALTIME, &dl);
			dl.tv_nsec += 20000000;
			if (dl.tv_nsec >= 1000000000) {
				dl.tv_nsec -= 1000000000;
				dl.tv_sec++;
			}
			if (pthread_timedjoin_np(actors[i], NULL, &dl) == 0)
				break;
		}
	}
	each_of_group(set_running);
	each_of_group(set_running); /* those born of the ones set running */
	for (i = 0; i < ntargets; i++)
		bad += !runs(i);
	/* One may fork while we look elsewhere. */
	while (each_of_group(kill_it))
		nap_us(10000);
	while (waitpid(-1, NULL, 0) > 0)
		;
	printf("ctlstress: %lu opened, %lu refused, %lu batches, %lu servers killed: %s\n",
	       opened, refused, messages, killed, bad ? "FAILED" : "ok");
	return bad != 0;
}
