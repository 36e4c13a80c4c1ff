"""How much of an image's time its children take, in SQL.

A child is a process that the image started, from its first exec to the end of the last program
that it runs: a program that execs another is one child, not two. Only the part within the time of
the parent counts. A child without a recorded end lasts as long as its parent. Children that run
side by side take their sum, but not more than from the start of the first to the end of the last.
"""

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

# SQL: whether a row of `image` with an id from :first to :last is a parent. One scan of an index
# finds all that are, and for most rows no child needs to be looked for.
IS_PARENT = (
    "image.id IN (SELECT child.parent_id FROM image AS child"
    " WHERE child.parent_id BETWEEN :first AND :last)"
)
