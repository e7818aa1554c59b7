"""The headers around phantom pixels: what a digital X-ray unit, a plate reader and a CT scanner would write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import (
    UID,
    ComputedRadiographyImageStorage,
    CTImageStorage,
    DigitalXRayImageStorageForPresentation,
    ExplicitVRLittleEndian,
)

from dicomnode.dicom.uids import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, derived_uid
from dicomnode.phantoms import chest, head_ct
from dicomnode.phantoms.stories import NOTICE, STORIES

MANUFACTURER = "dicomnode phantoms"  # never just our own name: by that a node knows results and does not read them
_DATE, _TIME = "20260105", "101500"


def coded(code: Code) -> Dataset:
    """Item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code.value, code.scheme_designator, code.meaning
    return item


def common(sample: str, sop_class_uid: UID, *, instance_number: int = 1) -> Dataset:
    """Patient, study, series and equipment of one instance; a sample has one series."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    ds.file_meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class_uid
    ds.SOPInstanceUID = derived_uid("sample", sample, "instance", str(instance_number))
    ds.StudyInstanceUID = derived_uid("sample", sample, "study")
    ds.SeriesInstanceUID = derived_uid("sample", sample, "series")
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = _DATE
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = _TIME
    ds.PatientName = f"SYNTHETIC^{sample.replace('-', ' ').title()}"
    ds.PatientID = f"SYNTHETIC-{sample.upper()}"
    ds.PatientBirthDate, ds.PatientSex = "19650101", "O"
    ds.AccessionNumber, ds.StudyID = f"SYN{derived_uid('sample', sample, 'accession')[-8:]}", "1"
    ds.ReferringPhysicianName = ""
    ds.SeriesNumber, ds.InstanceNumber = 1, instance_number
    ds.Manufacturer, ds.ManufacturerModelName = MANUFACTURER, "phantom"
    ds.DeviceSerialNumber, ds.SoftwareVersions, ds.InstitutionName = "0", "1", "SYNTHETIC"
    ds.StudyDescription = STORIES[sample].study_description
    ds.ImageComments = NOTICE
    return ds


def _pixels(ds: Dataset, stored: NDArray[np.uint16] | NDArray[np.int16], *, bits: int) -> None:
    ds.Rows, ds.Columns = stored.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, bits, bits - 1
    ds.PixelRepresentation = int(stored.dtype.kind == "i")
    ds.BurnedInAnnotation, ds.LossyImageCompression = "NO", "00"
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW"


def _chest(ds: Dataset, description: str) -> None:
    ds.SeriesDescription = description
    ds.BodyPartExamined, ds.ViewPosition = "CHEST", "PA"
    ds.PatientOrientation = ["L", "F"]
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.ImagerPixelSpacing = [chest.PIXEL_SPACING_MM] * 2
    ds.KVP, ds.ExposureTime, ds.Exposure = 125, 8, 2
    ds.DistanceSourceToDetector, ds.FilterType = 1800, "NONE"


def digital_radiograph(sample: str, stored: NDArray[np.uint16]) -> Dataset:
    """Digital X-Ray image for presentation (PS3.3 A.26), postero-anterior."""
    ds = common(sample, DigitalXRayImageStorageForPresentation)
    ds.Modality = "DX"
    _chest(ds, "CHEST PA")
    _pixels(ds, stored, bits=chest.BITS_STORED)
    ds.ImageType = ["ORIGINAL", "PRIMARY", ""]
    ds.PresentationIntentType, ds.ImageLaterality = "FOR PRESENTATION", "U"
    ds.PixelIntensityRelationship, ds.PixelIntensityRelationshipSign = "LOG", -1
    ds.Grid = ["FIXED", "FOCUSED"]
    ds.PixelSpacing = ds.ImagerPixelSpacing
    ds.PixelSpacingCalibrationType = "GEOMETRY"
    ds.PixelSpacingCalibrationDescription = "Phantom has no magnification"
    ds.DetectorType, ds.DetectorConfiguration, ds.DetectorID = "DIRECT", "AREA", "SYNTHETIC"
    ds.PositionerType, ds.PatientPosition = "NONE", ""
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "US"
    ds.PresentationLUTShape = "IDENTITY"
    ds.WindowCenter, ds.WindowWidth = 2048, 4096
    ds.AcquisitionContextSequence = []
    ds.AnatomicRegionSequence = [coded(Code("51185008", "SCT", "Thorax"))]
    view = coded(Code("272479007", "SCT", "postero-anterior"))
    view.ViewModifierCodeSequence = []
    ds.ViewCodeSequence = [view]
    return ds


def plate_radiograph(sample: str, stored: NDArray[np.uint16]) -> Dataset:
    """Computed Radiography image (PS3.3 A.2) whose lowest value is white (MONOCHROME1)."""
    ds = common(sample, ComputedRadiographyImageStorage)
    ds.Modality = "CR"
    _chest(ds, "CHEST PA")
    highest = np.uint16(2**chest.BITS_STORED - 1)
    _pixels(ds, highest - stored, bits=chest.BITS_STORED)
    ds.PhotometricInterpretation = "MONOCHROME1"
    ds.PlateID = "SYNTHETIC"
    ds.WindowCenter, ds.WindowWidth = 2048, 4096
    return ds


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """How a CT volume was scanned, and how its slices lie in space."""

    body_part: str
    series_description: str
    pixel_spacing_mm: float
    slice_thickness_mm: float
    window: tuple[int, int]
    """Centre and width."""
    contrast_agent: str | None = None


HEAD = Protocol(
    body_part="HEAD",
    series_description="HEAD 5 MM AXIAL",
    pixel_spacing_mm=head_ct.PIXEL_SPACING_MM,
    slice_thickness_mm=head_ct.SLICE_THICKNESS_MM,
    window=(40, 80),
)


def ct_slice(sample: str, index: int, hounsfield: NDArray[np.int16], protocol: Protocol = HEAD) -> Dataset:
    """Axial CT image (PS3.3 A.3); index counts from the lowest slice."""
    ds = common(sample, CTImageStorage, instance_number=index + 1)
    ds.Modality, ds.BodyPartExamined = "CT", protocol.body_part
    ds.SeriesDescription = protocol.series_description
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    _pixels(ds, hounsfield, bits=16)
    _place(ds, sample, index, protocol)
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = 0, 1, "HU"
    ds.WindowCenter, ds.WindowWidth = protocol.window
    ds.KVP, ds.ExposureTime, ds.XRayTubeCurrent, ds.Exposure = 120, 1000, 250, 250
    ds.ConvolutionKernel, ds.FilterType, ds.ScanOptions = "SOFT", "BODY", "AXIAL"
    ds.GantryDetectorTilt, ds.ReconstructionDiameter = 0, ds.Columns * protocol.pixel_spacing_mm
    ds.AcquisitionNumber = 1
    if protocol.contrast_agent:
        ds.ContrastBolusAgent, ds.ContrastBolusRoute = protocol.contrast_agent, "IV"
    return ds


def _place(ds: Dataset, sample: str, index: int, protocol: Protocol) -> None:
    first = -(ds.Columns - 1) / 2 * protocol.pixel_spacing_mm
    height = index * protocol.slice_thickness_mm
    ds.PatientPosition, ds.PositionReferenceIndicator = "HFS", ""
    ds.FrameOfReferenceUID = derived_uid("sample", sample, "frame of reference")
    ds.ImagePositionPatient = [first, first, height]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.PixelSpacing = [protocol.pixel_spacing_mm] * 2
    ds.SliceThickness, ds.SpacingBetweenSlices = protocol.slice_thickness_mm, protocol.slice_thickness_mm
    ds.SliceLocation = height
