"""Findings as bars: probability, interval and threshold on one axis, with a legend that explains them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from dicomnode.compose.ink import Ink, Mark, Place, Shape, Side, Text, box, line, moved
from dicomnode.compose.page import Bar, Group, Page
from dicomnode.compose.typeface import broken, runs_from_right, shortened, width
from dicomnode.records import Label, Verdict

_INKS = {
    Verdict.PRESENT: Ink.SUSPECTED,
    Verdict.POSSIBLE: Ink.SUSPECTED,
    Verdict.UNDETERMINED: Ink.UNDETERMINED,
    Verdict.ABSENT: Ink.NOT_DETECTED,
}
_SIZE, _SMALL = 9.5, 8.0
_ROW, _THICK = 18.0, 7.0
_NAMES, _GAP = 176.0, 16.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where names, bars and figures stand, from the left."""

    left: float
    bar_left: float
    bar_right: float
    figures_right: float
    """Where the probabilities end; their intervals end at the right."""
    right: float

    @classmethod
    def of(cls, page: Page, left: float, right: float) -> Columns:
        """Columns whose figures have the room that the page's own need."""
        bars = [bar for group in page.groups for bar in group.bars]
        intervals = max((width(bar.interval, page.font, _SMALL) for bar in bars), default=0.0)
        figures = max((width(bar.label, page.font, _SIZE) for bar in bars), default=0.0)
        figures_right = right - intervals - _GAP
        return cls(
            left=left,
            bar_left=left + _NAMES,
            bar_right=figures_right - figures - _GAP,
            figures_right=figures_right,
            right=right,
        )

    def at(self, percent: float) -> float:
        """Place of a percentage on the axis."""
        return self.bar_left + (self.bar_right - self.bar_left) * min(max(percent, 0.0), 100.0) / 100


class Row(NamedTuple):
    """Marks that must not be parted."""

    marks: list[Mark]
    height: float
    above: tuple[list[Mark], float]
    """Marks, with their height, that explain the row where it begins a sheet."""


def bar_rows(page: Page, columns: Columns) -> Iterator[Row]:
    """The findings one below the other, each verdict under its heading."""
    head, head_height = _head(page, columns)
    for number, group in enumerate(page.groups):
        heading, height = _group_heading(page, group, columns)
        gap = 4.0 if number else 0.0
        for place, bar in enumerate(group.bars):
            marks, bar_height = _bar(page, bar, columns, _INKS[group.verdict])
            if place:
                above = [*head, *moved(heading, head_height)], head_height + height
                yield Row(marks, bar_height, above)
                continue
            marks = [*moved(heading, gap), *moved(marks, gap + height)]
            whole = gap + height + bar_height
            if number:
                yield Row(marks, whole, (head, head_height))
            else:
                yield Row([*head, *moved(marks, head_height)], head_height + whole, ([], 0.0))


def _text(
    text: str, at: Place, size: float, ink: Ink = Ink.TEXT, side: Side = Side.LEFT, *, bold: bool = False
) -> Text:
    return Text(at=at, text=text, size=size, ink=ink, side=side, is_bold=bold, runs_from_right=runs_from_right(text))


def _head(page: Page, columns: Columns) -> tuple[list[Mark], float]:
    """Heading, legend, and the figures of the axis."""
    marks: list[Mark] = [_text(page.findings.heading, Place(columns.left, 9), _SIZE, Ink.ACCENT, bold=True)]
    legend, height = _legend(page, columns)
    marks += legend
    base = height + 12
    for percent, word, side in zip((0, 50, 100), page.scale, (Side.LEFT, Side.MIDDLE, Side.RIGHT), strict=True):
        marks.append(_text(word, Place(columns.at(percent), base), _SMALL, Ink.MUTED, side))
    return marks, base + 3


