"""Results on their way to peers that misbehave: each delivery ends by itself, and for its own reason."""

from __future__ import annotations

import datetime as dt
import re
import threading
import time
from collections.abc import Callable, Iterator
from io import BytesIO

import pytest
import structlog
from helpers import a_data_set, free_port, wait_until
from pydicom import dcmwrite
from pydicom.uid import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)
from pynetdicom import AE, _config, evt
from pynetdicom.pdu import P_DATA_TF

from dicomnode.dicom.reading import read_key
from dicomnode.errors import StorageError, TransientError
from dicomnode.node import delivery as delivery_module
from dicomnode.node import doors as doors_module
from dicomnode.node.clock import ClockWatch
from dicomnode.node.delivery import Courier
from dicomnode.node.doors import ResultDoor
from dicomnode.records import Acuity, JobState, Outcome, SendVerdict, verdict_of
from dicomnode.settings import Destination, ScheduleSettings, SendSettings, Settings
from dicomnode.store.jobs import new_job
from dicomnode.store.results import NewResult, ResultStore

KINDS = {
    "overlay.opacity": SecondaryCaptureImageStorage,
    "summary": SecondaryCaptureImageStorage,
    "text-sr.en": BasicTextSRStorage,
    "regions-sr": ComprehensiveSRStorage,
    "study-sr": ComprehensiveSRStorage,
}
EVERY = tuple(KINDS.values())
SLOW = ScheduleSettings(first_retry_s=60, longest_retry_s=600)


@pytest.fixture
def a_pacs(monkeypatch) -> Iterator[Callable[..., tuple[Destination, list[str]]]]:
    """Start a Storage SCP that answers as told; returns where it listens and the UIDs that it was sent, in order."""
    monkeypatch.setattr(_config, "UNRESTRICTED_STORAGE_SERVICE", False)
    servers = []

    def start(answer=lambda _event: 0x0000, *, sop_classes=EVERY, port=0, aborts_after_each=False):
        got: list[str] = []

        def on_store(event):
            got.append(str(event.request.AffectedSOPInstanceUID))
            return answer(event)

        ae = AE(ae_title="PACS")
        for sop_class in dict.fromkeys(sop_classes):
            ae.add_supported_context(sop_class, ExplicitVRLittleEndian)
        handlers = [(evt.EVT_C_STORE, on_store)]
        if aborts_after_each:
            handlers.append((evt.EVT_PDU_SENT, abort_after_answer))
        server = ae.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
        servers.append(server)
        return Destination(ae_title="PACS", host="127.0.0.1", port=server.server_address[1]), got

    yield start
    for server in servers:
        server.shutdown()


@pytest.fixture
def a_road(some_settings, some_stores):
    """Make the results of a job and a courier to each of its destinations."""

    def build(schedule: ScheduleSettings = SLOW, **destinations: Destination) -> Road:
        send = SendSettings(destinations=destinations, connect_timeout_s=2, dimse_timeout_s=5)
        settings = some_settings.model_copy(update={"send": send, "schedule": schedule})
        return Road(settings, some_stores)

    return build


class Road:
    """Jobs with results, and the couriers that take them away."""

    def __init__(self, settings: Settings, stores) -> None:
        self.settings, self.stores = settings, stores
        self.couriers = {
            name: Courier("sender", ResultDoor(name, settings, stores.results)) for name in settings.send.destinations
        }

    def add_results(self, reason: str = "") -> dict[str, str]:
        """Add a job whose results wait for all destinations; UIDs by role."""
        now = dt.datetime.now(dt.UTC)
        ds = a_data_set()
        file = BytesIO()
        dcmwrite(file, ds, enforce_file_format=True)
        names = {"sop_class_uid": ds.SOPClassUID, "sop_instance_uid": ds.SOPInstanceUID}
        key = read_key(file.getvalue(), **names, transfer_syntax_uid=ExplicitVRLittleEndian)
        self.stores.instances.keep(key, file.getvalue(), calling_ae_title="CR")
        (study,) = [w for w in self.stores.instances.waiting() if w.study_instance_uid == ds.StudyInstanceUID]
        row = new_job(
            key=ds.StudyInstanceUID, study_instance_uid=ds.StudyInstanceUID, revision="r", rule="chest", bundle="cxr",
            destinations=tuple(self.couriers), due_at=now, now=now,
        )  # fmt: skip
        assert self.stores.jobs.add(row, last_instance_at=study.last_instance_at)
        job = self.stores.jobs.claim("w", lease_s=60, now=now)
        new = [a_result(role, sop_class) for role, sop_class in KINDS.items()]
        assert self.stores.results.keep(
            job, new, acuity=Acuity.URGENT, outcome=Outcome.FINDINGS, reason=reason, priority=1, now=now
        )
        return {result.role: result.sop_instance_uid for result in new}

    def states(self, destination: str = "pacs", job_id: int = 1) -> dict[str, tuple[str, str]]:
        """State and reason of each role at a destination."""
        return {
            row["role"]: (row["state"], row["reason"])
            for row in self.stores.results.deliveries_of(job_id)
            if row["destination"] == destination
        }


