/* Asks the installed kernel headers where struct members stand, for kernels without BTF.
 *
 * Nothing of this runs in the kernel. bpf/offsets.py adds a struct whose members are as long as
 * the offsets that it wants to know. */
#include <linux/version.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/binfmts.h>
#include <linux/cgroup-defs.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fs_struct.h>
#include <linux/kernfs.h>
#include <linux/mm_types.h>
#include <linux/mount.h>
#include <linux/ptrace.h>
#include <linux/tty.h>

/* fs/mount.h is not among the installed headers. This is how it begins, since Linux 3.13. */
struct mount {
	struct hlist_node mnt_hash;
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};
