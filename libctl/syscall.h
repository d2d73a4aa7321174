/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syscall.h - inside libctl: the rows of the one table of system calls.
 *
 * syscall.def has a row for each call, structs.def one for each structure that
 * calls point to, gen_flags.h one for each flag and constant.  From them come
 * the names and sets (syscall.c), the capture programs (syscall_capture.c) and
 * the values (decode.c).
 */
#ifndef CTL_SYSCALL_H
#define CTL_SYSCALL_H

#include "private.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* What an argument, or a field of a structure, means. */
enum ctl_kind {
	K_NONE,
	K_INT, /* numbers: of 32 bits, of the size of a long */
	K_UINT,
	K_LONG,
	K_ULONG,
	K_HEX,
	K_HEXL,
	K_SIZE,
	K_OFF,
	K_PTR,
	K_FD,
	K_DFD, /* a descriptor, or AT_FDCWD */
	K_PID,
	K_UID,
	K_GID,
	K_UID16,
	K_GID16,
	K_MODE,
	K_SIG,
	K_DEV,
	K_LO, /* halves of a number of 64 bits */
	K_HI,
	K_FLAGS, /* ref: struct ctl_table */
	K_FLAGSL,
	K_ENUM, /* the same */
	K_PATH, /* strings */
	K_STR,
	K_BUF,    /* bytes, as many as argument len says, or the result */
	K_STRUCT, /* ref: struct ctl_struct */
	K_ARRAY,  /* the same, several: argument len, the result, or count */
	K_SOCKADDR,
	K_IOVEC,
	K_MSGHDR,
	K_MMSG, /* several of them, argument len many, each with its result */
	K_VEC, /* argv */
	K_ENVP,
	K_FDSET,
	K_SPEC, /* ref decides by another argument: enum ctl_spec in sub */

	/* fields only */
	K_CHARS,  /* a string in place */
	K_STMODE, /* st_mode; the two below look at it */
	K_STSIZE, /* st_size, of no interest in a device */
	K_STRDEV, /* st_rdev, of interest there only */
	K_RLIM,
	K_SIGSET,
	K_WSTATUS,
	K_SIGINFO,
	K_RESTORER, /* sa_restorer, there with SA_RESTORER */
	K_HANDLER,
	K_BE16,
	K_MAC,
	K_KVER, /* a kernel's version */
	K_BIT,  /* of a number, ref: which */
};

/* K_BUF with a form of its own */
enum ctl_sub { SUB_NONE, SUB_dents, SUB_dents64, SUB_cwd, SUB_cpumask };

/* K_SPEC */
enum ctl_spec {
	SP_NONE,
	SP_IOCTL,
	SP_FCNTL,
	SP_PRCTL,
	SP_PROTO,
	SP_OPTNAME,
	SP_SETOPT,
	SP_GETOPT,
	SP_FUTEX,
	SP_FUTEXVAL,
	SP_BPF,
	SP_SHMCTL,
	SP_MSGCTL,
	SP_MOUNT,
	SP_REBOOT,
	SP_FSCONFIG,
	SP_MSGBUF,
};

#define DIR_IN 1
#define DIR_OUT 2
#define DIR_ERR 4  /* DIR_OUT holds when the call failed */
#define LEN_RET 6  /* the length is the result */
#define LEN_FIX 7  /* the length is count */

struct ctl_name {
	const char *name;
	uint64_t value;
	uint64_t mask; /* not 0: the value of these bits together */
};

#define TAB_FLAGS 1
#define TAB_ENUM 2
#define TAB_OCTAL 4 /* what no name covers, in octal */
#define TAB_BITS 8  /* values are numbers of bits */

struct ctl_table {
	const struct ctl_name *name;
	uint16_t n;
	uint16_t kind;
};

struct ctl_field {
	const char *name; /* NULL: the structure is this one number */
	const void *ref;
	uint16_t off;
	uint16_t size;
	uint8_t kind;
	uint8_t count;   /* > 1: an array */
	uint8_t verbose; /* shown only with CTL_DECODE_VERBOSE */
};

struct ctl_struct {
	const char *name;
	const struct ctl_field *field;
	const struct ctl_struct *compat; /* its layout in i386 */
	uint16_t nfields;
	uint16_t size;
};

/* A request of ioctl(2): what its argument is. */
struct ctl_ioctl {
	const char *name;
	const void *ref; /* struct ctl_struct with dir, else ctl_table */
	uint8_t kind;
	uint8_t dir;
};

struct ctl_arg {
	const char *name;
	const void *ref;
	uint8_t kind;
	uint8_t sub; /* enum ctl_sub, ctl_spec */
	uint8_t dir;
	uint8_t len; /* the argument with the length; LEN_RET, LEN_FIX */
	uint8_t count;
};

struct ctl_call {
	const char *name;
	int16_t nr[2]; /* CTL_ABI_NATIVE, CTL_ABI_COMPAT; -1: not there */
	uint8_t ret; /* enum ctl_kind: INT, FD, PTR, MODE, OFF, NONE */
	uint32_t classes;
	struct ctl_arg arg[6];
};

const struct ctl_call *ctl_call_of(int abi, unsigned nr);
unsigned ctl_call_nargs(const struct ctl_call *call);
/* syscall_capture.c: the capture program of a call; returns its length. */
int ctl_capture_compile(int abi, unsigned nr, size_t string, size_t data,
			size_t stack, struct ctl_capop op[CTL_CAP_OPS]);
/* The layout that a structure has in abi, or NULL. */
const struct ctl_struct *ctl_struct_of(const struct ctl_struct *st, int abi);
/* The request of this name, or NULL. */
const struct ctl_ioctl *ctl_ioctl_of(const char *name);
/* What a command of bpf(2) has behind its attr, or NULL. */
const struct ctl_struct *ctl_bpf_struct(uint64_t cmd);
/* The name of a value of an enumeration, or NULL. */
const char *ctl_table_name(const struct ctl_table *t, uint64_t value);
/* Bytes of a descriptor set, and of a long, that are looked at. */
#define CTL_FDSET_BYTES 128

#define TABLE(n, k) extern const struct ctl_table ctl_tab_##n;
#define E(n, v, m)
#define END(n)
#include "gen_flags.h"
#undef TABLE
#undef E
#undef END

extern const struct ctl_struct ctl_st_SAME, ctl_st_NONE;
#define STRUCT(n, size, compat) extern const struct ctl_struct ctl_st_##n;
#define F(...)
#define V(...)
#define ENDS(n)
#include "structs.def"
#undef STRUCT
#undef F
#undef V
#undef ENDS

#endif
