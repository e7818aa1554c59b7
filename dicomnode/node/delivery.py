"""Takes what waits for one door out, results to a destination or alerts to a channel, and settles each by itself.

One loop for both kinds: `Courier`. What differs between them is a `Door`, see `node/doors.py`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import structlog
from structlog.contextvars import bound_contextvars

from dicomnode.node.clock import ClockWatch, utc_now
from dicomnode.node.frame import Failure, Fate, attempt
from dicomnode.node.heartbeat import Heartbeat
from dicomnode.node.outage import Outage
from dicomnode.records import SendVerdict
from dicomnode.schedule.retry import backoff_s
from dicomnode.settings import ScheduleSettings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one item."""

    verdict: SendVerdict
    why: str = ""
    """As the peer acknowledged it, or why it did not take it."""
    sent_at: dt.datetime | None = None
    """UTC; when it left, where that is kept."""
    was_tried: bool = True
    """False: something else kept it from being sent, so that no try of it is used up."""


class Item(Protocol):
    """What goes out."""

    @property
    def attempts(self) -> int:
        """How often it was tried, this time included."""


I = TypeVar("I", bound=Item)  # noqa: E741  # an item
Answers = Generator[tuple[I, Answer], None, None]


class Door(Protocol[I]):
    """One way out, and what its table keeps of the items that wait for it."""

    name: str
    """In the log, and of its loop."""
    schedule: ScheduleSettings
    give_up_after_s: float
    refused: SendVerdict
    """What it means where the peer refuses all that it is offered."""
    done: str
    """Log event of an item that was taken."""
    not_yet: str
    """Log event of one that is tried again."""
    given_up: str
    """Log event of one that is not."""
    works_again: str
    """Log event of the end of an outage."""

    def claim(self, owner: str, *, now: dt.datetime, takes_over: bool) -> Sequence[I]:
        """Take what goes out together; nothing where nothing waits."""
        ...

    def renew(self, owner: str, group: Sequence[I]) -> bool:
        """Hold what was claimed for a lease more."""
        ...

    def send(self, group: Sequence[I]) -> Answers[I]:
        """Send, and yield what became of each item, in any order; closing it ends the association."""
        ...

    def must_give_way(self, left: Sequence[I]) -> bool:
        """Whether something more urgent waits."""
        ...

    def waiting_since(self, item: I) -> dt.datetime:
        """UTC; from then on the time counts after which it is given up."""
        ...

    def words(self, item: I) -> Mapping[str, Any]:
        """What the log says of an item besides what it says of its group."""
        ...

    def context(self, group: Sequence[I]) -> Mapping[str, Any]:
        """What every line of the log says while a group goes out."""
        ...

    def taken(self, item: I, answer: Answer) -> None:
        """Note that the peer has it."""
        ...

    def postpone(self, item: I, *, not_before: dt.datetime, reason: str) -> None:
        """Let it wait and be tried again."""
        ...

    def put_back(self, group: Sequence[I], *, not_before: dt.datetime | None = None, reason: str | None = None) -> None:
        """Let it wait as one that was not tried; None: no pause, the reason that it has."""
        ...

    def failed(self, item: I, *, reason: str) -> None:
        """Give it up."""
        ...


class Courier(Generic[I]):
    """Sends what waits at one door.

    Does: record the peer's answer for every single item, pause longer after each failure, give up in the end; what
    fails by one item's fault fails that item alone.
    Does not: hold up other doors; each has a courier of its own.
    """

    def __init__(
        self,
        owner: str,
        door: Door[I],
        *,
        beat: Callable[[str], None] = lambda _name: None,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._owner = owner
        self._door = door
        self._beat = beat
        self._is_stopping = is_over
        self._outage = Outage()
        self._clock = ClockWatch()

    def run_once(self) -> bool:
        """Send one group; False where none waits."""
        lease_s = self._door.schedule.lease_s
        group = self._door.claim(self._owner, now=utc_now(), takes_over=self._clock.may_take_over(lease_s))
        if not group:
            return False
        left = list(group)
        renew = lambda: self._door.renew(self._owner, left)  # noqa: E731
        with bound_contextvars(**self._door.context(group)), Heartbeat(renew, lease_s=lease_s):
            done = attempt(lambda: self._send(left))
            if isinstance(done, Failure):
                self._fail(left, done)
        return True

    def _send(self, left: list[I]) -> None:
        with closing(self._door.send(tuple(left))) as answers:
            for item, answer in answers:
                self._beat(self._door.name)
                self._settle(item, answer)
                left.remove(item)
                if left and self._door.must_give_way(left):
                    log.info("interrupted for an emergent study", remaining=len(left))
                    self._door.put_back(left)
                    left.clear()
                    return
                if left and self._is_stopping():
                    self._door.put_back(left)
                    left.clear()
                    return

    def _settle(self, item: I, answer: Answer) -> None:
        if answer.verdict is SendVerdict.HELD:
            self._door.taken(item, answer)
            over = self._outage.end()
            if over is not None:
                log.warning(self._door.works_again, after_s=over.seconds, waited=over.waited)
            log.info(self._door.done, **self._door.words(item), **({"answer": answer.why} if answer.why else {}))
        elif answer.verdict is SendVerdict.NEVER or self._is_over(item, answer):
            self._door.failed(item, reason=answer.why)
            log.error(self._door.given_up, **self._door.words(item), why=answer.why)
        else:
            self._try_later(item, answer)

    def _is_over(self, item: I, answer: Answer) -> bool:
        """Whether an item is given up: never after a few tries alone, for the wall clock may have been set forward."""
        if item.attempts < self._door.schedule.maximum_attempts:
            return False
        if answer.verdict is SendVerdict.PERHAPS:
            return True
        return self._clock.seconds_since(self._door.waiting_since(item)) > self._door.give_up_after_s

    def _try_later(self, item: I, answer: Answer) -> None:
        wait_s = backoff_s(item.attempts, self._door.schedule)
        not_before = utc_now() + dt.timedelta(seconds=wait_s)
        if answer.was_tried:
            self._door.postpone(item, not_before=not_before, reason=answer.why)
        else:
            self._door.put_back([item], not_before=not_before, reason=answer.why)
        words = self._door.words(item)
        say = log.warning if self._outage.note(tuple(sorted(words.items())), answer.why) else log.debug
        say(self._door.not_yet, **words, wait_s=round(wait_s, 1), why=answer.why)

    def _fail(self, left: Sequence[I], failure: Failure) -> None:
        """Settle what an error left behind: a peer that is away keeps all waiting, a defect the item in hand."""
        if failure.is_defect or failure.fate is Fate.TRY_AGAIN:
            failure.tell(self._door.not_yet)
            first, *others = left
            self._settle(first, Answer(verdict=SendVerdict.PERHAPS, why=failure.reason))
            if others:
                self._door.put_back(others)
            return
        verdict = self._door.refused if failure.fate is Fate.ANSWER else SendVerdict.LATER
        for item in left:
            self._settle(item, Answer(verdict=verdict, why=failure.reason))
