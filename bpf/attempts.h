/* Attempts: what called execve, and how it failed. Compiled in only where they are asked for.
 *
 * The caller's arguments are noted at the entry and read when the call returns: by then the
 * kernel has paged in what it looked at. What it did not look at may still be out, and
 * is marked as cut. Included by execdb.bpf.c. */

#define ATTEMPT_ARGS 256    /* arguments copied */
#define ATTEMPT_ARGC 512     /* arguments counted; each costs the verifier time at every start */
#define ATTEMPT_ARG_MAX 4096

struct attempt {
	u64 filename;
	u64 argv;
	u64 pointer_size;   /* of the caller: 4 for a 32-bit program */
	char caller[COMM_LEN];
};

BPF_HASH(attempts, u32, struct attempt, 16384); /* thread -> the call it is in */

static inline int begin_attempt(u64 filename, u64 argv, u64 pointer_size)
{
	u32 thread = bpf_get_current_pid_tgid();
	struct attempt attempt = {};

	attempt.filename = filename;
	attempt.argv = argv;
	attempt.pointer_size = pointer_size;
	bpf_get_current_comm(attempt.caller, sizeof(attempt.caller));
	attempts.update(&thread, &attempt);
	return 0;
}

static inline void forget_attempt(void)
{
	u32 thread = bpf_get_current_pid_tgid();

	attempts.delete(&thread);
}

/* The call succeeded. A thread that is not the leader has taken over the leader's id by now,
 * so the id it called with is asked for. */
static inline void set_caller(struct exec_record *exec, u64 old_pid)
{
	u32 thread = old_pid;
	struct attempt *attempt = attempts.lookup(&thread);

	if (!attempt)
		return;
	__builtin_memcpy(exec->caller, attempt->caller, sizeof(exec->caller));
	attempts.delete(&thread);
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

	if (at <= FILENAME_MAX + ARGS_MAX - ATTEMPT_ARG_MAX)
		length = bpf_probe_read_user_str(s->data + at, ATTEMPT_ARG_MAX,
						 (const void *)pointer);
	if (length > 0)
		s->at = at + length;
	if (length <= 0 || length == ATTEMPT_ARG_MAX)
		s->exec.truncated = 1;
}

static inline void append_attempted_args(struct scratch *s, const struct attempt *attempt)
{
	u64 argc = 0;

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
}

/* The call returned: a record if it failed. Zero is success, whose record on_exec has
 * submitted, or a mere check (AT_EXECVE_CHECK), which ran nothing. */
static inline int end_attempt(void *ctx, long result)
{
	u32 thread = bpf_get_current_pid_tgid();
	const void *task = (const void *)bpf_get_current_task();
	struct attempt *attempt = attempts.lookup(&thread);
	struct counters *count = counter();
	struct scratch *s = own_scratch();
	long length;

	if (!attempt || !count || !s)
		return 0;
	if (result >= 0) {
		attempts.delete(&thread);
		return 0;
	}
	count->seen++;
	set_identity(&s->exec, task);
	set_parent(&s->exec);
	s->exec.flags = 0; /* nothing was replaced */
	s->exec.kind = KIND_ATTEMPT;
	s->exec.error = -result;
	__builtin_memcpy(s->exec.caller, attempt->caller, sizeof(s->exec.caller));
	length = bpf_probe_read_user_str(s->data, FILENAME_MAX, (const void *)attempt->filename);
	s->at = length > 0 ? length : 0;
	s->exec.filename_len = s->at;
	append_attempted_args(s, attempt);
	s->exec.args_len = s->at - s->exec.filename_len;
	copy_where(s, task);
	s->exec.where_len = s->at - s->exec.filename_len - s->exec.args_len;
	if (submit(ctx, s))
		count->lost++;
	attempts.delete(&thread);
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
