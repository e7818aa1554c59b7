"""Takes one job through infer, explain, report and compose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

import structlog
from pydicom import Dataset, dcmwrite

from dicomnode.compose import Composed, ComposeRequest, compose, is_for, kinds_for
from dicomnode.dicom.elements import PARSER_ERRORS
from dicomnode.dicom.reading import read_header
from dicomnode.errors import (
    BundleError,
    ComposeError,
    ExplainError,
    NotApplicableError,
    NotJudgedError,
    PermanentError,
    UnsupportedImageError,
)
from dicomnode.explain import Case, explain, outline
from dicomnode.infer.bundle import load_bundle
from dicomnode.infer.cache import EncodingCache
from dicomnode.infer.ensemble import Ensemble, Reader
from dicomnode.infer.model import Model
from dicomnode.infer.prepare import prepare
from dicomnode.node.examination import examination
from dicomnode.node.rooms import ensemble_paths
from dicomnode.priors.compare import NOT_LOOKED_FOR, PriorComparison, Priors
from dicomnode.records import (
    Acuity,
    AlertContent,
    FloatArray,
    Heatmap,
    Job,
    KeptInstance,
    Outcome,
    Reading,
    Report,
    ReviewReason,
    Stage,
    ViewerProfile,
)
from dicomnode.report import alerts_due, report_without_reading, study_acuity, verdicts_of, write_report
from dicomnode.schedule.planner import matching_instances
from dicomnode.settings import InferSettings, Settings
from dicomnode.store.instances import InstanceStore
from dicomnode.store.results import NewResult, ResultStore

log = structlog.get_logger()

Enter = Callable[[Stage], None]
"""Called when the job reaches a stage."""


class Models:
    """The bundles of the settings, each loaded at its first use."""

    def __init__(self, paths: Mapping[str, Path], settings: InferSettings) -> None:
        self._paths = paths
        self._beside = ensemble_paths(settings)
        self._settings = settings
        self._cache = EncodingCache(settings.cache_images)
        self._loaded: dict[str, Reader] = {}

    def get(self, name: str) -> Reader:
        """The model of a bundle.

        Raises
        ------
        BundleError
            If the bundle is not in the settings or cannot be run.
        """
        if name not in self._paths:
            known = ", ".join(sorted(self._paths)) or "none"
            raise BundleError(f"bundle {name!r} is not in infer.bundles any more; known: {known}")
        if name not in self._loaded:
            first, *others = (self._opened(path) for path in (self._paths[name], *self._beside.get(name, ())))
            self._loaded[name] = Ensemble(first, others) if others else first
        return self._loaded[name]

    def _opened(self, path: Path) -> Model:
        return Model(load_bundle(path), self._settings, cache=self._cache)


class Pipeline:
    """The way of one study from its files to its results.

    Does: read pixels, draft, explain, report, compose; keep the results.
    Does not: claim jobs, decide about retries, send.
    """

    def __init__(
        self,
        settings: Settings,
        models: Models,
        instances: InstanceStore,
        results: ResultStore,
        priors: Priors | None = None,
    ) -> None:
        self._settings = settings
        self._priors = priors
        self._models = models
        self._instances = instances
        self._results = results

    def triage(self, job: Job) -> Acuity:
        """Grade a study without a draft.

        A study that cannot be read gets the middle grade: its answer says why, and somebody should see that.
        """
        if job.bundle is None:
            return Acuity.NON_ACTIONABLE
        try:
            model = self._models.get(job.bundle)
            probabilities = model.triage(prepare(self._paths(job), model.bundle))
        except PermanentError:
            return Acuity.NON_CRITICAL
        return study_acuity(model.bundle.findings, probabilities, self._settings.acuity)

    def answer(self, job: Job, enter: Enter) -> Report:
        """Read a study and keep its results.

        Raises
        ------
        ComposeError
            If not even "could not run" could be put into objects.
        """
        enter(Stage.INFER)
        try:
            report = self._read(job, enter)
        except NotApplicableError as error:
            report = self._without_reading(job, Outcome.NOT_APPLICABLE, error)
        except NotJudgedError as error:
            report = self._without_reading(job, Outcome.NOT_JUDGED, error)
        except PermanentError as error:
            report = self._without_reading(job, Outcome.COULD_NOT_RUN, error)
        try:
            self._keep(job, report, enter)
        except ComposeError as error:
            # What was found is told even where it cannot be written down.
            return self.give_up(job, error, enter, alerts=self._alerts(report))
        return report

    def give_up(
        self, job: Job, error: PermanentError, enter: Enter, *, alerts: Mapping[str, AlertContent] | None = None
    ) -> Report:
        """Answer that a study could not be read, and why.

        Parameters
        ----------
        alerts
            What alert channels are to be told all the same.

        Raises
        ------
        ComposeError
            If not even that could be put into objects.
        """
        report = self._without_reading(job, Outcome.COULD_NOT_RUN, error)
        self._keep(job, report, enter, alerts=alerts)
        return report

    def _read(self, job: Job, enter: Enter) -> Report:
        if job.bundle is None:
            why = f"routing rule {job.rule!r} names no bundle" if job.rule else "no routing rule matches this study"
            raise NotApplicableError(why)
        paths = self._paths(job)
        if not paths:
            raise NotApplicableError(f"routing rule {job.rule!r} is no longer in the settings, or matches no more")
        model = self._models.get(job.bundle)
        reading = model.read(prepare(paths, model.bundle))
        comparison = self._compare(job, reading, model)
        enter(Stage.EXPLAIN)
        heatmaps = self._explain(model, reading)
        enter(Stage.REPORT)
        return write_report(
            specs=model.bundle.findings,
            reading=reading,
            heatmaps=heatmaps,
            regions={key: outline(heatmap) for key, heatmap in heatmaps.items()},
            bundle=model.bundle.identity,
            acuity=self._settings.acuity,
            settings=self._settings.report,
            draft_language=model.bundle.languages[0],
            examination=examination(_headers(self._matching(job))),
            prior=comparison.prior,
            changes=comparison.changes,
            prior_note=comparison.state,
            tracking_uids=comparison.tracking_uids,
        )

    def _compare(self, job: Job, reading: Reading, model: Reader) -> PriorComparison:
        if self._priors is None:
            return NOT_LOOKED_FOR
        return self._priors.compare(job, self._matching(job), reading, model)

    def read_again(self, job: Job) -> tuple[Reader, Reading, Reading | None]:
        """Read the study of a job that was answered before, and its prior where there is one; nothing is kept.

        Raises
        ------
        PermanentError
            If it cannot be read.
        """
        if job.bundle is None:
            raise NotApplicableError("no bundle reads this study")
        model = self._models.get(job.bundle)
        reading = model.read(prepare(self._paths(job), model.bundle))
        return model, reading, self._compare(job, reading, model).reading

    def _explain(self, model: Reader, reading: Reading) -> dict[str, Heatmap]:
        """A heat map for every suspected finding, where its method has something to go by."""
        found = {}
        specs = model.bundle.findings
        for k, (spec, verdict) in enumerate(zip(specs, verdicts_of(specs, reading), strict=True)):
            if not verdict.is_suspected:
                continue
            method = self._settings.explain.findings.get(spec.key, self._settings.explain.method)
            try:
                found[spec.key] = explain(method, explained_case(model, reading, k))
            except ExplainError as error:
                log.info("no heat map", finding=spec.key, method=method, why=str(error))
        return found

    def _without_reading(self, job: Job, outcome: Outcome, error: PermanentError) -> Report:
        try:
            identity = None if job.bundle is None else self._models.get(job.bundle).bundle.identity
        except BundleError:
            identity = None
        return report_without_reading(
            outcome,
            str(error),
            identity,
            self._settings.report,
            review=(ReviewReason(error.review),) if isinstance(error, NotJudgedError) else (),
            examination=examination(_headers(self._kept(job))),
        )

    def _alerts(self, report: Report) -> dict[str, AlertContent]:
        return alerts_due(report, self._settings.acuity, self._settings.send.alerts)

    def _keep(
        self, job: Job, report: Report, enter: Enter, *, alerts: Mapping[str, AlertContent] | None = None
    ) -> None:
        enter(Stage.COMPOSE)
        level = self._settings.acuity.levels[report.acuity]
        profiles = self._profiles(job)
        request = ComposeRequest(
            job_key=job.key,
            started_at=job.started_at or job.created_at,
            sources=_headers(self._matching(job) or self._kept(job)),
            report=report,
            previous=tuple(self._results.previous(job)),
            level=level,
            settings=self._settings.compose,
            kinds=kinds_for(profiles.values() or [ViewerProfile.STANDARD]),
        )
        self._results.keep(
            job,
            [_encoded(composed, profiles) for composed in compose(request)],
            acuity=report.acuity,
            outcome=report.outcome,
            reason=report.reason,
            priority=level.c_store_priority,
            now=dt.datetime.now(dt.UTC),
            alerts=alerts or self._alerts(report),
        )

    def _profiles(self, job: Job) -> dict[str, ViewerProfile]:
        """What each of the job's destinations can show; one that is no longer in the settings counts as standard."""
        known = self._settings.send.destinations
        return {name: known[name].profile if name in known else ViewerProfile.STANDARD for name in job.destinations}

    def _kept(self, job: Job) -> list[KeptInstance]:
        return self._instances.in_study(job.study_instance_uid, received_by=job.created_at)

    def _matching(self, job: Job) -> list[KeptInstance]:
        return matching_instances(self._kept(job), self._settings.rules, job.rule)

    def _paths(self, job: Job) -> list[Path]:
        return [instance.path for instance in self._matching(job)]


