"""One frozen class per room, read once from TOML and environment, passed in.

The file is `conf/dicomnode.toml` by default. An environment variable
`DICOMNODE_<TABLE>__<KEY>` (for example `DICOMNODE_RECEIVE__PORT=11113`) stands above the file.
Unknown keys are refused in both. Only `node` and `cli` read this module's `load`; a room sees its own class.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dicomnode.errors import SettingsError
from dicomnode.records import Acuity

ENVIRONMENT_PREFIX = "DICOMNODE_"
NO_SETTINGS = ("DICOMNODE_SETTINGS", "DICOMNODE_REQUIRE_PEERS", "DICOMNODE_TORTURE_DIR")
"""Variables with our prefix that are no settings: where the file is, and what the tests look at."""

AETitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[!-\[\]-~]([ -\[\]-~]*[!-\[\]-~])?$")]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, coerce_numbers_to_str=True)


class StoreSettings(_Table):
    """Where studies, results and the index live."""

    data_dir: Path = Path("dicomnode-data")
    """Folder of everything the node keeps; relative paths count from the settings file."""
    database_url: str = ""
    """SQLAlchemy URL, for example `postgresql+psycopg://user@host/dicomnode`. Empty: SQLite in data_dir."""


class ReceiveSettings(_Table):
    """The DIMSE door in."""

    ae_title: AETitle = "DICOMNODE"
    """Our AE title; an association that calls another one is rejected."""
    host: str = "0.0.0.0"  # noqa: S104  # a modality must be able to reach it
    """Address to listen on."""
    port: Port = 11112
    """TCP port to listen on."""
    allowed_calling_ae_titles: tuple[str, ...] = ("*",)
    """Who may open an association, for example ["CT1", "PACS"]; "*" allows everybody."""
    maximum_associations: Annotated[int, Field(ge=1)] = 50
    """Associations served at once; one more is rejected as transient (local limit exceeded)."""
    acse_timeout_s: Seconds = 30.0
    """Longest wait for an association request after a connection."""
    dimse_timeout_s: Seconds = 60.0
    """Longest wait for the rest of a PDU that has begun."""
    network_timeout_s: Seconds = 60.0
    """An association idle for so long is aborted."""
    maximum_pdu_bytes: Annotated[int, Field(ge=4096)] = 131072
    """Largest PDU that we offer to receive."""
    minimum_free_bytes: Annotated[int, Field(ge=0)] = 1_073_741_824
    """Below so much free space in data_dir every instance is refused with 0xA700 (out of resources)."""


class ScheduleSettings(_Table):
    """When a study becomes a job, and how often one is tried."""

    quiet_period_s: Seconds = 30.0
    """Seconds without a new instance, over all associations, before a study counts as complete."""
    longest_wait_s: Seconds = 900.0
    """After so long a study is read even though instances still arrive."""
    archive: str = ""
    """Destination to ask by C-FIND how many instances the study has; agreement ends the wait. Empty: none."""
    archive_quiet_s: Seconds = 5.0
    """Agreement with the archive counts only after so long without a new instance: both may be filling up."""
    tick_s: Seconds = 1.0
    """How often complete studies are looked for."""
    lease_s: Seconds = 300.0
    """A job whose worker has been silent for so long goes to another worker."""
    maximum_attempts: Annotated[int, Field(ge=1)] = 4
    """Tries of one stage before the study is answered "could not run"."""
    first_retry_s: Seconds = 10.0
    """Wait before the second try; doubles with each further one, with jitter."""
    longest_retry_s: Seconds = 900.0
    """The wait between two tries never exceeds this."""


class InferSettings(_Table):
    """Models and how they run."""

    bundles: tuple[str, ...] = ("cxr", "head_ct")
    """Names of shipped bundles, or paths of bundle folders (relative ones count from the settings file)."""
    threads: Annotated[int, Field(ge=1)] = 1
    """ONNX Runtime threads of one worker; more workers pay better than more threads."""
    workers: Annotated[int, Field(ge=0)] = 0
    """Worker processes; 0: one for each core on the CPU (divided by `threads`), one in all on a GPU."""
    provider: Annotated[str, Field(pattern="^(cpu|cuda)$")] = "cpu"
    """Where graphs run: `cpu`, or `cuda` (needs onnxruntime-gpu; the CPU never stands in for a missing GPU)."""
    batch_size: Annotated[int, Field(ge=1)] = 1
    """Images that are encoded at once; more pays on a GPU."""
    beams: Annotated[int, Field(ge=1)] = 1
    """Drafts that are tried side by side, the likeliest is kept; 1: always the likeliest word."""
    cache_images: Annotated[int, Field(ge=0)] = 64
    """Images whose encodings a worker remembers, so that triage and reading encode a study once."""
    memory_limit_mb: Annotated[int, Field(ge=1)] = 1024
    """A bundle with which a worker would need more memory is refused."""

    @property
    def worker_count(self) -> int:
        """Worker processes that are started."""
        if self.workers or self.provider == "cuda":
            return self.workers or 1
        return max(1, len(os.sched_getaffinity(0)) // self.threads)


class ExplainSettings(_Table):
    """Heat maps."""

    method: str = "class_activation"
    """Method drawn for every finding that is suspected; one that its bundle's card does not show to be better than
    chance is refused."""
    findings: dict[str, str] = {}
    """Finding to method, above `method`, for example {pneumonia = "integrated_gradients"}; some take seconds."""


class ReportSettings(_Table):
    """The report's words."""

    language: str = "en"
    """Language of the report (RFC 5646)."""
    unsupported_sentences: Annotated[str, Field(pattern="^(flag|withhold)$")] = "flag"
    """What becomes of drafted sentences that the classifier does not support: `flag` or `withhold`."""


