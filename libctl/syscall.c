/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syscall.c - the table of system calls: rows by number, names, sets.
 *
 * syscall.def, structs.def and gen_flags.h are compiled in here, and only here;
 * everybody else looks up rows (syscall.h).
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "syscall.h"

/* -- constants and structures --------------------------------------------- */

#define FLAGS TAB_FLAGS
#define ENUM TAB_ENUM
#define OCTAL TAB_OCTAL
#define BITS TAB_BITS
#define TABLE(n, k) \
	enum { ctl_tabkind_##n = (k) }; \
	static const struct ctl_name ctl_names_##n[] = {
#define E(n, v, m) { #n, v, m },
#define END(n)                                                  \
	}                                                       \
	;                                                       \
	const struct ctl_table ctl_tab_##n = { ctl_names_##n,   \
					       ARRAY_SIZE(ctl_names_##n), \
					       ctl_tabkind_##n };
#include "gen_flags.h"
#undef TABLE
#undef E
#undef END
#undef FLAGS
#undef ENUM
#undef OCTAL
#undef BITS

const struct ctl_struct ctl_st_SAME = { .name = "same" };
const struct ctl_struct ctl_st_NONE = { .name = "none" };

/* Once for the fields, once for the structures. */
#define F6(v, o, s, k, n, r, c) \
	{ .name = n, .ref = r, .off = o, .size = s, .kind = k, .count = c, .verbose = v },
#define F5(v, o, s, k, n, r) F6(v, o, s, k, n, r, 1)
#define F4(v, o, s, k, n) F6(v, o, s, k, n, NULL, 1)
#define PICK(a1, a2, a3, a4, a5, a6, f, ...) f
#define STRUCT(n, size, compat) static const struct ctl_field ctl_fields_##n[] = {
#define F(...) PICK(__VA_ARGS__, F6, F5, F4, , )(0, __VA_ARGS__)
#define V(...) PICK(__VA_ARGS__, F6, F5, F4, , )(1, __VA_ARGS__)
#define ENDS(n) \
	}       \
	;
#include "structs.def"
#undef STRUCT
#undef F
#undef V
#undef ENDS

#define STRUCT(n, sz, cmp)                                              \
	const struct ctl_struct ctl_st_##n = { #n, ctl_fields_##n,      \
					       &ctl_st_##cmp,           \
					       ARRAY_SIZE(ctl_fields_##n), \
					       sz };
#define F(...)
#define V(...)
#define ENDS(n)
#include "structs.def"
#undef STRUCT
#undef F
#undef V
#undef ENDS

/* -- rows ----------------------------------------------------------------- */

enum class_bit {
	B_FILE, B_DESC, B_CREDS, B_MEM, B_SIG, B_NET, B_PROC, B_PURE, B_IPC,
	B_CLOCK, B_STAT, B_LSTAT, B_FSTAT, B_STATX, B_STATFS, B_FSTATFS,
};
static const char *const class_names[] = {
	[B_FILE] = "file",     [B_DESC] = "desc",     [B_CREDS] = "creds",
	[B_MEM] = "memory",    [B_SIG] = "signal",    [B_NET] = "network",
	[B_PROC] = "process",  [B_PURE] = "pure",     [B_IPC] = "ipc",
	[B_CLOCK] = "clock",   [B_STAT] = "stat",     [B_LSTAT] = "lstat",
	[B_FSTAT] = "fstat",   [B_STATX] = "statx",   [B_STATFS] = "statfs",
	[B_FSTATFS] = "fstatfs",
};
/* The words that the rows use; SIG is a macro with an argument, too. */
enum {
	DESC = 1 << B_DESC, CREDS = 1 << B_CREDS, MEM = 1 << B_MEM,
	SIG = 1 << B_SIG, NET = 1 << B_NET, PROC = 1 << B_PROC,
	PURE = 1 << B_PURE, IPC = 1 << B_IPC, CLOCK = 1 << B_CLOCK,
	STAT = 1 << B_STAT, LSTAT = 1 << B_LSTAT, FSTAT = 1 << B_FSTAT,
	STATX = 1 << B_STATX, STATFS = 1 << B_STATFS, FSTATFS = 1 << B_FSTATFS,
};
#define FILE (1 << B_FILE)

