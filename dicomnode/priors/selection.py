"""Which earlier studies may be compared with, and which of their series are fetched."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from dicomnode.dicom.patient import difference
from dicomnode.records import BODY_REGIONS, SeriesSummary, StudySummary
from dicomnode.settings import PriorsSettings

_FILMS = frozenset({"CR", "DX", "DR"})
REPORTS = "SR"
"""Modality of structured reports."""


def why_not(current: StudySummary, found: StudySummary, settings: PriorsSettings) -> str:
    """Why a study is not used for comparison; "" if it is.

    Returns
    -------
    str
        A clause without patient data, for example "it is not earlier".
    """
    if found.study_instance_uid == current.study_instance_uid:
        return "it is the same study"
    if differs := difference(current.patient, found.patient):
        return f"it may be of another patient: {differs}"
    if current.study_date is None or found.study_date is None:
        return "one of the two studies has no Study Date"
    if not _is_earlier(current, found):
        return "it is not earlier"
    if (current.study_date - found.study_date).days > settings.lookback_days:
        return f"it is older than {settings.lookback_days} days"
    if found.modalities and not kin(current.modalities) & kin(found.modalities):
        return f"it has no {' or '.join(sorted(set(current.modalities)))} images"
    if not _is_same_body_part(current.body_parts, found.body_parts):
        return "it shows another body part"
    return ""


def newest_first(studies: Sequence[StudySummary]) -> list[StudySummary]:
    """The studies in the order in which they are tried."""
    return sorted(studies, key=_moment, reverse=True)


def worth_fetching(
    current: StudySummary, series: Sequence[SeriesSummary], held: Mapping[str, int], settings: PriorsSettings
) -> list[SeriesSummary]:
    """Series of an earlier study to fetch: its reports, then images like the current ones, the largest first.

    Parameters
    ----------
    held
        Instances that the node keeps already, by Series Instance UID.
    """
    missing = [one for one in series if held.get(one.series_instance_uid, 0) < (one.instances or 1)]
    images = [
        one
        for one in missing
        if kin([one.modality]) & kin(current.modalities)
        and _is_same_body_part(current.body_parts, [one.body_part] if one.body_part else [])
    ]
    chosen, total = [one for one in missing if one.modality == REPORTS], 0
    for one in sorted(images, key=lambda s: -(s.instances or 0)):
        total += one.instances or 0
        if total <= settings.maximum_instances:
            chosen.append(one)
    return chosen


def kin(modalities: Sequence[str]) -> frozenset[str]:
    """Modalities whose images may be compared: CR, DX and DR are one."""
    found = frozenset(modalities)
    return found | _FILMS if found & _FILMS else found


def _is_earlier(current: StudySummary, found: StudySummary) -> bool:
    if current.study_date != found.study_date:
        return _moment(found) < _moment(current)
    # Of the same day, only times can tell.
    return found.study_time is not None and current.study_time is not None and found.study_time < current.study_time


def _moment(study: StudySummary) -> tuple[dt.date, dt.time]:
    return study.study_date or dt.date.min, study.study_time or dt.time.min


def _is_same_body_part(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two studies may show the same region; true if one of them names none."""
    regions = [{BODY_REGIONS.get(one, one) for one in parts} for parts in (some, others)]
    return not some or not others or bool(regions[0] & regions[1])
