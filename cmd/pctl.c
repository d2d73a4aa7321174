/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pctl - send control messages to a process, and show what became of it.
 *
 * The messages go out as one batch through one handle, so that they work on
 * one and the same state: PCSTOP PCREAD ... PCRUN reads memory at rest.  Only
 * a PCSREG or PCSFPREG splits the batch: the registers that it does not name
 * are to be those that the thread has by then.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"

struct list;

struct options {
	struct cmd_operand operand;
	struct cmd_message *messages;
	size_t n;
	const struct list *list;
	bool json;
	int flags; /* CMD_STATUS_* */
};

/* What has names; NULL: the messages. */
struct list {
	const char *word;
	int64_t first, last; /* bits: shifts */
	bool bits;
	const char *(*name)(int64_t);
};

static const char *signal_name(int64_t n)
{
	return ctl_signal_name(n);
}

static const char *fault_name(int64_t n)
{
	return ctl_fault_name(n);
}

static const char *syscall_name(int64_t n)
{
	return ctl_syscall_name(CTL_ABI_NATIVE, n);
}

static const char *mode_name(int64_t n)
{
	return ctl_mode_name(n);
}

static const struct list lists[] = {
	{ "messages", 0, 0, false, NULL },
	{ "signals", 1, 64, false, signal_name },
	{ "faults", 1, CTL_FAULT_MAX, false, fault_name },
	{ "syscalls", 0, CTL_SYSSET_BITS - 1, false, syscall_name },
	{ "modes", 0, 31, true, mode_name },
};

#define KEY_LIST 256

static const struct argp_option option_table[] = {
	{ "list", KEY_LIST, "WHAT", OPTION_ARG_OPTIONAL,
	  "List names: messages, signals, faults, syscalls or modes", 0 },
	{ "registers", 'r', NULL, 0, "Show the registers of stopped threads",
	  0 },
	{ 0 },
};

static const struct argp_child children[] = {
	{ &cmd_argp_json }, { &cmd_argp_verbose }, { 0 },
};

static void parse_messages(struct options *opt, char **words, size_t n,
			   struct argp_state *state)
{
	const char *syntax;
	size_t used;
	int r;

