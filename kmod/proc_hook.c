// SPDX-License-Identifier: GPL-2.0-only
/*
 * proc_hook.c - /proc/PID/ctl and /proc/PID/task/TID/lwpctl.
 *
 * procfs lets modules add files to /proc itself, not to the folders of
 * processes: the entries of these are two constant arrays in fs/proc/base.c,
 * tgid_base_stuff and tid_base_stuff.  Two functions read them,
 * proc_pident_lookup() and proc_pident_readdir(), and get the array and its
 * end (or size) as arguments.  A probe at the start of each replaces these
 * arguments by a longer copy of the array with one more entry.  Nothing of the
 * kernel is written to, and everything behind it - the inode, its owner and
 * mode, how long it lives, that it goes with its process - is procfs' own
 * doing.
 *
 * It is done only if everything is as expected: the functions can be probed,
 * the arrays are found, every element looks like one, and the place where an
 * inode of procfs keeps its struct pid was found by looking at two inodes of
 * known processes.  Any doubt: one line in the log, and /dev/dtrace_ctl alone.
 *
 * Unload.  Inodes that point at our file operations may be cached, and a
 * lookup can be asleep with our array in its hands.  So: no more replacing; the
 * entry in the copies loses its operations, so that such a lookup makes an
 * inode without them; wait until no task can be in between reading the one and
 * storing the other; then retire every inode of ours in every instance of
 * procfs.  Whoever is on the way to open one has our operations in its hands,
 * and may be made to wait there (by a security module, by fanotify); and such
 * an inode may be kept by somebody who never opens it (O_PATH, inotify, a
 * mount).  So the operations, which are not in the module's memory, get the open
 * function of a bad inode instead of ours, and are left where they are if
 * anybody had an inode in hand.  The copies of the arrays are freed when nobody
 * is in the two functions any more (the probes count), and are left, too, if
 * that takes too long: a folder can be read into memory that somebody makes
 * wait for ever.
 */
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/kmemleak.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "control.h"

static bool proc = true;
module_param(proc, bool, 0444);
MODULE_PARM_DESC(proc, "put ctl files into /proc (default: yes)");

/* As in fs/proc/base.c; checked against what is there. */
struct pid_entry {
	const char *name;
	unsigned int len;
	umode_t mode;
	const struct inode_operations *iop;
	const struct file_operations *fop;
	void *op;
};

struct table {
	const char *symbol; /* the array */
	const char *first;  /* its first name */
	const char *name;   /* what we add */
	const struct pid_entry *old;
	struct pid_entry *copy;
	unsigned int n; /* of old */
};
static struct table tables[] = {
	{ .symbol = "tgid_base_stuff", .first = "task", .name = "ctl" },
	{ .symbol = "tid_base_stuff", .first = "fd", .name = "lwpctl" },
};

static bool hooked, replacing;
static struct file_operations *fops; /* what our inodes have */
static int pid_offset; /* of struct proc_inode.pid, before the inode */
static atomic_t inside = ATOMIC_INIT(0);

/* -- the probes ----------------------------------------------------------- */

static int leave(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	atomic_dec(&inside);
	return 0;
}

/* (dir, dentry, first, end) */
static int enter_lookup(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct table *t;

	for (t = tables; t < tables + ARRAY_SIZE(tables); t++)
		if (regs->dx == (unsigned long)t->old &&
		    regs->cx == (unsigned long)(t->old + t->n) &&
		    READ_ONCE(replacing)) {
			atomic_inc(&inside);
			regs->dx = (unsigned long)t->copy;
			regs->cx = (unsigned long)(t->copy + t->n + 1);
			return 0;
		}
	return 1; /* not ours: do not come back for its return */
}

/* (file, context, first, number) */
static int enter_readdir(struct kretprobe_instance *ri, struct pt_regs *regs)
{
	struct table *t;

	for (t = tables; t < tables + ARRAY_SIZE(tables); t++)
		if (regs->dx == (unsigned long)t->old &&
		    (u32)regs->cx == t->n && READ_ONCE(replacing)) {
			atomic_inc(&inside);
			regs->dx = (unsigned long)t->copy;
			regs->cx = t->n + 1;
			return 0;
		}
	return 1;
}