def a_result(role: str, sop_class: str) -> NewResult:
    """One small object."""
    ds = a_data_set(SOPClassUID=sop_class, SOPInstanceUID=generate_uid())
    file = BytesIO()
    dcmwrite(file, ds, enforce_file_format=True)
    return NewResult(
        role=role,
        sop_instance_uid=ds.SOPInstanceUID,
        sop_class_uid=sop_class,
        series_instance_uid=ds.SeriesInstanceUID,
        encoded=file.getvalue(),
    )


def abort_after_answer(event) -> None:
    """Abort once the answer to a C-STORE has left; from another thread, as this one is what would abort."""
    if isinstance(event.pdu, P_DATA_TF):
        threading.Thread(target=event.assoc.abort).start()


def empty(path) -> None:
    """Leave nothing in a file."""
    path.write_bytes(b"")


@pytest.mark.parametrize(
    ("break_it", "why"),
    [
        (lambda path: path.unlink(), r"FILE_MISSING: file .*\.dcm is missing"),
        (empty, r"UNSUPPORTED_IMAGE: .* is not a DICOM file"),
    ],
)
def test_a_result_file_that_is_gone_fails_its_own_delivery(a_road, a_pacs, break_it, why):
    """Another object of the study, another study and another destination get theirs; the reason names the file."""
    road = a_road(pacs=a_pacs()[0], viewer=a_pacs()[0])
    road.add_results()
    assert road.couriers["viewer"].run_once()
    break_it(road.stores.results.of_job(1)[0].path)
    road.add_results()
    for courier in road.couriers.values():
        while courier.run_once():
            pass

    states = road.states()
    assert re.fullmatch(f"{why}.*", states["overlay.opacity"][1])
    assert ["FAILED", "HELD", "HELD", "HELD", "HELD"] == [state for state, _ in states.values()]
    assert {("HELD", "")} == set(road.states("viewer").values())
    assert {("HELD", "")} == set(road.states(job_id=2).values())
    job = road.stores.jobs.get(1)
    assert JobState.COMPLETED == job.state
    assert job.reason.startswith("PARTLY DELIVERED: 1 of 10 deliveries failed; pacs: ")
    assert JobState.COMPLETED == road.stores.jobs.get(2).state


def test_a_disk_that_fails_now_keeps_the_delivery_waiting(a_road, a_pacs, monkeypatch):
    """What cannot be read now goes out another time; the rest goes now."""
    pacs, got = a_pacs()
    road = a_road(pacs=pacs)
    uids = road.add_results()
    read = doors_module.read_outgoing
    first = road.stores.results.of_job(1)[0].path

    def fails(path, **words):
        if path == first:
            raise StorageError("file x cannot be read: Input/output error")
        return read(path, **words)

    monkeypatch.setattr(doors_module, "read_outgoing", fails)
    road.couriers["pacs"].run_once()

    assert ("WAITING", "STORAGE: file x cannot be read: Input/output error") == road.states()["overlay.opacity"]
    assert set(uids.values()) - {uids["overlay.opacity"]} == set(got)


