/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * stack.h - where a program's variables are.
 *
 * Kernels from 6.13 on may give a program a stack for each CPU.  That is safe as
 * long as the program does not run twice there; of one that was jumped to, or that
 * sleeps, the kernel does not know.  A program with a jump has its variables on
 * the thread's stack.  So such a one has this jump, somewhere: it leads nowhere.
 */
#ifndef CTL_BPF_STACK_H
#define CTL_BPF_STACK_H

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} nowhere SEC(".maps");

#define ON_THREADS_STACK(ctx) bpf_tail_call(ctx, &nowhere, 0)

#endif
