"""Objects of ours as files to be kept."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

from pydicom import dcmwrite

from dicomnode.compose import Composed, is_for
from dicomnode.errors import ComposeError
from dicomnode.node.frame import Failure, attempt
from dicomnode.node.unread import is_of_the_study
from dicomnode.records import ViewerProfile
from dicomnode.store.results import NewResult


def encoded_for(composed: Composed, profiles: Mapping[str, ViewerProfile]) -> NewResult:
    """As `encoded`, for those destinations whose profile has such objects."""
    return encoded(composed, tuple(name for name, profile in profiles.items() if is_for(composed.role, profile)))


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
