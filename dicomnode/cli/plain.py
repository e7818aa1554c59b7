"""Text from outside, made safe to print: it can neither format a table nor drive a terminal."""

from __future__ import annotations

import re
import unicodedata

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that a terminal obeys or hides: control characters, marks of text direction, zero-width and
tag characters, lone surrogates (file names that are not UTF-8), line separators."""
_SUSPECT = re.compile(r"[^ -~]")
_WANTED = "\u200c\u200d"
"""Joiners that Persian and the scripts of India need to be read; they move nothing."""


def harmless(text: str, *, keeps_lines: bool = False) -> str:
    r"""A text with everything that is not seen written out, as `\x1b` or `\u202e`.

    Parameters
    ----------
    keeps_lines
        Leave line feeds and tabulators, in text of several lines.
    """
    kept = f"{_WANTED}\n\t" if keeps_lines else _WANTED
    return _SUSPECT.sub(lambda found: _seen(found[0], kept), text)


def harmless_json(text: str) -> str:
    """JSON with the same characters as JSON writes them out; its meaning stays what it was."""
    return _SUSPECT.sub(lambda found: _seen_in_json(found[0]), text)


def _seen(character: str, kept: str) -> str:
    if character in kept or unicodedata.category(character) not in _UNSEEN:
        return character
    return (
        character.encode("ascii", "backslashreplace").decode("ascii") if ord(character) > 0x7F else _escape(character)
    )


def _seen_in_json(character: str) -> str:
    if character in "\n" or unicodedata.category(character) not in _UNSEEN:
        return character
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _escape(character: str) -> str:
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, f"\\x{ord(character):02x}")
