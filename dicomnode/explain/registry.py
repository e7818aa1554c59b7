"""Explanation methods by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dicomnode.errors import SettingsError
from dicomnode.explain.case import Case
from dicomnode.records import FloatArray, Heatmap

Method = Callable[[Case], FloatArray]
"""Takes a case; returns weights (rows, columns) of its image as stored, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class _Registered:
    method: Method
    is_slow: bool


_METHODS: dict[str, _Registered] = {}


def explainer(name: str, *, is_slow: bool = False) -> Callable[[Method], Method]:
    """Register the decorated function as the method `name`.

    Parameters
    ----------
    is_slow
        It runs the model many times, which takes seconds rather than milliseconds.
    """

    def register(method: Method) -> Method:
        _METHODS[name] = _Registered(method, is_slow)
        return method

    return register


def methods() -> tuple[str, ...]:
    """Names of the registered methods, sorted."""
    return tuple(sorted(_METHODS))


def is_slow(method: str) -> bool:
    """Whether a method runs the model many times.

    Raises
    ------
    SettingsError
        If no such method is registered.
    """
    return _registered(method).is_slow


def explain(method: str, case: Case) -> Heatmap:
    """Say where the model looked for one finding, on the case's image.

    Parameters
    ----------
    method
        Registered name.

    Raises
    ------
    SettingsError
        If no such method is registered.
    ExplainError
        If the method cannot be applied: the bundle, the image or the draft lacks what it needs.
    """
    return Heatmap(finding=case.spec.key, method=method, image=case.image, weights=_registered(method).method(case))


def _registered(method: str) -> _Registered:
    if method not in _METHODS:
        raise SettingsError(f"no explanation method {method!r}; known: {', '.join(methods())}")
    return _METHODS[method]
