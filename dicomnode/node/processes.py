"""What each process of the service does from its start to its stop.

Heavy rooms are imported inside the process that needs them: the receiver stays light.
"""

from __future__ import annotations

import ctypes
import datetime as dt
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

import structlog
from sqlalchemy.exc import SQLAlchemyError

from dicomnode import logs
from dicomnode.errors import NodeError
from dicomnode.settings import Settings

log = structlog.get_logger()

IDLE_S = 0.25
"""Pause of a loop that found nothing to do."""


class Stop:
    """The parent's word to stop: it closes its end of a pipe.

    Not a multiprocessing.Event: setting one hangs for ever when a process that waited for it was killed.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the word, at most so long, and say whether it has come."""
        return self._connection.poll(timeout_s)

    def is_set(self) -> bool:
        """Whether the word has come."""
        return self.wait(0)


def run(target: Callable[..., None], settings: Settings, stop: Stop, *arguments: object) -> None:
    """Run one process of the service: own log, deaf to signals (the parent says when), never outliving its parent.

    What ends it is told in one line; the supervisor starts it again.
    """
    logs.configure(level=settings.log.level, output=settings.log.format)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_die_with_parent, daemon=True).start()
    threading.excepthook = _note_thread_failure
    try:
        target(settings, stop, *arguments)
    except (NodeError, SQLAlchemyError, OSError) as error:
        _die(error)


def _note_thread_failure(failure: threading.ExceptHookArgs) -> None:
    """Note what ended a library's thread, for example that of an association whose peer sent nonsense."""
    log.error("thread failed", error=failure.exc_type.__name__)


def _die(error: BaseException | None) -> None:
    """End the process at once: a half-dead one would look alive to its supervisor."""
    why = str(error) if isinstance(error, NodeError | OSError) else ""  # a database error quotes its parameters
    log.error("process failed", error=type(error).__name__, why=why)
    os._exit(1)


def _die_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _loop(run_once: Callable[[], bool], stop: Stop) -> None:
    while not stop.is_set():
        if not run_once():
            stop.wait(IDLE_S)


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


def _loop_or_die(run_once: Callable[[], bool], stop: Stop) -> None:
    """Loop in a thread of ours: where it fails, its destination or channel must not fall silent."""
    try:
        _loop(run_once, stop)
    except (NodeError, SQLAlchemyError, OSError, RuntimeError, ValueError) as error:
        _die(error)


def _loop_in_threads(each: Sequence[Callable[[], bool]], stop: Stop) -> None:
    """Loop in a thread for each, until told to stop."""
    threads = [threading.Thread(target=_loop_or_die, args=(run_once, stop)) for run_once in each]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def receiver(settings: Settings, stop: Stop) -> None:
    """Listen until told to stop."""
    from dicomnode.node.rooms import admission, open_stores
    from dicomnode.receive.scp import StorageSCP

    scp = StorageSCP(settings.receive, admission(settings, open_stores(settings)))
    port = scp.start()
    log.info("listening", ae_title=settings.receive.ae_title, host=settings.receive.host, port=port)
    stop.wait()
    scp.stop()


def scheduler(settings: Settings, stop: Stop) -> None:
    """Look for complete studies at every tick."""
    from apscheduler.schedulers.background import BackgroundScheduler

    from dicomnode.node.planning import build_planner
    from dicomnode.node.rooms import open_stores

    planner = build_planner(settings, open_stores(settings))
    ticker = BackgroundScheduler(timezone=dt.UTC)
    ticker.add_job(
        lambda: planner.tick(dt.datetime.now(dt.UTC)),
        "interval",
        seconds=settings.schedule.tick_s,
        max_instances=1,
        coalesce=True,
    )
    ticker.start()
    stop.wait()
    ticker.shutdown(wait=True)


def worker(settings: Settings, stop: Stop, number: int) -> None:
    """Run jobs, one after another."""
    from dicomnode.node.comparing import priors
    from dicomnode.node.pipeline import Models, Pipeline
    from dicomnode.node.rooms import bundle_paths, open_stores
    from dicomnode.node.worker import Worker

    stores = open_stores(settings)
    name = process_name(settings, f"worker-{number}")
    stores.jobs.release_leases(name)
    models = Models(bundle_paths(settings), settings.infer)
    pipeline = Pipeline(settings, models, stores.inputs, stores.results, priors(settings, stores))
    _loop(_trimming(Worker(name, settings, stores.jobs, pipeline).run_once), stop)


def sender(settings: Settings, stop: Stop) -> None:
    """Send results, each destination in a thread of its own."""
    from dicomnode.node.rooms import open_stores
    from dicomnode.node.sender import Sender

    results = open_stores(settings).results
    name = process_name(settings, "sender")
    results.release_leases(name)
    if gone := results.fail_other_destinations(settings.send.destinations, now=dt.datetime.now(dt.UTC)):
        log.error("not sent, given up: destinations that are no longer in the settings", deliveries=gone)
    senders = [Sender(name, destination, settings, results) for destination in settings.send.destinations]
    _loop_in_threads([s.run_once for s in senders], stop)


def alerter(settings: Settings, stop: Stop) -> None:
    """Send alerts, each channel in a thread of its own."""
    from dicomnode.node.alerter import Alerter
    from dicomnode.node.rooms import open_stores

    stores = open_stores(settings)
    name = process_name(settings, "alerter")
    stores.alerts.release_leases(name)
    alerters = [Alerter(name, channel, settings, stores.alerts, stores.results) for channel in settings.send.alerts]
    _loop_in_threads([a.run_once for a in alerters], stop)


def process_name(settings: Settings, role: str) -> str:
    """Who holds a lease; nodes that share a database need different AE titles or ports."""
    return f"{settings.receive.ae_title}:{settings.receive.port}/{role}"
