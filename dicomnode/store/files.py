"""Bytes on disk: content-addressed, durable before anybody hears of them.

A small interface, so that it can become an object store: names are digests that we made ourselves,
never words from the network.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from dicomnode.store.private import make_folder, open_private


def file_digest(content: bytes) -> str:
    """Name of a whole file by its content."""
    return hashlib.sha256(content).hexdigest()


class FileStore:
    """One folder of immutable files.

    Does: write bytes durably under a name of ours, give the path back.
    Does not: know what the bytes are.

    Parameters
    ----------
    is_reader
        Only look: the folder is not made.
    """

    def __init__(self, root: Path, *, is_reader: bool = False) -> None:
        self._root = root
        if not is_reader:
            make_folder(root)

    def keep(self, digest: str, content: bytes) -> str:
        """Write `content` and return its name; on return it survives a power cut.

        Raises
        ------
        OSError
            If it could not be written; nothing of it is left.
        """
        name = f"{digest[:2]}/{digest}.dcm"
        path = self.path(name)
        _make_folder(path.parent)
        # The same content may come over two associations at once: each writes a file of its own.
        temporary = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
        try:
            _write_durably(temporary, content)
            temporary.replace(path)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)
        return name

    def path(self, name: str) -> Path:
        """Absolute path of a kept file."""
        return self._root / name

    def sweep(self) -> int:
        """Remove what a killed writer left half-written; call it while nobody writes."""
        leftovers = list(self._root.glob("*/*.part"))
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)


def _make_folder(folder: Path) -> None:
    if not folder.exists():
        make_folder(folder)
        _sync_folder(folder.parent)


def _write_durably(path: Path, content: bytes) -> None:
    with open(path, "wb", opener=open_private) as file:  # noqa: PTH123  # pathlib takes no opener
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """A new name is durable only once its folder is."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
