"""The outermost frame: what an error means, and that nothing ends a loop in silence."""

from __future__ import annotations

import ast
import datetime as dt
import threading
import time

import pytest
import sqlalchemy.exc
import structlog
from helpers import ROOT

from dicomnode.errors import (
    BundleError,
    ComposeError,
    FileMissingError,
    LeaseLostError,
    PeerUnreachableError,
    SettingsError,
    StorageError,
    TransientError,
)
from dicomnode.node import processes
from dicomnode.node.clock import ClockWatch
from dicomnode.node.frame import Failure, Fate, attempt, judge, loop
from dicomnode.node.heartbeat import Heartbeat

SECRET = "Zyxwv^Quentin"


def sql(kind: type[sqlalchemy.exc.DBAPIError]) -> Exception:
    """An error of the database whose text quotes a value."""
    return kind("INSERT", {"name": SECRET}, Exception(SECRET))


@pytest.mark.parametrize(
    ("error", "fate", "reason"),
    [
        (TransientError("later"), Fate.WAIT, "TRANSIENT: later"),
        (PeerUnreachableError("away"), Fate.WAIT, "PEER_UNREACHABLE: away"),
        (SettingsError("no GPU"), Fate.WAIT, "SETTINGS: no GPU"),
        (sql(sqlalchemy.exc.OperationalError), Fate.WAIT, "TRANSIENT: the index cannot be used (OperationalError)"),
        (sql(sqlalchemy.exc.InterfaceError), Fate.WAIT, "TRANSIENT: the index cannot be used (InterfaceError)"),
        (StorageError("bad sector"), Fate.TRY_AGAIN, "STORAGE: bad sector"),
        (OSError(5, "Input/output error", SECRET), Fate.TRY_AGAIN, "STORAGE: Input/output error"),
        (OSError(SECRET), Fate.TRY_AGAIN, "STORAGE: OSError"),
        (TimeoutError(), Fate.TRY_AGAIN, "STORAGE: TimeoutError"),
        (MemoryError(), Fate.TRY_AGAIN, "STORAGE: there is not enough memory"),
        (ComposeError("no"), Fate.ANSWER, "COMPOSE: no"),
        (BundleError("gone"), Fate.ANSWER, "BUNDLE: gone"),
        (FileMissingError("gone"), Fate.ANSWER, "FILE_MISSING: gone"),
        (LeaseLostError("gone"), Fate.DROP, "LEASE_LOST: gone"),
        (AttributeError(SECRET), Fate.TRY_AGAIN, "INTERNAL_ERROR: AttributeError"),
        (KeyError(SECRET), Fate.TRY_AGAIN, "INTERNAL_ERROR: KeyError"),
        (RecursionError(SECRET), Fate.TRY_AGAIN, "INTERNAL_ERROR: RecursionError"),
        (AssertionError(SECRET), Fate.TRY_AGAIN, "INTERNAL_ERROR: AssertionError"),
        (sql(sqlalchemy.exc.ProgrammingError), Fate.TRY_AGAIN, "INTERNAL_ERROR: ProgrammingError"),
    ],
)
def test_every_error_has_a_fate_and_a_reason_without_patient_data(error, fate, reason):
    """What the surroundings do waits, what the study may do is tried a few times, what is final is the answer."""
    failure = judge(error)

    assert (fate, reason) == (failure.fate, failure.reason)
    assert failure.is_defect == reason.startswith("INTERNAL_ERROR")


class AFewTurns:
    """Says stop after so many turns, without waiting."""

    def __init__(self, turns: int) -> None:
        self.turns, self.pauses = turns, []

    def wait(self, timeout_s: float | None = None) -> bool:
        """One turn."""
        self.pauses.append(timeout_s)
        self.turns -= 1
        return self.turns < 0


def test_a_loop_goes_on_after_a_defect_and_says_where_it_was():
    """The log has type, file and line of ours, and not the message; the pauses grow, and end with the failures."""
    done: list[int] = []

    def run_once() -> bool:
        done.append(1)
        if len(done) <= 7:
            raise AttributeError(SECRET)
        return len(done) == 8

    stop, beats = AFewTurns(10), []
    with structlog.testing.capture_logs() as events:
        loop("pacs", run_once, stop, beat=beats.append)

    assert 10 == len(done) == len(beats)
    assert [0, 1, 2, 4, 8, 16, 30, 30, 0, 0.25, 0.25] == stop.pauses
    assert 7 == len(events)
    assert ("unexpected error", "error", "AttributeError", "pacs") == tuple(
        events[0][key] for key in ("event", "log_level", "error", "loop")
    )
    assert "test_frame.py" in events[0]["where"]
    assert SECRET not in repr(events)


