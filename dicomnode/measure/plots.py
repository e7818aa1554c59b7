"""ROC and reliability plots as SVG, drawn here: two kinds of plain lines need no plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

_SIDE, _LEFT, _TOP, _BELOW = 220, 46, 26, 40
"""Pixels: side of the square that is drawn in, and room for labels."""
_COLOURS = ("#0b6e99", "#c1440e", "#5b8c2a", "#7d4fa0", "#8a6d1d", "#444444", "#2bb5b5", "#e39b2d", "#b5c98f")
"""The first six are told apart by everybody; the rest serve where there are many lines."""

Point = Sequence[float]


def roc_plot(title: str, curves: Mapping[str, Sequence[Point]]) -> str:
    """Sensitivity over 1 - specificity, a line a group.

    Parameters
    ----------
    curves
        By group: points of [0, 1] from (0, 0) to (1, 1).
    """
    lines = [_line(points, colour) for points, colour in zip(curves.values(), _colours(len(curves)), strict=True)]
    return _frame(title, "1 - specificity", "sensitivity", lines, list(curves))


def reliability_plot(title: str, bins: Sequence[Mapping[str, Any]]) -> str:
    """Share of true over mean probability, a dot a bin, larger for more images.

    Parameters
    ----------
    bins
        As `metrics.reliability` gives them.
    """
    most = max((one["images"] for one in bins), default=1)
    dots = [
        f'<circle cx="{_x(one["probability"]):.1f}" cy="{_y(one["share"]):.1f}" '
        f'r="{2 + 6 * (one["images"] / most) ** 0.5:.1f}" fill="{_COLOURS[0]}" fill-opacity="0.6">'
        f"<title>{one['images']} images</title></circle>"
        for one in bins
    ]
    line = _line([(one["probability"], one["share"]) for one in bins], _COLOURS[0])
    return _frame(title, "probability", "observed frequency", [line, *dots], [])


def share_plot(title: str, across: str, curves: Mapping[str, Sequence[float]]) -> str:
    """A share over a share, a line each.

    Parameters
    ----------
    curves
        By name: values in [0, 1] at equal steps from 0 to 1.
    """
    lines = [
        _line([(step / max(1, len(values) - 1), value) for step, value in enumerate(values)], colour)
        for values, colour in zip(curves.values(), _colours(len(curves)), strict=True)
    ]
    return _frame(title, across, "probability", lines, list(curves))


def _colours(count: int) -> list[str]:
    return [_COLOURS[index % len(_COLOURS)] for index in range(count)]


def _x(value: float) -> float:
    return _LEFT + value * _SIDE


def _y(value: float) -> float:
    return _TOP + (1 - value) * _SIDE


def _line(points: Sequence[Point], colour: str) -> str:
    places = " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.6"/>'


def _frame(title: str, across: str, up: str, drawn: Sequence[str], legend: Sequence[str]) -> str:
    """Axes from 0 to 1 with the diagonal, what is drawn on them, and the legend below."""
    longest = max((len(name) for name in legend), default=0)
    width = _LEFT + max(_SIDE + 14, 20 + 6 * longest)  # about six pixels a letter
    height = _TOP + _SIDE + _BELOW + 15 * len(legend)
    ticks = "".join(
        f'<text x="{_x(value):.0f}" y="{_y(0) + 13:.0f}" text-anchor="middle">{value:g}</text>'
        f'<text x="{_LEFT - 5}" y="{_y(value) + 4:.0f}" text-anchor="end">{value:g}</text>'
        for value in (0, 0.5, 1)
    )
    names = "".join(
        f'<rect x="{_LEFT}" y="{_y(0) + 34 + 15 * index:.0f}" width="10" height="3" fill="{colour}"/>'
        f'<text x="{_LEFT + 15}" y="{_y(0) + 39 + 15 * index:.0f}">{escape(name)}</text>'
        for index, (name, colour) in enumerate(zip(legend, _colours(len(legend)), strict=True))
    )
    middle = _TOP + _SIDE / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" '
        f'role="img" font-family="sans-serif" font-size="10" fill="#222">'
        f'<text x="{_LEFT}" y="15" font-size="12" font-weight="bold">{escape(title)}</text>'
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#999"/>'
        f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#bbb" stroke-dasharray="4 3"/>'
        f"{ticks}{''.join(drawn)}"
        f'<text x="{_x(0.5):.0f}" y="{_y(0) + 26:.0f}" text-anchor="middle">{escape(across)}</text>'
        f'<text x="12" y="{middle:.0f}" text-anchor="middle" transform="rotate(-90 12 {middle:.0f})">'
        f"{escape(up)}</text>"
        f"{names}</svg>"
    )
