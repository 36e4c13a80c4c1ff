/* Calls of execve that are under way: noted at the entry, closed at the return or the exec.
 * Included by execdb.bpf.c where failed attempts are recorded.
 *
 * The caller's arguments are noted at the entry and read when the call returns: by then the kernel
 * has paged in what it looked at. What it did not look at may still be paged out, and is marked as
 * cut. */

#define AT_FDCWD (-100) /* uapi/linux/fcntl.h: relative to the current directory */

struct attempt {
	u64 filename;
	u64 argv;
	u64 pointer_size; /* of the caller: 4 for a 32-bit program */
	u64 mm;           /* the address space that `filename` and `argv` point into */
	u64 directory; /* descriptor that a relative filename starts from, as the caller gave it */
	char caller[COMM_LEN];
	char early[NAME_LEN]; /* the filename, as far as it could be read at the entry */
};

/* Task -> the call that it is in. The key is the address of the task, because a thread that execs
 * takes over the id of its leader. If a user keeps more calls open than there is room for, the
 * oldest ones are removed, which are that user's own. */
BPF_TABLE("lru_hash", u64, struct attempt, attempts, ATTEMPTS_MAX);

/* Nonzero while all programs are attached: with only some of them a note may never be closed. */
BPF_ARRAY(noting, u32, 1);

static inline int is_noting(void)
{
	u32 first = 0;
	u32 *found = noting.lookup(&first);

	return found && *found;
}

/* The call is over. Zero if there was none. */
static inline int close_attempt(u64 task, struct counters *count)
{
	if (attempts.delete(&task))
		return 0;
	count->open--;
	return 1;
}

/* A task that begins a call or ends cannot be in a call. If it has a note, the kernel did not run
 * `on_return` for it, as happens when too many tasks are within one function (kretprobe,
 * maxactive). */
static inline void drop_attempt(const void *task, struct counters *count)
{
	if (close_attempt((u64)task, count))
		count->untold++;
}

static inline int begin_attempt(u64 directory, u64 filename, u64 argv, u64 pointer_size)
{
	u64 task = bpf_get_current_task();
	struct attempt attempt = {};
	struct counters *count = counter();

	if (!count || !is_noting())
		return 0;
	drop_attempt((const void *)task, count);
	attempt.directory = directory;
	attempt.filename = filename;
	attempt.argv = argv;
	attempt.pointer_size = pointer_size;
	attempt.mm = READ(u64, task, TASK_MM_OFFSET);
	bpf_get_current_comm(attempt.caller, sizeof(attempt.caller));
	read_user_str(attempt.early, sizeof(attempt.early), (const void *)filename);
	if (!attempts.update(&task, &attempt))
		count->open++;
	return 0;
}

/* The call succeeded: its exec record names the caller. */
static inline void set_caller(struct exec_record *exec, const void *at, struct counters *count)
{
	u64 task = (u64)at;
	struct attempt *attempt = attempts.lookup(&task);

	if (!attempt)
		return;
	__builtin_memcpy(exec->caller, attempt->caller, sizeof(exec->caller));
	close_attempt(task, count);
}
