"""Studies, readings and reports to compose from; all synthetic."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import (
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
)

from dicomnode.compose import ComposeRequest
from dicomnode.dicom.uids import derived_uid
from dicomnode.records import (
    Acuity,
    BundleIdentity,
    Change,
    CodedConcept,
    Finding,
    FindingSpec,
    Heatmap,
    ImageQuality,
    InstanceReference,
    Outcome,
    Placement,
    Point,
    PreparedImage,
    Presence,
    PriorStudy,
    QualityFault,
    QualityLevel,
    Report,
    ReportText,
    ReviewReason,
    Section,
    Sentence,
    Verdict,
)
from dicomnode.settings import AcuitySettings, ComposeSettings

STARTED_AT = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
LUNG = CodedConcept("39607008", "SCT", "Lung")
PNEUMONIA = FindingSpec(
    key="pneumonia",
    code=CodedConcept("233604007", "SCT", "Pneumonia"),
    site=LUNG,
    threshold=0.5,
    acuity=Acuity.URGENT,
    terms=("pneumonia",),
)
PNEUMOTHORAX = FindingSpec(
    key="pneumothorax",
    code=CodedConcept("36118008", "SCT", "Pneumothorax"),
    site=LUNG,
    threshold=0.5,
    acuity=Acuity.EMERGENT,
    terms=("pneumothorax",),
)
BUNDLE = BundleIdentity(name="cxr", version="1.2.0", manufacturer="dicomnode", digest="ab" * 32)


def a_header(sop_class_uid: str, modality: str, number: int = 1) -> Dataset:
    """Header of one instance of one study, without pixels."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = sop_class_uid
    ds.SOPInstanceUID = derived_uid("test", modality, str(number))
    ds.StudyInstanceUID = derived_uid("test", "study", modality)
    ds.SeriesInstanceUID = derived_uid("test", "series", modality)
    ds.StudyDate, ds.StudyTime, ds.StudyID, ds.AccessionNumber = "20260304", "050000", "S1", "A1"
    ds.StudyDescription = "Thorax"
    ds.PatientName, ds.PatientID, ds.PatientBirthDate, ds.PatientSex = "Test^Person", "P1", "19500101", "O"
    ds.ReferringPhysicianName = ""
    ds.Modality = modality
    ds.InstanceNumber = number
    ds.Rows, ds.Columns = 300, 240
    return ds


def hard_film() -> Dataset:
    """CR with missing Type 2 elements, a Chinese name in GB18030 and inverted greyscale."""
    ds = a_header(ComputedRadiographyImageStorage, "CR")
    ds.SpecificCharacterSet = "GB18030"
    ds.PatientName = "Wang^XiaoDong=王^小东"
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.PixelSpacing = [0.2, 0.2]
    for keyword in ("AccessionNumber", "StudyID", "PatientBirthDate", "StudyTime", "ReferringPhysicianName"):
        del ds[keyword]
    return ds


def dx_film() -> Dataset:
    """DX of the chest."""
    ds = a_header(DigitalXRayImageStorageForPresentation, "DX")
    ds.BodyPartExamined = "CHEST"
    ds.ImagerPixelSpacing = [0.14, 0.14]
    ds.PatientOrientation = ["L", "F"]
    ds.LossyImageCompression = "00"
    return ds


def ct_series() -> tuple[Dataset, ...]:
    """Head CT of three slices."""
    slices = []
    for number in (1, 2, 3):
        ds = a_header(CTImageStorage, "CT", number)
        ds.BodyPartExamined = "HEAD"
        ds.FrameOfReferenceUID = derived_uid("test", "frame of reference")
        ds.PositionReferenceIndicator = ""
        ds.ImagePositionPatient = [-120.0, -150.0, 5.0 * number]
        ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing = [0.5, 0.5]
        ds.SliceThickness = 5
        slices.append(ds)
    return tuple(slices)


def a_finding(
    source: Dataset, spec: FindingSpec = PNEUMONIA, *, rows: int = 300, columns: int = 240, probability: float = 0.87
) -> Finding:
    """Return a present finding whose heat map and region lie in the lower right of the frame."""
    row, column = np.mgrid[0:rows, 0:columns].astype(np.float32)
    weights = np.exp(-(((row - 0.7 * rows) / (0.1 * rows)) ** 2) - ((column - 0.7 * columns) / (0.15 * columns)) ** 2)
    image = PreparedImage(
        sop_instance_uid=source.SOPInstanceUID,
        sop_class_uid=source.SOPClassUID,
        frame_number=1,
        pixel_values=np.zeros((1, 32, 32), np.float32),
        display=np.asarray(60 + 120 * row / rows, dtype=np.uint8),
        placement=Placement(scale=32 / rows, top=0, left=0),
    )
    corners = [(0.6, 0.6), (0.6, 0.8), (0.8, 0.8), (0.8, 0.6), (0.6, 0.6)]
    return Finding(
        spec=spec,
        verdict=Verdict.PRESENT,
        probability=probability,
        acuity=spec.acuity,
        heatmap=Heatmap(finding=spec.key, method="class_activation", image=image, weights=weights),
        region=tuple(Point(r * rows, c * columns) for r, c in corners),
    )


def an_absent_finding(spec: FindingSpec = PNEUMOTHORAX) -> Finding:
    """Return a finding that is not there."""
    return Finding(spec=spec, verdict=Verdict.ABSENT, probability=0.031, acuity=spec.acuity)


