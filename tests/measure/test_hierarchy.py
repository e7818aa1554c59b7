"""Kinds and wholes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicomnode.measure.hierarchy import coherent, hierarchy_faults, wholes_of
from dicomnode.records import Acuity, CodedConcept, FindingSpec


def a_spec(key: str, *implies: str) -> FindingSpec:
    """Return a finding that implies others."""
    code = CodedConcept("1", "99X", key)
    return FindingSpec(
        key=key, code=code, site=code, threshold=0.5, acuity=Acuity.URGENT, terms=(key,), implies=implies
    )


HEAD = (a_spec("any_ich"), a_spec("edh", "any_ich"), a_spec("iph", "any_ich"))


def test_a_whole_is_as_likely_as_the_likeliest_of_its_kinds():
    """Cerebral hemorrhage at 99 % leaves no 49 % for any hemorrhage; kinds stay as they are."""
    assert [0.99, 0.2, 0.99] == pytest.approx(coherent(HEAD, np.array([0.49, 0.2, 0.99], np.float32)))
    assert [0.9, 0.2, 0.1] == pytest.approx(coherent(HEAD, np.array([0.9, 0.2, 0.1], np.float32)))


def test_limits_are_raised_as_probabilities_are():
    """Each limit by itself, so that the probability stays between them."""
    limits = np.array([[0.24, 1.0], [0.1, 0.4], [0.98, 0.99]], np.float32)

    assert np.array([[0.98, 1.0], [0.1, 0.4], [0.98, 0.99]]) == pytest.approx(coherent(HEAD, limits))


def test_a_chain_reaches_to_its_end():
    """What is a kind of a kind is a kind."""
    specs = (a_spec("c", "b"), a_spec("a"), a_spec("b", "a"))

    assert {"a", "b"} == wholes_of("c", {spec.key: spec.implies for spec in specs})
    assert [0.8, 0.8, 0.8] == pytest.approx(coherent(specs, np.array([0.8, 0.1, 0.2], np.float32)))


@settings(deadline=None)
@given(st.lists(st.floats(0, 1, width=32), min_size=4, max_size=4), st.data())
def test_whatever_the_figures_no_kind_is_likelier_than_its_whole(values, data):
    """Over every hierarchy of four findings; nothing is lowered, and doing it twice changes nothing."""
    keys = ["a", "b", "c", "d"]
    kinds_of = [data.draw(st.sets(st.sampled_from(keys[:k]))) if k else () for k in range(len(keys))]
    specs = tuple(a_spec(key, *wholes) for key, wholes in zip(keys, kinds_of, strict=True))
    given_values = np.array(values, np.float32)

    found = coherent(specs, given_values)

    at = dict(zip(keys, found, strict=True))
    assert all(at[whole] >= at[spec.key] for spec in specs for whole in spec.implies)
    assert (found >= given_values).all()
    assert (coherent(specs, found) == found).all()


@pytest.mark.parametrize(
    ("implies", "said"),
    [
        ({"a": ("b",)}, "finding a implies b, which is not a finding; known: a"),
        ({"a": ("a",)}, "finding a implies itself: a implies a"),
        ({"a": ("b",), "b": ("a",)}, "finding a implies itself: a implies b implies a"),
        ({"a": ("b",), "b": ("c",), "c": ("b",)}, "finding b implies itself: b implies c implies b"),
    ],
)
def test_a_hierarchy_that_is_none_is_told(implies, said):
    """An unknown finding and a circle are named."""
    assert said == hierarchy_faults(implies)[0]


def test_a_hierarchy_without_faults_has_none():
    """Two wholes of one kind are no fault."""
    assert [] == hierarchy_faults({"a": (), "b": (), "c": ("a", "b")})
