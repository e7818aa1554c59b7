"""Debian's Orthanc beside the node, with the files that the project gives for it, from an empty folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from helpers import ROOT, free_port, listens, wait_until
from interop.peers import running_orthanc
from pydicom import dcmread

from dicomnode.cli.settings_file import settings_text
from dicomnode.settings import load

FILM = ROOT / "sample_dicom" / "chest-opacity" / "DX001.dcm"


def test_orthanc_and_a_node_set_up_by_init_work_together(tmp_path: Path):
    """conf/orthanc.json and what `init` writes, as they stand but for ports: a film in, results out."""
    shutil.copy(ROOT / "docker" / "route.lua", tmp_path)
    port = free_port()
    written = json.loads((ROOT / "conf" / "orthanc.json").read_text(encoding="utf-8"))
    assert (written["DicomModalities"]["dicomnode"]["AET"], written["DicomModalities"]["dicomnode"]["Port"]) == (
        load(None, {}).receive.ae_title,
        load(None, {}).receive.port,
    )
    written["DicomModalities"]["dicomnode"]["Port"] = port

    with running_orthanc(tmp_path, written) as pacs:
        settings = tmp_path / "dicomnode.toml"
        answers = {
            "receive": {"port": port, "allowed_calling_ae_titles": ["ORTHANC"]},
            "send": {"destinations": {"pacs": pacs.destination.model_dump(mode="json")}},
        }
        settings.write_text(settings_text(answers), encoding="utf-8")
        command = [sys.executable, "-m", "dicomnode"]
        environment = {**os.environ, "TZ": "UTC", "PYTHONPATH": str(ROOT), "DICOMNODE_SCHEDULE__QUIET_PERIOD_S": "1"}
        checked = subprocess.run(
            [*command, "config", "check", "--echo"], cwd=tmp_path, env=environment, capture_output=True, check=False
        )
        assert (0, b"the settings are right" in checked.stderr) == (checked.returncode, True), checked.stderr
        assert b"send.destinations" not in checked.stderr
        with (tmp_path / "node.log").open("wb") as log:
            node = subprocess.Popen([*command, "serve"], cwd=tmp_path, env=environment, stderr=log)
        try:
            wait_until(lambda: listens(port), timeout_s=90, what="the node listens")
            sent = subprocess.run(
                [*command, "send", str(FILM), "--to", f"ORTHANC@127.0.0.1:{pacs.destination.port}"],
                env=environment,
                capture_output=True,
                check=False,
            )
            assert 0 == sent.returncode, sent.stderr
            uid = str(dcmread(FILM).StudyInstanceUID)
            wait_until(
                lambda: {"DX", "OT", "SR"} <= {*pacs.modalities_of(uid)},
                timeout_s=120,
                what=f"the results are in Orthanc\n{(tmp_path / 'node.log').read_text()}",
            )
        finally:
            node.send_signal(signal.SIGTERM)
            node.wait(40)
