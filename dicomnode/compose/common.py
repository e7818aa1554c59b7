"""What all our objects have in common, whatever their SOP class."""

from __future__ import annotations

from enum import Enum

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.tag import Tag
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    Comprehensive3DSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    EnhancedSRStorage,
    ExplicitVRLittleEndian,
    GrayscaleSoftcopyPresentationStateStorage,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
    SegmentationStorage,
)

from dicomnode import __version__
from dicomnode.compose.request import ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.dicom import codes, uids
from dicomnode.dicom.elements import text
from dicomnode.dicom.header import copied, identity
from dicomnode.dicom.times import local_time
from dicomnode.dicom.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    MANUFACTURER,
    derived_uid,
)
from dicomnode.dicom.words import DISCLAIMER
from dicomnode.records import BundleIdentity, CodedConcept, Finding, ResultKind
from dicomnode.settings import ComposeSettings

# PS3.3 C.7.3.1: Laterality is required where the body part is one of a pair.
_UNPAIRED = frozenset(
    [
        "HEAD",
        "BRAIN",
        "SKULL",
        "HEADNECK",
        "NECK",
        "CHEST",
        "THORAX",
        "HEART",
        "ABDOMEN",
        "LIVER",
        "PANCREAS",
        "SPLEEN",
        "STOMACH",
        "PELVIS",
        "BLADDER",
        "PROSTATE",
        "UTERUS",
        "SPINE",
        "CSPINE",
        "TSPINE",
        "LSPINE",
        "SSPINE",
        "COCCYX",
        "SACRUM",
        "STERNUM",
        "WHOLEBODY",
    ]
)


class Series(Enum):
    """The series that results come in; viewers list and name series, so each kind of object has its own."""

    OVERLAY = (ResultKind.OVERLAY, "OT", SecondaryCaptureImageStorage, "AI heat map")
    TEXT = (ResultKind.TEXT, "SR", BasicTextSRStorage, "AI text report")
    REGIONS = (ResultKind.REGIONS, "SR", ComprehensiveSRStorage, "AI regions")
    STUDY = (ResultKind.STUDY, "SR", ComprehensiveSRStorage, "AI assessment")
    KEY_OBJECTS = (ResultKind.KEY_OBJECTS, "KO", KeyObjectSelectionDocumentStorage, "AI key images")
    SUMMARY = (ResultKind.SUMMARY, "OT", SecondaryCaptureImageStorage, "AI summary")
    PRESENTATION = (ResultKind.PRESENTATION, "PR", GrayscaleSoftcopyPresentationStateStorage, "AI outlines")
    SEGMENTATION = (ResultKind.SEGMENTATION, "SEG", SegmentationStorage, "AI segmentation")
    PDF = (ResultKind.PDF, "DOC", EncapsulatedPDFStorage, "AI report PDF")
    REGIONS_3D = (ResultKind.REGIONS_3D, "SR", Comprehensive3DSRStorage, "AI regions")
    STUDY_3D = (ResultKind.STUDY_3D, "SR", Comprehensive3DSRStorage, "AI assessment")
    REGIONS_ENHANCED = (ResultKind.REGIONS_ENHANCED, "SR", EnhancedSRStorage, "AI regions")
    STUDY_ENHANCED = (ResultKind.STUDY_ENHANCED, "SR", EnhancedSRStorage, "AI assessment")

    def __init__(self, kind: ResultKind, modality: str, sop_class_uid: str, title: str) -> None:
        self.kind = kind
        self.modality = modality
        self.sop_class_uid = sop_class_uid
        self.title = title

    @property
    def offset(self) -> int:
        """Added to the first Series Number."""
        return list(Series).index(self)


REVISION_STEP = 1000
"""Series Numbers of a study's next answer lie so much higher: a viewer lists the answer that counts last."""


