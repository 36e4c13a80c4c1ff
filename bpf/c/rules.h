/* Which execs are left out on purpose: the rules of the config, of which the first that matches
 * decides. Included by execdb.bpf.c.
 *
 * A rule is a bit. For each field a map gives the rules that the exec's value satisfies, and the set
 * says which rules do not ask for that field. A rule matches if it has its bit in all of them, so
 * the time does not grow with the number of rules. There are two halves: user space writes a whole
 * set into the half that is not in use and then switches over, so a program sees one set or the
 * other, never a mixture. collector/rules writes these maps. */

#define RULES_MAX 64
#define RULE_SLOTS 1024
#define RULE_VALUES_MAX 16384
#define RULE_TEXTS_MAX 16384
#define CGROUP_LEVELS 16

#define RULE_UIDS 3 /* the first fields, of which the values are uids */

enum { RULE_UID, RULE_EUID, RULE_LOGINUID, RULE_COMM, RULE_FILENAME, RULE_CGROUP, RULE_FIELDS };

struct rule_set {
	u64 unasked[RULE_FIELDS]; /* rules that do not ask for the field */
	u64 rules;                /* bits in use; the lowest one is the first rule */
	u64 ignored;              /* rules that leave the exec out; the others record it */
	u64 no_login;             /* rules that a process without a login uid satisfies */
	u64 levels;               /* of control groups, where there is one that a rule asks for */
	u16 slot[RULES_MAX];      /* where in `filtered` each rule counts */
};

struct rule_value {
	u64 value; /* a uid, or the id of a cgroup */
	u32 is_cgroup;
	u32 half;
};

/* The rules that a uid satisfies in each of the first fields; of a cgroup the first one counts.
 * Together, because mostly they are the same uid: then one look-up does. */
struct rule_bits {
	u64 of[RULE_UIDS];
};

BPF_ARRAY(rule_sets, struct rule_set, 2);
BPF_ARRAY(rule_half, u32, 1); /* which of them is in use */
BPF_HASH(rule_values, struct rule_value, struct rule_bits, RULE_VALUES_MAX);
/* Node P of the trie holds the rules of all patterns that P begins with. An exact pattern includes
 * the NUL, so that nothing longer begins with it. */
BPF_LPM_TRIE(rule_texts, struct rule_text, u64, RULE_TEXTS_MAX);
BPF_PERCPU_ARRAY(filtered, u64, RULE_SLOTS);

/* Of the rules `left`, those that the exec's uids satisfy. What no rule asks for is not looked up. */
static inline u64 left_by_uids(const struct exec_record *exec, u32 half, const struct rule_set *set,
                               u64 left)
{
	const u32 uids[RULE_UIDS] = {exec->uid, exec->euid, exec->loginuid};
	struct rule_value key = {.half = half};
	struct rule_bits *found = 0;
	u32 asked = 0;

#pragma unroll
	for (int field = 0; field < RULE_UIDS; field++) {
		if (!(left & ~set->unasked[field]))
			continue;
		if (field == RULE_LOGINUID && uids[field] == (u32)-1) {
			left &= set->unasked[field] | set->no_login;
			continue;
		}
		if (!asked || key.value != uids[field]) {
			key.value = uids[field];
			found = rule_values.lookup(&key);
			asked = 1;
		}
		left &= set->unasked[field] | (found ? found->of[field] : 0);
	}
	return left;
}

/* The rules that the text in the key satisfies. */
static inline u64 rules_of_text(struct rule_text *key, u32 half, u32 field, u32 length)
{
	u64 *found;

	key->where = field * 2 + half;
	key->bits = 8 * (1 + length);
	found = rule_texts.lookup(key);
	return found ? *found : 0;
}

static inline u64 rules_of_comm(struct scratch *s, u32 half)
{
	__builtin_memcpy(s->key.text, s->exec.comm, COMM_LEN);
	return rules_of_text(&s->key, half, RULE_COMM, COMM_LEN);
}

static inline u64 rules_of_filename(struct scratch *s, u32 half, const char *filename)
{
	long length = read_kernel_str(s->key.text, RULE_TEXT, filename);

	return length < 0 ? 0 : rules_of_text(&s->key, half, RULE_FILENAME, length);
}

/* A rule about a cgroup holds for those below it. */
static inline u64 rules_of_cgroup(u32 half, u64 levels)
{
	struct rule_value key = {.is_cgroup = 1, .half = half};
	struct rule_bits *rules;
	u64 found = 0;

	for (int level = 0; level < CGROUP_LEVELS; level++) {
		if (!(levels >> level & 1))
			continue;
		key.value = bpf_get_current_ancestor_cgroup_id(level);
		if (!key.value)
			break;
		rules = rule_values.lookup(&key);
		if (rules)
			found |= rules->of[0];
	}
	return found;
}

/* The bit of the first rule that matches; 0 if none does. */
static inline u64 first_match(struct scratch *s, const char *filename, u32 half,
                              const struct rule_set *set)
{
	u64 left = left_by_uids(&s->exec, half, set, set->rules);

	if (left & ~set->unasked[RULE_COMM])
		left &= set->unasked[RULE_COMM] | rules_of_comm(s, half);
	if (left & ~set->unasked[RULE_FILENAME])
		left &= set->unasked[RULE_FILENAME] | rules_of_filename(s, half, filename);
	if (left & ~set->unasked[RULE_CGROUP])
		left &= set->unasked[RULE_CGROUP] | rules_of_cgroup(half, set->levels);
	return left & -left;
}

/* The number of the only bit that is set, without a builtin that BPF has no instruction for. */
static inline u32 number_of(u64 bit)
{
	u32 number = 0;

	for (int step = 32; step; step >>= 1)
		if (bit >> step) {
			bit >>= step;
			number += step;
		}
	return number;
}

/* Whether a rule leaves this exec out; counts it. `filename` is in kernel memory. */
static inline int is_ignored(struct scratch *s, const char *filename)
{
	u32 first = 0, *half = rule_half.lookup(&first), index;
	struct rule_set *set;
	u64 bit, *count;

	if (!half)
		return 0;
	index = *half & 1;
	set = rule_sets.lookup(&index);
	if (!set || !set->rules)
		return 0;
	bit = first_match(s, filename, index, set);
	if (!(bit & set->ignored))
		return 0;
	index = number_of(bit);
	if (index < RULES_MAX) {
		index = set->slot[index];
		count = filtered.lookup(&index);
		if (count)
			(*count)++;
	}
	return 1;
}
