/* How long a record may be: a user who keeps starting programs with long arguments must not push the
 * execs of others out of the rings or out of the file. Parts of a record are cut, an exec is never
 * dropped. Included by execdb.bpf.c.
 *
 * First limit, the ring: while it fills, each part of a record may take half of what is left of the
 * first half of the ring. The second half is for short records.
 *
 * Second limit, a user and the whole machine: so many bytes in a second. A user is a real uid. A
 * user who has logged in has one more budget for all other uids together: those reached by `sudo`,
 * and by user namespaces, which give everyone thousands of uids. (The login uid alone does not
 * serve: a process without one may choose any, and would use up someone else's budget.) The budget
 * of the machine bounds a user who has many uids nevertheless. How many bytes it is, and whose limit
 * is its own and not shared, says limits.h. */

#define SAVED_S 4   /* a budget that is not used grows for so many seconds */
#define EVERYBODY 8 /* the machine's budget is that of so many users */

BPF_TABLE("lru_hash", u32, struct budget, budgets, 4096);
BPF_ARRAY(everybody, struct budget, 1);

/* Adds what has accrued since the last time. If two CPUs do so at the same moment, one of them may
 * add too much, or overwrite what the other has charged: an error of about one record. */
static inline void fill(struct budget *budget, u64 now_ns, u64 rate)
{
	s64 most = SAVED_S * rate;
	u64 passed_ns = now_ns - budget->filled_ns;

	if (now_ns < budget->filled_ns || passed_ns < STEP_NS)
		return;
	budget->filled_ns = now_ns;
	if (passed_ns < SAVED_S * SECOND_NS)
		__sync_fetch_and_add(&budget->bytes, passed_ns / 1000 * rate / 1000000);
	else
		budget->bytes = most;
	if (budget->bytes > most)
		budget->bytes = most;
}

/* The key in `budgets` of whoever is charged for this record. */
static inline u32 payer(const struct scratch *s)
{
	const struct exec_record *exec = &s->exec;

	if (s->own_bytes || exec->loginuid == (u32)-1 || exec->loginuid == exec->uid)
		return exec->uid;
	return exec->loginuid | OTHER_UIDS;
}

/* The budget of the machine, unless the user has a limit of its own. */
static inline struct budget *shared_budget(const struct scratch *s)
{
	u32 first = 0;

	return s->own_bytes ? 0 : everybody.lookup(&first);
}

/* Whether the record must be short; sets `over` if its user's own budget is the reason. */
static inline int is_over(struct scratch *s)
{
	u32 who = payer(s);
	struct budget *own, *all;

	s->over = 0;
	if (!s->bytes_max)
		return 0;
	own = budgets.lookup(&who);
	all = shared_budget(s);
	if (own)
		fill(own, s->exec.boot_ns, s->bytes_max);
	if (all)
		fill(all, s->exec.boot_ns, EVERYBODY * s->bytes_max);
	s->over = own && own->bytes < 0;
	return s->over || (all && all->bytes < 0);
}

/* Charges for the data in the record beyond FREE_BYTES. An ordinary exec costs one comparison. */
static inline void charge(struct scratch *s, struct counters *count)
{
	u32 who = payer(s);
	s64 bytes = s->at - FREE_BYTES;
	struct budget fresh = {.bytes = SAVED_S * s->bytes_max, .filled_ns = s->exec.boot_ns};
	struct budget *own, *all;

	if (s->cut)
		count->cut++;
	else if (s->at <= FREE_BYTES)
		return;
	if (!s->bytes_max)
		return;
	own = budgets.lookup(&who);
	if (!own) {
		budgets.insert(&who, &fresh);
		own = budgets.lookup(&who);
	}
	if (!own)
		return;
	if (s->cut && s->over)
		__sync_fetch_and_add(&own->cut, 1);
	if (bytes <= 0)
		return;
	__sync_fetch_and_add(&own->bytes, -bytes);
	all = shared_budget(s);
	if (all)
		__sync_fetch_and_add(&all->bytes, -bytes);
}

/* Starts the data of a record, and sets how much it may take. */
static inline void begin_data(struct scratch *s, const struct counters *count)
{
	u32 cpu = bpf_get_smp_processor_id();
	u64 *read = drained.lookup(&cpu);

	s->at = s->cut = s->left = 0;
	if (!is_over(s) && read)
		s->left = RING_BYTES / 2 - (s64)(count->submitted - *read);
}

/* How many bytes the next part may have, `most` at most. */
static inline u64 part_room(const struct scratch *s, u64 most)
{
	s64 half = (s->left - (s64)s->at) >> 1;
	u64 room = half > CUT ? half : CUT;

	return room < most ? room : most;
}
