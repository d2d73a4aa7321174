/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * later.so - an object to be opened by a running program (opener): a probe in
 * a constructor, and one in pass().
 */
#include "sdt.h"

void pass(int i);

__attribute__((constructor)) static void constructed(void)
{
	SDT_SITE("nop", "later", "constructed", "0", "", "r"(0));
}

void pass(int i)
{
	SDT_SITE("nop", "later", "pass", "0", "-4@%0", "r"(i));
}
