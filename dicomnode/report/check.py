"""Whether reports can be written as the settings ask, before the first study comes."""

from __future__ import annotations

from dicomnode.errors import SettingsError
from dicomnode.records import Acuity
from dicomnode.report.languages import language_of
from dicomnode.report.translate import translators
from dicomnode.settings import ReportSettings


def check_report(settings: ReportSettings, findings: set[str]) -> None:
    """Open every language and translation model of the settings.

    Parameters
    ----------
    findings
        Keys that the bundles of the settings judge.

    Raises
    ------
    SettingsError
        If a language or its region is not known, a model cannot be opened, or a recommendation is for nothing that
        there is.
    """
    for tag in settings.languages:
        language_of(tag)
    spoken = {language_of(tag).base for tag in settings.languages}
    for language in settings.translation_models:
        if language not in spoken:
            known = ", ".join(sorted(spoken))
            raise SettingsError(
                f"report.translation_models names {language!r}, not in report.languages; known: {known}"
            )
    translators(settings.translation_models)
    for name in settings.recommendations:
        if name not in findings and name not in set(Acuity):
            known = ", ".join((*sorted(findings), *Acuity))
            raise SettingsError(f"report.recommendations names {name!r}; known: {known}")
