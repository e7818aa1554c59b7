"""What each process of the service does from its start to its stop.

Heavy rooms are imported inside the process that needs them: the receiver stays light.
"""

from __future__ import annotations

import contextlib
import ctypes
import datetime as dt
import math
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection

import structlog

from dicomnode import logs
from dicomnode.node.frame import LONGEST_PAUSE_S, Failure, attempt, loop, place
from dicomnode.settings import Settings

log = structlog.get_logger()

BEAT_EVERY_S = 1.0
"""A loop tells its supervisor no more often that it goes on."""
LEAVE_WITHIN_S = 2.5
"""So long a process may finish what it does after the word to stop; then it gives it back and ends."""
LAST_WORDS = "\0"
"""What a process tells its supervisor behind this sign is the error that ends it."""
DEAF_TO = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that a process leaves to its supervisor."""


class Stop:
    """A process's end of the pipe to its supervisor: hears its word to stop, and tells it that work goes on.

    The supervisor stops a process by closing its own end. Not a multiprocessing.Event: setting one hangs for ever when
    a process that waited for it was killed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._told: dict[str, float] = {}
        self._lock = threading.Lock()
        self._farewells: list[Callable[[], object]] = []

    def __reduce__(self) -> tuple[type[Stop], tuple[Connection]]:
        """Travel to the process as its end of the pipe; a lock cannot."""
        return Stop, (self._connection,)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the word, at most so long, and say whether it has come."""
        return self._connection.poll(timeout_s)

    def has_come(self) -> bool:
        """Whether the word has come."""
        return self.wait(0.0)

    def beat(self, name: str) -> None:
        """Tell the supervisor that the work of this name goes on; cheap enough for every turn of a loop."""
        now = time.monotonic()
        if now - self._told.get(name, -math.inf) < BEAT_EVERY_S:
            return
        self._told[name] = now
        self._tell(name)

    def last_words(self, reason: str) -> None:
        """Tell the supervisor why this process ends."""
        self._tell(f"{LAST_WORDS}{reason}")

    def before_leaving(self, action: Callable[[], object]) -> None:
        """Do this, too, when the work in hand is not finished in time."""
        self._farewells.append(action)

    def leave_in_time(self) -> None:
        """Wait for the word to stop, and end the process where it does not end by itself soon after."""
        self.wait()
        time.sleep(LEAVE_WITHIN_S)
        for action in self._farewells:
            attempt(action)
        os._exit(0)

    def _tell(self, word: str) -> None:
        with self._lock, contextlib.suppress(OSError):  # the supervisor is gone: `wait` says so
            self._connection.send_bytes(word.encode())


def run(target: Callable[..., None], settings: Settings, stop: Stop, *arguments: object) -> None:
    """Run one process of the service: own log, deaf to signals (the parent says when), never outliving its parent.

    What ends it is logged in one line; the supervisor starts it again.
    """
    for number in DEAF_TO:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, DEAF_TO)
    logs.configure(level=settings.log.level, output=settings.log.format)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    threading.Thread(target=stop.leave_in_time, daemon=True).start()
    threading.excepthook = _note_thread_failure
    ended = attempt(lambda: target(settings, stop, *arguments))
    if isinstance(ended, Failure):
        stop.last_words(f"{ended.code}:{ended.sentence}")
        _die(ended.reason, ended.where)
    # Whatever had to be kept is on disk. To take down an interpreter with ONNX Runtime in it takes longer than a stop
    # may, and keeps the threads of libraries from ending.
    os._exit(0)


def _note_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """Note what ended a library's thread, for example that of an association whose peer sent nonsense."""
    where = place(failure.exc_value) if failure.exc_value is not None else ""
    log.error("thread failed", error=failure.exc_type.__name__, where=where)


