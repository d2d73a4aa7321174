/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */
/*
 * insn.h - the few instructions that a probe's site may be, for both servers.
 * Each function takes n bytes of code at p and returns the length of the
 * instruction, 0: it is another.
 */
#ifndef CTL_INSN_H
#define CTL_INSN_H

#ifdef __KERNEL__
#include <linux/string.h>
#include <linux/types.h>
#else
#include <stdint.h>
#include <string.h>
#endif

#define CTL_INT3 0xcc

/* "nopw/nopl r/m" whose opcode 0f 1f was seen. */
static inline unsigned int ctl_modrm_len(const __u8 *p, unsigned int n)
{
	unsigned int mod, rm, len = 3;

	if (n < 3)
		return 0;
	mod = p[2] >> 6;
	rm = p[2] & 7;
	if (mod != 3 && rm == 4)
		len++;
	if (mod == 1)
		len += 1;
	else if (mod == 2 || (mod == 0 && rm == 5))
		len += 4;
	return len;
}

/* A nop, of any length; endbr is one. */
static inline unsigned int ctl_nop_len(const __u8 *p, unsigned int n)
{
	unsigned int i = 0, len;

	while (i < n && i < 4 && (p[i] == 0x66 || p[i] == 0x2e))
		i++;
	if (i < n && p[i] == 0x90)
		return i + 1;
	if (n - i >= 3 && p[i] == 0x0f && p[i + 1] == 0x1f) {
		len = ctl_modrm_len(p + i, n - i);
		return len && i + len <= 15 ? i + len : 0;
	}
	if (n >= 4 && !memcmp(p, "\xf3\x0f\x1e", 3) &&
	    (p[3] == 0xfa || p[3] == 0xfb))
		return 4;
	return 0;
}

/* xor %eax, %eax or %rax, %rax, by either opcode. */
static inline unsigned int ctl_xor_len(const __u8 *p, unsigned int n)
{
	unsigned int rex = n && p[0] == 0x48;

	if (n >= rex + 2 && (p[rex] == 0x31 || p[rex] == 0x33) &&
	    p[rex + 1] == 0xc0)
		return rex + 2;
	return 0;
}

/* Do the n bytes at p, n >= 8, end in a call?  e8, or ff /2. */
static inline int ctl_ends_in_call(const __u8 *p, unsigned int n)
{
	unsigned int i;

	if (p[n - 5] == 0xe8)
		return 1;
	/* with what its operand needs */
	for (i = n - 7; i + 1 < n; i++)
		if (p[i] == 0xff && (p[i + 1] >> 3 & 7) == 2 &&
		    ctl_modrm_len(p + i - 1, n - i + 1) == n - i + 1)
			return 1;
	return 0;
}

/* ret: all there is of a function that debuggers put breakpoints on. */
static inline unsigned int ctl_ret_len(const __u8 *p, unsigned int n)
{
	return n && p[0] == 0xc3;
}

#endif /* CTL_INSN_H */
