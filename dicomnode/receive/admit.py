"""The one way in for an instance, whichever door it came through."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from dicomnode.dicom.reading import read_key
from dicomnode.errors import InstanceRefusedError
from dicomnode.records import InstanceKey, StoreStatus


class InstanceSink(Protocol):
    """Where admitted instances go."""

    def keep(self, key: InstanceKey, encoded: bytes, *, calling_ae_title: str) -> bool:
        """Return once file and index row are durable: True for new content, False for a known instance."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One instance as a door hands it over."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae_title: str
    encoded: bytes
    """A whole DICOM file around the data set bytes as received."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Checks an arrival and gives it to the sink."""

    sink: InstanceSink
    data_dir: Path
    minimum_free_bytes: int

    def admit(self, arrival: Arrival) -> InstanceKey:
        """Keep an instance.

        Returns only after the sink has made file and row durable.

        Raises
        ------
        InstanceRefusedError
            If the disk is below its watermark, or the data set is unreadable or contradicts its command.
        OSError, TransientError
            If it could not be written.
        """
        free_bytes = shutil.disk_usage(self.data_dir).free
        if free_bytes < self.minimum_free_bytes:
            message = f"disk nearly full: {free_bytes} bytes free, {self.minimum_free_bytes} wanted"
            raise InstanceRefusedError(message, status=StoreStatus.OUT_OF_RESOURCES)
        key = read_key(
            arrival.encoded,
            sop_class_uid=arrival.sop_class_uid,
            sop_instance_uid=arrival.sop_instance_uid,
            transfer_syntax_uid=arrival.transfer_syntax_uid,
        )
        self.sink.keep(key, arrival.encoded, calling_ae_title=arrival.calling_ae_title)
        return key
