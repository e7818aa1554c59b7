"""Records of a report, not yet DICOM."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from dicomnode.records.dicom import InstanceReference
from dicomnode.records.job import Acuity
from dicomnode.records.reading import (
    BundleIdentity,
    Change,
    ChangeUnknown,
    FindingSpec,
    Heatmap,
    ImageQuality,
    ReviewReason,
)
from dicomnode.records.verdict import Claim, Estimate, Presence, Verdict, estimate_of


class Outcome(StrEnum):
    """Every study gets one of these answers; silence never means negative."""

    FINDINGS = "findings"
    NOTHING_FOUND = "nothing_found"
    UNDETERMINED = "undetermined"
    """No finding is suspected, but not all of them can be called absent."""
    NOT_APPLICABLE = "not_applicable"
    COULD_NOT_RUN = "could_not_run"
    NOT_JUDGED = "not_judged"
    """The images do not look like those that the model was trained on."""


class Point(NamedTuple):
    """A place in the stored frame, pixel centre coordinates."""

    row: float
    column: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding of the report."""

    spec: FindingSpec
    verdict: Verdict
    probability: float
    acuity: Acuity
    heatmap: Heatmap | None = None
    region: tuple[Point, ...] = ()
    """Closed outline (first point repeated at the end) in the heat map's frame; empty: none."""
    interval: tuple[float, float] | None = None
    """Limits of the probability, 95 %; None: not known."""
    change: Change | None = None
    """Against the prior study; None: not compared, not known, or absent both times."""
    change_unknown: ChangeUnknown | None = None
    """Why its change cannot be told; None: it can, there is nothing to compare with, or it was and is absent."""
    tracking_uid: str | None = None
    """Tracking Unique Identifier (0062,0021) that the finding had in the prior study; None: it is tracked from now."""

    @property
    def presence(self) -> Presence:
        """The verdict as a code."""
        return self.verdict.presence

    @property
    def is_suspected(self) -> bool:
        """As `Verdict.is_suspected`."""
        return self.verdict.is_suspected

    @property
    def estimate(self) -> Estimate:
        """The probability as every object and text shows it."""
        return estimate_of(self.probability, self.interval)

    @property
    def percent(self) -> int:
        """The probability as every object and text shows it, in percent."""
        return self.estimate.percent


class Section(StrEnum):
    """The sections of a report, in their order."""

    EXAMINATION = "examination"
    COMPARISON = "comparison"
    TECHNIQUE = "technique"
    FINDINGS = "findings"
    IMPRESSION = "impression"
    RECOMMENDATION = "recommendation"
    LIMITS = "limits"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """What was done, from the headers of the images; it does not name the patient."""

    modality: str
    """Modality (0008,0060)."""
    body_part: str = ""
    """Body Part Examined (0018,0015), empty where the headers have none."""
    views: tuple[str, ...] = ()
    """View Position (0018,5101) of the films."""
    images: int = 0
    """Frames that were read or could have been."""
    slice_thickness_mm: float | None = None
    study_date: dt.date | None = None


class PriorState(StrEnum):
    """Whether there is an earlier study to compare with."""

    COMPARED = "compared"
    NONE_FOUND = "none_found"
    NOT_LOOKED_FOR = "not_looked_for"
    """The settings say no, or the study does not say who the patient is."""
    UNREACHABLE = "unreachable"
    """The archive did not answer, refused, or took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorStudy:
    """The earlier study of the same patient that this one was compared with."""

    study_instance_uid: str
    study_date: dt.date | None
    instances: tuple[InstanceReference, ...]
    """Its images and reports that were looked at."""
    presences: Mapping[str, Presence]
    """What was there then, by finding."""
    is_verified: bool
    """A physician's report says so, not only the model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentence:
    """One sentence of a report."""

    text: str
    finding: str | None = None
    """FindingSpec.key it speaks of; None for a general remark, or for one on several findings."""
    claims: tuple[Claim, ...] = ()
    """What it says of findings; each agrees with the finding's verdict. Empty: neither that one is there nor that one
    is not."""
    is_drafted: bool = False
    """The words are the draft's, not those of a message."""
    language: str | None = None
    """RFC 5646 of a free sentence that is not in the text's language; None: in the text's language."""


