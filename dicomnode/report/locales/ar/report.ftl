title = مسودة تقرير بالذكاء الاصطناعي
warning = مسودة بالذكاء الاصطناعي - للبحث فقط - لم يراجعها طبيب - لا تُستخدم للتشخيص

heading-examination = الفحص
heading-comparison = المقارنة
heading-technique = التقنية
heading-findings = الموجودات
heading-impression = الخلاصة
heading-recommendation = التوصيات
heading-limits = القيود

modality-film = صورة شعاعية
modality-ct = تصوير مقطعي محوسب
modality-mr = تصوير بالرنين المغناطيسي
modality-other = تصوير طبي ({ $code })
body-chest = للصدر
body-head = للرأس
examination = { $modality } { $body }
examination-plain = { $modality }
examination-dated = { $examination }، { $date }
revision-replaces = هذه هي المراجعة { $number } لنتيجة الذكاء الاصطناعي. وهي تحل محل نتيجة { $time } التي لم تعد معتمدة.
revision-beside = هذه هي المراجعة { $number } لنتيجة الذكاء الاصطناعي. ولا تقول شيئًا عن الموجودات، ونتيجة { $time } لا تزال معتمدة.

technique-images = { $count ->
    [zero] لم تُحلَّل أي صورة.
    [one] حُلِّلت صورة واحدة.
    [two] حُلِّلت صورتان.
    [few] حُلِّلت { $count } صور.
    [many] حُلِّلت { $count } صورة.
   *[other] حُلِّلت { $count } صورة.
}
technique-views = الوضعيات: { $views }.
technique-thickness = سماكة المقطع: { $thickness } مم.
technique-series = السلسلة المحلَّلة: { $numbers }.
technique-kernel = نواة إعادة البناء: { $kernel }.
technique-left-out = { $count ->
    [zero] حُلِّلت كل السلاسل: { $reasons }.
    [one] لم تُحلَّل سلسلة أخرى واحدة: { $reasons }.
    [two] لم تُحلَّل سلسلتان أخريان: { $reasons }.
    [few] لم تُحلَّل { $count } سلاسل أخرى: { $reasons }.
    [many] لم تُحلَّل { $count } سلسلة أخرى: { $reasons }.
   *[other] لم تُحلَّل { $count } سلسلة أخرى: { $reasons }.
}
technique-part-left-out = لم يُحلَّل جزء من الصور المستلمة: { $reasons }.
left-out-localizer = صورة تحديد الموضع
left-out-derived = صور مشتقة
left-out-not-hu = قيم ليست بوحدات هاونسفيلد
left-out-orientation = اتجاه آخر للمقاطع
left-out-geometry = مقاطع لا تكوّن حجمًا
left-out-incomplete = مقاطع أقل أو تغطية أقل
left-out-contrast = طور تباين آخر
left-out-kernel = نواة أخرى
left-out-thickness = سماكة مقطع أخرى
left-out-repeated = صور مكررة
left-out-other-kind = صور من نوع آخر
technique-model = حلّله نموذج الذكاء الاصطناعي { $model } { $version }.

comparison-compared = قورن بالفحص السابق في { $date }.
comparison-undated = قورن بفحص سابق بلا تاريخ.
comparison-verified = الموجودات السابقة مأخوذة من تقرير راجعه طبيب.
comparison-unverified = الموجودات السابقة مأخوذة من نتيجة ذكاء اصطناعي غير مراجَعة.
comparison-still_absent = لا علامات سابقًا ولا الآن على { $alternatives }.
comparison-none_found = لم يُعثر على فحص سابق للمقارنة.
comparison-not_looked_for = لم يُبحث عن فحوص سابقة.
comparison-unreachable = تعذّر البحث عن الفحوص السابقة: لم يستجب الأرشيف.

about = نحو { $percent }
estimate = الاحتمال { $probability }
estimate-interval = الاحتمال { $probability }، مجال { $level } من { $low } إلى { $high }
claim-suggested = موجودات متوافقة مع { $finding }{ $qualifiers }.
claim-denied = لا علامات على { $finding }.
claim-denied-list = لا علامات على { $alternatives }.
claim-doubted = احتمال وجود { $finding }{ $qualifiers }.
claim-open = { $finding }: { $gender ->
    [feminine] غير محسومة
   *[other] غير محسوم
}.
qualifiers = {" "}({ $list })
uncoded = [باللغة { $language }]
translated = [ترجمة آلية]
truncated = بلغ النص المسودّ حدّه الأقصى وقُطع.
reworded = { $count ->
    [zero] لم تُعَد صياغة أي جملة.
    [one] أُعيدت صياغة جملة واحدة لا تتفق مع المصنِّف.
    [two] أُعيدت صياغة جملتين لا تتفقان مع المصنِّف.
    [few] أُعيدت صياغة { $count } جمل لا تتفق مع المصنِّف.
    [many] أُعيدت صياغة { $count } جملة لا تتفق مع المصنِّف.
   *[other] أُعيدت صياغة { $count } جملة لا تتفق مع المصنِّف.
}
withheld = { $count ->
    [zero] لم تُحجب أي جملة.
    [one] حُجبت جملة واحدة لا تتفق مع المصنِّف.
    [two] حُجبت جملتان لا تتفقان مع المصنِّف.
    [few] حُجبت { $count } جمل لا تتفق مع المصنِّف.
    [many] حُجبت { $count } جملة لا تتفق مع المصنِّف.
   *[other] حُجبت { $count } جملة لا تتفق مع المصنِّف.
}

