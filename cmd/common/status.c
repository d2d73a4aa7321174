/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * status.c - a status for people and as JSON.
 *
 * Sets are shown in the words that the parsers of libctl take, so that what
 * pflags prints can be handed to pctl.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common.h"

/* What there is to show, gathered before anything is printed. */
struct snapshot {
	struct ctl_status st;
	struct ctl_lwpstatus *lwp; /* malloc'ed */
	int nlwp;
	const char *backend;
	char tracer[16]; /* name of st.tracer, or "" */
	char args[4096];
};

#define REG(name) { #name, offsetof(struct ctl_regs, name) }
const struct cmd_register cmd_registers[] = {
	REG(rax), REG(rbx), REG(rcx), REG(rdx), REG(rsi), REG(rdi),
	REG(rbp), REG(rsp), REG(r8),  REG(r9),	REG(r10), REG(r11),
	REG(r12), REG(r13), REG(r14), REG(r15), REG(rip), REG(eflags),
	REG(cs),  REG(ss),  REG(ds),  REG(es),	REG(fs),  REG(gs),
	REG(fs_base), REG(gs_base), REG(orig_rax), { NULL, 0 },
};

static uint64_t register_value(const struct ctl_regs *regs,
			       const struct cmd_register *r)
{
	uint64_t v;

	memcpy(&v, (const char *)regs + r->offset, sizeof(v));
	return v;
}

static ssize_t read_proc(pid_t pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n < 0)
		n = 0;
	buf[n] = '\0';
	return n;
}

static void process_name(pid_t pid, char *buf, size_t size)
{
	ssize_t n = read_proc(pid, "comm", buf, size);

	while (n > 0 && buf[n - 1] == '\n')
		buf[--n] = '\0';
}

void cmd_process_args(pid_t pid, char *buf, size_t size)
{
	char comm[32] = "";
	ssize_t n = read_proc(pid, "cmdline", buf, size);

	while (n > 0 && buf[n - 1] == '\0')
		n--;
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] == '\0')
			buf[i] = ' ';
	if (n <= 0) {
		process_name(pid, comm, sizeof(comm));
		snprintf(buf, size, "[%s]", comm);
	}
}

static int take_snapshot(struct snapshot *s, struct ctl *h,
			 const struct ctl_target *only)
{
	int n, kept = 0;
	int r;

	memset(s, 0, sizeof(*s));
	s->st.size = sizeof(s->st);
	r = ctl_status(h, &s->st);
	if (r < 0)
		return r;
	n = ctl_threads(h, &s->lwp);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++)
		if (!only || ctl_target_has(only, s->lwp[i].tid))
			s->lwp[kept++] = s->lwp[i];
	s->nlwp = kept;
	s->backend = ctl_backend(h);
	if (s->st.tracer)
		process_name(s->st.tracer, s->tracer, sizeof(s->tracer));
	cmd_process_args(s->st.pid, s->args, sizeof(s->args));
	return 0;
}

/* ---------------------------------------------------------------- sets -- */

/* A kind of set: its numbers, and what they are called. */
struct set_kind {
	unsigned first, last;
	bool (*has)(const void *set, unsigned n);
	const char *(*name)(unsigned n);
};

static bool bits_have(const void *set, unsigned n)
{
	uint64_t bits;

	memcpy(&bits, set, sizeof(bits));
	return bits >> (n - 1) & 1;
}

static bool native_has(const void *set, unsigned n)
{
	return ctl_sysset_has(set, CTL_ABI_NATIVE, n);
}

static bool compat_has(const void *set, unsigned n)
{
	return ctl_sysset_has(set, CTL_ABI_COMPAT, n);
}

static const char *signal_word(unsigned n)
{
	return ctl_signal_name(n) + strlen("SIG");
}

static const char *fault_word(unsigned n)
{
	return ctl_fault_name(n) + strlen("FLT");
}

static const char *native_word(unsigned n)
{
	return ctl_syscall_name(CTL_ABI_NATIVE, n);
}

