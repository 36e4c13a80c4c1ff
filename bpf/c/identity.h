/* Who executes: process, parent, user, login, terminal, and the message for the user.
 * Included by execdb.bpf.c. */

static inline void set_message(struct exec_record *exec)
{
	u32 uid = exec->uid;
	u32 first = 0;
	u32 *number = generation.lookup(&first);
	struct message *found = config.lookup(&uid);

	if (!found)
		found = fallback.lookup(&first);
	if (found)
		exec->message = *found;
	exec->config_generation = number ? *number : 0;
}

/* The login uid and session that the audit subsystem has recorded, and the terminal. */
static inline void set_login(struct exec_record *exec, const void *task)
{
	const void *signal = READ(const void *, task, TASK_SIGNAL_OFFSET);
	const void *tty = READ(const void *, signal, SIGNAL_TTY_OFFSET);

#ifdef TASK_LOGINUID_OFFSET
	exec->loginuid = READ(u32, task, TASK_LOGINUID_OFFSET);
	exec->sessionid = READ(u32, task, TASK_SESSIONID_OFFSET);
#else
	exec->loginuid = exec->sessionid = -1;
#endif
	__builtin_memset(exec->tty, 0, sizeof(exec->tty)); /* user space compares all its bytes */
	if (tty)
		read_kernel_str(exec->tty, sizeof(exec->tty), tty + TTY_NAME_OFFSET);
}

static inline void set_identity(struct exec_record *exec, const void *task)
{
	u64 uid_gid = bpf_get_current_uid_gid();
	const void *parent = READ(const void *, task, TASK_REAL_PARENT_OFFSET);
	const void *cred = READ(const void *, task, TASK_CRED_OFFSET);

	exec->boot_ns = bpf_ktime_get_boot_ns();
	exec->pid = bpf_get_current_pid_tgid() >> 32;
	exec->ppid = READ(u32, parent, TASK_TGID_OFFSET);
	exec->uid = uid_gid;
	exec->gid = uid_gid >> 32;
	exec->euid = READ(u32, cred, CRED_EUID_OFFSET);
	exec->flags = exec->truncated = 0;
	set_namespaces(exec, task, cred);
	bpf_get_current_comm(exec->comm, sizeof(exec->comm));
	set_login(exec, task);
	set_message(exec);
}

/* The image that called execve: what this process ran until now, or, if it has run nothing of its
 * own yet, what the process ran from which it was forked. */
static inline void set_parent(struct exec_record *exec)
{
	u32 pid = exec->pid;
	struct image *parent = images.lookup(&pid);

	exec->parent_boot_ns = parent ? parent->boot_ns : 0;
	exec->parent_pid = parent ? parent->pid : 0;
	if (parent && parent->own)
		exec->flags |= FLAG_REPLACES;
}
