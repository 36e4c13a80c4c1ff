/* Attempts: what called execve, and how it failed. Compiled in only where they are asked for.
 *
 * The caller's arguments are noted at the entry and read when the call returns: by then the
 * kernel has paged in what it looked at. What it did not look at may still be out, and
 * is marked as cut. Included by execdb.bpf.c. */

#define ATTEMPT_ARGS 256    /* arguments copied */
#define ATTEMPT_ARGC 512     /* arguments counted; each costs the verifier time at every start */
#define ATTEMPT_ARG_MAX 4096
#define RESTART_FIRST 512    /* ERESTARTSYS ... */
#define RESTART_LAST 516     /* ... ERESTART_RESTARTBLOCK: include/linux/errno.h */

struct attempt {
	u64 filename;
	u64 argv;
	u64 pointer_size;   /* of the caller: 4 for a 32-bit program */
	u64 mm;             /* the memory that these point into */
	char caller[COMM_LEN];
	char early[NAME_LEN]; /* the filename as far as it could be read at once */
};

/* Task -> the call it is in. By the address of the task, since a thread that execs takes over its
 * leader's id on the way. Who keeps more calls open than there is room for pushes out
 * the oldest ones, which are his own. */
BPF_TABLE("lru_hash", u64, struct attempt, attempts, ATTEMPTS_MAX);

/* Nonzero while all the programs are attached, and not some of them. */
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

/* Whether the task is in a call still, which cannot be: the kernel did not run `on_return` for it, as
 * it does when too many tasks are within one function (kretprobe, maxactive). */
static inline void drop_attempt(const void *task, struct counters *count)
{
	if (close_attempt((u64)task, count))
		count->untold++;
}

static inline int begin_attempt(u64 filename, u64 argv, u64 pointer_size)
{
	u64 task = bpf_get_current_task();
	struct attempt attempt = {};
	struct counters *count = counter();

	if (!count || !is_noting())
		return 0;
	drop_attempt((const void *)task, count);
	attempt.filename = filename;
	attempt.argv = argv;
	attempt.pointer_size = pointer_size;
	attempt.mm = READ(u64, task, TASK_MM_OFFSET);
	bpf_get_current_comm(attempt.caller, sizeof(attempt.caller));
	bpf_probe_read_user_str(attempt.early, sizeof(attempt.early), (const void *)filename);
	if (!attempts.update(&task, &attempt))
		count->open++;
	return 0;
}

/* The call succeeded. */
static inline void set_caller(struct exec_record *exec, const void *at, struct counters *count)
{
	u64 task = (u64)at;
	struct attempt *attempt = attempts.lookup(&task);

	if (!attempt)
		return;
	__builtin_memcpy(exec->caller, attempt->caller, sizeof(exec->caller));
	close_attempt(task, count);
}

/* The next pointer of the caller's argv; 0 at its end, -1 where it cannot be read. */
static inline u64 argument(const struct attempt *attempt, u64 number)
{
	u64 pointer = 0;
	u64 size = attempt->pointer_size == 4 ? 4 : 8; /* 4 on little-endian machines only */

	if (!attempt->argv)
		return 0;
	if (bpf_probe_read_user(&pointer, size, (const void *)(attempt->argv + number * size)))
		return -1;
	return pointer;
}

/* Appends one argument; marks what was cut. */
static inline void append_argument(struct scratch *s, u64 pointer)
{
	u64 at = s->at;
	long length = 0;

	if (at <= FILENAME_ROOM + ARGS_ROOM - ATTEMPT_ARG_MAX)
		length = bpf_probe_read_user_str(s->data + at, ATTEMPT_ARG_MAX,
						 (const void *)pointer);
	if (length > 0)
		s->at = at + length;
	if (length <= 0 || length == ATTEMPT_ARG_MAX)
		s->exec.truncated = 1;
}

static inline void append_attempted_args(struct scratch *s, const struct attempt *attempt)
{
	u64 argc = 0, begin = s->at, room = part_room(s, ARGS_ROOM);

	for (int i = 0; i < ATTEMPT_ARGC; i++) {
		u64 pointer = argument(attempt, i);

		if (pointer == (u64)-1)
			s->exec.truncated = 1;
		if (!pointer || pointer == (u64)-1)
			break;
		argc++;
		if (i < ATTEMPT_ARGS && !s->exec.truncated)
			append_argument(s, pointer);
	}
	if (argc > ATTEMPT_ARGS)
		s->exec.truncated = 1;
	s->exec.argc = argc;
	if (s->at > begin + room) {
		s->at = begin + room;
		s->exec.truncated = s->cut = 1;
	}
}

/* What the caller asked for. Once its memory is another one (a failure behind the point of no
 * return, which kills it) whatever stands there is not what was asked for: then only what was
 * read at the entry is known. */
