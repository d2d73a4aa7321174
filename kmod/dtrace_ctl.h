/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * dtrace_ctl.h - SVR4 process control for Linux: the protocol.
 *
 * This header is the whole contract between a controller and a control
 * server.  There are two servers: the kernel module dtrace_ctl, reached
 * through /proc/PID/ctl, /proc/PID/task/TID/lwpctl or /dev/dtrace_ctl, and
 * the keeper, an ordinary process reached through a unix socket
 * (libctl/keeper/proto.h says how the messages below travel there).  Both
 * understand the same messages, return the same status and fill the same
 * ring.
 *
 * Terms
 *   handle    one open of a ctl file.  It is bound to one process (or one
 *             thread) and not to a number: when that process is gone every
 *             operation fails with ENOENT, whoever has the number then.
 *   control   what the server keeps for one process, shared by its handles:
 *             which threads are stopped and why, the stop sets (PCSTRACE,
 *             PCSFAULT, PCSENTRY, PCSEXIT) and the modes (PCSET).  Control
 *             outlives the handles unless PR_RLC is set.
 *   record    what the server keeps for one handle: its ring, the events that
 *             go into the ring (PCRECORD) and the capture programs
 *             (PCCAPTURE).  It goes with the handle.
 *   event of interest
 *             an event that a stop set selects, or a directed stop.
 *
 * Messages and numbers follow SVR4 procfs(4) and illumos proc(5); what has no
 * counterpart there is numbered above 1000.  Every integer is in the byte
 * order and size of a 64-bit x86 process; a 32-bit process can be controlled
 * but cannot be a controller (EOPNOTSUPP).
 */
#ifndef DTRACE_CTL_H
#define DTRACE_CTL_H

#include <linux/types.h>

#define CTL_ABI_VERSION 1

/* ------------------------------------------------------------- messages --
 *
 * write(fd, buf, len): any number of messages, one behind the other: a 64-bit
 * code, then the operand, padded to a multiple of 8 bytes.  They are carried
 * out in order; the first error ends the batch.
 *
 * Returns len when all were carried out.  When message k > 0 failed the return
 * value is the number of bytes of the messages before it (a short write; write
 * the rest to learn the error); when the first failed, the error.
 *
 *   EINVAL      unknown code, unknown flag, truncated operand
 *   EOPNOTSUPP  a message of SVR4 that is not provided: PCNICE, PCWATCH,
 *               PCAGENT, PCSCRED and above
 *   ENOENT      the process (or thread) is gone
 *   EAGAIN      the handle was invalidated by exec of a set-id or unreadable
 *               file: close it, open again
 *   EBUSY       the target is not stopped where the message needs it to be;
 *               or the message would make a thread wait for itself
 *   EINTR       a wait was interrupted; the directive that began it stays
 *   EPERM       not allowed
 *   ENOSYS      the running kernel lacks what this message needs
 *   EFAULT      bad address in a PCREAD or PCWRITE, here or in the target
 *
 * "Waits" below means: blocks, killable and interruptible.
 */
#define PCNULL 0L    /* no operand; nothing                                 */
#define PCSTOP 1L    /* none; direct to stop, then as PCWSTOP               */
#define PCDSTOP 2L   /* none; direct to stop, do not wait                   */
#define PCWSTOP 3L   /* none; wait for a stop on an event of interest       */
#define PCTWSTOP 4L  /* s64 ms; the same, a timeout is success; 0: for ever */
#define PCRUN 5L     /* u64 flags PR[CSIG..]; EBUSY unless stopped          */
#define PCCSIG 6L    /* none; clear the current signal                      */
#define PCCFAULT 7L  /* none; clear the current fault                       */
#define PCSSIG 8L    /* siginfo, 128 bytes; set the current signal; signo 0
			clears it.  EBUSY unless stopped                     */
#define PCKILL 9L    /* s64 signal; send it (to the thread on an lwp handle) */
#define PCUNKILL 10L /* s64 signal; remove it if pending.  EINVAL: SIGKILL  */
#define PCSHOLD 11L  /* u64 signal set; the thread's mask.  EBUSY unless
			stopped                                              */
#define PCSTRACE 12L /* u64 signal set; stop when one is received           */
#define PCSFAULT 13L /* u64 fault set; stop on these faults                 */
#define PCSENTRY 14L /* struct ctl_sysset; stop at entry                    */
#define PCSEXIT 15L  /* struct ctl_sysset; stop at exit                     */
#define PCSET 16L    /* u64 modes PR_FORK..; set these                      */
#define PCUNSET 17L  /* u64 modes; clear these                              */
#define PCSREG 18L   /* struct ctl_regs.  EBUSY unless stopped              */
#define PCSFPREG 19L /* struct ctl_fpregs.  EBUSY unless stopped            */
#define PCNICE 20L   /* not provided                                        */
#define PCSVADDR 22L /* u64; resume at this address.  EBUSY unless stopped  */
#define PCWATCH 23L  /* not provided                                        */
#define PCAGENT 24L  /* not provided                                        */
#define PCREAD 25L   /* struct ctl_iovec; target to controller              */
#define PCWRITE 26L  /* struct ctl_iovec; controller to target              */
#define PCSCRED 27L  /* not provided, nor is anything from here to 1000     */