class ComposeSettings(_Table):
    """How results look in the archive."""

    first_series_number: Annotated[int, Field(ge=1, le=2_000_000_000)] = 9000
    """Series Number of the first result series; the others follow."""
    overlay_longest_side_px: Annotated[int, Field(ge=128, le=8192)] = 1024
    """Overlays of larger frames are scaled down to this, pixel spacing with them."""


class Destination(_Table):
    """One peer that gets results."""

    ae_title: AETitle
    """AE title that we call."""
    host: str
    """Name or address."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """TCP port."""
    is_default: bool = True
    """Gets the results of every rule that names no destination."""


class SendSettings(_Table):
    """The doors out."""

    ae_title: AETitle = "DICOMNODE"
    """Our AE title when we call."""
    connect_timeout_s: Seconds = 10.0
    """Longest wait for a TCP connection and the association's answer."""
    dimse_timeout_s: Seconds = 60.0
    """Longest wait for the answer to one C-STORE."""
    give_up_after_s: Seconds = 259_200.0
    """A result that its destination could not take for so long is put in quarantine."""
    destinations: dict[str, Destination] = {}
    """Peers by name, each in a table `[send.destinations.NAME]`."""


class AcuityLevel(_Table):
    """What one category of acuity means in the house."""

    due_s: Annotated[float, Field(ge=0)]
    """Queue: the study should be read so many seconds after it was complete."""
    c_store_priority: Annotated[int, Field(ge=0, le=2)]
    """Priority (0000,0700) of its results: 1 high, 0 medium, 2 low."""
    series_flag: str
    """Put in front of the Series Description of its results."""
    has_kos: bool
    """Whether a Key Object Selection calls attention to it."""


def _levels() -> dict[Acuity, AcuityLevel]:
    return {
        Acuity.EMERGENT: AcuityLevel(due_s=0, c_store_priority=1, series_flag="!! EMERGENT", has_kos=True),
        Acuity.URGENT: AcuityLevel(due_s=900, c_store_priority=1, series_flag="! URGENT", has_kos=True),
        Acuity.NON_CRITICAL: AcuityLevel(due_s=14_400, c_store_priority=0, series_flag="", has_kos=True),
        Acuity.NON_ACTIONABLE: AcuityLevel(due_s=28_800, c_store_priority=2, series_flag="", has_kos=False),
    }


class AcuitySettings(_Table):
    """The one table from finding to urgency."""

    findings: dict[str, Acuity] = {}
    """Finding to category, above the bundle's own: emergent, urgent, non_critical or non_actionable."""
    levels: dict[Acuity, AcuityLevel] = Field(default_factory=_levels)
    """Category to consequences; a category that is left out keeps its default."""

    @model_validator(mode="before")
    @classmethod
    def _keep_default_levels(cls, data: Any) -> Any:
        if not isinstance(data, dict) or not isinstance(data.get("levels"), dict):
            return data
        defaults = {str(name): level.model_dump() for name, level in _levels().items()}
        given = {str(name): level for name, level in data["levels"].items()}
        merged = {
            name: {**defaults.get(name, {}), **level} if isinstance(level, dict) else level
            for name, level in {**defaults, **given}.items()
        }
        return {**data, "levels": merged}


class Conditions(_Table):
    """What an instance must be like; every named condition must hold, any of its patterns will do.

    Patterns are shell patterns (`*`, `?`, `[ab]`) and ignore case.
    """

    calling_ae_title: tuple[str, ...] = ()
    """AE title of the sender."""
    modality: tuple[str, ...] = ()
    """Modality (0008,0060)."""
    body_part: tuple[str, ...] = ()
    """Body Part Examined (0018,0015)."""
    description: tuple[str, ...] = ()
    """Study Description (0008,1030) or Series Description (0008,103E)."""
    sop_class: tuple[str, ...] = ()
    """SOP Class UID (0008,0016) or its name, for example "CT Image Storage"."""
    header: dict[str, tuple[str, ...]] = {}
    """Any element, by keyword or "gggg,eeee", for example StationName = ["XR1"]."""


