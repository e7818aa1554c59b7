"""Tells one channel of what is acute."""

from __future__ import annotations

import datetime as dt

import structlog
from structlog.contextvars import bound_contextvars

from dicomnode.dicom.elements import text
from dicomnode.dicom.reading import read_header
from dicomnode.errors import PeerRefusedError, SettingsError, TransientError, UnsupportedImageError
from dicomnode.records import Alert, AlertMessage, NamedPatient
from dicomnode.schedule.retry import backoff_s
from dicomnode.send.alerts import send_alert
from dicomnode.settings import Settings
from dicomnode.store.alerts import AlertStore
from dicomnode.store.results import ResultStore

log = structlog.get_logger()


def utc_now() -> dt.datetime:
    """Now, aware. Not the worker's: its module loads what reads and composes, and this process stays light."""
    return dt.datetime.now(dt.UTC)


class Alerter:
    """Sends what waits for one channel, in the order in which it was found.

    Does: one message a study, when it left and when it was acknowledged recorded, back-off, giving up.
    Does not: decide who is told, hold up other channels or the sending of results.
    """

    def __init__(self, name: str, channel: str, settings: Settings, alerts: AlertStore, results: ResultStore) -> None:
        self._name = name
        self._channel_name = channel
        self._channel = settings.send.alerts[channel]
        self._schedule = settings.schedule.model_copy(update={"longest_retry_s": self._channel.longest_retry_s})
        self._alerts = alerts
        self._results = results

    def run_once(self) -> bool:
        """Send one alert; False where none waits."""
        now = utc_now()
        alert = self._alerts.claim(self._name, channel=self._channel_name, lease_s=self._schedule.lease_s, now=now)
        if alert is None:
            return False
        with bound_contextvars(job=alert.job_id, study=alert.study_instance_uid, channel=self._channel_name):
            try:
                self._send(alert, now)
            except PeerRefusedError as error:
                self._give_up(alert, f"{error.code}: {error}")
            except (TransientError, SettingsError) as error:
                self._try_later(alert, f"{error.code}: {error}")
            except Exception as error:  # noqa: BLE001  # the outermost frame: one alert must not stop the others
                self._try_later(alert, f"INTERNAL_ERROR: {type(error).__name__}")
        return True

    def _send(self, alert: Alert, now: dt.datetime) -> None:
        answer = send_alert(self._channel, self._message(alert))
        self._alerts.acknowledged(alert, answer=answer, sent_at=now, now=utc_now())
        log.info("alert acknowledged", alert=alert.id, acuity=alert.content.acuity, answer=answer)

    def _message(self, alert: Alert) -> AlertMessage:
        return AlertMessage(
            control_id=alert.control_id,
            created_at=alert.created_at,
            study_instance_uid=alert.study_instance_uid,
            content=alert.content,
            patient=self._patient(alert) if self._channel.patient_data else None,
        )

    def _patient(self, alert: Alert) -> NamedPatient | None:
        """The patient of the job's results, which have the study's; so the index need not hold one."""
        for result in self._results.of_job(alert.job_id):
            try:
                ds = read_header(result.path)
            except UnsupportedImageError:
                continue
            return NamedPatient(
                name=text(ds, "PatientName"),
                id=text(ds, "PatientID"),
                issuer=text(ds, "IssuerOfPatientID"),
                birth_date=text(ds, "PatientBirthDate"),
                sex=text(ds, "PatientSex"),
                accession_number=text(ds, "AccessionNumber"),
            )
        log.error("no result of the job can be read: the alert goes out without the patient", alert=alert.id)
        return None

    def _try_later(self, alert: Alert, reason: str) -> None:
        now = utc_now()
        if now - alert.waiting_since > dt.timedelta(seconds=self._channel.give_up_after_s):
            self._give_up(alert, reason)
            return
        wait_s = backoff_s(alert.attempts, self._schedule)
        self._alerts.postpone(alert, not_before=now + dt.timedelta(seconds=wait_s), reason=reason)
        log.warning("alert not acknowledged, will try again", alert=alert.id, wait_s=round(wait_s, 1), why=reason)

    def _give_up(self, alert: Alert, reason: str) -> None:
        self._alerts.failed(alert, reason=reason)
        log.error("alert not acknowledged, given up", alert=alert.id, why=reason)
