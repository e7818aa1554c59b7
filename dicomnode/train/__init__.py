"""From labelled radiographs to a model bundle (extra `train`).

Does: read a folder of tar files and labels, train an image encoder and a language decoder, export both to
INT8 ONNX, calibrate on the validation split, measure the finished bundle once on the test split, write its card.
Does not: serve, read DICOM, keep any image, choose anything by the test split.

To train another bundle: write a recipe like `conf/train/cxr.toml`; findings, their codes and their sentences
stand there. Nothing here changes.
"""
