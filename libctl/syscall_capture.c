/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * syscall_capture.c - the table of system calls as capture programs: what the
 * server is to copy out of the target, so that decode.c finds it in the record.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "syscall.h"

#define PATH_BYTES 4096U
#define ARRAY_BYTES 1024U /* of an array of structures */
#define SOCKADDR_BYTES 128U
#define IOVEC_BYTES 512U
#define VECTOR_BYTES 2048U
#define CPUMASK_BYTES 128U
#define SPEC_BYTES 64U /* behind an ioctl's or fcntl's argument */
#define BPF_BYTES 128U
#define MOUNT_BYTES 256U
#define BATCH_BYTES 16384U

struct program {
	struct ctl_capop op[CTL_CAP_OPS];
	unsigned n;
};

static struct ctl_capop *op_add(struct program *p, unsigned op, unsigned arg,
				unsigned when, size_t limit)
{
	struct ctl_capop *o;

	if (p->n == CTL_CAP_OPS || !limit)
		return NULL;
	o = &p->op[p->n++];
	*o = (struct ctl_capop){
		.op = op, .arg = arg, .when = when,
		.limit = limit < CTL_CAP_LIMIT ? limit : CTL_CAP_LIMIT,
	};
	return o;
}

static void op_len(struct ctl_capop *o, unsigned len, unsigned unit)
{
	if (!o)
		return;
	o->len = len;
	o->unit = unit;
}

static void add_struct(struct program *p, const struct ctl_arg *a, unsigned i,
		       int abi, unsigned when)
{
	const struct ctl_struct *st = ctl_struct_of(a->ref, abi);
	struct ctl_capop *o;

	if (!st)
		return;
	o = op_add(p, CTL_CAP_MEM, i, when, st->size);
	if (o && when == CTL_AT_EXIT && (a->dir & DIR_ERR))
		o->flags = CTL_CAPOP_ONERR;
}

static void add_array(struct program *p, const struct ctl_arg *a, unsigned i,
		      int abi, unsigned when)
{
	const struct ctl_struct *st = ctl_struct_of(a->ref, abi);

	if (!st)
		return;
	if (a->len == LEN_FIX)
		op_add(p, CTL_CAP_MEM, i, when, a->count * st->size);
	else if (a->len == LEN_RET)
		op_len(op_add(p, CTL_CAP_RET, i, when, ARRAY_BYTES), 0,
		       st->size);
	else
		op_len(op_add(p, CTL_CAP_BUF, i, when, ARRAY_BYTES), a->len,
		       st->size);
}

static void add_buf_in(struct program *p, const struct ctl_arg *a, unsigned i,
		       size_t data)
{
	if (a->sub == SUB_cpumask)
		data = CPUMASK_BYTES;
	op_len(op_add(p, CTL_CAP_BUF, i, CTL_AT_ENTRY, data), a->len, 1);
}

static void add_buf_out(struct program *p, const struct ctl_arg *a, unsigned i,
			size_t data)
{
	if (a->sub == SUB_cwd)
		op_add(p, CTL_CAP_STR, i, CTL_AT_EXIT, PATH_BYTES);
	else if (a->sub == SUB_cpumask)
		op_len(op_add(p, CTL_CAP_RET, i, CTL_AT_EXIT, CPUMASK_BYTES), 0,
		       1);
	else if (a->sub == SUB_NONE)
		op_len(op_add(p, CTL_CAP_RET, i, CTL_AT_EXIT, data), 0, 1);
}

