"""Figures with intervals."""

from __future__ import annotations

import numpy as np
import pytest
from pycocoevalcap.bleu.bleu import Bleu
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from dicomnode.measure import metrics
from dicomnode.measure.metrics import PatientBootstrap
from dicomnode.train.evaluation.texts import word_statistics
from dicomnode.train.evaluation.uncertainty import risks

_TOLERANCE = 1e-9


def a_sample(size: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Truth and scores with many ties."""
    rng = np.random.default_rng(1)
    truth = (rng.random(size) < 0.3).astype(np.float32)
    return truth, np.round(rng.random(size) * 0.6 + truth * 0.3, 1).astype(np.float32)


def plainly(statistic: metrics.Statistic, size: int) -> float:
    """The figure of everything, each counted once."""
    return float(statistic(np.arange(size), np.ones((1, size)))[0])


def test_areas_are_those_of_scikit_learn():
    """AUROC, average precision and F1 agree with scikit-learn's, ties included."""
    truth, scores = a_sample()
    said = scores >= 0.5

    assert roc_auc_score(truth, scores) == pytest.approx(plainly(metrics.auroc(truth, scores), 200), abs=_TOLERANCE)
    assert average_precision_score(truth, scores) == pytest.approx(
        plainly(metrics.auprc(truth, scores), 200), abs=_TOLERANCE
    )
    assert f1_score(truth, said) == pytest.approx(plainly(metrics.f1(truth == 1, said), 200), abs=_TOLERANCE)


@pytest.mark.parametrize("name", ["auroc", "auprc", "ece", "brier"])
def test_a_weight_of_two_is_the_same_as_twice_the_image(name: str):
    """Drawing an image twice weighs as much as having it twice: resamples may be weights."""
    truth, scores = a_sample(40)
    times = np.random.default_rng(2).integers(0, 3, 40)
    repeated = np.repeat(np.arange(40), times)

    weighted = getattr(metrics, name)(truth, scores)(np.arange(40), times[None].astype(float))[0]

    expected = plainly(getattr(metrics, name)(truth[repeated], scores[repeated]), len(repeated))
    assert expected == pytest.approx(weighted, abs=_TOLERANCE)


def test_intervals_draw_whole_patients():
    """Ten images of one patient count as one: the interval is far wider than that of as many patients."""
    patients = np.repeat([f"p{number}" for number in range(40)], 10)
    hits = np.repeat(np.arange(40) % 2 == 0, 10)
    few = PatientBootstrap(patients, 300, 1).figure(metrics.mean(hits), np.ones(400, bool))
    many = PatientBootstrap(np.arange(400).astype(str), 300, 1).figure(metrics.mean(hits), np.ones(400, bool))

    assert 0.5 == few["value"] == many["value"]
    assert np.diff(few["interval"]) > 2 * np.diff(many["interval"])


def test_what_cannot_be_measured_has_no_figure():
    """Where only one class is there, or nothing, there is no AUROC rather than a number."""
    truth = np.ones(5, np.float32)
    intervals = PatientBootstrap(np.arange(5).astype(str), 10, 1)

    assert {} == intervals.figure(metrics.auroc(truth, truth), np.ones(5, bool))
    assert {} == intervals.figure(metrics.mean(truth), np.zeros(5, bool))


def test_calibration_of_a_known_case():
    """Saying 0.9 where half is true is wrong by 0.4, and its Brier score is 0.41."""
    truth, said = np.array([0, 1], np.float32), np.array([0.9, 0.9], np.float32)

    assert 0.4 == pytest.approx(plainly(metrics.ece(truth, said), 2))
    assert 0.41 == pytest.approx(plainly(metrics.brier(truth, said), 2))
    assert [{"probability": 0.9, "share": 0.5, "images": 2}] == metrics.reliability(truth, said)


def test_the_roc_curve_ends_where_it_should():
    """From nothing called to everything called; its area is the AUROC."""
    truth, scores = a_sample()
    curve = np.array(metrics.roc_curve(truth, scores))

    assert [0, 0] == curve[0].tolist()
    assert [1, 1] == curve[-1].tolist()
    assert metrics.auc(truth, scores, np.arange(200)) == pytest.approx(np.trapezoid(curve[:, 1], curve[:, 0]), abs=1e-3)


def test_bleu_is_that_of_the_library():
    """BLEU summed up from the counts of each text is the library's own of the corpus."""
    drafts = ["no evidence of pneumonia", "there is pneumonia on the left", "possible effusion here now", ""]
    wanted = ["no evidence of pneumonia", "there is pneumonia on the right side", "no effusion here now", "nothing"]
    given, right = ({n: [text] for n, text in enumerate(texts)} for texts in (drafts, wanted))

    found = word_statistics(drafts, wanted)

    for order, expected in enumerate(Bleu(4).compute_score(right, given, verbose=0)[0], start=1):
        assert expected == pytest.approx(plainly(found[f"bleu_{order}"], 4), abs=1e-6)
    assert 1.0 == pytest.approx(plainly(word_statistics(wanted, wanted)["rouge_l"], 4))


def test_doubt_that_knows_lowers_the_risk():
    """If the surest answers are right the risk grows with coverage; blind doubt has the error everywhere."""
    wrong = np.repeat([False, True], [60, 40])

    at, area = risks(wrong, -np.arange(100.0))
    _, of_chance = risks(np.tile([False, True], 50), np.zeros(100))

    assert {"25 %": 0.0, "50 %": 0.0, "75 %": 0.2, "100 %": 0.4} == at
    assert area < 0.4
    assert of_chance == pytest.approx(0.5, abs=0.06)
    assert ({}, None) == risks(np.zeros(0, bool), np.zeros(0))
