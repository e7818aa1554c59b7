"""Kernels are known by their makers' names, and by their noise where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.infer.kernels import kernel_class
from dicomnode.infer.noise import is_hounsfield_like, measured_class, tissue_noise
from dicomnode.phantoms.head_ct import head_ct
from dicomnode.records import KernelClass

NAMES = {
    KernelClass.SOFT: "H30s H31f J30s J40s B31f Br40d Hr40h I30f Qr40d Bv36d SOFT STANDARD STND DETAIL CHST A B UB "
    "FC01 FC08-H FC21 FC26 FC41 FC64 FC68 H_SOFT_B standard",
    KernelClass.BONE: "H60s H70h Hr68 BONE BONEPLUS BONE+ EDGE FC30 FC31 FC81 Knochen",
    KernelClass.LUNG: "Bl57d LUNG L FC50 FC51 FC86 lung",
    KernelClass.SHARP: "B60f B70f U90u I70f D E YA B_VSHARP_C SHARP ULTRA J70h",
    KernelClass.UNKNOWN: "Q XYZ 22 FC99 ?",
}


@pytest.mark.parametrize(("expected", "names"), NAMES.items())
def test_a_kernel_is_known_by_its_makers_name(expected, names):
    """Siemens, GE, Philips, Toshiba and United Imaging name kernels in their own ways."""
    assert dict.fromkeys(names.split(), expected) == {name: kernel_class(name) for name in names.split()}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Brain Standard (UB)", KernelClass.SOFT), ("Y-Sharp (YA)", KernelClass.SHARP), ("HD BONE", KernelClass.BONE)],
)
def test_words_around_a_kernel_do_not_hide_it(name, expected):
    """Several words, brackets and blanks are read; of several words the most telling counts."""
    assert expected == kernel_class(name)


def test_a_letter_means_something_to_its_maker_alone():
    """`B` is a Philips kernel; nobody knows what it is of another maker."""
    assert KernelClass.SOFT == kernel_class("B", "Philips Medical Systems")
    assert KernelClass.UNKNOWN == kernel_class("B", "NEUSOFT")


@pytest.fixture(scope="module")
def a_volume() -> np.ndarray:
    """HU of three slices from the middle of a head."""
    return head_ct(5, has_bleed=True).hounsfield[10:13].astype(np.float32)


@pytest.mark.parametrize("sigma", [8, 12, 30, 60, 100])
def test_noise_is_measured_in_level_tissue(a_volume, sigma):
    """The measured noise is that which was added, whatever edges the head has; it tells soft from sharp."""
    noise = np.random.default_rng(1).normal(0, sigma, a_volume.shape).astype(np.float32)

    assert pytest.approx(sigma, rel=0.1) == np.median([tissue_noise(one) for one in a_volume + noise])
    expected = KernelClass.SOFT if sigma < 18 else KernelClass.SHARP
    assert expected == measured_class(list(a_volume + noise))


def test_noise_that_cannot_be_measured_is_not_guessed(a_volume):
    """Where there is no tissue there is no noise of it."""
    assert tissue_noise(np.full((256, 256), -1000, np.float32)) is None
    assert KernelClass.UNKNOWN == measured_class([np.zeros((8, 8), np.float32)])
    assert KernelClass.SOFT == measured_class([a_volume[0], np.full((256, 256), -1000, np.float32)])


def test_values_without_air_are_no_hounsfield_units(a_volume):
    """A map of iodine or of atomic numbers begins at zero; a patient is surrounded by air."""
    assert is_hounsfield_like(list(a_volume))
    assert not is_hounsfield_like(list((a_volume + 1024) * 0.01))
