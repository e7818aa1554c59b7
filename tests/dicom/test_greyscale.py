"""Modality LUT and VOI LUT: tables that say one thing and hold another, functional groups, and pydicom as the judge."""

from __future__ import annotations

import numpy as np
import pytest
from dicom.images import RAMP, an_image, reread
from pydicom import Dataset
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from pydicom.uid import ExplicitVRLittleEndian, ImplicitVRLittleEndian

from dicomnode.dicom.greyscale import (
    Rescale,
    Window,
    modality_table,
    modality_values,
    rescale,
    stored_range,
    voi_table,
    window,
)
from dicomnode.dicom.pixels import displayed
from dicomnode.errors import UnsupportedImageError


def a_lut(
    entries: np.ndarray,
    first: int = 0,
    *,
    bits: int = 12,
    vr: str = "US",
    data_vr: str = "OW",
    count: int | None = None,
) -> Dataset:
    """Item of a look-up table."""
    item = Dataset()
    item.add_new("LUTDescriptor", vr, [(len(entries) if count is None else count) % 65536, first, bits])
    held = entries.astype("<u2").tobytes() if data_vr != "US" else [int(one) for one in entries]
    item.add_new("LUTData", data_vr, held)
    return item


CURVE = (4095 * (np.arange(4096) / 4095) ** 2).round().astype(np.uint16)


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
@pytest.mark.parametrize("data_vr", ["OW", "US"])
@pytest.mark.parametrize("said", [8, 10, 12, 14, 16, 0])
def test_entries_say_their_depth_themselves(said, data_vr, syntax):
    """A table of 12-bit entries shows the same whatever depth its descriptor says."""
    ds = reread(an_image(VOILUTSequence=[a_lut(CURVE, bits=said, data_vr=data_vr)]), syntax)

    np.testing.assert_allclose(CURVE[RAMP] / 4095, displayed(ds, 1).values, atol=1e-6)


def test_bytes_packed_in_words_are_entries():
    """A table of 8 bits may hold two entries in a word, with a byte of padding where the count is odd."""
    entries = np.linspace(0, 255, 4095).round().astype(np.uint8)
    item = Dataset()
    item.add_new("LUTDescriptor", "US", [4095, 1, 8])
    item.add_new("LUTData", "OW", entries.tobytes() + b"\0")

    np.testing.assert_allclose(
        entries[np.clip(RAMP.astype(int) - 1, 0, 4094)] / 255, displayed(an_image(VOILUTSequence=[item]), 1).values
    )


def test_a_count_of_0_is_65536_entries_or_as_many_as_there_are():
    """A full table cannot say its length in 16 bits; one that claims it and holds less is read as far as it goes."""
    pixels = np.linspace(0, 65535, 4096).round().astype(np.uint16).reshape(64, 64)
    full = an_image(pixels, stored=16, VOILUTSequence=[a_lut(np.arange(65536)[::-1], bits=16)])
    short = an_image(VOILUTSequence=[a_lut(CURVE, count=0, bits=16)])

    np.testing.assert_allclose(1 - pixels / 65535, displayed(full, 1).values, atol=1e-6)
    np.testing.assert_allclose(CURVE[RAMP] / 4095, displayed(short, 1).values, atol=1e-6)


@pytest.mark.parametrize(
    ("pixels", "elements", "vr", "first"),
    [
        pytest.param(RAMP.astype(np.int16) - 2048, {}, "SS", -2048, id="signed, SS"),
        pytest.param(RAMP.astype(np.int16) - 2048, {}, "US", 63488, id="signed, US"),
        pytest.param(RAMP, {"RescaleSlope": 1, "RescaleIntercept": -2048}, "US", 63488, id="negative by rescale, US"),
        pytest.param(RAMP, {"RescaleSlope": 1, "RescaleIntercept": -2048}, "SS", -2048, id="negative by rescale, SS"),
        pytest.param(RAMP + np.uint16(40000), {}, "US", 40000, id="above 32767, US"),
        pytest.param(RAMP + np.uint16(40000), {}, "SS", 40000 - 65536, id="above 32767, SS"),
    ],
)
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"])
def test_the_first_mapped_value_has_the_sign_of_the_input(pixels, elements, vr, first, syntax):
    """Its 16 bits are read so that the table covers what goes in, not as its VR says."""
    ds = reread(an_image(pixels, stored=16, VOILUTSequence=[a_lut(CURVE, first, vr=vr)], **elements), syntax)

    np.testing.assert_allclose(CURVE[RAMP] / 4095, displayed(ds, 1).values, atol=1e-6)


def test_a_modality_table_of_the_wrong_sign_is_read():
    """The same holds for the modality LUT, whose input are the stored values."""
    stored = RAMP.astype(np.int16) - 2048
    for vr, first in (("SS", -2048), ("US", 63488)):
        ds = an_image(stored, stored=16, ModalityLUTSequence=[a_lut(CURVE, first, vr=vr)])
        np.testing.assert_array_equal(CURVE[RAMP], modality_values(ds, stored, 1))


