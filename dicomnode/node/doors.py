"""The doors out, as `node/delivery.py` goes through them: a destination for results, a channel for alerts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import structlog

from dicomnode.errors import StorageError, UnsupportedImageError
from dicomnode.node.alerting import AlertMessages
from dicomnode.node.clock import utc_now
from dicomnode.node.delivery import Answer, Answers
from dicomnode.records import Alert, Delivery, SendOutcome, SendVerdict
from dicomnode.send.alerts import send_alert
from dicomnode.send.store_scu import Outgoing, StoreSCU, read_outgoing
from dicomnode.settings import Settings
from dicomnode.store.alerts import AlertStore
from dicomnode.store.inputs import InputStore
from dicomnode.store.results import ResultStore

log = structlog.get_logger()


class ResultDoor:
    """Results to one destination: one association a study, as long as the peer keeps it.

    Does: leave out what cannot be read; associate again at once where the peer ended the association after it had
    answered something; leave a lesser study in the middle for an emergent one.
    """

    done, not_yet, given_up = "sent", "not sent, will try again", "not sent, given up"
    works_again = "the destination takes results again"
    refused = SendVerdict.LATER
    """A rejected association, too: the operator mends the peer's settings, and the results must not be lost."""

    def __init__(self, destination: str, settings: Settings, results: ResultStore) -> None:
        self.name = destination
        self.schedule = settings.schedule
        self.give_up_after_s = settings.send.give_up_after_s
        self._results = results
        self._scu = StoreSCU(settings.send.destinations[destination], settings.send)

    def claim(self, owner: str, *, now: dt.datetime, takes_over: bool) -> Sequence[Delivery]:
        """Take all that waits of one study."""
        return self._results.claim(
            owner,
            destination=self.name,
            lease_s=self.schedule.lease_s,
            now=now,
            longest_wait_s=self.schedule.longest_retry_s,
            takes_over=takes_over,
        )

    def renew(self, owner: str, group: Sequence[Delivery]) -> bool:
        """Hold what is left of it."""
        return self._results.renew(owner, group, lease_s=self.schedule.lease_s, now=utc_now())

    def send(self, group: Sequence[Delivery]) -> Answers[Delivery]:
        """Send what can be read, over as many associations as the peer makes of it."""
        left: list[tuple[Delivery, Outgoing]] = []
        for delivery in group:
            file = _outgoing(delivery)
            if isinstance(file, Answer):
                yield delivery, file
            else:
                left.append((delivery, file))
        while left:
            answered = 0
            with closing(self._scu.send([file for _, file in left])) as outcomes:
                for outcome in outcomes:
                    if outcome.status is None:
                        break
                    answered += 1
                    yield left.pop(0)[0], _answer(outcome)
            if left and not answered:
                yield from _without_progress([delivery for delivery, _ in left])
                return

    def must_give_way(self, left: Sequence[Delivery]) -> bool:
        """Whether results of an emergent study wait, and these are of a lesser."""
        return self._results.must_give_way(left[0], now=utc_now())

    def waiting_since(self, item: Delivery) -> dt.datetime:
        """When the results were made, or retried by an operator."""
        return item.created_at

    def words(self, item: Delivery) -> Mapping[str, Any]:
        """Which object."""
        return {"sop_instance_uid": item.result.sop_instance_uid, "role": item.result.role}

    def context(self, group: Sequence[Delivery]) -> Mapping[str, Any]:
        """Which job, where to."""
        return {"job": group[0].job_id, "destination": self.name}

    def taken(self, item: Delivery, answer: Answer) -> None:
        """Note it."""
        self._results.held(item, now=utc_now())

    def postpone(self, item: Delivery, *, not_before: dt.datetime, reason: str) -> None:
        """Let it wait."""
        self._results.postpone(item, not_before=not_before, reason=reason)

    def put_back(
        self, group: Sequence[Delivery], *, not_before: dt.datetime | None = None, reason: str | None = None
    ) -> None:
        """Let it wait, untried."""
        self._results.put_back(group, not_before=not_before, reason=reason)

    def failed(self, item: Delivery, *, reason: str) -> None:
        """Give it up."""
        self._results.failed(item, reason=reason, now=utc_now())


