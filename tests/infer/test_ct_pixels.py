"""CT slices whose pixels are not square, or that are padded around their field of view, read as plain ones."""

from __future__ import annotations

import numpy as np
import pytest
from infer.conftest import a_head
from PIL import Image

from dicomnode.infer.prepare import prepare

HEIGHTS_MM = (0, 5, 10, 15)


def prepared(paths, bundle) -> np.ndarray:
    """(slices, channels, rows, columns)."""
    return np.stack([image.pixel_values for image in prepare(paths, bundle)])


@pytest.mark.parametrize("rows", [60, 68])
def test_slices_whose_pixels_are_not_square_are_made_so(make_slice, a_ct_bundle, rows):
    """The same head, sampled with another distance between rows than between columns, gives the same grid."""
    squeezed = np.asarray(Image.fromarray(a_head().astype(np.float32)).resize((64, rows))).round().astype(np.int16)
    spacing = {"PixelSpacing": [64 / rows, 1], "Rows": rows}
    expected = prepared([make_slice(z) for z in HEIGHTS_MM], a_ct_bundle)
    found = prepared([make_slice(z, squeezed, **spacing) for z in HEIGHTS_MM], a_ct_bundle)

    assert 0.1 > np.abs(expected - found).mean() / np.ptp(expected)


@pytest.mark.parametrize("padding", [-2000, 3000, 30000, 40])
def test_what_a_scanner_pads_with_is_not_read(make_slice, a_ct_bundle, padding):
    """Padding outside a round field is air, though its value be that of bone or of brain."""
    outside = np.hypot(*(np.indices((64, 64)) - 31.5)) > 31.5
    expected = prepared([make_slice(z) for z in HEIGHTS_MM], a_ct_bundle)
    padded = np.where(outside, padding, a_head()).astype(np.int32)
    stored = int(np.array(padding + 1024).astype(np.uint16))
    found = prepared([make_slice(z, padded, PixelPaddingValue=stored) for z in HEIGHTS_MM], a_ct_bundle)

    np.testing.assert_array_equal(expected, found)