#define PCRING 1001L    /* struct ctl_ring_setup; give this handle a ring.
			   EBUSY: it has one                                 */
#define PCRECORD 1002L  /* struct ctl_record; choose what goes into the ring.
			   EINVAL: no ring                                   */
#define PCCAPTURE 1003L /* struct ctl_capture and its operations            */
#define PCPROBE 1010L   /* struct ctl_probe and what follows it; enable sites
			   of a probe.  EEXIST: the id is taken; EBUSY: another
			   tracer has a breakpoint at a site; EOPNOTSUPP: a site
			   is no nop                                         */
#define PCUNPROBE 1011L /* u64 id; disable; 0: every probe that no handle owns.
			   ENOENT is for the process; an id that is not in use
			   is EINVAL                                         */

/* PCRUN */
#define PRCSIG 0x01UL   /* clear the current signal                          */
#define PRCFAULT 0x02UL /* clear the current fault                           */
#define PRSTEP 0x04UL   /* one instruction, then stop: PR_FAULTED, FLTTRACE,
			   whether that fault is in the set or not; no
			   SIGTRAP comes of it                               */
#define PRSABORT 0x08UL /* at PR_SYSENTRY: do not make the call; it fails with
			   EINTR                                             */
#define PRSTOP 0x10UL   /* run, and stop again before user code             */
#define PR_RUN_FLAGS 0x1fUL

/* PCSET, PCUNSET; they show in ctl_status.modes */
#define PR_FORK 0x100000UL    /* children inherit control, and the records  */
#define PR_RLC 0x200000UL     /* run on last close, all sets cleared        */
#define PR_KLC 0x400000UL     /* kill (SIGKILL) on last close               */
#define PR_ASYNC 0x800000UL   /* one thread's stop does not stop the others */
#define PR_BPTADJ 0x2000000UL /* after a breakpoint trap the pc is the
				 breakpoint's address, not the one after it  */
#define PR_MODES (PR_FORK | PR_RLC | PR_KLC | PR_ASYNC | PR_BPTADJ)

/*
 * A set of system calls: bit n of native[] is call n of x86-64, bit n of
 * compat[] call n of i386.  Bit 511 of each stands for every number from 511
 * up, the x32 calls among them.
 */
#define CTL_SYSSET_BITS 512
struct ctl_sysset {
	__u64 native[8];
	__u64 compat[8];
};

/* Signal sets are the kernel's: bit (n - 1) is signal n. */
#define CTL_SIGBIT(n) (1ULL << ((n)-1))

/* Faults; a fault set has bit (n - 1) for fault n. */
#define FLTILL 1     /* illegal instruction                                 */
#define FLTPRIV 2    /* privileged instruction                              */
#define FLTBPT 3     /* breakpoint                                          */
#define FLTTRACE 4   /* trace trap (single step)                            */
#define FLTACCESS 5  /* memory access: protection, alignment                */
#define FLTBOUNDS 6  /* memory bounds: nothing mapped there                 */
#define FLTIOVF 7    /* integer overflow                                    */
#define FLTIZDIV 8   /* integer division by zero                            */
#define FLTFPE 9     /* floating point exception                            */
#define FLTSTACK 10  /* irrecoverable stack fault                           */
#define FLTPAGE 11   /* recoverable page fault; never reported here         */
#define FLTWATCH 12  /* watchpoint                                          */
#define FLTCPCOVF 13 /* CPU counter overflow; never reported here           */
#define CTL_FAULT_MAX 13
#define CTL_FLTBIT(n) (1ULL << ((n)-1))

/*
 * The fault that a signal stands for: signo and si_code of a signal that the
 * kernel raised for an instruction (si_code > 0, not SI_KERNEL but for
 * SIGSEGV and SIGTRAP).  0: none.  One place, for both servers.
 */
static inline int ctl_fault_of(int signo, int code)
{
	if (code <= 0)
		return 0;
	switch (signo) {
	case 4: /* SIGILL: ILL_PRVOPC, ILL_PRVREG */
		return code == 5 || code == 6 ? FLTPRIV : FLTILL;
	case 5: /* SIGTRAP: TRAP_TRACE, TRAP_HWBKPT; TRAP_BRKPT, SI_KERNEL */
		return code == 2 ? FLTTRACE : code == 4 ? FLTWATCH : FLTBPT;
	case 7: /* SIGBUS */
		return FLTACCESS;
	case 8: /* SIGFPE: FPE_INTDIV, FPE_INTOVF */
		return code == 1 ? FLTIZDIV : code == 2 ? FLTIOVF : FLTFPE;
	case 11: /* SIGSEGV: SEGV_MAPERR; SEGV_ACCERR .., SI_KERNEL */
		return code == 1 ? FLTBOUNDS : FLTACCESS;
	}
	return 0;
}

