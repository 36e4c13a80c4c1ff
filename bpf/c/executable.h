/* The file that runs, whatever the process calls it. Included by execdb.bpf.c.
 *
 * Names are copied from the last to the first, as those of the current directory. In the machine's
 * first mount namespace, a file system that is mounted as a whole is crossed at its root, so the path
 * is the one that people see. A bind mount is not, and in other namespaces nothing is: anyone may
 * mount another file, or another file system, over /usr/bin in a namespace of his own. Such a path
 * goes up to the root of the file's own file system instead (EXE_BOUND), and user space adds where that
 * is mounted. Of an overlay in another namespace it is the file in one of its layers. */

#define EXE_NAMES 40
#define EXE_STEPS 80 /* names, and mounts on the way */
#define OVERLAYS 2   /* on top of each other; the kernel allows no more */

#define OVERLAYFS_SUPER_MAGIC 0x794c7630 /* linux/magic.h */

static inline const void *dentry_of(const void *file)
{
	return READ(const void *, file, FILE_F_PATH_OFFSET + PATH_DENTRY_OFFSET);
}

static inline u64 magic_of(const void *file)
{
	const void *inode = READ(const void *, file, FILE_F_INODE_OFFSET);

	return READ(u64, READ(const void *, inode, INODE_I_SB_OFFSET), SUPER_BLOCK_S_MAGIC_OFFSET);
}

/* Whether this is a struct file: it and its name lead to the same inode. */
static inline int is_file(const void *file)
{
	const void *inode = READ(const void *, file, FILE_F_INODE_OFFSET);

	return inode && READ(const void *, dentry_of(file), DENTRY_D_INODE_OFFSET) == inode;
}

/* The file in a layer that an overlay's file stands for, or the file itself if it is not known. The
 * overlay keeps a pointer to it; since Linux 6.13 as the first member of a struct of its own. Before
 * 6.6 that file has the inode of the layer, but the name of the overlay's file. */
static inline const void *layer_file(const void *file)
{
	const void *own = READ(const void *, file, FILE_PRIVATE_DATA_OFFSET);
	const void *real = READ(const void *, own, 0);

	if (is_file(real))
		return real;
	if (is_file(own))
		return own;
	return own && dentry_of(own) == dentry_of(file) ? own : file;
}

/* The name of a file in a layer: if it has that of the overlay's file, another one of its inode. */
static inline const void *dentry_of_layer(const void *file, const void *inode)
{
	const void *dentry = dentry_of(file);

	if (READ(const void *, dentry, DENTRY_D_INODE_OFFSET) == inode)
		return dentry;
	return READ(const void *, inode, INODE_I_DENTRY_OFFSET) - DENTRY_D_U_OFFSET;
}

/* Appends the names, and puts into exe_flags if the path is EXE_BOUND or EXE_NAMELESS. All that is
 * known from one step to the next is in memory: of a register the verifier looks at each step again
 * for each value that it may have, which took a tenth of the time until a collector records. */
static inline void copy_executable_path(struct scratch *s, const void *file, const void *dentry)
{
	const void *mnt = READ(const void *, file, FILE_F_PATH_OFFSET + PATH_MNT_OFFSET);
	u32 *flags = &s->exec.exe_flags;

	if (s->exec.mnt_ns != FIRST_MNT_NS)
		*flags |= EXE_BOUND;
	begin_path(s, EXE_ROOM);
	for (int i = 0; i < EXE_STEPS; i++) {
		const void *up = READ(const void *, dentry, DENTRY_D_PARENT_OFFSET);
		u32 bound = *flags & EXE_BOUND;

		if (bound && up == dentry && s->names)
			return; /* the root; before any name, a memfd is its own parent */
		if (!bound && dentry == READ(const void *, mnt, VFSMOUNT_MNT_ROOT_OFFSET)) {
			const void *mount = mnt - MOUNT_MNT_OFFSET;
			const void *parent = READ(const void *, mount, MOUNT_MNT_PARENT_OFFSET);

			if (parent == mount)
				return;
			if (up == dentry) {
				dentry = READ(const void *, mount, MOUNT_MNT_MOUNTPOINT_OFFSET);
				mnt = parent + MOUNT_MNT_OFFSET;
				continue;
			}
			*flags |= EXE_BOUND;
		}
		if (s->names >= EXE_NAMES ||
		    append_name(
			    s, READ(const char *, dentry, DENTRY_D_NAME_OFFSET + QSTR_NAME_OFFSET)))
			break;
		if (up == dentry) {
			*flags = (*flags & ~EXE_BOUND) | EXE_NAMELESS;
			return;
		}
		dentry = up;
	}
	append_mark(s);
}

/* Whether no name leads to it any more. */
static inline int is_deleted(const void *file)
{
	const void *inode = READ(const void *, file, FILE_F_INODE_OFFSET);

	return !READ(u32, inode, INODE_I_NLINK_OFFSET) ||
	       is_unlinked(READ(const void *, file, FILE_F_PATH_OFFSET + PATH_DENTRY_OFFSET));
}

static inline void copy_executable(struct scratch *s, const void *task)
{
	const void *mm = READ(const void *, task, TASK_MM_OFFSET);
	const void *file = READ(const void *, mm, MM_EXE_FILE_OFFSET);
	u64 begin = s->at;
	const void *inode, *block, *dentry;

	s->exec.exe_flags = is_deleted(file) ? EXE_DELETED : 0;
	for (int i = 0; i < OVERLAYS && s->exec.mnt_ns != FIRST_MNT_NS; i++)
		if (magic_of(file) == OVERLAYFS_SUPER_MAGIC)
			file = layer_file(file);
	inode = READ(const void *, file, FILE_F_INODE_OFFSET);
	block = READ(const void *, inode, INODE_I_SB_OFFSET);
	s->exec.exe_inode = READ(u64, inode, INODE_I_INO_OFFSET);
	s->exec.exe_device = READ(u32, block, SUPER_BLOCK_S_DEV_OFFSET);
	dentry = s->exec.mnt_ns == FIRST_MNT_NS ? dentry_of(file) : dentry_of_layer(file, inode);
	copy_executable_path(s, file, dentry);
	s->exec.exe_len = s->at - begin;
}

/* Of an attempt that failed. */
static inline void no_executable(struct exec_record *exec)
{
	exec->exe_inode = exec->exe_device = exec->exe_flags = exec->exe_len = 0;
}
