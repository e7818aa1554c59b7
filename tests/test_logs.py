"""The log never stands in the way of the work, and never holds patient data."""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
from enum import IntEnum
from pathlib import Path

import pytest
import structlog
from helpers import ROOT, a_data_set
from pynetdicom import AE

from dicomnode import logs

RECEIVER = """
import sys
from pathlib import Path
from dicomnode import logs
from dicomnode.node.rooms import admission, open_stores
from dicomnode.receive.scp import StorageSCP
from dicomnode.settings import ReceiveSettings, Settings, StoreSettings

logs.occupy_standard_streams()
logs.configure(level="info", output=sys.argv[2])
settings = Settings(
    store=StoreSettings(data_dir=Path(sys.argv[1])),
    receive=ReceiveSettings(host="127.0.0.1", port=0, minimum_free_bytes=0),
)
scp = StorageSCP(settings.receive, admission(settings, open_stores(settings)))
(Path(sys.argv[1]) / "port").write_text(str(scp.start()))
sys.stdin.read()
"""


def statuses(port: int) -> list[int]:
    """Answers to an image, to other content under its UID (a conflict), and to an image of no study."""
    ds, other, none = a_data_set(), a_data_set(), a_data_set(StudyInstanceUID=None)
    other.StudyInstanceUID, other.SOPInstanceUID = ds.StudyInstanceUID, ds.SOPInstanceUID
    ae = AE(ae_title="CT1")
    ae.add_requested_context(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID)
    assoc = ae.associate("127.0.0.1", port, ae_title="DICOMNODE")
    try:
        return [assoc.send_c_store(one).Status for one in (ds, other, none)]
    finally:
        assoc.release()


def fill(write_end: int) -> None:
    """Write into a pipe until it takes no more."""
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b" " * 4096)
    except BlockingIOError:
        os.set_blocking(write_end, True)


def a_receiver(folder: Path, stderr: int | None, output: str = "json") -> tuple[subprocess.Popen[bytes], int]:
    """A receiver in a process of its own, and its port; no standard error at all: stderr is None."""
    folder.mkdir()
    command = [sys.executable, "-c", RECEIVER, str(folder), output]
    closing = (lambda: os.close(2)) if stderr is None else None
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=stderr if stderr is not None else subprocess.DEVNULL,
        stderr=stderr,
        preexec_fn=closing,  # noqa: PLW1509  # the child of a test
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    end = time.monotonic() + 60
    while not (folder / "port").exists() or not (folder / "port").read_text():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    return process, int((folder / "port").read_text())


def end(process: subprocess.Popen[bytes]) -> None:
    """End a receiver: it ends with its standard input, or is ended."""
    process.stdin.close()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    ("kind", "output"),
    [("full disk", "json"), ("reader gone", "console"), ("reader asleep", "json"), ("closed", "json")],
)
def test_a_log_that_cannot_be_written_stops_no_image(tmp_path, kind, output):
    """Success, conflict and refusal get their statuses whatever has become of standard output and error."""
    read_end, write_end = os.pipe()
    stderr = {"full disk": os.open("/dev/full", os.O_WRONLY), "closed": None}.get(kind, write_end)
    if kind == "reader gone":
        os.close(read_end)
    if kind == "reader asleep":
        fill(write_end)
    process, port = a_receiver(tmp_path / "data", stderr, output)
    try:
        assert [0, 0, 0xA900] == statuses(port)
        assert [0, 0, 0xA900] == statuses(port)
        assert process.poll() is None
    finally:
        end(process)


def test_no_log_line_ends_in_the_database(tmp_path):
    """With standard error closed, the files that are opened next do not take its place."""
    process, port = a_receiver(tmp_path / "data", None)
    statuses(port)
    second = str(Path(f"/proc/{process.pid}/fd/2").readlink())
    end(process)

    assert "/dev/null" == second


