/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fd.c - -y: what a descriptor refers to.
 *
 * A record is read behind the target's back, when the descriptor may be closed
 * or refer to another file.  So what calls open, copy and close is noted, as
 * far as these calls are traced, and comes first.  Only of the others /proc is
 * asked, which has them as they are now.
 *
 * The working directory is one of them, by the number AT_FDCWD.
 *
 * For a socket the link in /proc tells no more than an inode number; the tables
 * in /proc/PID/net, of the namespace that the process is in, have its addresses.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ptruss.h"

struct end {
	union {
		struct in_addr v4;
		struct in6_addr v6;
	} addr;
	unsigned port;
};

/* The kernel prints addresses as words, in its own order of bytes. */
static bool end_parse(const char *s, bool v6, struct end *e)
{
	unsigned words = v6 ? 4 : 1, word;

	if (strlen(s) < 8 * words + 2 || s[8 * words] != ':')
		return false;
	for (unsigned i = 0; i < words; i++) {
		if (sscanf(s + 8 * i, "%8x", &word) != 1)
			return false;
		memcpy((char *)&e->addr + 4 * i, &word, 4);
	}
	return sscanf(s + 8 * words + 1, "%x", &e->port) == 1;
}

static void end_print(struct buf *b, const struct end *e, bool v6)
{
	char text[INET6_ADDRSTRLEN];

	if (!inet_ntop(v6 ? AF_INET6 : AF_INET, &e->addr, text, sizeof(text)))
		return;
	buf_printf(b, v6 ? "[%s]:%u" : "%s:%u", text, e->port);
}

static bool inet_socket(struct buf *b, FILE *f, const char *name,
			unsigned long inode)
{
	bool v6 = strchr(name, '6');
	char line[512], local[64], remote[64];
	struct end from, to;
	unsigned long i;

	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line,
			   "%*s %63s %63s %*x %*s %*s %*s %*u %*u %lu", local,
			   remote, &i) != 3 ||
		    i != inode || !end_parse(local, v6, &from) ||
		    !end_parse(remote, v6, &to))
			continue;
		for (const char *c = name; *c; c++)
			buf_char(b, *c >= 'a' && *c <= 'z' ? *c - 32 : *c);
		buf_str(b, ":[");
		end_print(b, &from, v6);
		if (to.port) {
			buf_str(b, "->");
			end_print(b, &to, v6);
		}
		buf_char(b, ']');
		return true;
	}
	return false;
}

static bool unix_socket(struct buf *b, FILE *f, unsigned long inode)
{
	char line[512];
	unsigned type;
	unsigned long i;
	int path;

	while (fgets(line, sizeof(line), f)) {
		path = 0;
		if (sscanf(line, "%*s %*s %*s %*s %x %*s %lu %n", &type, &i,
			   &path) != 2 ||
		    i != inode)
			continue;
		line[strcspn(line, "\n")] = '\0';
		buf_printf(b, "UNIX%s:[%lu",
			   type == 1 ? "-STREAM" : type == 2 ? "-DGRAM" :
			   type == 5 ? "-SEQPACKET" : "", inode);
		if (path && line[path]) {
			buf_str(b, ",\"");
			buf_escaped(b, line + path, strlen(line + path), true);
			buf_char(b, '"');
		}
		buf_char(b, ']');
		return true;
	}
	return false;
}

static bool socket_text(struct buf *b, pid_t pid, unsigned long inode)
{
	static const char *const tables[] = { "tcp",  "tcp6", "udp", "udp6",
					      "raw",  "raw6", "unix" };
	char path[64];
	bool found;
	FILE *f;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/net/%s", pid, tables[i]);
		f = fopen(path, "re");
		if (!f)
			continue;
		found = !strcmp(tables[i], "unix") ?
				unix_socket(b, f, inode) :
				inet_socket(b, f, tables[i], inode);
		fclose(f);
		if (found)
			return true;
	}
	return false;
}

/*
 * The tables of a busy machine are long, and a socket is asked for again and
 * again: the last few answers are kept, for a second.
 */
#define KEPT 64
#define KEPT_MS 1000
static struct kept {
	unsigned long inode;
	int64_t until;
	char text[512]; /* a path of 108 bytes, each as \ooo */
} kept[KEPT];

static void socket_cached(struct buf *b, pid_t pid, unsigned long inode,
			  const char *link, size_t len)
{
	struct kept *k = &kept[inode % KEPT];
	struct buf fresh = { 0 };
	int64_t now = cmd_now_ms();

	if (k->inode != inode || now >= k->until) {
		if (!socket_text(&fresh, pid, inode))
			buf_escaped(&fresh, link, len, true);
		k->inode = inode;
		k->until = now + KEPT_MS;
		snprintf(k->text, sizeof(k->text), "%.*s", (int)fresh.n,
			 fresh.p ? fresh.p : "");
		buf_free(&fresh);
	}
	buf_str(b, k->text);
}

