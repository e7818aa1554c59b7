"""Frozen records that rooms hand to one another.

Arrays in records are never written to after construction. Row comes before column everywhere,
(0, 0) is the centre of the first stored pixel, probabilities lie in [0, 1].
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
ByteArray = NDArray[np.uint8]


class StoreStatus(IntEnum):
    """What the Storage SCP may answer (PS3.4 Table B.2-1); nothing else leaves the handler."""

    SUCCESS = 0x0000
    OUT_OF_RESOURCES = 0xA700
    DATA_SET_MISMATCH = 0xA900
    CANNOT_UNDERSTAND = 0xC000


class JobState(StrEnum):
    """UPS Procedure Step State (0074,1000), PS3.4 CC.1.1."""

    SCHEDULED = "SCHEDULED"
    IN_PROGRESS = "IN PROGRESS"
    COMPLETED = "COMPLETED"
    CANCELED = "CANCELED"


class Stage(StrEnum):
    """Where in the house a job stands."""

    TRIAGE = "triage"
    INFER = "infer"
    EXPLAIN = "explain"
    REPORT = "report"
    COMPOSE = "compose"
    SEND = "send"


class Acuity(StrEnum):
    """How soon a physician should know (IHE Results Distribution; RADLEX RID49480-2, RID50261)."""

    EMERGENT = "emergent"
    URGENT = "urgent"
    NON_CRITICAL = "non_critical"
    NON_ACTIONABLE = "non_actionable"

    @property
    def rank(self) -> int:
        """0 for the most acute."""
        return list(Acuity).index(self)


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


class Presence(StrEnum):
    """Whether a finding is there (PS3.16 CID 240)."""

    PRESENT = "present"
    ABSENT = "absent"
    UNDETERMINED = "undetermined"


class ReviewReason(StrEnum):
    """Why a physician is asked to look at the answer itself, or why there is none."""

    UNDETERMINED = "undetermined"
    """A finding can neither be called present nor absent at the coverage that the bundle promises."""
    DISAGREEMENT = "disagreement"
    """The draft and the classifier, or the members of an ensemble, do not say the same."""
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    """Images do not look like those that the model was trained on."""
    QUALITY = "quality"
    """The images are of limited quality or none."""
    INCOMPLETE = "incomplete"
    """Images of the study are missing."""


class QualityLevel(StrEnum):
    """How good the images are (PS3.16 CID 7036)."""

    DIAGNOSTIC = "diagnostic"
    LIMITED = "limited"
    NON_DIAGNOSTIC = "non_diagnostic"


class QualityFault(StrEnum):
    """What is wrong with an image (PS3.16 CID 7011)."""

    BLURRED = "blurred"
    UNDER_EXPOSED = "under_exposed"
    OVER_EXPOSED = "over_exposed"
    NOISY = "noisy"
    BLANK = "blank"


class Change(StrEnum):
    """How a finding stands against the prior study (PS3.16 CID 6002)."""

    NEW = "new"
    INCREASED = "increased"
    UNCHANGED = "unchanged"
    DECREASED = "decreased"
    RESOLVED = "resolved"


class ViewerProfile(StrEnum):
    """What a destination's viewers can show; `compose/profiles.py` says what each gets."""

    STANDARD = "standard"
    OHIF = "ohif"
    WEASIS = "weasis"
    SLICER = "slicer"
    TEXT_ONLY = "text-only"
    AIR = "air"
    """IHE AI Results."""


class CodedConcept(NamedTuple):
    """A code of a public coding scheme (PS3.3 8.8)."""

    value: str
    """Code Value (0008,0100)."""
    scheme: str
    """Coding Scheme Designator (0008,0102)."""
    meaning: str
    """Code Meaning (0008,0104)."""


