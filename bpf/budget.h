/* How many bytes a user may submit in a second, and the whole machine: who starts programs with long
 * arguments all the time must not push the execs of others out of the rings and out of the file.
 * Beyond that arguments are cut, never the exec. Included by execdb.bpf.c.
 *
 * A user is who logged in, if audit knows that: `sudo`, set-user-id programs and user namespaces,
 * which give everyone thousands of uids, change nothing about it. Else it is the real uid.
 * Compiled in with BUDGET, in bytes a second.
 */

static inline void begin_data(struct scratch *s);
static inline void charge(struct scratch *s, struct counters *count);

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
	return exec->loginuid == (u32)-1 ? exec->uid : exec->loginuid;
}

static inline void begin_data(struct scratch *s)
{
	u32 first = 0, who = payer(&s->exec);
	struct budget *own = budgets.lookup(&who), *all = everybody.lookup(&first);

	s->at = s->cut = s->tight = 0;
	if (own) {
		fill(own, s->exec.boot_ns, BUDGET);
		s->tight = own->bytes < 0;
	}
	if (all) {
		fill(all, s->exec.boot_ns, EVERYBODY * (u64)BUDGET);
		s->tight |= all->bytes < 0;
	}
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
	if (s->cut)
		__sync_fetch_and_add(&own->cut, 1);
	if (bytes > 0) {
		__sync_fetch_and_add(&own->bytes, -bytes);
		__sync_fetch_and_add(&all->bytes, -bytes);
	}
}

#else

static inline void begin_data(struct scratch *s)
{
	s->at = s->cut = s->tight = 0;
}

static inline void charge(struct scratch *s, struct counters *count)
{
}

#endif
