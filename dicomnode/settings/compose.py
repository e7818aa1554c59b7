"""Table `[compose]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dicomnode.settings.types import Table


class ComposeSettings(Table):
    """How results look in the archive."""

    first_series_number: Annotated[int, Field(ge=1, le=2_000_000_000)] = 9000
    """Series Number of the first result series; the others follow."""
    overlay_longest_side_px: Annotated[int, Field(ge=128, le=8192)] = 1024
    """Overlays of larger frames are scaled down to this, pixel spacing with them."""
    font: str = ""
    """Font file (TrueType, OpenType) of summary page and PDF. Empty: ours (Latin, Greek, Cyrillic, Arabic)."""
