"""A foreign ONNX graph while it is changed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, parser


@dataclass(slots=True)
class Surgery:
    """A graph under the knife."""

    model: onnx.ModelProto
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    """To come after the graph's own."""

    def constant(self, name: str, value: Any) -> str:
        """Add an initializer."""
        self.model.graph.initializer.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, *lines: str, **names: str) -> None:
        """Append nodes as `parsed` reads them."""
        self.nodes += [parsed(line, **names) for line in lines]

    def producer(self, name: str) -> onnx.NodeProto | None:
        """The node that makes a value, seen through Identity."""
        for node in self.model.graph.node:
            if name in node.output:
                return self.producer(node.input[0]) if node.op_type == "Identity" else node
        return None


def parsed(line: str, **names: str) -> onnx.NodeProto:
    """A node in ONNX's text form, whose inputs are then called as `names` says: foreign names do not fit that form."""
    node = parser.parse_node(line)
    node.input[:] = [names.get(name, name) for name in node.input]
    return node
