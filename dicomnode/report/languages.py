"""The languages that reports can be written in."""

from __future__ import annotations

from dicomnode.errors import SettingsError
from dicomnode.report.words import Words
from dicomnode.report.words_en import ENGLISH

_TABLES = {table.language: table for table in (ENGLISH,)}


def words_of(language: str) -> Words:
    """Words of a language; a region subtag is ignored.

    Raises
    ------
    SettingsError
        If there is no table for it.
    """
    known = _TABLES.get(language.split("-")[0].lower())
    if known is None:
        raise SettingsError(f"report.language: no words for {language!r}; known: {', '.join(sorted(_TABLES))}")
    return known
