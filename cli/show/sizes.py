"""Sizes in bytes as people write them."""


def size(size_bytes: int) -> str:
    """`512 bytes`, `8.0 kB`, `1.3 GB`: decimal units, as `--max-size` has them."""
    if size_bytes < 1_000:
        return f"{size_bytes} bytes"
    value, units = size_bytes / 1_000, ["kB", "MB", "GB", "TB"]
    while value >= 999.95 and len(units) > 1:
        value /= 1_000
        del units[0]
    return f"{value:.1f} {units[0]}"
