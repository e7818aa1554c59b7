"""Which earlier studies are compared with, and what of them is fetched."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pytest

from dicomnode.priors.selection import newest_first, why_not, worth_fetching
from dicomnode.records import Patient, SeriesSummary, StudySummary
from dicomnode.settings import PriorsSettings

CURRENT = StudySummary(
    study_instance_uid="1.2.9",
    patient=Patient(patient_id="P-1"),
    study_date=dt.date(2026, 1, 5),
    study_time=dt.time(10, 15),
    modalities=("DX",),
    body_parts=("CHEST",),
)
EARLIER = dataclasses.replace(CURRENT, study_instance_uid="1.2.1", study_date=dt.date(2025, 7, 3))
SETTINGS = PriorsSettings(lookback_days=365, maximum_instances=100)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({}, ""),
        ({"modalities": ("CR", "SR")}, ""),
        ({"modalities": ()}, ""),
        ({"body_parts": ()}, ""),
        ({"body_parts": ("THORAX",)}, ""),
        ({"study_date": dt.date(2026, 1, 5), "study_time": dt.time(8)}, ""),
        ({"study_instance_uid": "1.2.9"}, "it is the same study"),
        ({"patient": Patient(patient_id="P-2")}, "it may be of another patient: Patient ID"),
        ({"study_date": None}, "one of the two studies has no Study Date"),
        ({"study_date": dt.date(2026, 1, 6)}, "it is not earlier"),
        ({"study_date": dt.date(2026, 1, 5), "study_time": None}, "it is not earlier"),
        ({"study_date": dt.date(2026, 1, 5)}, "it is not earlier"),
        ({"study_date": dt.date(2024, 1, 5)}, "it is older than 365 days"),
        ({"modalities": ("CT", "SR")}, "it has no DX images"),
        ({"body_parts": ("HEAD",)}, "it shows another body part"),
        ({"body_parts": ("ABDOMEN",)}, "it shows another body part"),
    ],
)
def test_a_study_is_left_out_with_a_reason(changes, reason):
    """Only earlier studies of the same patient and kind, and not too old, are compared with."""
    assert reason == why_not(CURRENT, dataclasses.replace(EARLIER, **changes), SETTINGS)


def test_the_newest_is_tried_first():
    """Studies without a date come last."""
    undated = dataclasses.replace(EARLIER, study_instance_uid="1.2.3", study_date=None)
    newer = dataclasses.replace(EARLIER, study_instance_uid="1.2.2", study_date=dt.date(2025, 12, 1))

    assert ["1.2.2", "1.2.1", "1.2.3"] == [s.study_instance_uid for s in newest_first([undated, EARLIER, newer])]


def a_series(uid: str, modality: str = "DX", body_part: str = "CHEST", instances: int | None = 10) -> SeriesSummary:
    """A series as an archive tells of it."""
    return SeriesSummary(series_instance_uid=uid, modality=modality, body_part=body_part, instances=instances)


@pytest.mark.parametrize(
    ("series", "held", "expected"),
    [
        ([a_series("i"), a_series("r", "SR", "")], {}, ["r", "i"]),
        ([a_series("i"), a_series("c", "CT"), a_series("a", body_part="ABDOMEN"), a_series("k", "KO")], {}, ["i"]),
        ([a_series("small", instances=60), a_series("large", instances=90)], {}, ["large"]),
        ([a_series("i", "CR", "")], {}, ["i"]),
        ([a_series("i"), a_series("r", "SR", "", 1)], {"i": 10}, ["r"]),
        ([a_series("i")], {"i": 4}, ["i"]),
        ([a_series("i", instances=None)], {"i": 1}, []),
        ([a_series("i", instances=1000)], {}, []),
    ],
)
def test_reports_and_the_largest_images_of_the_kind_are_fetched(series, held, expected):
    """What the node keeps whole, what shows something else and what is too much stays in the archive."""
    assert expected == [one.series_instance_uid for one in worth_fetching(CURRENT, series, held, SETTINGS)]