static const char *compat_word(unsigned n)
{
	return ctl_syscall_name(CTL_ABI_COMPAT, n);
}

static const struct set_kind signal_set = { 1, 64, bits_have, signal_word };
static const struct set_kind fault_set = { 1, CTL_FAULT_MAX, bits_have,
					   fault_word };
static const struct set_kind native_set = { 0, CTL_SYSSET_BITS - 1, native_has,
					    native_word };
static const struct set_kind compat_set = { 0, CTL_SYSSET_BITS - 1, compat_has,
					    compat_word };

static void print_words(FILE *out, const struct set_kind *k, const void *set,
			bool members)
{
	const char *sep = members ? "" : "!";

	for (unsigned n = k->first; n <= k->last; n++) {
		const char *word = k->name(n);

		/* What to leave out is said of numbers that mean something. */
		if (k->has(set, n) != members || (!members && !word))
			continue;
		if (word)
			fprintf(out, "%s%s", sep, word);
		else
			fprintf(out, "%s%u", sep, n);
		sep = ",";
	}
}

static void print_set(FILE *out, const struct set_kind *k, const void *set)
{
	unsigned in = 0, out_of = 0;

	for (unsigned n = k->first; n <= k->last; n++) {
		if (k->has(set, n))
			in++;
		else if (k->name(n))
			out_of++;
	}
	if (in == 0)
		fputs("none", out);
	else if (out_of == 0)
		fputs("all", out);
	else
		print_words(out, k, set, in <= out_of);
}

void cmd_sysset_add(struct ctl_sysset *set, const struct ctl_sysset *more)
{
	for (size_t i = 0; i < CTL_SYSSET_BITS / 64; i++) {
		set->native[i] |= more->native[i];
		set->compat[i] |= more->compat[i];
	}
}

static bool set_empty(const struct set_kind *k, const void *set)
{
	for (unsigned n = k->first; n <= k->last; n++)
		if (k->has(set, n))
			return false;
	return true;
}

/*
 * Does the i386 half say what the x86-64 half says, name by name?  Then to
 * show one of them is enough.
 */
static bool compat_follows(const struct ctl_sysset *set)
{
	for (unsigned n = 0; n < CTL_SYSSET_BITS; n++) {
		const char *name = compat_word(n);
		int nr;

		if (!name)
			continue;
		nr = ctl_syscall_parse(CTL_ABI_NATIVE, name);
		if (nr >= 0 && compat_has(set, n) != native_has(set, nr))
			return false;
	}
	return true;
}

static struct json_object *json_set(const struct set_kind *k, const void *set,
				    const char *prefix)
{
	struct json_object *a = json_object_new_array();
	char text[64];

	for (unsigned n = k->first; n <= k->last; n++) {
		const char *word = k->name(n);

		if (!k->has(set, n))
			continue;
		if (word)
			snprintf(text, sizeof(text), "%s%s", prefix, word);
		else
			snprintf(text, sizeof(text), "%u", n);
		json_object_array_add(a, json_object_new_string(text));
	}
	return a;
}

/* ---------------------------------------------------------------- bits -- */

static const char *flag_of(uint64_t bit)
{
	return ctl_flag_name(bit);
}

static void print_bits(FILE *out, uint64_t bits, const char *(*name)(uint64_t))
{
	const char *sep = "";

	if (bits == 0)
		putc('0', out);
	while (bits) {
		uint64_t bit = bits & -bits;
		const char *s = name(bit);

		if (s)
			fprintf(out, "%s%s", sep, s + strlen("PR_"));
		else
			fprintf(out, "%s%#" PRIx64, sep, bit);
		sep = "|";
		bits &= ~bit;
	}
}

static struct json_object *json_bits(uint64_t bits,
				     const char *(*name)(uint64_t))
{
	struct json_object *a = json_object_new_array();
	char hex[32];

	while (bits) {
		uint64_t bit = bits & -bits;
		const char *s = name(bit);

		if (!s) {
			snprintf(hex, sizeof(hex), "%#" PRIx64, bit);
			s = hex;
		}
		json_object_array_add(a, json_object_new_string(s));
		bits &= ~bit;
	}
	return a;
}

