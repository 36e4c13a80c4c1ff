/* yardstick DUMP DB: the collector's work without Python: records to committed, indexed rows.
 *
 * DUMP is a file of records as bpf/c/execdb.h has them, each behind its size (u32). Decodes them,
 * stores equal commands, users, places and files once, finds parents and ends, and writes them to
 * SQLite in transactions of BATCH records. Prints the CPU time it took in nanoseconds.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>

typedef uint32_t u32;
typedef uint64_t u64;
typedef int64_t s64;
#include "../../../bpf/c/execdb.h"

#define BATCH 2000
#define OFFSET_NS 1760000000000000000 /* of the wall clock from the boot clock */
#define SLOTS (1 << 22)               /* a power of two, beyond twice the number of records */

struct row {
	u64 time_ns, command, creds, place, file, parent;
	int64_t status, duration_ns, cpu_ns;
	u32 pid, ppid, uid, max_rss_kb;
};
struct known {
	const char *bytes;
	u32 size;
	u32 id;
};
struct interned {
	struct known slots[1 << 18];
	sqlite3_stmt *insert;
	u32 count;
};

static struct {
	u64 boot_ns;
	u32 pid, id;
} * images;
static struct interned commands, creds, places, files;
static struct row rows[BATCH];
static u32 first = 1, waiting;
static sqlite3 *db;
static sqlite3_stmt *insert, *update;

static void check(int ok)
{
	if (!ok) {
		fprintf(stderr, "yardstick: %s\n", db ? sqlite3_errmsg(db) : "cannot read");
		exit(1);
	}
}

static void step(sqlite3_stmt *statement)
{
	check(sqlite3_step(statement) == SQLITE_DONE);
	sqlite3_reset(statement);
}

static u64 hash(const char *bytes, u32 size)
{
	u64 h = 0xcbf29ce484222325;

	for (u32 i = 0; i < size; i++)
		h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3;
	return h ^ h >> 29;
}

static u32 intern(struct interned *table, const char *bytes, u32 size)
{
	u64 at = hash(bytes, size);

	for (;; at++) {
		struct known *slot = &table->slots[at & ((1 << 18) - 1)];

		if (!slot->id) {
			*slot = (struct known){bytes, size, ++table->count};
			check(table->count < 1 << 17);
			sqlite3_bind_int64(table->insert, 1, slot->id);
			sqlite3_bind_blob(table->insert, 2, bytes, size, SQLITE_STATIC);
			step(table->insert);
			return slot->id;
		}
		if (slot->size == size && !memcmp(slot->bytes, bytes, size))
			return slot->id;
	}
}

/* The row of an image, or where it is to be noted. */
static u32 *image(u64 boot_ns, u32 pid)
{
	u64 at = (boot_ns ^ (u64)pid << 40) * 0x9e3779b97f4a7c15;

	for (at >>= 42;; at = (at + 1) & (SLOTS - 1)) {
		if (!images[at].id) {
			images[at].boot_ns = boot_ns;
			images[at].pid = pid;
		}
		if (images[at].boot_ns == boot_ns && images[at].pid == pid)
			return &images[at].id;
	}
}

static void flush(void)
{
	for (u32 i = 0; i < waiting; i++) {
		struct row *r = &rows[i];
		int64_t values[] = {first + i, r->time_ns,     r->pid,    r->ppid,      r->uid,
		                    r->creds,  r->command,     r->place,  r->file,      r->parent,
		                    r->status, r->duration_ns, r->cpu_ns, r->max_rss_kb};

		for (int n = 0; n < 14; n++)
			sqlite3_bind_int64(insert, n + 1, values[n]);
		if (!r->parent)
			sqlite3_bind_null(insert, 10);
		for (int n = 11; !r->duration_ns && n < 15; n++)
			sqlite3_bind_null(insert, n);
		step(insert);
	}
	first += waiting;
	waiting = 0;
}

