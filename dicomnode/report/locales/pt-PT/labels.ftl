label-report_date = Data do relatório
label-imaging_report = Relatório de diagnóstico por imagem
label-non_actionable = Sem alteração de prioridade
label-not_for_diagnosis = Rascunho de IA para investigação - não utilizar para diagnóstico
label-not_detected = Não detetado
