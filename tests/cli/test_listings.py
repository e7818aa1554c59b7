"""What an administrator sees of studies, jobs and alerts, and what stays unseen."""

from __future__ import annotations

import datetime as dt
import json
import os
import sqlite3
from pathlib import Path

import pytest
from cli.test_commands import make_index, one_sentence, run
from helpers import a_data_set, a_told_finding
from store.test_catalogue import keep
from store.test_listing import LATER, add_job, answer, bring, deliveries

from dicomnode.cli import common
from dicomnode.cli.words import without_codes
from dicomnode.node.rooms import Stores, open_stores
from dicomnode.records import AlertContent, Progress
from dicomnode.settings import load

EVIL = "[/A][red]x\x1b[31m\x9b2J\u202egpj.exe\r\n\x07"
SEEN = r"[/A][red]x\x1b[31m\x9b2J\u202egpj.exe"


@pytest.fixture
def stores(a_settings_file) -> Stores:
    """The stores of the settings file that commands read."""
    return open_stores(load(a_settings_file(), {}))


def lists(capsys, noun: str, *options: str) -> str:
    """Standard output of a listing."""
    status, out, _ = run(noun, "list", *options, capsys=capsys)
    assert 0 == status
    return out


@pytest.mark.parametrize("noun", ["studies", "jobs", "alerts"])
def test_patients_are_shown_only_when_asked_for(stores, capsys, noun):
    """Neither table nor JSON names one without `--show-patients`; accession number and description are there."""
    finding = AlertContent(findings=(a_told_finding(),), model="m", model_version="1")
    answer(
        stores, "1.2.3", alerts={"ward": finding}, PatientName="Doe^Jane", PatientID="P-1", AccessionNumber="A-77",
        StudyDescription="Chest PA", StudyDate="20260105", PatientBirthDate="19500102", IssuerOfPatientID="HOSPITAL",
    )  # fmt: skip

    for options in ((), ("--wide",), ("--json",)):
        out = lists(capsys, noun, *options)
        assert not [word for word in ("doe", "p-1", "1950", "hospital") if word in out.casefold()]
        assert "A-77" in out
        assert "Chest PA" in out or (noun == "alerts" and not options)
    for options in (("--show-patients",), ("--show-patients", "--json", "--patient", "doe")):
        out = lists(capsys, noun, *options)
        assert "Doe^Jane" in out
        assert "P-1" in out
    status, _, err = run(noun, "list", "--patient", "Doe", capsys=capsys)
    assert 2 == status
    assert "needs --show-patients" in err


def test_of_mixed_patients_none_is_named(stores, capsys):
    """A study with images of two says so in place of a name."""
    for patient in ("One", "Two"):
        keep(stores, a_data_set(StudyInstanceUID="1.2.3", PatientName=patient, PatientID=patient))

    out = lists(capsys, "studies", "--show-patients")

    assert "2 patients mixed" in out
    assert not [name for name in ("One", "Two") if name in out]


@pytest.mark.parametrize(
    ("progress", "says"),
    [
        (Progress.WAITING, "waiting"),
        (Progress.READING, "reading"),
        (Progress.SENDING, "sending"),
        (Progress.DELIVERED, "delivered"),
        (Progress.PARTLY_DELIVERED, "partly delivered: 1 of 2 deliveries failed; pacs: no"),
        (Progress.DELIVERY_FAILED, "delivery failed: 2 of 2 deliveries failed; pacs: no"),
        (Progress.NOT_SENT, "not sent"),
        (Progress.FAILED, "failed: ZeroDivisionError"),
        (Progress.CANCELED, "canceled: by the operator"),
        (Progress.SUPERSEDED, "superseded: the study changed before it was read"),
        (Progress.REPLACED, "replaced: by job 1"),
        (Progress.WITHDRAWN, "withdrawn"),
    ],
)
def test_where_a_job_stands_is_said_in_words(stores, capsys, progress, says):
    """In `jobs list` and `jobs show`; neither says HELD of what was delivered, nor CANCELED of what failed."""
    bring(stores, progress)

    out, shown = lists(capsys, "jobs"), run("jobs", "show", "1", capsys=capsys)[1]

    assert says == out.splitlines()[1].split("  ")[-1].strip() or out.splitlines()[1].rstrip().endswith(f"  {says}")
    assert f"state: {says}\n" in shown
    assert not [word for word in ("HELD", "CANCELED", "QUARANTINED", "SCHEDULED") if word in out + shown]
    assert progress.words in lists(capsys, "studies")
    (row,) = json.loads(lists(capsys, "jobs", "--json", "--state", progress))
    assert (progress, True) == (row["progress"], row["state"] in ("SCHEDULED", "IN PROGRESS", "COMPLETED", "CANCELED"))


