"""What is said of one finding: the verdict, how sentences speak of it, and how exactly its probability is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Presence(StrEnum):
    """Whether a finding is there (PS3.16 CID 240)."""

    PRESENT = "present"
    ABSENT = "absent"
    UNDETERMINED = "undetermined"


class Verdict(StrEnum):
    """The one judgement of a finding; every sentence, code, colour and alert follows from it."""

    ABSENT = "absent"
    UNDETERMINED = "undetermined"
    """Neither present nor absent can be said, and the probability lies below the threshold."""
    POSSIBLE = "possible"
    """Neither present nor absent can be said, and the probability reaches the threshold."""
    PRESENT = "present"

    @property
    def presence(self) -> Presence:
        """The code that says it."""
        return Presence.UNDETERMINED if self is Verdict.POSSIBLE else Presence(self.value)

    @property
    def is_suspected(self) -> bool:
        """Whether somebody is to look for it: the finding is there, or may be and is likelier than the threshold."""
        return self in (Verdict.PRESENT, Verdict.POSSIBLE)

    @property
    def is_certain(self) -> bool:
        """Whether it is said to be there or not to be there."""
        return self in (Verdict.PRESENT, Verdict.ABSENT)

    @property
    def rank(self) -> int:
        """From 0, absent, to 3, present."""
        return list(Verdict).index(self)


class Stance(StrEnum):
    """How a sentence speaks of a finding."""

    AFFIRMED = "affirmed"
    """There is a ...; only a draft says so."""
    SUGGESTED = "suggested"
    """Findings consistent with ..."""
    LIKELY = "likely"
    """Probably ...; no verdict says so."""
    DOUBTED = "doubted"
    """Possible ..."""
    OPEN = "open"
    """Neither confirmed nor excluded."""
    DENIED = "denied"

    def fits(self, verdict: Verdict) -> bool:
        """Whether it says the same as a verdict, with the same certainty."""
        return self in _STANCES[verdict]

    def overstates(self, verdict: Verdict) -> bool:
        """Whether it says the same as a verdict and puts it plainly, where a model can only suspect."""
        return self is Stance.AFFIRMED and verdict is Verdict.PRESENT

    def opposes(self, verdict: Verdict) -> bool:
        """Whether it says the opposite of a verdict, and not only the same with another certainty.

        So does a denial of what is suspected, a plain word for what is not, and a hint at what is absent.
        """
        if self is Stance.DENIED:
            return verdict.is_suspected
        if self in (Stance.AFFIRMED, Stance.SUGGESTED, Stance.LIKELY):
            return not verdict.is_suspected
        return self is Stance.DOUBTED and verdict is Verdict.ABSENT


_STANCES = {
    Verdict.PRESENT: (Stance.AFFIRMED, Stance.SUGGESTED),
    Verdict.POSSIBLE: (Stance.DOUBTED,),
    Verdict.UNDETERMINED: (Stance.DOUBTED, Stance.OPEN),
    Verdict.ABSENT: (Stance.DENIED,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One finding as one sentence speaks of it."""

    finding: str
    """FindingSpec.key."""
    stance: Stance


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A probability as everything shows it: in whole percent, and no finer than its interval allows."""

    percent: int
    """Never 0 or 100, which no classifier can know."""
    lower: int | None = None
    """Limits in percent, 95 %, rounded away from it; None: not known."""
    upper: int | None = None
    step: int = 1
    """It is a multiple of so many percent."""

    @property
    def is_rough(self) -> bool:
        """Whether it is rounded to more than one percent."""
        return self.step > 1


def estimate_of(probability: float, interval: Sequence[float] | None = None) -> Estimate:
    """Round a probability as far as its interval asks for.

    The step is 1 percent where the interval is up to 10 percent wide, 5 up to 50, and 10 above: a step of no more than
    half of the interval, so that the rounded figure stays well inside of it. Limits are rounded to the same step,
    away from the probability.

    Parameters
    ----------
    probability
        In [0, 1].
    interval
        Its lower and upper limit in [0, 1]; None: not known.
    """
    if interval is None:
        return Estimate(percent=_within(round(100 * probability), 1))
    low, high = (min(max(100 * float(limit), 0.0), 100.0) for limit in interval)
    width = high - low
    step = 1 if width <= 10 else 5 if width <= 50 else 10
    percent = _within(step * round(100 * probability / step), step)
    # Rounded first, lest the last bit of a floating-point number moves a limit by a whole step.
    lower, upper = math.floor(round(low / step, 6)) * step, math.ceil(round(high / step, 6)) * step
    return Estimate(percent=percent, lower=min(lower, percent), upper=max(upper, percent), step=step)


def _within(percent: int, step: int) -> int:
    return min(max(percent, step), 100 - step)
