"""Windows, values and JPEG bytes, each by itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom.data
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate, get_frame

from dicomnode.dicom.codestream import claimed_samples, sequential_scan_repaired
from dicomnode.dicom.greyscale import windowed
from dicomnode.dicom.pixels import decoded_frame, hounsfield
from dicomnode.errors import UnsupportedImageError

PACKAGED = Path(pydicom.data.__file__).parent / "test_files"


@pytest.mark.parametrize(
    ("function", "center", "width", "expected"),
    [
        # PS3.3 C.11.2.1.2.1: LINEAR with centre 2048 and width 4096 maps 0 to black and 4095 to white
        ("LINEAR", 2048, 4096, {-5: 0, 0: 0, 4095: 1, 5000: 1, 2047.5: 0.5}),
        ("LINEAR", 100, 1, {99: 0, 100: 1}),
        ("LINEAR_EXACT", 2048, 4096, {0: 0, 4096: 1, 2048: 0.5}),
        ("SIGMOID", 100, 40, {100: 0.5, 110: 1 / (1 + np.exp(-1)), -1e6: 0, 1e6: 1}),
    ],
)
def test_windows_follow_the_standard(function, center, width, expected):
    """Each VOI LUT Function maps the values that the standard names."""
    values = np.array(list(expected), dtype=np.float32)

    np.testing.assert_allclose(list(expected.values()), windowed(values, center, width, function), atol=1e-6)


def test_hounsfield_units_of_a_known_slice():
    """The packaged CT has its rescale applied."""
    ds = dcmread(PACKAGED / "CT_small.dcm")

    np.testing.assert_array_equal(ds.pixel_array.astype(float) + float(ds.RescaleIntercept), hounsfield(ds, 1))


def test_a_wrong_last_coefficient_is_mended():
    """A JPEG whose scan header says 0 instead of 63 gives the bytes that it should have been."""
    ds = dcmread(PACKAGED / "SC_rgb_jpeg_dcmtk.dcm")
    whole = get_frame(ds.PixelData, 0, number_of_frames=1)
    scan = whole.find(b"\xff\xda")
    last_coefficient = scan + 6 + 2 * whole[scan + 4]
    assert 63 == whole[last_coefficient]
    spoiled = whole[:last_coefficient] + b"\0" + whole[last_coefficient + 1 :]

    assert whole == sequential_scan_repaired(spoiled)
    assert whole == sequential_scan_repaired(whole)


def test_a_real_file_with_that_fault_is_decoded():
    """A 12-bit JPEG of the standard's own sample set is read."""
    assert (1024, 256) == decoded_frame(dcmread(PACKAGED / "JPEG-lossy.dcm"), 1).shape


@pytest.mark.parametrize(
    ("name", "samples"),
    [
        ("SC_rgb_jpeg_dcmtk.dcm", 100 * 100 * 3),
        ("JPEG2000.dcm", 1024 * 256),
        ("MR_small_jpeg_ls_lossless.dcm", 64 * 64),
        ("SC_rgb_jpeg_gdcm.dcm", 100 * 100 * 3),
    ],
)
def test_a_frame_says_how_many_samples_it_holds(name, samples):
    """The size is found in every codestream of the JPEG family, and never beyond what is there."""
    encoded = get_frame(dcmread(PACKAGED / name).PixelData, 0, number_of_frames=1)

    assert samples == claimed_samples(encoded)
    assert {0, samples} >= {claimed_samples(encoded[:end]) for end in range(200)}


def test_a_frame_that_claims_gigapixels_is_refused():
    """A damaged size is found before a decoder reserves memory for it."""
    ds = dcmread(PACKAGED / "JPEG2000.dcm")
    encoded = bytearray(get_frame(ds.PixelData, 0, number_of_frames=1))
    start = encoded.find(b"\xff\x4f\xff\x51")
    encoded[start + 8 : start + 12] = b"\x00\x7f\xff\xff"
    ds.PixelData = encapsulate([bytes(encoded)])

    with pytest.raises(UnsupportedImageError, match="claims 8589933568 samples; 262144 would be right"):
        decoded_frame(ds, 1)


def test_a_header_that_claims_gigapixels_is_refused():
    """The same holds for the header of an uncompressed frame."""
    ds = dcmread(PACKAGED / "CT_small.dcm")
    ds.Rows = ds.Columns = 65535

    with pytest.raises(UnsupportedImageError, match="claims 4294836225 samples; 268435456 would be right"):
        decoded_frame(ds, 1)


@pytest.mark.parametrize("frame", [b"", b"\xff\xda", b"\xff\xc0\xff\xda", b"\xff\xc1\xff\xda\0\x08\xff", b"JPEG"])
def test_what_is_no_such_jpeg_is_left_alone(frame):
    """Bytes that are cut off or something else come back as they were."""
    assert frame == sequential_scan_repaired(frame)


def test_damaged_rle_is_refused():
    """Runs that end before the frame does are a refusal, whichever plug-ins are installed."""
    ds = dcmread(PACKAGED / "MR_small_RLE.dcm")
    ds.PixelData = encapsulate([get_frame(ds.PixelData, 0, number_of_frames=1)[:1000]])

    with pytest.raises(UnsupportedImageError, match="RLE Lossless pixel data cannot be decoded"):
        decoded_frame(ds, 1)
