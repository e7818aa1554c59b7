"""What the settings classes of all tables share."""

from __future__ import annotations

import ipaddress
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

ENVIRONMENT_PREFIX = "DICOMNODE_"


def _ae_title(written: str) -> str:
    """The title without the blanks around it, which do not count (PS3.5 6.2, VR AE)."""
    title = written.strip(" ")
    if not title:
        raise ValueError("must not be blank: an AE title has 1 to 16 characters")
    if len(title) > 16:
        raise ValueError(f"has {len(title)} characters; an AE title has 16 at most")
    unfit = sorted({character for character in title if not " " <= character <= "~" or character == "\\"})
    if unfit:
        named = ", ".join(_named(character) for character in unfit)
        raise ValueError(f"holds {named}; an AE title holds ASCII characters without backslash and control characters")
    return title


def _named(character: str) -> str:
    if character == "\\":
        return "a backslash"
    return repr(character) if character.isprintable() else f"the control character U+{ord(character):04X}"


AETitle = Annotated[str, AfterValidator(_ae_title)]
"""Application Entity title (PS3.5 6.2, VR AE): 1 to 16 characters, upper and lower case differ."""

AETitlePattern = Annotated[str, AfterValidator(_ae_title)]
"""AE title in which `*` stands for any characters and `?` for one."""

Port = Annotated[int, Field(ge=0, le=65535)]

_CENTURY_S = 3_155_760_000
_DAY_S = 86_400

Seconds = Annotated[float, Field(gt=0, le=_CENTURY_S, allow_inf_nan=False)]
"""A length of time; a century at most, because dates past the year 9999 cannot be computed."""

NetworkSeconds = Annotated[float, Field(gt=0, le=_DAY_S, allow_inf_nan=False)]
"""How long to wait for a peer: one day at most, because the operating system cannot wait longer than 24 days."""

DueSeconds = Annotated[float, Field(ge=0, le=_CENTURY_S, allow_inf_nan=False)]
"""A length of time that may be zero."""


def _is_host(written: str) -> str:
    try:
        written.encode("idna")
        is_host = bool(written) and not any(c.isspace() or not c.isprintable() or c in "/[]@" for c in written)
        if ":" in written:
            ipaddress.IPv6Address(written)
    except ValueError:  # not an IPv6 address; or UnicodeError: an empty label, or one of more than 63 characters
        is_host = False
    if not is_host:
        raise ValueError("must be a host name or an address, without a port or a URL around it")
    return written


Host = Annotated[str, AfterValidator(_is_host)]
"""Name or address of a peer, IPv4 or IPv6."""


def _is_empty_or_host(written: str) -> str:
    return written and _is_host(written)


ListenHost = Annotated[str, AfterValidator(_is_empty_or_host)]
"""Name or address to listen on; empty: every address of this machine."""


class Table(BaseModel):
    """A table of the settings: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, coerce_numbers_to_str=True)