/* Registers: as struct user_regs_struct of <sys/user.h>, for every target. */
struct ctl_regs {
	__u64 r15, r14, r13, r12, rbp, rbx, r11, r10, r9, r8;
	__u64 rax, rcx, rdx, rsi, rdi, orig_rax, rip, cs, eflags, rsp, ss;
	__u64 fs_base, gs_base, ds, es, fs, gs;
};

/* As struct user_fpregs_struct: the FXSAVE image. */
struct ctl_fpregs {
	__u8 fxsave[512];
};

/*
 * PCREAD, PCWRITE: len bytes at offset in the target, base in the controller.
 * All of it or EFAULT.  (The keeper's socket carries the bytes themselves.)
 */
struct ctl_iovec {
	__u64 base;
	__u64 len;
	__u64 offset;
};

/* --------------------------------------------------------------- status --
 *
 * ioctl(fd, CTL_IOC_STATUS, &st): st.size is set by the caller to the size it
 * was compiled with; the server fills min(size, its own) bytes, zeroes the
 * rest and sets st.size to its own.  EINVAL: size under CTL_STATUS_SIZE_V1.
 */

/* flags, of a process (from its representative thread) and of a thread */
#define PR_STOPPED 0x1    /* stopped                                        */
#define PR_ISTOP 0x2      /* stopped on an event of interest                */
#define PR_DSTOP 0x4      /* directed to stop, not there yet                */
#define PR_STEP 0x8       /* single step directed                           */
#define PR_ASLEEP 0x10    /* sleeping in a system call                      */
#define PR_ISSYS 0x1000   /* a kernel thread                                */
#define PR_VFORKP 0x2000  /* a vforked child, sharing its parent's memory   */
#define PR_PTRACE 0x4000000 /* traced with ptrace(2) by somebody else       */
#define PR_INVALID 0x8000000 /* this handle was invalidated                 */
#define PR_ATTACHED 0x10000000 /* under a server's control at all           */

/* why a thread is stopped; "what" depends on it */
#define PR_REQUESTED 1  /* PCSTOP, PCDSTOP, a sibling's stop; what: 0       */
#define PR_SIGNALLED 2  /* what: signal                                     */
#define PR_SYSENTRY 3   /* what: system call                                */
#define PR_SYSEXIT 4    /* what: system call                                */
#define PR_JOBCONTROL 5 /* what: the stopping signal; not of interest       */
#define PR_FAULTED 6    /* what: fault                                      */
#define PR_PROBE 64     /* what: probe id                                   */

#define CTL_ABI_NATIVE 0 /* x86-64                                          */
#define CTL_ABI_COMPAT 1 /* i386                                            */
#define CTL_ABI_X32 2
#define CTL_NO_SYSCALL 0xffffffffU

struct ctl_lwpstatus {
	__s32 tid;
	__u32 flags; /* PR_STOPPED .. */
	__u32 why;
	__u32 what;
	__s32 cursig;  /* current signal, 0: none                            */
	__s32 curflt;  /* current fault, 0: none                             */
	__u64 sighold; /* blocked signals                                    */
	__u64 sigpend; /* pending for this thread                            */
	__u32 sysabi;  /* CTL_ABI_*, of the system call below                */
	__u32 syscall; /* the call it is in, or CTL_NO_SYSCALL               */
	__u64 sysarg[6];
	__s64 sysret;     /* at PR_SYSEXIT: the result, -errno for an error  */
	__u64 stop_time;  /* CLOCK_MONOTONIC ns of the stop; 0 not stopped   */
	__u8 info[128];   /* siginfo of cursig                               */
	struct ctl_regs reg; /* valid only with PR_STOPPED                   */
	char comm[16];
};

#define CTL_SOURCE_NONE 0 /* no ring                                        */
#define CTL_SOURCE_PTRACE 1
#define CTL_SOURCE_BPF 2
#define CTL_SOURCE_MODULE 3

struct ctl_status {
	__u32 size;
	__u32 version; /* CTL_ABI_VERSION                                    */
	__s32 pid;
	__s32 ppid;
	__u32 flags; /* as the representative thread's, and PR_INVALID ..    */
	__u32 nlwp;  /* threads                                              */
	__u32 nstopped; /* of these stopped by the server                    */
	__u32 nhandles; /* handles open, this one included                   */
	__u32 nrings;   /* of these with a ring                              */
	__s32 holder;   /* the keeper's pid; 0: the kernel module            */
	__s32 tracer;   /* pid of the ptrace(2) tracer, when not the holder  */
	__u32 source;   /* CTL_SOURCE_*: what records system calls           */
	__u64 modes; /* PR_FORK ..                                           */
	__u64 start_time; /* field 22 of /proc/PID/stat, clock ticks         */
	__u64 sigpend;    /* pending for the process                         */
	__u64 sigtrace;   /* PCSTRACE                                        */
	__u64 flttrace;   /* PCSFAULT                                        */
	struct ctl_sysset sysentry; /* PCSENTRY                              */
	struct ctl_sysset sysexit;  /* PCSEXIT                               */
	struct ctl_lwpstatus lwp;   /* the representative thread: the one that
				       stopped first on an event of interest,
				       else the main thread                  */
};