def _legend(page: Page, columns: Columns) -> tuple[list[Mark], float]:
    """Bar, whisker and tick, each with its word; as many on a line as fit."""
    samples = (
        (Label.PROBABILITY, [box(0, 2, 18, 2 + _THICK, Ink.MUTED)]),
        (Label.INTERVAL, _whisker(0, 18, 5.5)),
        (Label.THRESHOLD, _tick(9, 0, 11)),
    )
    marks: list[Mark] = []
    left, top = columns.bar_left, 0.0
    for label, sample in samples:
        word = page.labels[label]
        needed = 23 + width(word, page.font, _SMALL)
        if left > columns.bar_left and left + needed > columns.right:
            left, top = columns.bar_left, top + 14
        marks += [_shifted(mark, left, top) for mark in sample]
        marks.append(_text(word, Place(left + 23, top + 9), _SMALL, Ink.MUTED))
        left += needed + 16
    return marks, top + 11


def _shifted(shape: Shape, right: float, down: float) -> Shape:
    return Shape(
        points=tuple(Place(x + right, y + down) for x, y in shape.points),
        ink=shape.ink,
        is_filled=shape.is_filled,
        width=shape.width,
    )


def _group_heading(page: Page, group: Group, columns: Columns) -> tuple[list[Mark], float]:
    """The verdict in words; it may run over the column of the bars."""
    word = shortened(group.heading, page.font, _SIZE, columns.right - columns.left)
    ink = _INKS[group.verdict]
    return [_text(word, Place(columns.left, 12), _SIZE, ink, bold=group.verdict.is_suspected)], 17


def _bar(page: Page, bar: Bar, columns: Columns, ink: Ink) -> tuple[list[Mark], float]:
    """A finding: name, bar with whisker and tick, figures."""
    rows = broken(bar.name, page.font, _SIZE, columns.bar_left - columns.left - 18)[:2]
    height = _ROW + (len(rows) - 1) * _SIZE * 1.25
    middle = height / 2
    first = middle + _SIZE * 0.36 - (len(rows) - 1) * _SIZE * 0.625
    marks: list[Mark] = [
        _text(row, Place(columns.left + 10, first + number * _SIZE * 1.25), _SIZE) for number, row in enumerate(rows)
    ]
    top, bottom = middle - _THICK / 2, middle + _THICK / 2
    marks.append(box(columns.bar_left, top, columns.bar_right, bottom, Ink.TRACK))
    marks.append(box(columns.bar_left, top, columns.at(bar.percent), bottom, ink))
    if bar.upper > bar.lower:
        marks += _whisker(columns.at(bar.lower), columns.at(bar.upper), middle)
    marks += _tick(columns.at(bar.threshold), middle - 7, middle + 7)
    base = middle + _SIZE * 0.36
    marks.append(_text(bar.label, Place(columns.figures_right, base), _SIZE, side=Side.RIGHT, bold=True))
    if bar.interval:
        marks.append(_text(bar.interval, Place(columns.right, base), _SMALL, Ink.MUTED, Side.RIGHT))
    return marks, height


def _whisker(left: float, right: float, middle: float) -> list[Shape]:
    """A line with caps; on a bar its dark rim keeps it apart."""
    strokes = (
        (left, middle, right, middle),
        (left, middle - 3, left, middle + 3),
        (right, middle - 3, right, middle + 3),
    )
    return [
        *(line(*stroke, Ink.GROUND, 3.0) for stroke in strokes),
        *(line(*stroke, Ink.TEXT, 1.2) for stroke in strokes),
    ]


def _tick(x: float, top: float, bottom: float) -> list[Shape]:
    """A line across the bar, with a wedge on top that tells it from the whisker's caps."""
    wedge = Shape(points=(Place(x - 2.6, top), Place(x + 2.6, top), Place(x, top + 3.4)), ink=Ink.WARNING)
    return [line(x, top, x, bottom, Ink.GROUND, 2.6), line(x, top, x, bottom, Ink.WARNING, 1.1), wedge]
