/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - the keeper process:
 *	ctlkeeper PID START SOCKET [CALLS|- [record|follow]]
 *
 * libctl starts it (transport_keeper.c) for one process and waits for a struct
 * keep_ready on descriptor 3.  It attaches, listens, serves, and exits when no
 * client is connected and nothing is kept: no thread held, no set, no record,
 * no call under repair.
 *
 * The wait.  ptrace wants one thread to wait in wait4(2), sockets want one to
 * wait in poll(2); nothing waits for both.  There are two ways out, and each is
 * taken where it is cheap.  As a rule the tracer polls, and hears of a stop by
 * SIGCHLD (a signalfd).  When stops come one after the other, as from a traced
 * program, that is a signal too many for each, and the tracer waits in wait4()
 * instead, while a second thread, the watcher, polls.  When a descriptor is ready the watcher
 * sets io_ready and interrupts wait4() by a signal, again every millisecond
 * until it is heard, since the signal may fall just before the wait.  The hot
 * path, a traced system call, pays one load for this.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "keeper.h"
#include "source.h"
#include "uprobe.h"

int epoll_fd = -1;
char socket_path[108];

static int listen_fd = -1, timer_fd = -1, chld_fd = -1;
static uint64_t timer_at; /* what timer_fd is set to, 0: off */
static atomic_bool io_ready, tracer_waits;
static unsigned streak; /* stops since a descriptor was ready */
static bool watching;	/* under io_lock: the watcher is to poll */
static volatile sig_atomic_t quit;
static pthread_t tracer;
static pthread_mutex_t io_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t io_done, watch_wanted = PTHREAD_COND_INITIALIZER;

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static void timer_set(uint64_t when)
{
	struct itimerspec its = { 0 };

	timer_at = when;
	its.it_value.tv_sec = when / 1000000000ULL;
	its.it_value.tv_nsec = when % 1000000000ULL;
	timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &its, NULL);
}

void keeper_timer(uint64_t when)
{
	if (when && (!timer_at || when < timer_at))
		timer_set(when);
}

void keeper_hurry(void)
{
	static const struct sched_param lowest = { .sched_priority = 1 };

	follow_never();
	/* Where real time is shared out by cgroups we may have none. */
	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &lowest) < 0)
		setpriority(PRIO_PROCESS, 0, -20);
}

static void on_kick(int sig)
{
	(void)sig;
}

/* The timer ends a wait that is about to begin. */
static void on_quit(int sig)
{
	struct itimerspec now = { .it_value.tv_nsec = 1 };
	int err = errno;

	(void)sig;
	quit = 1;
	timerfd_settime(timer_fd, 0, &now, NULL);
	errno = err;
}

/* -- the thread that watches the descriptors ------------------------------ */

/*
 * Until a descriptor is ready, or a signal comes.  By poll(2): epoll_wait(2)
 * would take away the events that are told only once (EPOLLET).  SIGCHLD comes
 * by CHLD, a signalfd, or -1: the guardian traces this thread, and a signal
 * that is delivered would stop it.
 */
static bool io_wait(int chld)
{
	struct pollfd p[2] = {
		{ .fd = epoll_fd, .events = POLLIN },
		{ .fd = chld, .events = POLLIN },
	};
	struct signalfd_siginfo si;

	if (poll(p, 2, -1) < 0)
		return false;
	if (p[1].revents && read(chld, &si, sizeof(si)) < 0)
		return true; /* not to be: then handle_io() looks */
	return p[0].revents;
}

static void *watch(void *arg)
{
	struct timespec ts;

	(void)arg;
	for (;;) {
		pthread_mutex_lock(&io_lock);
		while (!watching)
			pthread_cond_wait(&watch_wanted, &io_lock);
		pthread_mutex_unlock(&io_lock);
		if (!io_wait(-1))
			continue;
		pthread_mutex_lock(&io_lock);
		atomic_store(&io_ready, watching);
		while (watching && atomic_load(&io_ready)) {
			if (atomic_load(&tracer_waits))
				pthread_kill(tracer, SIGUSR1);
			clock_gettime(CLOCK_MONOTONIC, &ts);
			ts.tv_nsec += 1000000;
			if (ts.tv_nsec >= 1000000000) {
				ts.tv_nsec -= 1000000000;
				ts.tv_sec++;
			}
			pthread_cond_timedwait(&io_done, &io_lock, &ts);
		}
		pthread_mutex_unlock(&io_lock);
	}
	return NULL;
}

static void set_watching(bool on)
{
	pthread_mutex_lock(&io_lock);
	if (on && !watching)
		pthread_cond_signal(&watch_wanted);
	watching = on;
	if (!on) {
		atomic_store(&io_ready, false);
		pthread_cond_signal(&io_done);
	}
	pthread_mutex_unlock(&io_lock);
}

