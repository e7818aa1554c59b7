"""How long a study has waited, whatever happens to the wall clock."""

from __future__ import annotations

import datetime as dt

import pytest

from dicomnode.schedule.completeness import Stopwatch, is_complete
from dicomnode.settings import ScheduleSettings
from dicomnode.store.instances import WaitingStudy

NOON = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SETTINGS = ScheduleSettings(quiet_period_s=30, longest_wait_s=900)


def study(*, first: dt.datetime = NOON, last: dt.datetime = NOON) -> WaitingStudy:
    """A study whose first and newest instances came then."""
    return WaitingStudy(study_instance_uid="1.2.3", waiting_since=first, last_instance_at=last)


class Clocks:
    """A wall clock that can be set, and one that cannot."""

    def __init__(self) -> None:
        self.wall, self.elapsed_s = NOON, 1000.0
        self.stopwatch = Stopwatch(lambda: self.elapsed_s)

    def go(self, seconds: float, *, set_by: dt.timedelta = dt.timedelta()) -> None:
        """Let time pass, and set the wall clock by so much."""
        self.elapsed_s += seconds
        self.wall += dt.timedelta(seconds=seconds) + set_by

    def is_complete(self, one: WaitingStudy) -> bool:
        """Whether the study would be read now."""
        waited = self.stopwatch.waited(one, self.wall)
        return is_complete(one, kept=lambda: 1, archive_count=None, settings=SETTINGS, waited=waited)


@pytest.mark.parametrize("hours", [-8760, -24, -1, -0.01, 0, 0.01, 1, 24, 8760])
def test_a_clock_that_is_set_changes_no_quiet_period(hours):
    """A study that was seen before the clock was set is complete after its quiet period, not sooner and not later."""
    clocks = Clocks()
    one = study()
    assert not clocks.is_complete(one)
    clocks.go(10, set_by=dt.timedelta(hours=hours))
    assert not clocks.is_complete(one)
    clocks.go(19)
    assert not clocks.is_complete(one)
    clocks.go(1)
    assert clocks.is_complete(one)


@pytest.mark.parametrize("ahead", [dt.timedelta(minutes=1), dt.timedelta(hours=1), dt.timedelta(days=400)])
def test_what_came_in_the_future_waits_no_longer_than_what_comes_now(ahead):
    """Times that were noted before the clock was set back count from when they are seen."""
    clocks = Clocks()
    one = study(first=NOON + ahead, last=NOON + ahead)
    assert not clocks.is_complete(one)
    clocks.go(30)
    assert clocks.is_complete(one)


def test_a_study_that_keeps_growing_is_read_after_the_longest_wait():
    """Each instance restarts the quiet period, none the longest wait, although the clock is set back meanwhile."""
    clocks = Clocks()
    for number in range(44):
        last = clocks.wall
        assert not clocks.is_complete(study(first=NOON, last=last)), number
        clocks.go(20, set_by=dt.timedelta(seconds=-19))
    clocks.go(20)
    assert clocks.is_complete(study(first=NOON, last=clocks.wall))


@pytest.mark.parametrize("hours", [-24, 0, 0.01, 1, 8760])
def test_a_clock_that_is_set_between_arrival_and_first_look_changes_no_quiet_period(hours):
    """An instance that the look before has not seen came after it: a study that is new, or one that has grown."""
    clocks = Clocks()
    grown = study(first=NOON, last=NOON + dt.timedelta(seconds=5))
    clocks.stopwatch.look([])
    clocks.go(4, set_by=dt.timedelta(hours=hours))
    for one in (study(), grown):
        clocks.stopwatch.look([one])
        assert not clocks.is_complete(one)
        clocks.go(10)
        clocks.stopwatch.look([one])
        assert not clocks.is_complete(one)
    clocks.go(10)
    clocks.stopwatch.look([grown])
    assert not clocks.is_complete(grown)
    clocks.go(10)
    clocks.stopwatch.look([grown])
    assert clocks.is_complete(grown)


def test_what_waited_before_the_start_has_waited():
    """A service that comes back after a while reads at once what was complete long ago."""
    clocks = Clocks()
    clocks.go(0, set_by=dt.timedelta(hours=2))
    assert clocks.is_complete(study())


def test_studies_that_wait_no_more_are_forgotten():
    """The stopwatch does not grow with the archive."""
    clocks = Clocks()
    clocks.stopwatch.waited(study(), NOON)
    clocks.stopwatch.look([])
    assert {} == clocks.stopwatch._seen
