"""Reads an earlier study: its images with the same model, and the coded findings of its reports."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import structlog
from pydicom import Dataset, dcmread

from dicomnode.dicom.elements import parsing, text
from dicomnode.dicom.files import reading as stored
from dicomnode.dicom.geometry import pixel_spacing_mm
from dicomnode.dicom.patient import difference, patient_of
from dicomnode.dicom.reading import read_header
from dicomnode.dicom.statements import Statement, is_verified, predecessors, statement_on, statements
from dicomnode.dicom.uids import MANUFACTURER, tracking_uid
from dicomnode.errors import PermanentError, StorageError, UnsupportedImageError
from dicomnode.explain import Case, explain
from dicomnode.explain.extent import area_mm2
from dicomnode.infer.ensemble import Reader
from dicomnode.infer.files import Header
from dicomnode.infer.prepare import prepare_study
from dicomnode.priors.selection import kin
from dicomnode.records import FindingSpec, InstanceReference, Presence, PriorStudy, Reading, StudySummary
from dicomnode.report.comparison import Extent, Standing
from dicomnode.report.verdict import verdicts_of
from dicomnode.store.instances import InstanceStore
from dicomnode.store.results import ResultStore

log = structlog.get_logger()

EXTENT_METHOD = "class_activation"
"""The method whose weights mean the same in every image, so areas can be compared."""
EXTENT_ERROR = 0.25
"""Share of an area. Films of one phantom that were shifted by up to 10 mm, turned by up to 2 degrees and exposed anew
give areas within 22 % (95 %); patients breathe and turn as well. `bench/extent.py` measures it."""
_PROJECTIONS = {"frontal": ("AP", "PA"), "lateral": ("LL", "RL", "LAT", "LATERAL")}
_REPORT_CLASSES = "1.2.840.10008.5.1.4.1.1.88."
"""SOP Class UIDs of structured reports begin so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorReading:
    """The findings of an earlier study."""

    study: PriorStudy
    standings: Mapping[str, Standing]
    """By finding."""
    tracking_uids: Mapping[str, str]
    """Of the findings that were, or may have been, there."""
    reading: Reading | None
    """Its images as the model reads them now; None where it cannot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    reference: InstanceReference
    path: Path
    modality: str
    is_own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    reference: InstanceReference
    is_verified: bool
    written_at: str
    predecessors: tuple[str, ...]
    statements: tuple[Statement, ...]


class PriorReader:
    """Reads earlier studies that the node keeps.

    Does: hold every instance against the current patient, read images without a draft, read coded reports; a report
    that a physician verified counts before the node's own results, and these before reading the images again.
    Does not: find or fetch.
    """

    def __init__(self, instances: InstanceStore, results: ResultStore) -> None:
        self._instances = instances
        self._results = results

    def read(self, current: StudySummary, study: StudySummary, model: Reader) -> PriorReading | None:
        """Read one earlier study; None where nothing of it can be compared with."""
        headers = _of_same_patient(current, self._files(study.study_instance_uid))
        files = list(headers)
        reading, films = _read_images(current, headers, model)
        measured = {} if reading is None else study_standings(model.bundle.findings, reading, films)
        said = _said(model.bundle.findings, _documents(files))
        standings = measured | {
            key: replace(measured.get(key, Standing(presence=one.presence)), presence=one.presence)
            for key, (_, one) in said.items()
        }
        if not standings:
            return None
        seen = {image.sop_instance_uid for image in reading.images} if reading else set()
        seen |= {document.reference.sop_instance_uid for document, _ in said.values()}
        prior = PriorStudy(
            study_instance_uid=study.study_instance_uid,
            study_date=study.study_date,
            instances=tuple(file.reference for file in files if file.reference.sop_instance_uid in seen),
            presences={key: one.presence for key, one in standings.items()},
            is_verified=any(document.is_verified for document, _ in said.values()),
        )
        bundle = model.bundle.identity.name
        tracking_uids = {
            key: (said[key][1].tracking_uid if key in said else "")
            or tracking_uid(study.study_instance_uid, bundle, key)
            for key, one in standings.items()
            if one.presence is not Presence.ABSENT
        }
        return PriorReading(study=prior, standings=standings, tracking_uids=tracking_uids, reading=reading)

    def _files(self, study_instance_uid: str) -> list[_File]:
        """Everything that the node keeps of a study, its own results among it, each once."""
        kept = [
            _File(
                reference=InstanceReference(
                    study_instance_uid=study_instance_uid,
                    series_instance_uid=one.key.series_instance_uid,
                    sop_instance_uid=one.key.sop_instance_uid,
                    sop_class_uid=one.key.sop_class_uid,
                ),
                path=one.path,
                modality=one.key.modality.upper(),
                is_own=one.key.is_own,
            )
            for one in self._instances.known_of_study(study_instance_uid)
        ]
        results = [
            _File(
                reference=InstanceReference(
                    study_instance_uid=study_instance_uid,
                    series_instance_uid=one.series_instance_uid,
                    sop_instance_uid=one.sop_instance_uid,
                    sop_class_uid=one.sop_class_uid,
                ),
                path=one.path,
                modality="",
                is_own=True,
            )
            for one in self._results.of_study(study_instance_uid)
        ]
        return [*{file.reference.sop_instance_uid: file for file in [*results, *kept]}.values()]


def _said(specs: Sequence[FindingSpec], documents: Sequence[_Document]) -> dict[str, tuple[_Document, Statement]]:
    """For each finding, the statement of the first document that mentions it."""
    said = {}
    for spec in specs:
        for document in documents:
            statement = statement_on(spec.code, document.statements)
            if statement is not None:
                said[spec.key] = (document, statement)
                break
    return said


class FilmGeometry(NamedTuple):
    """What of a film decides whether areas in it can be compared with those in another."""

    spacing: tuple[float, float] | None
    """Pixel spacing in mm, (row, column); None: not known."""
    projection: str
    """As in `Standing`."""


def study_standings(
    specs: Sequence[FindingSpec], reading: Reading, films: Mapping[str, FilmGeometry]
) -> dict[str, Standing]:
    """How each finding stands in a reading, by the same verdicts as in its report.

    Parameters
    ----------
    films
        Geometry of the films by SOP Instance UID; empty where areas say nothing.
    """
    found = {}
    for k, (spec, verdict) in enumerate(zip(specs, verdicts_of(specs, reading), strict=True)):
        interval = (
            None if reading.intervals is None else (float(reading.intervals[k][0]), float(reading.intervals[k][1]))
        )
        film = films.get(reading.images[reading.best_images[k]].sop_instance_uid)
        found[spec.key] = Standing(
            presence=verdict.presence,
            interval=interval,
            extent=_extent(reading, k, spec, film) if verdict.is_suspected else None,
            projection="" if film is None else film.projection,
        )
    return found


def films_of(headers: Iterable[Dataset], model: Reader) -> dict[str, FilmGeometry]:
    """Geometry of films by SOP Instance UID; none of a volume, whose slices say little of its lesions' size."""
    if model.bundle.is_volume:
        return {}
    found = {}
    for ds in headers:
        try:
            spacing = pixel_spacing_mm(ds, 1)
        except UnsupportedImageError:
            continue
        found[text(ds, "SOPInstanceUID")] = FilmGeometry(spacing, _projection(text(ds, "ViewPosition")))
    return found


