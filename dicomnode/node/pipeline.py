"""Takes one job through infer, explain, report and compose."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog
from pydicom import Dataset

from dicomnode.compose import ComposeRequest, compose
from dicomnode.dicom import files
from dicomnode.dicom.patient import is_identified, patient_of
from dicomnode.errors import (
    BundleError,
    ExplainError,
    LeaseLostError,
    NotApplicableError,
    PermanentError,
    TransientError,
)
from dicomnode.explain import Case, explain, outline
from dicomnode.infer.ensemble import Reader
from dicomnode.node.comparing import compared
from dicomnode.node.dispatch import is_unmatched, kinds_by_destination, kinds_made
from dicomnode.node.encoding import encoded_for
from dicomnode.node.examination import examination
from dicomnode.node.frame import Failure, Fate, attempt
from dicomnode.node.models import Models
from dicomnode.node.study import JobStudy, prepare
from dicomnode.node.unread import from_index, identities, is_of_the_study, outcome_of, reasons_of, review_of
from dicomnode.node.withdrawing import Answers, Succession
from dicomnode.priors.compare import NOT_LOOKED_FOR, PriorComparison, Priors
from dicomnode.records import (
    SILENT,
    Acuity,
    AlertContent,
    FloatArray,
    Heatmap,
    Job,
    Reading,
    ReasonCode,
    Report,
    ResultKind,
    Stage,
    reason,
)
from dicomnode.report import alerts_due, report_without_reading, study_acuity, verdicts_of, write_report
from dicomnode.settings import Settings
from dicomnode.store.inputs import InputStore
from dicomnode.store.patients import node_id
from dicomnode.store.results import ResultStore

log = structlog.get_logger()

Enter = Callable[[Stage], None]
"""Called when the job reaches a stage."""


class Pipeline:
    """The way of one study from its files to its results.

    Does: read pixels, draft, explain, report, compose; keep the results.
    Does not: claim jobs, decide about retries, send.
    """

    def __init__(
        self,
        settings: Settings,
        models: Models,
        inputs: InputStore,
        results: ResultStore,
        priors: Priors | None = None,
    ) -> None:
        self._settings = settings
        self._priors = priors
        self._models = models
        self._inputs = inputs
        self._results = results
        self._study: JobStudy | None = None
        self._answers = Answers(settings, inputs, results)

    def triage(self, job: Job) -> Acuity:
        """Grade a study without a draft.

        A study that cannot be read gets the middle grade: its answer says why, and somebody should see that.
        """
        if job.bundle is None:
            return Acuity.NON_ACTIONABLE
        try:
            model = self._models.get(job.bundle)
            probabilities = model.triage(prepare(self._study_of(job), model.bundle).images)
        except PermanentError:
            self._study = None
            return Acuity.NON_CRITICAL
        return study_acuity(model.bundle.findings, probabilities, self._settings.acuity)

    def answer(self, job: Job, enter: Enter) -> Report:
        """Read a study and keep its results; where it cannot be read, keep an answer that says so.

        Raises
        ------
        ComposeError
            If not even "could not run" could be put into objects.
        LeaseLostError
            If the job was canceled meanwhile, or another worker took it: nothing was kept.
        """
        enter(Stage.INFER)
        try:
            return self._answer(job, enter)
        finally:
            self._study = None  # its pixels make room; a job that is tried again starts from its files

    def _answer(self, job: Job, enter: Enter) -> Report:
        try:
            report = self._read(job, enter)
        except PermanentError as error:
            return self._answer_unread(job, error, enter)
        kept = attempt(lambda: self._keep(job, report, enter))
        if not isinstance(kept, Failure):
            return report
        if not is_of_the_study(kept):
            raise kept.error
        kept.tell("the results could not be composed")
        # What was found is told even where it cannot be written down.
        why = PermanentError(kept.reason if kept.is_defect else kept.sentence)
        return self._answer_unread(job, why, enter, alerts=self._alerts(report))

    def give_up(self, job: Job, error: PermanentError, enter: Enter) -> Report:
        """Answer that a study could not be read, and why, with as little of it as need be.

        Raises
        ------
        ComposeError
            If not even that could be put into objects.
        LeaseLostError
            As `answer`.
        """
        return self._answer_unread(job, error, enter, is_last=True)

    def _answer_unread(
        self,
        job: Job,
        error: PermanentError,
        enter: Enter,
        *,
        alerts: Mapping[str, AlertContent] | None = None,
        is_last: bool = False,
    ) -> Report:
        """Keep an answer that needs no reading: the whole one, else one that takes less of the headers, else nothing.

        Parameters
        ----------
        alerts
            What alert channels are to be told all the same.
        is_last
            There is no further try: what cannot be read of the headers now is left out.
        """
        whole = attempt(lambda: self._keep_unread(job, error, enter, alerts))
        if not isinstance(whole, Failure):
            return whole
        if not is_of_the_study(whole) and not (is_last and whole.fate is Fate.TRY_AGAIN):
            raise whole.error
        whole.tell("the answer could not be composed, a smaller one is made")
        sources = attempt(lambda: identities(self._inputs.with_beside(job.id)))
        if not isinstance(sources, Failure) and sources:
            smaller = attempt(lambda: self._keep_minimal(job, error, enter, alerts, sources))
            if not isinstance(smaller, Failure):
                return smaller
            smaller.tell("the smaller answer could not be composed, one from the index alone is made")
        return self._keep_minimal(job, error, enter, alerts, from_index(self._inputs.with_beside(job.id)))

    def _keep_unread(
        self, job: Job, error: PermanentError, enter: Enter, alerts: Mapping[str, AlertContent] | None
    ) -> Report:
        report = self._without_reading(job, error)
        self._keep(job, report, enter, alerts=alerts)
        return report

    def _keep_minimal(
        self,
        job: Job,
        error: PermanentError,
        enter: Enter,
        alerts: Mapping[str, AlertContent] | None,
        sources: tuple[Dataset, ...],
    ) -> Report:
        report = report_without_reading(
            outcome_of(error),
            reasons_of(error),
            None,
            self._settings.report,
            review=review_of(error),
            revision=self._answers.succession(job, is_silent=True, is_minimal=True).revision,
        )
        self._keep(job, report, enter, alerts=alerts, sources=sources)
        return report

    def _read(self, job: Job, enter: Enter) -> Report:
        for instance in self._inputs.of(job.id) or self._inputs.with_beside(job.id):
            files.require(instance.path)
        if job.refusal:
            raise PermanentError(job.refusal)
        if job.bundle is None:
            by_rule = reason(ReasonCode.RULE_WITHOUT_BUNDLE, rule=job.rule)
            raise NotApplicableError(by_rule if job.rule else reason(ReasonCode.NO_RULE))
        model = self._models.get(job.bundle)
        study = self._study_of(job)
        prepared = prepare(study, model.bundle)
        self._inputs.note_selection(job.id, prepared.selection.rows())
        reading = model.read(prepared.images, doubts=prepared.selection.doubts)
        study.note(reading)
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
            examination=examination(study.documented()),
            selection=prepared.selection,
            prior=comparison.prior,
            changes=comparison.changes,
            prior_note=comparison.state,
            tracking_uids=comparison.tracking_uids,
            revision=self._answers.succession(job, is_silent=False).revision,
        )

    def _compare(self, job: Job, reading: Reading, model: Reader) -> PriorComparison:
        if (priors := self._priors) is None:
            return NOT_LOOKED_FOR
        return compared(lambda: priors.compare(job, self._study_of(job).headers(), reading, model))

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
        prepared = prepare(self._study_of(job), model.bundle)
        reading = model.read(prepared.images, doubts=prepared.selection.doubts)
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

    def _without_reading(self, job: Job, error: PermanentError) -> Report:
        try:
            bundle = None if job.bundle is None else self._models.get(job.bundle).bundle.identity
        except BundleError:
            bundle = None
        return report_without_reading(
            outcome_of(error),
            reasons_of(error),
            bundle,
            self._settings.report,
            review=review_of(error),
            examination=examination(self._study_of(job).of_patient()),
            revision=self._answers.succession(job, is_silent=True).revision,
        )

    def _alerts(self, report: Report) -> dict[str, AlertContent]:
        return alerts_due(report, self._settings.acuity, self._settings.send.alerts)

    def _keep(
        self,
        job: Job,
        report: Report,
        enter: Enter,
        *,
        alerts: Mapping[str, AlertContent] | None = None,
        sources: tuple[Dataset, ...] = (),
    ) -> None:
        enter(Stage.COMPOSE)
        succession = self._answers.succession(job, is_silent=report.outcome in SILENT, is_minimal=bool(sources))
        if succession.overtaken_by is not None:
            raise self._answers.overtaken(job, succession.overtaken_by)
        if succession.revision != report.revision:
            raise TransientError("another answer to the study was kept or withdrawn meanwhile")
        kinds = kinds_by_destination(job, self._settings)
        request = self._request(job, report, succession, kinds_made(job, self._settings, kinds), sources)
        told = self._alerts(report) if alerts is None else alerts
        is_kept = self._results.keep(
            job,
            [encoded_for(composed, kinds) for composed in compose(request)],
            acuity=report.acuity,
            outcome=report.outcome,
            reason=report.reason,
            priority=request.level.c_store_priority,
            now=dt.datetime.now(dt.UTC),
            alerts=told,
            succeed=self._answers.succeed(job, request, succession),
        )
        if not is_kept:
            raise LeaseLostError

    def _sources(self, job: Job) -> tuple[tuple[Dataset, ...], tuple[Dataset, ...]]:
        """Headers of what the results document, and others of the patient's where those do not say who it is.

        Where none can be read any more, what the index knows: the study, and nothing of the patient.
        """
        study = self._study_of(job)
        documented = study.documented()
        if any(is_identified(patient_of(ds)) for ds in documented):
            return documented, ()
        of_patient = study.of_patient()
        return documented or of_patient or from_index(self._inputs.with_beside(job.id)), of_patient

    def _study_of(self, job: Job) -> JobStudy:
        """The study of a job; that of the job before makes room."""
        if self._study is None or self._study.job.id != job.id:
            self._study = JobStudy(job, self._inputs)
        return self._study

    def _request(
        self,
        job: Job,
        report: Report,
        succession: Succession,
        kinds: frozenset[ResultKind],
        sources: tuple[Dataset, ...],
    ) -> ComposeRequest:
        documented, beside = (sources, ()) if sources else self._sources(job)
        is_brief = is_unmatched(job) and self._settings.schedule.unmatched_studies != "all"
        return ComposeRequest(
            job_key=job.key,
            node_id=f"{self._settings.receive.ae_title}/{node_id(self._settings.store.data_dir)}",
            inputs=tuple(instance.digest for instance in self._inputs.with_beside(job.id)),
            started_at=job.started_at or job.created_at,
            sources=documented,
            beside=beside,
            report=replace(report, texts=report.texts[:1]) if is_brief else report,
            previous=succession.previous,
            level=self._settings.acuity.levels[report.acuity],
            settings=self._settings.compose,
            kinds=kinds,
        )


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
