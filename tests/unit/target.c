/* SPDX-License-Identifier: GPL-2.0-or-later */
/* target.c of libctl: the operand grammar. */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "check.h"
#include "private.h"

static void test_good(void)
{
	static const struct {
		const char *arg;
		pid_t pid;
		const char *lwps;
	} good[] = {
		{ "1", 1, "" },
		{ "4194304", 4194304, "" },
		{ "2147483647", INT_MAX, "" },
		{ "/proc/42", 42, "" },
		{ "/proc/42/", 42, "" },
		{ "42/7", 42, "7" },
		{ "/proc/42/7", 42, "7" },
		{ "42/7-9", 42, "7-9" },
		{ "42/7-", 42, "7-" },
		{ "42/-7", 42, "-7" },
		{ "42/1,3-4,9-", 42, "1,3-4,9-" },
		{ "42/7-7", 42, "7-7" },
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct ctl_target t = { .pid = -1 };

		CHECK(ctl_target_parse(good[i].arg, &t) == 0, "%s",
		      good[i].arg);
		CHECK(t.pid == good[i].pid && !strcmp(t.lwps, good[i].lwps),
		      "%s: %d '%s'", good[i].arg, t.pid, t.lwps);
	}
}

static void test_bad(void)
{
	static const char *const bad[] = {
		"",	    "0",	 "-1",	       "+1",	  " 1",
		"1 ",	    "12x",	 "0x10",       "1.0",	  "2147483648",
		"99999999999999999999",  "/proc",      "/proc/",  "/proc/self",
		"proc/1",   "/proc//1",  "//1",	       "1//",	  "1//2",
		"1/x",	    "1/-",	 "1/0",	       "1/3-2",	  "1/1,",
		"1/,1",	    "1/1,,2",	 "1/1-2-3",    "1/--1",	  "1/1/2",
		"1/ 1",	    "1/2147483648", "1/0-3",   "/proc/1/task/1",
		"1/",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ctl_target t = { .pid = -7 };

		CHECK(ctl_target_parse(bad[i], &t) == -EINVAL && t.pid == -7,
		      "'%s'", bad[i]);
	}
}

/* Every prefix of an operand, from memory that ends where the prefix does. */
static void test_no_terminator(void)
{
	static const char arg[] = "/proc/42/1,3-4,9-";

	for (size_t n = 0; n < sizeof(arg); n++) {
		struct ctl_target t;
		char *s = malloc(n ? n : 1);

		memcpy(s, arg, n);
		ctl_target_parse_mem(s, n, &t);
		free(s);
	}
	CHECK(ctl_target_parse_mem("42\0", 3, &(struct ctl_target){ 0 }) ==
		      -EINVAL,
	      "a NUL is no digit");
}

static void test_long_list(void)
{
	char arg[512] = "1/1";
	struct ctl_target t;

	while (strlen(arg) < 2 + sizeof(t.lwps) - 2)
		strcat(arg, "1");
	CHECK(ctl_target_parse(arg, &t) == -EINVAL, "overflow");
	strcpy(arg, "1/1");
	while (strlen(arg) < 2 + sizeof(t.lwps) - 2)
		strcat(arg, ",1");
	CHECK(ctl_target_parse(arg, &t) == 0, "%s", arg);
	strcat(arg, ",1");
	CHECK(ctl_target_parse(arg, &t) == -EINVAL &&
		      strstr(ctl_error(), "too long"),
	      "%s", ctl_error());
}

static void test_has(void)
{
	struct ctl_target t = { 1, "5,7-9,20-" };

	CHECK(!ctl_target_has(&t, 4), "4");
	CHECK(ctl_target_has(&t, 5), "5");
	CHECK(!ctl_target_has(&t, 6), "6");
	CHECK(ctl_target_has(&t, 8), "8");
	CHECK(!ctl_target_has(&t, 19), "19");
	CHECK(ctl_target_has(&t, INT_MAX), "INT_MAX");
	strcpy(t.lwps, "-3");
	CHECK(ctl_target_has(&t, 1) && ctl_target_has(&t, 3), "-3");
	CHECK(!ctl_target_has(&t, 4), "-3 has not 4");
	t.lwps[0] = '\0';
	CHECK(ctl_target_has(&t, 99), "empty");
}

static void *wait_here(void *barrier)
{
	pthread_barrier_wait(barrier);
	pthread_barrier_wait(barrier);
	return NULL;
}

static void test_threads(void)
{
	struct ctl_target t = { .pid = getpid() };
	pthread_barrier_t barrier;
	pthread_t thread;
	pid_t *tids = NULL;
	int n;

	pthread_barrier_init(&barrier, NULL, 2);
	pthread_create(&thread, NULL, wait_here, &barrier);
	pthread_barrier_wait(&barrier);
	n = ctl_target_threads(&t, &tids);
	CHECK(n == 2 && tids[0] == getpid() && tids[1] > tids[0], "%d", n);
	free(tids);
	snprintf(t.lwps, sizeof(t.lwps), "%d-", getpid() + 1);
	n = ctl_target_threads(&t, &tids);
	CHECK(n == 1 && tids[0] != getpid(), "%d", n);
	if (n == 1)
		free(tids);
	tids = (pid_t *)&t;
	strcpy(t.lwps, "1");
	CHECK(ctl_target_threads(&t, &tids) == -ENOENT &&
		      tids == (pid_t *)&t,
	      "no such thread");
	t.pid = INT_MAX;
	CHECK(ctl_target_threads(&t, &tids) == -ENOENT, "no such process");
	pthread_barrier_wait(&barrier);
	pthread_join(thread, NULL);
}

int main(void)
{
	test_good();
	test_bad();
	test_no_terminator();
	test_long_list();
	test_has();
	test_threads();
	return check_result();
}
