/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syscall_names.c - the names of the system calls, of x86-64 and of i386, as
 * the kernel's headers have them (mk/syscall_names.mk), and sets of them.
 *
 * A name in a set stands for the call in both; a number for one of x86-64.
 */
#include <errno.h>
#include <string.h>

#include "private.h"

static const char *const native[CTL_SYSSET_BITS] = {
#include "syscall_64.inc"
};

static const char *const compat[CTL_SYSSET_BITS] = {
#include "syscall_32.inc"
};

#define X32_BIT 0x40000000U

static const char *const *names_of(int abi)
{
	return abi == CTL_ABI_COMPAT ? compat : native;
}

CTL_EXPORT const char *ctl_syscall_name(int abi, unsigned nr)
{
	if (abi == CTL_ABI_X32)
		nr &= ~X32_BIT;
	return nr < CTL_SYSSET_BITS ? names_of(abi)[nr] : NULL;
}

static int find(const char *const *names, const char *s, size_t len)
{
	for (unsigned nr = 0; nr < CTL_SYSSET_BITS; nr++)
		if (names[nr] && strlen(names[nr]) == len &&
		    !memcmp(names[nr], s, len))
			return nr;
	return -EINVAL;
}

static int number(const char *s, size_t len)
{
	int v = 0;

	if (len == 0 || len > 9)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EINVAL;
		v = 10 * v + s[i] - '0';
	}
	return v;
}

static int unknown(const char *s, size_t len)
{
	return ctl_fail(-EINVAL, "unknown system call '%.*s'",
			len > 64 ? 64 : (int)len, s);
}

CTL_EXPORT int ctl_syscall_parse(int abi, const char *s)
{
	size_t len = strlen(s);
	int nr = find(names_of(abi), s, len);

	if (nr < 0)
		nr = number(s, len);
	return nr < 0 ? unknown(s, len) : nr;
}

static void add(__u64 *bits, unsigned nr)
{
	if (nr >= CTL_SYSSET_BITS)
		nr = CTL_SYSSET_BITS - 1;
	bits[nr / 64] |= 1ULL << nr % 64;
}

/* One word of a list. */
static int word_set(const char *s, size_t len, struct ctl_sysset *set)
{
	int nr, nr32;

	memset(set, 0, sizeof(*set));
	if (len == 4 && !memcmp(s, "none", 4))
		return 0;
	if (len == 3 && !memcmp(s, "all", 3)) {
		memset(set, 0xff, sizeof(*set));
		return 0;
	}
	nr = find(native, s, len);
	nr32 = find(compat, s, len);
	if (nr < 0 && nr32 < 0)
		nr = number(s, len);
	if (nr < 0 && nr32 < 0)
		return unknown(s, len);
	if (nr >= 0)
		add(set->native, nr);
	if (nr32 >= 0)
		add(set->compat, nr32);
	return 0;
}

static void apply(struct ctl_sysset *set, const struct ctl_sysset *by,
		  bool remove)
{
	for (size_t i = 0; i < CTL_SYSSET_BITS / 64; i++) {
		if (remove) {
			set->native[i] &= ~by->native[i];
			set->compat[i] &= ~by->compat[i];
		} else {
			set->native[i] |= by->native[i];
			set->compat[i] |= by->compat[i];
		}
	}
}

CTL_EXPORT int ctl_sysset_parse(const char *list, struct ctl_sysset *set)
{
	struct ctl_sysset result, word;
	bool invert = *list == '!';

	/* A list that begins with "!" names what to leave out. */
	memset(&result, invert ? 0xff : 0, sizeof(result));
	for (;;) {
		size_t len = strcspn(list, ",");
		bool mark = len && *list == '!';
		int r = word_set(list + mark, len - mark, &word);

		if (r < 0)
			return r;
		apply(&result, &word, invert || mark);
		if (!list[len])
			break;
		list += len + 1;
	}
	*set = result;
	return 0;
}
