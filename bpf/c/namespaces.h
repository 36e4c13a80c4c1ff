/* The namespaces of a task, by the numbers that /proc/PID/ns shows (namespaces(7)). */

#define UPID_SIZE 16 /* of the elements of struct pid's `numbers` */

static inline void set_namespaces(struct exec_record *exec, const void *task, const void *cred)
{
	const void *pid = READ(const void *, task, TASK_THREAD_PID_OFFSET);
	u64 level = READ(u32, pid, PID_LEVEL_OFFSET) & 63; /* MAX_PID_NS_LEVEL is 32 */
	const void *own = pid + PID_NUMBERS_OFFSET + level * UPID_SIZE;
	const void *proxy = READ(const void *, task, TASK_NSPROXY_OFFSET);
	const void *mounts = READ(const void *, proxy, NSPROXY_MNT_NS_OFFSET);
	const void *user = READ(const void *, cred, CRED_USER_NS_OFFSET);

	exec->ns_pid = READ(u32, own, UPID_NR_OFFSET);
	exec->pid_ns = READ(u32, READ(const void *, own, UPID_NS_OFFSET),
	                    PID_NAMESPACE_NS_OFFSET + NS_COMMON_INUM_OFFSET);
	exec->mnt_ns = READ(u32, mounts, MNT_NAMESPACE_NS_OFFSET + NS_COMMON_INUM_OFFSET);
	exec->user_ns = READ(u32, user, USER_NAMESPACE_NS_OFFSET + NS_COMMON_INUM_OFFSET);
}
