"""One frozen class per room, read once from TOML and environment, passed in.

The file is `conf/dicomnode.toml` by default. An environment variable
`DICOMNODE_<TABLE>__<KEY>` (for example `DICOMNODE_RECEIVE__PORT=11113`) stands above the file.
Unknown keys are refused in both. Only `node` and `cli` read this module's `load`; a room sees its own class.
"""

from __future__ import annotations

import os
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dicomnode.errors import SettingsError
from dicomnode.records import Acuity, ViewerProfile

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
    ensembles: dict[str, tuple[str, ...]] = {}
    """Bundle to further ones of the same findings that read beside it, for example {cxr = ["models/cxr-2"]}."""
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

    languages: Annotated[tuple[str, ...], Field(min_length=1)] = ("en",)
    """Languages of the report (RFC 5646, for example "pt-BR"), the house's own first; one text each."""
    unsupported_sentences: Annotated[str, Field(pattern="^(flag|withhold)$")] = "flag"
    """What becomes of drafted sentences that the classifier does not support: `flag` or `withhold`."""
    impression_first: bool = False
    """Put the impression before everything else."""
    recommendations: dict[str, dict[str, str]] = {}
    """Finding or category to the house's words by language, for example {any_ich = {en = "Call the stroke team."}}."""
    translation_models: dict[str, Path] = {}
    """Language to the folder of a local translation model for drafted sentences without a code (extra `translate`)."""


class ComposeSettings(_Table):
    """How results look in the archive."""

    first_series_number: Annotated[int, Field(ge=1, le=2_000_000_000)] = 9000
    """Series Number of the first result series; the others follow."""
    overlay_longest_side_px: Annotated[int, Field(ge=128, le=8192)] = 1024
    """Overlays of larger frames are scaled down to this, pixel spacing with them."""
    font: str = ""
    """Font file (TrueType, OpenType) of summary page and PDF. Empty: ours (Latin, Greek, Cyrillic, Arabic)."""


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
    profile: ViewerProfile = ViewerProfile.STANDARD
    """Which objects it gets: standard, ohif, weasis, slicer, text-only or air."""


class _Channel(_Table):
    timeout_s: Seconds = 10.0
    """Longest wait for a connection, and again for the answer."""
    longest_retry_s: Seconds = 60.0
    """The wait between two tries never exceeds this; it begins at schedule.first_retry_s and doubles."""
    give_up_after_s: Seconds = 86_400.0
    """An alert that the channel could not deliver for so long has failed."""
    ca_file: Path | None = None
    """PEM file of the authorities that may have signed the peer's certificate. Without: those of this machine."""


class _ChannelWithSecret(_Channel):
    secret_file: Path | None = None
    """File that holds the secret: the webhook's signing key, or the password at the mail server."""
    secret_variable: str = ""
    """Environment variable that holds it instead; its name must not begin with DICOMNODE_."""

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.secret_file is not None and self.secret_variable:
            raise ValueError("secret_file and secret_variable are both set; name one")
        if self.secret_variable.startswith(ENVIRONMENT_PREFIX):
            raise ValueError(f"secret_variable must not begin with {ENVIRONMENT_PREFIX}: such variables are settings")
        return self


NamePart = Annotated[str, Field(max_length=180)]


class HL7Channel(_Channel):
    """Alerts as HL7 v2.5.1 ORU^R01 over MLLP."""

    kind: Literal["hl7"]
    """`hl7`."""
    host: str
    """Name or address of the interface engine."""
    port: Annotated[int, Field(ge=1, le=65535)]
    """TCP port."""
    patient_data: bool = True
    """Whether alerts name the patient and the accession number. Without PID a receiver can file nothing."""
    sending_application: NamePart = "DICOMNODE"
    """MSH-3."""
    sending_facility: NamePart = ""
    """MSH-4."""
    receiving_application: NamePart = ""
    """MSH-5."""
    receiving_facility: NamePart = ""
    """MSH-6."""
    processing_id: Literal["P", "T", "D"] = "P"
    """MSH-11: production, training or debugging; test messages always say T."""
    tls: bool = False
    """Whether the connection is encrypted and the peer's certificate checked."""
    certificate_file: Path | None = None
    """PEM file with our own certificate and its key, where the peer asks for one."""


class WebhookChannel(_ChannelWithSecret):
    """Alerts as JSON over HTTP POST, signed as "Standard Webhooks" says."""

    kind: Literal["webhook"]
    """`webhook`."""
    url: str
    """Where to; https, or http without patient data."""
    patient_data: bool = False
    """Whether alerts name the patient and the accession number; needs https."""

    @model_validator(mode="after")
    def _url_can_be_used(self) -> Self:
        address = urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise ValueError("url must begin with https:// or http:// and name a host")
        if address.username is not None or address.fragment:
            raise ValueError("url must hold neither a password nor a fragment")
        if self.patient_data and address.scheme != "https":
            raise ValueError("patient_data needs an https url")
        return self


MailAddress = Annotated[str, Field(pattern=r"^[!-?A-~]+@[!-?A-~]+$")]


class EmailChannel(_ChannelWithSecret):
    """Alerts as e-mail over SMTP."""

    kind: Literal["email"]
    """`email`."""
    host: str
    """Name or address of the mail server."""
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    """TCP port."""
    sender: MailAddress
    """Address that the mail comes from."""
    recipients: Annotated[tuple[MailAddress, ...], Field(min_length=1)]
    """Addresses that it goes to."""
    patient_data: bool = False
    """Whether alerts name the patient and the accession number; needs starttls, which ends at the mail server."""
    starttls: bool = True
    """Whether the connection must be encrypted before anything is said."""
    username: str = ""
    """Account at the mail server; needs starttls and a secret. Empty: none."""

    @model_validator(mode="after")
    def _is_encrypted(self) -> Self:
        if not self.starttls and (self.patient_data or self.username):
            raise ValueError("patient_data and username need starttls")
        if self.username and not (self.secret_file or self.secret_variable):
            raise ValueError("username needs secret_file or secret_variable")
        return self


