"""What really ran, and what it cost: the file, namespaces and container, CPU time and memory."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    connection = op.get_bind()
    for column in _COLUMNS:
        connection.exec_driver_sql(f"ALTER TABLE {column}")
    for statement in ("DROP VIEW images", _IMAGES):
        connection.exec_driver_sql(statement)


_COLUMNS = (
    "origin ADD COLUMN cwd_deleted INTEGER DEFAULT 0 NOT NULL",
    "origin ADD COLUMN container TEXT",
    "origin ADD COLUMN pid_ns INTEGER",
    "origin ADD COLUMN mnt_ns INTEGER",
    "origin ADD COLUMN user_ns INTEGER",
    "program ADD COLUMN exe TEXT",
    "program ADD COLUMN exe_device TEXT",
    "program ADD COLUMN exe_inode INTEGER",
    "program ADD COLUMN exe_deleted INTEGER DEFAULT 0 NOT NULL",
    "image ADD COLUMN ns_pid INTEGER",
    "image ADD COLUMN cpu_ns INTEGER",
    "image ADD COLUMN max_rss_kb INTEGER",
)
_IMAGES = """
CREATE VIEW images AS
SELECT image.id AS id,
       (SELECT run_id FROM segment WHERE first_id <= image.id
        ORDER BY first_id DESC LIMIT 1) AS run_id,
       image.time_ns AS time_ns,
       strftime('%Y-%m-%dT%H:%M:%S', image.time_ns / 1000000000, 'unixepoch')
       || printf('.%09dZ', image.time_ns % 1000000000) AS time,
       image.time_ns - (SELECT offset_ns FROM segment WHERE first_id <= image.id
        ORDER BY first_id DESC LIMIT 1) AS boot_ns,
       (SELECT boot_id FROM run WHERE run.id = (
            SELECT run_id FROM segment WHERE first_id <= image.id
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
FROM image CROSS JOIN program ON program.id = image.program_id
"""
