/* Where a program runs: its current directory and its cgroup. Included by execdb.bpf.c.
 *
 * Both are nodes in trees. Their names are copied from the leaf to the root; user space reverses
 * them. A path that does not fit ends with a mark, so that it cannot be taken for a shorter one. */

#define CWD_NAMES 40
#define CWD_STEPS 80 /* names, and mounts that are crossed */
#define CGROUP_NAMES 16

/* The names of a path begin here and may take `most` bytes. */
static inline void begin_path(struct scratch *s, u64 most)
{
	s->room = s->at + part_room(s, most);
	s->names = 0;
}

/* Appends a name; nonzero if it does not fit, cannot be read, or is empty. */
static inline int append_name(struct scratch *s, const char *from)
{
	u64 at = s->at, room = s->room - at;
	long length;

	if (room > NAME_LEN)
		room = NAME_LEN;
	if (s->room < at || at > DATA_ROOM - NAME_LEN)
		return -1;
	/* With one more byte a name that is too long differs from one that just fits. */
	length = read_kernel_str(s->data + at, room + 1, from);
	if (length <= 1 || length > room)
		return -1;
	s->at = at + length;
	s->names++;
	return 0;
}

/* Stands for the names that are left out, towards the root. */
static inline void append_mark(struct scratch *s)
{
	const char mark[MARK_LEN] = "...";

	append(s, mark, sizeof(mark));
}

/* Whether the name was removed (d_unlinked() in linux/dcache.h). */
static inline u32 is_unlinked(const void *dentry)
{
	if (READ(const void *, dentry, DENTRY_D_HASH_OFFSET + BL_NODE_PPREV_OFFSET))
		return 0;
	return dentry != READ(const void *, dentry, DENTRY_D_PARENT_OFFSET);
}

/* Walks up through directories and mounts to the root of the mount namespace. */
static inline void copy_cwd(struct scratch *s, const void *task)
{
	const void *fs = READ(const void *, task, TASK_FS_OFFSET);
	const void *mnt = READ(const void *, fs, FS_PWD_OFFSET + PATH_MNT_OFFSET);
	const void *dentry = READ(const void *, fs, FS_PWD_OFFSET + PATH_DENTRY_OFFSET);

	s->exec.cwd_deleted = is_unlinked(dentry);
	begin_path(s, CWD_ROOM);
	for (int i = 0; i < CWD_STEPS; i++) {
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
		if (up == dentry || s->names >= CWD_NAMES)
			break; /* not below any root, as after a lazy unmount; or too deep */
		if (append_name(
			    s, READ(const char *, dentry, DENTRY_D_NAME_OFFSET + QSTR_NAME_OFFSET)))
			break;
		dentry = up;
	}
	append_mark(s);
}

/* Walks up through the default (version 2) hierarchy; its root has no name. */
static inline void copy_cgroup(struct scratch *s, const void *task)
{
	const void *set = READ(const void *, task, TASK_CGROUPS_OFFSET);
	const void *cgroup = READ(const void *, set, CSS_SET_DFL_CGRP_OFFSET);
	const void *node = READ(const void *, cgroup, CGROUP_KN_OFFSET);

	begin_path(s, CGROUP_ROOM);
	for (int i = 0; i <= CGROUP_NAMES; i++) {
		const void *up = READ(const void *, node, KERNFS_PARENT_OFFSET);

		if (!up)
			return;
		if (s->names >= CGROUP_NAMES ||
		    append_name(s, READ(const char *, node, KERNFS_NAME_OFFSET)))
			break;
		node = up;
	}
	append_mark(s);
}

/* Both, with an empty name between them. */
static inline void copy_where(struct scratch *s, const void *task)
{
	const char nothing[1] = "";

	copy_cwd(s, task);
	append(s, nothing, 1);
	copy_cgroup(s, task);
}
