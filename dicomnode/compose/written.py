"""Numbers, dates and names as a language writes them, for the labels and values of pages and pictures."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import lru_cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent

from dicomnode.dicom.elements import Person
from dicomnode.records import Estimate

DASH = "\u2013"
"""Stands where a value is missing."""
_FROM_RIGHT = "\u200f"
"""Right-to-left mark: what follows runs as in Arabic."""
_FROM_LEFT = "\u200e"
"""Left-to-right mark: keeps a number before its unit."""
_IDEOGRAPHIC_FIRST = frozenset({"zh", "ja", "ko"})


def percent(language: str, value: int) -> str:
    """Whole percent."""
    return str(format_percent(value / 100, locale=_locale(language)))


def interval(language: str, estimate: Estimate) -> str:
    """Limits of a probability; empty where they are not known."""
    if estimate.lower is None or estimate.upper is None:
        return ""
    limits = f"{percent(language, estimate.lower)} {DASH} {percent(language, estimate.upper)}"
    return in_order(language, limits)


def in_order(language: str, figures: str) -> str:
    """Figures that stand alone, in the order that they have among the language's words."""
    return f"{_FROM_RIGHT}{figures}" if _locale(language).text_direction == "rtl" else figures


def millimetres(language: str, value: float) -> str:
    """A distance or position, to a tenth of a millimetre."""
    figures = f"{format_decimal(round(value, 1) + 0.0, format='0.#', locale=_locale(language))} mm"
    return f"{_FROM_LEFT}{figures}" if _locale(language).text_direction == "rtl" else figures


def date(language: str, value: dt.date) -> str:
    """A date in the region's medium form."""
    return str(format_date(value, format="medium", locale=_locale(language)))


def moment(language: str, value: dt.datetime) -> str:
    """A date with the time of day; the time zone is the moment's own."""
    return str(format_datetime(value, format="medium", tzinfo=value.tzinfo, locale=_locale(language)))


def readable_name(person: Person, language: str, can_draw: Callable[[str], bool]) -> str:
    """A patient's name for people: "Family, Given", with its other spellings in brackets.

    The ideographic spelling comes first where the language is written so. Spellings that cannot be drawn are left
    out, unless none can.

    Parameters
    ----------
    can_draw
        Whether the font has all letters of a text.
    """
    alphabetic, ideographic, phonetic = (_ordered(group) for group in person)
    groups = [alphabetic, ideographic, phonetic]
    if language.split("-")[0] in _IDEOGRAPHIC_FIRST:
        groups = [ideographic, phonetic, alphabetic]
    spellings = list(dict.fromkeys(group for group in groups if group))
    first, *others = [group for group in spellings if can_draw(group)] or spellings[:1] or [""]
    return f"{first} ({'; '.join(others)})" if others else first


def _ordered(group: str) -> str:
    """One component group, "Family^Given^Middle^Prefix^Suffix" (PS3.5 6.2.1), as a line."""
    family, given, middle, prefix, suffix = (part.strip() for part in [*group.split("^"), "", "", "", "", ""][:5])
    rest = " ".join(part for part in (prefix, given, middle) if part)
    return ", ".join(part for part in (family, rest, suffix) if part)


@lru_cache(maxsize=32)
def _locale(language: str) -> Locale:
    """The locale of a language tag; English where there is none."""
    try:
        return Locale.parse(language, sep="-")
    except (UnknownLocaleError, ValueError):
        return Locale.parse("en")
