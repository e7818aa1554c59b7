"""Tables `[[rules]]`: routing."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from dicomnode.settings.element_names import element_name
from dicomnode.settings.types import Table


class Conditions(Table):
    """Conditions of a rule. All of them must hold; of several patterns for one condition, any may match.

    Patterns are shell patterns (`*`, `?`, `[ab]`) and ignore case.
    """

    calling_ae_title: tuple[str, ...] = ()
    """AE title of the sender (calling AE title)."""
    modality: tuple[str, ...] = ()
    """Modality (0008,0060)."""
    region: tuple[Literal["chest", "head"], ...] = ()
    """Region of the body, "chest" or "head": recognized from Body Part Examined, anatomy and procedure codes, Protocol
    Name and the descriptions of series and study, by words of many languages."""
    body_part: tuple[str, ...] = ()
    """Body Part Examined (0018,0015)."""
    description: tuple[str, ...] = ()
    """Study Description (0008,1030) or Series Description (0008,103E)."""
    sop_class: tuple[str, ...] = ()
    """SOP Class UID (0008,0016) or its name, for example "CT Image Storage"."""
    header: dict[str, tuple[str, ...]] = {}
    """Any other element, by keyword, tag ("gggg,eeee") or private tag ("gggg,xxee,CREATOR"); for example {StationName =
    ["XR1"]}."""

    @field_validator("header")
    @classmethod
    def _spell_alike(cls, header: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """Spell every name that is one in one way; the rule says which are none."""
        spelled: dict[str, tuple[str, ...]] = {}
        for name, patterns in header.items():
            try:
                spelled[element_name(name)] = patterns
            except ValueError:
                spelled[name] = patterns
        return spelled


class Rule(Table):
    """A routing rule. The first rule that matches any image of a study applies to the study."""

    name: Annotated[str, Field(min_length=1)]
    """Name of the rule in logs and listings."""
    when: Conditions = Conditions()
    """Conditions, in the table `[rules.when]`. Without it the rule matches every study."""
    bundle: str = ""
    """Bundle that reads the matching images. Empty: the study is not read; schedule.unmatched_studies says what is
    sent."""
    destinations: tuple[str, ...] = ()
    """Names of the destinations that receive the results. Empty: those with is_default."""

    @model_validator(mode="after")
    def _can_match(self) -> Rule:
        """A condition that can never hold would silently switch the rule off."""
        for name, patterns in self.when.header.items():
            try:
                element_name(name)
            except ValueError as fault:
                raise self._fault(f"when.header: {fault}") from None
            if not patterns:
                raise self._fault(f"when.header.{name} names no pattern")
        for condition in type(self.when).model_fields:
            named = getattr(self.when, condition)
            for key, patterns in named.items() if isinstance(named, dict) else [("", named)]:
                if any(not pattern.strip() for pattern in patterns):
                    where = f"{condition}.{key}" if key else condition
                    raise self._fault(f"when.{where}: an empty pattern matches nothing")
        return self

    def _fault(self, wrong: str) -> PydanticCustomError:
        return PydanticCustomError("rule", "{said}", {"said": f"rule {self.name!r}: {wrong}"})


def default_rules(settings: dict[str, Any]) -> tuple[Rule, ...]:
    """Rules for those of the shipped bundles that the settings name."""
    film = Conditions(modality=("CR", "DX", "DR"), region=("chest",))
    head = Conditions(modality=("CT",), region=("head",))
    rules = (Rule(name="chest-film", when=film, bundle="cxr"), Rule(name="head-ct", when=head, bundle="head_ct"))
    named = settings["infer"].bundles if "infer" in settings else ()  # it is missing where it has an error of its own
    return tuple(rule for rule in rules if rule.bundle in named)
