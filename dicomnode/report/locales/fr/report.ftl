title = Projet de compte rendu par IA
warning = PROJET PAR IA - RECHERCHE - NON VALIDÉ PAR UN MÉDECIN - NE PAS UTILISER POUR LE DIAGNOSTIC

heading-examination = Examen
heading-comparison = Comparaison
heading-technique = Technique
heading-findings = Résultats
heading-impression = Conclusion
heading-recommendation = Recommandation
heading-limits = Limites

modality-film = radiographie
modality-ct = scanner
modality-mr = imagerie par résonance magnétique
modality-other = imagerie ({ $code })
body-chest = thorax
body-head = crâne
examination = { $modality } du { $body }
examination-plain = { $modality }
examination-dated = { $examination }, { $date }
revision-replaces = Ceci est la révision { $number } du résultat d'IA. Elle remplace le résultat du { $time }, qui n'est plus valable.
revision-beside = Ceci est la révision { $number } du résultat d'IA. Elle n'affirme rien sur les constatations ; le résultat du { $time } reste valable.

technique-images = { $count ->
    [one] { $count } image analysée.
   *[other] { $count } images analysées.
}
technique-views = Incidences : { $views }.
technique-thickness = Épaisseur de coupe : { $thickness } mm.
technique-series = Série analysée : { $numbers }.
technique-kernel = Filtre de reconstruction : { $kernel }.
technique-left-out = { $count ->
    [one] { $count } autre série n'a pas été analysée : { $reasons }.
   *[other] { $count } autres séries n'ont pas été analysées : { $reasons }.
}
technique-part-left-out = Une partie des images reçues n'a pas été analysée : { $reasons }.
left-out-localizer = image de repérage
left-out-derived = images dérivées
left-out-not-hu = valeurs non exprimées en unités Hounsfield
left-out-orientation = autre orientation des coupes
left-out-geometry = coupes ne formant pas un volume
left-out-incomplete = moins de coupes ou couverture moindre
left-out-contrast = autre phase d'injection
left-out-kernel = autre filtre de reconstruction
left-out-thickness = autre épaisseur de coupe
left-out-repeated = images répétées
left-out-other-kind = images d'un autre type
technique-model = Analysé par le modèle d'IA { $model } { $version }.

comparison-compared = Comparaison à l'examen du { $date }.
comparison-undated = Comparaison à un examen antérieur non daté.
comparison-verified = Les constatations antérieures proviennent d'un compte rendu validé par un médecin.
comparison-unverified = Les constatations antérieures proviennent d'un résultat d'IA non validé.
comparison-still_absent = Pas de signe, ni alors ni maintenant, de : { $alternatives }.
comparison-none_found = Aucun examen antérieur trouvé pour comparaison.
comparison-not_looked_for = Aucun examen antérieur n'a été recherché.
comparison-unreachable = Les examens antérieurs n'ont pas pu être recherchés : l'archive n'a pas répondu.

about = environ { $percent }
estimate = probabilité : { $probability }
estimate-interval = probabilité : { $probability }, intervalle à { $level } : { $low } à { $high }
claim-suggested = Aspect compatible avec { $gender ->
    [feminine] une
   *[other] un
} { $finding }{ $qualifiers }.
claim-denied = { $starts ->
    [vowel] Pas de signe d'{ $finding }.
   *[other] Pas de signe de { $finding }.
}
claim-denied-list = Pas de signe de : { $alternatives }.
claim-doubted = { $finding } possible{ $qualifiers }.
claim-open = { $finding } : { $gender ->
    [feminine] indéterminée
   *[other] indéterminé
}.
qualifiers = {" "}({ $list })
uncoded = [en { $language }]
translated = [traduction automatique]
truncated = Le texte rédigé a atteint sa longueur maximale et a été coupé.
reworded = { $count ->
    [one] { $count } phrase rédigée en désaccord avec le classifieur a été reformulée.
   *[other] { $count } phrases rédigées en désaccord avec le classifieur ont été reformulées.
}
withheld = { $count ->
    [one] { $count } phrase rédigée en désaccord avec le classifieur a été retenue.
   *[other] { $count } phrases rédigées en désaccord avec le classifieur ont été retenues.
}

