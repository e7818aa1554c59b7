"""The peers that a node meets: Orthanc as the PACS, DCMTK's programs as modality and archive."""

from __future__ import annotations

import json
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers import ROOT, free_port, listens, program, wait_until

from dicomnode.settings import Destination

DICOMWEB_PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
NODE = "dicomnode"
"""Name by which `docker/route.lua` calls the node's modality."""


@dataclass(frozen=True, kw_only=True)
class Orthanc:
    """A running Orthanc with the configuration and the routing script of `docker/`, on ports of its own."""

    destination: Destination
    """Its DICOM door."""
    http_port: int

    def get(self, path: str, **parameters: str) -> Any:
        """Answer to a REST call, `/studies` for example, decoded from JSON."""
        return self._call("GET", f"{path}?{urllib.parse.urlencode(parameters)}")

    def qido(self, level: str, **parameters: str) -> list[dict[str, list[Any]]]:
        """Search by DICOMweb, level for example `studies`; each hit maps keyword to its values."""
        hits = self.get(f"/dicom-web/{level}", **parameters)
        return [{tag: element.get("Value", []) for tag, element in hit.items()} for hit in hits]

    def modalities_of(self, study_instance_uid: str) -> list[str]:
        """Modality of each series of a study, sorted."""
        series = self.qido(f"studies/{study_instance_uid}/series")
        return sorted(hit["00080060"][0] for hit in series)

    def instances_of(self, study_instance_uid: str) -> set[str]:
        """SOP Instance UIDs of a study."""
        return {hit["00080018"][0] for hit in self.qido(f"studies/{study_instance_uid}/instances")}

    def register(self, node: Destination) -> None:
        """Make the node known: its queries are answered, and studies at rest are routed to it."""
        modality = {"AET": node.ae_title, "Host": node.host, "Port": node.port, "AllowStorageCommitment": True}
        self._call("PUT", f"/modalities/{NODE}", json.dumps(modality).encode())

    def store_jobs(self) -> list[dict[str, Any]]:
        """Orthanc's C-STORE jobs, one for each time it routed a study."""
        return [job for job in self.get("/jobs", expand="") if job["Type"] == "DicomModalityStore"]

    def upload(self, path: Path) -> None:
        """Store one file over HTTP."""
        self._call("POST", "/instances", path.read_bytes())

    def _call(self, method: str, path: str, body: bytes | None = None) -> Any:
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=body, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            text = answer.read()
        return json.loads(text) if text else None


@contextmanager
def orthanc(folder: Path, **changes: Any) -> Iterator[Orthanc]:
    """Run Orthanc in a folder; keyword arguments change its configuration. Skips where it is not installed."""
    configuration = json.loads((ROOT / "docker" / "orthanc.json").read_text(encoding="utf-8")) | {
        "StorageDirectory": str(folder / "storage"),
        "IndexDirectory": str(folder / "storage"),
        "LuaScripts": [str(ROOT / "docker" / "route.lua")],
        "Plugins": [str(DICOMWEB_PLUGIN)],
        "AuthenticationEnabled": False,
        "RemoteAccessAllowed": False,
        "StableAge": 1,
    }
    with running_orthanc(folder, configuration | changes) as running:
        yield running


@contextmanager
def running_orthanc(folder: Path, written: dict[str, Any]) -> Iterator[Orthanc]:
    """Run Orthanc in a folder with a configuration, but for its ports, of which tests that run beside have theirs."""
    executable = program("Orthanc", "orthanc")
    program("Orthanc" if DICOMWEB_PLUGIN.exists() else "libOrthancDicomWeb.so", "orthanc-dicomweb")
    dicom_port, http_port = free_port(), free_port()
    configuration = written | {"DicomPort": dicom_port, "HttpPort": http_port}
    file = folder / "orthanc.json"
    file.write_text(json.dumps(configuration), encoding="utf-8")
    started = Orthanc(
        destination=Destination(ae_title=configuration["DicomAet"], host="127.0.0.1", port=dicom_port),
        http_port=http_port,
    )
    with (folder / "orthanc.log").open("wb") as log:
        process = subprocess.Popen([executable, "--verbose", file], stdout=log, stderr=log, cwd=folder)
        try:
            wait_until(lambda: _answers(started), timeout_s=20, what="Orthanc answers over HTTP and DICOM")
            yield started
        finally:
            process.kill()  # it takes four seconds to stop politely, and its folder is thrown away
            process.wait(10)


def _answers(peer: Orthanc) -> bool:
    try:
        return bool(peer.get("/system")) and listens(peer.destination.port)
    except OSError:  # not there yet, or closed as it came up
        return False


@dataclass(frozen=True, kw_only=True)
class StoreSCP:
    """A running `storescp`."""

    destination: Destination
    folder: Path
    """Where it keeps what it gets."""

    def files(self) -> list[Path]:
        """What has arrived whole."""
        return sorted(path for path in self.folder.iterdir() if not path.name.endswith(".part"))


@contextmanager
def storescp(folder: Path, *, ae_title: str = "STORESCP") -> Iterator[StoreSCP]:
    """Run DCMTK's `storescp`, which accepts every transfer syntax and answers only to its AE title."""
    port = free_port()
    folder.mkdir(parents=True, exist_ok=True)
    command = [program("storescp", "dcmtk"), "-aet", ae_title, "+xa", "-od", folder, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: listens(port), timeout_s=60, what="storescp listens")
        yield StoreSCP(destination=Destination(ae_title=ae_title, host="127.0.0.1", port=port), folder=folder)
    finally:
        process.terminate()
        process.wait(10)


def storescu(peer: Destination, *paths: Path, calling_ae_title: str = "STORESCU") -> subprocess.CompletedProcess[str]:
    """Send files and the `*.dcm` of folders with DCMTK's `storescu`, which proposes uncompressed transfer syntaxes."""
    options = ["+sd", "+r", "+sp", "*.dcm", "-aet", calling_ae_title, "-aec", peer.ae_title]
    return _run("storescu", options, peer, paths)


def dcmsend(peer: Destination, *paths: Path, calling_ae_title: str = "DCMSEND") -> subprocess.CompletedProcess[str]:
    """Send files and the `*.dcm` of folders with DCMTK's `dcmsend`, which proposes what each file needs."""
    options = ["+sd", "+r", "+sp", "*.dcm", "-aet", calling_ae_title, "-aec", peer.ae_title]
    return _run("dcmsend", options, peer, paths)


def _run(name: str, options: list[str], peer: Destination, paths: tuple[Path, ...]) -> subprocess.CompletedProcess[str]:
    command: list[str | Path] = [program(name, "dcmtk"), *options, peer.host, str(peer.port), *paths]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