suspected = اشتباه في { $finding } ({ $estimate }).
suspected-undetermined = اشتباه غير مؤكد في { $finding } ({ $estimate }).
undetermined = لا يمكن تأكيد { $finding } { $gender ->
    [feminine] ولا نفيها
   *[other] ولا نفيه
} ({ $estimate }).
nothing-found = لم يُكشف عن أي من الموجودات المقيَّمة؛ وهذا لا ينفي وجود مرض.
nothing-certain = لا اشتباه في أي من الموجودات المقيَّمة، لكن لا يمكن نفي بعضها.
cannot-exclude = لا تسمح هذه الصور بنفي أي موجودات: { $reasons }.
change-new = { $finding }: { $gender ->
    [feminine] جديدة
   *[other] جديد
} مقارنة بالفحص السابق.
change-increased = { $finding }: ازدياد مقارنة بالفحص السابق.
change-unchanged = { $finding }: دون تغيّر مقارنة بالفحص السابق.
change-decreased = { $finding }: تراجع مقارنة بالفحص السابق.
change-resolved = { $finding }: { $gender ->
    [feminine] لم تعد مرئية
   *[other] لم يعد مرئيًا
} مقارنة بالفحص السابق.
change-unknown = { $finding }: لا يمكن تحديد التغيّر مقارنة بالفحص السابق (السبب: { $reason }).
change-why-undetermined_now = عدم التأكد في هذا الفحص
change-why-undetermined_then = عدم التأكد في الفحص السابق
change-why-not_judged_then = لم يُذكر في النتائج السابقة
change-why-other_view = اختلاف الوضعيات
change-why-not_measured = الحجم غير معروف في الفحصين كليهما
review = يُطلب من طبيب مراجعة نتيجة الذكاء الاصطناعي هذه: { $reasons }.
review-undetermined = بعض الموجودات لا يمكن تأكيدها ولا نفيها
review-disagreement = اختلاف بين النص المسودّ والمصنِّف أو بين عدة نماذج
review-out_of_distribution = صور تختلف عن الصور التي دُرِّب عليها النموذج
review-quality = جودة الصورة محدودة
review-incomplete = الفحص غير مكتمل

not-read-not_applicable = لم يحلّل الذكاء الاصطناعي هذا الفحص: لا نموذج ينطبق عليه.
not-read-could_not_run = لم يحلّل الذكاء الاصطناعي هذا الفحص: تعذّر إجراء التحليل.
not-read-not_judged = لم يقيّم الذكاء الاصطناعي هذا الفحص: { $reasons }.
no-statement = لا يُصدر أي حكم بشأن هذا الفحص.
details = التفاصيل (بالإنجليزية): { $reason }

recommend-emergent = يُقترح أن يراجعه طبيب فورًا (حالة طارئة، خلال دقائق).
recommend-urgent = يُقترح أن يراجعه طبيب على وجه السرعة (عاجل، خلال ساعات).
recommend-non_critical = يُقترح أن يراجعه طبيب بالترتيب المعتاد؛ قد تحتاج الموجودات إلى متابعة.
recommend-non_actionable = مراجعة طبيب بالترتيب المعتاد؛ لا يقترح الذكاء الاصطناعي تغيير الأولوية.
recommend-undecided = تلزم مراجعة طبيب؛ نتيجة الذكاء الاصطناعي ليست مؤكدة بما يكفي لاقتراح أولوية.
recommend-hemorrhage = عند التأكيد: إبلاغ الفريق المعالج فورًا والنظر في استشارة جراحة الأعصاب.
recommend-pulmonary_embolism = عند التأكيد: إبلاغ الفريق المعالج فورًا؛ تقييم إجهاد القلب الأيمن.
recommend-pneumothorax = عند التأكيد: إبلاغ الفريق المعالج فورًا؛ تقييم وجود استرواح صدر ضاغط.
recommend-pneumonia = عند التأكيد: الربط بالحالة السريرية؛ المتابعة حسب الإرشادات المحلية.
recommend-read_without = يُرجى تفسير هذا الفحص كالمعتاد دون مساعدة الذكاء الاصطناعي.

judged = اقتصر التقييم على: { $findings }.
judged-nothing = لم يُقيَّم شيء.
not-judged-images = { $count ->
    [zero] قُيِّمت كل الصور ({ $total }).
    [one] لم تُقيَّم صورة واحدة من { $total } لأنها تختلف عن الصور التي دُرِّب عليها النموذج.
    [two] لم تُقيَّم صورتان من { $total } لأنهما تختلفان عن الصور التي دُرِّب عليها النموذج.
    [few] لم تُقيَّم { $count } صور من { $total } لأنها تختلف عن الصور التي دُرِّب عليها النموذج.
    [many] لم تُقيَّم { $count } صورة من { $total } لأنها تختلف عن الصور التي دُرِّب عليها النموذج.
   *[other] لم تُقيَّم { $count } صورة من { $total } لأنها تختلف عن الصور التي دُرِّب عليها النموذج.
}
missing-images = { $count ->
    [zero] لا ينقص أي مقطع.
    [one] ينقص مقطع واحد بين المقاطع المستلمة.
    [two] ينقص مقطعان بين المقاطع المستلمة.
    [few] تنقص { $count } مقاطع بين المقاطع المستلمة.
    [many] ينقص { $count } مقطعًا بين المقاطع المستلمة.
   *[other] ينقص { $count } مقطع بين المقاطع المستلمة.
}
quality-limited = جودة الصورة محدودة: { $faults }.
fault-blurred = عدم وضوح
fault-under_exposed = نقص التعريض
fault-over_exposed = فرط التعريض
fault-noisy = تشويش
fault-blank = صورة شبه فارغة
not-excluded = الموجودات غير المذكورة هنا ليست منفية.
untranslated = لا اسم معروفًا بهذه اللغة لما يلي: { $names }.
