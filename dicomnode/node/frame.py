"""The outermost frame: what an error means for the work in hand, said once for every loop of the service.

Rooms raise errors by name. Whatever reaches this frame is mapped to a fate, told in the log by its type and its place,
never by a library's message, which may quote a study, and stops nothing else.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TypeVar

import structlog
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

import dicomnode
from dicomnode.errors import LeaseLostError, NodeError, PermanentError, SettingsError, StorageError, TransientError

log = structlog.get_logger()

T = TypeVar("T")

IDLE_S = 0.25
"""Pause of a loop that found nothing to do."""
LONGEST_PAUSE_S = 30.0
"""Pause of a loop that fails again and again."""
_PACKAGE = Path(dicomnode.__file__).parent
_DEFECTS_OF_SQL = (DataError, IntegrityError, NotSupportedError, ProgrammingError)


class Fate(StrEnum):
    """What happens to the work during which an error was raised."""

    WAIT = "wait"
    """Its surroundings are at fault: it is done another time, and no try of it is used up."""
    TRY_AGAIN = "try again"
    """It may be at fault itself: it is tried again a few times, and then answered that it could not be done."""
    ANSWER = "answer"
    """Trying again cannot help: the reason is the answer."""
    DROP = "drop"
    """Somebody else does it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """An error and what it means."""

    error: Exception
    fate: Fate
    code: str
    sentence: str
    """Why, without patient data."""
    is_defect: bool
    """An error that nobody named: a fault of the program."""

    @property
    def reason(self) -> str:
        """Why, as `CODE: sentence`."""
        return f"{self.code}: {self.sentence}"

    @property
    def where(self) -> str:
        """The line of ours that was at work, and the one that raised where that is a library's."""
        return place(self.error)

    def tell(self, event: str, **words: Any) -> None:
        """Write it to the log: what is expected at times as a warning, a defect as an error."""
        if self.is_defect:
            log.error("unexpected error", during=event, error=type(self.error).__name__, where=self.where, **words)
        else:
            log.warning(event, why=self.reason, where=self.where, **words)


def judge(error: Exception) -> Failure:
    """What an error means."""
    fate, code, sentence, is_defect = Fate.TRY_AGAIN, "INTERNAL_ERROR", type(error).__name__, False
    if isinstance(error, NodeError):
        fate, code, sentence = _fate_of(error), error.code, str(error)
    elif isinstance(error, MemoryError):
        code, sentence = StorageError.code, "there is not enough memory"
    elif isinstance(error, OSError):
        code, sentence = StorageError.code, error.strerror or type(error).__name__
    elif isinstance(error, DBAPIError) and not isinstance(error, _DEFECTS_OF_SQL):
        fate, code, sentence = Fate.WAIT, TransientError.code, f"the index cannot be used ({type(error).__name__})"
    else:
        is_defect = True
    return Failure(error=error, fate=fate, code=code, sentence=sentence, is_defect=is_defect)


def _fate_of(error: NodeError) -> Fate:
    if isinstance(error, LeaseLostError):
        return Fate.DROP
    if isinstance(error, StorageError):
        return Fate.TRY_AGAIN
    if isinstance(error, TransientError | SettingsError):
        return Fate.WAIT
    return Fate.ANSWER if isinstance(error, PermanentError) else Fate.TRY_AGAIN


def attempt(action: Callable[[], T]) -> T | Failure:
    """Do something, and say what became of it."""
    try:
        return action()
    except Exception as error:  # noqa: BLE001  # the outermost frame: nothing that one study does may stop the others
        return judge(error)


def place(error: BaseException) -> str:
    """Where an error was raised; its message stays out, as those of libraries may quote the data set."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "unknown"
    lines = [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames]
    ours = [line for frame, line in zip(frames, lines, strict=True) if _PACKAGE in Path(frame.filename).parents]
    ours = [line for line in ours if f"{Path(__file__).name}:" not in line] or ours
    if not ours or ours[-1] == lines[-1]:
        return lines[-1]
    return f"{ours[-1]} ({lines[-1]})"


def _short(filename: str) -> str:
    """Path from the package's folder on; of a library its last two parts."""
    path = Path(filename)
    if _PACKAGE in path.parents:
        return str(path.relative_to(_PACKAGE.parent))
    return str(Path(*path.parts[-2:]))


class Until(Protocol):
    """What says when to stop."""

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the word to stop, at most so long, and say whether it has come."""
        ...


def loop(name: str, run_once: Callable[[], bool], stop: Until, *, beat: Callable[[str], None]) -> None:
    """Run something until told to stop; failures are logged, and tried again after a growing pause.

    Parameters
    ----------
    run_once
        Whether there was anything to do; where there was not, the loop pauses.
    beat
        Called with the loop's name before each run: by this the supervisor knows that it goes on.
    """
    failures = 0
    pause_s = 0.0
    while not stop.wait(pause_s):
        beat(name)
        done = attempt(run_once)
        if isinstance(done, Failure):
            failures += 1
            pause_s = min(2.0 ** (failures - 1), LONGEST_PAUSE_S)
            done.tell("a loop failed and will continue", loop=name, pause_s=pause_s)
        else:
            failures = 0
            pause_s = 0.0 if done else IDLE_S
