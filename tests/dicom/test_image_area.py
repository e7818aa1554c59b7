"""What of a frame is image: bits that are stored, padding, and the display shutter."""

from __future__ import annotations

import numpy as np
import pytest
from dicom.images import RAMP, an_image, reread
from dicom.raw_headers import with_raw
from pydicom.uid import JPEG2000Lossless, JPEGLSLossless, RLELossless

from dicomnode.dicom.pixels import decoded_frame, displayed, hounsfield
from dicomnode.dicom.shutter import shown_by_shutter

FULL = {"WindowCenter": 2048, "WindowWidth": 4096}
DOTS = (np.indices(RAMP.shape).sum(0) % 7 < 2).astype(np.uint16)
ROWS, COLUMNS = np.indices((64, 64))
OUTSIDE = np.hypot(ROWS - 31.5, COLUMNS - 31.5) > 31.5


@pytest.mark.parametrize(
    ("pixels", "high_bit"),
    [
        pytest.param(RAMP, 11, id="right-aligned"),
        pytest.param(RAMP << 4, 15, id="left-aligned"),
        pytest.param((RAMP << 4) | DOTS, 15, id="left-aligned, overlay below"),
        pytest.param((RAMP << 2) | DOTS, 13, id="in the middle, overlay below"),
        pytest.param((RAMP << 2) | (DOTS << 14) | DOTS, 13, id="in the middle, overlays around"),
        pytest.param(RAMP | (DOTS << 12), 11, id="overlay above"),
        pytest.param(RAMP | (DOTS * np.uint16(0xF000)), 11, id="rubbish above"),
        pytest.param(RAMP, 7, id="a High Bit that cannot be"),
        pytest.param(RAMP, 99, id="a High Bit beyond the word"),
    ],
)
def test_only_the_stored_bits_count(pixels, high_bit):
    """Wherever the 12 bits lie in their word, and whatever fills the rest, the values are the same."""
    ds = an_image(pixels.astype(np.uint16), HighBit=high_bit, **FULL)

    np.testing.assert_array_equal(RAMP, decoded_frame(ds, 1))
    np.testing.assert_allclose(RAMP / 4095, displayed(ds, 1).values, atol=1e-6)


@pytest.mark.parametrize("rubbish", [0, 0x7000])
@pytest.mark.parametrize(("shift", "high_bit"), [(0, 11), (3, 14)])
def test_signed_values_keep_their_sign(shift, high_bit, rubbish):
    """The sign of a value of 12 bits is its 12th bit, not that of the word."""
    signed = RAMP.astype(np.int16) - 2048
    words = ((signed.view(np.uint16) & 0xFFF) << shift | (rubbish if shift == 0 else 0)).astype(np.uint16)
    ds = an_image(words.view(np.int16), HighBit=high_bit)

    np.testing.assert_array_equal(signed, decoded_frame(ds, 1))


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless], ids=lambda uid: uid.name)
@pytest.mark.parametrize("said", [11, 15])
def test_a_codestream_says_its_depth_itself(syntax, said):
    """A compressed frame of 12-bit values is not shifted because its header says that they were left-aligned."""
    ds = an_image(**FULL)
    ds.compress(syntax, generate_instance_uid=False)
    ds.HighBit = said

    np.testing.assert_array_equal(RAMP, decoded_frame(ds, 1))


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless], ids=lambda uid: uid.name)
def test_left_aligned_words_may_be_compressed(syntax):
    """Words that were left-aligned before their compression are so after it."""
    ds = an_image((RAMP << 4).astype(np.uint16), stored=16, **FULL)
    ds.compress(syntax, generate_instance_uid=False)
    ds.BitsStored = 12

    np.testing.assert_array_equal(RAMP, decoded_frame(ds, 1))


@pytest.mark.parametrize(
    ("dtype", "intercept", "vr", "value"),
    [
        pytest.param(np.int16, -1024, "SS", -2000, id="-2000, SS"),
        pytest.param(np.int16, -1024, "US", 63536, id="-2000 as US"),
        pytest.param(np.uint16, -1024, "US", 63536, id="63536, US"),
        pytest.param(np.uint16, -1024, "SS", -2000, id="63536 as SS"),
        pytest.param(np.int16, 0, "SS", 32767, id="32767, above bone"),
        pytest.param(np.int16, 0, "SS", 40, id="the value of brain"),
    ],
)
def test_padding_outside_the_field_of_a_ct_is_air(dtype, intercept, vr, value):
    """Whatever value and VR a scanner pads with: the corners are air, and the same value inside is what it is."""
    units = np.where(np.hypot(ROWS - 31.5, COLUMNS - 31.5) > 26, 1000, 40)
    stored = units - intercept
    stored[OUTSIDE] = value
    ds = an_image(stored.astype(dtype), stored=16, RescaleSlope=1, RescaleIntercept=intercept)
    ds.add_new("PixelPaddingValue", vr, value)

    np.testing.assert_array_equal(np.where(OUTSIDE, -1024, units), hounsfield(reread(ds), 1))


