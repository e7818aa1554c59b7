"""The heat map as an image."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from compose.conftest import a_finding, a_full_report, a_report, a_translation
from PIL import features
from pydicom import Dataset

from dicomnode.compose import compose
from dicomnode.compose.badge import badge
from dicomnode.compose.caption import caption_of
from dicomnode.compose.ink import SCREEN, Ink, Place, Shape, Text
from dicomnode.compose.legend import LEAST_LETTER_PX, legend_of
from dicomnode.compose.picture import COLOURS, LEAST_WEIGHT, blended, drawn
from dicomnode.compose.typeface import SHIPPED, face, missing
from dicomnode.dicom.words import LABELS
from dicomnode.records import Acuity, Label, Outcome
from dicomnode.settings import ComposeSettings


@pytest.fixture
def an_overlay(a_request):
    """Compose the overlay of a finding in one source."""

    def overlay(source: Dataset, *, longest_side_px: int = 1024, **frame: int) -> Dataset:
        report = a_report(Outcome.FINDINGS, a_finding(source, **frame))
        settings = ComposeSettings(overlay_longest_side_px=longest_side_px)
        return compose(a_request((source,), report, settings=settings))[0].dataset

    return overlay


@pytest.fixture
def a_caption(a_request):
    """Word the legend of a finding in the first of some sources; keyword arguments change its text."""

    def caption(sources: tuple[Dataset, ...], which: int = 0, acuity: Acuity = Acuity.URGENT, **text: object):
        finding = dataclasses.replace(a_finding(sources[which]), interval=(0.8, 0.93), acuity=acuity)
        report = a_report(Outcome.FINDINGS, finding)
        report = dataclasses.replace(report, texts=(dataclasses.replace(report.text, **text),))
        return caption_of(a_request(sources, report), finding, finding.heatmap)

    return caption


def words(caption, columns: int = 512) -> str:
    """All that a legend says, in the order of its lines."""
    return " ".join(mark.text for mark in legend_of(caption, columns).marks if isinstance(mark, Text))


def test_pixels_without_weight_stay_as_they_were():
    """The anatomy's brightness never depends on the heat map, and a low weight hides none of it."""
    grey = np.arange(256, dtype=np.uint8).reshape(16, 16)

    for weight in (0, LEAST_WEIGHT / 2, LEAST_WEIGHT - 0.01):
        weights = np.full((16, 16), weight, np.float32)
        np.testing.assert_array_equal(np.repeat(grey[..., None], 3, axis=2), blended(grey, weights))


def test_more_weight_is_more_colour():
    """One colour scale for all images: less blue as the weight grows, whatever else the map holds."""
    grey = np.full((1, 5), 90, np.uint8)

    pixels = blended(grey, np.array([[0, 0.25, 0.5, 0.75, 1]], np.float32)).astype(int)

    assert (np.diff(pixels[0, :, 0] - pixels[0, :, 2]) > 0).all()
    alone = blended(grey[:, :1], np.array([[0.5]], np.float32))
    np.testing.assert_array_equal(pixels[0, 2], alone[0, 0])


def test_the_scale_of_colours_can_be_read_without_colour_vision():
    """Each colour is brighter than the one below it."""
    brightness = COLOURS @ np.array([0.2126, 0.7152, 0.0722], np.float32)

    assert (np.diff(brightness) > 0).all()


def test_the_legend_lies_below_the_image(a_dx_film, a_caption):
    """Burnt-in text hides no anatomy: above the legend there are the frame's own pixels alone."""
    heatmap = a_finding(a_dx_film).heatmap
    empty = dataclasses.replace(heatmap, weights=np.zeros_like(heatmap.weights))
    grey = dataclasses.replace(empty, image=dataclasses.replace(empty.image, display=np.full((300, 240), 77, np.uint8)))

    picture = drawn(grey, a_caption((a_dx_film,)), 1024)

    assert (600, 480) == (picture.rows, picture.columns)
    assert (picture.pixels[:600, :480] == 77).all()
    assert picture.pixels[600:].max() > 200


def test_a_region_is_outlined(a_dx_film, a_caption):
    """The line runs where the region does, at the scale of the picture, and nowhere else."""
    finding = a_finding(a_dx_film)
    caption = a_caption((a_dx_film,))
    plain, outlined = (drawn(finding.heatmap, caption, 1024, region).pixels for region in ((), finding.region))

    rows, columns = np.nonzero((plain[:600] != outlined[:600]).any(axis=2))

    assert (0.6 * 600, 0.8 * 600) == pytest.approx((rows.min(), rows.max()), abs=4)
    assert (0.6 * 480, 0.8 * 480) == pytest.approx((columns.min(), columns.max()), abs=4)
    inside = (rows > rows.min() + 10) & (rows < rows.max() - 10) & (columns > 300) & (columns < 370)
    assert not inside.any()
    assert LABELS[Label.REGION] in words(caption)


