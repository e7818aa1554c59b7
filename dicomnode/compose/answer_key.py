"""The answer key: what every UID of an answer derives from.

Two answers that may differ in a single byte have different keys, so one SOP Instance UID never stands for two
contents. It covers all that goes into the objects: what was read, the report with its maps, what the settings say of
how it looks, which fonts and libraries draw it, the program's version, and the node. The same job, run again on the
same node, has the same key.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Set
from enum import Enum
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import features
from pydantic import BaseModel
from pydicom import Dataset

from dicomnode import __version__

_LIBRARIES = (
    "babel",
    "fonttools",
    "fpdf2",
    "highdicom",
    "numpy",
    "pillow",
    "pydicom",
    "pyjpegls",
    "pylibjpeg-openjpeg",
    "uharfbuzz",
)
"""What pixels, pages and documents are made with; another version may make other bytes."""


def answer_key(words: Iterable[object]) -> str:
    """SHA-256 over anything that records, settings and data sets are made of, the program and what it draws with."""
    digest = hashlib.sha256()
    for part in (__version__, _renderers(), *words):
        _feed(digest, part)
    return digest.hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file; empty where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


@cache
def _renderers() -> tuple[str, ...]:
    """Versions of the libraries, and whether pictures can show joined letters."""
    versions = [f"{name} {metadata.version(name)}" for name in _LIBRARIES]
    return (*versions, f"raqm {features.check('raqm')} {features.version('freetype2')}")


def _feed(digest: hashlib._Hash, value: object) -> None:
    """Add a value with its type and its length, so that no two values are written alike.

    Raises
    ------
    TypeError
        If it is of a kind that nobody has thought of; a wrong guess could give two contents one UID.
    """
    if isinstance(value, np.ndarray):
        _feed(digest, (value.dtype.str, value.shape))
        digest.update(np.ascontiguousarray(value).data)
        return
    if value is None or isinstance(value, str | int | float | np.generic | Path | dt.date | dt.time | Enum):
        written = f"{type(value).__name__} {value!r}".encode("utf-8", errors="surrogatepass")
        digest.update(f"{len(written)}:".encode() + written)
        return
    parts = _parts(value)
    digest.update(f"{type(value).__name__}[{len(parts)}]".encode())
    for part in parts:
        _feed(digest, part)


def _parts(value: object) -> list[object]:
    """What a value consists of, in an order that is the same every time."""
    if isinstance(value, Dataset):
        return [(int(element.tag), str(element.VR), repr(element.value)) for element in value]
    if isinstance(value, BaseModel):
        return [(name, getattr(value, name)) for name in sorted(type(value).model_fields)]
    if isinstance(value, Mapping):
        return list(value.items())  # their order is that of a report's sections
    if isinstance(value, Set):
        return sorted(value, key=str)
    if dataclasses.is_dataclass(value):
        return [(field.name, getattr(value, field.name)) for field in dataclasses.fields(value)]
    if isinstance(value, tuple | list):
        return list(value)
    raise TypeError(f"a {type(value).__name__} is nothing that an answer key knows")
