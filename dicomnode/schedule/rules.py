"""Routing rules: which instances of a study a bundle reads, and where the results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydicom import Dataset
from pydicom.uid import UID

from dicomnode.dicom.anatomy import ANATOMY_ELEMENTS, region_of
from dicomnode.dicom.elements import Name, text, texts
from dicomnode.dicom.raw import holds_something, stored
from dicomnode.records import Patient
from dicomnode.settings import Conditions, Rule

_REGION = "region of the body"
_BLOCKS = range(0x10, 0x100)
"""Private blocks of a group (PS3.5 7.8.1)."""

HEADER_ELEMENTS = (
    "SpecificCharacterSet",
    "Modality",
    *ANATOMY_ELEMENTS,
    "SOPClassUID",
    "SOPInstanceUID",
    "RequestedProcedurePriority",
)
"""What the rules may look at besides the elements that a rule names itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One instance as the rules see it."""

    ds: Dataset
    """Header."""
    calling_ae_title: str
    patient: Patient | None = None
    """Whose it is, by its header; None: the header was not, or cannot be, read for that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTrial:
    """What one rule says of one instance."""

    rule: Rule
    holds: tuple[str, ...]
    """One sentence for each condition that holds."""
    failures: tuple[str, ...]
    """One sentence for each condition that does not hold; empty: the rule matches."""

    @property
    def is_match(self) -> bool:
        """Every condition holds."""
        return not self.failures


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a study goes."""

    rule: Rule | None
    """The first rule that matches an instance; None: no rule does."""
    instances: tuple[int, ...]
    """Indices of the instances that the rule matches: what the bundle reads."""


def header_elements(rules: Sequence[Rule]) -> tuple[Name, ...]:
    """Names of all elements that these rules look at."""
    named = {name for rule in rules for name in rule.when.header}
    return (*HEADER_ELEMENTS, *(place for name in sorted(named - set(HEADER_ELEMENTS)) for place in _places(name)))


def try_rule(rule: Rule, candidate: Candidate) -> RuleTrial:
    """Hold one instance against every condition of a rule, and say why it fails."""
    checks = [*_named_conditions(rule.when, candidate), *_header_conditions(rule.when, candidate.ds)]
    holds, failures = [], []
    for name, values, patterns in checks:
        found, wanted = " or ".join(repr(value) for value in values) or "absent", " or ".join(patterns)
        if not values and name in rule.when.header and _holds_something(candidate.ds, name):
            found = "not readable as text, which counts as absent"
        if name == _REGION and patterns:
            found = _region_found(candidate.ds)
        if patterns and _matches(values, patterns):
            holds.append(f"{name} is {found}")
        elif patterns:
            failures.append(f"{name} is {found}, wanted {wanted}")
    return RuleTrial(rule=rule, holds=tuple(holds), failures=tuple(failures))


def route(rules: Sequence[Rule], candidates: Sequence[Candidate]) -> Route:
    """Find the first rule that matches any instance of a study."""
    for rule in rules:
        matching = tuple(i for i, candidate in enumerate(candidates) if try_rule(rule, candidate).is_match)
        if matching:
            return Route(rule=rule, instances=matching)
    return Route(rule=None, instances=tuple(range(len(candidates))))


def _region_found(ds: Dataset) -> str:
    """What the header says of the region, or what it says instead."""
    said = region_of(ds)
    if said.regions:
        return f"{' and '.join(repr(region) for region in sorted(said.regions))} (by {said.element})"
    if said.element:
        return f"another one (by {said.element}: {dict(said.seen).get(said.element, '')!r})"
    named = dict(said.seen)
    body_part = "" if "BodyPartExamined" in named else "BodyPartExamined is empty"
    texts_seen = [f"{element} {value!r} names no known region" for element, value in named.items()]
    return f"not stated: {', '.join(filter(None, (body_part, *texts_seen)))}"


_Check = tuple[str, list[str], tuple[str, ...]]


def _named_conditions(when: Conditions, candidate: Candidate) -> list[_Check]:
    ds = candidate.ds
    sop_class = text(ds, "SOPClassUID")
    return [
        ("calling AE title", [candidate.calling_ae_title], when.calling_ae_title),
        ("Modality", _present(*texts(ds, "Modality")), when.modality),
        (_REGION, sorted(region_of(ds).regions), when.region),
        ("BodyPartExamined", _present(*texts(ds, "BodyPartExamined")), when.body_part),
        (
            "description",
            _present(text(ds, "StudyDescription"), text(ds, "SeriesDescription")),
            when.description,
        ),
        ("SOP class", _present(sop_class, UID(sop_class).name), when.sop_class),
    ]


def _header_conditions(when: Conditions, ds: Dataset) -> list[_Check]:
    return [
        (name, _present(*(value for place in _found(ds, name) for value in texts(ds, place))), patterns)
        for name, patterns in when.header.items()
    ]


def _places(name: str) -> tuple[Name, ...]:
    """Where an element may stand: one of a private creator in every block of its group (PS3.5 7.8.1)."""
    group, element, creator = _private(name)
    if not creator:
        return (name,)
    return tuple(group << 16 | place for block in _BLOCKS for place in (block, block << 8 | element))


def _found(ds: Dataset, name: str) -> tuple[Name, ...]:
    """Where it stands in this header; () for a private element whose creator the header does not name."""
    group, element, creator = _private(name)
    if not creator:
        return (name,)
    blocks = (block for block in _BLOCKS if text(ds, group << 16 | block) == creator)
    return tuple(group << 16 | block << 8 | element for block in blocks)


def _private(name: str) -> tuple[int, int, str]:
    """Group, element in its block and creator of "gggg,xxee,CREATOR"; no creator in any other name."""
    group, _, rest = name.partition(",xx")
    element, _, creator = rest.partition(",")
    return (int(group, 16), int(element, 16), creator) if creator else (0, 0, "")


def _holds_something(ds: Dataset, name: str) -> bool:
    there = (stored(ds, place) for place in _found(ds, name))
    return any(element is not None and holds_something(element) for element in there)


def _present(*values: str) -> list[str]:
    return [value for value in values if value]


def _matches(values: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(value.casefold(), pattern.casefold()) for value in values for pattern in patterns)
