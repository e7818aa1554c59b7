"""What the settings classes of all tables share."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ENVIRONMENT_PREFIX = "DICOMNODE_"

AETitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[!-\[\]-~]([ -\[\]-~]*[!-\[\]-~])?$")]

Port = Annotated[int, Field(ge=0, le=65535)]

_CENTURY_S = 3_155_760_000
_DAY_S = 86_400

Seconds = Annotated[float, Field(gt=0, le=_CENTURY_S, allow_inf_nan=False)]
"""A length of time. A century stands for ever: past it, dates end and computing with them fails."""

NetworkSeconds = Annotated[float, Field(gt=0, le=_DAY_S, allow_inf_nan=False)]
"""How long a peer is waited for. The system cannot wait longer than 24 days, and nobody should wait more than one."""

DueSeconds = Annotated[float, Field(ge=0, le=_CENTURY_S, allow_inf_nan=False)]
"""A length of time that may be nothing."""


def _is_host(written: str) -> str:
    try:
        written.encode("idna")
        is_host = bool(written) and not any(c.isspace() or not c.isprintable() or c in "/[]@" for c in written)
    except UnicodeError:  # an empty label, or one of more than 63 characters
        is_host = False
    if not is_host:
        raise ValueError("must be a host name or an address, without a port or a URL around it")
    return written


Host = Annotated[str, AfterValidator(_is_host)]
"""Name or address of a peer."""


class Table(BaseModel):
    """A table of the settings: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, coerce_numbers_to_str=True)
