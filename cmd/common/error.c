/* SPDX-License-Identifier: GPL-2.0-or-later */
/* error.c - how a command says that something went wrong, and how it ends. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "common.h"

void cmd_complain(const char *fmt, ...)
{
	char *text = NULL, *line = NULL;
	size_t len;
	FILE *f = open_memstream(&line, &len);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (f) {
		fprintf(f, "%s: ", program_invocation_short_name);
		/* There may be names in it, of processes and files: anybody's. */
		if (n >= 0)
			cmd_text_print(f, text, n);
		putc('\n', f);
	}
	/* What was printed before belongs before it when both go to one file. */
	fflush(stdout);
	/* At once: others may write there, too. */
	if (f && fclose(f) == 0)
		fwrite(line, 1, len, stderr);
	free(line);
	if (n >= 0)
		free(text);
}

int cmd_fail(int err, const char *verb, const char *object)
{
	const char *reason = ctl_error();

	if (!*reason)
		reason = strerror(-err);
	cmd_complain("cannot %s %s: %s", verb, object, reason);
	return err;
}

int cmd_finish(int code)
{
	if (fflush(stdout) != 0 || ferror(stdout)) {
		cmd_complain("cannot write standard output: %s",
			     strerror(errno));
		return code == CMD_OK ? CMD_SOME : code;
	}
	return code;
}

int cmd_wait(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) :
				     WEXITSTATUS(status);
}

void cmd_catch(void (*fn)(int sig), bool ignored)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = fn }, old;

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    (old.sa_handler != SIG_IGN ||
		     (ignored && signals[i] == SIGINT)))
			sigaction(signals[i], &sa, NULL);
}

static void log_to_stderr(void *arg, enum ctl_log_level level, const char *msg)
{
	if (level <= *(enum ctl_log_level *)arg)
		cmd_complain("%s", msg);
}

void cmd_log(enum ctl_log_level level)
{
	static enum ctl_log_level highest;

	if (level > highest)
		highest = level;
	ctl_log_set(log_to_stderr, &highest);
}

static void print_version(FILE *out, struct argp_state *state)
{
	char backends[1024];

	(void)state;
	fprintf(out, "%s (ctltools) " CTL_VERSION "\n",
		program_invocation_short_name);
	if (ctl_backend_describe(backends, sizeof(backends)) >= 0)
		fprintf(out, "%s\n", backends);
}

/* libc looks for it by name: -fvisibility=hidden must not hide it. */
__attribute__((visibility("default"))) void (*argp_program_version_hook)(
	FILE *, struct argp_state *) = print_version;

/*
 * Started without one of the standard descriptors, we would have something else
 * there, and print into it.  What a command is started with is not ours.
 */
__attribute__((constructor)) static void open_standard_fds(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF &&
		    open(fd ? "/dev/full" : "/dev/null",
			 (fd ? O_WRONLY : O_RDONLY) | O_CLOEXEC) < 0 &&
		    open("/dev/null", O_RDWR | O_CLOEXEC) < 0)
			return;
}

/* Before main(), so that what the parser does is logged too. */
__attribute__((constructor)) static void log_from_environment(void)
{
	const char *debug = getenv("CTL_DEBUG");

	if (debug && *debug)
		cmd_log(CTL_LOG_DEBUG);
}
