"""Whose the images of one study are: all one patient's, or several patients'.

The question is another one than that of `patient.difference`, which asks whether two studies are surely of the same
patient. Here the images came as one study, which speaks for one patient, and it is a contradiction that speaks against.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from dicomnode.dicom.patient import is_identified, is_placeholder
from dicomnode.records import Patient

_EARLIEST_BIRTH = dt.date(1850, 1, 1)
_NO_BIRTH_DATE = dt.date(1900, 1, 1)
"""What many systems write where they know none."""
_LEAST_CUT = 6
"""Fields that cut words off hold at least so many letters; short names are the beginning of others by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientGroup:
    """Headers of a study that speak of one patient."""

    members: tuple[int, ...]
    """Indices of the headers."""
    is_certain: bool
    """False: they may as well be of another of the study's patients, because they say too little."""


def contradiction(one: Patient, other: Patient) -> str:
    """Name of the element by which two headers of one study speak of different patients; "" where none does.

    What is missing contradicts nothing, nor does a Patient ID that many share, such as UNKNOWN or 0000. Blanks and
    case do not count. Patient IDs that differ by leading zeros or punctuation alone are the same number written in two
    ways if the birth dates agree. Names count only where the Patient ID does not decide: archives file by the ID, and
    the name of one patient is written in many ways (order, titles, umlauts, scripts, marriage).
    """
    if is_identified(one) and is_identified(other):
        if not _is_same_number(one, other):
            return "Patient ID"
        if one.issuer and other.issuer and _plain(one.issuer) != _plain(other.issuer):
            return "Issuer of Patient ID"
    births = {_birth(one), _birth(other)} - {None}
    if len(births) > 1:
        return "Patient's Birth Date"
    if {one.sex[:1], other.sex[:1]} == {"M", "F"}:  # O and empty contradict nothing
        return "Patient's Sex"
    is_decided = is_identified(one) and is_identified(other)
    return "" if is_decided or _may_be_same_name(one.name, other.name) else "Patient's Name"


def patient_groups(patients: Sequence[Patient]) -> tuple[list[PatientGroup], list[str]]:
    """Group the headers of a study by patient, the same whatever order they come in.

    Parameters
    ----------
    patients
        One for each header.

    Returns
    -------
    groups
        In the order of their first members; a single one where nothing contradicts. What contradicts neither of two
        that contradict each other may be of either, so it is in a group of its own, which is not certain.
    elements
        Names of the elements that contradict.
    """
    identities = list(dict.fromkeys(patients))
    against: list[dict[int, str]] = [{} for _ in identities]
    for i, one in enumerate(identities):
        for j in range(i):
            if element := contradiction(one, identities[j]):
                against[i][j] = against[j][i] = element
    elements = sorted({element for found in against for element in found.values()})
    unsure = _ambiguous(against)
    group_of = _groups_of(against, unsure)
    members: dict[int, list[int]] = {}
    number = {identity: i for i, identity in enumerate(identities)}
    for k, patient in enumerate(patients):
        members.setdefault(group_of[number[patient]], []).append(k)
    groups = [
        PatientGroup(members=tuple(found), is_certain=number[patients[found[0]]] not in unsure)
        for found in members.values()
    ]
    return groups, elements


def _groups_of(against: Sequence[dict[int, str]], unsure: set[int]) -> list[int]:
    """Number of each identity's group: that of its first member."""
    group_of: list[int] = []
    for i in range(len(against)):
        # Without the ambiguous ones "does not contradict" is transitive: any earlier one speaks for its group.
        alike = (j for j in range(i) if i not in unsure and j not in unsure and j not in against[i])
        group_of.append(next((group_of[j] for j in alike), i))
    return group_of


def _ambiguous(against: Sequence[dict[int, str]]) -> set[int]:
    """Identities that contradict neither of two that contradict each other."""
    everybody = set(range(len(against)))
    fits = [everybody - found.keys() - {i} for i, found in enumerate(against)]
    return {i for i, found in enumerate(fits) if any(against[j].keys() & found for j in found)}


def is_written_alike(one: str, other: str) -> bool:
    """Whether two Patient IDs are the same but for blanks and case."""
    return _plain(one) == _plain(other)


def _is_same_number(one: Patient, other: Patient) -> bool:
    if is_written_alike(one.patient_id, other.patient_id):
        return True
    is_rewritten = _bare(one.patient_id) == _bare(other.patient_id)
    return is_rewritten and _birth(one) is not None and _birth(one) == _birth(other)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).replace("\0", "").casefold().split())


def _bare(patient_id: str) -> str:
    return re.sub(r"[\W_]", "", _plain(patient_id)).lstrip("0")


def _birth(patient: Patient) -> dt.date | None:
    """Birth date where it is one: 00000000, half a date and the first of January 1900 say nothing."""
    try:
        found = dt.datetime.strptime(patient.birth_date, "%Y%m%d").date()  # noqa: DTZ007  # a date has no zone
    except ValueError:
        return None
    return found if found >= _EARLIEST_BIRTH and found != _NO_BIRTH_DATE else None


def _may_be_same_name(one: str, other: str) -> bool:
    """Whether two names may be one written in two ways; where a script is on both sides, one must agree (PS3.5 6.2).

    Component groups are not held to their order: many systems write ideographs into the first one.
    """
    some, others = ([words for group in name.split("=") if (words := _words(group))] for name in (one, other))
    is_comparable = any(a and b for a, b in zip(*(map(_words, name.split("=")) for name in (one, other)), strict=False))
    return not is_comparable or any(_agree(a, b) for a in some for b in others)


def _agree(some: Sequence[str], others: Sequence[str]) -> bool:
    if "".join(some) == "".join(others):
        return True
    fewer, more = sorted((some, others), key=len)
    return all(any(_is_one_word(a, b) for b in more) for a in fewer)


def _is_one_word(one: str, other: str) -> bool:
    """Whether two words of a name are equal, or one is the initial of the other, or was cut off: Li is not Lin."""
    shorter, longer = sorted((one, other), key=len)
    is_shortened = len(shorter) == 1 or len(shorter) >= _LEAST_CUT
    return shorter == longer or (is_shortened and longer.startswith(shorter))


def _words(name: str) -> list[str]:
    """Words of a name without accents, apostrophes and hyphens, and with ae, oe and ue as a, o and u."""
    letters = unicodedata.normalize("NFKD", name.casefold())
    plain = re.sub(r"['\u2019.\0-]", "", "".join(c for c in letters if not unicodedata.combining(c)))
    words = re.findall(r"[^\W_]+", re.sub(r"([aou])e", r"\1", plain))
    return [] if is_placeholder(plain.replace("^", " ").strip()) else words