def _projection(view: str) -> str:
    """Direction of a View Position (0018,5101); one that the standard does not list is a direction of its own."""
    known = next((name for name, views in _PROJECTIONS.items() if view.upper() in views), "")
    return known or view.lower()


def _extent(reading: Reading, k: int, spec: FindingSpec, film: FilmGeometry | None) -> Extent | None:
    if film is None or film.spacing is None or not reading.encodings[reading.best_images[k]].has_maps:
        return None
    area = area_mm2(explain(EXTENT_METHOD, Case(reading=reading, finding=k, spec=spec)), film.spacing)
    return Extent(area=area, error=EXTENT_ERROR * area) if area > 0 else None


def _of_same_patient(current: StudySummary, files: Sequence[_File]) -> dict[_File, Dataset]:
    """Hold each instance against the current patient: an archive may have filed it wrongly. Its header is read once."""
    found = {}
    for file in files:
        uid = file.reference.sop_instance_uid
        try:
            ds = read_header(file.path)
        except (StorageError, UnsupportedImageError):
            log.warning("instance of an earlier study not used", sop_instance_uid=uid, why="its header cannot be read")
            continue
        if differs := difference(current.patient, patient_of(ds)):
            why = f"it may be of another patient: {differs}"
            log.warning("instance of an earlier study not used", sop_instance_uid=uid, why=why)
            continue
        found[file] = ds
    return found


def _read_images(
    current: StudySummary, headers: Mapping[_File, Dataset], model: Reader
) -> tuple[Reading | None, dict[str, FilmGeometry]]:
    alike = kin(current.modalities)
    images = [Header(file.path, ds) for file, ds in headers.items() if not file.is_own and file.modality in alike]
    if not images:
        return None, {}
    try:
        prepared = prepare_study(images, model.bundle)
        reading = model.read(prepared.images, has_draft=False, doubts=prepared.selection.doubts)
    except (PermanentError, StorageError) as error:
        log.info("an earlier study cannot be read", why=f"{error.code}: {error}")
        return None, {}
    return reading, films_of([header.ds for header in images], model)


def _documents(files: Sequence[_File]) -> list[_Document]:
    """Reports that count, in the order in which they do: verified ones, then our own, each the newest first."""
    reports = [file for file in files if file.reference.sop_class_uid.startswith(_REPORT_CLASSES)]
    documents = [*_parsed(reports)]
    replaced = {uid for document, _ in documents for uid in document.predecessors}
    counting = [
        document
        for document, is_own in documents
        if (document.is_verified or is_own) and document.reference.sop_instance_uid not in replaced
    ]
    newest_first = sorted(counting, key=lambda document: document.written_at, reverse=True)
    return sorted(newest_first, key=lambda document: not document.is_verified)


def _parsed(files: Sequence[_File]) -> Iterator[tuple[_Document, bool]]:
    """Each report that can be read, with whether it is ours."""
    for file in files:
        try:
            with parsing("the report cannot be read"), stored(file.path):
                ds = dcmread(file.path)
                document = _document(file, ds)
            yield document, file.is_own or text(ds, "Manufacturer") == MANUFACTURER
        except (StorageError, UnsupportedImageError) as error:
            uid = file.reference.sop_instance_uid
            log.warning("a report of an earlier study cannot be read", sop_instance_uid=uid, error=type(error).__name__)


def _document(file: _File, ds: Dataset) -> _Document:
    return _Document(
        reference=file.reference,
        is_verified=is_verified(ds),
        written_at=text(ds, "ContentDate") + text(ds, "ContentTime"),
        predecessors=predecessors(ds),
        statements=statements(ds),
    )
