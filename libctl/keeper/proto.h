/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * proto.h - how libctl and the keeper talk.
 *
 * One SOCK_SEQPACKET connection is one handle.  The client sends a request
 * (struct keep_req and its payload in one packet) and reads one reply with the
 * same sequence number; only KEEP_CONSUMED has no reply.  A client whose wait
 * was interrupted just sends its next request: that cancels the wait, and the
 * replies to older requests are skipped by number.
 *
 * The socket is DIR/PID.START: START is the process's start time (field 22 of
 * /proc/PID/stat), so that the name cannot mean another process that got the
 * number later (P4).  DIR has mode 0700; see dir_find() in transport_keeper.c.
 * The keeper of a child that is followed is found by who traces the child or,
 * where that may not be seen, by a symbolic link of its own name to its parent's
 * socket.
 *
 * Client and keeper check each other's credentials (SO_PEERCRED): the keeper
 * serves its own user and root, the client talks to its own user's keeper, to
 * root's or, as root, to anyone's.
 */
#ifndef CTL_KEEPER_PROTO_H
#define CTL_KEEPER_PROTO_H

#include <stdint.h>

#define KEEP_VERSION 1
#define KEEP_NAME "ctlkeeper"
#define KEEP_RECORDS "record" /* the last argument of one that will record, */
#define KEEP_FOLLOWS "follow" /* and children, too */
#define KEEP_READY_FD 3 /* the keeper writes one struct keep_ready there   */

#define KEEP_DATA (32U << 10) /* most bytes of payload                        */
#define KEEP_PACKET (KEEP_DATA + 256U)

enum keep_kind {
	KEEP_HELLO = 1, /* struct keep_hello; reply: one fd, an eventfd that is
			   signalled when KEEP_POLL would answer otherwise
			   than before, or the ring reached its wake mark    */
	KEEP_CTL,       /* messages of dtrace_ctl.h, without PCREAD, PCWRITE
			   and PCRING; value: bytes carried out              */
	KEEP_READ,      /* struct keep_mem; reply: the bytes                  */
	KEEP_WRITE,     /* struct keep_mem and the bytes                      */
	KEEP_STATUS,    /* reply: struct ctl_status                           */
	KEEP_THREADS,   /* arg: tids above this one; reply: as many struct
			   ctl_lwpstatus as fit; value: number of threads    */
	KEEP_FPREGS,    /* reply: struct ctl_fpregs                           */
	KEEP_RING,      /* struct ctl_ring_setup; reply: two fds: the reader's
			   page, and the info page with the data             */
	KEEP_CONSUMED,  /* no reply                                           */
	KEEP_POLL,      /* value: CTL_POLL_*                                  */
	KEEP_PROBES,    /* arg: ids above this one; reply: as CTL_IOC_PROBES  */
};

struct keep_req {
	uint32_t kind;
	uint32_t seq;
	int32_t arg;
	uint32_t len; /* payload bytes */
};

struct keep_rep {
	uint32_t seq;
	int32_t err; /* 0 or -errno */
	uint64_t value;
	uint32_t len; /* payload bytes */
	uint32_t reserved;
};

#define KEEP_HELLO_RDONLY 1
#define KEEP_HELLO_EXCL 2
struct keep_hello {
	uint32_t version;
	int32_t pid, tid;
	uint32_t flags;
	uint64_t start;
};

struct keep_mem {
	uint64_t addr;
	uint32_t len;
	uint32_t reserved;
};

struct keep_ready {
	int32_t err; /* 0: listening */
	char text[252];
};

#endif
