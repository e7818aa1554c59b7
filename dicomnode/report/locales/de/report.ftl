title = KI-Befundentwurf
warning = KI-ENTWURF - FORSCHUNG - NICHT ÄRZTLICH GEPRÜFT - NICHT FÜR DIE DIAGNOSTIK
synthetic-model = Dieses Modell wurde nur mit computergenerierten Bildern trainiert und nie an Patienten geprüft.

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
body-head = Schädel
examination = { $modality }, { $body }
examination-plain = { $modality }
examination-dated = { $examination }, vom { $date }
revision-replaces = Dies ist Revision { $number } des KI-Ergebnisses. Sie ersetzt das Ergebnis vom { $time }, das nicht mehr gilt.
revision-beside = Dies ist Revision { $number } des KI-Ergebnisses. Sie macht keine Aussage zum Befund; das Ergebnis vom { $time } gilt weiterhin.

technique-images = { $count ->
    [one] Ein Bild wurde ausgewertet.
   *[other] { $count } Bilder wurden ausgewertet.
}
technique-views = Projektionen: { $views }.
technique-thickness = Schichtdicke: { $thickness } mm.
technique-series = Gelesene Serie: { $numbers }.
technique-kernel = Faltungskern: { $kernel }.
technique-left-out = { $count ->
    [one] Eine weitere Serie wurde nicht gelesen: { $reasons }.
   *[other] { $count } weitere Serien wurden nicht gelesen: { $reasons }.
}
technique-part-left-out = Teile des Gesendeten wurden ausgelassen: { $reasons }.
left-out-localizer = Übersichtsaufnahme
left-out-derived = berechnete Bilder
left-out-not-hu = Werte, die keine Hounsfield-Einheiten sind
left-out-orientation = andere Schichtorientierung
left-out-geometry = nicht stapelbare Schichten
left-out-incomplete = weniger Schichten oder geringere Abdeckung
left-out-contrast = andere Kontrastphase
left-out-kernel = anderer Faltungskern
left-out-thickness = andere Schichtdicke
left-out-repeated = weitere Bilder desselben
left-out-other-kind = Bilder anderer Art
technique-model = Ausgewertet vom KI-Modell { $model } { $version }.

comparison-compared = Verglichen mit der Untersuchung vom { $date }.
comparison-undated = Verglichen mit einer Voruntersuchung ohne Datum.
comparison-verified = Der damalige Befund stammt aus einem ärztlich geprüften Bericht.
comparison-unverified = Der damalige Befund stammt aus einem ungeprüften KI-Ergebnis.
comparison-still_absent = Weder damals noch jetzt Hinweis auf: { $findings }.
comparison-none_found = Keine Voruntersuchung gefunden; ein Vergleich ist nicht möglich.
comparison-not_looked_for = Nach Voruntersuchungen wurde nicht gesucht.
comparison-unreachable = Nach Voruntersuchungen konnte nicht gesucht werden: Das Archiv hat nicht geantwortet.

about = etwa { $percent }
estimate = Wahrscheinlichkeit { $probability }
estimate-interval = Wahrscheinlichkeit { $probability }, 95-%-Intervall { $low } bis { $high }
claim-suggested = Befund vereinbar mit: { $finding }{ $qualifiers }.
claim-denied = Kein Hinweis auf { $finding }.
claim-denied-list = Kein Hinweis auf: { $findings }.
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