def test_a_pacs_that_is_down_is_the_reason_why_a_job_waits(stores, capsys):
    """`jobs list` names it, what it says, and when the next attempt is."""
    answer(stores, "1.2.3")
    at = dt.datetime.now(dt.UTC) + dt.timedelta(minutes=3)
    for delivery in deliveries(stores):
        stores.results.postpone(delivery, not_before=at, reason="PEER_UNREACHABLE: no DICOM peer answers as PACS")

    out = lists(capsys, "jobs")

    assert f"sending: pacs: no DICOM peer answers as PACS; next attempt {at.astimezone():%H:%M:%S}" in out


@pytest.mark.parametrize(
    ("reason", "reads"),
    [
        ("QUARANTINED: 1 of 2 failed; PACS: PEER_REFUSED: status A700", "1 of 2 failed; PACS: status A700"),
        ("QUARANTINED: 1 of 2 failed; STORAGE: STORAGE: x", "1 of 2 failed; STORAGE: STORAGE: x"),
        ("STORAGE: image file x cannot be read", "image file x cannot be read"),
        ("QUARANTINED: INTERNAL_ERROR: ZeroDivisionError", "ZeroDivisionError"),
        ("no longer in the settings", "no longer in the settings"),
        ("", ""),
    ],
)  # fmt: skip
def test_names_of_reasons_are_left_out(reason, reads):
    """A destination keeps its name, even one that is called as a reason is."""
    assert reads == without_codes(reason)


@pytest.mark.parametrize(("width", "has_time"), [(80, False), (120, True)])
def test_a_listing_fits_the_terminal(stores, capsys, monkeypatch, width, has_time):
    """Long text takes several lines there, and a narrow one does without the times; in a pipe a row is one line."""
    answer(stores, "1.2.3", AccessionNumber="A" * 16, StudyDescription="Thorax in zwei Ebenen im Stehen, lang")
    for delivery in deliveries(stores):
        stores.results.postpone(delivery, not_before=LATER, reason="PEER_UNREACHABLE: no DICOM peer answers as PACS")
    assert 2 == len(lists(capsys, "jobs").splitlines())

    monkeypatch.setattr(common, "out", common.PlainConsole(width=width, force_terminal=True, color_system=None))
    lines = lists(capsys, "jobs").splitlines()

    assert width >= max(len(line.rstrip()) for line in lines)
    assert 2 < len(lines)
    assert has_time == ("received" in "".join(lines))
    for part in ("A" * 16, "Thorax", "findings", "sending", "answers"):
        assert part in "".join(lines)


def test_a_limit_is_told(stores, capsys):
    """Without it the first fifty rows are shown, and how many there are beside."""
    for number in range(3):
        add_job(stores, f"1.2.{number}")

    for noun in ("studies", "jobs"):
        status, out, err = run(noun, "list", "--limit", "1", capsys=capsys)
        assert (0, 2) == (status, len(out.splitlines()))
        assert "2 more; --limit 0 shows all" in err
        assert 4 == len(lists(capsys, noun, "--limit", "0").splitlines())


