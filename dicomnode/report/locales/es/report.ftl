title = Borrador de informe por IA
warning = BORRADOR DE IA - INVESTIGACIÓN - NO VERIFICADO POR UN MÉDICO - NO APTO PARA USO DIAGNÓSTICO

heading-examination = Exploración
heading-comparison = Comparación
heading-technique = Técnica
heading-findings = Hallazgos
heading-impression = Impresión diagnóstica
heading-recommendation = Recomendación
heading-limits = Limitaciones

modality-film = radiografía
modality-ct = tomografía computarizada
modality-mr = resonancia magnética
modality-other = estudio de imagen ({ $code })
body-chest = tórax
body-head = cráneo
examination = { $modality } de { $body }
examination-plain = { $modality }
examination-dated = { $examination }, { $date }
revision-replaces = Esta es la revisión { $number } del resultado de IA. Sustituye al resultado del { $time }, que ya no es válido.
revision-beside = Esta es la revisión { $number } del resultado de IA. No afirma nada sobre los hallazgos; el resultado del { $time } sigue siendo válido.

technique-images = { $count ->
    [one] Se analizó una imagen.
   *[other] Se analizaron { $count } imágenes.
}
technique-views = Proyecciones: { $views }.
technique-thickness = Grosor de corte: { $thickness } mm.
technique-series = Serie analizada: { $numbers }.
technique-kernel = Filtro de reconstrucción: { $kernel }.
technique-left-out = { $count ->
    [one] No se analizó otra serie: { $reasons }.
   *[other] No se analizaron otras { $count } series: { $reasons }.
}
technique-part-left-out = No se analizó una parte de las imágenes recibidas: { $reasons }.
left-out-localizer = localizador
left-out-derived = imágenes derivadas
left-out-not-hu = valores que no están en unidades Hounsfield
left-out-orientation = otra orientación de los cortes
left-out-geometry = cortes que no forman un volumen
left-out-incomplete = menos cortes o menor cobertura
left-out-contrast = otra fase de contraste
left-out-kernel = otro filtro de reconstrucción
left-out-thickness = otro grosor de corte
left-out-repeated = imágenes repetidas
left-out-other-kind = imágenes de otro tipo
technique-model = Analizado por el modelo de IA { $model } { $version }.

comparison-compared = Se compara con el estudio previo del { $date }.
comparison-undated = Se compara con un estudio previo sin fecha.
comparison-verified = Los hallazgos previos proceden de un informe verificado por un médico.
comparison-unverified = Los hallazgos previos proceden de un resultado de IA no verificado.
comparison-still_absent = Sin signos, ni entonces ni ahora, de { $alternatives }.
comparison-none_found = No se encontró ningún estudio previo para comparar.
comparison-not_looked_for = No se buscaron estudios previos.
comparison-unreachable = No se pudieron buscar estudios previos: el archivo no respondió.

about = aproximadamente { $percent }
estimate = probabilidad de { $probability }
estimate-interval = probabilidad de { $probability }, intervalo del { $level }: { $low } a { $high }
claim-suggested = Hallazgos compatibles con { $finding }{ $qualifiers }.
claim-denied = Sin signos de { $finding }.
claim-denied-list = Sin signos de { $alternatives }.
claim-doubted = Posible { $finding }{ $qualifiers }.
claim-open = { $finding }: { $gender ->
    [feminine] indeterminada
   *[other] indeterminado
}.
qualifiers = {" "}({ $list })
uncoded = [en { $language }]
translated = [traducción automática]
truncated = El texto redactado alcanzó su longitud máxima y quedó cortado.
reworded = { $count ->
    [one] Se reformuló una frase redactada que no concordaba con el clasificador.
   *[other] Se reformularon { $count } frases redactadas que no concordaban con el clasificador.
}
withheld = { $count ->
    [one] Se retuvo una frase redactada que no concordaba con el clasificador.
   *[other] Se retuvieron { $count } frases redactadas que no concordaban con el clasificador.
}

