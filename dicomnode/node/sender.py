"""Takes results to one destination."""

from __future__ import annotations

import contextlib
import datetime as dt

import structlog
from structlog.contextvars import bound_contextvars

from dicomnode.errors import PeerRefusedError, PeerUnreachableError
from dicomnode.node.worker import utc_now
from dicomnode.records import Delivery, SendOutcome
from dicomnode.schedule.retry import backoff_s
from dicomnode.send.store_scu import StoreSCU, read_outgoing
from dicomnode.settings import Settings
from dicomnode.store.results import ResultStore

log = structlog.get_logger()


class Sender:
    """Sends what waits for one destination, the most urgent study first.

    Does: one association a study, the peer's answer recorded for every single instance, back-off; gives way to an
    emergent study between two instances of another.
    Does not: hold up other destinations; each has a sender of its own.
    """

    def __init__(self, name: str, destination: str, settings: Settings, results: ResultStore) -> None:
        self._name = name
        self._destination = destination
        self._settings = settings
        self._results = results
        self._scu = StoreSCU(settings.send.destinations[destination], settings.send)

    def run_once(self) -> bool:
        """Send one study's results; False where none wait."""
        lease_s = self._settings.schedule.lease_s
        group = self._results.claim(self._name, destination=self._destination, lease_s=lease_s, now=utc_now())
        if not group:
            return False
        with bound_contextvars(job=group[0].job_id, destination=self._destination):
            self._send(group)
        return True

    def _send(self, group: list[Delivery]) -> None:
        waiting = list(group)
        files = [read_outgoing(d.result.path, priority=d.priority) for d in group]
        try:
            with contextlib.closing(self._scu.send(files)) as outcomes:
                for outcome in outcomes:
                    self._record(waiting.pop(0), outcome)
                    if waiting and self._results.must_give_way(waiting[0], now=utc_now()):
                        log.info("gives way to an emergent study", remaining=len(waiting))
                        self._results.put_back(waiting)
                        return
        except (PeerUnreachableError, PeerRefusedError) as error:
            # Also a rejected association: the operator mends the peer's settings, the results must not be lost.
            for delivery in waiting:
                self._try_later(delivery, f"{error.code}: {error}")

    def _record(self, delivery: Delivery, outcome: SendOutcome) -> None:
        if outcome.is_held:
            self._results.held(delivery, now=utc_now())
            log.info("sent", sop_instance_uid=outcome.sop_instance_uid, role=delivery.result.role)
        elif outcome.may_succeed_later:
            self._try_later(delivery, outcome.error)
        else:
            self._give_up(delivery, outcome.error)

    def _try_later(self, delivery: Delivery, reason: str) -> None:
        if utc_now() - delivery.created_at > dt.timedelta(seconds=self._settings.send.give_up_after_s):
            self._give_up(delivery, reason)
            return
        wait_s = backoff_s(delivery.attempts, self._settings.schedule)
        self._results.postpone(delivery, not_before=utc_now() + dt.timedelta(seconds=wait_s), reason=reason)
        log.warning("not sent, will try again", role=delivery.result.role, wait_s=round(wait_s, 1), why=reason)

    def _give_up(self, delivery: Delivery, reason: str) -> None:
        self._results.failed(delivery, reason=reason, now=utc_now())
        log.error("not sent, given up", role=delivery.result.role, why=reason)
