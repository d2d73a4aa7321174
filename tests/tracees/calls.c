/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * calls - make many different calls, with arguments of every kind; the same ones
 * each time.  Their results are of no interest: it is traced by two tracers, and
 * these have to agree.  Also built for 32 bits.  It leaves files in the current
 * folder.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/quota.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/sendfile.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <termios.h>
#include <time.h>
#include <utime.h>

#include "tracee.h"

#pragma GCC diagnostic ignored "-Wunused-result"

static struct iovec out[] = { { (void *)"ab", 2 }, { (void *)"cd", 2 } };
static char room[200];
static struct iovec in[] = { { room, 10 } };

static void on_signal(int sig)
{
	(void)sig;
}

static void files(void)
{
	struct timeval times[] = { { 1, 2 }, { 3, 4 } };
	struct utimbuf old = { 1, 2 };
	struct statfs fs;
	struct stat st;
	int fd;

	fd = open("f", O_RDWR | O_CREAT, 0644);
	writev(fd, out, 2);
	lseek(fd, 1, SEEK_SET);
	readv(fd, in, 1);
	pwrite(fd, "x\0018\2", 4, 5);
	pread(fd, room, 3, 1);
	preadv(fd, in, 1, 2);
	pwritev(fd, out, 2, (off_t)1 << 30);
	ftruncate(fd, 100);
	fallocate(fd, 0, 0, 100);
	posix_fadvise(fd, 0, 100, POSIX_FADV_WILLNEED);
	stat("f", &st);
	lstat("none", &st);
	fstat(fd, &st);
	statfs("/proc", &fs);
	utimes("f", times);
	utime("none", &old);
	chmod("f", 04755);
	fchown(fd, -1, 2);
	symlink("f", "l");
	readlink("l", room, sizeof(room));
	rename("f", "g");
	mknod("n", S_IFIFO | 0600, 0);
	mkdir("d", 01700);
	rmdir("d");
	unlink("l");
	access("g", R_OK | W_OK);
	umask(077);
	truncate("none", 5);
	setxattr("none", "user.x", "value", 5, XATTR_CREATE);
	close(fd);
}

static void descriptors(void)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
			      .l_len = 10 };
	struct f_owner_ex owner = { F_OWNER_PID, 1 };
	struct termios tio;
	struct winsize ws;
	int fd = open("g", O_RDWR), tty, n = 1;
	sigset_t set;

	fcntl(fd, F_SETLK, &lock);
	fcntl(fd, F_GETLK, &lock);
	fcntl(fd, F_SETOWN_EX, &owner);
	fcntl(fd, F_GETOWN_EX, &owner);
	fcntl(-1, F_SETOWN, -5);
	fanotify_mark(-1, FAN_MARK_ADD, FAN_OPEN | FAN_ONDIR, AT_FDCWD, "g");
	fcntl(fd, F_SETFL, O_ASYNC);
	fcntl(fd, F_GETFL);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	fcntl(fd, F_DUPFD_CLOEXEC, 20);
	fcntl(-1, F_SETLKW, &lock);
	ioctl(fd, FIONREAD, &n);
	ioctl(fd, FIONBIO, &n);
	ioctl(fd, FS_IOC_GETVERSION + 99, &n);
	ioctl(-1, _IOC(_IOC_READ, 'x', 200, 77), &n);
	tty = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	ioctl(tty, TIOCSPTLCK, &n);
	ioctl(tty, TIOCGWINSZ, &ws);
	ioctl(tty, TCGETS, &tio);
	ioctl(fd, TCGETS, &tio);
	close(tty);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	signalfd(-1, &set, SFD_CLOEXEC);
	sendfile(fd, fd, NULL, 0);
	close(fd);
}

