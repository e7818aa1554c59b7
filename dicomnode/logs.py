"""What the service writes about itself: structlog events with UIDs and job id bound once, never patient data."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def configure(*, level: str, output: str) -> None:
    """Send every event of this process to standard error.

    Parameters
    ----------
    level
        debug, info, warning or error.
    output
        `json`, one object a line, or `console`.
    """
    renderer: Any = structlog.processors.JSONRenderer()
    if output == "console":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
    _quieten_libraries()


def _quieten_libraries() -> None:
    """Keep libraries from writing element values of a study: their texts may quote patient data."""
    logging.captureWarnings(capture=True)
    for name in ("pydicom", "pynetdicom", "highdicom", "py.warnings", "apscheduler", "alembic"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
