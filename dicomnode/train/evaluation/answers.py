"""What a bundle says of a split, image by image and study by study, read as serving reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicomnode.infer.model import Model
from dicomnode.infer.study import OUT_OF_DISTRIBUTION
from dicomnode.records import Encoding, FloatArray, Placement, PreparedImage, Stance
from dicomnode.report.cues import cues_of
from dicomnode.report.grounding import claims
from dicomnode.train.data import Split

# N images, V studies, K findings, C channels, S side, h, w cells

Studies = tuple[NDArray[np.intp], ...]
"""Indices of the images of each study, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the bundle says of images and of the studies that they make up."""

    studies: Studies
    probabilities: FloatArray
    """(N, K) of each image by itself."""
    study_probabilities: FloatArray
    """(V, K): what serving decides by."""
    class_maps: FloatArray
    """(N, K, h, w); (N, K, 0, 0) where the encoder gives none."""
    strangeness: FloatArray
    """(V,); above 1 serving does not judge the study."""
    claims: FloatArray
    """(V, K) of the drafted text: 1 there or possible, 0 not there, NaN not spoken of."""
    drafts: tuple[tuple[str, ...], ...]
    """Sentences of each study, whether or not serving would judge it."""

    @property
    def is_judged(self) -> NDArray[np.bool_]:
        """(V,) whether serving would judge the study."""
        return self.strangeness <= OUT_OF_DISTRIBUTION


def studies_of(split: Split, model: Model) -> Studies:
    """The studies of a split: whole volumes for a bundle that reads volumes, else every image by itself."""
    if model.bundle.is_volume:
        return tuple(split.volumes.values())
    return tuple(np.array([index]) for index in range(len(split.films)))


def answered(model: Model, images: FloatArray, studies: Studies) -> Answers:
    """Read and draft every study.

    Parameters
    ----------
    images
        (N, C, S, S) in [0, 1].
    studies
        Which images make up a study; every image stands in one.
    """
    encodings: dict[int, Encoding] = {}
    prompted, drafts = [], []
    for members in studies:
        read = model.encode_many([prepared(model, images[index]) for index in members])
        encodings |= zip(members.tolist(), read, strict=True)
        prompted.append(model.prompt(read))
        drafts.append(model.generate(prompted[-1], beams=1).sentences)
    ordered = [encodings[index] for index in range(len(images))]
    return Answers(
        studies=studies,
        probabilities=np.stack([one.probabilities for one in ordered]),
        study_probabilities=np.stack([one.probabilities for one in prompted]),
        class_maps=np.stack([one.class_maps for one in ordered]),
        strangeness=np.array([np.median(one.strangeness) for one in prompted], np.float32),
        claims=claimed(drafts, model),
        drafts=tuple(drafts),
    )


def claimed(drafts: Sequence[Sequence[str]], model: Model) -> FloatArray:
    """(V, K) what texts say of each finding: 1 there or possible, 0 not there, NaN not spoken of."""
    specs, cues = model.bundle.findings, cues_of(model.bundle.languages[0])
    places = {spec.key: k for k, spec in enumerate(specs)}
    said = np.full((len(drafts), len(specs)), np.nan, np.float32)
    for row, sentences in zip(said, drafts, strict=True):
        for claim in (claim for sentence in sentences for claim in claims(sentence, specs, cues)):
            row[places[claim.finding]] = claim.stance is not Stance.DENIED
    return said


def prepared(model: Model, image: FloatArray) -> PreparedImage:
    """An image (C, S, S) of a data set has no header and no frame of its own; only its pixels are read."""
    recipe = model.bundle.pixels
    return PreparedImage(
        sop_instance_uid="",
        sop_class_uid="",
        frame_number=1,
        pixel_values=((image - recipe.mean) / recipe.std).astype(np.float32),
        display=np.rint(image[0] * 255).astype(np.uint8),
        placement=Placement(scale=1.0, top=0.0, left=0.0),
    )
