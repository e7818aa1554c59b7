"""The commands as an administrator types them."""

from __future__ import annotations

import json
import math
import re
import time
import tomllib
from pathlib import Path
from typing import Annotated

import pytest
from helpers import ROOT, a_data_set, free_port
from pydantic import TypeAdapter, ValidationError
from pydicom import dcmwrite

from dicomnode.cli.main import main
from dicomnode.cli.settings_file import settings_text
from dicomnode.settings import Settings, load
from dicomnode.settings.types import Table

FILM = next((ROOT / "sample_dicom" / "chest-opacity").glob("*.dcm"))


def run(*words: str, capsys) -> tuple[int, str, str]:
    """Exit status, standard output and standard error of a command."""
    status = main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def one_sentence(text: str) -> str:
    """The error message, which must be a single line; `config check` adds remarks and a result, `serve` its log."""
    lines = [line for line in text.splitlines() if not line.startswith(("warning: ", "note: ", "checked ", "{"))]
    assert 1 == len(lines), text
    assert lines[0].startswith("error: ")
    return lines[0]


def test_init_writes_a_file_that_means_the_defaults(tmp_path, capsys):
    """The file loads as it is, and with every default uncommented it still means the same."""
    path = tmp_path / "conf" / "dicomnode.toml"

    assert 0 == run("init", str(path), capsys=capsys)[0]

    defaults = Settings().model_dump(exclude={"store"})
    assert defaults == load(path, {}).model_dump(exclude={"store"})
    uncommented = re.sub(r"(?m)^# (?=(\[|\w+ = ))", "", path.read_text())
    uncommented = re.sub(r"(?m)^\[send\.(destinations|alerts)\.\w+\]\n(\w+ = .*\n)*", "", uncommented)
    path.write_text(uncommented)
    assert "[[rules]]" in uncommented
    assert defaults == load(path, {}).model_dump(exclude={"store"})


def test_the_file_in_conf_is_what_init_writes():
    """The settings file of the project is not an old one."""
    assert settings_text() == (ROOT / "conf" / "dicomnode.toml").read_text()


def test_init_overwrites_only_when_forced(tmp_path, capsys):
    """A file that exists is safe."""
    path = tmp_path / "x.toml"
    path.write_text("mine")

    status, _, err = run("init", str(path), capsys=capsys)

    assert (2, "mine") == (status, path.read_text())
    assert "exists; --force overwrites it" in one_sentence(err)
    assert 0 == run("init", str(path), "--force", capsys=capsys)[0]


@pytest.mark.parametrize(("zone", "is_told"), [("", True), ("Europe/Berlin", False)])
def test_a_machine_without_a_time_zone_is_told(a_settings_file, capsys, monkeypatch, zone, is_told):
    """`config check` says that results will be dated in UTC, until a zone is set."""
    monkeypatch.setenv("TZ", "")
    time.tzset()
    a_settings_file(f'[compose]\ntimezone = "{zone}"\n')

    status, _, err = run("config", "check", capsys=capsys)
    monkeypatch.undo()
    time.tzset()

    assert 0 == status
    assert is_told == ("no time zone is set" in err)


