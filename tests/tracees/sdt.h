/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sdt.h - probe notes as <sys/sdt.h> writes them, for the targets: so that
 * they need no package, and so that sites can be put in that no header would.
 */
#ifndef SDT_H
#define SDT_H

#ifdef __LP64__
#define SDT_ADDR ".8byte"
#else
#define SDT_ADDR ".4byte"
#endif

/* insn: the site; semaphore: a symbol, or 0; the rest is asm operands. */
#define SDT_SITE(insn, provider, name, semaphore, args, ...)              \
	__asm__ volatile(                                                 \
		"990:	" insn "\n"                                       \
		"	.pushsection .note.stapsdt,\"\",\"note\"\n"       \
		"	.balign 4\n"                                      \
		"	.4byte 992f-991f, 994f-993f, 3\n"                 \
		"991:	.asciz \"stapsdt\"\n"                             \
		"992:	.balign 4\n"                                      \
		"993:	" SDT_ADDR " 990b\n"                              \
		"	" SDT_ADDR " _.stapsdt.base\n"                    \
		"	" SDT_ADDR " " semaphore "\n"                     \
		"	.asciz \"" provider "\"\n"                        \
		"	.asciz \"" name "\"\n"                            \
		"	.asciz \"" args "\"\n"                            \
		"994:	.balign 4\n"                                      \
		"	.popsection\n"                                    \
		"	.ifndef _.stapsdt.base\n"                         \
		"	.pushsection .stapsdt.base,\"aG\",\"progbits\","  \
		".stapsdt.base,comdat\n"                                  \
		"	.weak _.stapsdt.base\n"                           \
		"	.hidden _.stapsdt.base\n"                         \
		"_.stapsdt.base: .space 1\n"                              \
		"	.size _.stapsdt.base, 1\n"                        \
		"	.popsection\n"                                    \
		"	.endif\n" ::__VA_ARGS__)

#define SDT_SEMAPHORE(name)                                              \
	__attribute__((section(".probes"))) volatile unsigned short name

#endif
