"""Gives up what waits for a destination or a channel that the settings do not name any more."""

from __future__ import annotations

import datetime as dt

import structlog

from dicomnode.node.rooms import Stores
from dicomnode.settings import Settings

log = structlog.get_logger()


def give_up_leftovers(settings: Settings, stores: Stores) -> int:
    """Give it up, so that it is seen, and return how much that was.

    Not at the start alone: a job that was planned under other settings is answered after it, and an operator may retry
    what was given up. Nobody else would ever look at it, and its job would never end.

    Raises
    ------
    TransientError
        If the index cannot be used now.
    """
    deliveries = stores.results.fail_other_destinations(settings.send.destinations, now=dt.datetime.now(dt.UTC))
    if deliveries:
        log.error("not sent, given up: destinations that are no longer in the settings", deliveries=deliveries)
    alerts = stores.alerts.fail_other_channels(settings.send.alerts)
    if alerts:
        log.error("not acknowledged, given up: alert channels that are no longer in the settings", alerts=alerts)
    return deliveries + alerts
