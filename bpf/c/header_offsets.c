/* Asks the installed kernel headers for the offsets of struct members, for kernels without BTF.
 *
 * Nothing of this runs in the kernel. bpf/offsets.py appends a struct whose members are as
 * long as the wanted offsets. */
#include <linux/version.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/binfmts.h>
#include <linux/cgroup-defs.h>
#include <linux/cred.h>
#include <linux/dcache.h>
#include <linux/fs.h>
#include <linux/fs_struct.h>
#include <linux/kernfs.h>
#include <linux/mm_types.h>
#include <linux/mount.h>
#include <linux/ns_common.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/ptrace.h>
#include <linux/tty.h>
#include <linux/user_namespace.h>

/* fs/mount.h is not among the installed headers. Since Linux 3.13 the struct begins like this. */
struct mount {
	struct hlist_node mnt_hash;
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

/* In the same file. Since Linux 5.11 the count is a part of the first member. */
struct mnt_namespace {
#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 11, 0)
	atomic_t count;
#endif
	struct ns_common ns;
};
