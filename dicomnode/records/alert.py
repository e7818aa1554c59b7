"""Records of alerts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

from dicomnode.records.answer import WithdrawalReason
from dicomnode.records.dicom import CodedConcept, NamedPatient
from dicomnode.records.job import Acuity
from dicomnode.records.verdict import Estimate, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFinding:
    """One finding that a channel is notified of at once."""

    key: str
    """FindingSpec.key."""
    code: CodedConcept
    verdict: Verdict
    """As in the report."""
    estimate: Estimate
    """Probability as the report shows it."""
    acuity: Acuity


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction:
    """That what an earlier alert said no longer stands."""

    control_id: str
    """Of the alert that is taken back."""
    told: tuple[str, ...]
    """Keys of all findings of that alert, in its order; a receiver knows its observations by their place."""
    told_at: dt.datetime
    """UTC; when that alert was made."""
    reason: WithdrawalReason


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertContent:
    """What an alert says; nothing of it names the patient."""

    findings: tuple[AlertFinding, ...]
    """The most acute first; at least one. In a retraction: those that are taken back."""
    model: str
    """Name of the bundle."""
    model_version: str
    retraction: Retraction | None = None
    """None: the findings are suspected."""

    @property
    def acuity(self) -> Acuity:
        """The most acute of its findings'."""
        return min((f.acuity for f in self.findings), key=lambda acuity: acuity.rank)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert on its way through one channel."""

    id: int
    job_id: int
    channel: str
    control_id: str
    """20 characters, the same at every try, so that the receiver can tell a repetition."""
    study_instance_uid: str
    content: AlertContent
    attempts: int
    created_at: dt.datetime
    """UTC; when the finding was made."""
    waiting_since: dt.datetime
    """UTC; a channel that could not take it for too long since then loses it."""


class Issuer(NamedTuple):
    """Who gave out a number."""

    name: str = ""
    """Its name in the house."""
    uid: str = ""
    """Universal Entity ID (0040,0032)."""
    uid_type: str = ""
    """Universal Entity ID Type (0040,0033), for example `ISO`; the same terms as in HL7."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertStudy:
    """What was examined, and when; nothing of it names the patient."""

    modality: str = ""
    """Modality (0008,0060) of the images; empty: not known."""
    procedure: CodedConcept | None = None
    """The house's code for the procedure, else the code in the structured report; None: not known."""
    examined: dt.datetime | dt.date | None = None
    """When the study was made, in its own time zone; a date where no time is known, None where neither is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertOrder:
    """Numbers and words by which a house finds the order and the visit; only for channels that may know the patient."""

    description: str = ""
    """Study Description (0008,1030): free text, so it may name the patient."""
    placer_number: str = ""
    """Placer Order Number (0040,2016)."""
    filler_number: str = ""
    """Filler Order Number (0040,2017)."""
    procedure_id: str = ""
    """Requested Procedure ID (0040,1001)."""
    accession_issuer: Issuer = Issuer()
    admission_id: str = ""
    """Admission ID (0038,0010)."""
    patient_issuer: Issuer = Issuer()
    """Issuer of the Patient ID with its universal identifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """What a channel is to say."""

    control_id: str
    created_at: dt.datetime
    """UTC."""
    study_instance_uid: str
    content: AlertContent
    study: AlertStudy = AlertStudy()
    patient: NamedPatient | None = None
    """None: the channel may not know."""
    order: AlertOrder = AlertOrder()
    """Empty where the channel may not know the patient."""
    is_test: bool = False