class Label(StrEnum):
    """Short words of pages and pictures that stand beside a value and need no grammar."""

    PATIENT = "patient"
    PATIENT_ID = "patient_id"
    BIRTH_DATE = "birth_date"
    SEX = "sex"
    ACCESSION_NUMBER = "accession_number"
    STUDY = "study"
    STUDY_DATE = "study_date"
    REPORT_DATE = "report_date"
    PROBABILITY = "probability"
    INTERVAL = "interval"
    """The 95 % interval of a probability."""
    THRESHOLD = "threshold"
    """Probability from which a finding is suspected."""
    SCALE = "scale"
    """What the colours of a heat map mean: a relative scale, not a probability."""
    LOW = "low"
    HIGH = "high"
    SLICE = "slice"
    IMAGE = "image"
    PAGE = "page"
    METHOD = "method"
    MODEL = "model"
    IMAGING_REPORT = "imaging_report"
    """Title of the document: a report on diagnostic imaging."""
    CRITICAL_RESULTS = "critical_results"
    """Heading: communication of critical results."""
    EMERGENT = "emergent"
    URGENT = "urgent"
    NON_CRITICAL = "non_critical"
    NON_ACTIONABLE = "non_actionable"
    NOT_FOR_DIAGNOSIS = "not_for_diagnosis"
    """One short line: an AI draft for research, not for diagnostic use."""
    SUSPECTED = "suspected"
    """The verdict on a finding, as the heading of a group of findings."""
    POSSIBLE = "possible"
    """Suspected, but not certain."""
    UNDETERMINED = "undetermined"
    """Neither confirmed nor excluded."""
    NOT_DETECTED = "not_detected"
    VIEW = "view"
    """How a film was taken; the View Position follows, for example PA."""
    REGION = "region"
    """What a line around a part of a heat map encloses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportText:
    """The report in one language."""

    language: str
    """RFC 5646, for example `en` or `pt-BR`."""
    is_right_to_left: bool
    title: str
    warning: str
    """That it is a draft of a machine and not for diagnostic use."""
    headings: Mapping[Section, str]
    """Of all sections."""
    sections: Mapping[Section, tuple[Sentence, ...]]
    """Those that say something, in the order of `Section`."""
    names: Mapping[str, str]
    """Name of each finding, by FindingSpec.key."""
    percents: Mapping[str, str] = field(default_factory=dict)
    """Probability of each finding as the language writes it, by FindingSpec.key."""
    labels: Mapping[Label, str] = field(default_factory=dict)
    """All of `Label`."""
    methods: Mapping[str, str] = field(default_factory=dict)
    """Name of each method of heat maps, by the name it is registered under."""

    def lines(self, section: Section) -> tuple[str, ...]:
        """Texts of a section, none where it says nothing."""
        return tuple(sentence.text for sentence in self.sections.get(section, ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """Which of a study's answers this one is."""

    number: int = 1
    """1 for the first."""
    earlier_at: dt.datetime | None = None
    """When the last answer before this one was made, in the time zone of the study; None: there is none."""
    replaces: bool = True
    """That one no longer counts. False: it says something, this one nothing, and so it still counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The answer to one study, not yet DICOM."""

    outcome: Outcome
    reason: str
    """Why not applicable, not judged or could not run; empty otherwise."""
    acuity: Acuity
    findings: tuple[Finding, ...]
    """Every finding the bundle judges, the most acute and likely first."""
    texts: tuple[ReportText, ...]
    """At least one; the house's language first."""
    bundle: BundleIdentity | None
    """None where no bundle applied."""
    review: tuple[ReviewReason, ...] = ()
    """Why review is asked for, or why the study was not judged; empty: neither."""
    cannot_exclude: tuple[ReviewReason, ...] = ()
    """Why nothing may be called absent, as in the reading; empty: it may."""
    quality: ImageQuality | None = None
    examination: Examination | None = None
    prior: PriorStudy | None = None
    """None: not compared."""
    prior_note: PriorState = PriorState.NOT_LOOKED_FOR
    """Whether it was compared, and if not, why."""
    revision: Revision = Revision()

    @property
    def text(self) -> ReportText:
        """The report in the house's language."""
        return self.texts[0]

    @property
    def suspected(self) -> tuple[Finding, ...]:
        """The findings that are there, or may be."""
        return tuple(f for f in self.findings if f.is_suspected)

    @property
    def is_actionable(self) -> bool:
        """Whether somebody has to act on it (IHE RD categories 1 to 3)."""
        return self.outcome is Outcome.FINDINGS and self.acuity is not Acuity.NON_ACTIONABLE