static ssize_t fd_link(pid_t pid, int fd, char *to, size_t size)
{
	char link[64];
	ssize_t n;

	if (fd == AT_FDCWD)
		snprintf(link, sizeof(link), "/proc/%d/cwd", pid);
	else
		snprintf(link, sizeof(link), "/proc/%d/fd/%d", pid, fd);
	n = readlink(link, to, size - 1);
	if (n > 0)
		to[n] = '\0';
	return n;
}

/* It has other addresses than before. */
static void socket_changed(pid_t pid, uint64_t fd)
{
	unsigned long inode;
	char to[4096];

	if (fd_link(pid, fd, to, sizeof(to)) > 0 &&
	    sscanf(to, "socket:[%lu]", &inode) == 1 &&
	    kept[inode % KEPT].inode == inode)
		kept[inode % KEPT].until = 0;
}

/* -- what was seen to be opened ---------------------------------------------- */

struct known {
	struct known *next;
	pid_t pid;
	int fd;
	bool cloexec;
	char text[];
};
#define BUCKETS 1024
static struct known *table[BUCKETS];

static struct known **slot(pid_t pid, int fd)
{
	struct known **k = &table[((unsigned)pid * 31 + fd) % BUCKETS];

	while (*k && ((*k)->pid != pid || (*k)->fd != fd))
		k = &(*k)->next;
	return k;
}

static void forget(pid_t pid, int fd)
{
	struct known **at = slot(pid, fd), *k = *at;

	if (!k)
		return;
	*at = k->next;
	free(k);
}

static void learn(pid_t pid, int fd, const char *text, size_t len, bool cloexec)
{
	struct known **at, *k;

	forget(pid, fd);
	k = malloc(sizeof(*k) + len + 1);
	if (!k)
		return;
	*k = (struct known){ .pid = pid, .fd = fd, .cloexec = cloexec };
	memcpy(k->text, text, len);
	k->text[len] = '\0';
	at = slot(pid, fd);
	*at = k;
}

/* Each of a process: drop it, those that exec closes, or give it to a child. */
static void each_of(pid_t pid, bool cloexec_only, pid_t child)
{
	struct known *k, **at;

	for (unsigned i = 0; i < BUCKETS; i++)
		for (at = &table[i]; (k = *at);) {
			if (k->pid == pid && child) {
				at = &k->next;
				learn(child, k->fd, k->text, strlen(k->text),
				      k->cloexec);
			} else if (k->pid == pid &&
				   (k->cloexec || !cloexec_only)) {
				*at = k->next;
				free(k);
			} else {
				at = &k->next;
			}
		}
}

/* The directory that a relative path begins at, with a slash behind it. */
static void directory(struct buf *b, pid_t pid, const struct ctl_val *dir)
{
	int fd = dir && dir->kind == CTL_VAL_FD ? (int)dir->value : AT_FDCWD;
	struct known *k = *slot(pid, fd);
	char to[4096];

	if (k)
		buf_str(b, k->text);
	else if (fd_link(pid, fd, to, sizeof(to)) > 0)
		buf_str(b, to);
	if (b->n && b->p[b->n - 1] != '/')
		buf_char(b, '/');
}

/* It has another working directory; path: by what it was asked for, or NULL. */
static void note_cwd(pid_t pid, const struct ctl_val *path)
{
	struct buf b = { 0 };
	char to[4096];
	ssize_t n;

	if (path && path->len && path->str[0] != '/')
		directory(&b, pid, NULL);
	if (path && path->len && (path->str[0] == '/' || b.n) &&
	    !memmem(path->str, path->len, "..", 2)) {
		buf_put(&b, path->str, path->len);
		learn(pid, AT_FDCWD, b.p, b.n, false);
	} else if ((n = fd_link(pid, AT_FDCWD, to, sizeof(to))) > 0) {
		learn(pid, AT_FDCWD, to, n, false);
	} else {
		forget(pid, AT_FDCWD);
	}
	buf_free(&b);
}

/* The same by a descriptor. */
static void note_fchdir(pid_t pid, int fd)
{
	const struct known *k = *slot(pid, fd);

	if (k)
		learn(pid, AT_FDCWD, k->text, strlen(k->text), false);
	else
		note_cwd(pid, NULL);
}

void fd_meet(const struct options *opt, pid_t pid)
{
	/* Not what would grow old unseen. */
	if ((opt->fd_paths || opt->path) &&
	    ctl_sysset_has(&opt->calls, CTL_ABI_NATIVE, SYS_chdir) &&
	    ctl_sysset_has(&opt->calls, CTL_ABI_NATIVE, SYS_fchdir))
		note_cwd(pid, NULL);
}

static bool has_flag(const struct ctl_val *v, const char *name)
{
	if (v->str && v->kind == CTL_VAL_NAME && !strcmp(v->str, name))
		return true;
	for (unsigned i = 0; i < v->nchild; i++)
		if (has_flag(&v->child[i], name))
			return true;
	return false;
}

