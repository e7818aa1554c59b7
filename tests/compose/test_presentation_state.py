"""Presentation states as DCMTK shows them: the frame in its own grey levels, its own shape, its own area."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path

import numpy as np
import pytest
from compose.conftest import a_finding, a_header, a_report
from compose.test_objects import encoded
from dicom.images import RAMP, an_image
from dicom.test_greyscale import CURVE, a_group, a_lut
from helpers import program
from PIL import Image
from pydicom import Dataset
from pydicom.uid import ComputedRadiographyImageStorage, CTImageStorage, EnhancedCTImageStorage

from dicomnode.compose import compose
from dicomnode.dicom.pixels import displayed
from dicomnode.records import Outcome, ResultKind

ONLY = frozenset([ResultKind.PRESENTATION])
SIGNED = RAMP.astype(np.int16) - 2048
RESCALE = {"RescaleSlope": 1, "RescaleIntercept": -1024}
BRAIN = {"WindowCenter": 1000, "WindowWidth": 1500}


def a_film(pixels: np.ndarray = RAMP, *, stored: int = 12, kind: str = "CR", **elements: object) -> Dataset:
    """An image with the header of a study."""
    sop_class = CTImageStorage if kind == "CT" else ComputedRadiographyImageStorage
    ds = a_header(sop_class, kind)
    image = an_image(pixels, stored=stored, **elements)
    ds.file_meta = image.file_meta
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        del image[keyword]
    ds.update(image)
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPClassUID, ds.SOPInstanceUID
    return ds


def states(a_request, source: Dataset) -> list[Dataset]:
    """Presentation states of a finding on the first frame of a source."""
    finding = a_finding(source, rows=source.Rows, columns=source.Columns)
    request = a_request((source,), a_report(Outcome.FINDINGS, finding))
    results = compose(dataclasses.replace(request, kinds=ONLY))
    return [c.dataset for c in results if c.role.startswith("gsps")]


def shown_by_dcmtk(source: Dataset, state: Dataset, folder: Path) -> np.ndarray:
    """Pixels of the source as DCMTK shows them through the state, [0, 1]."""
    image, gsps, picture = folder / "image.dcm", folder / "gsps.dcm", folder / "shown.pgm"
    source.save_as(image, enforce_file_format=True)
    gsps.write_bytes(encoded(state))
    command = [program("dcmp2pgm", "dcmtk"), "-p", gsps, image, picture]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert picture.exists(), done.stderr
    return np.asarray(Image.open(picture), dtype=np.float64) / 255


CASES = {
    "no window": {},
    "a window": BRAIN,
    "two windows": {"WindowCenter": [1000, 600], "WindowWidth": [1500, 9], "WindowCenterWidthExplanation": ["A", "B"]},
    "a window with a decimal point": {"WindowCenter": 1000.5, "WindowWidth": 1500.25},
    "a rescale without its type": {**RESCALE, **BRAIN},
    "a table": {"VOILUTSequence": [a_lut(CURVE)]},
    "a table and a window": {"VOILUTSequence": [a_lut(CURVE)], **BRAIN},
    "a table that says 16 bits": {"VOILUTSequence": [a_lut(CURVE, bits=16)]},
    "two tables": {"VOILUTSequence": [a_lut(CURVE), a_lut(CURVE[::-1])]},
    "a table over negative values": {**RESCALE, "VOILUTSequence": [a_lut(CURVE, 64512)]},
    "a modality table": {"ModalityLUTSequence": [a_lut(CURVE)], **BRAIN},
    "both tables": {"ModalityLUTSequence": [a_lut(CURVE, bits=8)], "VOILUTSequence": [a_lut(CURVE[::-1])]},
    "MONOCHROME1": {"PhotometricInterpretation": "MONOCHROME1", **BRAIN},
    "MONOCHROME1 with a table": {"PhotometricInterpretation": "MONOCHROME1", "VOILUTSequence": [a_lut(CURVE)]},
}


@pytest.mark.parametrize("kind", ["CR", "CT"])
@pytest.mark.parametrize("name", CASES)
def test_dcmtk_shows_what_the_frame_shows(name, kind, a_request, tmp_path):
    """DCMTK opens the state, and through it the image has the grey levels that the heat map is drawn on."""
    source = a_film(kind=kind, **CASES[name])
    (state,) = states(a_request, source)

    np.testing.assert_allclose(displayed(source, 1).values, shown_by_dcmtk(source, state, tmp_path), atol=0.02)


@pytest.mark.parametrize("name", CASES)
def test_no_validator_finds_an_error(name, a_request, tmp_path):
    """The state is a valid one, whatever the image's own header gets wrong."""
    (state,) = states(a_request, a_film(**CASES[name]))
    (tmp_path / "gsps.dcm").write_bytes(encoded(state))
    command = [program("dciodvfy", "dicom3tools"), "-new", tmp_path / "gsps.dcm"]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    errors = [line for line in (said.stdout + said.stderr).splitlines() if line.startswith("Error")]
    # 8 and 16 are allowed, and 12-bit values in the 16 of a modality LUT are what the pixels mean.
    assert [] == [line for line in errors if "LookupTableData bad - Modality LUT" not in line]


