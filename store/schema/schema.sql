-- The schema of an execdb file. This is the one place where it is written by hand: a new file is
-- made from these statements, the columns that queries use are read from them, and a file from
-- elsewhere is compared with them. docs/schema.md explains the views to users.
--
-- Comments and layout are free: files hold the statements without comments, and are compared
-- without regard to white space. A string must not hold `;` or `--`. Any other change needs a
-- migration, see CONTRIBUTING.md.

-- Alembic's: the revision of the schema.
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,    -- the revision
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);


-- Notes that people have left in the history.
CREATE TABLE mark (
    id INTEGER NOT NULL PRIMARY KEY,
    time_ns INTEGER NOT NULL,
    uid INTEGER,                         -- who made it
    text TEXT NOT NULL                   -- at most 1,000 bytes
);

-- Those of other files that were merged into this one, of the machine `host`.
CREATE TABLE merged_mark (
    host TEXT NOT NULL,
    id INTEGER NOT NULL,
    time_ns INTEGER NOT NULL,
    uid INTEGER,
    text TEXT NOT NULL,                  -- as in mark
    PRIMARY KEY (host, id, time_ns)
) WITHOUT ROWID;


-- Config: which message a uid's events get.

CREATE TABLE config (
    uid INTEGER NOT NULL PRIMARY KEY,
    message TEXT NOT NULL
);

CREATE TABLE config_state (
    id INTEGER NOT NULL PRIMARY KEY,     -- 1: there is one row
    default_message TEXT NOT NULL,       -- of every other uid
    generation INTEGER NOT NULL,         -- counts changes of the config
    kernel_generation INTEGER NOT NULL,  -- the one that a collector has put into the kernel's maps
    next_rule INTEGER NOT NULL DEFAULT 1, -- the number of the next rule: none is given twice
    logged_from INTEGER NOT NULL DEFAULT 1 -- the first generation that config_change tells
);
INSERT INTO config_state VALUES (1, 'Hello World', 1, 0, 1, 1);

-- Where the config comes from a central store: which generation of it began with which one here. No
-- rows: the config is this file's own.
CREATE TABLE managed (
    generation INTEGER NOT NULL PRIMARY KEY, -- of this file
    store TEXT NOT NULL,                 -- its URL, without password
    central_generation INTEGER NOT NULL  -- of the store
);

-- What was changed in the four tables above and below: one row for each entry, rule or limit.
CREATE TABLE config_change (
    id INTEGER NOT NULL PRIMARY KEY,
    generation INTEGER NOT NULL,         -- begins with this change
    time_ns INTEGER NOT NULL,
    uid INTEGER,                         -- who did it; null if not known
    loginuid INTEGER,
    tty TEXT,
    action TEXT NOT NULL,                -- the command, or found: changed by SQL
    subject TEXT NOT NULL,               -- uid 501, rule 3, limit default ...
    before TEXT,                         -- null: there was none
    after TEXT                           -- null: there is none
);

-- The same of other files that were merged into this one, of the machine `host`.
CREATE TABLE merged_config_change (
    host TEXT NOT NULL,
    id INTEGER NOT NULL,                 -- this and the others are as in config_change
    generation INTEGER NOT NULL,         -- of that machine's config
    time_ns INTEGER NOT NULL,
    uid INTEGER,
    loginuid INTEGER,
    tty TEXT,
    action TEXT NOT NULL,                -- as in config_change
    subject TEXT NOT NULL,               -- likewise
    before TEXT,                         -- likewise
    after TEXT,                          -- likewise
    PRIMARY KEY (host, id, time_ns)
) WITHOUT ROWID;

-- Which execs are recorded: of the rules that match, the one with the lowest place decides.
CREATE TABLE rule (
    number INTEGER NOT NULL PRIMARY KEY,
    place INTEGER NOT NULL,
    action TEXT NOT NULL,                -- ignore, record
    terms TEXT NOT NULL,                 -- a JSON array of texts: all must hold
    note TEXT
);

-- How much of each user is recorded in a second. null: as much as the row of -1 says, and there
-- without limit; -1: without limit.
CREATE TABLE user_limit (
    uid INTEGER NOT NULL PRIMARY KEY,    -- -1: every user without a row
    execs INTEGER,
    bytes INTEGER                        -- of long records
);
INSERT INTO user_limit VALUES (-1, NULL, 2000000);


-- Runs, and what they did not store.