class Rule(_Table):
    """One routing rule; the first that matches decides."""

    name: Annotated[str, Field(min_length=1)]
    """Name in logs and listings."""
    when: Conditions = Conditions()
    """Table `[rules.when]`; without it the rule matches everything."""
    bundle: str = ""
    """Bundle that reads the matching instances. Empty: the answer is "not applicable"."""
    destinations: tuple[str, ...] = ()
    """Names of destinations; empty: those with is_default."""


def _rules(settings: dict[str, Any]) -> tuple[Rule, ...]:
    """Rules for those of the shipped bundles that the settings name."""
    film = ("CR", "DX", "DR")
    chest = Conditions(modality=film, body_part=("CHEST", "THORAX"))
    described = Conditions(modality=film, description=("*chest*", "*thorax*", "*cxr*"))
    head = Conditions(modality=("CT",), body_part=("HEAD", "BRAIN", "SKULL"))
    rules = (
        Rule(name="chest-film", when=chest, bundle="cxr"),
        Rule(name="chest-film-by-description", when=described, bundle="cxr"),
        Rule(name="head-ct", when=head, bundle="head_ct"),
    )
    named = settings["infer"].bundles if "infer" in settings else ()  # it is missing where it has an error of its own
    return tuple(rule for rule in rules if rule.bundle in named)


class LogSettings(_Table):
    """What the service writes about itself."""

    level: Annotated[str, Field(pattern="^(debug|info|warning|error)$")] = "info"
    """debug, info, warning or error."""
    format: Annotated[str, Field(pattern="^(json|console)$")] = "json"
    """json (one object a line) or console."""


class Settings(_Table):
    """The whole configuration."""

    store: StoreSettings = StoreSettings()
    receive: ReceiveSettings = ReceiveSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    infer: InferSettings = InferSettings()
    explain: ExplainSettings = ExplainSettings()
    report: ReportSettings = ReportSettings()
    compose: ComposeSettings = ComposeSettings()
    send: SendSettings = SendSettings()
    acuity: AcuitySettings = AcuitySettings()
    log: LogSettings = LogSettings()
    rules: tuple[Rule, ...] = Field(default_factory=_rules)

    @model_validator(mode="after")
    def _names_exist(self) -> Settings:
        known = ", ".join(sorted(self.send.destinations)) or "none"
        named = [(f"rules.{r.name}.destinations", d) for r in self.rules for d in r.destinations]
        if self.schedule.archive:
            named.append(("schedule.archive", self.schedule.archive))
        for where, name in named:
            if name not in self.send.destinations:
                raise ValueError(f"{where} names {name!r}, which is not a destination; known: {known}")
        return self


def _overlay_environment(tables: dict[str, Any], environment: dict[str, str]) -> None:
    """Put `DICOMNODE_TABLE__KEY` variables over what the file said; lists and tables are TOML values."""
    for variable, value in environment.items():
        path = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in NO_SETTINGS:
            continue
        if len(path) < 2 and path != ["rules"]:
            raise SettingsError(f"environment: {variable} is not a known setting; they read DICOMNODE_<TABLE>__<KEY>")
        target: Any = tables
        for name in path[:-1]:
            target = target.setdefault(name, {}) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            raise SettingsError(f"environment: {variable}: {'.'.join(path[:-1])} is no table")
        target[path[-1]] = _toml_value(value)


def _toml_value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _sentence(error: ValidationError, source: str) -> str:
    """Say the first mistake in one sentence, and how many more there are."""
    first, *others = error.errors()
    key = ".".join(str(part) for part in first["loc"]) or "settings"
    wrong = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        wrong = "is not a known setting"
    shown = "" if first["type"] == "extra_forbidden" or not first["loc"] else f" (got {first['input']!r})"
    more = f"; {len(others)} more mistakes follow" if others else ""
    return f"{source}: {key}: {wrong}{shown}{more}"


def load(path: Path | None, environment: dict[str, str] | None = None) -> Settings:
    """Read the settings.

    Parameters
    ----------
    path
        TOML file; None: defaults and environment only.
    environment
        Variables to read instead of the process's.

    Raises
    ------
    SettingsError
        If the file is missing or is no TOML, a key is unknown or a value is out of its bounds.
    """
    tables: dict[str, Any] = {}
    if path is not None:
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingsError(f"no settings file {path}; `dicomnode init` writes one") from None
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SettingsError(f"{path} is not a readable TOML file: {error}") from None
    _overlay_environment(tables, dict(os.environ) if environment is None else environment)
    try:
        settings = Settings.model_validate(tables)
    except ValidationError as error:
        raise SettingsError(_sentence(error, str(path or "environment"))) from None
    base = path.parent if path is not None else Path()
    store = settings.store.model_copy(update={"data_dir": (base / settings.store.data_dir).absolute()})
    bundles = tuple(str((base / b).absolute()) if "/" in b else b for b in settings.infer.bundles)
    infer = settings.infer.model_copy(update={"bundles": bundles})
    return settings.model_copy(update={"store": store, "infer": infer})
