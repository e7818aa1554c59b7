# The report in English. Variables: see report/sections.py. Every language has every message of this file.

title = AI draft report
warning = AI DRAFT - RESEARCH - NOT VERIFIED BY A PHYSICIAN - NOT FOR DIAGNOSTIC USE
synthetic-model = This model was trained only on computer-generated images and has never been tested on patients.

heading-examination = Examination
heading-comparison = Comparison
heading-technique = Technique
heading-findings = Findings
heading-impression = Impression
heading-recommendation = Recommendation
heading-limits = Limits

modality-film = radiograph
modality-ct = computed tomography
modality-mr = magnetic resonance imaging
modality-other = imaging ({ $code })
body-chest = chest
body-head = head
examination = { $modality } of the { $body }
examination-plain = { $modality }
examination-dated = { $examination }, { $date }
revision-replaces = This is revision { $number } of the AI result. It replaces the result of { $time }, which no longer counts.
revision-beside = This is revision { $number } of the AI result. It makes no statement about the findings; the result of { $time } still counts.

technique-images = { $count ->
    [one] One image was analysed.
   *[other] { $count } images were analysed.
}
technique-views = Views: { $views }.
technique-thickness = Slice thickness: { $thickness } mm.
technique-series = Series read: { $numbers }.
technique-kernel = Convolution kernel: { $kernel }.
technique-left-out = { $count ->
    [one] One other series was not read: { $reasons }.
   *[other] { $count } other series were not read: { $reasons }.
}
technique-part-left-out = Parts of what was sent were left out: { $reasons }.
left-out-localizer = localizer
left-out-derived = derived images
left-out-not-hu = values that are not Hounsfield units
left-out-orientation = another slice orientation
left-out-geometry = slices that cannot be stacked
left-out-incomplete = fewer slices or less coverage
left-out-contrast = another contrast phase
left-out-kernel = another kernel
left-out-thickness = another slice thickness
left-out-repeated = further images of the same
left-out-other-kind = images of another kind
technique-model = Analysed by the AI model { $model } { $version }.

comparison-compared = Compared with the study of { $date }.
comparison-undated = Compared with an earlier study without a date.
comparison-verified = The earlier findings are from a physician's verified report.
comparison-unverified = The earlier findings are from an unverified AI result.
comparison-still_absent = No sign then or now of: { $findings }.
comparison-none_found = No earlier study was found; there is nothing to compare with.
comparison-not_looked_for = No earlier study was looked for.
comparison-unreachable = Earlier studies could not be looked for: the archive did not answer.

about = about { $percent }
estimate = probability { $probability }
estimate-interval = probability { $probability }, 95% interval { $low } to { $high }
claim-suggested = Findings consistent with { $finding }{ $qualifiers }.
claim-denied = No sign of { $finding }.
claim-denied-list = No sign of: { $findings }.
claim-doubted = Possible { $finding }{ $qualifiers }.
claim-open = { $finding }: indeterminate.
qualifiers = {" "}({ $list })
uncoded = [in { $language }]
translated = [machine translation]
truncated = The drafted text reached its length limit and was cut off.
reworded = { $count ->
    [one] One drafted sentence that did not agree with the classifier was reworded.
   *[other] { $count } drafted sentences that did not agree with the classifier were reworded.
}
withheld = { $count ->
    [one] One drafted sentence that did not agree with the classifier was withheld.
   *[other] { $count } drafted sentences that did not agree with the classifier were withheld.
}

suspected = { $finding } suspected ({ $estimate }).
suspected-undetermined = { $finding } suspected, but not certain ({ $estimate }).
undetermined = { $finding } can neither be confirmed nor excluded ({ $estimate }).
nothing-found = No finding of the judged kinds was detected; this does not exclude disease.
nothing-certain = No finding of the judged kinds is suspected, but some of them cannot be excluded.
cannot-exclude = No finding is excluded by these images: { $reasons }.
change-new = { $finding }: new since the earlier study.
change-increased = { $finding }: increased since the earlier study.
change-unchanged = { $finding }: unchanged since the earlier study.
change-decreased = { $finding }: decreased since the earlier study.
change-resolved = { $finding }: no longer seen compared with the earlier study.
change-unknown = { $finding }: change since the earlier study cannot be told, because { $reason }.
change-why-undetermined_now = the finding is not certain in this study
change-why-undetermined_then = the finding was not certain in the earlier study
change-why-not_judged_then = nothing is known of the finding in the earlier study
change-why-other_view = the films are of different views
change-why-not_measured = the size of the finding is not known in both studies
review = A physician's review of this AI result is requested: { $reasons }.
review-undetermined = not every finding could be decided
review-disagreement = text and classifier, or several models, disagree
review-out_of_distribution = images unlike those that the model was trained on
review-quality = limited image quality
review-incomplete = the study is incomplete

not-read-not_applicable = This study was not read by the AI: no model applies.
not-read-could_not_run = This study was not read by the AI: the analysis could not be run.
not-read-not_judged = This study was not judged by the AI: { $reasons }.
no-statement = No statement is made about this study.
details = Details: { $reason }

recommend-emergent = Immediate review by a physician is suggested (emergent, within minutes).
recommend-urgent = Prompt review by a physician is suggested (urgent, within hours).
recommend-non_critical = Review by a physician in the usual order is suggested; the finding may need follow-up.
recommend-non_actionable = Review by a physician in the usual order; the AI suggests no change of priority.
recommend-undecided = Review by a physician is needed; the AI result is not certain enough to suggest a priority.
recommend-hemorrhage = If confirmed: notify the treating team at once and consider neurosurgical consultation.
recommend-pulmonary_embolism = If confirmed: notify the treating team at once; assess the right heart.
recommend-pneumothorax = If confirmed: notify the treating team at once; assess for tension.
recommend-pneumonia = If confirmed: correlate with clinical findings; follow-up as local guidelines say.
recommend-read_without = Read this study as usual, without AI support.

judged = Judged only: { $findings }.
judged-nothing = Nothing was judged.
not-judged-images = { $count ->
    [one] One of { $total } images was not judged, as it is unlike those that the model was trained on.
   *[other] { $count } of { $total } images were not judged, as they are unlike those that the model was trained on.
}
missing-images = { $count ->
    [one] One slice is missing between those that were received.
   *[other] { $count } slices are missing between those that were received.
}
quality-limited = Image quality is limited: { $faults }.
fault-blurred = blurred
fault-under_exposed = under-exposed
fault-over_exposed = over-exposed
fault-noisy = noisy
fault-blank = next to nothing is shown
not-excluded = A finding that is not named here is not excluded.
untranslated = No name in this language is known for: { $names }.
