"""How much of an image's time its children take, in SQL.

A child is a process that the image started, from its first exec to the end of the last program
that it runs: a program that execs another is one child, not two. Only the part within the time of
the parent counts. A child without a recorded end lasts as long as its parent. Children that run
side by side take their sum, but not more than from the start of the first to the end of the last.
"""

from sqlalchemy import Integer, column, text

# Of a child: how long it lasts, and when it starts after its parent. The clock may have been set
# between them only if they are in different segments. UNION: a file may hold a circle.
_LASTS_NS = """CASE WHEN child.status = -1 THEN (
    WITH RECURSIVE chain (id, pid, status, duration_ns) AS (
        SELECT child.id, child.pid, child.status, child.duration_ns
        UNION
        SELECT next.id, next.pid, next.status, coalesce(next.duration_ns, 1 << 61)
        FROM chain CROSS JOIN image AS next ON next.parent_id = chain.id
        WHERE chain.status = -1 AND next.pid = chain.pid AND next.errno IS NULL)
    SELECT CAST(min(total(duration_ns), 1 << 61) AS INTEGER) FROM chain)
    ELSE child.duration_ns END"""
_FROM_NS = """max(0, child.time_ns - image.time_ns
    + CASE WHEN child.id BETWEEN :segment_first AND :segment_last THEN 0 ELSE :offset_ns - (
        SELECT offset_ns FROM segment WHERE first_id <= child.id
        ORDER BY first_id DESC LIMIT 1) END)"""

# The time that children take of a row of `image`, in ns; null without any. Parameters: the ids and
# the offset_ns of its segment. An attempt that failed ran nothing, and what has the pid of its
# parent is no child: it took the place of the parent. LIMIT -1 makes SQLite compute what is below
# once for each child.
CHILDREN_NS = f"""(
    SELECT min(sum(to_ns - from_ns), max(to_ns) - min(from_ns)) FROM (
        SELECT from_ns,
               min(image.duration_ns, coalesce(from_ns + lasts_ns, image.duration_ns)) AS to_ns
        FROM (SELECT {_FROM_NS} AS from_ns, {_LASTS_NS} AS lasts_ns FROM image AS child
              WHERE child.parent_id = image.id AND child.errno IS NULL
                AND child.pid != image.pid LIMIT -1))
    WHERE from_ns < image.duration_ns)"""

# The rows with an id from :first to :last that are parents, with sums over their children: `plain`
# if each of these is of the same segment and has ended, and none execed another. One scan of an
# index finds them, in order.
PARENTS = (
    text(
        "SELECT parent_id, sum(duration_ns) AS total_ns, min(time_ns) AS begin_ns,"
        " max(time_ns + duration_ns) AS end_ns,"
        " min(ifnull(status >= 0 AND duration_ns > 0 AND errno IS NULL"
        " AND id BETWEEN :segment_first AND :segment_last, 0)) AS plain"
        " FROM image AS child WHERE parent_id BETWEEN :first AND :last GROUP BY parent_id"
    )
    .columns(column("parent_id", Integer))
    .subquery("children")
)
# CHILDREN_NS of these, which needs no look at each child where all ended before their parent.
SUMMED_NS = f"""CASE WHEN children.plain AND image.status >= 0 AND begin_ns >= image.time_ns
    AND end_ns <= image.time_ns + image.duration_ns
    THEN min(total_ns, end_ns - begin_ns) ELSE {CHILDREN_NS} END"""
