"""Moments as DICOM writes them, in a time zone that the object names."""

from __future__ import annotations

import datetime as dt
import os
import re
import time as system_time
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydicom import Dataset

from dicomnode.dicom.elements import date, text, time

_NOON = dt.time(12)


class Moment(NamedTuple):
    """A date and time of day, and how far it is from UTC."""

    date: str
    """VR DA."""
    time: str
    """VR TM."""
    offset: str
    """Timezone Offset From UTC (0008,0201)."""


def local_time(moment: dt.datetime, study: Dataset, timezone: str) -> Moment:
    """Wall clock of the study at `moment`, see `in_zone_of`."""
    there = in_zone_of(moment, study, timezone)
    return Moment(there.strftime("%Y%m%d"), there.strftime("%H%M%S"), there.strftime("%z"))


def in_zone_of(moment: dt.datetime, study: Dataset, timezone: str) -> dt.datetime:
    """A moment in the time zone of a study.

    PS3.3 C.12.1.1.8: Timezone Offset From UTC (0008,0201) holds for all dates and times of an object. A result has the
    Study Date and Time of its source and a Content Date and Time of its own, so both must be meant by one offset: the
    source's, or where it has none, that which held in the house's zone when the study was made. A study of the last
    winter's night that is read in summer time keeps winter time; the moment is the same.

    Parameters
    ----------
    timezone
        Name of the house's zone (IANA); empty: the zone of this machine.
    """
    offset = _stated(study)
    if offset is None:
        offset = _of_house(study, moment, timezone)
    return moment.astimezone(dt.timezone(offset))


def is_zone_unknown(timezone: str) -> bool:
    """Whether the zone is UTC only because nobody has named one, as in a container without TZ."""
    return _house_zone(timezone) is None and (system_time.timezone, system_time.daylight) == (0, 0)


def _house_zone(timezone: str) -> ZoneInfo | None:
    """Zone of the settings or of the variable TZ; None: that of the machine, whatever it takes it from.

    The C library takes a name whose file it lacks for UTC; a slim container lacks them all, Python brings its own.
    """
    name = timezone or os.environ.get("TZ", "").lstrip(":")
    try:
        return ZoneInfo(name) if name else None
    except (LookupError, ValueError, OSError):  # what zoneinfo raises on a name that is none, or in POSIX form
        return None


def _stated(study: Dataset) -> dt.timedelta | None:
    """Offset that the header states; None where it states none that there is (-1200 to +1400)."""
    found = re.fullmatch(r"([+-])(\d\d)([0-5]\d)", text(study, "TimezoneOffsetFromUTC"), re.ASCII)
    if found is None:
        return None
    offset = dt.timedelta(hours=int(found[2]), minutes=int(found[3])) * (-1 if found[1] == "-" else 1)
    return offset if dt.timedelta(hours=-12) <= offset <= dt.timedelta(hours=14) else None


def _of_house(study: Dataset, moment: dt.datetime, timezone: str) -> dt.timedelta:
    """Offset of the house's zone when the study was made; at `moment` where the header has no date."""
    zone = _house_zone(timezone)
    day = date(study, "StudyDate")
    if day is None:
        offset = moment.astimezone(zone).utcoffset()
    else:
        made = dt.datetime.combine(day, time(study, "StudyTime") or _NOON)
        offset = (made.replace(tzinfo=zone) if zone else made.astimezone()).utcoffset()
    # Before zones there was local mean time, to the second; DICOM writes minutes.
    return dt.timedelta(minutes=round((offset or dt.timedelta()).total_seconds() / 60))
