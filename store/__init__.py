"""The database. Only here and in migrations is SQLAlchemy used. Where what is:

writing    recording: a collector's life; transfer: an import. Both hand their rows to rows, which
           asks intern for ids of what recurs, and lineage for parents; earlier: which rows the
           programs have that run already
importing  lines: of a file; ndjson: one as an event; sources: which database an id is of; spool:
           where they wait until all are read; held: what of them the database has already;
           parents: which rows their ids became
reading    history: the events, by way of selection, which finds where to look, order, which reads
           that in order, filter and statement, which say it in SQL, and dictionary, which has
           what rows refer to
finding    segments: stretches of rows; uses: which of their blocks refer to something
ledger     state: sums and runs; coverage: when was recorded, and when something is missing;
           counting: how many events lie in each such stretch
config     config: the table; entry: what may be in it
the file   database: transactions; file, blank, upgrade: how it comes to be; beside, descriptor:
           what is there before SQLite opens it; lock: whose it is; watch, with mounts, content
           and walindex: whether it is still what it was; trust, trusted, typed: whether to
           believe it; safe_files: with whose rights; missing: rows that are claimed and not there;
           schema, layout, sql
its size   bounds: what it is held to; retention, sweep: what is too old or too much goes; cut,
           crowd: long arguments, and rows of who floods it, go first; trimmed: what was taken of
           whose events; checkpoint, space: the WAL, the disk
for all    event: what is recorded; errors, sentences: what went wrong, in words
"""
