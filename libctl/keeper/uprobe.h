/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * uprobe.h - probes by the kernel's uprobes and BPF instead of by breakpoints:
 * uprobe.c, or nothing where it was not built.
 */
#ifndef CTL_KEEPER_UPROBE_H
#define CTL_KEEPER_UPROBE_H

#include "keeper.h"

struct uprobes; /* the sites of one PCPROBE */

#ifdef HAVE_BPF
/*
 * Enable all sites of op, whose predicate is at pred, in p.  owner is handed to
 * probe_hit().  NULL: it cannot be done, which is no error: breakpoints can.
 */
struct uprobes *uprobe_attach(struct proc *p, const struct ctl_probe *op,
			      const struct ctl_pred *pred, void *owner);
/*
 * What it has counted is added to hits and lost.  at_once: its breakpoints are
 * gone then, at the cost of some time.
 */
void uprobe_detach(struct uprobes *u, uint64_t *hits, uint64_t *lost,
		   bool at_once);
/* The same of what it has counted so far. */
void uprobe_counts(const struct uprobes *u, uint64_t *hits, uint64_t *lost);
/*
 * Where a breakpoint is found that one who was detached may have left: wait a
 * while, and look again.  false: there is none of those.
 */
bool uprobe_wait(void);
/* Hand on what was recorded; all: whether or not there is room for it. */
void uprobe_drain(bool all);
/* Who records hits has changed. */
void uprobe_select(void);
void uprobe_thread_died(pid_t tid);
/* Its descriptor is in epoll with this pointer. */
void *uprobe_tag(void);
void uprobe_ready(void);
uint64_t uprobe_timers(uint64_t now);
/* Is there no room for what p's threads would do? */
bool uprobe_throttles(const struct proc *p);
/* We are about to exit, and nothing is detached any more. */
void uprobe_end(void);
#else
static inline struct uprobes *uprobe_attach(struct proc *p,
					    const struct ctl_probe *op,
					    const struct ctl_pred *pred,
					    void *owner)
{
	(void)p, (void)op, (void)pred, (void)owner;
	return NULL;
}
#define uprobe_detach(u, hits, lost, at_once) \
	((void)(u), (void)(hits), (void)(lost), (void)(at_once))
#define uprobe_wait() false
#define uprobe_counts(u, hits, lost) ((void)(u), (void)(hits), (void)(lost))
#define uprobe_drain(all) ((void)(all))
#define uprobe_select() ((void)0)
#define uprobe_thread_died(tid) ((void)(tid))
#define uprobe_tag() ((void *)0)
#define uprobe_ready() ((void)0)
#define uprobe_timers(now) ((void)(now), (uint64_t)0)
#define uprobe_throttles(p) ((void)(p), false)
#define uprobe_end() ((void)0)
#endif

#endif
