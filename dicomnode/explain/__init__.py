"""Where the model looked: heat maps, one file for each method, and the regions in them.

Does: turn what the model gave out into weights on the frame as stored, [0, 1], on a scale that is the
same for every image.
Does not: run the model, decide what is present, draw.

To add a method: write `explain/<name>.py` with one function decorated by `@explainer("<name>")` and name
the module in the import below; the contract test runs every registered method.
"""

from dicomnode.explain import class_activation
from dicomnode.explain.regions import outline
from dicomnode.explain.registry import explain, explainer, methods

__all__ = ["class_activation", "explain", "explainer", "methods", "outline"]
