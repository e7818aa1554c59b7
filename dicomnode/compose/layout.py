"""A page laid out on sheets of A4: the same for the picture and the PDF.

A column of headings stands beside the column of text, so that lines stay short. Everything is placed as on a page
that begins at the left and mirrored at the end where the language begins at the right.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dicomnode.compose.badge import badge, ink_of, label_of
from dicomnode.compose.bars import Columns, bar_rows
from dicomnode.compose.ink import Ink, Mark, Place, Side, Text, line, moved
from dicomnode.compose.page import Field, Page, Part
from dicomnode.compose.typeface import broken, runs_from_right, shortened, width
from dicomnode.records import Label

SHEET_WIDTH, SHEET_HEIGHT = 595.0, 842.0
"""A4 in points."""
MARGIN = 38.0
"""Left and right."""
TOP = 32.0
"""Above and below."""
_LEFT, _RIGHT = MARGIN, SHEET_WIDTH - MARGIN
_TEXT_LEFT = _LEFT + 116.0
_FOOT = 34.0
"""What the foot of a sheet takes."""
_TITLE, _NAME, _LEAD, _BODY, _HEADING, _SMALL, _LABEL = 17.0, 13.0, 10.5, 9.5, 9.5, 8.5, 7.5
_LEADING = 1.4
_FIELDS_IN_A_ROW = 4
_MOST_VALUE_LINES = 7
"""Room for 64 wide letters: an identifier is never cut."""
_LINES_TOGETHER = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """One page of paper, or one picture."""

    marks: tuple[Mark, ...]
    height: float


@dataclass(frozen=True, slots=True)
class _Block:
    """Marks that stay together, from 0 down to `height`."""

    marks: list[Mark]
    height: float
    above: _Block | None = None
    """What is repeated above it where it begins a sheet."""


def sheets_of(page: Page, *, is_cropped: bool) -> list[Sheet]:
    """Lay a page out.

    Parameters
    ----------
    is_cropped
        The last sheet ends where its content does.
    """
    parted = _parted(page)
    sheets = []
    for number, blocks in enumerate(parted, start=1):
        height = SHEET_HEIGHT
        if is_cropped and number == len(parted):
            height = min(SHEET_HEIGHT, 2 * TOP + sum(block.height for block in blocks) + _FOOT)
        marks: list[Mark] = []
        top = TOP
        for block in blocks:
            marks += moved(block.marks, top)
            top += block.height
        marks += _foot(page, number, len(parted), height)
        is_mirrored = page.is_right_to_left
        sheets.append(
            Sheet(marks=tuple(mark.mirrored(SHEET_WIDTH) if is_mirrored else mark for mark in marks), height=height)
        )
    return sheets


def _parted(page: Page) -> list[list[_Block]]:
    """The blocks of each sheet; every sheet says whose it is."""
    room = SHEET_HEIGHT - 2 * TOP - _FOOT
    parted = [[_head(page), _identity(page)]]
    for block in _blocks(page):
        if sum(placed.height for placed in parted[-1]) + block.height > room:
            parted.append([_head(page), _short_identity(page), *([block.above] if block.above else [])])
        parted[-1].append(block)
    return parted


def _blocks(page: Page) -> Iterator[_Block]:
    for remark in page.remarks:
        yield from _paragraph(page, remark, size=_SMALL, ink=Ink.MUTED)
    for part in page.leading:
        yield from _part(page, part, is_leading=True)
    yield from _findings(page)
    for part in page.following:
        yield from _part(page, part)


def _text(page: Page, text: str, at: Place, size: float, ink: Ink = Ink.TEXT, **how: object) -> Text:
    """A text in the order of its own script, on whatever page."""
    return Text(at=at, text=text, size=size, ink=ink, runs_from_right=runs_from_right(text), **how)  # type: ignore[arg-type]


def _head(page: Page) -> _Block:
    """Title, how urgent it is, and the warning: at the same place on every sheet."""
    marks: list[Mark] = []
    room = _RIGHT - _LEFT
    if page.priority is not None:
        word = page.labels[label_of(page.priority)]
        size = 12.0
        taken = width(word, page.font, size)
        where, ink = Place(_RIGHT, 15), ink_of(page.priority)
        marks.append(_text(page, word, where, size, ink, side=Side.RIGHT, is_bold=True))
        marks += badge(page.priority, Place(_RIGHT - taken - 17, 11), 17)
        room -= taken + 40
    title = shortened(page.title, page.font, _TITLE, room)
    marks.append(_text(page, title, Place(_LEFT, 16), _TITLE, is_bold=True))
    top = 26.0
    for row in broken(page.warning, page.font, _SMALL, _RIGHT - _LEFT):
        top += _SMALL * _LEADING
        marks.append(_text(page, row, Place(_LEFT, top - 2), _SMALL, Ink.WARNING))
    marks.append(line(_LEFT, top + 6, _RIGHT, top + 6, Ink.RULE, 0.8))
    return _Block(marks, top + 16)


def _identity(page: Page) -> _Block:
    """Who the patient is, large, and the study's and report's particulars in columns."""
    marks: list[Mark] = [_text(page, page.patient.label, Place(_LEFT, _LABEL), _LABEL, Ink.MUTED)]
    top = _LABEL + 4.0
    for row in broken(page.patient.value, page.font, _NAME, _RIGHT - _LEFT)[:2]:
        top += _NAME * 1.25
        marks.append(_text(page, row, Place(_LEFT, top - 3), _NAME))
    top += 6
    for start in range(0, len(page.identity), _FIELDS_IN_A_ROW):
        row_of_fields = _fields(page, page.identity[start : start + _FIELDS_IN_A_ROW])
        marks += moved(row_of_fields.marks, top)
        top += row_of_fields.height
    marks.append(line(_LEFT, top + 2, _RIGHT, top + 2, Ink.RULE, 0.8))
    return _Block(marks, top + 14)


def _fields(page: Page, fields: tuple[Field, ...]) -> _Block:
    """Values side by side, each below its label."""
    step = (_RIGHT - _LEFT) / _FIELDS_IN_A_ROW
    marks: list[Mark] = []
    most = 1
    for column, field in enumerate(fields):
        left = _LEFT + column * step
        is_last = column == len(fields) - 1
        room = (_RIGHT - left if is_last else step) - 10
        label = shortened(field.label, page.font, _LABEL, room)
        marks.append(_text(page, label, Place(left, _LABEL), _LABEL, Ink.MUTED))
        rows = broken(field.value, page.font, _HEADING, room)
        if len(rows) > _MOST_VALUE_LINES:
            rows = [*rows[: _MOST_VALUE_LINES - 1], f"{rows[_MOST_VALUE_LINES - 1][:-1]}\u2026"]
        most = max(most, len(rows))
        for number, row in enumerate(rows):
            marks.append(_text(page, row, Place(left, _LABEL + 12 + number * _HEADING * 1.3), _HEADING))
    return _Block(marks, _LABEL + most * _HEADING * 1.3 + 9)


def _short_identity(page: Page) -> _Block:
    """The patient's particulars on one or two lines, for all sheets but the first."""
    fields = [page.patient, *page.identity]
    words = " \u00b7 ".join(f"{field.label}: {field.value}" for field in fields[:3] + fields[4:6])
    rows = broken(words, page.font, _SMALL, _RIGHT - _LEFT)[:_MOST_VALUE_LINES]
    step = _SMALL * _LEADING
    marks: list[Mark] = [
        _text(page, row.removesuffix(" \u00b7"), Place(_LEFT, (number + 1) * step - 4), _SMALL)
        for number, row in enumerate(rows)
    ]
    marks.append(line(_LEFT, len(rows) * step + 3, _RIGHT, len(rows) * step + 3, Ink.RULE, 0.8))
    return _Block(marks, len(rows) * step + 16)


