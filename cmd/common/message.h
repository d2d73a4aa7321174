/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * message.h - control messages in shell form: a name and, for most, a word.
 */
#ifndef CMD_MESSAGE_H
#define CMD_MESSAGE_H

#include "common.h"

/* One message, its operand as it goes over the wire. */
struct cmd_message {
	long code;
	unsigned char *operand; /* malloc'ed, size a multiple of 8 */
	size_t size;
	/*
	 * PCSREG and PCSFPREG name some registers only: the word, to be put
	 * with cmd_message_apply() over what the thread has at that time.
	 */
	const char *changes;
	/* PCREAD: where the bytes arrive; malloc'ed */
	unsigned char *data;
	uint64_t addr, len;
};

/*
 * The message that words[0] names, with its operand from words[1] if it has
 * one; *used is how many words that took.  0, or -EINVAL with *syntax what the
 * operand has to be, NULL when words[0] is no message.
 */
int cmd_message_parse(char *const words[], size_t n, struct cmd_message *m,
		      size_t *used, const char **syntax);
/* Message i of those that are provided, and its operand or ""; -1: no more. */
long cmd_message_row(size_t i, const char **syntax);
/* Put the changes of a PCSREG or PCSFPREG over regs; 0 or -EINVAL. */
int cmd_message_apply(struct cmd_message *m, void *regs);
void cmd_message_free(struct cmd_message *m);

#endif
