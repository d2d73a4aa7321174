/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * names.c - what the numbers of the protocol are called, and back.
 *
 * One table for each kind of number, and every fact in it once: a row is a
 * name, the value comes from the header that defines it.  Names go out in full
 * (SIGTERM, PR_FORK); parsers take them with or without their prefix, in any
 * case, or the number.  System calls have a file of their own, syscall.c.
 *
 * A set is written as a list of words, worked through from the left:
 *
 *     a,b      these two
 *     all,!c   everything but c
 *     !a,b     the same, shorter: a list that begins with ! names what to
 *              leave out, as with truss and strace
 *     none     nothing
 *
 * Every parser works on (pointer, length): a word of a list needs no copy, and
 * a fuzzer can call it.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

#include "private.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* A row of a table that is searched; the prefix is the table's. */
struct name {
	int64_t value;
	const char *name;
};

struct table {
	const struct name *row;
	size_t n;
	const char *prefix;
};

static const char *name_of(const struct table *t, int64_t value)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->row[i].value == value)
			return t->row[i].name;
	return NULL;
}

static bool same(const char *s, size_t len, const char *name)
{
	return strlen(name) == len && !strncasecmp(s, name, len);
}

/* Does the word begin with the prefix?  Then step over it. */
static bool skip_prefix(const char **s, size_t *len, const char *prefix)
{
	size_t n = strlen(prefix);

	if (*len <= n || strncasecmp(*s, prefix, n))
		return false;
	*s += n;
	*len -= n;
	return true;
}

/* Decimal, or hexadecimal after 0x; nothing before and nothing behind. */
static int parse_number(const char *s, size_t len, int64_t *value)
{
	int base = 10;
	int64_t v = 0;

	if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		base = 16;
		s += 2;
		len -= 2;
	}
	if (len == 0)
		return -EINVAL;
	for (; len; s++, len--) {
		int digit;

		if (*s >= '0' && *s <= '9')
			digit = *s - '0';
		else if (*s >= 'a' && *s <= 'f')
			digit = *s - 'a' + 10;
		else if (*s >= 'A' && *s <= 'F')
			digit = *s - 'A' + 10;
		else
			return -EINVAL;
		if (digit >= base || __builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, digit, &v))
			return -EINVAL;
	}
	*value = v;
	return 0;
}

static int64_t value_of(const struct table *t, const char *s, size_t len)
{
	const char *bare = s;
	size_t barelen = len;

	skip_prefix(&bare, &barelen, t->prefix);
	for (size_t i = 0; i < t->n; i++) {
		const char *name = t->row[i].name;

		/* Aliases need not have the prefix. */
		if (same(s, len, name) ||
		    (!strncmp(name, t->prefix, strlen(t->prefix)) &&
		     same(bare, barelen, name + strlen(t->prefix))))
			return t->row[i].value;
	}
	return -EINVAL;
}

/* ------------------------------------------------------------- signals -- */

/*
 * The real-time signals are counted from 34, as in kill(1) and everything
 * built on glibc, which keeps the kernel's first two for itself.
 */
#define RTMIN 34
#define RTMAX 64

#define SIGNALS(X) \
	X(SIGHUP) X(SIGINT) X(SIGQUIT) X(SIGILL) X(SIGTRAP) X(SIGABRT) \
	X(SIGBUS) X(SIGFPE) X(SIGKILL) X(SIGUSR1) X(SIGSEGV) X(SIGUSR2) \
	X(SIGPIPE) X(SIGALRM) X(SIGTERM) X(SIGSTKFLT) X(SIGCHLD) X(SIGCONT) \
	X(SIGSTOP) X(SIGTSTP) X(SIGTTIN) X(SIGTTOU) X(SIGURG) X(SIGXCPU) \
	X(SIGXFSZ) X(SIGVTALRM) X(SIGPROF) X(SIGWINCH) X(SIGIO) X(SIGPWR) \
	X(SIGSYS)

#define RTSIGNALS(X) \
	X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) \
	X(14) X(15) X(16) X(17) X(18) X(19) X(20) X(21) X(22) X(23) X(24) \
	X(25) X(26) X(27) X(28) X(29) X(30)

