"""Finds the earlier studies of a patient, in the node's own store and at the archive of the settings, and fetches."""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog
from pydicom import Dataset

from dicomnode.dicom.elements import text
from dicomnode.dicom.patient import STUDY_SUMMARY_ELEMENTS, difference, is_identified, summary_of
from dicomnode.dicom.reading import read_header
from dicomnode.errors import (
    InstanceRefusedError,
    PeerRefusedError,
    PeerUnreachableError,
    TransientError,
    UnsupportedImageError,
)
from dicomnode.priors.selection import REPORTS, newest_first, why_not, worth_fetching
from dicomnode.records import Arrival, KeptInstance, StudySummary
from dicomnode.send.archive import Archive, Fetched
from dicomnode.send.deadline import Deadline
from dicomnode.settings import Settings
from dicomnode.store.instances import InstanceStore
from dicomnode.store.priors import PriorRequests

log = structlog.get_logger()

SILENCE_S = 60.0
"""How long an archive that did not answer is not queried again by this process."""
PAUSE_S = 0.5
"""Between two tries."""

_T = TypeVar("_T")

Admit = Callable[[Arrival], object]
"""Keeps an instance, or raises InstanceRefusedError, TransientError or OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long and how often an archive is queried for one study."""

    deadline: Deadline
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A study that may be an earlier one of the same patient."""

    study: StudySummary
    is_kept: bool
    """The node keeps images of it."""
    is_at_archive: bool
    why_not: str
    """Why it is not used for comparison; empty: it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What a search has found."""

    candidates: tuple[Candidate, ...]
    """The newest first."""
    failure: str
    """Why the archive did not answer; empty if it did, or if there is none."""

    @property
    def usable(self) -> list[Candidate]:
        """Those that may be compared with."""
        return [candidate for candidate in self.candidates if not candidate.why_not]


def of_one_patient(series: Sequence[StudySummary]) -> StudySummary | None:
    """What a study says of itself; None where its patient is not known, or its series name different ones."""
    if not series or not is_identified(series[0].patient):
        return None
    return None if any(difference(series[0].patient, one.patient) for one in series) else together(series)


def patience_of(settings: Settings, *, is_emergent: bool) -> Patience:
    """How long an archive is asked: an emergent study's result must not wait for its past."""
    priors = settings.priors
    limit_s = priors.emergent_timeout_s if is_emergent else priors.timeout_s
    limit_s = min(limit_s, settings.schedule.lease_s / 2)
    return Patience(deadline=Deadline(limit_s), attempts=1 if is_emergent else priors.attempts)


def archive_of(settings: Settings) -> Archive | None:
    """The archive of `[priors]`; None where there is none."""
    priors = settings.priors
    if priors.dicomweb:
        from dicomnode.send.dicomweb import DicomWebUserAgent

        return DicomWebUserAgent(priors.dicomweb.get_secret_value())
    if not priors.archive:
        return None
    # A worker that asks no archive does without the network's libraries.
    from dicomnode.send.query_retrieve import QueryRetrieveSCU

    peer = settings.send.destinations[priors.archive]
    return QueryRetrieveSCU(peer, settings.send, settings.receive.ae_title, by_get=priors.retrieve == "c-get")


def summary_of_kept(instances: Sequence[KeptInstance]) -> list[StudySummary]:
    """Summary of a stored study from each readable series; one instance stands for its series."""
    first_of: dict[str, KeptInstance] = {}
    for instance in instances:
        first_of.setdefault(instance.key.series_instance_uid, instance)
    found = []
    for instance in first_of.values():
        try:
            found.append(summary_of([read_header(instance.path, STUDY_SUMMARY_ELEMENTS)]))
        except UnsupportedImageError:
            continue
    return found


def summary_of_headers(headers: Sequence[Dataset]) -> list[StudySummary]:
    """Summary of a study from each series, from headers that are already read."""
    first_of: dict[str, Dataset] = {}
    for ds in headers:
        first_of.setdefault(text(ds, "SeriesInstanceUID"), ds)
    return [summary_of([ds]) for ds in first_of.values()]


