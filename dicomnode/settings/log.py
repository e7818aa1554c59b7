"""Table `[log]`."""

from __future__ import annotations

from typing import Literal

from dicomnode.settings.types import Table


class LogSettings(Table):
    """Log of the service, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """Lowest severity that is logged: "debug", "info", "warning" or "error"."""
    format: Literal["json", "console"] = "json"
    """`json`: one JSON object per line, for log collectors. `console`: plain text, for people."""
