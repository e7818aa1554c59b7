"""Routing rules: which instances of a study a bundle reads, and where the results go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from pydicom import Dataset
from pydicom.uid import UID

from dicomnode.dicom.elements import text, texts
from dicomnode.records import Patient
from dicomnode.settings import Conditions, Rule

HEADER_ELEMENTS = (
    "SpecificCharacterSet",
    "Modality",
    "BodyPartExamined",
    "StudyDescription",
    "SeriesDescription",
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


def header_elements(rules: Sequence[Rule]) -> tuple[str, ...]:
    """Names of all elements that these rules look at."""
    named = {name for rule in rules for name in rule.when.header}
    return (*HEADER_ELEMENTS, *sorted(named - set(HEADER_ELEMENTS)))


def try_rule(rule: Rule, candidate: Candidate) -> RuleTrial:
    """Hold one instance against every condition of a rule, and say why it fails."""
    checks = [*_named_conditions(rule.when, candidate), *_header_conditions(rule.when, candidate.ds)]
    holds, failures = [], []
    for name, values, patterns in checks:
        found, wanted = " or ".join(repr(value) for value in values) or "absent", " or ".join(patterns)
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


_Check = tuple[str, list[str], tuple[str, ...]]


def _named_conditions(when: Conditions, candidate: Candidate) -> list[_Check]:
    ds = candidate.ds
    sop_class = text(ds, "SOPClassUID")
    return [
        ("calling AE title", [candidate.calling_ae_title], when.calling_ae_title),
        ("Modality", _present(*texts(ds, "Modality")), when.modality),
        ("BodyPartExamined", _present(*texts(ds, "BodyPartExamined")), when.body_part),
        (
            "description",
            _present(text(ds, "StudyDescription"), text(ds, "SeriesDescription")),
            when.description,
        ),
        ("SOP class", _present(sop_class, UID(sop_class).name), when.sop_class),
    ]


def _header_conditions(when: Conditions, ds: Dataset) -> list[_Check]:
    return [(name, _present(*texts(ds, name)), patterns) for name, patterns in when.header.items()]


def _present(*values: str) -> list[str]:
    return [value for value in values if value]


def _matches(values: Sequence[str], patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(value.casefold(), pattern.casefold()) for value in values for pattern in patterns)
