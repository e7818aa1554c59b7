"""Joins the room of earlier studies to the store and to the way in."""

from __future__ import annotations

from dicomnode.node.rooms import Stores, admission
from dicomnode.priors.compare import Priors, Shelves
from dicomnode.settings import Settings


def priors(settings: Settings, stores: Stores) -> Priors:
    """What compares studies with earlier ones; instances that it fetches come in as all others do."""
    shelves = Shelves(instances=stores.instances, results=stores.results, requests=stores.requests)
    return Priors(settings, shelves, admission(settings, stores).admit)
