"""`dicomnode demo`: the real service between a sender and a sandbox PACS, on synthetic studies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from dicomnode.cli.common import err
from dicomnode.cli.demo_results import write_results
from dicomnode.cli.send import collect
from dicomnode.errors import PeerRefusedError, PeerUnreachableError, PermanentError
from dicomnode.node.rooms import Stores, open_stores
from dicomnode.node.sandbox import SandboxPACS
from dicomnode.phantoms.samples import write_samples
from dicomnode.records import JobState
from dicomnode.send.echo import echo
from dicomnode.send.store_scu import StoreSCU
from dicomnode.settings import Destination, SendSettings, load

ENDED = (JobState.COMPLETED, JobState.CANCELED)
START_WAIT_S = 300.0  # of a busy machine; a service that ends is noticed at once
QUIET_S = 1.5
LANGUAGES = ["en", "es", "de", "fr", "pt", "zh", "hi", "ar"]
"""Of the reports; the first is printed."""


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo-results"),
    samples: Annotated[Path, typer.Option(help="Studies to send; drawn anew where the folder is missing.")] = Path(
        "sample_dicom"
    ),
    timeout_s: Annotated[float, typer.Option(help="Longest wait for all results.")] = 120.0,
) -> None:
    """Run the whole service on synthetic studies: send, read, report, and collect what comes back."""
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise PermanentError(f"{out} cannot be written: {error.strerror}") from None
    with tempfile.TemporaryDirectory(prefix="dicomnode-demo-") as scratch:
        if not samples.is_dir():
            samples = Path(scratch) / "samples"
            write_samples(samples)
        _run(Path(scratch), samples, out, timeout_s)


def _run(scratch: Path, samples: Path, out: Path, timeout_s: float) -> None:
    pacs = SandboxPACS(_fresh(out / "dicom"), ae_title="SANDBOX")
    settings_path = _write_settings(scratch, node_port=_free_port(), pacs_port=pacs.start())
    stores = open_stores(load(settings_path))
    node = Destination(ae_title="DICOMNODE", host="127.0.0.1", port=load(settings_path).receive.port)
    try:
        with _service(settings_path, out / "service.log") as service:
            _wait_until_listening(node, service)
            err.print("the node listens; sending the sample studies over C-STORE", highlight=False)
            sent = _send(samples, node)
            _wait_for_results(stores, sent, timeout_s)
        write_results(stores, pacs.sink.arrivals, out)
    finally:
        pacs.stop()
    unfinished = [job for job in stores.jobs.list() if job["state"] != JobState.COMPLETED]
    if unfinished:
        raise PermanentError(f"{len(unfinished)} of {sent} studies have no result; see {out / 'service.log'}")
    err.print(f"\nresults: {out.absolute()} (dicom, reports as text and HTML, heat maps as PNG)", soft_wrap=True)


def _write_settings(scratch: Path, *, node_port: int, pacs_port: int) -> Path:
    path = scratch / "dicomnode.toml"
    path.write_text(
        f"""\
[store]
data_dir = "data"
[receive]
host = "127.0.0.1"
port = {node_port}
minimum_free_bytes = 0
[schedule]
quiet_period_s = {QUIET_S}
tick_s = 0.3
[report]
languages = {json.dumps(LANGUAGES)}
[send.destinations.sandbox]
ae_title = "SANDBOX"
host = "127.0.0.1"
port = {pacs_port}
""",
        encoding="utf-8",
    )
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _fresh(folder: Path) -> Path:
    """The folder without what an earlier demo left in it."""
    for old in folder.glob("*.dcm"):
        old.unlink()
    return folder


@contextmanager
def _service(settings: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`dicomnode serve` in a process of its own, stopped at the end as an operator would."""
    command = [sys.executable, "-m", "dicomnode", "serve", "--settings", str(settings)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DICOMNODE_")}
    with log.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, env=environment)  # noqa: S603  # our own interpreter
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def _wait_until_listening(node: Destination, service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_WAIT_S
    while time.monotonic() < deadline and service.poll() is None:
        try:
            echo(node, SendSettings(ae_title="DEMO"))
        except (PeerUnreachableError, PeerRefusedError):
            time.sleep(0.2)
        else:
            return
    raise PermanentError("the service did not start; see service.log among the results")


def _send(samples: Path, node: Destination) -> int:
    """Send every study folder and return how many there are."""
    folders = [folder for folder in sorted(samples.iterdir()) if folder.is_dir()]
    for folder in folders:
        files = collect([folder])
        held = sum(outcome.is_held for outcome in StoreSCU(node, SendSettings(ae_title="DEMO")).send(files))
        err.print(f"  {folder.name}: {held} of {len(files)} instances accepted", highlight=False)
    return len(folders)


def _wait_for_results(stores: Stores, studies: int, timeout_s: float) -> None:
    """Show how the jobs go on until every study has an answer."""
    deadline = time.monotonic() + timeout_s
    shown: dict[int, str] = {}
    while time.monotonic() < deadline:
        jobs = sorted(stores.jobs.list(), key=lambda job: job["id"])
        for job in jobs:
            line = f"job {job['id']}: {job['state']}, {job['stage']}, acuity {job['acuity'] or 'not graded yet'}"
            if shown.get(job["id"]) != line:
                shown[job["id"]] = line
                err.print(f"  {line}", highlight=False)
        if len(jobs) >= studies and all(job["state"] in ENDED for job in jobs):
            return
        time.sleep(0.2)
