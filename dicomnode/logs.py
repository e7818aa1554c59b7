"""What the service writes about itself: structlog events with UIDs and job id bound once, never patient data.

A line that cannot be written must never reach the caller as an error: an instance is kept and answered whether or not
anybody can read about it. Lost lines are counted, and the count is written as soon as writing works again.
"""

from __future__ import annotations

import datetime as dt
import logging
import math
import os
import select
import sys
import threading
import traceback
from collections.abc import Mapping
from enum import Enum
from numbers import Integral, Real
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog

from dicomnode.redaction import redacted

_LONGEST_PIECE_BYTES = 4096
"""PIPE_BUF: a pipe that can be written takes so much at once without waiting (POSIX write)."""
_LONGEST_WAIT_S = 1.0
"""For a reader who is slow. One who has stopped reading is not waited for again until he reads on."""
_DEEPEST = 4
"""Nesting of values that is still shown."""

_HEARD = (
    "apscheduler",
    "pynetdicom.association",
    "pynetdicom.dimse",
    "pynetdicom.events",
    "pynetdicom.fsm",
    "pynetdicom.service_class",
)
"""Loggers whose messages name functions and associations; of data sets they speak below warning only."""
_SILENT = (
    # These quote element values, or the parameters of a query.
    "pydicom",
    "highdicom",
    "py.warnings",
    "sqlalchemy",
    "alembic",
    # These repeat what we say ourselves of the end of an association, and of a peer that cannot be reached.
    "pynetdicom.acse",
    "pynetdicom.dul",
    "pynetdicom.transport",
    "pynetdicom.utils",
)


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
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr is not None and sys.stderr.isatty())
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_exception,
        _make_plain,
        renderer,
    ]
    lines = LineLogger(sys.stderr, lambda count: str(_render(processors[1:], count)))
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    _listen_to_libraries()


def _render(processors: list[Any], lost: int) -> Any:
    event: Any = {"event": "log lines were lost: they could not be written", "lines": lost}
    for processor in processors:
        event = processor(None, "warning", event)
    return event


def occupy_standard_streams() -> None:
    """Put the null device where standard input, output or error is closed.

    Else the next file that is opened, the database perhaps, becomes standard error, and whoever writes there
    writes into it.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # POSIX open: the lowest number that is free, which is this one


class LineLogger:
    """Writes whole lines to a stream and never raises.

    Does: lose a line rather than wait for long or fail, say later how many were lost.
    Does not: buffer; a line is written before the call returns, or never.

    Parameters
    ----------
    stream
        Usually standard error; None where there is none.
    say_lost
        Makes the line about so many lost ones.
    """

    def __init__(self, stream: TextIO | None, say_lost: Any) -> None:
        self._stream = stream
        self._say_lost = say_lost
        self._lock = threading.RLock()
        self._lost = 0
        self._is_cut = False
        """The last line was written in part: the next one begins behind a line feed."""

    def msg(self, message: str) -> None:
        """Write one line."""
        with self._lock:
            if self._lost and not self._write(self._say_lost(self._lost)):
                self._lost += 1
                return
            self._lost = 0
            if not self._write(str(message)):
                self._lost = 1

    debug = info = warning = warn = error = critical = fatal = exception = log = msg

    def _write(self, line: str) -> bool:
        """Write a line and say whether all of it was written."""
        data = ("\n" if self._is_cut else "").encode() + f"{line}\n".encode("utf-8", "backslashreplace")
        try:
            return self._write_bytes(data)
        except (OSError, ValueError):  # no space, no reader, closed
            return False

    def _write_bytes(self, data: bytes) -> bool:
        if self._stream is None:
            return False
        try:
            number = self._stream.fileno()
        except (OSError, ValueError, AttributeError):  # a stream of Python only: a test's, a notebook's
            self._stream.write(data.decode())
            self._stream.flush()
            return True
        wait_s = 0.0 if self._lost else _LONGEST_WAIT_S
        rest = memoryview(data)
        while rest:
            if not _takes(number, wait_s):
                return False
            written = os.write(number, rest[:_LONGEST_PIECE_BYTES])
            rest = rest[written:]
            self._is_cut = bool(rest)
        return True


def _takes(number: int, wait_s: float) -> bool:
    """Whether a file can be written without waiting; poll knows it of pipes and sockets, a disk always can."""
    poller = select.poll()
    poller.register(number, select.POLLOUT)
    return bool(poller.poll(wait_s * 1000))


def _name_exception(_: Any, __: str, event: Any) -> Any:
    """Instead of a traceback, whose text may quote a data set: the kind of exception and where it was raised."""
    info = event.pop("exc_info", None)
    if info:
        event.update(_named(sys.exc_info() if info is True else info))
    return event


def _named(info: Any) -> dict[str, str]:
    error, trace = (info, info.__traceback__) if isinstance(info, BaseException) else (info[1], info[2])
    if error is None:
        return {}
    return {"error": type(error).__name__, "at": _place(trace)}


def _place(trace: TracebackType | None) -> str:
    """File and line of the innermost frame."""
    frames = traceback.extract_tb(trace, limit=-1)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def _make_plain(_: Any, __: str, event: Any) -> Any:
    """Turn every value into what a renderer cannot fail on."""
    return {str(key): plain(value) for key, value in event.items()}


def plain(value: Any, depth: int = 0) -> Any:
    """A value of JSON for any value; what is no plain value is named by its type, for its text may be anything."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, Enum):
        return plain(value.value, depth)
    if isinstance(value, Integral):  # NumPy's too
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    if isinstance(value, str):
        return _one_line(str.__str__(value))
    if isinstance(value, Path):
        return _one_line(os.fspath(value))
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {str(plain(key, _DEEPEST)): plain(one, depth + 1) for key, one in list(value.items())}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [plain(one, depth + 1) for one in list(value)]
    return f"<{type(value).__name__}>"


def _one_line(text: str) -> str:
    """The text without secrets, its control characters and lone surrogates written out.

    Nobody forges a line, and nothing is unwritable.
    """
    text = redacted(text)
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class _LibraryHandler(logging.Handler):
    """Passes on what libraries warn of, without what may hold patient data."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record as an event of ours."""
        words: dict[str, Any] = {"logger": record.name, "says": _said(record)}
        words |= _named(record.exc_info) if record.exc_info else {}
        structlog.get_logger().warning("library", **{key: value for key, value in words.items() if value})


def _said(record: logging.LogRecord) -> str:
    """So much of a library's message as cannot quote a data set; "" where nobody has looked what its messages hold."""
    if not isinstance(record.msg, str) or not _is_of(record.name, _HEARD):
        return ""
    return record.msg.strip().split("\n", 1)[0][:200]  # the template: its arguments may hold anything


def _is_of(name: str, families: tuple[str, ...]) -> bool:
    return any(name == family or name.startswith(f"{family}.") for family in families)


def _listen_to_libraries() -> None:
    """Hear libraries from warning on, but those whose warnings quote element values or say what we say ourselves."""
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False  # where a line cannot be written, a traceback beside it cannot be either
    root = logging.getLogger()
    for handler in [h for h in root.handlers if isinstance(h, _LibraryHandler)]:
        root.removeHandler(handler)
    root.addHandler(_LibraryHandler(level=logging.WARNING))
    # It warns of a tick that is left out because the last one still runs: under load that is how it should be.
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL)