def test_passwords_are_not_shown(tmp_path, capsys):
    """What `config show` prints can be pasted into a ticket."""
    path = tmp_path / "dicomnode.toml"
    path.write_text('[priors]\ndicomweb = "https://node:hush@pacs.example/dicom-web"\n')

    assert 0 == main(["config", "show", "--settings", str(path)])
    shown = capsys.readouterr().out
    assert "hush" not in shown
    assert "https://node:***@pacs.example/dicom-web" in shown


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("[receive]\nprt = 1", "receive.prt is not a known setting; did you mean receive.port?"),
        ("[receive]\nport = 99999", "receive.port must be less than or equal to 65535 (got 99999)"),
        ("[nonsense]\nx = 1", "nonsense is not a known table"),
        ("[send]\ngive_up_after_s = inf", "send.give_up_after_s must be a finite number"),
        ("[schedule]\nlongest_retry_s = 1e18", "schedule.longest_retry_s must be less than or equal to 31557"),
        ("[schedule]\nlease_s = nan", "schedule.lease_s"),
        ("[send]\ndimse_timeout_s = 1e7", "send.dimse_timeout_s must be less than or equal to 86400"),
        ("[acuity.levels.urgent]\ndue_s = inf", "acuity.levels.urgent.due_s must be a finite number"),
        ("[receive]\nmaximum_pdu_bytes = 1099511627776", "receive.maximum_pdu_bytes"),
        (
            "[send.destinations.pacs]\nae_title = 'P'\nhost = 'pacs..example'\nport = 104",
            "send.destinations.pacs.host must be a host name or an address",
        ),
        ("[send.destinations.pacs]\nae_title = 'P'\nhost = ''\nport = 104", "send.destinations.pacs.host must be"),
        (
            "[send.destinations.pacs]\nae_title = 'P'\nhost = 'http://pacs'\nport = 104",
            "send.destinations.pacs.host must be",
        ),
        ("[report]\nlanguages = ['tlh']", "'tlh' is not supported; known: ar, de, en"),
        ("[explain]\nmethod = 'magic'", "no explanation method 'magic'; known: class_activation"),
        ("[schedule]\narchive = 'gone'", "schedule.archive names 'gone', which is not a destination; known: none"),
        ("[acuity.findings]\nopacity = 'dire'", "acuity.findings.opacity"),
        (
            "[[rules]]\nname = 'er'\nwhen.header.StationNam = ['X']",
            "rule 'er': when.header: 'StationNam' is not the name",
        ),
        ("[compose]\ntimezone = 'Europe/Belrin'", "is not a time zone of the IANA database; near it: Europe/Berlin"),
        ("this is no toml", "is not valid TOML"),
        ("[store]\ndatabase_url = 'x'", "is not valid TOML"),
    ],
)
def test_wrong_settings_are_one_sentence(a_settings_file, capsys, lines, says):
    """The sentence names the key, what was wrong, and what would be right."""
    a_settings_file(lines)

    status, _, err = run("config", "check", capsys=capsys)

    assert 2 == status
    assert says in one_sentence(err)


def test_no_length_of_time_is_without_an_end():
    """Every setting of seconds is finite, and may be added to a date: a loop that computes with it never fails."""
    tables = [table for table in _tables(Table) if table.__module__.startswith("dicomnode.settings")]
    seconds = [(table, key) for table in tables for key in table.model_fields if key.endswith("_s")]
    assert 20 < len(seconds)
    for table, key in seconds:
        of_field = table.model_fields[key]
        reader = TypeAdapter(Annotated[of_field.annotation, *of_field.metadata])
        for endless in (math.inf, math.nan, 1e12, -1.0):
            with pytest.raises(ValidationError):
                reader.validate_python(endless)


def _tables(table: type) -> list[type]:
    return [one for below in table.__subclasses__() for one in (below, *_tables(below))]


def test_right_settings_are_said_to_be_right(a_settings_file, capsys):
    """Check succeeds, and mentions that results have nowhere to go."""
    a_settings_file()

    status, _, err = run("config", "check", capsys=capsys)

    assert 0 == status
    assert "no destination is set" in err
    assert "the settings are right" in err


def test_a_variable_that_is_no_setting_is_refused(a_settings_file, capsys, monkeypatch):
    """A mistyped variable is named, not ignored; an AE title of digits is a text."""
    a_settings_file()
    monkeypatch.setenv("DICOMNODE_RECEIVE__AE_TITLE", "123")
    assert 'receive.ae_title = "123"' in run("config", "show", capsys=capsys)[1]
    monkeypatch.setenv("DICOMNODE_RECEIVE_PORT", "4242")
    assert "DICOMNODE_RECEIVE_PORT is not a known setting" in one_sentence(run("config", "show", capsys=capsys)[2])


