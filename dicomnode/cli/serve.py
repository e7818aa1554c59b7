"""`dicomnode serve`."""

from __future__ import annotations

import signal
import threading

from dicomnode import logs
from dicomnode.cli.common import SettingsOption, read_settings
from dicomnode.node import service
from dicomnode.settings import find_settings


def serve(settings: SettingsOption = None) -> None:
    """Run the node until it is told to stop (SIGTERM or Ctrl-C)."""
    logs.occupy_standard_streams()
    loaded = read_settings(settings)
    logs.configure(level=loaded.log.level, output=loaded.log.format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    service.serve(loaded, stop, settings_file=find_settings(settings))