const char *cmd_stop_why(const struct ctl_lwpstatus *l)
{
	const char *name = ctl_why_name(l->why);

	return name ? name : "?";
}

/* What "what" means depends on why. */
const char *cmd_stop_what(const struct ctl_lwpstatus *l, char *buf,
			  size_t size)
{
	const char *name = NULL;

	switch (l->why) {
	case PR_REQUESTED:
		return "";
	case PR_SIGNALLED:
	case PR_JOBCONTROL:
		name = ctl_signal_name(l->what);
		break;
	case PR_SYSENTRY:
	case PR_SYSEXIT:
		name = ctl_syscall_name(l->sysabi, l->what);
		break;
	case PR_FAULTED:
		name = ctl_fault_name(l->what);
		break;
	}
	if (name)
		return name;
	snprintf(buf, size, "%u", l->what);
	return buf;
}

/* ---------------------------------------------------------------- text -- */

static void print_sysset(FILE *out, const char *label,
			 const struct ctl_sysset *set)
{
	if (!set_empty(&native_set, set)) {
		fprintf(out, "\t%s = ", label);
		print_set(out, &native_set, set);
		putc('\n', out);
	}
	if (!set_empty(&compat_set, set) && !compat_follows(set)) {
		fprintf(out, "\t%s of i386 = ", label);
		print_set(out, &compat_set, set);
		putc('\n', out);
	}
}

static void print_bitset(FILE *out, const char *label,
			 const struct set_kind *k, uint64_t set)
{
	if (set == 0)
		return;
	fprintf(out, "\t%s = ", label);
	print_set(out, k, &set);
	putc('\n', out);
}

/* As much of a command line as tells which it is; JSON has more. */
#define ARGS_SHOWN 160

static void print_process(FILE *out, const struct snapshot *s)
{
	const struct ctl_status *st = &s->st;
	size_t n = strlen(s->args);

	fprintf(out, "%d:\t", st->pid);
	cmd_text_print(out, s->args, n > ARGS_SHOWN ? ARGS_SHOWN : n);
	fputs(n > ARGS_SHOWN ? "...\n" : "\n", out);
	if (!(st->flags & PR_ATTACHED))
		fputs("\tnot controlled", out);
	else if (st->holder)
		fprintf(out, "\tcontrolled by keeper %d", st->holder);
	else
		fputs("\tcontrolled by the kernel module", out);
	if (st->flags & PR_ATTACHED) {
		fputs("  modes = ", out);
		print_bits(out, st->modes, ctl_mode_name);
		fprintf(out, "  handles = %u  rings = %u", st->nhandles,
			st->nrings);
	}
	putc('\n', out);
	if (st->tracer) {
		fputs("\ttraced by ", out);
		cmd_text_print(out, s->tracer, strlen(s->tracer));
		fprintf(out, "%s(pid %d)\n", *s->tracer ? " " : "",
			st->tracer);
	}
	fputs("\tflags = ", out);
	print_bits(out, st->flags, flag_of);
	fprintf(out, "  threads = %u", st->nlwp);
	if (st->nstopped)
		fprintf(out, "  stopped = %u", st->nstopped);
	putc('\n', out);
	print_sysset(out, "entry", &st->sysentry);
	print_sysset(out, "exit", &st->sysexit);
	print_bitset(out, "signals", &signal_set, st->sigtrace);
	print_bitset(out, "faults", &fault_set, st->flttrace);
	print_bitset(out, "sigpend", &signal_set, st->sigpend);
}

