"""Table `[receive]`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dicomnode.settings.types import AETitle, NetworkSeconds, Port, Table


class ReceiveSettings(Table):
    """The DIMSE door in."""

    ae_title: AETitle = "DICOMNODE"
    """Our AE title; an association that calls another one is rejected."""
    host: str = "0.0.0.0"  # noqa: S104  # a modality must be able to reach it
    """Address to listen on."""
    port: Port = 11112
    """TCP port to listen on."""
    allowed_calling_ae_titles: tuple[str, ...] = ("*",)
    """Who may open an association, for example ["CT1", "PACS"]; "*" allows everybody."""
    maximum_associations: Annotated[int, Field(ge=1)] = 50
    """Associations served at once; one more is rejected as transient (local limit exceeded)."""
    acse_timeout_s: NetworkSeconds = 30.0
    """Longest wait for an association request after a connection."""
    dimse_timeout_s: NetworkSeconds = 60.0
    """Longest wait for the rest of a PDU that has begun."""
    network_timeout_s: NetworkSeconds = 60.0
    """An association idle for so long is aborted."""
    maximum_pdu_bytes: Annotated[int, Field(ge=4096, le=2**32 - 1)] = 131072
    """Largest PDU that we offer to receive."""
    minimum_free_bytes: Annotated[int, Field(ge=0)] = 1_073_741_824
    """Below so much free space in data_dir every instance is refused with 0xA700 (out of resources)."""
    corrections: Literal["accept", "hold"] = "accept"
    """An image that comes again under another identity: "accept" reads it anew, "hold" waits for an operator."""
