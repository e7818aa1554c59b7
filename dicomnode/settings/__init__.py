"""One frozen class per room, one file a table, read once from TOML and environment, passed in.

`place.py` says where the file is looked for. An environment variable `DICOMNODE_<TABLE>__<KEY>` (for example
`DICOMNODE_RECEIVE__PORT=11113`) overrides the file. Unknown keys are refused in both. Only `node` and `cli` call
`load`; a room sees its own class.
"""

from dicomnode.settings.acuity import AcuityLevel, AcuitySettings
from dicomnode.settings.alerts import AlertChannel, EmailChannel, HL7Channel, WebhookChannel
from dicomnode.settings.compose import ComposeSettings
from dicomnode.settings.environment import SETTINGS_FILE
from dicomnode.settings.explain import ExplainSettings
from dicomnode.settings.infer import InferSettings
from dicomnode.settings.load import load, read, settings_in_doubt
from dicomnode.settings.log import LogSettings
from dicomnode.settings.place import PLACES, find_settings, others
from dicomnode.settings.priors import PriorsSettings
from dicomnode.settings.receive import ReceiveSettings
from dicomnode.settings.report import ReportSettings
from dicomnode.settings.rules import Conditions, Rule
from dicomnode.settings.schedule import ScheduleSettings
from dicomnode.settings.secrets import SecretUrl, WebhookUrl
from dicomnode.settings.send import Destination, SendSettings
from dicomnode.settings.store import StoreSettings
from dicomnode.settings.types import ENVIRONMENT_PREFIX
from dicomnode.settings.whole import Settings

__all__ = [
    "AcuityLevel",
    "AcuitySettings",
    "AlertChannel",
    "ComposeSettings",
    "Conditions",
    "Destination",
    "ENVIRONMENT_PREFIX",
    "EmailChannel",
    "ExplainSettings",
    "HL7Channel",
    "InferSettings",
    "LogSettings",
    "PLACES",
    "PriorsSettings",
    "ReceiveSettings",
    "ReportSettings",
    "Rule",
    "SETTINGS_FILE",
    "ScheduleSettings",
    "SecretUrl",
    "SendSettings",
    "Settings",
    "StoreSettings",
    "WebhookChannel",
    "WebhookUrl",
    "find_settings",
    "load",
    "others",
    "read",
    "settings_in_doubt",
]
