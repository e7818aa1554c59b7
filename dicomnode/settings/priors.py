"""Table `[priors]`."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from dicomnode.settings.secrets import SecretUrl
from dicomnode.settings.types import NetworkSeconds, Table


class PriorsSettings(Table):
    """Comparison with earlier studies."""

    is_enabled: bool = True
    """Whether studies are compared with earlier studies of the patient. The node's data folder is always searched."""
    archive: str = ""
    """Name of a destination that is queried (C-FIND, Study Root) for earlier studies and from which they are retrieved.
    Empty: none."""
    retrieve: Literal["c-move", "c-get"] = "c-move"
    """How they are retrieved: "c-move" (the archive must know the AE title, host and port of this node) or "c-get"."""
    dicomweb: SecretUrl = SecretUrl("")
    """Base URL of a DICOMweb archive that is used instead (QIDO-RS and WADO-RS), for example
    "https://user:password@pacs.example.org/dicom-web". User and password are sent by HTTP Basic authentication."""
    lookback_days: Annotated[int, Field(ge=1)] = 1825
    """Age limit of earlier studies in days; 1825 is five years."""
    maximum: Annotated[int, Field(ge=1, le=20)] = 2
    """Number of earlier studies tried, newest first, until one is comparable."""
    maximum_instances: Annotated[int, Field(ge=1)] = 1000
    """Maximum number of images retrieved from one earlier study, largest series first."""
    timeout_s: NetworkSeconds = 60.0
    """Time limit for finding and retrieving earlier studies of one study, in seconds; at most half of schedule.lease_s.
    After that the study is reported without a comparison."""
    emergent_timeout_s: NetworkSeconds = 10.0
    """The same limit for emergent studies, for which the archive is queried only once."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 2
    """Attempts per query when the archive does not respond, within the time limit."""

    @field_validator("dicomweb")
    @classmethod
    def _is_url(cls, url_of_archive: SecretUrl) -> SecretUrl:
        value = url_of_archive.get_secret_value()
        try:
            url = urlsplit(value)
            is_url = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:  # a port that is no number
            is_url = False
        if value and not is_url:
            raise ValueError("must be a URL, for example https://pacs.example/dicom-web")
        return url_of_archive

    @property
    def source(self) -> str:
        """Name of the archive in logs and listings, without what its URL may hold of a password; empty: none."""
        return self.archive or (urlsplit(self.dicomweb.get_secret_value()).hostname or "")