static void print_call(FILE *out, const struct ctl_lwpstatus *l)
{
	const char *name = ctl_syscall_name(l->sysabi, l->syscall);

	if (name)
		fprintf(out, "\tin %s(", name);
	else
		fprintf(out, "\tin call %u(", l->syscall);
	for (int i = 0; i < 6; i++)
		fprintf(out, "%s%#" PRIx64, i ? ", " : "",
			(uint64_t)l->sysarg[i]);
	putc(')', out);
	if (l->why == PR_SYSEXIT) {
		const char *err = l->sysret < 0 && l->sysret > -4096 ?
					  ctl_errno_name(-l->sysret) :
					  NULL;

		if (err)
			fprintf(out, " = -1 %s", err);
		else
			fprintf(out, " = %#" PRIx64, (uint64_t)l->sysret);
	}
	putc('\n', out);
}

static void print_registers(FILE *out, const struct ctl_regs *regs)
{
	int column = 0;

	for (const struct cmd_register *r = cmd_registers; r->name; r++) {
		fprintf(out, "%s%8s = %016" PRIx64, column ? "  " : "\t",
			r->name, register_value(regs, r));
		column = (column + 1) % 2;
		if (column == 0)
			putc('\n', out);
	}
	if (column)
		putc('\n', out);
}

static void print_thread(FILE *out, const struct ctl_lwpstatus *l, int flags)
{
	char buf[16];

	fprintf(out, " /%d:\t", l->tid);
	cmd_text_print(out, l->comm, strnlen(l->comm, sizeof(l->comm)));
	fputs("\n\tflags = ", out);
	print_bits(out, l->flags, flag_of);
	if (l->why) {
		const char *what = cmd_stop_what(l, buf, sizeof(buf));

		fprintf(out, "  why = %s%s%s", cmd_stop_why(l),
			*what ? " " : "", what);
	}
	putc('\n', out);
	if (l->syscall != CTL_NO_SYSCALL)
		print_call(out, l);
	if (l->cursig)
		fprintf(out, "\tcursig = %s\n", ctl_signal_name(l->cursig));
	if (l->curflt)
		fprintf(out, "\tcurflt = %s\n", ctl_fault_name(l->curflt));
	print_bitset(out, "sigmask", &signal_set, l->sighold);
	print_bitset(out, "sigpend", &signal_set, l->sigpend);
	if (flags & CMD_STATUS_REGS) {
		if (l->flags & PR_STOPPED && l->why != PR_JOBCONTROL)
			print_registers(out, &l->reg);
		else
			fputs("\tregisters: not stopped\n", out);
	}
}

int cmd_status_text(FILE *out, struct ctl *h, const struct ctl_target *only,
		    int flags)
{
	struct snapshot s;
	int r;

	r = take_snapshot(&s, h, only);
	if (r < 0)
		return r;
	print_process(out, &s);
	for (int i = 0; i < s.nlwp; i++)
		print_thread(out, &s.lwp[i], flags);
	free(s.lwp);
	return 0;
}

/* ---------------------------------------------------------------- JSON -- */

static void add(struct json_object *o, const char *key, struct json_object *v)
{
	json_object_object_add(o, key, v);
}

static struct json_object *json_text(const char *s)
{
	return cmd_json_text(s, strlen(s));
}

static struct json_object *json_name(const char *name)
{
	return name ? json_object_new_string(name) : NULL;
}

static struct json_object *json_call(const struct ctl_lwpstatus *l)
{
	static const char *const abi[] = { "x86-64", "i386", "x32" };
	struct json_object *o, *args;
	char hex[32];

	if (l->syscall == CTL_NO_SYSCALL)
		return NULL;
	o = json_object_new_object();
	add(o, "name", json_name(ctl_syscall_name(l->sysabi, l->syscall)));
	add(o, "number", json_object_new_int64(l->syscall));
	add(o, "abi", json_name(l->sysabi < 3 ? abi[l->sysabi] : NULL));
	args = json_object_new_array();
	for (int i = 0; i < 6; i++) {
		snprintf(hex, sizeof(hex), "%#" PRIx64,
			 (uint64_t)l->sysarg[i]);
		json_object_array_add(args, json_object_new_string(hex));
	}
	add(o, "args", args);
	if (l->why == PR_SYSEXIT)
		add(o, "result", json_object_new_int64(l->sysret));
	return o;
}