static void signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal,
				.sa_flags = SA_RESTART };
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL,
				  .sigev_signo = SIGUSR2,
				  .sigev_value.sival_int = 7 };
	struct timespec soon = { 0, 1000000 };
	struct itimerval far = { { 0, 0 }, { 100, 0 } };
	struct itimerspec then = { { 50, 5 }, { 1000, 6 } };
	timer_t timer;
	sigset_t set;

	sigaction(SIGUSR1, &sa, NULL);
	signal(SIGUSR2, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigtimedwait(&set, NULL, &soon);
	setitimer(ITIMER_REAL, &far, NULL);
	alarm(0);
	nanosleep(&soon, NULL);
	clock_nanosleep(CLOCK_MONOTONIC, 0, &soon, &soon);
	clock_getres(CLOCK_BOOTTIME, &soon);
	timer_create(CLOCK_MONOTONIC, &event, &timer);
	timer_settime(timer, 0, &then, NULL);
	timer_getoverrun(timer);
	timer_delete(timer);
	timerfd_settime(timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK), 0, &then,
			NULL);
}

static void memory_and_more(void)
{
	struct sched_param param;
	struct rlimit limit = { 0, RLIM_INFINITY };
	gid_t groups[3] = { 1, 2, 3 };
	char vma[32];
	cpu_set_t cpus;
	char *p;
	int status;

	p = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p, 4096, PROT_NONE);
	madvise(p, 4096, MADV_DONTNEED);
	mlock(p + 4096, 4096);
	msync(p, 4096, MS_SYNC);
	munmap(p, 8192);
	setrlimit(RLIMIT_CORE, &limit);
	getrlimit(RLIMIT_NOFILE, &limit);
	sched_getparam(0, &param);
	sched_getscheduler(0);
	CPU_ZERO(&cpus);
	CPU_SET(0, &cpus);
	CPU_SET(5, &cpus);
	sched_setaffinity(99999999, sizeof(cpus), &cpus);
	getpriority(PRIO_PROCESS, 0);
	setpriority(PRIO_PGRP, 99999999, 3);
	getgroups(3, groups);
	setresuid(-1, -1, -1);
	prctl(PR_SET_NAME, "name");
	prctl(PR_GET_DUMPABLE);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	prctl(PR_CAPBSET_READ, 3);
	/* PR_SET_VMA, PR_SET_VMA_ANON_NAME; nothing is there. */
	strcpy(vma, "a name of more than sixteen");
	prctl(0x53564d41, 0, 4096, 4096, vma);
	syscall(SYS_ioprio_get, 1, 0);
	syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 3);
	syscall(SYS_close_range, 900, 910, 0);
	syscall(SYS_bpf, 7, &(char[16]){ 0 }, 16);
	if (fork() == 0)
		_exit(3);
	wait4(-1, &status, 0, NULL);
}

#ifndef __i386__
static void ipc(void)
{
	struct sembuf down = { 0, -1, IPC_NOWAIT };
	struct { long type; char text[8]; } m = { 1, "hello" };
	int id;

	id = shmget(IPC_PRIVATE, 100, IPC_CREAT | 0640);
	shmdt(shmat(id, NULL, SHM_RDONLY));
	shmctl(id, IPC_RMID, NULL);
	id = semget(IPC_PRIVATE, 2, 0600);
	semctl(id, 0, SETVAL, 3);
	semop(id, &down, 1);
	semctl(id, 0, IPC_RMID);
	id = msgget(IPC_PRIVATE, 0600);
	msgsnd(id, &m, 6, 0);
	msgrcv(id, &m, 6, 0, IPC_NOWAIT);
	msgctl(id, IPC_RMID, NULL);
}

