"""What the settings classes of all tables share."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ENVIRONMENT_PREFIX = "DICOMNODE_"

AETitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[!-\[\]-~]([ -\[\]-~]*[!-\[\]-~])?$")]

Port = Annotated[int, Field(ge=0, le=65535)]

Seconds = Annotated[float, Field(gt=0)]


class Table(BaseModel):
    """A table of the settings: frozen, without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, coerce_numbers_to_str=True)
