"""The frames of CT instances: where each lies, what its header says, and its pixels, decoded once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydicom import Dataset

from dicomnode.dicom.elements import functional_group, items, number, text
from dicomnode.dicom.geometry import Plane, plane
from dicomnode.dicom.pixels import decoded_frame, frame_count, hounsfield
from dicomnode.errors import UnsupportedImageError
from dicomnode.infer.accept import Misfit, first_of
from dicomnode.infer.files import Header, read_instance
from dicomnode.infer.kernels import kernel_class
from dicomnode.records import FloatArray, KernelClass, Omission, ReasonCode, reason

_SAMPLED = 9
"""So many frames of a stack, spread evenly, stand for its contents."""


class Frame(NamedTuple):
    """One slice."""

    header: Header
    frame_number: int
    """1-based."""
    plane: Plane

    @property
    def ds(self) -> Dataset:
        """Header of its instance."""
        return self.header.ds

    @property
    def series(self) -> str:
        """Series Instance UID (0020,000E)."""
        return text(self.ds, "SeriesInstanceUID")

    @property
    def place(self) -> float:
        """Where it lies along its normal, mm."""
        return float(np.dot(self.plane.position, self.plane.normal))

    @property
    def kernel(self) -> str:
        """Convolution Kernel (0018,1210), its first value."""
        group = functional_group(self.ds, self.frame_number, "CTReconstructionSequence")
        return text(self.ds if group is None else group, "ConvolutionKernel")

    @property
    def kernel_class(self) -> KernelClass:
        """What the kernel is for, by its name."""
        return kernel_class(self.kernel, text(self.ds, "Manufacturer"))

    @property
    def acquisition(self) -> float | None:
        """Acquisition Number (0020,0012)."""
        group = functional_group(self.ds, self.frame_number, "FrameContentSequence")
        found = None if group is None else number(group, "FrameAcquisitionNumber")
        return number(self.ds, "AcquisitionNumber") if found is None else found


_NO_POSITION = Misfit(Omission.NO_POSITION, reason(ReasonCode.NO_POSITION))


def frames_of(header: Header) -> Iterator[tuple[int, Frame | Misfit]]:
    """Every frame of an instance by its number, or why its place is not known."""
    count = frame_count(header.ds)
    if count > 1 and count != len(items(header.ds, "PerFrameFunctionalGroupsSequence")):
        yield 1, _NO_POSITION  # several frames say where they lie in functional groups
        return
    for frame_number in range(1, count + 1):
        try:
            where = plane(header.ds, frame_number)
        except UnsupportedImageError as error:
            yield frame_number, Misfit(Omission.GEOMETRY, first_of(error))
        else:
            yield frame_number, _NO_POSITION if where is None else Frame(header, frame_number, where)


class FrameReader:
    """Pixels of the frames of one study.

    Does: decode a frame once, though it is measured first and prepared later.
    Does not: keep frames that were only prepared.
    """

    def __init__(self) -> None:
        self._path, self._ds = Path(), Dataset()
        self._measured: dict[tuple[Path, int], FloatArray] = {}

    def hounsfield(self, frame: Frame) -> FloatArray:
        """One frame (rows, columns) in HU.

        Raises
        ------
        UnsupportedImageError
            If it cannot be decoded, or the header does not say how values become HU.
        """
        known = self._measured.pop((frame.header.path, frame.frame_number), None)
        return hounsfield(self._instance(frame), frame.frame_number) if known is None else known

    def middle(self, frames: Sequence[Frame]) -> list[FloatArray]:
        """Up to three frames (rows, columns) from the middle of a stack in HU; [] where they cannot be read."""
        places = sorted({len(frames) * tenths // 10 for tenths in (4, 5, 6)})
        try:
            return [self._kept(frames[place]) for place in places]
        except UnsupportedImageError:
            return []  # who prepares the stack says why

    def digest(self, frames: Sequence[Frame]) -> str:
        """SHA-256 of the decoded values of a stack or a frame, hexadecimal; "" where they cannot be decoded."""
        digest = hashlib.sha256()
        places = sorted({round(place) for place in np.linspace(0, len(frames) - 1, min(_SAMPLED, len(frames)))})
        try:
            for place in places:
                stored = decoded_frame(self._instance(frames[place]), frames[place].frame_number)
                digest.update(np.ascontiguousarray(stored, dtype="<i4").data)
        except UnsupportedImageError:
            return ""
        return digest.hexdigest()

    def _kept(self, frame: Frame) -> FloatArray:
        key = (frame.header.path, frame.frame_number)
        if key not in self._measured:
            self._measured[key] = hounsfield(self._instance(frame), frame.frame_number)
        return self._measured[key]

    def _instance(self, frame: Frame) -> Dataset:
        """The instance with its pixels; the frames of one follow each other."""
        if frame.header.path != self._path:
            self._path, self._ds = frame.header.path, read_instance(frame.header.path)
        return self._ds
