"""The manuals of the settings and of bundle.toml, from the schemas that their classes give."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from dicomnode.infer.manifest import Manifest
from dicomnode.settings import Settings
from dicomnode.settings.types import ENVIRONMENT_PREFIX
from docs.generate.markdown import code, table

_KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "`true` or `false`"}
_NAMED = {"destinations": "NAME", "alerts": "NAME", "levels": "CATEGORY"}
"""What stands for the name of a table that the house names itself."""

_CENTURY_S = 3_155_760_000

Schema = dict[str, Any]


def every_table() -> str:
    """An index of the tables, then a section for each."""
    schema = Settings.model_json_schema()
    tables = list(_tables(schema))
    index = [(f"[`{name}`](#{_anchor(name)})", text.split("\n\n")[0]) for name, text, _ in tables]
    parts = [table(("table", "what it sets"), index)]
    for name, text, inner in tables:
        parts += [f"## `{name}`", text, *_note(name, inner), table(_COLUMNS, _rows(name, inner, schema))]
    return "\n\n".join(parts)


_COLUMNS = ("key", "value", "default", "meaning")


def bundle_manifest() -> str:
    """The tables of bundle.toml; the top one has no name."""
    schema = Manifest.model_json_schema()
    parts = ["### Top of the file", table(_COLUMNS, _rows("manifest", schema, schema, nested=False))]
    for key, entry in schema["properties"].items():
        here = _resolved(entry.get("items", entry), schema)
        if "properties" in here:
            name = f"[[{key}]]" if "items" in entry else f"[{key}]"
            parts += [f"### `{name}`", _text(here), table(_COLUMNS, _rows(f"manifest-{key}", here, schema))]
    return "\n\n".join(parts)


def _tables(schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """Every table by its name in the file, in the order of the file."""
    for key, entry in schema["properties"].items():
        if key == "rules":
            yield from _nested("[[rules]]", _resolved(entry["items"], schema), schema)
        else:
            yield from _nested(f"[{key}]", _resolved(entry, schema), schema)


def _nested(name: str, here: Schema, schema: Schema) -> Iterator[tuple[str, str, Schema]]:
    """The table, then those within it."""
    yield name, _text(here), here
    inside = name.strip("[]")
    for key, entry in here.get("properties", {}).items():
        if "properties" in _resolved(entry, schema):
            yield from _nested(f"[{inside}.{key}]", _resolved(entry, schema), schema)
            continue
        for kind in _kinds_of_table(entry, schema):
            named = f"[{inside}.{key}.{_NAMED.get(key, 'NAME')}]"
            word = kind["properties"].get("kind", {}).get("const")
            yield from _nested(f'{named} kind = "{word}"' if word else named, kind, schema)


def _kinds_of_table(entry: Schema, schema: Schema) -> list[Schema]:
    """The tables that an entry from names to tables may hold."""
    values = entry.get("additionalProperties")
    if not isinstance(values, dict):
        return []
    choices = [_resolved(one, schema) for one in values.get("oneOf", [values])]
    return [one for one in choices if "properties" in one]


def _resolved(entry: Schema, schema: Schema) -> Schema:
    """What a reference, or an entry that may also be nothing, refers to."""
    others = [one for one in entry.get("anyOf") or entry.get("allOf") or [] if one.get("type") != "null"]
    if len(others) == 1:
        return _resolved(others[0], schema)
    reference = entry.get("$ref")
    return schema["$defs"][reference.rsplit("/", 1)[-1]] if reference else entry


def _note(name: str, here: Schema) -> Iterator[str]:
    """How its keys are named in the environment, and defaults that are tables themselves."""
    inside = name.strip("[]")
    if not name.startswith("[[") and "." not in inside:
        first = next(iter(here["properties"]))
        prefix = f"{ENVIRONMENT_PREFIX}{inside.upper()}__"
        yield f"Environment variables: `{prefix}` and the key in capitals, for example `{prefix}{first.upper()}`."
    if inside == "acuity.levels.CATEGORY":
        yield _default_levels()
    if inside == "rules":
        yield _default_rules()


def _default_levels() -> str:
    levels = Settings().acuity.levels
    keys = list(type(next(iter(levels.values()))).model_fields)
    rows = [(code(name.value), *(_typed(getattr(level, key)) for key in keys)) for name, level in levels.items()]
    return "Defaults:\n\n" + table(("category", *(code(key) for key in keys)), rows)


def _default_rules() -> str:
    rows = [
        (
            code(rule.name),
            "; ".join(f"{code(key)}: {_typed(value)}" for key, value in rule.when.model_dump().items() if value),
            code(rule.bundle),
        )
        for rule in Settings().rules
    ]
    head = "Defaults, tried in this order; a file that names any rule replaces them all:"
    return f"{head}\n\n" + table(("name", "when", "bundle"), rows)


def _typed(value: Any) -> str:
    """A plain value as it stands in the file."""
    if value in ("", (), [], {}):
        return "empty"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return code(json.dumps(value, ensure_ascii=False))


def _rows(name: str, here: Schema, schema: Schema, *, nested: bool = True) -> Iterator[tuple[str, str, str, str]]:
    """A row for each key; without those that are tables of their own if not `nested`."""
    required = here.get("required", [])
    for key, entry in here.get("properties", {}).items():
        if not nested and "properties" in _resolved(entry.get("items", entry), schema):
            continue
        needed = "by category" if "CATEGORY" in name else "**required**"
        default = needed if key in required else _default(entry)
        yield f'<a id="{_anchor(name)}-{key}"></a>{code(key)}', _value(entry, schema), default, _text(entry)


def _anchor(name: str) -> str:
    """The anchor that a heading gets: small letters, digits, hyphens and underscores stay, blanks become hyphens."""
    return re.sub(r"[^\w\s-]", "", name.lower()).replace(" ", "-")


def _text(entry: Schema) -> str:
    return "\n\n".join(" ".join(part.split()) for part in entry.get("description", "").split("\n\n"))


def _default(entry: Schema) -> str:
    if "default" not in entry:
        return "see below"
    value = entry["default"]
    if isinstance(value, dict) and any(value.values()):
        return "see below"
    return _typed("" if value is None else value)


def _value(entry: Schema, schema: Schema) -> str:
    """What may stand there, in words."""
    here = _resolved(entry, schema)
    if choices := _choices(here):
        return " or ".join(code(json.dumps(choice)) for choice in choices)
    if "anyOf" in here:
        return " or ".join(_value(one, schema) for one in here["anyOf"])
    if "prefixItems" in here:
        return f"[{', '.join(_value(one, schema) for one in here['prefixItems'])}]"
    if here.get("type") == "array":
        return f"list of {_value(here.get('items', {}), schema)}"
    if "properties" in here:
        return "table"
    if here.get("type") == "object":
        return _mapping(here, schema)
    kind = "path" if here.get("format") == "path" else _KINDS.get(here.get("type", ""), "value")
    return ", ".join([kind, *_bounds(here)])


def _mapping(here: Schema, schema: Schema) -> str:
    values = here.get("additionalProperties")
    if _kinds_of_table(here, schema):
        return "tables by name"
    return f"table: name to {_value(values, schema)}" if isinstance(values, dict) else "table"


def _choices(here: Schema) -> list[Any]:
    """The values that are allowed, where they are few."""
    if "const" in here:
        return [here["const"]]
    words = re.fullmatch(r"\^\(([\w|-]+)\)\$", here.get("pattern", ""))
    return words[1].split("|") if words else here.get("enum", [])


def _bounds(here: Schema) -> Iterator[str]:
    """The limits of a value; a century, which stands for ever, is none."""
    low, high = here.get("minimum"), here.get("maximum")
    if high is not None and high >= _CENTURY_S and here.get("type") == "number":
        high = None
    if low is not None and high is not None:
        yield f"{low} to {high}"
    elif low is not None:
        yield f"at least {low}"
    if "exclusiveMinimum" in here:
        yield f"more than {here['exclusiveMinimum']}"
    if high is not None and low is None:
        yield f"at most {high}"
    if "maxLength" in here:
        yield f"at most {here['maxLength']} characters"
