/* Where calls of execve begin and return: kprobes, or the tracepoints of these system calls.
 * Included by execdb.bpf.c where failed attempts are recorded. */

#define RESTART_FIRST 512 /* ERESTARTSYS ... */
#define RESTART_LAST 516  /* ... ERESTART_RESTARTBLOCK: include/linux/errno.h */

/* The call returned: submits a record if it failed. Zero is success, for which on_exec has submitted
 * a record, or a mere check (AT_EXECVE_CHECK), which ran nothing. A call that the kernel makes
 * again, or whose task is being killed, did not fail for its caller. If the call was not noted (a
 * seccomp filter refused it, or the note was removed), at least its result is recorded. */
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

/* The first argument of the system call's wrapper points to the caller's registers. */
#define ENTERED(ctx, offset) \
	READ(u64, *(const u64 *)((const char *)(ctx) + REGS_FIRST_OFFSET), offset)

int on_execve(void *ctx)
{
	return begin_attempt(AT_FDCWD, ENTERED(ctx, REGS_ARG1_OFFSET),
	                     ENTERED(ctx, REGS_ARG2_OFFSET), 8);
}

int on_execveat(void *ctx)
{
	return begin_attempt(ENTERED(ctx, REGS_ARG1_OFFSET), ENTERED(ctx, REGS_ARG2_OFFSET),
	                     ENTERED(ctx, REGS_ARG3_OFFSET), 8);
}

#ifdef REGS_COMPAT1_OFFSET
int on_compat_execve(void *ctx)
{
	return begin_attempt(AT_FDCWD, (u32)ENTERED(ctx, REGS_COMPAT1_OFFSET),
	                     (u32)ENTERED(ctx, REGS_COMPAT2_OFFSET), 4);
}

int on_compat_execveat(void *ctx)
{
	return begin_attempt(ENTERED(ctx, REGS_COMPAT1_OFFSET),
	                     (u32)ENTERED(ctx, REGS_COMPAT2_OFFSET),
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
	return begin_attempt(AT_FDCWD, ctx->arguments[0], ctx->arguments[1], 8);
}

int on_execveat(struct entered *ctx)
{
	return begin_attempt(ctx->arguments[0], ctx->arguments[1], ctx->arguments[2], 8);
}

int on_return(struct returned *ctx)
{
	return end_attempt(ctx, ctx->result);
}

#endif
