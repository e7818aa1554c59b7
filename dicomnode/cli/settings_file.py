"""The text of a settings file, made from the settings classes so that it cannot go stale."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dicomnode.settings import Rule, Settings

_HEAD = """\
# Settings of dicomnode. Every line that begins with "# name =" shows a default: remove the "# " to change it.
# Check with: dicomnode config check --settings FILE
# An environment variable DICOMNODE_<TABLE>__<KEY> stands above this file, for example DICOMNODE_RECEIVE__PORT=11113.
"""

_DESTINATION = """\
# Where results go, one table each:
# [send.destinations.pacs]
# ae_title = "PACS"
# host = "192.0.2.10"
# port = 104
# is_default = true
# profile = "standard"    # or ohif, weasis, slicer, text-only, air

# Who is told of acute findings, one table each; README, "Alerts and the order of work", names every key:
# [send.alerts.ris]
# kind = "hl7"
# host = "192.0.2.11"
# port = 2575
# [send.alerts.chat]
# kind = "webhook"
# url = "https://alerts.example.org/dicomnode"
# [send.alerts.mail]
# kind = "email"
# host = "mail.example.org"
# sender = "dicomnode@example.org"
# recipients = ["radiology@example.org"]
"""


def commented_settings() -> str:
    """A whole settings file: every key with its explanation and default, commented out."""
    defaults = Settings()
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        value = getattr(defaults, name)
        parts.append("\n".join(_rules(value) if name == "rules" else _table(name, field, value)))
        if name == "send":
            parts.append(_DESTINATION)
    return "\n".join(parts)


def _table(name: str, field: FieldInfo, table: BaseModel) -> Iterator[str]:
    doc = (type(table).__doc__ or "").strip()
    yield f"[{name}]"
    yield f"# {doc}"
    nested: list[str] = []
    for key, entry in type(table).model_fields.items():
        value = getattr(table, key)
        if isinstance(value, dict) and value:
            nested.extend(_levels(f"{name}.{key}", entry, value))
            continue
        yield from _comment(entry)
        if value != {} or key not in ("destinations", "alerts") or name == "acuity":
            yield f"# {key} = {toml_value(value)}"
    yield ""
    yield from nested


def _levels(prefix: str, entry: FieldInfo, levels: dict[Any, BaseModel]) -> Iterator[str]:
    yield from _comment(entry)
    for name, level in levels.items():
        yield f"# [{prefix}.{name}]"
        yield from (f"# {key} = {toml_value(getattr(level, key))}" for key in type(level).model_fields)
        yield "#"
    yield ""


def _rules(rules: tuple[Rule, ...]) -> Iterator[str]:
    yield "# Routing rules: the first that matches an instance of a study decides. A file that names any rule"
    yield "# replaces all of these."
    for rule in rules:
        yield "# [[rules]]"
        yield f"# name = {toml_value(rule.name)}"
        yield f"# bundle = {toml_value(rule.bundle)}"
        yield f"# destinations = {toml_value(rule.destinations)}"
        yield "# [rules.when]"
        conditions = ((key, getattr(rule.when, key)) for key in type(rule.when).model_fields)
        yield from (f"# {key} = {toml_value(value)}" for key, value in conditions if value)
        yield "#"


def _comment(entry: FieldInfo) -> Iterator[str]:
    text = " ".join((entry.description or "").split())
    for line in textwrap.wrap(text, 110):
        yield f"## {line}"


def toml_value(value: Any) -> str:
    """Write a plain value as TOML (JSON's strings, numbers and arrays are TOML's)."""
    if isinstance(value, Path):
        return json.dumps(str(value))
    if isinstance(value, tuple):
        return json.dumps(list(value), ensure_ascii=False)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {toml_value(v)}" for key, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
