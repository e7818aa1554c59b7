"""Table `[compose]`."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, field_validator

from dicomnode.settings.types import Table


class ComposeSettings(Table):
    """Result objects."""

    first_series_number: Annotated[int, Field(ge=1, le=2_000_000_000)] = 9000
    """Series Number (0020,0011) of the first result series; the others are numbered on from it. A high number sorts
    results behind the original images."""
    overlay_longest_side_px: Annotated[int, Field(ge=128, le=8192)] = 1024
    """Longest side of heat map images in pixels. Larger images are scaled down, and their pixel spacing is adjusted."""
    compression: Literal["jpeg-ls", "jpeg-2000", "none"] = "jpeg-ls"
    """Lossless compression of heat maps and summary pages. A peer that does not accept it gets them uncompressed."""
    font: str = ""
    """Font file (TrueType or OpenType) for pictures and PDF. Empty: the built-in font, which covers Latin, Greek,
    Cyrillic and Arabic; Chinese and Hindi need a font file."""
    timezone: str = ""
    """IANA time zone in which results are dated, for example "Europe/Berlin". A Timezone Offset From UTC (0008,0201) in
    the study takes precedence. Empty: the time zone of the machine."""

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
