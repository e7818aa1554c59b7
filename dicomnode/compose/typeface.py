"""Which letters a font has: the shipped one (Latin, Greek, Cyrillic, Arabic), or the one in the settings."""

from __future__ import annotations

import unicodedata
from functools import cache
from io import BytesIO
from pathlib import Path

from PIL import features

SHIPPED = Path(__file__).parent / "fonts" / "DejaVuSans.ttf"
# The shipped font has all of Latin-1, Latin Extended-A and B, so that most reports need no look into its tables.
_LAST_SURE = "\u024f"
# Hebrew to Myanmar, Tibetan and South Asia among them: letters that join, stack or run from the right.
_SHAPED = ("\u0590", "\u109f")


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


@cache
def _characters(font: Path) -> frozenset[int]:
    """Code points that a font has glyphs for; none where it cannot be read."""
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with TTFont(BytesIO(font.read_bytes()), lazy=True, fontNumber=0) as opened:
            return frozenset(opened.getBestCmap() or ())
    except (TTLibError, OSError):
        return frozenset()