def common_attributes(
    request: ComposeRequest, series: Series, role: str, instance_number: int | None = None, language: str = ""
) -> Dataset:
    """Patient, Study, Series, Equipment and SOP Common modules of one result (PS3.3 C.7, C.12.1).

    Parameters
    ----------
    instance_number
        Place in its series; None: it stands there alone, and its number is that of the revision.
    language
        RFC 5646 tag of a report's language: each has a series of its own, which says so. Empty: it speaks none.
    """
    ds = identity(request.study)
    moment = local_time(request.started_at, request.study, request.settings.timezone)
    ds.TimezoneOffsetFromUTC = moment.offset
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = series.sop_class_uid
    ds.SOPInstanceUID = derived_uid(request.answer_key, role)
    ds.InstanceCreationDate = ds.ContentDate = ds.SeriesDate = moment.date
    ds.InstanceCreationTime = ds.ContentTime = ds.SeriesTime = moment.time
    ds.Modality = series.modality
    ds.SeriesInstanceUID = derived_uid(request.answer_key, "series", series.kind, language)
    revision = request.report.revision.number
    ds.SeriesNumber = (
        first_series_number(request.settings, revision) + series.offset + _language_offset(request, language)
    )
    ds.SeriesDescription = series_description(request.level.series_flag, f"{series.title} {language}".strip(), revision)
    ds.InstanceNumber = revision if instance_number is None else instance_number
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = MANUFACTURER
    ds.SoftwareVersions = __version__
    ds.ContentQualification = "RESEARCH"
    if request.report.bundle is not None:
        ds.ContributingEquipmentSequence = [_contributing_equipment(request.report.bundle)]
    ds.file_meta = file_meta(ds)
    return ds


def first_series_number(settings: ComposeSettings, revision: int) -> int:
    """Series Number from which the series of a revision are numbered."""
    return settings.first_series_number + REVISION_STEP * (revision - 1)


def body_part(source: Dataset) -> Dataset:
    """The source's body part and side: the side is empty where it may be one of a pair, left out where it cannot be."""
    ds = copied(source, [Tag("BodyPartExamined")])
    side = text(source, "Laterality")
    if side or text(source, "BodyPartExamined").upper() not in _UNPAIRED:
        ds.Laterality = side
    return ds


def orientation(source: Dataset) -> list[str]:
    """Patient Orientation (0020,0020) of the source; no values where it has none."""
    found = copied(source, [Tag("PatientOrientation")]).get("PatientOrientation") or ()
    return [str(value) for value in found] if not isinstance(found, str) else []


def device_uid(bundle: BundleIdentity | None) -> str:
    """UID of the device that made a result: another one for every artefact, quantized or not (IHE AIR 6.5.3.1)."""
    return derived_uid("device", bundle.digest if bundle else __version__)


def tracking_uid(request: ComposeRequest, finding: Finding) -> str:
    """UID by which viewers know a finding again: that of the prior study, else the same in every revision."""
    if finding.tracking_uid:
        return finding.tracking_uid
    bundle = request.report.bundle
    study = text(request.study, "StudyInstanceUID")
    return uids.tracking_uid(study, bundle.name if bundle else "", finding.spec.key)


def author(bundle: BundleIdentity | None) -> str:
    """Program, model and digest of the model that wrote a result: one line of names, which no language translates."""
    if bundle is None:
        return f"{MANUFACTURER} {__version__}"
    return f"{MANUFACTURER} {__version__} / {bundle.name} {bundle.version} ({bundle.digest[:12]})"


def code_item(concept: CodedConcept) -> Dataset:
    """Item of a code sequence (PS3.3 8.8)."""
    item = Dataset()
    item.CodeValue = concept.value
    item.CodingSchemeDesignator = concept.scheme
    item.CodeMeaning = long_string(concept.meaning)
    return item


def _contributing_equipment(bundle: BundleIdentity) -> Dataset:
    item = Dataset()
    item.PurposeOfReferenceCodeSequence = [code_item(codes.PROCESSING_EQUIPMENT)]
    item.Manufacturer = long_string(bundle.manufacturer)
    item.ManufacturerModelName = long_string(bundle.name)
    item.SoftwareVersions = long_string(bundle.version)
    item.DeviceUID = device_uid(bundle)
    return item


def series_description(flag: str, title: str, revision: int) -> str:
    """Flag first, so that a truncated column shows it; at most 64 characters, the disclaimer always whole.

    What is not a study's first answer says which it is. A flag that does not fit loses its last words.
    """
    rest = f"{title}{f' rev {revision}' if revision > 1 else ''} {DISCLAIMER}"
    words, room = long_string(flag).split(), 64 - len(rest) - 1
    while len(words) > 1 and len(" ".join(words)) > room:
        words.pop()
    return f"{long_string(' '.join(words), max(room, 0))} {rest}".strip()


def _language_offset(request: ComposeRequest, language: str) -> int:
    """Series Numbers of a kind's further languages lie a step of all kinds apart, as those of the first are taken."""
    languages = [said.language for said in request.report.texts]
    return languages.index(language) * len(Series) if language in languages else 0


def file_meta(ds: Dataset) -> FileMetaDataset:
    """File meta information of an object of ours (PS3.10 7.1)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta
