// SPDX-License-Identifier: GPL-2.0-only
/*
 * ctl_file.c - the files: /dev/dtrace_ctl, and /proc/PID/ctl and
 * /proc/PID/task/TID/lwpctl where proc_hook.c can place them.
 *
 * An open file is a handle.  One from /proc is bound to its process by the
 * open, one of the device by CTL_IOC_BIND; from then on they are the same.  The
 * last close() of a handle is release(), whatever ended its owners: that is
 * how "run on last close" needs nobody's cooperation (P1).
 *
 * Permission (P5) is asked once, in bind(), of the very task that is then
 * bound, with the lock held that keeps it from executing another file between
 * the two.
 */
#include <linux/compat.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/poll.h>
#include <linux/ptrace.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "control.h"

static atomic64_t last_id;

/* -- handles -------------------------------------------------------------- */

static struct ctl_handle *handle_new(struct file *file)
{
	struct ctl_handle *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);

	if (!h)
		return NULL;
	kref_init(&h->ref);
	h->id = atomic64_inc_return(&last_id);
	h->file = file;
	h->cred = get_cred(file->f_cred);
	h->ns = get_pid_ns(task_active_pid_ns(current));
	h->writer = file->f_mode & FMODE_WRITE;
	mutex_init(&h->mutex);
	spin_lock_init(&h->lock);
	INIT_LIST_HEAD(&h->link);
	INIT_LIST_HEAD(&h->covers);
	return h;
}

/* After a grace period: no hook has it in its hands. */
static void handle_free(struct work_struct *w)
{
	struct ctl_handle *h = container_of(to_rcu_work(w), struct ctl_handle,
					    free_work);

	ctl_ring_free(h->ring);
	ctl_capture_free(h);
	if (h->lwp)
		ctl_lwp_put(h->lwp);
	if (h->proc)
		ctl_proc_put(h->proc);
	put_pid_ns(h->ns);
	put_cred(h->cred);
	kfree(h);
}

static void handle_last(struct kref *ref)
{
	struct ctl_handle *h = container_of(ref, struct ctl_handle, ref);

	INIT_RCU_WORK(&h->free_work, handle_free);
	queue_rcu_work(ctl_wq, &h->free_work);
}

void ctl_handle_put(struct ctl_handle *h)
{
	kref_put(&h->ref, handle_last);
}

static int ctl_release(struct inode *inode, struct file *file)
{
	struct ctl_handle *h = file->private_data;
	struct ctl_handle *o;
	struct ctl_proc *proc = h->proc;
	bool writers = false;

	if (!proc) {
		ctl_handle_put(h);
		return 0;
	}
	mutex_lock(&ctl_mutex);
	WRITE_ONCE(h->closing, true);
	ctl_covers_drop(h);
	ctl_ring_purge(h);
	ctl_probes_end_of(h);
	spin_lock_irq(&proc->lock);
	list_del_init(&h->link);
	list_for_each_entry(o, &proc->handles, link)
		writers |= o->writer;
	spin_unlock_irq(&proc->lock);
	if (h->writer && !writers)
		ctl_last_close(proc);
	mutex_unlock(&ctl_mutex);
	/* Everybody runs; now what takes longer. */
	ctl_probes_drop(h);
	ctl_gc_kick();
	ctl_handle_put(h);
	return 0;
}

/* -- bind ----------------------------------------------------------------- */

/*
 * May the opener have the thread, or the process: each of its threads?  One
 * that is exiting is asked less of, so it does not count: the leader may be gone
 * while others run.
 */
static int may_bind(struct task_struct *task, bool lwp, unsigned int mode)
{
	struct task_struct *t;
	int err = -ESRCH;

	rcu_read_lock();
	for_each_thread(task, t) {
		if ((lwp && t != task) || (t->flags & CTL_PF_KERNEL) ||
		    !READ_ONCE(t->mm))
			continue;
		if (!ctl_sym.ptrace_may_access(t, mode)) {
			err = -EPERM;
			break;
		}
		/* It had its memory all the time. */
		if (READ_ONCE(t->mm))
			err = 0;
	}
	rcu_read_unlock();
	return err;
}

/* ctl_mutex held; task: the thread of an lwp handle, else any of the process */
static int bind_locked(struct ctl_handle *h, struct task_struct *task, bool lwp,
		       bool excl)
{
	struct ctl_proc *proc;
	struct ctl_handle *o;
	int err = 0;

	err = may_bind(task, lwp,
		       h->writer ? PTRACE_MODE_ATTACH_REALCREDS :
				   PTRACE_MODE_READ_FSCREDS);
	h->may_read = !err;
	if (err == -ESRCH || (err && h->writer))
		return err;
	err = 0;
	/* Somebody to look does not make a control where there is none. */
	if (!h->writer && !ctl_proc_controlled(task))
		return -ENODATA;
	proc = ctl_proc_attach(task);
	if (IS_ERR(proc))
		return PTR_ERR(proc);
	spin_lock_irq(&proc->lock);
	if (proc->gone)
		err = -ESRCH;
	if (excl)
		list_for_each_entry(o, &proc->handles, link)
			if (o->writer)
				err = -EBUSY;
	if (!err && lwp) {
		h->lwp = ctl_lwp_find(task);
		if (h->lwp && h->lwp->proc == proc)
			kref_get(&h->lwp->ref);
		else
			err = -ESRCH;
	}
	if (!err) {
		smp_store_release(&h->proc, proc); /* bound() */
		list_add_tail(&h->link, &proc->handles);
	} else {
		h->lwp = NULL;
	}
	spin_unlock_irq(&proc->lock);
	if (err) {
		ctl_proc_put(proc);
		ctl_gc_kick();
	}
	return err;
}

static int bind(struct ctl_handle *h, struct task_struct *task, bool lwp,
		bool excl)
{
	int err;

	mutex_lock(&h->mutex);
	if (h->proc) {
		err = -EBUSY;
		goto out;
	}
	if (task->flags & CTL_PF_KERNEL) {
		err = -EPERM;
		goto out;
	}
	/* The image and the credentials that are checked are those bound. */
	err = down_read_killable(&task->signal->exec_update_lock);
	if (err)
		goto out;
	/* Attaching waits for nothing that exec could hold. */
	mutex_lock(&ctl_mutex);
	do {
		err = bind_locked(h, task, lwp, excl);
	} while (err == -EAGAIN);
	mutex_unlock(&ctl_mutex);
	up_read(&task->signal->exec_update_lock);
out:
	mutex_unlock(&h->mutex);
	return err == -ESRCH ? -ENOENT : err;
}

static struct pid *pid_of_pidfd(int fd)
{
	struct file *file = fget(fd);
	struct pid *pid;

	if (!file)
		return ERR_PTR(-EBADF);
	pid = ctl_sym.pidfd_pid(file);
	if (!IS_ERR(pid))
		get_pid(pid);
	fput(file);
	return pid;
}

static int bind_ioctl(struct ctl_handle *h, const struct ctl_bind *b)
{
	struct task_struct *task, *thread;
	struct pid *pid;
	int err;

	if (b->flags & ~CTL_BIND_EXCL || b->tid < 0)
		return -EINVAL;
	pid = b->pidfd >= 0 ? pid_of_pidfd(b->pidfd) : find_get_pid(b->pid);
	if (IS_ERR(pid))
		return PTR_ERR(pid);
	task = get_pid_task(pid, PIDTYPE_TGID);
	put_pid(pid);
	if (!task)
		return -ENOENT;
	if (b->tid) {
		rcu_read_lock();
		thread = pid_task(find_vpid(b->tid), PIDTYPE_PID);
		if (thread && same_thread_group(thread, task))
			get_task_struct(thread);
		else
			thread = NULL;
		rcu_read_unlock();
		put_task_struct(task);
		if (!thread)
			return -ENOENT;
		task = thread;
	}
	err = bind(h, task, b->tid != 0, b->flags & CTL_BIND_EXCL);
	put_task_struct(task);
	return err;
}

/* -- operations ----------------------------------------------------------- */

static int dev_open(struct inode *inode, struct file *file)
{
	struct ctl_handle *h = handle_new(file);

	if (!h)
		return -ENOMEM;
	file->private_data = h;
	return 0;
}

static int proc_bind(struct inode *inode, struct file *file)
{
	struct pid *pid = ctl_proc_hook_pid(inode);
	/* lwpctl or ctl: the name tells, and only procfs gives names here. */
	bool lwp = file->f_path.dentry->d_name.len == sizeof("lwpctl") - 1;
	struct task_struct *task;
	struct ctl_handle *h;
	int err;

	if (!pid)
		return -ENOENT;
	task = get_pid_task(pid, lwp ? PIDTYPE_PID : PIDTYPE_TGID);
	if (!task)
		return -ENOENT;
	err = -ENOMEM;
	h = handle_new(file);
	if (h) {
		err = bind(h, task, lwp, file->f_flags & O_EXCL);
		if (err)
			ctl_handle_put(h);
		else
			file->private_data = h;
	}
	put_task_struct(task);
	return err;
}

static bool bound(struct ctl_handle *h)
{
	return smp_load_acquire(&h->proc) != NULL;
}

static ssize_t ctl_file_write(struct file *file, const char __user *buf,
			      size_t len, loff_t *pos)
{
	struct ctl_handle *h = file->private_data;

	if (in_compat_syscall())
		return -EOPNOTSUPP;
	if (!bound(h))
		return -ENOENT;
	return ctl_messages(h, buf, len);
}

static long status_ioctl(struct ctl_handle *h, struct ctl_status __user *to)
{
	return ctl_pioc(h, PIOCSTATUS, to);
}

static long lwpstatus_ioctl(struct ctl_handle *h, struct ctl_lwpvec __user *to)
{
	struct ctl_lwpvec v;
	long err;

	if (copy_from_user(&v, to, sizeof(v)))
		return -EFAULT;
	err = ctl_lwpstatus_get(h, &v);
	if (!err && put_user(v.count, &to->count))
		err = -EFAULT;
	return err;
}

