"""From the files of a study to the images that the encoder takes."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from dicomnode.infer.ct import prepare_ct
from dicomnode.infer.files import Header, read_headers
from dicomnode.infer.manifest import Accepts, PixelRecipe, Prefers
from dicomnode.infer.radiograph import prepare_radiographs
from dicomnode.records import PreparedImage, Selection


class Readable(Protocol):
    """What says which images are read and how: a bundle, or the recipe of one that is still to be trained."""

    @property
    def accepts(self) -> Accepts:
        """Which instances."""

    @property
    def prefers(self) -> Prefers:
        """Which of several series."""

    @property
    def pixels(self) -> PixelRecipe:
        """How a frame becomes `pixel_values`."""


class PreparedStudy(NamedTuple):
    """What a bundle reads of a study."""

    images: tuple[PreparedImage, ...]
    """At least one: each frame of each film, or each slice of one CT stack in order."""
    selection: Selection
    """Which these are, and why the others are not read."""


def prepare_study(headers: Sequence[Header], bundle: Readable) -> PreparedStudy:
    """Pick what the bundle reads from a study and make its pixels ready; the result does not depend on the order.

    Parameters
    ----------
    headers
        Of every instance of the study, in any order.

    Raises
    ------
    NotApplicableError
        If the bundle does not read this kind of study.
    UnsupportedImageError
        If it does, but a file, its pixel data or its geometry cannot be read.
    NotJudgedError
        If it does, but too little of the organ is there, or the bundle refuses how it was acquired.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom's warnings quote header values, which may be the patient's
        if bundle.accepts.kind == "ct":
            return PreparedStudy(*prepare_ct(headers, bundle.accepts, bundle.prefers, bundle.pixels))
        return PreparedStudy(*prepare_radiographs(headers, bundle.accepts, bundle.pixels))


def prepare(paths: Sequence[Path], bundle: Readable) -> tuple[PreparedImage, ...]:
    """As `prepare_study`, from files and for the images alone.

    Raises
    ------
    NotApplicableError, UnsupportedImageError, NotJudgedError
        As `prepare_study`; the second also if a file is missing or no DICOM file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        headers = read_headers(paths)
    return prepare_study(headers, bundle).images