#define ROW(name) { name, #name },
#define RTROW(n) { RTMIN + (n), "SIGRTMIN+" #n },
static const struct name signal_rows[] = {
	SIGNALS(ROW)
	{ 32, "SIG32" },
	{ 33, "SIG33" },
	{ RTMIN, "SIGRTMIN" },
	RTSIGNALS(RTROW)
	/* Other names; after the first of its number a row is only parsed. */
	{ SIGABRT, "SIGIOT" },
	{ SIGIO, "SIGPOLL" },
	{ SIGCHLD, "SIGCLD" },
	{ RTMAX, "SIGRTMAX" },
};
static const struct table signals = {
	signal_rows, ARRAY_SIZE(signal_rows), "SIG",
};

CTL_EXPORT const char *ctl_signal_name(int sig)
{
	return name_of(&signals, sig);
}

static int64_t signal_value(const char *s, size_t len)
{
	const char *bare = s;
	size_t barelen = len;
	int64_t v;

	v = value_of(&signals, s, len);
	if (v >= 0)
		return v;
	if (parse_number(s, len, &v) == 0)
		return v >= 1 && v <= RTMAX ? v : -EINVAL;
	/* Down from the other end, as kill(1) lists the upper half. */
	skip_prefix(&bare, &barelen, "SIG");
	if (skip_prefix(&bare, &barelen, "RTMAX-") &&
	    parse_number(bare, barelen, &v) == 0 && v <= RTMAX - RTMIN)
		return RTMAX - v;
	return -EINVAL;
}

CTL_EXPORT int ctl_signal_parse(const char *s)
{
	int64_t v = signal_value(s, strlen(s));

	return v < 0 ? ctl_fail(v, "unknown signal '%s'", s) : (int)v;
}

/* -------------------------------------------------------------- faults -- */

#define FAULTS(X) \
	X(FLTILL) X(FLTPRIV) X(FLTBPT) X(FLTTRACE) X(FLTACCESS) X(FLTBOUNDS) \
	X(FLTIOVF) X(FLTIZDIV) X(FLTFPE) X(FLTSTACK) X(FLTPAGE) X(FLTWATCH) \
	X(FLTCPCOVF)

static const struct name fault_rows[] = { FAULTS(ROW) };
static const struct table faults = {
	fault_rows, ARRAY_SIZE(fault_rows), "FLT",
};
_Static_assert(ARRAY_SIZE(fault_rows) == CTL_FAULT_MAX, "a fault has no name");

CTL_EXPORT const char *ctl_fault_name(int flt)
{
	return name_of(&faults, flt);
}

static int64_t fault_value(const char *s, size_t len)
{
	int64_t v;

	if (parse_number(s, len, &v) == 0)
		return v >= 1 && v <= CTL_FAULT_MAX ? v : -EINVAL;
	return value_of(&faults, s, len);
}

CTL_EXPORT int ctl_fault_parse(const char *s)
{
	int64_t v = fault_value(s, strlen(s));

	return v < 0 ? ctl_fail(v, "unknown fault '%s'", s) : (int)v;
}

/* -------------------------------------------------------------- errors -- */

/*
 * asm-generic/errno-base.h and errno.h, which x86 uses as they are.  Of two
 * names for one number the kernel's own stands here.
 */
