"""AE titles in association requests, and the list of who may call."""

from __future__ import annotations

import re
from collections.abc import Iterable

BLANK = "(blank)"
"""Stands in messages for a title of blanks; whoever calls by it, or calls it, is rejected."""


def printable_title(raw: bytes) -> str:
    """AE title as peers mean it: what stands before the first NUL, without blanks around it.

    PS3.8 Table 9-11 pads with blanks; peers pad with NUL, leave rubbish behind it, or write letters of their own
    language. What no AE title may hold (PS3.5 6.2) becomes a question mark.
    """
    text = raw.split(b"\0", 1)[0].decode("latin-1").strip(" ")
    return re.sub(r"[^ -\[\]-~]", "?", text)


def is_allowed(title: str, patterns: Iterable[str]) -> bool:
    """Whether a calling AE title is on the list; no pattern allows nobody.

    Parameters
    ----------
    patterns
        AE titles in which `*` stands for any characters and `?` for one. Upper and lower case differ, as nothing in
        PS3.5 6.2 or PS3.8 9.3 makes them equal.
    """
    return any(_expression(pattern).fullmatch(title) for pattern in patterns)


def _expression(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(character, re.escape(character)) for character in pattern))
