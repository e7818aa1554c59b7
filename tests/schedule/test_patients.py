"""Which instances of a study are of one patient, also where files are lost."""

from __future__ import annotations

import datetime as dt
import random
from pathlib import Path

import pytest

from dicomnode.records import InstanceKey, KeptInstance, Patient
from dicomnode.schedule.patients import by_patient

A, B, C = (Patient(patient_id=number) for number in ("A1", "B1", "C1"))


def kept(number: int, digest: str) -> KeptInstance:
    """An instance as the index knows it."""
    key = InstanceKey(
        study_instance_uid="1.2", series_instance_uid="1.2.1", sop_instance_uid=f"1.2.1.{number}", sop_class_uid="1.3",
        transfer_syntax_uid="1.4", modality="CR", is_own=False,
    )  # fmt: skip
    now = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
    return KeptInstance(
        id=number, key=key, path=Path("x"), digest=str(number), size_bytes=1, calling_ae_title="CT1", received_at=now,
        patient_digest=digest,
    )  # fmt: skip


def grouped(study: list[tuple[Patient | None, str]]) -> list[tuple[tuple[int, ...], bool]]:
    """Groups of a study whose instances are given as what the header and the index say."""
    instances = [kept(i, digest) for i, (_, digest) in enumerate(study)]
    groups, _ = by_patient(instances, [patient for patient, _ in study])
    return [(group.indices, group.is_certain) for group in groups]


@pytest.mark.parametrize(
    ("study", "groups"),
    [
        ([(A, "a"), (None, "a")], [((0, 1), True)]),
        ([(A, "a"), (None, "")], [((0, 1), True)]),
        ([(A, "a"), (None, "b")], [((0,), True), ((1,), False)]),
        ([(None, "b"), (A, "a")], [((0,), False), ((1,), True)]),
        ([(A, "a"), (B, "b"), (None, "b")], [((0,), True), ((1, 2), True)]),
        ([(A, "a"), (B, "b"), (None, "")], [((0,), True), ((1,), True), ((2,), False)]),
        ([(None, "a"), (None, "a")], [((0, 1), True)]),
        ([], []),
    ],
)
def test_a_lost_file_goes_where_the_index_says(study, groups):
    """By its digest of the Patient ID; where that decides nothing, it stands alone among several patients."""
    assert groups == grouped(study)


def test_the_order_of_arrival_changes_no_group():
    """Studies of three patients with lost files among them: any order gives the same groups, none of two patients."""
    rng = random.Random(3)
    choices = [(A, "a"), (B, "b"), (C, "c"), (None, "a"), (None, "b"), (None, "d"), (None, ""), (Patient(), "")]
    for _ in range(1000):
        study = [rng.choice(choices) for _ in range(rng.randint(1, 7))]
        order = rng.sample(range(len(study)), len(study))
        groups = {frozenset(indices) for indices, _ in grouped(study)}
        again = {frozenset(order[i] for i in indices) for indices, _ in grouped([study[i] for i in order])}

        assert groups == again
        for members in groups:
            assert 1 >= len({study[i][1] for i in members} - {""})