def _die(why: str, where: str = "") -> None:
    """End the process at once: a half-dead one would look alive to its supervisor."""
    log.error("process failed", why=why, where=where)
    os._exit(1)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def give_back_memory() -> None:
    """Give freed memory back to the system: glibc would keep what the largest film or graph took."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # other C libraries have none
    if trim is not None:
        trim(0)


def _trimming(run_once: Callable[[], bool]) -> Callable[[], bool]:
    """Give memory back after each job, in every worker."""

    def run_and_trim() -> bool:
        has_run = run_once()
        if has_run:
            give_back_memory()
        return has_run

    return run_and_trim


def _loop_in_threads(each: Mapping[str, Callable[[], bool]], stop: Stop) -> None:
    """Loop in a thread for each, by name, until told to stop; a thread that ends before takes the process with it."""
    threads = [
        threading.Thread(target=loop, args=(name, run_once, stop), kwargs={"beat": stop.beat}, name=name)
        for name, run_once in each.items()
    ]
    for thread in threads:
        thread.start()
    while not stop.wait(1.0):
        ended = [thread.name for thread in threads if not thread.is_alive()]
        if ended:
            _die(f"the loop of {ended[0]} has ended")
    for thread in threads:
        thread.join()


def receiver(settings: Settings, stop: Stop) -> None:
    """Listen until told to stop, and then end within `LEAVE_WITHIN_S`."""
    from dicomnode.node.rooms import admission, open_stores
    from dicomnode.receive.scp import StorageSCP

    scp = StorageSCP(settings.receive, admission(settings, open_stores(settings)))
    port = scp.start()
    stop.beat("receiver")
    log.info("listening", ae_title=settings.receive.ae_title, host=settings.receive.host, port=port)
    stop.wait()
    left = scp.stop(LEAVE_WITHIN_S - 0.5)
    if left:
        log.warning(
            "associations did not end in time and were aborted; unanswered instances were not stored", count=left
        )


def checks(settings: Settings, _stop: Stop) -> None:
    """Check bundles, rules and reports in a process that ends: the memory that the graphs took is free again."""
    from dicomnode.node.checks import require, routes_and_models, tell

    tell(require(settings, routes_and_models()))


def scheduler(settings: Settings, stop: Stop) -> None:
    """Look for complete studies at every tick."""
    from apscheduler.schedulers.background import BackgroundScheduler

    from dicomnode.node.corrected import withdraw_corrected
    from dicomnode.node.leftovers import give_up_leftovers
    from dicomnode.node.planning import build_planner
    from dicomnode.node.rooms import open_stores

    stores = open_stores(settings)
    planner = build_planner(settings, stores)

    def plan() -> int:
        planned = planner.tick(dt.datetime.now(dt.UTC))
        withdraw_corrected(settings, stores.results)
        give_up_leftovers(settings, stores)
        stores.catalogue.fill()
        return planned

    ticks = _Ticks(plan, stop)
    ticker = BackgroundScheduler(timezone=dt.UTC)
    ticker.add_job(ticks.tick, "interval", seconds=settings.schedule.tick_s, max_instances=1, coalesce=True)
    ticker.start()
    longest_pause_s = max(LONGEST_PAUSE_S, 10 * settings.schedule.tick_s)
    while not stop.wait(1.0):
        if ticks.pause_s > longest_pause_s:
            _die("the scheduler does not tick any more")
    ticker.shutdown(wait=True)


class _Ticks:
    """Runs the planner at each tick, in the outermost frame."""

    def __init__(self, plan: Callable[[], int], stop: Stop) -> None:
        self._plan = plan
        self._stop = stop
        self._is_running = False
        self._ended_at = time.monotonic()

    def tick(self) -> None:
        """Look for complete studies once; failures are logged, and tried again at the next tick."""
        self._stop.beat("scheduler")
        self._is_running = True
        planned = attempt(self._plan)
        if isinstance(planned, Failure):
            planned.tell("a tick of the scheduler failed, the next will come")
        self._ended_at, self._is_running = time.monotonic(), False

    @property
    def pause_s(self) -> float:
        """How long no tick has run; 0 while one does."""
        return 0.0 if self._is_running else time.monotonic() - self._ended_at


def worker(settings: Settings, stop: Stop, number: int, predecessor: str = "") -> None:
    """Run jobs, one after another.

    Parameters
    ----------
    predecessor
        How the former process of this number ended: the reason of what it held. Empty: there was none.
    """
    from dicomnode.node.comparing import priors
    from dicomnode.node.models import Models
    from dicomnode.node.pipeline import Pipeline
    from dicomnode.node.rooms import bundle_paths, open_stores
    from dicomnode.node.worker import Worker

    stores = open_stores(settings)
    name = process_name(settings, f"worker-{number}")
    stores.jobs.release_leases(name, reason=f"INTERNAL_ERROR: {predecessor}" if predecessor else "")
    models = Models(bundle_paths(settings), settings.infer)
    pipeline = Pipeline(settings, models, stores.inputs, stores.results, priors(settings, stores))
    work = Worker(name, settings, stores.jobs, pipeline, beat=stop.beat)
    stop.before_leaving(work.give_back)
    loop(name, _trimming(work.run_once), stop, beat=stop.beat)


def sender(settings: Settings, stop: Stop) -> None:
    """Send results, each destination in a thread of its own."""
    from dicomnode.node.delivery import Courier
    from dicomnode.node.doors import ResultDoor
    from dicomnode.node.rooms import open_stores

    results = open_stores(settings).results
    name = process_name(settings, "sender")
    results.release_leases(name)
    doors = [ResultDoor(destination, settings, results) for destination in settings.send.destinations]
    _loop_in_threads(
        {door.name: Courier(name, door, beat=stop.beat, is_over=stop.has_come).run_once for door in doors},
        stop,
    )


def alerter(settings: Settings, stop: Stop) -> None:
    """Send alerts, each channel in a thread of its own."""
    from dicomnode.node.delivery import Courier
    from dicomnode.node.doors import AlertDoor
    from dicomnode.node.rooms import open_stores

    stores = open_stores(settings)
    name = process_name(settings, "alerter")
    stores.alerts.release_leases(name)
    doors = [
        AlertDoor(channel, settings, stores.alerts, stores.results, stores.inputs) for channel in settings.send.alerts
    ]
    _loop_in_threads(
        {door.name: Courier(name, door, beat=stop.beat, is_over=stop.has_come).run_once for door in doors},
        stop,
    )


def process_name(settings: Settings, role: str) -> str:
    """Who holds a lease; nodes that share a database need different AE titles or ports."""
    return f"{settings.receive.ae_title}:{settings.receive.port}/{role}"
