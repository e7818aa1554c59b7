"""Table `[priors]`."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from dicomnode.settings.types import NetworkSeconds, Table


class PriorsSettings(Table):
    """Which earlier study of the patient a study is compared with, and where it is looked for."""

    is_enabled: bool = True
    """Whether studies are compared with earlier ones; the node's own store is always looked in."""
    archive: str = ""
    """Destination to ask by C-FIND (Study Root) for earlier studies, and to fetch them from. Empty: none."""
    retrieve: Annotated[str, Field(pattern="^(c-move|c-get)$")] = "c-move"
    """How they are fetched: `c-move` (the archive must know our receiver's AE title and port) or `c-get`."""
    dicomweb: str = ""
    """Base URL of a DICOMweb archive that is asked by QIDO-RS and WADO-RS instead; user:password@ is sent as Basic."""
    lookback_days: Annotated[int, Field(ge=1)] = 1825
    """Older studies than this are not compared with."""
    maximum: Annotated[int, Field(ge=1, le=20)] = 2
    """Earlier studies that are tried, the newest first, until one can be compared with."""
    maximum_instances: Annotated[int, Field(ge=1)] = 1000
    """At most so many images of one earlier study are fetched, the largest series first."""
    timeout_s: NetworkSeconds = 60.0
    """Longest time that finding and fetching may take for one study; never more than half of schedule.lease_s."""
    emergent_timeout_s: NetworkSeconds = 10.0
    """The same for an emergent study, for which the archive is asked only once."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 2
    """Tries of one question to an archive that does not answer, within the time limit."""

    @field_validator("dicomweb")
    @classmethod
    def _is_url(cls, value: str) -> str:
        try:
            url = urlsplit(value)
            is_url = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:  # a port that is no number
            is_url = False
        if value and not is_url:
            raise ValueError("must be a URL, for example https://pacs.example/dicom-web")
        return value

    @property
    def source(self) -> str:
        """Name of the archive in logs and listings, without what its URL may hold of a password; empty: none."""
        return self.archive or (urlsplit(self.dicomweb).hostname or "")
