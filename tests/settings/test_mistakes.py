"""Mistakes in settings: all of them, each with its source."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dicomnode.errors import SettingsError
from dicomnode.settings import find_settings, load, others, read

FILE = """\
[receive]
prt = 11113
port = 99999

[recieve]
port = 4

[send.destinations.pacs]
ae_title = "PACS"
host = "http://pacs"
port = 104

[send.alerts.chat]
kind = "webhok"

[[rules]]
name = "first"
destinations = ["gone"]

[[rules]]
name = "second"
destinations = ["pacs", "lost"]
"""


def lines_of(tmp_path: Path, text: str, environment: dict[str, str]) -> list[str]:
    """What `load` says of a settings file and an environment, a sentence a line."""
    path = tmp_path / "dicomnode.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as wrong:
        load(path, environment)
    return str(wrong.value).splitlines()


def test_every_mistake_is_told_with_its_line(tmp_path):
    """Unknown keys, wrong values and names of nothing are told together; what only follows from one is not."""
    said = lines_of(tmp_path, FILE, {})

    where = f"{tmp_path}/dicomnode.toml, line"
    assert {
        f"{where} 2: receive.prt is not a known setting; did you mean receive.port?",
        f"{where} 3: receive.port must be less than or equal to 65535 (got 99999)",
        f"{where} 5: recieve is not a known table; did you mean receive?",
        f"{where} 10: send.destinations.pacs.host must be a host name or an address, without a port or a URL around it "
        "(got 'http://pacs')",
        f"{where} 14: send.alerts.chat.kind must be one of 'hl7', 'webhook', 'email'",
        f"{where} 18: rules.first.destinations names 'gone', which is not a destination; known: none",
        f"{where} 22: rules.second.destinations names 'lost', which is not a destination; known: none",
    } == set(said)
    assert len(said) == len(set(said))


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"DICOMNODE_RECIEVE__PORT": "1"},
            "environment variable DICOMNODE_RECIEVE__PORT: recieve is not a known table",
        ),
        (
            {"DICOMNODE_RECEIVE__PROT": "1"},
            "environment variable DICOMNODE_RECEIVE__PROT: receive.prot is not a known setting; did you mean "
            "DICOMNODE_RECEIVE__PORT?",
        ),
        (
            {"DICOMNODE_RECEIVE__PORT": "many"},
            "environment variable DICOMNODE_RECEIVE__PORT: receive.port must be a valid integer (got 'many')",
        ),
        (
            {"DICOMNODE_SCHEDULE__QUIET_PERIOD_S": "ten"},
            "environment variable DICOMNODE_SCHEDULE__QUIET_PERIOD_S: schedule.quiet_period_s must be a valid number "
            "(got 'ten')",
        ),
        ({"DICOMNODE_PORT": "1"}, "environment variable DICOMNODE_PORT is not a known setting"),
        ({"DICOMNODE_RULES": "[{name = 1, bundel = 'x'}]"}, "environment variable DICOMNODE_RULES: rules[1].bundel"),
    ],
)
def test_a_mistake_in_a_variable_is_blamed_on_it(tmp_path, variables, says):
    """The settings file beside it is innocent."""
    (said,) = lines_of(tmp_path, "[receive]\nport = 11112\n", variables)

    assert said.startswith(says)


def test_what_is_missing_beside_a_variable_is_blamed_on_it(tmp_path):
    """A table that no file has begins with a variable."""
    said = lines_of(tmp_path, "", {"DICOMNODE_SEND__DESTINATIONS__PACS__PORT": "104"})

    variable = "environment variable DICOMNODE_SEND__DESTINATIONS__PACS__PORT"
    assert [f"{variable}: send.destinations.pacs.{key} is missing" for key in ("ae_title", "host")] == said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("receive.allowed_calling_ae_titles = 'CT*'", """must be a list, for example ["A", "B"] (got 'CT*')"""),
        ("send.alerts = 'chat'", "must be a table"),
        ("send.destinations.pacs = 'PACS'", "must be a table"),
        ("store.data_dir = 1", "must be a path (got 1)"),
    ],
)
def test_what_is_wrong_is_told_in_words_of_toml(tmp_path, text, says):
    """Not in those of Python."""
    (said,) = lines_of(tmp_path, text, {})

    assert said.endswith(f", line 1: {text.partition(' ')[0]} {says}")


def test_a_mistake_of_file_and_one_of_a_variable_are_told_apart(tmp_path):
    """The variable overrides one key of a table whose other key is wrong in the file."""
    said = lines_of(tmp_path, "[receive]\nae_title = 'much too long a title'\n", {"DICOMNODE_RECEIVE__PORT": "-1"})

    assert [True, True] == [f"{tmp_path}/dicomnode.toml, line 2" in said[0], "DICOMNODE_RECEIVE__PORT" in said[1]]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("[receive]\ndata_dir = 'x'", "did you mean store.data_dir?"),
        ("[schedule]\nquite_period_s = 3", "did you mean schedule.quiet_period_s?"),
        (
            "[send.destinations.p]\nae_title='P'\nhost='p'\nport=1\nporfile='ohif'",
            "did you mean send.destinations.p.profile?",
        ),
        ("[acuity.levels.urgent]\ndue = 3", "did you mean acuity.levels.urgent.due_s?"),
        ("[[rules]]\nname='x'\nwhen.modalty=['CT']", "did you mean rules[1].when.modality?"),
        ("[zzz]\nx=1", "zzz is not a known table"),
    ],
)
def test_an_unknown_key_is_told_with_the_one_that_was_meant(tmp_path, text, near):
    """In tables, in tables of tables, in rules, and where the key belongs to another table."""
    (said,) = lines_of(tmp_path, text, {})

    assert said.endswith(near)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('"receive".port = -1', 1),
        ("[receive] # the door\n# port = 3\n  port = -1", 3),
        ("[receive]\nae_title = 'A'\n[log]\nlevel = 'loud'", 4),
        ("[send.destinations.'our pacs']\nae_title = 'A'\nhost = 'a'\nport = 0", 4),
        ("[acuity]\nlevels.urgent.due_s = -3", 2),
    ],
)
def test_the_line_is_found_however_it_is_written(tmp_path, text, line):
    """Quoted and dotted keys, comments, indentation."""
    (said,) = lines_of(tmp_path, text, {})

    assert f"dicomnode.toml, line {line}: " in said


def test_what_is_right_is_still_read(tmp_path):
    """`config check` goes on with the rest: a wrong port does not hide a wrong bundle."""
    path = tmp_path / "dicomnode.toml"
    path.write_text("[receive]\nport = -1\nae_title = 'MINE'\n")

    settings, mistakes = read(path, {})

    assert settings is not None
    assert (1, "MINE", 11112) == (len(mistakes), settings.receive.ae_title, settings.receive.port)


def test_files_are_looked_for_in_order(tmp_path, monkeypatch):
    """The named file, ./dicomnode.toml, ./conf/dicomnode.toml, the machine's; the rest is told as not read."""
    places = (Path("dicomnode.toml"), Path("conf/dicomnode.toml"), tmp_path / "etc" / "dicomnode.toml")
    monkeypatch.chdir(tmp_path)
    assert find_settings(None, places) is None
    for place in reversed(places):
        place.parent.mkdir(exist_ok=True)
        place.touch()
        assert place == find_settings(None, places)

    assert Path("mine.toml") == find_settings(Path("mine.toml"), places)
    assert [places[1].absolute(), places[2]] == others(places[0], places)


def test_a_closed_folder_is_not_passed_over(tmp_path):
    """Who may not read the service's settings is told so, and does not get the defaults instead."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    closed = tmp_path / "etc"
    closed.mkdir(mode=0o700)
    (closed / "dicomnode.toml").touch()
    program = (
        "import os; from pathlib import Path; from dicomnode.settings import find_settings, others; os.setuid(65534)\n"
        f"places = (Path('/nowhere.toml'), Path({str(closed / 'dicomnode.toml')!r}))\n"
        "print(find_settings(None, places) == places[1], others(None, places))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ("True []\n", "") == (done.stdout, done.stderr)
