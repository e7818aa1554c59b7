"""AE titles as they stand in an association request."""

from __future__ import annotations

import re

BLANK = "(blank)"
"""Stands in messages for a title of blanks; who calls by none, or calls none, is rejected."""


def printable_title(raw: bytes) -> str:
    """AE title as peers mean it: what stands before the first NUL, without blanks around it.

    PS3.8 Table 9-11 pads with blanks; peers pad with NUL, leave rubbish behind it, or write letters of their own
    language. What no AE title may hold (PS3.5 6.2) becomes a question mark.
    """
    text = raw.split(b"\0", 1)[0].decode("latin-1").strip(" ")
    return re.sub(r"[^ -\[\]-~]", "?", text)
