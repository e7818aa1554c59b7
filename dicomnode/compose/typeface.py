"""Which letters a font has, and how wide they are: the shipped one (Latin, Greek, Cyrillic, Arabic), or the house's."""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path

from PIL import ImageFont, features

SHIPPED = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
# The shipped font has all of Latin-1, Latin Extended-A and B, so that most reports need no look into its tables.
_LAST_SURE = "\u024f"
# Hebrew to Myanmar, Tibetan and South Asia among them: letters that join, stack or run from the right.
_SHAPED = ("\u0590", "\u109f")


# A line may break after a hyphen and between two ideographs, but a closing mark stays with what it closes.
_CLOSING = "\u3001-\u3003\u300b\u300d\u300f\u3011\uff01\uff09\uff0c\uff1a-\uff1f"
_IN_WORD = "[^\\s\u2e80-\u9fff-]|[\u00a0\u202f]"  # with the blanks that keep a number and its unit together
_UNBROKEN = re.compile(
    f"[\u2e80-\u9fff][{_CLOSING}]*|(?:{_IN_WORD})*-+|(?:{_IN_WORD})+|[{_CLOSING}]+|\\s",
)
_ELLIPSIS = "\u2026"
_HALF_BOLD = 0.015
"""Half of the line that makes letters bold, in parts of their size."""
_MEASURED_PX = 64
"""Letters are measured at this size: larger than drawn, so that rounding does not count."""


def font_path(font: Path | None) -> Path:
    """The font of the settings where it can be read, else the shipped one."""
    return font if font is not None and _characters(font) else SHIPPED


def missing(text: str, font: Path) -> frozenset[str]:
    """Letters of a text that the font does not have; marks that are not drawn do not count."""
    drawn = {letter for letter in text if not letter.isspace() and unicodedata.category(letter) != "Cf"}
    if font == SHIPPED:
        drawn = {letter for letter in drawn if letter > _LAST_SURE}
    return frozenset(letter for letter in drawn if ord(letter) not in _characters(font)) if drawn else frozenset()


def can_be_shaped(text: str) -> bool:
    """Whether pictures can show its letters joined and in order; that takes Raqm and FriBidi behind Pillow."""
    first, last = _SHAPED
    return bool(features.check("raqm")) or not any(first <= letter <= last for letter in text)


def runs_from_right(line: str) -> bool:
    """Whether the first letter of a line that has a direction runs from right to left (UAX 9, rule P2)."""
    strong = (unicodedata.bidirectional(letter) for letter in line)
    return next((kind for kind in strong if kind in {"L", "R", "AL"}), "L") != "L"


def bold_width(size: float) -> float:
    """Width of the line around letters that makes them bold; the shipped font has one weight."""
    return 2 * _HALF_BOLD * size


def width(text: str, font: Path, size: float) -> float:
    """Width of a line of text in letters of a size, in the same unit."""
    return _face(font, _MEASURED_PX).getlength(text) * size / _MEASURED_PX


def face(font: Path, pixels: float) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels."""
    return _face(font, pixels)


def broken(text: str, font: Path, size: float, room: float) -> list[str]:
    """Lines of a text that fit: broken at spaces, between ideographs, and within a word that alone is too long."""
    lines: list[str] = []
    for paragraph in text.splitlines() or [""]:
        line = ""
        for part in _UNBROKEN.findall(paragraph):
            if width((line + part).rstrip(), font, size) <= room:
                line += part
                continue
            if line.strip():
                lines.append(line.rstrip())
            line = part.lstrip()
            while width(line, font, size) > room and len(line) > 1:
                fits = _fitting(line, font, size, room)
                lines.append(line[:fits])
                line = line[fits:]
        lines.append(line.rstrip())
    return lines


def shortened(text: str, font: Path, size: float, room: float) -> str:
    """A text on one line, cut where it does not fit."""
    if width(text, font, size) <= room:
        return text
    fits = _fitting(text, font, size, room - width(_ELLIPSIS, font, size))
    return text[:fits].rstrip() + _ELLIPSIS


def _fitting(word: str, font: Path, size: float, room: float) -> int:
    """How many letters of a word fit, at least one."""
    low, high = 1, len(word)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if width(word[:middle], font, size) <= room else (low, middle - 1)
    return low


@lru_cache(maxsize=64)
def _face(font: Path, pixels: float) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(font, pixels)


@cache
def _characters(font: Path) -> frozenset[int]:
    """Code points that a font has glyphs for; none where it cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(BytesIO(font.read_bytes()), lazy=True, fontNumber=0) as opened:
            return frozenset(opened.getBestCmap() or ())
    except (TTLibError, OSError):
        return frozenset()
