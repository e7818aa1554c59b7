"""Which films of a study a bundle reads, and why not the others; of slices see `infer/selection.py`.

The rule; it asks for contents only, never for UIDs or the order of arrival:

1. A film is left out where its header says that it is nothing for the model (`infer/accept.py`): FOR PROCESSING,
   another view or body part.
2. Of films of one view and exposure one is read: those with one Irradiation Event UID, one that names another as its
   source, and those whose pixels show the same. The original comes before a derived one, and of derived ones the plain
   before one with bones or tissue suppressed, then that with more pixels, the lower Series and Instance Number, and
   last of all the lower digest of the pixels.
3. All others are read: the finding may be on any. They are ordered by when they were acquired and by their numbers.

A film that is processed in a way the model was not measured on is read only where there is no other of its view, and
then excludes no finding.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dicomnode.dicom.elements import items, number, text, texts
from dicomnode.infer.accept import Misfit, error_of, misfit, view
from dicomnode.infer.files import Header
from dicomnode.infer.manifest import Accepts
from dicomnode.records import FloatArray, LeftOut, Omission, PreparedImage, ReviewReason, Selection, StackFacts

_PROCESSED = re.compile(
    r"SUPPRESS\w*|SUBTRACT\w*|SUB|BONE\w*|SOFT\w*|TISSUE|DUAL|DE|ENHANCE\w*|EDGE\w*|CAD|TUBE\w*|CATHETER\w*|INVERT\w*|"
    r"TOMO\w*|DTS|TS|SLICE"
)
"""Words of an Image Type beyond the second value that say that a film does not look as it was taken."""
_SAME_FILM = 0.998
"""Correlation of two films as the model sees them, from which they may be one: codecs and windows keep it above."""
_BLOCK = 4
_LARGEST_DIFFERENCE = 0.1
"""Of the mean over any _BLOCK x _BLOCK pixels, in standard deviations: a nodule on one of two films is more."""
_PROCESSED_FILM = Misfit(Omission.DERIVED, "the image was processed in a way the model was not measured on")


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One film, prepared."""

    header: Header
    images: tuple[PreparedImage, ...]
    """One for each frame."""


class Films(NamedTuple):
    """The headers of films to prepare, and what is left out already."""

    headers: list[Header]
    left_out: list[LeftOut]


def films_of(headers: Sequence[Header], accepts: Accepts) -> Films:
    """The films that a bundle may read.

    Raises
    ------
    NotApplicableError
        If there is none; the message says what would be right.
    UnsupportedImageError
        If there are instances of the right modality, but none of them is an image.
    """
    wrong = [(header, misfit(header.ds, 1, accepts)) for header in headers]
    fitting = [header for header, found in wrong if found is None]
    if not fitting:
        raise error_of([found for _, found in wrong if found is not None])
    left_out = [_left_out(header, found) for header, found in wrong if found is not None]
    as_taken = {view(header.ds) for header in fitting if not _is_processed(header)}
    unlike = [header for header in fitting if _is_processed(header) and view(header.ds) in as_taken]
    left_out += [_left_out(header, _PROCESSED_FILM) for header in unlike]
    return Films([header for header in fitting if not any(header is one for one in unlike)], left_out)


def choose_films(films: Sequence[Film], left_out: Sequence[LeftOut]) -> tuple[tuple[PreparedImage, ...], Selection]:
    """Read each film once.

    Parameters
    ----------
    left_out
        What is left out already.

    Returns
    -------
    The images of the films in the order of their contents, and what was chosen.
    """
    kept: list[Film] = []
    copies: list[LeftOut] = []
    for film in sorted(films, key=_merit):
        if any(_is_same_exposure(film, one) for one in kept):
            same = Misfit(Omission.DUPLICATE, "another image of the same exposure is read")
            copies.append(_left_out(film.header, same))
        else:
            kept.append(film)
    kept.sort(key=_place_in_study)
    is_unlike = any(_is_processed(film.header) for film in kept)
    selection = Selection(
        read=tuple(film_facts(film.header) for film in kept),
        left_out=tuple(sorted([*copies, *left_out], key=_row_order)),
        doubts={ReviewReason.OUT_OF_DISTRIBUTION: _PROCESSED_FILM.sentence} if is_unlike else {},
    )
    return tuple(image for film in kept for image in film.images), selection


