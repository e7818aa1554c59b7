"""One SOP Instance UID, one content: whatever changes an answer changes all its UIDs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from compose.conftest import PRIOR, a_finding, a_full_report, a_translation, ct_series, dx_film
from pydicom import Dataset

from dicomnode.compose import ComposeRequest, answer_key, compose, typeface
from dicomnode.compose.request import ComposeRequest as Request
from dicomnode.records import (
    Acuity,
    Examination,
    ImageQuality,
    Outcome,
    PriorState,
    QualityLevel,
    Report,
    ResultInstance,
    ResultKind,
    ReviewReason,
    Revision,
)
from dicomnode.settings import AcuityLevel, AcuitySettings, ComposeSettings

EARLIER = ResultInstance(
    role="text-sr.en", sop_instance_uid="1.2.3", sop_class_uid="1.2", series_instance_uid="1.2.4", path=Path("x")
)
OF_THE_REPORT: dict[str, Callable[[Report], object]] = {
    "outcome": lambda _: Outcome.UNDETERMINED,
    "reason": lambda _: "another reason",
    "acuity": lambda _: Acuity.EMERGENT,
    "findings": lambda report: report.findings[:1],
    "texts": lambda report: report.texts[:1],
    "bundle": lambda report: dataclasses.replace(report.bundle, digest="cd" * 32),
    "review": lambda _: (),
    "cannot_exclude": lambda _: (ReviewReason.QUALITY,),
    "quality": lambda _: ImageQuality(level=QualityLevel.DIAGNOSTIC, faults=()),
    "examination": lambda _: Examination(modality="DX"),
    "prior": lambda _: dataclasses.replace(PRIOR, is_verified=True),
    "prior_note": lambda _: PriorState.UNREACHABLE,
    "revision": lambda _: Revision(number=2, earlier_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC)),
}
OF_THE_REQUEST: dict[str, object] = {
    "job_key": "ef" * 32,
    "node_id": "ANOTHER/node",
    "inputs": ("another header",),
    "started_at": dt.datetime(2026, 3, 4, 5, 6, 8, tzinfo=dt.UTC),
    "kinds": frozenset([ResultKind.OVERLAY, ResultKind.TEXT]),
    "previous": (EARLIER,),
}
OF_THE_SETTINGS = {
    "first_series_number": 9100,
    "overlay_longest_side_px": 512,
    "compression": "jpeg-2000",
    "font": "another font",
    "timezone": "Asia/Tokyo",
}
OF_THE_LEVEL = {"due_s": 1.0, "c_store_priority": 0, "series_flag": "?", "has_kos": False, "alerts": ("x",)}


@pytest.fixture
def a_base(a_request) -> ComposeRequest:
    """A request for all that there is."""
    source = dx_film()
    return a_request(
        (source,), a_full_report(source), kinds=frozenset(ResultKind), node_id="NODE/1", inputs=("a digest",)
    )


def changes(base: ComposeRequest, tmp_path: Path) -> Iterator[tuple[str, ComposeRequest]]:
    """The request with one thing changed, for all things that there are."""
    change = dataclasses.replace
    for name, value in OF_THE_REQUEST.items():
        yield name, change(base, **{name: value})
    for name, value in OF_THE_REPORT.items():
        yield f"report.{name}", change(base, report=change(base.report, **{name: value(base.report)}))
    for name, value in OF_THE_LEVEL.items():
        yield f"level.{name}", change(base, level=base.level.model_copy(update={name: value}))
    for name, value in OF_THE_SETTINGS.items():
        yield f"settings.{name}", change(base, settings=base.settings.model_copy(update={name: value}))
    copy = tmp_path / "font.ttf"
    for number in (1, 2):  # the same name, another content
        copy.write_bytes(typeface.SHIPPED.read_bytes() + bytes(number))
        yield f"font {number}", change(base, settings=ComposeSettings(font=str(copy)))
    renamed = dx_film()
    renamed.PatientID = "P2"
    yield "patient", change(base, sources=(renamed,))
    unnamed = dx_film()
    unnamed.PatientID = ""
    yield "nobody", change(base, sources=(unnamed,))
    third = dx_film()
    third.PatientID = "P3"
    yield "patient beside", change(base, sources=(unnamed,), beside=(third,))
    first, *others = base.report.findings
    for name, finding in (
        ("probability", change(first, probability=0.8700001)),
        ("interval", change(first, interval=(0.8, 0.93))),
        ("map", change(first, heatmap=change(first.heatmap, weights=first.heatmap.weights * np.float32(0.999)))),
        ("method", change(first, heatmap=change(first.heatmap, method="rise"))),
        ("outline", change(first, region=first.region[::-1])),
        ("tracking", change(first, tracking_uid="1.2.3")),
    ):
        yield f"finding: {name}", change(base, report=change(base.report, findings=(finding, *others)))
    house, *rest = base.report.texts
    sections = dict(reversed(house.sections.items()))
    yield "order of sections", change(base, report=change(base.report, texts=(change(house, sections=sections), *rest)))
    yield "order of languages", change(base, report=change(base.report, texts=(a_translation("de"), house)))


def test_the_table_of_changes_is_whole():
    """A field that is new in request, report, settings or level must be put into the table."""
    other = {"sources", "beside", "report", "level", "settings", "answer_key"}
    assert {f.name for f in dataclasses.fields(Request)} - other == OF_THE_REQUEST.keys()
    assert {f.name for f in dataclasses.fields(Report)} == OF_THE_REPORT.keys()
    assert ComposeSettings.model_fields.keys() == OF_THE_SETTINGS.keys()
    assert AcuityLevel.model_fields.keys() == OF_THE_LEVEL.keys()


def test_whatever_changes_an_answer_changes_its_key(a_base, tmp_path, monkeypatch):
    """No two of all the changed answers have one key; nor have two program versions or two renderers."""
    keys = {name: request.answer_key for name, request in changes(a_base, tmp_path)}
    keys["nothing"] = a_base.answer_key
    with monkeypatch.context() as patched:
        patched.setattr(answer_key, "__version__", "9.9.9")
        keys["program"] = dataclasses.replace(a_base).answer_key
    with monkeypatch.context() as patched:
        patched.setattr(answer_key, "_renderers", lambda: ("pillow 99",))
        keys["library"] = dataclasses.replace(a_base).answer_key

    assert len(keys) == len(set(keys.values()))


def test_the_same_answer_has_the_same_key(a_request, a_base):
    """Made once more, from other objects with the same values, in whatever order sets come."""
    source = dx_film()
    kinds = frozenset(sorted(ResultKind, reverse=True))
    again = a_request((source,), a_full_report(source), kinds=kinds, node_id="NODE/1", inputs=("a digest",))

    assert a_base.answer_key == again.answer_key


def own_uids(ds: Dataset) -> set[str]:
    """UIDs that name the object, its series and its dimensions."""
    found = {str(ds.SOPInstanceUID), str(ds.SeriesInstanceUID)}
    return found | {str(item.DimensionOrganizationUID) for item in ds.get("DimensionOrganizationSequence", ())}


def test_every_uid_of_every_role_follows_from_the_key(a_request):
    """Two nodes answer alike, and no object, series or dimension of theirs has the same UID; tracking UIDs stay."""
    sources = ct_series()
    report = a_full_report(sources[1])
    one, other = (
        {
            c.role: c.dataset
            for c in compose(a_request(sources, report, kinds=frozenset(ResultKind), node_id=node, inputs=("d",)))
        }
        for node in ("A/1", "B/2")
    )

    assert one.keys() == other.keys()
    assert {ResultKind(role.split(".")[0]) for role in one} == frozenset(ResultKind) - {ResultKind.FILM_SEGMENTATION}
    for role, ds in one.items():
        assert not own_uids(ds) & own_uids(other[role]), role
    tracked = [{e.value for e in ds.iterall() if e.keyword == "TrackingUID"} for ds in (one["seg.1"], other["seg.1"])]
    assert tracked[0] == tracked[1] != set()


def test_what_nobody_has_thought_of_is_refused():
    """A value of an unknown kind raises: a wrong guess could give two contents one UID."""
    with pytest.raises(TypeError, match="nothing that an answer key knows"):
        answer_key.answer_key([object()])


def test_values_that_look_alike_are_told_apart():
    """Neither types nor borders between values are lost."""
    values = ["1", 1, 1.0, True, None, "", ("1",), ("1", ""), ("", "1"), [1], {"1": 1}, np.ones(1), np.ones((1, 1))]
    values += [np.ones(1, np.float32), Path("1"), Acuity.URGENT, "urgent", AcuitySettings(), dt.date(1, 1, 1)]

    assert len(values) == len({answer_key.answer_key([value]) for value in values})


def test_a_font_that_cannot_be_read_is_the_shipped_one(a_base, tmp_path):
    """Its name still counts, as the page says that it could not be read."""
    missing = dataclasses.replace(a_base, settings=ComposeSettings(font=str(tmp_path / "none.ttf")))

    assert missing.answer_key != a_base.answer_key
    shutil.copy(typeface.SHIPPED, tmp_path / "copy.ttf")
    assert "" == answer_key.file_digest(tmp_path / "none.ttf")
    assert answer_key.file_digest(typeface.SHIPPED) == answer_key.file_digest(tmp_path / "copy.ttf")


def test_a_finding_has_a_map_in_the_key(a_request, a_dx_film):
    """A map that is not there and one that is are two answers."""
    finding = a_finding(a_dx_film)
    report = a_full_report(a_dx_film)
    with_map, without = (
        a_request((a_dx_film,), dataclasses.replace(report, findings=(f,))).answer_key
        for f in (finding, dataclasses.replace(finding, heatmap=None))
    )

    assert with_map != without