/* A lookup that finds no instance free does not see the entry. */
#define MAXACTIVE 4096

static struct kretprobe lookup_probe = {
	.kp.symbol_name = "proc_pident_lookup",
	.entry_handler = enter_lookup,
	.handler = leave,
	.maxactive = MAXACTIVE,
};
static struct kretprobe readdir_probe = {
	.kp.symbol_name = "proc_pident_readdir",
	.entry_handler = enter_readdir,
	.handler = leave,
	.maxactive = MAXACTIVE,
};

/* -- is everything as expected? ------------------------------------------- */

static bool looks_right(const struct pid_entry *e)
{
	size_t len;

	if (!e->name || (unsigned long)e->name < TASK_SIZE_MAX)
		return false;
	len = strnlen(e->name, 64);
	return len == e->len && len > 0 && len < 64 &&
	       (S_ISREG(e->mode) || S_ISDIR(e->mode) || S_ISLNK(e->mode));
}

static int find_table(struct table *t)
{
	int (*size_offset)(unsigned long addr, unsigned long *size,
			   unsigned long *offset);
	unsigned long size = 0, offset = 0;
	unsigned int i, n;

	BUILD_BUG_ON(sizeof(struct pid_entry) != 40);
	size_offset = (void *)ctl_symbol("kallsyms_lookup_size_offset");
	t->old = (void *)ctl_symbol(t->symbol);
	if (!size_offset || !t->old ||
	    !size_offset((unsigned long)t->old, &size, &offset) || offset)
		return -ENOENT;
	/*
	 * What lies between it and the next symbol, for alignment, is zero; and
	 * with KASAN is not to be read.
	 */
	for (n = 0; n < size / sizeof(struct pid_entry); n++)
		if (!READ_ONCE_NOCHECK(t->old[n].name))
			break;
	if (n < 8 || n > 512)
		return -EINVAL;
	for (i = 0; i < n; i++)
		if (!looks_right(&t->old[i]) || !strcmp(t->old[i].name, t->name))
			return -EINVAL;
	t->n = n;
	if (strcmp(t->old[0].name, t->first))
		return -EINVAL;
	return 0;
}

static int copy_table(struct table *t)
{
	struct pid_entry *e;

	t->copy = kcalloc(t->n + 1, sizeof(*t->copy), GFP_KERNEL);
	if (!t->copy)
		return -ENOMEM;
	memcpy(t->copy, t->old, t->n * sizeof(*t->copy));
	e = &t->copy[t->n];
	/* Names are read while the folder is: not from the module's memory. */
	e->name = kstrdup(t->name, GFP_KERNEL);
	if (!e->name)
		return -ENOMEM;
	e->len = strlen(t->name);
	e->mode = S_IFREG | 0600;
	e->fop = fops;
	return 0;
}

static void free_tables(void)
{
	struct table *t;

	kfree(fops);
	fops = NULL;
	for (t = tables; t < tables + ARRAY_SIZE(tables); t++) {
		if (t->copy)
			kfree(t->copy[t->n].name);
		kfree(t->copy);
		t->copy = NULL;
	}
}

/* Does the inode of path keep pid at this distance? */
static bool pid_is_at(const char *path, int offset, struct pid *pid)
{
	struct file *f = filp_open(path, O_RDONLY, 0);
	struct inode *inode;
	struct pid *found = NULL;

	if (IS_ERR(f))
		return false;
	inode = file_inode(f);
	if (!strcmp(inode->i_sb->s_type->name, "proc"))
		found = *(struct pid **)((char *)inode - offset);
	filp_close(f, NULL);
	return found == pid;
}

static int find_pid_offset(void)
{
	struct pid *init = find_get_pid(1);
	char path[32];
	int offset, err = -ENOENT;

	/* struct proc_inode begins with the pid and ends with the inode. */
	for (offset = sizeof(void *); offset <= 256; offset += sizeof(void *)) {
		snprintf(path, sizeof(path), "/proc/%d/stat",
			 task_tgid_vnr(current));
		if (!pid_is_at(path, offset, task_tgid(current)))
			continue;
		/* A second witness. */
		if (pid_is_at("/proc/1/stat", offset, init)) {
			pid_offset = offset;
			err = 0;
		}
		break;
	}
	put_pid(init);
	return err;
}

