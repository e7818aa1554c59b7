"""`dicomnode demo`: the real service between a sender and a sandbox PACS, on synthetic studies."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Annotated

import structlog
import typer
from pydicom import dcmread

from dicomnode.cli.demo_answers import Sent, StudyAnswer, answers, finding_names, reported
from dicomnode.cli.demo_results import clear, write_results
from dicomnode.cli.demo_screen import Screen
from dicomnode.cli.send import collect
from dicomnode.errors import PeerRefusedError, PeerUnreachableError, PermanentError
from dicomnode.node.rooms import Stores, open_stores
from dicomnode.node.sandbox import SandboxPACS
from dicomnode.phantoms.samples import write_samples
from dicomnode.phantoms.stories import STORIES
from dicomnode.records import JobState
from dicomnode.send.echo import echo
from dicomnode.send.store_scu import StoreSCU
from dicomnode.settings import Destination, Rule, SendSettings, Settings, load

ENDED = (JobState.COMPLETED, JobState.CANCELED)
START_WAIT_S = 300.0  # of a busy machine; a service that ends is noticed at once
QUIET_S = 3.0
"""Longer than it takes to send all studies: while the last ones arrive, the others still wait."""
LANGUAGES = ["en", "es", "de", "fr", "pt", "zh", "hi", "ar"]
"""Of the reports; the first is printed."""
SYNTHETIC_BUNDLE = "ctpa"
"""Ships, but no default rule uses it: it was trained on computed volumes only, and so are the samples."""
LOG = "node.log"


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("demo-results"),
    samples: Annotated[
        Path,
        typer.Option(help="Folder with one folder for each study to send. If it is missing, the samples are created."),
    ] = Path("sample_dicom"),
    timeout_s: Annotated[float, typer.Option(help="Longest wait for all results, in seconds.")] = 120.0,
) -> None:
    """Run the whole node on synthetic studies and collect the results that reach a sandbox PACS."""
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        clear(out)
    except OSError as error:
        raise PermanentError(f"{out} cannot be written: {error.strerror}") from None
    with tempfile.TemporaryDirectory(prefix="dicomnode-demo-") as scratch:
        if not samples.is_dir():
            samples = Path(scratch) / "samples"
            write_samples(samples)
        _run(Path(scratch), _folders(samples), out, timeout_s)


def _folders(samples: Path) -> list[Path]:
    """The study folders: those with a story in its order, then the others by name."""
    told = list(STORIES)
    found = [folder for folder in sorted(samples.iterdir()) if folder.is_dir() and any(folder.iterdir())]
    if not found:
        raise PermanentError(f"{samples} holds no study folders")
    return sorted(found, key=lambda folder: told.index(folder.name) if folder.name in told else len(told))


def _run(scratch: Path, folders: Sequence[Path], out: Path, timeout_s: float) -> None:
    screen, log = Screen(), out / LOG
    pacs = SandboxPACS(out / "dicom", ae_title="SANDBOX")
    settings = load(_write_settings(scratch, node_port=_free_port(), pacs_port=pacs.start()))
    stores = open_stores(settings)
    node = Destination(ae_title="DICOMNODE", host="127.0.0.1", port=settings.receive.port)
    try:
        screen.headline(len(folders))
        with _quiet(), _service(scratch / "dicomnode.toml", log) as service:
            screen.started(_wait_until_listening(node, service, log))
            sent = _send(folders, node, screen)
            _wait(stores, pacs, sent, screen, deadline=time.monotonic() + timeout_s, service=service)
    finally:
        pacs.stop()
    found = answers(settings, reported(stores, sent, pacs.sink.arrivals))
    write_results(found, finding_names(settings), out)
    screen.results(found, out)
    _complain(stores, sent, found, log)


def _wait(
    stores: Stores,
    pacs: SandboxPACS,
    sent: Sequence[Sent],
    screen: Screen,
    *,
    deadline: float,
    service: subprocess.Popen[bytes],
) -> None:
    """Name each study whose report arrives, until all results of all studies are in the PACS."""
    while time.monotonic() < deadline and service.poll() is None:
        screen.arrived(len(reported(stores, sent, pacs.sink.arrivals)))
        jobs = stores.jobs.list()
        if len(jobs) >= len(sent) and all(job["state"] in ENDED for job in jobs):
            break
        time.sleep(0.3)
    screen.arrived_all(len(sent))


def _complain(stores: Stores, sent: Sequence[Sent], found: Sequence[StudyAnswer], log: Path) -> None:
    """Raise if a study is without its answer, or part of the answer did not reach the PACS."""
    jobs = {job["study_instance_uid"]: job for job in stores.jobs.list()}
    answered = {answer.sent.folder for answer in found}
    missing = []
    for study in sent:
        job = jobs.get(study.study_instance_uid)
        if study.folder not in answered or job is None or job["state"] != JobState.COMPLETED:
            why = "the node made no job for it" if job is None else job["reason"] or f"it is still {job['state']}"
            missing.append(f"\n  {study.folder}: {why}")
    if missing:
        raise PermanentError(
            f"{len(missing)} studies have no complete answer; the node's log is {log}{''.join(missing)}"
        )


def _write_settings(scratch: Path, *, node_port: int, pacs_port: int) -> Path:
    """One worker, as on a small machine: with one for each core, nothing would have to wait its turn."""
    default = Settings()
    rules = [Rule(name="ct-angiogram", when={"modality": ["CT"], "body_part": ["CHEST"]}, bundle=SYNTHETIC_BUNDLE)]
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
[infer]
bundles = {json.dumps([*default.infer.bundles, SYNTHETIC_BUNDLE])}
workers = 1
[report]
languages = {json.dumps(LANGUAGES)}
[send.destinations.sandbox]
ae_title = "SANDBOX"
host = "127.0.0.1"
port = {pacs_port}
profile = "weasis"
"""
        + "".join(map(_rule, [*rules, *default.rules])),
        encoding="utf-8",
    )
    return path


