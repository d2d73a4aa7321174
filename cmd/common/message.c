/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message.c - control messages in shell form.
 *
 * One row a message says what its operand is; one function a kind of operand
 * turns a word into the bytes of dtrace_ctl.h.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "message.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* More is better done with a program than with a shell. */
#define READ_MAX (16U << 20)

typedef int operand_fn(const char *word, struct cmd_message *m);

static int set_operand(struct cmd_message *m, const void *bytes, size_t size)
{
	m->size = (size + 7) & ~(size_t)7;
	m->operand = calloc(1, m->size);
	if (!m->operand)
		return -ENOMEM;
	memcpy(m->operand, bytes, size);
	return 0;
}

static int set_u64(struct cmd_message *m, uint64_t v)
{
	return set_operand(m, &v, sizeof(v));
}

static int operand_number(const char *word, struct cmd_message *m)
{
	uint64_t v;

	if (cmd_parse_u64(word, UINT64_MAX, &v) < 0)
		return -EINVAL;
	return set_u64(m, v);
}

static int operand_ms(const char *word, struct cmd_message *m)
{
	uint64_t v;

	if (cmd_parse_u64(word, INT64_MAX, &v) < 0)
		return -EINVAL;
	return set_u64(m, v);
}

/*
 * Words joined by "|" or ",": names through parse, or numbers, which go to the
 * server as they are, sense or nonsense.
 */
static int flag_words(const char *word, int64_t (*parse)(const char *),
		      uint64_t *flags)
{
	char copy[256], *save, *w;
	uint64_t v, result = 0;
	int64_t named;

	if (!*word || strlen(word) >= sizeof(copy))
		return -EINVAL;
	strcpy(copy, word);
	for (w = strtok_r(copy, "|,", &save); w;
	     w = strtok_r(NULL, "|,", &save)) {
		if (cmd_parse_u64(w, UINT64_MAX, &v) < 0) {
			named = parse(w);
			if (named < 0)
				return -EINVAL;
			v = named;
		}
		result |= v;
	}
	*flags = result;
	return 0;
}

static int64_t run_flag(const char *w)
{
	static const struct {
		const char *name;
		uint64_t flag;
	} flags[] = {
		{ "PRCSIG", PRCSIG },	  { "PRCFAULT", PRCFAULT },
		{ "PRSTEP", PRSTEP },	  { "PRSABORT", PRSABORT },
		{ "PRSTOP", PRSTOP },
	};

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (!strcasecmp(w, flags[i].name))
			return flags[i].flag;
	return -EINVAL;
}

/* The word is optional: PCRUN alone is PCRUN 0. */
static int operand_run(const char *word, struct cmd_message *m)
{
	uint64_t flags = 0;

	if (word && flag_words(word, run_flag, &flags) < 0)
		return -EINVAL;
	return set_u64(m, flags);
}

static int operand_modes(const char *word, struct cmd_message *m)
{
	uint64_t modes;

	if (flag_words(word, ctl_mode_parse, &modes) < 0)
		return -EINVAL;
	return set_u64(m, modes);
}

static int operand_signal(const char *word, struct cmd_message *m)
{
	int sig = ctl_signal_parse(word);

	return sig < 0 ? sig : set_u64(m, sig);
}

static int operand_siginfo(const char *word, struct cmd_message *m)
{
	siginfo_t info;
	int sig = 0;

	if (strcmp(word, "0") != 0 && strcasecmp(word, "none") != 0) {
		sig = ctl_signal_parse(word);
		if (sig < 0)
			return sig;
	}
	memset(&info, 0, sizeof(info));
	info.si_signo = sig;
	if (sig) {
		info.si_code = SI_USER;
		info.si_pid = getpid();
		info.si_uid = getuid();
	}
	return set_operand(m, &info, sizeof(info));
}

static int operand_sigset(const char *word, struct cmd_message *m)
{
	uint64_t set;
	int r = ctl_sigset_parse(word, &set);

	return r < 0 ? r : set_u64(m, set);
}

static int operand_fltset(const char *word, struct cmd_message *m)
{
	uint64_t set;
	int r = ctl_fltset_parse(word, &set);

	return r < 0 ? r : set_u64(m, set);
}

static int operand_sysset(const char *word, struct cmd_message *m)
{
	struct ctl_sysset set;
	int r = ctl_sysset_parse(word, &set);

	return r < 0 ? r : set_operand(m, &set, sizeof(set));
}

/* -------------------------------------------------------------- memory -- */

static int split_address(const char *word, uint64_t *addr, const char **rest)
{
	const char *comma = strchr(word, ',');
	char text[32];

	if (!comma || (size_t)(comma - word) >= sizeof(text))
		return -EINVAL;
	memcpy(text, word, comma - word);
	text[comma - word] = '\0';
	*rest = comma + 1;
	return cmd_parse_u64(text, UINT64_MAX, addr);
}