/*
 * ioctl(fd, CTL_IOC_LWPSTATUS, &v): every thread's status, in order of tid.
 * In: size = sizeof(struct ctl_lwpstatus) as compiled, count = room at addr.
 * Out: count = number of threads; when that is more than there was room for,
 * only the first ones were stored.
 */
struct ctl_lwpvec {
	__u32 size;
	__u32 count;
	__u64 addr;
};

/*
 * ioctl(fd, CTL_IOC_BIND, &b) on /dev/dtrace_ctl: bind the handle, once, to
 * the process that the pidfd refers to (or, pidfd -1, to pid), and with
 * tid != 0 to that one of its threads.  EBUSY: bound already.  EACCES, EPERM:
 * ptrace(2) attach would not be allowed.  ENOENT: no such process or thread.
 * ENODATA: opened only for reading, and nothing controls the process.
 * CTL_BIND_EXCL: as O_EXCL at open of /proc/PID/ctl: EBUSY if another handle
 * open for writing exists.
 */
#define CTL_BIND_EXCL 1
struct ctl_bind {
	__s32 pidfd;
	__s32 pid;
	__s32 tid;
	__u32 flags;
};

#define CTL_IOC_MAGIC 0xd7
#define CTL_IOC_STATUS _IOWR(CTL_IOC_MAGIC, 1, struct ctl_status)
#define CTL_IOC_LWPSTATUS _IOWR(CTL_IOC_MAGIC, 2, struct ctl_lwpvec)
#define CTL_IOC_BIND _IOW(CTL_IOC_MAGIC, 3, struct ctl_bind)
#define CTL_IOC_CONSUMED _IO(CTL_IOC_MAGIC, 4) /* ring: see "room" below   */
#define CTL_IOC_VERSION _IOR(CTL_IOC_MAGIC, 5, __u32)
#define CTL_IOC_FPREGS _IOR(CTL_IOC_MAGIC, 6, struct ctl_fpregs)
#define CTL_IOC_PROBES _IOWR(CTL_IOC_MAGIC, 7, struct ctl_probevec)

/*
 * poll(2) on a handle:
 *   POLLPRI  stopped on an event of interest
 *   POLLIN   the ring holds as much as the reader asked to be woken for
 *   POLLHUP  the process is gone
 *   POLLERR  the handle was invalidated
 */

/* ----------------------------------------------------------------- ring --
 *
 * PCRING gives the handle one ring.  mmap(2) of the handle, MAP_SHARED:
 *
 *   page 0      struct ctl_ring_user, read-write: what the reader tells
 *   page 1      struct ctl_ring_info, read-only: what the server tells
 *   page 2 ..   the data, info.size bytes, read-only
 *
 * head and tail count bytes since the start and never wrap; a position's place
 * is (position & (size - 1)).  A record never crosses the end of the data: a
 * CTL_REC_PAD fills up.  The reader takes records from tail while
 * tail < head (load-acquire), stops at one whose len has CTL_REC_BUSY (load-
 * acquire: a producer is still writing it), and gives room back by a
 * store-release of tail.  The server trusts nothing in page 0: a tail that is
 * not between the last good one and head leaves the ring as it was.
 *
 * Waking.  The reader, before it sleeps in poll(2), sets wake to the number of
 * unread bytes it wants to be woken for (1: any record), then looks at head
 * once more.  wake 0: do not wake.  The server clears nothing there.
 *
 * Room.  Without CTL_RING_DROP a thread whose record does not fit waits (it is
 * killable, and a stop, a close or the reader's death ends the wait).  While
 * info.blocked is not 0 the reader, after it stored tail, calls
 * ioctl(CTL_IOC_CONSUMED).  Full barriers lie between "store blocked, load
 * tail" in the server and "store tail, load blocked" in the reader.
 * With CTL_RING_DROP a record that does not fit is dropped and counted in
 * info.lost; the next one that fits is preceded by a CTL_REC_LOST.
 */
#define CTL_RING_MIN (128U << 10) /* twice the longest record: see PAD */
#define CTL_RING_MAX (256U << 20)
#define CTL_RING_DROP 1

struct ctl_ring_setup {
	__u64 size; /* data bytes, a power of two, CTL_RING_MIN .. _MAX       */
	__u32 flags;
	__u32 reserved; /* 0                                                 */
};

struct ctl_ring_user {
	__u64 tail;
	__u64 wake;
};

