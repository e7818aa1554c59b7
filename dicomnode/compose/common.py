"""What all our objects have in common, whatever their SOP class."""

from __future__ import annotations

from enum import Enum

from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    KeyObjectSelectionDocumentStorage,
    SecondaryCaptureImageStorage,
)

from dicomnode import __version__
from dicomnode.compose.request import ComposeRequest
from dicomnode.compose.texts import long_string
from dicomnode.compose.times import local_time
from dicomnode.dicom import codes
from dicomnode.dicom.header import identity
from dicomnode.dicom.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    MANUFACTURER,
    derived_uid,
)
from dicomnode.records import BundleIdentity, CodedConcept

DISCLAIMER = "RESEARCH not for diagnostic use"
"""Ends every Series Description."""
WARNING = "AI DRAFT - RESEARCH - NOT VERIFIED BY A PHYSICIAN - NOT FOR DIAGNOSTIC USE"
"""Stands in every document, before what it says."""


class Series(Enum):
    """The series that results come in; viewers list and name series, so each kind of object has its own."""

    OVERLAY = ("overlay", "OT", SecondaryCaptureImageStorage, "AI heat map")
    TEXT = ("text-sr", "SR", BasicTextSRStorage, "AI text report")
    REGIONS = ("regions-sr", "SR", ComprehensiveSRStorage, "AI regions")
    STUDY = ("study-sr", "SR", ComprehensiveSRStorage, "AI judgements")
    KEY_OBJECTS = ("kos", "KO", KeyObjectSelectionDocumentStorage, "AI key images")

    def __init__(self, kind: str, modality: str, sop_class_uid: str, title: str) -> None:
        self.kind = kind
        self.modality = modality
        self.sop_class_uid = sop_class_uid
        self.title = title

    @property
    def offset(self) -> int:
        """Added to the first Series Number."""
        return list(Series).index(self)


def common_attributes(request: ComposeRequest, series: Series, role: str, instance_number: int = 1) -> Dataset:
    """Patient, Study, Series, Equipment and SOP Common modules of one result (PS3.3 C.7, C.12.1)."""
    ds = identity(request.study)
    moment = local_time(request.started_at, request.study)
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = series.sop_class_uid
    ds.SOPInstanceUID = derived_uid(request.job_key, role)
    ds.InstanceCreationDate = ds.ContentDate = ds.SeriesDate = moment.date
    ds.InstanceCreationTime = ds.ContentTime = ds.SeriesTime = moment.time
    ds.Modality = series.modality
    ds.SeriesInstanceUID = derived_uid(request.job_key, "series", series.kind)
    ds.SeriesNumber = request.settings.first_series_number + series.offset
    ds.SeriesDescription = _series_description(request.level.series_flag, series.title)
    ds.InstanceNumber = instance_number
    ds.Manufacturer = MANUFACTURER
    ds.ManufacturerModelName = MANUFACTURER
    ds.SoftwareVersions = __version__
    ds.ContentQualification = "RESEARCH"
    if request.report.bundle is not None:
        ds.ContributingEquipmentSequence = [_contributing_equipment(request.report.bundle)]
    ds.file_meta = _file_meta(ds)
    return ds


def device_uid(bundle: BundleIdentity | None) -> str:
    """UID of the device that made a result: another one for every artefact, quantized or not (IHE AIR 6.5.3.1)."""
    return derived_uid("device", bundle.digest if bundle else __version__)


def author(bundle: BundleIdentity | None) -> str:
    """Who wrote a result, in one line."""
    if bundle is None:
        return f"{MANUFACTURER} {__version__}; no model read this study."
    return f"{MANUFACTURER} {__version__}, model {bundle.name} {bundle.version} ({bundle.digest[:12]})."


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


def _series_description(flag: str, title: str) -> str:
    """Flag first, so that a truncated column shows it; at most 64 characters, the disclaimer always whole."""
    rest = f"{title} {DISCLAIMER}"
    return f"{long_string(flag, 64 - len(rest) - 1)} {rest}".strip()


def _file_meta(ds: Dataset) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ds.SOPClassUID
    meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta
