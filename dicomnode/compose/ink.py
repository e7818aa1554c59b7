"""What pages and pictures are drawn of: texts, lines and shapes in named inks, whatever draws them.

Lengths are in points of a page (1/72 inch), from its upper left corner; what draws chooses the scale and the theme.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import NamedTuple

Colour = tuple[int, int, int]


class Ink(Enum):
    """What a colour is for."""

    GROUND = "ground"
    """What everything stands on."""
    TEXT = "text"
    MUTED = "muted"
    """Labels and remarks."""
    ACCENT = "accent"
    """Headings."""
    WARNING = "warning"
    RULE = "rule"
    TRACK = "track"
    """What a bar runs along."""
    SUSPECTED = "suspected"
    UNDETERMINED = "undetermined"
    NOT_DETECTED = "not_detected"
    EMERGENT = "emergent"
    URGENT = "urgent"
    NON_CRITICAL = "non_critical"
    NON_ACTIONABLE = "non_actionable"
    REGION = "region"
    """Outline of a region on an image."""


DECORATION = frozenset({Ink.GROUND, Ink.RULE, Ink.TRACK})
"""Inks that no text is set in."""

# Orange, violet and blue of different brightness: readers with any colour vision can tell them apart.
SCREEN: Mapping[Ink, Colour] = {
    Ink.GROUND: (20, 22, 26),
    Ink.TEXT: (214, 218, 222),
    Ink.MUTED: (150, 158, 168),
    Ink.ACCENT: (138, 176, 214),
    Ink.WARNING: (228, 182, 104),
    Ink.RULE: (56, 62, 70),
    Ink.TRACK: (40, 45, 52),
    Ink.SUSPECTED: (232, 144, 78),
    Ink.UNDETERMINED: (180, 164, 212),
    Ink.NOT_DETECTED: (104, 146, 182),
    Ink.EMERGENT: (242, 116, 84),
    Ink.URGENT: (240, 192, 84),
    Ink.NON_CRITICAL: (116, 182, 226),
    Ink.NON_ACTIONABLE: (150, 158, 168),
    Ink.REGION: (120, 200, 240),
}
"""Light on dark, without pure white, for a reading room."""
PAPER: Mapping[Ink, Colour] = {
    Ink.GROUND: (255, 255, 255),
    Ink.TEXT: (28, 30, 34),
    Ink.MUTED: (92, 98, 106),
    Ink.ACCENT: (36, 82, 128),
    Ink.WARNING: (138, 70, 0),
    Ink.RULE: (202, 206, 212),
    Ink.TRACK: (232, 235, 239),
    Ink.SUSPECTED: (186, 74, 14),
    Ink.UNDETERMINED: (112, 88, 156),
    Ink.NOT_DETECTED: (62, 112, 158),
    Ink.EMERGENT: (172, 40, 16),
    Ink.URGENT: (148, 90, 0),
    Ink.NON_CRITICAL: (24, 96, 158),
    Ink.NON_ACTIONABLE: (92, 98, 106),
    Ink.REGION: (24, 96, 158),
}
"""Dark on white, for print."""


class Side(Enum):
    """Which part of a text its place is."""

    LEFT = "l"
    MIDDLE = "m"
    RIGHT = "r"


_OPPOSITE = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT, Side.MIDDLE: Side.MIDDLE}


class Place(NamedTuple):
    """A point, from the upper left corner."""

    x: float
    y: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """One line of text."""

    at: Place
    """Its `side`, on the base line."""
    text: str
    size: float
    ink: Ink = Ink.TEXT
    side: Side = Side.LEFT
    is_bold: bool = False
    runs_from_right: bool = False

    def moved(self, down: float) -> Text:
        """The same further down."""
        return replace(self, at=Place(self.at.x, self.at.y + down))

    def mirrored(self, width: float) -> Text:
        """The same on a page that begins at the right."""
        return replace(self, at=Place(width - self.at.x, self.at.y), side=_OPPOSITE[self.side])


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A closed outline, filled or not; of two points, a line."""

    points: tuple[Place, ...]
    ink: Ink
    is_filled: bool = True
    width: float = 1.0
    """Of the outline or line."""

    def moved(self, down: float) -> Shape:
        """The same further down."""
        return replace(self, points=tuple(Place(x, y + down) for x, y in self.points))

    def mirrored(self, width: float) -> Shape:
        """The same on a page that begins at the right."""
        return replace(self, points=tuple(Place(width - x, y) for x, y in self.points))


Mark = Text | Shape


def moved(marks: Iterable[Mark], down: float) -> list[Mark]:
    """Marks further down."""
    return [mark.moved(down) for mark in marks]


def box(left: float, top: float, right: float, bottom: float, ink: Ink) -> Shape:
    """A filled rectangle."""
    return Shape(points=(Place(left, top), Place(right, top), Place(right, bottom), Place(left, bottom)), ink=ink)


def line(left: float, top: float, right: float, bottom: float, ink: Ink, width: float = 1.0) -> Shape:
    """A straight line."""
    return Shape(points=(Place(left, top), Place(right, bottom)), ink=ink, width=width)
