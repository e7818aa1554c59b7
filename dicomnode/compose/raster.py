"""Marks drawn as pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, features

from dicomnode.compose.ink import Colour, Ink, Mark, Shape, Text
from dicomnode.compose.typeface import bold_width, face
from dicomnode.records import ByteArray

_LINE = 2
"""Points of a line."""


def rasterised(
    marks: Iterable[Mark], size: tuple[float, float], font: Path, theme: Mapping[Ink, Colour], scale: float
) -> ByteArray:
    """Draw marks on the ground of a theme.

    Parameters
    ----------
    size
        Width and height in the unit of the marks.
    scale
        Pixels a unit.

    Returns
    -------
    ByteArray
        (rows, columns, 3) RGB.
    """
    canvas = Image.new("RGB", (round(size[0] * scale), round(size[1] * scale)), theme[Ink.GROUND])
    draw = ImageDraw.Draw(canvas)
    for mark in marks:
        if isinstance(mark, Text):
            _write(draw, mark, font, theme, scale)
        else:
            _shape(draw, mark, theme, scale)
    return np.asarray(canvas)


def _write(draw: ImageDraw.ImageDraw, mark: Text, font: Path, theme: Mapping[Ink, Colour], scale: float) -> None:
    pixels = mark.size * scale
    direction = ("rtl" if mark.runs_from_right else "ltr") if features.check("raqm") else None
    draw.text(
        (mark.at.x * scale, mark.at.y * scale),
        mark.text,
        fill=theme[mark.ink],
        font=face(font, pixels),
        anchor=f"{mark.side.value}s",
        direction=direction,
        stroke_width=bold_width(pixels) / 2 if mark.is_bold else 0,
    )


def _shape(draw: ImageDraw.ImageDraw, mark: Shape, theme: Mapping[Ink, Colour], scale: float) -> None:
    points = [(x * scale, y * scale) for x, y in mark.points]
    width = max(1, round(mark.width * scale))
    if len(points) == _LINE:
        draw.line(points, fill=theme[mark.ink], width=width)
    elif mark.is_filled:
        draw.polygon(points, fill=theme[mark.ink])
    else:
        draw.line([*points, points[0]], fill=theme[mark.ink], width=width, joint="curve")
