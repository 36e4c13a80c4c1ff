"""The values of --format. Each command takes one of these sets."""

from enum import StrEnum


class EventFormat(StrEnum):
    """Of events that are there."""

    TABLE = "table"
    LINE = "line"
    PLAIN = "plain"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


class SqlFormat(StrEnum):
    """Of rows that SQL answers."""

    TABLE = "table"
    LINE = "line"
    PLAIN = "plain"
    JSON = "json"
    NDJSON = "ndjson"
    CSV = "csv"


class StreamFormat(StrEnum):
    """Of events as they come: one line for each."""

    LINE = "line"
    PLAIN = "plain"
    NDJSON = "ndjson"


class SumFormat(StrEnum):
    """Of sums over groups of events."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


class TrialFormat(StrEnum):
    """Of what rules would have left out."""

    TABLE = "table"
    JSON = "json"


class ReportFormat(StrEnum):
    """Of everything else."""

    TEXT = "text"
    JSON = "json"
