"""All tables together, and whether the names in them exist."""

from __future__ import annotations

from pydantic import Field, model_validator

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
        known = ", ".join(sorted(self.send.destinations)) or "none"
        named = [(f"rules.{r.name}.destinations", d) for r in self.rules for d in r.destinations]
        if self.schedule.archive:
            named.append(("schedule.archive", self.schedule.archive))
        if self.priors.archive and self.priors.dicomweb:
            raise ValueError("priors.archive and priors.dicomweb exclude each other: name one archive")
        if self.priors.archive:
            named.append(("priors.archive", self.priors.archive))
        for where, name in named:
            if name not in self.send.destinations:
                raise ValueError(f"{where} names {name!r}, which is not a destination; known: {known}")
        return self

    @model_validator(mode="after")
    def _channels_exist(self) -> Settings:
        known = ", ".join(sorted(self.send.alerts)) or "none"
        named = {f"acuity.levels.{acuity}.alerts": level.alerts for acuity, level in self.acuity.levels.items()}
        named |= {f"acuity.alerts.{finding}": names for finding, names in self.acuity.alerts.items()}
        for where, names in named.items():
            for name in names:
                if name != "*" and name not in self.send.alerts:
                    raise ValueError(f"{where} names {name!r}, which is not in send.alerts; known: {known}")
        return self
