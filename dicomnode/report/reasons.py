"""Why a study was not read, in one language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dicomnode.records import MISSING, UNKNOWN, Reason, Sentence
from dicomnode.records.reasons import Value
from dicomnode.report.languages import Language

_WORDS = {MISSING: "value-missing", UNKNOWN: "value-unknown"}


def reasons(why: Sequence[Reason | str], language: Language) -> Iterator[Sentence]:
    """A sentence for each reason; what has no code stays in English, and says so."""
    for one in why:
        if isinstance(one, Reason):
            yield Sentence(text=said(one, language))
    free = [one for one in why if isinstance(one, str)]
    if any(free):
        text = language.sentence("details", reason="; ".join(free))
        yield Sentence(text=text, language=None if language.base == "en" else "en")


def said(reason: Reason, language: Language) -> str:
    """One reason as a sentence."""
    values = {name: _shown(value, language) for name, value in reason.values.items()}
    return language.sentence(f"reason-{reason.code}", **values)


def _shown(value: Value, language: Language) -> object:
    """A value in the language's words and numbers; codes and names of DICOM stay as they are."""
    if isinstance(value, tuple):
        return language.listed([language.say(f"kernel-{one}") for one in value], style="or")
    if isinstance(value, float):
        return language.decimal(value)
    return language.say(_WORDS[value]) if value in _WORDS else value
