/* Where a program runs: names of its current directory and of its cgroup.
 *
 * Both are trees of named nodes; names are copied from the leaf to the root and put in
 * order by user space. Included by execdb.bpf.c. */

#define CWD_DEPTH 40
#define CGROUP_DEPTH 16

/* Stands for what is above. */
static inline void append_unknown(struct scratch *s)
{
	const char unknown[4] = "...";

	append(s, unknown, sizeof(unknown));
}

/* Up through directories and mounts, to the root of the mount namespace. */
static inline void copy_cwd(struct scratch *s, const void *task)
{
	const void *fs = READ(const void *, task, TASK_FS_OFFSET);
	const void *mnt = READ(const void *, fs, FS_PWD_OFFSET + PATH_MNT_OFFSET);
	const void *dentry = READ(const void *, fs, FS_PWD_OFFSET + PATH_DENTRY_OFFSET);

	for (int i = 0; i < CWD_DEPTH; i++) {
		const void *up;

		if (dentry == READ(const void *, mnt, VFSMOUNT_MNT_ROOT_OFFSET)) {
			const void *mount = mnt - MOUNT_MNT_OFFSET;

			up = READ(const void *, mount, MOUNT_MNT_PARENT_OFFSET);
			if (up == mount)
				return;
			dentry = READ(const void *, mount, MOUNT_MNT_MOUNTPOINT_OFFSET);
			mnt = up + MOUNT_MNT_OFFSET;
			continue;
		}
		up = READ(const void *, dentry, DENTRY_D_PARENT_OFFSET);
		if (up == dentry)
			break; /* cut off from any root, as after a lazy unmount */
		append(s, READ(const char *, dentry, DENTRY_D_NAME_OFFSET + QSTR_NAME_OFFSET),
		       NAME_LEN);
		dentry = up;
	}
	append_unknown(s);
}

/* Up through the default (version 2) hierarchy; its root has no name. */
static inline void copy_cgroup(struct scratch *s, const void *task)
{
	const void *set = READ(const void *, task, TASK_CGROUPS_OFFSET);
	const void *cgroup = READ(const void *, set, CSS_SET_DFL_CGRP_OFFSET);
	const void *node = READ(const void *, cgroup, CGROUP_KN_OFFSET);

	for (int i = 0; i < CGROUP_DEPTH; i++) {
		const void *up = READ(const void *, node, KERNFS_PARENT_OFFSET);

		if (!up)
			return;
		append(s, READ(const char *, node, KERNFS_NAME_OFFSET), NAME_LEN);
		node = up;
	}
	if (READ(const void *, node, KERNFS_PARENT_OFFSET))
		append_unknown(s);
}

/* Both, with an empty name between them. */
static inline void copy_where(struct scratch *s, const void *task)
{
	const char nothing[1] = "";

	copy_cwd(s, task);
	append(s, nothing, 1);
	copy_cgroup(s, task);
}
