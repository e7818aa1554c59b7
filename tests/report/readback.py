"""A report's text read back by the term table: which findings it says are there, are not, or cannot be told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from dicomnode.records import FindingSpec, Presence, ReportText, Section
from dicomnode.report.languages import Language, capitalised, language_of, starts_with_vowel

_MESSAGES: Mapping[str, Presence] = {
    "suspected": Presence.PRESENT,
    "suspected-undetermined": Presence.UNDETERMINED,
    "undetermined": Presence.UNDETERMINED,
}
_ANY = "\N{OBJECT REPLACEMENT CHARACTER}"
"""Stands for what differs from one report to another."""


def read_back(text: ReportText, specs: Sequence[FindingSpec]) -> dict[str, Presence]:
    """What the impression says of each finding; of what it judged and does not name, that it is absent.

    Parameters
    ----------
    specs
        The findings that the report may name.
    """
    language = language_of(text.language)
    said: dict[str, Presence] = {}
    judged = " ".join(text.lines(Section.LIMITS)).casefold()
    for spec in specs:
        for line in text.lines(Section.IMPRESSION):
            for message, presence in _MESSAGES.items():
                if _pattern(language, message, spec).fullmatch(line):
                    said[spec.key] = presence
        if language.name(spec).text.casefold() in judged:
            said.setdefault(spec.key, Presence.ABSENT)
    return said


@lru_cache(maxsize=1024)
def _pattern(language: Language, message: str, spec: FindingSpec) -> re.Pattern[str]:
    name = language.name(spec)
    filled = language.say(
        message,
        finding=name.text,
        gender=name.gender,
        starts="vowel" if starts_with_vowel(name) else "other",
        estimate=_ANY,
    )
    return re.compile(re.escape(capitalised(filled)).replace(re.escape(_ANY), ".+"))
