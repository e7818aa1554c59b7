"""Which way is up, and how slices stack."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from pydicom import Dataset

from dicomnode.dicom.geometry import (
    UPRIGHT_FRONTAL,
    Plane,
    made_upright,
    missing_before,
    plane,
    stack_order,
    turns_to_upright,
)
from dicomnode.errors import UnsupportedImageError

AXIAL = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def _planes(*places_mm: float, thickness_mm: float = 0.0) -> list[Plane]:
    return [Plane((0.0, 0.0, place), *AXIAL, thickness_mm) for place in places_mm]


LETTERS = {"L": (0, 1), "R": (0, -1), "F": (1, 1), "H": (1, -1)}


@pytest.mark.parametrize(
    "orientation", [pair for pair in itertools.product(LETTERS, repeat=2) if LETTERS[pair[0]][0] != LETTERS[pair[1]][0]]
)
def test_every_orientation_is_turned_upright(orientation):
    """Whichever of the eight ways a frontal film is stored, left ends on the right and feet end below."""
    toward = np.zeros((2, 5, 5))  # how far left and how far down the patient each stored pixel lies
    row_axis, row_sign = LETTERS[orientation[0]]
    column_axis, column_sign = LETTERS[orientation[1]]
    toward[row_axis] = row_sign * np.arange(5)[np.newaxis, :]
    toward[column_axis] = column_sign * np.arange(5)[:, np.newaxis]

    turns = turns_to_upright(orientation, UPRIGHT_FRONTAL)
    left, feet = (made_upright(one, *turns) for one in toward)

    assert (np.diff(left, axis=1) == 1).all()
    assert (np.diff(feet, axis=0) == 1).all()


@pytest.mark.parametrize("orientation", [(), ("L",), ("", ""), ("L", "L"), ("A", "F"), ("LE", "RT"), ("?", "F")])
def test_what_says_nothing_turns_nothing(orientation):
    """Absent, impossible or foreign directions leave the frame alone."""
    assert (0, False) == turns_to_upright(orientation, UPRIGHT_FRONTAL)


def test_compound_directions_count_by_their_first_letter():
    """A film taken slightly askew is hung by its main directions."""
    assert (0, True) == turns_to_upright(("RH", "FR"), UPRIGHT_FRONTAL)


def test_order_follows_the_normal():
    """Slices come in the order of their places, whatever order they are given in."""
    assert [2, 0, 3, 1] == stack_order(_planes(5, 15, 0, 10), "2.25.1")


def test_a_flipped_normal_turns_the_order():
    """Slices whose columns run the other way are sorted along their own normal."""
    planes = [Plane((0, 0, place), (1, 0, 0), (0, -1, 0), 0) for place in (0.0, 5.0, 10.0)]

    assert [2, 1, 0] == stack_order(planes, "2.25.1")


@pytest.mark.parametrize("places", [(0,), (0, 5), (0, 5, 10.2, 15), (0, 1.25, 2.5)])
def test_regular_stacks_are_accepted(places):
    """One slice, and slices with the small errors of real headers, are in order."""
    assert list(range(len(places))) == stack_order(_planes(*places), "2.25.1")


@pytest.mark.parametrize(
    ("planes", "said"),
    [
        (_planes(0, 5, 5, 10), "series 2.25.1 has two slices at the same position"),
        ([Plane((0, 0.1 * place, place), *AXIAL, 0) for place in (0, 5, 10)], "gantry tilt of 6 degrees"),
    ],
)
def test_broken_stacks_are_named(planes, said):
    """Repeated positions and tilt each have their own sentence."""
    with pytest.raises(UnsupportedImageError, match=said):
        stack_order(planes, "2.25.1")


def test_thick_slices_fill_a_wide_step():
    """A step as wide as the slices are thick is no gap."""
    planes = [*_planes(0, 5, 10, 15, thickness_mm=5), *_planes(25, thickness_mm=10)]

    assert [0, 0, 0, 0, 0] == missing_before(planes)


@pytest.mark.parametrize(
    ("places", "expected"),
    [((0, 5, 10, 25), [0, 0, 0, 2]), ((0, 10, 15, 20), [0, 1, 0, 0]), ((0,), [0]), ((0, 5, 10.2, 15), [0, 0, 0, 0])],
)
def test_missing_slices_are_counted(places, expected):
    """A gap holds as many slices as would fill it."""
    assert expected == missing_before(_planes(*places))


def test_a_plane_needs_position_and_orientation():
    """Without either there is no plane; with both there is, and its letters follow."""
    ds = Dataset()
    ds.ImagePositionPatient = [1, 2, 3]
    assert plane(ds, 1) is None

    ds.ImageOrientationPatient = [-1, 0, 0, 0, 1, 0]
    found = plane(ds, 1)
    assert ((1, 2, 3), ("R", "P"), True) == (found.position, found.letters, found.is_axial)
