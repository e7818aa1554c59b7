"""Checks of where studies go: routing rules, destinations, alert channels."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from dicomnode.errors import SettingsError
from dicomnode.node.checks import Check, Found, error, note, warning
from dicomnode.settings import Conditions, Destination, Settings


def _bundles_of_rules(settings: Settings) -> Iterator[Found]:
    loaded = [Path(name).name for name in settings.infer.bundles]
    known = ", ".join(sorted(loaded)) or "none"
    for rule in settings.rules:
        if rule.bundle and rule.bundle not in loaded:
            yield error(
                "rules",
                f"rules.{rule.name}.bundle names {rule.bundle!r}, which is not in infer.bundles; known: {known}",
            )
    for name in settings.infer.ensembles:
        if name not in loaded:
            yield error(
                "infer.ensembles", f"infer.ensembles names {name!r}, which is not in infer.bundles; known: {known}"
            )
    for name in {name for name in loaded if loaded.count(name) > 1}:
        yield error("infer.bundles", f"infer.bundles names two bundles {name!r}; rules cannot tell them apart")
    if not settings.rules:
        yield warning("rules", "there is no routing rule, so no study is read; see [[rules]]")


def _rules_that_never_match(settings: Settings) -> Iterator[Found]:
    allowed = settings.receive.allowed_calling_ae_titles
    names = [rule.name for rule in settings.rules]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield warning("rules", f"rules: several rules are named {name!r}")
    for i, rule in enumerate(settings.rules):
        earlier = next((one for one in settings.rules[:i] if covers(one.when, rule.when)), None)
        if earlier is not None:
            yield warning(
                "rules",
                f"rules.{rule.name} can never match: every study that it matches is taken by rule {earlier.name!r} "
                "before it; move it up",
            )
        senders = rule.when.calling_ae_title
        if senders and not any(_may_meet(one, other) for one in senders for other in allowed):
            yield warning(
                "rules",
                f"rules.{rule.name} can never match: receive.allowed_calling_ae_titles admits none of "
                f"{', '.join(senders)}",
            )


def covers(earlier: Conditions, later: Conditions) -> bool:
    """Whether everything that meets the later conditions also meets the earlier ones."""
    theirs = dict(_patterns(later))
    return all(_all_covered(patterns, theirs.get(key, ())) for key, patterns in _patterns(earlier))


def _all_covered(wide: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return bool(narrow) and all(any(_covers(one, other) for one in wide) for other in narrow)


def _covers(wide: str, narrow: str) -> bool:
    """Whether a pattern matches all that another one matches, as far as that can be told by looking at them."""
    wide, narrow = wide.casefold(), narrow.casefold()
    return wide in ("*", narrow) or (not any(c in narrow for c in "*?[") and fnmatchcase(narrow, wide))


def _may_meet(one: str, other: str) -> bool:
    one, other = one.strip().casefold(), other.strip().casefold()
    return fnmatchcase(one, other) or fnmatchcase(other, one)


def _patterns(when: Conditions) -> list[tuple[str, tuple[str, ...]]]:
    """Every condition with its patterns."""
    named = {key: getattr(when, key) for key in type(when).model_fields if key != "header"}
    return [*((key, value) for key, value in named.items() if value), *when.header.items()]


def _destinations(settings: Settings) -> Iterator[Found]:
    peers = settings.send.destinations
    if not peers:
        yield note("send.destinations", "no destination is set, so results stay in the data folder")
    elif not any(peer.is_default for peer in peers.values()):
        without = [rule.name for rule in settings.rules if not rule.destinations]
        if without:
            yield warning(
                "send.destinations",
                f"no destination has is_default = true, so the results of these rules are sent nowhere: "
                f"{', '.join(without)}",
            )
    seen: dict[tuple[str, str, int], str] = {}
    for name, peer in peers.items():
        twin = seen.setdefault((peer.ae_title, peer.host.casefold(), peer.port), name)
        if twin != name:
            yield warning(
                "send.destinations",
                f"send.destinations.{name} is the same peer as send.destinations.{twin}: it gets every result twice",
            )
        if _is_ourselves(peer, settings):
            yield error(
                "send.destinations",
                f"send.destinations.{name}: {peer.host}:{peer.port} is this node itself; results would never reach a "
                "PACS",
            )


def _is_ourselves(peer: Destination, settings: Settings) -> bool:
    """Whether a destination is our own receiver: our port, at an address of this machine that we listen on."""
    receive = settings.receive
    if peer.port != receive.port:
        return False
    if peer.host == receive.host:
        return True
    try:
        found = socket.getaddrinfo(peer.host, 0, type=socket.SOCK_STREAM)
        ours = {one[4][0] for one in socket.getaddrinfo(receive.host, 0, type=socket.SOCK_STREAM)}
    except OSError:  # a name that cannot be resolved now
        return False
    listens_everywhere = bool(ours & {"0.0.0.0", "::"})  # noqa: S104  # compared, not listened on
    return any(one[4][0] in ours or (listens_everywhere and _is_of_this_machine(one[0], one[4])) for one in found)


def _is_of_this_machine(family: int, address: tuple[Any, ...]) -> bool:
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        try:
            probe.bind(address)
        except OSError:
            return False
    return True


def _channels(settings: Settings) -> Iterator[Found]:
    from dicomnode.send.alerts import check_channel

    for name, channel in settings.send.alerts.items():
        try:
            check_channel(name, channel)
        except SettingsError as wrong:
            yield error("send.alerts", str(wrong))


CHECKS: tuple[Check, ...] = (_bundles_of_rules, _rules_that_never_match, _destinations, _channels)