@pytest.mark.parametrize(
    ("kind", "said", "expected"), [("CT", "", "HU"), ("CR", "", "US"), ("CT", "HU_MOD", "HU_MOD"), ("CR", "OD", "OD")]
)
def test_the_rescale_has_its_type(kind, said, expected, a_request):
    """Type 1 in a state (PS3.3 C.11.1), where images may leave it out."""
    (state,) = states(a_request, a_film(kind=kind, **RESCALE, **({"RescaleType": said} if said else {})))

    assert expected == state.RescaleType


@pytest.mark.parametrize("photometric", ["PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_RCT"])
def test_colour_has_no_greyscale_state(photometric, a_request):
    """A greyscale state would invert a palette and refuse the rest: the heat map shows the place."""
    assert [] == states(a_request, a_film(PhotometricInterpretation=photometric))


def test_a_sigmoid_window_stays_one(a_request):
    """The state names the function of the window where it is not the linear one."""
    (state,) = states(a_request, a_film(**BRAIN, VOILUTFunction="SIGMOID"))

    assert "SIGMOID" == state.SoftcopyVOILUTSequence[0].VOILUTFunction


def test_what_lies_under_a_shutter_stays_covered(a_request, tmp_path):
    """The state replaces the image's own shutter, so it says it again."""
    shutter = {
        "ShutterShape": "RECTANGULAR",
        "ShutterLeftVerticalEdge": 11,
        "ShutterRightVerticalEdge": 54,
        "ShutterUpperHorizontalEdge": 6,
        "ShutterLowerHorizontalEdge": 59,
    }
    source = a_film(RAMP // 2 + 2048, **shutter, **BRAIN)
    (state,) = states(a_request, source)

    assert shutter | {"ShutterPresentationValue": 0} == {k.keyword: k.value for k in state if "Shutter" in k.keyword}
    assert shown_by_dcmtk(source, state, tmp_path).any()  # its library leaves the shutter to the viewer


def test_pixels_that_are_not_square_are_shown_as_they_are(a_request):
    """The state says how high and how wide a pixel is; the outline stays in pixels of the stored frame."""
    source = a_film(PixelSpacing=[0.8, 0.4])
    finding = a_finding(source, rows=64, columns=64)
    placement = dataclasses.replace(finding.heatmap.image.placement, column_stretch=0.5)
    image = dataclasses.replace(finding.heatmap.image, placement=placement)
    finding = dataclasses.replace(finding, heatmap=dataclasses.replace(finding.heatmap, image=image))
    request = a_request((source,), a_report(Outcome.FINDINGS, finding))
    results = {c.role: c.dataset for c in compose(dataclasses.replace(request, kinds=ONLY))}

    area = results["gsps.1"].DisplayedAreaSelectionSequence[0]
    assert ([2, 1], [64, 64]) == (area.PresentationPixelAspectRatio, area.DisplayedAreaBottomRightHandCorner)
    outline = results["gsps.1"].GraphicAnnotationSequence[0].GraphicObjectSequence[0].GraphicData
    assert pytest.approx([v for p in finding.region for v in (p.column + 0.5, p.row + 0.5)]) == list(outline)
    picture = results["overlay.pneumonia"]
    assert pytest.approx((0.1, 0.1)) == tuple(picture.PixelSpacing), "square, and four times enlarged"
    assert 64 * 0.8 * 10 < picture.Rows


def an_enhanced_ct(*, split: bool) -> Dataset:
    """Three frames of one object; everything that a single-frame slice says of itself stands in functional groups."""
    slices = np.stack([RAMP, RAMP // 2, RAMP[::-1]])
    ds = a_film(kind="CT", NumberOfFrames=3, PixelData=slices.tobytes(), FrameOfReferenceUID="1.2.3.4")
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    shared = a_group("PixelMeasuresSequence", PixelSpacing=[0.9, 0.9], SliceThickness=5)
    shared.update(a_group("PlaneOrientationSequence", ImageOrientationPatient=[1, 0, 0, 0, 1, 0]))
    shared.update(a_group("PixelValueTransformationSequence", **RESCALE, RescaleType="HU"))
    shared.update(a_group("FrameVOILUTSequence", **BRAIN))
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = [shared], []
    for number in range(3):
        own = a_group("PlanePositionSequence", ImagePositionPatient=[-10, -20, 5 * number])
        if split:
            own.update(a_group("PixelMeasuresSequence", SliceThickness=5))
            own.update(a_group("FrameVOILUTSequence", WindowCenterWidthExplanation="BRAIN"))
        ds.PerFrameFunctionalGroupsSequence.append(own)
    return ds


@pytest.mark.parametrize("split", [False, True], ids=["shared", "split between shared and per frame"])
@pytest.mark.parametrize("frame_number", [1, 3])
def test_a_frame_of_an_enhanced_ct_has_what_a_slice_has(frame_number, split, a_request):
    """Rescale and window in the state, spacing and place in the heat map: as of the same slice by itself."""
    source = an_enhanced_ct(split=split)
    alone = a_film(kind="CT", **RESCALE, RescaleType="HU", **BRAIN, PixelSpacing=[0.9, 0.9], SliceThickness=5)
    alone.ImagePositionPatient, alone.ImageOrientationPatient = [-10, -20, 5 * (frame_number - 1)], [1, 0, 0, 0, 1, 0]
    alone.FrameOfReferenceUID = "1.2.3.4"
    of_frame, of_slice = (composed_of(a_request, ds, number) for ds, number in ((source, frame_number), (alone, 1)))

    for role, keywords in {
        "gsps.1": ("RescaleSlope", "RescaleIntercept", "RescaleType", "SoftcopyVOILUTSequence", "PresentationLUTShape"),
        "overlay.pneumonia": (
            "PixelSpacing", "ImagePositionPatient", "ImageOrientationPatient", "SliceThickness", "FrameOfReferenceUID",
        ),
    }.items():  # fmt: skip
        for keyword in keywords:
            assert of_slice[role][keyword] == of_frame[role][keyword], keyword
    image = of_frame["gsps.1"].ReferencedSeriesSequence[0].ReferencedImageSequence[0]
    assert frame_number == image.ReferencedFrameNumber


def composed_of(a_request, source: Dataset, frame_number: int) -> dict[str, Dataset]:
    """Heat map and state of a finding on one frame, by role."""
    finding = a_finding(source, rows=source.Rows, columns=source.Columns)
    image = dataclasses.replace(finding.heatmap.image, frame_number=frame_number)
    finding = dataclasses.replace(finding, heatmap=dataclasses.replace(finding.heatmap, image=image))
    request = a_request((source,), a_report(Outcome.FINDINGS, finding))
    return {c.role: c.dataset for c in compose(dataclasses.replace(request, kinds=ONLY))}


def test_dcmtk_shows_a_frame_of_an_enhanced_ct(a_request, tmp_path):
    """DCMTK opens the state on the frame that it is for."""
    source = an_enhanced_ct(split=True)
    state = composed_of(a_request, source, 1)["gsps.1"]

    np.testing.assert_allclose(displayed(source, 1).values, shown_by_dcmtk(source, state, tmp_path), atol=0.02)


def test_a_film_with_a_place_that_is_none_keeps_its_heat_map(a_request):
    """Direction cosines that are no directions cost the heat map its place, not the study its answer."""
    source = a_film(PixelSpacing=[0.4, 0.4], ImagePositionPatient=[0, 0, 0], FrameOfReferenceUID="1.2.3.4")
    source.ImageOrientationPatient = [0, 0, 0, 0, 0, 0]

    assert "ImagePositionPatient" not in composed_of(a_request, source, 1)["overlay.pneumonia"]
