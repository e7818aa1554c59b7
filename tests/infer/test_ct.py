"""Slices become a volume in the right order, or are refused by name."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.uid import EnhancedCTImageStorage

from dicomnode.errors import NotApplicableError, NotJudgedError, UnsupportedImageError
from dicomnode.infer.files import read_headers
from dicomnode.infer.manifest import Prefers
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare, prepare_study
from dicomnode.records import Omission, ReviewReason


def _uids(images) -> list[str]:
    return [image.sop_instance_uid for image in images]


def _uids_of(paths) -> list[str]:
    return [dcmread(path).SOPInstanceUID for path in paths]


def test_slices_are_sorted_along_the_normal(make_slice, a_ct_bundle):
    """Whatever the order of the files, the slices come in the order of their places."""
    paths = [make_slice(z) for z in (0, 5, 10, 15)]
    expected = [dcmread(path).SOPInstanceUID for path in paths]

    for shuffled in itertools.permutations(paths):
        assert expected == _uids(prepare(shuffled, a_ct_bundle))


def test_values_become_hounsfield_windows(make_slice, a_ct_bundle, a_bleed):
    """Each channel is one window; the first is what an overlay is drawn on."""
    (image,) = prepare([make_slice(0, a_bleed)], a_ct_bundle)

    values = image.pixel_values * a_ct_bundle.pixels.std + a_ct_bundle.pixels.mean
    assert (2, 64, 64) == image.pixel_values.shape
    brain = np.clip((a_bleed - 39.5) / 79 + 0.5, 0, 1)
    bone = np.clip((a_bleed - 499.5) / 999 + 0.5, 0, 1)
    np.testing.assert_allclose([brain, bone], values, atol=1e-5)
    np.testing.assert_array_equal(np.rint(brain * 255), image.display)


def test_blood_is_read_as_blood(make_slice, a_ct_bundle, a_bleed):
    """The study with one bleeding slice is positive, and that slice is the best."""
    model = Model(a_ct_bundle)
    calm = model.read(prepare([make_slice(z) for z in (0, 5, 10)], a_ct_bundle))
    bleeding = model.read(prepare([make_slice(z, a_bleed if z == 5 else None) for z in (0, 5, 10)], a_ct_bundle))

    assert calm.probabilities[0] < 0.5 < bleeding.probabilities[0]
    assert (1,) == bleeding.best_images
    assert ("There is a hemorrhage.",) == bleeding.draft.sentences


def test_a_mirrored_slice_is_hung_upright(make_slice, a_ct_bundle, a_bleed):
    """A slice whose columns run to the patient's right is flipped for the encoder, not for the display."""
    (expected,) = prepare([make_slice(0, a_bleed)], a_ct_bundle)
    mirrored = np.ascontiguousarray(a_bleed[:, ::-1])
    (image,) = prepare([make_slice(0, mirrored, ImageOrientationPatient=[-1, 0, 0, 0, 1, 0])], a_ct_bundle)

    np.testing.assert_allclose(expected.pixel_values, image.pixel_values, atol=1e-6)
    np.testing.assert_array_equal(expected.display[:, ::-1], image.display)
    assert image.placement.flip_columns


def test_only_the_largest_axial_series_is_read(make_slice, a_ct_bundle):
    """A localizer, a coronal reformat and a shorter series are left out."""
    chosen = [make_slice(z) for z in (0, 5, 10)]
    shorter = [make_slice(z, SeriesInstanceUID="2.25.101") for z in (0, 5)]
    coronal = [
        make_slice(0, SeriesInstanceUID="2.25.102", ImageOrientationPatient=[1, 0, 0, 0, 0, -1],
                   ImagePositionPatient=[0, y, 0])
        for y in range(0, 50, 10)
    ]  # fmt: skip
    localizer = make_slice(0, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])

    images = prepare([localizer, *coronal, *shorter, *chosen], a_ct_bundle)

    assert [dcmread(path).SOPInstanceUID for path in chosen] == _uids(images)


def test_phases_are_told_apart_by_acquisition(make_slice, a_ct_bundle):
    """A series that covers the head twice is read by its larger acquisition."""
    first = [make_slice(z, AcquisitionNumber=1) for z in (0, 5)]
    second = [make_slice(z, AcquisitionNumber=2) for z in (0, 5, 10)]

    images = prepare([*first, *second], a_ct_bundle)

    assert [dcmread(path).SOPInstanceUID for path in second] == _uids(images)


