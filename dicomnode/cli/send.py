"""`dicomnode send`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from dicomnode.cli.common import err, out
from dicomnode.cli.plain import harmless
from dicomnode.errors import NodeError, PermanentError, UnsupportedImageError

if TYPE_CHECKING:
    from dicomnode.send.store_scu import Outgoing
    from dicomnode.settings import Destination, SendSettings

_PEER = re.compile(r"^(?P<ae_title>[^@]{1,16})@(?P<host>[^:]+|\[[^]]+\]):(?P<port>\d{1,5})$")
_DIRECTORY = "1.2.840.10008.1.3.10"
"""Media Storage Directory Storage: the SOP class of a DICOMDIR (PS3.3 F.1), which no Storage SCP takes."""
_EMPTY, _INDEX, _FOREIGN = "empty file", "DICOMDIR (Media Storage Directory Storage)", "not a DICOM file"


class Found(NamedTuple):
    """What was found at some paths."""

    files: list[Outgoing]
    skipped: list[tuple[Path, str]]
    """Files of a folder that are not sent, each with the reason."""
    unread: list[tuple[Path, str]]
    """Files of a folder that could not be read, or lack what sending needs."""


def send(
    paths: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.")],
    to: Annotated[str, typer.Option(help="Peer, as AE@host:port.")],
    calling_ae_title: Annotated[str, typer.Option(help="AE title to call as.")] = "DICOMNODE",
) -> None:
    """Send DICOM files to a peer over C-STORE, unchanged if the peer accepts their transfer syntax.

    Files in a folder that are not DICOM instances are skipped: the DICOMDIR of a CD, viewer programs, empty files.
    """
    from dicomnode.send.store_scu import StoreSCU

    peer, settings = parse_peer(to), _send_settings(calling_ae_title)
    found = gather(paths)
    failed = len(found.unread)
    for path, why in found.unread:
        _tell_failure(path, why)
    for file, outcome in zip(found.files, StoreSCU(peer, settings).send(found.files), strict=True):
        if not outcome.is_held:
            failed += 1
            _tell_failure(file.path, outcome.error)
    total = len(found.files) + len(found.unread)
    err.print(f"{total - failed} of {total} instances sent to {to}{_told(found.skipped)}")
    if failed:
        raise typer.Exit(1)


def _tell_failure(path: Path, why: str) -> None:
    out.print(f"{harmless(str(path))}: {harmless(why)}")


def _told(skipped: Sequence[tuple[Path, str]]) -> str:
    """How many files were skipped, and why."""
    if not skipped:
        return ""
    reasons = Counter(reason for _, reason in skipped)
    why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
    return f"; skipped {len(skipped)} other file{'s' if len(skipped) > 1 else ''}: {why}"


def parse_peer(text: str) -> Destination:
    """Peer of `AE@host:port`.

    Raises
    ------
    typer.BadParameter
        If the text is anything else.
    """
    from pydantic import ValidationError

    from dicomnode.settings import Destination

    match = _PEER.match(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise typer.BadParameter(f"{text!r} is not AE@host:port, for example PACS@192.0.2.10:104", param_hint="--to")
    try:
        return Destination(ae_title=match["ae_title"], host=match["host"].strip("[]"), port=int(match["port"]))
    except ValidationError:
        message = f"{match['ae_title']!r} is not an AE title; a peer is AE@host:port"
        raise typer.BadParameter(message, param_hint="--to") from None


def _send_settings(calling_ae_title: str) -> SendSettings:
    from pydantic import ValidationError

    from dicomnode.settings import SendSettings

    try:
        return SendSettings(ae_title=calling_ae_title)
    except ValidationError:
        message = f"{calling_ae_title!r} is not an AE title: 1 to 16 characters, no backslash (PS3.5 6.2)"
        raise typer.BadParameter(message, param_hint="--calling-ae-title") from None


def collect(paths: Sequence[Path]) -> list[Outgoing]:
    """The instances at some paths, see `gather`; those that cannot be read are left out."""
    return gather(paths).files


def gather(paths: Sequence[Path]) -> Found:
    """DICOM files at some paths; a file that was named must be an instance, others in a folder are skipped.

    Raises
    ------
    UnsupportedImageError
        If a named file is not an instance.
    StorageError
        If a named file cannot be read.
    PermanentError
        If a path does not exist or nothing was found.
    """
    found = Found([], [], [])
    for path in paths:
        if path.is_dir():
            _gather_folder(path, found)
        else:
            found.files.append(_named(path))
    if not found.files and not found.unread:
        raise PermanentError(f"no DICOM file in {', '.join(str(p) for p in paths)}{_told(found.skipped)}")
    return found


def _named(path: Path) -> Outgoing:
    from dicomnode.send.store_scu import read_outgoing

    if not path.exists():
        raise PermanentError(f"{path} does not exist")
    file = read_outgoing(path)
    if file.sop_class_uid == _DIRECTORY:
        raise UnsupportedImageError(f"{path} is a {_INDEX}, not an instance; name its folder to send what it lists")
    return file


def _gather_folder(folder: Path, found: Found) -> None:
    from dicomnode.send.store_scu import read_outgoing

    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            reason = _no_instance(path)
            file = None if reason else read_outgoing(path)
        except OSError as error:
            found.unread.append((path, f"cannot be read: {error.strerror}"))
            continue
        except NodeError as error:
            found.unread.append((path, str(error).removeprefix(f"{path} ")))
            continue
        if file is not None and file.sop_class_uid != _DIRECTORY:
            found.files.append(file)
        else:
            found.skipped.append((path, reason or _INDEX))


def _no_instance(path: Path) -> str:
    """Why a file is not an instance, by its name and first bytes (PS3.10 7.1); "" where it may be one."""
    if path.name.upper() == "DICOMDIR":  # PS3.10 8.6 reserves the name
        return _INDEX
    with path.open("rb") as file:
        first = file.read(132)
    if not first:
        return _EMPTY
    return "" if first[128:] == b"DICM" else _FOREIGN
