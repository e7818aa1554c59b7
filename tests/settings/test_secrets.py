"""Nothing secret is printed: not by commands, not in errors, not in logs."""

from __future__ import annotations

import json
import pickle
from contextlib import suppress
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicomnode.cli.main import main
from dicomnode.errors import SettingsError
from dicomnode.node import checks
from dicomnode.redaction import redacted
from dicomnode.settings import Settings, StoreSettings, load
from dicomnode.settings.mistakes import is_secret
from dicomnode.store.engine import open_engine, revisions

SECRET = "hunter2-S3CR3T"
HOLDERS = {
    "store.database_url": f'[store]\ndatabase_url = "postgresql://node:{SECRET}@127.0.0.1:1/dicomnode"\n',
    "store.database_url, query": f'[store]\ndatabase_url = "postgresql://127.0.0.1:1/x?password={SECRET}"\n',
    "priors.dicomweb": f'[priors]\ndicomweb = "https://node:{SECRET}@pacs.example/dicom-web"\n',
    "priors.dicomweb, token": f'[priors]\ndicomweb = "https://{SECRET}@pacs.example/dicom-web"\n',
    "priors.dicomweb, query": f'[priors]\ndicomweb = "https://pacs.example/dicom-web?k={SECRET}"\n',
    "webhook, path": f'[send.alerts.c]\nkind = "webhook"\nurl = "https://hooks.example/services/{SECRET}"\n',
    "webhook, query": f'[send.alerts.c]\nkind = "webhook"\nurl = "https://hooks.example/?sig={SECRET}"\n',
}
WRONG = {
    "unused extra key": f'[send.alerts.c]\nkind = "webhook"\nurl = "https://h.example/"\nsecret = "{SECRET}"\n',
    "unknown password": f'[store]\npassword = "{SECRET}"\n',
    "mistyped key": f'[store]\ndatabase_ur = "postgresql://node:{SECRET}@h/d"\n',
    "database_url in the wrong table": f'database_url = "postgresql://node:{SECRET}@h/d"\n',
    "a list for a URL": f'[store]\ndatabase_url = ["postgresql://node:{SECRET}@h/d"]\n',
    "a table for a URL": f'[store.database_url]\npassword = "{SECRET}"\n',
    "a webhook with a password": f'[send.alerts.c]\nkind = "webhook"\nurl = "https://u:{SECRET}@h.example/"\n',
    "a webhook with a fragment": f'[send.alerts.c]\nkind = "webhook"\nurl = "https://h.example/#{SECRET}"\n',
    "a webhook without a host": f'[send.alerts.c]\nkind = "webhook"\nurl = "{SECRET}"\n',
    "patient data over http": f'[send.alerts.c]\nkind = "webhook"\npatient_data = true\nurl = "http://h/{SECRET}"\n',
    "a secret in two places": f'[send.alerts.c]\nkind = "webhook"\nurl = "https://h/{SECRET}"\nsecret_file = "f"\n'
    f'secret_variable = "X"\n',
    "a URL for a channel": f'[send.alerts]\nchat = "https://h/{SECRET}"\n',
    "a text for all channels": f'[send]\nalerts = "chat = https://h/{SECRET}"\n',
    "a text for a table": f'store = "{SECRET}"\n',
    "a channel of no kind": f'[send.alerts.c]\nurl = "https://h/{SECRET}"\n',
    "a port that is none": f'[priors]\ndicomweb = "https://node:{SECRET}@pacs:http/dicom-web"\n',
    "a password in a host": f'[send.alerts.m]\nkind = "email"\nhost = "smtp://u:{SECRET}@mail"\nsender = "a@b"\n'
    'recipients = ["c@d"]\n',
    "two archives": f'[priors]\narchive = "a"\ndicomweb = "https://node:{SECRET}@pacs/"\n',
    "a password with a colon and a slash": f'[store]\ndatabase_url = "postgresql://u:a:{SECRET}/b@127.0.0.1:x1/d"\n',
    "a driver that is none": f'[store]\ndatabase_url = "postgresql+none://u:{SECRET}@h/d"\n',
    "a database that is down": f'[store]\ndatabase_url = "postgresql://u:{SECRET}@127.0.0.1:1/d"\n',
}


@pytest.fixture(autouse=True)
def _no_bundles(monkeypatch):
    """Models are not what is checked here."""
    monkeypatch.setenv("DICOMNODE_INFER__BUNDLES", "[]")