struct ctl_ring_info {
	__u32 version; /* CTL_ABI_VERSION                                    */
	__u32 flags;   /* as set up                                          */
	__u64 size;
	__u64 head;
	__u64 lost;    /* dropped records, in all                            */
	__u64 epoch;   /* add to a record's time for ns since 1970           */
	__u32 blocked; /* threads that wait for room                         */
	__u32 reserved;
};

/* struct ctl_record: what this handle records. */
struct ctl_record {
	__u32 events; /* bits (1 << CTL_REC_*)                               */
	__u32 reserved; /* 0                                                 */
	__u64 signals; /* CTL_REC_SIGNAL: these                              */
	__u64 faults;  /* CTL_REC_FAULT: these                               */
	struct ctl_sysset calls; /* CTL_REC_SYSCALL, CTL_REC_SYSENTRY: these */
};

/* record types */
#define CTL_REC_PAD 0
#define CTL_REC_SYSCALL 1  /* a system call, made when it is over            */
#define CTL_REC_SYSENTRY 2 /* its entry; only when asked for                 */
#define CTL_REC_SIGNAL 3   /* a signal received                              */
#define CTL_REC_FAULT 4
#define CTL_REC_FORK 5 /* a new process or thread, recorded by its parent    */
#define CTL_REC_EXEC 6
#define CTL_REC_EXIT 7 /* a thread left                                      */
#define CTL_REC_PROBE 8
#define CTL_REC_LOST 9
#define CTL_REC_MAX 9
#define CTL_REC_COUNT 10 /* a probe of this handle is gone; the keeper only:
			    the module refuses the bit with EINVAL           */

#define CTL_REC_BUSY 0x80000000U  /* in len: not written yet                  */
#define CTL_REC_LENMASK 0x0fffffffU

/* Every record: 8-byte aligned, len a multiple of 8, this header included. */
struct ctl_rec {
	__u32 len;
	__u16 type;
	__u16 flags;
	__s32 pid; /* as the opener of the handle sees it                    */
	__s32 tid;
	__u64 time; /* CLOCK_MONOTONIC ns; of a system call, of its entry    */
};

#define CTL_RECF_NORETURN 1   /* SYSCALL: a call that does not return (exit)  */
#define CTL_RECF_UNFINISHED 2 /* SYSCALL: the thread died in it; no result    */
#define CTL_RECF_NOENTRY 4    /* SYSCALL: the entry was not seen: time is that
				 of the attach, entry captures are missing    */
#define CTL_RECF_ABORTED 8    /* SYSCALL: PRSABORT                            */
#define CTL_RECF_RETURN 16    /* PROBE: the return from a CTL_SITE_FUNC       */

/* SYSCALL and SYSENTRY; then ncap captures, each a ctl_cap and its bytes */
struct ctl_rec_syscall {
	struct ctl_rec h;
	__u32 nr;
	__u16 abi; /* CTL_ABI_*                                              */
	__u16 ncap;
	__u64 arg[6];
	__s64 ret;     /* -errno, or -512 .. -516: it will be restarted       */
	__u64 elapsed; /* ns                                                 */
};

struct ctl_rec_signal { /* SIGNAL, FAULT */
	struct ctl_rec h;
	__s32 signo;
	__s32 fault; /* 0, or the fault that raised it                       */
	__u64 pc;
	__u8 info[128]; /* siginfo                                           */
};

#define CTL_FORK_THREAD 0
#define CTL_FORK_FORK 1
#define CTL_FORK_VFORK 2
struct ctl_rec_fork {
	struct ctl_rec h;
	__s32 child_pid;
	__s32 child_tid;
	__u32 kind; /* CTL_FORK_*                                            */
	__u32 reserved;
};

struct ctl_rec_exec { /* then the path of the new image, NUL-terminated, padded */
	struct ctl_rec h;
	__s32 old_tid; /* the tid of the thread that called, before          */
	__u32 pathlen; /* with its NUL; 0: not known                         */
};

struct ctl_rec_exit {
	struct ctl_rec h;
	__s32 status;  /* as from wait(2)                                    */
	__u32 process; /* 1: the last thread; the process is gone            */
};

struct ctl_rec_lost {
	struct ctl_rec h;
	__u64 count; /* records dropped just before this one                 */
};

/*
 * COUNT: whether by PCUNPROBE, by exec or by exit.  Who asks for this instead of
 * PROBE gets exact numbers of hits that cost no record each.
 */
struct ctl_rec_count {
	struct ctl_rec h;
	__u32 id; /* of the probe                                            */
	__u32 reserved;
	__u64 hits;
};

/* -------------------------------------------------------------- capture --
 *
 * What to copy out of the target is not compiled into the server: for each
 * system call the controller uploads a list of operations, a capture program,
 * which the server carries out at entry or at exit.  Each operation that
 * yields something adds one ctl_cap to the record.  A page that is not there
 * at entry is tried again at exit (CTL_CAPF_LATE).  Uploading a program for a
 * call replaces the one before; nop == 0 removes it.  Programs are per handle.
 */
