/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base.c - error text and log. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "private.h"

static _Thread_local char error_text[512];

static ctl_log_fn *log_fn;
static void *log_arg;

CTL_EXPORT const char *ctl_error(void)
{
	return error_text;
}

int ctl_fail(int err, const char *fmt, ...)
{
	char text[sizeof(error_text)];
	va_list ap;

	/* By way of a copy: an argument may be ctl_error() itself. */
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	memcpy(error_text, text, sizeof(text));
	return err;
}

int ctl_failno(int err)
{
	return ctl_fail(err, "%s", strerror(-err));
}

int ctl_failh(const struct ctl *h, int err)
{
	switch (err) {
	case -ENOENT:
		return ctl_fail(err, h->tid ? "No such thread" :
					      "No such process");
	case -EAGAIN:
		return ctl_fail(err,
				"the process executed a set-id or unreadable file: open it again");
	case -EBUSY:
		return ctl_fail(err, "not stopped");
	}
	return ctl_failno(err);
}

CTL_EXPORT void ctl_log_set(ctl_log_fn *fn, void *arg)
{
	log_fn = fn;
	log_arg = arg;
}

bool ctl_logs(void)
{
	return log_fn;
}

void ctl_log(enum ctl_log_level level, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (!log_fn)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_fn(log_arg, level, text);
}
