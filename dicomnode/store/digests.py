"""Digests by which instances and the studies that they make are known again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from dicomnode.dicom.reading import data_set_offset
from dicomnode.records import KeptInstance


def content_digest(sop_instance_uid: str, transfer_syntax_uid: str, encoded: bytes) -> str:
    """SHA-256 over UID, transfer syntax and the data set as received; the file meta before it is the library's."""
    digest = hashlib.sha256(f"{sop_instance_uid} {transfer_syntax_uid} ".encode())
    digest.update(memoryview(encoded)[data_set_offset(encoded) :])
    return digest.hexdigest()


def revision_of(kept: Iterable[KeptInstance]) -> str:
    """SHA-256 over SOP Instance UIDs and contents: the same whatever order they came in."""
    lines = sorted(f"{one.key.sop_instance_uid} {one.digest}" for one in kept)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
