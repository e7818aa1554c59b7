title = Rascunho de laudo por IA
warning = RASCUNHO DE IA - PESQUISA - NÃO VERIFICADO POR MÉDICO - NÃO USAR PARA DIAGNÓSTICO

heading-examination = Exame
heading-comparison = Comparação
heading-technique = Técnica
heading-findings = Achados
heading-impression = Impressão
heading-recommendation = Recomendações
heading-limits = Limitações

modality-film = radiografia
modality-ct = tomografia computadorizada
modality-mr = ressonância magnética
modality-other = exame de imagem ({ $code })
body-chest = tórax
body-head = crânio
examination = { $modality } de { $body }
examination-plain = { $modality }
examination-dated = { $examination }, { $date }
revision-replaces = Esta é a revisão { $number } do resultado de IA. Substitui o resultado de { $time }, que deixou de ser válido.
revision-beside = Esta é a revisão { $number } do resultado de IA. Nada afirma sobre os achados; o resultado de { $time } continua válido.

technique-images = { $count ->
    [one] { $count } imagem analisada.
   *[other] { $count } imagens analisadas.
}
technique-views = Incidências: { $views }.
technique-thickness = Espessura de corte: { $thickness } mm.
technique-series = Série analisada: { $numbers }.
technique-kernel = Filtro de reconstrução: { $kernel }.
technique-left-out = { $count ->
    [one] { $count } outra série não foi analisada: { $reasons }.
   *[other] { $count } outras séries não foram analisadas: { $reasons }.
}
technique-part-left-out = Parte das imagens recebidas não foi analisada: { $reasons }.
left-out-localizer = localizador
left-out-derived = imagens derivadas
left-out-not-hu = valores que não estão em unidades Hounsfield
left-out-orientation = outra orientação dos cortes
left-out-geometry = cortes que não formam um volume
left-out-incomplete = menos cortes ou menor cobertura
left-out-contrast = outra fase de contraste
left-out-kernel = outro filtro de reconstrução
left-out-thickness = outra espessura de corte
left-out-repeated = imagens repetidas
left-out-other-kind = imagens de outro tipo
technique-model = Analisado pelo modelo de IA { $model } { $version }.

comparison-compared = Comparado com o exame anterior de { $date }.
comparison-undated = Comparado com um exame anterior sem data.
comparison-verified = Os achados anteriores provêm de um laudo verificado por médico.
comparison-unverified = Os achados anteriores provêm de um resultado de IA não verificado.
comparison-still_absent = Sem sinais, nem antes nem agora, de { $alternatives }.
comparison-none_found = Nenhum exame anterior foi encontrado para comparação.
comparison-not_looked_for = Não foram procurados exames anteriores.
comparison-unreachable = Não foi possível procurar exames anteriores: o arquivo não respondeu.

about = cerca de { $percent }
estimate = probabilidade de { $probability }
estimate-interval = probabilidade de { $probability }, intervalo de { $level }: { $low } a { $high }
claim-suggested = Achados compatíveis com { $finding }{ $qualifiers }.
claim-denied = Sem sinais de { $finding }.
claim-denied-list = Sem sinais de { $alternatives }.
claim-doubted = Possível { $finding }{ $qualifiers }.
claim-open = { $finding }: { $gender ->
    [feminine] indeterminada
   *[other] indeterminado
}.
qualifiers = {" "}({ $list })
uncoded = [em { $language }]
translated = [tradução automática]
truncated = O texto redigido atingiu o comprimento máximo e foi cortado.
reworded = { $count ->
    [one] { $count } frase redigida que não concordava com o classificador foi reformulada.
   *[other] { $count } frases redigidas que não concordavam com o classificador foram reformuladas.
}
withheld = { $count ->
    [one] { $count } frase redigida que não concordava com o classificador foi retida.
   *[other] { $count } frases redigidas que não concordavam com o classificador foram retidas.
}

