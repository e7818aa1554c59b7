"""`dicomnode serve`."""

from __future__ import annotations

import signal
import threading

import structlog

from dicomnode import logs
from dicomnode.cli.common import SettingsOption, read_settings
from dicomnode.compose.times import is_zone_unknown
from dicomnode.node import service

log = structlog.get_logger()


def serve(settings: SettingsOption = None) -> None:
    """Run the node until it is told to stop (SIGTERM or Ctrl-C)."""
    logs.occupy_standard_streams()
    loaded = read_settings(settings)
    logs.configure(level=loaded.log.level, output=loaded.log.format)
    if is_zone_unknown(loaded.compose.timezone):
        log.warning("no time zone is named: results are dated in UTC; compose.timezone or TZ names the house's")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    service.serve(loaded, stop)