def explained_case(model: Reader, reading: Reading, finding: int, compared: FloatArray | None = None) -> Case:
    """A finding of a reading, with the model as methods of explanation ask it.

    Parameters
    ----------
    compared
        As in `Case`.
    """
    return Case(
        reading=reading,
        finding=finding,
        spec=model.bundle.findings[finding],
        encode_logits=model.logits,
        find_gradients=model.gradients if model.has_gradients else None,
        compared=compared,
    )


def _headers(instances: Sequence[KeptInstance]) -> tuple[Dataset, ...]:
    """Headers of the instances that can be read: results take their study's identity from them."""
    headers = []
    for instance in instances:
        try:
            headers.append(read_header(instance.path))
        except UnsupportedImageError:
            continue
    return tuple(headers)


def _encoded(composed: Composed, profiles: Mapping[str, ViewerProfile]) -> NewResult:
    file = BytesIO()
    try:
        dcmwrite(file, composed.dataset, enforce_file_format=True)
    except PARSER_ERRORS as error:
        raise ComposeError(f"{composed.role} cannot be encoded ({type(error).__name__})") from None
    ds = composed.dataset
    return NewResult(
        role=composed.role,
        sop_instance_uid=str(ds.SOPInstanceUID),
        sop_class_uid=str(ds.SOPClassUID),
        series_instance_uid=str(ds.SeriesInstanceUID),
        encoded=file.getvalue(),
        destinations=tuple(name for name, profile in profiles.items() if is_for(composed.role, profile)),
    )
