"""AE titles in the settings, and who may call."""

from __future__ import annotations

from pathlib import Path

import pytest
from raw_peer import ACCEPTED, REJECTED, Peer

from dicomnode.errors import SettingsError
from dicomnode.receive.address import exposure
from dicomnode.settings import ReceiveSettings, load

PLACES = {
    "receive.ae_title": "[receive]\nae_title = {}",
    "receive.allowed_calling_ae_titles": "[receive]\nallowed_calling_ae_titles = [{}]",
    "send.ae_title": "[send]\nae_title = {}",
    "send.destinations.pacs.ae_title": '[send.destinations.pacs]\nhost = "pacs"\nport = 104\nae_title = {}',
}


def a_file(folder: Path, place: str, title: str) -> Path:
    """A settings file with one AE title in one place."""
    path = folder / "dicomnode.toml"
    path.write_text(PLACES[place].format(f'"{title}"'))
    return path


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("title", "why"),
    [
        ("SEVENTEEN_LETTERS", "has 17 characters; an AE title has 16 at most"),
        ("Röntgen", "holds 'ö'; an AE title holds ASCII characters"),
        ("CT\\\\1", "holds a backslash"),
        ("CT\\u00071", "holds the control character U+0007"),
        ("CT\\n", "holds the control character U+000A"),
        ("", "must not be blank"),
        ("   ", "must not be blank"),
    ],
)
def test_a_title_that_is_none_is_refused_by_key_value_and_reason(tmp_path, place, title, why):
    """Before the service starts, and not by a receiver that dies of it."""
    with pytest.raises(SettingsError) as refused:
        load(a_file(tmp_path, place, title), {})

    assert place in str(refused.value)
    assert why in str(refused.value)
    assert "got" in str(refused.value)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("title", ["SIXTEEN LETTERS!", "  CT1  ", "a", "[/A]", "CT 1"])
def test_blanks_around_a_title_do_not_count(tmp_path, place, title):
    """PS3.5 6.2: leading and trailing blanks are not significant, inner ones are."""
    settings = load(a_file(tmp_path, place, title), {})

    value = settings
    for name in place.split("."):
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    assert title.strip() == (value[0] if isinstance(value, tuple) else value)


@pytest.mark.parametrize(
    ("allowed", "calling", "answer"),
    [
        ((), "CT1", REJECTED),
        (("*",), "CT1", ACCEPTED),
        (("CT1",), "CT1", ACCEPTED),
        (("CT1",), "ct1", REJECTED),
        (("CT1",), "CT12", REJECTED),
        (("ER*",), "ER_CT", ACCEPTED),
        (("ER*",), "ER", ACCEPTED),
        (("ER*",), "CT_ER", REJECTED),
        (("CT?",), "CT1", ACCEPTED),
        (("CT?",), "CT", REJECTED),
        (("*.1", "[A]*"), "[A] x", ACCEPTED),
        (("CT.",), "CT1", REJECTED),
    ],
)
def test_the_list_says_who_may_call(a_node, allowed, calling, answer):
    """An empty list is nobody; * and ? are wild, nothing else is; upper and lower case differ."""
    with Peer(a_node(allowed_calling_ae_titles=allowed).port) as peer:
        assert answer == peer.associate(calling=calling.encode())


@pytest.mark.parametrize(
    ("host", "allowed", "says"),
    [
        ("127.0.0.1", ("*",), ""),
        ("localhost", ("*",), ""),
        ("::1", ("*",), ""),
        ("0.0.0.0", ("CT1",), ""),
        ("0.0.0.0", ("*",), "anybody who reaches 0.0.0.0:11112 may send"),
        ("::", ("CT1", "**"), "anybody who reaches [::]:11112 may send"),
        ("", ("*",), "anybody who reaches"),
        ("127.0.0.1", (), "the receiver rejects every association"),
    ],
)
def test_a_list_that_is_wide_open_or_closed_is_told(host, allowed, says):
    """Loopback lets nobody in from the network; elsewhere everybody is worth a warning, and so is nobody."""
    told = exposure(ReceiveSettings(host=host, allowed_calling_ae_titles=allowed))

    assert (says in told[0]) if says else told == ()


def test_nothing_listens_on_the_network_unless_the_settings_say_so():
    """The default is loopback."""
    assert "127.0.0.1" == ReceiveSettings().host
