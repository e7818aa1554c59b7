"""The one table of terms, `terms.toml`: every finding with its codes and names, and the places and sizes."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

from dicomnode.records import CodedConcept


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A term in one language, as it stands in the middle of a sentence."""

    text: str
    gender: str = "other"
    """masculine, feminine, neuter, or other where the language has none."""
    accusative: str = ""
    dative: str = ""

    @property
    def forms(self) -> dict[str, str]:
        """Every form that a message may ask for, and its gender."""
        return {
            "finding": self.text,
            "accusative": self.accusative or self.text,
            "dative": self.dative or self.text,
            "gender": self.gender,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One concept."""

    key: str
    code: tuple[str, str] | None
    """Code Value and Coding Scheme Designator."""
    recommendation: str
    """Message that recommends what to do if it is confirmed, without its prefix; empty: none."""
    words: tuple[str, ...]
    """By which an English draft names a place or size."""
    names: Mapping[str, Name]
    """By language, and by language and region where that has another name; places and sizes have theirs in messages."""


def finding_term(code: CodedConcept) -> Term | None:
    """Term of a finding by its code; None where the table has none."""
    return _by_code().get((code.value, code.scheme))


@lru_cache(maxsize=1)
def qualifiers() -> tuple[Term, ...]:
    """Places and sizes, in the order of the table."""
    return _read("qualifier")


@lru_cache(maxsize=1)
def findings() -> tuple[Term, ...]:
    """Findings, in the order of the table."""
    return _read("finding")


@lru_cache(maxsize=1)
def _by_code() -> Mapping[tuple[str, str], Term]:
    return {term.code: term for term in findings() if term.code}


def _read(table: str) -> tuple[Term, ...]:
    content = resources.files(__package__).joinpath("terms.toml").read_text(encoding="utf-8")
    return tuple(_term(key, entry) for key, entry in tomllib.loads(content)[table].items())


def _term(key: str, entry: Mapping[str, Any]) -> Term:
    named = {language: one for language, one in entry.items() if isinstance(one, dict)}
    names = {
        language: Name(
            text=one["name"],
            gender=one.get("gender", "other"),
            accusative=one.get("accusative", ""),
            dative=one.get("dative", ""),
        )
        for language, one in named.items()
    }
    return Term(
        key=key,
        code=tuple(entry["code"]) if "code" in entry else None,
        recommendation=entry.get("recommendation", ""),
        words=tuple(entry.get("words", ())),
        names=names,
    )
