"""What came back for each study of the demo, read from the objects that its sandbox PACS received."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydicom import Dataset, dcmread

from dicomnode.dicom import codes
from dicomnode.dicom.elements import items, text
from dicomnode.infer.bundle import load_bundle
from dicomnode.node.rooms import Stores, bundle_paths
from dicomnode.records import Acuity, Change, CodedConcept, InstanceKey, Outcome, Presence, ResultKind
from dicomnode.settings import Settings

T = TypeVar("T")

_MEASUREMENT_GROUP = CodedConcept("125007", "DCM", "Measurement Group")
_STUDY_KINDS = frozenset(
    [
        ResultKind.REGIONS,
        ResultKind.REGIONS_3D,
        ResultKind.REGIONS_ENHANCED,
        ResultKind.STUDY,
        ResultKind.STUDY_3D,
        ResultKind.STUDY_ENHANCED,
    ]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One study as the demo sent it."""

    folder: str
    line: str
    """Its story."""
    study_instance_uid: str
    instances: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """One finding of a study."""

    name: str
    presence: Presence
    percent: int
    is_suspected: bool
    change: Change | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAnswer:
    """The answer to one study."""

    sent: Sent
    sent_as: int
    """Its place in the order in which studies were sent, from 1."""
    answered_as: int
    """Its place in the order in which the first reports reached the PACS, from 1."""
    seconds: float
    """From the time at which the node took the study for complete to its first report in the PACS."""
    outcome: Outcome
    acuity: Acuity | None
    """None: not graded, because the study was not judged or not everything could be."""
    judgements: tuple[Judgement, ...]
    is_compared: bool
    """With an earlier study."""
    model: str
    """Name of the bundle; empty: none."""
    is_synthetic_model: bool
    """The model was trained on computed images only."""
    objects: tuple[tuple[str, Path], ...]
    """Role and file of each object in the PACS, in order of arrival."""

    def of_kind(self, *kinds: ResultKind) -> list[tuple[str, Path]]:
        """Its objects of some kinds."""
        return [(role, path) for role, path in self.objects if kind_of(role) in kinds]

    @property
    def suspected(self) -> tuple[Judgement, ...]:
        """The findings that are there, or may be."""
        return tuple(one for one in self.judgements if one.is_suspected)


