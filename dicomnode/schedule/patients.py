"""Which instances of a study belong together because they are of one patient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dicomnode.dicom.same_patient import patient_groups
from dicomnode.records import KeptInstance, Patient


@dataclass(frozen=True, slots=True, kw_only=True)
class PatientInstances:
    """Instances of one patient in a study."""

    indices: tuple[int, ...]
    is_certain: bool
    """False: what they say of the patient may be said of another of the study's as well."""


def by_patient(
    instances: Sequence[KeptInstance], patients: Sequence[Patient | None]
) -> tuple[list[PatientInstances], list[str]]:
    """Group the instances of a study by patient.

    Parameters
    ----------
    patients
        What the header of each instance says; None where it cannot be read any more. The index knows by its digest of
        the Patient ID with whom such an instance came, and so a missing file neither joins nor parts patients.

    Returns
    -------
    groups
        A single one where nothing contradicts; the order of the instances changes nothing.
    elements
        Names of the elements that contradict.
    """
    readable = [i for i, patient in enumerate(patients) if patient is not None]
    groups, elements = patient_groups([patient for patient in patients if patient is not None])
    found = [({readable[k] for k in group.members}, group.is_certain) for group in groups]
    for digest, indices in _unreadable(instances, patients).items():
        homes = [members for members, _ in found if digest in {instances[i].patient_digest for i in members}]
        homes = homes or ([found[0][0]] if len(found) == 1 and not digest else [])
        if len(homes) == 1:
            homes[0].update(indices)
        else:
            found.append((indices, not found))
            elements = elements if len(found) == 1 else sorted({*elements, "Patient ID"})
    ordered = sorted(found, key=lambda group: min(group[0]))
    return [PatientInstances(indices=tuple(sorted(m)), is_certain=sure) for m, sure in ordered], elements


def _unreadable(instances: Sequence[KeptInstance], patients: Sequence[Patient | None]) -> dict[str, set[int]]:
    """Instances whose header cannot be read, by digest of the Patient ID, those without one last."""
    lost: dict[str, set[int]] = {}
    for i, patient in enumerate(patients):
        if patient is None:
            lost.setdefault(instances[i].patient_digest, set()).add(i)
    return dict(sorted(lost.items(), reverse=True))
