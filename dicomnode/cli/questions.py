"""The questions of `dicomnode init`: each has a default, and each answer is checked at once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import BaseModel, TypeAdapter, ValidationError

from dicomnode.errors import SettingsError
from dicomnode.records import ViewerProfile
from dicomnode.settings import ComposeSettings, Destination, ReceiveSettings, StoreSettings

_NONE = "none"


def ask(path: Path) -> dict[str, Any]:
    """Ask for what a site has to decide, and return the settings that differ from the defaults.

    Parameters
    ----------
    path
        The file that will be written; relative paths in it count from its folder.
    """
    _say("Press Enter to accept a default. Everything can be changed later in the file.\n")
    receive = _receiver()
    data_dir = _data_dir(path)
    pacs = _pacs()
    languages = _asked("Languages of the reports, main one first (for example de, en)", "en", _languages)
    zone = _asked("Time zone in which results are dated", _zone_of_machine(), _of(ComposeSettings, "timezone"))
    values: dict[str, Any] = {
        "store": {"data_dir": data_dir},
        "receive": receive,
        "report": {"languages": languages},
        "compose": {"timezone": zone},
        "send": {"ae_title": receive["ae_title"]},
    }
    if pacs is not None:
        values["send"]["destinations"] = {"pacs": pacs}
    return values


def _receiver() -> dict[str, Any]:
    title = _asked("AE title of this node", "DICOMNODE", _of(ReceiveSettings, "ae_title"))
    _say("Address to listen on: 127.0.0.1 for programs on this machine only, 0.0.0.0 for all networks of this machine.")
    host = _asked("Address", "127.0.0.1", _address)
    port = _asked("Port", "11112", _of(ReceiveSettings, "port"))
    _say("Who may send studies: AE titles of modalities and PACS, separated by commas; * admits everyone.")
    senders = _asked("AE titles", "*", _senders)
    return {"ae_title": title, "host": host, "port": port, "allowed_calling_ae_titles": senders}


def _pacs() -> dict[str, Any] | None:
    title = _asked("AE title of the PACS that receives the results, or none", _NONE, _title_or_none)
    if title == _NONE:
        return None
    host = _asked("Host name or IP address of the PACS", "127.0.0.1", _of(Destination, "host"))
    port = _asked("Port of the PACS", "104", _of(Destination, "port"))
    profiles = ", ".join(profile.value for profile in ViewerProfile)
    profile = _asked(f"Viewer ({profiles})", ViewerProfile.STANDARD.value, _of(Destination, "profile"))
    return {"ae_title": title, "host": host, "port": port, "profile": profile}


def _asked(question: str, default: str, reader: Callable[[str], Any]) -> Any:
    """Ask until the answer is one."""

    def read(answer: str) -> Any:
        try:
            return reader(answer.strip())
        except (ValidationError, SettingsError, ValueError) as error:
            raise typer.BadParameter(_sentence(error)) from None

    return typer.prompt(question, default=default, value_proc=read, err=True)


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        from dicomnode.settings.mistakes import in_words

        return f"this {in_words(error.errors()[0]['msg'])}"
    return str(error)


def _of(table: type[BaseModel], key: str) -> Callable[[str], Any]:
    """Reads an answer as the settings read this key."""
    field = table.model_fields[key]
    annotated: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    adapter: TypeAdapter[Any] = TypeAdapter(annotated)

    def read(answer: str) -> Any:
        value = adapter.validate_python(answer)
        table.model_validate({key: value}) if not _needs_more(table) else None
        return value

    return read


def _needs_more(table: type[BaseModel]) -> bool:
    return any(field.is_required() for field in table.model_fields.values())


def _address(answer: str) -> str:
    """An address that this machine has; whether the port is free depends on the next answer."""
    from dicomnode.receive.address import check_listening

    host = str(_of(ReceiveSettings, "host")(answer))
    check_listening(ReceiveSettings(host=host, port=0))
    return host


def _senders(answer: str) -> list[str]:
    titles = [title.strip() for title in answer.split(",") if title.strip()]
    return list(_of(ReceiveSettings, "allowed_calling_ae_titles")(titles))  # type: ignore[arg-type]  # a list of them


def _title_or_none(answer: str) -> str:
    return _NONE if answer.casefold() in ("", _NONE, "-") else str(_of(Destination, "ae_title")(answer))


def _data_dir(path: Path) -> str:
    from dicomnode.node.check_machine import folder_fault

    def read(answer: str) -> str:
        if fault := folder_fault((path.parent / answer).absolute()):
            raise ValueError(fault)
        return answer

    return str(_asked("Folder for studies and results", str(StoreSettings().data_dir), read))


def _languages(answer: str) -> list[str]:
    from dicomnode.report.languages import language_of

    tags = [tag for tag in answer.replace(",", " ").split() if tag]
    for tag in tags:
        language_of(tag)
    if not tags:
        raise ValueError("name at least one language")
    return tags


def _zone_of_machine() -> str:
    """Name of the machine's time zone; UTC where it has none."""
    name = os.environ.get("TZ", "").lstrip(":")
    if not name:
        target = os.path.realpath("/etc/localtime")
        name = target.partition("zoneinfo/")[2]
    try:
        return str(_of(ComposeSettings, "timezone")(name)) or "UTC"
    except ValidationError:
        return "UTC"


def _say(text: str) -> None:
    typer.echo(text, err=True)
