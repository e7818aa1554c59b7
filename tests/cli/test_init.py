"""`dicomnode init` at a terminal, and without one."""

from __future__ import annotations

import os
import pty
import select
import stat
import subprocess
import sys
import time
import tomllib
from pathlib import Path

from helpers import free_port

from dicomnode.cli.main import main
from dicomnode.settings import Settings, load

QUESTIONS = (
    "AE title of this node",
    "Address [",
    "Port [",
    "AE titles [",
    "Folder for studies and results",
    "AE title of the PACS",
    "Host name or IP address of the PACS",
    "Port of the PACS",
    "Viewer",
    "Languages of the reports",
    "Time zone",
    "Test the connection to the PACS now",
)


def at_a_terminal(folder: Path, answers: list[tuple[str, str]], *words: str) -> tuple[int, str]:
    """Run `dicomnode init` in a pseudo-terminal, answer each prompt as it comes; exit status and what was shown."""
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "dumb", "COLUMNS": "300"}
    command = [sys.executable, "-m", "dicomnode", "init", *words]
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=folder, env=environment, close_fds=True
    )
    os.close(terminal)
    shown, seen = "", 0
    for prompt, answer in answers:
        shown = _until(controller, shown, seen, prompt)
        seen = shown.index(prompt, seen) + len(prompt)
        shown = _until(controller, shown, seen, ": ")
        seen = shown.index(": ", seen)
        os.write(controller, f"{answer}\n".encode())
    shown = _until(controller, shown, seen, None)
    os.close(controller)
    return process.wait(30), shown.replace("\r\n", "\n")


def _until(controller: int, shown: str, seen: int, wanted: str | None) -> str:
    deadline = time.monotonic() + 20
    while wanted is None or wanted not in shown[seen:]:
        ready, _, _ = select.select([controller], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"{wanted!r} did not come; shown: {shown}"
        try:
            data = os.read(controller, 4096)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            assert wanted is None, f"ended before {wanted!r}; shown: {shown}"
            return shown
        shown += data.decode()
    return shown


def test_the_answers_become_settings(tmp_path, a_node):
    """Every answer stands in the file, which passes `config check`, and the PACS is asked whether it answers."""
    pacs = a_node(ae_title="PACS")
    port = free_port()
    answers = [
        (QUESTIONS[0], "AINODE"),
        (QUESTIONS[1], "127.0.0.1"),
        (QUESTIONS[2], str(port)),
        (QUESTIONS[3], "CT1, PACS"),
        (QUESTIONS[4], "kept"),
        (QUESTIONS[5], "PACS"),
        (QUESTIONS[6], pacs.host),
        (QUESTIONS[7], str(pacs.port)),
        (QUESTIONS[8], "ohif"),
        (QUESTIONS[9], "de, en"),
        (QUESTIONS[10], "Europe/Berlin"),
        (QUESTIONS[11], "y"),
    ]

    status, shown = at_a_terminal(tmp_path, answers)

    assert 0 == status, shown
    assert f"PACS at 127.0.0.1:{pacs.port} answers" in shown
    assert shown.endswith("next: dicomnode config check\nthen: dicomnode serve\n")
    path = tmp_path / "dicomnode.toml"
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    settings = load(path, {})
    assert ("AINODE", "127.0.0.1", port, ("CT1", "PACS")) == (
        settings.receive.ae_title,
        settings.receive.host,
        settings.receive.port,
        settings.receive.allowed_calling_ae_titles,
    )
    assert ("AINODE", tmp_path / "kept", ("de", "en"), "Europe/Berlin") == (
        settings.send.ae_title,
        settings.store.data_dir,
        settings.report.languages,
        settings.compose.timezone,
    )
    (peer,) = settings.send.destinations.values()
    assert ("PACS", pacs.host, pacs.port, "ohif") == (peer.ae_title, peer.host, peer.port, peer.profile)
    assert 0 == main(["config", "check", "--settings", str(path)])


def test_wrong_answers_are_asked_again(tmp_path):
    """Each is refused at once, with the reason; Enter takes the default."""
    answers = [
        (QUESTIONS[0], "much too long an AE title"),
        (QUESTIONS[0], "back\\slash"),
        (QUESTIONS[0], ""),
        (QUESTIONS[1], "192.0.2.77"),
        (QUESTIONS[1], "::banana"),
        (QUESTIONS[1], ""),
        (QUESTIONS[2], "99999"),
        (QUESTIONS[2], ""),
        (QUESTIONS[3], ""),
        (QUESTIONS[4], "/proc/self/status"),
        (QUESTIONS[4], ""),
        (QUESTIONS[5], ""),
        (QUESTIONS[9], "klingon"),
        (QUESTIONS[9], ""),
        (QUESTIONS[10], "Europe/Belrin"),
        (QUESTIONS[10], "UTC"),
    ]

    status, shown = at_a_terminal(tmp_path, answers, "own.toml")

    assert 0 == status, shown
    for reason in (
        "must have at most 16 characters",
        "this machine does not have this address",
        "must be a host name or an address",
        "must be less than or equal to 65535",
        "is not a folder",
        "known: ar, de, en",
        "near it: Europe/Berlin",
    ):
        assert reason in shown, reason
    assert "C-ECHO" not in shown, "there is no PACS to ask"
    assert shown.endswith(
        "next: dicomnode config check --settings own.toml\nthen: dicomnode serve --settings own.toml\n"
    )
    defaults, written = Settings(), load(tmp_path / "own.toml", {})
    assert defaults.receive == written.receive
    assert {} == written.send.destinations


def test_without_a_terminal_nothing_is_asked(tmp_path):
    """A script gets the defaults, and a file that exists is safe."""
    command = [sys.executable, "-m", "dicomnode", "init"]
    first = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=tmp_path, check=False)
    second = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd=tmp_path, check=False
    )

    assert (0, 2) == (first.returncode, second.returncode)
    assert "dicomnode.toml exists; --force overwrites it" in second.stderr
    assert {} == {
        table: keys for table, keys in tomllib.loads((tmp_path / "dicomnode.toml").read_text()).items() if keys
    }


def test_yes_asks_nothing_at_a_terminal(tmp_path):
    """`--yes` is for those who edit the file."""
    status, shown = at_a_terminal(tmp_path, [], "--yes")

    assert 0 == status
    assert "AE title" not in shown
    assert Settings().receive == load(tmp_path / "dicomnode.toml", {}).receive


def test_these_commands_import_no_heavy_library():
    """They start at once: neither models nor DICOM network nor database are loaded."""
    heavy = ("onnxruntime", "highdicom", "pynetdicom", "sqlalchemy", "babel")
    program = (
        "import sys; from dicomnode.cli import config, init, routes; "
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert "[]\n" == done.stdout, done.stderr
