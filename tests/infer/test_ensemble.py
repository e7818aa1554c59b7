"""Several models read one study."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dicomnode.errors import BundleError
from dicomnode.infer.bundle import Bundle
from dicomnode.infer.ensemble import Ensemble
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare


def _calibrated_otherwise(bundle: Bundle, offset: float, spread: float = 0.0) -> Model:
    drafting = bundle.drafting
    lines = drafting.study_calibration + np.array([0, offset], np.float32)
    resamples = np.stack([lines + np.array([0, step], np.float32) for step in (-spread, 0, spread)], axis=1)
    moved = replace(bundle, drafting=replace(drafting, study_calibration=lines), resamples=resamples)
    return Model(moved)


def test_probabilities_are_the_mean_and_limits_those_of_all(a_film_bundle, an_opaque_film):
    """A second opinion moves the probability half way, and leaves open what either leaves open."""
    first, second = _calibrated_otherwise(a_film_bundle, 0, 0.5), _calibrated_otherwise(a_film_bundle, -1, 1.0)
    images = prepare([an_opaque_film], a_film_bundle)
    alone = [model.read(images) for model in (first, second)]

    both = Ensemble(first, [second]).read(images)

    np.testing.assert_allclose(both.probabilities, (alone[0].probabilities + alone[1].probabilities) / 2, rtol=1e-5)
    np.testing.assert_allclose(both.intervals[:, 0], np.minimum(*(one.intervals[:, 0] for one in alone)))
    np.testing.assert_allclose(both.intervals[:, 1], np.maximum(*(one.intervals[:, 1] for one in alone)))
    assert alone[0].draft.sentences == both.draft.sentences
    np.testing.assert_allclose(Ensemble(first, [second]).triage(images), both.probabilities, rtol=1e-5)


@pytest.mark.parametrize(("offset", "disagrees"), [(-100.0, True), (0.1, False)])
def test_members_on_both_sides_of_a_threshold_disagree(a_film_bundle, an_opaque_film, offset, disagrees):
    """What one calls present and another absent is for a physician to decide."""
    members = Model(a_film_bundle), _calibrated_otherwise(a_film_bundle, offset)

    reading = Ensemble(members[0], members[1:]).read(prepare([an_opaque_film], a_film_bundle))

    assert disagrees is reading.members_disagree
    assert reading.intervals is None  # one of them does not know its own


def test_an_ensemble_is_another_device(a_film_bundle):
    """Results of an ensemble do not name the first model's artefact as their only maker."""
    first = Model(a_film_bundle)

    assert first.bundle.identity.digest != Ensemble(first, [Model(a_film_bundle)]).bundle.identity.digest


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: replace(b, findings=b.findings[:1]), "beside .* it must report opacity, pleural_effusion"),
        (lambda b: replace(b, pixels=b.pixels.model_copy(update={"mean": 0.1})), "must be the same"),
    ],
)
def test_members_must_do_the_same_task(a_film_bundle, change, said):
    """Models of other findings or other pixels are refused by name."""
    other = Model(a_film_bundle)
    other.bundle = change(other.bundle)

    with pytest.raises(BundleError, match=said):
        Ensemble(Model(a_film_bundle), [other])