#define A(n, k, ...) { .name = #n, .kind = K_##k, __VA_ARGS__ }
#define NOARGS { .kind = K_NONE }
#define INT(n) A(n, INT)
#define UINT(n) A(n, UINT)
#define LONG(n) A(n, LONG)
#define ULONG(n) A(n, ULONG)
#define HEX(n) A(n, HEX)
#define HEXL(n) A(n, HEXL)
#define SIZE(n) A(n, SIZE)
#define OFF(n) A(n, OFF)
#define LO(n) A(n, LO)
#define HI(n) A(n, HI)
#define LOF(n, t) A(n, LO, .ref = &ctl_tab_##t)
#define PTR(n) A(n, PTR)
#define FD(n) A(n, FD)
#define DFD(n) A(n, DFD)
#define PID(n) A(n, PID)
#define UID(n) A(n, UID)
#define GID(n) A(n, GID)
#define UID16(n) A(n, UID16)
#define GID16(n) A(n, GID16)
#define MODE(n) A(n, MODE)
#define SIG(n) A(n, SIG)
#define DEV(n) A(n, DEV)
#define FLAGS(n, t) A(n, FLAGS, .ref = &ctl_tab_##t)
#define FLAGSL(n, t) A(n, FLAGSL, .ref = &ctl_tab_##t)
#define ENUM(n, t) A(n, ENUM, .ref = &ctl_tab_##t)
#define PATH(n) A(n, PATH, .dir = DIR_IN)
#define STR(n) A(n, STR, .dir = DIR_IN)
#define IBUF(n, k) A(n, BUF, .dir = DIR_IN, .len = k)
#define OBUF(n) A(n, BUF, .dir = DIR_OUT, .len = LEN_RET)
#define IBUFK(n, f, k) A(n, BUF, .dir = DIR_IN, .len = k, .sub = SUB_##f)
#define OBUFK(n, f) A(n, BUF, .dir = DIR_OUT, .len = LEN_RET, .sub = SUB_##f)
#define IST(n, s) A(n, STRUCT, .dir = DIR_IN, .ref = &ctl_st_##s)
#define OST(n, s) A(n, STRUCT, .dir = DIR_OUT, .ref = &ctl_st_##s)
#define IOST(n, s) A(n, STRUCT, .dir = DIR_IN | DIR_OUT, .ref = &ctl_st_##s)
#define OSTE(n, s) A(n, STRUCT, .dir = DIR_OUT | DIR_ERR, .ref = &ctl_st_##s)
#define IARR(n, s, k) A(n, ARRAY, .dir = DIR_IN, .ref = &ctl_st_##s, .len = k)
#define IOARR(n, s, k) \
	A(n, ARRAY, .dir = DIR_IN | DIR_OUT, .ref = &ctl_st_##s, .len = k)
#define OARRR(n, s) \
	A(n, ARRAY, .dir = DIR_OUT, .ref = &ctl_st_##s, .len = LEN_RET)
#define IFIX(n, s, c) \
	A(n, ARRAY, .dir = DIR_IN, .ref = &ctl_st_##s, .len = LEN_FIX, .count = c)
#define OFIX(n, s, c) \
	A(n, ARRAY, .dir = DIR_OUT, .ref = &ctl_st_##s, .len = LEN_FIX, .count = c)
#define ISA(n, k) A(n, SOCKADDR, .dir = DIR_IN, .len = k)
#define OSA(n, k) A(n, SOCKADDR, .dir = DIR_OUT, .len = k)
#define IOVI(n, k) A(n, IOVEC, .dir = DIR_IN, .len = k)
#define IOVO(n, k) A(n, IOVEC, .dir = DIR_OUT, .len = k)
#define IOVP(n, k) A(n, IOVEC, .dir = 0, .len = k)
#define MMSGI(n, k) A(n, MMSG, .dir = DIR_IN, .len = k)
#define MMSGO(n, k) A(n, MMSG, .dir = DIR_OUT, .len = k)
#define MSGI(n) A(n, MSGHDR, .dir = DIR_IN)
#define MSGO(n) A(n, MSGHDR, .dir = DIR_OUT)
#define VEC(n) A(n, VEC, .dir = DIR_IN)
#define ENVP(n) A(n, ENVP, .dir = DIR_IN)
#define FDSET(n) A(n, FDSET, .dir = DIR_IN | DIR_OUT)
#define SPEC(n, how) A(n, SPEC, .sub = SP_##how)
#define NO (-1)
#define SYS(n64, n32, nm, cls, rt, ...)                             \
	{                                                           \
		.name = #nm, .nr = { n64, n32 }, .ret = K_##rt,     \
		.classes = (cls), .arg = { __VA_ARGS__ },           \
	},

static const struct ctl_call rows[] = {
#include "syscall.def"
};

#define NROWS ARRAY_SIZE(rows)
#define X32_BIT 0x40000000U

/* Rows by number, 0: none, else one more than the row; made when first asked
 * for.  Racing threads make the same. */
static uint16_t by_nr[2][CTL_SYSSET_BITS];
static uint8_t nargs[NROWS];
static bool indexed;

static void make_index(void)
{
	size_t i, k;

	if (__atomic_load_n(&indexed, __ATOMIC_ACQUIRE))
		return;
	for (i = 0; i < NROWS; i++) {
		for (k = 0; k < 2; k++)
			if (rows[i].nr[k] >= 0 &&
			    rows[i].nr[k] < CTL_SYSSET_BITS)
				by_nr[k][rows[i].nr[k]] = i + 1;
		for (k = 0; k < 6 && rows[i].arg[k].kind != K_NONE; k++)
			;
		nargs[i] = k;
	}
	__atomic_store_n(&indexed, true, __ATOMIC_RELEASE);
}

const struct ctl_call *ctl_call_of(int abi, unsigned nr)
{
	unsigned i;

	make_index();
	if (abi == CTL_ABI_X32)
		nr &= ~X32_BIT;
	if (nr >= CTL_SYSSET_BITS)
		return NULL;
	i = by_nr[abi == CTL_ABI_COMPAT][nr];
	return i ? &rows[i - 1] : NULL;
}

unsigned ctl_call_nargs(const struct ctl_call *call)
{
	return nargs[call - rows];
}

const struct ctl_struct *ctl_struct_of(const struct ctl_struct *st, int abi)
{
	if (abi != CTL_ABI_COMPAT || st->compat == &ctl_st_SAME)
		return st;
	return st->compat == &ctl_st_NONE ? NULL : st->compat;
}

const char *ctl_table_name(const struct ctl_table *t, uint64_t value)
{
	unsigned i;

	for (i = 0; i < t->n; i++)
		if (t->name[i].value == value)
			return t->name[i].name;
	return NULL;
}

/* -- calls whose argument is another one's to decide ----------------------- */

#define VALUE3(n, k, t) { #n, &ctl_tab_##t, K_##k, 0 },
#define VALUE2(n, k) { #n, NULL, K_##k, 0 },
#define IN(n, s) { #n, &ctl_st_##s, K_STRUCT, DIR_IN },
#define OUT(n, s) { #n, &ctl_st_##s, K_STRUCT, DIR_OUT },
#define VAL(...) PICK3(__VA_ARGS__, VALUE3, VALUE2)(__VA_ARGS__)
#define PICK3(a1, a2, a3, f, ...) f
#define BARE(n) { #n, NULL, K_NONE, 0 },
static const struct ctl_ioctl ioctls[] = {
#include "ioctl.def"
};

const struct ctl_ioctl *ctl_ioctl_of(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ioctls); i++)
		if (strcmp(ioctls[i].name, name) == 0)
			return &ioctls[i];
	return NULL;
}

const struct ctl_struct *ctl_bpf_struct(uint64_t cmd)
{
	/* By enum bpf_cmd. */
	static const struct ctl_struct *const attr[] = {
		&ctl_st_bpf_map,      &ctl_st_bpf_elem,
		&ctl_st_bpf_elem,     &ctl_st_bpf_key,
		&ctl_st_bpf_next_key, &ctl_st_bpf_prog,
		&ctl_st_bpf_obj,      &ctl_st_bpf_obj,
		&ctl_st_bpf_attach,   &ctl_st_bpf_attach,
		&ctl_st_bpf_test_run, &ctl_st_bpf_next_id,
		&ctl_st_bpf_next_id,  &ctl_st_bpf_prog_id,
		&ctl_st_bpf_map_id,   &ctl_st_bpf_info,
		&ctl_st_bpf_query,    &ctl_st_bpf_raw_tp,
		&ctl_st_bpf_btf,      &ctl_st_bpf_btf_id,
		&ctl_st_bpf_task_fd,  &ctl_st_bpf_elem,
		&ctl_st_bpf_freeze,   &ctl_st_bpf_next_id,
		&ctl_st_bpf_batch,    &ctl_st_bpf_batch,
		&ctl_st_bpf_batch,    &ctl_st_bpf_batch,
		&ctl_st_bpf_link,     &ctl_st_bpf_link_update,
		&ctl_st_bpf_link_id,  &ctl_st_bpf_next_id,
		&ctl_st_bpf_stats,    &ctl_st_bpf_iter,
		&ctl_st_bpf_detach,   &ctl_st_bpf_bind,
	};

	return cmd < ARRAY_SIZE(attr) ? attr[cmd] : NULL;
}

CTL_EXPORT const char *ctl_syscall_name(int abi, unsigned nr)
{
	const struct ctl_call *c = ctl_call_of(abi, nr);

	return c ? c->name : NULL;
}

CTL_EXPORT const char *ctl_class_name(unsigned i)
{
	return i < ARRAY_SIZE(class_names) ? class_names[i] : NULL;
}

CTL_EXPORT int ctl_syscall_info(int abi, unsigned nr,
				struct ctl_syscall_info *out)
{
	const struct ctl_call *c = ctl_call_of(abi, nr);
	unsigned i;

	if (!c)
		return ctl_fail(-EINVAL, "no system call %u", nr);
	memset(out, 0, sizeof(*out));
	out->name = c->name;
	out->classes = c->classes;
	out->nargs = ctl_call_nargs(c);
	for (i = 0; i < out->nargs; i++)
		out->arg[i] = c->arg[i].name;
	return 0;
}

/* -- words ---------------------------------------------------------------- */

static bool is_word(const char *name, const char *s, size_t len)
{
	return strlen(name) == len && !memcmp(name, s, len);
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

static int find(int abi, const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < NROWS; i++)
		if (rows[i].nr[abi == CTL_ABI_COMPAT] >= 0 &&
		    is_word(rows[i].name, s, len))
			return rows[i].nr[abi == CTL_ABI_COMPAT];
	return -EINVAL;
}

static int unknown(const char *s, size_t len)
{
	int n = len > 64 ? 64 : (int)len;

	for (size_t i = 0; i < ARRAY_SIZE(class_names); i++)
		if (is_word(class_names[i], s, len))
			return ctl_fail(-EINVAL,
					"unknown system call '%.*s' (say %%%.*s)",
					n, s, n, s);
	return ctl_fail(-EINVAL, "unknown system call '%.*s'", n, s);
}

CTL_EXPORT int ctl_syscall_parse(int abi, const char *s)
{
	size_t len = strlen(s);
	int nr = find(abi, s, len);

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

static void add_row(struct ctl_sysset *set, const struct ctl_call *c)
{
	if (c->nr[0] >= 0)
		add(set->native, c->nr[0]);
	if (c->nr[1] >= 0)
		add(set->compat, c->nr[1]);
}

static int class_set(const char *s, size_t len, struct ctl_sysset *set)
{
	/* As strace calls the families of stat. */
	static const struct {
		const char *name;
		unsigned bits;
	} families[] = {
		{ "%stat", STAT },
		{ "%%stat", STAT | LSTAT | FSTAT | STATX },
		{ "%%statfs", STATFS | FSTATFS },
	};
	unsigned bits = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(families); i++)
		if (is_word(families[i].name, s, len))
			bits = families[i].bits;
	for (i = 0; !bits && i < ARRAY_SIZE(class_names); i++)
		if (is_word(class_names[i], s + 1, len - 1))
			bits = 1U << i;
	if (!bits)
		return ctl_fail(-EINVAL, "unknown class of system calls '%.*s'",
				len > 64 ? 64 : (int)len, s);
	for (i = 0; i < NROWS; i++)
		if (rows[i].classes & bits)
			add_row(set, &rows[i]);
	return 0;
}

/* One word of a list. */
static int word_set(const char *s, size_t len, struct ctl_sysset *set)
{
	bool any = false;
	size_t i;
	int nr;

	memset(set, 0, sizeof(*set));
	if (is_word("none", s, len))
		return 0;
	if (is_word("all", s, len)) {
		memset(set, 0xff, sizeof(*set));
		return 0;
	}
	if (len && *s == '%')
		return class_set(s, len, set);
	/* A call has several rows where its arguments differ. */
	for (i = 0; i < NROWS; i++)
		if (is_word(rows[i].name, s, len)) {
			add_row(set, &rows[i]);
			any = true;
		}
	if (any)
		return 0;
	nr = number(s, len);
	if (nr < 0)
		return unknown(s, len);
	add(set->native, nr);
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