#define CTL_CAP_STR 1 /* the string at arg, its NUL included, at most limit   */
#define CTL_CAP_MEM 2 /* limit bytes at arg                                   */
#define CTL_CAP_BUF 3 /* at arg, as many bytes as argument len says, times unit,
			 at most limit                                        */
#define CTL_CAP_RET 4 /* at arg, as many bytes as the result says, times unit,
			 at most limit; exit only                             */
#define CTL_CAP_BUFP 5 /* at arg, as many bytes as the u32 at argument len
			 says, at most limit                                  */
#define CTL_CAP_IOV 6 /* iovecs at arg, argument len of them (at most limit /
			 sizeof(iovec) .. 64), stored as is                    */
#define CTL_CAP_IOVDATA 7 /* what these iovecs point to, up to the result when
			 at exit, at most limit in all                        */
#define CTL_CAP_VEC 8 /* a NULL-ended vector of pointers to strings: each one
			 with its NUL, one behind the other; limit bytes in
			 all, at most unit strings (0: 256)                   */
#define CTL_CAP_MSG 9 /* struct msghdr at arg and what it points to: see
			 struct ctl_cap_msg; data at most limit, up to the
			 result when at exit                                  */
#define CTL_CAP_STACK 10 /* for unwinding, behind the target's back: struct
			 ctl_regs, then limit bytes from the stack pointer on;
			 arg, len and unit are 0                              */

struct ctl_capop {
	__u8 op;
	__u8 arg;   /* 0 - 5                                                  */
	__u8 when;  /* CTL_AT_ENTRY or CTL_AT_EXIT                            */
	__u8 len;   /* the argument with the length, 0 - 5                    */
	__u16 unit; /* size of an element, 0 means 1                          */
	__u16 flags; /* CTL_CAPOP_*                                           */
	__u32 limit; /* bytes, at most CTL_CAP_LIMIT                          */
	__u32 reserved;
};
#define CTL_AT_ENTRY 0
#define CTL_AT_EXIT 1
#define CTL_CAPOP_ONERR 1 /* at exit: also when the call failed              */
#define CTL_CAPOP_WHOLE 2 /* MSG at exit: the result is no number of bytes   */
#define CTL_CAP_OPS 8     /* operations of one program, at most              */
#define CTL_CAP_LIMIT 32768U
#define CTL_REC_BYTES 49152U /* no record is longer: later captures are cut   */

struct ctl_capture {
	__u32 nr;
	__u16 abi; /* CTL_ABI_NATIVE or CTL_ABI_COMPAT                       */
	__u16 nop;
	/* struct ctl_capop op[nop] */
};

struct ctl_cap { /* in a record; padded to 8 bytes */
	__u8 op;
	__u8 arg;
	__u8 when;
	__u8 flags; /* CTL_CAPF_*                                            */
	__u32 len;  /* bytes that follow, without the padding                */
};
#define CTL_CAPF_CUT 1   /* there was more than the limit                     */
#define CTL_CAPF_FAULT 2 /* not readable, wholly or from byte len on          */
#define CTL_CAPF_LATE 4  /* an entry capture that was read at exit            */

/* CTL_CAP_MSG stores this, then the name, the iovecs, the control data, the
 * data, each padded to 8 bytes. */
struct ctl_cap_msg {
	__u64 name, iov, control; /* the addresses                            */
	__u32 namelen, niov, controllen, flags; /* as in the msghdr           */
	__u32 got_name, got_iov, got_control, got_data; /* bytes stored       */
};

/* --------------------------------------------------------------- probes --
 *
 * A probe is a set of sites, each a nop in the program's text, that report
 * when they are passed.  Its number is chosen by the controller.  It belongs
 * to the process: it stays when the handle closes, until PCUNPROBE, exec, exit
 * or PR_RLC's last close, and its hits go to every handle that records
 * CTL_REC_PROBE; or, with CTL_PROBE_HANDLE, to the handle: it goes with it,
 * and its hits go to it alone.  Either way the sites and the semaphore are as
 * they were when it is gone.
 *
 * PCPROBE's operand is struct ctl_probe, nsites times struct ctl_probe_site and
 * its nargs struct ctl_fetch, then label_len bytes, padded to 8; ctl_probe.size
 * is all of it.  It is enabled wholly or not at all.
 *
 * A site of kind CTL_SITE_ENABLED is where the program asks whether the probe
 * is enabled: 1 is stored, as an int, where its first argument points; that is
 * no hit.
 *
 * A site of kind CTL_SITE_FUNC is the first instruction of a function, whatever
 * it is; EOPNOTSUPP: the server cannot probe this one.  With CTL_PROBE_RETURN
 * each hit that the predicate let through is followed, when that call returns,
 * by a record with CTL_RECF_RETURN, whose only argument is the result register.
 * A call that is left by longjmp(3) or an exception has no such record; nor, with
 * the module, one from code that no file is behind, as a compiler of a running
 * program makes it.
 */