@pytest.mark.parametrize("side", [64, 256, 511])
def test_the_legend_of_a_small_frame_can_be_read(side, an_overlay, a_ct_series, a_caption):
    """A slice of 256 pixels is enlarged by a whole factor to 512 or more, and no letter is smaller than 11 pixels."""
    ds = an_overlay(a_ct_series[1], rows=side, columns=side)
    legend = legend_of(a_caption(a_ct_series), 512)

    factor = -(-512 // side)
    assert factor * side == ds.Columns >= 512
    assert [0.5 / factor] * 2 == pytest.approx([float(value) for value in ds.PixelSpacing])
    sizes = [mark.size for mark in legend.marks if isinstance(mark, Text) and mark.text != "!"]
    assert min(sizes) >= LEAST_LETTER_PX >= 11
    left, top, right, bottom = face(SHIPPED, min(sizes)).getbbox("Hg")
    assert bottom - top >= 11
    assert legend.width == 512
    assert all(0 <= x <= 512 for mark in legend.marks if isinstance(mark, Shape) for x, _ in mark.points)


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 900), (900, 3), (40, 40)])
def test_frames_of_any_shape_can_be_drawn(rows, columns, an_overlay, a_dx_film):
    """A tiny or narrow frame gives a picture with a whole legend."""
    ds = an_overlay(a_dx_film, rows=rows, columns=columns)

    assert max(columns, 480) <= ds.Columns <= 1024
    assert ds.Rows > rows


def test_large_frames_are_scaled_with_their_spacing_and_place(an_overlay, a_ct_series):
    """A CT of 512 x 384 in 128 x 96 keeps its outer edges in space."""
    assert_edges_are_kept(an_overlay, a_ct_series[1], 2.0, longest_side_px=128, rows=512, columns=384)


def test_small_frames_are_enlarged_with_their_spacing_and_place(an_overlay, a_ct_series):
    """A CT of 256 x 192 in 512 x 384 keeps its outer edges in space."""
    assert_edges_are_kept(an_overlay, a_ct_series[1], 0.25, rows=256, columns=192)


def assert_edges_are_kept(an_overlay, source: Dataset, spacing: float, **frame: int) -> None:
    """The upper left edge of the picture lies where that of the source with pixels of 0.5 mm does."""
    source.ImageOrientationPatient = [0, 1, 0, 0, 0, -1]

    ds = an_overlay(source, **frame)

    assert [spacing, spacing] == list(ds.PixelSpacing)
    across, down = np.array([0, 1, 0]), np.array([0, 0, -1])
    corner = np.array(source.ImagePositionPatient) - 0.25 * across - 0.25 * down
    scaled_corner = np.array(ds.ImagePositionPatient) - spacing / 2 * across - spacing / 2 * down
    np.testing.assert_allclose(corner, scaled_corner)
    assert source.FrameOfReferenceUID == ds.FrameOfReferenceUID


def test_the_scale_does_not_read_as_a_probability(a_dx_film, a_caption):
    """It says that it is relative, and its ends are words; the one probability is that of the finding."""
    said = words(a_caption((a_dx_film,)))

    for label in (Label.SCALE, Label.LOW, Label.HIGH, Label.NOT_FOR_DIAGNOSIS):
        assert LABELS[label] in said
    assert "Probability 85% (95% interval 80% \u2013 95%)" in said
    assert not {"0", "1", "0%", "100%"} & set(said.split())


def test_urgency_is_told_by_word_shape_and_colour(a_dx_film, a_caption):
    """No two acuities share one of them."""
    said = [words(a_caption((a_dx_film,), acuity=acuity)) for acuity in Acuity]
    looks = [[mark for mark in badge(acuity, Place(50, 50), 20) if isinstance(mark, Shape)] for acuity in Acuity]

    assert len(set(said)) == len({SCREEN[look[0].ink] for look in looks}) == len(Acuity)
    assert len({(len(look[0].points), look[0].is_filled) for look in looks}) == len(Acuity)
    assert [True, True, False, False] == [look[0].is_filled for look in looks]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "Slice 2/3 \u00b7 10 mm"),
        ({"SliceLocation": -42.54}, "Slice 2/3 \u00b7 -42.5 mm"),
        ({"InstanceNumber": 7}, "Slice 7/7"),
    ],
)
def test_a_slice_is_named_as_viewers_name_it(changes, expected, a_ct_series, a_caption):
    """Instance Number of the last one, and the place in mm."""
    for keyword, value in changes.items():
        setattr(a_ct_series[1], keyword, value)

    assert expected in words(a_caption(a_ct_series, which=1))