def test_the_environment_stands_above_the_file(a_settings_file, capsys, monkeypatch):
    """A variable changes a setting, and an unknown one is refused."""
    a_settings_file()
    monkeypatch.setenv("DICOMNODE_RECEIVE__PORT", "4242")
    assert "receive.port = 4242" in run("config", "show", capsys=capsys)[1]

    monkeypatch.setenv("DICOMNODE_RECEIVE__PORT__DEEPER", "1")
    assert "receive.port is not a table" in one_sentence(run("config", "show", capsys=capsys)[2])
    monkeypatch.delenv("DICOMNODE_RECEIVE__PORT__DEEPER")
    monkeypatch.setenv("DICOMNODE_RECEIVE__PROT", "4242")
    said = one_sentence(run("config", "show", capsys=capsys)[2])
    assert "receive.prot is not a known setting; did you mean DICOMNODE_RECEIVE__PORT?" in said


def test_a_missing_settings_file_is_named(capsys):
    """The message says how to get one."""
    status, _, err = run("serve", "--settings", "nowhere.toml", capsys=capsys)

    assert 2 == status
    assert "there is no settings file nowhere.toml; `dicomnode init nowhere.toml` writes one" in one_sentence(err)


def test_serve_says_why_it_cannot_start(a_settings_file, capsys, tmp_path):
    """A missing bundle, a corrupt one, an unknown one in a rule and a port in use are one sentence each."""
    import socket

    free = f"[receive]\nport = {free_port()}"
    a_settings_file(free)
    (tmp_path / "chest" / "decoder.onnx").unlink()
    assert "decoder.onnx" in one_sentence(run("serve", capsys=capsys)[2])

    a_settings_file(free)
    encoder = tmp_path / "chest" / "encoder.onnx"
    encoder.write_bytes(encoder.read_bytes()[:-1] + b"x")
    assert "encoder.onnx" in one_sentence(run("serve", capsys=capsys)[2])

    a_settings_file(free, bundles="[]")
    sentence = one_sentence(run("serve", capsys=capsys)[2])
    assert "rules.chest.bundle names 'chest', which is not in infer.bundles; known: none" in sentence

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        a_settings_file(f'[receive]\nhost = "127.0.0.1"\nport = {taken.getsockname()[1]}')
        assert "cannot listen on 127.0.0.1" in one_sentence(run("serve", capsys=capsys)[2])


def test_a_second_service_on_the_same_folder_is_refused(a_settings_file, capsys, tmp_path):
    """The message names the process that holds the data folder."""
    from dicomnode.node.rooms import exclusive

    a_settings_file(f"[receive]\nport = {free_port()}")
    with exclusive(tmp_path / "data"):
        assert "another dicomnode service (process" in one_sentence(run("serve", capsys=capsys)[2])


def test_routes_test_says_which_rule_and_why_not_the_others(a_settings_file, capsys, tmp_path):
    """The answer for a file names the rule that would match, or each condition that fails."""
    a_settings_file()
    foot = tmp_path / "foot.dcm"
    dcmwrite(foot, a_data_set(), enforce_file_format=True)

    status, out, _ = run("routes", "test", str(FILM), str(foot), capsys=capsys)

    assert 0 == status
    assert f"{FILM}: rule 'chest', bundle chest" in out
    assert f"{foot}: no rule matches" in out
    assert "chest matches: Modality is 'DX'" in out
    assert "chest does not match: Modality is 'CR', wanted DX" in out
    answers = json.loads(run("routes", "test", str(FILM), "--json", capsys=capsys)[1])
    assert "chest" == answers["files"][0]["rule"]


def test_routes_test_takes_folders(a_settings_file, capsys):
    """As `send` does: all instances of a folder are looked at together."""
    a_settings_file()

    status, out, _ = run("routes", "test", str(FILM.parent), "--json", capsys=capsys)

    assert (0, [str(path) for path in sorted(FILM.parent.iterdir())]) == (
        status,
        [one["file"] for one in json.loads(out)["files"]],
    )


def make_index(settings_path: Path) -> None:
    """Make the data folder and its index, as a service that has run once."""
    from dicomnode.node.rooms import open_stores

    open_stores(load(settings_path)).engine.dispose()


