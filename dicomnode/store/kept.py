"""Rows of the instances table as records."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from dicomnode.records import ContentState, InstanceKey, KeptInstance
from dicomnode.store.files import FileStore


def to_kept(row: Row[Any], files: FileStore) -> KeptInstance:
    """Record of a row of the instances table."""
    key = InstanceKey(
        study_instance_uid=row.study_instance_uid,
        series_instance_uid=row.series_instance_uid,
        sop_instance_uid=row.sop_instance_uid,
        sop_class_uid=row.sop_class_uid,
        transfer_syntax_uid=row.transfer_syntax_uid,
        modality=row.modality,
        is_own=row.is_own,
        is_prior=row.is_prior,
    )
    return KeptInstance(
        id=row.id,
        key=key,
        path=files.path(row.path),
        digest=row.digest,
        size_bytes=row.size_bytes,
        calling_ae_title=row.calling_ae_title,
        received_at=row.received_at,
        patient_digest=row.patient_digest,
        content_state=ContentState(row.content_state),
    )
