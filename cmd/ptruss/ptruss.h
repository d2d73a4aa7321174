/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ptruss.h - inside ptruss: options, what is being traced, output. */
#ifndef PTRUSS_H
#define PTRUSS_H

#include "../common/common.h"

enum style { STYLE_TRUSS, STYLE_STRACE, STYLE_JSON };

struct options {
	unsigned string; /* bytes of a string or buffer that are shown */
	unsigned decode; /* CTL_DECODE_* */
	struct ctl_sysset stop_calls;
	uint64_t stop_signals, stop_faults;
	bool ok, failed; /* only such calls */
	bool follow, count, drop, lwps, since_start, delta, elapsed;
	enum style style;
	const char *output;
	struct ctl_sysset calls;
	uint64_t signals, faults;
	struct cmd_operands pids;
	char **command;
};

/* One handle: the command, or a process (or thread) of -p. */
struct traced {
	struct ctl *h;
	const char *name;
	uint64_t old_modes;
	pid_t *live; /* processes whose records come by this handle */
	unsigned nlive, room;
	bool done;
	bool stopped; /* on -T, -S, -M: to be left so */
};

struct session {
	const struct options *opt;
	struct traced *v;
	unsigned n;
	FILE *out;
	uint64_t first;		/* time of the first record */
	uint64_t last;		/* and of the one before */
	struct counts *counts;
	struct ctl_decoder *decoder;
	char *line; /* print.c: the one being made */
};

/* print.c: -ENOMEM */
int print_init(struct session *s);
void print_free(struct session *s);
/* 0, or -errno when it could not be written */
int print_record(struct session *s, const struct traced *t,
		 const struct ctl_rec *rec);

/* count.c */
struct counts *counts_new(void);
void counts_add(struct counts *c, const struct ctl_rec *rec);
void counts_print(const struct counts *c, const struct session *s);
void counts_free(struct counts *c);

/* session.c */
int session_attach(struct session *s);
int session_spawn(struct session *s);
/* Until everything traced is gone, or somebody says stop. */
int session_follow(struct session *s);
void session_close(struct session *s);
void session_catch_signals(void);

#endif