	opt->messages = calloc(n ? n : 1, sizeof(*opt->messages));
	if (!opt->messages)
		argp_failure(state, CMD_NONE, ENOMEM, "messages");
	for (; n; words += used, n -= used) {
		r = cmd_message_parse(words, n, &opt->messages[opt->n], &used,
				      &syntax);
		if (r == -ENOMEM)
			argp_failure(state, CMD_NONE, ENOMEM, "%s", words[0]);
		if (r < 0 && !syntax)
			argp_error(state, "not a message: %s (see pctl --list)",
				   words[0]);
		/* Of a list it is one word. */
		if (r < 0 && n > 1 && !strncmp(syntax, "a list", 6))
			argp_error(state, "%s: %s", words[0], ctl_error());
		if (r < 0 && n > 1)
			argp_error(state, "%s takes %s, not %s", words[0],
				   syntax, words[1]);
		if (r < 0)
			argp_error(state, "%s takes %s", words[0], syntax);
		opt->n++;
	}
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = &opt->json;
		return 0;
	case 'r':
		opt->flags |= CMD_STATUS_REGS;
		return 0;
	case KEY_LIST:
		for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
			if (!arg || !strcmp(arg, lists[i].word)) {
				opt->list = &lists[i];
				return 0;
			}
		argp_error(state, "cannot list %s: only messages, signals, "
				  "faults, syscalls, modes", arg);
		return 0;
	case ARGP_KEY_ARG:
		opt->operand.arg = arg;
		if (ctl_target_parse(arg, &opt->operand.target) < 0)
			argp_failure(state, CMD_USAGE, 0,
				     "cannot control %s: %s", arg, ctl_error());
		parse_messages(opt, state->argv + state->next,
			       state->argc - state->next, state);
		state->next = state->argc;
		return 0;
	case ARGP_KEY_NO_ARGS:
		if (!opt->list)
			argp_error(state, "no operand given");
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp argp = {
	option_table, parse,
	"PID[/LWPS] [MESSAGE [OPERAND]]...\n--list[=WHAT]",
	"Send control messages to a process, then show its status.  ctl(4) has "
	"the messages; for example:\n\n"
	"  pctl 4242 PCSENTRY openat,read PCSET PR_RLC PCRUN PCWSTOP\v"
	CMD_EXIT_DOC, children,
};

struct batch {
	unsigned char *bytes;
	size_t len, room;
	size_t first; /* the message that the batch begins with */
};

static int append(struct batch *b, const void *bytes, size_t len)
{
	if (b->room - b->len < len) {
		size_t room = 2 * b->room + len + 256;
		unsigned char *p = realloc(b->bytes, room);

		if (!p)
			return -ENOMEM;
		b->bytes = p;
		b->room = room;
	}
	if (len)
		memcpy(b->bytes + b->len, bytes, len);
	b->len += len;
	return 0;
}

/* Send what was gathered; *failed is the message that failed, if one did. */
static int flush(struct ctl *h, struct batch *b, const struct options *opt,
		 size_t *failed)
{
	size_t done = 0, i = b->first;
	int r;

	if (b->len == 0)
		return 0;
	r = ctl_write(h, b->bytes, b->len, &done);
	b->len = 0;
	while (r < 0 && done >= sizeof(long) + opt->messages[i].size)
		done -= sizeof(long) + opt->messages[i++].size;
	*failed = i;
	return r;
}

static int fetch_registers(struct ctl *h, struct cmd_message *m)
{
	struct ctl_fpregs fp;
	struct ctl_regs regs;
	int r;

	r = m->code == PCSREG ? ctl_regs_get(h, &regs) : ctl_fpregs_get(h, &fp);
	if (r < 0)
		return r;
	return cmd_message_apply(m, m->code == PCSREG ? (void *)&regs :
							(void *)&fp);
}

static int send_messages(struct ctl *h, const struct options *opt,
			 size_t *failed)
{
	struct batch b = { 0 };
	int r = 0;

	for (size_t i = 0; i < opt->n && r == 0; i++) {
		struct cmd_message *m = &opt->messages[i];
		int64_t code = m->code;

		if (m->changes) {
			r = flush(h, &b, opt, failed);
			if (r < 0)
				break;
			b.first = i;
			*failed = i;
			r = fetch_registers(h, m);
			if (r < 0)
				break;
		}
		r = append(&b, &code, sizeof(code));
		if (r == 0)
			r = append(&b, m->operand, m->size);
	}
	if (r == 0)
		r = flush(h, &b, opt, failed);
	free(b.bytes);
	return r;
}

/* ------------------------------------------------------------- printing -- */

static void print_dump(const struct cmd_message *m)
{
	for (uint64_t at = 0; at < m->len; at += 16) {
		size_t n = m->len - at < 16 ? m->len - at : 16;

		printf("%016" PRIx64 " ", m->addr + at);
		for (size_t i = 0; i < 16; i++)
			if (i < n)
				printf("%s%02x", i == 8 ? "  " : " ",
				       m->data[at + i]);
			else
				printf(i == 8 ? "    " : "   ");
		fputs("  |", stdout);
		for (size_t i = 0; i < n; i++)
			putchar(isascii(m->data[at + i]) &&
						isprint(m->data[at + i]) ?
					m->data[at + i] :
					'.');
		puts("|");
	}
}

static struct json_object *json_dump(const struct cmd_message *m)
{
	struct json_object *o = json_object_new_object();
	char *hex = malloc(2 * m->len + 1), addr[32];

