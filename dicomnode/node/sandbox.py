"""A small PACS of our own for trying the node out: it keeps what it is sent, one file an instance."""

from __future__ import annotations

import threading
from pathlib import Path

from dicomnode.receive.admit import Admission
from dicomnode.receive.scp import StorageSCP
from dicomnode.records import InstanceKey
from dicomnode.settings import ReceiveSettings


class FolderSink:
    """Keeps instances in a folder, in the order in which they came.

    Does: write files and remember their order.
    Does not: promise durability; it is no archive.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self.arrivals: list[tuple[InstanceKey, Path]] = []
        folder.mkdir(parents=True, exist_ok=True)

    def keep(self, key: InstanceKey, encoded: bytes, *, calling_ae_title: str) -> bool:
        """Write one instance; the number in its name is its place in the order of arrival."""
        with self._lock:
            path = self._folder / f"{len(self.arrivals) + 1:04d}.dcm"
            path.write_bytes(encoded)
            self.arrivals.append((key, path))
        return True


class SandboxPACS:
    """A Storage SCP over a folder."""

    def __init__(self, folder: Path, *, ae_title: str = "SANDBOX") -> None:
        self.sink = FolderSink(folder)
        settings = ReceiveSettings(ae_title=ae_title, host="127.0.0.1", port=0)
        self._scp = StorageSCP(settings, Admission(sink=self.sink, data_dir=folder, minimum_free_bytes=0))

    def start(self) -> int:
        """Listen on a free port and return it."""
        return self._scp.start()

    def stop(self) -> None:
        """Stop listening."""
        self._scp.stop()