static void sockets(void)
{
	struct sockaddr_un abstract = { AF_UNIX, "" };
	struct linger linger = { 1, 2 };
	struct ifreq ifr = { .ifr_name = "lo" };
	struct mmsghdr many[2] = { 0 };
	struct msghdr m = { .msg_iov = out, .msg_iovlen = 2 };
	struct msghdr r = { .msg_iov = in, .msg_iovlen = 1 };
	socklen_t len = sizeof(int);
	int pair[2], fd, n;

	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	sendmsg(pair[0], &m, MSG_NOSIGNAL);
	recvmsg(pair[1], &r, 0);
	recvmsg(pair[1], &r, MSG_DONTWAIT);
	many[0].msg_hdr = m;
	sendmmsg(pair[0], many, 1, 0);
	many[0].msg_hdr = r;
	recvmmsg(pair[1], many, 2, MSG_DONTWAIT, NULL);
	getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &n, &len);
	setsockopt(pair[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	setsockopt(pair[0], SOL_SOCKET, SO_KEEPALIVE, NULL, 0);
	strcpy(abstract.sun_path + 1, "no such name");
	connect(pair[0], (void *)&abstract,
		offsetof(struct sockaddr_un, sun_path) + 13);
	fd = socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
	for (n = 0; n < 7; n++)
		ioctl(fd, (int[]){ SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFADDR,
				   SIOCGIFNETMASK, SIOCGIFMTU, SIOCGIFHWADDR,
				   SIOCGIFTXQLEN }[n], &ifr);
	close(fd);
}
#endif

/* Operations that decide what the other arguments are. */
static void operations(void)
{
	syscall(SYS_keyctl, KEYCTL_LINK, 5, KEY_SPEC_SESSION_KEYRING);
	syscall(SYS_keyctl, KEYCTL_REVOKE, 7);
	syscall(SYS_keyctl, KEYCTL_CHOWN, 7, 0, -1);
	syscall(SYS_keyctl, KEYCTL_REJECT, 1, 10, ENOKEY,
		KEY_SPEC_PROCESS_KEYRING);
	syscall(SYS_quotactl, QCMD(Q_GETQUOTA, USRQUOTA), "none", 5, NULL);
	syscall(SYS_quotactl, QCMD(Q_SYNC, GRPQUOTA), "none", 0, NULL);
#ifdef SYS_futex_time64
	int64_t ts[] = { 0, 7 };
	int word = 0;

	syscall(SYS_futex_time64, &word, FUTEX_WAIT, 0, ts, NULL, 0);
#endif
}

static void waiting(void)
{
	struct epoll_event event = { EPOLLOUT | EPOLLET, { .u64 = 3 } };
	struct pollfd fds[] = { { -1, POLLIN, 0 }, { 0, POLLIN | POLLOUT, 0 } };
	struct timespec no_time = { 0, 0 };
	struct timeval none = { 0, 0 };
	struct mq_attr attr = { .mq_maxmsg = 3, .mq_msgsize = 100 };
	int ends[2], fd;
	unsigned prio;
	fd_set set;
	mqd_t q;

	pipe2(ends, O_NONBLOCK);
	fds[1].fd = ends[1];
	poll(fds, 2, 0);
	ppoll(fds, 2, &no_time, NULL);
	FD_ZERO(&set);
	FD_SET(ends[1], &set);
	select(ends[1] + 1, NULL, &set, NULL, &none);
	fd = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(fd, EPOLL_CTL_ADD, ends[1], &event);
	epoll_wait(fd, &event, 1, 0);
	epoll_ctl(fd, EPOLL_CTL_DEL, ends[1], &event);
	q = mq_open("/ctltools-calls", O_RDWR | O_CREAT, 0600, &attr);
	mq_unlink("/ctltools-calls");
	mq_send(q, "hi", 2, 1);
	mq_getattr(q, &attr);
	mq_receive(q, room, sizeof(room), &prio);
	mq_open("/ctltools-none", O_RDONLY);
}

/* What the call cannot read is not shown, though a tracer could. */
static void unreadable(void)
{
	char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	strcpy(p, "/hidden");
	mprotect(p, 4096, PROT_NONE);
	open(p, O_RDONLY);
	stat(p, (void *)room);
}

int main(void)
{
	unreadable();
	files();
	descriptors();
	signals();
	memory_and_more();
	operations();
#ifndef __i386__
	ipc();
	sockets();
#endif
	waiting();
	return 0;
}
