"""`config check` and `serve` find the same faults."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import free_port
from tiny_bundle import write_tiny_bundle

from dicomnode.cli.main import main
from dicomnode.errors import SettingsError
from dicomnode.node import checks
from dicomnode.node.check_routes import covers
from dicomnode.node.checks import Level
from dicomnode.settings import Conditions, load

RULE = '[[rules]]\nname = "chest"\nbundle = "chest"\n[rules.when]\nmodality = ["DX"]\n'


@pytest.fixture
def a_file(tmp_path, monkeypatch) -> Callable[..., Path]:
    """Write settings that are right but for what a test adds."""
    monkeypatch.setenv("TZ", "UTC")
    monkeypatch.chdir(tmp_path)

    def write(extra: str = "", *, receive: str = "", infer: str = "", rules: str = RULE) -> Path:
        if not (tmp_path / "chest").exists():
            write_tiny_bundle(tmp_path / "chest")
        path = tmp_path / "node.toml"
        host = "" if "host" in receive else 'host = "127.0.0.1"\n'
        port = "" if "port" in receive else f"port = {free_port()}\n"
        bundles = "" if "bundles" in infer else 'bundles = ["./chest"]\n'
        store = "" if "[store]" in extra else "[store]\ndata_dir = 'data'\n"
        path.write_text(f"{store}[receive]\n{host}{port}{receive}\n[infer]\n{bundles}{infer}\n{extra}\n{rules}")
        return path

    return write


def peer(name: str, host: str = "192.0.2.1", port: int = 104, title: str = "PACS", more: str = "") -> str:
    """A destination in a settings file."""
    return f'[send.destinations.{name}]\nae_title = "{title}"\nhost = "{host}"\nport = {port}\n{more}\n'


BROKEN = {
    "missing bundle": {"infer": 'bundles = ["./chest", "./gone"]'},
    "bundle too large": {"infer": "memory_limit_mb = 1"},
    "rule of an unknown bundle": {"rules": RULE + '[[rules]]\nname = "x"\nbundle = "gone"\nwhen.modality = ["CT"]\n'},
    "ensemble of an unknown bundle": {"infer": 'ensembles = {gone = ["./chest"]}'},
    "no GPU": {"infer": 'provider = "cuda"'},
    "unknown language": {"extra": '[report]\nlanguages = ["tlh"]'},
    "unknown method": {"extra": '[explain]\nmethod = "magic"'},
    "missing font": {"extra": '[compose]\nfont = "gone.ttf"'},
    "translation model that is none": {"extra": '[report]\ntranslation_models = {en = "gone"}'},
    "recommendation for nothing": {"extra": '[report.recommendations.gout]\nen = "Rest."'},
    "driver that is missing": {"extra": '[store]\ndata_dir = "d"\ndatabase_url = "postgresql+psycopg2://h/d"'},
    "database of another kind": {"extra": '[store]\ndata_dir = "d"\ndatabase_url = "mysql://h/d"'},
    "no database URL": {"extra": '[store]\ndata_dir = "d"\ndatabase_url = "h/d"'},
    "database in memory": {"extra": '[store]\ndata_dir = "d"\ndatabase_url = "sqlite://"'},
    "database in memory, named": {"extra": '[store]\ndata_dir = "d"\ndatabase_url = "sqlite:///:memory:"'},
    "database in memory, as a URI": {
        "extra": '[store]\ndata_dir = "d"\ndatabase_url = "sqlite:///file:x?mode=memory&uri=true"'
    },
    "another driver for SQLite": {"extra": '[store]\ndata_dir = "d"\ndatabase_url = "sqlite+aiosqlite:///x"'},
    "database that is a folder": {"extra": '[store]\ndata_dir = "d"\ndatabase_url = "sqlite:////tmp"'},
    "database that is down": {"extra": '[store]\ndata_dir = "d"\ndatabase_url = "postgresql://u@127.0.0.1:1/d"'},
    "data folder that is a file": {"extra": '[store]\ndata_dir = "node.toml"'},
    "address of another machine": {"receive": 'host = "192.0.2.77"'},
    "IPv6 address of another machine": {"receive": 'host = "2001:db8::77"'},
    "missing secret": {"extra": '[send.alerts.c]\nkind = "webhook"\nurl = "https://h.example/"\nsecret_file = "gone"'},
    "certificate that is none": {"extra": '[send.alerts.c]\nkind = "hl7"\nhost = "h"\nport = 1\nca_file = "node.toml"'},
    "unknown destination": {"rules": RULE.replace("[rules.when]", 'destinations = ["gone"]\n[rules.when]')},
    "AE title of 17 characters": {"receive": 'ae_title = "ABCDEFGHIJKLMNOPQ"'},
    "sender with an umlaut": {"receive": 'allowed_calling_ae_titles = ["RÖNTGEN"]'},
    "sender without a name": {"receive": 'allowed_calling_ae_titles = [""]'},
    "unknown key": {"extra": "[log]\nlevle = 'info'"},
}


def errors_of(*words: str, capsys) -> list[str]:
    """The errors that a command ends with, which has exit status 2."""
    assert 2 == main(words)
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]


def started(path: Path) -> None:
    """What `serve` asks of the settings: before it listens, and once it does."""
    settings = load(path)
    checks.require(settings, checks.machine())
    checks.require(settings, checks.routes_and_models())


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
def test_what_serve_requires_is_what_config_check_reports(a_file, capsys, broken):
    """Whatever is broken: one error with exit status 2, and what `serve` calls before it works raises the same."""
    path = a_file(**broken)

    checked = errors_of("config", "check", "--settings", str(path), capsys=capsys)

    with pytest.raises(SettingsError) as refused:
        started(path)
    assert [f"error: {refused.value}"] == checked


@pytest.mark.parametrize(
    "kind", ["database that is down", "address of another machine", "missing bundle", "unknown key"]
)
def test_serve_refuses_with_the_sentence_of_config_check(a_file, capsys, kind):
    """A whole `serve`, stopped by what it checks before it listens, and by what it checks once it does."""
    path = str(a_file(**BROKEN[kind]))

    checked = errors_of("config", "check", "--settings", path, capsys=capsys)

    assert 1 == len(checked)
    assert checked == errors_of("serve", "--settings", path, capsys=capsys)


def test_all_errors_are_told_at_once(a_file, capsys):
    """Mistakes in the file and faults of the machine, together."""
    path = str(
        a_file(
            '[report]\nlanguages = ["tlh"]\n[explain]\nmethod = "magic"\n[log]\nlevle = "info"\n',
            receive='host = "192.0.2.77"',
            infer='bundles = ["./chest", "./gone"]',
        )
    )

    assert 2 == main(["config", "check", "--json", "--settings", path])
    told = json.loads(capsys.readouterr().out)

    assert (path, False) == (told["file"], told["is_right"])
    settings = {one["setting"] for one in told["found"] if one["level"] == "error"}
    assert {"report.languages", "explain", "log.levle", "receive.host", "infer.bundles"} == settings


def test_a_port_in_use_is_an_error(a_file, capsys):
    """On IPv4 and, where the machine has it, on IPv6."""
    for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)):
        with socket.socket(family) as taken:
            try:
                taken.bind((host, 0))
            except OSError:
                continue  # no IPv6 here
            taken.listen()
            path = a_file(receive=f'host = "{host}"\nport = {taken.getsockname()[1]}')
            assert 2 == main(["config", "check", "--settings", str(path)])
            assert "another program uses this port" in capsys.readouterr().err


def remarks(path: Path) -> dict[str, Level]:
    """What the checks say beside errors."""
    found = checks.check(load(path, {}))
    assert [] == [one.says for one in found if one.level is Level.ERROR]
    return {one.says: one.level for one in found}


@pytest.mark.parametrize(
    ("parts", "level", "says"),
    [
        ({"receive": "allowed_calling_ae_titles = []"}, Level.WARNING, "the receiver rejects every association"),
        ({}, Level.NOTE, "no destination is set, so results stay in the data folder"),
        (
            {"receive": 'host = "0.0.0.0"\nallowed_calling_ae_titles = ["*"]'},
            Level.WARNING,
            "anybody who reaches 0.0.0.0:",
        ),
        (
            {"extra": peer("a") + peer("b")},
            Level.WARNING,
            "send.destinations.b is the same peer as",
        ),
        ({"extra": peer("a", more="is_default = false")}, Level.WARNING, "are sent nowhere: chest"),
        (
            {"rules": '[[rules]]\nname = "all"\nbundle = "chest"\n' + RULE},
            Level.WARNING,
            "rules.chest can never match: every study that it matches is taken by rule 'all'",
        ),
        ({"rules": RULE + RULE}, Level.WARNING, "several rules are named 'chest'"),
        (
            {
                "receive": 'allowed_calling_ae_titles = ["CT1"]',
                "rules": RULE + 'calling_ae_title = ["XR1"]\n',
            },
            Level.WARNING,
            "rules.chest can never match: receive.allowed_calling_ae_titles admits none of XR1",
        ),
        ({"rules": ""}, Level.WARNING, "there is no routing rule, so no study is read"),
        (
            {"receive": "minimum_free_bytes = 1000000000000000000"},
            Level.WARNING,
            "the node refuses every image (status 0xA700)",
        ),
        ({"extra": '[report]\nlanguages = ["en", "zh"]'}, Level.WARNING, "has no letters for 'zh'"),
        ({"infer": "workers = 4000"}, Level.WARNING, "set infer.workers to a lower number"),
    ],
)
def test_what_is_probably_not_meant_is_told(a_file, parts, level, says):
    """Warnings and notes keep nothing from starting."""
    assert [level] == [of_it for text, of_it in remarks(a_file(**parts)).items() if says in text]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
@pytest.mark.parametrize("listening", ["127.0.0.1", "0.0.0.0"])
def test_a_destination_that_is_the_node_itself_is_an_error(a_file, host, listening):
    """Results would go round in a circle; another port of this machine is another program."""
    port = free_port()
    receive = f'host = "{listening}"\nport = {port}\nallowed_calling_ae_titles = ["A"]'
    found = checks.check(load(a_file(peer("me", host, port), receive=receive), {}))

    assert [f"send.destinations.me: {host}:{port} is this node itself; results would never reach a PACS"] == [
        one.says for one in found if one.level is Level.ERROR
    ]
    assert remarks(a_file(peer("other", host, free_port()), receive=receive)) is not None


@pytest.mark.parametrize(
    ("earlier", "later", "is_covered"),
    [
        ({}, {"modality": ("CT",)}, True),
        ({"modality": ("C*",)}, {"modality": ("CT", "CR")}, True),
        ({"modality": ("CT",)}, {"modality": ("CT", "CR")}, False),
        ({"modality": ("CT",)}, {"modality": ("ct",), "body_part": ("HEAD",)}, True),
        ({"modality": ("CT",), "body_part": ("HEAD",)}, {"modality": ("CT",)}, False),
        ({"region": ("chest",)}, {"region": ("chest",), "modality": ("DX",)}, True),
        ({"description": ("*thorax*",)}, {"description": ("*thorax pa*",)}, False),
        ({"body_part": ("*",)}, {"modality": ("CT",)}, False),
        ({"body_part": ("*",)}, {"body_part": ("C*",)}, True),
        ({"header": {"StationName": ("A",)}}, {"header": {"StationName": ("A",)}}, True),
        ({"header": {"StationName": ("A",)}}, {}, False),
    ],
)
def test_a_rule_is_shadowed_only_where_that_is_sure(earlier, later, is_covered):
    """A pattern that might match more than another one is no reason for a warning."""
    assert is_covered == covers(Conditions(**earlier), Conditions(**later))


def test_a_running_service_is_a_note_not_an_error(a_file, capsys, tmp_path):
    """Settings are checked beside the service that uses them: its port is not in use by somebody else."""
    from dicomnode.node.rooms import exclusive

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        path = a_file(receive=f"port = {taken.getsockname()[1]}")
        with exclusive(tmp_path / "data"):
            assert 0 == main(["config", "check", "--settings", str(path)])
        said = capsys.readouterr().err

    assert f"note: a dicomnode service (process {os.getpid()}) is using {tmp_path}/data" in said


@pytest.mark.parametrize(
    ("revision", "status", "says"),
    [
        ("9999", 2, "error: store.database_url: the database was made by a newer"),
        ("0001", 0, "`dicomnode serve` upgrades"),
    ],
)
def test_a_database_of_another_release_is_told(a_file, capsys, tmp_path, revision, status, says):
    """A newer one is an error, an older one will be upgraded; neither is touched."""
    import sqlalchemy as sa

    from dicomnode.node.rooms import open_stores

    path = a_file()
    stores = open_stores(load(path, {}))
    with stores.engine.begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = :new"), {"new": revision})
    stores.engine.dispose()
    before = (tmp_path / "data" / "index.sqlite3").read_bytes()

    assert status == main(["config", "check", "--settings", str(path)])

    assert says in capsys.readouterr().err
    assert before == (tmp_path / "data" / "index.sqlite3").read_bytes()


def test_checking_makes_nothing(a_file, capsys, tmp_path):
    """Neither data folder nor database."""
    path = a_file()
    before = sorted(tmp_path.rglob("*"))

    assert 0 == main(["config", "check", "--settings", str(path)])

    assert before == sorted(tmp_path.rglob("*"))


def test_the_checked_file_is_named(a_file, capsys, tmp_path, monkeypatch):
    """By its whole path; where there is none, that is said, and a file beside it that is not read."""
    path = a_file()
    main(["config", "check", "--settings", "node.toml"])
    assert f"checked {path}: the settings are right" in capsys.readouterr().err

    monkeypatch.setenv("DICOMNODE_INFER__BUNDLES", "[]")
    monkeypatch.setattr("dicomnode.settings.place.find_settings.__defaults__", ((Path("dicomnode.toml"),),))
    monkeypatch.setattr("dicomnode.settings.place.others.__defaults__", ((Path("dicomnode.toml"),),))
    main(["config", "check"])
    assert "there is no settings file: checked the defaults" in capsys.readouterr().err

    (tmp_path / "dicomnode.toml").touch()
    main(["config", "check", "--settings", "node.toml"])
    assert f"note: {tmp_path}/dicomnode.toml also exists and is not read" in capsys.readouterr().err
    main(["config", "check"])
    assert f"checked {tmp_path}/dicomnode.toml" in capsys.readouterr().err


def test_echo_asks_every_destination(a_file, a_node, capsys):
    """One that does not answer is a warning: the node keeps its results until it does."""
    node = a_node()
    path = a_file(peer("there", node.host, node.port, node.ae_title) + peer("away", "127.0.0.1", free_port()))

    assert 0 == main(["config", "check", "--echo", "--settings", str(path)])

    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: send.destinations")]
    assert ["warning: send.destinations.away: no DICOM peer answers as PACS"] == [
        one.partition(" at ")[0] for one in warnings
    ]


def test_a_folder_that_may_not_be_written_is_an_error():
    """As root everything may be written, so another user checks."""
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    program = (
        "import os; from pathlib import Path; from dicomnode.node.check_machine import folder_fault; os.setuid(65534)\n"
        "print(folder_fault(Path('/var/lib/x/data')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd="/")

    assert "/var/lib/x/data cannot be made in /var/lib: no write permission for user nobody\n" == done.stdout, (
        done.stderr
    )
