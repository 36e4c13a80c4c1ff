"""Rows as a table whose lines never wrap. It is printed as the rows come."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from rich.cells import cell_len, get_character_cell_size

PAGE = 200  # rows that decide the widths
_CUT_MARK = "…"
_LEAST = 6  # cells that a text keeps where columns compete for room
_CHARS_PER_CELL = 4  # read at most: characters without width may follow each other endlessly
RED, DIM, _BOLD, _OFF = "\x1b[31m", "\x1b[2m", "\x1b[1m", "\x1b[0m"


class Column(NamedTuple):
    """`text` is cut where there is no room, numbers are not; `right` aligns to the right."""

    name: str
    text: bool = False
    right: bool = False


class Cell(NamedTuple):
    """A text that is safe to show, with its colour."""

    text: str
    colour: str = ""


Row = Sequence[str | Cell]


def terminal_width() -> int:
    """In cells: $COLUMNS, else that of the terminal, else 80."""
    return shutil.get_terminal_size().columns


def table(
    columns: Sequence[Column], rows: Iterable[Row], width: int | None, *, colour: bool, gap: int = 2
) -> Iterator[str]:
    """A header and a line for each row, of at most `width` cells; None: as wide as they need. The
    first page of rows decides how wide the columns are."""
    rest = iter(rows)
    page = list(islice(rest, PAGE))
    widths = _shared(columns, natural_widths(columns, page), width, gap)
    names = [Cell(column.name, _BOLD) for column in columns]
    for row in chain([names], page, rest):
        yield _line(columns, widths, row, width, colour, gap)


def natural_widths(columns: Sequence[Column], rows: Iterable[Row]) -> list[int]:
    """How wide each column is if nothing is cut."""
    texts = zip(*([_text(cell) for cell in row] for row in rows), strict=True)
    of_cells = [max(map(width_of, column)) for column in texts] or [0] * len(columns)
    return [max(width_of(c.name), wide) for c, wide in zip(columns, of_cells, strict=True)]


def width_of(text: str) -> int:
    """How many cells of a terminal the text takes."""
    return len(text) if text.isascii() else cell_len(text)


def cut(text: str, width: int) -> str:
    """The text, or its beginning and an ellipsis, in at most `width` cells."""
    if len(text) <= width * _CHARS_PER_CELL and width_of(text) <= width:
        return text
    room, kept = width - 1, 0
    for char in text[: max(0, room) * _CHARS_PER_CELL]:
        room -= 1 if char.isascii() else get_character_cell_size(char)
        if room < 0:
            break
        kept += 1
    return text[:kept] + _CUT_MARK if width > 0 else ""


def _shared(columns: Sequence[Column], widths: list[int], total: int | None, gap: int) -> list[int]:
    """The widest texts become narrower until all columns fit."""
    if total is None:
        return widths
    excess = sum(widths) + gap * (len(widths) - 1) - total
    texts = [at for at, column in enumerate(columns) if column.text]
    while excess > 0 and texts:
        widest = max(texts, key=widths.__getitem__)
        if widths[widest] <= _LEAST:
            break
        others = (widths[at] for at in texts if widths[at] < widths[widest])
        less = min(excess, widths[widest] - max(_LEAST, max(others, default=0)))
        widths[widest] -= max(1, less)
        excess -= max(1, less)
    return widths


def _line(
    columns: Sequence[Column],
    widths: Sequence[int],
    row: Row,
    total: int | None,
    colour: bool,
    gap: int,
) -> str:
    """Numbers that are wider than those of the first page take room from what is right of them."""
    line, used, blank = "", 0, 0
    for (_, is_text, right), width, cell in zip(columns, widths, row, strict=True):
        text, its_colour = cell if isinstance(cell, Cell) else (cell, "")
        length = width_of(text)
        if total is not None:
            room = total - used - blank
            if room <= 0:
                break
            width = min(width, room)
            most = width if is_text else room
            if length > most or len(text) > most:
                text = cut(text, most)
                length = width_of(text)
        if its_colour and colour and text:
            text = f"{its_colour}{text}{_OFF}"
        pad = width - length if length < width else 0
        if right:
            line += " " * (blank + pad) + text
            used += blank + pad + length
            blank = gap
        else:
            line += " " * blank + text
            used += blank + length
            blank = pad + gap
    return line.rstrip(" ") + "\n"


def _text(cell: str | Cell) -> str:
    return cell.text if isinstance(cell, Cell) else cell