def _part(page: Page, part: Part, *, is_leading: bool = False) -> Iterator[_Block]:
    """A section: its heading beside its first line, further lines below."""
    size = _LEAD if is_leading else _BODY
    blocks = [block for said in part.paragraphs for block in _paragraph(page, said, size=size)]
    step = _HEADING * 1.3
    heading: list[Mark] = [
        _text(page, row, Place(_LEFT, size + number * step), _HEADING, Ink.ACCENT, is_bold=True)
        for number, row in enumerate(broken(part.heading, page.font, _HEADING, _TEXT_LEFT - _LEFT - 14))
    ]
    first, *others = blocks or [_Block([], 0)]
    # A heading of several lines beside one line of text keeps its height.
    needed = size * _LEADING + 3 + (len(heading) - 1) * step
    yield _Block([*heading, *first.marks], first.height if others else max(first.height, needed))
    yield from others
    yield _Block([], 7)


def _paragraph(page: Page, text: str, *, size: float, ink: Ink = Ink.TEXT) -> Iterator[_Block]:
    """Its lines, a few of them at a time: no line of a short paragraph stands alone on a sheet."""
    rows = broken(text, page.font, size, _RIGHT - _TEXT_LEFT)
    is_reversed = runs_from_right(text)
    step = size * _LEADING
    for start in range(0, len(rows), _LINES_TOGETHER):
        together: list[Mark] = [
            Text(at=Place(_TEXT_LEFT, size + n * step), text=row, size=size, ink=ink, runs_from_right=is_reversed)
            for n, row in enumerate(rows[start : start + _LINES_TOGETHER])
        ]
        after = 3 if start + _LINES_TOGETHER >= len(rows) else 0
        yield _Block(together, len(together) * step + after)


def _findings(page: Page) -> Iterator[_Block]:
    """Findings with their bars, over the whole width, and what the report says of them below."""
    if not page.groups and not page.findings.paragraphs:
        return
    yield _Block([line(_LEFT, 0, _RIGHT, 0, Ink.RULE, 0.8)], 10)
    columns = Columns.of(page, _LEFT, _RIGHT)
    for row in bar_rows(page, columns):
        yield _Block(row.marks, row.height, _Block(*row.above))
    heading = "" if page.groups else page.findings.heading
    yield _Block([], 6 if page.groups else 0)
    yield from _part(page, Part(heading, page.findings.paragraphs))
    yield _Block([line(_LEFT, 0, _RIGHT, 0, Ink.RULE, 0.8)], 12)


def _foot(page: Page, number: int, count: int, height: float) -> list[Mark]:
    """Who wrote it, that it is not for diagnosis, and the number of the sheet where there are several."""
    base = height - TOP + 4
    marks: list[Mark] = [line(_LEFT, base - 24, _RIGHT, base - 24, Ink.RULE, 0.8)]
    marks.append(_text(page, page.labels[Label.NOT_FOR_DIAGNOSIS], Place(_LEFT, base - 12), _LABEL, Ink.WARNING))
    maker = shortened(page.maker, page.font, _LABEL, _RIGHT - _LEFT)
    marks.append(_text(page, maker, Place(_LEFT, base), _LABEL, Ink.MUTED))
    if count > 1:
        word = f"{page.labels[Label.PAGE]} {number}/{count}"
        marks.append(_text(page, word, Place(_RIGHT, base - 12), _LABEL, Ink.MUTED, side=Side.RIGHT))
    return marks