def kind_of(role: str) -> ResultKind:
    """Kind of object that a role names."""
    return ResultKind(role.split(".", 1)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """A study whose first report is in the PACS."""

    sent: Sent
    sent_as: int
    job: Mapping[str, Any]
    """Row of the jobs table."""
    at: dt.datetime
    """UTC; when the first report was there."""
    come: Sequence[tuple[str, Path]]
    """Role and file of each object so far, in order of arrival."""


def reported(stores: Stores, sent: Sequence[Sent], arrivals: Sequence[tuple[InstanceKey, Path]]) -> list[Reported]:
    """Studies whose first report is in the PACS, in the order in which these came."""
    by_uid = {key.sop_instance_uid: path for key, path in arrivals}
    place = {uid: number for number, uid in enumerate(by_uid)}
    jobs = {job["study_instance_uid"]: job for job in stores.jobs.list()}
    found = []
    for number, study in enumerate(sent, 1):
        if (job := jobs.get(study.study_instance_uid)) is None:
            continue
        roles = {result.sop_instance_uid: result.role for result in stores.results.of_job(job["id"])}
        come = [(roles[uid], by_uid[uid]) for uid in sorted(roles.keys() & by_uid.keys(), key=place.__getitem__)]
        first = next((path for role, path in come if kind_of(role) is ResultKind.TEXT), None)
        if first is not None:
            at = dt.datetime.fromtimestamp(first.stat().st_mtime, dt.UTC)
            found.append(Reported(sent=study, sent_as=number, job=job, at=at, come=come))
    return sorted(found, key=lambda one: one.at)


def answers(settings: Settings, found: Sequence[Reported]) -> list[StudyAnswer]:
    """What the objects of each study say, in the same order."""
    synthetic = synthetic_models(settings)
    return [_answer(one, place, synthetic) for place, one in enumerate(found, 1)]


def finding_names(settings: Settings) -> dict[str, str]:
    """Finding, as roles of objects name it, to what its code means."""
    bundles = [load_bundle(folder) for folder in bundle_paths(settings).values()]
    return {finding.key: finding.code.meaning for bundle in bundles for finding in bundle.findings}


def synthetic_models(settings: Settings) -> frozenset[str]:
    """Names of the bundles that were trained on computed images only."""
    paths = bundle_paths(settings)
    return frozenset(name for name, folder in paths.items() if load_bundle(folder).identity.is_synthetic)


def _answer(found: Reported, place: int, synthetic: frozenset[str]) -> StudyAnswer:
    documents = [dcmread(path) for role, path in found.come if kind_of(role) in _STUDY_KINDS]
    evaluations = [said for ds in documents for said in _evaluations(ds)]
    judgements = [judgement for ds in documents for judgement in _judgements(ds)]
    return StudyAnswer(
        sent=found.sent,
        sent_as=found.sent_as,
        answered_as=place,
        seconds=(found.at - found.job["created_at"]).total_seconds(),
        outcome=Outcome(found.job["outcome"]),
        acuity=_named(codes.ACUITIES, evaluations, codes.LEVEL_OF_SIGNIFICANCE),
        judgements=tuple(sorted(judgements, key=lambda one: (not one.is_suspected, -one.percent))),
        is_compared=(codes.COMPARISON_DONE.value, codes.YES.value) in evaluations,
        model=found.job["bundle"] or "",
        is_synthetic_model=found.job["bundle"] in synthetic,
        objects=tuple(found.come),
    )


def _containers(item: Dataset, name: CodedConcept) -> Iterator[Dataset]:
    """Containers of this name, at any depth."""
    for child in items(item, "ContentSequence"):
        if _code(child, "ConceptNameCodeSequence") == name.value:
            yield child
        yield from _containers(child, name)


def _evaluations(ds: Dataset) -> list[tuple[str, str]]:
    """Code values of names and values of what is said of the study as a whole."""
    return [pair for one in _containers(ds, codes.QUALITATIVE_EVALUATIONS) for pair in _coded(one)]


def _coded(item: Dataset) -> list[tuple[str, str]]:
    return [
        (_code(child, "ConceptNameCodeSequence"), _code(child, "ConceptCodeSequence"))
        for child in items(item, "ContentSequence")
        if text(child, "ValueType") == "CODE"
    ]


def _judgements(ds: Dataset) -> Iterator[Judgement]:
    """One for each measurement group (TID 1410, TID 1501)."""
    for group in _containers(ds, _MEASUREMENT_GROUP):
        coded = _coded(group)
        presence = {code.value: presence for presence, code in codes.PRESENCES.items()}
        for child in items(group, "ContentSequence"):
            said = presence.get(_code(child, "ConceptCodeSequence"))
            if said is not None:
                yield Judgement(
                    name=_meaning(child),
                    presence=said,
                    percent=_percent(group),
                    is_suspected=any(name == codes.LEVEL_OF_SIGNIFICANCE.value for name, _ in coded),
                    change=_named(codes.CHANGES, coded, codes.QUALITATIVE_DIFFERENCE),
                )


def _percent(group: Dataset) -> int:
    names = (codes.CERTAINTY_OF_FINDING.value, codes.PROBABILITY.value)
    return next(
        round(float(text(measured, "NumericValue")))
        for child in items(group, "ContentSequence")
        if _code(child, "ConceptNameCodeSequence") in names
        for measured in items(child, "MeasuredValueSequence")
    )


def _named(table: Mapping[T, CodedConcept], coded: Iterable[tuple[str, str]], name: CodedConcept) -> T | None:
    """Which entry of a table the first item of this name has as its value."""
    by_value = {code.value: key for key, code in table.items()}
    return next((by_value[value] for said, value in coded if said == name.value and value in by_value), None)


def _code(item: Dataset, sequence: str) -> str:
    return next((text(one, "CodeValue") for one in items(item, sequence)), "")


def _meaning(item: Dataset) -> str:
    return next((text(one, "CodeMeaning") for one in items(item, "ConceptNameCodeSequence")), "")