static int set_iovec(struct cmd_message *m)
{
	struct ctl_iovec iov = {
		.base = (uintptr_t)m->data,
		.len = m->len,
		.offset = m->addr,
	};

	return set_operand(m, &iov, sizeof(iov));
}

static int operand_read(const char *word, struct cmd_message *m)
{
	const char *len;

	if (split_address(word, &m->addr, &len) < 0 ||
	    cmd_parse_u64(len, READ_MAX, &m->len) < 0)
		return -EINVAL;
	m->data = calloc(1, m->len ? m->len : 1);
	if (!m->data)
		return -ENOMEM;
	return set_iovec(m);
}

static int hex_digit(char c)
{
	return !isxdigit((unsigned char)c) ? -1 :
	       c <= '9'			   ? c - '0' :
					     (c | 0x20) - 'a' + 10;
}

/* ADDR,68656c6c6f or ADDR,"hello" */
static int operand_write(const char *word, struct cmd_message *m)
{
	const char *bytes;
	size_t n;

	if (split_address(word, &m->addr, &bytes) < 0)
		return -EINVAL;
	n = strlen(bytes);
	m->data = malloc(n + 1);
	if (!m->data)
		return -ENOMEM;
	if (n >= 2 && bytes[0] == '"' && bytes[n - 1] == '"') {
		m->len = n - 2;
		memcpy(m->data, bytes + 1, m->len);
		return set_iovec(m);
	}
	if (n == 0 || n % 2)
		return -EINVAL;
	m->len = n / 2;
	for (size_t i = 0; i < m->len; i++) {
		int hi = hex_digit(bytes[2 * i]);
		int lo = hex_digit(bytes[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -EINVAL;
		m->data[i] = hi << 4 | lo;
	}
	return set_iovec(m);
}

/* ----------------------------------------------------------- registers -- */

/* Fields of the FXSAVE image; of st and xmm there are several. */
static const struct {
	const char *name;
	size_t offset, size, count, stride;
} fpregs[] = {
	{ "fcw", 0, 2, 1, 0 },	 { "fsw", 2, 2, 1, 0 },
	{ "ftw", 4, 1, 1, 0 },	 { "fop", 6, 2, 1, 0 },
	{ "fip", 8, 8, 1, 0 },	 { "fdp", 16, 8, 1, 0 },
	{ "mxcsr", 24, 4, 1, 0 }, { "st", 32, 10, 8, 16 },
	{ "xmm", 160, 16, 16, 16 },
};

/* Where a register lies, and its size; 0 if there is none of that name. */
static size_t find_register(long code, const char *name, size_t *offset)
{
	uint64_t n = 0;

	if (code == PCSREG) {
		for (const struct cmd_register *r = cmd_registers; r->name; r++)
			if (!strcmp(r->name, name)) {
				*offset = r->offset;
				return sizeof(uint64_t);
			}
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(fpregs); i++) {
		size_t len = strlen(fpregs[i].name);

		if (strncmp(name, fpregs[i].name, len) != 0)
			continue;
		if (fpregs[i].count == 1 ?
			    name[len] != '\0' :
			    cmd_parse_u64(name + len, fpregs[i].count - 1,
					  &n) < 0)
			continue;
		*offset = fpregs[i].offset + n * fpregs[i].stride;
		return fpregs[i].size;
	}
	return 0;
}

/* A number of up to size bytes, little end first; hex when over 8 bytes. */
static int parse_wide(const char *s, unsigned char *out, size_t size)
{
	uint64_t v;
	size_t n;

	if (cmd_parse_u64(s, size < 8 ? (1ULL << 8 * size) - 1 : UINT64_MAX,
			  &v) == 0) {
		memset(out, 0, size);
		memcpy(out, &v, size < 8 ? size : 8);
		return 0;
	}
	if (size <= 8 || s[0] != '0' || (s[1] != 'x' && s[1] != 'X'))
		return -EINVAL;
	s += 2;
	n = strlen(s);
	if (n == 0 || n > 2 * size)
		return -EINVAL;
	memset(out, 0, size);
	for (size_t i = 0; i < n; i++) {
		int digit = hex_digit(s[n - 1 - i]);

		if (digit < 0)
			return -EINVAL;
		out[i / 2] |= digit << 4 * (i % 2);
	}
	return 0;
}

int cmd_message_apply(struct cmd_message *m, void *regs)
{
	char *copy = strdup(m->changes), *save, *w;
	int r;

	if (!copy)
		return -ENOMEM;
	r = *copy ? 0 : -EINVAL;
	for (w = strtok_r(copy, ",", &save); w && r == 0;
	     w = strtok_r(NULL, ",", &save)) {
		unsigned char value[16];
		char *equals = strchr(w, '=');
		size_t offset, size;

		r = -EINVAL;
		if (!equals)
			break;
		*equals = '\0';
		size = find_register(m->code, w, &offset);
		if (!size)
			break;
		r = parse_wide(equals + 1, value, size);
		if (r == 0)
			memcpy((char *)regs + offset, value, size);
	}
	free(copy);
	if (r == 0)
		memcpy(m->operand, regs, m->size);
	return r;
}

/* Tried on scratch registers first: a typo is a usage error. */
static int operand_registers(const char *word, struct cmd_message *m)
{
	unsigned char scratch[sizeof(struct ctl_fpregs)] = { 0 };
	int r;

	r = set_operand(m, scratch,
			m->code == PCSREG ? sizeof(struct ctl_regs) :
					    sizeof(struct ctl_fpregs));
	m->changes = word;
	return r < 0 ? r : cmd_message_apply(m, scratch);
}

/* ---------------------------------------------------------------- ring -- */

/* SIZE[,drop] */
static int operand_ring(const char *word, struct cmd_message *m)
{
	struct ctl_ring_setup setup = { 0 };
	const char *comma = strchr(word, ',');
	char size[32];
	size_t n = comma ? (size_t)(comma - word) : strlen(word);

	if (n >= sizeof(size))
		return -EINVAL;
	memcpy(size, word, n);
	size[n] = '\0';
	if (comma) {
		if (strcmp(comma, ",drop") != 0)
			return -EINVAL;
		setup.flags = CTL_RING_DROP;
	}
	if (cmd_parse_u64(size, UINT64_MAX, (uint64_t *)&setup.size) < 0)
		return -EINVAL;
	return set_operand(m, &setup, sizeof(setup));
}

static int64_t record_event(const char *w)
{
	static const char *const events[] = {
		[CTL_REC_SYSCALL] = "syscall", [CTL_REC_SYSENTRY] = "sysentry",
		[CTL_REC_SIGNAL] = "signal",   [CTL_REC_FAULT] = "fault",
		[CTL_REC_FORK] = "fork",       [CTL_REC_EXEC] = "exec",
		[CTL_REC_EXIT] = "exit",       [CTL_REC_PROBE] = "probe",
	};

	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		if (events[i] && !strcasecmp(w, events[i]))
			return 1 << i;
	return -EINVAL;
}

/* EVENT,... of every call, signal and fault */
static int operand_record(const char *word, struct cmd_message *m)
{
	struct ctl_record rec = { .signals = ~0ULL,
				  .faults = CTL_FLTBIT(CTL_FAULT_MAX + 1) - 1 };
	uint64_t events;

	if (flag_words(word, record_event, &events) < 0 || events > UINT32_MAX)
		return -EINVAL;
	rec.events = events;
	memset(&rec.calls, 0xff, sizeof(rec.calls));
	return set_operand(m, &rec, sizeof(rec));
}

static int capture_op(char *text, struct ctl_capop *op)
{
	static const char *const names[] = {
		[CTL_CAP_STR] = "str",	 [CTL_CAP_MEM] = "mem",
		[CTL_CAP_BUF] = "buf",	 [CTL_CAP_RET] = "ret",
		[CTL_CAP_BUFP] = "bufp", [CTL_CAP_IOV] = "iov",
		[CTL_CAP_IOVDATA] = "iovdata", [CTL_CAP_VEC] = "vec",
		[CTL_CAP_MSG] = "msg",
	};
	uint64_t v[5] = { 0 };
	char *save, *w = strtok_r(text, ",", &save);
	size_t n = 0;

	memset(op, 0, sizeof(*op));
	for (size_t i = 0; w && i < ARRAY_SIZE(names); i++)
		if (names[i] && !strcasecmp(w, names[i]))
			op->op = i;
	if (!op->op)
		return -EINVAL;
	for (; (w = strtok_r(NULL, ",", &save)); n++) {
		if (n == 1 && (!strcmp(w, "entry") || !strcmp(w, "exit")))
			v[n] = w[1] == 'n' ? CTL_AT_ENTRY : CTL_AT_EXIT;
		else if (n == ARRAY_SIZE(v) ||
			 cmd_parse_u64(w, n == 2 ? UINT32_MAX : UINT8_MAX,
				       &v[n]) < 0)
			return -EINVAL;
	}
	if (n < 3)
		return -EINVAL;
	op->arg = v[0];
	op->when = v[1];
	op->limit = v[2];
	op->len = v[3];
	op->unit = v[4];
	return 0;
}

/* CALL[:OP,ARG,entry|exit,LIMIT[,LENARG[,UNIT]]]... */
static int operand_capture(const char *word, struct cmd_message *m)
{
	struct {
		struct ctl_capture head;
		struct ctl_capop op[CTL_CAP_OPS];
	} program = { 0 };
	char *copy = strdup(word), *save, *w;
	int nr, r = -EINVAL;

	if (!copy)
		return -ENOMEM;
	w = strtok_r(copy, ":", &save);
	nr = w ? ctl_syscall_parse(CTL_ABI_NATIVE, w) : -EINVAL;
	if (nr < 0)
		goto out;
	program.head.nr = nr;
	program.head.abi = CTL_ABI_NATIVE;
	while ((w = strtok_r(NULL, ":", &save)))
		if (program.head.nop == CTL_CAP_OPS ||
		    capture_op(w, &program.op[program.head.nop++]) < 0)
			goto out;
	r = set_operand(m, &program,
			sizeof(program.head) +
				program.head.nop * sizeof(program.op[0]));
out:
	free(copy);
	return r;
}

/* ------------------------------------------------------------ messages -- */

static const struct {
	long code;
	operand_fn *operand; /* NULL: has none */
	const char *syntax;
} messages[] = {
	{ PCNULL, NULL, NULL },
	{ PCSTOP, NULL, NULL },
	{ PCDSTOP, NULL, NULL },
	{ PCWSTOP, NULL, NULL },
	{ PCTWSTOP, operand_ms, "milliseconds" },
	{ PCRUN, operand_run, "flags (PRCSIG|PRSTEP) or nothing" },
	{ PCCSIG, NULL, NULL },
	{ PCCFAULT, NULL, NULL },
	{ PCSSIG, operand_siginfo, "a signal, or none" },
	{ PCKILL, operand_signal, "a signal" },
	{ PCUNKILL, operand_signal, "a signal" },
	{ PCSHOLD, operand_sigset, "a list of signals" },
	{ PCSTRACE, operand_sigset, "a list of signals" },
	{ PCSFAULT, operand_fltset, "a list of faults" },
	{ PCSENTRY, operand_sysset, "a list of system calls" },
	{ PCSEXIT, operand_sysset, "a list of system calls" },
	{ PCSET, operand_modes, "modes (PR_FORK|PR_RLC)" },
	{ PCUNSET, operand_modes, "modes (PR_FORK|PR_RLC)" },
	{ PCSREG, operand_registers, "registers (rip=0x...,rax=0)" },
	{ PCSFPREG, operand_registers, "registers (xmm0=0x...,mxcsr=0x1f80)" },
	{ PCSVADDR, operand_number, "an address" },
	{ PCREAD, operand_read, "ADDR,LEN" },
	{ PCWRITE, operand_write, "ADDR,HEX or ADDR,\"TEXT\"" },
	{ PCRING, operand_ring, "SIZE or SIZE,drop" },
	{ PCRECORD, operand_record, "events (syscall,signal,exit)" },
	{ PCCAPTURE, operand_capture, "CALL:OP,ARG,entry|exit,LIMIT..." },
	/* For the server to refuse. */
	{ PCNICE, operand_number, NULL },
	{ PCWATCH, NULL, NULL },
	{ PCAGENT, NULL, NULL },
	{ PCSCRED, NULL, NULL },
};

long cmd_message_row(size_t i, const char **syntax)
{
	if (i >= ARRAY_SIZE(messages) || messages[i].code == PCNICE)
		return -1;
	*syntax = messages[i].syntax ? messages[i].syntax : "";
	return messages[i].code;
}

static bool is_name(const char *word)
{
	return word && isalpha((unsigned char)*word) &&
	       ctl_message_parse(word) >= 0;
}

int cmd_message_parse(char *const words[], size_t n, struct cmd_message *m,
		      size_t *used, const char **syntax)
{
	const char *word = n > 1 ? words[1] : NULL;
	size_t i = 0;
	int r;

	memset(m, 0, sizeof(*m));
	*syntax = NULL;
	/* Of a number it could not be said whether it is an operand. */
	if (!is_name(words[0]))
		return -EINVAL;
	m->code = ctl_message_parse(words[0]);
	while (i < ARRAY_SIZE(messages) && messages[i].code != m->code)
		i++;
	if (i == ARRAY_SIZE(messages))
		return -EINVAL;
	*used = 1;
	if (!messages[i].operand)
		return 0;
	*syntax = messages[i].syntax ? messages[i].syntax : "a number";
	if (m->code == PCRUN && is_name(word))
		word = NULL;
	else if (m->code != PCRUN && !word)
		return -EINVAL;
	r = messages[i].operand(word, m);
	if (r < 0)
		cmd_message_free(m);
	else
		*used += word != NULL;
	return r;
}

void cmd_message_free(struct cmd_message *m)
{
	free(m->operand);
	free(m->data);
	m->operand = NULL;
	m->data = NULL;
}
