"""A real `dicomnode serve` in processes of its own, for tests that need the whole service."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from helpers import free_port, listens, wait_until
from tiny_bundle import write_tiny_bundle

from dicomnode.node.rooms import Stores, open_stores
from dicomnode.records import JobState
from dicomnode.send.store_scu import StoreSCU, read_outgoing
from dicomnode.settings import Destination, SendSettings, load

FAULTS = Path(__file__).parent / "faults"


@dataclass
class Service:
    """A data folder with settings, and the service over it, which may be started, killed and started again."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes] | None = None
    starts: int = field(default=0)

    @property
    def settings_path(self) -> Path:
        """The settings file."""
        return self.folder / "dicomnode.toml"

    @property
    def connect_log(self) -> Path:
        """A line for every address that a process of the service connected to."""
        return self.folder / "connections.txt"

    @property
    def peer(self) -> Destination:
        """The node as others call it."""
        return Destination(ae_title="DICOMNODE", host="127.0.0.1", port=self.port)

    @property
    def log_text(self) -> str:
        """All that the service has written."""
        return "".join(path.read_text() for path in sorted(self.folder.glob("log-*.txt")))

    def events(self) -> list[dict[str, Any]]:
        """Log events."""
        return [json.loads(line) for line in self.log_text.splitlines() if line.startswith("{")]

    def stores(self) -> Stores:
        """The service's stores, opened beside it."""
        return open_stores(load(self.settings_path, {}))

    def start(self, *, fault: str = "", fault_kind: str = "once", **variables: str) -> None:
        """Start the service.

        Parameters
        ----------
        fault, fault_kind
            A function that fails, and how: see `faults/sitecustomize.py`.
        variables
            Further environment variables.
        """
        self.starts += 1
        environment = {
            **os.environ,
            "PYTHONPATH": str(FAULTS),
            "FAULT": fault,
            "FAULT_KIND": fault_kind,
            "FAULT_MARK": str(self.folder / "mark"),
            "CONNECT_LOG": str(self.connect_log),
            **variables,
        }
        command = [sys.executable, "-m", "dicomnode", "serve", "--settings", str(self.settings_path)]
        with (self.folder / f"log-{self.starts}.txt").open("wb") as log:
            self.process = subprocess.Popen(command, stderr=log, env=environment, start_new_session=True)
        log_path = self.folder / f"log-{self.starts}.txt"
        wait_until(
            lambda: '"event": "ready"' in log_path.read_text(), timeout_s=60, what=f"it is ready\n{self.log_text}"
        )

    def wait_for_fault(self) -> None:
        """Wait until the faulty function has been reached."""
        wait_until((self.folder / "mark").exists, timeout_s=60, what=f"the fault is reached\n{self.log_text}")

    def kill(self) -> None:
        """SIGKILL every process of the service at once."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.process is not None:
            self.process.wait(20)
        # the children are reparented: the port is free once they are gone
        wait_until(lambda: not listens(self.port), timeout_s=20, what="the service is gone")

    def children(self) -> list[int]:
        """Process numbers of the service's receiver, scheduler, sender and workers."""
        assert self.process is not None
        tasks = Path(f"/proc/{self.process.pid}/task")
        pids = [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
        return [pid for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def stop(self) -> int:
        """SIGTERM, as an operator stops it; returns the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(40)

    def send(self, *paths: Path) -> list[bool]:
        """Send files over C-STORE; whether each was acknowledged."""
        files = [read_outgoing(path) for path in paths]
        return [outcome.is_held for outcome in StoreSCU(self.peer, SendSettings(ae_title="TEST")).send(files)]

    def wait_for_jobs(self, count: int = 1, *, timeout_s: float = 60) -> list[dict[str, Any]]:
        """Wait until so many jobs have ended, and return all jobs."""
        stores = self.stores()
        ended = (JobState.COMPLETED, JobState.CANCELED)

        def done() -> bool:
            return sum(job["state"] in ended for job in stores.jobs.list()) >= count

        try:
            wait_until(done, timeout_s=timeout_s, what=f"{count} jobs have ended\n{self.log_text}")
            return stores.jobs.list()
        finally:
            stores.engine.dispose()


@contextmanager
def service(folder: Path, *, destination: Destination | None = None, extra: str = "") -> Iterator[Service]:
    """A service over a fresh folder with the tiny bundles, not yet started."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tiny_bundle(folder / "chest")
    write_tiny_bundle(folder / "head", kind="ct")
    port = free_port()
    settings = f"""
[store]
data_dir = "data"
[receive]
host = "127.0.0.1"
port = {port}
minimum_free_bytes = 0
[schedule]
quiet_period_s = 0.5
tick_s = 0.2
first_retry_s = 0.3
longest_retry_s = 0.5
[infer]
bundles = ["./chest", "./head"]
workers = 1
[[rules]]
name = "chest"
bundle = "chest"
[rules.when]
body_part = ["CHEST"]
[[rules]]
name = "head"
bundle = "head"
[rules.when]
modality = ["CT"]
{extra}
"""
    if destination is not None:
        settings += f"""
[send.destinations.pacs]
ae_title = "{destination.ae_title}"
host = "{destination.host}"
port = {destination.port}
"""
    (folder / "dicomnode.toml").write_text(settings)
    running = Service(folder=folder, port=port)
    try:
        yield running
    finally:
        running.kill()
