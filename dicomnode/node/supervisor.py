"""Starts the processes of the service, and keeps them alive."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import structlog

from dicomnode.errors import NodeError, PermanentError, SettingsError
from dicomnode.node import processes
from dicomnode.settings import Settings

log = structlog.get_logger()

STOP_WAIT_S = 4.5
"""A process that has not ended so long after the word to stop is killed; each ends itself before (`processes`)."""
LONGEST_RESTART_WAIT_S = 30.0
STARTS_WITHIN_S = 120.0
"""A process that has made no progress yet is not ended before, however short the settings' patience is."""
LONG_LIFE_S = 120.0
"""A process that lived so long did not die of its start: it is started again without a growing pause."""
SHORT_LIFE_S = 10.0
"""A receiver that lived no longer did not start."""
FRUITLESS_STARTS = 3
"""After so many in a row the service ends and says why: it must not look healthy while nothing is received."""
_LOOK_EVERY_S = 0.1


class Shutdown(threading.Event):
    """The word to stop, with its reason, and the signals that came and mean nothing to the service."""

    def __init__(self) -> None:
        super().__init__()
        self.reason = ""
        self.ignored: list[str] = []


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
    fruitless: int = 0
    """Deaths in a row before it did anything."""
    was_up: bool = False
    """Whether it has made progress since the service was started."""
    started_at: float = field(default=0.0)
    """Monotonic clock."""
    restart_at: float = field(default=0.0)
    """Monotonic clock."""
    beats: dict[str, float] = field(default_factory=dict)
    """When each of its loops last made progress, by name; monotonic clock."""
    is_watched: bool = True
    """Whether it has loops that must make progress; the receiver waits for others."""
    is_once: bool = False
    """Whether it does one thing and ends; the service goes on only if it succeeds."""
    is_done: bool = False
    tells_its_end: bool = False
    """Whether its successor is told how it ended."""
    end: str = ""
    """How its last process ended."""
    last_words: tuple[str, str] = ("", "")
    """Code and sentence of the error that ended its last process, where that could still say it."""


def roles_of(settings: Settings) -> Iterator[list[Role]]:
    """Processes of the service in the order of their start: each step waits until the former one is up.

    First the receiver, as what it keeps is safe whatever comes; then what is checked; then whatever reads and sends.
    """
    yield [Role(name="receiver", target=processes.receiver, is_watched=False)]
    yield [Role(name="checks", target=processes.checks, is_watched=False, is_once=True)]
    yield [
        Role(name="scheduler", target=processes.scheduler),
        *([Role(name="sender", target=processes.sender)] if settings.send.destinations else []),
        *([Role(name="alerter", target=processes.alerter)] if settings.send.alerts else []),
        *(
            Role(name=f"worker-{n}", target=processes.worker, arguments=(n,), tells_its_end=True)
            for n in range(settings.infer.worker_count)
        ),
    ]


