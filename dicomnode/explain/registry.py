"""The methods of explanation by name."""

from __future__ import annotations

from collections.abc import Callable

from dicomnode.errors import SettingsError
from dicomnode.records import FindingSpec, FloatArray, Heatmap, Reading

Method = Callable[[Reading, int], FloatArray]
"""Takes a reading and a finding's index; returns weights (rows, columns) of the finding's best image as stored."""

_METHODS: dict[str, Method] = {}


def explainer(name: str) -> Callable[[Method], Method]:
    """Register the decorated function as the method `name`."""

    def register(method: Method) -> Method:
        _METHODS[name] = method
        return method

    return register


def methods() -> tuple[str, ...]:
    """Names of the registered methods, sorted."""
    return tuple(sorted(_METHODS))


def explain(method: str, reading: Reading, finding_index: int, spec: FindingSpec) -> Heatmap:
    """Say where the model looked for one finding, on the image that speaks most for it.

    Parameters
    ----------
    method
        Registered name.
    finding_index
        Place of the finding in the bundle's list: index k of probabilities and class maps.
    spec
        The finding at that place.

    Raises
    ------
    SettingsError
        If no such method is registered.
    """
    if method not in _METHODS:
        raise SettingsError(f"no explanation method {method!r}; known: {', '.join(methods())}")
    return Heatmap(
        finding=spec.key,
        method=method,
        image=reading.images[reading.best_images[finding_index]],
        weights=_METHODS[method](reading, finding_index),
    )
