"""What a finished bundle is worth on the test split, read as serving reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicomnode.infer.bundle import load_bundle
from dicomnode.infer.model import Model
from dicomnode.records import FindingSpec, FloatArray, Placement, PreparedImage
from dicomnode.report.grounding import Stance, claims
from dicomnode.report.languages import words_of
from dicomnode.train.data import Split, read_split
from dicomnode.train.metrics import PatientBootstrap, auc, calibration_error, f1, share

# N images, K findings

Figures = dict[str, object]

_FEWEST = 5
"""Groups with fewer present or absent films get no figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What the bundle says of every image of a split."""

    probabilities: FloatArray
    """(N, K)."""
    claims: FloatArray
    """(N, K) of the drafted text: 1 there or possible, 0 not there, NaN not spoken of."""
    drafts: tuple[tuple[str, ...], ...]
    """Sentences of each image."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    specs: tuple[FindingSpec, ...]
    split: Split
    answers: Answers
    intervals: PatientBootstrap


def evaluate_bundle(bundle_dir: Path, data_dir: Path, *, bootstrap: int = 1000, seed: int = 1) -> Figures:
    """Measure a bundle on the test split.

    Parameters
    ----------
    bundle_dir
        A finished bundle.
    data_dir
        Folder of `labels.csv` and `test.tar`.
    bootstrap
        Resamples of patients for each interval.
    seed
        Of the resamples, and of which film is swapped for which.

    Returns
    -------
    dict[str, object]
        `classifier`, `text` and `blind_control`: tables of numbers, as in card.json.

    Raises
    ------
    BundleError
        If the folder is no bundle.
    PermanentError
        If the data are wrong (see `data.read_split`).
    """
    bundle = load_bundle(bundle_dir)
    split = read_split(data_dir, "test", tuple(finding.key for finding in bundle.findings), bundle.pixels)
    test = _Test(
        specs=bundle.findings,
        split=split,
        answers=answered(Model(bundle), split.images),
        intervals=PatientBootstrap(split.patients, bootstrap, seed),
    )
    nobody = answered(Model(bundle), np.zeros((1, *split.images.shape[1:]), np.float32))
    return {
        "classifier": {spec.key: _finding(test, k) for k, spec in enumerate(bundle.findings)},
        "text": {spec.key: _text(test, k) for k, spec in enumerate(bundle.findings)},
        "blind_control": _blind_control(test, nobody, seed),
    }


def answered(model: Model, images: FloatArray) -> Answers:
    """Read and draft every image (N, S, S) in [0, 1]."""
    specs, cues = model.bundle.findings, words_of(model.bundle.languages[0]).cues
    places = {spec.key: k for k, spec in enumerate(specs)}
    said = np.full((len(images), len(specs)), np.nan, np.float32)
    probabilities, drafts = [], []
    for row, image in zip(said, images, strict=True):
        encoding = model.encode(_prepared(model, image))
        probabilities.append(encoding.probabilities)
        drafts.append(model.generate(encoding).sentences)
        for claim in (claim for sentence in drafts[-1] for claim in claims(sentence, specs, cues)):
            row[places[claim.finding]] = claim.stance is not Stance.DENIED
    return Answers(probabilities=np.stack(probabilities), claims=said, drafts=tuple(drafts))


def _prepared(model: Model, image: FloatArray) -> PreparedImage:
    """An image of the data set has no header and no frame of its own; only its pixels are read."""
    recipe = model.bundle.pixels
    return PreparedImage(
        sop_instance_uid="",
        sop_class_uid="",
        frame_number=1,
        pixel_values=((image[None] - recipe.mean) / recipe.std).astype(np.float32),
        display=np.rint(image * 255).astype(np.uint8),
        placement=Placement(scale=1.0, top=0.0, left=0.0),
    )