static void handle_io(void)
{
	struct epoll_event ev[64];
	uint64_t expired, a, b;
	bool timer = false;
	int n, i;

	n = epoll_wait(epoll_fd, ev, 64, 0);
	for (i = 0; i < n; i++) {
		if (ev[i].data.ptr == &listen_fd)
			client_accept(listen_fd);
		else if (ev[i].data.ptr == &timer_fd)
			timer = true;
		else if (ev[i].data.ptr == source_tag())
			source_arrived();
		else if (ev[i].data.ptr == uprobe_tag())
			uprobe_ready();
		else if (ev[i].data.u64 & IO_SOURCE)
			source_ready((void *)(uintptr_t)(ev[i].data.u64 &
							 ~IO_SOURCE));
		else
			client_ready(ev[i].data.ptr);
	}
	if (timer && read(timer_fd, &expired, sizeof(expired)) > 0) {
		timer_at = 0;
		a = trace_timers(now_ns());
		b = client_timers(now_ns());
		keeper_timer(a);
		keeper_timer(b);
		keeper_timer(source_timers(now_ns()));
		keeper_timer(uprobe_timers(now_ns()));
	}
	clients_reap();
}

/* -- the loop ------------------------------------------------------------- */

/* A burst is taken whole before any of it is handled: wait4() reports the
 * oldest tracee first, and one that makes call after call would starve the
 * others. */
#define BURST 512

/* So many stops in a row, and the next ones are waited for in wait4(). */
#define HOT 16U

/* The first of the events to be taken; 0: there is none.  busy: not to wait. */
static pid_t first_event(int *status, bool busy)
{
	pid_t tid;

	if (streak < HOT || busy) {
		tid = trace_wait(-1, status, WNOHANG);
		if (tid <= 0 && !quit && (busy || io_wait(chld_fd)))
			atomic_store(&io_ready, true);
		return tid < 0 ? 0 : tid;
	}
	if (streak == HOT)
		set_watching(true);
	atomic_store(&tracer_waits, true);
	tid = trace_wait(-1, status,
			 atomic_load(&io_ready) || quit ? WNOHANG : 0);
	atomic_store(&tracer_waits, false);
	if (tid < 0 && errno == ECHILD)
		atomic_store(&io_ready, true); /* only those matter now */
	return tid < 0 ? 0 : tid;
}

static void take_events(bool busy)
{
	static struct {
		pid_t tid;
		int status;
	} ev[BURST];
	int n = 0, i, status;
	pid_t tid = first_event(&status, busy);

	while (tid > 0) {
		ev[n].tid = tid;
		ev[n++].status = status;
		/* With one tracee there is nothing else to take. */
		if (n == BURST || trace_single())
			break;
		tid = trace_wait(-1, &status, WNOHANG);
	}
	for (i = 0; i < n; i++)
		trace_event(ev[i].tid, ev[i].status);
	if (n)
		streak++;
}

static bool finished(void)
{
	static uint64_t first;

	if (quit)
		return true;
	if (!list_empty(&clients)) {
		first = 1;
		return false;
	}
	if (first != 1) {
		/* The one who started us has yet to connect. */
		if (!first)
			first = now_ns() + 5000000000ULL;
		if (now_ns() < first) {
			keeper_timer(first);
			return false;
		}
	}
	return trace_idle();
}

static void serve(void)
{
	while (!finished()) {
		take_events(trace_collect());
		if (atomic_load(&io_ready)) {
			set_watching(false);
			streak = 0;
			handle_io();
		}
		afar_serve();
		clients_dispatch();
	}
}

/* Told to quit: no thread may be left inside a breakpoint or a repair. */
static void drain(void)
{
	uint64_t end = now_ns() + 500000000ULL;

	while (!trace_idle() && now_ns() < end) {
		take_events(false); /* does not wait: quit is set */
		usleep(500);
	}
}

/* -- start and end -------------------------------------------------------- */

static void ready(int err)
{
	struct keep_ready r = { .err = err };

	if (err)
		snprintf(r.text, sizeof(r.text), "%s", ctl_error());
	if (write(KEEP_READY_FD, &r, sizeof(r)) < 0)
		_exit(1);
	close(KEEP_READY_FD);
}

static int add_watch(int fd, void *ptr)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = ptr };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

static int start_listening(void)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };

	snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", socket_path);
	listen_fd = socket(AF_UNIX,
			   SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listen_fd < 0)
		return ctl_failno(-errno);
	umask(077);
	/*
	 * Only one can be attached to the process, and that is us: a file of
	 * this name is what a killed keeper left.
	 */
	unlink(socket_path);
	if (bind(listen_fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(listen_fd, 64) < 0)
		return ctl_fail(-errno, "%s: %s", socket_path, strerror(errno));
	return 0;
}

