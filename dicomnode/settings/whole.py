"""All tables together, and whether the names in them exist."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from dicomnode.settings.acuity import AcuitySettings
from dicomnode.settings.compose import ComposeSettings
from dicomnode.settings.explain import ExplainSettings
from dicomnode.settings.infer import InferSettings
from dicomnode.settings.log import LogSettings
from dicomnode.settings.priors import PriorsSettings
from dicomnode.settings.receive import ReceiveSettings
from dicomnode.settings.report import ReportSettings
from dicomnode.settings.rules import Rule, default_rules
from dicomnode.settings.schedule import ScheduleSettings
from dicomnode.settings.send import SendSettings
from dicomnode.settings.store import StoreSettings
from dicomnode.settings.types import Table

_Fault = tuple[tuple[int | str, ...], str]
"""A setting that names something, and what is wrong with the name."""


class Settings(Table):
    """The whole configuration."""

    store: StoreSettings = StoreSettings()
    receive: ReceiveSettings = ReceiveSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    infer: InferSettings = InferSettings()
    explain: ExplainSettings = ExplainSettings()
    report: ReportSettings = ReportSettings()
    compose: ComposeSettings = ComposeSettings()
    send: SendSettings = SendSettings()
    priors: PriorsSettings = PriorsSettings()
    acuity: AcuitySettings = AcuitySettings()
    log: LogSettings = LogSettings()
    rules: tuple[Rule, ...] = Field(default_factory=default_rules)

    @model_validator(mode="after")
    def _names_exist(self) -> Settings:
        """Refuse names of destinations and alert channels that are not in the settings, all at once."""
        faults: list[InitErrorDetails] = [
            {"type": PydanticCustomError("name", "{said}", {"said": said}), "loc": place, "input": None}
            for place, said in (*self._unknown_destinations(), *self._unknown_channels())
        ]
        if faults:
            raise ValidationError.from_exception_data("Settings", faults)
        return self

    def _unknown_destinations(self) -> Iterator[_Fault]:
        known = ", ".join(sorted(self.send.destinations)) or "none"
        named: list[tuple[tuple[int | str, ...], str, str]] = [
            (("rules", i, "destinations"), f"rules.{rule.name}.destinations", name)
            for i, rule in enumerate(self.rules)
            for name in rule.destinations
        ]
        for table, archive in (("schedule", self.schedule.archive), ("priors", self.priors.archive)):
            named += [((table, "archive"), f"{table}.archive", archive)] if archive else []
        if self.priors.archive and self.priors.dicomweb:
            yield ("priors", "dicomweb"), "priors.archive and priors.dicomweb exclude each other: name one archive"
        for place, key, name in named:
            if name not in self.send.destinations:
                yield place, f"{key} names {name!r}, which is not a destination; known: {known}"

    def _unknown_channels(self) -> Iterator[_Fault]:
        known = ", ".join(sorted(self.send.alerts)) or "none"
        named: list[tuple[tuple[int | str, ...], tuple[str, ...]]] = [
            *((("acuity", "levels", str(acuity), "alerts"), one.alerts) for acuity, one in self.acuity.levels.items()),
            *((("acuity", "alerts", finding), names) for finding, names in self.acuity.alerts.items()),
        ]
        for place, names in named:
            for name in names:
                if name != "*" and name not in self.send.alerts:
                    key = ".".join(str(part) for part in place)
                    yield place, f"{key} names {name!r}, which is not in send.alerts; known: {known}"