def a_text(findings: tuple[Sentence, ...], language: str = "en") -> ReportText:
    """Return the words of a report."""
    impression = "Pneumonia suspected (probability 87 %)." if findings else "This study was not read."
    sections = {
        Section.FINDINGS: findings,
        Section.IMPRESSION: (Sentence(text=impression),),
        Section.RECOMMENDATION: (Sentence(text="Review by a physician is suggested."),),
    }
    return ReportText(
        language=language,
        is_right_to_left=False,
        title="AI draft report",
        warning="AI DRAFT - RESEARCH - NOT FOR DIAGNOSTIC USE",
        headings={section: section.value.capitalize() for section in Section},
        sections={section: said for section, said in sections.items() if said},
        names={"pneumonia": "Pneumonia", "pneumothorax": "Pneumothorax"},
    )


def a_report(outcome: Outcome, *findings: Finding) -> Report:
    """Return a report of any outcome."""
    was_read = outcome in {Outcome.FINDINGS, Outcome.NOTHING_FOUND, Outcome.UNDETERMINED}
    said = Sentence(text="Opacity in the lower lobe, \u03b1 \u2265 2 cm \\ \u80ba\u708e.", finding="pneumonia")
    return Report(
        outcome=outcome,
        reason="" if was_read else "UNSUPPORTED_IMAGE: the pixels cannot be read.",
        acuity=Acuity.URGENT if outcome is Outcome.FINDINGS else Acuity.NON_ACTIONABLE,
        findings=findings,
        texts=(a_text((said,) if was_read else ()),),
        bundle=BUNDLE if outcome is not Outcome.NOT_APPLICABLE else None,
    )


def a_doubtful_finding(source: Dataset) -> Finding:
    """Return a finding that may be there, grown since the prior study, under the UID that it had then."""
    return dataclasses.replace(
        a_finding(source, PNEUMOTHORAX, probability=0.6),
        verdict=Verdict.POSSIBLE,
        interval=(0.41, 0.77),
        change=Change.INCREASED,
        tracking_uid=PRIOR_TRACKING_UID,
    )


PRIOR_TRACKING_UID = derived_uid("test", "tracking of the prior study")
PRIOR = PriorStudy(
    study_instance_uid=derived_uid("test", "prior study"),
    study_date=dt.date(2025, 1, 2),
    instances=(
        InstanceReference(
            study_instance_uid=derived_uid("test", "prior study"),
            series_instance_uid=derived_uid("test", "prior series"),
            sop_instance_uid=derived_uid("test", "prior image"),
            sop_class_uid=ComputedRadiographyImageStorage,
        ),
    ),
    presences={"pneumothorax": Presence.PRESENT},
    is_verified=False,
)

TRANSLATIONS = {
    "de": ("KI-Befundentwurf", "Befund", "Pneumonie wahrscheinlich; größer als zuvor.", "Pneumonie"),
    "zh": ("AI 报告草稿", "检查所见", "疑似肺炎（概率 87 %）。", "肺炎"),  # noqa: RUF001  # as Chinese has it
    "hi": ("एआई मसौदा रिपोर्ट", "निष्कर्ष", "निमोनिया की आशंका है।", "निमोनिया"),
    "ar": ("مسودة تقرير الذكاء الاصطناعي", "النتائج", "يشتبه في التهاب رئوي (الاحتمال 87 %).", "التهاب رئوي"),
}


def a_translation(language: str) -> ReportText:
    """Return the words of a report in a language of `TRANSLATIONS`."""
    title, heading, sentence, name = TRANSLATIONS[language]
    said = (Sentence(text=sentence, finding="pneumonia"), Sentence(text="Free remark.", language="en"))
    return dataclasses.replace(
        a_text(said, language),
        is_right_to_left=language == "ar",
        title=title,
        headings=dict.fromkeys(Section, heading),
        sections={Section.FINDINGS: said, Section.IMPRESSION: said[:1]},
        names={"pneumonia": name, "pneumothorax": name},
    )


def a_full_report(source: Dataset) -> Report:
    """Return a report that has all a report can have, in five languages, English first."""
    certain = dataclasses.replace(a_finding(source), interval=(0.803, 0.93), change=Change.NEW)
    report = a_report(Outcome.FINDINGS, certain, a_doubtful_finding(source), an_absent_finding())
    sections = dict.fromkeys(Section, (Sentence(text="Something is said.", finding="pneumonia"),))
    return dataclasses.replace(
        report,
        texts=(dataclasses.replace(report.text, sections=sections), *(a_translation(tag) for tag in TRANSLATIONS)),
        review=tuple(ReviewReason),
        quality=ImageQuality(level=QualityLevel.LIMITED, faults=tuple(QualityFault)),
        prior=PRIOR,
    )


@pytest.fixture
def a_hard_film() -> Dataset:
    """CR with a header that breaks the standard."""
    return hard_film()


@pytest.fixture
def a_dx_film() -> Dataset:
    """DX of the chest."""
    return dx_film()


@pytest.fixture
def a_ct_series() -> tuple[Dataset, ...]:
    """Head CT of three slices."""
    return ct_series()


@pytest.fixture(scope="session")
def a_request() -> Callable[..., ComposeRequest]:
    """Make a request from sources and a report."""

    def request(sources: tuple[Dataset, ...], report: Report, **changes: object) -> ComposeRequest:
        given = {
            "job_key": "cd" * 32,
            "started_at": STARTED_AT,
            "sources": sources,
            "report": report,
            "level": AcuitySettings().levels[report.acuity],
            "settings": ComposeSettings(),
        }
        return ComposeRequest(**(given | changes))

    return request
