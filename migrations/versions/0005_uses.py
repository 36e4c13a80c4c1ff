"""In which blocks the entries of the dictionary are used."""

import json

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BLOCK_BITS, CHUNK_BITS = 10, 5


def upgrade() -> None:
    op.add_column("segment", sa.Column("known_entry_ids", sa.Text))
    op.create_table(
        "entry_block",
        *(sa.Column(name, sa.Integer, primary_key=True) for name in ("chunk", "entry_id")),
        sa.Column("blocks", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    connection = op.get_bind()
    segments = connection.exec_driver_sql(
        "SELECT first_id, last_id, first_entry_id FROM segment"
        f" WHERE first_id > 0 AND first_id >> {BLOCK_BITS} < last_id >> {BLOCK_BITS}"
        " AND (SELECT count(*) FROM image WHERE id BETWEEN first_id AND last_id)"  # no lies
        " = last_id - first_id + 1"
    )
    for first, last, first_entry_id in segments.all():
        known_ids = [first_entry_id - 1]  # the greatest before the first block, and after each
        size = 1 << BLOCK_BITS + CHUNK_BITS
        for chunk in range(first // size, last // size + 1):
            start, end = max(first, chunk * size), min(last, chunk * size + size - 1)
            _chunk(connection, chunk, start, end, known_ids)
        connection.exec_driver_sql(
            "UPDATE segment SET known_entry_ids = ? WHERE first_id = ?",
            (json.dumps(known_ids, separators=(",", ":")), first),
        )


def _chunk(
    connection: sa.Connection, chunk: int, first: int, last: int, known_ids: list[int]
) -> None:
    """Of the rows of a segment in a chunk: what is used for the first time is known by its
    id, the rest gets a bit for each block."""
    again: dict[int, int] = {}
    for block in range(first >> BLOCK_BITS, (last >> BLOCK_BITS) + 1):
        start = max(first, block << BLOCK_BITS)
        end = min(last, (block << BLOCK_BITS) + (1 << BLOCK_BITS) - 1)
        rows = connection.exec_driver_sql(
            "SELECT origin_id, command_id FROM image WHERE id BETWEEN ? AND ?", (start, end)
        )
        entries = {entry for row in rows for entry in row}
        for entry in entries:
            if entry <= known_ids[-1]:
                again[entry] = again.get(entry, 0) | 1 << (block - (chunk << CHUNK_BITS))
        known_ids.append(max(known_ids[-1], max(entries)))
    if again:
        connection.exec_driver_sql(
            "INSERT INTO entry_block VALUES (?, ?, ?)"
            " ON CONFLICT (chunk, entry_id) DO UPDATE SET blocks = blocks | excluded.blocks",
            [(chunk, entry, bits) for entry, bits in sorted(again.items())],
        )
