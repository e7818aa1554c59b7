"""Findings that are kinds of others, and probabilities that respect it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from dicomnode.records import FindingSpec, FloatArray


def hierarchy_faults(implies: Mapping[str, Sequence[str]]) -> list[str]:
    """What is wrong with a hierarchy, in words; empty: nothing.

    Parameters
    ----------
    implies
        Every finding, with the findings that it is a kind of.
    """
    faults = [
        f"finding {key} implies {whole}, which is not a finding; known: {', '.join(implies)}"
        for key, wholes in implies.items()
        for whole in wholes
        if whole not in implies
    ]
    return faults or [
        f"finding {key} implies itself: {' implies '.join((key, *_way_back(key, implies)))}"
        for key in implies
        if key in wholes_of(key, implies)
    ]


def wholes_of(key: str, implies: Mapping[str, Sequence[str]]) -> set[str]:
    """All that a finding implies, over any number of steps."""
    found: set[str] = set()
    waiting = list(implies.get(key, ()))
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting.extend(implies.get(one, ()))
    return found


def coherent(specs: Sequence[FindingSpec], values: FloatArray) -> FloatArray:
    """Raise each whole to the largest value among its kinds.

    A kind cannot be likelier than the whole that it belongs to: P(any hemorrhage) >= P(epidural hemorrhage). Of two
    figures that break this, the whole's is raised and the kind's is not lowered, since the whole's classifier may have
    missed what the kind's has seen, and a probability that is too high asks for a look while one that is too low hides
    a finding. This is the smallest change that only raises. Applied to each limit of an interval it keeps the
    probability between them.

    Parameters
    ----------
    values
        (K,) probabilities, or (K, 2) limits, in the order of `specs`.

    Returns
    -------
    FloatArray
        Of the same shape; the same values where no finding implies another.
    """
    implies = {spec.key: spec.implies for spec in specs}
    raised = np.array(values, copy=True)
    rows = {spec.key: k for k, spec in enumerate(specs)}
    for spec in specs:
        for whole in wholes_of(spec.key, implies) & set(rows):
            raised[rows[whole]] = np.maximum(raised[rows[whole]], values[rows[spec.key]])
    return raised


def _way_back(key: str, implies: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Shortest way of a finding back to itself, without its beginning."""
    ways: list[tuple[str, ...]] = [(key,)]
    for way in ways:  # grows while it is walked
        for whole in implies[way[-1]]:
            if whole == key:
                return (*way[1:], key)
            if whole not in way:
                ways.append((*way, whole))
    return ()
