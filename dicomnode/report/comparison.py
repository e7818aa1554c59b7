"""How each finding stands against the prior study: the one place where rules and a learned comparison meet.

The rules say nothing that the figures do not bear: where a finding is undetermined now or then nothing is said of its
change, and what is there both times has changed only by more than the uncertainty of what is compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dicomnode.records import Change, FindingSpec, Presence
from dicomnode.report.acuity import presence

LEARNED_FROM = 0.5
"""A learned comparison counts where it gives one change at least this probability."""
_OF_WHAT_STAYS = (Change.INCREASED, Change.UNCHANGED, Change.DECREASED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How large a finding is, and how well that is known."""

    area: float
    """mm2."""
    error: float
    """mm2; the true area is believed to lie so near."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a finding stands in one study."""

    presence: Presence
    interval: tuple[float, float] | None = None
    """Limits of the probability, 95 %, by the same model for both studies; None: not known."""
    extent: Extent | None = None
    """None: not measured."""


def standing(
    spec: FindingSpec,
    probability: float,
    interval: tuple[float, float] | None = None,
    extent: Extent | None = None,
) -> Standing:
    """How a finding stands by its calibrated probability; undetermined where its interval holds the threshold."""
    is_open = interval is not None and interval[0] < spec.threshold <= interval[1]
    found = Presence.UNDETERMINED if is_open else presence(spec, probability)
    return Standing(presence=found, interval=interval, extent=extent)


def changes(
    specs: Sequence[FindingSpec],
    current: Mapping[str, Standing],
    prior: Mapping[str, Standing],
    learned: Mapping[str, Mapping[Change, float]] | None = None,
) -> dict[str, Change]:
    """How each finding has changed, by finding; those of which nothing can be said are left out.

    Parameters
    ----------
    current, prior
        By finding; of a finding that is missing nothing is known.
    learned
        Probability of each change by finding, of a model that saw both studies; it decides only between what
        increased, decreased and stayed, since whether a finding is there is decided elsewhere.
    """
    found = {
        spec.key: change(current[spec.key], prior[spec.key], (learned or {}).get(spec.key))
        for spec in specs
        if spec.key in current and spec.key in prior
    }
    return {key: said for key, said in found.items() if said is not None}


def change(current: Standing, prior: Standing, learned: Mapping[Change, float] | None = None) -> Change | None:
    """How one finding has changed; None where that cannot be said, and where it was and is absent."""
    match prior.presence, current.presence:
        case Presence.ABSENT, Presence.PRESENT:
            return Change.NEW
        case Presence.PRESENT, Presence.ABSENT:
            return Change.RESOLVED
        case Presence.PRESENT, Presence.PRESENT:
            return _of_extents(current, prior) or _learned(learned) or _of_intervals(current, prior)
        case _:
            return None


def _of_extents(current: Standing, prior: Standing) -> Change | None:
    """By the areas; None where they were not measured both times."""
    if current.extent is None or prior.extent is None:
        return None
    return _by_limits(_around(current.extent), _around(prior.extent))


def _learned(probabilities: Mapping[Change, float] | None) -> Change | None:
    """What a model calls likely enough, of growing and shrinking; that it sees neither proves nothing."""
    if not probabilities:
        return None
    likeliest = max(_OF_WHAT_STAYS, key=lambda one: probabilities.get(one, 0.0))
    is_told = likeliest is not Change.UNCHANGED and probabilities.get(likeliest, 0.0) >= LEARNED_FROM
    return likeliest if is_told else None


def _of_intervals(current: Standing, prior: Standing) -> Change | None:
    """By the probabilities; None where their limits are not known both times."""
    if current.interval is None or prior.interval is None:
        return None
    return _by_limits(current.interval, prior.interval)


def _around(extent: Extent) -> tuple[float, float]:
    return extent.area - extent.error, extent.area + extent.error


def _by_limits(now: tuple[float, float], then: tuple[float, float]) -> Change:
    """Changed only where the two ranges have nothing in common."""
    if now[0] > then[1]:
        return Change.INCREASED
    return Change.DECREASED if now[1] < then[0] else Change.UNCHANGED
