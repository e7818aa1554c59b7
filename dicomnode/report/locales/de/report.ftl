title = KI-Befundentwurf
warning = KI-ENTWURF - FORSCHUNG - NICHT ÄRZTLICH GEPRÜFT - NICHT FÜR DIE DIAGNOSTIK

heading-examination = Untersuchung
heading-comparison = Voruntersuchungen
heading-technique = Technik
heading-findings = Befund
heading-impression = Beurteilung
heading-recommendation = Empfehlung
heading-limits = Einschränkungen

modality-film = Röntgenaufnahme
modality-ct = Computertomographie
modality-mr = Magnetresonanztomographie
modality-other = Bildgebung ({ $code })
body-chest = Thorax
body-head = Schädels
examination = { $modality } des { $body }
examination-plain = { $modality }
examination-dated = { $examination } vom { $date }
revision-replaces = Dies ist Revision { $number } des KI-Ergebnisses. Sie ersetzt das Ergebnis vom { $time }, das nicht mehr gilt.
revision-beside = Dies ist Revision { $number } des KI-Ergebnisses. Sie macht keine Aussage zum Befund; das Ergebnis vom { $time } gilt weiterhin.

technique-images = { $count ->
    [one] Ein Bild wurde ausgewertet.
   *[other] { $count } Bilder wurden ausgewertet.
}
technique-views = Projektionen: { $views }.
technique-thickness = Schichtdicke: { $thickness } mm.
technique-series = Ausgewertete Serie: { $numbers }.
technique-kernel = Faltungskern: { $kernel }.
technique-left-out = { $count ->
    [one] Eine weitere Serie wurde nicht ausgewertet: { $reasons }.
   *[other] { $count } weitere Serien wurden nicht ausgewertet: { $reasons }.
}
technique-part-left-out = Ein Teil der empfangenen Bilder wurde nicht ausgewertet: { $reasons }.
left-out-localizer = Übersichtsaufnahme
left-out-derived = berechnete Bilder
left-out-not-hu = Werte nicht in Hounsfield-Einheiten
left-out-orientation = andere Schichtorientierung
left-out-geometry = Schichten bilden kein Volumen
left-out-incomplete = weniger Schichten oder geringere Abdeckung
left-out-contrast = andere Kontrastphase
left-out-kernel = anderer Faltungskern
left-out-thickness = andere Schichtdicke
left-out-repeated = wiederholte Bilder
left-out-other-kind = Bilder anderer Art
technique-model = Ausgewertet vom KI-Modell { $model } { $version }.

comparison-compared = Verglichen mit der Voruntersuchung vom { $date }.
comparison-undated = Verglichen mit einer Voruntersuchung ohne Datum.
comparison-verified = Der Vorbefund stammt aus einem ärztlich freigegebenen Bericht.
comparison-unverified = Der Vorbefund stammt aus einem nicht ärztlich geprüften KI-Ergebnis.
comparison-still_absent = Weder damals noch jetzt Hinweis auf { $alternatives }.
comparison-none_found = Keine Voruntersuchung zum Vergleich gefunden.
comparison-not_looked_for = Nach Voruntersuchungen wurde nicht gesucht.
comparison-unreachable = Nach Voruntersuchungen konnte nicht gesucht werden: Das Archiv hat nicht geantwortet.

about = etwa { $percent }
estimate = Wahrscheinlichkeit { $probability }
estimate-interval = Wahrscheinlichkeit { $probability }, 95-%-Intervall { $low } bis { $high }
claim-suggested = Befund vereinbar mit { $dative }{ $qualifiers }.
claim-denied = Kein Hinweis auf { $accusative }.
claim-denied-list = Kein Hinweis auf { $alternatives }.
claim-doubted = Möglicherweise { $finding }{ $qualifiers }.
claim-open = { $finding }: nicht sicher zu beurteilen.
qualifiers = {" "}({ $list })
uncoded = [Sprache: { $language }]
translated = [maschinell übersetzt]
truncated = Der Textentwurf hat seine Höchstlänge erreicht und wurde abgeschnitten.
reworded = { $count ->
    [one] Ein Satz des Entwurfs, der nicht mit dem Klassifikator übereinstimmte, wurde neu formuliert.
   *[other] { $count } Sätze des Entwurfs, die nicht mit dem Klassifikator übereinstimmten, wurden neu formuliert.
}
withheld = { $count ->
    [one] Ein Satz des Entwurfs, der nicht mit dem Klassifikator übereinstimmte, wurde zurückgehalten.
   *[other] { $count } Sätze des Entwurfs, die nicht mit dem Klassifikator übereinstimmten, wurden zurückgehalten.
}