# -- receive and store ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Patient:
    """Who the patient is, so far as two studies can be held against each other; it never shows what it holds."""

    patient_id: str = ""
    """Patient ID (0010,0020)."""
    issuer: str = ""
    """Issuer of Patient ID (0010,0021)."""
    birth_date: str = ""
    """Patient's Birth Date (0010,0030)."""
    sex: str = ""
    """Patient's Sex (0010,0040)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceKey:
    """Who an instance is, read from its header and the command that brought it."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    modality: str
    """Modality (0008,0060), empty where the header has none."""
    is_own: bool
    """Made by a dicomnode: kept, but never read again."""
    is_prior: bool = False
    """Fetched by the node itself as part of an earlier study: kept, but it starts no job."""
    patient: Patient | None = None
    """None where the key comes from the index, which does not hold it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInstance:
    """One instance on disk and in the index."""

    key: InstanceKey
    path: Path
    """Absolute path of the DICOM file, bytes as received behind our own file meta."""
    digest: str
    """SHA-256 over SOP Instance UID, transfer syntax and data set bytes, hexadecimal."""
    size_bytes: int
    calling_ae_title: str
    received_at: dt.datetime
    """UTC."""


# -- schedule ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One revision of a study to report on."""

    id: int
    key: str
    """SHA-256 over study, revision and bundle digest; every result UID derives from it."""
    study_instance_uid: str
    revision: str
    """SHA-256 over the sorted SOP Instance UIDs that make up the study now."""
    rule: str
    """Name of the routing rule that matched; empty where none did."""
    bundle: str | None
    """Name of the bundle that reads the study; None: no bundle applies."""
    destinations: tuple[str, ...]
    state: JobState
    stage: Stage
    acuity: Acuity | None
    """None until triage has run."""
    due_at: dt.datetime
    """UTC; the queue runs in this order."""
    attempts: int
    not_before: dt.datetime
    """UTC; back-off after a failed attempt."""
    lease_owner: str | None
    lease_until: dt.datetime | None
    """UTC; after it another worker may take the job."""
    created_at: dt.datetime
    started_at: dt.datetime | None
    """UTC of the first claim; Content Date and Time of the results."""
    ended_at: dt.datetime | None
    reason: str
    """Why it was canceled or waits again, as `CODE: sentence`."""


# -- infer ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleIdentity:
    """Which model artefact made a result."""

    name: str
    version: str
    manufacturer: str
    digest: str
    """SHA-256 of the bundle, hexadecimal; the device UID derives from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingSpec:
    """One finding that a bundle can report."""

    key: str
    """Stable name in settings and figures, for example `pneumonia`."""
    code: CodedConcept
    site: CodedConcept
    """Anatomical site that the finding concerns."""
    threshold: float
    """Calibrated probability from which the finding counts as present."""
    acuity: Acuity
    """The bundle's default; settings may say otherwise."""
    terms: tuple[str, ...]
    """Lower-case phrases by which a drafted sentence names the finding."""
    certain: tuple[float, float] | None = None
    """Below the first probability the finding counts as absent, from the second on as present, between them as
    undetermined (split conformal prediction for each class); None: the threshold alone decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """How the model's grid lies on the upright source frame.

    A model pixel (row, column) stands at source (row / scale + top, column / scale + left)
    in the frame as stored, before `rotate_quarters` counter-clockwise turns (np.rot90) and
    `flip_columns`, which were applied in this order to the stored frame to make it upright.
    """

    scale: float
    """Model pixels per upright source pixel."""
    top: float
    """Upright source row of the first model row; negative where the model image is padded."""
    left: float
    rotate_quarters: int = 0
    flip_columns: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedImage:
    """One frame made ready for the encoder."""

    sop_instance_uid: str
    sop_class_uid: str
    frame_number: int
    """1-based, PS3.3 C.7.6.6."""
    pixel_values: FloatArray
    """(channels, rows, columns) as the bundle's recipe asks."""
    display: ByteArray
    """(rows, columns) of the frame as stored, windowed to 8 bit, 0 black: what an overlay is drawn on."""
    placement: Placement
    missing_before: int = 0
    """Slices that must lie between this one and the one before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """What the encoder says of one prepared image. K findings, D features, M anatomical structures.

    What the encoder of a mere classifier does not give has no elements.
    """

    probabilities: FloatArray
    """(K,) calibrated."""
    logits: FloatArray
    """(K,) before calibration."""
    class_maps: FloatArray
    """(K, h, w); sums with the bias to the logit, so it may be negative."""
    features: FloatArray
    """(D,) pooled."""
    segmentation: FloatArray
    """(M, h, w) probability of each structure."""
    tokens: FloatArray
    """(cells, token width): what was seen where."""
    attended: FloatArray
    """(K, token width): what was seen where each finding was looked for."""

    @property
    def has_maps(self) -> bool:
        """Whether it says where the evidence lies."""
        return self.class_maps.size > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompted:
    """What the images of one reading say together. K findings, N images, S positions of the decoder's memory."""

    probabilities: FloatArray
    """(K,) calibrated."""
    logits: FloatArray
    """(K,) before calibration: the images' logits, weighed by `slice_attention`."""
    slice_attention: FloatArray
    """(K, N), sums to 1 over the images."""
    strangeness: FloatArray
    """(N,); above 1 the image does not look like those that the model was trained on."""
    prompt_embeds: FloatArray
    """(1, prompts, width): what stands before the draft."""
    encoder_key_values: FloatArray
    """(layers, 2, 1, heads, S, head width): what the decoder attends to."""
    anatomical_bias: FloatArray
    """(1, layers, S): how much it should look where, for the anatomy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The decoder's text, unchecked."""

    sentences: tuple[str, ...]
    is_truncated: bool
    """The token limit was reached before the end token."""
    mean_log_probability: float
    attention: FloatArray
    """(sentences, S): where the decoder looked in its memory for each sentence, the mean over its tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageQuality:
    """How good the images of a study are."""

    level: QualityLevel
    faults: tuple[QualityFault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the model says of one study. K findings, N images."""

    images: tuple[PreparedImage, ...]
    """Those that were read."""
    encodings: tuple[Encoding, ...]
    """One for each image, in the same order."""
    logits: FloatArray
    """(K,) of the study, before calibration."""
    probabilities: FloatArray
    """(K,) of the study, calibrated."""
    slice_attention: FloatArray
    """(K, N): how much each image counts in the study's answer; sums to 1 over the images."""
    strangeness: FloatArray
    """(N,); above 1 the image does not look like those that the model was trained on."""
    best_images: tuple[int, ...]
    """(K,) index of the image that speaks most for the finding."""
    not_judged: int
    """Images of the study that were left out, because each looks too strange."""
    draft: Draft
    intervals: FloatArray | None = None
    """(K, 2) lower and upper limit of each probability, 95 %; None: the bundle does not know them."""
    quality: ImageQuality | None = None
    """None: nothing is known of it."""
    missing_images: int = 0
    """Slices that must lie between those that came."""
    members_disagree: bool = False
    """Members of an ensemble stand on different sides of a threshold."""
    drafted_from: int | None = None
    """Index of the film that the draft was written from; None: all images, or not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the model says of a study and an earlier one of the same patient, image against image. K findings."""

    probabilities: FloatArray
    """(K, 5) in the order of `Change`, calibrated; where there is no prior study they mean nothing."""
    attention: FloatArray
    """(K, 2, h, w): where it looked in the current and in the prior image, on the model's grid; sums to 1 over both."""
    current_images: tuple[int, ...]
    """(K,) index of the image of the current reading that was compared."""
    prior_images: tuple[int, ...]
    """(K,) index of the image of the prior reading; empty: there is none."""

    @property
    def changes(self) -> tuple[Change | None, ...]:
        """(K,) the likeliest change; None where there is no prior study, of which nothing can be said."""
        if not self.prior_images:
            return (None,) * len(self.probabilities)
        return tuple(tuple(Change)[int(best)] for best in self.probabilities.argmax(axis=1))


