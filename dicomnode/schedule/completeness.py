"""Whether all of a study has arrived: DICOM has no message that says so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

from dicomnode.settings import ScheduleSettings
from dicomnode.store.instances import WaitingStudy

ArchiveCount = Callable[[str], int | None]
"""Study Instance UID to Number of Study Related Instances (0020,1208); None: the archive did not say."""


def is_complete(
    study: WaitingStudy,
    *,
    kept: Callable[[], int],
    archive_count: ArchiveCount | None,
    settings: ScheduleSettings,
    now: dt.datetime,
) -> bool:
    """Say whether the study should be read now.

    It should when its quiet timer has rung, when it has waited the longest time allowed, or when the
    archive holds just as many instances as the node and neither is still growing.
    """
    quiet_s = (now - study.last_instance_at).total_seconds()
    waited_s = (now - study.waiting_since).total_seconds()
    if quiet_s >= settings.quiet_period_s or waited_s >= settings.longest_wait_s:
        return True
    if archive_count is None or quiet_s < settings.archive_quiet_s:
        return False
    return archive_count(study.study_instance_uid) == kept()
