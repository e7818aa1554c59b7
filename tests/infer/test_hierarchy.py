"""A model never says that a kind is likelier than its whole, whichever way it is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from dicomnode.infer.bundle import Bundle
from dicomnode.infer.ensemble import Ensemble
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare


def with_kinds(bundle: Bundle) -> Bundle:
    """Return the bundle with opacity as a kind of effusion, and limits of its probabilities."""
    opacity, effusion = bundle.findings
    lines = bundle.drafting.study_calibration
    resamples = np.stack([lines + np.array([0, step], np.float32) for step in (-0.5, 0, 0.5)], axis=1)
    return replace(bundle, findings=(replace(opacity, implies=(effusion.key,)), effusion), resamples=resamples)


def test_reading_triage_and_judging_are_coherent_alike(a_film_bundle, an_opaque_film):
    """The whole is raised to its kind, its limits too; the kind stays as the model has it."""
    images = prepare([an_opaque_film], a_film_bundle)
    plain = Model(a_film_bundle).read(images)
    model = Model(with_kinds(a_film_bundle))

    reading, judged = model.read(images), model.judge(images)

    assert plain.probabilities[0] > plain.probabilities[1], "the figures of this film break the hierarchy"
    assert plain.probabilities[0] == reading.probabilities[0] == reading.probabilities[1]
    assert reading.intervals[0].tolist() == reading.intervals[1].tolist()
    np.testing.assert_array_equal(reading.probabilities, model.triage(images))
    np.testing.assert_array_equal(reading.probabilities, judged.probabilities)
    np.testing.assert_array_equal(reading.intervals, judged.intervals)


def test_an_ensemble_is_coherent_even_if_its_other_members_know_no_kinds(a_film_bundle, an_opaque_film):
    """The first member's bundle is the one that speaks."""
    images = prepare([an_opaque_film], a_film_bundle)
    both = Ensemble(Model(with_kinds(a_film_bundle)), [Model(a_film_bundle)])

    for probabilities in (both.read(images).probabilities, both.triage(images)):
        assert probabilities[1] >= probabilities[0]
