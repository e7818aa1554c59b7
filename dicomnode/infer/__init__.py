"""Model bundles, and reading a study with them.

Does: check and load a bundle, prepare pixels as its recipe asks, run encoder, prompter and decoder with ONNX Runtime.
Does not: explain, word reports, see the database, load a training library.

To bring a model, export it to the contract in `manifest` (bundle.toml) and `sessions` (the three graphs);
`bundle.check_bundle` gives every reason why a folder is not a bundle. To read a new kind of image, write
`infer/<kind>.py` with one function `prepare_<kind>` and add one line to `prepare._KINDS`.
"""
