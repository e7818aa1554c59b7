"""The study of one job as its worker sees it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from pydicom import Dataset

from dicomnode.dicom.elements import text
from dicomnode.dicom.reading import read_header
from dicomnode.errors import UnsupportedImageError
from dicomnode.infer.files import Header
from dicomnode.infer.prepare import PreparedStudy, Readable, prepare_study
from dicomnode.records import Job, KeptInstance, Reading
from dicomnode.store.inputs import InputStore


class JobStudy:
    """Instances, headers and pixels of what a job reads.

    Does: read each header once and decode each image once, however often they are asked for, from triage to results.
    Does not: outlive its job, write.
    """

    def __init__(self, job: Job, inputs: InputStore) -> None:
        self.job = job
        self._inputs = inputs
        self._known: dict[Path, Dataset | UnsupportedImageError] = {}
        self._prepared: PreparedStudy | None = None
        self._read: frozenset[str] = frozenset()

    @cached_property
    def instances(self) -> tuple[KeptInstance, ...]:
        """Those that the job reads."""
        return tuple(self._inputs.of(self.job.id))

    def prepared(self, bundle: Readable) -> PreparedStudy:
        """As `prepare`."""
        if self._prepared is None:
            self._prepared = prepare_study([self._required(one.path) for one in self.instances], bundle)
        return self._prepared

    def headers(self) -> tuple[Dataset, ...]:
        """Headers of the instances that the job reads, where they can be read."""
        return self._readable(self.instances)

    def note(self, reading: Reading) -> None:
        """From now on the results document the images of this reading alone."""
        self._read = frozenset(image.sop_instance_uid for image in reading.images)

    def documented(self) -> tuple[Dataset, ...]:
        """Headers of the images that results document: those that were read, else all that the job was to read."""
        headers = self.headers()
        return tuple(ds for ds in headers if text(ds, "SOPInstanceUID") in self._read) or headers

    def of_patient(self) -> tuple[Dataset, ...]:
        """Headers of all of the patient's images in the study, those that the job does not read included."""
        return self._readable(self._inputs.with_beside(self.job.id))

    def _required(self, path: Path) -> Header:
        found = self._header(path)
        if isinstance(found, UnsupportedImageError):
            raise found
        return Header(path, found)

    def _readable(self, instances: Sequence[KeptInstance]) -> tuple[Dataset, ...]:
        found = (self._header(one.path) for one in instances)
        return tuple(one for one in found if isinstance(one, Dataset))

    def _header(self, path: Path) -> Dataset | UnsupportedImageError:
        if path not in self._known:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # pydicom's warnings quote header values, which may be the patient's
                try:
                    self._known[path] = read_header(path)
                except UnsupportedImageError as error:
                    self._known[path] = error
        return self._known[path]


def prepare(study: JobStudy, bundle: Readable) -> PreparedStudy:
    """What the bundle of a job reads of its study; asked again, nothing is decoded again.

    Raises
    ------
    NotApplicableError, NotJudgedError, UnsupportedImageError
        As `prepare_study`; the last also if a file cannot be read.
    """
    return study.prepared(bundle)
