"""The address on which the receiver listens."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from typing import Any

from dicomnode.errors import SettingsError
from dicomnode.settings import ReceiveSettings

_EVERYWHERE_IPV4, _EVERYWHERE_IPV6 = "0.0.0.0", "::"  # noqa: S104  # only where the settings ask for it
_MAPPED = "::ffff:"


def listening_address(settings: ReceiveSettings) -> tuple[Any, ...]:
    """Socket address to bind: IPv4 where the host has such an address, else IPv6; an empty host is every address.

    Raises
    ------
    SettingsError
        If the host cannot be resolved.
    """
    host = settings.host or (_EVERYWHERE_IPV6 if _has_ipv6() else _EVERYWHERE_IPV4)
    try:
        found = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "it is not a host name"
        raise SettingsError(f"receive.host: {host!r} cannot be resolved: {why}") from None
    by_family = {family: address for family, _, _, _, address in reversed(found)}
    address: tuple[Any, ...] = by_family.get(socket.AF_INET) or by_family[socket.AF_INET6]
    if (ipv4 := peer_address(address[0])) != address[0]:  # pynetdicom cannot listen on IPv4 written as IPv6
        return ipv4, address[1]
    return address


def check_listening(settings: ReceiveSettings) -> None:
    """Bind the address for a moment, as the receiver will.

    Raises
    ------
    SettingsError
        If the receiver cannot listen there.
    """
    address = listening_address(settings)
    with socket.socket(family_of(address)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        accept_both_families(probe, address)
        try:
            probe.bind(address)
        except OSError as error:
            raise SettingsError(f"receive: cannot listen on {shown(address)}: {_reason(error)}") from None


def _reason(error: OSError) -> str:
    reasons = {
        errno.EADDRINUSE: "another program uses this port",
        errno.EADDRNOTAVAIL: "this machine does not have this address (receive.host)",
        errno.EACCES: "the system does not allow this user to listen on this port",
    }
    return reasons.get(error.errno or 0) or error.strerror or os.strerror(error.errno or 0)


def shown(address: tuple[Any, ...]) -> str:
    """Address and port as one reads them."""
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


def peer_address(address: str) -> str:
    """Address of a peer; one of IPv4 that is written as IPv6, as on an IPv6 socket, reads as IPv4."""
    return address.removeprefix(_MAPPED) if "." in address else address


def family_of(address: tuple[Any, ...]) -> socket.AddressFamily:
    """IPv4 or IPv6."""
    return socket.AF_INET6 if ":" in address[0] else socket.AF_INET


def accept_both_families(listener: socket.socket, address: tuple[Any, ...]) -> None:
    """Let a socket for every IPv6 address take IPv4 as well, whatever the system's default is."""
    if listener.family == socket.AF_INET6 and address[0] == _EVERYWHERE_IPV6:
        listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)


def _has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind((_EVERYWHERE_IPV6, 0))
    except OSError:
        return False
    return True


def exposure(settings: ReceiveSettings) -> tuple[str, ...]:
    """What an administrator should know about who can send, one sentence each.

    Raises
    ------
    SettingsError
        If the host cannot be resolved.
    """
    allowed = settings.allowed_calling_ae_titles
    if not allowed:
        return ("receive.allowed_calling_ae_titles is empty: the receiver rejects every association",)
    address = listening_address(settings)
    if ipaddress.ip_address(address[0].split("%")[0]).is_loopback or not any(set(one) == {"*"} for one in allowed):
        return ()
    return (f"anybody who reaches {shown(address)} may send: receive.allowed_calling_ae_titles allows every AE title",)
