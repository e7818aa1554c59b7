"""The text of a settings file, made from the settings classes so that it cannot go stale."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from dicomnode.settings import Rule, SecretUrl, Settings

_HEAD = """\
# Settings of dicomnode. A line "# name = value" shows a default; remove the "# " and change the value to override it.
# Check this file with: dicomnode config check
# An environment variable DICOMNODE_<TABLE>__<KEY> overrides this file, for example DICOMNODE_RECEIVE__PORT=11113.
"""

_DESTINATION = """\
# Destinations of results, one table each:
# [send.destinations.pacs]
# ae_title = "PACS"
# host = "192.0.2.10"
# port = 104
# is_default = true
# profile = "standard"    # or ohif, weasis, slicer, text-only, air
"""

_CHANNELS = """\
# Channels for alerts about urgent findings, one table each; docs/settings.md lists every key:
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


def settings_text(values: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """A whole settings file: every key with its explanation and default, commented out where no value is given.

    Parameters
    ----------
    values
        Table to key to the value that is set; None: the defaults hold.
    """
    chosen = values or {}
    defaults = Settings()
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        value = getattr(defaults, name)
        parts.append("\n".join(_rules(value) if name == "rules" else _table(name, field, value, chosen.get(name, {}))))
        if name == "send":
            peers = chosen.get(name, {}).get("destinations", {})
            parts += ["\n".join(_destinations(peers)) if peers else _DESTINATION, _CHANNELS]
    return "\n".join(parts)


def _table(name: str, field: FieldInfo, table: BaseModel, chosen: Mapping[str, Any]) -> Iterator[str]:
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
        if key in chosen and key != "destinations":
            yield f"{key} = {toml_value(chosen[key])}"
        elif value != {} or key not in ("destinations", "alerts") or name == "acuity":
            yield f"# {key} = {toml_value(value)}"
    yield ""
    yield from nested


def _destinations(peers: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, peer in peers.items():
        yield f"[send.destinations.{name}]"
        yield from (f"{key} = {toml_value(value)}" for key, value in peer.items())
        yield ""


def _levels(prefix: str, entry: FieldInfo, levels: dict[Any, BaseModel]) -> Iterator[str]:
    yield from _comment(entry)
    for name, level in levels.items():
        yield f"# [{prefix}.{name}]"
        yield from (f"# {key} = {toml_value(getattr(level, key))}" for key in type(level).model_fields)
        yield "#"
    yield ""


def _rules(rules: tuple[Rule, ...]) -> Iterator[str]:
    yield "# Routing rules. The first rule that matches any image of a study applies to the study."
    yield "# If this file contains any rule, the default rules below no longer apply."
    for rule in rules:
        yield from (f"# {line}" if line else "#" for line in rule_lines(rule))


def rule_lines(rule: Rule) -> Iterator[str]:
    """A rule as it stands in a settings file."""
    yield "[[rules]]"
    yield f"name = {toml_value(rule.name)}"
    yield f"bundle = {toml_value(rule.bundle)}"
    if rule.destinations:
        yield f"destinations = {toml_value(rule.destinations)}"
    yield "[rules.when]"
    conditions = ((key, getattr(rule.when, key)) for key in type(rule.when).model_fields)
    yield from (f"{key} = {toml_value(value)}" for key, value in conditions if value)
    yield ""


def _comment(entry: FieldInfo) -> Iterator[str]:
    text = " ".join((entry.description or "").split())
    for line in textwrap.wrap(text, 110):
        yield f"## {line}"


def toml_value(value: Any) -> str:
    """Write a plain value as TOML (JSON's strings, numbers and arrays are TOML's)."""
    if isinstance(value, Path | SecretUrl):
        return json.dumps(str(value))
    if isinstance(value, Enum):
        return toml_value(value.value)
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml_value(one) for one in value)}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(key)} = {toml_value(v)}" for key, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def _key(key: object) -> str:
    written = str(key.value if isinstance(key, Enum) else key)
    return written if re.fullmatch(r"[A-Za-z0-9_-]+", written) else json.dumps(written, ensure_ascii=False)
