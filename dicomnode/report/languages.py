"""The languages that reports can be written in: messages in Fluent, numbers, dates and lists as the region has them.

To add one: write the files of `locales/<language>` with every message of the English ones, give each term of
`terms.toml` its name, and name the code in `dicom/codes.py`; the tests say what is missing. A region that says some
things otherwise has a file and names of its own with just these (`locales/pt-PT`, `en-GB` in the table).
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from functools import lru_cache
from importlib import resources

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_datetime
from babel.lists import format_list
from babel.numbers import format_decimal, format_percent
from fluent.runtime import FluentBundle, FluentResource

from dicomnode.errors import SettingsError
from dicomnode.records import CodedConcept, FindingSpec
from dicomnode.report.terms import Name, finding_term

_LOCALES = resources.files(__package__).joinpath("locales")
FILES = ("report.ftl", "places.ftl", "reasons.ftl", "labels.ftl")
"""Files of messages that every language has."""
_LONGEST_WORDS = 2500
"""Characters that Fluent fills into a message."""
_VOWELS = "aàâeéèêëiîïoôœuùûüyh"  # the h of the terms is mute


_MAIN = {"zh": "zh_Hans_CN"}
"""Language to the locale that it is written as where its name alone does not say."""
_SEPARATORS = {"zh": "，", "ar": "، "}
"""Between items where it is no comma and blank."""
_SEMICOLONS = {"zh": "；", "ar": "؛ ", "fr": "\N{NO-BREAK SPACE}; "}
"""Between clauses where it is no semicolon and blank."""
_LIKE = {
    **dict.fromkeys(("en-AU", "en-IE", "en-IN", "en-NZ", "en-ZA"), "en-GB"),
    **dict.fromkeys(("pt-AO", "pt-MZ"), "pt-PT"),
}
"""Regions that say what another one says."""


class Language:
    """One language with its region.

    Does: say messages, name findings, write numbers, dates and lists.
    Does not: know what is to be said.

    Parameters
    ----------
    tag
        RFC 5646, for example `pt-BR`.

    Raises
    ------
    SettingsError
        If there are no messages in it, or no such region is known.
    """

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.base = tag.split("-")[0].lower()
        if self.base not in known_languages():
            raise SettingsError(f"report.languages: {tag!r} is not supported; known: {', '.join(known_languages())}")
        try:
            self._locale = Locale.parse(tag, sep="-")
        except (UnknownLocaleError, ValueError):
            raise SettingsError(f"report.languages: {tag!r} names no known region, as pt-BR and en-GB do") from None
        if self._locale.script not in (None, Locale.parse(_MAIN.get(self.base, self.base)).script):
            raise SettingsError(f"report.languages: {tag!r} is written in a script that is not supported")
        self.is_right_to_left = self._locale.text_direction == "rtl"
        # Isolating marks keep Latin words and numbers in their place among Arabic ones; elsewhere they are noise.
        self._bundle = FluentBundle([tag], use_isolating=self.is_right_to_left)
        for name in dict.fromkeys((self.base, _LIKE.get(tag, tag), tag)):
            for path in (_LOCALES.joinpath(name, file) for file in FILES):
                if path.is_file():  # a region says only what it says otherwise
                    self._bundle.add_resource(FluentResource(path.read_text(encoding="utf-8")), allow_overrides=True)

    def has(self, message: str) -> bool:
        """Whether there is such a message."""
        return self._bundle.has_message(message)

    def say(self, message: str, **values: object) -> str:
        """A message with its variables filled in.

        Raises
        ------
        ValueError
            If there is no such message, or a variable of it is missing.
        """
        pattern = self._bundle.get_message(message).value if self.has(message) else None
        if pattern is None:
            raise ValueError(f"{self.base}/report.ftl has no message {message}")
        shown = {name: _shortened(value) if isinstance(value, str) else value for name, value in values.items()}
        text, errors = self._bundle.format_pattern(pattern, shown)
        if errors:
            raise ValueError(f"{self.base}/report.ftl, {message}: {errors[0]}")
        return str(text)

    def sentence(self, message: str, **values: object) -> str:
        """As `say`, but begun with a capital letter."""
        return capitalised(self.say(message, **values))

    def name(self, spec: FindingSpec) -> Name:
        """Name of a finding; its English code meaning where the table has none (see `knows`)."""
        return _name(self.tag, spec.code)

    def knows(self, spec: FindingSpec) -> bool:
        """Whether the finding has a name in this language."""
        term = finding_term(spec.code)
        return self.base == "en" or (term is not None and self.base in term.names)

    def percent(self, percent: int) -> str:
        """Whole percent."""
        return _percent(self._locale, percent)

    def decimal(self, number: float) -> str:
        """A number with at most two decimals."""
        return str(format_decimal(number, format="0.##", locale=self._locale))

    def date(self, date: dt.date) -> str:
        """A date in the region's medium form."""
        return str(format_date(date, format="medium", locale=self._locale))

    def moment(self, moment: dt.datetime) -> str:
        """A date with the time of day, in the region's medium form; the time zone is the moment's own."""
        return str(format_datetime(moment, format="medium", tzinfo=moment.tzinfo, locale=self._locale))

    def listed(self, items: Sequence[str], *, style: str = "standard") -> str:
        """Items as one list: "a, b, and c", or "a, b, or c" where the style is `or`."""
        if not items:
            return ""
        said = str(format_list(list(items), style=style, locale=self._locale))  # type: ignore[arg-type]
        return _euphonic(said) if self.base == "es" else said

    def joined(self, items: Sequence[str]) -> str:
        """Items one after the other, without an "and": right middle zone, small."""
        return _SEPARATORS.get(self.base, ", ").join(items)

    def clauses(self, items: Sequence[str]) -> str:
        """Clauses one after the other; they may hold an "and" themselves."""
        return _SEMICOLONS.get(self.base, "; ").join(items)

    def language_name(self, tag: str) -> str:
        """Name of another language."""
        return Locale.parse(tag.split("-")[0]).get_display_name(self._locale) or tag


