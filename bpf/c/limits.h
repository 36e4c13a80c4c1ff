/* How much of each user is recorded in a second: the limits of the config. Included by execdb.bpf.c.
 *
 * A limit on execs is a token bucket for each real uid: what is beyond is counted, not recorded. The
 * login uid does not matter, because a process without one may choose any. Limits on bytes are in
 * budget.h. */

#define LIMITS_MAX 1024
#define UNLIMITED ((u64)-1)
#define SECOND_NS 1000000000ULL
#define STEP_NS 1000000ULL /* filled no more often, so that two CPUs rarely do it at once */

/* A value of the map `limits`. In each part, 0: as in `limit`, and UNLIMITED: without limit. */
struct limit {
	u64 execs; /* a second */
	u64 bytes; /* a second */
};

/* Of users without a limit of their own. In each part 0: without limit. */
struct common_limit {
	struct limit limit;
	u64 users; /* how many have a limit of their own */
};

struct exec_budget {
	s64 left;      /* in execs / SECOND_NS */
	u64 filled_ns; /* when something was last added, CLOCK_BOOTTIME */
	u64 filtered;  /* execs of this user that were left out, since the load */
};

BPF_HASH(limits, u32, struct limit, LIMITS_MAX);
BPF_ARRAY(limit, struct common_limit, 1);
BPF_TABLE("lru_hash", u32, struct exec_budget, exec_budgets, 4096);

/* Notes in the scratch which limits hold for this record. */
static inline void set_limits(struct scratch *s)
{
	u32 first = 0, uid = s->exec.uid;
	struct common_limit *common = limit.lookup(&first);
	struct limit *own = 0;

	s->execs_max = s->bytes_max = s->own_bytes = 0;
	if (!common)
		return;
	s->execs_max = common->limit.execs;
	s->bytes_max = common->limit.bytes;
	if (common->users)
		own = limits.lookup(&uid);
	if (!own)
		return;
	if (own->execs)
		s->execs_max = own->execs == UNLIMITED ? 0 : own->execs;
	if (own->bytes) {
		s->bytes_max = own->bytes == UNLIMITED ? 0 : own->bytes;
		s->own_bytes = 1;
	}
}

/* Whether this exec is beyond its user's limit; counts it. */
static inline int is_beyond(struct scratch *s)
{
	u32 uid = s->exec.uid;
	s64 most = s->execs_max * SECOND_NS;
	struct exec_budget fresh = {.left = most, .filled_ns = s->exec.boot_ns};
	struct exec_budget *budget;
	u64 passed_ns;

	if (!most)
		return 0;
	budget = exec_budgets.lookup(&uid);
	if (!budget) {
		exec_budgets.insert(&uid, &fresh);
		budget = exec_budgets.lookup(&uid);
		if (!budget)
			return 0;
	}
	passed_ns = s->exec.boot_ns - budget->filled_ns;
	if (s->exec.boot_ns > budget->filled_ns && passed_ns >= STEP_NS) {
		budget->filled_ns = s->exec.boot_ns;
		if (passed_ns < SECOND_NS)
			__sync_fetch_and_add(&budget->left, passed_ns * s->execs_max);
		else
			budget->left = most;
		if (budget->left > most)
			budget->left = most;
	}
	if (budget->left < (s64)SECOND_NS) {
		__sync_fetch_and_add(&budget->filtered, 1);
		return 1;
	}
	__sync_fetch_and_add(&budget->left, -(s64)SECOND_NS);
	return 0;
}

/* Whether this exec, or attempt, gets no record. `filename` is in kernel memory. Call `set_limits`
 * before. */
static inline int is_left_out(struct scratch *s, const char *filename, struct counters *count)
{
	if (!is_ignored(s, filename) && !is_beyond(s))
		return 0;
	count->filtered++;
	return 1;
}