AlertChannel = Annotated[HL7Channel | WebhookChannel | EmailChannel, Field(discriminator="kind")]


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
    alerts: dict[str, AlertChannel] = {}
    """Channels by name that are told of acute findings, each in a table `[send.alerts.NAME]`."""


class PriorsSettings(_Table):
    """Which earlier study of the patient a study is compared with, and where it is looked for."""

    is_enabled: bool = True
    """Whether studies are compared with earlier ones; the node's own store is always looked in."""
    archive: str = ""
    """Destination to ask by C-FIND (Study Root) for earlier studies, and to fetch them from. Empty: none."""
    retrieve: Annotated[str, Field(pattern="^(c-move|c-get)$")] = "c-move"
    """How they are fetched: `c-move` (the archive must know our receiver's AE title and port) or `c-get`."""
    dicomweb: str = ""
    """Base URL of a DICOMweb archive that is asked by QIDO-RS and WADO-RS instead; user:password@ is sent as Basic."""
    lookback_days: Annotated[int, Field(ge=1)] = 1825
    """Older studies than this are not compared with."""
    maximum: Annotated[int, Field(ge=1, le=20)] = 2
    """Earlier studies that are tried, the newest first, until one can be compared with."""
    maximum_instances: Annotated[int, Field(ge=1)] = 1000
    """At most so many images of one earlier study are fetched, the largest series first."""
    timeout_s: Seconds = 60.0
    """Longest time that finding and fetching may take for one study; never more than half of schedule.lease_s."""
    emergent_timeout_s: Seconds = 10.0
    """The same for an emergent study, for which the archive is asked only once."""
    attempts: Annotated[int, Field(ge=1, le=10)] = 2
    """Tries of one question to an archive that does not answer, within the time limit."""

    @field_validator("dicomweb")
    @classmethod
    def _is_url(cls, value: str) -> str:
        try:
            url = urlsplit(value)
            is_url = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:  # a port that is no number
            is_url = False
        if value and not is_url:
            raise ValueError("must be a URL, for example https://pacs.example/dicom-web")
        return value

    @property
    def source(self) -> str:
        """Name of the archive in logs and listings, without what its URL may hold of a password; empty: none."""
        return self.archive or (urlsplit(self.dicomweb).hostname or "")


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
    alerts: tuple[str, ...] = ()
    """Names of the alert channels that are told at once; "*": all of them."""


def _levels() -> dict[Acuity, AcuityLevel]:
    return {
        Acuity.EMERGENT: AcuityLevel(
            due_s=0, c_store_priority=1, series_flag="!! EMERGENT", has_kos=True, alerts=("*",)
        ),
        Acuity.URGENT: AcuityLevel(due_s=900, c_store_priority=1, series_flag="! URGENT", has_kos=True),
        Acuity.NON_CRITICAL: AcuityLevel(due_s=14_400, c_store_priority=0, series_flag="", has_kos=True),
        Acuity.NON_ACTIONABLE: AcuityLevel(due_s=28_800, c_store_priority=2, series_flag="", has_kos=False),
    }


class AcuitySettings(_Table):
    """The one table from finding to urgency."""

    findings: dict[str, Acuity] = {}
    """Finding to category, above the bundle's own: emergent, urgent, non_critical or non_actionable."""
    alerts: dict[str, tuple[str, ...]] = {}
    """Finding to alert channels, above its category's; an empty list silences it."""
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
    priors: PriorsSettings = PriorsSettings()
    acuity: AcuitySettings = AcuitySettings()
    log: LogSettings = LogSettings()
    rules: tuple[Rule, ...] = Field(default_factory=_rules)

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


def _from(base: Path, bundles: tuple[str, ...]) -> tuple[str, ...]:
    """Paths of bundles, counted from the settings file; names as they are."""
    return tuple(str((base / bundle).absolute()) if "/" in bundle else bundle for bundle in bundles)


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
    bundles = _from(base, settings.infer.bundles)
    ensembles = {name: _from(base, others) for name, others in settings.infer.ensembles.items()}
    infer = settings.infer.model_copy(update={"bundles": bundles, "ensembles": ensembles})
    models = {name: (base / folder).absolute() for name, folder in settings.report.translation_models.items()}
    report = settings.report.model_copy(update={"translation_models": models})
    compose = _with_font(settings.compose, base)
    alerts = {name: _files_from(base, channel) for name, channel in settings.send.alerts.items()}
    send = settings.send.model_copy(update={"alerts": alerts})
    own = {"store": store, "infer": infer, "report": report, "compose": compose, "send": send}
    return settings.model_copy(update=own)


def _with_font(settings: ComposeSettings, base: Path) -> ComposeSettings:
    if not settings.font:
        return settings
    path = (base / settings.font).absolute()
    if not path.is_file():
        raise SettingsError(f"compose.font: there is no file {path}")
    return settings.model_copy(update={"font": str(path)})


def _files_from(base: Path, channel: _Channel) -> _Channel:
    """The channel with its files' paths counted from the folder of the settings."""
    paths = {key: value for key in type(channel).model_fields if isinstance(value := getattr(channel, key), Path)}
    return channel.model_copy(update={key: (base / path).absolute() for key, path in paths.items()})