static void add_spec(struct program *p, const struct ctl_arg *a, unsigned i,
		     unsigned when, size_t data)
{
	size_t some = data < 16 ? 16 : data < SPEC_BYTES ? data : SPEC_BYTES;
	bool in = when == CTL_AT_ENTRY;
	struct ctl_capop *o;

	switch (a->sub) {
	case SP_IOCTL:
	case SP_FCNTL:
		/* What a call that failed had read is of interest, too. */
		o = in ? NULL : op_add(p, CTL_CAP_MEM, i, when, SPEC_BYTES);
		if (o)
			o->flags = CTL_CAPOP_ONERR;
		break;
	case SP_BPF: /* the size is the argument behind it */
		o = op_add(p, CTL_CAP_BUF, i, when, BPF_BYTES);
		op_len(o, i + 1, 1);
		break;
	case SP_MSGBUF: /* a long, and then the message */
		op_add(p, CTL_CAP_MEM, i, when, 8 + some);
		break;
	case SP_MOUNT:
	case SP_FSCONFIG:
		if (in)
			op_add(p, CTL_CAP_STR, i, when, MOUNT_BYTES);
		break;
	case SP_FUTEX:
		if (in)
			op_add(p, CTL_CAP_MEM, i, when, 16);
		break;
	case SP_PRCTL: /* a name that is set, or got */
		op_add(p, CTL_CAP_STR, i, when, 16);
		if (in)
			op_add(p, CTL_CAP_STR, 4, when, 80);
		break;
	case SP_SETOPT: /* of the length that the argument behind it says */
		if (in)
			op_len(op_add(p, CTL_CAP_BUF, i, when, some), i + 1,
			       1);
		break;
	case SP_GETOPT:
		if (!in)
			op_len(op_add(p, CTL_CAP_BUFP, i, when, some), i + 1,
			       1);
		break;
	}
}

/* The first message with all that it points to, of the others the headers. */
static void add_mmsg(struct program *p, const struct ctl_arg *a, unsigned i,
		     int abi, unsigned when, size_t data)
{
	unsigned size = abi == CTL_ABI_COMPAT ? 32 : 64;

	struct ctl_capop *o;

	if ((when == CTL_AT_ENTRY) == (a->dir == DIR_IN)) {
		o = op_add(p, CTL_CAP_MSG, i, when, data);
		if (o) /* the result counts messages */
			o->flags = CTL_CAPOP_WHOLE;
	}
	if (when == CTL_AT_EXIT)
		op_len(op_add(p, CTL_CAP_RET, i, when, ARRAY_BYTES), 0, size);
}

static void add_entry(struct program *p, const struct ctl_arg *a, unsigned i,
		      int abi, size_t string, size_t data)
{
	switch (a->kind) {
	case K_PATH:
		op_add(p, CTL_CAP_STR, i, CTL_AT_ENTRY, PATH_BYTES);
		break;
	case K_STR:
		op_add(p, CTL_CAP_STR, i, CTL_AT_ENTRY, string + 1);
		break;
	case K_BUF:
		if (a->dir & DIR_IN)
			add_buf_in(p, a, i, data);
		break;
	case K_STRUCT:
		if (a->dir & DIR_IN)
			add_struct(p, a, i, abi, CTL_AT_ENTRY);
		break;
	case K_ARRAY:
		if (a->dir & DIR_IN)
			add_array(p, a, i, abi, CTL_AT_ENTRY);
		break;
	case K_SOCKADDR:
		if (a->dir & DIR_IN)
			op_len(op_add(p, CTL_CAP_BUF, i, CTL_AT_ENTRY,
				      SOCKADDR_BYTES), a->len, 1);
		break;
	case K_IOVEC:
		op_len(op_add(p, CTL_CAP_IOV, i, CTL_AT_ENTRY, IOVEC_BYTES),
		       a->len, 0);
		if (a->dir & DIR_IN)
			op_len(op_add(p, CTL_CAP_IOVDATA, i, CTL_AT_ENTRY,
				      data), a->len, 0);
		break;
	case K_MSGHDR:
		if (a->dir & DIR_IN)
			op_add(p, CTL_CAP_MSG, i, CTL_AT_ENTRY, data);
		break;
	case K_MMSG:
		add_mmsg(p, a, i, abi, CTL_AT_ENTRY, data);
		break;
	case K_VEC:
		op_len(op_add(p, CTL_CAP_VEC, i, CTL_AT_ENTRY, VECTOR_BYTES), 0,
		       64);
		break;
	case K_FDSET:
		op_add(p, CTL_CAP_MEM, i, CTL_AT_ENTRY, CTL_FDSET_BYTES);
		break;
	case K_SPEC:
		add_spec(p, a, i, CTL_AT_ENTRY, data);
		break;
	}
}

