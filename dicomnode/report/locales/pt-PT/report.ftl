# What is said otherwise in Portugal than in Brazil.
title = Rascunho de relatório por IA
warning = RASCUNHO DE IA - INVESTIGAÇÃO - NÃO VERIFICADO POR MÉDICO - NÃO UTILIZAR PARA DIAGNÓSTICO
heading-impression = Conclusão
comparison-verified = Os achados anteriores provêm de um relatório verificado por médico.
nothing-found = Nenhum dos achados avaliados foi detetado; isto não exclui doença.
change-resolved = { $finding }: já não se observa em comparação com o exame anterior.
review = Solicita-se que um médico reveja este resultado de IA: { $reasons }.
review-out_of_distribution = imagens diferentes das usadas no treino do modelo
recommend-hemorrhage = Se confirmado: avisar de imediato a equipa assistente e considerar avaliação neurocirúrgica.
recommend-pulmonary_embolism = Se confirmado: avisar de imediato a equipa assistente; avaliar sobrecarga do ventrículo direito.
recommend-pneumothorax = Se confirmado: avisar de imediato a equipa assistente; avaliar pneumotórax hipertensivo.
not-judged-images = { $count ->
    [one] { $count } de { $total } imagens não foi avaliada, por ser diferente das usadas no treino do modelo.
   *[other] { $count } de { $total } imagens não foram avaliadas, por serem diferentes das usadas no treino do modelo.
}
fault-blurred = imagem desfocada
fault-over_exposed = sobre-exposição
modality-ct = tomografia computorizada
recommend-pneumonia = Se confirmado: correlacionar com a clínica; seguimento conforme as orientações locais.
recommend-non_critical = Sugere-se revisão médica na ordem habitual; o achado pode exigir seguimento.
