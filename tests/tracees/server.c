/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * server [DIR] - a bit of everything that ptruss(1) has an example of: files that
 * come and go, a connection, memory, signals, a fault that it survives.  In DIR
 * it does so again and again and is never done; else once, in a parse_error().
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/socket.h>

#include "tracee.h"

static sigjmp_buf behind;

static void handler(int sig)
{
	if (sig == SIGSEGV)
		siglongjmp(behind, 1);
}

__attribute__((noinline)) int parse_request(int n);
__attribute__((noinline)) int parse_error(int n);

int parse_request(int n)
{
	__asm__ volatile("" : "+r"(n));
	return n + 1;
}

int parse_error(int n)
{
	return 2 * parse_request(n);
}

static void files(void)
{
	int fd = open("served", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	char text[8];

	if (fd < 0 || write(fd, "served", 6) != 6 || fsync(fd) < 0 ||
	    lseek(fd, 0, SEEK_SET) != 0 || read(fd, text, sizeof(text)) != 6)
		die("served");
	close(fd);
	unlink("served");
}

/* The two ends stay, for whoever looks at them. */
static void connection(int listener)
{
	static int out, in;
	struct sockaddr_in sa;
	socklen_t len = sizeof(sa);
	char text[8];

	if (getsockname(listener, (void *)&sa, &len) < 0)
		die("getsockname");
	if (!out) {
		out = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(out, (void *)&sa, len) < 0)
			die("connect");
		in = accept(listener, NULL, NULL);
	}
	if (send(out, "hello", 5, 0) != 5 ||
	    recv(in, text, sizeof(text), 0) != 5)
		die("send");
}

static void fault(void)
{
	static char *volatile nowhere = (char *)16;

	if (sigsetjmp(behind, 1) == 0)
		*nowhere = 1;
}

int main(int argc, char **argv)
{
	int listener;

	if (argc < 2) {
		printf("%d\n", parse_error(argc));
		return 0;
	}
	listener = socket(AF_INET, SOCK_STREAM, 0);
	if (chdir(argv[1]) < 0 || listener < 0 || listen(listener, 5) < 0)
		die(argv[1]);
	signal(SIGHUP, handler);
	signal(SIGINT, handler);
	signal(SIGSEGV, handler);
	ready();
	for (;;) {
		void *volatile p = malloc(4242);

		free(p);
		files();
		connection(listener);
		fault();
		raise(SIGHUP);
		raise(SIGINT);
		usleep(20000);
	}
}
