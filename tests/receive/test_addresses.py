"""IPv4, IPv6 and both, in and out."""

from __future__ import annotations

import socket

import pytest
from helpers import a_data_set, free_port
from structlog.testing import capture_logs

from dicomnode.errors import PeerUnreachableError, SettingsError
from dicomnode.receive.address import check_listening, exposure
from dicomnode.send.echo import echo
from dicomnode.send.store_scu import StoreSCU, read_outgoing
from dicomnode.settings import Destination, ReceiveSettings, SendSettings


def has_ipv6() -> bool:
    """Whether this machine has an IPv6 loopback."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@needs_ipv6
@pytest.mark.parametrize(
    ("listens_on", "called"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("localhost", "127.0.0.1"),
        ("::1", "::1"),
        ("::", "::1"),
        ("::", "127.0.0.1"),
        ("", "::1"),
        ("", "127.0.0.1"),
        ("0.0.0.0", "localhost"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
    ],
)
def test_an_image_goes_out_and_comes_in_over_either_family(a_node, some_stores, tmp_path, listens_on, called):
    """Over IPv6 as over IPv4, over both where the settings say so; the log shows an IPv4 peer as such."""
    ds = a_data_set()
    ds.save_as(tmp_path / "film.dcm", enforce_file_format=True)
    check_listening(ReceiveSettings(host=listens_on, port=0))
    peer = a_node(host=listens_on).model_copy(update={"host": called})
    with capture_logs() as lines:
        outcomes = list(StoreSCU(peer, SendSettings()).send([read_outgoing(tmp_path / "film.dcm")]))

    assert [True] == [outcome.is_held for outcome in outcomes]
    assert 1 == len(some_stores.instances.in_study(ds.StudyInstanceUID))
    (accepted,) = [line for line in lines if line["event"] == "association accepted"]
    assert accepted["host"] in ({"::1"} if called == "::1" else {"127.0.0.1"})


@needs_ipv6
def test_an_ipv6_address_alone_takes_no_ipv4(a_node):
    """One address is one address."""
    peer = a_node(host="::1").model_copy(update={"host": "127.0.0.1"})

    with pytest.raises(PeerUnreachableError):
        echo(peer, SendSettings())


@needs_ipv6
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::ffff:127.0.0.1", "::FFFF:7f00:1"])
def test_an_address_of_this_machine_alone_is_exposed_to_nobody(host):
    """However it is written."""
    assert () == exposure(ReceiveSettings(host=host, port=0))


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", pytest.param("::1", marks=needs_ipv6), ""])
def test_a_port_that_is_taken_is_one_sentence(host):
    """The probe looks where the receiver will listen, and says who is in its way."""
    family, taken = (socket.AF_INET6, "::1") if host in ("::1", "") and has_ipv6() else (socket.AF_INET, "127.0.0.1")
    with socket.socket(family) as other:
        other.bind((taken, 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(
            SettingsError, match=rf"^receive: cannot listen on .*:{port}: another program uses this port$"
        ):
            check_listening(ReceiveSettings(host=host, port=port))


@pytest.mark.parametrize(
    ("host", "why"),
    [
        ("no-such-host.invalid", r"^receive.host: 'no-such-host.invalid' cannot be resolved: "),
        ("192.0.2.1", r"^receive: cannot listen on 192.0.2.1:\d+: this machine does not have this address"),
        ("2001:db8::1", r"^receive: cannot listen on \[2001:db8::1\]:\d+: this machine does not have this address"),
    ],
)
def test_an_address_that_is_not_ours_is_one_sentence(host, why):
    """Before the receiver starts."""
    with pytest.raises(SettingsError, match=why):
        check_listening(ReceiveSettings(host=host, port=free_port()))


@pytest.mark.parametrize("host", ["[::1]", "http://node", "a b", "10.0.0.1:104"])
def test_a_host_with_something_around_it_is_refused(host):
    """Of the receiver as of a destination."""
    with pytest.raises(ValueError, match="must be a host name or an address"):
        ReceiveSettings(host=host)
    with pytest.raises(ValueError, match="must be a host name or an address"):
        Destination(ae_title="PACS", host=host, port=104)