class Pipe:
    """A pipe that stands in for standard error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self._read_end, write_end = os.pipe()
        self._stream = os.fdopen(write_end, "w")

    def configure(self, output: str = "json") -> None:
        """Configure the log to write here."""
        self._monkeypatch.setattr(sys, "stderr", self._stream)
        logs.configure(level="info", output=output)

    def fill(self) -> None:
        """Leave no room in the pipe, as a reader does who has stopped."""
        fill(self._stream.fileno())

    def read(self) -> str:
        """Whatever is in the pipe."""
        os.set_blocking(self._read_end, False)
        data = b""
        try:
            while more := os.read(self._read_end, 65536):
                data += more
        except BlockingIOError:
            pass
        return data.decode()

    def lines(self) -> list[dict]:
        """The JSON lines in the pipe."""
        return [json.loads(line) for line in self.read().splitlines() if line]

    def close(self) -> None:
        """Close both ends."""
        os.close(self._read_end)
        self._stream.close()


@pytest.fixture
def a_pipe(monkeypatch):
    """A pipe in place of standard error."""
    pipe = Pipe(monkeypatch)
    yield pipe
    pipe.close()


def test_lost_lines_are_counted_when_writing_works_again(a_pipe):
    """A pipe that was full: the next line says how many did not get through."""
    a_pipe.configure()
    log = structlog.get_logger()
    a_pipe.fill()

    started = time.monotonic()
    for number in range(7):
        log.info("lost", number=number)
    waited = time.monotonic() - started
    a_pipe.read()
    log.info("written")

    told, written = a_pipe.lines()
    assert ("log lines were lost: they could not be written", 7) == (told["event"], told["lines"])
    assert "written" == written["event"]
    assert waited < 3


def test_threads_write_whole_lines(a_pipe):
    """Eight threads at once: every line is whole."""
    a_pipe.configure()
    log = structlog.get_logger()

    def write(number: int) -> None:
        for _ in range(20):
            log.info("from a thread", number=number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 160 == len(a_pipe.lines())


class Colour(IntEnum):
    """A number with a name."""

    RED = 3


class Unprintable:
    """Its texts raise, as those of a broken data element do."""

    def __repr__(self) -> str:
        raise KeyError("MUELLER^ERIKA")


ODD = {
    "surrogate": ("a\udcff", "a\\udcff"),
    "control characters": ("a\nb\x1b[31m\0", "a\\nb\\x1b[31m\\x00"),
    "letters": ("Röntgen 东", "Röntgen 东"),
    "unprintable": (Unprintable(), "<Unprintable>"),
    "bytes": (b"\xff", "<bytes>"),
    "not a number": (float("nan"), "nan"),
    "enumeration": (Colour.RED, 3),
    "path": (Path("/data"), "/data"),
    "keys that are tuples": ({("a", 1): {1: None}}, {"['a', 1]": {"1": None}}),
    "set": ({1}, [1]),
}


@pytest.mark.parametrize("output", ["json", "console"])
@pytest.mark.parametrize("case", ODD)
def test_no_value_can_make_a_line_fail(a_pipe, case, output):
    """Whatever is logged comes out as one line of plain values."""
    a_pipe.configure(output)
    value, shown = ODD[case]

    structlog.get_logger().info("odd", value=value)

    if output == "json":
        (line,) = a_pipe.lines()
        if case != "keys that are tuples":
            assert shown == line["value"]
    else:
        assert 1 == a_pipe.read().count("\n")


def test_a_value_that_holds_itself_is_written(a_pipe):
    """A list in itself comes out, to a depth."""
    a_pipe.configure()
    endless: list[object] = []
    endless.append(endless)

    structlog.get_logger().info("odd", value=endless)

    assert 1 == len(a_pipe.lines())


def raised(error: Exception) -> Exception:
    """An exception as it is caught: with the place where it was raised."""
    try:
        raise error
    except type(error) as caught:
        return caught


def test_an_exception_is_named_without_its_text(a_pipe):
    """The line says which kind of exception and where, not what it quotes."""
    a_pipe.configure()
    structlog.get_logger().error("failed", exc_info=raised(ValueError("MUELLER^ERIKA is no date")))

    (line,) = a_pipe.lines()
    assert "ValueError" == line["error"]
    assert re.fullmatch(r"test_logs\.py:\d+", line["at"])
    assert "MUELLER" not in json.dumps(line)


@pytest.mark.parametrize(
    ("logger", "message", "arguments", "said"),
    [
        ("apscheduler.executors.default", 'Job "%s" raised an exception', ("x",), 'Job "%s" raised an exception'),
        ("pynetdicom.association", "DIMSE timeout reached", (), "DIMSE timeout reached"),
        ("pynetdicom.service_class", "\nTraceback\n(0010,0010) MUELLER", (), "Traceback"),
        ("pynetdicom.events", "two\n(0010,0010) MUELLER", (), "two"),
        ("somebody.else", "MUELLER", (), None),
        ("pynetdicom.association", "%s %s", ("MUELLER",), "%s %s"),
    ],
)
def test_libraries_are_heard_without_patient_data(a_pipe, logger, message, arguments, said):
    """From warning on a library's line comes through: its first line and the kind of exception, no values."""
    a_pipe.configure()
    logging.getLogger(logger).error(message, *arguments, exc_info=raised(KeyError("MUELLER^ERIKA")))
    logging.getLogger(logger).info("not heard")

    (line,) = a_pipe.lines()
    assert ("library", "warning", logger, "KeyError") == tuple(line[k] for k in ("event", "level", "logger", "error"))
    assert said == line.get("says")
    assert "MUELLER" not in json.dumps(line)


@pytest.mark.parametrize(
    ("logger", "message"),
    [
        ("apscheduler.scheduler", 'Execution of job "%s" skipped: maximum number of running instances reached (%d)'),
        ("apscheduler.executors.default", 'Run time of job "%s" was missed by %s'),
    ],
)
def test_ticks_left_out_under_load_are_not_told(a_pipe, logger, message):
    """A scheduler that is still busy with the last tick leaves one out, as it should."""
    a_pipe.configure()

    logging.getLogger(logger).warning(message, "tick", 1)

    assert [] == a_pipe.lines()


@pytest.mark.parametrize("logger", ["pydicom", "pydicom.misc", "highdicom.sr", "py.warnings", "pynetdicom.acse"])
def test_libraries_that_quote_values_are_not_heard(a_pipe, logger):
    """What these warn of quotes element values, or is said by our own lines."""
    a_pipe.configure()

    logging.getLogger(logger).error("Invalid value for VR PN: MUELLER")

    assert [] == a_pipe.lines()