static inline void append_asked(struct scratch *s, const struct attempt *attempt)
{
	long length = 0;

	if (!attempt) {
		s->exec.truncated = 1;
	} else if (attempt->mm == READ(u64, bpf_get_current_task(), TASK_MM_OFFSET)) {
		length = bpf_probe_read_user_str(s->data, FILENAME_ROOM,
						 (const void *)attempt->filename);
		if (length == FILENAME_ROOM)
			s->exec.truncated = 1; /* longer than any that exists */
		s->at = length > 0 ? length : 0;
		s->exec.filename_len = s->at;
		append_attempted_args(s, attempt);
	} else {
		s->exec.truncated = 1;
		append(s, attempt->early, NAME_LEN);
		s->exec.filename_len = s->at;
	}
}

static inline void tell_attempt(void *ctx, u32 error, const struct attempt *attempt)
{
	const void *task = (const void *)bpf_get_current_task();
	struct counters *count = counter();
	struct scratch *s = own_scratch();

	if (!count || !s)
		return;
	count->seen++;
	set_identity(&s->exec, task);
	set_parent(&s->exec);
	s->exec.flags = 0; /* nothing was replaced */
	s->exec.kind = KIND_ATTEMPT;
	s->exec.error = error;
	s->exec.argc = s->exec.filename_len = 0;
	if (attempt) /* the task may have another name by now */
		__builtin_memcpy(s->exec.comm, attempt->caller, sizeof(s->exec.comm));
	__builtin_memcpy(s->exec.caller, s->exec.comm, sizeof(s->exec.caller));
	begin_data(s, count);
	append_asked(s, attempt);
	s->exec.args_len = s->at - s->exec.filename_len;
	copy_where(s, task);
	s->exec.where_len = s->at - s->exec.filename_len - s->exec.args_len;
	charge(s, count);
	if (submit(ctx, s, count))
		count->lost++;
}

/* The call returned: a record if it failed. Zero is success, whose record on_exec has
 * submitted, or a mere check (AT_EXECVE_CHECK), which ran nothing. A call that the kernel makes
 * again, or whose task is being killed, has failed for nobody. Without a note of its begin (a filter of
 * seccomp refused it, or the note was pushed out) there is at least its result. */
static inline int end_attempt(void *ctx, long result)
{
	u64 task = bpf_get_current_task();
	struct attempt *attempt = attempts.lookup(&task);
	struct counters *count = counter();

	if (!attempt && !is_noting())
		return 0;
	if (result < 0 && !(result <= -RESTART_FIRST && result >= -RESTART_LAST))
		tell_attempt(ctx, -result, attempt);
	if (attempt && count)
		close_attempt(task, count);
	return 0;
}

#ifdef KPROBES

/* The system call's own arguments are in the registers that its wrapper is handed. */
#define ENTERED(ctx, offset) \
	READ(u64, *(const u64 *)((const char *)(ctx) + REGS_FIRST_OFFSET), offset)

int on_execve(void *ctx)
{
	return begin_attempt(ENTERED(ctx, REGS_ARG1_OFFSET), ENTERED(ctx, REGS_ARG2_OFFSET), 8);
}

int on_execveat(void *ctx)
{
	return begin_attempt(ENTERED(ctx, REGS_ARG2_OFFSET), ENTERED(ctx, REGS_ARG3_OFFSET), 8);
}

#ifdef REGS_COMPAT1_OFFSET
int on_compat_execve(void *ctx)
{
	return begin_attempt((u32)ENTERED(ctx, REGS_COMPAT1_OFFSET),
			     (u32)ENTERED(ctx, REGS_COMPAT2_OFFSET), 4);
}

int on_compat_execveat(void *ctx)
{
	return begin_attempt((u32)ENTERED(ctx, REGS_COMPAT2_OFFSET),
			     (u32)ENTERED(ctx, REGS_COMPAT3_OFFSET), 4);
}
#endif

int on_return(void *ctx)
{
	return end_attempt(ctx, *(const long *)((const char *)ctx + REGS_RESULT_OFFSET));
}

#else

/* As in tracefs, events/syscalls/sys_enter_execve/format and sys_exit_execve/format. */
struct entered {
	u64 common;
	u64 number;
	u64 arguments[6];
};

struct returned {
	u64 common;
	u64 number;
	long result;
};

int on_execve(struct entered *ctx)
{
	return begin_attempt(ctx->arguments[0], ctx->arguments[1], 8);
}

int on_execveat(struct entered *ctx)
{
	return begin_attempt(ctx->arguments[1], ctx->arguments[2], 8);
}

int on_return(struct returned *ctx)
{
	return end_attempt(ctx, ctx->result);
}

#endif
