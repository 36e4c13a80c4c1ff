/* What a process has used so far: CPU time and its peak resident size, as getrusage(2) counts them.
 *
 * The kernel adds a thread's time to its process when the thread is released. The last threads
 * may end at the same moment, and a leader that ended before them is kept, so their
 * times are added here. A thread's own time is brought up to date at each clock tick and when it is
 * put aside. What is missing since then (exec_start) is the same clock's time that passed, but that
 * clock cannot be read here. The boot clock is ahead of it by an amount that hardly changes within a
 * second on one CPU, so the change of `ahead_ns` between two moments is the time that is missing. */

#define THREADS_LEFT 32 /* looked at; of more that end at the same moment the times are not seen */

static inline u64 own_cpu_ns(const void *task)
{
	return READ(u64, task, TASK_SE_OFFSET + SCHED_ENTITY_SUM_EXEC_RUNTIME_OFFSET);
}

/* Threads that have ended and are not released. */
static inline u64 unreleased_cpu_ns(const void *signal, const void *task)
{
	const void *head = signal + SIGNAL_THREAD_HEAD_OFFSET;
	const void *node = READ(const void *, head, LIST_HEAD_NEXT_OFFSET);
	u64 sum_ns = 0;

	for (int i = 0; i < THREADS_LEFT; i++) {
		const void *thread = node - TASK_THREAD_NODE_OFFSET;

		if (node == head)
			break;
		if (thread != task)
			sum_ns += own_cpu_ns(thread);
		node = READ(const void *, node, LIST_HEAD_NEXT_OFFSET);
	}
	return sum_ns;
}

static inline u64 cpu_ns(const void *signal, const void *task)
{
	u64 sum_ns = READ(u64, signal, SIGNAL_SUM_SCHED_RUNTIME_OFFSET) + own_cpu_ns(task);

	if (READ(u32, signal, SIGNAL_NR_THREADS_OFFSET) > 1)
		sum_ns += unreleased_cpu_ns(signal, task);
	return sum_ns;
}

#define STEADY_NS (1ULL << 30) /* how long the two clocks hardly drift apart */
#define TICK_NS 10000000LL     /* the longest clock tick: more is not missing */

/* How far the boot clock is ahead of when the task's own time was brought up to date. */
static inline u64 ahead_ns(const void *task, u64 boot_ns)
{
	return boot_ns - READ(u64, task, TASK_SE_OFFSET + SCHED_ENTITY_EXEC_START_OFFSET);
}

static inline u32 max_rss_kb(const void *signal)
{
	return READ(u64, signal, SIGNAL_MAXRSS_OFFSET) * (PAGE_SIZE / 1024);
}

/* At an exec: what the process has used. */
static inline void set_begin(struct image *image, const void *task)
{
	const void *signal = READ(const void *, task, TASK_SIGNAL_OFFSET);

	image->cpu_ns = cpu_ns(signal, task);
	image->ahead_ns = ahead_ns(task, image->boot_ns);
	image->cpu = bpf_get_smp_processor_id();
}

/* What an image used that began as `began` and ends as its process is as in `now`. */
static inline u64 share_ns(const struct image *began, const struct image *now)
{
	s64 missing_ns = now->ahead_ns - began->ahead_ns;
	s64 used_ns = now->cpu_ns - began->cpu_ns;

	if (began->cpu_ns == CPU_UNKNOWN)
		return CPU_UNKNOWN;
	if (now->cpu == began->cpu && now->boot_ns - began->boot_ns < STEADY_NS &&
	    missing_ns < TICK_NS && missing_ns > -TICK_NS)
		used_ns += missing_ns;
	return used_ns < 0 ? 0 : used_ns;
}

/* At an exec, after which the process runs `image`: the cost of what ended with it. */
static inline void set_cost(struct exec_record *exec, const struct image *image, const void *task)
{
	const void *signal = READ(const void *, task, TASK_SIGNAL_OFFSET);
	u32 pid = exec->pid;
	struct image *before = images.lookup(&pid);

	exec->max_rss_kb = max_rss_kb(signal);
	exec->replaced_cpu_ns = before && before->own ? share_ns(before, image) : CPU_UNKNOWN;
}

/* Of an attempt that failed: nothing ended with it. */
static inline void no_cost(struct exec_record *exec)
{
	exec->replaced_cpu_ns = CPU_UNKNOWN;
	exec->max_rss_kb = 0;
}

/* At the end of the image that began as `began`. */
static inline void set_end_cost(struct end_record *end, const void *task, const struct image *began)
{
	const void *signal = READ(const void *, task, TASK_SIGNAL_OFFSET);
	struct image now = {.boot_ns = end->boot_ns};

	set_begin(&now, task);
	end->cpu_ns = share_ns(began, &now);
	end->max_rss_kb = max_rss_kb(signal);
}
