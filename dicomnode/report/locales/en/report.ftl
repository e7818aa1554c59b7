# The report in English. Variables: see report/sections.py. Every language has every message of this file.

title = AI draft report
warning = AI DRAFT - RESEARCH - NOT VERIFIED BY A PHYSICIAN - NOT FOR DIAGNOSTIC USE

heading-examination = Examination
heading-comparison = Comparison
heading-technique = Technique
heading-findings = Findings
heading-impression = Impression
heading-recommendation = Recommendations
heading-limits = Limitations

modality-film = radiograph
modality-ct = computed tomography
modality-mr = magnetic resonance imaging
modality-other = imaging ({ $code })
body-chest = chest
body-head = head
examination = { $modality } of the { $body }
examination-plain = { $modality }
examination-dated = { $examination }, { $date }
revision-replaces = This is revision { $number } of the AI result. It replaces the result of { $time }, which is no longer valid.
revision-beside = This is revision { $number } of the AI result. It makes no statement about the findings; the result of { $time } remains valid.

technique-images = { $count ->
    [one] One image was analyzed.
   *[other] { $count } images were analyzed.
}
technique-views = Views: { $views }.
technique-thickness = Slice thickness: { $thickness } mm.
technique-series = Series analyzed: { $numbers }.
technique-kernel = Reconstruction kernel: { $kernel }.
technique-left-out = { $count ->
    [one] One other series was not analyzed: { $reasons }.
   *[other] { $count } other series were not analyzed: { $reasons }.
}
technique-part-left-out = Some of the images received were not analyzed: { $reasons }.
left-out-localizer = localizer
left-out-derived = derived images
left-out-not-hu = pixel values not in Hounsfield units
left-out-orientation = different slice orientation
left-out-geometry = slices that do not form a volume
left-out-incomplete = fewer slices or less coverage
left-out-contrast = different contrast phase
left-out-kernel = different reconstruction kernel
left-out-thickness = different slice thickness
left-out-repeated = repeated images
left-out-other-kind = images of a different type
technique-model = Analyzed by the AI model { $model } { $version }.

comparison-compared = Compared with the prior study of { $date }.
comparison-undated = Compared with an undated prior study.
comparison-verified = The prior findings are from a physician's verified report.
comparison-unverified = The prior findings are from an unverified AI result.
comparison-still_absent = No sign then or now of { $alternatives }.
comparison-none_found = No prior study was found for comparison.
comparison-not_looked_for = Prior studies were not searched for.
comparison-unreachable = Prior studies could not be searched for: the archive did not respond.

about = about { $percent }
estimate = probability { $probability }
estimate-interval = probability { $probability }, { $level } interval { $low } to { $high }
claim-suggested = Findings consistent with { $finding }{ $qualifiers }.
claim-denied = No sign of { $finding }.
claim-denied-list = No sign of { $alternatives }.
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
nothing-found = None of the assessed findings was detected; this does not exclude disease.
nothing-certain = None of the assessed findings is suspected, but not all of them can be excluded.
cannot-exclude = No finding can be excluded from these images: { $reasons }.
change-new = { $finding }: new since the prior study.
change-increased = { $finding }: increased since the prior study.
change-unchanged = { $finding }: unchanged since the prior study.
change-decreased = { $finding }: decreased since the prior study.
change-resolved = { $finding }: no longer seen compared with the prior study.
change-unknown = { $finding }: change since the prior study cannot be determined because { $reason }.
change-why-undetermined_now = the finding is not certain in this study
change-why-undetermined_then = the finding was not certain in the prior study
change-why-not_judged_then = the prior results do not mention it
change-why-other_view = the radiographs were taken in different projections
change-why-not_measured = its size is not known in both studies
review = Physician review of this AI result is requested: { $reasons }.
review-undetermined = some findings are neither confirmed nor excluded
review-disagreement = the drafted text and the classifier, or several models, disagree
review-out_of_distribution = images unlike those the model was trained on
review-quality = limited image quality
review-incomplete = incomplete study

not-read-not_applicable = This study was not analyzed by the AI: no model applies.
not-read-could_not_run = This study was not analyzed by the AI: the analysis could not be run.
not-read-not_judged = This study was not assessed by the AI: { $reasons }.
no-statement = No statement is made about this study.
details = Details: { $reason }

recommend-emergent = Immediate review by a physician is suggested (emergent, within minutes).
recommend-urgent = Prompt review by a physician is suggested (urgent, within hours).
recommend-non_critical = Review by a physician in the usual order is suggested; the finding may need follow-up.
recommend-non_actionable = Review by a physician in the usual order; the AI suggests no change of priority.
recommend-undecided = Review by a physician is needed; the AI result is not certain enough to suggest a priority.
recommend-hemorrhage = If confirmed: notify the treating team at once and consider neurosurgical consultation.
recommend-pulmonary_embolism = If confirmed: notify the treating team at once; assess for right heart strain.
recommend-pneumothorax = If confirmed: notify the treating team at once; assess for tension pneumothorax.
recommend-pneumonia = If confirmed: correlate clinically; follow up according to local guidelines.
recommend-read_without = Read this study as usual, without AI support.

judged = Assessed for { $findings } only.
judged-nothing = Nothing was assessed.
not-judged-images = { $count ->
    [one] One of { $total } images was not assessed because it is unlike those the model was trained on.
   *[other] { $count } of { $total } images were not assessed because they are unlike those the model was trained on.
}
missing-images = { $count ->
    [one] One slice is missing between those received.
   *[other] { $count } slices are missing between those received.
}
quality-limited = Image quality is limited: { $faults }.
fault-blurred = blurred
fault-under_exposed = underexposed
fault-over_exposed = overexposed
fault-noisy = noisy
fault-blank = almost blank
not-excluded = Findings not listed here are not excluded.
untranslated = No name in this language is known for: { $names }.