def test_a_range_of_padding_is_padding():
    """Pixel Padding Range Limit may lie on either side of the value."""
    pixels = RAMP // 2 + 1000
    pixels[:8], pixels[-8:] = 5, 9
    for value, limit in ((5, 9), (9, 5)):
        ds = an_image(pixels.astype(np.uint16), PixelPaddingValue=value, PixelPaddingRangeLimit=limit)
        shown = displayed(ds, 1)
        assert not shown.is_image[:8].any()
        assert not shown.is_image[-8:].any()
        assert shown.is_image[8:-8].all()
        assert 1 == shown.values.max()


@pytest.mark.parametrize("value", [60000, -5, 300])
def test_padding_that_no_pixel_can_have_pads_nothing(value):
    """A padding value of 16 bits in an image of 8 is not wrapped around."""
    pixels = (RAMP >> 4).astype(np.uint8)
    ds = with_raw(an_image(pixels, stored=8), ("PixelPaddingValue", "SL", value.to_bytes(4, "little", signed=True)))

    assert displayed(ds, 1).is_image.all() or value == -5


SHUTTERS = {
    "rectangular": (
        {
            "ShutterShape": "RECTANGULAR",
            "ShutterLeftVerticalEdge": 11,
            "ShutterRightVerticalEdge": 54,
            "ShutterUpperHorizontalEdge": 6,
            "ShutterLowerHorizontalEdge": 59,
        },
        (ROWS >= 5) & (ROWS <= 58) & (COLUMNS >= 10) & (COLUMNS <= 53),
    ),
    "circular": (
        {"ShutterShape": "CIRCULAR", "CenterOfCircularShutter": [33, 30], "RadiusOfCircularShutter": 20},
        np.hypot(ROWS - 32, COLUMNS - 29) <= 20,
    ),
    "polygonal": (
        {"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [11, 6, 11, 59, 51, 59, 51, 6]},
        (ROWS >= 10) & (ROWS <= 50) & (COLUMNS >= 5) & (COLUMNS <= 58),
    ),
    "two shapes": (
        {
            "ShutterShape": ["RECTANGULAR", "CIRCULAR"],
            "ShutterLeftVerticalEdge": 20,
            "CenterOfCircularShutter": [33, 30],
            "RadiusOfCircularShutter": 20,
        },
        (np.hypot(ROWS - 32, COLUMNS - 29) <= 20) & (COLUMNS >= 19),
    ),
    "an edge in words": ({"ShutterShape": "RECTANGULAR"}, np.ones((64, 64), bool)),
    "none of the frame": (
        {"ShutterShape": "RECTANGULAR", "ShutterLeftVerticalEdge": 60, "ShutterRightVerticalEdge": 3},
        np.ones((64, 64), bool),
    ),
    "a circle without centre": ({"ShutterShape": "CIRCULAR", "RadiusOfCircularShutter": 9}, np.ones((64, 64), bool)),
    "a line": ({"ShutterShape": "POLYGONAL", "VerticesOfThePolygonalShutter": [1, 1, 9, 9]}, np.ones((64, 64), bool)),
    "a bitmap": ({"ShutterShape": "BITMAP"}, np.ones((64, 64), bool)),
}


@pytest.mark.parametrize("name", SHUTTERS)
def test_a_shutter_covers_as_a_black_rim_does(name):
    """Bright pixels under a shutter show, and count for the model, as black ones would."""
    elements, shown = SHUTTERS[name]
    pixels = np.where(shown, RAMP // 2, 4095).astype(np.uint16)
    rim = an_image(np.where(shown, RAMP // 2, 0).astype(np.uint16), **FULL)
    found, expected = displayed(an_image(pixels, **elements, **FULL), 1), displayed(rim, 1)

    np.testing.assert_array_equal(expected.values, found.values)
    np.testing.assert_array_equal(expected.is_image, found.is_image)


def test_what_lies_under_a_shutter_does_not_stretch_the_range():
    """Without a window the range of what is shown counts."""
    elements, shown = SHUTTERS["rectangular"]
    pixels = np.where(shown, 1000 + RAMP // 8, 4095).astype(np.uint16)

    assert 1 == displayed(an_image(pixels, **elements), 1).values[shown].max()


def test_the_shutter_of_a_frame_may_stand_in_its_functional_group():
    """Enhanced images have it for each frame (PS3.3 C.7.6.16.2.16); the radius counts columns."""
    ds, elements = an_image(), SHUTTERS["circular"][0]
    group, macros = an_image(**elements), an_image()
    macros.FrameDisplayShutterSequence = [group]
    ds.PerFrameFunctionalGroupsSequence = [an_image(), macros]

    assert shown_by_shutter(ds, 1, (64, 64)).all()
    np.testing.assert_array_equal(SHUTTERS["circular"][1], shown_by_shutter(ds, 2, (64, 64)))
    np.testing.assert_array_equal(
        np.hypot(2 * (ROWS - 32), COLUMNS - 29) <= 20, shown_by_shutter(ds, 2, (64, 64), aspect=2)
    )
