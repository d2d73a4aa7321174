/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * common.h - what the commands share: how they fail, how they read numbers and
 * operands, how they print a status.
 *
 * A command is: a static table of options, a parser that only records what is
 * wanted, one function for one target, and a main() of a few lines:
 *
 *     argp_parse(&argp, argc, argv, ARGP_IN_ORDER, NULL, &opt);
 *     return cmd_finish(cmd_each(&opt.operands, 0, stop_one, &opt));
 *
 * --version is there without being asked for.
 */
#ifndef CMD_COMMON_H
#define CMD_COMMON_H

#include <argp.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "ctl.h"

/* ---------------------------------------------------------- exit status -- */

#define CMD_OK 0
#define CMD_SOME 1   /* some operands failed                                */
#define CMD_NONE 2   /* nothing was done                                    */
#define CMD_USAGE 64 /* the command line is wrong; nothing was tried        */

/* The end of every --help. */
#define CMD_EXIT_DOC \
	"Exit status: 0 all done, 1 some failed, 2 none could be done, " \
	"64 usage."

/* --------------------------------------------------------------- errors -- */

/* "prog: text" on stderr; what could drive a terminal is escaped. */
void cmd_complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/*
 * "prog: cannot VERB OBJECT: reason", the reason being ctl_error(), or if that
 * is empty what err (negative) means.  Returns err.
 */
int cmd_fail(int err, const char *verb, const char *object);
/* Flush what was printed: a full disk is a failure.  Returns the exit code. */
int cmd_finish(int code);
/*
 * Wait for a child of ours.  Its exit status or, as a shell has it, 128 and the
 * number of the signal that killed it; -errno of waitpid(2).
 */
int cmd_wait(pid_t child);
/*
 * Have fn called for what asks a command to end: SIGINT, SIGTERM, SIGHUP and
 * SIGQUIT, as far as we were not started with it ignored.  ignored: SIGINT even
 * then, which sh(1) has ignored by what a script starts in the background, though
 * a kill -INT is how the script will end it.  Not before a command is started,
 * which would not find it ignored.
 */
void cmd_catch(void (*fn)(int sig), bool ignored);
/* Send the library's messages of this level and graver to stderr. */
void cmd_log(enum ctl_log_level level);

/* -------------------------------------------------------------- numbers -- */

/* Decimal or 0x..., all of s, within 0 .. max.  0 or -EINVAL. */
int cmd_parse_u64(const char *s, uint64_t max, uint64_t *value);
/*
 * An option's argument: seconds, with a fraction if wanted.  In ms, 1 at least;
 * what is no such number is a usage error.
 */
int cmd_seconds(struct argp_state *state, const char *arg);

uint64_t cmd_now_ns(void); /* CLOCK_MONOTONIC */
int64_t cmd_now_ms(void);  /* the same */

/* ----------------------------------------------------------- histograms -- */

struct cmd_histogram {
	uint64_t n[2][65]; /* of values >= 0, and below; by their bits */
};
void cmd_histogram_add(struct cmd_histogram *h, uint64_t magnitude,
		       bool negative);
/* A line a power of two, from the least to the greatest there was. */
void cmd_histogram_print(const struct cmd_histogram *h, FILE *out);
/* [{"from", "count"}], the caller's. */
struct json_object *cmd_histogram_json(const struct cmd_histogram *h);

/* ------------------------------------------------------------- operands -- */

struct cmd_operand {
	const char *arg; /* as given */
	struct ctl_target target;
};

struct cmd_operands {
	struct cmd_operand *v;
	size_t n;
	bool optional; /* set by the command's parser: there may be none */
};

/*
 * argp children.  state->input of each, which the parent's ARGP_KEY_INIT puts
 * into state->child_inputs, is in the comment.
 */
extern const struct argp cmd_argp_operands; /* struct cmd_operands            */
extern const struct argp cmd_argp_json;	    /* bool: -j                       */
extern const struct argp cmd_argp_verbose;  /* none: -v                       */

/*
 * For each operand open what it names, the process or each of its threads, and
 * call fn, which complains and returns an error (negative) or returns 0.  One
 * that fails does not stop the others.  Returns the exit code.
 */
typedef int cmd_each_fn(struct ctl *h, const char *object, void *arg);
int cmd_each(const struct cmd_operands *ops, int open_flags, cmd_each_fn *fn,
	     void *arg);
/* The same for one operand; 0 or the last error. */
int cmd_each_of(const struct cmd_operand *op, int open_flags, cmd_each_fn *fn,
		void *arg);
/*
 * Call fn for each operand, which complains and returns an error (negative) or
 * returns 0.  One that fails does not stop the others.  Returns the exit code.
 */
typedef int cmd_operand_fn(const struct cmd_operand *op, void *arg);
int cmd_each_operand(const struct cmd_operands *ops, cmd_operand_fn *fn,
		     void *arg);
/* The exit code for so many operands of which so many failed. */
int cmd_exit_code(size_t n, size_t failed);

/* --------------------------------------------------------------- status -- */

#define CMD_STATUS_REGS 1 /* registers too */

/* The status of h, all its threads or its one: text, as pflags(1) has it. */
int cmd_status_text(FILE *out, struct ctl *h, const struct ctl_target *only,
		    int flags);
/* The same as a JSON object, which the caller puts. */
int cmd_status_json(struct json_object **obj, struct ctl *h,
		    const struct ctl_target *only, int flags);
/* Put the members of more into set, too. */
void cmd_sysset_add(struct ctl_sysset *set, const struct ctl_sysset *more);
/* Why a thread is stopped, and the name of what made it; or a number in buf. */
const char *cmd_stop_why(const struct ctl_lwpstatus *l);
const char *cmd_stop_what(const struct ctl_lwpstatus *l, char *buf,
			  size_t size);
/*
 * The length of the UTF-8 character at s, of which len > 0 bytes are there, and
 * its code.  0: none that would come back the same (a part of one, a surrogate,
 * a form too long).
 */
size_t cmd_utf8(const unsigned char *s, size_t len, unsigned *code);
/*
 * Bytes of anybody's: fit for a terminal, and for JSON, which is UTF-8 (what is
 * none is taken for Latin-1).
 */
void cmd_text_print(FILE *out, const char *text, size_t len);
struct json_object *cmd_json_text(const char *text, size_t len);
/* One line of JSON on out; takes over obj. */
void cmd_json_print(FILE *out, struct json_object *obj);

/* libc.so.6`write+0x14 (write.c:26): of anybody's bytes, too. */
void cmd_frame_text(const struct ctl_frame *f, char *buf, size_t size);
#define CMD_FRAME_TEXT 1024
/* Each frame on a line of its own behind indent, and where they end early. */
void cmd_stack_print(FILE *out, const struct ctl_stack *st, const char *indent);
/* Into obj: "stack", and "stack_end" when that is not the outermost. */
void cmd_stack_json(struct json_object *obj, const struct ctl_stack *st);
/* "...": there are more; "?": there may be; or NULL. */
const char *cmd_stack_end(const struct ctl_stack *st);
/*
 * -k BYTES, NULL: how many if not said.  What is no such number is a usage error.
 */
uint32_t cmd_stack_bytes(struct argp_state *state, const char *arg);

/* The command line of a process, or [comm]: whatever bytes it chose. */
void cmd_process_args(pid_t pid, char *buf, size_t size);

/*
 * The registers by name, in the order they are shown: name, offset in struct
 * ctl_regs.  Ends with a NULL name.
 */
struct cmd_register {
	const char *name;
	size_t offset;
};
extern const struct cmd_register cmd_registers[];

#endif
