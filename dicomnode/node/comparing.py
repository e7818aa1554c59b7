"""Joins the room of earlier studies to the store and to the way in, and keeps its troubles from the study at hand."""

from __future__ import annotations

from collections.abc import Callable

from dicomnode.node.frame import Failure, Fate, attempt
from dicomnode.node.rooms import Stores, admission
from dicomnode.priors.compare import PriorComparison, Priors, Shelves
from dicomnode.records import PriorState
from dicomnode.settings import Settings


def priors(settings: Settings, stores: Stores) -> Priors:
    """What compares studies with earlier ones; instances that it fetches come in as all others do."""
    shelves = Shelves(instances=stores.instances, results=stores.results, requests=stores.requests)
    return Priors(settings, shelves, admission(settings, stores).admit)


def compared(compare: Callable[[], PriorComparison]) -> PriorComparison:
    """Compare a study with earlier ones; whatever is wrong with those, the study itself is answered.

    Raises
    ------
    NodeError
        If the surroundings are at fault, the index for example: then the study can be read another time.
    """
    done = attempt(compare)
    if not isinstance(done, Failure):
        return done
    if done.fate in (Fate.WAIT, Fate.DROP):
        raise done.error
    done.tell("the study is not compared with earlier ones")
    return PriorComparison(state=PriorState.UNREACHABLE)
