"""Everything that can be known to be wrong before the first study comes: for `config check` and for `serve`.

Both call the same checks, so they cannot differ: what `config check` calls an error keeps `serve` from starting, with
the same sentence. Nothing is made or changed. Heavy rooms are imported by the check that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from dicomnode.errors import SettingsError
from dicomnode.settings import Settings


class Level(StrEnum):
    """How bad a finding is."""

    ERROR = "error"
    """The node does not start."""
    WARNING = "warning"
    """The node starts, but probably not as it is meant to work."""
    NOTE = "note"
    """Worth knowing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One thing that a check has found."""

    level: Level
    setting: tuple[str, ...]
    """Setting that it is about, by the names of its table and key; () for none."""
    says: str
    """One sentence."""


Check = Callable[[Settings], Iterable[Found]]


def error(setting: str, says: str) -> Found:
    """Something that keeps the node from starting."""
    return Found(level=Level.ERROR, setting=tuple(setting.split(".")), says=says)


def warning(setting: str, says: str) -> Found:
    """Something that is probably not meant."""
    return Found(level=Level.WARNING, setting=tuple(setting.split(".")), says=says)


def note(setting: str, says: str) -> Found:
    """Something worth knowing."""
    return Found(level=Level.NOTE, setting=tuple(setting.split(".")), says=says)


def check(settings: Settings, *, in_doubt: Iterable[tuple[int | str, ...]] = ()) -> list[Found]:
    """Run all checks.

    Parameters
    ----------
    in_doubt
        Settings whose value is a default only because what was written is wrong: nothing is said about them.

    Returns
    -------
    What was found, errors first.
    """
    doubted = set(in_doubt)
    found: dict[str, Found] = {}
    for one in (one for run in _checks() for one in run(settings)):
        if not doubted & {one.setting[:n] for n in range(1, len(one.setting) + 1)}:
            found.setdefault(one.says, one)
    order = list(Level)
    return sorted(found.values(), key=lambda one: order.index(one.level))


def require(settings: Settings) -> Sequence[Found]:
    """Run all checks, and return what an operator should read in the log.

    Raises
    ------
    SettingsError
        If there are errors; one line for each.
    """
    found = check(settings)
    errors = [one.says for one in found if one.level is Level.ERROR]
    if errors:
        raise SettingsError("\n".join(errors))
    return found


def _checks() -> Iterator[Check]:
    from dicomnode.node import check_machine, check_models, check_routes

    yield from (*check_machine.CHECKS, *check_routes.CHECKS, *check_models.CHECKS)