suspected = Verdacht auf { $accusative } ({ $estimate }).
suspected-undetermined = Verdacht auf { $accusative }, jedoch nicht sicher ({ $estimate }).
undetermined = { $finding } weder zu bestätigen noch auszuschließen ({ $estimate }).
nothing-found = Keiner der geprüften Befunde wurde erkannt; eine Erkrankung ist damit nicht ausgeschlossen.
nothing-certain = Kein Verdacht auf einen der geprüften Befunde, doch sind nicht alle auszuschließen.
cannot-exclude = Anhand dieser Bilder ist kein Befund auszuschließen: { $reasons }.
change-new = { $finding }: neu gegenüber der Voruntersuchung.
change-increased = { $finding }: zunehmend gegenüber der Voruntersuchung.
change-unchanged = { $finding }: unverändert gegenüber der Voruntersuchung.
change-decreased = { $finding }: abnehmend gegenüber der Voruntersuchung.
change-resolved = { $finding }: im Vergleich zur Voruntersuchung nicht mehr nachweisbar.
change-unknown = { $finding }: Veränderung gegenüber der Voruntersuchung nicht zu beurteilen, weil { $reason }.
change-why-undetermined_now = der Befund in dieser Untersuchung nicht sicher ist
change-why-undetermined_then = der Befund in der Voruntersuchung nicht sicher war
change-why-not_judged_then = der Vorbefund dazu nichts aussagt
change-why-other_view = die Aufnahmen in verschiedenen Projektionen angefertigt wurden
change-why-not_measured = die Ausdehnung nicht für beide Untersuchungen bekannt ist
review = Ärztliche Überprüfung dieses KI-Ergebnisses erbeten: { $reasons }.
review-undetermined = einzelne Befunde sind weder bestätigt noch ausgeschlossen
review-disagreement = Textentwurf und Klassifikator oder mehrere Modelle widersprechen sich
review-out_of_distribution = Bilder weichen von den Trainingsbildern des Modells ab
review-quality = eingeschränkte Bildqualität
review-incomplete = Untersuchung unvollständig

not-read-not_applicable = Diese Untersuchung wurde von der KI nicht befundet: Kein Modell ist anwendbar.
not-read-could_not_run = Diese Untersuchung wurde von der KI nicht befundet: Die Auswertung war nicht möglich.
not-read-not_judged = Diese Untersuchung wurde von der KI nicht beurteilt: { $reasons }.
no-statement = Zu dieser Untersuchung wird keine Aussage getroffen.
details = Einzelheiten (auf Englisch): { $reason }

recommend-emergent = Sofortige ärztliche Begutachtung empfohlen (Notfall, innerhalb von Minuten).
recommend-urgent = Baldige ärztliche Begutachtung empfohlen (dringlich, innerhalb von Stunden).
recommend-non_critical = Ärztliche Begutachtung in der üblichen Reihenfolge empfohlen; der Befund kann eine Verlaufskontrolle erfordern.
recommend-non_actionable = Ärztliche Begutachtung in der üblichen Reihenfolge; die KI schlägt keine Änderung der Priorität vor.
recommend-undecided = Ärztliche Begutachtung erforderlich; das KI-Ergebnis ist nicht sicher genug, um eine Priorität vorzuschlagen.
recommend-hemorrhage = Bei Bestätigung: behandelndes Team sofort verständigen, neurochirurgisches Konsil erwägen.
recommend-pulmonary_embolism = Bei Bestätigung: behandelndes Team sofort verständigen; auf Rechtsherzbelastung prüfen.
recommend-pneumothorax = Bei Bestätigung: behandelndes Team sofort verständigen; auf Spannungspneumothorax prüfen.
recommend-pneumonia = Bei Bestätigung: klinische Korrelation; Verlaufskontrolle gemäß örtlicher Leitlinie.
recommend-read_without = Diese Untersuchung wie üblich ohne KI-Unterstützung befunden.

judged = Geprüft wurde nur auf { $findings }.
judged-nothing = Es wurde nichts beurteilt.
not-judged-images = { $count ->
    [one] Eines von { $total } Bildern wurde nicht beurteilt, da es von den Trainingsbildern des Modells abweicht.
   *[other] { $count } von { $total } Bildern wurden nicht beurteilt, da sie von den Trainingsbildern des Modells abweichen.
}
missing-images = { $count ->
    [one] Zwischen den empfangenen Schichten fehlt eine.
   *[other] Zwischen den empfangenen Schichten fehlen { $count }.
}
quality-limited = Die Bildqualität ist eingeschränkt: { $faults }.
fault-blurred = unscharf
fault-under_exposed = unterbelichtet
fault-over_exposed = überbelichtet
fault-noisy = verrauscht
fault-blank = nahezu leer
not-excluded = Hier nicht aufgeführte Befunde sind nicht ausgeschlossen.
untranslated = In dieser Sprache ohne Bezeichnung: { $names }.