@pytest.mark.parametrize(
    "words",
    [
        ("studies", "list"),
        ("studies", "show", "1.2"),
        ("jobs", "list"),
        ("jobs", "show", "7"),
        ("alerts", "list"),
        ("priors", "find", "1.2"),
        ("studies", "conflicts"),
        ("studies", "correct", "1.2"),
        ("explain", "study", "1.2"),
        ("priors", "index"),
        ("alerts", "retry", "7"),
        *(("jobs", verb, "7") for verb in ("retry", "cancel", "resend", "reread", "withdraw")),
    ],
)
def test_a_command_without_data_makes_nothing(a_settings_file, capsys, tmp_path, words):
    """Where no service has run it says that there is nothing to look into, and leaves the folder as it was."""
    a_settings_file()

    status, out, err = run(*words, capsys=capsys)

    assert (1, "") == (status, out)
    assert f"there is no data folder at {tmp_path / 'data'}" in one_sentence(err)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("words", [("studies", "list"), ("jobs", "list"), ("destinations", "list"), ("bundle", "list")])
def test_every_listing_speaks_json(a_settings_file, capsys, words):
    """Programs read the same rows."""
    make_index(a_settings_file())

    status, out, _ = run(*words, "--json", capsys=capsys)

    assert 0 == status
    assert isinstance(json.loads(out), list)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("jobs", "show", "7"), "there is no job 7"),
        (("jobs", "retry", "7"), "there is no job 7"),
        (("jobs", "resend", "7"), "there is no job 7"),
        (("jobs", "reread", "7"), "there is no job 7"),
        (("jobs", "reread", "1.2.3"), "no images of study 1.2.3 are kept"),
        (("jobs", "withdraw", "7"), "there is no job 7"),
        (("jobs", "cancel", "7"), "there is no job 7"),
        (("studies", "show", "1.2"), "there is no study 1.2"),
        (("bundle", "check", "nowhere"), "nowhere cannot be run"),
        (("bundle", "show", "nowhere"), "nowhere"),
        (("send", "nowhere.dcm", "--to", "A@127.0.0.1:104"), "nowhere.dcm does not exist"),
        (("send", str(ROOT / "README.md"), "--to", "A@127.0.0.1:104"), "README.md is not a DICOM file"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(a_settings_file, capsys, words, says):
    """Exit status 1, and the message says what there is or what would be right."""
    make_index(a_settings_file())

    status, out, err = run(*words, capsys=capsys)

    assert 1 == status
    assert says in one_sentence(err) + out


def test_an_unreachable_destination_is_told(a_settings_file, capsys):
    """Echo lists who answers and who does not, and fails if anybody does not."""
    port = free_port()
    a_settings_file(f'[send.destinations.pacs]\nae_title = "PACS"\nhost = "127.0.0.1"\nport = {port}')

    status, out, _ = run("destinations", "echo", "--json", capsys=capsys)

    assert 1 == status
    assert f"no DICOM peer answers as PACS at 127.0.0.1:{port}" == json.loads(out)[0]["why"]
    assert "'x' is not a destination; known: pacs" in run("destinations", "echo", "x", capsys=capsys)[2]


def test_send_takes_files_to_a_peer(a_node, some_stores, capsys):
    """A folder of samples arrives whole."""
    node = a_node()
    to = f"{node.ae_title}@{node.host}:{node.port}"

    status, _, err = run("send", str(ROOT / "sample_dicom"), "--to", to, capsys=capsys)

    assert 0 == status
    assert f"53 of 53 instances sent to {to}" in err
    assert 7 == len(some_stores.instances.summaries())


@pytest.mark.parametrize("to", ["nonsense", "A\\B@host:104", "A@host", "A@host:0", "A@host:99999", "@host:104"])
def test_a_peer_that_cannot_be_one_is_a_wrong_command_line(capsys, to):
    """The message shows the form that is wanted."""
    status, _, err = run("send", str(FILM), "--to", to, capsys=capsys)

    assert 2 == status
    assert "AE@host:port" in err


def test_a_bundle_can_be_looked_at(a_settings_file, capsys, tmp_path):
    """Check says that it can be run, show prints its card."""
    a_settings_file()

    assert 0 == run("bundle", "check", str(tmp_path / "chest"), capsys=capsys)[0]
    assert (tmp_path / "chest" / "card.md").read_text().strip() in run(
        "bundle", "show", str(tmp_path / "chest"), capsys=capsys
    )[1]


def test_the_settings_of_the_project_are_toml():
    """Every file in conf can be read."""
    for path in (ROOT / "conf").rglob("*.toml"):
        tomllib.loads(path.read_text())


EARLIER = next((ROOT / "sample_dicom" / "chest-earlier").glob("*.dcm"))


@pytest.fixture
def a_kept_pair(a_settings_file):
    """Keep two films of one patient in the store of the settings; returns their Study Instance UIDs, earlier first."""
    from pydicom import dcmread

    from dicomnode.dicom.reading import read_key
    from dicomnode.node.rooms import open_stores

    def keep(extra: str = "") -> list[str]:
        stores = open_stores(load(a_settings_file(extra)))
        uids = []
        for path in (EARLIER, FILM):
            meta = dcmread(path, stop_before_pixels=True).file_meta
            names = {
                "sop_class_uid": meta.MediaStorageSOPClassUID,
                "sop_instance_uid": meta.MediaStorageSOPInstanceUID,
                "transfer_syntax_uid": meta.TransferSyntaxUID,
            }
            key = read_key(path.read_bytes(), **{name: str(uid) for name, uid in names.items()})
            stores.instances.keep(key, path.read_bytes(), calling_ae_title="XR1")
            uids.append(key.study_instance_uid)
        stores.engine.dispose()
        return uids

    return keep


def test_priors_find_says_what_is_compared_and_why_not(a_kept_pair, capsys):
    """The film would be compared with the earlier one, and the earlier one not with the later."""
    earlier, film = a_kept_pair()

    status, out, _ = run("priors", "find", film, "--json", capsys=capsys)
    (found,) = json.loads(out)["studies"]
    assert (0, earlier, True, ["own store"]) == (
        status,
        found["study_instance_uid"],
        found["is_compared"],
        found["found_in"],
    )
    status, out, _ = run("priors", "find", earlier, capsys=capsys)
    assert 0 == status
    assert "XR CHEST PA" in out
    assert "it is not earlier" in out
    assert "SYNTHETIC" not in out


def test_priors_find_tells_that_the_archive_is_silent(a_kept_pair, capsys):
    """What the own store holds is shown all the same."""
    port = free_port()
    peer = f'[send.destinations.pacs]\nae_title = "PACS"\nhost = "127.0.0.1"\nport = {port}\n'
    _, film = a_kept_pair(f'{peer}[priors]\narchive = "pacs"\nattempts = 1\n')

    status, out, _ = run("priors", "find", film, capsys=capsys)
    assert 0 == status
    assert "own store" in out
    assert f"the archive was not searched: no DICOM peer answers as PACS at 127.0.0.1:{port}" in out


def test_priors_find_needs_a_study_of_somebody(a_kept_pair, capsys):
    """One that is not kept is told so."""
    a_kept_pair()

    status, _, error = run("priors", "find", "1.2.3", capsys=capsys)
    assert 1 == status
    assert "there is no study 1.2.3" in one_sentence(error)


def test_priors_index_counts_what_it_took_in(a_kept_pair, capsys):
    """Studies of this release are in the index already."""
    a_kept_pair()

    assert (0, "0 instances added to the index of patients\n") == run("priors", "index", capsys=capsys)[:2]


@pytest.mark.parametrize(
    ("priors", "message"),
    [
        ('archive = "nobody"', "priors.archive names 'nobody', which is not a destination"),
        ('dicomweb = "pacs.example"', "priors.dicomweb must be a URL"),
        ('dicomweb = "https://pacs:http/dicom-web"', "priors.dicomweb must be a URL"),
        (
            'dicomweb = "http://pacs"\narchive = "p"\n[send.destinations.p]\nae_title="P"\nhost="p.example"\nport=1',
            "priors.archive and priors.dicomweb exclude each other",
        ),
        ('retrieve = "c-store"', "priors.retrieve"),
    ],
)
def test_wrong_settings_of_priors_are_told(a_settings_file, capsys, priors, message):
    """An archive that cannot be asked is found before the service starts."""
    a_settings_file(f"[priors]\n{priors}\n")

    status, _, error = run("config", "check", capsys=capsys)
    assert 2 == status
    assert message in one_sentence(error)