-- A run is one life of a collector, here or in a file that was merged into this one, or the import
-- of events from one boot of one host.
CREATE TABLE run (
    id INTEGER NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,                  -- collect, merge, import
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    kernel TEXT,
    version TEXT,                        -- of execdb
    started_ns INTEGER,
    ended_ns INTEGER,
    ended TEXT,                          -- clean, crashed; null while it runs
    seen INTEGER DEFAULT 0 NOT NULL,     -- execs: seen = stored + filtered + lost
    stored INTEGER DEFAULT 0 NOT NULL,
    filtered INTEGER DEFAULT 0 NOT NULL,
    lost INTEGER DEFAULT 0 NOT NULL,
    pruned INTEGER DEFAULT 0 NOT NULL,
    alive_ns INTEGER,                    -- until then it certainly recorded
    global_id INTEGER                    -- random, of collectors: its number in a central store
);

-- When and why a run lost execs.
CREATE TABLE loss (
    run_id INTEGER NOT NULL REFERENCES run (id),
    number INTEGER NOT NULL,             -- counts within the run
    cause TEXT NOT NULL,
    from_ns INTEGER NOT NULL,
    to_ns INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID;

-- When and why a run left execs out on purpose.
CREATE TABLE filtered (
    run_id INTEGER NOT NULL REFERENCES run (id),
    number INTEGER NOT NULL,             -- counts within the run
    cause TEXT NOT NULL,                 -- rule, limit
    rule INTEGER,                        -- the number of the rule
    uid INTEGER,                         -- whose limit was reached; null if not known any more
    from_ns INTEGER NOT NULL,
    to_ns INTEGER NOT NULL,
    filtered INTEGER NOT NULL,
    PRIMARY KEY (run_id, number)
) WITHOUT ROWID;

-- The wall clock was set while a run recorded.
CREATE TABLE clock_set (
    id INTEGER NOT NULL PRIMARY KEY,
    run_id INTEGER NOT NULL REFERENCES run (id),
    before_ns INTEGER NOT NULL,          -- what it showed until then
    after_ns INTEGER NOT NULL            -- what it showed from then on
);

-- What a bound on size removed, and whose: see store/ledger/trimmed.py.
CREATE TABLE trimmed (
    id INTEGER NOT NULL PRIMARY KEY,
    what TEXT NOT NULL,                  -- arguments, rows
    uid INTEGER NOT NULL,
    events INTEGER NOT NULL,
    from_ns INTEGER NOT NULL,
    to_ns INTEGER NOT NULL
);


-- The dictionary: values that recur are stored once in each segment, and rows refer to them. These
-- four tables take their ids from one sequence.

CREATE TABLE origin (
    id INTEGER NOT NULL PRIMARY KEY,
    uid INTEGER NOT NULL,
    euid INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    loginuid INTEGER,
    sessionid INTEGER,
    tty TEXT,
    message TEXT NOT NULL,
    cwd TEXT,
    cgroup TEXT,
    config_generation INTEGER DEFAULT 0 NOT NULL, -- 0: not known
    cwd_deleted INTEGER DEFAULT 0 NOT NULL,
    container TEXT,
    pid_ns INTEGER,
    mnt_ns INTEGER,
    user_ns INTEGER
);

CREATE TABLE program (
    id INTEGER NOT NULL PRIMARY KEY,
    filename TEXT NOT NULL,
    comm TEXT NOT NULL,
    exe TEXT,
    exe_device TEXT,
    exe_inode INTEGER,
    exe_deleted INTEGER DEFAULT 0 NOT NULL
);

CREATE TABLE argument (
    id INTEGER NOT NULL PRIMARY KEY,
    text TEXT NOT NULL                   -- a JSON string
);

CREATE TABLE command (
    id INTEGER NOT NULL PRIMARY KEY,
    program_id INTEGER NOT NULL REFERENCES program (id),
    arguments TEXT NOT NULL,             -- ids, as a JSON array
    argc INTEGER NOT NULL,
    truncated INTEGER NOT NULL
);


-- Events.

-- One row for each program image. Rows with an id below 0 were not recorded: they are programs
-- that ran when a collector started. boot_ns is time_ns less the segment's offset_ns; uid and
-- program_id are also in the origin and the command, and stand here so that a scan finds them.
CREATE TABLE image (
    id INTEGER NOT NULL PRIMARY KEY,
    time_ns INTEGER NOT NULL,            -- wall clock since the epoch
    pid INTEGER NOT NULL,
    ppid INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    origin_id INTEGER NOT NULL REFERENCES origin (id),
    program_id INTEGER NOT NULL REFERENCES program (id),
    command_id INTEGER NOT NULL REFERENCES command (id),
    parent_id INTEGER,
    status INTEGER,                      -- as wait(2) has it; -1: replaced by another exec
    duration_ns INTEGER,
    errno TEXT,                          -- of an attempt that failed
    caller TEXT,
    ns_pid INTEGER,                      -- null: equal to pid
    cpu_ns INTEGER,
    max_rss_kb INTEGER
);
CREATE INDEX image_time ON image (time_ns);
CREATE INDEX image_parent ON image (parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX image_running ON image (status) WHERE status IS NULL AND errno IS NULL;

-- Rows of `image` with consecutive ids: of one run, in the order of boot_ns, and the wall clock was
-- never set between them. The dictionary entries that they refer to lie within one range of ids.
CREATE TABLE segment (
    first_id INTEGER NOT NULL PRIMARY KEY,
    last_id INTEGER NOT NULL,
    run_id INTEGER NOT NULL REFERENCES run (id),
    offset_ns INTEGER NOT NULL,          -- time_ns - boot_ns
    first_boot_ns INTEGER NOT NULL,      -- boot_ns of its first row, CLOCK_BOOTTIME
    last_boot_ns INTEGER NOT NULL,       -- and of its last row
    first_entry_id INTEGER NOT NULL,
    last_entry_id INTEGER NOT NULL
);

-- Where to look for the rows of a pid, an origin or a program, for failures and for what took
-- much: the blocks of 1,024 ids that hold some of them. See store/segments/blocks.py.

CREATE TABLE pid_block (
    pids INTEGER NOT NULL,               -- pid >> 5
    block INTEGER NOT NULL,              -- id >> 10
    PRIMARY KEY (pids, block)
) WITHOUT ROWID;

CREATE TABLE ppid_block (
    ppids INTEGER NOT NULL,              -- ppid >> 5
    block INTEGER NOT NULL,              -- id >> 10
    PRIMARY KEY (ppids, block)
) WITHOUT ROWID;

CREATE TABLE origin_block (
    origin_id INTEGER NOT NULL,
    block INTEGER NOT NULL,              -- id >> 10
    PRIMARY KEY (origin_id, block)
) WITHOUT ROWID;

CREATE TABLE program_block (
    program_id INTEGER NOT NULL,
    block INTEGER NOT NULL,              -- id >> 10
    PRIMARY KEY (program_id, block)
) WITHOUT ROWID;

CREATE TABLE failure_block (
    block INTEGER NOT NULL,              -- id >> 10
    failure INTEGER NOT NULL,            -- the status of an image that failed; -2: an attempt
    count INTEGER NOT NULL,              -- of the rows of the block that failed so
    PRIMARY KEY (block, failure)
) WITHOUT ROWID;

-- The greatest values of a block, or less where they are below what store/schema/constants.py says.
CREATE TABLE peak_block (
    block INTEGER NOT NULL PRIMARY KEY,  -- id >> 10
    duration_ns INTEGER NOT NULL,
    cpu_ns INTEGER NOT NULL,
    max_rss_kb INTEGER NOT NULL
);


-- Views: what others may rely on. Columns are only ever added.

-- Every row of `image` with all that it refers to: the rows of `execs` and of `seen`.
-- Subqueries instead of joins: SQLite leaves out those whose columns are not asked for.
-- CROSS JOIN: it then reads the tables in this order.
CREATE VIEW images AS
SELECT image.id AS id,
       (SELECT run_id FROM segment WHERE first_id <= image.id
        ORDER BY first_id DESC LIMIT 1) AS run_id,
       image.time_ns AS time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', image.time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', image.time_ns % 1000000000) AS time,
       image.time_ns - (SELECT offset_ns FROM segment WHERE first_id <= image.id
        ORDER BY first_id DESC LIMIT 1) AS boot_ns,
       (SELECT boot_id FROM run WHERE run.id = (SELECT run_id FROM segment WHERE first_id <= image.id
        ORDER BY first_id DESC LIMIT 1)) AS boot_id,
       (SELECT host FROM run WHERE run.id = (SELECT run_id FROM segment WHERE first_id <= image.id
        ORDER BY first_id DESC LIMIT 1)) AS host,
       image.pid AS pid, image.ppid AS ppid,
       coalesce(image.ns_pid, image.pid) AS ns_pid, image.uid AS uid,
       (SELECT euid FROM origin WHERE origin.id = image.origin_id) AS euid,
       (SELECT gid FROM origin WHERE origin.id = image.origin_id) AS gid,
       (SELECT loginuid FROM origin WHERE origin.id = image.origin_id) AS loginuid,
       (SELECT sessionid FROM origin WHERE origin.id = image.origin_id) AS sessionid,
       (SELECT tty FROM origin WHERE origin.id = image.origin_id) AS tty,
       program.comm AS comm, program.filename AS filename,
       (SELECT coalesce('[' || group_concat(text, ', ') || ']', '[]') FROM (
            SELECT argument.text AS text FROM command
            CROSS JOIN json_each(command.arguments) AS place
            CROSS JOIN argument ON argument.id = place.value
            WHERE command.id = image.command_id ORDER BY place.key)) AS argv,
       (SELECT argc FROM command WHERE command.id = image.command_id) AS argc,
       (SELECT truncated FROM command WHERE command.id = image.command_id) AS truncated,
       program.exe AS exe, program.exe_device AS exe_device, program.exe_inode AS exe_inode,
       program.exe_deleted AS exe_deleted,
       (SELECT cwd FROM origin WHERE origin.id = image.origin_id) AS cwd,
       (SELECT cgroup FROM origin WHERE origin.id = image.origin_id) AS cgroup,
       (SELECT message FROM origin WHERE origin.id = image.origin_id) AS message,
       (SELECT config_generation FROM origin WHERE origin.id = image.origin_id)
       AS config_generation,
       (SELECT cwd_deleted FROM origin WHERE origin.id = image.origin_id) AS cwd_deleted,
       (SELECT container FROM origin WHERE origin.id = image.origin_id) AS container,
       (SELECT pid_ns FROM origin WHERE origin.id = image.origin_id) AS pid_ns,
       (SELECT mnt_ns FROM origin WHERE origin.id = image.origin_id) AS mnt_ns,
       (SELECT user_ns FROM origin WHERE origin.id = image.origin_id) AS user_ns,
       image.errno AS errno, image.caller AS caller,
       CASE WHEN image.status IS NULL THEN NULL WHEN image.status < 0 THEN 'exec'
            WHEN image.status & 127 THEN 'signal' ELSE 'exit' END AS ended,
       CASE WHEN image.status >= 0 AND image.status & 127 = 0
            THEN image.status >> 8 & 255 END AS exit_code,
       CASE WHEN image.status >= 0 THEN nullif(image.status & 127, 0) END AS signal,
       image.duration_ns AS duration_ns, image.cpu_ns AS cpu_ns,
       image.max_rss_kb AS max_rss_kb, image.parent_id AS parent_id
FROM image CROSS JOIN program ON program.id = image.program_id;

-- What was recorded. `+`: SQLite is free to read in the order of another index than the ids.
CREATE VIEW execs AS SELECT * FROM images WHERE +id > 0;

-- What ran before a collector started.
CREATE VIEW seen AS SELECT * FROM images WHERE id < 0;

CREATE VIEW runs AS
SELECT id AS run_id, host, boot_id, started_ns, ended_ns, ended,
       seen, stored, filtered, lost, kernel, version, pruned, alive_ns
FROM run WHERE kind <> 'import';

CREATE VIEW marks AS
SELECT time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, text,
       (SELECT host FROM run WHERE kind = 'collect' ORDER BY id DESC LIMIT 1) AS host
FROM mark
UNION ALL
SELECT time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, text, host
FROM merged_mark;

CREATE VIEW config_log AS
SELECT generation, time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, loginuid, tty, action, subject, before, after,
       (SELECT host FROM run WHERE kind = 'collect' ORDER BY id DESC LIMIT 1) AS host
FROM config_change
UNION ALL
SELECT generation, time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', time_ns % 1000000000) AS time,
       uid, loginuid, tty, action, subject, before, after, host
FROM merged_config_change;

CREATE VIEW losses AS
SELECT loss.run_id AS run_id, run.host AS host, run.boot_id AS boot_id, loss.cause AS cause,
       loss.from_ns AS from_ns,
       strftime('%Y-%m-%dT%H:%M:%S', loss.from_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', loss.from_ns % 1000000000) AS from_time,
       loss.to_ns AS to_ns,
       strftime('%Y-%m-%dT%H:%M:%S', loss.to_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', loss.to_ns % 1000000000) AS to_time, loss.lost AS lost
FROM loss CROSS JOIN run ON run.id = loss.run_id;

CREATE VIEW filters AS
SELECT filtered.run_id AS run_id, run.host AS host, run.boot_id AS boot_id,
       filtered.cause AS cause, filtered.rule AS rule, filtered.uid AS uid,
       filtered.from_ns AS from_ns,
       strftime('%Y-%m-%dT%H:%M:%S', filtered.from_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', filtered.from_ns % 1000000000) AS from_time,
       filtered.to_ns AS to_ns,
       strftime('%Y-%m-%dT%H:%M:%S', filtered.to_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', filtered.to_ns % 1000000000) AS to_time,
       filtered.filtered AS filtered
FROM filtered CROSS JOIN run ON run.id = filtered.run_id;