def test_a_slice_without_a_number_is_counted(a_ct_series, a_caption):
    """Where the header has no number, the place among the slices that were read stands for it."""
    del a_ct_series[2].InstanceNumber

    assert "Slice 3/3" in words(a_caption(a_ct_series, which=2))


@pytest.mark.parametrize(("view", "expected"), [("PA", "View PA"), ("", None)])
def test_a_film_is_named_by_its_view(view, expected, a_dx_film, a_caption):
    """View Position, or nothing."""
    a_dx_film.ViewPosition = view
    said = words(a_caption((a_dx_film,)))

    assert expected in said if expected else "View" not in said
    assert "Slice" not in said


NEEDS_RAQM = pytest.mark.skipif(not features.check("raqm"), reason="Pillow has no Raqm here")


@pytest.mark.parametrize("language", ["de", pytest.param("ar", marks=NEEDS_RAQM), "zh"])
def test_the_legend_is_in_the_language_where_the_font_has_its_letters(language, a_dx_film, a_caption):
    """Label, method and name in the house's words; the English ones where the letters are missing."""
    text = a_translation(language)
    labels = {label: f"{text.title} {letter}" for label, letter in zip(Label, map(chr, range(65, 200)), strict=False)}
    text = dataclasses.replace(text, labels=labels, methods={"class_activation": text.title})
    fields = {field.name: getattr(text, field.name) for field in dataclasses.fields(text)}

    caption = a_caption((a_dx_film,), **fields)

    said = words(caption, 2000)
    assert (language == "ar") == caption.is_right_to_left
    if language == "zh":
        assert LABELS[Label.SCALE] in said
    else:
        assert f"{labels[Label.METHOD]}: {text.title}" in said
        assert labels[Label.URGENT] in said
        assert text.names["pneumonia"] in said
    assert not missing(said, SHIPPED)


def test_without_fribidi_an_arabic_legend_is_in_english(a_dx_film, a_caption, monkeypatch):
    """Letters that should join are not drawn one by one."""
    monkeypatch.setattr(features, "check", lambda _: False)
    text = a_translation("ar")

    caption = a_caption((a_dx_film,), **{field.name: getattr(text, field.name) for field in dataclasses.fields(text)})

    assert not caption.is_right_to_left
    assert LABELS[Label.SCALE] in words(caption, 2000)


def test_a_legend_from_the_right_is_mirrored(a_dx_film, a_caption):
    """Name and urgency stand at the right, and the bar grows to the left."""
    heatmap = a_finding(a_dx_film).heatmap
    caption = dataclasses.replace(a_caption((a_dx_film,)), is_right_to_left=True)
    legend = legend_of(caption, 512)
    first = next(mark for mark in legend.marks if isinstance(mark, Text))
    picture = drawn(heatmap, caption, 512)

    left, top, right, bottom = legend_of(caption, picture.columns).bar
    middle = picture.rows + (top + bottom) // 2
    ends = picture.pixels[middle, [left + 2, right - 2]].astype(int)
    assert first.at.x > 480
    assert ends[0, 0] - ends[0, 2] > 60 > ends[1, 0] - ends[1, 2]


@pytest.mark.parametrize("width", [300, 512, 1024])
def test_no_word_of_a_legend_runs_out_of_it(width, a_dx_film, a_caption):
    """Long words of a language take further lines."""
    labels = dict.fromkeys(Label, "Wortungetüm mit vielen langen Silben")
    caption = a_caption((a_dx_film,), labels=labels, names={"pneumonia": "Einseitige Lungenentzündung " * 3})
    legend = legend_of(caption, width)

    canvas = drawn(a_finding(a_dx_film).heatmap, caption, width)
    assert (canvas.pixels[canvas.rows :, -3:] == SCREEN[Ink.GROUND]).all()
    assert legend.height > max(mark.at.y for mark in legend.marks if isinstance(mark, Text))


def test_every_finding_that_is_suspected_has_one_picture(a_request, a_ct_series):
    """Of a volume there is the slice that speaks most for a finding, not all of them."""
    results = compose(a_request(a_ct_series, a_full_report(a_ct_series[0])))

    assert ["overlay.pneumonia", "overlay.pneumothorax"] == [c.role for c in results if c.role.startswith("overlay")]


def test_it_says_what_it_was_made_from(an_overlay, a_hard_film):
    """Derivation, source and burnt-in text are declared."""
    ds = an_overlay(a_hard_film, rows=600, columns=480)

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
