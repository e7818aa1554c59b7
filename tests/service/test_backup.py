"""The administrator's manual, "Back-up and restore": its commands, run beside a real service."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, program, wait_until

from dicomnode.records import JobState

MANUAL = (ROOT / "docs" / "administrator.md").read_text(encoding="utf-8")


def commands_of_the_manual(service, backup: Path) -> list[str]:
    """Back-up and restore as the manual has them, with folders of this test and without systemd and other users."""
    section = MANUAL.split("## Back-up and restore")[1].split("\n## ")[0]
    blocks = re.findall(r"(?:^    .*\n)+", section, re.M)
    ours = {"/var/lib/dicomnode": f"{service.folder}/data", "/srv/backup/dicomnode": str(backup)}
    ours |= {"/etc/dicomnode": str(service.settings_path), "-o dicomnode -g dicomnode ": ""}
    for theirs, here in ours.items():
        blocks = [block.replace(theirs, here) for block in blocks]
    return [re.sub(r"^ +(systemctl|chown|dicomnode).*", "", block, flags=re.M) for block in blocks]


def files(folder: Path) -> dict[str, bytes]:
    """Kept files by their names."""
    paths = [path for part in ("instances", "results") for path in (folder / part).rglob("*.dcm")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture
def a_backup(tmp_path, a_service, a_film):
    """A service that has answered a film, and its back-up, made while it runs, from which it was started again."""
    program("sqlite3", "sqlite3")
    back_up, restore = commands_of_the_manual(a_service, tmp_path / "backup")
    a_service.start()
    a_service.send(a_film)
    a_service.wait_for_jobs()
    kept = files(a_service.folder / "data")

    subprocess.run(["bash", "-euc", back_up], check=True)
    a_service.stop()
    subprocess.run(["bash", "-euc", restore], check=True)
    shutil.rmtree(f"{a_service.folder}/data.broken")
    a_service.start()
    return kept


def test_a_restored_node_has_everything(a_backup, a_service, a_pacs, a_film):
    """After a restore everything is as before: a known image starts no job, and results can go out again."""
    data = a_service.folder / "data"
    sent = len(a_pacs[0].sink.arrivals)

    assert (a_backup, 0o700) == (files(data), data.stat().st_mode & 0o777)
    assert all((data / name).stat().st_size == 32 for name in ("patient.key", "node.id"))
    assert [True] == a_service.send(a_film)
    command = [sys.executable, "-m", "dicomnode", "jobs", "resend", "1", "--settings", str(a_service.settings_path)]
    subprocess.run(command, check=True, capture_output=True)
    wait_until(lambda: len(a_pacs[0].sink.arrivals) == 2 * sent, timeout_s=60, what="the results have come again")
    assert [JobState.COMPLETED] == [job["state"] for job in a_service.wait_for_jobs()]
