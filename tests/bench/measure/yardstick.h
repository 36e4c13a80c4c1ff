/* The dictionary of yardstick.c: values that recur are stored once, with ids from one sequence. */
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
#include "../../../bpf/c/execdb.h"

#define ENTRIES (1 << 17) /* a power of two, far beyond the entries of a dictionary */

struct start { /* what a row refers to */
	u32 uid, origin, program, command;
};
struct table { /* by their bytes */
	struct known {
		const char *bytes;
		u32 size, id, generation;
	} slots[ENTRIES];
};

static struct table starts, origins, programs, arguments, commands;
static struct start found[ENTRIES];
static u32 generation = 1, next_entry = 1;
static char text[1 << 20];
static sqlite3 *db;
static sqlite3_stmt *to_origin, *to_program, *to_argument, *to_command;

static void check(int ok)
{
	if (!ok) {
		fprintf(stderr, "yardstick: %s\n", db ? sqlite3_errmsg(db) : "cannot read");
		exit(1);
	}
}

static void text_at(sqlite3_stmt *statement, int place, const char *value, s64 size)
{
	sqlite3_bind_text(statement, place, value, size, SQLITE_STATIC);
}

/* Runs a statement with whole numbers in its first places. */
static void run(sqlite3_stmt *statement, int count, ...)
{
	va_list values;

	va_start(values, count);
	for (int n = 1; n <= count; n++)
		sqlite3_bind_int64(statement, n, va_arg(values, s64));
	va_end(values);
	check(sqlite3_step(statement) == SQLITE_DONE);
	sqlite3_reset(statement);
}

static u64 greater(u64 one, u64 other)
{
	return one > other ? one : other;
}

/* `stamp` is the last block + 1 for which `what` was noted. */
static void note_block(sqlite3_stmt *statement, u32 *stamp, u32 what, u32 block)
{
	if (*stamp != block + 1)
		run(statement, 2, (s64)what, (s64)block);
	*stamp = block + 1;
}

/* The entry of these bytes; its id is 0 if it is new, and it refers to them from then on. */
static struct known *entry(struct table *table, const char *bytes, u32 size)
{
	u64 at = 0xcbf29ce484222325;

	for (u32 i = 0; i < size; i++)
		at = (at ^ (unsigned char)bytes[i]) * 0x100000001b3;
	for (at ^= at >> 29;; at++) {
		struct known *slot = &table->slots[at & (ENTRIES - 1)];

		if (slot->generation != generation)
			*slot = (struct known){bytes, size, 0, generation};
		if (slot->size == size && !memcmp(slot->bytes, bytes, size))
			return slot;
	}
}

/* A path whose names are given from the last to the first; returns where the next one begins. */
static const char *path(const char *names, char *to)
{
	const char *end = names;
	char *at = to;

	while (*end)
		end += strlen(end) + 1;
	for (const char *from = end; from > names;) {
		const char *name = from - 1;

		while (name > names && name[-1])
			name--;
		*at++ = '/';
		at = stpcpy(at, name);
		from = name;
	}
	if (at == to)
		*at++ = '/';
	*at = 0;
	return end + 1;
}

static u32 origin_of(const struct exec_record *e, const char *where)
{
	const char *who = (const char *)&e->uid;
	char cwd[PLACE_ROOM], cgroup[PLACE_ROOM];
	u32 who_size = (const char *)&e->exe_inode - who, names = e->where_len - e->exe_len;
	char *key = malloc(who_size + names);

	memcpy(key, who, who_size);
	memcpy(key + who_size, where, names);
	struct known *known = entry(&origins, key, who_size + names);
	if (known->id)
		return free(key), known->id;
	path(path(where, cwd), cgroup);
	sqlite3_bind_null(to_origin, 7);
	if (e->tty[0])
		text_at(to_origin, 7, e->tty, strnlen(e->tty, TTY_LEN));
	text_at(to_origin, 8, e->message.text, strnlen(e->message.text, MESSAGE_LEN));
	text_at(to_origin, 9, cwd, -1);
	text_at(to_origin, 10, cgroup, -1);
	known->id = next_entry++;
	const u32 rest[] = {e->config_generation, e->cwd_deleted, e->pid_ns, e->mnt_ns, e->user_ns};
	for (int n = 0; n < 5; n++)
		sqlite3_bind_int64(to_origin, 11 + n, rest[n]);
	run(to_origin, 6, (s64)known->id, (s64)e->uid, (s64)e->euid, (s64)e->gid, (s64)e->loginuid,
	    (s64)e->sessionid);
	return known->id;
}

static u32 program_of(const struct exec_record *e, const char *filename, const char *names)
{
	char key[sizeof(*e) + FILENAME_ROOM + EXE_ROOM], exe[EXE_ROOM + 2], device[24], *to = key;

	to = mempcpy(to, &e->exe_inode, (const char *)&e->argc - (const char *)&e->exe_inode);
	to = mempcpy(to, e->comm, COMM_LEN);
	to = mempcpy(to, filename, e->filename_len);
	to = mempcpy(to, names, e->exe_len);
	char *kept = memcpy(malloc(to - key), key, to - key);
	struct known *known = entry(&programs, kept, to - key);
	if (known->id)
		return free(kept), known->id;
	known->id = next_entry++;
	text_at(to_program, 4, filename, -1);
	text_at(to_program, 5, e->comm, strnlen(e->comm, COMM_LEN));
	sqlite3_bind_null(to_program, 6);
	sqlite3_bind_null(to_program, 7);
	if (e->exe_inode) {
		snprintf(device, sizeof(device), "%u:%u", e->exe_device >> 20,
		         e->exe_device & 0xfffff);
		text_at(to_program, 7, device, -1);
		memcpy(text, names, e->exe_len);
		text[e->exe_len] = 0;
		path(text, exe);
		text_at(to_program, 6, exe, -1);
	}
	run(to_program, 3, (s64)known->id, (s64)e->exe_inode, (s64)(e->exe_flags & EXE_DELETED));
	return known->id;
}

/* A text as a JSON string, in `text`. */
static u32 json(const char *from, u32 size)
{
	char *to = text;

	*to++ = '"';
	for (; size--; from++) {
		unsigned char c = *from;

		if (c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
			*to++ = c;
			continue;
		}
		const char *short_form = c ? strchr("\"\"\\\\\nn\tt\rr\bb\ff", c) : NULL;
		to += short_form ? sprintf(to, "\\%c", short_form[1]) : sprintf(to, "\\u%04x", c);
	}
	*to++ = '"';
	return to - text;
}

/* The list of the ids of the arguments, as JSON, behind `head` bytes that are left free; returns its
 * length without them. */
static u32 arguments_of(const struct exec_record *e, const char *args, char *list, u32 head)
{
	char *to = list + head;
	const char *over = args + e->args_len;

	*to++ = '[';
	for (const char *at = args; at < over; at += strlen(at) + 1) {
		struct known *known = entry(&arguments, at, strlen(at));

		if (!known->id) {
			known->id = next_entry++;
			text_at(to_argument, 2, text, json(at, known->size));
			run(to_argument, 1, (s64)known->id);
		}
		to += sprintf(to, at == args ? "%u" : ",%u", known->id);
	}
	*to++ = ']';
	return to - list - head;
}

/* Its key is three numbers and the list. */
static u32 command_of(const struct exec_record *e, u32 program, char *list, u32 size)
{
	const u32 key[] = {program, e->argc, e->truncated};

	memcpy(list, key, sizeof(key));
	struct known *known = entry(&commands, list, sizeof(key) + size);
	if (known->id)
		return free(list), known->id;
	known->id = next_entry++;
	text_at(to_command, 5, list + sizeof(key), size);
	run(to_command, 4, (s64)known->id, (s64)program, (s64)e->argc, (s64)e->truncated);
	return known->id;
}

static const struct start *start_of(const struct exec_record *e)
{
	const char *data = (const char *)(e + 1), *args = data + e->filename_len;
	const char *where = args + e->args_len, *from = e->caller;
	struct known *known = entry(&starts, from, where + e->where_len - from);
	struct start *start = &found[known - starts.slots];

	if (!known->id) { /* the order in which store/segments/dictionary.py gives ids */
		const u32 head = 3 * sizeof(u32);
		char *list = malloc(head + 16 + 12 * e->argc);
		u32 size = arguments_of(e, args, list, head);

		known->id = 1;
		start->uid = e->uid;
		start->program = program_of(e, data, where + e->where_len - e->exe_len);
		start->command = command_of(e, start->program, list, size);
		start->origin = origin_of(e, where);
	}
	return start;
}