class Supervisor:
    """Starts the processes of the service, ends one whose work hangs, and restarts one that dies.

    Does: start, watch, restart with growing pauses, stop; give up where a process cannot be started at all.
    Does not: hold any state that is not in the store.
    """

    def __init__(self, settings: Settings) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._settings = settings
        self._steps = list(roles_of(settings))
        self._roles: list[Role] = []
        self._begun = time.monotonic()
        self._is_starting = True

    def run(self, stop: Shutdown) -> None:
        """Keep the processes alive until `stop` is set, then end them in good order.

        Raises
        ------
        SettingsError, PermanentError
            If what the settings ask for cannot be done, or a process cannot be started.
        """
        try:
            while not stop.wait(_LOOK_EVERY_S):
                while stop.ignored:
                    log.warning(
                        "signal ignored: the settings are read at start only, restart the service",
                        signal=stop.ignored.pop(0),
                    )
                self._take_step()
                for role in self._roles:
                    self._look_after(role)
        finally:
            self._end(stop.reason)

    def _take_step(self) -> None:
        """Go on to the next processes once those that were started are up."""
        if not self._is_starting or not all(role.is_done or role.was_up for role in self._roles):
            return
        if self._steps:
            self._roles.extend(self._steps.pop(0))
        else:
            self._is_starting = False
            log.info(
                "ready",
                processes=sum(not role.is_done for role in self._roles),
                seconds=round(time.monotonic() - self._begun, 1),
            )

    def _look_after(self, role: Role) -> None:
        if role.is_done:
            return
        if role.process is not None and role.process.is_alive():
            self._watch(role)
            return
        if role.process is not None:
            self._bury(role, role.process)
        if not role.is_done and time.monotonic() >= role.restart_at:
            self._start(role)

    def _bury(self, role: Role, process: BaseProcess) -> None:
        """Note how a process ended, and when it is started again."""
        self._hear(role)
        if role.lifeline is not None:
            role.lifeline.close()
        role.process = role.lifeline = None
        if role.is_once and process.exitcode == 0:
            role.is_done = True
            return
        role.end = role.end or f"the process died (exit code {process.exitcode})"
        lived_s = time.monotonic() - role.started_at
        role.deaths = 1 if lived_s > LONG_LIFE_S else role.deaths + 1
        is_fruitless = not role.beats or (role.name == "receiver" and lived_s < SHORT_LIFE_S)
        role.fruitless = role.fruitless + 1 if is_fruitless else 0
        self._give_up_on(role)
        wait_s = min(2.0 ** (role.deaths - 1), LONGEST_RESTART_WAIT_S)
        log.error("process died", role=role.name, exit_code=process.exitcode, restart_in_s=wait_s)
        role.restart_at = time.monotonic() + wait_s

    def _give_up_on(self, role: Role) -> None:
        """End the service where it is of no use to start a process again.

        One that has worked before is started for ever, as a database that is away may be its fault; but a node that
        receives nothing must not look healthy.
        """
        code, why = role.last_words
        if role.is_once:
            raise _error(code, why or f"{role.name}: {role.end}")
        is_needed = role.name == "receiver" or not role.was_up
        if is_needed and role.fruitless >= FRUITLESS_STARTS:
            raise PermanentError(f"the {role.name} could not be started {role.fruitless} times: {why or role.end}")

    def _hear(self, role: Role) -> None:
        now = time.monotonic()
        for word in _heard(role.lifeline):
            if word.startswith(processes.LAST_WORDS):
                code, _, why = word.removeprefix(processes.LAST_WORDS).partition(":")
                role.last_words = (code, why)
            else:
                role.beats[word] = now
                role.was_up = True

    def _watch(self, role: Role) -> None:
        """End a process of which a loop has made no progress for too long; it is restarted like one that died."""
        self._hear(role)
        now = time.monotonic()
        if not role.is_watched or role.process is None:
            return
        limit_s = self._patience_s if role.beats else max(self._patience_s, STARTS_WITHIN_S)
        name, last = min(role.beats.items(), key=lambda beat: beat[1], default=(role.name, role.started_at))
        if now - last > limit_s:
            log.error(
                "process hung and was terminated", role=role.name, loop=name, without_progress_s=round(now - last)
            )
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
        role.beats, role.end, role.last_words = {}, "", ("", "")
        role.process = self._context.Process(target=processes.run, args=arguments, name=role.name)
        # Until it can say that they do not concern it, signals to all processes of a terminal must not end it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, processes.DEAF_TO)
        try:
            role.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        role.started_at = time.monotonic()
        theirs.close()

    def _end(self, reason: str) -> None:
        log.info("stopping", why=reason or "an error, told at the end")
        begun = time.monotonic()
        for role in self._roles:
            if role.lifeline is not None:
                role.lifeline.close()
        for role in self._roles:
            if role.process is None:
                continue
            role.process.join(max(0.1, begun + STOP_WAIT_S - time.monotonic()))
            if role.process.is_alive():
                log.warning("process did not stop in time and was killed", role=role.name)
                role.process.kill()
                role.process.join()
        log.info("stopped", seconds=round(time.monotonic() - begun, 1))


def _error(code: str, why: str) -> NodeError:
    return SettingsError(why) if code == SettingsError.code else PermanentError(why)


def _heard(lifeline: Connection | None) -> Iterator[str]:
    """What a process has told since the last time: names of loops that made progress, or its last words."""
    with contextlib.suppress(EOFError, OSError):  # it has just died
        while lifeline is not None and lifeline.poll():
            yield lifeline.recv_bytes().decode()
