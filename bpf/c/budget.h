/* How long a record may be: who starts programs with long arguments all the time must not push the
 * execs of others out of the rings and out of the file. Parts are cut, never the exec. Included by
 * execdb.bpf.c.
 *
 * First, a ring: while it fills, each part of a record may take half of what is left of its first
 * half. The second half is for short ones.
 *
 * Second, a user, and the whole machine: so many bytes in a second. A user is a real uid. Who logged
 * in has one more budget for all other uids together: `sudo`, and user namespaces, which give
 * everyone thousands of uids. (Not the login uid alone: who has none may choose one, and would use
 * up someone else's.) The machine's budget bounds who has many all the same. Compiled in with
 * BUDGET, in bytes a second.
 */

#ifdef BUDGET

#define SAVED_S 4          /* what was not used is saved for so long */
#define EVERYBODY 8        /* the machine's budget, in those of one user */
#define STEP_NS 1000000ULL /* not filled more often: two CPUs hardly ever do it at the same time */

BPF_TABLE("lru_hash", u32, struct budget, budgets, 4096);
BPF_ARRAY(everybody, struct budget, 1);

/* Adds what has come since the last time. Two CPUs may do so at once and one of them add too much,
 * or take no notice of what the other has taken: a record's worth. */
static inline void fill(struct budget *budget, u64 now_ns, u64 rate)
{
	s64 most = SAVED_S * rate;
	u64 passed_ns = now_ns - budget->filled_ns;

	if (now_ns < budget->filled_ns || passed_ns < STEP_NS)
		return;
	budget->filled_ns = now_ns;
	if (passed_ns < SAVED_S * 1000000000ULL)
		__sync_fetch_and_add(&budget->bytes, passed_ns / 1000 * rate / 1000000);
	else
		budget->bytes = most;
	if (budget->bytes > most)
		budget->bytes = most;
}

static inline u32 payer(const struct exec_record *exec)
{
	if (exec->loginuid == (u32)-1 || exec->loginuid == exec->uid)
		return exec->uid;
	return exec->loginuid | OTHER_UIDS;
}

/* Whether the record must be short; notes whether that is for its user's own budget. */
static inline int is_over(struct scratch *s)
{
	u32 first = 0, who = payer(&s->exec);
	struct budget *own = budgets.lookup(&who), *all = everybody.lookup(&first);

	if (own)
		fill(own, s->exec.boot_ns, BUDGET);
	if (all)
		fill(all, s->exec.boot_ns, EVERYBODY * (u64)BUDGET);
	s->over = own && own->bytes < 0;
	return s->over || (all && all->bytes < 0);
}

/* What stands in the record now, beyond what is free: ordinary execs are over in a comparison. */
static inline void charge(struct scratch *s, struct counters *count)
{
	u32 first = 0, who = payer(&s->exec);
	s64 bytes = s->at - FREE_BYTES;
	struct budget fresh = {.bytes = SAVED_S * (u64)BUDGET, .filled_ns = s->exec.boot_ns};
	struct budget *own, *all;

	if (s->cut)
		count->cut++;
	else if (s->at <= FREE_BYTES)
		return;
	own = budgets.lookup(&who);
	if (!own) {
		budgets.insert(&who, &fresh);
		own = budgets.lookup(&who);
	}
	all = everybody.lookup(&first);
	if (!own || !all)
		return;
	if (s->cut && s->over)
		__sync_fetch_and_add(&own->cut, 1);
	if (bytes > 0) {
		__sync_fetch_and_add(&own->bytes, -bytes);
		__sync_fetch_and_add(&all->bytes, -bytes);
	}
}

#else

static inline int is_over(struct scratch *s)
{
	return 0;
}

static inline void charge(struct scratch *s, struct counters *count)
{
	if (s->cut)
		count->cut++;
}

#endif

static inline void begin_data(struct scratch *s, const struct counters *count)
{
	u32 cpu = bpf_get_smp_processor_id();
	u64 *read = drained.lookup(&cpu);

	s->at = s->cut = s->left = 0;
	if (!is_over(s) && read)
		s->left = RING_BYTES / 2 - (s64)(count->submitted - *read);
}

/* How many bytes of at most `most` the next part may have. */
static inline u64 part_room(const struct scratch *s, u64 most)
{
	s64 half = (s->left - (s64)s->at) >> 1;
	u64 room = half > CUT ? half : CUT;

	return room < most ? room : most;
}