static long fpregs_ioctl(struct ctl_handle *h, struct ctl_fpregs __user *to)
{
	struct ctl_proc *proc = h->proc;
	struct ctl_fpregs *r;
	struct ctl_lwp *lwp;
	long err;

	if (!h->may_read)
		return -EPERM;
	r = kmalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	spin_lock_irq(&proc->lock);
	err = ctl_handle_error(h);
	if (!err) {
		lwp = h->lwp ? h->lwp : ctl_proc_representative(proc);
		err = -EBUSY;
		if (lwp && ctl_lwp_stopped(lwp)) {
			ctl_lwp_off_cpu(lwp);
			err = ctl_fpregs_get(lwp->task, r);
		}
	}
	spin_unlock_irq(&proc->lock);
	if (!err && copy_to_user(to, r, sizeof(*r)))
		err = -EFAULT;
	kfree(r);
	return err;
}

static long probes_ioctl(struct ctl_handle *h, struct ctl_probevec __user *to)
{
	struct ctl_probevec v;
	long err;

	if (copy_from_user(&v, to, sizeof(v)))
		return -EFAULT;
	err = ctl_probe_list(h, &v);
	if (!err && put_user(v.size, &to->size))
		err = -EFAULT;
	return err;
}

static long ctl_file_ioctl(struct file *file, unsigned int cmd,
			   unsigned long argument)
{
	struct ctl_handle *h = file->private_data;
	void __user *arg = (void __user *)argument;
	struct ctl_bind b;

	switch (cmd) {
	case CTL_IOC_VERSION:
		return put_user(CTL_ABI_VERSION, (u32 __user *)arg);
	case CTL_IOC_BIND:
		if (copy_from_user(&b, arg, sizeof(b)))
			return -EFAULT;
		return bind_ioctl(h, &b);
	}
	if (!bound(h))
		return -ENOENT;
	switch (cmd) {
	case CTL_IOC_STATUS:
		return status_ioctl(h, arg);
	case CTL_IOC_LWPSTATUS:
		return lwpstatus_ioctl(h, arg);
	case CTL_IOC_FPREGS:
		return fpregs_ioctl(h, arg);
	case CTL_IOC_PROBES:
		return probes_ioctl(h, arg);
	case CTL_IOC_CONSUMED:
		ctl_ring_consumed(h);
		return 0;
	}
	return ctl_pioc(h, cmd, arg);
}

/* A 32-bit controller: dtrace_ctl.h says no. */
static long ctl_file_compat(struct file *file, unsigned int cmd,
			    unsigned long arg)
{
	return -EOPNOTSUPP;
}

static __poll_t ctl_file_poll(struct file *file, poll_table *wait)
{
	struct ctl_handle *h = file->private_data;
	struct wait_queue_head *ring;
	__poll_t mask = 0;
	int err;

	if (!bound(h))
		return EPOLLERR;
	poll_wait(file, &h->proc->wq, wait);
	ring = ctl_ring_wq(h);
	if (ring)
		poll_wait(file, ring, wait);
	spin_lock_irq(&h->proc->lock);
	err = ctl_handle_error(h);
	if (err == -ENOENT)
		mask |= EPOLLHUP;
	else if (err)
		mask |= EPOLLERR;
	else if (h->lwp ? ctl_lwp_stopped(h->lwp) : ctl_proc_istopped(h->proc))
		mask |= EPOLLPRI;
	spin_unlock_irq(&h->proc->lock);
	if (ctl_ring_ready(h))
		mask |= EPOLLIN | EPOLLRDNORM;
	return mask;
}

static int ctl_file_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct ctl_handle *h = file->private_data;

	return bound(h) ? ctl_ring_mmap(h, vma) : -EINVAL;
}

static const struct file_operations ctl_fops = {
	.owner = THIS_MODULE,
	.open = dev_open,
	.release = ctl_release,
	.write = ctl_file_write,
	.unlocked_ioctl = ctl_file_ioctl,
	.compat_ioctl = ctl_file_compat,
	.poll = ctl_file_poll,
	.mmap = ctl_file_mmap,
	.llseek = noop_llseek,
};

/*
 * Of /proc's inodes.  They have no owner, because the kernel warns when a file
 * is opened whose owner is just being unloaded: the open itself asks for the
 * module, and proc_hook.c does not let it go while somebody is on the way here.
 */
static int proc_open(struct inode *inode, struct file *file)
{
	int err;

	if (!try_module_get(THIS_MODULE))
		return -ENOENT;
	err = proc_bind(inode, file);
	if (err)
		module_put(THIS_MODULE);
	else
		replace_fops(file, &ctl_fops);
	return err;
}

const struct file_operations ctl_proc_fops = {
	.open = proc_open,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "dtrace_ctl",
	.fops = &ctl_fops,
	.mode = 0666, /* every bind is checked */
};

int ctl_file_init(void)
{
	return misc_register(&device);
}

void ctl_file_exit(void)
{
	misc_deregister(&device);
}
