/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lazy - opens paths in memory that a thread of its own brings when it is
 * touched (userfaultfd), and prints how many.  77: that may not be had.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <linux/userfaultfd.h>

#include "tracee.h"

#define PAGES 20
#define PAGE 4096

static int uffd;

static void *bring(void *arg)
{
	static char page[PAGE] = "/nowhere";
	struct pollfd p = { .fd = uffd, .events = POLLIN };
	struct uffdio_copy copy;
	struct uffd_msg msg;

	for (;;) {
		if (poll(&p, 1, -1) < 0 || read(uffd, &msg, sizeof(msg)) < 0)
			continue;
		memset(&copy, 0, sizeof(copy));
		copy.dst = msg.arg.pagefault.address & -(uint64_t)PAGE;
		copy.src = (uintptr_t)page;
		copy.len = PAGE;
		if (ioctl(uffd, UFFDIO_COPY, &copy) < 0)
			die("UFFDIO_COPY");
	}
	return arg;
}

int main(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	pthread_t thread;
	char *m;
	int i, n = 0;

	uffd = syscall(SYS_userfaultfd, O_CLOEXEC);
	if (uffd < 0 || ioctl(uffd, UFFDIO_API, &api) < 0)
		return 77;
	m = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (m == MAP_FAILED)
		die("mmap");
	reg.range.start = (uintptr_t)m;
	reg.range.len = PAGES * PAGE;
	if (ioctl(uffd, UFFDIO_REGISTER, &reg) < 0)
		die("UFFDIO_REGISTER");
	if (pthread_create(&thread, NULL, bring, NULL))
		die("pthread_create");
	for (i = 0; i < PAGES; i++)
		n += open(m + i * PAGE, O_RDONLY) < 0 && errno == ENOENT;
	printf("opened %d\n", n);
	return 0;
}