def test_a_study_is_called_by_accession_number_uid_or_job(stores, capsys):
    """Of several jobs the newest is shown; a number that several studies have is answered with their UIDs."""
    add_job(stores, "1.2.3", AccessionNumber="A1")
    add_job(stores, "1.2.4", AccessionNumber="2")
    for target, job in (("A1", 1), ("1.2.3", 1), ("1", 1), ("2", 2)):
        assert job == json.loads(run("jobs", "show", target, "--json", capsys=capsys)[1])["id"]
    for target, study in (("A1", "1.2.3"), ("1.2.4", "1.2.4"), ("1", "1.2.3"), ("2", "1.2.4")):
        shown = json.loads(run("studies", "show", target, "--json", capsys=capsys)[1])
        assert study == shown["study_instance_uid"]
    add_job(stores, "1.2.5", AccessionNumber="A1")
    status, _, err = run("studies", "show", "A1", capsys=capsys)
    assert 1 == status
    assert "2 studies have the accession number A1; name one: 1.2.5, 1.2.3" in one_sentence(err)


@pytest.mark.parametrize(
    ("option", "written", "found"),
    [
        ("--since", "1h", True),
        ("--until", "1h", False),
        ("--since", "today", None),
        ("--since", "99999999999d", None),
        ("--until", "0001-01-01", False),
        ("--since", "DATE", True),
        ("--until", "DATE", True),
        ("--since", "2999-01-01", False),
    ],
)
def test_a_time_is_a_date_or_an_age(stores, capsys, option, written, found):
    """A date ends a range with its last moment; anything else is a wrong command line."""
    keep(stores, a_data_set())
    written = written.replace("DATE", dt.datetime.now().astimezone().strftime("%Y-%m-%d"))

    status, out, err = run("studies", "list", option, written, capsys=capsys)

    if found is None:
        assert 2 == status
        assert "is not a date" in err
    else:
        assert (0, found) == (status, "receiving" in out)


@pytest.mark.parametrize("options", [(), ("--wide",), ("--json",)])
def test_text_from_outside_neither_formats_nor_drives_the_terminal(stores, capsys, monkeypatch, options):
    """Markup is shown as it is; control characters and marks of direction are written out, wherever they come from."""
    monkeypatch.setattr("pydicom.config.settings._writing_validation_mode", 0)
    keep(
        stores,
        a_data_set(StudyInstanceUID="1.2.3", StudyDescription=EVIL, AccessionNumber="[/A]", PatientName=EVIL),
        peer=EVIL,
    )
    add_job(stores, "1.2.3")
    stores.jobs.cancel(1, reason=f"QUARANTINED: {EVIL}", now=LATER)

    asked = [("studies", "list"), ("jobs", "list"), ("studies", "show", "1.2.3"), ("jobs", "show", "1")]
    for words in asked[:2] if options == ("--wide",) else asked:
        status, out, _ = run(*words, *options, "--show-patients", capsys=capsys)
        assert 0 == status
        assert not [one for one in out if one != "\n" and (ord(one) < 32 or 0x7F <= ord(one) < 0xA0 or one == "\u202e")]
        seen = SEEN.replace("\\x", r"\u00") if options == ("--json",) else SEEN
        assert seen in out
    (row,) = json.loads(run("studies", "list", "--json", capsys=capsys)[1])
    assert EVIL.strip() == row["description"]