def film_facts(header: Header) -> StackFacts:
    """What is known of a film."""
    series_number = number(header.ds, "SeriesNumber")
    shown = view(header.ds)
    return StackFacts(
        series_instance_uid=text(header.ds, "SeriesInstanceUID"),
        series_number=None if series_number is None else int(series_number),
        images=max(1, int(number(header.ds, "NumberOfFrames") or 1)),
        orientation=shown if re.fullmatch(r"[A-Z0-9 _-]{1,16}", shown) else "",
    )


def _left_out(header: Header, wrong: Misfit) -> LeftOut:
    return LeftOut(facts=film_facts(header), reason=wrong.reason, sentence=wrong.sentence)


def _row_order(one: LeftOut) -> tuple[float, str, str, str]:
    number_ = math.inf if one.facts.series_number is None else float(one.facts.series_number)
    return (number_, one.reason, one.sentence, one.facts.series_instance_uid)


def _is_processed(header: Header) -> bool:
    words = re.split(r"[^A-Z0-9]+", " ".join(texts(header.ds, "ImageType")[2:]).upper())
    return any(_PROCESSED.fullmatch(word) for word in words)


def _is_same_exposure(film: Film, other: Film) -> bool:
    if view(film.header.ds) != view(other.header.ds):
        return False
    return _is_linked(film.header, other.header) or _looks_alike(film.images, other.images)


def _is_linked(one: Header, other: Header) -> bool:
    """Whether headers say that two films come from one exposure."""
    event = text(one.ds, "IrradiationEventUID")
    if event and event == text(other.ds, "IrradiationEventUID"):
        return True
    uids = text(one.ds, "SOPInstanceUID"), text(other.ds, "SOPInstanceUID")
    sources = _sources(one), _sources(other)
    return uids[1] in sources[0] or uids[0] in sources[1] or bool(sources[0] & sources[1])


def _sources(header: Header) -> set[str]:
    return {text(item, "ReferencedSOPInstanceUID") for item in items(header.ds, "SourceImageSequence")} - {""}


def _looks_alike(one: Sequence[PreparedImage], other: Sequence[PreparedImage]) -> bool:
    return len(one) == len(other) and all(
        _shows_the_same(a.pixel_values[0], b.pixel_values[0]) for a, b in zip(one, other, strict=True)
    )


def _shows_the_same(one: FloatArray, other: FloatArray) -> bool:
    """Whether two images (rows, columns) are one, whatever window and brightness they were stored with."""
    if one.std() == 0 or other.std() == 0:
        return bool(np.array_equal(one, other))
    one, other = ((image - image.mean()) / image.std() for image in (one, other))
    if float((one * other).mean()) < _SAME_FILM:
        return False
    rows, columns = (side // _BLOCK * _BLOCK for side in one.shape)
    blocks = (one - other)[:rows, :columns].reshape(rows // _BLOCK, _BLOCK, columns // _BLOCK, _BLOCK)
    return float(np.abs(blocks.mean(axis=(1, 3))).max()) <= _LARGEST_DIFFERENCE


def _merit(film: Film) -> tuple[float | str, ...]:
    """The smaller, the rather it stands for its exposure."""
    ds = film.header.ds
    kind = [one.upper() for one in texts(ds, "ImageType")]
    return (
        float(_is_processed(film.header)),
        float(kind[:1] == ["DERIVED"]),
        float(kind[1:2] == ["SECONDARY"]),
        float(text(ds, "LossyImageCompression") == "01"),
        -(number(ds, "Rows") or 0) * (number(ds, "Columns") or 0),
        *_place_in_study(film),
    )


def _place_in_study(film: Film) -> tuple[float | str, ...]:
    ds = film.header.ds
    acquired = text(ds, "AcquisitionDateTime") or text(ds, "AcquisitionDate") + text(ds, "AcquisitionTime")
    numbers = (number(ds, keyword) for keyword in ("SeriesNumber", "InstanceNumber"))
    told = (math.inf if one is None else one for one in numbers)
    # A UID tells apart only what is equal in all else, and so gives the same answer.
    return (acquired or "9", *told, view(ds), _digest(film.images), text(ds, "SOPInstanceUID"))


def _digest(images: Sequence[PreparedImage]) -> str:
    digest = hashlib.sha256()
    for image in images:
        digest.update(np.ascontiguousarray(image.display).data)
    return digest.hexdigest()
