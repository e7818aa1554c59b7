"""From logits to probabilities, and how sure they are."""

from __future__ import annotations

import numpy as np
import pytest

from dicomnode.infer.calibrate import limits_of
from dicomnode.records import FloatArray
from dicomnode.train.calibration import Examples, calibrated, calibrations, study_examples, study_logit
from dicomnode.train.data import Film, Split
from dicomnode.train.doubt import RESAMPLES, conformal_bounds, resampled, usual_quality


def some_examples(logits: FloatArray, truth: FloatArray, key: str, per_patient: int = 1) -> Examples:
    """Return examples of one source, so many of each patient."""
    return Examples(
        key=key,
        logits=logits,
        truth=truth,
        sources=np.full(len(logits), "one"),
        patients=np.array([str(index // per_patient) for index in range(len(logits))]),
    )


def test_calibration_makes_probabilities_of_logits():
    """Logits that are twice too sure come back as they should be; the threshold parts the classes."""
    generator = np.random.default_rng(1)
    truth = generator.normal(size=600)
    labels = (generator.random(600) < 1 / (1 + np.exp(-truth))).astype(np.float32)
    labels[:50] = np.nan
    found = calibrated(some_examples((2 * truth).astype(np.float32), labels, "pneumonia"))

    assert found.slope == pytest.approx(0.5, abs=0.12)
    assert found.offset == pytest.approx(0.0, abs=0.25)
    assert found.threshold == pytest.approx(0.5, abs=0.12)
    at_threshold = (np.log(found.threshold / (1 - found.threshold)) - found.offset) / found.slope
    assert found.margins(np.array([at_threshold], np.float32))[0] == pytest.approx(0, abs=1e-5)


def test_a_weak_finding_is_not_turned_round():
    """Where a handful of images say the opposite of the logit, the logit still never counts against its finding."""
    rng = np.random.default_rng(1)
    labels = np.repeat([0.0, 1.0], [60, 6]).astype(np.float32)
    logits = (rng.normal(size=66) - labels).astype(np.float32)

    found = calibrated(some_examples(logits, labels, "effusion"))

    assert found.slope > 0
    chance = 1 / (1 + np.exp(-(found.slope * logits + found.offset)))
    assert labels.mean() == pytest.approx(chance.mean(), abs=0.01)
    assert (chance[labels == 0] >= found.threshold).mean() <= 0.25


def _slice(patient: int, order: int, label: float) -> Film:
    name = f"{patient}-{order}"
    return Film(
        file=name, files=(name,), source="one", patient_id=str(patient), split="val", view="", sex="", age=50.0,
        volume=str(patient), order=float(order), labels=(label,),
    )  # fmt: skip


def test_studies_are_calibrated_on_runs_of_slices():
    """A study's logit is drawn to its most conspicuous slice, and its threshold stands above that of one slice."""
    rng = np.random.default_rng(1)
    films = tuple(_slice(n, k, float(n % 2 == 0 and 5 <= k < 9)) for n in range(10) for k in range(20))
    truth = np.array([film.labels[0] for film in films], np.float32)
    split = Split(films=films, images=np.zeros((200, 1, 8, 8), np.float32))
    logits = (3 * truth - 2 + rng.normal(size=200)).astype(np.float32)[:, None]

    (study,) = calibrations(study_examples(split, logits, ("bleed",), seed=1))

    assert study_logit(np.array([-2, -2, 3], np.float32)) == pytest.approx(2.93, abs=0.1)
    whole = [study_logit(logits[slices, 0]) for slices in split.volumes.values()]
    said = study.margins(np.array(whole, np.float32)) > 0
    assert (said == (np.arange(10) % 2 == 0)).mean() >= 0.9


def some_logits(count: int, seed: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return logits that tell well and truths that half of them have."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(count) < 0.5).astype(np.float32)
    return (rng.normal(size=count) + 3 * truth - 1.5).astype(np.float32), truth


def test_limits_enclose_the_probability_and_narrow_with_more_patients():
    """Few patients leave it open what a logit means, and films of the same patient do not help."""

    def width(patients: int, films: int = 1) -> float:
        logits, truth = (np.repeat(values, films) for values in some_logits(patients))
        examples = some_examples(logits, truth, "pneumonia", films)
        found = calibrated(examples)
        lines = np.array([resampled(examples, seed=1)], np.float32)
        low, high = limits_of(np.array([0.5], np.float32), lines)[0]
        assert low < 1 / (1 + np.exp(-(found.slope * 0.5 + found.offset))) < high
        return float(np.log(high / (1 - high)) - np.log(low / (1 - low)))

    assert width(1000) < width(100)
    assert width(1000) < width(50, films=20)


def test_resamples_are_all_there_where_few_hold_both_classes():
    """One positive patient of many is in few resamples; the table is full all the same."""
    truth = np.array([1] + [0] * 30, np.float32)

    assert RESAMPLES == len(resampled(some_examples(truth - 0.5, truth, "bleed"), seed=1))


def test_the_promised_coverage_is_kept_on_other_cases():
    """Of new cases of either class a tenth at most gets the wrong verdict, and most get one."""
    logits, truth = some_logits(400)
    bounds = conformal_bounds(1 / (1 + np.exp(-logits)), truth, np.full(400, "one"))
    absent_below, present_from = bounds["certain"]
    logits, truth = some_logits(20_000, seed=2)
    probabilities = 1 / (1 + np.exp(-logits))

    assert [0.9, 0.9] == bounds["promised"]
    assert (probabilities[truth == 1] < absent_below).mean() == pytest.approx(0.1, abs=0.05)
    assert (probabilities[truth == 0] >= present_from).mean() == pytest.approx(0.1, abs=0.05)


@pytest.mark.parametrize(
    ("truth", "promised", "certain"),
    [([0, 0, 0, 0, 1], [0.5, 0.8], [0.4, 0.3]), ([0, 1, 1, 1, 1, 1, 1], [0.857, 0.5], [0.1, 0.0])],
)
def test_few_cases_promise_less(truth, promised, certain):
    """With n cases of a class the best promise is n in n + 1: all of those that were seen."""
    scores = np.arange(len(truth), dtype=np.float32) / 10

    bounds = conformal_bounds(scores, np.array(truth, np.float32), np.full(len(truth), "one"))

    assert promised == bounds["promised"]
    assert certain == pytest.approx(bounds["certain"], abs=1e-6)
    assert bounds["certain"][1] > certain[1]  # an absent case as likely as the likeliest seen is not called present


def test_a_hard_source_is_covered_as_an_easy_one():
    """The bounds are those of the source in which the finding is told worst."""
    logits, truth = some_logits(400)
    easy, hard = (1 / (1 + np.exp(-shift * logits)) for shift in (4, 1))
    sources = np.repeat(["easy", "hard"], 400)

    both = conformal_bounds(np.concatenate([easy, hard]), np.tile(truth, 2), sources)

    assert both == conformal_bounds(hard, truth, sources[400:])


def test_usual_quality_holds_for_nearly_all_of_the_images_it_came_from():
    """Limits lie outside of what the training images show, and exposure is looked at on films only."""
    rng = np.random.default_rng(1)
    films = tuple(_slice(n, 0, 0.0) for n in range(30))
    split = Split(films=films, images=rng.random((30, 1, 32, 32)).astype(np.float32))

    limits = usual_quality(split, is_film=True)

    assert {"contrast", "detail", "dark", "bright"} == set(limits)
    assert limits["detail"][0] < limits["detail"][1]
    assert {"contrast", "detail"} == set(usual_quality(split, is_film=False))