static void note_open(const struct ctl_rec_syscall *r,
		      const struct ctl_decoded *d)
{
	const struct ctl_val *path = NULL, *dir = NULL;
	bool cloexec = false;
	struct buf b = { 0 };

	for (unsigned i = 0; i < d->nargs; i++) {
		if (d->arg[i].kind == CTL_VAL_STR && !path)
			path = &d->arg[i];
		else if (!path)
			dir = &d->arg[i];
		cloexec |= has_flag(&d->arg[i], "O_CLOEXEC");
	}
	if (path && !path->flags && !path->len)
		path = NULL;
	if (!path || path->flags & (CTL_VALF_CUT | CTL_VALF_FAULT)) {
		forget(r->h.pid, r->ret);
		return;
	}
	if (path->str[0] != '/')
		directory(&b, r->h.pid, dir);
	buf_put(&b, path->str, path->len);
	if (!b.failed)
		learn(r->h.pid, r->ret, b.p, b.n, cloexec);
	buf_free(&b);
}

static void note_copy(const struct ctl_rec_syscall *r, bool cloexec)
{
	struct known *k = *slot(r->h.pid, r->arg[0]);
	char *text = k && (uint64_t)r->ret != r->arg[0] ? strdup(k->text) : NULL;

	if ((uint64_t)r->ret != r->arg[0])
		forget(r->h.pid, r->ret);
	if (text)
		learn(r->h.pid, r->ret, text, strlen(text), cloexec);
	free(text);
}

static const struct ctl_val *whole_path(const struct ctl_decoded *d)
{
	const struct ctl_val *v = d->arg;

	return d->nargs && v->kind == CTL_VAL_STR &&
			       !(v->flags & (CTL_VALF_CUT | CTL_VALF_FAULT)) ?
		       v :
		       NULL;
}

void fd_before(const struct ctl_rec *rec, const struct ctl_decoded *d)
{
	const struct ctl_rec_syscall *r = (const void *)rec;

	if (rec->type != CTL_REC_SYSCALL || !d->name)
		return;
	if (!strcmp(d->name, "connect") || !strcmp(d->name, "bind"))
		socket_changed(r->h.pid, r->arg[0]);
	if (r->ret < 0 || r->ret > INT32_MAX)
		return;
	if (!strncmp(d->name, "open", 4) || !strcmp(d->name, "creat"))
		note_open(r, d);
	else if (!strncmp(d->name, "dup", 3))
		note_copy(r, !strcmp(d->name, "dup3") && r->arg[2]);
	else if (!strncmp(d->name, "fcntl", 5) &&
		 (r->arg[1] == 0 || r->arg[1] == 1030)) /* F_DUPFD, _CLOEXEC */
		note_copy(r, r->arg[1] != 0);
	else if (!strcmp(d->name, "chdir"))
		note_cwd(r->h.pid, whole_path(d));
	else if (!strcmp(d->name, "fchdir"))
		note_fchdir(r->h.pid, r->arg[0]);
	else if (d->ret.kind == CTL_VAL_FD)
		forget(r->h.pid, r->ret); /* /proc knows what kind it is */
}

void fd_after(const struct ctl_rec *rec, const struct ctl_decoded *d)
{
	const struct ctl_rec_syscall *r = (const void *)rec;
	const struct ctl_rec_fork *f = (const void *)rec;
	const struct ctl_rec_exit *x = (const void *)rec;

	switch (rec->type) {
	case CTL_REC_SYSCALL:
		if (!d->name || r->ret < 0)
			return;
		if (!strcmp(d->name, "close"))
			forget(r->h.pid, r->arg[0]);
		else if (!strcmp(d->name, "close_range") && !r->arg[2])
			for (uint64_t fd = r->arg[0];
			     fd <= (uint32_t)r->arg[1] && fd < 65536; fd++)
				forget(r->h.pid, fd);
		return;
	case CTL_REC_FORK:
		if (f->kind != CTL_FORK_THREAD)
			each_of(rec->pid, false, f->child_pid);
		return;
	case CTL_REC_EXEC:
		each_of(rec->pid, true, 0);
		return;
	case CTL_REC_EXIT:
		if (x->process)
			each_of(rec->pid, false, 0);
		return;
	}
}

static bool is_descriptor(const struct ctl_val *v)
{
	if (v->kind == CTL_VAL_NAME)
		return (int64_t)v->value == AT_FDCWD &&
		       !strcmp(v->str, "AT_FDCWD");
	return v->kind == CTL_VAL_FD && v->value <= INT32_MAX;
}

void text_fd(struct buf *b, pid_t pid, const struct ctl_val *v)
{
	unsigned long inode;
	struct known *k;
	char to[4096];
	ssize_t n;
	int fd;

	if (!is_descriptor(v))
		return;
	fd = (int64_t)v->value;
	k = *slot(pid, fd);
	if (k) {
		buf_char(b, '<');
		buf_escaped(b, k->text, strlen(k->text), true);
		buf_char(b, '>');
		return;
	}
	n = fd_link(pid, fd, to, sizeof(to));
	if (n <= 0)
		return;
	buf_char(b, '<');
	if (sscanf(to, "socket:[%lu]", &inode) == 1)
		socket_cached(b, pid, inode, to, n);
	else
		buf_escaped(b, to, n, true);
	buf_char(b, '>');
}