# -- explain -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradients:
    """How one finding's logit depends on one image. C channels, D features, cells (h, w), finding k."""

    logit: float
    """Of the finding, before calibration."""
    places: FloatArray
    """(h, w): where the encoder looked for the finding; sums to 1."""
    activations: FloatArray
    """(D, h, w): the map that the classifier reads."""
    activation_gradients: FloatArray
    """(D, h, w): of the logit by this map."""
    pixel_gradients: FloatArray
    """(C, rows, columns): of the logit by the pixels."""
    relevance: FloatArray
    """(C, rows, columns): layer-wise relevance of the pixels, in parts of the logit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap:
    """Where the model looked for one finding."""

    finding: str
    """FindingSpec.key."""
    method: str
    """Registered name of the explanation method."""
    image: PreparedImage
    weights: FloatArray
    """(rows, columns) of the frame as stored, [0, 1]."""

    def __post_init__(self) -> None:
        if self.weights.shape != self.image.display.shape:
            raise ValueError(
                f"heat map {self.weights.shape} must have the shape of its frame {self.image.display.shape}"
            )


# -- report --------------------------------------------------------------------------------------


class Point(NamedTuple):
    """A place in the stored frame, pixel centre coordinates."""

    row: float
    column: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding of the report."""

    spec: FindingSpec
    presence: Presence
    probability: float
    acuity: Acuity
    heatmap: Heatmap | None = None
    region: tuple[Point, ...] = ()
    """Closed outline (first point repeated at the end) in the heat map's frame; empty: none."""
    interval: tuple[float, float] | None = None
    """Limits of the probability, 95 %; None: not known."""
    change: Change | None = None
    """Against the prior study; None: not compared."""
    tracking_uid: str | None = None
    """Tracking Unique Identifier (0062,0021) that the finding had in the prior study; None: it is tracked from now."""

    @property
    def is_suspected(self) -> bool:
        """Whether the probability reaches the threshold: present, or undetermined and leaning to it."""
        return self.probability >= self.spec.threshold

    @property
    def percent(self) -> int:
        """The probability as every object shows it: whole percent, never 0 or 100, which no classifier can know."""
        return min(max(round(100 * self.probability), 1), 99)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceReference:
    """One instance of any study."""

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str


