"""Models trained elsewhere, in the places of a bundle.

Does: open local Hugging Face checkpoints and ONNX classifiers, give them the contract's inputs and outputs, pack them.
Does not: download anything, run code that comes with a checkpoint.
"""
