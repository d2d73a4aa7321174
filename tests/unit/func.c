/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The functions of a process: what specifications mean, on ourselves. */
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../libctl/private.h"
#include "check.h"

int func_unit_alpha(int x);
int func_unit_beta(int x);

__attribute__((noinline)) int func_unit_alpha(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 1;
}

__attribute__((noinline)) int func_unit_beta(int x)
{
	__asm__ volatile("" : "+r"(x));
	return x + 2;
}

static void test_parse(void)
{
	static const char *const bad[] = { "", "a:b:c", "a:::b", "!", "a:!",
					   "a,,b", ",a", "a:b,", "!:x" };
	static const char *const good[] = { "libc", "libc:", ":", "::", "a:b",
					    "a::b", "!a,b:!c,d", ":x", "*:*" };
	struct ctl_func_spec *s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(ctl_func_spec_parse(&s, bad[i]) == -EINVAL, "%s", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		int r = ctl_func_spec_parse(&s, good[i]);

		CHECK(r == 0, "%s: %d", good[i], r);
		if (r == 0)
			ctl_func_spec_free(s);
	}
}

static struct ctl_funcs *list(const char *a, const char *b)
{
	struct ctl_func_spec *s[2] = { NULL, NULL };
	struct ctl_funcs *f = NULL;
	int r = ctl_func_spec_parse(&s[0], a);

	if (r == 0 && b)
		r = ctl_func_spec_parse(&s[1], b);
	if (r == 0)
		r = ctl_funcs_process(&f, getpid(), s, b ? 2 : 1);
	CHECK(r == 0, "%s: %s", a, ctl_error());
	ctl_func_spec_free(s[0]);
	ctl_func_spec_free(s[1]);
	return f;
}

static const struct ctl_func *find(struct ctl_funcs *f, const char *name)
{
	const struct ctl_func *p = NULL;

	while (f && ctl_funcs_next(f, &p) == 1)
		if (!strcmp(p->name, name))
			return p;
	return NULL;
}

static size_t count(struct ctl_funcs *f, const char *object)
{
	const struct ctl_func *p = NULL;
	size_t n = 0;

	while (f && ctl_funcs_next(f, &p) == 1)
		n += strstr(p->object, object) != NULL;
	return n;
}

static bool in_order(struct ctl_funcs *f)
{
	const struct ctl_func *p = NULL;
	uint64_t last = 0;

	while (f && ctl_funcs_next(f, &p) == 1) {
		if (p->address <= last || p->address < p->low ||
		    p->address >= p->high)
			return false;
		last = p->address;
	}
	return true;
}

static void test_program(void)
{
	struct ctl_funcs *f = list("a.out:func_unit_*", NULL);
	const struct ctl_func *a = find(f, "func_unit_alpha");

	CHECK(a && a->address == (uintptr_t)func_unit_alpha, "alpha");
	CHECK(a && a->inside, "of the program all calls are meant");
	CHECK(find(f, "func_unit_beta") != NULL, "beta");
	CHECK(!find(f, "main"), "not asked for");
	CHECK(in_order(f), "order");
	ctl_funcs_free(f);
	f = list("a.out:!*_beta", NULL);
	CHECK(find(f, "func_unit_alpha") && !find(f, "func_unit_beta"), "not");
	ctl_funcs_free(f);
	f = list("func:main", NULL);
	CHECK(find(f, "main"), "by its own name");
	ctl_funcs_free(f);
}

static void test_library(void)
{
	uint64_t addr = (uintptr_t)dlsym(RTLD_DEFAULT, "getenv");
	struct ctl_funcs *f = list("libc:getenv", NULL);
	const struct ctl_func *p = find(f, "getenv");

	CHECK(p && p->address == addr, "getenv");
	CHECK(p && !p->inside && !p->chosen, "calls from outside");
	CHECK(ctl_funcs_loader(f) != 0, "the dynamic linker's hook");
	ctl_funcs_free(f);
	f = list("libc::getenv", NULL);
	p = find(f, "getenv");
	CHECK(p && p->inside, "calls from inside");
	ctl_funcs_free(f);
	f = list("libc:strlen", NULL);
	p = find(f, "strlen");
	CHECK(p && p->chosen, "an ifunc");
	ctl_funcs_free(f);
	f = list("libc", NULL);
	CHECK(count(f, "libc.so") > 1000, "all: %zu", count(f, "libc.so"));
	CHECK(in_order(f), "order");
	p = NULL;
	while (ctl_funcs_next(f, &p) == 1)
		CHECK(!strstr(p->name, ".cold"), "%s", p->name);
	/* write, __write: the plain name. */
	CHECK(find(f, "write") && !find(f, "__write"), "the plain name");
	ctl_funcs_free(f);
	f = list("libc:__write", NULL);
	CHECK(find(f, "__write") != NULL, "what was asked for");
	ctl_funcs_free(f);
}

static void test_objects(void)
{
	struct ctl_funcs *f = list("*:*", NULL);

	CHECK(count(f, "libc.so") > 1000, "libraries");
	CHECK(!find(f, "main") && !count(f, "/ld-"), "but these two");
	ctl_funcs_free(f);
	f = list("!libc", NULL);
	CHECK(!count(f, "libc.so"), "all but this");
	CHECK(!find(f, "main") && !count(f, "/ld-"), "nor these");
	ctl_funcs_free(f);
	f = list("ld:_dl_*", NULL);
	CHECK(count(f, "/ld-") > 0, "the dynamic linker");
	ctl_funcs_free(f);
	f = list("no-such-library", NULL);
	CHECK(!count(f, ""), "none");
	ctl_funcs_free(f);
}

/* The first one that selects a function says how. */
static void test_order(void)
{
	struct ctl_funcs *f = list("libc::getenv", "libc:get*");
	const struct ctl_func *p = find(f, "getenv");

	CHECK(p && p->spec == 0 && p->inside, "first");
	p = find(f, "getpid");
	CHECK(p && p->spec == 1 && !p->inside, "second");
	ctl_funcs_free(f);
}

int main(void)
{
	test_parse();
	test_program();
	test_library();
	test_objects();
	test_order();
	return check_result();
}