def test_the_place_of_an_error_is_ours_also_where_a_library_raised():
    """Whoever reads the log finds the line of the package, and the library's beside it."""
    from dicomnode.schedule.retry import backoff_s

    failure = attempt(lambda: backoff_s(1, None))  # type: ignore[arg-type]

    assert isinstance(failure, Failure)
    assert failure.where.startswith("dicomnode/schedule/retry.py:")
    assert failure.where.endswith(" backoff_s")


def test_there_is_one_outermost_frame():
    """Nowhere else in the package is every exception caught."""
    found = []
    for path in (ROOT / "dicomnode").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                kinds = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
                names = {kind.id for kind in kinds if isinstance(kind, ast.Name)}
                if node.type is None or names & {"Exception", "BaseException"}:
                    found.append(str(path.relative_to(ROOT)))

    assert ["dicomnode/node/frame.py"] == found


def test_a_thread_that_ends_takes_its_process_with_it(monkeypatch):
    """A destination whose thread is gone is not left without one."""
    deaths: list[str] = []

    def die(why: str, where: str = "") -> None:
        deaths.append(why)
        raise SystemExit

    monkeypatch.setattr(processes, "_die", die)
    monkeypatch.setattr(processes, "loop", lambda name, run_once, stop, *, beat: None)

    class Stop:
        """Never says stop."""

        def wait(self, timeout_s: float | None = None) -> bool:
            """A short while."""
            time.sleep(0.01)
            return False

        def beat(self, name: str) -> None:
            """Unheard."""

    with pytest.raises(SystemExit):
        processes._loop_in_threads({"pacs": lambda: False}, Stop())  # type: ignore[arg-type]
    assert ["the loop of pacs has ended"] == deaths


def test_a_failing_tick_is_told_and_the_next_one_comes():
    """What fails in the scheduler is in the log by its type and place."""
    calls: list[int] = []

    def plan() -> int:
        calls.append(1)
        if len(calls) == 1:
            raise AttributeError(SECRET)
        return 0

    class Stop:
        """Hears the beats."""

        def beat(self, name: str) -> None:
            """Unheard."""

    ticks = processes._Ticks(plan, Stop())  # type: ignore[arg-type]
    with structlog.testing.capture_logs() as events:
        ticks.tick()
        ticks.tick()

    assert 2 == len(calls)
    assert ["unexpected error"] == [event["event"] for event in events]
    assert SECRET not in repr(events)
    assert 0 <= ticks.pause_s < 10


def test_a_heartbeat_renews_until_the_work_ends():
    """It goes on when the index does not answer, ends when the lease is lost, and ends with the block."""
    answers, calls = [True, TransientError("locked"), True, False, True], []

    def renew() -> bool:
        answer = answers[min(len(calls), 4)]
        calls.append(1)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with Heartbeat(renew, lease_s=0.03) as heartbeat:
        deadline = time.monotonic() + 10
        while not heartbeat.is_lost and time.monotonic() < deadline:
            time.sleep(0.01)
    assert heartbeat.is_lost
    assert 4 == len(calls)

    with Heartbeat(lambda: bool(calls.append(1)) or True, lease_s=0.03):
        time.sleep(0.1)
    time.sleep(0.05)
    count = len(calls)
    time.sleep(0.1)
    assert count == len(calls)
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_a_clock_that_is_set_forward_is_noticed():
    """For two thirds of a lease nothing is taken over; steps back and slow corrections change nothing."""
    wall, monotonic = [dt.datetime(2026, 3, 1, tzinfo=dt.UTC)], [1000.0]
    watch = ClockWatch(lambda: wall[0], lambda: monotonic[0])

    def passes(seconds: float, *, by_the_wall: float | None = None) -> bool:
        monotonic[0] += seconds
        wall[0] += dt.timedelta(seconds=seconds if by_the_wall is None else by_the_wall)
        return watch.may_take_over(300)

    assert watch.may_take_over(300)
    assert passes(10)
    assert passes(10, by_the_wall=10.5)
    assert not passes(1, by_the_wall=3600)
    assert not passes(199)
    assert passes(1)
    assert passes(1, by_the_wall=-3600)
    assert passes(400)


def test_time_that_the_clock_skipped_is_no_waiting():
    """What was there before the clock was set forward has not waited for the time between; what came later has."""
    wall, monotonic = [dt.datetime(2026, 3, 1, tzinfo=dt.UTC)], [1000.0]
    watch = ClockWatch(lambda: wall[0], lambda: monotonic[0])
    before = wall[0]
    assert watch.seconds_since(before) == 0

    monotonic[0] += 60
    wall[0] += dt.timedelta(days=1, seconds=60)
    assert watch.seconds_since(before) == pytest.approx(60)
    after = wall[0]
    monotonic[0] += 60
    wall[0] += dt.timedelta(seconds=60)
    assert watch.seconds_since(before) == pytest.approx(120)
    assert watch.seconds_since(after) == pytest.approx(60)