def groups(split: Split, truth: NDArray[np.float32]) -> dict[str, NDArray[np.bool_]]:
    """Sources, and views within a source, that hold enough present and absent films.

    Returns
    -------
    dict[str, NDArray[np.bool_]]
        (N,) for each group, films of unknown label left out.
    """
    sources = np.array([film.source for film in split.films])
    views = np.array([film.view for film in split.films])
    known = ~np.isnan(truth)
    found = {str(source): known & (sources == source) for source in np.unique(sources)}
    for source in np.unique(sources):
        here = np.unique(views[sources == source])
        if len(here) > 1:
            found |= {f"{source}, {view}": known & (sources == source) & (views == view) for view in here}
    return {
        name: among
        for name, among in found.items()
        if min((truth[among] == 1).sum(), (truth[among] == 0).sum()) >= _FEWEST
    }


def _finding(test: _Test, k: int) -> Figures:
    """AUC, sensitivity, specificity and positive predictive value in each group, and the calibration error."""
    truth, scores = test.split.labels[:, k], test.answers.probabilities[:, k]
    said = scores >= test.specs[k].threshold
    figures: dict[str, Figures] = {}
    for name, among in groups(test.split, truth).items():
        figures[name] = {
            "images": int(among.sum()),
            "patients": len(set(test.split.patients[among])),
            "positives": int((truth[among] == 1).sum()),
            "auc": test.intervals.figure(partial(auc, truth, scores), among),
            "sensitivity": test.intervals.figure(partial(share, said), among & (truth == 1)),
            "specificity": test.intervals.figure(partial(share, ~said), among & (truth == 0)),
        }
        if said[among].any():
            figures[name]["ppv"] = test.intervals.figure(partial(share, truth == 1), among & said)
    known = ~np.isnan(truth)
    return {
        "threshold": round(float(test.specs[k].threshold), 4),
        "calibration_error": calibration_error(truth[known], scores[known]),
        "groups": figures,
    }


def _text(test: _Test, k: int) -> Figures:
    """Whether the words follow the classifier, and how well both follow the labels."""
    truth, claims = test.split.labels[:, k], test.answers.claims[:, k]
    decided = test.answers.probabilities[:, k] >= test.specs[k].threshold
    spoken, known = ~np.isnan(claims), ~np.isnan(truth)
    figures: Figures = {
        "spoken_of_where_label_known": test.intervals.figure(partial(share, spoken), known),
        "f1_classifier": test.intervals.figure(partial(f1, truth == 1, decided), known),
        "f1_text": test.intervals.figure(partial(f1, truth == 1, claims == 1), known),
    }
    if spoken.any():
        figures["agrees_with_classifier"] = test.intervals.figure(partial(share, (claims == 1) == decided), spoken)
    return figures


def _blind_control(test: _Test, nobody: Answers, seed: int) -> Figures:
    """What the words are without the pixels: a black image, and the film of somebody else from the same source."""
    keys = [spec.key for spec in test.specs]
    everything = np.ones(len(test.split.films), bool)
    other = _somebody_else(test.split, seed)
    changed = np.array([draft != nobody.drafts[0] for draft in test.answers.drafts])
    moved = np.array([test.answers.drafts[i] != test.answers.drafts[j] for i, j in enumerate(other)])
    figures: Figures = {
        "black_image_draft": " ".join(nobody.drafts[0]),
        "black_image_probabilities": {
            key: round(float(p), 4) for key, p in zip(keys, nobody.probabilities[0], strict=True)
        },
        "draft_differs_from_black_image": test.intervals.figure(partial(share, changed), everything),
        "draft_differs_from_somebody_else": test.intervals.figure(partial(share, moved), everything),
        "different_drafts": len(set(test.answers.drafts)),
    }
    truth = test.split.labels[:, 0]
    for name, among in groups(test.split, truth).items():
        figures[f"auc_{keys[0]}_with_somebody_elses_pixels: {name}"] = test.intervals.figure(
            partial(auc, truth, test.answers.probabilities[other, 0]), among
        )
    return figures


def _somebody_else(split: Split, seed: int) -> NDArray[np.intp]:
    """(N,) index of another film of the same source."""
    sources = np.array([film.source for film in split.films])
    other = np.arange(len(sources))
    for source in np.unique(sources):
        members = np.random.default_rng(seed).permutation(np.flatnonzero(sources == source))
        other[members] = np.roll(members, 1)
    return other