#define ERRORS(X) \
	X(EPERM) X(ENOENT) X(ESRCH) X(EINTR) X(EIO) X(ENXIO) X(E2BIG) \
	X(ENOEXEC) X(EBADF) X(ECHILD) X(EAGAIN) X(ENOMEM) X(EACCES) X(EFAULT) \
	X(ENOTBLK) X(EBUSY) X(EEXIST) X(EXDEV) X(ENODEV) X(ENOTDIR) X(EISDIR) \
	X(EINVAL) X(ENFILE) X(EMFILE) X(ENOTTY) X(ETXTBSY) X(EFBIG) X(ENOSPC) \
	X(ESPIPE) X(EROFS) X(EMLINK) X(EPIPE) X(EDOM) X(ERANGE) X(EDEADLK) \
	X(ENAMETOOLONG) X(ENOLCK) X(ENOSYS) X(ENOTEMPTY) X(ELOOP) X(ENOMSG) \
	X(EIDRM) X(ECHRNG) X(EL2NSYNC) X(EL3HLT) X(EL3RST) X(ELNRNG) \
	X(EUNATCH) X(ENOCSI) X(EL2HLT) X(EBADE) X(EBADR) X(EXFULL) X(ENOANO) \
	X(EBADRQC) X(EBADSLT) X(EBFONT) X(ENOSTR) X(ENODATA) X(ETIME) X(ENOSR) \
	X(ENONET) X(ENOPKG) X(EREMOTE) X(ENOLINK) X(EADV) X(ESRMNT) X(ECOMM) \
	X(EPROTO) X(EMULTIHOP) X(EDOTDOT) X(EBADMSG) X(EOVERFLOW) X(ENOTUNIQ) \
	X(EBADFD) X(EREMCHG) X(ELIBACC) X(ELIBBAD) X(ELIBSCN) X(ELIBMAX) \
	X(ELIBEXEC) X(EILSEQ) X(ERESTART) X(ESTRPIPE) X(EUSERS) X(ENOTSOCK) \
	X(EDESTADDRREQ) X(EMSGSIZE) X(EPROTOTYPE) X(ENOPROTOOPT) \
	X(EPROTONOSUPPORT) X(ESOCKTNOSUPPORT) X(EOPNOTSUPP) X(EPFNOSUPPORT) \
	X(EAFNOSUPPORT) X(EADDRINUSE) X(EADDRNOTAVAIL) X(ENETDOWN) \
	X(ENETUNREACH) X(ENETRESET) X(ECONNABORTED) X(ECONNRESET) X(ENOBUFS) \
	X(EISCONN) X(ENOTCONN) X(ESHUTDOWN) X(ETOOMANYREFS) X(ETIMEDOUT) \
	X(ECONNREFUSED) X(EHOSTDOWN) X(EHOSTUNREACH) X(EALREADY) \
	X(EINPROGRESS) X(ESTALE) X(EUCLEAN) X(ENOTNAM) X(ENAVAIL) X(EISNAM) \
	X(EREMOTEIO) X(EDQUOT) X(ENOMEDIUM) X(EMEDIUMTYPE) X(ECANCELED) \
	X(ENOKEY) X(EKEYEXPIRED) X(EKEYREVOKED) X(EKEYREJECTED) X(EOWNERDEAD) \
	X(ENOTRECOVERABLE) X(ERFKILL) X(EHWPOISON)

/*
 * Numbers that are the kernel's own business (include/linux/errno.h) and that
 * a tracer meets all the same: a call that a signal will restart, or a driver
 * that lets one slip.
 */
#define KERNEL_ERRORS(X) \
	X(ERESTARTSYS, 512) X(ERESTARTNOINTR, 513) X(ERESTARTNOHAND, 514) \
	X(ENOIOCTLCMD, 515) X(ERESTART_RESTARTBLOCK, 516) \
	X(EPROBE_DEFER, 517) X(EOPENSTALE, 518) X(ENOPARAM, 519) \
	X(EBADHANDLE, 521) X(ENOTSYNC, 522) X(EBADCOOKIE, 523) \
	X(ENOTSUPP, 524) X(ETOOSMALL, 525) X(ESERVERFAULT, 526) \
	X(EBADTYPE, 527) X(EJUKEBOX, 528) X(EIOCBQUEUED, 529) \
	X(ERECALLCONFLICT, 530) X(ENOGRACE, 531)

#define INDEX(name) [name] = #name,
#define KERNEL_INDEX(name, value) [value] = #name,
static const char *const errors[] = {
	ERRORS(INDEX)
	KERNEL_ERRORS(KERNEL_INDEX)
};

CTL_EXPORT const char *ctl_errno_name(int err)
{
	return err > 0 && (size_t)err < ARRAY_SIZE(errors) ? errors[err] : NULL;
}

/* --------------------------------------------------- why, flags, modes -- */

#define WHYS(X) \
	X(PR_REQUESTED) X(PR_SIGNALLED) X(PR_SYSENTRY) X(PR_SYSEXIT) \
	X(PR_JOBCONTROL) X(PR_FAULTED) X(PR_PROBE)
#define FLAGS(X) \
	X(PR_STOPPED) X(PR_ISTOP) X(PR_DSTOP) X(PR_STEP) X(PR_ASLEEP) \
	X(PR_ISSYS) X(PR_VFORKP) X(PR_PTRACE) X(PR_INVALID) X(PR_ATTACHED)
#define MODES(X) X(PR_FORK) X(PR_RLC) X(PR_KLC) X(PR_ASYNC) X(PR_BPTADJ)

