/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * source.h - system calls recorded by the kernel's BPF instead of by ptrace
 * stops: source.c, or nothing where it was not built.
 */
#ifndef CTL_KEEPER_SOURCE_H
#define CTL_KEEPER_SOURCE_H

#include "keeper.h"

#ifdef HAVE_BPF
struct src_offsets;

/* btf.c: where the running kernel has these; false: they are not all known. */
bool btf_offsets(struct src_offsets *o);

/* May BPF be used at all?  0 or -errno */
int source_allowed(void);
/* Which source of events there is, and if not BPF why. */
const char *source_describe(void);
/* Somebody will want to record, and to follow children?  Make ready what takes
 * long, beside the rest. */
void source_prepare(bool follow);
/* Nobody wants to any more.  false: it is still being made. */
bool source_end(void);
/*
 * Record c's system calls by BPF from now on: c->source is set.  -errno: it
 * cannot be done, which is no error: ptrace does it.
 */
int source_open(struct client *c);
void source_close(struct client *c);
/*
 * The same, but c need not wait: ptrace records until BPF does.  false: not here,
 * or there is nothing to wait for any more.
 */
bool source_await(struct client *c);
bool source_awaited(void);
/* In an epoll event's data: source_arrived(). */
const void *source_tag(void);
void source_arrived(void);
/* Does c's source record l's calls?  Not yet, of the one it is in at a handover. */
bool source_records(const struct client *c, const struct lwp *l);
/* By ptrace's word, at the stop for that. */
void source_call_ended(struct lwp *l);
/* What BPF has told of it may be read when its number is not known any more. */
void source_stranger(struct lwp *l);
/* Is CLOCK_MONOTONIC ours as it is BPF's? */
bool source_same_time(void);
/* c->record has changed. */
void source_select(struct client *c);
/* Its captures have changed: program k of CTL_CAPTURES. */
int source_program(struct client *c, unsigned k);
void source_add(struct client *c, struct proc *p);
void source_remove(struct client *c, struct proc *p);
/*
 * Hand on what has been recorded; all: even what does not fit the client's
 * ring now, because something that came later is about to be recorded.
 */
void source_drain(struct client *c, bool all);
void source_ready(struct client *c);
uint64_t source_timers(uint64_t now);
/* Is there no room for what p's threads would do? */
bool source_throttles(struct proc *p);
/* A call that our stop has broken will be made again: not two records. */
void source_hold(struct lwp *l);
/* The thread does something else now, or is gone: what was held is final. */
void source_unhold(struct lwp *l);
void source_forget(struct lwp *l);
/* The same of what is held for c, where all before it was handed on. */
void source_final(struct client *c, struct lwp *l);
/*
 * Tell of children, too, and what becomes of them: afar.c.  false: it cannot be
 * done here.
 */
bool source_family(struct client *c);
void source_family_end(struct client *c);
/* A child that BPF has taken for one to be traced, and is not. */
void source_disown(struct client *c, pid_t pid);
/* The thread died: of the call it was in a record was made. */
void source_death(struct client *c, struct lwp *l);
#else
static inline const char *source_describe(void)
{
	return "ptrace: built without BPF";
}
#define source_prepare(follow) ((void)(follow))
#define source_end() true
static inline int source_open(struct client *c)
{
	(void)c;
	return -1;
}
#define source_close(c) ((void)(c))
#define source_await(c) ((void)(c), false)
#define source_awaited() false
#define source_tag() NULL
#define source_arrived() ((void)0)
#define source_records(c, l) ((void)(c), (void)(l), false)
#define source_call_ended(l) ((void)(l))
#define source_stranger(l) ((void)(l))
#define source_same_time() false
#define source_select(c) ((void)(c))
#define source_program(c, k) ((void)(c), (void)(k), 0)
#define source_add(c, p) ((void)(c), (void)(p))
#define source_remove(c, p) ((void)(c), (void)(p))
#define source_drain(c, all) ((void)(c), (void)(all))
#define source_ready(c) ((void)(c))
#define source_timers(now) ((void)(now), (uint64_t)0)
#define source_throttles(p) ((void)(p), false)
#define source_hold(l) ((void)(l))
#define source_unhold(l) ((void)(l))
#define source_forget(l) ((void)(l))
#define source_death(c, l) ((void)(c), (void)(l))
#define source_final(c, l) ((void)(c), (void)(l))
#define source_family(c) ((void)(c), false)
#define source_family_end(c) ((void)(c))
#define source_disown(c, pid) ((void)(c), (void)(pid))
#endif

#endif
