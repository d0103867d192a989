"""all-MiniLM-L6-v2 as an ONNX graph over the safetensors' own weights, pooling and norm included.

The graph itself is 5 kB and made in memory in 0.1 s; the weights are handed to the session beside
it, so no second 90 MB file has to be cached, checked and kept in step with the first. The operators
of onnxruntime's own domain are the fused ones that its optimiser would find
(https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

if TYPE_CHECKING:
    from bictl.clients.weights import Floats, Weights

INPUTS = ("ids", "segments", "mask")  # int32 [batch, tokens]
OUTPUT = "embedding"  # float32 [batch, 384], L2-normalised
_FUSED = "com.microsoft"
_LAYERS, _HEADS, _EPSILON = 6, 12, 1e-12


class Graph:
    """The serialised model and the weights it refers to."""

    def __init__(self, weights: "Weights", *, dimension: int) -> None:
        self._source = weights
        self._nodes: list[Any] = []
        self.weights: dict[str, Floats] = {}
        hidden = self._embed()
        for layer in range(_LAYERS):
            hidden = self._layer(hidden, f"encoder.layer.{layer}.")
        self._pool(hidden)
        self.model: bytes = self._serialise(dimension)

    def _embed(self) -> str:
        at = "embeddings."
        names = ("word_embeddings", "position_embeddings", "token_type_embeddings")
        tables = [self._copy(f"{at}{name}.weight") for name in names]
        norm = self._norm(f"{at}LayerNorm")
        inputs = ["ids", "segments", *tables, *norm, "mask"]
        self._node("EmbedLayerNormalization", inputs, ["embedded", "lengths"], epsilon=_EPSILON)
        return "embedded"

    def _layer(self, hidden: str, at: str) -> str:
        attended = self._attend(hidden, f"{at}attention.self.")
        hidden = self._add_and_norm(attended, hidden, f"{at}attention.output.")
        inner = self._matmul(hidden, f"{at}intermediate.dense")
        inner = self._node(
            "BiasGelu", [inner, self._copy(f"{at}intermediate.dense.bias")], [f"{at}gelu"]
        )
        return self._add_and_norm(inner, hidden, f"{at}output.")

    def _attend(self, hidden: str, at: str) -> str:
        parts = [at + part for part in ("query", "key", "value")]
        weight = self._put(
            f"{at}weight", np.concatenate([self._source[f"{p}.weight"].T for p in parts], axis=1)
        )
        bias = self._put(f"{at}bias", np.concatenate([self._source[f"{p}.bias"] for p in parts]))
        return self._node(
            "Attention", [hidden, weight, bias, "lengths"], [f"{at}out"], num_heads=_HEADS
        )

    def _add_and_norm(self, inner: str, hidden: str, at: str) -> str:
        inputs = [self._matmul(inner, f"{at}dense"), hidden, *self._norm(f"{at}LayerNorm")]
        inputs.append(self._copy(f"{at}dense.bias"))
        return self._node("SkipLayerNormalization", inputs, [f"{at}normed"], epsilon=_EPSILON)

    def _pool(self, hidden: str) -> None:
        """The sum over a text's tokens; a mean's divisor falls away in the norm."""
        axis = helper.make_tensor("axis", TensorProto.INT64, [1], [1])
        self._nodes.append(helper.make_node("Constant", [], ["axis"], value=axis))
        self._plain("Cast", ["mask"], "mask_float", to=TensorProto.FLOAT)
        self._plain("Unsqueeze", ["mask_float", "axis"], "mask_rows")
        self._plain("MatMul", ["mask_rows", hidden], "sums")
        self._plain("Squeeze", ["sums", "axis"], "pooled")
        self._plain("LpNormalization", ["pooled"], OUTPUT, axis=-1, p=2)

    def _matmul(self, hidden: str, name: str) -> str:
        weight = self._put(f"{name}.weight", self._source[f"{name}.weight"].T)
        return self._plain("MatMul", [hidden, weight], f"{name}.product")

    def _norm(self, name: str) -> list[str]:
        return [self._copy(f"{name}.weight"), self._copy(f"{name}.bias")]

    def _node(
        self, kind: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: float
    ) -> str:
        self._nodes.append(helper.make_node(kind, inputs, outputs, domain=_FUSED, **attributes))
        return outputs[0]

    def _plain(self, kind: str, inputs: Sequence[str], output: str, **attributes: int) -> str:
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def _copy(self, name: str) -> str:
        return self._put(name, self._source[name])

    def _put(self, name: str, tensor: "Floats") -> str:
        self.weights[name] = np.ascontiguousarray(tensor)
        return name

    def _serialise(self, dimension: int) -> bytes:
        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT32, ["batch", "tokens"])
            for name in INPUTS
        ]
        output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", dimension])
        outside = [_outside(name, tensor.shape) for name, tensor in self.weights.items()]
        graph = helper.make_graph(
            self._nodes, "all-MiniLM-L6-v2", inputs, [output], initializer=outside
        )
        operators = [helper.make_opsetid("", 17), helper.make_opsetid(_FUSED, 1)]
        model = helper.make_model(graph, opset_imports=operators, ir_version=8)
        return bytes(model.SerializeToString())


def _outside(name: str, shape: tuple[int, ...]) -> Any:
    """A weight that the session gets beside the graph; the location is never opened."""
    tensor = onnx.TensorProto(
        name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value="given-to-the-session")
    return tensor