suspected = Sospecha de { $finding } ({ $estimate }).
suspected-undetermined = Sospecha de { $finding }, sin certeza ({ $estimate }).
undetermined = No se puede confirmar ni descartar la presencia de { $finding } ({ $estimate }).
nothing-found = No se detectó ninguno de los hallazgos evaluados; esto no descarta enfermedad.
nothing-certain = No se sospecha ninguno de los hallazgos evaluados, pero no todos pueden descartarse.
cannot-exclude = Estas imágenes no permiten descartar ningún hallazgo: { $reasons }.
change-new = { $finding }: { $gender ->
    [feminine] nueva
   *[other] nuevo
} respecto al estudio previo.
change-increased = { $finding }: aumento respecto al estudio previo.
change-unchanged = { $finding }: sin cambios respecto al estudio previo.
change-decreased = { $finding }: disminución respecto al estudio previo.
change-resolved = { $finding }: ya no se observa en comparación con el estudio previo.
change-unknown = { $finding }: no se puede determinar el cambio respecto al estudio previo, porque { $reason }.
change-why-undetermined_now = el hallazgo no es seguro en este estudio
change-why-undetermined_then = el hallazgo no era seguro en el estudio previo
change-why-not_judged_then = los resultados previos no lo mencionan
change-why-other_view = las proyecciones son distintas
change-why-not_measured = no se conoce su tamaño en ambos estudios
review = Se solicita que un médico revise este resultado de IA: { $reasons }.
review-undetermined = algunos hallazgos no se pueden confirmar ni descartar
review-disagreement = discrepancia entre el texto redactado y el clasificador o entre varios modelos
review-out_of_distribution = imágenes distintas de las utilizadas para entrenar el modelo
review-quality = calidad de imagen limitada
review-incomplete = estudio incompleto

not-read-not_applicable = La IA no analizó este estudio: ningún modelo es aplicable.
not-read-could_not_run = La IA no analizó este estudio: no se pudo ejecutar el análisis.
not-read-not_judged = La IA no valoró este estudio: { $reasons }.
no-statement = No se afirma nada sobre este estudio.
details = Detalles (en inglés): { $reason }

recommend-emergent = Se sugiere revisión médica inmediata (emergencia, en minutos).
recommend-urgent = Se sugiere revisión médica a la mayor brevedad (urgente, en horas).
recommend-non_critical = Se sugiere revisión médica en el orden habitual; el hallazgo puede requerir seguimiento.
recommend-non_actionable = Revisión médica en el orden habitual; la IA no sugiere cambiar la prioridad.
recommend-undecided = Se requiere revisión médica; el resultado de la IA no es lo bastante seguro para sugerir una prioridad.
recommend-hemorrhage = Si se confirma: avisar de inmediato al equipo tratante y considerar interconsulta a neurocirugía.
recommend-pulmonary_embolism = Si se confirma: avisar de inmediato al equipo tratante; valorar sobrecarga de cavidades derechas.
recommend-pneumothorax = Si se confirma: avisar de inmediato al equipo tratante; valorar neumotórax a tensión.
recommend-pneumonia = Si se confirma: correlacionar con la clínica; seguimiento según las guías locales.
recommend-read_without = Interpretar este estudio como de costumbre, sin apoyo de la IA.

judged = Se evaluó solo la presencia de { $findings }.
judged-nothing = No se evaluó nada.
not-judged-images = { $count ->
    [one] Una de { $total } imágenes no se valoró por ser distinta de las utilizadas para entrenar el modelo.
   *[other] { $count } de { $total } imágenes no se valoraron por ser distintas de las utilizadas para entrenar el modelo.
}
missing-images = { $count ->
    [one] Falta un corte entre los recibidos.
   *[other] Faltan { $count } cortes entre los recibidos.
}
quality-limited = La calidad de imagen es limitada: { $faults }.
fault-blurred = imagen borrosa
fault-under_exposed = subexposición
fault-over_exposed = sobreexposición
fault-noisy = ruido
fault-blank = imagen casi vacía
not-excluded = Los hallazgos no mencionados aquí no quedan descartados.
untranslated = Sin nombre en este idioma: { $names }.
