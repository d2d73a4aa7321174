/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * absent - calls whose arguments are hard to get at: in a page that is in memory
 * only when the call itself has brought it in, or at the end of what there is.
 *
 *	absent write		of such a page no more than 10 bytes are written
 *	absent exec		a child executes a program whose name lies in such a
 *				page, where the program's stack lies then
 *	absent end		a name that memory ends in
 *	absent path		the longest path there may be
 *	absent nothing
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "tracee.h"

/* A page of a file, read by nobody yet, that begins with text; at: where it is
 * to be, or NULL. */
static char *absent(const char *text, void *at)
{
	int fd = memfd_create("absent", 0);
	char *page;

	if (fd < 0 || ftruncate(fd, 4096) < 0 ||
	    write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("memfd_create");
	page = mmap(at, 4096, PROT_READ,
		    MAP_PRIVATE | (at ? MAP_FIXED_NOREPLACE : 0), fd, 0);
	if (page == MAP_FAILED)
		die("mmap");
	close(fd);
	return page;
}

static void do_write(void)
{
	struct rlimit ten = { 10, 10 };
	struct iovec iov = { absent("twenty-two bytes long.", NULL), 22 };
	int fd = memfd_create("ten", 0);

	signal(SIGXFSZ, SIG_IGN);
	if (fd < 0 || setrlimit(RLIMIT_FSIZE, &ten) < 0 ||
	    writev(fd, &iov, 1) != 10)
		die("writev");
}

/* The page where the stack of a program begins whose addresses are not random,
 * with its environment. */
#define STACK ((void *)0x7fffffffe000)

static void do_exec(const char *self)
{
	char *name = absent(self, STACK), filling[6000], *env[] = { filling, NULL };
	pid_t pid = fork();

	memset(filling, 'x', sizeof(filling) - 1);
	filling[sizeof(filling) - 1] = '\0';
	if (pid == 0) {
		personality(ADDR_NO_RANDOMIZE);
		execle(name, name, "nothing", (char *)NULL, env);
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, NULL, 0) != pid)
		die("fork");
}

static void do_end(void)
{
	char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || munmap(pages + 4096, 4096) < 0)
		die("mmap");
	memcpy(pages + 4090, "no end", 6);
	access(pages + 4090, F_OK);
}

static void do_path(void)
{
	char path[4096];

	memset(path, '/', sizeof(path));
	strcpy(path + sizeof(path) - 5, "here");
	access(path, F_OK);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "write"))
		do_write();
	else if (!strcmp(what, "exec"))
		do_exec(argv[0]);
	else if (!strcmp(what, "end"))
		do_end();
	else if (!strcmp(what, "path"))
		do_path();
	else if (strcmp(what, "nothing") != 0)
		return 64;
	return 0;
}