static void add_exit(struct program *p, const struct ctl_arg *a, unsigned i,
		     int abi, size_t data)
{
	struct ctl_capop *o;

	switch (a->kind) {
	case K_BUF:
		if (!(a->dir & DIR_IN))
			add_buf_out(p, a, i, data);
		break;
	case K_STRUCT:
		if (a->dir & DIR_OUT)
			add_struct(p, a, i, abi, CTL_AT_EXIT);
		break;
	case K_ARRAY:
		if (a->dir & DIR_OUT)
			add_array(p, a, i, abi, CTL_AT_EXIT);
		break;
	case K_SOCKADDR:
		if (!(a->dir & DIR_IN))
			op_len(op_add(p, CTL_CAP_BUFP, i, CTL_AT_EXIT,
				      SOCKADDR_BYTES), a->len, 1);
		break;
	case K_IOVEC:
		if (a->dir & DIR_OUT)
			op_len(op_add(p, CTL_CAP_IOVDATA, i, CTL_AT_EXIT, data),
			       a->len, 0);
		break;
	case K_MSGHDR:
		o = a->dir & DIR_IN ? NULL :
		    op_add(p, CTL_CAP_MSG, i, CTL_AT_EXIT, data);
		if (o) /* the name's length, at least */
			o->flags = CTL_CAPOP_ONERR;
		break;
	case K_MMSG:
		add_mmsg(p, a, i, abi, CTL_AT_EXIT, data);
		break;
	case K_FDSET:
		op_add(p, CTL_CAP_MEM, i, CTL_AT_EXIT, CTL_FDSET_BYTES);
		break;
	case K_SPEC:
		add_spec(p, a, i, CTL_AT_EXIT, data);
		break;
	}
}

int ctl_capture_compile(int abi, unsigned nr, size_t string, size_t data,
			size_t stack, struct ctl_capop op[CTL_CAP_OPS])
{
	const struct ctl_call *call = ctl_call_of(abi, nr);
	struct program p = { .n = 0 };
	unsigned i;

	/* Of calls without a row, too; and first, it has room then. */
	op_add(&p, CTL_CAP_STACK, 0, CTL_AT_ENTRY, stack);
	/*
	 * What goes in first: a program has no room for all that pselect6 has,
	 * and it is the time left over that we can do without.
	 */
	for (i = 0; call && i < ctl_call_nargs(call); i++)
		add_entry(&p, &call->arg[i], i, abi, string, data);
	for (i = 0; call && i < ctl_call_nargs(call); i++)
		add_exit(&p, &call->arg[i], i, abi, data);
	memcpy(op, p.op, p.n * sizeof(p.op[0]));
	return p.n;
}

CTL_EXPORT int ctl_capture_upload(struct ctl *h, const struct ctl_sysset *set,
				  size_t string, size_t data, size_t stack)
{
	unsigned char buf[BATCH_BYTES];
	struct {
		int64_t code;
		struct ctl_capture c;
		struct ctl_capop op[CTL_CAP_OPS];
	} m = { .code = PCCAPTURE };
	size_t used = 0, len;
	int r, n, abi;
	unsigned nr;

	for (abi = CTL_ABI_NATIVE; abi <= CTL_ABI_COMPAT; abi++)
		for (nr = 0; nr < CTL_SYSSET_BITS; nr++) {
			if (!ctl_sysset_has(set, abi, nr))
				continue;
			n = ctl_capture_compile(abi, nr, string, data,
						stack, m.op);
			if (!n)
				continue;
			m.c = (struct ctl_capture){ .nr = nr, .abi = abi,
						    .nop = n };
			len = sizeof(m) - sizeof(m.op) + n * sizeof(m.op[0]);
			if (used + len > sizeof(buf)) {
				r = ctl_write(h, buf, used, NULL);
				if (r < 0)
					return r;
				used = 0;
			}
			memcpy(buf + used, &m, len);
			used += len;
		}
	return used ? ctl_write(h, buf, used, NULL) : 0;
}

