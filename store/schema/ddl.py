"""A new database, as all migrations together make one. From the migrations, by
`python -m tests.store.schema.generate`."""

STATEMENTS = (
    """
CREATE TABLE alembic_version (
    version_num VARCHAR(32) NOT NULL,
    CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
)
""",
    """
CREATE TABLE config (
    uid INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (uid)
)
""",
    """
CREATE TABLE config_state (
    id INTEGER NOT NULL,
    default_message TEXT NOT NULL,
    generation INTEGER NOT NULL,
    kernel_generation INTEGER NOT NULL,
    PRIMARY KEY (id)
)
""",
    """
CREATE TABLE segment (
    first_id INTEGER NOT NULL,
    last_id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    offset_ns INTEGER NOT NULL,
    first_boot_ns INTEGER NOT NULL,
    last_boot_ns INTEGER NOT NULL,
    first_entry_id INTEGER NOT NULL,
    last_entry_id INTEGER NOT NULL, known_entry_ids TEXT,
    PRIMARY KEY (first_id),
    FOREIGN KEY(run_id) REFERENCES run (id)
)
""",
    """
CREATE TABLE origin (
    id INTEGER NOT NULL,
    uid INTEGER NOT NULL,
    euid INTEGER NOT NULL,
    gid INTEGER NOT NULL,
    loginuid INTEGER,
    sessionid INTEGER,
    tty TEXT,
    message TEXT NOT NULL,
    cwd TEXT,
    cgroup TEXT,
    PRIMARY KEY (id)
)
""",
    """
CREATE TABLE program (
    id INTEGER NOT NULL,
    filename TEXT NOT NULL,
    comm TEXT NOT NULL,
    PRIMARY KEY (id)
)
""",
    """
CREATE TABLE argument (
    id INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (id)
)
""",
    """
CREATE TABLE command (
    id INTEGER NOT NULL,
    program_id INTEGER NOT NULL,
    arguments TEXT NOT NULL,
    argc INTEGER NOT NULL,
    truncated INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(program_id) REFERENCES program (id)
)
""",
    """
CREATE TABLE image (
    id INTEGER NOT NULL,
    boot_ns INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    ppid INTEGER NOT NULL,
    origin_id INTEGER NOT NULL,
    command_id INTEGER NOT NULL,
    parent_id INTEGER,
    status INTEGER,
    duration_ns INTEGER,
    errno TEXT,
    caller TEXT,
    PRIMARY KEY (id),
    FOREIGN KEY(origin_id) REFERENCES origin (id),
    FOREIGN KEY(command_id) REFERENCES command (id)
)
""",
    """
CREATE TABLE pid_block (
    pids INTEGER NOT NULL,
    block INTEGER NOT NULL,
    PRIMARY KEY (pids, block)
)
 WITHOUT ROWID
""",
    """
CREATE TABLE child_block (
    parents INTEGER NOT NULL,
    block INTEGER NOT NULL,
    PRIMARY KEY (parents, block)
)
 WITHOUT ROWID
""",
    """
CREATE VIEW execs AS
SELECT image.id AS id, segment.run_id AS run_id, (image.boot_ns + segment.offset_ns) AS time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', (image.boot_ns + segment.offset_ns) / 1000000000, 'unixepoch')
       || printf('.%09dZ', (image.boot_ns + segment.offset_ns) % 1000000000) AS time,
       image.boot_ns AS boot_ns, run.boot_id AS boot_id, run.host AS host,
       image.pid AS pid, image.ppid AS ppid,
       origin.uid AS uid, origin.euid AS euid, origin.gid AS gid,
       origin.loginuid AS loginuid, origin.sessionid AS sessionid, origin.tty AS tty,
       program.comm AS comm, program.filename AS filename,
       (SELECT coalesce('[' || group_concat(text, ', ') || ']', '[]') FROM (
            SELECT argument.text AS text FROM json_each(command.arguments) AS place
            CROSS JOIN argument ON argument.id = place.value ORDER BY place.key)) AS argv,
       command.argc AS argc, command.truncated AS truncated,
       origin.cwd AS cwd, origin.cgroup AS cgroup, origin.message AS message,
       image.errno AS errno, image.caller AS caller,
       CASE WHEN image.status IS NULL THEN NULL WHEN image.status < 0 THEN 'exec'
            WHEN image.status & 127 THEN 'signal' ELSE 'exit' END AS ended,
       CASE WHEN image.status >= 0 AND image.status & 127 = 0
            THEN image.status >> 8 & 255 END AS exit_code,
       CASE WHEN image.status >= 0 THEN nullif(image.status & 127, 0) END AS signal,
       image.duration_ns AS duration_ns, image.parent_id AS parent_id
FROM image
CROSS JOIN segment ON segment.first_id = (
    SELECT max(first_id) FROM segment AS earlier WHERE earlier.first_id <= image.id)
CROSS JOIN run ON run.id = segment.run_id
CROSS JOIN origin ON origin.id = image.origin_id
CROSS JOIN command ON command.id = image.command_id
CROSS JOIN program ON program.id = command.program_id
WHERE image.id > 0
""",
    """
CREATE VIEW seen AS
SELECT image.id AS id, segment.run_id AS run_id, (image.boot_ns + segment.offset_ns) AS time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', (image.boot_ns + segment.offset_ns) / 1000000000, 'unixepoch')
       || printf('.%09dZ', (image.boot_ns + segment.offset_ns) % 1000000000) AS time,
       image.boot_ns AS boot_ns, run.boot_id AS boot_id, run.host AS host,
       image.pid AS pid, image.ppid AS ppid,
       origin.uid AS uid, origin.euid AS euid, origin.gid AS gid,
       origin.loginuid AS loginuid, origin.sessionid AS sessionid, origin.tty AS tty,
       program.comm AS comm, program.filename AS filename,
       (SELECT coalesce('[' || group_concat(text, ', ') || ']', '[]') FROM (
            SELECT argument.text AS text FROM json_each(command.arguments) AS place
            CROSS JOIN argument ON argument.id = place.value ORDER BY place.key)) AS argv,
       command.argc AS argc, command.truncated AS truncated,
       origin.cwd AS cwd, origin.cgroup AS cgroup, origin.message AS message,
       image.errno AS errno, image.caller AS caller,
       CASE WHEN image.status IS NULL THEN NULL WHEN image.status < 0 THEN 'exec'
            WHEN image.status & 127 THEN 'signal' ELSE 'exit' END AS ended,
       CASE WHEN image.status >= 0 AND image.status & 127 = 0
            THEN image.status >> 8 & 255 END AS exit_code,
       CASE WHEN image.status >= 0 THEN nullif(image.status & 127, 0) END AS signal,
       image.duration_ns AS duration_ns, image.parent_id AS parent_id
FROM image
CROSS JOIN segment ON segment.first_id = (
    SELECT max(first_id) FROM segment AS earlier WHERE earlier.first_id <= image.id)
CROSS JOIN run ON run.id = segment.run_id
CROSS JOIN origin ON origin.id = image.origin_id
CROSS JOIN command ON command.id = image.command_id
CROSS JOIN program ON program.id = command.program_id
WHERE image.id < 0
""",
    """
CREATE TABLE run (
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    host TEXT NOT NULL,
    boot_id TEXT NOT NULL,
    kernel TEXT,
    version TEXT,
    started_ns INTEGER,
    ended_ns INTEGER,
    ended TEXT,
    seen INTEGER DEFAULT '0' NOT NULL,
    stored INTEGER DEFAULT '0' NOT NULL,
    filtered INTEGER DEFAULT '0' NOT NULL,
    lost INTEGER DEFAULT '0' NOT NULL,
    pruned INTEGER DEFAULT '0' NOT NULL,
    alive_ns INTEGER,
    PRIMARY KEY (id)
)
""",
    """
CREATE TABLE loss (
    run_id INTEGER NOT NULL,
    number INTEGER NOT NULL,
    cause TEXT NOT NULL,
    from_ns INTEGER NOT NULL,
    to_ns INTEGER NOT NULL,
    lost INTEGER NOT NULL,
    PRIMARY KEY (run_id, number),
    FOREIGN KEY(run_id) REFERENCES run (id)
)
 WITHOUT ROWID
""",
    """
CREATE TABLE clock_set (
    id INTEGER NOT NULL,
    run_id INTEGER NOT NULL,
    before_ns INTEGER NOT NULL,
    after_ns INTEGER NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(run_id) REFERENCES run (id)
)
""",
    """
CREATE VIEW runs AS
SELECT id AS run_id, host, boot_id, started_ns, ended_ns, ended,
       seen, stored, filtered, lost, kernel, version, pruned, alive_ns
FROM run WHERE kind = 'collect'
""",
    """
CREATE VIEW losses AS
SELECT loss.run_id AS run_id, run.host AS host, run.boot_id AS boot_id, loss.cause AS cause,
       loss.from_ns AS from_ns, strftime('%Y-%m-%dT%H:%M:%S', loss.from_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', loss.from_ns % 1000000000) AS from_time,
       loss.to_ns AS to_ns, strftime('%Y-%m-%dT%H:%M:%S', loss.to_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', loss.to_ns % 1000000000) AS to_time, loss.lost AS lost
FROM loss CROSS JOIN run ON run.id = loss.run_id
""",  # noqa: E501
    """
CREATE TABLE entry_block (
    chunk INTEGER NOT NULL,
    entry_id INTEGER NOT NULL,
    blocks INTEGER NOT NULL,
    PRIMARY KEY (chunk, entry_id)
)
 WITHOUT ROWID
""",
    """
CREATE TABLE trimmed (
    id INTEGER NOT NULL,
    what TEXT NOT NULL,
    uid INTEGER NOT NULL,
    events INTEGER NOT NULL,
    from_ns INTEGER NOT NULL,
    to_ns INTEGER NOT NULL,
    PRIMARY KEY (id)
)
""",
    "INSERT INTO alembic_version VALUES ('0006')",
    "INSERT INTO config_state VALUES (1, 'Hello World', 1, 0)",
    "PRAGMA application_id = 1163412546",
)