def test_a_defect_over_one_object_holds_up_no_other(a_road, a_pacs, monkeypatch):
    """The object in hand is tried a few times and given up with the error's name; the log says where, not what."""
    pacs, got = a_pacs()
    road = a_road(ScheduleSettings(first_retry_s=0.001, longest_retry_s=0.001, maximum_attempts=2), pacs=pacs)
    uids = road.add_results()
    held = ResultStore.held

    def fails(store, delivery, *, now):
        if delivery.result.role == "summary":
            raise AttributeError("PatientName Zyxwv^Quentin")
        held(store, delivery, now=now)

    monkeypatch.setattr(ResultStore, "held", fails)
    with structlog.testing.capture_logs() as events:
        for _ in range(8):
            road.couriers["pacs"].run_once()
            time.sleep(0.01)

    states = road.states()
    assert ("FAILED", "INTERNAL_ERROR: AttributeError") == states.pop("summary")
    assert {"HELD"} == {state for state, _ in states.values()}
    assert set(uids.values()) == set(got)
    (error, *_) = [event for event in events if event["event"] == "unexpected error"]
    assert "AttributeError" == error["error"]
    assert "dicomnode/node/doors.py:" in error["where"]
    assert "Zyxwv" not in repr(events)


@pytest.mark.parametrize("status", [0x0000, 0x0001, 0x0107, 0x0116, 0x0111, 0xB000, 0xB006, 0xB007, 0xB0FF])
def test_what_the_pacs_holds_is_held(a_road, a_pacs, status):
    """Success, every warning, and "duplicate SOP Instance": the object is there."""
    road = a_road(pacs=a_pacs(lambda _event: status)[0])
    road.add_results()
    road.couriers["pacs"].run_once()

    assert {("HELD", "")} == set(road.states().values())
    assert (JobState.COMPLETED, "") == (road.stores.jobs.get(1).state, road.stores.jobs.get(1).reason)


@pytest.mark.parametrize("status", [0xA700, 0xA702, 0x0110, 0x0124, 0x0213, 0xFE00])
def test_what_the_pacs_may_take_later_waits(a_road, a_pacs, status):
    """Out of resources, not authorized yet, canceled: no object is lost."""
    road = a_road(pacs=a_pacs(lambda _event: status)[0])
    road.add_results()
    road.couriers["pacs"].run_once()

    assert {"WAITING"} == {state for state, _ in road.states().values()}
    assert f"C-STORE status 0x{status:04X}" in road.states()["summary"][1]


@pytest.mark.parametrize("status", [0xC000, 0xC211, 0xD000, 0x0106])
def test_what_the_pacs_does_not_understand_is_tried_a_few_times(a_road, a_pacs, status):
    """Peers answer so while a database of theirs is away; where they stay with it, the delivery ends."""
    fast = ScheduleSettings(first_retry_s=0.001, longest_retry_s=0.001, maximum_attempts=2)
    pacs, got = a_pacs(lambda _event: status)
    road = a_road(fast, pacs=pacs)
    uids = road.add_results()
    for _ in range(5):
        road.couriers["pacs"].run_once()
        time.sleep(0.01)

    assert {"FAILED"} == {state for state, _ in road.states().values()}
    assert 2 * len(uids) == len(got)


@pytest.mark.parametrize("status", [0x0122, 0x0117, 0x0118, 0xA900, 0xA9FF])
def test_what_the_pacs_never_takes_ends_at_once(a_road, a_pacs, status):
    """Sending the same bytes again would change nothing."""
    road = a_road(pacs=a_pacs(lambda _event: status)[0])
    road.add_results()
    road.couriers["pacs"].run_once()

    assert {"FAILED"} == {state for state, _ in road.states().values()}
    assert JobState.CANCELED == road.stores.jobs.get(1).state


def test_every_status_has_a_verdict():
    """No status of a peer is without a meaning."""
    assert set(SendVerdict) == {verdict_of(status) for status in range(0x10000)}


def test_a_peer_that_aborts_after_each_object_gets_the_next_at_once(a_road, a_pacs):
    """There is no pause while there is progress, however many associations it takes."""
    pacs, got = a_pacs(aborts_after_each=True)
    road = a_road(pacs=pacs)
    uids = road.add_results()
    road.couriers["pacs"].run_once()

    assert {("HELD", "")} == set(road.states().values())
    assert set(uids.values()) == set(got)


