"""The generated parts of the manuals: `python -m docs.generate` writes them, `make docs` calls it.

Does: fills the blocks of docs/*.md that stand between markers, from the settings classes, the commands, the shipped
bundles and the tables of the DICOM doors. Does not: write prose, or touch a file without a marker.

To add a block: write a function that returns Markdown, and name it in `blocks.BLOCKS`.
"""