class PriorSearch:
    """Finds and fetches.

    Does: look in both places, say of every study why it is left out, try an archive again within its patience.
    Does not: read images or reports.
    """

    def __init__(self, settings: Settings, instances: InstanceStore, requests: PriorRequests, admit: Admit) -> None:
        self._settings = settings
        self._instances = instances
        self._requests = requests
        self._admit = admit
        self._archive = archive_of(settings)
        self._silent_until = 0.0

    def find(self, current: StudySummary, patience: Patience) -> Search:
        """Find the earlier studies of a study's patient."""
        kept = {study.study_instance_uid: study for study in self._kept(current)}
        failure = ""
        told: dict[str, StudySummary] = {}
        try:
            told = {study.study_instance_uid: study for study in self._told(current, patience)}
        except (PeerUnreachableError, PeerRefusedError) as error:
            failure = str(error)
            log.warning("the archive was not searched for earlier studies", why=failure)
        candidates = [
            Candidate(
                study=study,
                is_kept=study.study_instance_uid in kept,
                is_at_archive=study.study_instance_uid in told,
                why_not=why_not(current, study, self._settings.priors),
            )
            for study in newest_first([*({**told, **kept}).values()])  # headers that we keep know more than answers
            if study.study_instance_uid != current.study_instance_uid
        ]
        return Search(candidates=tuple(candidates), failure=failure)

    def _kept(self, current: StudySummary) -> list[StudySummary]:
        found = []
        for uid in self._instances.studies_of(current.patient):
            images = [
                one
                for one in self._instances.known_of_study(uid)
                if not one.key.is_own and one.key.modality.upper() != REPORTS
            ]
            series = summary_of_kept(images)
            # A series that was filed wrongly must not hide the others; where all are, the search says so.
            of_patient = [one for one in series if not difference(current.patient, one.patient)]
            if series:
                found.append(together(of_patient or series))
        return found

    def _told(self, current: StudySummary, patience: Patience) -> list[StudySummary]:
        archive = self._archive
        if archive is None:
            return []
        studies = self._asked(lambda: archive.studies(current.patient, patience.deadline), patience)
        # Few archives name the issuer in an answer. That is no contradiction yet: each instance is looked at later.
        issuer = current.patient.issuer
        return [
            replace(study, patient=replace(study.patient, issuer=study.patient.issuer or issuer))
            for study in studies
            if study.study_instance_uid
        ]

    def fetch(self, current: StudySummary, candidate: Candidate, patience: Patience) -> None:
        """Fetch what the node does not keep of an earlier study.

        Raises
        ------
        PeerUnreachableError, PeerRefusedError
            If the archive does not give it in time; what came is kept.
        """
        archive, study = self._archive, candidate.study.study_instance_uid
        if archive is None or not candidate.is_at_archive:
            return
        series = self._asked(lambda: archive.series(study, patience.deadline), patience)
        held = Counter(one.key.series_instance_uid for one in self._instances.known_of_study(study))
        wanted = worth_fetching(current, series, held, self._settings.priors)
        if not wanted:
            return
        left_s = patience.deadline.left_s
        self._requests.add(study, current.patient, now=dt.datetime.now(dt.UTC), timeout_s=left_s)
        self._asked(lambda: archive.fetch(study, wanted, self._keep, patience.deadline), patience)
        log.info("fetched", prior=study, series=len(wanted))

    def _keep(self, fetched: Fetched) -> bool:
        arrival = Arrival(
            sop_class_uid=fetched.sop_class_uid,
            sop_instance_uid=fetched.sop_instance_uid,
            transfer_syntax_uid=fetched.transfer_syntax_uid,
            calling_ae_title=self._settings.priors.source[:64],
            encoded=fetched.encoded,
            is_fetched=True,
        )
        try:
            self._admit(arrival)
        except (InstanceRefusedError, TransientError, OSError) as error:
            why = str(error) if isinstance(error, InstanceRefusedError) else type(error).__name__
            log.warning("instance of an earlier study not stored", sop_instance_uid=fetched.sop_instance_uid, why=why)
            return False
        return True

    def _asked(self, question: Callable[[], _T], patience: Patience) -> _T:
        """Query, and retry; an archive that stays silent is not queried for a while."""
        if time.monotonic() < self._silent_until:
            raise PeerUnreachableError(f"{self._settings.priors.source} did not respond a moment ago")
        for attempt in range(1, patience.attempts + 1):
            try:
                return question()
            except PeerUnreachableError:
                if attempt == patience.attempts or patience.deadline.left_s <= PAUSE_S:
                    self._silent_until = time.monotonic() + SILENCE_S
                    raise
                time.sleep(PAUSE_S)
        raise AssertionError("there is at least one attempt")


def together(series: Sequence[StudySummary]) -> StudySummary:
    """One summary from those of the series; patient and date are the first one's."""
    first = series[0]
    return replace(
        first,
        modalities=tuple(dict.fromkeys(one for summary in series for one in summary.modalities)),
        body_parts=tuple(dict.fromkeys(one for summary in series for one in summary.body_parts)),
    )
