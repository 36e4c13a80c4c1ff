"""Percentiles from a histogram: memory stays bounded however many events there are.

A bucket holds the durations between two powers of 2 ** (1/32), which are 2.2 % apart. Pure.
"""

import math
from collections.abc import Mapping

BUCKETS_PER_DOUBLING = 32
ERROR = 0.011  # how far a percentile may be from the exact one, as a share of it; and 1 ns


def bucket_of(duration_ns: int) -> int:
    """What the SQL of `statistics` computes as well."""
    return int(math.log2(max(duration_ns, 1)) * BUCKETS_PER_DOUBLING)


def percentile(buckets: Mapping[int, int], share: float, most_ns: int) -> int | None:
    """The duration in ns that this share (0 to 1) of the durations do not exceed, by the nearest
    rank; None if there are none. `buckets` has for each bucket how many are in it, `most_ns` is the
    longest of all."""
    rank = math.ceil(share * sum(buckets.values()))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return min(_middle_ns(bucket), most_ns)
    return None


def _middle_ns(bucket: int) -> int:
    return round(2 ** ((bucket + 0.5) / BUCKETS_PER_DOUBLING)) if bucket else 1