def test_a_peer_that_aborts_instead_of_every_second_answer_gets_the_next_at_once(a_road, a_pacs):
    """An object whose answer was lost goes out again over the next association, which is no pause either."""
    seen: list[str] = []

    def answer(event):
        seen.append(str(event.request.AffectedSOPInstanceUID))
        if len(seen) % 2 == 0:
            event.assoc.abort()
        return 0x0000

    road = a_road(pacs=a_pacs(answer)[0])
    road.add_results()
    road.couriers["pacs"].run_once()

    assert {("HELD", "")} == set(road.states().values())


def test_an_object_that_breaks_its_association_holds_up_no_other(a_road, a_pacs):
    """It goes last at the next try; the others were not tried in vain, and are held then."""
    poison: list[str] = []

    def answer(event):
        if str(event.request.AffectedSOPInstanceUID) in poison:
            event.assoc.abort()
        return 0x0000

    pacs, _ = a_pacs(answer)
    road = a_road(ScheduleSettings(first_retry_s=6, longest_retry_s=6), pacs=pacs)
    uids = road.add_results()
    poison.append(uids["overlay.opacity"])
    road.couriers["pacs"].run_once()
    waiting = road.states()
    assert {"WAITING"} == {state for state, _ in waiting.values()}
    assert not road.couriers["pacs"].run_once(), "an association without progress is followed by a pause"
    time.sleep(6.1)
    road.couriers["pacs"].run_once()

    states = road.states()
    assert "WAITING" == states.pop("overlay.opacity")[0]
    assert {("HELD", "")} == set(states.values())


def test_a_pacs_that_takes_some_kinds_only_holds_part_of_the_study(a_road, a_pacs):
    """The job is completed, and says how much of it the PACS does not take."""
    road = a_road(pacs=a_pacs(sop_classes=(SecondaryCaptureImageStorage, BasicTextSRStorage))[0])
    road.add_results()
    road.couriers["pacs"].run_once()

    job = road.stores.jobs.get(1)
    assert JobState.COMPLETED == job.state
    assert job.reason.startswith("PARTLY DELIVERED: 2 of 5 deliveries failed; pacs: the peer does not accept")
    assert ["HELD", "HELD", "HELD", "FAILED", "FAILED"] == [state for state, _ in road.states().values()]


def test_a_pacs_that_is_away_keeps_all_waiting_and_others_get_theirs(a_road, a_pacs):
    """The pauses grow, and everything is there once it is back."""
    port = free_port()
    away = Destination(ae_title="PACS", host="127.0.0.1", port=port)
    road = a_road(ScheduleSettings(first_retry_s=0.05, longest_retry_s=0.4), pacs=away, viewer=a_pacs()[0])
    road.add_results()
    road.couriers["viewer"].run_once()
    road.couriers["pacs"].run_once()
    assert {("HELD", "")} == set(road.states("viewer").values())
    assert all("no DICOM peer answers" in why for _, why in road.states().values())

    a_pacs(port=port)
    for _ in range(20):
        time.sleep(0.05)
        road.couriers["pacs"].run_once()
    assert JobState.COMPLETED == road.stores.jobs.get(1).state


def test_an_outage_is_told_twice(a_road, a_pacs):
    """One warning when a PACS goes away and one when it is back, not one for each object of each study and try."""
    port = free_port()
    away = Destination(ae_title="PACS", host="127.0.0.1", port=port)
    road = a_road(ScheduleSettings(first_retry_s=0.5, longest_retry_s=0.5), pacs=away)
    road.add_results()
    road.add_results()
    with structlog.testing.capture_logs() as down:
        for _ in range(4):  # both studies, and both again
            wait_until(road.couriers["pacs"].run_once, timeout_s=20, what="a study is tried")
    a_pacs(port=port)
    with structlog.testing.capture_logs() as back:
        for _ in range(2):
            wait_until(road.couriers["pacs"].run_once, timeout_s=20, what="a study is sent")

    (gone,) = [event for event in down if event["log_level"] == "warning"]
    assert ("not sent, will try again", True) == (gone["event"], "no DICOM peer answers" in gone["why"])
    assert [] == [event for event in down if event["log_level"] in ("info", "error")]
    (again,) = [event for event in back if event["log_level"] == "warning"]
    assert ("the destination takes results again", 10) == (again["event"], again["waited"])
    assert 0 < again["after_s"] < 60
    assert 10 == sum(event["event"] == "sent" for event in back)