	snprintf(addr, sizeof(addr), "%#" PRIx64, m->addr);
	json_object_object_add(o, "addr", json_object_new_string(addr));
	for (uint64_t i = 0; hex && i < m->len; i++)
		sprintf(hex + 2 * i, "%02x", m->data[i]);
	json_object_object_add(
		o, "hex",
		hex ? json_object_new_string_len(hex, 2 * m->len) : NULL);
	free(hex);
	return o;
}

/* What was read by the first so many messages, then the status. */
static int print_result(struct ctl *h, const struct options *opt, size_t sent)
{
	const struct ctl_target *only = &opt->operand.target;
	struct json_object *o, *reads;
	int r;

	if (!opt->json) {
		for (size_t i = 0; i < sent; i++)
			if (opt->messages[i].code == PCREAD)
				print_dump(&opt->messages[i]);
		return cmd_status_text(stdout, h, only, opt->flags);
	}
	r = cmd_status_json(&o, h, only, opt->flags);
	if (r < 0)
		return r;
	reads = json_object_new_array();
	for (size_t i = 0; i < sent; i++)
		if (opt->messages[i].code == PCREAD)
			json_object_array_add(reads,
					      json_dump(&opt->messages[i]));
	json_object_object_add(o, "reads", reads);
	cmd_json_print(stdout, o);
	return 0;
}

static void print_gone(struct ctl *h, const char *object,
		       const struct options *opt)
{
	struct json_object *o;

	if (!opt->json) {
		printf("%s:\tgone\n", object);
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "pid", json_object_new_int(ctl_pid(h)));
	json_object_object_add(o, "gone", json_object_new_boolean(true));
	cmd_json_print(stdout, o);
}

static int control(struct ctl *h, const char *object, void *arg)
{
	const struct options *opt = arg;
	size_t sent = opt->n;
	char verb[32];
	int r, r2;

	r = send_messages(h, opt, &sent);
	if (r < 0) {
		snprintf(verb, sizeof(verb), "%s",
			 ctl_message_name(opt->messages[sent].code));
		cmd_fail(r, verb, object);
	} else {
		sent = opt->n;
	}
	r2 = print_result(h, opt, sent);
	/* Messages may well be the end of it: PCKILL, PCRUN. */
	if (r2 == -ENOENT && r == 0 && opt->n)
		print_gone(h, object, opt);
	else if (r2 < 0 && r == 0)
		r = cmd_fail(r2, "examine", object);
	return r;
}

/* ---------------------------------------------------------------- names -- */

static void print_name(const char *name, int64_t number, const char *operand,
		       bool json)
{
	struct json_object *o;

	if (!json) {
		fputs(name, stdout);
		if (operand && *operand)
			printf("\t%s", operand);
		putchar('\n');
		return;
	}
	o = json_object_new_object();
	json_object_object_add(o, "name", json_object_new_string(name));
	json_object_object_add(o, "number", json_object_new_int64(number));
	if (operand)
		json_object_object_add(
			o, "operand",
			*operand ? json_object_new_string(operand) : NULL);
	cmd_json_print(stdout, o);
}

static void print_list(const struct list *list, bool json)
{
	const char *syntax;
	long code;

	for (size_t i = 0; !list->name; i++) {
		code = cmd_message_row(i, &syntax);
		if (code < 0)
			return;
		print_name(ctl_message_name(code), code, syntax, json);
	}
	for (int64_t n = list->first; n <= list->last; n++) {
		int64_t number = list->bits ? INT64_C(1) << n : n;
		const char *name = list->name(number);

		if (name)
			print_name(name, number, NULL, json);
	}
}

int main(int argc, char **argv)
{
	static struct options opt;
	struct cmd_operands one = { &opt.operand, 1 };
	int code;

	argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &opt);
	if (opt.list) {
		print_list(opt.list, opt.json);
		return cmd_finish(CMD_OK);
	}
	code = cmd_each(&one, 0, control, &opt);
	for (size_t i = 0; i < opt.n; i++)
		cmd_message_free(&opt.messages[i]);
	free(opt.messages);
	return cmd_finish(code);
}