def test_a_file_name_that_is_no_text_is_printed(a_node, tmp_path, capsysbinary):
    """A name that is not UTF-8, or drives a terminal, is written out in what went wrong."""
    from dicomnode.cli.main import main

    node = a_node()
    folder = tmp_path / "cd"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff\x1b[31m.dcm")).write_bytes(bytes(128) + b"DICM")

    assert 1 == main(["send", str(folder), "--to", f"{node.ae_title}@{node.host}:{node.port}"])

    assert rb"\udcff\x1b[31m.dcm" in capsysbinary.readouterr().out


def test_the_hint_for_destinations_is_whole(a_settings_file, capsys):
    """What stands in brackets in a message is no markup."""
    a_settings_file()
    assert (
        "no destinations: see [send.destinations.NAME] in the settings" in run("destinations", "list", capsys=capsys)[2]
    )


WRITING = [
    ("jobs", "retry", "1"),
    ("jobs", "cancel", "1"),
    ("jobs", "resend", "1"),
    ("jobs", "reread", "1"),
    ("jobs", "withdraw", "1"),
    ("studies", "correct", "1.2.3"),
    ("priors", "index"),
    ("alerts", "retry", "1"),
]
LOOKING = [("jobs", "list"), ("studies", "list"), ("alerts", "list"), ("jobs", "show", "1"), ("studies", "conflicts")]


@pytest.mark.parametrize(
    ("words", "content"),
    [
        *((words, b"no database" * 200) for words in (*WRITING, *LOOKING)),
        *((words, b"SQLite format 3\0" + bytes(4000)) for words in (*WRITING, *LOOKING)),
        *((words, b"") for words in LOOKING),  # who writes takes an empty file for a new database
    ],
)
def test_an_index_that_is_none_is_one_sentence(a_settings_file, capsys, tmp_path, words, content):
    """It names the file and says what to do; nothing is overwritten by looking."""
    make_index(a_settings_file())
    index = tmp_path / "data" / "index.sqlite3"
    for path in index.parent.glob("index.sqlite3*"):
        path.unlink()
    index.write_bytes(content)

    status, _, err = run(*words, capsys=capsys)

    assert 1 == status
    assert (f"{index}: the file is " if content else "the index is empty") in one_sentence(err)
    assert content == index.read_bytes()


@pytest.mark.parametrize("words", [words for words in WRITING if words[1] in ("retry", "cancel", "index")])
def test_a_locked_index_is_one_sentence(a_settings_file, capsys, tmp_path, monkeypatch, words):
    """Another program that holds it for too long is told of, not waited for."""
    monkeypatch.setattr("dicomnode.store.engine.BUSY_TIMEOUT_S", 0)
    stores = open_stores(load(a_settings_file(), {}))
    bring(stores, Progress.DELIVERY_FAILED)
    other = sqlite3.connect(tmp_path / "data" / "index.sqlite3")
    other.execute("BEGIN IMMEDIATE")

    status, _, err = run(*words, capsys=capsys)
    other.close()

    assert 1 == status
    assert "index.sqlite3: another process has it locked" in one_sentence(err)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.parametrize("words", [*WRITING, *LOOKING])
@pytest.mark.parametrize("mode", ["readable", "closed"])
def test_without_permission_a_sentence_names_path_user_and_owner(a_settings_file, capfd, tmp_path, words, mode):
    """Whoever may not write, or not even look, is told whose the data folder is; nothing is made."""
    stores = open_stores(load(a_settings_file(), {}))
    bring(stores, Progress.DELIVERY_FAILED)
    stores.engine.dispose()
    _open_up(tmp_path, 0o755 if mode == "readable" else 0o700)
    before = sorted(tmp_path.rglob("*"))

    status = _as_nobody([*words])

    err = capfd.readouterr().err
    assert before == sorted(tmp_path.rglob("*"))
    if mode == "readable" and words in LOOKING:
        assert 0 == status, err
        return
    assert 1 == status, err
    sentence = one_sentence(err)
    assert "this is user nobody; " in sentence
    assert sentence.endswith(f"{tmp_path / 'data'}{'/index.sqlite3' if mode == 'readable' else ''} belongs to root)")


def _open_up(tmp_path: Path, mode: int) -> None:
    """Let everybody reach the data folder, but not what is in it unless it is opened."""
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.geteuid() and folder not in (Path("/"), Path("/tmp")):
            folder.chmod(0o755)
    for path in (tmp_path / "data").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    (tmp_path / "data").chmod(mode)


def _as_nobody(words: list[str]) -> int:
    """Run a command in a process that belongs to nobody; returns its status.

    What it needs is loaded before: where Python itself lies may be closed to others.
    """
    import pwd

    import dicomnode.cli.app
    import dicomnode.node.again
    import dicomnode.node.withdrawing
    import dicomnode.store.listing
    import dicomnode.store.withdrawals  # noqa: F401

    assert dicomnode.cli.app.app
    "host".encode("idna")

    child = os.fork()
    if child == 0:
        os.setgid(pwd.getpwnam("nobody").pw_gid)
        os.setuid(pwd.getpwnam("nobody").pw_uid)
        from dicomnode.cli.main import main

        os._exit(main(words))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
