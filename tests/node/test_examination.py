"""What was done is told as the headers tell it, wherever in them it stands."""

from __future__ import annotations

import pytest
from pydicom import Dataset

from dicomnode.node.examination import examination


def _an_enhanced_ct(*thicknesses_mm: float, shared_mm: float | None = None) -> Dataset:
    """Header of a multi-frame CT with the slice thickness of each frame; 0 leaves it to the shared group."""
    ds = Dataset()
    ds.Modality, ds.NumberOfFrames = "CT", len(thicknesses_mm)
    ds.PerFrameFunctionalGroupsSequence = [_measures(one or None) for one in thicknesses_mm]
    ds.SharedFunctionalGroupsSequence = [_measures(shared_mm)]
    return ds


def _measures(thickness_mm: float | None) -> Dataset:
    group, item = Dataset(), Dataset()
    if thickness_mm is not None:
        item.SliceThickness = thickness_mm
    group.PixelMeasuresSequence = [item]
    return group


@pytest.mark.parametrize(
    ("ds", "expected"),
    [
        (_an_enhanced_ct(5, 5), 5.0),
        (_an_enhanced_ct(0, 0, shared_mm=1.25), 1.25),
        (_an_enhanced_ct(5, 0, shared_mm=1.25), None),
        (_an_enhanced_ct(0, 0), None),
    ],
)
def test_the_thickness_of_a_multi_frame_ct_is_told_where_all_frames_agree(ds, expected):
    """It stands in functional groups (PS3.3 C.7.6.16.2.1); what differs between frames is left out."""
    found = examination([ds])

    assert found is not None
    assert expected == found.slice_thickness_mm
