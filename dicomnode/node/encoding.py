"""Objects of ours as files to be kept."""

from __future__ import annotations

from io import BytesIO

from pydicom import dcmwrite

from dicomnode.compose import Composed
from dicomnode.dicom.elements import PARSER_ERRORS
from dicomnode.errors import ComposeError
from dicomnode.store.results import NewResult


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
    try:
        dcmwrite(file, composed.dataset, enforce_file_format=True)
    except PARSER_ERRORS as error:
        raise ComposeError(f"{composed.role} cannot be encoded ({type(error).__name__})") from None
    ds = composed.dataset
    return NewResult(
        role=composed.role,
        sop_instance_uid=str(ds.SOPInstanceUID),
        sop_class_uid=str(ds.SOPClassUID),
        series_instance_uid=str(ds.SeriesInstanceUID),
        encoded=file.getvalue(),
        destinations=destinations,
    )