/* -- now, without a server -------------------------------------------------- */

static size_t read_some(pid_t pid, uint64_t addr, void *to, size_t n)
{
	struct iovec local = { to, n }, remote = { (void *)addr, n };
	ssize_t got = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return got < 0 ? 0 : got;
}

/* Up to its NUL, page by page: the next may not be there. */
static size_t read_string(pid_t pid, uint64_t addr, unsigned char *to,
			  size_t limit)
{
	size_t n = 0, part, got;
	unsigned char *nul;

	while (n < limit) {
		part = 4096 - ((addr + n) & 4095);
		if (part > limit - n)
			part = limit - n;
		got = read_some(pid, addr + n, to + n, part);
		nul = memchr(to + n, 0, got);
		if (nul)
			return nul + 1 - to;
		n += got;
		if (got < part)
			break;
	}
	return n;
}

/* How many bytes; SIZE_MAX: this is not for us. */
static size_t wanted(const struct ctl_rec_syscall *rec,
		     const struct ctl_capop *op)
{
	uint64_t n = rec->arg[op->len], unit = op->unit ? op->unit : 1;

	switch (op->op) {
	case CTL_CAP_STR:
	case CTL_CAP_MEM:
		return op->limit;
	case CTL_CAP_IOV:
		unit = rec->abi == CTL_ABI_COMPAT ? 8 : 16;
		/* fall through */
	case CTL_CAP_BUF:
		return n > op->limit / unit ? op->limit / unit * unit :
					      n * unit;
	}
	return SIZE_MAX;
}

CTL_EXPORT void ctl_capture_now(pid_t pid, struct ctl_rec_syscall *rec,
				size_t size, size_t string, size_t data)
{
	struct ctl_capop op[CTL_CAP_OPS];
	unsigned char *at = (unsigned char *)(rec + 1);
	size_t left = size - sizeof(*rec), n;
	struct ctl_cap *cap;
	int i, nop;

	rec->ncap = 0;
	nop = ctl_capture_compile(rec->abi, rec->nr, string, data, 0, op);
	for (i = 0; i < nop; i++) {
		n = wanted(rec, &op[i]);
		if (op[i].when != CTL_AT_ENTRY || n == SIZE_MAX ||
		    !rec->arg[op[i].arg] || left < sizeof(*cap) + 8)
			continue;
		cap = (void *)at;
		at += sizeof(*cap);
		left = (left - sizeof(*cap)) & ~(size_t)7;
		*cap = (struct ctl_cap){ .op = op[i].op, .arg = op[i].arg };
		if (n > left) {
			n = left;
			cap->flags = CTL_CAPF_CUT;
		}
		if (op[i].op == CTL_CAP_STR)
			cap->len = read_string(pid, rec->arg[op[i].arg], at, n);
		else
			cap->len = read_some(pid, rec->arg[op[i].arg], at, n);
		if (op[i].op == CTL_CAP_STR ?
			    !cap->len || at[cap->len - 1] : cap->len < n)
			cap->flags |= cap->len == n ? CTL_CAPF_CUT :
						      CTL_CAPF_FAULT;
		else if (op[i].op == CTL_CAP_BUF && rec->arg[op[i].len] > n)
			cap->flags |= CTL_CAPF_CUT;
		n = (cap->len + 7) & ~(size_t)7;
		at += n;
		left -= n;
		rec->ncap++;
	}
	rec->h.len = at - (unsigned char *)rec;
}