static const struct name why_rows[] = { WHYS(ROW) };
static const struct table whys = { why_rows, ARRAY_SIZE(why_rows), "PR_" };
static const struct name flag_rows[] = { FLAGS(ROW) };
static const struct table flags = { flag_rows, ARRAY_SIZE(flag_rows), "PR_" };
static const struct name mode_rows[] = { MODES(ROW) };
static const struct table modes = { mode_rows, ARRAY_SIZE(mode_rows), "PR_" };

CTL_EXPORT const char *ctl_why_name(unsigned why)
{
	return name_of(&whys, why);
}

CTL_EXPORT const char *ctl_flag_name(unsigned bit_value)
{
	return name_of(&flags, bit_value);
}

CTL_EXPORT const char *ctl_mode_name(uint64_t bit_value)
{
	return bit_value > INT64_MAX ? NULL : name_of(&modes, bit_value);
}

CTL_EXPORT int64_t ctl_mode_parse(const char *s)
{
	int64_t v;

	if (parse_number(s, strlen(s), &v) == 0) {
		if (v && !(v & ~(int64_t)PR_MODES))
			return v;
	} else {
		v = value_of(&modes, s, strlen(s));
		if (v >= 0)
			return v;
	}
	return ctl_fail(-EINVAL, "unknown mode '%s'", s);
}

/* ------------------------------------------------------------ messages -- */

#define MESSAGES(X) \
	X(PCNULL) X(PCSTOP) X(PCDSTOP) X(PCWSTOP) X(PCTWSTOP) X(PCRUN) \
	X(PCCSIG) X(PCCFAULT) X(PCSSIG) X(PCKILL) X(PCUNKILL) X(PCSHOLD) \
	X(PCSTRACE) X(PCSFAULT) X(PCSENTRY) X(PCSEXIT) X(PCSET) X(PCUNSET) \
	X(PCSREG) X(PCSFPREG) X(PCNICE) X(PCSVADDR) X(PCWATCH) X(PCAGENT) \
	X(PCREAD) X(PCWRITE) X(PCSCRED) X(PCRING) X(PCRECORD) X(PCCAPTURE) \
	X(PCPROBE) X(PCUNPROBE)

static const struct name message_rows[] = { MESSAGES(ROW) };
static const struct table messages = {
	message_rows, ARRAY_SIZE(message_rows), "PC",
};

CTL_EXPORT const char *ctl_message_name(long code)
{
	return name_of(&messages, code);
}

CTL_EXPORT long ctl_message_parse(const char *s)
{
	int64_t v;

	if (parse_number(s, strlen(s), &v) == 0) {
		if (name_of(&messages, v))
			return v;
	} else {
		v = value_of(&messages, s, strlen(s));
		if (v >= 0)
			return v;
	}
	return ctl_fail(-EINVAL, "unknown message '%s'", s);
}

/* ---------------------------------------------------------------- sets -- */

int ctl_set_parse(const char *list, size_t len, uint64_t all,
		  int64_t (*value)(const char *, size_t), const char *what,
		  uint64_t *set)
{
	bool invert = len && *list == '!';
	uint64_t result = 0, bits;

	for (;;) {
		const char *comma = memchr(list, ',', len);
		size_t n = comma ? (size_t)(comma - list) : len;
		const char *word = list;
		size_t wordlen = n;
		bool remove = false;
		int64_t v;

		if (wordlen && *word == '!') {
			remove = !invert; /* "!a,!b" is "!a,b" */
			word++;
			wordlen--;
		}
		if (same(word, wordlen, "all")) {
			bits = all;
		} else if (same(word, wordlen, "none")) {
			bits = 0;
		} else {
			v = value(word, wordlen);
			if (v < 1)
				return ctl_fail(-EINVAL, "unknown %s '%.*s'",
						what,
						wordlen > 64 ? 64 :
							       (int)wordlen,
						word);
			bits = 1ULL << (v - 1);
		}
		if (remove)
			result &= ~bits;
		else
			result |= bits;
		if (!comma)
			break;
		list += n + 1;
		len -= n + 1;
	}
	*set = invert ? all & ~result : result;
	return 0;
}

CTL_EXPORT int ctl_sigset_parse(const char *list, uint64_t *set)
{
	return ctl_set_parse(list, strlen(list), ~0ULL, signal_value, "signal",
			     set);
}

CTL_EXPORT int ctl_fltset_parse(const char *list, uint64_t *set)
{
	return ctl_set_parse(list, strlen(list),
			     CTL_FLTBIT(CTL_FAULT_MAX + 1) - 1, fault_value,
			     "fault", set);
}
