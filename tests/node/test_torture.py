"""Difficult files: each is kept byte for byte or refused by name, and every study gets an answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pydicom.data
import pytest
import structlog
from pynetdicom.dsutils import split_dataset

from dicomnode.errors import NodeError
from dicomnode.records import JobState
from dicomnode.send.store_scu import Outgoing, StoreSCU, read_outgoing
from dicomnode.settings import Destination, SendSettings

NO_DICOM = (".py", ".csv", ".txt", ".json")
PACKAGED = Path(pydicom.data.__file__).parent / "test_files"


def folders() -> Iterator[object]:
    """Folders of difficult files: pydicom's own always, a larger collection where one is named."""
    yield pytest.param(PACKAGED, id="pydicom")
    named = os.environ.get("TEST_TORTURE_DIR")
    skip = pytest.mark.skipif(named is None, reason="TEST_TORTURE_DIR names no folder of difficult files")
    yield pytest.param(Path(named or "none"), id="torture", marks=[skip, pytest.mark.timeout(900)])


def sendable(folder: Path) -> tuple[list[Outgoing], dict[Path, str]]:
    """What can be sent, and why the rest cannot."""
    files, refused = [], {}
    for path in sorted(
        p for p in folder.rglob("*") if p.is_file() and p.suffix not in (".py", ".csv", ".txt", ".json")
    ):
        try:
            files.append(read_outgoing(path))
        except NodeError as error:
            refused[path] = str(error)
    return files, refused


def send(peer: Destination, file: Outgoing) -> str:
    """Send one file; empty if it was acknowledged, else why not."""
    try:
        (outcome,) = StoreSCU(peer, SendSettings(ae_title="TEST")).send([file])
    except NodeError as error:
        return str(error)
    return outcome.error


@pytest.mark.parametrize("folder", list(folders()))
def test_every_file_is_kept_or_refused_by_name(a_house, folder):
    """No file is lost in silence, none is changed, and no study ends without an answer or a named reason."""
    house = a_house()
    files, refused = sendable(folder)
    acknowledged = []
    with structlog.testing.capture_logs() as events:
        for file in files:
            why = send(house.peer, file)
            if why:
                refused[file.path] = why
            else:
                acknowledged.append(file)
        house.plan()
        jobs = house.work()

    assert all(refused.values())
    print(f"{len(acknowledged)} kept, {len(refused)} refused by name")  # noqa: T201  # shown by pytest -rP
    kept = [
        i
        for s in house.stores.instances.summaries()
        for i in house.stores.instances.all_in_study(s["study_instance_uid"])
    ]
    contents = {instance.key.sop_instance_uid: [] for instance, _ in kept}
    for instance, _ in kept:
        contents[instance.key.sop_instance_uid].append(instance.path.read_bytes())
    for file in acknowledged:
        _, start = split_dataset(file.path)
        data_set = file.path.read_bytes()[start:]
        assert any(content.endswith(data_set) for content in contents[file.sop_instance_uid]), file.path
    for job in jobs:
        assert job["state"] == JobState.COMPLETED or job["reason"].startswith("QUARANTINED: COMPOSE:"), dict(job)
    assert [] == [event for event in events if event["event"] == "unexpected error"]
