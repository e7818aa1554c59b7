"""Start, signals and stop of the whole service."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import sqlalchemy as sa
from helpers import a_data_set, wait_until
from pynetdicom import AE, evt
from pynetdicom.pdu import A_ABORT_RQ
from raw_peer import ABORTED, CLOSED, Peer
from service_process import FAULTS

from dicomnode.send.echo import echo
from dicomnode.settings import SendSettings
from dicomnode.store.schema import instances

STOPS_WITHIN_S = 5.0


class Flood(threading.Thread):
    """A peer that sends images over one association until it ends, and remembers what was acknowledged."""

    def __init__(self, peer) -> None:
        super().__init__(daemon=True)
        self.acknowledged: list[str] = []
        """SOP Instance UIDs."""
        self.is_aborted = False
        self._peer = peer

    def run(self) -> None:
        """Send."""
        ds = a_data_set()
        ae = AE(ae_title="CT1")
        ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
        handlers = [(evt.EVT_PDU_RECV, self._look)]
        ae.dimse_timeout = 5
        assoc = ae.associate(self._peer.host, self._peer.port, ae_title=self._peer.ae_title, evt_handlers=handlers)
        while assoc.is_established:
            ds = a_data_set(StudyInstanceUID=ds.StudyInstanceUID, SeriesInstanceUID=ds.SeriesInstanceUID)
            try:
                answer = assoc.send_c_store(ds)
            except RuntimeError:  # the association has ended
                break
            if getattr(answer, "Status", None) == 0:
                self.acknowledged.append(str(ds.SOPInstanceUID))

    def _look(self, event) -> None:
        self.is_aborted |= isinstance(event.pdu, A_ABORT_RQ)


def stop(service) -> tuple[int, float]:
    """Exit status and seconds of a stop by SIGTERM."""
    begun = time.monotonic()
    return service.stop(), time.monotonic() - begun


def test_a_stop_while_peers_hold_associations(a_service):
    """Stopped within seconds: peers are told, nothing acknowledged is lost, nothing is acknowledged after it began."""
    a_service.start()
    children = a_service.children()
    flood = Flood(a_service.peer)
    with Peer(a_service.port) as idle, Peer(a_service.port) as halfway, Peer(a_service.port) as silent:
        idle.associate(called=b"DICOMNODE")
        halfway.associate(called=b"DICOMNODE")
        halfway.send(b"\x04\0\0\0\x10\0half a PDU")
        flood.start()
        wait_until(lambda: len(flood.acknowledged) >= 5, timeout_s=60, what="images are acknowledged")
        status, seconds = stop(a_service)
        ends = [idle.receive()[0], halfway.receive()[0], silent.receive()[0]]
    flood.join(10)

    assert (0, [ABORTED, ABORTED, CLOSED]) == (status, ends)
    assert seconds < STOPS_WITHIN_S
    assert flood.is_aborted
    stores = a_service.stores()
    kept = {instance["sop_instance_uid"]: instance for instance in an_index(stores)}
    assert set(flood.acknowledged) <= kept.keys()
    assert len(kept) - len(flood.acknowledged) <= 1, "at most the one whose answer crossed the abort"
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)
    assert [] == list(stores.instance_files.path("").rglob("*.part"))
    events = a_service.events()
    assert "process did not stop in time and was killed" not in {event["event"] for event in events}
    (stopping,) = [event for event in events if event["event"] == "stopping"]
    (stopped,) = [event for event in events if event["event"] == "stopped"]
    assert ("SIGTERM", True) == (stopping["why"], stopped["seconds"] < STOPS_WITHIN_S)
    (end,) = [event for event in events if event["event"] == "association aborted" and event.get("stored")]
    assert ("the node is stopping", len(kept)) == (end["why"], end["stored"])
    assert "Traceback" not in a_service.log_text


def an_index(stores) -> list[dict]:
    """Every kept instance."""
    with stores.engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(instances))]


def test_signals_that_do_not_mean_stop(a_service):
    """A terminal that closes, and signals of other programs, end no process of the service; the log says so."""
    a_service.start()
    before = a_service.children()
    numbers = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE)
    for number in numbers:
        os.killpg(a_service.process.pid, number)  # as a terminal sends it: to every process

    def told() -> set[str]:
        return {event["signal"] for event in a_service.events() if event["event"].startswith("signal ignored")}

    wait_until(lambda: len(told()) >= 3, timeout_s=20, what="the signals are told")
    echo(a_service.peer, SendSettings())
    assert before == a_service.children()
    assert {"SIGHUP", "SIGUSR1", "SIGUSR2"} == told()


def test_a_stop_in_the_middle_of_a_reading(a_service, a_film):
    """The worker is ended, its job waits as one that was not tried, and the next start answers it."""
    a_service.start(fault="dicomnode.node.pipeline:Pipeline.answer", fault_kind="once")
    a_service.send(a_film)
    a_service.wait_for_fault()
    status, seconds = stop(a_service)
    (job,) = a_service.stores().jobs.list()

    assert (0, True) == (status, seconds < STOPS_WITHIN_S)
    assert ("SCHEDULED", 0) == (job["state"], job["attempts"])
    a_service.start()
    (job,) = a_service.wait_for_jobs()
    assert ("COMPLETED", "findings") == (job["state"], job["outcome"])
    (complete,) = [event for event in a_service.events() if event["event"] == "study complete"]
    assert (job["study_instance_uid"], 1) == (complete["study"], complete["instances"])
    assert complete["waited_s"] >= 0.5, "the quiet period of its settings"


def serve(service, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `dicomnode serve` to its end."""
    command = [sys.executable, "-m", "dicomnode", "serve", "--settings", str(service.settings_path)]
    environment = {**os.environ, **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=environment)


def test_a_receiver_that_cannot_start_ends_the_service(a_service):
    """Not a service that looks healthy and receives nothing: exit status 1, and the reason on the last line."""
    fault = {"FAULT": "dicomnode.receive.scp:StorageSCP.start", "FAULT_KIND": "raise"}
    done = serve(a_service, PYTHONPATH=str(FAULTS), FAULT_MARK=str(a_service.folder / "mark"), **fault)

    assert 1 == done.returncode
    assert "error: the receiver could not be started 3 times: " in done.stderr.splitlines()[-1]


def test_a_port_that_is_taken_is_one_sentence(a_service):
    """Exit status 2 before any process is started."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", a_service.port))
        other.listen()
        done = serve(a_service)

    assert 2 == done.returncode
    assert f"error: receive: cannot listen on 127.0.0.1:{a_service.port}: another program uses this port" in done.stderr


def test_a_bundle_that_cannot_run_ends_the_service(a_service):
    """It listens while its bundles are checked, and ends with the reason."""
    (a_service.folder / "chest" / "encoder.onnx").write_bytes(b"no graph")
    done = serve(a_service)

    assert 2 == done.returncode
    assert "bundle 'chest'" in done.stderr.splitlines()[-1]
    events = [line for line in done.stderr.splitlines() if '"event": "listening"' in line]
    assert 1 == len(events)