static int set_up(void)
{
	struct sigaction sa = { .sa_handler = on_kick };
	pthread_condattr_t ca;
	sigset_t all, old, chld;
	pthread_t t;
	int err;

	sigaction(SIGUSR1, &sa, NULL);
	sa.sa_handler = on_quit;
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGHUP, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	sigemptyset(&chld);
	sigaddset(&chld, SIGCHLD);
	chld_fd = signalfd(-1, &chld, SFD_CLOEXEC | SFD_NONBLOCK);
	if (epoll_fd < 0 || timer_fd < 0 || chld_fd < 0)
		return ctl_failno(-errno);
	if ((err = add_watch(listen_fd, &listen_fd)) ||
	    (err = add_watch(timer_fd, &timer_fd)))
		return ctl_failno(err);
	tracer = pthread_self();
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&io_done, &ca);
	/* Signals are the tracer's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&t, NULL, watch, NULL);
	sigaddset(&old, SIGCHLD);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err ? ctl_failno(-err) : 0;
}

static void raise_limit(int what, rlim_t want)
{
	struct rlimit l, more = { want, want };

	if (getrlimit(what, &l) < 0 ||
	    (l.rlim_max < want && setrlimit(what, &more) == 0))
		return;
	l.rlim_cur = l.rlim_max;
	setrlimit(what, &l);
}

/* Our own, of two or three handles, and what a first look at memory takes. */
#define FILES_MIN 32U
/* Two descriptors a followed process, and those of the handles. */
#define FILES_GOOD 4096U

/*
 * The limits of the shell that the first command came from were not meant for
 * us, who go on when it is gone: one who cannot open a descriptor any more could
 * not be told to set its process running again.
 */
static int raise_limits(void)
{
	struct rlimit l;

	raise_limit(RLIMIT_CPU, RLIM_INFINITY);
	raise_limit(RLIMIT_AS, RLIM_INFINITY);
	raise_limit(RLIMIT_DATA, RLIM_INFINITY);
	/* It counts for rings; and then it is to be an error, not our end. */
	raise_limit(RLIMIT_FSIZE, RLIM_INFINITY);
	signal(SIGXFSZ, SIG_IGN);
	raise_limit(RLIMIT_NOFILE, FILES_GOOD);
	if (getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur < FILES_MIN)
		return ctl_fail(-EMFILE,
				"the limit of open files is too low: ulimit -n %u",
				FILES_MIN);
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long long start;
	struct proc *p;
	char *end;
	long pid;
	int err;

	/* Somebody asks for --version. */
	if (argc == 2 && strcmp(argv[1], "--events") == 0)
		return puts(source_describe()) < 0 || fflush(stdout) != 0;
	if (argc < 4 || argc > 6)
		goto usage;
	errno = 0;
	pid = strtol(argv[1], &end, 10);
	if (errno || *end || end == argv[1] || pid < 1 || pid > INT32_MAX)
		goto usage;
	start = strtoull(argv[2], &end, 10);
	if (errno || *end || end == argv[2] || argv[3][0] != '/' ||
	    strlen(argv[3]) >= sizeof(socket_path))
		goto usage;
	strcpy(socket_path, argv[3]);
	if (argc > 4 && strcmp(argv[4], "-") != 0 && !trace_tie(argv[4]))
		goto usage;

	guard_try();
	/* It has secrets of its tracees: neither core nor peeking. */
	prctl(PR_SET_DUMPABLE, 0);
	err = raise_limits();
	if (err) {
		ready(err);
		return 1;
	}
	if (argc > 5 && (strcmp(argv[5], KEEP_RECORDS) == 0 ||
			 strcmp(argv[5], KEEP_FOLLOWS) == 0))
		source_prepare(strcmp(argv[5], KEEP_FOLLOWS) == 0);
	err = trace_attach(pid, start);
	if (!err)
		err = start_listening();
	if (!err)
		err = set_up();
	ready(err);
	if (err)
		return 1;
	serve();

	/* From here on a client that connects is refused and starts anew. */
	unlink(socket_path);
	if (quit) {
		list_for_each(p, &procs, link)
			proc_release(p);
	}
	clients_close_all();
	if (quit)
		drain();
	list_for_each(p, &procs, link)
		if (p->link_path[0])
			unlink(p->link_path);
	guard_end();
	uprobe_end();
	if (!source_end())
		_exit(0); /* and nobody waits for BPF: the kernel breaks it off */
	return 0;

usage:
	fprintf(stderr, "%s: started by libctl, not by hand\n", KEEP_NAME);
	return 64;
}
