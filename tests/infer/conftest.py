"""Bundles of a few kilobytes and DICOM files made on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_bundle
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, DigitalXRayImageStorageForPresentation, ExplicitVRLittleEndian

from dicomnode.infer.bundle import Bundle, load_bundle

SERIES = "2.25.100"


@pytest.fixture
def a_bundle_folder(tmp_path: Path) -> Path:
    """A radiograph bundle to spoil."""
    return tiny_bundle.write_tiny_bundle(tmp_path / "bundle")


@pytest.fixture(scope="session")
def a_film_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that reads chest films."""
    return load_bundle(tiny_bundle.write_tiny_bundle(tmp_path_factory.mktemp("radiograph")))


@pytest.fixture(scope="session")
def a_comparing_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """The same, which also compares films with earlier ones."""
    return load_bundle(tiny_bundle.write_tiny_bundle(tmp_path_factory.mktemp("comparing"), compares=True))


@pytest.fixture(scope="session")
def a_classifier_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that finds in chest films what a_film_bundle finds, and has neither maps nor a decoder."""
    return load_bundle(tiny_bundle.write_tiny_bundle(tmp_path_factory.mktemp("classifier"), kind="classifier"))


@pytest.fixture(scope="session")
def a_ct_bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle that reads head CTs."""
    return load_bundle(tiny_bundle.write_tiny_bundle(tmp_path_factory.mktemp("ct"), kind="ct"))


def data_set(pixels: np.ndarray, sop_class_uid: str, sop_instance_uid: str) -> Dataset:
    """An image with the elements that every image has."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = sop_class_uid
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = sop_instance_uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID = "2.25.1", SERIES
    ds.Rows, ds.Columns = pixels.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    bits = 8 * pixels.dtype.itemsize
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = bits, bits, bits - 1
    ds.PixelRepresentation = int(pixels.dtype.kind == "i")
    ds.PixelData = pixels.tobytes()
    ds["PixelData"].VR = "OB" if bits == 8 else "OW"
    return ds


@pytest.fixture
def make_film(tmp_path: Path) -> Callable[..., Path]:
    """Write a PA chest film; keyword arguments are elements that differ, None leaves one out."""
    films: list[Path] = []

    def make(pixels: np.ndarray, *, transfer_syntax: str = "", **elements: Any) -> Path:
        uid = f"2.25.{1000 + len(films)}"
        ds = data_set(pixels, DigitalXRayImageStorageForPresentation, uid)
        ds.Modality, ds.BodyPartExamined, ds.ViewPosition = "DX", "CHEST", "PA"
        _update(ds, elements)
        if transfer_syntax:
            ds.compress(transfer_syntax, generate_instance_uid=False)
        films.append(tmp_path / f"film-{len(films)}.dcm")
        ds.save_as(films[-1], enforce_file_format=True)
        return films[-1]

    return make


@pytest.fixture
def an_opaque_film(make_film):
    """A film with a bright midline and a bright blob in the right lung."""
    pixels = np.zeros((200, 160), dtype=np.uint8)
    pixels[:, 70:90] = 255
    pixels[70:110, 20:50] = 255
    return make_film(pixels)


@pytest.fixture
def make_slice(tmp_path: Path) -> Callable[..., Path]:
    """Write one axial head CT slice at a place along z, mm; keyword arguments as for make_film."""
    slices: list[Path] = []

    def make(z_mm: float, units: np.ndarray | None = None, **elements: Any) -> Path:
        uid = f"2.25.{2000 + len(slices)}"
        units = a_head() if units is None else units
        ds = data_set((units + 1024).astype(np.uint16), CTImageStorage, uid)
        ds.Modality, ds.BodyPartExamined = "CT", "HEAD"
        ds.ImagePositionPatient, ds.ImageOrientationPatient = [-32, -32, z_mm], [1, 0, 0, 0, 1, 0]
        ds.PixelSpacing, ds.SliceThickness = [1, 1], 5
        ds.RescaleSlope, ds.RescaleIntercept = 1, -1024
        _update(ds, elements)
        slices.append(tmp_path / f"slice-{len(slices)}.dcm")
        ds.save_as(slices[-1], enforce_file_format=True)
        return slices[-1]

    return make


def _update(ds: Dataset, elements: dict[str, Any]) -> None:
    for keyword, element in elements.items():
        if element is None:
            ds.pop(keyword, None)
        else:
            setattr(ds, keyword, element)


def a_head(side: int = 64) -> np.ndarray:
    """HU of one slice: air, a ring of skull, brain within."""
    distance = np.hypot(*(np.indices((side, side)) - (side - 1) / 2)) / side
    return np.select([distance < 0.38, distance < 0.44], [35, 1000], -1000).astype(np.int16)


@pytest.fixture
def a_bleed() -> np.ndarray:
    """HU of a slice with fresh blood beside the midline."""
    units = a_head()
    units[26:38, 20:30] = 70
    return units