static void exec(const struct exec_record *e)
{
	const char *data = (const char *)(e + 1);
	u32 what = e->filename_len + e->args_len;

	rows[waiting] = (struct row){
		.time_ns = e->boot_ns + OFFSET_NS,
		.pid = e->pid,
		.ppid = e->ppid,
		.uid = e->uid,
		.creds = intern(&creds, (const char *)&e->uid,
	                        (const char *)&e->pid_ns - (const char *)&e->uid),
		.file = intern(&files, (const char *)&e->pid_ns,
	                       (const char *)&e->argc - (const char *)&e->pid_ns),
		.command = intern(&commands, (const char *)&e->argc,
	                          data + what - (const char *)&e->argc),
		.place = intern(&places, data + what, e->where_len),
		.parent = e->parent_boot_ns ? *image(e->parent_boot_ns, e->parent_pid) : 0,
	};
	*image(e->boot_ns, e->pid) = first + waiting;
	waiting++;
}

static void end(const struct end_record *e)
{
	u32 id = *image(e->image_boot_ns, e->image_pid);

	if (id >= first) {
		rows[id - first].status = e->status;
		rows[id - first].duration_ns = e->boot_ns - e->image_boot_ns;
		rows[id - first].cpu_ns = e->cpu_ns;
		rows[id - first].max_rss_kb = e->max_rss_kb;
	} else if (id) {
		sqlite3_bind_int64(update, 1, e->status);
		sqlite3_bind_int64(update, 2, e->boot_ns - e->image_boot_ns);
		sqlite3_bind_int64(update, 3, e->cpu_ns);
		sqlite3_bind_int64(update, 4, e->max_rss_kb);
		sqlite3_bind_int64(update, 5, id);
		step(update);
	}
}

static sqlite3_stmt *prepare(const char *sql)
{
	sqlite3_stmt *statement;

	check(sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK);
	return statement;
}

int main(int argc, char **argv)
{
	struct stat status;
	struct timespec used;
	int file = argc == 3 ? open(argv[1], O_RDONLY) : -1;

	check(file >= 0 && !fstat(file, &status));
	char *at = mmap(NULL, status.st_size, PROT_READ, MAP_PRIVATE, file, 0),
	     *over = at + status.st_size;
	images = calloc(SLOTS, sizeof(*images));
	check(at != MAP_FAILED && images);
	check(sqlite3_open(argv[2], &db) == SQLITE_OK);
	check(sqlite3_exec(
		      db,
		      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA "
		      "cache_size = -1000;"
		      "PRAGMA wal_autocheckpoint = 4000;"
		      "CREATE TABLE command (id INTEGER PRIMARY KEY, record BLOB);"
		      "CREATE TABLE creds (id INTEGER PRIMARY KEY, record BLOB);"
		      "CREATE TABLE place (id INTEGER PRIMARY KEY, record BLOB);"
		      "CREATE TABLE file (id INTEGER PRIMARY KEY, record BLOB);"
		      "CREATE TABLE image (id INTEGER PRIMARY KEY, time_ns, pid, ppid, uid, "
		      "creds_id, command_id, place_id, file_id, parent_id, status, duration_ns, "
		      "cpu_ns, max_rss_kb);"
		      "CREATE INDEX image_time ON image (time_ns);"
		      "CREATE INDEX image_pid ON image (pid);"
		      "CREATE INDEX image_parent ON image (parent_id)"
		      " WHERE parent_id IS NOT NULL;",
		      NULL, NULL, NULL) == SQLITE_OK);
	commands.insert = prepare("INSERT INTO command VALUES (?, ?)");
	creds.insert = prepare("INSERT INTO creds VALUES (?, ?)");
	places.insert = prepare("INSERT INTO place VALUES (?, ?)");
	files.insert = prepare("INSERT INTO file VALUES (?, ?)");
	insert = prepare("INSERT INTO image VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
	update = prepare("UPDATE image SET status = ?, duration_ns = ?, cpu_ns = ?, max_rss_kb = ? "
	                 "WHERE id = ?");
	while (at < over) {
		sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
		for (int n = 0; n < BATCH && at < over; n++) {
			u32 size;

			memcpy(&size, at, sizeof(size));
			at += sizeof(size);
			if (((const struct end_record *)at)->kind == KIND_END)
				end((const struct end_record *)at);
			else
				exec((const struct exec_record *)at);
			at += size;
		}
		flush();
		check(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
	}
	check(sqlite3_close_v2(db) == SQLITE_OK);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	printf("%lld\n", used.tv_sec * 1000000000LL + used.tv_nsec);
	return 0;
}
