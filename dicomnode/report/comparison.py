"""How each finding stands against the prior study: the one place where rules and a learned comparison meet.

The rules say nothing that the figures do not bear: where a finding is undetermined now or then its change cannot be
told, and what is there both times has changed only by more than the uncertainty of what is compared. Where a change
cannot be told, the reason is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dicomnode.records import Change, ChangeUnknown, FindingSpec, Presence

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
    projection: str = ""
    """Direction of the film that speaks most for the finding, for example `frontal`; empty: not known, or no film."""


def changes(
    specs: Sequence[FindingSpec],
    current: Mapping[str, Standing],
    prior: Mapping[str, Standing],
    learned: Mapping[str, Mapping[Change, float]] | None = None,
) -> dict[str, Change | ChangeUnknown]:
    """How each finding has changed, or why that cannot be told; those that were and are absent are left out.

    Parameters
    ----------
    current, prior
        By finding; of a finding that is missing nothing is known.
    learned
        Probability of each change by finding, of a model that saw both studies; it decides only between what
        increased, decreased and stayed, since whether a finding is there is decided elsewhere.
    """
    found = {
        spec.key: change(current[spec.key], prior.get(spec.key), (learned or {}).get(spec.key))
        for spec in specs
        if spec.key in current
    }
    return {key: said for key, said in found.items() if said is not None}


def change(
    current: Standing, prior: Standing | None, learned: Mapping[Change, float] | None = None
) -> Change | ChangeUnknown | None:
    """How one finding has changed, or why that cannot be told; None where it was and is absent.

    Parameters
    ----------
    prior
        None: nothing is known of it.
    """
    if prior is None:
        return ChangeUnknown.NOT_JUDGED_THEN
    if Presence.PRESENT is prior.presence is current.presence:
        return _of_what_stays(current, prior, learned)
    return change_by_presence(prior.presence, current.presence)


def change_by_presence(then: Presence, now: Presence) -> Change | ChangeUnknown | None:
    """What the verdicts of two studies say of a change; None where both say the same."""
    match then, now:
        case _, Presence.UNDETERMINED:
            return ChangeUnknown.UNDETERMINED_NOW
        case Presence.UNDETERMINED, _:
            return ChangeUnknown.UNDETERMINED_THEN
        case Presence.ABSENT, Presence.PRESENT:
            return Change.NEW
        case Presence.PRESENT, Presence.ABSENT:
            return Change.RESOLVED
        case _:
            return None


def _of_what_stays(
    current: Standing, prior: Standing, learned: Mapping[Change, float] | None
) -> Change | ChangeUnknown:
    """What is there both times: by its area, by a learned comparison, by its probability, in this order."""
    if current.projection and prior.projection and current.projection != prior.projection:
        return ChangeUnknown.OTHER_VIEW
    said = _of_extents(current, prior) or _learned(learned) or _of_intervals(current, prior)
    return said or ChangeUnknown.NOT_MEASURED


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
