"""Controls: what is said of images without a patient, of spoilt ones, and of somebody else's.

If the words came from habit and not from the image, they would not change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.random import Generator

from dicomnode.infer.model import Model
from dicomnode.infer.quality import assessed
from dicomnode.measure.metrics import PatientBootstrap, auroc, f1, macro, mean, rounded
from dicomnode.records import FloatArray, QualityLevel
from dicomnode.train.evaluation.answers import Answers, Studies, answered
from dicomnode.train.evaluation.cases import Cases, groups, somebody_else

# N images, C channels, S side, K findings

Spoiling = Callable[[FloatArray, Generator], FloatArray]
"""Takes one image (C, S, S) in [0, 1] and gives what is left of it."""
MOST_IMAGES = 96
"""So many images are spoilt in each way; more would only take time."""
_BLUR_PX = 2.0
"""Standard deviation of the blur, pixels of the model's grid."""


def _black(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.zeros_like(image)


def _shuffled(image: FloatArray, rng: Generator) -> FloatArray:
    channels = image.shape[0]
    return rng.permutation(image.reshape(channels, -1), axis=1).reshape(image.shape)


def _inverted(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.asarray(1 - image, np.float32)


def _turned(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.rot90(image, 1, (1, 2)).copy()


def _upside_down(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.rot90(image, 2, (1, 2)).copy()


SPOILINGS: Mapping[str, Spoiling] = {
    "black": _black,
    "pixels shuffled": _shuffled,
    "inverted": _inverted,
    "turned by 90 degrees": _turned,
    "upside down": _upside_down,
}


def _noisy(image: FloatArray, rng: Generator) -> FloatArray:
    return np.clip(image + rng.normal(0, 0.15, image.shape), 0, 1).astype(np.float32)


def _blurred(image: FloatArray, _rng: Generator) -> FloatArray:
    side = image.shape[-1]
    frequency = np.fft.fftfreq(side)
    kept = np.exp(-2 * (np.pi * _BLUR_PX) ** 2 * (frequency[:, None] ** 2 + frequency[None, :] ** 2))
    return np.fft.ifft2(np.fft.fft2(image) * kept).real.astype(np.float32)


def _over_exposed(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.asarray(np.clip(1.6 * image - 0.6, 0, 1), np.float32)


def _under_exposed(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.asarray(np.clip(1.6 * image, 0, 1), np.float32)


def _flat(image: FloatArray, _rng: Generator) -> FloatArray:
    return np.asarray(0.5 + 0.02 * (image - 0.5), np.float32)


POOR: Mapping[str, Spoiling] = {
    "blurred": _blurred,
    "noisy": _noisy,
    "over exposed": _over_exposed,
    "under exposed": _under_exposed,
    "flat": _flat,
}


def poor_figures(model: Model, images: FloatArray, answers: Answers, seed: int) -> dict[str, Any]:
    """Share of studies whose quality is called limited or non-diagnostic, as they are and made poor in each way.

    Returns
    -------
    dict[str, Any]
        By kind `studies`, `limited`, `non_diagnostic`; empty for a bundle that does not know what is usual.
    """
    if not model.bundle.quality:
        return {}
    rng = np.random.default_rng(seed)
    figures = {"as they are": _graded(model, images, answers.studies)}
    few = _few(answers.studies)
    for name, spoil in POOR.items():
        poor = {index: spoil(images[index], rng) for index in np.concatenate(few).tolist()}
        figures[name] = _graded(model, poor, few)
    return figures


def _graded(model: Model, images: FloatArray | Mapping[int, FloatArray], studies: Studies) -> dict[str, Any]:
    levels = [assessed([images[index] for index in members], model.bundle.quality).level for members in studies]
    return {
        "studies": len(levels),
        **{
            level.value: rounded(float(np.mean([one is level for one in levels])))
            for level in (QualityLevel.LIMITED, QualityLevel.NON_DIAGNOSTIC)
        },
    }


def spoilt_figures(
    model: Model, images: FloatArray, answers: Answers, seed: int, foreign: FloatArray | None
) -> dict[str, Any]:
    """How many studies are judged, and how many of these called positive, as they are and spoilt in each way.

    Parameters
    ----------
    images
        (N, C, S, S) of the answers.
    foreign
        Images (F, C, S, S) of another body part, if any, each a study.

    Returns
    -------
    dict[str, Any]
        By kind: `studies`; as shares of them `not_judged`, `positive`, which serving judges and calls positive, and
        `likely`, which it would call positive if it judged all; `example`, a draft.
    """
    figures = {"as they are": _called(model, answers)}
    few = _few(answers.studies)
    places = {index: place for place, index in enumerate(np.concatenate(few).tolist())}
    own = tuple(np.array([places[index] for index in members]) for members in few)
    rng = np.random.default_rng(seed)
    for name, spoil in SPOILINGS.items():
        spoilt = np.stack([spoil(images[index], rng) for index in places])
        figures[name] = _called(model, answered(model, spoilt, own))
    if foreign is not None:
        each = tuple(np.array([index]) for index in range(len(foreign)))
        figures["another body part"] = _called(model, answered(model, foreign, each))
    return figures


def _few(studies: Studies) -> Studies:
    """Evenly spread studies of `MOST_IMAGES` images in all, at least one study."""
    per_study = max(1, round(float(np.mean([len(members) for members in studies]))))
    count = min(len(studies), max(1, MOST_IMAGES // per_study))
    return tuple(studies[place] for place in np.linspace(0, len(studies) - 1, count).round().astype(int))


def _called(model: Model, answers: Answers) -> dict[str, Any]:
    thresholds = np.array([finding.threshold for finding in model.bundle.findings])
    likely = (answers.study_probabilities >= thresholds).any(1)
    return {
        "studies": len(answers.studies),
        "not_judged": rounded((~answers.is_judged).mean()),
        "positive": rounded((answers.is_judged & likely).mean()),
        "likely": rounded(likely.mean()),
        "example": " ".join(answers.drafts[0]),
    }


def swapped_figures(
    cases: Cases, answers: Answers, keys: tuple[str, ...], intervals: PatientBootstrap, seed: int
) -> dict[str, Any]:
    """What the labels are told by another patient's images of the same source: nothing, if the words come from them.

    Returns
    -------
    dict[str, Any]
        `label_f1` of the right text and of the swapped one, how many texts differ, and the first finding's AUROC
        with swapped images in each group.
    """
    other = somebody_else(cases.films, seed)
    known = ~np.isnan(cases.labels)
    said = answers.claims == 1
    everything = np.ones(len(other), bool)
    differs = np.array([answers.drafts[i] != answers.drafts[j] for i, j in enumerate(other)])

    def label_f1(claimed: np.ndarray) -> Any:
        return macro([f1(cases.labels[:, k] == 1, claimed[:, k] & known[:, k]) for k in range(len(keys))])

    truth = cases.labels[:, 0]
    return {
        "label_f1_own_images": intervals.figure(label_f1(said), everything),
        "label_f1_swapped_images": intervals.figure(label_f1(said[other]), everything),
        "texts_that_differ": intervals.figure(mean(differs), everything),
        "different_texts": len(set(answers.drafts)),
        f"auroc_{keys[0]}_swapped_images": {
            name: intervals.figure(auroc(truth, cases.probabilities[other, 0]), among)
            for name, among in groups(cases, truth).items()
        },
    }