suspected = Verdacht auf { $finding } ({ $estimate }).
suspected-undetermined = Verdacht auf { $finding }, jedoch nicht sicher ({ $estimate }).
undetermined = { $finding } weder zu bestätigen noch auszuschließen ({ $estimate }).
nothing-found = Keiner der beurteilten Befunde wurde erkannt; eine Erkrankung ist damit nicht ausgeschlossen.
nothing-certain = Kein Verdacht auf einen der beurteilten Befunde, doch sind nicht alle auszuschließen.
cannot-exclude = Mit diesen Bildern ist kein Befund auszuschließen: { $reasons }.
change-new = { $finding }: neu seit der Voruntersuchung.
change-increased = { $finding }: zunehmend seit der Voruntersuchung.
change-unchanged = { $finding }: unverändert seit der Voruntersuchung.
change-decreased = { $finding }: abnehmend seit der Voruntersuchung.
change-resolved = { $finding }: im Vergleich zur Voruntersuchung nicht mehr nachweisbar.
change-unknown = { $finding }: Veränderung gegenüber der Voruntersuchung nicht zu beurteilen, weil { $reason }.
change-why-undetermined_now = der Befund in dieser Untersuchung nicht sicher ist
change-why-undetermined_then = der Befund in der Voruntersuchung nicht sicher war
change-why-not_judged_then = aus der Voruntersuchung nichts dazu bekannt ist
change-why-other_view = die Aufnahmen verschiedene Projektionen haben
change-why-not_measured = die Größe nicht aus beiden Untersuchungen bekannt ist
review = Ärztliche Überprüfung dieses KI-Ergebnisses erbeten: { $reasons }.
review-undetermined = nicht jeder Befund war zu entscheiden
review-disagreement = Text und Klassifikator oder mehrere Modelle widersprechen sich
review-out_of_distribution = Bilder weichen von denen ab, mit denen das Modell trainiert wurde
review-quality = eingeschränkte Bildqualität
review-incomplete = Untersuchung unvollständig

not-read-not_applicable = Diese Untersuchung wurde von der KI nicht befundet: Kein Modell ist anwendbar.
not-read-could_not_run = Diese Untersuchung wurde von der KI nicht befundet: Die Auswertung war nicht möglich.
not-read-not_judged = Diese Untersuchung wurde von der KI nicht beurteilt: { $reasons }.
no-statement = Zu dieser Untersuchung wird keine Aussage gemacht.
details = Einzelheiten: { $reason }

recommend-emergent = Sofortige ärztliche Begutachtung empfohlen (Notfall, innerhalb von Minuten).
recommend-urgent = Baldige ärztliche Begutachtung empfohlen (dringlich, innerhalb von Stunden).
recommend-non_critical = Ärztliche Begutachtung in der üblichen Reihenfolge; der Befund kann eine Verlaufskontrolle erfordern.
recommend-non_actionable = Ärztliche Begutachtung in der üblichen Reihenfolge; die KI schlägt keine Änderung der Priorität vor.
recommend-undecided = Ärztliche Begutachtung erforderlich; das KI-Ergebnis ist nicht sicher genug, um eine Priorität vorzuschlagen.
recommend-hemorrhage = Bei Bestätigung: behandelndes Team sofort verständigen, neurochirurgisches Konsil erwägen.
recommend-pulmonary_embolism = Bei Bestätigung: behandelndes Team sofort verständigen; Rechtsherzbelastung prüfen.
recommend-pneumothorax = Bei Bestätigung: behandelndes Team sofort verständigen; Spannungszeichen prüfen.
recommend-pneumonia = Bei Bestätigung: mit der Klinik korrelieren; Verlaufskontrolle nach örtlicher Leitlinie.
recommend-read_without = Diese Untersuchung wie üblich ohne Unterstützung der KI befunden.

judged = Beurteilt wurde nur: { $findings }.
judged-nothing = Beurteilt wurde nichts.
not-judged-images = { $count ->
    [one] Eines von { $total } Bildern wurde nicht beurteilt, da es von denen abweicht, mit denen das Modell trainiert wurde.
   *[other] { $count } von { $total } Bildern wurden nicht beurteilt, da sie von denen abweichen, mit denen das Modell trainiert wurde.
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
not-excluded = Ein hier nicht genannter Befund ist nicht ausgeschlossen.
untranslated = In dieser Sprache ist kein Name bekannt für: { $names }.