#define CTL_PROBE_HANDLE 1 /* owned by this handle                          */
#define CTL_PROBE_STOP 2   /* the thread stops there: PR_PROBE, the id;
			      before the instruction, behind it if a nop    */
#define CTL_PROBE_ONCE 4   /* the first hit disables it                     */
#define CTL_PROBE_MORE 8   /* more sites of a probe that is enabled already;
			      same handle.  EINVAL: it is not               */
#define CTL_PROBE_RETURN 16 /* CTL_SITE_FUNC: report returns, too             */
#define CTL_PROBE_FLAGS 31
#define CTL_PROBE_SIZE 30720U /* bytes of one PCPROBE, at most               */
#define CTL_PROBE_SITES 512
#define CTL_PROBE_ARGS 16

struct ctl_probe {
	__u32 size; /* of the operand, a multiple of 8                       */
	__u32 id;   /* not 0                                                 */
	__u32 flags;
	__u32 nsites;
	__u64 semaphore; /* address of a u16 to be incremented; 0: none      */
	__u32 strlimit;  /* most bytes of a string argument                  */
	__u32 npred;     /* struct ctl_pred, between the sites and the label */
	__u32 label_len; /* the controller's, kept for CTL_IOC_PROBES        */
	__u32 stack; /* add a CTL_CAP_STACK of so many bytes to each hit, at
			most CTL_CAP_LIMIT; 0: none                          */
};

#define CTL_SITE_HIT 0
#define CTL_SITE_ENABLED 1
#define CTL_SITE_FUNC 2
struct ctl_probe_site {
	__u64 address; /* in the target                                      */
	__u16 kind;
	__u16 nargs;
	__u32 reserved;
	/* struct ctl_fetch arg[nargs] */
};

/* How to get an argument. */
#define CTL_FETCH_NONE 0  /* cannot be had                                   */
#define CTL_FETCH_CONST 1 /* value                                           */
#define CTL_FETCH_REG 2   /* general register base >> shift                  */
#define CTL_FETCH_XMM 3   /* the low bytes of vector register base, 0 - 15   */
#define CTL_FETCH_MEM 4   /* memory at seg + base + index * scale + value    */
#define CTL_FETCH_SIGNED 1
#define CTL_FETCH_STRING 2 /* it points to a string: copy that too           */
#define CTL_FETCH_32BIT 4  /* addresses wrap at 32 bits                      */
#define CTL_FETCH_NOREG 255
/* Registers: the DWARF numbers of x86-64, 0 - 15; and the segments' bases. */
#define CTL_FETCH_FS 16
#define CTL_FETCH_GS 17
struct ctl_fetch {
	__u8 op;
	__u8 size; /* 1, 2, 4, 8; extended to 64 bits                        */
	__u8 flags;
	__u8 base, index, seg; /* or CTL_FETCH_NOREG                         */
	__u8 scale, shift;
	__s64 value;
};

/*
 * The predicate: a hit counts only when it is true (or cannot be told, for
 * want of an argument: then it is false).  In reverse Polish order; operands
 * are on a stack of CTL_PRED_DEPTH.
 */
#define CTL_PRED_CONST 1 /* push value                                      */
#define CTL_PRED_ARG 2   /* push argument value                             */
#define CTL_PRED_TID 3
#define CTL_PRED_PID 4
#define CTL_PRED_EQ 5
#define CTL_PRED_NE 6
#define CTL_PRED_LT 7 /* signed, as are all                                 */
#define CTL_PRED_LE 8
#define CTL_PRED_GT 9
#define CTL_PRED_GE 10
#define CTL_PRED_AND 11 /* logical                                          */
#define CTL_PRED_OR 12
#define CTL_PRED_NOT 13
#define CTL_PRED_BITAND 14
#define CTL_PRED_OPS 32
#define CTL_PRED_DEPTH 8
struct ctl_pred {
	__u32 op;
	__u32 reserved;
	__s64 value;
};

/* PROBE: then nargs u64, then ncap captures (CTL_CAP_STR: ctl_cap.arg is the
 * argument; CTL_CAP_STACK). */
struct ctl_rec_probe {
	struct ctl_rec h;
	__u32 id;
	__u16 nargs;
	__u16 ncap;
	__u64 pc;    /* address of the site                                  */
	__u64 valid; /* bit n: argument n was to be had                      */
};

/*
 * CTL_IOC_PROBES: as many struct ctl_probe_info, each followed by its label and
 * padded to 8, as fit size bytes at addr, of ids above after, in order.  Out:
 * size is what was stored; 0 is the end.
 */
struct ctl_probevec {
	__u64 addr;
	__u32 size;
	__u32 after;
};
struct ctl_probe_info {
	__u32 len; /* with the label and the padding                         */
	__u32 id;
	__u32 flags;
	__u32 nsites;
	__u64 hits;
	__u64 lost; /* of these, in no ring that wanted them                 */
	__u32 label_len;
	__u32 reserved;
};

