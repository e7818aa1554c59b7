"""Moments as DICOM writes them."""

from __future__ import annotations

import datetime as dt
import re
from typing import NamedTuple

from pydicom import Dataset

from dicomnode.dicom.elements import text


class Moment(NamedTuple):
    """A date and time of day in the study's time zone."""

    date: str
    """VR DA."""
    time: str
    """VR TM."""


def local_time(moment: dt.datetime, study: Dataset) -> Moment:
    """Wall clock of the study at `moment`, see `in_zone_of`."""
    there = in_zone_of(moment, study)
    return Moment(there.strftime("%Y%m%d"), there.strftime("%H%M%S"))


def in_zone_of(moment: dt.datetime, study: Dataset) -> dt.datetime:
    """A moment in the time zone of a study.

    PS3.3 C.12.1.1.8: Timezone Offset From UTC (0008,0201), which results take over from the study, holds for
    all their dates and times. Without it they are in the time zone of this machine, as the PACS's are.
    """
    found = re.fullmatch(r"([+-])(\d\d)(\d\d)", text(study, "TimezoneOffsetFromUTC"))
    zone: dt.tzinfo | None = None
    if found and int(found[2]) <= 14 and int(found[3]) < 60:
        offset = dt.timedelta(hours=int(found[2]), minutes=int(found[3]))
        zone = dt.timezone(-offset if found[1] == "-" else offset)
    return moment.astimezone(zone)
