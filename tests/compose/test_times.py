"""Dates and times of results: one offset from UTC for all of an object, and it is written."""

from __future__ import annotations

import dataclasses
import datetime as dt
import time

import pytest
from compose.conftest import a_finding, a_report
from pydicom import Dataset

from dicomnode.compose import compose
from dicomnode.compose.profiles import kinds_for
from dicomnode.dicom.times import is_zone_unknown, local_time
from dicomnode.errors import SettingsError
from dicomnode.records import Outcome, ViewerProfile
from dicomnode.settings import load

SUMMER = dt.datetime(2026, 7, 1, 22, 30, tzinfo=dt.UTC)
WINTER = dt.datetime(2026, 1, 1, 22, 30, tzinfo=dt.UTC)


@pytest.fixture
def a_machine_zone(monkeypatch):
    """Give the machine a time zone by TZ, or none."""

    def give(name: str | None) -> None:
        if name is None:
            monkeypatch.delenv("TZ", raising=False)
        else:
            monkeypatch.setenv("TZ", name)
        time.tzset()

    yield give
    monkeypatch.undo()
    time.tzset()


def a_study(date: str = "", at: str = "", offset: str | None = None) -> Dataset:
    """A header with these."""
    ds = Dataset()
    ds.StudyDate, ds.StudyTime = date, at
    if offset is not None:
        ds.add_new("TimezoneOffsetFromUTC", "SH", offset)
    return ds


@pytest.mark.parametrize(
    ("moment", "study", "zone", "expected"),
    [
        (SUMMER, a_study(), "Europe/Berlin", ("20260702", "003000", "+0200")),
        (WINTER, a_study(), "Europe/Berlin", ("20260101", "233000", "+0100")),
        (SUMMER, a_study("20260701", "090000"), "Europe/Berlin", ("20260702", "003000", "+0200")),
        (SUMMER, a_study("20260101", "090000"), "Europe/Berlin", ("20260701", "233000", "+0100")),
        (SUMMER, a_study("20260329", "013000"), "Europe/Berlin", ("20260701", "233000", "+0100")),
        (SUMMER, a_study("20260329", "033000"), "Europe/Berlin", ("20260702", "003000", "+0200")),
        (SUMMER, a_study("20260701"), "America/St_Johns", ("20260701", "200000", "-0230")),
        (SUMMER, a_study("20260701"), "Asia/Kathmandu", ("20260702", "041500", "+0545")),
        (SUMMER, a_study("20260701"), "Pacific/Kiritimati", ("20260702", "123000", "+1400")),
        (SUMMER, a_study("20260701"), "UTC", ("20260701", "223000", "+0000")),
        (SUMMER, a_study("18600101"), "Europe/Berlin", ("20260701", "232300", "+0053")),
        (SUMMER, a_study("nonsense", "at noon"), "Europe/Berlin", ("20260702", "003000", "+0200")),
        (SUMMER, a_study("20260701", "090000", "-0600"), "Europe/Berlin", ("20260701", "163000", "-0600")),
        (SUMMER, a_study("20260701", "090000", "-0000"), "Europe/Berlin", ("20260701", "223000", "+0000")),
        *[
            (SUMMER, a_study("20260701", "090000", wrong), "Europe/Berlin", ("20260702", "003000", "+0200"))
            for wrong in ("", "+0", "Z", "-9999", "+1430", "-1230", "UTC+1", "+01:00", "0100", "+2460", "+0160")
        ],
    ],
)
def test_a_moment_is_told_by_the_offset_of_the_study(moment, study, zone, expected):
    """The source's offset first, else the house's on the day of the study; the moment is the same by every one."""
    found = local_time(moment, study, zone)

    assert expected == tuple(found)
    assert moment == dt.datetime.strptime("".join(found), "%Y%m%d%H%M%S%z")


@pytest.mark.parametrize(
    ("machine", "setting", "offset", "is_unknown"),
    [
        ("Europe/Berlin", "", "+0200", False),
        (":America/New_York", "", "-0400", False),
        ("CET-1CEST,M3.5.0,M10.5.0/3", "", "+0200", False),
        ("UTC", "", "+0000", False),
        ("Europe/Berlin", "Asia/Tokyo", "+0900", False),
        (None, "Asia/Tokyo", "+0900", False),
        (None, "UTC", "+0000", False),
        ("No/Such_Zone", "", "+0000", True),
        ("", "", "+0000", True),
    ],
)
def test_the_zone_is_the_settings_then_the_machines(a_machine_zone, machine, setting, offset, is_unknown):
    """The setting stands above TZ; where nothing names a zone the check says so."""
    a_machine_zone(machine)

    assert offset == local_time(SUMMER, a_study("20260701"), setting).offset
    assert is_unknown == is_zone_unknown(setting)


@pytest.mark.parametrize("zone", ["Europe/Belrin", "Europe", "../etc/passwd", "MEZ", "+0100", " "])
def test_a_zone_that_is_none_is_told(tmp_path, zone):
    """A name that the database of zones does not have is a mistake of the settings."""
    path = tmp_path / "dicomnode.toml"
    path.write_text(f'[compose]\ntimezone = "{zone}"\n')

    with pytest.raises(SettingsError, match=r"compose.timezone is not a time zone of the IANA database"):
        load(path, {})


@pytest.mark.parametrize("stated", [None, "-0600", "rubbish"])
def test_every_object_names_its_offset(a_request, a_dx_film, stated):
    """In each object of every profile one offset stands, and all times of ours are meant by it."""
    a_dx_film.StudyDate = "20260115"
    if stated:
        a_dx_film.add_new("TimezoneOffsetFromUTC", "SH", stated)
    request = a_request((a_dx_film,), a_report(Outcome.FINDINGS, a_finding(a_dx_film)))
    settings = request.settings.model_copy(update={"timezone": "Europe/Berlin"})
    request = dataclasses.replace(request, settings=settings, kinds=kinds_for(ViewerProfile))

    results = compose(request)

    expected = local_time(request.started_at, a_dx_film, "Europe/Berlin")
    assert ("-0600" if stated == "-0600" else "+0100") == expected.offset
    for composed in results:
        ds = composed.dataset
        assert (expected.offset, "20260115") == (ds.TimezoneOffsetFromUTC, ds.StudyDate)
        for keyword in ("InstanceCreation", "Content", "Series", "PresentationCreation"):
            if f"{keyword}Date" in ds:
                assert (expected.date, expected.time) == (ds[f"{keyword}Date"].value, ds[f"{keyword}Time"].value), (
                    keyword
                )
