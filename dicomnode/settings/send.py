"""Table `[send]` and its destinations."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from dicomnode.records import ViewerProfile
from dicomnode.settings.alerts import AlertChannel
from dicomnode.settings.types import AETitle, Host, NetworkSeconds, Seconds, Table


class Destination(Table):
    """One peer that gets results."""

    ae_title: AETitle
    """AE title that we call."""
    host: Host
    """Name or address."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """TCP port."""
    is_default: bool = True
    """Gets the results of every rule that names no destination."""
    profile: ViewerProfile = ViewerProfile.STANDARD
    """Which objects it gets: standard, ohif, weasis, slicer, text-only or air."""
    withdraws: bool = True
    """Whether it gets a rejection note (IHE IOCM) for results that it holds and that no longer count."""


class SendSettings(Table):
    """The doors out."""

    ae_title: AETitle = "DICOMNODE"
    """Our AE title when we call."""
    connect_timeout_s: NetworkSeconds = 10.0
    """Longest wait for a TCP connection and the association's answer."""
    dimse_timeout_s: NetworkSeconds = 60.0
    """Longest wait for the answer to one C-STORE."""
    give_up_after_s: Seconds = 259_200.0
    """A result that its destination could not take for so long, in several tries, is put in quarantine."""
    destinations: dict[str, Destination] = {}
    """Peers by name, each in a table `[send.destinations.NAME]`."""
    alerts: dict[str, AlertChannel] = {}
    """Channels by name that are told of acute findings, each in a table `[send.alerts.NAME]`."""
