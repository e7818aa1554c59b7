"""The heat map as an image."""

from __future__ import annotations

import numpy as np
import pytest
from compose.conftest import a_finding, a_report
from pydicom import Dataset

from dicomnode.compose import compose
from dicomnode.compose.picture import blended, drawn
from dicomnode.records import Outcome
from dicomnode.settings import ComposeSettings


@pytest.fixture
def an_overlay(a_request):
    """Compose the overlay of a finding in one source."""

    def overlay(source: Dataset, *, longest_side_px: int = 1024, **frame: int) -> Dataset:
        report = a_report(Outcome.FINDINGS, a_finding(source, **frame))
        settings = ComposeSettings(overlay_longest_side_px=longest_side_px)
        return compose(a_request((source,), report, settings=settings))[0].dataset

    return overlay


def test_pixels_without_weight_stay_as_they_were():
    """The anatomy's brightness never depends on the heat map."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)

    np.testing.assert_array_equal(np.repeat(grey[..., None], 3, axis=2), blended(grey, np.zeros((16, 16), np.float32)))


def test_more_weight_is_more_colour():
    """One colour scale for all images: redder as the weight grows, whatever else the map holds."""
    grey = np.full((1, 5), 90, np.uint8)

    pixels = blended(grey, np.array([[0, 0.25, 0.5, 0.75, 1]], np.float32)).astype(int)

    assert (np.diff(pixels[0, :, 0] - pixels[0, :, 2]) > 0).all()
    alone = blended(grey[:, :1], np.array([[0.5]], np.float32))
    np.testing.assert_array_equal(pixels[0, 2], alone[0, 0])


def test_the_legend_lies_below_the_image(a_dx_film):
    """Burnt-in text hides no anatomy."""
    picture = drawn(a_finding(a_dx_film).heatmap, ("AI RESEARCH - not for diagnostic use",), 1024)

    assert (300, 240) == (picture.rows, picture.columns)
    assert picture.pixels.shape[0] > 300
    assert picture.pixels[300:].max() > 200


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 900), (900, 3), (40, 40)])
def test_frames_of_any_shape_can_be_drawn(rows, columns, an_overlay, a_dx_film):
    """A tiny or narrow frame gives a picture, and the legend is cut rather than failing."""
    ds = an_overlay(a_dx_film, rows=rows, columns=columns)

    assert columns == ds.Columns
    assert ds.Rows > rows


def test_large_frames_are_scaled_with_their_spacing_and_place(an_overlay, a_ct_series):
    """A CT of 512 x 384 in 128 x 96 keeps its outer edges in space."""
    source = a_ct_series[1]
    source.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    ds = an_overlay(source, longest_side_px=128, rows=512, columns=384)

    assert 96 == ds.Columns
    assert [2.0, 2.0] == list(ds.PixelSpacing)
    corner = np.array(source.ImagePositionPatient) - 0.25 * np.array([0, 1, 0]) - 0.25 * np.array([0, 0, -1])
    scaled_corner = np.array(ds.ImagePositionPatient) - 1.0 * np.array([0, 1, 0]) - 1.0 * np.array([0, 0, -1])
    np.testing.assert_allclose(corner, scaled_corner)
    assert source.FrameOfReferenceUID == ds.FrameOfReferenceUID


def test_it_says_what_it_was_made_from(an_overlay, a_hard_film):
    """Derivation, source and burnt-in text are declared."""
    ds = an_overlay(a_hard_film)

    source = ds.SourceImageSequence[0]
    assert a_hard_film.SOPInstanceUID == source.ReferencedSOPInstanceUID
    assert "121322" == source.PurposeOfReferenceCodeSequence[0].CodeValue
    assert ["113042"] == [item.CodeValue for item in ds.DerivationCodeSequence]
    assert (["DERIVED", "SECONDARY"], "WSD", "YES") == (list(ds.ImageType), ds.ConversionType, ds.BurnedInAnnotation)
    assert [0.2, 0.2] == list(ds.PixelSpacing)


@pytest.mark.parametrize(
    ("body_part", "side", "expected"),
    [("CHEST", None, None), ("CHEST", "", None), ("HAND", None, ""), ("HAND", "L", "L"), (None, None, "")],
)
def test_laterality_stands_where_the_body_part_may_be_paired(body_part, side, expected, an_overlay, a_dx_film):
    """A paired or unknown body part has Laterality, known or empty; an unpaired one has none."""
    del a_dx_film.BodyPartExamined
    if body_part:
        a_dx_film.BodyPartExamined = body_part
    if side is not None:
        a_dx_film.Laterality = side

    assert expected == an_overlay(a_dx_film).get("Laterality")


@pytest.mark.parametrize("spacing", [None, "", [0.2], [0, 0.2]])
def test_a_source_without_usable_spacing_gives_none(spacing, an_overlay, a_hard_film):
    """Nobody can measure in an overlay whose source cannot be measured in."""
    a_hard_film.PixelSpacing = spacing

    assert "PixelSpacing" not in an_overlay(a_hard_film)
