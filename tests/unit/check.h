/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.h - a unit test is a program: it says what went wrong, goes on, and
 * exits with 1 if anything did.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

static int check_failures;

#define CHECK(cond, ...) \
	do { \
		if (!(cond)) { \
			check_failures++; \
			printf("%s:%d: %s: ", __FILE__, __LINE__, #cond); \
			printf(__VA_ARGS__); \
			putchar('\n'); \
		} \
	} while (0)

static inline int check_result(void)
{
	return check_failures ? 1 : 0;
}

#endif
