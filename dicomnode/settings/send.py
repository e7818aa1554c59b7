"""Table `[send]` and its destinations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dicomnode.records import ViewerProfile
from dicomnode.settings.alerts import AlertChannel
from dicomnode.settings.types import AETitle, Host, NetworkSeconds, Seconds, Table


class Destination(Table):
    """A PACS or other DICOM peer that receives results."""

    ae_title: AETitle
    """AE title of the peer (called AE title)."""
    host: Host
    """Host name or IP address of the peer."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """TCP port of the peer."""
    is_default: bool = True
    """Whether this destination receives the results of rules that name no destination."""
    profile: ViewerProfile = ViewerProfile.STANDARD
    """Which kinds of object it receives: "standard", or a selection for its viewer: "ohif", "weasis", "slicer",
    "text-only" (peers that accept Secondary Capture only) or "air" (IHE AI Results)."""
    withdraws: bool = True
    """Whether it receives a rejection note (IHE IOCM) when results that it holds are withdrawn or replaced."""


class SendSettings(Table):
    """DICOM sender."""

    ae_title: AETitle = "DICOMNODE"
    """AE title of the node when it opens an association (calling AE title)."""
    connect_timeout_s: NetworkSeconds = 10.0
    """Timeout for opening a connection and negotiating an association, in seconds."""
    dimse_timeout_s: NetworkSeconds = 60.0
    """Timeout for the response to one C-STORE request, in seconds."""
    give_up_after_s: Seconds = 259_200.0
    """A result that its destination has not accepted after this many seconds and several attempts is marked as failed;
    `dicomnode jobs retry` sends it again. 259200 is three days."""
    destinations: dict[str, Destination] = {}
    """Destinations by name, each in a table `[send.destinations.NAME]`."""
    alerts: dict[str, AlertChannel] = {}
    """Alert channels by name, each in a table `[send.alerts.NAME]`."""
