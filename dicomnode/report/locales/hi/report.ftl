title = एआई द्वारा रिपोर्ट का प्रारूप
warning = एआई प्रारूप - केवल शोध हेतु - चिकित्सक द्वारा सत्यापित नहीं - निदान के लिए नहीं

heading-examination = जाँच
heading-comparison = तुलना
heading-technique = तकनीक
heading-findings = निष्कर्ष
heading-impression = अभिमत
heading-recommendation = सुझाव
heading-limits = सीमाएँ

modality-film = एक्स-रे
modality-ct = सीटी स्कैन
modality-mr = एमआरआई
modality-other = चित्रण जाँच ({ $code })
body-chest = छाती
body-head = सिर
examination = { $body } का { $modality }
examination-plain = { $modality }
examination-dated = { $examination }, { $date }
revision-replaces = यह एआई परिणाम का संशोधन { $number } है। यह { $time } के परिणाम की जगह लेता है, जो अब मान्य नहीं है।
revision-beside = यह एआई परिणाम का संशोधन { $number } है। यह निष्कर्षों के बारे में कुछ नहीं कहता; { $time } का परिणाम अब भी मान्य है।

technique-images = { $count ->
    [one] { $count } चित्र का विश्लेषण किया गया।
   *[other] { $count } चित्रों का विश्लेषण किया गया।
}
technique-views = प्रक्षेप: { $views }।
technique-thickness = स्लाइस की मोटाई: { $thickness } मिमी।
technique-series = विश्लेषित शृंखला: { $numbers }।
technique-kernel = कन्वॉल्यूशन कर्नेल: { $kernel }।
technique-left-out = { $count ->
    [one] { $count } अन्य शृंखला का विश्लेषण नहीं हुआ: { $reasons }।
   *[other] { $count } अन्य शृंखलाओं का विश्लेषण नहीं हुआ: { $reasons }।
}
technique-part-left-out = प्राप्त चित्रों के कुछ भाग का विश्लेषण नहीं हुआ: { $reasons }।
left-out-localizer = लोकलाइज़र
left-out-derived = व्युत्पन्न चित्र
left-out-not-hu = मान हाउंसफ़ील्ड इकाइयों में नहीं
left-out-orientation = स्लाइस की दूसरी दिशा
left-out-geometry = स्लाइस जिनसे आयतन नहीं बनता
left-out-incomplete = कम स्लाइस या कम आवरण
left-out-contrast = कंट्रास्ट का दूसरा चरण
left-out-kernel = दूसरा कर्नेल
left-out-thickness = स्लाइस की दूसरी मोटाई
left-out-repeated = दोहराए गए चित्र
left-out-other-kind = दूसरे प्रकार के चित्र
technique-model = एआई मॉडल { $model } { $version } द्वारा विश्लेषित।

comparison-compared = { $date } की पिछली जाँच से तुलना की गई।
comparison-undated = बिना तारीख वाली पिछली जाँच से तुलना की गई।
comparison-verified = पिछले निष्कर्ष चिकित्सक द्वारा सत्यापित रिपोर्ट से लिए गए हैं।
comparison-unverified = पिछले निष्कर्ष असत्यापित एआई परिणाम से लिए गए हैं।
comparison-still_absent = तब और अब, दोनों में { $alternatives } के कोई संकेत नहीं।
comparison-none_found = तुलना के लिए कोई पिछली जाँच नहीं मिली।
comparison-not_looked_for = पिछली जाँच नहीं खोजी गई।
comparison-unreachable = पिछली जाँच नहीं खोजी जा सकी: अभिलेखागार ने उत्तर नहीं दिया।

about = लगभग { $percent }
estimate = प्रायिकता { $probability }
estimate-interval = प्रायिकता { $probability }, { $level } अंतराल { $low } से { $high }
claim-suggested = निष्कर्ष { $finding } के अनुरूप{ $qualifiers }।
claim-denied = { $finding } के कोई संकेत नहीं।
claim-denied-list = { $alternatives } के कोई संकेत नहीं।
claim-doubted = { $finding } हो { $gender ->
    [feminine] सकती
   *[other] सकता
} है{ $qualifiers }।
claim-open = { $finding }: अनिर्धारित।
qualifiers = {" "}({ $list })
uncoded = [{ $language } में]
translated = [मशीनी अनुवाद]
truncated = प्रारूप पाठ अपनी अधिकतम लंबाई तक पहुँचकर कट गया।
reworded = { $count ->
    [one] { $count } प्रारूप वाक्य, जो क्लासिफ़ायर से मेल नहीं खाता था, फिर से लिखा गया।
   *[other] { $count } प्रारूप वाक्य, जो क्लासिफ़ायर से मेल नहीं खाते थे, फिर से लिखे गए।
}
withheld = { $count ->
    [one] { $count } प्रारूप वाक्य, जो क्लासिफ़ायर से मेल नहीं खाता था, रोक दिया गया।
   *[other] { $count } प्रारूप वाक्य, जो क्लासिफ़ायर से मेल नहीं खाते थे, रोक दिए गए।
}

