"""The legend of a heat map: what was found and how sure, how urgent, where, and what the colours mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from dicomnode.compose.badge import badge, ink_of, label_of
from dicomnode.compose.ink import Ink, Mark, Place, Shape, Side, Text
from dicomnode.compose.typeface import broken, runs_from_right, shortened, width
from dicomnode.records import Acuity, Label

LEAST_WIDTH_PX = 480
"""Legends of narrower images are wider than these."""
LEAST_LETTER_PX = 13.0
BAR_LEVEL = 96
"""Grey under the colours of the bar: that of soft tissue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """What a legend says, in one language."""

    font: Path
    """Has every letter of the words."""
    is_right_to_left: bool
    finding: str
    figures: str
    """Its probability and the limits of it."""
    acuity: Acuity | None
    """None: nothing is said of how urgent it is."""
    place: str
    """Which slice or view; empty: not known."""
    maker: str
    """Method, model and version."""
    labels: Mapping[Label, str]
    has_region: bool = False
    """A region is outlined."""


class Legend(NamedTuple):
    """A legend laid out in pixels."""

    marks: tuple[Mark, ...]
    width: int
    height: int
    bar: tuple[int, int, int, int]
    """Left, top, right and bottom of the colour bar, which what draws fills in."""
    font: Path
    is_right_to_left: bool


class _Writer:
    """Lines of a legend from above to below.

    Does: place them as for a language that begins at the left.
    Does not: draw.
    """

    def __init__(self, caption: Caption, columns: int) -> None:
        self.caption = caption
        self.size = max(LEAST_LETTER_PX, columns / 52)
        self.left, self.right = self.size * 0.8, columns - self.size * 0.8
        self.top = self.size * 0.7
        self.marks: list[Mark] = []

    def line(self, text: str, at: float, size: float, ink: Ink, *, side: Side = Side.LEFT, bold: bool = False) -> None:
        """One text on the current base line."""
        mark = Text(
            at=Place(at, self.top), text=text, size=size, ink=ink, side=side, is_bold=bold,
            runs_from_right=runs_from_right(text),
        )  # fmt: skip
        self.marks.append(mark)

    def paragraph(self, text: str, size: float, ink: Ink, *, bold: bool = False) -> None:
        """A text on as many lines as it needs."""
        for row in broken(text, self.caption.font, size, self.right - self.left):
            self.top += size * 1.35
            self.line(row, self.left, size, ink, bold=bold)

    def pair(self, start: str, end: str, size: float, ink: Ink, *, indent: float = 0.0, bold: bool = False) -> None:
        """Two texts at both ends of a line, below each other where they do not fit."""
        font = self.caption.font
        room = self.right - self.left - indent
        fits = width(start, font, size) + width(end, font, size) + size <= room
        self.top += size * 1.35
        self.line(shortened(start, font, size, room), self.left + indent, size, ink, bold=bold)
        if not end:
            return
        if fits:
            self.line(end, self.right, size, Ink.TEXT, side=Side.RIGHT)
        else:
            self.paragraph(end, size, Ink.TEXT)


def legend_of(caption: Caption, columns: int) -> Legend:
    """Lay a legend out below an image.

    Parameters
    ----------
    columns
        Of the image.
    """
    columns = max(columns, LEAST_WIDTH_PX)
    writer = _Writer(caption, columns)
    size = writer.size
    writer.pair(caption.finding, caption.figures, size * 1.15, Ink.TEXT, bold=True)
    writer.top += size * 0.25
    _urgency_and_place(writer)
    writer.top += size * 0.5
    bar = _scale(writer)
    writer.paragraph(caption.maker, size, Ink.MUTED)
    writer.paragraph(caption.labels[Label.NOT_FOR_DIAGNOSIS], size, Ink.WARNING)
    marks = tuple(mark.mirrored(columns) if caption.is_right_to_left else mark for mark in writer.marks)
    if caption.is_right_to_left:
        bar = (columns - bar[2], bar[1], columns - bar[0], bar[3])
    return Legend(marks, columns, round(writer.top + size * 0.8), bar, caption.font, caption.is_right_to_left)


def _urgency_and_place(writer: _Writer) -> None:
    caption, size = writer.caption, writer.size
    if caption.acuity is None:
        if caption.place:
            writer.pair(caption.place, "", size, Ink.TEXT)
        return
    word, ink = caption.labels[label_of(caption.acuity)], ink_of(caption.acuity)
    writer.marks += badge(caption.acuity, Place(writer.left + size * 0.65, writer.top + size * 0.98), size * 1.3)
    writer.pair(word, caption.place, size, ink, indent=size * 1.8, bold=True)


def _scale(writer: _Writer) -> tuple[int, int, int, int]:
    """What the colours mean, and their bar between its two ends."""
    labels, font, size = writer.caption.labels, writer.caption.font, writer.size
    writer.paragraph(labels[Label.SCALE], size, Ink.MUTED)
    low, high = (shortened(labels[label], font, size, size * 8) for label in (Label.LOW, Label.HIGH))
    writer.top += size * 1.45
    writer.line(low, writer.left, size, Ink.MUTED)
    writer.line(high, writer.right, size, Ink.MUTED, side=Side.RIGHT)
    left = writer.left + width(low, font, size) + size * 0.6
    right = writer.right - width(high, font, size) - size * 0.6
    bar = (round(left), round(writer.top - size * 0.8), round(right), round(writer.top + size * 0.1))
    writer.top += size * 0.4
    if writer.caption.has_region:
        writer.top += size * 1.3
        sample = (writer.left, writer.top - size * 0.75, writer.left + size * 1.3, writer.top + size * 0.05)
        writer.marks.append(_frame(*sample))
        writer.line(labels[Label.REGION], writer.left + size * 1.8, size, Ink.MUTED)
    return bar


def _frame(left: float, top: float, right: float, bottom: float) -> Shape:
    """A sample of the outline."""
    corners = (Place(left, top), Place(right, top), Place(right, bottom), Place(left, bottom))
    return Shape(points=corners, ink=Ink.REGION, is_filled=False, width=2)
