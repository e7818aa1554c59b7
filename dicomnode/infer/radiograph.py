"""Projection radiographs (CR, DX and their like) to prepared images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dicomnode.dicom.elements import text, texts
from dicomnode.dicom.geometry import UPRIGHT_FRONTAL, made_upright, pixel_aspect, turns_to_upright
from dicomnode.dicom.pixels import displayed, frame_count
from dicomnode.errors import UnsupportedImageError
from dicomnode.infer.files import Header, read_instance
from dicomnode.infer.films import Film, choose_films, films_of
from dicomnode.infer.grid import fitted, normalized, region_of, stretched
from dicomnode.infer.manifest import Accepts, PixelRecipe
from dicomnode.records import PreparedImage, ReasonCode, Selection, reason

_MOST_FRAMES = 16


def prepare_radiographs(
    headers: Sequence[Header], accepts: Accepts, recipe: PixelRecipe
) -> tuple[tuple[PreparedImage, ...], Selection]:
    """Every frame of the films that `films` chooses, and why the others are not read.

    Raises
    ------
    NotApplicableError
        If there is no film that the bundle reads.
    UnsupportedImageError
        If one of them cannot be read: a study is never answered from the readable half of its films.
    """
    fitting, left_out = films_of(headers, accepts)
    films = [Film(header=header, images=tuple(_frames(header, recipe))) for header in fitting]
    return choose_films(films, left_out)


def _frames(header: Header, recipe: PixelRecipe) -> list[PreparedImage]:
    """A film has one frame, dual energy and stitching a few; a cine run is no film."""
    count = frame_count(header.ds)
    if count > _MOST_FRAMES:
        uid = text(header.ds, "SOPInstanceUID")
        raise UnsupportedImageError(reason(ReasonCode.FRAMES, uid=uid, count=count, most=_MOST_FRAMES))
    ds = read_instance(header.path)
    quarters, flip = turns_to_upright(texts(ds, "PatientOrientation"), UPRIGHT_FRONTAL)
    images = []
    for frame_number in range(1, count + 1):
        shown = displayed(ds, frame_number)
        upright = made_upright(stretched(shown.linear, shown.is_image, recipe), quarters, flip)
        aspect = pixel_aspect(ds, frame_number)
        grid, placement = fitted(upright, recipe, quarters, flip, region_of(upright, recipe), aspect)
        images.append(
            PreparedImage(
                sop_instance_uid=text(ds, "SOPInstanceUID"),
                sop_class_uid=text(ds, "SOPClassUID"),
                frame_number=frame_number,
                pixel_values=normalized([grid] * recipe.channels, recipe),
                display=np.rint(shown.values * 255).astype(np.uint8),
                placement=placement,
            )
        )
    return images