suspected = Suspeita de { $finding } ({ $estimate }).
suspected-undetermined = Suspeita de { $finding }, sem certeza ({ $estimate }).
undetermined = Não é possível confirmar nem excluir a presença de { $finding } ({ $estimate }).
nothing-found = Nenhum dos achados avaliados foi detectado; isto não exclui doença.
nothing-certain = Não há suspeita de nenhum dos achados avaliados, mas nem todos podem ser excluídos.
cannot-exclude = Estas imagens não permitem excluir nenhum achado: { $reasons }.
change-new = { $finding }: { $gender ->
    [feminine] nova
   *[other] novo
} em relação ao exame anterior.
change-increased = { $finding }: aumento em relação ao exame anterior.
change-unchanged = { $finding }: sem alteração em relação ao exame anterior.
change-decreased = { $finding }: redução em relação ao exame anterior.
change-resolved = { $finding }: não se observa mais em comparação com o exame anterior.
change-unknown = { $finding }: não é possível determinar a mudança em relação ao exame anterior, porque { $reason }.
change-why-undetermined_now = o achado não é certo neste exame
change-why-undetermined_then = o achado não era certo no exame anterior
change-why-not_judged_then = os resultados anteriores não o mencionam
change-why-other_view = as incidências são diferentes
change-why-not_measured = o seu tamanho não é conhecido nos dois exames
review = Solicita-se que um médico revise este resultado de IA: { $reasons }.
review-undetermined = alguns achados não podem ser confirmados nem excluídos
review-disagreement = discordância entre o texto redigido e o classificador ou entre vários modelos
review-out_of_distribution = imagens diferentes das usadas no treinamento do modelo
review-quality = qualidade de imagem limitada
review-incomplete = exame incompleto

not-read-not_applicable = Este exame não foi analisado pela IA: nenhum modelo se aplica.
not-read-could_not_run = Este exame não foi analisado pela IA: não foi possível executar a análise.
not-read-not_judged = Este exame não foi avaliado pela IA: { $reasons }.
no-statement = Nada se afirma sobre este exame.
details = Detalhes (em inglês): { $reason }

recommend-emergent = Sugere-se revisão médica imediata (emergência, em minutos).
recommend-urgent = Sugere-se revisão médica com brevidade (urgente, em horas).
recommend-non_critical = Sugere-se revisão médica na ordem habitual; o achado pode exigir acompanhamento.
recommend-non_actionable = Revisão médica na ordem habitual; a IA não sugere mudança de prioridade.
recommend-undecided = É necessária revisão médica; o resultado da IA não é suficientemente seguro para sugerir uma prioridade.
recommend-hemorrhage = Se confirmado: avisar imediatamente a equipe assistente e considerar avaliação neurocirúrgica.
recommend-pulmonary_embolism = Se confirmado: avisar imediatamente a equipe assistente; avaliar sobrecarga do ventrículo direito.
recommend-pneumothorax = Se confirmado: avisar imediatamente a equipe assistente; avaliar pneumotórax hipertensivo.
recommend-pneumonia = Se confirmado: correlacionar com a clínica; acompanhamento conforme as diretrizes locais.
recommend-read_without = Interpretar este exame como de costume, sem apoio da IA.

judged = Avaliou-se apenas a presença de { $findings }.
judged-nothing = Nada foi avaliado.
not-judged-images = { $count ->
    [one] { $count } de { $total } imagens não foi avaliada, por ser diferente das usadas no treinamento do modelo.
   *[other] { $count } de { $total } imagens não foram avaliadas, por serem diferentes das usadas no treinamento do modelo.
}
missing-images = { $count ->
    [one] Falta { $count } corte entre os recebidos.
   *[other] Faltam { $count } cortes entre os recebidos.
}
quality-limited = A qualidade de imagem é limitada: { $faults }.
fault-blurred = imagem borrada
fault-under_exposed = subexposição
fault-over_exposed = superexposição
fault-noisy = ruído
fault-blank = imagem quase vazia
not-excluded = Os achados não mencionados aqui não estão excluídos.
untranslated = Sem nome neste idioma: { $names }.
