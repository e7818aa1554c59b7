"""`dicomnode send`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import ValidationError

from dicomnode.cli.common import err, out
from dicomnode.errors import PermanentError, UnsupportedImageError
from dicomnode.send.store_scu import Outgoing, StoreSCU, read_outgoing
from dicomnode.settings import Destination, SendSettings

_PEER = re.compile(r"^(?P<ae_title>[^@]{1,16})@(?P<host>[^:]+|\[[^]]+\]):(?P<port>\d{1,5})$")


def send(
    paths: Annotated[list[Path], typer.Argument(help="DICOM files, or folders of them.")],
    to: Annotated[str, typer.Option(help="Peer, as AE@host:port.")],
    calling_ae_title: Annotated[str, typer.Option(help="Our AE title.")] = "DICOMNODE",
) -> None:
    """Send DICOM files to a peer over C-STORE, every byte as it lies on disk where the peer takes it so."""
    peer, settings = parse_peer(to), _send_settings(calling_ae_title)
    files = collect(paths)
    failed = 0
    for file, outcome in zip(files, StoreSCU(peer, settings).send(files), strict=True):
        if not outcome.is_held:
            failed += 1
            out.print(f"{file.path}: {outcome.error}", markup=False, highlight=False, soft_wrap=True)
    err.print(f"{len(files) - failed} of {len(files)} instances sent to {to}", markup=False)
    if failed:
        raise typer.Exit(1)


def parse_peer(text: str) -> Destination:
    """Peer of `AE@host:port`.

    Raises
    ------
    typer.BadParameter
        If the text is anything else.
    """
    match = _PEER.match(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise typer.BadParameter(f"{text!r} is not AE@host:port, for example PACS@192.0.2.10:104", param_hint="--to")
    try:
        return Destination(ae_title=match["ae_title"], host=match["host"].strip("[]"), port=int(match["port"]))
    except ValidationError:
        message = f"{match['ae_title']!r} is no AE title; a peer is AE@host:port"
        raise typer.BadParameter(message, param_hint="--to") from None


def _send_settings(calling_ae_title: str) -> SendSettings:
    try:
        return SendSettings(ae_title=calling_ae_title)
    except ValidationError:
        message = f"{calling_ae_title!r} is no AE title: 1 to 16 characters, no backslash (PS3.5 6.2)"
        raise typer.BadParameter(message, param_hint="--calling-ae-title") from None


def collect(paths: Sequence[Path]) -> list[Outgoing]:
    """DICOM files at some paths; a file that was named must be one, others in a folder are passed over.

    Raises
    ------
    UnsupportedImageError
        If a named file is no DICOM file.
    PermanentError
        If a path does not exist or nothing was found.
    """
    found = [file for path in paths for file in (_in_folder(path) if path.is_dir() else [_named(path)])]
    if not found:
        raise PermanentError(f"no DICOM file in {', '.join(str(p) for p in paths)}")
    return found


def _named(path: Path) -> Outgoing:
    if not path.exists():
        raise PermanentError(f"{path} does not exist")
    return read_outgoing(path)


def _in_folder(folder: Path) -> list[Outgoing]:
    found = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        try:
            found.append(read_outgoing(path))
        except UnsupportedImageError:
            continue
    return found
