"""Table `[receive]`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from dicomnode.settings.types import AETitle, AETitlePattern, ListenHost, NetworkSeconds, Port, Table


class ReceiveSettings(Table):
    """DICOM receiver (Storage and Verification SCP)."""

    ae_title: AETitle = "DICOMNODE"
    """AE title of the receiver; an association that calls another title is rejected."""
    host: ListenHost = "127.0.0.1"
    """Address to listen on: "127.0.0.1" this machine only, "0.0.0.0" every IPv4 address, "::" every address."""
    port: Port = 11112
    """TCP port to listen on."""
    allowed_calling_ae_titles: tuple[AETitlePattern, ...] = ("*",)
    """Who may send, for example ["PACS", "CT*"]; * is any text, ? one character. ["*"] is everybody, [] nobody."""
    maximum_associations: Annotated[int, Field(ge=1)] = 50
    """Maximum number of simultaneous associations; more are rejected as transient (local limit exceeded)."""
    acse_timeout_s: NetworkSeconds = 30.0
    """Maximum wait for the association request on a new connection, in seconds."""
    dimse_timeout_s: NetworkSeconds = 60.0
    """Maximum wait for the rest of a PDU, in seconds."""
    network_timeout_s: NetworkSeconds = 60.0
    """An association that is idle for this many seconds is aborted."""
    maximum_pdu_bytes: Annotated[int, Field(ge=4096, le=2**32 - 1)] = 131072
    """Largest PDU length that the node offers to senders, in bytes."""
    minimum_free_bytes: Annotated[int, Field(ge=0)] = 1_073_741_824
    """With less free space than this in data_dir, every instance is refused with status A700H (out of resources)."""
    corrections: Literal["accept", "hold"] = "accept"
    """A known image sent again under another identity: "accept" reads it again, "hold" waits for an operator."""
