# What is written otherwise in Britain than in the United States.
technique-images = { $count ->
    [one] One image was analysed.
   *[other] { $count } images were analysed.
}
technique-series = Series analysed: { $numbers }.
technique-left-out = { $count ->
    [one] One other series was not analysed: { $reasons }.
   *[other] { $count } other series were not analysed: { $reasons }.
}
technique-part-left-out = Some of the images received were not analysed: { $reasons }.
technique-model = Analysed by the AI model { $model } { $version }.
not-read-not_applicable = This study was not analysed by the AI: no model applies.
not-read-could_not_run = This study was not analysed by the AI: the analysis could not be run.