def test_repeated_positions_are_refused(make_slice, a_ct_bundle, a_bleed):
    """Two different slices at one place within one acquisition leave no order."""
    with pytest.raises(UnsupportedImageError, match="two slices at the same position"):
        prepare([make_slice(0), make_slice(5), make_slice(5, a_bleed)], a_ct_bundle)


def test_a_slice_that_came_twice_is_read_once(make_slice, a_ct_bundle):
    """The same slice under two UIDs is no second slice, and the study is read."""
    paths = [make_slice(z) for z in (0, 5, 10)]
    prepared = prepare_study(read_headers([make_slice(5), *paths]), a_ct_bundle)

    assert 3 == len(prepared.images)
    (left,) = prepared.selection.left_out
    assert (Omission.DUPLICATE, 1) == (left.reason, left.facts.images)


def test_a_volume_with_holes_is_not_judged(make_slice, a_ct_bundle):
    """A volume of which more than a tenth is missing is not read as if it were whole."""
    with pytest.raises(NotJudgedError, match="1 slice is missing between the 5 that were received") as caught:
        prepare([make_slice(z) for z in (0, 5, 10, 20, 25)], a_ct_bundle)

    assert ReviewReason.INCOMPLETE == caught.value.review


def test_few_missing_slices_are_counted(make_slice, a_ct_bundle):
    """One slice of twelve may be missing; the reading says so."""
    images = prepare([make_slice(5 * place) for place in range(12) if place != 4], a_ct_bundle)

    assert [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0] == [image.missing_before for image in images]
    assert 1 == Model(a_ct_bundle).read(images).missing_images


def test_missing_slices_are_counted_between_those_that_are_read(make_slice, a_ct_bundle):
    """A volume that is read in part still counts every slice that did not come."""
    few = dataclasses.replace(a_ct_bundle, pixels=a_ct_bundle.pixels.model_copy(update={"slices": 4}))
    images = prepare([make_slice(5 * place) for place in range(24) if place not in (4, 11)], few)

    assert 4 == len(images)
    assert 2 == sum(image.missing_before for image in images)


def test_a_change_of_slice_thickness_is_no_gap(make_slice, a_ct_bundle):
    """Thin slices through the base and thick ones above fill the head."""
    thin = [make_slice(z) for z in (0, 5, 10, 15)]
    thick = [make_slice(z, SliceThickness=10) for z in (22.5, 32.5)]

    assert 6 == len(prepare([*thin, *thick], a_ct_bundle))


def test_mixed_orientations_are_parted(make_slice, a_ct_bundle):
    """Slices of one series that look different ways are two stacks: the one that covers more is read."""
    chosen = [make_slice(z) for z in (0, 5, 10)]
    turned = [make_slice(z, ImageOrientationPatient=[0, 1, 0, -1, 0, 0]) for z in (15, 20)]

    assert _uids_of(chosen) == _uids(prepare([*turned, *chosen], a_ct_bundle))


def test_gantry_tilt_is_refused(make_slice, a_ct_bundle):
    """Slices that lean against the table's way are not stacked as if they stood upright."""
    tilt = np.radians(15)
    cosines = [1, 0, 0, 0, float(np.cos(tilt)), float(-np.sin(tilt))]

    with pytest.raises(UnsupportedImageError, match="gantry tilt of 15 degrees"):
        prepare([make_slice(z, ImageOrientationPatient=cosines) for z in (0, 5, 10)], a_ct_bundle)


UNSUPPORTED = {
    "Image Position": {"ImagePositionPatient": None},
    "two unit vectors": {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]},
    "cannot be converted to HU": {"RescaleSlope": None, "RescaleIntercept": None},
    "pixels cannot be 0.1 times as high as wide": {"PixelSpacing": [0.1, 1]},
    "no pixel data": {"PixelData": None},
    "Rows or Columns is missing": {"Rows": None, "Columns": None, "PixelData": None},
}


