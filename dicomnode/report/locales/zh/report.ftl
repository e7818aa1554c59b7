title = AI 报告草稿
warning = AI 草稿 - 仅供研究 - 未经医师审核 - 不得用于诊断

heading-examination = 检查
heading-comparison = 对比
heading-technique = 检查技术
heading-findings = 影像所见
heading-impression = 诊断意见
heading-recommendation = 建议
heading-limits = 局限性

modality-film = X线摄影
modality-ct = CT扫描
modality-mr = 磁共振成像
modality-other = 影像检查（{ $code }）
body-chest = 胸部
body-head = 头颅
examination = { $body }{ $modality }
examination-plain = { $modality }
examination-dated = { $examination }，{ $date }
revision-replaces = 这是 AI 结果的第 { $number } 版，取代 { $time } 的结果；原结果不再有效。
revision-beside = 这是 AI 结果的第 { $number } 版，对所见不作任何陈述；{ $time } 的结果仍然有效。

technique-images = { $count ->
   *[other] 共分析 { $count } 幅图像。
}
technique-views = 投照位置：{ $views }。
technique-thickness = 层厚：{ $thickness } 毫米。
technique-series = 已分析序列：{ $numbers }。
technique-kernel = 重建卷积核：{ $kernel }。
technique-left-out = { $count ->
   *[other] 另有 { $count } 个序列未分析：{ $reasons }。
}
technique-part-left-out = 部分收到的图像未采用：{ $reasons }。
left-out-localizer = 定位像
left-out-derived = 后处理图像
left-out-not-hu = 像素值不是亨氏单位
left-out-orientation = 层面方向不同
left-out-geometry = 层面不能构成容积
left-out-incomplete = 层数较少或覆盖不足
left-out-contrast = 增强期相不同
left-out-kernel = 卷积核不同
left-out-thickness = 层厚不同
left-out-repeated = 重复图像
left-out-other-kind = 其他类型的图像
technique-model = 由 AI 模型 { $model } { $version } 分析。

comparison-compared = 与 { $date } 的既往检查对比。
comparison-undated = 与一次日期不详的既往检查对比。
comparison-verified = 既往所见来自经医师审核的报告。
comparison-unverified = 既往所见来自未经审核的 AI 结果。
comparison-still_absent = 既往及本次均未见{ $alternatives }征象。
comparison-none_found = 未找到可供对比的既往检查。
comparison-not_looked_for = 未查找既往检查。
comparison-unreachable = 无法查找既往检查：归档系统无应答。

about = 约{ $percent }
estimate = 概率{ $probability }
estimate-interval = 概率{ $probability }，{ $level } 区间 { $low } 至 { $high }
claim-suggested = 所见与{ $finding }相符{ $qualifiers }。
claim-denied = 未见{ $finding }征象。
claim-denied-list = 未见{ $alternatives }征象。
claim-doubted = 可能有{ $finding }{ $qualifiers }。
claim-open = { $finding }：无法判定。
qualifiers = （{ $list }）
uncoded = ［原文为{ $language }］
translated = ［机器翻译］
truncated = 草稿文字达到长度上限，已被截断。
reworded = { $count ->
   *[other] 有 { $count } 句与分类器不一致的草稿文字已改写。
}
withheld = { $count ->
   *[other] 有 { $count } 句与分类器不一致的草稿文字未予显示。
}

suspected = 疑似{ $finding }（{ $estimate }）。
suspected-undetermined = 疑似{ $finding }，但不确定（{ $estimate }）。
undetermined = 既不能确认也不能排除{ $finding }（{ $estimate }）。
nothing-found = 所评估的各项异常均未检出；这并不排除疾病。
nothing-certain = 所评估的各项均无疑似异常，但并非各项均可排除。
cannot-exclude = 凭这些图像不能排除任何异常：{ $reasons }。
change-new = { $finding }：与既往检查相比为新发。
change-increased = { $finding }：与既往检查相比增大。
change-unchanged = { $finding }：与既往检查相比无变化。
change-decreased = { $finding }：与既往检查相比减小。
change-resolved = { $finding }：与既往检查相比已不再可见。
change-unknown = { $finding }：无法判定与既往检查相比的变化，因为{ $reason }。
change-why-undetermined_now = 本次检查中该所见不确定
change-why-undetermined_then = 既往检查中该所见不确定
change-why-not_judged_then = 既往结果未提及该所见
change-why-other_view = 投照位置不同
change-why-not_measured = 两次检查中的范围并非均已知
review = 请医师复核此 AI 结果：{ $reasons }。
review-undetermined = 部分所见既不能确认也不能排除
review-disagreement = 草稿文字与分类器或多个模型之间不一致
review-out_of_distribution = 图像与模型训练所用图像不同
review-quality = 图像质量受限
review-incomplete = 检查不完整

not-read-not_applicable = AI 未分析此检查：无适用模型。
not-read-could_not_run = AI 未分析此检查：分析无法运行。
not-read-not_judged = AI 未对此检查作出评估：{ $reasons }。
no-statement = 对此检查不作任何陈述。
details = 详情（英文）：{ $reason }

recommend-emergent = 建议医师立即复核（危急，数分钟内）。
recommend-urgent = 建议医师尽快复核（紧急，数小时内）。
recommend-non_critical = 建议医师按常规顺序复核；该所见可能需要随访。
recommend-non_actionable = 请医师按常规顺序复核；AI 不建议改变优先级。
recommend-undecided = 需由医师复核；AI 结果不够确定，不能据此建议优先级。
recommend-hemorrhage = 如确认：立即通知主管医疗团队，并考虑神经外科会诊。
recommend-pulmonary_embolism = 如确认：立即通知主管医疗团队；评估有无右心负荷过重。
recommend-pneumothorax = 如确认：立即通知主管医疗团队；评估有无张力性气胸。
recommend-pneumonia = 如确认：结合临床；按当地指南随访。
recommend-read_without = 请照常阅片，本次无 AI 辅助。

judged = 仅评估以下项目：{ $findings }。
judged-nothing = 未作任何评估。
not-judged-images = { $count ->
   *[other] { $total } 幅图像中有 { $count } 幅与模型训练所用图像不同，未予评估。
}
missing-images = { $count ->
   *[other] 所收到的层面之间缺失 { $count } 层。
}
quality-limited = 图像质量受限：{ $faults }。
fault-blurred = 模糊
fault-under_exposed = 曝光不足
fault-over_exposed = 曝光过度
fault-noisy = 噪声大
fault-blank = 几乎无影像内容
not-excluded = 此处未列出的异常不能视为已排除。
untranslated = 以下名称尚无本语言译名：{ $names }。