def test_a_peer_that_is_full_is_told_once(a_road, a_pacs):
    """It answers every object with the same failure: that is one line as well, until it takes one."""
    pacs, got = a_pacs(lambda _event: 0xA700)
    road = a_road(ScheduleSettings(first_retry_s=0.001, longest_retry_s=0.001), pacs=pacs)
    road.add_results()
    with structlog.testing.capture_logs() as events:
        for _ in range(3):
            road.couriers["pacs"].run_once()
            time.sleep(0.01)

    assert 15 == len(got)
    assert 1 == sum(event["log_level"] == "warning" for event in events)


def test_time_that_the_clock_skipped_gives_nothing_up(a_road):
    """All tries are used up when the clock is set forward by more than the time after which results are given up."""
    away = Destination(ae_title="PACS", host="127.0.0.1", port=free_port())
    road = a_road(ScheduleSettings(first_retry_s=0.01, longest_retry_s=0.01, maximum_attempts=1), pacs=away)
    road.add_results()
    set_by = [dt.timedelta()]
    road.couriers["pacs"]._clock = ClockWatch(lambda: dt.datetime.now(dt.UTC) + set_by[0])
    road.couriers["pacs"].run_once()
    set_by[0] = dt.timedelta(days=30)
    time.sleep(0.05)
    with structlog.testing.capture_logs() as events:
        assert road.couriers["pacs"].run_once()

    assert "the clock was set forward" in {event["event"] for event in events}
    assert {"WAITING"} == {state for state, _ in road.states().values()}


def test_a_clock_that_is_set_forward_gives_nothing_up(a_road, a_pacs, monkeypatch):
    """After a failed try three days seem to go by: the results wait for the other tries, and are delivered."""
    port = free_port()
    pacs = Destination(ae_title="PACS", host="127.0.0.1", port=port)
    road = a_road(ScheduleSettings(first_retry_s=0.05, longest_retry_s=0.05), pacs=pacs)
    road.add_results()
    road.couriers["pacs"].run_once()
    ahead = dt.timedelta(days=4)
    for module in (delivery_module, doors_module):
        monkeypatch.setattr(module, "utc_now", lambda: dt.datetime.now(dt.UTC) + ahead)
    assert road.couriers["pacs"].run_once()
    assert {"WAITING"} == {state for state, _ in road.states().values()}

    a_pacs(port=port)
    time.sleep(0.1)
    road.couriers["pacs"].run_once()
    assert {("HELD", "")} == set(road.states().values())


def test_an_index_that_is_locked_for_a_while_loses_no_delivery(a_road, a_pacs, monkeypatch):
    """Where the answer could not be noted the object is sent again, and a duplicate counts as held."""
    seen: set[str] = set()

    def answer(event):
        uid = str(event.request.AffectedSOPInstanceUID)
        known = uid in seen
        seen.add(uid)
        return 0x0111 if known else 0x0000

    pacs, got = a_pacs(answer)
    road = a_road(ScheduleSettings(first_retry_s=0.001, longest_retry_s=0.001), pacs=pacs)
    uids = road.add_results()
    with monkeypatch.context() as patched:
        patched.setattr(ResultStore, "held", lambda *_a, **_k: _raise(TransientError("the index cannot be written")))
        road.couriers["pacs"].run_once()
    assert "WAITING" in {state for state, _ in road.states().values()}
    for _ in range(4):
        time.sleep(0.01)
        road.couriers["pacs"].run_once()

    assert {("HELD", "")} == set(road.states().values())
    assert set(uids.values()) == set(got)
    assert len(got) > len(uids)


def _raise(error: Exception) -> None:
    raise error
