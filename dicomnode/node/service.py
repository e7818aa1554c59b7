"""The service: its processes, watched and restarted."""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import structlog

from dicomnode.node import checks, processes
from dicomnode.node.rooms import exclusive, open_stores
from dicomnode.settings import Settings

log = structlog.get_logger()

STOP_WAIT_S = 15.0
LONGEST_RESTART_WAIT_S = 30.0
STARTS_WITHIN_S = 120.0
"""A process that has made no progress yet is not ended before, however short the settings' patience is."""
LONG_LIFE_S = 120.0
"""A process that lived so long did not die of its start: it is started again without a growing pause."""


@dataclass(slots=True, kw_only=True)
class Role:
    """One process of the service and how often it has died."""

    name: str
    target: Callable[..., None]
    arguments: tuple[Any, ...] = ()
    process: BaseProcess | None = None
    lifeline: Connection | None = None
    """Our end of the pipe; closing it tells the process to stop."""
    deaths: int = 0
    started_at: float = field(default=0.0)
    """Monotonic clock."""
    restart_at: float = field(default=0.0)
    """Monotonic clock."""
    beats: dict[str, float] = field(default_factory=dict)
    """When each of its loops last made progress, by name; monotonic clock."""
    is_watched: bool = True
    """Whether it has loops that must make progress; the receiver waits for others."""
    tells_its_end: bool = False
    """Whether its successor is told how it ended."""
    end: str = ""
    """How its last process ended."""


class Supervisor:
    """Starts the processes of the service, ends one whose work hangs, and restarts one that dies.

    Does: start, watch, restart with growing pauses, stop.
    Does not: hold any state that is not in the store.
    """

    def __init__(self, settings: Settings) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._settings = settings
        workers = [
            Role(name=f"worker-{n}", target=processes.worker, arguments=(n,), tells_its_end=True)
            for n in range(settings.infer.worker_count)
        ]
        self._roles = [
            Role(name="receiver", target=processes.receiver, is_watched=False),
            Role(name="scheduler", target=processes.scheduler),
            *([Role(name="sender", target=processes.sender)] if settings.send.destinations else []),
            *([Role(name="alerter", target=processes.alerter)] if settings.send.alerts else []),
            *workers,
        ]

    def run(self, stop: threading.Event) -> None:
        """Keep the processes alive until `stop` is set, then end them in good order."""
        try:
            while not stop.wait(0.2):
                for role in self._roles:
                    self._look_after(role)
        finally:
            self._end()

    def _look_after(self, role: Role) -> None:
        if role.process is not None and role.process.is_alive():
            self._watch(role)
            return
        now = time.monotonic()
        if role.process is not None:
            role.end = role.end or f"the process died (exit code {role.process.exitcode})"
            role.deaths = 1 if now - role.started_at > LONG_LIFE_S else role.deaths + 1
            wait_s = min(2.0 ** (role.deaths - 1), LONGEST_RESTART_WAIT_S)
            log.error("process died", role=role.name, exit_code=role.process.exitcode, restart_in_s=wait_s)
            role.process, role.restart_at = None, now + wait_s
            if role.lifeline is not None:
                role.lifeline.close()
        if now >= role.restart_at:
            self._start(role)

    def _watch(self, role: Role) -> None:
        """End a process of which a loop has made no progress for too long; it is restarted like one that died."""
        now = time.monotonic()
        for name in _heard(role.lifeline):
            role.beats[name] = now
        if not role.is_watched or role.process is None:
            return
        limit_s = self._patience_s if role.beats else max(self._patience_s, STARTS_WITHIN_S)
        name, last = min(role.beats.items(), key=lambda beat: beat[1], default=(role.name, role.started_at))
        if now - last > limit_s:
            log.error("process hangs, ended", role=role.name, loop=name, without_progress_s=round(now - last))
            role.end = f"it made no progress for {limit_s:g} s and its process was ended"
            role.process.kill()
            role.process.join()

    @property
    def _patience_s(self) -> float:
        """As the settings say, but never less than two answers of a peer may take."""
        send = self._settings.send
        waits = [channel.timeout_s for channel in send.alerts.values()]
        longest_s = max([send.dimse_timeout_s, send.connect_timeout_s, *waits])
        return max(self._settings.schedule.hung_after_s, 2 * longest_s if send.destinations or send.alerts else 0.0)

    def _start(self, role: Role) -> None:
        role.lifeline, theirs = self._context.Pipe(duplex=True)
        end = (role.end,) if role.tells_its_end else ()
        arguments = (role.target, self._settings, processes.Stop(theirs), *role.arguments, *end)
        role.beats, role.end = {}, ""
        role.process = self._context.Process(target=processes.run, args=arguments, name=role.name)
        role.process.start()
        role.started_at = time.monotonic()
        theirs.close()

    def _end(self) -> None:
        for role in self._roles:
            if role.lifeline is not None:
                role.lifeline.close()
        deadline = time.monotonic() + STOP_WAIT_S
        for role in self._roles:
            if role.process is not None:
                role.process.join(max(0.1, deadline - time.monotonic()))
                if role.process.is_alive():
                    role.process.kill()
                    role.process.join()


def _heard(lifeline: Connection | None) -> Iterator[str]:
    """Names of the loops that have told of progress since the last time."""
    with contextlib.suppress(EOFError, OSError):  # it has just died
        while lifeline is not None and lifeline.poll():
            yield lifeline.recv_bytes().decode()


def serve(settings: Settings, stop: threading.Event, settings_file: Path | None = None) -> None:
    """Run the service until `stop` is set.

    Parameters
    ----------
    settings_file
        The file that the settings were read from, for the log.

    Raises
    ------
    SettingsError
        If `checks` finds an error, or data folder or database cannot be used.
    ServiceRunningError
        If another service uses the data folder.
    """
    remarks = checks.require(settings)
    processes.give_back_memory()  # of the graphs that were tried
    with exclusive(settings.store.data_dir):
        stores = open_stores(settings)
        swept = stores.instance_files.sweep() + stores.result_files.sweep()
        stores.engine.dispose()
        for remark in remarks:
            (log.warning if remark.level is checks.Level.WARNING else log.info)("settings", says=remark.says)
        read = str(settings_file.absolute()) if settings_file else "none: the defaults apply"
        log.info("starting", settings=read, data_dir=str(settings.store.data_dir), half_written_files_removed=swept)
        Supervisor(settings).run(stop)
    log.info("stopped")
