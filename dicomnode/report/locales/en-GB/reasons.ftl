reason-blank = The image is almost blank: its grey values hardly differ.
reason-narrow = An image of { NUMBER($rows, useGrouping: 0) } x { NUMBER($columns, useGrouping: 0) } pixels is too narrow to analyse.
reason-uniform = The image is a single shade of grey; there is nothing to analyse.
reason-coloured = Image { $uid } is a colour image; a CT must be greyscale.
reason-patients = Images of { $patients } patients share this Study Instance UID; none of this patient's images was analysed. The study must be corrected and sent again.
reason-patients_differ = Images of { $patients } patients share this Study Instance UID (conflict in { $elements }); none of this patient's images was analysed. The study must be corrected and sent again.
