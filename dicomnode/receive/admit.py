"""The one way in for an instance, whichever door it came through."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from dicomnode.dicom.reading import read_key
from dicomnode.errors import InstanceRefusedError
from dicomnode.records import Arrival, InstanceKey, StoreStatus
from dicomnode.store.priors import Asked, PriorRequests


class InstanceSink(Protocol):
    """Where admitted instances go."""

    def keep(self, key: InstanceKey, encoded: bytes, *, calling_ae_title: str) -> bool:
        """Return once file and index row are durable: True for new content, False for a known instance."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Checks an arrival and gives it to the sink."""

    sink: InstanceSink
    data_dir: Path
    minimum_free_bytes: int
    requests: PriorRequests | None = None
    """What the node asked an archive for; None: nothing ever."""
    own_ae_title: str = ""
    """Our AE title when we call: by it we know our own C-MOVE requests."""

    def admit(self, arrival: Arrival) -> bool:
        """Keep an instance, and say whether its content is new.

        Returns only after the sink has made file and row durable.

        Raises
        ------
        InstanceRefusedError
            If the disk is below its watermark, the data set is unreadable or contradicts its command, or it comes
            as part of an earlier study that we asked for, but belongs to another patient or study.
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
        key = self._marked(key, arrival)
        return self.sink.keep(key, arrival.encoded, calling_ae_title=arrival.calling_ae_title)

    def _marked(self, key: InstanceKey, arrival: Arrival) -> InstanceKey:
        """Mark what belongs to an earlier study that we asked for; a stranger's C-MOVE may use our AE title too."""
        is_ours = arrival.is_fetched or (self.own_ae_title and arrival.move_originator_ae_title == self.own_ae_title)
        if self.requests is None or not is_ours:
            return key
        asked = self.requests.asked_for(key)
        if asked is Asked.OTHER_PATIENT:
            message = "not the patient whose earlier study was asked for"
            raise InstanceRefusedError(message, status=StoreStatus.DATA_SET_MISMATCH)
        if asked is Asked.NO and arrival.is_fetched:
            message = "not of the study that was asked for"
            raise InstanceRefusedError(message, status=StoreStatus.DATA_SET_MISMATCH)
        return replace(key, is_prior=asked is Asked.YES)
