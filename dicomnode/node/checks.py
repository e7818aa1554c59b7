"""Everything that can be known to be wrong before the first study comes: for `config check` and for `serve`.

Both call the same checks, so they cannot differ: what `config check` calls an error keeps `serve` from starting, with
the same sentence. Nothing is made or changed. Heavy rooms are imported by the check that needs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import structlog

from dicomnode.errors import SettingsError
from dicomnode.settings import Settings

log = structlog.get_logger()


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


def machine() -> Sequence[Check]:
    """What needs nothing but this machine, and is quick: `serve` checks it before it listens."""
    from dicomnode.node import check_machine

    return check_machine.CHECKS


def routes_and_models() -> Sequence[Check]:
    """What needs the models: `serve` checks it once it listens, so that no image is lost meanwhile."""
    from dicomnode.node import check_models, check_routes

    return (*check_routes.CHECKS, *check_models.CHECKS)


def check(
    settings: Settings, checks: Sequence[Check] | None = None, *, in_doubt: Iterable[tuple[int | str, ...]] = ()
) -> list[Found]:
    """Run checks.

    Parameters
    ----------
    checks
        Which; None: all.
    in_doubt
        Settings whose value is a default only because what was written is wrong: nothing is said about them.

    Returns
    -------
    What was found, errors first.
    """
    doubted = set(in_doubt)
    found: dict[str, Found] = {}
    chosen = (*machine(), *routes_and_models()) if checks is None else checks
    for one in (one for run in chosen for one in run(settings)):
        if not doubted & {one.setting[:n] for n in range(1, len(one.setting) + 1)}:
            found.setdefault(one.says, one)
    order = list(Level)
    return sorted(found.values(), key=lambda one: order.index(one.level))


def require(settings: Settings, checks: Sequence[Check] | None = None) -> Sequence[Found]:
    """Run checks, and return what an operator should read in the log.

    Raises
    ------
    SettingsError
        If there are errors; one line for each.
    """
    found = check(settings, checks)
    errors = [one.says for one in found if one.level is Level.ERROR]
    if errors:
        raise SettingsError("\n".join(errors))
    return found


def tell(remarks: Iterable[Found]) -> None:
    """Write remarks to the log."""
    for one in remarks:
        (log.warning if one.level is Level.WARNING else log.info)(one.says)
