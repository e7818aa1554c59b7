"""`dicomnode serve`."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from dicomnode import __version__, logs
from dicomnode.cli.common import SettingsOption

if TYPE_CHECKING:
    from dicomnode.node.supervisor import Shutdown

log = structlog.get_logger()


def serve(settings: SettingsOption = None) -> None:
    """Run the node until it is stopped (SIGTERM or Ctrl-C)."""
    logs.occupy_standard_streams()
    os.umask(0o077)  # whatever the node or a library writes is for its own account alone
    # Said before anything heavy is imported: an operator who starts the node sees at once that it starts.
    is_terminal = sys.stderr is not None and sys.stderr.isatty()
    logs.configure(level="info", output="console" if is_terminal else "json")
    log.info("starting", version=__version__)

    from dicomnode.cli.common import read_settings
    from dicomnode.settings import find_settings

    loaded = read_settings(settings)
    logs.configure(level=loaded.log.level, output=loaded.log.format)
    chosen = find_settings(settings)
    read = str(chosen.absolute()) if chosen is not None else "none: the defaults apply"
    log.info("settings read", file=read, data_dir=str(loaded.store.data_dir))

    from dicomnode.node import service
    from dicomnode.node.supervisor import Shutdown

    stop = Shutdown()
    _listen_to_signals(stop)
    service.serve(loaded, stop)


def _listen_to_signals(stop: Shutdown) -> None:
    """SIGTERM and SIGINT stop the node; a terminal that closes (SIGHUP) and the others do not."""

    def end(number: int, _frame: FrameType | None) -> None:
        stop.reason = signal.Signals(number).name
        stop.set()

    def ignore(number: int, _frame: FrameType | None) -> None:
        stop.ignored.append(signal.Signals(number).name)  # written by the loop: a handler may not wait for the log

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, ignore)
