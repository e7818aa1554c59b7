"""Objects of ours as files to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

from pydicom import dcmwrite

from dicomnode.compose import Composed, kind_of
from dicomnode.errors import ComposeError
from dicomnode.node.frame import Failure, attempt
from dicomnode.node.unread import is_of_the_study
from dicomnode.records import ResultKind
from dicomnode.store.results import NewResult


def encoded_for(composed: Composed, kinds: Mapping[str, frozenset[ResultKind]]) -> NewResult:
    """As `encoded`, for those destinations that get objects of this kind."""
    return encoded(composed, tuple(name for name, wanted in kinds.items() if kind_of(composed.role) in wanted))


def encoded(composed: Composed, destinations: tuple[str, ...] | None = None) -> NewResult:
    """A composed object as a whole DICOM file.

    Parameters
    ----------
    destinations
        As in `NewResult`.

    Raises
    ------
    ComposeError
        If a value of it cannot be written.
    """
    file = BytesIO()
    written = attempt(lambda: dcmwrite(file, composed.dataset, enforce_file_format=True))
    if isinstance(written, Failure):
        if not is_of_the_study(written):
            raise written.error
        raise ComposeError(f"{composed.role} cannot be encoded ({type(written.error).__name__})") from written.error
    ds = composed.dataset
    return NewResult(
        role=composed.role,
        sop_instance_uid=str(ds.SOPInstanceUID),
        sop_class_uid=str(ds.SOPClassUID),
        series_instance_uid=str(ds.SeriesInstanceUID),
        encoded=file.getvalue(),
        destinations=destinations,
    )