static struct json_object *json_registers(const struct ctl_regs *regs)
{
	struct json_object *o = json_object_new_object();
	char hex[32];

	for (const struct cmd_register *r = cmd_registers; r->name; r++) {
		snprintf(hex, sizeof(hex), "%#" PRIx64,
			 register_value(regs, r));
		add(o, r->name, json_object_new_string(hex));
	}
	return o;
}

static struct json_object *json_thread(const struct ctl_lwpstatus *l, int flags)
{
	struct json_object *o = json_object_new_object();
	char buf[16];

	add(o, "tid", json_object_new_int(l->tid));
	add(o, "name",
	    cmd_json_text(l->comm, strnlen(l->comm, sizeof(l->comm))));
	add(o, "flags", json_bits(l->flags, flag_of));
	add(o, "why", l->why ? json_name(cmd_stop_why(l)) : NULL);
	add(o, "what",
	    l->why && l->why != PR_REQUESTED ?
		    json_name(cmd_stop_what(l, buf, sizeof(buf))) :
		    NULL);
	add(o, "syscall", json_call(l));
	add(o, "cursig", json_name(ctl_signal_name(l->cursig)));
	add(o, "curflt", json_name(ctl_fault_name(l->curflt)));
	add(o, "sigmask", json_set(&signal_set, &l->sighold, "SIG"));
	add(o, "sigpend", json_set(&signal_set, &l->sigpend, "SIG"));
	if (flags & CMD_STATUS_REGS)
		add(o, "regs",
		    l->flags & PR_STOPPED && l->why != PR_JOBCONTROL ?
			    json_registers(&l->reg) :
			    NULL);
	return o;
}

static struct json_object *json_process(const struct snapshot *s, int flags)
{
	const struct ctl_status *st = &s->st;
	struct json_object *o = json_object_new_object(), *v;

	add(o, "pid", json_object_new_int(st->pid));
	add(o, "ppid", json_object_new_int(st->ppid));
	add(o, "args", json_text(s->args));
	add(o, "backend", json_name(s->backend));
	add(o, "keeper", st->holder ? json_object_new_int(st->holder) : NULL);
	v = NULL;
	if (st->tracer) {
		v = json_object_new_object();
		add(v, "pid", json_object_new_int(st->tracer));
		add(v, "name", json_text(s->tracer));
	}
	add(o, "tracer", v);
	add(o, "flags", json_bits(st->flags, flag_of));
	add(o, "modes", json_bits(st->modes, ctl_mode_name));
	add(o, "nthreads", json_object_new_int64(st->nlwp));
	add(o, "nstopped", json_object_new_int64(st->nstopped));
	add(o, "nhandles", json_object_new_int64(st->nhandles));
	add(o, "nrings", json_object_new_int64(st->nrings));
	add(o, "sysentry", json_set(&native_set, &st->sysentry, ""));
	add(o, "sysexit", json_set(&native_set, &st->sysexit, ""));
	add(o, "sysentry_i386", json_set(&compat_set, &st->sysentry, ""));
	add(o, "sysexit_i386", json_set(&compat_set, &st->sysexit, ""));
	add(o, "signals", json_set(&signal_set, &st->sigtrace, "SIG"));
	add(o, "faults", json_set(&fault_set, &st->flttrace, "FLT"));
	add(o, "sigpend", json_set(&signal_set, &st->sigpend, "SIG"));
	v = json_object_new_array();
	for (int i = 0; i < s->nlwp; i++)
		json_object_array_add(v, json_thread(&s->lwp[i], flags));
	add(o, "threads", v);
	return o;
}

int cmd_status_json(struct json_object **obj, struct ctl *h,
		    const struct ctl_target *only, int flags)
{
	struct snapshot s;
	int r;

	r = take_snapshot(&s, h, only);
	if (r < 0)
		return r;
	*obj = json_process(&s, flags);
	free(s.lwp);
	return 0;
}