class PriorState(StrEnum):
    """Whether there is an earlier study to compare with."""

    COMPARED = "compared"
    NONE_FOUND = "none_found"
    NOT_LOOKED_FOR = "not_looked_for"
    """The settings say no, or the study does not say who the patient is."""
    UNREACHABLE = "unreachable"
    """The archive did not answer, refused, or took too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudySummary:
    """A study as an index or an archive tells of it."""

    study_instance_uid: str
    patient: Patient
    study_date: dt.date | None
    study_time: dt.time | None
    modalities: tuple[str, ...]
    """Modalities in Study (0008,0061); empty: not told."""
    body_parts: tuple[str, ...] = ()
    """Body Part Examined (0018,0015) of its images; empty: not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSummary:
    """A series as an archive tells of it."""

    series_instance_uid: str
    modality: str
    body_part: str
    """Empty: not told."""
    instances: int | None
    """Number of Series Related Instances (0020,1209); None: not told."""


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
    """FindingSpec.key it speaks of; None for a general remark."""
    is_supported: bool = True
    """The classifier agrees, or the sentence makes no claim that it judges."""
    language: str | None = None
    """RFC 5646 of a free sentence that is not in the text's language; None: in the text's language."""


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

    def lines(self, section: Section) -> tuple[str, ...]:
        """Texts of a section, none where it says nothing."""
        return tuple(sentence.text for sentence in self.sections.get(section, ()))


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
    quality: ImageQuality | None = None
    examination: Examination | None = None
    prior: PriorStudy | None = None
    """None: not compared."""
    prior_note: PriorState = PriorState.NOT_LOOKED_FOR
    """Whether it was compared, and if not, why."""

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


# -- compose and send ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultInstance:
    """One object of ours, on disk."""

    role: str
    """What it is among the job's results, for example `text-sr.en` or `overlay.pneumonia`."""
    sop_instance_uid: str
    sop_class_uid: str
    series_instance_uid: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One result on its way to one destination."""

    id: int
    job_id: int
    destination: str
    result: ResultInstance
    attempts: int
    priority: int
    """C-STORE Priority (0000,0700): 0 medium, 1 high, 2 low."""
    created_at: dt.datetime
    """UTC; a destination that could not take it for too long since then loses it to quarantine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendOutcome:
    """What the peer said to one instance."""

    sop_instance_uid: str
    status: int | None
    """C-STORE status (0000,0900); None: no answer."""
    error: str = field(default="")
    """Empty where the peer holds the instance."""

    @property
    def is_held(self) -> bool:
        """Success or a warning: the peer stored it (PS3.4 B.2.3)."""
        return self.status is not None and not self.error

    @property
    def may_succeed_later(self) -> bool:
        """No answer, out of resources (A7xx) or a processing failure (0110): it may be taken another time."""
        return self.status in (None, 0x0110) or self.status & 0xFF00 == 0xA700


# -- alerts --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFinding:
    """One finding that somebody is told of at once."""

    key: str
    """FindingSpec.key."""
    code: CodedConcept
    percent: int
    """Probability as the report shows it."""
    acuity: Acuity


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertContent:
    """What an alert says; nothing of it names the patient."""

    findings: tuple[AlertFinding, ...]
    """The most acute first; at least one."""
    model: str
    """Name of the bundle."""
    model_version: str

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


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPatient:
    """Who the patient is, as the study's header says; only for channels that may know."""

    name: str
    """Person Name (0010,0010) as DICOM writes it."""
    id: str
    issuer: str
    """Issuer of Patient ID (0010,0021)."""
    birth_date: str
    """VR DA."""
    sex: str
    accession_number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertMessage:
    """What a channel is to say."""

    control_id: str
    created_at: dt.datetime
    """UTC."""
    study_instance_uid: str
    content: AlertContent
    patient: NamedPatient | None = None
    """None: the channel may not know."""
    is_test: bool = False
