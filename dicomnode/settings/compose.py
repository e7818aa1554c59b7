"""Table `[compose]`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator

from dicomnode.settings.types import Table


class ComposeSettings(Table):
    """How results look in the archive."""

    first_series_number: Annotated[int, Field(ge=1, le=2_000_000_000)] = 9000
    """Series Number of the first result series; the others follow."""
    overlay_longest_side_px: Annotated[int, Field(ge=128, le=8192)] = 1024
    """Heat maps of larger frames are scaled down to this, pixel spacing with them."""
    compression: Literal["jpeg-ls", "jpeg-2000", "none"] = "jpeg-ls"
    """Lossless compression of heat maps and summary pages. A peer that does not accept it gets them uncompressed."""
    font: str = ""
    """Font file (TrueType, OpenType) of pictures and PDF. Empty: built-in (Latin, Greek, Cyrillic, Arabic)."""
    timezone: str = ""
    """IANA time zone of the site, e.g. "Europe/Berlin"; an offset in the study takes precedence. Empty: system."""

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, timezone: str) -> str:
        if not timezone:
            return timezone
        try:
            ZoneInfo(timezone)
        except (LookupError, ValueError, OSError):  # what zoneinfo raises on a name that is none
            near = get_close_matches(timezone, available_timezones(), n=3)
            hint = f"; near it: {', '.join(near)}" if near else '; an example is "Europe/Berlin"'
            raise ValueError(f"is not a time zone of the IANA database{hint}") from None
        return timezone