suspected = { $starts ->
    [vowel] Suspicion d'{ $finding } ({ $estimate }).
   *[other] Suspicion de { $finding } ({ $estimate }).
}
suspected-undetermined = { $starts ->
    [vowel] Suspicion d'{ $finding }, sans certitude ({ $estimate }).
   *[other] Suspicion de { $finding }, sans certitude ({ $estimate }).
}
undetermined = { $starts ->
    [vowel] La présence d'{ $finding } ne peut être ni confirmée ni exclue ({ $estimate }).
   *[other] La présence de { $finding } ne peut être ni confirmée ni exclue ({ $estimate }).
}
nothing-found = Aucune des anomalies recherchées n'a été détectée ; cela n'exclut pas une maladie.
nothing-certain = Aucune des anomalies recherchées n'est suspectée, mais certaines ne peuvent être exclues.
cannot-exclude = Ces images ne permettent d'exclure aucune anomalie : { $reasons }.
change-new = { $finding } : { $gender ->
    [feminine] nouvelle
   *[other] nouveau
} par rapport à l'examen antérieur.
change-increased = { $finding } : en augmentation par rapport à l'examen antérieur.
change-unchanged = { $finding } : sans changement par rapport à l'examen antérieur.
change-decreased = { $finding } : en diminution par rapport à l'examen antérieur.
change-resolved = { $finding } : n'est plus visible par rapport à l'examen antérieur.
change-unknown = { $finding } : évolution par rapport à l'examen antérieur impossible à préciser, car { $reason }.
change-why-undetermined_now = l'anomalie est incertaine dans cet examen
change-why-undetermined_then = l'anomalie était incertaine dans l'examen antérieur
change-why-not_judged_then = les résultats antérieurs n'en font pas mention
change-why-other_view = les incidences diffèrent
change-why-not_measured = son étendue n'est pas connue dans les deux examens
review = La relecture de ce résultat d'IA par un médecin est demandée : { $reasons }.
review-undetermined = certaines anomalies ne peuvent être ni confirmées ni exclues
review-disagreement = désaccord entre le texte rédigé et le classifieur ou entre plusieurs modèles
review-out_of_distribution = images différentes de celles de l'entraînement du modèle
review-quality = qualité d'image limitée
review-incomplete = examen incomplet

not-read-not_applicable = Cet examen n'a pas été analysé par l'IA : aucun modèle ne s'applique.
not-read-could_not_run = Cet examen n'a pas été analysé par l'IA : l'analyse n'a pas pu être exécutée.
not-read-not_judged = Cet examen n'a pas été évalué par l'IA : { $reasons }.
no-statement = Aucune affirmation n'est faite sur cet examen.
details = Détails (en anglais) : { $reason }

recommend-emergent = Relecture immédiate par un médecin suggérée (urgence immédiate, en quelques minutes).
recommend-urgent = Relecture sans délai par un médecin suggérée (urgent, en quelques heures).
recommend-non_critical = Relecture par un médecin dans l'ordre habituel suggérée ; l'anomalie peut demander un suivi.
recommend-non_actionable = Relecture par un médecin dans l'ordre habituel ; l'IA ne suggère aucun changement de priorité.
recommend-undecided = Relecture par un médecin nécessaire ; le résultat de l'IA n'est pas assez sûr pour proposer une priorité.
recommend-hemorrhage = Si confirmé : prévenir immédiatement l'équipe soignante et envisager un avis neurochirurgical.
recommend-pulmonary_embolism = Si confirmé : prévenir immédiatement l'équipe soignante ; rechercher un retentissement cardiaque droit.
recommend-pneumothorax = Si confirmé : prévenir immédiatement l'équipe soignante ; rechercher des signes de pneumothorax compressif.
recommend-pneumonia = Si confirmé : corrélation clinique ; suivi selon les recommandations locales.
recommend-read_without = Interpréter cet examen comme d'habitude, sans l'aide de l'IA.

judged = Recherche limitée à : { $findings }.
judged-nothing = Rien n'a été évalué.
not-judged-images = { $count ->
    [one] { $count } image sur { $total } n'a pas été évaluée, car différente de celles de l'entraînement du modèle.
   *[other] { $count } images sur { $total } n'ont pas été évaluées, car différentes de celles de l'entraînement du modèle.
}
missing-images = { $count ->
    [one] Il manque { $count } coupe parmi celles reçues.
   *[other] Il manque { $count } coupes parmi celles reçues.
}
quality-limited = La qualité d'image est limitée : { $faults }.
fault-blurred = flou
fault-under_exposed = sous-exposition
fault-over_exposed = surexposition
fault-noisy = bruit
fault-blank = image presque vide
not-excluded = Les anomalies non mentionnées ici ne sont pas exclues.
untranslated = Sans nom dans cette langue : { $names }.
