/* How images end. Included by execdb.bpf.c. */

/* The image that the process ran until now has ended, but the record that would say so is lost:
 * submits a record of the end alone. */
static inline void end_replaced(void *ctx, const struct exec_record *exec, struct counters *count)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct end_record *end = ending.lookup(&cpu);

	if (!(exec->flags & FLAG_REPLACES) || !end)
		return;
	end->boot_ns = exec->boot_ns;
	end->image_boot_ns = exec->parent_boot_ns;
	end->image_pid = exec->parent_pid;
	end->kind = KIND_END;
	end->status = REPLACED;
	end->cpu_ns = exec->replaced_cpu_ns;
	end->max_rss_kb = exec->max_rss_kb;
	if (hand_over(ctx, end, sizeof(*end), count))
		count->ends_lost++;
}

/* An exec that gets no record: what it replaces has ended, and what it starts has the nearest image
 * that was recorded as its parent. */
static inline void end_left_out(void *ctx, const struct exec_record *exec, struct counters *count)
{
	u32 pid = exec->pid;
	struct image *image = images.lookup(&pid);

	end_replaced(ctx, exec, count);
	if (image)
		image->own = 0;
}

/* The status that wait(2) will return for the process (kernel/exit.c, wait_task_zombie). */
static inline u32 wait_status(const void *task)
{
	const void *signal = READ(const void *, task, TASK_SIGNAL_OFFSET);

	if (READ(u32, signal, SIGNAL_FLAGS_OFFSET) & 4) /* SIGNAL_GROUP_EXIT */
		return READ(u32, signal, SIGNAL_GROUP_EXIT_CODE_OFFSET);
	return READ(u32, READ(const void *, task, TASK_GROUP_LEADER_OFFSET), TASK_EXIT_CODE_OFFSET);
}

/* Whether this is the last thread of its process. */
static inline int group_dead(struct bpf_raw_tracepoint_args *ctx, const void *task)
{
#ifdef EXIT_TELLS_GROUP_DEAD
	return ctx->args[1] & 1;
#else
	const void *signal = READ(const void *, task, TASK_SIGNAL_OFFSET);

	return READ(u32, signal, SIGNAL_LIVE_OFFSET) == 0;
#endif
}