suspected = { $finding } का संदेह ({ $estimate })।
suspected-undetermined = { $finding } का संदेह, पर निश्चित नहीं ({ $estimate })।
undetermined = { $finding } की न पुष्टि की जा सकती है, न उसे नकारा जा सकता है ({ $estimate })।
nothing-found = जाँचे गए निष्कर्षों में से कोई नहीं मिला; इससे रोग की संभावना समाप्त नहीं होती।
nothing-certain = जाँचे गए निष्कर्षों में से किसी का संदेह नहीं है, पर कुछ को नकारा नहीं जा सकता।
cannot-exclude = इन चित्रों से किसी निष्कर्ष को नकारा नहीं जा सकता: { $reasons }।
change-new = { $finding }: पिछली जाँच के बाद { $gender ->
    [feminine] नई
   *[other] नया
}।
change-increased = { $finding }: पिछली जाँच की तुलना में बढ़ोतरी।
change-unchanged = { $finding }: पिछली जाँच की तुलना में कोई बदलाव नहीं।
change-decreased = { $finding }: पिछली जाँच की तुलना में कमी।
change-resolved = { $finding }: पिछली जाँच की तुलना में अब नहीं { $gender ->
    [feminine] दिखती
   *[other] दिखता
}।
change-unknown = { $finding }: पिछली जाँच की तुलना में बदलाव नहीं बताया जा सकता, क्योंकि { $reason }।
change-why-undetermined_now = इस जाँच में निष्कर्ष निश्चित नहीं है
change-why-undetermined_then = पिछली जाँच में यह निष्कर्ष निश्चित नहीं था
change-why-not_judged_then = पिछले परिणामों में इसका उल्लेख नहीं है
change-why-other_view = प्रक्षेप अलग-अलग हैं
change-why-not_measured = दोनों जाँचों में इसका आकार ज्ञात नहीं है
review = इस एआई परिणाम की चिकित्सक द्वारा समीक्षा का अनुरोध है: { $reasons }।
review-undetermined = कुछ निष्कर्षों की न पुष्टि हो सकी, न उन्हें नकारा जा सका
review-disagreement = प्रारूप पाठ और क्लासिफ़ायर या कई मॉडल असहमत हैं
review-out_of_distribution = चित्र मॉडल के प्रशिक्षण के चित्रों से भिन्न हैं
review-quality = चित्र की गुणवत्ता सीमित है
review-incomplete = जाँच अधूरी है

not-read-not_applicable = एआई ने इस जाँच का विश्लेषण नहीं किया: कोई मॉडल लागू नहीं होता।
not-read-could_not_run = एआई ने इस जाँच का विश्लेषण नहीं किया: विश्लेषण नहीं चल सका।
not-read-not_judged = एआई ने इस जाँच का मूल्यांकन नहीं किया: { $reasons }।
no-statement = इस जाँच के बारे में कुछ नहीं कहा जाता।
details = विवरण (अंग्रेज़ी में): { $reason }

recommend-emergent = चिकित्सक द्वारा तत्काल समीक्षा का सुझाव है (आपात, मिनटों में)।
recommend-urgent = चिकित्सक द्वारा शीघ्र समीक्षा का सुझाव है (अत्यावश्यक, घंटों में)।
recommend-non_critical = चिकित्सक द्वारा सामान्य क्रम में समीक्षा का सुझाव है; आगे निगरानी की आवश्यकता हो सकती है।
recommend-non_actionable = चिकित्सक द्वारा सामान्य क्रम में समीक्षा; एआई प्राथमिकता बदलने का सुझाव नहीं देता।
recommend-undecided = चिकित्सक द्वारा समीक्षा आवश्यक है; एआई परिणाम इतना निश्चित नहीं है कि प्राथमिकता सुझाई जा सके।
recommend-hemorrhage = पुष्टि होने पर: उपचार दल को तुरंत सूचित करें और न्यूरोसर्जरी परामर्श पर विचार करें।
recommend-pulmonary_embolism = पुष्टि होने पर: उपचार दल को तुरंत सूचित करें; दाएँ हृदय पर दबाव का आकलन करें।
recommend-pneumothorax = पुष्टि होने पर: उपचार दल को तुरंत सूचित करें; टेंशन न्यूमोथोरैक्स के संकेत देखें।
recommend-pneumonia = पुष्टि होने पर: नैदानिक लक्षणों से मिलान करें; स्थानीय दिशानिर्देशों के अनुसार निगरानी करें।
recommend-read_without = इस जाँच की रिपोर्ट सामान्य रूप से, एआई की सहायता के बिना करें।

judged = केवल इनका मूल्यांकन हुआ: { $findings }।
judged-nothing = किसी का मूल्यांकन नहीं हुआ।
not-judged-images = { $count ->
    [one] { $total } में से { $count } चित्र का मूल्यांकन नहीं हुआ, क्योंकि वह मॉडल के प्रशिक्षण के चित्रों से भिन्न है।
   *[other] { $total } में से { $count } चित्रों का मूल्यांकन नहीं हुआ, क्योंकि वे मॉडल के प्रशिक्षण के चित्रों से भिन्न हैं।
}
missing-images = { $count ->
    [one] प्राप्त स्लाइसों के बीच { $count } स्लाइस अनुपस्थित है।
   *[other] प्राप्त स्लाइसों के बीच { $count } स्लाइस अनुपस्थित हैं।
}
quality-limited = चित्र की गुणवत्ता सीमित है: { $faults }।
fault-blurred = धुंधलापन
fault-under_exposed = कम एक्सपोज़र
fault-over_exposed = अधिक एक्सपोज़र
fault-noisy = शोर
fault-blank = लगभग खाली चित्र
not-excluded = जिन निष्कर्षों का यहाँ उल्लेख नहीं है, उनकी संभावना समाप्त नहीं होती।
untranslated = इस भाषा में इनका नाम ज्ञात नहीं है: { $names }।