def known_languages() -> tuple[str, ...]:
    """Languages, without region, that there are messages in."""
    found = (entry.name for entry in _LOCALES.iterdir() if entry.joinpath("report.ftl").is_file())
    return tuple(sorted(name for name in found if "-" not in name))


@lru_cache(maxsize=32)
def language_of(tag: str) -> Language:
    """A language by its RFC 5646 tag; raises as `Language`."""
    return Language(tag)


@lru_cache(maxsize=4096)
def _name(tag: str, code: CodedConcept) -> Name:
    term = finding_term(code)
    tags = (tag, _LIKE.get(tag, ""), tag.split("-")[0].lower())
    named = next((term.names[one] for one in tags if one in term.names), None) if term else None
    return named or Name(text=_lowered(code.meaning))


@lru_cache(maxsize=4096)
def _percent(locale: Locale, percent: int) -> str:
    return str(format_percent(percent / 100, locale=locale))


def _euphonic(listed: str) -> str:
    """Spanish says e for y before the sound of i, and u for o before that of o; CLDR's patterns do not know."""
    listed = re.sub(r" y (?=h?[ií](?!e))", " e ", listed)
    return re.sub(r" o (?=h?[oó])", " u ", listed)


def starts_with_vowel(name: Name) -> bool:
    """Whether French elides before it."""
    return name.text[:1].casefold() in _VOWELS


def capitalised(text: str) -> str:
    """The text with a capital first letter; scripts without capitals stay as they are."""
    return text[:1].upper() + text[1:]


def _lowered(meaning: str) -> str:
    """A code meaning in the middle of a sentence: all but abbreviations begin small."""
    return meaning if meaning[1:2].isupper() else meaning[:1].lower() + meaning[1:]


def _shortened(words: str) -> str:
    """Words that fit a sentence: Fluent takes no more, and nobody reads as many."""
    return words if len(words) <= _LONGEST_WORDS else f"{words[: _LONGEST_WORDS - 1]}…"
