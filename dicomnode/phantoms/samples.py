"""The studies of `sample_dicom/`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless

from dicomnode.phantoms.chest import chest_film
from dicomnode.phantoms.ctpa import HEIGHT_MM, SIDE_MM, ctpa
from dicomnode.phantoms.head_ct import head_ct
from dicomnode.phantoms.headers import Protocol, ct_slice, digital_radiograph, plate_radiograph

CHEST_SEED, HARD_HEADER_SEED, HEAD_SEED, EMBOLUS_SEED = 7, 11, 1, 32
EARLIER_SCALE = 0.6
"""Diameter of the opacity half a year before, against that of `chest_opacity`."""
SMALL_SHARE = 0.65
"""Share of the frame's side that the small chest fills."""
EMBOLUS_SHAPE = (24, 192, 192)
"""Slices, rows and columns of the CT pulmonary angiogram."""


def chest_normal() -> list[Dataset]:
    """A film with nothing abnormal, JPEG-LS."""
    ds = digital_radiograph("chest-normal", chest_film(CHEST_SEED).pixels)
    ds.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)
    return [ds]


def chest_opacity() -> list[Dataset]:
    """The same chest with an opacity in the right middle zone, uncompressed as most units send it."""
    return [digital_radiograph("chest-opacity", chest_film(CHEST_SEED, has_opacity=True).pixels)]


def chest_earlier() -> list[Dataset]:
    """The patient of `chest_opacity` half a year earlier, with a smaller opacity, JPEG-LS."""
    ds = digital_radiograph(
        "chest-earlier", chest_film(CHEST_SEED, has_opacity=True, opacity_scale=EARLIER_SCALE).pixels
    )
    now = digital_radiograph("chest-opacity", np.zeros((1, 1), dtype=np.uint16))
    ds.PatientName, ds.PatientID = now.PatientName, now.PatientID
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20250703"
    ds.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)
    return [ds]


def chest_small() -> list[Dataset]:
    """A chest with an opacity that fills two thirds of a large dark frame, as of a small patient, JPEG-LS."""
    film = chest_film(HARD_HEADER_SEED, has_opacity=True).pixels
    side = film.shape[0]
    small = round(side * SMALL_SHARE)
    pixels = np.zeros_like(film)
    edge = (side - small) // 2
    scaled = Image.fromarray(film).resize((small, small), Image.Resampling.BOX)
    pixels[edge : edge + small, edge : edge + small] = np.asarray(scaled)
    ds = digital_radiograph("chest-small", pixels)
    ds.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)
    return [ds]


def head_ct_bleed() -> list[Dataset]:
    """A head CT with blood in the left basal ganglia, JPEG-LS."""
    volume = head_ct(HEAD_SEED, has_bleed=True).hounsfield
    return _compressed([ct_slice("head-ct-bleed", index, plane) for index, plane in enumerate(volume)])


def ctpa_embolus() -> list[Dataset]:
    """A CT pulmonary angiogram with emboli on both sides, JPEG-LS."""
    slices, side, _ = EMBOLUS_SHAPE
    volume = ctpa(np.random.default_rng(EMBOLUS_SEED), side, slices, has_embolus=True).hounsfield
    protocol = Protocol(
        body_part="CHEST",
        series_description="PULMONARY ARTERIES 6.25 MM AXIAL",
        pixel_spacing_mm=SIDE_MM / side,
        slice_thickness_mm=HEIGHT_MM / slices,
        window=(150, 700),
        contrast_agent="IODINATED CONTRAST MEDIUM",
    )
    return _compressed([ct_slice("ctpa-embolus", index, plane, protocol) for index, plane in enumerate(volume)])


def _compressed(series: list[Dataset]) -> list[Dataset]:
    for ds in series:
        ds.compress(JPEGLSLossless, encoding_plugin="pyjpegls", generate_instance_uid=False)
    return series


def hard_header() -> list[Dataset]:
    """A plate reader's film with what real headers get wrong or make hard, JPEG 2000."""
    ds = plate_radiograph("hard-header", chest_film(HARD_HEADER_SEED).pixels)
    ds.SpecificCharacterSet = "GB18030"
    ds.PatientName = "SYNTHETIC^Yang Ben=合成^样本"
    ds.InstitutionName = "合成医院"
    ds.SeriesDescription = "胸部正位"
    # Type 2: the standard wants them, empty if need be; some plate readers leave them out
    for keyword in (
        "AccessionNumber", "PatientBirthDate", "PatientSex", "ReferringPhysicianName", "StudyID", "StudyTime",
    ):  # fmt: skip
        delattr(ds, keyword)
    ds.compress(JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
    return [ds]


SAMPLES: Mapping[str, Callable[[], list[Dataset]]] = MappingProxyType(
    {
        "chest-earlier": chest_earlier,  # sorts, and so is sent, before the film that is compared with it
        "chest-normal": chest_normal,
        "chest-opacity": chest_opacity,
        "chest-small": chest_small,
        "head-ct-bleed": head_ct_bleed,
        "ctpa-embolus": ctpa_embolus,
        "hard-header": hard_header,
    }
)
"""Folder name to what makes its data sets."""


def write_samples(folder: Path) -> None:
    """Write every sample study into a folder of its own.

    The same release of this package and of its codecs writes the same bytes.

    Parameters
    ----------
    folder
        Made if it is missing; files that are there already are replaced.
    """
    for name, make in SAMPLES.items():
        study = folder / name
        study.mkdir(parents=True, exist_ok=True)
        for ds in make():
            ds.save_as(study / f"{ds.Modality}{ds.InstanceNumber:03d}.dcm", enforce_file_format=True)