@pytest.mark.parametrize("said", UNSUPPORTED)
def test_an_unreadable_slice_is_refused_by_name(make_slice, a_ct_bundle, said):
    """What keeps a CT from being read is said in one sentence; a series without any image is one such."""
    with pytest.raises(UnsupportedImageError, match=said):
        prepare([make_slice(0, **UNSUPPORTED[said])], a_ct_bundle)


@pytest.mark.parametrize(
    ("elements", "said"),
    [
        ({"BodyPartExamined": "ABDOMEN"}, "Body Part Examined is ABDOMEN; the model reads HEAD, BRAIN"),
        ({"ImageType": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}, "the series is a LOCALIZER"),
        ({"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}, "no series of the study is axial"),
    ],
)
def test_what_the_model_does_not_read_is_named(make_slice, a_ct_bundle, elements, said):
    """A study of the wrong kind is not applicable, with what would be right."""
    with pytest.raises(NotApplicableError, match=said):
        prepare([make_slice(0, **elements)], a_ct_bundle)


def test_slices_are_thinned_evenly(make_slice, a_ct_bundle):
    """A recipe that wants three of seven slices gets the ends and the middle."""
    paths = [make_slice(5 * index) for index in range(7)]
    few = dataclasses.replace(a_ct_bundle, pixels=a_ct_bundle.pixels.model_copy(update={"slices": 3}))

    expected = [dcmread(paths[index]).SOPInstanceUID for index in (0, 3, 6)]
    assert expected == _uids(prepare(paths, few))


def _a_group(**elements) -> Dataset:
    item = Dataset()
    for keyword, element in elements.items():
        setattr(item, keyword, element)
    return item


def test_an_enhanced_ct_is_read_frame_by_frame(make_slice, a_ct_bundle, a_bleed):
    """Place, rescale and orientation come from the functional groups; frames are sorted like slices."""
    calm = np.roll(a_bleed, 0)
    calm[calm == 70] = 35
    frames = np.stack([calm, a_bleed, calm])
    per_frame = [_a_group(PlanePositionSequence=[_a_group(ImagePositionPatient=[-32, -32, z])]) for z in (10, 0, 5)]
    shared = _a_group(
        PlaneOrientationSequence=[_a_group(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelMeasuresSequence=[_a_group(PixelSpacing=[1, 1], SliceThickness=5)],
        PixelValueTransformationSequence=[_a_group(RescaleSlope=1, RescaleIntercept=-1024, RescaleType="HU")],
    )
    path = make_slice(
        0,
        frames,
        SOPClassUID=EnhancedCTImageStorage,
        NumberOfFrames=3,
        PerFrameFunctionalGroupsSequence=per_frame,
        SharedFunctionalGroupsSequence=[shared],
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        PixelSpacing=None,
        RescaleSlope=None,
        RescaleIntercept=None,
    )

    images = prepare([path], a_ct_bundle)

    assert [2, 3, 1] == [image.frame_number for image in images]
    assert EnhancedCTImageStorage == images[0].sop_class_uid
    np.testing.assert_array_equal(np.rint(np.clip((a_bleed - 39.5) / 79 + 0.5, 0, 1) * 255), images[0].display)


def _noisy(sigma: float, seed: int) -> np.ndarray:
    """HU of a head large enough to measure noise in."""
    distance = np.hypot(*(np.indices((96, 96)) - 47.5)) / 96
    head = np.select([distance < 0.38, distance < 0.44], [35, 1000], -1000)
    return np.rint(head + np.random.default_rng(seed).normal(0, sigma, head.shape)).astype(np.int16)


@pytest.mark.parametrize("kernels", [(None, None), ("X1", "X2"), ("X2", "X1")])
def test_noise_tells_unknown_kernels_apart(make_slice, a_ct_bundle, kernels):
    """Of two series whose kernels nobody knows the quiet one is read, and a noisy one alone excludes nothing."""
    soft_only = dataclasses.replace(a_ct_bundle, prefers=Prefers(kernels=("soft",)))
    named = {"SeriesInstanceUID": "1.2.3.1", "ConvolutionKernel": kernels[0]}
    sharp = [make_slice(z, _noisy(60, z), **named) for z in (0, 5, 10)]
    quiet = [make_slice(z, _noisy(5, z), ConvolutionKernel=kernels[1]) for z in (0, 5, 10)]

    prepared = prepare_study(read_headers([*sharp, *quiet]), soft_only)

    assert _uids_of(quiet) == _uids(prepared.images)
    assert not prepared.selection.doubts
    assert [Omission.KERNEL] == [one.reason for one in prepared.selection.left_out]
    alone = prepare_study(read_headers(sharp), soft_only)
    assert [ReviewReason.OUT_OF_DISTRIBUTION] == list(alone.selection.doubts)


@pytest.mark.parametrize("kind", [None, "US"])
def test_values_that_say_nothing_of_themselves_must_look_like_hounsfield_units(make_slice, a_ct_bundle, kind):
    """Without a Rescale Type a map that begins at zero is left out beside a CT, and not judged alone."""
    units = _noisy(5, 1)
    as_map = {"SeriesInstanceUID": "1.2.3.1", "RescaleType": kind, "RescaleSlope": 0.01, "RescaleIntercept": 0}
    maps = [make_slice(z, units, **as_map) for z in (0, 5, 10)]
    plain = [make_slice(z, units, RescaleType=kind) for z in (0, 5, 10)]

    assert _uids_of(plain) == _uids(prepare([*maps, *plain], a_ct_bundle))
    with pytest.raises(NotJudgedError, match="cannot be Hounsfield units"):
        prepare(maps, a_ct_bundle)


def test_equal_stacks_give_one_answer_whatever_their_uids(make_slice, a_ct_bundle):
    """Where nothing but the pixels differs, they decide; the same pixels are the same stack."""
    units = [_noisy(5, 1), _noisy(5, 2)]
    first = [[make_slice(z, units[n], SeriesInstanceUID=f"2.25.{n}") for z in (0, 5)] for n in (0, 1)]
    second = [[make_slice(z, units[n], SeriesInstanceUID=f"2.25.{1 - n}") for z in (0, 5)] for n in (0, 1)]
    copies = [[make_slice(z, units[0], SeriesInstanceUID=f"2.25.{n}") for z in (0, 5)] for n in (0, 1)]

    chosen = [prepare_study(read_headers([*a, *b]), a_ct_bundle) for a, b in (first, first[::-1], second, copies)]

    for one in chosen[1:3]:
        np.testing.assert_array_equal(chosen[0].images[0].display, one.images[0].display)
    assert [Omission.DUPLICATE] == [left.reason for left in chosen[3].selection.left_out]


def test_an_enhanced_ct_of_two_kernels_is_parted(make_slice, a_ct_bundle):
    """Frames of one instance are parted like slices: rescale type, kernel and place stand in functional groups."""
    soft_only = dataclasses.replace(a_ct_bundle, prefers=Prefers(kernels=("soft",)))
    per_frame = [
        _a_group(
            PlanePositionSequence=[_a_group(ImagePositionPatient=[-32, -32, z])],
            CTReconstructionSequence=[_a_group(ConvolutionKernel=kernel)],
            PixelValueTransformationSequence=[_a_group(RescaleSlope=1, RescaleIntercept=-1024, RescaleType=kind)],
        )
        for z, kernel, kind in (
            (0, "BONE", "HU"), (5, "BONE", "HU"), (0, "SOFT", "HU"), (5, "SOFT", "HU"), (0, "SOFT", "Z_EFF"),
        )
    ]  # fmt: skip
    shared = _a_group(
        PlaneOrientationSequence=[_a_group(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
        PixelMeasuresSequence=[_a_group(PixelSpacing=[1, 1], SliceThickness=5)],
    )
    head = np.stack([_noisy(5, n) for n in range(5)])
    path = make_slice(
        0, head, SOPClassUID=EnhancedCTImageStorage, NumberOfFrames=5, PerFrameFunctionalGroupsSequence=per_frame,
        SharedFunctionalGroupsSequence=[shared], ImagePositionPatient=None, ImageOrientationPatient=None,
        PixelSpacing=None, RescaleSlope=None, RescaleIntercept=None,
    )  # fmt: skip

    prepared = prepare_study(read_headers([path]), soft_only)

    assert [3, 4] == [image.frame_number for image in prepared.images]
    assert {Omission.KERNEL, Omission.NOT_HU} == {one.reason for one in prepared.selection.left_out}