struct pid *ctl_proc_hook_pid(struct inode *inode)
{
	return *(struct pid **)((char *)inode - pid_offset);
}

/* -- on and off ----------------------------------------------------------- */

int ctl_proc_hook_init(void)
{
	const char *what = "arrays";
	struct table *t;
	int err = 0;

	if (!proc)
		return -ENOENT;
	for (t = tables; t < tables + ARRAY_SIZE(tables) && !err; t++)
		err = find_table(t);
	if (!err) {
		fops = kmemdup(&ctl_proc_fops, sizeof(*fops), GFP_KERNEL);
		err = fops ? 0 : -ENOMEM;
	}
	for (t = tables; t < tables + ARRAY_SIZE(tables) && !err; t++)
		err = copy_table(t);
	if (!err) {
		what = "inodes";
		err = find_pid_offset();
	}
	if (err)
		goto fail;
	what = "functions";
	err = register_kretprobe(&lookup_probe);
	if (err)
		goto fail;
	err = register_kretprobe(&readdir_probe);
	if (err) {
		unregister_kretprobe(&lookup_probe);
		goto fail;
	}
	WRITE_ONCE(replacing, true);
	hooked = true;
	return 0;
fail:
	free_tables();
	pr_info("no /proc/PID/ctl, use /dev/dtrace_ctl: the %s of procfs are not what is expected (%d)\n",
		what, err);
	return err;
}

struct retired {
	int (*bad_open)(struct inode *inode, struct file *file);
	bool held; /* somebody else had one in hand */
};

static void retire(struct super_block *sb, void *arg)
{
	struct retired *r = arg;
	struct inode *inode;
	struct dentry *d;

again:
	spin_lock(&sb->s_inode_list_lock);
	list_for_each_entry(inode, &sb->s_inodes, i_sb_list) {
		if (READ_ONCE(inode->i_fop) != fops)
			continue;
		if (!igrab(inode))
			continue; /* on its way out: nobody can open it */
		spin_unlock(&sb->s_inode_list_lock);
		make_bad_inode(inode);
		r->bad_open = inode->i_fop->open;
		/* procfs has one name for each. */
		d = d_find_alias(inode);
		if (d) {
			d_drop(d);
			dput(d);
		}
		if (atomic_read(&inode->i_count) > 1)
			r->held = true;
		iput(inode);
		goto again;
	}
	spin_unlock(&sb->s_inode_list_lock);
}

void ctl_proc_hook_exit(void)
{
	struct retired r = { NULL };
	struct file_system_type *fs;
	struct table *t;
	int tries = 200;

	if (!hooked)
		return;
	WRITE_ONCE(replacing, false);
	for (t = tables; t < tables + ARRAY_SIZE(tables); t++)
		WRITE_ONCE(t->copy[t->n].fop, NULL);
	/* No blocking between reading an entry's fop and storing it. */
	synchronize_rcu_tasks();
	fs = get_fs_type("proc");
	if (fs) {
		iterate_supers_type(fs, retire, &r);
		module_put(fs->owner);
	}
	if (r.held) {
		/* No blocking between reading ->open and coming out of ours,
		 * which does not get the module any more. */
		WRITE_ONCE(fops->open, r.bad_open);
		synchronize_rcu_tasks();
		kmemleak_ignore(fops);
		fops = NULL;
	}
	while (atomic_read(&inside) && --tries)
		schedule_timeout_uninterruptible(msecs_to_jiffies(25));
	unregister_kretprobe(&lookup_probe);
	unregister_kretprobe(&readdir_probe);
	if (!atomic_read(&inside)) {
		free_tables();
		return;
	}
	for (t = tables; t < tables + ARRAY_SIZE(tables); t++) {
		kmemleak_ignore(t->copy);
		kmemleak_ignore(t->copy[t->n].name);
	}
	kfree(fops);
	pr_warn("somebody still reads a folder in /proc; %zu bytes are left to them\n",
		(tables[0].n + tables[1].n + 2) * sizeof(struct pid_entry));
}