/* ------------------------------------------------- the older SVR4 ioctls --
 *
 * ioctl(2) on the module's handles; each a thin translation of a message.
 * Beware: their flag bits are not those of the messages.
 */
#define PIOC_(n) (('q' << 8) | (n))
#define PIOCSTATUS PIOC_(1) /* struct ctl_status, size set by the caller     */
#define PIOCSTOP PIOC_(2)   /* struct ctl_status or NULL                      */
#define PIOCWSTOP PIOC_(3)  /* the same                                       */
#define PIOCRUN PIOC_(4)    /* struct ctl_prrun or NULL                       */
#define PIOCGTRACE PIOC_(5) /* u64                                            */
#define PIOCSTRACE PIOC_(6)
#define PIOCSSIG PIOC_(7) /* siginfo or NULL                                  */
#define PIOCKILL PIOC_(8) /* int                                              */
#define PIOCUNKILL PIOC_(9)
#define PIOCGHOLD PIOC_(10) /* u64                                            */
#define PIOCSHOLD PIOC_(11)
#define PIOCGFAULT PIOC_(14) /* u64                                           */
#define PIOCSFAULT PIOC_(15)
#define PIOCCFAULT PIOC_(16)
#define PIOCGENTRY PIOC_(17) /* struct ctl_sysset                             */
#define PIOCSENTRY PIOC_(18)
#define PIOCGEXIT PIOC_(19)
#define PIOCSEXIT PIOC_(20)
#define PIOCSFORK PIOC_(21)
#define PIOCRFORK PIOC_(22)
#define PIOCSRLC PIOC_(23)
#define PIOCRRLC PIOC_(24)
#define PIOCGREG PIOC_(25) /* struct ctl_regs                                 */
#define PIOCSREG PIOC_(26)
#define PIOCLWPIDS PIOC_(45) /* s32 array, ended by 0; room for nlwp + 1      */

struct ctl_prrun { /* PIOCRUN: SVR4 prrun_t, the fields that are provided */
	__u64 flags; /* PIOC_RUN_* */
	__u64 trace, sighold, fault; /* sets, used with the flag of the name */
	__u64 vaddr;
};
#define PIOC_RUN_CSIG 0x01
#define PIOC_RUN_CFAULT 0x02
#define PIOC_RUN_STRACE 0x04
#define PIOC_RUN_SHOLD 0x08
#define PIOC_RUN_SFAULT 0x10
#define PIOC_RUN_SVADDR 0x20
#define PIOC_RUN_STEP 0x40
#define PIOC_RUN_SABORT 0x80
#define PIOC_RUN_STOP 0x100

/* ---------------------------------------------------------------- sizes -- */
#define CTL_STATUS_SIZE_V1 816
#ifdef __cplusplus
#define CTL_ASSERT(e, m) static_assert(e, m)
#else
#define CTL_ASSERT(e, m) _Static_assert(e, m)
#endif
CTL_ASSERT(sizeof(struct ctl_sysset) == 128, "ctl_sysset");
CTL_ASSERT(sizeof(struct ctl_regs) == 216, "ctl_regs");
CTL_ASSERT(sizeof(struct ctl_lwpstatus) == 472, "ctl_lwpstatus");
CTL_ASSERT(sizeof(struct ctl_status) == CTL_STATUS_SIZE_V1, "ctl_status");
CTL_ASSERT(sizeof(struct ctl_rec) == 24, "ctl_rec");
CTL_ASSERT(sizeof(struct ctl_rec_syscall) == 96, "ctl_rec_syscall");
CTL_ASSERT(sizeof(struct ctl_rec_signal) == 168, "ctl_rec_signal");
CTL_ASSERT(sizeof(struct ctl_capop) == 16, "ctl_capop");
CTL_ASSERT(sizeof(struct ctl_capture) == 8, "ctl_capture");
CTL_ASSERT(sizeof(struct ctl_cap) == 8, "ctl_cap");
CTL_ASSERT(sizeof(struct ctl_cap_msg) == 56, "ctl_cap_msg");
CTL_ASSERT(sizeof(struct ctl_probe) == 40, "ctl_probe");
CTL_ASSERT(sizeof(struct ctl_probe_site) == 16, "ctl_probe_site");
CTL_ASSERT(sizeof(struct ctl_fetch) == 16, "ctl_fetch");
CTL_ASSERT(sizeof(struct ctl_pred) == 16, "ctl_pred");
CTL_ASSERT(sizeof(struct ctl_rec_probe) == 48, "ctl_rec_probe");
CTL_ASSERT(sizeof(struct ctl_probevec) == 16, "ctl_probevec");
CTL_ASSERT(sizeof(struct ctl_probe_info) == 40, "ctl_probe_info");

#endif /* DTRACE_CTL_H */
