"""Storage SCU (PS3.4 Annex B): files to a peer, every answer looked at."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.filereader import read_file_meta_info
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context
from pynetdicom.status import code_to_category

from dicomnode.dicom.elements import parsing
from dicomnode.dicom.files import reading
from dicomnode.errors import StorageError, UnsupportedImageError
from dicomnode.records import SendOutcome, SendVerdict, verdict_of
from dicomnode.send.association import MAXIMUM_CONTEXTS, associated
from dicomnode.settings import Destination, SendSettings

_PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian)
_SOP_CLASS_NOT_SUPPORTED = 0x0122
"""PS3.7 Annex C; what we note of a file that could not leave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One file to send."""

    path: Path
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    priority: int = 0
    """C-STORE Priority (0000,0700): 0 medium, 1 high, 2 low."""


def read_outgoing(path: Path, *, priority: int = 0) -> Outgoing:
    """Read from a file's meta information how it is to be sent (PS3.10 7.1).

    Raises
    ------
    UnsupportedImageError
        If the file is missing or no DICOM file, or its meta information lacks what a C-STORE needs.
    StorageError
        If the file cannot be read now.
    """
    with parsing(f"{path} is not a DICOM file"), reading(path, "file"):
        meta = read_file_meta_info(path)
    wanted = ("MediaStorageSOPInstanceUID", "MediaStorageSOPClassUID", "TransferSyntaxUID")
    values = [str(meta.get(keyword) or "") for keyword in wanted]
    missing = [keyword for keyword, value in zip(wanted, values, strict=True) if not value]
    if missing:
        raise UnsupportedImageError(f"{path} cannot be sent: its file meta information lacks {', '.join(missing)}")
    return Outgoing(
        path=path,
        sop_instance_uid=values[0],
        sop_class_uid=values[1],
        transfer_syntax_uid=values[2],
        priority=priority,
    )


class StoreSCU:
    """Sends files to one peer.

    Does: one association for all files as far as their contexts fit, bytes as they lie on disk where the
    peer takes that transfer syntax, else decoded to a plain one.
    Does not: try again.
    """

    def __init__(self, peer: Destination, settings: SendSettings) -> None:
        self._peer = peer
        self._settings = settings

    def send(self, files: Sequence[Outgoing]) -> Generator[SendOutcome, None, None]:
        """Yield what became of each file, in order; closing the generator releases the association.

        Raises
        ------
        PeerUnreachableError, PeerRefusedError
            If no association could be made; files already yielded keep their outcome.
        StorageError
            If a file cannot be read now.
        """
        for batch in _batches(files):
            with associated(self._peer, self._settings, _contexts(batch)) as assoc:
                for file in batch:
                    yield _store(assoc, file)


def _batches(files: Sequence[Outgoing]) -> Iterator[list[Outgoing]]:
    """Cut where one association would need more contexts than fit."""
    batch: list[Outgoing] = []
    for file in files:
        if len(_contexts([*batch, file])) > MAXIMUM_CONTEXTS:
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def _contexts(files: Sequence[Outgoing]) -> list[PresentationContext]:
    """For each SOP class one context with the plain syntaxes, and one for every other syntax in use."""
    classes = dict.fromkeys(f.sop_class_uid for f in files)
    others = dict.fromkeys(
        (f.sop_class_uid, f.transfer_syntax_uid) for f in files if f.transfer_syntax_uid not in _PLAIN
    )
    own = [build_context(UID(sop_class), [UID(syntax)]) for sop_class, syntax in others]
    # A peer picks one syntax of a context: the two plain ones stand apart, so that a file goes out as it is.
    plain = [build_context(UID(sop_class), [syntax]) for sop_class in classes for syntax in _PLAIN]
    return own + plain


def _store(assoc: Association, file: Outgoing) -> SendOutcome:
    if not assoc.is_established:
        return _outcome(file, None)
    accepted = {(c.abstract_syntax, c.transfer_syntax[0]) for c in assoc.accepted_contexts}
    plain = [syntax for syntax in _PLAIN if (file.sop_class_uid, syntax) in accepted]
    is_taken_as_it_is = (file.sop_class_uid, file.transfer_syntax_uid) in accepted
    if not is_taken_as_it_is and not plain:
        return _unsendable(file, f"the peer does not accept {UID(file.sop_class_uid).name} as we can offer it")
    try:
        with parsing("the file cannot be decoded for the peer"), reading(file.path, "file"):
            content = file.path if is_taken_as_it_is else _decoded(file, plain[0])
            answer = assoc.send_c_store(content, priority=file.priority)
    except (StorageError, UnsupportedImageError) as error:
        if not assoc.is_established:  # lost in the middle: the file is not to blame
            return _outcome(file, None)
        if isinstance(error, StorageError):
            raise
        return _unsendable(file, str(error))
    return _outcome(file, answer.get("Status"))


def _decoded(file: Outgoing, syntax: UID) -> Dataset:
    """The file in a plain transfer syntax, for a peer that does not take it as it is."""
    ds = dcmread(file.path)
    if not UID(file.transfer_syntax_uid).is_little_endian:
        raise ValueError("pixel data of the other byte order")  # retired since 2006; a peer that lacks it goes without
    if UID(file.transfer_syntax_uid).is_encapsulated:
        ds.decompress(generate_instance_uid=False)
    ds.file_meta.TransferSyntaxUID = syntax
    encoded = BytesIO()
    dcmwrite(encoded, ds)
    encoded.seek(0)
    return dcmread(encoded)


def _outcome(file: Outgoing, status: int | None) -> SendOutcome:
    if status is None:
        return SendOutcome(sop_instance_uid=file.sop_instance_uid, status=None, error="no answer to the C-STORE")
    if verdict_of(status) is SendVerdict.HELD:
        return SendOutcome(sop_instance_uid=file.sop_instance_uid, status=status)
    error = f"C-STORE status 0x{status:04X} ({code_to_category(status)})"
    return SendOutcome(sop_instance_uid=file.sop_instance_uid, status=status, error=error)


def _unsendable(file: Outgoing, error: str) -> SendOutcome:
    return SendOutcome(sop_instance_uid=file.sop_instance_uid, status=_SOP_CLASS_NOT_SUPPORTED, error=error)
