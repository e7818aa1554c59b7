"""Compares a study with an earlier one of the same patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from pydicom import Dataset

from dicomnode.errors import PeerRefusedError, PeerUnreachableError
from dicomnode.infer.ensemble import Reader
from dicomnode.priors.reading import PriorReader, PriorReading, films_of, study_standings
from dicomnode.priors.search import (
    Admit,
    Candidate,
    Patience,
    PriorSearch,
    Search,
    of_one_patient,
    patience_of,
    summary_of_headers,
)
from dicomnode.records import (
    Acuity,
    Change,
    ChangeUnknown,
    Job,
    PriorState,
    PriorStudy,
    Reading,
    StudySummary,
)
from dicomnode.report.comparison import changes
from dicomnode.settings import Settings
from dicomnode.store.instances import InstanceStore
from dicomnode.store.priors import PriorRequests
from dicomnode.store.results import ResultStore

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorComparison:
    """A study compared with an earlier one."""

    state: PriorState
    prior: PriorStudy | None = None
    changes: Mapping[str, Change | ChangeUnknown] = field(default_factory=dict)
    """By finding, or why it cannot be told; those that were and are absent are left out."""
    tracking_uids: Mapping[str, str] = field(default_factory=dict)
    """By finding, of those that were tracked already."""
    reading: Reading | None = None
    """The earlier study as the model reads it now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """The parts of the store in which earlier studies and their results are looked up."""

    instances: InstanceStore
    results: ResultStore
    requests: PriorRequests


NOT_LOOKED_FOR = PriorComparison(state=PriorState.NOT_LOOKED_FOR)


class Priors:
    """Compares studies with earlier ones.

    Does: find, fetch, read and compare, all within a limit of time; say why there was nothing to compare with.
    Does not: keep a study waiting for its earlier ones: whatever goes wrong with them, it is read.

    Parameters
    ----------
    admit
        The one way in for an instance: it keeps what an archive gives.
    """

    def __init__(self, settings: Settings, shelves: Shelves, admit: Admit) -> None:
        self._settings = settings
        self._search = PriorSearch(settings, shelves.instances, shelves.requests, admit)
        self._reader = PriorReader(shelves.instances, shelves.results)

    def compare(self, job: Job, headers: Sequence[Dataset], reading: Reading, model: Reader) -> PriorComparison:
        """Compare a study that has just been read.

        Parameters
        ----------
        headers
            Of the instances that the job reads.
        """
        current = of_one_patient(summary_of_headers(headers))
        if not self._settings.priors.is_enabled or current is None:
            return NOT_LOOKED_FOR
        patience = patience_of(self._settings, is_emergent=job.acuity is Acuity.EMERGENT)
        search = self._search.find(current, patience)
        prior, is_whole = self._first_readable(current, search, patience, model)
        if prior is None:
            is_searched = is_whole and not search.failure
            return PriorComparison(state=PriorState.NONE_FOUND if is_searched else PriorState.UNREACHABLE)
        standings = study_standings(model.bundle.findings, reading, films_of(headers, model))
        log.info("compared", prior=prior.study.study_instance_uid, is_verified=prior.study.is_verified)
        return PriorComparison(
            state=PriorState.COMPARED,
            prior=prior.study,
            changes=changes(model.bundle.findings, standings, prior.standings, _learned(model, reading, prior.reading)),
            tracking_uids=prior.tracking_uids,
            reading=prior.reading,
        )

    def _first_readable(
        self, current: StudySummary, search: Search, patience: Patience, model: Reader
    ) -> tuple[PriorReading | None, bool]:
        """The newest earlier study that can be read, and whether all that were tried came whole."""
        is_whole = True
        for candidate in search.usable[: self._settings.priors.maximum]:
            is_whole &= self._is_fetched(current, candidate, patience)
            prior = self._reader.read(current, candidate.study, model)
            if prior is not None:
                return prior, is_whole
        return None, is_whole

    def _is_fetched(self, current: StudySummary, candidate: Candidate, patience: Patience) -> bool:
        try:
            self._search.fetch(current, candidate, patience)
        except (PeerUnreachableError, PeerRefusedError) as error:
            prior = candidate.study.study_instance_uid
            log.warning("an earlier study was not fetched", prior=prior, why=str(error))
            return False
        return True


def _learned(model: Reader, current: Reading, prior: Reading | None) -> dict[str, dict[Change, float]]:
    """The comparer's answer for each finding; empty if the bundle has none or the prior images were not read."""
    compared = None if prior is None else model.compare(current, prior)
    if compared is None:
        return {}
    return {
        spec.key: {change: float(share) for change, share in zip(Change, row, strict=True)}
        for spec, row in zip(model.bundle.findings, compared.probabilities, strict=True)
    }
