/* SPDX-License-Identifier: GPL-2.0-or-later */
/* names.c of libctl: against the C library's tables, and there and back. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check.h"
#include "private.h"

static void test_signals(void)
{
	for (int sig = 1; sig <= 64; sig++) {
		const char *name = ctl_signal_name(sig);
		const char *abbrev = sigabbrev_np(sig);
		char text[32];

		CHECK(name, "signal %d has no name", sig);
		if (!name)
			continue;
		/* SIGIO: what everything but this one function calls 29. */
		CHECK(!abbrev || sig == SIGIO || !strcmp(name + 3, abbrev),
		      "%s, libc says %s", name, abbrev);
		CHECK(ctl_signal_parse(name) == sig, "%s", name);
		CHECK(ctl_signal_parse(name + 3) == sig, "%s", name + 3);
		snprintf(text, sizeof(text), "%d", sig);
		CHECK(ctl_signal_parse(text) == sig, "%s", text);
	}
	CHECK(!ctl_signal_name(0), "0");
	CHECK(!ctl_signal_name(65), "65");
	CHECK(!ctl_signal_name(-1), "-1");
	CHECK(ctl_signal_parse("rtmin+3") == SIGRTMIN + 3, "rtmin+3");
	CHECK(ctl_signal_parse("SIGRTMAX-2") == SIGRTMAX - 2, "SIGRTMAX-2");
	CHECK(ctl_signal_parse("RTMAX") == SIGRTMAX, "RTMAX");
	CHECK(ctl_signal_parse("cld") == SIGCHLD, "cld");
	CHECK(ctl_signal_parse("SIGPOLL") == SIGIO, "SIGPOLL");
}

static void test_bad_signals(void)
{
	static const char *const bad[] = {
		"",	   "0",	      "65",	   "-1",	"SIG",
		"SIGSIGHUP", "HUPP",  " HUP",	   "15x",	"SIGFOO",
		"RTMIN+31", "RTMAX-31", "RTMAX-",  "RTMIN-1",	"0x",
		"99999999999999999999",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CHECK(ctl_signal_parse(bad[i]) == -EINVAL, "'%s'", bad[i]);
}

static void test_errors(void)
{
	for (int e = 1; e <= 133; e++) {
		const char *name = ctl_errno_name(e);
		const char *libc = strerrorname_np(e);

		CHECK(!libc == !name, "%d: %s", e, libc ? libc : name);
		if (libc && name)
			CHECK(!strcmp(name, libc), "%d: %s, libc says %s", e,
			      name, libc);
	}
	CHECK(!ctl_errno_name(0), "0");
	CHECK(!ctl_errno_name(-EPERM), "-EPERM");
	CHECK(!ctl_errno_name(134), "134");
	CHECK(!ctl_errno_name(1 << 30), "2^30");
	CHECK(!strcmp(ctl_errno_name(512), "ERESTARTSYS"), "512");
	CHECK(!strcmp(ctl_errno_name(524), "ENOTSUPP"), "524");
}

static void test_faults(void)
{
	for (int f = 1; f <= CTL_FAULT_MAX; f++) {
		const char *name = ctl_fault_name(f);

		CHECK(name && ctl_fault_parse(name) == f &&
			      ctl_fault_parse(name + 3) == f,
		      "fault %d: %s", f, name);
	}
	CHECK(ctl_fault_parse("3") == FLTBPT, "3");
	CHECK(ctl_fault_parse("14") == -EINVAL, "14");
	CHECK(ctl_fault_parse("0") == -EINVAL, "0");
	CHECK(!ctl_fault_name(0) && !ctl_fault_name(14), "0 and 14");
}

static void test_bits(void)
{
	for (int bit = 0; bit < 64; bit++) {
		uint64_t v = 1ULL << bit;
		const char *name = ctl_mode_name(v);

		CHECK(!name == !(v & PR_MODES), "mode bit %d", bit);
		if (name)
			CHECK(ctl_mode_parse(name) == (int64_t)v &&
				      ctl_mode_parse(name + 3) == (int64_t)v,
			      "%s", name);
	}
	CHECK(!strcmp(ctl_flag_name(PR_ISTOP), "PR_ISTOP"), "PR_ISTOP");
	CHECK(!ctl_flag_name(0x20) && !ctl_flag_name(0), "flag without a name");
	CHECK(!strcmp(ctl_why_name(PR_SYSENTRY), "PR_SYSENTRY"), "why");
	CHECK(!ctl_why_name(0) && !ctl_why_name(65), "why without a name");
	CHECK(ctl_mode_parse("0x200000") == (int64_t)PR_RLC, "0x200000");
	CHECK(ctl_mode_parse("1") == -EINVAL, "1");
	CHECK(ctl_mode_parse("") == -EINVAL, "empty");
}

static void test_messages(void)
{
	for (long code = 0; code < 1100; code++) {
		const char *name = ctl_message_name(code);

		if (name)
			CHECK(ctl_message_parse(name) == code &&
				      ctl_message_parse(name + 2) == code,
			      "%s", name);
	}
	CHECK(ctl_message_parse("pcrun") == PCRUN, "pcrun");
	CHECK(ctl_message_parse("5") == PCRUN, "5");
	CHECK(ctl_message_parse("21") == -EINVAL, "21");
	CHECK(ctl_message_parse("PC") == -EINVAL, "PC");
}

static void test_sets(void)
{
	const uint64_t hup = CTL_SIGBIT(SIGHUP), term = CTL_SIGBIT(SIGTERM);
	const uint64_t all_faults = CTL_FLTBIT(CTL_FAULT_MAX + 1) - 1;
	static const char *const bad[] = { "",	     ",",     "hup,",  ",hup",
					   "hup,,int", "!",   "!!hup", "hup term",
					   "nosuch", "all,!",  "!hup,!" };
	const struct {
		const char *list;
		uint64_t set;
	} good[] = {
		{ "hup", hup },
		{ "HUP,SIGTERM", hup | term },
		{ "1,15", hup | term },
		{ "all", ~0ULL },
		{ "none", 0 },
		{ "all,!hup", ~hup },
		{ "!hup", ~hup },
		{ "!hup,term", ~(hup | term) },
		{ "!hup,!term", ~(hup | term) },
		{ "!none", ~0ULL },
		{ "!all", 0 },
		{ "all,none", ~0ULL },
		{ "hup,!all,term", term },
		{ "rtmin+30", 1ULL << 63 },
	};
	uint64_t set;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		set = 42;
		CHECK(ctl_sigset_parse(good[i].list, &set) == 0 &&
			      set == good[i].set,
		      "%s: %#jx", good[i].list, (uintmax_t)set);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		set = 42;
		CHECK(ctl_sigset_parse(bad[i], &set) == -EINVAL && set == 42,
		      "'%s'", bad[i]);
	}
	CHECK(ctl_sigset_parse("hup,bogus,int", &set) == -EINVAL &&
		      strstr(ctl_error(), "'bogus'"),
	      "%s", ctl_error());
	CHECK(ctl_fltset_parse("all", &set) == 0 && set == all_faults, "all");
	CHECK(ctl_fltset_parse("!FLTBPT,TRACE", &set) == 0 &&
		      set == (all_faults & ~(CTL_FLTBIT(FLTBPT) |
					     CTL_FLTBIT(FLTTRACE))),
	      "!FLTBPT,TRACE");
	CHECK(ctl_fltset_parse("14", &set) == -EINVAL, "14");
}

int main(void)
{
	test_signals();
	test_bad_signals();
	test_errors();
	test_faults();
	test_bits();
	test_messages();
	test_sets();
	return check_result();
}