def a_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "dicomnode.toml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("text", HOLDERS.values(), ids=HOLDERS)
def test_what_is_shown_holds_no_secret(tmp_path, capsys, text):
    """`config show`, as text and as JSON, and the settings printed or dumped in any way."""
    path = a_file(tmp_path, text)

    assert 0 == main(["config", "show", "--settings", path])
    assert 0 == main(["config", "show", "--json", "--settings", path])
    settings = load(Path(path), {})

    shown = "".join(capsys.readouterr())
    assert "example" in shown or "127.0.0.1" in shown, "the host helps, and is no secret"
    for text_of_it in (shown, str(settings), repr(settings), settings.model_dump_json(), str(settings.model_dump())):
        assert SECRET not in text_of_it
    assert settings == pickle.loads(pickle.dumps(settings)), "processes get the whole value"
    assert SECRET.encode() in pickle.dumps(settings)


@pytest.mark.parametrize("text", [*HOLDERS.values(), *WRONG.values()], ids=[*HOLDERS, *WRONG])
def test_no_error_quotes_a_secret(tmp_path, capsys, text):
    """Whatever is wrong with the settings: validation, URL, driver, database."""
    path = a_file(tmp_path, f"{text}\n")

    main(["config", "check", "--settings", path])
    main(["config", "check", "--json", "--settings", path])
    with suppress(SettingsError):  # whose text is that of the command above
        assert SECRET not in str(checks.require(load(Path(path))))

    said = "".join(capsys.readouterr())
    assert SECRET not in said
    assert "dicomnode.toml" in said


def test_a_mistake_in_the_environment_quotes_no_secret(monkeypatch, capsys):
    """A password in a variable is no better than one in the file."""
    monkeypatch.setenv("DICOMNODE_STORE__DATABASE_URL", f"['postgresql://u:{SECRET}@h/d']")
    monkeypatch.setenv("DICOMNODE_STORE__PASSWORD", SECRET)

    assert 2 == main(["config", "check"])
    said = capsys.readouterr().err
    assert SECRET not in said
    assert "environment variable DICOMNODE_STORE__PASSWORD" in said


PASSWORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=20).filter(
    lambda word: not word.isalnum() or not any(word.casefold() in text for text in ("postgresql", "password"))
)


@given(PASSWORDS, st.booleans())
def test_no_database_error_quotes_a_password(word: str, is_quoted: bool):  # noqa: FBT001
    """Any password, written into the URL as it should be or as people do."""
    url = f"postgresql://node:{quote(word, safe='') if is_quoted else word}@[::1]:1x/db"
    settings = StoreSettings(data_dir=Path("/nonexistent"), database_url=url)

    with pytest.raises(SettingsError) as failed:
        revisions(settings)

    assert word not in str(failed.value)
    assert word not in repr(settings)


@given(PASSWORDS)
def test_a_log_line_quotes_no_password_of_a_url(word: str):
    """A library that logs the URL it was given, or a driver its parameters."""
    safe = word.replace("'", "x").replace("\\", "x")
    assert word not in redacted(f"cannot reach https://node:{quote(word, safe='')}@pacs.example/x")
    assert safe not in redacted(f"connecting with {{'password': '{safe}', 'host': 'db'}}")


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://node@db/dicomnode",
        "no association with PACS@10.0.0.1:104",
        "study 1.2.840.113619 at 12:30:11, AE STORE_SCP: exit code=1",
        'password authentication failed for user "node"',
        "secret_file /etc/dicomnode/key cannot be read as text",
    ],
)
def test_what_is_no_secret_stays(text):
    """Operators need the rest."""
    assert text == redacted(text)


def test_the_log_masks_what_a_driver_quotes(monkeypatch):
    """Every value of an event passes through the redaction, whoever wrote it."""
    import structlog

    from dicomnode import logs

    stream = StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure(level="info", output="json")
    try:
        structlog.get_logger().warning("database", why=f"could not connect to postgresql://u:{SECRET}@db/x")
    finally:
        structlog.reset_defaults()

    assert SECRET not in stream.getvalue()
    assert "postgresql://u:***@db/x" == json.loads(stream.getvalue())["why"].removeprefix("could not connect to ")


def test_every_url_of_the_settings_is_a_secret_one():
    """A setting that is added later and holds a URL must not be a plain text."""
    assert is_secret(("store", "database_url"))
    assert is_secret(("priors", "dicomweb"))
    assert is_secret(("send", "alerts", "x", "url"))
    assert not is_secret(("receive", "host"))
    schema = json.dumps(Settings.model_json_schema())
    assert 1 == schema.count('"url": {'), "a second webhook? make its url a secret and name it here"


def test_a_wrong_database_is_one_sentence_for_reader_and_service(tmp_path):
    """`open_engine` and `revisions` say the same."""
    settings = StoreSettings(data_dir=tmp_path, database_url=f"postgresql://u:{SECRET}@127.0.0.1:1/d")
    said = []
    for ask in (open_engine, revisions):
        with pytest.raises(SettingsError) as failed:
            ask(settings)
        said.append(str(failed.value))

    assert said[0] == said[1]
    assert "the database does not answer" in said[0]
