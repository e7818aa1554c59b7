"""Every film is read once, and each image by itself."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import JPEGLSLossless

from dicomnode.infer.files import read_headers
from dicomnode.infer.prepare import prepare_study
from dicomnode.records import Omission, ReviewReason


@pytest.fixture
def a_chest() -> np.ndarray:
    """A film of 12 bits with soft shades, so that two processings of it differ as real ones do."""
    rows, columns = np.indices((160, 160)) / 160
    return np.rint(2000 + 900 * np.sin(9 * rows) + 900 * np.cos(7 * columns * rows)).astype(np.uint16)


def _uids(paths) -> list[str]:
    return [str(dcmread(path).SOPInstanceUID) for path in paths]


def _study(paths, bundle):
    return prepare_study(read_headers(paths), bundle)


def _read(paths, bundle) -> list[str]:
    return [image.sop_instance_uid for image in _study(paths, bundle).images]


def _a_source(uid: str) -> list[Dataset]:
    item = Dataset()
    item.ReferencedSOPInstanceUID = uid
    return [item]


STORED = {"BitsStored": 12, "HighBit": 11}


@pytest.mark.parametrize(
    "other",
    [
        {"WindowCenter": 2048, "WindowWidth": 4096},
        {"PhotometricInterpretation": "MONOCHROME1"},
        {"transfer_syntax": JPEGLSLossless},
        {"RescaleSlope": 2, "RescaleIntercept": 7},
    ],
)
def test_the_same_film_in_two_encodings_is_read_once(make_film, a_film_bundle, a_chest, other):
    """What looks the same is one film, however it is stored; the lower Instance Number stands for it."""
    pixels = 4095 - a_chest if "PhotometricInterpretation" in other else a_chest
    first, second = (
        make_film(a_chest, InstanceNumber=1, **STORED),
        make_film(pixels, InstanceNumber=2, **STORED, **other),
    )

    for order in ([first, second], [second, first]):
        prepared = _study(order, a_film_bundle)
        assert _uids([first]) == [image.sop_instance_uid for image in prepared.images]
        assert [Omission.DUPLICATE] == [left.reason for left in prepared.selection.left_out]


@pytest.mark.parametrize("link", ["event", "source"])
def test_one_exposure_processed_twice_is_read_once(make_film, a_film_bundle, a_chest, link):
    """Films of one irradiation event, or of which one names the other as its source: the original is read."""
    original = make_film(a_chest, ImageType=["ORIGINAL", "PRIMARY"], IrradiationEventUID="2.25.7", **STORED)
    linked = {"IrradiationEventUID": "2.25.7"} if link == "event" else {"SourceImageSequence": _a_source("2.25.1000")}
    edged = make_film(np.gradient(a_chest.astype(float))[0].astype(np.int16).view(np.uint16) % 4096,
                      ImageType=["DERIVED", "PRIMARY"], **STORED, **linked)  # fmt: skip

    assert _uids([original]) == _read([edged, original], a_film_bundle)


def test_two_exposures_are_both_read(make_film, a_film_bundle, a_chest):
    """A repeat, and a film with one small opacity more, are films of their own: the finding may be on either."""
    with_nodule = a_chest.copy()
    with_nodule[60:68, 40:48] = 4095
    moved = np.roll(a_chest, 8, axis=0)
    paths = [make_film(one, InstanceNumber=n, **STORED) for n, one in enumerate((a_chest, with_nodule, moved))]

    assert _uids(paths) == _read(paths[::-1], a_film_bundle)


def test_a_film_with_bones_suppressed_is_read_only_where_there_is_no_other(make_film, a_film_bundle, a_chest):
    """It looks like nothing the model was measured on; alone it excludes nothing."""
    plain = make_film(a_chest, **STORED)
    suppressed = make_film(a_chest // 2, ImageType=["DERIVED", "PRIMARY", "BONE_SUPPRESSED"], **STORED)

    both, alone = _study([suppressed, plain], a_film_bundle), _study([suppressed], a_film_bundle)
    assert _uids([plain]) == [image.sop_instance_uid for image in both.images]
    assert not both.selection.doubts
    assert [Omission.DERIVED] == [left.reason for left in both.selection.left_out]
    assert [ReviewReason.OUT_OF_DISTRIBUTION] == list(alone.selection.doubts)


def test_for_processing_gives_way(make_film, a_film_bundle, a_chest):
    """Raw detector values are never read, and the image made from them is, though it is called derived."""
    raw = make_film(a_chest, PresentationIntentType="FOR PROCESSING", **STORED)
    shown = make_film(a_chest, PresentationIntentType="FOR PRESENTATION", ImageType=["DERIVED", "PRIMARY"], **STORED)

    assert _uids([shown]) == _read([raw, shown], a_film_bundle)


def test_films_come_in_the_order_of_their_contents(make_film, a_film_bundle, a_chest):
    """Neither arrival nor UIDs decide which film is the first."""
    paths = [
        make_film(
            np.roll(a_chest, 20 * n, axis=1), AcquisitionDate="20260105", AcquisitionTime=f"10{59 - n}00", **STORED
        )
        for n in range(3)
    ]

    for order in itertools.permutations(paths):
        assert _uids(paths[::-1]) == _read(order, a_film_bundle)