def _outgoing(delivery: Delivery) -> Outgoing | Answer:
    """How a result is to be sent, or why it cannot be."""
    try:
        return read_outgoing(delivery.result.path, priority=delivery.priority)
    except UnsupportedImageError as error:
        return Answer(verdict=SendVerdict.NEVER, why=f"{error.code}: {error}")
    except StorageError as error:
        return Answer(verdict=SendVerdict.LATER, why=f"{error.code}: {error}")


def _answer(outcome: SendOutcome) -> Answer:
    return Answer(verdict=outcome.verdict, why=outcome.error)


def _without_progress(left: Sequence[Delivery]) -> Answers[Delivery]:
    """The peer ended the association over the first object: the others were not tried, and go before it next time."""
    first, *others = left
    yield (
        first,
        Answer(verdict=SendVerdict.LATER, why="PEER_UNREACHABLE: the association was lost before an answer came"),
    )
    for delivery in others:
        why = "PEER_UNREACHABLE: the association was lost over another object"
        yield delivery, Answer(verdict=SendVerdict.LATER, why=why, was_tried=False)


class AlertDoor:
    """Alerts through one channel, one message a study, in the order in which they were found."""

    done, not_yet = "alert acknowledged", "alert not acknowledged, will try again"
    given_up = "alert not acknowledged, given up"
    works_again = "the channel takes alerts again"
    refused = SendVerdict.NEVER
    """The receiver said no to this message."""

    def __init__(
        self, channel: str, settings: Settings, alerts: AlertStore, results: ResultStore, inputs: InputStore
    ) -> None:
        self.name = channel
        self._channel = settings.send.alerts[channel]
        self.schedule = settings.schedule.model_copy(update={"longest_retry_s": self._channel.longest_retry_s})
        self.give_up_after_s = self._channel.give_up_after_s
        self._alerts = alerts
        self._messages = AlertMessages(results, inputs, timezone=settings.compose.timezone)

    def claim(self, owner: str, *, now: dt.datetime, takes_over: bool) -> Sequence[Alert]:
        """Take the alert that waits longest."""
        alert = self._alerts.claim(
            owner,
            channel=self.name,
            lease_s=self.schedule.lease_s,
            now=now,
            longest_wait_s=self.schedule.longest_retry_s,
            takes_over=takes_over,
        )
        return [] if alert is None else [alert]

    def renew(self, owner: str, group: Sequence[Alert]) -> bool:
        """Hold it."""
        return all(self._alerts.renew(owner, a, lease_s=self.schedule.lease_s, now=utc_now()) for a in group)

    def send(self, group: Sequence[Alert]) -> Answers[Alert]:
        """Send each, and yield how it was acknowledged."""
        for alert in group:
            sent_at = utc_now()
            message = self._messages.message(alert, names_patient=self._channel.patient_data)
            answer = send_alert(self._channel, message)
            yield alert, Answer(verdict=SendVerdict.HELD, why=answer, sent_at=sent_at)

    def must_give_way(self, left: Sequence[Alert]) -> bool:
        """Never: a group is one alert."""
        return False

    def waiting_since(self, item: Alert) -> dt.datetime:
        """When it was found, or retried by an operator."""
        return item.waiting_since

    def words(self, item: Alert) -> Mapping[str, Any]:
        """Which, and how acute."""
        return {"alert": item.id, "acuity": item.content.acuity}

    def context(self, group: Sequence[Alert]) -> Mapping[str, Any]:
        """Of which study, where to."""
        return {"job": group[0].job_id, "study": group[0].study_instance_uid, "channel": self.name}

    def taken(self, item: Alert, answer: Answer) -> None:
        """Note when it left and how it was acknowledged."""
        self._alerts.acknowledged(item, answer=answer.why, sent_at=answer.sent_at or utc_now(), now=utc_now())

    def postpone(self, item: Alert, *, not_before: dt.datetime, reason: str) -> None:
        """Let it wait."""
        self._alerts.postpone(item, not_before=not_before, reason=reason)

    def put_back(
        self, group: Sequence[Alert], *, not_before: dt.datetime | None = None, reason: str | None = None
    ) -> None:
        """Let it wait."""
        for alert in group:
            self._alerts.postpone(alert, not_before=not_before or utc_now(), reason=reason or "")

    def failed(self, item: Alert, *, reason: str) -> None:
        """Give it up."""
        self._alerts.failed(item, reason=reason)
