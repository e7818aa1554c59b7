"""The files of a study to the images that a bundle's encoder takes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from dicomnode.infer.accept import Header, accepted
from dicomnode.infer.ct import prepare_ct
from dicomnode.infer.files import read_instance
from dicomnode.infer.manifest import Accepts, PixelRecipe
from dicomnode.infer.radiograph import prepare_radiographs
from dicomnode.records import PreparedImage

_KINDS: dict[str, Callable[[Sequence[Header], PixelRecipe], tuple[PreparedImage, ...]]] = {
    "radiograph": prepare_radiographs,
    "ct": prepare_ct,
}


class Readable(Protocol):
    """What says which images are read and how: a bundle, or the recipe of one that is still to be trained."""

    @property
    def accepts(self) -> Accepts:
        """Which instances."""

    @property
    def pixels(self) -> PixelRecipe:
        """How a frame becomes `pixel_values`."""


def prepare(paths: Sequence[Path], bundle: Readable) -> tuple[PreparedImage, ...]:
    """Pick what the bundle reads from a study and make its pixels ready.

    Parameters
    ----------
    paths
        Every DICOM file of the study, in any order.

    Returns
    -------
    At least one image: each frame of each accepted film, or each slice of the largest accepted CT series in order.

    Raises
    ------
    NotApplicableError
        If the bundle does not read this kind of study.
    UnsupportedImageError
        If it does, but a file, its pixel data or its geometry cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote header values, which may be the patient's
        headers = [Header(path, read_instance(path, has_pixels=False)) for path in paths]
        return _KINDS[bundle.accepts.kind](accepted(headers, bundle.accepts), bundle.pixels)