def test_tables_that_cannot_be_read_are_passed_over_or_named():
    """A VOI LUT without entries leaves the next one, or the window; a modality LUT that is needed is named."""
    empty = a_lut(np.arange(0))
    ds = an_image(VOILUTSequence=[empty, Dataset(), a_lut(CURVE)])
    assert voi_table(ds, stored_range(ds), 1) is not None
    assert voi_table(an_image(VOILUTSequence=[empty]), RAMP, 1) is None
    for broken in (empty, Dataset()):
        with pytest.raises(UnsupportedImageError, match=r"instance 1\.2\.3: a look-up table"):
            modality_table(an_image(ModalityLUTSequence=[broken]), RAMP)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize(("center", "width"), [(2047.5, 4096), (1000, 300), (40, 80)])
def test_windows_are_those_of_pydicom(function, center, width):
    """Each VOI LUT Function shows what pydicom's own shows."""
    ds = an_image(WindowCenter=center, WindowWidth=width, VOILUTFunction=function)
    ds.RescaleSlope, ds.RescaleIntercept = 1, 0
    theirs = apply_voi_lut(apply_modality_lut(RAMP.astype(np.float64), ds), ds)

    np.testing.assert_allclose(theirs / 4095, displayed(ds, 1).values, atol=1e-5)


def test_tables_are_those_of_pydicom():
    """A table whose descriptor is right shows what pydicom's own shows."""
    ds = an_image(VOILUTSequence=[a_lut(CURVE[::-1][:3000], 500)])

    np.testing.assert_allclose(apply_voi_lut(RAMP, ds) / 4095, displayed(ds, 1).values, atol=1e-6)


def test_a_model_is_shown_a_sigmoid_window_as_a_linear_one():
    """The displayed frame has the rounded ends of the sigmoid; the model's has the straight line between them."""
    of_sigmoid = displayed(an_image(WindowCenter=2048, WindowWidth=4096, VOILUTFunction="SIGMOID"), 1)
    of_linear = displayed(an_image(WindowCenter=2048, WindowWidth=4096), 1)

    np.testing.assert_array_equal(of_linear.values, of_sigmoid.linear)
    np.testing.assert_allclose(1 / (1 + np.exp(-4 * (RAMP - 2048.0) / 4096)), of_sigmoid.values, atol=1e-5)


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        ({"WindowCenter": [40, 600], "WindowWidth": [80, 2800]}, Window(40, 80, "LINEAR")),
        ({"WindowCenter": 40, "WindowWidth": 0.5}, None),
        ({"WindowCenter": 40, "WindowWidth": 0.5, "VOILUTFunction": "LINEAR_EXACT"}, Window(40, 0.5, "LINEAR_EXACT")),
        ({"WindowCenter": 40, "WindowWidth": 0}, None),
        ({"WindowCenter": 40}, None),
        ({"WindowCenter": 40, "WindowWidth": 80, "VOILUTFunction": "CUBIC"}, Window(40, 80, "LINEAR")),
    ],
)
def test_the_first_allowed_window_counts(elements, expected):
    """A width that the standard does not allow is no window."""
    assert expected == window(an_image(**elements), 1)


def a_group(keyword: str, **elements: object) -> Dataset:
    """Macros of one frame, with one group."""
    item, macros = Dataset(), Dataset()
    for name, value in elements.items():
        setattr(item, name, value)
    setattr(macros, keyword, [item])
    return macros


def test_a_frame_has_the_rescale_and_window_of_its_functional_groups():
    """The frame's own group stands above the shared one, and what it leaves out the shared one says."""
    ds = an_image(NumberOfFrames=2, WindowCenter=1, WindowWidth=2, RescaleSlope=9, RescaleIntercept=9)
    shared = a_group("PixelValueTransformationSequence", RescaleSlope=2, RescaleIntercept=-1024, RescaleType="HU")
    shared.update(a_group("FrameVOILUTSequence", WindowCenter=40, WindowWidth=80))
    own = a_group("FrameVOILUTSequence", WindowCenterWidthExplanation="BRAIN")
    other = a_group("FrameVOILUTSequence", WindowCenter=600, WindowWidth=2800)
    ds.SharedFunctionalGroupsSequence, ds.PerFrameFunctionalGroupsSequence = [shared], [own, other]

    assert [Window(40, 80, "LINEAR"), Window(600, 2800, "LINEAR")] == [window(ds, frame) for frame in (1, 2)]
    assert Rescale(2, -1024, "HU") == rescale(ds, 1)
    assert Window(1, 2, "LINEAR") == window(an_image(WindowCenter=1, WindowWidth=2), 1)


@pytest.mark.parametrize("said", [8, 16])
@pytest.mark.parametrize("largest", [255, 65535])
def test_palettes_say_their_depth_themselves(largest, said):
    """A palette of 8-bit colours is as bright as one of 16 bits, whatever its descriptors say."""
    indices = np.arange(256, dtype=np.uint8).reshape(16, 16)
    ds = an_image(indices, stored=8, PhotometricInterpretation="PALETTE COLOR")
    for colour in ("Red", "Green", "Blue"):
        ds.add_new(f"{colour}PaletteColorLookupTableDescriptor", "US", [256, 0, said])
        entries = np.linspace(largest, 0, 256).round().astype("<u2")
        ds.add_new(f"{colour}PaletteColorLookupTableData", "OW", entries.tobytes())

    np.testing.assert_allclose(1 - indices / 255, displayed(reread(ds), 1).values, atol=1e-4)
