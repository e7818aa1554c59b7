"""Free text made fit for a value representation."""

from __future__ import annotations

import re

# PS3.5 6.1.3: of the control characters only TAB, LF, FF and CR may stand in text (ESC switches character sets).
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f]")


def unlimited_text(text: str) -> str:
    """Value for VR UT: any Unicode but control characters and halves of surrogate pairs."""
    whole = text.encode("utf-8", errors="replace").decode("utf-8")
    return _CONTROLS.sub(" ", whole).strip() or "-"


def long_string(text: str, limit: int = 64) -> str:
    """Value for VR LO: one line without backslash, at most `limit` characters."""
    line = re.sub(r"\s+", " ", unlimited_text(text).replace("\\", "/")) if text else ""
    return line[: max(limit, 0)].strip()
