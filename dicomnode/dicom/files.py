"""What the file system says of a kept file, named: gone for good, or not to be had now."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from dicomnode.errors import FileMissingError, StorageError
from dicomnode.records import ReasonCode, reason

IMAGE_FILE = "image file"


@contextmanager
def reading(source: Path | BinaryIO, what: str = IMAGE_FILE) -> Iterator[None]:
    """Name what keeps a file from being read; what is wrong with its content is for others to name.

    Parameters
    ----------
    source
        The file, or bytes in memory.
    what
        What the file is, for the message.

    Raises
    ------
    FileMissingError
        If it is gone.
    StorageError
        If disk, network file system or memory do not give it now.
    """
    name = source.name if isinstance(source, Path) else "in memory"
    try:
        yield
    except FileNotFoundError:
        is_image = what == IMAGE_FILE
        why = reason(ReasonCode.FILE_MISSING, name=name) if is_image else f"{what} {name} is missing"
        raise FileMissingError(why) from None
    except MemoryError:
        raise StorageError(f"{what} {name} cannot be read: there is not enough memory") from None
    except OSError as error:
        if error.errno is None:  # a library's, about the content
            raise
        raise StorageError(f"{what} {name} cannot be read: {error.strerror}") from None


def require(path: Path, what: str = IMAGE_FILE) -> None:
    """Make sure that a file is there.

    Raises
    ------
    FileMissingError, StorageError
        As `reading`.
    """
    with reading(path, what):
        path.stat()
