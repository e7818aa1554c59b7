"""Every error the node raises on purpose.

NodeError
├── SettingsError               the settings file or environment is wrong; the node does not start
├── InstanceRefusedError        not stored; the sender is told why
├── MalformedMessageError       what a peer sends makes no sense; its association ends
├── LeaseLostError              somebody else has the work now; what was done of it is not kept
├── TransientError              the job waits and runs again
│   ├── PeerUnreachableError    no association could be made, or it broke
│   └── StorageError            a file could not be read now; a study that only meets this is answered in the end
└── PermanentError              trying again cannot help
    ├── UnsupportedImageError   the study reached the node whole, but its pixels cannot be read
    │   └── FileMissingError    a file that the index knows is no longer in the data folder
    ├── NotApplicableError      the bundle does not read this kind of study
    ├── NotJudgedError          it does, but the images do not look like those that it was trained on
    ├── BundleError             a model bundle is missing, corrupt or breaks its contract
    ├── ExplainError            an explanation method cannot be applied to this finding, image or bundle
    ├── ReportError             a report would contradict itself
    ├── ComposeError            a result object could not be built
    ├── PeerRefusedError        the peer answered, and the answer was no
    └── ServiceRunningError     another service already uses this data folder

Only `node` turns a class into an action (refuse, retry, stop); rooms never catch NodeError to retry.
Messages never carry patient data: UIDs, AE titles and element names only.
"""

from __future__ import annotations


class NodeError(Exception):
    """Base of all errors the node raises on purpose."""

    code = "NODE_ERROR"
    """Name of the reason in logs, listings and results."""


class SettingsError(NodeError):
    """The settings are wrong; the message names the key and what would be right."""

    code = "SETTINGS"


class InstanceRefusedError(NodeError):
    """The instance was not stored.

    Parameters
    ----------
    message
        One sentence; its first 64 characters go into Error Comment (0000,0902).
    status
        A `records.StoreStatus`: what the sender is answered (PS3.4 B.2.3).
    """

    code = "INSTANCE_REFUSED"

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class MalformedMessageError(NodeError):
    """What a peer sends breaks the protocol so that it can neither be served nor refused."""

    code = "MALFORMED_MESSAGE"


class TransientError(NodeError):
    """Trying again later may work."""

    code = "TRANSIENT"


class PeerUnreachableError(TransientError):
    """No association with the peer, or it was lost."""

    code = "PEER_UNREACHABLE"


class StorageError(TransientError):
    """A file of the data folder could not be read now: the disk or the network file system fails, or memory is short.

    Unlike other transient errors it uses up a try of the study's: one bad sector must not keep it without an answer.
    """

    code = "STORAGE"


class LeaseLostError(NodeError):
    """The work was canceled, or its lease ran out and somebody else took it: what was done of it is not kept."""

    code = "LEASE_LOST"

    def __init__(self, message: str = "the job was canceled, or another worker has it") -> None:
        super().__init__(message)


class PermanentError(NodeError):
    """Trying again cannot help; the reason becomes part of the study's answer.

    Parameters
    ----------
    why
        One reason or more: `records.Reason`s, which reports say in their languages, or English sentences.
    """

    code = "PERMANENT"

    def __init__(self, *why: object) -> None:
        super().__init__(*why)
        self.why = why

    def __str__(self) -> str:
        return "; ".join(str(one) for one in self.why)


class UnsupportedImageError(PermanentError):
    """The pixels cannot be read or have no usable geometry."""

    code = "UNSUPPORTED_IMAGE"


class FileMissingError(UnsupportedImageError):
    """A file that the index knows is no longer in the data folder."""

    code = "FILE_MISSING"


class NotApplicableError(PermanentError):
    """The bundle does not read this kind of study."""

    code = "NOT_APPLICABLE"


class NotJudgedError(PermanentError):
    """The model reads this kind of study, but cannot judge these images.

    Parameters
    ----------
    why
        What is wrong with them, as in `PermanentError`.
    review
        A `records.ReviewReason`: out of distribution, quality or incomplete.
    """

    code = "NOT_JUDGED"

    def __init__(self, *why: object, review: str) -> None:
        super().__init__(*why)
        self.review = review


class BundleError(PermanentError):
    """A model bundle is missing, corrupt or breaks its contract."""

    code = "BUNDLE"


class ExplainError(PermanentError):
    """An explanation method cannot be applied to this finding, image or bundle."""

    code = "EXPLAIN"


class ReportError(PermanentError):
    """A report would contradict itself, so it is not given."""

    code = "REPORT"


class ComposeError(PermanentError):
    """A result object could not be built."""

    code = "COMPOSE"


class PeerRefusedError(PermanentError):
    """The peer answered with a failure that sending again will not change."""

    code = "PEER_REFUSED"


class ServiceRunningError(PermanentError):
    """Another service already uses this data folder."""

    code = "SERVICE_RUNNING"
