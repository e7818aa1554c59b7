"""Table `[log]`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dicomnode.settings.types import Table


class LogSettings(Table):
    """What the service writes about itself."""

    level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    """debug, info, warning or error."""
    format: Annotated[str, Field(pattern="^(json|console)$")] = "json"
    """json (one object a line) or console."""
