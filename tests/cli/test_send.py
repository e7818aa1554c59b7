"""`dicomnode send` with what lies on a CD."""

from __future__ import annotations

import shutil

import pytest
from cli.test_commands import FILM, one_sentence, run
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid


@pytest.fixture
def a_cd(tmp_path):
    """A folder with two films and everything else that a CD holds."""
    folder = tmp_path / "cd"
    (folder / "DICOM" / "A").mkdir(parents=True)
    shutil.copy(FILM, folder / "DICOM" / "A" / "I0000001")
    shutil.copy(FILM, folder / "DICOM" / "I0000002.dcm")
    write_directory(folder / "DICOMDIR")
    (folder / "README.TXT").write_text("Insert and wait.")
    (folder / "VIEWER.EXE").write_bytes(b"MZ" + bytes(500))
    (folder / ".DS_Store").write_bytes(b"\0\0\0\1Bud1" + bytes(200))
    (folder / "AUTORUN.INF").touch()
    return folder


def write_directory(path) -> None:
    """Write a media storage directory without records."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    ds.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.FileSetID = "CD"
    ds.save_as(path, enforce_file_format=True)


def peer(a_node) -> str:
    """A node as `--to` names it."""
    node = a_node()
    return f"{node.ae_title}@{node.host}:{node.port}"


def test_of_a_cd_the_images_are_sent(a_node, a_cd, capsys):
    """The command succeeds, and says what it skipped and why."""
    status, out, err = run("send", str(a_cd), "--to", (to := peer(a_node)), capsys=capsys)

    said = [line for line in out.splitlines() if "association" not in line]  # the peer's log: it is in this process
    assert (0, []) == (status, said)
    assert f"2 of 2 instances sent to {to}; skipped 5 other files: " in err
    for reason in ("3 not a DICOM file", "1 empty file", "1 DICOMDIR (Media Storage Directory Storage)"):
        assert reason in err


def test_a_directory_under_another_name_is_skipped_too(a_node, a_cd, capsys):
    """By the SOP class of its file meta; a DICOMDIR is known by its name where that is broken."""
    write_directory(a_cd / "INDEX.DCM")
    (a_cd / "DICOMDIR").write_bytes(bytes(128) + b"DICM")

    status, _, err = run("send", str(a_cd), "--to", peer(a_node), capsys=capsys)

    assert 0 == status
    assert "2 DICOMDIR (Media Storage Directory Storage)" in err


def test_a_broken_instance_in_a_folder_is_a_failure(a_node, a_cd, capsys):
    """What claims to be DICOM but cannot be sent is named, and the others are sent."""
    (a_cd / "broken.dcm").write_bytes(bytes(128) + b"DICM")

    status, out, err = run("send", str(a_cd), "--to", peer(a_node), capsys=capsys)

    assert 1 == status
    assert "broken.dcm: cannot be sent: its file meta information lacks" in out
    assert "2 of 3 instances sent" in err


@pytest.mark.parametrize("name", ["DICOMDIR", "README.TXT", "AUTORUN.INF"])
def test_what_is_named_must_be_an_instance(a_cd, capsys, name):
    """A file that was asked for is not skipped in silence."""
    status, _, err = run("send", str(a_cd / name), "--to", "A@127.0.0.1:1", capsys=capsys)

    assert 1 == status
    assert name in one_sentence(err)


def test_a_folder_without_an_instance_is_an_error(a_cd, capsys):
    """It says what there is instead."""
    shutil.rmtree(a_cd / "DICOM")

    status, _, err = run("send", str(a_cd), "--to", "A@127.0.0.1:1", capsys=capsys)

    assert 1 == status
    assert "no DICOM file in" in one_sentence(err)
    assert "skipped 5 other files: 3 not a DICOM file" in err
