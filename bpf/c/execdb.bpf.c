/* The programs in the kernel: one record for every exec, and one for the end of its image.
 *
 * No kernel header is included. Constants named *_OFFSET come from the running kernel's BTF as -D
 * flags (bpf/offsets.py), kernel memory is read with explicit helpers, and bpf/c/headers satisfies
 * what BCC itself includes.
 *
 * Lengths are u64 and clamped right before use: LLVM emits cpu v1 code for BCC, and the verifier
 * loses the bounds of anything narrower.
 *
 * bpf/loading/source.py inserts the headers below before BCC compiles the program, because BCC translates
 * map accesses (`map.lookup(...)`) in the main file only. Each header uses those above it.
 */
#include "execdb.h"
#include "scratch.h"
#include "namespaces.h"
#include "cost.h"
#include "identity.h"
#include "submit.h"
#include "rules.h"
#include "limits.h"
#include "budget.h"
#include "command.h"
#include "cwd_cgroup.h"
#include "executable.h"
#include "ends.h"

#ifdef ATTEMPTS
#include "attempt_notes.h"
#include "attempt_record.h"
#include "attempt_hooks.h"
#endif

int on_exec(struct bpf_raw_tracepoint_args *ctx) /* task, old_pid, bprm */
{
	const void *task = (const void *)ctx->args[0];
	const void *bprm = (const void *)ctx->args[2];
	const char *filename = READ(const char *, bprm, BPRM_FILENAME_OFFSET);
	struct counters *count = counter();
	struct scratch *s = own_scratch();
	struct image image = {};

	if (!count || !s)
		return 0;
	count->seen++;

	set_identity(&s->exec, task);
	set_parent(&s->exec);
	image.boot_ns = s->exec.boot_ns;
	image.pid = s->exec.pid;
	image.own = 1;
	set_begin(&image, task);
	set_cost(&s->exec, &image, task);
	s->exec.kind = KIND_EXEC;
	s->exec.error = 0;
	s->exec.argc = READ(u32, bprm, BPRM_ARGC_OFFSET);
	__builtin_memset(s->exec.caller, 0, sizeof(s->exec.caller));
#ifdef ATTEMPTS
	set_caller(&s->exec, task, count);
#endif
	set_limits(s);
	if (is_left_out(s, filename, count)) {
		end_left_out(ctx, &s->exec, count);
		return 0;
	}
	begin_data(s, count);
	append_filename(s, filename);
	append_args(s, task);
	copy_where(s, task);
	copy_executable(s, task);
	s->exec.where_len = s->at - s->exec.filename_len - s->exec.args_len;
	charge(s, count);

	if (submit(ctx, s, count)) {
		count->lost++;
		end_replaced(ctx, &s->exec, count);
		images.delete(&image.pid); /* nothing may refer to a row that will not exist */
	} else if (images.update(&image.pid, &image)) {
		count->untracked++;
	}
	return 0;
}

/* A new process runs the image of the process that forked it. */
int on_fork(struct bpf_raw_tracepoint_args *ctx) /* parent, child */
{
	const void *child = (const void *)ctx->args[1];
	u32 pid = READ(u32, child, TASK_PID_OFFSET);
	u32 parent = bpf_get_current_pid_tgid() >> 32;
	struct counters *count = counter();
	struct image *image;
	struct image copy;

	if (pid != READ(u32, child, TASK_TGID_OFFSET))
		return 0; /* a new thread, not a new process */
	image = images.lookup(&parent);
	if (!image) {
		images.delete(&pid); /* may be left from an earlier process with this pid */
		return 0;
	}
	copy = *image;
	copy.own = 0;
	if (images.update(&pid, &copy) && count)
		count->untracked++;
	return 0;
}

int on_exit(struct bpf_raw_tracepoint_args *ctx) /* task, group_dead on newer kernels */
{
	const void *task = (const void *)ctx->args[0];
	u32 cpu = bpf_get_smp_processor_id();
	u32 pid = bpf_get_current_pid_tgid() >> 32;
	struct end_record *end = ending.lookup(&cpu);
	struct counters *count = counter();
	struct image *image, began;

	if (!end || !count)
		return 0;
#ifdef ATTEMPTS
	drop_attempt(task, count);
#endif
	if (!group_dead(ctx, task))
		return 0;
	image = images.lookup(&pid);
	if (!image)
		return 0;
	began = *image;
	if (images.delete(&pid)) /* two threads may be last at once: the first one submits */
		return 0;
	if (!began.own)
		return 0; /* forked and never exec'd: user space has no row for it */
	end->boot_ns = bpf_ktime_get_boot_ns();
	end->image_boot_ns = began.boot_ns;
	end->image_pid = pid;
	end->kind = KIND_END;
	end->status = wait_status(task);
	set_end_cost(end, task, &began);
	if (hand_over(ctx, end, sizeof(*end), count))
		count->ends_lost++;
	return 0;
}