def _rule(rule: Rule) -> str:
    """A routing rule as TOML."""
    conditions = {name: list(value) for name, value in rule.when if value}
    when = ", ".join(f"{name} = {json.dumps(value)}" for name, value in conditions.items())
    return f"[[rules]]\nname = {json.dumps(rule.name)}\nbundle = {json.dumps(rule.bundle)}\nwhen = {{{when}}}\n"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what the sandbox PACS logs of its associations off the screen: it runs in this process."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        yield
    finally:
        structlog.configure(**before)


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


def _wait_until_listening(node: Destination, service: subprocess.Popen[bytes], log: Path) -> float:
    """Wait until the node answers C-ECHO and return how many seconds that took."""
    begin = time.monotonic()
    while time.monotonic() < begin + START_WAIT_S and service.poll() is None:
        try:
            echo(node, SendSettings(ae_title="DEMO"))
        except (PeerUnreachableError, PeerRefusedError):
            time.sleep(0.2)
        else:
            return time.monotonic() - begin
    raise PermanentError(f"the node did not start; its log is {log}")


def _send(folders: Sequence[Path], node: Destination, screen: Screen) -> list[Sent]:
    """Send every study over an association of its own, at the same time: the last image of each follows in its order.

    So all of them are complete at nearly the same time, as CT scanners go on sending while films arrive.
    """
    begin = time.monotonic()
    files = [collect([folder]) for folder in folders]
    running = [StoreSCU(node, SendSettings(ae_title="DEMO")).send(some) for some in files]
    outcomes = [list(islice(outcome, len(some) - 1)) for outcome, some in zip(running, files, strict=True)]
    for done, rest in zip(outcomes, running, strict=True):
        done.extend(rest)
    sent = []
    for folder, some, done in zip(folders, files, outcomes, strict=True):
        held = sum(outcome.is_held for outcome in done)
        if held < len(some):
            raise PermanentError(f"{folder.name}: the node accepted {held} of {len(some)} instances")
        sent.append(_as_sent(folder, some[0].path, held))
    screen.sent(sent, time.monotonic() - begin)
    return sent


def _as_sent(folder: Path, first: Path, instances: int) -> Sent:
    ds = dcmread(first, specific_tags=["StudyInstanceUID", "StudyDescription"], stop_before_pixels=True)
    story = STORIES.get(folder.name)
    line = story.line if story else str(ds.get("StudyDescription", ""))
    return Sent(folder=folder.name, line=line, study_instance_uid=ds.StudyInstanceUID, instances=instances)
