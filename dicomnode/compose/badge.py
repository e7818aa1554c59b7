"""How urgent a result is, as a shape beside its word: told by form and word, not by colour alone."""

from __future__ import annotations

import math
from typing import NamedTuple

from dicomnode.compose.ink import Ink, Mark, Place, Shape, Side, Text
from dicomnode.records import Acuity, Label


class _Look(NamedTuple):
    """How an acuity looks."""

    label: Label
    ink: Ink
    corners: int
    first_corner: float
    """Angle of the first corner, in parts of a turn clockwise from the top."""
    is_filled: bool


# A stop sign, a warning triangle, a ring, an empty square.
_LOOKS = {
    Acuity.EMERGENT: _Look(Label.EMERGENT, Ink.EMERGENT, 8, 1 / 16, True),
    Acuity.URGENT: _Look(Label.URGENT, Ink.URGENT, 3, 0, True),
    Acuity.NON_CRITICAL: _Look(Label.NON_CRITICAL, Ink.NON_CRITICAL, 24, 0, False),
    Acuity.NON_ACTIONABLE: _Look(Label.NON_ACTIONABLE, Ink.NON_ACTIONABLE, 4, 1 / 8, False),
}


def label_of(acuity: Acuity) -> Label:
    """The label that names an acuity."""
    return _LOOKS[acuity].label


def ink_of(acuity: Acuity) -> Ink:
    """The ink of an acuity's shape and word."""
    return _LOOKS[acuity].ink


def badge(acuity: Acuity, centre: Place, size: float) -> list[Mark]:
    """The shape of an acuity.

    Parameters
    ----------
    size
        Height and width.
    """
    look = _LOOKS[acuity]
    radius = size / 2 if look.corners > 4 else size * 0.6
    turns = [look.first_corner + corner / look.corners for corner in range(look.corners)]
    low = 0.12 * size if look.corners == 3 else 0.0  # a triangle's middle lies below half of its height
    around = tuple(
        Place(centre.x + radius * math.sin(math.tau * turn), centre.y + low - radius * math.cos(math.tau * turn))
        for turn in turns
    )
    shape = Shape(points=around, ink=look.ink, is_filled=look.is_filled, width=size * 0.12)
    if not look.is_filled:
        return [shape]
    sign = Place(centre.x, centre.y + size * 0.27)
    return [shape, Text(at=sign, text="!", size=size * 0.72, ink=Ink.GROUND, side=Side.MIDDLE, is_bold=True)]
